"""Cracks and pores of known size found in blurred, noisy balls."""

import functools
from pathlib import Path

import numpy as np
import pytest
from particlebridge.analysis import find_solid, find_void, measure
from particlebridge.analysis.material import solids
from particlebridge.analysis.material.void_evidence import WORDS, coded
from scipy.ndimage import gaussian_filter

NUCLEI = Path(__file__).parents[4] / "shared" / "data" / "real" / "nuclei3d" / "1135_mini.h5"
RADIUS = 15
BINDER, MATERIAL, PORE = 100.0, 200.0, 80.0
# What each ball lost: nothing, cracks one and three voxels wide right through it, a pore, a crack
# open to the outside on one side.
LOSSES = ("whole", "thin", "wide", "pore", "open")


def lost(kind: str, z: np.ndarray, y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Tell which voxels of a ball about 0 are void."""
    return {
        "whole": np.zeros(np.broadcast(z, y, x).shape, bool),
        "thin": (np.abs(x) < 0.6) & (y == y) & (z == z),
        "wide": (np.abs(y) < 1.6) & (x == x) & (z == z),
        "pore": z**2 + y**2 + x**2 < 7**2,
        "open": (np.abs(z) < 1.1) & (x > 0) & (y == y),
    }[kind]


@functools.cache
def balls(noise: float = 8.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Give grey values, bodies and void of five balls side by side."""
    side = 2 * RADIUS + 9
    shape = (side, side, side * len(LOSSES))
    labels, void = np.zeros(shape, np.int32), np.zeros(shape, bool)
    for k, kind in enumerate(LOSSES):
        box = np.s_[:, :, k * side : (k + 1) * side]
        at = [c - side // 2 for c in np.ogrid[:side, :side, :side]]
        ball = sum(c**2 for c in at) <= RADIUS**2
        labels[box][ball] = k + 1
        void[box] = ball & lost(kind, *at)
    grey = np.where(labels > 0, MATERIAL, BINDER)
    grey[void] = PORE
    grey = gaussian_filter(grey, 0.8)
    grey += np.random.default_rng(0).normal(0, noise, shape)
    return grey.astype(np.float32), labels, void


def share(mask: np.ndarray, labels: np.ndarray) -> np.ndarray:
    return np.array([mask[labels == k + 1].mean() for k in range(len(LOSSES))])


@pytest.mark.parametrize(("noise", "off"), [(4.0, 0.01), (12.0, 0.03), (25.0, 0.035)])
def test_damage_of_each_ball_is_what_it_lost(noise: float, off: float) -> None:
    grey, labels, void = balls(noise)
    found = (labels > 0) & ~find_solid(grey, labels)
    np.testing.assert_allclose(share(found, labels), share(void, labels), atol=off)
    assert share(found, labels)[LOSSES.index("whole")] < 0.005
    wide = labels == 1 + LOSSES.index("wide")
    both = (found & void & wide).sum() / ((found | void) & wide).sum()
    assert both > 0.6


def test_only_the_contrast_matters_not_the_scale_of_grey_values() -> None:
    grey, labels, _ = balls()
    solid = find_solid(grey, labels)
    assert (find_solid(7 * grey + 500, labels) == solid).mean() > 0.9999


def test_the_result_does_not_depend_on_the_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    grey, labels, _ = balls()
    whole = find_solid(grey, labels)
    monkeypatch.setattr(solids, "_BLOCK", 17)
    assert np.array_equal(find_solid(grey, labels), whole)


def test_flat_voxels_find_the_same_damage() -> None:
    grey, labels, _ = balls()
    every = np.s_[1::2]
    found = (labels > 0) & ~find_solid(grey, labels)
    flat = (labels[every] > 0) & ~find_solid(grey[every], labels[every], (2.0, 1.0, 1.0))
    # A crack along the slices falls between them or not: it is left out.
    seen = [k for k, kind in enumerate(LOSSES) if kind != "open"]
    got, expected = share(flat, labels[every]), share(found, labels)
    np.testing.assert_allclose(got[seen], expected[seen], atol=0.03)


def test_bodies_as_dark_as_their_surroundings_show_no_void() -> None:
    _, labels, _ = balls()
    grey = np.random.default_rng(1).normal(BINDER, 1, labels.shape)
    dark = np.where(labels > 0, grey - 40, grey)
    assert np.array_equal(find_solid(dark, labels), labels > 0)


def test_no_body_no_solid() -> None:
    grey = np.random.default_rng(2).normal(BINDER, 5, (9, 9, 9))
    assert not find_solid(grey, np.zeros((9, 9, 9), np.int32)).any()


def test_bodies_too_small_to_have_an_inside_stay_solid() -> None:
    labels = np.zeros((20, 20, 20), np.int32)
    labels[4:7, 4:7, 4:7], labels[12:14, 12:14, 12:14] = 1, 2
    grey = gaussian_filter(np.where(labels > 0, MATERIAL, BINDER), 0.8)
    assert find_solid(grey, labels)[labels > 0].mean() > 0.9


def test_lone_dark_voxels_in_one_slice_are_specks() -> None:
    volume = np.full((1, 9, 9), 100.0)
    volume[:, ::2, ::2] = 10
    assert find_solid(volume, np.ones((1, 9, 9), np.int32)).all()


@pytest.mark.filterwarnings("error")
def test_half_dark_bodies_of_a_few_voxels() -> None:
    volume = np.full((2, 4, 4), 100.0)
    volume[0, :3, :3], volume[0, 3, 1:], volume[1, 1, 3], volume[1, 2, 2:] = 10, 10, 10, 10
    volume[1, 3, 3], volume[1, 1, :2], volume[1, 2, 0] = 10, 60, 60
    assert find_solid(volume, np.ones((2, 4, 4), np.int32)).any()


def textured(radius: int = 12) -> tuple[np.ndarray, np.ndarray]:
    """Give grey values and labels of eight blobs like stained nuclei: blotched, with dim rims."""
    side = 2 * radius + 7
    labels = np.zeros((side, side, 8 * side), np.int32)
    at = [c - side // 2 for c in np.ogrid[:side, :side, :side]]
    for k in range(8):
        labels[:, :, k * side : (k + 1) * side][sum(c**2 for c in at) <= radius**2] = k + 1
    rng = np.random.default_rng(5)
    blotches = gaussian_filter(rng.normal(size=labels.shape), 2)
    grey = gaussian_filter((labels > 0) * (60 + 30 * blotches / blotches.std()), 2)
    return (20 + grey + rng.normal(0, 8, labels.shape)).astype(np.float32), labels


def verdicts(void: np.ndarray) -> list[str]:
    return [WORDS[v] for v in void[1:]]


def test_blotched_blobs_have_no_void_to_be_told() -> None:
    grey, labels = textured()
    solid, void = find_void(grey, labels)
    assert set(verdicts(void)) == {"unclear"}
    assert solid[labels > 0].all()


@pytest.mark.parametrize("noise", [4.0, 12.0])
def test_void_of_balls_is_told(noise: float) -> None:
    grey, labels, _ = balls(noise)
    assert verdicts(find_void(grey, labels).void) == ["none", *["found"] * 4]


def test_noise_that_could_hide_a_crack_leaves_it_open() -> None:
    grey, labels, _ = balls(60.0)
    assert "none" not in verdicts(find_void(grey, labels).void)


def test_thin_and_dim_bodies_are_named() -> None:
    grey, labels, _ = balls()
    grey, labels = grey.copy(), labels.copy()
    labels[:, :, 39:] = 0
    labels[2:5, 2:30, 50:80] = 2
    grey[labels == 2] = MATERIAL
    labels[10:30, 10:30, 90:110] = 3
    grey[labels == 3] = BINDER - 50
    solid, void = find_void(grey, labels)
    assert verdicts(void) == ["none", "thin", "dim"]
    assert solid[labels > 0].mean() > 0.999


def test_a_mask_tells_of_which_bodies_void_is_unknown() -> None:
    grey, labels, _ = balls()
    labels = labels.copy()
    labels[labels == 1] = 0
    labels[2:5, 2:30, 2:32] = 1
    solid, void = find_void(grey, labels)
    mask = coded(solid, labels, void)
    assert set(np.unique(mask)) == {0, 64, 255}
    assert np.array_equal(mask > 0, solid)
    table = measure(grey, labels, (1, 1, 1), solid=mask).set_index("label")
    assert table["Void"].tolist() == ["thin", *["found"] * 4]
    unknown = ["Damage", "SurfaceInner", "RoughInner"]
    assert table.loc[1, unknown].isna().all()
    assert table.loc[2:, unknown].notna().all().all()
    plain = measure(grey, labels, (1, 1, 1), solid=solid).set_index("label")
    assert plain["Damage"][2:].equals(table["Damage"][2:])
    assert plain["Damage"][1] == 0


def test_inner_surface_is_never_negative_and_its_roughness_a_share() -> None:
    # A rough rim cut off a ball leaves less surface than before.
    at = np.ogrid[-16:17, -16:17, -16:17]
    square = sum(c**2 for c in at)
    labels = (square <= 14.4**2).astype(np.int32)
    labels[(np.random.default_rng(0).random(labels.shape) < 0.4) & (square >= 13**2)] = 0
    solid = (square < 12.5**2) & (labels > 0)
    row = measure(None, labels, (1, 1, 1), solid=solid).iloc[0]
    assert row["Damage"] > 0.05
    assert row["SurfaceInner"] == 0
    assert row["RoughInner"] == 1


@pytest.mark.skipif(not NUCLEI.exists(), reason="the real nuclei lie in ../shared, not here")
def test_real_nuclei_have_no_void() -> None:
    h5py = pytest.importorskip("h5py")
    with h5py.File(NUCLEI) as file:
        grey, labels = file["raw"][:], file["label"][:].astype(np.int32)
    spacing = (0.284, 0.127, 0.127)
    solid, void = find_void(grey, labels, spacing)
    table = measure(grey, labels, spacing, solid=coded(solid, labels, void))
    assert not (table["Damage"] > 0.05).any()
    assert not (table["SurfaceInner"] < 0).any()
    assert table["RoughInner"].dropna().between(0, 2).all()
    assert set(table["Void"]) <= {"thin", "unclear", "none"}
