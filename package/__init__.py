"""Particlebridge: train StarDist, segment the views of a volume, fuse, measure, explain damage.

Names load lazily: importing this package imports neither TensorFlow nor the JVM.
What is guessed, dropped or assumed is logged as a warning to the logger ``particlebridge``, what
is being done as information: ``logging.getLogger("particlebridge").setLevel("ERROR")`` silences it.

Examples
--------
>>> import particlebridge as pb
>>> report = pb.run(["scan.tif"], "results", voxel_size=(0.07, 0.07, 0.07))  # doctest: +SKIP
"""

from importlib.metadata import version as _version

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

__version__ = _version("particlebridge")
