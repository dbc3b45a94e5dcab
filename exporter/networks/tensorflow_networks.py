"""Networks that TensorFlow computes: a StarDist2D object, or a bundle's graph."""

import hashlib
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..safe_zip import extract
from ..tensorflow_import import import_tensorflow
from .model_kinds import kind_of_file, kind_of_names, names_in
from .network import PLUGIN_MULTIPLE, Network
from .record import RECORD_NAME, ModelRecord, read_record
from .saved_model import GRAPH_NAME

if TYPE_CHECKING:
    from stardist.models import StarDist2D


def from_stardist(model: "StarDist2D", record: ModelRecord) -> Network:
    """Make a network of a StarDist2D object and its record."""
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
        multiple=int(np.lcm.reduce([PLUGIN_MULTIPLE, *divisors])),
        stardist=model,
        _forward=forward,
        _reach=lambda: _reach_of(forward.get_concrete_function().graph),
    )


def from_graph(path: Path) -> Network:
    """Load a bundle's saved_model.pb; raise ValueError if it is no StarDist bundle."""
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
        multiple=PLUGIN_MULTIPLE,
        stardist=None,
        _forward=forward,
        _reach=lambda: _reach_of(run.graph),
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


def _reach_of(graph: Any) -> tuple[int, int]:
    """Tell how far a grid point can look.

    Operations come in an order in which each follows what it needs, so no convolution runs
    on a coarser level than all poolings before it make. Those on the way back up count as
    if they ran at the coarsest: about twice too far, but safe without knowing the graph.
    """
    stride, reach = np.ones(2, int), np.ones(2, int)
    for operation in graph.get_operations():
        if operation.type in ("MaxPool", "AvgPool"):
            window = np.asarray(operation.get_attr("ksize")[1:3])
            reach += (window - 1) * stride
            stride *= operation.get_attr("strides")[1:3]
        elif operation.type in ("Conv2D", "DepthwiseConv2dNative"):
            kernel = np.asarray(operation.inputs[1].shape.as_list()[:2])
            reach += kernel // 2 * operation.get_attr("dilations")[1:3] * stride
    return int(reach[0]), int(reach[1])
