"""A running Fiji in a worker process: started, asked, listened to, and ended without remains."""

import contextlib
import json
import os
import queue
import re
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from particlebridge.exporter.runtimes.java import OLDEST, Java, find_java

from .home import Endpoint, Fiji, find_fiji
from .jars import PLAIN_IMAGEJ, fetched
from .java_log import what_java_said
from .worker import END_OF_LOG

_START_SECONDS = 300.0
_LOG_SECONDS = 5.0
# Not appose: its log may come after the answer, it keeps every line a worker prints, and its
# arrays in shared memory are lost when a worker dies; finished slices here are files.
_WORKER = (sys.executable, "-m", "particlebridge.bridge.fiji.worker")


def java_for(fiji: Fiji | Endpoint) -> Java:
    """Choose the Java for a Fiji: JAVA_HOME if set, else Fiji's own, else what `find_java` finds.

    Raises
    ------
    RuntimeError
        If there is none that is new enough.
    """
    own = fiji.java if isinstance(fiji, Fiji) else None
    if "JAVA_HOME" not in os.environ and own is not None and own.version >= OLDEST:
        return own
    return find_java()


def heap_option(fiji_heap: str | None = None, share: int = 1) -> str:
    """Give Java's -Xmx: `fiji_heap`, else $PARTICLEBRIDGE_HEAP, else half of the memory.

    With `share` Fiji instances at a time each gets its part of that half.

    Raises
    ------
    ValueError
        If the value is not like 8g or 900m.
    """
    heap = fiji_heap or os.environ.get("PARTICLEBRIDGE_HEAP")
    if heap is None:
        return f"-XX:MaxRAMPercentage={50 / share:g}"
    if not re.fullmatch(r"[1-9]\d*[kmgKMG]", heap):
        raise ValueError(f"$PARTICLEBRIDGE_HEAP must be like 8g or 900m, not {heap}")
    return f"-Xmx{heap}"


class FijiSession:
    """One Fiji in one worker process.

    Parameters
    ----------
    fiji
        As for `find_fiji`, or what it returned.
    heap
        Java's heap, such as ``"8g"``; by default $PARTICLEBRIDGE_HEAP, else half of the memory.
    share
        Among how many Fiji instances that half is shared.
    log
        Called with each line that Java prints.

    Raises
    ------
    FileNotFoundError
        If there is no such Fiji.
    RuntimeError
        If no Java is found.

    Examples
    --------
    >>> from particlebridge.bridge import FijiSession
    >>> with FijiSession("Fiji.app") as fiji:  # doctest: +SKIP
    ...     fiji.run_macro("return getVersion();")
    """

    def __init__(
        self,
        fiji: str | os.PathLike[str] | Fiji | Endpoint | None = None,
        *,
        heap: str | None = None,
        share: int = 1,
        log: Callable[[str], None] | None = None,
    ) -> None:
        self.fiji = fiji if isinstance(fiji, Fiji | Endpoint) else find_fiji(fiji)
        self.java = java_for(self.fiji)
        self.facts: dict[str, str] = {}
        self._options = [heap_option(heap, share)]
        self._log = log
        self._tail: deque[str] = deque(maxlen=400)
        self._answers: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self._log_read = threading.Event()
        self._process: subprocess.Popen[str] | None = None
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> "FijiSession":
        """Start Fiji."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def plain(self) -> bool:
        """Whether this is plain ImageJ, without SciJava and pyimagej."""
        return isinstance(self.fiji, Endpoint) and self.fiji.plain

    @property
    def alive(self) -> bool:
        """Whether the worker runs."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int | None:
        """Process id of the worker, which holds the JVM."""
        return None if self._process is None else self._process.pid

    def start(self, timeout: float = _START_SECONDS) -> dict[str, str]:
        """Start the worker and Fiji in it; does nothing if it runs already.

        Returns
        -------
        dict
            imagej, java, stardist, csbdeep, onnxruntime: versions, empty where absent; menu:
            whether our commands are in Fiji's menu.

        Raises
        ------
        RuntimeError
            If Fiji does not start, with what Java said.
        TimeoutError
            If it does not answer in `timeout` seconds; it is ended.
        """
        if self.alive:
            return self.facts
        jars = [str(fetched(jar)) for jar in PLAIN_IMAGEJ] if self.plain else []
        self._tail.clear()
        self._answers = queue.Queue()
        environment = {**os.environ, "JAVA_HOME": str(self.java.home)}
        self._process = subprocess.Popen(
            _WORKER,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="replace",
            env=environment,
            start_new_session=True,
        )
        self._threads = [
            threading.Thread(target=target, args=(self._process, *more), daemon=True)
            for target, more in ((self._read_answers, (self._answers,)), (self._read_log, ()))
        ]
        for thread in self._threads:
            thread.start()
        request = {"do": "start", "fiji": self.fiji.started_as, "jars": jars,
                   "java": str(self.java.version), "options": self._options}  # fmt: skip
        self.facts = self._ask(request, timeout, "start")
        return self.facts

    def run_macro(self, text: str, timeout: float | None = None) -> str:
        """Run an ImageJ macro and return what it returns; errors as for `run_groovy`."""
        return str(self._ask({"do": "macro", "text": text}, timeout, "the macro"))

    def run_groovy(
        self, text: str, arguments: Mapping[str, str], timeout: float | None = None
    ) -> None:
        """Run a Groovy text with ``#@`` parameters.

        SciJava swallows what a script throws: whoever calls looks at the log and the files.

        Parameters
        ----------
        text
            The script.
        arguments
            Its inputs.
        timeout
            Seconds; then the worker is ended. None waits for as long as it lives.

        Raises
        ------
        RuntimeError
            If the worker dies, with what Java said last.
        TimeoutError
            If it takes longer.
        """
        request = {"do": "groovy", "text": text, "arguments": dict(arguments)}
        self._ask(request, timeout, "the script")

    def log_lines(self) -> list[str]:
        """Return the last lines that Java printed."""
        return list(self._tail)

    def kill(self) -> None:
        """End the worker at once, with all that it started."""
        process = self._process
        if process is None:
            return
        if process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                if hasattr(os, "killpg"):
                    os.killpg(process.pid, signal.SIGKILL)
                else:
                    process.kill()
        process.wait()
        self._release(process)

    def close(self, timeout: float = 10) -> None:
        """End the worker; politely first."""
        process = self._process
        if process is None:
            return
        if process.poll() is None and process.stdin is not None:
            with contextlib.suppress(OSError):
                process.stdin.close()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout)
        self.kill()

    def _release(self, process: "subprocess.Popen[str]") -> None:
        for thread in self._threads:
            thread.join(5)
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        self._process = None

    def _ask(self, request: dict[str, Any], timeout: float | None, what: str) -> Any:
        process = self._process
        if process is None or process.stdin is None:
            raise RuntimeError("Fiji is not running; start the session first")
        self._log_read.clear()
        with contextlib.suppress(OSError):  # a dead worker is reported below
            process.stdin.write(json.dumps(request) + "\n")
            process.stdin.flush()
        try:
            answer = self._answers.get(timeout=timeout)
        except queue.Empty:
            said = what_java_said(self.log_lines())
            self.kill()
            raise TimeoutError(
                f"Fiji did not finish {what} within {timeout:g} s and was ended"
                + (f"; {said}" if said else "")
            ) from None
        if answer is None:
            self.kill()  # which reads the log to its end
            said = what_java_said(self.log_lines()) or "Java said nothing"
            if request["do"] == "start":
                raise RuntimeError(f"Fiji does not start: {said}")
            raise RuntimeError(f"Fiji ended by itself during {what}: {said}")
        self._log_read.wait(_LOG_SECONDS)
        if "error" in answer:
            said = what_java_said([*self.log_lines(), answer["error"]]) or answer["error"]
            if request["do"] == "start":
                self.kill()
                said = f"Fiji does not start: {said}"
            raise RuntimeError(said)
        return answer["value"]

    @staticmethod
    def _read_answers(
        process: "subprocess.Popen[str]", answers: "queue.Queue[dict[str, Any] | None]"
    ) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            answers.put(json.loads(line))
        answers.put(None)

    def _read_log(self, process: "subprocess.Popen[str]") -> None:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith(END_OF_LOG):
                self._log_read.set()
                continue
            self._tail.append(line.rstrip("\n"))
            if self._log is not None:
                self._log(line.rstrip("\n"))
