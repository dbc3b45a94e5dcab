"""The log keeps every act, finds lines that were changed or lost, and mends only a torn end."""

import json
from pathlib import Path

import pytest
from particlebridge.analysis.correction.acts import Accept, Delete, Reference, Undo
from particlebridge.bridge.reviewing.log import CorrectionLog

SHAPE = (8, 8, 8)
LABELS = "0123456789abcdef"
PARTICLE = Reference(3, (2, 3, 4), 20, (1, 2, 3, 5, 6, 7))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    log = CorrectionLog(tmp_path / "corrections.jsonl", SHAPE)
    for act in (Accept(PARTICLE), Delete(PARTICLE), Undo()):
        log.append(act, "script", LABELS)
    return log.path


def test_lines_come_back(path: Path) -> None:
    log = CorrectionLog(path, SHAPE)
    assert [line.act for line in log.lines] == [Accept(PARTICLE), Delete(PARTICLE), Undo()]
    assert [(line.number, line.by, line.labels) for line in log.lines] == [
        (n, "script", LABELS) for n in (1, 2, 3)
    ]
    assert log.messages == []
    log.append(Undo(), "napari", LABELS)
    assert len(CorrectionLog(path, SHAPE).lines) == 4


def test_a_torn_last_line_is_dropped_and_writing_goes_on(path: Path) -> None:
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"act":"acc')
    log = CorrectionLog(path, SHAPE, mend=True)
    assert len(log.lines) == 3
    assert "was cut off" in log.messages[0]
    assert path.read_bytes() == whole
    log.append(Accept(PARTICLE), "script", LABELS)
    assert len(CorrectionLog(path, SHAPE).lines) == 4


@pytest.mark.parametrize("line", [1, 2, 3])
def test_a_line_that_was_changed_or_lost_is_found(path: Path, line: int) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[: line - 1] + lines[line:]))
    if line < 3:
        with pytest.raises(ValueError, match="changed or lost"):
            CorrectionLog(path, SHAPE)
    else:  # an end cut off at a whole line cannot be told from a shorter log
        assert len(CorrectionLog(path, SHAPE).lines) == 2
    record = json.loads(lines[0])
    record["time"] = "2020-01-01T00:00:00Z"
    path.write_bytes(json.dumps(record).encode() + b"\n" + b"".join(lines[1:]))
    with pytest.raises(ValueError, match="line 2 does not follow"):
        CorrectionLog(path, SHAPE)


@pytest.mark.parametrize(
    "text",
    [b"[]", b"\xff\xfe", b"{", b'{"act":"undo"}', b'{"act":"undo","time":NaN}', b"[" * 100_000],
    ids=["list", "bytes", "cut", "keys", "nan", "deep"],
)
def test_what_is_no_line_is_named(path: Path, text: bytes) -> None:
    with path.open("ab") as file:
        file.write(text + b"\n")
    with pytest.raises(ValueError, match="line 4 cannot be used"):
        CorrectionLog(path, SHAPE)


def test_what_another_program_writes_meanwhile_is_noticed_before_anything_is_written(
    path: Path,
) -> None:
    first, second = CorrectionLog(path, SHAPE), CorrectionLog(path, SHAPE)
    second.append(Undo(), "fiji", LABELS)
    before = path.read_bytes()
    with pytest.raises(RuntimeError, match="another program"):
        first.append(Accept(PARTICLE), "napari", LABELS)
    assert path.read_bytes() == before


def test_coordinates_of_a_larger_volume_are_refused(path: Path) -> None:
    with pytest.raises(ValueError, match=r"line 1 cannot be used.*outside the volume"):
        CorrectionLog(path, (4, 4, 4))
