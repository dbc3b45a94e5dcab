"""Pages of one file each, readable offline, on a phone and on paper, with the figures beside."""

import base64
from collections.abc import Iterable
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from .style import FORMATS, Plate, save

_FOLDER = Path(__file__).parent


def rendered(template: str, plates: Iterable[Plate], folder: Path, /, **values: Any) -> str:
    """Save the plates of a page in figures/ of its folder, and render the page around them.

    Parameters
    ----------
    template
        File name beside this module.
    plates
        All figures of the page.
    folder
        Of the page.
    **values
        What the template asks for besides pictures, style and script.
    """
    pictures = {}
    for plate in plates:
        files = dict(zip(FORMATS, save(plate, folder / "figures"), strict=True))
        pictures[plate.name] = base64.b64encode(files["png"].read_bytes()).decode()
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template).render(
        pictures=pictures,
        formats=[name for name in FORMATS if name != "csv"],
        made=datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z"),
        program=f"Particlebridge {version('particlebridge')}",
        css=Markup(_text("report.css")),
        js=Markup(_text("page.js") + _text("network.js")),
        **values,
    )


def _text(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")
