"""Files that others made: in the folder that a command writes to, none is lost or overwritten."""

import hashlib
import json
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
from particlebridge.analysis import FEATURES, VIEWS, atomic_path, to_view
from particlebridge.analysis.io.atomic import journal, remove_folder
from particlebridge.bridge import demo, explain_files, fuse_folder, measure_files, run, segment
from particlebridge.bridge.runs.folder_lock import held
from particlebridge.bridge.runs.piece_store import PieceStore
from particlebridge.bridge.runs.rechunking import in_cubes
from particlebridge.bridge.runs.run_folder import RunFolder
from particlebridge.bridge.volumes.ome_zarr import create_stack
from particlebridge.bridge.volumes.reading import open_volume
from particlebridge.bridge.volumes.writing import write_labels, write_stack

MODEL = Path(__file__).parents[1] / "data" / "plugin" / "bundle.zip"
SETTINGS = {"model": MODEL, "prob_thresh": 0.4, "views": ("xy",)}
LOCK = ".particlebridge-lock"

FOREIGN = (
    ".bashrc.20240115", ".notes.20240115.txt", ".lock", ".a.0123abcd/kept", ".x.89abcdef.tif",
    ".fusion-0123456789abcdef/block-0000.zarr/x", ".measure-0123456789abcdef/slab-0000.npz",
    ".volume.zarr/x", ".volume-0123456789abcdef", "0.0123456789abcdef0123456789abcdef.partial",
    "a.zarr/0/0.0123456789abcdef0123456789abcdef.partial", ".particlebridge-notes.txt",
    ".particlebridge-01234567-other.tif", ".parts/00000.npz", "views/.parts/00000.npz",
    "views/notes.txt", "rois/mine.zip", "figures.txt", "labels.npy", "report.pdf",
)  # fmt: skip


def _state(folder: Path) -> dict[str, str]:
    """Digest of every file that a folder holds."""
    return {
        file.relative_to(folder).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in folder.rglob("*")
        if file.is_file() and file.name != LOCK
    }


@pytest.fixture
def home(tmp_path: Path) -> Path:
    for name in FOREIGN:
        file = tmp_path / "home" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"the only copy of {name}")
    return tmp_path / "home"


@pytest.mark.parametrize("form", ["tiff", "zarr"])
def test_a_run_into_a_home_folder_leaves_all_that_is_there(
    home: Path, small_volume: Path, form: str
) -> None:
    before = _state(home)
    for _ in range(2):
        run([small_volume], home, format=form, **SETTINGS)
        now = _state(home)
        assert {name: now.get(name) for name in before} == before
    assert (home / "report.html").is_file()
    assert not [n for n in now.keys() - before.keys() if Path(n).name.startswith(".particle")]


@pytest.mark.parametrize(
    "name",
    [
        "run.json", "labels.tif", "solid.tif", "fusion.csv", "features.csv", "contacts.csv",
        "report.html", "importance.csv", "shap.csv", "figures/mine.png", "views/xy/labels.tif",
        "views/xy/prob.tif", "rois/xy.zip",
    ],
)  # fmt: skip
def test_a_run_refuses_to_replace_what_others_wrote(
    tmp_path: Path, small_volume: Path, name: str
) -> None:
    out = tmp_path / "out"
    (out / name).parent.mkdir(parents=True)
    (out / name).write_text('{"name": "an app of mine"}')
    before = _state(out)
    first = (out / name).relative_to(out).parts[0] if "figures" in name else name
    with pytest.raises(ValueError, match=f"{Path(first).name}: .*choose another --out"):
        run([small_volume], out, **SETTINGS)
    assert _state(out) == before


def test_the_volume_itself_is_not_taken_for_the_copy_of_it(tmp_path: Path) -> None:
    volume = np.random.default_rng(0).integers(0, 255, (70, 70, 80)).astype(np.uint8)
    stack = create_stack(tmp_path / "volume.zarr", volume.shape, np.uint8, (1, 1, 1), (1, 70, 80))
    stack[:] = volume
    before = _state(tmp_path)
    source = open_volume(tmp_path / "volume.zarr")
    with pytest.raises(ValueError, match=r"volume\.zarr: was not written by a run"):
        in_cubes(source, RunFolder(tmp_path), ceiling=1)
    now = _state(tmp_path)
    assert {name: now.get(name) for name in before} == before


@pytest.mark.parametrize("name", ["volumes.csv", "cycles10.tif"])
def test_the_demo_takes_no_volumes_of_others_for_its_own(tmp_path: Path, name: str) -> None:
    file = tmp_path / "volumes" / name
    file.parent.mkdir()
    if name.endswith("tif"):
        tifffile.imwrite(file, np.zeros((4, 5, 6), np.uint8), metadata={"axes": "ZYX"})
    else:
        file.write_text("path,state\nmine.tif,10\n")
    before = _state(tmp_path)
    with pytest.raises(ValueError, match=f"{name}: was not written by the demo"):
        demo(tmp_path)
    assert _state(tmp_path) == before


def test_images_refuse_too_and_do_not_take_tables_of_others_for_finished(tmp_path: Path) -> None:
    image = np.random.default_rng(0).integers(0, 255, (48, 48)).astype(np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", image)
    out = tmp_path / "out"
    out.mkdir()
    (out / "objects.csv").write_text("mine")
    with pytest.raises(ValueError, match=r"objects\.csv: was not written by a run"):
        segment(tmp_path / "a.tif", out, model=MODEL, prob_thresh=0.4)
    (out / "objects.csv").unlink()
    segment(tmp_path / "a.tif", out, model=MODEL, prob_thresh=0.4)
    segment(tmp_path / "a.tif", out, model=MODEL, prob_thresh=0.4)
    assert (out / "objects.csv").is_file()


@pytest.fixture
def views(tmp_path: Path) -> Path:
    """A folder of views of two bodies, and grey values beside it."""
    labels = np.zeros((16, 24, 32), np.uint16)
    labels[2:8, 2:8, 2:8], labels[4:12, 8:18, 16:26] = 1, 2
    for view in VIEWS:
        write_labels(tmp_path / "views" / view / "labels.tif", to_view(labels, view), (1, 1, 1))
    write_stack(tmp_path / "grey.tif", labels * 90, labels.shape, np.uint8, (1, 1, 1))
    return tmp_path


@pytest.mark.parametrize("name", ["labels.tif", "solid.tif", "fusion.csv"])
def test_fuse_refuses_to_replace_what_others_wrote(views: Path, name: str) -> None:
    if name.endswith("csv"):
        (views / name).write_text("day,place\n1,Jena\n")
    else:
        tifffile.imwrite(views / name, np.ones((16, 24, 32), np.uint8), metadata={"axes": "ZYX"})
    before = _state(views)
    with pytest.raises(ValueError, match=rf"{name}: was not written by Particlebridge"):
        fuse_folder(views, volume=views / "grey.tif")
    with pytest.raises(ValueError, match=r"grey\.tif: was not written by Particlebridge"):
        fuse_folder(views, out=views / "grey.tif")
    assert _state(views) == before
    (views / name).unlink()
    for method in ("consensus", "flow"):
        fuse_folder(views, volume=views / "grey.tif", method=method)


def test_fuse_does_not_replace_a_folder_of_others_by_its_labels(views: Path) -> None:
    (views / "mine.zarr").mkdir()
    (views / "mine.zarr" / "notes.txt").write_text("mine")
    with pytest.raises(ValueError, match=r"mine\.zarr: was not written by Particlebridge"):
        fuse_folder(views, out=views / "mine.zarr", format="zarr")
    assert (views / "mine.zarr" / "notes.txt").is_file()


def test_a_second_fuse_into_one_folder_waits_its_turn(views: Path) -> None:
    code = "import sys; from particlebridge.bridge import fuse_folder; fuse_folder(sys.argv[1])"
    out = views / "labels.tif"
    with held(views):
        other = subprocess.run(
            [sys.executable, "-c", code, str(views)], capture_output=True, text=True, check=False
        )
        assert not out.exists()
        with pytest.raises(RuntimeError, match="another run or review is using this folder"):
            measure_files(views / "grey.tif", views / "views/xy/labels.tif", views / "features.csv")
    assert "another run or review is using this folder" in other.stderr
    fuse_folder(views)
    assert out.is_file()


def test_fuse_keeps_the_pieces_of_another_target(views: Path) -> None:
    other = PieceStore(views, "fusion-other.zarr", "of other settings").path
    (other / "block-0000.zarr").mkdir()
    fuse_folder(views, out=views / "labels.zarr", format="zarr")
    assert (other / "block-0000.zarr").is_dir()
    assert sorted(p.name for p in views.glob(".particlebridge-*")) == [other.name, LOCK]


def test_pieces_of_other_settings_go(tmp_path: Path) -> None:
    store = PieceStore(tmp_path, "fusion", {"method": "flow"})
    store.keep("block", labels=np.arange(3))
    again = PieceStore(tmp_path, "fusion", {"method": "flow"})
    assert [array.tolist() for array in again.load("block")] == [[0, 1, 2]]
    assert "block" not in PieceStore(tmp_path, "fusion", {"method": "consensus"})
    assert "block" not in again


@pytest.mark.parametrize("name", ["features.csv", "contacts.csv", "importance.csv", "report.html"])
def test_measure_and_explain_refuse_to_replace_what_others_wrote(views: Path, name: str) -> None:
    (views / name).write_text("mine")
    with pytest.raises(ValueError, match=f"{name}: was not written by"):
        if name in ("features.csv", "contacts.csv"):
            measure_files(views / "grey.tif", views / "views/xy/labels.tif", views / "features.csv")
        else:
            draw = np.random.default_rng(0)
            columns = {"label", "X", "Y", "Z", "Volume", "Damage", *FEATURES["drivers"]}
            table = pd.DataFrame({name: draw.random(60) for name in sorted(columns)})
            table.to_csv(views / "table.csv", index=False)
            explain_files([views / "table.csv"], views)
    assert (views / name).read_text() == "mine"


def test_what_a_killed_process_left_goes_and_nothing_else(tmp_path: Path) -> None:
    code = """
import os, signal, sys
from pathlib import Path
from particlebridge.analysis import atomic_path
from particlebridge.analysis.io.atomic import remove_folder
from particlebridge.bridge.runs.folder_lock import held
folder = Path(sys.argv[1])
with held(folder), atomic_path(folder / "a" / "x.tif") as file, atomic_path(folder / "y") as made:
    file.write_text("half")
    made.mkdir()
    (made / "inner").touch()
    (folder / "parts").mkdir()
    import shutil
    shutil.rmtree = lambda *a, **k: os.kill(os.getpid(), signal.SIGKILL)
    remove_folder(folder / "parts")
"""
    foreign = tmp_path / "a" / ".particlebridge-01234567-mine.tif"
    foreign.parent.mkdir()
    foreign.write_text("of another process")
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert len(list(tmp_path.rglob(".particlebridge-*"))) >= 5
    with held(tmp_path):
        pass
    assert sorted(p.name for p in tmp_path.rglob("*")) == sorted([LOCK, "a", foreign.name])


def test_a_journal_names_nothing_outside_its_folder(tmp_path: Path) -> None:
    name = ".particlebridge-01234567-x"
    folder = tmp_path / "run"
    folder.mkdir()
    (tmp_path / name).touch()
    lines = [f"../{name}", str(tmp_path / name), "kept.txt", 7, None]
    (folder / "kept.txt").touch()
    text = "\n".join(json.dumps(line) for line in lines)
    (folder / ".particlebridge-journal").write_text(f'{text}\n"cut o')
    with journal(folder):
        pass
    assert [file.name for file in folder.iterdir()] == ["kept.txt"]
    assert (tmp_path / name).exists()


def test_a_name_as_long_as_may_be_is_written_whole(tmp_path: Path) -> None:
    target = tmp_path / f"{'n' * 251}.tif"
    with journal(tmp_path), atomic_path(target) as beside:
        beside.touch()
    assert [file.name for file in tmp_path.iterdir()] == [target.name]
    remove_folder(tmp_path / "nothing")
