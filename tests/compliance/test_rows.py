"""Rows that an auditor read, one by one: what each may claim of a credit run, and what it must not.

The run has all that a run can have; nobody has signed anything.
"""

from __future__ import annotations

import dataclasses

import pytest

from deepseek_report.artifacts.storage.files import save_json
from deepseek_report.compliance.evaluate import ComplianceReport
from deepseek_report.compliance.framework import framework_ids
from deepseek_report.compliance.sources import load_sources
from deepseek_report.sections import compliance as tables
from deepseek_report.wording.words import wording

from .conftest import CARD, Run, english, group_by, judgement_of

_EMPLOYMENT = "speaks of employment; the data are declared as credit"
#: (row, status, what its cells must say, what they must not).
ROWS: list[tuple[str, str, str, str]] = [
    ("AIV-1a", "partly", "version lineage (no base model", "model card"),
    ("AIV-1b", "human_input", "integration (provider)", "architecture"),
    ("AIV-1e", "human_input", "target hardware (provider)", "environment"),
    ("AIV-1h", "human_input", "instructions for use (provider)", "this report"),
    ("AIV-2a", "partly", "no base model: the config names no checkpoint", "lacking"),
    ("AIV-2b-classes", "partly", "decision rule", "resolved config"),
    ("AIV-2b-optim", "partly", "optimisation target (provider)", "resolved config"),
    ("AIV-2c-compute", "complete", "computing resources (computed on the CPU", "lacking"),
    ("AIV-2d-prov", "partly", "data collection (provider)", ""),
    ("AIV-2g-metrics", "complete", "behaviour under noise", "lacking"),
    ("AIV-2g-bias", "complete", "differences between groups", "lacking"),
    ("AIV-2g-logs", "partly", "run log (start and end stand in provenance.json", "lacking"),
    ("AIV-3i", "partly", "use limits", ""),
    ("AIV-6", "not_evidenced", "lacking: change log", "lineage"),
    ("AIA-9.8", "partly", "lacking: thresholds sealed beforehand", "resolved config"),
    ("AIA-10.2f", "partly", "lacking: comparison with a reference population", ""),
    ("AIA-12.1", "not_evidenced", "lacking: logging of the deployed system", ""),
    ("AIA-13.3b-iv", "partly", "instructions for use (provider)", ""),
    ("AIA-13.3b-v", "partly", "instructions for use (provider)", ""),
    ("AIA-15.3", "partly", "instructions for use (provider)", ""),
    ("AIA-86", "partly", "13 cases of the 100 of the test part", ""),
    ("GDPR-15.1h", "partly", "13 cases of the 100 of the test part", ""),
    ("GDPR-22.4", "human_input", "sensitive data basis (controller)", ""),
    ("C203-22-variation", "complete", "smallest change of outcome", ""),
    ("MRM-DEVTEST", "partly", "lacking: tests on shifted data", ""),
    ("MRM-CONCEPT", "partly", "validator opinion (bank)", ""),
    ("MRM-OUTCOMES", "partly", "outcomes after use, of a later period", ""),
    ("MRM-CHANGE", "not_evidenced", "change validation (bank)", "baselines"),
    ("MRM-VENDOR", "human_input", "vendor information (bank)", "performance"),
    ("MRM-PROCVER", "partly", "internal control (bank)", "lacking"),
    ("JRT-6.1-bias", "partly", "objective review", "resolved config"),
    ("JRT-6.3", "partly", "lacking: security checks", ""),
    ("JRT-6.4-data", "partly", "storage medium", "lacking"),
    ("JRT-6.4-model", "partly", "operator (financial institution)", "lacking"),
    ("REGB-9b2-1", "complete", "", "lacking"),
    ("REGB-9b2-2", "complete", "stability of explanations", "lacking"),
    ("REGB-9b2-5", "partly", "reason selection method (creditor)", ""),
    ("CAC-GEN-4.2", "out_of_scope", "models that generate content", "differences between groups"),
    ("CAC-REC-21", "out_of_scope", "speaks of media; the data are declared as credit", ""),
    ("CCD-18.8a", "partly", "plain-language letter, decision role (creditor)", ""),
    ("UGESP-4D", "out_of_scope", _EMPLOYMENT, "rates"),
    ("LL144-301b", "out_of_scope", _EMPLOYMENT, "rates"),
    ("LL144-301c", "out_of_scope", _EMPLOYMENT, "rates"),
]


@pytest.fixture
def run(run: Run) -> Run:
    """The run with every framework that is shipped."""
    run.config["frameworks"] = {name: {"id": name} for name in framework_ids()}
    return run


@pytest.fixture
def whole(run: Run) -> ComplianceReport:
    return run.evaluated()


def cells(report: ComplianceReport, row: str) -> str:
    """What the table says of a row, but for the paraphrase of the law."""
    shown = [
        tables.framework(framework, report, wording())["rows"] for framework in report.frameworks
    ]
    cell = next(entry for rows in shown for entry in rows if entry.id == row)
    lacking = f"lacking: {', '.join(english(cell.lacking))}" if cell.lacking else ""
    evidence = "; ".join(english(text for text, _ in cell.evidence))
    return " | ".join((cell.status, evidence, lacking, *english((cell.person,))))


def test_forty_three_rows_are_held_to_what_the_audit_said() -> None:
    assert len({row for row, *_ in ROWS}) == 43


@pytest.mark.parametrize(("row", "status", "expected", "unsaid"), ROWS)
def test_a_row_claims_what_the_run_shows_and_no_more(
    whole: ComplianceReport, row: str, status: str, expected: str, unsaid: str
) -> None:
    assert judgement_of(whole, row).status == status
    text = cells(whole, row)
    assert expected in text
    if unsaid:
        assert unsaid not in text


def test_no_row_needs_what_neither_a_run_nor_a_person_can_give(whole: ComplianceReport) -> None:
    rows = [judgement for part in whole.frameworks for judgement in part.judgements]
    needed = {field.name for field in whole.form}
    stuck = [
        judgement.row.id
        for judgement in rows
        for kind in judgement.missing
        if judgement.status != "out_of_scope"
        and whole.evidence[kind].person not in needed
        and load_sources().kinds[kind].absent
    ]
    assert not stuck


def sector(run: Run, name: str) -> None:
    save_json(run.path("data") / "card.json", {**CARD, "sector": name})


def test_an_employment_rule_speaks_to_employment_data_with_the_groups_it_names(run: Run) -> None:
    sector(run, "employment")
    group_by(run, "sex", "ethnicity")
    assert run.judged("LL144-301b").status == "complete"
    assert run.judged("UGESP-4D").status == "complete"


def test_a_rule_on_race_lacks_it_where_the_data_have_none(run: Run) -> None:
    sector(run, "employment")
    judgement = run.judged("LL144-301b")
    assert judgement.status == "partly"
    assert english(judgement.lacks) == ("groups by race or ethnicity in the data",)


def test_a_rule_for_one_sector_is_never_settled_where_the_data_declare_none(run: Run) -> None:
    sector(run, "")
    judgement = run.judged("MRM-DATA")
    assert judgement.status == "partly"
    assert english(judgement.lacks) == (
        "a declared sector of the data (dataset.sector: credit, insurance or finance)",
    )


def test_the_run_day_is_the_day_for_which_texts_are_judged(run: Run) -> None:
    assert str(run.evaluated().as_of.day) == "2026-11-24"
    run.config["report"]["as_of"] = "2027-06-01"
    report = run.evaluated()
    assert str(report.as_of.day) == "2027-06-01"
    assert any(banner.kind == "stale" for part in report.frameworks for banner in part.banners)


def test_without_measured_time_the_age_of_texts_is_not_judged_and_that_is_said(run: Run) -> None:
    run.config["measure_time"] = False
    report = run.evaluated()
    assert report.as_of.day is None
    undated = [
        banner.as_message(part.shown)
        for part in report.frameworks
        for banner in part.banners
        if banner.kind == "undated"
    ]
    assert len(undated) == len(report.frameworks)
    assert english(undated)[0].startswith(
        "The run was told to measure no time (measure_time: false),"
    )


def test_all_that_people_can_say_settles_every_row_but_the_unread_and_the_missing(run: Run) -> None:
    report = run.evaluated()
    signed = "name: Ada, role: Head, date: 2026-11-25"
    entries = [f"  {field.name}: {{text: It is so., {signed}}}" for field in report.form]
    run.people("\n".join(["statements:", *entries]))
    rows = [judgement for part in run.evaluated().frameworks for judgement in part.judgements]
    partly = [judgement for judgement in rows if judgement.status == "partly"]
    assert all(
        judgement.missing or judgement.lacks or not judgement.row.verified for judgement in partly
    )
    assert not [
        judgement.row.id
        for judgement in rows
        if judgement.status in {"not_evidenced", "human_input"}
    ]
    assert dataclasses.asdict(partly[0])


def test_what_several_rows_all_lack_is_told_once() -> None:
    def row(name: str, *lacking: str) -> tables.RequirementRow:
        texts = dict.fromkeys(("title", "asks", "mark", "cite", "status", "tone", "person"), "")
        lists = dict.fromkeys(("evidence", "supplied", "claims"), ())
        known = {"status__sort": 0, "lacking": list(lacking), "pressing": bool(lacking)}
        return tables.RequirementRow(name, **texts, **lists, **known)

    rows = [row("a", "sector"), row("b", "sector", "log"), row("c")]
    cells = tables.pressing_rows(rows)
    assert cells["all_lack"] == ["sector"]
    assert cells["n_pressing"] == 2
    assert [(each.id, each.lacking) for each in cells["pressing"]] == [("b", ["log"])]
    assert tables.pressing_rows([row("b", "sector", "log")])["all_lack"] == []
