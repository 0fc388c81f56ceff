"""The derivation against a literal second writing of its text, and against its promises."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from deepseek_report.compliance.applicability import Applicability
from deepseek_report.compliance.decision import (
    Decision,
    DecisionState,
    DecisionSubject,
    DecisionTarget,
    Verdict,
)
from deepseek_report.compliance.framework import HUMAN, FrameworkChoice, Row, framework_ids
from deepseek_report.compliance.sources import load_sources, stand_ins
from deepseek_report.compliance.status import STATUSES, Grounds, judge, tally
from deepseek_report.wording.words import wording

KINDS = ("metrics.performance", "explain.local", "data.card", "model.card", "change.log")
FIELDS = ("intended_purpose", "signatory", "model_card", "change_log")
#: Two kinds that a person can state instead of a run.
STAND_INS = {"model.card": "model_card", "change.log": "change_log"}
BEST = {"complete": 2, "partly": 1, "human_supplied": 1, "not_evidenced": 0, "human_input": 0}


def decided(verdict: Verdict, standing: str = "stands") -> DecisionState:
    about = DecisionTarget("row", "R1")
    decision = Decision(
        about, verdict, "It will do.", "A. Lovelace", "owner", "2026-11-01", DecisionSubject()
    )
    return DecisionState(decision, standing)  # type: ignore[arg-type]


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
    else:
        assert result not in {"human_input", "accepted", "accepted_with_conditions"}


@given(rows(), counted, signed, st.data())
def test_taking_evidence_away_never_raises_a_status(
    row: Row, counting: frozenset[str], signed: frozenset[str], data: st.DataObject
) -> None:
    fewer = counting - data.draw(counted)
    unsigned = signed - data.draw(st.frozensets(st.sampled_from(FIELDS)))
    assert BEST[status(row, fewer, unsigned)] <= BEST[status(row, counting, signed)]


@given(rows(), counted, signed)
def test_a_row_that_nobody_has_read_is_never_complete(
    row: Row, counting: frozenset[str], signed: frozenset[str]
) -> None:
    if not row.verified:
        assert status(row, counting, signed) != "complete"


@given(rows(), counted, signed)
def test_a_row_says_of_each_need_whether_it_is_there(
    row: Row, counting: frozenset[str], signed: frozenset[str]
) -> None:
    judged = judge(row, Grounds(counting, signed, STAND_INS))
    assert {*judged.present, *judged.supplied, *judged.missing} == set(row.machine)
    assert set(judged.filled) | set(judged.open_fields) == set(row.people)


@given(rows(), counted, signed)
def test_an_acceptance_settles_a_row_exactly_where_nothing_is_lacking(
    row: Row, counting: frozenset[str], signed: frozenset[str]
) -> None:
    plain = judge(row, Grounds(counting, signed, STAND_INS))
    for verdict in ("accepted", "accepted_with_conditions"):
        result = status(row, counting, signed, decisions=[decided(verdict)])
        settles = plain.status in {"complete", "human_supplied"} or plain.held_back
        assert result == (verdict if settles else plain.status)


@given(rows(), counted, signed, st.permutations(["accepted", "not_applicable", "rejected"]))
def test_a_rejection_is_a_rejection_whatever_there_is_and_whoever_else_accepts(
    row: Row, counting: frozenset[str], signed: frozenset[str], verdicts: list[Verdict]
) -> None:
    outside = Applicability(outside="It speaks of others.")
    decisions = [decided(verdict) for verdict in verdicts]
    assert status(row, counting, signed, decisions=decisions) == "rejected"
    assert status(row, counting, signed, applies=outside, decisions=decisions) == "rejected"


@given(
    rows(),
    counted,
    signed,
    st.sampled_from(["superseded", "revoked", "expired", "void", "unproved"]),
    st.sampled_from(["accepted", "accepted_with_conditions", "rejected", "not_applicable"]),
)
def test_a_decision_that_does_not_stand_leaves_the_row_open(
    row: Row, counting: frozenset[str], signed: frozenset[str], standing: str, verdict: Verdict
) -> None:
    plain = judge(row, Grounds(counting, signed, STAND_INS))
    lapsed = judge(
        row, Grounds(counting, signed, STAND_INS), decisions=[decided(verdict, standing)]
    )
    assert lapsed.status in {plain.status, standing}
    assert lapsed.awaits_decision == plain.awaits_decision


@given(rows(), counted, signed)
def test_a_row_of_another_sector_is_out_of_scope_whatever_there_is(
    row: Row, counting: frozenset[str], signed: frozenset[str]
) -> None:
    outside = Applicability(outside="It speaks of others.")
    assert status(row, counting, signed, applies=outside) == "out_of_scope"
    aside = [decided("not_applicable")]
    assert status(row, counting, signed, applies=outside, decisions=aside) == "not_applicable"


@given(rows(), counted, signed)
def test_what_the_data_do_not_declare_is_lacking(
    row: Row, counting: frozenset[str], signed: frozenset[str]
) -> None:
    lacks = Applicability(lacks=("groups by race or ethnicity in the data",))
    result = status(row, counting, signed, applies=lacks)
    assert result != "complete"


def test_no_shipped_row_exceeds_its_ceiling_even_with_everything_supplied() -> None:
    for name in framework_ids():
        for row in FrameworkChoice(name).load().rows:
            judged = judge(row, Grounds(frozenset(row.machine), frozenset(row.people))).status
            best = {"human_input": {"human_supplied"}}
            assert judged in {*best.get(row.ceiling, {"complete", "human_supplied"}), "partly"}


def test_every_row_can_be_settled_by_what_a_run_makes_and_what_people_can_state() -> None:
    """No row needs what nobody can give."""
    made = {name for name, kind in load_sources().kinds.items() if not kind.absent}
    people = frozenset(stand_ins().values())
    for name in framework_ids():
        for row in FrameworkChoice(name).load().rows:
            grounds = Grounds(frozenset(made), people | set(row.people), stand_ins())
            judged = judge(row, grounds, decisions=[decided("accepted")])
            assert judged.status == "accepted", row.id


def test_counts_add_up_to_the_rows_and_name_every_status() -> None:
    rows_ = FrameworkChoice("gdpr").load().rows
    counts = tally(judge(row, Grounds()) for row in rows_)
    assert list(counts) == list(STATUSES)
    assert sum(counts.values()) == len(rows_)


def test_every_status_is_worded_and_none_claims_conformity() -> None:
    parts = ("label", "meaning")
    texts = [wording().text(f"statuses.{name}.{part}") for name in STATUSES for part in parts]
    assert "complian" not in " ".join(texts).lower()
