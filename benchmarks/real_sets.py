"""Other people's data and labels: ../shared/data/real, and StarDist's synthetic nuclei."""

import argparse
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from particlebridge.analysis import typical_diameter
from particlebridge.bridge import read_labels
from particlebridge.bridge.volumes.reading import open_volume
from particlebridge.exporter import TrainOptions, train
from particlebridge.exporter.training.pairing import gather_examples

# A block from the middle of the NMC packing: all of it would take an hour of network.
_BLOCK = (96, 160, 160)
# Grey levels of pore, NMC and binder, their noise and blur (voxels), as laboratory CT shows them.
_GREYS, _NOISE, _BLUR = (60.0, 170.0, 85.0), 12.0, 0.8
# The organoids' files record no voxel size; their README says how far apart slices are.
_ORGANOID = (9.0, 1.0, 1.0)
NUCLEI_DIAMETER = 24.0


class RealSet(NamedTuple):
    """A volume that somebody else labelled.

    Attributes
    ----------
    name
        For tables and files.
    volume, truth
        (Z, Y, X) grey values and labels.
    spacing
        Sides of a voxel (z, y, x); the smallest is 1.
    """

    name: str
    volume: np.ndarray
    truth: np.ndarray
    spacing: tuple[float, float, float]

    @property
    def diameter(self) -> float:
        """Typical diameter of the true xy sections, in voxels of side 1: what a user measures."""
        pixel = self.spacing[1] * self.spacing[2]
        areas = [np.bincount(plane[plane > 0])[1:] * pixel for plane in self.truth]
        every = np.concatenate(areas)
        return typical_diameter(every[every > 0])


def folder_arguments(text: str) -> argparse.ArgumentParser:
    """Name the folders of a benchmark on these sets, of which `text` is the docstring."""
    parser = argparse.ArgumentParser(description=text.splitlines()[0])
    data = Path(__file__).parents[2] / "shared/data/real"
    parser.add_argument("--data", type=Path, default=data, help="the folder of the sets")
    cache = Path(tempfile.gettempdir()) / "particlebridge-benchmarks"
    parser.add_argument("--cache", type=Path, default=cache, help="where predictions are kept")
    return parser


def real_sets(folder: Path) -> Iterator[RealSet]:
    """Yield the labelled volumes; print which sets are absent."""
    for name, load in {
        "ovule 1135": _ovule,
        "organoid EGFP 108": lambda folder: _organoid(folder, "EGFP_d0_flt32_108"),
        "organoid mCherry 16": lambda folder: _organoid(folder, "mCherry_d0_flt32_16"),
        "synthetic nuclei": _synthetic,
    }.items():
        made = _there(name, load, folder)
        if made is not None:
            yield RealSet(name, *made)


_Made = tuple[np.ndarray, np.ndarray, tuple[float, float, float]]


def _there(name: str, load: Callable[[Path], _Made], folder: Path) -> _Made | None:
    try:
        return load(folder)
    except FileNotFoundError as error:
        print(f"{name}: left out, {error}")
        return None


def _ovule(folder: Path) -> _Made:
    file = folder / "nuclei3d/1135_mini.h5"
    raw = open_volume(f"{file}::/raw")
    z, y, x = (side / min(raw.spacing) for side in raw.spacing)
    return np.asarray(raw.data[:]), read_labels(f"{file}::/label"), (z, y, x)


def _organoid(folder: Path, name: str) -> _Made:
    volume = np.asarray(open_volume(folder / f"organoids3d/{name}.tif").data[:])
    return volume, read_labels(folder / f"organoids3d/mask_{name}.tif"), _ORGANOID


def _synthetic(_: Path) -> _Made:
    from stardist.data import test_image_nuclei_3d

    volume, truth = test_image_nuclei_3d(return_mask=True)
    return np.asarray(volume), np.asarray(truth, np.int32), (1.0, 1.0, 1.0)


def packing(folder: Path, seed: int = 8401) -> tuple[np.ndarray, np.ndarray] | None:
    """Give a block of the real NMC packing as a mask of NMC, and made grey; None if absent."""
    from scipy.ndimage import gaussian_filter

    file = folder / "nmc_ct/nmc_calendered_phases.tif"
    if not file.exists():
        print(f"NMC packing: left out, there is no {file}")
        return None
    phases = np.asarray(open_volume(file).data[:])
    starts = [(full - side) // 2 for full, side in zip(phases.shape, _BLOCK, strict=True)]
    box = tuple(slice(a, a + side) for a, side in zip(starts, _BLOCK, strict=True))
    phases = phases[box].astype(int)
    grey = gaussian_filter(np.array(_GREYS, np.float32)[phases], _BLUR)
    noise = np.random.default_rng(seed).normal(0, _NOISE, phases.shape)
    grey += np.asarray(noise, np.float32)
    return phases == 1, grey.clip(0, 255).astype(np.uint8)


def powder(folder: Path) -> list[tuple[str, np.ndarray, np.ndarray]]:
    """Give the SEM images of metal powder with their labels."""
    own = folder / "powder_sem"
    if not own.is_dir():
        print(f"powder: left out, there is no {own}")
        return []
    examples, _ = gather_examples(
        str(own / "*.png"), own / "via_powder_particle_masks_training.json"
    )
    return [(Path(one.name).stem, one.image, one.labels) for one in examples]


def nuclei_model(folder: Path, cache: Path) -> Path | None:
    """Train a small model on the fluorescence images of nuclei2d, once: 600 steps, minutes."""
    own, model = folder / "nuclei2d", cache / "nuclei"
    if not own.is_dir():
        print(f"nuclei model: left out, there is no {own}")
        return None
    if not model.exists():
        options = TrainOptions(
            epochs=20, steps=30, patch=128, filters=16, learning_rate=1e-3, schedule="cosine",
            diameter=NUCLEI_DIAMETER,
        )  # fmt: skip
        train(str(own / "images/*.tif"), str(own / "labels/*.tif"), model, options=options)
    return model
