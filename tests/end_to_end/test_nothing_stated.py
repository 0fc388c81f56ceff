"""Where a model decides and states no probability, nothing is concluded on its probabilities."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.tree import DecisionTreeClassifier

import deepseek_report as dr
from deepseek_report.artifacts.predictions import Predictions

RANDOM = np.random.default_rng(4)
ROWS = pd.DataFrame({"income": RANDOM.normal(size=500), "debt": RANDOM.normal(size=500)}).assign(
    sex=RANDOM.integers(0, 2, 500)
)
LABELS = (ROWS["income"] - ROWS["debt"] + RANDOM.normal(size=500) > 0).astype(int)
TRAIN, TEST = slice(0, 200), slice(200, 500)
METRICS = (
    *("roc_auc", "accuracy", "balanced_accuracy", "brier_score", "expected_calibration_error"),
    *("group_rates", "group_calibration", "impact_ratio"),
)


def decided(rows: pd.DataFrame) -> np.ndarray:
    """A rule that decides, as 0 and 1."""
    return (rows["income"] > rows["debt"]).to_numpy().astype(float)


MODELS = {
    "labels": {"predictions": decided(ROWS[TEST])},
    "labels by class": {"predictions": np.eye(2)[decided(ROWS[TEST]).astype(int)]},
    "rule": {"model": decided},
    "tree": {"model": DecisionTreeClassifier(random_state=0).fit(ROWS[TRAIN], LABELS[TRAIN])},
}


@pytest.mark.parametrize("name", MODELS)
def test_of_decisions_alone_no_probability_is_judged(name: str, tmp_path: Path) -> None:
    run = dr.report(
        **MODELS[name],
        X_train=ROWS[TRAIN],
        y_train=LABELS[TRAIN],
        X_test=ROWS[TEST],
        y_test=LABELS[TEST],
        sensitive=["sex"],
        favourable="1",
        metrics=list(METRICS),
        explainers=[],
        visualizations=["reliability"],
        sections=["summary", "performance", "bias"],
        frameworks=[],
        thresholds=[{"metric": "expected_calibration_error", "at_most": 0.01, "set_by": "us"}],
        reports=str(tmp_path),
    )
    assert not run.failed
    assert not {f.id for f in run.findings} & {"calibration", "group_calibration"}
    (promise,) = run.thresholds
    assert promise["outcome"] == "not measured"
    assert set(run.results.names("measures")) >= {"accuracy", "brier_score"}
    assert not run.results.has("measures/expected_calibration_error")
    assert not run.results.has("measures/group_calibration")
    rates = run.results.table("group_rates", "groups")
    assert rates is not None
    assert rates["ece"].isna().all()
    text = (run.path / "report.qmd").read_text(encoding="utf-8")
    assert "recalibrate" not in text.lower()
    assert "is stated" not in text
    assert "every one is 0 or 1: decisions alone" in text


@pytest.mark.parametrize(
    ("probabilities", "states"),
    [
        ([[1.0, 0.0], [0.0, 1.0]], False),
        ([[1 - 1e-12, 1e-12], [1e-12, 1 - 1e-12]], False),  # as answers are kept
        ([[1.0, 0.0], [0.5, 0.5]], True),
        ([[0.9, 0.1], [0.1, 0.9]], True),
        ([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]], False),
        (np.zeros((2, 0)), False),  # of numbers
    ],
)
def test_probabilities_are_stated_where_one_is_neither_0_nor_1(
    probabilities: Any, states: bool
) -> None:
    shares, nothing = np.asarray(probabilities), np.zeros(2, dtype=np.int64)
    made = Predictions(shares, shares, nothing, nothing, nothing, None, "argmax")
    assert made.states_probabilities == states
