"""HDF5 datasets, with the axes and filters that ilastik, Fiji and beamlines write."""

import contextlib
import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from particlebridge.analysis.io.errors import check_declared_size, shown

from .array_choice import Holds, choose, some
from .chunked_source import (
    ChunkedSource,
    absent_chunks,
    axes_of,
    check_chunk_size,
    check_grid,
    check_kind,
    grid,
    split_dataset,
)
from .length_units import is_strange, to_micrometres
from .matlab_source import is_matlab, matlab_axes
from .voxel_size import Recorded

if TYPE_CHECKING:
    import h5py

_MOST_LINKS = 100


def open_hdf5(path: Path, holds: Holds) -> ChunkedSource:
    """Open an HDF5 dataset; see `open_chunked`."""
    file, name = split_dataset(path)
    with _opened(file) as opened:
        dataset, notes = _dataset(opened, file, name, path, holds)
        tags, said = _axis_tags(dataset, path)
        labels = [dimension.label for dimension in dataset.dims]
        # MATLAB's first axis is the last of HDF5.
        order, by_matlab = matlab_axes(dataset.ndim, path) if is_matlab(file) else (None, ())
        named = order[::-1] if order else [tag["key"] for tag in tags] if tags else labels
        axes = axes_of(named, dataset.shape, path)
        check_kind(dataset.dtype, dataset.shape, axes, path)
        _check_own(dataset, path)
        load_filters(dataset, path)
        chunks, absent = _chunks(dataset, file.stat().st_size, path, holds)
        spacing, has_unit, size_notes = _spacing(dataset, tags, path)
        return ChunkedSource(
            partial(HDF5Dataset, file, dataset.name, path),
            dataset.shape,
            chunks,
            axes,
            spacing,
            has_unit,
            (*notes, *said, *by_matlab, *absent, *size_notes),
        )


class HDF5Dataset:
    """A dataset that keeps its file open."""

    def __init__(self, file: Path, name: str, path: Path) -> None:
        self._file = _opened(file)
        self._dataset = self._file[name]
        self.shape, self.dtype = self._dataset.shape, self._dataset.dtype
        load_filters(self._dataset, path)

    def __getitem__(self, key: Any) -> np.ndarray:
        return np.asarray(self._dataset[key])


def load_filters(dataset: "h5py.Dataset", path: Path) -> None:
    """Load the filters that a dataset is packed by and HDF5 itself lacks.

    Raises
    ------
    ValueError
        If one of them is not installed.
    """
    from h5py import h5z

    properties = dataset.id.get_create_plist()
    filters = [properties.get_filter(i) for i in range(properties.get_nfilters())]
    if all(h5z.filter_avail(code) for code, *_ in filters):
        return
    with contextlib.suppress(ImportError):
        import hdf5plugin  # noqa: F401  # its import registers the filters

    for code, _, _, name in filters:
        if not h5z.filter_avail(code):
            called = shown(name.decode("utf-8", "replace")) or "unnamed"
            raise ValueError(
                f"{path}: is packed by HDF5 filter {code} ({called}), which is not installed; "
                "run `pip install hdf5plugin`, which has most, or where the file was written "
                "repack it with: h5repack -f GZIP=4 IN.h5 OUT.h5"
            )


def _opened(file: Path) -> "h5py.File":
    import h5py

    try:
        return h5py.File(file, "r")
    except OSError as error:
        text = str(error)
        if "unable to lock file" in text:
            fix = "close it there; on a network drive, set HDF5_USE_FILE_LOCKING=FALSE"
            raise ValueError(f"{file}: is open in another program; {fix}") from error
        if "open for write" in text:
            fix = "close the program that writes it; if none does, run: h5clear -s"
            raise ValueError(f"{file}: was not closed by its writer; {fix} {file}") from error
        raise


def _dataset(
    opened: "h5py.File", file: Path, name: str, path: Path, holds: Holds
) -> "tuple[h5py.Dataset, tuple[str, ...]]":
    """Find the dataset that is named, or the one to read of the file or of a group."""
    import h5py

    node = _followed(opened, file, name, path)
    if isinstance(node, h5py.Dataset):
        if node.shape is None:
            raise ValueError(f"{path}: is empty (no shape)")
        return node, ()
    found: dict[str, h5py.Dataset] = {}

    def note(_: str, held: Any) -> None:
        # Of MATLAB: the elements of its cells and structs.
        if "#refs#" in held.name:
            return
        if isinstance(held, h5py.Dataset) and held.shape is not None and held.dtype.kind in "iufbc":
            found[held.name.strip("/")] = held

    node.visititems(note)
    arrays = {key: held.shape for key, held in found.items() if sum(n > 1 for n in held.shape) > 1}
    outside: dict[str, h5py.ExternalLink] = {}
    node.visititems_links(
        lambda key, link: (
            outside.update({key: link}) if isinstance(link, h5py.ExternalLink) else None
        )
    )
    if outside and not arrays:
        raise _elsewhere(list(outside.values()), file, path)
    address = Path(f"{file}")
    chosen, notes = choose(arrays, address, holds, "::/")
    return found[chosen], notes


def _followed(opened: "h5py.File", file: Path, name: str, path: Path) -> Any:
    """Follow a name through the links of the file itself; links into other files are named."""
    import h5py

    node: Any = opened
    held: list[str] = []
    parts = [part for part in name.split("/") if part not in ("", ".")]
    steps = 0
    while parts:
        part, *parts = parts
        steps += 1
        link = node.get(part, getlink=True) if isinstance(node, h5py.Group) else None
        if link is None or steps > _MOST_LINKS:
            opened.visititems(
                lambda key, item: held.append(key) if isinstance(item, h5py.Dataset) else None
            )
            raise FileNotFoundError(f"{path}: has no such dataset; it holds {some(held)}")
        if isinstance(link, h5py.ExternalLink):
            raise _elsewhere([link], file, path)
        if isinstance(link, h5py.SoftLink):
            node = opened if link.path.startswith("/") else node
            parts = [p for p in link.path.split("/") if p not in ("", ".")] + parts
        else:
            node = node[part]
    return node


def _elsewhere(links: "list[h5py.ExternalLink]", file: Path, path: Path) -> ValueError:
    """Say which files hold the voxels: following links could show any file of the machine."""
    first, *_ = links
    files = some(dict.fromkeys(link.filename for link in links), 200)
    other = file.parent / first.filename
    there = "" if other.exists() else ", which is not there"
    address = f"{other}::/{first.path.strip('/')}"
    return ValueError(
        f"{path}: keeps its voxels in other files ({files}); give that one, such as "
        f"{shown(address, 300)}{there}"
    )


def _check_own(dataset: "h5py.Dataset", path: Path) -> None:
    """Refuse voxels in other files: any file could be shown as voxels, or zeros for a lost one."""
    if dataset.is_virtual:
        files = dict.fromkeys(source.file_name for source in dataset.virtual_sources())
    elif dataset.external:
        files = dict.fromkeys(part[0] for part in dataset.external)
    else:
        return
    # "." is the file itself.
    where = "other datasets of it" if set(files) == {"."} else f"other files ({some(files, 200)})"
    raise ValueError(
        f"{path}: keeps its voxels in {where}; give those, or copy them into one dataset"
    )


def _chunks(
    dataset: "h5py.Dataset", size: int, path: Path, holds: Holds
) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """Give the shape of what is read in one piece, and say which chunks are absent."""
    import h5py

    declared = dataset.nbytes
    if dataset.chunks is None:
        stored = dataset.id.get_storage_size()
        if not stored:
            raise ValueError(f"{path}: nothing was ever written to {dataset.name}; write it again")
        check_declared_size(declared, min(stored, size))
        # Without chunks there is nothing to spare: such a dataset is read plane by plane.
        longest = sorted(range(dataset.ndim), key=lambda axis: dataset.shape[axis] > 1)[-2:]
        return tuple(n if axis in longest else 1 for axis, n in enumerate(dataset.shape)), ()
    cell = dataset.chunks
    itemsize = dataset.dtype.itemsize
    check_grid(dataset.shape, cell, itemsize, size)
    present = np.zeros(grid(dataset.shape, cell), bool)

    def note(chunk: Any) -> None:
        check_chunk_size(chunk.size, int(np.prod(cell)) * itemsize)
        place = tuple(o // c for o, c in zip(chunk.chunk_offset, cell, strict=True))
        if all(p < n for p, n in zip(place, present.shape, strict=True)):
            present[place] = True

    dataset.id.chunk_iter(note)
    undefined = dataset.id.get_create_plist().fill_value_defined() == h5py.h5d.FILL_VALUE_UNDEFINED
    return cell, absent_chunks(present, None if undefined else dataset.fillvalue, path, holds)


def _axis_tags(
    dataset: "h5py.Dataset", path: Path
) -> tuple[list[dict[str, Any]] | None, tuple[str, ...]]:
    """Read the axes that vigra and ilastik write as JSON."""
    text = _text(dataset.attrs.get("axistags"))
    if text is None:
        return None, ()
    try:
        tags = json.loads(text)["axes"]
        keys = [str(tag["key"]).lower() for tag in tags]
        if len(set(keys)) == len(keys) == dataset.ndim and set(keys) <= set("tczyx"):
            return tags, ()
        why = f"they name {shown(', '.join(keys)) or 'nothing'} for {dataset.ndim} axes"
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        why = "they are not JSON of vigra"
    return None, (
        f"{path}: its axistags are not used ({why}); axes are taken in the order Z, Y, X",
    )


def _spacing(
    dataset: "h5py.Dataset", tags: list[dict[str, Any]] | None, path: Path
) -> tuple[Recorded | None, bool, tuple[str, ...]]:
    """Read the voxel size, whether it has a unit, and what is wrong with it."""
    sizes = dataset.attrs.get("element_size_um")
    if sizes is not None:
        try:
            z, y, x = (to_micrometres(float(value), "um") for value in np.ravel(sizes))
        except (TypeError, ValueError):
            z = y = x = None
        if z and y and x:
            return (z, y, x), True, ()
        why = f"its element_size_um is {shown(str(sizes))}, not three positive numbers (Z, Y, X)"
        return None, True, (f"{path}: {why}",)
    steps = {str(tag["key"]).lower(): tag.get("resolution") for tag in tags or ()}
    sides = {axis: step for axis in "zyx" if isinstance(step := steps.get(axis), (int, float))}
    try:
        units = json.loads(_text(dataset.attrs.get("axis_units")) or "{}")
        units = {axis: str(units.get(axis) or "") for axis in "zyx"}
    except (ValueError, AttributeError, RecursionError):
        units = {}
    known = {axis: to_micrometres(step, units.get(axis, "")) for axis, step in sides.items()}
    y, x = known.get("y"), known.get("x")
    if y and x:
        return (known.get("z"), y, x), True, ()
    plain = {axis: to_micrometres(step, "um") for axis, step in sides.items()}
    y, x = plain.get("y"), plain.get("x")
    # Numbers with different units do not tell the ratio.
    if y and x and len({units.get(axis, "") for axis in sides}) == 1:
        strange = units.get("y", "")
        notes = (f"{path}: its unit '{shown(strange)}' is not a known unit of length",)
        return (plain.get("z"), y, x), False, notes if is_strange(strange) else ()
    return None, True, ()


def _text(value: Any) -> str | None:
    """Read an attribute that may be text, bytes, or an array of one of them."""
    if isinstance(value, np.ndarray) and value.size == 1:
        value = value.flat[0]
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    return value if isinstance(value, str) else None
