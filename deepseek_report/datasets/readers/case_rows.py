"""Rows of one's own, as a model that was trained on other rows reads them."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

import numpy as np

from deepseek_report.artifacts.array_types import Floats
from deepseek_report.artifacts.codes import code_text
from deepseek_report.artifacts.schema import Feature
from deepseek_report.datasets.assembly.column_declarations import data_error, nearest
from deepseek_report.datasets.checks.new_rows import SeenValues
from deepseek_report.datasets.readers.cells import read_cells
from deepseek_report.datasets.readers.file_bytes import read_bytes
from deepseek_report.datasets.readers.file_form import Decimal, FileForm
from deepseek_report.datasets.readers.json_lines import is_json_lines, read_json_lines
from deepseek_report.datasets.readers.table_file import read_table
from deepseek_report.datasets.readers.text_table import MISSING
from deepseek_report.errors import DataError

#: Rows that are explained at once.
MOST_ROWS = 50
#: Categories that a message lists, and faulty cells that one does.
_LISTED, _TOLD = 12, 20
#: A number as text; Python itself would take `1_000` and digits of other scripts, too.
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
#: One whose sign may as well stand between thousands: `1.000`, but not `0.107`.
_THOUSAND = re.compile(r"[+-]?[1-9][0-9]{0,2}\.[0-9]{3}")
#: What a row breaks that is refused as it stands.
_KEPT = "what is declared (dataset.relations) and every training row keeps"
#: The largest number that a model in single precision reads.
_LARGEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class CaseRows:
    """The rows of a file.

    inputs : (row, feature) as in `Split.inputs`. ignored : columns that the model does not read.
    """

    inputs: Floats
    ignored: tuple[str, ...]


class FaultyRowsError(DataError):
    """All that cannot be read of some rows.

    faults : (feature, problem) of each cell, of a column that is not there, or of what a row does
    not keep. unknown_categories : whether all that is wrong are categories that no model has seen.
    """

    def __init__(
        self, where: str, faults: Sequence[tuple[str, str]], unknown_categories: bool = False
    ) -> None:
        self.faults, self.unknown_categories = tuple(faults), unknown_categories
        texts = [problem for _, problem in faults[:_TOLD]]
        if (more := len(faults) - len(texts)) > 0:
            texts.append(f"and {more} more")
        many = f"{where}: {len(faults)} values cannot be read"
        super().__init__("\n- ".join([many, *texts]) if len(faults) > 1 else texts[0])


def read_case_rows(path: Path, seen: SeenValues) -> CaseRows:
    """The rows of a CSV, Parquet, Excel, JSON or JSON Lines file.

    Columns are called by the names of the data that the model was trained on, or by their labels;
    their order does not matter. A category is its code or its label. An empty cell is missing.

    Raises DataError: the file cannot be read, or holds no row or more than `MOST_ROWS`.
    FaultyRowsError: it lacks columns, cells are no number or no category that the model knows, or
    rows break a relation that all training rows keep.
    """
    columns = _columns(path, FileForm())
    lengths = {len(cells) for cells in columns.values()}
    n_rows = max(lengths, default=0)
    if not 1 <= n_rows <= MOST_ROWS:
        raise data_error(
            str(path),
            f"it holds {n_rows} rows",
            f"from 1 to {MOST_ROWS} rows",
            "put the rows to explain into a file of their own",
        )
    rows = [f"row {row}, " for row in range(1, n_rows + 1)]
    return read_columns(columns, seen, str(path), rows)


def read_columns(
    columns: Mapping[str, Sequence[object]], seen: SeenValues, where: str, rows: Sequence[str]
) -> CaseRows:
    """Find the column of each feature by its name or its label, and read it; see `read_features`.

    columns : {name: (row,) cells}.
    """
    faults, chosen = list[tuple[str, str]](), dict[str, str]()
    for feature in seen.schema.features:
        try:
            chosen[feature.name] = column_of(feature, columns, where)
        except DataError as error:
            faults.append((feature.name, str(error)))
    cells = {feature: columns[name] for feature, name in chosen.items()}
    inputs = read_features(cells, seen, where, rows, None, faults)
    return CaseRows(inputs, tuple(name for name in columns if name not in chosen.values()))


def read_features(
    cells: Mapping[str, Sequence[object]],
    seen: SeenValues,
    where: str,
    rows: Sequence[str],
    decimal: Decimal | None,
    faults: Sequence[tuple[str, str]] = (),
) -> Floats:
    """(row, feature) as in `Split.inputs`, of rows that can be.

    cells : {feature: (row,)}. where : names the source in errors. rows : (row,) what each is
    called. decimal : the sign before decimals; None where nobody declared it. faults : what is
    known already.

    Raises FaultyRowsError: cells cannot be read, or rows break a relation.
    """
    features = [seen.schema.feature(name) for name in cells]
    read, problems, only_categories = list[list[float]](), list[tuple[str, str]](), not faults
    for feature in features:
        read.append([])
        sign: Decimal | None = "." if decimal is None and feature.name in seen.fine else decimal
        for row, cell in zip(rows, cells[feature.name], strict=True):
            try:
                read[-1].append(read_value(feature, cell, where, row, sign))
            except DataError as error:
                problems.append((feature.name, str(error)))
                only_categories &= not feature.is_numeric
    if problems or faults:
        raise FaultyRowsError(where, [*problems, *faults], only_categories)
    inputs = np.array(read).T
    for at, relation in seen.broken(inputs):
        broken = f"{rows[at]}`{relation.text}` does not hold"
        problem = data_error(where, broken, _KEPT, "correct the values that it names")
        problems.append((features[relation.columns[0]].name, str(problem)))
    if problems:
        raise FaultyRowsError(where, problems)
    return inputs


def _columns(path: Path, form: FileForm) -> dict[str, list[object]]:
    """{column: cells}; None is a missing one, other cells are texts, or numbers that are clear."""
    if path.suffix.lower() == ".json":
        return _of_objects(_objects(path, form), path)
    table = read_json_lines(path, form) if is_json_lines(path) else read_table(path, form)
    columns = {}
    for name in table.frame.columns:
        cells = read_cells(table.frame[name], str(name), table.decimal)
        columns[str(name)] = [
            None if missing else raw if _is_open(raw) else text if math.isnan(number) else number
            for missing, text, number, raw in zip(
                cells.missing, cells.texts(), cells.numbers, table.frame[name], strict=True
            )
        ]
    return columns


def _is_open(cell: object) -> bool:
    """Whether it is written so that its point may stand before decimals or between thousands."""
    return isinstance(cell, str) and bool(_THOUSAND.fullmatch(cell.strip()))


def _objects(path: Path, form: FileForm) -> list[Mapping[str, object]]:
    """The objects of a JSON file: one, or a list of them."""
    if not path.is_file():
        raise data_error(str(path), "there is no such file", "a file of rows", "correct the path")
    try:
        content = json.loads(read_bytes(path, form.limits).content)
    except (ValueError, RecursionError) as error:
        raise data_error(
            str(path), f"not JSON ({error})", "one object, or a list of them", "correct it"
        ) from None
    rows = content if isinstance(content, list) else [content]
    if not all(isinstance(row, dict) for row in rows):
        raise data_error(
            str(path),
            "a row is no object",
            "one object, or a list of them",
            'write {"column": value}',
        )
    return rows


def _of_objects(rows: Sequence[Mapping[str, object]], path: Path) -> dict[str, list[object]]:
    names = list(dict.fromkeys(name for row in rows for name in row))
    columns: dict[str, list[object]] = {name: [row.get(name) for row in rows] for name in names}
    for name, cells in columns.items():
        for at, cell in enumerate(cells, 1):
            if isinstance(cell, (list, dict)):
                raise data_error(
                    str(path),
                    f"row {at}, `{name}` is no single value",
                    "a number or a text",
                    "correct it",
                )
    return columns


def column_of(feature: Feature, columns: Mapping[str, object], path: Path | str) -> str:
    """The column that holds a feature, by its name or its label.

    Raises DataError: there is none.
    """
    lowered = {name.lower(): name for name in columns}
    for wanted in (feature.name, feature.label):
        if wanted.lower() in lowered:
            return lowered[wanted.lower()]
    close = get_close_matches(feature.label.lower(), list(lowered), n=1)
    near = lowered[close[0]] if close else feature.name
    raise data_error(
        str(path),
        f"there is no column `{feature.name}` ({feature.label}), which the model reads",
        "a column for every feature; an empty cell where the value is not known",
        f"add it; {nearest(near, list(columns))}",
    )


def read_value(
    feature: Feature, cell: object, path: Path | str, row: str, decimal: Decimal | None
) -> float:
    """One cell as the model reads it.

    cell : a text or a number; None, NaN and what means missing in files are missing, unless such a
        category is known. path, row : where the cell stands, for the error ("row 3, "; "" of the
        only one). decimal : the sign before decimals; None where points may group thousands.

    Raises DataError: no number, or one that can be read in two ways, or no category of the model.
    """
    text = cell.strip() if isinstance(cell, str) else cell
    codes = [category.code for category in feature.categories]
    if text is None or (isinstance(text, float) and math.isnan(text)):
        return math.nan
    if text in MISSING and text not in codes:
        return math.nan
    if not feature.is_numeric:
        return _category(feature, cell, path, row)
    number = _number(text, decimal)
    if decimal is None and _is_open(text):
        raise _bad_cell(
            feature,
            cell,
            path,
            row,
            f"a number that can be read in one way; this may be {number:g} or "
            f"{str(text).replace('.', '')}, as no training row has a third decimal place",
            "write it without a sign between thousands; of a stream, `--decimal .` says that a "
            "point stands before decimals",
        )
    if not abs(number) <= _LARGEST:
        sign = "comma" if decimal == "," else "point"
        allowed = f"a finite number (at most {_LARGEST:.1e}) with a decimal {sign} and no other one"
        raise _bad_cell(feature, cell, path, row, f"{allowed}, or an empty cell")
    return number


def _number(cell: object, decimal: Decimal | None) -> float:
    """The number that a cell is; NaN where it is none."""
    if isinstance(cell, str) and decimal == ",":
        cell = "" if "." in cell else cell.replace(",", ".")
    if isinstance(cell, int | float) or (isinstance(cell, str) and _NUMBER.fullmatch(cell)):
        with suppress(OverflowError):  # a whole number of JSON beyond all floats
            return float(cell)
    return math.nan


def _category(feature: Feature, cell: object, path: Path | str, row: str) -> float:
    """The position of a category, named by its code or its label."""
    text = code_text(cell).strip()
    by_code = {category.code: at for at, category in enumerate(feature.categories)}
    by_label = {category.label.lower(): at for at, category in enumerate(feature.categories)}
    at = by_code.get(text, by_label.get(text.lower()))
    if at is not None:
        return float(at)
    known = [f"{category.code} ({category.label})" for category in feature.categories[:_LISTED]]
    more = ", …" if len(feature.categories) > _LISTED else ""
    near = get_close_matches(text.lower(), list(by_label), n=1)
    hint = f"did you mean {feature.categories[by_label[near[0]]].label!r}?" if near else ""
    raise _bad_cell(feature, cell, path, row, ", ".join(known) + more, hint)


def _bad_cell(
    feature: Feature, cell: object, path: Path | str, row: str, allowed: str, hint: str = ""
) -> DataError:
    return data_error(
        str(path),
        f"{row}`{feature.name}` ({feature.label}) is {code_text(cell)[:40]!r}",
        allowed,
        hint or "correct the cell, or leave it empty if the value is not known",
    )
