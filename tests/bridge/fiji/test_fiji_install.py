import hashlib
import json

import pytest
from particlebridge.bridge.fiji import install as fiji_install
from particlebridge.bridge.fiji.install import (
    RUNTIME,
    install_macros,
    installed_files,
    installed_version,
    uninstall_macros,
)
from particlebridge.fiji_macros.compose import version


@pytest.fixture
def fiji(tmp_path):
    for folder in ("jars", "plugins", "scripts/Plugins", "macros"):
        (tmp_path / "Fiji.app" / folder).mkdir(parents=True)
    return tmp_path / "Fiji.app"


def files_in(folder):
    return {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}


def test_commands_stand_in_the_plugins_menu_and_macros_beside(fiji):
    done = install_macros(fiji)
    assert len(done.written) == 13
    assert (fiji / RUNTIME).is_file()
    assert "ONNX Runtime 1." in str(done)
    names = {p.stem for p in (fiji / "scripts/Plugins/Particlebridge").glob("*.groovy")}
    assert names == {"Segment_Image", "Segment_View", "Segment_Views"}
    # The menu is sorted by name: what is used first comes first.
    tools = {p.stem for p in (fiji / "scripts/Plugins/Particlebridge/Tools").glob("*.groovy")}
    assert tools == {
        "Segment_Folder", "Fuse_Views", "Review_Particles", "Correct_Labels", "Particlebridge_Help",
    }  # fmt: skip
    # A macro in the scripts folder would be a second menu entry "Segment View".
    assert {p.suffix for p in (fiji / "scripts").rglob("*.*")} == {".groovy", ".json"}
    assert installed_version(fiji) == (version(), [])


def test_uninstalling_leaves_the_folder_as_it_was(fiji):
    mine = fiji / "macros" / "Particlebridge" / "mine.ijm"
    mine.parent.mkdir()
    mine.write_text("print(1);")
    before = files_in(fiji)
    install_macros(fiji)
    uninstall_macros(fiji)
    assert files_in(fiji) == before
    assert not (fiji / "scripts/Plugins/Particlebridge").exists()


def test_installing_twice_writes_nothing(fiji):
    install_macros(fiji)
    assert install_macros(fiji).written == []


def test_an_older_version_is_replaced_and_its_dropped_files_go(fiji, monkeypatch):
    today = installed_files()
    old = {
        name: text.replace("Particlebridge", "Particlebridge-old", 1)
        for name, text in today.items()
    }
    old["scripts/Plugins/Particlebridge/Gone.groovy"] = "// dropped since"
    monkeypatch.setattr(fiji_install, "installed_files", lambda: old)
    install_macros(fiji)
    monkeypatch.setattr(fiji_install, "installed_files", lambda: today)
    done = install_macros(fiji)
    assert [p.name for p in done.removed if p.name == "Gone.groovy"] == ["Gone.groovy"]
    assert installed_version(fiji)[1] == []
    assert all((fiji / name).read_text() == text for name, text in today.items())


def test_what_a_user_edited_is_set_aside(fiji):
    install_macros(fiji)
    edited = fiji / "macros" / "Particlebridge" / "Segment_View.ijm"
    edited.write_text("// my own\n")
    assert installed_version(fiji)[1] == ["macros/Particlebridge/Segment_View.ijm"]
    done = install_macros(fiji)
    assert [p.read_text() for p in done.kept] == ["// my own\n"]
    assert edited.read_text() == installed_files()["macros/Particlebridge/Segment_View.ijm"]


def test_a_forged_manifest_cannot_reach_outside(fiji, tmp_path):
    install_macros(fiji)
    victim = tmp_path / "victim.txt"
    victim.write_text("precious")
    manifest = fiji / "scripts/Plugins/Particlebridge/particlebridge.json"
    manifest.write_text(json.dumps({"files": {"../victim.txt": "0", "jars/../../victim.txt": "0"}}))
    uninstall_macros(fiji)
    assert victim.read_text() == "precious"


def test_an_onnx_runtime_of_fiji_s_own_stays(fiji):
    own = fiji / "jars" / "onnxruntime-1.20.0.jar"
    own.write_bytes(b"of deepImageJ")
    done = install_macros(fiji)
    assert done.runtime == f"ONNX Runtime is there already: {own}"
    assert not (fiji / RUNTIME).exists()
    assert own not in uninstall_macros(fiji).removed
    assert own.read_bytes() == b"of deepImageJ"


def test_an_onnx_runtime_of_an_older_version_is_replaced(fiji):
    install_macros(fiji)
    old = fiji / "jars" / "onnxruntime-1.0.jar"
    (fiji / RUNTIME).rename(old)
    old.write_bytes(b"old")
    manifest = fiji / "scripts/Plugins/Particlebridge/particlebridge.json"
    held = json.loads(manifest.read_text())
    held["runtime"] = {"jars/onnxruntime-1.0.jar": hashlib.sha256(b"old").hexdigest()}
    manifest.write_text(json.dumps(held))
    assert old in install_macros(fiji).removed
    assert [p.name for p in (fiji / "jars").iterdir()] == [RUNTIME.name]


def test_without_a_connection_the_commands_are_installed_and_the_jar_is_named(fiji, monkeypatch):
    def offline(jar):
        raise RuntimeError(f"{jar.name} cannot be downloaded")

    monkeypatch.setattr(fiji_install, "fetched", offline)
    done = install_macros(fiji)
    assert len(done.written) == 12
    assert f"put the jar into {fiji / 'jars'} yourself" in done.runtime
    assert installed_version(fiji) == (version(), [])


def test_an_endpoint_has_no_folder(monkeypatch):
    with pytest.raises(ValueError, match="needs none"):
        install_macros("sc.fiji:fiji")
