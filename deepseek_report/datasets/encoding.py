"""From the cells of a file to the numbers of a `Split`: features, target and groups."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from deepseek_report.artifacts.numbers import count, plural
from deepseek_report.artifacts.schema import Category, Feature, Kind, Target
from deepseek_report.datasets.cells import (
    Cells,
    infer_kind,
    is_broken_number,
    observed,
)
from deepseek_report.datasets.columns import (
    Code,
    Column,
    code_text,
    default_label,
    is_number,
    match_code,
    message,
    readable_name,
    rows_text,
    sorted_codes,
)
from deepseek_report.errors import DataError

MOST_CLASSES = 20


@dataclass(frozen=True)
class TargetRule:
    """Which column is predicted, and what its classes mean.

    favourable : the class that is good for the person concerned; positive : the class whose
    probability is explained. None: the other one of two, else as the order of the classes gives.
    """

    name: str
    favourable: Code | None = None
    positive: Code | None = None
    labels_are_decisions: bool = False


def encode_feature(
    cells: Cells, column: Column, where: str, most_categories: int
) -> tuple[Feature, NDArray[np.float64]]:
    """The feature, and its values: numbers, or positions in `Feature.categories`; NaN is missing.

    Raises
    ------
    DataError : the cells are not what is declared, or cannot be used.
    """
    if cells.missing.all():
        do = f"drop it: `dataset.drop=[{cells.name}]`"
        raise DataError(message(where, "every cell is empty", "at least one value", do))
    if not cells.not_numbers.any() and np.isinf(cells.numbers).any():
        raise DataError(_infinite(cells, where))
    kind = column.kind or _kind_of(cells, column, where)
    feature = Feature(
        name=cells.name,
        label=column.label or readable_name(cells.name),
        kind=kind,
        unit=column.unit,
        sensitive=bool(column.sensitive),
        mutable=column.can_change,
        description=column.description,
    )
    if kind == "numeric":
        return feature, _numeric(cells, where)
    categories = categories_of(cells, column, kind)
    _check_categories(cells, column, kind, (where, most_categories))
    return replace(feature, categories=categories), _positions(cells, categories)


def _kind_of(cells: Cells, column: Column, where: str) -> Kind:
    if column.categories is not None:
        return "categorical"
    if column.bands is None and column.unit is None:
        if is_broken_number(cells):
            raise DataError(_not_numbers(cells, where))
        return infer_kind(cells)
    return "numeric"


def _numeric(cells: Cells, where: str) -> NDArray[np.float64]:
    if cells.not_numbers.any():
        raise DataError(_not_numbers(cells, where))
    return cells.numbers


def _infinite(cells: Cells, where: str) -> str:
    infinite = np.isinf(cells.numbers)
    found = f"{plural(int(infinite.sum()), 'infinite value')}, first in {rows_text(infinite)}"
    do = "leave the cells empty if the value is unknown"
    return message(where, found, "finite numbers and empty cells", do)


def _not_numbers(cells: Cells, where: str) -> str:
    bad = cells.not_numbers
    cell = "cell is not a number" if bad.sum() == 1 else "cells are not numbers"
    example = cells.codes[cells.positions[np.argmax(bad)]]
    texts = cells.texts()
    return message(
        where,
        f"{count(int(bad.sum()))} {cell}, first in {rows_text(bad, list(texts))}",
        "numbers and empty cells",
        f"correct them, list the text in `dataset.missing_values` if it means missing "
        f"({example!r}), or declare `+dataset.columns.{cells.name}.kind=categorical`",
    )


def categories_of(cells: Cells, column: Column, kind: Kind) -> tuple[Category, ...]:
    """Those of the code book that occur, then those that the code book does not know."""
    found = observed(cells)
    book = {match_code(code, found): label for code, label in (column.code_book or {}).items()}
    extra = {code_text(code): label for code, label in (column.undocumented or {}).items()}
    if not book:
        return tuple(
            Category(code, extra.get(code, default_label(code)), code not in extra)
            for code in found
        )
    unknown = [code for code in found if code not in book]
    order = [code for code in book if code in set(found)] + unknown
    if kind == "ordinal" and all(map(is_number, order)):
        order = sorted_codes(order)
    return tuple(
        Category(code, book[code])
        if code in book
        else Category(code, extra.get(code, f"code {code}"), documented=False)
        for code in order
    )


def _check_categories(cells: Cells, column: Column, kind: Kind, limit: tuple[str, int]) -> None:
    where, most = limit
    if column.categories is None and len(cells.codes) > most:
        found = f"{count(len(cells.codes))} different values in a column that is not numeric"
        do = (
            f"drop it (`dataset.drop=[{cells.name}]`), merge its values, or raise "
            "`dataset.max_categories`"
        )
        raise DataError(message(where, found, f"at most {count(most)} categories", do))
    orderless = column.categories is None and not cells.ordered
    if kind == "ordinal" and orderless and not all(map(is_number, observed(cells))):
        do = f"declare `dataset.columns.{cells.name}.categories`, lowest first"
        raise DataError(message(where, "the order of these texts is not known", "an order", do))


def _positions(cells: Cells, categories: tuple[Category, ...]) -> NDArray[np.float64]:
    place = {category.code: i for i, category in enumerate(categories)}
    table = np.array([place.get(code, -1) for code in cells.codes] + [np.nan], dtype=np.float64)
    return table[cells.positions]


# --- the target -----------------------------------------------------------------------------------


def encode_target(
    cells: Cells, column: Column, rule: TargetRule, where: str
) -> tuple[Target, NDArray[np.int64], list[str]]:
    """The target, the labels, and notes on what was assumed.

    Raises
    ------
    DataError : empty cells, one class, or a target that is not categorical.
    """
    _check_target(cells, column, where)
    label = column.label or readable_name(cells.name)
    categories = _speaking(categories_of(cells, column, "categorical"), column, label)
    categories, explained = _order(categories, rule, where)
    favourable, notes = _favourable(categories, explained, rule, where)
    target = Target(
        name=cells.name,
        label=label,
        classes=tuple(one.label for one in categories),
        favourable=favourable,
        explained=explained,
        labels_are_decisions=rule.labels_are_decisions,
    )
    return target, _positions(cells, categories).astype(np.int64), notes


def _speaking(categories: tuple[Category, ...], column: Column, label: str) -> tuple[Category, ...]:
    """Classes called “yes” or “1” get the target's name: “deny: yes”."""
    names = [one.label for one in categories]
    mute = all(name.lower() in {"yes", "no"} or is_number(name) for name in names)
    if column.categories is not None or not mute:
        return categories
    return tuple(replace(one, label=f"{label}: {one.label}") for one in categories)


def _check_target(cells: Cells, column: Column, where: str) -> None:
    empty = cells.missing
    if empty.any():
        found = f"the target is missing in {plural(int(empty.sum()), 'row')}: {rows_text(empty)}"
        do = "remove these rows from the file; a label must not be guessed"
        raise DataError(message(where, found, "a class in every row", do))
    n = len(observed(cells))
    if n < 2:
        found = f"all rows have the same class, {observed(cells)[0]!r}"
        raise DataError(message(where, found, "at least two classes", "choose another target"))
    if n > MOST_CLASSES:
        numeric = not cells.not_numbers.any()
        found = f"the target has {count(n)} different {'numbers' if numeric else 'values'}"
        hint = "regression is not supported yet: " if numeric else ""
        do = f"{hint}cut the target into classes, or choose another `dataset.target`"
        raise DataError(message(where, found, f"2 to {MOST_CLASSES} classes", do))
    if column.kind == "numeric":
        do = "remove `kind: numeric` from the target; regression is not supported yet"
        raise DataError(message(where, "the target is declared numeric", "classes", do))


def find_class(categories: tuple[Category, ...], wanted: Code, where: str, field: str) -> int:
    """Position of the class with this code or label."""
    codes = [one.code for one in categories]
    text = match_code(code_text(wanted), codes)
    for names in (codes, [one.label for one in categories]):
        if text in names:
            return names.index(text)
    found = f"`dataset.{field}` is {text!r}, which is not a class"
    allowed = ", ".join(f"{code!r}" for code in codes)
    raise DataError(message(where, found, allowed, f"correct `dataset.{field}`"))


def _order(
    categories: tuple[Category, ...], rule: TargetRule, where: str
) -> tuple[tuple[Category, ...], int]:
    """Of two classes the explained one comes second, as every curve expects."""
    positive = None
    if rule.positive is not None:
        positive = find_class(categories, rule.positive, where, "positive")
    elif rule.favourable is not None and len(categories) == 2:
        positive = 1 - find_class(categories, rule.favourable, where, "favourable")
    if positive is None:
        return categories, 1
    if len(categories) == 2:
        return (categories[1 - positive], categories[positive]), 1
    return categories, positive


def _favourable(
    categories: tuple[Category, ...], explained: int, rule: TargetRule, where: str
) -> tuple[int, list[str]]:
    if rule.favourable is not None:
        return find_class(categories, rule.favourable, where, "favourable"), []
    favourable = 0 if explained != 0 else 1
    note = (
        f"The config does not say which class is favourable; “{categories[favourable].label}” was "
        "taken. Every comparison of groups rests on that: declare `dataset.favourable`."
    )
    return favourable, [note]
