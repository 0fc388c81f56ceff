"""Mortgage decisions: the published totals, labels that are decisions, the near-leak."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import deepseek_report.datasets.sources.known_tables as module
from deepseek_report.artifacts.protocols.progress import Silent
from deepseek_report.artifacts.split import Dataset
from deepseek_report.datasets.sources.known_tables import BostonMortgages
from tests.worded import say

FILE = Path(module.__file__).parent / "data" / "boston_hmda.parquet"


@pytest.fixture(scope="module")
def boston() -> Dataset:
    return BostonMortgages().load(7, Silent())


@pytest.fixture(scope="module")
def raw() -> pd.DataFrame:
    return pd.read_parquet(FILE)


def test_the_published_totals_come_out(boston: Dataset) -> None:
    white, black = boston.card["groups"]["race"]
    assert (white["level"], white["n"], round(white["base_rate"], 2)) == ("white", 2041, 0.09)
    assert (black["level"], black["n"], round(black["base_rate"], 2)) == (
        "African-American",
        339,
        0.28,
    )
    assert [row["n"] for row in boston.card["labels"]] == [2095, 285]


def test_every_value_is_that_of_the_file_with_ratios_in_percent(
    boston: Dataset, raw: pd.DataFrame
) -> None:
    for part in (boston.train, boston.validation, boston.test):
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
    target = boston.schema.target
    assert target.labels_are_decisions
    assert target.classes == ("approved", "denied")
    assert (target.favourable, target.explained) == (0, 1)
    assert "not outcomes" in say(boston.card["limits"][0])


def test_the_near_leak_is_found_with_its_counts(boston: Dataset) -> None:
    (leak,) = [issue for issue in boston.issues if issue.check == "near_leak"]
    assert leak.values["feature"] == "insurance"
    assert (leak.values["n_class"], leak.values["n"]) == (44, 48)


def test_what_the_near_leak_advises_can_be_done(boston: Dataset) -> None:
    (leak,) = [issue for issue in boston.issues if issue.check == "near_leak"]
    assert "dataset.drop=[insurance]" in say(leak.recommendation)
    plugin = BostonMortgages(drop=("insurance",))
    assert plugin.problems() == []
    dataset = plugin.load(7, Silent())
    assert "insurance" not in dataset.schema.names
    assert not [issue for issue in dataset.issues if issue.check == "near_leak"]
    assert any("“Mortgage insurance denied”" in say(note) for note in dataset.card["preparation"])


@pytest.mark.parametrize(
    ("name", "words"), [("insurrance", "did you mean"), ("deny", "the target")]
)
def test_a_column_that_cannot_be_dropped_is_named(name: str, words: str) -> None:
    (problem,) = BostonMortgages(drop=(name,)).problems()
    assert words in problem


def test_people_read_names_and_units(boston: Dataset) -> None:
    schema = boston.schema
    assert schema.feature("pirat").display(33.1) == "33.1\u00a0%"
    assert [category.label for category in schema.feature("chist").categories][
        -1
    ] == "90 days overdue"
    assert max(map(len, schema.labels)) <= 36
    assert max(len(category.label) for f in schema.features for category in f.categories) <= 22


def test_only_the_terms_of_the_loan_can_be_changed(boston: Dataset) -> None:
    mutable = [feature.name for feature in boston.schema.features if feature.mutable]
    assert mutable == ["pirat", "hirat", "lvrat", "condomin"]


def test_a_model_that_must_not_see_race_is_still_compared_by_it() -> None:
    dataset = BostonMortgages(use_sensitive=False).load(1, Silent())
    assert not {"afam", "single"} & set(dataset.schema.names)
    assert set(dataset.test.groups) == {"race", "marital_status"}
