"""What moved the output of one case away from the base value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import Field

from deepseek_report.artifacts.numbers import MINUS, count, number, percent, plural, points
from deepseek_report.artifacts.picture import Picture
from deepseek_report.metrics.players import by_player, display
from deepseek_report.visualizations.case_views import CasePicture
from deepseek_report.visualizations.labels import columns, extent, named, nouns, short
from deepseek_report.visualizations.marks import (
    grid,
    note,
    percent_ticks,
    point_ticks,
    rows,
    value_ticks,
)
from deepseek_report.visualizations.numbers import in_unit, with_unit
from deepseek_report.visualizations.reading import leading_for_cases, named_or
from deepseek_report.visualizations.style import LIGHT, draw_svg, panel

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from deepseek_report.artifacts.explanation import Explanation
    from deepseek_report.artifacts.results import Results

_ROW = 0.33
_COLUMNS = 40


@dataclass(frozen=True)
class CaseContributions(CasePicture):
    """Draws, for each chosen case, what each feature added to or took from the output.

    explainer : whose attributions; empty takes the one that does best in the tests.
    most : features shown one by one; the others are summed in a last bar.
    """

    explainer: str = ""
    most: Annotated[int, Field(ge=1, le=20)] = 8

    def draw(self, results: Results) -> Sequence[Picture]:
        name = named_or(results, self.explainer, leading_for_cases)
        places = results.cases.roles.values()
        views = [_view(results, name, place, self.most) for place in places]
        return [_picture(view, f"case_contributions_{case}") for case, view in enumerate(views)]


@dataclass(frozen=True)
class _Bar:
    """What one feature with this value added; without a value the sum of several features."""

    label: str
    value: str
    effect: float

    @property
    def words(self) -> str:
        """`Age: 34 years`."""
        return f"{self.label}: {self.value}" if self.value else self.label

    @property
    def lines(self) -> str:
        """The words, broken before the value where they are too long for one line."""
        return self.words if columns(self.words) <= _COLUMNS else f"{self.label}:\n{self.value}"


@dataclass(frozen=True)
class _View:
    """One case: its bars, and where the output starts and ends."""

    bars: list[_Bar]
    identity: int
    explainer: str
    space: str
    class_name: str
    decided: str
    actual: str
    output: float
    number_unit: str | None
    base: float | None
    threshold: float | None
    noun: str

    @property
    def is_number(self) -> bool:
        return self.space == "value"

    def written(self, output: float) -> str:
        """An output as the picture says it: a percentage, or a number with its unit."""
        return with_unit(output, self.number_unit) if self.is_number else percent(output)

    @property
    def unit(self) -> str:
        if self.is_number:
            return in_unit(f"change of the prediction of “{self.class_name}”", self.number_unit)
        return {
            "probability": f"change of the probability of “{self.class_name}”, in points",
            "logit": f"change of the log-odds of “{self.class_name}”",
        }.get(self.space, f"score for “{self.class_name}”, without unit")

    def effect(self, value: float) -> str:
        if self.space == "probability":
            return points(value)
        sign = "+" if value > 0 else MINUS if value < 0 else ""
        return sign + number(abs(value))


def _view(results: Results, name: str, place: int, most: int) -> _View:
    explanation, predictions = results.explanations[name], results.predictions
    position, target = int(results.cases.explained[place]), results.schema.target
    if target.is_number:
        return _number_view(results, name, place, most)
    classes = [short(one, 30) for one in target.classes]
    return _View(
        bars=_bars(results, explanation, place, most),
        identity=int(predictions.instance_ids[position]),
        explainer=named(name),
        space=explanation.output_space,
        class_name=classes[explanation.target],
        decided=classes[predictions.decisions[position]],
        actual=classes[predictions.labels[position]],
        output=float(predictions.probabilities[position, explanation.target]),
        number_unit=None,
        base=_base(explanation, place),
        threshold=predictions.threshold if predictions.explained == explanation.target else None,
        noun=nouns(results.schema.modality)[0],
    )


def _number_view(results: Results, name: str, place: int, most: int) -> _View:
    explanation, predictions = results.explanations[name], results.predictions
    position, target = int(results.cases.explained[place]), results.schema.target
    value, truth = float(predictions.values[position]), float(predictions.labels[position])
    return _View(
        bars=_bars(results, explanation, place, most),
        identity=int(predictions.instance_ids[position]),
        explainer=named(name),
        space=explanation.output_space,
        class_name=short(target.label, 40),
        decided=with_unit(value, target.unit),
        actual=with_unit(truth, target.unit),
        output=value,
        number_unit=target.unit,
        base=_base(explanation, place),
        threshold=None,
        noun=nouns(results.schema.modality)[0],
    )


def _bars(results: Results, explanation: Explanation, place: int, most: int) -> list[_Bar]:
    """The greatest attributions, each with its player and value, and the sum of the others."""
    schema, row = results.schema, explanation.inputs[place]
    values = by_player(explanation.values[[place]], row[None], schema)[0]
    there = np.flatnonzero(~np.isnan(values))
    order = there[np.argsort(-np.abs(values[there]), kind="stable")]
    bars = []
    for at in order[:most]:
        shown = short(display(row, int(at), schema), _COLUMNS)
        bars.append(_Bar(short(schema.player_labels[at], _COLUMNS - 1), shown, float(values[at])))
    rest = values[order[most:]]
    if len(rest):
        one, several = nouns(schema.modality)
        other = plural(len(rest), f"other {one}", f"other {several}")
        bars.append(_Bar(f"{other} together", "", float(rest.sum())))
    return bars


def _base(explanation: Explanation, place: int) -> float | None:
    """The output at the reference, a probability or the number, where the method has one."""
    if explanation.base_values is None or explanation.output_space == "none":
        return None
    base = float(explanation.base_values[place])
    return (
        base
        if explanation.output_space in {"probability", "value"}
        else 1 / (1 + float(np.exp(-base)))
    )


def _picture(view: _View, name: str) -> Picture:
    height = 1.75 + _ROW * len(view.bars)
    return Picture(
        name=name,
        svg=draw_svg(name, height, lambda figure: _paint(figure, view)),
        title=_title(view),
        alt=_alt(view),
        how_to_read=(
            f"Each bar is what one {view.noun} added to (right) or took from (left) the "
            f"output, by {view.explainer}"
            + (
                "; the line above leads from the base value to this case."
                if view.base is not None
                else "."
            )
        ),
    )


def _paint(figure: Figure, view: _View) -> None:
    labels = [bar.lines for bar in view.bars]
    height = figure.get_size_inches()[1]
    left = min(extent(labels) + 0.12, 3.1)
    _strip(panel(figure, left, height - 0.72, 6.9, height - 0.34), view)
    axes = panel(figure, left, 0.55, 7.0, height - 1.1)
    rows(axes, labels)
    values = np.array([bar.effect for bar in view.bars])
    tones = [LIGHT["raises"] if value > 0 else LIGHT["lowers"] for value in values]
    axes.barh(range(len(values)), values, height=0.66, color=tones)
    grid(axes, "x")
    axes.axvline(0, color=LIGHT["context"], linewidth=1)
    _effects(axes, view, values, 7.0 - left)
    ticks = point_ticks if view.space == "probability" else value_ticks
    ticks(axes, "x")
    axes.set_xlabel(view.unit)


def _effects(axes: Axes, view: _View, values: np.ndarray, width: float) -> None:
    """The number beside each bar, on the side it points to, with room inside the `width` inches."""
    texts = [view.effect(value).removesuffix("\u00a0points") for value in values]
    below, above = max(-float(values.min()), 0.0), max(float(values.max()), 0.0)
    above = above if below + above > 0 else 1.0
    room = extent(texts) + 0.12
    scale = (below + above) / (width - room * ((below > 0) + (above > 0)))
    axes.set_xlim(-below - room * scale * (below > 0), above + room * scale * (above > 0))
    for row, (value, text) in enumerate(zip(values, texts, strict=True)):
        side, offset = ("left", 4) if value >= 0 else ("right", -4)
        look = {"ha": side, "va": "center", "color": LIGHT["ink"]}
        note(axes, text, (value, row), (offset, 0), **look)


def _strip(axes: Axes, view: _View) -> None:
    """The way from the base value to the prediction on a line of probabilities or numbers."""
    axes.set(xlim=_extent(view), ylim=(-1, 1), yticks=[])
    axes.spines["left"].set_visible(False)
    axes.spines["bottom"].set_position(("data", 0))
    axes.tick_params(pad=5)
    (value_ticks if view.is_number else percent_ticks)(axes, "x", 4)
    rising = view.base is None or view.output >= view.base
    tone = LIGHT["raises"] if rising else LIGHT["lowers"]
    if view.base is not None:
        axes.plot([view.base, view.output], [0, 0], color=tone, linewidth=4)
        axes.plot(view.base, 0, "o", color=LIGHT["muted"], markersize=6)
    axes.plot(view.output, 0, "D", color=tone, markersize=7)
    if view.threshold is not None:
        axes.vlines(view.threshold, -0.1, 0.9, colors=LIGHT["ink"], linewidth=1.4)
    note(axes, _heading(view), (1, 1), (0, 4), xycoords="axes fraction", ha="right")


def _extent(view: _View) -> tuple[float, float]:
    """The ends of the line: 0 and 1 of a probability, somewhat around the numbers."""
    if not view.is_number:
        return 0.0, 1.0
    ends = [view.output, view.output if view.base is None else view.base]
    pad = 0.6 * (max(ends) - min(ends)) or abs(ends[0]) * 0.1 or 1.0
    return min(ends) - pad, max(ends) + pad


def _heading(view: _View) -> str:
    start = "" if view.base is None else f"● base {view.written(view.base)}  ·  "
    mark = "" if view.threshold is None else f"  ·  ❘ threshold {percent(view.threshold)}"
    return f"{start}◆ this case {view.written(view.output)}{mark}"


def _title(view: _View) -> str:
    words, value = view.bars[0].words, view.bars[0].effect
    verb = "raises" if value > 0 else "lowers"
    if view.is_number:
        return (
            f"Case {count(view.identity)}: “{words}” {verb} the prediction most "
            f"({view.effect(value)})"
        )
    scale = {"probability": "the probability", "logit": "the log-odds"}.get(view.space, "the score")
    return (
        f"Case {count(view.identity)}: “{words}” {verb} {scale} of “{view.class_name}” "
        f"most ({view.effect(value)})"
    )


def _alt(view: _View) -> str:
    bars = ", ".join(f"{bar.words} {view.effect(bar.effect)}" for bar in view.bars[:5])
    base = "" if view.base is None else f", from a base of {view.written(view.base)}"
    if view.is_number:
        return (
            f"Case {count(view.identity)}: predicted {view.decided}{base}; truly {view.actual}. "
            f"Greatest contributions ({view.unit}): {bars}."
        )
    return (
        f"Case {count(view.identity)}: probability of “{view.class_name}” "
        f"{percent(view.output)}{base}; decided “{view.decided}”, actually “{view.actual}”. "
        f"Greatest contributions ({view.unit}): {bars}."
    )
