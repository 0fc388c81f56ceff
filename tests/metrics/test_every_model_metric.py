"""Every metric of the model: the columns of the contract, many classes, and few rows."""

from __future__ import annotations

import importlib
import math
import re
from pathlib import Path

import pytest
import yaml
from pydantic import TypeAdapter

from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.artifacts.protocols.traits import table_types
from deepseek_report.errors import NotApplicableError
from tests.worded import say

ROOT = Path(__file__).parents[2]
KEYS = [
    "accuracy",
    "balanced_accuracy",
    "brier_score",
    "roc_auc",
    "average_precision",
    "expected_calibration_error",
    "confusion_matrix",
    "ranking_curves",
    "class_distributions",
    "baselines",
    "threshold_sweep",
    "group_rates",
    "impact_ratio",
    "demographic_parity_difference",
    "equal_opportunity_difference",
    "equalized_odds_difference",
    "group_calibration",
    "direct_use",
    "proxies",
    "options",
    "slices",
    "near_copies",
    "label_suspects",
    "learning_curve",
    "robustness",
    "sage",
    "permutation_importance",
]
ONLY_TWO_CLASSES = {"threshold_sweep"}


def build(key: str, **fields):
    settings = yaml.safe_load((ROOT / "conf" / "metrics" / f"{key}.yaml").read_text("utf-8"))[key]
    settings = {key: None if str(each).startswith("${") else each for key, each in settings.items()}
    module, name = settings.pop("_target_").rsplit(".", 1)
    kind = getattr(importlib.import_module(module), name)
    return TypeAdapter(kind).validate_python({**settings, **fields})


_ONCE: dict[str, Measurement] = {}


def once(key: str, toy) -> Measurement:
    """What a metric measures of two classes, the first time."""
    if key not in _ONCE:
        _ONCE[key] = build(key).measure(toy(n=400))
    return _ONCE[key]


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("key", KEYS)
def test_a_metric_keeps_the_contract_and_survives_storage(toy, tmp_path, key, n_classes) -> None:
    metric, context = build(key), toy(n_classes, n=400)
    if n_classes > 2 and key in ONLY_TWO_CLASSES:
        with pytest.raises(NotApplicableError):
            metric.measure(context)
        return
    measured = once(key, toy) if n_classes == 2 else metric.measure(context)
    types = table_types(metric)
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
    first, again = once(key, toy), build(key).measure(toy(n=400))
    assert repr(first.scores) == repr(again.scores)  # nan is not equal to itself
    for name, table in first.tables.items():
        assert table.equals(again.tables[name])


@pytest.mark.parametrize("key", KEYS)
def test_twelve_rows_give_numbers_or_a_reason(toy, key: str) -> None:
    try:
        measured = build(key).measure(toy(n=12, seed=1))
    except NotApplicableError as reason:
        text = say(reason.reason)
        assert len(text.split()) > 4, "says what is missing"
        assert not re.search(r"; (leave|use|add|set|declare|name) ", text), "readers set nothing"
    else:
        assert all(math.isfinite(score.value) or score.note for score in measured.scores)
