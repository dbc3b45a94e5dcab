"""The 2-D sections of particles in a view's stack, from a few of its slices."""

from collections.abc import Mapping

import numpy as np
from particlebridge.analysis import typical_diameter
from particlebridge.analysis._shared.views import View, sampled_slices, view_spacing

from ..volumes.stored_arrays import AnyArray
from ..volumes.voxel_size import Spacing


def typical_section(stacks: Mapping[View, Mapping[str, AnyArray]], spacing: Spacing) -> float:
    """Estimate the typical diameter of particles, um, from slices of one view's labels."""
    view, held = next(iter(stacks.items()))
    return found_section(held["labels"], view, spacing) or 10 * max(spacing)


def found_section(labels: AnyArray, view: View, spacing: Spacing) -> float | None:
    """Measure the typical diameter of the 2-D objects in a view's labels; None: there are none.

    Parameters
    ----------
    labels
        Of the view, in its own order.
    view
        ``xy``, ``xz`` or ``yz``.
    spacing
        Sides of a voxel (z, y, x); the diameter is in their unit.
    """
    _, height, width = view_spacing(spacing, view)
    areas: list[np.ndarray] = [np.zeros(0)]
    for index in sampled_slices(len(labels)):
        names, pixels = np.unique(np.asarray(labels[index]), return_counts=True)
        areas.append(pixels[names > 0] * height * width)
    every = np.concatenate(areas)
    return typical_diameter(every) if every.any() else None
