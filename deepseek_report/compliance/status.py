"""From evidence and decisions to a status, by the rules of `_status_rules.yaml`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from typing import Literal, get_args

from deepseek_report.artifacts.message import Message, Text
from deepseek_report.compliance.applicability import Applicability
from deepseek_report.compliance.decision import DecisionState
from deepseek_report.compliance.framework import Row

Status = Literal[
    "rejected",
    "not_evidenced",
    "human_input",
    "partly",
    "void",
    "expired",
    "human_supplied",
    "complete",
    "accepted_with_conditions",
    "accepted",
    "not_applicable",
    "out_of_scope",
]
STATUSES: tuple[Status, ...] = get_args(Status)
#: Where nothing is lacking, so that a decision can settle the row; so can `partly` then.
_DECIDABLE = frozenset({"complete", "human_supplied"})
#: What somebody decided, or what became of that.
DECIDED: frozenset[Status] = frozenset(
    {"accepted", "accepted_with_conditions", "rejected", "not_applicable", "expired", "void"}
)


@dataclass(frozen=True)
class Judgement:
    """The status of one row, and what it came from.

    present : needed machine kinds that count. supplied : {needed machine kind that does not count:
    the signed human field that stands in for it}. missing : the other machine kinds.
    lacks : what the data would have to declare. open_fields, filled : needed human fields that
    nobody, and that somebody, filled and signed. outside : why the row is out of scope.
    decisions : all that people decided about it, whether or not it still stands.
    """

    row: Row
    status: Status
    present: tuple[str, ...] = ()
    supplied: Mapping[str, str] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    lacks: tuple[Message, ...] = ()
    open_fields: tuple[str, ...] = ()
    filled: tuple[str, ...] = ()
    outside: Text = ""
    decisions: tuple[DecisionState, ...] = ()

    @property
    def whole(self) -> bool:
        """Whether nothing that the row needs is missing or open."""
        return not (self.missing or self.lacks or self.open_fields)

    @property
    def awaits_decision(self) -> bool:
        """Whether a decision would settle the row."""
        return self.status in {*_DECIDABLE, "expired", "void"} or self.held_back

    @property
    def held_back(self) -> bool:
        """Whether all that is needed is there and only the unread text holds the status down."""
        return self.status == "partly" and self.whole

    @property
    def standing(self) -> tuple[DecisionState, ...]:
        """The decisions that count today."""
        return tuple(each for each in self.decisions if each.counts)


@dataclass(frozen=True)
class Grounds:
    """What the rows are judged by.

    counting : evidence kinds that exist, are intact and fresh, and passed their own checks.
    signed : human fields that a named person filled. stand_ins : {evidence kind: human field whose
    statement can stand in for it}.
    """

    counting: Set[str] = frozenset()
    signed: Set[str] = frozenset()
    stand_ins: Mapping[str, str] = field(default_factory=dict)


def judge(
    row: Row,
    grounds: Grounds,
    applies: Applicability | None = None,
    decisions: Sequence[DecisionState] = (),
) -> Judgement:
    """The status of a row.

    applies : how the row stands to the data of the run; by default it speaks of all data.
    decisions : what people decided about the row.
    """
    applies = applies or Applicability()
    absent = [kind for kind in row.machine if kind not in grounds.counting]
    supplied = {
        kind: grounds.stand_ins[kind]
        for kind in absent
        if grounds.stand_ins.get(kind) in grounds.signed
    }
    judgement = Judgement(
        row,
        "partly",
        present=tuple(kind for kind in row.machine if kind in grounds.counting),
        supplied=supplied,
        missing=tuple(kind for kind in absent if kind not in supplied),
        lacks=applies.lacks,
        open_fields=tuple(name for name in row.people if name not in grounds.signed),
        filled=tuple(name for name in row.people if name in grounds.signed),
        outside=applies.outside,
        decisions=tuple(decisions),
    )
    return replace(judgement, status=_status(judgement))


def _status(judgement: Judgement) -> Status:
    verdicts = {each.decision.verdict for each in judgement.standing}
    if "rejected" in verdicts:
        return "rejected"
    if "not_applicable" in verdicts:
        return "not_applicable"
    if judgement.outside:
        return "out_of_scope"
    status = _derive(judgement)
    if status in _DECIDABLE or (status == "partly" and judgement.whole):
        return _decided(judgement, verdicts) or status
    return status


def _decided(judgement: Judgement, verdicts: Set[str]) -> Status | None:
    """What the decisions make of a row that lacks nothing; None where nobody decided."""
    if "accepted_with_conditions" in verdicts:
        return "accepted_with_conditions"
    if "accepted" in verdicts:
        return "accepted"
    lapsed = {each.standing for each in judgement.decisions}
    return "void" if "void" in lapsed else "expired" if "expired" in lapsed else None


def _derive(judgement: Judgement) -> Status:
    row, supported = judgement.row, bool(judgement.present or judgement.supplied)
    if row.ceiling == "human_input":
        return "human_input" if judgement.open_fields else "human_supplied"
    if row.machine and not supported:
        return "not_evidenced"
    if not judgement.whole or not row.verified:
        return "partly"
    return "complete" if judgement.present else "human_supplied"


def tally(judgements: Iterable[Judgement]) -> dict[Status, int]:
    """Rows per status, in a fixed order, zeros included; never turned into a percentage."""
    counts = Counter(judgement.status for judgement in judgements)
    return {status: counts[status] for status in STATUSES}
