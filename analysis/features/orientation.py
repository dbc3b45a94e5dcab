"""Yaw, Pitch and Roll of principal axes, as MATLAB's regionprops3 reports them."""

import numpy as np

# Direction cosines below this are zero but for rounding.
_ZERO = 1e-9


def euler_angles(axes: np.ndarray) -> np.ndarray:
    """Euler angles of principal axes with one fixed choice of signs.

    The axes are the columns of ``R = Rz(yaw) Ry(pitch) Rx(roll)`` in right-handed (x, y, z)
    coordinates, the longest axis first: MATLAB regionprops3's ``Orientation``. An axis has no
    sign, so one body has four such matrices; the one returned has its longest axis pointing to +x
    (where it has no x component to +y, where it has neither to +z) and its roll in (-90, 90]. So
    yaw lies in (-90, 90], pitch in [-90, 90]. With the longest axis along z, yaw and roll turn
    about the same line and yaw is set to 0.

    Parameters
    ----------
    axes
        (..., 3, 3) unit vectors as columns in (x, y, z) order, longest first.

    Returns
    -------
    ndarray (..., 3)
        Yaw, pitch, roll in degrees; NaN where the input is NaN.

    References
    ----------
    K. Shoemake, Euler angle conversion, Graphics Gems IV (1994) 222-229.
    """
    longest, middle = axes[..., :, 0], axes[..., :, 1]
    present = np.abs(longest) > _ZERO
    leading = np.take_along_axis(longest, present.argmax(axis=-1)[..., None], axis=-1)
    longest = longest * np.where(leading < 0, -1.0, 1.0)
    shortest = np.cross(longest, middle)
    # Two axes perpendicular to z fix yaw and roll; one that is not leaves only their sum.
    flat = np.hypot(longest[..., 0], longest[..., 1])
    gimbal = flat <= _ZERO
    yaw = np.where(gimbal, 0.0, _atan2(longest[..., 1], longest[..., 0]))
    pitch = _atan2(-longest[..., 2], flat)
    roll = np.where(
        gimbal, _atan2(-shortest[..., 1], middle[..., 1]), _atan2(middle[..., 2], shortest[..., 2])
    )
    roll = np.where(roll > 90 + _ZERO, roll - 180, roll)
    roll = np.where(roll <= -90 + _ZERO, roll + 180, roll)
    angles = np.stack([yaw, pitch, roll], axis=-1) + 0.0  # no -0
    return np.where(np.isfinite(axes).all(axis=(-2, -1))[..., None], angles, np.nan)


def axial_spread(angles: np.ndarray) -> np.ndarray:
    """Circular standard deviation of angles of axes, which repeat after 180 degrees.

    Parameters
    ----------
    angles
        (..., n) degrees; NaN entries are left out.

    Returns
    -------
    ndarray (...)
        Degrees: ``sqrt(-2 ln R) / 2`` with R the mean length of the doubled angles' unit vectors.
        At most 90, the largest angle between two axes. NaN where fewer than two angles are left.

    References
    ----------
    N. I. Fisher, Statistical Analysis of Circular Data (1993), sections 2.3 and 2.4.
    """
    doubled = np.exp(2j * np.radians(angles))
    valid = np.isfinite(angles)
    count = valid.sum(axis=-1)
    total = np.abs(np.where(valid, doubled, 0).sum(axis=-1))
    with np.errstate(divide="ignore", invalid="ignore"):
        length = np.minimum(total / count, 1.0)
        spread = np.degrees(np.sqrt(-2 * np.log(length))) / 2
    return np.where(count > 1, np.minimum(spread, 90.0), np.nan)


def _atan2(y: np.ndarray, x: np.ndarray) -> np.ndarray:
    return np.degrees(np.arctan2(y, x))
