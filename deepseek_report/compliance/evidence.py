"""The evidence index: each kind of evidence, whether this run has it, where, with which hash."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from deepseek_report.artifacts.files import sha256_file
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.score import Score
from deepseek_report.compliance.checks import Subject, run_checks, scores_of
from deepseek_report.compliance.framework import evidence_vocabulary
from deepseek_report.compliance.integrity import (
    STATES,
    EvidenceFile,
    State,
    dig,
    examine,
    run_folder,
)
from deepseek_report.compliance.sources import Kind, Need, SanityTest, Sources, load_sources


@dataclass(frozen=True)
class Item:
    """One artifact as evidence: what was found of it and why it does or does not count."""

    artifact: str
    state: State
    files: tuple[EvidenceFile, ...] = ()
    problems: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    scores: tuple[Score, ...] = ()

    @property
    def counts(self) -> bool:
        return self.state == "present"


@dataclass(frozen=True)
class Evidence:
    """One kind of evidence.

    label, meaning : in a few words, and as the vocabulary defines it.
    items : the artifacts that were looked at. problems : why it does not count, else empty.
    limits : what it does not cover even so. section : the section of the report that shows it.
    """

    kind: str
    label: str
    meaning: str
    state: State
    items: tuple[Item, ...] = ()
    problems: tuple[str, ...] = ()
    limits: str = ""
    section: str = ""

    @property
    def counts(self) -> bool:
        return self.state == "present"

    @property
    def files(self) -> tuple[EvidenceFile, ...]:
        """Files of the items that count, each once."""
        return tuple(dict.fromkeys(one for item in self.items if item.counts for one in item.files))

    @property
    def scores(self) -> tuple[Score, ...]:
        return tuple(score for item in self.items if item.counts for score in item.scores)

    @property
    def remarks(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(text for item in self.items for text in item.remarks))


def evidence_index(
    results: Results, floor: int, sources: Sources | None = None
) -> dict[str, Evidence]:
    """{evidence kind: what this run has of it}, in the order of the vocabulary.

    Parameters
    ----------
    floor : least number of instances that a number must rest on.
    sources : the map from artifacts to kinds; the shipped one by default.
    """
    sources = sources or load_sources()
    index = _Index(results, floor, sources.sanity)
    return {
        kind: index.evidence(kind, sources.kinds[kind])
        for kind in evidence_vocabulary()
        if kind in sources.kinds
    }


@dataclass(frozen=True)
class _Index:
    results: Results
    floor: int
    sanity: tuple[SanityTest, ...]

    def evidence(self, name: str, kind: Kind) -> Evidence:
        state, items, problems = self.look(kind)
        return Evidence(
            kind=name,
            label=kind.label,
            meaning=evidence_vocabulary()[name],
            state=state,
            items=items,
            problems=() if state == "present" else problems,
            limits=kind.limits,
            section=kind.section,
        )

    def look(self, kind: Kind) -> tuple[State, tuple[Item, ...], tuple[str, ...]]:
        if kind.absent:
            return "absent", (), (kind.absent,)
        if kind.file:
            item = self.record(kind)
            return item.state, (item,), item.problems
        required = [self.item(one, kind) for need in kind.all for one in self.expand(need)]
        choice = [self.item(one, kind) for need in kind.any for one in self.expand(need)]
        states: list[State] = [one.state for one in required]
        if kind.any:
            states.append(min((one.state for one in choice), key=STATES.index, default="absent"))
        items = (*required, *choice)
        problems = [text for one in items for text in one.problems]
        if kind.any and not choice:
            problems.append(_no_choice(kind))
        return max(states, key=STATES.index), items, tuple(dict.fromkeys(problems))

    def record(self, kind: Kind) -> Item:
        """Evidence that is a record of the run and not an artifact."""
        empty = [key for key in kind.provenance if not dig(self.results.provenance, key)]
        if empty:
            named = ", ".join(_readable(key) for key in empty)
            return Item(kind.file, "absent", problems=(f"the run records no {named}",))
        if not kind.sealed:
            return Item(kind.file, "present", (EvidenceFile(kind.file, ""),))
        folder = run_folder(self.results)
        if folder is None or not (folder / kind.file).is_file():
            return Item(kind.file, "absent", problems=(f"the run folder has no {kind.file}",))
        sealed = EvidenceFile(kind.file, sha256_file(folder / kind.file))
        return Item(kind.file, "present", (sealed,))

    def expand(self, need: Need) -> list[Need]:
        if not need.is_pattern:
            return [need]
        stem = need.artifact.removesuffix("/*")
        names = [name for name in self.results.names(stem) if name not in need.but_not]
        return [Need(f"{stem}/{name}", need.files, need.checks, need.scores) for name in names]

    def item(self, need: Need, kind: Kind) -> Item:
        found = examine(self.results, need.artifact, need.files, kind.subject)
        if found.state != "present":
            return Item(need.artifact, found.state, found.files, found.problems)
        outcome = run_checks(need, Subject(self.results, need.artifact, self.floor, self.sanity))
        return Item(
            artifact=need.artifact,
            state="failed" if outcome.problems else "present",
            files=found.files,
            problems=outcome.problems,
            remarks=outcome.remarks,
            scores=tuple(self.scores(need)),
        )

    def scores(self, need: Need) -> Iterable[Score]:
        return (
            score for name in need.scores for score in scores_of(self.results, need.artifact, name)
        )


def _readable(key: str) -> str:
    """A dotted key of the provenance in words: `lineage.base_model -> "base model"`."""
    if key == "git":
        return "git revision"
    group, _, name = key.rpartition(".")
    return f"digest of the {name}" if group == "digests" else name.replace("_", " ")


def _no_choice(kind: Kind) -> str:
    asked = ", ".join(need.artifact for need in kind.any)
    return f"the run has none of {asked}"


def counting(index: Mapping[str, Evidence]) -> frozenset[str]:
    """Kinds that count."""
    return frozenset(kind for kind, one in index.items() if one.counts)
