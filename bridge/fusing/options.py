"""Which method fuses the views, and the settings that it alone has."""

from dataclasses import dataclass
from typing import Any

from particlebridge.analysis.fusion.methods import Method


@dataclass(frozen=True)
class FuseOptions:
    """How the views become particles.

    Attributes
    ----------
    method
        ``consensus``, the default, ``flow`` or ``paper`` (`analysis.fuse`).
    downscale
        Scale at which method paper works, above 0 and up to 1 (default: 0.25, as published).
    min_voxels
        Smallest particle of method paper, voxels at that scale (default: 2001, as published): fit
        it to the particles.

    Raises
    ------
    ValueError
        If a setting is out of range, or the method has no such setting.

    Examples
    --------
    >>> from particlebridge.bridge import FuseOptions
    >>> FuseOptions("paper", downscale=0.5).given()
    {'method': 'paper', 'downscale': 0.5}
    """

    method: Method = "consensus"
    downscale: float | None = None
    min_voxels: int | None = None

    def __post_init__(self) -> None:
        given = [name for name in self.given() if name != "method"]
        if given and self.method != "paper":
            raise ValueError(
                f"{' and '.join(given)}: settings of method paper; "
                f"method {self.method} finds its scale by itself"
            )
        if self.downscale is not None and not 0 < self.downscale <= 1:
            raise ValueError(f"downscale lies above 0 and up to 1, not at {self.downscale:g}")
        if self.min_voxels is not None and self.min_voxels < 1:
            raise ValueError(f"min_voxels is at least 1, not {self.min_voxels}")

    def given(self) -> dict[str, Any]:
        """Name the method, and what else is not left to the default: keywords of `fuse`."""
        return {name: value for name, value in vars(self).items() if value is not None}
