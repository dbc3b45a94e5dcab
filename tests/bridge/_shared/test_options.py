"""Options as keywords: gathered into objects, shown in signatures, refused by name."""

import inspect

import pytest
from particlebridge.bridge import (
    FuseOptions,
    RunOptions,
    SegmentOptions,
    WorkOptions,
    fuse_folder,
    run,
    segment,
)
from particlebridge.bridge._shared.options import gathered


def test_keywords_find_their_objects() -> None:
    given = {"diameter": 30, "views": ["xy"], "method": "flow", "memory": None, "rounds": 2}
    chosen = gathered("run", given, RunOptions)
    assert chosen.segmenting.settings.diameter == 30
    assert chosen.segmenting.views == ("xy",)
    assert chosen.fusing == FuseOptions("flow")
    assert chosen.work == WorkOptions()
    assert chosen.rounds == 2
    segmenting, work = gathered("segment", {"format": "zarr"}, SegmentOptions, WorkOptions)
    assert (segmenting, work) == (SegmentOptions(), WorkOptions("zarr"))


def test_an_unknown_keyword_is_named_with_the_nearest_one() -> None:
    with pytest.raises(TypeError, match=r"run\(\) has no option 'diametr'; did you mean 'diam"):
        run("scan.tif", "out", diametr=30)
    with pytest.raises(TypeError, match=r"fuse_folder\(\) has no option 'ball'$"):
        fuse_folder("out", ball=1.0)
    # That of a view follows from its voxels.
    with pytest.raises(TypeError, match=r"segment\(\) has no option 'pixel_size'"):
        segment("scan.tif", "out", pixel_size=(1, 2))


@pytest.mark.parametrize(
    ("function", "some", "others"),
    [
        (run, {"voxel_size", "model", "diameter", "method", "ball", "memory", "rounds"}, {"dims"}),
        (segment, {"dims", "voxel_size", "model", "diameter", "memory"}, {"method", "ball"}),
        (fuse_folder, {"volume", "method", "scheduler"}, {"diameter", "voxel_size"}),
    ],
)
def test_help_shows_all_options(function, some: set[str], others: set[str]) -> None:
    shown = inspect.signature(function).parameters
    assert some <= shown.keys()
    assert not others & shown.keys()
    assert "options" not in shown
    assert "pixel_size" not in shown
