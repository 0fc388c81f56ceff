"""The example tables: their published totals, and the problems that are known to be in them."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer

from deepseek_report.artifacts.protocols.progress import Silent
from deepseek_report.artifacts.split import Dataset
from deepseek_report.extensions.examples.known_tables import BostonMortgages, BreastCancer, Diabetes
from tests.datasets.loading import issues_of, loaded, notes_of, parts_of
from tests.worded import say

FILE = BostonMortgages.codebook.with_suffix(".parquet")


@pytest.fixture(scope="module")
def boston() -> Dataset:
    return BostonMortgages().load(7, Silent())


@pytest.fixture(scope="module")
def cancer() -> Dataset:
    return BreastCancer().load(7, Silent())


# --- all of them ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "classes", "counts"),
    [
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
    assert target.favourable_by == "data set"
    assert [row["n"] for row in dataset.card["labels"]] == counts


@pytest.mark.parametrize("name", ["boston", "cancer"])
def test_labels_fit_into_a_chart(name: str, request: pytest.FixtureRequest) -> None:
    schema = request.getfixturevalue(name).schema
    categories = [category.label for f in schema.features for category in f.categories]
    assert max(map(len, schema.labels)) <= 36
    assert max(map(len, categories), default=0) <= 22


@pytest.mark.parametrize(
    ("name", "columns"),
    [
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


# --- mortgages ----------------------------------------------------------------------------------


def test_the_rates_of_the_races_are_those_that_were_published(boston: Dataset) -> None:
    white, black = (
        (row["level"], row["n"], round(row["base_rate"], 2))
        for row in boston.card["groups"]["race"]
    )
    assert white == ("white", 2041, 0.09)
    assert black == ("African-American", 339, 0.28)


def test_every_value_is_that_of_the_file_with_ratios_in_percent(boston: Dataset) -> None:
    raw = pd.read_parquet(FILE)
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


def test_each_number_of_a_loan_says_which_way_it_can_move(boston: Dataset) -> None:
    movable = [feature for feature in boston.schema.features if feature.can_move]
    assert movable
    for feature in movable:
        assert feature.kind == "categorical" or feature.direction in {"increase", "decrease"}
        assert feature.step or not feature.is_numeric


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


# --- diabetes -----------------------------------------------------------------------------------


def test_the_diabetes_data_come_whole_and_in_their_units() -> None:
    source = Diabetes()
    assert source.nature.task == "regression"
    dataset = source.load(1, Silent())
    assert dataset.card["rows"] == 442
    assert dataset.schema.feature("age").unit == "years"
    assert 19 <= np.nanmin(dataset.train.inputs[:, 0]) < 30
    assert {attribute.name for attribute in dataset.schema.attributes} == {"age_band", "sex"}
