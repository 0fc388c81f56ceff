"""Conditions as people declare them: `age < 25 and sex == female`, read by a small grammar.

    condition  = all, { "or", all }
    all        = part, { "and", part }
    part       = "not", part | "(", condition, ")" | comparison
    comparison = column, ("<" | "<=" | ">" | ">=" | "==" | "!="), (value | column)
               | column, "in", "[", value, { ",", value }, "]"
               | column, "is", [ "not" ], "missing"

Columns are features or attributes, by name or label; names and values of several words may stand as
they are or in quotation marks. What stands behind a sign is another column where it is no value of
the first and one of that name has values of the same kind. Nothing of it is ever run as code.
"""

from __future__ import annotations

import operator
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property

import numpy as np

from deepseek_report.artifacts.array_types import Bools, Floats
from deepseek_report.artifacts.schema import Attribute, Feature, Schema
from deepseek_report.artifacts.split import Split
from deepseek_report.data_kinds import kind_of
from deepseek_report.statistics.copies import same_values

#: Characters of a condition, and brackets within brackets.
_LONGEST, _DEEPEST = 1000, 20
_TOKEN = re.compile(
    r"""\s*(?:(?P<quoted>"[^"]*"|'[^']*'|`[^`]*`)|(?P<sign><=|>=|==|!=|<|>|=)"""
    r"""|(?P<mark>[()\[\],])|(?P<word>[^\s()\[\],<>=!"'`]+))"""
)
_WORDS = frozenset({"and", "or", "not", "in", "is"})
_Compare = Callable[[Floats, Floats], Bools]
_SIGNS: Mapping[str, _Compare] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}
#: Names that a message lists.
_LISTED = 12


class ConditionError(ValueError):
    """A condition cannot be read, or names what the data do not have; the text says what to do."""


class RowCondition(ABC):
    """What holds for some cases and not for others."""

    @abstractmethod
    def holds(self, schema: Schema, rows: Split) -> Bools:
        """(instance,) whether it holds for each case; a comparison with a missing value fails.

        Raises ConditionError: a column or a value that the data do not have.
        """

    @abstractmethod
    def names(self) -> frozenset[str]:
        """What it names as columns or as values, in lower case."""

    def features(self, schema: Schema) -> frozenset[int]:
        """Positions of the features that it reads."""
        return frozenset(
            j
            for j, feature in enumerate(schema.features)
            if {feature.name.lower(), feature.label.lower()} & self.names()
        )


@dataclass(frozen=True)
class AllOf(RowCondition):
    """Both of several conditions, or with `any_of` one of them."""

    parts: tuple[RowCondition, ...]
    any_of: bool = False

    def holds(self, schema: Schema, rows: Split) -> Bools:
        each = np.stack([part.holds(schema, rows) for part in self.parts])
        return np.asarray(each.any(axis=0) if self.any_of else each.all(axis=0))

    def names(self) -> frozenset[str]:
        return frozenset(name for part in self.parts for name in part.names())


@dataclass(frozen=True)
class NotSo(RowCondition):
    """The cases for which a condition fails."""

    part: RowCondition

    def holds(self, schema: Schema, rows: Split) -> Bools:
        return ~self.part.holds(schema, rows)

    def names(self) -> frozenset[str]:
        return self.part.names()


@dataclass(frozen=True)
class ColumnComparison(RowCondition):
    """A column against a value, or against another column of that name."""

    column: str
    sign: str
    value: str

    def holds(self, schema: Schema, rows: Split) -> Bools:
        values, subject = _values(schema, rows, self.column)
        others = self._others(subject, schema, rows)
        known = ~(np.isnan(values) | np.isnan(others))
        return np.asarray(known & _SIGNS[self.sign](values, others))

    def names(self) -> frozenset[str]:
        return frozenset({self.column.lower(), self.value.lower()})

    def _others(self, subject: Feature | Attribute, schema: Schema, rows: Split) -> Floats:
        """(instance,) what the column is compared with."""
        try:
            return np.full(len(rows), _number(subject, self))
        except ConditionError:
            try:
                values, other = _values(schema, rows, self.value)
            except ConditionError:
                other = None
            if other is None:
                raise
        if not _of_one_kind(subject, other):
            raise ConditionError(
                f"`{self.column}` and `{self.value[:60]}` cannot be compared: columns of numbers "
                "can, and ordered ones with the same categories"
            )
        return values


@dataclass(frozen=True)
class Missing(RowCondition):
    """A column without a value."""

    column: str

    def holds(self, schema: Schema, rows: Split) -> Bools:
        return np.isnan(_values(schema, rows, self.column)[0])

    def names(self) -> frozenset[str]:
        return frozenset({self.column.lower()})


def read_condition(text: str) -> RowCondition:
    """The condition that a text declares.

    Raises ConditionError: it is none, or longer or deeper than may be.

    >>> read_condition("age < 25 and sex == female").parts[1]
    ColumnComparison(column='sex', sign='==', value='female')
    """
    if len(text) > _LONGEST:
        raise ConditionError(f"the condition has more than {_LONGEST} characters; make it shorter")
    reader = _ConditionReader(text, list(_tokens(text)))
    condition = reader.any_of(0)
    if reader.place < len(reader.tokens):
        raise reader.error("the end, `and` or `or`")
    return condition


@dataclass(frozen=True)
class _Token:
    """kind : "quoted", "sign", "mark" or "word". at : position in the text."""

    kind: str
    text: str
    at: int

    def reads(self, *words: str) -> bool:
        """Whether it is one of these words or marks, and stands in no quotation marks."""
        return self.kind != "quoted" and self.text in words


def _tokens(text: str) -> Iterator[_Token]:
    place = 0
    while text[place:].strip():
        match = _TOKEN.match(text, place)
        if match is None:
            raise ConditionError(
                f"`{text}`: what stands at character {place + 1} cannot be read; put names and "
                "values with signs in them into quotation marks"
            )
        kind = str(match.lastgroup)
        inner = match[kind]
        yield _Token(kind, inner[1:-1] if kind == "quoted" else inner, match.start(kind))
        place = match.end()


@dataclass
class _ConditionReader:
    """Goes through the tokens of a condition once, from the left."""

    text: str
    tokens: Sequence[_Token]
    place: int = 0

    def error(self, expected: str) -> ConditionError:
        """What stands here, and what should."""
        at = self.tokens[self.place] if self.place < len(self.tokens) else None
        here = f"`{at.text}` (character {at.at + 1})" if at else "the end"
        return ConditionError(f"`{self.text}`: {expected} should stand where {here} is")

    def _take(self, *words: str) -> bool:
        taken = self.place < len(self.tokens) and self.tokens[self.place].reads(*words)
        self.place += taken
        return taken

    def _expect(self, word: str) -> None:
        if not self._take(word):
            raise self.error(f"`{word}`")

    def any_of(self, depth: int) -> RowCondition:
        return self._joined("or", self._all_of, depth)

    def _all_of(self, depth: int) -> RowCondition:
        return self._joined("and", self._part, depth)

    def _joined(self, word: str, read: Callable[[int], RowCondition], depth: int) -> RowCondition:
        parts = [read(depth)]
        while self._take(word):
            parts.append(read(depth))
        return parts[0] if len(parts) == 1 else AllOf(tuple(parts), any_of=word == "or")

    def _part(self, depth: int) -> RowCondition:
        if depth > _DEEPEST:
            raise ConditionError(f"more than {_DEEPEST} brackets within brackets; make it simpler")
        if self._take("not"):
            return NotSo(self._part(depth + 1))
        if self._take("("):
            inside = self.any_of(depth + 1)
            self._expect(")")
            return inside
        return self._comparison()

    def _comparison(self) -> RowCondition:
        column = self._words("the name of a column")
        if self._take("in"):
            return AllOf(
                tuple(ColumnComparison(column, "==", value) for value in self._list()), True
            )
        if self._take("is"):
            missing = Missing(column)
            negated = self._take("not")
            self._expect("missing")
            return NotSo(missing) if negated else missing
        if self.place == len(self.tokens) or self.tokens[self.place].kind != "sign":
            raise self.error("<, <=, >, >=, ==, !=, `in` or `is missing`")
        sign = self.tokens[self.place].text
        self.place += 1
        return ColumnComparison(column, "==" if sign == "=" else sign, self._words("a value"))

    def _list(self) -> list[str]:
        self._expect("[")
        values = [self._words("a value")]
        while self._take(","):
            values.append(self._words("a value"))
        self._expect("]")
        return values

    def _words(self, expected: str) -> str:
        """A name or a value: words in a row, or one in quotation marks."""
        words = list[str]()
        while self.place < len(self.tokens):
            token = self.tokens[self.place]
            if token.kind in {"sign", "mark"} or token.reads(*_WORDS):
                break
            words.append(token.text)
            self.place += 1
        if not words:
            raise self.error(expected)
        return " ".join(words)


def _values(schema: Schema, rows: Split, name: str) -> tuple[Floats, Feature | Attribute]:
    """(instance,) values of a column, and what they mean."""
    wanted = name.lower()
    for j, feature in enumerate(schema.features):
        if wanted in (feature.name.lower(), feature.label.lower()):
            return rows.inputs[:, j], feature
    for attribute in schema.attributes:
        if wanted in (attribute.name.lower(), attribute.label.lower()) and (
            attribute.name in rows.groups
        ):
            codes = rows.groups[attribute.name].astype(np.float64)
            return np.where(codes < 0, np.nan, codes), attribute
    names = [feature.name for feature in schema.features] if kind_of(schema).named_columns else []
    names += [attribute.name for attribute in schema.attributes]
    raise ConditionError(f"there is no column `{name[:60]}`; {_nearest(name, names)}")


def _of_one_kind(subject: Feature | Attribute, other: Feature | Attribute) -> bool:
    """Whether the values of two columns lie on one scale."""
    if not (isinstance(subject, Feature) and isinstance(other, Feature)):
        return False
    if subject.is_numeric and other.is_numeric:
        return True
    codes = [[category.code for category in each.categories] for each in (subject, other)]
    return subject.kind == other.kind and codes[0] == codes[1]


def _number(subject: Feature | Attribute, comparison: ColumnComparison) -> float:
    """The value of a comparison, as the column holds it."""
    text = comparison.value
    if isinstance(subject, Feature) and subject.is_numeric:
        try:
            return float(text)
        except ValueError:
            raise ConditionError(
                f"`{comparison.column}` is a number, and `{text[:60]}` is none"
            ) from None
    levels: dict[str, int] = {}
    if isinstance(subject, Attribute):
        levels = {level.lower(): k for k, level in enumerate(subject.levels)}
        shown, ordered = list(subject.levels), subject.in_time
    else:
        for k, category in enumerate(subject.categories):
            levels[category.code.lower()] = k
        for k, category in enumerate(subject.categories):
            levels.setdefault(category.label.lower(), k)
        shown = [category.label for category in subject.categories]
        ordered = subject.kind == "ordinal"
    if comparison.sign not in {"==", "!="} and not ordered:
        raise ConditionError(
            f"`{comparison.column}` has categories without an order; compare it by ==, != or in"
        )
    if text.lower() not in levels:
        raise ConditionError(
            f"`{comparison.column}` is never `{text[:60]}`; {_nearest(text, shown)}"
        )
    return float(levels[text.lower()])


def _nearest(name: str, names: Sequence[str]) -> str:
    """A hint: the nearest name, and those there are."""
    lowered = {known.lower(): known for known in names}
    close = get_close_matches(name.lower(), list(lowered), n=1)
    hint = f"did you mean `{lowered[close[0]]}`? " if close else ""
    more = ", …" if len(names) > _LISTED else ""
    return f"{hint}There are {', '.join(names[:_LISTED])}{more}"


@dataclass(frozen=True)
class ColumnRelation:
    """One declared relation between columns of a table.

    text : as it is declared, in the grammar of `row_conditions`. condition : what it says.
    """

    schema: Schema
    text: str
    condition: RowCondition

    @cached_property
    def columns(self) -> list[int]:
        """Positions of the features that it is about."""
        return sorted(self.condition.features(self.schema))

    def broken(self, rows: Floats) -> Bools:
        """(row,) whether each row (row, feature) breaks it; a row with a missing part does not."""
        known = ~np.isnan(rows[:, self.columns]).any(axis=1)
        return np.asarray(known & ~self.condition.holds(self.schema, unlabelled(rows)))


@dataclass(frozen=True)
class Relations:
    """All declared relations of a table."""

    parts: tuple[ColumnRelation, ...]

    @classmethod
    def of(cls, schema: Schema, texts: Sequence[str] | None = None) -> Relations:
        """Those that the schema declares, or of `texts`.

        Raises ConditionError: a text is no relation between features that there are.
        """
        return cls(
            tuple(_read(schema, text) for text in (schema.relations if texts is None else texts))
        )

    def allowed(self, row: Floats, changed: Floats) -> Bools:
        """(change,) whether each changed copy (change, feature) of a row keeps what it touches.

        A relation that the row breaks as it is binds changes of its own columns alone.
        """
        allowed = np.ones(len(changed), dtype=bool)
        for relation in self.parts:
            touched = ~same_values(changed[:, relation.columns], row[relation.columns]).all(axis=1)
            allowed &= ~(touched & relation.broken(changed))
        return allowed


def relation_in_words(schema: Schema, text: str) -> str:
    """A relation with the columns called as people call them: `Amount paid ≤ Bill`."""
    labels = {feature.name: feature.label for feature in schema.features}
    names = "|".join(map(re.escape, sorted(labels, key=len, reverse=True)))

    def labelled(match: re.Match[str]) -> str:
        return labels[match[0]]

    text = re.sub(rf"(?<![\w`])(?:{names})(?![\w`])", labelled, text)
    return text.replace("<=", "≤").replace(">=", "≥")


def _read(schema: Schema, text: str) -> ColumnRelation:
    relation = ColumnRelation(schema, text, read_condition(text))
    relation.condition.holds(schema, unlabelled(np.zeros((0, len(schema.features)))))
    if not relation.columns:
        raise ConditionError(f"`{text}` names no column of the inputs")
    return relation


def unlabelled(rows: Floats) -> Split:
    """Rows (row, feature) of which nothing else is known."""
    return Split(rows, np.zeros(len(rows), np.int64), np.arange(len(rows)), {})
