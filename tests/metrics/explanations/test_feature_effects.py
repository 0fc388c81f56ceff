"""Effects of features and surrogates of the whole model, on models whose truth is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.schema import Feature, Schema
from deepseek_report.artifacts.split import Split
from deepseek_report.metrics.explanations.feature_effects import FeatureEffects
from deepseek_report.metrics.explanations.surrogate_tree import SurrogateRules, SurrogateTree
from tests import builders
from tests.builders import (
    COLOURS,
    NUMBER,
    Answers,
    explanation,
    logistic,
    numeric,
    of_classes,
    predictions,
)
from tests.worded import refused, say

FAST = FeatureEffects(resamples=100)
FEATURES = (
    Feature("a", "a", "numeric", "€"),
    *numeric("b", "c"),
    Feature("colour", "colour", "categorical", categories=COLOURS),
)


def context_of(output, classes: int = 1, *, constant: bool = False) -> MeasureContext:
    """Rows in which `a` and `b` go together; the attributions say that all features count."""
    rng = np.random.default_rng(0)
    target = NUMBER if classes == 1 else of_classes(classes)

    def split(n: int) -> Split:
        a = rng.normal(size=n)
        numbers = np.column_stack([a, a + 0.1 * rng.normal(size=n), rng.normal(size=n)])
        inputs = np.column_stack([numbers, rng.integers(0, 3, n)]).astype(float)
        inputs[::17, 2] = np.nan
        return Split(inputs * (not constant), np.zeros(n), np.arange(n))

    train, validation, test = split(400), split(20), split(30)
    values = np.ones((30, 4)) * [4, 3, 2, 1]
    names = ("a", "b", "c", "colour")
    explained = explanation(values, test.inputs, feature_names=names, target=target.explained)
    data = builders.dataset(Schema(FEATURES, target), train, validation, test)
    return builders.context(
        data, Answers(output, data.schema), predictions=None, explanations={"shap": explained},
        background=train.inputs, cases=None,
    )  # fmt: skip


def linear(rows: np.ndarray) -> np.ndarray:
    return 2 * rows[:, 0] + np.nan_to_num(rows[:, 2]) + 5 * (rows[:, 3] == 2)


def test_ale_is_taken_of_features_that_go_together_and_partial_dependence_of_the_others() -> None:
    curves = FAST.measure(context_of(linear)).tables["curves"]
    methods = curves.groupby("feature")["method"].first()
    assert dict(methods) == {"a": "ale", "b": "ale", "c": "pdp", "colour": "pdp"}


def test_the_slopes_and_steps_are_those_of_a_model_that_adds_up() -> None:
    measured = FAST.measure(context_of(linear))
    curves = measured.tables["curves"].set_index("feature")
    for name, slope in (("a", 2.0), ("b", 0.0), ("c", 1.0)):
        own = curves.loc[name]
        assert np.diff(own["effect"]) == pytest.approx(slope * np.diff(own["value"]))
    colours = curves.loc["colour"].set_index("display")["effect"]
    assert colours["blue"] - colours["red"] == pytest.approx(5)
    assert colours["green"] == pytest.approx(colours["red"])
    ends = measured.tables["effects"].set_index("feature").loc["colour"]
    assert ends["most_at"] == "blue"
    assert ends["most"] == pytest.approx(colours["blue"])


@pytest.mark.parametrize("classes", [2, 3])
def test_of_classes_the_probability_of_the_explained_one_is_told(classes) -> None:
    def chances(rows: np.ndarray) -> np.ndarray:
        p = logistic(linear(rows))
        return np.column_stack([1 - p, p, np.zeros_like(p)][:classes])

    measured = FAST.measure(context_of(chances, classes))
    assert "most_points" in measured.tables["effects"]
    assert measured.tables["curves"]["effect"].between(-1, 1).all()
    measured.typed(FeatureEffects.tables)


def test_single_curves_are_kept_of_partial_dependence_alone_and_have_no_mean() -> None:
    measured = FAST.measure(context_of(linear))
    lines = measured.tables["lines"]
    assert set(lines["feature"]) == {"c", "colour"}
    assert lines.groupby("feature")["line"].nunique().to_dict() == {"c": 15, "colour": 15}
    assert FeatureEffects.tables["lines"].release is None


def test_the_model_answers_no_more_rows_than_is_said() -> None:
    context = context_of(linear)
    FAST.measure(context)
    ale, pdp, categories = 2 * 300, 11 * 300, 3 * 300
    assert context.classifier.calls <= 2 * ale + pdp + categories


def test_rare_categories_are_left_out_and_constant_features_refused() -> None:
    context = context_of(linear)
    train = context.dataset.train
    train.inputs[:, 3] = np.where(np.arange(len(train)) < 3, 2, train.inputs[:, 3] % 2)
    curves = FAST.measure(context).tables["curves"]
    assert set(curves.loc[curves["feature"] == "colour", "display"]) == {"red", "green"}
    with refused("two values"):
        FAST.measure(context_of(linear, constant=True))


def test_without_explanations_it_says_that_there_are_none() -> None:
    with refused("explanations"):
        FAST.measure(replace(context_of(linear), explanations={}))


# --- Trees and lists of rules in place of the model, which they can and cannot follow -------------


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
