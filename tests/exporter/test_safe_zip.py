import stat
import zipfile

import pytest
from particlebridge.exporter import safe_zip


def write(path, members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return path


def test_extract_gives_the_files_and_the_empty_folder(tmp_path):
    path = write(tmp_path / "a.zip", [("saved_model.pb", b"x" * 10), ("variables/", b"")])
    out = safe_zip.extract(path, tmp_path / "out")
    assert (out / "saved_model.pb").read_bytes() == b"x" * 10
    assert (out / "variables").is_dir()


@pytest.mark.parametrize(
    "name", ["../evil", "/etc/evil", "a/../../evil", "C:/evil", "a\\..\\evil", "a//b", "./a", ".."]
)
def test_a_path_that_escapes_is_refused_and_nothing_is_written(tmp_path, name):
    path = write(tmp_path / "a.zip", [("fine", b"1"), (name, b"evil")])
    with pytest.raises(ValueError, match="outside its folder"):
        safe_zip.extract(path, tmp_path / "out")
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_is_refused(tmp_path):
    info = zipfile.ZipInfo("link")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    path = write(tmp_path / "a.zip", [(info, b"/etc/passwd")])
    with pytest.raises(ValueError, match="symbolic link"):
        safe_zip.extract(path, tmp_path / "out")


def test_one_name_twice_is_refused_whatever_its_case(tmp_path):
    path = write(tmp_path / "a.zip", [("a.pb", b"1"), ("A.pb", b"2")])
    with pytest.raises(ValueError, match="occurs twice"):
        safe_zip.extract(path, tmp_path / "out")


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path):
    path = write(tmp_path / "a.zip", [("saved_model.pb", bytes(80 << 20))])
    assert path.stat().st_size < 1 << 20
    with pytest.raises(ValueError, match="would unpack to"):
        safe_zip.extract(path, tmp_path / "out")


def test_a_size_that_the_directory_lies_about_is_damage(tmp_path):
    path = write(tmp_path / "a.zip", [("saved_model.pb", bytes(5000))])
    raw = bytearray(path.read_bytes())
    central = raw.rindex(b"PK\x01\x02")
    raw[central + 24 : central + 28] = (10).to_bytes(4, "little")
    path.write_bytes(raw)
    with pytest.raises(ValueError, match=r"is damaged|not a whole zip|is no zip"):
        safe_zip.extract(path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_too_many_files_are_refused(tmp_path):
    path = write(tmp_path / "a.zip", [(str(i), b"") for i in range(safe_zip.MAX_FILES + 1)])
    with pytest.raises(ValueError, match="a handful"):
        safe_zip.extract(path, tmp_path / "out")


@pytest.mark.parametrize("keep", [0, 10, 0.5, 0.9])
def test_a_truncated_zip_is_refused(tmp_path, keep):
    path = write(tmp_path / "a.zip", [("a", bytes(range(256)) * 50)])
    raw = path.read_bytes()
    path.write_bytes(raw[: keep if isinstance(keep, int) else int(keep * len(raw))])
    with pytest.raises(ValueError, match=r"is damaged|not a whole zip|is no zip"):
        safe_zip.extract(path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_flipped_bits_are_found(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a", b"weights" * 100)
    raw = bytearray(path.read_bytes())
    raw[100] ^= 1
    path.write_bytes(raw)
    with pytest.raises(ValueError, match=r"is damaged|not a whole zip|is no zip"):
        safe_zip.extract(path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_encrypted_zip_is_refused(tmp_path):
    path = write(tmp_path / "a.zip", [("a", b"1")])
    raw = bytearray(path.read_bytes())
    central = raw.rindex(b"PK\x01\x02")
    raw[central + 8] |= 1
    path.write_bytes(raw)
    with pytest.raises(ValueError, match="encrypted"):
        safe_zip.extract(path, tmp_path / "out")


def test_a_missing_zip_and_a_full_folder_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such file"):
        safe_zip.extract(tmp_path / "none.zip", tmp_path / "out")
    path = write(tmp_path / "a.zip", [("a", b"1")])
    with pytest.raises(FileExistsError, match="not an empty folder"):
        safe_zip.extract(path, tmp_path)
