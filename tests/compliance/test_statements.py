"""What people write: read from their files, checked, attributed, and never lost in silence."""

from __future__ import annotations

import ast
import datetime as dt
import hashlib
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from deepseek_report.compliance import people, statements
from deepseek_report.compliance.evaluate import evaluate_results
from deepseek_report.compliance.evidence_record import evidence_record
from deepseek_report.compliance.people import (
    HumanInput,
    PeopleProblems,
    prepare_people,
    read_people,
)
from deepseek_report.compliance.people_form import ask, write_form
from deepseek_report.compliance.statements import MOST_BYTES, is_placeholder, latest_day, parse_date
from deepseek_report.wording.words import wording

from .conftest import RUN_ID, TODAY, Run

PARTS = ("found", "allowed", "todo")
SIGNED = {"name": "Ada Lovelace", "role": "Owner", "date": "2026-11-25"}
WHOLE = {"text": "Scores clients for a credit card.", **SIGNED}


class Plain(yaml.SafeDumper):
    """Writes no aliases."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def write(where: Run, file: str = "risk.yaml", **groups: Any) -> HumanInput:
    """What is read of the folder with one more file of these groups."""
    where.people(yaml.dump(groups, Dumper=Plain, sort_keys=False), file)
    return read_people(where.results())


def problems_of(human: HumanInput) -> str:
    return "\n".join(str(problem.in_english()) for problem in human.problems)


# --- what is right counts ---


def test_a_signed_statement_is_read_and_attributed_to_its_file(run: Run) -> None:
    human = write(run, statements={"human_input.intended_purpose": WHOLE})
    assert not human.problems
    statement = human.statements["intended_purpose"]
    assert (statement.text, statement.name) == (WHOLE["text"], "Ada Lovelace")
    content = (run.folder / "people/risk.yaml").read_bytes()
    assert statement.source.sha256 == hashlib.sha256(content).hexdigest()
    assert (statement.source.file, statement.source.line) == ("people/risk.yaml", 2)
    results = run.results()
    record = evidence_record(evaluate_results(results), results)
    kept = record["statements"]["intended_purpose"]["statement"]
    assert kept == {
        **WHOLE,
        "generated": False,
        "file": "people/risk.yaml",
        "sha256": statement.source.sha256,
    }


def test_signing_changes_neither_the_run_nor_its_config(run: Run) -> None:
    before = run.seal()
    write(run, statements={"intended_purpose": WHOLE})
    assert run.seal() == before


def test_a_signed_statement_supplies_a_row_that_only_people_can_answer(run: Run) -> None:
    assert run.judged("MRM-PURPOSE").status == "human_input"
    write(run, statements={"intended_purpose": WHOLE})
    assert run.judged("MRM-PURPOSE").status == "human_supplied"
    human = write(run, statements={"intended_purpose": {**WHOLE, "generated": True}})
    assert not human.problems
    assert run.judged("MRM-PURPOSE").status == "human_input"


def test_generated_text_needs_no_signature_and_fills_nothing(run: Run) -> None:
    human = write(run, statements={"roles": {"text": "Drafted by a machine.", "generated": True}})
    assert not human.problems
    assert not human.signed


def test_a_person_can_state_what_no_run_makes(run: Run) -> None:
    assert run.judged("AIV-6").status == "not_evidenced"
    write(run, statements={"change_log": WHOLE})
    assert run.judged("AIV-6").status == "human_supplied"


# --- what is wrong is named, by file and line ---


def roles(**fields: str) -> str:
    """A file with a signed statement, with these fields in the place of its own."""
    entry = {"text": "We check.", "name": "Ada", "role": "Owner", "date": "2026-11-01", **fields}
    cells = ", ".join(f"{name}: {value}" for name, value in entry.items())
    return f"statements:\n  roles: {{{cells}}}"


WRONG: list[tuple[str, str]] = [
    (
        "statement: {}",
        ":1: unknown key “statement”\n    allowed: subject, by, decisions, statements",
    ),
    ("statement: {}", "did you mean “statements”?"),
    ("statements:\n  intended_porpose: {W}", ":2: unknown field “intended_porpose”"),
    ("statements:\n  intended_porpose: {W}", "did you mean “intended_purpose”?"),
    ("statements:\n  roles: {W, txt: a}", ":2: unknown key “txt”"),
    ("statements:\n  roles: {W, txt: a}", "did you mean “text”?"),
    (
        "statements:\n  roles:\n    text: a word\n    name: Ada\n    date: 2026-11-01",
        ":2: no “role”",
    ),
    ("statements:\n  roles: {text: TODO, S}", ":2: “text” is “TODO”, which says nothing"),
    (roles(name="Your name", role="r o"), "“name” is “Your name”"),
    (roles(role="tbd"), "“role” is “tbd”"),
    ("statements:\n  roles: {text: n/a, S}", "“text” is “n/a”, which says nothing"),
    ("statements:\n  roles: {text: We check., role: Owner, date: 2026-11-01}", "no “name”"),
    ("statements:\n  roles: {text: We check., name: Ada, role: Owner}", "no “date”"),
    ("judgements:\n  MRM-DATA: {W}", ":1: unknown key “judgements”"),
    ("not_applicable:\n  MRM-DATA: {W}", ":1: unknown key “not_applicable”"),
    ("run: ffffffff\nstatements:\n  roles: {W}", ":1: unknown key “run”"),
    (roles(date="1.11.2026"), "“date” is “1.11.2026”, which is no day"),
    (roles(date="2026-02-30"), "“date” is “2026-02-30”, which is no day"),
    (roles(date="20261101"), "which is no day"),
    (roles(date="2026-11-26"), "“2026-11-26”, which is still to come"),
    (roles(date="0001-01-01"), "2000-01-01 or later"),
    ("statements:\n  roles: {W, generated: perhaps}", "“generated” is “perhaps”"),
    ("statements:\n  roles: [a, b]", ":2: no name, role and date"),
    ("statements:\n  roles: {text: {a: b}, S}", "“text” holds keys"),
    ("statements:\n  roles: We check it.", ":2: no name, role and date"),
    ("statements: all is well", ":1: “statements” holds no entries"),
    ("statements:\n  roles: {W}\n  roles: {W}", ":3: “roles” stands twice"),
    ("statements:\n  roles: &a {W}\n  records: *a", "an alias or anchor"),
    ("statements: {W}\n---\nrun: b", ":2: a second document"),
    ("a: {b: {c: {d: {e: {f: {g: {h: {i: j}}}}}}}}", "more than 8 levels"),
    ("statements: [", "not valid YAML"),
    ("", "the file is empty"),
    ("- a", "the file holds no keys"),
    ("? [a]\n: b", "a key that is no text"),
]


@pytest.mark.parametrize(("text", "problem"), WRONG)
def test_a_mistake_is_named_with_its_place_and_the_entry_is_not_used(
    run: Run, text: str, problem: str
) -> None:
    signed = "name: Ada, role: Owner, date: 2026-11-01"
    text = text.replace("{W", "{text: We check it., " + signed)
    run.people(text.replace(", S}", f", {signed}}}"))
    human = read_people(run.results())
    assert problem in problems_of(human)
    assert all(refused.where.startswith("people/risk.yaml") for refused in human.problems)
    assert not human.decisions
    assert not human.signed or "stands twice" in problem or "unknown key “run”" in problem


def test_bytes_that_are_no_text_and_files_that_are_too_large_are_refused(run: Run) -> None:
    run.people("").write_bytes(b"statements:\n  a: \xff")
    assert MOST_BYTES == 262_144
    run.people("#" * (MOST_BYTES + 1), "large.yaml")
    human = read_people(run.results())
    assert "people/risk.yaml:2: not UTF-8" in problems_of(human)
    assert "people/large.yaml: 262\u202f145 bytes" in problems_of(human)


def test_links_folders_and_other_files_are_named_and_not_read(run: Run, tmp_path: Path) -> None:
    people = run.people("statements: {}").parent
    outside = tmp_path / "outside.yaml"
    outside.write_text(yaml.safe_dump({"statements": {"roles": WHOLE}}))
    (people / "link.yaml").symlink_to(outside)
    (people / "deeper").mkdir()
    (people / "notes.txt").write_text("x")
    human = read_people(run.results())
    assert [problem.where for problem in human.problems] == [
        "people/deeper",
        "people/link.yaml",
        "people/notes.txt",
    ]
    assert not human.statements


def test_a_folder_of_people_that_is_a_link_is_not_followed(run: Run, tmp_path: Path) -> None:
    (tmp_path / "others").mkdir()
    (run.folder / "people").symlink_to(tmp_path / "others", target_is_directory=True)
    assert "links are not followed" in problems_of(read_people(run.results()))


def test_two_files_that_differ_on_one_field_are_a_problem_and_neither_counts(run: Run) -> None:
    write(run, "a.yaml", statements={"roles": WHOLE, "records": WHOLE})
    human = write(run, "b.yaml", statements={"roles": {**WHOLE, "text": "Nobody checks."}})
    assert set(human.statements) == {"records"}
    assert "people/b.yaml:2: “roles” is said otherwise at people/a.yaml:2" in problems_of(human)


def test_two_files_that_say_the_same_are_no_problem(run: Run) -> None:
    write(run, "a.yaml", statements={"roles": WHOLE})
    human = write(run, "b.yaml", statements={"roles": WHOLE})
    assert not human.problems
    assert human.statements["roles"].source.file == "people/a.yaml"


def test_what_no_shown_framework_asks_for_is_kept_and_said(run: Run) -> None:
    human = write(run, statements={"fria": WHOLE})
    assert not human.problems
    assert human.unasked == ("people/risk.yaml:2: statements.fria",)
    assert "fria" in human.statements


def test_every_kind_of_mistake_says_what_was_found_what_is_allowed_and_what_to_do() -> None:
    nouns = ("key", "field", "row", "finding", "promise", "verdict", "role")
    trees = [
        ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8"))
        for module in (people, statements)
    ]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    calls = [node for node in nodes if isinstance(node, ast.Call) and len(node.args) > 1]
    kinds_named = [c.args[1] for c in calls if ast.unparse(c.func).split(".")[-1] == "wrong"]
    constants = [
        node for part in kinds_named for node in ast.walk(part) if isinstance(node, ast.Constant)
    ]
    kinds = {str(node.value) for node in constants} - {"unknown_", "None"}
    assert len(kinds) > 30
    kinds |= {f"unknown_{noun}" for noun in nouns} | {"attachment_missing", "attachment_changed"}
    assert kinds
    parts = [f"compliance.people.{kind}.{part}" for kind in kinds for part in PARTS]
    assert [key for key in parts if not wording().has(key)] == []


# --- before anything is written ---


def test_all_problems_of_all_files_come_in_one_error(run: Run) -> None:
    run.people("statement: {}", "a.yaml")
    run.people("judgement: {}", "b.yaml")
    with pytest.raises(PeopleProblems, match="2 problems in what people wrote") as caught:
        prepare_people(run.results())
    assert "people/a.yaml:1" in str(caught.value)
    assert "people/b.yaml:1" in str(caught.value)


def test_a_file_that_is_named_is_copied_and_counts(run: Run, tmp_path: Path) -> None:
    source = tmp_path / "given" / "owner.yaml"
    source.parent.mkdir()
    source.write_text(yaml.safe_dump({"statements": {"intended_purpose": WHOLE}}))
    assert prepare_people(run.results(), [source]).signed == {"intended_purpose"}
    assert (run.folder / "people/owner.yaml").read_bytes() == source.read_bytes()
    assert prepare_people(run.results(), [source]).signed == {"intended_purpose"}
    source.write_text(
        yaml.safe_dump({"statements": {"intended_purpose": {**WHOLE, "text": "b c"}}})
    )
    with pytest.raises(PeopleProblems, match=r"people/owner\.yaml is there and says other things"):
        prepare_people(run.results(), [source])


@pytest.mark.parametrize("name", ["notes.txt", ".hidden.yaml", "none.yaml"])
def test_a_file_that_cannot_be_added_is_refused_and_nothing_is_written(
    run: Run, tmp_path: Path, name: str
) -> None:
    source = tmp_path / "given" / name
    source.parent.mkdir()
    if name != "none.yaml":
        source.write_text("statements: {}")
    with pytest.raises(PeopleProblems):
        prepare_people(run.results(), [source])
    assert not (run.folder / "people").exists()


def test_a_faulty_file_is_not_copied(run: Run, tmp_path: Path) -> None:
    source = tmp_path / "given.yaml"
    source.write_text("statements: {roles: {text: TODO}}")
    with pytest.raises(PeopleProblems):
        prepare_people(run.results(), [source])
    assert not (run.folder / "people").exists()


# --- the form ---


def test_the_form_is_valid_as_it_is_and_asks_for_every_open_field(run: Run) -> None:
    report = run.evaluated()
    form = write_form(ask(report, run.results()), run.folder)
    entries = yaml.safe_load(form.read_text(encoding="utf-8"))
    assert entries["subject"]["run"] == RUN_ID
    assert set(entries["statements"]) == {field.name for field in report.form if field.deciding}
    assert "AIV-2d-desc" in {entry.get("row") for entry in entries["decisions"]}
    prepare_people(run.results(), [form])
    human = read_people(run.results())
    assert (human.problems, human.signed, human.decisions) == ((), frozenset(), ())


def test_a_form_that_is_filled_supplies_every_field_and_settles_every_complete_row(
    run: Run,
) -> None:
    form = write_form(ask(run.evaluated(), run.results()), run.folder)
    entries = yaml.safe_load(form.read_text(encoding="utf-8"))
    entries["by"] = {"name": "Ada Lovelace", "role": "owner", "date": "2026-11-25"}
    entries["statements"] = {name: {"text": WHOLE["text"]} for name in entries["statements"]}
    for entry in entries["decisions"]:
        entry.update(verdict="accepted", reason="I read the evidence, and it suffices.")
    human = write(run, **entries)
    assert not human.problems
    rows = [judgement for f in run.evaluated().frameworks for judgement in f.judgements]
    assert not [judgement.row.id for judgement in rows if judgement.open_fields]
    assert {judgement.status for judgement in rows} & {"not_evidenced", "human_input"} == set()
    decided = {entry["row"] for entry in entries["decisions"] if "row" in entry}
    assert {"accepted"} == {row.status for row in rows if row.row.id in decided and row.whole}


def test_the_form_names_rows_and_who_must_answer_and_puts_the_deciding_first(run: Run) -> None:
    form = run.evaluated().form
    purpose = next(field for field in form if field.name == "intended_purpose")
    assert purpose.asked_by["sr_26_2"] == ("MRM-PURPOSE",)
    assert "bank" in purpose.who
    assert wording().label("human_fields", purpose.name) == "Intended purpose"
    deciding = [field.deciding for field in form]
    assert deciding == sorted(deciding, reverse=True)


# --- words and days ---


@given(st.text(alphabet="abcdefghij klmn", min_size=12))
def test_a_real_sentence_is_no_placeholder(text: str) -> None:
    assert is_placeholder(text) == (not text.strip())


@pytest.mark.parametrize(
    "text", ["", " ", "…", "TODO", "tbd.", "N/A", "<name>", "Your name here", "[your role]", "xxx"]
)
def test_what_only_holds_a_place_says_nothing(text: str) -> None:
    assert is_placeholder(text)


@pytest.mark.parametrize("text", ["Ada", "Names are checked", "None of our clients", "李雷", "No."])
def test_what_somebody_means_is_no_placeholder(text: str) -> None:
    assert not is_placeholder(text)


def test_only_a_day_in_iso_form_is_a_date() -> None:
    assert parse_date("2026-11-01") == dt.date(2026, 11, 1)
    assert not [text for text in ("2026-W01-1", "20261101", "1.11.2026", "") if parse_date(text)]


def test_whoever_signs_today_is_not_ahead_of_today() -> None:
    assert latest_day() >= dt.date.today()
    assert dt.date(2026, 11, 25) == TODAY
