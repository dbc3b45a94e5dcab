"""Electrodes as tables: packing and damage without the voxels, hundreds of them in a minute."""

from collections.abc import Collection
from typing import Literal

import numpy as np
import pandas as pd

from .damage import damage_rule
from .packing import pack_ellipsoids, touching

Driver = Literal["depth", "size", "contact"]

_COVERED = 0.03
"""Share of a particle's surroundings that each particle touching it takes."""


def electrode_tables(
    shape: tuple[int, int, int] = (160, 256, 256),
    *,
    seed: int,
    cycles: float = 50,
    radius: tuple[float, float] = (6.0, 21.0),
    packing: float = 0.5,
    voxel_size: float = 0.25,
    drivers: Collection[Driver] = ("depth", "size", "contact"),
    coupling: float = 0.0,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Generate the tables of an electrode whose voxels are never painted.

    Particles are ellipsoids without bumps, and Damage is what
    `particlebridge.analysis.phantom.damage.damage_rule` asks for.

    Parameters
    ----------
    shape
        (Z, Y, X) voxels of the layer of particles; Z is the depth.
    seed, cycles, radius, packing, voxel_size, coupling
        As of `particlebridge.analysis.electrode`.
    drivers
        What Damage depends on besides chance; the others are held at the middle of their range.
        Contact is taken as 0.03 for each particle that touches.

    Returns
    -------
    particles : DataFrame
        label, X, Y, Z (um), Volume (um3), Contact, Damage and Border, as of
        `particlebridge.analysis.measure`. Border: a side of the box in y or x cuts it.
    contacts : DataFrame
        source and target, as of `particlebridge.analysis.contacts`.

    Examples
    --------
    >>> from particlebridge.analysis.phantom.tables import electrode_tables
    >>> particles, contacts = electrode_tables((60, 120, 120), seed=1)
    >>> set(contacts["source"]) <= set(particles["label"])
    True
    """
    rng = np.random.default_rng(seed)
    centres, radii, inverse_axes, longest = pack_ellipsoids(shape, radius, packing, rng)
    pairs = touching(centres, inverse_axes, longest, shape)
    # The packing goes round in y and x; an electrode does not.
    across = np.abs(centres[pairs[:, 0], 1:] - centres[pairs[:, 1], 1:]) > np.array(shape[1:]) / 2
    pairs = pairs[~across.any(axis=1)]
    contact = _COVERED * np.bincount(pairs.ravel(), minlength=len(radii))
    known = {
        "depth": centres[:, 0] / shape[0],
        "size": np.log(radii / radius[0]) / np.log(radius[1] / radius[0]),
        "contact": contact,
    }
    middle = {"depth": 0.5, "size": 0.5, "contact": 0.175}
    depth, size, touched = (
        values if name in drivers else np.full(len(radii), middle[name])
        for name, values in known.items()
    )
    damage = damage_rule(depth, size, touched, cycles, rng, pairs, coupling)
    places = centres * voxel_size
    cut = (centres[:, 1:] < longest[:, None]) | (centres[:, 1:] > shape[1:] - longest[:, None])
    particles = pd.DataFrame(
        {
            "label": np.arange(1, len(radii) + 1),
            "X": places[:, 2],
            "Y": places[:, 1],
            "Z": places[:, 0],
            "Volume": 4 / 3 * np.pi * (radii * voxel_size) ** 3,
            "Contact": contact,
            "Damage": damage,
            "Border": cut.any(axis=1),
        }
    )
    return particles, pd.DataFrame(pairs + 1, columns=["source", "target"])
