"""What `segment` hands back: where it wrote."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Segmented:
    """What a segmentation wrote.

    Attributes
    ----------
    folder
        The folder for the results.
    labels
        The label files: by the view's name (``xy``) of a volume, by the file's name (``a.tif``)
        of images; of a 3-D model the only one, by the volume's file name. The other results lie
        beside each.
    """

    folder: Path
    labels: Mapping[str, Path]
