"""Inputs that a person may well give and no program can use, and what the command line says.

``python tests/helpers/bad_inputs.py`` runs all and writes docs/bad_input.md; a test keeps it true.
"""

import json
import os
import struct
import subprocess
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numcodecs
import numpy as np
import tifffile
import zarr
from particlebridge.bridge.cli.app import app
from particlebridge.bridge.volumes.ome_zarr import create_stack
from PIL import Image
from typer.testing import CliRunner

TABLE = Path(__file__).parents[2] / "docs" / "bad_input.md"
VAST = 1_600_000
"""Side of a slice of terabytes; a sparse file makes it look possible."""
GREY = (np.arange(6 * 40 * 40) % 251).astype(np.uint16).reshape(6, 40, 40)
LABELS = np.kron(np.array([[1, 0], [0, 2]], np.uint16), np.ones((20, 20), np.uint16))
SQUARES = np.kron(np.eye(5), np.pad(np.ones((6, 6)), 1)).astype(np.uint8)
_RUN = ("run", "{file}", "--out", "{out}", "--diameter", "20")


@dataclass(frozen=True)
class Bad:
    """What is bad, how to make it, and the command that meets it.

    `make` writes the file and may return a function that clears up. In `command`, {file} is its
    path, {folder} its folder, {out} a fresh folder beside it. `named` is the file that the sentence
    shall name where it is another one.
    """

    what: str
    file: str
    make: Callable[[Path], Any]
    command: tuple[str, ...] = _RUN
    named: str | None = None


def said(bad: Bad, folder: Path) -> tuple[int, str]:
    """Run a command on a bad input: its exit code, and the sentence without the folder's name."""
    path = folder / bad.file
    path.parent.mkdir(parents=True, exist_ok=True)
    clear = bad.make(path)
    try:
        command = [
            part.format(file=path, out=folder / "out", folder=folder) for part in bad.command
        ]
        result = CliRunner().invoke(app, command)
    finally:
        if callable(clear):
            clear()
    lines = [line for line in result.stderr.splitlines() if line.startswith("particlebridge: ")]
    text = "\n".join(lines) or f"{result.exception!r} {result.output}"
    return result.exit_code, text.replace(f"{folder}{os.sep}", "")


def _tiff(path: Path, **options: Any) -> None:
    tifffile.imwrite(path, GREY, photometric="minisblack", **options)


def _two_sizes(path: Path) -> None:
    with tifffile.TiffWriter(path) as tif:
        for page in (*GREY, GREY[0, :38]):
            tif.write(page, contiguous=False, metadata=None)


def _added(path: Path) -> None:
    _tiff(path, imagej=True, metadata={"axes": "ZYX"})
    with tifffile.TiffWriter(path, append="force") as tif:
        tif.write(GREY[0], metadata=None)


def _mixed(folder: Path) -> None:
    folder.mkdir()
    for name in ("s0", "s1", "s2", "overview"):
        tifffile.imwrite(folder / f"{name}.tif", GREY[0])


def _two_channels(folder: Path) -> None:
    folder.mkdir()
    for name in ("z0_c0", "z0_c1", "z1_c0", "z1_c1"):
        tifffile.imwrite(folder / f"{name}.tif", GREY[0])


def _unread(folder: Path) -> None:
    folder.mkdir()
    for name in ("a.svs", "b.dcm"):
        (folder / name).write_bytes(b"II")


def _cut(path: Path) -> None:
    _tiff(path)
    path.write_bytes(path.read_bytes()[:9000])


def _flipped(path: Path) -> None:
    _tiff(path, compression="zlib")
    with tifffile.TiffFile(path) as tif:
        at = tif.pages[3].dataoffsets[0] + 40  # type: ignore[union-attr]
    data = bytearray(path.read_bytes())
    data[at] ^= 0x10
    path.write_bytes(data)


def _absurd(path: Path) -> None:
    _tiff(path, compression="zlib")
    with tifffile.TiffFile(path) as tif:
        at = [page.tags["ImageLength"].valueoffset for page in tif.pages]  # type: ignore[union-attr]
    data = bytearray(path.read_bytes())
    for place in at:
        data[place : place + 2] = b"\xff\xff"
    path.write_bytes(data)


def _circle(path: Path) -> None:
    _tiff(path)
    with tifffile.TiffFile(path) as tif:
        first, last = tif.pages[0].offset, tif.pages[-1].offset
    data = bytearray(path.read_bytes())
    (count,) = struct.unpack_from("<H", data, last)
    struct.pack_into("<I", data, last + 2 + 12 * count, first)
    path.write_bytes(data)


def _tiff_vast(path: Path) -> None:
    tifffile.imwrite(path, GREY[0].astype(np.uint8), compression="zlib", photometric=1)
    with tifffile.TiffFile(path, mode="r+") as tif:
        for name in ("ImageWidth", "ImageLength", "RowsPerStrip"):
            tif.pages.first.tags[name].overwrite(VAST, dtype="I")
    _stretch(path, VAST**2 // 900)


def _npy_cut(path: Path) -> None:
    np.save(path, GREY)
    path.write_bytes(path.read_bytes()[:9000])


def _npy_vast(path: Path) -> None:
    np.save(path, GREY[0].astype(np.uint8))
    text = path.read_bytes()[:128].replace(b"(40, 40), }" + b" " * 14, b"(1600000, 1600000), }    ")
    path.write_bytes(text)
    _stretch(path, 128 + VAST**2)


def _zarr_vast(path: Path) -> None:
    shape = (2, VAST, VAST)
    zarr.create_array(path, shape=shape, dtype="u1", chunks=shape, zarr_format=2)
    chunk = path / "0.0.0"
    chunk.write_bytes(b"\x28\xb5\x2f\xfd")
    _stretch(chunk, 2 * VAST**2 // 900)


def _stretch(path: Path, size: int) -> None:
    with path.open("r+b") as file:
        file.truncate(size)


def _png_vast(path: Path) -> None:
    def part(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = struct.pack(">IIBBBBB", VAST, VAST, 8, 0, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + part(b"IHDR", head)
        + part(b"IDAT", zlib.compress(bytes(1 << 20)))
        + part(b"IEND", b"")
    )


def _holed(value: float) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        grey = GREY.astype(np.float32)
        grey[3, 20, 20] = value
        tifffile.imwrite(path, grey, photometric="minisblack")

    return make


def _slices(path: Path) -> None:
    path.mkdir()
    for z, plane in enumerate(GREY):
        last = z == len(GREY) - 1
        tifffile.imwrite(path / f"s{z}.tif", plane.astype(np.uint8) if last else plane)


def _zarr(path: Path, **options: Any) -> Any:
    array = zarr.create_array(
        path, shape=GREY.shape, dtype=GREY.dtype, chunks=(2, 20, 20), **options
    )
    array[:] = GREY + 1
    return array


def _zarr_lost(path: Path) -> None:
    array = create_stack(path, GREY.shape, GREY.dtype, (1, 1, 1), (2, 20, 20))
    array[:] = GREY
    (path / "0/1/1/1").unlink()


def _zarr_cut(path: Path) -> None:
    _zarr(path, zarr_format=2, compressors=numcodecs.Blosc())
    chunk = path / "1.1.1"
    chunk.write_bytes(chunk.read_bytes()[:-40])


def _zarr_bomb(path: Path) -> None:
    _zarr(path, compressors=zarr.codecs.ZstdCodec())
    frame = b"\x28\xb5\x2f\xfd\xe0" + struct.pack("<Q", 1 << 36) + b"\x01\x00\x00"
    (path / "c/1/1/1").write_bytes(frame)


def _zarr_pickle(path: Path) -> None:
    _zarr(path, zarr_format=2)
    text = json.loads((path / ".zarray").read_text())
    text["filters"] = [{"id": "pickle", "protocol": 5}]
    (path / ".zarray").write_text(json.dumps(text))


def _zarr_absurd(path: Path) -> None:
    _zarr(path, zarr_format=2)
    text = json.loads((path / ".zarray").read_text())
    text["shape"] = [10**6, 10**6, 10**6]
    (path / ".zarray").write_text(json.dumps(text))


def _h5(make: Callable[[h5py.File], Any]) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        with h5py.File(path, "w") as file:
            make(file)

    return write


def _h5_bomb(file: h5py.File) -> None:
    dataset = file.create_dataset("grey", (8, 64, 64), "u2", chunks=(4, 64, 64), compression="gzip")
    dataset[:] = 7
    packer = zlib.compressobj(1)
    block = bytes(1 << 24)
    stream = b"".join([*(packer.compress(block) for _ in range(80)), packer.flush()])
    dataset.id.write_direct_chunk((4, 0, 0), stream)


def _two_datasets(file: h5py.File) -> None:
    file["raw"], file["scan"] = GREY, GREY


def _linked(file: h5py.File) -> None:
    file["entry/data"] = h5py.ExternalLink("data.h5", "/raw")


def _raw_and_label(file: h5py.File) -> None:
    file["raw"], file["label"] = np.stack([GREY, GREY]), GREY


def _frames(file: h5py.File) -> None:
    file["exported_data"] = GREY
    tags = {"axes": [{"key": axis} for axis in "tyx"]}
    file["exported_data"].attrs["axistags"] = json.dumps(tags)


def _zip(*members: tuple[str, bytes]) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in members:
                archive.writestr(name, data)

    return make


def _text(text: str) -> Callable[[Path], Any]:
    return lambda path: path.write_text(text)


def _annotated(text: str) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        tifffile.imwrite(path.with_name("a.tif"), GREY[0])
        path.write_text(text)

    return make


def _masked(values: np.ndarray) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        tifffile.imwrite(path.with_name("a.tif"), np.zeros(values.shape, np.uint8))
        Image.fromarray(values).save(path)

    return make


def _via(shape: Any) -> str:
    region = {"shape_attributes": shape, "region_attributes": {}}
    return json.dumps({"a.tif1": {"filename": "a.tif", "size": 1, "regions": [region]}})


def _config(text: str) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        path.mkdir()
        (path / "config.json").write_text(text)
        (path / "weights_best.h5").write_bytes(b"")
        _tiff(path.with_name("scan.tif"))

    return make


def _run_folder(path: Path) -> None:
    _tiff(path)
    (path.parent / "out").mkdir()
    (path.parent / "out" / "run.json").write_text('{"stages": ')


def _held(path: Path) -> Callable[[], None]:
    _tiff(path)
    (path.parent / "out").mkdir()
    code = (
        "import sys, time; from filelock import FileLock; lock = FileLock(sys.argv[1]); "
        "lock.acquire(); print('held', flush=True); time.sleep(600)"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", code, str(path.parent / "out" / ".particlebridge-lock")],
        stdout=subprocess.PIPE,
    )
    assert other.stdout is not None
    other.stdout.readline()

    def clear() -> None:
        other.kill()
        other.wait()
        other.stdout.close()  # type: ignore[union-attr]

    return clear


def _gap(path: Path) -> None:
    path.mkdir()
    for z, plane in enumerate(GREY):
        tifffile.imwrite(path / f"s{z}.tif", plane)
    (path / "s3.tif").unlink()


_SEGMENT = ("segment", "{file}", "--out", "{out}", "--diameter", "20")
_TRAIN = ("train", "--images", "{folder}/a.tif", "--labels", "{file}", "--out", "{out}")
_MODEL = ("segment", "{folder}/scan.tif", "--model", "{file}", "--out", "{out}")
_INSPECT = ("inspect", "{file}")
_EXPLAIN = ("explain", "{file}", "--out", "{out}")

CASES = (
    Bad("no such file", "scan.tif", lambda path: None),
    Bad("text under the name of a TIFF", "scan.tif", _text("hello")),
    Bad("an unknown kind of file", "scan.nii", _text("hello")),
    Bad("TIFF cut short", "scan.tif", _cut),
    Bad("TIFF, one bit of packed pixels flipped", "scan.tif", _flipped),
    Bad("TIFF that declares absurd sizes", "scan.tif", _absurd),
    Bad("TIFF of one image that unpacks to terabytes", "scan.tif", _tiff_vast, _SEGMENT),
    Bad("array cut short", "scan.npy", _npy_cut),
    Bad("array of terabytes in a sparse file", "scan.npy", _npy_vast, _SEGMENT),
    Bad("PNG that unpacks to terabytes", "scan.png", _png_vast, _SEGMENT),
    Bad("TIFF whose pages refer to each other in a circle", "scan.tif", _circle),
    Bad("TIFF in colour", "scan.tif",
        lambda p: tifffile.imwrite(p, np.ones((4, 9, 9, 3), np.uint8) * np.uint8([9, 0, 0]),
                                   photometric="rgb")),
    Bad("TIFF of time frames", "scan.tif",
        lambda p: tifffile.imwrite(p, GREY, imagej=True, metadata={"axes": "TYX"})),
    Bad("TIFF of images of two sizes", "scan.tif", _two_sizes),
    Bad("ImageJ TIFF to which images were added", "scan.tif", _added),
    Bad("a pointer of Git LFS", "scan.tif", _text("version https://git-lfs.github.com/spec/v1\n")),
    Bad("one slice where a volume is needed", "scan.tif", lambda p: tifffile.imwrite(p, GREY[0])),
    Bad("a volume one voxel thin", "scan.npy", lambda p: np.save(p, GREY[:, :1])),
    Bad("an array of no voxels", "scan.npy", lambda p: np.save(p, GREY[:0])),
    Bad("complex numbers", "scan.npy", lambda p: np.save(p, GREY.astype(complex))),
    Bad("Python objects, which would run code", "scan.npy",
        lambda p: np.save(p, np.array([{}], object), allow_pickle=True)),
    Bad("NaN amid the sample", "scan.tif", _holed(np.nan)),
    Bad("infinity", "scan.tif", _holed(np.inf)),
    Bad("nothing but NaN", "scan.npy", lambda p: np.save(p, np.full((4, 9, 9), np.nan, "f4"))),
    Bad("a volume of one constant, no diameter given", "scan.npy",
        lambda p: np.save(p, np.full((4, 64, 64), 7, "u1")),
        ("run", "{file}", "--out", "{out}")),
    Bad("slices of different types", "slices", _slices, (*_RUN, "--views", "xy")),
    Bad("a folder without images", "slices", lambda p: p.mkdir()),
    Bad("a slice that is missing", "slices", _gap, (*_RUN, "--views", "xy")),
    Bad("another image among slices", "slices", _mixed, (*_RUN, "--views", "xy")),
    Bad("two channels a slice", "slices", _two_channels, (*_RUN, "--views", "xy")),
    Bad("a folder of images of other kinds", "slices", _unread, (*_RUN, "--views", "xy")),
    Bad("OME-Zarr of ours with a lost chunk", "scan.zarr", _zarr_lost),
    Bad("Zarr with a chunk cut short", "scan.zarr", _zarr_cut),
    Bad("Zarr with a chunk that unpacks to 64 GB", "scan.zarr", _zarr_bomb),
    Bad("Zarr that would unpickle", "scan.zarr", _zarr_pickle),
    Bad("Zarr of 10^18 voxels", "scan.zarr", _zarr_absurd),
    Bad("Zarr whose chunks unpack to terabytes", "scan.zarr", _zarr_vast),
    Bad("HDF5 of several datasets", "scan.h5", _h5(_two_datasets)),
    Bad("HDF5 of labels and of two channels", "scan.h5", _h5(_raw_and_label)),
    Bad("HDF5 of time frames, as ilastik writes it", "scan.h5", _h5(_frames)),
    Bad("NeXus file that links to another", "scan.nxs", _h5(_linked)),
    Bad("HDF5 dataset never written", "scan.h5",
        _h5(lambda f: f.create_dataset("a", (10**6, 10**5, 10**5), "u2", chunks=(8, 8, 8)))),
    Bad("HDF5 with a chunk that unpacks to gigabytes", "scan.h5", _h5(_h5_bomb)),
    Bad("HDF5 that keeps its voxels in another file", "scan.h5",
        _h5(lambda f: f.create_dataset("a", (4, 9, 9), "u2", external="other.raw"))),
    Bad("zip that writes outside its folder", "model.zip", _zip(("../../evil.sh", b"x")), _INSPECT),
    Bad("zip bomb", "model.zip", _zip(("saved_model.pb", bytes(100 << 20))), _INSPECT),
    Bad("zip that is no bundle", "model.zip", _zip(("readme.txt", b"hello")), _INSPECT),
    Bad("model folder without a model", "model", _config("{}"), _MODEL),
    Bad("model folder whose config.json is no JSON", "model", _config("n_rays: 32"), _MODEL),
    Bad("VIA: no JSON", "via.json", _annotated("{"), _TRAIN),
    Bad("VIA: nested ten thousand deep", "via.json", _annotated("[" * 10_000), _TRAIN),
    Bad("VIA: coordinates that are no numbers", "via.json",
        _annotated(_via({"name": "circle", "cx": "x", "cy": 1, "r": 2})), _TRAIN),
    Bad("VIA: coordinates of 1e308", "via.json",
        _annotated(_via({"name": "circle", "cx": 1e308, "cy": 1, "r": 1e308})), _TRAIN,
        named="a.tif"),
    Bad("VIA: points where outlines are needed", "via.json",
        _annotated(_via({"name": "point", "cx": 3, "cy": 3})), _TRAIN),
    Bad("COCO results, which do not name their images", "coco.json",
        _annotated('[{"image_id": 1, "segmentation": [[1, 1, 5, 1, 5, 5]]}]'), _TRAIN),
    Bad("COCO: of an image of another size", "coco.json", _annotated(json.dumps({
        "images": [{"id": 1, "file_name": "a.tif", "width": 512, "height": 512}],
        "annotations": [{"image_id": 1, "segmentation": [[1, 1, 5, 1, 5, 5]]}],
    })), _TRAIN),
    Bad("JSON of a kind not known", "labels.json", _annotated('{"objects": []}'), _TRAIN),
    Bad("labels: a mask of 0 and 255", "labels.png", _masked(SQUARES * 255), _TRAIN,
        named="a.tif"),
    Bad("labels: 1 for pores, 2 for particles", "labels.png", _masked(SQUARES + 1), _TRAIN,
        named="a.tif"),
    Bad("labels in JPEG", "labels.jpg", _masked(SQUARES), _TRAIN),
    Bad("VIA: another image's annotations", "via.json",
        _annotated('{"b.tif1": {"filename": "b.tif", "size": 1, "regions": []}}'), _TRAIN),
    Bad("a picture in colour for labels", "labels.tif",
        lambda p: tifffile.imwrite(p, np.stack([LABELS] * 3, -1), photometric="rgb"),
        ("compare", "{file}", "{file}")),
    Bad("label image of fractions", "labels.tif",
        lambda p: tifffile.imwrite(p, LABELS / np.float32(3)), ("compare", "{file}", "{file}")),
    Bad("sheet without the column path", "sheet.csv", _text("file,state\na.tif,1\n"),
        ("run", "{file}", "--out", "{out}")),
    Bad("sheet with a voxel size in words", "sheet.csv", _text("path,voxel_size\na.tif,small\n"),
        ("run", "{file}", "--out", "{out}")),
    Bad("table without labels", "features.csv", _text("Volume,Damage\n1,0.2\n"), _EXPLAIN),
    Bad("table of words", "features.csv", _text("label,Volume,Damage\n1,big,0\n"), _EXPLAIN),
    Bad("table that lacks columns", "features.csv", _text("label,Damage\n1,0\n"), _EXPLAIN),
    Bad("run folder whose run.json is cut short", "scan.tif", _run_folder),
    Bad("a second run on one folder", "scan.tif", _held),
)  # fmt: skip


def main() -> None:
    """Run every case and write the table."""
    rows = []
    for bad in CASES:
        with tempfile.TemporaryDirectory() as folder:
            code, text = said(bad, Path(folder))
        print(f"{code} {bad.what}: {text}", flush=True)
        rows.append(row(bad, text))
    _, mark, rest = TABLE.read_text("utf-8").partition(FUZZED)
    TABLE.write_text(HEAD + "".join(rows) + mark + rest, encoding="utf-8")


HEAD = """# Error messages for input that cannot be used

For each input the command ends with exit code 1, prints this line to stderr and leaves no
half-written file. `python tests/helpers/bad_inputs.py` runs all commands and writes this table; a
test checks it.

| input | sentence |
|---|---|
"""

FUZZED = "\n## Fuzzing\n"
"""What follows is written by hand."""


def row(bad: Bad, text: str) -> str:
    """Make a line of the table."""
    plain = text.removeprefix("particlebridge: ").replace("|", "\\|").replace("\n", " ")
    return f"| {bad.what} | {plain} |\n"


if __name__ == "__main__":
    main()
