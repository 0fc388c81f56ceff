"""Which decisions a policy asks for, by whom, and which of them are missing.

A policy is a YAML file. The one that ships (`shipped_policy.yaml`) asks for what SR 26-2 and the AI
Act ask of people; it is in force where the config names no other.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter, ValidationError

from deepseek_report.artifacts.message import Message, message
from deepseek_report.artifacts.results import Results
from deepseek_report.compliance.beside_config import DecisionPolicy, Requirement, RequirementRule
from deepseek_report.compliance.decision import (
    APPROVING,
    WHOLE_MODEL,
    Decision,
    DecisionState,
    DecisionTarget,
    Role,
    folded,
)
from deepseek_report.compliance.framework import read_yaml
from deepseek_report.compliance.person_names import skeleton
from deepseek_report.compliance.sources import StrictPart, faults
from deepseek_report.errors import ConfigError

#: The artifact of a run that has a policy of its own, and its file.
POLICY, POLICY_FILE = "policy", "policy.yaml"
#: The policy that comes with this package.
SHIPPED = Path(__file__).parent / "shipped_policy.yaml"
_MOST_RULES = 200


@dataclass(frozen=True)
class PolicyRule(RequirementRule, StrictPart):
    """A decision that is required.

    id : its name, which words of the catalog (`decisions.rules`) may put better; title : the words
    otherwise. about : ids of rows, or `model` for the whole model; one decision is required of
    each. roles : any of them may decide. people : how many different persons must. apart_from :
    roles that none of these persons may hold in this run. max_age_days : how old the decision may
    be. framework : the rule is in force where the report shows this framework; empty: always.
    """

    id: Annotated[str, Field(pattern=r"^[a-z0-9_-]{1,60}$")]
    roles: Annotated[tuple[Role, ...], Field(min_length=1)]
    about: Annotated[tuple[str, ...], Field(min_length=1, max_length=500)] = (WHOLE_MODEL,)
    title: Annotated[str, Field(max_length=200)] = ""
    framework: str = ""
    people: Annotated[int, Field(ge=1, le=20)] = 1
    apart_from: tuple[Role, ...] = ()
    max_age_days: Annotated[int, Field(ge=1, le=36_500)] | None = None
    cite: Annotated[str, Field(max_length=200)] = ""

    @property
    def targets(self) -> tuple[DecisionTarget, ...]:
        """What must be decided."""
        return tuple(
            DecisionTarget("model" if key == WHOLE_MODEL else "row", key) for key in self.about
        )


@dataclass(frozen=True)
class PolicyPerson(StrictPart):
    """keys : names or key ids of a person's keys. roles : those that the person may decide in."""

    keys: tuple[str, ...] = ()
    roles: tuple[Role, ...] = ()


@dataclass(frozen=True)
class Policy(DecisionPolicy, StrictPart):
    """What is required.

    people : {name: keys and roles}; with any, nobody else's decision suffices. one_role_each :
    whether a person may act in one role only; the same key, and keys of the same person, count as
    one person. signed : whether `verify` counts only decisions that a known key signed.
    """

    format: Literal["deepseek-report/policy"]
    rules: Annotated[tuple[PolicyRule, ...], Field(max_length=_MOST_RULES)]
    name: Annotated[str, Field(max_length=200)] = ""
    people: dict[str, PolicyPerson] = field(default_factory=dict)
    one_role_each: bool = True
    signed: bool = True

    @property
    def own_words(self) -> tuple[str, ...]:
        """See `DecisionPolicy`."""
        return (self.name, *(rule.title for rule in self.rules), *self.people)

    def requirements(
        self,
        stood: Sequence[DecisionState],
        frameworks: Collection[str],
        day: dt.date | None,
        keys: Mapping[str, Collection[str]] | None = None,
    ) -> tuple[Requirement, ...]:
        """See `DecisionPolicy`."""
        deciders = Deciders(self, [each.decision for each in stood], keys)
        in_force = (r for r in self.rules if not r.framework or r.framework in frameworks)
        return tuple(
            _requirement(rule, target, deciders, stood, day)
            for rule in in_force
            for target in rule.targets
        )


def read_policy(path: Path | None = None) -> Policy:
    """A policy file, or the policy that ships.

    Raises ConfigError: the file cannot be read, or each thing in it that no policy has.
    """
    path = path or SHIPPED
    try:
        policy = TypeAdapter(Policy).validate_python(read_yaml(path))
    except ValidationError as error:
        raise ConfigError(
            f"{path}: not a policy: {faults(error)}. docs/decisions-of-people.md shows one"
        ) from None
    ids = [rule.id for rule in policy.rules]
    if twice := sorted({name for name in ids if ids.count(name) > 1}):
        raise ConfigError(f"{path}: rules of the same id: {', '.join(twice)}; give each its own")
    return policy


def policy_of(results: Results) -> Policy:
    """The policy that the run was made with, or the one that ships.

    Raises ConfigError: the run's copy is no policy.
    """
    folder = results.paths.get(POLICY)
    return read_policy(folder / POLICY_FILE if folder else None)


@dataclass(frozen=True)
class Deciders:
    """Who is who among those that decided.

    keys : {digest of a decision: names and key ids of the keys that signed it}; None where no keys
    are known, so that people are told apart by their names alone.
    """

    policy: Policy
    decisions: Sequence[Decision]
    keys: Mapping[str, Collection[str]] | None = None

    def identities(self) -> dict[str, str]:
        """{digest of a decision: the person}; a shared key or name makes one person of several."""
        parent: dict[str, str] = {}

        def root(name: str) -> str:
            while parent.setdefault(name, name) != name:
                name = parent[name]
            return name

        owners = {
            key: f"name {skeleton(name)}"
            for name, person in self.policy.people.items()
            for key in person.keys
        }
        for decision in self.decisions:
            for key in sorted((self.keys or {}).get(decision.id, ())):
                for other in (f"key {key}", owners.get(key)):
                    if other is not None:
                        parent[root(other)] = root(f"name {decision.person}")
        return {decision.id: root(f"name {decision.person}") for decision in self.decisions}

    def refusal(self, decision: Decision, rule: PolicyRule) -> Message | None:
        """Why a decision does not count for a rule; None where it does."""
        about = {"name": decision.shown_name, "role": decision.role}
        if self.keys is not None and self.policy.signed and not self.keys.get(decision.id):
            return message("decisions.refused.unsigned", **about)
        if refused := self._not_named(decision):
            return refused
        person = self.identities()
        mine = {other.role for other in self.decisions if person[other.id] == person[decision.id]}
        if clash := sorted(mine & set(rule.apart_from)):
            return message("decisions.refused.not_apart", **about, roles=clash)
        if self.policy.one_role_each and len(mine) > 1:
            return message("decisions.refused.two_roles", **about, roles=sorted(mine))
        return None

    def _not_named(self, decision: Decision) -> Message | None:
        """Why a person may not decide in a role, where the policy says who may."""
        if not self.policy.people:
            return None
        about = {"name": decision.shown_name, "role": decision.role}
        named = {folded(name): person for name, person in self.policy.people.items()}
        person = named.get(folded(decision.name))
        if person is None:
            return message("decisions.refused.unknown", **about)
        if person.roles and decision.role not in person.roles:
            return message("decisions.refused.other_role", **about)
        if self.keys is not None and person.keys:
            signers = self.keys.get(decision.id, ())
            if not set(signers) & set(person.keys):
                return message("decisions.refused.other_key", **about, keys=sorted(signers))
        return None


def _requirement(
    rule: PolicyRule,
    target: DecisionTarget,
    deciders: Deciders,
    stood: Sequence[DecisionState],
    day: dt.date | None,
) -> Requirement:
    about = [each.decision for each in stood if each.decision.target == target and each.counts]
    rejections = tuple(decision for decision in about if decision.verdict == "rejected")
    if rejections:
        by = tuple(
            message("decisions.rejected_by", name=d.shown_name, role=d.role) for d in rejections
        )
        return Requirement(rule, target, "rejected", by, rejections)
    fitting = [d for d in about if d.role in rule.roles and d.verdict in APPROVING]
    refused = [why for d in fitting if (why := deciders.refusal(d, rule))]
    counting = [d for d in fitting if deciders.refusal(d, rule) is None]
    oldest = dt.date.min
    if day is not None and rule.max_age_days is not None:
        oldest = day - dt.timedelta(days=rule.max_age_days)
    old = [d for d in counting if dt.date.fromisoformat(d.date) < oldest]
    valid = tuple(d for d in counting if d not in old)
    person = deciders.identities()
    n = len({person[decision.id] for decision in valid})
    if n >= rule.people:
        return Requirement(rule, target, "given", (), valid)
    aged = [message("decisions.refused.too_old", name=d.shown_name, date=d.date) for d in old]
    return Requirement(rule, target, "missing", (*refused, *aged), valid)
