"""What each token of an answer came from, as one heat map: the form that paper has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from deepseek_report.artifacts.array_types import Floats, Ints
from deepseek_report.artifacts.message import Message, message
from deepseek_report.artifacts.picture import Picture
from deepseek_report.artifacts.protocols.traits import PicturePart
from deepseek_report.artifacts.results import Results
from deepseek_report.errors import NotApplicableError
from deepseek_report.findings.rules_language import ShownAnswer, quoted, shown_answers
from deepseek_report.visualizations.drawing.labels import caption, short, spoken
from deepseek_report.visualizations.style import (
    LIGHT,
    NARROW,
    SMALL,
    WIDTH,
    Axes,
    Figure,
    Look,
    draw_svg,
    panel,
)
from deepseek_report.wording.of_results import words_of
from deepseek_report.wording.words import Wording

#: Inches of a line, of what stands above the cells, of the labels left of them, and of a column.
_LINE, _TOP, _LEFT, _COLUMN = 0.21, 0.62, 1.35, 0.82
#: Colour of the weakest to the strongest cells; text on the strongest keeps a contrast of 4.5.
_OPACITY = (0.0, 0.1, 0.17, 0.24, 0.31)
#: From this level on the amount stands in the cell.
_NUMBERED = 2


@dataclass(frozen=True)
class ContinuationPicture(PicturePart):
    """Draws, for the first prompt shown, what each answer token came from against its rival.

    It is drawn by the method that does best against a random order, where one may be quoted.
    sources : words or tokens that are drawn at most.
    """

    reveals = "rows"
    section = "language"
    requires = frozenset({"language_model"})
    needs = frozenset({"measures/continuation"})

    sources: Annotated[int, Field(ge=2, le=60)] = 28

    def draw(self, results: Results) -> Sequence[Picture]:
        methods = quoted(results, "contrast")
        if not methods:
            raise NotApplicableError(message("refusals.continuation.none_quoted"))
        answer, words = shown_answers(results)[0], words_of(results)
        values = answer.values_of(methods[0], "contrast")
        places = _strongest(values, self.sources)
        wide, narrow = (_drawn(answer, values, places, width, words) for width in (WIDTH, NARROW))
        return [
            Picture(
                name="continuation",
                svg=wide,
                narrow=narrow,
                title=caption("continuation.title", explainer=methods[0]),
                alt=_alt(answer, values),
                how_to_read=caption(
                    "continuation.how_to_read", shown=len(places), n=values.shape[1]
                ),
            )
        ]


def _strongest(values: Floats, most: int) -> Ints:
    """(source,) the players that count most for any answer token, as they follow one another."""
    sizes = np.nan_to_num(np.abs(values)).max(axis=0)
    return np.sort(np.argsort(-sizes, kind="stable")[:most])


def _drawn(answer: ShownAnswer, values: Floats, places: Ints, width: float, words: Wording) -> str:
    columns = max(min(len(values), int((width - _LEFT) / _COLUMN)), 1)
    height = _TOP + _LINE * len(places) + 0.1

    def paint(figure: Figure) -> None:
        right = _LEFT + columns * _COLUMN
        axes = panel(figure, _LEFT, 0.1, right, height - _TOP)
        _cells(axes, values[:columns][:, places], words)
        labels = [short(answer.players[place], 18) for place in places]
        axes.set_yticks(range(len(places)), labels, color=LIGHT.ink, fontsize=SMALL)
        heads = [
            f"{short(row.token, 10)}\n"
            + words.text("pictures.continuation.rival", rival=short(row.rival, 8))
            for row in answer.answers
        ]
        axes.set_xticks(range(columns), heads[:columns], fontsize=SMALL)
        axes.xaxis.tick_top()
        axes.tick_params(length=0)

    return draw_svg("continuation", height, paint, width)


def _cells(axes: Axes, values: Floats, words: Wording) -> None:
    """Paint (answer token, source) values, each shaded by its share of the token's strongest."""
    from matplotlib.patches import Rectangle

    axes.set(xlim=(-0.5, len(values) - 0.5), ylim=(values.shape[1] - 0.5, -0.5))
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.hlines(np.arange(values.shape[1]) + 0.5, -0.5, len(values) - 0.5, LIGHT.grid, lw=0.5)
    for column, own in enumerate(values):
        most = np.nanmax(np.abs(own))
        for row in np.flatnonzero(np.isfinite(own)).tolist():
            level = min(int(5 * abs(own[row]) / most), 4) if most else 0
            tone = LIGHT.raises if own[row] > 0 else LIGHT.lowers
            box = (column - 0.47, row - 0.45)
            shade: Look = {"facecolor": tone, "alpha": _OPACITY[level], "linewidth": 0}
            if level:
                axes.add_patch(Rectangle(box, 0.94, 0.9, **shade))
            if level >= _NUMBERED:
                text = words.numbers.attribution(
                    {"value": float(own[row]), "space": "logit"}, unit=False
                )
                look: Look = {"ha": "center", "va": "center", "fontsize": SMALL - 1}
                axes.text(column, row, text, color=LIGHT.ink, **look)


def _alt(answer: ShownAnswer, values: Floats) -> Message:
    tokens = []
    for order, own in enumerate(values):
        best = int(np.nanargmax(own))
        tokens.append(
            caption(
                "continuation.alt_token",
                token=spoken(answer.answers[order].token),
                rival=spoken(answer.answers[order].rival),
                source=spoken(answer.players[best]),
                effect={"value": float(own[best]), "space": "logit"},
            )
        )
    return caption("continuation.alt", tokens=tokens)
