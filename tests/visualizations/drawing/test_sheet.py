"""What a layout asks of its sheet, and where panels of one size stand on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.figure import Figure

from deepseek_report.visualizations.drawing.labels import extent
from deepseek_report.visualizations.drawing.sheet import Multiples, Sheet
from deepseek_report.visualizations.style import NARROW, WIDTH

LONG = "change in the predicted “Progression of the disease”, in points of the scale"


def test_the_name_of_a_lower_axis_is_broken_on_a_narrow_sheet_and_gets_the_room_it_needs() -> None:
    left = 1.3
    name, foot = Sheet(Figure((NARROW, 1))).below(LONG, left)
    lines = name.split("\n")
    assert " ".join(lines) == LONG
    assert extent(lines) <= NARROW - left
    assert foot > Sheet(Figure((NARROW, 1))).below("short", left)[1]


def test_the_name_of_a_lower_axis_is_one_line_on_a_wide_sheet() -> None:
    name, foot = Sheet(Figure((WIDTH, 1))).below(LONG, 1.3)
    assert (name, foot) == (LONG, Sheet(Figure((WIDTH, 1))).below("x", 1.3)[1])


# --- Where panels of one size stand on a wide and on a narrow page ---


if TYPE_CHECKING:
    from matplotlib.axes import Axes

SHORT = 0.42
#: Inches that points need beside their labels to be told apart.
LEGIBLE = 0.7


def drawn(lefts: list[float]) -> list[tuple[float, float, float]]:
    """Left, bottom and width in inches of each panel: those of the wide page, then the narrow."""
    places: list[tuple[float, float, float]] = []

    def paint(axes: Axes, place: int) -> None:
        (left, bottom, width, _), (wide, tall) = (
            axes.get_position().bounds,
            axes.figure.get_size_inches(),
        )
        places.append((left * wide, bottom * tall, width * wide))

    titles = [f"feature {place}" for place in range(len(lefts))]
    Multiples(titles, paint, lefts).picture("panels", title="t", alt="a", how_to_read="h")
    return places


def test_a_panel_with_long_labels_keeps_a_legible_width_on_every_page() -> None:
    for _, _, width in drawn([Multiples.CATEGORIES, SHORT, SHORT, Multiples.CATEGORIES, SHORT]):
        assert width >= LEGIBLE


def test_panels_with_short_labels_stand_side_by_side_and_no_two_in_one_place() -> None:
    places = drawn([SHORT, SHORT, Multiples.CATEGORIES, SHORT])
    wide, narrow = places[:4], places[4:]
    assert len({round(bottom, 3) for _, bottom, _ in wide}) == 2
    bottoms = [round(bottom, 3) for _, bottom, _ in narrow]
    assert bottoms[0] == bottoms[1] > bottoms[2] > bottoms[3]
    assert len(set(places[4:])) == 4
