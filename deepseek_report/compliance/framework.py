"""Regulatory frameworks as data: which requirement asks for which evidence, in which version."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cache
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

from deepseek_report.artifacts.ids import ArtifactId
from deepseek_report.artifacts.protocols.sections import Fit, FrameworkPart
from deepseek_report.artifacts.storage.bounded_yaml import YamlTooLarge, check_bounds, read_text
from deepseek_report.artifacts.storage.files import validator_of
from deepseek_report.artifacts.storage.local_paths import PLAIN_NAME, shipped, unfit_name
from deepseek_report.artifacts.storage.plain_files import ListedPath, sha256_file
from deepseek_report.compliance.applicability import (
    DataDeclarations,
    Scope,
    fit,
    place_codes,
    read_scope,
)
from deepseek_report.errors import ConfigError
from deepseek_report.wording.compiled_texts import Compiled, compiled_texts
from deepseek_report.wording.words import Wording

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator

Ceiling = Literal["met", "partly", "human_input"]
HUMAN = "human_input."
#: Texts at the head of a framework, beside its notes, dates, sources and rows.
HEAD_TEXTS = ("name", "short_name", "jurisdiction", "legal_force", "text_version", "disclaimer")
#: The name of a run's copy of a framework of one's own.
FRAMEWORK_FILE = "framework.yaml"
_SCHEMA = "_schema.yaml"


class FrameworkError(ConfigError, ValueError):
    """A choice of a framework cannot be used; a ValueError too, so that pydantic collects it."""


def frameworks_folder() -> Path:
    """The folder of the shipped framework files, in a checkout and in an installed copy."""
    return shipped("templates") / "frameworks"


def framework_ids() -> list[str]:
    """Ids of the shipped frameworks, sorted."""
    return sorted(
        path.stem for path in frameworks_folder().glob("*.yaml") if not path.name.startswith("_")
    )


@dataclass(frozen=True)
class FrameworkChoice(FrameworkPart):
    """A regulatory framework whose requirements are set against the evidence of this run.

    id : name of a shipped file. file : a framework file of one's own, used instead of it.
    reviewed_version : the `text_version` that a person has reviewed for this use; where the file
        carries another one, the report says so. Empty: nobody has said which version was reviewed.
    """

    id: str
    file: Path | None = None
    reviewed_version: str = ""

    def __post_init__(self) -> None:
        if reason := unfit_name(self.id):
            raise FrameworkError(f"the id {self.id!r} {reason}; allowed is {PLAIN_NAME}")
        if self.file is not None:
            try:
                self.load()
            except ConfigError as error:
                raise FrameworkError(str(error)) from None
        elif self.id not in framework_ids():
            raise FrameworkError(
                f"framework `{self.id}` is not shipped; allowed: {', '.join(framework_ids())}, "
                "or name a file of your own in `file`"
            )

    def load(self) -> Framework:
        """Read and check the file.

        Raises ConfigError : the file is missing, is not YAML, breaks the schema, or holds another
        id.
        """
        path = Path(self.file) if self.file else frameworks_folder() / f"{self.id}.yaml"
        framework = load_framework(path)
        if framework.id != self.id:
            raise ConfigError(
                f"{path.name}: holds framework `{framework.id}`, not `{self.id}`; write "
                f"`id: {framework.id}`"
            )
        return framework

    @property
    def least_share(self) -> float:
        """The share of all people below which it lets a group be left out of ratios."""
        return self.load().least_share

    def fit(self, sector: str, places: Sequence[str]) -> Fit:
        """How the framework stands to what decisions are about, and to where they are made."""
        return self.load().fit(DataDeclarations(sector, places=tuple(places)))

    def shown_in(self, words: Wording) -> Framework:
        """The framework in a language; what has no texts in it, and a file of one's own, as it is.

        The texts stand under `frameworks.<id>` of the language's catalog, in the shape that
        `Framework.with_texts` takes.
        """
        return self.load() if self.file else self.load().with_texts(words.framework(self.id))


def choices(
    config: Mapping[str, Any], paths: Mapping[str, Path] = MappingProxyType({})
) -> tuple[FrameworkChoice, ...]:
    """The frameworks that a resolved config names, in its order.

    paths : {artifact id: folder}; a framework of one's own is read from its copy there alone, as
    what the config names may lie elsewhere.
    """
    chosen = []
    for entry in (config.get("frameworks") or {}).values():
        name, own, file = entry["id"], entry.get("file"), None
        if own:
            folder = paths.get(ArtifactId.of("frameworks", name))
            if folder is None:
                raise FrameworkError(
                    f"framework `{name}`: the run folder holds no copy of {Path(own).name}; run "
                    "the experiment again"
                )
            file = folder / FRAMEWORK_FILE
        chosen.append(FrameworkChoice(name, file, entry.get("reviewed_version") or ""))
    return tuple(chosen)


@dataclass(frozen=True)
class Row:
    """One requirement.

    asks : paraphrase in one sentence. evidence : kinds that could serve; need : those without which
    the ceiling is not reached. ceiling : best status that a run may give by itself. verified :
    whether the text, or a faithful quotation, was read. applies : to which data it speaks.
    concerns : kinds that could not serve as evidence, and whose findings bear on it all the same.
    """

    id: str
    title: str
    cite: str
    asks: str
    evidence: tuple[str, ...]
    need: tuple[str, ...]
    kind: Literal["measured", "documented", "human"]
    who: str
    ceiling: Ceiling
    verified: bool
    verify_note: str = ""
    source: str = ""
    applies: Scope = field(default_factory=Scope)
    concerns: tuple[str, ...] = ()

    @property
    def machine(self) -> tuple[str, ...]:
        """Needed kinds that a run can produce."""
        return tuple(kind for kind in self.need if not kind.startswith(HUMAN))

    @property
    def people(self) -> tuple[str, ...]:
        """Needed fields that only a person can fill, without their prefix."""
        return fields_of(self.need)

    @property
    def helpful_fields(self) -> tuple[str, ...]:
        """Fields that a person may fill and that do not change the status."""
        return tuple(name for name in fields_of(self.evidence) if name not in self.people)


def fields_of(kinds: tuple[str, ...]) -> tuple[str, ...]:
    """Names of the human fields among evidence kinds."""
    return tuple(kind.removeprefix(HUMAN) for kind in kinds if kind.startswith(HUMAN))


@dataclass(frozen=True)
class MappingSource:
    """Where the mapping was read."""

    id: str
    ref: str
    kind: str
    url: str


@dataclass(frozen=True)
class Framework:
    """One framework file.

    sha256 : of the file. checked : the day its sources were read. superseded : whether a text that
    it cites is no longer in force. voluntary : nobody is bound by it; a house takes it up by
    itself. least_share : of all people, below which it lets a group be left out of ratios.
    """

    id: str
    name: str
    short_name: str
    jurisdiction: str
    legal_force: str
    text_version: str
    checked: date
    applies_from: Mapping[str, str]
    notes: tuple[str, ...]
    sources: tuple[MappingSource, ...]
    disclaimer: str
    rows: tuple[Row, ...]
    sha256: str
    superseded: bool = False
    voluntary: bool = False
    least_share: float = 0.0
    applies: Scope = field(default_factory=Scope)

    @property
    def unverified(self) -> tuple[Row, ...]:
        return tuple(row for row in self.rows if not row.verified)

    def fit(self, declared: DataDeclarations) -> Fit:
        """How it stands to what a run declares, which names places."""
        return fit(self.applies, declared, voluntary=self.voluntary)

    def row(self, name: str) -> Row:
        """The row of this id."""
        return next(row for row in self.rows if row.id == name)

    def with_texts(self, texts: Mapping[str, Any]) -> Framework:
        """The framework with these texts in the place of its own.

        texts : those of `HEAD_TEXTS`; `notes`, all of them; `applies_from` {key: text}; `sources`
        {id: kind}; `rows` {id: {title, asks, verify_note}}. Each may be left out.
        """
        heads = {name: texts[name] for name in HEAD_TEXTS if name in texts}
        heads.setdefault("short_name", texts.get("name", self.short_name))
        kinds, rows = texts.get("sources", {}), texts.get("rows", {})
        return replace(
            self,
            **heads,
            notes=tuple(texts.get("notes", self.notes)),
            applies_from={**self.applies_from, **texts.get("applies_from", {})},
            sources=tuple(
                replace(source, kind=kinds.get(source.id, source.kind)) for source in self.sources
            ),
            rows=tuple(replace(row, **rows.get(row.id, {})) for row in self.rows),
        )


def read_yaml(path: Path) -> Any:
    """A YAML file, by the C parser where there is one; its content is not to be changed.

    Raises ConfigError : the file is missing or is not YAML.
    """
    import yaml

    def parse() -> Any:
        check_bounds(text)
        return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506

    try:
        text = read_text(path)
        return _once(path, sha256(text.encode()).digest(), parse)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: is not written in UTF-8; save it as UTF-8") from None
    except YamlTooLarge as error:
        raise ConfigError(f"{path}: is not read: {error.problem}; write less") from None
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}: is not valid YAML ({error})") from None


def _once(path: Path, key: Hashable, work: Callable[[], Any]) -> Any:
    """What is made of a file; of a shipped one it is made once for an installation."""
    if path.parent != frameworks_folder():
        return work()
    if key not in (known := _of_shipped()):
        known[key] = work()
    return known[key]


@cache
def _of_shipped() -> Compiled:
    return compiled_texts("frameworks", Path(__file__))


@cache
def load_framework(path: Path) -> Framework:
    """Read a framework file and check it against `_schema.yaml` and the kinds of evidence.

    Raises ConfigError : all problems of the file, each with its place.
    """
    listed = ListedPath.hashed(path)
    data, digest = read_yaml(listed), "".join(listed.hashes.values())
    checked = sha256_file(frameworks_folder() / _SCHEMA, links=True), digest
    if problems := _once(path, checked, lambda: _schema_problems(data)):
        raise ConfigError(f"{path.name}: {'; '.join(problems)}")
    framework = _build(data, digest)
    if problems := _meaning_problems(framework):
        raise ConfigError(f"{path.name}: {'; '.join(problems)}")
    return framework


@cache
def evidence_kinds() -> frozenset[str]:
    """The kinds of evidence that rows may ask for, as `_sources.yaml` says how each is made."""
    return frozenset(read_yaml(frameworks_folder() / "_sources.yaml")["kinds"])


@cache
def _validator() -> Draft202012Validator:
    return validator_of(read_yaml(frameworks_folder() / _SCHEMA))


def _schema_problems(data: object) -> list[str]:
    return [
        f"{'.'.join(map(str, error.absolute_path)) or 'file'}: {error.message}"
        for error in sorted(_validator().iter_errors(data), key=lambda e: list(map(str, e.path)))
    ]


def _build(data: Mapping[str, Any], sha256: str) -> Framework:
    head = data["framework"]
    checked, applies = str(head["checked"]), head.get("applies") or {}
    sources = {
        key: {name: source.get(name) or "" for name in ("ref", "kind", "url")}
        for key, source in head["sources"].items()
    }
    try:
        day = date.fromisoformat(checked)
    except ValueError:
        raise ConfigError(f"framework.checked: `{checked}` is no date; write YYYY-MM-DD") from None
    plain = ("id", "name", "jurisdiction", "legal_force", "superseded", "voluntary", "least_share")
    read = {
        **{name: head[name] for name in plain if name in head},
        "short_name": head.get("short_name") or head["name"],
        "text_version": str(head["text_version"]),
        "checked": day,
        "applies_from": {k: str(v) for k, v in (head.get("applies_from") or {}).items()},
        "notes": tuple(head.get("notes") or ()),
        "sources": tuple(MappingSource(key, **source) for key, source in sources.items()),
        "applies": read_scope(applies),
    }
    rows = tuple(_row(row, applies) for row in data["rows"])
    return Framework(**read, disclaimer=data["disclaimer"], rows=rows, sha256=sha256)


def _row(data: Mapping[str, Any], applies: Mapping[str, Any]) -> Row:
    lists = {name: tuple(data[name]) for name in ("evidence", "need")}
    scope = {**applies, **(data.get("applies") or {})}
    return Row(**{**data, **lists, "applies": read_scope(scope)})


def _meaning_problems(framework: Framework) -> list[str]:
    ids = [row.id for row in framework.rows]
    problems = [
        f"row id {name} is there twice" for name in sorted({i for i in ids if ids.count(i) > 1})
    ]
    scopes = {"framework": framework.applies, **{row.id: row.applies for row in framework.rows}}
    for name, scope in scopes.items():
        problems += [
            f"{name}: applies.places names `{place}`, which is no place of _places.yaml"
            for place in scope.places
            if place not in place_codes()
        ]
    for row in framework.rows:
        problems += _row_problems(row)
    return problems


def _row_problems(row: Row) -> list[str]:
    known = evidence_kinds()
    named = dict.fromkeys(row.evidence + row.need)
    problems = [
        f"{row.id}: evidence `{kind}` is no kind of _sources.yaml"
        for kind in named
        if kind not in known and not kind.startswith(HUMAN)
    ]
    if not row.need:
        problems.append(f"{row.id}: `need` is empty, so nothing could be judged")
    if row.ceiling == "human_input" and not row.people:
        problems.append(f"{row.id}: ceiling human_input needs a `{HUMAN}<field>` in `need`")
    return problems
