"""Reading and writing of artifacts: JSON, Parquet, npz; the same content gives the same bytes."""

from __future__ import annotations

import hashlib
import io
import json
import os
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from deepseek_report.artifacts.message import Message
from deepseek_report.errors import ArtifactError

_ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)
#: The environment variable that raises the bound on what one artifact may hold in memory.
BOUND = "DEEPSEEK_REPORT_ARTIFACT_MIB"
_MOST_MIB = 2048
#: What a cell of a table takes at least: a number, or the reference to a text.
_BYTES_A_CELL = 8
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
    return json.dumps(finite, ensure_ascii=False, indent=1) + "\n"


#: Ending of a file that is still being written; what a killed process leaves has it.
PART = ".part"


def write_whole(path: Path, content: bytes, *, durable: bool = False) -> None:
    """Write a file in one step: if this is interrupted, it stays as it was; makes the folder.

    durable : also across a power cut: the bytes are on the disk before the file gets its name, and
    the name before this returns. Not needed in a folder that is flushed as a whole later.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    mark = hashlib.sha256(path.name.encode(errors="surrogateescape")).hexdigest()[:16]
    temporary = path.with_name(f".{mark}{PART}")
    try:
        with temporary.open("wb") as stream:
            stream.write(content)
            if durable:
                stream.flush()
                os.fsync(stream.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    if durable:
        flush(path.parent)


def flush(path: Path) -> None:
    """Wait until a file, or the list of names in a folder, is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def save_json(path: Path, value: Any) -> None:
    """Write `value` as JSON; makes the folder."""
    write_whole(path, dump_json(value).encode())


def load_json(path: Path) -> Any:
    """Read JSON; raises ArtifactError if the file is missing, malformed or beyond the bound."""
    with _reading(path):
        _bound(path, path.stat().st_size)
        return json.loads(path.read_text(encoding="utf-8"))


def _most_bytes() -> int:
    return int(os.environ.get(BOUND, "") or _MOST_MIB) * 2**20


def _bound(path: Path, size: int) -> None:
    if size > _most_bytes():
        raise ArtifactError(
            f"{path}: holds {size / 2**20:,.0f} MiB, and an artifact may hold "
            f"{_most_bytes() / 2**20:,.0f}. If you trust it, set {BOUND} to a greater number of MiB"
        )


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Say of a file that cannot be read which one it is and why."""
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
    with _reading(path):
        with zipfile.ZipFile(path) as archive:
            _bound(path, sum(entry.file_size for entry in archive.infolist()))
        with np.load(path, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}


def save_table(path: Path, table: pd.DataFrame) -> None:
    """A table as Parquet, without the index."""
    content = io.BytesIO()
    table.to_parquet(content, index=False, compression="zstd")
    write_whole(path, content.getvalue())


def load_table(path: Path) -> pd.DataFrame:
    """Read a Parquet table; raises ArtifactError if it is missing or malformed."""
    import pyarrow.parquet as pq

    with _reading(path), pq.ParquetFile(path) as file:
        about = file.metadata
        groups = (about.row_group(number) for number in range(about.num_row_groups))
        plain = sum(group.total_byte_size for group in groups)
        _bound(path, max(plain, about.num_rows * about.num_columns * _BYTES_A_CELL))
        return file.read(use_threads=False).to_pandas()


def sha256_file(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
