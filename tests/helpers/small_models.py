"""Small StarDist and CARE models with weights that make every layer matter."""

from particlebridge.exporter.tensorflow_import import import_tensorflow

import_tensorflow()

import numpy as np  # noqa: E402
from csbdeep.models import CARE, Config  # noqa: E402
from stardist.models import Config2D, StarDist2D  # noqa: E402

SMALL = dict(unet_n_filter_base=4, unet_n_depth=2, net_conv_after_unet=8, train_tensorboard=False)


def stardist(name="small", basedir=None, *, weights=True, seed=0, **config):
    model = StarDist2D(
        Config2D(**{**SMALL, "n_rays": 8, **config}),
        name=name,
        basedir=None if basedir is None else str(basedir),
    )
    return _filled(model, seed, weights and basedir is not None)


def care(name="care", basedir=None, *, seed=0, axes="YX", **config):
    small = dict(unet_n_first=4, unet_n_depth=2, n_channel_in=1, n_channel_out=1)
    settings = Config(axes, **{**small, "train_tensorboard": False, **config})
    model = CARE(settings, name=name, basedir=None if basedir is None else str(basedir))
    return _filled(model, seed, basedir is not None)


def _filled(model, seed, save):
    rng = np.random.default_rng(seed)
    for weight in model.keras_model.weights:
        shape = tuple(weight.shape)
        value = rng.normal(size=shape)
        if "moving_variance" in weight.path:
            value = np.abs(value) + 0.5
        elif "gamma" in weight.path:
            value = 1 + 0.2 * value
        elif len(shape) > 1:
            value *= (2 / np.prod(shape[:-1])) ** 0.5
        else:
            value *= 0.1
        weight.assign(value.astype(np.float32))
    if save:
        model.keras_model.save_weights(str(model.logdir / "weights_best.h5"))
    return model
