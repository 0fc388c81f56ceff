"""No module outside of `tasks/` asks which task it has, but for those that are listed."""

from __future__ import annotations

import ast

from deepseek_report.tasks import TASKS
from tests.house import PACKAGE, modules

_BELOW = "protocols lie below `tasks/` and must not import it"
_OF_A_CONFIG = "reads which task a person asks for; there is no target yet"
_GIVEN = "reads what was given in Python, from which the task is still to be told"
#: {module: (how many questions it may hold, why)}.
ALLOWED = {
    "artifacts/protocols/explainers.py": (1, _BELOW),
    "datasets/assembly/data_declarations.py": (4, _OF_A_CONFIG),
    "datasets/sources/image_folder.py": (1, _OF_A_CONFIG),
    "datasets/assembly/cell_encoding.py": (1, _OF_A_CONFIG),
    "datasets/sources/text_file.py": (1, _OF_A_CONFIG),
    "datasets/sources/given_table.py": (1, _GIVEN),
}


def questions(tree: ast.AST) -> int:
    """How often a syntax tree asks for the task: `x.is_number`, or `… == "regression"`."""
    return sum(_asks(node) for node in ast.walk(tree))


def _asks(node: ast.AST) -> bool:
    if isinstance(node, ast.Attribute):
        return node.attr == "is_number"
    if isinstance(node, ast.Compare):
        sides = [node.left, *node.comparators]
        return any(_is_task(side) for side in sides)
    return False


def _is_task(side: ast.AST) -> bool:
    names = {text.value for text in ast.walk(side) if isinstance(text, ast.Constant)}
    return bool(names & set(TASKS))


def questions_by_module() -> dict[str, int]:
    files = (path for path in modules() if path.parent.name != "tasks")
    trees = {path: ast.parse(path.read_text(encoding="utf-8")) for path in files}
    counts = {str(path.relative_to(PACKAGE)): questions(tree) for path, tree in trees.items()}
    return {name: count for name, count in sorted(counts.items()) if count}


def test_only_listed_modules_ask_for_the_task() -> None:
    assert questions_by_module() == {name: count for name, (count, _) in ALLOWED.items()}


def test_a_question_is_seen_in_each_form() -> None:
    asking = (
        "if target.is_number: pass",
        'x = task == "regression"',
        'x = t not in {"multi_label"}',
    )
    assert [questions(ast.parse(code)) for code in asking] == [1, 1, 1]
    assert questions(ast.parse('x = {"task": "regression"}; y = task.decides')) == 0
