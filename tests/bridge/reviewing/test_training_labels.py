"""What a review teaches: the particles put right, their rims, and nothing of the rest."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from fused_run import generated
from particlebridge.analysis import VIEWS
from particlebridge.bridge import ReviewSession
from particlebridge.bridge.reviewing.training_labels import corrected_volume
from particlebridge.exporter.training.examples import Example
from particlebridge.exporter.training.volume_slices import volume_slices
from typer.testing import CliRunner


@pytest.fixture
def results(fused_once: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(fused_once / "results", tmp_path / "results"))


def test_training_on_what_a_person_put_right(
    results: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(ValueError, match=r"corrections.jsonl: no particle was corrected"):
        corrected_volume(results)
    with ReviewSession.open(results) as review:
        by_size = review.table["label"].to_numpy()
        sizes = np.bincount(review.labels[:].ravel())[by_size]
        accepted = [int(n) for n in by_size[np.argsort(-sizes)][:6]]
        deleted, unsure, trimmed = (int(n) for n in by_size[np.argsort(-sizes)][6:9])
        z, y, x = (int(n) for n in np.argwhere(review.labels[:] == trimmed)[0])
        review.paint(accepted[0], (z, y, x, z + 1, y + 1, x + 1), np.ones((1, 1, 1), bool))
        table = review.table.set_index("label")
        assert table.loc[trimmed, "review"] == "trimmed"
        assert np.isnan(table.loc[trimmed, "confidence"])
        fused = review.labels[:]
        for label in accepted:
            review.accept(label)
        review.delete(deleted)
        review.unsure(unsure)

    with caplog.at_level("INFO", "particlebridge"):
        taught = corrected_volume(results)

    assert taught.name == "scan.tif" and taught.spacing == pytest.approx(generated().spacing)
    for label in accepted:
        np.testing.assert_array_equal(taught.labels == label, fused == label)
    assert (taught.labels[fused == deleted] == 0).all()
    others = ~np.isin(fused, [0, *accepted, deleted])
    assert (taught.labels[others] == -1).all()
    rim = (taught.labels == 0) & (fused == 0)
    # Every particle has background beside it, and what lies far from all says nothing.
    assert rim.any() and (taught.labels[fused == 0] == -1).any()
    assert "6 particles that were corrected, added or accepted" in caplog.text

    given = taught.as_training(VIEWS)
    example = Example(taught.name, taught.data, taught.labels)
    slices = volume_slices([example], given["views"], given["spacing"])
    assert {one.name.split(", ")[1] for one in slices.train} == {"view xy", "view xz", "view yz"}
    assert all((one.labels > 0).any() and (one.labels < 0).any() for one in slices.train)


def test_what_to_train_on_is_named_once(results: Path) -> None:
    from particlebridge.bridge.cli.app import app

    for given in ([], ["--images", "a.tif"], ["--images", "a.tif", "--corrections", str(results)],
                  ["--voxel-size", "1,1,1um", "--corrections", str(results)]):  # fmt: skip
        done = CliRunner().invoke(app, ["train", "--out", "model", *given])
        assert done.exit_code == 2 and "--corrections" in done.output
