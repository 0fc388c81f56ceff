"""What was concluded from the measurements of a run, before anything is drawn or written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from deepseek_report.artifacts.finding import Finding
from deepseek_report.artifacts.message import Text, plain, text_of
from deepseek_report.artifacts.storage.files import load_json, save_json

Outcome = Literal["met", "not met", "too uncertain to say", "not measured"]
Side = Literal["at_least", "at_most"]
_FILE = "conclusions.json"


@dataclass(frozen=True)
class Verdict:
    """One promise and its outcome.

    metric, attribute, level, explainer, slice : what the promise is about.
    side, bound : the value must be at least, or at most, `bound`.
    set_by, why : who promised it, and the reason given; both from the config.
    value, low, high, n, unit : what was measured, None where nothing was.
    outcome : by the whole 95 % interval where there is one, else by the value.
    reason : why nothing was measured.
    """

    metric: str
    side: Side
    bound: float
    outcome: Outcome
    set_by: str = ""
    why: str = ""
    attribute: str = ""
    level: str = ""
    explainer: str = ""
    slice: str = ""
    value: float | None = None
    low: float | None = None
    high: float | None = None
    n: int | None = None
    unit: str = ""
    reason: Text = ""


@dataclass(frozen=True)
class Conclusions:
    """The artifact `conclusions`.

    findings : gravest first, without the one on parts that failed. verdicts : on the declared
    thresholds. leading : the explainer that does best in the tests; leading_for_cases : the one
    whose reasons are told case by case; None where no explainer is signed.
    """

    findings: tuple[Finding, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    leading: str | None = None
    leading_for_cases: str | None = None

    def save(self, folder: Path) -> None:
        save_json(
            folder / _FILE,
            {
                **vars(self),
                "findings": [plain(vars(finding)) for finding in self.findings],
                "verdicts": [plain(vars(verdict)) for verdict in self.verdicts],
            },
        )

    @classmethod
    def load(cls, folder: Path) -> Conclusions:
        content = load_json(folder / _FILE)
        return cls(
            findings=tuple(_finding(entry) for entry in content["findings"]),
            verdicts=tuple(_verdict(entry) for entry in content["verdicts"]),
            leading=content["leading"],
            leading_for_cases=content["leading_for_cases"],
        )


def _finding(entry: Mapping[str, Any]) -> Finding:
    return Finding.from_json(
        {**entry, **{name: tuple(entry[name]) for name in ("evidence", "limits")}}
    )


def _verdict(entry: Mapping[str, Any]) -> Verdict:
    return Verdict(**{**entry, "reason": text_of(entry["reason"])})
