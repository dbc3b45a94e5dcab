"""A StarDist network as ONNX, ready to be written for readers other than Fiji's plugin."""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..networks.loading import load_model
from ..networks.onnx_networks import onnx_content
from ..networks.record import RECORD_NAME, ModelRecord
from .comparison import in_bundle_layout
from .onnx_graph import onnx_bytes
from .plugin_graph import Layout, expected_output

if TYPE_CHECKING:
    from csbdeep.models import CARE
    from stardist.models import StarDist2D


@dataclass(frozen=True, eq=False)
class PortableNetwork:
    """A StarDist network as ONNX, and what it computes where it came from.

    Attributes
    ----------
    name
        Of the model.
    onnx
        Bytes of its model.onnx.
    record
        Thresholds, percentiles, grid, rays, training diameter and digest.
    channels
        Of an image.
    reach
        How far a grid point looks, pixels (y, x).
    keras
        The model it was made from; None where only the ONNX network is known.
    reference
        What `expected` computes with.
    expected
        From an image (1, H, W, C) to the output in a bundle's layout (1, H, W, 1 + rays).
    """

    name: str
    onnx: bytes
    record: ModelRecord
    channels: int
    reach: tuple[int, int]
    keras: "StarDist2D | None"
    reference: str
    expected: Callable[[np.ndarray], np.ndarray]

    @property
    def grid(self) -> tuple[int, int]:
        """Pixels (y, x) between the grid points."""
        assert self.record.grid is not None
        return self.record.grid


def from_keras(model: "StarDist2D | CARE", layout: Layout) -> PortableNetwork:
    """Convert a StarDist model; the reference is Keras.

    Parameters
    ----------
    model
        StarDist 2D; a class head is left out.
    layout
        Its layout.

    Raises
    ------
    ValueError
        If it is a CARE model, or has a layer that ONNX cannot run.
    """
    import keras

    if layout.kind != "stardist2d":
        raise ValueError(
            f"{model.name} is a CARE model, which only Fiji's CSBDeep plugin runs here; leave "
            "--to out"
        )
    network = load_model(model)
    record = _tuned_record(model, network.record)
    return PortableNetwork(
        name=model.name,
        onnx=onnx_bytes(model, layout, record, network.reach),
        record=record,
        channels=layout.channels,
        reach=network.reach,
        keras=model,
        reference=f"{model.name} in Keras {keras.__version__}",
        expected=lambda image: expected_output(model, layout, image),
    )


def from_onnx(path: Path) -> PortableNetwork:
    """Take model.onnx out of a bundle, or an .onnx file; the reference is ONNX Runtime.

    Raises
    ------
    ValueError
        If it holds none of ours, or is damaged.
    """
    import onnxruntime

    network = load_model(path, "onnx", "cpu")
    content = onnx_content(path)
    assert content is not None  # it was just loaded

    def expected(image: np.ndarray) -> np.ndarray:
        prob, dist = network.predict(image[0])
        return in_bundle_layout(prob[None, ..., None], dist[None], network.grid)

    return PortableNetwork(
        name=network.name,
        onnx=content,
        record=network.record,
        channels=network.n_channels,
        reach=network.reach,
        keras=None,
        reference=f"{path.name} in ONNX Runtime {onnxruntime.__version__}",
        expected=expected,
    )


def onnx_source(model: Any) -> Path | None:
    """Give the path of a bundle or an .onnx file; None for all else, which Keras loads."""
    if not isinstance(model, str | os.PathLike) or not Path(model).is_file():
        return None
    return Path(model)


def _tuned_record(model: "StarDist2D", record: ModelRecord) -> ModelRecord:
    """Say who tuned the thresholds; without a record in the model's folder StarDist itself."""
    folder = None if model.basedir is None else Path(model.logdir)
    if folder is None or not (folder / RECORD_NAME).is_file():
        record = replace(record, numerics="stardist")
    return record
