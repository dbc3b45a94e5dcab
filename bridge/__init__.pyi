from .engine import Engine as Engine
from .engine import Failure as Failure
from .engine import Settings as Settings
from .python_engine import PythonEngine as PythonEngine
