"""Cracks and pores found inside true bodies, against the generator's truth.

    python -m benchmarks solids

Electrodes of three contrasts after 10 and 50 cycles, of seeds that the constants in solids.py were
not tuned on. IoU is that of all void voxels; the rest is of the Damage of whole particles whose
void can be told (`told` is their share).
"""

import time

import numpy as np
from particlebridge.analysis import electrode, find_void
from particlebridge.analysis.material.void_evidence import FOUND, NONE

SEEDS, CONTRASTS, STATES = (4, 5, 6), (1.0, 0.5, 0.35), (10, 50)
SHAPE = (128, 192, 192)


def main() -> None:
    """Print one line for each contrast and state: means over the seeds."""
    heads = (
        "contrast",
        "cycles",
        "r",
        "true mean",
        "found mean",
        "rms error",
        "IoU",
        "told",
        "ns/voxel",
    )
    print(" ".join(f"{h:>10}" for h in heads))
    for contrast in CONTRASTS:
        for cycles in STATES:
            rows = []
            for seed in SEEDS:
                made = electrode(SHAPE, seed=seed, contrast=contrast, cycles=cycles)
                start = time.process_time()
                solid, verdict = find_void(made.volume, made.labels, made.spacing)
                void = (made.labels > 0) & ~solid
                cost = 1e9 * (time.process_time() - start) / void.size
                told = np.isin(verdict[made.truth["label"]], (FOUND, NONE))
                truth = made.truth[made.truth["Whole"] & told]
                sums = np.bincount(made.labels.ravel(), void.ravel().astype(float))
                damage = (sums / np.bincount(made.labels.ravel()))[truth["label"]]
                off = damage - truth["Damage"]
                rows.append(
                    (
                        np.corrcoef(damage, truth["Damage"])[0, 1],
                        truth["Damage"].mean(),
                        damage.mean(),
                        np.sqrt((off**2).mean()),
                        (void & made.void).sum() / (void | made.void).sum(),
                        told[made.truth["Whole"]].mean(),
                        cost,
                    )
                )
            r, true, found, error, iou, share, cost = np.mean(rows, axis=0)
            cells = (contrast, cycles, f"{r:.3f}", f"{true:.3f}", f"{found:.3f}", f"{error:.4f}",
                     f"{iou:.3f}", f"{share:.3f}", f"{cost:.0f}")  # fmt: skip
            print(" ".join(f"{c:>10}" for c in cells), flush=True)


if __name__ == "__main__":
    main()
