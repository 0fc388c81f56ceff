"""Whether a predicted probability of 20 % comes true in 20 of 100 cases."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np
import pandas as pd
from pydantic import Field

from deepseek_report.artifacts.array_types import Bools, Floats, Ints
from deepseek_report.artifacts.disclosure import TableRelease
from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.artifacts.message import Text, message
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.table import TableType
from deepseek_report.artifacts.table_rows import BARE_ENDS, Cell
from deepseek_report.metrics.performance.performance_rows import OfBin
from deepseek_report.metrics.plugin import (
    ClassMetric,
    EntityMetric,
    Resamples,
    require_probabilities,
)
from deepseek_report.statistics.answer_errors import calibration_error, equal_mass_bins
from deepseek_report.statistics.intervals import SHARE
from deepseek_report.statistics.logistic import last_coefficient, log_odds
from deepseek_report.statistics.resampling import Resampling, bootstrap, bootstrapped
from deepseek_report.tasks.loss import calibration_subject

#: Numbers in the outcomes that are drawn at a time; of more instances fewer are drawn at once.
_MOST_GAPS = 2**23


def reliability_table(
    happened: Bools, scores: Floats, n_bins: int, resampling: Resampling | None = None
) -> pd.DataFrame:
    """Per bin: its edges, how many, mean prediction, observed share with its interval."""
    bins, edges = equal_mass_bins(scores, n_bins)
    present = np.unique(bins)
    n = np.bincount(bins)[present]
    hits = np.bincount(bins, weights=happened)[present]
    drawn = resampling or Resampling(len(scores))
    observed = [drawn.rate(happened, bins == place) for place in present]
    return pd.DataFrame(
        {
            "bin": np.arange(len(present)),
            "from": edges[present],
            "to": edges[present + 1],
            "n": n,
            "predicted": np.bincount(bins, weights=scores)[present] / n,
            "observed": hits / n,
            "low": [share.low for share in observed],
            "high": [share.high for share in observed],
        }
    )


def recalibration(
    happened: Bools, scores: Floats, resampling: Resampling | None = None
) -> tuple[Estimate, Estimate]:
    """Slope and intercept of a logistic regression of the outcome on the log-odds predicted.

    Slope b in logit P(y) = a + b logit p: 1 is right, below 1 the predictions are too extreme.
    Intercept a in logit P(y) = a + logit p: 0 is right, above 0 the predictions are too low.

    Reference: Cox 1958, doi:10.1093/biomet/45.3-4.562; Van Calster et al. 2019,
    doi:10.1186/s12916-019-1466-7.
    """
    stated, ones = log_odds(scores), np.ones((len(scores), 1))
    slope = last_coefficient(happened, np.column_stack([ones, stated]), None, resampling)
    return slope, last_coefficient(happened, ones, stated, resampling)


@dataclass(frozen=True)
class ByChance:
    """What right probabilities give: outcomes are drawn from them.

    Of dependent rows outcomes are not drawn, since nothing is stated of how they go together: what
    happened beyond what was stated is turned by chance, with one sign for an entity, which has a
    mean of 0 as well where probabilities are right.

    errors : (draw,) calibration errors. departures : (draw,) see `departure`.
    """

    errors: Floats
    departures: Floats

    @classmethod
    def of(
        cls,
        happened: Bools,
        scores: Floats,
        bins: Ints,
        n: int,
        rng: np.random.Generator,
        resampling: Resampling | None = None,
    ) -> ByChance:
        """N draws for (instance,) outcomes and probabilities in their bins."""
        member = (bins[:, None] == np.arange(bins.max() + 1)).astype(np.float64)
        size = max(1, _MOST_GAPS // len(scores))
        errors, departures = list[Floats](), list[Floats]()
        for start in range(0, n, size):
            draws = range(start, min(start + size, n))
            if resampling is None or resampling.units is None:
                gaps = np.stack([(rng.random(len(scores)) < scores) - scores for _ in draws])
            else:
                gaps = resampling.signs(len(draws), rng) * (happened - scores)
            errors.append(np.abs(gaps @ member).sum(axis=1) / len(scores))
            departures.append(departure(gaps, scores))
        return cls(np.concatenate(errors), np.concatenate(departures))

    def p_value(self, error: float, depart: float) -> float:
        """Chance that right probabilities look as wrong by either number as the observed do.

        The lesser of the two p-values is set against that of every draw, so that two looks at the
        same outcomes are one test.

        Reference: Westfall & Young 1993, Resampling-based multiple testing, algorithm 2.5.
        """
        columns = ((self.errors, error), (self.departures, depart))
        seldom = np.stack([_exceeded(np.append(draws, value)) for draws, value in columns])
        least = seldom.min(axis=0)
        return float(np.mean(least <= least[-1] + 1e-12))


def _exceeded(values: Floats) -> Floats:
    """(value,) share of all values that are at least as great."""
    ordered = np.sort(values)
    return np.asarray(1 - np.searchsorted(ordered, values - 1e-12) / len(values))


def departure(gaps: Floats, scores: Floats) -> Floats:
    """(draw,) Rao's score statistic that a shift and a stretch of the log-odds are not needed.

    gaps : (draw, instance) outcome minus stated probability. scores : (instance,) the latter.

    Reference: Cox 1958, doi:10.1093/biomet/45.3-4.562.
    """
    design = np.column_stack([np.ones(len(scores)), log_odds(scores)])
    information = design.T @ (design * (scores * (1 - scores))[:, None])
    slopes = gaps @ design
    return np.asarray(np.einsum("di,ij,dj->d", slopes, np.linalg.pinv(information), slopes))


@dataclass(frozen=True)
class CalibrationEstimate:
    """The calibration error with its interval, what right probabilities give on average, and the
    chance that they look as wrong as these (see `ByChance.p_value`).
    """

    error: Estimate
    chance: float
    p_value: float


def calibration_estimate(
    happened: Bools,
    scores: Floats,
    bins: Ints,
    n_resamples: int,
    seed: int,
    resampling: Resampling | None = None,
) -> CalibrationEstimate:
    """The calibration error, set against right probabilities.

    Noise can only raise the error, so the bootstrap never reaches 0; the interval begins there
    where right probabilities would give so great an error in more than 5 of 100 samples. Resamples
    of a rare event without any case do not vary, so that it reaches as far as the exact interval of
    the share on the whole: the error is never less than what that and the stated mean differ.
    """
    drawn = resampling or Resampling(len(scores))
    replicates = bootstrap(
        lambda weights: calibration_error(happened, scores, bins, weights), drawn, n_resamples, seed
    )
    rng = np.random.default_rng([seed, 1])
    chance = ByChance.of(happened, scores, bins, n_resamples, rng, drawn)
    error = bootstrapped(replicates, len(scores), seed)
    p_value = chance.p_value(error.value, float(departure((happened - scores)[None], scores)[0]))
    if error.value <= np.quantile(chance.errors, 0.95):
        error = replace(
            error, low=0.0, method=message("interval_methods.from_zero", method=error.method)
        )
    error = _widened_to_whole(error, drawn.rate(happened), scores)
    return CalibrationEstimate(error, float(chance.errors.mean()), p_value)


def _widened_to_whole(error: Estimate, share: Estimate, scores: Floats) -> Estimate:
    """The interval with what the share that happens on the whole may differ from the mean stated.

    Where all or nothing happens the error is that difference, and so is its lower end.
    """
    share_low, share_high = share.ends or (0.0, 1.0)
    above, below = share_high - float(scores.mean()), float(scores.mean()) - share_low
    low, high = error.low or 0.0, max(error.high or 0.0, above, below)
    if share.value in (0.0, 1.0):
        low = min(low, max(-above, -below, 0.0))
    if (low, high) == error.ends:
        return error
    method = message("interval_methods.widened_to_whole", method=error.method)
    return replace(error, low=low, high=high, method=method)


@dataclass(frozen=True)
class ProbabilityBin(OfBin):
    """Cases with like probabilities: a row of `expected_calibration_error.bins`.

    observed : the share of them that has the class.
    """

    bin: Annotated[int, "place"]
    start: Annotated[float, Cell(column="from")]
    end: Annotated[float, Cell(column="to")]
    n: int
    predicted: Annotated[float, "share"]
    observed: Annotated[Estimate, "share", BARE_ENDS]


@dataclass(frozen=True)
class ExpectedCalibrationError(EntityMetric, ClassMetric):
    """Mean distance between predicted probability and observed share, with slope and intercept."""

    reveals = "aggregate"
    tables = {
        "bins": TableType.of(
            ProbabilityBin, release=TableRelease(counts=("n",), lines=((),), ends=("from", "to"))
        )
    }
    bounds = {
        "expected_calibration_error": SHARE,
        "calibration_intercept": (None, None),
        "calibration_slope": (None, None),
    }
    category = "calibration"
    reads = frozenset({"predictions", "dataset", "seed"})
    n_bins: Annotated[int, Field(ge=2, le=100)] = 15
    n_resamples: Resamples = 1000

    def measure(self, context: MeasureContext) -> Measurement:
        p, target = context.predictions, context.dataset.schema.target
        require_probabilities(p)
        happened, scores = calibration_subject(p)
        bins, _ = equal_mass_bins(scores, self.n_bins)
        drawn = Resampling.of(p)
        measured = calibration_estimate(
            happened, scores, bins, self.n_resamples, context.seed, drawn
        )
        slope, intercept = recalibration(happened, scores, drawn)
        note = message(
            "notes.expected_calibration_error.error",
            explained=target.explained_class if len(target.classes) == 2 else "",
            bins=int(bins.max()) + 1,
            chance=measured.chance,
        )
        joined = (
            self.score(
                "expected_calibration_error",
                measured.error,
                "lower",
                unit="share",
                p_value=measured.p_value,
                note=note,
            ),
            self.score("calibration_slope", slope, "one"),
            self.score("calibration_intercept", intercept, "zero"),
        )
        return Measurement(
            joined,
            {"bins": reliability_table(happened, scores, self.n_bins, drawn)},
            notes=_notes(slope, int(bins.max()) + 1, self.n_bins),
        )


def _notes(slope: Estimate, bins: int, wanted: int) -> tuple[Text, ...]:
    notes = []
    if math.isnan(slope.value):
        notes.append(message("notes.expected_calibration_error.no_slope"))
    if bins < wanted:
        notes.append(message("notes.expected_calibration_error.tied", bins=bins, asked=wanted))
    return tuple(notes)
