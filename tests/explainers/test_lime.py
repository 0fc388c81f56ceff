"""LIME against scikit-learn, its package, and models whose surrogates are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from lime.discretize import QuartileDiscretizer
from lime.lime_tabular import LimeTabularExplainer
from sklearn.linear_model import Ridge as SklearnRidge

from deepseek_report.artifacts.protocols.explainers import ExplainContext
from deepseek_report.artifacts.schema import Category, Feature, Schema, Target
from deepseek_report.data_kinds.coalitions import player_sums, spread_evenly
from deepseek_report.explainers import lime
from tests.explainers.toys import ToyClassifier, additive_layout, context, toy, toy_schema
from tests.worded import say


def only_kind(rows: np.ndarray) -> np.ndarray:
    return np.array([0.2, 0.4, 0.9])[rows[:, -1].astype(int)]


def samples_of(rng: np.random.Generator, instances: int) -> tuple[np.ndarray, ...]:
    """x (instance, sample, player) and y of one interaction with noise, and weights."""
    x = (rng.random((instances, 200, 3)) < 0.4).astype(float)
    noise = 0.1 * rng.normal(size=(instances, 200))
    return x, 0.3 * x[..., 0] + 0.5 * x[..., 1] * x[..., 2] + noise, np.exp(x.sum(axis=2) / 3 - 1)


def test_each_surrogate_of_a_batch_is_the_ridge_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    x, y, w = rng.normal(size=(5, 80, 4)), rng.normal(size=(5, 80)), rng.random((5, 80))
    ours = lime.WeightedRidge.fit(x, y, w, 1.0)
    for k in range(5):
        theirs = SklearnRidge(alpha=1.0).fit(x[k], y[k], sample_weight=w[k])
        np.testing.assert_allclose(ours.coefficients[k], theirs.coef_, rtol=1e-9)
        np.testing.assert_allclose(ours.intercepts[k], theirs.intercept_, rtol=1e-9)
        r_squared = theirs.score(x[k], y[k], sample_weight=w[k])
        np.testing.assert_allclose(ours.fidelity[k], r_squared, rtol=1e-9)


def test_the_standard_error_is_the_spread_over_repeated_samples() -> None:
    fits = lime.WeightedRidge.fit(*samples_of(np.random.default_rng(0), 400), alpha=1.0)
    spread = fits.coefficients.std(axis=0)
    np.testing.assert_allclose(fits.standard_error.mean(axis=0), spread, rtol=0.12)


def test_an_output_that_never_changes_is_fitted_exactly() -> None:
    x, y, w = samples_of(np.random.default_rng(0), 2)
    fits = lime.WeightedRidge.fit(x, np.full_like(y, 0.25), w, alpha=1.0)
    np.testing.assert_array_equal(fits.fidelity, 1)
    np.testing.assert_allclose(fits.coefficients, 0, atol=1e-12)
    np.testing.assert_allclose(fits.intercepts, 0.25)


def test_a_model_of_one_category_is_attributed_to_that_feature() -> None:
    to_explain = toy(2, categories=3, probability=only_kind, n=8)
    explanation = lime.Lime(num_samples=400).explain(to_explain)
    largest = np.abs(explanation.values).argmax(axis=1)
    assert (largest == 2).all()
    sign = np.sign(explanation.values[:, 2])
    np.testing.assert_array_equal(sign, np.where(to_explain.inputs[:, 2] == 2, 1, -1))


def test_of_an_additive_model_of_codes_is_its_shapley_value() -> None:
    """Two categories make "same as the instance" linear: b (1 − p) is f(x) − E f."""

    def probability(rows: np.ndarray) -> np.ndarray:
        return 0.3 + 0.4 * rows[:, 0]

    to_explain = toy(0, categories=2, probability=probability, n=6)
    explanation = lime.Lime(num_samples=2000, ridge=1e-6).explain(to_explain)
    counts = np.bincount(to_explain.background[:, 0].astype(int), minlength=2) + 0.5
    mean = 0.3 + 0.4 * counts[1] / counts.sum()
    np.testing.assert_allclose(explanation.values[:, 0], explanation.predictions - mean, atol=1e-6)
    np.testing.assert_allclose(explanation.base_values, mean, atol=1e-6)
    np.testing.assert_allclose(explanation.params["fidelity"], 1, atol=1e-6)


@pytest.mark.parametrize("algorithm", ["batched", "package"])
def test_bins_and_frequencies_are_those_of_the_training_part_as_in_the_package(algorithm) -> None:
    """Whichever training rows stand in the background: other rows give the same values."""
    rng = np.random.default_rng(4)
    training = np.stack([rng.gamma(2, size=500), rng.normal(size=500), rng.integers(0, 3, 500)], 1)
    to_explain = toy(2, categories=3, probability=mixed, n=4, training=training)
    drawn = replace(to_explain, background=training[:20])
    near = lime.CodedNeighbourhoods(drawn, 4, None)
    by_package = QuartileDiscretizer(training, [2], ["a", "b", "c"])
    for column in (0, 1):
        edges = by_package.bins(training, None)[column]
        np.testing.assert_allclose(near.codings[column].edges, edges)
    shares = np.bincount(training[:, 2].astype(int)) / 500
    np.testing.assert_allclose(near.codings[2].frequencies[1:], shares, atol=2e-3)
    explainer = lime.Lime(num_samples=100, algorithm=algorithm)
    first, second = (
        explainer.explain(replace(drawn, background=training[at : at + 20])) for at in (0, 300)
    )
    for name in ("values", "standard_error", "base_values"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))


def test_coefficients_are_those_of_the_package_by_hand() -> None:
    """Two independent Monte-Carlo estimates of the same surrogate: ours, and lime used directly."""
    schema = toy_schema(0, categories=3)
    to_explain = context(ToyClassifier(schema, probability=only_kind), n=3, n_background=3000)
    explanation = lime.Lime(num_samples=4000).explain(to_explain)
    by_hand = LimeTabularExplainer(
        to_explain.background, categorical_features=[0], random_state=1, discretize_continuous=True
    )
    for row, ours in zip(to_explain.inputs, explanation.values, strict=True):
        shares = np.bincount(to_explain.background[:, 0].astype(int)) / len(to_explain.background)
        theirs = by_hand.explain_instance(
            row, to_explain.classifier.probabilities, labels=(1,), num_samples=4000
        )
        coefficient = dict(theirs.local_exp[1])[0]
        assert ours[0] == pytest.approx(coefficient * (1 - shares[int(row[0])]), abs=0.02)


def mixed(rows: np.ndarray) -> np.ndarray:
    curved = np.tanh(rows[:, 0] * rows[:, 1])
    return 0.5 + 0.2 * curved + 0.1 * np.array([-1, 0, 2])[rows[:, -1].astype(int)]


def test_given_the_perturbations_of_the_package_the_surrogates_are_those_of_the_package() -> None:
    """The rows that the package asks about are kept; ours weighs and fits them by itself."""
    asked_rows: list[np.ndarray] = []

    def recorded(rows: np.ndarray) -> np.ndarray:
        asked_rows.append(rows)
        return mixed(rows)

    to_explain = toy(4, categories=3, probability=recorded, n=3)
    theirs = lime.Lime(num_samples=300, algorithm="package").explain(to_explain)
    near = lime.CodedNeighbourhoods(to_explain, 4, None)
    for k, rows in enumerate(asked_rows):
        codes, part = near.encode(rows), slice(k, k + 1)
        same = (codes == near.codes[k]).astype(float)[None]
        ridge = lime.WeightedRidge.fit(same, mixed(rows)[None], near.weights(part, same), 1.0)
        ours = near.attributions(part, ridge, mixed(rows)[:1])
        np.testing.assert_allclose(ours.values[0], theirs.values[k], rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(ours.base, theirs.base_values[k], rtol=1e-9)
        np.testing.assert_allclose(ours.prediction, theirs.predictions[k], rtol=1e-9)
        np.testing.assert_allclose(ours.fidelity, theirs.params["fidelity"][k], rtol=1e-9)


def test_with_many_samples_it_agrees_with_the_package() -> None:
    to_explain = toy(4, categories=3, probability=mixed, n=4)
    gaps = []
    for samples in (500, 50_000):
        ours = lime.Lime(num_samples=samples).explain(to_explain)
        theirs = lime.Lime(num_samples=samples, algorithm="package").explain(to_explain)
        apart = np.abs(ours.values - theirs.values)
        error = np.hypot(ours.standard_error, theirs.standard_error)
        assert (apart < 5 * error + 1e-9).all()
        gaps.append(apart.max())
    assert gaps[1] < 0.005 < gaps[0]


def test_an_instance_gets_the_same_surrogate_whatever_is_explained_beside_it(monkeypatch) -> None:
    to_explain = toy(4, categories=3, probability=mixed, n=6)
    together = lime.Lime(num_samples=200).explain(to_explain)
    monkeypatch.setattr(lime, "MOST_CELLS", 1)  # one instance at a time
    alone = lime.Lime(num_samples=200).explain(to_explain)
    np.testing.assert_allclose(alone.values, together.values, atol=1e-12)
    np.testing.assert_array_equal(alone.predictions, together.predictions)


def test_rows_that_are_alike_are_asked_about_once() -> None:
    """Three categories give three different rows, whatever the number of neighbours."""
    to_explain = toy(0, categories=3, probability=only_kind, n=5)
    explanation = lime.Lime(num_samples=400).explain(to_explain)
    assert explanation.n_model_calls == to_explain.classifier.calls == 3
    np.testing.assert_allclose(explanation.predictions, only_kind(to_explain.inputs))


def test_codes_are_drawn_as_often_as_training_rows_have_them() -> None:
    column = np.array([np.nan] * 10 + list(range(90)))
    coding = lime.Coding(Feature("x", "x", "numeric"), column, bins=4)
    codes = coding.draw((np.arange(1000) + 0.5) / 1000)
    np.testing.assert_allclose(np.bincount(codes) / 1000, coding.frequencies, atol=2e-3)
    assert coding.draw(np.array([np.nextafter(1, 0)]))[0] == 4


def test_missing_values_are_a_code_of_their_own() -> None:
    def probability(rows: np.ndarray) -> np.ndarray:
        return np.where(np.isnan(rows[:, 0]), 0.9, 0.1)

    to_explain = toy(2, probability=probability)
    background, inputs = to_explain.background.copy(), to_explain.inputs.copy()
    background[:10, 0] = np.nan
    inputs[0, 0] = np.nan
    explanation = lime.Lime(num_samples=600).explain(
        replace(to_explain, background=background, inputs=inputs)
    )
    assert explanation.values[0, 0] > 0.3
    assert (explanation.values[1:, 0] < 0).all()


def test_codes_turn_back_into_training_values_of_the_same_code() -> None:
    column = np.array([1.0, 5.0, 2.0, np.nan, 9.0, 4.0, 7.0])
    coding = lime.Coding(Feature("x", "x", "numeric"), column, bins=3)
    codes = coding.encode(column)
    for u in (0.0, 0.5, 0.999):
        again = coding.decode(codes, np.full(len(codes), u))
        np.testing.assert_array_equal(coding.encode(again), codes)
    assert coding.frequencies.sum() == pytest.approx(1)


def test_a_value_beyond_all_training_rows_has_a_code() -> None:
    classifier = ToyClassifier(toy_schema(1), probability=lambda x: 0.2 + 0.5 * (x[:, 0] > 5))
    to_explain = context(classifier, n=2, n_background=20)
    background = np.zeros((20, 1))
    explanation = lime.Lime(num_samples=60).explain(
        replace(to_explain, background=background, inputs=np.array([[9.0], [0.0]]))
    )
    assert np.isfinite(explanation.values).all()
    assert explanation.values[0, 0] > 0


def test_a_category_that_no_training_row_has_is_tried_as_well() -> None:
    categories = tuple(Category(str(k), str(k)) for k in range(3))
    coding = lime.Coding(
        Feature("c", "c", "categorical", categories=categories), np.zeros(20), bins=4
    )
    assert (coding.frequencies[1:] > 0).all()
    np.testing.assert_array_equal(coding.decode(np.array([3, 1]), np.zeros(2)), [2.0, 0.0])


def test_says_that_the_surrogate_is_poor_where_it_is() -> None:
    def rough(rows: np.ndarray) -> np.ndarray:
        return 0.5 + 0.4 * np.sign(np.prod(rows, axis=1))

    explanation = lime.Lime(num_samples=200).explain(toy(4, probability=rough))
    assert explanation.params["fidelity_mean"] < 0.5
    assert "poor picture" in say(explanation.notes[1])


@pytest.mark.parametrize("modality", ["text", "image", "series"])
def test_of_an_additive_model_the_coefficients_are_the_effects_of_players(
    modality, layout_schema
) -> None:
    to_explain, true = additive_layout(layout_schema(modality), modality)
    schema = to_explain.classifier.schema
    explainer = lime.Lime(num_samples=300, ridge=1e-6)
    explanation = explainer.explain(to_explain)
    expected = spread_evenly(player_sums(true, schema.owners), schema.owners)
    np.testing.assert_allclose(explanation.values, expected, atol=1e-4)
    assert explanation.params["fidelity_worst"] > 0.999
    np.testing.assert_allclose(explanation.completeness_gap, 0, atol=1e-3)
    planned = explainer.planned_calls(5, len(schema.player_labels), 30)
    assert explanation.n_model_calls == to_explain.classifier.calls <= planned
    assert (explanation.values[0][np.isnan(to_explain.inputs[0])] == 0).all()


def wide() -> ExplainContext:
    """300 columns, of which the model reads the eighth."""
    to_explain = toy(300, probability=lambda x: 1 / (1 + np.exp(-4 * x[:, 7])), n=2)
    to_explain.inputs[:, 7] = 2.0
    return to_explain


def test_a_wide_table_is_explained_by_groups_of_columns() -> None:
    explanation = lime.Lime().explain(wide())
    assert "64 groups of correlated columns" in say(explanation.variant)
    screened = 4 * 301
    assert explanation.n_model_calls == lime.Lime().planned_calls(2, 300, 30) == 2 * 640 + screened
    others = np.delete(explanation.values, 7, axis=1)
    assert (explanation.values[:, 7] > 5 * others.max(axis=1)).all()
    assert "4 walks from one training row to another" in " ".join(map(say, explanation.notes))


def test_without_screening_a_column_shares_with_its_group() -> None:
    explainer = lime.Lime(screening=0)
    explanation = explainer.explain(wide())
    assert explanation.n_model_calls == explainer.planned_calls(2, 300, 30) == 2 * 640
    assert ((explanation.values == explanation.values[:, [7]]).sum(axis=1) > 1).all()


def test_of_a_number_the_surrogate_is_in_its_unit_and_says_so(layout_schema) -> None:
    target = Target("y", "y", ("y",), 0, 0, task="regression")
    schema = Schema(tuple(Feature(f"x{j}", f"x{j}", "numeric") for j in range(3)), target)

    class Number(ToyClassifier):
        def probabilities(self, inputs: np.ndarray) -> np.ndarray:
            self.calls += len(inputs)
            return 100 + 50 * inputs[:, :1]

    explanation = lime.Lime(num_samples=500).explain(context(Number(schema), target=0))
    assert explanation.output_space == "value"
    assert "probability" not in " ".join(map(say, explanation.notes))
    np.testing.assert_allclose(explanation.predictions, 100 + 50 * explanation.inputs[:, 0])
    assert np.abs(explanation.values[:, 0]).mean() > 5 * np.abs(explanation.values[:, 1:]).mean()


@pytest.mark.parametrize("modality", ["text", "image", "series"])
def test_of_the_same_neighbours_the_package_makes_the_same_surrogates(
    modality, layout_schema
) -> None:
    schema = layout_schema(modality)
    effects = np.random.default_rng(1).normal(0, 0.2, len(schema.features))

    def probability(rows: np.ndarray) -> np.ndarray:
        return 1 / (1 + np.exp(-np.nan_to_num(rows) @ effects))

    to_explain = context(ToyClassifier(schema, probability=probability), n=4)
    if modality == "text":
        to_explain = replace(to_explain, inputs=np.full((4, 8), 2.0))
        to_explain.inputs[0, 4:] = np.nan
    ours = lime.Lime(num_samples=200).explain(to_explain)
    theirs = lime.Lime(num_samples=200, algorithm="package").explain(to_explain)
    for field in ("values", "standard_error", "base_values", "predictions"):
        np.testing.assert_allclose(getattr(ours, field), getattr(theirs, field), atol=1e-9)
    np.testing.assert_allclose(ours.params["fidelity"], theirs.params["fidelity"], atol=1e-9)
    assert "LimeBase of lime" in say(theirs.variant)
    assert "LimeBase" not in say(ours.variant)


def test_distances_are_one_minus_the_cosine_with_all_ones() -> None:
    on = np.array([[1.0, 1, 1, 1], [1, 0, 0, 0], [0, 0, 0, 0]])
    np.testing.assert_allclose(lime.cosine_distances(on[None], np.ones((1, 4)))[0], [0, 0.5, 1])
    present = np.array([[1.0, 1, 0, 0]])
    apart = lime.cosine_distances(on[None], present)[0]
    np.testing.assert_allclose(apart, [0, 1 - np.sqrt(0.5), 1])
    np.testing.assert_array_equal(lime.cosine_distances(on[None], np.zeros((1, 4)))[0], 0)
