"""How far a number moved: what chance explains, what it does not, and what nobody can judge."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from deepseek_report.artifacts.explanation import Explanation
from deepseek_report.extensions.assurance.movement import (
    MovedScore,
    _moved_explanation,
    allowed_beyond,
    moved_explanations,
    moved_scores,
)
from tests import builders
from tests.real_runs import small_results, with_score
from tests.shared_runs import SmallRun


@pytest.mark.parametrize(
    ("after", "verdict"),
    [(0.8, "same"), (0.8 + 1e-12, "same"), (0.75, "within"), (0.699, "outside"), (None, "outside")],
)
def test_a_score_is_judged_against_its_own_interval(after: float | None, verdict: str) -> None:
    assert MovedScore("roc_auc", 0.8, after, 0.7, 0.9).verdict == verdict


def test_a_score_that_moved_without_an_interval_is_not_judged() -> None:
    assert MovedScore("parameters", 10.0, 11.0, None, None).verdict == "not judged"
    assert MovedScore("parameters", 10.0, 10.0, None, None).verdict == "same"


def test_a_run_against_itself_moves_nowhere_and_a_changed_score_is_seen(
    small_run: SmallRun,
) -> None:
    results = small_results(small_run)
    nothing: frozenset[str] = frozenset()
    scores = moved_scores(results, small_results(small_run), nothing)
    assert len(scores) > 50
    assert {score.verdict for score in scores} == {"same"}
    assert {moved.verdict for moved in moved_explanations(results, results)} == {"same"}
    other = with_score(small_results(small_run), "roc_auc", "roc_auc", value=0.01)
    far = [score for score in moved_scores(results, other, nothing) if score.verdict != "same"]
    assert far
    assert all(score.name.startswith("roc_auc") for score in far)
    aside = moved_scores(results, other, frozenset({"measures/roc_auc"}))
    assert {score.verdict for score in aside} == {"same"}


def explanation(rng: np.random.Generator, cases: int, error: float, shift: float) -> Explanation:
    truth = np.linspace(-1, 1, cases * 8).reshape(cases, 8)
    drawn = truth + shift + error * rng.normal(size=truth.shape)
    errors = np.full(truth.shape, error)
    inputs = np.zeros_like(truth)
    return builders.explanation(drawn, inputs, output_space="logit", standard_error=errors)


@pytest.mark.parametrize("cases", [10, 20, 200])
def test_draws_of_one_truth_are_within_and_a_shift_of_two_errors_is_outside(cases: int) -> None:
    rng = np.random.default_rng(cases)
    verdicts = {"null": 0, "shifted": 0}
    for _ in range(200):
        before, after, far = (explanation(rng, cases, 0.1, shift) for shift in (0.0, 0.0, 0.3))
        verdicts["null"] += _moved_explanation("shap", before, after).verdict != "within"
        verdicts["shifted"] += _moved_explanation("shap", before, far).verdict == "outside"
    assert verdicts["null"] <= 2
    assert verdicts["shifted"] >= 198


def test_other_cases_are_not_compared_and_no_errors_are_not_judged() -> None:
    rng = np.random.default_rng(0)
    before, after = explanation(rng, 10, 0.1, 0.0), explanation(rng, 10, 0.1, 0.0)
    elsewhere = replace(after, positions=np.arange(100, 110))
    assert _moved_explanation("shap", before, elsewhere).verdict == "outside"
    assert _moved_explanation("shap", before, None).verdict == "outside"
    silent = replace(after, standard_error=None)
    assert _moved_explanation("shap", before, silent).verdict == "not judged"
    assert allowed_beyond(10_000) == pytest.approx(0.0565, abs=1e-4)
