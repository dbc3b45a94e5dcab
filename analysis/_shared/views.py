"""The three views of a volume: stacks of its slices along each axis."""

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:  # the command line's help is shown without numpy
    import numpy as np

View = Literal["xy", "xz", "yz"]
VIEWS: tuple[View, ...] = ("xy", "xz", "yz")

# The order in which a (Z, Y, X) volume's axes stand in each view's stack.
_ORDER: dict[str, tuple[int, int, int]] = {"xy": (0, 1, 2), "xz": (1, 0, 2), "yz": (2, 0, 1)}


def to_view(volume: "np.ndarray", view: View) -> "np.ndarray":
    """Show a volume as the stack of one view's slices, without copying.

    Parameters
    ----------
    volume
        (Z, Y, X) array.
    view
        ``"xy"`` gives (Z, Y, X), ``"xz"`` (Y, Z, X), ``"yz"`` (X, Z, Y).

    Returns
    -------
    ndarray
        A transposed view of the same memory.

    Examples
    --------
    >>> import numpy as np
    >>> from particlebridge.analysis import to_view
    >>> to_view(np.zeros((3, 4, 5)), "xz").shape
    (4, 3, 5)
    """
    return volume.transpose(_ORDER[view])


def from_view(stack: "np.ndarray", view: View) -> "np.ndarray":
    """Turn a view's stack back into (Z, Y, X) order; the inverse of `to_view`.

    Parameters
    ----------
    stack
        xy (Z, Y, X), xz (Y, Z, X), yz (X, Z, Y).
    view
        Which of the three it is.

    Returns
    -------
    ndarray
        (Z, Y, X), a transposed view of the same memory.

    Examples
    --------
    >>> import numpy as np
    >>> from particlebridge.analysis import from_view
    >>> from_view(np.zeros((4, 3, 5)), "xz").shape
    (3, 4, 5)
    """
    return stack.transpose(_inverse(view))


def view_axes(view: View) -> tuple[int, int, int]:
    """Tell which axis of a (Z, Y, X) volume each axis of a view's stack is."""
    return _ORDER[view]


def sampled_slices(depth: int, count: int = 16) -> list[int]:
    """Choose slices of a stack that lie evenly apart; all of a thin one but its faces."""
    import numpy as np

    chosen = np.linspace(0, depth - 1, count + 2)[1:-1].astype(int)
    return [int(index) for index in np.unique(chosen)]


def view_spacing(spacing: tuple[float, float, float], view: View) -> tuple[float, float, float]:
    """Give the (Z, Y, X) voxel size in the order of a view's stack: (step, height, width)."""
    a, b, c = _ORDER[view]
    return spacing[a], spacing[b], spacing[c]


def volume_spacing(
    stack_spacing: tuple[float, float, float], view: View
) -> tuple[float, float, float]:
    """Give a view's voxel size back in (Z, Y, X) order; the inverse of `view_spacing`."""
    z, y, x = _inverse(view)
    return stack_spacing[z], stack_spacing[y], stack_spacing[x]


def _inverse(view: View) -> list[int]:
    return sorted(range(3), key=_ORDER[view].__getitem__)
