from pathlib import Path

import pytest
from particlebridge.bridge.fiji.home import Endpoint, Fiji, find_fiji, version_key


def make_fiji(home: Path, *jars: str) -> Path:
    for folder in ("jars", "plugins"):
        (home / folder).mkdir(parents=True)
    for jar in jars:
        (home / "jars" / jar).write_bytes(b"")
    return home


@pytest.fixture(autouse=True)
def bare_machine(tmp_path, monkeypatch):
    empty = tmp_path / "user"
    empty.mkdir()
    monkeypatch.delenv("FIJI_HOME", raising=False)
    monkeypatch.setenv("HOME", str(empty))
    monkeypatch.setenv("PATH", str(empty))
    return empty


def test_a_named_fiji_wins_over_the_environment(tmp_path, monkeypatch):
    named = make_fiji(tmp_path / "a" / "Fiji.app")
    other = make_fiji(tmp_path / "b" / "Fiji.app")
    monkeypatch.setenv("FIJI_HOME", str(other))
    assert find_fiji(named) == Fiji(named)
    assert find_fiji() == Fiji(other)


@pytest.mark.parametrize("name", ["Fiji", "Fiji.app"])
def test_usual_places_hold_both_editions(bare_machine, name):
    home = make_fiji(bare_machine / name)
    assert find_fiji() == Fiji(home)


def test_the_launcher_on_the_path_leads_home(tmp_path, monkeypatch):
    home = make_fiji(tmp_path / "somewhere" / "Fiji")
    launcher = home / "fiji-linux-x64"
    launcher.write_text("#!/bin/sh\n")
    launcher.chmod(0o755)
    links = tmp_path / "bin"
    links.mkdir()
    (links / "fiji").symlink_to(launcher)
    monkeypatch.setenv("PATH", str(links))
    assert find_fiji() == Fiji(home)


def test_the_macos_launcher_of_2025_leads_to_the_folder_around_it(tmp_path):
    home = make_fiji(tmp_path / "Fiji")
    launcher = home / "Fiji.app" / "Contents" / "MacOS" / "fiji-macos"
    launcher.parent.mkdir(parents=True)
    launcher.write_bytes(b"")
    assert find_fiji(launcher) == Fiji(home)


def test_endpoints_are_told_from_folders():
    coordinates = "sc.fiji:fiji+de.csbdresden:csbdeep:0.6.0+de.csbdresden:StarDist_:0.3.0-scijava"
    assert find_fiji(coordinates) == Endpoint(coordinates)


def test_what_is_no_fiji_is_named(tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match="jars and plugins"):
        find_fiji(tmp_path)
    monkeypatch.setenv("FIJI_HOME", str(tmp_path))
    with pytest.raises(FileNotFoundError, match=r"\$FIJI_HOME"):
        find_fiji()
    monkeypatch.delenv("FIJI_HOME")
    with pytest.raises(FileNotFoundError, match="--fiji"):
        find_fiji()


def test_versions_and_editions_are_read_from_the_folder(tmp_path):
    classic = Fiji(make_fiji(tmp_path / "old" / "Fiji.app", "fiji-2.9.0.jar", "ij-1.53t.jar"))
    assert (classic.edition, classic.version) == ("classic", "2.9.0")
    assert classic.jar_versions("ij") == ["1.53t"]
    new = make_fiji(
        tmp_path / "Fiji", "imagej-tensorflow-1.1.10.jar", "imagej-tensorflow-1.1.9.jar"
    )
    (new / "config" / "jaunch").mkdir(parents=True)
    assert Fiji(new).edition == "2025"
    assert Fiji(new).jar_versions("imagej-tensorflow") == ["1.1.9", "1.1.10"]
    assert Fiji(new).jar_versions("imagej") == []


def test_the_newest_bundled_java_is_taken(tmp_path):
    home = make_fiji(tmp_path / "Fiji")
    for name, line in [("jdk8/jre", "1.8.0_322"), ("zulu21", "21.0.7")]:
        folder = home / "java" / "linux64" / name
        folder.mkdir(parents=True)
        (folder / "release").write_text(f'JAVA_VERSION="{line}"\n')
    java = Fiji(home).java
    assert java is not None
    assert (java.home.name, java.version) == ("zulu21", 21)


def test_versions_sort_as_people_count():
    assert sorted(["1.1.10", "1.1.9", "1.54p", "1.54f"], key=version_key) == [
        "1.1.9",
        "1.1.10",
        "1.54f",
        "1.54p",
    ]


def test_plain_imagej_is_an_endpoint_of_one_version():
    assert find_fiji("net.imagej:ij") == Endpoint("net.imagej:ij")
    assert find_fiji("net.imagej:ij:1.54f").plain
    assert not Endpoint("sc.fiji:fiji").plain
    with pytest.raises(FileNotFoundError, match=r"runs here as net.imagej:ij:1.54f only"):
        find_fiji("net.imagej:ij:1.53t")
