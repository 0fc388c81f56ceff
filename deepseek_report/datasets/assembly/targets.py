"""What is predicted, from the cells of a file: one of several classes, a number, several labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import TYPE_CHECKING, Literal

import numpy as np

from deepseek_report.artifacts.advice import override
from deepseek_report.artifacts.array_types import Array, Bools, Ints
from deepseek_report.artifacts.message import Message, Text, message
from deepseek_report.artifacts.rounding import count, plural
from deepseek_report.artifacts.schema import (
    NUMBER_TASKS,
    Category,
    Declarer,
    Target,
    TaskName,
    readable_name,
)
from deepseek_report.artifacts.split import Split
from deepseek_report.datasets.assembly.column_declarations import (
    Code,
    ColumnDeclaration,
    code_text,
    data_error,
    is_number,
    match_code,
    rows_text,
    truth_of,
)
from deepseek_report.datasets.assembly.feature_encoding import categories_of, positions_of
from deepseek_report.datasets.readers.cells import Cells, observed, read_cells
from deepseek_report.datasets.splitting import draw_rows, strata_of

if TYPE_CHECKING:
    import pandas as pd


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
        _check_whole(column, f"{file}, column `{column.name}`")
    where = f"{file}, column `{cells[0].name}`"
    task = task_of(cells[0], rule)
    if task == "multi_label":
        return _several(cells, columns, rule, file)
    if task in NUMBER_TASKS or (rule.task == "auto" and columns[0].kind == "numeric"):
        return _number(cells[0], columns[0], rule, where)
    return _classes(cells[0], columns[0], rule, where)


def _check_whole(cells: Cells, where: str) -> None:
    empty = cells.missing
    if empty.any():
        raise data_error(
            where,
            f"the target is missing in {plural(int(empty.sum()), 'row')}: {rows_text(empty)}",
            "a value in every row",
            "remove these rows from the file; a label must not be guessed",
        )


# --- a number -------------------------------------------------------------------------------------


def _number(cells: Cells, column: ColumnDeclaration, rule: TargetRule, where: str) -> EncodedTarget:
    bad = cells.not_numbers | ~np.isfinite(cells.numbers)
    if bad.any():
        problem = (
            f"{plural(int(bad.sum()), 'cell')} of the target {_is_are(bad)} no finite number, "
        )
        problem += f"first in {rows_text(bad, list(cells.texts()))}"
        raise data_error(
            where, problem, "finite numbers", "correct them, or set `dataset.task=classification`"
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


def _is_are(mask: Bools) -> str:
    return "is" if mask.sum() == 1 else "are"


# --- several labels -------------------------------------------------------------------------------


def _several(
    cells: Sequence[Cells], columns: Sequence[ColumnDeclaration], rule: TargetRule, file: str
) -> EncodedTarget:
    names = tuple(
        column.label or readable_name(cell_column.name)
        for cell_column, column in zip(cells, columns, strict=True)
    )
    matrix = np.column_stack(
        [_given(cell_column, f"{file}, column `{cell_column.name}`") for cell_column in cells]
    )
    index = [cell_column.name for cell_column in cells].index(rule.name)
    classes = (f"without {names[index]}", f"with {names[index]}")
    favourable, notes = _favourable_label(classes, rule, f"{file}, column `{rule.name}`")
    target = Target(
        name=rule.name,
        label=names[index],
        classes=classes,
        favourable=favourable,
        explained=1,
        labels_are_decisions=rule.labels_are_decisions,
        task="multi_label",
        labels=names,
        label_index=index,
        codes=("0", "1"),
        favourable_by=rule.declared_by,
    )
    about = message("preparation.several_labels", n=len(names), label=names[index])
    return EncodedTarget(target, matrix[:, index], matrix, (about, *notes))


def _given(cells: Cells, where: str) -> Ints:
    """(instance,) 1 where the label is given, from 0 and 1, no and yes, or false and true."""
    truths = [truth_of(code) for code in cells.codes]
    known = np.array([-1 if truth is None else int(truth) for truth in truths], dtype=np.int64)
    bad = known[cells.positions] < 0
    if bad.any():
        problem = f"a label must be given or not, and {rows_text(bad, list(cells.texts()))} "
        problem += f"{'says' if bad.sum() == 1 else 'say'} neither"
        raise data_error(
            where,
            problem,
            "0 and 1, no and yes, or false and true",
            "write 1 and 0 in the columns of labels, or name one target column",
        )
    present: Ints = known[cells.positions]
    if present.min() == present.max():
        raise data_error(
            where,
            f"the label is {'always' if present.min() else 'never'} given",
            "a label that varies",
            "leave this label out",
        )
    return present


def _favourable_label(
    classes: tuple[str, str], rule: TargetRule, where: str
) -> tuple[int | None, tuple[Message, ...]]:
    if rule.favourable is None:
        note = message("preparation.no_favourable_label", given=classes[1], without=classes[0])
        return None, (note,)
    truth = truth_of(code_text(rule.favourable))
    if truth is None:
        raise data_error(
            where,
            f"`dataset.favourable` is {rule.favourable!r}",
            "0 or 1",
            "write 1 where having the label is good, else 0",
        )
    return int(truth), ()


# --- classes --------------------------------------------------------------------------------------


def _classes(
    cells: Cells, column: ColumnDeclaration, rule: TargetRule, where: str
) -> EncodedTarget:
    _check_classes(cells, column, rule.max_classes, where)
    label = column.label or readable_name(cells.name)
    categories = _speaking(categories_of(cells, column, "categorical"), column, label)
    categories, explained = _order(categories, rule, where)
    favourable, notes = _favourable(categories, rule, where)
    notes = (*notes, *_explained(categories, explained, rule))
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
    return EncodedTarget(target, positions_of(cells, categories).astype(np.int64), notes=notes)


def _speaking(
    categories: tuple[Category, ...], column: ColumnDeclaration, label: str
) -> tuple[Category, ...]:
    """Classes called “yes” or “1” get the target's name: “deny: yes”.

    Where “true” and “yes” are two classes, each is called as it is written.
    """
    names = [category.label for category in categories]
    if column.categories is None and len(set(names)) < len(names):
        categories = tuple(replace(category, label=category.code) for category in categories)
    mute = all(name.lower() in {"yes", "no"} or is_number(name) for name in names)
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
        hint = "set `dataset.task=regression`, " if numeric else ""
        raised = (
            f"raise the bound (`{override('dataset.max_classes', n)}`), "
            if n <= MOST_DECLARED
            else ""
        )
        raise data_error(
            where,
            f"the target has {count(n)} different {'numbers' if numeric else 'values'}",
            f"2 to {most} classes",
            f"{hint}{raised}merge classes, or choose another `dataset.target`",
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
    text = match_code(code_text(wanted), codes)
    for names in (codes, [category.label for category in categories]):
        if text in names:
            return names.index(text)
    allowed = ", ".join(f"{code!r}" for code in codes)
    lowered = {
        name.lower(): name for name in (*[category.label for category in categories], *codes)
    }
    near = get_close_matches(text.lower(), list(lowered), n=1, cutoff=0.6)
    raise data_error(
        where,
        f"`dataset.{field}` is {text!r}, which is not a class",
        allowed,
        _meant_class(text, lowered, field, near),
    )


def _meant_class(text: str, names: Mapping[str, str], field: str, near: Sequence[str]) -> str:
    """What to write for a class that is not there, but never its opposite.

    "Not survived" and "unpaid" are near "survived" and "paid", and mean what these do not.
    """
    wanted = text.lower()
    close = next(iter(near), "")
    opposed = close != wanted and (close.endswith(wanted) or wanted.endswith(close))
    if close and not opposed:
        return f"write `dataset.{field}={names[close]}`"
    return f"write `dataset.{field}=…` with one of these classes"


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


def _favourable(
    categories: tuple[Category, ...], rule: TargetRule, where: str
) -> tuple[int | None, tuple[Message, ...]]:
    if rule.favourable is not None:
        return find_class(categories, rule.favourable, where, "favourable"), ()
    return None, (message("preparation.no_favourable_class"),)


def _explained(
    categories: tuple[Category, ...], explained: int, rule: TargetRule
) -> tuple[Message, ...]:
    """Of two classes either tells all; of more the report is about one, which may be assumed."""
    if rule.positive is not None or rule.favourable is not None or len(categories) == 2:
        return ()
    return (message("preparation.explained_class", name=categories[explained].label),)


# Which rows of a source are kept, drawn by what is to be predicted, before the rest is read.


@dataclass
class TargetDraw:
    """Draws rows that keep the shares of the classes, see `splitting.draw_rows`.

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
        names = self.rule.columns
        cells = [read_cells(frame[name], name, decimal) for name in names]
        declared = [self.columns.get(name, ColumnDeclaration()) for name in names]
        answer = encode_target(cells, declared, self.rule, self.file)
        n_rows = len(answer.labels)
        nothing = np.zeros((n_rows, 0))
        every = Split(nothing, answer.labels, np.arange(n_rows), all_labels=answer.all_labels)
        rows = draw_rows(strata_of(every), self.n, self.seed)
        drawn = every.take(rows)
        self.answers = [replace(answer, labels=drawn.labels, all_labels=drawn.all_labels)]
        return rows
