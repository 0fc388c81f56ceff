"""Which test instances are explained, and which of them the report shows one by one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from deepseek_report.artifacts.array_types import Array, Bools, Floats, Ints
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.predictions import FURTHER, Cases, Predictions
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.schema import Attribute, Schema
from deepseek_report.data_kinds import kind_of
from deepseek_report.data_kinds.base import gower_distances, ranges
from deepseek_report.errors import NotApplicableError
from deepseek_report.statistics.ranking import thin
from deepseek_report.statistics.resampling import Resampling
from deepseek_report.tasks import task_of


@dataclass(frozen=True)
class ShownCases:
    """The cases that the report shows one by one.

    places : (case,) among the explained cases. positions : (case,) in the test part. inputs :
    (case, feature).
    """

    places: Ints
    positions: Ints
    inputs: Floats

    @classmethod
    def of(cls, context: MeasureContext) -> ShownCases:
        """Those of a run.

        Raises NotApplicableError: it shows none.
        """
        if not context.cases.roles:
            raise NotApplicableError(message("refusals.no_case"))
        places = np.array(list(context.cases.roles.values()), dtype=np.int64)
        positions = context.cases.explained[places]
        return cls(places, positions, context.dataset.test.inputs[positions])

    def targets(self, context: MeasureContext) -> Ints:
        """(case,) the class that was decided of each, 0 where a number is predicted."""
        if not task_of(context.dataset.schema.target).decides:
            return np.zeros(len(self.places), dtype=np.int64)
        return np.asarray(context.predictions.decisions[self.positions], dtype=np.int64)


#: Cases decided one way, and the other, among which the pair most alike is looked for.
_PAIR_FROM, _PAIR_AMONG = 80, 800
#: The most typical cases of a group among which the one least like those before is taken.
_TYPICAL = 20
#: Levels of an attribute that have a case, the largest.
_MOST_LEVELS = 12


@dataclass(frozen=True)
class GroupCases:
    """Chooses one case for each level of an attribute.

    inputs : (instance, feature). typical : (instance,) how typical an instance is, larger is more.
    """

    schema: Schema
    inputs: Floats
    predictions: Predictions
    typical: Floats

    def choose(self, attribute: Attribute, roles: dict[str, int]) -> None:
        """Add {`pair:` or `group:<attribute>:<level>`: position} to the roles chosen before.

        Of very many levels the largest have a case.
        """
        codes = self.predictions.groups[attribute.name]
        paired = self._pair(attribute, codes, roles)
        for code, position in paired.items():
            roles[f"pair:{attribute.name}:{attribute.levels[code]}"] = position
        sizes = np.bincount(codes[codes >= 0], minlength=len(attribute.levels))
        shown = np.sort(np.argsort(-sizes, kind="stable")[:_MOST_LEVELS])
        for code in shown.tolist():
            varied = None if code in paired else self._varied(codes == code, roles)
            if varied is not None:
                roles[f"group:{attribute.name}:{attribute.levels[code]}"] = varied

    def _pair(self, attribute: Attribute, codes: Ints, roles: dict[str, int]) -> dict[int, int]:
        """{level: position} of two people most alike but for the group, decided differently."""
        against = self._against
        if against is None or attribute.kind != "person" or not self._has_columns:
            return {}
        free = (codes >= 0) & ~self._taken(roles)
        first, others = np.flatnonzero(free & against), np.flatnonzero(free & ~against)
        first = first[thin(len(first), _PAIR_FROM)]
        others = others[thin(len(others), _PAIR_AMONG)]
        if not len(first) or not len(others):
            return {}
        kept = [
            j for j, feature in enumerate(self.schema.features) if feature.name != attribute.source
        ]
        nearest = np.inf
        pair: dict[int, int] = {}
        for position in first.tolist():
            apart = np.where(
                codes[others] == codes[position], np.inf, self._apart(others, position, kept)
            )
            if apart.min() < nearest:
                nearest, other = apart.min(), int(others[apart.argmin()])
                pair = {int(codes[position]): position, int(codes[other]): other}
        return pair

    def _varied(self, inside: Bools, roles: dict[str, int]) -> int | None:
        """A typical case of a group, unlike those chosen, in turn against a person and for."""
        free = inside & ~self._taken(roles)
        if self._against is not None:
            turn = self._against if len(roles) % 2 else ~self._against
            free = free & turn if (free & turn).any() else free
        places = np.flatnonzero(free)
        if not len(places):
            return None
        order = np.argsort(-self.typical[places], kind="stable")
        usual = places[order[:_TYPICAL]]
        if not roles or not self._has_columns:
            return int(usual[0])
        every = list(range(len(self.schema.features)))
        apart = [self._apart(usual, position, every) for position in roles.values()]
        return int(usual[np.min(apart, axis=0).argmax()])

    def _apart(self, positions: Ints, position: int, columns: list[int]) -> Floats:
        """(position,) Gower distance to one instance over some of the columns."""
        schema = Schema(tuple(self.schema.features[j] for j in columns), self.schema.target)
        rows, row = self.inputs[positions][:, columns], self.inputs[position, columns]
        return gower_distances(rows, row, self._scale[columns], schema)

    def _taken(self, roles: dict[str, int]) -> Bools:
        taken = np.zeros(len(self.typical), dtype=bool)
        taken[list(roles.values())] = True
        return taken

    @cached_property
    def _scale(self) -> Floats:
        return ranges(self.inputs, self.schema)

    @cached_property
    def _has_columns(self) -> bool:
        return kind_of(self.schema).named_columns

    @cached_property
    def _against(self) -> Bools | None:
        """(instance,) whether it was decided against the person; None where nobody can say."""
        target = self.schema.target
        if target.favourable is None or not task_of(target).decides:
            return None
        return np.asarray(self.predictions.decisions != target.favourable)


#: The sample of a number is stratified by bands of equal size.
_BANDS = 10

#: How the role of a case begins that the config names, and of an alert of the last period.
NAMED, ALERT = "named:", "alert:"

#: Roles of which further cases fill up the pages, in turn.
_TEACHING = (
    *("wrong_against", "most_certain_wrong", "nearest_threshold", "right_against"),
    *("furthest_above", "furthest_below"),
)
#: Roles of which cases fill up what is left then: what is clear and right teaches least.
_FILLING = ("most_certain_right", "typical_error")
#: The certainty from which on a further case is no close call: half of the way from the threshold.
_CLOSE = 0.5

#: What a person calls the cases that are not chosen for a group.
ROLE_LABELS = {
    "wrong_against": "Decided against the person, and wrong",
    "right_against": "Decided against the person, and right",
    "most_certain_right": "Most certain, and right",
    "most_certain_wrong": "Most certain, and wrong",
    "nearest_threshold": "Nearest to the threshold",
    "typical_error": "An error of typical size",
    "furthest_above": "Predicted furthest above the true number",
    "furthest_below": "Predicted furthest below the true number",
}
#: What further cases are called, which fit their role less than the one that is chosen for it.
FURTHER_LABELS = {
    "most_certain_wrong": "Decided wrongly",
    "nearest_threshold": "Near the threshold",
    "most_certain_right": "Decided correctly",
    "typical_error": "Another error",
    "furthest_above": "Predicted above the true number",
    "furthest_below": "Predicted below the true number",
}
#: What they are called where the data describe no people.
NO_PERSON = {
    "wrong_against": "Decided unfavourably, and wrong",
    "right_against": "Decided unfavourably, and right",
}


def choose_cases(
    predictions: Predictions,
    schema: Schema,
    inputs: Floats,
    instances: int,
    seed: int,
    named: Mapping[str, int] | None = None,
    pages: int = 0,
) -> Cases:
    """The cases that the report shows, and a random sample stratified by label around them.

    No two cases of the sample are of one entity, nor is one of a chosen case's, so that intervals
    of what is measured of them hold as they are.

    Errors and decisions against a person come first; then for each attribute two cases that are
    alike but for the group and decided differently, and of the other groups typical cases that are
    unlike those chosen before, in turn decided against the person and for. Where these are fewer
    than `pages`, further errors, close calls and decisions against a person of the random sample
    get pages too; so the explained cases stay as random as they are.

    inputs : (instance, feature) of the test part.
    named : {role: position in the test part} of the cases that the config names, and of alerts that
        people look into, which come before all others.
    pages : how many cases are shown, where so many are explained.

    Returns Cases with at most `instances` positions, the chosen cases among them.
    """
    known = named or {}
    alerts = {role: position for role, position in known.items() if role.startswith(ALERT)}
    roles = _roles(predictions, schema, inputs, alerts)
    roles |= known
    chosen = np.unique(np.array(list(roles.values()), dtype=np.int64))
    sample = _stratified(task_of(schema.target).strata(predictions.labels, _BANDS), instances, seed)
    rest = sample[~np.isin(sample, chosen)]
    if predictions.entities is not None:
        rest = Resampling.of(predictions).one_each(rest)
        rest = rest[~np.isin(predictions.entities[rest], predictions.entities[chosen])]
    sampled = rest[: max(instances - len(chosen), 0)]
    roles |= _further(predictions, schema, sampled, pages - len(roles))
    explained = np.sort(np.concatenate([chosen, sampled]))
    within = {role: int(np.searchsorted(explained, position)) for role, position in roles.items()}
    return Cases(explained, within)


def _roles(
    predictions: Predictions, schema: Schema, inputs: Floats, alerts: Mapping[str, int]
) -> dict[str, int]:
    """{role: position in the test part}; no instance has two roles where there are enough."""
    roles = dict(alerts)
    task = task_of(schema.target)
    for role, preference in _preferences(predictions, schema).items():
        free = preference.copy()
        free[list(roles.values())] = -np.inf
        if np.isfinite(free.max(initial=-np.inf)):
            roles[role] = int(free.argmax())
    extent = _certainty(predictions) if task.decides else task.loss.of(predictions)
    chooser = GroupCases(schema, inputs, predictions, -np.abs(extent - np.median(extent)))
    for attribute in schema.attributes:
        chooser.choose(attribute, roles)
    return roles


def _further(predictions: Predictions, schema: Schema, sampled: Ints, count: int) -> dict[str, int]:
    """{`further:<role>:<number from 2>`: position} of so many cases, from each role in turn.

    Of those that fit a role they are spread evenly from the best to the least good fit, so that
    errors of every size are among them.
    """
    count = min(count, len(sampled))
    if count < 1:
        return {}
    preferences = _preferences(predictions, schema)
    if (fits := preferences.get("nearest_threshold")) is not None:
        preferences |= {"nearest_threshold": np.where(fits >= -_CLOSE, fits, -np.inf)}
    roles: dict[str, int] = {}
    for wanted in (_TEACHING, _FILLING):
        queues: dict[str, list[int]] = {}
        for role, preference in preferences.items():
            if role in wanted:
                own = preference[sampled]
                able = np.flatnonzero(np.isfinite(own))
                order = able[np.argsort(-own[able], kind="stable")]
                queues[role] = sampled[order[thin(len(order), count)]].tolist()
        _take_in_turn(queues, roles, count)
    return roles


def _take_in_turn(queues: dict[str, list[int]], roles: dict[str, int], count: int) -> None:
    """Adds cases of each queue in turn to the roles, until there are so many."""
    number = 2
    while len(roles) < count and any(queues.values()):
        for role, queue in queues.items():
            free = [position for position in queue if position not in roles.values()]
            queues[role] = free[1:]
            if free and len(roles) < count:
                roles[f"{FURTHER}{role}:{number}"] = free[0]
        number += 1


def _preferences(predictions: Predictions, schema: Schema) -> dict[str, Floats]:
    """{role: (instance,) how well it fits}, -inf where it does not.

    Errors against a person come first, where the favourable class is declared. Of many classes the
    nearest case is that where the two most probable ones are most alike.
    """
    if not task_of(schema.target).decides:
        errors = predictions.errors
        size = np.abs(errors)
        return {
            "typical_error": -np.abs(size - np.median(size)),
            "furthest_above": np.where(errors > 0, errors, -np.inf),
            "furthest_below": np.where(errors < 0, -errors, -np.inf),
        }
    fits = _certainty(predictions)
    wrong, right = ~predictions.correct, predictions.correct
    if schema.target.favourable is None:
        return {
            "most_certain_right": np.where(right, fits, -np.inf),
            "most_certain_wrong": np.where(wrong, fits, -np.inf),
            "nearest_threshold": -fits,
        }
    against = predictions.decisions != schema.target.favourable
    return {
        "wrong_against": np.where(wrong & against, fits, -np.inf),
        "most_certain_wrong": np.where(wrong, fits + ~against, -np.inf),
        "nearest_threshold": -fits,
        "right_against": np.where(right & against, fits, -np.inf),
        "most_certain_right": np.where(right, fits + ~against, -np.inf),
    }


def _certainty(predictions: Predictions) -> Floats:
    """(instance,) distance of the score from the threshold, or the top probability."""
    if predictions.threshold is None:
        ordered = np.sort(predictions.probabilities, axis=1)
        return np.asarray(ordered[:, -1] - ordered[:, -2])
    scores, threshold = predictions.scores, predictions.threshold
    span = np.where(scores >= threshold, 1 - threshold, threshold)
    return np.asarray(np.abs(scores - threshold) / span)


def _stratified(labels: Array, instances: int, seed: int) -> Ints:
    """A random sample in random order with the labels' own shares, at least one of each class."""
    generator = np.random.default_rng([seed, 20_207])
    order = generator.permutation(len(labels))
    share = min(instances / len(labels), 1.0)
    taken = []
    for label in np.unique(labels):
        members = order[labels[order] == label]
        taken.append(members[: max(round(share * len(members)), 1)])
    return generator.permutation(np.sort(np.concatenate(taken)))
