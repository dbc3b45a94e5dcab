import keras
import numpy as np
import pytest
import small_models
import tensorflow as tf
from particlebridge.exporter.bundles.frozen_graph import freeze
from particlebridge.exporter.bundles.plugin_graph import bundle_graph, expected_output, layout_of
from particlebridge.exporter.bundles.tf1_dialect import to_tf1
from particlebridge.exporter.runtimes.runtime_ops import not_known


def run(graph, image):
    with tf.Graph().as_default() as imported:
        tf.import_graph_def(graph, name="")
    with tf.compat.v1.Session(graph=imported) as session:
        return session.run("output:0", {"input:0": image})


def graph_of(model):
    return bundle_graph(model, layout_of(model))


def image(channels=1, shape=(32, 64)):
    return np.random.default_rng(1).random((1, *shape, channels), np.float32)


@pytest.mark.parametrize(
    "config",
    [
        dict(grid=(1, 1)),
        dict(grid=(2, 2), n_channel_in=3, unet_batch_norm=True, unet_dropout=0.3),
        dict(grid=(4, 2), n_rays=5, unet_activation="elu", unet_last_activation="tanh"),
        dict(grid=(1, 2), n_classes=2, unet_activation="leaky_relu"),
        dict(grid=(4, 4), unet_activation="swish", net_conv_after_unet=0),
        dict(unet_activation="gelu", unet_n_conv_per_depth=3, unet_expansion=1.5),
    ],
)
def test_the_graph_computes_what_keras_and_numpy_compute(config):
    model = small_models.stardist(**config)
    layout, x = layout_of(model), image(config.get("n_channel_in", 1))
    expected = expected_output(model, layout, x)
    got = run(graph_of(model), x)
    assert got.shape == (*x.shape[:3], 1 + model.config.n_rays)
    assert np.ptp(expected[..., 1:]) > 0.1  # the weights do something
    np.testing.assert_allclose(got, expected, atol=1e-5 * np.ptp(expected))


def test_probability_is_sparse_and_distance_is_repeated():
    model = small_models.stardist(grid=(4, 2))
    output = run(graph_of(model), image())[0]
    prob, dist = output[..., 0], output[..., 1:]
    on_grid = np.zeros(prob.shape, bool)
    on_grid[::4, ::2] = True
    assert (prob[~on_grid] == 0).all()
    assert (prob[on_grid] > 0).all()
    cells = dist.reshape(8, 4, 32, 2, -1)
    assert (cells == cells[:, :1, :, :1]).all()


@pytest.mark.parametrize(
    "config",
    [dict(probabilistic=True), dict(n_channel_in=2, n_channel_out=3, unet_last_activation="relu")],
)
def test_care(config):
    model = small_models.care(**config)
    x = image(config.get("n_channel_in", 1))
    got = run(graph_of(model), x)
    assert got.shape[-1] == (2 if "probabilistic" in config else 3)
    np.testing.assert_allclose(got, model.keras_model(x, training=False), atol=1e-5)


def test_care_of_volumes():
    model = small_models.care(axes="ZYX")
    x = np.random.default_rng(0).random((1, 8, 16, 12, 1), np.float32)
    np.testing.assert_allclose(
        run(graph_of(model), x), model.keras_model(x, training=False), atol=1e-5
    )


def test_the_same_model_gives_the_same_graph_later_in_a_session():
    first = graph_of(small_models.stardist(grid=(2, 2), unet_batch_norm=True))
    small_models.care()  # moves Keras's counters on
    again = graph_of(small_models.stardist(grid=(2, 2), unet_batch_norm=True))
    assert first.SerializeToString(deterministic=True) == again.SerializeToString(
        deterministic=True
    )


def test_nothing_is_left_that_needs_no_image():
    graph = graph_of(small_models.stardist(n_classes=3, unet_batch_norm=True, unet_dropout=0.5))
    ops = [node.op for node in graph.node]
    assert "Rsqrt" not in ops  # batch normalisation is a product and a sum
    assert ops.count("Identity") == 1
    assert "Softmax" not in ops  # the class head
    constant = {node.name for node in graph.node if node.op == "Const"}
    for node in graph.node:
        assert not node.input or not all(name in constant for name in node.input)


def test_nodes_bear_their_layers_names():
    scopes = {node.name.split("/")[0] for node in graph_of(small_models.stardist()).node}
    assert {"input", "down_level_0_no_1", "middle_2", "features", "prob", "dist"} <= scopes


def test_every_node_is_known_to_the_oldest_runtime():
    for node in graph_of(small_models.stardist(grid=(2, 2), unet_activation="leaky_relu")).node:
        assert not_known(node, "1.12.0") is None


def test_a_layer_that_cannot_be_said_is_named():
    model = small_models.stardist(unet_activation="soft_shrink")
    with pytest.raises(ValueError, match=r"layer down_level_0_no_0 .*SelectV2.*1\.12\.0"):
        graph_of(model)


def test_three_dimensions_and_deep_strides_are_refused():
    from stardist.models import Config3D, StarDist3D

    model = StarDist3D(Config3D(n_rays=8, unet_n_filter_base=2), name="solid", basedir=None)
    with pytest.raises(ValueError, match=r"solid is a 3-D StarDist model.*2-D"):
        layout_of(model)
    with pytest.raises(ValueError, match=r"multiples of \(128, 128\).*multiples of 64"):
        layout_of(small_models.stardist(unet_n_depth=5, unet_n_filter_base=1, grid=(4, 4)))
    with pytest.raises(ValueError, match="no StarDist or CARE model"):
        layout_of(keras.Sequential())


def test_fused_batch_normalisation_of_keras_2_is_said_in_the_old_words():
    rng = np.random.default_rng(0)
    scale, offset, mean = (tf.constant(rng.normal(size=3), tf.float32) for _ in range(3))

    def network(x):
        y = tf.raw_ops.FusedBatchNormV3(
            x=x,
            scale=scale,
            offset=offset,
            mean=mean,
            variance=tf.constant([0.5, 1.0, 2.0]),
            epsilon=1e-3,
            is_training=False,
        ).y
        size = tf.shape(y)[1:3] * 2
        return tf.raw_ops.ResizeNearestNeighbor(images=y, size=size, half_pixel_centers=True)

    frozen = freeze(network, (None, None, None, 3), [])
    old = to_tf1(frozen)
    assert {"FusedBatchNormV3"} <= {node.op for node in frozen.node}
    assert {"FusedBatchNorm"} <= {node.op for node in old.node}
    x = image(3)
    np.testing.assert_array_equal(run(old, x), run(frozen, x))
    assert old.versions.producer == 27  # what org.tensorflow 1.12.0 writes


def test_batch_normalisation_that_still_learns_is_refused():
    def network(x):
        one = tf.ones(1)
        return tf.raw_ops.FusedBatchNormV3(
            x=x, scale=one, offset=one, mean=one, variance=one, is_training=True
        ).y

    with pytest.raises(ValueError, match="FusedBatchNormV3"):
        to_tf1(freeze(network, (None, None, None, 1), []))
