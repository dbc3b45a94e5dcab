"""Chunks that unpack to gigabytes, or declare absurd sizes, are refused before they do."""

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
from particlebridge.bridge.volumes.reading import read_volume

GREY = np.arange(8 * 8 * 8, dtype=np.uint16).reshape(8, 8, 8)
BOMB = 5 << 28
"""Bytes: far more than the tests' memory limit lets pass unnoticed."""

_V2: dict[str, Any] = {
    "gzip": numcodecs.GZip(),
    "zlib": numcodecs.Zlib(),
    "bz2": numcodecs.BZ2(),
    "lzma": numcodecs.LZMA(),
    "zstd": numcodecs.Zstd(),
    "blosc": numcodecs.Blosc(),
    "lz4": numcodecs.LZ4(),
}
_V3: dict[str, Any] = {
    "gzip": zarr.codecs.GzipCodec(),
    "zstd": zarr.codecs.ZstdCodec(),
    "blosc": zarr.codecs.BloscCodec(),
}


@pytest.fixture(scope="module")
def deflated() -> bytes:
    """A gzip stream of `BOMB` zeros, from one block repeated."""
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    block = bytes(1 << 24)
    parts = [packer.compress(block) for _ in range(BOMB >> 24)]
    return b"".join([*parts, packer.flush()])


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


@pytest.mark.parametrize(("version", "codec"), [(2, "zstd"), (3, "zstd"), (2, "gzip"), (3, "gzip")])
def test_a_chunk_that_unpacks_to_gigabytes(
    version: Any, codec: str, deflated: bytes, tmp_path: Path
) -> None:
    """Deflate packs a thousand to one, so the chunk is larger than the voxels it stands for."""
    path = tmp_path / "bomb.zarr"
    array = zarr.create_array(
        path,
        shape=GREY.shape,
        dtype=GREY.dtype,
        chunks=(4, 8, 8),
        zarr_format=version,
        compressors=(_V2 if version == 2 else _V3)[codec],
    )
    array[:] = GREY
    chunk = path / ("1.0.0" if version == 2 else "c/1/0/0")
    # A frame of zstd whose header declares 4 GB and whose block is missing, or 1.3 GB of zeros.
    header = b"\x28\xb5\x2f\xfd\xe0" + struct.pack("<Q", 1 << 32) + b"\x01\x00\x00"
    chunk.write_bytes(header if codec == "zstd" else deflated)
    match = "is stored in" if codec == "gzip" else "cannot be read"
    assert _grown(path, match) < 1 << 28


def test_an_hdf5_chunk_that_unpacks_to_gigabytes(deflated: bytes, tmp_path: Path) -> None:
    path = tmp_path / "bomb.h5"
    stream = zlib.compress(b"")[:2] + deflated[10:-8] + struct.pack(">I", 1)
    with h5py.File(path, "w") as file:
        dataset = file.create_dataset(
            "a", (8, 64, 64), np.uint16, chunks=(4, 64, 64), compression="gzip"
        )
        dataset[:] = 7
        dataset.id.write_direct_chunk((4, 0, 0), stream)
    assert len(stream) > 1 << 20
    assert _grown(path, "is stored in") < 1 << 28


def test_large_hdf5_chunks_of_noise_are_read(tmp_path: Path) -> None:
    path = tmp_path / "noise.h5"
    noise = np.random.default_rng(0).integers(0, 2**16, (16, 256, 256)).astype(np.uint16)
    with h5py.File(path, "w") as file:
        file.create_dataset("a", data=noise, chunks=(16, 256, 256), compression="gzip",
                            shuffle=True, fletcher32=True)  # fmt: skip
    assert np.array_equal(read_volume(path).data, noise)


@pytest.mark.parametrize("chunks", [(2**40, 8, 8), (8, 8, 2**62)])
def test_absurd_declared_chunks(chunks: tuple[int, ...], tmp_path: Path) -> None:
    path = tmp_path / "a.zarr"
    zarr.create_array(path, data=GREY, chunks=(8, 8, 8), zarr_format=3)
    described = json.loads((path / "zarr.json").read_text())
    described["chunk_grid"]["configuration"]["chunk_shape"] = chunks
    (path / "zarr.json").write_text(json.dumps(described))
    assert _grown(path, "declares|cannot be read as Zarr") < 1 << 28
