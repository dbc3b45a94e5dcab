"""u-Segment3D's indirect method, run by a Python that has it: `python ... FOLDER SMALLEST`.

For each NAME.npz in FOLDER with the 2-D labels xy, xz and yz it writes NAME.npy, (Z, Y, X) labels,
and prints the seconds it took. It stands alone, because u-Segment3D needs an older numpy.
"""

import sys
import time
from pathlib import Path

import numpy as np
from segment3D.parameters import get_2D_to_3D_aggregation_params
from segment3D.usegment3d import aggregate_2D_to_3D_segmentation_indirect_method


def main() -> None:
    folder, smallest = Path(sys.argv[1]), int(sys.argv[2])
    params = get_2D_to_3D_aggregation_params()
    # All else as published; its 1000 voxels would drop most particles of these volumes.
    params["postprocess_binary"]["remove_small_objects"] = smallest
    params["indirect_method"]["n_cpu"] = 2
    for file in sorted(folder.glob("*.npz")):
        with np.load(file) as held:
            stacks = [held[view].astype(np.int32) for view in ("xy", "xz", "yz")]
        start = time.perf_counter()
        labels, _ = aggregate_2D_to_3D_segmentation_indirect_method(
            stacks, params, stacks[0].shape, savefolder=None, basename=None
        )
        seconds = time.perf_counter() - start
        np.save(file.with_suffix(".npy"), np.asarray(labels, np.int32))
        print(f"{file.stem} {seconds:.2f}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
