"""Labels that come from data are made harmless and short, and keep their words."""

from __future__ import annotations

import unicodedata
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepseek_report.artifacts.schema import Schema
from deepseek_report.data_kinds import kind_of
from deepseek_report.visualizations.labels import (
    clean,
    columns,
    listed,
    named,
    percent_with_interval,
    player,
    setting,
    short,
    with_interval,
    wrapped,
)

from .layouts import image_schema, series_schema, text_schema


def pieces_schema() -> Schema:
    schema = text_schema()
    labels = tuple(f"piece {at}" for at in range(1, 31))
    return replace(schema, layout=replace(schema.layout, player_labels=labels))


@given(st.text(max_size=200))
def test_a_cleaned_label_is_one_printable_line_and_never_empty(text: str) -> None:
    line = clean(text)
    assert line
    assert not any(unicodedata.category(one).startswith("C") for one in line)


@given(st.text(max_size=200), st.integers(2, 50))
def test_a_short_label_fits(text: str, most: int) -> None:
    assert columns(short(text, most)) <= max(
        most, len("(no name)") if not text.strip() else 0, most
    )


@given(st.text(alphabet="ab 中", min_size=1, max_size=120), st.integers(4, 30), st.integers(1, 4))
def test_wrapped_lines_fit_and_lose_nothing_unless_they_say_so(
    text: str, width: int, lines: int
) -> None:
    found = wrapped(text, width, lines).split("\n")
    assert len(found) <= lines
    assert all(columns(line) <= width for line in found)
    if "…" not in found[-1] and text.strip():
        assert "".join(found).replace(" ", "") == text.replace(" ", "")


def test_lines_break_at_spaces() -> None:
    assert wrapped("Repayment status in September", 20) == "Repayment status in\nSeptember"


def test_control_and_direction_marks_are_dropped() -> None:
    assert clean("a\x00b\u202ec\td\n") == "abc d"


@pytest.mark.parametrize(
    ("key", "name"),
    [("shap", "SHAP"), ("input_x_gradient", "input × gradient"), ("grad_cam", "grad cam")],
)
def test_explainers_are_called_by_names_for_people(key: str, name: str) -> None:
    assert named(key) == name


def test_names_are_listed_as_in_a_sentence() -> None:
    assert listed(["a"]) == "a"
    assert listed(["a", "b", "c"]) == "a, b and c"


def test_a_number_without_interval_stands_alone() -> None:
    assert with_interval(0.5, None, float("nan")) == "0.500"
    assert percent_with_interval(0.5, None, None) == "50.0\u00a0%"
    assert with_interval(0.772, 0.76, 0.784) == "0.772 (0.760–0.784)"


def test_a_setting_has_no_trailing_zeros() -> None:
    assert (setting(0.31), setting(0.5), setting(-1.0)) == ("0.31", "0.5", "−1")


@pytest.mark.parametrize(
    ("schema", "label", "said"),
    [
        (text_schema(), "late", "the word “late”"),
        (pieces_schema(), "好", "the piece “好”"),
        (series_schema(), "steps 1–8", "the window steps 1–8"),
        (image_schema(), "rows 1–4", "the patch rows 1–4"),
    ],
)
def test_a_player_has_its_noun_where_its_label_does_not_say_it(
    schema: Schema, label: str, said: str
) -> None:
    assert player(label, schema) == said
    assert kind_of(schema).noun in said
