"""The ImageJ macros on plain ImageJ's own interpreter; the commands are recording stubs."""

import pytest
from particlebridge.fiji_macros.compose import COMMANDS, MACROS, compose, macro
from plain_imagej import plain_imagej

# A stub of each command: notes its options, and writes what `writes` names into the folder `out`.
STUB = """
class RecordingCommand implements ij.plugin.PlugIn {
	static List<List<String>> calls = []
	static List<String> writes = []
	void run(String command) {
		def options = ij.Macro.getOptions()
		calls << [command, options]
		def out = ij.Macro.getValue(options ?: '', 'out', '')
		writes.each { name ->
			def file = new File(out, name)
			file.parentFile.mkdirs()
			file.text = 'not empty'
		}
	}
}
"""
RUN = """
import ij.IJ
import ij.Menus
RecordingCommand.calls = []
RecordingCommand.writes = writes
// Without a window ImageJ builds no menus; their table of commands is all that macros ask for.
if (Menus.getCommands() == null) Menus.pluginsTable = new Hashtable()
IJ.setClassLoader(RecordingCommand.classLoader)
for (label in ['Segment Image', 'Segment View', 'Segment Views']) {
	if (installed) Menus.getCommands().put(label, 'RecordingCommand("' + label + '")')
	else Menus.getCommands().remove(label)
}
def said = new ByteArrayOutputStream()
def (out, err) = [System.out, System.err]
System.setOut(new PrintStream(said)); System.setErr(new PrintStream(said))
def result = null
try {
	def interpreter = new ij.macro.Interpreter()
	interpreter.setIgnoreErrors(true) // otherwise ImageJ tells a fault of a macro in a dialog
	result = interpreter.run(text, argument)
	if (interpreter.errorMessage) println 'fault in the macro: ' + interpreter.errorMessage
} catch (RuntimeException aborted) {
	result = '[aborted]'
} finally { System.setOut(out); System.setErr(err) }
[calls: RecordingCommand.calls, result: result, said: said.toString()]
"""
OUTPUTS = {
    "Segment_Image": ["labels.tif", "prob.tif", "dist.tif", "rois.zip", "overlay.png",
                      "objects.csv"],
    "Segment_View": ["labels.tif", "prob.tif", "dist.tif"],
    "Segment_Views": [f"views/{view}/{name}.tif" for view in ("xy", "xz", "yz")
                      for name in ("labels", "prob", "dist")],
}  # fmt: skip


@pytest.fixture(scope="module")
def java():
    return plain_imagej()


@pytest.fixture
def run(java):
    def run(name, argument, writes=None, installed=True):
        return java.run(
            RUN,
            (STUB,),
            text=macro(name),
            argument=argument,
            writes=OUTPUTS[name] if writes is None else writes,
            installed=installed,
        )

    return run


@pytest.mark.parametrize("name", MACROS)
def test_a_macro_hands_its_arguments_to_its_command(run, tmp_path, name):
    arguments = f"image=[/data/a b.tif] model=[/models/nmc.zip] out=[{tmp_path}] prob=[0.6]"
    result = run(name, arguments)
    ((command, options),) = result["calls"]
    assert command == name.replace("_", " ")
    assert options.startswith(arguments)
    assert "ERROR" not in result["said"]


@pytest.mark.parametrize("name", MACROS)
def test_without_arguments_the_command_asks_itself(run, name):
    ((command, options),) = run(name, "")["calls"]
    assert command == name.replace("_", " ")
    assert not options


@pytest.mark.parametrize("name", MACROS)
@pytest.mark.parametrize("left_out", [0, -1])
def test_an_output_that_is_missing_is_an_error(run, tmp_path, name, left_out):
    missing = OUTPUTS[name][left_out]
    writes = [path for path in OUTPUTS[name] if path != missing]
    result = run(name, f"image=[a.tif] model=[m.zip] out=[{tmp_path}]", writes)
    assert f"did not write {tmp_path}/{missing}" in result["said"]
    assert result["result"] == "[aborted]"


@pytest.mark.parametrize("name", MACROS)
def test_a_misspelt_setting_is_an_error_before_anything_runs(run, tmp_path, name):
    result = run(name, f"image=[a.tif] modle=[m.zip] out=[{tmp_path}]")
    assert "There is no setting modle; there are: image" in result["said"]
    assert result["calls"] == []


@pytest.mark.parametrize("name", MACROS)
def test_a_command_that_is_not_installed_is_said(run, name):
    result = run(name, "image=[a.tif]", installed=False)
    assert f"{name.replace('_', ' ')} is not among Fiji's commands" in result["said"]
    assert result["calls"] == []


@pytest.mark.parametrize("argument", ["image", "image=[a.tif", "image=[a b] out", "=x"])
def test_arguments_that_cannot_be_read(run, argument):
    result = run("Segment_View", argument)
    assert "[particlebridge] ERROR" in result["said"]
    assert result["calls"] == []


def test_a_headless_macro_that_fails_ends_only_a_fiji_that_was_started_for_it(run):
    # Groovy is asked whether this Java is a launched Fiji; in a program's Java it must not exit.
    result = run("Segment_View", "image=[it's \\ here.tif] model")
    assert result["result"] == "[aborted]"
    assert "fault in the macro" not in result["said"] or "groovy" not in result["said"].lower()
    assert run("Segment_View", "image=[a.tif]", installed=False)["result"] == "[aborted]"


def test_only_the_views_asked_for_are_expected(run, tmp_path):
    writes = ["views/xz/labels.tif", "views/xz/prob.tif", "views/xz/dist.tif"]
    result = run("Segment_Views", f"image=[v.tif] model=[m.zip] out=[{tmp_path}] views=xz", writes)
    assert "ERROR" not in result["said"]


def test_named_slices_leave_no_stacks(run, tmp_path):
    result = run("Segment_View", f"image=[v] model=[m.zip] out=[{tmp_path}] slices=0-3", [])
    assert "ERROR" not in result["said"]


def test_a_composed_file_is_complete_and_bears_its_version():
    from particlebridge.fiji_macros.compose import version

    for text in [compose(c) for c in COMMANDS] + [macro(m) for m in MACROS]:
        assert f"// Particlebridge {version()}" in text
        assert "// shared:" not in text
    with pytest.raises(ValueError, match="no command Segment_Nothing"):
        compose("Segment_Nothing")
    with pytest.raises(ValueError, match="no macro Correct_Labels"):
        macro("Correct_Labels")
