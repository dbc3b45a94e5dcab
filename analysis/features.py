"""One table row per particle: size, shape, damage, grey values and neighbourhood."""

import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pandas as pd

from . import paper_recipe
from .closing import ball_reach
from .feature_table import COLUMNS, Recipe, units
from .particle_visibility import FieldOfView
from .moments import principal_axes
from .neighbourhood import add_box_sums, nearest, orientation_spread, spread
from .orientation import euler_angles
from .particle_crops import (
    Particles,
    find_particles,
    read_around,
    slab_depth,
    thread_count,
    windows,
)
from .particle_measures import FIELDS, describe

# The paper's cube around a particle reaches this far beyond its bounding box, um.
CUBE_MARGIN = 10.0


def measure(
    volume: Any,
    labels: Any,
    spacing: tuple[float, float, float],
    solid: Any = None,
    recipe: Recipe = "physical",
    *,
    field_of_view: Any = None,
    ball: float = 0.7,
    block: int | None = None,
    workers: int | None = None,
) -> pd.DataFrame:
    """Measure every particle of a label volume.

    Arrays may be numpy arrays, memory maps, Zarr, HDF5 or dask arrays: whatever has a shape, a
    dtype and can be sliced. The table does not depend on how they are read.

    Parameters
    ----------
    volume
        (Z, Y, X) grey values; None if there are none: then columns of grey values and Damage are
        NaN (unless `solid` tells what is void). NaN beyond the field of view is left out.
    labels
        (Z, Y, X) integers, 0 = background; gaps in the numbering are allowed. Bodies if `solid` is
        given (cracks included), else solids: each is closed with a ball and its holes are filled to
        get the body, which never takes another label's voxels. Without grey values and solid there
        is no void and bodies are the labels as they are.
    spacing
        Voxel size (z, y, x), um.
    solid
        (Z, Y, X) mask of material; the rest of a body is void. Outside bodies it is ignored.
    recipe
        ``"physical"``: micrometres and estimators of area; ``"paper"``: the counting of the public
        MATLAB code getAllFeatures, in voxels (see `COLUMNS` for both).
    field_of_view
        (Z, Y, X) mask of what was imaged; None: all of the volume that is not NaN.
    ball
        Radius of the ball that closes a solid and spans the ring for Contact, um.
    block
        Slices to read at a time; None: all of arrays in memory, else as many as 0.25 GB of labels.
    workers
        Threads; None: as many as processors.

    Returns
    -------
    DataFrame
        One row per particle, rising by label; the columns are those of `COLUMNS`. ``attrs`` holds
        ``units`` (column to unit), ``recipe``, ``spacing`` and ``ball``.

    Raises
    ------
    ValueError
        If shapes differ, labels are not integers or negative, `spacing` is not three positive
        numbers, or there is NaN inside a particle.

    References
    ----------
    Li et al., Science 376 (2022) 517-521.

    Examples
    --------
    >>> import numpy as np
    >>> labels = np.zeros((12, 12, 12), np.int32)
    >>> labels[3:9, 3:9, 3:9] = 7
    >>> table = measure(None, labels, spacing=(0.5, 0.5, 0.5))
    >>> table[["label", "X", "Volume", "Elongation"]].to_dict("records")
    [{'label': 7, 'X': 2.75, 'Volume': 27.0, 'Elongation': 1.0}]
    """
    spacing = check_spacing(spacing)
    check_labels(labels)
    for name, array in (("volume", volume), ("solid", solid), ("field_of_view", field_of_view)):
        if array is not None and tuple(array.shape) != tuple(labels.shape):
            raise ValueError(
                f"{name} has shape {tuple(array.shape)} and labels {tuple(labels.shape)}: "
                "they must be the same"
            )
    if recipe not in ("physical", "paper"):
        raise ValueError(f"recipe is {recipe!r}; it must be 'physical' or 'paper'")
    if not ball > 0:
        raise ValueError(f"ball is {ball}; it must be a radius above 0 um")
    given = [a for a in (volume, labels, solid, field_of_view) if a is not None]
    in_memory = all(isinstance(a, np.ndarray) for a in given)
    depth = slab_depth(labels.shape, block, in_memory)
    workers = workers or thread_count()

    particles = find_particles(labels, depth, workers)
    view = FieldOfView.of(volume, field_of_view, depth)
    if view.has_gaps and field_of_view is None:
        warnings.warn(
            "the volume holds values that are NaN or infinite: taken as outside the field of view",
            stacklevel=2,
        )
    raw, border = _describe_all(
        volume, labels, solid, view, particles, spacing, recipe, ball, depth, workers
    )
    density = _packing_density(
        labels, solid, volume, view, particles.boxes, spacing, depth, workers
    )
    table = _table(raw, particles, border, density, spacing, recipe)
    if volume is None and solid is None:
        for name in ("Damage", "SurfaceInner", "RoughInner"):
            table[name] = np.nan
    table.attrs = {
        "units": units(recipe),
        "recipe": recipe,
        "spacing": list(spacing),
        "ball": float(ball),
    }
    return table


def check_spacing(spacing: tuple[float, float, float]) -> tuple[float, float, float]:
    """Return the voxel size as three floats, or say what is wrong with it."""
    sizes = tuple(float(s) for s in np.ravel(spacing))
    if len(sizes) != 3 or not all(np.isfinite(s) and s > 0 for s in sizes):
        raise ValueError(f"spacing is {spacing}; it must be three numbers above 0: z, y, x in um")
    return sizes


def check_labels(labels: Any) -> None:
    """Say what is wrong with labels that are no three-dimensional integers."""
    if len(labels.shape) != 3:
        raise ValueError(f"labels have shape {tuple(labels.shape)}; they must be (Z, Y, X)")
    if not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(f"labels are {labels.dtype}; they must be integers")


def _describe_all(
    volume: Any,
    labels: Any,
    solid: Any,
    view: FieldOfView,
    particles: Particles,
    spacing: tuple[float, float, float],
    recipe: Recipe,
    ball: float,
    depth: int,
    workers: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Rows of `FIELDS` and border flags of all particles."""
    reach = np.maximum(ball_reach(ball, spacing), 1)
    closing = solid is None and volume is not None
    paper = recipe == "paper"
    sizes = np.array(spacing)
    rows = np.full((len(particles.labels), len(FIELDS)), np.nan)
    border = np.zeros(len(particles.labels), bool)
    no_solid, no_grey = np.empty((0, 0, 0), np.uint8), np.empty((0, 0, 0))

    with ThreadPoolExecutor(workers) as pool:
        for low, high, index in windows(particles.boxes, int(reach[0]), depth, labels.shape[0]):
            near_slab = np.asarray(labels[low:high])
            solid_slab = None if solid is None else np.asarray(solid[low:high])
            grey_slab = None if volume is None else np.asarray(volume[low:high])
            seen_slab = view.slab(low, high, grey_slab)

            def one(
                i: int,
                low: int = low,
                near_slab: np.ndarray = near_slab,
                solid_slab: np.ndarray | None = solid_slab,
                grey_slab: np.ndarray | None = grey_slab,
                seen_slab: np.ndarray | None = seen_slab,
            ) -> None:
                box, label = particles.boxes[i], int(particles.labels[i])
                inside = (
                    slice(box[0] - low, box[1] - low),
                    slice(box[2], box[3]),
                    slice(box[4], box[5]),
                )
                near = read_around(near_slab, low, box, reach)
                border[i] = (box[::2] == 0).any() or (box[1::2] == labels.shape).any()
                if seen_slab is not None:
                    border[i] |= view.hide_unseen(near, label, seen_slab, low, box, reach)
                rows[i] = describe(
                    near,
                    label,
                    no_solid
                    if solid_slab is None
                    else np.ascontiguousarray(solid_slab[inside] != 0).view(np.uint8),
                    no_grey
                    if grey_slab is None
                    else np.ascontiguousarray(grey_slab[inside], np.float64),
                    closing,
                    paper,
                    float(ball),
                    reach,
                    sizes,
                )

            list(pool.map(one, index))
    return rows, border


def _packing_density(
    labels: Any,
    solid: Any,
    volume: Any,
    view: FieldOfView,
    boxes: np.ndarray,
    spacing: tuple[float, float, float],
    depth: int,
    workers: int,
) -> np.ndarray:
    """Share of solid voxels in the cube around each particle, (n,)."""
    margin = np.round(CUBE_MARGIN / np.array(spacing)).astype(np.int64)
    cubes = boxes.copy()
    cubes[:, ::2] = np.maximum(boxes[:, ::2] - margin, 0)
    cubes[:, 1::2] = np.minimum(boxes[:, 1::2] + margin, labels.shape)
    material = np.zeros(len(boxes), np.int64)
    hidden = np.zeros(len(boxes), np.int64)
    with ThreadPoolExecutor(workers) as pool:
        for low in range(0, labels.shape[0], depth):
            high = min(low + depth, labels.shape[0])
            label_slab = np.asarray(labels[low:high])
            solid_slab = None if solid is None else np.asarray(solid[low:high])
            grey = np.asarray(volume[low:high]) if view.has_gaps else None
            unseen = view.slab(low, high, grey)

            def count(
                part: np.ndarray,
                low: int = low,
                label_slab: np.ndarray = label_slab,
                solid_slab: np.ndarray | None = solid_slab,
                unseen: np.ndarray | None = unseen,
            ) -> tuple[np.ndarray, np.ndarray]:
                rows = slice(part[0], part[-1] + 1)
                sums = np.zeros((2, len(boxes)), np.int64)
                mask = label_slab[rows] != 0
                if solid_slab is not None:
                    mask &= solid_slab[rows] != 0
                if unseen is not None:
                    mask &= unseen[rows] == 0
                    add_box_sums(
                        (unseen[rows] != 0).view(np.uint8), low + int(part[0]), cubes, sums[1]
                    )
                add_box_sums(mask.view(np.uint8), low + int(part[0]), cubes, sums[0])
                return sums[0], sums[1]

            parts = np.array_split(np.arange(high - low), min(workers, high - low))
            for found, unseen_found in pool.map(count, parts):
                material += found
                hidden += unseen_found
    size = np.prod(cubes[:, 1::2] - cubes[:, ::2], axis=1) - hidden
    with np.errstate(invalid="ignore"):
        return material / size


def _table(
    raw: np.ndarray,
    particles: Particles,
    border: np.ndarray,
    density: np.ndarray,
    spacing: tuple[float, float, float],
    recipe: Recipe,
) -> pd.DataFrame:
    """Columns from what was counted."""
    paper = recipe == "paper"
    count = len(raw)
    r = dict(zip(FIELDS, raw.T, strict=True))
    size = np.array(paper_recipe.SPACING if paper else spacing)
    scale = np.outer(size, size)
    columns = [name for name in FIELDS if "covariance" in name]
    solid_tensor = np.stack([r[c] for c in columns[:9]], -1).reshape(count, 3, 3) * scale
    body_tensor = np.stack([r[c] for c in columns[9:]], -1).reshape(count, 3, 3) * scale
    _, axes = principal_axes(solid_tensor)
    angles = euler_angles(axes)
    lengths, _ = principal_axes(solid_tensor if paper else body_tensor)

    centroid = np.stack([r[f"centroid_{a}"] for a in "zyx"], -1) + particles.boxes[:, ::2]
    centroid = (centroid + paper_recipe.FIRST_INDEX) if paper else centroid * size
    volume = r["body_voxels"] * size.prod()
    outer, whole = r["body_area"], r["solid_area"]
    # No solid left: no surface of it either.
    whole = np.where(r["solid_voxels"] > 0, whole, outer)
    inner = whole - outer
    inner_smooth = r["solid_area_smooth"] - r["body_area_smooth"]
    with np.errstate(divide="ignore", invalid="ignore"):
        deviation = r["grey_std"]
        table = {
            "label": particles.labels,
            "X": centroid[:, 2],
            "Y": centroid[:, 1],
            "Z": centroid[:, 0],
            "Yaw": angles[:, 0],
            "Pitch": angles[:, 1],
            "Roll": angles[:, 2],
            "EDensity": r["grey_mean"],
            "Homogeneity": deviation if paper else np.where(deviation > 0, 1 / deviation, np.nan),
            "Volume": volume,
            "SurfaceOuter": outer,
            "SurfaceInner": inner,
            "RoughOuter": r["body_area_smooth"] / outer,
            "RoughInner": np.where(inner == 0, 1.0, inner_smooth / inner),
            "VSratio": np.cbrt(volume) / np.sqrt(whole),
            "Sphericity": 36 * np.pi * volume**2 / whole**3,
            "Elongation": lengths[:, 0] / lengths[:, 2],
            "Damage": (r["body_voxels"] - r["solid_voxels"]) / r["body_voxels"],
            "Contact": np.where(r["ring_voxels"] > 0, r["contact_voxels"] / r["ring_voxels"], 0.0),
            "PDensity": density,
            "SolidDensity": r["core_mean"],
            "SolidStd": r["core_std"],
            "BodySphericity": 36 * np.pi * volume**2 / outer**3,
            "BodyVSratio": np.cbrt(volume) / np.sqrt(outer),
        }
    points = paper_recipe.matlab_round(centroid) if paper else centroid
    index, distance = nearest(points)
    table["DistNearest"] = distance.mean(axis=1) if distance.shape[1] else np.full(count, np.nan)
    for name, of in (
        ("VolumeStd", "Volume"),
        ("ElongStd", "Elongation"),
        ("SpherStd", "Sphericity"),
        ("BodySpherStd", "BodySphericity"),
    ):
        table[name] = spread(table[of], index)
    table["OrienIso"] = orientation_spread(angles, index, recipe)
    table["Border"] = border
    for i, name in enumerate(("z0", "z1", "y0", "y1", "x0", "x1")):
        table[name] = particles.boxes[:, i]
    return pd.DataFrame({name: table[name] for name in COLUMNS})
