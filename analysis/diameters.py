"""One number for the size of the particles in an image."""

import numpy as np
from numpy.typing import ArrayLike


def typical_diameter(areas: ArrayLike) -> float:
    """Return the diameter of the particle that half of all particle area lies below.

    It is the size that somebody who looks at the image would name: the many fragments and caps
    of particles cut off-centre, which hold little area, hardly count.

    Parameters
    ----------
    areas
        (n,) areas of the particles, square pixels.

    Returns
    -------
    float
        Diameter, pixels, of the disc with the area-weighted median area.

    Raises
    ------
    ValueError
        If no area is positive.
    """
    rising = np.sort(np.asarray(areas, np.float64).ravel())
    rising = rising[rising > 0]
    if rising.size == 0:
        raise ValueError("there are no particles to take a typical diameter of")
    total = np.cumsum(rising)
    median = rising[np.searchsorted(total, total[-1] / 2)]
    return float(np.sqrt(4 * median / np.pi))
