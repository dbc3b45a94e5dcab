"""SavedModels, written so that the same graph gives the same bytes, and not trusted when read."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..safe_zip import opened
from .saved_model_messages import saved_model_message

INPUT, OUTPUT = "input", "output"

if TYPE_CHECKING:
    from tensorflow.core.framework.graph_pb2 import GraphDef

GRAPH_NAME = "saved_model.pb"
TAG, SIGNATURE = "serve", "serving_default"
"""What CSBDeep asks for when it opens a bundle."""


def saved_model_bytes(
    graph: "GraphDef", input_shape: tuple[int | None, ...], output_shape: tuple[int | None, ...]
) -> bytes:
    """Wrap a frozen graph as a SavedModel.

    Parameters
    ----------
    graph
        From the placeholder INPUT to OUTPUT, float32.
    input_shape, output_shape
        None where any size goes.

    Returns
    -------
    bytes
        Of saved_model.pb.
    """
    import tensorflow as tf
    from tensorflow.core.protobuf import meta_graph_pb2, saved_model_pb2

    def info(name: str, shape: tuple[int | None, ...]) -> "meta_graph_pb2.TensorInfo":
        return meta_graph_pb2.TensorInfo(
            name=f"{name}:0",
            dtype=tf.float32.as_datatype_enum,
            tensor_shape=tf.TensorShape(shape).as_proto(),
        )

    meta = meta_graph_pb2.MetaGraphDef(graph_def=graph)
    meta.meta_info_def.tags.append(TAG)
    meta.meta_info_def.tensorflow_version = tf.__version__
    meta.meta_info_def.stripped_default_attrs = True
    signature = meta.signature_def[SIGNATURE]
    signature.inputs[INPUT].CopyFrom(info(INPUT, input_shape))
    signature.outputs[OUTPUT].CopyFrom(info(OUTPUT, output_shape))
    signature.method_name = tf.compat.v1.saved_model.signature_constants.PREDICT_METHOD_NAME
    saved = saved_model_pb2.SavedModel(saved_model_schema_version=1, meta_graphs=[meta])
    return saved.SerializeToString(deterministic=True)


def read_saved_model(zip_path: str | os.PathLike[str]) -> Any:
    """Read the SavedModel at the root of a zip, without TensorFlow.

    Parameters
    ----------
    zip_path
        Of any origin.

    Returns
    -------
    SavedModel
        The protobuf message, see `saved_model_messages`.

    Raises
    ------
    FileNotFoundError, ValueError
        As `safe_zip.opened`, and if there is no saved_model.pb or it is no graph.
    """
    from google.protobuf.message import DecodeError

    with opened(zip_path) as archive:
        if GRAPH_NAME not in archive.namelist():
            raise ValueError(
                f"{zip_path} has no {GRAPH_NAME} at its root; "
                f"`particlebridge inspect {Path(zip_path).name}` shows what it is"
            )
        content = archive.read(GRAPH_NAME)
    try:
        saved = saved_model_message().FromString(content)
    except DecodeError as error:
        # The archive's checksum has held: this is what was packed.
        raise ValueError(
            f"{zip_path}: {GRAPH_NAME} is not a TensorFlow graph; export the model again"
        ) from error
    if not saved.meta_graphs:
        raise ValueError(f"{zip_path}: {GRAPH_NAME} holds no graph; export the model again")
    return saved
