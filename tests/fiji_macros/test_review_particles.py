"""*Review Particles*: acts of a person on 3-D labels, kept in corrections.jsonl, without Python."""

import base64
import hashlib
import json
import shutil
import zlib

import numpy as np
import pytest
import tifffile
from fused_run import fused_run, generated
from groovy_commands import FIELDS, NO_SERVICES, parted
from particlebridge.analysis.correction.regions import Region
from particlebridge.bridge import ReviewSession
from particlebridge.bridge.volumes.label_records import Recorded, label_digest
from particlebridge.bridge.volumes.writing import write_labels
from plain_imagej import NEWEST, plain_imagej
from window import in_window

IMPORTS, COMMAND, CLASSES = parted("Review_Particles", NO_SERVICES)
# A session that is told what to do, step by step; `write` is what somebody else does meanwhile.
SESSION = """
def report = new Report('Review Particles', null)
def out = System.out
System.setOut(new PrintStream(new ByteArrayOutputStream()))
Review review = null
def folder = { new ReviewFolder(new File(it)) }
try {
    def answers = steps.collect { step ->
        try {
            if (step.open) review = new Review(folder(step.open), 'fiji', report)
            if (step.write) new File(step.write) << step.text
            if (step.acts) ReviewScript.run(review, report, step.acts)
            if (step) return null
            return [order: review.order(), reviews: review.reviews().collect { k, v -> [k, v] },
                doubts: review.order().collect { review.doubts(it) }]
        } catch (Problem known) { return known.message }
    }
    [answers: answers, said: report.lines]
} finally { System.setOut(out) }
"""


def bars():
    """Four bars: 1 and 2 touch, 3 stands alone, 4 is two grains that look like one."""
    labels = np.zeros((6, 30, 40), np.int32)
    labels[1:4, 5:15, 5:15] = 1
    labels[1:4, 5:15, 15:25] = 2
    labels[2:5, 18:28, 2:12] = 3
    labels[0:6, 18:28, 20:40] = 4
    return labels


def save(folder, labels, note=True):
    folder.mkdir(exist_ok=True)
    record = Recorded(label_digest(labels)).note if note else ""
    write_labels(folder / "labels.tif", labels, (0.5, 0.25, 0.25), record)
    (folder / "fusion.csv").write_text(
        "label,Volume,confidence,agreement_xy,agreement_xz,Void\n"
        "1,1,0.9,0.8,1,found\n2,1,0.25,0.5,0,thin\n3,1,,,,dim\n4,1,0.5,0.5,0.5,none\n"
    )
    return folder


@pytest.fixture
def folder(tmp_path):
    return save(tmp_path / "a run", bars())


def review(folder, acts=None, out=None):
    """Run the command without a window; its problem, what it said, and the labels at its end."""
    out = out or folder.parent / "corrected.tif"
    given = {"folder": str(folder), "acts": acts, "out": str(out)}
    done = run(COMMAND, settings={}, **(dict.fromkeys(FIELDS) | given))
    return done["problem"], done["said"], tifffile.imread(out) if out.exists() else None


def session(*steps):
    return run(SESSION, steps=list(steps))


def run(text, **variables):
    """Run a text with the command's classes, which are compiled once."""
    return plain_imagej(NEWEST).run(IMPORTS + text, (IMPORTS + CLASSES,), **variables)


def read(folder):
    """The acts of a log whose lines follow one another."""
    lines = (folder / "corrections.jsonl").read_bytes().split(b"\n")
    assert lines.pop() == b""
    acts = [json.loads(line) for line in lines]
    before = [acts[0]["labels"].encode(), *lines]
    for act, last in zip(acts, before[:-1], strict=True):
        assert act["before"] == hashlib.sha256(last).hexdigest()[:16]
    return acts


def unpacked(text, box):
    shape = np.subtract(box[3:], box[:3])
    bits = np.frombuffer(zlib.decompress(base64.b64decode(text)), np.uint8)
    return np.unpackbits(bits, count=np.prod(shape)).reshape(shape).astype(bool)


ACTS = (
    "accept 3; unsure 2; merge 1 2; cut 4 2 29.5 0 29.5 9; undo; redo; delete 3; undo; "
    "redraw 3 3 0 18 16 18 16 26 0 26"
)


def after_acts():
    labels = bars()
    labels[labels == 2] = 1
    # The line goes down: what is right of it, seen along it, is on the other side.
    labels[..., :30][labels[..., :30] == 4] = 5
    labels[2][labels[2] == 3] = 0
    labels[2, 18:26, 0:16] = 3
    return labels


def test_acts_change_voxels_and_every_one_is_a_line(folder):
    problem, said, labels = review(folder, ACTS)
    assert problem is None, said
    np.testing.assert_array_equal(labels, after_acts())
    acts = read(folder)
    assert [act["act"] for act in acts] == [
        text.split()[0].replace("redraw", "paint") for text in ACTS.split("; ")
    ]
    assert {act["by"] for act in acts} == {"script"}
    assert {act["labels"] for act in acts} == {label_digest(bars())}
    assert acts[0]["particle"] == {
        "label": 3, "at": [3, 22, 6], "voxels": 300, "box": [2, 18, 2, 5, 28, 12],
    }  # fmt: skip
    assert [one["label"] for one in acts[2]["particles"]] == [1, 2]
    assert acts[3]["new"] == [5]
    # A cut at right angles to the slices; everyone finds the same voxels beyond it.
    z, y, x = np.indices(bars().shape)
    beyond = sum(
        (a - p) * n for a, p, n in zip((z, y, x), acts[3]["point"], acts[3]["normal"], strict=True)
    )
    np.testing.assert_array_equal((beyond >= 0) & (bars() == 4), after_acts() == 5)
    assert acts[3]["normal"][0] == 0
    paint = acts[-1]
    assert paint["box"] == [2, 18, 0, 3, 28, 16]
    add, remove = (unpacked(paint[name], paint["box"]) for name in ("add", "remove"))
    part = np.s_[2:3, 18:28, 0:16]
    np.testing.assert_array_equal(add, (after_acts()[part] == 3) & (bars()[part] != 3))
    np.testing.assert_array_equal(remove, (after_acts()[part] != 3) & (bars()[part] == 3))
    # The run's own labels stay; the copy does not pass for them.
    np.testing.assert_array_equal(tifffile.imread(folder / "labels.tif"), bars())
    with tifffile.TiffFile(folder.parent / "corrected.tif") as file:
        assert "Particlebridge labels" not in file.imagej_metadata["Info"]
    # Opened again, it is as it was left, and goes on.
    problem, said, labels = review(folder, "undo")
    assert problem is None
    assert "Undone: paint, particle 3." in said
    assert (labels[2] == 3).sum() == (bars()[2] == 3).sum()


def test_the_least_sure_come_first_and_parts_stand_with_their_particle(folder):
    done = session({"open": str(folder)}, {}, {"acts": "merge 1 3; cut 2 2 9 9 30 10"}, {})
    before, after = done["answers"][1], done["answers"][3]
    assert before["order"] == [2, 4, 1, 3]
    assert before["doubts"][0] == "confidence 0.25 (views: xy 0.50, xz 0.00)"
    assert before["doubts"][1] == "confidence 0.50 (views: xy 0.50, xz 0.50), touches the border"
    assert before["doubts"][3] == "confidence unknown (views: xy unknown, xz unknown)"
    assert after["order"] == [2, 5, 4, 1]
    assert after["reviews"] == [
        [1, "corrected"], [2, "corrected"], [4, ""], [5, "corrected"],
    ]  # fmt: skip


def test_voxels_that_are_taken_from_others_are_said(folder):
    done = session({"open": str(folder)}, {"acts": "redraw 3 2 0 0 26 0 26 29 0 29"}, {})
    assert done["answers"][1] is None
    # 200 voxels of 1 and 2 in slice 2, and of 4 the six columns that the selection holds.
    assert done["said"][-1] == (
        "Particle 3: redrawn in slice 2, 754 voxels added (100 from particle 1; 100 from particle "
        "2; 60 from particle 4), 0 taken away."
    )
    reviews = dict(done["answers"][2]["reviews"])
    assert reviews == {1: "trimmed", 2: "trimmed", 3: "corrected", 4: "trimmed"}
    again = session(
        {"open": str(folder)}, {"acts": "accept 1; unsure 2; redraw 3 3 0 0 26 0 26 29 0 29"}, {}
    )
    reviews = dict(again["answers"][2]["reviews"])
    assert reviews == {1: "trimmed", 2: "unsure", 3: "corrected", 4: "trimmed"}


def test_what_somebody_else_wrote_meanwhile_is_not_lost_nor_is_what_was_done(folder):
    log = folder / "corrections.jsonl"
    done = session(
        {"open": str(folder)}, {"acts": "accept 1"},
        {"write": str(log), "text": '{"act": "accept"}\n'},
        {"acts": "delete 2"}, {},
    )  # fmt: skip
    assert done["answers"][3].startswith(f"{log}: somebody else has written to it since")
    assert 2 in done["answers"][4]["order"]
    assert log.read_text().count("\n") == 2


@pytest.mark.parametrize("groups", [True, False])
def test_a_split_by_seeds_is_done_again_only_where_its_voxels_are_known(folder, groups):
    mask = np.zeros((6, 10, 20), bool)
    mask[..., 13:] = True
    act = {
        "act": "split", "time": "2026-11-28T08:00:00Z", "by": "napari",
        "labels": label_digest(bars()),
        "before": hashlib.sha256(label_digest(bars()).encode()).hexdigest()[:16],
        "particle": {"label": 4, "at": [3, 22, 29], "voxels": 1200, "box": [0, 18, 20, 6, 28, 40]},
        "seeds": [[2, 20, 22], [2, 20, 36]], "new": [5],
    }  # fmt: skip
    if groups:
        packed = base64.b64encode(zlib.compress(np.packbits(mask).tobytes())).decode()
        act |= {"box": [0, 18, 20, 6, 28, 40], "parts": [packed]}
    (folder / "corrections.jsonl").write_text(json.dumps(act) + "\n")
    problem, _, labels = review(folder)
    if groups:
        assert problem is None
        expected = bars()
        expected[:, 18:28, 33:] = np.where(expected[:, 18:28, 33:] == 4, 5, 0)
        np.testing.assert_array_equal(labels, expected)
    else:
        assert "line 1 splits a particle by seeds" in problem
        assert problem.endswith(f'goes on in Python: particlebridge review "{folder}"')


def test_a_line_that_was_torn_is_dropped_and_said(folder):
    assert review(folder, "delete 1; delete 2")[0] is None
    log = folder / "corrections.jsonl"
    log.write_bytes(log.read_bytes()[:-20])
    problem, said, labels = review(folder, "accept 2")
    assert problem is None
    assert "its last line was cut off while it was written, and is dropped" in said
    assert [act["act"] for act in read(folder)] == ["delete", "accept"]
    assert set(np.unique(labels)) == {0, 2, 3, 4}


def test_corrections_find_their_particles_on_labels_that_were_fused_again(folder):
    assert review(folder, "delete 1; cut 4 2 29.5 0 29.5 9; merge 2 3")[0] is None
    again = bars()[..., ::1].copy()
    again[again > 0] = np.array([0, 9, 1, 7, 2])[again[again > 0]]  # other numbers
    again[2:5, 18:28, 2:12] = 0  # what was 3 is gone
    save(folder, again)
    problem, said, labels = review(folder)
    assert problem is None
    assert "2 corrections were made: they are carried over by place" in said
    assert "line 3 of the corrections (merge) no longer fits: there is no particle at" in said
    again[again == 9] = 0
    again[..., :30][again[..., :30] == 2] = 10
    np.testing.assert_array_equal(labels, again)


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        ("no folder", "there is no such folder; choose the folder of a run"),
        ("no labels", "holds no labels.tif; choose the folder of a run, or run Fuse Views first"),
        ("zarr", "Fiji does not edit labels in Zarr; review them with: particlebridge review"),
        ("no record", "was saved by another program than Particlebridge"),
        ("saved in ImageJ", "was saved by another program than Particlebridge"),
        ("no JSON", "corrections.jsonl: line 1 is no JSON; move the file away"),
        ("a changed line", "line 2 does not follow the line before"),
        ("another volume", "so they are of another volume; move the file away"),
        ("a table", "fusion.csv: has no columns label and confidence"),
    ],
)
def test_bad_input_is_one_sentence_and_changes_nothing(folder, damage, sentence):
    given = folder
    log = folder / "corrections.jsonl"
    if damage == "no folder":
        given = folder / "missing"
    elif damage in ("no labels", "zarr"):
        (folder / "labels.tif").unlink()
        if damage == "zarr":
            (folder / "labels.zarr").mkdir()
    elif damage == "no record":
        save(folder, bars(), note=False)
    elif damage == "saved in ImageJ":
        plain_imagej().run("ij.IJ.saveAsTiff(ij.IJ.openImage(path), path); 0",
                           path=str(folder / "labels.tif"))  # fmt: skip
        with tifffile.TiffFile(folder / "labels.tif") as file:
            assert "Particlebridge labels" in file.imagej_metadata["Info"]  # ImageJ keeps it
    elif damage == "no JSON":
        log.write_text("{\n")
    elif damage == "a changed line":
        assert review(folder, "accept 1; accept 2")[0] is None
        log.write_text(log.read_text().replace('"accept"', '"unsure"', 1))
    elif damage == "another volume":
        assert review(folder, "accept 1; accept 2")[0] is None
        save(folder, bars()[:, ::-1, ::-1].copy())
    else:
        (folder / "fusion.csv").write_text("a,b\n1,2\n")
    (folder.parent / "corrected.tif").unlink(missing_ok=True)
    before = log.read_bytes() if log.exists() else None
    problem, _, labels = review(given, "accept 1")
    assert sentence in problem
    assert labels is None
    assert (log.read_bytes() if log.exists() else None) == before


@pytest.mark.parametrize(
    ("acts", "sentence"),
    [
        ("accept", "accept: is no act; acts are accept P; unsure P;"),
        ("dissolve 4", "dissolve 4: is no act"),
        ("accept 99", "There is no particle 99."),
        ("merge 1 1", "To merge takes two different particles."),
        ("cut 1 7 0 0 9 9", "there is no slice 7; they are 1 to 6"),
        ("cut 1 2 3 3 3 3", "The line has no length"),
        ("cut 1 2 0 25 39 25", "The line leaves all of particle 1 on one side"),
        ("redraw 1 2 5 5 15 5 15 15 5 15", "is the section of particle 1 already"),
        ("undo", "There is nothing to undo."),
        ("accept 1; redo", "There is nothing to redo."),
    ],
)
def test_acts_that_cannot_be_are_refused_and_not_kept(folder, acts, sentence):
    assert sentence in review(folder, acts)[0]
    assert (folder / "corrections.jsonl").exists() == (";" in acts)


def test_the_runs_own_files_are_no_place_for_a_copy(folder):
    problem, _, _ = review(folder, out=folder / "labels.tif")
    assert "is a file of the run" in problem


WINDOW = """
def thread = Window.choose('Review Particles')
Window.type(Window.asked('Review Particles'), [folder])
Window.press(Window.asked('Review Particles'), 'OK')
def panel = Window.dialog('Particlebridge: Review Particles')
def labels = { Window.all(panel).findAll { it instanceof java.awt.Label }*.text*.trim() }
def image = Window.await('the volume') { ij.WindowManager.getImage('scan.tif') }
def yellow = { image.overlay.findAll { it.strokeColor == java.awt.Color.yellow }*.name }
def press = { String label ->
    def button = Window.all(panel).find {
        it instanceof java.awt.Button && it.label.startsWith(label)
    }
    java.awt.EventQueue.invokeLater {
        button.actionListeners*.actionPerformed(new java.awt.event.ActionEvent(button, 1001, label))
    }
    Window.on {}
}
def key = { String c -> Window.on {
    def code = (int) c.toUpperCase().charAt(0)
    image.canvas.dispatchEvent(
        new java.awt.event.KeyEvent(image.canvas, 401, 0L, 0, code, c.charAt(0)))
} }
def click = { int x, int y -> Window.on {
    def at = [image.canvas.screenX(x), image.canvas.screenY(y)]
    [501, 502].each { image.canvas.dispatchEvent(new java.awt.event.MouseEvent(
        image.canvas, it, 0L, 16, at[0], at[1], 1, false, 1)) }
} }
def state = { [slice: image.currentSlice, yellow: yellow(), text: labels()] }
Window.await('the first particle') { labels()[0] }
def seen = [first: state()]
image.setSlice(1)
Window.on {} // listeners hear of it later
seen.elsewhere = yellow()
key('a')
seen.accepted = state()
image.setRoi(new ij.gui.Line(30d, 10d, 30d, 29d))
press('Split')
seen.split = state()
press('Split')
seen.refused = Window.message()
press('Side')
seen.sides = Window.await('the side views') {
    def open = ij.WindowManager.IDList.collect { ij.WindowManager.getImage(it) }
    open.find { it.title.startsWith('Particle 4: xz at y = 2') }
}.overlay.size()
press('Pick')
click(10, 10)
seen.picked = state()
press('Merge')
click(20, 10)
seen.merged = state()
image.setRoi(new ij.gui.OvalRoi(6, 6, 8, 8))
press('Redraw')
seen.redrawn = state()
key('z')
key('z')
key('y')
seen.redone = state()
// Closed in the middle: all is kept.
Window.on { image.close() }
Window.end(thread)
seen.left = Window.dialogs()*.title + (ij.WindowManager.imageTitles as List)
seen.console = Window.console.toString()
seen
"""


def test_a_person_reviews_with_buttons_keys_and_clicks(folder):
    grey = np.random.default_rng(0).integers(90, 110, bars().shape) + 80 * (bars() > 0)
    tifffile.imwrite(folder / "scan.tif", grey.astype(np.uint16), imagej=True,
                     metadata={"axes": "ZYX", "spacing": 0.5}, resolution=(4, 4))  # fmt: skip
    (folder / "run.json").write_text(json.dumps({"volume": {"path": "scan.tif"}}))
    seen = in_window(WINDOW, folder=str(folder))
    assert seen["first"] == {
        "slice": 3,
        "yellow": ["0002"],
        "text": ["Particle 2, 1 of 4: slices 2 to 4   (0 looked at)",
                 "Confidence 0.25 (views: xy 0.50, xz 0.00)", ""],
    }  # fmt: skip
    assert seen["elsewhere"] == []
    assert seen["accepted"]["text"][0] == "Particle 4, 2 of 4: slices 1 to 6   (1 looked at)"
    assert seen["accepted"]["text"][2] == "Particle 2: accepted."
    assert seen["split"]["text"][0].startswith("Particle 4, 2 of 5: slices 1 to 6, corrected")
    assert seen["split"]["text"][2] == "Particle 4: split, the new part is 5."
    assert seen["refused"].startswith("Draw a straight line across the particle first")
    assert seen["sides"] >= 2
    assert seen["picked"]["text"][0].startswith("Particle 1, ")
    assert seen["merged"]["text"][2] == "Particle 1: merged with 2."
    assert seen["redrawn"]["text"][2].startswith("Particle 1: redrawn in slice 3, 0 voxels added")
    assert seen["redone"]["text"][2] == "Done again: merge, particle 1, 2."
    assert seen["left"] == []
    assert seen["console"] == ""
    assert [act["act"] for act in read(folder)] == [
        "accept", "cut", "merge", "paint", "undo", "undo", "redo",
    ]  # fmt: skip
    assert {act["by"] for act in read(folder)} == {"fiji"}
    problem, _, labels = review(folder)
    assert problem is None
    expected = bars()
    expected[expected == 2] = 1
    expected[..., :31][expected[..., :31] == 4] = 5
    np.testing.assert_array_equal(labels, expected)


@pytest.fixture
def results(fused_once, tmp_path):
    """A run folder as Python leaves it."""
    shutil.copytree(fused_once, tmp_path / "work")
    return tmp_path / "work" / "results"


def by_python(results):
    """What a review in Python shows: labels, the review of each particle, and messages."""
    with ReviewSession.open(results) as session:
        reviews = session.table.sort_values("label")[["label", "review"]].to_numpy().tolist()
        return np.array(session.labels), reviews, session.messages


def correct_in_python(results):
    """One act of each kind."""
    with ReviewSession.open(results, by="napari") as session:
        labels = session.table["label"].tolist()
        session.accept(labels[0])
        session.unsure(labels[1])
        session.delete(labels[2])
        session.merge(labels[3:5])
        box = session.box(labels[5])
        middle = [(a + b) / 2 for a, b in zip(box[:3], box[3:], strict=True)]
        session.cut(labels[5], middle, (0.36, 0.48, 0.8))
        ends = np.argwhere(session.labels[:] == labels[6])[[0, -1]]
        session.split(labels[6], [tuple(map(int, end)) for end in ends])
        low = session.box(labels[7])[:3]
        around = (*low, *(v + 6 for v in low))
        mask = np.random.default_rng(0).random((6, 6, 6)) > 0.5
        session.paint(labels[7], around, add=mask, remove=~mask)
        session.add(Region((0, 0, 0, 3, 5, 7), np.ones((3, 5, 7), bool)))
        session.undo()
        session.undo()
        session.redo()
    return labels


def test_python_and_fiji_go_on_with_one_anothers_corrections(results):
    names = correct_in_python(results)
    problem, said, labels = review(results)
    assert problem is None, said
    np.testing.assert_array_equal(labels, by_python(results)[0])
    # Fiji goes on, Python after it.
    z, y, x = (int(v) for v in np.argwhere(labels == names[8]).mean(axis=0))
    acts = (
        f"redo; cut {names[8]} 1 {x - 9} {y - 2.3} {x + 9} {y + 1.1}; "
        f"redraw {names[9]} {z + 1} {x} {y} {x + 9} {y} {x + 5} {y + 8}; "
        f"merge {names[8]} {names[0]}; "
        f"unsure {names[9]}; undo; accept {names[7]}"
    )
    done = session({"open": str(results)}, {"acts": acts}, {})
    assert done["answers"][1] is None
    problem, said, labels = review(results)
    assert problem is None, said
    found, reviews, messages = by_python(results)
    np.testing.assert_array_equal(labels, found)
    assert done["answers"][2]["reviews"] == reviews
    assert messages == []
    assert [act["by"] for act in read(results)] == ["napari"] * 11 + ["fiji"] * 7


def test_particles_that_were_fused_again_are_found_as_python_finds_them(results):
    names = correct_in_python(results)[8:12]
    with ReviewSession.open(results) as session:
        session.undo()  # what is added
        session.undo()  # the split, which only Python can grow again
        session.undo()
        session.delete(names[0])
        session.merge(names[1:3])
    fused_run(results.parent, generated(), seed=1)
    found, _, messages = by_python(results)
    problem, said, labels = review(results)
    assert problem is None, said
    np.testing.assert_array_equal(labels, found)
    assert any("carried over by place" in message for message in messages)
    assert said.count("no longer fits") == sum("no longer fits" in m for m in messages)
