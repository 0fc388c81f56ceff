"""Pictures of a language model: what an answer came from, and the inside."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from deepseek_report.artifacts.array_types import Floats, Ints
from deepseek_report.artifacts.estimate import UNDEFINED, Estimate
from deepseek_report.artifacts.message import Message, message
from deepseek_report.artifacts.picture import Picture
from deepseek_report.artifacts.results import Results
from deepseek_report.errors import NotApplicableError
from deepseek_report.extensions.language_models.language_findings import (
    ShownAnswer,
    quoted,
    shown_answers,
)
from deepseek_report.extensions.language_models.language_rows import (
    HeadRole,
    HeadsTogether,
    LensLayer,
)
from deepseek_report.visualizations import style
from deepseek_report.visualizations.drawing import marks
from deepseek_report.visualizations.drawing.labels import caption, short, spoken
from deepseek_report.visualizations.drawing.read_results import required
from deepseek_report.visualizations.drawing.sheet import OnePicture, Sheet, on_sheets
from deepseek_report.wording.of_results import words_of
from deepseek_report.wording.words import Wording

# --- What each token of an answer came from, as one heat map: the form that paper has -------------

#: Inches of a line, of what stands above the cells, of the labels left of them, and of a column.
_LINE, _TOP, _LEFT, _COLUMN = 0.21, 0.62, 1.35, 0.82
#: From this level on the amount stands in the cell.
_NUMBERED = 2


@dataclass(frozen=True)
class ContinuationPicture(OnePicture):
    """Draws, for the first prompt shown, what each answer token came from against its rival.

    It is drawn by the method that does best against a random order, where one may be quoted.
    sources : words or tokens that are drawn at most.
    """

    reveals = "rows"
    section = "language"
    requires = frozenset({"language_model"})
    needs = frozenset({"measures/continuation"})

    sources: Annotated[int, Field(ge=2, le=60)] = 28

    def picture(self, results: Results) -> Picture:
        methods = quoted(results, "contrast")
        if not methods:
            raise NotApplicableError(message("refusals.continuation.none_quoted"))
        answer, words = shown_answers(results)[0], words_of(results)
        values = answer.values_of(methods[0], "contrast")
        places = _strongest(values, self.sources)
        wide, narrow = (
            _drawn(answer, values, places, width, words) for width in (style.WIDTH, style.NARROW)
        )
        return Picture(
            name="continuation",
            svg=wide,
            narrow=narrow,
            title=caption("continuation.title", explainer=methods[0]),
            alt=_alt(answer, values),
            how_to_read=caption("continuation.how_to_read", shown=len(places), n=values.shape[1]),
        )


def _strongest(values: Floats, most: int) -> Ints:
    """(source,) the players that count most for any answer token, as they follow one another."""
    sizes = np.nan_to_num(np.abs(values)).max(axis=0)
    return np.sort(np.argsort(-sizes, kind="stable")[:most])


def _drawn(answer: ShownAnswer, values: Floats, places: Ints, width: float, words: Wording) -> str:
    columns = max(min(len(values), int((width - _LEFT) / _COLUMN)), 1)
    height = _TOP + _LINE * len(places) + 0.1

    def paint(figure: style.Figure) -> None:
        right = _LEFT + columns * _COLUMN
        axes = style.panel(figure, _LEFT, 0.1, right, height - _TOP)
        _cells(axes, values[:columns][:, places], words)
        labels = [short(answer.players[place], 18) for place in places]
        axes.set_yticks(range(len(places)), labels, color=style.LIGHT.ink, fontsize=style.SMALL)
        heads = [
            f"{short(row.token, 10)}\n"
            + words.text("pictures.continuation.rival", rival=short(row.rival, 8))
            for row in answer.answers
        ]
        axes.set_xticks(range(columns), heads[:columns], fontsize=style.SMALL)
        axes.xaxis.tick_top()
        axes.tick_params(length=0)

    return style.draw_svg("continuation", height, paint, width)


def _cells(axes: style.Axes, values: Floats, words: Wording) -> None:
    """Paint (answer token, source) values, each shaded by its share of the token's strongest."""
    from matplotlib.patches import Rectangle

    axes.set(xlim=(-0.5, len(values) - 0.5), ylim=(values.shape[1] - 0.5, -0.5))
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.hlines(np.arange(values.shape[1]) + 0.5, -0.5, len(values) - 0.5, style.LIGHT.grid, lw=0.5)
    for column, own in enumerate(values):
        most = np.nanmax(np.abs(own))
        for row in np.flatnonzero(np.isfinite(own)).tolist():
            level = marks.level_of(abs(own[row]), most)
            tone = style.LIGHT.raises if own[row] > 0 else style.LIGHT.lowers
            box = (column - 0.47, row - 0.45)
            shade: style.Look = {"facecolor": tone, "alpha": marks.OPACITY[level], "linewidth": 0}
            if level:
                axes.add_patch(Rectangle(box, 0.94, 0.9, **shade))
            if level >= _NUMBERED:
                text = words.numbers.attribution(
                    {"value": float(own[row]), "space": "logit"}, unit=False
                )
                look: style.Look = {"ha": "center", "va": "center", "fontsize": style.SMALL - 1}
                axes.text(column, row, text, color=style.LIGHT.ink, **look)


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


# The inside of a language model: lenses beside patching by layer, and heads by role and effect

#: What is read, and what is restored, in the order of the key.
_LINES: dict[str, Callable[[LensLayer], Estimate]] = {
    "lens": lambda row: row.lens,
    "tuned": lambda row: row.tuned,
    "token": lambda row: row.token,
    "noise": lambda row: row.noise,
}


@dataclass(frozen=True)
class LensPicture(OnePicture):
    """Draws what can be read of the answer after each layer beside what its state restores."""

    reveals = "aggregate"
    section = "language"
    needs = frozenset({"measures/lens"})

    def picture(self, results: Results) -> Picture:
        table = required(results, "lens", "layers", LensLayer)
        words = words_of(results)
        shown = [name for name in _LINES if any(_LINES[name](row).is_defined for row in table)]
        half = max(row.tuned.value for row in table) / 2
        row = next(row for row in table if row.tuned.value >= half)
        values = {
            "layer": row.layer,
            "layers": len(table) - 1,
            "tuned": row.tuned,
            "token": row.token,
        }
        by_layer = [caption("lens.alt_layer", layer=row.layer, **_shares(row)) for row in table]
        return on_sheets(
            "lens",
            3.3,
            lambda sheet: _lines(sheet, table, shown, words),
            title=caption("lens.title" if "token" in shown else "lens.title_read", **values),
            alt=caption("lens.alt", layers=by_layer),
        )


def _shares(row: LensLayer) -> dict[str, Estimate | None]:
    return {name: share if share.is_defined else None for name, share in row.shares.items()}


def _lines(sheet: Sheet, table: Sequence[LensLayer], shown: list[str], words: Wording) -> None:
    axes = sheet.axes(0.75, 0.6, 0.2, 0.45)
    tone, shape = style.colours(list(_LINES)), style.markers(list(_LINES))
    step = 0.06 * max(len(table) / 8, 1)
    for place, name in enumerate(shown):
        aside = step * (place - (len(shown) - 1) / 2)
        points = [(row.layer + aside, _LINES[name](row)) for row in table]
        axes.plot([at for at, _ in points], [share.value for _, share in points], color=tone[name])
        look = marks.MarkStyle(tone[name], shape[name], hollow=name in {"token", "noise"})
        marks.intervals(axes, points, look, upright=True)
    for place, name in enumerate(shown):
        column, line = place % 2, place // 2
        offset = (column * 72 * sheet.width * 0.42, 18 - 11 * line)
        text = words.text(f"pictures.lens.{name}")
        marks.note(axes, text, (0, 1), offset, xycoords="axes fraction", color=tone[name])
    axes.set_ylim(-0.05, 1.08)
    marks.grid(axes, "y")
    marks.percent_ticks(axes, "y", words)
    marks.count_ticks(axes, "x", words, 8)
    axes.set_xlabel(words.text("pictures.lens.axis"))
    axes.set_ylabel(words.text("pictures.lens.share"))


@dataclass(frozen=True)
class HeadRolesPicture(OnePicture):
    """Draws what each head is needed for against its weight on what followed the same token."""

    reveals = "aggregate"
    section = "language"
    needs = frozenset({"measures/head_roles"})

    def picture(self, results: Results) -> Picture:
        table = [
            row
            for row in required(results, "head_roles", "heads", HeadRole)
            if row.swap and row.after_same.is_defined
        ]
        if not table:
            raise NotApplicableError(message("refusals.nothing_to_list"))
        words = words_of(results)
        together = results.rows("head_roles", "together", HeadsTogether)
        joint = next((row for row in together if row.pattern == "after_same"), None)
        most = max(table, key=lambda row: _swap(row).value)
        return on_sheets(
            "head_roles",
            3.4,
            lambda sheet: _heads(sheet, table, joint, words),
            title=caption(
                "head_roles.title",
                heads=sum(row.pattern == "after_same" for row in table),
                rise=None if joint is None else joint.swap,
            ),
            alt=caption(
                "head_roles.alt",
                of=len(table),
                most=_swap(most),
                layer=most.layer + 1,
                number=most.number,
            ),
        )


def _swap(row: HeadRole) -> Estimate:
    return row.swap or UNDEFINED


def _heads(
    sheet: Sheet, table: Sequence[HeadRole], together: HeadsTogether | None, words: Wording
) -> None:
    axes = sheet.axes(0.95, 0.6, 0.35, 0.2)
    axes.axhline(0, color=style.LIGHT.context, linewidth=1.2, linestyle=(0, (3, 2)))
    for has in (False, True):
        own = [row for row in table if (row.pattern == "after_same") == has]
        look = marks.MarkStyle(style.SERIES[0], hollow=not has)
        marks.intervals(
            axes, [(row.after_same.value, _swap(row)) for row in own], look, upright=True
        )
    for row in sorted(table, key=lambda row: -_swap(row).value)[:4]:
        text = f"{words.numbers.count(row.layer + 1)}.{words.numbers.count(row.number)}"
        marks.note(axes, text, (row.after_same.value, _swap(row).value), (6, 2))
    having = [row.after_same.value for row in table if row.pattern == "after_same"]
    if together is not None and len(having) > 1:
        at = float(np.mean(having))
        marks.intervals(
            axes, [(at, together.swap)], marks.MarkStyle(style.SERIES[1], "D"), upright=True
        )
        text = words.text("pictures.head_roles.together", heads=len(having))
        place = at, together.swap.value
        marks.note(axes, text, place, (-8, -3), ha="right", color=style.SERIES[1])
    axes.set_xlim(-0.03, 1.03)
    marks.grid(axes, "y")
    marks.percent_ticks(axes, "x", words)
    marks.value_ticks(axes, "y", words)
    axes.set_xlabel(words.text("pictures.head_roles.axis"))
    axes.set_ylabel(words.text("pictures.head_roles.rise"))
