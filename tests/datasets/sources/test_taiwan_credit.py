"""The table of the default experiment: its published totals, and what is known to be in it."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from deepseek_report.artifacts.protocols.progress import Silent
from deepseek_report.artifacts.split import Dataset
from deepseek_report.artifacts.storage.plain_files import sha256_file
from deepseek_report.datasets.sources.taiwan_credit import TaiwanCredit
from tests.datasets.loading import issues_of, notes_of, parts_of
from tests.worded import say

FILE = TaiwanCredit.codebook.with_suffix(".parquet")


@pytest.fixture(scope="module")
def credit() -> Dataset:
    return TaiwanCredit().load(7, Silent())


@pytest.fixture(scope="module")
def raw() -> pd.DataFrame:
    return pd.read_parquet(FILE)


def test_the_published_totals_come_out_and_the_second_class_is_explained(credit: Dataset) -> None:
    target = credit.schema.target
    assert target.classes == ("no default", "default")
    assert (target.favourable, target.explained) == (0, 1)
    assert [row["n"] for row in credit.card["labels"]] == [23364, 6636]


def test_labels_fit_into_a_chart(credit: Dataset) -> None:
    categories = [category.label for f in credit.schema.features for category in f.categories]
    assert max(map(len, credit.schema.labels)) <= 36
    assert max(map(len, categories)) <= 22


def test_only_what_a_person_can_change_in_the_latest_month_is_mutable(credit: Dataset) -> None:
    mutable = [feature.name for feature in credit.schema.features if feature.mutable]
    assert mutable == ["PAY_0", "BILL_AMT1", "PAY_AMT1"]


def test_the_rates_of_men_and_women_are_those_that_were_published(credit: Dataset) -> None:
    men, women = credit.card["groups"]["sex"]
    assert (men["level"], men["n"], round(men["base_rate"], 3)) == ("men", 11888, 0.242)
    assert (women["level"], women["n"], round(women["base_rate"], 3)) == ("women", 18112, 0.208)
    assert credit.card["labels"][1]["share"] == 0.2212


def test_every_value_goes_back_to_the_code_in_the_file(credit: Dataset, raw: pd.DataFrame) -> None:
    for part in parts_of(credit):
        source = raw.iloc[part.instance_ids]
        for i, feature in enumerate(credit.schema.features):
            values = part.inputs[:, i]
            if not feature.is_numeric:
                codes = np.array([int(category.code) for category in feature.categories])
                values = codes[values.astype(int)]
            assert np.array_equal(values, source[feature.name])
        assert np.array_equal(part.labels, source["default_next_month"])


def test_of_equal_clients_those_that_chance_does_not_explain_are_copies_and_stay_together(
    credit: Dataset, raw: pd.DataFrame
) -> None:
    """Most of the 56 have no transaction, so that five columns tell them apart."""
    issue = issues_of(credit)["duplicates"]
    equal = raw[raw.columns[:-1]].duplicated()
    assert equal.sum() == 56
    assert (issue.values["n"], issue.values["equal_by_chance"]) == (5, 51)
    assert credit.card["duplicates"] == 5
    assert credit.card["leakage"]["duplicates_across"] == 0
    units = credit.every_part.entities
    assert units is not None
    assert len(units) - len(np.unique(units)) == 5
    assert "51 rows equal an earlier one in every column no more often than chance" in say(
        issue.text
    )


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
    values = issues_of(credit)["correlated_features"].values
    assert all(name.startswith("BILL_AMT") for name in values["features"])
    strongest = credit.card["correlations"][0]
    expected = raw["BILL_AMT1"].corr(raw["BILL_AMT2"], method="spearman")
    assert (strongest["a"], strongest["b"]) == ("BILL_AMT1", "BILL_AMT2")
    assert strongest["spearman"] == pytest.approx(expected, abs=1e-4)


def test_small_groups_and_limits_are_told(credit: Dataset) -> None:
    small = [issue.values["level"] for issue in credit.issues if issue.check == "small_group"]
    assert small[0] == "other status"
    assert "rejected" in say(issues_of(credit)["population_limits"].text)


def test_nothing_leaks_and_nothing_is_missing(credit: Dataset) -> None:
    assert not {"near_leak", "missing_values", "constant_feature"} & set(issues_of(credit))
    assert credit.card["missing"] == {}


def test_people_read_names_and_units(credit: Dataset) -> None:
    schema = credit.schema
    status = schema.feature("PAY_0")
    assert status.label == "Repayment status in September 2005"
    labels = [category.label for category in status.categories]
    assert labels[:3] == ["no spending (code −2)", "paid duly", "revolving (code 0)"]
    assert labels[3:5] == ["1 month late", "2 months late"]
    assert schema.feature("LIMIT_BAL").display(50000) == "NT$\u00a050\u202f000"
    assert schema.attribute("age_band").levels[0] == "under 25"


def test_what_the_notes_say_about_unused_categories_is_so(credit: Dataset) -> None:
    statuses = [f for f in credit.schema.features if f.name.startswith("PAY_") and f.categories]
    codes = [{category.code for category in feature.categories} for feature in statuses]
    assert not any("9" in codes_of_month for codes_of_month in codes)
    assert sum("1" not in codes_of_month for codes_of_month in codes) == 2


def test_a_model_that_must_not_see_sensitive_features_is_still_compared_by_them() -> None:
    dataset = TaiwanCredit(rows=600, use_sensitive=False).load(1, Silent())
    assert not any(feature.sensitive for feature in dataset.schema.features)
    assert dataset.train.inputs.shape[1] == len(dataset.schema.features) == 20
    assert [attribute.source for attribute in dataset.schema.attributes] == [None] * 3
    assert set(dataset.test.groups) == {"sex", "marital_status", "age_band"}
    assert "is not given “Sex”" in notes_of(dataset)


def test_fewer_rows_keep_the_share_and_the_schema(credit: Dataset) -> None:
    dataset = TaiwanCredit(rows=1000).load(1, Silent())
    assert dataset.schema == credit.schema
    assert abs(dataset.card["labels"][1]["n"] - 221) < 3 * np.sqrt(1000 * 0.22 * 0.78)


def test_dropping_copies_leaves_none() -> None:
    dataset = TaiwanCredit(duplicates="drop").load(1, Silent())
    assert dataset.card["rows"] == 30000 - 5


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
    assert [issue.text for issue in again.issues] == [issue.text for issue in dataset.issues]


def test_the_digest_is_that_of_the_file_and_of_what_is_known_of_it() -> None:
    plugin = TaiwanCredit()
    files = f"{sha256_file(FILE, links=True)} {sha256_file(FILE.with_suffix('.yaml'), links=True)}"
    assert plugin.source_digest() == sha256(files.encode()).hexdigest()
    assert plugin.problems() == []
    assert TaiwanCredit(validation_share=0.7, test_share=0.5).problems()
