"""A disk that fills up, a folder that cannot be written, a volume that vanishes during a run."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from killed_runs import contents
from particlebridge.analysis import atomic_path
from particlebridge.analysis.io.atomic import journal, remove_folder
from particlebridge.bridge import run
from particlebridge.bridge.cli.app import sentence
from particlebridge.bridge.runs.view_folder import ViewFolder

Mount = Callable[[str], None]
MODEL = Path(__file__).parents[1] / "data" / "plugin" / "bundle.zip"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[tuple[Path, Mount]]:
    """A small disk of its own, and how to change its size or make it read-only."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", str(folder)]
    try:
        made = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no mount command here")
    if made.returncode:
        pytest.skip(f"a small disk needs the right to mount: {made.stderr.strip()}")

    def change(options: str) -> None:
        subprocess.run(["mount", "-o", f"remount,{options}", str(folder)], check=True)

    yield folder, change
    subprocess.run(["umount", "-l", str(folder)], check=True)


def _carry(volume: Path, out: Path) -> None:
    run([volume], out, views=("xy",), model=MODEL, prob_thresh=0.4)


@pytest.fixture(scope="module")
def undisturbed(small_volume: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "run"
    _carry(small_volume, out)
    return out


def test_a_full_disk_is_said_keeps_what_is_done_and_the_run_goes_on(
    small_volume: Path, undisturbed: Path, disk: tuple[Path, Mount]
) -> None:
    folder, change = disk
    out = folder / "run"
    whole = sum(f.stat().st_size for f in undisturbed.rglob("*") if f.is_file())
    expected = contents(undisturbed)
    kept: set[str] = set()
    for share in (0.05, 0.4, 0.8):
        change(f"size={int(share * whole) // 4096 * 4}k")
        with pytest.raises(OSError, match="No space left") as caught:
            _carry(small_volume, out)
        text = sentence(caught.value)
        assert text.endswith(
            "the disk is full; free some space and run the same command again, "
            "finished work is kept"
        )
        assert text.startswith(str(out)), text
        now = contents(out) if out.exists() else {}
        assert not [name for name in now if Path(name).name.startswith(".")], "half-written"
        assert kept <= now.keys(), "finished work is gone"
        stacks = {name for name in now if name in expected and name != "run.json"}
        assert all(now[name] == expected[name] for name in stacks)
        kept = stacks
    assert kept
    change("size=64m")
    _carry(small_volume, out)
    assert contents(out) == expected


def test_a_read_only_folder_is_said_and_left_alone(
    small_volume: Path, undisturbed: Path, disk: tuple[Path, Mount]
) -> None:
    folder, change = disk
    change("size=8m")
    (folder / "run").mkdir()
    change("ro")
    for out in (folder / "run", folder / "new"):
        with pytest.raises(OSError, match=r"[Rr]ead-only|[Pp]ermission") as caught:
            _carry(small_volume, out)
        text = sentence(caught.value)
        assert text.startswith(str(out)), text
        assert text.endswith("choose another --out")
    assert list(folder.iterdir()) == [folder / "run"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows holds a mapped file")
def test_a_volume_that_vanishes_during_a_run_is_still_mapped(
    small_volume: Path, undisturbed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run opens its volume once, before it starts."""
    own = tmp_path / small_volume.name
    own.write_bytes(small_volume.read_bytes())
    keep = ViewFolder.keep

    def lose(folder: ViewFolder, index: int, prediction: object) -> None:
        keep(folder, index, prediction)  # type: ignore[arg-type]
        own.unlink(missing_ok=True)

    monkeypatch.setattr(ViewFolder, "keep", lose)
    out = tmp_path / "run"
    _carry(own, out)
    assert not own.exists()
    same = contents(undisturbed)
    # These two name the volume's folder.
    differing = {name for name, digest in contents(out).items() if same.get(name) != digest}
    assert differing <= {"run.json", "report.html"}


def test_a_full_disk_under_numpy_names_the_file(disk: tuple[Path, Mount]) -> None:
    folder, _ = disk
    target = folder / "big.bin"
    with pytest.raises(OSError, match="No space left") as caught, atomic_path(target) as beside:
        np.zeros(1 << 20).tofile(beside)
    assert caught.value.filename == str(target)
    assert not list(folder.iterdir())


def test_a_folder_goes_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = tmp_path / ".parts"
    (parts / "a").mkdir(parents=True)

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with journal(tmp_path):
        with monkeypatch.context() as patched:
            patched.setattr("shutil.rmtree", killed)
            with pytest.raises(KeyboardInterrupt):
                remove_folder(parts)
        assert not parts.exists()
        assert len(list(tmp_path.iterdir())) == 2  # the journal names the other
    assert not list(tmp_path.iterdir())
    remove_folder(parts)
