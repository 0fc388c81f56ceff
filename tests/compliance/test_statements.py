"""Statements of people: complete or open, never filled by a machine."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepseek_report.compliance.evaluate import evaluate_results
from deepseek_report.compliance.statements import Statement, is_placeholder, read_human_input
from deepseek_report.errors import ConfigError

from .conftest import Run

WHOLE = {"text": "Scores clients.", "name": "A. Person", "role": "Owner", "date": "2026-11-01"}


def test_a_statement_with_text_name_role_and_date_is_complete() -> None:
    assert Statement(**WHOLE).complete


@pytest.mark.parametrize("part", sorted(WHOLE))
@pytest.mark.parametrize("value", ["", "  ", "TODO", "tbd.", "…", "N/A"])
def test_a_statement_that_lacks_a_part_is_open(part: str, value: str) -> None:
    said = Statement(**{**WHOLE, part: value})
    assert not said.complete
    assert said.lacks == (part,)


def test_generated_text_fills_nothing_whoever_is_named() -> None:
    assert not Statement(**WHOLE, generated=True).complete


@pytest.mark.parametrize("value", ["yesterday", "2026-02-30", "24.11.2026"])
def test_a_date_that_is_none_leaves_the_statement_open(value: str) -> None:
    assert Statement(**{**WHOLE, "date": value}).lacks == ("date",)


@given(st.text(alphabet="abcdefghij klmn", min_size=12))
def test_a_real_sentence_is_no_placeholder(text: str) -> None:
    assert is_placeholder(text) == (not text.strip())


def test_all_wrong_keys_and_types_are_reported_at_once() -> None:
    report = {"statements": {"a": {"texts": 1}}, "not_applicable": {"R": {"why": "x"}}}
    with pytest.raises(ConfigError) as caught:
        read_human_input(report)
    assert "report.statements.a.texts" in str(caught.value)
    assert "report.not_applicable.R.why" in str(caught.value)
    assert "allowed keys: text, name, role, date, generated" in str(caught.value)


def test_a_field_may_carry_its_prefix() -> None:
    human = read_human_input({"statements": {"human_input.signatory": WHOLE}})
    assert human.signed == {"signatory"}
    assert human.statements["signatory"].field == "signatory"


def status_of(run: Run, row: str) -> str:
    found = [one for f in evaluate_results(run.results()).frameworks for one in f.judgements]
    return next(one.status for one in found if one.row.id == row)


def fill(run: Run, **statements: dict[str, Any]) -> None:
    run.config["report"]["statements"] = statements


def test_a_signed_statement_supplies_a_row_that_only_people_can_answer(run: Run) -> None:
    assert status_of(run, "MRM-PURPOSE") == "human_input"
    fill(run, intended_purpose=WHOLE)
    assert status_of(run, "MRM-PURPOSE") == "human_supplied"
    fill(run, intended_purpose={**WHOLE, "generated": True})
    assert status_of(run, "MRM-PURPOSE") == "human_input"


def test_a_row_is_set_aside_with_a_reason_and_a_name(run: Run) -> None:
    run.config["report"]["not_applicable"] = {
        "MRM-VENDOR": {"reason": "built in house", "name": "A. Person"},
        "MRM-ROLES": {"reason": "", "name": "A. Person"},
        "MRM-NONE": {"reason": "x is so", "name": "A. Person"},
    }
    assert status_of(run, "MRM-VENDOR") == "not_applicable"
    assert status_of(run, "MRM-ROLES") == "human_input"
    report = evaluate_results(run.results())
    assert report.unused_exemptions == ("MRM-ROLES",)
    assert report.stray == ("not_applicable.MRM-NONE",)


def test_a_row_that_is_set_aside_asks_nobody(run: Run) -> None:
    asked = {one.name for one in evaluate_results(run.results()).form}
    assert "vendor_information" in asked
    run.config["report"]["not_applicable"] = {
        "MRM-VENDOR": {"reason": "built in house", "name": "A. Person"}
    }
    assert "vendor_information" not in {o.name for o in evaluate_results(run.results()).form}


def test_the_form_names_rows_and_who_must_answer_and_puts_the_deciding_first(run: Run) -> None:
    form = evaluate_results(run.results()).form
    purpose = next(one for one in form if one.name == "intended_purpose")
    assert purpose.asked_by["sr_11_7"] == ("MRM-PURPOSE",)
    assert purpose.who == ("provider", "bank") or "bank" in purpose.who
    assert purpose.label == "Intended purpose"
    deciding = [one.deciding for one in form]
    assert deciding == sorted(deciding, reverse=True)
