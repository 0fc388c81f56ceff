"""Rows of one's own are read as the model reads its data, or refused with what is wrong."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deepseek_report.artifacts.schema import Category, Feature, Schema, Target
from deepseek_report.datasets.readers.case_rows import MOST_ROWS, read_case_rows
from deepseek_report.errors import DataError

SCHEMA = Schema(
    (
        Feature("AGE", "Age", "numeric", unit="years"),
        Feature(
            "SEX", "Sex", "categorical", categories=(Category("1", "man"), Category("2", "woman"))
        ),
        Feature(
            "PAY", "Paid", "ordinal", categories=(Category("-1", "duly"), Category("0", "late"))
        ),
    ),
    Target("y", "y", ("no", "yes")),
)
WANTED = np.array([[41.0, 1.0, 0.0], [30.5, 0.0, np.nan]])


def written(folder: Path, name: str, content: Any) -> Path:
    path = folder / name
    path.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
    return path


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", "AGE,SEX,PAY\n41,2,-1\n30.5,1,\n"),
        ("a.csv", "pay,extra,Sex,Age\nduly,x,Woman,41\n,y,man,30.5\n"),
        ("a.json", [{"AGE": 41, "SEX": 2, "PAY": -1}, {"AGE": "30.5", "SEX": "man", "PAY": None}]),
        ("a.jsonl", '{"AGE": 41, "SEX": 2, "PAY": -1}\n{"AGE": 30.5, "SEX": 1}\n'),
    ],
    ids=["codes", "labels", "json", "lines"],
)
def test_names_and_labels_codes_and_words_give_the_same_rows(
    tmp_path: Path, name: str, content: Any
) -> None:
    rows = read_case_rows(written(tmp_path, name, content), SCHEMA)
    assert np.array_equal(rows.inputs, WANTED, equal_nan=True)
    assert rows.ignored == (("extra",) if "extra" in str(content) else ())


def test_one_object_is_one_row(tmp_path: Path) -> None:
    path = written(tmp_path, "a.json", {"AGE": 41, "SEX": "woman", "PAY": "duly"})
    assert read_case_rows(path, SCHEMA).inputs.tolist() == [[41.0, 1.0, 0.0]]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("AGES,SEX,PAY\n41,2,-1\n", ["no column `AGE` (Age)", "did you mean `AGES`?"]),
        ("AGE,SEX,PAY\n41,womann,-1\n", ["row 1, `SEX` (Sex) is 'womann'", "2 (woman)", "'woman'"]),
        ("AGE,SEX,PAY\n41,3,-1\n", ["row 1, `SEX` (Sex) is '3'", "1 (man), 2 (woman)"]),
        ("AGE,SEX,PAY\n41,1,0\nold,1,0\n", ["row 2, `AGE` (Age) is 'old'", "a finite number"]),
        ("AGE,SEX,PAY\n" + "41,1,0\n" * (MOST_ROWS + 1), [f"it holds {MOST_ROWS + 1} rows"]),
    ],
)
def test_what_cannot_be_read_is_named_with_what_is_allowed(
    tmp_path: Path, content: str, says: list[str]
) -> None:
    with pytest.raises(DataError) as refused:
        read_case_rows(written(tmp_path, "a.csv", content), SCHEMA)
    assert all(text in str(refused.value) for text in says), str(refused.value)


@pytest.mark.parametrize(
    "content",
    ["{", "[1]", '{"AGE": [1], "SEX": 1, "PAY": 0}', "[]", "[" * 100_000, '{"AGE": 1e999}'],
)
def test_broken_json_is_refused_in_a_sentence(tmp_path: Path, content: str) -> None:
    with pytest.raises(DataError, match="What to do"):
        read_case_rows(written(tmp_path, "a.json", content), SCHEMA)


def test_a_missing_cell_is_a_missing_value(tmp_path: Path) -> None:
    rows = read_case_rows(written(tmp_path, "a.json", {"AGE": None, "SEX": "", "PAY": 0}), SCHEMA)
    assert math.isnan(rows.inputs[0, 0])
    assert math.isnan(rows.inputs[0, 1])
