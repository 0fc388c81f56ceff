"""What a report calls its cases and decisions, in the words of those who act on them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class CaseWords:
    """Words that a config gives; each is said as it stands, and an empty one by the usual word.

    case, cases : one case and several: "client", "clients".
    favourable, unfavourable : what a case is whose decision is the favourable one, and what it is
        otherwise, behind "is" and "are": "accepted", "refused".
    groups : {level of an attribute, as the data name it: what such cases are called}:
        {"under 25": "clients under 25"}. A crossing of two is named by both: "men × under 25".
    """

    case: str = ""
    cases: str = ""
    favourable: str = ""
    unfavourable: str = ""
    groups: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, config: Mapping[str, Any] | None) -> CaseWords:
        """Those of the part `report.words` of a resolved config; none of runs of older versions."""
        known = {"case", "cases", "favourable", "unfavourable"}
        texts = {name: str(word or "") for name, word in (config or {}).items() if name in known}
        groups = (config or {}).get("groups") or {}
        return cls(**texts, groups={str(level): str(name) for level, name in groups.items()})
