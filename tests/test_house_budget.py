"""The house keeps to its budget of lines and words, and a raised one has a reason."""

from __future__ import annotations

import ast
import re
import subprocess
import tomllib
from itertools import pairwise
from pathlib import Path

import pytest

from tests.house import PACKAGE, modules

ROOT = PACKAGE.parent
MODULES = frozenset(modules())
#: Where a budget is raised, with what a reader gains by it.
RAISED = ROOT / "docs/decisions/0018-a-budget-of-lines.md"


def budget(pyproject: str) -> dict[str, int]:
    """{room, or what else is counted: its budget}; empty before there was one."""
    tool = tomllib.loads(pyproject)["tool"].get("deepseek-report", {})
    return dict(tool.get("size-budget", {}))


def lines(path: Path) -> int:
    """Lines of a file that hold something; imports count for nothing, lest files be glued."""
    return len(held_lines(path.read_text(encoding="utf-8")))


def held_lines(text: str) -> set[int]:
    """The numbers of the lines of a module that are neither blank nor of an import."""
    filled = {number for number, row in enumerate(text.splitlines(), 1) if row.strip()}
    imports = (
        node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Import | ast.ImportFrom)
    )
    return filled - {number for node in imports for number in lines_of(node)}


def lines_of(node: ast.stmt) -> range:
    return range(node.lineno, (node.end_lineno or node.lineno) + 1)


def measured() -> dict[str, int]:
    """{room, or what else is counted: how much it holds}."""
    rooms = [path for path in PACKAGE.iterdir() if (path / "__init__.py").exists()]
    if (extensions := PACKAGE / "extensions") in rooms:
        rooms.remove(extensions)
        rooms += [path for path in extensions.iterdir() if (path / "__init__.py").exists()]
    files = {room: [path for path in room.rglob("*.py") if path in MODULES] for room in rooms}
    held = {room.relative_to(PACKAGE).as_posix(): sum(map(lines, files[room])) for room in rooms}
    held["modules beside the rooms"] = sum(map(lines, PACKAGE.glob("*.py")))
    tests = [path for path in PACKAGE.rglob("*.py") if path not in MODULES]
    tests += (ROOT / "tests").rglob("*.py")
    held["set-up of tests"] = sum(map(outside_of_tests, tests))
    pages = [page for page in (ROOT / "docs").rglob("*.md") if "settings" not in page.parts]
    held["words of docs"] = sum(len(page.read_text("utf-8").split()) for page in pages)
    return held


def outside_of_tests(path: Path) -> int:
    """Lines of a file that hold something and stand in no test function."""
    text = path.read_text(encoding="utf-8")
    tests = (
        node
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test")
    )
    return len(held_lines(text) - {number for node in tests for number in lines_of(node)})


def test_nothing_is_larger_than_its_budget() -> None:
    allowed, held = budget((ROOT / "pyproject.toml").read_text("utf-8")), measured()
    away = {name for name in allowed if name.startswith("extensions/")} - set(held)
    assert set(allowed) - away == set(held), "each room has a budget, and nothing else has one"
    over = {name: f"{held[name]} of {allowed[name]}" for name in held if held[name] > allowed[name]}
    assert not over, f"take out what came in, or see {RAISED.name}: {over}"


def test_a_budget_was_raised_only_with_a_reason() -> None:
    rows = re.findall(
        r"^\| ([^|]+) \| (\d+) \| (\d+) \| [^|]{20,} \|$", RAISED.read_text("utf-8"), re.M
    )
    unexplained = set(raised(history())) - {(name, int(old), int(new)) for name, old, new in rows}
    assert not unexplained, f"{RAISED.name} has no row | name | from | to | reason | for these"


def test_blank_lines_and_imports_weigh_nothing() -> None:
    text = "import a\n\nfrom b import (\n    c,\n)\nx = a\n\n\ndef f():\n    import d\n    return 1"
    assert held_lines(text) == {6, 9, 11}


def test_a_raise_is_noticed_and_a_new_room_is_none() -> None:
    assert raised([{"a": 5, "b": 5}, {"a": 4, "b": 5}, {"a": 6, "c": 9}]) == [("a", 4, 6)]


def raised(budgets: list[dict[str, int]]) -> list[tuple[str, int, int]]:
    """(name, from, to) of each budget that is larger than in the one before."""
    return [
        (name, old[name], new[name])
        for old, new in pairwise(budgets)
        for name in sorted(old.keys() & new.keys())
        if new[name] > old[name]
    ]


def history() -> list[dict[str, int]]:
    """The budgets of each commit that git has here, the first one first, and those of today."""
    git = ["git", "-C", str(ROOT)]
    log = [*git, "log", "--first-parent", "--format=%H", "--", "pyproject.toml"]
    commits = subprocess.run(log, capture_output=True, text=True, check=False)
    if commits.returncode or not (ROOT / ".git").exists():
        pytest.skip("no history of git lies here")
    budgets = [budget((ROOT / "pyproject.toml").read_text("utf-8"))]
    for commit in commits.stdout.split():
        shown = [*git, "show", f"{commit}:pyproject.toml"]
        text = subprocess.run(shown, capture_output=True, text=True, check=True).stdout
        if not (found := budget(text)):
            break
        budgets.append(found)
    return budgets[::-1]
