"""The tree shows the architecture: imports point down only, between files and folders."""

import ast
from collections.abc import Hashable, Iterator, Mapping
from pathlib import Path

import networkx
import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("analysis", "exporter", "bridge", "fiji_macros")
FLOORS = {
    "analysis": [
        "_shared",
        "io",
        "starconvex linking material",
        "features phantom",
        "fusion explanation correction",
        "synchrony",
        "report",
    ],
    "exporter": ["runtimes", "annotations networks", "bundles", "training"],
    "bridge": [
        "_shared",
        "volumes",
        "engines",
        "fiji runs",
        "segmenting",
        "fusing",
        "reviewing",
        "",
        "cli",
    ],
}
"""The folders of each package from the bottom up; those of one floor do not know each other."""

Module = tuple[str, ...]


def _module(path: Path) -> Module:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return parts[:-1] if parts[-1] == "__init__" else parts


MODULES = {_module(p): p for folder in FOLDERS for p in (ROOT / folder).rglob("*.py")}


def _statements(tree: ast.AST) -> Iterator[ast.ImportFrom]:
    """Give the imports that run; those for type checkers only do not."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.ImportFrom):
            yield node
        yield from _statements(node)


def _imports(module: Module) -> Iterator[Module]:
    path = MODULES[module]
    package = module if path.stem == "__init__" else module[:-1]
    for node in _statements(ast.parse(path.read_text(encoding="utf-8"))):
        named = tuple((node.module or "").split(".")) if node.module else ()
        if node.level:
            base = package[: len(package) - node.level + 1] + named
        elif named[0] == "particlebridge":
            base = named[1:]
        else:
            continue
        for alias in node.names:
            target = (*base, alias.name)
            yield target if target in MODULES else base


GRAPH = {m: {t for t in _imports(m) if t in MODULES and t != m} for m in MODULES}


def _cycles(graph: Mapping[Hashable, set]) -> list[set]:
    directed = networkx.DiGraph({node: list(targets) for node, targets in graph.items()})
    return [c for c in networkx.strongly_connected_components(directed) if len(c) > 1]


def _folder(module: Module) -> Module:
    return module if MODULES[module].stem == "__init__" else module[:-1]


def test_no_file_imports_itself_through_others() -> None:
    assert len(GRAPH) > 200
    assert _cycles(GRAPH) == []


def test_no_folder_imports_itself_through_others() -> None:
    folders: dict[Hashable, set] = {}
    for module, targets in GRAPH.items():
        folders.setdefault(_folder(module), set()).update(
            {_folder(target) for target in targets} - {_folder(module)}
        )
    assert _cycles(folders) == []


@pytest.mark.parametrize("package", FLOORS)
def test_imports_point_down(package: str) -> None:
    floor = {name: i for i, names in enumerate(FLOORS[package]) for name in names.split(" ")}
    upwards = [
        f"{'/'.join(module)} imports {'/'.join(target)}"
        for module, targets in GRAPH.items()
        for target in targets
        if module[0] == target[0] == package
        if len(_folder(module)) > 1 and len(_folder(target)) > 1
        if _folder(module)[1] != _folder(target)[1]
        if floor[_folder(module)[1]] <= floor[_folder(target)[1]]
    ]
    assert upwards == []


def test_packages_know_only_those_below() -> None:
    order = ["fiji_macros", "analysis", "exporter", "bridge"]
    known = {(m[0], t[0]) for m, targets in GRAPH.items() for t in targets if m[0] != t[0]}
    assert all(order.index(above) > order.index(below) for above, below in known)
