"""Reading a table from a CSV, TSV or Parquet file, with messages that say where it is broken."""

from __future__ import annotations

import csv
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TextIO

from deepseek_report.artifacts.numbers import count
from deepseek_report.datasets.columns import message
from deepseek_report.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

TEXT_SUFFIXES = (".csv", ".tsv", ".txt")
PARQUET_SUFFIXES = (".parquet", ".pq")
_SEPARATORS = (",", ";", "\t", "|")
#: What means missing in a text file; `None` does not, as it is a category in many tables.
MISSING = ("", "NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "NULL", "null")
_LONGEST_FIELD = 10_000_000


@dataclass(frozen=True)
class TextFormat:
    """How a text file is written; `separator` None means: found from the first line."""

    separator: str | None = None
    encoding: str = "utf-8"
    decimal: Literal[".", ","] = "."
    missing_values: tuple[str, ...] = ()

    @property
    def codec(self) -> str:
        """UTF-8 also swallows the byte-order mark that spreadsheets write."""
        return "utf-8-sig" if self.encoding.lower() in {"utf-8", "utf8"} else self.encoding


def is_parquet(path: Path) -> bool:
    """By the ending of the name."""
    return path.suffix.lower() in PARQUET_SUFFIXES


def file_problem(path: Path, also: tuple[str, ...] = ()) -> str | None:
    """Why this cannot be a data file at all, or None; `also` are further endings that can be."""
    known = TEXT_SUFFIXES + PARQUET_SUFFIXES + also
    if not path.exists():
        near = _names_beside(path)
        do = "correct `dataset.path`; it is taken from the folder that the command runs in"
        return message(str(path), "there is no such file", f"an existing file{near}", do)
    if path.is_dir():
        return message(str(path), "this is a folder", f"one file ({', '.join(known)})", "name it")
    if path.suffix.lower() not in known:
        found = f"files of type `{path.suffix or 'none'}` are not read"
        return message(str(path), found, ", ".join(known), "save the table as CSV or Parquet")
    if path.stat().st_size == 0:
        return message(str(path), "the file is empty", "a header and rows", "export it again")
    return None


def _names_beside(path: Path) -> str:
    from difflib import get_close_matches

    if not path.parent.is_dir():
        return f" (the folder `{path.parent}` does not exist either)"
    names = sorted(one.name for one in path.parent.iterdir() if one.is_file())
    close = get_close_matches(path.name, names, n=3)
    return f" (near it: {', '.join(close)})" if close else ""


def read_header(path: Path, form: TextFormat) -> list[str]:
    """The column names, without reading the rows."""
    if (problem := file_problem(path)) is not None:
        raise DataError(problem)
    names = _parquet_header(path) if is_parquet(path) else _text_header(path, form)
    _check_names(path, names)
    return names


def read_table(path: Path, form: TextFormat) -> pd.DataFrame:
    """All rows; the cells of a text file come as text, those of Parquet with their own types."""
    names = read_header(path, form)
    frame = _read_parquet(path) if is_parquet(path) else _read_text(path, form, len(names))
    frame.columns = names
    if frame.empty:
        found = "there is a header but no row" if names else "there is no column"
        raise DataError(message(str(path), found, "at least one row", "export the table again"))
    return frame


def read_column(path: Path, form: TextFormat, name: str) -> pd.Series:
    """One column, with little memory; broken lines are left to `read_table` to tell of.

    Raises
    ------
    DataError : there is no such file or column.
    """
    names = read_header(path, form)
    if name not in names:
        raise DataError(message(str(path), f"`{name}` is not a column", "a column", "correct it"))
    if is_parquet(path):
        import pyarrow.parquet as pq

        return pq.read_table(path, columns=[name]).to_pandas(ignore_metadata=True)[name]
    import pandas as pd

    found = pd.read_csv(
        path,
        sep=_separator(path, form),
        encoding=form.codec,
        encoding_errors="replace",
        dtype=str,
        keep_default_na=False,
        na_values=[*MISSING, *form.missing_values],
        header=0,
        names=list(range(len(names))),
        index_col=False,
        usecols=[names.index(name)],
        on_bad_lines="skip",
    )
    return found.iloc[:, 0]


def _check_names(path: Path, names: list[str]) -> None:
    twice = [name for name, n in Counter(names).items() if n > 1]
    if twice:
        found = "these column names occur more than once: " + ", ".join(f"`{n}`" for n in twice)
        do = "rename the columns in the file"
        raise DataError(message(str(path), found, "every name once", do))


# --- text -----------------------------------------------------------------------------------------


def _text_header(path: Path, form: TextFormat) -> list[str]:
    try:
        with _open(path, form) as stream:
            first = next(csv.reader(stream, delimiter=_separator(path, form)), [])
    except UnicodeError as error:
        raise DataError(_encoding_problem(path, form, error)) from None
    if not any(cell.strip() for cell in first):
        do = "export the table with its column names"
        raise DataError(message(str(path), "the first line is blank", "a header", do))
    return [name.strip() or f"unnamed {i + 1}" for i, name in enumerate(first)]


def _open(path: Path, form: TextFormat) -> TextIO:
    try:
        return path.open(encoding=form.codec, newline="")
    except LookupError:
        found = f"`{form.encoding}` is not the name of an encoding"
        do = "correct `dataset.encoding`"
        raise DataError(message(str(path), found, "utf-8, cp1252, latin-1, …", do)) from None


def _separator(path: Path, form: TextFormat) -> str:
    """The declared separator, or the one that cuts the first line into most columns."""
    if form.separator:
        return form.separator
    if path.suffix.lower() == ".tsv":
        return "\t"
    with _open(path, form) as stream:
        line = stream.readline()
    return max(_SEPARATORS, key=lambda one: len(next(csv.reader([line], delimiter=one), [])))


def _read_text(path: Path, form: TextFormat, width: int) -> pd.DataFrame:
    import pandas as pd

    separator = _separator(path, form)
    _check_lines(path, form, separator, width)
    return pd.read_csv(
        path,
        sep=separator,
        encoding=form.codec,
        dtype=str,
        keep_default_na=False,
        na_values=[*MISSING, *form.missing_values],
        header=0,
        names=list(range(width)),
        index_col=False,
    )


def _check_lines(path: Path, form: TextFormat, separator: str, width: int) -> None:
    """Every line has as many cells as the header; says which line does not."""
    csv.field_size_limit(_LONGEST_FIELD)
    try:
        with _open(path, form) as stream:
            reader = csv.reader(stream, delimiter=separator, strict=True)
            for cells in reader:
                if cells and len(cells) != width:
                    raise DataError(_width_problem(path, reader.line_num, len(cells), width))
    except UnicodeError as error:
        raise DataError(_encoding_problem(path, form, error)) from None
    except csv.Error as error:
        found = f"line {count(reader.line_num)} cannot be read ({error})"
        do = "correct the quotes there, or declare `dataset.separator`"
        raise DataError(message(str(path), found, "one record a line", do)) from None


def _width_problem(path: Path, line: int, found: int, width: int) -> str:
    return message(
        str(path),
        f"line {count(line)} has {found} cells, the header has {width}",
        "as many cells in every line as in the header",
        "quote cells that contain the separator, or declare `dataset.separator`",
    )


def _encoding_problem(path: Path, form: TextFormat, error: UnicodeError) -> str:
    raw = path.read_bytes()
    where = f", first at byte {count(_first_bad(raw, form))}"
    guess = "utf-16" if raw[:2] in {b"\xff\xfe", b"\xfe\xff"} else "cp1252"
    reason = getattr(error, "reason", str(error))
    return message(
        str(path),
        f"the file is not written in {form.encoding}{where} ({reason})",
        "the encoding that `dataset.encoding` names",
        f"try `dataset.encoding={guess}`, or save the file as UTF-8",
    )


def _first_bad(raw: bytes, form: TextFormat) -> int:
    try:
        raw.decode(form.codec)
    except UnicodeDecodeError as error:
        return error.start + 1
    return 1


# --- Parquet --------------------------------------------------------------------------------------


def _parquet_header(path: Path) -> list[str]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        names = pq.read_schema(path).names
    except (pa.ArrowException, OSError) as error:
        raise DataError(_parquet_problem(path, error)) from None
    return [name for name in names if not name.startswith("__index_level_")]


def _read_parquet(path: Path) -> pd.DataFrame:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path, columns=_parquet_header(path))
    except (pa.ArrowException, OSError) as error:
        raise DataError(_parquet_problem(path, error)) from None
    return table.to_pandas(ignore_metadata=True)


def _parquet_problem(path: Path, error: Exception) -> str:
    reason = str(error).splitlines()[0]
    do = "write the file again, or correct its ending if it is a CSV file"
    return message(str(path), f"this is not a readable Parquet file ({reason})", "Parquet", do)
