"""A StarDist or CARE network as model.onnx, for ONNX Runtime in Python and in Java."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..networks.onnx_session import ONNX_OUTPUTS
from ..networks.saved_model import INPUT, OUTPUT
from .keras_to_onnx import onnx_graph
from .plugin_graph import Layout

if TYPE_CHECKING:
    from csbdeep.models import CARE
    from onnx import GraphProto
    from stardist.models import StarDist2D

OPSET = 17
"""Of the ONNX standard; ONNX Runtime knows it since 1.12."""

_IR_VERSION = 8
"""Of the file's layout; the one that came with OPSET."""

_STARDIST = (
    "StarDist 2D network. input: (1, H, W, C), normalised to the percentiles, H and W "
    "multiples of 64; prob: object probability of each grid point; dist: distances from it "
    "to the outline along the rays, pixels of the input. Metadata values are JSON."
)
_CARE = (
    "CARE network. input: an image, channels last, each normalised to its percentiles, sides "
    "multiples of the divisors; output: the restored image on the same scale, and after its "
    "channels the scale of their Laplace distributions if probabilistic. Metadata values are JSON."
)


def onnx_bytes(model: "StarDist2D | CARE", layout: Layout, told: Mapping[str, Any]) -> bytes:
    """Write a network as ONNX; the same model gives the same bytes.

    Parameters
    ----------
    model
        StarDist 2D or CARE; a class head is left out.
    layout
        Its layout.
    told
        What a reader must know of it; goes into the metadata, each value as JSON.

    Returns
    -------
    bytes
        Of model.onnx. StarDist: from `input` (1, H, W, C) float32 to `prob`
        (1, H / grid y, W / grid x, 1) and `dist` (..., rays, pixels). CARE: from `input`
        (1, [Z,] H, W, C) to `output` (..., outputs). Sides are any multiples of the network's
        strides.

    Raises
    ------
    ValueError
        If a layer cannot be said in ONNX.
    """
    from onnx import helper

    network, stardist = model.keras_model, layout.grid is not None
    names = ONNX_OUTPUTS if stardist else (OUTPUT,)
    graph = onnx_graph(network, dict(zip(names, network.outputs, strict=False)), INPUT)
    _name_sizes(graph, layout)
    graph.name = model.name
    opsets = [helper.make_opsetid("", OPSET)]
    written = helper.make_model(graph, opset_imports=opsets, ir_version=_IR_VERSION)
    written.doc_string = _STARDIST if stardist else _CARE
    settings = {**told, "opset": OPSET, "name": model.name}
    for key in sorted(settings):
        written.metadata_props.add(key=key, value=json.dumps(settings[key], sort_keys=True))
    return written.SerializeToString(deterministic=True)


def _name_sizes(graph: "GraphProto", layout: Layout) -> None:
    sides = ("depth", "height", "width")[-len(layout.divisors) :]
    of_grid = [
        side if step == 1 else f"{side}/{step}"
        for side, step in zip(sides, layout.grid or (1,) * len(sides), strict=True)
    ]
    for value in (*graph.input, *graph.output):
        named = sides if value.name == INPUT else of_grid
        for dim, side in zip(value.type.tensor_type.shape.dim[1:-1], named, strict=True):
            dim.dim_param = side
