"""Zarr arrays and OME-Zarr images (OME-NGFF 0.4 and 0.5)."""

import dataclasses
import json
import math
import warnings
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np
from particlebridge.analysis.io.errors import shown

from .array_choice import Holds, choose
from .chunked_source import (
    ChunkedSource,
    absent_chunks,
    axes_of,
    check_chunk_size,
    check_grid,
    check_kind,
    grid,
)
from .multiscales import Found, attributes_of, described, finest, multiscale
from .ome_zarr import writes_all_chunks

if TYPE_CHECKING:
    import zarr
    from zarr.storage import LocalStore

_DEEPEST = 4
_MOST_MEMBERS = 200
_BLOSC_HEADER = 16

# A pickle in a chunk would run as code; only codecs that turn bytes into numbers are let in.
_CODECS = {
    "adler32", "astype", "bitround", "blosc", "bytes", "bz2", "crc32", "crc32c", "delta", "endian",
    "fixedscaleoffset", "fletcher32", "gzip", "jenkins_lookup3", "lz4", "lzma", "packbits",
    "quantize", "sharding_indexed", "shuffle", "transpose", "zlib", "zstd",
}  # fmt: skip


def open_zarr(path: Path, holds: Holds) -> ChunkedSource:
    """Open a Zarr array or an OME-Zarr image; see `open_chunked`."""
    import zarr

    _check_codecs(path, path)
    node = _open_node(path)
    found = _as_level(path) or Found(node) if isinstance(node, zarr.Array) else None
    if found is None:
        found = _image(node, path, holds)
    node = _open_node(path, found.array.path)
    axes = found.axes or axes_of(_dimension_names(node), node.shape, path)
    check_kind(node.dtype, node.shape, axes, path)
    _accept(node.metadata.to_dict(), path)
    separator, notes = _check_stored(node, path, holds)
    return ChunkedSource(
        partial(_open_node, path, node.path, separator),
        node.shape,
        node.chunks,
        axes,
        found.spacing,
        found.has_unit,
        (*found.notes, *notes),
    )


def _open_node(path: Path, name: str = "", separator: str | None = None) -> Any:
    """Open a group or an array; `separator` corrects that of the chunks of a Zarr 2 array."""
    import zarr
    from zarr.storage import LocalStore

    store = LocalStore(path, read_only=True)
    node = zarr.open(store=store, path=name, mode="r", use_consolidated=False)
    if not isinstance(node, zarr.Array):
        return node
    # In a shard, the index holds the lengths, and a checksum.
    if node.shards is None and "blosc" in map(_codec_name, node.compressors):
        checked = _blosc_store(path)
        node = zarr.open(store=checked, path=name, mode="r", use_consolidated=False)
    if separator is not None:
        held: Any = node.metadata
        metadata = dataclasses.replace(held, dimension_separator=separator)
        node = zarr.Array(zarr.AsyncArray(metadata=metadata, store_path=node.store_path))
    return node


def _blosc_store(path: Path) -> "LocalStore":
    """Give a store that knows the length of its Blosc chunks: numcodecs reads past a cut one."""
    from zarr.storage import LocalStore

    class BloscStore(LocalStore):
        async def get(self, key: str, prototype: Any = None, byte_range: Any = None) -> Any:
            value = await super().get(key, prototype, byte_range)
            if value is None or PurePosixPath(key).name.startswith((".", "zarr.json")):
                return value
            head = value[:_BLOSC_HEADER].to_bytes()
            declared = int.from_bytes(head[12:16], "little")
            if len(value) < max(declared, _BLOSC_HEADER):
                raise ValueError(
                    f"chunk {key} is truncated to {len(value):,} of {declared:,} bytes"
                )
            return value

    return BloscStore(path, read_only=True)


def _check_stored(node: Any, path: Path, holds: Holds) -> tuple[str | None, tuple[str, ...]]:
    """Compare the chunks that are stored with those that are declared.

    Returns
    -------
    separator, notes
        Of the keys of chunks, where the metadata names the wrong one.

    Raises
    ------
    ValueError
        If a chunk is cut short, or more is declared than can be.
    """
    cell = node.shards or node.chunks
    folder = path / node.path
    sizes = {
        file.relative_to(folder).as_posix(): file.stat().st_size
        for file in folder.rglob("*")
        if file.is_file()
    }
    check_grid(node.shape, cell, node.dtype.itemsize, sum(sizes.values()))
    counts = grid(node.shape, cell)
    metadata, separator = node.metadata, None
    notes: tuple[str, ...] = ()
    if metadata.zarr_format == 2 and not _any_stored(metadata, counts, sizes):
        other = "/" if metadata.dimension_separator == "." else "."
        turned = dataclasses.replace(metadata, dimension_separator=other)
        if _any_stored(turned, counts, sizes):
            metadata, separator = turned, other
            notes = (
                f"{path}: its .zarray names another dimension_separator than its chunks, "
                f"'{other}', which is used",
            )
    declared = math.prod(cell) * node.dtype.itemsize
    plain = not node.compressors and not node.filters and node.shards is None
    present = np.zeros(counts, bool)
    for place in np.ndindex(counts):
        key = metadata.encode_chunk_key(place)
        size = sizes.get(key)
        if size is None:
            continue
        present[place] = True
        if size == 0 or (plain and size < declared):
            raise ValueError(f"chunk {key} is truncated to {size:,} bytes")
        check_chunk_size(size, declared)
    if not present.all() and writes_all_chunks(path):
        first = tuple(int(n) for n in np.argwhere(~present)[0] * np.asarray(cell))
        raise ValueError(
            f"{path}: {np.count_nonzero(~present)} of its {present.size} chunks are lost, the "
            f"first at voxel {first}: Particlebridge writes all; copy it again, or make it again"
        )
    return separator, (*notes, *absent_chunks(present, node.fill_value, path, holds))


def _any_stored(metadata: Any, counts: tuple[int, ...], sizes: Mapping[str, int]) -> bool:
    return any(metadata.encode_chunk_key(place) in sizes for place in np.ndindex(counts))


def _dimension_names(node: Any) -> Any:
    """Read the names of a plain array's axes: of Zarr 3, or as xarray writes them in Zarr 2."""
    names = getattr(node.metadata, "dimension_names", None) or node.attrs.get("_ARRAY_DIMENSIONS")
    return names if isinstance(names, (list, tuple)) else None


def _as_level(path: Path) -> Found | None:
    """Look whether an array is a level of the OME-Zarr image that its folder lies in."""
    import zarr

    level = path.resolve()
    try:
        group = _open_node(level.parent)
        image = multiscale(group) if isinstance(group, zarr.Group) else None
        entry = next(e for e in image["datasets"] if e["path"] == level.name) if image else None
        if image is None or entry is None:
            return None
        return described(_open_node(path), entry, image, path)
    except Exception:  # whatever is wrong with its surroundings, the array itself may be whole
        return None


def _image(group: "zarr.Group", path: Path, holds: Holds) -> Found:
    """Find the finest level of the group's one image, or its one array."""
    import zarr

    image = multiscale(group)
    notes: tuple[str, ...] = ()
    if image is None:
        members = dict(_members(group))
        arrays = {
            name: array.shape
            for name, member in members.items()
            if (array := finest(member)) is not None and array.dtype.kind in "iufbc"
        }
        name, notes = choose(arrays, path, holds, "/")
        member = members[name]
        if isinstance(member, zarr.Array):
            return Found(member, notes=notes)
        group, image = member, multiscale(member)
        assert image is not None
    level = image["datasets"][0]
    name = level["path"]
    _check_codecs(path / group.path / name, path)
    array = finest(group)
    if array is None:
        raise ValueError(f"its finest level '{shown(name)}' is missing")
    found = described(array, level, image, path)
    held = attributes_of(group)["multiscales"]
    if len(held) > 1:
        notes = (*notes, f"{path}: holds {len(held)} multiscale images; the first is read")
    return found._replace(notes=(*notes, *found.notes))


def _members(group: "zarr.Group", prefix: str = "", depth: int = 1) -> Iterator[tuple[str, Any]]:
    """Walk the images and arrays of a group, not the levels of an image."""
    import zarr

    with warnings.catch_warnings():
        # Of files that are no part of it, such as .DS_Store.
        warnings.simplefilter("ignore")
        members = sorted(group.members())
    for count, (name, member) in enumerate(members):
        if count >= _MOST_MEMBERS:
            return
        if isinstance(member, zarr.Array) or multiscale(member) is not None:
            yield prefix + name, member
        elif depth < _DEEPEST:
            yield from _members(member, f"{prefix}{name}/", depth + 1)


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


def _codec_name(codec: Any) -> str:
    """Name a codec of Zarr 2 or 3."""
    if hasattr(codec, "codec_id"):
        return str(codec.codec_id)
    return str(codec.to_dict().get("name", "")).removeprefix("numcodecs.")
