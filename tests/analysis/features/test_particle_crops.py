"""Finding particles, and reading volumes piece by piece without changing a bit of the table."""

import tracemalloc
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pandas as pd
import pytest
import zarr
from particlebridge.analysis import contacts, electrode, measure
from particlebridge.analysis.features.particle_crops import crop, find_particles, windows
from particlebridge.bridge import measure_files
from shapes import ellipsoid

SHAPE = (50, 48, 44)
SPACING = (0.8, 0.5, 0.5)


@pytest.fixture(scope="module")
def packed() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Grey values, labels of cracked ellipsoids (one as tall as the volume), and solid."""
    rng = np.random.default_rng(0)
    labels = np.zeros(SHAPE, np.int32)
    labels[:, 20:24, 20:24] = 40
    for label in range(1, 30):
        mask = ellipsoid(SHAPE, rng.random(3) * SHAPE, rng.uniform(3, 8, 3), rng.random(3) * 90)
        labels[mask & (labels == 0)] = label
    solid = rng.random(SHAPE) < 0.95
    solid[::11] = False
    return rng.normal(100, 10, SHAPE).astype(np.float32), labels, solid


def same(a: pd.DataFrame, b: pd.DataFrame) -> bool:
    return a.equals(b) and a.attrs == b.attrs


@pytest.mark.parametrize("recipe", ["physical", "paper"])
@pytest.mark.parametrize("with_solid", [True, False])
def test_table_does_not_depend_on_blocks_or_threads(packed, recipe: Any, with_solid: bool) -> None:
    volume, labels, solid = packed
    if not with_solid:
        labels = labels * solid
    given = {"solid": solid if with_solid else None, "recipe": recipe}
    whole = measure(volume, labels, SPACING, **given)
    for block, workers in ((1, 1), (7, 2), (33, 3)):
        parts = measure(volume, labels, SPACING, block=block, workers=workers, **given)
        assert same(whole, parts)


def test_memory_maps_zarr_and_dask_give_the_same_table(packed, tmp_path: Path) -> None:
    volume, labels, solid = packed
    whole = measure(volume, labels, SPACING, solid=solid)
    np.save(tmp_path / "labels.npy", labels)
    mapped = np.load(tmp_path / "labels.npy", mmap_mode="r")
    stored = zarr.create_array(tmp_path / "v.zarr", data=volume, chunks=(16, 16, 16))
    lazy = da.from_array(solid, chunks=(10, 48, 44))
    assert same(whole, measure(stored, mapped, SPACING, solid=lazy))
    assert same(whole, measure(stored, mapped, SPACING, solid=lazy, block=12))


def test_field_of_view_by_blocks(packed) -> None:
    volume, labels, solid = packed
    y, x = np.ogrid[: SHAPE[1], : SHAPE[2]]
    seen = np.broadcast_to(np.hypot(y - 24, x - 22) < 20, SHAPE)
    round_volume = np.where(seen, volume, np.nan)
    with pytest.warns(UserWarning, match="field of view"):
        whole = measure(round_volume, labels, SPACING, solid=solid)
    with pytest.warns(UserWarning, match="field of view"):
        parts = measure(round_volume, labels, SPACING, solid=solid, block=9)
    assert same(whole, parts)
    assert same(whole, measure(round_volume, labels, SPACING, solid=solid, field_of_view=seen))
    assert 0 < whole["Border"].sum() < len(whole)


class Counted:
    """An array that remembers the most slices read at once."""

    def __init__(self, array: np.ndarray) -> None:
        self.array, self.shape, self.dtype, self.most = array, array.shape, array.dtype, 0

    def __getitem__(self, key: slice) -> np.ndarray:
        piece = self.array[key]
        self.most = max(self.most, len(piece))
        return piece


def test_no_more_is_read_at_once_than_asked_for_or_needed(packed) -> None:
    volume, labels, solid = packed
    short = np.where(labels == 40, 0, labels)
    arrays = [Counted(a) for a in (volume, short, solid)]
    measure(arrays[0], arrays[1], SPACING, solid=arrays[2], block=5)
    # The particles are up to 16 slices high, the ball reaches one slice further.
    assert all(16 <= a.most <= 27 for a in arrays)
    tall = Counted(labels)
    measure(volume, tall, SPACING, block=24)
    assert tall.most == SHAPE[0]


def test_memory_follows_the_block_not_the_volume(packed, tmp_path: Path) -> None:
    """A mapped volume of any depth is measured in the memory that a few slices take."""
    parts = {"grey": packed[0], "labels": packed[1].astype(np.uint16), "solid": packed[2]}
    for name, array in parts.items():
        short = array if name != "labels" else np.where(array == 40, 0, array)
        np.save(tmp_path / f"{name}.npy", np.concatenate([short] * 12))
    grey, labels, solid = (np.load(tmp_path / f"{name}.npy", mmap_mode="r") for name in parts)
    # Each copy of the particles gets its own labels: else one would be as tall as the volume.
    own = np.lib.format.open_memmap(tmp_path / "own.npy", "w+", np.uint16, labels.shape)
    for k in range(12):
        slices = slice(k * SHAPE[0], (k + 1) * SHAPE[0])
        own[slices] = np.where(labels[slices] > 0, labels[slices] + 100 * k, 0)
    for _ in range(2):  # What is compiled or loaded is no memory of the volume.
        measure(grey[:40], own[:40], SPACING, solid=solid[:40], block=8, workers=1)
        contacts(own[:40], SPACING, workers=1)
    tracemalloc.start()
    try:
        table = measure(grey, own, SPACING, solid=solid, block=8, workers=1)
        peaks = [tracemalloc.get_traced_memory()[1]]
        tracemalloc.reset_peak()
        contacts(own, SPACING, block=60, workers=1)
        peaks.append(tracemalloc.get_traced_memory()[1])
    finally:
        tracemalloc.stop()
    assert len(table) == 12 * len(np.unique(parts["labels"])) - 12 * 2
    assert max(peaks) < (grey.nbytes + own.nbytes + solid.nbytes) / 3, peaks


def test_bounding_boxes_are_half_open(packed) -> None:
    _, labels, _ = packed
    for depth in (1, 13, 50):
        found = find_particles(labels, depth, 2)
        assert found.labels.tolist() == np.unique(labels)[1:].tolist()
        for label, box in zip(found.labels, found.boxes, strict=True):
            index = np.argwhere(labels == label)
            assert box[::2].tolist() == index.min(axis=0).tolist()
            assert box[1::2].tolist() == (index.max(axis=0) + 1).tolist()


def test_windows_hold_each_particle_once_and_whole() -> None:
    rng = np.random.default_rng(0)
    low = rng.integers(0, 95, 60)
    high = np.minimum(low + rng.integers(1, 30, 60), 100)
    boxes = np.zeros((60, 6), np.int64)
    boxes[:, 0], boxes[:, 1] = low, high
    seen: list[int] = []
    for first, last, index in windows(boxes, 3, 20, 100):
        assert (np.maximum(boxes[index, 0] - 3, 0) >= first).all()
        assert (np.minimum(boxes[index, 1] + 3, 100) <= last).all()
        seen.extend(index)
    assert sorted(seen) == list(range(60))


def test_crop_says_what_lies_beyond_the_volume() -> None:
    box, margin = np.array([10, 11, 1, 2, 2, 3]), np.array([1, 1, 2])
    here, beyond = crop(box, margin, 10, (3, 3, 3))
    assert here == (slice(0, 2), slice(0, 3), slice(0, 3))
    assert beyond.tolist() == [[1, 0], [0, 0], [0, 2]]


def test_memory_follows_the_number_of_particles_not_the_highest_label() -> None:
    labels = np.zeros((16, 24, 24), np.int32)
    labels[2:5, 2:7, 3:9] = 3
    labels[8:12, 10:20, 10:20] = 2_000_000_000
    find_particles(labels, 16, 8)  # compiled
    tracemalloc.start()
    found = find_particles(labels, 5, 8)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.labels.tolist() == [3, 2_000_000_000]
    assert found.boxes.tolist() == [[2, 5, 2, 7, 3, 9], [8, 12, 10, 20, 10, 20]]
    assert peak < 1_000_000


def test_void_of_bodies_takes_memory_by_their_number(tmp_path: Path) -> None:
    made = electrode((20, 48, 48), seed=2, radius=(5.0, 9.0))
    tables = []
    for name, factor in (("near", 1), ("far", 40_000_000)):
        np.save(tmp_path / "grey.npy", made.volume)
        np.save(tmp_path / f"{name}.npy", np.where(made.labels == 1, factor, made.labels))
        out = tmp_path / name / "features.csv"
        out.parent.mkdir()
        measure_files(
            tmp_path / "grey.npy",
            tmp_path / f"{name}.npy",
            out,
            labels_are="body",
            voxel_size=(0.25, 0.25, 0.25),
        )
        table = pd.read_csv(out)
        tables.append(table.sort_values("Volume")["Damage"].to_numpy())
    assert np.array_equal(*tables, equal_nan=True)
