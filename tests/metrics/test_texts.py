"""The sentences of the metrics stand in the catalog, and no sentence there is left unsaid."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from jinja2 import meta

from deepseek_report.artifacts.storage.local_paths import shipped
from deepseek_report.wording.words import DEFAULT_LANGUAGE, read_catalog, wording
from tests.house import PACKAGE, modules
from tests.worded import leaves

SAYS = ("metrics", "statistics", "tasks", "privacy")
MODULES = [path for path in modules() if (PACKAGE / "extensions") in path.parents]


def _modules() -> list[Path]:
    speaks = re.compile("MeasureContext|interval_methods").search
    brought = [path for path in MODULES if speaks(path.read_text(encoding="utf-8"))]
    own = [path for folder in SAYS for path in (PACKAGE / folder).glob("**/*.py")]
    return sorted({*own, *brought})


def _calls(path: Path) -> Iterator[ast.Call]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "message":
            yield node


def _ids() -> set[str]:
    return {call.args[0].value for path in _modules() for call in _calls(path)}  # type: ignore[attr-defined]


ALL = dict(leaves(read_catalog(shipped("templates") / "locale", DEFAULT_LANGUAGE)))


@pytest.mark.parametrize("path", _modules(), ids=lambda path: path.stem)
def test_every_message_has_a_text_that_its_values_fill(path: Path) -> None:
    environment = wording()._environment
    for call in _calls(path):
        assert isinstance(call.args[0], ast.Constant), f"line {call.lineno}: not a literal id"
        key = call.args[0].value
        assert key in ALL, f"line {call.lineno}: the catalog has no {key!r}"
        slots = meta.find_undeclared_variables(environment.parse(ALL[key]))
        filled_by_the_wording = {"noun", "nouns"}
        assert slots - filled_by_the_wording == {word.arg for word in call.keywords}, key


def test_every_text_is_said() -> None:
    # Groups of the catalog whose texts are said by what computes, and nowhere else.
    groups = ("notes.", "interval_methods.", "task_words.")
    assert {key for key in ALL if key.startswith(groups)} <= _ids()
