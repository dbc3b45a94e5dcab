"""The part of TensorFlow's SavedModel messages that says what a graph is, without TensorFlow.

Names and numbers are those of tensorflow/core/protobuf and tensorflow/core/framework. Fields that
are not listed, such as weights, stay in a message as unknown fields, so that writing it again
loses nothing.
"""

from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from google.protobuf.descriptor_pb2 import DescriptorProto

_MESSAGES: dict[str, dict[str, tuple[int, str]]] = {
    "SavedModel": {
        "saved_model_schema_version": (1, "int64"),
        "meta_graphs": (2, "repeated MetaGraphDef"),
    },
    "MetaGraphDef": {
        "meta_info_def": (1, "MetaInfoDef"),
        "graph_def": (2, "GraphDef"),
        "signature_def": (5, "map SignatureDef"),
        "object_graph_def": (7, "SavedObjectGraph"),
    },
    "MetaInfoDef": {"tags": (4, "repeated string"), "tensorflow_version": (5, "string")},
    "SavedObjectGraph": {},
    "GraphDef": {"node": (1, "repeated NodeDef"), "library": (2, "FunctionDefLibrary")},
    "FunctionDefLibrary": {"function": (1, "repeated FunctionDef")},
    "FunctionDef": {"node_def": (3, "repeated NodeDef")},
    "NodeDef": {
        "name": (1, "string"),
        "op": (2, "string"),
        "input": (3, "repeated string"),
        "attr": (5, "map AttrValue"),
    },
    "AttrValue": {"list": (1, "ListValue"), "s": (2, "bytes"), "b": (5, "bool")},
    "ListValue": {"s": (2, "repeated bytes"), "i": (3, "repeated int64")},
    "SignatureDef": {"inputs": (1, "map TensorInfo"), "outputs": (2, "map TensorInfo")},
    "TensorInfo": {
        "name": (1, "string"),
        "dtype": (2, "int32"),
        "tensor_shape": (3, "TensorShapeProto"),
    },
    "TensorShapeProto": {"dim": (2, "repeated Dim"), "unknown_rank": (3, "bool")},
    "Dim": {"size": (1, "int64")},
}

DT_FLOAT = 1
"""TensorFlow's number of float32."""

_PACKAGE = "particlebridge.saved_model"


@cache
def saved_model_message() -> Any:
    """Return the class of the message SavedModel; the others are its parts."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    file = descriptor_pb2.FileDescriptorProto(
        name="particlebridge/saved_model.proto", package=_PACKAGE, syntax="proto3"
    )
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for field, (number, kind) in fields.items():
            _add_field(message, field, number, kind)
    # A pool of its own: TensorFlow's messages may be in this process, too.
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.SavedModel"))


def _add_field(message: "DescriptorProto", name: str, number: int, kind: str) -> None:
    how, _, what = kind.rpartition(" ")
    field = message.field.add(name=name, number=number)
    field.label = field.LABEL_REPEATED if how else field.LABEL_OPTIONAL
    if how == "map":
        entry = message.nested_type.add(name=f"{name.title().replace('_', '')}Entry")
        entry.options.map_entry = True
        _add_field(entry, "key", 1, "string")
        _add_field(entry, "value", 2, what)
        what = f"{message.name}.{entry.name}"
    if what.islower() or what[:3] == "int":
        field.type = getattr(field, f"TYPE_{what.upper()}")
    else:
        field.type = field.TYPE_MESSAGE
        field.type_name = f".{_PACKAGE}.{what}"
