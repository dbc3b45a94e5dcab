"""A StarDist network as model.onnx, for ONNX Runtime in Python and in Java."""

import json
from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from ..networks.keras_models import quiet
from ..networks.onnx_session import ONNX_OUTPUTS
from ..networks.record import ModelRecord
from ..networks.saved_model import INPUT
from .plugin_graph import Layout

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto
    from stardist.models import StarDist2D

OPSET = 17
"""Of the ONNX standard; ONNX Runtime knows it since 1.12."""


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
    import tensorflow as tf
    import tf2onnx

    spec = tf.TensorSpec((1, None, None, layout.channels), tf.float32, name=INPUT)

    def network(image: Any) -> Any:
        image = [image] if isinstance(model.keras_model.input, list) else image
        parts = model.keras_model(image, training=False)[:2]
        return dict(zip(ONNX_OUTPUTS, parts, strict=True))

    function = tf.function(network, input_signature=[spec], autograph=False)
    with quiet():
        converted, _ = tf2onnx.convert.from_function(function, input_signature=[spec], opset=OPSET)
    _order(converted.graph)
    _name_sizes(converted.graph, layout)
    _describe(converted, model.name, layout, record, reach)
    return converted.SerializeToString(deterministic=True)


def _order(graph: "GraphProto") -> None:
    """Name everything by its place: tf2onnx counts up through all models of a session."""
    ends = {INPUT, *ONNX_OUTPUTS}
    names = {name: name for name in ends}
    constants = {one.name: one for one in graph.initializer}
    used = []
    counts: Counter[str] = Counter()
    for node in graph.node:
        node.name = f"{node.op_type}_{counts[node.op_type]}"
        counts[node.op_type] += 1
        for position, name in enumerate(node.input):
            if name in constants and name not in names:
                names[name] = f"{node.name}.{position}"
                used.append(constants[name])
        for position, name in enumerate(node.output):
            names.setdefault(name, f"{node.name}/{position}")
    for node in graph.node:
        for part in (node.input, node.output):
            part[:] = [names.get(name, name) for name in part]
        node.ClearField("doc_string")
    for constant in used:
        constant.name = names[constant.name]
    kept = [type(one).FromString(one.SerializeToString()) for one in used]
    del graph.initializer[:]
    graph.initializer.extend(kept)
    del graph.value_info[:]
    graph.ClearField("doc_string")


def _name_sizes(graph: "GraphProto", layout: Layout) -> None:
    assert layout.grid is not None and layout.rays is not None
    of_grid = [
        side if step == 1 else f"{side}/{step}"
        for side, step in zip(("height", "width"), layout.grid, strict=True)
    ]
    sizes: dict[str, list[str | int]] = {
        INPUT: [1, "height", "width", layout.channels],
        ONNX_OUTPUTS[0]: [1, *of_grid, 1],
        ONNX_OUTPUTS[1]: [1, *of_grid, layout.rays],
    }
    # In the order that is documented, whatever the converter's.
    outputs = sorted(graph.output, key=lambda one: ONNX_OUTPUTS.index(one.name))
    kept = [type(one).FromString(one.SerializeToString()) for one in outputs]
    del graph.output[:]
    graph.output.extend(kept)
    for value in (*graph.input, *graph.output):
        shape = value.type.tensor_type.shape
        del shape.dim[:]
        for size in sizes[value.name]:
            if isinstance(size, int):
                shape.dim.add(dim_value=size)
            else:
                shape.dim.add(dim_param=size)


def _describe(
    converted: "ModelProto",
    name: str,
    layout: Layout,
    record: ModelRecord,
    reach: tuple[int, int],
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
