"""What `explain` gives: tables for figures and report, which need no scikit-learn for them."""

from dataclasses import dataclass

import pandas as pd

PARTICLE_KEYS = ("volume", "state", "label", "observed", "predicted", "base")
"""Columns of a table of particles' SHAP values that are no feature's."""


@dataclass(frozen=True)
class Explanation:
    r"""What the forests found, as tidy tables. Importances are in the unit of Damage (0 to 1).

    Attributes
    ----------
    states, features
        Names of the states and of the regressors, in the order given.
    particles : DataFrame
        state, particles, border, incomplete, used: how many rows were used, why not the others.
    importance : DataFrame
        feature, group, state, mean and std (mean \|SHAP\| over the seeds), low and high (95 %
        interval over the draw of particles, from the random subsets), share (of the sum over
        features), rank (1: most important), rank_low and rank_high (over the seeds), direction
        (Spearman correlation of the feature with its SHAP values: the sign of the dependence),
        control (mean \|SHAP\| with the target shuffled), above_control (mean above the largest
        importance that any feature reached in any shuffled run), rivalled, shadow and above_shadow
        (mean \|SHAP\| of the feature and of its shuffled copy in forests that see both; above the
        largest of any copy in any such forest: a sharper test, since the real causes are known
        to these forests), permutation (fall of out-of-bag R2 when the feature alone is shuffled),
        conditional (the same, shuffled only among particles alike in the features that go along
        with it: what it knows beyond them), each with _std (over the seeds), _low and _high (95 %
        interval), interventional (mean \|SHAP\| with the features cut loose from each other, on a
        sample of the particles), interventional_rank and sampled_rank (of the path-dependent
        values, on the same sample).
    sets : DataFrame
        kind, set, state, features (how many), shap with _std, _low and _high (mean \|sum of the
        set's SHAP\|), rivalled, shadow, above_shadow, permutation and conditional with _std, _low
        and _high (fall of R2 when it is shuffled as one). Kind "group": the paper's groups;
        "cluster": features correlated at \|rho\| >= 0.7, which share their importance; a feature
        like no other is its own cluster.
    runs : DataFrame
        state, kind (seed, subset, shuffled, shadow), run, feature, importance: each forest's own.
    fit : DataFrame
        state, kind, oob_r2, oob_r2_std, held_out_mae, guess_mae (always guessing the median),
        additivity_error (largest over the runs).
    stability : DataFrame
        state, kind, tau and tau_min (mean and least Kendall tau of two runs' rankings), pairs.
    differences : DataFrame
        feature, group, state_a, state_b, scale (absolute: mean \|SHAP\|; share: of the sum), mean
        and sd of the difference b - a over the seeds, p_seeds (paired t-test over the seeds: the
        forests' randomness only), error (standard error over the draw of particles, from the
        random subsets), low and high (95 % interval with it), p_particles (with it). p-values are
        Holm-adjusted over the features.
    interactions : DataFrame
        feature_a, feature_b, state, mean and std over forests (mean \|SHAP interaction\|),
        control and above_control (as for importance), strongest first.
    shap : DataFrame
        state, label, feature, value, shap, base (the prediction when nothing is known of a
        particle): averaged over the seeds that explained it.
    predictions : DataFrame
        state, label, observed, predicted (out of bag, mean over the seeds).
    models : DataFrame
        state, model (forest, linear: ridge on standardised features, boosting), feature,
        importance (fall of R2 on held-out particles when the feature is shuffled), rank.
    held_out : DataFrame
        state, model, parts (out-of-bag, blocks: of the volume, or random: without positions), r2,
        mae and guess_mae (of guessing the median) on particles not seen, leads (the cluster of
        features that leads there), tau (Kendall's tau with the forest's importances there).
    checks : DataFrame
        state, conclusion (leading feature, leading group, largest change), subject, check,
        outcome (passed, failed, unknown), evidence, doubt: what failing the check would mean.
    notes
        Sentences about what was left out and why.
    """

    states: tuple[str, ...]
    features: tuple[str, ...]
    particles: pd.DataFrame
    importance: pd.DataFrame
    sets: pd.DataFrame
    runs: pd.DataFrame
    fit: pd.DataFrame
    stability: pd.DataFrame
    differences: pd.DataFrame
    interactions: pd.DataFrame
    shap: pd.DataFrame
    predictions: pd.DataFrame
    models: pd.DataFrame
    held_out: pd.DataFrame
    checks: pd.DataFrame
    notes: tuple[str, ...]

    def by_particle(self) -> pd.DataFrame:
        """Give a row for each particle that was explained.

        Returns
        -------
        DataFrame
            state, label, observed and predicted Damage (predicted out of bag; NaN where unknown,
            or where a state has the label twice), base, and the SHAP value of each feature in a
            column of its name. base and the SHAP values add up to the forest's own prediction.
        """
        names = list(self.features)
        keys = self.shap.iloc[:: len(names)][["state", "label", "base"]].reset_index(drop=True)
        values = pd.DataFrame(self.shap["shap"].to_numpy().reshape(-1, len(names)), columns=names)
        known = self.predictions.drop_duplicates(["state", "label"], keep=False)
        rows = keys.merge(known, on=["state", "label"], how="left")
        return pd.concat(
            [rows[["state", "label", "observed", "predicted", "base"]], values], axis=1
        )
