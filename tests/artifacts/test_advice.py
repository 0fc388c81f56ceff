"""Overrides that messages print work when they are pasted behind the command."""

from __future__ import annotations

import doctest
import shlex

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from omegaconf import OmegaConf

from deepseek_report.artifacts import advice
from deepseek_report.artifacts.advice import column_override, override
from deepseek_report.config.overrides import forced, parse

NAMES = [
    "income",
    "Größe",
    "Monthly income",
    "it's",
    'the "real" one',
    "a=b",
    "[x]",
    "a, b",
    "{c: d}",
    "${oc.env:HOME}",
    "back\\slash\\",
    "null",
    "1",
    "年收入",
    "$HOME `id` $(id)",
    "line\nbreak",
    "a:b",
    "*",
]


def read_back(text: str) -> object:
    """The value of an override after the shell, the grammar and the interpolations."""
    (word,) = shlex.split(text)
    (parsed,), problems = parse([word])
    assert not problems
    assert forced(parsed, {}).lstrip("+") == word.lstrip("+")
    return OmegaConf.to_container(OmegaConf.create({"value": parsed.value()}), resolve=True)[
        "value"
    ]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_survives_the_shell_and_the_command_line(name: str) -> None:
    assert read_back(override("dataset.drop", [name, "age"])) == [name, "age"]
    assert read_back(override("dataset.target", name)) == name


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12))
@example("\\${x}\\")
@example("'\"'")
def test_any_name_survives(name: str) -> None:
    assert read_back(override("dataset.drop", [name])) == [name]


def test_numbers_are_written_plainly() -> None:
    assert override("dataset.bounds.cells", 5) == "dataset.bounds.cells=5"


def test_a_column_whose_name_is_no_key_is_declared_in_yaml() -> None:
    assert column_override("age", "kind", "categorical") == (
        "+dataset.columns.age.kind=categorical"
    )
    text = column_override('Größe "neu"', "kind", "categorical")
    loaded = OmegaConf.create(text.partition(" under")[0])
    assert loaded.columns['Größe "neu"'].kind == "categorical"


def test_the_examples_hold() -> None:
    assert doctest.testmod(advice).failed == 0
