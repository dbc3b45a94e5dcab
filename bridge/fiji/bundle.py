"""A model as the bundle that a Fiji gets."""

import os
import shutil
import tempfile
import zipfile
from pathlib import Path

from particlebridge.exporter import Network, export, load_model
from particlebridge.exporter.networks.onnx_session import ONNX_NAME
from particlebridge.exporter.networks.record import RECORD_NAME, ModelRecord, read_record
from particlebridge.exporter.safe_zip import extract


def bring_bundle(
    model: Network | str | os.PathLike[str], target: Path
) -> tuple[str, ModelRecord, bool]:
    """Put a model as a bundle at `target`.

    Parameters
    ----------
    model
        A bundle (.zip), a StarDist folder or name, or a `Network` made of one of the latter two.
    target
        The zip to write.

    Returns
    -------
    name : str
    record : ModelRecord
    has_onnx : bool
        Whether it holds model.onnx.

    Raises
    ------
    ValueError
        If the model is a `Network` that was loaded from a bundle.
    """
    if isinstance(model, Network):
        if model.stardist is None:
            raise ValueError(
                f"model {model.name} was loaded from a bundle; give Fiji the bundle (.zip) itself"
            )
        export(model.stardist, target, verify=False)
        return model.name, model.record, True
    if not (Path(model).is_file() and zipfile.is_zipfile(model)):
        return bring_bundle(load_model(model, "tensorflow"), target)  # to be exported
    shutil.copyfile(model, target)
    with tempfile.TemporaryDirectory(prefix="particlebridge-") as scratch:
        folder = extract(target, Path(scratch) / "bundle")
        told = folder / RECORD_NAME
        record = read_record(told) if told.is_file() else ModelRecord()
        return Path(model).stem, record, (folder / ONNX_NAME).is_file()
