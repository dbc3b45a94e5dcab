"""Labels and masks in their final format, made of stacks that were written chunk by chunk."""

from pathlib import Path

import numpy as np

from ..volumes.label_records import Recorded, companion, record_in_stack
from ..volumes.ome_zarr import mark_labels, place_stack
from ..volumes.reading import open_volume
from ..volumes.voxel_size import KnownSize
from ..volumes.writing import write_labels, write_mask


def place_labels(stack: Path, target: Path, own: str, size: KnownSize, image: Path) -> None:
    """Make the label file of a stack of labels.

    Parameters
    ----------
    stack
        Of `create_stack`, whole.
    target
        labels.zarr, which the stack becomes, or labels.tif; what is there is replaced.
    own
        Digest of the labels, which the file records.
    size
        What is known of the voxel size (z, y, x): the file records it.
    image
        What the labels are of, which labels.zarr names.
    """
    record = Recorded(own)
    if target.suffix == ".zarr":
        mark_labels(stack, target, image)
        record_in_stack(stack, record)
        place_stack(stack, target)
    else:
        write_labels(target, np.asarray(open_volume(stack).data), size, record.note)


def place_mask(stack: Path, labels: Path, own: str, size: KnownSize) -> None:
    """Make the mask of material beside labels from a stack; without one, an old mask is deleted.

    Parameters
    ----------
    stack
        Of `create_stack`, whole; it need not exist.
    labels
        The label file.
    own, size
        As `place_labels`.
    """
    target, record = companion(labels, "solid"), Recorded(own, labels.name)
    if target.suffix == ".zarr":
        if stack.exists():
            record_in_stack(stack, record)
        place_stack(stack, target)
    elif stack.exists():
        write_mask(target, np.asarray(open_volume(stack).data), size, record.note)
    else:
        # A mask of the labels that are replaced.
        target.unlink(missing_ok=True)
