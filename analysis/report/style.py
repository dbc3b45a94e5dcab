"""What every figure shares: style, colours safe for colour-blind readers, saving, words."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from ..features.columns import units
from ..io.atomic import atomic_path

MM = 1 / 25.4
SINGLE, DOUBLE = 89, 183  # column widths of a journal page, mm
INK, MUTED, FAINT = "#1c2024", "#5b6570", "#c9d0d6"

# Okabe and Ito's palette, told apart with any colour vision.
STATE_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
GROUP_COLOURS = {
    "position": "#0072b2",
    "chemistry": "#e69f00",
    "morphology": "#009e73",
    "neighbourhood": "#cc79a7",
}
# Lightness falls evenly, so the order survives grey print and any colour vision.
DAMAGE_MAP = LinearSegmentedColormap.from_list(
    "damage", mpl.colormaps["magma_r"](np.linspace(0.08, 0.92, 256))
)
VALUE_MAP = LinearSegmentedColormap.from_list("value", ["#0072b2", "#b9bfc4", "#d55e00"])

_STYLE = {
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same letters on every machine
    "font.size": 7,
    "axes.titlesize": 7.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 7,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 6.5,
    "ytick.labelsize": 6.5,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "legend.fontsize": 6.5,
    "legend.frameon": False,
    "lines.linewidth": 1.2,
    "pdf.fonttype": 42,  # letters stay letters in an editor
    "svg.fonttype": "none",
    "svg.hashsalt": "particlebridge",  # names inside: the same run gives the same files
}

FORMATS = ("pdf", "svg", "png", "csv")
"""Of each figure."""

# No dates inside: the same run gives the same files.
_UNDATED: dict[str, dict[str, Any]] = {
    ".pdf": {"CreationDate": None},
    ".svg": {"Date": None},
    ".png": {"Software": None},
}

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True)
class Plate:
    """A figure with what it says and the data it shows.

    Attributes
    ----------
    name
        File name without suffix.
    title
        Heading above the figure.
    says
        What the figure shows, in words computed from its data.
    data
        The data it shows; column names carry units or are documented columns.
    picture
        The drawing.
    """

    name: str
    title: str
    says: str
    data: pd.DataFrame
    picture: Figure

    @property
    def wide(self) -> bool:
        """Whether it is wider than one column, so that a phone should scroll it."""
        return bool(self.picture.get_figwidth() > 1.35 * SINGLE * MM)


def styled(draw: Callable[P, R]) -> Callable[P, R]:
    """Make a function draw in the house style without touching the reader's own settings."""

    @functools.wraps(draw)
    def inside(*args: P.args, **kwargs: P.kwargs) -> R:
        with mpl.rc_context(_STYLE):  # type: ignore[arg-type]
            return draw(*args, **kwargs)

    return inside


def sheet(width: float, height: float) -> Figure:
    """Give an empty figure of `width` x `height` mm that pyplot does not know of."""
    figure = Figure(figsize=(width * MM, height * MM), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def save(plate: Plate, folder: Path, dpi: int = 220) -> list[Path]:
    """Write a plate as NAME.pdf and NAME.svg (vector), NAME.png and NAME.csv.

    Parameters
    ----------
    plate
        The figure.
    folder
        Where to; made if missing.
    dpi
        Resolution of the PNG and of pictures inside the others.

    Returns
    -------
    list of Path
        The files, in the order of `FORMATS`.

    Raises
    ------
    OSError
        If the folder cannot be written.
    """
    files = [folder / f"{plate.name}.{suffix}" for suffix in FORMATS]
    with mpl.rc_context(_STYLE):  # type: ignore[arg-type]
        # Laid out once, not for each format again: that costs more than the drawing.
        plate.picture.draw_without_rendering()
        plate.picture.set_layout_engine(None)  # "none" would draw before each format, for nothing
        for target in files[:-1]:
            with atomic_path(target) as beside:
                plate.picture.savefig(
                    beside, dpi=dpi, metadata=_UNDATED[target.suffix], facecolor="white"
                )
    with atomic_path(files[-1]) as beside:
        plate.data.to_csv(beside, index=False)
    return files


def states_of(tables: dict[str, pd.DataFrame]) -> list[tuple[str, pd.DataFrame, str]]:
    """List (state, table, colour) in order."""
    return [
        (s, t, STATE_COLOURS[k % len(STATE_COLOURS)]) for k, (s, t) in enumerate(tables.items())
    ]


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Give a table's rows as dicts, to make words of."""
    return [{str(k): v for k, v in row.items()} for row in table.to_dict("records")]


def length_unit(table: pd.DataFrame) -> str:
    """Name the unit of a table's lengths: what its column Unit says, or um without one."""
    column = "Unit" if "Unit" in table else "unit"
    named = table[column].fillna("um").unique() if column in table else []
    return " or ".join(sorted(named)) or "um"


def ball_diameter(volume: Any) -> Any:
    """Give the diameter of a ball of this volume, or of each of a column."""
    return np.cbrt(6 * volume / np.pi)


def written(unit: str) -> str:
    """Write a unit with its signs: um3 as µm³."""
    for plain, sign in (("um", "µm"), ("3", "³"), ("2", "²"), ("degree", "°")):
        unit = unit.replace(plain, sign)
    return unit


def unit_of(feature: str, *tables: pd.DataFrame) -> str:
    """Give a feature's unit as a reader writes it; empty for a plain number.

    Parameters
    ----------
    feature
        A column of `measure`.
    tables
        The tables it comes from: their attrs know the recipe's units, their column Unit that of
        lengths. Without them: physical.
    """
    return " or ".join(dict.fromkeys(_unit(feature, table) for table in tables))


def _unit(feature: str, table: pd.DataFrame) -> str:
    unit = table.attrs.get("units", {}).get(feature) or units("physical").get(feature, "1")
    lengths = length_unit(table)
    if unit in ("um", "um2", "um3") and lengths != "um":
        power = unit.removeprefix("um")
        unit = " or ".join(f"{name}{power}" for name in lengths.split(" or "))
    return "" if unit == "1" else written(unit)


def axis_name(feature: str, *tables: pd.DataFrame) -> str:
    """Name a feature with its unit."""
    unit = unit_of(feature, *tables)
    return f"{feature} ({unit})" if unit else feature


def axes_of(figure: Figure, rows: int, columns: int, **options: Any) -> list[Axes]:
    """Give a figure's grid of axes as one flat list."""
    grid = figure.subplots(rows, columns, squeeze=False, **options)
    return list(grid.ravel())
