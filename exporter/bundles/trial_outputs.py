"""The images that every bundle is tried on, and what Keras or TensorFlow 2 makes of them."""

from pathlib import Path
from typing import Any

import numpy as np
from particlebridge.analysis import normalize, pad_symmetric

from ..networks.keras_models import load_keras_model
from ..tensorflow_import import import_tensorflow
from .inspection_result import Signature
from .plugin_graph import PLUGIN_MULTIPLE, expected_output, layout_of


def trial_images(axes: int, channels: int) -> list[np.ndarray]:
    """Make the images that every bundle is tried on.

    Parameters
    ----------
    axes
        2 or 3.
    channels
        Of the network's input.

    Returns
    -------
    list of numpy.ndarray
        (1, [Z,] H, W, channels) float32, normalised and padded.
    """
    random = np.random.default_rng(0)
    if axes == 3:
        whole = random.random((1, 16, 32, 48, channels), np.float32)
        odd = np.pad(
            random.random((1, 11, 27, 33, channels), np.float32),
            ((0, 0), (0, 5), (0, 5), (0, 15), (0, 0)),
            mode="symmetric",
        )
        return [whole, odd]
    from skimage.data import coins

    photograph = coins()
    shifted = np.stack([np.roll(photograph, 40 * c, axis=1) for c in range(channels)], axis=-1)
    crops = (
        random.random((64, 128, channels)),
        random.normal(100, 20, (75, 101, channels)),
        shifted[:250, :300],
    )
    return [pad_symmetric(normalize(crop), PLUGIN_MULTIPLE)[None] for crop in crops]


def check_finite(expected: list[np.ndarray], reference: str) -> None:
    """Refuse a model, called `reference`, whose outputs are not finite, by a ValueError."""
    for array in expected:
        if not np.isfinite(array).all():
            raise ValueError(
                f"{reference} gives NaN or infinity on an ordinary image: "
                "its weights are broken; train or download it again"
            )


def in_tensorflow2(
    folder: Path, bundle: Path, signature: Signature, images: list[np.ndarray]
) -> list[np.ndarray]:
    """Run an unpacked bundle in today's TensorFlow; raise ValueError if it does not run."""
    tf = import_tensorflow()
    try:
        # Bound to a name: the loaded object keeps variables alive.
        loaded = tf.saved_model.load(str(folder), tags=["serve"])
        run = loaded.signatures["serving_default"]
        return [
            run(**{signature.input_name: tf.constant(image)})[signature.output_name].numpy()
            for image in images
        ]
    except Exception as error:  # TensorFlow raises all kinds on a damaged graph
        raise ValueError(
            f"{bundle} does not run in today's TensorFlow either "
            f"({' '.join(str(error).split())[:300]}); export the model again"
        ) from error


def in_keras(
    model: Any, bundle: Path, signature: Signature, images: list[np.ndarray]
) -> tuple[str, list[np.ndarray]]:
    """Run the model that a bundle was made from; raise ValueError if it is another one."""
    import_tensorflow()
    keras_model = load_keras_model(model)
    layout = layout_of(keras_model)
    if (len(layout.axes) - 1, layout.channels, layout.outputs) != (
        signature.axes_count,
        signature.channels,
        signature.outputs,
    ):
        raise ValueError(
            f"{bundle} maps {signature.channels} channels to {signature.outputs}, the model "
            f"{keras_model.name} {layout.channels} to {layout.outputs}: give the model that it "
            "was exported from"
        )
    import keras

    name = f"{keras_model.name} in Keras {keras.__version__}"
    return name, [expected_output(keras_model, layout, image) for image in images]
