"""How much memory this process may take: the machine's, or less where a container limits it."""

from pathlib import Path

import psutil

_MOUNT = Path("/sys/fs/cgroup")
_OWN = Path("/proc/self/cgroup")


def total_memory() -> int:
    """Give the bytes that this process and its like may take together."""
    return min([psutil.virtual_memory().total, *(limit for limit, _ in _limits())])


def free_memory() -> int:
    """Give the bytes that are free now, below every limit of a container or a Slurm job."""
    free = [limit - used for limit, used in _limits()]
    return max(0, min([psutil.virtual_memory().available, *free]))


def _limits() -> list[tuple[int, int]]:
    """List (limit, used) in bytes of this process's control groups, its own and all above it.

    A container sees its own group as the root of the mount, but may read the path by which the
    host knows it; so folders that are not there are passed over.
    """
    try:
        lines = _OWN.read_text("utf-8").splitlines()
    except OSError:  # not Linux
        return []
    found = []
    for line in lines:
        _, kinds, own = line.split(":", 2)
        if kinds == "":  # version 2
            root, names = _MOUNT, ("memory.max", "memory.current", "inactive_file")
        elif "memory" in kinds.split(","):
            root = _MOUNT / "memory"
            names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
        else:
            continue
        folder = root / own.lstrip("/")
        while True:
            if group := _group(folder, *names):
                found.append(group)
            if folder == root:
                break
            folder = folder.parent
    return found


def _group(folder: Path, limit: str, used: str, reclaimable: str) -> tuple[int, int] | None:
    """Read one group's limit and use; None: it sets none."""
    try:
        most, taken = int((folder / limit).read_text()), int((folder / used).read_text())
        stat = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
    except (OSError, ValueError):  # no such group, or "max"
        return None
    # Pages of files count as used, but give way.
    return most, max(0, taken - int(stat.get(reclaimable, 0)))
