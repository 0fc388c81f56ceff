"""No name is an empty word: variables and parameters say what they hold."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import deepseek_report

PACKAGE = Path(deepseek_report.__file__).parent
TESTS = Path(__file__).parent
#: Words that say nothing of what a name holds.
EMPTY = frozenset({"asked", "found", "given", "one", "said", "there", "told"})
#: Folders of the package and of its tests in which nothing has such a name.
FINISHED = (
    *("api", "artifacts", "browser", "cli", "comparisons", "compliance", "config", "contract"),
    *("data_kinds", "datasets", "end_to_end", "explainers", "findings", "metrics"),
    *("models", "privacy", "provenance", "rendering", "runner", "safety", "sections"),
    *("statistics", "store", "tasks", "training", "visualizations", "wording"),
)
FOLDERS = [
    folder for name in FINISHED for folder in (PACKAGE / name, TESTS / name) if folder.is_dir()
]


def bound_names(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Each name that a module binds, and its line: variables, parameters, fields, functions."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.id if isinstance(node, ast.Name) else node.attr, node.lineno
        elif isinstance(node, ast.arg):
            yield node.arg, node.lineno
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name, node.lineno
        elif isinstance(node, ast.alias) and node.asname:  # a library's own names are its own
            yield node.asname, node.lineno


@pytest.mark.parametrize(
    "folder", FOLDERS, ids=lambda folder: f"{folder.parent.name}-{folder.name}"
)
def test_names_say_what_they_hold(folder: Path) -> None:
    empty = [
        f"{path.relative_to(folder)}:{line} {name}"
        for path in sorted(folder.rglob("*.py"))
        for name, line in bound_names(ast.parse(path.read_text(encoding="utf-8")))
        if name in EMPTY
    ]
    assert empty == []


def test_every_kind_of_binding_is_seen() -> None:
    code = "def f(one, *found):\n  said = [told for told in one]\n  self.given = lambda there: 1"
    names = {name for name, _ in bound_names(ast.parse(code))}
    assert names >= {"found", "given", "one", "said", "there", "told"}
