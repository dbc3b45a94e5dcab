"""What it costs to segment only some slices of each view: `python -m benchmarks every`.

`[--cache DIR]`, where predictions are kept. Electrodes that no training and no choice of a constant
has seen, the 2-D labels of all slices from the shipped model; the slices that `run --every N` would
skip take the outlines of their neighbours. The cost is the share of slices that the network sees.
"""

import numpy as np
import pandas as pd
from particlebridge.analysis import ViewStack, fuse, score
from particlebridge.bridge.runs.slice_sampling import stand_ins

from benchmarks.fusion_peers import as_table
from benchmarks.predicted_views import predicted
from benchmarks.real_sets import folder_arguments

_ELECTRODES = ((1.0, 8101), (0.5, 8104), (0.35, 8107), (0.35, 8108), (0.35, 8109))
_EVERY = (1, 2, 3, 4)


def main() -> None:
    """Print F1 for each contrast and number of slices, and their means."""
    options, _ = folder_arguments(str(__doc__)).parse_known_args()
    rows = []
    for contrast, seed in _ELECTRODES:
        made = predicted(contrast, seed, options.cache)
        for every in _EVERY:
            views, seen = {}, []
            for view, stack in made.views.items():
                source = stand_ins(len(stack.labels), every)
                seen.append(np.unique(source).size / len(source))
                prob = None if stack.prob is None else stack.prob[source]
                views[view] = ViewStack(stack.labels[source], prob)
            fused = fuse(views, made.volume, made.spacing)
            f1 = score(made.labels, fused.labels).f1
            rows.append(
                {
                    "contrast": contrast,
                    "seed": seed,
                    "every": every,
                    "slices": float(np.mean(seen)),
                    "slices per particle": made.diameter / every,
                    "F1 at 0.5": f1[0.5],
                    "F1 at 0.75": f1[0.75],
                }
            )
    table = pd.DataFrame(rows)
    print(as_table(table.set_index(["contrast", "seed", "every"])))
    means = table.drop(columns=["contrast", "seed"]).groupby("every").mean()
    print("\nmeans of the electrodes")
    print(as_table(means))


if __name__ == "__main__":
    main()
