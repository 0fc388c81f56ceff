"""How the decision threshold is chosen on the validation part."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from deepseek_report.artifacts.conclusions import DecisionCosts

#: The rules of `decision.rule`; `threshold_rules` of the catalogs says what each means.
RULES = ("declared", "costs", "balanced_accuracy", "f1", "accuracy", "base_rate", "model")
#: The rule that takes the decisions of the model itself.
MODELS_OWN = "model"


def choose_threshold(
    rule: str,
    scores: NDArray[np.float64],
    truths: NDArray[np.bool_],
    costs: DecisionCosts | None = None,
) -> float:
    """The threshold that a rule gives on validation data.

    Parameters
    ----------
    rule : one of `RULES` but "declared" and "model"; "costs" takes the least expected cost by
        `costs`.
    scores : (instance,) probability of the explained class. truths : (instance,) whether it is it.

    Returns
    -------
    A probability in (0, 1), halfway between two observed scores: instances with a score of at
    least this are decided for. Of equally good thresholds the one nearest 0.5 is taken.
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


def threshold_of(decided: NDArray[np.bool_], scores: NDArray[np.float64]) -> float:
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


def _gain(
    rule: str,
    true_positives: NDArray[np.int64],
    false_positives: NDArray[np.int64],
    sizes: tuple[int, int],
) -> NDArray[np.float64]:
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
