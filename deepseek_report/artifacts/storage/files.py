"""Reading and writing of artifacts: JSON, Parquet, npz; the same content gives the same bytes."""

from __future__ import annotations

import importlib
import importlib.util
import io
import json
import math
import os
import struct
import sys
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from json.encoder import encode_basestring
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.lib import format as npy

from deepseek_report.artifacts.array_types import Array
from deepseek_report.artifacts.message import Message
from deepseek_report.artifacts.storage.memory_bound import most_bytes, parse, refuse_beyond
from deepseek_report.artifacts.storage.plain_files import (
    ZIP_EPOCH,
    open_archive,
    open_file,
    read_bytes,
    write_whole,
)
from deepseek_report.errors import ArtifactError

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    import pyarrow.parquet as pq
    from jsonschema import Draft202012Validator


#: What a cell of a table takes once it is an object of Python, as it is where rows are written.
_BYTES_A_CELL = 64
#: What numpy, zipfile, zlib and pyarrow (whose errors are ValueErrors) raise of damaged files.
_MALFORMED = (
    *(ValueError, TypeError, KeyError, EOFError, NotImplementedError, AttributeError),
    *(zipfile.BadZipFile, zlib.error, SyntaxError, OverflowError, MemoryError),
)


def _plain(value: object) -> Any:
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


def dump_json(value: object) -> str:
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


def save_json(path: Path, value: object) -> None:
    """Write `value` as JSON; makes the folder."""
    write_whole(path, dump_json(value).encode())


def load_json(path: Path, most: int = 0, *, links: bool = False) -> Any:
    """Read JSON; raises ArtifactError if the file is missing, malformed or beyond a bound.

    most : the most bytes of the file; 0: what an artifact may hold. links : see
    `plain_files.open_file`.
    """
    with _reading(path):
        return parse(path, read_bytes(path, most, links=links))


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


def save_arrays(path: Path, **arrays: Array) -> None:
    """Like `numpy.savez_compressed`, but with no clock in the file and never a pickle."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(arrays):
            buffer = io.BytesIO()
            np.lib.format.write_array(buffer, np.asarray(arrays[name]), allow_pickle=False)
            entry = zipfile.ZipInfo(f"{name}.npy", date_time=ZIP_EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, buffer.getvalue())
    write_whole(path, content.getvalue())


def load_arrays(path: Path) -> dict[str, Any]:
    """All arrays of an npz file by name; raises ArtifactError if it is missing or malformed."""
    with _reading(path), open_file(path) as stream:
        return dict(read_arrays(path, stream))


def arrays_of(record: object, names: Iterable[str]) -> dict[str, Any]:
    """{field: array} of those of these fields of a record that hold one."""
    known = {name: getattr(record, name) for name in names}
    return {name: array for name, array in known.items() if array is not None}


def take_below(arrays: dict[str, Any], prefix: str) -> dict[str, Any]:
    """Take out of arrays those whose names begin so, by the rest of their names."""
    names = [name for name in arrays if name.startswith(prefix)]
    return {name.removeprefix(prefix): arrays.pop(name) for name in names}


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

    refuse_beyond(path, size := stream.seek(0, os.SEEK_END))
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


# Whether arrays or a table would take too much memory, told before they are read.

#: The most members of an archive of arrays.
_MOST_ARRAYS = 20_000
_PIECE = 2**20
#: Kinds of arrays that are stored: yes or no, whole and other numbers, texts.
_KINDS = frozenset("biufUS")
_READ = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}


def read_arrays(path: Path, stream: BinaryIO) -> dict[str, Array]:
    """All arrays by name.

    Raises
    ------
    ArtifactError : they hold more than an artifact may.
    ValueError, zipfile.BadZipFile, EOFError, zlib.error : the file is damaged.
    """
    with open_archive(stream, _MOST_ARRAYS) as archive:
        members = archive.infolist()
        refuse_beyond(path, sum(member.file_size for member in members))
        return {
            member.filename.removesuffix(".npy"): _array(path, archive, member)
            for member in members
        }


def _array(path: Path, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Array:
    with archive.open(member) as stream:
        version = npy.read_magic(stream)
        if version not in _READ:
            raise ValueError(f"{member.filename} is written in an unknown version")
        shape, fortran, dtype = _READ[version](stream)
        if dtype.kind not in _KINDS or dtype.subdtype is not None:
            raise ValueError(f"{member.filename} holds {dtype}, which is not stored")
        refuse_beyond(path, math.prod(max(length, 1) for length in shape) * max(1, dtype.itemsize))
        size = math.prod(shape) * dtype.itemsize
        if size != member.file_size - stream.tell():
            raise ValueError(f"{member.filename} is not as large as it says")
        content, place = bytearray(size), 0
        while piece := stream.read(min(_PIECE, size - place)):
            content[place : place + len(piece)] = piece
            place += len(piece)
        if place != size or stream.read(1):
            raise EOFError(f"{member.filename} does not end with its last value")
        array = np.frombuffer(content, dtype)
        return array.reshape(shape, order="F" if fortran else "C")


#: The most bytes of a file's list of contents, and structures in it.
_MOST_FOOTER, _MOST_STRUCTURES = 2**25, 400_000
_MAGIC, _TAIL = b"PAR1", 8
#: The head of a page has at most the two extremes of its values beside a few numbers.
_MOST_HEAD = 2**20
_HEAD = 2**12
#: PLAIN, PLAIN_DICTIONARY, RLE, BIT_PACKED, RLE_DICTIONARY, BYTE_STREAM_SPLIT.
_ENCODINGS = frozenset({0, 2, 3, 4, 8, 9})
#: Levels of Thrift's structures in each other.
_MOST_LEVELS = 16
#: Bytes of one value in memory, by the physical type of its column.
_WIDTHS = {"BOOLEAN": 1, "INT32": 4, "INT64": 8, "INT96": 12, "FLOAT": 4, "DOUBLE": 8}


def check_footer(stream: BinaryIO, size: int) -> None:
    """Refuse a list of contents that is large in memory, or whose columns lie in each other.

    Raises ValueError: it is no Parquet file, or such a one.
    """
    stream.seek(max(0, size - _TAIL))
    tail = stream.read(_TAIL)
    if len(tail) < _TAIL or tail[4:] != _MAGIC:
        raise ValueError("not a Parquet file")
    length = int.from_bytes(tail[:4], "little")
    if length > min(_MOST_FOOTER, size - _TAIL):
        raise ValueError("its list of contents is longer than may be")
    stream.seek(size - _TAIL - length)
    schema = _Thrift(stream.read(length), _MOST_STRUCTURES).structure().get(2, [])
    if any(5 in element for element in schema[1:]):
        raise ValueError("it has columns in columns, which no table of this package has")


@dataclass(frozen=True)
class Unpacked:
    """What the pages of a file unpack to.

    size : in bytes, without copies of repeated texts. longest : that of the largest page, so that
    no text is longer.
    """

    values: int
    size: int
    longest: int


def unpacked(stream: BinaryIO, metadata: pq.FileMetaData) -> Unpacked:
    """What all pages hold, by their own heads.

    metadata : as `pyarrow.parquet.ParquetFile` gives it.

    Raises ValueError: a head is damaged, or a page is encoded as no table of this package is.
    """
    values = size = longest = 0
    for group in range(metadata.num_row_groups):
        for column, width in column_chunks(metadata, group):
            for page in _pages(stream, column):
                values += page.values
                size += page.size + page.values * width
                longest = max(longest, page.size)
    return Unpacked(values, size, longest)


def column_chunks(
    metadata: pq.FileMetaData, group: int
) -> Iterator[tuple[pq.ColumnChunkMetaData, int]]:
    """Each column of a group of rows, and the bytes of one of its values; 0 for texts."""
    row_group = metadata.row_group(group)
    for place in range(row_group.num_columns):
        column, length = row_group.column(place), metadata.schema.column(place).length
        yield column, _WIDTHS.get(column.physical_type) or max(int(length), 0)


@dataclass(frozen=True)
class _PageHead:
    values: int
    size: int


def _pages(stream: BinaryIO, column: pq.ColumnChunkMetaData) -> Iterator[_PageHead]:
    """The pages of a column chunk, until they hold all of its values, as Arrow reads them."""
    start = column.data_page_offset
    if column.has_dictionary_page and 0 < column.dictionary_page_offset < start:
        start = column.dictionary_page_offset
    end, seen = start + column.total_compressed_size, 0
    if not column.num_values:
        return
    if start < len(_MAGIC) or column.total_compressed_size < 0 or column.num_values < 0:
        raise ValueError("a column lies outside of the file")
    while start < end and seen < column.num_values:
        head, length = _head(stream, start, end)
        page = _page(head)
        yield page
        seen += page.values
        start += length + head[3]
    if seen < column.num_values:
        raise ValueError("a column has fewer values than the file says")


def _head(stream: BinaryIO, start: int, end: int) -> tuple[dict[int, Any], int]:
    """The head of a page, and how long it is."""
    most = _HEAD
    while True:
        stream.seek(start)
        thrift = _Thrift(stream.read(min(most, end - start)), 64)
        try:
            head = thrift.structure()
        except IndexError:
            if most >= min(_MOST_HEAD, end - start):
                raise ValueError("the head of a page is damaged") from None
            most *= 16
            continue
        if min(head.get(2, -1), head.get(3, -1)) < 0:
            raise ValueError("a page does not say how large it is")
        return head, thrift.place


def _page(head: dict[int, Any]) -> _PageHead:
    data = head.get(5) or head.get(8)
    about = data or head.get(7)
    if about is None:
        return _PageHead(0, head[2])
    encoding = about.get(4 if head.get(8) and not head.get(5) else 2)
    if encoding not in _ENCODINGS or about.get(1, -1) < 0:
        raise ValueError(f"a page is encoded in a way ({encoding}) that is not read")
    return _PageHead(about[1] if data else 0, head[2])


def refuse_types(schema: pa.Schema) -> None:
    """Raise ValueError where an Arrow schema has a type that no table of this package has."""
    import pyarrow.types as kinds

    for field in schema:
        kind = field.type.value_type if kinds.is_dictionary(field.type) else field.type
        plain = (kinds.is_boolean, kinds.is_integer, kinds.is_floating, kinds.is_timestamp)
        if not (holds_texts(kind) or kinds.is_null(kind) or any(test(kind) for test in plain)):
            raise ValueError(f"a column of {str(field.type)[:40]}, which is not stored")


def holds_texts(kind: object) -> bool:
    """Whether a column of this type of Arrow holds texts."""
    import pyarrow.types as kinds

    return bool(kinds.is_string(kind) or kinds.is_large_string(kind))


def expanded(table: pa.Table) -> int:
    """Bytes of the texts of an Arrow table once each row has its own copy of a repeated one."""
    import pyarrow as pa
    import pyarrow.compute as pc

    size = 0
    for column in table.columns:
        if pa.types.is_dictionary(column.type):
            for chunk in column.chunks:
                lengths = pc.binary_length(chunk.dictionary).cast(pa.int64()).take(chunk.indices)
                size += int(pc.sum(lengths).as_py() or 0)
    return size


class _Thrift:
    """Values in Thrift's compact protocol. Raises IndexError where they are cut off."""

    def __init__(self, content: bytes, structures: int) -> None:
        self.content, self.place, self.structures = content, 0, structures

    def structure(self, level: int = 0) -> dict[int, Any]:
        """{number of a field: its value}."""
        self.structures -= 1
        if self.structures < 0 or level > _MOST_LEVELS:
            raise ValueError("its list of contents is longer than that of an artifact may hold")
        fields: dict[int, object] = {}
        number = 0
        while (head := self._byte()) & 15:
            number = number + (head >> 4) if head >> 4 else self._integer()
            kind = head & 15
            fields[number] = kind == 1 if kind <= 2 else self._value(kind, level)
        return fields

    def _value(self, kind: int, level: int) -> object:
        if kind in {4, 5, 6}:
            return self._integer()
        if kind == 8:
            return self._bytes(self._number())
        if kind in {9, 10}:
            return self._list(level)
        if kind == 12:
            return self.structure(level + 1)
        if kind in {1, 2, 3}:
            return self._byte()
        if kind == 7:
            return struct.unpack("<d", self._bytes(8))[0]
        raise ValueError("it holds what is in no Parquet file")

    def _list(self, level: int) -> list[object]:
        head = self._byte()
        length = self._number() if head >> 4 == 15 else head >> 4
        if length > len(self.content) - self.place:  # an element has at least a byte
            raise IndexError
        return [self._value(head & 15, level) for _ in range(length)]

    def _byte(self) -> int:
        self.place += 1
        return self.content[self.place - 1]

    def _bytes(self, length: int) -> bytes:
        start, self.place = self.place, self.place + length
        if self.place > len(self.content):
            raise IndexError
        return self.content[start : self.place]

    def _number(self) -> int:
        value = shift = 0
        while True:
            byte = self._byte()
            value |= (byte & 127) << shift
            if byte < 128:
                return value
            shift += 7
            if shift > 63:
                raise ValueError("a number is longer than may be")

    def _integer(self) -> int:
        value = self._number()
        return (value >> 1) ^ -(value & 1)


#: {library by which jsonschema checks addresses, which takes long to load: what it takes of it}
_ADDRESSES = {"rfc3987_syntax": "is_valid_syntax", "rfc3986_validator": "validate_rfc3986"}


def validator_of(schema: Mapping[str, object]) -> Draft202012Validator:
    """The validator of a shipped JSON schema, which names no formats of texts.

    Of the libraries by which jsonschema checks formats, those of addresses take longer to load than
    all others together; where they are installed, as beside Jupyter, they wait to be asked.
    """
    waiting = [
        name for name in _ADDRESSES if name not in sys.modules and importlib.util.find_spec(name)
    ]
    for name in waiting:
        sys.modules[name] = late = ModuleType(name)
        vars(late)[_ADDRESSES[name]] = partial(_asked, name)
    try:
        from jsonschema import Draft202012Validator
    finally:
        for name in waiting:
            del sys.modules[name]
    return Draft202012Validator(schema)


def _asked(library: str, *arguments: Any, **named: Any) -> Any:
    return getattr(importlib.import_module(library), _ADDRESSES[library])(*arguments, **named)
