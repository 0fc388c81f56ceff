"""Gaps between parts and near copies: found in worlds where they are, and silent elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from worlds import data as worlds
from worlds import failures

from deepseek_report.artifacts.finding import Finding
from deepseek_report.artifacts.score import Score
from deepseek_report.findings import rules_parts
from deepseek_report.findings.conclude import measured_findings
from deepseek_report.metrics.failures.part_performance import PartPerformance
from deepseek_report.sections.performance import part_values
from deepseek_report.sections.shared.draft import Draft
from deepseek_report.statistics.intervals import any_pair, level_within, rate_difference
from deepseek_report.visualizations.failures.part_pictures import PartPerformancePicture
from deepseek_report.wording.words import wording
from tests.varied_run import VariedRun


def parts(
    run: VariedRun, gap: float, low: float, p: float, unforeseen_p: float, *scores: Score
) -> list[Finding]:
    name = {"attribute": "year", "attribute_label": "Year"}
    part = {**name, "n": 500, "too_few": False, "unforeseen": 0.2}
    better = part | {"level": "2019", "accuracy": 0.89, "unforeseen_p": 1.0}
    worse = part | {"level": "2020", "accuracy": 0.89 - gap, "unforeseen_p": unforeseen_p}
    test: dict[str, Any] = {**name, "metric": "accuracy_gap", "n": 1000, "p_value": p}
    test |= {"p_adjusted": p, "null_mean": 0.02, "null_high": 0.05}
    test |= dict.fromkeys(("value", "surest_gap"), gap) | dict.fromkeys(("low", "surest_low"), low)
    test |= dict.fromkeys(("high", "surest_high"), gap + 0.05)
    test |= dict.fromkeys(("widest_level", "surest_highest"), "2019")
    test |= dict.fromkeys(("narrowest_level", "surest_lowest"), "2020")
    run.measure("part_performance", *scores, parts=[better, worse], tests=[test])
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
    assert "worse for cases with year “2020” than for “2019”" in say(finding)
    assert ("foresee it" in say(finding)) == (unforeseen_p > 0.05)


@pytest.mark.parametrize(("bound", "severity"), [(0.4, "low"), (0.3, "high")])
def test_a_gap_that_a_declared_bound_surely_allows_is_minor(
    run: VariedRun, score: Callable[..., Score], bound: float, severity: str
) -> None:
    run.promise(metric="accuracy_gap", attribute="year", at_most=bound)
    measured = score("accuracy_gap", 0.27, 0.22, 0.32, attribute="year")
    (finding,) = parts(run, 0.27, 0.22, 0.001, 0.001, measured)
    assert finding.severity == severity


def test_a_gap_that_chance_explains_is_no_finding(run: VariedRun) -> None:
    assert parts(run, 0.05, 0.0, 0.3, 0.3) == []


def test_the_part_that_is_named_is_that_of_the_test_and_no_smaller_one_that_lies_further() -> None:
    sizes, right = (3000, 3000, 40), (2700, 2400, 31)
    correct = np.concatenate([np.arange(n) < k for n, k in zip(sizes, right, strict=True)])
    test = failures.world(len(correct), np.random.default_rng(0))
    test = replace(test, groups=np.repeat(np.arange(3), sizes))
    context = failures.context(test, test, 0)
    p, (origin,) = context.predictions, context.dataset.schema.attributes
    schema = replace(context.dataset.schema, attributes=(replace(origin, kind="other"),))
    context = replace(
        context,
        dataset=replace(context.dataset, schema=schema),
        predictions=replace(p, labels=np.where(correct, p.decisions, 1 - p.decisions)),
    )
    measured = {"part_performance": PartPerformance().measure(context)}
    results = failures.results_of(context, measured)
    (finding,) = rules_parts.part_gaps(results)
    assert (finding.values["worst"], finding.values["best"]) == ("group 1", "group 0")
    gap = finding.values["gap"]
    assert (gap.value, finding.severity) == (pytest.approx(0.1), "medium")
    low, high = rate_difference(2700, 3000, 2400, 3000, level_within(any_pair(3)))
    assert (gap.low, gap.high) == (pytest.approx(low), pytest.approx(high))
    (picture,) = PartPerformancePicture().draw(results)
    title = wording().say(picture.title).replace("\u00a0", " ")
    assert title.startswith("Origin: 80.0 %")
    assert "in “group 1” are decided correctly, 90.0 %" in title
    (part,) = part_values(Draft("performance", results))["parts"]
    sentence = part["sentence"].replace("\u00a0", " ")
    assert sentence.startswith("The model decides correctly more often for “group 0”, 90.0 %")


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
    assert "dataset.entity" in say(finding)
    assert "Without them the error rate is 25.0" in say(finding)
    for row, severity in (
        ({"flattered_low": 0.12}, "high"),
        ({"flattered_low": 0.012}, "low"),
        ({"loss_p_value": 0.4}, "low"),
        ({"loss_p_value": 0.4, "same_p_value": 0.4}, "low"),
    ):
        assert copies(run, **row)[0].severity == severity, row


def test_near_copies_of_the_other_label_do_not_help_the_model(
    run: VariedRun, say: Callable[[Finding], str]
) -> None:
    matched: dict[str, Any] = {"same_label": 0.2, "other_same_label": 0.7, "loss_p_value": 0.9}
    (finding,) = copies(run, **matched)
    assert "no more often than others, so they hardly help the model" in say(finding)
    (finding,) = copies(run, **matched, by_chance=True, near=590)
    assert finding.severity == "low"
    assert "says nothing of new ones" not in say(finding)


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
