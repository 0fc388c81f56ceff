"""Severity is one table, findings of one cause are told once, and the widest come first."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from deepseek_report.artifacts.finding import SEVERITIES, Finding
from deepseek_report.artifacts.message import message
from deepseek_report.findings import conclude
from deepseek_report.findings.conclude import one_per_cause, priced_once
from deepseek_report.findings.severity import HARMS, SIZES, severity
from deepseek_report.wording.words import wording

rank = SEVERITIES.index


@pytest.mark.parametrize("certain", [True, False])
def test_what_is_told_about_a_model_never_outranks_what_is_done_to_people(certain):
    for size in SIZES:
        grades = [rank(severity(harm, size, certain=certain)) for harm in HARMS]
        assert grades == sorted(grades)
    assert "high" not in {severity("method", size, certain=certain) for size in SIZES}


@pytest.mark.parametrize("harm", HARMS)
def test_less_harm_and_less_certainty_are_never_graver(harm):
    certain, possible = (
        [rank(severity(harm, size, certain=sure)) for size in SIZES] for sure in (True, False)
    )
    assert certain == sorted(certain)
    assert all(less >= more for less, more in zip(possible, certain, strict=True))


def test_the_page_holds_the_table():
    page = Path(__file__).parents[2] / "docs" / "severity.md"
    label = wording().table("severities")
    rows = [
        f"| {harm} | {'certain' if sure else 'possible'} | "
        + " | ".join(label[severity(harm, size, certain=sure)] for size in SIZES)
        + " |"
        for harm in HARMS
        for sure in (True, False)
    ]
    assert "\n".join(rows) in page.read_text("utf-8")


def test_a_broken_promise_is_told_by_the_finding_that_says_the_same():
    promise = Finding("promise", "high", "threshold_missed", cause="x")
    own = Finding("own", "low", "calibration_off", cause="x")
    other = Finding("other", "info", "faithful")
    assert one_per_cause([promise, own, other]) == [replace(own, severity="high"), other]


def test_a_broken_promise_stands_where_the_other_finding_sees_no_problem():
    promise = Finding("promise", "high", "threshold_missed", cause="x")
    good = Finding("own", "info", "calibration_good", cause="x")
    assert one_per_cause([good, promise]) == [promise]


def test_findings_without_a_cause_are_all_told():
    findings = [Finding(name, "low", "flips") for name in "ab"]
    assert one_per_cause(findings) == findings


def test_of_findings_alike_those_on_people_come_first_and_those_on_explanations_last() -> None:
    wide = Finding("wide", "low", "m", section="trust", touches=0.5)
    alike = [Finding(name, "low", "m", section=name) for name in ("trust", "data", "bias")]
    grave = Finding("grave", "medium", "m", section="trust")
    ordered = sorted([*alike, wide, grave], key=conclude._order)
    assert [finding.id for finding in ordered] == ["grave", "wide", "bias", "data", "trust"]


def test_what_an_option_would_change_stands_with_the_gravest_finding_alone():
    option = message("advice.tried", option="reweighted", own=False)
    direct = Finding("direct", "high", "m", {"option": option, "n": 1})
    below = Finding("below", "medium", "m", {"option": option})
    other = Finding("other", "low", "m", {"option": "", "n": 2})
    without = replace(below, values={"option": ""})
    assert list(priced_once([direct, below, other])) == [direct, without, other]
