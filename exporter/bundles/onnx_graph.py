"""A StarDist network as model.onnx, for ONNX Runtime in Python and in Java."""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from ..networks.onnx_session import ONNX_OUTPUTS
from ..networks.record import ModelRecord
from ..networks.saved_model import INPUT
from .keras_to_onnx import onnx_graph
from .plugin_graph import Layout

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto
    from stardist.models import StarDist2D

OPSET = 17
"""Of the ONNX standard; ONNX Runtime knows it since 1.12."""

_IR_VERSION = 8
"""Of the file's layout; the one that came with OPSET."""


def onnx_bytes(
    model: "StarDist2D", layout: Layout, record: ModelRecord, reach: tuple[int, int]
) -> bytes:
    """Write a StarDist network as ONNX; the same model gives the same bytes.

    Parameters
    ----------
    model
        StarDist 2D; a class head is left out.
    layout, record
        What a reader must know of it; goes into the metadata, each value as JSON.
    reach
        How far a grid point looks, pixels (y, x): large images go through in pieces.

    Returns
    -------
    bytes
        Of model.onnx, from `input` (1, H, W, C) float32 to `prob` (1, H / grid y, W / grid x, 1)
        and `dist` (..., rays, pixels). H and W are any multiples of the network's strides.

    Raises
    ------
    ValueError
        If a layer cannot be said in ONNX.
    """
    from onnx import helper

    outputs = dict(zip(ONNX_OUTPUTS, model.keras_model.outputs, strict=False))  # no class head
    graph = onnx_graph(model.keras_model, outputs, INPUT)
    _name_sizes(graph, layout)
    opsets = [helper.make_opsetid("", OPSET)]
    written = helper.make_model(graph, opset_imports=opsets, ir_version=_IR_VERSION)
    _describe(written, model.name, layout, record, reach)
    return written.SerializeToString(deterministic=True)


def _name_sizes(graph: "GraphProto", layout: Layout) -> None:
    assert layout.grid is not None
    of_grid = [
        side if step == 1 else f"{side}/{step}"
        for side, step in zip(("height", "width"), layout.grid, strict=True)
    ]
    for value in (*graph.input, *graph.output):
        sides = ("height", "width") if value.name == INPUT else of_grid
        for dim, side in zip(value.type.tensor_type.shape.dim[1:3], sides, strict=True):
            dim.dim_param = side


def _describe(
    converted: "ModelProto", name: str, layout: Layout, record: ModelRecord, reach: tuple[int, int]
) -> None:
    converted.graph.name = name
    converted.doc_string = (
        "StarDist 2D network. input: (1, H, W, C), normalised to the percentiles, H and W "
        "multiples of 64; prob: object probability of each grid point; dist: distances from it "
        "to the outline along the rays, pixels of the input. Metadata values are JSON."
    )
    settings = {
        **asdict(record),
        "grid": layout.grid,
        "rays": layout.rays,
        "reach": reach,
        "opset": OPSET,
        "name": name,
    }
    del converted.metadata_props[:]
    for key in sorted(settings):
        converted.metadata_props.add(key=key, value=json.dumps(settings[key], sort_keys=True))
