"""Studies of two models or two methods whose truth is known, from stored predictions.

Two models: each row's two predictions are swapped at random, so that neither is better. Two
methods: both arms of five seeds are drawn from one method. A planted difference is of the size
that five seeds and these rows tell in 80 % of studies.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from deepseek_report.artifacts.array_types import Floats
from deepseek_report.artifacts.predictions import Predictions
from deepseek_report.statistics.paired import MethodGap, SeedRuns, method_gap, tellable
from deepseek_report.tasks import TASKS
from deepseek_report.tasks.row_measures import RowMeasure
from worlds.trials import Plan, Table, repeat, share

ROWS, SEEDS = 600, 5
MEASURES = TASKS["classification"].by_rows
#: How a run of one method scatters: noise of each row's log-odds, and of all of them together.
ROW_NOISE, SEED_NOISE = 0.5, 0.05
STUDIES = 2000


def tables(plan: Plan) -> list[Table]:
    """False alarms, coverage and power of paired differences."""
    studies = plan.times(STUDIES, 20)
    return [
        Table(
            "Two fitted models, neither of which is better",
            f"{studies} studies of {ROWS} rows; each row's two predictions are swapped at random.",
            ("measure", "said to differ", "interval holds 0"),
            [_null_models(place, studies, plan) for place in range(len(MEASURES))],
        ),
        Table(
            "Two arms of one method, and two methods",
            f"{studies} studies of {ROWS} rows and {SEEDS} seeds each. The planted difference is "
            "one that such a study tells in 80 % by Student's distribution.",
            ("measure", "one method: said to differ", "interval holds 0", "two methods: told"),
            [_methods(place, studies, plan) for place in range(len(MEASURES))],
        ),
    ]


def _null_models(place: int, studies: int, plan: Plan) -> list[object]:
    outcomes = repeat(partial(_swapped, place), studies, plan)
    return [
        MEASURES[place].key,
        share([p < 0.05 for p, _ in outcomes]),
        share([holds for _, holds in outcomes]),
    ]


def _swapped(place: int, seed: int) -> tuple[float, bool]:
    rng = np.random.default_rng([seed, place, 1])
    labels, margin = _world(rng)
    both = margin + rng.normal(0, 0.7, (2, ROWS))
    swap = rng.random(ROWS) < 0.5
    first, other = np.where(swap, both[0], both[1]), np.where(swap, both[1], both[0])
    gap, p = MEASURES[place].difference(_predicted(labels, first), _predicted(labels, other))
    low, high = gap.ends or (0.0, 0.0)
    return p, low <= 0 <= high


def _methods(place: int, studies: int, plan: Plan) -> list[object]:
    measure = MEASURES[place]
    alike = repeat(partial(_arms, place, 0.0), studies, plan)
    shift = _tellable(measure)
    apart = repeat(partial(_arms, place, shift), studies, plan)
    return [
        measure.key,
        share([p < 0.05 for p, _ in alike]),
        share([holds for _, holds in alike]),
        share([p < 0.05 for p, _ in apart]),
    ]


def _arms(place: int, shift: float, seed: int) -> tuple[float, bool]:
    rng = np.random.default_rng([seed, place, 2])
    labels, margin = _world(rng)
    first, other = (
        _seeds(MEASURES[place], labels, margin + by * (2 * labels - 1), rng) for by in (shift, 0.0)
    )
    gap = method_gap(first, other)
    low, high = gap.difference.ends or (0.0, 0.0)
    return gap.p_value, low <= 0 <= high


def _seeds(
    measure: RowMeasure, labels: Floats, margin: Floats, rng: np.random.Generator
) -> SeedRuns:
    noise = rng.normal(0, ROW_NOISE, (SEEDS, ROWS)) + rng.normal(0, SEED_NOISE, (SEEDS, 1))
    return SeedRuns.of([measure.of(_predicted(labels, margin + each)) for each in noise])


def _tellable(measure: RowMeasure) -> float:
    """The shift towards the truth that is told in 80 % of studies, found by halving."""

    def power(shift: float) -> float:
        gaps = [_gap(measure, shift, seed) for seed in range(60)]
        seen = abs(np.mean([gap.difference.value for gap in gaps]))
        return float(seen - np.mean([tellable(gap.error, gap.freedom) for gap in gaps]))

    low, high = 0.0, 2.0
    for _ in range(12):
        middle = (low + high) / 2
        low, high = (middle, high) if power(middle) < 0 else (low, middle)
    return high


def _gap(measure: RowMeasure, shift: float, seed: int) -> MethodGap:
    rng = np.random.default_rng([seed, 3])
    labels, margin = _world(rng)
    arms: list[SeedRuns] = [
        _seeds(measure, labels, margin + by * (2 * labels - 1), rng) for by in (shift, 0.0)
    ]
    return method_gap(*arms)


def _world(rng: np.random.Generator) -> tuple[Floats, Floats]:
    margin = rng.normal(-0.5, 1.5, ROWS)
    labels = (rng.random(ROWS) < 1 / (1 + np.exp(-margin))).astype(np.int64)
    return labels, margin


def _predicted(labels: Floats, margin: Floats) -> Predictions:
    scores = 1 / (1 + np.exp(-margin))
    both = np.stack([1 - scores, scores], axis=1)
    return Predictions(
        logits=np.log(both),
        probabilities=both,
        labels=labels,
        instance_ids=np.arange(len(labels)),
        decisions=(scores >= 0.5).astype(np.int64),
        threshold=0.5,
        rule="declared",
    )
