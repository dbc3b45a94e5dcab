"""The Fiji commands by ONNX Runtime on plain ImageJ: no Fiji, no plugin, nothing mocked."""

import csv
import json
import zipfile
from itertools import pairwise

import numpy as np
import pytest
import tifffile
from engine_contract import PLUGIN, THRESHOLDS, phantom_slice, recorded
from groovy_commands import ENGINES, FIELDS, NO_SERVICES, runnable, with_classes
from particlebridge import analysis
from particlebridge.analysis import Polygons
from particlebridge.bridge import PythonEngine, Settings
from particlebridge.exporter import export
from plain_imagej import NEWEST, OLDER, plain_imagej

TYPED = {"prob": str(THRESHOLDS["prob_thresh"]), "nms": str(THRESHOLDS["nms_thresh"])}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    """The model that the plugin was recorded with, as we export it."""
    return export(PLUGIN / "model", tmp_path_factory.mktemp("b") / "b.zip", verify=False).path


@pytest.fixture
def run(bundle):
    def run(command, /, groovy=NEWEST, **variables):
        variables.setdefault("model", bundle)
        given = {k: None if v is None else str(v) for k, v in variables.items()}
        variables = {name: given.get(name) for name in FIELDS}
        return plain_imagej(groovy).run(runnable(command, NO_SERVICES), settings={}, **variables)

    return run


def truth():
    return recorded(PLUGIN / "phantom_slice_plugin_tiles1.npz")


# --- whole commands


@pytest.mark.parametrize("groovy", [NEWEST, *OLDER])
def test_one_image_has_the_plugin_s_labels_bit_for_bit(run, tmp_path, groovy):
    result = run(
        "Segment_Image", groovy, image=PLUGIN / "phantom_slice.tif", out=tmp_path / "o", **TYPED
    )
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


def groovy(text, **variables):
    return plain_imagej().run(with_classes(text, *ENGINES), **variables)


def test_pieces_change_nothing(bundle):
    image = np.tile(phantom_slice(), (2, 2))[:400, :500]
    got = groovy(
        """
        def bundle = Bundle.open(new File(path))
        def settings = Settings.of(bundle, '0.4', '0.3', '', '')
        def network = new OnnxNetwork(bundle)
        def found = [2048 * 2048, 256 * 256].collect { most ->
            def engine = new OnnxEngine(network, bundle, settings, most)
            engine.segment(values as float[], 400, 500, [1, 1] as double[], 'a')
        }
        network.close()
        def (whole, pieces) = found
        def furthest = { a, b -> (0..<a.length).collect { Math.abs(a[it] - b[it]) }.max() }
        [pieces: OnnxEngine.pieces(448, 256, network.reach[0]).size(),
            same: Arrays.equals(whole.labels.pixels as short[], pieces.labels.pixels as short[]),
            particles: whole.outlines.size(),
            prob: furthest(whole.prob, pieces.prob), dist: furthest(whole.dist, pieces.dist)]
        """,
        path=str(bundle),
        values=image.ravel().tolist(),
    )
    assert got["pieces"] > 2
    assert got["particles"] > 40
    assert got["same"]
    assert got["prob"] < 1e-6
    assert got["dist"] < 1e-5


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
        def proposal = engine(0.4, 0.3).propose(values as float[], 240, 300, one, 'a', 0.1)
        def pairs = [[0.1, 0.3], [0.4, 0.3], [0.4, 0.9], [0.75, 0.0]]
        def drawn = pairs.collect { OnnxEngine.particles(proposal, *it) }
        int runs = network.runs
        def anew = pairs.collect { engine(*it).segment(values as float[], 240, 300, one, 'a') }
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
        def reached = Normalisation.inReach(values as float[], q[0], q[1])
        def normalisation = new Normalisation(reached, q[0], q[1])
        reached.collect { normalisation.apply(it) }
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
