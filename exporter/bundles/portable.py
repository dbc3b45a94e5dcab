"""A network as ONNX, ready to be written for readers other than Fiji's plugins."""

import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..networks.loading import load_model, model_digest
from ..networks.onnx_networks import onnx_content
from ..networks.onnx_session import OnnxRun, is_care
from ..networks.record import RECORD_NAME, ModelRecord
from ..networks.saved_model import OUTPUT
from .comparison import in_bundle_layout
from .onnx_graph import onnx_bytes
from .plugin_graph import Layout, expected_output

if TYPE_CHECKING:
    from csbdeep.models import CARE
    from stardist.models import StarDist2D


@dataclass(frozen=True, eq=False)
class PortableNetwork:
    """A network as ONNX, and what it computes where it came from.

    Attributes
    ----------
    name
        Of the model.
    onnx
        Bytes of its model.onnx.
    dimensions
        2 or 3, of an image.
    channels
        Of an image.
    settings
        What a reader must know of it, as in particlebridge.json and in model.onnx's metadata.
    reference
        What `expected` computes with.
    expected
        From an image (1, [Z,] H, W, C) to the output in a bundle's layout (1, [Z,] H, W, outputs).
    """

    name: str
    onnx: bytes
    dimensions: int
    channels: int
    settings: dict[str, Any]
    reference: str
    expected: Callable[[np.ndarray], np.ndarray]

    @property
    def grid(self) -> tuple[int, int] | None:
        """StarDist's pixels (y, x) between the grid points; None for CARE."""
        return None


@dataclass(frozen=True, eq=False)
class StarDistNetwork(PortableNetwork):
    """A StarDist network as ONNX; attributes beside those of `PortableNetwork`.

    Attributes
    ----------
    record
        Thresholds, percentiles, grid, rays, training diameter and digest.
    reach
        How far a grid point looks, pixels (y, x).
    keras
        The model it was made from; None where only the ONNX network is known.
    """

    record: ModelRecord
    reach: tuple[int, int]
    keras: "StarDist2D | None"

    @property
    def grid(self) -> tuple[int, int]:
        """Pixels (y, x) between the grid points."""
        assert self.record.grid is not None
        return self.record.grid


def from_keras(model: "StarDist2D | CARE", layout: Layout) -> PortableNetwork:
    """Convert a model; the reference is Keras.

    Parameters
    ----------
    model
        StarDist 2D or CARE; a class head is left out.
    layout
        Its layout.

    Returns
    -------
    PortableNetwork
        A `StarDistNetwork` for StarDist.

    Raises
    ------
    ValueError
        If it has a layer that ONNX cannot run.
    """
    import keras

    reference = f"{model.name} in Keras {keras.__version__}"

    def expected(image: np.ndarray) -> np.ndarray:
        return expected_output(model, layout, image)

    if layout.grid is None:
        told = _care_settings(model, layout)
        return PortableNetwork(
            name=model.name,
            onnx=onnx_bytes(model, layout, told),
            dimensions=len(layout.divisors),
            channels=layout.channels,
            settings=told,
            reference=reference,
            expected=expected,
        )
    network = load_model(model)
    record = _tuned_record(model, network.record)
    settings = {**asdict(record), "grid": layout.grid, "rays": layout.rays}
    return StarDistNetwork(
        name=model.name,
        onnx=onnx_bytes(model, layout, {**settings, "reach": network.reach}),
        dimensions=2,
        channels=layout.channels,
        settings=settings,
        reference=reference,
        expected=expected,
        record=record,
        reach=network.reach,
        keras=model,
    )


def from_onnx(path: Path) -> PortableNetwork:
    """Take model.onnx out of a bundle, or an .onnx file; the reference is ONNX Runtime.

    Returns
    -------
    PortableNetwork
        A `StarDistNetwork` for StarDist.

    Raises
    ------
    ValueError
        If it holds none of ours, or is damaged.
    """
    import onnxruntime

    reference = f"{path.name} in ONNX Runtime {onnxruntime.__version__}"
    content = onnx_content(path)
    if content is not None and (care := _care_from_onnx(content, path, reference)) is not None:
        return care
    network = load_model(path, "onnx", "cpu")
    assert content is not None  # it was just loaded

    def expected(image: np.ndarray) -> np.ndarray:
        prob, dist = network.predict(image[0])
        return in_bundle_layout(prob[None, ..., None], dist[None], network.grid)

    return StarDistNetwork(
        name=network.name,
        onnx=content,
        dimensions=2,
        channels=network.n_channels,
        settings=asdict(network.record),
        reference=reference,
        expected=expected,
        record=network.record,
        reach=network.reach,
        keras=None,
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


def _care_settings(model: "CARE", layout: Layout) -> dict[str, Any]:
    """Say what CSBDeep does around a CARE network; the model itself records no percentiles."""
    from csbdeep.data import PercentileNormalizer

    usual = PercentileNormalizer()
    return {
        "kind": layout.kind,
        "axes": layout.axes,
        "divisors": layout.divisors,
        "percentiles": (float(usual.pmin), float(usual.pmax)),
        "probabilistic": bool(model.config.probabilistic),
        "digest": model_digest(model),
    }


def _care_from_onnx(content: bytes, path: Path, reference: str) -> PortableNetwork | None:
    """Open a CARE network; None for all else."""
    network = OnnxRun(content, path)
    if not is_care(network.metadata):
        return None
    shape = network.input_shape
    if network.outputs != (OUTPUT,) or len(shape) not in (4, 5) or not isinstance(shape[-1], int):
        raise ValueError(
            f"{path} tells that it is a CARE network, and has another input or output; export the "
            "model again"
        )
    return PortableNetwork(
        name=path.stem,
        onnx=content,
        dimensions=len(shape) - 2,
        channels=shape[-1],
        settings=network.metadata,
        reference=reference,
        expected=lambda image: network.run(image)[0],
    )
