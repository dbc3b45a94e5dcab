"""napari's menus open a run folder and a generated electrode."""

from pathlib import Path

import numpy as np
import pytest
from particlebridge.analysis import from_view
from particlebridge.bridge import ReviewSession
from particlebridge.bridge.reviewing.window.plugin import read_run, sample

npe2 = pytest.importorskip("npe2", reason="napari is an extra: particlebridge[review]")

MANIFEST = Path(__file__).parents[4] / "bridge" / "reviewing" / "window" / "napari.yaml"


def test_the_manifest_names_functions_that_are_there() -> None:
    manifest = npe2.PluginManifest.from_file(MANIFEST)
    manifest.validate_imports()
    assert manifest.contributions.readers[0].accepts_directories


def test_a_run_folder_opens_as_layers(results: Path) -> None:
    layers = {}
    for path in (results, results / "run.json"):
        reader = read_run(str(path))
        assert reader is not None
        layers = {given["name"]: (data, kind) for data, given, kind in reader(str(path))}
    assert read_run(str(results.parent / "scan.tif")) is None
    assert [kind for _, kind in layers.values()] == ["image", *["labels"] * 5]
    with ReviewSession.open(results) as session:
        np.testing.assert_array_equal(layers["particles"][0], session.labels[:])
        seen = from_view(np.asarray(session.views["yz"]), "yz")
        np.testing.assert_array_equal(layers["seen in yz"][0][:], seen)


def test_the_sample_is_an_electrode_with_its_particles() -> None:
    (volume, _, image), (labels, given, kind) = sample()
    assert (image, kind, volume.shape) == ("image", "labels", labels.shape)
    assert labels.max() > 20 and len(given["scale"]) == 3
