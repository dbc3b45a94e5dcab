"""Volumes that lie in chunks: OME-Zarr (OME-NGFF 0.4 and 0.5), plain Zarr, HDF5 datasets."""

import json
import math
import os
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from particlebridge.analysis.bad_files import check_declared_size, naming, shown

from .bounded_chunks import (
    bounded_codecs,
    bounded_store,
    check_large_chunks,
    large_chunks,
)
from .missing_chunks import check_chunks
from .voxel_size import Recorded, to_micrometres

if TYPE_CHECKING:
    import h5py
    import zarr

HDF5_SUFFIXES = (".h5", ".hdf5", ".hdf", ".nxs")
_ZARR_FILES = ("zarr.json", ".zarray", ".zgroup")
_MEND = "copy or export it again"
_MOST_CHUNKS = 4_000_000

# A pickle in a chunk would run as code; only codecs that turn bytes into numbers are let in.
_CODECS = {
    "adler32", "astype", "bitround", "blosc", "bytes", "bz2", "crc32", "crc32c", "delta", "endian",
    "fixedscaleoffset", "fletcher32", "gzip", "jenkins_lookup3", "lz4", "lzma", "packbits",
    "quantize", "sharding_indexed", "shuffle", "transpose", "zlib", "zstd",
}  # fmt: skip


class ChunkedSource(NamedTuple):
    """An array in chunks that was looked at, not read.

    Attributes
    ----------
    opener
        Opens it: something with ``shape``, ``dtype`` and slices; can be sent to other processes.
    shape, chunks
        Of the array and of its chunks.
    axes
        One letter of TCZYX for each axis.
    spacing
        Voxel size (z, y, x) in micrometres; z is None if only that is missing.
    has_unit
        False if its spacing has no unit of length: it holds the ratio of the sides only.
    notes
        What was chosen or assumed to read it, one sentence each.
    """

    opener: Callable[[], Any]
    shape: tuple[int, ...]
    chunks: tuple[int, ...]
    axes: str
    spacing: Recorded | None
    has_unit: bool = True
    notes: tuple[str, ...] = ()


def is_chunked(path: str | os.PathLike[str]) -> bool:
    """Tell whether a path is a Zarr folder or an HDF5 file or dataset, by its name and files."""
    path = Path(path)
    if path.is_dir():
        return path.suffix.lower() == ".zarr" or any((path / f).is_file() for f in _ZARR_FILES)
    return split_dataset(path)[0].suffix.lower() in HDF5_SUFFIXES


def split_dataset(path: Path) -> tuple[Path, str]:
    """Split ``scan.h5::/entry/data`` into file and dataset; the dataset is "" if none is named."""
    if path.exists():
        return path, ""
    file, separator, dataset = os.fspath(path).partition("::")
    return (Path(file), dataset.strip("/")) if separator else (path, "")


def open_chunked(path: str | os.PathLike[str]) -> ChunkedSource:
    """Open a Zarr array, the best resolution of an OME-Zarr image, or an HDF5 dataset.

    Parameters
    ----------
    path
        A Zarr folder: an array, an OME-Zarr image (its first, finest level is taken) or a group
        of one image; or an HDF5 file, followed by ``::/path/to/dataset`` unless it holds just
        one 3-D dataset. The voxel size comes from OME-Zarr's scale and units, in HDF5 from the
        attribute ``element_size_um`` (z, y, x) that Fiji and ilastik write.

    Returns
    -------
    ChunkedSource
        Of its voxels only those beside missing chunks have been read.

    Raises
    ------
    FileNotFoundError
        If the file or the dataset does not exist.
    ValueError
        If it is no such file, is damaged, lacks chunks (see `check_chunks`), holds no numbers,
        several channels or times, or several images; the message names the mend.
    """
    path = Path(path)
    if path.is_dir():
        with naming(path, "cannot be read as Zarr", _MEND):
            return _open_zarr(path)
    with naming(path, "cannot be read as HDF5", _MEND):
        return _open_hdf5(path)


def _open_zarr(path: Path) -> ChunkedSource:
    import zarr

    _check_codecs(path, path)
    node = _zarr_node(path)
    if isinstance(node, zarr.Array):
        axes, scale = _plain_axes(node.ndim, path), _Scale()
    else:
        level, axes, scale = _best_level(node, path)
        node = _zarr_node(path, level.path)
    _check_kind(node.dtype, node.shape, axes, path)
    _accept(node.metadata.to_dict(), path)
    cell = node.shards or node.chunks
    folder = path / node.path
    sizes = {
        file.relative_to(folder).as_posix(): file.stat().st_size
        for file in folder.rglob("*")
        if file.is_file()
    }
    stored = sum(sizes.values())
    _check_grid(node.nbytes, node.shape, cell, node.dtype.itemsize, stored)
    grid = tuple(math.ceil(n / c) for n, c in zip(node.shape, cell, strict=True))
    present = np.zeros(grid, bool)
    for place in np.ndindex(grid):
        present[place] = node.metadata.encode_chunk_key(place) in sizes
    check_chunks(node, present, cell, node.fill_value, path)
    return ChunkedSource(
        partial(_zarr_node, path, node.path), node.shape, node.chunks, axes, *scale
    )


def _zarr_node(path: Path, name: str = "") -> Any:
    """Open a group, or an array whose chunks are checked before they are unpacked."""
    import zarr
    from zarr.storage import LocalStore

    store: LocalStore | None = LocalStore(path, read_only=True)
    with zarr.config.set(bounded_codecs()):
        node = zarr.open(store=store, path=name, mode="r", use_consolidated=False)
        store = bounded_store(path, node) if isinstance(node, zarr.Array) else None
        if store is not None:
            node = zarr.open(store=store, path=name, mode="r", use_consolidated=False)
    return node


class _Scale(NamedTuple):
    """What an OME-Zarr image records of its voxel size; see `ChunkedSource`."""

    spacing: Recorded | None = None
    has_unit: bool = True
    notes: tuple[str, ...] = ()


def _best_level(group: "zarr.Group", path: Path) -> "tuple[zarr.Array[Any], str, _Scale]":
    """Return the finest level of the group's one image."""
    import zarr

    image = _multiscale(group)
    if image is None:
        children = dict(sorted(group.groups()))
        images = {name: child for name, child in children.items() if _multiscale(child)}
        arrays = dict(sorted(group.arrays())) if not images else {}
        names = [*images, *arrays]
        if len(names) != 1:
            held = f"holds {len(names)} images ({_some(names)})" if names else "holds no image"
            mend = f"; name one, such as {path / names[0]}" if names else f"; {_MEND}"
            raise ValueError(f"{path}: {held}{mend}")
        if arrays:
            only = arrays[names[0]]
            return only, _plain_axes(only.ndim, path), _Scale()
        group = images[names[0]]
        image = _multiscale(group)
        assert image is not None
    level = image["datasets"][0]
    name = level["path"]
    if not isinstance(name, str) or ".." in PurePosixPath(name).parts or name.startswith("/"):
        raise ValueError(f"its multiscales name the level '{shown(str(name))}'")
    _check_codecs(path / group.path / name, path)
    if name not in group:
        raise ValueError(f"its finest level '{shown(name)}' is missing")
    array = group[name]
    if not isinstance(array, zarr.Array):
        raise ValueError(f"its finest level '{shown(name)}' is no array")
    entries = [a if isinstance(a, dict) else {"name": a} for a in image.get("axes") or []]
    axes = "".join(str(entry.get("name")).upper() for entry in entries)
    if len(axes) != array.ndim or len(set(axes)) < len(axes) or set(axes) - set("TCZYX"):
        raise ValueError(
            f"its axes are {axes[:20] or 'not named'}, and its array has {array.ndim}; "
            "each must be one of t, c, z, y, x"
        )
    units = [str(entry.get("unit") or "") for entry in entries]
    return array, axes, _scale(axes, units, level, image, path)


def _multiscale(group: "zarr.Group") -> dict[str, Any] | None:
    """Return the first entry of multiscales, where 0.5 keeps it or where 0.4 did."""
    attributes: dict[str, Any] = dict(group.attrs)
    inner = attributes.get("ome")
    held = inner if isinstance(inner, dict) else attributes
    if "multiscales" not in held:
        return None
    image: Any = held["multiscales"][0]
    if not isinstance(image, dict) or not isinstance(image.get("datasets"), list):
        raise ValueError("its multiscales name no datasets")
    return image


def _scale(
    axes: str, units: list[str], level: dict[str, Any], image: dict[str, Any], path: Path
) -> _Scale:
    """Multiply the scales of the level and of the image; micrometres where units are lengths."""
    factors = np.ones(len(axes))
    found = False
    for holder in (level, image):
        for transformation in holder.get("coordinateTransformations") or []:
            if transformation.get("type") == "scale":
                factors *= np.array([float(v) for v in transformation["scale"]])
                found = True
    if not found or not {"Y", "X"} <= set(axes):
        return _Scale()
    sides = {axis: float(factor) for axis, factor in zip(axes, factors, strict=True)}
    unit = {axis: text for axis, text in zip(axes, units, strict=True) if axis in "ZYX"}
    sizes = {axis: to_micrometres(sides[axis], unit[axis]) for axis in unit}
    y, x = sizes["Y"], sizes["X"]
    if y is not None and x is not None:
        return _Scale((sizes.get("Z"), y, x))
    # Without a unit, or with one unknown unit for all, the numbers still tell the ratio.
    y, x = (to_micrometres(sides[axis], "um") for axis in "YX")
    if len(set(unit.values())) > 1 or y is None or x is None:
        return _Scale()
    strange = unit["Y"]
    notes = (f"{path}: its unit '{shown(strange)}' is no known length",) if strange else ()
    return _Scale((to_micrometres(sides.get("Z", 0.0), "um"), y, x), False, notes)


def _check_codecs(folder: Path, path: Path) -> None:
    """Look at an array's codecs before Zarr does: of one it does not know it says less."""
    for name in ("zarr.json", ".zarray"):
        try:
            metadata = json.loads((folder / name).read_text("utf-8"))
        except (OSError, ValueError, RecursionError):
            continue  # what is wrong with it Zarr will say
        if isinstance(metadata, dict):
            _accept(metadata, path)


def _accept(metadata: dict[str, Any], path: Path) -> None:
    foreign = sorted(set(_codecs(metadata)) - _CODECS)
    if foreign:
        raise ValueError(
            f"{path}: its chunks are coded by '{shown(foreign[0])}', which is not accepted; "
            "write it again with zstd, gzip or blosc"
        )


def _codecs(metadata: Any) -> Iterator[str]:
    """Yield the names of all codecs in a Zarr array's metadata, those inside shards too."""
    for key in ("compressor", "filters", "codecs", "index_codecs"):
        entries = metadata.get(key) or []
        for entry in entries if isinstance(entries, (list, tuple)) else [entries]:
            if not isinstance(entry, dict) and not hasattr(entry, "to_dict"):
                continue
            known = entry if isinstance(entry, dict) else entry.to_dict()
            yield str(known.get("id") or known.get("name")).removeprefix("numcodecs.")
            if isinstance(known.get("configuration"), dict):
                yield from _codecs(known["configuration"])


def _open_hdf5(path: Path) -> ChunkedSource:
    import h5py

    file, name = split_dataset(path)
    with h5py.File(file, "r") as opened:
        dataset = _dataset(opened, name, path)
        axes = _plain_axes(dataset.ndim, path)
        _check_kind(dataset.dtype, dataset.shape, axes, path)
        # Such a dataset could show any file of the machine as voxels, or zeros for a lost one.
        if dataset.external or dataset.is_virtual:
            raise ValueError(
                f"{path}: keeps its voxels in other files; copy them into one file with h5repack"
            )
        stored = dataset.id.get_storage_size()
        if not stored:
            raise ValueError(f"nothing was ever written to {dataset.name}")
        size = file.stat().st_size
        if dataset.chunks is None:
            check_declared_size(dataset.nbytes, min(stored, size))
            # Without chunks there is nothing to spare: such a dataset is read plane by plane.
            chunks = (*(1,) * (dataset.ndim - 2), *dataset.shape[-2:])
        else:
            cell = chunks = dataset.chunks
            _check_grid(dataset.nbytes, dataset.shape, cell, dataset.dtype.itemsize, size)
            present = np.zeros([math.ceil(n / c) for n, c in zip(dataset.shape, cell, strict=True)],
                               bool)  # fmt: skip

            def note(chunk: Any) -> None:
                place = tuple(o // c for o, c in zip(chunk.chunk_offset, cell, strict=True))
                if all(p < n for p, n in zip(place, present.shape, strict=True)):
                    present[place] = True

            dataset.id.chunk_iter(note)
            check_chunks(_HDF5Dataset(file, dataset.name), present, cell, dataset.fillvalue, path)
        sizes = dataset.attrs.get("element_size_um")
        opener = partial(_HDF5Dataset, file, dataset.name)
        shape = dataset.shape
    spacing: Recorded | None = None
    if sizes is not None and np.shape(sizes) == (3,):
        z, y, x = (to_micrometres(float(v), "um") for v in sizes)
        spacing = (z, y, x) if z and y and x else None
    return ChunkedSource(opener, shape, chunks, axes, spacing)


class _HDF5Dataset:
    """A dataset that keeps its file open; its chunks are checked before they are unpacked."""

    def __init__(self, file: Path, name: str) -> None:
        import h5py

        self._file = h5py.File(file, "r")
        self._dataset = self._file[name]
        self.shape, self.dtype = self._dataset.shape, self._dataset.dtype
        self.ndim = self._dataset.ndim
        self._large = large_chunks(self._dataset)

    def __getitem__(self, key: Any) -> np.ndarray:
        check_large_chunks(self._dataset, self._large, key)
        return np.asarray(self._dataset[key])


def _dataset(file: "h5py.File", name: str, path: Path) -> "h5py.Dataset":
    import h5py

    found = {held.name.strip("/"): held for held in _own_datasets(file)}
    if name:
        if name not in found:
            raise FileNotFoundError(f"{path}: has no such dataset; it holds {_some(found)}")
        return found[name]
    volumes = [key for key, held in found.items() if held.ndim == 3]
    if len(volumes) != 1:
        held = f"holds {len(volumes)} 3-D datasets ({_some(volumes or found)})"
        example = next(iter(volumes or found), "path/to/dataset")
        raise ValueError(f"{path}: {held}; name one, such as {path}::/{example}")
    dataset: h5py.Dataset = found[volumes[0]]
    return dataset


def _own_datasets(file: "h5py.File") -> "list[h5py.Dataset]":
    """List the datasets of the file itself: links into other files are not followed."""
    import h5py

    found: list[h5py.Dataset] = []
    file.visititems(lambda _, held: found.append(held) if isinstance(held, h5py.Dataset) else None)
    return found


def _plain_axes(ndim: int, path: Path) -> str:
    if ndim not in (2, 3):
        raise ValueError(f"{path}: a 3-D array (Z, Y, X) is needed, found {ndim} axes")
    return "ZYX"[-ndim:]


def _check_kind(dtype: np.dtype, shape: tuple[int, ...], axes: str, path: Path) -> None:
    """Refuse what is no grey volume before its voxels are touched."""
    if dtype.kind not in "iufb":
        raise ValueError(f"{path}: holds {dtype}, not grey values; save as 8-, 16- or 32-bit")
    if 0 in shape:
        raise ValueError(f"{path}: is empty (shape {shape})")
    for axis, length in zip(axes, shape, strict=True):
        if axis in "TC" and length > 1:
            what = "channels" if axis == "C" else "time points"
            raise ValueError(
                f"{path}: has {length} {what}; a volume must have one, so save it on its own"
            )


def _check_grid(
    nbytes: int, shape: tuple[int, ...], cell: tuple[int, ...], itemsize: int, stored: int
) -> None:
    check_declared_size(nbytes, stored)
    check_declared_size(math.prod(cell) * itemsize, stored)
    count = math.prod(math.ceil(n / c) for n, c in zip(shape, cell, strict=True))
    if count > _MOST_CHUNKS:
        raise ValueError(f"it declares {count:,} chunks")


def _some(names: Iterable[str]) -> str:
    listed = [shown(name) for name in names]
    return ", ".join(listed[:5]) + (", ..." if len(listed) > 5 else "") if listed else "nothing"
