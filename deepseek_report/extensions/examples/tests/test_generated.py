"""Generated tables know what makes their labels."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from scipy.special import expit

from deepseek_report.artifacts.protocols.progress import Silent
from deepseek_report.artifacts.split import Dataset, Split
from deepseek_report.extensions.examples.generated import (
    Family,
    KnownEffects,
    MultiLabelDemo,
    Wide,
    log_odds,
)
from deepseek_report.extensions.examples.transactions import FEATURES, KINDS, Transactions
from deepseek_report.statistics.games.formula import Formula
from tests.worded import say

NAMES = [feature.name for feature in FEATURES]


@pytest.fixture(scope="module")
def data() -> Dataset:
    return Transactions(n=8000, days=60).load(3, Silent())


def test_payments_of_the_last_days_are_tested(data: Dataset) -> None:
    train, test = data.train.moments, data.test.moments
    assert train is not None
    assert test is not None
    assert train.max() < test.min()
    assert len(data.test) == pytest.approx(1600, abs=2)


def test_frauds_are_as_rare_as_declared_and_know_what_makes_them(data: Dataset) -> None:
    rows = Split.joined([data.train, data.validation, data.test])
    assert rows.labels.mean() == pytest.approx(0.008, abs=0.003)
    assert rows.truth is not None
    assert not rows.truth[rows.labels == 0].any()
    causes = [{NAMES[j] for j in np.flatnonzero(row)} for row in rows.truth[rows.labels == 1]]
    assert all(any(cause <= set(kind) for kind in KINDS.values()) for cause in causes)
    assert not rows.truth[:, NAMES.index("account_years")].any()
    assert 0.6 < np.mean([len(cause) for cause in causes]) / 4 < 1.1  # four in five of 4 or 5


def test_fewer_rows_are_of_fewer_days_with_as_many_payments_a_day() -> None:
    few = Transactions(rows=2000).load(1, Silent())
    moments = Split.joined([few.train, few.validation, few.test]).moments
    assert moments is not None
    assert np.ptp(moments) / 86_400 == pytest.approx(5, abs=0.1)


def test_the_card_and_the_decision_say_that_no_payment_is_real(data: Dataset) -> None:
    assert data.card["licence"] == "CC0"
    assert "nothing in it is real" in str(data.card["source"])


@pytest.mark.parametrize("family", get_args(Family))
def test_labels_are_as_frequent_as_the_stored_formula_says(family: Family, tmp_path: Path) -> None:
    KnownEffects(family=family, n=20_000).load(3, Silent()).save(tmp_path)
    dataset = Dataset.load(tmp_path)
    formula = Formula.from_json(dataset.card["formula"])
    whole = Split.joined([dataset.train, dataset.validation, dataset.test])
    stated = 1 / (1 + np.exp(-formula.value(whole.inputs)))
    for low in np.arange(0, 1, 0.2):
        chosen = (stated >= low) & (stated < low + 0.2)
        error = 4 * np.sqrt(stated[chosen].mean() * (1 - stated[chosen].mean()) / chosen.sum())
        assert whole.labels[chosen].mean() == pytest.approx(stated[chosen].mean(), abs=error)
    assert whole.truth is not None
    assert set(np.flatnonzero(whole.truth[0])) == set(formula.columns)


def test_columns_are_alike_in_pairs_where_the_family_says_so() -> None:
    inputs = KnownEffects(family="correlated", n=20_000).load(1, Silent()).train.inputs
    pairs = np.corrcoef(inputs.T)
    assert pairs[0, 1] == pytest.approx(0.8, abs=0.02)
    assert pairs[1, 2] == pytest.approx(0.0, abs=0.03)
    assert inputs.std(axis=0) == pytest.approx(np.ones(9), abs=0.03)


def test_more_strength_leaves_less_to_chance() -> None:
    weak, strong = (
        KnownEffects(family="additive", strength=s).formula.value(np.ones((1, 9))) for s in (1, 3)
    )
    assert strong == pytest.approx(3 * weak)


def test_the_generated_labels_depend_on_the_words_and_not_on_the_idle_counts() -> None:
    dataset = MultiLabelDemo(n=1500).load(2, Silent())
    train = dataset.train
    names, label = dataset.schema.names, train.labels.astype(float)
    strength = {
        name: abs(np.corrcoef(train.inputs[:, j], label)[0, 1]) for j, name in enumerate(names)
    }
    idle = [value for name, value in strength.items() if name.startswith("idle")]
    assert max(idle) < 0.1 < max(strength.values())
    assert "generated" in say(dataset.card["title"]).lower()


def test_the_label_of_the_wide_table_follows_its_truth() -> None:
    plugin = Wide(n=4000, features=40, informative=4, block=4)
    dataset = plugin.load(2, Silent())
    columns = np.flatnonzero(dataset.train.truth[0])
    assert len(columns) == 4
    assert len(set(columns // 4)) == 4
    assert (dataset.train.truth == dataset.train.truth[0]).all()
    odds = log_odds(dataset.train.inputs[:, columns], plugin.strength)
    assert odds.std() == pytest.approx(plugin.strength, rel=0.05)
    assert np.abs(expit(odds) - dataset.train.labels).mean() < 0.25
    within = np.corrcoef(dataset.train.inputs[:, 0], dataset.train.inputs[:, 1])[0, 1]
    assert within == pytest.approx(0.5, abs=0.06)
    (problem,) = Wide(features=10, block=5, informative=3).problems()
    assert "3 informative columns in 2 blocks" in problem
