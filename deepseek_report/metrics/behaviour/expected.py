"""Each declared expectation, asked of the model: how many cases break it, by how much, which."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from deepseek_report.artifacts.array_types import Bools, Floats, Ints
from deepseek_report.artifacts.conclusions import Expectation, ExpectationKind
from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.protocols.classifier import Classifier
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.schema import Feature, Schema, Target
from deepseek_report.artifacts.split import Split
from deepseek_report.data_kinds import input_changes, kind_of
from deepseek_report.data_kinds.coalitions import MovedRows
from deepseek_report.data_kinds.row_conditions import ConditionError, Relations, read_condition
from deepseek_report.statistics.copies import same_values
from deepseek_report.statistics.resampling import Resampling
from deepseek_report.tasks import task_of
from deepseek_report.tasks.loss import decide

#: Quantiles of a number at which the model is asked; the ends are the whole range.
_QUANTILES = (0, 0.001, 0.01, 0.05, 0.15, 0.3, 0.45, 0.6, 0.75, 0.85, 0.95, 0.99, 0.999, 1)


class LevelAnswers:
    """Answers for some rows (row, column) with one column set to each of its levels.

    train : (row, column) training inputs, which say what the levels are, and how many rows have
    each.
    """

    def __init__(self, classifier: Classifier, rows: Floats, train: Floats) -> None:
        self.classifier, self.rows, self.train = classifier, rows, train
        self._known: dict[int, Floats] = {}

    @cached_property
    def _moved(self) -> MovedRows:
        return MovedRows(self.classifier, self.rows)

    def levels(self, column: int) -> Floats:
        """(level,) the values that a column is set to, ascending; see `levels_of`."""
        return levels_of(self.classifier.schema.features[column], self.train[:, column])

    def outputs(self, column: int) -> Floats:
        """(row, level, class) probabilities, or the number."""
        if column not in self._known:
            self._known[column] = self.at(column, self.levels(column))
        return self._known[column]

    def at(self, column: int, values: Floats) -> Floats:
        """(row, value, class) the answers with the column set to these values."""
        which = np.repeat(np.arange(len(self.rows)), len(values))
        columns = np.full((len(which), 1), column)
        moved = np.tile(values, len(self.rows))[:, None]
        answers = self._moved.probabilities(which, columns, moved)
        return np.asarray(answers.reshape(len(self.rows), len(values), -1))

    def support(self, column: int) -> Ints:
        """(level,) training rows with each level; of a number, those nearest to it."""
        own, levels = self.train[:, column], self.levels(column)
        nearest = np.searchsorted((levels[1:] + levels[:-1]) / 2, own[~np.isnan(own)])
        return np.bincount(nearest, minlength=len(levels))


def levels_of(feature: Feature, column: Floats) -> Floats:
    """The values at which the model is asked about a feature, ascending.

    Of a number they are quantiles of the training part and its ends; of categories those that occur
    and that the code book knows, since the order of others is not known.
    """
    known = column[~np.isnan(column)]
    if not len(known):
        return np.zeros(0)
    if feature.is_numeric:
        distinct = np.unique(known)
        if len(distinct) <= len(_QUANTILES):
            return np.asarray(distinct)
        return np.unique(np.quantile(known, _QUANTILES, method="nearest"))
    documented = np.array([category.documented for category in feature.categories])
    levels = np.unique(known)
    return np.asarray(levels[documented[levels.astype(np.int64)]])


#: Movement of a probability, and of a number in standard deviations of the labels, that is none.
_TOLERANCE = 0.01
#: Examples that are kept of each expectation.
_WORST = 5


@dataclass(frozen=True)
class Breaches:
    """What the model did in the cases that an expectation is about.

    ids : (case,) rows of the source. broken : (case,). sizes : (case,) how far the answer moved the
    wrong way, or beyond what is allowed. columns : (case,) the column that was moved, -1 for none.
    starts, ends : (case,) the values of it between which the answer moved, NaN for none.
    before, after : (case,) the answers: before a change, or where a decision begins, and after it.
    classes : (case,) the class whose probability they are. drawn : which of the cases are of one
    entity.
    """

    ids: Ints
    broken: Bools
    sizes: Floats
    columns: Ints
    starts: Floats
    ends: Floats
    before: Floats
    after: Floats
    classes: Ints
    drawn: Resampling

    @property
    def share(self) -> Estimate:
        return self.drawn.rate(self.broken)

    @property
    def largest(self) -> float:
        """The largest movement among the cases that break it; NaN where none does."""
        return float(self.sizes[self.broken].max()) if self.broken.any() else float("nan")

    def worst(self, schema: Schema) -> list[tuple[object, ...]]:
        """(instance_id, label, from_display, to_display, class, before, after), the worst first."""
        places = np.flatnonzero(self.broken)
        order = places[np.argsort(-self.sizes[places], kind="stable")][:_WORST]
        answers = np.stack([self.before, self.after], axis=1).tolist()
        names = schema.target.classes
        of = [names[self.classes[at]] if names else "" for at in order]
        return [
            (int(self.ids[at]), *self._moved(schema, at), name, *answers[at])
            for at, name in zip(order, of, strict=True)
        ]

    def _moved(self, schema: Schema, at: int) -> tuple[str, str, str]:
        if self.columns[at] < 0:
            return "", "", ""
        feature = schema.features[int(self.columns[at])]
        return feature.label, feature.display(self.starts[at]), feature.display(self.ends[at])


class ExpectationTest:
    """Asks the model about declared expectations; cases are drawn once where nothing narrows them.

    most : cases that are asked about for each expectation that needs the model's answers.
    """

    def __init__(self, context: MeasureContext, most: int) -> None:
        self.context, self.most = context, most
        self.schema = context.dataset.schema
        self.target = self.schema.target
        self.test = context.dataset.test
        self.decides = task_of(self.target).decides
        self.sample = self._drawn(np.arange(len(self.test)))
        self.levels = self._levels_of(self.sample)
        self.drawn = Resampling.of(self.test).take(self.sample)

    def breaches(self, expectation: Expectation) -> Breaches:
        """What breaks an expectation, of the cases that it is about."""
        judge: Mapping[ExpectationKind, Callable[[Expectation], Breaches]] = {
            "direction": self._direction,
            "invariance": self._invariance,
            "minimum": self._minimum,
            "relation": self._relation,
        }
        return judge[expectation.kind](expectation)

    def _levels_of(self, rows: Ints) -> LevelAnswers:
        train = self.context.dataset.train.inputs
        return LevelAnswers(self.context.classifier, self.test.inputs[rows], train)

    def _drawn(self, rows: Ints) -> Ints:
        rng = np.random.default_rng(self.context.seed)
        return np.sort(rng.permutation(rows)[: self.most])

    def _about(self, expectation: Expectation) -> Ints:
        """Positions of the test rows that an expectation is about."""
        return np.flatnonzero(_is_about(expectation, self.schema, self.test))

    def _asked(self, expectation: Expectation) -> tuple[Ints, LevelAnswers]:
        if not (expectation.where or expectation.contains):
            return self.sample, self.levels
        rows = self._drawn(self._about(expectation))
        return rows, self._levels_of(rows)

    def _tolerance(self, expectation: Expectation) -> float:
        if expectation.tolerance is not None:
            return expectation.tolerance
        labels = self.context.dataset.train.labels
        return _TOLERANCE * (1.0 if self.decides else float(np.nanstd(labels)))

    def _of_answers(
        self, rows: Ints, broken: Bools, before: Floats, after: Floats, outcome: Ints | int
    ) -> Breaches:
        """Of test rows that were changed as a whole, or not at all.

        outcome : the class whose probability the answers are, of each row or of all.
        """
        none, nothing = np.full(len(rows), -1), np.full(len(rows), np.nan)
        sizes, ids = np.abs(after - before), self.test.instance_ids[rows]
        classes, drawn = np.broadcast_to(outcome, len(rows)), Resampling.of(self.test).take(rows)
        return Breaches(ids, broken, sizes, none, nothing, nothing, before, after, classes, drawn)

    def _direction(self, expectation: Expectation) -> Breaches:
        """More of it: every step along the range of a column, or the declared change, once."""
        outcome, sign = outcome_of(self.target, expectation), _SIGN[expectation.effect]
        if expectation.change.chosen:
            rows, before, after = self._changed(expectation)
            sizes = np.maximum(sign * (before - after)[:, outcome], 0.0)
            broken = sizes > self._tolerance(expectation)
            return self._of_answers(rows, broken, before[:, outcome], after[:, outcome], outcome)
        rows, levels = self._asked(expectation)
        columns = input_changes.columns_named(self.schema, expectation.columns)
        still = np.zeros(len(rows))
        return self._steepest(
            self._of_answers(rows, still.astype(bool), still, still, outcome),
            [
                (int(j), levels.levels(j), sign * levels.outputs(j)[..., outcome])
                for j in columns.tolist()
            ],
            sign,
            self._tolerance(expectation),
        )

    def _steepest(
        self,
        worst: Breaches,
        curves: list[tuple[int, Floats, Floats]],
        sign: float,
        tolerance: float,
    ) -> Breaches:
        """The largest fall of each row (row, level) over all columns, where it should only rise.

        worst : of the rows without any fall.
        """
        every = np.arange(len(worst.ids))
        for column, values, signed in curves:
            if signed.shape[1] < 2:
                continue
            highest = np.maximum.accumulate(signed, axis=1)
            falls = highest - signed
            low = falls.argmax(axis=1)
            reached = np.where(np.arange(signed.shape[1]) <= low[:, None], signed, -np.inf)
            high = reached.argmax(axis=1)
            sizes = falls[every, low]
            wider = sizes > worst.sizes
            worst = replace(
                worst,
                broken=worst.broken | (sizes > tolerance),
                sizes=np.where(wider, sizes, worst.sizes),
                columns=np.where(wider, column, worst.columns),
                starts=np.where(wider, values[high], worst.starts),
                ends=np.where(wider, values[low], worst.ends),
                before=np.where(wider, sign * signed[every, high], worst.before),
                after=np.where(wider, sign * signed[every, low], worst.after),
            )
        return worst

    def _changed(self, expectation: Expectation) -> tuple[Ints, Floats, Floats]:
        """The test rows that a declared change touches, and the answers before and after."""
        columns = input_changes.columns_named(self.schema, expectation.columns)
        rows = self._about(expectation)
        own = self.test.inputs[rows]
        other = input_changes.changed_inputs(self.schema, own, expectation.change, columns)
        touched = ~same_values(own, other).all(axis=1)
        kept = np.isin(rows, self._drawn(rows[touched]))
        both = np.concatenate([own[kept], other[kept]])
        answers = self._answers(both)
        return rows[kept], answers[: kept.sum()], answers[kept.sum() :]

    def _answers(self, inputs: Floats) -> Floats:
        if not len(inputs):
            return np.zeros((0, len(self.target.classes)))
        return self.context.classifier.probabilities(inputs)

    def _invariance(self, expectation: Expectation) -> Breaches:
        """The decision, or the number, after the change or with each other value of the columns."""
        if expectation.change.chosen:
            rows, before, after = self._changed(expectation)
            broken = self._differs(expectation, before, after)
            outcome = self._told_class(before)
            every = np.arange(len(rows))
            stated, changed = before[every, outcome], after[every, outcome]
            return self._of_answers(rows, broken, stated, changed, outcome)
        rows, levels = self._asked(expectation)
        own = self._answers(self.test.inputs[rows])
        outcome, every = self._told_class(own), np.arange(len(rows))
        stated = own[every, outcome]
        worst = self._of_answers(rows, np.zeros(len(rows), bool), stated, stated, outcome)
        for j in input_changes.columns_named(self.schema, expectation.columns).tolist():
            answers = levels.outputs(j).swapaxes(0, 1)
            for value, after in zip(levels.levels(j), answers, strict=True):
                broken = self._differs(expectation, own, after)
                sizes = np.abs(after - own)[every, outcome]
                worse = broken & (~worst.broken | (sizes > worst.sizes))
                worst = replace(
                    worst,
                    broken=worst.broken | broken,
                    sizes=np.where(worse, sizes, worst.sizes),
                    columns=np.where(worse, j, worst.columns),
                    starts=np.where(worse, self.test.inputs[rows, j], worst.starts),
                    ends=np.where(worse, value, worst.ends),
                    after=np.where(worse, after[every, outcome], worst.after),
                )
        return worst

    def _told_class(self, outputs: Floats) -> Ints:
        """(case,) the class whose probability is told: the explained one of two, or the decided."""
        if self.decides and outputs.shape[1] > 2:
            return np.asarray(outputs.argmax(axis=1))
        return np.full(len(outputs), self.target.explained)

    def _decided(self, outputs: Floats) -> Ints:
        p = self.context.predictions
        return decide(outputs, p.threshold, p.explained)

    def _differs(self, expectation: Expectation, before: Floats, after: Floats) -> Bools:
        moved = np.abs(after - before).max(axis=1) if len(before) else np.zeros(0)
        beyond = moved > self._tolerance(expectation)
        if not self.decides:
            return np.asarray(beyond)
        other = self._decided(before) != self._decided(after)
        return np.asarray(other if expectation.tolerance is None else other | beyond)

    def _minimum(self, expectation: Expectation) -> Breaches:
        """What was decided, or predicted, of the cases in the test part."""
        rows, p = self._about(expectation), self.context.predictions
        if not self.decides:
            values = p.values[rows]
            least = -np.inf if expectation.least is None else expectation.least
            most = np.inf if expectation.most is None else expectation.most
            outside = (values < least) | (values > most)
            within = np.clip(values, least, most)
            return self._of_answers(rows, outside, within, values, self.target.explained)
        wanted = class_of(self.target, expectation.decision)
        stated = p.probabilities[rows, wanted]
        broken = p.decisions[rows] != wanted
        edge = np.where(broken, self._edge(wanted), stated)
        return self._of_answers(rows, broken, edge, stated, wanted)

    def _edge(self, wanted: int) -> float:
        """The probability of a class from which it is decided; 1 where that hangs on the others."""
        p = self.context.predictions
        if p.threshold is None:
            return 1.0
        return p.threshold if wanted == p.explained else 1 - p.threshold

    def _relation(self, expectation: Expectation) -> Breaches:
        """The rows of all parts, of which none is asked of the model."""
        data = self.context.dataset
        parts = (data.train, data.validation, data.test)
        inputs = np.concatenate([part.inputs for part in parts])
        ids = np.concatenate([part.instance_ids for part in parts])
        (relation,) = Relations.of(self.schema, (expectation.relation,)).parts
        broken = relation.broken(inputs)
        nothing = np.full(len(ids), np.nan)
        none, drawn = np.full(len(ids), -1), Resampling.across(parts)
        return Breaches(ids, broken, nothing, none, nothing, nothing, nothing, nothing, none, drawn)


_SIGN = {"raises": 1.0, "lowers": -1.0}


def _is_about(expectation: Expectation, schema: Schema, rows: Split) -> Bools:
    about = np.ones(len(rows), dtype=bool)
    if expectation.where:
        about &= read_condition(expectation.where).holds(schema, rows)
    for word in expectation.contains:
        about &= (rows.inputs == input_changes.token_of(schema, word)).any(axis=1)
    return about


def class_of(target: Target, name: object) -> int:
    """Position of a class that is named, or written as its code.

    Raises ConditionError: there is no such class.
    """
    wanted = str(int(name) if isinstance(name, bool) else name).casefold()
    for known in (target.classes, target.codes):
        for place, own in enumerate(known):
            if str(own).casefold() == wanted:
                return place
    raise ConditionError(f"there is no class `{name}`; there are {', '.join(target.classes)}")


def outcome_of(target: Target, expectation: Expectation) -> int:
    """Position of the class whose probability a direction is about; 0 where it is the number."""
    if not task_of(target).decides or expectation.outcome is None:
        return target.explained
    return class_of(target, expectation.outcome)


def misfits(expectation: Expectation, schema: Schema, rows: Split) -> list[str]:
    """What of an expectation does not fit the data, in sentences.

    rows : any of the data; their groups are what `where` may name.
    """
    problems = _incomplete(expectation, schema)
    checks: list[Callable[[], object]] = [
        lambda: input_changes.columns_named(schema, expectation.columns),
        lambda: _is_about(expectation, schema, rows),
        lambda: outcome_of(schema.target, expectation),
    ]
    if expectation.decision is not None:
        checks.append(lambda: class_of(schema.target, expectation.decision))
    if expectation.relation:
        checks.append(lambda: Relations.of(schema, (expectation.relation,)))
    for check in checks:
        try:
            check()
        except ConditionError as error:
            problems.append(str(error))
    if expectation.change.chosen and (
        wrong := input_changes.change_problem(schema, expectation.change)
    ):
        problems.append(wrong)
    return problems


def _incomplete(expectation: Expectation, schema: Schema) -> list[str]:
    """What an expectation of its kind must say and does not, or says to no purpose."""
    kind, decides = expectation.kind, task_of(schema.target).decides
    named = kind_of(schema).named_columns
    moved = bool(expectation.columns) if named else bool(expectation.change.chosen)
    moved = moved or bool(expectation.change.chosen)
    limits = expectation.least is not None or expectation.most is not None
    cases = (
        (
            kind in {"direction", "invariance"} and not moved,
            "`columns` or a `change`" if named else "a `change`",
        ),
        (kind == "minimum" and decides and expectation.decision is None, "`decision`, a class"),
        (kind == "minimum" and not decides and not limits, "`least` or `most`"),
        (kind == "relation" and not expectation.relation, "`relation`, as `paid <= owed`"),
        (kind == "relation" and not named, "a table: inputs of other kinds have no named columns"),
    )
    problems = [f"kind {kind} needs {what}" for lacking, what in cases if lacking]
    if kind == "direction" and named and not expectation.change.chosen:
        features = {feature.name.lower(): feature for feature in schema.features}
        features |= {feature.label.lower(): feature for feature in schema.features}
        problems += [
            f"`{name}` has categories without an order, so there is no more of it"
            for name in expectation.columns
            if name.lower() in features and features[name.lower()].kind == "categorical"
        ]
    return problems
