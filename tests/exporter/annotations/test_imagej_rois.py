"""ImageJ regions out and in; ImageJ itself is asked what they cover."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from particlebridge.exporter import read_annotations, write_rois
from particlebridge.exporter.annotations.imagej_rois import read_rois
from roifile import ROI_OPTIONS, ROI_TYPE, ImagejRoi
from scipy import ndimage


def blobs(seed: int = 0, shape: tuple[int, int] = (120, 150)) -> np.ndarray:
    """Wriggly labels, some with holes."""
    field = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=shape), 3)
    return ndimage.label(field > 0.02)[0].astype(np.int32)


def test_labels_come_back_exactly(tmp_path: Path) -> None:
    labels = blobs()
    assert write_rois(labels, tmp_path / "rois.zip") == labels.max()
    back = read_annotations(tmp_path / "rois.zip", labels.shape)
    np.testing.assert_array_equal(back.labels, labels)
    assert back.problems == ()
    assert back.table["name"].tolist() == [f"{k:04d}" for k in range(1, labels.max() + 1)]


@settings(deadline=None, max_examples=40)
@given(labels=hnp.arrays(np.uint8, (9, 11), elements=st.integers(0, 3)))
def test_any_labels_come_back(labels: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("rois") / "rois.zip"
    write_rois(labels, path)
    if not labels.any():
        with pytest.raises(ValueError, match=r"no \.roi files"):
            read_annotations(path, labels.shape)
        return
    # Labels are numbered in the order of the file, which is that of the labels.
    _, expected = np.unique(np.append(0, labels), return_inverse=True)
    back = read_annotations(path, labels.shape).labels
    np.testing.assert_array_equal(back.ravel(), expected[1:])


def test_a_stack_keeps_its_slices(tmp_path: Path) -> None:
    stack = np.stack([blobs(1), np.zeros_like(blobs(1)), blobs(2)])
    write_rois(stack, tmp_path / "rois.zip")
    back = read_annotations(tmp_path / "rois.zip", stack.shape)
    np.testing.assert_array_equal(back.labels, stack)
    assert {region.position for region in read_rois(tmp_path / "rois.zip")} == {1, 3}
    write_rois(stack[2:], tmp_path / "one.zip", positions=[7])
    assert {region.position for region in read_rois(tmp_path / "one.zip")} == {7}
    with pytest.raises(ValueError, match="slice 7 and the stack has 3"):
        read_annotations(tmp_path / "one.zip", stack.shape)


def test_the_same_labels_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.zip", "b.zip"):
        write_rois(blobs(), tmp_path / name)
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


def test_shapes_drawn_in_imagej(tmp_path: Path) -> None:
    rectangle = ImagejRoi(roitype=ROI_TYPE.RECT, top=1, left=2, bottom=4, right=7, name="box")
    oval = ImagejRoi(roitype=ROI_TYPE.OVAL, top=10, left=10, bottom=31, right=31, name="disk")
    fine = ImagejRoi(roitype=ROI_TYPE.RECT, options=ROI_OPTIONS.SUB_PIXEL_RESOLUTION, name="fine")
    fine.xd, fine.yd, fine.widthd, fine.heightd = 10.6, 0.2, 2.8, 3.0
    line = ImagejRoi(roitype=ROI_TYPE.LINE, x1=1, y1=1, x2=9, y2=9, name="scale bar")
    freehand = ImagejRoi.frompoints([[20, 1], [25, 1], [25, 5], [20, 5]], name="free")
    with zipfile.ZipFile(tmp_path / "rois.zip", "w") as archive:
        for roi in (rectangle, oval, fine, line, freehand):
            archive.writestr(f"{roi.name}.roi", roi.tobytes())
    read = read_annotations(tmp_path / "rois.zip", (40, 40))
    assert read.table["name"].tolist() == ["box", "disk", "fine", "free"]
    assert (read.labels[1:4, 2:7] == 1).all() and read.table.area[0] == 15
    y, x = np.mgrid[:40, :40] + 0.5
    np.testing.assert_array_equal(read.labels == 2, (y - 20.5) ** 2 + (x - 20.5) ** 2 <= 10.5**2)
    assert np.argwhere(read.labels == 3).tolist() == [[r, c] for r in range(3) for c in (11, 12)]
    assert read.table.area[3] == 20
    assert len(read.problems) == 1 and "region 4 is a line" in read.problems[0]
    (tmp_path / "one.roi").write_bytes(oval.tobytes())
    single = read_annotations(tmp_path / "one.roi", (40, 40))
    np.testing.assert_array_equal(single.labels > 0, read.labels == 2)


def test_open_lines_around_something_are_closed(tmp_path: Path) -> None:
    outline = ImagejRoi.frompoints([[2, 1], [7, 1], [7, 5], [2, 5]], name="traced")
    outline.roitype = ROI_TYPE.POLYLINE
    crack = ImagejRoi.frompoints([[20, 20], [25, 26], [33, 30]], name="crack")
    crack.roitype = ROI_TYPE.FREELINE
    with zipfile.ZipFile(tmp_path / "rois.zip", "w") as archive:
        for roi in (outline, crack):
            archive.writestr(f"{roi.name}.roi", roi.tobytes())
    read = read_annotations(tmp_path / "rois.zip", (40, 40))
    expected = np.zeros((40, 40), np.int32)
    expected[1:5, 2:7] = 1
    np.testing.assert_array_equal(read.labels, expected)
    assert [problem.split(": ", 1)[1] for problem in read.problems] == [
        "region 1 is a polyline, taken as closed",
        "region 2 is a freeline, which has no area",
    ]


def test_what_macos_packs_along_is_no_region(tmp_path: Path) -> None:
    write_rois(blobs(), tmp_path / "rois.zip")
    junk = b"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X        " + bytes(80)
    with (
        zipfile.ZipFile(tmp_path / "rois.zip") as plain,
        zipfile.ZipFile(tmp_path / "mac.zip", "w") as mac,
    ):
        for name in plain.namelist():
            mac.writestr(f"rois/{name}", plain.read(name))
            mac.writestr(f"__MACOSX/rois/._{name}", junk)
            mac.writestr(f"rois/._{name}", junk)
    expected = read_annotations(tmp_path / "rois.zip", (120, 150)).labels
    np.testing.assert_array_equal(
        read_annotations(tmp_path / "mac.zip", (120, 150)).labels, expected
    )


def test_a_zip_of_other_annotations_is_named(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "qupath.zip", "w") as archive:
        archive.writestr("slide.geojson", "[]")
    with pytest.raises(ValueError, match=r"no .roi files but slide.geojson; unpack it"):
        read_annotations(tmp_path / "qupath.zip", (9, 9))


@pytest.mark.parametrize("size", [0, 10, 63, 70, 120])
def test_a_truncated_region_is_one_sentence(tmp_path: Path, size: int) -> None:
    write_rois(blobs(), tmp_path / "rois.zip")
    with zipfile.ZipFile(tmp_path / "rois.zip") as archive:
        data = archive.read("0001.roi")
    (tmp_path / "cut.roi").write_bytes(data[:size])
    with pytest.raises(ValueError, match=r"cut\.roi: region 1 .* is damaged"):
        read_annotations(tmp_path / "cut.roi", (120, 150))


@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_a_damaged_region_never_crashes(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("damaged")
    write_rois(np.eye(6, dtype=np.uint8), folder / "rois.zip")
    with zipfile.ZipFile(folder / "rois.zip") as archive:
        content = bytearray(archive.read("0001.roi"))
    for _ in range(data.draw(st.integers(1, 12))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    (folder / "bad.roi").write_bytes(content)
    try:
        labels = read_annotations(folder / "bad.roi", (6, 6)).labels
    except ValueError as error:
        assert "bad.roi" in str(error)
    else:
        assert labels.shape == (6, 6)


def test_unsafe_zips(tmp_path: Path) -> None:
    (tmp_path / "text.zip").write_text("no zip")
    with pytest.raises(ValueError, match="zip file"):
        read_annotations(tmp_path / "text.zip", (9, 9))
    with zipfile.ZipFile(tmp_path / "escape.zip", "w") as archive:
        archive.writestr("../../evil.roi", b"Iout")
    with pytest.raises(ValueError, match="unsafe"):
        read_annotations(tmp_path / "escape.zip", (9, 9))
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb.roi", bytes(80 << 20))
    with pytest.raises(ValueError, match="unsafe"):
        read_annotations(tmp_path / "bomb.zip", (9, 9))
    with pytest.raises(FileNotFoundError, match=r"none\.zip"):
        read_annotations(tmp_path / "none.zip", (9, 9))


def test_wrong_labels(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="2 positions for 1 slices"):
        write_rois(np.ones((4, 4), int), tmp_path / "a.zip", positions=[1, 2])
    with pytest.raises(ValueError, match=r"not 1-D"):
        write_rois(np.ones(4, int), tmp_path / "a.zip")
    with pytest.raises(ValueError, match="integer"):
        write_rois(np.ones((4, 4)), tmp_path / "a.zip")
    assert list(tmp_path.iterdir()) == []


_ASK_IMAGEJ = """
import json, sys, zipfile
import jpype
jpype.startJVM("-Djava.awt.headless=true", classpath=[sys.argv[1]])
decoder = jpype.JClass("ij.io.RoiDecoder")
answer = {}
with zipfile.ZipFile(sys.argv[2]) as archive:
    for name in archive.namelist():
        data = jpype.JArray(jpype.JByte)(archive.read(name))
        roi = decoder(data, name).getRoi()
        answer[name] = [[int(p.x), int(p.y)] for p in roi.getContainedPoints()]
print(json.dumps(answer))
"""


def test_imagej_sees_the_same_pixels(tmp_path: Path) -> None:
    jars = sorted(Path.home().glob(".m2/repository/net/imagej/ij/*/ij-*.jar"))
    jars += sorted(Path.home().glob(".jgo/**/ij-1.5*.jar"))
    if not jars:
        pytest.skip("no ImageJ (net.imagej:ij) in the Maven cache")
    labels = blobs()
    write_rois(labels, tmp_path / "rois.zip")
    done = subprocess.run(
        [sys.executable, "-c", _ASK_IMAGEJ, str(jars[-1]), str(tmp_path / "rois.zip")],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if "JVMNotFound" in done.stderr:
        pytest.skip("no Java")
    assert done.returncode == 0, done.stderr
    seen = np.zeros_like(labels)
    for name, points in json.loads(done.stdout).items():
        x, y = np.array(points).T
        seen[y, x] = int(name.removesuffix(".roi"))
    np.testing.assert_array_equal(seen, labels)
