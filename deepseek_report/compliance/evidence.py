"""The evidence index: each kind of evidence, whether this run has it, where, with which hash."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from deepseek_report.artifacts.ids import ArtifactId
from deepseek_report.artifacts.message import Message, Text, message
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.score import Score
from deepseek_report.artifacts.storage.files import load_json, load_table
from deepseek_report.artifacts.storage.plain_files import sha256_file
from deepseek_report.compliance import run_facts
from deepseek_report.compliance.beside_config import beside_config
from deepseek_report.compliance.run_facts import STATES, EvidenceFile, State, examine
from deepseek_report.compliance.sources import (
    Check,
    CodesCheck,
    FieldsCheck,
    Kind,
    Need,
    RowsCheck,
    ScoreCheck,
    SealCheck,
    Sources,
    load_sources,
)
from deepseek_report.findings.explainer_verdicts import CONDEMNED, verdict_of
from deepseek_report.findings.records import attribute_labels

# An item's own checks (rule 4 of `_status_rules.yaml`): why an intact artifact may not count.


@dataclass(frozen=True)
class Subject:
    """What is checked: an artifact of a run, and the floor for n."""

    results: Results
    artifact: str
    floor: int


@dataclass(frozen=True)
class CheckOutcome:
    """Why the item does not count (`problems`), and what a reader should know (`remarks`)."""

    problems: tuple[Message, ...] = ()
    remarks: tuple[Message, ...] = ()


def _fails(problem: str, **about: object) -> CheckOutcome:
    """The outcome of a check that was not passed."""
    return CheckOutcome((message(f"compliance.checks.{problem}", **about),))


def run_checks(need: Need, subject: Subject) -> CheckOutcome:
    """All checks of an item."""
    outcomes = [_run(check, subject) for check in need.checks]
    return CheckOutcome(
        tuple(problem for outcome in outcomes for problem in outcome.problems),
        tuple(remark for outcome in outcomes for remark in outcome.remarks),
    )


def _run(check: Check, subject: Subject) -> CheckOutcome:
    if isinstance(check, ScoreCheck):
        return _check_scores(check, subject)
    if isinstance(check, FieldsCheck):
        return _check_fields(check, subject)
    if isinstance(check, RowsCheck):
        return _check_rows(check, subject)
    if isinstance(check, CodesCheck):
        return _check_codes(check, subject)
    if isinstance(check, SealCheck):
        changed = beside_config().changes(subject.results)
        return _fails("unsealed", why=list(changed)) if changed else CheckOutcome()
    return _check_verdict(subject)


def scores_of(results: Results, artifact: str, metric: str) -> list[Score]:
    """Scores of one metric in one artifact; empty for artifacts that hold no scores."""
    measured = ArtifactId(artifact)
    if measured.kind != "measures":
        return []
    measurement = results.measurement(measured.name, measured.subject)
    return [score for score in measurement.scores if score.metric == metric] if measurement else []


def _check_scores(check: ScoreCheck, subject: Subject) -> CheckOutcome:
    scores = scores_of(subject.results, subject.artifact, check.metric)
    if not scores:
        return _fails("no_score", artifact=subject.artifact, metric=check.metric)
    failed = [failure for score in scores if (failure := _failure(check, score, subject))]
    if not failed:
        return CheckOutcome()
    summary = failed[0]
    if len(scores) > 1:
        counted = {"failed": len(failed), "n": len(scores)}
        summary = message("compliance.checks.several", **counted, first=failed[0])
    if not check.every and len(failed) < len(scores):
        return CheckOutcome(remarks=(summary,))
    return CheckOutcome((summary,))


def _failure(check: ScoreCheck, score: Score, subject: Subject) -> Message | None:
    """Why a score does not pass; None where it does."""
    named = named_score(score, subject.results)
    if check.check == "bound":
        return _out_of_bounds(check, score, named)
    if check.check == "interval":
        lacks = message("compliance.checks.no_interval", score=named)
        return None if score.has_interval else lacks
    if check.check == "p_value":
        lacks = message("compliance.checks.no_test", score=named)
        return None if score.p_value is not None else lacks
    floor = subject.floor if check.least is None else check.least
    too_few = message("compliance.checks.too_few", score=named, n=score.n, floor=floor)
    return None if score.n >= floor else too_few


def _out_of_bounds(check: ScoreCheck, score: Score, named: Message) -> Message | None:
    value = getattr(score, check.end)
    if value is None or math.isnan(value):
        return message(f"compliance.checks.undefined.{check.end}", score=named)
    about = {"score": named, "value": value}
    if check.above is not None and not value > check.above:
        return message(f"compliance.checks.not_above.{check.end}", **about, bound=check.above)
    if check.at_most is not None and abs(value) > check.at_most:
        return message(f"compliance.checks.beyond.{check.end}", **about, bound=check.at_most)
    return None


def named_score(score: Score, results: Results) -> Message:
    """What a score is called: its metric, and in brackets what it is about."""
    return message(
        "compliance.score",
        metric=score.metric,
        explainer=score.explainer,
        attributes=attribute_labels(results, score.attribute) if score.attribute else [],
        levels=score.level.split(" × ") if score.level else [],
        part=score.slice,
    )


def _check_fields(check: FieldsCheck, subject: Subject) -> CheckOutcome:
    data = load_json(subject.results.paths[subject.artifact] / check.file)
    empty = [
        name
        for name in check.fields
        if all(data.get(alternative) in (None, "", [], {}) for alternative in name.split("|"))
    ]
    return _fails("says_nothing", file=check.file, keys=empty) if empty else CheckOutcome()


def _check_rows(check: RowsCheck, subject: Subject) -> CheckOutcome:
    table = load_table(subject.results.paths[subject.artifact] / check.file)
    if absent := sorted(set(check.where) - set(table.columns)):
        return _fails("no_column", file=check.file, keys=absent)
    for column, value in check.where.items():
        table = table[table[column] == value]
    if len(table) >= check.least:
        return CheckOutcome()
    keys = [f"{column}: {value}" for column, value in check.where.items()]
    return _fails("too_few_rows", file=check.file, keys=keys, n=len(table), least=check.least)


def _check_codes(check: CodesCheck, subject: Subject) -> CheckOutcome:
    rows = load_table(subject.results.paths[subject.artifact] / check.file).itertuples()
    stated: dict[tuple[int, str], list[float]] = {}
    left_out: dict[tuple[int, str], list[float]] = {}
    features: set[str] = set()
    for row in rows:
        of_role = {"reason": stated, "protected": left_out}.get(row.role, {})
        of_role.setdefault((row.case, row.explainer), []).append(row.shortfall)
        features |= {row.feature} if row.role == "reason" else set()
    schema = subject.results.schema.features if subject.results.has("data") else ()
    named = sorted(feature.name for feature in schema if feature.sensitive)
    named = [name for name in named if name in features]
    most = max(map(len, stated.values()), default=0)
    # decisions of which, by a method, a protected feature that is not named outweighs one that is
    omitting = {
        case
        for case, name in left_out
        if max(left_out[case, name]) > min(stated.get((case, name), [0.0]))
    }
    judged = stated.keys() | left_out.keys()
    failures = {
        "no_codes": not stated,
        "too_many_codes": most > check.most,
        "favourable_codes": any(min(sizes) <= 0 for sizes in stated.values()),
        "protected_codes": bool(named),
        "omitted_codes": bool(omitting) and check.complete,
    }
    about = {"file": check.file, "n": most, "most": check.most, "features": named}
    about |= {"omitting": len(omitting), "of": len({case for case, _ in judged})}
    about |= {"methods": len({name for _, name in judged})}
    problems = (problem for problem, fails in failures.items() if fails)
    return CheckOutcome(tuple(message(f"compliance.checks.{each}", **about) for each in problems))


def _check_verdict(subject: Subject) -> CheckOutcome:
    judged = ArtifactId(subject.artifact)
    verdict = verdict_of(subject.results, judged.subject or judged.name)
    why = message(
        f"explainer_uses.{verdict.use}",
        faults=list(verdict.faults),
        missing=list(verdict.missing),
        undecided=list(verdict.undecided),
    )
    about = {"explainer": verdict.explainer, "why": why}
    if verdict.use in CONDEMNED | {"no_skill"}:
        return _fails("condemned", **about)
    if verdict.is_trusted or verdict.use == "overall":
        return CheckOutcome()
    return CheckOutcome(remarks=(message("compliance.checks.not_judged", **about),))


@dataclass(frozen=True)
class Item:
    """One artifact as evidence: what was found of it and why it does or does not count."""

    artifact: str
    state: State
    files: tuple[EvidenceFile, ...] = ()
    problems: tuple[Message, ...] = ()
    remarks: tuple[Message, ...] = ()
    scores: tuple[Score, ...] = ()

    @property
    def counts(self) -> bool:
        return self.state == "present"


@dataclass(frozen=True)
class Evidence:
    """One kind of evidence.

    items : the artifacts that were looked at. problems : why it does not count, else empty.
    limits : what it does not cover even so. section : the section of the report that shows it.
    facts : what the run says in this matter. person : the human field whose signed
    statement can stand in for it; empty unless it is absent, as no word mends a failed check.
    """

    kind: str
    state: State
    items: tuple[Item, ...] = ()
    problems: tuple[Message, ...] = ()
    limits: Text = ""
    section: str = ""
    facts: tuple[Message, ...] = ()
    person: str = ""

    @property
    def label(self) -> Message:
        """What it is called."""
        return message(f"evidence_kinds.{_key(self.kind)}.label")

    @property
    def meaning(self) -> Message:
        """What it is, or would be."""
        return message(f"evidence_kinds.{_key(self.kind)}.meaning")

    @property
    def counts(self) -> bool:
        return self.state == "present"

    @property
    def files(self) -> tuple[EvidenceFile, ...]:
        """Files of the items that count, each once."""
        return tuple(
            dict.fromkeys(file for item in self.items if item.counts for file in item.files)
        )

    @property
    def scores(self) -> tuple[Score, ...]:
        return tuple(score for item in self.items if item.counts for score in item.scores)

    @property
    def remarks(self) -> tuple[Message, ...]:
        return tuple(dict.fromkeys(text for item in self.items for text in item.remarks))


def evidence_index(
    results: Results, floor: int, sources: Sources | None = None
) -> dict[str, Evidence]:
    """{evidence kind: what this run has of it}, in the order of the map.

    floor : least number of instances that a number must rest on.
    sources : the map from artifacts to kinds; the shipped one by default.
    """
    sources = sources or load_sources()
    index = _Index(results, floor)
    return {name: index.evidence(name, kind) for name, kind in sources.kinds.items()}


@dataclass(frozen=True)
class _Index:
    results: Results
    floor: int

    def evidence(self, name: str, kind: Kind) -> Evidence:
        state, items, problems = self.look(name, kind)
        facts = (run_facts.fact(self.results, key) for key in kind.facts)
        return Evidence(
            kind=name,
            state=state,
            items=items,
            problems=() if state == "present" else problems,
            limits=message(f"evidence_kinds.{_key(name)}.limits") if kind.limits else "",
            section=kind.section,
            facts=tuple(filter(None, facts)) if state == "present" else (),
            person=kind.person if state == "absent" else "",
        )

    def look(self, name: str, kind: Kind) -> tuple[State, tuple[Item, ...], tuple[Message, ...]]:
        if kind.absent:
            return "absent", (), (message(f"evidence_kinds.{_key(name)}.absent"),)
        required = [
            self.item(artifact, kind) for need in kind.all for artifact in self.expand(need)
        ]
        if kind.files:
            required.insert(0, self.record(kind))
        choice = [self.item(artifact, kind) for need in kind.any for artifact in self.expand(need)]
        states: list[State] = [item.state for item in required]
        if kind.any:
            states.append(min((item.state for item in choice), key=STATES.index, default="absent"))
        items = (*required, *choice)
        problems = [problem for item in items for problem in item.problems]
        if kind.any and not choice:
            artifacts = [need.artifact for need in kind.any]
            problems.append(message("compliance.integrity.none_of", artifacts=artifacts))
        return max(states, key=STATES.index), items, tuple(dict.fromkeys(problems))

    def record(self, kind: Kind) -> Item:
        """Evidence that is a record of the run and not an artifact."""
        name, results = kind.files[0], self.results
        if empty := [key for key in kind.record if not run_facts.has(results, key)]:
            return Item(name, "absent", problems=run_facts.why_empty(results, empty))
        folder = results.folder
        lost = [f for f in kind.files if folder is None or not (folder / f).is_file()]
        if lost and not kind.after:
            absent = message("compliance.integrity.not_in_folder", files=lost)
            return Item(name, "absent", problems=(absent,))
        files = tuple(
            EvidenceFile(file, sha256_file(folder / file) if kind.sealed and folder else "")
            for file in kind.files
        )
        lacking = [key for key in kind.also if not run_facts.has(results, key)]
        return Item(name, "present", files, remarks=run_facts.why_empty(results, lacking))

    def expand(self, need: Need) -> list[Need]:
        if not need.is_pattern:
            return [need]
        stem = need.artifact.removesuffix("/*")
        names = [name for name in self.results.names(stem) if name not in need.but_not]
        return [Need(f"{stem}/{name}", need.files, need.checks, need.scores) for name in names]

    def item(self, need: Need, kind: Kind) -> Item:
        examined = examine(self.results, need.artifact, need.files, kind.subject)
        if examined.state != "present":
            return Item(need.artifact, examined.state, examined.files, examined.problems)
        outcome = run_checks(need, Subject(self.results, need.artifact, self.floor))
        return Item(
            artifact=need.artifact,
            state="failed" if outcome.problems else "present",
            files=examined.files,
            problems=outcome.problems,
            remarks=outcome.remarks,
            scores=tuple(
                score
                for name in need.scores
                for score in scores_of(self.results, need.artifact, name)
            ),
        )


def _key(kind: str) -> str:
    """A kind of evidence as one part of a key of the catalogs."""
    return kind.replace(".", "_")


def counting(index: Mapping[str, Evidence]) -> frozenset[str]:
    """Kinds that count."""
    return frozenset(kind for kind, evidence in index.items() if evidence.counts)
