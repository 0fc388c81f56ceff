"""What an auditor asks of decisions: who may take them, how long they hold, what voids them."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from deepseek_report.artifacts.finding import Finding
from deepseek_report.artifacts.results import Results
from deepseek_report.compliance.decision_words import state_of
from deepseek_report.compliance.evaluate import evaluate_results
from deepseek_report.compliance.evidence_record import check_record, evidence_record
from deepseek_report.compliance.people import PeopleProblems, prepare_people, read_people
from deepseek_report.compliance.people_form import ask, write_form
from deepseek_report.sections.compliance import ComplianceSection

from .conftest import Run, english, measure, score

ADA = {"name": "Ada Lovelace", "role": "owner", "date": "2026-11-25"}
GRACE = {"name": "Grace Hopper", "role": "independent_validator", "date": "2026-11-25"}
FINE = {"verdict": "accepted", "reason": "I read the evidence, and it suffices."}
REJECTED = {"verdict": "rejected", "reason": "In-sample period only."}


def form(results: Results) -> dict[str, Any]:
    """The form of a run as it is written, unfilled."""
    path = write_form(ask(evaluate_results(results), results), Path(results.folder or "."))
    filled: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return filled


def decide(run: Run, by: dict[str, str], file: str = "a.yaml", **targets: dict[str, Any]) -> str:
    """Write decisions of one person about rows (`_` for `-`), or the whole `model`."""
    questions, known = form(run.results()), ask_about(run.results())
    entries = []
    for name, content_of in targets.items():
        row = name.replace("_", "-")
        target = {"model": "model"} if row == "model" else {"row": row}
        entries.append({**target, "evidence": known.get(row, "0" * 64), **content_of})
    content = {"subject": questions["subject"], "by": by, "decisions": entries}
    run.people(yaml.safe_dump(content, sort_keys=False), file)
    return str(entries)


def standing(run: Run) -> list[str]:
    return [each.standing for each in run.evaluated().decisions]


def first_screen(run: Run) -> str:
    return " ".join(english([text for part in state_of(run.evaluated()) for text in part]))


def status_cell(run: Run, name: str) -> str:
    made = ComplianceSection().content(run.results())
    rows = [entry for part in made.values["frameworks"] for entry in part["rows"]]
    return str(next(entry.status for entry in rows if entry.id == name))


# --- what a decision does ---


def test_an_acceptance_names_who_accepted_in_which_role_and_when(run: Run) -> None:
    decide(run, GRACE, AIV_2d_desc=FINE)
    assert not run.people_problems()
    assert run.judged("AIV-2d-desc").status == "accepted"
    shown = "● accepted by Grace Hopper (independent validator) on 2026-11-25"
    assert status_cell(run, "AIV-2d-desc") == shown


def test_a_rejection_is_worded_and_counted_as_one_everywhere(run: Run) -> None:
    decide(run, GRACE, AIV_2d_desc=REJECTED, model=REJECTED)
    judged = run.judged("AIV-2d-desc")
    assert judged.status == "rejected"
    assert "▼ rejected by Grace Hopper" in status_cell(run, "AIV-2d-desc")
    report = run.evaluated()
    assert len(report.rejections) == 2
    assert first_screen(run).startswith("Rejected by Grace Hopper (independent validator)")
    counts = {part.framework.id: part.counts for part in report.frameworks}
    assert counts["eu_ai_act_annex_iv"]["rejected"] == 1
    assert all(each.state != "given" for each in report.required)
    check_record(evidence_record(report, run.results()))


def test_a_rejection_by_one_is_not_outvoted_by_the_acceptance_of_another(run: Run) -> None:
    decide(run, GRACE, "g.yaml", AIV_2d_desc=REJECTED)
    decide(run, ADA, "o.yaml", AIV_2d_desc=FINE)
    assert run.judged("AIV-2d-desc").status == "rejected"
    shown = status_cell(run, "AIV-2d-desc")
    assert "rejected by Grace Hopper" in shown
    assert "accepted by Ada Lovelace" in shown


def test_a_row_is_set_aside_by_a_person_and_then_asks_nobody(run: Run) -> None:
    aside = {"verdict": "not_applicable", "reason": "The model was built in house."}
    assert "vendor_information" in {field.name for field in run.evaluated().form}
    decide(run, ADA, MRM_VENDOR=aside)
    assert run.judged("MRM-VENDOR").status == "not_applicable"
    assert "vendor_information" not in {field.name for field in run.evaluated().form}


def test_a_decision_about_a_row_of_no_shown_framework_is_kept_and_said(run: Run) -> None:
    decide(run, ADA, LL144_301b={**FINE, "verdict": "not_applicable"})
    human = read_people(run.results())
    assert not human.problems
    assert human.unasked == ("people/a.yaml:11: decisions.LL144-301b",)


def test_two_validators_on_one_row_both_stand_and_are_both_shown(run: Run) -> None:
    decide(run, GRACE, "g.yaml", AIV_2d_desc=FINE)
    other = {**GRACE, "name": "Alan Turing"}
    conditions = {"verdict": "accepted_with_conditions", "conditions": "Reviewed each quarter."}
    decide(run, other, "t.yaml", AIV_2d_desc={**FINE, **conditions})
    assert not run.people_problems()
    assert standing(run) == ["stands", "stands"]
    assert run.judged("AIV-2d-desc").status == "accepted_with_conditions"
    assert "Grace Hopper" in status_cell(run, "AIV-2d-desc")
    assert "Alan Turing" in status_cell(run, "AIV-2d-desc")


def test_an_acceptance_of_a_row_that_lacks_evidence_leaves_it_partial(run: Run) -> None:
    decide(run, GRACE, MRM_DEVTEST=FINE)
    assert run.judged("MRM-DEVTEST").status == "partly"
    assert run.judged("MRM-DEVTEST").decisions


# --- how long it holds ---


def test_an_expired_decision_opens_the_row_again(run: Run) -> None:
    decide(run, {**GRACE, "date": "2026-11-24"}, AIV_2d_desc={**FINE, "valid_until": "2026-11-24"})
    assert run.judged("AIV-2d-desc").status == "expired"
    assert "expired: valid until 2026-11-24" in status_cell(run, "AIV-2d-desc")
    questions = {entry.get("row") for entry in form(run.results())["decisions"]}
    assert "AIV-2d-desc" in questions
    decide(run, {**GRACE, "date": "2026-11-24"}, AIV_2d_desc={**FINE, "valid_until": "2026-11-25"})
    assert run.judged("AIV-2d-desc").status == "accepted"


def test_a_revoked_decision_opens_the_row_and_stays_in_the_chain(run: Run) -> None:
    decide(run, GRACE, "g.yaml", AIV_2d_desc=FINE)
    first = run.evaluated().decisions[0].decision.id
    taken_back = {"revokes": first, "reason": "I had read another version."}
    decide(run, GRACE, "h.yaml", AIV_2d_desc=taken_back)
    assert not run.people_problems()
    assert run.judged("AIV-2d-desc").status == "complete"
    assert sorted(standing(run)) == ["revoked", "stands"]
    chain = ComplianceSection().content(run.results()).values["decisions"]
    assert chain[0]["digest"] == first
    assert "taken back" in chain[0]["state"]


def test_a_later_decision_supersedes_an_earlier_one_and_both_are_kept(run: Run) -> None:
    decide(run, {**GRACE, "date": "2026-11-24"}, "g.yaml", AIV_2d_desc=REJECTED)
    first = run.evaluated().decisions[0].decision.id
    decide(run, GRACE, "h.yaml", AIV_2d_desc={**FINE, "supersedes": first})
    assert standing(run) == ["superseded", "stands"]
    assert run.judged("AIV-2d-desc").status == "accepted"


def test_nobody_takes_back_the_rejection_of_another_role(run: Run) -> None:
    decide(run, GRACE, "g.yaml", AIV_2d_desc=REJECTED)
    first = run.evaluated().decisions[0].decision.id
    decide(run, ADA, "o.yaml", AIV_2d_desc={**FINE, "supersedes": first})
    assert run.judged("AIV-2d-desc").status == "rejected"
    assert "is one of Grace Hopper" in run.people_problems()


# --- what makes it void ---


def test_adding_a_framework_a_picture_or_a_section_keeps_every_decision(run: Run) -> None:
    decide(run, GRACE, AIV_2d_desc=FINE, model=FINE)
    run.config["frameworks"] = {**run.config["frameworks"], "nist_ai_rmf": {"id": "nist_ai_rmf"}}
    run.config["sections"] = {**run.config["sections"], "bias": {}}
    (run.path("pictures/roc") / "p.json").parent.mkdir(parents=True)
    (run.path("pictures/roc") / "p.json").write_text("{}")
    run.digests["config"] = "f" * 64
    assert standing(run) == ["stands", "stands"]


def test_a_retrained_model_voids_the_decisions_and_says_that_it_was_the_weights(run: Run) -> None:
    decide(run, GRACE, AIV_2d_desc=FINE)
    (run.path("training") / "weights.safetensors").write_bytes(b"other weights")
    assert standing(run) == ["void"]
    assert "void: the weights have changed" in status_cell(run, "AIV-2d-desc")
    assert "1 decision is void: the weights have changed" in first_screen(run)


def test_new_results_and_new_data_void_them_each_by_its_name(run: Run) -> None:
    decide(run, GRACE, AIV_2d_desc=FINE)
    measure(run.path("measures/roc_auc"), score("roc_auc", 0.6))
    run.digests["data"] = "0" * 64
    why = english(run.evaluated().decisions[0].why)
    assert why == ("the data have changed", "the results have changed")


def test_durations_are_no_results(run: Run) -> None:
    decide(run, GRACE, AIV_2d_desc=FINE)
    (run.path("training") / "times.json").write_text('{"seconds": 9.0}')
    assert standing(run) == ["stands"]


# --- documents ---


def attach(run: Run, tmp_path: Path) -> Path:
    """A file of a decision that rests on `minutes.pdf`, with the document beside it."""
    outside = tmp_path / "mine"
    outside.mkdir()
    (outside / "minutes.pdf").write_bytes(b"%PDF minutes")
    sha256 = hashlib.sha256(b"%PDF minutes").hexdigest()
    document = {"path": "minutes.pdf", "sha256": sha256}
    decide(run, GRACE, "g.yaml", AIV_2d_desc={**FINE, "attachments": [document]})
    return (run.folder / "people" / "g.yaml").rename(outside / "g.yaml")


def test_a_document_is_copied_beside_the_decision_that_rests_on_it(
    run: Run, tmp_path: Path
) -> None:
    prepare_people(run.results(), [attach(run, tmp_path)])
    assert (run.folder / "people/attachments/minutes.pdf").read_bytes() == b"%PDF minutes"
    assert standing(run) == ["stands"]


def test_a_missing_document_is_named_and_the_acceptance_does_not_count(
    run: Run, tmp_path: Path
) -> None:
    file = attach(run, tmp_path)
    (file.parent / "minutes.pdf").unlink()
    with pytest.raises(PeopleProblems, match=r"g\.yaml:.*document minutes\.pdf.*is not there"):
        prepare_people(run.results(), [file])
    (run.folder / "people" / "g.yaml").write_bytes(file.read_bytes())
    assert standing(run) == ["unproved"]
    assert run.judged("AIV-2d-desc").status == "complete"
    assert "minutes.pdf is not in the folder" in first_screen(run)


def test_a_document_that_was_exchanged_is_named(run: Run, tmp_path: Path) -> None:
    prepare_people(run.results(), [attach(run, tmp_path)])
    (run.folder / "people/attachments/minutes.pdf").write_bytes(b"other minutes")
    assert standing(run) == ["unproved"]
    assert "other bytes than those that were attached" in run.people_problems()


# --- what is refused, with file and line ---

WRONG = [
    ({"verdict": "fine"}, "“verdict” is “fine”\n    allowed: accepted"),
    ({"verdict": "accept"}, "did you mean “accepted”?"),
    ({"reason": "TODO"}, "“reason” is “TODO”, which says nothing"),
    ({"reason": ""}, "no “reason”"),
    ({"date": "2027-01-01"}, "which is still to come"),
    ({"date": "2026-11-01"}, "before the run was made"),
    ({"role": "intern"}, "“role” is “intern”"),
    ({"valid_until": "soon"}, "which is no day"),
    ({"valid_until": "2026-01-01"}, "“valid_until” is “2026-01-01”"),
    ({"verdict": "accepted_with_conditions"}, "no “conditions”"),
    ({"supersedes": "abc"}, "which is no digest"),
    ({"supersedes": "a" * 64}, "no decision here has the digest"),
    ({"model": "model"}, "2 things to decide about"),
    ({"colour": "red"}, "unknown key “colour”"),
    ({"attachments": [{"path": "../secret", "sha256": "a" * 64}]}, "no plain name of a file"),
    ({"attachments": [{"path": "a.pdf", "sha256": "a"}]}, "which is no digest"),
]


@pytest.mark.parametrize(("change", "problem"), WRONG)
def test_what_is_wrong_in_a_decision_is_refused_with_file_and_line(
    run: Run, change: dict[str, Any], problem: str
) -> None:
    decide(run, GRACE, AIV_2d_desc={**FINE, **change})
    human = read_people(run.results())
    assert problem in run.people_problems()
    assert not human.decisions
    assert all(each.where.startswith("people/a.yaml:") for each in human.problems)


def test_a_decision_about_a_row_or_a_promise_that_is_not_there_is_refused(run: Run) -> None:
    decide(run, GRACE, MRM_DATTA=FINE)
    assert "unknown row “MRM-DATTA”" in run.people_problems()
    assert "did you mean “MRM-DATA”?" in run.people_problems()
    assert "people/a.yaml:11" in run.people_problems()


def test_a_decision_that_does_not_say_which_evidence_was_read_is_refused(run: Run) -> None:
    decide(run, GRACE, AIV_2d_desc={**FINE, "evidence": ""})
    assert "no “evidence”" in run.people_problems()
    assert not read_people(run.results()).decisions


def test_a_decision_without_its_subject_is_refused(run: Run) -> None:
    signed = yaml.safe_dump({"by": GRACE, "decisions": [{"row": "AIV-2d-desc", **FINE}]})
    run.people(signed)
    assert "no “subject” at the head of the file" in run.people_problems()
    assert not read_people(run.results()).decisions


# --- findings ---


def test_a_finding_is_accepted_as_it_is_and_void_once_it_says_something_else(run: Run) -> None:
    finding = Finding("f1", "high", "impact_below", {"n": 1}, section="bias")
    results = replace(run.results(), findings=(finding,))
    questions = ask_about(results)
    entry = {"finding": "f1", "evidence": questions["f1"], **FINE}
    content = {"subject": form(run.results())["subject"], "by": ADA, "decisions": [entry]}
    run.people(yaml.safe_dump(content, sort_keys=False))
    decided = replace(run.results(), findings=(finding,))
    assert [each.standing for each in evaluate_results(decided).decisions] == ["stands"]
    other = replace(finding, values={"n": 2})
    changed = evaluate_results(replace(run.results(), findings=(other,))).decisions
    assert [each.standing for each in changed] == ["void"]
    assert english(changed[0].why) == ("the finding says something else now",)


def ask_about(results: Results) -> dict[str, str]:
    """{id of what can be decided: digest of its evidence}."""
    evidence = evaluate_results(results).subjects.evidence
    return {target.key: digest for target, digest in evidence.items()}
