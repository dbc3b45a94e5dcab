"""What a file, zip or folder is that is not the model asked for, and what to do with it."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from particlebridge.analysis.io.errors import check_stand_in

from .saved_model import GRAPH_NAME

_HDF5 = b"\x89HDF\r\n\x1a\n"
_WEIGHTS = (".h5", ".hdf5")
DESCRIPTIONS = {"rdf.yaml", "bioimageio.yaml", "model.yaml"}
"""Names of a BioImage.IO package's description."""

_EXPORT = "`particlebridge export MODEL_FOLDER`"


@dataclass(frozen=True)
class Kind:
    """A kind of file that holds a network, or part of one.

    Attributes
    ----------
    name
        In words, such as "BioImage.IO package".
    fiji
        Why Fiji does not load it, and what to do.
    python
        What to give to this package instead.
    """

    name: str
    fiji: str
    python: str


def kind_of_file(path: Path) -> Kind | None:
    """Recognise a file that is not a zip by its first bytes, else by its name.

    Parameters
    ----------
    path
        A file.

    Returns
    -------
    Kind or None
        None where it may be a zip, or nobody knows.

    Raises
    ------
    ValueError
        If it is a pointer of Git LFS, or what macOS keeps beside a file.
    """
    check_stand_in(path)
    with path.open("rb") as file:
        head = file.read(len(_HDF5))
    suffix = path.suffix.lower()
    if head.startswith(_HDF5):
        return Kind(
            "Keras weights (HDF5)",
            f"it holds weights and Fiji needs the network too; run {_EXPORT} on the folder that "
            "holds it beside config.json",
            "give the folder that holds it beside config.json",
        )
    if suffix == ".pb" and head.startswith(b"\x08"):
        return Kind(
            "graph of a SavedModel, out of its folder",
            "zip it together with the folder variables/ that lay beside it, both at the zip's root",
            "zip it together with the folder variables/ that lay beside it, and give the zip",
        )
    if suffix == ".pb":
        return Kind(
            "frozen TensorFlow graph (.pb), as QuPath's StarDist extension takes it",
            "Fiji takes a zipped SavedModel; run "
            f"{_EXPORT} on the StarDist folder that the graph was made from",
            "give the StarDist folder (config.json and weights) that it was made from",
        )
    if suffix == ".onnx":
        return Kind(
            "ONNX network",
            f"Fiji takes a zipped SavedModel; run {_EXPORT} on the StarDist folder that it was "
            "made from",
            "give it as --model, or the StarDist folder that it was made from",
        )
    if suffix in (".pt", ".pth"):
        return _PYTORCH
    if path.name in ("config.json", "thresholds.json"):
        return Kind(
            "part of a model folder",
            f"run {_EXPORT} on the folder that holds it",
            f"give the folder that holds it: {path.parent}",
        )
    return None


def kind_of_names(names: Iterable[str]) -> Kind:
    """Recognise a zip or a folder without saved_model.pb at its root by the names in it.

    Parameters
    ----------
    names
        Relative paths with ``/``. What macOS adds (``__MACOSX/``, ``._NAME``) is not looked at.

    Returns
    -------
    Kind
    """
    own = [name for name in names if not is_macos_extra(name)]
    files = {PurePosixPath(name).name for name in own}
    weights = any(name.lower().endswith(_WEIGHTS) for name in own)
    if files & DESCRIPTIONS:
        inner = next((name for name in own if name.lower().endswith(".zip")), None)
        direct = f", or unzip it and try the {inner} inside it" if inner else ""
        imported = "import it with StarDist (stardist.bioimageio_utils.import_bioimageio)"
        return Kind(
            "BioImage.IO package",
            f"{imported} and run `particlebridge export` on the folder that it creates{direct}",
            f"{imported} and give the folder that it creates",
        )
    nested = [name for name in own if name.endswith(f"/{GRAPH_NAME}")]
    if nested:
        folder = nested[0].removesuffix(f"/{GRAPH_NAME}")
        fix = f"zip what is in {folder}/, not the folder"
        return Kind(
            "SavedModel in a folder",
            f"Fiji looks for {GRAPH_NAME} at the zip's root, not in {folder}/; {fix}",
            fix,
        )
    if {"config.json", "metadata.json"} <= files:
        return Kind(
            "Keras model file",
            "Fiji cannot read Keras files; load it into a StarDist2D in Python and export that",
            "load it into a StarDist2D in Python and give that model's folder",
        )
    if "config.json" in files and weights:
        return Kind(
            "StarDist or CARE model folder, zipped",
            "it holds several models, or its weights lie elsewhere; unzip it and run "
            "`particlebridge export FOLDER`",
            "it holds several models, or its weights lie elsewhere: unzip it and give the folder",
        )
    if "data.pkl" in files:
        return _PYTORCH
    if weights:
        return Kind(
            "Keras weights",
            f"there is no network, only weights; run {_EXPORT} on their folder",
            "give the folder that holds them beside config.json",
        )
    return Kind(
        "not a model",
        f"there is no {GRAPH_NAME} in it; export the model with {_EXPORT}",
        f"it holds no {GRAPH_NAME}; export it again",
    )


def names_in(folder: Path) -> list[str]:
    """List a folder's files, two levels deep, as `kind_of_names` takes them."""
    found = [*folder.glob("*"), *folder.glob("*/*")]
    return [path.relative_to(folder).as_posix() for path in found if path.is_file()]


def unknown_settings(folder: Path, names: str) -> str:
    """Say that a model folder's configuration holds more than StarDist's."""
    return (
        f"{folder / 'config.json'} holds settings that this StarDist does not know ({names}): "
        "another version or program wrote them; delete them there if they do not change the network"
    )


def is_macos_extra(name: str) -> bool:
    """Tell whether a path is what macOS keeps beside files: ``__MACOSX/...`` or ``._NAME``."""
    parts = name.split("/")
    return "__MACOSX" in parts or any(part.startswith("._") for part in parts)


_PYTORCH = Kind(
    "PyTorch weights",
    "StarDist's models are Keras models, and neither Fiji's StarDist plugin nor this package runs "
    "PyTorch",
    "StarDist's models are Keras models, and no PyTorch network runs here; give a StarDist model",
)
