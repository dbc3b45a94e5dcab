"""What a run needs, imported before it is forked; nothing here starts a thread."""

import matplotlib.pyplot  # noqa: F401
from particlebridge.analysis import electrode, explain, fuse, measure, write_report  # noqa: F401
from particlebridge.exporter import load_model, write_rois  # noqa: F401
from particlebridge.exporter.tensorflow_import import import_tensorflow

import_tensorflow()

import stardist.models  # noqa: E402, F401
