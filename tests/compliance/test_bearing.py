"""Each finding names what it is about, and the rows that ask for that link to it."""

from __future__ import annotations

from dataclasses import replace
from pydoc import locate

from deepseek_report.artifacts.finding import Finding
from deepseek_report.artifacts.protocols.traits import MetricPart, traits_of
from deepseek_report.artifacts.storage.local_paths import shipped
from deepseek_report.compliance.evaluate import FrameworkReport, evaluate_results
from deepseek_report.compliance.framework import FrameworkChoice, framework_ids
from deepseek_report.compliance.sources import load_sources
from deepseek_report.config.catalogue import target_of
from deepseek_report.wording.words import DEFAULT_LANGUAGE, read_catalog

from .conftest import Run

CATALOG = read_catalog(shipped("templates") / "locale", DEFAULT_LANGUAGE)
SHIPPED = [FrameworkChoice(name).load() for name in framework_ids()]
#: What only says that something was looked at and is as it should be: never critical or major.
NOTES = ("intervals_good", "calibration_good", "no_slice", "agree", "more_data_no_help")


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
    for target in map(target_of, sorted((shipped("conf") / "metrics").glob("*.yaml")))
    for name, kinds in traits_of(locate(target), MetricPart).findings.items()
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
    messages = sorted(set(CATALOG["findings"]) - set(NOTES))
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
