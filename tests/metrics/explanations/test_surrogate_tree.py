"""The tree in place of the model, on models that a tree can and cannot follow."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.metrics.explanations.surrogate_tree import SurrogateRules, SurrogateTree
from tests.builders import predictions
from tests.metrics.explanations.test_feature_effects import context_of
from tests.worded import refused, say


def stepwise(rows: np.ndarray) -> np.ndarray:
    return 0.2 + 0.4 * (rows[:, 0] > 0) + 0.2 * (rows[:, 3] == 2)


def waves(rows: np.ndarray) -> np.ndarray:
    return 0.5 + 0.4 * np.sin(9 * rows[:, 0] * rows[:, 1] + 5 * np.nan_to_num(rows[:, 2]))


def answered(chances, classes: int = 2) -> MeasureContext:
    """The model answers its test rows with these chances, and decides at one half."""

    context = context_of(chances, classes)
    test = context.dataset.test
    stated = chances(test.inputs)
    if classes == 1:
        p = predictions(stated[:, None], replace(test, labels=stated))
    else:
        p = predictions(stated, replace(test, labels=(stated > 0.4).astype(np.int64)))
    return replace(context, predictions=p)


@pytest.mark.parametrize("classes", [1, 2])
def test_a_model_of_steps_is_followed_exactly_and_its_leaves_are_told(classes) -> None:
    measured = SurrogateTree(n_resamples=100).measure(answered(stepwise, classes))
    measured.typed(SurrogateTree.tables)
    scores = {score.metric: score for score in measured.scores}
    assert scores["surrogate_fidelity"].value == pytest.approx(1, abs=0.05)
    assert ("surrogate_agreement" in scores) == (classes == 2)
    rules = measured.tables["rules"]
    assert rules["share"].sum() == pytest.approx(1)
    value = rules["value" if classes == 1 else "value_share"]
    assert value.is_monotonic_increasing
    assert value.iloc[-1] == pytest.approx(0.8, abs=0.03)
    assert "colour is “blue”" in rules["rule"].iloc[-1]
    assert "colour is not “blue”" in rules["rule"].iloc[0]


@pytest.mark.parametrize("surrogate", [SurrogateTree, SurrogateRules])
def test_a_model_that_no_small_tree_or_list_of_rules_follows_has_a_low_fidelity(surrogate) -> None:
    score = surrogate(n_resamples=100).measure(answered(waves)).scores[0]
    assert score.high < 0.8


def test_fidelity_is_measured_on_rows_that_the_tree_has_not_seen_and_asks_no_more() -> None:
    context = answered(waves)
    SurrogateTree(n_resamples=100).measure(context)
    assert context.classifier.calls == len(context.dataset.train)


def test_agreement_stands_beside_that_of_one_decision_for_everyone() -> None:
    score = SurrogateTree(n_resamples=100).measure(answered(stepwise)).scores[1]
    assert "One decision for everyone" in say(score.note)
    assert 0.5 <= score.value <= 1


def test_a_model_whose_output_never_changes_is_refused() -> None:
    with refused("same for all cases"):
        SurrogateTree().measure(answered(lambda rows: np.full(len(rows), 0.3)))


def test_a_list_of_rules_follows_a_model_of_steps_and_says_where_it_is_wrong() -> None:
    context = answered(stepwise)
    measured = SurrogateRules(n_resamples=100, most=4).measure(context)
    measured.typed(SurrogateRules.tables)
    scores = {score.metric: score for score in measured.scores}
    assert scores["rule_list_fidelity"].value > 0.95
    assert context.classifier.calls == len(context.dataset.train)
    rules = measured.tables["rules"]
    assert len(rules) <= 5
    assert rules["rule"].iloc[-1] == 0  # the cases of no rule
    assert (rules["share"] * len(context.dataset.test)).round().tolist() == rules["n"].tolist()
    whole = 1 - scores["rule_list_agreement"].value
    if whole:
        assert rules["differs"].max() >= whole


def test_a_list_of_rules_for_a_number_tells_distances_in_its_unit() -> None:
    measured = SurrogateRules(n_resamples=100).measure(answered(stepwise, 1))
    assert [score.metric for score in measured.scores] == ["rule_list_fidelity"]
    assert measured.scores[0].value > 0.95
    assert measured.tables["rules"]["apart"].max() < 0.2
