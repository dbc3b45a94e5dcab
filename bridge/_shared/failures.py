"""Which errors belong to one item of many (a volume, a slice, an image), and what they mean."""

import errno
import sys

from particlebridge.analysis.io.errors import reason

_ENDS_ALL = {errno.ENOSPC, errno.EDQUOT, errno.EROFS}
"""A disk that takes nothing more lets every item after this one fail as well, after its work."""


def item_errors() -> tuple[type[Exception], ...]:
    """List the errors that end an item, to stand in an ``except`` clause.

    Those of TensorFlow, such as a GPU out of memory, are of no kind that Python knows; where it was
    not imported nothing can raise them.
    """
    tensorflow = sys.modules.get("tensorflow")
    errors = getattr(tensorflow, "errors", None)
    return (ValueError, OSError, RuntimeError, MemoryError, *((errors.OpError,) if errors else ()))


def why_failed(error: Exception) -> str:
    """Say in one sentence why an item failed.

    Parameters
    ----------
    error
        One of `item_errors`.

    Raises
    ------
    OSError
        The error itself, if it ends all the work and not just this item.
    """
    if isinstance(error, OSError) and error.errno in _ENDS_ALL:
        raise error
    return explained(error)


def explained(error: BaseException) -> str:
    """Say in one sentence what an error means, one of TensorFlow too."""
    if type(error).__module__.startswith("tensorflow"):
        if type(error).__name__ == "ResourceExhaustedError":
            return (
                "the network ran out of memory (on a GPU: its own); a lower --memory lets "
                "smaller pieces through it"
            )
        return f"TensorFlow failed: {reason(error)}"
    if isinstance(error, MemoryError):
        return "there is not enough memory for it; crop it, or close other programs"
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return " ".join(str(error).split()) or type(error).__name__
