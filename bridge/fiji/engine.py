"""The engine that lets a Fiji segment: whole views per call, crashes survived."""

import importlib.metadata
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import tifffile
from particlebridge.analysis import Prediction
from particlebridge.exporter import Network
from particlebridge.fiji_macros.compose import compose, version

from .._shared.failures import item_errors, why_failed
from .._shared.progress import notice
from ..engines.protocol import Failure, GreyReach, Settings
from .bundle import bring_bundle
from .home import Endpoint, Fiji
from .install import MACRO_FOLDER, installed_version
from .session import FijiSession
from .share import Share, checked_slice

_ENGINES = {"onnx": "ONNX", "stardist plugin": "StarDist plugin"}
"""What a command calls each backend."""
_CALL_BYTES = 512 << 20
"""Slices handed to Fiji in one call: they lie on the disk meanwhile."""


class FijiEngine:
    """Segment slices in a Fiji.

    ONNX Runtime computes the network where Fiji has it and the bundle holds model.onnx, else the
    StarDist plugin. Fiji starts at the first slice and stays until `close` or the end of the
    program. The slices of a call go to it together (up to 512 MB); results are handed on while it
    works. If its Java dies it is started again and goes on; a slice at which it dies twice is a
    `Failure`.

    Parameters
    ----------
    model
        A bundle (.zip), a StarDist folder or name, or a `Network` made of one of the latter two.
    settings
        Thresholds, percentiles and scale; by default the model's own. `backend`: "onnx",
        "tensorflow" (the plugin), or "auto".
    fiji
        As for `find_fiji`; ``"net.imagej:ij"`` is plain ImageJ from Maven Central.
    workers
        How many parallel Fiji instances; each needs its own memory.
    heap
        Java's heap of each, such as ``"8g"``; by default they share half of the memory.

    Attributes
    ----------
    used
        The settings, with the model's own filled in.

    Raises
    ------
    FileNotFoundError
        If there is no such Fiji or model.
    ValueError
        If the model is a `Network` that was loaded from a bundle (give the bundle itself), takes
        colour images, other numerics than the plugin's are asked for, or plain ImageJ gets a
        bundle without model.onnx or is asked for the plugin.
    RuntimeError
        If no Java is found.

    Examples
    --------
    >>> from particlebridge.bridge import FijiEngine, read_image
    >>> with FijiEngine("nmc", fiji="Fiji.app") as engine:  # doctest: +SKIP
    ...     [(_, prediction)] = engine.predict([read_image("slice.tif").data], [0])
    """

    def __init__(
        self,
        model: Network | str | os.PathLike[str],
        settings: Settings | None = None,
        *,
        fiji: str | os.PathLike[str] | Fiji | Endpoint | None = None,
        workers: int = 1,
        heap: str | None = None,
    ) -> None:
        self.settings = settings or Settings()
        if self.settings.numerics != "plugin":
            raise ValueError("Fiji's plugin has its own numerics; leave numerics at plugin")
        if workers < 1:
            raise ValueError(f"at least one Fiji instance is needed, not {workers}")
        self._sessions: list[tuple[FijiSession, list[str]]] = []
        for _ in range(workers):
            said: list[str] = []
            session = FijiSession(fiji, heap=heap, share=workers, log=said.append)
            self._sessions.append((session, said))
        if self.settings.backend == "tensorflow" and self._sessions[0][0].plain:
            raise ValueError(
                "plain ImageJ has no StarDist plugin, which --backend tensorflow runs in Fiji; "
                "leave --backend out, or give --fiji a Fiji"
            )
        self._scratch = tempfile.TemporaryDirectory(prefix="particlebridge-fiji-")
        self._root = Path(self._scratch.name)
        self.bundle = self._root / "model.zip"
        self.name, self.record, self._has_onnx = bring_bundle(model, self.bundle)
        self.used = self.settings.effective(self.record)
        if self._sessions[0][0].plain and not self._has_onnx:
            raise ValueError(
                f"{model}: holds no model.onnx, and plain ImageJ has no StarDist plugin; export "
                "the model again, or give --fiji a Fiji"
            )
        if self.settings.backend == "onnx" and not self._has_onnx:
            raise ValueError(
                f"{model}: holds no model.onnx for --backend onnx; export the model again, or "
                "leave --backend out"
            )
        self._calls = 0
        self._reach = GreyReach()
        self._told: set[str] = set()

    def __enter__(self) -> "FijiEngine":
        """Return the engine; Fiji starts with the first slice."""
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the Fiji instances and drop what was unfinished."""
        for session, _ in self._sessions:
            session.close()
        self._scratch.cleanup()

    def versions(self) -> dict[str, Any]:
        """Return what run.json says about this engine; starts Fiji if it does not run."""
        session, _ = self._sessions[0]
        facts = session.start()
        fiji = session.fiji
        return {
            "engine": "fiji",
            "backend": self.backend,
            "numerics": "plugin",
            "model": self.name,
            "model_digest": self.record.digest,
            "fiji": fiji.coordinates if isinstance(fiji, Endpoint) else fiji.version,
            "java": facts["java"],
            "route": self.route,
            **{name: facts[name] for name in ("imagej", "stardist", "csbdeep", "onnxruntime")},
            **self._reach.facts(),
            **({} if session.plain else {"pyimagej": importlib.metadata.version("pyimagej")}),
        }

    def predict(
        self, slices: Sequence[np.ndarray] | np.ndarray, indices: Iterable[int]
    ) -> Iterator[tuple[int, Prediction | Failure]]:
        """Segment slices; see `Engine.predict`.

        Raises
        ------
        RuntimeError
            If Fiji does not start, or dies again and again without finishing a slice.
        """
        for piece in self._pieces(slices, indices):
            if isinstance(piece, Failure):
                yield piece.index, piece
            else:
                yield from self._segment(*piece)

    def _pieces(
        self, slices: Sequence[np.ndarray] | np.ndarray, indices: Iterable[int]
    ) -> Iterator[Failure | tuple[Path, list[int]]]:
        """Write slices to the disk: folders of one shape and bounded size, and what is unfit."""
        folder, held, shape, room = self._root, list[int](), (0, 0), 0
        for index in map(int, indices):
            try:
                image = self._reach(checked_slice(np.asarray(slices[index])), self.used.percentiles)
            except item_errors() as error:
                if held:
                    yield folder, held
                    held = []
                yield Failure(index, why_failed(error))
                continue
            if held and (image.shape != shape or image.nbytes > room):
                yield folder, held
                held = []
            if not held:
                self._calls += 1
                folder = self._root / f"call{self._calls}"
                (folder / "slices").mkdir(parents=True)
                shape, room = image.shape, _CALL_BYTES
            exact = image.dtype in (np.uint8, np.uint16, np.float32)  # ImageJ opens these
            values = np.ascontiguousarray(image if exact else image.astype(np.float32))
            tifffile.imwrite(folder / "slices" / f"{len(held):05d}.tif", values)
            held.append(index)
            room -= image.nbytes
        if held:
            yield folder, held

    def _segment(
        self, folder: Path, indices: Sequence[int]
    ) -> Iterator[tuple[int, Prediction | Failure]]:
        """Segment the slices of a folder, shared among the Fiji instances, in order."""
        count = min(len(self._sessions), len(indices))
        shares = [
            Share(
                session,
                said,
                partial(self._call, session, folder, folder / f"worker{k}"),
                folder / f"worker{k}",
                range(k, len(indices), count),
            )
            for k, (session, said) in enumerate(self._sessions[:count])
        ]
        for share in shares:
            share.start()
        try:
            for position, index in enumerate(indices):
                result = shares[position % count].wait_for(position)
                yield index, Failure(index, result) if isinstance(result, str) else result
        finally:
            for share in shares:
                share.stop()
            shutil.rmtree(folder, ignore_errors=True)

    @property
    def backend(self) -> Literal["onnx", "stardist plugin"]:
        """What computes the network; starts Fiji if it does not run."""
        return self._backend(self._sessions[0][0])

    def _backend(self, session: FijiSession) -> Literal["onnx", "stardist plugin"]:
        if self.settings.backend != "auto":
            return "onnx" if self.settings.backend == "onnx" else "stardist plugin"
        there = session.plain or (self._has_onnx and session.start()["onnxruntime"])
        return "onnx" if there else "stardist plugin"

    @property
    def route(self) -> Literal["macro", "text"]:
        """How Fiji is asked: by the installed Segment_View.ijm, or with the Groovy text."""
        return self._route(self._sessions[0][0])

    @staticmethod
    def _route(session: FijiSession) -> Literal["macro", "text"]:
        fiji = session.fiji
        installed = isinstance(fiji, Fiji) and installed_version(fiji.home) == (version(), [])
        return "macro" if installed and session.facts.get("menu") else "text"

    def _call(
        self, session: FijiSession, folder: Path, out: Path, positions: Sequence[int]
    ) -> None:
        """Let one Fiji segment some slices of a folder; returns when it says that it is done."""
        # Only this session is known to have started: others start in threads of their own.
        backend = self._backend(session)
        # Every setting is given: Fiji would fill in what its user chose last.
        arguments = {
            "image": str(folder / "slices"),
            "model": str(self.bundle),
            "out": str(out),
            "prob": repr(float(self.used.prob_thresh)),
            "nms": repr(float(self.used.nms_thresh)),
            "percentiles": ",".join(repr(float(q)) for q in self.used.percentiles),
            "diameter": "",
            "pixel": "",
            "slices": ",".join(map(str, positions)),
            "scale": ",".join(repr(float(s)) for s in self.used.scale),
            "engine": _ENGINES[backend],
        }
        with_onnx = f"ONNX Runtime {session.facts['onnxruntime']}"
        by = with_onnx if backend == "onnx" else "the StarDist plugin"
        self._tell(f"{self.name}: segmented by {by} in Fiji's Java")
        fiji = session.fiji
        where = fiji.coordinates if isinstance(fiji, Endpoint) else str(fiji.home)
        if self._route(session) == "macro":
            assert isinstance(fiji, Fiji)
            path = fiji.home / MACRO_FOLDER / "Segment_View.ijm"
            self._tell(f"{where}: segments by its Particlebridge commands ({version()})")
            options = " ".join(f"{key}=[{value}]" for key, value in arguments.items() if value)
            session.run_macro(f"runMacro({_quoted(str(path))}, {_quoted(options)});")
            return
        if not session.plain:
            self._tell(
                f"{where}: our commands of this version are not installed; they are sent as text"
            )
        session.run_groovy(compose("Segment_View"), arguments)

    def _tell(self, line: str) -> None:
        """Say a line once."""
        if line not in self._told:
            self._told.add(line)
            notice(line)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
