"""Of more than two classes, explanations for other classes than the one that is declared.

The shown cases are explained for the one decided and the second, and unless `explain.classes` is
null all others for the one decided; all instances for the classes that it names.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from deepseek_report.artifacts.array_types import Floats, Ints
from deepseek_report.artifacts.explanation import DecidedClasses, Explanation, OtherClasses
from deepseek_report.artifacts.predictions import Cases, Predictions
from deepseek_report.artifacts.protocols.classifier import Classifier
from deepseek_report.artifacts.protocols.explainers import ExplainContext, ExplainerPart
from deepseek_report.artifacts.protocols.progress import Silent

#: Probabilities that are remembered, 8 bytes each.
_MOST_REMEMBERED = 16_000_000


def with_decided_classes(
    explanation: Explanation,
    explainer: ExplainerPart,
    context: ExplainContext,
    predictions: Predictions,
    cases: Cases,
    everyone: bool = False,
) -> Explanation:
    """The explanation with the shown cases explained for the decided class and its runner-up.

    One call of the explainer for each class that is among them, on its cases alone: of 200
    explained instances and 13 shown ones that is at most 13 % more. A seed gives each case the
    draws that it had. A class that all instances were explained for is taken from there.

    context : of the explanation, with all explained instances.
    everyone : whether all other instances are explained for their decided class too, which costs at
        most as much again: what metrics take away is what speaks for the decision.
    """
    shown = np.unique(np.array(list(cases.roles.values()), dtype=np.int64))
    places = np.arange(len(explanation)) if everyone else shown
    if not len(places):
        return explanation
    targets = decided_and_runner_up(predictions, explanation.positions[places])
    targets[~np.isin(places, shown), 1] = -1
    shape = (*targets.shape, explanation.values.shape[1])
    values, errors = np.zeros(shape), np.zeros(shape)
    outputs, bases = np.zeros(targets.shape), np.zeros(targets.shape)
    calls = 0
    for target in np.unique(targets[targets >= 0]):
        rows = np.flatnonzero((targets == target).any(axis=1))
        known = explanation.toward(int(target))
        if known is not None:  # all instances are explained for this class
            part = known.at(places[rows])
        else:
            part = explainer.explain(_of_class(context, places[rows], int(target)))
            calls += part.n_model_calls
        cells = rows, (targets[rows] != target).argmin(axis=1)
        values[cells], outputs[cells] = part.values, part.predictions
        bases[cells] = np.nan if part.base_values is None else part.base_values
        errors[cells] = np.nan if part.standard_error is None else part.standard_error
    return replace(
        explanation,
        n_model_calls=explanation.n_model_calls + calls,
        decided=DecidedClasses(places, targets, values, outputs, _known(bases), _known(errors)),
    )


def with_other_classes(
    explanation: Explanation,
    explainer: ExplainerPart,
    context: ExplainContext,
    targets: Sequence[int],
) -> Explanation:
    """The explanation with all instances explained for further classes, one call for each.

    targets : positions of the classes; none leave it as it is.
    """
    if not targets:
        return explanation
    everyone, before = np.arange(len(explanation)), context.classifier.calls
    parts = [explainer.explain(_of_class(context, everyone, target)) for target in targets]
    bases = [part.base_values for part in parts if part.base_values is not None]
    errors = [part.standard_error for part in parts if part.standard_error is not None]
    others = OtherClasses(
        np.array(targets, dtype=np.int64),
        np.stack([part.values for part in parts]),
        np.stack([part.predictions for part in parts]),
        np.stack(bases) if len(bases) == len(parts) else None,
        np.stack(errors) if len(errors) == len(parts) else None,
    )
    calls = explanation.n_model_calls + context.classifier.calls - before
    return replace(explanation, n_model_calls=calls, others=others)


def remember_answers(classifier: Classifier) -> None:
    """Let a classifier answer from memory what it was asked before, in the same batch of rows.

    A model gives the probabilities of all classes at once; a method that asks for the same rows
    class by class then has the model evaluate them for the first class alone. What is remembered
    is bounded, so that long explanations evaluate some rows again.
    """
    ask, known, room = classifier.probabilities, dict[bytes, Floats](), [_MOST_REMEMBERED]

    def probabilities(inputs: Floats) -> Floats:
        rows = np.ascontiguousarray(inputs, dtype=np.float64)
        key = hashlib.blake2b(rows.data, digest_size=16).digest()
        if key not in known:
            answers = ask(inputs)
            if answers.size > room[0]:
                return answers
            room[0] -= answers.size
            known[key] = answers
        return known[key].copy()

    setattr(classifier, "probabilities", probabilities)  # noqa: B010 - of this object alone


def decided_and_runner_up(predictions: Predictions, positions: Ints) -> Ints:
    """(case, 2) the class decided of each case, and the most probable of the others."""
    decided = predictions.decisions[positions]
    others = predictions.probabilities[positions].copy()
    others[np.arange(len(positions)), decided] = -1
    return np.column_stack([decided, others.argmax(axis=1)])


def toward_classes(explainer: ExplainerPart, context: ExplainContext, targets: Ints) -> Floats:
    """(instance, column) attributions of each instance to a class of its own.

    targets : (instance,) the classes; the explainer is called once for each.
    """
    values = np.zeros(context.inputs.shape)
    for target in np.unique(targets):
        places = np.flatnonzero(targets == target)
        values[places] = explainer.explain(_of_class(context, places, int(target))).values
    return values


def _of_class(context: ExplainContext, places: Ints, target: int) -> ExplainContext:
    ids, drawn_as = context.instance_ids, context.drawn_as
    return replace(
        context,
        inputs=context.inputs[places],
        drawn_as=None if drawn_as is None else drawn_as[places],
        positions=context.positions[places],
        instance_ids=None if ids is None else ids[places],
        target=target,
        progress=Silent(),
    )


def _known(array: Floats) -> Floats | None:
    return None if np.isnan(array).any() else array
