"""From a folder or a shipped name to a model folder and its config.json, without TensorFlow."""

import json
import os
from pathlib import Path
from typing import Any

from particlebridge.analysis.io.errors import check_stand_in, reason

from ..tensorflow_import import INSTALL, missing_packages
from .model_kinds import kind_of_file, kind_of_names, names_in
from .record import weights_file
from .saved_model import GRAPH_NAME

SHIPPED = Path(__file__).parents[1] / "models"
"""Models that come with this package; their folder names are model names."""


def model_folder(model: str | os.PathLike[str]) -> Path | None:
    """Find the folder that a name means.

    Parameters
    ----------
    model
        A model folder, the name of a shipped model or one that StarDist may have registered.

    Returns
    -------
    Path or None
        Of a folder with config.json and weights; None if StarDist may have registered the name.

    Raises
    ------
    FileNotFoundError, ValueError
        As `keras_models.load_keras_model`.
    """
    path = Path(model)
    if path.is_file():
        kind = kind_of_file(path)
        what = f"{kind.name}; {kind.python}" if kind else "give the folder that holds config.json"
        raise ValueError(f"{path} is a file, no model folder: {what}")
    folder = path if path.is_dir() else SHIPPED / str(model)
    if path.is_dir() or (folder / "config.json").is_file():
        read_config(folder)
        weights_file(folder)
        return folder
    if missing_packages():
        shipped = ", ".join(shipped_models())
        raise FileNotFoundError(
            f"{model} is neither a model folder nor a shipped model ({shipped}); "
            f"if StarDist registers it, run `{INSTALL}` first"
        )
    return None


def dimensions(model: str | os.PathLike[str]) -> int | None:
    """Tell how many axes a StarDist folder's images have; None if it is not one's."""
    path = Path(model) / "config.json"
    if not path.is_file():
        return None
    axes = read_config(path.parent).get("n_dim")
    return axes if isinstance(axes, int) else None


def read_config(folder: str | os.PathLike[str]) -> dict[str, Any]:
    """Read and check a model folder's config.json.

    Parameters
    ----------
    folder
        The model folder.

    Returns
    -------
    dict
        As csbdeep wrote it.

    Raises
    ------
    FileNotFoundError
        If there is no config.json.
    ValueError
        If it is not the configuration of a StarDist or CARE model.
    """
    path = Path(folder) / "config.json"
    if not path.is_file():
        names = names_in(path.parent)
        kind = kind_of_names(names)
        if GRAPH_NAME in names:
            raise ValueError(
                f"{path.parent} is an unzipped bundle; zip what is in it, give the zip"
            )
        if "BioImage" in kind.name:
            raise ValueError(f"{path.parent} is a {kind.name}; {kind.python}")
        raise FileNotFoundError(f"{path}: no such file; a model folder holds config.json and .h5")
    check_stand_in(path)
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(
            f"{path} is not JSON ({reason(error)}); copy the model folder again"
        ) from error
    if not isinstance(config, dict) or not {"n_rays", "probabilistic"} & config.keys():
        raise ValueError(
            f"{path} describes neither a StarDist nor a CARE model; "
            "Fiji's StarDist and CSBDeep plugins run nothing else"
        )
    return config


def shipped_models() -> list[str]:
    """List the names of the shipped models."""
    return sorted(path.parent.name for path in SHIPPED.glob("*/config.json"))
