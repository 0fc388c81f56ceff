"""Gaps between parts and near copies: found in worlds where they are, and silent elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from deepseek_report.artifacts.finding import Finding
from deepseek_report.findings.find import measured_findings
from tests.varied_run import VariedRun

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
from worlds import data as worlds


def parts(run: VariedRun, gap: float, low: float, p: float, unforeseen_p: float) -> list[Finding]:
    name = {"attribute": "year", "attribute_label": "Year"}
    common = {"too_few": False, "unforeseen": 0.2, "unforeseen_p": 1.0}
    run.measure(
        "part_performance",
        parts=[
            {**name, "level": "2019", "n": 500, "accuracy": 0.89, **common},
            {**name, "level": "2020", "n": 500, "accuracy": 0.89 - gap, **common}
            | {"unforeseen_p": unforeseen_p},
        ],
        tests=[
            {
                **name,
                "metric": "accuracy_gap",
                "value": gap,
                "low": low,
                "high": gap + 0.05,
                "n": 1000,
                "null_mean": 0.02,
                "null_high": 0.05,
                "p_value": p,
                "p_adjusted": p,
                "widest_level": "2019",
                "narrowest_level": "2020",
            }
        ],
    )
    return [f for f in measured_findings(run.results()) if f.id.startswith("part_gap")]


@pytest.mark.parametrize(
    ("low", "p", "unforeseen_p", "severity"),
    [
        (0.22, 0.001, 0.001, "high"),
        (0.03, 0.001, 0.001, "medium"),
        (0.22, 0.001, 0.6, "medium"),
        (0.03, 0.001, 0.6, "low"),
    ],
)
def test_a_gap_between_parts_weighs_by_its_size_and_whether_the_model_foresees_it(
    run: VariedRun,
    say: Callable[[Finding], str],
    low: float,
    p: float,
    unforeseen_p: float,
    severity: str,
) -> None:
    (finding,) = parts(run, 0.27, low, p, unforeseen_p)
    assert finding.severity == severity
    assert "worse for “2020” (year) than for “2019”" in say(finding)
    assert ("foresee it" in say(finding)) == (unforeseen_p > 0.05)


def test_a_gap_that_chance_explains_is_no_finding(run: VariedRun) -> None:
    assert parts(run, 0.05, 0.0, 0.3, 0.3) == []


def copies(run: VariedRun, **row: Any) -> list[Finding]:
    known = {"n": 600, "near": 90, "same_label": 0.99, "other_same_label": 0.7}
    known |= {"by_chance": False, "same_p_value": 1e-9, "near_loss": 0.01, "other_loss": 0.25}
    known |= {"flattered": 0.036, "flattered_low": 0.025, "flattered_high": 0.045}
    run.measure(
        "near_copies",
        run.score("near_copies", 0.15, 0.12, 0.18, unit="share"),
        run.score("error_rate_without_copies", 0.25, 0.21, 0.29, unit="share"),
        comparison=[{**known, "loss_p_value": 1e-6, **row}],
    )
    return [f for f in measured_findings(run.results()) if f.id == "near_copies"]


def test_near_copies_weigh_by_what_they_do_to_the_score(
    run: VariedRun, say: Callable[[Finding], str]
) -> None:
    (finding,) = copies(run)
    assert finding.severity == "medium"
    assert copies(run, flattered_low=0.12)[0].severity == "high"
    assert copies(run, flattered_low=0.012)[0].severity == "low"
    assert "dataset.entity" in say(finding)
    assert "Without them the error rate is 25.0" in say(finding)
    assert copies(run, loss_p_value=0.4)[0].severity == "low"
    assert copies(run, loss_p_value=0.4, same_p_value=0.4)[0].severity == "low"


@pytest.mark.parametrize("seed", range(3))
def test_planted_copies_entities_and_drift_are_found_and_honest_data_are_not_accused(
    seed: int,
) -> None:
    trials = {
        worlds.copies_trial: {"medium"},
        worlds.entities_trial: {"high"},
        worlds.drift_trial: {"high"},
    }
    for trial, severities in trials.items():
        outcome = trial(1, seed)
        assert outcome.is_named, trial
        assert outcome.severity in severities, trial
    assert worlds.no_copies_trial(1000, seed).severity == ""
    assert worlds.time_trial(-1, 1000, seed).severity == ""


def test_no_finding_says_that_labels_are_wrong(run: VariedRun) -> None:
    run.measure("label_suspects", run.score("label_suspects", 0.08, 0.06, 0.1, unit="share"))
    assert not any(finding.id == "label_suspects" for finding in measured_findings(run.results()))
