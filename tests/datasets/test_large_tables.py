"""Large tables: rows drawn while reading and put on record, checks on declared samples."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from deepseek_report.artifacts.split import Dataset
from deepseek_report.datasets import data_card
from deepseek_report.datasets.readers.file_form import ReadLimits
from deepseek_report.datasets.sources.csv import TableFile
from deepseek_report.datasets.splitting import draw_rows
from deepseek_report.errors import DataError
from tests.datasets.loading import loaded, notes_of, written
from tests.worded import say

N = 600


def frame(n: int = N) -> pd.DataFrame:
    random = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "x": random.normal(size=n).round(4),
            "place": random.choice(["north", "south"], n),
            "person": np.arange(n) // 2,
            "y": random.choice(["good", "bad", "worse"], n, p=[0.6, 0.3, 0.1]),
        }
    )


def load(table: pd.DataFrame, folder: Path, name: str = "a.csv", **fields: Any) -> Dataset:
    return loaded(TableFile(path=written(table, folder / name), target="y", **fields), 3)


def all_rows(dataset: Dataset) -> tuple[list[int], list[Any]]:
    """The rows in the order of the file: their numbers and their inputs."""
    whole = dataset.every_part
    ordered = whole.take(np.argsort(whole.instance_ids))
    return ordered.instance_ids.tolist(), ordered.inputs.tolist()


@pytest.mark.parametrize("name", ["a.csv", "a.parquet"])
def test_drawn_rows_are_those_that_the_whole_column_of_the_target_gives(
    name: str, tmp_path: Path
) -> None:
    table = frame()
    ids, inputs = all_rows(load(table, tmp_path, name, rows=150))
    assert ids == draw_rows(len(table), 150, 3).tolist()
    assert [row[0] for row in inputs] == table["x"].to_numpy()[ids].tolist()


def test_the_draw_is_on_record_with_its_seed(tmp_path: Path) -> None:
    drawn = load(frame(), tmp_path, rows=150)
    assert drawn.card["rows"] == 150
    assert drawn.card["draw"] == {"rows": 150, "of": N, "seed": 3}
    sentence = "Of 600 rows, 150 were drawn at random, by the seed 3."
    assert sentence in notes_of(drawn)
    assert load(frame(), tmp_path, rows=N).card["draw"] is None


def test_entities_and_moments_go_with_the_drawn_rows(tmp_path: Path) -> None:
    table = frame().assign(t=np.arange(N))
    dataset = load(table, tmp_path, rows=300, entity="person", time="t")
    people = [set((part.instance_ids // 2).tolist()) for part in (dataset.train, dataset.test)]
    assert not people[0] & people[1]
    train = dataset.train
    periods = train.groups["t"]
    assert np.all(np.diff(periods[np.argsort(train.instance_ids)]) >= 0)


def test_what_is_wrong_in_a_drawn_row_is_told_by_its_number_in_the_file(tmp_path: Path) -> None:
    table = frame()
    table["x"] = table["x"].astype(str)
    ids, _ = all_rows(load(table, tmp_path, rows=150))
    table.loc[ids[40], "x"] = "?"
    table.loc[ids[50], "x"] = "inf"
    with pytest.raises(DataError, match=rf"first in row {ids[40] + 1} \('\?'\)"):
        load(table, tmp_path, rows=150)
    table.loc[ids[40], "x"] = "0"
    with pytest.raises(DataError, match=f"infinite value, first in row {ids[50] + 1}"):
        load(table, tmp_path, rows=150)


def test_a_missing_target_is_told_wherever_it_is(tmp_path: Path) -> None:
    table = frame()
    table.loc[17, "y"] = ""
    with pytest.raises(DataError, match="missing in 1 row: row 18"):
        load(table, tmp_path, rows=60)


def test_a_class_that_is_too_rare_for_the_draw_is_told_by_its_name(tmp_path: Path) -> None:
    table = frame()
    table.loc[5, "y"] = "worst"
    with pytest.raises(DataError, match="'worst' has 0 rows"):
        load(table, tmp_path, rows=60)


def test_a_file_larger_than_the_bounds_is_checked_and_read_where_rows_are_drawn(
    tmp_path: Path,
) -> None:
    bounds = ReadLimits(bytes=20_000, cells=4_000)
    dataset = load(frame(4000), tmp_path, rows=200, bounds=bounds)
    source = TableFile(path=str(tmp_path / "a.csv"), target="y")
    assert "dataset.bounds.bytes" in replace(source, bounds=bounds).problems()[0]
    assert dataset.card["draw"] == {"rows": 200, "of": 4000, "seed": 3}
    assert dataset.read == source.source_digest()


# --- samples --------------------------------------------------------------------------------------


def test_on_how_many_rows_checks_look_is_said_where_not_on_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = frame().assign(z=lambda table: table["x"] * 2)
    usual = load(table, tmp_path).card
    assert usual["limited"] == []
    monkeypatch.setattr(data_card, "MOST_COMPARED_ROWS", 100)
    monkeypatch.setattr(data_card, "_MOST_ROWS", 50)
    card = load(table, tmp_path).card
    compared, searched = map(say, card["limited"])
    assert "searched on 100 of 600 rows" in compared
    assert "searched on 50 of the 360 training rows" in searched
    assert [pair["b"] for pair in card["correlations"]] == ["z"]


def test_copies_are_counted_on_all_rows_however_few_others_checks_look_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = frame().assign(z=np.random.default_rng(1).normal(size=N))
    table = pd.concat([table, table.iloc[:37]])
    monkeypatch.setattr(data_card, "MOST_COMPARED_ROWS", 100)
    assert load(table, tmp_path).card["duplicates"] == 37
