"""Nobody outside of `data_kinds` asks which kind of data it has: what differs is a method there."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from deepseek_report.artifacts.storage.local_paths import shipped
from deepseek_report.data_kinds import ALL_KINDS
from deepseek_report.wording.words import DEFAULT_LANGUAGE, read_catalog
from tests.house import PACKAGE, modules

#: What tells a kind of data, or stands for it.
TELLING = frozenset({"modality", "layout", "structure", "views"})


#: Modules of single kinds; elsewhere only the face and what kinds share is imported.
SINGLE = frozenset(f"deepseek_report.data_kinds.{name}" for name in (*ALL_KINDS, "grid"))


#: {(module, code): why it may ask}.
PERMITTED = {
    ("artifacts/schema.py", "self.layout"): "the schema says what it is without its layout"
}


def _is_telling(node: ast.expr) -> bool:
    return (isinstance(node, ast.Attribute) and node.attr in TELLING) or (
        isinstance(node, ast.Name) and node.id in TELLING - {"views"}
    )


def _conditions(node: ast.AST) -> Iterator[ast.expr]:
    """What a statement or expression asks the truth of."""
    if isinstance(node, ast.If | ast.IfExp | ast.While | ast.Assert):
        yield node.test
    elif isinstance(node, ast.BoolOp):
        yield from node.values
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield node.operand
    elif isinstance(node, ast.comprehension):
        yield from node.ifs


def _names_kinds(node: ast.AST) -> bool:
    """A table with a place for each of several kinds: a branch in other clothes."""
    if not isinstance(node, ast.Dict):
        return False
    keys = {key.value for key in node.keys if isinstance(key, ast.Constant)}
    return len(keys & ALL_KINDS) > 1


def questions(tree: ast.AST) -> Iterator[str]:
    """The code of everything in a module that asks which kind of data it has."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare) and any(map(_is_telling, (node.left, *node.comparators))):
            yield ast.unparse(node)
        elif isinstance(node, ast.Match) and _is_telling(node.subject):
            yield ast.unparse(node.subject)
        elif (isinstance(node, ast.ImportFrom) and node.module in SINGLE) or _names_kinds(node):
            yield ast.unparse(node)
        yield from (ast.unparse(test) for test in _conditions(node) if _is_telling(test))


def test_no_module_asks_which_kind_of_data_it_has() -> None:
    present = {
        (path.relative_to(PACKAGE).as_posix(), question)
        for path in modules()
        if path.parent != PACKAGE / "data_kinds"
        for question in questions(ast.parse(path.read_text(encoding="utf-8")))
    }
    assert sorted(present - set(PERMITTED)) == []
    assert sorted(set(PERMITTED) - present) == [], "no longer there: take it off the list"


@pytest.mark.parametrize(
    "code",
    [
        'x = schema.modality == "text"',
        'if schema.modality in {"image", "series"}: pass',
        "y = 1 if schema.layout is None else 2",
        "if not schema.layout: pass",
        "z = schema.layout.shape if schema.layout else ()",
        'WORDS = {"image": "pixel", "series": "step"}',
        'w = kind.structure == "tokens"',
        "from deepseek_report.data_kinds.text import Text",
        "match schema.modality:\n    case 'text': pass",
    ],
)
def test_every_way_of_asking_is_noticed(code) -> None:
    assert list(questions(ast.parse(code)))


def test_calling_the_kind_is_no_question() -> None:
    code = 'label = draft.text(f"rows.{schema.modality}")\nnoun = kind_of(schema).noun\n'
    assert not list(questions(ast.parse(code)))


#: Groups of messages that are said of some kinds alone.
SOME_KINDS = (".data.", ".architectures.", ".explainer_", ".tokens.")


def by_kind(texts: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, frozenset[str]]]:
    """(path, keys) of every mapping whose keys are kinds of data."""
    if len(ALL_KINDS & texts.keys()) > 1:
        yield path, frozenset(texts)
    for key, below in texts.items():
        if isinstance(below, Mapping):
            yield from by_kind(below, f"{path}.{key}")


def test_every_text_that_differs_by_kind_is_there_for_each() -> None:
    texts = read_catalog(shipped("templates") / "locale", DEFAULT_LANGUAGE)
    tables = dict(by_kind(texts))
    tables = {path: keys for path, keys in tables.items() if not path.startswith(SOME_KINDS)}
    assert len(tables) > 3
    assert {path: ALL_KINDS - keys for path, keys in tables.items() if ALL_KINDS - keys} == {}
