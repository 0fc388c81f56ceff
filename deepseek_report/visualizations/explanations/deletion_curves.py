"""How the output falls when the features are removed in the order of an explanation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from deepseek_report.artifacts.message import Message
from deepseek_report.artifacts.picture import Picture
from deepseek_report.artifacts.protocols.traits import PicturePart
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.score import Score
from deepseek_report.findings.explainer_verdicts import plays
from deepseek_report.metrics.explanations.faithfulness import RemovedShare
from deepseek_report.tasks import task_of
from deepseek_report.visualizations.drawing import marks
from deepseek_report.visualizations.drawing.labels import caption, known, wrapped
from deepseek_report.visualizations.drawing.read_results import required
from deepseek_report.visualizations.drawing.sheet import Sheet, on_sheets
from deepseek_report.visualizations.style import CONTROL, LIGHT, SMALL, Axes, colours
from deepseek_report.wording.estimates import of_score
from deepseek_report.wording.of_results import words_of
from deepseek_report.wording.words import Wording

_METRICS = ("deletion", "insertion")
#: Inches of the panels with curves.
_CURVES = 3.3


@dataclass(frozen=True)
class DeletionCurvesPicture(PicturePart):
    """Draws deletion and insertion by explainer, and the gain over the random control.

    Drawn are the explainers that answer the question of the run; all of them, where none plays the
    game asked about.
    """

    reveals = "aggregate"
    section = "trust"
    needs = frozenset({"measures/deletion", "conclusions"})
    also = frozenset({"measures/insertion", "explanations"})

    def draw(self, results: Results) -> Sequence[Picture]:
        view = _View.of(results)
        gains = 0.9 + 0.27 * len(view.judged)
        heights = max(_CURVES, gains), _CURVES + gains
        return [
            on_sheets(
                "deletion_curves",
                heights,
                lambda sheet: _paint(sheet, view),
                title=_title(view),
                alt=_alt(view),
            )
        ]


@dataclass(frozen=True)
class _View:
    """{metric: its curves}, and {metric: {explainer: gain over the control}}.

    beats : {explainer: whether it beats a random order}, as its verdict says; None is open.
    elsewhere : methods that are not drawn and beat a random order in a game of their own.
    has_skill : whether the model is shown to beat a constant, so that its explanations are of use.
    """

    curves: dict[str, list[RemovedShare]]
    gains: dict[str, dict[str, Score]]
    names: list[str]
    is_share: bool
    beats: dict[str, bool | None]
    elsewhere: list[str]
    has_skill: bool
    words: Wording

    @property
    def outcome(self) -> Message:
        """What the curves are of."""
        return caption("deletion_curves.outcome")

    @classmethod
    def of(cls, results: Results) -> _View:
        curves = {"deletion": required(results, "deletion", "curve", RemovedShare)}
        if inserted := results.rows("insertion", "curve", RemovedShare):
            curves["insertion"] = inserted
        verdicts = results.conclusions.explainers
        others = [verdict.explainer for verdict in verdicts if verdict.other_game is not None]
        if any(plays(results, verdict.explainer) for verdict in verdicts):
            curves = {
                name: [point for point in curve if point.explainer not in others]
                for name, curve in curves.items()
            }
        names = list(dict.fromkeys(point.explainer for point in curves["deletion"]))
        gains = {metric: _gains(results, f"{metric}_gain", names) for metric in curves}
        judged = [verdict for verdict in verdicts if verdict.explainer in names]
        elsewhere = [v.explainer for v in verdicts if v not in judged and v.beats_random]
        beats = {verdict.explainer: verdict.beats_random for verdict in judged}
        is_share = task_of(results.schema.target).decides
        has_skill = all(verdict.use != "no_skill" for verdict in judged)
        return cls(curves, gains, names, is_share, beats, elsewhere, has_skill, words_of(results))

    @property
    def judged(self) -> list[str]:
        """Without the control, the greatest gain in deletion first."""
        gain = {name: score.value for name, score in self.gains["deletion"].items()}
        others = [name for name in self.names if name != CONTROL]
        return sorted(others, key=lambda name: -gain.get(name, float("-inf")))


def _gains(results: Results, metric: str, names: Sequence[str]) -> dict[str, Score]:
    gains = {name: results.score(metric, explainer=name) for name in names if name != CONTROL}
    return {name: gain for name, gain in gains.items() if gain is not None and known(gain.value)}


def _paint(sheet: Sheet, view: _View) -> None:
    limits, below = _limits(view), 0.6
    if sheet.is_narrow:
        _gain_panel(sheet.axes(1.4, 0.6, 0.2, _CURVES + 0.35), view)
        below = sheet.height - _CURVES + 0.6
    else:
        _gain_panel(sheet.axes(5.95, 0.6, 0.15, 0.4), view)
    step, across = (1.8, 1.45) if sheet.is_narrow else (2.02, 1.58)
    for place, (metric, curve) in enumerate(view.curves.items()):
        left = 0.75 + step * place
        axes = sheet.axes(left, below, sheet.width - left - across, 0.4)
        _curves(axes, curve, view)
        axes.set_title(view.words.text(f"pictures.deletion_curves.{metric}"))
        axes.set(ylim=limits)
        axes.set_xlabel(view.words.text(f"pictures.deletion_curves.across_{metric}"))
        (marks.percent_ticks if view.is_share else marks.value_ticks)(axes, "y", view.words)
        if place == 0:
            axes.set_ylabel(view.words.say(view.outcome))
        else:
            axes.tick_params(labelleft=False)


def _limits(view: _View) -> tuple[float, float]:
    """Around the mean curves, whose differences count."""
    values = [point.mean.value for curve in view.curves.values() for point in curve]
    means = np.array(values)[np.isfinite(values)]
    room = 0.15 * float(np.ptp(means)) + 0.005
    most = float(means.max()) + room
    return max(float(means.min()) - room, 0.0), min(most, 1.0) if view.is_share else most


def _curves(axes: Axes, curve: Sequence[RemovedShare], view: _View) -> None:
    tone = colours(view.names)
    for name in sorted(view.names, key=lambda explainer: explainer != CONTROL):
        own = sorted(
            (point.removed_share, point.mean.value) for point in curve if point.explainer == name
        )
        width = 2.6 if name == CONTROL else 1.7
        axes.plot(*zip(*own, strict=True), color=tone[name], linewidth=width)
    marks.grid(axes, "y")
    axes.set_xlim(0, 1)
    marks.percent_ticks(axes, "x", view.words, 2)


def _gain_panel(axes: Axes, view: _View) -> None:
    tone, names = colours(view.names), view.judged
    marks.rows(axes, [wrapped(view.words.explainer(name), 18) for name in names])
    for label, name in zip(axes.get_yticklabels(), names, strict=True):
        label.set_color(tone[name])
    for metric, aside in zip(_METRICS, (-0.16, 0.16), strict=True):
        for row, name in enumerate(names):
            score = view.gains.get(metric, {}).get(name)
            if score is not None:
                look = marks.MarkStyle(tone[name], size=5, hollow=metric == "insertion")
                marks.intervals(axes, [(row + aside, of_score(score))], look)
    marks.grid(axes, "x")
    axes.axvline(0, color=LIGHT.context, linewidth=2)
    marks.value_ticks(axes, "x", view.words, 2)
    marks.keep_ticks_apart(axes)
    axes.set_title(view.words.text("pictures.deletion_curves.gain"), fontsize=SMALL)
    axes.set_xlabel(view.words.text("pictures.deletion_curves.area"))


def _title(view: _View) -> Message:
    gains = view.gains["deletion"]
    if not gains:
        return caption("deletion_curves.title_no_gain")
    if not view.has_skill:
        return caption("deletion_curves.title_no_skill")
    outcomes = {True: "beat", False: "failed", None: "open"}
    named: dict[str, list[str]] = {outcome: [] for outcome in outcomes.values()}
    for name in view.judged:
        if name in gains:
            named[outcomes[view.beats.get(name)]].append(name)
    return caption("deletion_curves.title_of_tests", elsewhere=view.elsewhere, **named)


def _alt(view: _View) -> Message:
    deletion = view.curves["deletion"]
    return caption(
        "deletion_curves.alt",
        n=max(point.n for point in deletion),
        start=min(deletion, key=lambda point: point.removed_share).mean.value,
        gains=[_alt_gains(view, metric) for metric, gains in view.gains.items() if gains],
    )


def _alt_gains(view: _View, metric: str) -> Message:
    gains = view.gains[metric]
    explainers = [
        caption("deletion_curves.alt_gain", explainer=name, gain=of_score(gains[name]))
        for name in view.judged
        if name in gains
    ]
    return caption(f"deletion_curves.alt_gains_{metric}", explainers=explainers)
