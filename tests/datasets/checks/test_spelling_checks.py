"""Classes and dates that are written in several ways are pointed out, and nothing else is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from deepseek_report.artifacts.split import Dataset
from deepseek_report.errors import DataError
from tests.datasets.loading import issues_of, table_of
from tests.worded import say

N = 300


def table(**columns: Any) -> pd.DataFrame:
    random = np.random.default_rng(0)
    frame = pd.DataFrame({"x": random.normal(size=N).round(3), "y": random.choice(["p", "q"], N)})
    return frame.assign(**{name: np.resize(cells, N) for name, cells in columns.items()})


def load(frame: pd.DataFrame, folder: Path, **fields: Any) -> Dataset:
    return table_of(frame, folder, target="y", **fields)


def test_true_yes_and_1_in_one_target_are_pointed_out(tmp_path: Path) -> None:
    dataset = load(table(y=["True", "yes", "1", "False", "no", "0"]), tmp_path)
    data_issue = issues_of(dataset)["classes_spelled_twice"]
    assert data_issue.severity == "high"
    groups = {frozenset(entry["code"] for entry in same) for same in data_issue.values["spellings"]}
    assert groups == {frozenset({"True", "yes", "1"}), frozenset({"False", "no", "0"})}
    assert "“1”, “True” and “yes” (50, 50 and 50 rows)" in say(data_issue.text)
    assert len(set(dataset.schema.target.classes)) == 6  # each by a name of its own


def test_classes_that_differ_in_capitals_alone_are_pointed_out(tmp_path: Path) -> None:
    data_issue = issues_of(load(table(y=["Good", "good", "bad"]), tmp_path))[
        "classes_spelled_twice"
    ]
    assert data_issue.severity == "medium"
    assert data_issue.values["n"] == 200


@pytest.mark.parametrize(
    "classes", [["True", "False"], ["yes", "no"], ["0", "1", "2"], ["1", "10"], ["a", "b", "c"]]
)
def test_classes_of_one_spelling_each_are_not(classes: list[str], tmp_path: Path) -> None:
    assert "classes_spelled_twice" not in issues_of(load(table(y=classes), tmp_path))


MIXED = [["2020-01-05", "06/01/2020"], ["5 Jan 2020", "2020-02-05"], ["2020-01-05", "2020/01/06"]]


@pytest.mark.parametrize("dates", MIXED)
def test_dates_of_several_forms_are_left_out_and_pointed_out(
    dates: list[str], tmp_path: Path
) -> None:
    dataset = load(table(when=dates), tmp_path)
    data_issue = issues_of(dataset)["mixed_dates"]
    assert data_issue.severity == "low"
    assert data_issue.values["examples"] == dates
    assert list(dataset.schema.names) == ["x"]


def test_dates_of_several_forms_that_order_the_rows_are_graver(tmp_path: Path) -> None:
    days = pd.date_range("2020-01-01", periods=N)
    when = np.where(np.arange(N) % 2, days.strftime("%Y-%m-%d"), days.strftime("%d/%m/%Y"))
    data_issue = issues_of(load(table(when=when), tmp_path, time="when"))["mixed_dates"]
    assert data_issue.severity == "medium"
    assert "the first is read as the month if it can be one" in say(data_issue.text)


@pytest.mark.parametrize("form", ["%Y-%m-%d", "%d.%m.%Y", "%d %b %Y", "%Y-%m-%dT%H:%M:%S"])
def test_dates_of_one_form_are_not_pointed_out(form: str, tmp_path: Path) -> None:
    when = pd.date_range("2020-01-01", periods=N).strftime(form)
    dataset = load(table(when=when), tmp_path, time="when")
    assert "mixed_dates" not in issues_of(dataset)


# --- infinite cells -------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["inf", "-Infinity", "1e999"])
def test_an_infinite_cell_is_told_with_its_row_and_can_be_declared_missing(
    text: str, tmp_path: Path
) -> None:
    frame = table()
    frame["x"] = frame["x"].astype(str)
    frame.loc[3, "x"] = text
    with pytest.raises(DataError) as caught:
        load(frame, tmp_path)
    assert "1 infinite value, first in row 4" in str(caught.value)
    assert "`dataset.missing_values`" in str(caught.value)
    assert load(frame, tmp_path, missing_values=(text,)).card["missing"] == {"x": 1}


def test_an_infinite_moment_is_missing(tmp_path: Path) -> None:
    frame = table(t=[str(i) for i in range(N)])
    frame.loc[3, "t"] = "inf"
    assert load(frame, tmp_path, time="t").train.groups["t"].min() >= -1
    with pytest.raises(DataError, match=r"1 moment is missing .* first in row 4"):
        load(frame, tmp_path, time="t", split_by="time")
