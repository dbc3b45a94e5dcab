"""Which axes of an array are those of a volume."""

from collections.abc import Sequence
from pathlib import Path


def volume_axes(shape: Sequence[int], axes: str, path: Path) -> tuple[int, ...]:
    """Tell which axes are Z, Y and X; the others must have length 1.

    Parameters
    ----------
    shape
        Of the array in the file.
    axes
        A letter for each axis, as tifffile writes them.
    path
        The file, for messages.

    Returns
    -------
    tuple of int
        Three places in `axes`.

    Raises
    ------
    ValueError
        If it has channels, time frames or other axes, or is one voxel thin.
    """
    sizes = dict(zip(axes, shape, strict=True))
    for axis in "CS":
        if sizes.get(axis, 1) > 1:
            raise ValueError(
                f"{path}: has {sizes[axis]} channels; a volume must have one (in Fiji: Image > "
                "Color > Split Channels; if they are slices, say so in Image > Properties)"
            )
    kept = "".join(a for a in axes if sizes[a] > 1 or a in "ZYX")
    if kept == "TYX" and sizes.get("Z", 1) == 1:
        raise ValueError(
            f"{path}: its {sizes['T']} images are time frames, not slices; in Fiji set them as "
            "slices (Image > Properties) and save again"
        )
    kept = kept.replace("I", "Z").replace("Q", "Z") if "Z" not in kept else kept
    if kept not in ("ZYX", "YX") or len(shape) < 3:
        found = f"axes {axes} of shape {tuple(shape)}"
        fix = "; a single image is for `particlebridge segment`" if kept == "YX" else ""
        raise ValueError(f"{path}: a 3-D volume (Z, Y, X) is needed, found {found}{fix}")
    places = [i for i, a in enumerate(axes) if a in kept or (a in "IQ" and sizes[a] > 1)]
    found_shape = tuple(int(shape[i]) for i in places)
    if len(places) < 3 or 1 in found_shape:
        raise ValueError(
            f"{path}: is one voxel thin (shape {found_shape}); a volume needs two along each "
            "axis, a single slice is an image to segment"
        )
    return tuple(places)
