"""Say in TensorFlow 1.12's words what today's TensorFlow says in newer ones."""

from typing import TYPE_CHECKING

import numpy as np

from ..runtimes.runtime_ops import OLDEST, not_known
from .frozen_graph import constant_node

if TYPE_CHECKING:
    from tensorflow.core.framework.graph_pb2 import GraphDef
    from tensorflow.core.framework.node_def_pb2 import NodeDef

PRODUCER = 27
"""The graph version that TensorFlow 1.12 writes (and gives back from org.tensorflow's Graph)."""


def to_tf1(graph: "GraphDef") -> "GraphDef":
    """Rewrite a frozen graph so that TensorFlow 1.12 and everything newer reads it.

    Parameters
    ----------
    graph
        Flat, frozen; not changed.

    Returns
    -------
    GraphDef
        Computes the same.

    Raises
    ------
    ValueError
        If an op or attribute has no counterpart in TensorFlow 1.12; it names the layer.
    """
    import tensorflow as tf

    old = tf.compat.v1.GraphDef()
    old.versions.producer = PRODUCER
    for node in graph.node:
        for new in _rewritten(node):
            _strip_defaults(new)
            if missing := not_known(new):
                layer = new.name.split("/")[0]
                raise ValueError(
                    f"layer {layer} cannot run in Fiji: its {missing} is not known to TensorFlow "
                    f"{OLDEST}; train the model with another activation or layer there"
                )
            old.node.add().CopyFrom(new)
    return old


def _rewritten(node: "NodeDef") -> "list[NodeDef]":
    copy = type(node)()
    copy.CopyFrom(node)
    match node.op:
        case "FusedBatchNormV2" | "FusedBatchNormV3" if not node.attr["is_training"].b:
            copy.op = "FusedBatchNorm"
            copy.attr.pop("U", None)  # the type of the statistics, float32 in the first version
        case "LeakyRelu" if node.attr["alpha"].f <= 1:
            slope = constant_node(f"{node.name}/alpha", np.array(node.attr["alpha"].f, np.float32))
            scaled = type(node)(name=f"{node.name}/Mul", op="Mul", input=[*node.input, slope.name])
            scaled.attr["T"].CopyFrom(node.attr["T"])
            copy.op = "Maximum"
            copy.input.append(scaled.name)
            del copy.attr["alpha"]
            return [slope, scaled, copy]
        case "ResizeNearestNeighbor":
            # Upsampling by whole factors takes the same pixels with or without it.
            copy.attr.pop("half_pixel_centers", None)
    return [copy]


def _strip_defaults(node: "NodeDef") -> None:
    """Leave out what readers assume anyway: old ones stumble over attributes they do not know."""
    from tensorflow.python.framework import op_def_registry

    definition = op_def_registry.get(node.op)
    for attribute in definition.attr if definition else ():
        if (
            attribute.name in node.attr
            and attribute.HasField("default_value")
            and node.attr[attribute.name] == attribute.default_value
        ):
            del node.attr[attribute.name]
