"""A run's folder: stages, resume, the lock."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from particlebridge.bridge.runs.run_folder import RunFolder, digest
from particlebridge.bridge.volumes.stored_arrays import array_digest


def test_stage_is_done_only_with_the_same_key_and_its_outputs(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    out = tmp_path / "labels.tif"
    with folder.stage("fuse", {"method": "consensus"}) as notes:
        out.write_bytes(b"x")
        notes["pieces"] = 3
    again = RunFolder(tmp_path)
    assert again.is_done("fuse", {"method": "consensus"}, [out])
    assert not again.is_done("fuse", {"method": "paper"}, [out])
    out.unlink()
    assert not again.is_done("fuse", {"method": "consensus"}, [out])
    assert json.loads((tmp_path / "run.json").read_text())["stages"]["fuse"]["pieces"] == 3


def test_a_folder_of_other_results_is_refused_in_words(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    held = {"volume": "5193c36f", "diameter": 25.110933414596595}
    (tmp_path / "views").mkdir()
    folder.claim("views", held)
    folder.claim("views", held)
    with pytest.raises(ValueError, match=r"views holds results of another volume; choose"):
        folder.claim("views", {**held, "volume": "1bf5df4e"})
    with pytest.raises(ValueError, match=r"with diameter = 25\.1109, not 30; choose"):
        folder.claim("views", {**held, "diameter": 30.0})
    with pytest.raises(ValueError, match=r"with format = tiff, not zarr; choose"):
        folder.claim("views", {**held, "format": "zarr"})


def test_a_stage_that_fails_is_not_done(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    with pytest.raises(ZeroDivisionError), folder.stage("fuse", {}):
        raise ZeroDivisionError
    assert not RunFolder(tmp_path).is_done("fuse", {}, [])


def test_two_runs_on_one_folder(tmp_path: Path) -> None:
    code = (
        "import sys; from particlebridge.bridge.runs.run_folder import RunFolder\n"
        "with RunFolder(sys.argv[1]).locked(): pass"
    )
    with RunFolder(tmp_path).locked():
        other = subprocess.run(
            [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=False
        )
    assert other.returncode == 1
    assert "another run or review is using this folder" in other.stderr
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)


@pytest.mark.parametrize("text", ["{", "[1]", '{"stages": {"a": {}}}', '{"stages": 5}'])
def test_damaged_run_json_gets_a_sentence(tmp_path: Path, text: str) -> None:
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(ValueError, match=r"run\.json: cannot be read"):
        RunFolder(tmp_path)


def test_digests_tell_values_shape_and_type_apart() -> None:
    a = np.arange(24).reshape(2, 3, 4)
    assert array_digest(a) == array_digest(a.copy())
    assert array_digest(a) == array_digest(np.asfortranarray(a))
    others = [a.astype(np.int32), a.reshape(2, 4, 3), a + 1]
    assert len({array_digest(b) for b in [a, *others]}) == 4
    assert digest({"a": 1, "b": np.float64(2)}) == digest({"b": 2.0, "a": 1})
