"""Whose the unfinished training beside a model folder is."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
from particlebridge.analysis import atomic_path

from .examples import Example
from .folder import TrainingSettings


def claim(work: Path, out: Path, mark: str) -> None:
    """Make the unfinished work of the same call ours; refuse any other's."""
    file = work / "call"
    if not file.is_file():
        with atomic_path(file) as beside:
            beside.write_text(mark, encoding="utf-8")
    elif file.read_text(encoding="utf-8") != mark:
        raise FileExistsError(
            f"{work} holds an unfinished training of {out} with other images or settings; "
            "repeat that command, or delete the folder to start again"
        )


def fingerprint(examples: Sequence[Example], settings: TrainingSettings) -> str:
    """Tell a training by its data and settings."""
    digest = hashlib.sha256(json.dumps(asdict(settings)).encode())
    for example in examples:
        for array in (example.image, example.labels):
            digest.update(f"{array.dtype}{array.shape}".encode())
            digest.update(np.ascontiguousarray(array).data)
        digest.update(f"{example.pixel_size}".encode())
    return digest.hexdigest()
