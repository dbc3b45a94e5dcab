"""Every setting of every command by every route, on plain ImageJ and SciJava.

The routes: the shipped macro; a macro's run(); the line that the recorder writes; a program (a
Groovy script, pyimagej); `fiji --headless --run`. SciJava, ImageJ's macros and its recorder are the
real ones. What imagej-legacy does between them is not on Maven Central: `Legacy` below hands a
macro's options to a SciJava module as its MacroPreprocessor does.
"""

import json
import re

import pytest
from groovy_commands import with_classes
from particlebridge.fiji_macros.compose import COMMANDS, MACROS, compose, macro
from plain_imagej import plain_imagej
from test_macros import OUTPUTS

LEGACY = """
import ij.Macro
import org.scijava.Context
import org.scijava.convert.ConvertService
import org.scijava.module.Module
import org.scijava.module.ModuleService
import org.scijava.module.process.AbstractPreprocessorPlugin
import org.scijava.script.AdaptedScriptLanguage
import org.scijava.script.ScriptInfo
import org.scijava.script.ScriptService

class Language extends AdaptedScriptLanguage {
    Language() { super(new org.codehaus.groovy.jsr223.GroovyScriptEngineFactory()) }
}

/** A SciJava script as a command of ImageJ's menu. */
class Legacy implements ij.plugin.PlugIn {
    static ScriptInfo info
    static ModuleService modules
    void run(String argument) {
        modules.run(modules.createModule(info), [new FromMacro(Macro.options)], []).get()
    }
}

/** What net.imagej.legacy.plugin.MacroPreprocessor and the patched Macro.getOptions do. */
class FromMacro extends AbstractPreprocessorPlugin {
    String options
    FromMacro(String options) { this.options = options }
    void process(Module module) {
        def thread = Thread.currentThread()
        if (!thread.name.startsWith('Run$_')) thread.name = 'Run$_' + thread.name
        Macro.setOptions(thread, options)
        def converts = Legacy.modules.context().getService(ConvertService)
        for (input in module.info.inputs()) {
            def value = Macro.getValue(options ?: '', input.name, null)
            if (value == null || !converts.supports(value, input.type)) continue
            module.setInput(input.name, converts.convert(value, input.type))
            module.resolveInput(input.name)
        }
    }
}
"""
RUN = """
import ij.IJ
import ij.Menus
import ij.plugin.frame.Recorder
import org.scijava.Context
import org.scijava.convert.ConvertService
import org.scijava.module.ModuleService
import org.scijava.run.RunService
import org.scijava.run.console.RunArgument
import org.scijava.script.ScriptInfo
import org.scijava.script.ScriptService
import org.scijava.startup.StartupService
import org.scijava.ui.UIService

def context = new Context(ScriptService, UIService, ModuleService, ConvertService, RunService,
    org.scijava.parse.ParseService, org.scijava.console.ConsoleService,
    StartupService)
context.getService(ScriptService).index.add(new Language(), false)
def info = new ScriptInfo(context, script, new StringReader(text))
Legacy.modules = context.getService(ModuleService)
Legacy.info = info
if (Menus.getCommands() == null) Menus.pluginsTable = new Hashtable()
IJ.setClassLoader(Legacy.classLoader)
Menus.getCommands().put(command, 'Legacy("")')
def macro = { String source, String argument ->
    def interpreter = new ij.macro.Interpreter()
    interpreter.setIgnoreErrors(true)
    try { interpreter.run(source, argument) } catch (RuntimeException aborted) {}
    if (interpreter.errorMessage) println 'fault in the macro: ' + interpreter.errorMessage
}
def escaped = { String s -> s.replace('\\\\', '\\\\\\\\').replace('"', '\\\\"') }
def options = given.collect { key, value -> "$key=[$value]" }.join(' ')
def said = new ByteArrayOutputStream()
def (out, err) = [System.out, System.err]
[System.&setOut, System.&setErr].each { it(new PrintStream(said, true, 'UTF-8')) }
try {
    switch (route) {
        case 'shipped macro': macro(shipped, options); break
        case "macro's run()": macro("run(\\"$command\\", \\"${escaped(options)}\\");", ''); break
        case 'recorded line':
            Recorder.@commandOptions = null
            given.each { key, value -> Recorder.recordOption(key, escaped(value)) }
            macro("run(\\"$command\\", \\"${Recorder.commandOptions}\\");", ''); break
        case 'program': Legacy.modules.run(info, true, given).get(); break
        case '--run':
            def file = new File(folder, script)
            file.setText(text, 'UTF-8')
            def words = given.collect { key, value -> "$key=\\"$value\\"" }.join(',')
            def argument = new RunArgument()
            context.inject(argument)
            argument.handle(new LinkedList(['--run', file.path, words]))
            context.getService(StartupService).executeOperations()
    }
} finally { System.setOut(out); System.setErr(err); context.dispose() }
said.toString('UTF-8')
"""
RECORD = """
try {
    def inputs = new Inputs(binding)
    def given = NAMES.collectEntries { [it, inputs.text(it)] }
    println '@given ' + groovy.json.JsonOutput.toJson(given)
} catch (Problem refused) { println '@refused ' + refused.message }
return null
"""
ROUTES = ("shipped macro", "macro's run()", "recorded line", "program", "--run")


def settings(command):
    """The names of a command's settings, in its order."""
    return re.findall(r"^#@ .+Reference .+ (\w+)$", compose(command), re.MULTILINE)


@pytest.fixture
def call(tmp_path):
    def call(route, command, given):
        text = compose(command)
        header = [line for line in text.splitlines() if line.startswith("#@")]
        known = [line for line in header if "DatasetService" not in line]
        body = RECORD.replace("NAMES", json.dumps(settings(command)))
        text = (
            "\n".join(known)
            + "\n"
            + with_classes(body, "Problem", "Models", "MacroOptions", "Inputs", "InputDialog")
        )
        said = plain_imagej().run(
            RUN, (LEGACY,), script=f"{command}.groovy", text=text, route=route, given=given,
            command=command.replace("_", " "), folder=str(tmp_path),
            shipped=macro(command) if command in MACROS else "",
        )  # fmt: skip
        for line in said.splitlines():
            if line.startswith("@given "):
                return json.loads(line.removeprefix("@given "))
            if line.startswith("@refused "):
                return line.removeprefix("@refused ")
        return said

    return call


def routes(command):
    return [r for r in ROUTES if r != "shipped macro" or command in MACROS]


BY_ROUTE = [(command, route) for command in COMMANDS for route in routes(command)]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_asks_its_inputs_for_every_setting(command):
    text = compose(command)
    for name in settings(command):
        assert name == name.lower()  # ImageJ compares the keys of a macro in lower case
        assert re.search(rf"inputs\.\w+\('{name}'", text), name


@pytest.mark.parametrize(("command", "route"), BY_ROUTE)
def test_every_setting_arrives(call, tmp_path, command, route):
    given = {name: f"/data/{name} it" for name in settings(command)}
    if "out" in given:
        given["out"] = str(tmp_path)
    for name in OUTPUTS.get(command, ()):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    if "views" in given:
        given["views"] = "xy,xz,yz"
    assert call(route, command, given) == given


@pytest.mark.parametrize(("command", "route"), BY_ROUTE)
def test_a_setting_that_is_not_there_is_refused(call, command, route):
    name = "image" if "image" in settings(command) else "folder"
    said = call(route, command, {name: "/data/a.tif", "modle": "/m.zip"})
    assert "There is no setting modle; there are: " in said
    for known in settings(command):
        assert known in said


@pytest.mark.parametrize("route", ROUTES)
def test_the_name_of_earlier_versions_is_read(call, route):
    given = {"image": "/data/v.tif", "sideModel": "/models/side.zip"}
    assert call(route, "Segment_Views", given)["sidemodel"] == "/models/side.zip"


HARD = (
    "/data/a b/c.tif", "/data/a[1].tif", "/data/a] b[.tif", "/data/[a.tif", "/data/a].tif",
    "/data/it's.tif", '/data/a "b".tif', "/data/x out=3.tif", "/données/µ 图.tif", "/data/a=b.tif",
)  # fmt: skip


@pytest.mark.parametrize("route", ROUTES)
def test_file_names_that_are_hard_for_macros(call, route):
    for name in HARD:
        if route == "--run" and '"' in name:
            continue  # between the other quotes there
        given = {"image": name, "model": "/m.zip"}
        answer = call(route, "Segment_View", given)
        assert answer["image"] == name
        assert (answer["model"], answer["out"]) == ("/m.zip", "")


def test_a_name_that_no_macro_can_hand_on_is_said(call):
    answer = call("shipped macro", "Segment_View", {"image": "/data/it's [.tif"})
    assert "ImageJ's macros cannot name /data/it's [.tif (image)" in answer
