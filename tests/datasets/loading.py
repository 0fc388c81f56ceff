"""Tables of tests as data sets, and what is said of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from deepseek_report.artifacts.protocols.progress import Silent
from deepseek_report.artifacts.split import PARTS, DataIssue, Dataset, Split
from deepseek_report.datasets.sources.csv import TableFile
from deepseek_report.errors import DataError
from tests.worded import say


def written(frame: pd.DataFrame, path: Path, **how: Any) -> str:
    """The path of a file that holds the frame, in the form that its name says."""
    if path.name.endswith(".parquet"):
        frame.to_parquet(path)
    else:
        frame.to_csv(path, index=False, **how)
    return str(path)


def loaded(source: Any, seed: int = 1) -> Dataset:
    """What a source gives in which nothing is wrong."""
    assert source.problems() == []
    dataset: Dataset = source.load(seed, Silent())
    return dataset


def table_of(frame: pd.DataFrame, folder: Path, name: str = "t.csv", **fields: Any) -> Dataset:
    """The frame, written and read again, with what a config declares of it."""
    return loaded(TableFile(path=written(frame, folder / name), **fields))


def refusal(source: Any, seed: int = 1) -> str:
    """What is said instead of a data set, and what is allowed and to do."""
    with pytest.raises(DataError) as caught:
        source.load(seed, Silent())
    text = str(caught.value)
    assert "Allowed: " in text
    assert "What to do: " in text
    return text


def parts_of(dataset: Dataset) -> list[Split]:
    return [getattr(dataset, part) for part in PARTS]


def issues_of(dataset: Dataset) -> dict[str, DataIssue]:
    """By the name of the check; of several of one check the last."""
    return {issue.check: issue for issue in dataset.issues}


def notes_of(dataset: Dataset) -> str:
    return " ".join(map(say, dataset.card["preparation"]))
