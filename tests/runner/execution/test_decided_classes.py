"""Of more than two classes a case is explained for the class that was decided, and the second."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from deepseek_report.artifacts.explanation import Explanation
from deepseek_report.artifacts.predictions import Cases, Predictions
from deepseek_report.artifacts.protocols.classifier import Classifier
from deepseek_report.artifacts.protocols.explainers import ExplainContext
from deepseek_report.artifacts.schema import Target
from deepseek_report.metrics.cases.case_tables import contrast_rows, reason_rows
from deepseek_report.privacy.release import hollow
from deepseek_report.runner.execution.decided_classes import (
    remember_answers,
    with_decided_classes,
    with_other_classes,
)
from tests.builders import explanation, table

N, WIDTH, CLASSES = 12, 3, 4
ROWS = np.random.default_rng(0).normal(size=(N, WIDTH))
SCHEMA = table("a", "b", "c", target=Target("y", "y", tuple("wxyz"), None))
CASES = Cases(np.arange(N), {"wrong": 7, "right": 2, "near": 9})


class Times:
    """Attributes to each feature its value times 1 + the class; errors are the class."""

    def __init__(self, draws: bool = True) -> None:
        self.draws = draws
        self.rows = 0

    def explain(self, context: ExplainContext) -> Explanation:
        self.rows += len(context.inputs)
        n = len(context.inputs)
        return explanation(
            context.inputs * (1 + context.target), context.inputs, method="times", seed=1,
            predictions=np.full(n, float(context.target)), positions=context.positions,
            target=context.target, n_model_calls=n, base_values=np.full(n, 0.5),
            standard_error=np.full((n, WIDTH), context.target + 0.1) if self.draws else None,
        )  # fmt: skip


def predicted() -> Predictions:
    p = np.random.default_rng(1).dirichlet(np.ones(CLASSES), N)
    ids = np.arange(N)
    return Predictions(np.log(p), p, p.argmax(axis=1), ids, p.argmax(axis=1), None, "most probable")


def everybody(classifier: Any = None) -> ExplainContext:
    """Every row, to be explained for the class 1."""
    return ExplainContext(classifier, ROWS, np.arange(N), ROWS, 1, 1)


def explained(draws: bool = True, everyone: bool = False) -> tuple[Explanation, Times]:
    explainer: Any = Times(draws)
    plain = explainer.explain(everybody())
    made = with_decided_classes(plain, explainer, everybody(), predicted(), CASES, everyone)
    return made, explainer


def released(made: Explanation, folder: Path) -> list[str]:
    """The files that leave the store of it below full privacy."""
    source: Any = SimpleNamespace(withheld=None, dataset=SimpleNamespace(schema=SCHEMA))
    hollow(made, source).save(folder)
    return sorted(path.name for path in folder.iterdir())


def test_a_shown_case_has_the_attributions_of_its_decided_class_and_of_the_second() -> None:
    made, _ = explained()
    p = predicted().probabilities
    for place in CASES.roles.values():
        decided, second = made.of_case(place), made.of_runner_up(place)
        assert second is not None
        best = np.argsort(-p[place])
        assert (decided.target, second.target) == (best[0], best[1])
        np.testing.assert_array_equal(decided.values[0], ROWS[place] * (1 + best[0]))
        np.testing.assert_array_equal(second.values[0], ROWS[place] * (1 + best[1]))
        assert decided.predictions[0] == best[0]
        assert decided.standard_error is not None
        np.testing.assert_allclose(decided.standard_error, best[0] + 0.1)


def test_all_other_cases_stay_about_the_explained_class() -> None:
    made, _ = explained()
    assert made.of_case(0).target == 1
    assert made.of_runner_up(0) is None
    np.testing.assert_array_equal(made.values, ROWS * 2)


def test_it_costs_two_explanations_of_each_shown_case_less_what_is_explained_anyway() -> None:
    made, explainer = explained()
    assert made.decided is not None
    known = int((made.decided.targets == 1).sum())
    assert explainer.rows == made.n_model_calls == N + 2 * len(CASES.roles) - known


def test_it_is_stored_beside_the_explanation_and_read_again(tmp_path: Path) -> None:
    for draws in (True, False):
        made, _ = explained(draws)
        made.save(tmp_path / str(draws))
        again = Explanation.load(tmp_path / str(draws))
        assert again.of_case(7).target == made.of_case(7).target
        np.testing.assert_array_equal(again.of_case(7).values, made.of_case(7).values)
        assert (again.of_case(7).standard_error is None) is not draws


def test_below_full_privacy_no_attribution_of_a_case_leaves_the_store(tmp_path: Path) -> None:
    made, _ = explained()
    assert released(made, tmp_path) == ["explanation.json", "explanation.npz"]


def test_an_explanation_of_an_older_run_is_of_its_one_class(tmp_path: Path) -> None:
    plain = Times().explain(everybody())
    plain.save(tmp_path)
    again = Explanation.load(tmp_path)
    assert again.decided is None
    assert again.of_case(7).target == 1
    np.testing.assert_array_equal(again.of_case(7).values, plain.values[[7]])


def test_reasons_name_the_decided_class_and_contrasts_the_second() -> None:
    made, _ = explained()
    classes = SCHEMA.target.classes
    first, second = np.argsort(-predicted().probabilities[7])[:2]
    reasons = reason_rows(0, 7, "times", made, SCHEMA, 8)
    assert {row[-1] for row in reasons} == {classes[first]}
    contrasts = contrast_rows(0, 7, "times", made, SCHEMA, 8)
    assert {row[-2:] for row in contrasts} == {(classes[first], classes[second])}
    by_name = {row[2]: row[5] for row in contrasts}
    for j, name in enumerate("abc"):
        assert np.isclose(by_name[name], ROWS[7, j] * (first - second))


class Counting(Classifier):
    """Answers rows, and counts those that it is asked about."""

    def __init__(self) -> None:
        self.calls = 0

    def probabilities(self, inputs: np.ndarray) -> np.ndarray:
        self.calls += len(inputs)
        shares = np.exp(inputs @ np.arange(WIDTH * CLASSES).reshape(WIDTH, CLASSES))
        return shares / shares.sum(axis=1, keepdims=True)


class Asks(Times):
    """Attributes the output that it asked for to each feature alike."""

    def explain(self, context: ExplainContext) -> Explanation:
        made, before = super().explain(context), context.classifier.calls
        output = context.output(context.inputs)
        values = np.repeat(output[:, None], WIDTH, axis=1) / WIDTH
        calls = context.classifier.calls - before
        return replace(made, values=values, predictions=output, n_model_calls=calls)


def with_others(targets: tuple[int, ...]) -> tuple[Explanation, ExplainContext, Counting]:
    classifier: Any = Counting()
    remember_answers(classifier)
    context, explainer = everybody(classifier), Asks()
    made = with_other_classes(explainer.explain(context), explainer, context, targets)  # type: ignore[arg-type]
    return made, context, classifier


def test_further_classes_are_as_if_each_were_explained_by_itself() -> None:
    made, context, classifier = with_others((0, 3))
    for target in (0, 3):
        alone = Asks().explain(replace(context, target=target))
        toward = made.toward(target)
        assert toward is not None
        assert toward.target == target
        np.testing.assert_array_equal(toward.values, alone.values)
        np.testing.assert_array_equal(toward.predictions, alone.predictions)
    assert made.toward(2) is None
    assert made.n_model_calls == classifier.calls == N  # the model was asked once a row


def test_shown_cases_take_the_classes_that_everybody_was_explained_for() -> None:
    made, context, _ = with_others((0, 2, 3))
    explainer: Any = Times()
    decided = with_decided_classes(made, explainer, context, predicted(), CASES)
    assert explainer.rows == 0
    for place in CASES.roles.values():
        case = decided.of_case(place)
        toward = made.toward(case.target)
        assert toward is not None
        np.testing.assert_array_equal(case.values[0], toward.values[place])


def test_further_classes_are_stored_and_leave_the_store_in_full_reports_alone(
    tmp_path: Path,
) -> None:
    made, _, _ = with_others((0, 3))
    made.save(tmp_path / "whole")
    again = Explanation.load(tmp_path / "whole")
    toward, own = again.toward(3), again.of_case_toward(4, 3)
    assert toward is not None
    assert own is not None
    np.testing.assert_array_equal(own.values[0], toward.values[4])
    assert again.of_case_toward(4, 2) is None
    assert "other_classes.npz" not in released(made, tmp_path / "hollow")


def test_every_instance_is_explained_for_its_decision_by_less_than_another_explanation() -> None:
    made, explainer = explained(everyone=True)
    decisions = predicted().decisions
    others = int((decisions != 1).sum())  # those decided for class 1 are explained for it anyway
    second = sum(made.of_runner_up(place).target != 1 for place in CASES.roles.values())
    assert explainer.rows == made.n_model_calls <= N + others + second
    judged = made.toward_each(decisions)
    assert judged is not None
    np.testing.assert_array_equal(judged.values, ROWS * (1 + decisions)[:, None])
    assert explained()[0].toward_each(decisions) is None
    assert made.of_case(0).target == decisions[0]
    assert made.of_runner_up(0) is None  # no case that is shown


def test_some_of_the_instances_keep_their_own_decided_classes_in_any_order() -> None:
    made, _ = explained(everyone=True)
    decisions, order = predicted().decisions, np.array([9, 2, 5])
    some = made.at(order)
    for place, instance in enumerate(order):
        assert some.of_case(place).target == decisions[instance]
        np.testing.assert_array_equal(some.of_case(place).values, made.of_case(instance).values)
    shown, _ = explained()
    assert shown.at(np.array([0, 1])).decided is None
