"""What another threshold would change."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from deepseek_report.artifacts.message import Message
from deepseek_report.artifacts.picture import Picture
from deepseek_report.artifacts.predictions import ClassRates
from deepseek_report.artifacts.protocols.traits import PicturePart
from deepseek_report.artifacts.results import Results
from deepseek_report.metrics.performance.performance_rows import SweptThreshold
from deepseek_report.visualizations.drawing import marks, twin
from deepseek_report.visualizations.drawing.labels import caption, known, short, wrapped
from deepseek_report.visualizations.drawing.read_results import required
from deepseek_report.visualizations.drawing.sheet import Sheet, on_sheets
from deepseek_report.visualizations.style import LIGHT, SERIES, Axes
from deepseek_report.wording.of_results import words_of
from deepseek_report.wording.words import Wording

_HEIGHT = 3.5
_HANDFUL = 20
_Rate = Callable[[SweptThreshold], float]
#: {key of a rate: the rate, and its colour}
_RATES: dict[str, tuple[_Rate, str]] = {
    "true_positive_rate": (lambda row: row.true_positive_rate, SERIES[0]),
    "precision": (lambda row: row.precision, SERIES[1]),
    "selection_rate": (lambda row: row.selection_rate, SERIES[2]),
    "balanced_accuracy": (lambda row: row.balanced_accuracy, LIGHT.muted),
}


@dataclass(frozen=True)
class ThresholdSweepPicture(PicturePart):
    """Draws the main rates at every threshold, with the threshold in use marked."""

    reveals = "aggregate"
    section = "performance"
    needs_two_classes = True
    needs = frozenset({"measures/threshold_sweep", "predictions"})

    def draw(self, results: Results) -> Sequence[Picture]:
        target = results.schema.target
        view = _View(
            table=_with_enough_flagged(results),
            class_name=short(target.explained_class, 22),
            favourable=short(target.classes[target.counted_class], 22),
            threshold=results.predicted.threshold,
            rates=results.predicted.about_explained,
            most=results.predicted.highest,
            words=words_of(results),
        )
        return [
            on_sheets(
                "threshold_sweep",
                _HEIGHT,
                lambda sheet: _paint(sheet, view),
                title=_title(view),
                alt=_alt(view),
                interactive=_twin(view),
            )
        ]


@dataclass(frozen=True)
class _View:
    table: Sequence[SweptThreshold]
    class_name: str
    favourable: str
    threshold: float | None
    rates: ClassRates
    most: float
    words: Wording

    def rate(self, key: str) -> Message:
        """What a rate is called."""
        names = {"class_name": self.class_name, "favourable": self.favourable}
        return caption(f"threshold_sweep.rates.{key}", **names)

    @property
    def across(self) -> str:
        return self.words.text("pictures.threshold_sweep.across", class_name=self.class_name)

    def at(self, threshold: float) -> SweptThreshold:
        """The row of the nearest threshold that was swept."""
        return min(self.table, key=lambda row: abs(row.threshold - threshold))


def _with_enough_flagged(results: Results) -> list[SweptThreshold]:
    """The sweep, without the precision of thresholds that flag only a handful of cases."""
    table = required(results, "threshold_sweep", "sweep", SweptThreshold)
    target, n = results.schema.target, results.predicted.n

    def flagged(row: SweptThreshold) -> int:
        favourable = target.favourable == target.explained
        return round((row.selection_rate if favourable else 1 - row.selection_rate) * n)

    return [
        row if flagged(row) >= _HANDFUL else replace(row, precision=math.nan)
        for row in sorted(table, key=lambda row: row.threshold)
    ]


def _paint(sheet: Sheet, view: _View) -> None:
    axes = sheet.axes(0.65, 0.6, 1.3 if sheet.is_narrow else 2.0, 0.3)
    labels = []
    swept = [row for row in view.table if row.threshold <= view.most]
    for key, (of, colour) in _RATES.items():
        points = [(row.threshold, of(row)) for row in swept if known(of(row))]
        if not points:
            continue
        axes.plot(*zip(*points, strict=True), color=colour)
        rate = view.words.say(view.rate(key))
        label = wrapped(rate, 15, 3) if sheet.is_narrow else short(rate, 26)
        labels.append(marks.EndLabel(view.most, points[-1][1], label, colour))
    axes.set(xlim=(0, view.most), ylim=(0, 1.02))
    marks.grid(axes, "y")
    marks.percent_ticks(axes, "x", view.words)
    marks.percent_ticks(axes, "y", view.words)
    axes.set_xlabel(view.across)
    _mark(axes, view.threshold, view.words)
    marks.end_labels(axes, labels, 34.0 if sheet.is_narrow else 11.5)


def _mark(axes: Axes, threshold: float | None, words: Wording) -> None:
    if threshold is None:
        return
    axes.axvline(threshold, color=LIGHT.ink, linewidth=1.2)
    marks.note(
        axes,
        words.text("pictures.threshold_sweep.in_use", threshold=threshold),
        (threshold, 1),
        (0, 3),
        xycoords=("data", "axes fraction"),
        ha="center",
    )


def _title(view: _View) -> Message:
    if view.threshold is None:
        return caption("threshold_sweep.title_plain")
    return caption(
        "threshold_sweep.title",
        threshold=view.threshold,
        found=view.rates.recall,
        class_name=view.class_name,
        precision=view.rates.right,
    )


def _alt(view: _View) -> Message:
    thresholds = []
    for threshold in sorted({0.25, 0.5, 0.75} | ({view.threshold} if view.threshold else set())):
        row = view.at(threshold)
        rates = [
            caption("threshold_sweep.alt_rate", rate=view.rate(key), share=of(row))
            for key, (of, _) in _RATES.items()
        ]
        values = {"threshold": row.threshold, "rates": rates}
        thresholds.append(caption("threshold_sweep.alt_threshold", **values))
    return caption("threshold_sweep.alt", thresholds=thresholds)


def _twin(view: _View) -> dict[str, object]:
    thresholds = [row.threshold for row in view.table]
    traces = []
    for key, (of, colour) in _RATES.items():
        rates = [of(row) for row in view.table]
        hover = [
            _hover(view, threshold, key, share)
            for threshold, share in zip(thresholds, rates, strict=True)
        ]
        name = view.words.say(view.rate(key))
        traces.append(twin.line(thresholds, rates, colour, text=hover, name=name))
    layout: dict[str, object] = {
        "xaxis": twin.share_axis(view.across, range=[0, view.most]),
        "yaxis": twin.share_axis("", range=[0, 1.02]),
        "hovermode": "x",
    }
    if view.threshold is not None:
        line = {"color": LIGHT.ink, "width": 1.5}
        ends = {"x0": view.threshold, "x1": view.threshold, "y0": 0, "y1": 1, "yref": "paper"}
        layout["shapes"] = [{"type": "line", "line": line, **ends}]
    return twin.twin(traces, layout, view.words)


def _hover(view: _View, threshold: float, key: str, share: float) -> str:
    values = {"threshold": threshold, "rate": view.rate(key), "share": share}
    return twin.text(view.words.text("pictures.threshold_sweep.hover", **values))
