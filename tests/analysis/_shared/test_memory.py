"""What a container or a Slurm job allows counts, not what the machine has."""

from pathlib import Path

import psutil
import pytest
from particlebridge.analysis._shared import memory
from particlebridge.bridge.engines import memory_estimate

GB = 10**9


def group(folder: Path, limit: str, used: int, cached: int, version: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    names = {
        1: ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
        2: ("memory.max", "memory.current", "inactive_file"),
    }[version]
    (folder / names[0]).write_text(f"{limit}\n")
    (folder / names[1]).write_text(f"{used}\n")
    (folder / "memory.stat").write_text(f"anon 5\n{names[2]} {cached}\n")


@pytest.fixture
def mount(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(memory, "_MOUNT", tmp_path / "fs")
    monkeypatch.setattr(memory, "_OWN", tmp_path / "cgroup")
    return tmp_path / "fs"


def test_a_container_of_version_2(mount: Path) -> None:
    (mount.parent / "cgroup").write_text("0::/slurm/job_1\n")
    group(mount / "slurm" / "job_1", "max", 0, 0, 2)
    group(mount / "slurm", str(2 * GB), GB + 300, 300, 2)
    assert memory.total_memory() == 2 * GB
    assert memory.free_memory() <= GB
    assert memory_estimate.usual_ceiling() == int(1.5 * GB)


def test_a_container_of_version_1_that_knows_the_path_of_its_host(mount: Path) -> None:
    (mount.parent / "cgroup").write_text("12:cpu:/docker/ab\n4:memory:/docker/ab\n")
    group(mount / "memory", str(GB), GB // 4, 0, 1)
    assert memory.total_memory() == GB
    assert memory.free_memory() == GB - GB // 4


def test_a_full_container_has_nothing_free(mount: Path) -> None:
    (mount.parent / "cgroup").write_text("0::/\n")
    group(mount, str(GB), GB + 5, 0, 2)
    assert memory.free_memory() == 0


def test_without_limits_the_machine_counts(mount: Path) -> None:
    assert memory.total_memory() == psutil.virtual_memory().total
    (mount.parent / "cgroup").write_text("0::/\n")
    group(mount, "max", 5, 0, 2)
    assert memory.total_memory() == psutil.virtual_memory().total
