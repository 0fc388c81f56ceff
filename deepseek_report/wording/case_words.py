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
    deciders : where the labels are decisions, those who took them: "lenders".
    groups : {attribute: {level, as the data name it: what such cases are called}}:
        {age_band: {"under 25": "clients under 25"}}. A crossing is named by both, as the attribute
        and as the level: {"sex × age_band": {"men × under 25": "men under 25"}}. A level that
        stands here without an attribute is called so whatever it is a level of.
    """

    case: str = ""
    cases: str = ""
    favourable: str = ""
    unfavourable: str = ""
    deciders: str = ""
    groups: Mapping[str, str | Mapping[str, str]] = field(default_factory=dict)

    @classmethod
    def of(cls, config: Mapping[str, Any] | None) -> CaseWords:
        """Those of the part `report.words` of a resolved config; none of runs of older versions."""
        known = {"case", "cases", "favourable", "unfavourable", "deciders"}
        texts = {name: str(word or "") for name, word in (config or {}).items() if name in known}
        groups = (config or {}).get("groups") or {}
        return cls(**texts, groups={str(name): _words(words) for name, words in groups.items()})

    def group_names(self, labels: Mapping[str, str]) -> dict[str, dict[str, str]]:
        """{attribute, as findings name it: {level: what such cases are called}}, in lower case.

        labels : {name of an attribute: its label}. Under "" stand levels without an attribute.
        """
        named: dict[str, dict[str, str]] = {"": {}}
        for key, words in self.groups.items():
            if isinstance(words, str):
                named[""][key] = words
                continue
            label = " × ".join(labels.get(part, part) for part in key.split(" × "))
            for attribute in (key, label):
                named.setdefault(attribute.lower(), {}).update(words)
        return named


def _words(words: object) -> str | dict[str, str]:
    if isinstance(words, Mapping):
        return {str(level): str(name) for level, name in words.items()}
    return str(words)
