"""The zip for people who have only Fiji."""

import hashlib
import zipfile

from particlebridge.bridge.fiji.dist import write_dist
from particlebridge.bridge.fiji.install import RUNTIME, installed_version, uninstall_macros
from particlebridge.bridge.fiji.jars import ONNX_RUNTIME
from particlebridge.fiji_macros.compose import compose, version


def test_it_holds_all_and_its_readme_shows_pictures_that_are_there(tmp_path):
    bundle = tmp_path / "nmc.zip"
    bundle.write_bytes(b"model")
    names = write_dist(tmp_path / "dist" / "pb.zip", bundle)
    with zipfile.ZipFile(tmp_path / "dist" / "pb.zip") as archive:
        assert archive.namelist() == names
        assert archive.read("models/Particlebridge/nmc.zip") == b"model"
        text = archive.read("scripts/Plugins/Particlebridge/Segment_View.groovy").decode()
        readme = archive.read("Particlebridge/README.md").decode()
        jar = archive.read(f"jars/onnxruntime-{ONNX_RUNTIME.version}.jar")
    assert hashlib.sha256(jar).hexdigest() == ONNX_RUNTIME.sha256
    assert text == compose("Segment_View")
    pictures = [name for name in names if name.endswith(".png")]
    assert len(pictures) >= 3
    for picture in pictures:
        assert picture.removeprefix("Particlebridge/") in readme
    first = (tmp_path / "dist" / "pb.zip").read_bytes()
    write_dist(tmp_path / "again.zip", bundle)
    assert (tmp_path / "again.zip").read_bytes() == first


def test_unpacked_over_a_fiji_it_is_an_installation_like_any_other(tmp_path):
    bundle = tmp_path / "nmc.zip"
    bundle.write_bytes(b"model")
    home = tmp_path / "Fiji.app"
    for folder in ("jars", "plugins"):
        (home / folder).mkdir(parents=True)
    write_dist(tmp_path / "pb.zip", bundle)
    with zipfile.ZipFile(tmp_path / "pb.zip") as archive:
        archive.extractall(home)
    assert installed_version(home) == (version(), [])
    done = uninstall_macros(home)
    assert len(done.removed) == 13
    assert not (home / RUNTIME).exists()
    assert not (home / "scripts" / "Plugins" / "Particlebridge").exists()
