"""How volumes and images are read."""

import os
from dataclasses import dataclass

from .field_of_view import AUTO
from .voxel_size import Spacing


@dataclass(frozen=True)
class ReadOptions:
    """How volumes and images are read.

    Attributes
    ----------
    voxel_size
        (z, y, x) in micrometres; wins over the file's own, which is the default. Of images y and
        x count.
    field_of_view
        What was seen. ``auto``, the default: all but NaN, and all but one constant outside a
        convex shape that all slices share; ``none``: all; or a file with a mask (non-zero: seen),
        as large as the volume or one of its slices.
    invert
        Invert the grey values as they are read: for particles darker than what is around them.

    Examples
    --------
    >>> from particlebridge.bridge import ReadOptions
    >>> ReadOptions(voxel_size=(0.1, 0.07, 0.07)).field_of_view
    'auto'
    """

    voxel_size: Spacing | None = None
    field_of_view: str | os.PathLike[str] = AUTO
    invert: bool = False
