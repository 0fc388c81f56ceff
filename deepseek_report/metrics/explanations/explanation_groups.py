"""Are explanations as faithful for one group of people, or part of the data, as for another?"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from deepseek_report.artifacts.array_types import Bools, Floats, Ints
from deepseek_report.artifacts.disclosure import TableRelease
from deepseek_report.artifacts.estimate import UNDEFINED, Estimate
from deepseek_report.artifacts.explanation import Explanation
from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.schema import PARTS, PEOPLE, Attribute
from deepseek_report.artifacts.score import Score
from deepseek_report.artifacts.table import TableType
from deepseek_report.errors import NotApplicableError
from deepseek_report.metrics.explanations import curves
from deepseek_report.metrics.explanations.curves import Perturbation
from deepseek_report.metrics.explanations.explanation_plugin import (
    ExplanationMetric,
    bootstrap_mean,
    ratio_of_means,
    without_control,
)
from deepseek_report.metrics.explanations.explanation_rows import ExplainedGroup
from deepseek_report.metrics.plugin import Resamples
from deepseek_report.statistics import resampling

_DAI = "Dai, Upadhyay, Aivodji, Bach & Lakkaraju 2022, arXiv:2205.07277"


@dataclass(frozen=True)
class ExplanationByGroup(ExplanationMetric):
    """Whether explanations are as faithful for every group of people and part of the data.

    Per explainer, attribute and level the mean deletion area (see `deletion`), and the share that
    is `reached`: mean gain over the random order / mean gain of the best order known of each
    instance, that of one of the explanations of the same game or of what each player moves alone
    (asked for in the game of the run's question, where that takes at most `evaluations` rows of the
    model). Neither the area nor the gain can be
    compared between groups: both are small where the prediction is near the baseline's, however
    right the explanation is. `deletion_gap_by_group` is the greatest minus the smallest share over
    the levels of an attribute. 0 means alike; noise can only raise it, so a permutation test says
    whether it is more than noise. Without a random control, or with one order alone, there is no
    share.

    Reference: Dai et al. 2022, arXiv:2205.07277 (groups).
    """

    reveals = "aggregate"
    tables = {
        "groups": TableType.of(
            ExplainedGroup, release=TableRelease(counts=("n",), lines=(("explainer", "attribute"),))
        )
    }

    steps: curves.Steps = 10
    least: Annotated[int, Field(ge=2)] = 15
    evaluations: Annotated[int, Field(ge=100)] = 20_000
    resamples: Resamples = 2000

    bounds = {"deletion_gap_by_group": (0.0, None)}
    scope = "explainers"
    needs_groups = PEOPLE | PARTS
    reads = curves.CURVES | {"explanations"}
    takes = frozenset({"deletion"})

    def measure(self, context: MeasureContext) -> Measurement:
        explanations = self.compared(context)
        attributes = context.dataset.schema.attributes
        if not attributes:
            raise NotApplicableError(message("refusals.nothing_to_compare.either"))
        areas, gains = self._watched(context, explanations)
        positions = next(iter(explanations.values())).positions
        unknown = np.full(len(context.predictions), -1)
        rows, scores, notes = [], [], []
        for attribute in attributes:
            codes = context.predictions.groups.get(attribute.name, unknown)[positions]
            sizes = [int((codes == code).sum()) for code in range(len(attribute.levels))]
            kept = [code for code, size in enumerate(sizes) if size >= self.least]
            small = [
                message("notes.level_and_size", level=level, n=size)
                for level, size in zip(attribute.levels, sizes, strict=True)
                if size < self.least
            ]
            if small:
                note = message(
                    "notes.explanation_by_group.too_few",
                    attribute=attribute.label,
                    levels=small,
                    least=self.least,
                )
                notes.append(note)
            for name in without_control(explanations):
                gain = gains.get(name)
                rows += self._rows((name, attribute), codes, areas[name], gain, context.seed)
                if gain is not None and len(kept) > 1:
                    scores.append(self._gap((name, attribute), codes, kept, gain, context.seed))
        if len(scores) > 1:
            notes.append(message("notes.explanation_by_group.uncorrected", n=len(scores)))
        return Measurement(tuple(scores), self.frames(groups=rows), notes=tuple(notes))

    def _watched(
        self, context: MeasureContext, explanations: dict[str, Explanation]
    ) -> tuple[dict[str, Floats], dict[str, Gains]]:
        """Per explainer the areas (instance,), and what it gains where that can be told."""
        judged = without_control(explanations)
        control = next((name for name in explanations if name not in judged), None)
        areas: dict[str, Floats] = {}
        gains: dict[str, Gains] = {}
        for game, group in curves.by_game(context, judged).items():
            replacing = curves.perturbation(context, next(iter(group.values())), self.steps)
            areas |= {
                name: curves.areas_of(context, name, own, replacing, "deletion")
                for name, own in group.items()
            }
            if control is None:
                continue
            by_chance = curves.areas_of(
                context, control, explanations[control], replacing, "deletion"
            )
            gained = {name: by_chance - areas[name] for name in group}
            orders = [*gained.values()]
            if game == context.question:
                orders += self._alone(replacing, by_chance)
            if len(orders) > 1:
                best = np.maximum(np.max(orders, axis=0), 0.0)
                gains |= {name: Gains(own, best) for name, own in gained.items()}
        return areas, gains

    def _alone(self, replacing: Perturbation, control: Floats) -> list[Floats]:
        """What the order gains by what each player moves alone; nothing where that is too dear."""
        rows = int(replacing.counts.max(axis=1).sum()) * replacing.replacement.draws
        if rows > self.evaluations:
            return []
        order = curves.greedy_order(replacing, "deletion", looks=1)
        return [control - replacing.areas(replacing.curves(order, "deletion"))]

    def _rows(
        self,
        subject: tuple[str, Attribute],
        codes: Ints,
        area: Floats,
        gain: Gains | None,
        seed: int,
    ) -> list[tuple[object, ...]]:
        name, attribute = subject
        rows: list[tuple[object, ...]] = []
        for code, level in enumerate(attribute.levels):
            chosen, n = codes == code, int((codes == code).sum())
            if n:
                deleted = [float(x) for x in bootstrap_mean(area[chosen], self.resamples, seed)]
                reached = UNDEFINED if gain is None else gain.of(chosen).share(self.resamples, seed)
                ends = reached.value, reached.low, reached.high
                about = (name, attribute.name, attribute.label, level, n)
                rows.append((*about, *deleted, *ends, n < self.least))
        return rows

    def _gap(
        self, subject: tuple[str, Attribute], codes: Ints, kept: list[int], gain: Gains, seed: int
    ) -> Score:
        name, attribute = subject
        inside = np.isin(codes, kept)
        gap, p_value = gap_of_shares(gain.of(inside), codes[inside], self.resamples, seed)
        return self.score(
            "deletion_gap_by_group",
            gap,
            "lower",
            unit="share",
            explainer=name,
            attribute=attribute.name,
            p_value=p_value,
            reference=_DAI,
            note=message("notes.explanation_by_group.gap", levels=len(kept)),
        )


@dataclass(frozen=True)
class Gains:
    """What an order gains over the random one, and what the best order known gains.

    own : (instance,). best : (instance,) at least 0.
    """

    own: Floats
    best: Floats

    def of(self, chosen: Bools) -> Gains:
        """Those of some instances."""
        return Gains(self.own[chosen], self.best[chosen])

    def share(self, resamples: int, seed: int) -> Estimate:
        """The share of the best gain that is reached, with its 95 % interval."""
        return ratio_of_means(self.own, self.best, resamples, seed, (-math.inf, 1.0))


def gap_of_shares(gains: Gains, strata: Ints, resamples: int, seed: int) -> tuple[Estimate, float]:
    """Greatest minus smallest share that is reached over the strata, with its 95 % interval.

    Noise can only raise the gap, so the bootstrap seldom reaches 0; the interval begins there
    where the permutation test gives more than 0.05.

    gains : of (instance,).
    strata : (instance,) group of each; instances are drawn within these.
    resamples, seed : of the bootstrap.

    Returns an Estimate, not negative, and the p-value that chance explains the gap.
    """
    member = (strata[:, None] == np.unique(strata)).astype(np.float64)

    def statistic(weights: Floats) -> Floats:
        own, best = (weights @ (each[:, None] * member) for each in (gains.own, gains.best))
        return np.asarray(np.ptp(own / np.maximum(best, _LEAST_GAIN), axis=1))

    drawn = resampling.Resampling(len(strata), strata=strata)
    replicates = resampling.bootstrap(statistic, drawn, resamples, seed)
    low, high = replicates.interval(least=0.0)
    p_value = shares_p_value(gains, strata, resamples, seed)
    by_chance = p_value > 0.05
    method = resampling.bootstrap_method(replicates.method, resamples, seed, "within_groups")
    if by_chance:
        method = message("interval_methods.from_zero", method=method)
    method = message("interval_methods.p_value_by_permutation", method=method)
    ends = 0.0 if by_chance else float(low), float(high)
    return Estimate(float(replicates.value), *ends, len(strata), method), p_value


#: Sums of gains below this are nothing, and so are standard errors of shares.
_LEAST_GAIN = 1e-9


def shares_p_value(gains: Gains, strata: Ints, permutations: int, seed: int) -> float:
    """How often groups lie as far apart when instances are dealt out to them by chance.

    The distance of two shares is taken in standard errors: what can be gained varies much more in
    one group than in another, and so does a share without any difference.

    gains : of (instance,).
    strata : (instance,) group of each.
    permutations, seed : how many shuffles, and of what seed.

    Returns a p-value in (0, 1].

    Reference: Chung & Romano 2013, doi:10.1214/13-AOS1090 (permutation tests of studentized
    statistics).
    """
    rng = np.random.default_rng([seed, 3])
    places = np.arange(len(strata))
    shuffled = rng.permuted(np.tile(places, (permutations, 1)), axis=1)
    member = (strata[:, None] == np.unique(strata)).astype(np.float64)
    null, seen = (_furthest(gains, order, member) for order in (shuffled, places[None]))
    return resampling.permutation_p_value(null, float(seen[0]))


def _furthest(gains: Gains, order: Ints, member: Floats) -> Floats:
    """(order,) greatest distance of two groups' shares in standard errors (delta method)."""
    own, best = gains.own, gains.best
    sums = [each[order] @ member for each in (own, best, own * own, own * best, best * best)]
    under = np.maximum(sums[1], _LEAST_GAIN)
    share, sizes = sums[0] / under, member.sum(axis=0)
    squares = sums[2] - 2 * share * sums[3] + share**2 * sums[4]
    variance = np.maximum(squares, 0) * sizes / np.maximum(sizes - 1, 1) / under**2
    apart = np.abs(share[:, :, None] - share[:, None, :])
    error = np.sqrt(variance[:, :, None] + variance[:, None, :]) + _LEAST_GAIN
    return np.asarray((apart / error).max(axis=(1, 2)))
