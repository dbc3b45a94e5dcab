"""TensorFlow and what else the extra `train` brings, imported without chatter."""

import contextlib
import importlib.util
import os
import sys
from collections.abc import Iterator
from typing import Any, Literal

_PACKAGES = {
    "tensorflow": "TensorFlow",
    "keras": "Keras",
    "stardist": "StarDist",
    "csbdeep": "CSBDeep",
    "tensorboard": "TensorBoard",
    "onnx": "onnx",
}
"""Of the extra `train`: what is imported, and its name in words."""

INSTALL = "pip install 'particlebridge[train]'"


def missing_packages() -> list[str]:
    """Name the packages of the extra `train` that are not installed."""
    return [title for name, title in _PACKAGES.items() if not _installed(name)]


def require_training(what: str) -> None:
    """Refuse what cannot be done without the extra `train`, before anything is read or written.

    Parameters
    ----------
    what
        Begins the sentence: "training", "exporting m".

    Raises
    ------
    ImportError
        In one sentence with the command that installs it.
    """
    if missing := missing_packages():
        names = ", ".join(missing)
        raise ImportError(f"{what} needs {names}, not installed here; run `{INSTALL}`")


def _installed(name: str) -> bool:
    if name in sys.modules:
        return sys.modules[name] is not None
    try:
        return importlib.util.find_spec(name) is not None
    except ImportError:
        return False


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
        require_training("this")
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


def choose_device(tf: Any, device: str) -> Literal["cpu", "cuda"]:
    """Tell where TensorFlow computes; for "cpu", hide the GPU from it.

    Parameters
    ----------
    tf
        The module.
    device
        "auto", "cpu" or "cuda".

    Raises
    ------
    RuntimeError
        If cuda is asked for and TensorFlow has no GPU, or cpu after it has used one.
    """
    gpus = tf.config.list_physical_devices("GPU")
    if device == "cuda" and not gpus:
        raise RuntimeError(
            "device cuda: TensorFlow finds no GPU here; run `pip install 'tensorflow[and-cuda]'` "
            "on a machine with an Nvidia GPU, or leave --device out"
        )
    if device == "cpu" and gpus:
        try:
            tf.config.set_visible_devices([], "GPU")
        except RuntimeError as error:
            raise RuntimeError(
                "device cpu: TensorFlow uses the GPU in this process already; start a new one"
            ) from error
    return "cuda" if gpus and device != "cpu" else "cpu"


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
