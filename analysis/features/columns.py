"""The columns of the particle table: unit, formula, group, and the sets used as regressors."""

from dataclasses import dataclass
from typing import Literal

Recipe = Literal["physical", "paper", "both"]

PAPER_SUFFIX = "_paper"
"""Of the paper recipe's columns where both recipes are asked for."""
LengthUnit = Literal["um", "voxel"]
"""Micrometres, or the smallest side of a voxel where the voxel size is not known."""
Group = Literal["key", "position", "chemistry", "morphology", "neighbourhood"]


@dataclass(frozen=True)
class Column:
    """What one column of the table holds.

    Attributes
    ----------
    group
        Where it belongs in the paper's grouping; ``"key"``: not a feature.
    unit
        Unit in the physical recipe; ``"1"``: a plain number; ``"grey"``: the volume's own.
    formula
        Definition.
    code_name
        Name in the public MATLAB code getAllFeatures; empty if it has none.
    paper_unit
        Unit in the paper recipe where it differs.
    paper_formula
        Definition in the paper recipe where it differs.
    """

    group: Group
    unit: str
    formula: str
    code_name: str = ""
    paper_unit: str = ""
    paper_formula: str = ""


_SPREAD = "standard deviation (n - 1) of {} over the six nearest particles"

COLUMNS: dict[str, Column] = {
    "label": Column("key", "1", "the particle's value in the label volume"),
    "X": Column(
        "position",
        "um",
        "centroid of the solid; the first voxel's centre is 0 (the body's, if no solid is left)",
        "pX",
        "voxel",
        "the same in voxels, the first voxel's centre is 1",
    ),
    "Y": Column("position", "um", "as X", "pY", "voxel", "as X"),
    "Z": Column("position", "um", "as X", "pZ", "voxel", "as X"),
    "Yaw": Column(
        "position",
        "degree",
        "about z; Rz(Yaw) Ry(Pitch) Rx(Roll) turns x, y, z into the longest, middle and shortest "
        "axis of the solid's second moments; longest axis towards +x, Roll in (-90, 90]",
        "OriX",
        paper_formula="the same with every voxel a cube",
    ),
    "Pitch": Column("position", "degree", "about y, see Yaw", "OriY"),
    "Roll": Column("position", "degree", "about x, see Yaw", "OriZ"),
    "EDensity": Column(
        "chemistry",
        "grey",
        "mean grey value in the body; in phase contrast that is its electron density",
        "EDensity",
        paper_formula="mean of the grey values other than 0 in the body",
    ),
    "Homogeneity": Column(
        "chemistry",
        "1/grey",
        "1 / standard deviation (n - 1) of the grey value in the body; NaN where that is 0",
        "Homogeneity",
        "grey",
        "standard deviation (n - 1) of the grey values other than 0 in the body",
    ),
    "Volume": Column(
        "morphology",
        "um3",
        "volume of the body",
        "Volume",
        "voxel",
        "voxels of the body: the solid closed with a ball of 10 voxels inside its bounding box, "
        "outside of which counts as filled, and its holes filled",
    ),
    "SurfaceOuter": Column(
        "morphology",
        "um2",
        "surface area of the body: voxel faces, each projected onto the local plane of the surface",
        "SurfOuter",
        "voxel",
        "voxels of the body with a face towards the outside",
    ),
    "SurfaceInner": Column(
        "morphology",
        "um2",
        "surface area of the solid - SurfaceOuter, at least 0: walls of cracks and pores",
        "SurfInner",
        "voxel",
        "voxels of the solid with a face towards the outside - SurfaceOuter",
    ),
    "RoughOuter": Column(
        "morphology",
        "1",
        "SurfaceOuter after a 3x3x3 median filter / before",
        "RoughOuter",
        paper_formula="the same, the filter mirrored at the bounding box",
    ),
    "RoughInner": Column(
        "morphology",
        "1",
        "SurfaceInner after a 3x3x3 median filter / before; 1 where there is no inner surface: "
        "SurfaceInner below 2 % of SurfaceOuter",
        "RoughInner",
        paper_formula="the same, the filter mirrored at the bounding box; NaN or infinite where "
        "SurfaceInner is 0",
    ),
    "VSratio": Column(
        "morphology", "1", "Volume^(1/3) / (SurfaceOuter + SurfaceInner)^(1/2)", "VSratio"
    ),
    "Sphericity": Column(
        "morphology",
        "1",
        "36 pi Volume^2 / (SurfaceOuter + SurfaceInner)^3; 1 for a ball",
        "Sphericity",
    ),
    "Elongation": Column(
        "morphology",
        "1",
        "longest / shortest principal axis length of the body's second moments",
        "Elongation",
        paper_formula="the same of the solid, with every voxel a cube",
    ),
    "Damage": Column(
        "morphology",
        "1",
        "void voxels in the body / body voxels; NaN where it cannot be known, see Void",
        "(damage)",
        paper_formula="voxels of the body that are not solid / body voxels; above 0 for intact "
        "particles, the more the smaller they are",
    ),
    "Void": Column(
        "key",
        "1",
        "void was 'found' in the body or there is 'none'; or it cannot be known and Damage is NaN: "
        "the body is too 'thin' to show the grey of its material, 'dim' (no brighter than its "
        "surroundings), 'unclear' (its material's grey values reach as far as void's), or there "
        "are 'no grey' values",
    ),
    "Contact": Column(
        "neighbourhood",
        "1",
        "share of the ring around the body (dilated by the ball, by a voxel at least, minus the "
        "body, inside the field of view) that belongs to other particles",
        "Contact",
        paper_formula="the same in the volume, with the ball of 10 voxels",
    ),
    "PDensity": Column(
        "neighbourhood",
        "1",
        "share of solid voxels, any particle's, in the bounding box + the reach (10 um by default) "
        "on every side, clipped to the field of view",
        "PDensity",
        paper_formula="the same, divided by those of its voxels that lie 10 um or more inside the "
        "volume; infinite where there are none",
    ),
    "DistNearest": Column(
        "neighbourhood",
        "um",
        "mean distance of the centroids of the six nearest particles",
        "DisNearest",
        "voxel",
        "the same between centroids rounded to whole voxels",
    ),
    "VolumeStd": Column("neighbourhood", "um3", _SPREAD.format("Volume"), "locVolume", "voxel"),
    "ElongStd": Column("neighbourhood", "1", _SPREAD.format("Elongation"), "locElongation"),
    "SpherStd": Column("neighbourhood", "1", _SPREAD.format("Sphericity"), "locSphericity"),
    "OrienIso": Column(
        "neighbourhood",
        "degree",
        "largest of the circular standard deviations (period 180 degrees) of Yaw, Pitch and Roll "
        "over the six nearest particles",
        "locOri",
        paper_formula="largest of the ordinary standard deviations of Yaw, Pitch and Roll over the "
        "six nearest particles",
    ),
    "SolidDensity": Column(
        "chemistry", "grey", "mean grey value of the solid eroded by one voxel; NaN if none is left"
    ),
    "SolidStd": Column(
        "chemistry",
        "grey",
        "standard deviation (n - 1) of the grey value of the solid eroded by one voxel",
    ),
    "BodySphericity": Column("morphology", "1", "36 pi Volume^2 / SurfaceOuter^3; 1 for a ball"),
    "BodyVSratio": Column("morphology", "1", "Volume^(1/3) / SurfaceOuter^(1/2)"),
    "BodySpherStd": Column("neighbourhood", "1", _SPREAD.format("BodySphericity")),
    "Border": Column(
        "key", "1", "True: cut by the edge of the volume or of the field of view, or touching it"
    ),
    "Unit": Column(
        "key",
        "1",
        "unit of the row's lengths (of areas and volumes its square and cube): 'um', or 'voxel', "
        "the smallest side of a voxel, where the voxel size is not known",
        paper_formula="'voxel', and surfaces are numbers of voxels",
    ),
    "z0": Column("key", "voxel", "bounding box of the labelled voxels: first slice"),
    "z1": Column("key", "voxel", "one past the last slice"),
    "y0": Column("key", "voxel", "first row"),
    "y1": Column("key", "voxel", "one past the last row"),
    "x0": Column("key", "voxel", "first column"),
    "x1": Column("key", "voxel", "one past the last column"),
}

TARGET = "Damage"

PUBLISHED = tuple(name for name, column in COLUMNS.items() if column.code_name)
"""Columns that the public code has."""

_NAMED = {column.code_name.lower(): name for name, column in COLUMNS.items() if column.code_name}
_NAMED |= {name.lower(): name for name in COLUMNS}

# Computed from the cracks themselves: they follow damage instead of driving it.
CONSEQUENCES = ("SurfaceInner", "RoughInner", "VSratio", "Sphericity", "EDensity", "Homogeneity")

FEATURES: dict[str, tuple[str, ...]] = {
    # The published 21: all but X, Y and Damage.
    "paper": tuple(
        name
        for name, column in COLUMNS.items()
        if column.code_name and name not in ("X", "Y", TARGET)
    ),
    "drivers": (
        *("Z", "Yaw", "Pitch", "Roll"),
        *("SolidDensity", "SolidStd"),
        *("Volume", "SurfaceOuter", "RoughOuter", "Elongation", "BodySphericity", "BodyVSratio"),
        *("Contact", "PDensity", "DistNearest", "VolumeStd", "ElongStd", "BodySpherStd"),
        "OrienIso",
    ),
}


def column_named(name: str) -> str | None:
    """Find the column that a table means, by our name or that of the public code, in any case.

    Parameters
    ----------
    name
        As a table of this package, the public MATLAB code or its notebook has it.

    Returns
    -------
    str or None
        A name in `COLUMNS`; None if it means none of them.

    Examples
    --------
    >>> from particlebridge.analysis.features.columns import column_named
    >>> column_named("Vsratio"), column_named("locOri"), column_named("pZ"), column_named("grade")
    ('VSratio', 'OrienIso', 'Z', None)
    """
    return _NAMED.get(name.lower())


def units(recipe: Recipe) -> dict[str, str]:
    """Give the unit of every column.

    Parameters
    ----------
    recipe
        ``"physical"``, ``"paper"`` or ``"both"``.

    Returns
    -------
    dict
        Column name to unit.
    """
    physical = {name: column.unit for name, column in COLUMNS.items()}
    paper = {name: column.paper_unit or column.unit for name, column in COLUMNS.items()}
    if recipe == "both":
        return physical | {f"{name}{PAPER_SUFFIX}": paper[name] for name in PUBLISHED}
    return physical if recipe == "physical" else paper
