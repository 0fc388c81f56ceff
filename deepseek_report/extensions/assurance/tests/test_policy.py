"""What a policy asks for: which decisions, by whom, in which role, and how old they may be."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from deepseek_report.compliance.evaluate import evaluate_results
from deepseek_report.errors import ConfigError
from deepseek_report.extensions.assurance.policy import (
    Deciders,
    Policy,
    PolicyPerson,
    PolicyRule,
    read_policy,
)
from deepseek_report.wording.words import wording
from tests.compliance.conftest import TODAY, Run
from tests.compliance.test_decisions import ADA, FINE, GRACE, REJECTED, decide, first_screen
from tests.compliance.test_person_names import OTHERS, TWINS, decided

RULE = PolicyRule("validation", ("independent_validator",), ("AIV-2d-desc",))
POLICY = Policy("deepseek-report/policy", (RULE,))


def states(run: Run, policy: Policy, keys: dict[str, set[str]] | None = None) -> list[str]:
    """The state of each requirement, and why."""
    required = policy.requirements(run.evaluated().decisions, (), TODAY, keys)
    return [
        ": ".join([each.state, *map(wording().say, each.why)]) if each.why else each.state
        for each in required
    ]


def test_the_shipped_policy_says_on_the_first_screen_what_is_missing(run: Run) -> None:
    required = run.evaluated().required
    assert {each.state for each in required} == {"missing"}
    assert first_screen(run).startswith(f"None of the {len(required)} required decisions")
    assert "independent validation" in first_screen(run)
    kinds = len({each.rule.id for each in required})
    assert (f"of {kinds} kinds" in first_screen(run)) == (1 < kinds < len(required))
    decide(run, GRACE, MRM_OUTCOMES=FINE, MRM_CONCEPT=FINE, model=FINE)
    assert first_screen(run).startswith(f"{len(required) - 3} of {len(required)} required")


def test_a_rejection_answers_what_the_policy_asks_for(run: Run) -> None:
    decide(run, GRACE, AIV_2d_desc=REJECTED, model=REJECTED)
    assert "answered with a rejection" in first_screen(run)


def test_every_row_of_the_shipped_policy_is_one_of_its_framework() -> None:
    from deepseek_report.compliance.framework import FrameworkChoice

    for rule in read_policy().rules:
        rows = {row.id for row in FrameworkChoice(rule.framework).load().rows}
        assert set(rule.about) <= rows | {"model"}, rule.id
        assert rule.id in wording().table("decision_rules")


def test_a_role_suffices_only_where_the_policy_names_it(run: Run) -> None:
    decide(run, ADA, AIV_2d_desc=FINE)
    assert states(run, POLICY) == ["missing"]
    decide(run, GRACE, AIV_2d_desc=FINE)
    assert states(run, POLICY) == ["given"]


def test_four_eyes_are_two_persons_and_not_one_twice(run: Run) -> None:
    twice = replace(POLICY, rules=(replace(RULE, people=2),))
    decide(run, GRACE, "g.yaml", AIV_2d_desc=FINE)
    decide(
        run, {**GRACE, "name": "grace  hopper"}, "h.yaml", AIV_2d_desc={**FINE, "reason": "Yes."}
    )
    assert states(run, twice) == ["missing"]
    decide(run, {**GRACE, "name": "Alan Turing"}, "t.yaml", AIV_2d_desc=FINE)
    assert states(run, twice) == ["given"]


def test_one_person_in_two_roles_is_refused_by_name(run: Run) -> None:
    decide(run, GRACE, "g.yaml", AIV_2d_desc=FINE)
    decide(run, {**GRACE, "role": "developer"}, "d.yaml", model=FINE)
    assert "missing: Grace Hopper acts in 2 roles" in states(run, POLICY)[0]


def signers(run: Run, **of: str) -> dict[str, set[str]]:
    """{digest of a decision: its keys}, by the first name of who decided."""
    decisions = (each.decision for each in run.evaluated().decisions)
    return {d.id: {of[d.name.split()[0]]} for d in decisions if d.name.split()[0] in of}


def test_one_key_in_two_roles_is_refused_whatever_names_it_signs(run: Run) -> None:
    decide(run, GRACE, "g.yaml", AIV_2d_desc=FINE)
    decide(run, {**ADA, "role": "developer"}, "d.yaml", model=FINE)
    assert states(run, POLICY, signers(run, Grace="k1", Ada="k2")) == ["given"]
    assert "2 roles" in states(run, POLICY, signers(run, Grace="k1", Ada="k1"))[0]


def test_one_person_with_two_keys_in_two_roles_is_refused(run: Run) -> None:
    decide(run, GRACE, "g.yaml", AIV_2d_desc=FINE)
    decide(run, {**ADA, "role": "developer"}, "d.yaml", model=FINE)
    known = {"Grace Hopper": PolicyPerson(("k1", "k2")), "Ada Lovelace": PolicyPerson()}
    policy = replace(POLICY, people=known)
    assert "2 roles" in states(run, policy, signers(run, Grace="k1", Ada="k2"))[0]


def test_with_keys_only_a_signed_decision_of_the_persons_own_key_counts(run: Run) -> None:
    decide(run, GRACE, AIV_2d_desc=FINE)
    assert "no known key signed" in states(run, POLICY, {})[0]
    policy = replace(POLICY, people={"Grace Hopper": PolicyPerson(("k1",))})
    assert "does not give to this person" in states(run, policy, signers(run, Grace="k9"))[0]
    assert states(run, policy, signers(run, Grace="k1")) == ["given"]


def test_whoever_the_policy_does_not_name_decides_nothing(run: Run) -> None:
    decide(run, GRACE, AIV_2d_desc=FINE)
    others = replace(POLICY, people={"Alan Turing": PolicyPerson()})
    assert "not among the people of the policy" in states(run, others)[0]
    roles = replace(POLICY, people={"Grace Hopper": PolicyPerson(roles=("owner",))})
    assert "may not decide as independent validator" in states(run, roles)[0]


def test_a_decision_can_be_too_old_for_a_policy(run: Run) -> None:
    decide(run, {**GRACE, "date": "2026-11-24"}, AIV_2d_desc=FINE)
    assert states(run, replace(POLICY, rules=(replace(RULE, max_age_days=1),))) == ["given"]
    run_later = replace(run.results(), today=TODAY.replace(day=27))
    stood = evaluate_results(run_later).decisions
    aged = replace(POLICY, rules=(replace(RULE, max_age_days=1),))
    required = aged.requirements(stood, (), TODAY.replace(day=27))
    assert [each.state for each in required] == ["missing"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("format: deepseek-report/policy\nrules: []\ncolour: red\n", "colour"),
        ("format: other\nrules: []\n", "format"),
        ("format: deepseek-report/policy\nrules: [{id: a, roles: [boss]}]\n", "roles"),
        ("- a\n", "not a policy"),
    ],
)
def test_a_policy_with_what_no_policy_has_is_refused(
    text: str, problem: str, tmp_path: Path
) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=problem):
        read_policy(path)


@pytest.mark.parametrize("name", [*TWINS, *OTHERS])
def test_names_that_look_alike_are_one_person_for_a_policy(name: str) -> None:
    both = [decided("Grace Hopper", "owner"), decided(name, "risk_officer")]
    people = Deciders(Policy("deepseek-report/policy", ()), both).identities()
    assert len(set(people.values())) == (1 if name in TWINS else 2)
