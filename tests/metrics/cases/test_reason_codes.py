"""At most four reasons against a person, adverse, certain, none about a protected attribute."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from deepseek_report.artifacts.explanation import Explanation
from deepseek_report.artifacts.predictions import Predictions
from deepseek_report.artifacts.schema import Feature, Schema, Target
from deepseek_report.artifacts.split import Split
from deepseek_report.metrics.cases.reason_codes import (
    CodeWriter,
    ReasonCodeRule,
    Shortfalls,
    shortfalls_of,
    told_of,
)
from tests.builders import explanation, predictions

N, WIDTH = 60, 8


def schema_of(favourable: int | None = 0, classes: tuple[str, ...] = ("paid", "default")) -> Schema:
    features = tuple(
        Feature(f"x{j}", f"X {j}", "numeric", sensitive=j == WIDTH - 1) for j in range(WIDTH)
    )
    return Schema(features, Target("y", "y", classes, favourable))


def explained(seed: int = 0, error: float | None = 0.001, **fields: Any) -> Explanation:
    generator = np.random.default_rng(seed)
    values = generator.normal(0, 0.05, (N, WIDTH))
    inputs, errors = generator.normal(size=(N, WIDTH)), np.full((N, WIDTH), error)
    known = {"predictions": 0.5 + values.sum(axis=1), "seed": 1, **fields}
    known["standard_error"] = None if error is None else errors
    return explanation(values, inputs, **known)


def predicted(explanation: Explanation, threshold: float = 0.5) -> Predictions:
    scores = np.clip(explanation.predictions, 0.01, 0.99)
    decisions = (scores >= threshold).astype(np.int64)
    return predictions(scores, Split(explanation.inputs, decisions, np.arange(N)), threshold)


def shortfalls(explanation: Explanation, **rule: Any) -> Shortfalls:
    made = shortfalls_of(predicted(explanation), explanation, schema_of(), ReasonCodeRule(**rule))
    assert made is not None
    return made


def test_a_shortfall_is_what_a_feature_adds_less_than_on_average() -> None:
    explanation = explained()
    by_hand = explanation.values - explanation.values.mean(axis=0)  # of the unfavourable class
    np.testing.assert_allclose(shortfalls(explanation).values, by_hand)


def test_of_the_favourable_class_the_sign_is_the_other() -> None:
    of_other, of_favourable = explained(), explained(target=0)
    np.testing.assert_allclose(shortfalls(of_favourable).values, -shortfalls(of_other).values)


def test_barely_accepted_are_the_accepted_nearest_to_the_threshold() -> None:
    explanation = explained()
    made = predicted(explanation)
    accepted = np.flatnonzero(made.decisions == 0)
    n = max(round(len(accepted) / 4), 10)
    nearest = accepted[np.argsort(0.5 - made.scores[accepted])[:n]]
    by_hand = explanation.values - explanation.values[nearest].mean(axis=0)
    np.testing.assert_allclose(
        shortfalls(explanation, method="shortfall_from_accepted").values, by_hand
    )


def test_codes_are_adverse_certain_unprotected_and_at_most_four() -> None:
    explanation = explained()
    made = shortfalls(explanation)
    writer = CodeWriter("shap", explanation, made, schema_of(), 4)
    seen = 0
    for place in range(N):
        rows = writer.rows(0, place)
        codes = [row for row in rows if row[2] == "reason"]
        assert len(codes) <= 4
        assert [row[3] for row in codes] == list(range(1, len(codes) + 1))
        for row in codes:
            assert row[7] > 2 * row[8] > 0
            assert row[4] != f"x{WIDTH - 1}"
        assert [row[7] for row in codes] == sorted((row[7] for row in codes), reverse=True)
        seen += len(codes)
    assert seen > N


def test_a_protected_feature_that_counts_against_a_person_is_told_apart() -> None:
    explanation = explained()
    made = shortfalls(explanation)
    place = int(made.values[:, -1].argmax())
    writer = CodeWriter("shap", explanation, made, schema_of(), 4)
    (protected,) = [row for row in writer.rows(0, place) if row[2] == "protected"]
    assert protected[4] == f"x{WIDTH - 1}"
    assert protected[3] == 0


def test_below_the_sampling_error_no_reason_is_given() -> None:
    assert not shortfalls(explained(error=1.0)).chosen(4).any()


def apart(values: list[float]) -> Shortfalls:
    """Of one case, each with the same error."""
    error = np.full((1, WIDTH), 0.005)
    return Shortfalls(np.array([values]), error, error, np.ones(WIDTH, dtype=bool), 5e-4)


@pytest.mark.parametrize(
    ("values", "ordered"),
    [
        ([0.10, 0.099, 0.05, 0, 0, 0, 0, 0], [False, True, True]),  # two are of one size
        ([0.5, 0.4, 0.3, 0.101, 0.1, 0, 0, 0], [True, True, True, False]),  # a fifth is as large
    ],
)
def test_reasons_are_ordered_only_before_smaller_ones(values, ordered) -> None:
    rows = CodeWriter("shap", explained(), apart(values), schema_of(), 4).rows(0, 0)
    assert [row[9] for row in rows] == ordered


def test_codes_are_kept_as_often_as_another_seed_gives_them() -> None:
    truth = np.random.default_rng(5).normal(0, 0.05, (N, WIDTH))
    error = np.full((N, WIDTH), 0.01)
    allowed = np.ones(WIDTH, dtype=bool)
    runs = [
        Shortfalls(truth + np.random.default_rng(k).normal(0, error), error, error, allowed, 5e-4)
        for k in range(40)
    ]
    real = np.mean([_kept_in_fact(run, other) for run, other in pairwise(runs)])
    simulated = np.mean([np.nanmean(run.kept(4, seed=1)) for run in runs])
    assert real >= 0.95
    assert simulated == pytest.approx(real, abs=0.03)
    exact = Shortfalls(truth, error, np.zeros_like(error), allowed, 5e-4)
    assert np.nanmin(exact.kept(4, seed=1)) == 1


def _kept_in_fact(run: Shortfalls, other: Shortfalls) -> float:
    """Share of cases where the certain reasons of one seed are the largest by another one too."""
    stated = run.stated(4)
    largest = other.ranks(other.values) < stated.sum(axis=1, keepdims=True)
    return float((largest == stated).all(axis=1)[stated.any(axis=1)].mean())


@pytest.mark.parametrize(
    ("values", "n"),
    [
        ([0.5, 0.4, 0.3, 0.101, 0.1, 0, 0, 0], 3),
        ([0.5, 0.4, 0.3, 0.2, 0.1, 0, 0, 0], 4),
        ([0.101, 0.1, 0.1, 0.099, 0.1, 0, 0, 0], 0),
    ],
)
def test_only_a_set_that_is_apart_from_every_other_feature_is_stated(values, n) -> None:
    np.testing.assert_array_equal(apart(values).stated(4)[0], np.arange(WIDTH) < n)


def test_the_amounts_that_a_case_is_told_by_are_those_of_its_reasons() -> None:
    explanation = replace(explained(), base_values=np.full(N, 0.5))
    made, schema = shortfalls(explanation), schema_of()
    changed = told_of(predicted(explanation), explanation, schema, ReasonCodeRule())
    against = predicted(explanation).decisions == 1
    np.testing.assert_array_equal(changed.values[against], made.values[against])
    np.testing.assert_array_equal(changed.values[~against], explanation.values[~against])
    np.testing.assert_allclose(changed.completeness_gap, explanation.completeness_gap, atol=1e-12)
    np.testing.assert_allclose(changed.base_values[against], explanation.predictions.mean())


@pytest.mark.parametrize(
    ("schema", "fields"),
    [
        (schema_of(favourable=None), {}),
        (schema_of(), {"signed": False}),
        (schema_of(), {"output_space": "none"}),
        (schema_of(0, ("a", "b", "c")), {}),
    ],
)
def test_without_amounts_for_or_against_the_person_there_are_no_codes(schema, fields) -> None:
    explanation = explained(**fields)
    rule = ReasonCodeRule()
    assert shortfalls_of(predicted(explanation), explanation, schema, rule) is None


# --- three classes and more -----------------------------------------------------------------------

THREE = ("refused", "granted", "granted with a guarantor")


def of_three(explanation: Explanation, leads: Any = 0.4, **rule: Any) -> Shortfalls:
    """Half of the cases are decided for the favourable class, by these leads over the second."""
    granted, leads = np.arange(N) % 2 == 0, leads * np.ones(N)
    highest, second = (1 + leads) / 2 - 0.05, (1 - leads) / 2 - 0.05
    probabilities = np.column_stack([second, np.full(N, 0.1), highest])
    probabilities[granted] = probabilities[granted][:, [0, 2, 1]]
    rows = Split(explanation.inputs, probabilities.argmax(axis=1), np.arange(N))
    decided = predictions(probabilities, rows, None, explained=1)
    schema = schema_of(favourable=1, classes=THREE)
    made = shortfalls_of(decided, explanation, schema, ReasonCodeRule(**rule))
    assert made is not None
    return made


def test_of_three_classes_reasons_are_shortfalls_from_the_favourable_one() -> None:
    explanation = explained(target=1)
    made = of_three(explanation)
    by_hand = explanation.values.mean(axis=0) - explanation.values
    np.testing.assert_allclose(made.values, by_hand)


def test_of_three_classes_barely_accepted_are_those_with_the_least_lead() -> None:
    explanation = explained(target=1)
    leads = np.random.default_rng(9).uniform(0.3, 0.7, N)
    made = of_three(explanation, leads, method="shortfall_from_accepted")
    accepted = np.arange(0, N, 2)
    nearest = accepted[np.argsort(leads[accepted])[:10]]
    by_hand = explanation.values[nearest].mean(axis=0) - explanation.values
    np.testing.assert_allclose(made.values, by_hand)


def test_of_three_classes_reasons_recover_what_lowers_the_favourable_one() -> None:
    """Whichever other class is decided, codes are about the features that cost the favourable one.

    The score of each class is a sum of known contributions; those of the favourable class are
    explained with a small error.
    """
    rng = np.random.default_rng(11)
    inputs = rng.normal(size=(N, WIDTH))
    weights = np.array([1.0, 0.8, 0.6, 0.4, 0.0, 0.0, 0.0, 0.9])
    truth = 0.05 * weights * inputs
    explanation = explained(target=1)
    noisy = truth + rng.normal(0, 0.001, truth.shape)
    explanation = replace(explanation, values=noisy, inputs=inputs)
    codes = of_three(explanation).chosen(4)
    assert codes.any(axis=1).mean() > 0.8
    assert not codes[:, 4:].any()  # without effect, or protected
    assert (truth.mean(axis=0) - truth)[codes].min() > 0
