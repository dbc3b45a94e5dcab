"""Digitised shapes of known geometry, for the tests of what is measured."""

import numpy as np
from scipy.spatial.transform import Rotation

Spacing = tuple[float, float, float]


def offsets(shape: tuple[int, int, int], centre: tuple[float, float, float], spacing: Spacing):
    """(Z, Y, X, 3) vectors (z, y, x) in um from `centre` (um) to every voxel's centre."""
    axes = [np.arange(n) * s - c for n, s, c in zip(shape, spacing, centre, strict=True)]
    return np.stack(np.meshgrid(*axes, indexing="ij"), -1)


def ball(shape, centre, radius: float, spacing: Spacing = (1.0, 1.0, 1.0)) -> np.ndarray:
    """Boolean ball; centre and radius in um."""
    return (offsets(shape, centre, spacing) ** 2).sum(-1) <= radius**2


def ellipsoid(
    shape, centre, half_axes, angles=(0.0, 0.0, 0.0), spacing: Spacing = (1.0, 1.0, 1.0)
) -> np.ndarray:
    """Ellipsoid with its half axes along x, y, z turned by Rz(yaw) Ry(pitch) Rx(roll), degrees."""
    turn = Rotation.from_euler("ZYX", angles, degrees=True).as_matrix()
    xyz = offsets(shape, centre, spacing)[..., ::-1] @ turn
    return ((xyz / np.asarray(half_axes)) ** 2).sum(-1) <= 1


def ellipsoid_area(a: float, b: float, c: float) -> float:
    """Surface area of an ellipsoid by quadrature (midpoint rule, far below 0.1 %)."""
    n = 400
    u = (np.arange(n) + 0.5) * np.pi / n
    v = (np.arange(n) + 0.5) * 2 * np.pi / n
    u, v = np.meshgrid(u, v, indexing="ij")
    density = np.sin(u) * np.sqrt(
        (b * c * np.sin(u) * np.cos(v)) ** 2
        + (a * c * np.sin(u) * np.sin(v)) ** 2
        + (a * b * np.cos(u)) ** 2
    )
    return float(density.sum() * (np.pi / n) * (2 * np.pi / n))


def disc(shape: tuple[int, ...]) -> np.ndarray:
    """Boolean disc that touches the edges of an image, or of the slices of a volume."""
    y, x = np.ogrid[: shape[-2], : shape[-1]]
    middle = (shape[-2] - 1) / 2, (shape[-1] - 1) / 2
    return np.hypot(y - middle[0], x - middle[1]) <= min(middle)
