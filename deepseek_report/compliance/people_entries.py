"""The entries of a file that a person wrote, checked and attributed: statements and decisions."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from typing import Any

from deepseek_report.artifacts.results import Results
from deepseek_report.compliance.decision import (
    KINDS,
    ROLES,
    VERDICTS,
    WHOLE_MODEL,
    Attachment,
    Decision,
    DecisionSubject,
    DecisionTarget,
    Verdict,
    concluded,
    promise_key,
)
from deepseek_report.compliance.framework import (
    HUMAN,
    Framework,
    FrameworkChoice,
    choices,
    framework_ids,
)
from deepseek_report.compliance.people_yaml import Entry
from deepseek_report.compliance.run_facts import measures_time, record_of
from deepseek_report.compliance.sources import stand_ins
from deepseek_report.compliance.statements import (
    ATTACHMENTS,
    FORM,
    MOST_FILES,
    PeopleProblem,
    Statement,
    StatementSource,
    is_placeholder,
    parse_date,
    wrong,
)
from deepseek_report.config.problems import nearest_name

_MOST_LETTERS = {"text": 20_000, "reason": 20_000, "conditions": 20_000}
_MOST_NAME = 200
_EARLIEST = dt.date(2000, 1, 1)
_ONE_DAY = dt.timedelta(days=1)
_DIGEST = re.compile(r"(?:sha256:)?([0-9a-f]{64})")


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
        retired = _RETIRED if noun == "field" else frozenset()
        return self.shown.of(noun) | _asked_everywhere().of(noun) | retired


def asked_by(frameworks: list[Framework]) -> KnownNames:
    """What these frameworks ask people for, with the fields that stand in for missing evidence."""
    rows = [row for framework in frameworks for row in framework.rows]
    fields = {name for row in rows for name in (*row.people, *row.helpful_fields)}
    instead = stand_ins()
    fields |= {instead[kind] for row in rows for kind in row.machine if kind in instead}
    return KnownNames(frozenset(fields), frozenset(row.id for row in rows))


#: Fields that files of earlier versions filled and that nothing asks for any more.
_RETIRED = frozenset({"threshold_seal"})


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

    name: str
    noun: str
    says: str
    keys: tuple[str, ...]


_PERSON = ("name", "role", "date")
_STATEMENTS = Group("statements", "field", "text", ("text", *_PERSON, "generated"))
#: What a file of the first form held of rows: judgements without a verdict, rows set aside.
_JUDGEMENTS = Group("judgements", "row", "text", ("text", *_PERSON))
_EXEMPTIONS = Group("not_applicable", "row", "reason", ("reason", *_PERSON))
_DECISIONS = Group(
    "decisions",
    "decision",
    "reason",
    (
        *KINDS,
        *("verdict", "reason", "conditions", "evidence", "name", "role", "title", "date"),
        *("valid_until", "supersedes", "revokes", "attachments"),
    ),
)
_GROUPS_BY_NAME = {g.name: g for g in (_STATEMENTS, _JUDGEMENTS, _EXEMPTIONS)}
_SUBJECT = ("run", "data", "weights", "results")
_BY = ("name", "role", "title", "date")
_TOP = ("run", "subject", "by", "decisions", *_GROUPS_BY_NAME)


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

    def wrong(self, line: int, kind: str, **values: Any) -> None:
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
    foreign = False
    for key, entry in top.below.items():
        if key == "run":
            foreign = _other_run(file, entry)
        elif key == "decisions":
            _read_decisions(file, entry)
        elif key in _GROUPS_BY_NAME:
            _read_group(file, _GROUPS_BY_NAME[key], entry)
        elif key not in _TOP:
            file.unknown(entry.line, "key", key, _TOP)
    if foreign:
        into.statements.clear()
        into.decisions.clear()
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


def _other_run(file: _File, entry: Entry) -> bool:
    """Whether a file of the first form was signed for another run."""
    run = file.context.run_id
    if not (entry.text and run and entry.text != run):
        return False
    file.wrong(entry.line, "other_run", signed=entry.text, run=run, key="run", keys=[f"run: {run}"])
    return True


def _read_group(file: _File, group: Group, entry: Entry) -> None:
    if not entry.is_mapping:
        if entry.text or entry.items:
            file.wrong(entry.line, "no_entries", key=group.name, keys=["NAME: {…}"])
        return
    for name, nested in entry.below.items():
        _read_named(file, group, name.removeprefix(HUMAN), nested)


def _read_named(file: _File, group: Group, key: str, entry: Entry) -> None:
    """An entry whose name is a field or a row: a statement, or what the first form had of rows."""
    if _left_open(entry):
        return
    before = len(file.into.problems)
    if key not in file.context.known(group.noun):
        file.unknown(entry.line, group.noun, key, file.context.shown.of(group.noun))
    _check_shape(file, group, entry)
    if len(file.into.problems) == before:
        _check_signed(file, group, entry)
    if len(file.into.problems) > before:
        return
    if key not in file.context.shown.of(group.noun):
        file.into.unasked.append(f"{file.where(entry.line)}: {group.name}.{key}")
    here = replace(file.source, line=entry.line)
    texts = {name: value.text for name, value in file.signed(entry).items()}
    if group is _STATEMENTS:
        role = texts.get("title") or texts.get("role", "")
        signature = {"name": texts.get("name", ""), "date": texts.get("date", ""), "role": role}
        made = Statement(key, texts["text"], **signature, generated=_generated(entry), source=here)
        file.into.statements.append(made)
        return
    verdict: Verdict = "unstated" if group is _JUDGEMENTS else "not_applicable"
    file.into.decisions.append(
        Decision(
            DecisionTarget("row", key),
            verdict,
            texts[group.says],
            texts["name"],
            "other",
            texts["date"],
            title=texts["role"],
            source=here,
        )
    )


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
    if len(file.into.problems) > before or target is None:
        return
    if target.kind == "row" and target.key not in file.context.shown.rows:
        file.into.unasked.append(f"{file.where(entry.line)}: decisions.{target.key}")
    texts = {name: value.text for name, value in file.signed(entry).items()}
    digests = {key: _digest(texts.get(key, "")) for key in ("supersedes", "revokes")}
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
        if value and value.text and not _DIGEST.fullmatch(value.text):
            file.wrong(value.line, "no_digest", key=key, said=value.text[:80])


def _digest(text: str) -> str:
    match = _DIGEST.fullmatch(text)
    return match[1] if match else ""


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
        elif not (match := _DIGEST.fullmatch(sha256)):
            file.wrong(item.line, "no_digest", key="sha256", said=sha256[:80])
        else:
            yield Attachment(path, match[1])


def unfit_attachment(name: str) -> bool:
    """Whether a document may not have this name in `people/attachments/`."""
    return (
        not name
        or len(name) > _MOST_NAME
        or name.startswith(".")
        or any(not letter.isprintable() or letter in '/\\:*?"<>|' for letter in name)
    )


def _left_open(entry: Entry) -> bool:
    """An entry of the form that nobody filled."""
    values = entry.below.values()
    here = entry.text or entry.items
    return not here and not any(value.text or value.is_mapping for value in values)


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
    decides = group in (_JUDGEMENTS, _DECISIONS)
    if day is None:
        file.wrong(value.line, "no_day" if value.text else "no_date", **about)
    elif context.today and day > context.today:
        file.wrong(value.line, "future", **about, day=context.today.isoformat())
    elif day < _EARLIEST:
        file.wrong(value.line, "too_early", **about, day=_EARLIEST.isoformat())
    elif decides and _is_of_this_run(file) and context.run_day and day < context.run_day - _ONE_DAY:
        file.wrong(value.line, "before_run", **about, day=context.run_day.isoformat())


def _is_of_this_run(file: _File) -> bool:
    """Whether a file names no other run: a decision may be older than a run that repeats it."""
    return file.subject is None or file.subject.run in {"", file.context.run_id}
