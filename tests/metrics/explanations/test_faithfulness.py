"""The order of an explanation, by what taking features away or putting them back does."""

from __future__ import annotations

from copy import copy
from dataclasses import replace
from itertools import permutations
from typing import Any

import numpy as np
import pytest
from hypothesis import given as examples
from hypothesis import strategies as st

from deepseek_report.artifacts.explanation import Explanation, OtherClasses
from deepseek_report.data_kinds.replacement import FixedRows
from deepseek_report.metrics.explanations.curves import (
    Perturbation,
    greedy_order,
    order_of,
    rank_features,
)
from deepseek_report.metrics.explanations.explanation_plugin import bootstrap_mean, ratio_of_means
from deepseek_report.metrics.explanations.faithfulness import (
    CompletenessGap,
    Deletion,
    FaithfulnessEffect,
    Insertion,
    partners,
)
from deepseek_report.metrics.explanations.stability import NullPlayers
from tests import builders
from tests.builders import Answers, numbered, table
from tests.metrics.attributions import explained_by
from tests.worded import refused, say


def additive(*weights: float) -> Answers:
    """p = 0.5 + x · w."""
    schema = table(*numbered(len(weights)))
    return Answers(lambda rows: 0.5 + rows @ np.array(weights), schema)


def explanation(values: Any, inputs: Any = None, **changes: Any) -> Explanation:
    values = np.asarray(values, dtype=np.float64)
    inputs = np.ones_like(values) if inputs is None else inputs
    return builders.explanation(values, inputs, **{"method": "by_hand", **changes})


def replacing(decided: list[int]) -> Perturbation:
    model = additive(0.1, 0.2, 0.05)
    n = len(decided)
    zeros = FixedRows("baseline", np.ones((n, 3)), np.arange(3), np.zeros((1, n, 3)))
    return Perturbation(model, zeros, np.array(decided), steps=3)


def test_deletion_by_hand() -> None:
    curves = replacing([1]).curves(np.array([[1, 0, 2]]), "deletion")
    np.testing.assert_allclose(curves, [[0.85, 0.65, 0.55, 0.5]])
    np.testing.assert_allclose(replacing([1]).areas(curves), [(0.85 / 2 + 0.65 + 0.55 + 0.25) / 3])


def test_insertion_by_hand() -> None:
    curves = replacing([1]).curves(np.array([[1, 0, 2]]), "insertion")
    np.testing.assert_allclose(curves, [[0.5, 0.7, 0.8, 0.85]])


def test_the_probability_is_that_of_the_decided_class() -> None:
    curves = replacing([0]).curves(np.array([[1, 0, 2]]), "deletion")
    np.testing.assert_allclose(curves, 1 - np.array([[0.85, 0.65, 0.55, 0.5]]))


def test_signed_values_rank_toward_the_decided_class() -> None:
    attributions = explanation([[0.1, -0.3, 0.2], [0.1, -0.3, 0.2]])
    toward = replacing([1, 0]).toward(1)
    ranks = rank_features(attributions, toward, table(*numbered(3)))
    np.testing.assert_array_equal(ranks, [[2, 0, 1], [1, 0, 2]])


def test_unsigned_values_rank_by_magnitude_for_every_class() -> None:
    attributions = explanation([[0.1, 0.3, 0.2], [0.1, 0.3, 0.2]], signed=False)
    ranks = rank_features(attributions, replacing([1, 0]).toward(1), table(*numbered(3)))
    np.testing.assert_array_equal(ranks, [[1, 2, 0], [1, 2, 0]])


def test_where_each_case_is_explained_for_its_class_the_order_speaks_of_that_class() -> None:
    """Else what speaks against the explained class stands for whatever was decided."""
    toward = explanation([[0.1, 0.3, 0.2], [0.1, 0.3, 0.2]])
    against = np.array([[[9.0, 9, 9], [0.2, 0.1, 0.3]]])
    others = OtherClasses(np.array([0]), against, np.zeros((1, 2)))
    both = replace(toward, others=others)
    np.testing.assert_array_equal(order_of(both, replacing([1, 0])), [[1, 2, 0], [2, 0, 1]])
    np.testing.assert_array_equal(order_of(toward, replacing([1, 0])), [[1, 2, 0], [0, 2, 1]])


def with_explanations(context: Any, values: Any) -> Any:
    rng = np.random.default_rng(0)
    inputs = context.dataset.test.inputs[:40]
    names = tuple(context.dataset.schema.names)
    last = len(context.dataset.schema.target.classes) - 1
    fields = {"inputs": inputs, "feature_names": names, "target": last}
    noise = explanation(rng.normal(size=inputs.shape), method="random", **fields)
    explained = explanation(values(inputs), game="baseline", **fields)
    return replace(context, explanation=explained, control=noise, question="baseline")


def effects(inputs: np.ndarray) -> np.ndarray:
    """What each feature of the toy classifier adds, against the typical row."""
    centre = np.median(inputs[:, 0])
    return np.stack(
        [0.05 * (inputs[:, 0] - centre), 0.8 * (inputs[:, 1] == 2), np.zeros(len(inputs))], axis=1
    )


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("metric", [Deletion(resamples=200), Insertion(resamples=200)])
def test_the_true_effects_beat_the_random_order(toy, metric, n_classes) -> None:
    context = with_explanations(toy(n_classes, n=100), effects)
    measured = metric.measure(context)
    _, gain = measured.scores
    assert gain.metric.endswith("_gain")
    assert gain.low > 0
    assert " ".join(measured.tables["curve"]) == "explainer removed_share mean low high n"
    assert measured.arrays["per_instance"].mean() == pytest.approx(measured.scores[0].value)


def test_the_opposite_order_is_worse_than_random(toy) -> None:
    context = with_explanations(toy(n=100), lambda x: -effects(x))
    assert Deletion(resamples=200).measure(context).scores[1].high < 0


def test_the_control_itself_has_no_gain(toy) -> None:
    context = with_explanations(toy(n=100), effects)
    measured = Deletion(resamples=200).measure(replace(context, explanation=context.control))
    assert [score.metric for score in measured.scores] == ["deletion"]


@pytest.mark.parametrize("metric", [Deletion(resamples=200), Insertion(resamples=200)])
def test_the_areas_of_the_control_are_taken_from_its_own_measurement(toy, metric) -> None:
    context = with_explanations(toy(n=100), effects)
    name = f"measures/{type(metric).__name__.lower()}/random"
    of_control = metric.measure(replace(context, explanation=context.control))
    calls = [context.classifier.calls]
    alone = metric.measure(context)
    calls.append(context.classifier.calls)
    shared = metric.measure(replace(context, measured={name: of_control}))
    assert context.classifier.calls - calls[1] < 0.6 * (calls[1] - calls[0])
    np.testing.assert_allclose(shared.arrays["control"], alone.arrays["control"], atol=1e-12)
    assert shared.scores[1].value == pytest.approx(alone.scores[1].value)


def test_areas_of_a_control_with_other_points_are_measured_anew(toy) -> None:
    context = with_explanations(toy(n=100), effects)
    coarse = Deletion(steps=2, resamples=200).measure(replace(context, explanation=context.control))
    handed = replace(context, measured={"measures/deletion/random": coarse})
    alone, shared = (Deletion(resamples=200).measure(c) for c in (context, handed))
    np.testing.assert_array_equal(shared.arrays["control"], alone.arrays["control"])


def test_without_a_control_the_missing_gain_is_told(toy) -> None:
    context = with_explanations(toy(n=100), effects)
    measured = Deletion(resamples=200).measure(replace(context, control=None))
    assert "no random control" in say(measured.notes[0])


def test_completeness_gap_is_the_miss_relative_to_the_distance(toy) -> None:
    attributions = explanation(
        [[1.0, 1.0], [2.0, 0.0]], predictions=np.array([3.0, 5.0]), base_values=np.ones(2)
    )
    measured = CompletenessGap(resamples=200).measure(replace(toy(n=100), explanation=attributions))
    assert measured.scores[0].value == pytest.approx((0 + 2) / (2 + 4))


def test_completeness_gap_refuses_a_method_without_base_value(toy) -> None:
    with refused("has no base value"):
        CompletenessGap().measure(replace(toy(n=100), explanation=explanation([[1.0]])))


def test_metrics_without_an_explanation_say_what_is_missing(toy) -> None:
    with refused("no instance was explained"):
        Deletion().measure(toy(n=100))


def test_a_bootstrap_interval_has_the_width_of_the_normal_one() -> None:
    values = np.random.default_rng(0).normal(2.0, 1.0, size=400)
    mean, low, high = bootstrap_mean(values, 4000, 1)
    half = 1.96 * values.std(ddof=1) / 20
    assert mean == pytest.approx(values.mean())
    assert low == pytest.approx(mean - half, abs=0.01)
    assert high == pytest.approx(mean + half, abs=0.01)


def test_one_instance_has_no_interval() -> None:
    mean, low, high = bootstrap_mean(np.array([[1.0, 2.0]]), 100, 1)
    np.testing.assert_array_equal(mean, [1, 2])
    assert np.isnan(low).all()
    assert np.isnan(high).all()


@pytest.mark.parametrize("shape", [(0,), (0, 3)])
def test_no_instance_has_no_mean(shape) -> None:
    for array in bootstrap_mean(np.empty(shape), 100, 1):
        assert array.shape == shape[1:]
        assert np.isnan(array).all()


def test_undefined_instances_are_left_out_and_counted() -> None:
    score = Deletion.mean_score(
        "deletion", np.array([1.0, np.nan, 3.0]), "lower", "so", draws=(200, 0)
    )
    assert (score.value, score.n) == (2.0, 2)
    assert "1 of 3" in say(score.note)


def test_a_ratio_with_nothing_below_is_not_defined() -> None:
    ratio = ratio_of_means(np.ones(3), np.zeros(3), 100, 0)
    assert np.isnan(ratio.value)
    assert ratio.ends is None


def test_the_interval_of_a_ratio_of_means_holds_it_as_often_as_it_says() -> None:
    held = []
    for seed in range(400):
        rng = np.random.default_rng(seed)
        own, others = rng.gamma(1.5, 1.0, 60), rng.gamma(3.0, 1.0, 60)
        low, high = ratio_of_means(own, own + others, 300, seed).ends or (1, 0)
        held.append(low <= 1 / 3 <= high)
    assert 0.93 <= np.mean(held) <= 0.97


def test_a_ratio_that_all_instances_share_has_an_interval_of_no_width() -> None:
    whole = np.random.default_rng(0).gamma(2.0, 1.0, 30)
    assert ratio_of_means(whole / 4, whole, 100, 0).ends == pytest.approx((0.25, 0.25))


def test_the_interval_of_a_ratio_stays_within_its_bounds() -> None:
    rng = np.random.default_rng(0)
    whole = rng.gamma(2.0, 1.0, 12)
    ratio = ratio_of_means(whole * (rng.random(12) < 0.95), whole, 500, 0, (0.0, 1.0))
    assert ratio.high == 1.0


# --- Effects against the greedy order, and against the explanation of another case ----------------


N = 60


def replacing_drawn(seed: int = 0, steps: int = 4) -> Perturbation:
    """Of six rows at random, decided at random."""
    rng = np.random.default_rng(seed)
    model = additive(0.1, -0.05, 0.03, 0.02)
    inputs = rng.uniform(-1, 1, size=(6, 4))
    zeros = FixedRows("baseline", inputs, np.arange(4), np.zeros((1, 6, 4)))
    return Perturbation(model, zeros, rng.integers(0, 2, 6), steps=steps)


@pytest.mark.parametrize("looks", [None, 1, 2])
@pytest.mark.parametrize("mode", ["deletion", "insertion"])
def test_of_an_additive_model_the_greedy_order_is_the_best_of_all_orders(mode, looks) -> None:
    curves = replacing_drawn()
    greedy = curves.areas(curves.curves(greedy_order(curves, mode, looks), mode))
    every = np.array(
        [
            curves.areas(curves.curves(np.tile(order, (6, 1)), mode))
            for order in permutations(range(4))
        ]
    )
    best = every.min(axis=0) if mode == "deletion" else every.max(axis=0)
    np.testing.assert_allclose(greedy, best)


def test_a_greedy_search_asks_no_more_than_its_looks_allow() -> None:
    rows = []
    for looks in (1, 2, None):
        curves = replacing_drawn()
        greedy_order(curves, "deletion", looks)
        rows.append(curves.classifier.calls)
    assert rows[0] <= 6 * 4
    assert rows[0] < rows[1] < rows[2]


def test_a_greedy_order_names_each_player_once_in_few_steps_too() -> None:
    order = greedy_order(replacing_drawn(steps=2), "deletion")
    np.testing.assert_array_equal(np.sort(order, axis=1), np.tile(np.arange(4), (6, 1)))


@examples(st.lists(st.integers(0, 2), min_size=2, max_size=30))
def test_everybody_gets_another_one_of_the_same_stratum_where_there_is_one(strata: list) -> None:
    others = partners(np.array(strata))
    assert (others != np.arange(len(strata))).all()
    for case, other in enumerate(others):
        assert strata[case] == strata[other] or strata.count(strata[case]) == 1


def context_of(toy: Any, **values: np.ndarray) -> Any:
    drawn = np.random.default_rng(1).normal(size=(N, 3))
    return explained_by(toy(n=200), random=drawn, **values)


def occlusion(context: Any, model: Any, rows: np.ndarray) -> np.ndarray:
    train = context.dataset.train.inputs
    baseline = np.array([np.median(train[:, 0]), 0, 0])
    baseline[1] = np.bincount(train[:, 1].astype(int)).argmax()
    p = model.probabilities(rows)[:, 1]
    away = [np.where(np.arange(3) == j, baseline, rows) for j in range(3)]
    return np.column_stack([p - model.probabilities(changed)[:, 1] for changed in away])


def test_the_right_order_reaches_nearly_all_and_hangs_on_the_case(toy) -> None:
    plain = context_of(toy)
    right = occlusion(plain, plain.classifier, plain.dataset.test.inputs[:N])
    context = context_of(toy, right=right, turned=-right, alike=np.tile([3.0, 2.0, 1.0], (N, 1)))
    measured = FaithfulnessEffect(resamples=200).measure(context)
    own, turned, alike = (
        {score.metric: score for score in measured.scores if score.explainer == name}
        for name in ("right", "turned", "alike")
    )
    assert own["deletion_effect"].value > 0.9
    assert own["insertion_effect"].value > 0.9
    assert own["own_case_effect"].low > 0
    assert turned["deletion_effect"].high < 0
    assert turned["insertion_effect"].high < 0
    assert alike["own_case_effect"].value == 0
    assert alike["shared_order"].value == pytest.approx(1)


def test_without_a_control_nothing_is_compared(toy) -> None:
    context = context_of(toy, a=np.ones((N, 3)))
    alone = {"a": context.explanations["a"]}
    with refused("no random control"):
        FaithfulnessEffect().measure(replace(context, explanations=alone))


@pytest.mark.parametrize(("blind", "share"), [(False, 0.0), (True, 1.0)])
def test_only_who_looks_at_the_model_leaves_out_what_is_hidden_from_it(toy, blind, share) -> None:
    plain = context_of(toy)
    context = context_of(toy, mine=np.ones((N, 3)))

    def explain(model: Any, rows: np.ndarray, *_: Any, **__: Any) -> np.ndarray:
        return np.ones_like(rows) if blind else occlusion(plain, model, rows)

    mine = replace(context, explanation=context.explanations["mine"], explain=explain)
    (score,) = NullPlayers(resamples=100).measure(mine).scores
    assert score.value == pytest.approx(share)


def test_models_with_weights_are_tested_by_drawing_them_anew(toy) -> None:
    context = context_of(toy, mine=np.ones((N, 3)))
    model = copy(context.classifier)
    model.capabilities = frozenset({"module"})
    mine = context.explanations["mine"]
    with refused("weights can be drawn anew"):
        NullPlayers().measure(replace(context, classifier=model, explanation=mine))
