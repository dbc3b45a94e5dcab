"""What a run needs, imported before it is forked; nothing here starts a thread."""

import fontTools.subset  # noqa: F401
import matplotlib.backends.backend_pdf
import matplotlib.pyplot  # noqa: F401
import numcodecs.zstd  # noqa: F401
import zarr.codecs.numcodecs  # noqa: F401
from particlebridge.analysis import explain, fuse, measure, write_report  # noqa: F401
from particlebridge.bridge import run  # noqa: F401
from particlebridge.exporter import load_model, write_rois  # noqa: F401
from particlebridge.exporter.tensorflow_import import import_tensorflow

import_tensorflow()

import stardist.models  # noqa: E402, F401
