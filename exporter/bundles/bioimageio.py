"""A StarDist network as a BioImage.IO package, described as StarDist's own export does."""

import io
import json
import tempfile
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from skimage.data import coins

from ..networks.saved_model import GRAPH_NAME, INPUT, OUTPUT, saved_model_bytes
from ..safe_zip import zip_bytes
from .onnx_graph import OPSET
from .onnx_layouts import on_pixels
from .plugin_graph import bundle_graph, layout_of
from .portable import StarDistNetwork

if TYPE_CHECKING:
    from stardist.models import StarDist2D

_STEP = 64
_EPS = 1e-6
"""Added to the range of the grey values, as BioImage.IO's scale_range does."""

_WEIGHTS = "stardist_weights.h5"
_TENSORFLOW = "TF_SavedModel.zip"

_README = """\
# {name}

A StarDist 2D network, written by particlebridge. It finds star-convex objects.

Input: an image, its percentiles {low:g} and {high:g} scaled to 0 and 1. Output: the object
probability at every {gy} x {gx} pixels (zero between), then the distances to the outline along
{rays} rays, pixels. StarDist's suppression makes objects of it, with the thresholds in
`config/stardist`
(probability {prob:g}, overlap {nms:g}).

## Validation

Compare the objects with outlines drawn by hand on images that the model has not seen, by F1 at an
IoU of 0.5: `particlebridge compare`, or `stardist.matching`.
"""


def package_members(network: StarDistNetwork) -> dict[str, bytes]:
    """Make the files of a package.

    Parameters
    ----------
    network
        What to write; with Keras, its weights go in, too, so that StarDist can import it.

    Returns
    -------
    dict of str to bytes
        {name in the zip: content}: rdf.yaml, the network with one output of the input's size
        (`on_pixels`), an input and what the network makes of it, README.md, StarDist's weights,
        and the network for TensorFlow 1.12 and newer.
    """
    import yaml

    halo = [-(-reach // 8) * 8 for reach in network.reach]
    sides = [-(-(2 * margin + _STEP) // _STEP) * _STEP for margin in halo]
    image = _test_image(sides, network.channels)
    output = network.expected(_scaled(image, network.record.percentiles))
    members = {
        "model.onnx": on_pixels(network.onnx),
        "test_input.npy": _npy(image),
        "test_output.npy": _npy(output),
        "README.md": _readme(network).encode(),
    }
    if network.keras is not None:
        members[_WEIGHTS] = _keras_weights(network.keras)
        members[_TENSORFLOW] = _saved_model(network.keras)
    described = yaml.safe_dump(_description(network, halo, sides), sort_keys=False)
    return {"rdf.yaml": described.encode(), **members}


def _description(network: StarDistNetwork, halo: list[int], sides: list[int]) -> dict[str, Any]:
    record = network.record
    spatial = [
        {"type": "space", "id": axis, "size": {"min": side, "step": _STEP}}
        for axis, side in zip("yx", sides, strict=True)
    ]
    following = [
        {
            "type": "space",
            "id": axis,
            "size": {"tensor_id": INPUT, "axis_id": axis},
            "halo": margin,
        }
        for axis, margin in zip("yx", halo, strict=True)
    ]
    batch = {"type": "batch", "size": 1}
    low, high = record.percentiles
    return {
        "format_version": "0.5.3",
        "type": "model",
        "name": f"StarDist 2D {network.name}",
        "description": "StarDist 2D network that finds star-convex objects.",
        "timestamp": datetime(1980, 1, 1, tzinfo=UTC).isoformat(),
        "authors": [{"name": "not recorded"}],
        "cite": [
            {
                "text": "Schmidt et al., Cell Detection with Star-Convex Polygons, MICCAI 2018",
                "doi": "10.1007/978-3-030-00934-2_30",
            }
        ],
        "documentation": "README.md",
        "tags": ["stardist", "instance-segmentation", "object-detection", "2d", "unet"],
        "inputs": [
            {
                "id": INPUT,
                "axes": [
                    batch,
                    *spatial,
                    {"type": "channel", "channel_names": _names("channel", network.channels)},
                ],
                "test_tensor": {"source": "test_input.npy"},
                "data": {"type": "float32"},
                "preprocessing": [
                    {
                        "id": "scale_range",
                        "kwargs": {
                            "axes": ["channel", "y", "x"],
                            "min_percentile": low,
                            "max_percentile": high,
                            "eps": _EPS,
                        },
                    }
                ],
            }
        ],
        "outputs": [
            {
                "id": OUTPUT,
                "axes": [
                    batch,
                    *following,
                    {
                        "type": "channel",
                        "channel_names": ["prob", *_names("dist", record.rays or 0)],
                    },
                ],
                "test_tensor": {"source": "test_output.npy"},
                "data": {"type": "float32"},
            }
        ],
        "weights": _weights(network),
        **({"attachments": [{"source": _WEIGHTS}]} if network.keras is not None else {}),
        "config": {
            "stardist": _stardist_config(network),
            "particlebridge": json.loads(json.dumps(asdict(record))),
        },
    }


def _weights(network: StarDistNetwork) -> dict[str, Any]:
    onnx: dict[str, Any] = {"source": "model.onnx", "opset_version": OPSET}
    if network.keras is None:
        return {"onnx": onnx}
    tensorflow = {"source": _TENSORFLOW, "tensorflow_version": "1.15.0"}
    return {
        "onnx": {**onnx, "parent": "tensorflow_saved_model_bundle"},
        "tensorflow_saved_model_bundle": tensorflow,
    }


def _stardist_config(network: StarDistNetwork) -> dict[str, Any]:
    """Describe StarDist's postprocessing where `import_bioimageio` looks for it."""
    import importlib.metadata

    record = network.record
    config: dict[str, Any] = {
        "n_dim": 2,
        "axes": "YXC",
        "n_channel_in": network.channels,
        "n_rays": record.rays,
        "grid": list(network.grid),
    }
    if network.keras is not None:
        config = json.loads(json.dumps(vars(network.keras.config)))
    thresholds = {"prob": record.thresholds.prob, "nms": record.thresholds.nms}
    return {
        "python_version": importlib.metadata.version("stardist"),
        "thresholds": thresholds,
        "config": config,
        **({"weights": _WEIGHTS} if network.keras is not None else {}),
    }


def _test_image(sides: list[int], channels: int) -> np.ndarray:
    missing = [max(0, s - n) for s, n in zip(sides, coins().shape, strict=True)]
    photograph = np.pad(coins(), [(0, more) for more in missing], mode="symmetric")
    crop = photograph[: sides[0], : sides[1]]
    shifted = [np.roll(crop, 40 * channel, axis=1) for channel in range(channels)]
    return np.stack(shifted, axis=-1)[None].astype(np.float32)


def _scaled(image: np.ndarray, percentiles: tuple[float, float]) -> np.ndarray:
    low, high = np.percentile(image, percentiles)
    return ((image - low) / (high - low + _EPS)).astype(np.float32)


def _npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def _names(name: str, count: int) -> list[str]:
    return [f"{name}{index}" for index in range(count)]


def _readme(network: StarDistNetwork) -> str:
    record = network.record
    return _README.format(
        name=network.name,
        low=record.percentiles[0],
        high=record.percentiles[1],
        gy=network.grid[0],
        gx=network.grid[1],
        rays=record.rays,
        prob=record.thresholds.prob,
        nms=record.thresholds.nms,
    )


def _keras_weights(model: "StarDist2D") -> bytes:
    with tempfile.TemporaryDirectory(prefix="particlebridge-") as scratch:
        path = Path(scratch) / _WEIGHTS  # ".weights.h5" would be a format of Keras 3 alone
        model.keras_model.save_weights(str(path))
        return path.read_bytes()


def _saved_model(model: "StarDist2D") -> bytes:
    layout = layout_of(model)
    any_size = (None,) * len(layout.axes)
    graph = saved_model_bytes(
        bundle_graph(model, layout), (*any_size, layout.channels), (*any_size, layout.outputs)
    )
    return zip_bytes({"variables/": b"", GRAPH_NAME: graph})
