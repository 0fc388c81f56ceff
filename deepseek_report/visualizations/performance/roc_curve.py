"""How well the scores rank the cases, at every threshold."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from deepseek_report.artifacts.message import Message
from deepseek_report.artifacts.picture import Picture
from deepseek_report.artifacts.protocols.traits import PicturePart
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.score import Score
from deepseek_report.visualizations.drawing import twin
from deepseek_report.visualizations.drawing.labels import caption, known, short
from deepseek_report.visualizations.drawing.marks import grid, note, percent_ticks
from deepseek_report.visualizations.drawing.read_results import operating_point, required
from deepseek_report.visualizations.drawing.sheet import Sheet, on_sheets
from deepseek_report.visualizations.style import LIGHT, SERIES, Axes
from deepseek_report.wording.estimates import of_score
from deepseek_report.wording.of_results import words_of
from deepseek_report.wording.words import Wording

_HEIGHT = 3.5
#: Recall from which on the note stands beside the curve of precision, and the highest precision
#: there below which the upper corner is free; the lower one is then taken.
_LATE, _HIGH = 0.55, 0.75
_GUESSING: dict[str, Any] = {"color": LIGHT.context, "linewidth": 1, "linestyle": (0, (3, 3))}


@dataclass(frozen=True)
class RocCurvePicture(PicturePart):
    """Draws the ROC curve, with precision against recall beside it."""

    reveals = "aggregate"
    section = "performance"
    needs = frozenset({"measures/roc_auc", "predictions"})
    also = frozenset({"measures/average_precision", "measures/ranking_curves"})

    def draw(self, results: Results) -> Sequence[Picture]:
        view = _View.of(results)
        heights = _HEIGHT, (1 + (view.recall is not None)) * _HEIGHT
        return [
            on_sheets(
                "roc_curve",
                heights,
                lambda sheet: _paint(sheet, view),
                title=_title(view),
                alt=_alt(view),
                how_to_read=caption("roc_curve.how_to_read", band=view.band is not None),
                interactive=_twin(view),
            )
        ]


@dataclass(frozen=True)
class _View:
    """The two curves, and where the threshold in use stands on them.

    band : the pointwise interval of precision, where it was measured.
    """

    roc: pd.DataFrame
    recall: pd.DataFrame | None
    band: pd.DataFrame | None
    area: Score | None
    precision: Score | None
    class_name: str
    base_rate: float
    threshold: float | None
    point: dict[str, float]
    words: Wording

    def text(self, name: str) -> str:
        """What an axis or a mark is called."""
        return self.words.text(f"pictures.roc_curve.{name}", class_name=self.class_name)

    @classmethod
    def of(cls, results: Results) -> _View:
        predicted = results.predicted
        two = len(results.schema.target.classes) == 2  # else the scores are means over classes
        return cls(
            roc=required(results, "roc_auc", "curve"),
            recall=results.table("average_precision", "curve"),
            band=results.table("ranking_curves", "precision_recall"),
            area=results.score("roc_auc") if two else None,
            precision=results.score("average_precision") if two else None,
            class_name=short(results.schema.target.explained_class, 30),
            base_rate=predicted.about_explained.base,
            threshold=predicted.threshold,
            point=operating_point(predicted),
            words=words_of(results),
        )


def _paint(sheet: Sheet, view: _View) -> None:
    left, right = _panels(sheet, two=view.recall is not None)
    left.plot([0, 1], [0, 1], **_GUESSING)
    left.plot(view.roc["false_positive_rate"], view.roc["true_positive_rate"], color=SERIES[0])
    _frame(left, view, "others_flagged", "found")
    _mark(left, view, (view.point["fpr"], view.point["tpr"]))
    _note(left, view, ("with_area", view.area), low=True)
    if view.recall is None or right is None:
        return
    right.axhline(view.base_rate, **_GUESSING)
    if view.band is not None:
        ends = view.band["precision_low"], view.band["precision_high"]
        right.fill_between(view.band["recall"], *ends, color=LIGHT.heat[1])
    right.plot(view.recall["recall"], view.recall["precision"], color=SERIES[0])
    _frame(right, view, "found_recall", "flagged_rightly")
    _mark(right, view, (view.point["tpr"], view.point["precision"]))
    late = view.recall["precision"][view.recall["recall"] > _LATE]
    high = bool(late.max() > _HIGH)
    _note(right, view, ("with_average_precision", view.precision), low=high)


def _panels(sheet: Sheet, *, two: bool) -> tuple[Axes, Axes | None]:
    """One panel, or two: side by side, on a narrow sheet one above the other."""
    if sheet.is_narrow:
        below = sheet.axes(0.75, 0.6, 0.3, _HEIGHT + 0.25) if two else None
        return sheet.axes(0.75, 0.6 + two * _HEIGHT, 0.3, 0.25), below
    if not two:
        return sheet.axes(0.75, 0.6, 2.2, 0.25), None
    return sheet.axes(0.75, 0.6, 3.8, 0.25), sheet.axes(4.3, 0.6, 0.25, 0.25)


def _frame(axes: Axes, view: _View, across: str, up: str) -> None:
    grid(axes, "both")
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    axes.set_xlabel(short(view.text(across), 44))
    axes.set_ylabel(short(view.text(up), 40))
    percent_ticks(axes, "x", view.words)
    percent_ticks(axes, "y", view.words)


def _mark(axes: Axes, view: _View, place: tuple[float, float]) -> None:
    if np.isfinite(place).all():
        axes.plot(*place, "o", color=LIGHT.ink, markersize=6)


def _note(axes: Axes, view: _View, judged: tuple[str, Score | None], *, low: bool) -> None:
    """What the curve and the point are, in the corner that the curve leaves free."""
    name, score = judged
    numbers = view.words.numbers
    in_use = view.words.text("pictures.roc_curve.in_use", threshold=view.threshold)
    lines = [(f"● {in_use}", LIGHT.ink)]
    if score is not None:
        value = numbers.number(score.value, score.low, score.high)
        text = view.words.text(f"pictures.roc_curve.{name}", value=value)
        if score.low is not None and known(score.low, score.high):
            lines.append((f"({numbers.interval(score.low, score.high)})", SERIES[0]))
        lines.append((text, SERIES[0]))
    for row, (text, colour) in enumerate(lines if low else lines[::-1]):
        place, offset = ((1, 0), 5 + 12.5 * row) if low else ((1, 1), -12 - 12.5 * row)
        upright = "bottom" if low else "top"
        look = {"xycoords": "axes fraction", "ha": "right", "va": upright, "color": colour}
        note(axes, text, place, (-4, offset), **look)


def _title(view: _View) -> Message:
    if view.area is None or not known(view.area.value):
        return caption("roc_curve.title_plain", class_name=view.class_name)
    return caption("roc_curve.title", class_name=view.class_name, area=of_score(view.area))


def _alt(view: _View) -> Message:
    return caption(
        "roc_curve.alt",
        class_name=view.class_name,
        area=None if view.area is None else of_score(view.area),
        found=view.point["tpr"],
        flagged=view.point["fpr"],
        precision=None if view.precision is None else of_score(view.precision),
        base_rate=view.base_rate,
    )


def _twin(view: _View) -> dict[str, object]:
    roc, point = view.roc, view.point
    rates = (roc["false_positive_rate"], roc["true_positive_rate"])
    traces = [
        twin.context([0, 1], [0, 1]),
        twin.line(*rates, SERIES[0], text=_hover(*rates, roc["threshold"], "hover_roc", view)),
        _in_use(view, point["fpr"], point["tpr"], "hover_roc"),
    ]
    end = 0.44 if view.recall is not None else 1
    layout = {
        "xaxis": twin.share_axis(view.text("others_flagged"), domain=[0, end]),
        "yaxis": twin.share_axis(view.text("found"), range=[-0.02, 1.02]),
    }
    if view.recall is not None:
        second = (view.recall["recall"], view.recall["precision"])
        right = {"xaxis": "x2", "yaxis": "y2"}
        hover = _hover(*second, view.recall["threshold"], "hover_recall", view)
        traces += [
            twin.context([0, 1], [view.base_rate] * 2, **right),
            twin.line(*second, SERIES[0], text=hover, **right),
            _in_use(view, point["tpr"], point["precision"], "hover_recall") | right,
        ]
        layout["xaxis2"] = twin.share_axis(view.text("recall"), domain=[0.56, 1])
        precision = view.text("precision")
        layout["yaxis2"] = twin.share_axis(precision, range=[-0.02, 1.02], anchor="x2")
    return twin.twin(traces, layout, view.words)


def _in_use(view: _View, x: float, y: float, name: str) -> dict[str, Any]:
    """The point of the decisions as they are taken."""
    threshold = float("nan") if view.threshold is None else view.threshold
    return twin.points([x], [y], LIGHT.ink, text=_hover([x], [y], [threshold], name, view))


def _hover(
    x: Iterable[float], y: Iterable[float], thresholds: Iterable[float], name: str, view: _View
) -> list[str]:
    """One text a point: the threshold, and what the two axes say, as `<name>_x` and `<name>_y`."""
    texts = []
    for across, up, threshold in zip(x, y, thresholds, strict=True):
        lines = [
            view.words.text(f"pictures.roc_curve.{name}_x", share=float(across)),
            view.words.text(f"pictures.roc_curve.{name}_y", share=float(up)),
        ]
        if known(threshold):
            lines.insert(0, view.words.text("pictures.common.threshold", threshold=threshold))
        texts.append("<br>".join(lines))
    return texts
