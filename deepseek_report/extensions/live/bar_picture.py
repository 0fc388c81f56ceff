"""Bars as pixels, for boards, which show no SVG."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepseek_report.artifacts.storage.local_paths import shipped
from deepseek_report.visualizations import style
from deepseek_report.visualizations.drawing import marks
from deepseek_report.visualizations.drawing.labels import short
from deepseek_report.wording.words import Wording

#: Inches of a row, of the labels, and below the axes; pixels an inch.
_ROW, _LABELS, _FOOT, _DOTS = 0.27, 3.0, 0.4, 110
_KOREAN = (
    "Noto Sans CJK KR",
    "Noto Sans KR",
    "NanumGothic",
    "Malgun Gothic",
    "Apple SD Gothic Neo",
)


def bar_picture(bars: Sequence[tuple[str, float]], words: Wording) -> NDArray[np.uint8]:
    """Bars from zero in their order, the first at the top, on white.

    bars : (label, length of any sign).

    Returns
    -------
    (height, width, 3) of red, green, blue.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    height = _FOOT + 0.15 + _ROW * max(len(bars), 1)
    faces = [style.FACE, *_further_faces()]
    with style.settings(**{"figure.facecolor": "white", "font.family": faces}):
        figure = Figure(figsize=(style.WIDTH, height), dpi=_DOTS)
        canvas: Any = FigureCanvasAgg(figure)
        axes = style.panel(figure, _LABELS, _FOOT, style.WIDTH - 0.15, height - 0.1)
        lengths = [length for _, length in bars]
        axes.barh(range(len(bars)), lengths, height=0.62, color=style.SERIES[0])
        marks.rows(axes, [short(label, 42) for label, _ in bars])
        marks.value_ticks(axes, "x", words)
        marks.grid(axes, "x")
        canvas.draw()
        return np.asarray(canvas.buffer_rgba())[..., :3].copy()


@cache
def _further_faces() -> list[str]:
    """Fonts for what DejaVu Sans lacks: the Chinese one that comes along, and Korean ones here."""
    from matplotlib.font_manager import FontProperties, fontManager

    font = shipped("templates") / "typst" / "fonts" / "report-han-sans.otf"
    fontManager.addfont(str(font))
    ours = FontProperties(fname=str(font)).get_name()
    installed = set(fontManager.get_font_names())
    return [ours, *(name for name in _KOREAN if name in installed)]
