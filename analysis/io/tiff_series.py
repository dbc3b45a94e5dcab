"""Which pages of a TIFF are its image or volume, and which are previews or something else."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from .errors import reraise_with_path

_PLAIN = ("shaped", "generic", "uniform")
"""Series that are mere pages; of the others a description (OME, say) tells what they are."""

_MOST_CHANNELS = 7
"""ImageJ shows no more in one image."""


@dataclass(frozen=True)
class TiffImage:
    """What a TIFF is about.

    Attributes
    ----------
    series
        All slices of its volume, or its only image.
    axes
        A letter for each axis of the series, as tifffile gives them; Z where channels are slices.
    notes
        Sentences that name the file: what was left out or assumed.
    """

    series: tifffile.TiffPageSeries
    axes: str
    notes: tuple[str, ...]


def main_image(tif: tifffile.TiffFile, path: Path) -> TiffImage:
    """Choose what an opened TIFF is about; pages that belong together become one series.

    Parameters
    ----------
    tif
        Opened by `opened_tiff`.
    path
        Its file, for messages.

    Returns
    -------
    TiffImage

    Raises
    ------
    ValueError
        If the file holds images that are no slices of one volume.
    """
    with reraise_with_path(path, "cannot be read as TIFF", "export it again"):
        return _main_image(tif, path)


def _main_image(tif: tifffile.TiffFile, path: Path) -> TiffImage:
    every = [group for series in tif.series if series.size for group in _checked(series, path)]
    marked = [s for s in every if s.keyframe.is_reduced or s.keyframe.is_mask]
    kept = [s for s in every if s not in marked] or every
    notes = []
    if len(kept) < len(every):
        notes.append(f"{path}: {_told(marked)} left out; the file marks them as previews or masks")
    if copies := _smaller_copies(kept):
        kept = [series for series in kept if series not in copies]
        notes.append(f"{path}: {_told(copies)} left out; taken for previews of the larger ones")
    if len(kept) > 1:
        series = _joined(kept, path)
    else:
        series = kept[0]
        _check_all_told(tif, every, path)
    sizes = dict(zip(series.axes, series.shape, strict=True))
    axes = series.axes
    channels = sizes.get("C", 1)
    if channels > _MOST_CHANNELS and all(sizes.get(a, 1) == 1 for a in "ZTIQ"):
        axes = axes.replace("Z", "").replace("C", "Z") if "Z" not in axes else axes
        notes.append(f"{path}: its {channels} channels are taken for slices")
    if series.keyframe.photometric == 0:
        notes.append(f"{path}: shows 0 as white; its values are taken as they are stored")
    return TiffImage(series, axes, tuple(notes))


def without_alpha(
    pixels: np.ndarray, axes: str, series: tifffile.TiffPageSeries
) -> tuple[np.ndarray, str]:
    """Leave out the samples that hold transparency; one sample that remains is no axis.

    Parameters
    ----------
    pixels
        As the series holds them.
    axes
        A letter for each axis; S is that of the samples.
    series
        Tells what its samples are.

    Returns
    -------
    pixels : ndarray
    axes : str
    """
    extra = sum(int(kind) in (1, 2) for kind in series.keyframe.extrasamples or ())
    if not extra or "S" not in axes:
        return pixels, axes
    at = axes.index("S")
    kept = pixels.shape[at] - extra
    if kept == 1:
        return pixels.take(0, axis=at), axes.replace("S", "")
    return pixels[(slice(None),) * at + (slice(kept),)], axes


class TiffPages:
    """A stack of pages, each read when it is sliced and unpacked in its own way.

    Parameters
    ----------
    series
        Of kind "generic": one axis before those of a page.
    """

    def __init__(self, series: tifffile.TiffPageSeries) -> None:
        self.series = series
        self.shape: tuple[int, ...] = tuple(series.shape)
        self.dtype = np.dtype(series.dtype)
        series.keyframe.parent.filehandle.set_lock(True)

    def __getitem__(self, key: tuple[slice | int, ...]) -> np.ndarray:
        first, *rest = key
        if not isinstance(first, slice):
            return self._page(first)[tuple(rest)]
        numbers = range(*first.indices(len(self.series)))
        if not numbers:
            return np.empty((0, *self.shape[1:]), self.dtype)[(slice(None), *rest)]
        return np.stack([self._page(number)[tuple(rest)] for number in numbers])

    def _page(self, number: int) -> np.ndarray:
        page = self.series[number]
        if page is None:
            raise ValueError(f"page {number + 1} is missing")
        return np.asarray(page.asarray())


def open_pages(path: Path) -> Any:
    """Open a stack of packed pages, which are read from the file as they are sliced.

    Parameters
    ----------
    path
        A TIFF that `main_image` takes.

    Returns
    -------
    TiffPages or zarr.Array
        With the shape of the whole series.
    """
    import zarr

    # Left open: its pages are read from it later.
    series = main_image(tifffile.TiffFile(path), path).series
    if series.kind == "generic":
        return TiffPages(series)
    return zarr.open(series.aszarr(level=0, chunkmode="page"), mode="r")


def _checked(series: tifffile.TiffPageSeries, path: Path) -> list[tifffile.TiffPageSeries]:
    """Look at every page: tifffile reads all as if they were stored like the first.

    It samples three of them; what lies between would be read as noise.
    """
    if series.dataoffset is not None and series.kind not in ("uniform", "generic"):
        return [series]
    first = series.keyframe
    pages = [p.aspage() if isinstance(p, tifffile.TiffFrame) else p for p in series.pages]
    odd = [page for page in pages if page is not None and page.hash != first.hash]
    if not odd:
        return [series]
    if series.kind not in _PLAIN:
        raise ValueError(
            f"{path}: page {odd[0].index + 1} is stored differently from the first "
            f"({_kind(odd[0])} for {_kind(first)}); open and save the stack again in Fiji"
        )
    groups: dict[tuple[object, ...], list[tifffile.TiffPage]] = {}
    for page in pages:
        if page is not None:
            groups.setdefault((page.shape, page.dtype), []).append(page)
    return [_series_of(group) for group in groups.values()]


def _series_of(pages: Sequence[tifffile.TiffPage]) -> tifffile.TiffPageSeries:
    first = pages[0]
    shape, axes = (len(pages), *first.shape), "I" + first.axes
    return tifffile.TiffPageSeries(pages, shape, first.dtype, axes, kind="generic")


def _smaller_copies(series: Sequence[tifffile.TiffPageSeries]) -> list[tifffile.TiffPageSeries]:
    """Find the previews and the levels of a pyramid that nobody marked.

    They show the largest image, one slice or all slices of it, at half the size or less.
    """
    largest = max(series, key=lambda s: s.keyframe.imagelength * s.keyframe.imagewidth)
    height, width = largest.keyframe.imagelength, largest.keyframe.imagewidth

    def is_copy(other: tifffile.TiffPageSeries) -> bool:
        h, w = other.keyframe.imagelength, other.keyframe.imagewidth
        alike = abs(h * width - w * height) <= max(height, width)
        return alike and 2 * h <= height + 1 and _count(other) in (1, _count(largest))

    return [other for other in series if is_copy(other)]


def _joined(series: Sequence[tifffile.TiffPageSeries], path: Path) -> tifffile.TiffPageSeries:
    """Join pages of one size and type that were written one by one, in their order."""
    alike = len({(s.keyframe.shape, s.keyframe.axes, s.dtype) for s in series}) == 1
    plain = all(s.kind in _PLAIN for s in series)
    single = all(_count(s) == 1 or s.kind == "generic" for s in series)
    pages = [page for s in series for page in s.pages if isinstance(page, tifffile.TiffPage)]
    if not (alike and plain and single and len(pages) == sum(_count(s) for s in series)):
        raise ValueError(
            f"{path}: holds images that are not the slices of one volume ({_told(series)}); "
            "save images that belong together to a file of their own"
        )
    # tifffile groups pages by their packing; slices packed in two ways may alternate.
    return _series_of(sorted(pages, key=lambda page: page.index))


def _check_all_told(
    tif: tifffile.TiffFile, series: Sequence[tifffile.TiffPageSeries], path: Path
) -> None:
    """Refuse pages of which the file's own description does not tell: nobody would miss them."""
    told = sum(_count(s) for s in series)
    if series[0].kind in ("imagej", "ome") and len(tif.pages) > told:
        raise ValueError(
            f"{path}: its description lists {told} images, but it holds {len(tif.pages)}; "
            "save the stack again, all of it"
        )


def _count(series: tifffile.TiffPageSeries) -> int:
    """Give the number of images; ImageJ stores a stack as one page and a description."""
    return int(series.size) // max(1, int(series.keyframe.size))


def _kind(page: tifffile.TiffPage) -> str:
    return f"{page.imagelength} x {page.imagewidth} {page.dtype}"


def _told(series: Iterable[tifffile.TiffPageSeries]) -> str:
    """Write "5 images of 64 x 64 uint16, 3 of 60 x 60 uint16"."""
    counts: dict[str, int] = {}
    for each in series:
        kind = _kind(each.keyframe)
        counts[kind] = counts.get(kind, 0) + _count(each)
    (first, count), *rest = counts.items()
    words = [f"{count} image{'s' if count > 1 else ''} of {first}"]
    words += [f"{count} of {kind}" for kind, count in rest[:3]]
    return ", ".join(words + ["others"] * (len(rest) > 3))
