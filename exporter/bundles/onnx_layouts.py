"""model.onnx in the layouts of other readers: channels first, or one output on the pixels."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..networks.onnx_session import ONNX_OUTPUTS
from ..networks.saved_model import INPUT, OUTPUT
from .keras_to_onnx import NEAREST

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, NodeProto, ValueInfoProto

_LAYOUT_OPS = ("Transpose", "Reshape", "Squeeze", "Unsqueeze")


def channels_first(content: bytes) -> bytes:
    """Give the network with channels before rows, as OpenCV's dnn module takes images.

    Parameters
    ----------
    content
        Of model.onnx.

    Returns
    -------
    bytes
        From `input` (1, C, H, W) to `prob` (1, 1, H / grid y, W / grid x) and `dist`
        (1, rays, ...).
    """
    import onnx

    model = onnx.load_from_string(content)
    graph = model.graph
    _without_layout(graph)
    (_, height, width, channels), *outputs = (_sizes(one) for one in (*graph.input, *graph.output))
    _set_sizes(graph.input[0], (1, channels, height, width))
    for one, (_, rows, columns, values) in zip(graph.output, outputs, strict=True):
        _set_sizes(one, (1, values, rows, columns))
    model.doc_string = (
        "StarDist 2D network. input: (1, C, H, W), normalised to the percentiles, H and W "
        "multiples of 64; prob: object probability of each grid point; dist: distances from it "
        "to the outline along the rays, pixels of the input. Metadata values are JSON."
    )
    return _checked(model)


def on_pixels(content: bytes) -> bytes:
    """Give the network with one output of the input's size, as in a bundle's saved_model.pb.

    Parameters
    ----------
    content
        As `channels_first`.

    Returns
    -------
    bytes
        From `input` (1, H, W, C) to `output` (1, H, W, 1 + rays): the probability at
        [::grid y, ::grid x] and zero elsewhere, the distances repeated over each cell of the grid.
    """
    import numpy as np
    import onnx
    from onnx import helper, numpy_helper

    model = onnx.load_from_string(channels_first(content))
    graph = model.graph
    _, channels, height, width = _sizes(graph.input[0])
    prob, dist = graph.output
    rays = _sizes(dist)[1]
    grid = [_step(size) for size in _sizes(prob)[2:]]
    inner, nodes = f"{INPUT}/channels_first", list(graph.node)
    _rename(nodes, {INPUT: inner})
    nodes.insert(0, helper.make_node("Transpose", [INPUT], [inner], perm=[0, 3, 1, 2]))
    parts = list(ONNX_OUTPUTS)
    if grid != [1, 1]:
        parts = [f"{name}/pixels" for name in ONNX_OUTPUTS]
        graph.initializer.extend(
            [
                numpy_helper.from_array(np.ones((1, 1, 1, 1), np.float32), "one"),
                numpy_helper.from_array(np.array([1, 1, *grid], np.float32), "grid"),
            ]
        )
        # A transposed convolution with kernel 1 puts each value at its cell's first pixel.
        nodes.append(
            helper.make_node(
                "ConvTranspose",
                [ONNX_OUTPUTS[0], "one"],
                [parts[0]],
                strides=grid,
                output_padding=[step - 1 for step in grid],
            )
        )
        nodes.append(
            helper.make_node(
                "Resize",
                [ONNX_OUTPUTS[1], "", "grid"],
                [parts[1]],
                name=f"{parts[1]}/resize",
                **NEAREST,
            )
        )
    nodes.append(helper.make_node("Concat", parts, [f"{OUTPUT}/channels_first"], axis=1))
    perm = [0, 2, 3, 1]
    nodes.append(helper.make_node("Transpose", [f"{OUTPUT}/channels_first"], [OUTPUT], perm=perm))
    _replace_nodes(graph, nodes)
    del graph.output[:]
    assert isinstance(rays, int)
    ends = helper.make_tensor_value_info(OUTPUT, onnx.TensorProto.FLOAT, [1])
    graph.output.append(ends)
    _set_sizes(graph.input[0], (1, height, width, channels))
    _set_sizes(graph.output[0], (1, height, width, 1 + rays))
    model.doc_string = (
        "StarDist 2D network. input: (1, H, W, C), normalised to the percentiles, H and W "
        "multiples of 64; output: object probability on the grid and zero between, then the "
        "distances to the outline along the rays, pixels. Metadata values are JSON."
    )
    return _checked(model)


def _without_layout(graph: "GraphProto") -> None:
    """Take out what only moves axes between input, network and outputs."""
    nodes = list(graph.node)
    makers = {name: node for node in nodes for name in node.output}
    moved = {INPUT}
    for node in nodes:
        if node.op_type in _LAYOUT_OPS and node.input[0] in moved:
            moved.add(node.output[0])
    _rename((n for n in nodes if n.op_type not in _LAYOUT_OPS), dict.fromkeys(moved, INPUT))
    for name in ONNX_OUTPUTS:
        source = name
        while source in makers and makers[source].op_type in _LAYOUT_OPS:
            source = makers[source].input[0]
        if source != name:
            makers[name].output[0] = f"{name}/moved"
            _rename(nodes, {source: name}, outputs=True)
    _replace_nodes(graph, nodes)


def _rename(nodes: "Iterable[NodeProto]", names: dict[str, str], outputs: bool = False) -> None:
    for node in nodes:
        for part in (node.input, node.output) if outputs else (node.input,):
            part[:] = [names.get(name, name) for name in part]


def _replace_nodes(graph: "GraphProto", nodes: "list[NodeProto]") -> None:
    """Let the graph be these nodes, without those that no output needs."""
    needed = set(ONNX_OUTPUTS) | {OUTPUT}
    kept: list[NodeProto] = []
    for node in reversed(nodes):
        if needed & set(node.output):
            kept.append(node)
            needed |= set(node.input)
    copies = [type(node).FromString(node.SerializeToString()) for node in reversed(kept)]
    weights = [
        type(w).FromString(w.SerializeToString()) for w in graph.initializer if w.name in needed
    ]
    del graph.node[:], graph.initializer[:]
    graph.node.extend(copies)
    graph.initializer.extend(weights)


def _sizes(value: "ValueInfoProto") -> list[str | int]:
    return [size.dim_param or size.dim_value for size in value.type.tensor_type.shape.dim]


def _set_sizes(value: "ValueInfoProto", sizes: Iterable[str | int]) -> None:
    shape = value.type.tensor_type.shape
    del shape.dim[:]
    for size in sizes:
        if isinstance(size, int):
            shape.dim.add(dim_value=size)
        else:
            shape.dim.add(dim_param=size)


def _step(size: str | int) -> int:
    """Read the grid out of a size such as "height/2"."""
    return int(str(size).partition("/")[2] or 1)


def _checked(model: "ModelProto") -> bytes:
    import onnx

    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString(deterministic=True)
