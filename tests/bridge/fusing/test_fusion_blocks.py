"""Fusing block by block: the bodies of the whole volume, each once."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from damaged_views import cut_between_slices, damaged_views
from particlebridge.analysis import VIEWS, ViewStack, electrode, fuse, score, to_view
from particlebridge.analysis._shared.views import view_spacing
from particlebridge.analysis.fusion.block_labels import join_labels, match_labels
from particlebridge.analysis.fusion.verdict import SHIPPED
from particlebridge.analysis.material import void_evidence
from particlebridge.bridge import fuse_folder
from particlebridge.bridge.engines import memory_estimate
from particlebridge.bridge.fusing.blocks import BlockFusion, fuse_in_blocks
from particlebridge.bridge.fusing.material import find_solid_in_blocks
from particlebridge.bridge.runs.blocks import BlockGrid, fewest_blocks, neighbours, shared
from particlebridge.bridge.runs.piece_store import PieceStore
from particlebridge.bridge.runs.scheduling import FailedTask, InProcess
from particlebridge.bridge.runs.sections import typical_section
from particlebridge.bridge.runs.void_words import found_mask
from particlebridge.bridge.volumes.field_of_view import fill_outside, find_field_of_view
from particlebridge.bridge.volumes.label_records import companion, label_digest
from particlebridge.bridge.volumes.labels import read_labels
from particlebridge.bridge.volumes.ome_zarr import create_stack, open_stack
from particlebridge.bridge.volumes.reading import read_volume
from particlebridge.bridge.volumes.writing import write_labels, write_stack
from sklearn.metrics import adjusted_rand_score


def test_cores_cover_each_voxel_once_and_reach_into_their_neighbours() -> None:
    block_grid = BlockGrid((100, 130, 70), (64, 64, 64), (10, 20, 5))
    blocks = block_grid.blocks()
    owners = np.zeros(block_grid.shape, int)
    for block in blocks:
        owners[block.core] += 1
        assert all(c.start % 64 == 0 for c in block.core)
    assert (owners == 1).all()
    assert [b.number for b in blocks] == list(range(12))
    grid = np.arange(np.prod(block_grid.shape)).reshape(block_grid.shape)
    pairs = neighbours(blocks)
    assert len(pairs) == 1 * 3 * 2 + 2 * 2 * 2 + 2 * 3 * 1
    for a, b in pairs:
        in_a, in_b = shared(a, b)
        assert np.array_equal(grid[a.reach][in_a], grid[b.reach][in_b])
        assert grid[a.reach][in_a].size > 0
    assert np.array_equal(grid[blocks[5].reach][blocks[5].inner], grid[blocks[5].core])


def test_as_few_blocks_as_fit() -> None:
    assert len(fewest_blocks((100, 100, 100), (20, 20, 20), 1e6).blocks()) == 1
    block_grid = fewest_blocks((512, 512, 512), (40, 40, 40), 2.5e7)
    assert block_grid.most_voxels() <= 2.5e7
    assert 8 <= len(block_grid.blocks()) <= 16
    assert fewest_blocks((512, 512, 512), (40, 40, 40), 1e5) is None


def test_labels_are_one_body_above_half_an_iou() -> None:
    a, b = np.zeros((4, 10), int), np.zeros((4, 10), int)
    a[:, :6], a[:, 7:] = 3, 5
    b[:, :5], b[:, 5:] = 9, 2
    assert match_labels(a, b).tolist() == [[3, 9], [5, 2]]


def test_bodies_are_numbered_through_and_small_ones_dropped() -> None:
    # Block 0: labels 1, 2; block 1: labels 1..3; 2 of block 0 is 3 of block 1.
    own = [np.array([50, 100, 40]), np.array([7, 90, 0, 60])]
    joined = join_labels(own, {(0, 1): np.array([[2, 3]])}, min_diameter=0)
    assert [n.tolist() for n in joined.names] == [[0, 1, 2], [0, 3, 0, 2]]
    assert joined.sizes.tolist() == [0, 100, 100, 90]
    fewer = join_labels(own, {}, min_diameter=(6 / np.pi * 50) ** (1 / 3))
    assert [n.tolist() for n in fewer.names] == [[0, 1, 0], [0, 2, 0, 3]]


@pytest.fixture(scope="module")
def made():
    return electrode((80, 120, 130), seed=4, radius=(6.0, 12.0))


@pytest.fixture(scope="module")
def views(made):
    return damaged_views(made.labels)


@pytest.fixture(scope="module")
def whole(made, views):
    return fuse({v: ViewStack(s) for v, s in views.items()}, made.volume, made.spacing)


def _diameter(made, views) -> float:
    return typical_section({v: {"labels": s} for v, s in views.items()}, made.spacing)


def _work(made, views, side, halo, folder: Path) -> BlockFusion:
    shape = made.volume.shape
    return BlockFusion(
        source=folder.parent,
        views={view: {"labels": stack} for view, stack in views.items()},
        grey=made.volume,
        fill=None,
        mask=None,
        size=made.spacing,
        fusing={"method": "consensus"},
        block_grid=BlockGrid(shape, side, (halo,) * 3),
        diameter=_diameter(made, views),
        pieces=PieceStore(folder.parent, folder.name, "key"),
    )


def test_bodies_on_which_views_agree_as_little_as_in_noise_are_dropped(tmp_path) -> None:
    # Each slice shows particles of its own: what they share is chance.
    made = electrode((32, 64, 64), seed=30)
    rng = np.random.default_rng(4)
    views = {view: np.zeros_like(to_view(made.labels, view)) for view in VIEWS}
    for stack in views.values():
        for plane in stack:
            for name, corner in enumerate(rng.integers(0, np.array(plane.shape) - 7, (6, 2)), 1):
                plane[corner[0] : corner[0] + 8, corner[1] : corner[1] + 8] = name
    known = next(iter(SHIPPED))
    for models, noise in (({}, False), (dict.fromkeys(VIEWS, known), True)):
        work = _work(made, views, (128, 128, 192), 20, tmp_path / "work")
        target = tmp_path / f"{noise}.tif"
        told = fuse_in_blocks(replace(work, models=models), target, InProcess())
        assert told["verdict"]["noise"] is noise
        assert (told["particles"] == 0) is noise
        assert read_labels(target).any() != noise
        assert read_volume(companion(target, "solid")).data.any() != noise
        assert len(pd.read_csv(companion(target, "fusion"))) == told["particles"]


def test_one_block_is_what_fuse_gives(made, views, whole, tmp_path: Path) -> None:
    work = _work(made, views, (128, 128, 192), 20, tmp_path / "work")
    told = fuse_in_blocks(work, tmp_path / "labels.zarr", InProcess())
    assert told.pop("void") == void_evidence.told(whole.void[1:])
    assert told.pop("verdict")["word"] == "check"
    own = label_digest(whole.labels)
    assert told == {"particles": len(whole.table), "labels": own, "blocks": 1, "resumed_blocks": 0}
    assert np.array_equal(read_labels(tmp_path / "labels.zarr"), whole.labels)
    assert np.array_equal(read_volume(tmp_path / "solid.zarr").data > 0, whole.solid)
    assert read_volume(tmp_path / "labels.zarr").spacing == pytest.approx(made.spacing)
    assert not work.pieces.path.exists()
    written = pd.read_csv(tmp_path / "fusion.csv")
    assert set(written.pop("Unit")) == {"um"}
    pd.testing.assert_frame_equal(written, whole.table, check_dtype=False, rtol=1e-5)


def test_doubted_views_are_told(tmp_path: Path, caplog) -> None:
    _, stacks = cut_between_slices()
    distant = replace(
        _work(electrode((4, 40, 60), seed=1), stacks, (4, 40, 60), 0, tmp_path / "work"),
        grey=None,
        size=(9.0, 1.0, 1.0),
    )
    told = fuse_in_blocks(distant, tmp_path / "labels.zarr", InProcess())
    assert told["doubted_views"] == {"xz": 1, "yz": 1} and told["particles"] == 12
    assert "Views xz and yz cut particles between slices that lie far apart" in caplog.text


def test_blocks_give_the_bodies_of_the_whole_volume(made, views, whole, tmp_path: Path) -> None:
    halo = int(np.ceil(_diameter(made, views) / made.spacing[0]))
    work = _work(made, views, (64, 64, 64), halo, tmp_path / "work")
    told = fuse_in_blocks(work, tmp_path / "labels.zarr", InProcess())
    assert told["blocks"] == 12
    labels = read_labels(tmp_path / "labels.zarr")
    same = score(whole.labels, labels)
    ari = adjusted_rand_score(whole.labels.ravel(), labels.ravel())
    print(
        f"halo {halo}, ARI {ari:.5f}, mean IoU {same.mean_iou:.5f}, bodies {len(whole.table)} "
        f"and {told['particles']}, alike {len(same.matches)}"
    )
    assert ari > 0.99
    assert same.f1[0.75] > 0.98
    assert np.array_equal(np.unique(labels), np.arange(told["particles"] + 1))
    solid = read_volume(tmp_path / "solid.zarr").data > 0
    assert not solid[labels == 0].any()
    both = (labels > 0) & (whole.labels > 0)
    assert np.mean(solid[both] == whole.solid[both]) > 0.99
    table = pd.read_csv(tmp_path / "fusion.csv")
    sizes = np.bincount(labels.ravel())[1:] * np.prod(made.spacing)
    assert table["label"].tolist() == list(range(1, told["particles"] + 1))
    assert np.allclose(table["Volume"], sizes, rtol=1e-5)


def test_paper_is_not_cut_into_blocks(made, views, tmp_path: Path) -> None:
    work = _work(made, views, (64, 64, 64), 10, tmp_path / "work")
    paper = replace(work, fusing={"method": "paper"})
    with pytest.raises(ValueError, match=r"labels\.zarr: method paper clusters the whole volume"):
        fuse_in_blocks(paper, tmp_path / "labels.zarr", InProcess())
    assert list(tmp_path.iterdir()) == [work.pieces.path]


class Stopping(InProcess):
    """Ends after some pieces, as a kill does."""

    def __init__(self, after: int) -> None:
        self.left = after

    def run(self, function, pieces, advance=lambda _: None):
        for name, result in super().run(function, pieces, advance):
            yield name, result
            self.left -= 1
            if not self.left:
                raise KeyboardInterrupt


def test_finished_blocks_are_not_fused_again(made, views, tmp_path: Path) -> None:
    work = _work(made, views, (128, 64, 128), 20, tmp_path / "work")
    with pytest.raises(KeyboardInterrupt):
        fuse_in_blocks(work, tmp_path / "labels.zarr", Stopping(2))
    assert not (tmp_path / "labels.zarr").exists()
    kept = {p: p.stat().st_mtime_ns for p in work.pieces.path.glob("block-*.zarr/bodies.csv")}
    assert len(kept) == 2
    told = fuse_in_blocks(work, tmp_path / "labels.zarr", InProcess())
    assert told["resumed_blocks"] == 2
    undisturbed = _work(made, views, (128, 64, 128), 20, tmp_path / "work2")
    fuse_in_blocks(undisturbed, tmp_path / "again" / "labels.zarr", InProcess())
    assert np.array_equal(
        read_labels(tmp_path / "labels.zarr"), read_labels(tmp_path / "again" / "labels.zarr")
    )


class Losing(InProcess):
    """Loses the second piece, as a cluster whose workers die over it does."""

    remote = True

    def run(self, function, pieces, advance=lambda _: None):
        lost = list(pieces)[1]
        kept = {name: piece for name, piece in pieces.items() if name != lost}
        yield from super().run(function, kept, advance)
        yield lost, FailedTask(lost, "4 workers died over it")


def test_a_lost_block_is_named_and_the_others_kept(made, views, tmp_path: Path) -> None:
    work = _work(made, views, (128, 64, 128), 20, tmp_path / "work")
    with pytest.raises(RuntimeError, match=r"1 of 4 blocks failed \(fusion block 1: 4 workers"):
        fuse_in_blocks(work, tmp_path / "labels.zarr", Losing())
    assert len(list(work.pieces.path.glob("block-*.zarr"))) == 3


def test_the_command_fuses_stacks_of_either_format_in_blocks(made, views, tmp_path: Path) -> None:
    for view, stack in views.items():
        spacing = view_spacing(made.spacing, view)
        write_labels(tmp_path / "views" / view / "labels.tif", stack, spacing)
    write_stack(tmp_path / "grey.tif", made.volume, made.volume.shape, np.uint16, made.spacing)
    target = fuse_folder(tmp_path, volume=tmp_path / "grey.tif", format="zarr", memory="20GB")
    assert target == tmp_path / "labels.zarr"
    # What lies outside the round field of view is filled, in blocks as in one piece.
    grey = fill_outside(made.volume, find_field_of_view(made.volume))
    assert (grey != made.volume).any()
    expected = fuse({v: ViewStack(s) for v, s in views.items()}, grey, made.spacing)
    assert np.array_equal(read_labels(target), expected.labels)
    with pytest.raises(ValueError, match=r"let its name end in \.zarr"):
        fuse_folder(tmp_path, format="zarr", out=tmp_path / "labels.tif")
    small = tmp_path / "views" / "yz" / "labels.tif"
    write_labels(small, views["yz"][:-1], (1, 1, 1))
    with pytest.raises(ValueError, match="not of one volume"):
        fuse_folder(tmp_path, format="zarr")


def test_in_blocks_tiff_holds_what_zarr_holds(made, views, tmp_path: Path) -> None:
    work = _work(made, views, (64, 64, 64), 20, tmp_path / "zarr")
    fuse_in_blocks(work, tmp_path / "labels.zarr", InProcess())
    work = _work(made, views, (64, 64, 64), 20, tmp_path / "tiff")
    told = fuse_in_blocks(work, tmp_path / "tiff.tif", InProcess())
    assert told["blocks"] == 12
    tiff, chunked = read_volume(tmp_path / "tiff.tif"), read_volume(tmp_path / "labels.zarr")
    assert tiff.data.dtype == np.uint16
    assert np.array_equal(tiff.data, chunked.data)
    masks = [read_volume(tmp_path / name).data for name in ("tiff_solid.tif", "solid.zarr")]
    assert np.array_equal(*masks)
    tables = [(tmp_path / name).read_bytes() for name in ("tiff_fusion.csv", "fusion.csv")]
    assert tables[0] == tables[1]


def test_memory_cuts_whatever_is_written(made, views, tmp_path: Path) -> None:
    for view, stack in views.items():
        spacing = view_spacing(made.spacing, view)
        write_labels(tmp_path / "views" / view / "labels.tif", stack, spacing)
    base = memory_estimate.NETWORKS["onnx"].base
    least = int(base + memory_estimate.FUSE * made.volume.size / 2)
    target = fuse_folder(tmp_path, memory=least)
    assert target == tmp_path / "labels.tif"
    with pytest.raises(ValueError, match="its smallest block needs"):
        fuse_folder(tmp_path, memory=int(base))


def test_material_of_changed_labels_is_found_in_blocks(made, tmp_path: Path) -> None:
    """The same void as in one piece, and as many bodies told of."""
    write_labels(tmp_path / "labels.tif", made.labels, made.spacing)
    found = {}
    for side in (64, 192):
        work = replace(
            _work(made, {"xy": made.labels}, (side,) * 3, 24, tmp_path / f"work{side}"),
            fusing={},
        )
        find_solid_in_blocks(work, tmp_path / "labels.tif", InProcess(), "digest")
        found[side] = read_volume(tmp_path / "solid.tif").data
        assert not work.pieces.path.exists()
    assert np.array_equal(found[192], found_mask(made.volume, made.labels, made.spacing))
    assert np.mean(found[64] == found[192]) > 0.99


def test_chunks_without_a_body_are_written_too(tmp_path: Path) -> None:
    """A reader takes a missing chunk between full ones for lost."""
    create_stack(tmp_path / "labels.zarr", (20, 20, 30), np.uint16, (1, 1, 1), (10, 10, 10))
    open_stack(tmp_path / "labels.zarr")[:] = 0
    assert not read_labels(tmp_path / "labels.zarr").any()
    labels = np.ones((20, 20, 30), np.uint16)
    labels[:10, :10, 10:20] = 0
    open_stack(tmp_path / "labels.zarr")[:] = labels
    assert np.array_equal(read_labels(tmp_path / "labels.zarr"), labels)
