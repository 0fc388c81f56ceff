"""How well the scores rank the cases, at every threshold."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from deepseek_report.artifacts.disclosure import Reveals
from deepseek_report.artifacts.numbers import number, percent
from deepseek_report.artifacts.picture import Picture
from deepseek_report.artifacts.protocols.traits import PicturePart
from deepseek_report.visualizations import twin
from deepseek_report.visualizations.labels import (
    known,
    percent_with_interval,
    setting,
    short,
    with_interval,
)
from deepseek_report.visualizations.marks import grid, note, percent_ticks
from deepseek_report.visualizations.reading import operating_point, required
from deepseek_report.visualizations.style import LIGHT, SERIES, draw_svg, panel

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from deepseek_report.artifacts.results import Results
    from deepseek_report.artifacts.score import Score

_HEIGHT = 3.5
_ROC = ("of the others flagged", "found")
_RECALL = ("found", "of the flagged are right")
_GUESSING: dict[str, Any] = {
    "color": LIGHT["context"],
    "linewidth": 1,
    "linestyle": (0, (3, 3)),
}


@dataclass(frozen=True)
class RocCurve(PicturePart):
    """Draws the ROC curve, with precision against recall beside it."""

    reveals: ClassVar[Reveals] = "aggregate"
    section: ClassVar[str] = "performance"
    needs: ClassVar[frozenset[str]] = frozenset({"measures/roc_auc", "predictions"})
    also: ClassVar[frozenset[str]] = frozenset({"measures/average_precision"})

    def draw(self, results: Results) -> Sequence[Picture]:
        view = _View.of(results)
        return [
            Picture(
                name="roc_curve",
                svg=draw_svg("roc_curve", _HEIGHT, lambda figure: _paint(figure, view)),
                title=_title(view),
                alt=_alt(view),
                how_to_read=(
                    "Each point of a curve is one threshold; the nearer the left curve comes to "
                    "the upper left corner, and the right one to the upper right, the better the "
                    "scores separate the classes. Grey is guessing."
                ),
                interactive=_twin(view),
            )
        ]


@dataclass(frozen=True)
class _View:
    """The two curves, and where the threshold in use stands on them."""

    roc: pd.DataFrame
    recall: pd.DataFrame | None
    area: Score | None
    precision: Score | None
    class_name: str
    base_rate: float
    threshold: float | None
    point: dict[str, float]

    @classmethod
    def of(cls, results: Results) -> _View:
        predicted = results.predicted
        two = len(results.schema.target.classes) == 2  # else the scores are means over classes
        return cls(
            roc=required(results, "roc_auc", "curve"),
            recall=results.table("average_precision", "curve"),
            area=results.score("roc_auc") if two else None,
            precision=results.score("average_precision") if two else None,
            class_name=short(results.schema.target.explained_class, 30),
            base_rate=predicted.about_explained.base,
            threshold=predicted.threshold,
            point=operating_point(predicted),
        )


def _paint(figure: Figure, view: _View) -> None:
    two = view.recall is not None
    left = panel(figure, 0.75, 0.6, 3.4 if two else 5.0, 3.35)
    left.plot([0, 1], [0, 1], **_GUESSING)
    left.plot(view.roc["false_positive_rate"], view.roc["true_positive_rate"], color=SERIES[0])
    _frame(left, f"others flagged as “{view.class_name}”", f"“{view.class_name}” found")
    _mark(left, view, (view.point["fpr"], view.point["tpr"]))
    _note(left, view, ("area", view.area), low=True)
    if view.recall is None:
        return
    right = panel(figure, 4.3, 0.6, 6.95, 3.35)
    right.axhline(view.base_rate, **_GUESSING)
    right.plot(view.recall["recall"], view.recall["precision"], color=SERIES[0])
    _frame(right, f"“{view.class_name}” found (recall)", "flagged rightly (precision)")
    _mark(right, view, (view.point["tpr"], view.point["precision"]))
    _note(right, view, ("average precision", view.precision), low=False)


def _frame(axes: Axes, across: str, up: str) -> None:
    grid(axes, "both")
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    axes.set_xlabel(short(across, 44))
    axes.set_ylabel(short(up, 40))
    percent_ticks(axes, "x")
    percent_ticks(axes, "y")


def _mark(axes: Axes, view: _View, place: tuple[float, float]) -> None:
    if np.isfinite(place).all():
        axes.plot(*place, "o", color=LIGHT["ink"], markersize=6)


def _note(axes: Axes, view: _View, said: tuple[str, Score | None], *, low: bool) -> None:
    """What the curve and the point are, in the corner that the curve leaves free."""
    name, score = said
    in_use = "in use" if view.threshold is None else f"threshold {setting(view.threshold)}"
    lines = [(f"● {in_use}", LIGHT["ink"])]
    if score is not None:
        value, _, ends = with_interval(score.value, score.low, score.high).partition(" ")
        lines += [(one, SERIES[0]) for one in (ends, f"{name} {value}") if one]
    for row, (text, colour) in enumerate(lines if low else lines[::-1]):
        place, offset = ((1, 0), 5 + 12.5 * row) if low else ((1, 1), -12 - 12.5 * row)
        upright = "bottom" if low else "top"
        look = {"xycoords": "axes fraction", "ha": "right", "va": upright, "color": colour}
        note(axes, text, place, (-4, offset), **look)


def _title(view: _View) -> str:
    if view.area is None or not known(view.area.value):
        return f"Ranking of “{view.class_name}” against all other cases, at every threshold"
    share = percent_with_interval(view.area.value, view.area.low, view.area.high)
    return f"The model ranks a “{view.class_name}” above another case in {share} of pairs"


def _alt(view: _View) -> str:
    parts = ["ROC curve"]
    if view.area is not None:
        area = view.area
        parts.append(f"with an area of {with_interval(area.value, area.low, area.high)}")
    parts.append(
        f"; the decisions in use find {percent(view.point['tpr'])} of “{view.class_name}” and "
        f"flag {percent(view.point['fpr'])} of the others"
    )
    if view.precision is not None:
        score = view.precision
        parts.append(
            f"; beside it precision against recall, average precision "
            f"{with_interval(score.value, score.low, score.high)}, against "
            f"{number(view.base_rate)} by guessing"
        )
    return " ".join(parts).replace(" ;", ";") + "."


def _twin(view: _View) -> dict[str, Any]:
    roc, point = view.roc, view.point
    rates = (roc["false_positive_rate"], roc["true_positive_rate"])
    traces = [
        twin.context([0, 1], [0, 1]),
        twin.line(*rates, SERIES[0], text=_hover(*rates, roc["threshold"], _ROC)),
        _in_use(view, point["fpr"], point["tpr"], _ROC),
    ]
    end = 0.44 if view.recall is not None else 1
    layout = {
        "xaxis": twin.share_axis(f"others flagged as “{view.class_name}”", domain=[0, end]),
        "yaxis": twin.share_axis(f"“{view.class_name}” found", range=[-0.02, 1.02]),
    }
    if view.recall is not None:
        second, right = (
            (view.recall["recall"], view.recall["precision"]),
            {"xaxis": "x2", "yaxis": "y2"},
        )
        hover = _hover(*second, view.recall["threshold"], _RECALL)
        traces += [
            twin.context([0, 1], [view.base_rate] * 2, **right),
            twin.line(*second, SERIES[0], text=hover, **right),
            _in_use(view, point["tpr"], point["precision"], _RECALL) | right,
        ]
        layout["xaxis2"] = twin.share_axis("recall", domain=[0.56, 1])
        layout["yaxis2"] = twin.share_axis("precision", range=[-0.02, 1.02], anchor="x2")
    return twin.twin(traces, layout)


def _in_use(view: _View, x: float, y: float, words: tuple[str, str]) -> dict[str, Any]:
    """The point of the decisions as they are taken."""
    threshold = float("nan") if view.threshold is None else view.threshold
    return twin.points([x], [y], LIGHT["ink"], text=_hover([x], [y], [threshold], words))


def _hover(
    x: Iterable[float], y: Iterable[float], threshold: Iterable[float], words: tuple[str, str]
) -> list[str]:
    return [
        (f"threshold {setting(t)}<br>" if known(t) else "")
        + f"{percent(a)} {words[0]}<br>{percent(b)} {words[1]}"
        for a, b, t in zip(x, y, threshold, strict=True)
    ]
