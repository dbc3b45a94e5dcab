"""What Fiji's plugins expect of a graph: one image in, one image of the same size out."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from .comparison import in_bundle_layout

if TYPE_CHECKING:
    from csbdeep.models import CARE
    from stardist.models import StarDist2D
    from tensorflow import Tensor
    from tensorflow.core.framework.graph_pb2 import GraphDef

PLUGIN_MULTIPLE = 64
"""StarDist's plugin pads images to multiples of it, and asks the model nothing."""

Kind = Literal["stardist2d", "care2d", "care3d"]


@dataclass(frozen=True)
class Layout:
    """What a reader of a bundle must know of its network.

    Attributes
    ----------
    kind
        "stardist2d", "care2d" or "care3d".
    axes
        Of an image, channel last: "YXC" or "ZYXC".
    channels
        Of the input.
    outputs
        Of the output: 1 + rays for StarDist.
    divisors
        Each spatial axis's length must be a multiple of this.
    grid
        StarDist's (gy, gx), else None.
    rays
        StarDist's, else None.
    """

    kind: Kind
    axes: str
    channels: int
    outputs: int
    divisors: tuple[int, ...]
    grid: tuple[int, int] | None = None
    rays: int | None = None


def layout_of(model: "StarDist2D | CARE") -> Layout:
    """Read a model's layout and refuse what Fiji's plugins cannot run.

    Parameters
    ----------
    model
        StarDist or CARE.

    Returns
    -------
    Layout
        Of the bundle to be written.

    Raises
    ------
    ValueError
        If the model is of another kind, a 3-D StarDist model, or wants images padded further
        than the plugin pads them.
    """
    config = getattr(model, "config", None)
    if config is None or not hasattr(model, "keras_model"):
        raise ValueError(
            f"a {type(model).__name__} is no StarDist or CARE model; "
            "Fiji's StarDist and CSBDeep plugins run nothing else"
        )
    spatial = config.axes.replace("C", "")
    divisors = tuple(int(d) for d in model._axes_div_by(spatial))
    if not hasattr(config, "n_rays"):
        kind: Kind = "care3d" if config.n_dim == 3 else "care2d"
        outputs = int(model.keras_model.outputs[0].shape[-1])
        return Layout(kind, config.axes, config.n_channel_in, outputs, divisors)
    if config.n_dim != 2:
        raise ValueError(
            f"{model.name} is a {config.n_dim}-D StarDist model, and Fiji's StarDist plugin is "
            "2-D; train a StarDist2D on slices instead"
        )
    if any(PLUGIN_MULTIPLE % divisor for divisor in divisors):
        raise ValueError(
            f"{model.name} wants image sides that are multiples of {divisors}, but Fiji's StarDist "
            f"plugin pads to multiples of {PLUGIN_MULTIPLE}; train with a smaller unet_n_depth, "
            "unet_pool or grid"
        )
    return Layout(
        kind="stardist2d",
        axes=config.axes,
        channels=config.n_channel_in,
        outputs=1 + config.n_rays,
        divisors=divisors,
        grid=(int(config.grid[0]), int(config.grid[1])),
        rays=config.n_rays,
    )


def bundle_graph(model: "StarDist2D | CARE", layout: Layout) -> "GraphDef":
    """Write a model's network, and what the plugin needs after it, as a TensorFlow 1.12 graph.

    Parameters
    ----------
    model
        StarDist 2D or CARE; a class head is left out.
    layout
        Its layout.

    Returns
    -------
    GraphDef
        From `input` (N, H, W, channels) to `output` (N, H, W, 1 + rays): probability at
        [::gy, ::gx] and zero elsewhere, and distances repeated over each cell of the grid, as
        StarDist's export_TF does. CARE: (N, [Z,] H, W, outputs).

    Raises
    ------
    ValueError
        If a layer cannot be said in TensorFlow 1.12.
    """
    from .frozen_graph import freeze
    from .tf1_dialect import to_tf1

    def network(image: "Tensor") -> "Tensor":
        result = _called(model, image)
        if layout.grid is None:
            return result
        return _on_pixels(result[0], result[1], layout.grid)

    shape = (None,) * len(layout.axes) + (layout.channels,)
    return to_tf1(freeze(network, shape, model.keras_model.layers))


def _called(model: "StarDist2D | CARE", image: Any) -> Any:
    """Call the network; StarDist lists its one input, CARE does not, and Keras warns of a mix."""
    network = model.keras_model
    return network([image] if isinstance(network.input, list) else image, training=False)


def _on_pixels(prob: "Tensor", dist: "Tensor", grid: tuple[int, int]) -> "Tensor":
    import tensorflow as tf

    if grid != (1, 1):
        shape = tf.shape(prob)
        size = shape[1:3] * grid
        # A transposed convolution with kernel 1 puts each value at its cell's first pixel.
        prob = tf.raw_ops.Conv2DBackpropInput(
            input_sizes=tf.concat([shape[:1], size, [1]], 0),
            filter=tf.ones((1, 1, 1, 1)),
            out_backprop=prob,
            strides=[1, *grid, 1],
            padding="SAME",
        )
        dist = tf.raw_ops.ResizeNearestNeighbor(images=dist, size=size)
    return tf.concat([prob, dist], -1)


def expected_output(model: "StarDist2D | CARE", layout: Layout, image: np.ndarray) -> np.ndarray:
    """Compute in Keras and numpy, not through the bundle's graph, what a bundle must give.

    Parameters
    ----------
    model, layout
        The model and its layout.
    image
        (1, [Z,] H, W, channels) float32, sides multiples of the divisors.

    Returns
    -------
    numpy.ndarray
        (1, [Z,] H, W, outputs) float32.
    """
    result = _called(model, image)
    if layout.grid is None:
        return np.asarray(result)
    prob, dist = (np.asarray(part) for part in result[:2])
    return in_bundle_layout(prob, dist, layout.grid)
