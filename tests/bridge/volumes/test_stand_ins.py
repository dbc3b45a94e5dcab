"""Small files that stand where the real one should be: every reader says what they are."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from particlebridge.analysis.io.pixels import read_pixels, read_training_image
from particlebridge.bridge.runs.sheet import list_items
from particlebridge.bridge.volumes.images import is_image_stack, read_image
from particlebridge.bridge.volumes.labels import read_labels
from particlebridge.bridge.volumes.reading import read_volume
from particlebridge.bridge.volumes.tables import read_table
from particlebridge.exporter import inspect, read_annotations
from particlebridge.exporter.networks.model_folders import read_config

LFS = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
ANNEX = "/annex/objects/SHA256E-s12345--4d7a.tif\n"
MACOS = "\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X        "


def _config(path: Path) -> Any:
    return read_config(path.parent)


def _sheet(path: Path) -> Any:
    return list_items([path])


READERS: list[tuple[str, Callable[[Path], Any]]] = [
    *((f"a{suffix}", read_volume) for suffix in (".tif", ".npy", ".h5")),
    *((f"a{suffix}", read_image) for suffix in (".tif", ".png", ".jpg", ".bmp")),
    ("a.tif", is_image_stack),
    ("a.png", read_labels),
    ("a.tif", read_pixels),
    ("a.png", read_training_image),
    *((f"a{suffix}", read_annotations) for suffix in (".json", ".csv", ".zip", ".roi", ".tif")),
    ("a.csv", read_table),
    ("a.csv", _sheet),
    ("a.zip", inspect),
    ("config.json", _config),
]


@pytest.mark.parametrize(("name", "read"), READERS)
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (LFS, "run 'git lfs pull'"),
        (ANNEX, "run 'git annex get'"),
        (MACOS, "companion file of macOS"),
    ],
)
def test_a_stand_in_is_named(
    name: str, read: Callable[[Path], Any], content: str, words: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_text(content, encoding="latin-1")
    with pytest.raises(ValueError, match=words) as caught:
        read(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_a_stand_in_among_slices_is_named(tmp_path: Path) -> None:
    for z in range(3):
        (tmp_path / f"s{z}.tif").write_text(LFS)
    with pytest.raises(ValueError, match=r"s0\.tif: is a pointer of Git LFS"):
        read_volume(tmp_path)
