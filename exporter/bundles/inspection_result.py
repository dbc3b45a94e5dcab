"""What `inspect` finds out about a bundle or a model folder."""

from dataclasses import dataclass, field
from pathlib import Path

from ..networks.record import ModelRecord


@dataclass(frozen=True)
class Signature:
    """The way in and out of a bundle.

    Attributes
    ----------
    input_name, output_name
        As the signature calls them.
    input_tensor, output_tensor
        As the graph calls them.
    input_shape, output_shape
        (N, [Z,] H, W, C), None where any size goes.
    """

    input_name: str
    output_name: str
    input_tensor: str
    output_tensor: str
    input_shape: tuple[int | None, ...]
    output_shape: tuple[int | None, ...]

    @property
    def axes_count(self) -> int:
        """2 for images, 3 for volumes."""
        return len(self.input_shape) - 2

    @property
    def channels(self) -> int:
        """Of the input."""
        return self.input_shape[-1] or 1

    @property
    def outputs(self) -> int:
        """Channels of the output."""
        return self.output_shape[-1] or 1


@dataclass(frozen=True)
class Inspection:
    """What a bundle, or a model folder, holds.

    Attributes
    ----------
    path
        The zip or the folder.
    kind
        In words, such as "StarDist 2D model".
    signature
        None if it has none that CSBDeep could use.
    grid
        StarDist's (gy, gx); None if it is no StarDist model.
    rays
        StarDist's rays; None if it is no StarDist model.
    record
        What particlebridge.json says; None if there is none.
    producer
        Version of the TensorFlow that wrote it, "" if untold.
    ops
        {op: how often}.
    onnx
        Whether model.onnx lies beside the graph, for ONNX Runtime.
    runtimes
        {TensorFlow version: why it would not load, "" if it would}.
    problems
        Why Fiji would not load or run it, each with its fix; empty if it would.
    notes
        What else a user should know.
    unsafe
        Whether it reads or writes files when it runs.
    fatal
        Why nothing can or should run it, whatever its TensorFlow; "" if something can.
    """

    path: Path
    kind: str
    signature: Signature | None = None
    grid: tuple[int, int] | None = None
    rays: int | None = None
    record: ModelRecord | None = None
    producer: str = ""
    ops: dict[str, int] = field(default_factory=dict)
    onnx: bool = False
    runtimes: dict[str, str] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    unsafe: bool = False
    fatal: str = ""

    @property
    def would_load(self) -> bool:
        """Whether Fiji, as it comes (TensorFlow 1.15), would load and run it."""
        return not self.problems

    def lines(self) -> list[tuple[str, str]]:
        """Give (title, text) pairs to show."""
        pairs = [("file", str(self.path)), ("kind", self.kind)]
        if self.signature:
            ends = self.signature
            pairs += [
                ("input", f"{ends.input_name} {shown(ends.input_shape)}"),
                ("output", f"{ends.output_name} {shown(ends.output_shape)}"),
            ]
        if self.rays is not None and self.grid is not None:
            pairs += [("rays", str(self.rays)), ("grid", "{} x {}".format(*self.grid))]
        if self.record and self.rays is not None:
            limits = self.record.thresholds
            pairs.append(
                ("thresholds", f"prob {limits.prob:g}, nms {limits.nms:g} ({self.record.numerics})")
            )
            if self.record.diameter:
                pairs.append(("trained at", f"particles {self.record.diameter:.3g} pixels wide"))
        elif self.rays is not None:
            pairs.append(("thresholds", "not recorded; the plugin's own are 0.5 and 0.4"))
        if self.producer:
            pairs.append(("written by", f"TensorFlow {self.producer}"))
        if self.ops:
            pairs.append(("ops", ", ".join(f"{n} {op}" for op, n in self.ops.items())))
        if self.onnx:
            pairs.append(("model.onnx", "the same network, for ONNX Runtime"))
        pairs += [(f"TensorFlow {v}", why or "loads") for v, why in self.runtimes.items()]
        pairs.append(("Fiji would load it", "yes" if self.would_load else "no"))
        pairs += [("because", problem) for problem in self.problems]
        return pairs + [("note", note) for note in self.notes]


def shown(shape: tuple[int | None, ...]) -> str:
    """Show the shape of an array, None where any size goes."""
    return "(" + ", ".join("any" if size is None else str(size) for size in shape) + ")"
