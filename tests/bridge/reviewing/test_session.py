"""A review changes no file but its log, and goes on where it ended, also after another fusion."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from fused_run import fused_run, generated
from particlebridge.bridge import ReviewSession
from particlebridge.bridge.volumes.reading import open_volume
from particlebridge.bridge.volumes.writing import write_stack
from scipy.ndimage import binary_erosion, gaussian_filter

MADE = generated()


@pytest.fixture
def results(fused_once: Path, tmp_path: Path) -> Path:
    shutil.copytree(fused_once, tmp_path / "work")
    return tmp_path / "work" / "results"


def corrected(review: ReviewSession) -> dict[str, int]:
    """Do one act of each kind; tell the labels."""
    table = review.table
    sure = [int(label) for label in table["label"][::-1]]
    one, two, three, four, five, six = sure[:6]
    review.accept(one)
    review.unsure(two)
    review.delete(three)
    review.merge([four, five])
    box = review.box(six)
    middle = [(a + b) / 2 for a, b in zip(box[:3], box[3:], strict=True)]
    new = review.cut(six, middle, (0.0, 1.0, 0.0))
    mask = np.ones((3, 3, 3), bool)
    at = tuple(int(v) for v in middle)
    around = (at[0] - 1, at[1] - 1, at[2] - 1, at[0] + 2, at[1] + 2, at[2] + 2)
    review.paint(six, around, add=mask)
    seeds = np.argwhere(review.labels[:] == one)
    parts = review.split(one, [tuple(map(int, seeds[0])), tuple(map(int, seeds[-1]))])
    return {"cut": new, "split": parts[0], "three": three, "two": two, "five": five, "six": six}


def test_a_session_goes_on_where_the_last_ended(results: Path) -> None:
    files = {file: file.read_bytes() for file in results.rglob("*.*") if file.name != "run.json"}
    with ReviewSession.open(results) as review:
        names = corrected(review)
        review.undo()
        review.undo()
        review.redo()
        assert (review.can_undo, review.can_redo) == (True, True)
        labels, table = np.asarray(review.labels), review.table
    with ReviewSession.open(results) as again:
        assert again.messages == []
        np.testing.assert_array_equal(again.labels, labels)
        # The middle of a particle is looked at once more.
        assert again.table.equals(table)
        again.redo()
        assert names["split"] in again.table["label"].tolist()
        assert not again.can_redo
    assert {file: file.read_bytes() for file in files} == files
    review = table.set_index("label")["review"]
    assert names["three"] not in review.index
    assert names["five"] not in review.index
    assert review[names["two"]] == "unsure"
    assert review[names["six"]] == review[names["cut"]] == "corrected"


def test_the_least_sure_come_first_and_reasons_have_a_place(results: Path) -> None:
    with ReviewSession.open(results) as review:
        table = review.table
        assert list(table) == [
            "label", "z", "y", "x", "confidence", "doubt", "reasons", "review",
        ]  # fmt: skip
        assert table["doubt"].is_monotonic_decreasing
        assert set(table["label"]) == set(np.unique(review.labels[:])) - {0}
        assert set(review.views) == {"xy", "xz", "yz"}
        assert review.spacing == MADE.spacing
        np.testing.assert_array_equal(review.volume.data[:], MADE.volume)


def test_ranked_once_the_reasons_are_kept(results: Path) -> None:
    with ReviewSession.open(results) as review:
        assert not review.is_ranked
        assert review.missed.empty
        review.rank()
        table = review.table
        assert table["reasons"].str.len().max() > 0
        assert table["doubt"].is_monotonic_decreasing
    with ReviewSession.open(results) as again:
        assert again.is_ranked
        assert again.table["label"].tolist() == table["label"].tolist()
        assert again.table["reasons"].tolist() == table["reasons"].tolist()
        assert len(again.missed) == len(review.missed)


def test_windows_hear_of_each_change(results: Path) -> None:
    heard: list[tuple[int, ...]] = []
    with ReviewSession.open(results) as review:
        review.on_change.append(heard.append)
        label = int(review.table["label"][0])
        box = review.box(label)
        review.accept(label)
        assert heard == []
        review.delete(label)
        review.undo()
        assert heard == [box, box]


def test_a_place_in_a_void_grows_from_the_material_beside_it(
    results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ReviewSession.open(results) as review:
        grey = np.zeros(review.labels.shape, np.float32)
        taken = tuple(int(v) for v in np.argwhere(review.labels[:] > 0)[0])
        place = tuple(int(v) for v in np.argwhere(binary_erosion(review.labels[:] == 0))[0])
        beside = (place[0], place[1], place[2] + 1)
        grey[beside], grey[taken] = 100, 200
        monkeypatch.setattr(review, "_voxels", grey)
        assert review.bright_near(place) == beside  # type: ignore[arg-type]


def test_a_missed_particle_is_grown_and_added(results: Path) -> None:
    with ReviewSession.open(results) as review:
        label = int(review.table["label"].iloc[-1])
        mask = review.labels[:] == label
        review.delete(label)
        grey = gaussian_filter(MADE.volume.astype(float), 1)
        click = np.unravel_index(np.where(mask, grey, 0).argmax(), mask.shape)
        region = review.grow(click)
        new = review.add(region)
        assert review.labels[click] == new
        assert review.table.set_index("label").loc[new, "review"] == "added"
        review.undo()
        slices = {int(z): mask[z] for z in np.flatnonzero(mask.any(axis=(1, 2)))[::3]}
        assert review.add(review.interpolate(slices)) == new + 1


WRONG: dict[str, tuple[Callable[[ReviewSession], object], str]] = {
    "no particle": (lambda r: r.accept(10**6), "there is no particle 1000000"),
    "one to merge": (lambda r: r.merge([1]), "two or more"),
    "twice": (lambda r: r.merge([1, 1]), "two or more"),
    "seed outside": (lambda r: r.split(1, [(0, 0, 0), (1, 1, 1)]), "does not lie in particle"),
    "one seed": (lambda r: r.split(1, [(0, 0, 0)]), "two or more"),
    "nan": (lambda r: r.cut(1, (0, 0, 0), (0, 0, float("nan"))), "finite numbers"),
    "no normal": (lambda r: r.cut(1, (0, 0, 0), (0, 0, 0)), "a point and a normal"),
    "beside": (lambda r: r.cut(1, (0, 0, -9), (0, 0, 1)), "nothing of particle"),
    "outside": (lambda r: r.paint(1, (0, 0, 0, 99, 9, 9), np.ones((99, 9, 9))), "outside"),
    "shape": (lambda r: r.paint(1, (0, 0, 0, 2, 2, 2), np.ones((9, 9, 9))), "mask has shape"),
    "nothing": (lambda r: r.paint(1, (0, 0, 0, 2, 2, 2)), "nothing painted"),
    "grow": (lambda r: r.grow((99, 0, 0)), "outside the volume"),
    "redo": (lambda r: r.redo(), "nothing to redo"),
    "undo": (lambda r: r.undo(), "nothing to undo"),
}


def test_what_cannot_be_done_is_said_and_changes_nothing(results: Path) -> None:
    with ReviewSession.open(results) as review:
        labels = np.asarray(review.labels)
        for act, words in WRONG.values():
            with pytest.raises(ValueError, match=words):
                act(review)
        np.testing.assert_array_equal(review.labels, labels)
    assert not (results / "corrections.jsonl").exists()


def test_two_at_once_are_refused(results: Path) -> None:
    with ReviewSession.open(results), pytest.raises(RuntimeError, match="is using this folder"):
        ReviewSession.open(results)
    ReviewSession.open(results).close()


def test_an_act_that_cannot_be_logged_is_not_done(results: Path) -> None:
    with ReviewSession.open(results) as review:
        one, two = (int(label) for label in review.table["label"][:2])
        review.delete(one)
        labels = np.asarray(review.labels)
        log = results / "corrections.jsonl"
        log.write_bytes(log.read_bytes() + b"{}\n")  # as Fiji would, unasked
        for act in (lambda: review.delete(two), review.undo):
            with pytest.raises(RuntimeError, match="another program"):
                act()
            np.testing.assert_array_equal(review.labels, labels)


def test_corrections_are_carried_over_to_labels_that_were_fused_anew(
    results: Path, tmp_path: Path
) -> None:
    with ReviewSession.open(results) as review:
        names = corrected(review)
        gone = review.labels[:] == names["three"]
        assert not gone.any()
    other = fused_run(tmp_path / "other", MADE, seed=5)
    assert not np.array_equal(
        open_volume(other / "labels.tif").data, open_volume(results / "labels.tif").data
    )
    shutil.copy(results / "corrections.jsonl", other)
    with ReviewSession.open(other) as carried:
        assert "are carried over by place" in carried.messages[0]
        reviews = carried.table["review"].value_counts()
        assert reviews["corrected"] >= 3
        assert reviews["unsure"] == 1
        once = np.asarray(carried.labels)
        label = int(carried.table.query("review == 'corrected'")["label"].iloc[0])
        carried.delete(label)
    with ReviewSession.open(other) as again:
        assert np.array_equal(again.labels, np.where(once == label, 0, once))


def test_corrections_of_another_volume_are_refused(results: Path, tmp_path: Path) -> None:
    with ReviewSession.open(results) as review:
        corrected(review)
    turned = type(MADE)(
        **{**vars(MADE), "volume": MADE.volume[::-1, ::-1], "labels": MADE.labels[::-1, ::-1]}
    )
    other = fused_run(tmp_path / "other", turned)
    shutil.copy(results / "corrections.jsonl", other)
    with pytest.raises(ValueError, match="of another volume"):
        ReviewSession.open(other)
    ReviewSession.open(results).close()


def test_labels_that_another_program_saved_are_refused(results: Path) -> None:
    import tifffile

    with ReviewSession.open(results):
        pass
    labels = results / "labels.tif"
    voxels = tifffile.imread(labels)
    tifffile.imwrite(labels, np.where(voxels == 1, 0, voxels).astype(np.uint16))
    with pytest.raises(ValueError, match="another program saved it"):
        ReviewSession.open(results)


def test_labels_changed_in_place_are_found_by_their_voxels(results: Path) -> None:
    labels = results / "labels.tif"
    mapped = np.memmap(labels, np.uint16, "r+")
    mapped[len(mapped) // 2] ^= 1
    mapped.flush()
    with pytest.raises(ValueError, match="was changed after fusing"):
        ReviewSession.open(results)


def test_a_volume_that_moved_is_named(results: Path) -> None:
    record = results / "run.json"
    record.write_text(record.read_text("utf-8").replace("scan.tif", "gone.tif"), "utf-8")
    with pytest.raises(FileNotFoundError, match=r"the volume of .* is not there any more") as held:
        ReviewSession.open(results)
    record.write_text(record.read_text("utf-8").replace("gone.tif", "scan.tif"), "utf-8")
    ReviewSession.open(results).close()  # the folder is free, whoever still holds the error
    assert held.value


@pytest.mark.parametrize("other", ["smaller", "same shape", "broken", "only smaller"])
def test_a_volume_of_the_same_name_in_the_working_directory_is_not_taken(
    results: Path, monkeypatch: pytest.MonkeyPatch, other: str
) -> None:
    top = results.parent
    volume, record = top / "scan.tif", results / "run.json"
    facts = json.loads(record.read_text("utf-8"))
    facts["volume"]["path"] = "scan.tif"
    record.write_text(json.dumps(facts), "utf-8")
    elsewhere = top / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    right = np.asarray(open_volume(volume).data)
    wrong = right[::-1] if other == "same shape" else right[1:]
    write_stack(Path("scan.tif"), wrong, wrong.shape, np.uint16, (1.0, 1.0, 1.0))
    if other == "broken":
        Path("scan.tif").write_bytes(b"no TIFF")
    if other == "only smaller":
        volume.unlink()
        with pytest.raises(ValueError, match=r"scan\.tif: is not the volume of"):
            ReviewSession.open(results)
        return
    with ReviewSession.open(results) as review:
        np.testing.assert_array_equal(review.volume.data, right)


@pytest.mark.parametrize("make", [True, False])
def test_what_is_no_run_is_named(tmp_path: Path, make: bool) -> None:
    folder = tmp_path / "empty"
    if make:
        folder.mkdir()
    with pytest.raises(FileNotFoundError, match=r"has no run\.json"):
        ReviewSession.open(folder)
    assert folder.exists() == make
