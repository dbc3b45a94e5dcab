from .imagej_rois import write_rois as write_rois
from .model_record import ModelRecord as ModelRecord
from .model_record import Thresholds as Thresholds
from .store import Network as Network
from .store import load_model as load_model
