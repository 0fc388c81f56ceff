"""Metrics of rows that are of entities: which have a clustered form, what others leave out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from pydoc import locate
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest
import yaml

from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.artifacts.predictions import Cases
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.score import Score
from deepseek_report.artifacts.table import Column, TableType, TableTypes, estimate
from deepseek_report.metrics.cases.case_choice import choose_cases
from deepseek_report.metrics.explanations.explanation_plugin import ExplanationMetric
from deepseek_report.metrics.failures.slices import Slices
from deepseek_report.metrics.performance.baselines import Baselines
from deepseek_report.metrics.performance.classification_scores import Accuracy, RocAuc
from deepseek_report.metrics.plugin import ModelMetric, measured
from tests.worded import say

#: Metrics of the model whose intervals suppose independent rows, and why they may.
NO_CLUSTERED_FORM = {
    "what_if": "it has no intervals",
    "decision_way": "it has no intervals",
    "tracin": "it has no intervals",
    "interactions": "its intervals are of the explained cases, one of an entity",
}


def with_entities(context: MeasureContext, rows: int = 4) -> MeasureContext:
    """The same test part, each `rows` rows of which are of one entity."""
    entities = np.arange(len(context.predictions)) // rows
    dataset = context.dataset
    return replace(
        context,
        dataset=replace(dataset, test=replace(dataset.test, entities=entities)),
        predictions=replace(context.predictions, entities=entities),
    )


class RowMean(ModelMetric):
    """Takes rows as independent."""

    category: ClassVar[Any] = "performance"
    reads: ClassVar[frozenset[str]] = frozenset({"predictions"})
    tables: ClassVar[TableTypes] = {
        "means": TableType((estimate("value"), Column("p_value", "p_value"), Column("n", "count")))
    }

    def measure(self, context: MeasureContext) -> Measurement:
        row = {"value": 0.5, "low": 0.4, "high": 0.6, "p_value": 0.01, "n": 100}
        score = Score("row_mean", "performance", 0.5, 100, "none", 0.4, 0.6, "Wald", p_value=0.01)
        return Measurement((score,), {"means": pd.DataFrame([row])})


class CaseMean(RowMean, ExplanationMetric):
    """The same of explained cases."""

    scope: ClassVar[Any] = "explainer"


def test_a_metric_without_a_clustered_form_gives_no_interval_and_no_p_value_and_says_so(
    toy,
) -> None:
    whole = measured(RowMean(), toy())
    bare = measured(RowMean(), with_entities(toy()))
    assert (whole.scores[0].low, whole.scores[0].p_value) == (0.4, 0.01)
    assert not whole.notes
    score, row = bare.scores[0], bare.tables["means"].iloc[0]
    assert (score.value, score.low, score.high, score.p_value) == (0.5, None, None, None)
    assert row["value"] == 0.5
    assert row["n"] == 100
    assert np.isnan(row[["low", "high", "p_value"]].astype(float)).all()
    assert "no p-value" in say(bare.notes[0])


def test_cases_of_different_entities_are_independent_whatever_the_rows_are(toy) -> None:
    context = with_entities(toy(), rows=4)
    apart = replace(context, cases=Cases(np.arange(0, 40, 4), {}))
    beside = replace(context, cases=Cases(np.arange(10), {}))
    assert measured(CaseMean(), apart).scores[0].low == 0.4
    assert measured(CaseMean(), beside).scores[0].low is None


def test_the_random_sample_of_cases_has_one_of_an_entity(toy) -> None:
    context = with_entities(toy(), rows=4)
    p, schema = context.predictions, context.dataset.schema
    cases = choose_cases(p, schema, context.dataset.test.inputs, 60, 1)
    drawn = np.delete(cases.explained, sorted(cases.picked))
    own = p.entities[drawn]
    assert len(np.unique(own)) == len(own) > 20
    assert not set(own) & set(p.entities[[cases.explained[k] for k in cases.picked]])


@pytest.mark.parametrize("metric", [Accuracy(), RocAuc(), Baselines(n_resamples=100)])
def test_metrics_with_a_clustered_form_keep_values_and_notes(toy, metric: Any) -> None:
    rows, entities = measured(metric, toy()), measured(metric, with_entities(toy()))
    for own, other in zip(rows.scores, entities.scores, strict=True):
        assert own.value == pytest.approx(other.value, nan_ok=True)
        assert own.n == other.n
    methods = [say(score.interval_method) for score in entities.scores if score.low is not None]
    assert all("entities" in method for method in methods)


def test_entities_with_one_row_each_change_no_byte(toy) -> None:
    for metric in (Accuracy(), RocAuc(), Baselines(n_resamples=100), Slices()):
        rows, alone = measured(metric, toy()), measured(metric, with_entities(toy(), rows=1))
        assert [vars(score) for score in rows.scores] == [vars(score) for score in alone.scores]
        for name, table in rows.tables.items():
            pd.testing.assert_frame_equal(table, alone.tables[name])


def test_every_shipped_metric_of_the_model_has_a_clustered_form_or_a_reason() -> None:
    lacking = {
        path.stem
        for path in Path("conf/metrics").glob("*.yaml")
        for metric in [
            locate(yaml.safe_load(path.read_text(encoding="utf-8"))[path.stem]["_target_"])
        ]
        if metric.scope == "model" and not metric.counts_entities
    }
    assert lacking == set(NO_CLUSTERED_FORM)
