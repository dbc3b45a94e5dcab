"""The documentation names all that is public, and the README's links lead somewhere."""

import importlib
import re
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
REFERENCE = ROOT / "docs" / "reference"


@pytest.mark.parametrize("package", ["analysis", "exporter", "bridge"])
def test_the_reference_names_each_public_name_once(package: str) -> None:
    text = (REFERENCE / f"{package}.md").read_text("utf-8")
    blocks = re.findall(r"\.\. autosummary::\n(?: +:.*\n)*\n((?: +\w+\n)+)", text)
    named = [name for block in blocks for name in block.split()]
    named += re.findall(r"\.\. py:data:: (\w+)", text)
    assert Counter(named) == Counter(importlib.import_module(f"particlebridge.{package}").__all__)


def test_the_reference_names_what_stands_at_the_top() -> None:
    text = (REFERENCE / "index.md").read_text("utf-8")
    top = importlib.import_module("particlebridge").__all__
    parts = {"analysis", "exporter", "bridge", "fiji_macros"}
    assert set(re.findall(r"^\| `pb\.(\w+)`", text, re.MULTILINE)) == set(top) - parts


@pytest.mark.parametrize("file", ["README.md", "fiji_macros/README.md"])
def test_links_lead_somewhere(file: str) -> None:
    text = (ROOT / file).read_text("utf-8")
    links = [link for link in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in link]
    assert links
    for link in links:
        path, _, anchor = link.partition("#")
        target = (ROOT / file).parent / path if path else ROOT / file
        assert target.exists(), link
        if anchor:
            heads = re.findall(r"^#+ (.*)$", target.read_text("utf-8"), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", h).lower().replace(" ", "-") for h in heads}


def test_the_architecture_names_files_that_are_there() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    named = re.findall(r"`((?:analysis|bridge|exporter|tests)/[\w/]+(?:\.py|/))`", text)
    assert len(named) > 20
    assert [name for name in named if not (ROOT / name).exists()] == []
