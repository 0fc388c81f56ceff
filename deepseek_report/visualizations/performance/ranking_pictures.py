"""How scores rank the cases, and what each threshold would decide."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from deepseek_report.artifacts.message import Message
from deepseek_report.artifacts.picture import Picture
from deepseek_report.artifacts.predictions import ClassRates
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.score import Score
from deepseek_report.metrics.performance import classification_scores
from deepseek_report.metrics.performance.performance_rows import SweptThreshold
from deepseek_report.visualizations.drawing import marks, twin
from deepseek_report.visualizations.drawing.labels import caption, known, short, spoken, wrapped
from deepseek_report.visualizations.drawing.read_results import estimate_columns, required
from deepseek_report.visualizations.drawing.sheet import Multiples, OnePicture, Sheet, sheets_of
from deepseek_report.visualizations.style import LIGHT, SERIES, SMALL, Axes, Look
from deepseek_report.wording.estimates import of_score
from deepseek_report.wording.of_results import words_of
from deepseek_report.wording.words import Wording

# --- How well the scores rank the cases, at every threshold ---------------------------------------

_HEIGHT = 3.5
#: Recall from which on the note stands beside the curve of precision, and the highest precision
#: there below which the upper corner is free; the lower one is then taken.
_LATE, _HIGH = 0.55, 0.75
_GUESSING: Look = {"color": LIGHT.context, "linewidth": 1, "linestyle": (0, (3, 3))}


@dataclass(frozen=True)
class RocCurvePicture(OnePicture):
    """Draws the ROC curve, with precision against recall beside it."""

    reveals = "aggregate"
    section = "performance"
    needs = frozenset({"measures/roc_auc", "predictions"})
    also = frozenset({"measures/average_precision", "measures/ranking_curves"})

    def picture(self, results: Results) -> Picture:
        view = _View.of(results)
        heights = _HEIGHT, (1 + bool(view.recall)) * _HEIGHT
        return sheets_of(
            view,
            "roc_curve",
            heights,
            how_to_read=caption("roc_curve.how_to_read", band=bool(view.band)),
            interactive=view.interactive(),
        )


@dataclass(frozen=True)
class _Curve:
    """A curve, its thresholds, and the point of the decisions as they are taken."""

    x: Sequence[float]
    y: Sequence[float]
    thresholds: Sequence[float]
    in_use: tuple[float, float]


@dataclass(frozen=True)
class _View:
    """The two curves, and where the threshold in use stands on them.

    band : the pointwise interval of precision, where it was measured.
    """

    roc: Sequence[classification_scores.RocPoint]
    recall: Sequence[classification_scores.RecallPoint]
    band: Sequence[classification_scores.PrecisionBand]
    area: Score | None
    precision: Score | None
    class_name: str
    threshold: float | None
    rates: ClassRates
    words: Wording

    def text(self, name: str) -> str:
        """What an axis or a mark is called."""
        return self.words.text(f"pictures.roc_curve.{name}", class_name=self.class_name)

    @property
    def curves(self) -> tuple[_Curve, _Curve]:
        """The ROC curve, and precision against recall."""
        return (
            _Curve(
                [point.false_positive_rate for point in self.roc],
                [point.true_positive_rate for point in self.roc],
                [point.threshold for point in self.roc],
                (self.rates.flagged, self.rates.recall),
            ),
            _Curve(
                [point.recall for point in self.recall],
                [point.precision for point in self.recall],
                [point.threshold for point in self.recall],
                (self.rates.recall, self.rates.right),
            ),
        )

    @classmethod
    def of(cls, results: Results) -> _View:
        predicted = results.predicted
        two = len(results.schema.target.classes) == 2  # else the scores are means over classes
        return cls(
            roc=required(results, "roc_auc", "curve", classification_scores.RocPoint),
            recall=results.rows("average_precision", "curve", classification_scores.RecallPoint),
            band=results.rows(
                "ranking_curves", "precision_recall", classification_scores.PrecisionBand
            ),
            area=results.score("roc_auc") if two else None,
            precision=results.score("average_precision") if two else None,
            class_name=short(results.schema.target.explained_class, 30),
            threshold=predicted.threshold,
            rates=predicted.about_explained,
            words=words_of(results),
        )

    def paint(self, sheet: Sheet) -> None:
        left, right = _panels(sheet, two=bool(self.recall))
        roc, recall = self.curves
        left.plot([0, 1], [0, 1], **_GUESSING)
        left.plot(roc.x, roc.y, color=SERIES[0])
        _frame(left, self, "others_flagged", "found")
        _mark(left, roc.in_use)
        _note(left, self, ("with_area", self.area), low=True)
        if right is None:
            return
        right.axhline(self.rates.base, **_GUESSING)
        if self.band:
            _, *ends = estimate_columns(point.precision for point in self.band)
            right.fill_between([point.recall for point in self.band], *ends, color=LIGHT.heat[1])
        right.plot(recall.x, recall.y, color=SERIES[0])
        _frame(right, self, "found_recall", "flagged_rightly")
        _mark(right, recall.in_use)
        late = [point.precision for point in self.recall if point.recall > _LATE]
        high = max(late, default=0.0) > _HIGH
        _note(right, self, ("with_average_precision", self.precision), low=high)

    def title(self) -> Message:
        if self.area is None or not known(self.area.value):
            return caption("roc_curve.title_plain", class_name=self.class_name)
        return caption("roc_curve.title", class_name=self.class_name, area=of_score(self.area))

    def alt(self) -> Message:
        return caption(
            "roc_curve.alt",
            class_name=self.class_name,
            area=None if self.area is None else of_score(self.area),
            found=self.rates.recall,
            flagged=self.rates.flagged,
            precision=None if self.precision is None else of_score(self.precision),
            base_rate=self.rates.base,
        )

    def interactive(self) -> dict[str, object]:
        roc, recall = self.curves
        traces = [twin.context([0, 1], [0, 1]), *_curve(roc, "hover_roc", self, {})]
        end = 0.44 if self.recall else 1
        layout = {
            "xaxis": twin.share_axis(self.text("others_flagged"), domain=[0, end]),
            "yaxis": twin.share_axis(self.text("found"), range=[-0.02, 1.02]),
        }
        if self.recall:
            right: twin.Trace = {"xaxis": "x2", "yaxis": "y2"}
            traces += [
                twin.context([0, 1], [self.rates.base] * 2, **right),
                *_curve(recall, "hover_recall", self, right),
            ]
            precision = twin.share_axis(self.text("precision"), range=[-0.02, 1.02], anchor="x2")
            layout |= {
                "xaxis2": twin.share_axis(self.text("recall"), domain=[0.56, 1]),
                "yaxis2": precision,
            }
        return twin.twin(traces, layout, self.words)


def _panels(sheet: Sheet, *, two: bool) -> tuple[Axes, Axes | None]:
    """One panel, or two: side by side, on a narrow sheet one above the other."""
    if sheet.is_narrow:
        below = sheet.axes(0.75, 0.6, 0.3, _HEIGHT + 0.25) if two else None
        return sheet.axes(0.75, 0.6 + two * _HEIGHT, 0.3, 0.25), below
    if not two:
        return sheet.axes(0.75, 0.6, 2.2, 0.25), None
    return sheet.axes(0.75, 0.6, 3.8, 0.25), sheet.axes(4.3, 0.6, 0.25, 0.25)


def _frame(axes: Axes, view: _View, across: str, up: str) -> None:
    marks.grid(axes, "both")
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    axes.set_xlabel(short(view.text(across), 44))
    axes.set_ylabel(short(view.text(up), 40))
    marks.percent_ticks(axes, "x", view.words)
    marks.percent_ticks(axes, "y", view.words)


def _mark(axes: Axes, place: tuple[float, float]) -> None:
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
        marks.note(axes, text, place, (-4, offset), **look)


def _curve(curve: _Curve, name: str, view: _View, axes: twin.Trace) -> list[twin.Trace]:
    """The line of a curve, and the point of the decisions as they are taken."""
    threshold = float("nan") if view.threshold is None else view.threshold
    x, y = curve.in_use
    hover = _hover(zip(curve.x, curve.y, curve.thresholds, strict=True), name, view)
    in_use = _hover([(x, y, threshold)], name, view)
    return [
        twin.line(curve.x, curve.y, SERIES[0], text=hover, **axes),
        twin.points([x], [y], LIGHT.ink, text=in_use, **axes),
    ]


def _hover(points: Iterable[tuple[float, float, float]], name: str, view: _View) -> list[str]:
    """One text a point: the threshold, and what the two axes say, as `<name>_x` and `<name>_y`."""
    texts = []
    for across, up, threshold in points:
        lines = [
            view.words.text(f"pictures.roc_curve.{name}_x", share=across),
            view.words.text(f"pictures.roc_curve.{name}_y", share=up),
        ]
        if known(threshold):
            lines.insert(0, view.words.text("pictures.common.threshold", threshold=threshold))
        texts.append("<br>".join(lines))
    return texts


# --- What is found among the cases with the highest scores, against taking cases by chance --------

#: The share of cases that the title tells of, and those whose lift is drawn.
_TOLD = 0.1
_DRAWN = (0.05, 0.1, 0.2, 0.3, 0.5)


@dataclass(frozen=True)
class GainAndLiftPicture(OnePicture):
    """Draws how much of the explained class is among the cases with the highest scores."""

    reveals = "aggregate"
    section = "performance"
    needs = frozenset({"measures/ranking_curves"})

    def picture(self, results: Results) -> Picture:
        view = _GainView(
            required(results, "ranking_curves", "gain", classification_scores.GainDepth),
            spoken(results.schema.target.explained_class),
            results.predicted.about_explained.base,
            words_of(results),
        )
        return view.multiples.picture("gain_and_lift", title=view.title(), alt=view.alt())


@dataclass(frozen=True)
class _GainView:
    """Gain and lift by the share of cases taken; `base` is the share of the class among all."""

    table: Sequence[classification_scores.GainDepth]
    class_name: str
    base: float
    words: Wording

    def text(self, name: str) -> str:
        return self.words.text(f"pictures.gain_and_lift.{name}", class_name=self.class_name)

    def row(self, depth: float) -> classification_scores.GainDepth:
        """The depth that is nearest."""
        return min(self.table, key=lambda row: abs(row.depth - depth))

    @property
    def multiples(self) -> Multiples:
        titles = [self.text("found"), self.text("times")]
        return Multiples(titles, self._paint, [0.55, 0.45], tall=2.2, foot=0.56, abreast=2)

    def _paint(self, axes: Axes, place: int) -> None:
        (self._gain, self._lift)[place](axes)
        marks.percent_ticks(axes, "x", self.words)
        axes.set_xlabel(short(self.text("taken"), 44), fontsize=SMALL)

    def _gain(self, axes: Axes) -> None:
        context: Look = {"color": LIGHT.context, "linewidth": 1}
        axes.plot([0, 1], [0, 1], linestyle=(0, (3, 3)), **context)
        if np.isfinite(self.base):
            axes.plot([0, self.base, 1], [0, 1, 1], linestyle=(0, (1, 2)), **context)
        gain, low, high = np.hstack(
            [np.zeros((3, 1)), estimate_columns(row.gain for row in self.table)]
        )
        depth = [0.0, *(row.depth for row in self.table)]
        axes.fill_between(depth, low, high, color=LIGHT.heat[1])
        axes.plot(depth, gain, color=SERIES[0])
        axes.set(xlim=(0, 1.02), ylim=(0, 1.02))
        marks.grid(axes, "both")
        marks.percent_ticks(axes, "y", self.words)

    def _lift(self, axes: Axes) -> None:
        lifts = [(row.depth, row.lift) for row in self.table if row.depth >= min(_DRAWN)]
        axes.axhline(1, color=LIGHT.context, linewidth=1, linestyle=(0, (3, 3)))
        marks.intervals(axes, lifts, marks.MarkStyle(SERIES[0], size=4.5), upright=True)
        axes.set_xlim(0, 1.02)
        axes.set_ylim(bottom=0)
        marks.grid(axes, "both")
        marks.value_ticks(axes, "y", self.words)

    def title(self) -> Message:
        row = self.row(_TOLD)
        low, high = row.lift.ends or (1.0, 1.0)
        return caption(
            "gain_and_lift.title",
            depth=row.depth,
            gain=row.gain,
            lift=row.lift,
            more=low > 1,
            fewer=high < 1,
            class_name=self.class_name,
        )

    def alt(self) -> Message:
        depths = [
            caption("gain_and_lift.alt_depth", depth=row.depth, gain=row.gain, lift=row.lift)
            for row in map(self.row, _DRAWN)
        ]
        return caption("gain_and_lift.alt", class_name=self.class_name, depths=depths)


# --- What another threshold would change ----------------------------------------------------------

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
class ThresholdSweepPicture(OnePicture):
    """Draws the main rates at every threshold, with the threshold in use marked."""

    reveals = "aggregate"
    section = "performance"
    needs_two_classes = True
    needs = frozenset({"measures/threshold_sweep", "predictions"})

    def picture(self, results: Results) -> Picture:
        target = results.schema.target
        view = _SweepView(
            table=_with_enough_flagged(results),
            class_name=short(target.explained_class, 22),
            favourable=short(target.classes[target.counted_class], 22),
            threshold=results.predicted.threshold,
            rates=results.predicted.about_explained,
            most=results.predicted.highest,
            words=words_of(results),
        )
        return sheets_of(view, "threshold_sweep", _HEIGHT, interactive=view.interactive())


@dataclass(frozen=True)
class _SweepView:
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

    def paint(self, sheet: Sheet) -> None:
        axes = sheet.axes(0.65, 0.6, 1.3 if sheet.is_narrow else 2.0, 0.3)
        labels = []
        swept = [row for row in self.table if row.threshold <= self.most]
        for key, (of, colour) in _RATES.items():
            points = [(row.threshold, of(row)) for row in swept if known(of(row))]
            if not points:
                continue
            axes.plot(*zip(*points, strict=True), color=colour)
            rate = self.words.say(self.rate(key))
            label = wrapped(rate, 15, 3) if sheet.is_narrow else short(rate, 26)
            labels.append(marks.EndLabel(self.most, points[-1][1], label, colour))
        axes.set(xlim=(0, self.most), ylim=(0, 1.02))
        marks.grid(axes, "y")
        marks.percent_ticks(axes, "x", self.words)
        marks.percent_ticks(axes, "y", self.words)
        axes.set_xlabel(self.across)
        _mark_sweep(axes, self.threshold, self.words)
        marks.end_labels(axes, labels, 34.0 if sheet.is_narrow else 11.5)

    def title(self) -> Message:
        if self.threshold is None:
            return caption("threshold_sweep.title_plain")
        return caption(
            "threshold_sweep.title",
            threshold=self.threshold,
            found=self.rates.recall,
            class_name=self.class_name,
            precision=self.rates.right,
        )

    def alt(self) -> Message:
        thresholds = []
        for threshold in sorted(
            {0.25, 0.5, 0.75} | ({self.threshold} if self.threshold else set())
        ):
            row = self.at(threshold)
            rates = [
                caption("threshold_sweep.alt_rate", rate=self.rate(key), share=of(row))
                for key, (of, _) in _RATES.items()
            ]
            values = {"threshold": row.threshold, "rates": rates}
            thresholds.append(caption("threshold_sweep.alt_threshold", **values))
        return caption("threshold_sweep.alt", thresholds=thresholds)

    def interactive(self) -> dict[str, object]:
        thresholds, text = [row.threshold for row in self.table], self.words.text
        traces = []
        for key, (of, colour) in _RATES.items():
            rates = [of(row) for row in self.table]
            title = self.rate(key)
            hover = [
                twin.text(
                    text("pictures.threshold_sweep.hover", threshold=at, rate=title, share=rate)
                )
                for at, rate in zip(thresholds, rates, strict=True)
            ]
            name = self.words.say(self.rate(key))
            traces.append(twin.line(thresholds, rates, colour, text=hover, name=name))
        layout: dict[str, object] = {
            "xaxis": twin.share_axis(self.across, range=[0, self.most]),
            "yaxis": twin.share_axis("", range=[0, 1.02]),
            "hovermode": "x",
        }
        if self.threshold is not None:
            line = {"color": LIGHT.ink, "width": 1.5}
            ends = {"x0": self.threshold, "x1": self.threshold, "y0": 0, "y1": 1, "yref": "paper"}
            layout |= {"shapes": [{"type": "line", "line": line, **ends}]}
        return twin.twin(traces, layout, self.words)


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


def _mark_sweep(axes: Axes, threshold: float | None, words: Wording) -> None:
    if threshold is None:
        return
    axes.axvline(threshold, color=LIGHT.ink, linewidth=1.2)
    text = words.text("pictures.threshold_sweep.in_use", threshold=threshold)
    marks.above(axes, text, threshold, 3, ha="center")
