"""Sheets of volumes: what they may say, and names that keep results apart and in place."""

from pathlib import Path

import pytest
from particlebridge.bridge.runs.sheet import list_items


def _sheet(folder: Path, text: str) -> Path:
    path = folder / "sheet.csv"
    path.write_text(text)
    return path


def test_columns_of_a_sheet(tmp_path: Path) -> None:
    text = (
        'path,voxel_size,state,group\na.tif,"0.3,0.2,0.1",10,x\nsub/b.h5::/e/grey,0.5,50,\nc,,,\n'
    )
    a, b, c = list_items([_sheet(tmp_path, text)], voxel_size=(9, 9, 9))
    assert (a.path, a.name, a.voxel_size) == (tmp_path / "a.tif", "a", (0.3, 0.2, 0.1))
    assert (a.state, a.group) == ("10", "x")
    assert (b.path, b.name, b.voxel_size) == (tmp_path / "sub/b.h5::/e/grey", "b_grey", (0.5,) * 3)
    assert (c.name, c.voxel_size, c.state) == ("c", (9, 9, 9), "")


@pytest.mark.parametrize(
    ("files", "names"),
    [
        (["x/a.tif", "y/a.tif", "a_1.tif"], ["a_1_1", "a_2", "a_1"]),
        (["A.tif", "a.tif"], ["A_1", "a_2"]),
        (["scan.ome.tif", "scan.ome.zarr", "b.zarr"], ["scan_1", "scan_2", "b"]),
        (["s.h5::/u", "s.h5::/v"], ["s_u", "s_v"]),
    ],
)
def test_names_are_distinct(files: list[str], names: list[str]) -> None:
    assert [item.name for item in list_items(files)] == names


@pytest.mark.parametrize("path", ["..", ".", "a/..", "x.h5::/e/..", "/", "...."])
def test_no_name_leads_out_of_the_run_folder(tmp_path: Path, path: str) -> None:
    items = list_items([_sheet(tmp_path, f"path\n{path}\nb.tif\n")])
    top = tmp_path / "out"
    assert all((top / item.name).resolve().parent == top.resolve() for item in items)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "needs a column 'path' and a row"),
        ("path\n", "a column 'path' and a row"),
        ("file\na.tif\n", "needs a column 'path' and a row \\(its first row reads 'file'\\)"),
        ("path,state\na.tif,1\n ,2\n", "line 3 names no path"),
        ("path\n" + 3000 * "x" + "\n", r"line 2: no file can be called x{60}\.\.\. \("),
        ("path,voxel_size\na.tif,small\n", "line 2: voxel size 'small' is not Z,Y,X"),
        ("path,voxel_size\na.tif,-1\n", "line 2: voxel size -1.0"),
        ("path,state\na,1\nb,2,3,4\n", "line 3 has 4 cells and the first row 2"),
        ("path,voxelsize\na,1\n", "column 'voxelsize' is unknown; call it 'voxel_size'"),
        ("path,Path\na,b\n", "two columns 'path'"),
        ("path\na.tif\nb.tif\n./a.tif\n", r"is listed twice \(lines 2 and 4\)"),
        ("path,voxel_size\na.tif,0.1,0.07,x,y\n", "line 2 has 5 cells"),
    ],
)
def test_bad_sheet_gets_one_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    path = _sheet(tmp_path, text)
    with pytest.raises(ValueError, match=sentence) as caught:
        list_items([path])
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_missing_sheet_and_nothing_at_all(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no such sheet"):
        list_items([tmp_path / "no.csv"])
    with pytest.raises(ValueError, match="no volume given"):
        list_items([])


def test_spaces_and_capitals_in_the_names_of_columns(tmp_path: Path) -> None:
    (item,) = list_items([_sheet(tmp_path, "path, Voxel size, State \ntiny.tif, 0.2, 10\n")])
    assert (item.path, item.voxel_size, item.state) == (tmp_path / "tiny.tif", (0.2,) * 3, "10")


def test_columns_that_are_not_used_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (item,) = list_items([_sheet(tmp_path, "path,cycles,who\na.tif,10,me\n")])
    assert "not used: column 'cycles' and 'who'" in capsys.readouterr().err
    assert item.unused == {"cycles": "10", "who": "me"}


def test_a_triple_without_quotes_is_one_voxel_size(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (item,) = list_items([_sheet(tmp_path, "path,voxel_size,state\na.tif,0.1,0.07,0.07,10\n")])
    assert (item.voxel_size, item.state) == ((0.1, 0.07, 0.07), "10")
    assert "0.1,0.07,0.07 is taken for one voxel size" in capsys.readouterr().err


@pytest.mark.parametrize(
    "text",
    [
        "path;voxel_size;state\na.tif;0,07;10\n;;\n",
        "path;voxel_size;state\na.tif;0,07,0,07,0,07;10\n",
        "path\tvoxel_size\tstate\na.tif\t0.07\t10\n",
        "sep=;\npath;voxel_size;state\na.tif;0.07;10\n",
        "\ufeffpath,voxel_size,state,,\n\na.tif,0.07,10,,\n,,,,\n",
        'path,voxel_size,state\n"a.tif", "0.07,0.07,0.07", 10\n',
    ],
)
def test_sheets_as_spreadsheets_save_them(tmp_path: Path, text: str) -> None:
    (item,) = list_items([_sheet(tmp_path, text)])
    assert (item.path, item.voxel_size, item.state) == (tmp_path / "a.tif", (0.07,) * 3, "10")


def test_a_file_is_listed_once_by_whatever_name(tmp_path: Path) -> None:
    (tmp_path / "a.tif").touch()
    (tmp_path / "link.tif").symlink_to("a.tif")
    with pytest.raises(ValueError, match=r"link.tif is listed twice"):
        list_items([tmp_path / "a.tif", tmp_path / "link.tif"])
    assert len(list_items([tmp_path / "s.h5::/u", tmp_path / "s.h5::/v"])) == 2
