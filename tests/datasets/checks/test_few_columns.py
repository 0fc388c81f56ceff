"""Leaks of five forms are named; honest data, however strong, are not accused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from deepseek_report.artifacts.split import DataIssue, Dataset
from tests.datasets.loading import issues_of, table_of
from tests.worded import say

N = 1500


def honest(seed: int = 0, n: int = N) -> pd.DataFrame:
    """Six numbers and two categories that make the label together."""
    random = np.random.default_rng(seed)
    frame = pd.DataFrame(random.normal(size=(n, 6)), columns=list("abcdef"))
    frame["g"], frame["h"] = (random.choice(list("klmn"), n) for _ in range(2))
    log_odds = frame[list("abcdef")] @ np.array([1.0, 0.8, 0.6, 0.4, 0.2, 0.0])
    log_odds += 0.5 * (frame["g"] == "k")
    frame["label"] = (random.random(n) < 1 / (1 + np.exp(-log_odds))).astype(int)
    return frame


def agreeing(labels: pd.Series, share: float, seed: int = 1) -> np.ndarray:
    right = np.random.default_rng(seed).random(len(labels)) < share
    return np.where(right, labels, 1 - labels)


def leaks(frame: pd.DataFrame, folder: Path) -> list[DataIssue]:
    data = table_of(frame, folder, "t.parquet", target="label", source="s")
    return [issue for issue in data.issues if issue.check in {"near_leak", "row_order"}]


@pytest.mark.parametrize("seed", range(5))
def test_honest_columns_are_not_accused(tmp_path: Path, seed: int) -> None:
    assert leaks(honest(seed), tmp_path) == []


def test_many_strong_columns_are_not_accused(tmp_path: Path) -> None:
    frame = honest()
    random = np.random.default_rng(7)
    for name in "abcdef":
        frame[name] = 1.6 * frame["label"] + random.normal(size=N)
    assert leaks(frame, tmp_path) == []


@pytest.mark.parametrize("form", ["number", "category", "missing", "numbered"])
def test_a_partial_leak_is_named_with_what_the_other_columns_are_worth(
    tmp_path: Path, form: str
) -> None:
    frame, random = honest(), np.random.default_rng(3)
    marked = agreeing(frame["label"], 0.9)
    if form == "number":
        frame["z"] = 1.8 * frame["label"] + random.normal(size=N)
    elif form == "category":
        frame["z"] = np.where(marked == 1, "p", random.choice(["q", "r"], N))
    elif form == "missing":
        frame["z"] = np.where(marked == 1, np.nan, random.normal(size=N))
    else:
        frame = frame.iloc[np.argsort(1.8 * frame["label"] + random.normal(size=N))]
        frame = frame.reset_index(drop=True).assign(z=np.arange(N) * 7.0)
    issue = next(i for i in leaks(frame, tmp_path) if i.check == "near_leak")
    assert issue.values["features"] == ["z"]
    assert issue.severity == "medium"
    assert issue.values["auc"] == pytest.approx(0.9, abs=0.03)
    assert 0.7 < issue.values["without"] < 0.88
    assert issue.values["how"] == ("alone" if form in {"number", "category"} else form)
    assert "reaches 0." in say(issue.text)


def test_two_columns_that_make_the_label_together_are_named_together(tmp_path: Path) -> None:
    frame, random = honest(), np.random.default_rng(4)
    frame["y"] = random.choice(["p", "q"], N)
    frame["z"] = np.where((frame["y"] == "p") ^ (frame["label"] == 1), 1, -1) * random.random(N)
    (issue,) = leaks(frame, tmp_path)
    assert (set(issue.values["features"]), issue.severity) == ({"y", "z"}, "high")
    assert "dataset.drop=[y,z]" in say(issue.recommendation)


def test_rows_that_are_sorted_by_the_label_are_told(tmp_path: Path) -> None:
    frame = honest().sort_values("label").reset_index(drop=True)
    (issue,) = leaks(frame, tmp_path)
    assert (issue.check, issue.severity) == ("row_order", "low")


def of_people(folder: Path, seed: int, people: int = 40, rows: int = 20) -> list[Dataset]:
    """Columns that say nothing and hardly differ from row to row, and a coin for each person: the
    persons declared, and not.
    """
    random = np.random.default_rng([seed, 7])
    owners = np.repeat(np.arange(people), rows)
    frame = pd.DataFrame(random.normal(size=(people, 8))[owners], columns=list("abcdefij"))
    frame += random.normal(size=frame.shape) * 1e-3
    labels = random.integers(0, 2, people)[owners]
    frame["label"] = np.where(random.random(len(owners)) < 0.95, labels, 1 - labels)
    frame["owner"] = owners
    common = {"target": "label", "source": "s", "drop": ("owner",)}
    return [
        table_of(frame, folder, "t.parquet", entity=entity, **common) for entity in ("owner", None)
    ]


def test_few_people_with_many_rows_accuse_no_column(tmp_path: Path) -> None:
    accused = [
        ["near_leak" in issues_of(data) for data in of_people(tmp_path, seed)] for seed in range(12)
    ]
    known, unknown = np.sum(accused, axis=0)
    assert known == 0 < unknown


def test_what_could_not_be_found_is_told_by_people_and_not_by_rows(tmp_path: Path) -> None:
    by_people, by_rows = (
        data.card["missed"][0].values["least"] for data in of_people(tmp_path, 0, people=120)
    )
    assert by_people > by_rows


@pytest.mark.parametrize(("says_all", "grave"), [(False, False), (True, True)])
def test_a_column_that_tells_one_of_several_classes_weighs_less_than_one_that_tells_all(
    tmp_path: Path, says_all: bool, grave: bool
) -> None:
    random = np.random.default_rng(5)
    labels = random.integers(0, 5, 2000)
    frame = pd.DataFrame(random.normal(size=(2000, 6)), columns=list("abcdef"))
    own = labels if says_all else np.where(labels == 3, 3, random.integers(0, 3, 2000))
    frame["own"] = own + 0.2 * random.normal(size=2000)
    frame["label"] = labels
    (issue,) = leaks(frame, tmp_path)
    assert issue.values["features"] == ["own"]
    assert (issue.severity in ("high", "medium")) is grave
