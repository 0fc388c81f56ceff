"""Which test instances are explained, and which of them the report shows one by one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from deepseek_report.artifacts.predictions import Cases, Predictions
from deepseek_report.artifacts.schema import Schema


def choose_cases(predictions: Predictions, schema: Schema, instances: int, seed: int) -> Cases:
    """The cases that the report shows, and a random sample stratified by label around them.

    Returns
    -------
    Cases with at most `instances` positions, the chosen cases among them.
    """
    roles = _roles(predictions, schema)
    chosen = np.unique(np.array(list(roles.values()), dtype=np.int64))
    sample = _stratified(predictions.labels, instances, seed)
    rest = sample[~np.isin(sample, chosen)]
    explained = np.sort(np.concatenate([chosen, rest[: max(instances - len(chosen), 0)]]))
    within = {role: int(np.searchsorted(explained, position)) for role, position in roles.items()}
    return Cases(explained, within)


def _roles(predictions: Predictions, schema: Schema) -> dict[str, int]:
    """{role: position in the test part}; no instance has two roles where there are enough."""
    certainty = _certainty(predictions)
    roles: dict[str, int] = {}
    _assign(roles, "most_certain_right", np.where(predictions.correct, certainty, -np.inf))
    _assign(roles, "most_certain_wrong", np.where(~predictions.correct, certainty, -np.inf))
    _assign(roles, "nearest_threshold", -certainty)
    for attribute in schema.attributes:
        codes = predictions.groups[attribute.name]
        for position, level in enumerate(attribute.levels):
            typical = -np.abs(certainty - np.median(certainty))
            inside = np.where(codes == position, typical, -np.inf)
            _assign(roles, f"group:{attribute.name}:{level}", inside)
    return roles


def _certainty(predictions: Predictions) -> NDArray[np.float64]:
    """(instance,) distance of the score from the threshold, or the top probability."""
    if predictions.threshold is None:
        ordered = np.sort(predictions.probabilities, axis=1)
        return ordered[:, -1] - ordered[:, -2]
    scores, threshold = predictions.scores, predictions.threshold
    span = np.where(scores >= threshold, 1 - threshold, threshold)
    return np.abs(scores - threshold) / span


def _assign(roles: dict[str, int], role: str, preference: NDArray[np.float64]) -> None:
    free = preference.copy()
    free[list(roles.values())] = -np.inf
    if np.isfinite(free.max(initial=-np.inf)):
        roles[role] = int(free.argmax())


def _stratified(labels: NDArray[np.int64], instances: int, seed: int) -> NDArray[np.int64]:
    """A random sample in random order with the labels' own shares, at least one of each class."""
    generator = np.random.default_rng([seed, 20_207])
    order = generator.permutation(len(labels))
    share = min(instances / len(labels), 1.0)
    taken = []
    for label in np.unique(labels):
        members = order[labels[order] == label]
        taken.append(members[: max(round(share * len(members)), 1)])
    return generator.permutation(np.concatenate(taken))
