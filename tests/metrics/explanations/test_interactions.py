"""Which pairs are called interactions, on models whose truth is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.schema import Feature, Schema
from deepseek_report.artifacts.split import Split
from deepseek_report.metrics.explanations.interactions import LEAST_SHARE, Interactions, PairSizes
from deepseek_report.statistics.games.pair_sampling import PairValues
from tests import builders
from tests.builders import COLOURS, NUMBER, TARGET, Answers, dataset, logistic, table
from tests.enumerated import enumerated_interactions
from tests.random_trees import drawn, ensemble_of, walked
from tests.worded import refused, say

COLUMNS = 6
FAST = Interactions(surrogate_rows=600)


class World(Answers):
    """A classifier of two classes whose log-odds are a function of the rows."""

    def __init__(self, schema: Schema, output) -> None:
        super().__init__(lambda rows: logistic(output(rows)), schema)
        self.output = output

    def log_odds(self, rows: np.ndarray, target: int) -> np.ndarray:
        self.calls += len(rows)
        return self.output(rows) * (2 * target - 1)


def context_of(output, seed: int = 0, n: int = 80, classes: int = 2) -> MeasureContext:
    rng = np.random.default_rng(seed)
    names = tuple(f"x{k}" for k in range(COLUMNS - 1))
    kind = Feature("colour", "colour", "categorical", categories=COLOURS)
    plain = table(*names, target=TARGET if classes == 2 else NUMBER)
    schema = replace(plain, features=(*plain.features, kind))

    def split(size: int) -> Split:
        numbers, codes = rng.normal(size=(size, COLUMNS - 1)), rng.integers(0, 3, size)
        return Split(np.column_stack([numbers, codes]), np.zeros(size, int), np.arange(size), {})

    train, validation, test = split(200), split(20), split(n)
    data, background = dataset(schema, train, validation, test), train.inputs[:40]
    world = World(schema, output)
    return builders.context(data, world, predictions=None, seed=seed, background=background)


def additive(rows: np.ndarray) -> np.ndarray:
    return np.sin(2 * rows[:, 0]) + rows[:, 1] ** 2 - np.abs(rows[:, 2]) + 0.5 * (rows[:, 5] == 2)


def multiplied(rows: np.ndarray) -> np.ndarray:
    return additive(rows) + 0.6 * rows[:, 3] * rows[:, 1]


@pytest.mark.parametrize("classes", [1, 2])
def test_of_models_that_add_up_no_pair_is_called_an_interaction(classes) -> None:
    for seed in range(5):
        measurement = FAST.measure(context_of(additive, seed, classes=classes))
        assert not measurement.tables["pairs"]["interacts"].any()
        assert measurement.tables["effects"].empty


def test_a_planted_product_comes_first_and_alone() -> None:
    for seed in range(5):
        pairs = FAST.measure(context_of(multiplied, seed)).tables["pairs"]
        first = pairs.iloc[0]
        assert {first["feature_a"], first["feature_b"]} == {"x1", "x3"}
        assert pairs["interacts"].tolist() == [True, *[False] * (len(pairs) - 1)]
        assert first["share_low"] < first["share"] < first["share_high"]
        assert first["share"] > first["control"] > LEAST_SHARE


def test_the_size_of_a_product_is_its_mean_magnitude_over_the_cases() -> None:
    context = context_of(multiplied)
    pairs = replace(FAST, draws=60).measure(context).tables["pairs"]
    x, z = context.dataset.test.inputs[:, [1, 3]], context.background[:, [1, 3]]
    exact = 0.6 * (x[:, None] - z[None]).prod(axis=2).mean(axis=1)
    assert pairs["size"].iloc[0] == pytest.approx(np.abs(exact).mean(), rel=0.05)


def test_trees_are_taken_exactly() -> None:
    rng = np.random.default_rng(3)
    ensemble = ensemble_of([drawn(rng, 4, COLUMNS) for _ in range(4)])
    context = context_of(lambda rows: walked(ensemble, rows, 0), classes=1, n=20)
    context.classifier.capabilities = frozenset({"trees"})
    context.classifier.trees = replace(ensemble, space="value")
    context.classifier.columns = lambda rows: rows
    context.classifier.probabilities = lambda rows: walked(ensemble, rows, 0)[:, None]
    pairs = FAST.measure(context).tables["pairs"]
    inputs = context.dataset.test.inputs
    exact = enumerated_interactions(
        lambda rows: walked(ensemble, rows, 0), inputs, context.background
    )
    sizes = np.abs(exact).mean(axis=0)
    for _, pair in pairs.iterrows():
        places = [context.dataset.schema.position(pair[f"feature_{side}"]) for side in "ab"]
        assert pair["size"] == pytest.approx(sizes[places[0], places[1]])
    assert pairs["size"].iloc[0] == pytest.approx(sizes.max())
    assert pairs["exact"].all()


def test_trees_that_do_not_add_up_to_the_answers_are_not_used() -> None:
    context = context_of(multiplied)
    ensemble = ensemble_of([drawn(np.random.default_rng(3), 3, COLUMNS)])
    context.classifier.capabilities = frozenset({"trees"})
    context.classifier.trees = replace(ensemble, space="logit")
    context.classifier.columns = lambda rows: rows
    assert not FAST.measure(context).tables["pairs"]["exact"].any()


def test_the_effect_of_one_feature_is_told_at_values_of_the_other() -> None:
    effects = FAST.measure(context_of(multiplied)).tables["effects"]
    assert effects["by_display"].nunique() == 3
    ends = effects.groupby("by_display", sort=False)["output"].agg(["first", "last"])
    slopes = (ends["last"] - ends["first"]).tolist()
    assert slopes == sorted(slopes) or slopes == sorted(slopes, reverse=True)


def test_probabilities_of_0_and_1_are_explained_as_they_are() -> None:
    measurement = FAST.measure(context_of(lambda rows: 40 * np.sign(multiplied(rows))))
    assert set(measurement.tables["pairs"]["space"]) == {"probability"}
    assert "cannot leave the range from 0 to 1" in say(measurement.notes[0])


def test_the_same_seed_gives_the_same_numbers_and_a_bounded_number_of_rows() -> None:
    context = context_of(multiplied)
    first = FAST.measure(context)
    rows = context.classifier.calls
    second = FAST.measure(context)
    assert first.tables["pairs"].equals(second.tables["pairs"])
    budget = FAST.surrogate_rows + 4 * FAST.pairs * 80 * FAST.draws
    assert rows <= budget + 2 * (80 + 40) + 10 * 3 * 32


@pytest.mark.parametrize(
    ("context", "reason"),
    [
        (context_of(multiplied, n=8), "explained cases"),
        (context_of(lambda rows: np.zeros(len(rows))), "same for all cases"),
    ],
)
def test_where_nothing_can_be_judged_a_reason_is_given(context, reason) -> None:
    with refused(reason):
        FAST.measure(context)


@pytest.mark.parametrize("draws", [3, 5, 20])
def test_intervals_of_sizes_allow_for_few_draws_and_skewed_values(draws) -> None:
    truth, held = 2 / np.pi, []
    for seed in range(300):
        rng = np.random.default_rng([seed, draws])
        values = rng.normal(size=(1, 100, 1)) * rng.normal(size=(1, 100, 1))
        drawn = values + rng.normal(size=(1, 100, draws))
        sizes = PairSizes.of(PairValues.of_draws(drawn), spread=1.0, looked_at=1)
        assert sizes.low <= sizes.size <= sizes.high
        held.append(bool(sizes.low[0] <= truth <= sizes.high[0]))
    assert np.mean(held) >= 0.93
