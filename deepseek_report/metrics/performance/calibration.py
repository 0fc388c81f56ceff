"""Whether a predicted probability of 20 % comes true in 20 of 100 cases."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar

import numpy as np
import pandas as pd
from pydantic import Field

from deepseek_report.artifacts.array_types import Bools, Floats, Ints
from deepseek_report.artifacts.disclosure import Reveals, TableRelease
from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.message import Text, message
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.score import Bounds, Category, Measurement
from deepseek_report.artifacts.table import (
    Column,
    TableType,
    TableTypes,
    estimate,
)
from deepseek_report.metrics.shared.plugin import ClassMetric, Resamples
from deepseek_report.statistics.calibration import log_odds
from deepseek_report.statistics.classification_errors import calibration_error, equal_mass_bins
from deepseek_report.statistics.intervals import SHARE, wilson
from deepseek_report.statistics.logistic import last_coefficient
from deepseek_report.statistics.resampling import as_one, bootstrap, bootstrapped
from deepseek_report.tasks.decisions import calibration_subject


def reliability_table(happened: Bools, scores: Floats, n_bins: int) -> pd.DataFrame:
    """Per bin: its edges, how many, mean prediction, observed share with its Wilson interval."""
    bins, edges = equal_mass_bins(scores, n_bins)
    present = np.unique(bins)
    n = np.bincount(bins)[present]
    hits = np.bincount(bins, weights=happened)[present]
    low, high = wilson(hits, n)
    return pd.DataFrame(
        {
            "bin": np.arange(len(present)),
            "from": edges[present],
            "to": edges[present + 1],
            "n": n,
            "predicted": np.bincount(bins, weights=scores)[present] / n,
            "observed": hits / n,
            "low": low,
            "high": high,
        }
    )


def recalibration(happened: Bools, scores: Floats) -> tuple[Estimate, Estimate]:
    """Slope and intercept of a logistic regression of the outcome on the log-odds predicted.

    Slope b in logit P(y) = a + b logit p: 1 is right, below 1 the predictions are too extreme.
    Intercept a in logit P(y) = a + logit p: 0 is right, above 0 the predictions are too low.

    References
    ----------
    Cox 1958, doi:10.1093/biomet/45.3-4.562; Van Calster et al. 2019,
    doi:10.1186/s12916-019-1466-7.
    """
    stated, ones = log_odds(scores), np.ones((len(scores), 1))
    slope = last_coefficient(happened, np.column_stack([ones, stated]))
    return slope, last_coefficient(happened, ones, stated)


def errors_by_chance(scores: Floats, bins: Ints, n: int, rng: np.random.Generator) -> Floats:
    """(draw,) calibration errors if every probability were right: outcomes are drawn from them."""
    member = (bins[:, None] == np.arange(bins.max() + 1)).astype(np.float64)
    gaps = [(rng.random(len(scores)) < scores) - scores for _ in range(n)]
    return np.asarray(np.abs(np.stack(gaps) @ member).sum(axis=1) / len(scores))


def calibration_estimate(
    happened: Bools, scores: Floats, bins: Ints, n_resamples: int, seed: int
) -> tuple[Estimate, float]:
    """The calibration error with its interval, and what right probabilities would give on average.

    Noise can only raise the error, so the bootstrap never reaches 0; the interval begins there
    where right probabilities would give so great an error in more than 5 of 100 samples.
    """
    replicates = bootstrap(
        lambda weights: calibration_error(happened, scores, bins, weights),
        as_one(len(scores)),
        n_resamples,
        np.random.default_rng(seed),
    )
    chance = errors_by_chance(scores, bins, n_resamples, np.random.default_rng([seed, 1]))
    error = bootstrapped(replicates, len(scores), seed)
    if error.value <= np.quantile(chance, 0.95):
        error = replace(
            error, low=0.0, method=message("interval_methods.from_zero", method=error.method)
        )
    return error, float(chance.mean())


@dataclass(frozen=True)
class ExpectedCalibrationError(ClassMetric):
    """Mean distance between predicted probability and observed share, with slope and intercept."""

    reveals: ClassVar[Reveals] = "aggregate"
    tables: ClassVar[TableTypes] = {
        "bins": TableType(
            (
                Column("bin", "place"),
                Column("from", "number"),
                Column("to", "number"),
                Column("n", "count"),
                Column("predicted", "share"),
                estimate("observed", "share"),
            ),
            release=TableRelease(counts=("n",), lines=((),), ends=("from", "to")),
        )
    }
    bounds: ClassVar[Bounds] = {
        "expected_calibration_error": SHARE,
        "calibration_intercept": (None, None),
        "calibration_slope": (None, None),
    }
    category: ClassVar[Category] = "calibration"
    reads: ClassVar[frozenset[str]] = frozenset({"predictions", "dataset", "seed"})
    n_bins: Annotated[int, Field(ge=2, le=100)] = 15
    n_resamples: Resamples = 1000

    def measure(self, context: MeasureContext) -> Measurement:
        p, target = context.predictions, context.dataset.schema.target
        happened, scores = calibration_subject(p)
        bins, _ = equal_mass_bins(scores, self.n_bins)
        error, chance = calibration_estimate(happened, scores, bins, self.n_resamples, context.seed)
        slope, intercept = recalibration(happened, scores)
        note = message(
            "notes.expected_calibration_error.error",
            explained=target.explained_class if len(target.classes) == 2 else "",
            bins=int(bins.max()) + 1,
            chance=chance,
        )
        joined = (
            error.score(
                "expected_calibration_error",
                "calibration",
                "lower",
                unit="share",
                bounds=SHARE,
                note=note,
            ),
            slope.score("calibration_slope", "calibration", "one"),
            intercept.score("calibration_intercept", "calibration", "zero"),
        )
        return Measurement(
            joined,
            {"bins": reliability_table(happened, scores, self.n_bins)},
            notes=_notes(slope, int(bins.max()) + 1, self.n_bins),
        )


def _notes(slope: Estimate, bins: int, wanted: int) -> tuple[Text, ...]:
    notes = []
    if math.isnan(slope.value):
        notes.append(message("notes.expected_calibration_error.no_slope"))
    if bins < wanted:
        notes.append(message("notes.expected_calibration_error.tied", bins=bins, asked=wanted))
    return tuple(notes)
