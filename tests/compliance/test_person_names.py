"""Names that look alike are one person, and what is odd in them is shown."""

from __future__ import annotations

import pytest

from deepseek_report.compliance.decision import (
    Decision,
    DecisionSubject,
    DecisionTarget,
    may_replace,
)
from deepseek_report.compliance.person_names import shown_name

TWINS = {
    "Gr\u0430ce Hopper": "Gr\u0430‹U+0430›ce Hopper",
    "Gra\u200bce Hopper": "Gra‹U+200B›ce Hopper",
    "Grace \u0397opper": "Grace \u0397‹U+0397›opper",
    "Grace Hopper\u3164": "Grace Hopper‹U+3164›",
    "Grace\u2800Hopper": "Grace‹U+2800›Hopper",
    "\uff27race Hopper": "\uff27race Hopper",
    "GRACE  hopper": "GRACE  hopper",
    "\U0001d406race Hopper": "\U0001d406race Hopper",
}
#: Names of one script each, of other persons.
OTHERS = ["Иван Петров", "李雷", "Zoë Åström", "Ελένη", "Seán O’Neill"]


def decided(name: str, role: str) -> Decision:
    target = DecisionTarget("model", "model")
    subject = DecisionSubject()
    return Decision(target, "accepted", "", name, role, "2026-01-01", subject)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", TWINS)
def test_a_name_that_looks_alike_is_the_same_person_and_shows_what_is_odd(name: str) -> None:
    both = [decided("Grace Hopper", "owner"), decided(name, "risk_officer")]
    assert both[0].person == both[1].person
    assert both[1].shown_name == TWINS[name]


@pytest.mark.parametrize("name", [n for n, shown in TWINS.items() if n != shown])
def test_a_name_that_looks_alike_may_not_take_back_what_the_other_decided(name: str) -> None:
    assert not may_replace(decided(name, "risk_officer"), decided("Grace Hopper", "owner"))


@pytest.mark.parametrize("name", OTHERS)
def test_a_name_of_one_script_is_shown_as_it_is(name: str) -> None:
    assert shown_name(name) == name
    assert decided(name, "risk_officer").person != decided("Grace Hopper", "owner").person
