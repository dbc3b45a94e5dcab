"""The examples in docstrings run, and give what they say; every public function has one."""

import doctest
import importlib
import inspect
import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
WITH_EXAMPLES = sorted(
    ".".join(("particlebridge", *file.relative_to(ROOT).with_suffix("").parts))
    for folder in ("analysis", "exporter", "bridge", "fiji_macros")
    for file in (ROOT / folder).rglob("*.py")
    if ">>> " in file.read_text(encoding="utf-8")
)
PACKAGES = ("particlebridge.analysis", "particlebridge.exporter", "particlebridge.bridge")
NOT_RUN = {
    "demo": "minutes; a tutorial of the documentation runs it",
    "train_nmc": "an hour; a tutorial trains a few steps",
    "FijiEngine": "needs a whole Fiji",
    "FijiSession": "needs a whole Fiji",
    "doctor": "looks at the Fiji of this machine",
    "review": "opens a window; test_opening.py drives it",
}
"""Whose example is shown but not run, and why."""

PUBLIC: dict[str, Any] = {
    f"{package}.{name}": getattr(importlib.import_module(package), name)
    for package in PACKAGES
    for name in importlib.import_module(package).__all__
    if callable(getattr(importlib.import_module(package), name))
}


@pytest.mark.parametrize("module", WITH_EXAMPLES)
def test_examples_run(module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = doctest.DocTestFinder(exclude_empty=True).find(importlib.import_module(module))
    examples = [one for one in found if one.examples]
    assert examples
    runner = doctest.DocTestRunner()
    for number, example in enumerate(examples):  # each may write files
        folder = tmp_path / str(number)
        folder.mkdir()
        monkeypatch.chdir(folder)
        runner.run(example)
    assert runner.failures == 0


def _has_example(thing: Any) -> bool:
    return ">>> " in (inspect.getdoc(thing) or "")


def test_every_public_function_has_an_example() -> None:
    functions = {name: f for name, f in PUBLIC.items() if inspect.isfunction(f)}
    assert len(functions) > 50
    assert [name for name, function in functions.items() if not _has_example(function)] == []


def test_every_public_class_has_an_example_or_is_the_result_of_one() -> None:
    given = " ".join(
        str(inspect.signature(f).return_annotation)
        for f in PUBLIC.values()
        if inspect.isfunction(f) and _has_example(f)
    )
    results = set(re.findall(r"\w+", given))
    classes = {name: c for name, c in PUBLIC.items() if inspect.isclass(c)}
    assert len(classes) > 30
    lacking = [n for n, c in classes.items() if not _has_example(c) and c.__name__ not in results]
    assert lacking == []


@pytest.mark.parametrize("name", PUBLIC)
def test_examples_are_run_but_for_those_with_a_reason(name: str) -> None:
    examples = doctest.DocTestParser().get_examples(inspect.getdoc(PUBLIC[name]) or "")
    skipped = [e.source for e in examples if e.options.get(doctest.SKIP)]
    assert bool(skipped) == (name.rpartition(".")[2] in NOT_RUN), skipped


@pytest.mark.parametrize("name", [n for n, f in PUBLIC.items() if inspect.isfunction(f)])
def test_docstrings_name_parameters_and_what_comes_back(name: str) -> None:
    function = PUBLIC[name]
    text = inspect.getdoc(function) or ""
    sections = text.split("\n----------\n")
    signature = inspect.signature(function)
    if signature.parameters:
        named = re.findall(r"^(\w[\w, ]*?)(?: : .*)?$", sections[1], re.MULTILINE)
        told = {part.strip() for line in named for part in line.split(",")}
        assert set(signature.parameters) <= told
    assert re.search(r"^(Returns|Yields)\n-+$", text, re.MULTILINE)
