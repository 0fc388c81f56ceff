"""The metric of prototype models, against the evidence that the model itself hands out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.metrics.internals.intrinsic_explanations import Prototypes
from deepseek_report.models.self_explaining.prototype import Prototype


@pytest.fixture
def context(toy: Callable[..., MeasureContext]) -> MeasureContext:
    """A run of an untrained prototype model of three classes, four prototypes each."""
    plain = toy(n_classes=3)
    plugin, schema = Prototype(per_class=4, candidates=30), plain.dataset.schema
    classifier = plugin.wrap(plugin.build(schema, plain.dataset.train, 0), schema, "cpu")
    logits = classifier.logits(plain.dataset.test.inputs)
    decided = replace(plain.predictions, logits=logits, decisions=logits.argmax(axis=1))
    return replace(plain, classifier=classifier, predictions=decided)


def _evidence(context: MeasureContext) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(instance, prototype) evidence, and rows and classes of the prototypes."""
    module = context.classifier.module
    _, ids, classes = module.prototypes()
    rows = torch.as_tensor(context.dataset.test.inputs, dtype=torch.float32)
    return module.evidence(rows)[0].numpy(), ids.numpy(), classes.numpy()


def test_every_test_case_is_counted_for_the_prototype_that_adds_most_to_its_decision(context):
    table = Prototypes().measure(context).tables["prototypes"].set_index("instance_id")
    evidence, ids, classes = _evidence(context)
    counted = dict.fromkeys(ids.tolist(), 0)
    for row, decision in zip(evidence, context.predictions.decisions, strict=True):
        own = np.flatnonzero(classes == decision)
        counted[int(ids[own[row[own].argmax()]])] += 1
    assert table["decides"].to_dict() == counted
    assert (table["shift"] == 0).all()


def test_an_explained_case_is_told_what_spoke_for_its_decision_and_what_most_against_it(context):
    table = Prototypes().measure(context).tables["compared"]
    evidence, ids, classes = _evidence(context)
    names = np.array(context.dataset.schema.target.classes)
    for at in context.cases.explained:
        compared = table[table["instance_id"] == context.dataset.test.instance_ids[at]]
        own = classes == context.predictions.decisions[at]
        assert compared["for_decision"].tolist() == [True, True, True, False]
        sums = evidence[at][own].sum()
        best = np.sort(evidence[at][own])[::-1][:3] / sums
        np.testing.assert_allclose(compared["share"].to_numpy()[:3], best, rtol=1e-5)
        strongest = np.flatnonzero(~own)[evidence[at][~own].argmax()]
        assert compared["prototype_id"].iloc[3] == ids[strongest]
        assert compared["class_label"].iloc[3] == names[classes[strongest]]
