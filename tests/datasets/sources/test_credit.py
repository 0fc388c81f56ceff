"""The shipped data: the published totals, and the problems that are known to be in them."""

from __future__ import annotations

import time
from collections import Counter
from hashlib import sha256
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import deepseek_report.datasets.sources.known_tables as module
from deepseek_report.artifacts.protocols.progress import Silent
from deepseek_report.artifacts.split import DataIssue, Dataset
from deepseek_report.artifacts.storage.plain_files import sha256_file
from deepseek_report.datasets.sources.known_tables import TaiwanCredit
from tests.worded import say

FILE = Path(module.__file__).parent / "data" / "taiwan_credit.parquet"


@pytest.fixture(scope="module")
def credit() -> Dataset:
    return TaiwanCredit().load(7, Silent())


@pytest.fixture(scope="module")
def raw() -> pd.DataFrame:
    return pd.read_parquet(FILE)


def issue(dataset: Dataset, check: str) -> DataIssue:
    return next(data_issue for data_issue in dataset.issues if data_issue.check == check)


def test_the_published_totals_come_out(credit: Dataset) -> None:
    men, women = credit.card["groups"]["sex"]
    assert (men["level"], men["n"], round(men["base_rate"], 3)) == ("men", 11888, 0.242)
    assert (women["level"], women["n"], round(women["base_rate"], 3)) == ("women", 18112, 0.208)
    assert credit.card["labels"][1] == {"class": "default", "n": 6636, "share": 0.2212}


def test_every_value_goes_back_to_the_code_in_the_file(credit: Dataset, raw: pd.DataFrame) -> None:
    for part in (credit.train, credit.validation, credit.test):
        source = raw.iloc[part.instance_ids]
        for i, feature in enumerate(credit.schema.features):
            values = part.inputs[:, i]
            if not feature.is_numeric:
                codes = np.array([int(category.code) for category in feature.categories])
                values = codes[values.astype(int)]
            assert np.array_equal(values, source[feature.name])
        assert np.array_equal(part.labels, source["default_next_month"])


def test_the_thirty_five_copies_are_found_and_stay_together(
    credit: Dataset, raw: pd.DataFrame
) -> None:
    assert credit.card["duplicates"] == 35 == raw.duplicated().sum()
    assert credit.card["leakage"]["duplicates_across"] == 0
    assert issue(credit, "duplicates").values["n"] == 35


def test_rows_that_contradict_each_other_are_counted(credit: Dataset, raw: pd.DataFrame) -> None:
    inputs = list(raw.columns[:-1])
    different = raw.groupby(inputs)["default_next_month"].transform("nunique")
    assert credit.card["leakage"]["contradictory_rows"] == (different > 1).sum()


def test_the_undocumented_codes_are_found_with_their_counts(credit: Dataset) -> None:
    named_codes = {
        tuple(data_issue.values["features"]): data_issue.values["rows"]
        for data_issue in credit.issues
        if data_issue.check == "undocumented_codes"
    }
    assert named_codes[("EDUCATION",)] == 345
    assert named_codes[("MARRIAGE",)] == 54
    assert len(next(names for names in named_codes if "PAY_0" in names)) == 6


def test_the_correlated_bills_are_found(credit: Dataset, raw: pd.DataFrame) -> None:
    values = issue(credit, "correlated_features").values
    assert all(name.startswith("BILL_AMT") for name in values["features"])
    strongest = credit.card["correlations"][0]
    expected = raw["BILL_AMT1"].corr(raw["BILL_AMT2"], method="spearman")
    assert (strongest["a"], strongest["b"]) == ("BILL_AMT1", "BILL_AMT2")
    assert strongest["spearman"] == pytest.approx(expected, abs=1e-4)


def test_small_groups_and_limits_are_told(credit: Dataset) -> None:
    assert issue(credit, "small_group").values["level"] == "other status"
    assert "rejected" in say(issue(credit, "population_limits").text)


def test_nothing_leaks_and_nothing_is_missing(credit: Dataset) -> None:
    checks = Counter(data_issue.check for data_issue in credit.issues)
    assert not {"near_leak", "missing_values", "constant_feature"} & set(checks)
    assert credit.card["missing"] == {}


def test_people_read_names_and_units(credit: Dataset) -> None:
    schema = credit.schema
    status = schema.feature("PAY_0")
    assert status.label == "Repayment status in September 2005"
    labels = [category.label for category in status.categories]
    assert labels[:5] == [
        "no spending (code −2)",
        "paid duly",
        "revolving (code 0)",
        "1 month late",
        "2 months late",
    ]
    assert schema.feature("LIMIT_BAL").display(50000) == "NT$\u00a050\u202f000"
    assert schema.attribute("age_band").levels[0] == "under 25"
    assert schema.target.classes == ("no default", "default")
    assert (schema.target.favourable, schema.target.explained) == (0, 1)


def test_labels_fit_into_a_chart(credit: Dataset) -> None:
    categories = [category.label for f in credit.schema.features for category in f.categories]
    assert max(map(len, credit.schema.labels)) <= 36
    assert max(map(len, categories)) <= 22


def test_what_the_notes_say_about_unused_categories_is_so(credit: Dataset) -> None:
    statuses = [f for f in credit.schema.features if f.name.startswith("PAY_") and f.categories]
    codes = [{category.code for category in feature.categories} for feature in statuses]
    assert not any("9" in codes_of_month for codes_of_month in codes)
    assert sum("1" not in codes_of_month for codes_of_month in codes) == 2


def test_only_the_latest_month_can_be_changed(credit: Dataset) -> None:
    mutable = [feature.name for feature in credit.schema.features if feature.mutable]
    assert mutable == ["PAY_0", "BILL_AMT1", "PAY_AMT1"]


def test_a_model_that_must_not_see_sensitive_features_is_still_compared_by_them() -> None:
    dataset = TaiwanCredit(rows=600, use_sensitive=False).load(1, Silent())
    assert not any(feature.sensitive for feature in dataset.schema.features)
    assert dataset.train.inputs.shape[1] == len(dataset.schema.features) == 20
    assert [attribute.source for attribute in dataset.schema.attributes] == [None] * 3
    assert set(dataset.test.groups) == {"sex", "marital_status", "age_band"}
    assert any("is not given “Sex”" in say(note) for note in dataset.card["preparation"])


def test_fewer_rows_keep_the_share_and_the_schema(credit: Dataset) -> None:
    dataset = TaiwanCredit(rows=1000).load(1, Silent())
    assert dataset.schema == credit.schema
    assert dataset.card["labels"][1]["n"] == 221


def test_dropping_copies_leaves_none() -> None:
    dataset = TaiwanCredit(duplicates="drop").load(1, Silent())
    assert dataset.card["rows"] == 30000 - 35


def test_two_loads_write_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        TaiwanCredit(rows=500).load(3, Silent()).save(tmp_path / name)
    files = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert len(files) == 6
    for name in files:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_a_saved_data_set_comes_back(tmp_path: Path) -> None:
    dataset = TaiwanCredit(rows=500).load(3, Silent())
    dataset.save(tmp_path)
    again = Dataset.load(tmp_path)
    assert again.schema == dataset.schema
    assert np.array_equal(again.test.inputs, dataset.test.inputs)
    assert [data_issue.text for data_issue in again.issues] == [
        data_issue.text for data_issue in dataset.issues
    ]


def test_all_rows_load_in_time() -> None:
    start = time.perf_counter()
    TaiwanCredit().load(0, Silent())
    assert time.perf_counter() - start < 5


def test_the_digest_is_that_of_the_file_and_of_what_is_known_of_it() -> None:
    plugin = TaiwanCredit()
    files = f"{sha256_file(FILE, links=True)} {sha256_file(FILE.with_suffix('.yaml'), links=True)}"
    assert plugin.source_digest() == sha256(files.encode()).hexdigest()
    assert plugin.problems() == []
    assert TaiwanCredit(validation_share=0.7, test_share=0.5).problems()
