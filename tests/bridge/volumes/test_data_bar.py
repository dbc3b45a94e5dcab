"""The data bar under an electron micrograph, found by its looks; and no other dark edge."""

from pathlib import Path

import numpy as np
import pytest
from particlebridge.bridge import read_image, segment
from particlebridge.bridge.volumes.data_bar import find_data_bar
from particlebridge.bridge.volumes.field_of_view import find_field_of_view
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

REAL = Path(__file__).parents[4] / "shared" / "data"
RNG = np.random.default_rng(0)


def _sample(height: int = 400, width: int = 600) -> np.ndarray:
    """Bright grains of all sizes on a darker ground, with the noise of a detector."""
    grains = ndimage.gaussian_filter(RNG.normal(size=(height, width)), 6)
    grains = np.where(grains > 0, 170.0, 60.0) + RNG.normal(0, 8, (height, width))
    return np.clip(grains, 0, 255).astype(np.uint8)


def _with_bar(sample: np.ndarray, rows: int, ground: int, text: int) -> np.ndarray:
    height, width = rows, sample.shape[1]
    bar = Image.new("L", (width, height), ground)
    draw = ImageDraw.Draw(bar)
    font = ImageFont.load_default(size=0.5 * rows)
    draw.text((9, 0.2 * rows), "HV 10.0 kV  mag 5 000x  WD 4.9 mm", font=font, fill=text)
    draw.rectangle((0.8 * width, 0.6 * height, 0.95 * width, 0.7 * height), fill=text)
    return np.concatenate([sample, np.asarray(bar)])


@pytest.mark.parametrize(("ground", "text"), [(0, 255), (255, 0), (40, 255), (200, 10)])
@pytest.mark.parametrize("rows", [20, 32, 60])
def test_a_data_bar_is_found(rows: int, ground: int, text: int) -> None:
    assert abs(find_data_bar(_with_bar(_sample(), rows, ground, text)) - rows) <= 1


def test_other_edges_are_no_data_bar() -> None:
    sample = _sample()
    assert find_data_bar(sample) == 0
    dark = sample.copy()
    dark[-40:] = 0  # an empty strip bears no text
    assert find_data_bar(dark) == 0
    clipped = np.where(sample > 150, sample, 0)
    clipped[-40:] = 0
    clipped[-30:-20, 50:90] = 200  # particles on a black ground
    assert find_data_bar(clipped) == 0
    assert find_data_bar(np.zeros((400, 400), np.uint8)) == 0
    assert find_data_bar(np.full((400, 400), np.nan, np.float32)) == 0
    assert find_data_bar(_with_bar(_sample(), 32, 0, 255)[::-1]) == 0


@pytest.mark.parametrize("text", ["the same", "another in each slice"])
def test_the_bar_of_a_volume_is_called_a_data_bar(
    text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    grey = [220, 220, 220, 220] if text == "the same" else [250, 240, 230, 220]
    volume = np.stack([_with_bar(_sample(), 32, 0, value) for value in grey])
    view = find_field_of_view(volume, "stack.tif")
    said = " ".join(capsys.readouterr().err.split())
    assert "stack.tif: data bar: 7.4 % of the voxels are masked, the lowest 32 rows" in said
    assert "field of view" not in said
    assert view.mask is not None
    assert np.array_equal(np.asarray(view.mask[0]).all(axis=1), np.arange(432) < 400)


def test_an_empty_strip_of_a_volume_is_called_a_margin(
    capsys: pytest.CaptureFixture[str],
) -> None:
    volume = np.stack([np.pad(_sample(), ((0, 32), (0, 0))) for _ in range(4)])
    find_field_of_view(volume, "stack.tif")
    said = " ".join(capsys.readouterr().err.split())
    assert "stack.tif: empty margin: 7.4 % of the voxels are masked, 0 in every slice" in said


@pytest.mark.skipif(not REAL.is_dir(), reason="../shared/data is not here")
def test_no_real_image_has_one() -> None:
    files = [*REAL.glob("real/nuclei2d/images/*.tif"), *REAL.glob("real/powder_sem/*.png")]
    for file in [*files, REAL / "nmc_slice.tif"]:
        pixels = read_image(file).data
        for view in (pixels, pixels.max() - pixels, pixels[::-1], np.swapaxes(pixels, 0, 1)):
            assert find_data_bar(view) == 0, file


def test_nothing_is_looked_for_in_a_data_bar(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = _with_bar(_sample(240, 300), 24, 0, 255)
    Image.fromarray(picture).convert("RGB").save(tmp_path / "sem.png")
    segment(tmp_path / "sem.png", tmp_path / "out", diameter=20)
    labels = read_image(tmp_path / "out" / "labels.tif").data
    assert labels.shape == picture.shape
    assert labels[:240].any()
    assert not labels[240:].any()
    assert "rows 240 to 263 are a data bar, not sample" in capsys.readouterr().err
    record = (tmp_path / "out" / "run.json").read_text()
    assert "rows 240 to 263 are a data bar" in record
