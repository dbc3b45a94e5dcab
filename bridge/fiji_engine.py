"""The engine that lets Fiji's StarDist plugin segment: whole views per call, crashes survived."""

import importlib.metadata
import os
import re
import shutil
import tempfile
import threading
import time
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray
from particlebridge.analysis import Prediction
from particlebridge.exporter import Network, export
from particlebridge.exporter.model_record import RECORD_NAME, ModelRecord, read_record
from particlebridge.exporter.safe_zip import extract
from particlebridge.fiji_macros.compose import compose, version

from .console import notice
from .engine import Failure, Settings
from .fiji_home import Endpoint, Fiji
from .fiji_install import MACRO_FOLDER, installed_version
from .fiji_parts import read_part
from .fiji_session import FijiSession, what_java_said

_SLICE_SECONDS = 900.0
_DEATHS_IN_A_ROW = 3
_POLL = 0.05
_AT = re.compile(r"\[particlebridge\] slice (\d+) of ")
_FAILED = re.compile(r"\[particlebridge\] slice (\d+) failed: (.*)")


class FijiEngine:
    """Segment slices with the StarDist plugin of a Fiji.

    Fiji starts at the first slice and stays until `close` or the end of the program. All slices of
    a call go to it together; results are handed on while it works. If its Java dies it is
    started again and goes on; a slice at which it dies twice is a `Failure`.

    Parameters
    ----------
    model
        A bundle (.zip), a StarDist folder or name, or a `Network` made of one of the latter two.
    settings
        Thresholds, percentiles and scale; by default the model's own.
    fiji
        As for `find_fiji`.
    workers
        How many Fijis work at once; each needs its own memory.
    heap
        Java's heap of each, such as ``"8g"``.

    Raises
    ------
    FileNotFoundError
        If there is no such Fiji or model.
    ValueError
        If the model is a `Network` that was loaded from a bundle (give the bundle itself), takes
        colour images, or other numerics than the plugin's are asked for.
    RuntimeError
        If no Java is found.
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
        self._said: list[str] = []
        self._sessions = [
            FijiSession(fiji, heap=heap, log=self._said.append) for _ in range(max(1, workers))
        ]
        self._scratch = tempfile.TemporaryDirectory(prefix="particlebridge-fiji-")
        self._root = Path(self._scratch.name)
        self.bundle = self._root / "model.zip"
        self.name, self.record = _bring_bundle(model, self.bundle)
        self._calls = 0
        self._told_text = False

    def __enter__(self) -> "FijiEngine":
        """Return the engine; Fiji starts with the first slice."""
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the Fijis and drop what was unfinished."""
        for session in self._sessions:
            session.close()
        self._scratch.cleanup()

    @property
    def prob_thresh(self) -> float:
        """The probability threshold in use."""
        given = self.settings.prob_thresh
        return self.record.thresholds.prob if given is None else given

    @property
    def nms_thresh(self) -> float:
        """The overlap threshold in use."""
        given = self.settings.nms_thresh
        return self.record.thresholds.nms if given is None else given

    @property
    def percentiles(self) -> tuple[float, float]:
        """The percentiles in use."""
        return self.settings.percentiles or self.record.percentiles

    @property
    def scale(self) -> tuple[float, float]:
        """Network pixels per pixel of a slice, (y, x), before the result's size is rounded."""
        zoom = 1.0
        if self.record.diameter is not None and self.settings.diameter is not None:
            zoom = self.record.diameter / self.settings.diameter
        y, x = self.settings.pixel_size
        return zoom * y, zoom * x

    def versions(self) -> dict[str, Any]:
        """Return what run.json says about this engine; starts Fiji if it does not run."""
        session = self._sessions[0]
        facts = session.start()
        fiji = session.fiji
        return {
            "engine": "fiji",
            "numerics": "plugin",
            "model": self.name,
            "model_digest": self.record.digest,
            "fiji": fiji.coordinates if isinstance(fiji, Endpoint) else fiji.version,
            "java": facts["java"],
            **{name: facts[name] for name in ("imagej", "stardist", "csbdeep")},
            "pyimagej": importlib.metadata.version("pyimagej"),
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
        order = [int(index) for index in indices]
        batch: list[tuple[int, NDArray[Any]]] = []
        for index in order:
            try:
                image = _checked(np.asarray(slices[index]))
            except ValueError as error:
                yield from self._batch(batch)
                batch = []
                yield index, Failure(index, str(error))
                continue
            if batch and batch[0][1].shape != image.shape:
                yield from self._batch(batch)
                batch = []
            batch.append((index, image))
        yield from self._batch(batch)

    def _batch(
        self, batch: list[tuple[int, NDArray[Any]]]
    ) -> Iterator[tuple[int, Prediction | Failure]]:
        """Segment images of one shape, in order."""
        if not batch:
            return
        self._calls += 1
        folder = self._root / f"call{self._calls}"
        (folder / "slices").mkdir(parents=True)
        for position, (_, image) in enumerate(batch):
            tifffile.imwrite(folder / "slices" / f"{position:05d}.tif", image)
        count = min(len(self._sessions), len(batch))
        shares = [
            _Share(self, session, folder, list(range(k, len(batch), count)), k)
            for k, session in enumerate(self._sessions[:count])
        ]
        threads = [threading.Thread(target=share.work, daemon=True) for share in shares]
        for thread in threads:
            thread.start()
        try:
            for position, (index, _) in enumerate(batch):
                result = shares[position % count].wait_for(position)
                if isinstance(result, str):
                    yield index, Failure(index, result)
                else:
                    yield index, result
        finally:
            for share in shares:
                share.stop()
            for thread in threads:
                thread.join()
            shutil.rmtree(folder, ignore_errors=True)

    def call(self, session: FijiSession, folder: Path, out: Path, positions: Sequence[int]) -> None:
        """Let one Fiji segment some slices of a folder; returns when it says that it is done."""
        percentiles = ",".join(f"{q:g}" for q in self.percentiles)
        # Every setting is given: Fiji would fill in what its user chose last.
        arguments = {
            "image": str(folder / "slices"),
            "model": str(self.bundle),
            "out": str(out),
            "prob": repr(float(self.prob_thresh)),
            "nms": repr(float(self.nms_thresh)),
            "percentiles": percentiles,
            "diameter": "",
            "pixel": "",
            "slices": ",".join(map(str, positions)),
            "scale": ",".join(repr(float(s)) for s in self.scale),
        }
        fiji = session.fiji
        if isinstance(fiji, Fiji) and installed_version(fiji.home) == (version(), []):
            path = fiji.home / MACRO_FOLDER / "Segment_View.ijm"
            options = " ".join(f"{key}=[{value}]" for key, value in arguments.items() if value)
            session.run_macro(f"runMacro({_quoted(str(path))}, {_quoted(options)});")
            return
        if not self._told_text:
            self._told_text = True
            where = fiji.coordinates if isinstance(fiji, Endpoint) else fiji.home
            notice(f"{where}: our commands of this version are not installed; they run as text")
        session.run_groovy(compose("Segment_View"), arguments)


class _Share:
    """The slices that one Fiji has of a call."""

    def __init__(
        self, engine: FijiEngine, session: FijiSession, folder: Path, positions: list[int], k: int
    ) -> None:
        self._engine, self._session, self._folder = engine, session, folder
        self._out = folder / f"worker{k}"
        self._left = positions
        self._results: dict[int, Prediction | str] = {}
        self._error: Exception | None = None
        self._news = threading.Condition()
        self._stopped = threading.Event()

    def wait_for(self, position: int) -> Prediction | str:
        """Return a slice's result, or why there is none; raises what ended the work."""
        with self._news:
            self._news.wait_for(lambda: position in self._results or self._error is not None)
            if position in self._results:
                return self._results.pop(position)
            assert self._error is not None
            raise self._error

    def stop(self) -> None:
        """End the work soon, in the midst of a slice if need be."""
        if self._left and self._error is None:
            self._stopped.set()
            self._session.kill()

    def work(self) -> None:
        """Segment the slices; a Fiji that dies is started again."""
        deaths: dict[int, int] = {}
        in_a_row = 0
        try:
            while self._left and not self._stopped.is_set():
                self._session.start()  # a Fiji that cannot start ends the work
                before = len(self._left)
                try:
                    self._collect(self._run())
                except (RuntimeError, TimeoutError) as error:
                    self._collect()
                    in_a_row = 1 if len(self._left) < before else in_a_row + 1
                    if self._stopped.is_set() or not self._left:
                        return
                    if in_a_row > _DEATHS_IN_A_ROW:
                        raise
                    suspect = self._under_way()
                    deaths[suspect] = deaths.get(suspect, 0) + 1
                    if deaths[suspect] > 1:
                        self._give(suspect, f"Fiji ended twice at this slice: {error}")
                        in_a_row = 0
        except Exception as error:  # handed on to the thread that waits
            with self._news:
                self._error = error
                self._news.notify_all()

    def _under_way(self) -> int:
        """Tell which slice Fiji was at by its last word of progress."""
        for line in reversed(self._session.log_lines()):
            if (found := _AT.search(line)) and int(found[1]) in self._left:
                return int(found[1])
        return self._left[0]

    def _run(self) -> dict[int, str]:
        """Call Fiji on what is left, handing on results meanwhile; tell the failures it named."""
        start = len(self._engine._said)
        outcome: list[BaseException] = []

        def call() -> None:
            try:
                self._engine.call(self._session, self._folder, self._out, list(self._left))
            except BaseException as error:
                outcome.append(error)

        thread = threading.Thread(target=call, daemon=True)
        thread.start()
        since = time.monotonic()
        while thread.is_alive():
            thread.join(_POLL)
            if self._collect():
                since = time.monotonic()
            if time.monotonic() - since > _SLICE_SECONDS:
                self._session.kill()
                thread.join()
                raise TimeoutError(f"no answer within {_SLICE_SECONDS:g} s; it was ended")
        if outcome and isinstance(outcome[0], Exception) and not self._session.alive:
            raise outcome[0]
        lines = self._engine._said[start:]
        named = {int(m[1]): m[2] for line in lines if (m := _FAILED.search(line))}
        if not named:
            whole = what_java_said(lines) or (str(outcome[0]) if outcome else "")
            named = dict.fromkeys(self._left, whole or "Fiji came back without a result")
        return named

    def _collect(self, failed: dict[int, str] | None = None) -> bool:
        """Take up finished slices, and after a call those that failed; tells if there were any."""
        found = False
        for position in list(self._left):
            part = self._out / ".parts" / f"{position:05d}.pbp"
            if part.exists():
                try:
                    self._give(position, read_part(part).prediction)
                except ValueError as error:
                    self._give(position, str(error))
                part.unlink()
                found = True
            elif failed is not None:
                # Fiji stops early where the model is at fault; the last reason holds for the rest.
                reason = failed.get(position) or next(reversed(failed.values()))
                self._give(position, reason)
                found = True
        return found

    def _give(self, position: int, result: Prediction | str) -> None:
        with self._news:
            self._left.remove(position)
            self._results[position] = result
            self._news.notify_all()


def _checked(image: NDArray[Any]) -> NDArray[Any]:
    """Return the image in a type that ImageJ opens exactly."""
    if image.ndim == 3 and image.shape[2] == 1:
        image = image[..., 0]
    if image.ndim != 2:
        raise ValueError(f"the Fiji engine takes grey images, not an array of shape {image.shape}")
    if image.size == 0:
        raise ValueError(f"the image is empty: its shape is {image.shape}")
    if not np.isfinite(image).all():
        raise ValueError("the image holds NaN or infinite values; mask or fill them first")
    exact = image.dtype in (np.uint8, np.uint16, np.float32)
    return np.ascontiguousarray(image if exact else image.astype(np.float32))


def _bring_bundle(model: Network | str | os.PathLike[str], target: Path) -> tuple[str, ModelRecord]:
    """Put the model as a bundle at `target`; tell its name and record."""
    if isinstance(model, Network):
        if model.stardist is None:
            raise ValueError(
                f"model {model.name} was loaded from a bundle; give Fiji the bundle (.zip) itself"
            )
        export(model.stardist, target, verify=False)
        return model.name, model.record
    if Path(model).is_file() and zipfile.is_zipfile(model):
        shutil.copyfile(model, target)
        name = Path(model).stem
    else:
        from particlebridge.exporter import load_model

        network = load_model(model)
        return _bring_bundle(network, target)
    with tempfile.TemporaryDirectory(prefix="particlebridge-") as scratch:
        record = extract(target, Path(scratch) / "bundle") / RECORD_NAME
        return name, read_record(record) if record.is_file() else ModelRecord()


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
