"""From evidence to a status: the derivation of `templates/frameworks/_status_rules.yaml`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from functools import cache
from typing import Literal

from deepseek_report.compliance.framework import Row, frameworks_folder, read_yaml
from deepseek_report.compliance.statements import Exemption

Status = Literal[
    "met", "partly", "not_evidenced", "human_input", "human_supplied", "not_applicable"
]
STATUSES: tuple[Status, ...] = (
    "met",
    "partly",
    "not_evidenced",
    "human_input",
    "human_supplied",
    "not_applicable",
)


@dataclass(frozen=True)
class Judgement:
    """The status of one row, and what it came from.

    present, missing : needed machine kinds that count, and that do not.
    open_fields, filled : needed human fields that nobody, and that somebody, filled and signed.
    """

    row: Row
    status: Status
    present: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    open_fields: tuple[str, ...] = ()
    filled: tuple[str, ...] = ()
    exemption: Exemption | None = None

    @property
    def held_back(self) -> bool:
        """Whether all that is needed is there and only the unread text holds the status down."""
        lowered = self.status == "partly" and self.row.ceiling == "met"
        return lowered and not self.missing and not self.open_fields


def judge(
    row: Row, counting: Set[str], signed: Set[str], exemption: Exemption | None = None
) -> Judgement:
    """The status of a row.

    Parameters
    ----------
    counting : evidence kinds that exist, are intact and fresh, and passed their own checks.
    signed : human fields that a named person filled.
    exemption : why the row does not apply; without a reason and a name it has no effect.
    """
    present = tuple(kind for kind in row.machine if kind in counting)
    missing = tuple(kind for kind in row.machine if kind not in counting)
    vacant = tuple(name for name in row.people if name not in signed)
    filled = tuple(name for name in row.people if name in signed)
    valid = exemption if exemption and exemption.valid else None
    status = "not_applicable" if valid else _derive(row, present, missing, vacant)
    return Judgement(row, status, present, missing, vacant, filled, valid)


def _derive(
    row: Row, present: tuple[str, ...], missing: tuple[str, ...], vacant: tuple[str, ...]
) -> Status:
    if row.ceiling == "human_input":
        return "human_input" if vacant else "human_supplied"
    if row.machine and not present:
        return "not_evidenced"
    if missing or vacant or not row.verified:
        return "partly"
    return row.ceiling


def tally(judgements: Iterable[Judgement]) -> dict[Status, int]:
    """Rows per status, in a fixed order, zeros included; never turned into a percentage."""
    found = Counter(one.status for one in judgements)
    return {status: found[status] for status in STATUSES}


@cache
def status_labels(language: str = "en") -> Mapping[Status, str]:
    """{status: words for people} in a language, or in English where there are none."""
    data = read_yaml(frameworks_folder() / "_status_rules.yaml")["statuses"]
    return {
        status: data[status].get(f"label_{language}") or data[status]["label_en"]
        for status in STATUSES
    }
