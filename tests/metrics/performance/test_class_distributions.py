"""Distributions by class, on data whose classes are known to differ or not."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.schema import Feature, Schema
from deepseek_report.artifacts.split import Split
from deepseek_report.metrics.performance.class_distributions import ClassDistributions
from tests.builders import COLOURS, NUMBER, context, dataset, numeric, of_classes
from tests.worded import refused

FEATURES = (
    Feature("shifted", "shifted", "numeric", "€"),
    *numeric("noise"),
    Feature("colour", "colour", "categorical", categories=COLOURS),
)


def context_of(classes: int, seed: int = 0, shift: float = 1.5, n: int = 900) -> MeasureContext:
    """`shifted` rises with the class by `shift` standard deviations; `noise` is alike in all."""
    rng = np.random.default_rng(seed)

    def split(n: int) -> Split:
        labels = rng.integers(0, max(classes, 2), n) if classes > 1 else rng.normal(size=n)
        colour = np.where(rng.random(n) < 0.3, 2, rng.integers(0, 2, n))
        numbers = rng.normal(size=(n, 2)) + shift * np.column_stack([labels, np.zeros(n)])
        numbers[::25, 0] = np.nan
        return Split(np.column_stack([numbers, colour]), labels, np.arange(n))

    target = NUMBER if classes == 1 else of_classes(classes)
    return context(dataset(Schema(FEATURES, target), split(n), split(20), split(n // 2)))


@pytest.mark.parametrize("classes", [1, 2, 3, 6])
def test_the_shares_of_each_class_add_up_and_the_feature_that_tells_it_comes_first(classes) -> None:
    measured = ClassDistributions().measure(context_of(classes))
    measured.typed(ClassDistributions.tables)
    tables = measured.tables
    assert tables["separation"]["feature"].iloc[0] == "shifted"
    sums = tables["distributions"].groupby(["feature", "class"], sort=False)["share"].sum()
    assert sums.loc["colour"].to_numpy() == pytest.approx(1)
    assert sums.between(0.9, 1.0 + 1e-9).all()  # numbers are cut to their middle 98 %
    expected = {1: 3, 2: 2, 3: 3, 6: 2}[classes]
    assert tables["distributions"]["class"].nunique() == expected
    if classes == 6:
        assert set(tables["distributions"]["class"]) == {"class 1", ""}


def test_the_area_of_a_shifted_feature_is_nearly_that_of_the_feature_itself() -> None:
    drawn = context_of(2, n=6000)
    test = drawn.dataset.test
    known = ~np.isnan(test.inputs[:, 0])
    true = roc_auc_score(test.labels[known], test.inputs[known, 0])
    own = ClassDistributions().measure(drawn).tables["separation"].iloc[0]
    assert own["roc_auc"] == pytest.approx(true, abs=0.02)
    assert own["low"] < own["roc_auc"] < own["high"]


def test_where_no_feature_tells_the_class_the_first_is_seldom_said_to() -> None:
    """The first is chosen on the training part, so that its interval is not that of the best."""
    alarms = 0
    for seed in range(60):
        table = ClassDistributions().measure(context_of(2, seed, shift=0.0, n=400))
        alarms += table.tables["separation"]["low"].iloc[0] > 0.5
    assert alarms <= 5


def test_rare_categories_are_left_out_and_small_classes_refused() -> None:
    drawn = context_of(2)
    inputs = drawn.dataset.train.inputs
    inputs[:, 2] = np.where(np.arange(len(inputs)) < 2, 2, inputs[:, 2] % 2)
    shares = ClassDistributions().measure(drawn).tables["distributions"]
    assert set(shares.loc[shares["feature"] == "colour", "display"]) == {"red", "green"}
    drawn.dataset.test.labels[:] = 0
    with refused("10 rows of the explained class"):
        ClassDistributions().measure(drawn)
