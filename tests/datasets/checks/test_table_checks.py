"""The checks of tables: leaks of five forms are named, and honest data are not accused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from deepseek_report.artifacts.split import DataIssue, Dataset
from deepseek_report.datasets.assembly.column_declarations import band_labels
from deepseek_report.statistics.ranking import binary_auc
from tests.datasets.loading import issues_of, table_of
from tests.worded import say


def noise(n: int = 400) -> pd.DataFrame:
    random = np.random.default_rng(3)
    return pd.DataFrame(
        {"x": random.normal(size=n), "y": random.normal(size=n), "label": np.arange(n) % 2}
    )


def issues(frame: pd.DataFrame, folder: Path, **fields: Any) -> dict[str, DataIssue]:
    declared = {"target": "label", "source": "s", "period": "p", **fields}
    return issues_of(table_of(frame, folder, "t.parquet", **declared))


def test_auc_is_that_of_sklearn() -> None:
    from sklearn.metrics import roc_auc_score

    random = np.random.default_rng(5)
    labels, scores = random.random(200) < 0.3, random.integers(0, 20, 200).astype(float)
    assert binary_auc(scores, labels) == pytest.approx(roc_auc_score(labels, scores))
    assert binary_auc(scores, np.zeros(200, dtype=bool), undefined=0.5) == 0.5


def test_noise_has_no_issue_but_what_is_undeclared(tmp_path: Path) -> None:
    assert set(issues(noise(), tmp_path)) == {"population_limits"}


@pytest.mark.parametrize("sign", [1, -1])
def test_a_feature_that_is_the_label_is_a_near_leak(tmp_path: Path, sign: int) -> None:
    frame = noise()
    frame["x"] = sign * (frame["label"] + frame["x"] / 20)
    leak = issues(frame, tmp_path)["near_leak"]
    assert leak.severity == "high"
    assert leak.values["feature"] == "x"
    assert leak.values["auc"] > 0.99


def test_a_feature_with_a_category_for_each_row_is_no_leak(tmp_path: Path) -> None:
    frame = noise().assign(word=[f"w{i // 2}" for i in range(400)])
    assert "near_leak" not in issues(frame, tmp_path, max_categories=1000)


def test_a_category_is_a_near_leak_where_it_decides_the_rare_class_and_no_other(
    tmp_path: Path,
) -> None:
    frame = noise(1000)
    frame["label"] = (np.arange(1000) % 5 == 0).astype(int)
    refused = np.where(np.arange(1000) % 20 == 0, "yes", "no")
    leak = issues(frame.assign(refused=refused), tmp_path)["near_leak"]
    assert (leak.values["n"], leak.values["n_class"]) == (50, 50)
    assert say(leak.text).startswith("Of the 50 rows with “refused: yes”, 50 (100.0\u00a0%)")
    paid = np.where(np.arange(1000) % 10 == 1, "yes", "no")
    assert "near_leak" not in issues(frame.assign(paid=paid), tmp_path)


def test_missing_cells_that_decide_the_label_are_a_near_leak(tmp_path: Path) -> None:
    frame = noise()
    frame["label"] = (np.arange(400) % 4 == 0).astype(int)
    frame.loc[np.arange(400) % 8 == 0, "x"] = np.nan
    leak = issues(frame, tmp_path)["near_leak"]
    assert (say(leak.values["category"]), leak.values["n"]) == ("missing", 50)


def test_copies_across_parts_are_told_where_rows_stand_apart(tmp_path: Path) -> None:
    frame = pd.concat([noise(200)] * 2, ignore_index=True)
    assert issues(frame, tmp_path)["duplicates"].values["n"] == 200
    apart = issues(frame, tmp_path, duplicates="apart")
    assert apart["duplicates_across_parts"].severity == "high"
    assert "duplicates_across_parts" not in issues(frame, tmp_path, duplicates="drop")


def test_a_constant_feature_and_rare_categories_are_told(tmp_path: Path) -> None:
    frame = noise().assign(same=7, word=["rare"] * 5 + ["often"] * 395)
    by_check = issues(frame, tmp_path)
    assert by_check["constant_feature"].values == {"feature": "same"}
    assert [category["n"] for category in by_check["rare_categories"].values["categories"]] == [5]


@pytest.mark.parametrize(
    ("rows", "rare", "severity", "uncertain"),
    [
        (2000, 15, "low", "may be off by up to 53 points"),
        (2000, 590, "info", "Only 29.5\N{NO-BREAK SPACE}%"),
    ],
)
def test_a_rare_class_weighs_by_how_uncertain_its_few_test_rows_leave_a_rate(
    tmp_path: Path, rows: int, rare: int, severity: str, uncertain: str
) -> None:
    frame = noise(rows)
    frame["label"] = (np.arange(rows) < rare).astype(int)
    issue = issues(frame, tmp_path)["label_balance"]
    assert issue.severity == severity
    assert issue.values["n"] == rare
    assert uncertain in say(issue.text)


def test_correlated_features_are_told_with_the_strongest_pair(tmp_path: Path) -> None:
    frame = noise().assign(z=lambda f: -(f["x"] ** 3))
    issue = issues(frame, tmp_path)["correlated_features"]
    assert issue.values["strongest"]["spearman"] == -1


def test_every_issue_says_what_to_do(tmp_path: Path) -> None:
    frame = pd.concat([noise(60).assign(z=lambda f: f["x"], c=1)] * 2, ignore_index=True)
    frame.loc[3, "y"] = np.nan
    by_check = issues(frame, tmp_path, sensitive=("y",))
    assert len(by_check) >= 6
    for issue in by_check.values():
        assert say(issue.text).endswith(".")
        # A sentence, or an override to paste.
        assert say(issue.recommendation).endswith((".", "]'"))


def test_bands_are_named_as_people_say_them() -> None:
    ages = band_labels(np.array([25.0, 26.0, 30.0]), True, "years")
    assert ages == ["under 25", "25", "26–29", "30 or more"]
    parts = band_labels(np.array([0.5, 1.5]), False, None)
    assert parts == ["under 0.500", "0.500 to under 1.50", "1.50 or more"]
    assert band_labels(np.array([]), True, None) == ["all"]


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
    agrees = np.random.default_rng(1).random(N) < 0.9
    marked = np.where(agrees, frame["label"], 1 - frame["label"])
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
