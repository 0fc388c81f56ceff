"""What the metrics of explanations have in common."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import ClassVar

import numpy as np

from deepseek_report.artifacts.array_types import Floats
from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.explanation import CONTROL, Explanation
from deepseek_report.artifacts.message import Text, message
from deepseek_report.artifacts.protocols.metrics import MeasureContext, Scope
from deepseek_report.artifacts.protocols.traits import MetricPart
from deepseek_report.artifacts.score import Direction, Score
from deepseek_report.errors import NotApplicableError
from deepseek_report.statistics import resampling
from deepseek_report.tasks import task_of


class ExplanationMetric(MetricPart):
    """Defaults of a metric that judges one explanation."""

    category = "explanation"
    scope: ClassVar[Scope] = "explainer"
    resamples: int

    @staticmethod
    def judged(context: MeasureContext) -> Explanation:
        """The explanation to judge.

        Raises NotApplicableError: none was given.
        """
        if context.explanation is None or not len(context.explanation):
            raise NotApplicableError(message("refusals.nothing_explained"))
        return context.explanation

    @staticmethod
    def compared(context: MeasureContext) -> dict[str, Explanation]:
        """All explanations, in the order of the config.

        Raises NotApplicableError: there is none.
        """
        if not context.explanations:
            raise NotApplicableError(message("refusals.no_explanations"))
        return dict(context.explanations)

    def scorer(
        self, context: MeasureContext, explainer: str, reference: str = ""
    ) -> Callable[..., Score]:
        """`mean_score` of what one explainer gets, with intervals as the metric draws them."""
        draws = self.resamples, context.seed
        return partial(self.mean_score, draws=draws, explainer=explainer, reference=reference)

    @classmethod
    def mean_score(
        cls,
        metric: str,
        values: Floats,
        direction: Direction,
        note: Text = "",
        *,
        draws: tuple[int, int],
        **fields: object,
    ) -> Score:
        """The mean over explained instances as a score.

        values : (instance,); NaN, where the number is not defined for an instance, is left out and
            counted in the note.
        draws : resamples and seed of the bootstrap. fields : further fields of the score.
        """
        known = values[~np.isnan(values)]
        mean, low, high = (float(end) for end in bootstrap_mean(known, *draws))
        missing = message("notes.undefined", n=len(values) - len(known), of=len(values))
        notes = [each for each in (note, missing if len(known) < len(values) else "") if each]
        score = cls.score(
            metric,
            Estimate(mean, low, high, len(known)),
            direction,
            note=message("notes.joined", notes=notes) if len(notes) > 1 else [*notes, ""][0],
            **fields,
        )
        return replace(score, interval_method=resampling.bootstrap_method("BCa", *draws))


def about_sample(context: MeasureContext) -> tuple[Text, ...]:
    """That some explained instances were picked and not drawn, and so are no random sample."""
    picked, n = len(context.cases.picked), len(context.cases.explained)
    if not picked:
        return ()
    task = task_of(context.dataset.schema.target)
    about = message(
        "notes.explained.picked", picked=picked, n=n, extreme=task.extreme, within=task.within
    )
    return (about,)


def without_control(explanations: dict[str, Explanation]) -> dict[str, Explanation]:
    """The explanations that claim to explain something."""
    return {name: each for name, each in explanations.items() if each.method != CONTROL}


def bootstrap_mean(values: Floats, resamples: int, seed: int) -> tuple[Floats, Floats, Floats]:
    """Mean over instances with its 95 % BCa interval from a bootstrap of instances.

    values : (instance, …); each further element gets its own mean and interval, on the same
        resamples.
    resamples : how often the instances are drawn anew.
    seed : of the draws.

    Returns (mean, low, high) of shape (…); low and high are NaN for fewer than two instances, and
        so is the mean where there is none.
    """
    n, shape = len(values), values.shape[1:]
    flat = values.reshape(n, math.prod(shape))
    if n < 2:
        mean = flat.mean(axis=0) if n else np.full(flat.shape[1], np.nan)
        unknown = np.full(shape, np.nan)
        return mean.reshape(shape), unknown, unknown
    replicates = resampling.bootstrap(
        resampling.weighted_means(flat), resampling.Resampling(n), resamples, seed
    )
    low, high = replicates.interval()
    return replicates.value.reshape(shape), low.reshape(shape), high.reshape(shape)


def ratio_of_means(
    part: Floats,
    whole: Floats,
    resamples: int,
    seed: int,
    bounds: tuple[float, float] = (0.0, math.inf),
) -> Estimate:
    """Mean of `part` over mean of `whole`, with its 95 % interval by the studentized bootstrap.

    part, whole : (instance,), not negative.
    resamples, seed : of the bootstrap of instances.
    bounds : the ratio's least and greatest possible value.

    Returns an Estimate: NaN where `whole` is 0 throughout; without interval there and for one
        instance.

    Reference: Davison & Hinkley 1997, section 5.2.1; the standard error is that of the delta
    method.
    """
    n = len(part)
    if n < 2 or not whole.any():
        value = float(part.mean() / whole.mean()) if whole.any() else math.nan
        return Estimate(value, n=n)

    def statistic(weights: Floats) -> Floats:
        """(resample, 2) the ratio and its standard error."""
        under = weights @ whole
        ratio = np.divide(weights @ part, under, out=np.zeros(len(weights)), where=under > 0)
        squares = (weights * (part - ratio[:, None] * whole) ** 2).sum(axis=1)
        error = np.divide(np.sqrt(squares), under, out=np.zeros(len(weights)), where=under > 0)
        return np.stack([ratio, error], axis=1)

    replicates = resampling.bootstrap(statistic, resampling.Resampling(n), resamples, seed)
    ratio, error = replicates.of(0), replicates.of(1)
    studentized = resampling.Studentized(
        float(ratio.value), float(error.value), ratio.resamples, error.resamples
    )
    if not studentized.is_defined:
        return resampling.bootstrapped(ratio, n, seed, bounds)
    low, high = np.clip(studentized.interval(0.95), *bounds)
    method = message("interval_methods.studentized_ratio", resamples=resamples, seed=seed)
    return Estimate(studentized.value, float(low), float(high), n, method)
