"""What csbdeep, StarDist, Keras and TensorFlow print, kept out of a program's output."""

import contextlib
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

Loud = Callable[[], AbstractContextManager[Any]]
"""Gives a context in which prints are seen again."""


@contextlib.contextmanager
def quiet(errors: bool = True) -> Iterator[Loud]:
    """Drop prints, `errors` as well, and warnings; yield the way to be heard in between."""
    stdout = sys.stdout
    with contextlib.ExitStack() as stack:
        nowhere = stack.enter_context(open(os.devnull, "w"))  # noqa: PTH123 - the null device
        stack.enter_context(contextlib.redirect_stdout(nowhere))
        if errors:
            stack.enter_context(contextlib.redirect_stderr(nowhere))
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")
        yield lambda: contextlib.redirect_stdout(stdout)
