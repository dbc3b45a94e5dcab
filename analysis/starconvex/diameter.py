"""One number for the size of the particles in an image."""

import numpy as np
from numpy.typing import ArrayLike


def typical_diameter(sizes: ArrayLike, dims: int = 2) -> float:
    """Return the diameter of the particle that half of all particle area lies below.

    It is the size that somebody who looks at the image would name: the many fragments and caps
    of particles cut off-centre, which hold little area, hardly count. Training, the shipped
    model, `segment` and the record that travels with a model all mean this number.

    Parameters
    ----------
    sizes
        (n,) areas of the particles, square pixels; volumes, cubic pixels, for ``dims=3``.
    dims
        2 or 3.

    Returns
    -------
    float
        Diameter, pixels, of the disc (ball) with the area-weighted (volume-weighted) median size.

    Raises
    ------
    ValueError
        If no size is positive.

    Examples
    --------
    >>> import numpy as np
    >>> from particlebridge.analysis import typical_diameter
    >>> round(typical_diameter([1, 1, 1, 25 * np.pi]), 6)
    10.0
    """
    rising = np.sort(np.asarray(sizes, np.float64).ravel())
    rising = rising[rising > 0]
    if rising.size == 0:
        raise ValueError("there are no particles to take a typical diameter of")
    total = np.cumsum(rising)
    median = rising[np.searchsorted(total, total[-1] / 2)]
    unit = np.pi / 4 if dims == 2 else np.pi / 6
    return float((median / unit) ** (1 / dims))
