from . import analysis as analysis
from . import bridge as bridge
from . import exporter as exporter
from . import fiji_macros as fiji_macros
from .analysis import explain as explain
from .analysis import fuse as fuse
from .analysis import measure as measure
from .bridge import explain_files as explain_files
from .bridge import fuse_folder as fuse_folder
from .bridge import measure_files as measure_files
from .bridge import read_labels as read_labels
from .bridge import read_volume as read_volume
from .bridge import run as run
from .bridge import segment as segment
from .exporter import export as export
from .exporter import train as train

__version__: str
