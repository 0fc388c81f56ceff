"""Entities stay together; dates cut rows into periods, and share them out if asked."""

from __future__ import annotations

from dataclasses import fields, replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from deepseek_report.artifacts.split import Dataset, Split
from deepseek_report.config.catalogue import target_of
from deepseek_report.config.config_files import shipped_file, shipped_files
from deepseek_report.datasets.assembly.row_metadata import possible_entity
from deepseek_report.datasets.sources.csv import TableFile
from deepseek_report.datasets.sources.text_file import TextFile
from tests.datasets.loading import issues_of, loaded, parts_of, refusal, written
from tests.worded import say

N = 1200


def frame() -> pd.DataFrame:
    random = np.random.default_rng(0)
    days = pd.Timestamp("2020-01-01") + pd.to_timedelta(random.permutation(N), unit="D")
    return pd.DataFrame(
        {
            "x": random.normal(size=N),
            "text": [" ".join(random.choice(list("abcdefgh"), 9)) for _ in range(N)],
            "person": random.integers(0, 150, N),
            "day": days.strftime("%Y-%m-%d"),
            "label": random.integers(0, 2, N),
        }
    )


def load(folder: Path, kind: type = TableFile, **fields: Any) -> Dataset:
    left_out = {"drop": ("text",)} if kind is TableFile else {"text": "text", "duplicates": "apart"}
    path = written(frame(), folder / "t.csv")
    return loaded(kind(path=path, target="label", **left_out, **fields))


@pytest.mark.parametrize("kind", [TableFile, TextFile])
def test_rows_of_one_entity_are_in_one_part(tmp_path: Path, kind: type) -> None:
    data, people = load(tmp_path, kind, entity="person"), frame()["person"]
    sets = [set(people[part.instance_ids]) for part in parts_of(data)]
    assert sum(map(len, sets)) == len(set.union(*sets)) == people.nunique()
    assert "person" in say(data.card["leakage"]["method"])
    assert "person" not in data.schema.names


@pytest.mark.parametrize("kind", [TableFile, TextFile])
def test_the_latest_rows_are_tested_where_that_is_asked(tmp_path: Path, kind: type) -> None:
    data, days = load(tmp_path, kind, time="day", split_by="time"), frame()["day"]
    spans = [days[part.instance_ids] for part in parts_of(data)]
    assert spans[0].max() < spans[1].min() <= spans[1].max() < spans[2].min()
    assert len(data.test) == pytest.approx(0.2 * N, abs=2)
    assert "day" in say(data.card["leakage"]["method"])


def test_the_column_of_time_cuts_the_rows_into_periods_without_being_a_feature(
    tmp_path: Path,
) -> None:
    data = load(tmp_path, time="day")
    (attribute,) = data.schema.attributes
    assert (attribute.name, attribute.kind, attribute.source) == ("day", "other", None)
    assert attribute.levels == ("2020-01-01 – 2021-08-22", "2021-08-23 – 2023-04-14")
    late = frame()["day"][data.test.instance_ids] >= "2021-08-23"
    assert np.array_equal(data.test.groups["day"], late)
    assert "day" not in data.schema.names


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"split_by": "time"}, "no column says when"),
        ({"split_by": "time", "time": "day", "entity": "person"}, "tear apart"),
        ({"entity": "persn"}, "did you mean `person`"),
        ({"entity": "label"}, "two roles"),
        ({"entity": "day", "time": "day"}, "two columns"),
    ],
)
def test_what_cannot_be_is_told_before_rows_are_read(
    tmp_path: Path, fields: dict[str, Any], problem: str
) -> None:
    source = TableFile(path=written(frame(), tmp_path / "t.csv"), target="label", **fields)
    assert problem in "\n".join(source.problems())


def test_moments_that_are_missing_and_too_few_entities_are_told(tmp_path: Path) -> None:
    table = frame()
    table.loc[6, "day"] = "soon"
    table["person"] = table["person"] % 4
    source = TableFile(path=written(table, tmp_path / "t.csv"), target="label", drop=("text",))
    assert "first in row 7" in refusal(replace(source, time="day", split_by="time"))
    few = replace(source, drop=("text", "day"), entity="person")
    assert "4 entities, too few" in refusal(few)


@pytest.mark.parametrize("kind", [TableFile, TextFile])
def test_every_part_knows_the_entities_of_its_rows_and_the_card_counts_them(
    tmp_path: Path, kind: type
) -> None:
    data, people = load(tmp_path, kind, entity="person"), frame()["person"].to_numpy()
    for rows in parts_of(data):
        assert rows.entities is not None
        same = people[rows.instance_ids][:, None] == people[rows.instance_ids]
        assert (same == (rows.entities[:, None] == rows.entities)).all()
    observed = data.card["observations"]
    assert observed["entity"] == "person"
    assert observed["rows_of"] == len(np.unique(people))
    assert observed["tested_of"] == len(np.unique(people[data.test.instance_ids]))
    data.test.save(tmp_path / "test.npz")
    np.testing.assert_array_equal(Split.load(tmp_path / "test.npz").entities, data.test.entities)


@pytest.mark.parametrize("kind", [TableFile, TextFile])
def test_a_column_that_seems_to_name_people_is_asked_about(tmp_path: Path, kind: type) -> None:
    data = load(tmp_path, kind)
    assert data.test.entities is None
    assert data.card["observations"]["rows_of"] is None
    proposal = issues_of(data)["possible_entity"]
    assert proposal.values["column"] == "person"
    assert "dataset.entity=person" in say(proposal.recommendation)
    assert "possible_entity" not in issues_of(load(tmp_path, kind, entity="person"))


@pytest.mark.parametrize(
    ("name", "values", "is_asked"),
    [
        ("customer_id", np.arange(400) // 4, True),
        ("PatientID", np.arange(400) // 2, True),
        ("customer_id", np.arange(400), False),  # a number of the row
        ("customer_id", np.arange(400) % 3, False),  # a few kinds of something
        ("amount", np.arange(400) // 4, False),
        ("paid", np.arange(400) // 4, False),
    ],
)
def test_a_name_and_repeated_values_make_a_column_look_like_entities(
    name: str, values: np.ndarray, is_asked: bool
) -> None:
    table = pd.DataFrame({"x": np.random.default_rng(0).normal(size=400), name: values})
    assert (possible_entity(table, None) is not None) == is_asked


def test_rows_alike_in_all_but_their_time_are_asked_about() -> None:
    table = pd.DataFrame(
        {
            "x": np.arange(300) // 3,
            "day": pd.date_range("2024-01-01", periods=300).strftime("%Y-%m-%d"),
        }
    )
    possible = possible_entity(table, None)
    assert possible is not None
    assert (possible.column, possible.n) == ("", 200)
    assert possible_entity(table.assign(x=np.arange(300)), "day") is None


def names_of(key: str) -> set[str]:
    module, _, name = target_of(shipped_file("dataset", key)).rpartition(".")
    return {field.name for field in fields(getattr(import_module(module), name))}


#: Sources whose label a person names: their rows are not known here.
OWN = [file.stem for file in shipped_files("dataset") if "target" in names_of(file.stem)]


@pytest.mark.parametrize("key", OWN)
def test_every_source_of_ones_own_rows_takes_an_entity(key: str) -> None:
    assert "entity" in names_of(key)


def test_tables_texts_images_and_series_can_be_ones_own() -> None:
    assert {"csv", "text_file", "image_folder", "series_file", "openml"} <= set(OWN)
