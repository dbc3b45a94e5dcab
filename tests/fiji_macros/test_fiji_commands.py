"""The Groovy commands: compiled, their pure functions against Python, whole runs against a stub."""

import csv
import io
import os
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
import roifile
import tifffile
from groovy_commands import ENGINES, FIELDS, runnable, with_classes
from particlebridge import analysis
from particlebridge.analysis import Polygons, Prediction
from particlebridge.bridge.segmenting.image_results import object_table
from particlebridge.bridge.volumes.length_units import to_micrometres
from particlebridge.fiji_macros.compose import COMMANDS, compose
from plain_imagej import NEWEST, OLDER, plain_imagej
from real_fiji import NEEDED, left_out

STUB = (Path(__file__).parents[1] / "java_stubs" / "recording_stardist.groovy").read_text()
AXES = "package net.imagej.axis\nclass Axes { static String X = 'X', Y = 'Y' }"


@pytest.fixture(scope="module")
def java():
    return plain_imagej()


# --- all commands compile, and SciJava reads their parameters


COMPILES = """
def config = new org.codehaus.groovy.control.CompilerConfiguration()
config.optimizationOptions.put('asmResolving', false)
[GroovySystem.version, new GroovyClassLoader(this.class.classLoader, config).parseClass(text).name]
"""


@pytest.mark.parametrize("groovy", [NEWEST, *OLDER])
@pytest.mark.parametrize("command", COMMANDS)
def test_compiles(groovy, command):
    text = re.sub(r"^#@.*$", "", compose(command), flags=re.MULTILINE)
    version, name = plain_imagej(groovy).run(COMPILES, text=text)
    assert version == groovy
    assert name


@pytest.mark.parametrize("command", COMMANDS)
def test_scijava_reads_every_parameter(java, command):
    header = [line for line in compose(command).splitlines() if line.startswith("#@")]
    # Services and Dataset of ImageJ2 are not in scijava-common; the rest is parsed for real.
    known = [line for line in header if "DatasetService" not in line and "UIService" not in line]
    inputs = java.run(
        """
        import org.scijava.Context
        import org.scijava.script.ScriptInfo
        import org.scijava.script.ScriptService
        def context = new Context(ScriptService)
        def info = new ScriptInfo(context, 'x.groovy', new StringReader(header.join('\\n')))
        def result = info.inputs().collect { [it.name, it.type.simpleName, it.label, it.required,
            it.visibility.toString(), it.persisted, it.description] }
        context.dispose()
        result
        """,
        header=known,
    )
    assert len(inputs) == len(known)
    for name, kind, label, required, visibility, persisted, description in inputs:
        assert kind in ("AtomicReference", "CommandService")
        if kind == "AtomicReference":
            assert description
            # Those for programs are not asked for.
            assert bool(label) == (name not in ("slices", "scale", "acts"))
            # Nothing that a macro leaves out may silently come from what was chosen last.
            assert not persisted
            # The commands tell the recorder themselves.
            assert visibility == "INVISIBLE"
            # SciJava cancels silently what lacks a required input; the commands say it themselves.
            assert not required


# SciJava as in Fiji, but for what is not on Maven Central, and without a window: before each script
# runs its own chain of preprocessors: remembered values, files to choose, required inputs.
SCIJAVA = """
import org.scijava.Context
import org.scijava.module.ModuleService
import org.scijava.script.AdaptedScriptLanguage
import org.scijava.script.ScriptInfo
import org.scijava.script.ScriptService
import org.scijava.ui.UIService

class Language extends AdaptedScriptLanguage {
    Language() { super(new org.codehaus.groovy.jsr223.GroovyScriptEngineFactory()) }
}
def context = new Context(ScriptService, UIService, ModuleService)
context.getService(ScriptService).index.add(new Language(), false)
def info = new ScriptInfo(context, name, new StringReader(text))
def modules = context.getService(ModuleService)
def result = cases.collect { given ->
    def said = new ByteArrayOutputStream()
    def (out, err) = [System.out, System.err]
    System.setOut(new PrintStream(said)); System.setErr(new PrintStream(said))
    try { modules.run(info, true, given).get() } finally { System.setOut(out); System.setErr(err) }
    said.toString()
}
context.dispose()
result
"""


@pytest.mark.parametrize("command", COMMANDS)
def test_no_command_is_cancelled_in_silence_for_want_of_an_input(java, tmp_path, command):
    text = compose(command).replace("#@ DatasetService datasets\n", "")
    fields = re.findall(r"^#@ .+Reference .+ (\w+)$", text, re.MULTILINE)
    full = dict.fromkeys(fields, "") | {n: str(tmp_path / n) for n in NEEDED[command]}
    if "what" in full:
        full["what"] = "Load labels as regions"
    names = NEEDED[command]
    cases = [{k: v for k, v in full.items() if k != name} for name in names]
    cases += [{k: v for k, v in case.items() if v} for case in cases]
    answer = java.run(SCIJAVA, name=f"{command}.groovy", text=text, cases=cases)
    for name, said in zip(names * 2, answer, strict=True):
        assert f"ERROR {command.replace('_', ' ')}: No " in said
        assert left_out(command, name) in said
        assert said.count("[particlebridge] ERROR") == 1
    assert list(tmp_path.iterdir()) == []


# --- pure functions, against Python's


@pytest.mark.parametrize("size", [(17, 23), (40, 61), (80, 92), (40, 30), (1, 1)])
def test_resampling_is_pythons(java, size):
    image = np.random.default_rng(0).normal(100, 30, (40, 46)).astype(np.float32)
    got = java.run(
        with_classes(
            "Resampling.resize(Pixels.of(pixels as float[], 40, 46), *size).all() as List",
            *("Strips", "Pixels", "Resampling"),
        ),
        pixels=image.ravel().tolist(),
        size=size,
    )
    expected = analysis.resize(image, size)
    assert np.abs(np.reshape(got, size) - expected).max() < 2e-5 * 255


@pytest.mark.parametrize("scale", [0.37, 0.5, 1.0, 1.3, 2.5])
@pytest.mark.parametrize("size", [1, 7, 64, 101])
def test_scaled_size_is_pythons(java, size, scale):
    got = java.run(
        with_classes("Resampling.scaledSize(n, s)", "Pixels", "Resampling"), n=size, s=scale
    )
    assert got == analysis.resized_shape((size, size), (scale, scale))[0]


@pytest.mark.parametrize("grid", [(1, 1), (2, 2), (4, 2)])
@pytest.mark.parametrize("shape", [(24, 30), (37, 55), (9, 11)])
def test_sparse_probability_is_filled_and_mapped_back_as_in_python(java, grid, shape):
    inner = (24, 30)
    points = np.random.default_rng(1).random((-(-24 // grid[0]), -(-30 // grid[1])))
    sparse = np.zeros(inner, np.float32)
    sparse[:: grid[0], :: grid[1]] = points
    got = java.run(
        with_classes(
            """
            def maps = new GridMaps(s[0], s[1], 24, 30, [1, 1] as int[], 32)
            maps.set(StarDist.fillGrid(p as float[], 24, 30), new float[24 * 30])
            maps.probs(0, s[0]) as List
            """,
            *ENGINES,
        ),
        p=sparse.ravel().tolist(),
        s=shape,
    )
    expected = analysis.fill_grid(points.astype(np.float32), grid, inner, shape)
    assert np.array_equal(np.reshape(np.float32(got), shape), expected)


def stars(count=25, rays=32, shape=(90, 120), seed=3):
    rng = np.random.default_rng(seed)
    points = rng.integers((5, 5), (shape[0] - 5, shape[1] - 5), (count, 2))
    dist = rng.uniform(4, 16, (count, 1)) * rng.uniform(0.7, 1.3, (count, rays))
    return Polygons.from_rays(points, dist, np.linspace(0.9, 0.5, count))


@pytest.mark.parametrize("scale", [(1.0, 1.0), (0.5, 0.5), (0.62, 1.24)])
def test_painting_is_pythons(java, scale):
    polygons, shape = stars(), (90, 120)
    full = (round(shape[0] / scale[0]), round(shape[1] / scale[1]))
    factor = (shape[0] / full[0], shape[1] / full[1])
    got = java.run(
        with_classes(
            """
            def along = { outline, axis -> outline.collect { it[axis] + 0.5 } as float[] }
            def outlines = corners.collect { Outlines.scaled(along(it, 1), along(it, 0),
                1 / factor[1] as double, 1 / factor[0] as double) }
            def labels = Outlines.paint(outlines, full[0], full[1])
            (0..<full[0] * full[1]).collect { labels.get(it) }
            """,
            *("Outlines", "Problem"),
        ),
        corners=polygons.outlines.tolist(),
        factor=factor,
        full=full,
    )
    expected = analysis.paint(analysis.rescale_polygons(polygons, factor), full)
    # Corners are float32 in ImageJ; a centre that lies on an edge may fall to either side.
    assert np.mean(np.reshape(got, full) != expected) < 2e-3
    assert set(np.unique(got)) == set(np.unique(expected))


def test_mean_distance_is_pythons(java):
    rng = np.random.default_rng(4)
    dist = rng.uniform(1, 20, (6, 9, 32)).astype(np.float32)
    scale = (0.5, 0.8)
    got = java.run(
        with_classes(
            """
            def img = net.imglib2.img.array.ArrayImgs.floats(values as float[], 9, 6, 32)
            StarDist.meanOverRays(img, 6, 9, 2.0d, 1.25d) as List
            """,
            *ENGINES,
        ),
        values=dist.transpose(2, 0, 1).ravel().tolist(),
    )
    expected = (dist @ analysis.ray_lengths(32, scale)) / 32
    assert np.allclose(np.reshape(got, (6, 9)), expected, rtol=1e-6)


def test_names_sort_as_people_count(java):
    got = java.run(
        with_classes(
            "names.sort { ImageFiles.naturalKey(it) }",
            *ENGINES,
        ),
        names=["s_10.tif", "s_9.tif", "S_0009b.tif", "s_100.tif", "a.tif"],
    )
    assert got == ["a.tif", "s_9.tif", "S_0009b.tif", "s_10.tif", "s_100.tif"]


@pytest.mark.parametrize(
    ("unit", "um"),
    [
        (unit, to_micrometres(1, unit) or 0)
        for unit in (
            "micron",
            "µm",
            "μm",
            "um",
            "Âµm",
            "\\u00b5m",
            "nm",
            "nanometers",
            "mm",
            "cm",
            "m",
            "inch",
            "in",
            '"',
            "Å",
            "\u212b",
            "Angstrom",
            "pm",
            "pixel",
            "foo",
            "",
        )
    ],
)
def test_units(java, unit, um):
    got = java.run(with_classes("Units.micrometres(unit)", "Units"), unit=unit)
    assert got == pytest.approx(um)


def test_nan_outside_the_field_of_view_becomes_the_median_inside(java):
    y, x = np.mgrid[:21, :21] - 10
    image = np.where(y**2 + x**2 < 81, x + 50.0, np.nan)
    text = with_classes(
        "def pixels = v.collect { it == null ? Float.NaN : it } as float[]\n"
        "FieldOfView.filled(pixels, 21, 21, 'a') as List",
        *("Strips", "Pixels", "Normalisation", "FieldOfView", "Problem"),
    )
    values = [None if np.isnan(v) else v for v in image.ravel()]
    got = np.reshape(java.run(text, v=values), (21, 21))
    assert np.array_equal(got[~np.isnan(image)], image[~np.isnan(image)])
    assert np.all(got[np.isnan(image)] == np.nanmedian(image))
    values[10 * 21 + 10] = None
    with pytest.raises(RuntimeError, match="a: holds NaN or infinite values inside"):
        java.run(text, v=values)


@pytest.mark.parametrize(
    ("record", "typed", "expected"),
    [
        ("{}", {}, [0.5, 0.4, 1.0, 99.8, 1.0]),
        ('{"thresholds": {"prob": 0.61, "nms": 0.3}}', {}, [0.61, 0.3, 1.0, 99.8, 1.0]),
        ('{"percentiles": [2, 98], "diameter": 30}', {"diameter": "60"}, [0.5, 0.4, 2, 98, 0.5]),
        ('{"thresholds": {"prob": 0.0, "nms": 0.0}}', {}, [0.0, 0.0, 1.0, 99.8, 1.0]),
        ('{"thresholds": null, "x": 1}', {"prob": "0.25", "percentiles": "3; 97"},
         [0.25, 0.4, 3, 97, 1]),
    ],
)  # fmt: skip
def test_settings_come_from_the_user_then_the_bundle_then_defaults(
    java, tmp_path, record, typed, expected
):
    bundle = make_bundle(tmp_path / "m.zip", record)
    got = java.run(
        with_classes(
            "def bundle = Bundle.open(new File(path))\n"
            "def s = Settings.of(bundle, t.prob, t.nms, t.percentiles, t.diameter)\n"
            "[s.prob, s.nms, s.low, s.high, s.scale]",
            *("Settings", "Bundle", "Problem"),
        ),
        path=str(bundle),
        t=typed,
    )
    assert got == expected


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ({"prob": "1.5"}, "must lie between 0 and 1"),
        ({"nms": "high"}, "must be a number, not: high"),
        ({"percentiles": "99,1"}, "two rising numbers"),
        ({"diameter": "20"}, "does not record the diameter"),
        ({"percentiles": "1,101"}, "percentile must lie between 0 and 100"),
    ],
)
def test_what_cannot_be_is_one_sentence(java, tmp_path, typed, sentence):
    bundle = make_bundle(tmp_path / "m.zip", "{}")
    with pytest.raises(RuntimeError, match=sentence):
        java.run(
            with_classes(
                "Settings.of(Bundle.open(new File(p)), t.prob, t.nms, t.percentiles, t.diameter)",
                *("Settings", "Bundle", "Problem"),
            ),
            p=str(bundle),
            t=typed,
        )


@pytest.mark.parametrize(
    ("typed", "recorded", "um"),
    [("", "{}", 0), ("", '{"pixel_size": 0.3}', 0.3), ("0.2", '{"pixel_size": 0.3}', 0.2)],
)
def test_the_pixel_size_is_the_users_then_the_bundles(java, tmp_path, typed, recorded, um):
    bundle = make_bundle(tmp_path / "m.zip", recorded)
    text = with_classes(
        "Settings.pixelSize(Bundle.open(new File(path)), typed)", "Settings", "Bundle", "Problem"
    )  # fmt: skip
    assert java.run(text, path=str(bundle), typed=typed) == um


@pytest.mark.parametrize(
    "record",
    ['{"thresholds": {"prob": 7}}', '{"percentiles": [5, 900]}', '{"percentiles": [9, 1]}'],
)
def test_a_bundle_that_records_nonsense_is_refused(java, tmp_path, record):
    bundle = make_bundle(tmp_path / "m.zip", record)
    with pytest.raises(RuntimeError, match=r"must (lie between|be two rising numbers)"):
        java.run(
            with_classes(
                "Settings.of(Bundle.open(new File(p)), '', '', '', '')",
                *("Settings", "Bundle", "Problem"),
            ),
            p=str(bundle),
        )


def make_bundle(path, record=None, entries=("saved_model.pb", "variables/")):
    with zipfile.ZipFile(path, "w") as archive:
        for entry in entries:
            archive.writestr(entry, b"")
        if record is not None:
            archive.writestr("particlebridge.json", record)
    return path


def test_what_is_no_bundle_is_said(java, tmp_path):
    text = with_classes("Bundle.open(new File(path))", "Bundle", "Problem")
    (tmp_path / "text.zip").write_text("no zip")
    make_bundle(tmp_path / "nested.zip", entries=("model/saved_model.pb",))
    make_bundle(tmp_path / "broken.zip", record="{")
    make_bundle(tmp_path / "care.zip", record='{"kind": "care2d"}')
    for name, sentence in [
        ("absent.zip", "there is no such model"),
        ("", "is a folder"),
        ("text.zip", "no readable zip"),
        ("nested.zip", "no saved_model.pb at its root"),
        ("broken.zip", "particlebridge.json is damaged"),
        ("care.zip", "is a CARE model, which restores images"),
    ]:
        with pytest.raises(RuntimeError, match=sentence):
            java.run(text, path=str(tmp_path / name))


# --- whole commands, with the recording stub in StarDist's place


@pytest.fixture
def run(java, tmp_path):
    def run(command, settings=None, /, java=java, **variables):
        if not (tmp_path / "m.zip").exists():
            # With a diameter on record one would be estimated, and the stub knows no scale.
            make_bundle(
                tmp_path / "m.zip", '{"diameter": 10}' if variables.get("diameter") else None
            )
        variables.setdefault("model", tmp_path / "m.zip")
        given = {k: None if v is None else str(v) for k, v in variables.items()}
        variables = {name: given.get(name) for name in FIELDS}
        return java.run(runnable(command), (AXES, STUB), settings=settings or {}, **variables)

    return run


def disc_image(path, discs=((20, 30, 9), (40, 80, 12)), shape=(60, 100), **kwargs):
    """One seed pixel per disc (y, x, radius), as the stub takes it."""
    image = np.full(shape, 10, np.uint8)
    for y, x, radius in discs:
        image[y, x] = 200 + radius
    tifffile.imwrite(path, image, **kwargs)
    return image


def test_one_image_gives_all_its_files(run, tmp_path):
    disc_image(tmp_path / "a.tif")
    result = run("Segment_Image", image=tmp_path / "a.tif", out=tmp_path / "out")
    assert result["problem"] is None
    assert {p.name for p in (tmp_path / "out").iterdir()} == {
        "labels.tif", "prob.tif", "dist.tif", "rois.zip", "overlay.png", "objects.csv", "fiji.json",
    }  # fmt: skip
    labels = tifffile.imread(tmp_path / "out" / "labels.tif")
    assert labels.dtype == np.uint16
    # The larger disc is the more probable one.
    rays = np.repeat([[12.0], [9.0]], 32, axis=1)
    discs = Polygons.from_rays([[40, 80], [20, 30]], rays, [0.9, 0.8])
    assert np.count_nonzero(labels != analysis.paint(discs, (60, 100))) <= 8  # centres on an edge
    table = list(csv.DictReader(io.StringIO((tmp_path / "out" / "objects.csv").read_text())))
    assert [row["label"] for row in table] == ["1", "2"]
    empty = Polygons.from_rays(np.zeros((0, 2)), np.zeros((0, 32)), np.zeros(0))
    blank = np.zeros((60, 100), np.float32)
    nothing = Prediction(blank.astype(np.int32), blank, blank, empty)
    assert list(table[0]) == list(object_table(nothing))
    assert {row["unit"] for row in table} == {"px"}
    assert float(table[0]["probability"]) == pytest.approx(212 / 256, abs=1e-5)
    rois = roifile.roiread(tmp_path / "out" / "rois.zip")
    assert [roi.name for roi in rois] == ["0001", "0002"]
    assert tifffile.imread(tmp_path / "out" / "prob.tif")[40, 80] == pytest.approx(212 / 256)
    assert tifffile.imread(tmp_path / "out" / "dist.tif")[40, 80] == pytest.approx(12)


@pytest.mark.parametrize("groovy", OLDER)
def test_an_older_groovy_gives_the_same_files(run, tmp_path, groovy):
    images = tmp_path / "images"
    images.mkdir()
    disc_image(images / "a.tif")
    volume(images / "v.tif", spacing=(0.2, 0.1, 0.1))
    for name, java in [("new", plain_imagej()), ("old", plain_imagej(groovy))]:
        out = tmp_path / name
        given = {"percentiles": "1,99", "prob": "0.6"}
        done = [
            run("Segment_Folder", java=java, folder=images, out=out / "folder", **given),
            run("Segment_Views", java=java, image=images / "v.tif", out=out, **given),
            run("Correct_Labels", java=java, what="Load labels as regions",
                image=images / "a.tif", labels=out / "folder/a/labels.tif", out=out / "c"),
            run("Correct_Labels", java=java, what="Save regions as labels",
                image=images / "a.tif", rois=out / "c/rois.zip", out=out / "c"),
        ]  # fmt: skip
        assert [result["problem"] for result in done] == [None] * 4
    files = sorted(p.relative_to(tmp_path / "new") for p in (tmp_path / "new").rglob("*.*"))
    compared = [f for f in files if f.suffix in (".tif", ".csv", ".png", ".txt")]
    assert len(compared) > 20
    for file in compared:
        assert (tmp_path / "old" / file).read_bytes() == (tmp_path / "new" / file).read_bytes()


def test_the_plugin_is_called_as_it_must_be(run, tmp_path):
    disc_image(tmp_path / "a.tif")
    model = make_bundle(
        tmp_path / "b.zip", '{"thresholds": {"prob": 0.6, "nms": 0.3}, "percentiles": [2, 99]}'
    )
    calls = run("Segment_Image", image=tmp_path / "a.tif", out=tmp_path / "o", model=model)["calls"]
    network, suppression = calls
    assert network["command"] == "de.csbdresden.stardist.StarDist2D"
    # process=True with the UI shown may open a dialog and block for ever.
    assert network["process"] is suppression["process"] is False
    assert network["arguments"]["input"] == ["X", "Y"]
    assert network["arguments"]["modelFile"] == str(model)
    assert network["arguments"]["modelChoice"] == "Model (.zip) from File"
    assert network["arguments"]["percentileBottom"] == "2.0"
    assert network["arguments"]["percentileTop"] == "99.0"
    assert network["arguments"]["nTiles"] == "1"
    # Any other output type needs a window.
    assert network["arguments"]["outputType"] == "Label Image"
    assert suppression["command"] == "de.csbdresden.stardist.StarDist2DNMS"
    assert suppression["arguments"]["outputType"] == "Polygons"
    assert suppression["arguments"]["probThresh"] == "0.6"
    assert suppression["arguments"]["nmsThresh"] == "0.3"
    assert suppression["arguments"]["excludeBoundary"] == "2"


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        ("missing", "The StarDist plugin, which would do instead, is not installed either"),
        ("null outputs", "StarDist gave no result"),
        ("input back", "gave back the image itself"),
        ("wrong size", "result has the size 101 x 60, the image is 100 x 60"),
        ("exception", "NullPointerException: splitPrediction"),
    ],
)
def test_whatever_the_plugin_does_wrong_is_said_and_nothing_is_written(
    run, tmp_path, fault, sentence
):
    disc_image(tmp_path / "a.tif")
    result = run("Segment_Image", {"fault": fault}, image=tmp_path / "a.tif", out=tmp_path / "out")
    assert sentence in result["problem"]
    assert f"[particlebridge] ERROR Segment Image: {result['problem']}" in result["said"]
    assert not (tmp_path / "out" / "labels.tif").exists()


@pytest.mark.parametrize(("h", "w", "tiles"), [(512, 512, 1), (2048, 2048, 1), (6000, 6000, 9)])
def test_the_plugin_gets_large_images_in_tiles(java, h, w, tiles):
    assert java.run(with_classes("StarDist.tilesFor(h, w)", *ENGINES), h=h, w=w) == tiles


@pytest.mark.parametrize("case", ["absent", "colour", "stack", "text"])
def test_images_that_cannot_be(run, tmp_path, case):
    path = tmp_path / "a.tif"
    if case == "colour":
        tifffile.imwrite(path, np.full((30, 40, 3), (9, 0, 0), np.uint8), photometric="rgb")
    elif case == "stack":
        tifffile.imwrite(path, np.zeros((3, 30, 40), np.uint8), photometric="minisblack")
    elif case == "text":
        path.write_text("no image")
    sentence = {
        "absent": "there is no such file",
        "colour": "is a colour image and the model takes grey ones; make it grey",
        "stack": "has 3 slices; choose slice=1 to 3; or slice=all for the stack, Segment Views",
        "text": "cannot open it",
    }[case]
    assert sentence in run("Segment_Image", image=path, out=tmp_path / "o")["problem"]


def test_a_diameter_rescales_and_results_come_back_at_full_size(run, tmp_path):
    # A disc of radius 20 in the image: trained at diameter 10, typed 20, so half the size. The stub
    # sees a seed only if resampling keeps it: give it a plateau that survives the triangle kernel.
    image = np.full((120, 160), 10, np.float32)
    image[58:64, 78:84] = 210
    tifffile.imwrite(tmp_path / "a.tif", image)
    result = run(
        "Segment_Image", image=tmp_path / "a.tif", out=tmp_path / "o", diameter="20", prob="0.81"
    )
    assert result["problem"] is None
    labels = tifffile.imread(tmp_path / "o" / "labels.tif")
    assert labels.shape == (120, 160)
    dist = tifffile.imread(tmp_path / "o" / "dist.tif")
    half = analysis.resize(image, (60, 80))
    expected = np.maximum(half - 200, 0.5).max() * 2
    assert dist.max() == pytest.approx(expected, rel=1e-5)
    ys, xs = np.nonzero(labels)
    assert ys.mean() == pytest.approx(60.5, abs=1)
    assert xs.mean() == pytest.approx(80.5, abs=1)
    assert np.ptp(ys) == pytest.approx(2 * expected, abs=6)
    # A line drawn across a particle says the same as a number that is typed.
    drawn = {"open": str(tmp_path / "a.tif"), "line": [60, 40, 72, 56]}
    result = run("Segment_Image", drawn, out=tmp_path / "l", prob="0.81")
    assert result["problem"] is None
    assert "particle diameter 20.0 pixels, the length of the line selection" in result["said"]
    assert np.array_equal(tifffile.imread(tmp_path / "l" / "labels.tif"), labels)


def volume(path, shape=(5, 40, 50), spacing=None):
    stack = np.full(shape, 10, np.uint8)
    for z in range(shape[0]):
        stack[z, 10 + z, 12 + 2 * z] = 205 + z
    metadata = {"axes": "ZYX"} | ({"spacing": spacing[0], "unit": "micron"} if spacing else {})
    resolution = {"resolution": (1 / spacing[2], 1 / spacing[1])} if spacing else {}
    tifffile.imwrite(path, stack, imagej=True, metadata=metadata, **resolution)
    return stack


def test_a_view_gives_three_stacks_with_axes_and_voxel_size(run, tmp_path):
    volume(tmp_path / "v.tif", spacing=(0.2, 0.2, 0.2))
    result = run("Segment_View", image=tmp_path / "v.tif", out=tmp_path / "xy")
    assert result["problem"] is None
    for name, dtype in [("labels", np.uint16), ("prob", np.float32), ("dist", np.float32)]:
        with tifffile.TiffFile(tmp_path / "xy" / f"{name}.tif") as tiff:
            assert tiff.series[0].shape == (5, 40, 50)
            assert tiff.series[0].dtype == dtype
            assert tiff.imagej_metadata["unit"] == "micron"
            assert tiff.imagej_metadata["spacing"] == pytest.approx(0.2)
    labels = tifffile.imread(tmp_path / "xy" / "labels.tif")
    for z in range(5):  # labels start at 1 again in every slice
        assert set(np.unique(labels[z])) == {0, 1}
        assert labels[z, 10 + z, 12 + 2 * z] == 1
    assert not (tmp_path / "xy" / ".parts").exists()


def test_a_grid_of_two_is_filled(run, tmp_path):
    image = np.full((40, 60), 10, np.uint8)
    image[20:22, 30:32] = 209
    tifffile.imwrite(tmp_path / "a.tif", image)
    run("Segment_Image", {"grid": 2}, image=tmp_path / "a.tif", out=tmp_path / "o")
    prob = tifffile.imread(tmp_path / "o" / "prob.tif")
    assert np.all(prob[20:22, 30:32] == np.float32(209 / 256))
    assert np.all(prob[prob != np.float32(209 / 256)] == np.float32(10 / 256))


def test_a_run_goes_on_where_it_stopped_and_gives_the_same(run, tmp_path):
    volume(tmp_path / "v.tif")
    whole = run("Segment_View", image=tmp_path / "v.tif", out=tmp_path / "whole")
    first = run(
        "Segment_View",
        {"fault": "exception", "faulty": [2]},
        image=tmp_path / "v.tif",
        out=tmp_path / "xy",
    )
    # The poisoned slice is named, the four others are kept.
    assert "1 of 5 slices failed (2)" in first["problem"]
    assert sorted(p.name for p in (tmp_path / "xy" / ".parts").glob("*.pbp")) == [
        "00000.pbp", "00001.pbp", "00003.pbp", "00004.pbp",
    ]  # fmt: skip
    assert not (tmp_path / "xy" / "labels.tif").exists()
    second = run("Segment_View", image=tmp_path / "v.tif", out=tmp_path / "xy")
    assert len(second["calls"]) == 2
    assert len(whole["calls"]) == 10
    for name in ("labels.tif", "prob.tif", "dist.tif"):
        assert (tmp_path / "xy" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    third = run("Segment_View", image=tmp_path / "v.tif", out=tmp_path / "xy")
    assert third["calls"] == []
    assert "nothing to do" in third["said"]


def test_other_settings_do_not_mix_with_finished_slices(run, tmp_path):
    volume(tmp_path / "v.tif")
    fault = {"fault": "exception", "faulty": [4]}
    run("Segment_View", fault, image=tmp_path / "v.tif", out=tmp_path / "xy")
    again = run("Segment_View", image=tmp_path / "v.tif", out=tmp_path / "xy", prob="0.7")
    assert len(again["calls"]) == 10
    assert "other settings are dropped" in again["said"]


def test_a_fault_of_the_model_ends_the_run_soon(run, tmp_path):
    volume(tmp_path / "v.tif", shape=(12, 40, 80))
    result = run(
        "Segment_View", {"fault": "null outputs"}, image=tmp_path / "v.tif", out=tmp_path / "xy"
    )
    assert len(result["calls"]) == 3
    assert "StarDist gave no result" in result["problem"]


def test_another_volume_of_the_same_name_is_not_taken_for_the_old_one(run, tmp_path):
    stack = volume(tmp_path / "v.tif")
    run("Segment_View", image=tmp_path / "v.tif", out=tmp_path / "xy")
    tifffile.imwrite(tmp_path / "v.tif", stack[::-1], imagej=True, metadata={"axes": "ZYX"})
    os.utime(tmp_path / "v.tif", (1e9, 1e9))
    assert len(run("Segment_View", image=tmp_path / "v.tif", out=tmp_path / "xy")["calls"]) == 10
    assert tifffile.imread(tmp_path / "xy" / "labels.tif")[0, 14, 20] == 1


def test_named_slices_leave_parts_only(run, tmp_path):
    volume(tmp_path / "v.tif")
    result = run("Segment_View", image=tmp_path / "v.tif", out=tmp_path / "xy", slices="0-1,4")
    assert result["problem"] is None
    assert {p.name for p in (tmp_path / "xy" / ".parts").glob("*.pbp")} == {
        "00000.pbp",
        "00001.pbp",
        "00004.pbp",
    }
    assert not (tmp_path / "xy" / "labels.tif").exists()


def test_a_folder_of_slices_is_a_stack_in_the_order_of_its_numbers(run, tmp_path):
    stack = volume(tmp_path / "v.tif")
    (tmp_path / "slices").mkdir()
    for z, plane in enumerate(stack):
        tifffile.imwrite(tmp_path / "slices" / f"s_{z + 7}.tif", plane)
    run("Segment_View", image=tmp_path / "v.tif", out=tmp_path / "a")
    assert run("Segment_View", image=tmp_path / "slices", out=tmp_path / "b")["problem"] is None
    for name in ("labels.tif", "prob.tif", "dist.tif"):
        assert np.array_equal(
            tifffile.imread(tmp_path / "a" / name), tifffile.imread(tmp_path / "b" / name)
        )


def test_the_three_views_of_a_volume_stand_as_the_design_says(run, tmp_path):
    stack = np.full((24, 30, 36), 10, np.uint8)
    stack[12, 15, 20] = 206
    tifffile.imwrite(tmp_path / "v.tif", stack, imagej=True, metadata={"axes": "ZYX"})
    result = run("Segment_Views", image=tmp_path / "v.tif", out=tmp_path / "run")
    assert result["problem"] is None
    for view, seed in [("xy", (12, 15, 20)), ("xz", (15, 12, 20)), ("yz", (20, 12, 15))]:
        dist = tifffile.imread(tmp_path / "run" / "views" / view / "dist.tif")
        assert dist.shape == analysis.to_view(stack, view).shape
        assert np.unravel_index(dist.argmax(), dist.shape) == seed
        labels = tifffile.imread(tmp_path / "run" / "views" / view / "labels.tif")
        assert np.flatnonzero(labels.any(axis=(1, 2))).tolist() == [seed[0]]


def test_flat_voxels_are_made_square_for_the_network(run, tmp_path):
    # z steps of 0.4, pixels of 0.2: in xz, rows are stretched by 2 and the disc comes back flat.
    stack = np.full((30, 24, 60), 10, np.float32)
    stack[14:17, 10, 30:33] = 208
    tifffile.imwrite(tmp_path / "v.tif", stack, imagej=True, resolution=(5, 5),
                     metadata={"axes": "ZYX", "spacing": 0.4, "unit": "micron"})  # fmt: skip
    run("Segment_Views", image=tmp_path / "v.tif", out=tmp_path / "run", views="xz", prob="0.8")
    labels = tifffile.imread(tmp_path / "run" / "views" / "xz" / "labels.tif")
    assert labels.shape == (24, 30, 60)
    rows, columns = np.nonzero(labels[10])
    assert np.ptp(columns) + 1 == pytest.approx(2 * (np.ptp(rows) + 1), abs=3)
    assert np.ptp(columns) >= 16


def test_a_folder_resumes_keeps_a_log_and_names_what_failed(run, tmp_path):
    (tmp_path / "images").mkdir()
    for name in ("a1.tif", "a2.tif", "a10.tif"):
        disc_image(tmp_path / "images" / name)
    (tmp_path / "images" / "a2.tif").write_text("broken")
    first = run("Segment_Folder", folder=tmp_path / "images", out=tmp_path / "out")
    assert "1 of 3 images failed" in first["problem"]
    assert "a2.tif" in first["problem"]
    assert {p.name for p in (tmp_path / "out").iterdir() if (p / "objects.csv").exists()} == {
        "a1",
        "a10",
    }
    disc_image(tmp_path / "images" / "a2.tif")
    second = run("Segment_Folder", folder=tmp_path / "images", out=tmp_path / "out")
    assert second["problem"] is None
    assert len(second["calls"]) == 2
    log = (tmp_path / "out" / "segment_folder.log").read_text()
    assert "a2.tif failed" in log
    assert log.count("was done before") == 2


def test_labels_become_regions_and_the_same_labels_again(run, tmp_path):
    polygons = stars(count=12)
    labels = analysis.paint(polygons, (90, 120)).astype(np.uint16)
    labels[40:50, 60:70] = 0  # a hole, and pieces cut off
    tifffile.imwrite(tmp_path / "labels.tif", labels)
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((90, 120), np.uint8))
    loaded = run(
        "Correct_Labels", what="Load labels as regions", image=tmp_path / "a.tif",
        labels=tmp_path / "labels.tif", out=tmp_path / "o",
    )  # fmt: skip
    assert loaded["problem"] is None
    saved = run(
        "Correct_Labels", what="Save regions as labels", image=tmp_path / "a.tif",
        rois=tmp_path / "o" / "rois.zip", out=tmp_path / "o",
    )  # fmt: skip
    assert saved["problem"] is None
    got = tifffile.imread(tmp_path / "o" / "labels.tif")
    ids = np.unique(labels[labels > 0])
    assert np.array_equal(got, np.searchsorted(ids, labels) * (labels > 0) + (labels > 0))
    assert np.array_equal(tifffile.imread(tmp_path / "o" / "labels" / "a.tif"), got)
    assert (tmp_path / "o" / "images" / "a.tif").exists()
    # An open image does as well as its file.
    opened = run(
        "Correct_Labels", {"open": str(tmp_path / "a.tif")}, what="Save regions as labels",
        rois=tmp_path / "o" / "rois.zip", out=tmp_path / "p",
    )  # fmt: skip
    assert opened["problem"] is None
    assert np.array_equal(tifffile.imread(tmp_path / "p" / "labels" / "a.tif"), got)


def test_corrected_stacks_keep_the_slices_that_bear_regions(run, tmp_path):
    stack = np.zeros((4, 30, 40), np.uint16)
    stack[1, 5:15, 5:15] = 1
    stack[3, 10:20, 20:30] = 7
    for name in ("labels.tif", "a.tif"):
        tifffile.imwrite(tmp_path / name, stack, imagej=True, metadata={"axes": "ZYX"})
    for what in ("Load labels as regions", "Save regions as labels"):
        result = run(
            "Correct_Labels", what=what, image=tmp_path / "a.tif", out=tmp_path / "o",
            labels=tmp_path / "labels.tif", rois=tmp_path / "o" / "rois.zip",
        )  # fmt: skip
        assert result["problem"] is None
    assert np.array_equal(tifffile.imread(tmp_path / "o" / "labels.tif"), stack > 0)
    assert {p.name for p in (tmp_path / "o" / "labels").iterdir()} == {"a_0002.tif", "a_0004.tif"}


@pytest.mark.parametrize("empty", [None, " "])
@pytest.mark.parametrize(
    ("command", "name"), [(command, name) for command in COMMANDS for name in NEEDED[command]]
)
def test_an_input_that_is_missing_is_one_sentence(run, tmp_path, command, name, empty):
    given = {n: tmp_path / n for n in NEEDED[command]} | {"what": "Load labels as regions"}
    result = run(command, **given | {name: empty})
    assert result["problem"].startswith("No ")
    assert result["problem"].endswith(left_out(command, name))
    assert result["calls"] == []


def test_to_load_and_to_save_are_all_that_there_is_to_do(run, tmp_path):
    result = run("Correct_Labels", what="Save", image=tmp_path / "a.tif", out=tmp_path / "o")
    assert result["problem"] == (
        "what must be one of: Load labels as regions, Save regions as labels; not: Save"
    )


def test_labels_of_another_image_are_refused(run, tmp_path):
    tifffile.imwrite(tmp_path / "labels.tif", np.zeros((20, 20), np.uint16))
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((30, 20), np.uint8))
    result = run(
        "Correct_Labels", what="Load labels as regions", image=tmp_path / "a.tif",
        labels=tmp_path / "labels.tif", out=tmp_path / "o",
    )  # fmt: skip
    assert "choose the labels of this image" in result["problem"]
