"""Our part of the SavedModel messages beside TensorFlow's own, and StarDist's settings."""

import zipfile
from pathlib import Path

import pytest
from particlebridge.exporter.bundles.folder_inspection import known_settings
from particlebridge.exporter.networks.saved_model_messages import DT_FLOAT, saved_model_message

BUNDLE = Path(__file__).parents[2] / "data" / "plugin" / "bundle.zip"


def test_every_field_has_the_number_and_type_that_tensorflow_gives_it():
    from tensorflow.core.framework import types_pb2
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    assert DT_FLOAT == types_pb2.DT_FLOAT
    compared = set()

    def compare(ours, theirs):
        if ours.full_name in compared:
            return
        compared.add(ours.full_name)
        for name, field in ours.fields_by_name.items():
            other = theirs.fields_by_name[name]
            assert field.number == other.number, field.full_name
            enum = field.type == field.TYPE_INT32 and other.type == other.TYPE_ENUM
            assert field.type == other.type or enum, field.full_name
            assert field.is_repeated == other.is_repeated, field.full_name
            if field.message_type is not None:
                compare(field.message_type, other.message_type)

    compare(saved_model_message().DESCRIPTOR, SavedModel.DESCRIPTOR)
    assert len(compared) > 15


def test_writing_a_graph_again_loses_nothing():
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    with zipfile.ZipFile(BUNDLE) as archive:
        content = archive.read("saved_model.pb")
    again = saved_model_message().FromString(content).SerializeToString()
    assert SavedModel.FromString(again) == SavedModel.FromString(content)


@pytest.mark.parametrize("axes", [2, 3])
def test_stardists_settings_are_those_of_the_stardist_installed(axes):
    from stardist.models import Config2D, Config3D

    configs = [Config2D()] if axes == 2 else [Config3D(), Config3D(backbone="resnet")]
    assert known_settings(axes) == set().union(*(vars(config) for config in configs))
