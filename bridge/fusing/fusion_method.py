"""Which method fuses the views, and the settings that it alone has."""

from typing import Any

from particlebridge.analysis.fusion.methods import Method


def fusion_method(
    method: Method, downscale: float | None = None, min_voxels: int | None = None
) -> dict[str, Any]:
    """Check a method's settings before any work is done.

    Parameters
    ----------
    method
        ``consensus``, ``flow`` or ``paper``.
    downscale, min_voxels
        Of method paper; None: as published (`analysis.fuse`).

    Returns
    -------
    dict
        Keywords of `analysis.fuse`; what was not given is left out.

    Raises
    ------
    ValueError
        If a setting is out of range, or the method has no such setting.
    """
    scale = {"downscale": downscale, "min_voxels": min_voxels}
    given = {name: value for name, value in scale.items() if value is not None}
    if given and method != "paper":
        raise ValueError(
            f"{' and '.join(given)}: settings of method paper; "
            f"method {method} finds its scale by itself"
        )
    if downscale is not None and not 0 < downscale <= 1:
        raise ValueError(f"downscale lies above 0 and up to 1, not at {downscale:g}")
    if min_voxels is not None and min_voxels < 1:
        raise ValueError(f"min_voxels is at least 1, not {min_voxels}")
    return {"method": method, **given}
