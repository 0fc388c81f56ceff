"""Effects against the greedy order, and against the explanation of another case."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations
from typing import Any

import numpy as np
import pytest
from hypothesis import given as examples
from hypothesis import strategies as st

from deepseek_report.data_kinds.replacement import FixedRows
from deepseek_report.metrics.explanations.curves import Perturbation, greedy_order
from deepseek_report.metrics.explanations.faithfulness import FaithfulnessEffect, partners
from deepseek_report.metrics.explanations.stability import NullPlayers
from tests.metrics.attributions import explained_by
from tests.metrics.explanations.test_faithfulness import Additive
from tests.worded import refused

N = 60


def replacing(seed: int = 0, steps: int = 4) -> Perturbation:
    rng = np.random.default_rng(seed)
    model = Additive([0.1, -0.05, 0.03, 0.02])
    inputs = rng.uniform(-1, 1, size=(6, 4))
    zeros = FixedRows("baseline", inputs, np.arange(4), np.zeros((1, 6, 4)))
    return Perturbation(model, zeros, rng.integers(0, 2, 6), steps=steps)


@pytest.mark.parametrize("looks", [None, 1, 2])
@pytest.mark.parametrize("mode", ["deletion", "insertion"])
def test_of_an_additive_model_the_greedy_order_is_the_best_of_all_orders(mode, looks) -> None:
    curves = replacing()
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
        curves = replacing()
        greedy_order(curves, "deletion", looks)
        rows.append(curves.classifier.calls)
    assert rows[0] <= 6 * 4
    assert rows[0] < rows[1] < rows[2]


def test_a_greedy_order_names_each_player_once_in_few_steps_too() -> None:
    order = greedy_order(replacing(steps=2), "deletion")
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
    train = context.background
    baseline = np.array([np.median(train[:, 0]), 0, 0])
    baseline[1] = np.bincount(train[:, 1].astype(int)).argmax()
    p = model.probabilities(rows)[:, 1]
    away = [np.where(np.arange(3) == j, baseline, rows) for j in range(3)]
    return np.column_stack([p - model.probabilities(changed)[:, 1] for changed in away])


def scores_of(measured: Any, name: str) -> dict[str, Any]:
    return {score.metric: score for score in measured.scores if score.explainer == name}


def test_the_right_order_reaches_nearly_all_and_hangs_on_the_case(toy) -> None:
    plain = context_of(toy)
    right = occlusion(plain, plain.classifier, plain.dataset.test.inputs[:N])
    context = context_of(toy, right=right, turned=-right, alike=np.tile([3.0, 2.0, 1.0], (N, 1)))
    measured = FaithfulnessEffect(resamples=200).measure(context)
    own, turned, alike = (scores_of(measured, name) for name in ("right", "turned", "alike"))
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
    model = type(context.classifier)(context.dataset.schema)
    model.capabilities = frozenset({"module"})
    mine = context.explanations["mine"]
    with refused("weights can be drawn anew"):
        NullPlayers().measure(replace(context, classifier=model, explanation=mine))
