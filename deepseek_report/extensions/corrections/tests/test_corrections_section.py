"""What the report of a corrected model begins with."""

from __future__ import annotations

from deepseek_report.artifacts.storage.files import load_json
from deepseek_report.extensions.corrections import correction_findings
from deepseek_report.extensions.corrections.correction_findings import correction_lines
from deepseek_report.extensions.corrections.corrections_section import CorrectionsSection
from deepseek_report.extensions.corrections.declared_corrections import CORRECTIONS_FILE
from deepseek_report.sections.summary import SummarySection
from deepseek_report.wording.words import wording
from tests.tiny_runs import TinyRuns
from tests.varied_run import VariedRun


def test_a_corrected_run_says_what_by_whom_when_why_and_what_came_of_it(
    tiny_runs: TinyRuns,
) -> None:
    results = tiny_runs("corrected")
    say = wording("en").say
    sentences = [say(line) for line in correction_lines(results)]
    assert "Risk said on 2026-11-28:" in sentences[0]
    assert sentences[0].endswith("must not matter (reason: hearsay).")
    assert sentences[1].startswith(
        "It worked: the column is left out; before, drawing it anew moved"
    )
    assert sentences[2].startswith("Somebody who is not named said:")
    assert any(line.startswith("Accuracy on the data as they are went from") for line in sentences)
    assert any("cases that nobody marked" in line for line in sentences)
    assert SummarySection().content(results).values["corrected"] == sentences
    assert results.schema.names.count("EDUCATION") == 0
    assert "AGE" in results.schema.names
    named = load_json(results.path_of("data") / CORRECTIONS_FILE)
    assert [item["by"] for item in named] == ["Risk", ""]


def test_the_section_shows_what_was_corrected_in_words(tiny_runs: TinyRuns) -> None:
    content = CorrectionsSection().content(tiny_runs("corrected"))
    assert not content.incomplete
    rows = content.values["corrected"].rows
    assert {row["kind"] for row in rows} == {"must not matter"}
    assert {row["how"] for row in rows} == {"left out", "trained with it drawn anew"}


def test_a_correction_that_failed_is_a_grave_finding_with_what_to_do(run: VariedRun) -> None:
    common = {"kind": "feature", "by": "Risk", "on": "", "why": "", "run": "", "n": 400}
    ends = {"before_low": 0.2, "before_high": 0.3, "after_low": 0.15, "after_high": 0.21}
    row = {**common, "what": "zip", "how": "penalty", "before": 0.25, "after": 0.18, **ends}
    gains = {"label": "rent", "before": 0.01, "after": 0.2, "gained": 0.19, "n": 400}
    run.measure(
        "corrections",
        corrected=[{**row, "outcome": "failed"}, {**row, "outcome": "worked"}],
        took_over=[{**gains, "gained_low": 0.1, "gained_high": 0.2, "sure": True}],
    )
    results = run.results()
    (finding,) = correction_findings.corrections_failed(results)
    assert finding.severity == "high"
    worded = wording("en").finding(finding)
    assert worded.claim == "The correction of “zip” failed."
    detail = worded.detail.replace("\xa0", " ")
    assert "still moves the answer by 18 points (15–21), before by 25 points (20–30)" in detail
    assert worded.why.startswith("What somebody said must not decide decides all the same")
    (gained,) = correction_findings.took_over(results)
    assert "“rent” counts more" in wording("en").finding(gained).claim


def test_of_a_direction_that_is_not_kept_it_is_not_said_that_something_decides(run) -> None:
    ends = {"before_low": 0.9, "before_high": 1.0, "after_low": 0.8, "after_high": 0.9}
    row = {"kind": "rises", "by": "Risk", "on": "", "why": "", "run": "", "n": 400}
    row |= {"what": "delay", "how": "penalty", "before": 0.95, "after": 0.85, "outcome": "failed"}
    (finding,) = correction_findings.corrections_failed(
        run.measure("corrections", corrected=[row | ends]).results()
    )
    why = wording("en").finding(finding).why
    assert why.startswith("The answer goes a way that somebody said it must not go")
