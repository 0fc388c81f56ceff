"""Labels that come from data are made harmless and short, and keep their words."""

from __future__ import annotations

import unicodedata
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepseek_report.artifacts.schema import Schema
from deepseek_report.data_kinds import kind_of
from deepseek_report.visualizations.drawing.labels import clean, columns, player, short, wrapped
from deepseek_report.wording.words import wording

from ..layouts import image_schema, series_schema, text_schema


def pieces_schema() -> Schema:
    schema = text_schema()
    labels = tuple(f"piece {at}" for at in range(1, 31))
    return replace(schema, layout=replace(schema.layout, player_labels=labels))


@given(st.text(max_size=200))
def test_a_cleaned_label_is_one_printable_line_and_never_empty(text: str) -> None:
    line = clean(text)
    assert line
    assert not any(unicodedata.category(character).startswith("C") for character in line)


@given(st.text(max_size=200), st.integers(2, 50))
def test_a_short_label_fits(text: str, most: int) -> None:
    assert columns(short(text, most)) <= max(most, 2)


@given(st.text(alphabet="ab 中", min_size=1, max_size=120), st.integers(4, 30), st.integers(1, 4))
def test_wrapped_lines_fit_and_lose_nothing_unless_they_say_so(
    text: str, width: int, lines: int
) -> None:
    fitted = wrapped(text, width, lines).split("\n")
    assert len(fitted) <= lines
    assert all(columns(line) <= width for line in fitted)
    if "…" not in fitted[-1] and text.strip():
        assert "".join(fitted).replace(" ", "") == text.replace(" ", "")


def test_lines_break_at_spaces() -> None:
    assert wrapped("Repayment status in September", 20) == "Repayment status in\nSeptember"


def test_control_and_direction_marks_are_dropped() -> None:
    assert clean("a\x00b\u202ec\td\n") == "abc d"


@pytest.mark.parametrize(
    ("schema", "label", "expected"),
    [
        (text_schema(), "late", "the word “late”"),
        (pieces_schema(), "好", "the piece “好”"),
        (series_schema(), "steps 1–8", "the window steps 1–8"),
        (image_schema(), "rows 1–4", "the patch rows 1–4"),
    ],
)
def test_a_player_has_its_noun_where_its_label_does_not_say_it(
    schema: Schema, label: str, expected: str
) -> None:
    words = wording(noun=kind_of(schema).noun)
    assert words.say(player(label, schema)) == expected
    assert kind_of(schema).noun in expected
