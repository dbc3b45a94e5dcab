"""From a folder, a shipped name or a registered name to a StarDist or CARE model in Keras."""

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from particlebridge.analysis.io.errors import check_stand_in

from ..quiet import quiet
from ..tensorflow_import import import_tensorflow
from .model_folders import model_folder, read_config, shipped_models
from .model_kinds import unknown_settings
from .model_zips import unpacked
from .record import weights_file

if TYPE_CHECKING:
    from csbdeep.models import CARE
    from stardist.models import StarDist2D, StarDist3D

_UNKNOWN_SETTINGS = re.compile(r"Not allowed to add new parameters \((.*?)\)")
# Keras numbers the layers that csbdeep leaves unnamed, differently in every session.
_NUMBERED = re.compile(r"(conv\dd|batch_normalization)(_\d+)?")


def load_keras_model(model: "str | os.PathLike[str] | StarDist2D | CARE") -> "StarDist2D | CARE":
    """Load whatever names a model that Fiji could run.

    Parameters
    ----------
    model
        A StarDist 2D or CARE model (returned as it is), the folder of one, also zipped or as a
        BioImage.IO package, the name of a model shipped with this package, or a pretrained
        model's registered name or alias ("2D_versatile_fluo"), which is downloaded once by
        StarDist.

    Returns
    -------
    StarDist2D or CARE
        With its weights.

    Raises
    ------
    FileNotFoundError
        If the name is neither a folder nor a known model, or the folder lacks a part.
    ValueError
        If the folder holds a 3-D StarDist model, another kind of model, or damaged files.
    OSError
        If a registered model cannot be downloaded.
    """
    if not isinstance(model, str | os.PathLike):
        return model
    with unpacked(model) as source:
        folder = model_folder(source)
        return _load_registered(str(source)) if folder is None else load_model_folder(folder)


def load_model_folder(folder: str | os.PathLike[str]) -> "StarDist2D | CARE":
    """Load a StarDist 2D or CARE model folder.

    Parameters
    ----------
    folder
        Holds config.json and weights as written by Keras 2 or Keras 3 (.h5); thresholds.json
        is optional.

    Returns
    -------
    StarDist2D or CARE
        Which one is told by config.json.

    Raises
    ------
    FileNotFoundError, ValueError
        As `load_keras_model`.
    """
    config = read_config(folder)
    if "n_rays" in config:
        return load_stardist(folder)
    return _load(Path(folder), "CARE")


def load_stardist(folder: str | os.PathLike[str]) -> "StarDist2D":
    """Load a StarDist 2D model folder.

    Parameters
    ----------
    folder
        As `load_model_folder`.

    Returns
    -------
    StarDist2D
        With weights and thresholds (0.5 and 0.4 where the folder has none).

    Raises
    ------
    FileNotFoundError, ValueError
        As `load_keras_model`.
    """
    folder = Path(folder)
    config = read_config(folder)
    if "n_rays" not in config:
        raise ValueError(f"{folder} is not a StarDist model: its config.json has no n_rays")
    if config.get("n_dim") != 2:
        raise ValueError(
            f"{folder} is a {config.get('n_dim')}-D StarDist model, and Fiji's StarDist plugin is "
            "2-D; train a StarDist2D on slices instead"
        )
    return _load(folder, "StarDist2D")


def load_stardist3d(folder: str | os.PathLike[str]) -> "StarDist3D":
    """Load a StarDist 3D model folder.

    Parameters
    ----------
    folder
        Holds config.json and weights; ``train --dims 3`` makes one.

    Returns
    -------
    StarDist3D
        With weights and thresholds (0.5 and 0.4 where the folder has none).

    Raises
    ------
    FileNotFoundError, ValueError
        If it is not there, not whole, or not a 3-D StarDist model.

    Examples
    --------
    >>> from particlebridge.exporter import load_stardist3d
    >>> from stardist.models import Config3D, StarDist3D
    >>> config = Config3D(n_rays=8, unet_n_filter_base=2, train_tensorboard=False)
    >>> made = StarDist3D(config, "small", ".")
    Using default values: prob_thresh=0.5, nms_thresh=0.4.
    >>> made.keras_model.save_weights("small/weights_best.h5")
    >>> load_stardist3d("small").config.n_rays
    8
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(
            f"{folder} is not the folder of a 3-D StarDist model; name one with --model "
            "(`particlebridge train --dims 3` makes them), or leave out --dims 3"
        )
    if read_config(folder).get("n_dim") != 3:
        raise ValueError(f"{folder} is not a 3-D StarDist model; leave out --dims 3")
    return _load(folder, "StarDist3D")


def _load(folder: Path, kind: str) -> Any:
    folder = folder.resolve()
    weights = weights_file(folder)
    check_stand_in(weights)
    import_tensorflow()
    loader = type(kind, (_classes()[kind],), {"_find_and_load_weights": _load_own_weights})
    try:
        with quiet():
            model = loader(None, name=folder.name, basedir=str(folder.parent))
    except (ValueError, KeyError, TypeError, AttributeError, OSError) as error:
        reason = " ".join(str(error).split())
        if unknown := _UNKNOWN_SETTINGS.search(reason):
            raise ValueError(unknown_settings(folder, unknown[1])) from error
        raise ValueError(
            f"{folder}: config.json and weights do not make a {kind} ({reason}); "
            "copy the model folder again"
        ) from error
    _check_layers(model, weights)
    return model


def _load_own_weights(model: Any, prefer: str = "best") -> None:
    """Stand in for csbdeep's method, which takes the file that macOS left for weights."""
    model.load_weights(weights_file(model.logdir).name)


def _load_registered(name: str) -> "StarDist2D":
    import_tensorflow()
    from csbdeep.models.pretrained import (
        get_model_details,
        get_model_instance,
        get_registered_models,
    )
    from stardist.models import StarDist2D

    try:
        get_model_details(StarDist2D, name)
    except ValueError:
        known = ", ".join(sorted({*shipped_models(), *get_registered_models(StarDist2D)[0]}))
        raise FileNotFoundError(
            f"{name} is neither a model folder nor a known model ({known})"
        ) from None
    try:
        with quiet():
            return get_model_instance(StarDist2D, name)
    except Exception as error:  # Keras raises bare Exception when a download fails
        raise OSError(
            f"the pretrained model {name} could not be downloaded "
            f"({' '.join(str(error).split())}); connect to the internet, or give a model folder"
        ) from error


def _check_layers(model: Any, weights: Path) -> None:
    """Keras matches old weights by order: prove that every named layer got its own."""
    import h5py
    import numpy as np

    with h5py.File(weights) as file:
        group = file.get("model_weights", file)
        for layer in model.keras_model.layers:
            if not layer.weights or _NUMBERED.fullmatch(layer.name) or layer.name not in group:
                continue
            stored = group[layer.name]
            paths = [os.fsdecode(path) for path in stored.attrs.get("weight_names", ())]
            for path, weight in zip(paths, layer.get_weights(), strict=False):
                if not np.array_equal(stored[path], weight, equal_nan=True):
                    raise ValueError(
                        f"{weights}: this Keras gave layer {layer.name} another layer's weights; "
                        "save them again with the Keras that made them, or with Keras 3"
                    )


def _classes() -> dict[str, Any]:
    from csbdeep.models import CARE
    from stardist.models import StarDist2D, StarDist3D

    return {"StarDist2D": StarDist2D, "StarDist3D": StarDist3D, "CARE": CARE}
