"""What the paper's absolute-error forest costs from 500 to 20,000 particles, what would be lost.

    python -m benchmarks explain

One forest and its SHAP values, on one thread: the criterion of the paper (absolute error), the
cheaper squared error, how far their rankings agree (Kendall's tau beside the tau of two seeds of
the paper's own), and how far mean |SHAP| from a sample of 5,000 rows is from that of all rows.
"""

import time

import numpy as np
import sklearn
from particlebridge.analysis.explanation.forests import SHAP_ROWS, damage_forest
from particlebridge.analysis.explanation.shap_values import shap_of
from particlebridge.analysis.features.columns import FEATURES
from scipy.stats import kendalltau


def particles(rows: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Make a table with as many features as the drivers; four of them decide, the rest is noise."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, len(FEATURES["drivers"])))
    rule = 0.15 - 0.05 * x[:, 0] + 0.03 * x[:, 1] + 0.02 * x[:, 2] + 0.01 * x[:, 0] * x[:, 3]
    return x, np.clip(rule + rng.normal(0, 0.03, rows), 0, 1)


def main() -> None:
    """Print one line a size."""
    print(f"scikit-learn {sklearn.__version__}, one thread; CPU seconds")
    head = ("particles", "fit |e|", "fit e2", "SHAP", "tau |e|/e2", "tau seeds", "sampled SHAP off")
    print(" ".join(f"{h:>16}" for h in head))
    for rows in (500, 1000, 2000, 5000, 10_000, 20_000):
        x, y = particles(rows)
        times, found = {}, {}
        for name, criterion, seed in (
            ("absolute", "absolute_error", 0),
            ("squared", "squared_error", 0),
            ("again", "absolute_error", 1),
        ):
            start = time.process_time()
            forest = damage_forest(seed).set_params(criterion=criterion).fit(x, y)
            times[name] = time.process_time() - start
            start = time.process_time()
            values = np.abs(shap_of(forest, x, forest.predict(x))[0])
            times[f"{name} shap"] = time.process_time() - start
            found[name] = values.mean(axis=0)
            if name == "absolute":
                sample = values[np.random.default_rng(2).permutation(rows)[:SHAP_ROWS]]
                off = np.abs(sample.mean(axis=0) / found[name] - 1).max()
        cells = (
            f"{rows}",
            f"{times['absolute']:.2f}",
            f"{times['squared']:.2f}",
            f"{times['absolute shap']:.2f}",
            f"{kendalltau(found['absolute'], found['squared']).statistic:.2f}",
            f"{kendalltau(found['absolute'], found['again']).statistic:.2f}",
            f"{100 * off:.1f} %",
        )
        print(" ".join(f"{c:>16}" for c in cells), flush=True)


if __name__ == "__main__":
    main()
