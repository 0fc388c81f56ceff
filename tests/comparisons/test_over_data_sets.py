"""Methods over several data sets: what is concluded of them, and what is not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.artifacts.results import Results, Study
from deepseek_report.artifacts.table_rows import read_rows
from deepseek_report.comparisons.comparison import (
    DataSetsPair,
    compare,
    data_sets_of,
    of_data_sets,
    over_data_sets,
)
from deepseek_report.comparisons.paired_performance import Region
from deepseek_report.visualizations.methods_picture import ranks_picture
from tests.comparisons.test_comparison import moved_rows, named, predicting, with_test_part
from tests.real_runs import small_results, with_measurement
from tests.shared_runs import SmallRun


@pytest.fixture(scope="module")
def run(small_run: SmallRun) -> Results:
    return small_results(small_run)


def study_of(run: Results, data_sets: int, *signals: float) -> Study:
    """On each data set one run a method, whose scores are the model's plus so much of the truth."""
    rng = np.random.default_rng(data_sets)
    runs = []
    for place in range(data_sets):
        for number, signal in enumerate(signals):
            changed = named(run, f"{place}-{number}", dropout=0.1 * (number + 1))
            changed = with_test_part(changed, moved_rows(run, place), rows=1000 + place)
            p = run.predictions
            scores = p.scores + signal * p.truths + 0.1 * rng.normal(size=len(p))
            runs.append(predicting(changed, scores))
    return Study(tuple(runs))


def pairs_of(measured: Measurement) -> list[DataSetsPair]:
    return read_rows(measured.tables["pairs"], DataSetsPair)


def test_a_method_that_is_better_on_each_of_eight_data_sets_is_said_to_be(run: Results) -> None:
    measured = over_data_sets(study_of(run, 8, 0.0, 0.3), Region())
    (pair,) = measured.tables["pairs"].to_dict("records")
    assert pair["concluded"] == pair["other"] == "DeepSeek, dropout 0.2"
    assert pair["other_better"] > 0.99
    (message,) = of_data_sets(pairs_of(measured), "roc_auc")
    assert message.id.endswith("data_sets_better")
    ranks = measured.tables["ranks"]
    assert list(ranks["rank"]) == [1, 2]
    assert len(measured.tables["data_sets"]) == 16


def test_on_fewer_than_eight_nothing_is_concluded_and_below_five_nothing_is_ranked(
    run: Results,
) -> None:
    five = over_data_sets(study_of(run, 5, 0.0, 0.3), Region())
    assert list(five.tables["pairs"]["concluded"]) == [""]
    (message,) = of_data_sets(pairs_of(five), "roc_auc")
    assert message.id.endswith("data_sets_too_few")
    four = over_data_sets(study_of(run, 4, 0.0, 0.3), Region())
    assert set(four.tables) == {"data_sets"}
    assert four.notes[0].id == "comparison.few_data_sets"  # type: ignore[union-attr]
    single = over_data_sets(study_of(run, 1, 0.0, 0.3), Region())
    assert single.tables == {}


def test_many_pairs_are_counted_and_their_ranks_drawn(run: Results) -> None:
    measured = over_data_sets(study_of(run, 8, 0.0, 0.0, 0.3, 0.6), Region(share=0.02))
    (message,) = of_data_sets(pairs_of(measured), "roc_auc")
    values = message.values
    assert (values["pairs"], values["better"] + values["alike"] + values["open"]) == (6, 6)
    assert values["better"] >= 4
    picture = ranks_picture(with_measurement(run, "compared_data_sets", measured))
    assert picture is not None
    assert picture.title.values["apart"]  # type: ignore[union-attr]
    assert picture.narrow
    assert picture.narrow != picture.svg


def test_runs_that_predict_different_things_are_compared_over_data_sets_alone(run: Results) -> None:
    study = study_of(run, 2, 0.0, 0.3)
    for place in (2, 3):
        other = study.runs[place]
        target = replace(other.schema.target, name="other")
        other.__dict__["schema"] = replace(other.schema, target=target)
    assert [data_set.label for data_set in data_sets_of(study)] == [
        "credit_risk 1",
        "credit_risk 2",
    ]
    measurements = compare(study).measurements
    assert set(measurements["compared_data_sets"].tables) == {"data_sets"}
    for name in ("compared_decisions", "compared_price"):
        assert measurements[name].tables == {}
