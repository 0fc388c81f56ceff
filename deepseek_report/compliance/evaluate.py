"""Sets the evidence of a run against the frameworks that its config names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any

from pydantic import Field

from deepseek_report.artifacts.results import Results
from deepseek_report.compliance.banners import Banner, Milestone, banners, milestones
from deepseek_report.compliance.evidence import Evidence, counting, evidence_index
from deepseek_report.compliance.framework import (
    FRAMEWORK_FILE,
    Framework,
    FrameworkChoice,
    FrameworkError,
)
from deepseek_report.compliance.statements import HumanInput, Statement, read_human_input
from deepseek_report.compliance.status import Judgement, Status, judge, tally

Floor = Annotated[int, Field(ge=1, le=1_000_000)]
Days = Annotated[int, Field(ge=0, le=36_500)]


@dataclass(frozen=True)
class EvaluateOptions:
    """What decides how strictly evidence is taken, and what people supplied.

    floor : least number of instances that a number must rest on. stale_after_days : age of a
    framework's last check above which it is called stale.
    """

    floor: int = 30
    stale_after_days: int = 180
    human: HumanInput = field(default_factory=HumanInput)


@dataclass(frozen=True)
class FrameworkReport:
    """One framework against this run."""

    framework: Framework
    banners: tuple[Banner, ...]
    judgements: tuple[Judgement, ...]

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
    def filled(self) -> bool:
        return self.statement is not None and self.statement.complete

    @property
    def label(self) -> str:
        """`intended_purpose -> "Intended purpose"`."""
        return self.name.replace("_", " ").capitalize()


@dataclass(frozen=True)
class ComplianceReport:
    """Evidence, frameworks and the form of human statements, for one run.

    stray : keys of statements and exemptions that no chosen framework asks for.
    """

    as_of: date | None
    options: EvaluateOptions
    evidence: Mapping[str, Evidence]
    frameworks: tuple[FrameworkReport, ...]
    form: tuple[OpenField, ...]
    milestones: tuple[Milestone, ...]
    stray: tuple[str, ...] = ()

    @property
    def unused_exemptions(self) -> tuple[str, ...]:
        """Rows whose exemption has no effect, since its reason or name is empty."""
        rows = {one.row.id for report in self.frameworks for one in report.judgements}
        given = self.options.human.not_applicable
        return tuple(row for row, one in given.items() if row in rows and not one.valid)


def evaluate(
    results: Results,
    frameworks: Sequence[FrameworkChoice],
    options: EvaluateOptions,
    as_of: date | None,
) -> ComplianceReport:
    """The evidence index of a run and the status of every row of these frameworks.

    Parameters
    ----------
    results : the run; `provenance` gives `digests`, `manifest` and, where recorded, `subjects`.
    as_of : the date for which the report speaks; None leaves age and application unjudged.

    Raises
    ------
    ConfigError : a framework file is missing or breaks its schema.
    """
    index = evidence_index(results, options.floor)
    reports = tuple(_report(one, index, options, as_of) for one in frameworks)
    form = _form(reports, options.human)
    return ComplianceReport(
        as_of=as_of,
        options=options,
        evidence=index,
        frameworks=reports,
        form=form,
        milestones=milestones(as_of),
        stray=_stray(reports, options.human),
    )


def evaluate_results(results: Results) -> ComplianceReport:
    """Like `evaluate`, with frameworks, options and date taken from the run's resolved config."""
    section: Mapping[str, Any] = (results.config.get("sections") or {}).get("compliance") or {}
    report: Mapping[str, Any] = results.config.get("report") or {}
    as_of = report.get("as_of")
    options = EvaluateOptions(
        floor=section.get("floor", EvaluateOptions.floor),
        stale_after_days=section.get("stale_after_days", EvaluateOptions.stale_after_days),
        human=read_human_input(report),
    )
    day = date.fromisoformat(str(as_of)) if as_of else None
    return evaluate(results, choices(results.config, results.paths), options, day)


def choices(
    config: Mapping[str, Any], paths: Mapping[str, Path] = MappingProxyType({})
) -> tuple[FrameworkChoice, ...]:
    """The frameworks that a resolved config names, in its order.

    paths : {artifact id: folder}; a framework of one's own is read from its copy there alone.
    """
    return tuple(
        FrameworkChoice(
            id=entry["id"],
            file=_own_file(entry, paths),
            reviewed_version=entry.get("reviewed_version") or "",
        )
        for entry in (config.get("frameworks") or {}).values()
    )


def _own_file(entry: Mapping[str, Any], paths: Mapping[str, Path]) -> Path | None:
    """The run's copy of a framework of one's own; what the config names may lie elsewhere."""
    if not entry.get("file"):
        return None
    folder = paths.get(f"frameworks/{entry['id']}")
    if folder is None:
        raise FrameworkError(
            f"framework `{entry['id']}`: the run folder holds no copy of {Path(entry['file']).name}"
            "; run the experiment again"
        )
    return folder / FRAMEWORK_FILE


def _report(
    choice: FrameworkChoice,
    index: Mapping[str, Evidence],
    options: EvaluateOptions,
    as_of: date | None,
) -> FrameworkReport:
    framework = choice.load()
    human = options.human
    judgements = tuple(
        judge(row, counting(index), human.signed, human.not_applicable.get(row.id))
        for row in framework.rows
    )
    warnings = banners(framework, choice, as_of, options.stale_after_days)
    return FrameworkReport(framework, warnings, judgements)


def _form(reports: Sequence[FrameworkReport], human: HumanInput) -> tuple[OpenField, ...]:
    asked: dict[str, dict[str, list[str]]] = {}
    who: dict[str, list[str]] = {}
    deciding: set[str] = set()
    for report in reports:
        for row in (one.row for one in report.judgements if one.status != "not_applicable"):
            deciding.update(row.people)
            for name in row.people + row.helpful_fields:
                asked.setdefault(name, {}).setdefault(report.framework.id, []).append(row.id)
                who.setdefault(name, []).append(row.who)
    fields = [
        OpenField(
            name=name,
            asked_by={key: tuple(rows) for key, rows in by.items()},
            who=tuple(dict.fromkeys(who[name])),
            deciding=name in deciding,
            statement=human.statements.get(name),
        )
        for name, by in asked.items()
    ]
    return tuple(sorted(fields, key=lambda one: (one.filled, not one.deciding, one.name)))


def _stray(reports: Sequence[FrameworkReport], human: HumanInput) -> tuple[str, ...]:
    rows = {one.row.id for report in reports for one in report.judgements}
    rows_ask = {
        name
        for report in reports
        for one in report.judgements
        for name in one.row.people + one.row.helpful_fields
    }
    fields = [f"statements.{name}" for name in human.statements if name not in rows_ask]
    return (*fields, *(f"not_applicable.{row}" for row in human.not_applicable if row not in rows))
