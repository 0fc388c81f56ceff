"""Whether a correction worked, what it cost and what took over: on models whose truth is known."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from deepseek_report.artifacts.conclusions import ThresholdRule
from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.schema import Attribute
from deepseek_report.artifacts.seeds import row_digests
from deepseek_report.artifacts.split import PARTS, Dataset, Split
from deepseek_report.errors import NotApplicableError
from deepseek_report.extensions.corrections.corrected_data import ResolvedCorrections
from deepseek_report.extensions.corrections.corrections_metric import (
    BeforeCorrections,
    Corrections,
    outcome_of,
)
from deepseek_report.extensions.corrections.declared_corrections import CorrectionItem
from deepseek_report.metrics.performance.predicting import predict
from tests import builders
from tests.builders import Answers, logistic, table

SITES = (Attribute("site", "Site", ("north", "south")),)
SCHEMA = table("a", "b", "cue", attributes=SITES)


def world(seed: int = 0, n: int = 400) -> Dataset:
    rng = np.random.default_rng(seed)
    parts: dict[str, Any] = {}
    for name in PARTS:
        inputs = rng.normal(size=(n, 3))
        labels = (rng.random(n) < logistic(2 * inputs[:, 0])).astype(np.int64)
        inputs[:, 2] += 3 * (2 * labels - 1)
        parts[name] = Split(inputs, labels, np.arange(n), {"site": np.arange(n) % 2})
    return Dataset(SCHEMA, **parts, card={})


def measured(
    before: list[float], after: list[float], *items: CorrectionItem, data: Dataset | None = None
) -> dict[str, Any]:
    """The tables, of a model before and after with these weights."""
    data = data or world()
    resolved = ResolvedCorrections.of(items, data, "network")
    assert not resolved.misfits
    corrected = resolved.corrected(0)
    rule = ThresholdRule("declared", 0.5)
    models = [
        Answers(lambda rows, w=weights: logistic(rows @ np.array(w)), of.schema)
        for weights, of in ((before, data), (after, corrected))
    ]
    answers = [
        predict(model, of.validation, of.test, rule)
        for model, of in zip(models, (data, corrected), strict=True)
    ]
    before_them = BeforeCorrections(data, answers[0]["test"], models[0], resolved)
    made = {"predictions": answers[1]["test"], "validation_predictions": answers[1]["validation"]}
    context = builders.context(corrected, models[1], **made, seed=1, before=before_them)
    tables = Corrections().measure(context).tables
    return {name: table.to_dict("records") for name, table in tables.items()}


CUE = CorrectionItem("feature", ("cue",), by="Risk", on="2026-11-28", why="a cue", how="swap")


def test_a_correction_that_takes_the_use_away_worked_and_says_who_asked_for_it() -> None:
    row = measured([1, 0, 2], [2, 0, 0], CUE)["corrected"][0]
    assert row["outcome"] == "worked"
    assert (row["what"], row["by"], row["on"], row["why"]) == ("cue", "Risk", "2026-11-28", "a cue")
    assert row["before_low"] > 0.2
    assert row["after"] == 0.0


def test_a_correction_that_leaves_the_use_failed() -> None:
    assert measured([1, 0, 2], [1, 0, 1], CUE)["corrected"][0]["outcome"] == "failed"


def test_what_was_not_used_before_was_not_there_to_correct() -> None:
    unused = dataclasses.replace(CUE, names=("b",))
    assert measured([1, 0, 2], [1, 0, 2], unused)["corrected"][0]["outcome"] == "unused"


def test_accuracy_falls_as_shipped_and_rises_where_the_cue_is_redrawn() -> None:
    cost = {
        (row["asked"], row["metric"]): row for row in measured([1, 0, 2], [2, 0, 0], CUE)["cost"]
    }
    assert cost["shipped", "accuracy"]["change_high"] < 0
    assert cost["redrawn", "accuracy"]["change_low"] > 0


def test_a_column_that_is_left_out_is_compared_by_the_columns_that_stay() -> None:
    tables = measured([1, 0, 2], [2, 0], dataclasses.replace(CUE, how=None))
    row = tables["corrected"][0]
    assert (row["how"], row["outcome"], row["after"]) == ("drop", "worked", 0.0)
    assert {each["label"] for each in tables["took_over"]} == {"a", "b"}


def test_what_took_over_is_named_and_nothing_else() -> None:
    gained = measured([1, 0, 0.4], [0.2, 1, 0], CUE)["took_over"]
    assert [row["label"] for row in gained if row["sure"]] == ["b"]


def test_a_direction_is_checked_on_a_grid() -> None:
    rises = CorrectionItem("rises", ("a",))
    assert measured([-1, 0, 2], [1, 0, 2], rises)["corrected"][0]["outcome"] == "worked"
    assert measured([-1, 0, 2], [-1, 0, 2], rises)["corrected"][0]["outcome"] == "failed"


def test_a_marked_row_is_not_among_the_decisions_that_changed() -> None:
    data = world()
    marked = CorrectionItem("label", row=row_digests(data.test.inputs)[0], label="no")
    tables = measured([1, 0, 2], [-1, 0, -2], marked, data=data)
    assert all(row["n"] == 399 for row in tables["changed"])
    assert sum(row["changed"] for row in tables["changed"]) == 399
    assert tables["corrected"][0]["outcome"] == "done"
    assert len(tables["cost"]) == 3


def test_groups_have_rows_of_their_own() -> None:
    rows = measured([1, 0, 2], [2, 0, 0], CUE)["groups"]
    assert {(row["level"], row["n"]) for row in rows} == {("north", 200), ("south", 200)}


@pytest.mark.parametrize(
    ("was", "now", "left", "outcome"),
    [
        (0.3, 0.09, (0.03, -0.01, 0.07), "unsure"),
        (0.001, 0.2, (0.2, 0.1, 0.3), "failed"),
        (0.3, 0.004, (-0.056, -0.06, 0.01), "worked"),
    ],
)
def test_an_interval_on_both_sides_tells_nothing(was, now, left, outcome) -> None:
    assert outcome_of(Estimate(was), Estimate(now), Estimate(*left)) == outcome


def test_without_corrections_there_is_nothing_to_measure() -> None:
    with pytest.raises(NotApplicableError):
        Corrections().measure(builders.context(world(n=8)))
