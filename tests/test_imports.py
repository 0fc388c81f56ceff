"""No file of the package imports, however indirectly, a file that imports it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import deepseek_report

PACKAGE = Path(deepseek_report.__file__).parent


def test_files_do_not_import_each_other_in_circles():
    assert circle(PACKAGE) == []


@pytest.mark.parametrize(
    "hidden",
    [
        "from pack.b import thing",
        "def late():\n    from pack import b",
        "def late():\n    import pack.b",
        "if TYPE_CHECKING:\n    from pack.b import thing",
        "from .b import thing",
        "from . import b",
    ],
)
def test_a_circle_is_noticed_wherever_the_import_stands(tmp_path, hidden):
    folder = tmp_path / "pack"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "a.py").write_text(hidden)
    (folder / "b.py").write_text("thing = 1\n")
    assert circle(folder) == []
    (folder / "b.py").write_text("from pack import a\n")
    assert set(circle(folder)) == {"pack.a", "pack.b"}


def circle(package: Path) -> list[str]:
    """The names of modules of which each imports the one before, or nothing."""
    files = {module_of(file, package): file for file in package.rglob("*.py")}
    imports = {name: {*imported(name, file, files)} - {name} for name, file in files.items()}
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def module_of(file: Path, package: Path) -> str:
    parts = file.relative_to(package.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(name: str, file: Path, files: dict[str, Path]) -> Iterator[str]:
    """The modules of the package that a file imports, wherever in it the import stands."""
    inside = name if file.name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in files)
        elif isinstance(node, ast.ImportFrom):
            start = start_of(node, inside)
            whole = [f"{start}.{alias.name}" for alias in node.names]
            yield from (full if full in files else start for full in whole if start in files)


def start_of(node: ast.ImportFrom, inside: str) -> str:
    """The module behind `from`, dots resolved."""
    if not node.level:
        return str(node.module)
    above = inside.split(".")[: len(inside.split(".")) - node.level + 1]
    return ".".join([*above, *([node.module] if node.module else [])])
