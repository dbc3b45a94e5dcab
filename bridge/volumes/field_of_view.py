"""What of a volume was seen: reconstructions fill the rest with NaN or one constant."""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from cc3d import connected_components
from particlebridge.analysis._shared.wording import ranges

from .._shared.progress import notice
from .images import Image
from .seen_masks import extruded, kept, mask_of_file, packed_mask
from .shared_mask import SharedMask, same_in_all
from .stored_arrays import AnyArray, array_digest, filled, planes

AUTO, NONE = "auto", "none"

_SAMPLE = 16
"""Slices from which the typical grey is taken."""


@dataclass(frozen=True)
class FieldOfView:
    """What of a volume was seen.

    Attributes
    ----------
    seen
        (Z, Y, X) bool, True inside; None where everything was seen.
    mask
        The part of `seen` outside which finite grey values stand that mean nothing; None where
        only NaN lies outside.
    fill
        Grey value that stands in for what was not seen: the median of what was. None where there
        is nothing to fill.
    facts
        What run.json records: ``from``, and where something was masked ``masked`` (in words),
        ``share`` of the voxels, ``what`` it is if no field of view, and ``blank_slices`` that are
        not masked.
    """

    seen: AnyArray | None = None
    mask: AnyArray | None = None
    fill: float | None = None
    facts: dict[str, Any] = field(default_factory=lambda: {"from": AUTO})

    @property
    def key(self) -> dict[str, Any] | None:
        """What results depend on beyond the volume itself; None for what it decides by itself."""
        is_plain = self.facts["from"] == AUTO and self.mask is None
        facts = {name: fact for name, fact in self.facts.items() if name != "blank_slices"}
        return None if is_plain else facts

    @property
    def says(self) -> str | None:
        """What a person should know of it."""
        if "masked" not in self.facts:
            return None
        share, masked = self.facts["share"], self.facts["masked"]
        if not share:
            return f"field of view: {masked} masks nothing: it is 0 nowhere"
        amount = f"{100 * share:.1f} %" if share >= 0.0005 else "less than 0.1 %"
        what = self.facts.get("what", "field of view")
        return f"{what}: {amount} of the voxels are masked, {masked}"


def find_field_of_view(
    volume: AnyArray, source: Path | str = "volume", choice: str | os.PathLike[str] = AUTO
) -> FieldOfView:
    """Find the voxels that were really measured.

    Reconstructions hold NaN (float) or one constant outside their field of view. NaN was never
    measured, wherever it lies. A constant is taken for the outside only if it is the same in all
    slices (across Z, Y or X) outside one disc or other convex shape; background that is clipped
    to a constant between particles is background. A microscope's data bar, the same lowest rows in
    the slices, is masked as such. Planes are looked at one by one, so no copy of the volume is
    made. What is masked is said in the log.

    Parameters
    ----------
    volume
        (Z, Y, X) grey values.
    source
        Name for error messages.
    choice
        ``auto``; ``none``: everything was seen; or a file with a mask, non-zero inside: a volume
        of the same shape or an image of one slice.

    Returns
    -------
    FieldOfView

    Raises
    ------
    FileNotFoundError, ValueError
        If NaN or infinite values lie inside the field of view, nothing is finite, or the mask is
        not one of this volume.
    """
    if choice == NONE:
        _check_finite(volume, None, source, "--field-of-view none takes all voxels as seen")
        return FieldOfView(facts={"from": NONE})
    view = _automatic(volume, source) if choice == AUTO else _of_file(volume, source, Path(choice))
    if view.says:
        notice(f"{source}: {view.says}")
    if blank := view.facts.get("blank_slices"):
        named = f"slice {blank[0]} is" if len(blank) == 1 else f"slices {ranges(blank)} are"
        notice(f"{source}: {named} blank, of one grey value throughout: no particle is found there")
    return view


def _automatic(volume: AnyArray, source: Path | str) -> FieldOfView:
    """Take for the outside what is NaN, and what `SharedMask` finds."""
    shared = SharedMask(tuple(volume.shape))
    is_float = volume.dtype.kind == "f"
    finite = packed_mask(volume) if is_float else None
    missing, present = 0, np.zeros(len(volume), bool)
    for z, plane in enumerate(planes(volume)):
        if finite is not None:
            inside = _finite(plane, z, source)
            present[z] = inside.any()
            missing += inside.size - int(np.count_nonzero(inside))
            finite[z] = inside
        shared.look_for_bar(z, plane)
        if shared.is_open and (finite is None or present[z]):
            shared.add(z, plane)
        elif finite is None:
            break
    if finite is not None:
        _check_missing_slices(present, source)
    return _found(volume, source, shared, finite if missing else None, missing)


def fill_outside(volume: np.ndarray, view: FieldOfView) -> np.ndarray:
    """Replace what lies outside the field of view by the median of what was seen.

    Parameters
    ----------
    volume
        (Z, Y, X).
    view
        Of this volume.

    Returns
    -------
    ndarray
        The same array where there is nothing to fill, else a filled copy.
    """
    if view.fill is None:
        return volume
    result = np.empty(volume.shape, volume.dtype)
    for z in range(len(volume)):
        result[z] = filled(volume[z], view.fill, None if view.mask is None else view.mask[z])
    return result


def fill_image(image: Image, choice: str | os.PathLike[str] = AUTO) -> np.ndarray:
    """Give an image's pixels, those outside its field of view replaced by its median inside.

    Parameters
    ----------
    image
        Grey or in colour; only of a grey one is a field of view looked for.
    choice
        As in `find_field_of_view`.

    Returns
    -------
    ndarray
        (H, W) or (H, W, C).
    """
    if image.data.ndim != 2:
        if choice not in (AUTO, NONE):
            raise ValueError(f"{image.source}: is in colour; a field of view masks grey images")
        return image.sample
    # A file's mask is as large as the image, the data bar included.
    pixels = image.sample if choice in (AUTO, NONE) else image.data
    seen = find_field_of_view(pixels[None], image.source, choice)
    return fill_outside(pixels[None], seen)[0][: len(image.sample)]


def _found(
    volume: AnyArray, source: Path | str, shared: SharedMask, finite: Any, missing: int
) -> FieldOfView:
    """Put together what the planes showed."""
    same, masked = same_in_all(volume, shared), []
    if finite is not None:
        masked.append("NaN")
    if same is None and finite is None:
        return FieldOfView()
    mask = seen = None
    hidden = float(missing)
    if finite is not None:
        seen = kept(finite, volume, source)
    if same is not None:
        axis, inside, words, what = same
        mask = extruded(inside, axis, volume.shape, source)
        masked.append(words)
        hidden = (1 - float(inside.mean())) * np.prod(volume.shape)
        if finite is not None:
            hidden = 0.0
            for z in range(len(volume)):
                finite[z] = plane = finite[z] & mask[z]
                hidden += plane.size - np.count_nonzero(plane)
        else:
            seen = mask
    facts: dict[str, Any] = {
        "from": AUTO,
        "masked": "; ".join(masked),
        "share": round(float(hidden / np.prod(volume.shape)), 4),
    }
    if same is not None:
        facts |= {"what": what} if what else {}
        blank = shared.blank(axis, inside)
        facts |= {"blank_slices": blank} if blank else {}
    return FieldOfView(seen, mask, _typical(volume, mask), facts)


def _of_file(volume: AnyArray, source: Path | str, file: Path) -> FieldOfView:
    mask = mask_of_file(file, volume.shape, source)
    hidden = mask.size - sum(np.count_nonzero(plane) for plane in planes(mask))
    share = hidden / mask.size
    if hidden == mask.size:
        raise ValueError(f"{file}: is 0 everywhere; the field of view is where it is not 0")
    _check_finite(volume, mask, source, f"{file} takes them as seen")
    facts = {
        "from": file,
        "digest": array_digest(mask),
        "masked": f"as {file.name} says" if hidden else file.name,
        "share": round(share, 4) or share,
    }
    return FieldOfView(mask, mask, _typical(volume, mask), facts)


def _typical(volume: AnyArray, mask: AnyArray | None) -> float:
    """Give the median of what was seen, from a few slices."""
    values = []
    for z in range(0, len(volume), max(1, len(volume) // _SAMPLE)):
        plane = np.asarray(volume[z])
        inside = plane.ravel() if mask is None else plane[np.asarray(mask[z], bool)]
        values.append(inside[np.isfinite(inside)])
    every = np.concatenate(values)
    if not every.size:
        return 0.0
    return float(np.median(every))


def _check_finite(volume: AnyArray, mask: AnyArray | None, source: Path | str, why: str) -> None:
    if volume.dtype.kind != "f":
        return
    for z, plane in enumerate(planes(volume)):
        bad = ~np.isfinite(plane)
        if mask is not None and bad.any():
            bad &= np.asarray(mask[z], bool)
        if bad.any():
            raise ValueError(
                f"{source}: slice {z} holds NaN or infinite values, and {why}; fill or crop them "
                "first, or leave --field-of-view at auto"
            )


def _finite(plane: np.ndarray, z: int, source: Path | str) -> np.ndarray:
    finite = np.isfinite(plane)
    if finite.all():
        return finite
    holes = connected_components(~finite, connectivity=4)
    edge = np.unique(np.concatenate([holes[0], holes[-1], holes[:, 0], holes[:, -1]]))
    inside = holes.max() > np.count_nonzero(edge)
    if inside or np.isinf(plane).any() or connected_components(finite, connectivity=8).max() > 1:
        raise ValueError(
            f"{source}: slice {z} holds NaN or infinite values inside the field of view; "
            "fill or crop them first (NaN is accepted only outside it)"
        )
    return finite


def _check_missing_slices(measured: np.ndarray, source: Path | str) -> None:
    present = np.flatnonzero(measured)
    if present.size == 0:
        raise ValueError(f"{source}: holds no finite value")
    gaps = np.setdiff1d(np.arange(present[0], present[-1] + 1), present)
    if gaps.size:
        raise ValueError(
            f"{source}: slice {gaps[0]} is all NaN between measured slices; "
            "replace it or cut the volume there"
        )
