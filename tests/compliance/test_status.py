"""The derivation against a literal second writing of its text, and against its promises."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from deepseek_report.compliance.framework import HUMAN, FrameworkChoice, Row, framework_ids
from deepseek_report.compliance.statements import Exemption
from deepseek_report.compliance.status import STATUSES, judge, status_labels, tally

KINDS = ("metrics.performance", "explain.local", "data.card", "config.resolved")
FIELDS = ("intended_purpose", "signatory", "roles")
BEST = {"met": 2, "partly": 1, "not_evidenced": 0, "human_input": 0, "human_supplied": 1}


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


def written_out(row: Row, counting: frozenset[str], signed: frozenset[str]) -> str:
    """`derivation` of _status_rules.yaml, sentence by sentence."""
    machine = [n for n in row.need if not n.startswith("human_input.")]
    people = [n for n in row.need if n.startswith("human_input.")]
    open_ = [n for n in people if n.split(".", 1)[1] not in signed]
    if row.ceiling == "human_input":
        return "human_input" if open_ != [] else "human_supplied"
    if machine != [] and not any(n in counting for n in machine):
        return "not_evidenced"
    if any(n not in counting for n in machine) or open_ != []:
        return "partly"
    return "partly" if row.verified is False else row.ceiling


@given(rows(), counted, signed)
def test_status_is_what_the_rules_say_word_by_word(
    row: Row, counting: frozenset[str], signed: frozenset[str]
) -> None:
    assert judge(row, counting, signed).status == written_out(row, counting, signed)


@given(rows(), counted, signed)
def test_a_row_never_exceeds_its_ceiling(
    row: Row, counting: frozenset[str], signed: frozenset[str]
) -> None:
    status = judge(row, counting, signed).status
    if row.ceiling == "human_input":
        assert status in {"human_input", "human_supplied"}
    else:
        assert BEST[status] <= BEST[row.ceiling]


@given(rows(), counted, signed, st.data())
def test_taking_evidence_away_never_raises_a_status(
    row: Row, counting: frozenset[str], signed: frozenset[str], data: st.DataObject
) -> None:
    fewer = counting - data.draw(counted)
    unsigned = signed - data.draw(st.frozensets(st.sampled_from(FIELDS)))
    before, after = judge(row, counting, signed), judge(row, fewer, unsigned)
    assert BEST[after.status] <= BEST[before.status]


@given(rows(), counted, signed)
def test_a_row_that_nobody_has_read_is_never_met(
    row: Row, counting: frozenset[str], signed: frozenset[str]
) -> None:
    if not row.verified:
        assert judge(row, counting, signed).status != "met"


@given(rows(), counted, signed)
def test_a_row_says_of_each_need_whether_it_is_there(
    row: Row, counting: frozenset[str], signed: frozenset[str]
) -> None:
    one = judge(row, counting, signed)
    assert set(one.present) | set(one.missing) == set(row.machine)
    assert set(one.filled) | set(one.open_fields) == set(row.people)


@given(rows(), st.text(max_size=3), st.text(max_size=3))
def test_a_row_is_set_aside_only_with_a_reason_and_a_name(row: Row, reason: str, name: str) -> None:
    exemption = Exemption(reason, name)
    status = judge(row, frozenset(), frozenset(), exemption).status
    assert (status == "not_applicable") == exemption.valid
    assert judge(row, frozenset(), frozenset(), Exemption(reason)).status != "not_applicable"


def test_no_shipped_row_exceeds_its_ceiling_even_with_everything_supplied() -> None:
    for name in framework_ids():
        for row in FrameworkChoice(name).load().rows:
            status = judge(row, frozenset(row.machine), frozenset(row.people)).status
            limit = "human_supplied" if row.ceiling == "human_input" else row.ceiling
            assert status in {limit, "partly"}


def test_counts_add_up_to_the_rows_and_name_every_status() -> None:
    rows_ = FrameworkChoice("gdpr").load().rows
    counts = tally(judge(row, frozenset(), frozenset()) for row in rows_)
    assert list(counts) == list(STATUSES)
    assert sum(counts.values()) == len(rows_)


def test_statuses_are_worded_in_two_languages_and_fall_back_to_english() -> None:
    assert status_labels("zh")["met"] == "证据齐备"
    assert status_labels("fr") == status_labels("en")
    assert "complian" not in " ".join(status_labels("en").values()).lower()
