"""A model that is not shown to beat a constant is the gravest finding."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from worlds import skill as worlds

from deepseek_report.findings.conclude import measured_findings
from deepseek_report.findings.explainer_verdicts import verdict_of
from deepseek_report.findings.skill import SkillVerdict, has_skill, ranks_backwards
from deepseek_report.statistics.ranking import auc_estimate
from deepseek_report.wording.words import wording


@pytest.mark.parametrize(
    ("value", "low", "high", "skilled"),
    [
        (0.7, 0.6, 0.8, True),
        (0.49, 0.44, 0.54, False),
        (0.55, 0.5, 0.59, False),
        (0.49, 0.2, 0.59, False),
        (0.6, 0.5, 0.7, None),
        (0.8, 0.4, 1, None),
    ],
)
def test_skill_is_shown_where_the_whole_interval_is_above_a_constant(
    run, score, value, low, high, skilled
):
    run.predictions().measure("roc_auc", score("roc_auc", value, low, high))
    assert has_skill(run.results()) is skilled


def test_the_skill_of_a_number_is_that_it_beats_the_mean(number):
    number.measure("r2", number.score("r2", 0.02, -0.03, 0.04))
    number.measure("baselines", number.score("mae_gain", 3.0, 2.0, 4.0, predictor="mean"))
    assert has_skill(number.results()) is False
    findings = measured_findings(number.results())
    assert [finding.id for finding in findings] == ["no_skill"]


def test_skill_cannot_be_told_where_its_score_was_not_measured(run, score):
    run.measure("accuracy", score("accuracy", 0.9, 0.8, 0.95))
    assert has_skill(run.results()) is None
    assert measured_findings(run.results()) == ()


def test_a_model_without_skill_is_told_first_and_its_explanations_are_of_no_use(run, score, say):
    run.promise(metric="roc_auc", at_least=0.75, set_by="us")
    run.measure("roc_auc", score("roc_auc", 0.49, 0.47, 0.51))
    run.tests_of(shap={})
    findings = measured_findings(run.results())
    assert (findings[0].id, findings[0].severity) == ("no_skill", "high")
    assert "0.490 (0.470–0.510)" in say(findings[0])
    assert "threshold_missed" not in {finding.message for finding in findings}
    assert not [finding for finding in findings if finding.section == "trust"]
    assert verdict_of(run.results(), "shap").use == "no_skill"


def test_what_is_found_of_groups_in_a_model_without_skill_is_marked_as_of_no_use(run, score):
    run.measure("roc_auc", score("roc_auc", 0.49, 0.47, 0.51))
    run.data(favourable=None)
    findings = measured_findings(run.results())
    about_groups = [finding for finding in findings if finding.section == "bias"]
    assert about_groups
    for finding in about_groups:
        assert any("of no use" in limit for limit in wording().finding(finding).limits)


def test_too_few_cases_of_a_class_leave_skill_open_and_condemn_nothing(run, score, say):
    run.predictions().measure("roc_auc", score("roc_auc", 0.8, 0.4, 1.0))
    run.tests_of(shap={})
    run.data(favourable=None)
    results = run.results()
    verdict = SkillVerdict.of(results)
    assert (verdict.kind, has_skill(results)) == ("open", None)
    assert verdict.cases < 100
    findings = {finding.id: finding for finding in measured_findings(results)}
    assert "no_skill" not in findings
    assert findings["skill_open"].severity == "low"
    assert f"Too few cases of “{verdict.level}” ({verdict.cases}) to judge" in say(
        findings["skill_open"]
    )
    assert verdict_of(results, "shap").use == "amounts"
    for finding in findings.values():
        if finding.section in ("bias", "explanations", "trust"):
            limits = wording().finding(finding).limits
            assert any(limit == "What this is worth is open." for limit in limits)


def test_many_cases_that_show_no_skill_are_no_want_of_cases(run, score):
    run.predictions().measure("roc_auc", score("roc_auc", 0.55, 0.45, 0.65))
    results = run.results()
    results.__dict__["predicted"] = replace(results.predicted, n=10_000)
    assert has_skill(results) is False


@pytest.mark.parametrize(
    ("area", "rare", "n", "messages"),
    [
        (0.89, 0.01, 300, {"skill_open", ""}),
        (0.89, 0.01, 3000, {""}),
        (0.5, 0.3, 3000, {"no_skill"}),
    ],
)
def test_no_good_model_is_called_useless_for_want_of_cases(area, rare, n, messages):
    assert {worlds.told(area, rare, n, seed) for seed in range(4, 16)} == messages


@pytest.mark.parametrize("n", [40, 150, 1000])
def test_swapped_classes_are_hinted_at_and_hardly_ever_by_chance(n):
    """Of 1 000 models without any skill fewer than one in 100 is said to rank backwards."""
    generator = np.random.default_rng(n)
    hints = 0
    for _ in range(1000):
        truths = np.arange(n) % 4 == 0
        area = auc_estimate(truths, generator.random(n))
        hints += ranks_backwards(area.score("roc_auc", "performance", "higher"))
    assert hints <= 10
    backwards = auc_estimate(truths, generator.normal(size=n) - 2.5 * truths)
    assert ranks_backwards(backwards.score("roc_auc", "performance", "higher"))


def test_the_advice_on_a_model_that_ranks_backwards_begins_with_swapped_classes(run, score, say):
    run.predictions().measure("roc_auc", score("roc_auc", 0.19, 0.12, 0.28))
    (finding,) = measured_findings(run.results())
    assert "Look first whether two classes are swapped" in say(finding)
