"""What moved the output of one case away from the base value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from deepseek_report.artifacts.array_types import Floats
from deepseek_report.artifacts.explanation import Explanation, OutputSpace
from deepseek_report.artifacts.message import Message, Text, message
from deepseek_report.artifacts.picture import Picture
from deepseek_report.artifacts.results import Results
from deepseek_report.data_kinds import kind_of
from deepseek_report.errors import NotApplicableError
from deepseek_report.findings.listed_reasons import base_of, beyond_error, case_explanation
from deepseek_report.tasks import task_of
from deepseek_report.visualizations.cases.case_views import CasePicture
from deepseek_report.visualizations.drawing import marks
from deepseek_report.visualizations.drawing.labels import (
    attribution,
    caption,
    change,
    columns,
    extent,
    short,
    wrapped,
)
from deepseek_report.visualizations.drawing.read_results import leading_for_cases, named_or
from deepseek_report.visualizations.drawing.sheet import on_pages
from deepseek_report.visualizations.style import LIGHT, WIDTH, Axes, Figure, draw_svg, panel
from deepseek_report.wording.of_results import words_of
from deepseek_report.wording.words import Wording

# --- One case as bars: what each feature added, and where the output starts and ends --------------

_COLUMNS, _NARROW = 40, 22


@dataclass(frozen=True)
class Bar:
    """What one feature with this value added; without a value the sum of several features.

    title : the same inside of a title: `“Age: 34 years”`, `“late” (word 5)`.
    """

    label: str
    value: str
    effect: float
    title: Text

    @property
    def words(self) -> str:
        """`Age: 34 years`."""
        return f"{self.label}: {self.value}" if self.value else self.label

    @property
    def lines(self) -> str:
        """The words, broken before the value where they are too long for one line."""
        return self.words if columns(self.words) <= _COLUMNS else f"{self.label}:\n{self.value}"

    @property
    def narrow_lines(self) -> str:
        """The words on up to three lines of a narrow page."""
        if not self.value or columns(self.words) <= _NARROW:
            return wrapped(self.words, _NARROW, 3)
        return f"{wrapped(self.label, _NARROW - 1)}:\n{short(self.value, _NARROW)}"


@dataclass(frozen=True)
class BarView:
    """One case: its bars, and where the output starts and ends."""

    bars: list[Bar]
    identity: int
    explainer: str
    space: OutputSpace
    class_name: str
    decided: Text
    actual: Text
    output: float
    number_unit: str | None
    base: float | None
    threshold: float | None
    words: Wording

    @property
    def effects(self) -> Floats:
        """(bar,) the lengths of the bars."""
        return np.array([bar.effect for bar in self.bars])

    @property
    def in_unit(self) -> bool:
        """Whether outputs are numbers in the unit of the target, and no probabilities."""
        return self.space == "value"

    def written(self, output: float) -> Message:
        """An output as the picture says it: a percentage, or a number with its unit."""
        if self.in_unit:
            return caption("common.quantity", value=output, unit=self.number_unit)
        return caption("common.percent", value=output)

    @property
    def unit(self) -> Message:
        """What the bars measure."""
        return change(self.space, self.class_name, self.number_unit)

    def effect(self, value: float) -> dict[str, object]:
        """The length of a bar, as messages take it."""
        return attribution(value, self.space)


def bar_view(results: Results, name: str, place: int, most: int) -> BarView:
    """What one explainer says of the case at `place`, its `most` greatest bars one by one.

    Of more than two classes it is about the one that was decided.
    """
    predictions, target = results.predictions, results.schema.target
    decides, position = task_of(target).decides, int(results.cases.explained[place])
    whole = case_explanation(results, name) if decides else results.explanations[name]
    explanation = whole.of_case(place)
    space, base = explanation.output_space, base_of(explanation)
    if space == "none":
        base = None
    elif base is not None and space not in {"probability", "value"}:
        base = 1 / (1 + float(np.exp(-base)))
    decided: Text
    actual: Text
    if decides:
        classes = [short(class_name, 30) for class_name in target.classes]
        about = classes[explanation.target]
        decided = classes[predictions.decisions[position]]
        actual = classes[predictions.labels[position]]
        output = float(predictions.probabilities[position, explanation.target])
    else:
        about, output = short(target.label, 40), float(predictions.values[position])
        truth = float(predictions.labels[position])
        decided = caption("common.quantity", value=output, unit=target.unit)
        actual = caption("common.quantity", value=truth, unit=target.unit)
    known = decides and predictions.explained == explanation.target
    return BarView(
        bars=_bars(results, explanation, most),
        identity=int(predictions.instance_ids[position]),
        explainer=name,
        space=space,
        class_name=about,
        decided=decided,
        actual=actual,
        output=output,
        number_unit=None if decides else target.unit,
        base=base,
        threshold=predictions.threshold if known else None,
        words=words_of(results),
    )


def _bars(results: Results, explanation: Explanation, most: int) -> list[Bar]:
    """The greatest attributions, each with its player and value, and the sum of the others.

    What is within its sampling error is no reason, and is among the others.
    """
    schema, row = results.schema, explanation.inputs[0]
    kind, words = kind_of(schema), words_of(results)
    values = kind.by_player(explanation.values, row[None])[0]
    present = np.flatnonzero(~np.isnan(values))
    order = present[np.argsort(-np.abs(values[present]), kind="stable")]
    certain = beyond_error(kind, explanation)[order]
    order = np.concatenate([order[certain], order[~certain]])
    n_bars = min(most, int(certain.sum()))
    bars = []
    for at in order[:n_bars]:
        shown = short(words.name(kind.display(row, int(at))), _COLUMNS)
        label = short(schema.player_labels[at], _COLUMNS - 1)
        title = caption(f"common.valued.{kind.name}", label=label, value=shown)
        bars.append(Bar(label, shown, float(values[at]), title))
    rest = values[order[n_bars:]]
    if len(rest):
        others = caption("case_contributions.others", n=len(rest))
        bars.append(Bar(words.say(others), "", float(rest.sum()), others))
    return bars


# --- What moved the output of one case away from the base value -----------------------------------

#: Height of a row in inches, and where labels have up to three lines.
_ROW, _ROW_NARROW = 0.33, 0.5


@dataclass(frozen=True)
class CaseContributionsPicture(CasePicture):
    """Draws, for the first chosen cases, what each feature added to or took from the output.

    It is for paper; on a page the browser of cases draws every case from the stored numbers.

    explainer : whose attributions; empty takes the one that does best in the tests.
    cases : how many of the chosen cases are drawn.
    most : features shown one by one; the others are summed in a last bar.
    """

    reveals = "rows"

    explainer: str = ""
    cases: Annotated[int, Field(ge=1, le=200)] = 4
    most: Annotated[int, Field(ge=1, le=20)] = 8

    def draw(self, results: Results) -> Sequence[Picture]:
        if not self.explainer and results.conclusions.has_no_reasons:
            raise NotApplicableError(message("refusals.no_reasons"))
        name = named_or(results, self.explainer, leading_for_cases)
        places = list(results.cases.roles.values())[: self.cases]
        views = [bar_view(results, name, place, self.most) for place in places]
        span = span_of(views)
        return [
            _picture(view, f"case_contributions_{case}", span) for case, view in enumerate(views)
        ]


def span_of(views: Sequence[BarView]) -> tuple[float, float]:
    """The lowest and the highest end of any bar, so that all cases are drawn to one scale."""
    effects = np.concatenate([view.effects for view in views])
    low, high = max(-float(effects.min(initial=0)), 0.0), max(float(effects.max(initial=0)), 0.0)
    return low, high if low + high > 0 else 1.0


def _picture(view: BarView, name: str, span: tuple[float, float]) -> Picture:
    return on_pages(
        name,
        lambda page: _drawn(view, name, span, page),
        title=_title(view),
        alt=_alt(view),
        how_to_read=caption(
            "case_contributions.how_to_read",
            explainer=view.explainer,
            has_base=view.base is not None,
            space=view.space,
        ),
    )


def _drawn(view: BarView, name: str, span: tuple[float, float], width: float) -> str:
    row = _ROW if width == WIDTH else _ROW_NARROW
    unit = view.words.say(view.unit)
    unit = unit if width == WIDTH else wrapped(unit, 34, 3)
    foot = 0.4 + 0.15 * len(unit.split("\n"))
    height = 1.2 + foot + row * len(view.bars)
    return draw_svg(name, height, lambda figure: _paint(figure, view, span, unit, foot), width)


def _paint(
    figure: Figure, view: BarView, span: tuple[float, float], unit: str, foot: float
) -> None:
    width, height = (float(inches) for inches in figure.get_size_inches())
    wide = width == WIDTH
    labels = [bar.lines if wide else bar.narrow_lines for bar in view.bars]
    left, right = min(extent(labels) + 0.12, 0.43 * width), width - 0.2
    _strip(panel(figure, left, height - 0.72, right - 0.1, height - 0.34), view)
    axes = panel(figure, left, foot, right, height - 1.1)
    marks.rows(axes, labels)
    values = view.effects
    tones = [LIGHT.raises if value > 0 else LIGHT.lowers for value in values]
    axes.barh(range(len(values)), values, height=0.66, color=tones)
    marks.grid(axes, "x")
    axes.axvline(0, color=LIGHT.context, linewidth=1)
    _effects(axes, view, span, right - left)
    marks.effect_ticks(axes, "x", view.space, view.words, 5 if wide else 3)
    axes.set_xlabel(unit)


def _effects(axes: Axes, view: BarView, span: tuple[float, float], width: float) -> None:
    """The number beside each bar, on the side it points to, with room inside the `width` inches."""
    write, values = view.words.numbers.attribution, view.effects
    texts = [write(view.effect(value), unit=False) for value in values]
    below, above = span
    room = extent(texts) + 0.12
    scale = (below + above) / (width - room * ((below > 0) + (above > 0)))
    axes.set_xlim(-below - room * scale * (below > 0), above + room * scale * (above > 0))
    for row, (value, text) in enumerate(zip(values, texts, strict=True)):
        side, offset = ("left", 4) if value >= 0 else ("right", -4)
        look = {"ha": side, "va": "center", "color": LIGHT.ink}
        marks.note(axes, text, (value, row), (offset, 0), **look)


def _strip(axes: Axes, view: BarView) -> None:
    """The way from the base value to the prediction on a line of probabilities or numbers."""
    low, high = 0.0, 1.0
    if view.in_unit:
        ends = [view.output, view.output if view.base is None else view.base]
        pad = 0.6 * (max(ends) - min(ends)) or abs(ends[0]) * 0.1 or 1.0
        low, high = min(ends) - pad, max(ends) + pad
    axes.set(xlim=(low, high), ylim=(-1, 1), yticks=[])
    axes.spines.left.set_visible(False)
    axes.spines.bottom.set_position(("data", 0))
    axes.tick_params(pad=5)
    (marks.value_ticks if view.in_unit else marks.percent_ticks)(axes, "x", view.words, 4)
    rising = view.base is None or view.output >= view.base
    tone = LIGHT.raises if rising else LIGHT.lowers
    if view.base is not None:
        axes.plot([view.base, view.output], [0, 0], color=tone, linewidth=4)
        axes.plot(view.base, 0, "o", color=LIGHT.muted, markersize=6, clip_on=False)
    axes.plot(view.output, 0, "D", color=tone, markersize=7, clip_on=False)
    if view.threshold is not None:
        axes.vlines(view.threshold, -0.1, 0.9, colors=LIGHT.ink, linewidth=1.4)
    heading = view.words.text(
        "pictures.case_contributions.heading",
        base=None if view.base is None else view.written(view.base),
        output=view.written(view.output),
        threshold=view.threshold,
    )
    marks.note(axes, heading, (1, 1), (0, 4), xycoords="axes fraction", ha="right")


def _title(view: BarView) -> Message:
    if not view.bars or not view.bars[0].value:
        within = bool(view.effects.any())
        about = {"case": view.identity, "explainer": view.explainer}
        return caption("case_contributions.title_nothing", within=within, **about)
    return caption(
        "case_contributions.title",
        case=view.identity,
        player=view.bars[0].title,
        effect=view.effect(view.bars[0].effect),
        space=view.space,
        unit=view.number_unit or "",
        class_name=view.class_name,
    )


def _alt(view: BarView) -> Message:
    bars = [
        caption("case_contributions.alt_bar", player=bar.words, effect=view.effect(bar.effect))
        for bar in view.bars[:5]
    ]
    return caption(
        f"case_contributions.{'alt_number' if view.in_unit else 'alt'}",
        case=view.identity,
        class_name=view.class_name,
        output=view.written(view.output),
        base=None if view.base is None else view.written(view.base),
        decided=view.decided,
        actual=view.actual,
        unit=view.unit,
        bars=bars,
    )
