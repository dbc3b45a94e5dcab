"""Models, wherever they come from, as one `Network` that maps pixels to rays."""

import hashlib
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..safe_zip import extract
from ..tensorflow_import import compute_in_one_thread, import_tensorflow
from .keras_models import dimensions, load_keras_model
from .model_kinds import kind_of_file, kind_of_names, names_in
from .record import RECORD_NAME, ModelRecord, Thresholds, folder_digest, read_record
from .saved_model import GRAPH_NAME

if TYPE_CHECKING:
    from stardist.models import StarDist2D

_PLUGIN_MULTIPLE = 64


@dataclass(frozen=True, eq=False)
class Network:
    """A loaded StarDist 2-D model.

    Attributes
    ----------
    name
        Name of the folder, bundle or object it came from.
    n_channels
        Channels of an image.
    rays
        Rays per polygon.
    grid
        (y, x) pixels between the grid points at which the network predicts.
    record
        Thresholds, percentiles, training diameter and digest, defaults filled in.
    multiple
        Padded images have sides that are multiples of this, pixels.
    stardist
        The StarDist2D object, or None where only a bundle is known.
    """

    name: str
    n_channels: int
    rays: int
    grid: tuple[int, int]
    record: ModelRecord
    multiple: int
    stardist: "StarDist2D | None"
    _forward: Callable[[Any], tuple[Any, Any]] = field(repr=False)
    _graph: Callable[[], Any] = field(repr=False)

    @property
    def thresholds(self) -> Thresholds:
        """The thresholds (prob, nms) that the model was tuned to, else 0.5 and 0.4."""
        return self.record.thresholds

    @property
    def percentiles(self) -> tuple[float, float]:
        """Lower and upper percentile of the normalisation."""
        return self.record.percentiles

    @property
    def diameter(self) -> float | None:
        """Typical particle diameter in the training images, pixels; None: not recorded."""
        return self.record.diameter

    @property
    def own_scale(self) -> bool:
        """Whether images are segmented at their own scale unless a diameter is given."""
        return self.record.own_scale

    @property
    def digest(self) -> str:
        """The sha256 (hex) of configuration and weights."""
        return self.record.digest

    def predict(
        self, image: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Run the network on one image.

        Parameters
        ----------
        image
            (H, W) or (H, W, C) float32, normalised, sides multiples of `multiple`.

        Returns
        -------
        prob : (H / grid y, W / grid x) float32
            Object probability; grid point (i, j) is pixel (i * grid y, j * grid x).
        dist : (H / grid y, W / grid x, rays) float32
            Distances to the outline, pixels.

        Raises
        ------
        ValueError
            If the image's channels or sides do not suit.
        """
        if image.ndim == 2:
            image = image[..., None]
        if image.ndim != 3 or image.shape[2] != self.n_channels:
            raise ValueError(
                f"model {self.name} takes images of {self.n_channels} channel(s), "
                f"not an array of shape {image.shape}"
            )
        if any(side % self.multiple for side in image.shape[:2]):
            raise ValueError(
                f"model {self.name} takes sides that are multiples of {self.multiple}, "
                f"not {image.shape[:2]}; pad the image"
            )
        prob, dist = self._forward(image[None].astype(np.float32, copy=False))
        return prob.numpy()[0, ..., 0], dist.numpy()[0]

    @cached_property
    def reach(self) -> tuple[int, int]:
        """How far (y, x) in pixels a grid point can look: an upper bound.

        Operations come in an order in which each follows what it needs, so no convolution runs
        on a coarser level than all poolings before it make. Those on the way back up count as
        if they ran at the coarsest: about twice too far, but safe without knowing the graph.
        """
        stride, reach = np.ones(2, int), np.ones(2, int)
        for operation in self._graph().get_operations():
            if operation.type in ("MaxPool", "AvgPool"):
                window = np.asarray(operation.get_attr("ksize")[1:3])
                reach += (window - 1) * stride
                stride *= operation.get_attr("strides")[1:3]
            elif operation.type in ("Conv2D", "DepthwiseConv2dNative"):
                kernel = np.asarray(operation.inputs[1].shape.as_list()[:2])
                reach += kernel // 2 * operation.get_attr("dilations")[1:3] * stride
        return int(reach[0]), int(reach[1])


def load_model(model: "str | os.PathLike[str] | StarDist2D") -> Network:
    """Load a StarDist 2-D model.

    Parameters
    ----------
    model
        A StarDist folder (config.json and weights written by Keras 2 or 3; thresholds.json and
        particlebridge.json if there are), a bundle (.zip), the name of a model that comes with
        the package ("nmc") or that StarDist has registered ("2D_versatile_fluo"), or a
        StarDist2D object.

    Returns
    -------
    Network

    Raises
    ------
    FileNotFoundError
        If there is nothing of that name, or the folder lacks its weights.
    ValueError
        If it is no 2-D StarDist model or is damaged.
    OSError
        If a registered model cannot be downloaded.
    """
    compute_in_one_thread(import_tensorflow())
    if isinstance(model, str | os.PathLike) and Path(model).is_file():
        return _from_bundle(Path(model))
    if isinstance(model, str | os.PathLike) and dimensions(model) == 3:
        raise ValueError(
            f"{model} is a 3-D StarDist model, and slices need a 2-D one; give --dims 3 to segment "
            "a volume with it"
        )
    keras_model = load_keras_model(model)
    if not hasattr(keras_model.config, "n_rays"):
        raise ValueError(f"{keras_model.name} is not a StarDist model but a CARE model")
    if keras_model.config.n_dim != 2:
        raise ValueError(
            f"{keras_model.name} is a 3-D StarDist model, and slices need a 2-D one; give --dims 3 "
            "to segment a volume with it"
        )
    return _from_stardist(keras_model, _folder_record(keras_model))


def _folder_record(model: "StarDist2D") -> ModelRecord:
    """Collect the record of a model, which may live in memory only or in a folder."""
    thresholds = Thresholds(float(model.thresholds.prob), float(model.thresholds.nms))
    folder = None if model.basedir is None else Path(model.logdir)
    if folder is None or not (folder / "config.json").is_file():
        digest = hashlib.sha256()
        for weight in model.keras_model.get_weights():
            digest.update(weight.tobytes())
        return ModelRecord(thresholds=thresholds, digest=digest.hexdigest())
    # StarDist's own thresholds.json is the newer word where a user tuned the model again.
    own = folder / RECORD_NAME
    record = read_record(own) if own.is_file() else ModelRecord()
    if own.is_file() and not (folder / "thresholds.json").is_file():
        thresholds = record.thresholds
    return replace(record, thresholds=thresholds, digest=folder_digest(folder))


def _from_stardist(model: "StarDist2D", record: ModelRecord) -> Network:
    tf = import_tensorflow()
    config = model.config
    channels, grid = int(config.n_channel_in), (int(config.grid[0]), int(config.grid[1]))

    @tf.function(input_signature=[tf.TensorSpec([None, None, None, channels], tf.float32)])
    def forward(image: Any) -> Any:
        return model.keras_model(image, training=False)[:2]

    divisors = model._axes_div_by("YX")
    return Network(
        name=model.name,
        n_channels=channels,
        rays=int(config.n_rays),
        grid=grid,
        record=replace(record, grid=grid, rays=int(config.n_rays)),
        multiple=int(np.lcm.reduce([_PLUGIN_MULTIPLE, *divisors])),
        stardist=model,
        _forward=forward,
        _graph=lambda: forward.get_concrete_function().graph,
    )


def _from_bundle(path: Path) -> Network:
    tf = import_tensorflow()
    if kind := kind_of_file(path):
        raise ValueError(f"{path} is not a bundle: {kind.name}; {kind.python}")
    with tempfile.TemporaryDirectory(prefix="particlebridge-") as scratch:
        folder = extract(path, Path(scratch) / "bundle")
        if not (folder / GRAPH_NAME).is_file():
            kind = kind_of_names(names_in(folder))
            raise ValueError(f"{path} is not a bundle: {kind.name}; {kind.python}")
        own = folder / RECORD_NAME
        record = read_record(own) if own.is_file() else ModelRecord()
        try:
            # The loaded object keeps the variables of an unfrozen bundle alive.
            loaded = tf.saved_model.load(str(folder), tags=["serve"])
            run = loaded.signatures["serving_default"]
            channels = int(run.structured_input_signature[1]["input"].shape[-1])
            noise = np.random.default_rng(0).random((1, 64, 64, channels), np.float32)
            trial = run(input=tf.constant(noise))["output"].numpy()[0]
        except Exception as error:  # TensorFlow raises all kinds on a damaged or foreign graph
            raise ValueError(
                f"{path} is not a StarDist bundle for Fiji ({' '.join(str(error).split())[:200]}); "
                "`particlebridge inspect` shows what it holds"
            ) from error
    if trial.shape[:2] != (64, 64) or trial.shape[2] < 4:
        raise ValueError(f"{path} is not a StarDist 2-D bundle: its output is {trial.shape}")
    grid = record.grid or _grid_of(trial[..., 1:])
    _check_grid(trial, grid, path)

    def forward(image: NDArray[np.float32], keep: Any = loaded) -> Any:
        output = run(input=tf.constant(image))["output"][:, :: grid[0], :: grid[1]]
        return output[..., :1], output[..., 1:]

    return Network(
        name=path.stem,
        n_channels=channels,
        rays=trial.shape[2] - 1,
        grid=grid,
        record=replace(
            record,
            grid=grid,
            rays=trial.shape[2] - 1,
            digest=record.digest or hashlib.sha256(path.read_bytes()).hexdigest(),
        ),
        multiple=_PLUGIN_MULTIPLE,
        stardist=None,
        _forward=forward,
        _graph=lambda: run.graph,
    )


def _grid_of(dist: NDArray[np.float32]) -> tuple[int, int]:
    """Tell the grid of a bundle that records none from where its distances change.

    The probability does not tell it: a confident network's is zero at most grid points, too.
    """
    steps = []
    for axis in (0, 1):
        changes = (np.diff(dist, axis=axis) != 0).any(axis=(1 - axis, 2))
        steps.append(max(int(np.gcd.reduce(np.flatnonzero(changes) + 1)), 1))
    return steps[0], steps[1]


def _check_grid(trial: NDArray[np.float32], grid: tuple[int, int], path: Path) -> None:
    """Refuse a recorded grid between whose points the network predicts, too."""
    between = trial[..., 0].copy()
    between[:: grid[0], :: grid[1]] = 0
    if between.any():
        raise ValueError(
            f"{path} records a grid of {grid[0]} x {grid[1]} in {RECORD_NAME}, and its network "
            "predicts between these points, too; export the model again"
        )
