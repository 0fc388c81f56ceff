"""Horizontal bars as pixels, for boards that show a run while it goes on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from deepseek_report.visualizations.drawing import marks
from deepseek_report.visualizations.drawing.labels import short
from deepseek_report.visualizations.style import SERIES, WIDTH, Figure, Pixels, draw_pixels, panel
from deepseek_report.wording.words import Wording

#: Inches of a row, of the labels, and below the axes.
_ROW, _LABELS, _BELOW = 0.27, 3.0, 0.4


@dataclass(frozen=True)
class LabelledValue:
    """A value from zero, of any sign, and what it is the value of."""

    label: str
    value: float


def bars(shown: Sequence[LabelledValue], words: Wording) -> Pixels:
    """The bars in their order, the first at the top, as (height, width, 3)."""
    height = _BELOW + 0.15 + _ROW * max(len(shown), 1)

    def paint(figure: Figure) -> None:
        axes = panel(figure, _LABELS, _BELOW, WIDTH - 0.15, height - 0.1)
        values = [bar.value for bar in shown]
        axes.barh(range(len(shown)), values, height=0.62, color=SERIES[0])
        marks.rows(axes, [short(bar.label, 42) for bar in shown])
        marks.value_ticks(axes, "x", words)
        marks.grid(axes, "x")

    return draw_pixels(height, paint)
