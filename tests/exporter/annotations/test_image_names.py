"""An annotation file's image, named as on the computer where it was drawn."""

import unicodedata

import pytest
from particlebridge.exporter.annotations.image_names import base_name, find_image, plain_path


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("a.png", "a.png"),
        (r"C:\scans\run 1\a.png", "C:/scans/run 1/a.png"),
        ("./scans//a.png", "scans/a.png"),
        ("https://host/x/a%201.png?raw=1", "x/a%201.png"),
        ("file:///scans/run1/a.png", "scans/run1/a.png"),
        ("http://[bad/a.png", "[bad/a.png"),
    ],
)
def test_paths_of_any_system(name: str, plain: str) -> None:
    assert plain_path(name) == plain
    assert base_name(name) == plain.rsplit("/", 1)[-1]


@pytest.mark.parametrize(
    ("names", "image", "found"),
    [
        (["a.png", "b.png"], "/scans/a.png", "a.png"),
        (["scans/a.png"], "a.png", "scans/a.png"),
        (["a%20b.png"], "a b.png", "a%20b.png"),
        (["100%.png"], "100%.png", "100%.png"),
        (["A.PNG"], "a.png", "A.PNG"),
        (["A.PNG", "a.png"], "a.png", "a.png"),
        (["a.png"], "scans/A.tif", "a.png"),
        ([unicodedata.normalize("NFD", "Körner.png")], "Körner.png", None),
        (["x/a.png", "y/a.png"], "/data/y/a.png", "y/a.png"),
        (["x/run/a.png", "y/run/a.png"], r"D:\Y\RUN\a.tif", "y/run/a.png"),
        (["ba.png"], "a.png", None),
        ([], "a.png", None),
        ([""], "whatever.tif", ""),
    ],
)
def test_the_image_is_found(names: list[str], image: str, found: str | None) -> None:
    expected = names[0] if "rner" in image else found
    assert find_image(names, image) == expected


@pytest.mark.parametrize("image", ["a.png", "/z/a.png", "a.tif"])
def test_what_fits_equally_well_is_refused(image: str) -> None:
    with pytest.raises(ValueError, match=r"any of x/a.png, y/a.png"):
        find_image(["x/a.png", "y/a.png"], image)
