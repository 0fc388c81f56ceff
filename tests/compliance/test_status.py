"""The derivation against a literal second writing of its text, and against its promises."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from deepseek_report.compliance.framework import (
    HUMAN,
    Applicability,
    FrameworkChoice,
    Row,
    framework_ids,
)
from deepseek_report.compliance.sources import load_sources, stand_ins
from deepseek_report.compliance.statements import Exemption, Opinion
from deepseek_report.compliance.status import STATUSES, Grounds, judge, tally
from deepseek_report.wording.words import wording

KINDS = ("metrics.performance", "explain.local", "data.card", "model.card", "change.log")
FIELDS = ("intended_purpose", "signatory", "model_card", "change_log")
#: Two kinds that a person can state instead of a run.
STAND_INS = {"model.card": "model_card", "change.log": "change_log"}
BEST = {
    "met": 3,
    "complete": 2,
    "partly": 1,
    "human_supplied": 1,
    "not_evidenced": 0,
    "human_input": 0,
}
PARTS = ("label", "meaning")
SIGNED = ("A. Lovelace", "Owner", "2026-11-01")
OPINION = Opinion("R1", "It will do.", *SIGNED)


@st.composite
def rows(draw: st.DrawFn) -> Row:
    ceiling = draw(st.sampled_from(["met", "partly", "human_input"]))
    machine = draw(st.lists(st.sampled_from(KINDS), unique=True))
    least = 1 if ceiling == "human_input" or not machine else 0
    people = draw(st.lists(st.sampled_from(FIELDS), unique=True, min_size=least))
    need = (*machine, *(HUMAN + name for name in people))
    return Row(
        id="R1",
        title="t",
        cite="c",
        asks="a",
        evidence=need,
        need=need,
        kind="measured",
        who="provider",
        ceiling=ceiling,
        verified=draw(st.booleans()),
    )


counted = st.frozensets(st.sampled_from(KINDS))
signed = st.frozensets(st.sampled_from(FIELDS))


def status(row: Row, counting: frozenset[str], people: frozenset[str], **more: Any) -> str:
    return judge(row, Grounds(counting, people, STAND_INS), **more).status


def written_out(row: Row, counting: frozenset[str], signed: frozenset[str]) -> str:
    """`derivation` of _status_rules.yaml, sentence by sentence."""
    machine = [n for n in row.need if not n.startswith("human_input.")]
    people = [n for n in row.need if n.startswith("human_input.")]
    open_ = [n for n in people if n.split(".", 1)[1] not in signed]
    present = [n for n in machine if n in counting]
    supplied = [n for n in machine if n not in present and STAND_INS.get(n) in signed]
    missing = [n for n in machine if n not in present and n not in supplied]
    if row.ceiling == "human_input":
        return "human_input" if open_ != [] else "human_supplied"
    if machine != [] and present == [] and supplied == []:
        return "not_evidenced"
    if missing != [] or open_ != [] or row.verified is False:
        return "partly"
    if present == []:
        return "human_supplied"
    if row.ceiling == "met" and supplied == [] and people == []:
        return "met"
    return "complete"


@given(rows(), counted, signed)
def test_status_is_what_the_rules_say_word_by_word(
    row: Row, counting: frozenset[str], signed: frozenset[str]
) -> None:
    assert status(row, counting, signed) == written_out(row, counting, signed)


@given(rows(), counted, signed)
def test_a_row_never_exceeds_its_ceiling(
    row: Row, counting: frozenset[str], signed: frozenset[str]
) -> None:
    result = status(row, counting, signed)
    if row.ceiling == "human_input":
        assert result in {"human_input", "human_supplied"}
    elif row.ceiling == "partly":
        assert result != "met"


@given(rows(), counted, signed, st.data())
def test_taking_evidence_away_never_raises_a_status(
    row: Row, counting: frozenset[str], signed: frozenset[str], data: st.DataObject
) -> None:
    fewer = counting - data.draw(counted)
    unsigned = signed - data.draw(st.frozensets(st.sampled_from(FIELDS)))
    assert BEST[status(row, fewer, unsigned)] <= BEST[status(row, counting, signed)]


@given(rows(), counted, signed)
def test_a_row_that_nobody_has_read_is_never_met_or_complete(
    row: Row, counting: frozenset[str], signed: frozenset[str]
) -> None:
    if not row.verified:
        assert status(row, counting, signed) not in {"met", "complete"}


@given(rows(), counted, signed)
def test_a_row_that_rests_on_the_word_of_a_person_is_never_met(
    row: Row, counting: frozenset[str], signed: frozenset[str]
) -> None:
    judged = judge(row, Grounds(counting, signed, STAND_INS))
    if judged.supplied or judged.filled:
        assert judged.status != "met"


@given(rows(), counted, signed)
def test_a_row_says_of_each_need_whether_it_is_there(
    row: Row, counting: frozenset[str], signed: frozenset[str]
) -> None:
    judged = judge(row, Grounds(counting, signed, STAND_INS))
    assert {*judged.present, *judged.supplied, *judged.missing} == set(row.machine)
    assert set(judged.filled) | set(judged.open_fields) == set(row.people)


@given(rows(), counted, signed)
def test_a_judgement_settles_a_row_exactly_where_nothing_is_lacking(
    row: Row, counting: frozenset[str], signed: frozenset[str]
) -> None:
    judged = judge(row, Grounds(counting, signed, STAND_INS), opinion=OPINION)
    plain = status(row, counting, signed)
    lacking = bool(judged.missing or judged.open_fields)
    if plain in {"not_evidenced", "human_input"} or (plain == "partly" and lacking):
        assert judged.status == plain
    else:
        assert judged.status == "judged"
    assert judged.opinion == OPINION


@given(rows(), counted, signed)
def test_a_row_of_another_sector_is_out_of_scope_whatever_there_is(
    row: Row, counting: frozenset[str], signed: frozenset[str]
) -> None:
    outside = Applicability(outside="It speaks of others.")
    assert status(row, counting, signed, applies=outside) == "out_of_scope"
    aside = Exemption("R1", "Nobody is hired by it.", *SIGNED)
    assert status(row, counting, signed, applies=outside, exemption=aside) == "not_applicable"


@given(rows(), counted, signed)
def test_what_the_data_do_not_declare_is_lacking(
    row: Row, counting: frozenset[str], signed: frozenset[str]
) -> None:
    lacks = Applicability(lacks=("groups by race or ethnicity in the data",))
    result = status(row, counting, signed, applies=lacks)
    assert result not in {"met", "complete"}


def test_no_shipped_row_exceeds_its_ceiling_even_with_everything_supplied() -> None:
    for name in framework_ids():
        for row in FrameworkChoice(name).load().rows:
            judged = judge(row, Grounds(frozenset(row.machine), frozenset(row.people))).status
            best = {"met": {"met"}, "partly": {"complete", "human_supplied"}}
            assert judged in {*best.get(row.ceiling, {"human_supplied"}), "partly"}


def test_every_row_can_be_settled_by_what_a_run_makes_and_what_people_can_state() -> None:
    """No row needs what nobody can give."""
    made = {name for name, kind in load_sources().kinds.items() if not kind.absent}
    people = frozenset(stand_ins().values())
    for name in framework_ids():
        for row in FrameworkChoice(name).load().rows:
            grounds = Grounds(frozenset(made), people | set(row.people), stand_ins())
            assert judge(row, grounds, opinion=OPINION).status == "judged", row.id


def test_counts_add_up_to_the_rows_and_name_every_status() -> None:
    rows_ = FrameworkChoice("gdpr").load().rows
    counts = tally(judge(row, Grounds()) for row in rows_)
    assert list(counts) == list(STATUSES)
    assert sum(counts.values()) == len(rows_)


def test_every_status_is_worded_and_none_claims_conformity() -> None:
    texts = [wording().text(f"statuses.{name}.{part}") for name in STATUSES for part in PARTS]
    assert "complian" not in " ".join(texts).lower()
