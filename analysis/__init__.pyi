from .files import atomic_path as atomic_path
from .views import VIEWS as VIEWS
from .views import from_view as from_view
from .views import to_view as to_view
