"""What runs in a process of its own: a Fiji in the JVM, asked through pyimagej, or plain ImageJ.

`python -m particlebridge.bridge.fiji.worker` reads one JSON request per line from stdin and answers
each with one JSON line on what was stdout; everything that Java prints goes to stderr. It ends when
stdin is closed, even in the midst of a call, so that no JVM outlives the program that started it.
"""

import json
import os
import queue
import sys
import threading
from typing import Any, TextIO

from .plain_imagej import PlainImageJ, onnx_runtime_version

END_OF_LOG = "[particlebridge] end of the log of this request"
"""The last line on stderr before an answer: the two come by different pipes."""


def main() -> None:
    """Serve requests until stdin ends."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # System.out of the JVM: it must not mix with the answers
    requests: queue.Queue[dict[str, Any]] = queue.Queue()
    threading.Thread(target=_listen, args=(sys.stdin, requests), daemon=True).start()
    fiji: Any = None
    while True:
        request = requests.get()
        answer: dict[str, Any] = {"value": ""}
        try:
            if request["do"] == "start":
                fiji = _start(request)
                answer = {"value": fiji.facts()}
            elif request["do"] == "macro":
                answer = {"value": fiji.run_macro(request["text"])}
            else:
                fiji.run_groovy(request["text"], request["arguments"])
        except BaseException as error:  # Java's Throwables are no Exceptions in Python's sense
            answer = {"error": _sentence(error)}
        print(END_OF_LOG, file=sys.stderr, flush=True)
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def _listen(lines: TextIO, requests: "queue.Queue[dict[str, Any]]") -> None:
    for line in lines:
        requests.put(json.loads(line))
    os._exit(0)


def _start(request: dict[str, Any]) -> "PlainImageJ | _WholeFiji":
    if request["jars"]:
        return PlainImageJ(request["jars"], request["options"])
    import imagej
    import scyjava

    # pyimagej adds an endpoint when imported; with it even a local Fiji would need SciJava's Maven.
    scyjava.config.endpoints.clear()
    # pyimagej 1.8 fails on fetch="never"; a fixed version keeps "auto" from downloading a Java.
    scyjava.config.set_java_constraints(fetch="auto", version=request["java"])
    for option in request["options"]:
        scyjava.config.add_option(option)
    fiji = imagej.init(request["fiji"], mode="headless")
    if fiji is None:
        raise RuntimeError(f"pyimagej could not start {request['fiji']}")
    return _WholeFiji(fiji)


class _WholeFiji:
    """What pyimagej started, with the methods of `PlainImageJ`."""

    def __init__(self, fiji: Any) -> None:
        self._fiji = fiji

    def run_groovy(self, text: str, arguments: dict[str, str]) -> None:
        self._fiji.py.run_script("Groovy", text, arguments)

    def run_macro(self, text: str) -> str:
        return str(self._fiji.py.run_macro(text) or "")

    def facts(self) -> dict[str, str]:
        import scyjava

        system = scyjava.jimport("java.lang.System")
        facts = {
            "imagej": str(self._fiji.getVersion()),
            "java": str(system.getProperty("java.version")),
        }
        for name, command in (
            ("stardist", "de.csbdresden.stardist.StarDist2D"),
            ("csbdeep", "de.csbdresden.csbdeep.commands.GenericNetwork"),
        ):
            info = self._fiji.command().getCommand(command)
            facts[name] = "" if info is None else str(info.getVersion() or "unknown")
        facts["onnxruntime"] = onnx_runtime_version(scyjava.jimport)
        facts["menu"] = "yes" if self._in_menu("Segment View") else ""
        return facts

    def _in_menu(self, label: str) -> bool:
        modules = self._fiji.module().getModules()
        return any(str(info.getTitle()) == label for info in modules)


def _sentence(error: BaseException) -> str:
    """Put what Python or Java said into one line, Java's stack trace left out."""
    lines = [line.strip() for line in str(error).splitlines()]
    text = " ".join(line for line in lines if line and not line.startswith("at "))
    return text[:500] or type(error).__name__


if __name__ == "__main__":
    main()
