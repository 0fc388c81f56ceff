"""The threshold rules against a search over every cut."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score

from deepseek_report.artifacts.conclusions import DecisionCosts
from deepseek_report.metrics.performance.predicting import RULES, choose_threshold, threshold_of

ORACLES = {
    "accuracy": accuracy_score,
    "balanced_accuracy": balanced_accuracy_score,
    "f1": lambda truths, decided: f1_score(truths, decided, zero_division=0),
}


def sample(seed: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    truths = generator.random(60) < 0.3
    truths[:2] = [True, False]
    return np.clip(generator.normal(0.3 + 0.2 * truths, 0.15), 0.01, 0.99).round(2), truths


@pytest.mark.parametrize("rule", sorted(ORACLES))
@pytest.mark.parametrize("seed", range(4))
def test_no_other_cut_is_better(rule: str, seed: int) -> None:
    scores, truths = sample(seed)
    score = ORACLES[rule]
    best = max(score(truths, scores >= cut) for cut in [*scores, 1.01])
    chosen = choose_threshold(rule, scores, truths)
    assert score(truths, scores >= chosen) == pytest.approx(best, abs=1e-12)


@pytest.mark.parametrize("costs", [DecisionCosts(1, 5), DecisionCosts(4, 1), DecisionCosts(1, 1)])
@pytest.mark.parametrize("seed", range(4))
def test_no_other_cut_costs_less(costs: DecisionCosts, seed: int) -> None:
    scores, truths = sample(seed)

    def cost(cut: float) -> float:
        decided = scores >= cut
        return costs.of(int((decided & ~truths).sum()), int((truths & ~decided).sum()))

    chosen = choose_threshold("costs", scores, truths, costs)
    assert cost(chosen) == min(cost(cut) for cut in [*scores, 1.01])


def test_costs_of_one_kind_choose_the_threshold_of_theory_for_true_probabilities() -> None:
    generator = np.random.default_rng(1)
    scores = generator.random(200_000)
    truths = generator.random(200_000) < scores
    chosen = choose_threshold("costs", scores, truths, DecisionCosts(1, 4))
    assert chosen == pytest.approx(1 / (1 + 4), abs=0.02)  # Elkan 2001: c_fp / (c_fp + c_fn)


def test_base_rate_decides_as_often_as_the_class_occurs() -> None:
    scores = np.linspace(0.05, 0.95, 50)
    truths = np.arange(50) % 5 == 0
    assert (scores >= choose_threshold("base_rate", scores, truths)).sum() == truths.sum()


def test_a_threshold_is_a_probability_between_two_scores() -> None:
    scores, truths = sample(3)
    for rule in set(RULES) - {"declared", "costs"}:
        chosen = choose_threshold(rule, scores, truths)
        assert 0 < chosen < 1
        assert chosen not in scores


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("threshold", [0.13, 0.5, 0.77])
def test_the_threshold_behind_decisions_gives_them_all(seed: int, threshold: float) -> None:
    scores, _ = sample(seed)
    for decided in (scores >= threshold, scores > threshold):
        np.testing.assert_array_equal(scores >= threshold_of(decided, scores), decided)


def test_decisions_that_no_threshold_gives_get_the_one_that_gives_most_of_them() -> None:
    scores = np.linspace(0.05, 0.95, 19)
    decided = scores > 0.7
    decided[3] = True
    assert ((scores >= threshold_of(decided, scores)) != decided).sum() == 1
