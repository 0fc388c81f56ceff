"""Labels are made harmless and short and keep their words, and get the room that they need."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from deepseek_report.artifacts.schema import Schema
from deepseek_report.data_kinds import kind_of
from deepseek_report.visualizations.drawing import labels
from deepseek_report.visualizations.drawing.sheet import Multiples, Sheet
from deepseek_report.visualizations.style import NARROW, WIDTH
from deepseek_report.wording.words import wording
from tests.builders import laid_out


@given(st.text(max_size=200))
def test_a_cleaned_label_is_one_printable_line_and_never_empty(text: str) -> None:
    line = labels.clean(text)
    assert line
    assert not any(unicodedata.category(character).startswith("C") for character in line)


@given(st.text(max_size=200), st.integers(2, 50))
def test_a_short_label_fits(text: str, most: int) -> None:
    assert labels.columns(labels.short(text, most)) <= max(most, 2)


@given(st.text(alphabet="ab 中", min_size=1, max_size=120), st.integers(4, 30), st.integers(1, 4))
def test_wrapped_lines_fit_and_lose_nothing_unless_they_say_so(
    text: str, width: int, lines: int
) -> None:
    fitted = labels.wrapped(text, width, lines).split("\n")
    assert len(fitted) <= lines
    assert all(labels.columns(line) <= width for line in fitted)
    if "…" not in fitted[-1] and text.strip():
        assert "".join(fitted).replace(" ", "") == text.replace(" ", "")


def test_lines_break_at_spaces() -> None:
    assert labels.wrapped("Repayment status in September", 20) == "Repayment status in\nSeptember"


def test_control_and_direction_marks_are_dropped() -> None:
    assert labels.clean("a\x00b\u202ec\td\n") == "abc d"


@pytest.mark.parametrize(
    ("schema", "label", "expected"),
    [
        (
            laid_out("text", 1, words=("late",), player_labels=("word 1",)),
            "late",
            "the word “late”",
        ),
        (laid_out("text", 1, words="好", player_labels=("piece 1",)), "好", "the piece “好”"),
        (laid_out("series", 8, 1), "steps 1–8", "the window steps 1–8"),
        (laid_out("image", 4, 4, 1), "rows 1–4", "the patch rows 1–4"),
    ],
)
def test_a_player_has_its_noun_where_its_label_does_not_say_it(
    schema: Schema, label: str, expected: str
) -> None:
    words = wording(noun=kind_of(schema).noun)
    assert words.say(labels.player(label, schema)) == expected
    assert kind_of(schema).noun in expected


# --- What a layout asks of its sheet, and where panels of one size stand on it --------------------


LONG = "change in the predicted “Progression of the disease”, in points of the scale"


def test_the_name_of_a_lower_axis_is_broken_on_a_narrow_sheet_and_gets_the_room_it_needs() -> None:
    left = 1.3
    name, foot = Sheet(Figure((NARROW, 1))).below(LONG, left)
    lines = name.split("\n")
    assert " ".join(lines) == LONG
    assert labels.extent(lines) <= NARROW - left
    assert foot > Sheet(Figure((NARROW, 1))).below("short", left)[1]


def test_the_name_of_a_lower_axis_is_one_line_on_a_wide_sheet() -> None:
    name, foot = Sheet(Figure((WIDTH, 1))).below(LONG, 1.3)
    assert (name, foot) == (LONG, Sheet(Figure((WIDTH, 1))).below("x", 1.3)[1])


SHORT = 0.42


def drawn(lefts: list[float]) -> list[tuple[float, float, float]]:
    """Left, bottom and width in inches of each panel: those of the wide page, then the narrow."""
    places: list[tuple[float, float, float]] = []

    def paint(axes: Axes, place: int) -> None:
        left, bottom, width, _ = axes.get_position().bounds
        wide, tall = axes.figure.get_size_inches()
        places.append((left * wide, bottom * tall, width * wide))

    titles = [f"feature {place}" for place in range(len(lefts))]
    Multiples(titles, paint, lefts).picture("panels", title="t", alt="a", how_to_read="h")
    return places


def test_a_panel_with_long_labels_keeps_a_legible_width_on_every_page() -> None:
    for _, _, width in drawn([Multiples.CATEGORIES, SHORT, SHORT, Multiples.CATEGORIES, SHORT]):
        assert width >= 0.7  # inches that points need to be told apart


def test_panels_with_short_labels_stand_side_by_side_and_no_two_in_one_place() -> None:
    places = drawn([SHORT, SHORT, Multiples.CATEGORIES, SHORT])
    wide, narrow = places[:4], places[4:]
    assert len({round(bottom, 3) for _, bottom, _ in wide}) == 2
    bottoms = [round(bottom, 3) for _, bottom, _ in narrow]
    assert bottoms[0] == bottoms[1] > bottoms[2] > bottoms[3]
    assert len(set(places[4:])) == 4
