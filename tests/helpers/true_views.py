"""A run folder whose views are the sections of true particles: what fusing begins with."""

from pathlib import Path

from particlebridge.analysis import Electrode, electrode, to_view
from particlebridge.bridge.volumes.writing import write_labels


def write_true_views(folder: Path) -> Electrode:
    """Write the labels of the three views; gives the electrode that they are of."""
    made = electrode((16, 40, 44), seed=3, radius=(4, 7))
    for view in ("xy", "xz", "yz"):
        target = folder / "views" / view / "labels.tif"
        target.parent.mkdir(parents=True)
        write_labels(target, to_view(made.labels, view), made.spacing)
    return made
