"""At most four reasons against a person, adverse and certain; every refused row has some."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from deepseek_report.artifacts.explanation import Explanation
from deepseek_report.artifacts.predictions import Predictions
from deepseek_report.artifacts.schema import Schema, Target
from deepseek_report.artifacts.split import Split
from deepseek_report.metrics.cases.reason_codes import (
    REFUSED,
    CodeWriter,
    ReasonCodeRule,
    RefusedReasons,
    Shortfalls,
    shortfalls_of,
    told_of,
)
from tests.builders import explanation, numbered, numeric, predictions
from tests.metrics.attributions import attributed

N, WIDTH = 60, 8


def schema_of(favourable: int | None = 0, classes: tuple[str, ...] = ("paid", "default")) -> Schema:
    *names, last = numbered(WIDTH)
    features = (*numeric(*names), *numeric(last, sensitive=True))
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
        codes = [row for row in rows if row.role == "reason"]
        assert len(codes) <= 4
        assert [row.rank for row in codes] == list(range(1, len(codes) + 1))
        for row in codes:
            assert row.shortfall > 2 * row.error > 0
            assert row.feature != f"x{WIDTH - 1}"
        assert [row.shortfall for row in codes] == sorted(
            (row.shortfall for row in codes), reverse=True
        )
        seen += len(codes)
    assert seen > N


def test_a_protected_feature_that_counts_against_a_person_is_told_apart() -> None:
    explanation = explained()
    made = shortfalls(explanation)
    place = int(made.values[:, -1].argmax())
    writer = CodeWriter("shap", explanation, made, schema_of(), 4)
    (protected,) = [row for row in writer.rows(0, place) if row.role == "protected"]
    assert protected.feature == f"x{WIDTH - 1}"
    assert protected.rank == 0


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
    assert [row.order_certain for row in rows] == ordered


def test_codes_are_kept_as_often_as_another_seed_gives_them() -> None:
    truth = np.random.default_rng(5).normal(0, 0.05, (N, WIDTH))
    error = np.full((N, WIDTH), 0.01)
    allowed = np.ones(WIDTH, dtype=bool)
    runs = [
        Shortfalls(truth + np.random.default_rng(k).normal(0, error), error, error, allowed, 5e-4)
        for k in range(40)
    ]
    kept = []
    for run, other in pairwise(runs):
        # the certain reasons of one seed are the largest by another one too
        stated = run.stated(4)
        largest = other.ranks(other.values) < stated.sum(axis=1, keepdims=True)
        kept.append((largest == stated).all(axis=1)[stated.any(axis=1)].mean())
    real = np.mean(kept)
    simulated = np.mean([np.nanmean(run.kept(4, seed=1)) for run in runs])
    assert real >= 0.95
    assert simulated == pytest.approx(real, abs=0.03)
    exact = Shortfalls(truth, error, np.zeros_like(error), allowed, 5e-4)
    assert np.nanmin(exact.kept(4, seed=1)) == 1


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
    assert shortfalls_of(predicted(explanation), explanation, schema, ReasonCodeRule()) is None


# --- three classes and more -----------------------------------------------------------------------


def of_three(explanation: Explanation, leads: Any = 0.4, **rule: Any) -> Shortfalls:
    """Half of the cases are decided for the favourable class, by these leads over the second."""
    granted, leads = np.arange(N) % 2 == 0, leads * np.ones(N)
    highest, second = (1 + leads) / 2 - 0.05, (1 - leads) / 2 - 0.05
    probabilities = np.column_stack([second, np.full(N, 0.1), highest])
    probabilities[granted] = probabilities[granted][:, [0, 2, 1]]
    rows = Split(explanation.inputs, probabilities.argmax(axis=1), np.arange(N))
    decided = predictions(probabilities, rows, None, explained=1)
    schema = schema_of(1, ("refused", "granted", "granted with a guarantor"))
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


@dataclass
class Further:
    """Explains a row by its own values; the cheap form is off by so much in every feature."""

    context: Any
    off: float = 0.0
    price: int = 10

    def planned_calls(self, rows: int, cheaply: bool) -> int:
        return rows * (1 if cheaply else self.price)

    def explained(self, positions: np.ndarray, cheaply: bool) -> Any:
        values = known(self.context, positions)
        values += cheaply * self.off * np.random.default_rng(0).choice([-1, 1], values.shape)
        return attributed(self.context, "shap", values, positions)


def known(context: Any, positions: np.ndarray) -> np.ndarray:
    inputs = context.dataset.test.inputs[positions]
    return np.asarray(np.tanh(inputs / [20.0, 1.0, 1.0] - [2.5, 1.0, 0.0]) * [0.3, 0.2, 0.1])


def context_of(toy: Any, **fields: Any) -> Any:
    context = toy(n=300)
    explained = np.arange(0, 300, 5)
    context = replace(context, cases=replace(context.cases, explained=explained))
    shap = attributed(context, "shap", known(context, explained), explained)
    further = Further(context, **fields)
    return replace(context, explanations={"shap": shap}, explainers={"shap": further})


def table_of(context: Any, evaluations: int) -> Any:
    rows = RefusedReasons(ReasonCodeRule(), evaluations).rows(context, context.explanations)
    return REFUSED.frame(rows)


def refused_ids(context: Any) -> list[int]:
    predictions = context.predictions
    favourable = context.dataset.schema.target.favourable
    return [int(row) for row in predictions.instance_ids[predictions.decisions != favourable]]


@pytest.mark.parametrize(("evaluations", "rough"), [(100_000, False), (400, True)])
def test_all_refused_rows_have_reasons_rough_ones_where_full_ones_are_dear(
    toy, evaluations, rough
) -> None:
    context = context_of(toy)
    table = table_of(context, evaluations)
    assert list(table["instance_id"]) == refused_ids(context)
    ids = context.predictions.instance_ids[context.cases.explained]
    assert not table[table["instance_id"].isin(ids)]["rough"].any()
    assert (table[~table["instance_id"].isin(ids)]["rough"] == rough).all()


def test_where_both_forms_are_dear_only_the_explained_rows_have_reasons(toy) -> None:
    context = context_of(toy)
    ids = set(context.predictions.instance_ids[context.cases.explained])
    assert set(table_of(context, 1)["instance_id"]) == ids & set(refused_ids(context))


def test_a_row_has_the_reasons_that_its_explanation_gives(toy) -> None:
    context = context_of(toy)
    explanation = context.explanations["shap"]
    made = shortfalls_of(context.predictions, explanation, context.dataset.schema, ReasonCodeRule())
    assert made is not None
    table = table_of(context, 100_000).set_index("instance_id")
    labels = [feature.label for feature in context.dataset.schema.features]
    for place, position in enumerate(explanation.positions):
        row = int(context.predictions.instance_ids[position])
        if row in table.index:
            chosen = np.flatnonzero(made.chosen(4)[place])
            order = chosen[np.argsort(-made.values[place, chosen])]
            named = [name for name in table.loc[row, ["reason_1", "reason_2", "reason_3"]] if name]
            assert named == [labels[j] for j in order]


def test_rough_reasons_are_held_to_the_error_that_their_form_has_on_the_explained_rows(toy) -> None:
    sure, unsure = (
        table_of(context_of(toy, off=off), 400).query("rough")["certain"] for off in (0.001, 0.2)
    )
    assert sure.mean() > 0.5
    assert unsure.mean() < 0.1
