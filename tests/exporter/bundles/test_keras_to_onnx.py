import keras
import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper
from particlebridge.exporter.bundles.keras_to_onnx import _ACTIVATIONS, _COMPOSED, onnx_graph


def run(network, image):
    graph = onnx_graph(network, {"out": network.outputs[0]}, "image")
    written = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(written, full_check=True)
    session = onnxruntime.InferenceSession(written.SerializeToString())
    return session.run(["out"], {"image": image})[0]


def network(*layers, channels=2, axes=2):
    first = tensor = keras.Input((*(None,) * axes, channels))
    for layer in layers:
        tensor = layer(tensor)
    return keras.Model(first, tensor)


def assert_same(model, image):
    expected = np.asarray(model(image, training=False))
    found = run(model, image)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


@pytest.fixture
def image():
    return np.random.default_rng(0).normal(size=(1, 12, 20, 2)).astype(np.float32) * 3


@pytest.mark.parametrize("name", sorted({*_ACTIVATIONS, *_COMPOSED}))
def test_activations(name, image):
    assert_same(network(keras.layers.Activation(name)), image)


@pytest.mark.parametrize(
    "options",
    [
        dict(kernel_size=3),
        dict(kernel_size=(4, 3), padding="same"),
        dict(kernel_size=3, padding="same", strides=2),
        dict(kernel_size=3, padding="same", strides=(1, 2), use_bias=False),
        dict(kernel_size=3, padding="same", dilation_rate=2, groups=2, activation="elu"),
        dict(kernel_size=3, padding="same", activation="silu"),
    ],
)
def test_convolutions(options, image):
    assert_same(network(keras.layers.Conv2D(4, bias_initializer="normal", **options)), image)


def test_a_residual_block_in_3d():
    first = keras.Input((None, None, None, 2))
    inner = keras.layers.Conv3D(2, 3, padding="same")(first)
    inner = keras.layers.BatchNormalization(gamma_initializer="normal", scale=True)(inner)
    inner = keras.layers.UpSampling3D(2)(keras.layers.MaxPooling3D(2)(inner))
    joined = keras.layers.Concatenate()([first, keras.layers.Add()([first, inner])])
    model = keras.Model(first, keras.layers.Dropout(0.5)(joined))
    image = np.random.default_rng(0).random((1, 4, 8, 6, 2), np.float32)
    assert_same(model, image)


def test_batch_normalisation_without_scale_or_shift(image):
    layer = keras.layers.BatchNormalization(
        scale=False, center=False, moving_mean_initializer="normal"
    )
    assert_same(network(layer), image)


@pytest.mark.parametrize(
    ("layer", "why"),
    [
        (keras.layers.LayerNormalization(), "LayerNormalization"),
        (keras.layers.Activation("squareplus"), "activation squareplus"),
        (keras.layers.UpSampling2D(2, interpolation="bilinear"), "interpolates by bilinear"),
        (keras.layers.BatchNormalization(axis=1), "not the channels"),
    ],
)
def test_what_has_no_counterpart_is_named(layer, why):
    model = keras.Sequential([keras.Input((8, 8, 2)), layer])
    with pytest.raises(ValueError, match=why):
        onnx_graph(model, {"out": model.outputs[0]}, "image")
