"""What a named person decided about a model and its results, and whether the decision still stands.

A decision names its *subject* by digests (weights, data, results, the evidence that was looked at)
and not by the run: a framework, a picture or a section that is added later changes none of them.
Nothing is overwritten. A later decision supersedes or revokes an earlier one by its digest.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from fnmatch import fnmatchcase
from typing import Literal, get_args

from deepseek_report.artifacts.conclusions import Verdict as Promise
from deepseek_report.artifacts.finding import Finding
from deepseek_report.artifacts.message import Message, message, plain
from deepseek_report.artifacts.results import Results
from deepseek_report.compliance.person_names import shown_name, skeleton
from deepseek_report.compliance.statements import StatementSource
from deepseek_report.findings.conclude import all_findings, conclusions_of
from deepseek_report.store import digest

#: What can be decided; `unstated` stands where a decision merely takes an earlier one back.
Verdict = Literal["accepted", "accepted_with_conditions", "rejected", "not_applicable", "unstated"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)[:-1]
Role = Literal["developer", "owner", "independent_validator", "risk_officer", "compliance", "other"]
ROLES: tuple[Role, ...] = get_args(Role)
#: What a decision is about: a row of a framework, a finding, a promise, or the whole model.
Kind = Literal["row", "finding", "promise", "model"]
KINDS: tuple[Kind, ...] = get_args(Kind)
#: How a decision stands today; only one that `stands` counts.
Standing = Literal["stands", "superseded", "revoked", "expired", "void", "unproved"]
APPROVING = frozenset({"accepted", "accepted_with_conditions", "not_applicable"})
#: The key of a target that is the whole model.
WHOLE_MODEL = "model"
_RESULTS = ("artifacts/predictions/*", "artifacts/explanations/*", "artifacts/measures/*")
_TIMED = "*/times.json"


@dataclass(frozen=True)
class DecisionTarget:
    """What a decision is about. key : row id, finding id, key of a promise, or `model`."""

    kind: Kind
    key: str


@dataclass(frozen=True)
class DecisionSubject:
    """The digests of what was decided about; "" where a run has none.

    run : the run that was read, for people; it binds nothing.
    """

    data: str = ""
    weights: str = ""
    results: str = ""
    run: str = ""

    def differing(self, other: DecisionSubject) -> tuple[str, ...]:
        """Which of data, weights and results are others there."""
        names = ("data", "weights", "results")
        return tuple(name for name in names if getattr(self, name) != getattr(other, name))


@dataclass(frozen=True)
class Attachment:
    """A document that a decision rests on. path : its name in `people/attachments/`."""

    path: str
    sha256: str


@dataclass(frozen=True)
class Decision:
    """One decision of one person.

    evidence : digest of the evidence that the target had. revokes : the digest of the earlier
    decision that is taken back, in which case nothing is decided anew and `verdict` is "unstated".
    title : the office, in the person's words. date, valid_until : YYYY-MM-DD, the latter also
    empty.
    """

    target: DecisionTarget
    verdict: Verdict
    reason: str
    name: str
    role: Role
    date: str
    subject: DecisionSubject
    title: str = ""
    conditions: str = ""
    valid_until: str = ""
    supersedes: str = ""
    revokes: str = ""
    attachments: tuple[Attachment, ...] = ()
    evidence: str = ""
    source: StatementSource = field(default_factory=StatementSource)

    @property
    def id(self) -> str:
        """SHA-256 of all that was decided, wherever it is written down."""
        return digest({"deepseek-report/decision": self.content})

    @property
    def content(self) -> dict[str, object]:
        """What was decided as plain values, without the file that it stands in."""
        kept = [item.name for item in fields(self) if item.name != "source"]
        return {name: _plain(getattr(self, name)) for name in kept}

    @property
    def person(self) -> str:
        """The name as it meets the eye, which tells people apart; see `skeleton`."""
        return skeleton(self.name)

    @property
    def shown_name(self) -> str:
        """The name, with what in it does not meet the eye."""
        return shown_name(self.name)


def folded(name: str) -> str:
    """A name without what people write in different ways: spaces and capitals."""
    return " ".join(name.casefold().split())


def _plain(value: object) -> object:
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return dict(vars(value)) if hasattr(value, "__dataclass_fields__") else value


# --- What a run gives to decide about -------------------------------------------------------------


def concluded(results: Results) -> tuple[tuple[Promise, ...], tuple[Finding, ...]]:
    """The promises and findings of a run; no promises where nothing was concluded from data."""
    if not (results.has("conclusions") and results.has("data")):
        return (), results.findings
    return tuple(conclusions_of(results).verdicts), all_findings(results)


@dataclass(frozen=True)
class RunSubjects:
    """The digests of a run. evidence : {target: digest of what a person looks at to decide it}."""

    subject: DecisionSubject
    evidence: Mapping[DecisionTarget, str] = field(default_factory=dict)


def subject_of_run(results: Results) -> DecisionSubject:
    """The digests of data, weights and results of a run.

    Durations, memory and pictures are no results here; nor is the config, so that a framework, a
    picture or a section can be added.
    """
    digests, files = results.digests, lasting_files(results, _RESULTS)
    return DecisionSubject(
        digests.get("data", ""), digests.get("weights", ""), digest(files), results.run_id
    )


def lasting_files(results: Results, patterns: Sequence[str]) -> dict[str, str]:
    """{file of the run: SHA-256} of these patterns, without what differs by nature."""
    volatile = (*(results.provenance.get("volatile") or ()), _TIMED)
    return {
        name: sha256
        for name, sha256 in sorted(results.manifest.items())
        if any(fnmatchcase(name, pattern) for pattern in patterns)
        and not any(fnmatchcase(name, str(pattern)) for pattern in volatile)
    }


def promise_key(promise: Promise) -> str:
    """How a decision names a promise: `roc_auc`, `impact_ratio:sex:women`."""
    about = ("metric", "attribute", "level", "explainer", "slice", "predictor")
    return ":".join(filter(None, (getattr(promise, name) for name in about)))


def evidence_of_promise(promise: Promise) -> str:
    """Digest of what was promised, so that another bound is another promise."""
    return digest([promise_key(promise), promise.side, promise.bound])


def evidence_of_finding(finding: Finding) -> str:
    """Digest of what a finding claims."""
    return digest(plain([finding.message, finding.severity, finding.values]))


def evidence_of_model(promises: Sequence[Promise]) -> str:
    """Digest of all that was promised of the model."""
    return digest([evidence_of_promise(promise) for promise in promises])


# --- How decisions stand --------------------------------------------------------------------------


@dataclass(frozen=True)
class DecisionState:
    """A decision and how it stands.

    why : what changed, until when it was valid, or which document is missing; () where it stands.
    by : digest of the decision that superseded or revoked it.
    """

    decision: Decision
    standing: Standing
    why: tuple[Message, ...] = ()
    by: str = ""

    @property
    def counts(self) -> bool:
        """Whether it decides something today."""
        return self.standing == "stands" and not self.decision.revokes


def standings(
    decisions: Sequence[Decision],
    subjects: RunSubjects,
    day: dt.date | None,
    unproved: Mapping[str, tuple[Message, ...]],
) -> tuple[DecisionState, ...]:
    """How each decision stands, in the order given.

    day : on which validity is judged; None: it is not. unproved : {digest of a decision: which of
    its documents are not there}. A rejection stands without its documents all the same: what is
    lacking never turns it into something better.
    """
    replaced = _replaced(decisions)

    def stand(decision: Decision) -> DecisionState:
        if later := replaced.get(decision.id):
            standing: Standing = "revoked" if later.revokes else "superseded"
            about = message(f"decisions.why.{standing}", name=later.shown_name, date=later.date)
            return DecisionState(decision, standing, (about,), later.id)
        if changed := _changed(decision, subjects):
            return DecisionState(decision, "void", changed)
        if day and decision.valid_until and decision.valid_until < day.isoformat():
            until = message("decisions.why.expired", date=decision.valid_until)
            return DecisionState(decision, "expired", (until,))
        if decision.id in unproved and decision.verdict != "rejected":
            return DecisionState(decision, "unproved", unproved[decision.id])
        return DecisionState(decision, "stands")

    return tuple(map(stand, decisions))


def _replaced(decisions: Sequence[Decision]) -> dict[str, Decision]:
    """{digest of a decision: the later one that took its place and was not taken back itself}."""
    later: dict[str, list[Decision]] = {}
    for decision in decisions:
        if earlier := decision.revokes or decision.supersedes:
            later.setdefault(earlier, []).append(decision)
    revoked = {decision.revokes for decision in decisions if decision.revokes}
    return {
        earlier: in_force[-1]
        for earlier, those in later.items()
        if (in_force := [each for each in those if each.id not in revoked])
    }


def _changed(decision: Decision, subjects: RunSubjects) -> tuple[Message, ...]:
    """What is not as it was when the decision was taken, a message each."""
    names = list(decision.subject.differing(subjects.subject))
    known = subjects.evidence.get(decision.target)
    if not names and known is not None and decision.evidence != known:
        names.append(f"evidence_{decision.target.kind}")
    return tuple(message(f"decisions.changed.{name}") for name in names)


def may_replace(later: Decision, earlier: Decision) -> bool:
    """Whether somebody may supersede or revoke: the same person, or who holds the same role."""
    same = folded(later.name) == folded(earlier.name)
    return same or (later.role == earlier.role and later.role != "other")


def of_target(stood: Sequence[DecisionState], target: DecisionTarget) -> tuple[DecisionState, ...]:
    """The decisions about one thing."""
    return tuple(each for each in stood if each.decision.target == target)
