"""What each TensorFlow 1.x that Fiji offers knows: ops, their attributes, their allowed words.

The table runtime_ops.json was read out of the op registries of the runtimes themselves by
`python -m particlebridge.exporter.runtimes.runtime_ops`, which starts each in a JVM; run it again
to prove or extend the table.
"""

import json
import os
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .java import find_java
from .jobs import run_job

if TYPE_CHECKING:
    from tensorflow.core.framework.node_def_pb2 import NodeDef

RUNTIMES = ("1.15.0", "1.14.0", "1.13.1", "1.12.0")
"""The TensorFlow versions that Maven Central and Fiji have in common, newest (Fiji's own) first."""

OLDEST = RUNTIMES[-1]
"""What bundles are written for: users of Apple silicon are told to choose it."""

_TABLE = Path(__file__).with_name("runtime_ops.json")


def not_known(node: "NodeDef", runtime: str = OLDEST) -> str | None:
    """Tell what a TensorFlow 1.x would not understand in a node.

    Parameters
    ----------
    node
        Of a graph; attributes whose name starts with an underscore are notes that nobody checks.
    runtime
        One of RUNTIMES.

    Returns
    -------
    str or None
        The op or attribute that it does not know, None if it knows everything.
    """
    ops = _known(runtime)
    if node.op not in ops:
        return f"op {node.op}"
    for name, value in sorted(node.attr.items()):
        if name.startswith("_"):
            continue
        if name not in ops[node.op]:
            return f"attribute {name!r} of op {node.op}"
        words = ops[node.op][name]
        if words and value.s.decode(errors="replace") not in words:
            return f"{name}={value.s.decode(errors='replace')!r} of op {node.op}"
    return None


@lru_cache
def _known(runtime: str) -> dict[str, dict[str, tuple[str, ...]]]:
    """Give {op: {attribute: its allowed words, if limited}}."""
    if runtime not in RUNTIMES:
        raise ValueError(f"{runtime} is not a known TensorFlow of Fiji: {', '.join(RUNTIMES)}")
    table = json.loads(_TABLE.read_text(encoding="utf-8"))
    ops: dict[str, dict[str, tuple[str, ...]]] = {}
    for version in reversed(RUNTIMES):
        for op, line in table[version].items():
            pairs = (word.partition("=") for word in line.split())
            ops[op] = {name: tuple(words.split("|")) if words else () for name, _, words in pairs}
        if version == runtime:
            break
    return ops


def run_worker(job: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Do a job of `jvm_worker` in a fresh process.

    Parameters
    ----------
    job, folder
        As `run_job`.

    Returns
    -------
    dict
        What result.json holds: stage, error, version, java, milliseconds.

    Raises
    ------
    RuntimeError
        If there is no Java.
    """
    java = find_java()
    environment = {**os.environ, "JAVA_HOME": str(java.home), "TF_CPP_MIN_LOG_LEVEL": "2"}
    return run_job("jvm_worker", job, folder, environment)


def _read_registries() -> dict[str, dict[str, str]]:
    """Ask every runtime; a version's entry holds only what differs from the one before it."""
    from tensorflow.core.framework import op_def_pb2

    table: dict[str, dict[str, str]] = {}
    before: dict[str, str] = {}
    for runtime in reversed(RUNTIMES):
        with tempfile.TemporaryDirectory() as folder:
            result = run_worker({"runtime": runtime}, Path(folder))
            if result["error"]:
                raise RuntimeError(f"TensorFlow {runtime}: {result['error']}")
            registry = op_def_pb2.OpList.FromString((Path(folder) / "ops.pb").read_bytes())
        now = {op.name: " ".join(sorted(map(_attribute, op.attr))) for op in registry.op}
        table[runtime] = {op: now[op] for op in sorted(now) if before.get(op) != now[op]}
        before = now
    return table


def _attribute(attribute: Any) -> str:
    words = [word.decode() for word in attribute.allowed_values.list.s]
    return f"{attribute.name}={'|'.join(words)}" if words else str(attribute.name)


if __name__ == "__main__":
    _TABLE.write_text(json.dumps(_read_registries(), indent=0) + "\n", encoding="utf-8")
