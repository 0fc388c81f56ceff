"""What a person reads who reads nothing else: verdict, promises, gravest findings, one picture.

The terminal, the first screen and the brief say it; none of them concludes anything by itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from deepseek_report.artifacts.conclusions import Verdict
from deepseek_report.artifacts.finding import SEVERITIES, Finding, Severity
from deepseek_report.artifacts.ids import ArtifactId
from deepseek_report.artifacts.message import Message, message
from deepseek_report.artifacts.picture import Picture
from deepseek_report.findings.records import cause_of, subject
from deepseek_report.findings.rules_performance import ALL_MET, PROMISES

#: How many findings the first page tells.
SHOWN = 3
#: What is to be done about a finding before use, by its message; by its severity elsewhere.
_BEFORE_USE: Mapping[str, Message] = {
    "no_skill": message("verdict.before_use.no_skill"),
    "failed": message("verdict.before_use.failed"),
    "skill_open": message("verdict.before_use.skill_open"),
    "training_diverged": message("verdict.before_use.diverged"),
    "explainers_not_this_case": message("verdict.before_use.no_reasons"),
    "explainers_unsteady": message("verdict.before_use.no_reasons"),
    "calibration_off": message("verdict.before_use.recalibrate"),
    "groups_not_judged": message("verdict.before_use.declare_favourable"),
}
_BY_SEVERITY: Mapping[Severity, Message] = {
    "high": message("verdict.before_use.high"),
    "medium": message("verdict.before_use.medium"),
}
#: Findings that are told whatever else is: without them nothing else may be relied on.
_ABOVE_ALL = ("no_skill", "failed", "skill_open")


@dataclass(frozen=True)
class FirstPage:
    """What stands on the first page.

    verdict : sentences, to be said in this order. promises : every promise with its outcome.
    gravest : the gravest finding of each of the gravest stories (`story_of`) that say more than a
    promise does, and no mere note. with_it : {id of one of them: the other findings of its story}.
    others : all further findings, gravest first. picture : the name of the picture that carries
    the gravest finding; empty where there is none.
    """

    verdict: tuple[Message, ...]
    promises: tuple[Verdict, ...]
    gravest: tuple[Finding, ...]
    with_it: Mapping[str, tuple[Finding, ...]]
    others: tuple[Finding, ...]
    picture: str = ""

    @property
    def in_stories(self) -> tuple[Finding, ...]:
        """The findings that stand on the page, story by story."""
        return tuple(f for lead in self.gravest for f in (lead, *self.with_it[lead.id]))

    @property
    def counted(self) -> FindingCounts:
        """The others, counted."""
        return FindingCounts.of(self.promises, self.others)


@dataclass(frozen=True)
class FindingCounts:
    """How many findings there are, wherever they are counted.

    by_severity : {severity: how many that say more than the promises}, gravest first.
    on_promises : how many say no more than that a promise is not kept.
    """

    by_severity: Mapping[Severity, int]
    on_promises: int

    @classmethod
    def of(cls, promises: Sequence[Verdict], findings: Sequence[Finding]) -> FindingCounts:
        """Without the one that says that all promises are met, which stands with these."""
        listed = [finding for finding in findings if finding.message != ALL_MET]
        beyond = [f.severity for f in listed if not repeats_promise(f, promises)]
        by_severity = {grade: beyond.count(grade) for grade in SEVERITIES if grade in beyond}
        return cls(by_severity, len(listed) - len(beyond))


def first_page(
    promises: Sequence[Verdict],
    findings: Sequence[Finding],
    pictures: Mapping[str, Picture],
    shown: int = SHOWN,
) -> FirstPage:
    """The first page of a report.

    promises : the verdict on each promise. findings : all of the run, gravest first.
    pictures : those of the report by name, in its order. shown : how many findings it tells.
    """
    stories: dict[str, list[Finding]] = {}
    for finding in _beyond_promises(promises, findings):
        stories.setdefault(story_of(finding), []).append(finding)
    chosen = list(stories.values())[:shown]
    gravest = tuple(story[0] for story in chosen)
    in_stories = {id(finding) for story in chosen for finding in story}
    return FirstPage(
        verdict=verdict_sentences(promises, findings),
        promises=tuple(promises),
        gravest=gravest,
        with_it={story[0].id: tuple(story[1:]) for story in chosen},
        others=tuple(f for f in findings if id(f) not in in_stories and f.message != ALL_MET),
        picture=picture_of(gravest, pictures),
    )


def story_of(finding: Finding) -> str:
    """What a finding is about: of people the attribute by which they differ, else what it claims.

    More often refused, more often wrongly, and turned by the attribute itself: of one attribute,
    that is one story, and the first page tells it once.
    """
    if finding.section != "bias":
        return finding.message
    rows = (rows for rows in finding.values.values() if isinstance(rows, (list, tuple)))
    about = [finding.values, *(row for few in rows for row in few[:1] if isinstance(row, Mapping))]
    named = (str(each["attribute"]) for each in about if each.get("attribute"))
    return f"people: {next(named, finding.message)}"


def verdict_sentences(
    promises: Sequence[Verdict], findings: Sequence[Finding]
) -> tuple[Message, ...]:
    """The verdict: how the promises stand, and what must be decided or looked into before use.

    That the model has no skill, or that parts failed, stands before and beside all else; that
    nothing was promised, behind it.
    """
    beyond = _beyond_promises(promises, findings)
    first = [finding for finding in beyond if finding.message in _ABOVE_ALL]
    grave = [finding for finding in beyond if finding not in first]
    sentences = tuple(map(_before_use, first))
    if not any(finding.message == "no_skill" for finding in first):
        if grave and grave[0].severity in _BY_SEVERITY:
            sentences = (*sentences, _before_use(grave[0]))
        elif not first:
            values: dict[str, object] = {"minor": len(grave), "promised": bool(promises)}
            sentences = (message("verdict.nothing_grave", **values),)
    outcome, n = _promises(promises), len(first) if promises else len(sentences)
    return (*sentences[:n], outcome, *sentences[n:])


def _promises(promises: Sequence[Verdict]) -> Message:
    if not promises:
        return message("verdict.no_promise")
    outcomes = [promise.outcome for promise in promises]
    return message(
        "verdict.promises",
        n=len(outcomes),
        met=outcomes.count("met"),
        missed=outcomes.count("not met"),
        open=outcomes.count("too uncertain to say"),
        unmeasured=outcomes.count("not measured"),
    )


def _before_use(finding: Finding) -> Message:
    todo = _BEFORE_USE.get(finding.message) or _BY_SEVERITY[finding.severity]
    return message("verdict.finding", claim=finding.claim, todo=todo)


def _beyond_promises(promises: Sequence[Verdict], findings: Sequence[Finding]) -> list[Finding]:
    """The findings, but notes, that say more than that a promise is not kept; gravest first."""
    return [
        finding
        for finding in findings
        if finding.severity != "info" and not repeats_promise(finding, promises)
    ]


def repeats_promise(finding: Finding, promises: Sequence[Verdict]) -> bool:
    """Whether a finding is about nothing but what promises say that are not kept.

    A finding on groups of people is, where all of its attributes have such a promise.
    """
    if finding.message in _ABOVE_ALL:
        return False
    if finding.message in PROMISES:
        return True
    unkept = {
        cause_of(promise.metric, *subject(promise))
        for promise in promises
        if promise.outcome != "met"
    }
    if finding.cause in unkept:
        return True
    named = {promise["attribute"] for promise in _named_promises(finding)}
    about = finding.values.get("attributes") or [finding.values.get("attribute")]
    return bool(named) and named >= set(about)


def finding_of(promise: Verdict, page: FirstPage) -> Finding | None:
    """The finding that says why a promise is not kept, where there is one."""
    cause = cause_of(promise.metric, *subject(promise))
    for finding in (*page.in_stories, *page.others):
        causes = {finding.cause, *(named.get("cause") for named in _named_promises(finding))}
        if promise.outcome != "met" and cause in causes:
            return finding
    return None


def _named_promises(finding: Finding) -> Sequence[Mapping[str, object]]:
    """The promises that a finding says are not kept, see `rules_groups.impact`."""
    promises: Sequence[Mapping[str, object]] = finding.values.get("promises") or ()
    return [promise for promise in promises if "attribute" in promise]


def picture_of(gravest: Sequence[Finding], pictures: Mapping[str, Picture]) -> str:
    """The name of the picture that carries the gravest finding.

    In this order: of the section that shows the finding one that was drawn from its evidence, and
    the first; of another section one that was drawn from its evidence; the first of how well the
    model does. Empty without pictures.
    """

    def of(section: str) -> list[str]:
        return [name for name, picture in pictures.items() if picture.section == section]

    candidates = [*of("performance"), *pictures]
    for finding in gravest[:1]:
        drawn = [
            name
            for evidence in map(ArtifactId, finding.evidence)
            for name, picture in pictures.items()
            if any(map(evidence.is_within, picture.shows or (ArtifactId.measure(name),)))
        ]
        own = of(finding.section)
        candidates = [*(name for name in drawn if name in own), *own, *drawn, *candidates]
    return next(iter(candidates), "")
