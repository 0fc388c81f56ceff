"""The cases that stand for groups: pairs alike but for the group, then typical and varied ones."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from deepseek_report.artifacts.array_types import Bools, Floats, Ints
from deepseek_report.artifacts.predictions import Predictions
from deepseek_report.artifacts.schema import Attribute, Schema
from deepseek_report.data_kinds import kind_of
from deepseek_report.data_kinds.reference import gower_distances, ranges
from deepseek_report.metrics.explanations.instance_means import evenly_spaced
from deepseek_report.tasks import task_of

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
        for code, level in ((int(code), attribute.levels[code]) for code in shown):
            if code in paired:
                continue
            varied = self._varied(codes == code, roles)
            if varied is not None:
                roles[f"group:{attribute.name}:{level}"] = varied

    def _pair(self, attribute: Attribute, codes: Ints, roles: dict[str, int]) -> dict[int, int]:
        """{level: position} of two people most alike but for the group, decided differently."""
        against = self._against
        if against is None or attribute.kind != "person" or not self._has_columns:
            return {}
        free = (codes >= 0) & ~self._taken(roles)
        first = _spread(np.flatnonzero(free & against), _PAIR_FROM)
        others = _spread(np.flatnonzero(free & ~against), _PAIR_AMONG)
        if not len(first) or not len(others):
            return {}
        kept = [
            j for j, feature in enumerate(self.schema.features) if feature.name != attribute.source
        ]
        nearest = np.inf
        pair: dict[int, int] = {}
        for position in first:
            apart = np.where(
                codes[others] == codes[position], np.inf, self._apart(others, position, kept)
            )
            if apart.min() < nearest:
                nearest, other = apart.min(), int(others[apart.argmin()])
                pair = {int(codes[position]): int(position), int(codes[other]): other}
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


def _spread(positions: Ints, most: int) -> Ints:
    """At most so many of the positions, evenly spread."""
    return positions[evenly_spaced(len(positions), most)] if len(positions) else positions
