"""A claim that a rule made from this run's scores, with its evidence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from deepseek_report.artifacts.estimate import restored
from deepseek_report.artifacts.message import Message, Text, plain

Severity = Literal["high", "medium", "low", "info"]
SEVERITIES: tuple[Severity, ...] = ("high", "medium", "low", "info")
#: What is said of every finding.
PARTS = ("claim", "detail", "why", "do")


@dataclass(frozen=True)
class Finding:
    """One claim.

    message : key of the texts in `templates/locale/<language>.yaml`, section `findings`; each has
        `claim` (heading), `detail` (numbers), `why`, `do`; empty where `values` hold these four as
        plain texts, in the words of a plug-in of one's own. values : what fills their slots.
    evidence : what the claim rests on, as `<kind>/<name>` ids of the run's artifacts, such as
        `measures/impact_ratio` or `explanations/shap`.
    section : the section whose body shows the evidence; the finding links there.
    limits : keys of caveats (same file, section `limits`) that this run triggers.
    cause : what it is about, such as `impact_ratio:sex`; of one cause the report tells one finding.
        Empty where no other finding can be about the same.
    touches : share of the cases that it is about, from 0 to 1; 0 where it is about no cases.
    bears_on : kinds of evidence that it speaks of, where the metric that gives it says so; those of
        the rules stand in `templates/frameworks/_sources.yaml`.
    """

    id: str
    severity: Severity
    message: str
    values: Mapping[str, Any] = field(default_factory=dict)
    evidence: tuple[str, ...] = ()
    section: str = ""
    limits: tuple[str, ...] = ()
    cause: str = ""
    touches: float = 0.0
    bears_on: tuple[str, ...] = ()

    @property
    def claim(self) -> Text:
        """Its heading."""
        if not self.message:
            return str(self.values["claim"])
        return Message(f"findings.{self.message}.claim", self.values)

    def to_json(self) -> dict[str, object]:
        """Plain data; `bears_on` where it holds something."""
        held = {k: v for k, v in vars(self).items() if k != "bears_on" or v}
        return dict(plain(held))

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Finding:
        """From what `to_json` made of it."""
        lists = {name: tuple(record.get(name, ())) for name in ("evidence", "limits", "bears_on")}
        return cls(**{**record, **lists, "values": restored(record["values"])})
