"""From the cells of a file to the numbers of a `Split`: the features."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from deepseek_report.artifacts.advice import column_override, override
from deepseek_report.artifacts.array_types import Floats
from deepseek_report.artifacts.rounding import count, plural
from deepseek_report.artifacts.schema import Category, Feature, Kind, readable_name
from deepseek_report.datasets.assembly.column_declarations import (
    ColumnDeclaration,
    code_text,
    data_error,
    default_label,
    error_text,
    is_number,
    match_code,
    rows_text,
    sorted_codes,
)
from deepseek_report.datasets.readers.cells import Cells, infer_kind, is_broken_number, observed
from deepseek_report.errors import DataError

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
    if not cells.not_numbers.any() and np.isinf(cells.numbers).any():
        raise DataError(_infinite(cells, where))
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
        return feature, _numeric(cells, where)
    categories = categories_of(cells, column, kind)
    _check_categories(cells, column, kind, (where, most_categories))
    return replace(feature, categories=categories), positions_of(cells, categories)


def _kind_of(cells: Cells, column: ColumnDeclaration, where: str) -> Kind:
    if column.categories is not None:
        return "categorical"
    if column.bands is None and column.unit is None:
        if is_broken_number(cells):
            raise DataError(_not_numbers(cells, where))
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


def _numeric(cells: Cells, where: str) -> Floats:
    if cells.not_numbers.any():
        raise DataError(_not_numbers(cells, where))
    return cells.numbers


def _infinite(cells: Cells, where: str) -> str:
    infinite = np.isinf(cells.numbers)
    first = rows_text(infinite, rows=cells.rows)
    return error_text(
        where,
        f"{plural(int(infinite.sum()), 'infinite value')}, first in {first}",
        "finite numbers and empty cells",
        "leave the cells empty if the value is unknown, or list what a text file has there in "
        "`dataset.missing_values`",
    )


def _not_numbers(cells: Cells, where: str) -> str:
    bad = cells.not_numbers
    cell = "cell is not a number" if bad.sum() == 1 else "cells are not numbers"
    example = cells.codes[cells.positions[np.argmax(bad)]]
    texts = cells.texts()
    return error_text(
        where,
        f"{count(int(bad.sum()))} {cell}, first in {rows_text(bad, list(texts), cells.rows)}",
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
    if kind == "ordinal" and all(map(is_number, order)):
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
    if kind == "ordinal" and orderless and not all(map(is_number, observed(cells))):
        raise data_error(
            where,
            "the order of these texts is not known",
            "an order",
            "declare the `categories` of this column under `dataset.columns`, lowest first",
        )


def positions_of(cells: Cells, categories: tuple[Category, ...]) -> Floats:
    """(instance,) position of each cell in the categories, NaN where it is missing."""
    place = {category.code: i for i, category in enumerate(categories)}
    table = np.array([place.get(code, -1) for code in cells.codes] + [np.nan], dtype=np.float64)
    return table[cells.positions]
