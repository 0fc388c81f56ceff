"""Lists of rules over the columns of a table: how they are fitted, edited, worded and stored.

A rule is a set of values for each of a few features; where all of them are met, the rule adds its
points to the output. Points are log-odds, or in the unit of a number.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations, pairwise
from typing import Annotated

import numpy as np
from pydantic import Field, TypeAdapter

from deepseek_report.artifacts.array_types import Bools, Floats
from deepseek_report.artifacts.schema import Feature, Schema
from deepseek_report.data_kinds.row_conditions import (
    AllOf,
    ColumnComparison,
    ConditionError,
    Missing,
    NotSo,
    RowCondition,
    read_condition,
    unlabelled,
)
from deepseek_report.errors import ConfigError
from deepseek_report.statistics import rule_search
from deepseek_report.statistics.rule_search import Link, Points, RuleStep
from deepseek_report.statistics.small_trees import SplitColumn, as_columns, split_columns

_INF = math.inf
#: Categories that are named one by one.
_NAMED = 6


@dataclass(frozen=True)
class ValueSet:
    """The values of one feature for which a condition holds.

    feature : its position. low, high : ends of a number, infinite where there is none; `low_in` and
    `high_in` say whether an end belongs to the set. levels : positions of the categories of any
    other feature; None for a number. missing : whether a missing value belongs to the set.
    """

    feature: int
    low: float = -_INF
    high: float = _INF
    low_in: bool = False
    high_in: bool = True
    levels: tuple[int, ...] | None = None
    missing: bool = False

    def holds(self, inputs: Floats) -> Bools:
        """(row, feature) -> (row,)."""
        values = inputs[:, self.feature]
        if self.levels is not None:
            inside = np.isin(values, self.levels)
        else:
            above = values >= self.low if self.low_in else values > self.low
            inside = above & (values <= self.high if self.high_in else values < self.high)
        return np.asarray(inside | (np.isnan(values) & self.missing))

    @property
    def is_empty(self) -> bool:
        """Whether no known value belongs to it."""
        if self.levels is not None:
            return not self.levels
        closed = self.low_in and self.high_in
        return self.low > self.high or (self.low == self.high and not closed)

    def and_also(self, other: ValueSet) -> ValueSet:
        """The values of the same feature that belong to both."""
        missing = self.missing and other.missing
        if self.levels is not None:
            levels = tuple(level for level in self.levels if level in (other.levels or ()))
            return replace(self, levels=levels, missing=missing)
        low, open_low = max((self.low, not self.low_in), (other.low, not other.low_in))
        high, high_in = min((self.high, self.high_in), (other.high, other.high_in))
        return replace(
            self, low=low, low_in=not open_low, high=high, high_in=high_in, missing=missing
        )

    def in_words(self, feature: Feature) -> str:
        """The condition as people read it: `Credit limit is over 20 000, up to 50 000`."""
        if self.is_empty:
            return f"{feature.label} is {'missing' if self.missing else 'never met'}"
        values = self._number(feature) if self.levels is None else self._levels(feature)
        return f"{feature.label} is {values}{', or missing' if self.missing else ''}"

    def _number(self, feature: Feature) -> str:
        if self.low == self.high:
            return feature.display(self.low)
        parts = []
        if self.low > -_INF:
            parts.append(f"{'from' if self.low_in else 'over'} {feature.display(self.low)}")
        if self.high < _INF:
            parts.append(f"{'up to' if self.high_in else 'below'} {feature.display(self.high)}")
        return ", ".join(parts) or "known"

    def _levels(self, feature: Feature) -> str:
        levels, every = self.levels or (), range(len(feature.categories))
        others = [level for level in every if level not in levels]
        if not others:
            return "known"
        if feature.kind == "ordinal" and levels == tuple(range(levels[0], levels[-1] + 1)):
            over = [f"over “{feature.display(levels[0] - 1)}”"] if levels[0] else []
            up_to = [f"up to “{feature.display(levels[-1])}”"] if levels[-1] < every[-1] else []
            return ", ".join([*over, *up_to])
        if len(others) < len(levels):
            return ("not " if len(others) == 1 else "neither ") + _listed(feature, others, "nor")
        return _listed(feature, levels, "or")


def _listed(feature: Feature, levels: Sequence[int], joint: str) -> str:
    names = [f"“{feature.display(level)}”" for level in levels[:_NAMED]]
    more = len(levels) - len(names)
    return f" {joint} ".join([*names, *([f"{more} others"] if more else [])])


@dataclass(frozen=True)
class WeightedRule:
    """One rule.

    number : what people call it by, from 1; it stays the same when other rules are edited. sets :
    one for each feature that it asks about, all of which must hold. weights : (output,) points.
    shares : of each set, that of the training rows which meet it. edited : whether a person
    declared its points or added it.
    """

    number: int
    sets: tuple[ValueSet, ...]
    weights: tuple[float, ...] = ()
    shares: tuple[float, ...] = ()
    edited: bool = False

    def holds(self, inputs: Floats) -> Bools:
        """(row, feature) -> (row,)."""
        return np.asarray(np.all([part.holds(inputs) for part in self.sets], axis=0))

    def with_shares(self, train: Floats) -> WeightedRule:
        """The same rule with the shares of these rows (row, feature)."""
        return replace(self, shares=tuple(float(part.holds(train).mean()) for part in self.sets))

    def shapley(self, inputs: Floats) -> Floats:
        """(row, set) Shapley values of the sets, whose sum is whether the rule holds less the
        product of the shares: that of a set is averaged over which others are known before it.
        """
        met = np.stack([part.holds(inputs) for part in self.sets], axis=1).astype(np.float64)
        shares, n = np.array(self.shares), len(self.sets)
        values = np.zeros(met.shape)
        for place in range(n):
            others = [other for other in range(n) if other != place]
            for size in range(n):
                weight = 1 / (n * math.comb(n - 1, size))
                for known in combinations(others, size):
                    left = [other for other in others if other not in known]
                    chance = met[:, list(known)].prod(axis=1) * shares[left].prod()
                    values[:, place] += weight * chance * (met[:, place] - shares[place])
        return values

    def in_words(self, schema: Schema) -> str:
        """The conditions as people read them."""
        parts = (part.in_words(schema.features[part.feature]) for part in self.sets)
        return " and ".join(parts)


@dataclass(frozen=True)
class RuleEdit:
    """What a person changes of a fitted list; every other rule keeps its conditions and number.

    rule : the number of a rule of the list as it is without edits. remove : whether it is taken
    out. weight : its points, in log-odds of the explained class or in the unit of the number; with
    several classes or labels {its name: points}. add : the conditions of a new rule, as
    `months_late > 2 and limit < 50000`; its points are fitted where no weight is given.
    """

    rule: int | None = None
    remove: bool = False
    weight: float | Mapping[str, float] | None = None
    add: str | None = None

    def problem(self) -> str | None:
        """What is wrong with it by itself, or None."""
        if (self.rule is None) == (self.add is None):
            return "name either a `rule` by its number or the conditions that you `add`"
        if self.add is not None:
            if self.remove:
                return "`add` and `remove` at once"
            try:
                read_condition(self.add)
            except ConditionError as error:
                return str(error)
        elif self.remove == (self.weight is not None):
            return f"rule {self.rule}: say either `remove: true` or a `weight`"
        weights = self.weight.values() if isinstance(self.weight, Mapping) else [self.weight]
        if all(weight is None or math.isfinite(weight) for weight in weights):
            return None
        return f"the weight {self.weight} is no finite number"


@dataclass(frozen=True)
class RuleListSize:
    """How many rules a list has at most, and how many conditions each of them."""

    most: int
    max_conditions: int


@dataclass(frozen=True)
class RuleTargets:
    """What a list is fitted to.

    values : (row, output) 0 and 1, or numbers. link, names : see `RuleList`.
    """

    values: Floats
    link: Link
    names: tuple[str, ...]

    def scale(self) -> tuple[Floats, Floats]:
        """(output,) mean and spread of numbers; 0 and 1 of what is 0 and 1 already."""
        if self.link != "value":
            return np.zeros(len(self.names)), np.ones(len(self.names))
        spread = self.values.std(axis=0)
        return self.values.mean(axis=0), np.where(spread > 0, spread, 1.0)


@dataclass(frozen=True)
class RuleList:
    """A fitted list: an output is its base plus the points of all rules that hold.

    base : (output,). names : what each output is about: the explained class, all classes, all
    labels, or the number. link : how outputs become answers.
    """

    rules: tuple[WeightedRule, ...]
    base: tuple[float, ...]
    names: tuple[str, ...]
    link: Link
    schema: Schema = field(repr=False)

    @classmethod
    def fit(
        cls,
        schema: Schema,
        inputs: Floats,
        targets: RuleTargets,
        size: RuleListSize,
        seed: int,
        edits: Sequence[RuleEdit] = (),
    ) -> RuleList:
        """The list for these rows (row, feature).

        The rules are found without the edits, so that their numbers stay; the points of those for
        which no edit declares any are then fitted.

        Raises ConfigError : an edit names a rule, a class or a column that there is not.
        """
        middle, spread = targets.scale()
        scaled, link = (targets.values - middle) / spread, targets.link
        sets = _chosen_sets(schema, inputs, scaled, link, size, seed)
        rules = [WeightedRule(0, each).with_shares(inputs) for each in sets]
        fires = fired(rules, inputs)
        points = rule_search.fit_points(fires, scaled, link)
        moved = np.abs(points.weights).sum(axis=1) * fires.std(axis=0)
        order = np.argsort(-moved, kind="stable")  # the first moves the outputs the most
        rules = [replace(rules[at], number=n) for n, at in enumerate(order, start=1)]
        points = Points(points.base, points.weights[order])
        if edits:
            unedited = cls(tuple(rules), (), targets.names, link, schema)
            rules, declared = unedited.edited(edits, inputs)
            fires = fired(rules, inputs)
            points = rule_search.fit_points(fires, scaled, link, declared / spread)
        weights, base = points.weights * spread, points.base * spread + middle
        weighted = tuple(
            replace(rule, weights=tuple(row))
            for rule, row in zip(rules, weights.tolist(), strict=True)
        )
        return cls(weighted, tuple(base.tolist()), targets.names, link, schema)

    def fires(self, inputs: Floats) -> Bools:
        """(row, feature) -> (row, rule) which rules hold."""
        return fired(self.rules, inputs)

    def outputs(self, inputs: Floats) -> Floats:
        """(row, feature) -> (row, output), added up rule by rule, as SQL does it.

        So the sum is the same to its last digit wherever the list is carried out.
        """
        outputs = np.tile(np.array(self.base, dtype=np.float64), (len(inputs), 1))
        for rule in self.rules:
            outputs += rule.holds(inputs)[:, None] * np.array(rule.weights)
        return outputs

    def terms(self, inputs: Floats, about: Floats) -> tuple[Floats, Floats]:
        """What each feature adds to a mix of the outputs, compared with the training rows.

        about : (output,) by what each output counts. The points of a rule are shared out between
        its conditions by Shapley's average over the orders in which they become known; one that is
        not known yet counts with the share of the training rows that meet it.

        Returns (row, feature) values and (row,) base values, whose sum is the mixed output.
        """
        values = np.zeros(inputs.shape)
        base = float(np.dot(self.base, about))
        for rule in self.rules:
            points = float(np.dot(rule.weights, about))
            base += points * float(np.prod(rule.shares))
            features = [part.feature for part in rule.sets]
            values[:, features] += points * rule.shapley(inputs)
        return values, np.full(len(inputs), base)

    def numbers(self) -> str:
        """All rules by number, for a message."""
        return "\n".join(f"    {rule.number}: {rule.in_words(self.schema)}" for rule in self.rules)

    def edited(
        self, edits: Sequence[RuleEdit], inputs: Floats
    ) -> tuple[list[WeightedRule], Floats]:
        """The rules after these edits, and (rule, output) the points that are declared, else NaN.

        Raises ConfigError : an edit names what there is not.
        """
        rules = {rule.number: rule for rule in self.rules}
        declared: dict[int, list[float]] = {}
        touched = set[int]()
        for place, edit in enumerate(edits):
            where = f"model.edits[{place}]"
            if edit.add is not None:
                number = max(rules, default=0) + 1
                number = max(number, len(self.rules) + 1)
                sets = conditions_as_sets(edit.add, self.schema, where)
                new = WeightedRule(number, sets, edited=True)
                rules[number] = new.with_shares(inputs)
            else:
                number = int(edit.rule or 0)
                if number in touched:
                    raise ConfigError(
                        f"{where}: rule {number} is edited twice; leave one of the two"
                    )
                if number not in {rule.number for rule in self.rules}:
                    raise ConfigError(
                        f"{where}: there is no rule {number}, only 1 to {len(self.rules)}; name "
                        "one of these by the number that it has without edits:\n"
                        f"{self.numbers()}"
                    )
                touched.add(number)
                rules[number] = replace(rules[number], edited=True)
            if edit.remove:
                del rules[number]
            elif edit.weight is not None:
                declared[number] = self._points(edit.weight, where)
        nothing = [math.nan] * len(self.names)
        fixed = [declared.get(number, nothing) for number in rules]
        return list(rules.values()), np.array(fixed).reshape(len(rules), len(self.names))

    def _points(self, weight: float | Mapping[str, float], where: str) -> list[float]:
        """(output,) what an edit declares."""
        names = ", ".join(f"“{name}”" for name in self.names)
        if isinstance(weight, Mapping):
            if unknown := [name for name in weight if name not in self.names]:
                raise ConfigError(
                    f"{where}: a rule has no points for “{unknown[0]}”, only for {names}"
                )
            return [float(weight.get(name, math.nan)) for name in self.names]
        if len(self.names) > 1:
            raise ConfigError(
                f"{where}: a rule has points for each of {names}; name them one by one, as "
                f"weight: {{{self.names[0]}: {weight}}}; those that you leave out are fitted"
            )
        return [float(weight)]

    def to_json(self) -> dict[str, object]:
        """Plain data: features by name and categories by their code in the source."""
        features = self.schema.features
        return {
            "link": self.link,
            "outputs": list(self.names),
            "base": list(self.base),
            "rules": [
                {
                    "rule": rule.number,
                    "text": rule.in_words(self.schema),
                    "conditions": [_set_json(part, features[part.feature]) for part in rule.sets],
                    "weights": list(rule.weights),
                    "training_shares": list(rule.shares),
                    "edited": rule.edited,
                }
                for rule in self.rules
            ],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, object], schema: Schema) -> RuleList:
        """The list that `to_json` gave.

        Raises KeyError, ValueError, TypeError : it was written by something else.
        """
        stored = TypeAdapter(_StoredRules).validate_python(data)
        rules = tuple(
            WeightedRule(
                rule.rule,
                tuple(_set_of(part, schema) for part in rule.conditions),
                rule.weights,
                rule.training_shares,
                rule.edited,
            )
            for rule in stored.rules
        )
        return cls(rules, stored.base, stored.outputs, stored.link, schema)


@dataclass(frozen=True)
class _StoredSet:
    """A `ValueSet` as it is stored; `in` is called `codes` here, and `from` `start`."""

    feature: str
    or_missing: bool
    codes: Annotated[tuple[str, ...] | None, Field(alias="in")] = None
    start: Annotated[float | None, Field(alias="from")] = None
    over: float | None = None
    up_to: float | None = None
    below: float | None = None


@dataclass(frozen=True)
class _StoredRule:
    """A `WeightedRule` as it is stored."""

    rule: int
    conditions: tuple[_StoredSet, ...]
    weights: tuple[float, ...]
    training_shares: tuple[float, ...]
    edited: bool


@dataclass(frozen=True)
class _StoredRules:
    """A `RuleList` as it is stored."""

    link: Link
    outputs: tuple[str, ...]
    base: tuple[float, ...]
    rules: tuple[_StoredRule, ...]


def fired(rules: Sequence[WeightedRule], inputs: Floats) -> Bools:
    """(row, feature) -> (row, rule) which rules hold."""
    if not rules:
        return np.zeros((len(inputs), 0), dtype=bool)
    return np.stack([rule.holds(inputs) for rule in rules], axis=1)


def _set_json(part: ValueSet, feature: Feature) -> dict[str, object]:
    plain: dict[str, object] = {"feature": feature.name}
    if part.levels is not None or part.is_empty:
        plain["in"] = [feature.categories[level].code for level in part.levels or ()]
    else:
        if part.low > -_INF:
            plain["from" if part.low_in else "over"] = part.low
        if part.high < _INF:
            plain["up_to" if part.high_in else "below"] = part.high
    return {**plain, "or_missing": part.missing}


def _set_of(stored: _StoredSet, schema: Schema) -> ValueSet:
    place, missing = schema.position(stored.feature), stored.or_missing
    feature = schema.features[place]
    if not feature.is_numeric:
        codes = [category.code for category in feature.categories]
        levels = tuple(codes.index(code) for code in stored.codes or ())
        return ValueSet(place, levels=levels, missing=missing)
    if stored.codes is not None:
        return ValueSet(place, low=_INF, high=-_INF, missing=missing)
    lows = (end for end in (stored.start, stored.over, -_INF) if end is not None)
    highs = (end for end in (stored.up_to, stored.below, _INF) if end is not None)
    return ValueSet(
        place,
        next(lows),
        next(highs),
        low_in=stored.start is not None,
        high_in=stored.below is None,
        missing=missing,
    )


# --- from the ways through trees to rules ---------------------------------------------------------


def _chosen_sets(
    schema: Schema, inputs: Floats, targets: Floats, link: Link, size: RuleListSize, seed: int
) -> list[tuple[ValueSet, ...]]:
    """The conditions of the rules that are chosen."""
    columns = split_columns(
        [len(f.categories) if f.kind == "categorical" else 0 for f in schema.features]
    )
    some = rule_search.drawn_rows(len(inputs), seed)
    shown, wanted = inputs[some], targets[some]
    paths = rule_search.boosted_paths(
        as_columns(shown, columns), wanted, link, depth=size.max_conditions, seed=seed
    )
    known = KnownValues.of(shown)
    gaps = np.asarray(np.isnan(shown).any(axis=0))
    ways = (way_as_sets(path, columns, schema, gaps, known) for path in paths)
    proposed = list(dict.fromkeys(ways))
    fires = fired([WeightedRule(0, sets) for sets in proposed], shown)
    kept = rule_search.distinct(fires)
    chosen = kept[rule_search.choose_rules(fires[:, kept], wanted, link, size.most)]
    return [proposed[place] for place in chosen]


@dataclass(frozen=True)
class KnownValues:
    """The values (feature,) that occur, each ascending."""

    values: Sequence[Floats]

    @classmethod
    def of(cls, inputs: Floats) -> KnownValues:
        return cls([np.unique(column[~np.isnan(column)]) for column in inputs.T])

    def simplified(self, feature: int, threshold: float) -> float:
        """The number with the fewest digits that parts the same values as a threshold.

        Trees compare in single precision.
        """
        values = self.values[feature]
        place = int(np.searchsorted(values.astype(np.float32), threshold, side="right"))
        if place == len(values):
            return _INF
        return rule_search.simplest_between(float(values[max(place - 1, 0)]), float(values[place]))


def way_as_sets(
    way: Sequence[RuleStep],
    columns: Sequence[SplitColumn],
    schema: Schema,
    gaps: Bools,
    known: KnownValues | None = None,
) -> tuple[ValueSet, ...]:
    """What holds on a way through a tree, one set a feature: numbers and orders first.

    gaps : (feature,) whether some of its values are missing at all. known : by which thresholds are
    simplified; None leaves them as they are.
    """
    sets: dict[int, ValueSet] = {}
    for step in way:
        column = columns[step.column]
        part = _step_as_set(step, column, schema.features[column.feature], known)
        part = replace(part, missing=part.missing and bool(gaps[column.feature]))
        earlier = sets.get(column.feature)
        sets[column.feature] = part if earlier is None else earlier.and_also(part)
    kinds = [feature.kind for feature in schema.features]
    return tuple(sorted(sets.values(), key=lambda part: kinds[part.feature] == "categorical"))


def _step_as_set(
    step: RuleStep, column: SplitColumn, feature: Feature, known: KnownValues | None
) -> ValueSet:
    if feature.is_numeric:
        threshold = step.threshold
        if known is not None:
            threshold = known.simplified(column.feature, threshold)
        low, high = (-_INF, threshold) if step.below else (threshold, _INF)
        return ValueSet(column.feature, low, high, missing=step.missing)
    missing = step.missing
    if column.category is None:
        inside = [(k <= step.threshold) == step.below for k in range(len(feature.categories))]
    else:  # the column is 1 for the category, and 0 for any other and for a missing value
        inside = [(k == column.category) != step.below for k in range(len(feature.categories))]
        missing = step.below
    levels = tuple(int(k) for k in np.flatnonzero(inside))
    return ValueSet(column.feature, levels=levels, missing=missing)


# --- from declared conditions to rules ------------------------------------------------------------


def conditions_as_sets(text: str, schema: Schema, where: str) -> tuple[ValueSet, ...]:
    """What a person declares, `months_late > 2 and limit < 50000`, as one set a feature.

    where : the setting that messages name.
    Raises ConfigError : it cannot be read, names what the data do not have, or is no rule: parts
    about several features must be joined by `and`, and a number needs one stretch of values.
    """
    try:
        condition = read_condition(text)
        condition.holds(schema, unlabelled(np.zeros((0, len(schema.features)))))
        parts: dict[int, list[RowCondition]] = {}
        for part in _joined_by_and(condition):
            parts.setdefault(_feature_of(part, schema), []).append(part)
        return tuple(_declared_set(place, AllOf(tuple(p)), schema) for place, p in parts.items())
    except ConditionError as error:
        raise ConfigError(f"{where}.add: {error}") from None


def _joined_by_and(condition: RowCondition) -> Iterator[RowCondition]:
    if isinstance(condition, AllOf) and not condition.any_of:
        for part in condition.parts:
            yield from _joined_by_and(part)
    else:
        yield condition


def _feature_of(part: RowCondition, schema: Schema) -> int:
    """The only feature that a part is about."""
    called = [{f.name.lower(), f.label.lower()} for f in schema.features]
    columns = {leaf.column.lower() for leaf in _leaves(part)}
    places = {next((j for j, names in enumerate(called) if c in names), -1) for c in columns}
    if -1 in places:
        raise ConditionError("a rule asks about features of the model alone, and not about groups")
    if len(places) != 1:
        raise ConditionError(
            "parts about several features are joined by `and`; write two rules instead of `or`"
        )
    return places.pop()


def _leaves(part: RowCondition) -> Iterator[ColumnComparison | Missing]:
    """What a condition asks about single columns."""
    if isinstance(part, AllOf):
        for inside in part.parts:
            yield from _leaves(inside)
    elif isinstance(part, NotSo):
        yield from _leaves(part.part)
    elif isinstance(part, ColumnComparison | Missing):
        yield part


def _declared_set(place: int, condition: RowCondition, schema: Schema) -> ValueSet:
    """The values for which a condition on one feature holds, by trying them."""
    feature = schema.features[place]

    def holds(values: Sequence[float]) -> list[bool]:
        inputs = np.zeros((len(values), len(schema.features)))
        inputs[:, place] = values
        return [bool(met) for met in condition.holds(schema, unlabelled(inputs))]

    missing = holds([math.nan])[0]
    if not feature.is_numeric:
        met = holds([float(k) for k in range(len(feature.categories))])
        levels = tuple(k for k, is_met in enumerate(met) if is_met)
        part = ValueSet(place, levels=levels, missing=missing)
    else:
        values = {x.value for x in _leaves(condition) if isinstance(x, ColumnComparison)}
        try:
            ends = sorted(set(map(float, values)))
        except ValueError:
            raise ConditionError(
                f"`{feature.name}` is compared with another column; a rule compares it with numbers"
            ) from None
        if not all(map(math.isfinite, ends)):
            raise ConditionError(f"`{feature.name}` is compared with a number that is not finite")
        part = _stretch(place, ends, holds, missing)
    if part.is_empty and not part.missing:
        raise ConditionError("the conditions contradict each other: no value meets them")
    return part


def _stretch(
    place: int, ends: Sequence[float], holds: Callable[[Sequence[float]], list[bool]], missing: bool
) -> ValueSet:
    """The one stretch of a number in which a condition holds.

    ends : the numbers that it compares with, ascending, between which nothing changes.
    """
    if not ends:  # is missing, is not missing
        known = holds([0.0])[0]
        return ValueSet(place, *((-_INF, _INF) if known else (_INF, -_INF)), missing=missing)
    between = [(a + b) / 2 for a, b in pairwise(ends)]
    inside = [np.nextafter(ends[0], -_INF), *between, np.nextafter(ends[-1], _INF)]
    tried = [value for pair in zip(inside, [*ends, _INF], strict=True) for value in pair][:-1]
    met = np.flatnonzero(holds(tried))
    if len(met) == 0:
        return ValueSet(place, _INF, -_INF, missing=missing)
    first, last = int(met[0]), int(met[-1])
    if len(met) != last - first + 1:
        raise ConditionError("a rule has one stretch of values of a number; write two rules")
    low, high = [-_INF, *ends][(first + 1) // 2], [*ends, _INF][last // 2]
    high_in = last % 2 == 1 or high == _INF
    return ValueSet(place, low, high, low_in=first % 2 == 1, high_in=high_in, missing=missing)
