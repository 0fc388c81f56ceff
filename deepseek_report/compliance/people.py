"""The files of people in a run folder: `people/*.yaml`, read, checked and attributed.

They lie beside the results, so that signing changes neither the run id nor the run digest. What is
wrong in them is not used and is named, by file and line; what is right in them still counts.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from pathlib import Path
from typing import ClassVar

from deepseek_report.artifacts.message import Message, message
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.storage import plain_files
from deepseek_report.compliance.decision import (
    KINDS,
    ROLES,
    VERDICTS,
    WHOLE_MODEL,
    Attachment,
    Decision,
    DecisionSubject,
    DecisionTarget,
    concluded,
    may_replace,
    promise_key,
)
from deepseek_report.compliance.framework import (
    HUMAN,
    Framework,
    FrameworkChoice,
    choices,
    framework_ids,
)
from deepseek_report.compliance.run_facts import measures_time, record_of
from deepseek_report.compliance.sources import stand_ins
from deepseek_report.compliance.statements import (
    ATTACHMENTS,
    FORM,
    MOST_BYTES,
    MOST_FILES,
    PEOPLE,
    Entry,
    PeopleProblem,
    Statement,
    StatementSource,
    is_placeholder,
    parse,
    parse_date,
    wrong,
)
from deepseek_report.config.problems import ConfigProblems, nearest_name
from deepseek_report.errors import ConfigError

_SUFFIXES = (".yaml", ".yml")
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


@dataclass(frozen=True)
class HumanInput:
    """All that people supplied and that is valid, and what was wrong with the rest.

    statements : {field: statement}. decisions : by date, then as written, whether or not they still
    stand. unproved : {digest of a decision: which of its documents are not there}. problems : what
    is not used, where it stands and why. unasked : what is kept though no framework asks for it.
    """

    statements: Mapping[str, Statement] = field(default_factory=dict)
    decisions: tuple[Decision, ...] = ()
    unproved: Mapping[str, tuple[Message, ...]] = field(default_factory=dict)
    problems: tuple[PeopleProblem, ...] = ()
    unasked: tuple[str, ...] = ()

    @property
    def signed(self) -> frozenset[str]:
        """Fields that a person filled and signed."""
        return frozenset(
            name for name, statement in self.statements.items() if not statement.generated
        )


def read_people(results: Results) -> HumanInput:
    """What people wrote for this run; nothing is raised, the problems are in it."""
    problems: list[PeopleProblem] = []
    files = list(_files(results.folder, problems)) if results.folder else []
    gathered = _gather(files, Context.of(results), problems)
    return _with_documents(gathered, _held(results.folder))


def prepare_people(results: Results, sources: Iterable[Path] = ()) -> HumanInput:
    """Add files of people to a run folder and check all that are there, before anything is written.

    sources : YAML files to copy to `people/`, under their own names, with the documents that they
        name, which lie beside them; or folders of runs, of which all that people wrote is copied.
    Raises PeopleProblems : all that is wrong with these files and with those in the folder; then
    nothing was copied.
    """
    if (folder := results.folder) is None:
        raise ConfigError("these results lie in no run folder, so nobody can sign beside them")
    problems: list[PeopleProblem] = []
    present = {file.shown: file for file in _files(folder, problems)}
    named = [path for source in sources for path in _yaml_files(source)]
    added = [new for source in named if (new := _to_add(source, present, problems))]
    gathered = _gather([*present.values(), *added], Context.of(results), problems)
    documents = _documents(gathered, named, folder)
    held = {
        **_held(folder),
        **{
            path.name: plain_files.sha256_file(path, plain_files.MOST_OF_PEOPLE, links=True)
            for path in documents
        },
    }
    gathered = _with_documents(gathered, held)
    if gathered.problems:
        raise PeopleProblems([problem.in_english() for problem in gathered.problems])
    for new in added:
        plain_files.write_bytes(folder / new.shown, new.content)
    for path in documents:
        plain_files.copy_file(path, folder / ATTACHMENTS / path.name, links=True)
    return gathered


def _yaml_files(source: Path) -> list[Path]:
    """The file that was named; of a run folder, those that people wrote for it."""
    if not source.is_dir():
        return [source]
    return [path for suffix in _SUFFIXES for path in plain_files.files_in(source / PEOPLE, suffix)]


def _documents(gathered: HumanInput, named: Sequence[Path], folder: Path) -> list[Path]:
    """The documents of decisions that are not in the folder yet and lie beside a given file."""
    wanted = {a.path: a.sha256 for d in gathered.decisions for a in d.attachments}
    held = _held(folder)
    beside: dict[str, Path] = {}
    for source in named:
        for name in wanted.keys() - held.keys() - beside.keys():
            places = (source.parent / name, source.parent / "attachments" / name)
            if place := next(filter(Path.is_file, places), None):
                beside[name] = place
    return [beside[name] for name in sorted(beside)]


def _held(folder: Path | None) -> dict[str, str]:
    """{document in `people/attachments/`: SHA-256}; links and devices are none."""
    if folder is None or not plain_files.is_folder(folder / PEOPLE):
        return {}
    return {
        path.name: plain_files.sha256_file(path, plain_files.MOST_OF_PEOPLE)
        for path in plain_files.files_in(folder / ATTACHMENTS)
    }


def _with_documents(gathered: HumanInput, held: Mapping[str, str]) -> HumanInput:
    """The same; documents that decisions rest on and that are not there are problems too."""
    problems: list[PeopleProblem] = []
    unproved: dict[str, tuple[Message, ...]] = {}
    for decision in gathered.decisions:
        for item in decision.attachments:
            if held.get(item.path) == item.sha256:
                continue
            kind = "attachment_changed" if item.path in held else "attachment_missing"
            where, about = decision.source.place, {"file": item.path, "folder": ATTACHMENTS}
            problems.append(wrong(where, kind, **about))
            reason = message(f"decisions.why.{kind}", file=item.path)
            unproved[decision.id] = (*unproved.get(decision.id, ()), reason)
    return replace(gathered, problems=(*gathered.problems, *problems), unproved=unproved)


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
    with plain_files.open_file(path, links=links) as stream:
        return stream.read(MOST_BYTES + 1)


def _files(run: Path, problems: list[PeopleProblem]) -> Iterator[PeopleFile]:
    folder = run / PEOPLE
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        problems.append(wrong(PEOPLE, "no_folder"))
        return
    paths = [entry.path for entry in plain_files.entries(folder)] if folder.is_dir() else []
    if len(paths) > MOST_FILES:
        problems.append(wrong(PEOPLE, "files", n=len(paths), most=MOST_FILES))
        return
    for path in paths:
        shown = f"{PEOPLE}/{path.name}"
        if shown == ATTACHMENTS and plain_files.is_folder(path):
            continue
        if not stat.S_ISREG(path.lstat().st_mode):
            problems.append(wrong(shown, "no_regular_file"))
        elif path.suffix.lower() not in _SUFFIXES:
            problems.append(wrong(shown, "not_read", keys=_YAML_NAMES))
        else:
            try:
                yield PeopleFile(shown, _bounded(path))
            except OSError as error:
                problems.append(wrong(shown, "unreadable", reason=error.strerror))


def _gather(
    files: Iterable[PeopleFile], context: Context, problems: list[PeopleProblem]
) -> HumanInput:
    statements: dict[str, Statement] = {}
    disputed: set[str] = set()
    decisions: dict[str, Decision] = {}
    unasked: list[str] = []
    for file in files:
        top, wrong_form = parse(file.shown, file.content)
        problems += wrong_form
        contents = read_entries(top, StatementSource(file.shown, file.sha256), context)
        problems += contents.problems
        unasked += contents.unasked
        for entry in contents.statements:
            _keep(entry, statements, disputed, problems)
        for decision in contents.decisions:
            decisions.setdefault(decision.id, decision)
    chain = sorted(decisions.values(), key=lambda decision: decision.date)
    return HumanInput(
        {key: entry for key, entry in statements.items() if key not in disputed},
        tuple(_in_chain(chain, problems)),
        problems=tuple(problems),
        unasked=tuple(unasked),
    )


def _keep(
    entry: Statement,
    statements: dict[str, Statement],
    disputed: set[str],
    problems: list[PeopleProblem],
) -> None:
    """Keep a statement once, and tell where two files answer one field in two ways."""
    first = statements.setdefault(entry.field, entry)
    if replace(first, source=entry.source) == entry or entry.field in disputed:
        return
    disputed.add(entry.field)
    where, other = entry.source.place, first.source.place
    problems.append(wrong(where, "disputed", key=entry.field, file=other))


def _in_chain(decisions: Sequence[Decision], problems: list[PeopleProblem]) -> Iterator[Decision]:
    """The decisions whose earlier one is there, is about the same, and may be replaced by them."""
    by_id = {decision.id: decision for decision in decisions}
    for decision in decisions:
        key = decision.revokes or decision.supersedes
        earlier, where = by_id.get(key), decision.source.place
        if not key:
            yield decision
        elif earlier is None:
            problems.append(wrong(where, "no_earlier", key=key[:12]))
        elif earlier.target != decision.target:
            problems.append(wrong(where, "other_target", key=key[:12], target=earlier.target.key))
        elif not may_replace(decision, earlier):
            problems.append(wrong(where, "not_theirs", key=key[:12], name=earlier.shown_name))
        else:
            yield decision


# The entries of a file that a person wrote, checked and attributed: statements and decisions.

_MOST_LETTERS = {"text": 20_000, "reason": 20_000, "conditions": 20_000}
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
    nobody can have decided about it; None where not recorded. results : of the run.
    """

    shown: KnownNames
    results: Results
    today: dt.date | None = None
    run_day: dt.date | None = None

    @classmethod
    def of(cls, results: Results) -> Context:
        """For a run; its `today` decides what lies in the future."""
        shown = asked_by([choice.load() for choice in choices(results.config, results.paths)])
        day = record_of(results).day if measures_time(results) else None
        return cls(shown, results, results.today, day)

    @property
    def run_id(self) -> str:
        return self.results.run_id

    @cached_property
    def findings(self) -> frozenset[str]:
        """The ids of the run's findings."""
        return frozenset(finding.id for finding in concluded(self.results)[1])

    @cached_property
    def promises(self) -> frozenset[str]:
        """How decisions name the run's promises."""
        return frozenset(map(promise_key, concluded(self.results)[0]))

    def known(self, noun: str) -> frozenset[str]:
        """The names that a file may use; noun : `field`, or a kind of target."""
        if noun == "finding":
            return self.findings
        if noun == "promise":
            return self.promises
        if noun == "model":
            return frozenset({WHOLE_MODEL})
        return self.shown.of(noun) | _asked_everywhere().of(noun)


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
    """What one file holds: statements, decisions, problems, and what nobody asks for."""

    statements: list[Statement] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    problems: list[PeopleProblem] = field(default_factory=list)
    unasked: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Group:
    """Entries of one kind. says : the key that holds what is said; keys : all that may stand."""

    says: str
    keys: tuple[str, ...]


_STATEMENTS = Group("text", ("text", "name", "role", "date", "generated"))
_DECISIONS = Group(
    "reason",
    (
        *KINDS,
        *("verdict", "reason", "conditions", "evidence", "name", "role", "title", "date"),
        *("valid_until", "supersedes", "revokes", "attachments"),
    ),
)
_SUBJECT = ("run", "data", "weights", "results")
_BY = ("name", "role", "title", "date")
_TOP = ("subject", "by", "decisions", "statements")


@dataclass(frozen=True)
class _File:
    """A file that is being read. by : what its head says of the person, for all entries."""

    source: StatementSource
    context: Context
    into: ReadEntries
    by: Mapping[str, Entry]
    subject: DecisionSubject | None

    def where(self, line: int) -> str:
        return f"{self.source.file}:{line}"

    def wrong(self, line: int, kind: str, **values: object) -> None:
        self.into.problems.append(wrong(self.where(line), kind, **values))

    def unknown(self, line: int, noun: str, key: str, known: Iterable[str]) -> None:
        names = sorted(known) if isinstance(known, frozenset) else list(known)
        few = names if len(names) <= 8 else []
        about = {"key": key, "keys": few, "nearest": nearest_name(key, names)}
        self.wrong(line, f"unknown_{noun}", **about)

    def signed(self, entry: Entry) -> dict[str, Entry]:
        """The keys of an entry, with those of the person that the head of the file gives."""
        empty = {key for key, value in entry.below.items() if not value.text and not value.items}
        return {**self.by, **{k: v for k, v in entry.below.items() if k not in empty}}


def read_entries(top: Entry, source: StatementSource, context: Context) -> ReadEntries:
    """The entries of a file; what is wrong becomes a problem instead."""
    into = ReadEntries()
    file = _File(source, context, into, {}, None)
    by = _head(file, top, "by", _BY)
    subject = _subject(file, top) if "subject" in top.below else None
    file = replace(file, by=by, subject=subject)
    for key, entry in top.below.items():
        if key == "decisions":
            _read_decisions(file, entry)
        elif key == "statements":
            _read_statements(file, entry)
        elif key not in _TOP:
            file.unknown(entry.line, "key", key, _TOP)
    return into


def _head(file: _File, top: Entry, name: str, keys: tuple[str, ...]) -> dict[str, Entry]:
    """The texts below a key at the head of a file."""
    entry = top.below.get(name, Entry(1))
    for key, value in entry.below.items():
        if key not in keys:
            file.unknown(value.line, "key", key, keys)
    return {key: value for key, value in entry.below.items() if key in keys and value.text}


def _subject(file: _File, top: Entry) -> DecisionSubject:
    texts = {key: entry.text for key, entry in _head(file, top, "subject", _SUBJECT).items()}
    return DecisionSubject(**texts)


def _read_statements(file: _File, entry: Entry) -> None:
    if not entry.is_mapping:
        if entry.text or entry.items:
            file.wrong(entry.line, "no_entries", key="statements", keys=["NAME: {…}"])
        return
    for name, nested in entry.below.items():
        _read_statement(file, name.removeprefix(HUMAN), nested)


def _read_statement(file: _File, key: str, entry: Entry) -> None:
    """An entry whose name is a field."""
    below = entry.below.values()
    if not (entry.text or entry.items or any(value.text or value.is_mapping for value in below)):
        return  # nobody filled it
    before = len(file.into.problems)
    if key not in file.context.known("field"):
        file.unknown(entry.line, "field", key, file.context.shown.fields)
    _check_shape(file, _STATEMENTS, entry)
    if len(file.into.problems) == before:
        _check_signed(file, _STATEMENTS, entry)
    if len(file.into.problems) > before:
        return
    if key not in file.context.shown.fields:
        file.into.unasked.append(f"{file.where(entry.line)}: statements.{key}")
    here = replace(file.source, line=entry.line)
    texts = {name: value.text for name, value in file.signed(entry).items()}
    role = texts.get("title") or texts.get("role", "")
    signature = {"name": texts.get("name", ""), "date": texts.get("date", ""), "role": role}
    made = Statement(key, texts["text"], **signature, generated=_generated(entry), source=here)
    file.into.statements.append(made)


def _read_decisions(file: _File, entry: Entry) -> None:
    if entry.text or entry.is_mapping:
        file.wrong(entry.line, "no_decisions", key="decisions", keys=["- {row: …, verdict: …}"])
        return
    for item in entry.items:
        if not item.is_mapping:
            file.wrong(item.line, "unsigned", keys=list(_DECISIONS.keys))
        elif item.below.get("verdict", item).text or item.below.get("revokes", item).text:
            _read_decision(file, item)
        elif item.below.get("reason", item).text:
            file.wrong(item.line, "no_verdict", key="verdict", keys=list(VERDICTS))


def _read_decision(file: _File, entry: Entry) -> None:
    """One decision, unless something in it is wrong."""
    before = len(file.into.problems)
    if file.subject is None:
        file.wrong(entry.line, "no_subject", key="subject", file=FORM)
    target = _target(file, entry)
    _check_shape(file, _DECISIONS, entry)
    if len(file.into.problems) == before:
        _check_signed(file, _DECISIONS, entry)
        _check_decided(file, entry)
    attachments = tuple(_attachments(file, entry.below.get("attachments", Entry(entry.line))))
    if len(file.into.problems) > before or target is None or file.subject is None:
        return
    if target.kind == "row" and target.key not in file.context.shown.rows:
        file.into.unasked.append(f"{file.where(entry.line)}: decisions.{target.key}")
    texts = {name: value.text for name, value in file.signed(entry).items()}
    others = {key: texts.get(key, "") for key in ("supersedes", "revokes")}
    digests = {key: plain_files.written_sha256(text) for key, text in others.items()}
    kept = ("reason", "name", "role", "date", "title", "conditions", "valid_until", "evidence")
    file.into.decisions.append(
        Decision(
            target,
            verdict=texts.get("verdict", "unstated"),  # type: ignore[arg-type]
            subject=file.subject,
            attachments=attachments,
            source=replace(file.source, line=entry.line),
            **digests,  # type: ignore[arg-type]
            **{key: texts[key] for key in kept if key in texts},  # type: ignore[arg-type]
        )
    )


def _target(file: _File, entry: Entry) -> DecisionTarget | None:
    """What a decision is about: exactly one thing that the run has."""
    named = [kind for kind in KINDS if entry.below.get(kind, Entry(1)).text]
    if len(named) != 1:
        file.wrong(entry.line, "no_target", n=len(named), keys=list(KINDS))
        return None
    value = entry.below[named[0]]
    known = file.context.known(named[0])
    key = WHOLE_MODEL if named[0] == "model" else value.text
    if key not in known:
        shown = file.context.shown.rows if named[0] == "row" else known
        file.unknown(value.line, named[0], key, shown)
        return None
    return DecisionTarget(named[0], key)


def _check_decided(file: _File, entry: Entry) -> None:
    """Whether the verdict, the role, the days and the digests are what they can be."""
    signed = file.signed(entry)
    for key, allowed in (("verdict", VERDICTS), ("role", ROLES)):
        value = signed.get(key)
        if value and value.text not in allowed:
            file.unknown(value.line, key, value.text, allowed)
    verdict, conditions = (entry.below.get(key, Entry(1)) for key in ("verdict", "conditions"))
    if verdict.text == "accepted_with_conditions" and is_placeholder(conditions.text):
        file.wrong(entry.line, "lacks", key="conditions", said=conditions.text)
    if not any(key in entry.below and entry.below[key].text for key in ("evidence", "revokes")):
        file.wrong(entry.line, "no_evidence", key="evidence", file=FORM)
    if (until := entry.below.get("valid_until")) and until.text:
        day, signed_on = parse_date(until.text), signed.get("date", Entry(1)).text
        if day is None:
            file.wrong(until.line, "no_day", key="valid_until", said=until.text)
        elif until.text < signed_on:
            file.wrong(until.line, "too_early", key="valid_until", said=until.text, day=signed_on)
    for key in ("supersedes", "revokes", "evidence"):
        value = entry.below.get(key)
        if value and value.text and not plain_files.written_sha256(value.text):
            file.wrong(value.line, "no_digest", key=key, said=value.text[:80])


def _attachments(file: _File, entry: Entry) -> Iterator[Attachment]:
    if entry.text or entry.is_mapping:
        file.wrong(entry.line, "no_decisions", key="attachments", keys=["- {path: …, sha256: …}"])
    if len(entry.items) > MOST_FILES:
        file.wrong(entry.line, "files", n=len(entry.items), most=MOST_FILES)
        return
    for item in entry.items:
        path, sha256 = (item.below.get(key, Entry(item.line)).text for key in ("path", "sha256"))
        if unfit_attachment(path):
            file.wrong(item.line, "no_attachment_name", file=path[:200], folder=ATTACHMENTS)
        elif not (digest := plain_files.written_sha256(sha256)):
            file.wrong(item.line, "no_digest", key="sha256", said=sha256[:80])
        else:
            yield Attachment(path, digest)


def unfit_attachment(name: str) -> bool:
    """Whether a document may not have this name in `people/attachments/`."""
    return (
        not name
        or len(name) > _MOST_NAME
        or name.startswith(".")
        or any(not letter.isprintable() or letter in '/\\:*?"<>|' for letter in name)
    )


def _check_shape(file: _File, group: Group, entry: Entry) -> None:
    if not entry.is_mapping:
        file.wrong(entry.line, "unsigned", keys=list(group.keys))
    for key, value in entry.below.items():
        if key not in group.keys:
            file.unknown(value.line, "key", key, group.keys)
        elif value.is_mapping:
            file.wrong(value.line, "holds_keys", key=key)
        elif value.items and key != "attachments":
            file.wrong(value.line, "list")
        elif len(value.text) > (most := _MOST_LETTERS.get(key, _MOST_NAME)):
            file.wrong(value.line, "letters", key=key, n=len(value.text), most=most)
        elif key == "generated" and value.text.lower() not in {"true", "false", ""}:
            file.wrong(value.line, "generated", key=key, said=value.text, keys=["true", "false"])


def _check_signed(file: _File, group: Group, entry: Entry) -> None:
    """Whether a named person in a role says something, on a day that can be."""
    generated = _generated(entry)
    signed = file.signed(entry)
    for key in [group.says] if generated else [group.says, "name", "role"]:
        value = signed.get(key, entry.below.get(key, Entry(entry.line)))
        if is_placeholder(value.text):
            kind = "placeholder" if value.text else "lacks"
            file.wrong(value.line, kind, key=key, said=value.text)
    if not generated:
        _check_date(file, group, signed.get("date", Entry(entry.line)))


def _generated(entry: Entry) -> bool:
    return entry.below.get("generated", entry).text.lower() == "true"


def _check_date(file: _File, group: Group, value: Entry) -> None:
    about = {"key": "date", "said": value.text}
    day, context = parse_date(value.text), file.context
    # a decision may be older than a run that repeats the one that its file names
    is_of_this_run = file.subject is None or file.subject.run in {"", context.run_id}
    decides = group is _DECISIONS and is_of_this_run
    if day is None:
        file.wrong(value.line, "no_day" if value.text else "no_date", **about)
    elif context.today and day > context.today:
        file.wrong(value.line, "future", **about, day=context.today.isoformat())
    elif day < _EARLIEST:
        file.wrong(value.line, "too_early", **about, day=_EARLIEST.isoformat())
    elif decides and context.run_day and day < context.run_day - _ONE_DAY:
        file.wrong(value.line, "before_run", **about, day=context.run_day.isoformat())
