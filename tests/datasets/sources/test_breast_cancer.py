"""Breast masses: scikit-learn's values under names that people read, and no groups."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer

from deepseek_report.artifacts.protocols.progress import Silent
from deepseek_report.artifacts.split import Dataset
from deepseek_report.datasets.sources.known_tables import BreastCancer
from tests.worded import say


@pytest.fixture(scope="module")
def cancer() -> Dataset:
    return BreastCancer().load(7, Silent())


def test_every_value_is_scikit_learns(cancer: Dataset) -> None:
    source = load_breast_cancer()
    assert list(cancer.schema.names) == list(source.feature_names)
    for part in (cancer.train, cancer.validation, cancer.test):
        assert np.array_equal(part.inputs, source.data[part.instance_ids])
        malignant = source.target_names[source.target[part.instance_ids]] == "malignant"
        assert np.array_equal(part.labels == 1, malignant)


def test_malignant_is_explained_and_benign_is_favourable(cancer: Dataset) -> None:
    target = cancer.schema.target
    assert target.classes == ("benign", "malignant")
    assert (target.favourable, target.explained) == (0, 1)
    assert [row["n"] for row in cancer.card["labels"]] == [357, 212]


def test_there_are_no_groups_and_the_card_says_what_that_costs(cancer: Dataset) -> None:
    assert cancer.schema.attributes == ()
    assert cancer.card["groups"] == {}
    assert any(
        "groups of patients cannot be assessed" in say(limit) for limit in cancer.card["limits"]
    )
    assert not any(feature.mutable for feature in cancer.schema.features)


def test_names_fit_into_a_chart_and_units_are_only_those_that_the_source_tells(
    cancer: Dataset,
) -> None:
    assert "Largest concave points" in cancer.schema.labels
    assert max(map(len, cancer.schema.labels)) <= 36
    units = {f.name: f.unit for f in cancer.schema.features if f.unit}
    assert set(units.values()) == {"grey levels"}
    assert len(units) == 3


def test_sizes_that_say_the_same_are_found(cancer: Dataset) -> None:
    issue = next(issue for issue in cancer.issues if issue.check == "correlated_features")
    assert {"mean radius", "mean perimeter", "mean area"} <= set(issue.values["features"])


def test_a_feature_can_be_left_out_and_a_wrong_name_is_told() -> None:
    dataset = BreastCancer(drop=("worst area",)).load(1, Silent())
    assert "worst area" not in dataset.schema.names
    assert any("“Largest area”" in say(note) for note in dataset.card["preparation"])
    (problem,) = BreastCancer(drop=("worst aera",)).problems()
    assert "`worst area`" in problem


def test_two_loads_are_the_same(cancer: Dataset) -> None:
    again = BreastCancer().load(7, Silent())
    assert np.array_equal(again.test.inputs, cancer.test.inputs)
    assert asdict(again.schema) == asdict(cancer.schema)
    assert len(BreastCancer().source_digest()) == 64
