from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from deepseek_report.artifacts.explanation import DecidedClasses
from deepseek_report.artifacts.protocols.classifier import Classifier
from deepseek_report.artifacts.schema import Schema
from deepseek_report.artifacts.seeds import content_keys
from deepseek_report.metrics.explanations import stability
from deepseek_report.wording.words import wording
from tests.metrics.attributions import attributed
from tests.worded import refused


class WithRandomised(Classifier):
    def __init__(self, seeds: list[int], context: Any) -> None:
        self.seeds, self.schema = seeds, context.dataset.schema
        self.probabilities = context.classifier.probabilities

    def randomised(self, seed: int) -> str:
        self.seeds.append(seed)
        return f"random {seed}"


def context_of(toy: Any, values: np.ndarray, explain: Any, method: str = "by_hand") -> Any:
    """Explained by these values, and again by a function of the rows where it takes them alone."""
    context = toy(n=100)
    attributions = attributed(context, method, values, space="none")
    return replace(context, explanation=attributions, explain=explain)


def test_the_greatest_relative_change_by_hand() -> None:
    original = np.array([[3.0, 4.0], [0.0, 0.0]])
    moved = np.array([[[3.0, 4.5], [1.0, 0.0]], [[2.0, 4.0], [0.0, 0.0]]])
    np.testing.assert_allclose(stability.max_relative_change(original, moved), [0.2, np.nan])


def test_attributions_that_never_change_have_sensitivity_0(toy) -> None:
    context = context_of(toy, np.ones((20, 3)), lambda _, x, __=None, targets=None: np.ones_like(x))
    scores = stability.MaxSensitivity(resamples=100).measure(context).scores
    assert [score.value for score in scores] == [0.0, 0.0, 0.0]


def test_sensitivity_of_a_linear_explanation_is_bounded_by_the_radius(toy) -> None:
    """The amount moves by at most r × its range of quartiles, the explanation by as much."""
    amounts = toy(n=100).dataset.test.inputs[:20][:, [0, 0, 0]]
    context = context_of(toy, amounts, lambda _, x, __=None, targets=None: x[:, [0, 0, 0]])
    train = context.dataset.train.inputs
    iqr = np.subtract(*np.quantile(train[:, 0], [0.75, 0.25]))
    measured = stability.MaxSensitivity(radius=0.2, instances=20, resamples=100).measure(context)
    bound = 0.2 * iqr / np.abs(context.explanation.inputs[:, 0])
    assert (measured.arrays["per_instance"] <= bound + 1e-12).all()
    assert (measured.arrays["per_instance"] > 0).all()


def test_categories_stay_as_they_are(toy) -> None:
    calls = []

    def explain(_: Any, x: np.ndarray, drawn_as: np.ndarray) -> np.ndarray:
        calls.append((x, drawn_as))
        return np.ones_like(x)

    context = context_of(toy, np.ones((20, 3)), explain)
    rows = stability.MaxSensitivity(resamples=100).measure(context).arrays["rows"]
    ((explained, drawn_as),) = calls
    *moves, unmoved = explained.reshape(5, 8, 3)
    np.testing.assert_array_equal(unmoved, context.explanation.inputs[rows])
    for moved in moves:
        np.testing.assert_array_equal(moved[:, 1], context.explanation.inputs[rows, 1])
        assert (moved[:, 0] != context.explanation.inputs[rows, 0]).any()
    *same, other = drawn_as.reshape(5, 8, 3)
    for draws in same:
        np.testing.assert_array_equal(draws, context.explanation.inputs[rows])
    assert not set(content_keys(other)) & set(content_keys(same[0]))


def test_what_is_drawn_anew_is_told_apart_from_what_moves(toy) -> None:
    """Noise that hangs on the draws alone, which are the same for all moves of an instance."""

    def explain(_: Any, x: np.ndarray, drawn_as: np.ndarray) -> np.ndarray:
        keys = content_keys(drawn_as)
        return np.array([np.random.default_rng(key).normal(size=3) for key in keys])

    context = context_of(toy, np.ones((20, 3)), explain)
    inputs = context.explanation.inputs
    context = context_of(toy, explain(None, inputs, inputs), explain)
    metric = stability.MaxSensitivity(instances=20, resamples=200)
    _, moved, repeated = metric.measure(context).scores
    assert moved.value == 0
    assert repeated.low <= 1 <= repeated.high


def test_what_a_move_changes_is_relative_to_the_explanation_of_the_run(toy) -> None:
    values = np.full((20, 3), 2.0)
    context = context_of(toy, values, lambda _, x, __=None, targets=None: np.full_like(x, 3.0))
    measured = stability.MaxSensitivity(resamples=100).measure(context)
    np.testing.assert_allclose(measured.arrays["per_instance"], 0.5)


def test_attributions_drawn_anew_have_ratio_1(toy) -> None:
    rng = np.random.default_rng(0)
    own = rng.normal(size=(100, 3))
    context = context_of(toy, own, lambda _, x, __=None, targets=None: rng.normal(size=x.shape))
    ratio = stability.MaxSensitivity(instances=100, resamples=200).measure(context).scores[1]
    assert ratio.low <= 1 <= ratio.high


def test_max_sensitivity_refuses_data_without_numeric_features(toy) -> None:
    context = context_of(toy, np.ones((5, 3)), lambda _, x, __=None, targets=None: x)
    schema = context.dataset.schema
    coded = tuple(replace(f, kind="categorical") for f in schema.features)
    dataset = replace(context.dataset, schema=Schema(coded, schema.target))
    with refused("moves numeric features"):
        stability.MaxSensitivity().measure(replace(context, dataset=dataset))


def test_an_explanation_that_ignores_the_model_correlates_fully(toy) -> None:
    values = np.random.default_rng(0).normal(size=(20, 3))
    context = context_of(
        toy, values, lambda _, x, __=None, targets=None: values[: len(x)], method="random"
    )
    seeds: list[int] = []
    metric = stability.ParameterRandomisation(draws=3, instances=20, resamples=100)
    measured = metric.measure(replace(context, classifier=WithRandomised(seeds, context)))
    assert measured.scores[0].value == pytest.approx(1)
    assert measured.scores[1].value == 0
    assert "by construction" in wording().say(measured.notes[0])
    assert len(set(seeds)) == 3


def test_an_explanation_that_is_all_model_correlates_not_at_all(toy) -> None:
    rng = np.random.default_rng(0)
    context = context_of(
        toy,
        rng.normal(size=(90, 3)),
        lambda _, x, __=None, targets=None: rng.normal(size=(len(x), 3)),
    )
    metric = stability.ParameterRandomisation(instances=90, resamples=200)
    score = metric.measure(replace(context, classifier=WithRandomised([], context))).scores[0]
    assert abs(score.value) < 0.15
    assert score.direction == "zero"


@pytest.mark.parametrize("metric", [stability.MaxSensitivity(), stability.ParameterRandomisation()])
def test_without_a_way_to_explain_again_says_so(toy, metric) -> None:
    with refused("no explainer was handed"):
        metric.measure(context_of(toy, np.ones((5, 3)), None))


def test_smoothing_averages_both_models_over_moved_copies_with_the_draws_of_the_row(toy) -> None:
    """Attributions are the inputs, so that their mean over copies lies near them, unlike them."""
    explained: list[tuple[Any, int]] = []

    def explain(
        model: Any, inputs: np.ndarray, drawn_as: Any = None, targets: Any = None
    ) -> np.ndarray:
        assert targets is None  # all are explained for one class
        explained.append((model, len(inputs)))
        if drawn_as is not None:
            assert len(np.unique(drawn_as[:, 0])) <= 10
            assert not (drawn_as == inputs).all()
        return inputs if isinstance(model, str) else -inputs

    plain = toy(n=100)
    rows = plain.dataset.test.inputs[:10]
    context = context_of(toy, np.zeros_like(rows), explain)
    context = replace(context, classifier=WithRandomised([], context))
    metric = stability.ParameterRandomisation(draws=2, instances=10, smoothing=5, resamples=100)
    assert metric.measure(context).scores[0].value == pytest.approx(1)
    assert [rows for _, rows in explained] == [50, 50, 50]
    assert metric.explained_again(10) == sum(rows for _, rows in explained)
    assert stability.ParameterRandomisation(draws=2, instances=10).explained_again(10) == 20


def test_smoothing_takes_noise_for_no_change(toy) -> None:
    """Attributions that look at no weights, with noise at each point: smoothed they agree more."""

    def explain(
        model: Any, inputs: np.ndarray, drawn_as: Any = None, targets: Any = None
    ) -> np.ndarray:
        del drawn_as, targets
        phase = float(sum(map(ord, model))) if isinstance(model, str) else 0.0
        noise = np.sin(1e4 * inputs.sum(axis=1, keepdims=True) + [0, 2, 4] + phase)
        return np.array([3.0, 2.0, 1.0]) + 1.5 * noise

    plain = toy(n=100)
    rows = plain.dataset.test.inputs[:40]
    context = context_of(toy, explain(plain.classifier, rows), explain)
    context = replace(context, classifier=WithRandomised([], context))
    alike = [
        stability.ParameterRandomisation(instances=40, resamples=100, smoothing=copies)
        .measure(context)
        .scores[0]
        .value
        for copies in (0, 30)
    ]
    assert alike[0] < 0.7
    assert alike[1] > 0.9


def test_an_order_toward_the_decided_classes_is_held_against_others_toward_them(
    toy, monkeypatch
) -> None:
    """Three classes: what the model learned takes away player 0 first, random weights player 2."""
    plain = toy(n=100)
    target = replace(plain.dataset.schema.target, classes=("a", "b", "c"), codes=())
    schema = replace(plain.dataset.schema, target=target)
    decided, places = np.array([0, 1, 2, 1]), np.arange(4)
    learned, random = np.tile([3.0, 2.0, 1.0], (4, 1)), np.tile([1.0, 2.0, 3.0], (4, 1))
    of_each = DecidedClasses(
        places,
        np.column_stack([decided, np.full(4, -1)]),
        np.stack([learned, learned], axis=1),
        np.zeros((4, 2)),
        None,
        None,
    )
    explanation = attributed(plain, "by_hand", np.zeros((4, 3)), space="none")
    explanation = replace(explanation, decided=of_each)

    class FirstTaken:
        """Curves that know which player goes first; what is learned is on player 0."""

        def __init__(self) -> None:
            self.schema, self.decided = schema, decided

        def curves(self, order: np.ndarray, mode: str) -> np.ndarray:
            return (order[:, 0] == 0) * (1.0 if mode == "insertion" else 0.0)

        def areas(self, curves: np.ndarray) -> np.ndarray:
            return curves

    monkeypatch.setattr(stability.curves, "perturbation", lambda *_: FirstTaken())
    own = explanation.toward_each(decided)
    gains = stability.gains_over(plain, own, [random], toward_decided=True)
    np.testing.assert_allclose(gains, 0.5)
    np.testing.assert_allclose(
        stability.gains_over(plain, own, [learned], toward_decided=True), 0.0
    )
