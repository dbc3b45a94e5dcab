import json
import shutil
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest
from particlebridge.exporter import Network, load_model
from particlebridge.exporter.networks.record import ModelRecord, Thresholds, read_record

PLUGIN = Path(__file__).parents[2] / "data" / "plugin"


@pytest.fixture(scope="module")
def network() -> Network:
    return load_model(PLUGIN / "model")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(PLUGIN / "model", tmp_path / "model"))


def test_what_a_folder_tells(network: Network) -> None:
    assert (network.name, network.n_channels, network.rays) == ("model", 1, 32)
    assert (network.grid, network.multiple) == ((2, 2), 64)
    assert network.thresholds == Thresholds(0.39711180329322815, 0.3)
    assert network.percentiles == (1, 99.8)
    assert network.diameter is None
    assert len(network.digest) == 64
    assert network.stardist is not None


def test_what_a_bundle_tells_without_a_record(network: Network) -> None:
    bundle = load_model(PLUGIN / "bundle.zip")
    assert (bundle.n_channels, bundle.rays, bundle.grid) == (1, 32, (2, 2))
    assert bundle.thresholds == Thresholds(0.5, 0.4)
    assert bundle.stardist is None
    assert bundle.reach == network.reach
    image = np.random.default_rng(0).random((64, 128), np.float32)
    for ours, theirs in zip(bundle.predict(image), network.predict(image), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-4)


def test_a_bundle_s_record_is_used(tmp_path: Path) -> None:
    record = ModelRecord(Thresholds(0.6, 0.2), "plugin", (2, 99), 40, (2, 2), 32, "abc")
    record.write(tmp_path / "particlebridge.json")
    bundle = shutil.copy(PLUGIN / "bundle.zip", tmp_path / "b.zip")
    with zipfile.ZipFile(bundle, "a") as archive:
        archive.write(tmp_path / "particlebridge.json", "particlebridge.json")
    network = load_model(bundle)
    assert network.record == record
    assert (network.diameter, network.digest) == (40, "abc")


def with_record(path: Path, record: ModelRecord, graph: bytes | None = None) -> Path:
    with zipfile.ZipFile(PLUGIN / "bundle.zip") as archive:
        graph = graph or archive.read("saved_model.pb")
    record.write(path.with_suffix(".json"))
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("variables/", b"")
        archive.writestr("saved_model.pb", graph)
        archive.write(path.with_suffix(".json"), "particlebridge.json")
    return path


def test_the_recorded_grid_counts_though_the_network_is_sure_that_nothing_is_there(
    tmp_path: Path,
) -> None:
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel
    from tensorflow.python.framework.tensor_util import MakeNdarray, make_tensor_proto

    with zipfile.ZipFile(PLUGIN / "bundle.zip") as archive:
        saved = SavedModel.FromString(archive.read("saved_model.pb"))
    nodes = {node.name: node for node in saved.meta_graphs[0].graph_def.node}
    # The probability's bias: so low that its sigmoid is 0 everywhere, as a trained network's is
    # far from any object.
    values = {name: node.attr["value"].tensor for name, node in nodes.items() if node.op == "Const"}
    (bias,) = (
        nodes[name]
        for name, value in values.items()
        if "/prob" in name and MakeNdarray(value).shape == (1,)
    )
    bias.attr["value"].tensor.CopyFrom(make_tensor_proto(np.float32([-1e4])))
    graph = saved.SerializeToString()
    recorded = with_record(tmp_path / "a.zip", ModelRecord(grid=(2, 2), rays=32), graph)
    assert load_model(recorded).grid == (2, 2)
    # Without a record the distances tell.
    assert load_model(with_record(tmp_path / "b.zip", ModelRecord(), graph)).grid == (2, 2)


def test_a_recorded_grid_that_the_network_contradicts_is_refused(tmp_path: Path) -> None:
    path = with_record(tmp_path / "a.zip", ModelRecord(grid=(4, 4), rays=32))
    with pytest.raises(ValueError, match=r"records a grid of 4 x 4 .*export the model again"):
        load_model(path)


def test_models_of_other_kinds_are_named(tmp_path: Path) -> None:
    (tmp_path / "frozen.pb").write_bytes(b"\x0a\x00")
    with pytest.raises(ValueError, match=r"QuPath.*give the StarDist folder"):
        load_model(tmp_path / "frozen.pb")
    with pytest.raises(ValueError, match=r"Keras weights.*give the folder"):
        load_model(PLUGIN / "model" / "weights_best.h5")
    with zipfile.ZipFile(tmp_path / "io.zip", "w") as archive:
        for name in ("rdf.yaml", "TF_SavedModel.zip", "stardist_weights.h5"):
            archive.writestr(name, "x")
    with pytest.raises(ValueError, match=r"BioImage\.IO package.*import_bioimageio"):
        load_model(tmp_path / "io.zip")


def test_an_object_is_taken_as_it_is(network: Network) -> None:
    again = load_model(network.stardist)
    assert again.thresholds == network.thresholds
    assert again.digest == network.digest


def test_predictions_lie_on_the_grid(network: Network) -> None:
    prob, dist = network.predict(np.zeros((64, 192), np.float32))
    assert prob.shape == (32, 96)
    assert dist.shape == (32, 96, 32)
    assert prob.dtype == dist.dtype == np.float32
    with pytest.raises(ValueError, match="multiples of 64"):
        network.predict(np.zeros((64, 65), np.float32))
    with pytest.raises(ValueError, match=r"1 channel\(s\)"):
        network.predict(np.zeros((64, 64, 3), np.float32))


def test_one_trace_serves_every_size(network: Network) -> None:
    for height in (64, 128, 192):
        network.predict(np.zeros((height, 64), np.float32))
    assert network._forward.experimental_get_tracing_count() == 1  # type: ignore[attr-defined]


def test_nothing_beyond_the_reach_is_seen(network: Network) -> None:
    rng = np.random.default_rng(0)
    reach = max(network.reach)
    side = -(-2 * reach // 64 + 1) * 64
    image = rng.random((128, side), np.float32)
    changed = image.copy()
    changed[:, :2] += 5
    before, after = network.predict(image)[1], network.predict(changed)[1]
    differs = np.flatnonzero((before != after).any(axis=(0, 2))) * network.grid[1]
    assert differs.size
    assert differs.max() <= reach + 2


def test_thresholds_default_without_a_file(folder: Path) -> None:
    (folder / "thresholds.json").unlink()
    assert load_model(folder).thresholds == Thresholds(0.5, 0.4)
    ModelRecord(Thresholds(0.7, 0.1), diameter=33).write(folder / "particlebridge.json")
    network = load_model(folder)
    assert network.thresholds == Thresholds(0.7, 0.1)
    assert network.diameter == 33


def test_a_record_comes_back(tmp_path: Path) -> None:
    record = ModelRecord(Thresholds(0.6, 0.2), "stardist", (2, 99), 40.5, (2, 4), 96, "abc", True)
    record.write(tmp_path / "particlebridge.json")
    assert read_record(tmp_path / "particlebridge.json") == record


@pytest.mark.parametrize(
    "text",
    ["[]", "{", '{"percentiles": 3}', '{"diameter": -4}', '{"grid": "x"}', '{"thresholds": [1]}',
     '{"thresholds": {"prob": NaN}}', '{"percentiles": [99, 1]}'],
)  # fmt: skip
def test_a_damaged_record_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "particlebridge.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"particlebridge\.json"):
        read_record(path)


def test_what_is_no_model_is_named(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no-such"):
        load_model(tmp_path / "no-such")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "n_dim": 3, "axes": "ZYXC"}))
    with pytest.raises(ValueError, match=r"3-D StarDist model.*give --dims 3"):
        load_model(folder)
    (folder / "config.json").write_text(json.dumps(config))
    with h5py.File(folder / "weights_best.h5", "r+") as file:
        del file["prob"]
    with pytest.raises(ValueError, match="model"):
        load_model(folder)
    (folder / "weights_best.h5").write_bytes(b"not hdf5")
    with pytest.raises(ValueError, match="model"):
        load_model(folder)
    (folder / "weights_best.h5").unlink()
    with pytest.raises(FileNotFoundError, match="weights"):
        load_model(folder)


def test_unsafe_bundles_are_one_sentence(tmp_path: Path) -> None:
    truncated = tmp_path / "cut.zip"
    truncated.write_bytes((PLUGIN / "bundle.zip").read_bytes()[:100_000])
    escaping, empty, broken = (tmp_path / f"{n}.zip" for n in ("escaping", "empty", "broken"))
    for path, name in ((escaping, "../evil"), (empty, "readme"), (broken, "saved_model.pb")):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(name, "nonsense")
    for path, reason in (
        (truncated, "zip"),
        (escaping, "unsafe"),
        (empty, "no saved_model"),
        (broken, "not a StarDist bundle"),
    ):
        with pytest.raises(ValueError, match=reason) as caught:
            load_model(path)
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)
    assert not (tmp_path.parent / "evil").exists()
