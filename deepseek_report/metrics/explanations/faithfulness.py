"""Does the attribution agree with what the model does? Deletion, insertion, completeness."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Annotated, ClassVar

import numpy as np
import pandas as pd
from pydantic import Field

from deepseek_report.artifacts.array_types import Floats, Ints
from deepseek_report.artifacts.disclosure import WHOLE
from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.explanation import CONTROL, Explanation, Game
from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.artifacts.message import Text, message
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.score import Score
from deepseek_report.artifacts.table import TableType
from deepseek_report.artifacts.table_rows import BARE_ENDS
from deepseek_report.data_kinds import kind_of
from deepseek_report.errors import NotApplicableError
from deepseek_report.metrics.explanations import curves, explanation_plugin
from deepseek_report.metrics.explanations.agreement import rowwise_spearman
from deepseek_report.metrics.explanations.curves import Mode, Perturbation
from deepseek_report.metrics.explanations.explanation_plugin import ExplanationMetric, about_sample
from deepseek_report.metrics.plugin import Resamples
from deepseek_report.statistics.ranking import thin
from deepseek_report.statistics.resampling import Resampling, bootstrap, bootstrap_method
from deepseek_report.tasks import task_of

_PETSIUK = "Petsiuk, Das & Saenko 2018, arXiv:1806.07421"
_SUNDARARAJAN = "Sundararajan, Taly & Yan 2017, arXiv:1703.01365"


@dataclass(frozen=True)
class RemovedShare:
    """The mean output with a share of the players taken away, or put back: a row of `curve`."""

    explainer: Annotated[str, "explainer"]
    removed_share: Annotated[float, "share"]
    mean: Annotated[Estimate, BARE_ENDS]
    n: int


@dataclass(frozen=True)
class RemovalMetric(ExplanationMetric):
    """Defaults of a metric that takes players away, or puts them back, by their attributions."""

    tables = {"curve": TableType.of(RemovedShare, release=WHOLE)}
    reads = curves.CURVES | {"cases", "explanation", "control"}
    mode: ClassVar[Mode]
    steps: curves.Steps = 10
    resamples: Resamples = 2000

    def measure(self, context: MeasureContext) -> Measurement:
        explanation, mode, schema = self.judged(context), self.mode, context.dataset.schema
        replacing = curves.perturbation(context, explanation, self.steps)
        outcomes = replacing.curves(curves.order_of(explanation, replacing), mode)
        areas, task = replacing.areas(outcomes), task_of(schema.target)
        score = self.scorer(context, explanation.method, _PETSIUK)
        note = message(
            "notes.faithfulness.curve",
            signed=explanation.signed,
            outcome=task.outcome,
            points=len(replacing.shares),
            watched=task.watched,
            baseline=kind_of(schema).compared(replacing.game, len(context.background)),
        )
        bounds, better = task.watched_bounds, "lower" if mode == "deletion" else "higher"
        scores = [score(mode, areas, better, note, bounds=bounds)]
        arrays, control = {"per_instance": areas}, context.control
        if control is not None and explanation.method != CONTROL:
            of_control = curves.areas_of(context, CONTROL, control, replacing, mode)
            gain = of_control - areas if mode == "deletion" else areas - of_control
            bounds = (None, None) if bounds[0] is None else (-1.0, 1.0)
            note = message("notes.faithfulness.gain")
            scores.append(score(f"{mode}_gain", gain, "higher", note, bounds=bounds))
            arrays["control"] = of_control
        mean, low, high = explanation_plugin.bootstrap_mean(outcomes, self.resamples, context.seed)
        curve = pd.DataFrame(
            {
                "explainer": explanation.method,
                "removed_share": replacing.shares,
                "mean": mean,
                "low": low,
                "high": high,
                "n": len(outcomes),
            }
        )
        notes = tuple(_notes(context, explanation, replacing))
        return Measurement(tuple(scores), {"curve": curve}, arrays, notes=notes)


@dataclass(frozen=True)
class Deletion(RemovalMetric):
    """Area under the probability of the decision while its main features are taken away.

    What speaks most for the decided class is taken away first; the lower the area the better. In
    its place comes what the explanation compares with, its game: background rows (two for each
    case, other ones for other cases, half as many points), one baseline, or what goes with what
    stays. `deletion_gain` is the paired difference random order − this order in that game: above 0
    means that the explanation knows more than chance.

    Texts lose words, images patches, series windows. Of a number the curve is
    s · (f(x_S) − f(x')) / σ, the distance from the number where all is taken away, x', in the
    direction s = ±1 of the prediction, in standard deviations σ of the training labels.

    Reference: Petsiuk, Das & Saenko 2018, arXiv:1806.07421.
    """

    reveals = "aggregate"
    mode = "deletion"
    bounds = {"deletion": (None, None), "deletion_gain": (None, None)}
    takes = frozenset({"deletion"})


@dataclass(frozen=True)
class Insertion(RemovalMetric):
    """Area under the probability of the decision while its main features are put back.

    From an input of which all is taken away, as in the game of the explanation (see `deletion`),
    what speaks most for the decided class is restored first; the higher the area the better.
    `insertion_gain` is the paired difference this order − random order: above 0 means that the
    explanation knows more than chance. For texts, images, series and numbers see `deletion`.

    Reference: Petsiuk, Das & Saenko 2018, arXiv:1806.07421.
    """

    reveals = "aggregate"
    mode = "insertion"
    bounds = {"insertion": (None, None), "insertion_gain": (None, None)}
    takes = frozenset({"insertion"})


def _notes(
    context: MeasureContext, explanation: Explanation, replacing: Perturbation
) -> Iterator[Text]:
    if context.control is None and explanation.method != CONTROL:
        yield message("notes.faithfulness.no_control")
    schema, decided = context.dataset.schema, context.predictions.decisions[explanation.positions]
    several = len(schema.target.classes) > 2
    if several and explanation.signed and explanation.toward_each(decided) is None:
        yield message("notes.faithfulness.other_class")
    yield kind_of(schema).replacing(replacing.game, replacing.replacement.draws)
    yield from about_sample(context)


@dataclass(frozen=True)
class CompletenessGap(ExplanationMetric):
    """How far the attributions miss the distance between prediction and base value.

    mean |Σ attributions − (prediction − base)| / mean |prediction − base|; 0 means that the
    attributions account for the whole prediction.

    Reference: Sundararajan, Taly & Yan 2017, arXiv:1703.01365.
    """

    reveals = "aggregate"

    resamples: Resamples = 2000

    bounds = {"completeness_gap": (0.0, None)}
    reads = frozenset({"explanation", "seed"})

    def measure(self, context: MeasureContext) -> Measurement:
        explanation = self.judged(context)
        gap = explanation.completeness_gap
        if gap is None or explanation.base_values is None:
            raise NotApplicableError(message("refusals.no_base_value"))
        distance = np.abs(explanation.predictions - explanation.base_values)
        draws = self.resamples, context.seed
        ratio = explanation_plugin.ratio_of_means(np.abs(gap), distance, *draws)
        score = self.score(
            "completeness_gap",
            ratio,
            "lower",
            explainer=explanation.method,
            reference=_SUNDARARAJAN,
            note=message("notes.completeness.relative"),
        )
        return Measurement(scores=(score,), arrays={"per_instance": gap})


_MODES: tuple[Mode, Mode] = ("deletion", "insertion")
#: Instances for which the greedy order is looked for however many players they have.
_FEWEST = 8
_ALL = slice(None)
#: At how many points it asks anew where few rows stand for what is taken away: what they say more
#: holds of them alone.
_LOOKS_AT_A_SAMPLE = 3


@dataclass(frozen=True)
class FaithfulnessEffect(ExplanationMetric):
    """How much of the reachable gain over a random order each explanation gains.

    `deletion_effect` = mean(area of the random order − area of this order) / mean(area of the
    random order − area of the best order), and `insertion_effect` likewise with the signs turned: 0
    is no better than a random order, below 0 worse, 1 as good as the best order known of each
    instance: that of a greedy search which may ask the model at every step, or that of one of the
    explanations of the same game. Where a sample of rows stands for what is taken away, the search
    is made among other rows than its order is judged by, and the best order is that which gains
    most over all instances. The search is made in at most `instances` instances; in fewer, but at
    least 8, where it would take more than `evaluations` rows of the model; and where 8 would take
    more too, it asks at fewer steps, but at least at the first. Other instances' explanations are
    tried in the same ones: right methods lose so much there that few suffice.

    `own_case_effect` = what is lost, on the same scale, where each instance is given the
    explanation of another instance with the same decision: 0 means that the explanation of another
    would do as well. `shared_order` is the mean rank correlation of an explanation with that of the
    other instance: near 1 all instances have one ranking.

    Reference: Petsiuk, Das & Saenko 2018, arXiv:1806.07421 (deletion and insertion).
    """

    reveals = "aggregate"

    steps: curves.Steps = 10
    instances: Annotated[int, Field(ge=8)] = 48
    evaluations: Annotated[int, Field(ge=100)] = 20_000
    resamples: Resamples = 2000

    bounds = {
        "deletion_effect": (None, None),
        "insertion_effect": (None, None),
        "own_case_effect": (None, None),
        "shared_order": (-1.0, 1.0),
    }
    scope = "explainers"
    reads = curves.CURVES | {"cases", "explanations"}
    takes = frozenset({"deletion", "insertion"})

    def measure(self, context: MeasureContext) -> Measurement:
        explanations = self.compared(context)
        judged = explanation_plugin.without_control(explanations)
        control = next((name for name in explanations if name not in judged), None)
        if control is None or not judged:
            raise NotApplicableError(message("refusals.no_control"))
        first = explanations[control]
        if not all(np.array_equal(e.positions, first.positions) for e in judged.values()):
            raise NotApplicableError(message("refusals.other_cases"))
        scores: dict[str, list[Score]] = {name: [] for name in judged}
        notes: dict[str, Text] = {}
        for game, group in curves.by_game(context, judged).items():
            reachable = self._reachable(context, control, group, game)
            for name, explanation in group.items():
                scores[name] = self._scores(context, name, explanation, reachable)
            n, of = len(reachable.instances), len(first)
            sampled = reachable.replacing.replacement.is_sample
            notes[game] = message("notes.faithfulness_effect.greedy", n=n, of=of, sampled=sampled)
        return Measurement(
            scores=tuple(score for own in scores.values() for score in own),
            notes=(*dict.fromkeys(notes.values()), *about_sample(context)),
        )

    def _reachable(
        self, context: MeasureContext, control: str, judged: Mapping[str, Explanation], game: Game
    ) -> _Reachable:
        """What can be gained in a game; the search is made in a few instances and at a few points.

        Other games than that of the run's question are searched in a third of the instances.
        """
        first = context.explanations[control]
        replacing = curves.perturbation(context, first, self.steps, game=game)
        players, steps = int(replacing.counts.max(initial=1)), len(replacing.shares) - 1
        a_look = max(players * replacing.replacement.draws, 1)
        instances = self.instances if game == context.question else self.instances // 3
        most = max(min(instances, self.evaluations // (a_look * steps)), _FEWEST)
        looks = min(max(self.evaluations // (_FEWEST * a_look), 1), steps)
        if replacing.replacement.is_sample:
            looks = min(looks, _LOOKS_AT_A_SAMPLE)
        chosen = thin(len(replacing.inputs), most)
        few = first.at(chosen)
        searched = curves.perturbation(context, few, self.steps, game=game, sample=1)
        return _Reachable(context, control, tuple(judged), replacing, searched, chosen, looks)

    def _scores(
        self, context: MeasureContext, name: str, explanation: Explanation, reachable: _Reachable
    ) -> list[Score]:
        replacing = reachable.replacing
        other = explanation.at(partners(strata_of(replacing, context)))
        foreign = replace(
            explanation,
            values=np.nan_to_num(other.values),
            others=other.others,
            decided=other.decided,
        )
        gains = np.column_stack(
            [reachable.gain(mode, areas) for mode, areas in reachable.areas[name].items()]
        )
        lost = gains[reachable.instances] - reachable.gains_of(curves.order_of(foreign, replacing))
        ratios = self._ratios(gains, lost.sum(axis=1), reachable, context.seed)
        method = bootstrap_method("BCa", self.resamples, context.seed)
        counted = len(explanation), len(explanation), len(lost)
        notes = {
            "deletion_effect": message("notes.faithfulness_effect.deletion_effect"),
            "insertion_effect": message("notes.faithfulness_effect.insertion_effect"),
            "own_case_effect": message("notes.faithfulness_effect.own_case_effect"),
        }
        scores = [
            replace(
                self.score(
                    metric,
                    Estimate(*ratio, n),
                    "higher",
                    explainer=name,
                    reference=_PETSIUK,
                    note=note,
                ),
                interval_method=method,
            )
            for (metric, note), ratio, n in zip(notes.items(), ratios, counted, strict=True)
        ]
        likeness = _likeness(explanation, foreign, replacing)
        note = message("notes.faithfulness_effect.shared_order")
        shared = self.scorer(context, name)("shared_order", likeness, "none", note)
        return [*scores, shared]

    def _ratios(
        self, gains: Floats, lost: Floats, reachable: _Reachable, seed: int
    ) -> list[tuple[float, float | None, float | None]]:
        """Mean gains and mean loss over the mean reachable gain, with 95 % intervals.

        gains : (instance, mode). lost : (chosen instance,). NaN where nothing can be reached.
        """
        instances, most = reachable.instances, reachable.gains
        below = np.column_stack([most, most.sum(axis=1)])
        if not (below.mean(axis=0) > 0).all():
            return [(float("nan"), None, None)] * below.shape[1]

        def statistic(weights: Floats) -> Floats:
            inside = weights[:, instances]
            inside = inside / np.maximum(inside.sum(axis=1, keepdims=True), 1.0)
            reached = inside @ below
            everywhere = weights @ gains / weights.sum(axis=1, keepdims=True)
            mean = np.column_stack([everywhere, inside @ lost])
            return np.asarray(np.divide(mean, reached, out=np.zeros_like(mean), where=reached > 0))

        strata = np.isin(np.arange(len(gains)), instances).astype(np.int64)
        drawn = Resampling(len(gains), strata=strata)
        replicates = bootstrap(statistic, drawn, self.resamples, seed)
        low, high = replicates.interval()
        ends = zip(replicates.value, low, high, strict=True)
        return [(float(value), float(least), float(most)) for value, least, most in ends]


@dataclass(frozen=True)
class _Reachable:
    """What the best order gains over the random one in some instances, in one game.

    control : name of the random order; judged : names of its explanations. searched : the same
    instances for the search; of rows that are a sample, with other rows than those by which its
    order is judged, since a search among few rows finds what holds of them alone. looks : at how
    many steps of its curve the greedy search asks anew.
    """

    context: MeasureContext
    control: str
    judged: tuple[str, ...]
    replacing: Perturbation
    searched: Perturbation
    instances: Ints
    looks: int

    @cached_property
    def areas(self) -> Mapping[str, Mapping[Mode, Floats]]:
        """{explainer: {mode: (instance,) areas}}, of the control too."""
        explanations = self.context.explanations
        return {
            name: {
                mode: curves.areas_of(self.context, name, explanations[name], self.replacing, mode)
                for mode in _MODES
            }
            for name in (self.control, *self.judged)
        }

    @cached_property
    def gains(self) -> Floats:
        """(chosen instance, mode) gain of the best order over the random one.

        It is the best of each instance; of rows that are a sample, where the best of several would
        be that which chance favours, it is the best one over all instances.
        """
        orders = (curves.greedy_order(self.searched, mode, self.looks) for mode in _MODES)
        greedy = [self._gains_of(order) for order in orders]
        explained = [
            np.column_stack(
                [self.gain(mode, areas)[self.instances] for mode, areas in of_modes.items()]
            )
            for name, of_modes in self.areas.items()
            if name != self.control
        ]
        known = np.array([*greedy, *explained])
        if not self.replacing.replacement.is_sample:
            return np.asarray(known.max(axis=0))
        best = known.mean(axis=1).argmax(axis=0)
        return np.asarray(known[best, :, np.arange(len(_MODES))].T)

    def gains_of(self, order: Ints) -> Floats:
        """(chosen instance, mode) gain of an order of (instance, player) over the random one."""
        return self._gains_of(order[self.instances])

    def _gains_of(self, order: Ints) -> Floats:
        """The same of an order of (chosen instance, player)."""
        areas = {mode: self._few.areas(self._few.curves(order, mode)) for mode in _MODES}
        return np.column_stack(
            [self.gain(mode, area, self.instances) for mode, area in areas.items()]
        )

    @cached_property
    def _few(self) -> Perturbation:
        """The chosen instances alone."""
        return self.replacing.at(self.instances)

    def gain(self, mode: Mode, areas: Floats, chosen: Ints | slice = _ALL) -> Floats:
        """(instance,) gain of an order with these areas over the random one."""
        control = self.areas[self.control][mode][chosen]
        return control - areas if mode == "deletion" else areas - control


def strata_of(replacing: Perturbation, context: MeasureContext) -> Ints:
    """(instance,) what is decided, or whether a number lies above that of the baseline."""
    if task_of(context.dataset.schema.target).decides:
        return np.asarray(replacing.decided, dtype=np.int64)
    return (replacing.directions > 0).astype(np.int64)


def partners(strata: Ints) -> Ints:
    """(instance,) for each the position of another one, of the same stratum where it has one.

    >>> partners(np.array([0, 0, 1, 0, 1, 0, 2])).tolist()
    [3, 5, 4, 0, 2, 1, 2]
    """
    everyone = np.arange(len(strata))
    others = (everyone + max(len(strata) // 2, 1)) % max(len(strata), 1)
    for stratum in np.unique(strata):
        members = np.flatnonzero(strata == stratum)
        if len(members) > 1:
            others[members] = np.roll(members, -(len(members) // 2))
    return others


def _likeness(explanation: Explanation, foreign: Explanation, replacing: Perturbation) -> Floats:
    """(instance,) rank correlation of its attributions toward the outcome with another's."""
    kind, toward = kind_of(replacing.schema), replacing.toward(explanation.target)
    own, other = (
        kind.by_player(values.values, explanation.inputs) for values in (explanation, foreign)
    )
    if not explanation.signed:
        return rowwise_spearman(np.abs(own), np.abs(other))
    return rowwise_spearman(own * toward[:, None], other * toward[:, None])
