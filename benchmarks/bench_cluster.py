"""Two worker processes against one: the same labels and tables, and how long both take.

    python -m benchmarks.bench_cluster [OUT]

The full pipeline with `--format zarr` on one generated electrode, by the command line: in one
process, and with `--scheduler local --workers 2`.
"""

import argparse
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from particlebridge.analysis import electrode
from particlebridge.bridge import read_labels, read_volume
from particlebridge.bridge.volumes.ome_zarr import create_stack

SHAPE = (64, 128, 128)
WAYS: dict[str, list[str]] = {"one": [], "two": ["--scheduler", "local", "--workers", "2"]}
COMMAND = [sys.executable, "-c", "from particlebridge.bridge.cli.app import main; main()", "run"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path, nargs="?", default=Path("cluster-benchmark"))
    out = parser.parse_args().out
    volume = out / "electrode.zarr"
    if not volume.exists():
        made = electrode(SHAPE, seed=5, radius=(6.0, 14.0))
        array = create_stack(volume, SHAPE, np.uint16, made.spacing, (32, 32, 32))
        array[:] = made.volume
    seconds = {}
    for way, more in WAYS.items():
        shutil.rmtree(out / way, ignore_errors=True)
        options = ["--out", str(out / way), "--diameter", "22", "--format", "zarr"]
        start = time.perf_counter()
        subprocess.run([*COMMAND, str(volume), *options, "--memory", "6GB", *more], check=True)
        seconds[way] = time.perf_counter() - start
        stages = json.loads((out / way / "run.json").read_text())["stages"]
        print(way, f"{seconds[way]:.1f} s", {k: v["seconds"] for k, v in stages.items()})
    print(f"one over two: {seconds['one'] / seconds['two']:.2f}")
    one, two = (read_labels(out / way / "labels.zarr") for way in WAYS)
    print("labels identical:", np.array_equal(one, two), f"(alike: {np.mean(one == two):.6f})")
    for name in ("features.csv", "contacts.csv", "fusion.csv"):
        alike = (out / "one" / name).read_bytes() == (out / "two" / name).read_bytes()
        print(name, "identical:", alike)
    for view in ("xy", "xz", "yz"):
        for name in ("labels", "prob", "dist"):
            a, b = (
                read_volume(out / way / "views" / view / f"{name}.zarr").data.astype(np.float64)
                for way in WAYS
            )
            print(view, name, f"largest difference {np.abs(a - b).max():.3g}")


if __name__ == "__main__":
    main()
