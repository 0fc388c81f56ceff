"""Promises: what is judged by the whole interval."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepseek_report.artifacts.schema import NOT_JUDGED
from deepseek_report.findings.conclude import all_findings as find
from deepseek_report.findings.records import promise_name
from deepseek_report.findings.thresholds import judge, outcome

number = st.floats(-10, 10)


@pytest.mark.parametrize(
    ("side", "low", "high", "expected"),
    [
        ("at_least", 0.76, 0.79, "met"),
        ("at_least", 0.75, 0.79, "met"),
        ("at_least", 0.74, 0.79, "too uncertain to say"),
        ("at_least", 0.70, 0.75, "too uncertain to say"),
        ("at_least", 0.70, 0.74, "not met"),
        ("at_most", 0.70, 0.75, "met"),
        ("at_most", 0.74, 0.79, "too uncertain to say"),
        ("at_most", 0.76, 0.79, "not met"),
    ],
)
def test_the_whole_interval_decides(side, low, high, expected):
    assert outcome(side, 0.75, (low + high) / 2, low, high) == expected


@given(number, number)
def test_without_an_interval_the_value_decides_and_is_never_uncertain(value, bound):
    assert outcome("at_least", bound, value, None, None) == ("met" if value >= bound else "not met")


@given(number, number, st.floats(0, 5), st.floats(0, 5))
def test_at_most_mirrors_at_least(value, bound, below, above):
    low, high = value - below, value + above
    mirrored = outcome("at_most", -bound, -value, -high, -low)
    assert outcome("at_least", bound, value, low, high) == mirrored


@given(number, number, st.floats(0, 5), st.floats(0, 5))
def test_a_wider_interval_never_turns_a_failure_into_a_success(value, bound, half, more):
    narrow = outcome("at_least", bound, value, value - half, value + half)
    wide = outcome("at_least", bound, value, value - half - more, value + half + more)
    assert wide in {narrow, "too uncertain to say"}


def test_a_promise_without_subject_is_judged_for_every_explainer_but_the_control(run, score):
    run.promise(metric="deletion_gain", at_least=0.0, set_by="us")
    for name, gain in (("shap", 0.1), ("lime", -0.1), ("random", 0.0)):
        run.measure(f"deletion/{name}", score("deletion_gain", gain, explainer=name))
    verdicts = judge(run.results())
    outcomes = {verdict.explainer: verdict.outcome for verdict in verdicts}
    assert outcomes == {"shap": "met", "lime": "not met"}


def test_a_promise_about_the_model_ignores_the_baselines(run, score):
    run.promise(metric="roc_auc", at_least=0.75, set_by="us")
    run.measure("roc_auc", score("roc_auc", 0.78, 0.77, 0.79))
    run.measure("baselines", score("roc_auc", 0.70, predictor="logistic_regression"))
    assert [verdict.value for verdict in judge(run.results())] == [0.78]


def test_a_gain_over_a_simpler_model_is_judged_by_the_gain_over_that_one(run, score):
    run.promise(metric="roc_auc_gain", predictor="logistic_regression", at_least=0, set_by="us")
    better = score("roc_auc_gain", 0.2, 0.1, 0.3, predictor="majority")
    worse = score("roc_auc_gain", -0.2, -0.3, -0.1, predictor="logistic_regression")
    run.measure("baselines", better, worse)
    (verdict,) = judge(run.results())
    assert (verdict.outcome, verdict.predictor) == ("not met", "logistic_regression")
    assert promise_name(run.results(), verdict).endswith("(logistic regression)")


def test_a_promise_that_nothing_measures_says_why(run):
    run.promise(metric="roc_auc", at_least=0.75, set_by="us")
    run.failures["measures/roc_auc"] = "all labels are of one class"
    (verdict,) = judge(run.results())
    assert (verdict.outcome, verdict.reason) == ("not measured", "all labels are of one class")


def test_a_score_that_is_not_defined_counts_as_not_measured(run, score):
    run.promise(metric="roc_auc", at_most=0.75, set_by="us")
    run.measure("roc_auc", score("roc_auc", float("nan")))
    assert judge(run.results())[0].outcome == "not measured"


def test_without_promises_there_are_no_verdicts(run):
    run.config.pop("report")
    assert judge(run.results()) == []


@pytest.mark.parametrize("metric", ["impact_ratio", "selection_rate"])
def test_a_promise_on_favourable_decisions_is_not_judged_without_a_declaration(run, metric):
    run.data(favourable=None)
    run.promise(metric=metric, at_least=0.8, set_by="us")
    run.refused["measures/impact_ratio"] = NOT_JUDGED
    (verdict,) = judge(run.results())
    assert (verdict.outcome, verdict.reason) == ("not measured", NOT_JUDGED)


@pytest.mark.parametrize(("favourable", "findings"), [(None, ["groups-not-judged"]), (0, [])])
def test_that_groups_are_not_judged_is_a_finding_where_nobody_declares(run, favourable, findings):
    run.data(favourable=favourable)
    assert [finding.id for finding in find(run.results()) if finding.section == "bias"] == findings
