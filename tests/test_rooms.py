"""The house: every folder says what lies in it, and no name stands for two things."""

from __future__ import annotations

import ast
from collections import defaultdict

from tests.house import PACKAGE, modules

MODULES = [path for path in modules() if path.name != "__init__.py"]
#: Folders of which each may have a module of one name: a metric, its picture and its section.
OF_ONE_PART = {"metrics", "visualizations", "sections"}
#: {module name: why it may stand more than once}. Anything else has a name of its own.
_COMMAND = "a command, what it does, and what it prints"
SHARED_NAMES = {
    **dict.fromkeys(("experiment", "forecast", "render"), _COMMAND),
    "progress": "a protocol is called as what follows it",
    "table": "a kind of data, and the artifact that a report shows",
}


def test_every_folder_says_what_lies_there() -> None:
    for folder in {path.parent for path in MODULES}:
        assert ast.get_docstring(ast.parse((folder / "__init__.py").read_text())), folder


def test_no_module_has_the_name_of_another() -> None:
    by_name = defaultdict(list)
    for path in MODULES:
        by_name[path.stem].append(path.relative_to(PACKAGE).as_posix())
    twice = {name: paths for name, paths in by_name.items() if len(paths) > 1 and not of_one(paths)}
    assert {name: paths for name, paths in twice.items() if name not in SHARED_NAMES} == {}
    assert set(SHARED_NAMES) <= set(twice), "a reason that nothing needs"


def of_one(paths: list[str]) -> bool:
    """Whether these are modules of one part: each in another of its folders."""
    folders = {path.partition("/")[0] for path in paths}
    return len(folders) == len(paths) and folders <= OF_ONE_PART


def test_no_class_has_the_name_of_another() -> None:
    by_name = defaultdict(list)
    for path in MODULES:
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):  # of one module
                by_name[node.name].append(path.relative_to(PACKAGE).as_posix())
    twice = {name: paths for name, paths in by_name.items() if len(paths) > 1}
    assert twice == {}


def test_no_module_defines_a_function_twice() -> None:
    """The second would take the place of the first, as where two modules became one."""
    for path in MODULES:
        names = [
            node.name
            for node in ast.parse(path.read_text(encoding="utf-8")).body
            if isinstance(node, ast.FunctionDef | ast.ClassDef)
        ]
        assert len(names) == len(set(names)), path
