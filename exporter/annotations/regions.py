"""Regions drawn by hand, as the readers of annotation files hand them on."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import numpy as np

# Chord over length of an open line that goes around something: a straight line has 1, half a
# circle 0.64, three sides of a square 1/3, two sides of one 0.71.
_OUTLINE = 0.8
_PLACES_NAMED = 5


@dataclass(frozen=True, eq=False)
class Bitmap:
    """Pixels of a region, as COCO and LabelMe store them.

    Attributes
    ----------
    top, left
        Where the upper left pixel of the bitmap lies in the image.
    height, width
        Of the bitmap, pixels.
    runs
        (n,) int64 lengths of runs along the columns, by turns outside and inside the region;
        their sum is height times width.
    """

    top: int
    left: int
    height: int
    width: int
    runs: np.ndarray


@dataclass(frozen=True, eq=False)
class Region:
    """One region of an annotation file.

    Coordinates are pixels from the image's upper left corner; the first pixel's centre is at
    (0.5, 0.5).

    Attributes
    ----------
    number
        Place in its image's list in the file, counted from 1.
    shape
        The file's own word for it: "polygon", "ellipse", ...
    rings
        (n, 2) float64 closed polygons (y, x), inside by the even-odd rule over all of them.
    ellipse
        (centre y, centre x, semi-axis y, semi-axis x, angle in radians from x towards y), in
        place of rings.
    bitmap
        In place of rings.
    attributes
        What the file says about the region, such as its name and class.
    position
        Slice of a stack, counted from 1; 0: none.
    problem
        Why it cannot be used, if it cannot.
    remark
        What was assumed about it, if anything.
    role
        "frame": outside it nobody outlined particles; "crowd": inside it nobody told them apart.
    group
        Regions that share a group are parts of one particle; "": it is whole.
    """

    number: int
    shape: str
    rings: tuple[np.ndarray, ...] = ()
    ellipse: tuple[float, float, float, float, float] | None = None
    bitmap: Bitmap | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)
    position: int = 0
    problem: str = ""
    remark: str = ""
    role: Literal["particle", "frame", "crowd"] = "particle"
    group: str = ""


@dataclass(frozen=True, eq=False)
class Drawing:
    """What somebody drew on one image.

    Attributes
    ----------
    regions
        In the order of the file.
    size
        (H, W) of the image, where the file tells it.
    """

    regions: Sequence[Region]
    size: tuple[int, int] | None = None


class Remark(NamedTuple):
    """What there is to say about a region of an image; `lost`: it became no particle."""

    image: str
    region: int
    text: str
    lost: bool


def summarise(remarks: Iterable[Remark], source: str, total: int) -> list[str]:
    """Say each kind of remark once, however many regions it concerns.

    Parameters
    ----------
    remarks
        Of one file's regions.
    source
        File, to begin the sentences with.
    total
        Number of regions.
    """
    kinds: dict[str, list[Remark]] = {}
    for remark in remarks:
        kinds.setdefault(remark.text, []).append(remark)
    sentences = []
    for text, same in kinds.items():
        image = f", image {same[0].image}" if same[0].image else ""
        if len(same) == 1:
            sentences.append(f"{source}{image}: region {same[0].region} {text}")
            continue
        places: dict[str, list[int]] = {}
        for remark in same[:_PLACES_NAMED]:
            places.setdefault(remark.image, []).append(remark.region)
        named = "; ".join(
            f"{image}{', ' if image else ''}region{'s' * (len(numbers) > 1)} "
            + ", ".join(map(str, numbers))
            for image, numbers in places.items()
        )
        more = f" and {len(same) - _PLACES_NAMED:,} more" if len(same) > _PLACES_NAMED else ""
        sentences.append(
            f"{source}: {len(same):,} of {total:,} regions: each {text} ({named}{more})"
        )
    return sentences


def bitmap_of(mask: np.ndarray, top: int, left: int) -> Bitmap:
    """Pack an (h, w) mask whose upper left pixel lies at (top, left) of the image."""
    column = np.concatenate([[False], np.asarray(mask, np.bool_).ravel(order="F"), [False]])
    turns = np.flatnonzero(np.diff(column))
    edges = np.concatenate([[0], turns, [mask.size]])
    height, width = mask.shape
    return Bitmap(top, left, height, width, np.diff(edges).astype(np.int64))


def xy_points(points: Any) -> np.ndarray:
    """Return (n, 2) (y, x) of a list of [x, y]; ValueError if one is not finite."""
    found = np.array([[float(point[1]), float(point[0])] for point in points]).reshape(-1, 2)
    if not np.isfinite(found).all():
        raise ValueError("a coordinate is not finite")
    return found


def open_ring(ring: np.ndarray) -> np.ndarray:
    """Drop the last vertex of a ring where it repeats the first one."""
    closed = len(ring) > 1 and np.array_equal(ring[0], ring[-1])
    return ring[:-1] if closed else ring


def signed_area(ring: np.ndarray) -> float:
    """Return the area that a ring (y, x) encloses, negative if it runs anticlockwise on screen."""
    y, x = ring.T.astype(np.float64)
    return float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2


def line_region(
    number: int, shape: str, points: np.ndarray, attributes: Mapping[str, str], position: int = 0
) -> Region:
    """Make a region of an open line: closed if it goes around something, else without area.

    Annotators that offer a polyline beside the polygon are used with either.

    Parameters
    ----------
    number, shape, attributes, position
        See `Region`.
    points
        (n, 2) float64 (y, x) vertices.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        length = float(np.hypot(*np.diff(points, axis=0).T).sum()) if len(points) > 1 else 0.0
        chord = float(np.hypot(*(points[-1] - points[0]))) if len(points) > 1 else 0.0
        around = len(points) > 2 and chord <= _OUTLINE * length
    word = shown_shape(shape)
    if not around:
        problem = f"is {word}, which has no area"
        return Region(number, shape, attributes=attributes, position=position, problem=problem)
    return Region(
        number,
        shape,
        rings=(open_ring(points),),
        attributes=attributes,
        position=position,
        remark=f"is {word}, taken as closed",
    )


def shown_shape(shape: str) -> str:
    """Return a shape's name with its article: a polyline, an angle."""
    return f"{'an' if shape[:1].lower() in 'aeio' else 'a'} {shape}"
