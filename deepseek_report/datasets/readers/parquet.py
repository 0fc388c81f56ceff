"""Parquet within bounds: a small file can unpack to any size, so it is counted before and while."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from deepseek_report.artifacts.array_types import Ints
from deepseek_report.datasets.assembly.column_declarations import data_error
from deepseek_report.datasets.readers.file_bytes import FileBytes
from deepseek_report.datasets.readers.file_form import ReadLimits

if TYPE_CHECKING:
    import pandas as pd

_BATCH = 16_384
#: Bytes of one value in memory, by the physical type of its column.
_WIDTHS = {"BOOLEAN": 1, "INT32": 4, "INT64": 8, "INT96": 12, "FLOAT": 4, "DOUBLE": 8}


def parquet_names(path: Path, limits: ReadLimits, content: bytes | None = None) -> list[str]:
    """The column names, without reading the rows; of the content, where it has been read.

    Raises DataError: the file is not Parquet, or its list of contents says that it holds too much.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    source = path if content is None else pa.BufferReader(content)
    with _readable(path), pq.ParquetFile(source) as file:
        check_contents(file.metadata, str(path), limits)
        return _names(file)


def read_parquet(
    file: FileBytes, limits: ReadLimits, only: Sequence[str] | None = None, rows: Ints | None = None
) -> pd.DataFrame:
    """The columns with their own types; of the rows at these ascending positions alone, if any.

    Raises DataError: the file is not Parquet, or holds more than is allowed.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    where = str(file.path)
    with _readable(file.path):
        with pq.ParquetFile(pa.BufferReader(file.content)) as opened:
            check_contents(opened.metadata, where, limits)
            texts = _text_columns(opened)
            names = _names(opened) if only is None else list(only)
            schema = pa.schema([opened.schema_arrow.field(name) for name in names])
        # a repeated text is kept once while reading, so that counting needs no room
        with pq.ParquetFile(pa.BufferReader(file.content), read_dictionary=texts) as opened:
            counted = _counted(opened, names, where, limits)
            batches = list(counted if rows is None else _at(rows, counted))
        table = pa.Table.from_batches(batches) if batches else schema.empty_table()
        return table.cast(schema).to_pandas(ignore_metadata=True)


def check_contents(metadata: Any, where: str, limits: ReadLimits) -> None:
    """Refuse a file that holds too much by what its own list of contents says.

    Raises DataError: too many columns, values or bytes.
    """
    limits.check("columns", metadata.num_columns, where)
    limits.check("cells", metadata.num_rows * metadata.num_columns, where)
    values = packed = wide = 0
    for group in range(metadata.num_row_groups):
        row_group = metadata.row_group(group)
        for place in range(row_group.num_columns):
            column = row_group.column(place)
            values += column.num_values
            packed += column.total_uncompressed_size
            length = metadata.schema.column(place).length
            wide += column.num_values * (_WIDTHS.get(column.physical_type) or max(length, 0))
        limits.check("cells", values, where, at_least=True)
        limits.check("bytes", max(packed, wide), where, at_least=True)


def _names(file: Any) -> list[str]:
    """Without the row labels that pandas writes beside the columns."""
    return [name for name in file.schema_arrow.names if not name.startswith("__index_level_")]


def _text_columns(file: Any) -> list[str]:
    """Paths of the columns of texts, also those inside of lists."""
    schema = file.metadata.schema
    columns = [schema.column(place) for place in range(file.metadata.num_columns)]
    return [column.path for column in columns if column.physical_type == "BYTE_ARRAY"]


def _counted(file: Any, names: list[str], where: str, limits: ReadLimits) -> Iterator[Any]:
    """Batch by batch, as long as what they unpack to is allowed."""
    size = 0
    for batch in file.iter_batches(batch_size=_BATCH, columns=names):
        size += sum(map(_unpacked, batch.columns))
        limits.check("bytes", size, where, at_least=True)
        yield batch


def _at(rows: Ints, batches: Iterator[Any]) -> Iterator[Any]:
    """Of each batch the rows that are among these positions."""
    first = 0
    for batch in batches:
        ends = np.searchsorted(rows, [first, first + batch.num_rows])
        yield batch.take(rows[slice(*ends)] - first)
        first += batch.num_rows


def _unpacked(array: Any) -> int:
    """Bytes of a column of a batch once every row has its own copy of a repeated text."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_dictionary(array.type):
        kept = array.dictionary
        if not (pa.types.is_string(kept.type) or pa.types.is_binary(kept.type)):
            return int(array.nbytes)
        lengths = pc.binary_length(kept).cast(pa.int64()).take(array.indices)
        return int(pc.sum(lengths).as_py() or 0) + 8 * len(array)
    if pa.types.is_list(array.type) or pa.types.is_large_list(array.type):
        return _unpacked(array.flatten()) + 8 * len(array)
    if pa.types.is_struct(array.type):
        return sum(map(_unpacked, array.flatten()))
    return int(array.nbytes)


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError, ValueError, KeyError, OverflowError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise data_error(
            str(path),
            f"this is not a readable Parquet file ({reason})",
            "Parquet",
            "write the file again, or correct its ending if it is a CSV file",
        ) from None
