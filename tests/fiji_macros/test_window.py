"""What a person sees: the commands in the window of plain ImageJ, on a display of its own."""

import csv
import math
import re
import tempfile
from pathlib import Path

import numpy as np
import pytest
import tifffile
from engine_contract import PLUGIN, THRESHOLDS
from particlebridge.exporter import export
from plain_imagej import plain_imagej
from test_fiji_onnx import rewritten
from window import in_window

PHANTOM = str(PLUGIN / "phantom_slice.tif")
TYPED = {"prob": str(THRESHOLDS["prob_thresh"]), "nms": str(THRESHOLDS["nms_thresh"])}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    """The model that the plugin was recorded with, as we export it."""
    folder = tmp_path_factory.mktemp("b")
    return str(export(PLUGIN / "model", folder / "b.zip", verify=False).path)


def test_a_failure_is_one_dialog_and_what_was_typed_is_still_there(bundle, tmp_path):
    seen = in_window(
        """
        ij.IJ.openImage(image).show()
        def thread = Window.choose('Segment Image')
        def dialog = Window.asked('Segment Image')
        Window.type(dialog, [null, '/no/model.zip', null, '0.7'])
        Window.press(dialog, 'OK')
        def said = Window.message()
        dialog = Window.asked('Segment Image')
        def fields = dialog.stringFields*.text
        Window.press(dialog, 'Cancel')
        Window.end(thread)
        [said: said, fields: fields, console: Window.console.toString(),
            titles: ij.WindowManager.imageTitles]
        """,
        image=PHANTOM,
    )
    assert seen["said"] == "/no/model.zip: there is no such model."
    assert "/no/model.zip" in seen["fields"]
    assert "0.7" in seen["fields"]
    assert seen["console"] == ""
    assert seen["titles"] == ["phantom_slice.tif"]


RUN = """
def segment = { Closure before = {} ->
    def thread = Window.choose('Segment Image')
    def dialog = Window.asked('Segment Image')
    Window.type(dialog, [null, model, null, '0.4', '0.3'])
    before(dialog)
    Window.press(dialog, 'OK')
    return thread
}
"""


def test_the_image_with_its_outlines_lies_in_front_and_results_are_not_segmented(bundle):
    seen = in_window(
        RUN
        + """
        ij.IJ.openImage(image).show()
        def source = ij.IJ.getImage()
        source.overlay = new ij.gui.Overlay(new ij.gui.Roi(5, 5, 20, 20))
        def manager = ij.plugin.frame.RoiManager.getRoiManager()
        manager.addRoi(new ij.gui.Roi(1, 1, 9, 9))
        Window.end(segment())
        def first = [titles: ij.WindowManager.imageTitles, front: ij.IJ.getImage().title,
            overlay: source.overlay.size(), regions: manager.count]
        // Again, with all maps; what was in the ROI Manager is replaced, as it was chosen.
        Window.end(segment { dialog ->
            dialog.checkboxes[0].state = true
            dialog.choices.last().select('replace')
        })
        def windows = ij.WindowManager.IDList.collect { ij.WindowManager.getImage(it).window }
        def second = [titles: ij.WindowManager.imageTitles, front: ij.IJ.getImage().title,
            overlay: source.overlay.size(), regions: manager.count,
            corners: windows*.location.toSet().size()]
        ij.IJ.selectWindow('prob of phantom_slice.tif')
        def thread = segment()
        def refused = Window.message()
        Window.press(Window.asked('Segment Image'), 'Cancel')
        Window.end(thread)
        [first: first, second: second, refused: refused, console: Window.console.toString()]
        """,
        image=PHANTOM,
        model=bundle,
    )
    labels = "labels of phantom_slice.tif"
    front = "phantom_slice.tif"
    assert seen["first"] == {
        "titles": [front, labels], "front": front, "overlay": 20, "regions": 20,
    }  # fmt: skip
    assert seen["second"].pop("corners") == 5
    assert seen["second"].pop("titles")[:2] == [front, labels]
    assert seen["second"] == {"front": front, "overlay": 20, "regions": 19}
    assert seen["refused"].startswith("prob of phantom_slice.tif: is a result of Particlebridge")
    assert seen["console"] == ""


def test_the_table_has_a_line_for_each_particle_and_sums_up(bundle, tmp_path):
    seen = in_window(
        RUN
        + """
        def source = ij.IJ.openImage(image)
        source.calibration.with { unit = 'micron'; pixelWidth = 0.5; pixelHeight = 0.5 }
        source.show()
        Window.end(segment { it.stringFields[2].text = out })
        def table = ij.WindowManager.getWindow('Particles of phantom_slice.tif').resultsTable
        [headings: table.headings, labels: (0..<table.size()).collect { table.getLabel(it) },
            columns: table.headings.drop(1).collectEntries { [it, table.getColumn(it) as List] }]
        """,
        image=PHANTOM,
        model=bundle,
        out=str(tmp_path),
    )
    with (tmp_path / "objects.csv").open() as file:
        rows = list(csv.DictReader(file))
    area = [float(row["area"]) for row in rows]
    assert seen["headings"] == ["Label", "Area (µm²)", "Diameter (µm)", "Probability",
                                "X (µm)", "Y (µm)"]  # fmt: skip
    columns = list(seen["columns"].values())
    for values, name in zip(
        (columns[0], *columns[2:]), ("area", "probability", "x", "y"), strict=True
    ):
        assert values[:-1] == pytest.approx([float(row[name]) for row in rows], rel=1e-4)
    assert columns[1][:-1] == pytest.approx([2 * (a / math.pi) ** 0.5 for a in area], rel=1e-4)
    share = 100 * sum(area) / (300 * 240 * 0.25)
    assert seen["labels"][-1] == f"median of 19 ({share:.1f} % of the image)"
    assert columns[0][-1] == pytest.approx(float(np.median(area)))


def test_thresholds_are_found_with_sliders_and_recorded(bundle, tmp_path):
    seen = in_window(
        RUN
        + """
        ij.IJ.openImage(image).show()
        def source = ij.IJ.getImage()
        def before = source.overlay = new ij.gui.Overlay(new ij.gui.Roi(5, 5, 20, 20))
        def preview = {
            it.checkboxes.last().state = true
            it.stringFields[2].text = out
        }
        def particles = { source.overlay.findAll { it.getProperty('particlebridge') }.size() }
        def thread = segment(preview)
        def sliders = Window.dialog('Particlebridge: thresholds')
        def first = particles()
        Window.on { sliders.numericFields[0].text = '0.80' }
        Window.await('fewer') { particles() < first }
        Window.press(sliders, 'Cancel')
        Window.end(thread)
        def cancelled = [same: source.overlay.is(before), titles: ij.WindowManager.imageTitles]
        def recorder = new ij.plugin.frame.Recorder()
        thread = segment(preview)
        sliders = Window.dialog('Particlebridge: thresholds')
        Window.on { sliders.numericFields[1].text = '0.90' }
        Window.await('more') { particles() > first }
        Window.press(sliders, 'Keep')
        Window.end(thread)
        def kept = particles()
        def line = recorder.text
        ij.IJ.run('Close All')
        ij.IJ.openImage(image).show()
        ij.IJ.runMacro(line.replace(out, again))
        [first: first, kept: kept, cancelled: cancelled, line: line, log: ij.IJ.log]
        """,
        image=PHANTOM,
        model=bundle,
        out=str(tmp_path / "first"),
        again=str(tmp_path / "again"),
    )
    assert seen["cancelled"] == {"same": True, "titles": ["phantom_slice.tif"]}
    assert (
        seen["line"]
        == f'run("Segment Image", "model={bundle} out={tmp_path}/first prob=0.4 nms=0.9");\n'
    )
    assert seen["first"] == 19 < seen["kept"]
    labels = tifffile.imread(tmp_path / "first" / "labels.tif")
    assert len(np.unique(labels)) - 1 == seen["kept"]
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "again" / "labels.tif"), labels)


def test_escape_leaves_nothing_behind(bundle, tmp_path):
    seen = in_window(
        RUN
        + """
        def source = new ij.process.FloatProcessor(1500, 1500)
        source.noise(1)
        new ij.ImagePlus('noise', source).show()
        def thread = segment { it.stringFields[2].text = out }
        Window.await('the network') { Window.all(ij.IJ.getInstance()).any {
            it.respondsTo('getText') && it.text.startsWith('noise: piece') } }
        ij.IJ.setKeyDown(java.awt.event.KeyEvent.VK_ESCAPE)
        Window.end(thread)
        [titles: ij.WindowManager.imageTitles, overlay: ij.IJ.getImage().overlay, log: ij.IJ.log,
            console: Window.console.toString(), dialogs: Window.dialogs()*.title]
        """,
        model=bundle,
        out=str(tmp_path / "out"),
    )
    assert not (tmp_path / "out").exists()
    assert "particles" not in seen.pop("log")
    assert seen == {"titles": ["noise"], "overlay": None, "console": "", "dialogs": []}


def test_preferences_of_the_tests_lie_in_a_folder_of_theirs():
    text = (
        "[ij.Prefs.prefsDir, *['java.util.prefs.userRoot', 'ij.dir'].collect(System.&getProperty)]"
    )
    for folder in (*in_window(text), *plain_imagej().run(text)):
        assert Path(folder).is_relative_to(tempfile.gettempdir())


PAGE = (Path(__file__).parents[2] / "fiji_macros" / "one_line_macros.md").read_text()
MACROS = re.findall(r"^    (run\(.+\);)$", PAGE, re.MULTILINE)


@pytest.fixture(scope="module")
def with_diameter(bundle, tmp_path_factory):
    path = tmp_path_factory.mktemp("d") / "d.zip"
    rewritten(bundle, path, "particlebridge.json", lambda facts: facts | {"diameter": 40})
    return str(path)


def test_there_are_ten_macros():
    assert len(MACROS) == len(set(MACROS)) == 10


@pytest.mark.parametrize("line", MACROS)
def test_a_macro_of_one_line_does_its_job(with_diameter, tmp_path, line):
    (tmp_path / "images").mkdir()
    (tmp_path / "results").mkdir()
    image = tifffile.imread(PHANTOM)
    for name in ("slice.tif", "images/a.tif"):
        tifffile.imwrite(tmp_path / name, image)
    small = np.stack([image[40:88, 60:124]] * 2)
    tifffile.imwrite(tmp_path / "stack.tif", small, imagej=True, metadata={"axes": "ZYX"})
    tifffile.imwrite(tmp_path / "results/labels.tif", (image > image.mean()).astype(np.uint16))
    before = {path for path in tmp_path.rglob("*") if path.is_file()}
    seen = in_window(
        """
        def models = new File(System.getProperty('ij.dir'), 'models/Particlebridge')
        models.mkdirs()
        new File(models, 'nmc.zip').bytes = new File(model).bytes
        ij.IJ.openImage(image).show()
        def manager = ij.plugin.frame.RoiManager.getRoiManager()
        manager.addRoi(new ij.gui.Roi(10, 10, 30, 30))
        def thread = Thread.start { ij.IJ.runMacro(line) }
        Window.end(thread)
        [dialogs: Window.dialogs()*.title, console: Window.console.toString(), log: ij.IJ.log,
            front: ij.IJ.getImage().title, overlay: ij.IJ.getImage().overlay?.size(),
            titles: ij.WindowManager.imageTitles, regions: manager.count]
        """,
        model=with_diameter,
        image=PHANTOM,
        line=line.replace("/data", str(tmp_path)),
    )
    assert (seen["dialogs"], seen["console"]) == ([], "")
    assert seen["log"]
    if "Segment Image" in line:
        assert seen["front"] == "phantom_slice.tif"
        assert seen["overlay"] > 3 or "prob=" in line  # the small model is never that sure
        assert ("prob of phantom_slice.tif" in seen["titles"]) == ("maps=true" in line)
        assert seen["regions"] == seen["overlay"] + ("regions=replace" not in line)
    if "Load labels" in line:
        assert seen["regions"] == 2
    written = {path for path in tmp_path.rglob("*") if path.is_file()} - before
    assert bool(written) == ("out=" in line)
    assert all(path.stat().st_size for path in written)
