from pathlib import Path

import numpy as np
import pytest
from particlebridge.bridge.engines.tiling import predict_tiled
from particlebridge.exporter import Network, load_model

PLUGIN = Path(__file__).parents[2] / "data" / "plugin"


@pytest.fixture(scope="module", params=["model", "bundle.zip"])
def network(request: pytest.FixtureRequest) -> Network:
    return load_model(PLUGIN / request.param)


def test_pieces_give_what_the_whole_gives(network: Network) -> None:
    image = np.random.default_rng(0).random((256, 1600), np.float32) ** 4
    whole = network.predict(image)
    sizes, given = [], []

    class Watched:
        multiple, reach, grid, rays = (network.multiple, network.reach, network.grid, network.rays)

        def predict(self, piece: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            sizes.append(piece.shape)
            given.append(network.predict(piece))
            return given[-1]

    pieces = predict_tiled(Watched(), image, max_pixels=600 * 600)
    whole_again = predict_tiled(Watched(), image)
    assert len(sizes) > 2
    assert sizes[-1] == image.shape
    # The same sums, possibly in another order: TensorFlow keeps the threads of an earlier training.
    for one, other, again in zip(whole, pieces, whole_again, strict=True):
        np.testing.assert_allclose(other, one, rtol=1e-5, atol=2e-5)
        np.testing.assert_allclose(again, one, rtol=1e-5, atol=2e-5)
    # One piece is what the network gave for it.
    for one, again in zip(given[-1], whole_again, strict=True):
        np.testing.assert_array_equal(again, one)


def test_too_small_an_overlap_would_be_noticed(network: Network) -> None:
    """The test above can fail: without margins the pieces differ from the whole."""
    image = np.random.default_rng(0).random((128, 512), np.float32)

    class Blind:
        multiple, reach, grid, rays = network.multiple, (0, 0), network.grid, network.rays
        predict = staticmethod(network.predict)

    dist = network.predict(image)[1]
    assert np.abs(predict_tiled(Blind(), image, max_pixels=128 * 128)[1] - dist).max() > 1e-2
