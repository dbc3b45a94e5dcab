"""Chunks that unpack to gigabytes, or declare absurd sizes, are refused without being unpacked."""

import json
import resource
import struct
import zlib
from pathlib import Path
from typing import Any

import h5py
import numcodecs
import numpy as np
import pytest
import zarr
from particlebridge.bridge.bounded_chunks import check_unpacked
from particlebridge.bridge.volumes import read_volume

GREY = np.arange(8 * 8 * 8, dtype=np.uint16).reshape(8, 8, 8)
BOMB = 5 << 28
"""Bytes: far more than the tests' memory limit lets pass unnoticed."""

_V2: dict[str, Any] = {
    "gzip": numcodecs.GZip(), "zlib": numcodecs.Zlib(), "bz2": numcodecs.BZ2(),
    "lzma": numcodecs.LZMA(), "zstd": numcodecs.Zstd(), "blosc": numcodecs.Blosc(),
    "lz4": numcodecs.LZ4(),
}  # fmt: skip
_V3: dict[str, Any] = {
    "gzip": zarr.codecs.GzipCodec(), "zstd": zarr.codecs.ZstdCodec(),
    "blosc": zarr.codecs.BloscCodec(),
}  # fmt: skip


@pytest.fixture(scope="module")
def deflated() -> bytes:
    """A gzip stream of `BOMB` zeros, from one block repeated."""
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    block = bytes(1 << 24)
    parts = [packer.compress(block) for _ in range(BOMB >> 24)]
    return b"".join([*parts, packer.flush()])


def _bomb(codec: str, deflated: bytes) -> bytes:
    if codec == "gzip":
        return deflated
    if codec == "zstd":
        # A frame header that declares 4 GB, and one raw block.
        return b"\x28\xb5\x2f\xfd\xe0" + struct.pack("<Q", 1 << 32) + b"\x01\x00\x00"
    if codec == "blosc":
        return b"\x02\x01\x01\x01" + struct.pack("<III", BOMB, 1 << 16, 64) + bytes(64)
    return struct.pack("<I", BOMB) + bytes(64)


def _grown(path: Path, match: str) -> int:
    """Read what must be refused; tell by how much the process grew."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ValueError, match=match) as caught:
        read_volume(path)
    assert path.name in str(caught.value)
    assert "\n" not in str(caught.value)
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) << 10


@pytest.mark.parametrize("codec", _V2)
def test_whole_zarr_2_arrays_are_read_with_each_compressor(codec: str, tmp_path: Path) -> None:
    path = tmp_path / "a.zarr"
    array = zarr.create_array(path, data=None, shape=GREY.shape, dtype=GREY.dtype,
                              chunks=(4, 8, 8), zarr_format=2, compressors=_V2[codec])  # fmt: skip
    array[:] = GREY
    assert np.array_equal(read_volume(path).data, GREY)


@pytest.mark.parametrize("codec", _V3)
@pytest.mark.parametrize("shards", [None, (8, 8, 8)])
def test_whole_zarr_3_arrays_are_read_with_each_compressor(
    codec: str, shards: tuple[int, ...] | None, tmp_path: Path
) -> None:
    path = tmp_path / "a.zarr"
    array = zarr.create_array(path, shape=GREY.shape, dtype=GREY.dtype, chunks=(4, 8, 8),
                              shards=shards, zarr_format=3, compressors=_V3[codec])  # fmt: skip
    array[:] = GREY
    assert np.array_equal(read_volume(path).data, GREY)


@pytest.mark.parametrize(
    ("version", "codec"),
    [(2, "zstd"), (2, "blosc"), (2, "lz4"), (3, "zstd"), (3, "blosc"), (2, "gzip"), (3, "gzip")],
)
def test_a_chunk_that_unpacks_to_gigabytes(
    version: Any, codec: str, deflated: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "bomb.zarr"
    array = zarr.create_array(
        path, shape=GREY.shape, dtype=GREY.dtype, chunks=(4, 8, 8), zarr_format=version,
        compressors=(_V2 if version == 2 else _V3)[codec],
    )  # fmt: skip
    array[:] = GREY
    chunk = path / ("1.0.0" if version == 2 else "c/1/0/0")
    chunk.write_bytes(_bomb(codec, deflated))
    assert _grown(path, "unpacks to") < 1 << 28


def test_a_chunk_in_a_shard_that_unpacks_to_gigabytes(tmp_path: Path) -> None:
    path = tmp_path / "bomb.zarr"
    array = zarr.create_array(path, shape=(8, 64, 64), dtype=np.uint16, chunks=(4, 64, 64),
                              shards=(8, 64, 64), compressors=_V3["zstd"])  # fmt: skip
    array[:] = np.random.default_rng(0).integers(0, 2**16, (8, 64, 64))
    shard = path / "c/0/0/0"
    data = shard.read_bytes()
    frame = data.index(b"\x28\xb5\x2f\xfd")
    bomb = _bomb("zstd", b"")
    shard.write_bytes(data[:frame] + bomb + data[frame + len(bomb) :])
    assert _grown(path, "unpacks to") < 1 << 28


def test_an_hdf5_chunk_that_unpacks_to_gigabytes(deflated: bytes, tmp_path: Path) -> None:
    path = tmp_path / "bomb.h5"
    stream = zlib.compress(b"")[:2] + deflated[10:-8] + struct.pack(">I", 1)
    with h5py.File(path, "w") as file:
        dataset = file.create_dataset("a", (8, 64, 64), np.uint16, chunks=(4, 64, 64),
                                      compression="gzip")  # fmt: skip
        dataset[:] = 7
        dataset.id.write_direct_chunk((4, 0, 0), stream)
    assert len(stream) > 1 << 20
    assert _grown(path, "unpacks to") < 1 << 28


def test_large_hdf5_chunks_of_noise_are_read(tmp_path: Path) -> None:
    path = tmp_path / "noise.h5"
    noise = np.random.default_rng(0).integers(0, 2**16, (16, 256, 256)).astype(np.uint16)
    with h5py.File(path, "w") as file:
        file.create_dataset("a", data=noise, chunks=(16, 256, 256), compression="gzip",
                            shuffle=True, fletcher32=True)  # fmt: skip
    assert np.array_equal(read_volume(path).data, noise)


def test_zstd_frames_that_do_not_tell_their_size_are_bounded_too() -> None:
    imagecodecs = pytest.importorskip("imagecodecs")
    frame = bytearray(imagecodecs.zstd_encode(bytes(300)))
    assert frame[4] >> 5 & 1  # a single segment: its size is told
    check_unpacked(bytes(frame), "zstd", 300)
    with pytest.raises(ValueError, match="unpacks to"):
        check_unpacked(bytes(frame), "zstd", 299)


@pytest.mark.parametrize("chunks", [(2**40, 8, 8), (8, 8, 2**62)])
def test_absurd_declared_chunks(chunks: tuple[int, ...], tmp_path: Path) -> None:
    path = tmp_path / "a.zarr"
    zarr.create_array(path, data=GREY, chunks=(8, 8, 8), zarr_format=3)
    described = json.loads((path / "zarr.json").read_text())
    described["chunk_grid"]["configuration"]["chunk_shape"] = chunks
    (path / "zarr.json").write_text(json.dumps(described))
    assert _grown(path, "declares|cannot be read as Zarr") < 1 << 28
