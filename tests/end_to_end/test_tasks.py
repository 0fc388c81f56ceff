"""Whole reports as their readers see them: on a number, on several labels, and of few rows."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from deepseek_report.artifacts.message import text_of
from deepseek_report.runner.run import Finished
from tests.configured import places_in, run_of
from tests.shared_runs import SMALL
from tests.worded import say

FEW = (
    *(*SMALL, "model=mlp", "explainers=[shap,input_x_gradient,random]", "frameworks=[]"),
    *("report.thresholds=[]", "explain.instances=30"),
)
#: Words that say nothing of a number.
OF_CLASSES = re.compile(
    r"probability|probabilities|decided|\bdecisions?\b|favourable|log-odds|ROC AUC", re.I
)


def run(folder: Path, *overrides: str) -> Finished:
    return run_of(*FEW, *places_in(folder), *overrides)


@pytest.fixture(scope="module")
def number(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    return run(tmp_path_factory.mktemp("number"), "dataset=diabetes")


@pytest.fixture(scope="module")
def labels(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    return run(tmp_path_factory.mktemp("labels"), "dataset=multi_label_demo", "dataset.n=400")


def prose(finished: Finished) -> str:
    """What is said of the model; after it frameworks and the record name what was left out."""
    whole = (finished.folder / "report.qmd").read_text(encoding="utf-8")
    return whole.partition("{#sec-compliance}")[0]


@pytest.mark.parametrize("which", ["number", "labels"])
def test_nothing_that_was_asked_for_fails(which: str, request: pytest.FixtureRequest) -> None:
    finished: Finished = request.getfixturevalue(which)
    assert not finished.failures
    assert finished.exit_code == 0


def test_no_sentence_on_a_number_speaks_of_classes_or_probabilities(number: Finished) -> None:
    fine = (
        *("made for classes or several labels", "Nothing is decided"),
        *(
            "alone tells the third of the numbers",
            "By itself",
            "| Feature | ROC AUC",
            "ROC AUC of each feature by itself",
        ),  # of its thirds
    )
    lines = [
        text_line
        for text_line in prose(number).splitlines()
        if not any(text in text_line for text in fine)
    ]
    assert [line for line in lines if OF_CLASSES.search(line)] == []


def test_what_is_said_of_a_number_is_computed_from_this_run(number: Finished) -> None:
    text = prose(number)
    assert "Predictions are off by" in text
    assert "of the variance of the true numbers" in text
    assert "is made to hold 90 %" in text.replace("\u00a0", " ")
    assert "Errors by group" in text
    assert re.search(r"\| An error of typical size \| \d+ \| \d+\spoints \| \d+\spoints \|", text)


def test_parts_of_another_task_are_counted_in_one_line(number: Finished) -> None:
    of_task = [line for line in prose(number).splitlines() if "here a number is predicted" in line]
    lines = [line for line in of_task if line.startswith("- ")]
    assert len(lines) == 2  # what is made for classes, and what for several labels
    assert re.match(r"- \d+ parts, such as accuracy", lines[0])


def test_scores_of_a_number_have_its_unit(number: Finished) -> None:
    scores = json.loads(
        (number.folder / "artifacts/measures/mae/scores.json").read_text(encoding="utf-8")
    )
    assert [score["unit"] for score in scores] == ["points"]


def test_every_label_stands_in_the_report_and_one_is_decided(labels: Finished) -> None:
    text = prose(labels)
    for name in ("label 1 (reported)", "label 2", "label 3", "label 4"):
        assert name in text
    assert "all “with label 1”" in text
    assert "subset accuracy" in text


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
    finished = run_of(
        *(*SMALL, "frameworks=[]", "explain.instances=10", "model=sklearn", *places_in(tmp_path)),
        *("dataset=csv", f"dataset.path={tmp_path / 'few.csv'}", "dataset.target=y"),
        *("dataset.favourable=yes", "dataset.sensitive=[sex]"),
    )
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
