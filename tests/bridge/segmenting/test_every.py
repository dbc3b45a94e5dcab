"""One of every few slices stands for its neighbours, evenly, in TIFF as in Zarr."""

import json
from pathlib import Path

import numpy as np
import pytest
from particlebridge.analysis import electrode
from particlebridge.bridge import SegmentOptions, read_labels, segment
from particlebridge.bridge.runs.slice_sampling import stand_ins
from particlebridge.bridge.segmenting.every import chosen_every
from particlebridge.bridge.volumes.ome_zarr import SLAB


@pytest.mark.parametrize("every", [1, 2, 3, 4, 7, 16])
@pytest.mark.parametrize("slices", [1, 5, 48, 50])
def test_a_slice_stands_for_neighbours_of_its_slab_and_outlines_move_neither_way(
    slices: int, every: int
) -> None:
    stands = stand_ins(slices, every)
    index = np.arange(slices)
    assert (np.abs(stands - index) <= every // 2).all()
    assert (stands // SLAB == index // SLAB).all()
    assert (stands[stands] == stands).all()
    assert (np.diff(stands) >= 0).all()
    whole = index[: slices - slices % (2 * every)] if SLAB % (2 * every) == 0 else []
    assert np.sum((stands - index)[whole]) == 0


def test_auto_leaves_twelve_slices_to_a_particle(caplog: pytest.LogCaptureFixture) -> None:
    assert chosen_every("auto", "xy", 28.0, 1.0) == 2
    assert "view xy: one of 2 slices is segmented (a particle shows in 28 of them)" in caplog.text
    assert chosen_every("auto", "xy", 28.0, 9.0) == 1
    assert chosen_every("auto", "xy", None, 1.0) == 1
    assert chosen_every(3, "xy", 20.0, 9.0) == 3
    for wrong in (0, 17, 1.5, "some"):
        with pytest.raises(ValueError, match="every is auto or a whole number from 1 to 16"):
            SegmentOptions(every=wrong)  # type: ignore[arg-type]


def test_the_others_take_the_outlines_of_the_nearest(tmp_path: Path) -> None:
    made = electrode((20, 40, 44), seed=3, radius=(4, 7))
    np.save(tmp_path / "scan.npy", made.volume)
    np.save(tmp_path / "slice.npy", made.volume[10])
    given = {"views": ("xy",), "diameter": 12, "voxel_size": made.spacing}
    stacks = {}
    for name, more in (
        ("all", {}),
        ("some", {"every": 3}),
        ("zarr", {"every": 3, "format": "zarr"}),
    ):
        done = segment(tmp_path / "scan.npy", tmp_path / name, **given, **more)
        stacks[name] = read_labels(done.labels["xy"])
    expected = stacks["all"][stand_ins(20, 3)]
    assert np.array_equal(stacks["some"], expected)
    assert np.array_equal(stacks["zarr"], expected)
    record = json.loads((tmp_path / "some/run.json").read_text())
    assert record["claims"]["views/xy"]["every"] == 3
    with pytest.raises(ValueError, match="holds results with every = 3, not"):
        segment(tmp_path / "scan.npy", tmp_path / "some", **given)
    with pytest.raises(ValueError, match="--every does nothing for images"):
        segment(tmp_path / "slice.npy", tmp_path / "image", every=2)
