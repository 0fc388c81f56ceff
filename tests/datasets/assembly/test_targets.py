"""Numbers and several labels as targets of tables."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from deepseek_report.artifacts.protocols.progress import Silent
from deepseek_report.artifacts.split import Dataset
from deepseek_report.datasets.sources.csv import TableFile
from deepseek_report.tasks import task_of
from tests.datasets.loading import issues_of, refusal, written
from tests.worded import say

N = 300


@pytest.fixture
def table(tmp_path: Path) -> str:
    rng = np.random.default_rng(4)
    size = rng.normal(100, 20, N)
    frame = pd.DataFrame(
        {
            "size": size.round(2),
            "colour": rng.choice(["red", "blue"], N),
            "price": (3 * size + rng.normal(0, 30, N)).round(2),
            "sunny": rng.integers(0, 2, N),
            "warm": np.where(rng.random(N) < 0.3, "yes", "no"),
        }
    )
    return written(frame, tmp_path / "houses.csv")


def load(path: str, **fields: object) -> Dataset:
    return TableFile(path=path, **fields).load(3, Silent())  # type: ignore[arg-type]


def test_a_number_of_many_values_is_predicted_as_a_number_and_keeps_its_unit(table: str) -> None:
    source = TableFile(path=table, target="price", unit="€", drop=("sunny", "warm"))
    assert source.nature.task == "regression"
    dataset = source.load(3, Silent())
    target = dataset.schema.target
    assert (target.task, target.unit, target.classes) == ("regression", "€", ("price",))
    assert task_of(target).n_outputs(target) == 1
    assert dataset.train.labels.dtype == np.float64
    assert dataset.card["label_numbers"]["max"] == pd.read_csv(table)["price"].max()
    assert dataset.card["labels"] == []


def test_few_numbers_are_classes_unless_a_number_is_asked_for(table: str) -> None:
    assert TableFile(path=table, target="sunny").nature.task == "classification"
    assert TableFile(path=table, target="sunny", task="regression").nature.task == "regression"
    assert load(table, target="sunny", task="regression").schema.target.is_number


def test_several_columns_are_several_labels_and_one_is_reported(table: str) -> None:
    source = TableFile(path=table, target=("sunny", "warm"), report_label="warm", favourable=1)
    assert source.nature.task == "multi_label"
    dataset = source.load(3, Silent())
    target, test = dataset.schema.target, dataset.test
    assert target.labels == ("sunny", "warm")
    assert target.classes == ("without warm", "with warm")
    assert (target.explained, target.favourable) == (1, 1)
    assert task_of(target).n_outputs(target) == 2
    assert test.all_labels is not None
    np.testing.assert_array_equal(test.labels, test.all_labels[:, 1])
    assert [row["label"] for row in dataset.card["all_labels"]] == ["sunny", "warm"]
    assert dataset.schema.names == ["size", "colour", "price"]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"target": "price", "task": "classification"}, "dataset.task=regression"),
        ({"target": ("sunny", "price")}, "says neither|say neither"),
        ({"target": ("sunny", "warm"), "task": "regression"}, "several target columns"),
        ({"target": "warm", "task": "multi_label"}, "one target column"),
        ({"target": ("sunny", "warm"), "report_label": "hot"}, "report_label` is `hot`"),
        ({"target": "colour", "task": "regression"}, "no finite number"),
        ({"target": "price", "task": "regression", "positive": 1}, "a number has no classes"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_what_to_do(table: str, fields, words: str) -> None:
    assert re.search(words, refusal(TableFile(path=table, **fields)))


def test_a_feature_that_gives_the_number_away_is_found(table: str, tmp_path: Path) -> None:
    frame = pd.read_csv(table)
    frame["copy"] = np.exp(frame["price"] / 100)
    issues = load(written(frame, tmp_path / "leaky.csv"), target="price").issues
    leaks = [issue.values["feature"] for issue in issues if issue.check == "near_leak"]
    assert leaks == ["copy"]


def test_rows_with_the_same_inputs_and_another_number_contradict(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    frame = pd.DataFrame(random.normal(size=(60, 3)), columns=[*"abc"])
    frame = pd.concat([frame, frame]).assign(y=np.arange(120.0))
    dataset = load(written(frame, tmp_path / "twice.csv"), target="y")
    assert dataset.card["leakage"]["contradictory_rows"] == 120
    text = say(issues_of(dataset)["duplicates"].text)
    assert text == "120 copies have another number than the row they repeat."
