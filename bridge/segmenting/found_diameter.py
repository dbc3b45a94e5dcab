"""Whether the particles that were found are as wide as they were taken for."""

from collections.abc import Mapping

from particlebridge.analysis._shared.views import View
from particlebridge.exporter import Network

from .._shared.progress import notice
from ..runs.run_folder import RunFolder
from ..runs.sections import found_section
from ..runs.view_folder import ViewFolder
from ..volumes.voxel_size import Spacing

_NARROW, _WIDE = 0.6, 1.25
"""Outlines narrower or wider than these multiples of what particles were taken for are a warning.
(Measured: 0.81 to 1.06 where the diameter given was true; 0.54 where it was twice the true one, 1.3
to 1.4 where it was half of it, which costs most.)"""


def check_found(
    folders: Mapping[View, ViewFolder],
    network: Network,
    used: float | None,
    spacing: Spacing,
    run: RunFolder,
) -> None:
    """Compare the typical diameter of what was found with the one that set the scale.

    Parameters
    ----------
    folders
        Finished views that `network` segmented.
    network
        The model.
    used
        The diameter that it was given, in voxels of the smallest side; None: no scale was set.
    spacing
        Sides of a voxel (z, y, x).
    run
        Its run.json records both; a warning tells them where they are far apart.
    """
    if used is None or network.diameter is None:
        return
    finest = min(spacing)
    view, folder = next(iter(folders.items()))
    z, y, x = (side / finest for side in spacing)
    record_found(found_section(folder.open("labels"), view, (z, y, x)), network, used, run)


def record_found(found: float | None, network: Network, used: float, run: RunFolder) -> None:
    """Note the diameter found, in the unit of `used`, and warn where it is another."""
    sizes = {"used": used, "found": None if found is None else round(found, 2)}
    held = run.record.get("found_diameter", {})
    run.describe(found_diameter={**held, network.digest: sizes})
    if found is not None and not _NARROW <= found / used <= _WIDE:
        notice(
            f"warning: particles were taken for {used:.3g} pixels wide, and the outlines found are "
            f"typically {found:.3g}; look at them, and if they are right, run again with "
            f"--diameter {found:.3g} into another folder"
        )
