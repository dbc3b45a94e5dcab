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
from groovy_commands import FIELDS, NO_SERVICES, runnable
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
            columns: table.headings.drop(1).collectEntries {
                [it, table.getColumn(it).collect { x -> Double.isNaN(x) ? null : x }] }]
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
    assert columns[3][-1] is columns[4][-1] is None  # no median of places


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


ALL = """
def where = { rois -> rois.countBy { [it.position, it.CPosition, it.ZPosition, it.TPosition] }
    .collect { place, n -> place + [n] } }
def result = { String title ->
    def labels = ij.WindowManager.getImage("labels of $title".toString())
    def table = ij.WindowManager.getWindow("Particles of $title".toString()).resultsTable
    def stack = labels.getStack()
    [front: ij.IJ.getImage().title, shown: ij.IJ.getImage().with { [C, Z, T] },
        outlines: where(ij.IJ.getImage().overlay.findAll { it.getProperty('particlebridge') }),
        own: where(ij.IJ.getImage().overlay.findAll { !it.getProperty('particlebridge') }),
        regions: where(ij.plugin.frame.RoiManager.instance.roisAsArray as List),
        names: ij.plugin.frame.RoiManager.instance.roisAsArray*.name,
        labels: [labels.dimensions as List, labels.bitDepth, labels.currentSlice,
            labels.calibration.unit, labels.calibration.pixelDepth],
        largest: (1..labels.stackSize).collect { (stack.getProcessor(it).pixels as List).max() },
        headings: table.headings, slices: table.getColumn(0).findAll { !Double.isNaN(it) },
        rows: (0..<table.size()).collect { table.getLabel(it) },
        last: table.getRowAsString(table.size() - 1).split('\t', -1) as List,
        log: ij.WindowManager.getWindow('Log') != null, console: Window.console.toString()]
}
"""


def test_outlines_of_all_slices_lie_on_the_stack_by_their_position(bundle, tmp_path):
    image = tifffile.imread(PHANTOM)[:120, :160]
    planes = np.zeros((2, 4, 3, 120, 160), image.dtype)  # frames, slices, channels
    for z, plane in enumerate((image, image[::-1], np.zeros_like(image), image[:, ::-1])):
        planes[1, z, 1] = plane
    for mode in ("composite", "grayscale"):
        tifffile.imwrite(
            tmp_path / f"{mode}.tif", planes, imagej=True, resolution=(4, 4),
            metadata={"axes": "TZCYX", "mode": mode, "unit": "inch", "spacing": 0.5},
        )  # fmt: skip
    tifffile.imwrite(tmp_path / "z.tif", planes[1, :, 1], imagej=True, metadata={"axes": "ZYX"})
    seen = in_window(
        RUN
        + ALL
        + """
        def all = { dialog -> dialog.choices[1].select('all') }
        def seen = [:]
        for (mode in ['composite', 'grayscale']) {
            Window.close()
            def source = ij.IJ.openImage("$folder/${mode}.tif".toString())
            source.show()
            source.setPosition(1, 2, 2)
            source.overlay = new ij.gui.Overlay(new ij.gui.Roi(5, 5, 20, 20))
            Window.end(segment {
                all(it)
                it.stringFields[7].text = '2' // the channel
            })
            seen[mode] = result("${mode}.tif")
        }
        // A virtual stack; a selection; regions of the user's own stay.
        Window.close()
        def source = ij.IJ.openVirtual("$folder/z.tif".toString())
        source.show()
        source.setSlice(3)
        source.setRoi(new ij.gui.Roi(0, 0, 80, 120))
        def own = new ij.gui.Roi(5, 5, 20, 20)
        own.setPosition(2)
        source.overlay = new ij.gui.Overlay(own)
        Window.end(segment(all))
        seen.virtual = result('z.tif') + [virtual: source.getStack().virtual]
        // Sliders show the slice in the window; what is kept counts for all, and is recorded.
        source.deleteRoi()
        source.setSlice(2)
        def recorder = new ij.plugin.frame.Recorder()
        def thread = segment { dialog ->
            all(dialog)
            dialog.checkboxes.last().state = true
            dialog.choices.last().select('replace')
        }
        def sliders = Window.dialog('Particlebridge: thresholds')
        def drawn = { ->
            source.overlay.findAll { it.getProperty('particlebridge') && it.position == 2 }
        }
        int before = drawn().size()
        Window.on { sliders.numericFields[0].text = '0.58' }
        Window.await('fewer') { drawn().size() < before }
        seen.preview = drawn().size()
        Window.press(sliders, 'Keep')
        Window.end(thread)
        seen.kept = ij.plugin.frame.RoiManager.instance.roisAsArray.countBy { it.position }
        seen.line = recorder.text
        // One slice again, with other thresholds: those of the others stay.
        ij.IJ.runMacro("run('Segment Image', 'model=[$model] prob=0.99 nms=0.3 slice=2');")
        seen.again = where(source.overlay.findAll { it.getProperty('particlebridge') })
        ij.IJ.runMacro("run('Segment Image', 'model=[$model] prob=0.99 nms=0.3 slice=all');")
        seen.none = where(source.overlay as List)
        def table = ij.WindowManager.getWindow('Particles of z.tif').resultsTable
        seen.empty = (0..<table.size()).collect { table.getLabel(it) }
        // Labels to correct are those of the last run.
        ij.IJ.runMacro("run('Segment Image', 'model=[$model] prob=0.5 nms=0.3 slice=all');")
        ij.IJ.runMacro("run('Correct Labels', 'what=[Load labels as regions] regions=replace');")
        seen.last = [source.overlay.count { it.getProperty('particlebridge') },
            ij.plugin.frame.RoiManager.instance.count]
        // In batch mode nothing is shown, and a macro finds all in its place.
        Window.close()
        ij.IJ.runMacro('''setBatchMode(true); open("FOLDER/z.tif");
            run("Segment Image", "model=[MODEL] prob=0.4 nms=0.3 slice=all out=[FOLDER/window]");
            print(getTitle());
            print(Overlay.size); print(roiManager("count")); selectImage("labels of z.tif");
            print(nSlices);'''.replace('FOLDER', folder).replace('MODEL', model))
        seen.batch = [ij.IJ.log.readLines(), java.awt.Window.windows.count { it.visible }]
        seen
        """,
        model=bundle,
        folder=str(tmp_path),
    )
    for mode, channel in (("composite", 0), ("grayscale", 2)):
        result = seen[mode]
        assert (result["front"], result["console"], result["log"]) == (f"{mode}.tif", "", False)
        # The channel that was asked for is in the window, too.
        assert result["shown"] == [2, 2, 2]
        per_slice = {place[2]: place[-1] for place in result["outlines"]}
        assert sorted(per_slice) == [1, 2, 4]
        assert result["outlines"] == result["regions"]
        assert [p[:-1] for p in result["outlines"]] == [[0, channel, z, 2] for z in (1, 2, 4)]
        assert result["own"] == [[0, 0, 0, 0, 1]]
        total = sum(per_slice.values())
        assert result["names"] == [f"{k:04d}" for k in range(1, total + 1)]
        assert result["rows"][:-1] == result["names"]
        # No number stands for two particles of the stack.
        assert result["largest"] == [per_slice[1], per_slice[1] + per_slice[2], 0, total]
        assert result["labels"] == [[160, 120, 1, 4, 1], 16, 2, "inch", 0.5]
        assert result["headings"][:4] == ["Label", "Slice", "Area (µm²)", "Diameter (µm)"]
        assert result["slices"] == [z for z, n in per_slice.items() for _ in range(n)]
        assert re.fullmatch(rf"median of {total} \([\d.]+ % of the stack\)", result["last"][0])
        assert [result["last"][k] for k in (1, 5, 6)] == ["", "", ""]
    virtual = seen["virtual"]
    assert virtual["virtual"]
    assert virtual["own"] == [[2, 0, 2, 0, 1]]
    assert [place[0] for place in virtual["outlines"]] == [1, 2, 4]
    assert sum(p[-1] for p in virtual["outlines"]) < sum(p[-1] for p in result["outlines"])
    assert virtual["shown"] == [1, 3, 1]
    assert seen["kept"]["2"] == seen["preview"] > 0
    assert seen["line"] == (
        f'run("Segment Image", "model={bundle} prob=0.58 nms=0.3 slice=all regions=replace");\n'
    )
    assert [place[0] for place in seen["again"]] == [1, 4]
    assert seen["none"] == [[2, 0, 2, 0, 1]]
    assert seen["empty"] == ["no particles"]
    assert seen["last"][0] == seen["last"][1] > 0
    log, windows = seen["batch"]
    assert log == ["z.tif", str(total), str(total), "4"]
    assert windows == 2  # ImageJ and the Log
    # Without a window the same comes out.
    given = {"image": f"{tmp_path}/z.tif", "model": bundle, "out": f"{tmp_path}/headless"}
    given = dict.fromkeys(FIELDS) | given | TYPED | {"slice": "all"}
    done = plain_imagej().run(runnable("Segment_Image", NO_SERVICES), settings={}, **given)
    assert done["problem"] is None
    for name in ("labels.tif", "prob.tif", "dist.tif"):
        made = [tifffile.imread(tmp_path / way / name) for way in ("window", "headless")]
        np.testing.assert_array_equal(*made)
    made = [(tmp_path / way / "objects.csv").read_text() for way in ("window", "headless")]
    assert made[0] == made[1]


def test_the_log_opens_for_a_warning_only(bundle, tmp_path):
    seen = in_window(
        RUN
        + """
        def log = { -> ij.WindowManager.getWindow('Log') == null ? null : ij.IJ.log }
        ij.IJ.openImage(image).show()
        Window.end(segment())
        def seen = [log()]
        ij.IJ.getImage().close()
        def inverted = ij.IJ.openImage(image)
        inverted.setProcessor(inverted.getProcessor().convertToByteProcessor())
        inverted.getProcessor().invertLut()
        inverted.show()
        Window.end(segment())
        seen << log()
        // Who has it open reads along.
        Window.end(segment())
        seen << log()
        """,
        image=PHANTOM,
        model=bundle,
    )
    assert seen[0] is None
    assert seen[1].startswith("phantom_slice.tif: warning: is shown inverted")
    assert seen[2].count("phantom_slice.tif: 19 particles") == 2


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
        def state = { -> [titles: ij.WindowManager.imageTitles, overlay: ij.IJ.getImage().overlay,
            log: ij.IJ.log, console: Window.console.toString(), dialogs: Window.dialogs()*.title] }
        def seen = [state()]
        // Of a stack, after some slices.
        Window.close()
        source = new ij.ImageStack(400, 400)
        60.times { source.addSlice(new ij.process.FloatProcessor(400, 400)) }
        new ij.ImagePlus('noise', source).show()
        thread = segment {
            it.stringFields[2].text = out
            it.choices[1].select('all')
        }
        Window.await('some slices') { Window.all(ij.IJ.getInstance()).any {
            it.respondsTo('getText') && it.text ==~ /noise: slice [3-9] of 60/ } }
        ij.IJ.setKeyDown(java.awt.event.KeyEvent.VK_ESCAPE)
        Window.end(thread)
        seen << state()
        """,
        model=bundle,
        out=str(tmp_path / "out"),
    )
    assert not (tmp_path / "out").exists()
    nothing = {"titles": ["noise"], "overlay": None, "log": None, "console": "", "dialogs": []}
    assert seen == [nothing, nothing]


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
    tifffile.imwrite(tmp_path / "whole.tif", np.stack([image, image[::-1]]), imagej=True,
                     metadata={"axes": "ZYX"})  # fmt: skip
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
        def labels = ij.WindowManager.getImage("labels of ${ij.IJ.getImage().title}".toString())
        [dialogs: Window.dialogs()*.title, console: Window.console.toString(),
            log: ij.WindowManager.getWindow('Log') == null ? null : ij.IJ.log,
            said: labels?.infoProperty, front: ij.IJ.getImage().title,
            overlay: ij.IJ.getImage().overlay?.size(),
            titles: ij.WindowManager.imageTitles, regions: manager.count]
        """,
        model=with_diameter,
        image=str(tmp_path / ("whole.tif" if "slice=all" in line else "slice.tif")),
        line=line.replace("/data", str(tmp_path)),
    )
    assert (seen["dialogs"], seen["console"]) == ([], "")
    # The Log does not lie over a result that shows itself; what would stand there is kept.
    assert (seen["log"] is None) == ("Segment Image" in line)
    if "Segment Image" in line:
        assert seen["front"] == ("whole.tif" if "slice=all" in line else "slice.tif")
        assert "nmc.zip: segmented by ONNX Runtime" in seen["said"]
        assert ("the estimate is" in seen["said"]) == ("diameter=" not in line)
        assert seen["overlay"] > 3 or "prob=" in line  # the small model is never that sure
        assert (f"prob of {seen['front']}" in seen["titles"]) == ("maps=true" in line)
        assert seen["regions"] == seen["overlay"] + ("regions=replace" not in line)
    if "Load labels" in line:
        assert seen["regions"] == 2
    written = {path for path in tmp_path.rglob("*") if path.is_file()} - before
    assert bool(written) == ("out=" in line)
    assert all(path.stat().st_size for path in written)
