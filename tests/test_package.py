"""What `import particlebridge` gives, and what it does not import."""

import ast
import re
import runpy
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions, version
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

FUNCTIONS = {
    "fuse": "analysis", "measure": "analysis", "explain": "analysis",
    "run": "bridge", "segment": "bridge", "fuse_folder": "bridge", "measure_files": "bridge",
    "explain_files": "bridge", "read_volume": "bridge", "read_labels": "bridge",
    "train": "exporter", "export": "exporter",
}  # fmt: skip


def _python(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=600
    )
    return done.stdout.strip()


def test_neither_tensorflow_nor_a_jvm_is_imported() -> None:
    heavy = "{'tensorflow', 'keras', 'jpype', 'scyjava', 'imagej', 'numpy', 'pandas'}"
    assert (
        _python(
            "import sys, particlebridge as pb; dir(pb); pb.__version__; pb.bridge; pb.exporter; "
            f"pb.analysis; print(sorted({heavy} & set(sys.modules)))"
        )
        == "[]"
    )
    names = [f"pb.{name}" for name in FUNCTIONS]
    assert (
        _python(
            f"import sys, particlebridge as pb; {'; '.join(names)}; "
            f"print(sorted(({heavy} - {{'numpy', 'pandas'}}) & set(sys.modules)))"
        )
        == "[]"
    )


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_functions_on_files_are_at_the_top(name: str) -> None:
    import particlebridge as pb

    assert getattr(pb, name) is getattr(getattr(pb, FUNCTIONS[name]), name)
    assert name in dir(pb)


def test_the_version_is_that_of_the_installed_package() -> None:
    import particlebridge as pb

    assert pb.__version__ == version("particlebridge")


def test_a_folder_of_the_checkout_does_not_hide_the_installed_package() -> None:
    # `python -m` puts the current folder first: one called particlebridge would be imported.
    assert not (ROOT / "particlebridge").exists()


_IN_WORKERS = {"cv2", "bioimageio"}
"""Installed for a process of its own, see exporter/runtimes/python_packages.py."""


def _imported() -> set[str]:
    names = set()
    for folder in ("analysis", "exporter", "bridge", "fiji_macros", "package"):
        for file in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Import):
                    names |= {alias.name.split(".")[0] for alias in node.names}
                elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                    names.add(node.module.split(".")[0])
    return names - set(sys.stdlib_module_names) - {"particlebridge"} - _IN_WORKERS


def _normal(requirement: str) -> str:
    return re.split(r"[^\w.-]", requirement)[0].lower().replace("_", "-")


def test_what_is_imported_is_declared() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = {_normal(text) for text in project["dependencies"]}
    declared |= {_normal(t) for extra in project["optional-dependencies"].values() for t in extra}
    declared.add("distributed")  # by dask[distributed]
    known = packages_distributions()
    undeclared = {
        name
        for name in _imported()
        if not declared & {_normal(distribution) for distribution in known.get(name, [name])}
    }
    assert undeclared == set()


def test_each_folder_of_the_packages_is_in_the_wheel() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    listed = settings["tool"]["setuptools"]["packages"]
    folders = {
        ".".join(("particlebridge", *file.parent.relative_to(ROOT).parts))
        for part in ("analysis", "exporter", "bridge", "fiji_macros")
        for file in (ROOT / part).rglob("__init__.py")
    }
    assert set(listed) == folders | {"particlebridge"}


def test_the_description_for_an_index_links_to_nothing_in_the_repository(monkeypatch) -> None:
    given: dict[str, str] = {}
    monkeypatch.setattr("setuptools.setup", given.update)
    runpy.run_path(str(ROOT / "setup.py"))
    text = given["long_description"]
    assert text.startswith("# Particlebridge")
    assert "](https://doi.org/" in text
    assert re.findall(r"\]\((?!https?:).*?\)", text) == []
