"""Rules that are enough for a decision: against all rules, and how often their intervals hold."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from deepseek_report.artifacts.predictions import Cases
from deepseek_report.metrics.cases.anchors import AnchorCondition, Anchors, best_rule, conditions_of
from deepseek_report.statistics.resampling import Resampling
from tests.builders import Answers, laid_out


def by_enumeration(holds: np.ndarray, same: np.ndarray, precision: float, most: int) -> float:
    """The rows of the widest rule that is enough; 0 where none is."""
    widest = 0.0
    for size in range(1, most + 1):
        for chosen in combinations(range(len(holds)), size):
            inside = holds[list(chosen)].all(axis=0)
            if inside.sum() >= 10 and same[inside].mean() >= precision:
                widest = max(widest, float(inside.sum()))
    return widest


@pytest.mark.parametrize("seed", range(8))
def test_the_widest_rule_that_is_enough_is_that_of_all_rules(seed) -> None:
    rng = np.random.default_rng(seed)
    holds = rng.random((9, 400)) < rng.uniform(0.3, 0.8, (9, 1))
    same = rng.random(400) < 0.35 + 0.3 * holds[0] + 0.3 * holds[3]
    rule, is_enough = best_rule(holds, same, 0.9, 3, 10)
    widest = by_enumeration(holds, same, 0.9, 3)
    assert is_enough == (widest > 0)
    if is_enough:
        assert holds[list(rule)].all(axis=0).sum() == widest
        assert same[holds[list(rule)].all(axis=0)].mean() >= 0.9


def test_where_nearly_all_are_decided_so_no_condition_is_needed() -> None:
    same = np.arange(100) < 97
    assert best_rule(np.ones((2, 100), bool), same, 0.95, 3, 10) == ((), True)


def test_where_no_rule_is_enough_the_surest_is_given_and_not_called_enough() -> None:
    rng = np.random.default_rng(0)
    holds = np.stack([np.arange(400) < 200, np.arange(400) >= 390])
    same = np.where(holds[0], rng.random(400) < 0.7, rng.random(400) < 0.2)
    assert best_rule(holds, same, 0.95, 2, 5) == ((0,), False)


def test_conditions_of_a_case_hold_of_it(toy) -> None:
    context = toy(n=200)
    train, schema = context.dataset.train.inputs, context.dataset.schema
    row = train[3].copy()
    row[2] = np.nan
    conditions = conditions_of(row, train, schema, range(3))
    assert {condition.relation for condition in conditions} >= {"is", "missing"}
    assert all(condition.holds(row[None])[0] for condition in conditions)
    up_to = AnchorCondition("up_to", 0, 50.0)
    np.testing.assert_array_equal(up_to.holds(train), train[:, 0] <= 50)


def test_conditions_of_a_text_are_its_words_wherever_they_stand() -> None:
    schema = laid_out("text", 3, words=("[UNK]", "good", "bad", "[MASK]"), mask=3)
    row = np.array([2.0, 0.0, np.nan])
    (condition,) = conditions_of(row, row[None], schema, ())
    assert condition.worded(schema) == ("bad", "bad", "word", "bad")
    rows = np.array([[1.0, 2.0, np.nan], [1.0, 1.0, 0.0]])
    assert condition.holds(rows).tolist() == [True, False]


def test_a_planted_rule_is_named_and_counted_without_the_case(toy) -> None:
    context = toy(n=1500)

    def chances(rows: np.ndarray) -> np.ndarray:
        return np.where((rows[:, 1] == 2) & (rows[:, 0] > 50), 0.9, 0.1)

    model = Answers(chances, context.dataset.schema)
    test = context.dataset.test
    decisions = (model.probabilities(test.inputs)[:, 1] >= 0.45).astype(np.int64)
    case = int(np.flatnonzero(decisions == 1)[0])
    planted = replace(
        context,
        classifier=model,
        predictions=replace(context.predictions, decisions=decisions),
        cases=Cases(np.array([case]), {"named": 0}),
    )
    measured = Anchors(precision=0.8, least=20).measure(planted)
    rules, conditions = measured.tables["rules"], measured.tables["conditions"]
    assert set(conditions.feature) == {"amount", "colour"}
    assert rules.enough[0]
    assert rules.precision_low[0] <= rules.precision[0] <= rules.precision_high[0]
    inside = (test.inputs[:, 1] == 2) & (test.inputs[:, 0] > 49)
    assert abs(rules.n[0] - inside.sum()) <= 0.25 * inside.sum()


def test_the_interval_of_the_test_part_holds_the_precision_of_the_rule(toy) -> None:
    """The rule is the best of many in the training part, so its share there is too good."""
    rng, too_good, held = np.random.default_rng(1), [], []
    for _ in range(300):
        holds, tested = (rng.random((12, n)) < 0.5 for n in (200, 150))
        shares = [0.7 + 0.05 * part[0] for part in (holds, tested)]
        same, truly = (rng.random(len(share)) < share for share in shares)
        rule, _ = best_rule(holds, same, 0.9, 3, 15)
        inside = tested[list(rule)].all(axis=0)
        true = 0.75 if 0 in rule else 0.725
        rate = Resampling(len(truly)).rate(truly, inside)
        held.append(rate.low <= true <= rate.high)
        too_good.append(same[holds[list(rule)].all(axis=0)].mean() - true)
    assert np.mean(too_good) > 0.1
    assert np.mean(held) >= 0.93
