"""From a trained model to `Predictions`: what it says of a part, and the rule that decides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from deepseek_report.artifacts.array_types import Bools, Floats, Ints
from deepseek_report.artifacts.conclusions import AlertCapacity, DecisionCosts, ThresholdRule
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.predictions import Predictions
from deepseek_report.artifacts.protocols.classifier import Classifier
from deepseek_report.artifacts.schema import Target
from deepseek_report.artifacts.split import Split
from deepseek_report.errors import NotApplicableError
from deepseek_report.tasks import task_of
from deepseek_report.tasks.loss import decide

#: The rules of `decision.rule`; `threshold_rules` of the catalogs says what each means.
RULES = (
    *("declared", "costs", "capacity", "balanced_accuracy", "f1", "accuracy", "base_rate"),
    "model",
)
#: The rule that takes the decisions of the model itself.
MODELS_OWN = "model"


def choose_threshold(
    rule: str, scores: Floats, truths: Bools, costs: DecisionCosts | None = None
) -> float:
    """The threshold that a rule gives on validation data.

    rule : one of `RULES` but "declared", "capacity" and "model"; "costs" takes the least expected
        cost by `costs`.
    scores : (instance,) probability of the explained class. truths : (instance,) whether it is it.

    Returns a probability in (0, 1), halfway between two observed scores: instances with a score of
    at least this are decided for. Of equally good thresholds the one nearest 0.5 is taken.
    """
    ordered = np.unique(scores)
    cuts = np.concatenate(
        [[ordered[0] / 2], (ordered[1:] + ordered[:-1]) / 2, [(1 + ordered[-1]) / 2]]
    )
    positives = np.sort(scores[truths])
    negatives = np.sort(scores[~truths])
    true_positives = len(positives) - np.searchsorted(positives, cuts)
    false_positives = len(negatives) - np.searchsorted(negatives, cuts)
    if rule == "costs" and costs is not None:
        missed = len(positives) - true_positives
        gains = -(costs.false_alarm * false_positives + costs.missed * missed)
    else:
        gains = _gain(rule, true_positives, false_positives, (len(positives), len(negatives)))
    best = np.flatnonzero(gains >= gains.max() - 1e-12)
    return float(cuts[best[np.argmin(np.abs(cuts[best] - 0.5))]])


def periods_of(rows: Split, capacity: AlertCapacity) -> Ints:
    """(row,) the number of the period of each row, in which so many alerts can be looked into.

    Raises NotApplicableError: nobody says when the rows come from.
    """
    if rows.moments is None:
        raise NotApplicableError(message("refusals.no_moments"))
    return capacity.periods(rows.moments)


def threshold_of_capacity(scores: Floats, periods: Ints, alerts: int) -> float:
    """The threshold that gives so many alerts a period on average, halfway between two scores.

    scores : (instance,). periods : (instance,) numbers of periods in a row; -1 is unknown, and
    counts in proportion.

    >>> threshold_of_capacity(np.array([0.1, 0.9, 0.8, 0.2]), np.array([0, 0, 1, 1]), 1)
    0.5
    """
    known = periods[periods >= 0]
    n = int(known.max() - known.min()) + 1 if len(known) else 1
    ordered = np.sort(scores)[::-1]
    wanted = min(round(alerts * n * len(scores) / max(len(known), 1)), len(ordered))
    if wanted == len(ordered):
        return float(ordered[-1] / 2)
    return float((ordered[wanted - 1] + ordered[wanted]) / 2)


def threshold_of(decided: Bools, scores: Floats) -> float:
    """The threshold that gives these decisions, or as many of them as a threshold can give.

    decided : (instance,) whether it is decided for the explained class. scores : (instance,) its
    probability. The half is taken where it gives them all, with or without those exactly at it.

    >>> threshold_of(np.array([False, False, True]), np.array([0.2, 0.5, 0.8])) > 0.5
    True
    """
    for half in (0.5, float(np.nextafter(0.5, 1))):
        if np.array_equal(scores >= half, decided):
            return half
    return choose_threshold("accuracy", scores, decided)


def _gain(rule: str, true_positives: Ints, false_positives: Ints, sizes: tuple[int, int]) -> Floats:
    positives, negatives = sizes
    decided = true_positives + false_positives
    if rule == "balanced_accuracy":
        return np.asarray(
            true_positives / max(positives, 1) + 1 - false_positives / max(negatives, 1)
        )
    if rule == "f1":
        return np.asarray(2 * true_positives / np.maximum(decided + positives, 1))
    if rule == "accuracy":
        right = true_positives + negatives - false_positives
        return np.asarray(right / (positives + negatives))
    return np.asarray(-np.abs(decided - positives), dtype=np.float64)


def softmax(logits: Floats) -> Floats:
    """(instance, class) -> (instance, class), rows sum to 1."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def log_odds(logits: Floats, target: int) -> Floats:
    """(instance, class) -> (instance,) log p / (1 − p) of the target class.

    `z_t − log Σ_{c≠t} exp z_c`, which stays finite where p rounds to 1. A single column is a
    number, and is given as it is.
    """
    if logits.shape[1] == 1:
        return logits[:, 0]
    others = np.delete(logits, target, axis=1)
    return np.asarray(logits[:, target] - np.logaddexp.reduce(others, axis=1))


MOST_PROBABLE = "most_probable"
NO_DECISION = "none"


def predict(
    classifier: Classifier, validation: Split, test: Split, rule: ThresholdRule
) -> dict[str, Predictions]:
    """Predictions of the validation and the test part; the threshold comes from the first.

    Where the rule is "model", it is the threshold that gives the model's own decisions about both.
    """
    target = classifier.schema.target
    if not task_of(target).decides:
        return {"validation": _numbers(classifier, validation), "test": _numbers(classifier, test)}
    parts = {"validation": validation, "test": test}
    logits = {name: logits_of(classifier, part) for name, part in parts.items()}
    shares = {name: softmax(outputs) for name, outputs in logits.items()}
    own = _own_decisions(classifier, parts) if rule.name == MODELS_OWN else {}
    if rule.name == MODELS_OWN:
        threshold = _threshold_of_model(target, shares, own)
    else:
        threshold = _threshold(rule, target, shares["validation"], validation)
    name_of_rule = MOST_PROBABLE if threshold is None else rule.name
    decided = {
        name: _decided(classifier, part, logits[name], threshold, name_of_rule)
        for name, part in parts.items()
    }
    return {
        name: replace(made, unlike_model=int((own[name] != made.decisions).sum())) if own else made
        for name, made in decided.items()
    }


def predict_alike(classifier: Classifier, part: Split, model: Predictions) -> Predictions:
    """Predictions of another part of the data, decided by the rule of those that are known."""
    if not task_of(classifier.schema.target).decides:
        return _numbers(classifier, part)
    logits = logits_of(classifier, part)
    return _decided(classifier, part, logits, model.threshold, model.rule)


def _decided(
    classifier: Classifier, part: Split, logits: Floats, threshold: float | None, rule: str
) -> Predictions:
    explained, shares = classifier.schema.target.explained, softmax(logits)
    return Predictions(
        logits=logits,
        probabilities=shares,
        labels=part.labels,
        instance_ids=part.instance_ids,
        decisions=decide(shares, threshold, explained),
        threshold=threshold,
        rule=rule,
        explained=explained,
        groups=part.groups,
        all_labels=part.all_labels,
        all_probabilities=_of_labels(classifier, part),
        entities=part.entities,
    )


def logits_of(classifier: Classifier, part: Split) -> Floats:
    """(instance, class) what the model answers, or what it answered where only that is known."""
    known = classifier.logits_of(part.instance_ids)
    return _as_floats(classifier.logits(part.inputs) if known is None else known)


def _as_floats(values: Floats) -> Floats:
    return np.asarray(values, dtype=np.float64)


def _numbers(classifier: Classifier, part: Split) -> Predictions:
    n = len(part)
    return Predictions(
        logits=logits_of(classifier, part),
        probabilities=np.zeros((n, 0)),
        labels=part.labels,
        instance_ids=part.instance_ids,
        decisions=np.zeros(n, dtype=np.int64),
        threshold=None,
        rule=NO_DECISION,
        explained=0,
        groups=part.groups,
        entities=part.entities,
    )


def _of_labels(classifier: Classifier, part: Split) -> Floats | None:
    if part.all_labels is None:  # several labels alone have them
        return None
    return _as_floats(classifier.label_probabilities(part.inputs))


def _own_decisions(classifier: Classifier, parts: Mapping[str, Split]) -> dict[str, Ints]:
    """{part: (instance,) class that the model itself decides for}; {} where it decides nothing."""
    decided = {name: classifier.decided(part.inputs) for name, part in parts.items()}
    known = {name: classes for name, classes in decided.items() if classes is not None}
    return known if len(known) == len(parts) else {}


def _threshold_of_model(
    target: Target, shares: Mapping[str, Floats], own: Mapping[str, Ints]
) -> float | None:
    """The threshold behind the model's own decisions; the half where it decides nothing itself."""
    if len(target.classes) != 2:
        return None
    if not own:
        return 0.5
    scores = np.concatenate([shares[name][:, target.explained] for name in own])
    return threshold_of(np.concatenate(list(own.values())) == target.explained, scores)


def _threshold(
    rule: ThresholdRule, target: Target, probabilities: Floats, rows: Split
) -> float | None:
    if len(target.classes) != 2:
        return None
    scores, truths = probabilities[:, target.explained], rows.labels == target.explained
    if rule.name == "capacity" and rule.capacity is not None:
        return threshold_of_capacity(scores, periods_of(rows, rule.capacity), rule.capacity.alerts)
    if rule.name in ("declared", "capacity"):
        return rule.declared
    return choose_threshold(rule.name, scores, truths, rule.costs)
