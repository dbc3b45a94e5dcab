# Made this folder's files, in an environment of its own:
#   pip install "tensorflow==2.15.*" "stardist==0.9.1" "csbdeep==0.8.1" "numpy<2" "setuptools<80"
#   python make.py
# Weights are random; expected.npz holds an image and what Keras 2 gave for it.
from pathlib import Path

import numpy as np
from stardist.models import Config2D, StarDist2D

HERE = Path(__file__).parent
rng = np.random.default_rng(2)
config = Config2D(
    grid=(2, 2),
    n_rays=8,
    n_classes=2,
    unet_batch_norm=True,
    unet_n_filter_base=4,
    unet_n_depth=2,
    net_conv_after_unet=8,
    train_tensorboard=False,
)
model = StarDist2D(config, name=HERE.name, basedir=str(HERE.parent))
values = []
for weight in model.keras_model.weights:
    value = rng.normal(size=weight.shape)
    if "moving_variance" in weight.name:
        value = np.abs(value) + 0.5
    elif "gamma" in weight.name:
        value = 1 + 0.2 * value
    elif len(weight.shape) == 4:
        value *= (2 / np.prod(weight.shape[:3])) ** 0.5
    else:
        value *= 0.1
    values.append(value.astype(np.float32))
model.keras_model.set_weights(values)
model.keras_model.save_weights(HERE / "weights_best.h5")
image = rng.random((1, 32, 32, 1)).astype(np.float32)
prob, dist, _ = model.keras_model.predict(image)
np.savez(HERE / "expected.npz", image=image, prob=prob, dist=dist)
