"""Sets the evidence of a run against the frameworks that its config names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property, lru_cache
from typing import Any, Literal

from deepseek_report.artifacts.finding import Finding
from deepseek_report.artifacts.message import Message, Text, message
from deepseek_report.artifacts.results import PROVENANCE, Results
from deepseek_report.compliance import decision
from deepseek_report.compliance.applicability import DataDeclarations, applicability, declared_by
from deepseek_report.compliance.beside_config import DecisionPolicy, Requirement, beside_config
from deepseek_report.compliance.evidence import Evidence, counting, evidence_index
from deepseek_report.compliance.framework import (
    Framework,
    FrameworkChoice,
    Row,
    choices,
    framework_ids,
    frameworks_folder,
    read_yaml,
)
from deepseek_report.compliance.people import HumanInput, read_people
from deepseek_report.compliance.run_facts import NO_TIME, measures_time, record_of
from deepseek_report.compliance.sources import load_sources
from deepseek_report.compliance.statements import Statement
from deepseek_report.compliance.status import Grounds, Judgement, Status, judge, tally
from deepseek_report.store import digest
from deepseek_report.wording.of_results import words_of
from deepseek_report.wording.words import Wording

# --- What a reader must know of a framework's text before reading the table: age, force, gaps -----

BannerKind = Literal[
    "superseded", "version_changed", "stale", "undated", "applies_later", "unverified"
]
_ISO = re.compile(r"(\d{4})-(\d{2})(?:-(\d{2}))?")


@dataclass(frozen=True)
class Banner:
    """One warning above a framework's table.

    values : what its sentence says, but for the framework's own texts.
    """

    kind: BannerKind
    values: Mapping[str, Any] = field(default_factory=dict)

    def as_message(self, shown: Framework) -> Message:
        """The warning, with the texts of the framework in the language of the report."""
        own = {"force": shown.legal_force, "dates": dict(shown.applies_from)}
        return message(f"compliance.banners.{self.kind}", **self.values, **own)


@dataclass(frozen=True)
class Milestone:
    """A dated change of the law, as it was known when the frameworks were checked."""

    when: str
    id: str
    source: str


@dataclass(frozen=True)
class AsOf:
    """The day for which a report speaks, and what that day is; without one, why there is none."""

    day: date | None
    because: Text


def banners(
    framework: Framework, choice: FrameworkChoice, as_of: AsOf, stale_after_days: int
) -> tuple[Banner, ...]:
    """All warnings that this framework triggers on the as-of date, gravest first.

    as_of : the day that the config sets or that the run was made on. No clock is read.
    stale_after_days : age of `checked`, in days, above which the text is called stale.
    """
    triggered = [Banner("superseded")] if framework.superseded else []
    if choice.reviewed_version not in {"", framework.text_version}:
        versions = {"reviewed": choice.reviewed_version, "version": framework.text_version}
        triggered.append(Banner("version_changed", versions))
    triggered += _by_day(framework, as_of, stale_after_days)
    if n := len(framework.unverified):
        triggered.append(Banner("unverified", {"n": n, "rows": len(framework.rows)}))
    return tuple(triggered)


def _by_day(framework: Framework, as_of: AsOf, stale_after_days: int) -> Iterator[Banner]:
    """What hangs on the day: the age of the text, and parts that are not in force yet."""
    values = {"checked": framework.checked.isoformat(), "because": as_of.because}
    day = as_of.day
    if day is None:
        yield Banner("undated", {**values, "key": "report.as_of"})
        return
    age, of_day = (day - framework.checked).days, {"day": day.isoformat()}
    if age > stale_after_days:
        yield Banner("stale", {**values, **of_day, "age": age, "limit": stale_after_days})
    starts = {name: leading_date(text) for name, text in framework.applies_from.items()}
    if later := [name for name, start in starts.items() if start and start > day]:
        yield Banner("applies_later", {**of_day, "parts": later})


def leading_date(text: str) -> date | None:
    """The date that a text begins with, the first of the month where no day is given, or None."""
    match = _ISO.match(text.strip())
    if not match:
        return None
    year, month, day = match.groups()
    try:
        return date(int(year), int(month), int(day or 1))
    except ValueError:
        return None


def milestones(as_of: date | None, shown: Set[str]) -> tuple[Milestone, ...]:
    """Dated changes that concern the frameworks shown, in order; those before `as_of` are left out.

    as_of : the day for which the report speaks; None leaves nothing out.
    shown : ids of the frameworks that the report shows.
    """
    data: Mapping[str, list[Mapping[str, Any]]] = read_yaml(frameworks_folder() / "_dates.yaml")
    concerning = [
        (leading_date(str(change["date"])) or date.max, change)
        for change in data["dates"]
        if shown & set(change["frameworks"])
    ]
    return tuple(
        Milestone(str(change["date"]), change["id"], change["source"])
        for when, change in sorted(concerning, key=lambda pair: pair[0])
        if as_of is None or when >= as_of
    )


# --- Sets the evidence of a run against the frameworks that its config names ----------------------


@dataclass(frozen=True)
class EvaluateOptions:
    """What decides how strictly evidence is taken, and what people supplied.

    floor : least number of instances that a number must rest on. stale_after_days : age of a
    framework's last check above which it is called stale. policy : which decisions are required.
    """

    floor: int = 30
    stale_after_days: int = 180
    human: HumanInput = field(default_factory=HumanInput)
    policy: DecisionPolicy = field(default_factory=DecisionPolicy)


@dataclass(frozen=True)
class FrameworkReport:
    """One framework against this run.

    shown : the framework in the language of the report. bearing : {row id: findings on what it
    asks for}.
    """

    framework: Framework
    shown: Framework
    banners: tuple[Banner, ...]
    judgements: tuple[Judgement, ...]
    bearing: Mapping[str, tuple[Finding, ...]] = field(default_factory=dict)

    @property
    def counts(self) -> dict[Status, int]:
        """Rows per status; there is no percentage on purpose."""
        return tally(self.judgements)


@dataclass(frozen=True)
class OpenField:
    """A field of the form that only a person can fill.

    asked_by : {framework id: row ids}; deciding : whether a status waits for it.
    who : who has to supply it, as the rows name them.
    """

    name: str
    asked_by: Mapping[str, tuple[str, ...]]
    who: tuple[str, ...]
    deciding: bool
    statement: Statement | None = None

    @property
    def rows(self) -> tuple[str, ...]:
        """Ids of the rows that ask for it."""
        return tuple(row for rows in self.asked_by.values() for row in rows)

    @property
    def filled(self) -> bool:
        return self.statement is not None and not self.statement.generated


@dataclass(frozen=True)
class ComplianceReport:
    """Evidence, frameworks, decisions and open statements, for one run.

    words : of the language of the report. decisions : all, oldest first, each with how it stands.
    required : what the policy asks for. subjects : the digests that a new decision names.
    unsealed : what was changed after the seal that the run started from.
    """

    as_of: AsOf
    options: EvaluateOptions
    evidence: Mapping[str, Evidence]
    frameworks: tuple[FrameworkReport, ...]
    form: tuple[OpenField, ...]
    milestones: tuple[Milestone, ...]
    words: Wording
    declared: DataDeclarations = field(default_factory=DataDeclarations)
    decisions: tuple[decision.DecisionState, ...] = ()
    required: tuple[Requirement, ...] = ()
    subjects: decision.RunSubjects = field(
        default_factory=lambda: decision.RunSubjects(decision.DecisionSubject())
    )
    unsealed: tuple[Message, ...] = ()

    @property
    def rejections(self) -> tuple[decision.DecisionState, ...]:
        """The rejections that stand."""
        return tuple(
            each for each in self.decisions if each.counts and each.decision.verdict == "rejected"
        )

    @cached_property
    def others(self) -> tuple[Framework, ...]:
        """Frameworks that are shipped and not shown here, in the language of the report."""
        shown = {report.framework.id for report in self.frameworks}
        names = (name for name in framework_ids() if name not in shown)
        return tuple(FrameworkChoice(name).shown_in(self.words) for name in names)


def evaluate(
    results: Results, frameworks: Sequence[FrameworkChoice], options: EvaluateOptions, as_of: AsOf
) -> ComplianceReport:
    """The evidence index of a run and the status of every row of these frameworks.

    results : the run; `provenance` gives `digests`, `manifest`, `record` and, where recorded,
        `subjects`.
    as_of : the date for which the report speaks; None leaves age and application unjudged.
    Raises ConfigError : a framework file is missing or breaks its schema.
    """
    index = evidence_index(results, options.floor)
    declared, words = declared_by(results), words_of(results)
    human, loaded = options.human, [choice.load() for choice in frameworks]
    subjects = _subjects(results, loaded, index)
    day = _declared_day(results) or results.today  # on which decisions are still valid or not
    stood = decision.standings(human.decisions, subjects, day, human.unproved)
    evaluation = _Evaluation(index, options, as_of, declared, results.findings, words, stood)
    reports = tuple(evaluation.report(choice) for choice in frameworks)
    shown = {report.framework.id for report in reports}
    return ComplianceReport(
        decisions=stood,
        required=options.policy.requirements(stood, shown, day),
        subjects=subjects,
        unsealed=beside_config().changes(results),
        as_of=as_of,
        options=options,
        evidence=index,
        frameworks=reports,
        form=_form(reports, options.human, index),
        milestones=milestones(as_of.day, shown),
        words=words,
        declared=declared,
    )


def _subjects(
    results: Results, frameworks: Sequence[Framework], index: Mapping[str, Evidence]
) -> decision.RunSubjects:
    """The digests of all that can be decided about this run."""
    promises, findings = decision.concluded(results)
    lasting = decision.lasting_files(results, ("artifacts/*",))
    rows = {row.id: row for framework in frameworks for row in framework.rows}
    return decision.RunSubjects(
        decision.subject_of_run(results),
        {
            decision.DecisionTarget("model", decision.WHOLE_MODEL): decision.evidence_of_model(
                promises
            ),
            **{
                decision.DecisionTarget("row", key): _evidence_of_row(rows[key], index, lasting)
                for key in rows
            },
            **{
                decision.DecisionTarget("finding", f.id): decision.evidence_of_finding(f)
                for f in findings
            },
            **{
                decision.DecisionTarget(
                    "promise", decision.promise_key(p)
                ): decision.evidence_of_promise(p)
                for p in promises
            },
        },
    )


def _evidence_of_row(row: Row, index: Mapping[str, Evidence], lasting: Mapping[str, str]) -> str:
    """Digest of the evidence that a person looks at to decide about a row.

    Files outside of `artifacts/`, such as the config, change when a framework is added, and those
    of measured durations from run to run; neither counts.
    """
    kinds = (kind for kind in dict.fromkeys((*row.machine, *row.evidence)) if kind in index)
    return digest(
        {
            kind: {f.path: f.sha256 for f in index[kind].files if f.path in lasting}
            for kind in kinds
            if index[kind].counts
        }
    )


def _declared_day(results: Results) -> date | None:
    declared = results.report.get("as_of")
    return date.fromisoformat(str(declared)) if declared else None


@lru_cache(maxsize=1)
def evaluate_results(results: Results) -> ComplianceReport:
    """Like `evaluate`, with frameworks, options and date as the run and its people give them.

    The report and its record for machines ask for the same: it is evaluated once.
    """
    section: Mapping[str, Any] = (results.config.get("sections") or {}).get("compliance") or {}
    options = EvaluateOptions(
        floor=section.get("floor", EvaluateOptions.floor),
        stale_after_days=section.get("stale_after_days", EvaluateOptions.stale_after_days),
        human=read_people(results),
        policy=beside_config().policy(results),
    )
    return evaluate(results, choices(results.config, results.paths), options, _as_of(results))


def _as_of(results: Results) -> AsOf:
    """The day that the config sets, else the day of the run, where that is recorded."""
    if declared := _declared_day(results):
        return AsOf(declared, message("compliance.as_of.config"))
    if not measures_time(results):
        return AsOf(None, message("compliance.as_of.untimed", key=NO_TIME))
    record = record_of(results)
    if record.day:
        return AsOf(record.day, message("compliance.as_of.run"))
    unrecorded = message("compliance.as_of.unrecorded", file=PROVENANCE)
    return AsOf(None, record.problem or unrecorded)


@dataclass(frozen=True)
class _Evaluation:
    """What all frameworks are set against."""

    index: Mapping[str, Evidence]
    options: EvaluateOptions
    as_of: AsOf
    declared: DataDeclarations
    findings: tuple[Finding, ...]
    words: Wording
    decisions: tuple[decision.DecisionState, ...]

    def report(self, choice: FrameworkChoice) -> FrameworkReport:
        framework = choice.load()
        instead = {
            kind: evidence.person for kind, evidence in self.index.items() if evidence.person
        }
        grounds = Grounds(counting(self.index), self.options.human.signed, instead)
        judgements = tuple(
            judge(
                row,
                grounds,
                applicability(row.applies, self.declared),
                decision.of_target(self.decisions, decision.DecisionTarget("row", row.id)),
            )
            for row in framework.rows
        )
        warnings = banners(framework, choice, self.as_of, self.options.stale_after_days)
        bearing = {judgement.row.id: self.bearing(judgement) for judgement in judgements}
        return FrameworkReport(
            framework, choice.shown_in(self.words), warnings, judgements, bearing
        )

    def bearing(self, judgement: Judgement) -> tuple[Finding, ...]:
        """Findings, notes aside, on what this row asks for, see `_sources.yaml`."""
        if judgement.status in {"not_applicable", "out_of_scope"}:
            return ()
        row, sources = judgement.row, load_sources()
        kinds = {*row.evidence, *row.machine, *row.concerns}
        return tuple(
            finding
            for finding in self.findings
            if finding.severity != "info" and kinds & sources.kinds_of(finding)
        )


def _form(
    reports: Sequence[FrameworkReport], human: HumanInput, index: Mapping[str, Evidence]
) -> tuple[OpenField, ...]:
    rows_by_field: dict[str, dict[str, list[str]]] = {}
    who: dict[str, list[str]] = {}
    deciding: set[str] = set()
    for report in reports:
        for judgement in report.judgements:
            if judgement.status in {"not_applicable", "out_of_scope"}:
                continue
            instead = (index[kind].person for kind in (*judgement.missing, *judgement.supplied))
            needed = (*judgement.row.people, *(name for name in instead if name))
            deciding.update(needed)
            for name in dict.fromkeys((*needed, *judgement.row.helpful_fields)):
                rows_by_field.setdefault(name, {}).setdefault(report.framework.id, []).append(
                    judgement.row.id
                )
                who.setdefault(name, []).append(judgement.row.who)
    fields = [
        OpenField(
            name=name,
            asked_by={key: tuple(rows) for key, rows in by.items()},
            who=tuple(dict.fromkeys(who[name])),
            deciding=name in deciding,
            statement=human.statements.get(name),
        )
        for name, by in rows_by_field.items()
    ]
    return tuple(sorted(fields, key=lambda entry: (entry.filled, not entry.deciding, entry.name)))
