"""What a layout asks of the sheet that it is drawn on."""

from __future__ import annotations

from matplotlib.figure import Figure

from deepseek_report.visualizations.drawing.labels import extent
from deepseek_report.visualizations.drawing.sheet import Sheet
from deepseek_report.visualizations.style import NARROW, WIDTH

LONG = "change in the predicted “Progression of the disease”, in points of the scale"


def test_the_name_of_a_lower_axis_is_broken_on_a_narrow_sheet_and_gets_the_room_it_needs() -> None:
    left = 1.3
    name, foot = Sheet(Figure(), NARROW).below(LONG, left)
    lines = name.split("\n")
    assert " ".join(lines) == LONG
    assert extent(lines) <= NARROW - left
    assert foot > Sheet(Figure(), NARROW).below("short", left)[1]


def test_the_name_of_a_lower_axis_is_one_line_on_a_wide_sheet() -> None:
    name, foot = Sheet(Figure(), WIDTH).below(LONG, 1.3)
    assert (name, foot) == (LONG, Sheet(Figure(), WIDTH).below("x", 1.3)[1])
