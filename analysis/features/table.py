"""One table row per particle: size, shape, damage, grey values and neighbourhood."""

import warnings
from typing import Any, get_args

import numpy as np
import pandas as pd

from .._shared.memory import free_memory
from .._shared.parallel import thread_count
from . import paper_recipe
from .columns import COLUMNS, PAPER_SUFFIX, PUBLISHED, Recipe, units
from .measured_volume import MeasuredVolume, check_spacing
from .moments import principal_axes
from .neighbourhood import neighbour_columns
from .orientation import euler_angles
from .packing_density import count_material, packing_density
from .particle_crops import Particles, find_particles, slab_depth
from .particle_measures import FIELDS
from .particle_rows import PieceMap, Setting, describe_all
from .reach import BALL, CROP_BYTES, DENSITY_REACH, check_reach, seen_voxels
from .void_columns import inner_surface, tell_void


def measure(
    volume: Any,
    labels: Any,
    spacing: tuple[float, float, float],
    solid: Any = None,
    recipe: Recipe = "physical",
    *,
    field_of_view: Any = None,
    ball: float | None = None,
    density_reach: float | None = None,
    block: int | None = None,
    workers: int | None = None,
    run: PieceMap = map,
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
        (Z, Y, X) mask of material, not 0; the rest of a body is void. Outside bodies it is ignored.
        One that `find_void` made says too of which bodies void cannot be known
        (`void_evidence.coded`): their Damage is NaN, and ``Void`` says why. Give a uint8 mask of
        your own that holds 64, 128 or 192 as bool.
    recipe
        ``"physical"``: micrometres and estimators of area; ``"paper"``: the counting of the public
        MATLAB code getAllFeatures, in voxels, its bodies closed from the solid (see `COLUMNS` and
        `paper_recipe`); ``"both"``: physical, and beside it the paper's columns, named with
        ``_paper``.
    field_of_view
        (Z, Y, X) mask of what was imaged; None: all of the volume that is not NaN.
    ball
        Radius of the ball that closes a solid and spans the ring for Contact, um (default: 0.7).
        The ring is a voxel wide at least. The paper recipe's is always 10 voxels.
    density_reach
        How far PDensity looks beyond the bounding box, um (default: 10, as in the paper recipe).
    block
        Slices to read at a time; None: as many as 0.25 GB of labels.
        Tall particles are read whole all the same.
    workers
        Threads; None: as many as processors.
    run
        What goes through the pieces of the volume: the built-in `map`, or something like it that
        has other processes do them.

    Returns
    -------
    DataFrame
        One row per particle, rising by label; the columns are those of `COLUMNS`. ``attrs`` holds
        ``units`` (column to unit), ``recipe``, ``spacing``, ``ball`` and ``density_reach``.

    Raises
    ------
    ValueError
        If shapes differ, labels are not integers or negative, `spacing` is not three positive
        numbers or so small that the ball has hundreds of voxels, there is NaN inside a particle,
        or a particle and what is seen around it do not fit into memory.

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
    arrays = MeasuredVolume(labels, solid, volume, field_of_view)
    arrays.check()
    if recipe not in get_args(Recipe):
        raise ValueError(f"recipe is {recipe!r}; it must be 'physical', 'paper' or 'both'")
    check_reach(spacing, ball, density_reach, recipe)
    same: dict[str, Any] = {
        "field_of_view": field_of_view,
        "block": block,
        "workers": workers,
        "run": run,
    }
    if recipe == "both":
        same |= {"volume": volume, "labels": labels, "spacing": spacing, "solid": solid}
        table = measure(**same, ball=ball, density_reach=density_reach)
        return beside(table, measure(**same, recipe="paper"))
    if recipe == "paper" and solid is not None:
        material = paper_recipe.Material(labels, solid)
        return measure(volume, material, spacing, recipe="paper", **same)
    ball = BALL if ball is None else ball
    density_reach = DENSITY_REACH if density_reach is None else density_reach
    depth = slab_depth(labels.shape, block)
    workers = workers or thread_count()

    particles = find_particles(labels, depth, workers)
    has_gaps = arrays.has_gaps(depth)
    if has_gaps and field_of_view is None:
        warnings.warn(
            "the volume holds values that are NaN or infinite: taken as outside the field of view",
            stacklevel=2,
        )
    coded = recipe == "physical" and arrays.is_coded(depth)
    setting = Setting(spacing, float(ball), recipe == "paper", has_gaps, coded)
    _check_crops(particles, setting)
    raw, border = describe_all(arrays, particles, setting, depth, workers, run)
    if recipe == "paper":
        density = _published_density(arrays, particles, spacing, depth, workers)
    else:
        boxes = particles.boxes
        density = packing_density(arrays, has_gaps, boxes, spacing, depth, workers, density_reach)
    table = table_of(raw, particles, border, density, spacing, recipe)
    if recipe == "physical":
        tell_void(table, raw[:, -1], volume is not None or solid is not None)
    table.attrs = {
        "units": units(recipe),
        "recipe": recipe,
        "spacing": list(spacing),
        "ball": paper_recipe.BALL if recipe == "paper" else float(ball),
        "density_reach": density_reach,
    }
    return table


def beside(table: pd.DataFrame, published: pd.DataFrame) -> pd.DataFrame:
    """Put the paper recipe's columns behind those of the physical one, particle by particle.

    Parameters
    ----------
    table, published
        Of `measure`, with the recipes physical and paper.

    Returns
    -------
    DataFrame
        A particle without solid is unknown to the paper recipe: NaN.
    """
    columns = published.set_index("label")[list(PUBLISHED)].add_suffix(PAPER_SUFFIX)
    both = table.join(columns, on="label")
    both.attrs = {**table.attrs, "units": units("both"), "recipe": "both"}
    return both


def _check_crops(particles: Particles, setting: Setting) -> None:
    """Refuse a particle that does not fit into memory with what is seen around it."""
    sizes = particles.boxes[:, 1::2] - particles.boxes[:, ::2]
    seen = [seen_voxels(size, setting.margin) for size in sizes]
    if not seen:
        return
    most = int(np.argmax(seen))
    needed, free = CROP_BYTES * seen[most], free_memory()
    if needed > free:
        raise ValueError(
            f"particle {particles.labels[most]} of {' x '.join(map(str, sizes[most]))} voxels, "
            f"with {setting.margin.max()} voxels on every side for the ball of {setting.ball:g} "
            f"um, takes {needed / 1e9:,.3g} GB of memory, more than is free; check the voxel "
            "size, or give a smaller ball"
        )


def _published_density(
    arrays: MeasuredVolume,
    particles: Particles,
    spacing: tuple[float, float, float],
    depth: int,
    workers: int,
) -> np.ndarray:
    cubes, size = paper_recipe.cubes(
        particles.boxes, tuple(arrays.labels.shape), spacing, DENSITY_REACH
    )
    material = count_material(MeasuredVolume(arrays.labels), False, cubes, depth, workers)[0]
    with np.errstate(divide="ignore"):
        return np.asarray(material / size)


def table_of(
    raw: np.ndarray,
    particles: Particles,
    border: np.ndarray,
    density: np.ndarray,
    spacing: tuple[float, float, float],
    recipe: Recipe,
) -> pd.DataFrame:
    """Make the columns from what was counted.

    Parameters
    ----------
    raw, border
        Of `describe_all`, one row per particle.
    particles
        Their labels and boxes.
    density
        PDensity of each.
    spacing, recipe
        As `measure`.
    """
    paper = recipe == "paper"
    count = len(raw)
    r = dict(zip(FIELDS, raw.T[: len(FIELDS)], strict=True))
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
    if paper:
        inner = whole - outer
        smooth = r["solid_area_smooth"] - r["body_area_smooth"]
        with np.errstate(divide="ignore", invalid="ignore"):
            rough = smooth / inner
    else:
        inner, rough = inner_surface(r)
        whole = outer + inner
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
            "RoughInner": rough,
            "VSratio": np.cbrt(volume) / np.sqrt(whole),
            "Sphericity": 36 * np.pi * volume**2 / whole**3,
            "Elongation": lengths[:, 0] / lengths[:, 2],
            "Damage": (r["body_voxels"] - r["solid_voxels"]) / r["body_voxels"],
            # Without a ring, where nothing around the body was seen, it is unknown.
            "Contact": r["contact_voxels"] / r["ring_voxels"],
            "PDensity": density,
            "SolidDensity": r["core_mean"],
            "SolidStd": r["core_std"],
            "BodySphericity": 36 * np.pi * volume**2 / outer**3,
            "BodyVSratio": np.cbrt(volume) / np.sqrt(outer),
        }
    points = paper_recipe.matlab_round(centroid) if paper else centroid
    table |= neighbour_columns(points, angles, table, "paper" if paper else "physical")
    table["Border"] = border
    table["Unit"] = np.full(count, "voxel" if paper else "um")
    for i, name in enumerate(("z0", "z1", "y0", "y1", "x0", "x1")):
        table[name] = particles.boxes[:, i]
    return pd.DataFrame({name: table[name] for name in COLUMNS if name in table})
