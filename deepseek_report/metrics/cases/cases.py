"""Everything that a case page shows of one person's case."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated

import numpy as np
from pydantic import Field

from deepseek_report.artifacts.array_types import Floats, Ints
from deepseek_report.artifacts.disclosure import OF_CASES
from deepseek_report.artifacts.explanation import Explanation
from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.artifacts.message import Text, message
from deepseek_report.artifacts.predictions import FURTHER, Predictions
from deepseek_report.artifacts.protocols.classifier import Classifier
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.rounding import quantity
from deepseek_report.artifacts.schema import Feature, Schema, Target
from deepseek_report.artifacts.score import Score
from deepseek_report.artifacts.table import TableType
from deepseek_report.data_kinds import kind_of
from deepseek_report.data_kinds.base import ranges, typical_row
from deepseek_report.extension import service
from deepseek_report.metrics.cases import case_choice
from deepseek_report.metrics.cases import case_tables as pages
from deepseek_report.metrics.cases import single_case_rows as cells
from deepseek_report.metrics.cases.case_tables import MOST_COLUMNS, Row
from deepseek_report.metrics.cases.counterfactuals import (
    NO_CHANGE,
    Counterfactual,
    DecisionRule,
    Search,
    SearchBounds,
)
from deepseek_report.metrics.cases.reason_codes import (
    REFUSED,
    ReasonCodeRule,
    RefusedReasons,
    codes_of,
    told_of,
)
from deepseek_report.metrics.explanations.explanation_plugin import (
    ExplanationMetric,
    without_control,
)
from deepseek_report.metrics.fairness.attribute_exchange import turning_values
from deepseek_report.statistics.ranking import most_telling
from deepseek_report.statistics.resampling import Resampling
from deepseek_report.tasks import task_of

#: The rows of one case by one explainer: case, place, name, explanation, schema, how many.
RowsOf = Callable[[int, int, str, Explanation, Schema, int], list[Row]]

_NAN = float("nan")
_TABLES = {
    "cases": TableType.of(cells.CaseRow, release=OF_CASES),
    "inputs": TableType.of(cells.CaseInput, release=OF_CASES),
    "neighbours": TableType.of(cells.Neighbour),
    "reasons": TableType.of(cells.CaseReason, release=OF_CASES),
    "contrasts": TableType.of(cells.CaseContrast, release=OF_CASES),
    "reason_codes": TableType.of(cells.ReasonCode, release=OF_CASES),
    "deciding": TableType.of(cells.DecidingAttribute, release=OF_CASES),
    "refused": REFUSED,
    "counterfactuals": TableType.of(cells.ChangeStep, release=OF_CASES),
    "other_ways": TableType.of(cells.OtherWay, release=OF_CASES),
    "consequences": TableType.of(cells.Consequence, release=OF_CASES),
    "nearest_accepted": TableType.of(cells.NearestAccepted),
    "agreement": TableType.of(cells.CaseAgreement, release=OF_CASES),
    "errors_like_this": TableType.of(cells.ErrorsLikeThis, release=OF_CASES),
}


@dataclass(frozen=True)
class CasePages(ExplanationMetric):
    """The chosen cases: inputs, reasons, nearest training cases, smallest change, similar errors.

    The smallest change is searched over at most `change_at_most` features that are declared as
    ones that a person can change, in the directions and steps that are declared, within the range
    of the training part, with all declared relations between columns kept, and not farther from
    real cases than is usual. Where none is found, or nothing is declared changeable, the nearest
    test case that was decided otherwise is told instead. Where a graph of causes is declared, what
    follows from a change by it moves too, and no change is told that the graph says changes nothing
    of what is predicted. Every answer is checked with the model,
    and must hold by the margin `change_margin`. Where the favourable class is declared it is looked
    for in decisions against the person alone, and for how many of these there is one is the score
    `counterfactual_share`. In texts, images and series nobody could change a place alone; there it
    is a set of at most `mask_at_most` words, patches or windows without which the decision is
    another one.

    Against a person at most four reason codes are given, each a feature that adds less for the
    person than for those compared with, beyond the sampling error, and none that groups of people
    are made of. Of those that count about equally no order is claimed. How often another seed of
    the method would find the same certain reasons to be the largest is `reason_codes_kept`.

    Whoever was decided against is asked about again with each protected attribute that the model
    is given exchanged for each other value of the training part (of a number, for 11 of each other
    band, from its median outwards), all else equal: where that alone makes the decision favourable
    the attribute decides, whatever the reason codes say.

    All other test rows that were decided against a person are asked about so too, and get reason
    codes, rough ones where full ones cost more than `refused_evaluations` rows of the model, and
    none where these do too, or the questions cost more than 25 times as many.

    reason_codes : how they are chosen. change_margin : probability beyond the threshold, or lead
        over the second class.
    change_near : number of nearest real cases whose mean distance is compared. change_ways : ways
        to another decision that are looked for in each case, none moving all features of one
        before it.

    Reference: Wachter, Mittelstadt & Russell 2018, arXiv:1711.00399 (counterfactuals); Ustun,
    Spangher & Liu 2019, arXiv:1809.06514 (actionable changes); Poyiadzi et al. 2020,
    arXiv:1909.09369 (nearness to real cases); Gower 1971, doi:10.2307/2528823 (distance).
    """

    reveals = "cases"
    tables = _TABLES
    reasons: Annotated[int, Field(ge=1, le=100)] = 8
    reason_codes: ReasonCodeRule = field(default_factory=ReasonCodeRule)
    refused_evaluations: Annotated[int, Field(ge=0)] = 10_000
    neighbours: Annotated[int, Field(ge=1, le=100)] = 5
    change_at_most: Annotated[int, Field(ge=1, le=5)] = 3
    change_margin: Annotated[float, Field(ge=0, le=0.25)] = 0.02
    change_near: Annotated[int, Field(ge=1, le=100)] = 5
    change_ways: Annotated[int, Field(ge=1, le=5)] = 1
    mask_at_most: Annotated[int, Field(ge=1, le=100)] = 8

    bounds = {"counterfactual_share": (0, 1), "reason_codes_kept": (0, 1)}
    scope = "explainers"
    reads = frozenset(
        {
            "dataset",
            "predictions",
            "validation_predictions",
            "cases",
            "classifier",
            "explanations",
            "seed",
            "causal",
        }
    )

    def measure(self, context: MeasureContext) -> Measurement:
        shown = case_choice.ShownCases.of(context)
        dataset, schema = context.dataset, context.dataset.schema
        inputs, chosen = shown.inputs, shown.places.tolist()
        explanations = without_control(dict(context.explanations))
        decides, named = task_of(schema.target).decides, kind_of(schema).named_columns
        changes, codes, scores = CaseChanges(), list[Row](), list[Score]()
        of_cases, shared, maskings = explanations, list[Row](), list[Row]()
        deciding = list[Row]()
        if decides:
            errors = pages.SharedErrors(dataset, context.validation_predictions)
            shared = [entry for case, row in enumerate(inputs) for entry in errors.rows(case, row)]
        if decides and named:
            limits = SearchBounds(self.change_at_most, self.change_margin, self.change_near)
            changes = changes_of(context, inputs, limits, self.change_ways)
            codes, scores = codes_of(context, explanations, self.reason_codes)
            deciding = deciding_rows(context, inputs)
            of_cases = {
                name: told_of(context.predictions, each, schema, self.reason_codes)
                for name, each in explanations.items()
            }
        elif decides:
            maskings = self._maskings(context, inputs)
        nearest = pages.NearestRows.of(inputs, dataset, self.neighbours)
        refused = RefusedReasons(self.reason_codes, self.refused_evaluations)
        typical = typical_row(dataset.train.inputs, schema)
        rows = {
            "cases": _case_rows(context, shown.positions),
            "inputs": [
                entry
                for case, row in enumerate(inputs)
                for entry in pages.input_rows(case, row, typical, schema)
            ],
            "neighbours": nearest.rows(dataset, context.classifier),
            "errors_like_this": shared,
            "counterfactuals": [*changes.rows, *maskings],
            "other_ways": changes.ways,
            "nearest_accepted": changes.nearest,
            "reasons": self._each(pages.reason_rows, chosen, of_cases, schema),
            "contrasts": self._each(pages.contrast_rows, chosen, explanations, schema),
            "reason_codes": codes,
            "deciding": deciding,
            "refused": refused.rows(context, explanations),
            "agreement": pages.agreement_rows(of_cases, chosen, schema),
        }
        if changes.consequences is not None:
            rows["consequences"] = changes.consequences
        arrays = {"neighbour_inputs": nearest.inputs(dataset)}
        if maskings:
            arrays["changed_inputs"] = without_players(
                inputs, dataset.train.inputs, maskings, schema
            )
        return Measurement(
            arrays=arrays,
            tables=self.frames(**rows),
            scores=(*changes.scores, *scores),
            notes=_notes(schema, self),
        )

    def _maskings(self, context: MeasureContext, inputs: Floats) -> list[Row]:
        train, schema = context.dataset.train.inputs, context.dataset.schema
        rule = DecisionRule(context.predictions.threshold, context.predictions.explained)
        context.progress.start("smallest maskings", len(inputs))
        rows: list[Row] = []
        for case, row in enumerate(inputs):
            masking = smallest_masking(context.classifier, row, train, rule, self.mask_at_most)
            rows += masking_rows(case, row, masking, schema, self.mask_at_most)
            context.progress.advance()
        return rows

    def _each(
        self,
        rows_of: RowsOf,
        chosen: list[int],
        explanations: dict[str, Explanation],
        schema: Schema,
    ) -> list[Row]:
        return [
            row
            for case, index in enumerate(chosen)
            for name, explanation in explanations.items()
            for row in rows_of(case, index, name, explanation, schema, self.reasons)
        ]


def _notes(schema: Schema, pages_of: CasePages) -> tuple[Text, ...]:
    kind = kind_of(schema)
    near: Text = kind.words("nearest")
    if not task_of(schema.target).decides:
        return (near,)
    if not kind.named_columns:
        masked = message("notes.cases.masking", removed=kind.words("removed"))
        return (masked, near)
    change = message(
        "notes.cases.change",
        most=pages_of.change_at_most,
        margin=pages_of.change_margin,
        near=pages_of.change_near,
    )
    notes = (change, near, message("notes.cases.shared_errors"))
    if len(schema.features) > pages.MOST_COLUMNS:
        return (*notes, message("notes.cases.most_telling", n=pages.MOST_COLUMNS))
    return notes


def _case_rows(context: MeasureContext, positions: Ints) -> list[Row]:
    """What was said of each case, and what was true: two classes, or two numbers."""
    schema, roles = context.dataset.schema, context.cases.roles
    cells_of = _class_cells if task_of(schema.target).decides else _number_cells
    ids = context.predictions.instance_ids
    return [
        (
            *(case, role, role_label(role, schema), int(ids[p]), place),
            *cells_of(context.predictions, schema.target, int(p)),
        )
        for case, ((role, place), p) in enumerate(zip(roles.items(), positions, strict=True))
    ]


def _class_cells(predictions: Predictions, target: Target, p: int) -> Row:
    known = predictions.labels[p] >= 0  # of a case that is still open nobody knows the outcome
    return (
        target.classes[predictions.labels[p]] if known else "",
        target.classes[predictions.decisions[p]],
        float(predictions.scores[p]),
        _NAN if predictions.threshold is None else predictions.threshold,
        bool(predictions.correct[p]),
        _NAN,
        _NAN,
    )


def _number_cells(predictions: Predictions, target: Target, p: int) -> Row:
    value, label = float(predictions.values[p]), float(predictions.labels[p])
    shown = "" if np.isnan(label) else quantity(label, target.unit)
    error = float(predictions.errors[p])
    return (shown, quantity(value, target.unit), _NAN, _NAN, False, value, error)


def role_label(role: str, schema: Schema) -> str:
    """Why a case was chosen, for people: `group:sex:female` -> "Sex: female"."""
    if role.startswith(case_choice.NAMED):
        return f"Case {role.removeprefix(case_choice.NAMED)}"
    if role.startswith(case_choice.ALERT):
        return f"Alert {role.removeprefix(case_choice.ALERT)}"
    if not role.startswith(("group:", "pair:")):
        is_further = role.startswith(FURTHER)
        role = role.removeprefix(FURTHER).partition(":")[0]
        if role == "nearest_threshold" and len(schema.target.classes) > 2:
            return "Near another class" if is_further else "Nearest to another class"
        labels = case_choice.ROLE_LABELS
        if not schema.attributes_of("person"):
            labels = labels | case_choice.NO_PERSON
        if is_further:
            labels = labels | case_choice.FURTHER_LABELS
        return labels.get(role, role.replace("_", " "))
    _, name, level = role.split(":", 2)
    labels = {attribute.name: attribute.label for attribute in schema.attributes}
    return f"{labels.get(name, name)}: {level}"


def deciding_rows(context: MeasureContext, inputs: Floats) -> list[Row]:
    """One row for each band of a protected attribute with a value that makes a decision favourable.

    inputs : (case, feature) the shown cases.
    """
    features = context.dataset.schema.features
    rows = list[Row]()
    for turn in turning_values(context, inputs):
        feature, own = features[turn.column], inputs[turn.row, turn.column]
        shown = (feature.display(own), feature.display(turn.value))
        about = (turn.row, feature.name, feature.label)
        rows.append((*about, *shown, turn.value, turn.probability))
    return rows


# The smallest changes of the shown cases, and for how many decisions one is known.

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
            for needless in taken[:-1]:
                fewer = tuple(other for other in taken if other != needless)
                if rule.decisions(ask([fewer]))[0] != decided:
                    taken = fewer
            return Masking(taken, ask([taken])[0])
    return Masking((), whole[0])


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
            *(case, "found", labels[k], labels[k], kind.display(row, k), kind.becomes),
            *(_NAN, after, *_NO_VALUES),
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


@dataclass(frozen=True)
class CaseChanges:
    """What is known of changes of the decision; nothing where nothing can be changed.

    rows : of the table `counterfactuals`. ways : of the table `other_ways`. nearest : of the table
    `nearest_accepted`. scores : `counterfactual_share`, if it is counted. consequences : of the
    table `consequences`; None without a declared graph of causes.
    """

    rows: Sequence[Row] = ()
    ways: Sequence[Row] = ()
    nearest: Sequence[Row] = ()
    scores: tuple[Score, ...] = ()
    consequences: Sequence[Row] | None = None


def changes_of(
    context: MeasureContext, inputs: Floats, bounds: SearchBounds, ways: int = 1
) -> CaseChanges:
    """The smallest changes of the shown cases (case, feature), and further `ways` of each.

    Where the favourable class is declared, only decisions against the person are changed, and
    counted over those among the explained cases.
    """
    train, schema = context.dataset.train, context.dataset.schema
    wanted = schema.target.favourable
    rule = DecisionRule(context.predictions.threshold, context.predictions.explained)
    if (graph := context.declared.get("causal")) is not None:
        along = service("consequences").GraphConsequences
        bounds = replace(bounds, consequences=along.of(graph, schema, train.inputs))
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
        smallest = known[0] if known else NO_CHANGE
        rows += _change_rows(case, inputs[case], smallest, schema, search)
        for way, each in enumerate(known, start=1):
            following += _following_rows(case, way, inputs[case], each, search)
        for way, change in enumerate(known[1:], start=2):
            changed_cells = _change_rows(case, inputs[case], change, schema, search)
            others += [(case, way, *row[2:8], row[10]) for row in changed_cells]
    context.progress.advance(len(inputs))
    changed = {row[0] for row in rows if row[1] == "found"}
    without = np.array([case for case in against.tolist() if case not in changed], dtype=np.int64)
    nearest = nearest_accepted_rows(context, inputs, without)
    known_graph = search.consequences is not None
    counted = _counted(context, search)
    return CaseChanges(rows, others, nearest, counted, following if known_graph else None)


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


def _counted(context: MeasureContext, search: Search) -> tuple[Score, ...]:
    """For how many of the explained cases that were decided unfavourably a change exists."""
    wanted, explained = search.wanted, context.cases.explained
    if wanted is None or not search.reach:
        return ()
    unfavourable = explained[context.predictions.decisions[explained] != wanted]
    n = min(len(unfavourable), max(_MOST_QUESTIONS // search.questions(), 1))
    if not n:
        return ()
    evenly = np.linspace(0, len(unfavourable) - 1, n).round().astype(np.int64)
    changes = search.first(context.dataset.test.inputs[unfavourable[evenly]])
    sampled = Resampling.of(context.dataset.test).take(unfavourable[evenly])
    share = sampled.rate(np.array([bool(change.changes) for change in changes]))
    about = {"unit": "share", "reference": "arXiv:1711.00399"}
    return (CasePages.score("counterfactual_share", replace(share, n=n), "higher", **about),)


def _change_rows(
    case: int, row: Floats, change: Counterfactual, schema: Schema, search: Search
) -> list[Row]:
    """One row per changed feature, or one that says within which bounds none is known."""
    movable, margin, most = len(search.reach), search.bounds.margin, search.bounds.most
    if not change.changes:
        plural = "s" if most > 1 else ""
        status = f"none within {most} feature{plural}"
        return [(case, status, "", "", "", "", _NAN, _NAN, movable, margin, _NAN)]
    after = float(change.probabilities[schema.target.explained])
    features = schema.features
    return [
        (
            *(case, "found", features[j].name, features[j].label),
            *(features[j].display(row[j]), features[j].display(value)),
            *(value, after, movable, margin, change.near),
        )
        for j, value in change.changes
    ]
