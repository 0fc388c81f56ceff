"""How cells are written: codes for missing, digits, and classes and dates in several spellings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from deepseek_report.artifacts.split import Dataset
from deepseek_report.datasets.assembly.column_declarations import ColumnDeclaration
from deepseek_report.datasets.checks.code_checks import suspected_codes
from deepseek_report.datasets.checks.few_columns import Trait, traits_of
from deepseek_report.errors import DataError
from deepseek_report.statistics.scorecards import (
    BinnedPart,
    areas_alone,
    areas_together,
    chance_of_highest,
    cut,
    likeliest_triples,
)
from tests.datasets.loading import issues_of, table_of
from tests.worded import say

NODATA = float(np.finfo(np.float32).min)


#: Draws of measurements as they come: skewed, counted, with heavy tails, rounded, in few values.
WORLDS = {
    "normal": lambda r, n: r.normal(size=n),
    "amounts": lambda r, n: np.exp(r.normal(8, 1.5, n)).round(),
    "counts with zeros": lambda r, n: np.where(r.random(n) < 0.9, 0, r.poisson(30, n)),
    "heavy tails": lambda r, n: np.floor(r.pareto(1.0, n) * 10),
    "ages": lambda r, n: r.integers(18, 95, n),
    "a limit that many reach": lambda r, n: np.minimum(np.exp(r.normal(3, 1, n)).round(), 100),
    "few levels": lambda r, n: r.choice([0, 1, 2, 3, 100], n),
}


@pytest.mark.parametrize("world", WORLDS)
def test_measurements_are_seldom_suspected(world: str) -> None:
    """Of 500 columns of 300 rows at most one in a hundred; in benign worlds none."""
    random = np.random.default_rng(1)
    wrong = sum(bool(suspected_codes(WORLDS[world](random, 300).astype(float))) for _ in range(500))
    assert wrong <= 5


@pytest.mark.parametrize("code", [NODATA, -999.0, -9999.0, 99999.0, 1e30])
def test_a_code_in_two_rows_is_found(code: float) -> None:
    random = np.random.default_rng(2)
    values = random.normal(20, 5, 300)
    values[[3, 40]] = code
    assert suspected_codes(values) == [(code, 2)]


@pytest.mark.parametrize("code", [-9.0, -99.0])
def test_nines_below_nothing_but_positive_numbers_are_found(code: float) -> None:
    values = np.random.default_rng(3).integers(60, 300, 300).astype(float)
    values[[3, 40]] = code
    assert suspected_codes(values) == [(code, 2)]
    assert suspected_codes(np.array([1.0, 2.0, 11.0, code, code])) == [(code, 2)]
    values[5] = -1.0
    assert suspected_codes(values) == []


def test_two_codes_one_behind_the_other_are_both_found() -> None:
    values = np.append(np.arange(50.0), [NODATA, -9999.0, -9999.0, np.nan])
    assert suspected_codes(values) == [(NODATA, 1), (-9999.0, 2)]


def test_nothing_is_suspected_where_there_is_nothing() -> None:
    assert suspected_codes(np.array([])) == []
    assert suspected_codes(np.full(5, np.nan)) == []
    assert suspected_codes(np.array([-999.0, -999.0])) == []


def test_a_table_with_a_nodata_value_has_the_issue_in_words(tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    frame = pd.DataFrame({"x": random.normal(size=200), "label": np.arange(200) % 2})
    frame.loc[frame.index % 20 == 7, "x"] = NODATA
    issue = issues_of(table_of(frame, tmp_path, target="label"))["missing_codes"]
    assert issue.severity == "high"
    assert "−3.40 × 10³⁸ stands in 10 rows" in say(issue.text).replace("\u00a0", " ")
    assert "dataset.missing_values" in say(issue.recommendation)


def _codes(traits: dict[Trait, Any], kind: str) -> list[int]:
    (codes,) = [codes for trait, codes in traits.items() if trait.kind == kind]
    return list(codes.tolist())


def test_digits_and_decimals_are_those_that_a_person_would_write():
    traits = traits_of(np.array([[12.34], [7.5], [100.0], [-3.07], [np.nan]]), np.array([0]))
    assert _codes(traits, "decimals") == [2, 1, 0, 2, 10]
    assert _codes(traits, "last_digit") == [4, 0, 0, 7, 10]
    assert _codes(traits, "units") == [2, 7, 0, 3, 10]
    assert _codes(traits, "tenths") == [3, 5, 0, 0, 10]


def test_numbers_of_single_precision_have_the_decimals_that_were_written():
    single = np.array([[1234.56], [0.1], [3.0]], dtype=np.float32).astype(np.float64)
    assert _codes(traits_of(single, np.array([0])), "decimals") == [2, 1, 0]


def test_whole_numbers_are_told_by_the_zeros_that_they_end_in_and_0_is_as_the_most():
    traits = traits_of(np.array([[1200.0], [35.0], [41.0], [50.0], [0.0]]), np.array([0]))
    assert _codes(traits, "zeros") == [2, 0, 0, 1, 0]
    assert _codes(traits, "last_digit")[:4] == [0, 5, 1, 0]


def test_computed_numbers_have_no_digits_to_look_at():
    random = np.random.default_rng(0)
    assert traits_of(random.normal(size=(50, 2)), np.array([0, 1])) == {}


def test_three_columns_that_tell_a_class_together_are_the_likeliest_triple():
    random = np.random.default_rng(0)
    values = random.normal(size=(3000, 7))
    labels = (values[:, 1] > 0) ^ (values[:, 3] > 0) ^ (values[:, 6] > 0)
    halves = [(values[k::2], labels[k::2].astype(np.int64)) for k in range(2)]
    categories = np.zeros(7, dtype=np.int64)
    learnt, judged = cut(*halves, categories)
    best, *_ = likeliest_triples(learnt, categories, 1, 3)
    assert best.tolist() == [1, 3, 6]
    three, two = (
        areas_together(learnt, judged, categories, 1, np.array([some]))
        for some in ([1, 3, 6], [1, 3])
    )
    assert three[0] > 0.95
    assert abs(two[0] - 0.5) < 0.06


def test_the_highest_area_of_many_columns_of_noise_is_seldom_beyond_chance():
    random = np.random.default_rng(0)
    p_values = []
    for _ in range(60):
        codes = random.integers(0, 10, (2, 300, 20))
        labels = (random.random((2, 300)) < 0.04).astype(np.int64)
        learnt, judged = (BinnedPart(codes[k], labels[k], 11) for k in range(2))
        highest = float(areas_alone(learnt, judged, 1).max())
        p_values.append(chance_of_highest(learnt, judged, 1, highest, 99))
    assert np.mean(np.array(p_values) <= 0.2) < 0.36
    assert np.mean(np.array(p_values) <= 0.2) > 0.06


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


def test_a_mark_among_the_classes_is_pointed_out_before_one_among_the_categories(
    tmp_path: Path,
) -> None:
    data_issue = issues_of(load(table(y=["p", "q", "?"], job=["cook", "-", "smith"]), tmp_path))[
        "marks_as_categories"
    ]
    assert data_issue.severity == "medium"
    assert [entry["feature"] for entry in data_issue.values["marks"]] == ["y", "job"]
    assert "“?” stands in 100 rows of 300 under “y”" in say(data_issue.text)
    assert "a class to be predicted; such marks stand in 1 further column" in say(data_issue.text)
    assert "leave the rows out of the data whose label is missing" in say(data_issue.recommendation)
    meanings = {"-": "not asked", "cook": "cook", "smith": "smith"}
    declared = {"job": ColumnDeclaration(categories=meanings)}
    jobs = table(job=["cook", "-", "smith"])
    assert "marks_as_categories" in issues_of(load(jobs, tmp_path))
    assert "marks_as_categories" not in issues_of(load(jobs, tmp_path, columns=declared))


@pytest.mark.parametrize(
    "classes", [["+", "-"], ["a", "b"], ["-1", "0", "1"], ["-9", "3"], ["-9", "-8", "1"]]
)
def test_classes_without_a_mark_are_not(classes: list[str], tmp_path: Path) -> None:
    assert "marks_as_categories" not in issues_of(load(table(y=classes), tmp_path))


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
