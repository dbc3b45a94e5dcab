"""Reading volumes, images and labels from what microscopes, Fiji and Python write."""

import math
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np
import tifffile
from particlebridge.analysis.bad_files import check_memory, naming
from particlebridge.analysis.image_files import (
    CROP,
    IMAGE_SUFFIXES,
    TIFF_SUFFIXES,
    check_tiff_size,
    opened_tiff,
    read_npy,
    read_picture,
    shape_text,
    tiff_pixels,
)

from .chunked import open_chunked
from .chunked_source import Holds, is_chunked, split_dataset
from .console import notice
from .run_folder import array_digest
from .stored_arrays import UNREADABLE, AnyArray, StoredArray
from .tiff_metadata import spacing_of
from .voxel_size import Recorded, SizeFrom, Spacing, check_spacing, completed, size_doubt

Voxels = TypeVar("Voxels", bound=AnyArray)


@dataclass(frozen=True)
class Volume(Generic[Voxels]):
    """A volume as it was read or opened.

    Attributes
    ----------
    data
        (Z, Y, X) array, memory-mapped where the file allows it; any real number type. From
        `open_volume`, what cannot be mapped is a `StoredArray`.
    spacing
        Voxel size (z, y, x) in micrometres.
    spacing_from
        Where the voxel size comes from: ``"given"``; ``"metadata"``; ``"pixel size"`` where the
        distance between slices is not recorded; ``"ratio"`` where no unit of length is, and the
        finest side is 1; or ``"unknown"`` (then it is 1, and lengths are in voxels).
    source
        The file or folder it was read from.
    notes
        What was chosen or assumed to read it, one sentence each.
    """

    data: Voxels
    spacing: Spacing
    spacing_from: SizeFrom
    source: Path
    notes: tuple[str, ...] = ()

    @property
    def doubts(self) -> list[str]:
        """What a person should know of how it was read: the notes, and a doubtful voxel size."""
        size = size_doubt(self.source, self.spacing, self.spacing_from)
        return [*self.notes, *([size] if size else [])]

    @property
    def facts(self) -> dict[str, Any]:
        """What run.json records of it."""
        return {
            "path": self.source,
            "shape": self.data.shape,
            "dtype": str(self.data.dtype),
            "digest": self.digest,
            "voxel_size_um": self.spacing,
            "voxel_size_from": self.spacing_from,
            **({"notes": self.notes} if self.notes else {}),
        }

    @cached_property
    def digest(self) -> str:
        """What tells these voxels from others; computed once, since it reads them all."""
        return array_digest(self.data)


@dataclass(frozen=True)
class Image:
    """One 2-D image: (H, W) or (H, W, C) pixels, and the pixel size in micrometres if known."""

    data: np.ndarray
    pixel_size: tuple[float, float] | None
    source: Path


def read_volume(
    path: str | os.PathLike[str], voxel_size: Spacing | None = None
) -> Volume[np.ndarray]:
    """Read a 3-D volume of grey values; parameters and errors as `bridge.volumes.open_volume`.

    Returns
    -------
    Volume
        Uncompressed TIFF and ``.npy`` are memory-mapped, not loaded; all else is in memory.
    """
    volume = open_volume(path, voxel_size)
    data = volume.data
    if isinstance(data, StoredArray):
        what = f"reading its {shape_text(data.shape)} voxels at once"
        check_memory(data.nbytes, volume.source, what, "run it with --format zarr, or crop it")
        data = data[:]
    return Volume(data, volume.spacing, volume.spacing_from, volume.source, volume.notes)


def open_volume(
    path: str | os.PathLike[str], voxel_size: Spacing | None = None, holds: Holds = "grey"
) -> Volume[AnyArray]:
    """Open a 3-D volume of grey values, which may be larger than memory.

    Parameters
    ----------
    path
        A TIFF (plain, ImageJ or OME), a ``.npy`` file, an OME-Zarr or Zarr folder, an HDF5
        dataset (``scan.h5::/path/to/dataset``; see `open_chunked`), or a folder of numbered
        slices of one size, taken in the order of the numbers in their names.
    voxel_size
        (z, y, x) in micrometres; wins over what the file says.
    holds
        ``"grey"`` or ``"labels"``: what is looked for where a file holds both.

    Returns
    -------
    Volume
        Uncompressed TIFF and ``.npy`` are memory-mapped, all else is read as it is sliced: what
        is wrong with a chunk shows when it is read.

    Raises
    ------
    FileNotFoundError
        If there is no such file or folder.
    ValueError
        If it is not one readable 3-D volume of real numbers; the message names the mend.
    """
    path = _existing(path)
    opened = _open_array(path, holds)
    data = opened.data
    if isinstance(data, StoredArray):
        chunk = math.prod(data.chunks) * data.dtype.itemsize
        what = f"each of its pieces of {shape_text(data.chunks)}"
        check_memory(chunk, path, what, "write it again as OME-Zarr in chunks of 64 x 64 x 64")
    if voxel_size is not None:
        return Volume(data, check_spacing(voxel_size), "given", path, opened.notes)
    return Volume(data, *completed(opened.recorded, opened.has_unit), path, opened.notes)


def on_disk(volume: Volume) -> StoredArray:
    """Give a volume's voxels as what other processes can open and read for themselves."""
    data = open_volume(volume.source).data
    if isinstance(data, StoredArray):
        return data
    # Any part of a mapped file can be read by itself.
    return StoredArray(partial(_mapped, volume.source), volume.source, (1, 1, 1))


def _mapped(path: Path) -> np.ndarray:
    return read_volume(path).data


def read_image(path: str | os.PathLike[str]) -> Image:
    """Read one 2-D image, grey or with channels last.

    Parameters
    ----------
    path
        TIFF, PNG, JPEG, BMP or ``.npy``.

    Returns
    -------
    Image
        (H, W) or (H, W, C).

    Raises
    ------
    FileNotFoundError, ValueError
        As `read_volume`, where the file is not one 2-D image.
    """
    path = _existing(path)
    data, axes, recorded = _read_array(path)
    kept = [(n, a) for n, a in zip(data.shape, axes, strict=True) if n > 1 or a in "YX"]
    data = data.reshape([n for n, _ in kept])
    axes = "".join(a for _, a in kept).replace("S", "C")
    if axes == "CYX":
        data, axes = np.moveaxis(data, 0, -1), "YXC"
    if data.ndim not in (2, 3) or (data.ndim == 3 and axes != "YXC"):
        mend = "give single slices, or this file by itself as a volume"
        raise ValueError(
            f"{path}: expected one 2-D image, found axes {axes} of shape {data.shape}; {mend}"
        )
    check_numbers(data, path)
    check_memory(data.nbytes, path, f"one image of {shape_text(data.shape)}", "crop it")
    return Image(data, recorded[1:] if recorded else None, path)


def read_labels(path: str | os.PathLike[str]) -> np.ndarray:
    """Read a label volume or image of whole numbers, 0 the background.

    Parameters
    ----------
    path
        Any file that `read_volume` or `read_image` takes.

    Returns
    -------
    ndarray
        (Z, Y, X) or (Y, X), int32.

    Raises
    ------
    FileNotFoundError, ValueError
        If the file cannot be read, or holds fractions or numbers that do not fit.
    """
    path = _existing(path)
    data, axes, _ = _read_array(path, palette="labels")
    check_numbers(data, path)
    data = data.reshape([n for n, a in zip(data.shape, axes, strict=True) if n > 1 or a in "ZYX"])
    check_memory(4 * data.size, path, f"labels of {shape_text(data.shape)}", "crop them")
    if data.ndim not in (2, 3):
        raise ValueError(f"{path}: labels must be 2-D or 3-D, found shape {data.shape}")
    if data.dtype.kind == "f" and not all(np.array_equal(part, np.rint(part)) for part in data):
        raise ValueError(
            f"{path}: holds fractions or NaN, so it is not a label image; "
            "save labels as 16-bit or 32-bit whole numbers"
        )
    if data.max() > np.iinfo(np.int32).max or data.min() < 0:
        raise ValueError(f"{path}: labels must lie between 0 and 2147483647")
    return data.astype(np.int32)


def is_image_stack(path: str | os.PathLike[str]) -> bool:
    """Tell whether a file holds a volume (True) or one 2-D image, reading its header only."""
    path = _existing(path)
    if is_chunked(path):
        source = open_chunked(path)
        return any(n > 1 for n, a in zip(source.shape, source.axes, strict=True) if a in "ZT")
    if path.suffix.lower() in TIFF_SUFFIXES:
        with opened_tiff(path) as tif:
            series = tif.series[0]
            sizes = dict(zip(series.axes, series.shape, strict=True))
            return any(sizes.get(axis, 1) > 1 for axis in "ZIQT")
    if path.suffix.lower() == ".npy":
        return read_npy(path).ndim == 3
    return False


def list_images(folder: str | os.PathLike[str]) -> list[Path]:
    """List a folder's images in natural order (slice2 before slice10).

    Raises
    ------
    FileNotFoundError
        If the folder is missing or holds no image.
    """
    folder = _existing(folder)
    files = sorted(
        (f for f in folder.iterdir() if f.suffix.lower() in IMAGE_SUFFIXES and f.is_file()),
        key=lambda f: [int(t) if t.isdigit() else t.lower() for t in re.split(r"(\d+)", f.name)],
    )
    files = [f for f in files if not f.name.startswith(".")]
    if not files:
        raise FileNotFoundError(
            f"{folder}: the folder holds no image; expected {', '.join(IMAGE_SUFFIXES)} files"
        )
    return files


def check_numbers(data: np.ndarray, path: Path) -> None:
    """Refuse what holds no grey values: text, complex numbers, nothing at all."""
    if data.dtype.kind not in "iufb":
        raise ValueError(f"{path}: holds {data.dtype}, not grey values; save as 8-, 16- or 32-bit")
    if data.size == 0:
        raise ValueError(f"{path}: is empty (shape {data.shape})")


def _existing(path: str | os.PathLike[str]) -> Path:
    path = Path(path)
    if not split_dataset(path)[0].exists():
        raise FileNotFoundError(f"{path}: no such file or folder")
    return path


class _Opened(NamedTuple):
    """An opened volume, what its file says of its voxel size, and what was assumed to read it."""

    data: AnyArray
    recorded: Recorded | None
    notes: tuple[str, ...] = ()
    has_unit: bool = True


def _open_array(path: Path, holds: Holds) -> _Opened:
    """Open a volume, and read what its file says of its voxel size."""
    if is_chunked(path):
        source = open_chunked(path, holds)
        kept = _volume_axes(source.shape, source.axes, path)
        chunks = [source.chunks[axis] for axis in kept]
        data = StoredArray(source.opener, path, chunks, kept)
        return _Opened(data, source.spacing, source.notes, source.has_unit)
    if path.is_dir():
        return _open_slices(path)
    if path.suffix.lower() in TIFF_SUFFIXES:
        with opened_tiff(path) as tif:
            series = tif.series[0]
            if series.dataoffset is None and np.dtype(series.dtype).kind in "iufb":
                check_tiff_size(tif, path)
                kept = _volume_axes(series.shape, series.axes, path)
                page = (1, *series.shape[-2:])
                stored = StoredArray(partial(_tiff_pages, path), path, page, kept)
                return _Opened(stored, spacing_of(tif))
    pixels, axes, recorded = _read_array(path)
    check_numbers(pixels, path)
    kept = _volume_axes(pixels.shape, axes, path)
    return _Opened(pixels.reshape([pixels.shape[axis] for axis in kept]), recorded)


def _volume_axes(shape: Sequence[int], axes: str, path: Path) -> tuple[int, ...]:
    """Tell which axes are Z, Y and X; the others must have length 1."""
    sizes = dict(zip(axes, shape, strict=True))
    for axis in "CS":
        if sizes.get(axis, 1) > 1:
            raise ValueError(
                f"{path}: has {sizes[axis]} channels; a volume must have one "
                "(in Fiji: Image > Color > Split Channels)"
            )
    kept = "".join(a for a in axes if sizes[a] > 1 or a in "ZYX")
    if kept == "TYX" and sizes.get("Z", 1) == 1:
        raise ValueError(
            f"{path}: its {sizes['T']} images are time frames, not slices; in Fiji set them as "
            "slices (Image > Properties) and save again"
        )
    kept = kept.replace("I", "Z").replace("Q", "Z") if "Z" not in kept else kept
    if kept not in ("ZYX", "YX") or len(shape) < 3:
        found = f"axes {axes} of shape {tuple(shape)}"
        mend = "; a single image is for `particlebridge segment`" if kept == "YX" else ""
        raise ValueError(f"{path}: a 3-D volume (Z, Y, X) is needed, found {found}{mend}")
    places = [i for i, a in enumerate(axes) if a in kept or (a in "IQ" and sizes[a] > 1)]
    found_shape = tuple(int(shape[i]) for i in places)
    if len(places) < 3 or 1 in found_shape:
        raise ValueError(
            f"{path}: is one voxel thin (shape {found_shape}); a volume needs two along each "
            "axis, a single slice is an image to segment"
        )
    return tuple(places)


def _read_array(path: Path, palette: str = "grey") -> tuple[np.ndarray, str, Recorded | None]:
    if is_chunked(path):
        source = open_chunked(path, "labels" if palette == "labels" else "grey")
        for note in source.notes:
            notice(note)
        with naming(path, *UNREADABLE):
            array = source.opener()
            check_memory(math.prod(array.shape) * array.dtype.itemsize, path, "reading it", CROP)
            spacing = source.spacing if source.has_unit else None
            return np.asarray(array[...]), source.axes, spacing
    suffix = path.suffix.lower()
    if suffix in TIFF_SUFFIXES:
        with opened_tiff(path) as tif:
            return tiff_pixels(tif, path), tif.series[0].axes, spacing_of(tif)
    if suffix == ".npy":
        data = read_npy(path)
        axes = {2: "YX", 3: "ZYX"}.get(data.ndim)
        if axes is None:
            raise ValueError(f"{path}: expected a 2-D or 3-D array, found shape {data.shape}")
        return data, axes, None
    if suffix in IMAGE_SUFFIXES:
        data = read_picture(path, palette=palette)
        return data, "YX" if data.ndim == 2 else "YXS", None
    known = ".tif, .npy, .zarr, .h5 or a folder of slices"
    raise ValueError(f"{path}: unknown kind of file '{path.suffix}'; use {known}")


def _tiff_pages(path: Path) -> Any:
    import zarr

    store = tifffile.imread(path, aszarr=True, series=0, chunkmode="page")
    return zarr.open(store, mode="r")


class _SliceFiles:
    """Numbered slices of one size, one file each."""

    def __init__(self, files: Sequence[Path], shape: tuple[int, int, int], dtype: np.dtype) -> None:
        self.files, self.shape, self.dtype = files, shape, dtype

    def __getitem__(self, key: tuple[Any, Any, Any]) -> np.ndarray:
        z, y, x = key
        if not isinstance(z, slice):
            return self._slice(z)[y, x]
        return np.stack([self._slice(i)[y, x] for i in range(*z.indices(len(self.files)))])

    def _slice(self, index: int) -> np.ndarray:
        file = self.files[index]
        data = read_image(file).data
        if data.shape != self.shape[1:] or data.dtype != self.dtype:
            raise ValueError(
                f"{file}: is {data.dtype} {data.shape}, but the first slice {self.files[0].name} "
                f"is {self.dtype} {self.shape[1:]}; slices of a volume must be alike"
            )
        return data


def _open_slices(folder: Path) -> _Opened:
    files = list_images(folder)
    _check_numbering(files)
    first = read_image(files[0])
    if first.data.ndim != 2:
        raise ValueError(f"{files[0]}: slices must be grey, found shape {first.data.shape}")
    shape = (len(files), *first.data.shape)
    kept = _volume_axes(shape, "ZYX", folder)
    opener = partial(_SliceFiles, files, shape, first.data.dtype)
    recorded = (None, *first.pixel_size) if first.pixel_size else None
    return _Opened(StoredArray(opener, folder, (1, *shape[1:]), kept), recorded)


def _check_numbering(files: Sequence[Path]) -> None:
    """Refuse a gap in the numbers of slices: the volume would be squeezed there."""
    found = [re.fullmatch(r"(.*?)(\d+)(\D*)", file.name) for file in files]
    if len({match and (match[1], match[3]) for match in found}) != 1 or found[0] is None:
        return
    numbers = np.array([int(match[2]) for match in found if match])
    steps = np.diff(numbers)
    if steps.size and (steps > steps.min()).any():
        place = int(np.argmax(steps > steps.min()))
        raise ValueError(
            f"{files[place].parent}: {files[place].name} is followed by {files[place + 1].name}; "
            "put the slices between them back, or number the files anew"
        )
