"""What QuPath's StarDist extension reads, and the script that runs it."""

from .portable import StarDistNetwork

_WIDEST = 256
"""Margin of a tile of 1024 pixels at most: half of it would remain."""

_SCRIPT = """\
// Runs {name}.onnx in QuPath's StarDist extension. Written by particlebridge.
//
// Network: input (1, {channels}, H, W) float32, NCHW; outputs prob (1, 1, H/{gy}, W/{gx}) and
// dist (1, {rays}, H/{gy}, W/{gx}), pixels. QuPath calls it by OpenCV and pads to multiples of 64.
// Tuned thresholds: probability {prob:g}, overlap {nms:g} ({numerics} numerics).
// QuPath takes the probability only; its own rule for overlaps has no threshold.
// {scale}

import qupath.ext.stardist.StarDist2D
import qupath.lib.scripting.QP

def modelPath = "{file}" // IMPORTANT: replace this with the whole path of the file

def stardist = StarDist2D.builder(modelPath)
    .preprocess(
        StarDist2D.imageNormalizationBuilder() // once for the whole image, not for each tile
            .percentiles({low:g}, {high:g})
            .perChannel(false)
            .build()
    )
    .threshold({prob:g})
    .channels({selected})
    // .pixelSize(0.5)       // micrometres; without it the image keeps its pixels
    .tileSize(1024)
    .padding({padding})      // as far as the network looks
    .build()

def parents = QP.getSelectedObjects()
if (parents.isEmpty()) {{
    QP.getLogger().error("Select an annotation to find objects in")
    return
}}
stardist.detectObjects(QP.getCurrentImageData(), parents)
stardist.close()
"""


def qupath_script(network: StarDistNetwork, file: str) -> str:
    """Write the Groovy script that runs a network in QuPath.

    Parameters
    ----------
    network
        What `file` was made from.
    file
        Name of the .onnx file.

    Returns
    -------
    str
        Layout, normalisation, thresholds and scale are those of the network.
    """
    record = network.record
    gy, gx = network.grid
    if record.diameter is None:
        scale = "The model records no particle size: run it at the pixel size of its training."
    else:
        scale = (
            f"It was trained on particles {record.diameter:.3g} pixels wide: choose pixelSize so "
            f"that yours are, their diameter in micrometres / {record.diameter:.3g}."
        )
    return _SCRIPT.format(
        name=network.name,
        file=file,
        channels=network.channels,
        gy=gy,
        gx=gx,
        rays=record.rays,
        prob=record.thresholds.prob,
        nms=record.thresholds.nms,
        numerics=record.numerics,
        low=record.percentiles[0],
        high=record.percentiles[1],
        selected=", ".join(str(channel) for channel in range(network.channels)),
        padding=min(max(network.reach), _WIDEST),
        scale=scale,
    )
