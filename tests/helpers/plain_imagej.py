"""Plain ImageJ 1.x and Groovy from Maven Central, in a process of their own: no Fiji, no plugin.

`python plain_imagej.py` is the worker: it reads one JSON request per line and answers in one line.
"""

import atexit
import functools
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from filelock import FileLock
from particlebridge.bridge.fiji.jars import IMAGEJ, ONNX_RUNTIME

NEWEST = "4.0.28"
OLDER = ("2.4.8", "3.0.4", "4.0.18")
"""The Groovys that Fiji has shipped since there is a StarDist plugin (pom-scijava's history)."""
_ARTIFACTS = (
    IMAGEJ.coordinates,
    "net.imglib2:imglib2:6.2.0",
    "org.scijava:scijava-common:2.99.0",
    "org.scijava:parsington:3.0.0",
    ONNX_RUNTIME.coordinates,
)
_ANSWER = "@answer "


class PlainImageJ:
    """Runs Groovy text in the worker's JVM; the text's last value, as JSON, is the answer."""

    def __init__(self, groovy: str, display: str | None = None) -> None:
        shown = {} if display is None else {"DISPLAY": display}
        self._process = subprocess.Popen(
            [sys.executable, __file__, groovy, "window" if shown else "headless"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **shown},
        )

    def run(self, groovy: str, classes: tuple[str, ...] = (), /, **variables: Any) -> Any:
        """Run Groovy text that sees `variables`, after compiling the source files `classes`."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        request = {"text": groovy, "classes": list(classes), "variables": variables}
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        lines = []
        for line in self._process.stdout:
            if line.startswith(_ANSWER):
                answer = json.loads(line.removeprefix(_ANSWER))
                if "error" in answer:
                    raise RuntimeError(answer["error"])
                return answer["value"]
            lines.append(line)
        raise RuntimeError("the JVM ended: " + "".join(lines[-20:]))

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()


@functools.cache
def plain_imagej(groovy: str = NEWEST) -> PlainImageJ:
    """One worker for all tests of a run; it ends with it."""
    java = PlainImageJ(groovy)
    atexit.register(java.close)
    return java


def start_java(groovy: str, home: str, *, headless: bool = True) -> Any:
    """Start the JVM with the artifacts; returns scyjava's jimport.

    In `home` lie the preferences of ImageJ and SciJava, not in the user's own home.
    """
    import jpype
    import scyjava
    from particlebridge.exporter.runtimes.java import find_java

    os.environ["JAVA_HOME"] = str(find_java().home)
    scyjava.config.set_java_constraints(fetch="never")
    jpype.addClassPath(_jars(groovy) / "*")
    scyjava.config.add_option(f"-Djava.awt.headless={str(headless).lower()}")
    for option in ("user.home", "java.util.prefs.userRoot", "ij.dir"):
        scyjava.config.add_option(f"-D{option}={home}")
    # Many short scripts: the quick compiler alone starts sooner.
    for option in ("-Xmx1g", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"):
        scyjava.config.add_option(option)
    scyjava.start_jvm()
    return scyjava.jimport


def _jars(groovy: str) -> Path:
    """A folder with the artifacts' jars.

    jgo links its own anew at each start, under a JVM that runs; these stay as they are.
    """
    import jgo

    group = "org.apache.groovy" if groovy.startswith("4") else "org.codehaus.groovy"
    parts = ("groovy", "groovy-json", "groovy-jsr223")
    artifacts = [*_ARTIFACTS, *(f"{group}:{part}:{groovy}" for part in parts)]
    name = hashlib.sha256("+".join(artifacts).encode()).hexdigest()[:12]
    folder = Path(tempfile.gettempdir()) / f"particlebridge-tests-jars-{name}"
    with FileLock(folder.with_suffix(".lock")):
        if not folder.is_dir():
            resolver = jgo.maven.PythonResolver(lenient=True)
            environment = jgo.build(endpoint="+".join(artifacts), resolver=resolver)
            partial = folder.with_suffix(".partial")
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir()
            for jar in environment.all_jars:
                shutil.copy(jar, partial)
            partial.rename(folder)
    return folder


def _serve() -> None:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        interpreter = Interpreter(start_java(sys.argv[1], home, headless=sys.argv[2] == "headless"))
        for line in sys.stdin:
            try:
                answer = {"value": interpreter.run(json.loads(line))}
            except Exception as error:  # Java's exceptions too: the test shall see them
                answer = {"error": str(error)}
            print(_ANSWER + json.dumps(answer), flush=True)


class Interpreter:
    """Compiles each text once; texts do not see one another's classes."""

    def __init__(self, jimport: Any) -> None:
        # Old Groovys cannot read the class files of a newer Java; they can ask it for the classes.
        config = jimport("org.codehaus.groovy.control.CompilerConfiguration")()
        config.getOptimizationOptions().put("asmResolving", False)
        loader = jimport("groovy.lang.GroovyClassLoader")
        root = loader().getParent()
        self._loader = lambda parent=root: loader(parent, config)
        self._helper = jimport("org.codehaus.groovy.runtime.InvokerHelper")
        self._binding = jimport("groovy.lang.Binding")
        self._output = jimport("groovy.json.JsonOutput")
        self._slurper = jimport("groovy.json.JsonSlurper")
        self._parents: dict[tuple[str, ...], Any] = {}
        self._scripts: dict[tuple[str, ...], Any] = {}

    def run(self, request: dict[str, Any]) -> Any:
        variables = self._slurper().parseText(json.dumps(request["variables"]))
        script = self._compiled(request["text"], tuple(request["classes"]))
        value = self._helper.createScript(script, self._binding(variables)).run()
        return None if value is None else json.loads(str(self._output.toJson(value)))

    def _compiled(self, text: str, sources: tuple[str, ...]) -> Any:
        if sources not in self._parents:
            self._parents[sources] = self._loader()
            for source in sources:
                self._parents[sources].parseClass(source)
        key = (text, *sources)
        if key not in self._scripts:
            self._scripts[key] = self._loader(self._parents[sources]).parseClass(text)
        return self._scripts[key]


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    _serve()
    os._exit(0)  # threads of a window would keep Java alive
