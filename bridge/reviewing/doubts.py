"""How doubtful each particle of a run is, and why: from the fusion at once, ranked when asked."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from particlebridge.analysis._shared.views import View
from particlebridge.analysis.correction.ranking import COLUMNS, doubtful_particles
from particlebridge.analysis.correction.replay import LabelEditor

from ..runs.run_folder import RunFolder
from ..volumes.stored_arrays import AnyArray
from ..volumes.tables import write_table
from .fused_files import FusedFiles

_FILE = "doubts.csv"
_SHOWN = ["label", "z", "y", "x", "confidence", "doubt", "reasons", "review"]


class Doubts:
    """What is known of the fused particles before a person looks at them.

    Parameters
    ----------
    run
        The folder, held by the caller.
    fused
        Its particles as they were fused.
    fusion, features
        Their tables; None: not measured.
    spacing
        Voxel size (z, y, x).

    Attributes
    ----------
    is_ranked
        Whether they were ranked; else only the confidence of the fusion is known.
    missed
        Places where a particle may be missed: z, y, x, doubt, reasons. Empty until ranked.
    """

    def __init__(
        self,
        run: RunFolder,
        fused: FusedFiles,
        fusion: pd.DataFrame,
        features: pd.DataFrame | None,
        spacing: tuple[float, float, float],
    ) -> None:
        self._run, self._fused, self._spacing = run, fused, spacing
        self._known = _of_fusion(fusion, features, spacing)
        self.missed = pd.DataFrame(columns=["z", "y", "x", "doubt", "reasons"])
        self.is_ranked = False
        if self._file.is_file() and run.record.get("ranked_labels") == fused.digest:
            self._take(
                pd.read_csv(self._file, keep_default_na=False, na_values={"confidence": [""]})
            )

    @property
    def usual_voxels(self) -> float:
        """Voxels of a typical particle."""
        sizes = self._known["voxels"]
        return float(sizes.median()) if len(sizes) else 1e4

    def rank(self, labels: AnyArray, views: Mapping[View, AnyArray], volume: AnyArray) -> None:
        """Rank the fused particles by what a look at them is worth, and keep that for next time.

        Parameters
        ----------
        labels
            As they were fused.
        views
            View -> its 2-D labels.
        volume
            Grey values.
        """
        table = doubtful_particles(
            labels,  # type: ignore[arg-type]
            views,  # type: ignore[arg-type]
            pd.read_csv(self._fused.fusion),
            self._spacing,
            volume,  # type: ignore[arg-type]
        )
        write_table(table, self._file)
        self._run.describe(ranked_labels=self._fused.digest)
        self._take(table)

    def table(self, editor: LabelEditor) -> pd.DataFrame:
        """List the particles as they are now, the most doubtful first."""
        now = editor.particles
        known = self._known.reindex(list(now))
        known["review"] = [particle.review for particle in now.values()]
        changed = [label for label, particle in now.items() if particle.origin]
        if changed:
            places = [now[label].at or editor.known(label).at for label in changed]
            known.loc[changed, ["z", "y", "x"]] = np.array(places, float)
            known.loc[changed, "confidence"] = np.nan
            settled = [label for label in changed if now[label].origin in ("corrected", "added")]
            known.loc[settled, ["doubt", "reasons"]] = 0.0, ""
        ordered = known.sort_values("doubt", ascending=False, kind="stable")
        return ordered.rename_axis("label").reset_index()[_SHOWN]

    @property
    def _file(self) -> Path:
        return self._run.path / _FILE

    def _take(self, table: pd.DataFrame) -> None:
        bodies = table[table["label"] > 0].set_index("label")
        # The file may have been changed: what it does not tell stays as the fusion says.
        for name in ("doubt", "reasons"):
            self._known[name] = bodies[name].reindex(self._known.index).fillna(self._known[name])
        places = table.loc[table["label"] == 0, list(COLUMNS)]
        self.missed = places[["z", "y", "x", "doubt", "reasons"]].reset_index(drop=True)
        self.is_ranked = True


def _of_fusion(
    fusion: pd.DataFrame, features: pd.DataFrame | None, spacing: tuple[float, float, float]
) -> pd.DataFrame:
    """List, by label: confidence, voxels, and the middle in voxels (NaN: not measured)."""
    fusion = fusion.set_index("label")
    table = fusion[["confidence"]].copy()
    table["voxels"] = fusion["Volume"] / float(np.prod(spacing))
    table[["z", "y", "x"]] = np.nan
    if features is not None:
        features = features.set_index("label")
        for name, size in zip("zyx", spacing, strict=True):
            table[name] = features[name.upper()] / size
    table["doubt"] = (1 - table["confidence"]).fillna(0.0).clip(0, 1)
    table["reasons"] = ""
    return table
