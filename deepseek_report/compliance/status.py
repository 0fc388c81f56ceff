"""From evidence to a status: the derivation of `templates/frameworks/_status_rules.yaml`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field, replace
from typing import Literal, get_args

from deepseek_report.artifacts.message import Message, Text
from deepseek_report.compliance.framework import Applicability, Row
from deepseek_report.compliance.statements import Exemption, Opinion

Status = Literal[
    "met",
    "judged",
    "complete",
    "partly",
    "not_evidenced",
    "human_supplied",
    "human_input",
    "not_applicable",
    "out_of_scope",
]
STATUSES: tuple[Status, ...] = get_args(Status)
#: What a signed judgement turns into `judged`; so it does `partly` where nothing is lacking.
_JUDGEABLE = frozenset({"met", "complete", "human_supplied"})


@dataclass(frozen=True)
class Judgement:
    """The status of one row, and what it came from.

    present : needed machine kinds that count. supplied : {needed machine kind that does not count:
    the signed human field that stands in for it}. missing : the other machine kinds.
    lacks : what the data would have to declare. open_fields, filled : needed human fields that
    nobody, and that somebody, filled and signed. outside : why the row is out of scope.
    opinion : what a named person judged of it, whether or not that changes the status.
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
    exemption: Exemption | None = None
    opinion: Opinion | None = None

    @property
    def whole(self) -> bool:
        """Whether nothing that the row needs is missing or open."""
        return not (self.missing or self.lacks or self.open_fields)

    @property
    def awaits_judgement(self) -> bool:
        """Whether a signed judgement would change the status."""
        settled = self.status in _JUDGEABLE or self.held_back
        return settled and self.opinion is None

    @property
    def held_back(self) -> bool:
        """Whether all that is needed is there and only the unread text holds the status down."""
        return self.status == "partly" and self.whole


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
    exemption: Exemption | None = None,
    opinion: Opinion | None = None,
) -> Judgement:
    """The status of a row.

    applies : how the row stands to the data of the run; by default it speaks of all data.
    exemption : why a named person says that the row does not apply.
    opinion : what a named person judged of the row.
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
        exemption=exemption,
        opinion=opinion,
    )
    return replace(judgement, status=_status(judgement))


def _status(judgement: Judgement) -> Status:
    if judgement.exemption:
        return "not_applicable"
    if judgement.outside:
        return "out_of_scope"
    status = _derive(judgement)
    settled = status in _JUDGEABLE or (status == "partly" and judgement.whole)
    return "judged" if judgement.opinion and settled else status


def _derive(judgement: Judgement) -> Status:
    row, supported = judgement.row, bool(judgement.present or judgement.supplied)
    if row.ceiling == "human_input":
        return "human_input" if judgement.open_fields else "human_supplied"
    if row.machine and not supported:
        return "not_evidenced"
    if not judgement.whole or not row.verified:
        return "partly"
    if not judgement.present:
        return "human_supplied"
    alone = row.ceiling == "met" and not judgement.supplied and not row.people
    return "met" if alone else "complete"


def tally(judgements: Iterable[Judgement]) -> dict[Status, int]:
    """Rows per status, in a fixed order, zeros included; never turned into a percentage."""
    counts = Counter(judgement.status for judgement in judgements)
    return {status: counts[status] for status in STATUSES}
