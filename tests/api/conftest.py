"""Few rows of loans, and a call that asks for little, so that a report takes a second or two."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import deepseek_report as dr

FEW: dict[str, Any] = {
    "metrics": ["accuracy", "roc_auc"],
    "explainers": ["random"],
    "visualizations": [],
    "sections": ["summary", "reproducibility"],
    "frameworks": [],
    "instances": 10,
    "background": 8,
    "measure_time": False,
}

Report = Callable[..., dr.Run]


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where all reports of these tests go, with one store."""
    return tmp_path_factory.mktemp("api")


@pytest.fixture(scope="session")
def report(folder: Path) -> Report:
    """`dr.report` with few metrics, into a folder of these tests."""

    def call(*arguments: Any, **options: Any) -> dr.Run:
        return dr.report(*arguments, **(FEW | {"reports": str(folder)} | options))

    return call


@pytest.fixture(scope="session")
def loans() -> pd.DataFrame:
    """Loans with numbers, texts, categories and booleans, some of them missing."""
    random = np.random.default_rng(3)
    n = 240
    frame = pd.DataFrame(
        {
            "age": random.integers(18, 80, n),
            "income": random.normal(50, 10, n),
            "sex": random.choice(["f", "m"], n),
            "job": pd.Categorical(random.choice(["clerk", "cook", "smith"], n)),
            "owns": random.random(n) < 0.5,
        }
    )
    frame.loc[::17, "income"] = np.nan
    score = 0.08 * (frame["income"].fillna(50) - 50) + 0.8 * (frame["job"] == "clerk")
    score += 0.5 * frame["owns"] - 0.3 * (frame["sex"] == "f") + random.normal(0, 0.4, n)
    frame["decision"] = np.where(score > 0.2, "approved", "denied")
    return frame


@pytest.fixture(scope="session")
def numbers(loans: pd.DataFrame) -> pd.DataFrame:
    """The columns of numbers without gaps."""
    return loans[["age", "income"]].fillna(50.0)


@pytest.fixture(scope="session")
def labels(loans: pd.DataFrame) -> pd.Series:
    """The label of each loan."""
    return loans["decision"]


@pytest.fixture(scope="session")
def pipeline(loans: pd.DataFrame, labels: pd.Series) -> Any:
    """A pipeline with encoders of its own, fitted on the first 120 rows."""
    from sklearn.compose import make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    columns = make_column_transformer(
        (OneHotEncoder(), ["sex", "job"]), (SimpleImputer(), ["age", "income", "owns"])
    )
    model = make_pipeline(columns, LogisticRegression(max_iter=1000))
    return model.fit(loans.drop(columns="decision")[:120], labels[:120])


@pytest.fixture(scope="session")
def run(report: Report, pipeline: Any, loans: pd.DataFrame, labels: pd.Series) -> dr.Run:
    """One report on the pipeline, with groups, a finding or two and an explanation."""
    X = loans.drop(columns="decision")
    return report(
        pipeline,
        X[120:],
        labels[120:],
        X_train=X[:120],
        y_train=labels[:120],
        sensitive=["sex"],
        favourable="approved",
        title="Loans <b>of</b> Monday",
        metrics=["accuracy", "roc_auc", "group_rates", "impact_ratio", "importance"],
        explainers=["lime", "random"],
        sections=["summary", "model", "bias", "reproducibility"],
        thresholds=[{"metric": "roc_auc", "at_least": 0.5, "set_by": "the test"}],
    )
