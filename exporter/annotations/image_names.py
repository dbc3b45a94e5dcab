"""Which of the images that an annotation file names is meant: folders, case, other suffixes."""

import os
import unicodedata
from collections.abc import Callable, Iterable
from urllib.parse import unquote, urlsplit

from particlebridge.analysis.io.errors import shown


def plain_path(name: str) -> str:
    """Return a path or an address with / between its folders, as on any system."""
    name = name.strip().replace("\\", "/")
    if "://" in name:
        try:
            name = urlsplit(name).path
        except ValueError:  # brackets that are no IPv6 address
            name = name.split("://", 1)[1]
    return "/".join(part for part in name.split("/") if part not in ("", "."))


def base_name(name: str) -> str:
    """Return the last part of a path of any system."""
    return plain_path(name).rsplit("/", 1)[-1]


def find_image(names: Iterable[str], image: str | os.PathLike[str]) -> str | None:
    """Find the name under which an annotation file knows an image.

    Drawn on another computer or on a copy: what counts is the file's name; then the same with
    %20 for blanks; then in other letters' case; then with another suffix (annotated as a PNG,
    trained on as the TIFF it came from). Of several that fit equally, the one with most folders
    in common is meant.

    Parameters
    ----------
    names
        As the file gives them; "" of a format that does not name its image fits any.
    image
        Path or name.

    Returns
    -------
    str or None
        One of `names`; None: the file does not annotate it.

    Raises
    ------
    ValueError
        If several fit equally well.
    """
    names = list(names)
    if names == [""]:
        return ""
    wanted = plain_path(os.fspath(image))
    for same in _WAYS:
        alike = [name for name in names if same(base_name(name)) == same(base_name(wanted))]
        if not alike:
            continue
        shared = [_folders_shared(name, wanted) for name in alike]
        best = [name for name, count in zip(alike, shared, strict=True) if count == max(shared)]
        if len(best) > 1:
            raise ValueError(
                f"{image} could be any of {', '.join(shown(name) for name in best[:5])}; "
                "give the image under its own name, or rename the others"
            )
        return best[0]
    return None


def _folders_shared(name: str, other: str) -> int:
    """Count the folders above the two files that have the same names, from below."""
    above = [[_caseless(part) for part in path.split("/")[-2::-1]] for path in (name, other)]
    count = 0
    for mine, yours in zip(*above, strict=False):
        if mine != yours:
            break
        count += 1
    return count


def _caseless(name: str) -> str:
    # macOS stores accents apart from their letters.
    return unicodedata.normalize("NFC", unquote(name)).casefold()


def _stem(name: str) -> str:
    return _caseless(name).rsplit(".", 1)[0]


_WAYS: tuple[Callable[[str], str], ...] = (str, unquote, _caseless, _stem)
