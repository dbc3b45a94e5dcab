"""Annotations, training, the model store, TF1 bundles for Fiji, and proof on the real runtimes.

Names load lazily: importing this package imports neither TensorFlow nor the JVM.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
