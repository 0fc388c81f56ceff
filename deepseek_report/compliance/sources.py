"""Which artifacts of a run are evidence of which kind: the typed form of `_sources.yaml`."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from deepseek_report.artifacts.finding import Finding
from deepseek_report.compliance.framework import frameworks_folder, read_yaml
from deepseek_report.compliance.run_facts import FACTS
from deepseek_report.errors import ConfigError

DigestName = Literal["data", "weights", "config", "code"]


class StrictPart:
    """A part of the map in which pydantic refuses unknown keys."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")


@dataclass(frozen=True)
class ScoreCheck(StrictPart):
    """A demand on the scores of an artifact.

    interval : each has both ends; floor : each rests on at least the floor of instances;
    p_value : each has one; bound : `end` lies above `above`, or its size is at most `at_most`.
    every : whether all scores must pass, or one is enough (cells of a table by group).
    least : a floor of this number's own, instead of the general one; `because` says why.
    """

    check: Literal["interval", "floor", "p_value", "bound"]
    metric: str
    every: bool = True
    end: Literal["value", "low", "high"] = "value"
    above: float | None = None
    at_most: float | None = None
    least: Annotated[int, Field(ge=1)] | None = None
    because: str = ""


@dataclass(frozen=True)
class FieldsCheck(StrictPart):
    """These fields of a JSON file hold something; of `a|b` one is enough."""

    check: Literal["fields"]
    file: str
    fields: tuple[str, ...]


@dataclass(frozen=True)
class RowsCheck(StrictPart):
    """A Parquet file has at least `least` rows where `where` holds."""

    check: Literal["rows"]
    file: str
    least: int = 1
    where: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class CodesCheck(StrictPart):
    """A table of reason codes has some, each against the person and none about a protected feature.

    most : the greatest number of codes of one decision by one method. complete : whether no
        protected feature that codes leave out may weigh more than one that they name.
    """

    check: Literal["codes"]
    file: str
    most: Annotated[int, Field(ge=1)]
    complete: bool = False


@dataclass(frozen=True)
class VerdictCheck(StrictPart):
    """The verdict on the explainer of this artifact lets its explanations be of use."""

    check: Literal["verdict"]


@dataclass(frozen=True)
class SealCheck(StrictPart):
    """Nothing that was sealed before the results existed was changed afterwards."""

    check: Literal["sealed"]


Check = Annotated[
    ScoreCheck | FieldsCheck | RowsCheck | CodesCheck | VerdictCheck | SealCheck,
    Field(discriminator="check"),
]


@dataclass(frozen=True)
class Need(StrictPart):
    """An artifact that serves as evidence.

    artifact : its id; a last part `*` stands for each explainer but those in `but_not`.
    files : which of its files are the evidence, all of which must be there.
    scores : metrics whose numbers are printed beside it.
    """

    artifact: str
    files: tuple[str, ...]
    checks: tuple[Check, ...] = ()
    scores: tuple[str, ...] = ()
    but_not: tuple[str, ...] = ()

    @property
    def is_pattern(self) -> bool:
        return self.artifact.endswith("/*")


@dataclass(frozen=True)
class Kind(StrictPart):
    """How one kind of evidence is made.

    all : artifacts that must all count; any : one of these must.
    record : dotted keys of what the run records of itself (`run_facts`) that must hold something;
    also : keys whose absence is remarked. facts : keys whose sentence is printed beside it.
    files : where in the run folder it is, for evidence that is no artifact. sealed : whether these
    files are whole when the index is made, and so have their hash in it; the hash of what changes
    later, or holds times of day, stands in the manifests alone. after : True for what is written
    after the index, as the report.
    subject : digests that the artifact must share with this run.
    section : section of the report that shows it. limits : whether there is something that it does
    not cover. absent : whether no run produces it. person : the human field whose signed statement
    can stand in for what the run does not give. What is said of all this stands in the catalogs,
    under `evidence_kinds`.
    """

    subject: tuple[DigestName, ...] = ()
    all: tuple[Need, ...] = ()
    any: tuple[Need, ...] = ()
    record: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    facts: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    sealed: bool = False
    after: bool = False
    section: str = ""
    limits: bool = False
    absent: bool = False
    person: str = ""


@dataclass(frozen=True)
class Sources(StrictPart):
    """The whole map: {evidence kind: how it is made}, {message of a finding: kinds it bears on}."""

    kinds: dict[str, Kind]
    findings: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def kinds_of(self, finding: Finding) -> frozenset[str]:
        """The kinds of evidence that a finding bears on."""
        return frozenset(finding.bears_on or self.findings.get(finding.message, ()))


@cache
def load_sources(path: Path | None = None) -> Sources:
    """Read the map and check it.

    Raises ConfigError : unknown keys, wrong types, kinds that nothing and nobody gives.
    """
    path = path or frameworks_folder() / "_sources.yaml"
    try:
        sources = TypeAdapter(Sources).validate_python(read_yaml(path))
    except ValidationError as error:
        raise ConfigError(f"{path.name}: {faults(error)}") from None
    problems = [f"{name}: {text}" for name, kind in sources.kinds.items() for text in _gaps(kind)]
    problems += [
        f"findings, {name}: no such kind: {kind}"
        for name, kinds in sources.findings.items()
        for kind in sorted({*kinds} - {*sources.kinds})
    ]
    if problems:
        raise ConfigError(f"{path.name}: {'; '.join(problems)}")
    return sources


def _gaps(kind: Kind) -> list[str]:
    made = bool(kind.all or kind.any or kind.record or kind.after)
    if unknown := sorted({*kind.facts} - FACTS):
        return [f"no such fact: {', '.join(unknown)}"]
    if made == bool(kind.absent):
        return ["name artifacts or records, or say `absent: true`, not both"]
    if (kind.record or kind.after) and not kind.files:
        return ["say in `files` where it is kept"]
    if kind.absent and not kind.person:
        return ["no run makes it: name in `person` the field in which somebody can state it"]
    return []


def faults(error: ValidationError) -> str:
    """What is wrong in a file, each with its place."""
    details = ((detail["loc"], detail["msg"]) for detail in error.errors())
    return "; ".join(f"{'.'.join(map(str, place)) or 'file'}: {text}" for place, text in details)


def stand_ins() -> dict[str, str]:
    """{evidence kind: human field whose signed statement can stand in for it}."""
    return {name: kind.person for name, kind in load_sources().kinds.items() if kind.person}
