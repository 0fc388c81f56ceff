"""The evidence index: each kind of evidence, whether this run has it, where, with which hash."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from deepseek_report.artifacts.message import Message, Text, message
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.score import Score
from deepseek_report.artifacts.storage.plain_files import sha256_file
from deepseek_report.compliance import run_facts
from deepseek_report.compliance.integrity import (
    STATES,
    EvidenceFile,
    State,
    examine,
)
from deepseek_report.compliance.item_checks import Subject, run_checks, scores_of
from deepseek_report.compliance.sources import Kind, Need, Sources, load_sources


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

    Parameters
    ----------
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
        return Evidence(
            kind=name,
            state=state,
            items=items,
            problems=() if state == "present" else problems,
            limits=message(f"evidence_kinds.{_key(name)}.limits") if kind.limits else "",
            section=kind.section,
            facts=self.facts(kind) if state == "present" else (),
            person=kind.person if state == "absent" else "",
        )

    def facts(self, kind: Kind) -> tuple[Message, ...]:
        known = (run_facts.fact(self.results, key) for key in kind.facts)
        return tuple(fact for fact in known if fact)

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
        lost = [file for file in kind.files if not kind.after and not self.in_folder(file)]
        if lost:
            absent = message("compliance.integrity.not_in_folder", files=lost)
            return Item(name, "absent", problems=(absent,))
        files = tuple(
            EvidenceFile(file, self.sealed(file) if kind.sealed else "") for file in kind.files
        )
        lacking = [key for key in kind.also if not run_facts.has(results, key)]
        return Item(name, "present", files, remarks=run_facts.why_empty(results, lacking))

    def in_folder(self, name: str) -> bool:
        return self.results.folder is not None and (self.results.folder / name).is_file()

    def sealed(self, name: str) -> str:
        return sha256_file(self.results.folder / name) if self.results.folder else ""

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
            scores=tuple(self.scores(need)),
        )

    def scores(self, need: Need) -> Iterable[Score]:
        return (
            score for name in need.scores for score in scores_of(self.results, need.artifact, name)
        )


def _key(kind: str) -> str:
    """A kind of evidence as one part of a key of the catalogs."""
    return kind.replace(".", "_")


def counting(index: Mapping[str, Evidence]) -> frozenset[str]:
    """Kinds that count."""
    return frozenset(kind for kind, evidence in index.items() if evidence.counts)
