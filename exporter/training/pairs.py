"""Training images and the files in which they are annotated, brought together."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from particlebridge.analysis.io.errors import shown
from particlebridge.analysis.io.images import IMAGE_SUFFIXES, shape_text
from particlebridge.analysis.io.pixels import read_training_image

from ..annotations.image_names import find_image
from ..annotations.label_images import read_label_image
from ..annotations.reading import annotate, read_drawings
from ..annotations.regions import Drawing, Remark, summarise
from .examples import Example

_NAMED = 5
_CLASS_KEYS = ("class", "label", "type", "category", "name")
_MOST_CLASSES = 20


@dataclass
class _Told:
    """What the regions of one annotation file gave: remarks, and how many became particles."""

    remarks: list[Remark] = field(default_factory=list)
    total: int = 0
    left_out: list[str] = field(default_factory=list)

    @property
    def lost(self) -> int:
        return len({(each.image, each.region) for each in self.remarks if each.lost})


def examples_of_files(
    images: Sequence[Path], labels: Sequence[Path]
) -> tuple[list[Example], list[str]]:
    """Annotate images with whatever files know them.

    Parameters
    ----------
    images
        TIFF, PNG, JPEG or BMP.
    labels
        Files that name their images (VIA, COCO) count for all they name. Others (ImageJ's
        regions, GeoJSON, LabelMe, label images) have their image's name, with something added
        if need be; a single one belongs to a single image, whatever the names.

    Returns
    -------
    examples : list of Example
    notes : list of str
        What could not be used or was assumed, one sentence a kind.

    Raises
    ------
    FileNotFoundError
        If a file is not there.
    ValueError
        If a file is damaged, an image has no or several annotations, or most of the regions
        would be lost: what is lost is taught as background.
    """
    images, notes = _without_labels(images, labels)
    drawn: dict[Path, dict[str, Drawing]] = {}
    for path in labels:
        if path.suffix.lower() not in IMAGE_SUFFIXES:
            drawn[path], found = read_drawings(path)
            notes += found
    pairs, unnamed = _pair(images, labels, drawn)
    told: dict[Path, _Told] = {}
    examples = []
    base_names = [path.name for path in images]
    for image_path, (path, name) in pairs.items():
        called = str(image_path) if base_names.count(image_path.name) > 1 else image_path.name
        image, said = read_training_image(image_path)
        notes += said
        shape = image_shape(image)
        if path not in drawn:
            marked, found = read_label_image(path)
            notes += found
            if marked.ndim == len(shape) and marked.shape != shape:
                raise ValueError(
                    f"{path} has {shape_text(marked.shape)} pixels and {called} "
                    f"{shape_text(shape)}; give labels of the image's own size"
                )
            examples.append(Example(called, image, marked))
            continue
        drawing = drawn[path][name]
        marked, _, remarks = annotate(drawing, shape, path, called)
        here = told.setdefault(path, _Told())
        count = len({each.number for each in drawing.regions if each.role == "particle"})
        lost = len({each.region for each in remarks if each.lost})
        here.remarks += remarks
        here.total += count
        if 2 * lost > count:
            here.left_out.append(f"{called} ({lost:,} of {count:,})")
        else:
            examples.append(Example(called, image, marked))
    _refuse_if_lost(told)
    for path, each in told.items():
        notes += summarise(each.remarks, path.name, each.total)
        notes += _told_classes(drawn[path], path)
        if each.left_out:
            notes.append(
                f"{path.name}: most regions of {_some(each.left_out)} cannot be used: left out, "
                "for they would be taught as background."
            )
    return examples, [*notes, *unnamed]


def _without_labels(images: Sequence[Path], labels: Sequence[Path]) -> tuple[list[Path], list[str]]:
    """Leave out of the images what a pattern such as *.tif takes in of the labels."""
    both = [path for path in images if path in labels]
    if not both or len(both) == len(images):
        return list(images), []
    note = f"{len(both):,} of the images are label files as well, and were taken for labels only."
    return [path for path in images if path not in labels], [note]


def _told_classes(drawings: Mapping[str, Drawing], path: Path) -> list[str]:
    """Say it where regions are of several classes: a network of particles knows one."""
    particles = [
        region
        for drawing in drawings.values()
        for region in drawing.regions
        if region.role == "particle" and not region.problem
    ]
    for key in _CLASS_KEYS:
        counts = Counter(region.attributes.get(key, "") for region in particles)
        named = [f"{name} {count:,}" for name, count in counts.most_common() if name]
        # Of more names each region has its own.
        if 1 < len(named) <= min(_MOST_CLASSES, len(particles) / 2):
            names = shown(", ".join(named))
            return [
                f"{path.name}: its regions are of {len(named)} classes ({names}): all were taken "
                "for particles; delete those that are none."
            ]
    return []


def image_shape(image: np.ndarray) -> tuple[int, ...]:
    """Return (H, W) or (N, H, W), without the channels of a colour image."""
    return image.shape[:-1] if image.ndim > 2 and image.shape[-1] in (3, 4) else image.shape


def _pair(
    images: Sequence[Path], labels: Sequence[Path], drawn: Mapping[Path, dict[str, Drawing]]
) -> tuple[dict[Path, tuple[Path, str]], list[str]]:
    """Find for each image the file that annotates it and its name there."""
    knowing = [path for path in labels if path in drawn and set(drawn[path]) != {""}]
    others = [path for path in labels if path not in knowing]
    alone = len(images) == len(others) == 1 and not knowing
    if not alone and len(images) > 1 and not knowing and len(others) == 1:
        raise ValueError(f"{others[0]} annotates one image and {len(images)} are given; give one")
    pairs: dict[Path, tuple[Path, str]] = {}
    takers: dict[tuple[Path, str], Path] = {}
    missing = []
    for image in images:
        found = [(path, "") for path in (others if alone else _alike(image, images, others))]
        for path in knowing:
            try:
                name = find_image(drawn[path], image.absolute())
            except ValueError as error:
                raise ValueError(f"{path}: {error}") from error
            if name is not None and drawn[path][name].regions:
                found.append((path, name))
        if len(found) > 1 or (not found and not knowing):
            files = ", ".join(str(path) for path, _ in found[:_NAMED])
            having = f"more than one label file has ({files})" if found else "no label file has"
            raise ValueError(
                f"{image}: {having} its name; name them alike, such as {image.stem}.tif or "
                f"{image.stem}_labels.tif"
            )
        if not found:
            missing.append(image.name)
            continue
        if found[0] in takers:
            path, name = found[0]
            raise ValueError(
                f"{takers[found[0]]} and {image} would both get the annotations of "
                f"{shown(name or path.name)} in {path}; give one of them"
            )
        takers[found[0]] = image
        pairs[image] = found[0]
    if not pairs:
        known = [name for path in knowing for name in drawn[path]]
        raise ValueError(
            f"{_some([str(path) for path in knowing])} annotates none of the images; it knows "
            f"{_some([shown(name) for name in known]) or 'none'}"
        )
    return pairs, _unused(pairs, missing, knowing, others, drawn)


def _alike(image: Path, images: Sequence[Path], others: Sequence[Path]) -> list[Path]:
    """Match files by name: the label's stem contains the image's, and no other's longer one."""
    same = [label for label in others if label.stem == image.stem]
    if same:
        return same
    # As a word or number of its own: d is in d_labels and not in unused, 1 in img1 and not in 12.
    kinds = [r"\d" if end.isdigit() else r"[^\W\d_]" for end in (image.stem[0], image.stem[-1])]
    word = re.compile(rf"(?<!{kinds[0]}){re.escape(image.stem)}(?!{kinds[1]})")
    longer = [other.stem for other in images if len(other.stem) > len(image.stem)]
    return [
        label
        for label in others
        # img_1 is in img_1_2_labels too, but that belongs to img_1_2.
        if word.search(label.stem) and not any(stem in label.stem for stem in longer)
    ]


def _unused(
    pairs: Mapping[Path, tuple[Path, str]],
    missing: Sequence[str],
    knowing: Sequence[Path],
    others: Sequence[Path],
    drawn: Mapping[Path, dict[str, Drawing]],
) -> list[str]:
    """Tell of images without annotation, and of annotations without image."""
    notes = []
    where = knowing[0].name if len(knowing) == 1 else f"the {len(knowing)} annotation files"
    if len(missing) == 1:
        notes.append(f"{missing[0]} is not annotated in {where} and was left out.")
    elif missing:
        notes.append(
            f"{len(missing):,} images are not annotated in {where} and were left out: "
            f"{_some(missing)}."
        )
    used = set(pairs.values())
    for path in knowing:
        spare = [n for n, each in drawn[path].items() if each.regions and (path, n) not in used]
        if spare:
            notes.append(
                f"{path.name} annotates {len(spare):,} images that were not given: "
                f"{_some([shown(name) for name in spare])}."
            )
    idle = [path.name for path in others if (path, "") not in used]
    if idle:
        notes.append(f"{len(idle):,} label files belong to no image given: {_some(idle)}.")
    return notes


def _refuse_if_lost(told: Mapping[Path, _Told]) -> None:
    lost = sum(each.lost for each in told.values())
    total = sum(each.total for each in told.values())
    if 2 * lost <= total or not lost:
        return
    kinds: dict[str, list[Remark]] = {}
    for each in told.values():
        for remark in each.remarks:
            if remark.lost:
                kinds.setdefault(remark.text, []).append(remark)
    said = "; ".join(
        f"{len(same):,} {'each ' * (len(same) > 1)}{text} "
        f"(first: image {same[0].image}, region {same[0].region})"
        # The commonest three: it stays one sentence.
        for text, same in sorted(kinds.items(), key=lambda kind: -len(kind[1]))[:3]
    )
    raise ValueError(
        f"{_some([str(path) for path in told])}: {lost:,} of {total:,} regions cannot be used and "
        f"would be taught as background: {said}; draw closed outlines, or leave these images out"
    )


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
