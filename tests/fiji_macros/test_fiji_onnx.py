"""The Fiji commands by ONNX Runtime on plain ImageJ: no Fiji, no plugin, nothing mocked."""

import csv
import json
import zipfile
from itertools import pairwise

import numpy as np
import pytest
import roifile
import tifffile
from engine_contract import PLUGIN, THRESHOLDS, phantom_slice, recorded
from groovy_commands import ENGINES, FIELDS, NO_SERVICES, runnable, with_classes
from particlebridge import analysis
from particlebridge.analysis import Polygons
from particlebridge.bridge import PythonEngine, Settings
from particlebridge.bridge.segmenting.diameter import choose_diameter
from particlebridge.exporter import export, load_model
from plain_imagej import NEWEST, OLDER, plain_imagej

TYPED = {"prob": str(THRESHOLDS["prob_thresh"]), "nms": str(THRESHOLDS["nms_thresh"])}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    """The model that the plugin was recorded with, as we export it."""
    return export(PLUGIN / "model", tmp_path_factory.mktemp("b") / "b.zip", verify=False).path


@pytest.fixture
def run(bundle):
    def run(command, settings=None, /, groovy=NEWEST, **variables):
        variables.setdefault("model", bundle)
        given = {k: None if v is None else str(v) for k, v in variables.items()}
        variables = {name: given.get(name) for name in FIELDS}
        return plain_imagej(groovy).run(
            runnable(command, NO_SERVICES), settings=settings or {}, **variables
        )

    return run


def truth():
    return recorded(PLUGIN / "phantom_slice_plugin_tiles1.npz")


# --- whole commands


@pytest.mark.parametrize("groovy", [NEWEST, *OLDER])
def test_one_image_has_the_plugin_s_labels_bit_for_bit(run, tmp_path, groovy):
    result = run(
        "Segment_Image", groovy=groovy, image=PLUGIN / "phantom_slice.tif", out=tmp_path / "o",
        **TYPED,
    )  # fmt: skip
    assert result["problem"] is None
    assert "b.zip: segmented by ONNX Runtime 1." in result["said"]
    labels = tifffile.imread(tmp_path / "o" / "labels.tif")
    np.testing.assert_array_equal(labels, truth()["label"])
    prob = tifffile.imread(tmp_path / "o" / "prob.tif")
    assert np.abs(prob[::2, ::2] - truth()["prob"][::2, ::2]).max() < 1e-5
    assert (prob[::2, ::2] == prob[1::2, 1::2]).all()
    dist = tifffile.imread(tmp_path / "o" / "dist.tif")
    assert np.abs(dist - truth()["dist_mean"]).max() < 2e-5
    with (tmp_path / "o" / "objects.csv").open() as table:
        assert len(list(csv.DictReader(table))) == labels.max() == 19


def test_a_real_slice_has_the_plugin_s_labels_bit_for_bit(run, tmp_path, shared_data):
    plugin = shared_data / "plugin"
    result = run("Segment_Image", image=plugin / "real_slice.tif", out=tmp_path / "o", **TYPED)
    assert result["problem"] is None
    labels = tifffile.imread(tmp_path / "o" / "labels.tif")
    np.testing.assert_array_equal(
        labels, recorded(plugin / "real_slice_plugin_tiles1.npz")["label"]
    )


def test_a_stack_has_the_plugin_s_labels_in_each_slice(run, tmp_path):
    stack = np.stack([phantom_slice()] * 5)
    tifffile.imwrite(tmp_path / "v.tif", stack, imagej=True, metadata={"axes": "ZYX"})
    result = run("Segment_View", image=tmp_path / "v.tif", out=tmp_path / "xy", **TYPED)
    assert result["problem"] is None
    labels = tifffile.imread(tmp_path / "xy" / "labels.tif")
    np.testing.assert_array_equal(labels, np.stack([truth()["label"]] * 5))
    record = json.loads((tmp_path / "xy" / "fiji.json").read_text())
    assert record["backend"].startswith("ONNX Runtime 1.")
    again = run("Segment_View", image=tmp_path / "v.tif", out=tmp_path / "xy", **TYPED)
    assert "nothing to do" in again["said"]


@pytest.mark.parametrize("kind", ["8-bit", "16-bit", "signed 16-bit", "32-bit"])
def test_every_kind_of_grey_values_has_python_s_particles(run, bundle, tmp_path, kind):
    image = phantom_slice().astype(np.float64)
    image = {
        "8-bit": (image * (255 / image.max())).astype(np.uint8),
        "16-bit": image.astype(np.uint16),
        "signed 16-bit": (image - image.mean()).astype(np.int16),
        "32-bit": ((image - image.mean()) * 1e-12).astype(np.float32),
    }[kind]
    tifffile.imwrite(tmp_path / "a.tif", image, imagej=kind == "signed 16-bit" or None)
    result = run("Segment_Image", image=tmp_path / "a.tif", out=tmp_path / "o", **TYPED)
    assert result["problem"] is None
    expected = PythonEngine(bundle, Settings(**THRESHOLDS)).segment(image).labels
    labels = tifffile.imread(tmp_path / "o" / "labels.tif")
    assert labels.max() == expected.max() > 10
    assert np.mean(labels != expected) < 1e-4  # pixels whose centre an outline meets


def test_a_folder_and_the_views_of_a_volume_run_as_well(run, bundle, tmp_path):
    (tmp_path / "images").mkdir()
    image = phantom_slice()
    tifffile.imwrite(tmp_path / "images" / "a.tif", image)
    result = run("Segment_Folder", folder=tmp_path / "images", out=tmp_path / "f", **TYPED)
    assert result["problem"] is None
    labels = tifffile.imread(tmp_path / "f" / "a" / "labels.tif")
    np.testing.assert_array_equal(labels, truth()["label"])
    assert "ONNX Runtime 1." in (tmp_path / "f" / "segment_folder.log").read_text()
    volume = np.stack([image[40:100, 60:150]] * 12)
    tifffile.imwrite(tmp_path / "v.tif", volume, imagej=True, metadata={"axes": "ZYX"})
    result = run(
        "Segment_Views", image=tmp_path / "v.tif", out=tmp_path / "v", views="xy,yz", **TYPED
    )
    assert result["problem"] is None
    engine = PythonEngine(bundle, Settings(**THRESHOLDS))
    for view in ("xy", "yz"):
        labels = tifffile.imread(tmp_path / "v" / "views" / view / "labels.tif")
        slices = analysis.to_view(volume, view)
        assert labels.shape == slices.shape
        expected = engine.segment(slices[5]).labels
        assert np.mean(labels[5] != expected) < 1e-3
    assert labels.shape[0] == 90


def test_a_diameter_brings_python_s_particles(run, bundle, tmp_path):
    with_diameter = rewritten(
        bundle, tmp_path / "d.zip", "particlebridge.json", lambda facts: facts | {"diameter": 20}
    )
    given = dict(image=PLUGIN / "phantom_slice.tif", model=with_diameter, diameter="27.5")
    result = run("Segment_Image", out=tmp_path / "o", **given, **TYPED)
    assert result["problem"] is None
    engine = PythonEngine(with_diameter, Settings(**THRESHOLDS, diameter=27.5))
    expected = engine.segment(phantom_slice())
    labels = tifffile.imread(tmp_path / "o" / "labels.tif")
    assert labels.max() == expected.labels.max() > 5
    assert np.mean(labels != expected.labels) < 1e-3
    dist = tifffile.imread(tmp_path / "o" / "dist.tif")
    assert np.abs(dist - expected.dist).max() < 1e-2


def test_colour_images_are_for_colour_models_only(run, tmp_path):
    from small_models import stardist

    model = stardist("colour", tmp_path, n_channel_in=3, grid=(2, 2))
    colour = export(model, tmp_path / "c.zip", verify=False).path
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (70, 90, 3)).astype(np.uint8)
    tifffile.imwrite(tmp_path / "rgb.tif", image, photometric="rgb")
    given = {"image": tmp_path / "rgb.tif", "prob": "0.6"}
    result = run("Segment_Image", model=colour, out=tmp_path / "o", **given)
    assert result["problem"] is None
    expected = PythonEngine(colour, Settings(prob_thresh=0.6)).segment(image)
    prob = tifffile.imread(tmp_path / "o" / "prob.tif")
    assert np.abs(prob - expected.prob).max() < 1e-5
    labels = tifffile.imread(tmp_path / "o" / "labels.tif")
    assert labels.max() == expected.labels.max() > 0
    result = run("Segment_Image", out=tmp_path / "p", **given)
    assert "is a colour image and the model takes grey ones" in result["problem"]
    given["image"] = PLUGIN / "phantom_slice.tif"
    result = run("Segment_Image", model=colour, out=tmp_path / "p", **given)
    assert "takes colour images, and this one is grey" in result["problem"]


# --- what images hold


def test_a_palette_counts_by_its_colours(run, tmp_path):
    """8-bit Color: the values are numbers in a table of colours, here in any order."""
    image = phantom_slice()
    image = np.uint8(np.linspace(0, 255, 32).astype(int)[np.uint8(image * (31 / image.max()))])
    order = np.random.default_rng(0).permutation(256)
    table = np.zeros((3, 256), np.uint16)
    table[:, order] = np.arange(256) * 257
    tifffile.imwrite(tmp_path / "p.tif", np.uint8(order)[image], photometric="palette",
                     colormap=table)  # fmt: skip
    tifffile.imwrite(tmp_path / "g.tif", image)
    for name in "gp":
        given = dict(image=tmp_path / f"{name}.tif", out=tmp_path / name, **TYPED)
        result = run("Segment_Image", **given)
        assert result["problem"] is None
        assert ("is an 8-bit Color image; its colours count" in result["said"]) == (name == "p")
    grey, palette = (tifffile.imread(tmp_path / name / "labels.tif") for name in "gp")
    assert grey.max() > 10
    np.testing.assert_array_equal(palette, grey)
    # A table that only rises or falls in brightness is for looks: the values count.
    fire = np.stack([np.arange(256) * 257, np.arange(256) * 128, np.arange(256) ** 2])
    tifffile.imwrite(tmp_path / "l.tif", image, photometric="palette", colormap=np.uint16(fire))
    result = run("Segment_Image", image=tmp_path / "l.tif", out=tmp_path / "l", **TYPED)
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "l" / "labels.tif"), grey)
    # Real colours are refused, as those of an RGB image are; grey ones in RGB are read.
    table[1] = 0
    tifffile.imwrite(tmp_path / "c.tif", np.uint8(order)[image], photometric="palette",
                     colormap=table)  # fmt: skip
    result = run("Segment_Image", image=tmp_path / "c.tif", out=tmp_path / "c", **TYPED)
    assert "is a colour image and the model takes grey ones" in result["problem"]
    tifffile.imwrite(tmp_path / "r.tif", np.stack([image] * 3, -1), photometric="rgb")
    result = run("Segment_Image", image=tmp_path / "r.tif", out=tmp_path / "r", **TYPED)
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "r" / "labels.tif"), grey)


def test_a_selection_keeps_the_whole_images_particles_in_it(run, tmp_path):
    opened = {"open": str(PLUGIN / "phantom_slice.tif"), "oval": [10, 10, 150, 130]}
    result = run("Segment_Image", opened, out=tmp_path / "o", **TYPED)
    assert result["problem"] is None
    whole, labels = truth()["label"], tifffile.imread(tmp_path / "o" / "labels.tif")
    assert 2 < labels.max() < 19
    assert (
        f"of 19 particles those {labels.max()} are kept whose centre lies in it" in result["said"]
    )
    y, x = np.mgrid[: whole.shape[0], : whole.shape[1]]
    inside = ((x - 84.5) / 75) ** 2 + ((y - 74.5) / 65) ** 2
    kept = set()
    for number in range(1, labels.max() + 1):
        covered, counts = np.unique(whole[labels == number], return_counts=True)
        kept.add(int(covered[counts.argmax()]))
        assert counts.max() == counts.sum()
    assert len(kept) == labels.max()
    for number in range(1, 20):
        where = inside[whole == number]
        if where.max() < 1:
            assert number in kept
        if where.min() > 1:
            assert number not in kept


def hyperstack(path, axes, **metadata):
    """The phantom slice in one plane of each axis, blank ones in the others."""
    image = phantom_slice()
    shape = {"T": 3, "Z": 4, "C": 2}
    planes = np.zeros([shape[a] for a in axes] + list(image.shape), image.dtype)
    planes[(2,) * axes.count("T") + (1,) * axes.count("Z") + (1,) * axes.count("C")] = image
    tifffile.imwrite(path, planes, imagej=True, metadata={"axes": axes + "YX", **metadata})
    return path


@pytest.mark.parametrize(
    ("axes", "given", "has"),
    [
        ("TZC", {"channel": 2, "slice": 2, "frame": 3}, "2 channels, 4 slices and 3 frames"),
        ("TZ", {"slice": 2, "frame": 3}, "4 slices and 3 frames"),
        ("TC", {"channel": 2, "frame": 3}, "2 channels and 3 frames"),
        ("ZC", {"channel": 2, "slice": 2}, "2 channels and 4 slices"),
        ("C", {"channel": 2}, "2 channels"), ("T", {"frame": 3}, "3 frames"),
    ],
)  # fmt: skip
def test_one_plane_of_a_hyperstack(run, tmp_path, axes, given, has):
    image = hyperstack(tmp_path / "h.tif", axes)
    result = run("Segment_Image", image=image, out=tmp_path / "o", **TYPED)
    choices = "choose " + ", ".join(
        f"{axis}=1 to {n}" for axis, n in (("channel", 2), ("slice", 4), ("frame", 3))
        if axis in given
    )  # fmt: skip
    assert f"h.tif: has {has}; {choices}" in result["problem"]
    assert not (tmp_path / "o").exists()
    result = run("Segment_Image", image=image, out=tmp_path / "o", **given, **TYPED)
    assert result["problem"] is None
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "o/labels.tif"), truth()["label"])
    # An open image: what its window shows.
    at = [given.get("channel", 1), given.get("slice", 1), given.get("frame", 1)]
    opened = {"open": str(image), "at": at}
    result = run("Segment_Image", opened, out=tmp_path / "p", **TYPED)
    assert result["problem"] is None
    assert "h.tif: takes " in result["said"]
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "p/labels.tif"), truth()["label"])
    result = run("Segment_Image", image=image, out=tmp_path / "q", channel=9, **TYPED)
    assert ", no channel 9." in result["problem"]


def test_all_slices_of_a_stack_are_one_result(run, tmp_path):
    image = phantom_slice()[:120, :160]
    slices = np.stack([image, np.zeros_like(image), image[::-1]])
    tifffile.imwrite(
        tmp_path / "v.tif", slices, imagej=True, resolution=(4, 4),
        metadata={"axes": "ZYX", "unit": "inch", "spacing": 0.5},
    )  # fmt: skip
    given = {"image": tmp_path / "v.tif", **TYPED}
    result = run("Segment_Image", out=tmp_path / "o", slice="all", **given)
    assert result["problem"] is None
    # The labels of Segment View, where every slice starts at 1 again; here no number comes twice.
    assert run("Segment_View", out=tmp_path / "xy", **given)["problem"] is None
    with tifffile.TiffFile(tmp_path / "o" / "labels.tif") as tiff:
        labels = tiff.asarray()
        assert (tiff.imagej_metadata["unit"], tiff.imagej_metadata["spacing"]) == ("inch", 0.5)
    alone = tifffile.imread(tmp_path / "xy" / "labels.tif").astype(int)
    first = alone[0].max()
    alone[2][alone[2] > 0] += first
    np.testing.assert_array_equal(labels, alone)
    for name in ("prob", "dist"):
        maps = [tifffile.imread(tmp_path / folder / f"{name}.tif") for folder in ("o", "xy")]
        np.testing.assert_array_equal(*maps)
    with (tmp_path / "o" / "objects.csv").open() as table:
        rows = list(csv.DictReader(table))
    assert [int(row["label"]) for row in rows] == list(range(1, labels.max() + 1))
    assert [row["slice"] for row in rows] == ["1"] * first + ["3"] * (labels.max() - first)
    assert {row["unit"] for row in rows} == {"um"}
    areas = [float(row["area"]) for row in rows]
    assert areas == pytest.approx(np.bincount(labels.ravel())[1:] * 6350.0**2, rel=1e-5)
    regions = roifile.roiread(tmp_path / "o" / "rois.zip")
    assert [int(region.name) for region in regions] == list(range(1, labels.max() + 1))
    assert [str(region.position) for region in regions] == [row["slice"] for row in rows]
    record = json.loads((tmp_path / "o" / "fiji.json").read_text())
    assert (record["taken"], record["particles"]) == ("all 3 slices", labels.max())


def test_large_numbers_and_small_sizes_can_be_read():
    got = groovy(
        """
        def square = new ij.gui.PolygonRoi([1, 2, 2, 1] as float[], [0, 0, 1, 1] as float[], 4,
            ij.gui.Roi.POLYGON)
        def wide = Outlines.paint([square], 0, 1, 3, 70000, Outlines.blank(70001, 1, 3))
        def narrow = Outlines.paint([square], 0, 1, 3, 65534, Outlines.blank(65535, 1, 3))
        [wide.bitDepth, wide.pixels as List, narrow.bitDepth, (0..2).collect { narrow.get(it) },
            [4e10, 870, 9.6, 0.5, 2e-4].collect { ParticleTable.decimals(it) }]
        """,
        "TiffFile", "ImageResult", "LabelColours", "RoiZip", "ParticleTable",
    )  # fmt: skip
    assert got == [32, [0, 70001, 0], 16, [0, 65535, 0], [0, 0, 2, 3, 6]]


def test_time_is_not_depth(run, tmp_path):
    series = hyperstack(tmp_path / "t.tif", "T")
    result = run("Segment_Views", image=series, out=tmp_path / "o", **TYPED)
    assert "t.tif: has 3 frames and one slice; time is not depth" in result["problem"]
    # Slices are looked at one by one, and so can frames be.
    result = run("Segment_Image", image=series, out=tmp_path / "s", slice="all", **TYPED)
    assert result["problem"] is None
    assert "its 3 frames are taken one by one" in result["said"]
    with (tmp_path / "s" / "objects.csv").open() as table:
        assert {row["frame"] for row in csv.DictReader(table)} == {"3"}
    result = run("Segment_View", {"open": str(series)}, out=tmp_path / "xy", **TYPED)
    assert result["problem"] is None
    assert "its 3 frames are taken one by one" in result["said"]
    labels = tifffile.imread(tmp_path / "xy" / "labels.tif")
    assert labels.shape[0] == 3
    np.testing.assert_array_equal(labels[2], truth()["label"])
    image = hyperstack(tmp_path / "h.tif", "TZC")
    result = run("Segment_Image", image=image, out=tmp_path / "a", slice="all", **TYPED)
    assert "choose channel=1 to 2, frame=1 to 3" in result["problem"]
    given = {"channel": 2, "frame": 3, "slice": "all", **TYPED}
    result = run("Segment_Image", image=image, out=tmp_path / "a", **given)
    assert "h.tif: takes channel 2 of 2, all 4 slices, frame 3 of 3" in result["said"]
    labels = tifffile.imread(tmp_path / "a" / "labels.tif")
    np.testing.assert_array_equal(labels[1], truth()["label"])
    assert not labels[[0, 2, 3]].any()
    assert roifile.roiread(tmp_path / "a" / "rois.zip")[0].z_position == 2
    result = run("Segment_Image", image=tmp_path, out=tmp_path / "a", **TYPED)
    assert "is a folder; Segment View takes a folder of slices" in result["problem"]
    result = run("Segment_Image", image=image, out=tmp_path / "a", slice="every", **TYPED)
    assert "slice must be a number from 1, or all, not: every" in result["problem"]
    result = run("Segment_View", image=image, out=tmp_path / "z", **TYPED)
    assert "choose channel=1 to 2, frame=1 to 3" in result["problem"]
    result = run("Segment_View", image=image, out=tmp_path / "z", channel=2, frame=3, **TYPED)
    assert result["problem"] is None
    labels = tifffile.imread(tmp_path / "z" / "labels.tif")
    assert labels.shape[0] == 4
    np.testing.assert_array_equal(labels[1], truth()["label"])
    # What is there of one channel is not taken for that of another.
    result = run("Segment_View", image=image, out=tmp_path / "z", channel=1, frame=3, **TYPED)
    assert "nothing to do" not in result["said"]
    assert not tifffile.imread(tmp_path / "z" / "labels.tif").any()


@pytest.mark.parametrize(
    ("unit", "side", "name"),
    [("micron", 1, "um"), ("nm", 1e-3, "um"), ("inch", 25400, "um"), ("Angstrom", 1e-4, "um"),
     ("furlong", 1, "furlong"), ("pixel", None, "px")],
)  # fmt: skip
def test_units_are_kept_and_named(run, tmp_path, unit, side, name):
    size = 0.25
    tifffile.imwrite(tmp_path / "a.tif", phantom_slice(), imagej=True, resolution=(4, 4),
                     metadata={"unit": unit})  # fmt: skip
    result = run("Segment_Image", image=tmp_path / "a.tif", out=tmp_path / "o", **TYPED)
    assert result["problem"] is None
    assert ("its unit, furlong, is no length" in result["said"]) == (unit == "furlong")
    with tifffile.TiffFile(tmp_path / "o" / "labels.tif") as tiff:
        labels = tiff.asarray()
        if unit != "pixel":
            assert tiff.imagej_metadata["unit"] == unit
        resolution = tiff.pages[0].tags["XResolution"].value
        assert resolution[0] / resolution[1] == pytest.approx(1 / size)
    with (tmp_path / "o" / "objects.csv").open() as table:
        rows = list(csv.DictReader(table))
    assert {row["unit"] for row in rows} == {name}
    factor = 1 if side is None else (size * side) ** 2
    areas = [float(row["area"]) for row in rows]
    assert areas == pytest.approx(np.bincount(labels.ravel())[1:] * factor, rel=1e-5)
    record = json.loads((tmp_path / "o" / "fiji.json").read_text())
    assert record["backend"].startswith("ONNX Runtime 1.")
    assert record["imagej"].startswith("1.54f")
    assert record["unit"] == name


def test_an_image_that_memory_cannot_hold_is_refused_before(bundle):
    refused = groovy(
        """
        def bundle = Bundle.open(new File(path))
        def engine = new OnnxEngine(new OnnxNetwork(bundle), bundle,
            Settings.of(bundle, '', '', '', ''))
        try {
            [6000, 32000, 40000].collect { side ->
                try { engine.checkMemory(new Slices(h: side, w: side, name: 'a.tif')) }
                catch (Problem refused) { refused.message }
            } + [[1, 20].collect { kept ->
                try { engine.checkMemory(new Slices(h: 4000, w: 4000, count: 20, name: 'a'), kept) }
                catch (Problem refused) { refused.message }
            }]
        } finally { engine.close() }
        """,
        path=str(bundle),
    )
    assert refused[0] is None  # Java has 1 GB
    assert "a.tif: 32000 x 32000 pixels need about 3.1 GB of memory" in refused[1]
    assert "left of 1.0 GB: give it more" in refused[1]
    one, twenty = refused[3]
    assert one is None
    assert "a: 20 slices of 4000 x 4000 pixels need about 2.8 GB" in twenty
    assert "Segment View holds one slice at a time" in twenty
    assert "40000 x 40000 pixels would be larger than the 4 GB that a TIFF holds" in refused[2]


# --- which engine


def rewritten(bundle, target, member, change):
    """A copy of a bundle in which a JSON member is changed; left out where `change` is None."""
    with zipfile.ZipFile(bundle) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == member:
                if change is None:
                    continue
                content = json.dumps(change(json.loads(content))).encode()
            new.writestr(name, content)
    return target


@pytest.mark.parametrize(
    ("engine", "sentence"),
    [
        ("ONNX", "holds no model.onnx; export the model again"),
        ("automatic", "The StarDist plugin, which would do instead, is not installed either."),
        ("", "The StarDist plugin, which would do instead, is not installed either."),
        ("StarDist plugin", "StarDist is not installed in this Fiji"),
        ("torch", "The engine is one of: automatic, ONNX, StarDist plugin; not: torch"),
    ],
)
def test_an_engine_that_cannot_be_is_one_sentence(run, tmp_path, engine, sentence):
    result = run(
        "Segment_Image", image=PLUGIN / "phantom_slice.tif", model=PLUGIN / "bundle.zip",
        out=tmp_path / "o", engine=engine,
    )  # fmt: skip
    assert sentence in result["problem"]
    assert not (tmp_path / "o").exists()


def test_the_plugin_is_not_taken_for_a_bundle_that_is_damaged(run, bundle, tmp_path):
    other = rewritten(
        bundle, tmp_path / "b.zip", "particlebridge.json", lambda facts: facts | {"rays": 16}
    )
    result = run(
        "Segment_Image", image=PLUGIN / "phantom_slice.tif", model=other, out=tmp_path / "o"
    )
    assert "model.onnx of another model than particlebridge.json tells (rays)" in result["problem"]


# --- parts, against Python's


def groovy(text, *more, **variables):
    return plain_imagej().run(with_classes(text, *ENGINES, *more), **variables)


def test_pieces_change_nothing(bundle):
    image = np.tile(phantom_slice(), (2, 2))[:400, :500]
    got = groovy(
        """
        def bundle = Bundle.open(new File(path))
        def settings = Settings.of(bundle, '0.4', '0.3', '', '')
        def network = new OnnxNetwork(bundle)
        def found = [2048 * 2048, 256 * 256].collect { most ->
            def engine = new OnnxEngine(network, bundle, settings, most)
            engine.segment(Pixels.of(values as float[], 400, 500), [1, 1] as double[], 'a')
        }
        network.close()
        def (whole, pieces) = found
        def furthest = { a, b -> (0..<a.length).collect { Math.abs(a[it] - b[it]) }.max() }
        [pieces: OnnxEngine.pieces(448, 256, network.reach[0]).size(),
            same: Arrays.equals(whole.labels.pixels as short[], pieces.labels.pixels as short[]),
            particles: whole.outlines.size(),
            prob: furthest(whole.probImage().pixels, pieces.probImage().pixels),
            dist: furthest(whole.distImage().pixels, pieces.distImage().pixels)]
        """,
        path=str(bundle),
        values=image.ravel().tolist(),
    )
    assert got["pieces"] > 2
    assert got["particles"] > 40
    assert got["same"]
    assert got["prob"] < 1e-6
    assert got["dist"] < 1e-5


def test_a_large_image_s_road_gives_a_small_one_s_files(run, tmp_path):
    """Limits so small that strips, maps in a file and a smaller overlay are taken."""
    given = dict(image=PLUGIN / "phantom_slice.tif", **TYPED)
    assert run("Segment_Image", out=tmp_path / "small", **given)["problem"] is None
    limits = {"FloatRows.inMemory": 1000, "Strips.values": 3000, "Outlines.overlay": 40000}
    result = run("Segment_Image", {"limits": limits}, out=tmp_path / "large", **given)
    assert result["problem"] is None
    assert "overlay.png is 2 times smaller than the image" in result["said"]
    for name in ("labels.tif", "prob.tif", "dist.tif", "rois.zip", "objects.csv"):
        one, other = ((tmp_path / size / name).read_bytes() for size in ("small", "large"))
        assert one == other or name == "rois.zip"  # a zip keeps the time
    small, large = (tifffile.imread(tmp_path / s / "labels.tif") for s in ("small", "large"))
    np.testing.assert_array_equal(small, large)


def test_more_particles_than_16_bits_number(tmp_path):
    answer = groovy(
        """
        def squares = (0..<66000).collect {
            float x = 3 * (it % 300), y = 3 * it.intdiv(300)
            def roi = new ij.gui.PolygonRoi([x, x + 2, x + 2, x] as float[],
                [y, y, y + 2, y + 2] as float[], 4, ij.gui.Roi.POLYGON)
            roi.name = "${it + 1}"
            roi
        }
        def first = Outlines.blank(squares.size(), 1, 900)
        TiffFile.write(new File(folder, 'labels.tif'), new ij.ImagePlus('labels', first), 660) {
            top, bottom -> Outlines.paint(squares, top, bottom, 900).pixels
        }
        RoiZip.write(new File(folder, 'rois.zip'), squares)
        def opened = ij.IJ.openImage(new File(folder, 'labels.tif').path)
        [bits: opened.bitDepth, last: opened.getProcessor().getf(3 * (65999 % 300), 659 - 1),
            regions: RoiZip.read(new File(folder, 'rois.zip')).size()]
        """,
        *("TiffFile", "RoiZip"),
        folder=str(tmp_path),
    )
    assert answer == {"bits": 32, "last": 66000, "regions": 66000}
    labels = tifffile.imread(tmp_path / "labels.tif")
    y, x = np.divmod(np.arange(66000), 300)
    assert np.array_equal(labels[3 * y + 1, 3 * x + 1], np.arange(1, 66001))
    assert np.count_nonzero(labels) == 4 * 66000
    with zipfile.ZipFile(tmp_path / "rois.zip") as regions:
        assert len(regions.namelist()) == 66000


@pytest.mark.parametrize("size", [(57, 83), (20, 83), (40, 46), (3, 2)])
def test_a_window_of_a_resampled_image_is_cut_out_of_the_whole(size):
    image = np.random.default_rng(1).normal(0, 9, (2, 40, 46)).astype(np.float32)
    cut = [size[0] // 3, size[0] - size[0] // 4, size[1] // 3, size[1] - size[1] // 5]
    whole, window = groovy(
        """
        def resized = Resampling.resize(Pixels.of(values as float[], 40, 46), *size)
        [resized.all() as List, resized.window(1, *cut) as List]
        """,
        values=image.ravel().tolist(),
        size=size,
        cut=cut,
    )
    top, bottom, left, right = cut
    expected = np.reshape(whole, (2, *size))[1, top:bottom, left:right]
    np.testing.assert_array_equal(np.reshape(window, expected.shape), expected)


def test_other_thresholds_need_no_other_run_of_the_network(bundle):
    got = groovy(
        """
        class Counting extends OnnxNetwork {
            int runs
            Counting(Bundle bundle) { super(bundle) }
            float[][] run(java.nio.FloatBuffer image, int h, int w) {
                runs++
                super.run(image, h, w)
            }
        }
        def bundle = Bundle.open(new File(path))
        def network = new Counting(bundle)
        def engine = { prob, nms ->
            new OnnxEngine(network, bundle, Settings.of(bundle, "$prob", "$nms", '', ''))
        }
        def one = [1, 1] as double[]
        network.runs = 0
        def image = Pixels.of(values as float[], 240, 300)
        def proposal = engine(0.4, 0.3).propose(image, one, 'a', 0.1)
        def pairs = [[0.1, 0.3], [0.4, 0.3], [0.4, 0.9], [0.75, 0.0]]
        def drawn = pairs.collect { OnnxEngine.particles(proposal, *it) }
        int runs = network.runs
        def anew = pairs.collect { engine(*it).segment(image, one, 'a') }
        network.close()
        [runs: runs, particles: drawn*.outlines*.size(),
            same: [drawn, anew].transpose().collect { a, b ->
                Arrays.equals(a.labels.pixels, b.labels.pixels) && a.rays == b.rays }]
        """,
        path=str(bundle),
        values=phantom_slice().ravel().tolist(),
    )
    assert got["runs"] == 1
    assert got["same"] == [True] * 4
    assert len(set(got["particles"])) == 4


@pytest.mark.parametrize("folded", [False, True])
@pytest.mark.parametrize("threshold", [0.0, 0.3, 0.5, 1.0])
def test_suppression_has_python_s_winners(threshold, folded):
    rng = np.random.default_rng(5)
    centres = rng.integers(20, 280, (60, 2))
    points = (centres[:, None] + rng.integers(-4, 5, (60, 12, 2))).reshape(-1, 2)
    points = np.unique(points, axis=0)
    dist = rng.uniform(6, 18, (len(points), 1)) * rng.uniform(0.8, 1.2, (len(points), 32))
    if folded:
        dist[:, 5:9] *= -0.4
    prob = rng.integers(0, 200, len(points)) / np.float32(256)  # with ties
    order = np.lexsort((points[:, 0], points[:, 1], -prob))
    polygons = Polygons.from_rays(points[order], dist[order], prob[order])
    shuffled = rng.permutation(len(points))
    got = groovy(
        """
        def candidates = new Candidates(32)
        rows.each { row -> candidates.add(row[0] as int, row[1] as int, row[2] as float,
            row.drop(3) as float[], 0) }
        candidates.sort()
        [winners: Suppression.winners(candidates, threshold) as List,
            corners: (0..<candidates.count).collect { candidates.corners(it) as List }]
        """,
        rows=[
            [*map(int, points[k]), float(prob[k]), *map(float, np.float32(dist[k]))]
            for k in shuffled
        ],
        threshold=threshold,
    )
    corners = np.reshape(got["corners"], (len(points), 32, 2))[..., ::-1]
    np.testing.assert_array_equal(corners, np.rint(polygons.outlines * 100))
    assert got["winners"] == analysis.suppress(polygons, threshold).tolist()
    assert len(got["winners"]) > 10


@pytest.mark.parametrize("reach", [25, 60])
def test_winners_band_by_band_are_those_of_all_candidates(reach):
    rng = np.random.default_rng(8)
    centres = rng.integers(20, (1180, 280), (300, 2))
    points = np.unique((centres[:, None] + rng.integers(-4, 5, (300, 8, 2))).reshape(-1, 2), axis=0)
    dist = rng.uniform(6, 18, (len(points), 1)) * rng.uniform(0.8, 1.2, (len(points), 16))
    prob = rng.integers(1, 200, len(points)) / 256  # with ties
    rows = np.concatenate([points, prob[:, None], dist], 1)
    got = groovy(
        """
        def winnersOf = { List<Integer> frontiers ->
            def bands = new Bands(16, 0, 0.3)
            int kept = 0
            def rest = rows
            frontiers.each { frontier ->
                def (band, below) = rest.split { it[0] < frontier }
                band.each { bands.open.add(it[0] as int, it[1] as int, it[2] as float,
                    it.drop(3) as float[], 0) }
                if (frontier < 2000) bands.settle(frontier)
                kept = Math.max(kept, bands.open.count)
                rest = below
            }
            def winners = bands.winners()
            [kept: kept, winners: (0..<winners.count).collect {
                [winners.ys[it], winners.xs[it], winners.probs[it]] }]
        }
        def (most, far) = [Bands.most, Bands.reach]
        Bands.most = 100
        try {
            def broken = null
            try { Bands.reach = 1; winnersOf((100..1200).step(50) + [2000]) }
            catch (Problem tooFar) { broken = tooFar.message }
            Bands.reach = reach
            [winnersOf([2000]), winnersOf((100..1200).step(50) + [2000]), broken]
        } finally {
            Bands.most = most
            Bands.reach = far
        }
        """,
        rows=rows.tolist(),
        reach=reach,
    )
    together, banded, broken = got
    assert banded["winners"] == together["winners"]
    assert len(banded["winners"]) > 100
    assert banded["kept"] < len(points) / 3
    assert "pixels up from its centre, where the network expects particles far below 1:" in broken


@pytest.mark.parametrize(
    "values",
    [
        np.random.default_rng(1).normal(0, 50, 999).astype(np.float32),
        np.random.default_rng(2).integers(0, 4, 1000).astype(np.float32),
        np.random.default_rng(3).normal(5e-9, 1e-9, 500).astype(np.float32),
        np.full(77, 3.5, np.float32),
        np.float32([2.0]),
    ],
)
@pytest.mark.parametrize("percentiles", [(1.0, 99.8), (0.0, 100.0)])
def test_normalisation_is_python_s(values, percentiles):
    got = groovy(
        """
        def pixels = Pixels.of(values as float[], 1, values.size())
        def normalisation = new Normalisation(pixels, q[0], q[1])
        pixels.all().collect { normalisation.apply(it) }
        """,
        values=values.tolist(),
        q=percentiles,
    )
    expected = analysis.normalize(values[None], percentiles)[0]
    np.testing.assert_array_equal(np.float32(got), expected)


@pytest.mark.parametrize(
    ("size", "side", "reach"), [(448, 256, 70), (4096, 2048, 190), (64, 64, 1), (640, 64, 500)]
)
def test_the_cores_of_the_pieces_cover_each_pixel_once(size, side, reach):
    pieces = groovy("OnnxEngine.pieces(s, side, reach)", s=size, side=side, reach=reach)
    cores = [(start, stop) for _, _, start, stop in pieces]
    assert cores[0][0] == 0
    assert cores[-1][1] == size
    assert all(one[1] == two[0] for one, two in pairwise(cores))
    for first, last, start, stop in pieces:
        assert first % 64 == 0 and start % 64 == 0
        assert first == 0 or start - first >= reach
        assert last == size or last - stop >= reach


# --- the particle diameter


@pytest.fixture(scope="module")
def nmc(tmp_path_factory):
    return export("nmc", tmp_path_factory.mktemp("b") / "nmc.zip", verify=False).path


LOOKS = """
def bundle = Bundle.open(new File(path))
def segmenter = new OnnxEngine(new OnnxNetwork(bundle), bundle, Settings.of(bundle, '', '', '', ''))
def looks = images.collect { image -> new Look(squares: squares as double[],
    pixels: Pixels.of(image.flatten() as float[], image.size(), image[0].size())) }
try { Diameter.choose(segmenter, looks, 'pixels', 'a.tif') }
catch (Problem nothing) { [problem: nothing.message] }
finally { segmenter.close() }
"""


def test_an_empty_diameter_is_estimated_said_and_recorded(run, nmc, tmp_path):
    [(image, _)] = analysis.training_slices(1, (96, 108), seed=3, diameter=20)
    image = np.asarray(image, np.float32)
    tifffile.imwrite(tmp_path / "a.tif", image)
    result = run("Segment_Image", image=tmp_path / "a.tif", model=nmc, out=tmp_path / "o")
    assert result["problem"] is None
    choice = choose_diameter([image], load_model(nmc))
    assert choice.diameter < 30
    assert choice.told("pixels").replace("--diameter", "diameter=...") in result["said"]
    record = json.loads((tmp_path / "o" / "fiji.json").read_text())
    assert record["diameter"] == pytest.approx(choice.diameter, rel=1e-6)
    assert record["diameter_choice"].keys() == choice.as_record().keys()
    expected = PythonEngine(nmc, Settings(diameter=choice.diameter)).segment(image).labels
    labels = tifffile.imread(tmp_path / "o" / "labels.tif")
    assert labels.max() == expected.max() > 5
    assert np.mean(labels != expected) < 1e-3


@pytest.mark.parametrize("kind", ["noise", "blank", "flat pixels", "real"])
def test_an_estimated_diameter_is_python_s(request, nmc, kind):
    squares = (1.0, 1.0)
    if kind == "real":
        shared = request.getfixturevalue("shared_data")
        images = [tifffile.imread(shared / "plugin" / "real_slice.tif")]
    elif kind == "noise":
        images = [np.random.default_rng(0).integers(0, 256, (40, 50)).astype(np.uint8)]
    elif kind == "blank":
        images = [np.zeros((20, 30), np.uint8)]
    else:
        made = analysis.training_slices(1, (96, 108), seed=2, diameter=40)
        images, squares = [np.asarray(image[::2], np.float32) for image, _ in made], (2.0, 1.0)
    got = groovy(LOOKS, path=str(nmc), squares=squares, images=[image.tolist() for image in images])
    try:
        choice = choose_diameter(images, load_model(nmc), pixel_size=squares)
    except ValueError as nothing:
        assert got["problem"] == f"a.tif: {nothing} (diameter=...)"
        return
    expected = choice.as_record()
    told = got.pop("told")
    assert told == choice.told("pixels").replace("--diameter sets", "diameter=... sets")
    assert got.keys() == expected.keys()
    for name, value in expected.items():
        assert got[name] == (value if value is None else pytest.approx(value, rel=1e-6)), name
