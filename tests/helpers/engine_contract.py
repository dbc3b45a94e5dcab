"""What every engine owes its callers; subclass with an `engine` fixture to run it.

The fixture gives an engine with the recorded model (tests/data/plugin) and the thresholds it was
recorded at.
"""

from pathlib import Path

import numpy as np
import pytest
import tifffile
from particlebridge.analysis import Prediction
from particlebridge.bridge import Engine, Failure
from scipy.optimize import linear_sum_assignment

PLUGIN = Path(__file__).parents[1] / "data" / "plugin"
THRESHOLDS = {"prob_thresh": 0.397112, "nms_thresh": 0.3}


def phantom_slice() -> np.ndarray:
    return tifffile.imread(PLUGIN / "phantom_slice.tif")


def recorded(path: Path) -> dict[str, np.ndarray]:
    """label, prob (sparse, grid 2) and dist_mean as the plugin returned them with one tile."""
    with np.load(path) as arrays:
        return dict(arrays)


def matched_pixels(labels: np.ndarray, truth: np.ndarray) -> float:
    """Share of pixels that agree once labels are matched one to one by overlap."""
    table = np.zeros((int(truth.max()) + 1, int(labels.max()) + 1), np.int64)
    np.add.at(table, (truth.ravel().astype(np.intp), labels.ravel().astype(np.intp)), 1)
    rows, columns = linear_sum_assignment(-table[1:, 1:])
    return (table[0, 0] + table[1:, 1:][rows, columns].sum()) / labels.size


class EngineContract:
    @pytest.fixture(scope="class")
    def prediction(self, engine: Engine) -> Prediction:
        (index, result), *rest = engine.predict([phantom_slice()], [0])
        assert index == 0
        assert not rest
        assert isinstance(result, Prediction), result
        return result

    def test_is_an_engine(self, engine: Engine) -> None:
        assert isinstance(engine, Engine)
        assert {"engine", "model", "model_digest"} <= set(engine.versions())

    def test_maps_equal_the_plugin_s(self, prediction: Prediction) -> None:
        truth = recorded(PLUGIN / "phantom_slice_plugin_tiles1.npz")
        assert np.abs(prediction.prob[::2, ::2] - truth["prob"][::2, ::2]).max() < 1e-4
        assert np.abs(prediction.dist - truth["dist_mean"]).max() < 1e-4

    def test_labels_equal_the_plugin_s(self, prediction: Prediction) -> None:
        truth = recorded(PLUGIN / "phantom_slice_plugin_tiles1.npz")["label"]
        assert prediction.labels.max() == truth.max() == 19
        assert matched_pixels(prediction.labels, truth) >= 0.9999

    def test_prediction_is_of_one_piece(self, prediction: Prediction) -> None:
        shape = phantom_slice().shape
        assert prediction.labels.shape == prediction.prob.shape == prediction.dist.shape == shape
        assert prediction.labels.dtype == np.int32
        assert prediction.prob.dtype == prediction.dist.dtype == np.float32
        assert len(prediction.polygons) == prediction.labels.max()
        assert (np.diff(prediction.polygons.prob) <= 0).all()
        # The grid is filled by nearest neighbour, so no zeros are left between its points.
        assert (prediction.prob[::2, ::2] == prediction.prob[1::2, 1::2]).all()
        y, x = prediction.polygons.points[0].astype(int)
        assert prediction.labels[y, x] == 1
        assert prediction.prob[y, x] == pytest.approx(prediction.polygons.prob[0], abs=1e-5)

    def test_order_and_selection_are_the_callers(self, engine: Engine) -> None:
        image = phantom_slice()
        slices = np.stack([image, image[::-1], image[:, ::-1]])
        results = list(engine.predict(slices, [2, 0]))
        assert [index for index, _ in results] == [2, 0]
        assert all(isinstance(result, Prediction) for _, result in results)
        assert list(engine.predict(slices, [])) == []

    def test_a_bad_slice_is_a_failure_and_the_next_one_follows(self, engine: Engine) -> None:
        image = phantom_slice().astype(np.float32)
        broken = image.copy()
        broken[5, 5] = np.nan
        (_, first), (_, second) = engine.predict([broken, image], [0, 1])
        assert isinstance(first, Failure)
        assert first.index == 0
        assert "NaN" in first.reason
        assert isinstance(second, Prediction)

    def test_a_flat_slice_has_no_objects(self, engine: Engine) -> None:
        ((_, result),) = engine.predict([np.full((70, 90), 7, np.uint8)], [0])
        assert isinstance(result, Prediction)
        assert result.labels.shape == (70, 90)
        assert result.labels.max() == len(result.polygons)
