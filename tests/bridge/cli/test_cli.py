"""The command line: fast help, exit codes, one sentence per error."""

import inspect
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
from particlebridge import bridge
from particlebridge.bridge.cli.app import app
from PIL import Image
from typer.main import get_command
from typer.testing import CliRunner

MAIN = "from particlebridge.bridge.cli.app import main; main()"


def call(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", MAIN, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        env={**os.environ, "COLUMNS": "120", **environment},
    )


def test_help_imports_neither_tensorflow_nor_the_jvm_nor_numpy() -> None:
    code = (
        "import sys\nfrom particlebridge.bridge.cli.app import main\n"
        "try: main()\nexcept SystemExit: pass\n"
        "heavy = {'tensorflow', 'keras', 'jpype', 'scyjava', 'imagej', 'numba', 'numpy'}\n"
        "print('HEAVY', sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "--help"], capture_output=True, text=True, check=True
    )
    assert "HEAVY []" in done.stdout
    for command in ("demo", "run", "train", "export", "verify", "inspect", "segment", "fuse",
                    "measure", "explain", "particle", "compare", "fiji"):  # fmt: skip
        assert command in done.stdout


@pytest.mark.parametrize(
    ("command", "name"),
    [
        ("run", "run"),
        ("segment", "segment"),
        ("fuse", "fuse_folder"),
        ("measure", "measure_files"),
        ("explain", "explain_files"),
        ("particle", "particle"),
    ],
)
def test_a_command_has_each_option_of_its_function(command: str, name: str) -> None:
    function = inspect.signature(getattr(bridge, name)).parameters
    options = {option.name for option in get_command(app).commands[command].params}
    assert set(function) - options == set()


@pytest.mark.parametrize("package", ["analysis", "exporter", "bridge", "fiji_macros"])
def test_packages_load_lazily(package: str) -> None:
    code = (
        f"import sys, particlebridge.{package}\n"
        "print(sorted({'tensorflow', 'jpype', 'scyjava', 'imagej'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.fixture(scope="module")
def bad(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bad")
    tifffile.imwrite(folder / "flat.tif", np.zeros((20, 20), np.uint8))
    hole = np.random.default_rng(0).random((6, 20, 20)).astype(np.float32)
    np.save(folder / "whole.npy", hole)
    hole[3, 10, 10] = np.nan
    np.save(folder / "nan.npy", hole)
    np.save(folder / "grey.npy", np.arange(6 * 40 * 40, dtype=np.uint16).reshape(6, 40, 40))
    (folder / "stacks").mkdir()
    tifffile.imwrite(folder / "stacks" / "a.tif", np.load(folder / "grey.npy"))
    Image.new("RGB", (70, 60), (90, 20, 10)).save(folder / "colour.png")
    (folder / "empty").mkdir()
    (folder / "broken.zip").write_bytes(b"PK\x03\x04 not really")
    (folder / "words.csv").write_text("label,Damage\n1,much\n")
    (folder / "sheet.csv").write_text("file\na.tif\n")
    return folder


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["run", "gone.tif", "--out", "o"], "gone.tif: no such file"),
        (["run", "flat.tif", "--out", "o"], "flat.tif: a 3-D volume"),
        (["run", "nan.npy", "--out", "o"], "nan.npy: slice 3 holds NaN"),
        (["run", "empty", "--out", "o"], "empty: the folder holds no image"),
        (["run", "sheet.csv", "--out", "o"], "sheet.csv: needs a column 'path'"),
        (["run", "whole.npy", "--out", "o", "--model", "broken.zip"], "broken.zip"),
        (["run", "whole.npy", "--out", "o", "--model", "no-such-model"], "no-such-model"),
        (["segment", "gone.tif", "--out", "o"], "gone.tif: no such file"),
        (["segment", "empty", "--out", "o"], "empty: the folder holds no image"),
        (["fuse", "empty"], "holds no labels.tif of a view"),
        (["measure", "whole.npy", "gone.tif", "--out", "f.csv", "--labels-are", "body"],
         "gone.tif: no such file"),
        (["measure", "whole.npy", "whole.npy", "--out", "f.csv", "--labels-are", "body"],
         "whole.npy: holds fractions"),
        (["measure", "grey.npy", "grey.npy", "--out", "f.csv", "--labels-are", "body"],
         "grey.npy: is the volume itself"),
        (["run", "grey.npy", "--out", "words.csv"], "words.csv: a file is in the way of a folder"),
        (["run", "grey.npy", "--out", "o", "--memory", "8"], "'8' is not a memory size"),
        (["run", "stacks", "--out", "o"], "give single slices, or this file by itself"),
        (["segment", "colour.png", "--out", "o"], "colour.png: has 3 channels, but model nmc"),
        (["segment", "grey.npy", "--out", "o", "--dims", "3"], "nmc is not the folder of a 3-D"),
        (["explain", "gone.csv", "--out", "o"], "gone.csv: no such table"),
        (["explain", "words.csv", "--out", "o"], "column 'Damage' holds words"),
        (["compare", "gone.tif", "flat.tif"], "gone.tif: no such file"),
        (["export", "gone"], "gone"),
        (["inspect", "broken.zip"], "broken.zip"),
        (["inspect", "gone.zip"], "gone.zip"),
    ],
)  # fmt: skip
def test_bad_input_gets_one_sentence_and_exit_code_1(
    bad: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], sentence: str
) -> None:
    monkeypatch.chdir(bad)
    done = CliRunner().invoke(app, arguments)
    last = done.stderr.strip().splitlines()[-1]
    assert done.exit_code == 1, done.stderr
    assert last.startswith("particlebridge: ")
    assert sentence in last
    assert "Traceback" not in done.stderr


def test_compare_says_what_changed(tmp_path: Path) -> None:
    labels = np.zeros((4, 20, 60), np.uint16)
    for k in range(5):
        labels[:, 5:15, 12 * k + 1 : 12 * k + 11] = k + 1
    tifffile.imwrite(tmp_path / "old.tif", labels, metadata={"axes": "ZYX"})
    labels[labels == 2] = 1
    labels[labels == 5] = 0
    labels[:, 16:19, 50:59] = 9
    tifffile.imwrite(tmp_path / "new.tif", labels, metadata={"axes": "ZYX"})
    done = CliRunner().invoke(
        app, ["compare", str(tmp_path / "old.tif"), str(tmp_path / "new.tif")]
    )
    said = dict((part.strip() for part in line.split("  ", 1)) for line in done.stdout.splitlines())
    assert done.exit_code == 0
    assert (said["merges"], said["missed"], said["false"]) == ("1", "1", "1")
    assert said["without a partner in new.tif"].startswith(("1, 5", "2, 5"))
    assert said["without a partner in old.tif"] == "9"
    again = tmp_path / "again" / "old.tif"
    again.parent.mkdir()
    again.write_bytes((tmp_path / "old.tif").read_bytes())
    done = CliRunner().invoke(app, ["compare", str(tmp_path / "old.tif"), str(again)])
    assert "without a partner in again/old.tif" in done.stdout
    assert f"without a partner in {tmp_path.name}/old.tif" in done.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", "whole.npy"],
        ["run", "whole.npy", "--out", "o", "--voxel-size", "1,2"],
        ["run", "whole.npy", "--out", "o", "--views", "xy,zz"],
        ["run", "whole.npy", "--out", "o", "--percentiles", "99,1"],
        ["run", "whole.npy", "--out", "o", "--method", "magic"],
        ["run", "whole.npy", "--out", "o", "--prob-thresh", "1.5"],
        ["measure", "whole.npy", "flat.tif", "--out", "f.csv"],
        ["nothing"],
    ],
)
def test_wrong_usage_is_exit_code_2(
    bad: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    monkeypatch.chdir(bad)
    assert CliRunner().invoke(app, arguments).exit_code == 2


def test_verbose_adds_the_traceback() -> None:
    done = call("--verbose", "run", "gone.tif", "--out", "o")
    assert done.returncode == 1
    assert "Traceback" in done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="needs a folder that even root cannot write")
def test_unwritable_output_is_named(bad: Path) -> None:
    done = call("run", bad / "whole.npy", "--out", "/sys/particlebridge")
    assert done.returncode == 1
    assert "choose another --out" in done.stderr


def test_bad_input_leaves_no_folder_behind(bad: Path, tmp_path: Path) -> None:
    call("run", bad / "nan.npy", "--out", tmp_path / "o")
    assert list(tmp_path.iterdir()) == []


def test_output_that_is_a_file_is_named(bad: Path) -> None:
    done = call("run", bad / "whole.npy", "--out", bad / "flat.tif")
    assert done.returncode == 1
    assert "flat.tif" in done.stderr
