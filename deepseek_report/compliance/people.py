"""The files of people in a run folder: `people/*.yaml`, read, checked and attributed.

They lie beside the results, so that signing changes neither the run id nor the run digest. What is
wrong in them is not used and is named, by file and line; what is right in them still counts.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar

import yaml

from deepseek_report.artifacts.ids import ArtifactId
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.storage.plain_files import entries, open_file, write_bytes
from deepseek_report.compliance.framework import (
    FRAMEWORK_FILE,
    HUMAN,
    Framework,
    FrameworkChoice,
    FrameworkError,
    framework_ids,
)
from deepseek_report.compliance.run_facts import measures_time, record_of
from deepseek_report.compliance.sources import stand_ins
from deepseek_report.compliance.statements import (
    Exemption,
    HumanInput,
    Opinion,
    PeopleProblem,
    Statement,
    StatementSource,
    is_placeholder,
    parse_date,
    wrong,
)
from deepseek_report.config.problems import ConfigProblems, nearest_name
from deepseek_report.errors import ConfigError

# `tables/statements.yaml`: a form of every open statement, to be filled and put into `people/`.


# --- Reads a YAML file that a person wrote, bounded, as texts with their lines --------------------

#: Most bytes, and most nested levels, of a file.
MOST_BYTES = 262_144
_MOST_DEPTH = 8
_GROUPS = ["statements", "judgements", "not_applicable"]


@dataclass(frozen=True)
class Entry:
    """A value of a file: a text, or the entries below it. line : where its key stands."""

    line: int
    text: str = ""
    below: dict[str, Entry] = field(default_factory=dict)
    is_mapping: bool = False


def parse(shown: str, content: bytes) -> tuple[Entry, list[PeopleProblem]]:
    """The content of a file and what is wrong with its form.

    Aliases and anchors are refused, so that a small file cannot stand for a large one; every scalar
    is taken as the text that is written, so that `no` is a word and a date is a date.
    """
    nothing = Entry(1, is_mapping=True)
    if len(content) > MOST_BYTES:
        return nothing, [wrong(shown, "bytes", n=len(content), most=MOST_BYTES)]
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        return nothing, [wrong(f"{shown}:{line}", "not_utf8")]
    try:
        if problem := _refused(shown, text):
            return nothing, [problem]
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        return nothing, [_no_yaml(shown, error)]
    if not isinstance(node, yaml.MappingNode):
        return nothing, [wrong(shown, "empty" if node is None else "no_keys", keys=_GROUPS)]
    problems: list[PeopleProblem] = []
    return _entry(node, 1, shown, problems), problems


def _refused(shown: str, text: str) -> PeopleProblem | None:
    depth = documents = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        where = f"{shown}:{event.start_mark.line + 1}" if event.start_mark else shown
        documents += isinstance(event, yaml.DocumentStartEvent)
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            return wrong(where, "alias")
        if depth > _MOST_DEPTH:
            return wrong(where, "depth", most=_MOST_DEPTH, file="docs/statements.md")
        if documents > 1:
            return wrong(where, "document")
    return None


def _no_yaml(shown: str, error: yaml.YAMLError) -> PeopleProblem:
    mark = getattr(error, "problem_mark", None)
    reason = getattr(error, "problem", None) or getattr(error, "reason", None) or ""
    where = f"{shown}:{mark.line + 1}:{mark.column + 1}" if mark else shown
    return wrong(where, "not_yaml", reason=reason)


def _entry(node: yaml.Node, line: int, shown: str, problems: list[PeopleProblem]) -> Entry:
    if isinstance(node, yaml.ScalarNode):
        return Entry(line, "" if node.tag.endswith(":null") else node.value.strip())
    if isinstance(node, yaml.MappingNode):
        return Entry(line, below=dict(_pairs(node, shown, problems)), is_mapping=True)
    problems.append(wrong(f"{shown}:{line}", "list"))
    return Entry(line)


def _pairs(
    node: yaml.MappingNode, shown: str, problems: list[PeopleProblem]
) -> Iterator[tuple[str, Entry]]:
    seen: set[str] = set()
    for key, value in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            problems.append(wrong(f"{shown}:{line}", "odd_key"))
            continue
        if key.value in seen:
            problems.append(wrong(f"{shown}:{line}", "twice", key=key.value))
            continue
        seen.add(key.value)
        yield key.value, _entry(value, line, shown, problems)


# --- The frameworks that a resolved config names --------------------------------------------------


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
    folder = paths.get(ArtifactId.of("frameworks", entry["id"]))
    if folder is None:
        raise FrameworkError(
            f"framework `{entry['id']}`: the run folder holds no copy of {Path(entry['file']).name}"
            "; run the experiment again"
        )
    return folder / FRAMEWORK_FILE


# --- The files of people in a run folder: `people/*.yaml`, read, checked and attributed -----------

_MOST_LETTERS = {"text": 20_000, "reason": 20_000}
_MOST_NAME = 200
_EARLIEST = dt.date(2000, 1, 1)
_ONE_DAY = dt.timedelta(days=1)


@dataclass(frozen=True)
class KnownNames:
    """Names that a file may use: fields of statements, and ids of rows."""

    fields: frozenset[str]
    rows: frozenset[str]

    def of(self, noun: str) -> frozenset[str]:
        """Those of one kind; noun : `field` or `row`."""
        return self.rows if noun == "row" else self.fields


@dataclass(frozen=True)
class Context:
    """What the entries are checked against.

    shown : what the frameworks of this report ask for. run_day : the day of the run, before which
    nobody can have judged it; None where not recorded.
    """

    shown: KnownNames
    run_id: str = ""
    today: dt.date | None = None
    run_day: dt.date | None = None

    @classmethod
    def of(cls, results: Results) -> Context:
        """For a run; its `today` decides what lies in the future."""
        shown = asked_by([choice.load() for choice in choices(results.config, results.paths)])
        day = record_of(results).day if measures_time(results) else None
        return cls(shown, results.run_id, results.today, day)

    def knows(self, noun: str, key: str) -> bool:
        """Whether any framework asks for this field or row; noun : `field` or `row`."""
        return key in self.shown.of(noun) or key in _asked_everywhere().of(noun)


def asked_by(frameworks: list[Framework]) -> KnownNames:
    """What these frameworks ask people for, with the fields that stand in for missing evidence."""
    rows = [row for framework in frameworks for row in framework.rows]
    fields = {name for row in rows for name in (*row.people, *row.helpful_fields)}
    instead = stand_ins()
    fields |= {instead[kind] for row in rows for kind in row.machine if kind in instead}
    return KnownNames(frozenset(fields), frozenset(row.id for row in rows))


@cache
def _asked_everywhere() -> KnownNames:
    return asked_by([FrameworkChoice(name).load() for name in framework_ids()])


@dataclass
class ReadEntries:
    """What one file holds: entries (group, key, object), problems, and what nobody asks for."""

    entries: list[tuple[str, str, Any]] = field(default_factory=list)
    problems: list[PeopleProblem] = field(default_factory=list)
    unasked: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Group:
    """One of the three kinds of entries. says : the key that holds what is said."""

    name: str
    noun: str
    says: str
    keys: tuple[str, ...]


GROUPS: Mapping[str, Group] = {
    group.name: group
    for group in (
        Group("statements", "field", "text", ("text", "name", "role", "date", "generated")),
        Group("judgements", "row", "text", ("text", "name", "role", "date")),
        Group("not_applicable", "row", "reason", ("reason", "name", "role", "date")),
    )
}
_TOP = (*GROUPS, "run")


def read_entries(
    top: Entry, source: StatementSource, context: Context, contents: ReadEntries
) -> None:
    """Add the entries of a file to `contents`; what is wrong becomes a problem instead."""
    signed_elsewhere: list[PeopleProblem] = []
    for key, entry in top.below.items():
        where = f"{source.file}:{entry.line}"
        if key == "run":
            signed_elsewhere += _other_run(where, entry, context)
        elif key not in GROUPS:
            contents.problems.append(_unknown(where, "key", key, _TOP))
        elif not entry.is_mapping:
            if entry.text:
                contents.problems.append(wrong(where, "no_entries", key=key, keys=["NAME: {…}"]))
        else:
            for name, nested in entry.below.items():
                _read_one(GROUPS[key], name, nested, source, context, contents)
    contents.problems += signed_elsewhere
    if signed_elsewhere:
        contents.entries.clear()


def _other_run(where: str, entry: Entry, context: Context) -> Iterator[PeopleProblem]:
    if entry.text and context.run_id and entry.text != context.run_id:
        expected = {"key": "run", "keys": [f"run: {context.run_id}"]}
        yield wrong(where, "other_run", signed=entry.text, run=context.run_id, **expected)


def _read_one(
    group: Group,
    name: str,
    entry: Entry,
    source: StatementSource,
    context: Context,
    contents: ReadEntries,
) -> None:
    here = replace(source, line=entry.line)
    key = name.removeprefix(HUMAN)
    if _left_open(entry):
        return
    problems = [*_misnamed(group, key, here, context), *_misshaped(group, entry, here)]
    if not problems:
        problems = list(_unsigned(group, entry, here, context))
    if problems:
        contents.problems += problems
        return
    if key not in context.shown.of(group.noun):
        contents.unasked.append(f"{here.file}:{here.line}: {group.name}.{key}")
    contents.entries.append((group.name, key, _built(group, key, entry, here)))


def _left_open(entry: Entry) -> bool:
    """An entry of the form that nobody filled."""
    values = entry.below.values()
    return not entry.text and not any(value.text or value.is_mapping for value in values)


def _misnamed(
    group: Group, key: str, here: StatementSource, context: Context
) -> Iterator[PeopleProblem]:
    if not context.knows(group.noun, key):
        where = f"{here.file}:{here.line}"
        yield _unknown(where, group.noun, key, sorted(context.shown.of(group.noun)))


def _unknown(where: str, noun: str, key: str, known: Any) -> PeopleProblem:
    few = list(known) if len(known) <= 8 else []
    return wrong(where, f"unknown_{noun}", key=key, keys=few, nearest=nearest_name(key, known))


def _misshaped(group: Group, entry: Entry, here: StatementSource) -> Iterator[PeopleProblem]:
    where = f"{here.file}:{here.line}"
    if not entry.is_mapping:
        yield wrong(where, "unsigned", keys=list(group.keys))
    for key, value in entry.below.items():
        line = f"{here.file}:{value.line}"
        if key not in group.keys:
            yield _unknown(line, "key", key, group.keys)
        elif value.is_mapping:
            yield wrong(line, "holds_keys", key=key)
        elif len(value.text) > (most := _MOST_LETTERS.get(key, _MOST_NAME)):
            yield wrong(line, "letters", key=key, n=len(value.text), most=most)
        elif key == "generated" and value.text.lower() not in {"true", "false", ""}:
            yield wrong(line, "generated", key=key, said=value.text, keys=["true", "false"])


def _unsigned(
    group: Group, entry: Entry, here: StatementSource, context: Context
) -> Iterator[PeopleProblem]:
    needed = [group.says] if _generated(entry) else [group.says, "name", "role"]
    for key in needed:
        value = entry.below.get(key, Entry(entry.line))
        if is_placeholder(value.text):
            kind = "placeholder" if value.text else "lacks"
            yield wrong(f"{here.file}:{value.line}", kind, key=key, said=value.text)
    if not _generated(entry):
        yield from _wrong_date(group, entry.below.get("date", Entry(entry.line)), here, context)


def _generated(entry: Entry) -> bool:
    return entry.below.get("generated", entry).text.lower() == "true"


def _wrong_date(
    group: Group, value: Entry, here: StatementSource, context: Context
) -> Iterator[PeopleProblem]:
    where, about = f"{here.file}:{value.line}", {"key": "date", "said": value.text}
    day = parse_date(value.text)
    if day is None:
        yield wrong(where, "no_day" if value.text else "no_date", **about)
    elif context.today and day > context.today:
        yield wrong(where, "future", **about, day=context.today.isoformat())
    elif day < _EARLIEST:
        yield wrong(where, "too_early", **about, day=_EARLIEST.isoformat())
    elif group.name == "judgements" and context.run_day and day < context.run_day - _ONE_DAY:
        yield wrong(where, "before_run", **about, day=context.run_day.isoformat())


def _built(group: Group, key: str, entry: Entry, here: StatementSource) -> Any:
    texts = {name: value.text for name, value in entry.below.items() if name != "generated"}
    if group.name == "statements":
        return Statement(key, **texts, generated=_generated(entry), source=here)
    return (Opinion if group.name == "judgements" else Exemption)(key, **texts, source=here)


PEOPLE = "people"
_MOST_FILES = 100
_SUFFIXES = (".yaml", ".yml")
_OLD = ("statements", "not_applicable")
_YAML_NAMES = ["NAME.yaml"]


class PeopleProblems(ConfigProblems):
    """All problems of what people wrote for one run."""

    about: ClassVar[str] = "what people wrote"


@dataclass(frozen=True)
class PeopleFile:
    """A file of a person: its place in the run folder, and its bytes."""

    shown: str
    content: bytes

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


def read_people(results: Results) -> HumanInput:
    """What people wrote for this run; nothing is raised, the problems are in it."""
    problems: list[PeopleProblem] = list(_moved(results.config))
    files = list(_files(results.folder, problems)) if results.folder else []
    return _gather(files, Context.of(results), problems)


def prepare_people(results: Results, sources: Iterable[Path] = ()) -> HumanInput:
    """Add files of people to a run folder and check all that are there, before anything is written.

    sources : YAML files to copy to `people/`, under their own names.
    Raises PeopleProblems : all that is wrong with these files and with those in the folder; then
    nothing was copied.
    """
    folder = _folder_of(results)
    problems: list[PeopleProblem] = list(_moved(results.config))
    present = {file.shown: file for file in _files(folder, problems)}
    added = [new for source in sources if (new := _to_add(source, present, problems))]
    gathered = _gather([*present.values(), *added], Context.of(results), problems)
    if gathered.problems:
        raise PeopleProblems([problem.in_english() for problem in gathered.problems])
    for new in added:
        write_bytes(folder / new.shown, new.content)
    return gathered


def _folder_of(results: Results) -> Path:
    if results.folder is None:
        raise ConfigError("these results lie in no run folder, so nobody can sign beside them")
    return results.folder


def _moved(config: Mapping[str, Any]) -> Iterator[PeopleProblem]:
    """Statements in the config of a run that an older version made."""
    report = config.get("report") or {}
    for key in _OLD:
        if report.get(key):
            yield wrong(f"run.json, report.{key}", "in_config", file=f"{PEOPLE}/NAME.yaml", key=key)


def _to_add(
    source: Path, present: Mapping[str, PeopleFile], problems: list[PeopleProblem]
) -> PeopleFile | None:
    name = source.name
    if source.suffix.lower() not in _SUFFIXES or name.startswith("."):
        problems.append(wrong(str(source), "no_yaml_name", file=name, keys=_YAML_NAMES))
        return None
    if not source.is_file():
        problems.append(wrong(str(source), "no_file"))
        return None
    new = PeopleFile(f"{PEOPLE}/{name}", _bounded(source, links=True))
    if (old := present.get(new.shown)) is None:
        return new
    if old.content != new.content:
        problems.append(wrong(str(source), "differs", file=new.shown))
    return None


def _bounded(path: Path, *, links: bool = False) -> bytes:
    with open_file(path, links=links) as stream:
        return stream.read(MOST_BYTES + 1)


def _files(run: Path, problems: list[PeopleProblem]) -> Iterator[PeopleFile]:
    folder = run / PEOPLE
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        problems.append(wrong(PEOPLE, "no_folder"))
        return
    paths = [entry.path for entry in entries(folder)] if folder.is_dir() else []
    if len(paths) > _MOST_FILES:
        problems.append(wrong(PEOPLE, "files", n=len(paths), most=_MOST_FILES))
        return
    for path in paths:
        shown = f"{PEOPLE}/{path.name}"
        if not stat.S_ISREG(path.lstat().st_mode):
            problems.append(wrong(shown, "no_regular_file"))
        elif path.suffix.lower() not in _SUFFIXES:
            problems.append(wrong(shown, "not_read", keys=_YAML_NAMES))
        else:
            try:
                yield PeopleFile(shown, _bounded(path))
            except OSError as error:
                problems.append(wrong(shown, "unreadable", reason=error.strerror))


@dataclass
class _Once:
    """Keeps what is said once, and tells where two files say different things."""

    problems: list[PeopleProblem]
    entries: dict[str, Any] = field(default_factory=dict)
    disputed: set[str] = field(default_factory=set)

    def add(self, key: str, entry: Any) -> None:
        first = self.entries.setdefault(key, entry)
        if replace(first, source=entry.source) == entry or key in self.disputed:
            return
        self.disputed.add(key)
        where = f"{entry.source.file}:{entry.source.line}"
        other = f"{first.source.file}:{first.source.line}"
        self.problems.append(wrong(where, "disputed", key=key, file=other))

    @property
    def agreed(self) -> dict[str, Any]:
        return {key: entry for key, entry in self.entries.items() if key not in self.disputed}


def _gather(
    files: Iterable[PeopleFile], context: Context, problems: list[PeopleProblem]
) -> HumanInput:
    statements, judgements, aside = (_Once(problems) for _ in range(3))
    unasked: list[str] = []
    keepers: Mapping[str, Callable[[str, Any], None]] = {
        "statements": statements.add,
        "judgements": judgements.add,
        "not_applicable": aside.add,
    }
    for file in files:
        top, wrong = parse(file.shown, file.content)
        problems += wrong
        contents = ReadEntries()
        read_entries(top, StatementSource(file.shown, file.sha256), context, contents)
        problems += contents.problems
        unasked += contents.unasked
        for group, key, entry in contents.entries:
            keepers[group](key, entry)
    return HumanInput(
        statements.agreed, judgements.agreed, aside.agreed, tuple(problems), tuple(unasked)
    )
