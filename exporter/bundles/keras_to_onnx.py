"""A Keras network of StarDist's and CSBDeep's layers as an ONNX graph, layer by layer.

tf2onnx is not used: it walks sets, whose order changes from process to process. The same model
gave different bytes, and sometimes an output with one axis too many.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from onnx import GraphProto, NodeProto, TensorProto

# Of Keras's activations, the operators of ONNX that compute the same.
_ACTIVATIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "relu": ("Relu", {}),
    "sigmoid": ("Sigmoid", {}),
    "tanh": ("Tanh", {}),
    "elu": ("Elu", {"alpha": 1.0}),
    "selu": ("Selu", {}),
    "softplus": ("Softplus", {}),
    "softsign": ("Softsign", {}),
    "exponential": ("Exp", {}),
    "leaky_relu": ("LeakyRelu", {"alpha": 0.2}),
    "hard_sigmoid": ("HardSigmoid", {"alpha": 1 / 6, "beta": 0.5}),
    "hard_silu": ("HardSwish", {}),
    "celu": ("Celu", {"alpha": 1.0}),
}

NEAREST = {
    "mode": "nearest",
    "coordinate_transformation_mode": "asymmetric",
    "nearest_mode": "floor",
}
"""Attributes of a Resize that repeats every value."""


def onnx_graph(network: Any, outputs: dict[str, Any], input_name: str) -> "GraphProto":
    """Write a functional Keras network as an ONNX graph; the same network gives the same bytes.

    Parameters
    ----------
    network : keras.Model
        Of one input, channels last, and the layers that StarDist and CSBDeep build with:
        convolutions, max pooling, nearest upsampling, batch normalisation, activations,
        concatenation, addition (also of a constant, by a Lambda), dropout.
    outputs
        The network's output tensors by the names they get.
    input_name
        Of the input, (1, [Z,] H, W, channels) float32.

    Returns
    -------
    GraphProto
        Channels last at its input and outputs, channels first between them, as ONNX computes.
        The sizes of its input and outputs are those of Keras: unknown but for the channels.

    Raises
    ------
    ValueError
        If a layer or an activation is of another kind.
    """
    from onnx import TensorProto, helper

    graph = _Graph()
    (source,) = network.inputs
    axes = len(source.shape)
    first = graph.add("Transpose", [input_name], perm=(0, axes - 1, *range(1, axes - 1)))
    values = {_key(source): first}
    for node in _in_order(list(outputs.values())):
        layer = node.operation
        kind = _converter(layer)
        inputs = [values[_key(tensor)] for tensor in node.input_tensors]
        values[_key(node.output_tensors[0])] = kind(graph, layer, inputs)
    for name, tensor in outputs.items():
        perm = (0, *range(2, axes), 1)
        graph.add("Transpose", [values[_key(tensor)]], output=name, perm=perm)

    def end(name: str, tensor: Any) -> Any:
        sizes = [1, *(None,) * (axes - 2), int(tensor.shape[-1])]
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, sizes)

    return helper.make_graph(
        graph.nodes,
        network.name,
        [end(input_name, source)],
        [end(name, tensor) for name, tensor in outputs.items()],
        graph.constants,
    )


class _Graph:
    """Nodes and constants so far; each node is named by its operator and number."""

    def __init__(self) -> None:
        self.nodes: list[NodeProto] = []
        self.constants: list[TensorProto] = []
        self._counts: dict[str, int] = {}

    def add(
        self,
        operator: str,
        inputs: list[str],
        constants: dict[str, np.ndarray] | None = None,
        output: str | None = None,
        **attributes: Any,
    ) -> str:
        """Add a node; its constants follow its inputs. Returns the name of its output."""
        from onnx import helper, numpy_helper

        number = self._counts[operator] = self._counts.get(operator, -1) + 1
        name = f"{operator}_{number}"
        inputs = list(inputs)
        for what, value in (constants or {}).items():
            inputs.append(f"{name}.{what}" if value.size else "")
            if value.size:
                array = np.ascontiguousarray(value, np.float32)
                self.constants.append(numpy_helper.from_array(array, inputs[-1]))
        output = output or f"{name}/out"
        self.nodes.append(helper.make_node(operator, inputs, [output], name, **attributes))
        return output


def _key(tensor: Any) -> tuple[int, int]:
    history = tensor._keras_history
    return id(history.operation), history.node_index


def _in_order(outputs: list[Any]) -> list[Any]:
    """Give the calls of layers that the outputs need, each after those that it needs."""
    ordered: dict[tuple[int, int], Any] = {}
    stack = [(tensor, False) for tensor in reversed(outputs)]
    while stack:  # a deep network would exhaust Python's recursion
        tensor, done = stack.pop()
        history = tensor._keras_history
        node = history.operation._inbound_nodes[history.node_index]
        if node.is_input or _key(tensor) in ordered:
            continue
        if done:
            ordered[_key(tensor)] = node
        else:
            stack.append((tensor, True))
            stack.extend((one, False) for one in reversed(node.input_tensors))
    return list(ordered.values())


_Converter = Callable[[_Graph, Any, list[str]], str]


def _converter(layer: Any) -> _Converter:
    kind = type(layer).__name__
    if kind in _LAYERS and getattr(layer, "data_format", "channels_last") == "channels_last":
        return _LAYERS[kind]
    raise ValueError(f"layer {layer.name} ({kind}) has no counterpart in our ONNX graphs")


def _convolution(graph: _Graph, layer: Any, inputs: list[str]) -> str:
    kernel = np.asarray(layer.kernel)
    spatial = kernel.ndim - 2
    weights = kernel.transpose(spatial + 1, spatial, *range(spatial))
    bias = np.asarray(layer.bias) if layer.use_bias else np.zeros(len(weights))
    out = graph.add(
        "Conv",
        inputs,
        {"weights": weights, "bias": bias},
        kernel_shape=kernel.shape[:spatial],
        strides=layer.strides,
        dilations=layer.dilation_rate,
        group=layer.groups,
        **_padding(layer, kernel.shape[:spatial]),
    )
    return _activated(graph, layer, [out])


def _padding(layer: Any, kernel: tuple[int, ...]) -> dict[str, Any]:
    """Say how much is padded; with strides it depends on the image, which ONNX computes."""
    if layer.padding == "valid":
        return {}
    if layer.padding != "same":
        raise ValueError(f"layer {layer.name} pads '{layer.padding}'; only 'same' and 'valid' go")
    if any(step > 1 for step in layer.strides):
        return {"auto_pad": "SAME_UPPER"}
    more = [(k - 1) * d for k, d in zip(kernel, layer.dilation_rate, strict=True)]
    return {"pads": [n // 2 for n in more] + [n - n // 2 for n in more]}


def _activated(graph: _Graph, layer: Any, inputs: list[str]) -> str:
    name = getattr(layer.activation, "__name__", str(layer.activation))
    if name == "linear":
        return inputs[0]
    if name in _COMPOSED:
        return _COMPOSED[name](graph, inputs[0])
    if name not in _ACTIVATIONS:
        raise ValueError(
            f"layer {layer.name}: activation {name} has no counterpart in our ONNX graphs"
        )
    operator, attributes = _ACTIVATIONS[name]
    return graph.add(operator, inputs, **attributes)


def _silu(graph: _Graph, value: str) -> str:
    return graph.add("Mul", [value, graph.add("Sigmoid", [value])])


def _gelu(graph: _Graph, value: str) -> str:
    """Half of x (1 + erf(x / sqrt 2)), as Keras computes it unless told to approximate."""
    scaled = graph.add("Mul", [value], {"scale": np.array([0.5**0.5])})
    share = graph.add("Add", [graph.add("Erf", [scaled])], {"one": np.ones(1)})
    return graph.add("Mul", [graph.add("Mul", [value, share])], {"half": np.array([0.5])})


def _mish(graph: _Graph, value: str) -> str:
    return graph.add("Mul", [value, graph.add("Tanh", [graph.add("Softplus", [value])])])


def _log_sigmoid(graph: _Graph, value: str) -> str:
    return graph.add("Neg", [graph.add("Softplus", [graph.add("Neg", [value])])])


def _relu6(graph: _Graph, value: str) -> str:
    return graph.add("Min", [graph.add("Relu", [value])], {"top": np.array([6.0])})


# Those that take several operators: ONNX has one for silu and gelu only since opsets 24 and 20.
_COMPOSED: dict[str, Callable[[_Graph, str], str]] = {
    "silu": _silu,
    "gelu": _gelu,
    "mish": _mish,
    "log_sigmoid": _log_sigmoid,
    "relu6": _relu6,
}


def _batch_normalisation(graph: _Graph, layer: Any, inputs: list[str]) -> str:
    mean = np.asarray(layer.moving_mean)
    scale = np.asarray(layer.gamma) if layer.scale else np.ones_like(mean)
    shift = np.asarray(layer.beta) if layer.center else np.zeros_like(mean)
    if layer.axis not in (-1, layer.input_spec.ndim - 1):
        raise ValueError(f"layer {layer.name} normalises axis {layer.axis}, not the channels")
    variance = np.asarray(layer.moving_variance)
    constants = {"scale": scale, "shift": shift, "mean": mean, "variance": variance}
    return graph.add("BatchNormalization", inputs, constants, epsilon=layer.epsilon)


def _max_pooling(graph: _Graph, layer: Any, inputs: list[str]) -> str:
    padding: dict[str, Any] = {"auto_pad": "SAME_UPPER"} if layer.padding == "same" else {}
    return graph.add(
        "MaxPool", inputs, kernel_shape=layer.pool_size, strides=layer.strides, **padding
    )


def _upsampling(graph: _Graph, layer: Any, inputs: list[str]) -> str:
    if getattr(layer, "interpolation", "nearest") != "nearest":
        raise ValueError(f"layer {layer.name} interpolates by {layer.interpolation}; only nearest")
    sizes = {"region": np.zeros(0), "scales": np.array([1, 1, *layer.size])}
    return graph.add("Resize", inputs, sizes, **NEAREST)


def _concatenation(graph: _Graph, layer: Any, inputs: list[str]) -> str:
    if layer.axis not in (-1, len(layer.output.shape) - 1):
        raise ValueError(f"layer {layer.name} joins along axis {layer.axis}, not the channels")
    return graph.add("Concat", inputs, axis=1)


def _sum(graph: _Graph, layer: Any, inputs: list[str]) -> str:
    return graph.add("Sum", inputs)


def _shifted(graph: _Graph, layer: Any, inputs: list[str]) -> str:
    """Add what CSBDeep's Lambda adds to the scale; its function cannot be read, only tried."""
    trial = np.linspace(-8, 8, 65, dtype=np.float32)
    shift = np.asarray(layer(np.zeros(1, np.float32)))
    if not np.array_equal(np.asarray(layer(trial)), trial + shift):
        raise ValueError(f"layer {layer.name} computes more than a sum, which ONNX is not told")
    return graph.add("Add", inputs, {"shift": shift})


def _nothing(graph: _Graph, layer: Any, inputs: list[str]) -> str:
    return inputs[0]


_LAYERS: dict[str, _Converter] = {
    "Conv2D": _convolution,
    "Conv3D": _convolution,
    "BatchNormalization": _batch_normalisation,
    "Activation": _activated,
    "MaxPooling2D": _max_pooling,
    "MaxPooling3D": _max_pooling,
    "UpSampling2D": _upsampling,
    "UpSampling3D": _upsampling,
    "Concatenate": _concatenation,
    "Add": _sum,
    "Lambda": _shifted,
    "Dropout": _nothing,
}
