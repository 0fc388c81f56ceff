"""Which words, patches or windows carry a decision: taken away, they change it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from deepseek_report.artifacts.array_types import Floats
from deepseek_report.artifacts.protocols.classifier import Classifier
from deepseek_report.artifacts.schema import Schema
from deepseek_report.data_kinds import kind_of
from deepseek_report.metrics.cases.counterfactuals import DecisionRule

Row = tuple[Any, ...]

_NAN = float("nan")
#: What is known of changes of values alone: how many can move, by which margin, how near.
_NO_VALUES = (0, _NAN, _NAN)


@dataclass(frozen=True)
class Masking:
    """The players that were taken away, in that order; none where no set was found.

    probabilities : (class,) without them.
    """

    players: tuple[int, ...]
    probabilities: Floats


def smallest_masking(
    classifier: Classifier, row: Floats, train: Floats, rule: DecisionRule, most: int
) -> Masking:
    """A small set of players whose absence alters the decision.

    Greedy: the player whose loss lowers the probability of the decision most goes first, and so on;
    what turns out to be needless is put back. A smaller set may exist.

    row : (feature,).
    train : (row, feature), from which the typical input is taken.
    rule : from probabilities to decisions.
    most : greatest number of players to take away.
    """
    schema: Schema = classifier.schema
    kind = kind_of(schema)
    reference = kind.baseline(row[None], train)[0]

    def ask(sets: list[tuple[int, ...]]) -> Floats:
        gone = [np.isin(schema.owners, players) for players in sets]
        return classifier.probabilities(np.where(np.stack(gone), reference, row))

    whole = ask([()])
    decided = int(rule.decisions(whole)[0])
    left = np.flatnonzero(kind.present(row[None])[0]).tolist()
    taken: tuple[int, ...] = ()
    while left and len(taken) < most:
        outputs = ask([(*taken, player) for player in left])
        best = int(outputs[:, decided].argmin())
        taken = (*taken, left.pop(best))
        if rule.decisions(outputs[best : best + 1])[0] != decided:
            needed = _without_needless(
                taken, lambda players: rule.decisions(ask([players]))[0] != decided
            )
            return Masking(needed, ask([needed])[0])
    return Masking((), whole[0])


def _without_needless(
    taken: tuple[int, ...], alters: Callable[[tuple[int, ...]], bool]
) -> tuple[int, ...]:
    """The set less every player without which the decision is altered all the same."""
    for player in taken[:-1]:
        fewer = tuple(other for other in taken if other != player)
        if alters(fewer):
            taken = fewer
    return taken


def masking_rows(case: int, row: Floats, masking: Masking, schema: Schema, most: int) -> list[Row]:
    """One row of the table `counterfactuals` per player."""
    kind = kind_of(schema)
    if not masking.players:
        return [
            (case, f"none within {most} {kind.nouns[1]}", "", "", "", "", _NAN, _NAN, *_NO_VALUES)
        ]
    after = float(masking.probabilities[schema.target.explained])
    labels = schema.player_labels
    return [
        (
            case,
            "found",
            labels[k],
            labels[k],
            kind.display(row, k),
            kind.becomes,
            _NAN,
            after,
            *_NO_VALUES,
        )
        for k in masking.players
    ]


def without_players(
    inputs: Floats, train: Floats, carrying: Sequence[Row], schema: Schema
) -> Floats:
    """(case, column) each case without what carries its decision; NaN where nothing is known to.

    inputs, train : (case, column), (row, column).
    carrying : the rows of `masking_rows` of all cases.
    """
    labels = schema.player_labels
    reference, changed = kind_of(schema).baseline(inputs, train), np.full(inputs.shape, _NAN)
    for case, status, label, *_ in carrying:
        if status != "found":
            continue
        if np.isnan(changed[case]).all():
            changed[case] = inputs[case]
        gone = schema.owners == labels.index(label)
        changed[case, gone] = reference[case, gone]
    return changed
