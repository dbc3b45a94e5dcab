"""Chunks that would unpack to far more than their array declares, refused before they do."""

import bz2
import lzma
import math
import struct
import zlib
from collections.abc import Callable
from functools import cache
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import h5py
    import zarr
    from zarr.storage import LocalStore

_ROOM = 8
"""Filters may pack small numbers as wide ones: one byte as eight."""

_SLACK = 1 << 16
_HDF5_DEFLATE = 1
_STEP = 1 << 20
_HARMLESS = 1 << 20
"""A chunk of so few stored bytes cannot inflate beyond a gigabyte: deflate packs 1032 to 1."""

COMPRESSORS = {"blosc", "bz2", "gzip", "lz4", "lzma", "zlib", "zstd"}


def most_unpacked(declared: int) -> int:
    """Tell to how many bytes a chunk of `declared` bytes may unpack."""
    return _ROOM * declared + _SLACK


def check_unpacked(data: bytes, compressor: str, most: int) -> None:
    """Refuse a compressed chunk that unpacks to more than it may, holding none of it.

    Sizes are read from the headers of blosc, lz4 and zstd, which their decoders obey; deflate,
    bz2 and lzma are unpacked piece by piece and counted (deflate only where it could matter).

    Parameters
    ----------
    data
        A chunk as it is stored.
    compressor
        One of `COMPRESSORS`.
    most
        Bytes.

    Raises
    ------
    ValueError
        If it unpacks to more, or its header is damaged.
    """
    if compressor in ("gzip", "zlib") and len(data) > _HARMLESS:
        _count(lambda: zlib.decompressobj(47), data, most)
    elif compressor == "bz2":
        _count(bz2.BZ2Decompressor, data, most)
    elif compressor == "lzma":
        _count(lzma.LZMADecompressor, data, most)
    elif compressor == "zstd":
        size = _zstd_size(data)
        if size is None:
            import imagecodecs

            try:
                imagecodecs.zstd_decode(data, out=most)
            except imagecodecs.ZstdError as error:
                raise ValueError(f"a chunk cannot be unpacked into {most:,} bytes") from error
        elif size > most:
            _refuse(size, most)
    elif compressor in ("blosc", "lz4"):
        place = 4 if compressor == "blosc" else 0
        if len(data) < place + 4:
            raise ValueError("a chunk is cut short")
        (size,) = struct.unpack_from("<I", data, place)
        if size > most:
            _refuse(size, most)


def _refuse(size: int, most: int) -> None:
    raise ValueError(f"a chunk unpacks to {size:,} bytes or more where {most:,} are the most")


def _count(start: Callable[[], Any], data: bytes, most: int) -> None:
    """Unpack in steps; several streams may follow each other, or a checksum."""
    total = 0
    while data:
        stream, rest, piece = start(), data, b""
        while not stream.eof:
            try:
                piece = stream.decompress(rest, _STEP)
            except (zlib.error, OSError, lzma.LZMAError):
                return  # what unpacks it in earnest will say so
            total += len(piece)
            if total > most:
                _refuse(total, most)
            # zlib hands back what it has not used; bz2 and lzma keep it.
            before, rest = rest, getattr(stream, "unconsumed_tail", b"")
            if not piece and not rest and not before:
                return
        data = stream.unused_data


def _zstd_size(data: bytes) -> int | None:
    """Read the content size of a frame's header (RFC 8878, 3.1.1.1); None if it is not told."""
    if len(data) < 6 or data[:4] != b"\x28\xb5\x2f\xfd":
        raise ValueError("a chunk is no zstd frame")
    flags = data[4]
    single = flags >> 5 & 1
    width = (1 if single else 0, 2, 4, 8)[flags >> 6]
    if not width:
        return None
    place = 5 + (not single) + (0, 1, 2, 4)[flags & 3]
    size = int.from_bytes(data[place : place + width], "little")
    return size + 256 if width == 2 else size


@cache
def bounded_codecs() -> dict[str, str]:
    """Register Zarr 3 codecs that check before they unpack.

    Returns
    -------
    dict
        For `zarr.config.set`, while an array is opened.
    """
    from zarr.codecs import numcodecs
    from zarr.codecs.blosc import BloscCodec
    from zarr.codecs.gzip import GzipCodec
    from zarr.codecs.zstd import ZstdCodec
    from zarr.registry import register_codec

    kinds: dict[str, Any] = {"blosc": BloscCodec, "gzip": GzipCodec, "zstd": ZstdCodec}
    for name in ("Blosc", "BZ2", "GZip", "LZ4", "LZMA", "Zlib", "Zstd"):
        kinds[f"numcodecs.{name.lower()}"] = getattr(numcodecs, name)
    chosen = {}
    for key, kind in kinds.items():
        bounded = _bounded(kind, key.removeprefix("numcodecs."))
        register_codec(key, bounded)
        chosen[f"codecs.{key}"] = f"{bounded.__module__}.{bounded.__qualname__}"
    return chosen


def _bounded(kind: Any, compressor: str) -> Any:
    async def decode(self: Any, chunk_bytes: Any, chunk_spec: Any) -> Any:
        itemsize = chunk_spec.dtype.to_native_dtype().itemsize
        most = most_unpacked(math.prod(chunk_spec.shape) * itemsize)
        check_unpacked(chunk_bytes.to_bytes(), compressor, most)
        return await kind._decode_single(self, chunk_bytes, chunk_spec)

    name = f"Bounded{kind.__name__}_{compressor}"
    return type(name, (kind,), {"_decode_single": decode, "__module__": __name__})


def bounded_store(path: Path, array: "zarr.Array[Any]") -> "LocalStore | None":
    """Give a store that checks the chunks of a Zarr 2 array; None for an array of Zarr 3.

    Raises
    ------
    ValueError
        If its filters compress too: what comes out of them cannot be bounded.
    """
    from zarr.storage import LocalStore

    if array.metadata.zarr_format != 2:
        return None
    compressor = getattr(array.metadata.compressor, "codec_id", "")
    filters = {getattr(f, "codec_id", "") for f in array.metadata.filters or ()}
    if filters & COMPRESSORS:
        raise ValueError("it is compressed by a filter; write it again with one compressor")
    most = most_unpacked(math.prod(array.chunks) * array.dtype.itemsize)

    class BoundedStore(LocalStore):
        async def get(self, key: str, prototype: Any = None, byte_range: Any = None) -> Any:
            value = await super().get(key, prototype, byte_range)
            if value is not None and not PurePosixPath(key).name.startswith("."):
                check_unpacked(value.to_bytes(), compressor, most)
            return value

    return BoundedStore(path, read_only=True)


def large_chunks(dataset: "h5py.Dataset") -> set[tuple[int, ...]]:
    """List the first voxels of those deflated chunks of an HDF5 dataset that need a check."""
    if dataset.chunks is None:
        return set()
    properties = dataset.id.get_create_plist()
    filters = {properties.get_filter(i)[0] for i in range(properties.get_nfilters())}
    if _HDF5_DEFLATE not in filters:
        return set()
    found: set[tuple[int, ...]] = set()

    def note(chunk: Any) -> None:
        if chunk.size > _HARMLESS and not chunk.filter_mask:
            found.add(tuple(chunk.chunk_offset))

    dataset.id.chunk_iter(note)
    return found


def check_large_chunks(dataset: "h5py.Dataset", large: set[tuple[int, ...]], key: Any) -> None:
    """Check the large chunks that a slicing touches; each is taken off the list then.

    Raises
    ------
    ValueError
        As `check_unpacked`.
    """
    if not large:
        return
    parts = key if isinstance(key, tuple) else (key,)
    spans = []
    for axis, length in enumerate(dataset.shape):
        part = parts[axis] if axis < len(parts) and parts[axis] is not Ellipsis else slice(None)
        bounds = part.indices(length)[:2] if isinstance(part, slice) else (part, part + 1)
        spans.append(bounds)
    most = most_unpacked(math.prod(dataset.chunks) * dataset.dtype.itemsize)
    for first in sorted(large):
        touched = all(
            low < start + size and start < high
            for start, size, (low, high) in zip(first, dataset.chunks, spans, strict=True)
        )
        if touched:
            check_unpacked(dataset.id.read_direct_chunk(first)[1], "zlib", most)
            large.remove(first)
