"""Files with flipped and missing bytes: a table or a sentence, and never another error."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from deepseek_report.datasets.readers.file_form import ReadLimits
from deepseek_report.datasets.readers.json_lines import read_json_lines, read_keys
from deepseek_report.datasets.readers.table_file import read_header, read_table
from deepseek_report.datasets.sources.csv import TableFile
from deepseek_report.errors import DataError


def frame() -> pd.DataFrame:
    random = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "Größe": random.normal(size=40).round(3),
            "text": np.resize(["ein Wort", "“zwei”", "三"], 40),
            "y": np.resize(["yes", "no"], 40),
        }
    )


def whole(suffix: str) -> bytes:
    buffer = io.BytesIO()
    if suffix == ".parquet":
        frame().to_parquet(buffer)
    elif suffix == ".xlsx":
        pytest.importorskip("openpyxl")
        frame().to_excel(buffer, index=False)
    elif suffix == ".jsonl":
        return frame().to_json(orient="records", lines=True).encode()
    else:
        return frame().to_csv(index=False, sep=";", decimal=",").encode("utf-8")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("suffix", "times"), [(".parquet", 150), (".csv", 60), (".xlsx", 60), (".jsonl", 40)]
)
@pytest.mark.filterwarnings("ignore::UserWarning:openpyxl")
def test_a_damaged_file_is_read_or_told(suffix: str, times: int, tmp_path: Path) -> None:
    random, raw = np.random.default_rng(1), whole(suffix)
    path = tmp_path / f"a{suffix}"
    form = TableFile(bounds=ReadLimits(bytes=50_000_000, cells=1_000_000)).form
    outcomes = set()
    for turn in range(times):
        damaged = bytearray(raw)
        for place in random.integers(0, len(raw), size=1 + turn % 3):
            damaged[place] = random.integers(0, 256)
        path.write_bytes(damaged[: random.integers(1, len(raw))] if turn % 5 == 0 else damaged)
        outcomes.add(read(path, form, suffix))
    assert outcomes == {"read", "told"}


def read(path: Path, form: Any, suffix: str) -> str:
    try:
        if suffix == ".jsonl":
            read_keys(path, form)
            read_json_lines(path, form)
        else:
            read_header(path, form)
            read_table(path, form)
    except DataError as error:
        return "told" if "What to do: " in str(error) else str(error)
    return "read"
