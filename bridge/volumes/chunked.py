"""Volumes read in chunks: OME-Zarr (OME-NGFF 0.4 and 0.5), plain Zarr, HDF5, MATLAB."""

import os
from pathlib import Path

from particlebridge.analysis.io.errors import reraise_with_path

from .array_choice import Holds
from .chunked_source import ChunkedSource, split_dataset
from .hdf5_source import open_hdf5
from .matlab_source import is_hdf5_matlab, is_matlab, open_matlab
from .zarr_source import open_zarr

_FIX = "see whether the program that wrote it opens it, and export it again"


def open_chunked(path: str | os.PathLike[str], holds: Holds = "grey") -> ChunkedSource:
    """Open a Zarr array, the best resolution of an OME-Zarr image, an HDF5 or a MATLAB array.

    Parameters
    ----------
    path
        A Zarr folder: an array, an OME-Zarr image (its first, finest level is taken) or a group
        of one image; or an HDF5 file, followed by ``::/path/to/dataset`` unless one dataset is
        the only one that fits. The voxel size comes from OME-Zarr's scale and units, in HDF5 from
        the attribute ``element_size_um`` (z, y, x) that Fiji and ilastik write, or from ilastik's
        ``axistags`` and ``axis_units``. Or a .mat file, version 5 to 7.3, followed by ``::name``
        unless one variable is the only one that fits: its rows, columns and pages are Y, X and Z.
    holds
        ``"grey"`` or ``"labels"``: what is looked for where a file holds both.

    Returns
    -------
    ChunkedSource
        None of its voxels have been read.

    Raises
    ------
    FileNotFoundError
        If the file or the dataset does not exist.
    ValueError
        If it is no such file, is damaged, holds no numbers, several times, or several arrays that
        fit; the message says how to fix it.
    """
    path = Path(path)
    if path.is_dir():
        with reraise_with_path(path, "cannot be read as Zarr", _FIX):
            return open_zarr(path, holds).turned(path)
    file = split_dataset(path)[0]
    if is_matlab(file):
        with reraise_with_path(path, "cannot be read as a MATLAB file", "save it again"):
            source = (open_hdf5 if is_hdf5_matlab(file) else open_matlab)(path, holds)
            # Its notes say already which axes are which.
            return source.turned(path)._replace(notes=source.notes)
    with reraise_with_path(path, "cannot be read as HDF5", _FIX):
        return open_hdf5(path, holds).turned(path)
