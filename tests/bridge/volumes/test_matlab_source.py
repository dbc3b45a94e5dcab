"""Volumes and labels of MATLAB, versions 5 and 7.3: which array, which axes, what is refused."""

import pickle
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest
import scipy.io
from particlebridge.analysis import electrode, measure
from particlebridge.bridge import measure_files
from particlebridge.bridge.volumes.labels import read_labels
from particlebridge.bridge.volumes.reading import open_volume, read_volume

RNG = np.random.default_rng(5)
NOISE = RNG.integers(1, 1000, (6, 10, 12)).astype(np.uint16)
LABELS = np.zeros((6, 10, 12))  # MATLAB's own numbers are doubles
LABELS[1:4, 2:6, 3:8] = 1


def save_5(path: Path, **arrays: Any) -> Path:
    """As `save(path)` of MATLAB; arrays are (Z, Y, X) here, rows, columns and pages there."""
    turned = {name: np.transpose(a, (1, 2, 0)) if a.ndim == 3 else a for name, a in arrays.items()}
    scipy.io.savemat(path, turned, do_compression=True)
    return path


def save_73(path: Path, **arrays: Any) -> Path:
    """As `save(path, '-v7.3')`: HDF5 behind 512 bytes of text, whose axes run backwards."""
    classes = {"uint16": "uint16", "float64": "double", "uint8": "uint8", "bool": "logical"}
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, array in arrays.items():
            in_matlab = np.transpose(array, (1, 2, 0)) if array.ndim == 3 else array
            dataset = file.create_dataset(name, data=in_matlab.T)
            dataset.attrs["MATLAB_class"] = np.bytes_(classes[array.dtype.name])
        file.create_dataset("#refs#/a", data=np.zeros((4, 4, 4)))
    with path.open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(512))
    return path


SAVERS = pytest.mark.parametrize("save", [save_5, save_73])


@SAVERS
def test_rows_columns_and_pages_are_y_x_and_z(tmp_path: Path, save: Any) -> None:
    path = save(tmp_path / "scan.mat", Data=NOISE, step=np.array([[0.07]]))
    opened = open_volume(path)
    assert opened.data.shape == NOISE.shape
    assert opened.data.dtype == np.uint16
    assert np.array_equal(opened.data[2:5, 3, 1:9:2], NOISE[2:5, 3, 1:9:2])
    assert np.array_equal(pickle.loads(pickle.dumps(opened.data))[4], NOISE[4])
    assert np.array_equal(read_volume(path).data, NOISE)
    assert any("rows, columns and pages in MATLAB are taken as Y, X" in n for n in opened.notes)
    assert opened.spacing_from == "unknown"


@SAVERS
def test_an_array_is_chosen_as_in_hdf5(tmp_path: Path, save: Any) -> None:
    path = save(tmp_path / "both.mat", Data=NOISE, Seg=LABELS)
    opened = open_volume(path)
    assert np.array_equal(opened.data[:], NOISE)
    assert any("Data is read; it also holds Seg" in note for note in opened.notes)
    assert np.array_equal(read_labels(path), LABELS)
    assert np.array_equal(open_volume(f"{path}::Seg").data[:], LABELS)
    with pytest.raises(FileNotFoundError, match=r"both\.mat::Sag: has no such"):
        open_volume(f"{path}::Sag")
    two = save(tmp_path / "two.mat", before=NOISE, after=NOISE)
    with pytest.raises(ValueError, match=r"two\.mat: holds 2 arrays .*; name one, such as"):
        open_volume(two)


@SAVERS
def test_measure_takes_both(tmp_path: Path, save: Any) -> None:
    made = electrode((24, 48, 48), seed=1, radius=(5, 8))
    path = save(tmp_path / "scan.mat", Data=made.volume, Seg=made.labels.astype(float))
    solid = save(tmp_path / "solid.mat", solid=made.solid.astype(np.uint8))
    measure_files(
        f"{path}::Data", f"{path}::Seg", tmp_path / "f.csv", solid=solid, voxel_size=made.spacing
    )
    table = pd.read_csv(tmp_path / "f.csv")
    ours = measure(made.volume, made.labels, made.spacing, solid=made.solid)
    for name in ("label", "X", "Y", "Z", "Volume", "Damage"):
        np.testing.assert_allclose(table[name], ours[name], rtol=1e-6)


@SAVERS
def test_what_is_refused(tmp_path: Path, save: Any) -> None:
    path = save(tmp_path / "scan.mat", Data=RNG.random((20, 30, 40)))
    cut = tmp_path / "cut.mat"
    cut.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ValueError, match=r"cut\.mat: (is damaged|.*cannot be read)"):
        read_volume(cut)
    flat = save(tmp_path / "flat.mat", Data=NOISE[0])
    with pytest.raises(ValueError, match=r"flat\.mat: a 3-D volume \(Z, Y, X\) is needed"):
        open_volume(flat)


def test_what_is_refused_of_version_5(tmp_path: Path) -> None:
    scipy.io.savemat(tmp_path / "c.mat", {"Data": np.ones((4, 4, 4)) * 1j, "name": "electrode"})
    with pytest.raises(ValueError, match=r"c\.mat: its voxels cannot be read \(it holds complex"):
        read_volume(tmp_path / "c.mat")
    with pytest.raises(ValueError, match=r"c\.mat::name: holds char, not an array of numbers"):
        open_volume(f"{tmp_path / 'c.mat'}::name")
    scipy.io.savemat(tmp_path / "four.mat", {"Data": np.ones((4, 4, 4, 4))})
    with pytest.raises(ValueError, match=r"four\.mat: a 3-D array is needed, found 4 axes"):
        open_volume(tmp_path / "four.mat")
    (tmp_path / "text.mat").write_text("no")
    with pytest.raises(ValueError, match=r"text\.mat: is no MATLAB file of version 5 or 7\.3"):
        open_volume(tmp_path / "text.mat")


def test_a_size_that_no_file_could_hold_is_refused(tmp_path: Path) -> None:
    """The shape in the header, changed to 30,000 x 30,000 x 6."""
    path = tmp_path / "scan.mat"
    scipy.io.savemat(path, {"Data": np.transpose(NOISE, (1, 2, 0))})
    shape = np.array([10, 12, 6], "<i4").tobytes()
    data = path.read_bytes()
    assert data.count(shape) == 1
    path.write_bytes(data.replace(shape, np.array([30000, 30000, 6], "<i4").tobytes()))
    with pytest.raises(ValueError, match=r"scan\.mat: .*declares 10,800,000,000 bytes in a file"):
        open_volume(path)
