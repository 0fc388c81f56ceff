"""Every predicted number against the true one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from deepseek_report.artifacts.array_types import Floats
from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.message import Message
from deepseek_report.artifacts.picture import Picture
from deepseek_report.artifacts.protocols.traits import PicturePart
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.schema import NUMBER_TASKS
from deepseek_report.artifacts.score import Score
from deepseek_report.visualizations.drawing.labels import caption, evenly, in_unit, known, spoken
from deepseek_report.visualizations.drawing.marks import dots, grid, note, value_ticks
from deepseek_report.visualizations.drawing.sheet import Sheet, on_sheets
from deepseek_report.visualizations.style import LIGHT, SERIES, Axes
from deepseek_report.wording.estimates import of_score
from deepseek_report.wording.of_results import words_of
from deepseek_report.wording.words import Wording


@dataclass(frozen=True)
class PredictedVsTruePicture(PicturePart):
    """Draws every predicted number against the true one, with the line where both are equal.

    most : dots that are drawn, evenly over the true numbers.
    """

    reveals = "rows"
    section = "performance"
    needs = frozenset({"predictions"})
    also = frozenset({"measures/r2", "measures/mae", "measures/prediction_intervals"})
    tasks = NUMBER_TASKS

    most: Annotated[int, Field(ge=100, le=5000)] = 1000

    def draw(self, results: Results) -> Sequence[Picture]:
        view = _View.of(results, self.most)
        return [
            on_sheets(
                "predicted_vs_true",
                4.4,
                lambda sheet: _paint(sheet, view),
                title=_title(view),
                alt=_alt(view),
                how_to_read=caption("predicted_vs_true.how_to_read", has_band=bool(view.half)),
            )
        ]


@dataclass(frozen=True)
class _View:
    """What is drawn: the numbers, their name and unit, and what was measured of them."""

    true: Floats
    predicted: Floats
    n: int
    label: str
    unit: str | None
    r2: Estimate | None
    mae: Estimate | None
    half: float | None
    level: float | None
    words: Wording

    @classmethod
    def of(cls, results: Results, most: int) -> _View:
        p, target = results.predictions, results.schema.target
        shown = evenly(p.labels, most)
        half, level = _interval(results)
        return cls(
            true=np.asarray(p.labels[shown], dtype=np.float64),
            predicted=p.values[shown],
            n=len(p),
            label=spoken(target.label),
            unit=target.unit,
            r2=_known(results.score("r2")),
            mae=_known(results.score("mae")),
            half=half,
            level=level,
            words=words_of(results),
        )


def _known(score: Score | None) -> Estimate | None:
    return of_score(score) if score is not None and known(score.value) else None


def _interval(results: Results) -> tuple[float | None, float | None]:
    """Half the width of the interval around a prediction, and the share that it is to hold."""
    table = results.table("prediction_intervals", "coverage")
    width = results.score("prediction_interval_width")
    if table is None or width is None or not known(width.value):
        return None, None
    nearest = table.loc[(table["half_width"] - width.value / 2).abs().idxmin()]
    return width.value / 2, float(nearest["level"])


def _paint(sheet: Sheet, view: _View) -> None:
    axes = sheet.axes(0.95, 0.6, 0.3, 0.3)
    low = float(min(view.true.min(), view.predicted.min()))
    high = float(max(view.true.max(), view.predicted.max()))
    pad = 0.04 * (high - low or 1.0)
    ends = np.array([low - pad, high + pad])
    if view.half is not None:
        axes.fill_between(
            ends, ends - view.half, ends + view.half, color=LIGHT.grid, linewidth=0, alpha=0.6
        )
    axes.plot(ends, ends, color=LIGHT.context, linewidth=1, linestyle=(0, (3, 3)))
    dots(axes, view.true, view.predicted, SERIES[0])
    axes.set(xlim=tuple(ends), ylim=tuple(ends))
    grid(axes, "both")
    value_ticks(axes, "x", view.words)
    value_ticks(axes, "y", view.words)
    across = view.words.text("pictures.predicted_vs_true.across", label=view.label)
    axes.set_xlabel(in_unit(across, view.unit, view.words))
    axes.set_ylabel(in_unit(view.words.text("pictures.common.predicted"), view.unit, view.words))
    _scores(axes, view)


def _scores(axes: Axes, view: _View) -> None:
    scores = {"r2": view.r2, "mae": view.mae}
    text = "\n".join(
        view.words.text(f"pictures.common.with_{name}", score=score)
        for name, score in scores.items()
        if score is not None
    )
    note(axes, text, (0, 1), (8, -6), xycoords="axes fraction", ha="left", va="top")


def _title(view: _View) -> Message:
    if view.mae is None:
        return caption("predicted_vs_true.title_plain", n=view.n, label=view.label)
    values = {"label": view.label, "mae": view.mae, "unit": view.unit, "r2": view.r2}
    return caption("predicted_vs_true.title", **values)


def _alt(view: _View) -> Message:
    return caption(
        "predicted_vs_true.alt",
        n=view.n,
        actual=[view.true.min(), view.true.max()],
        predicted=[view.predicted.min(), view.predicted.max()],
        mae=view.mae,
        r2=view.r2,
        half=view.half if view.level is not None else None,
        level=view.level,
    )
