"""From the cells of a file to the numbers of a `Split`: the features, and what is predicted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import TYPE_CHECKING, Literal

import numpy as np

from deepseek_report.artifacts.advice import column_override, override
from deepseek_report.artifacts.array_types import Array, Floats, Ints
from deepseek_report.artifacts.codes import Code, code_text, reads_as_number, sorted_codes, truth_of
from deepseek_report.artifacts.message import Text, message
from deepseek_report.artifacts.rounding import count, plural
from deepseek_report.artifacts.schema import (
    NUMBER_TASKS,
    Category,
    Declarer,
    Feature,
    Kind,
    Target,
    TaskName,
    readable_name,
)
from deepseek_report.datasets.assembly.column_declarations import (
    ColumnDeclaration,
    data_error,
    default_label,
    match_code,
    rows_text,
)
from deepseek_report.datasets.readers.cells import (
    Cells,
    infer_kind,
    is_broken_number,
    observed,
    read_cells,
)
from deepseek_report.datasets.readers.identifiers import are_measured
from deepseek_report.datasets.splitting import draw_rows
from deepseek_report.errors import DataError

if TYPE_CHECKING:
    import pandas as pd


#: `dataset.max_categories` cannot be raised beyond this.
MOST_CATEGORIES = 10_000


def encode_feature(
    cells: Cells, column: ColumnDeclaration, where: str, most_categories: int
) -> tuple[Feature, Floats]:
    """The feature, and its values: numbers, or positions in `Feature.categories`; NaN is missing.

    Raises DataError: the cells are not what is declared, or cannot be used.
    """
    if cells.missing.all():
        raise data_error(
            where,
            "every cell is empty",
            "at least one value",
            f"drop it: `{override('dataset.drop', [cells.name])}`",
        )
    infinite = np.isinf(cells.numbers)
    if not cells.not_numbers.any() and infinite.any():
        many = plural(int(infinite.sum()), "infinite value")
        rows = rows_text(infinite, rows=cells.rows)
        raise data_error(
            where,
            f"{many}, first in {rows}",
            "finite numbers and empty cells",
            "leave the cells empty if the value is unknown, or list what a text file has there in "
            "`dataset.missing_values`",
        )
    kind = column.kind or _kind_of(cells, column, where)
    _check_moves(column, kind, where)
    feature = Feature(
        name=cells.name,
        label=column.label or readable_name(cells.name),
        kind=kind,
        unit=column.unit,
        sensitive=bool(column.sensitive),
        mutable=column.can_change,
        description=column.description,
        direction=column.direction or "either",
        step=column.step,
    )
    if kind == "numeric":
        if cells.not_numbers.any():
            raise _not_numbers(cells, where)
        return feature, cells.numbers
    categories = categories_of(cells, column, kind)
    _check_categories(cells, column, kind, (where, most_categories))
    positions = cells.among([category.code for category in categories])
    return replace(feature, categories=categories), np.where(cells.missing, np.nan, positions)


def _kind_of(cells: Cells, column: ColumnDeclaration, where: str) -> Kind:
    if column.categories is not None:
        return "categorical"
    if column.bands is None and column.unit is None:
        if is_broken_number(cells):
            raise _not_numbers(cells, where)
        return infer_kind(cells)
    return "numeric"


def _check_moves(column: ColumnDeclaration, kind: Kind, where: str) -> None:
    """Refuse directions and steps that the column cannot have.

    Raises DataError: says which, and what is allowed.
    """
    if column.direction is not None and not column.can_change:
        why = "sensitive" if column.mutable is None else "declared as `mutable: false`"
        raise data_error(
            where,
            f"`direction: {column.direction}` of a column that is {why}",
            "a direction of columns that can change",
            "leave out the direction",
        )
    if column.direction in {"increase", "decrease"} and kind == "categorical":
        raise data_error(
            where,
            f"`direction: {column.direction}` of categories, which have no order",
            "`direction: either`, or a column that is numeric or ordinal",
            "declare `kind: ordinal` with its `categories`, lowest first, or leave it out",
        )
    if column.step is None:
        return
    if kind != "numeric" or not (np.isfinite(column.step) and column.step > 0):
        raise data_error(
            where,
            f"`step: {column.step:g}` of a column that is {kind}",
            "a number above 0, of a numeric column",
            "correct the step, or leave it out",
        )


def _not_numbers(cells: Cells, where: str) -> DataError:
    bad, texts = cells.not_numbers, list(cells.texts())
    many = plural(int(bad.sum()), "cell is not a number", "cells are not numbers")
    example = texts[int(np.argmax(bad))]
    return data_error(
        where,
        f"{many}, first in {rows_text(bad, texts, cells.rows)}",
        "numbers and empty cells",
        f"correct them, list the text in `dataset.missing_values` if it means missing "
        f"({example!r}), or declare `{column_override(cells.name, 'kind', 'categorical')}`",
    )


def categories_of(cells: Cells, column: ColumnDeclaration, kind: Kind) -> tuple[Category, ...]:
    """Those of the code book that occur, then those that the code book does not know."""
    codes = observed(cells)
    book = {match_code(code, codes): label for code, label in (column.code_book or {}).items()}
    extra = {code_text(code): label for code, label in (column.undocumented or {}).items()}
    if not book:
        return tuple(
            Category(code, extra.get(code, default_label(code)), code not in extra)
            for code in codes
        )
    unknown = [code for code in codes if code not in book]
    order = [code for code in book if code in set(codes)] + unknown
    if kind == "ordinal" and all(map(reads_as_number, order)):
        order = sorted_codes(order)
    return tuple(
        Category(code, book[code])
        if code in book
        else Category(code, extra.get(code, f"code {code}"), documented=False)
        for code in order
    )


def _check_categories(
    cells: Cells, column: ColumnDeclaration, kind: Kind, limit: tuple[str, int]
) -> None:
    where, most = limit
    if column.categories is None and len(cells.codes) > most:
        n = len(cells.codes)
        if are_measured(cells.codes):
            unit = column_override(cells.name, "unit", "EUR")
            raise data_error(
                where,
                "it holds numbers with a sign or a unit beside them, or several in one cell, such "
                f"as {cells.codes[0]!r}",
                "numbers alone",
                f"write the numbers alone, and their unit as `{unit}`; or drop it "
                f"(`{override('dataset.drop', [cells.name])}`)",
            )
        bound = (
            f", or set `{override('dataset.max_categories', n)}`" if n <= MOST_CATEGORIES else ""
        )
        raise data_error(
            where,
            f"{count(len(cells.codes))} different values in a column that is not numeric",
            f"at most {count(most)} categories",
            f"drop it (`{override('dataset.drop', [cells.name])}`), or merge its values{bound}",
        )
    orderless = column.categories is None and not cells.ordered
    if kind == "ordinal" and orderless and not all(map(reads_as_number, observed(cells))):
        raise data_error(
            where,
            "the order of these texts is not known",
            "an order",
            "declare the `categories` of this column under `dataset.columns`, lowest first",
        )


# What is predicted: one of several classes, a number, several labels.

#: By default, a number of more different values than this is predicted as a number, not as a class.
MOST_CLASSES = 20
#: `dataset.max_classes` cannot be raised beyond this.
MOST_DECLARED = 1000


@dataclass(frozen=True)
class TargetRule:
    """Which column is predicted, and what its values mean.

    favourable : the class that is good for the person concerned, None where nobody says it, and
    declared_by : who does. positive : the class whose probability is explained. None: of two the
    one that is not favourable; of more the favourable one, so that what speaks against a person is
    what speaks for any other class; else the second.
    task : "auto" looks at the values. unit : that of a number. labels : the columns of a
    multi-label target, `name` being the one that the report is about. max_classes : the most
    classes, and the most different numbers that "auto" takes as classes.
    """

    name: str
    favourable: Code | None = None
    positive: Code | None = None
    labels_are_decisions: bool = False
    task: Literal["auto"] | TaskName = "auto"
    unit: str | None = None
    labels: tuple[str, ...] = ()
    declared_by: Declarer = "data set"
    max_classes: int = MOST_CLASSES

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns that hold the target."""
        return self.labels or (self.name,)


@dataclass(frozen=True)
class EncodedTarget:
    """The target, the labels of all rows, and notes on what was assumed.

    labels : (instance,) int64 positions of classes, or float64 numbers. all_labels : (instance,
    label) of 0 and 1, where there are several.
    """

    target: Target
    labels: Array
    all_labels: Ints | None = None
    notes: tuple[Text, ...] = ()


def task_of(cells: Cells, rule: TargetRule) -> TaskName:
    """What is predicted: as declared, or a number where too many different ones are no classes."""
    if rule.labels:
        return "multi_label"
    if rule.task != "auto":
        return rule.task
    numeric = not cells.not_numbers.any() and not cells.missing.all()
    many = len(observed(cells)) > rule.max_classes
    return "regression" if numeric and many else "classification"


def encode_target(
    cells: Sequence[Cells], columns: Sequence[ColumnDeclaration], rule: TargetRule, file: str
) -> EncodedTarget:
    """The target and the labels of all rows.

    cells, columns : those of `rule.columns`, in that order.

    Raises DataError: empty cells, one class, too many classes, or values that are not of the task.
    """
    for column in cells:
        if (empty := column.missing).any():
            raise data_error(
                f"{file}, column `{column.name}`",
                f"the target is missing in {plural(int(empty.sum()), 'row')}: {rows_text(empty)}",
                "a value in every row",
                "leave these rows out; a label must not be guessed",
            )
    where = f"{file}, column `{cells[0].name}`"
    task = task_of(cells[0], rule)
    if task == "multi_label":
        return _several(cells, columns, rule, file)
    if task in NUMBER_TASKS or (rule.task == "auto" and columns[0].kind == "numeric"):
        return _number(cells[0], columns[0], rule, where)
    return _classes(cells[0], columns[0], rule, where)


# --- a number -------------------------------------------------------------------------------------


def _number(cells: Cells, column: ColumnDeclaration, rule: TargetRule, where: str) -> EncodedTarget:
    bad = cells.not_numbers | ~np.isfinite(cells.numbers)
    if bad.any():
        many = plural(int(bad.sum()), "cell of the target is", "cells of the target are")
        raise data_error(
            where,
            f"{many} no finite number, first in {rows_text(bad, list(cells.texts()))}",
            "finite numbers",
            "correct them, or set `dataset.task=classification`",
        )
    if len(np.unique(cells.numbers)) < 2:
        raise data_error(
            where,
            f"all rows have the same value, {observed(cells)[0]}",
            "different values",
            "choose another target",
        )
    label = column.label or readable_name(cells.name)
    target = Target(
        name=cells.name,
        label=label,
        classes=(label,),
        explained=0,
        labels_are_decisions=rule.labels_are_decisions,
        task=rule.task if rule.task in NUMBER_TASKS else "regression",
        unit=rule.unit or column.unit,
    )
    return EncodedTarget(target, np.asarray(cells.numbers, dtype=np.float64))


# --- several labels -------------------------------------------------------------------------------


def _several(
    cells: Sequence[Cells], columns: Sequence[ColumnDeclaration], rule: TargetRule, file: str
) -> EncodedTarget:
    names = tuple(
        known.label or readable_name(column.name)
        for column, known in zip(cells, columns, strict=True)
    )
    matrix = np.column_stack([_given(each, f"{file}, column `{each.name}`") for each in cells])
    index = [column.name for column in cells].index(rule.name)
    classes = (f"without {names[index]}", f"with {names[index]}")
    notes = [message("preparation.several_labels", n=len(names), label=names[index])]
    favourable = None if rule.favourable is None else truth_of(code_text(rule.favourable))
    if rule.favourable is None:
        notes.append(
            message("preparation.no_favourable_label", given=classes[1], without=classes[0])
        )
    elif favourable is None:
        raise data_error(
            f"{file}, column `{rule.name}`",
            f"`dataset.favourable` is {rule.favourable!r}",
            "0 or 1",
            "write 1 where having the label is good, else 0",
        )
    target = Target(
        name=rule.name,
        label=names[index],
        classes=classes,
        favourable=None if favourable is None else int(favourable),
        explained=1,
        labels_are_decisions=rule.labels_are_decisions,
        task="multi_label",
        labels=names,
        label_index=index,
        codes=("0", "1"),
        favourable_by=rule.declared_by,
    )
    return EncodedTarget(target, matrix[:, index], matrix, tuple(notes))


def _given(cells: Cells, where: str) -> Ints:
    """(instance,) 1 where the label is given, from 0 and 1, no and yes, or false and true."""
    truths = [truth_of(code) for code in cells.codes]
    known = np.array([-1 if truth is None else int(truth) for truth in truths], dtype=np.int64)
    present: Ints = known[cells.positions]
    if (bad := present < 0).any():
        say = "says" if bad.sum() == 1 else "say"
        raise data_error(
            where,
            "a label must be given or not, and "
            f"{rows_text(bad, list(cells.texts()))} {say} neither",
            "0 and 1, no and yes, or false and true",
            "write 1 and 0 in the columns of labels, or name one target column",
        )
    if present.min() == present.max():
        raise data_error(
            where,
            f"the label is {'always' if present.min() else 'never'} given",
            "a label that varies",
            "leave this label out",
        )
    return present


# --- classes --------------------------------------------------------------------------------------


def _classes(
    cells: Cells, column: ColumnDeclaration, rule: TargetRule, where: str
) -> EncodedTarget:
    _check_classes(cells, column, rule.max_classes, where)
    label = column.label or readable_name(cells.name)
    categories = _speaking(categories_of(cells, column, "categorical"), column, label)
    categories, explained = _order(categories, rule, where)
    favourable, notes = None, []
    if rule.favourable is not None:
        favourable = find_class(categories, rule.favourable, where, "favourable")
    else:
        notes.append(message("preparation.no_favourable_class"))
        if rule.positive is None and len(categories) > 2:  # of two classes either tells all
            name = categories[explained].label
            notes.append(message("preparation.explained_class", name=name))
    target = Target(
        name=cells.name,
        label=label,
        classes=tuple(category.label for category in categories),
        favourable=favourable,
        explained=explained,
        labels_are_decisions=rule.labels_are_decisions,
        codes=tuple(category.code for category in categories),
        favourable_by=rule.declared_by,
    )
    return EncodedTarget(target, cells.among(target.codes), notes=tuple(notes))


def _speaking(
    categories: tuple[Category, ...], column: ColumnDeclaration, label: str
) -> tuple[Category, ...]:
    """Classes called “yes” or “1” get the target's name: “deny: yes”.

    Where “true” and “yes” are two classes, each is called as it is written.
    """
    names = [category.label for category in categories]
    if column.categories is None and len(set(names)) < len(names):
        categories = tuple(replace(category, label=category.code) for category in categories)
    mute = all(name.lower() in {"yes", "no"} or reads_as_number(name) for name in names)
    if column.categories is not None or not mute:
        return categories
    return tuple(replace(category, label=f"{label}: {category.label}") for category in categories)


def _check_classes(cells: Cells, column: ColumnDeclaration, most: int, where: str) -> None:
    n = len(observed(cells))
    if n < 2:
        raise data_error(
            where,
            f"all rows have the same class, {observed(cells)[0]!r}",
            "at least two classes",
            "choose another target",
        )
    if n > most:
        numeric = not cells.not_numbers.any()
        do = "set `dataset.task=regression`, " if numeric else ""
        if n <= MOST_DECLARED:
            do += f"raise the bound (`{override('dataset.max_classes', n)}`), "
        raise data_error(
            where,
            f"the target has {count(n)} different {'numbers' if numeric else 'values'}",
            f"2 to {most} classes",
            f"{do}merge classes, or choose another `dataset.target`",
        )
    if column.kind == "numeric":
        raise data_error(
            where,
            "the target is declared numeric",
            "classes",
            "remove `kind: numeric` from the target, or set `dataset.task=regression`",
        )


def find_class(categories: tuple[Category, ...], wanted: Code, where: str, field: str) -> int:
    """Position of the class with this code or label."""
    codes = [category.code for category in categories]
    labels = [category.label for category in categories]
    text = match_code(code_text(wanted), codes)
    for names in (codes, labels):
        if text in names:
            return names.index(text)
    allowed = ", ".join(f"{code!r}" for code in codes)
    lowered = {name.lower(): name for name in (*labels, *codes)}
    sought = text.lower()
    close = next(iter(get_close_matches(sought, list(lowered), n=1, cutoff=0.6)), "")
    # "Not survived" and "unpaid" are near "survived" and "paid", and mean what these do not.
    opposed = close != sought and (close.endswith(sought) or sought.endswith(close))
    do = f"write `dataset.{field}=…` with one of these classes"
    truth = truth_of(text)
    alike = [code for code in codes if truth is not None and truth_of(code) is truth]
    if len(alike) == 1:  # `yes` of a file that writes True
        do = f"write `dataset.{field}={alike[0]}`"
    elif close and not opposed:
        do = f"write `dataset.{field}={lowered[close]}`"
    raise data_error(where, f"`dataset.{field}` is {text!r}, which is not a class", allowed, do)


def _order(
    categories: tuple[Category, ...], rule: TargetRule, where: str
) -> tuple[tuple[Category, ...], int]:
    """Of two classes the explained one comes second, as every curve expects."""
    positive = None
    if rule.positive is not None:
        positive = find_class(categories, rule.positive, where, "positive")
    elif rule.favourable is not None:
        favourable = find_class(categories, rule.favourable, where, "favourable")
        positive = 1 - favourable if len(categories) == 2 else favourable
    if positive is None:
        return categories, 1
    if len(categories) == 2:
        return (categories[1 - positive], categories[positive]), 1
    return categories, positive


def read_target(
    frame: pd.DataFrame,
    columns: Mapping[str, ColumnDeclaration],
    rule: TargetRule,
    file: str,
    decimal: str,
) -> EncodedTarget:
    """As `encode_target`, of the columns of a table; decimal : the sign before decimals."""
    cells = [read_cells(frame[name], name, decimal) for name in rule.columns]
    known = [columns.get(name, ColumnDeclaration()) for name in rule.columns]
    return encode_target(cells, known, rule, file)


# Which rows of a source are kept, drawn by what is to be predicted, before the rest is read.


@dataclass
class TargetDraw:
    """Draws rows, see `splitting.draw_rows`, once the classes of all are known.

    columns : what is declared of columns. file : its name, for errors. n : how many rows are kept.
    answers : the target of the drawn rows, once they are drawn; its classes are those of all rows.
    """

    rule: TargetRule
    columns: Mapping[str, ColumnDeclaration]
    file: str
    n: int
    seed: int
    answers: list[EncodedTarget] = field(default_factory=list)

    def draw(self, frame: pd.DataFrame, decimal: str) -> Ints:
        """Ascending positions of the rows.

        frame : the columns of the target, of all rows. decimal : the sign before decimals.

        Raises DataError: the target cannot be used.
        """
        answer = read_target(frame, self.columns, self.rule, self.file, decimal)
        n = len(answer.labels)
        rows = draw_rows(n, self.n, self.seed)
        every = None if answer.all_labels is None else answer.all_labels[rows]
        self.answers = [replace(answer, labels=answer.labels[rows], all_labels=every)]
        return rows
