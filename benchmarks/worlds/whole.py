"""Whole runs on tables in which nothing is wrong: data, model, explanations and report.

Six numbers and a category make the label of two classes by a logistic rule; people of two sexes and
three regions differ in nothing; the model is a logistic regression of that form. Everything that a
default report measures is measured but what fits the model's kind anew, and pictures are left out.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from typing import Any

import numpy as np

from deepseek_report.findings.conclude import all_findings

from .trials import Plan, Table, repeat, share

TRAIN, OTHERS, EXPLAINED = 2000, 1000, 60
PEOPLE = ("sex", "region")
_LABEL = {"high": "critical", "medium": "major", "low": "minor", "info": "note"}


def _table(n: int, rng: np.random.Generator) -> tuple[Any, Any]:
    import pandas as pd

    numbers = rng.normal(size=(n, 6))
    colour = rng.integers(0, 3, n)
    signal = numbers @ np.array([1.0, 0.8, 0.6, 0.4, 0.0, 0.0]) + 0.5 * (colour == 1) - 0.8
    paid = rng.random(n) < 1 / (1 + np.exp(-signal))
    table = pd.DataFrame(numbers, columns=[f"amount {j}" for j in range(6)])
    table["colour"] = colour.astype(float)
    table["sex"] = np.array(["woman", "man"])[rng.integers(0, 2, n)]
    table["region"] = np.array(["north", "south", "west"])[rng.integers(0, 3, n)]
    return table, pd.Series(np.where(paid, "paid", "late"), name="outcome")


def run_trial(seed: int) -> list[tuple[str, str]]:
    """(severity, message) of every finding of one run."""
    from sklearn.compose import make_column_transformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    import deepseek_report

    rng = np.random.default_rng([seed, 5])
    parts = [_table(n, rng) for n in (TRAIN, OTHERS, OTHERS)]
    (x, y), (x_validation, y_validation), (x_test, y_test) = parts
    given = [name for name in x if name not in PEOPLE]
    columns = make_column_transformer((OneHotEncoder(), ["colour"]), remainder=StandardScaler())
    model = make_pipeline(columns, LogisticRegression()).fit(x[given], y)
    with tempfile.TemporaryDirectory() as folder:
        run = deepseek_report.report(
            model,
            x_test,
            y_test,
            X_train=x,
            y_train=y,
            X_validation=x_validation,
            y_validation=y_validation,
            sensitive=PEOPLE,
            use_sensitive=False,
            favourable="paid",
            explainers=["shap"],
            visualizations=[],
            instances=EXPLAINED,
            measure_time=False,
            seed=seed,
            model_id=str(seed),
            reports=f"{folder}/reports",
            store=f"{folder}/store",
        )
        return [(finding.severity, finding.message) for finding in all_findings(run.results)]


def tables(plan: Plan) -> list[Table]:
    """How many of the runs show anything critical or major, and what."""
    runs = repeat(run_trial, plan.times(20, 2), plan)
    told = Counter(finding for run in runs for finding in set(run))
    order = {"high": 0, "medium": 1, "low": 2}
    rows = [
        (f"any {_LABEL[grade]}", "", share([any(each[0] == grade for each in run) for run in runs]))
        for grade in ("high", "medium")
    ]
    rows += [
        (_LABEL[severity], f"`{message}`", f"{n} of {len(runs)}")
        for (severity, message), n in sorted(
            told.items(), key=lambda item: (order.get(item[0][0], 3), -item[1])
        )
        if severity in order
    ]
    return [
        Table(
            "Whole runs in which nothing is wrong",
            f"{len(runs)} runs of a logistic regression on {TRAIN} training rows and {OTHERS} rows "
            f"each for validation and test; {EXPLAINED} cases explained by SHAP; two attributes of "
            "people without any effect, which the model is not given.",
            ("severity", "finding", "runs"),
            rows,
        )
    ]
