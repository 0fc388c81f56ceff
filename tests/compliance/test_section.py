"""The compliance section: what it says is what was evaluated, and it claims no more."""

from __future__ import annotations

import csv
import json
import re
from dataclasses import replace
from typing import Any

import pytest

from deepseek_report.artifacts.finding import Finding
from deepseek_report.artifacts.protocols.sections import SectionContent
from deepseek_report.artifacts.storage.local_paths import shipped
from deepseek_report.compliance.evaluate import FrameworkReport, evaluate_results
from deepseek_report.compliance.evidence_record import evidence_record
from deepseek_report.compliance.forbidden_words import find_forbidden, quoted_passages
from deepseek_report.compliance.framework import FrameworkChoice, choices, framework_ids
from deepseek_report.compliance.sources import load_sources
from deepseek_report.rendering.document import write_qmd
from deepseek_report.rendering.page_words import ReportOptions
from deepseek_report.sections.compliance import ComplianceSection
from deepseek_report.wording.words import DEFAULT_LANGUAGE, read_catalog
from tests.shipped_parts import shipped_class, shipped_keys

from .conftest import Run, english, measure, score


def content(run: Run) -> SectionContent:
    return ComplianceSection().content(run.results())


def written(run: Run) -> str:
    results = run.results()
    path = write_qmd(results, [content(run)], ReportOptions(), run.folder / "out").path
    assert not results.failures
    return path.read_text(encoding="utf-8")


def rows_beside(run: Run) -> dict[str, dict[str, str]]:
    """{row: its cells} of the lists of all rows, which stand beside the document."""
    written(run)
    rows: dict[str, dict[str, str]] = {}
    for path in sorted((run.folder / "out" / "tables").glob("compliance-*-rows.csv")):
        with path.open(encoding="utf-8", newline="") as stream:
            rows |= {row["id"]: row for row in csv.DictReader(stream)}
    return rows


def test_the_answer_counts_rows_and_gives_no_percentage(run: Run) -> None:
    made = content(run)
    counts = [framework.counts for framework in run.evaluated().frameworks]
    total = sum(sum(by_status.values()) for by_status in counts)
    whole = sum(by_status["complete"] + by_status["human_supplied"] for by_status in counts)
    assert made.answer.startswith(f"Of {total} requirements in 4 frameworks")
    assert f"awaits a judgement for {whole}," in made.answer
    assert "%" not in made.answer


def test_every_row_of_every_framework_stands_beside_the_document_that_links_it(run: Run) -> None:
    rows = rows_beside(run)
    text = written(run)
    for choice in choices(run.config):
        name = choice.load().id.replace("_", "-")
        assert f"(tables/compliance-{name}-rows.html){{.file}}" in text
        page = (run.folder / "out" / "tables" / f"compliance-{name}-rows.html").read_text("utf-8")
        for row in choice.load().rows:
            assert rows[row.id]["cite"] == row.cite
            assert f">{row.id}</td>" in page


def test_a_row_that_lacks_evidence_stands_in_the_document_and_one_that_does_not_in_the_file(
    run: Run,
) -> None:
    text = written(run)
    assert re.search(r"^\| `AIV-9` \|.*no evidence.*monitoring plan", text, re.MULTILINE)
    assert "| `AIV-1d` |" not in text


def test_the_document_uses_no_forbidden_word(run: Run) -> None:
    frameworks = [choice.load() for choice in choices(run.config)]
    assert find_forbidden(written(run), quoted_passages(frameworks)) == []


def test_full_hashes_are_in_the_index_and_short_ones_in_the_rows(run: Run) -> None:
    rows = rows_beside(run)
    sha256 = run.seal()["manifest"]["artifacts/data/card.json"]
    index = (run.folder / "out" / "tables" / "compliance-index.csv").read_text("utf-8")
    assert sha256 in index
    assert any(f"data card {sha256[:8]}" in row["evidence"] for row in rows.values())


def test_a_row_that_nobody_read_is_marked(run: Run) -> None:
    rows = rows_beside(run)
    for choice in choices(run.config):
        for row in choice.load().rows:
            assert rows[row.id]["title"].endswith("†") == (not row.verified)


def test_every_row_that_is_not_settled_says_what_a_person_can_do(run: Run) -> None:
    rows = [row for framework in content(run).values["frameworks"] for row in framework["rows"]]
    waiting = [row for row in rows if "awaits" in row.status]
    assert waiting
    assert all("judgement" in text for text in english(row.person for row in waiting))
    partly = [row for row in rows if "partial" in row.status and not row.lacking]
    assert partly
    assert all(text != "–" for text in english(row.person for row in partly))


def test_what_people_wrote_wrongly_is_shown_with_file_line_and_reason(run: Run) -> None:
    run.people("statements:\n  intended_porpose: {text: It scores., name: Ada}\n")
    text = written(run)
    assert "people/risk.yaml:2" in text.replace("\\", "")
    assert "did you mean “`intended_purpose`”?" in text.replace("\\", "")
    assert "1 problem in what people wrote" in " ".join(english(content(run).caveats))


def test_a_finding_is_linked_from_the_rows_that_ask_for_what_it_is_about(run: Run) -> None:
    findings = (
        Finding("a", "high", "impact_below", {}, ("measures/group_rates",), "bias"),
        Finding("b", "info", "impact_below", {}, ("measures/group_rates",), "bias"),
        Finding("c", "high", "training_unfinished", {}, ("measures/group_rates",), "model"),
    )
    results = replace(run.results(), findings=findings)
    report = evaluate_results(results)
    bearing = {
        row: ids for framework in report.frameworks for row, ids in framework.bearing.items()
    }
    assert [finding.id for finding in bearing["AIV-2g-bias"]] == ["a"]
    assert not bearing["AIV-1d"]
    record = evidence_record(report, results)["frameworks"]["eu_ai_act_annex_iv"]["rows"]
    assert record["AIV-2g-bias"]["findings"] == ["a"]


def test_the_frameworks_that_are_not_shown_are_named_with_their_keys(run: Run) -> None:
    text = written(run)
    assert "The config of the run chooses the frameworks" in text
    others = (run.folder / "out" / "tables" / "compliance-others.csv").read_text("utf-8")
    for name in set(framework_ids()) - set(run.config["frameworks"]):
        assert name in others
    assert "The data are declared to be about credit" in text


def test_dates_to_watch_are_in_order_and_only_of_the_frameworks_shown(run: Run) -> None:
    when = [milestone["when"] for milestone in content(run).values["milestones"]]
    assert when == sorted(when)
    assert "2026-12-02" in when
    run.config["frameworks"] = {"gdpr": {"id": "gdpr"}}
    assert not content(run).values["milestones"]


def test_evidence_that_failed_is_a_caveat_with_its_reason(run: Run) -> None:
    measure(
        run.path("measures/deletion/shap"),
        score("deletion_gain", 0.01, explainer="shap"),
        curve=[{"a": 1}],
    )
    caveats = " ".join(english(content(run).caveats))
    assert "Faithfulness tests: not counted, since the lower end of the interval" in caveats


def test_without_a_framework_the_section_says_that_it_is_incomplete(run: Run) -> None:
    run.config["frameworks"] = {}
    made = content(run)
    assert made.incomplete
    assert made.answer in made.incomplete
    written(run)


def test_hostile_text_of_a_statement_stays_text(run: Run) -> None:
    hostile = "<script>alert(1)</script> | {{< include x >}} @sec-bias"
    statement = {"text": hostile, "name": "A|B", "role": "x y", "date": "2026-01-01"}
    run.people(json.dumps({"statements": {"intended_purpose": statement}}))
    text = written(run)
    assert "<script>" not in text
    assert "{{<" not in text
    assert "A|B" not in text


@pytest.mark.parametrize("name", ["eu_ai_act_annex_iv", "nist_ai_rmf", "iso_42001"])
def test_each_framework_can_be_the_only_one(run: Run, name: str) -> None:
    run.config["frameworks"] = {name: {"id": name}}
    assert f"tbl-compliance-{name.replace('_', '-')}" in written(run)


def test_an_open_statement_names_its_key_and_who_must_supply_it(run: Run) -> None:
    rows: list[dict[str, Any]] = list(content(run).values["open"])
    purpose = next(field for field in rows if field["key"] == "intended_purpose")
    assert "MRM-PURPOSE" in purpose["rows"]
    assert "bank" in purpose["who"]


def test_generated_text_is_shown_as_such_and_stays_open(run: Run) -> None:
    run.people("statements: {intended_purpose: {text: Written by a machine., generated: true}}")
    made = content(run)
    assert not made.values["filled"]
    assert made.values["generated"][0]["text"] == "Written by a machine."
    assert "Texts written by a language model" in written(run)


# --- Each finding names what it is about, and the rows that ask for that link to it ---------------


CATALOG = read_catalog(shipped("templates") / "locale", DEFAULT_LANGUAGE)
SHIPPED = [FrameworkChoice(name).load() for name in framework_ids()]


def rows_of(reports: tuple[FrameworkReport, ...], finding: str) -> set[str]:
    """The ids of the rows that link to a finding."""
    return {
        row
        for report in reports
        for row, findings in report.bearing.items()
        if finding in {each.id for each in findings}
    }


#: {message: kinds of evidence} of what metrics conclude themselves.
OF_METRICS = {
    name: kinds
    for key in shipped_keys("metrics")
    for name, kinds in shipped_class("metrics", key).findings.items()
}


def test_every_finding_that_has_words_says_once_what_it_bears_on() -> None:
    assert set(load_sources().findings) | set(OF_METRICS) == set(CATALOG["findings"])
    assert not set(load_sources().findings) & set(OF_METRICS)
    assert {kind for kinds in OF_METRICS.values() for kind in kinds} <= set(load_sources().kinds)


def test_every_finding_bears_on_a_row_of_the_shipped_frameworks() -> None:
    rows = [row for framework in SHIPPED for row in framework.rows]
    claims = [{*row.evidence, *row.need, *row.concerns} for row in rows]
    named = {**load_sources().findings, **OF_METRICS}
    assert [name for name in named if not any(set(named[name]) & kinds for kinds in claims)] == []


def test_every_critical_finding_stands_on_a_row_of_the_default_frameworks(run: Run) -> None:
    # What only says that something was looked at and is as it should be: never critical or major.
    notes = ("intervals_good", "calibration_good", "no_slice", "agree", "more_data_no_help")
    messages = sorted(set(CATALOG["findings"]) - set(notes))
    findings = tuple(
        Finding(message, "high", message, bears_on=OF_METRICS.get(message, ()))
        for message in messages
    )
    reports = evaluate_results(replace(run.results(), findings=findings)).frameworks
    assert [message for message in messages if not rows_of(reports, message)] == []


def test_direct_use_and_stand_ins_bear_on_what_forbids_them(run: Run) -> None:
    run.config["frameworks"] = {name: {"id": name} for name in framework_ids()}
    findings = (Finding("use", "high", "direct_use"), Finding("stand_in", "medium", "proxy"))
    reports = evaluate_results(replace(run.results(), findings=findings)).frameworks
    named = {"REGB-6", "REGB-6b1", "AIA-10.2f", "AIA-10.2g", "FEAT-F1-2", "GDPR-22.4"}
    assert named | {"MRM-CONCEPT"} <= rows_of(reports, "use") & rows_of(reports, "stand_in")


def test_what_is_said_of_training_bears_on_no_row_about_people(run: Run) -> None:
    run.config["frameworks"] = {name: {"id": name} for name in framework_ids()}
    findings = (Finding("training", "medium", "training_unfinished"),)
    reports = evaluate_results(replace(run.results(), findings=findings)).frameworks
    shipped_rows = [row for framework in SHIPPED for row in framework.rows]
    fairness = {row.id for row in shipped_rows if "metrics.fairness" in row.evidence}
    rows = rows_of(reports, "training")
    assert rows
    assert not rows & fairness
