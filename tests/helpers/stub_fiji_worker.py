"""Stands where `particlebridge.bridge.fiji.worker` does, without a Fiji.

It serves the same requests with the real Groovy commands on plain ImageJ; only StarDist is the
recording stub (java_stubs/recording_stardist.groovy). A slice whose first pixel is 251 ends the
process as a crash in native code would; 252 makes the stub's StarDist fail; 253 makes it hang,
254 makes it slow, 255 makes it wait for the file $PARTICLEBRIDGE_STUB_GO.
"""

import json
import os
import queue
import sys
import tempfile
import threading
from pathlib import Path

from particlebridge.bridge.fiji.worker import END_OF_LOG
from plain_imagej import NEWEST, Interpreter, start_java

TESTS = Path(__file__).parents[1]
AXES = "package net.imagej.axis\nclass Axes { static String X = 'X', Y = 'Y' }"
POISON = """
class Poisoned extends RecordingStarDist {
	@Override Object run(String command, boolean process, Object... arguments) {
		if (!command.endsWith('NMS')) {
			def pixels = arguments[1].img.randomAccess()
			pixels.setPosition([0, 0] as long[])
			def mark = pixels.get().realFloat
			if (mark == 251f) Runtime.runtime.halt(134)
			if (mark == 252f) { fault = 'exception'; faulty = { true } } else fault = null
			if (mark == 253f) Thread.sleep(600000)
			if (mark == 254f) Thread.sleep(200)
			if (mark == 255f) {
				def go = new File(System.getenv('PARTICLEBRIDGE_STUB_GO'))
				while (!go.exists()) Thread.sleep(20)
			}
		}
		return super.run(command, process, arguments)
	}
}
"""

# An installed command: what ImageJ's macro interpreter finds under the name of the menu entry.
INSTALLED = """
class InstalledCommand implements ij.plugin.PlugIn {
	static String text
	void run(String argument) {
		def known = 'image model out prob nms percentiles diameter pixel slices scale engine'
		def options = ij.Macro.options
		def given = known.split(' ').collectEntries { [it, ij.Macro.getValue(options, it, '')] }
		new GroovyShell(InstalledCommand.classLoader, new Binding(given)).evaluate(text)
	}
}
"""
RUN_MACRO = """
if (ij.Menus.commands == null) ij.Menus.pluginsTable = new Hashtable()
ij.IJ.setClassLoader(InstalledCommand.classLoader)
ij.Menus.commands.put('Segment View', 'InstalledCommand("")')
InstalledCommand.text = command
new ij.macro.Interpreter().run(macro, '')
"""


def runnable(groovy: str) -> str:
    """A command's text as a plain script: its parameters are variables, its services stubs."""
    lines = [line for line in groovy.splitlines() if not line.startswith("#@")]
    imports = "\n".join(line for line in lines if line.startswith("import "))
    body = "\n".join(line for line in lines if not line.startswith("import "))
    given = (
        "(image, model, out) = [image, model, out].collect { new File(it) }\n"
        "(commands, datasets, ui) = [new Poisoned(), new StubDatasets(), null]\n"
    )
    return f"{imports}\n{given}{body}"


def main() -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    requests: queue.Queue = queue.Queue()

    def listen() -> None:
        for line in sys.stdin:
            requests.put(json.loads(line))
        os._exit(0)

    threading.Thread(target=listen, daemon=True).start()
    interpreter = command = None
    preferences = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
    while True:
        request = requests.get()
        answer: dict = {"value": ""}
        if request["do"] == "start":
            interpreter = Interpreter(start_java(NEWEST, preferences.name))
            command = Path(request["fiji"]) / "scripts/Plugins/Particlebridge/Segment_View.groovy"
            facts = {"imagej": "1.54f", "java": "17", "stardist": "stub", "csbdeep": "stub"}
            facts["onnxruntime"] = ""
            answer = {"value": {**facts, "menu": "yes" if command.is_file() else ""}}
        else:
            stub = (TESTS / "java_stubs" / "recording_stardist.groovy").read_text()
            classes = [AXES, stub + POISON]
            if request["do"] == "macro":
                variables = {"macro": request["text"], "command": runnable(command.read_text())}
                call = {"text": RUN_MACRO, "classes": [*classes, INSTALLED], "variables": variables}
            else:
                text = runnable(request["text"])
                call = {"text": text, "classes": classes, "variables": request["arguments"]}
            try:
                interpreter.run(call)
            except Exception as error:  # SciJava logs what a script throws, and answers as if well
                print(error, file=sys.stderr, flush=True)
        print(END_OF_LOG, file=sys.stderr, flush=True)
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
