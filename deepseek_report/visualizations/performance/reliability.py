"""Whether a predicted probability of 20 % happens in 20 % of cases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from deepseek_report.artifacts.array_types import Floats, Ints
from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.ids import ArtifactId
from deepseek_report.artifacts.message import Message, Text
from deepseek_report.artifacts.picture import Picture
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.score import Score
from deepseek_report.findings.rules_calibration import calibration_verdict
from deepseek_report.metrics.performance.calibration import ProbabilityBin
from deepseek_report.visualizations.drawing import marks, read_results, twin
from deepseek_report.visualizations.drawing.labels import caption, known, short
from deepseek_report.visualizations.drawing.sheet import OnePicture, Sheet, sheets_of
from deepseek_report.visualizations.style import LIGHT, SERIES, Axes
from deepseek_report.wording.of_results import words_of
from deepseek_report.wording.words import Wording

_METRIC = "expected_calibration_error"
_BARS = 40


@dataclass(frozen=True)
class ReliabilityPicture(OnePicture):
    """Draws observed frequencies against predicted probabilities, with intervals."""

    reveals = "aggregate"
    section = "performance"
    needs = frozenset({ArtifactId.measure(_METRIC), "predictions"})

    def picture(self, results: Results) -> Picture:
        view = _View.of(results)
        return sheets_of(view, "reliability", 4.1, interactive=view.interactive())


@dataclass(frozen=True)
class _View:
    """The bins, and the probabilities that fell into them; none where the rows are not told.

    With two classes these are the probabilities of the explained class, else those of the most
    probable one. class_name : the explained class, empty where it is the most probable one.
    """

    bins: Sequence[ProbabilityBin]
    probabilities: Floats
    class_name: str
    score: Score | None
    words: Wording

    @classmethod
    def of(cls, results: Results) -> _View:
        bins = read_results.required(results, _METRIC, "bins", ProbabilityBin)
        two = len(results.schema.target.classes) == 2
        name = short(results.schema.target.explained_class, 24)
        probabilities = np.zeros(0)
        if results.has_rows:
            p = results.predictions
            probabilities = p.scores if two else p.probabilities.max(axis=1)
        return cls(
            bins=[each for each in bins if each.n > 0],
            probabilities=probabilities,
            class_name=name if two else "",
            score=results.score(_METRIC),
            words=words_of(results),
        )

    @property
    def what(self) -> Text:
        """Whose probability it is, inside of a sentence."""
        if self.class_name:
            return caption("common.quoted", text=self.class_name)
        return caption("reliability.most_probable")

    @property
    def across(self) -> str:
        return self.words.text("pictures.reliability.across", what=self.what)

    @property
    def most(self) -> float:
        """The end of both axes: a little over the greatest value, at most 1.02."""
        ends = (max(each.predicted, read_results.reach(each.observed)) for each in self.bins)
        greatest = max(*ends, float(self.probabilities.max(initial=0.0)))
        return min(1.02, greatest * 1.04)

    def paint(self, sheet: Sheet) -> None:
        axes = sheet.axes(0.85, 1.6, 0.3, 0.1)
        bins, most = self.bins, self.most
        axes.plot([0, most], [0, most], color=LIGHT.context, linewidth=1, linestyle=(0, (3, 3)))
        free = _free_place(bins, most, _WORDS / (sheet.width - 1.15))
        marks.note(
            axes,
            self.words.text("pictures.reliability.diagonal"),
            (free, free),
            (-8, 4),
            ha="right",
        )
        placed = ((each.predicted, each.observed) for each in bins)
        marks.intervals(axes, placed, marks.MarkStyle(SERIES[0]), upright=True)
        marks.grid(axes, "both")
        axes.set(xlim=(-0.02 * most, most), ylim=(-0.02 * most, most))
        axes.set_ylabel(self.words.text("pictures.reliability.upright"))
        axes.tick_params(labelbottom=False)
        marks.percent_ticks(axes, "x", self.words)
        marks.percent_ticks(axes, "y", self.words)
        _histogram(sheet.axes(0.85, 0.6, 0.3, 2.65), self)

    def title(self) -> Message:
        if self.score is None or not known(self.score.value):
            return caption("reliability.title_plain", what=self.what, bins=len(self.bins))
        n = sum(each.n for each in self.bins)
        lean = sum((each.predicted - each.observed.value) * (each.n / n) for each in self.bins)
        return caption(
            "reliability.title",
            of_all=bool(self.class_name),
            what=self.what,
            off=Estimate.of(self.score.value),
            side="both" if abs(lean) < 0.01 else "high" if lean > 0 else "low",
            verdict=calibration_verdict(self.score),
        )

    def alt(self) -> Message:
        bins = self.bins
        worst = max(bins, key=lambda each: abs(each.predicted - each.observed.value))
        return caption(
            "reliability.alt",
            what=self.what,
            bins=len(bins),
            n=sum(each.n for each in bins),
            error=read_results.known_estimate(self.score),
            predicted=worst.predicted,
            observed=worst.observed,
            worst_n=worst.n,
        )

    def interactive(self) -> dict[str, object]:
        bins, words = self.bins, self.words
        hover = [_hover(each, words) for each in bins]
        ends = twin.error_bars(each.observed for each in bins)
        predicted = [each.predicted for each in bins]
        observed = [each.observed.value for each in bins]
        dots = twin.points(predicted, observed, SERIES[0], text=hover, error_y=ends)
        upright = words.text("pictures.reliability.observed")
        layout = {
            "xaxis": twin.share_axis(self.across, range=[0, self.most]),
            "yaxis": twin.share_axis(upright, range=[0, self.most]),
        }
        return twin.twin([twin.context([0, 1], [0, 1]), dots], layout, words)


#: Room that the words beside the diagonal take: inches to its left, a share of the axes above it.
_WORDS, _ABOVE = 1.27, 0.09


def _free_place(bins: Sequence[ProbabilityBin], most: float, words: float) -> float:
    """Where along the diagonal words of this width are farthest from points and their intervals."""
    x = np.array([each.predicted for each in bins]) / most
    observed, *ends = read_results.estimate_columns(each.observed for each in bins)
    low, high = (np.where(np.isnan(end), observed, end) / most for end in ends)
    places = np.linspace(max(0.25, words), 0.95, 29)[:, None]
    aside = np.maximum(np.maximum(places - words - x, x - places), 0)
    over = np.maximum(np.maximum(places - high, low - places - _ABOVE), 0)
    return float(places[np.hypot(aside, over).min(axis=1).argmax(), 0]) * most


def _histogram(axes: Axes, view: _View) -> None:
    starts, widths, cases = _bars(view)
    axes.bar(starts, cases, width=widths * 0.88, align="edge", color=LIGHT.context)
    marks.grid(axes, "y")
    axes.set_xlim(-0.02 * view.most, view.most)
    axes.set_ylabel(view.words.text("pictures.common.cases"))
    axes.set_xlabel(view.across)
    marks.percent_ticks(axes, "x", view.words)
    marks.count_ticks(axes, "y", view.words, 3)


def _bars(view: _View) -> tuple[Floats, Floats, Ints]:
    """(bar,) where each starts, how wide it is, and its cases: those of the bins without rows."""
    if not len(view.probabilities):
        starts = np.array([each.start for each in view.bins])
        widths = np.array([each.end for each in view.bins]) - starts
        return starts, widths, np.array([each.n for each in view.bins])
    edges = np.linspace(0, view.most, _BARS + 1)
    cases, _ = np.histogram(view.probabilities, edges)
    return edges[:-1], np.diff(edges), cases


def _hover(row: ProbabilityBin, words: Wording) -> str:
    predicted = words.text("pictures.reliability.hover_predicted", share=row.predicted)
    observed = words.text("pictures.reliability.hover_observed", share=row.observed)
    cases = words.text("pictures.common.n_cases", n=row.n)
    return f"{predicted}<br>{observed}<br>{cases}"
