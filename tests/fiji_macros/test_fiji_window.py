"""Commands in Fiji's window, on a display of their own (Xvfb): dialogs, recorder, ROI Manager."""

import base64

import numpy as np
import pytest
import tifffile
from engine_contract import PLUGIN, THRESHOLDS
from real_fiji import launch, left_out, phantom, truth
from window import display

pytestmark = pytest.mark.fiji

# What every script below begins with: how to find dialogs, wait, and answer the test.
DRIVER = """
import java.awt.*

def inside(Container c) {
	c.components.collectMany { [it] + (it instanceof Container ? inside(it) : []) }
}
def waitFor(String what, Closure found) {
	for (int i = 0; i < 900; i++) { def x = found(); if (x) return x; Thread.sleep(100) }
	throw new RuntimeException('waited in vain for ' + what)
}
def shown(type) { Window.windows.findAll { it.visible && type.isInstance(it) } }
def asked(String command) {
	waitFor('the dialog') {
		shown(ij.gui.GenericDialog).find { it.title == "Particlebridge: $command".toString() } }
}
def press(dialog, String label) {
	def button = inside(dialog).find { it instanceof Button && it.label.trim() == label }
	def pressed = new java.awt.event.ActionEvent(button, 1001, label)
	EventQueue.invokeAndWait { button.actionListeners*.actionPerformed(pressed) }
}
def answer(String key, value) { println "@$key " + value.toString().bytes.encodeBase64() }
Thread.start {
	try {
		waitFor('ImageJ') { ij.IJ.getInstance()?.visible }
		Thread.sleep(1000)
		WORK
	} catch (Throwable fault) { answer('fault', fault) }
	finally { System.exit(0) }
}
"""
RECORD = """
		def recorder = new ij.plugin.frame.Recorder()
		ij.IJ.doCommand('Segment Image')
		def dialog = asked('Segment Image')
		EventQueue.invokeAndWait {
			TYPED.eachWithIndex { text, i -> dialog.stringFields[i].text = text } }
		press(dialog, 'OK')
		answer('recorded', waitFor('the recorded line') {
			recorder.text.contains('Segment Image') ? recorder.text : null })
		waitFor('the result') { new File('OUT', 'objects.csv').exists() }
		Thread.sleep(1000)
		answer('titles', ij.WindowManager.imageTitles)
		answer('regions', ij.plugin.frame.RoiManager.instance.count)
"""
CORRECT = """
		ij.IJ.runMacro('''LOAD''')
		def manager = waitFor('the regions') { ij.plugin.frame.RoiManager.instance }
		answer('loaded', manager.count)
		// By hand: the first region is deleted, the second moved, one is drawn and added with [t].
		ij.IJ.runMacro('roiManager("select", 0); roiManager("delete"); roiManager("select", 0);'
			+ 'Roi.move(10, 12); roiManager("update");'
			+ 'makeOval(130, 100, 20, 20); roiManager("add");')
		ij.IJ.runMacro('''SAVE''')
		answer('saved', manager.count)
"""
FAIL = """
		Thread.start { ij.IJ.runMacro('''CALL print("went on");''') }
		def dialog = waitFor('the error') {
			shown(Dialog).find { it.title.startsWith('Particlebridge') } }
		answer('title', dialog.title)
		answer('said', inside(dialog).collect { it.respondsTo('getText') ? it.text :
			it.class.simpleName == 'MultiLineLabel' ? it.lines.join(' ') : '' }.join(' '))
		dialog.dispose()
		Thread.sleep(1500)
		answer('log', ij.IJ.getLog())
"""
ASK = """
		def told = {
			def dialog = waitFor('the error') { shown(ij.gui.MessageDialog)[0] }
			def text = inside(dialog).findAll { it.class.simpleName == 'MultiLineLabel' }
				.collect { it.lines.join(' ') }.join(' ')
			EventQueue.invokeAndWait { dialog.dispose() }
			text
		}
		ij.IJ.doCommand('Segment View')
		def dialog = asked('Segment View')
		EventQueue.invokeAndWait { dialog.stringFields.each { it.text = '' } }
		press(dialog, 'OK')
		answer('empty', told())
		press(asked('Segment View'), 'Cancel')
		// A macro that names some is asked for nothing.
		Thread.start { ij.IJ.runMacro('''CALL''') }
		answer('left out', told())
"""


@pytest.fixture
def drive(real_fiji, tmp_path):
    def drive(work: str) -> dict[str, str]:
        script = tmp_path / "drive.groovy"
        script.write_text(DRIVER.replace("WORK", work))
        done = launch(real_fiji, "--run", script, display=display())
        lines = [line.split(" ", 1) for line in done.stdout.splitlines() if line.startswith("@")]
        said = {key[1:]: base64.b64decode(value).decode() for key, value in lines}
        assert "fault" not in said, said["fault"]
        assert said, done.stdout + done.stderr
        return said

    return drive


def test_the_recorded_line_runs_again_from_a_macro(drive, real_fiji, tmp_path):
    typed = [PLUGIN / "phantom_slice.tif", PLUGIN / "bundle.zip", tmp_path / "first",
             THRESHOLDS["prob_thresh"], THRESHOLDS["nms_thresh"]]  # fmt: skip
    texts = ", ".join(f"'{value}'" for value in typed)
    said = drive(RECORD.replace("TYPED", f"[{texts}]").replace("OUT", str(tmp_path / "first")))
    line = said["recorded"]
    assert line.startswith('run("Segment Image", "image=')
    assert "labels of phantom_slice.tif" in said["titles"]
    assert said["regions"] == "19"
    assert np.array_equal(tifffile.imread(tmp_path / "first" / "labels.tif"), truth())

    again = tmp_path / "again.ijm"
    again.write_text(line.replace(str(tmp_path / "first"), str(tmp_path / "second")))
    done = launch(real_fiji, "-macro", str(again))
    assert done.returncode == 0, done.stderr
    assert np.array_equal(tifffile.imread(tmp_path / "second" / "labels.tif"), truth())
    # With a window, too: nothing that the line leaves empty is asked for.
    text = line.replace(str(tmp_path / "first"), str(tmp_path / "third")).strip()
    drive(f"ij.IJ.runMacro('''{text}'''); answer('done', 1)")
    assert np.array_equal(tifffile.imread(tmp_path / "third" / "labels.tif"), truth())


def test_labels_are_corrected_in_the_roi_manager(drive, tmp_path):
    tifffile.imwrite(tmp_path / "labels.tif", truth())
    image, out = PLUGIN / "phantom_slice.tif", tmp_path / "out"
    load = (
        f'run("Correct Labels", "what=[Load labels as regions] image=[{image}] '
        f'labels=[{tmp_path}/labels.tif] rois=[] out=[]");'
    )
    save = (
        f'run("Correct Labels", "what=[Save regions as labels] image=[{image}] '
        f'labels=[] rois=[] out=[{out}]");'
    )
    said = drive(CORRECT.replace("LOAD", load).replace("SAVE", save))
    assert said == {"loaded": "19", "saved": "19"}
    labels = tifffile.imread(out / "labels.tif")
    assert labels.max() == 19
    second = truth() == 2
    # The second region, now the first, lies where it was moved to: its corner at (12, 10).
    rows, columns = np.nonzero(labels == 1)
    assert (rows.min(), columns.min()) == (12, 10)
    assert np.count_nonzero(labels == 1) == np.count_nonzero(second)
    # What was drawn comes last; where others lie on top of it they stay.
    rows, columns = np.nonzero(labels == 19)
    assert rows.min() >= 100
    assert columns.max() < 150
    assert np.array_equal(tifffile.imread(out / "labels" / "phantom_slice.tif"), labels)
    assert np.array_equal(tifffile.imread(out / "images" / "phantom_slice.tif"), phantom())


def test_a_fault_is_a_dialog_and_ends_the_macro(drive, tmp_path):
    call = (
        f'run("Segment View", "image=[{PLUGIN}/phantom_slice.tif] model=[/no/model.zip] '
        f"out=[{tmp_path}/o] prob=[] nms=[] percentiles=[] diameter=[] pixel=[] slices=[] "
        'scale=[]");'
    )
    said = drive(FAIL.replace("CALL", call))
    assert said["title"] == "Particlebridge: Segment View"
    assert "/no/model.zip: there is no such model." in said["said"]
    assert "went on" not in said["log"]


def test_in_the_menu_a_command_asks_again_and_a_macro_is_told(drive, tmp_path):
    call = f'run("Segment View", "image=[{PLUGIN}/phantom_slice.tif] model=[/no/model.zip]");'
    said = drive(ASK.replace("CALL", call))
    assert left_out("Segment_View", "image") in said["empty"]
    assert left_out("Segment_View", "out") in said["left out"]
