"""TensorFlow, imported without its chatter."""

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import Any


def import_tensorflow() -> Any:
    """Import TensorFlow and keep its start-up messages off the terminal.

    Returns
    -------
    module
        tensorflow

    Raises
    ------
    ImportError
        If it is not installed or does not load on this machine.
    """
    if "tensorflow" not in sys.modules:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        with _stderr_closed():
            import tensorflow as tf

        tf.get_logger().setLevel("ERROR")
    return sys.modules["tensorflow"]


def compute_in_one_thread(tf: Any) -> None:
    """Let each operation of TensorFlow compute in one thread, if TensorFlow has not started yet.

    oneDNN cuts a convolution by the number of threads that it finds, and the order of the sums
    follows the cut: on a busy machine two predictions of one image in one process differed in the
    last bit. One thread leaves one order. Slices are what runs side by side (`PythonEngine`).

    Parameters
    ----------
    tf
        The module; what has computed already keeps its threads.
    """
    with contextlib.suppress(RuntimeError):
        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(1)


@contextlib.contextmanager
def _stderr_closed() -> Iterator[None]:
    """Discard what native code writes to the error stream.

    TensorFlow 2.21 writes to it before it reads TF_CPP_MIN_LOG_LEVEL. A failing import still
    raises, with its reason.
    """
    try:
        kept = os.dup(2)
    except OSError:  # started without an error stream, as pythonw does
        yield
        return
    sink = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(sink, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(sink)
