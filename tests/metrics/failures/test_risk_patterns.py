"""Combinations behind the riskiest cases, where they are planted and where there is none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.schema import Feature, Schema, Target
from deepseek_report.artifacts.split import Split
from deepseek_report.metrics.failures.risk_patterns import RiskPatterns
from tests import builders
from tests.builders import COLOURS, numeric, predictions
from tests.worded import refused, say

FEATURES = (
    *numeric("number_0", "number_1", "number_2", "number_3"),
    *(Feature(f"kind_{k}", f"kind {k}", "categorical", categories=COLOURS) for k in range(4)),
    Feature("sex", "sex", "categorical", categories=COLOURS, sensitive=True),
)
SCHEMA = Schema(FEATURES, Target("y", "y", ("fine", "faulty"), favourable=None, explained=1))


def inputs_of(n: int, rng: np.random.Generator) -> np.ndarray:
    return np.column_stack([rng.normal(size=(n, 4)), rng.integers(0, 3, (n, 5))]).astype(float)


def context_of(chances, seed: int = 0, n: int = 3000) -> MeasureContext:
    """Labels are drawn with chances that are a function of the inputs; the model states these."""
    rng = np.random.default_rng(seed)

    def split(n: int) -> Split:
        inputs = inputs_of(n, rng)
        labels = (rng.random(n) < chances(inputs)).astype(np.int64)
        return Split(inputs, labels, np.arange(n))

    train, test = split(n), split(n)
    p, data = predictions(chances(test.inputs), test), builders.dataset(SCHEMA, train, train, test)
    return builders.context(data, predictions=p, validation_predictions=p, cases=None, seed=seed)


def patterns(context: MeasureContext, **settings: int) -> pd.DataFrame:
    measured = RiskPatterns(**settings).measure(context)
    measured.typed(RiskPatterns.tables)
    return measured.tables["patterns"]


def planted(inputs: np.ndarray) -> np.ndarray:
    """70 % where four conditions are met, one more than a pattern may have; 12 % elsewhere."""
    met = (inputs[:, 0] > 0) & (inputs[:, 4] == 1) & (inputs[:, 5] == 2)
    return np.where(met & (inputs[:, 1] < 0.6745), 0.7, 0.12)


def test_where_nothing_tells_the_class_a_pattern_is_listed_in_at_most_one_of_twenty_worlds() -> (
    None
):
    def even(inputs: np.ndarray) -> np.ndarray:
        return np.full(len(inputs), 0.2)

    listed = [len(patterns(context_of(even, seed, n=1200))) > 0 for seed in range(60)]
    assert np.mean(listed) <= 0.1  # at most one of twenty worlds is expected to


def test_a_planted_combination_of_three_values_is_found_with_its_rates() -> None:
    def of_kinds(inputs: np.ndarray) -> np.ndarray:
        met = (inputs[:, 4] == 1) & (inputs[:, 5] == 2) & (inputs[:, 6] == 0)
        return np.where(met, 0.7, 0.12)

    for seed in range(4):
        table = patterns(context_of(of_kinds, seed))
        first = table.iloc[0]
        assert set(first["features"].split(", ")) == {"kind_0", "kind_1", "kind_2"}
        assert first["stated"] == pytest.approx(0.7)
        assert first["rate_low"] <= 0.7 <= first["rate_high"]
        assert first["share"] == pytest.approx(1 / 27, abs=0.02)
        assert len(table) == 1


def test_a_value_that_alone_raises_the_rate_is_told_without_further_conditions() -> None:
    def alone(inputs: np.ndarray) -> np.ndarray:
        return np.where(inputs[:, 4] == 1, 0.5, 0.1)

    counts = [len(patterns(context_of(alone, s)).iloc[0]["features"].split(", ")) for s in range(6)]
    assert np.mean(counts) <= 1.5


def test_the_intervals_hold_the_true_rate_although_the_best_was_searched_for() -> None:
    held = []
    for seed in range(25):
        context = context_of(planted, seed, n=2000)
        for _, row in patterns(context).iterrows():
            held.append(row["rate_low"] <= row["stated"] <= row["rate_high"])  # stated is true
    assert np.mean(held) >= 0.9


def test_protected_attributes_are_never_part_of_a_pattern() -> None:
    def by_sex(inputs: np.ndarray) -> np.ndarray:
        return np.where(inputs[:, 8] == 1, 0.6, 0.1)

    assert not patterns(context_of(by_sex))["features"].str.contains("sex").any()


def test_the_words_count_what_was_searched_and_confirmed_and_few_rows_are_refused() -> None:
    context = context_of(planted)
    measured = RiskPatterns().measure(context)
    assert f"{len(measured.tables['patterns'])} w" in say(measured.notes[0])
    with refused("no feature splits"):
        patterns(context_of(planted, n=60))


def test_of_many_classes_the_explained_one_is_looked_for() -> None:
    context = context_of(planted)
    target = replace(SCHEMA.target, classes=("fine", "faulty", "worn"))
    p = context.predictions
    third = replace(p, probabilities=np.column_stack([p.probabilities, np.zeros(len(p))]))
    dataset = replace(context.dataset, schema=replace(SCHEMA, target=target))
    table = patterns(replace(context, predictions=third, dataset=dataset))
    assert len(table)
