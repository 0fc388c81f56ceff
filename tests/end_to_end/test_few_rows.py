"""Sixty rows and ten explained cases: a whole report, and reasons for what so few cannot show."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd

from deepseek_report.artifacts.message import text_of
from deepseek_report.config.compose import compose
from deepseek_report.config.validate import validate
from deepseek_report.runner.execution.run_events import NoReporter
from deepseek_report.runner.run import run_experiment
from tests.worded import say


def test_sixty_rows_with_ten_explained_cases_give_a_report(tmp_path: Path) -> None:
    """Default explainers and metrics; boosting finds no split, so that attributions are all 0."""
    random = np.random.default_rng(0)
    x = random.normal(size=60)
    frame = pd.DataFrame(
        {
            "income": (30000 + 9000 * x).round(2),
            "children": random.integers(0, 5, 60),
            "job": random.choice(["clerk", "nurse", "smith"], 60),
            "sex": random.choice(["f", "m"], 60),
            "y": np.where(x > 0, "yes", "no"),
        }
    )
    frame.to_csv(tmp_path / "few.csv", index=False, sep=";", decimal=",")
    chosen = [
        *("debug=fast", "jobs=1", "measure_time=false", "frameworks=[]", "explain.instances=10"),
        *("dataset=csv", f"dataset.path={tmp_path / 'few.csv'}", "dataset.target=y"),
        *("dataset.favourable=yes", "dataset.sensitive=[sex]", "model=sklearn"),
        *(f"paths.reports={tmp_path}/r", f"paths.store={tmp_path}/s"),
    ]
    finished = run_experiment(validate(compose(chosen)), NoReporter(), chosen)
    assert not finished.failures
    assert finished.exit_code == 0
    reasons = [
        say(text_of(problem["reason"]))
        for problem in finished.record["problems"]
        if problem["kind"] != "failed"
    ]
    assert any("needs two parts of at least 50 rows" in reason for reason in reasons)
    page = (finished.folder / "report.html").read_text("utf-8")
    assert "decimal comma, which “income” shows" in page
    record = json.loads((finished.folder / "run.json").read_text("utf-8"))
    assert str(tmp_path) not in json.dumps(record["problems"])
