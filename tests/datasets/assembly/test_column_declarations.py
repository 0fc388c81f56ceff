"""What a column is declared to be: its groups, its direction, its step."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from deepseek_report.artifacts.protocols.progress import Silent
from deepseek_report.artifacts.schema import Category, Feature, Schema
from deepseek_report.artifacts.split import Dataset
from deepseek_report.datasets.assembly.column_declarations import (
    MOST_GROUPS,
    ColumnDeclaration,
    group_by,
)
from deepseek_report.datasets.assembly.data_declarations import attribute_of
from deepseek_report.datasets.sources.csv import TableFile
from deepseek_report.datasets.sources.taiwan_credit import TaiwanCredit
from deepseek_report.errors import DataError
from tests.datasets.loading import written


def nations(n: int) -> Feature:
    categories = tuple(Category(str(k), f"nation {k}") for k in range(n))
    return Feature("nation", "Nation", "categorical", categories=categories)


def test_no_level_of_many_is_pooled_when_data_are_read() -> None:
    values = np.array([*np.repeat(np.arange(200.0), 3), np.nan])
    attribute, codes = group_by(nations(200), values, ColumnDeclaration())
    assert attribute.levels == tuple(f"nation {k}" for k in range(200))
    assert codes.tolist() == [*np.repeat(np.arange(200), 3).tolist(), -1]


def test_a_column_of_many_values_gives_as_many_groups() -> None:
    cells = pd.Series([f"region {k % 60}" for k in range(600)], name="region")
    attribute, codes = attribute_of(cells, "person", "data.csv")
    assert len(attribute.levels) == 60
    assert np.bincount(codes).tolist() == [10] * 60


def test_more_groups_than_can_be_compared_are_refused_with_what_to_do() -> None:
    n = MOST_GROUPS + 1
    with pytest.raises(DataError, match=f"at most {MOST_GROUPS} groups"):
        group_by(nations(n), np.arange(float(n)), ColumnDeclaration())
    with pytest.raises(DataError, match="has 2001 different values"):
        attribute_of(pd.Series([str(k) for k in range(n)], name="id"), "person", "data.csv")


SAY_UNKNOWN = (
    *("Unknown", "UNK", "n/a", "N.A.", "?", "-", "not stated", "Not-reported", "race unknown"),
    *("Other/unknown", "Other (n/a)", "Unknown or not reported", "Prefer not to say", "missing"),
    *("declined to answer", "Don't know", "ethnicity - not known", "未知", "keine Angabe"),
    "Information not provided by applicant in mail, Internet, or telephone application",
)
SAY_WHO = (
    *("none", "Other", "not applicable", "no", "north", "No known disability", "Two or more races"),
    *("Not Hispanic or Latino", "non-binary", "Native American/Alaskan", "other status", "25–34"),
)


@pytest.mark.parametrize("name", [*SAY_UNKNOWN, *SAY_WHO])
def test_a_group_that_says_so_is_unknown_wherever_groups_are_made(name: str) -> None:
    names = ["women", name, "men"]
    is_group = name in SAY_WHO
    expected = ({*names} if is_group else {"women", "men"}, 0 if is_group else 1)
    categories = tuple(Category(str(k), label) for k, label in enumerate(names))
    sex = Feature("sex", "Sex", "categorical", categories=categories)
    declared = ColumnDeclaration(levels={"0": "women", "1": name, "2": "men"})
    made = [
        group_by(sex, np.arange(3.0), ColumnDeclaration()),
        group_by(sex, np.arange(3.0), declared),
        attribute_of(pd.Series(names, name="sex"), "person", "data.csv"),
    ]
    for attribute, codes in made:
        assert ({*attribute.levels}, int((codes == -1).sum())) == expected
        levels = [attribute.levels[code] if code >= 0 else "" for code in codes]
        assert levels == [each if is_group or each != name else "" for each in names]


def load(folder: Path, **columns: ColumnDeclaration) -> Dataset:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "income": rng.normal(50, 10, 300).round(1),
            "grade": rng.choice([1, 2, 3], 300),
            "place": rng.choice(["north", "south"], 300),
            "label": rng.choice(["yes", "no"], 300),
        }
    )
    path = written(frame, folder / "people.csv")
    return TableFile(path=path, target="label", columns=columns).load(1, Silent())


def test_a_declared_direction_and_step_reach_the_schema_and_its_file(tmp_path: Path) -> None:
    income = ColumnDeclaration(direction="increase", step=0.5)
    schema = load(tmp_path, income=income).schema
    again = Schema.from_json(schema.to_json())
    for read in (schema, again):
        assert read.feature("income").direction == "increase"
        assert read.feature("income").step == 0.5
        assert read.feature("place").direction == "either"
        assert read.feature("place").step is None


def test_a_schema_of_an_older_run_moves_either_way(tmp_path: Path) -> None:
    plain: dict[str, Any] = load(tmp_path).schema.to_json()
    for feature in plain["features"]:
        del feature["direction"], feature["step"]
    assert {f.direction for f in Schema.from_json(plain).features} == {"either"}


@pytest.mark.parametrize(
    ("column", "declared", "says"),
    [
        ("place", {"direction": "increase"}, "categories, which have no order"),
        ("place", {"step": 1.0}, "of a column that is categorical"),
        ("income", {"step": 0.0}, "a number above 0"),
        ("income", {"step": float("nan")}, "a number above 0"),
        ("income", {"direction": "decrease", "mutable": False}, "mutable: false"),
        ("income", {"direction": "either", "sensitive": True}, "sensitive"),
        ("grade", {"kind": "ordinal", "step": 1.0}, "of a column that is ordinal"),
    ],
)
def test_a_direction_or_step_that_cannot_be_is_an_error(
    column: str, declared: dict[str, Any], says: str, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=says) as raised:
        load(tmp_path, **{column: ColumnDeclaration(**declared)})
    assert column in str(raised.value)
    assert "What to do" in str(raised.value)


def test_shipped_data_about_people_say_which_way_each_number_can_move() -> None:
    features = TaiwanCredit(rows=1000).load(1, Silent()).schema.features
    movable = [feature for feature in features if feature.can_move]
    assert movable
    for feature in movable:
        if feature.kind != "categorical":
            assert feature.direction in {"increase", "decrease"}
        if feature.is_numeric:
            assert feature.step
