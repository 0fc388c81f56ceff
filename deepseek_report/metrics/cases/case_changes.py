"""The smallest changes of the shown cases, and for how many decisions one is known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from deepseek_report.artifacts.array_types import Floats, Ints
from deepseek_report.artifacts.predictions import Predictions
from deepseek_report.artifacts.protocols.classifier import Classifier
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.schema import Feature, Schema
from deepseek_report.artifacts.score import Score
from deepseek_report.data_kinds import kind_of
from deepseek_report.data_kinds.reference import ranges
from deepseek_report.metrics.cases.case_tables import MOST_COLUMNS, Row
from deepseek_report.metrics.cases.counterfactuals import (
    Counterfactual,
    DecisionRule,
    Search,
    SearchBounds,
)
from deepseek_report.metrics.cases.graph_consequences import GraphConsequences
from deepseek_report.metrics.causes.declared_graph import DeclaredGraph
from deepseek_report.statistics.ranking import most_telling
from deepseek_report.statistics.resampling import Resampling

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


#: Features in which the two differ that are told, the farthest apart first.
_NAMED = 4
#: Differences of a number below this share of its range are not counted.
_LEAST = 0.01


def nearest_accepted_rows(context: MeasureContext, inputs: Floats, cases: Ints) -> list[Row]:
    """One row for each told difference between a case and the nearest one decided otherwise.

    The test part is searched, whose decisions are known. Features that groups of people are made
    of are counted among those that differ and not told.

    inputs : (case, feature) the shown cases. cases : (case,) positions among them of those that
        were decided against; where no class is favourable, all.
    """
    schema, test, predictions = context.dataset.schema, context.dataset.test, context.predictions
    wanted, scale = schema.target.favourable, ranges(context.dataset.train.inputs, schema)
    positions = context.cases.explained[list(context.cases.roles.values())]
    rows: list[Row] = []
    for case in cases.tolist():
        decided = predictions.decisions[positions[case]]
        others = (
            predictions.decisions == wanted
            if wanted is not None
            else (predictions.decisions != decided)
        )
        candidates = np.flatnonzero(others)
        if not len(candidates):
            continue
        (apart,) = kind_of(schema).distances(inputs[case : case + 1], test.inputs[candidates])
        nearest = int(candidates[int(np.argmin(apart))])
        other = test.inputs[nearest]
        sizes = np.array(
            [
                _difference(feature, inputs[case, j], other[j], float(scale[j]))
                for j, feature in enumerate(schema.features)
            ]
        )
        named = [
            int(j)
            for j in np.argsort(-sizes, kind="stable")
            if sizes[j] > 0 and not schema.features[j].sensitive
        ]
        rows += [
            (
                case,
                rank,
                int(test.instance_ids[nearest]),
                float(apart.min()),
                float(predictions.scores[nearest]),
                schema.features[j].name,
                schema.features[j].label,
                schema.features[j].display(inputs[case, j]),
                schema.features[j].display(other[j]),
                int((sizes > 0).sum()),
            )
            for rank, j in enumerate(named[:_NAMED], start=1)
        ]
    return rows


def _difference(feature: Feature, own: float, other: float, scale: float) -> float:
    """How far two values lie apart, in [0, 1]; 0 where nobody would call them different."""
    if np.isnan(own) or np.isnan(other):
        return float(np.isnan(own) != np.isnan(other))
    if feature.kind == "categorical":
        return float(own != other)
    apart = min(abs(own - other) / scale, 1.0) if scale else float(own != other)
    return apart if apart >= _LEAST else 0.0


#: Rows of the model that counting for how many cases there is a change may cost.
_MOST_QUESTIONS = 40_000


_NO_CHANGE = Counterfactual((), np.zeros(0))


@dataclass(frozen=True)
class CaseChanges:
    """What is known of changes of the decision.

    rows : of the table `counterfactuals`. ways : of the table `other_ways`. nearest : of the table
    `nearest_accepted`. scores : `counterfactual_share`, if it is counted. consequences : of the
    table `consequences`; None without a declared graph of causes.
    """

    rows: list[Row]
    ways: list[Row]
    nearest: list[Row]
    scores: tuple[Score, ...]
    consequences: list[Row] | None = None


def changes_of(
    context: MeasureContext, inputs: Floats, bounds: SearchBounds, ways: int = 1
) -> CaseChanges:
    """The smallest changes of the shown cases (case, feature), and further `ways` of each.

    Where the favourable class is declared, only decisions against the person are changed, and
    counted over those among the explained cases.
    """
    train, schema = context.dataset.train, context.dataset.schema
    predictions, wanted = context.predictions, schema.target.favourable
    rule = DecisionRule(predictions.threshold, predictions.explained)
    bounds = replace(bounds, consequences=_consequences_of(context))
    columns = most_telling(train.inputs, train.labels, MOST_COLUMNS).tolist()
    search = Search(
        context.classifier, train.inputs, train.labels, rule, bounds, wanted, frozenset(columns)
    )
    context.progress.start("smallest changes", len(inputs))
    decided = rule.decisions(context.classifier.probabilities(inputs))
    every = np.arange(len(inputs))
    against = every if wanted is None else every[decided != wanted]
    rows: list[Row] = []
    others: list[Row] = []
    following: list[Row] = []
    for case, known in zip(against.tolist(), search.ways(inputs[against], ways), strict=True):
        smallest = known[0] if known else _NO_CHANGE
        rows += _change_rows(case, inputs[case], smallest, schema, search)
        for way, each in enumerate(known, start=1):
            following += _following_rows(case, way, inputs[case], each, search)
        for way, change in enumerate(known[1:], start=2):
            changed_cells = _change_rows(case, inputs[case], change, schema, search)
            others += [(case, way, *cells[2:8], cells[10]) for cells in changed_cells]
    context.progress.advance(len(inputs))
    changed = {row[0] for row in rows if row[1] == "found"}
    without = np.array([case for case in against.tolist() if case not in changed], dtype=np.int64)
    nearest = nearest_accepted_rows(context, inputs, without)
    known_graph = search.consequences is not None
    counted = _counted(context, search, predictions)
    return CaseChanges(rows, others, nearest, counted, following if known_graph else None)


def _consequences_of(context: MeasureContext) -> GraphConsequences | None:
    """What follows from changes by the declared graph; None without one."""
    if context.causal is None:
        return None
    declared = DeclaredGraph.of(context.causal, context.dataset.schema)
    return GraphConsequences.of(declared, context.dataset.train.inputs)


def _following_rows(
    case: int, way: int, row: Floats, change: Counterfactual, search: Search
) -> list[Row]:
    """One row for each feature that moves because others are changed."""
    if search.consequences is None:
        return []
    after, _ = search.followed(row, change.changes)
    chosen = {feature for feature, _ in change.changes}
    return [
        (case, way, feature.name, feature.label, feature.display(row[j]), feature.display(after[j]))
        for j, feature in enumerate(search.features)
        if j not in chosen and after[j] != row[j] and not np.isnan(after[j])
    ]


def _counted(
    context: MeasureContext, search: Search, predictions: Predictions
) -> tuple[Score, ...]:
    """For how many of the explained cases that were decided unfavourably a change exists."""
    wanted = search.wanted
    if wanted is None or not search.reach:
        return ()
    explained = context.cases.explained
    unfavourable = explained[predictions.decisions[explained] != wanted]
    n = min(len(unfavourable), max(_MOST_QUESTIONS // search.questions(), 1))
    if not n:
        return ()
    evenly = np.linspace(0, len(unfavourable) - 1, n).round().astype(np.int64)
    changes = search.first(context.dataset.test.inputs[unfavourable[evenly]])
    altered = np.array([bool(change.changes) for change in changes])
    sampled = Resampling.of(context.dataset.test).take(unfavourable[evenly])
    share = sampled.rate(altered)
    return (
        Score(
            metric="counterfactual_share",
            category="explanation",
            value=share.value,
            n=n,
            direction="higher",
            low=share.low,
            high=share.high,
            interval_method=share.method,
            unit="share",
            bounds=(0, 1),
            reference="arXiv:1711.00399",
        ),
    )


def _change_rows(
    case: int, row: Floats, change: Counterfactual, schema: Schema, search: Search
) -> list[Row]:
    """One row per changed feature, or one that says within which bounds none is known."""
    movable, margin, most = len(search.reach), search.bounds.margin, search.bounds.most
    nothing = float("nan")
    if not change.changes:
        plural = "s" if most > 1 else ""
        status = f"none within {most} feature{plural}"
        return [(case, status, "", "", "", "", nothing, nothing, movable, margin, nothing)]
    after = float(change.probabilities[schema.target.explained])
    return [
        (
            case,
            "found",
            schema.features[j].name,
            schema.features[j].label,
            schema.features[j].display(row[j]),
            schema.features[j].display(value),
            value,
            after,
            movable,
            margin,
            change.near,
        )
        for j, value in change.changes
    ]
