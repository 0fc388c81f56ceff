"""Every metric of the model: the contract, many classes, few rows, and rows of entities."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest

from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.artifacts.predictions import Cases
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.schema import CROSS
from deepseek_report.artifacts.score import Score
from deepseek_report.artifacts.table import Column, TableType, TableTypes, estimate
from deepseek_report.errors import NotApplicableError
from deepseek_report.metrics.cases.case_choice import choose_cases
from deepseek_report.metrics.explanations.explanation_plugin import ExplanationMetric
from deepseek_report.metrics.failures.slices import Slices
from deepseek_report.metrics.performance.baselines import Baselines
from deepseek_report.metrics.performance.classification_scores import Accuracy, RocAuc
from deepseek_report.metrics.plugin import ModelMetric, measured
from tests.shipped_parts import shipped_class, shipped_keys, shipped_part
from tests.worded import say

KEYS = [
    "accuracy", "balanced_accuracy", "brier_score", "roc_auc", "average_precision",
    "expected_calibration_error", "confusion_matrix", "ranking_curves", "class_distributions",
    "baselines", "threshold_sweep", "group_rates", "impact_ratio", "demographic_parity_difference",
    "equal_opportunity_difference", "equalized_odds_difference", "group_calibration", "direct_use",
    "proxies", "options", "slices", "near_copies", "label_suspects", "learning_curve", "robustness",
    "sage", "permutation_importance",
]  # fmt: skip
_ONCE: dict[str, Measurement] = {}


def once(key: str, toy) -> Measurement:
    """What a metric measures of two classes, the first time."""
    if key not in _ONCE:
        _ONCE[key] = shipped_part("metrics", key).measure(toy(n=400))
    return _ONCE[key]


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("key", KEYS)
def test_a_metric_keeps_the_contract_and_survives_storage(toy, tmp_path, key, n_classes) -> None:
    metric, context = shipped_part("metrics", key), toy(n_classes, n=400)
    if n_classes > 2 and key == "threshold_sweep":
        with pytest.raises(NotApplicableError):
            metric.measure(context)
        return
    measured = once(key, toy) if n_classes == 2 else metric.measure(context)
    types = metric.tables
    for name, table in measured.typed(types).tables.items():
        assert name in types, "the columns of every table are declared"
        assert len(table)
    for score in measured.scores:
        assert score.low is None or score.low <= score.value <= score.high
        assert math.isfinite(score.value)
        assert score.n <= len(context.dataset.test)
    measured.save(tmp_path)
    again = Measurement.load(tmp_path)
    assert repr(again.scores) == repr(measured.scores)
    assert again.notes == measured.notes


@pytest.mark.parametrize("key", KEYS)
def test_the_same_seed_gives_the_same_result(toy, key: str) -> None:
    first, again = once(key, toy), shipped_part("metrics", key).measure(toy(n=400))
    assert repr(first.scores) == repr(again.scores)  # nan is not equal to itself
    for name, table in first.tables.items():
        assert table.equals(again.tables[name])


#: Columns that name what others are set against, or the ends of a gap.
_ENDS = {
    *("reference", "widest_level", "narrowest_level", "surest_highest", "surest_lowest"),
    *("highest", "lowest"),
}


@pytest.mark.parametrize("favoured", [True, False])
@pytest.mark.parametrize("key", [*KEYS, "part_performance"])
def test_nobody_is_set_against_people_whose_group_is_not_known(toy, key: str, favoured) -> None:
    """Whether all of them are decided favourably, and rightly, or none is."""
    context = toy(n=400)
    if key == "part_performance":
        schema = context.dataset.schema
        parts = tuple(replace(each, kind="other") for each in schema.attributes)
        data = replace(context.dataset, schema=replace(schema, attributes=parts))
        context = replace(context, dataset=data)
    for name in ("predictions", "validation_predictions"):
        p = getattr(context, name)
        unknown = np.arange(len(p)) % 8 == 0
        decided = np.where(unknown, 0 if favoured else 1, p.decisions)
        groups = {level: np.where(unknown, -1, codes) for level, codes in p.groups.items()}
        context = replace(context, **{name: replace(p, decisions=decided, groups=groups)})
    measured = shipped_part("metrics", key).measure(context)
    for table in measured.tables.values():
        ends = {level for column in _ENDS & {*table} for level in table[column]}
        assert not any("unknown" in level.split(CROSS) for level in ends if level)


@pytest.mark.parametrize("key", KEYS)
def test_twelve_rows_give_numbers_or_a_reason(toy, key: str) -> None:
    try:
        measured = shipped_part("metrics", key).measure(toy(n=12, seed=1))
    except NotApplicableError as reason:
        text = say(reason.reason)
        assert len(text.split()) > 4, "says what is missing"
        assert not re.search(r"; (leave|use|add|set|declare|name) ", text), "readers set nothing"
    else:
        assert all(math.isfinite(score.value) or score.note for score in measured.scores)


# --- Rows that are of entities: which metrics have a clustered form, what others leave out --------


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
    assert all("those of one entity" in method for method in methods)


def test_entities_with_one_row_each_change_no_byte(toy) -> None:
    for metric in (Accuracy(), RocAuc(), Baselines(n_resamples=100), Slices()):
        rows, alone = measured(metric, toy()), measured(metric, with_entities(toy(), rows=1))
        assert [vars(score) for score in rows.scores] == [vars(score) for score in alone.scores]
        for name, table in rows.tables.items():
            pd.testing.assert_frame_equal(table, alone.tables[name])


def test_every_shipped_metric_of_the_model_has_a_clustered_form_or_a_reason() -> None:
    lacking = {
        key
        for key in shipped_keys("metrics")
        for metric in [shipped_class("metrics", key)]
        if metric.scope == "model" and not metric.counts_entities
    }
    assert lacking == {
        *("what_if", "decision_way", "tracin"),  # they have no intervals
        "interactions",  # its intervals are of the explained cases, one of an entity
    }
