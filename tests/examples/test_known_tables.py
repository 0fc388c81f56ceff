"""The shipped tables: their published totals, and the problems that are known to be in them."""

from __future__ import annotations

from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer

from deepseek_report.artifacts.protocols.progress import Silent
from deepseek_report.artifacts.split import Dataset
from deepseek_report.artifacts.storage.plain_files import sha256_file
from deepseek_report.datasets.sources.taiwan_credit import TaiwanCredit
from deepseek_report.examples.known_tables import BostonMortgages, BreastCancer
from tests.datasets.loading import issues_of, loaded, notes_of, parts_of
from tests.worded import say

FILE = TaiwanCredit.codebook.with_suffix(".parquet")


@pytest.fixture(scope="module")
def credit() -> Dataset:
    return TaiwanCredit().load(7, Silent())


@pytest.fixture(scope="module")
def boston() -> Dataset:
    return BostonMortgages().load(7, Silent())


@pytest.fixture(scope="module")
def cancer() -> Dataset:
    return BreastCancer().load(7, Silent())


@pytest.fixture(scope="module")
def raw() -> pd.DataFrame:
    return pd.read_parquet(FILE)


# --- all of them ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "classes", "counts"),
    [
        ("credit", ("no default", "default"), [23364, 6636]),
        ("boston", ("approved", "denied"), [2095, 285]),
        ("cancer", ("benign", "malignant"), [357, 212]),
    ],
)
def test_the_published_totals_come_out_and_the_second_class_is_explained(
    name: str, classes: tuple[str, str], counts: list[int], request: pytest.FixtureRequest
) -> None:
    dataset: Dataset = request.getfixturevalue(name)
    target = dataset.schema.target
    assert target.classes == classes
    assert (target.favourable, target.explained) == (0, 1)
    assert [row["n"] for row in dataset.card["labels"]] == counts


@pytest.mark.parametrize("name", ["credit", "boston", "cancer"])
def test_labels_fit_into_a_chart(name: str, request: pytest.FixtureRequest) -> None:
    schema = request.getfixturevalue(name).schema
    categories = [category.label for f in schema.features for category in f.categories]
    assert max(map(len, schema.labels)) <= 36
    assert max(map(len, categories), default=0) <= 22


@pytest.mark.parametrize(
    ("name", "columns"),
    [
        ("credit", ["PAY_0", "BILL_AMT1", "PAY_AMT1"]),  # of the latest month
        ("boston", ["pirat", "hirat", "lvrat", "condomin"]),  # terms of the loan
        ("cancer", []),
    ],
)
def test_only_what_a_person_can_change_is_mutable(
    name: str, columns: list[str], request: pytest.FixtureRequest
) -> None:
    features = request.getfixturevalue(name).schema.features
    assert [feature.name for feature in features if feature.mutable] == columns


@pytest.mark.parametrize(
    ("kind", "column", "label"),
    [
        (BostonMortgages, "insurance", "Mortgage insurance denied"),
        (BreastCancer, "worst area", "Largest area"),
    ],
)
def test_a_feature_can_be_left_out(kind: Any, column: str, label: str) -> None:
    dataset = loaded(kind(drop=(column,)), 7)
    assert column not in dataset.schema.names
    assert f"“{label}”" in notes_of(dataset)


@pytest.mark.parametrize(
    ("kind", "name", "words"),
    [
        (BostonMortgages, "insurrance", "did you mean"),
        (BostonMortgages, "deny", "the target"),
        (BreastCancer, "worst aera", "`worst area`"),
    ],
)
def test_a_column_that_cannot_be_dropped_is_named(kind: Any, name: str, words: str) -> None:
    (problem,) = kind(drop=(name,)).problems()
    assert words in problem


# --- card customers -------------------------------------------------------------------------------


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


# --- mortgages ----------------------------------------------------------------------------------


def test_the_rates_of_the_races_are_those_that_were_published(boston: Dataset) -> None:
    white, black = (
        (row["level"], row["n"], round(row["base_rate"], 2))
        for row in boston.card["groups"]["race"]
    )
    assert white == ("white", 2041, 0.09)
    assert black == ("African-American", 339, 0.28)


def test_every_value_is_that_of_the_file_with_ratios_in_percent(boston: Dataset) -> None:
    raw = pd.read_parquet(BostonMortgages.codebook.with_suffix(".parquet"))
    for part in parts_of(boston):
        source = raw.iloc[part.instance_ids]
        for i, feature in enumerate(boston.schema.features):
            values, expected = part.inputs[:, i], source[feature.name].to_numpy()
            if feature.is_numeric:
                scale = 100 if feature.name in {"pirat", "hirat", "lvrat"} else 1
                assert np.allclose(values, expected * scale, atol=1e-9)
            else:
                codes = np.array([category.code for category in feature.categories])
                assert np.array_equal(codes[values.astype(int)], expected.astype(str))
        assert np.array_equal(part.labels == 1, source["deny"] == "yes")


def test_the_labels_are_told_to_be_decisions_of_lenders(boston: Dataset) -> None:
    assert boston.schema.target.labels_are_decisions
    assert "not outcomes" in say(boston.card["limits"][0])


def test_the_near_leak_is_found_with_its_counts_and_what_to_do(boston: Dataset) -> None:
    (leak,) = [issue for issue in boston.issues if issue.check == "near_leak"]
    assert leak.values["feature"] == "insurance"
    assert (leak.values["n_class"], leak.values["n"]) == (44, 48)
    assert "dataset.drop=[insurance]" in say(leak.recommendation)
    without = BostonMortgages(drop=("insurance",)).load(7, Silent())
    assert "near_leak" not in issues_of(without)


def test_people_read_percentages_and_how_late_others_pay(boston: Dataset) -> None:
    assert boston.schema.feature("pirat").display(33.1) == "33.1\u00a0%"
    assert boston.schema.feature("chist").categories[-1].label == "90 days overdue"


def test_a_model_that_must_not_see_race_is_still_compared_by_it() -> None:
    dataset = BostonMortgages(use_sensitive=False).load(1, Silent())
    assert not {"afam", "single"} & set(dataset.schema.names)
    assert set(dataset.test.groups) == {"race", "marital_status"}


# --- breast masses --------------------------------------------------------------------------------


def test_every_value_is_scikit_learns(cancer: Dataset) -> None:
    source = load_breast_cancer()
    assert list(cancer.schema.names) == list(source.feature_names)
    for part in parts_of(cancer):
        assert np.array_equal(part.inputs, source.data[part.instance_ids])
        malignant = source.target_names[source.target[part.instance_ids]] == "malignant"
        assert np.array_equal(part.labels == 1, malignant)


def test_there_are_no_groups_and_the_card_says_what_that_costs(cancer: Dataset) -> None:
    assert cancer.schema.attributes == ()
    assert cancer.card["groups"] == {}
    limits = " ".join(map(say, cancer.card["limits"]))
    assert "groups of patients cannot be assessed" in limits


def test_units_are_only_those_that_the_source_tells(cancer: Dataset) -> None:
    assert "Largest concave points" in cancer.schema.labels
    units = {f.name: f.unit for f in cancer.schema.features if f.unit}
    assert set(units.values()) == {"grey levels"}
    assert len(units) == 3


def test_sizes_that_say_the_same_are_found(cancer: Dataset) -> None:
    issue = issues_of(cancer)["correlated_features"]
    assert {"mean radius", "mean perimeter", "mean area"} <= set(issue.values["features"])


def test_two_loads_are_the_same(cancer: Dataset) -> None:
    again = BreastCancer().load(7, Silent())
    assert np.array_equal(again.test.inputs, cancer.test.inputs)
    assert asdict(again.schema) == asdict(cancer.schema)
    assert len(BreastCancer().source_digest()) == 64
