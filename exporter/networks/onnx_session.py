"""model.onnx: a network of ours in ONNX Runtime, and what it says about itself."""

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from particlebridge.analysis.io.errors import reason

from .network import Device, DeviceChoice
from .saved_model import INPUT

ONNX_NAME = "model.onnx"
"""In a bundle beside saved_model.pb, in a model folder beside its weights."""

ONNX_OUTPUTS = ("prob", "dist")

_CPU, _CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"
_NO_CUDA = (
    "run `pip uninstall onnxruntime` and `pip install onnxruntime-gpu[cuda,cudnn]` on a machine "
    "with an Nvidia GPU, or leave --device out"
)
_LOG = logging.getLogger("particlebridge")


class OnnxRun:
    """A network in ONNX Runtime, whatever its outputs; threads may share it.

    Each call computes in the thread that makes it. Several threads in one call would cut the
    sums by their number, and the last bit of a result would follow what else the machine does.

    Parameters
    ----------
    content
        Of model.onnx.
    source
        Where it came from, for messages.
    device
        ``cpu``, ``cuda`` or ``auto``: a GPU where the ONNX Runtime installed here has one.

    Attributes
    ----------
    device
        "cpu" or "cuda": what came of it.
    metadata
        What the network says of itself.
    outputs
        Their names.
    input_shape
        Of an image; a name where any size goes.

    Raises
    ------
    ValueError
        If it is no ONNX network.
    RuntimeError
        If cuda is asked for and cannot be had.
    """

    def __init__(self, content: bytes, source: Path, device: DeviceChoice = "cpu") -> None:
        import onnxruntime

        has_cuda = _CUDA in onnxruntime.get_available_providers()
        if device == "cuda" and not has_cuda:
            raise RuntimeError(
                f"device cuda: the ONNX Runtime installed here ({onnxruntime.__version__}) has no "
                f"CUDA; {_NO_CUDA}"
            )
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.use_deterministic_compute = True
        # Slices differ in size: memory planned for one and kept would only add up.
        options.enable_mem_pattern = False
        options.log_severity_level = 4
        try:
            self._session = onnxruntime.InferenceSession(
                content,
                options,
                providers=[_CUDA, _CPU] if has_cuda and device != "cpu" else [_CPU],
            )
        except Exception as error:  # ONNX Runtime's errors share no class of their own
            raise ValueError(
                f"{source}: ONNX Runtime does not load it ({reason(error)[:200]}); "
                "export the model again"
            ) from error
        self.device: Device = "cuda" if _CUDA in self._session.get_providers() else "cpu"
        if has_cuda and device != "cpu" and self.device == "cpu":
            # Without CUDA's libraries or a GPU, ONNX Runtime falls back to the CPU silently.
            failed = "ONNX Runtime has CUDA, and it does not start here (no GPU, driver or cuDNN)"
            if device == "cuda":
                raise RuntimeError(f"device cuda: {failed}; {_NO_CUDA}")
            _LOG.warning("the network runs on the CPU: %s", failed)
        elif device == "auto" and self.device == "cuda":
            _LOG.warning("the network runs on the GPU (CUDA); --device cpu keeps it on the CPU")
        self.metadata: dict[str, Any] = _settings(self._session)
        self.outputs = tuple(one.name for one in self._session.get_outputs())
        self.input_shape: list[int | str | None] = self._session.get_inputs()[0].shape

    def check_star_convex(self, source: Path) -> None:
        """Raise ValueError unless it is a StarDist network that `export` wrote."""
        if is_care(self.metadata):
            raise ValueError(
                f"{source} is a CARE network, which restores images and finds no particles; give "
                "a StarDist model"
            )
        inputs = [(one.name, one.type, len(one.shape)) for one in self._session.get_inputs()]
        if (
            inputs != [(INPUT, "tensor(float)", 4)]
            or self.outputs != ONNX_OUTPUTS
            or not {"grid", "rays", "reach"} <= self.metadata.keys()
        ):
            raise ValueError(
                f"{source} is not an ONNX network that `particlebridge export` wrote: its input "
                f"and outputs are {[one[0] for one in inputs]} and {list(self.outputs)}, or its "
                "metadata tell no grid, rays and reach; give the StarDist folder it was made from"
            )

    def run(self, image: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """Give the outputs for an image.

        Raises
        ------
        MemoryError, RuntimeError
            If ONNX Runtime fails.
        """
        try:
            return self._session.run(self.outputs, {INPUT: image})
        except Exception as error:  # as above
            if "alloc" in str(error):
                raise MemoryError(str(error)) from error
            raise RuntimeError(f"ONNX Runtime failed: {reason(error)}") from error


class OnnxSession(OnnxRun):
    """A StarDist network that `export` wrote; parameters as `OnnxRun`.

    Attributes
    ----------
    channels
        Of an image.
    reach
        How far a grid point looks, pixels (y, x).

    Raises
    ------
    ValueError
        If it is no ONNX network, or no StarDist network of ours.
    RuntimeError
        As `OnnxRun`.
    """

    def __init__(self, content: bytes, source: Path, device: DeviceChoice = "cpu") -> None:
        super().__init__(content, source, device)
        self.check_star_convex(source)
        self.channels, self.reach = _whole_numbers(self._session, self.metadata, source)

    def __call__(
        self, image: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Run the network.

        Parameters
        ----------
        image
            (1, H, W, C) float32, normalised and padded.

        Returns
        -------
        prob, dist
            (1, H / grid y, W / grid x, 1) and (..., rays) float32.

        Raises
        ------
        MemoryError, RuntimeError
            If ONNX Runtime fails.
        """
        prob, dist = self.run(image)
        return prob, dist


def is_care(metadata: dict[str, Any]) -> bool:
    """Tell a CARE network by its metadata."""
    return metadata.get("kind") in ("care2d", "care3d")


def _whole_numbers(
    session: Any, metadata: dict[str, Any], source: Path
) -> tuple[int, tuple[int, int]]:
    channels = session.get_inputs()[0].shape[3]
    try:
        y, x = (int(side) for side in metadata["reach"])
        if not (isinstance(channels, int) and 0 < y < 1 << 16 and 0 < x < 1 << 16):
            raise ValueError
    except (ValueError, TypeError):
        raise ValueError(
            f"{source} does not tell its channels and how far its network looks; export the model "
            "again"
        ) from None
    return channels, (y, x)


def _settings(session: Any) -> dict[str, Any]:
    """Read the metadata, each value JSON; what is none is of another writer."""
    found = {}
    for name, text in session.get_modelmeta().custom_metadata_map.items():
        try:
            found[name] = json.loads(text)
        except (ValueError, RecursionError):
            continue
    return found
