"""Checks of Shapley values whose right answer is known."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from deepseek_report.artifacts.protocols.explainers import ExplainContext
from deepseek_report.explainers.shapley.shap import Shap
from deepseek_report.metrics.explanations.known_answers import KnownFunction, SelfCheck
from tests.worded import refused


def explained(toy: Any, classifier: Any = None, n: int = 30) -> Any:
    """A measuring context with SHAP values of the model, and SHAP to be asked again."""
    context = toy(n=200)
    classifier = classifier or context.classifier

    def again(model: Any, rows: np.ndarray) -> np.ndarray:
        return Shap().explain(to_explain(model, rows)).values

    def to_explain(model: Any, rows: np.ndarray) -> ExplainContext:
        return ExplainContext(model, rows, np.arange(len(rows)), context.background, 1, 0)

    rows = context.dataset.test.inputs[:n]
    explanation = Shap().explain(to_explain(classifier, rows))
    return replace(context, classifier=classifier, explanation=explanation, explain=again)


def failed(context: Any) -> list[str]:
    measured = SelfCheck().measure(context)
    table = measured.tables["checks"]
    wrong = [str(name) for name in table.loc[~table["passed"], "check"]]
    assert measured.scores[0].value == len(wrong)
    return wrong


def test_shapley_values_of_the_engine_pass_all_four(toy: Any) -> None:
    context = explained(toy)
    table = SelfCheck().measure(context).tables["checks"]
    assert list(table["check"]) == ["additivity", "output", "base", "known"]
    assert failed(context) == []


def test_the_known_function_has_the_same_values_as_trees(toy: Any) -> None:
    known = KnownFunction(toy(n=200).classifier, np.array([50.0, 0.5, 0.0]), np.full(3, 50.0))
    known.capabilities = frozenset({"trees"})
    context = explained(toy, known)
    assert context.explanation.params["algorithm"] == "tree"
    rows, background = context.explanation.inputs, context.background
    expected = known.contributions(rows) - known.contributions(background).mean(axis=0)
    np.testing.assert_allclose(context.explanation.values, expected, atol=1e-12)
    assert failed(context) == []


def test_values_that_do_not_add_up_are_an_error_of_the_library(toy: Any) -> None:
    """As in shap#3938, where the sum misses the output, here by a tenth."""
    context = explained(toy)
    off = replace(context.explanation, values=1.1 * context.explanation.values)
    assert failed(replace(context, explanation=off)) == ["additivity"]


def test_values_moved_from_one_feature_to_another_add_up_and_are_found(toy: Any) -> None:
    context = explained(toy)

    def again(*question: Any) -> np.ndarray:
        return np.roll(context.explain(*question), 1, axis=1)

    assert failed(replace(context, explain=again)) == ["known"]


def test_an_output_or_a_base_of_another_model_is_found(toy: Any) -> None:
    context = explained(toy)
    own = context.explanation
    moved = replace(own, predictions=own.predictions + 0.1, base_values=own.base_values + 0.1)
    assert failed(replace(context, explanation=moved)) == ["output", "base"]


def test_other_methods_have_no_known_answer(toy: Any) -> None:
    context = explained(toy)
    with refused("of other methods they are not"):
        SelfCheck().measure(
            replace(context, explanation=replace(context.explanation, method="lime"))
        )


@pytest.mark.parametrize("n_classes", [2, 3])
def test_the_known_function_gives_probabilities(toy: Any, n_classes: int) -> None:
    context = toy(n_classes, n=100)
    known = KnownFunction(context.classifier, np.zeros(3), np.full(3, 100.0))
    p = known.probabilities(context.dataset.test.inputs)
    np.testing.assert_allclose(p.sum(axis=1), 1)
    assert p.min() > 0
