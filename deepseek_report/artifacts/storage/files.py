"""Reading and writing of artifacts: JSON, Parquet, npz; the same content gives the same bytes."""

from __future__ import annotations

import io
import json
import os
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from json.encoder import encode_basestring
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from deepseek_report.artifacts.message import Message
from deepseek_report.artifacts.storage.format_bounds import (
    check_footer,
    expanded,
    holds_texts,
    read_arrays,
    refuse_types,
    unpacked,
)
from deepseek_report.artifacts.storage.memory_bound import most_bytes, parse, refuse_beyond
from deepseek_report.artifacts.storage.plain_files import open_file, read_bytes, write_whole
from deepseek_report.errors import ArtifactError

if TYPE_CHECKING:
    import pandas as pd

_ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)
#: What a cell of a table takes once it is an object of Python, as it is where rows are written.
_BYTES_A_CELL = 64
#: What numpy, zipfile, zlib and pyarrow (whose errors are ValueErrors) raise of damaged files.
_MALFORMED = (
    *(ValueError, TypeError, KeyError, EOFError, NotImplementedError, AttributeError),
    *(zipfile.BadZipFile, zlib.error, SyntaxError, OverflowError, MemoryError),
)


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, Path):
        return value.as_posix()
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    if isinstance(value, Message):
        return value.to_json()
    if isinstance(value, Mapping) or hasattr(value, "__dataclass_fields__"):
        return dict(value if isinstance(value, Mapping) else vars(value))
    raise TypeError(f"cannot store a {type(value).__name__} as JSON")


def dump_json(value: Any) -> str:
    """JSON text in the order of the keys; NaN and infinities become null."""
    text = json.dumps(value, default=_plain, ensure_ascii=False)
    finite = json.loads(text, parse_constant=lambda _: None)
    return _indented(finite, "\n") + "\n"


def _indented(value: Any, line: str) -> str:
    """The text of `json.dumps(value, ensure_ascii=False, indent=1)`, in a third of its time.

    With an indent the json module of Python does without its part in C.
    line : a line break and the indent of what is around the value.
    """
    kind, inside = type(value), line + " "
    if kind is str:
        return encode_basestring(value)
    if kind is float or kind is int:
        return repr(value)
    if kind is dict and value:
        pairs = [f"{encode_basestring(k)}: {_indented(item, inside)}" for k, item in value.items()]
        return f"{{{inside}{f',{inside}'.join(pairs)}{line}}}"
    if kind is list and value:
        return f"[{inside}{f',{inside}'.join([_indented(item, inside) for item in value])}{line}]"
    return json.dumps(value)


def save_json(path: Path, value: Any) -> None:
    """Write `value` as JSON; makes the folder."""
    write_whole(path, dump_json(value).encode())


def load_json(path: Path, most: int = 0, *, below: Path | None = None, links: bool = False) -> Any:
    """Read JSON; raises ArtifactError if the file is missing, malformed or beyond a bound.

    most : the most bytes of the file; 0: what an artifact may hold. below, links : see
    `plain_files.open_file`.
    """
    with _reading(path):
        return parse(path, read_bytes(path, most, below=below, links=links))


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except ArtifactError:
        raise
    except FileNotFoundError:
        raise ArtifactError(f"{path}: this artifact is missing; run the experiment again") from None
    except json.JSONDecodeError as error:
        raise ArtifactError(f"{path}: not valid JSON ({error})") from None
    except RecursionError:
        raise ArtifactError(f"{path}: nested too deeply to be an artifact") from None
    except OSError as error:
        raise ArtifactError(f"{path}: cannot be read ({error.strerror or error})") from None
    except _MALFORMED as error:
        raise ArtifactError(f"{path}: damaged ({error})") from None


def save_arrays(path: Path, **arrays: NDArray[Any]) -> None:
    """Like `numpy.savez_compressed`, but with no clock in the file and never a pickle."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(arrays):
            buffer = io.BytesIO()
            np.lib.format.write_array(buffer, np.asarray(arrays[name]), allow_pickle=False)
            entry = zipfile.ZipInfo(f"{name}.npy", date_time=_ZIP_EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, buffer.getvalue())
    write_whole(path, content.getvalue())


def load_arrays(path: Path) -> dict[str, Any]:
    """All arrays of an npz file by name; raises ArtifactError if it is missing or malformed."""
    with _reading(path), open_file(path) as stream:
        return dict(read_arrays(path, stream))


def save_table(path: Path, table: pd.DataFrame) -> None:
    """A table as Parquet, without the index."""
    content = io.BytesIO()
    table.to_parquet(content, index=False, compression="zstd")
    write_whole(path, content.getvalue())


def load_table(path: Path) -> pd.DataFrame:
    """Read a Parquet table; raises ArtifactError if it is missing, malformed or too large."""
    with _reading(path), open_file(path) as stream:
        return _table(path, stream)


def _table(path: Path, stream: BinaryIO) -> pd.DataFrame:
    """A table whose size has been counted; a repeated text is there once until it has been."""
    import pyarrow.parquet as pq

    refuse_beyond(path, size := os.fstat(stream.fileno()).st_size)
    check_footer(stream, size)
    with pq.ParquetFile(stream) as file:
        about, schema = file.metadata, file.schema_arrow
        refuse_types(schema)
        refuse_beyond(path, about.num_rows * about.num_columns * _BYTES_A_CELL)
        held = unpacked(stream, about)
        refuse_beyond(path, max(held.size, held.values * _BYTES_A_CELL))
        if held.size + held.values * held.longest <= most_bytes():
            return file.read(use_threads=False).to_pandas()
    texts = [field.name for field in schema if holds_texts(field.type)]
    stream.seek(0)
    with pq.ParquetFile(stream, metadata=about, read_dictionary=texts) as file:
        table = file.read(use_threads=False)
    refuse_beyond(path, held.size + expanded(table))
    return table.cast(schema).to_pandas()
