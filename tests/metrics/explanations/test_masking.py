"""Attributions against what the model says of masked instances, also one that has learnt to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.metrics.explanations import masking
from deepseek_report.metrics.explanations.curves import perturbation
from deepseek_report.statistics.games.formula import enumerated_values
from tests.builders import Answers, logistic, numbered, table
from tests.metrics.attributions import explained_by
from tests.metrics.refits import logistic_refits
from tests.worded import refused

N, WEIGHTS = 40, np.array([0.05, -0.03, 0.02, 0.01, -0.04, 0.015])


def linear(inputs: np.ndarray) -> np.ndarray:
    return 0.5 + inputs @ WEIGHTS


def product(inputs: np.ndarray) -> np.ndarray:
    return linear(inputs) + inputs[:, 0] * inputs[:, 1] / 20


def context_of(
    toy: Callable[..., MeasureContext], answers: Any = linear, values: Any = None, **more: Any
) -> Any:
    """Rows of six numbers in place of the toy's, explained by the exact terms of a linear model.

    values : of {name: what is made of the exact terms}; `exact` alone without.
    """
    plain, model = toy(n=100), Answers(answers, table(*numbered(len(WEIGHTS))))
    rng = np.random.default_rng(3)
    parts = {
        part: replace(split, inputs=rng.normal(size=(len(split), len(WEIGHTS))))
        for part in ("train", "validation", "test")
        for split in [getattr(plain.dataset, part)]
    }
    parts["train"].inputs[:] -= np.median(parts["train"].inputs, axis=0)
    data = replace(plain.dataset, schema=model.schema, **parts)
    decided = (model.probabilities(data.test.inputs)[:, 1] >= 0.5).astype(np.int64)
    predictions = replace(plain.predictions, decisions=decided)
    background = np.zeros((4, len(WEIGHTS)))
    context = replace(
        plain, dataset=data, classifier=model, predictions=predictions, background=background
    )
    model.calls = 0
    exact = data.test.inputs[:N] * WEIGHTS
    made = {name: change(exact) for name, change in (values or {"exact": lambda x: x}).items()}
    explained = explained_by(context, **made)
    explanations = {
        name: replace(explanation, game="baseline", **more)
        for name, explanation in explained.explanations.items()
    }
    first = next(iter(explanations.values()))
    return replace(explained, explanations=explanations, explanation=first)


def scores_of(measured: Any) -> dict[tuple[str, str], Any]:
    return {(score.metric, score.explainer): score for score in measured.scores}


def correlated(context: Any) -> dict[tuple[str, str], Any]:
    return scores_of(masking.FaithfulnessCorrelation(resamples=100).measure(context))


def test_of_a_linear_model_the_exact_terms_correlate_fully_and_lose_nothing(toy) -> None:
    scores = correlated(context_of(toy))
    assert scores["faithfulness_correlation", "exact"].value == pytest.approx(1)
    assert scores["masked_infidelity", "exact"].value == pytest.approx(0, abs=1e-12)


def test_the_unit_of_attributions_does_not_matter_and_their_sign_does(toy) -> None:
    changes = {"exact": lambda x: x, "scaled": lambda x: 7 * x, "turned": lambda x: -x}
    scores = correlated(context_of(toy, values=changes))
    for metric in ("faithfulness_correlation", "masked_infidelity"):
        assert scores[metric, "scaled"].value == pytest.approx(scores[metric, "exact"].value)
    assert scores["faithfulness_correlation", "turned"].value == pytest.approx(-1)
    assert scores["masked_infidelity", "turned"].value > 0.9


def test_attributions_at_random_correlate_by_chance_alone(toy) -> None:
    rng = np.random.default_rng(5)
    changes = {"random": lambda x: rng.normal(size=x.shape)}
    scores = scores_of(
        masking.FaithfulnessCorrelation(resamples=500).measure(context_of(toy, values=changes))
    )
    score = scores["faithfulness_correlation", "random"]
    assert score.low < 0 < score.high


def test_noise_makes_both_scores_worse_step_by_step(toy) -> None:
    noise = np.random.default_rng(8).normal(size=(N, len(WEIGHTS))) * np.abs(WEIGHTS).mean()
    changes = {f"{k}": lambda x, k=k: x + k * noise for k in (0, 0.5, 1, 2)}
    scores = correlated(context_of(toy, values=changes))
    right = [scores["faithfulness_correlation", name].value for name in changes]
    lost = [scores["masked_infidelity", name].value for name in changes]
    assert right == sorted(right, reverse=True)
    assert lost == sorted(lost)


def test_all_methods_of_one_game_share_the_answers_of_the_model(toy) -> None:
    rows = []
    for n_methods in (2, 4):
        changes = {f"{k}": lambda x, k=k: x + k for k in range(n_methods)}
        context = context_of(toy, values=changes)
        masking.FaithfulnessCorrelation(resamples=100, masks=8).measure(context)
        rows.append(context.classifier.calls)
    assert rows[0] == rows[1] > 0


def test_what_explains_log_odds_is_held_against_log_odds(toy) -> None:
    values = {}
    for space in ("logit", "probability"):
        context = context_of(toy, lambda x: logistic(30 * (x @ WEIGHTS)), output_space=space)
        scores = correlated(context)
        values[space] = scores["faithfulness_correlation", "exact"].value
    assert values["logit"] == pytest.approx(1)
    assert values["probability"] < 0.999


def test_a_walk_and_the_way_back_give_the_terms_of_a_linear_model_whatever_the_order(toy) -> None:
    context = context_of(toy)
    replacing = perturbation(context, context.explanation, 2)
    toward = replacing.toward(1)[:, None]
    values = masking.walked(replacing, 5)["probability"]
    np.testing.assert_allclose(values, context.explanation.values * toward, atol=1e-12)
    two = context_of(toy, values={"exact": lambda x: x, "turned": lambda x: -x})
    scores = correlated(two)
    assert scores["shapley_cosine", "exact"].value == pytest.approx(1)
    assert scores["shapley_cosine", "turned"].value == pytest.approx(-1)


def test_walks_are_on_average_the_values_of_all_coalitions(toy) -> None:
    context = context_of(toy, product)
    explanation = context.explanation.at(np.arange(5))
    replacing = perturbation(context, explanation, 2)
    draws = np.array([masking.walked(replacing, seed)["probability"] for seed in range(400)])
    baseline = np.median(context.dataset.train.inputs, axis=0)
    exact = enumerated_values(
        product,
        explanation.inputs,
        np.tile(baseline, (5, 1, 1)).transpose(1, 0, 2).reshape(5, 1, -1),
        context.dataset.schema.owners,
    )
    apart = draws.mean(axis=0) - exact * replacing.toward(1)[:, None]
    errors = draws.std(axis=0) / 20
    assert np.all(np.abs(apart) <= 5 * errors + 1e-12)
    sums = draws.sum(axis=2)
    np.testing.assert_allclose(sums, np.tile(sums[0], (400, 1)), atol=1e-12)


def test_walks_ask_about_no_more_rows_than_allowed_and_not_at_all_of_too_many_players(toy) -> None:
    rows = {}
    for walks in (64, 112, 1000):
        context = context_of(toy, values={"exact": lambda x: x, "turned": lambda x: -x})
        metric = masking.FaithfulnessCorrelation(resamples=100, masks=8, walks=walks)
        scores = scores_of(metric.measure(context))
        rows[walks] = context.classifier.calls
        assert (("shapley_cosine", "exact") in scores) == (walks >= 112)
    assert rows[112] - rows[64] <= 112  # 8 instances, 14 coalitions each
    assert rows[112] < rows[1000] <= rows[64] + 1000


def test_no_more_coalitions_are_asked_about_than_allowed(toy) -> None:
    context = context_of(toy)
    few = masking.FaithfulnessCorrelation(resamples=100, masks=16, evaluations=160).measure(context)
    assert few.scores[0].n == 10


def test_masks_are_halves_of_what_there_is() -> None:
    present = np.array([[True] * 5, [True, False, True, False, False], [False] * 4 + [True]])
    halves = masking.random_halves(present, 200, np.random.default_rng(0))
    assert (halves.sum(axis=2) == [[2], [1], [1]]).all()
    assert not halves[~np.repeat(present[:, None], 200, axis=1)].any()
    rates = halves.mean(axis=1)
    np.testing.assert_allclose(rates[0], 0.4, atol=0.12)


def test_both_scores_are_those_of_a_slow_rewrite() -> None:
    rng = np.random.default_rng(11)
    predicted, drops = rng.normal(size=(6, 20)), rng.normal(size=(6, 20))
    grid = np.linspace(0, 3, 30_001)
    for case in range(6):
        expected = np.corrcoef(predicted[case], drops[case])[0, 1]
        assert masking.correlations(predicted, drops)[case] == pytest.approx(expected)
        errors = ((grid[:, None] * predicted[case] - drops[case]) ** 2).sum(axis=1)
        share = errors.min() / (drops[case] ** 2).sum()
        assert masking.scaled_infidelity(predicted, drops)[case] == pytest.approx(share, abs=1e-6)


def test_where_nothing_drops_nothing_is_scored() -> None:
    flat = np.zeros((1, 5))
    assert np.isnan(masking.correlations(np.arange(5.0)[None], flat)).all()
    assert np.isnan(masking.scaled_infidelity(np.arange(5.0)[None], flat)).all()


def test_of_a_linear_model_what_is_retained_is_told_by_its_terms(toy) -> None:
    context = context_of(toy)
    measured = masking.Comprehensiveness(resamples=100).measure(context)
    toward = np.where(context.predictions.decisions[:N] == 1, 1.0, -1.0)[:, None]
    terms = np.sort(context.explanation.values * toward, axis=1)
    comprehensiveness, sufficiency = measured.arrays["per_instance"].T
    np.testing.assert_allclose(comprehensiveness, terms[:, 3:].sum(axis=1))
    np.testing.assert_allclose(sufficiency, terms[:, :3].sum(axis=1))


@pytest.mark.parametrize("retained", [0.01, 0.3, 0.5, 0.9])
def test_the_most_and_the_least_important_are_kept_in_equal_numbers(toy, retained) -> None:
    answered: list[np.ndarray] = []

    def noting(inputs: np.ndarray) -> np.ndarray:
        answered.append(inputs)
        return product(inputs)

    context = context_of(toy, noting)
    answered.clear()
    masking.Comprehensiveness(resamples=100, retained=retained).measure(context)
    kept = [(np.abs(rows) > 1e-9).sum(axis=1) for rows in answered if len(rows) == N]
    counts = {int(count) for each in kept for count in each}
    assert counts == {max(round(retained * 6), 1), 6}


def itself(context: Any, work: int = 100) -> SimpleNamespace:
    """Fits that give the model itself, and the data that they were fitted to."""
    requests: list[Any] = []

    def fitted_to(data: Any) -> Any:
        requests.append(data)
        return context.classifier

    return SimpleNamespace(fitted_to=fitted_to, requests=requests, work=work, most_work=10_000)


def test_of_a_linear_model_f_fidelity_is_the_difference_of_the_mean_terms(toy) -> None:
    """Of six terms one is taken from the upper and one from the lower half, each as likely."""
    context = context_of(toy)
    context = replace(context, refits=itself(context))
    measured = masking.FFidelity(draws=600, resamples=100).measure(context)
    toward = np.where(context.predictions.decisions[:N] == 1, 1.0, -1.0)[:, None]
    terms = np.sort(context.explanation.values * toward, axis=1)
    expected = (terms[:, 3:].mean(axis=1) - terms[:, :3].mean(axis=1)).mean()
    assert measured.scores[0].value == pytest.approx(expected, rel=0.03)
    assert len(context.refits.requests) == 1


def test_a_turned_explanation_has_the_opposite_f_fidelity_and_a_random_one_none(toy) -> None:
    rng = np.random.default_rng(2)
    changes = {
        "exact": lambda x: x,
        "turned": lambda x: -x,
        "drawn": lambda x: rng.normal(size=x.shape),
    }
    context = context_of(toy, values=changes)
    context = replace(context, refits=itself(context))
    scores = {score.explainer: score for score in masking.FFidelity().measure(context).scores}
    assert scores["exact"].low > 0 > scores["turned"].high
    assert scores["drawn"].low < 0 < scores["drawn"].high


@pytest.mark.parametrize("game", ["baseline", "background"])
def test_rows_are_masked_in_no_more_than_the_share_and_by_what_the_game_says(toy, game) -> None:
    context = context_of(toy)
    before = context.dataset.train.inputs
    after = masking.masked_rows(context.dataset, game, 0.5, seed=1).train.inputs
    changed = after != before
    assert 0.2 < changed.mean() < 0.3
    for column in range(before.shape[1]):
        filled = after[changed[:, column], column]
        if game == "background":
            assert np.isin(filled, before[:, column]).all()
            assert len(np.unique(filled)) > 20
        else:
            assert np.ptp(filled) == 0


@pytest.mark.parametrize("metric", [masking.FFidelity, masking.RemoveAndRetrain])
def test_nothing_is_fitted_beyond_the_bound_unless_somebody_allows_it(toy, metric) -> None:
    context = context_of(toy)
    of_metric = {masking.FFidelity: itself(context, 20_000)}
    of_metric[masking.RemoveAndRetrain] = logistic_refits(context.dataset, work=20_000)
    dear = replace(context, refits=of_metric[metric])
    with refused("set most_work to allow more"):
        metric().measure(dear)
    assert not dear.refits.requests
    if metric is masking.FFidelity:
        assert metric(most_work=100_000, resamples=100).measure(dear).scores
    with refused("nothing says how it is fitted"):
        metric().measure(replace(context, refits=None))


def test_learning_without_what_matters_costs_more_than_without_what_does_not(toy) -> None:
    plain = toy(n=900)
    amount, noise = np.array([5.0, 1.0, 0.1]), np.array([0.1, 1.0, 5.0])
    context = explained_by(plain, right=np.tile(amount, (N, 1)), wrong=np.tile(noise, (N, 1)))
    context = replace(context, refits=logistic_refits(context.dataset))
    measured = masking.RemoveAndRetrain(removed=0.34).measure(context)
    right, wrong = measured.scores
    assert right.low > 0.1
    assert wrong.value == pytest.approx(-right.value)
    withheld = {change.withheld for *_, change in context.refits.requests}
    assert withheld == {(0,), (2,)}
    assert len(context.refits.requests) == 2
