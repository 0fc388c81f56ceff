"""How explainers do in tests: removing features, agreement, and the known cause."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.explanation import CONTROL
from deepseek_report.artifacts.message import Message
from deepseek_report.artifacts.picture import Picture
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.score import Score
from deepseek_report.findings.explainer_verdicts import plays
from deepseek_report.findings.rules_explanations import hits, telling_gains
from deepseek_report.metrics.explanations.agreement import ExplainerPair
from deepseek_report.metrics.explanations.faithfulness import RemovedShare
from deepseek_report.metrics.explanations.localisation import LocalisedShare
from deepseek_report.tasks import task_of
from deepseek_report.visualizations.drawing import marks, read_results
from deepseek_report.visualizations.drawing.labels import caption, extent, known, short, wrapped
from deepseek_report.visualizations.drawing.sheet import OnePicture, Sheet, on_sheets, sheets_of
from deepseek_report.visualizations.style import LIGHT, SERIES, SMALL, Axes, colours
from deepseek_report.wording.estimates import of_score
from deepseek_report.wording.of_results import words_of
from deepseek_report.wording.words import Wording, sentence_case

# --- How the output falls when the features are removed in the order of an explanation ------------

_METRICS = ("deletion", "insertion")
#: Inches of the panels with curves.
_CURVES = 3.3


@dataclass(frozen=True)
class DeletionCurvesPicture(OnePicture):
    """Draws deletion and insertion by explainer, and the gain over the random control.

    Drawn are the explainers that answer the question of the run; all of them, where none plays the
    game asked about.
    """

    reveals = "aggregate"
    section = "trust"
    needs = frozenset({"measures/deletion", "conclusions"})
    also = frozenset({"measures/insertion", "explanations"})

    def picture(self, results: Results) -> Picture:
        view = _View.of(results)
        gains = 0.9 + 0.27 * len(view.judged)
        heights = max(_CURVES, gains), _CURVES + gains
        return sheets_of(view, "deletion_curves", heights)


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
        inserted = results.rows("insertion", "curve", RemovedShare)
        curves = {"deletion": read_results.required(results, "deletion", "curve", RemovedShare)}
        curves |= {"insertion": inserted} if inserted else {}
        verdicts = results.conclusions.explainers
        others = [verdict.explainer for verdict in verdicts if verdict.other_game is not None]
        if any(plays(results, verdict.explainer) for verdict in verdicts):
            curves = {
                name: [point for point in curve if point.explainer not in others]
                for name, curve in curves.items()
            }
        names = list(dict.fromkeys(point.explainer for point in next(iter(curves.values()))))
        gains = dict[str, dict[str, Score]]()
        for metric in curves:
            scores = {name: results.score(f"{metric}_gain", explainer=name) for name in names}
            gains[metric] = {
                name: score
                for name, score in scores.items()
                if name != CONTROL and score is not None and known(score.value)
            }
        judged = [verdict for verdict in verdicts if verdict.explainer in names]
        elsewhere = [v.explainer for v in verdicts if v not in judged and v.beats_random]
        beats = {verdict.explainer: verdict.beats_random for verdict in judged}
        is_share = task_of(results.schema.target).decides
        has_skill = all(verdict.use != "no_skill" for verdict in judged)
        return cls(curves, gains, names, is_share, beats, elsewhere, has_skill, words_of(results))

    @property
    def by_deletion(self) -> dict[str, Score]:
        """{explainer: its gain where features are removed}."""
        return self.gains["deletion"]

    @property
    def judged(self) -> list[str]:
        """Without the control, the greatest gain in deletion first."""
        gain = {name: score.value for name, score in self.by_deletion.items()}
        others = [name for name in self.names if name != CONTROL]
        return sorted(others, key=lambda name: -gain.get(name, float("-inf")))

    def paint(self, sheet: Sheet) -> None:
        limits, below = _limits(self), 0.6
        if sheet.is_narrow:
            _gain_panel(sheet.axes(1.4, 0.6, 0.2, _CURVES + 0.35), self)
            below = sheet.height - _CURVES + 0.6
        else:
            _gain_panel(sheet.axes(5.95, 0.6, 0.15, 0.4), self)
        step, across = (1.8, 1.45) if sheet.is_narrow else (2.02, 1.58)
        for place, (metric, curve) in enumerate(self.curves.items()):
            left = 0.75 + step * place
            axes = sheet.axes(left, below, sheet.width - left - across, 0.4)
            _curves(axes, curve, self)
            axes.set_title(self.words.text(f"pictures.deletion_curves.{metric}"))
            axes.set(ylim=limits)
            axes.set_xlabel(self.words.text(f"pictures.deletion_curves.across_{metric}"))
            (marks.percent_ticks if self.is_share else marks.value_ticks)(axes, "y", self.words)
            if place == 0:
                axes.set_ylabel(self.words.say(self.outcome))
            else:
                axes.tick_params(labelleft=False)

    def title(self) -> Message:
        gains = self.by_deletion
        if not gains:
            return caption("deletion_curves.title_no_gain")
        if not self.has_skill:
            return caption("deletion_curves.title_no_skill")
        outcomes = {True: "beat", False: "failed", None: "open"}
        named: dict[str, list[str]] = {outcome: [] for outcome in outcomes.values()}
        for name in self.judged:
            if name in gains:
                named[outcomes[self.beats.get(name)]].append(name)
        return caption("deletion_curves.title_of_tests", elsewhere=self.elsewhere, **named)

    def alt(self) -> Message:
        deletion, listed = next(iter(self.curves.values())), list[Message]()
        for metric, gains in self.gains.items():
            explainers = [
                caption("deletion_curves.alt_gain", explainer=name, gain=of_score(gains[name]))
                for name in self.judged
                if name in gains
            ]
            if gains:
                key = f"deletion_curves.alt_gains_{metric}"
                listed.append(caption(key, explainers=explainers))
        return caption(
            "deletion_curves.alt",
            n=max(point.n for point in deletion),
            start=min(deletion, key=lambda point: point.removed_share).mean.value,
            gains=listed,
        )


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


# --- How far the explainers give the same ranking -------------------------------------------------


@dataclass(frozen=True)
class AgreementPicture(OnePicture):
    """Draws the rank correlation of every pair of explainers, with intervals."""

    reveals = "aggregate"
    section = "trust"
    needs = frozenset({"measures/explainer_agreement"})

    def picture(self, results: Results) -> Picture:
        pairs = read_results.required(results, "explainer_agreement", "pairs", ExplainerPair)
        undefined = [_pair(pair) for pair in pairs if not pair.spearman.is_defined]
        ordered = sorted(
            (pair for pair in pairs if pair.spearman.is_defined),
            key=lambda pair: (pair.has_control, -pair.spearman.value),
        )
        words, n = words_of(results), len(ordered)
        listed = [
            caption("agreement.alt_pair", pair=_pair(pair), correlation=pair.spearman)
            for pair in ordered
        ]
        return on_sheets(
            "agreement",
            Sheet.heights(n, row=0.25, narrow=0.34, around=0.85),
            lambda sheet: _paint_agreement(sheet, ordered, words),
            title=_title_agreement(ordered, none_ranks=bool(undefined)),
            alt=caption("agreement.alt", n=n, pairs=listed),
            how_to_read=caption("agreement.how_to_read", undefined=undefined),
        )


def _pair(pair: ExplainerPair) -> Message:
    return caption("agreement.pair", a=pair.explainer_a, b=pair.explainer_b)


def _paint_agreement(sheet: Sheet, pairs: Sequence[ExplainerPair], words: Wording) -> None:
    names = [sentence_case(words.say(_pair(pair))) for pair in pairs]
    labels, left = sheet.row_labels(names, 48, 3.6)
    across, foot = sheet.below(words.text("pictures.agreement.axis"), left)
    axes = sheet.axes(left, foot, 0.45 if sheet.is_narrow else 0.25, 0.15)
    marks.rows(axes, labels)
    for control in (False, True):
        own = [(at, pair.spearman) for at, pair in enumerate(pairs) if pair.has_control == control]
        marks.intervals(axes, own, marks.MarkStyle(LIGHT.context if control else SERIES[0]))
        for place, rank in own:
            text = words.numbers.number(rank.value, rank.low, rank.high)
            marks.note(axes, text, (read_results.reach(rank), place), (6, 0), va="center")
    marks.grid(axes, "x")
    axes.axvline(0, color=LIGHT.context, linewidth=1)
    values, lows, _ = read_results.estimate_columns(pair.spearman for pair in pairs)
    axes.set_xlim(min(-0.1, float(np.nanmin([values, lows], initial=1.0)) - 0.05), 1.1)
    axes.set_xticks([at for at in (-1, -0.5, 0, 0.25, 0.5, 0.75, 1) if at >= axes.get_xlim()[0]])
    marks.plain_ticks(axes, "x", words)
    axes.set_xlabel(across)


def _title_agreement(ordered: Sequence[ExplainerPair], *, none_ranks: bool) -> Message:
    pairs = [pair for pair in ordered if not pair.has_control]
    if not pairs:
        return caption("agreement.title_none_ranks" if none_ranks else "agreement.title_alone")
    best = _judged(pairs[0], "best")
    if len(pairs) == 1:
        return caption("agreement.title_one_pair", **best)
    return caption("agreement.title", **best, **_judged(pairs[-1], "worst"))


def _judged(pair: ExplainerPair, name: str) -> dict[str, Message | Estimate]:
    """The pair and its correlation, under the name that a title has for them."""
    two = caption("agreement.two", a=pair.explainer_a, b=pair.explainer_b)
    return {name: two, f"{name}_correlation": pair.spearman}


# --- Whether explainers point where the cause is known to be --------------------------------------

#: The measure whose gain over chance is concluded from.
_CONCLUDED = "relevance_mass"
#: Panels side by side on a narrow page.
_ABREAST = 2
_ROW, _HEAD, _FOOT, _RIGHT = 0.3, 0.72, 0.55, 0.15


@dataclass(frozen=True)
class LocalisationPicture(OnePicture):
    """Draws how much of each explainer lies where the cause is known to be, against chance."""

    reveals = "aggregate"
    section = "trust"
    needs = frozenset({"measures/localisation"})
    needs_truth = True

    def picture(self, results: Results) -> Picture:
        words = words_of(results)
        table = read_results.required(results, "localisation", "localisation", LocalisedShare)
        names = list(dict.fromkeys(row.explainer for row in table))
        names.sort(key=lambda name: name == CONTROL)
        measures = [
            _Measured(measure, _label(measure, words), {row.explainer: row for row in own})
            for measure, own in read_results.grouped(table, lambda row: row.measure).items()
        ]
        line = _line(names)
        cases = (row.n for measure in measures for row in measure.explainers.values())
        return on_sheets(
            "localisation",
            (line, line * math.ceil(len(measures) / _ABREAST)),
            lambda sheet: _paint_localisation(sheet, names, measures, words),
            title=_title_localisation(results, measures),
            alt=caption(
                "localisation.alt",
                measures=[_alt_measure(names, measure) for measure in measures],
                n=max((n for n in cases if n is not None), default=None),
            ),
        )


@dataclass(frozen=True)
class _Measured:
    """A measure with its short title, and what each explainer reaches by it."""

    key: str
    label: str
    explainers: dict[str, LocalisedShare]

    @property
    def name(self) -> Message:
        """What was measured, as texts name it."""
        return caption("localisation.measure", key=self.key, label=short(self.label, 50))


def _label(measure: str, words: Wording) -> str:
    """A short title; a measure that has none keeps its label of the catalog."""
    key = f"pictures.localisation.measures.{measure}"
    return words.text(key) if words.has(key) else words.label("localisation_measures", measure)


def _line(names: Sequence[str]) -> float:
    """Inches of a line of panels."""
    return _HEAD + _ROW * len(names) + _FOOT


def _paint_localisation(
    sheet: Sheet, names: Sequence[str], measures: Sequence[_Measured], words: Wording
) -> None:
    labels = [words.explainer(name) for name in names]
    left, line = extent(labels) + 0.12, _line(names)
    abreast = _ABREAST if sheet.is_narrow else len(measures)
    step = (sheet.width - _RIGHT - left) / abreast
    for place, measure in enumerate(measures):
        lines_above, at = divmod(place, abreast)
        lines_below = (len(measures) - 1) // abreast - lines_above
        right = sheet.width - left - (at + 1) * step + 0.16
        axes = sheet.axes(
            left + at * step + 0.1, _FOOT + lines_below * line, right, _HEAD + lines_above * line
        )
        marks.rows(axes, labels if at == 0 else [""] * len(labels))
        _points(axes, measure, names, words)
        title = wrapped(sentence_case(measure.label), max(9, int(step * 10)), 3)
        axes.set_title(title, fontsize=SMALL)


def _points(axes: Axes, measure: _Measured, names: Sequence[str], words: Wording) -> None:
    chances = [row.chance for row in measure.explainers.values() if known(row.chance)]
    if chances:
        dashes = (0, (3, 3))
        axes.axvline(float(np.mean(chances)), color=LIGHT.context, linewidth=1, linestyle=dashes)
    for at, name in enumerate(names):
        look = (
            marks.MarkStyle(LIGHT.context, hollow=True)
            if name == CONTROL
            else marks.MarkStyle(SERIES[0])
        )
        row = measure.explainers.get(name)
        marks.intervals(axes, [(at, row.value)] if row else [], look)
    axes.set_xlim(-0.06, 1.06)  # a mark at an end is whole
    marks.grid(axes, "x")
    marks.value_ticks(axes, "x", words, 3)


def _title_localisation(results: Results, measures: Sequence[_Measured]) -> Message:
    """The method that hits the truth best, by what is concluded of the gains over chance."""
    gains = telling_gains(results)
    if not gains:
        return caption("localisation.title_open")
    best = next(filter(hits, gains), gains[0])
    concluded = next(measure for measure in measures if measure.key == _CONCLUDED)
    row = concluded.explainers[best.explainer]
    return caption(
        "localisation.title",
        explainer=best.explainer,
        above=hits(best),
        measure=concluded.name,
        value=row.value,
        chance=row.chance,
    )


def _alt_measure(names: Sequence[str], measure: _Measured) -> Message:
    reached = {name: measure.explainers[name].value for name in names if name in measure.explainers}
    explainers = [
        caption("localisation.alt_explainer", explainer=name, value=value)
        for name, value in reached.items()
        if value.is_defined
    ]
    return caption("localisation.alt_measure", measure=measure.name, explainers=explainers)
