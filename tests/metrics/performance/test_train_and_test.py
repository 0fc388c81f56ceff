"""The model on rows that it was trained on, beside test rows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import sklearn.metrics as sk

from deepseek_report.findings.rules_performance import TRAIN_TEST_GAP
from deepseek_report.metrics.performance.classification_scores import TrainAndTest
from deepseek_report.metrics.performance.predicting import predict_alike


def row(context: Any, metric: str = "roc_auc") -> Any:
    table = TrainAndTest().measure(context).tables["measures"].set_index("metric")
    return table.loc[metric]


class KnowsItsRows:
    """Answers rows that it has seen by their label, and others by chance."""

    def __init__(self, context: Any) -> None:
        self.schema, self.capabilities, self.calls = context.dataset.schema, frozenset(), 0
        train = context.dataset.train
        self.labels = dict(zip(map(bytes, train.inputs), train.labels, strict=True))

    def logits(self, inputs: Any) -> Any:
        stated = [3 * self.labels.get(bytes(line), 0.5) for line in inputs]
        return np.column_stack([-np.array(stated), np.array(stated)])


def test_both_parts_are_measured_as_scikit_learn_does(toy) -> None:
    context = toy()
    train = context.dataset.train
    known = predict_alike(context.classifier, train, context.predictions)
    assert (known.decisions == (known.scores >= context.predictions.threshold)).all()
    area = row(context)
    assert area["train"] == pytest.approx(sk.roc_auc_score(known.truths, known.scores))
    p = context.predictions
    assert area["test"] == pytest.approx(sk.roc_auc_score(p.truths, p.scores))
    recall = row(context, "true_positive_rate")
    assert recall["train"] == pytest.approx(sk.recall_score(train.labels, known.decisions))
    assert recall["gap"] == pytest.approx(recall["train"] - recall["test"])
    majority = max(np.mean(p.labels), 1 - np.mean(p.labels))
    assert row(context, "accuracy")["constant"] == pytest.approx(majority)


def test_the_model_is_asked_about_no_more_rows_than_it_says(toy) -> None:
    context = toy(n=600)
    before = context.classifier.calls
    measured = TrainAndTest(rows=100).measure(context)
    assert (measured.tables["measures"].loc[0, "n_train"], context.classifier.calls - before) == (
        100,
        100,
    )


def test_a_model_that_learnt_nothing_by_heart_is_said_to_have_in_few_worlds(toy) -> None:
    worlds = [row(toy(n=150, seed=seed)) for seed in range(60)]
    assert sum(world["gap_low"] > TRAIN_TEST_GAP[0] for world in worlds) <= 3
    missed = [world["gap_low"] > 0 or world["gap_high"] < 0 for world in worlds]
    assert np.mean(missed) <= 0.13


def test_a_model_that_knows_its_rows_is_found_out(toy) -> None:
    context = toy()
    model = KnowsItsRows(context)
    test = predict_alike(model, context.dataset.test, context.predictions)
    test = replace(test, probabilities=context.predictions.probabilities)
    area = row(replace(context, classifier=model, predictions=test))
    assert area["train"] == 1
    assert area["gap_low"] > TRAIN_TEST_GAP[1]


def test_of_several_classes_the_area_and_the_accuracy_are_set_beside_each_other(toy) -> None:
    table = TrainAndTest().measure(toy(3)).tables["measures"]
    assert table["metric"].tolist() == ["roc_auc", "accuracy"]
