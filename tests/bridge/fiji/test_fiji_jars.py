"""Jars from Maven Central: whole, and the ones that were pinned."""

import hashlib
from dataclasses import replace

import pytest
from particlebridge.bridge.fiji.jars import IMAGEJ, PLAIN_IMAGEJ, fetched


@pytest.mark.parametrize("jar", PLAIN_IMAGEJ, ids=lambda jar: jar.name)
def test_the_pinned_jar_comes(jar):
    path = fetched(jar)
    assert path.name == jar.name
    assert hashlib.sha256(path.read_bytes()).hexdigest() == jar.sha256


def test_a_download_that_was_cut_short_is_repeated(tmp_path, monkeypatch):
    monkeypatch.setenv("M2_REPO", str(tmp_path))
    path = fetched(IMAGEJ)
    assert path.is_relative_to(tmp_path)
    whole = path.read_bytes()
    path.write_bytes(whole[:1000])
    assert fetched(IMAGEJ).read_bytes() == whole


def test_another_file_than_the_pinned_one_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("M2_REPO", str(tmp_path))
    with pytest.raises(RuntimeError, match=r"serves another file than the ij-1.54f.jar"):
        fetched(replace(IMAGEJ, sha256="0" * 64))


def test_a_jar_that_is_not_there_is_one_sentence():
    with pytest.raises(RuntimeError, match=r"ij:0.0 cannot be downloaded from Maven Central"):
        fetched(replace(IMAGEJ, version="0.0"))
