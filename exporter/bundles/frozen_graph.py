"""A Keras model as one flat graph of constants and pure ops, named after its layers."""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ..networks.saved_model import INPUT, OUTPUT

if TYPE_CHECKING:
    from tensorflow import Tensor
    from tensorflow.core.framework.graph_pb2 import GraphDef
    from tensorflow.core.framework.node_def_pb2 import NodeDef

"""Names of the graph's only way in and only way out."""


def freeze(
    function: "Callable[[Tensor], Tensor]", shape: tuple[int | None, ...], layers: list[Any]
) -> "GraphDef":
    """Trace a function and make its graph flat, constant and the same in every session.

    Weights become constants; what depends on constants only is computed now (batch
    normalisation shrinks to a product and a sum); nodes that pass values on vanish; nodes
    stand in order of use and bear their layer's name, without the numbers that Keras counts up
    from model to model.

    Parameters
    ----------
    function
        From one tensor of `shape` to one tensor.
    shape
        Of the float32 input; None where any size goes.
    layers
        The Keras layers that `function` calls, for the names.

    Returns
    -------
    GraphDef
        With the placeholder INPUT and the identity OUTPUT.
    """
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    spec = tf.TensorSpec(shape, tf.float32, name=INPUT)
    traced = tf.function(function, autograph=False).get_concrete_function(spec)
    frozen = convert_variables_to_constants_v2(traced)
    nodes = {node.name: node for node in frozen.graph.as_graph_def().node}
    source, target = frozen.inputs[0].op.name, frozen.outputs[0].name
    nodes, target = _prune(nodes, target)
    nodes = _fold(nodes, target)
    return _named(nodes, source, target, layers)


def reference(name: str) -> tuple[str, int]:
    """Split what a node's input says into the node's name and which output of it."""
    node, _, index = name.partition(":")
    return node, int(index or 0)


def joined(node: str, index: int) -> str:
    """Undo `reference`."""
    return f"{node}:{index}" if index else node


def _prune(nodes: "dict[str, NodeDef]", target: str) -> "tuple[dict[str, NodeDef], str]":
    """Keep what the target needs, sources first; drop order-only edges and nodes that pass on."""

    def resolve(name: str) -> str:
        node, index = reference(name)
        while nodes[node].op in ("Identity", "IdentityN", "StopGradient"):
            node, index = reference(nodes[node].input[index])
        return joined(node, index)

    kept: dict[str, NodeDef] = {}
    target = resolve(target)
    stack = [(reference(target)[0], False)]
    while stack:  # a deep network would exhaust Python's recursion
        name, done = stack.pop()
        if name in kept:
            continue
        node = nodes[name]
        inputs = [resolve(one) for one in node.input if not one.startswith("^")]
        if done:
            kept[name] = type(node)()
            kept[name].CopyFrom(node)
            del kept[name].input[:]
            kept[name].input.extend(inputs)
        else:
            stack.append((name, True))
            stack.extend((reference(one)[0], False) for one in reversed(inputs))
    return kept, target


def _fold(nodes: "dict[str, NodeDef]", target: str) -> "dict[str, NodeDef]":
    """Compute what needs no image."""
    import tensorflow as tf
    from tensorflow.python.framework import op_def_registry

    fixed: set[str] = set()
    for name, node in nodes.items():
        stateful = op_def_registry.get(node.op) is None or op_def_registry.get(node.op).is_stateful
        if node.op == "Const" or (
            node.input and not stateful and all(reference(i)[0] in fixed for i in node.input)
        ):
            fixed.add(name)
    wanted = sorted(
        {
            one
            for name, node in nodes.items()
            if name not in fixed
            for one in node.input
            if reference(one)[0] in fixed and nodes[reference(one)[0]].op != "Const"
        }
    )
    if not wanted:
        return nodes
    graph = tf.Graph()
    with graph.as_default():
        tf.import_graph_def(
            tf.compat.v1.GraphDef(node=[nodes[name] for name in nodes if name in fixed]), name=""
        )
    with tf.compat.v1.Session(graph=graph) as session:
        values = session.run([joined_tensor(one) for one in wanted])
    constants = dict(zip(wanted, values, strict=True))

    folded: dict[str, NodeDef] = {}
    for name, node in nodes.items():
        if name in fixed:
            if node.op == "Const":
                folded[name] = node
            continue
        for position, one in enumerate(node.input):
            if one in constants:
                constant = f"{name}/folded_{position}"
                folded[constant] = constant_node(constant, constants[one])
                node.input[position] = constant
        folded[name] = node
    return _prune(folded, target)[0]


def joined_tensor(name: str) -> str:
    """Give the tensor name that sessions want: always with an index."""
    return "{}:{}".format(*reference(name))


def constant_node(name: str, value: np.ndarray) -> "NodeDef":
    """Make a Const node."""
    import tensorflow as tf

    node = tf.compat.v1.NodeDef(name=name, op="Const")
    node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(value))
    node.attr["dtype"].type = node.attr["value"].tensor.dtype
    return node


def _named(nodes: "dict[str, NodeDef]", source: str, target: str, layers: list[Any]) -> "GraphDef":
    import tensorflow as tf

    names = {source: INPUT}
    taken = {INPUT, OUTPUT}
    scopes: dict[str, str] = {}
    for name, node in reversed(nodes.items()):
        # A constant belongs to whoever uses it.
        scopes[name] = scopes.get(name, name) if node.op == "Const" else name
        for one in node.input:
            if nodes[reference(one)[0]].op == "Const":
                scopes[reference(one)[0]] = name
    layer_of = _layer_namer(layers)
    for name, node in nodes.items():
        if name == source:
            continue
        plain = f"{layer_of(scopes[name])}/{node.op}"
        count, new = 0, plain
        while new in taken:
            count += 1
            new = f"{plain}_{count}"
        taken.add(new)
        names[name] = new
    graph = tf.compat.v1.GraphDef()
    for name, node in nodes.items():
        copy = graph.node.add(name=names[name], op=node.op)
        for key, value in node.attr.items():
            if not key.startswith("_"):  # notes, some with a counter in them
                copy.attr[key].CopyFrom(value)
        for one in node.input:
            before, index = reference(one)
            copy.input.append(joined(names[before], index))
    end, index = reference(target)
    last = graph.node.add(name=OUTPUT, op="Identity", input=[joined(names[end], index)])
    last.attr["T"].type = tf.float32.as_datatype_enum
    return graph


def _layer_namer(layers: list[Any]) -> Callable[[str], str]:
    """Give a function from a node's name to its layer's name, the same in every session.

    Keras numbers unnamed layers through all models of a session, and tracing may append another
    number: such layers are numbered anew, as they come up in the graph.
    """
    from keras.src.utils.naming import to_snake_case

    kinds = {to_snake_case(type(layer).__name__) for layer in layers}
    unnamed = re.compile(rf"({'|'.join(sorted(kinds))})(_\d+)*")
    named = {layer.name for layer in layers if not unnamed.fullmatch(layer.name)}
    seen: dict[str, str] = {}
    counts: dict[str, int] = {}

    def layer_of(node: str) -> str:
        for scope in node.split("/")[:-1]:
            for name in (scope, re.sub(r"_\d+$", "", scope)):
                if name in named:
                    return name
            if match := unnamed.fullmatch(scope):
                if scope not in seen:
                    kind = match[1]
                    number = counts[kind] = counts.get(kind, -1) + 1
                    seen[scope] = f"{kind}_{number}" if number else kind
                return seen[scope]
        return "bundle"

    return layer_of
