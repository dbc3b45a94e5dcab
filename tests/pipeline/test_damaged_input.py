"""Every reader against damaged files: a valid result, or one sentence that names the file.

Each case starts from a small valid file and changes bytes, fields or text of it. No other
exception, no endless loop and no memory beyond ``MOST_MEMORY`` may come of it. In CI each case runs
a few fixed examples; ``PARTICLEBRIDGE_FUZZ=long pytest tests/pipeline/test_damaged_input.py`` runs
many random ones (``PARTICLEBRIDGE_FUZZ_EXAMPLES`` of each, 2000 unless it is given) and adds how
many each reader had to ``PARTICLEBRIDGE_FUZZ_LOG``."""

import base64
import contextlib
import copy
import csv
import io
import json
import os
import re
import signal
import sys
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import h5py
import imagecodecs
import numpy as np
import pytest
import tifffile
import zarr
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from particlebridge.bridge.runs.run_folder import RunFolder
from particlebridge.bridge.runs.sheet import list_items
from particlebridge.bridge.volumes.images import is_image_stack, read_image
from particlebridge.bridge.volumes.labels import read_labels
from particlebridge.bridge.volumes.reading import read_volume
from particlebridge.bridge.volumes.tables import read_table
from particlebridge.exporter import inspect, read_annotations, safe_zip, write_rois
from particlebridge.exporter.networks.model_folders import read_config
from particlebridge.exporter.networks.record import ModelRecord, read_record
from particlebridge.exporter.safe_zip import write_zip
from PIL import Image

MOST_MEMORY = 512 << 20
"""Bytes by which the process may grow while it reads a file of some kilobytes."""

MOST_SECONDS = 20
LONG = os.environ.get("PARTICLEBRIDGE_FUZZ") == "long"
FUZZ = settings(
    max_examples=int(os.environ.get("PARTICLEBRIDGE_FUZZ_EXAMPLES", "2000")) if LONG else 25,
    derandomize=not LONG,
    deadline=None,
    database=None,
    phases=list(Phase) if LONG else [Phase.generate],
    suppress_health_check=list(HealthCheck),
)

LOG = os.environ.get("PARTICLEBRIDGE_FUZZ_LOG", os.devnull)
SEEN: dict[str, Counter[str]] = {}
"""Reader -> how many files it took and refused, and its CPU seconds."""

STACK = np.arange(3 * 4 * 5, dtype=np.uint16).reshape(3, 4, 5)
BUNDLE = Path(__file__).parents[1] / "data" / "plugin" / "bundle.zip"
LABELS = np.kron(np.array([[1, 0], [0, 2]], np.int32), np.ones((5, 5), np.int32))


@dataclass(frozen=True)
class Case:
    """A reader: the name of its file, how to write a valid one, how to read it whole."""

    file: str
    write: Callable[[Path], object]
    read: Callable[[Path], object]


# Reading whole, and what a valid result is


def _volume(path: Path) -> None:
    is_image_stack(path)
    volume = read_volume(path)
    assert volume.data.ndim == 3
    assert volume.data.size > 0
    assert volume.data.dtype.kind in "iufb"
    assert all(np.isfinite(v) and v > 0 for v in volume.spacing)
    np.asarray(volume.data).copy()


def _labels(path: Path) -> None:
    labels = read_labels(path)
    assert labels.dtype == np.int32
    assert labels.min() >= 0


def _image(path: Path) -> None:
    assert read_image(path).data.ndim in (2, 3)


def _table(path: Path) -> None:
    assert "label" in read_table(path)


def _sheet(path: Path) -> None:
    items = list_items([path])
    names = [item.name for item in items]
    assert len(set(names)) == len(names) > 0
    assert all(Path(name).name == name and name not in ("", ".", "..") for name in names)


def _run(path: Path) -> None:
    run = RunFolder(path.parent)
    run.is_done("fuse", {"a": 1}, [])
    run.claim("views/xy", {"model": "nmc"})
    with run.stage("fuse", {"a": 1}):
        pass


def _zip(path: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        inner = safe_zip.extract(path, Path(folder) / "inner")
        assert all(inner in file.parents for file in inner.rglob("*"))


def _annotations(path: Path) -> None:
    found = read_annotations(path, (32, 32), image=None)
    assert found.labels.shape == (32, 32)
    assert set(np.unique(found.labels)) - {-1, 0} == set(found.table.get("label", []))


def _label_image(path: Path) -> None:
    assert read_annotations(path).labels.dtype == np.int32


# Valid files


def _imagej(path: Path) -> None:
    details = {"axes": "ZYX", "spacing": 0.2, "unit": "um"}
    tifffile.imwrite(path, STACK, imagej=True, resolution=(10, 10), metadata=details)


def _ome(path: Path) -> None:
    sizes = {f"PhysicalSize{a}": 70 for a in "XYZ"} | {f"PhysicalSize{a}Unit": "nm" for a in "XYZ"}
    tifffile.imwrite(path, STACK, ome=True, metadata={"axes": "ZYX", **sizes})


def _deflated(path: Path) -> None:
    tifffile.imwrite(path, STACK, compression="zlib", photometric="minisblack")


def _described_pages(path: Path) -> None:
    for page in STACK:
        tifffile.imwrite(path, page, append=True)


def _previews(path: Path) -> None:
    with tifffile.TiffWriter(path) as tif:
        tif.write(STACK[0, ::2, ::2].astype(np.uint8), metadata=None)
        for z, page in enumerate(STACK):
            tif.write(page, contiguous=False, metadata=None, compression="zlib" if z else None)


def _pyramid(path: Path) -> None:
    with tifffile.TiffWriter(path, bigtiff=True) as tif:
        tif.write(STACK, subifds=1, photometric="minisblack", compression="zlib")
        tif.write(STACK[:, ::2, ::2], subfiletype=1, photometric="minisblack")


def _micrograph(path: Path) -> None:
    text = "[Scan]\nPixelWidth=7e-9\nPixelHeight=7e-9\n[PrivateFei]\nDatabarHeight=1\n"
    tifffile.imwrite(path, STACK[0], metadata=None, extratags=[(34682, 2, 0, text, True)])


def _deep_png(path: Path) -> None:
    colour = np.stack([STACK[0]] * 3, -1)
    path.write_bytes(imagecodecs.png_encode(colour))


def _hdf5(path: Path) -> None:
    with h5py.File(path, "w") as file:
        dataset = file.create_dataset("grey", data=STACK, chunks=(2, 2, 5), compression="gzip")
        dataset.attrs["element_size_um"] = (0.3, 0.2, 0.1)


def _run_json(path: Path) -> None:
    with RunFolder(path.parent).stage("fuse", {"a": 1}) as notes:
        notes["particles"] = 3
    RunFolder(path.parent).claim("views/xy", {"model": "nmc", "thresholds": [0.5, 0.4]})


def _zipped(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("saved_model.pb", bytes(range(256)) * 4)
        archive.writestr("variables/variables.index", b"index")


def _rois(path: Path) -> None:
    write_rois(LABELS, path)


def _roi(path: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        write_rois(LABELS, Path(folder) / "set.zip")
        with zipfile.ZipFile(Path(folder) / "set.zip") as archive:
            path.write_bytes(archive.read(archive.namelist()[0]))


def _picture(path: Path) -> None:
    Image.fromarray(LABELS.astype(np.uint8)).save(path)


def _coloured(path: Path) -> None:
    colours = np.array([(0, 0, 0), (200, 20, 20), (20, 20, 200)], np.uint8)
    Image.fromarray(colours[LABELS]).save(path)


def _png_text() -> str:
    data = io.BytesIO()
    Image.fromarray(np.ones((2, 3), np.uint8)).save(data, "png")
    return base64.b64encode(data.getvalue()).decode()


@cache
def _graph() -> bytes:
    """A bundle's graph without its weights: there are few bytes, so more of them matter."""
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    with zipfile.ZipFile(BUNDLE) as archive:
        saved = SavedModel.FromString(archive.read("saved_model.pb"))
    for node in saved.meta_graphs[0].graph_def.node:
        tensor = node.attr["value"].tensor
        if len(tensor.tensor_content) > 64:
            tensor.tensor_content = tensor.tensor_content[:64]
    return bytes(saved.SerializeToString())


def _write_json(document: Any) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        path.write_text(json.dumps(document))

    return write


POLYGON = {"name": "polygon", "all_points_x": [1, 9, 9, 1], "all_points_y": [1, 1, 8, 8]}
CIRCLE = {"name": "circle", "cx": 20, "cy": 20, "r": 4}
VIA = {
    "_via_img_metadata": {
        "a.png9": {
            "filename": "a.png",
            "size": 9,
            "regions": [
                {"shape_attributes": POLYGON, "region_attributes": {"type": "particle"}},
                {"shape_attributes": CIRCLE, "region_attributes": {"ok": {"a": True}}},
            ],
            "file_attributes": {},
        }
    }
}
GEOJSON = {
    "type": "FeatureCollection",
    "features": [
        {
            "type": "Feature",
            "geometry": {"type": "Polygon", "coordinates": [[[1, 1], [9, 1], [9, 9], [1, 1]]]},
            "properties": {"classification": {"name": "particle"}},
        }
    ],
}
QUPATH = {
    "type": "FeatureCollection",
    "features": [
        {
            "type": "Feature",
            "id": "PathAnnotationObject",
            "geometry": {
                "type": kind,
                "coordinates": [[[a, 1], [b, 1], [b, b], [a, b], [a, 1]]],
                "plane": {"c": -1, "z": 0, "t": 0},
                "geometries": [{"type": "MultiPolygon", "coordinates": [[[[1, 1], [2, 2]]]]}],
            },
            "properties": {"objectType": what, "classification": {"names": ["Ignore*"]}},
        }
        for kind, what, a, b in (
            ("Polygon", "annotation", 0, 30),
            ("Polygon", "detection", 3, 9),
            ("LineString", "detection", 3, 9),
            ("GeometryCollection", "annotation", 3, 9),
        )
    ],
}
LABELME = {
    "shapes": [
        {"label": "a", "points": [[1, 1], [9, 1], [9, 9]], "shape_type": "polygon", "group_id": 1},
        {"label": "b", "points": [[20, 20], [24, 20]], "shape_type": "circle"},
        {"label": "c", "points": [[2, 2], [5, 2], [5, 5]], "shape_type": "linestrip"},
        {"label": "d", "points": [[2, 2], [5, 5]], "shape_type": "rectangle"},
        {"label": "e", "points": [[3, 4], [5, 5]], "shape_type": "mask", "mask": _png_text()},
    ],
    "imageHeight": 32,
    "imageWidth": 32,
}
COCO = {
    "images": [{"id": 1, "file_name": "a.png", "height": 32, "width": 32}],
    "annotations": [
        {"image_id": 1, "category_id": 1, "segmentation": [[1, 1, 9, 1, 9, 9], [4, 4, 8, 4, 6, 8]]},
        {"image_id": 1, "segmentation": {"size": [32, 32], "counts": [40, 5, 979]}, "iscrowd": 1},
        {"image_id": 1, "segmentation": {"size": [32, 32], "counts": "i154LM2hm0"}},
        {"image_id": 1, "segmentation": [], "bbox": [1, 2, 3, 4]},
    ],
    "categories": [{"id": 1, "name": "p"}],
}
VIA3 = {
    "project": {"pid": "x"},
    "attribute": {"1": {"aname": "a", "options": {"0": "b"}}},
    "file": {"1": {"fid": "1", "fname": "a.png", "src": ""}},
    "view": {"1": {"fid_list": ["1"]}},
    "metadata": {
        str(k): {"vid": "1", "z": [], "xy": xy, "av": {"1": "0"}}
        for k, xy in enumerate(
            [[7, 1, 1, 9, 1, 9, 8], [2, 2, 2, 9, 9], [9, 1, 1, 5, 5, 1, 8], [6, 1, 1, 9, 1, 9, 8]]
        )
    },
}
RUN = {
    "settings": {"model": "nmc"},
    "claims": {"views/xy": {"model": "nmc", "thresholds": [0.5, 0.4]}},
    "stages": {"fuse": {"key": "0123456789abcdef", "seconds": 1.5, "particles": 3}},
}
RECORD = json.loads(json.dumps(asdict(ModelRecord(grid=(2, 2), rays=32))))
VIA3_TABLE = [
    ["# CSV_HEADER = metadata_id", "file_list", "flags", "temporal_coordinates",
     "spatial_coordinates", "metadata"],
    ["1_a", '["a.png"]', "0", "[]", "[7,1,1,9,1,9,8]", '{"1":"0"}'],
]  # fmt: skip
VIA_TABLE = [
    ["filename", "file_size", "region_shape_attributes", "region_attributes"],
    ["a.png", "9", json.dumps(POLYGON), "{}"],
    ["a.png", "9", json.dumps(CIRCLE), json.dumps({"a": "b"})],
]
SHEET = [
    ["path", "voxel_size", "state", "group"],
    ["a.tif", "0.1,0.07,0.07", "10", "x"],
    ["b.tif", "0.07", "50", "y"],
]
FEATURES = [["label", "Volume", "Damage", "state"], ["1", "2.5", "0.1", "a"], ["2", "3", "", "b"]]

CONFIG = {"n_rays": 32, "grid": [2, 2], "axes": "YXC", "probabilistic": False}

BYTES = {
    "imagej tiff": Case("a.tif", _imagej, _volume),
    "ome tiff": Case("a.ome.tif", _ome, _volume),
    "deflated tiff": Case("a.tif", _deflated, _labels),
    "tiff of pages with a description each": Case("a.tif", _described_pages, _volume),
    "tiff with a preview, packed in two ways": Case("a.tif", _previews, _volume),
    "tiff pyramid": Case("a.tif", _pyramid, _volume),
    "tiff of an electron microscope": Case("a.tif", _micrograph, _image),
    "png of 16 bits in colour": Case("a.png", _deep_png, _image),
    "tiff of labels to train on": Case("a.tif", _deflated, _label_image),
    "npy": Case("a.npy", lambda path: np.save(path, STACK), _volume),
    "png": Case("a.png", _picture, _image),
    "png of labels to train on": Case("a.png", _picture, _label_image),
    "png of labels in colour": Case("a.png", _coloured, _label_image),
    "coco": Case("a.json", lambda p: _write_json(COCO)(p), _annotations),
    "jpeg": Case("a.jpg", _picture, _image),
    "bmp": Case("a.bmp", _picture, _image),
    "hdf5": Case("a.h5", _hdf5, _volume),
    "zip": Case("a.zip", _zipped, _zip),
    "roi set": Case("a.zip", _rois, _annotations),
    "roi": Case("a.roi", _roi, _annotations),
    "via json": Case("a.json", _write_json(VIA), _annotations),
    "run.json": Case("run.json", _run_json, _run),
    "csv sheet": Case("a.csv", lambda p: _write_rows(p, SHEET), _sheet),
    "csv table": Case("a.csv", lambda p: _write_rows(p, FEATURES), _table),
    "sheet of semicolons": Case("a.csv", lambda p: _write_rows(p, SHEET, ";"), _sheet),
    "sheet in utf-16": Case("a.csv", lambda p: _write_wide(p, SHEET), _sheet),
    "table of tabs": Case("a.csv", lambda p: _write_rows(p, FEATURES, "\t"), _table),
    "table in utf-16": Case("a.csv", lambda p: _write_wide(p, FEATURES), _table),
}
FIELDS = {
    "via json": (VIA, Case("a.json", _write_json(VIA), _annotations)),
    "via 3 json": (VIA3, Case("a.json", _write_json(VIA3), _annotations)),
    "coco": (COCO, Case("a.json", _write_json(COCO), _annotations)),
    "qupath": (QUPATH, Case("a.geojson", _write_json(QUPATH), _annotations)),
    "geojson": (GEOJSON, Case("a.geojson", _write_json(GEOJSON), _annotations)),
    "labelme": (LABELME, Case("a.json", _write_json(LABELME), _annotations)),
    "run.json": (RUN, Case("run.json", _write_json(RUN), _run)),
    "model config": (
        CONFIG,
        Case("config.json", _write_json(CONFIG), lambda p: read_config(p.parent)),
    ),
    "model record": (RECORD, Case("particlebridge.json", _write_json(RECORD), read_record)),
}
TABLES = {
    "sheet": (SHEET, Case("a.csv", lambda p: None, _sheet)),
    "features": (FEATURES, Case("a.csv", lambda p: None, _table)),
    "via csv": (VIA_TABLE, Case("a.csv", lambda p: None, _annotations)),
    "via 3 csv": (VIA3_TABLE, Case("a.csv", lambda p: None, _annotations)),
}

# Damage

JUNK = st.sampled_from(
    [None, True, "", "x" * 3000, "\x00\n", "..", "nan", "1e999", 0, -1, 1, 3, 2**31, 2**63, 10**30,
     1e308, 1e-320, float("nan"), float("inf"), [], {}, [[]], [None], {"a": {}}, [0] * 300,
     [2**40] * 3]
).map(copy.deepcopy)  # fmt: skip
EDGES = st.sampled_from(
    [b"\x00" * 4, b"\xff" * 4, b"\xff" * 8, b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f", b"\x00\x00",
     b"\x01\x00\x00\x00", b"\x00\x00\x00\x80", b"\n", b'"', b",", b"\xc3"]
)  # fmt: skip
PLACE = st.integers(0, 1 << 20)
EDITS = st.lists(
    st.one_of(
        st.tuples(st.just("flip"), PLACE, st.integers(0, 7)),
        st.tuples(st.just("set"), PLACE, EDGES),
        st.tuples(st.just("cut"), PLACE, st.none()),
        st.tuples(st.just("insert"), PLACE, st.binary(min_size=1, max_size=9)),
        st.tuples(st.just("drop"), PLACE, st.integers(1, 40)),
        st.tuples(st.just("repeat"), PLACE, st.integers(1, 2000)),
    ),
    min_size=1,
    max_size=4,
)


def _damaged(data: bytes, edits: list[tuple[str, int, Any]]) -> bytes:
    for kind, anywhere, what in edits:
        at = anywhere % max(len(data), 1)
        head, tail = data[:at], data[at:]
        if kind == "flip" and tail:
            data = head + bytes([tail[0] ^ (1 << what)]) + tail[1:]
        elif kind == "set":
            data = head + what + tail[len(what) :]
        elif kind == "cut":
            data = head
        elif kind == "insert":
            data = head + what + tail
        elif kind == "drop":
            data = head + tail[what:]
        else:
            data = head + tail[:8] * what + tail
    return data


def _places(document: Any, here: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Walk all places of a JSON document."""
    yield here
    if isinstance(document, (dict, list)):
        entries = document.items() if isinstance(document, dict) else enumerate(document)
        for key, value in entries:
            yield from _places(value, (*here, key))


@st.composite
def _broken(draw: st.DrawFn, document: Any) -> Any:
    """Replace, remove or double one to three places of a JSON document."""
    document = copy.deepcopy(document)
    for _ in range(draw(st.integers(1, 3))):
        *way, last = draw(st.sampled_from(list(_places(document)))) or (None,)
        if last is None:
            if draw(st.integers(0, 9)) == 0:
                return draw(JUNK)
            continue
        holder = document
        for key in way:
            holder = holder[key]
        match draw(st.sampled_from(["set", "remove", "double"])):
            case "set":
                holder[last] = draw(JUNK)
            case "remove":
                del holder[last]
            case "double" if isinstance(holder, list):
                holder.append(holder[last])
            case _:
                holder[str(draw(JUNK))[:50]] = holder[last] if isinstance(holder, dict) else 0
    return document


def _write_rows(path: Path, rows: list[list[Any]], separator: str = ",") -> None:
    text = io.StringIO()
    csv.writer(text, delimiter=separator).writerows(rows)
    path.write_text(text.getvalue(), errors="replace")


def _write_wide(path: Path, rows: list[list[Any]]) -> None:
    """As spreadsheets save what they call Unicode text."""
    _write_rows(path, rows, "\t")
    path.write_text(path.read_text(), encoding="utf-16")


# The property


@pytest.fixture(autouse=True, scope="module")
def _little_memory() -> Iterator[None]:
    """Let an absurd allocation fail instead of taking the machine's memory."""
    if sys.platform != "linux":
        yield
        return
    import resource

    before = resource.getrlimit(resource.RLIMIT_AS)
    held = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (held + (4 << 30), before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


@pytest.fixture(autouse=True, scope="module")
def _tally() -> Iterator[None]:
    yield
    with Path(LOG).open("a") as log:
        for name, seen in SEEN.items():
            log.write(
                f"| {name} | {seen['read'] + seen['refused']:,} | {seen['refused']:,} | "
                f"{seen['seconds']:.0f} |\n"
            )


class _Endless(BaseException):
    """No reader may take this for one of its own errors."""


@contextlib.contextmanager
def _limits() -> Iterator[None]:
    if sys.platform != "linux":
        yield
        return
    import resource

    def stop(*_: Any) -> None:
        raise _Endless(f"still reading after {MOST_SECONDS} s of CPU time")

    # Of CPU time: on a busy machine a small file may take long by the clock.
    usual = signal.signal(signal.SIGPROF, stop)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    signal.setitimer(signal.ITIMER_PROF, MOST_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, usual)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) << 10
    assert grown < MOST_MEMORY, f"grew by {grown:,} bytes"


def _endure(name: str, read: Callable[[Path], object], path: Path) -> None:
    """Read a damaged file: it must work, or fail by one sentence that names it."""
    seen = SEEN.setdefault(name, Counter())
    start = time.process_time()
    with _limits():
        try:
            read(path)
            seen["read"] += 1
        except (ValueError, OSError) as error:
            seen["refused"] += 1
            text = str(error)
            assert "\n" not in text, text
            assert path.name in text or path.parent.name in text, f"names no file: {text}"
            assert len(text) < 1500, f"too long: {text[:300]}"
            cause = error.__cause__
            assert not isinstance(error, UnicodeError), "a decoder's own error"
            # A decoder asks for what the header of a chunk declares, and touches none of it.
            assert not isinstance(cause, MemoryError) or name.startswith("zarr"), repr(cause)
        finally:
            seen["seconds"] += time.process_time() - start  # type: ignore[assignment]


@pytest.mark.parametrize("name", BYTES)
@FUZZ
@given(edits=EDITS)
def test_changed_bytes(name: str, edits: list[tuple[str, int, Any]]) -> None:
    case = BYTES[name]
    with tempfile.TemporaryDirectory(prefix="damaged-") as folder:
        path = Path(folder) / case.file
        case.write(path)
        case.read(path)
        case.write(path)
        path.write_bytes(_damaged(path.read_bytes(), edits))
        _endure(f"{name}, bytes", case.read, path)


@pytest.mark.parametrize("name", FIELDS)
@FUZZ
@given(data=st.data())
def test_changed_json_fields(name: str, data: st.DataObject) -> None:
    document, case = FIELDS[name]
    with tempfile.TemporaryDirectory(prefix="damaged-") as folder:
        path = Path(folder) / case.file
        case.write(path)
        path.write_text(json.dumps(data.draw(_broken(document))))
        _endure(f"{name}, fields", case.read, path)


@pytest.mark.parametrize("name", TABLES)
@FUZZ
@given(data=st.data())
def test_changed_cells(name: str, data: st.DataObject) -> None:
    rows, case = TABLES[name]
    with tempfile.TemporaryDirectory(prefix="damaged-") as folder:
        path = Path(folder) / case.file
        _write_rows(path, rows)
        case.read(path)
        broken = data.draw(_broken(rows))
        broken = broken if isinstance(broken, list) else [[broken]]
        _write_rows(path, [row if isinstance(row, list) else [row] for row in broken])
        _endure(f"{name}, cells", case.read, path)


_NUMBERS = st.lists(
    st.tuples(st.floats(-1e12, 1e12), st.one_of(st.none(), st.floats(0, 1))), min_size=1, max_size=6
)


@FUZZ
@given(
    numbers=_NUMBERS,
    separator=st.sampled_from(",;\t"),
    decimal_comma=st.booleans(),
    spaces=st.booleans(),
    told=st.booleans(),
    blank=st.integers(0, 3),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    newline=st.sampled_from(["\n", "\r\n"]),
)
def test_a_table_means_the_same_in_every_dialect(
    numbers: list[tuple[float, float | None]],
    separator: str,
    decimal_comma: bool,
    spaces: bool,
    told: bool,
    blank: int,
    encoding: str,
    newline: str,
) -> None:
    def written(value: float | None) -> str:
        text = "" if value is None else repr(value)
        return text.replace(".", ",") if decimal_comma and separator != "," else text

    rows = [["label", "Volume", "Damage", "state"]]
    rows += [[str(i), written(v), written(d), "a"] for i, (v, d) in enumerate(numbers, start=1)]
    between = f" {separator} " if spaces and separator != "\t" else separator
    lines = [f"sep={separator}"] * told + [between.join(row) for row in rows]
    lines += [separator * 3] * blank
    with tempfile.TemporaryDirectory(prefix="damaged-") as folder:
        path = Path(folder) / "a.csv"
        path.write_text(newline.join(lines) + newline, encoding=encoding, newline="")
        table = read_table(path)
    assert table.columns.tolist() == rows[0]
    assert table["Volume"].to_numpy() == pytest.approx([v for v, _ in numbers], rel=1e-12)
    damage = [np.nan if d is None else d for _, d in numbers]
    assert table["Damage"].to_numpy() == pytest.approx(damage, rel=1e-12, nan_ok=True)


@FUZZ
@given(edits=EDITS)
def test_changed_bundle_graph(edits: list[tuple[str, int, Any]]) -> None:
    with tempfile.TemporaryDirectory(prefix="damaged-") as folder:
        path = Path(folder) / "a.zip"
        write_zip(path, {"saved_model.pb": _damaged(_graph(), edits)})
        _endure("bundle, its graph", inspect, path)


@FUZZ
@given(data=st.data())
def test_changed_ome_xml(data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory(prefix="damaged-") as folder:
        path = Path(folder) / "a.ome.tif"
        _ome(path)
        with tifffile.TiffFile(path) as tif:
            xml = str(tif.ome_metadata)
        words = xml.split('"')
        for _ in range(data.draw(st.integers(1, 3))):
            at = data.draw(st.integers(0, len(words) - 1))
            junk = str(data.draw(JUNK))
            words[at] = junk if data.draw(st.booleans()) else words[at] + junk
        changed = '"'.join(words).replace("\x00", "?").encode("ascii", "replace")
        tifffile.imwrite(path, STACK, description=changed, metadata=None, photometric=1)
        _endure("ome-xml, attributes", _volume, path)


AXIS_UNITS = {axis: "nm" for axis in "zyx"}


@FUZZ
@given(data=st.data())
def test_changed_axis_tags(data: st.DataObject) -> None:
    """Attributes of ilastik and Fiji, broken as JSON, as bytes or in type, on 2 to 5 axes."""
    keys = data.draw(
        st.sampled_from(["zyx", "xyz", "zyxc", "tzyxc", "yxcz", "tyx", "yxc", "xtzcy"])
    )
    sides = st.sampled_from([2, 3, 4, 4, 4, 4, 1, 0])
    shape = [1 if key in "tc" and data.draw(st.booleans()) else data.draw(sides) for key in keys]
    tags = {"axes": [{"key": key, "typeFlags": 2, "resolution": 70.0} for key in keys]}
    with tempfile.TemporaryDirectory(prefix="damaged-") as folder:
        path = Path(folder) / "a.h5"
        with h5py.File(path, "w") as file:
            chunks = True if 0 not in shape and data.draw(st.booleans()) else None
            values = np.arange(np.prod(shape), dtype=np.uint16).reshape(shape)
            dataset = file.create_dataset("grey", data=values, chunks=chunks)
            for name, document in (("axistags", tags), ("axis_units", AXIS_UNITS)):
                change = _broken(document) if data.draw(st.booleans()) else st.just(document)
                text: Any = json.dumps(data.draw(change))
                kind = data.draw(st.sampled_from(["text", "text", "bytes", "array", "junk"]))
                if kind == "bytes":
                    text = np.bytes_(_damaged(text.encode(), data.draw(EDITS)).strip(b"\0") + b" ")
                elif kind == "array":
                    text = np.array([text.encode()] * data.draw(st.integers(1, 2)))
                elif kind == "junk":
                    text = data.draw(st.sampled_from([0, 1e308, True, [1, 2], [0.1] * 3]))
                with contextlib.suppress(ValueError, OSError):  # too long for an attribute
                    dataset.attrs[name] = text
            if data.draw(st.booleans()):
                size = data.draw(st.sampled_from([b"x", 0, [0.1] * 2, [0.1, -1, 1], [1e400] * 3]))
                dataset.attrs["element_size_um"] = size
        _endure("hdf5, axis tags", _volume, path)


@FUZZ
@given(order=st.permutations("tczyx"), length=st.integers(3, 5))
def test_any_order_of_axes_gives_one_volume(order: list[str], length: int) -> None:
    axes = [a for a in order if a in "zyx" or (a == "c" and length > 3) or length > 4]
    stored = np.expand_dims(STACK, tuple(range(len(axes) - 3)))
    names = "ct"[: len(axes) - 3] + "zyx"
    with tempfile.TemporaryDirectory(prefix="damaged-") as folder:
        path = Path(folder) / "a.h5"
        with h5py.File(path, "w") as file:
            turned = stored.transpose([names.index(a) for a in axes])
            dataset = file.create_dataset("grey", data=turned, chunks=(1,) * len(axes))
            dataset.attrs["axistags"] = json.dumps({"axes": [{"key": a} for a in axes]})
        assert np.array_equal(read_volume(path).data, STACK)


UNITS = st.one_of(
    st.sampled_from(["um", "\u00b5m", "nm", "pixel", "", "inch", "\\u00B5m", "furlong", "m" * 999]),
    st.text(max_size=8),
)
NUMBERS = st.one_of(
    st.sampled_from(["0", "-1", "nan", "inf", "1e999", "1e-320", "0.5", "x", "1,5", ""]),
    st.floats().map(str),
)


@FUZZ
@given(data=st.data())
def test_changed_imagej_units(data: st.DataObject) -> None:
    """Any units, spacing and counts: a size in micrometres, or none and a note that says why."""
    keys = ("unit", "yunit", "zunit", "spacing", "images", "slices", "channels", "frames")
    lines = ["ImageJ=1.54f"]
    for key in keys:
        if data.draw(st.booleans()):
            value = UNITS if key.endswith("unit") else NUMBERS
            if key in keys[4:]:
                value = st.sampled_from(["3", "1", "0", "-3", "4", "100000000", "x"])
            lines.append(f"{key}={data.draw(value)}")
    text = "\n".join(lines).encode("latin-1", "replace").replace(b"\0", b"?") + b"\n\0"
    with tempfile.TemporaryDirectory(prefix="damaged-") as folder:
        path = Path(folder) / "a.tif"
        with tifffile.TiffWriter(path) as tif:
            for z, page in enumerate(STACK):
                tags = [] if z else [(270, 2, len(text), text, True)]
                tif.write(page, contiguous=False, metadata=None, resolution=(2, 3), extratags=tags)
        _endure("imagej, units and counts", _volume, path)


@FUZZ
@given(data=st.data())
def test_pages_of_any_kind(data: st.DataObject) -> None:
    """Pages of any size, type, packing and purpose: all slices, or one sentence."""
    pages = data.draw(st.lists(st.tuples(
        st.sampled_from([(6, 8), (3, 4), (6, 7), (6, 8, 3), (2, 6, 8)]),
        st.sampled_from(["u1", "u2", "f2", "f8", "i4", "?"]),
        st.sampled_from([None, "zlib", "lzw"]),
        st.sampled_from([0, 1, 2]),
        st.booleans(),
    ), min_size=1, max_size=12))  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="damaged-") as folder:
        path = Path(folder) / "a.tif"
        with tifffile.TiffWriter(path, bigtiff=data.draw(st.booleans())) as tif:
            for shape, dtype, packing, purpose, described in pages:
                tif.write(
                    np.ones(shape, dtype),
                    compression=packing,
                    subfiletype=purpose,
                    metadata={} if described else None,
                    contiguous=False,
                    photometric="rgb" if shape[-1] == 3 else "minisblack",
                )
        plain = [each for each in pages if each[3] in (0, 2)]
        alike = len({each[:2] for each in pages}) == 1 and len(pages[0][0]) == 2
        _endure("tiff, pages of any kind", _volume, path)
        if alike and len(plain) == len(pages) > 1:
            assert len(read_volume(path).data) == len(pages)


@pytest.mark.parametrize("version", [2, 3])
@FUZZ
@given(data=st.data())
def test_changed_zarr(version: Any, data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory(prefix="damaged-") as folder:
        path = Path(folder) / "a.zarr"
        group = zarr.open_group(path, mode="w", zarr_format=version)
        group.create_array("0", data=STACK, chunks=(2, 4, 5))
        axes = [{"name": a, "type": "space", "unit": "nanometer"} for a in "zyx"]
        scale = [{"type": "scale", "scale": [70, 70, 70]}]
        image = {"axes": axes, "datasets": [{"path": "0", "coordinateTransformations": scale}]}
        group.attrs.update(
            {"multiscales": [image]} if version == 2 else {"ome": {"multiscales": [image]}}
        )
        _volume(path)
        files = sorted(f for f in path.rglob("*") if f.is_file())
        file = data.draw(st.sampled_from(files))
        described = file.name.startswith((".z", "zarr"))
        if described and data.draw(st.booleans()):
            document = json.loads(file.read_text())
            file.write_text(json.dumps(data.draw(_broken(document))))
        elif data.draw(st.integers(0, 4)) == 0:
            file.unlink()
        else:
            file.write_bytes(_damaged(file.read_bytes(), data.draw(EDITS)))
        _endure(f"zarr {version}, metadata and chunks", _volume, path)


@pytest.mark.parametrize(
    "broken",
    [
        {"rays": float("inf")},
        {"grid": [float("inf"), 2]},
        {"grid": [2.5, 2]},
        {"thresholds": {"prob": "x" * 3000}},
    ],
)
def test_found_in_model_records(tmp_path: Path, broken: dict[str, Any]) -> None:
    path = tmp_path / "particlebridge.json"
    path.write_text(json.dumps(RECORD | broken))
    _endure("found", read_record, path)
    with pytest.raises(ValueError, match="is not a model's record"):
        read_record(path)


def test_found_in_ome_xml(tmp_path: Path) -> None:
    """Planes by the thousand million are not even listed."""
    path = tmp_path / "a.ome.tif"
    _ome(path)
    with tifffile.TiffFile(path) as tif:
        xml = re.sub('SizeT="1"', 'SizeT="2147483648"', str(tif.ome_metadata))
    assert "2147483648" in xml
    tifffile.imwrite(path, STACK, description=xml, metadata=None, photometric=1)
    _endure("found", _volume, path)
    with pytest.raises(ValueError, match=r"a.ome.tif: .* far too small"):
        _volume(path)
