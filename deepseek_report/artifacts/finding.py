"""A claim that a rule made from this run's scores, with its evidence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from deepseek_report.artifacts.estimate import restored

Severity = Literal["high", "medium", "low", "info"]
SEVERITIES: tuple[Severity, ...] = ("high", "medium", "low", "info")


@dataclass(frozen=True)
class Finding:
    """One claim.

    message : key of the texts in `templates/locale/<language>.yaml`, section `findings`; each has
        `claim` (heading), `detail` (numbers), `why`, `do`. values : what fills their slots.
    evidence : what the claim rests on, as `<kind>/<name>` ids of the run's artifacts, such as
        `measures/impact_ratio` or `explanations/shap`.
    section : the section whose body shows the evidence; the finding links there.
    limits : keys of caveats (same file, section `limits`) that this run triggers.
    cause : what it is about, such as `impact_ratio:sex`; of one cause the report tells one finding.
        Empty where no other finding can be about the same.
    touches : share of the cases that it is about, from 0 to 1; 0 where it is about no cases.
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

    @classmethod
    def from_json(cls, record: Mapping[str, object]) -> Finding:
        """From what `save_json` wrote of it."""
        return cls(**{**record, "values": restored(record["values"])})
