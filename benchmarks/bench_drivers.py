"""Is the rule by which the generator breaks particles found again? True labels, ten seeds.

    python -m benchmarks drivers

Electrodes after 10 and after 50 cycles, measured from the generator's own bodies and material.
The three columns that the rule uses must lead (as clusters of features that go together: Volume
with SurfaceOuter and their like), with the right signs, and the angles, which mean nothing, must
get no more than forests on shuffled Damage give.
"""

from particlebridge.analysis import Electrode, Explanation, electrode, explain, measure

SEEDS, STATES = range(10), (10, 50)
SIGNS = {"Z": -1, "Volume": 1, "Contact": 1}
NOISE = ("Yaw", "Pitch", "Roll")


def judge(made: Electrode, found: Explanation) -> dict[str, object]:
    """Compare an explanation with the rule."""
    sets = found.sets[found.sets["kind"] == "cluster"].sort_values("shap", ascending=False)
    leading = [set(name.split(" + ")) for name in sets["set"].head(len(SIGNS))]
    table = found.importance.set_index("feature")
    return {
        "leading": sum(any(driver in names for names in leading) for driver in SIGNS),
        "signs": sum(sign * table.loc[d, "direction"] > 0 for d, sign in SIGNS.items()),
        "noise above control": int(table.loc[list(NOISE), "above_control"].sum()),
        "R2": float(found.fit.set_index("kind").loc["seed", "oob_r2"]),
    }


def main() -> None:
    """Print one line for each electrode, then how many pass."""
    heads = ("seed", "cycles", "whole", "r Damage", "led by", "signs", "noise above", "R2")
    print(" ".join(f"{h:>12}" for h in heads))
    passed = dict.fromkeys(STATES, 0)
    for seed in SEEDS:
        for cycles in STATES:
            made = electrode(seed=seed, cycles=cycles)
            table = measure(made.volume, made.labels, made.spacing, solid=made.solid)
            truth = made.truth.merge(table, on="label", suffixes=("_true", ""))
            truth = truth[truth["Whole"]]
            verdict = judge(made, explain(table, runs=3))
            passed[cycles] += (
                verdict["leading"] == verdict["signs"] == len(SIGNS)
                and verdict["noise above control"] == 0
            )
            cells = (
                seed,
                cycles,
                len(truth),
                f"{truth['Damage_true'].corr(truth['Damage']):.3f}",
                f"{verdict['leading']} of 3",
                f"{verdict['signs']} of 3",
                f"{verdict['noise above control']} of 3",
                f"{verdict['R2']:.2f}",
            )
            print(" ".join(f"{c:>12}" for c in cells), flush=True)
    for cycles, count in passed.items():
        print(f"{cycles} cycles: all as the rule has it in {count} of {len(SEEDS)} seeds")


if __name__ == "__main__":
    main()
