"""The files of people in a run folder: `people/*.yaml`, read, checked and attributed.

They lie beside the results, so that signing changes neither the run id nor the run digest. What is
wrong in them is not used and is named, by file and line; what is right in them still counts.
"""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

from deepseek_report.artifacts.message import Message, message
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.storage.plain_files import (
    copy_file,
    entries,
    files_in,
    is_folder,
    open_file,
    sha256_file,
    write_bytes,
)
from deepseek_report.compliance.decision import Decision, may_replace
from deepseek_report.compliance.people_entries import Context, read_entries
from deepseek_report.compliance.people_yaml import MOST_BYTES, parse
from deepseek_report.compliance.statements import (
    ATTACHMENTS,
    MOST_FILES,
    PEOPLE,
    PeopleProblem,
    Statement,
    StatementSource,
    wrong,
)
from deepseek_report.config.problems import ConfigProblems
from deepseek_report.errors import ConfigError

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
    problems: list[PeopleProblem] = list(_moved(results.config))
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
    folder = _folder_of(results)
    problems: list[PeopleProblem] = list(_moved(results.config))
    present = {file.shown: file for file in _files(folder, problems)}
    named = [path for source in sources for path in _yaml_files(source)]
    added = [new for source in named if (new := _to_add(source, present, problems))]
    gathered = _gather([*present.values(), *added], Context.of(results), problems)
    documents = _documents(gathered, named, folder)
    held = {**_held(folder), **{path.name: sha256_file(path, links=True) for path in documents}}
    gathered = _with_documents(gathered, held)
    if gathered.problems:
        raise PeopleProblems([problem.in_english() for problem in gathered.problems])
    for new in added:
        write_bytes(folder / new.shown, new.content)
    for path in documents:
        copy_file(path, folder / ATTACHMENTS / path.name, links=True)
    return gathered


def _yaml_files(source: Path) -> list[Path]:
    """The file that was named; of a run folder, those that people wrote for it."""
    if not source.is_dir():
        return [source]
    return [path for suffix in _SUFFIXES for path in files_in(source / PEOPLE, suffix)]


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
    if folder is None or not is_folder(folder / PEOPLE):
        return {}
    return {path.name: sha256_file(path) for path in files_in(folder / ATTACHMENTS)}


def _with_documents(gathered: HumanInput, held: Mapping[str, str]) -> HumanInput:
    """The same; documents that decisions rest on and that are not there are problems too."""
    problems: list[PeopleProblem] = []
    unproved: dict[str, tuple[Message, ...]] = {}
    for decision in gathered.decisions:
        where = f"{decision.source.file}:{decision.source.line}"
        for item in decision.attachments:
            if held.get(item.path) == item.sha256:
                continue
            kind = "attachment_changed" if item.path in held else "attachment_missing"
            about = {"file": item.path, "folder": ATTACHMENTS}
            problems.append(wrong(where, kind, **about))
            reason = message(f"decisions.why.{kind}", file=item.path)
            unproved[decision.id] = (*unproved.get(decision.id, ()), reason)
    return replace(gathered, problems=(*gathered.problems, *problems), unproved=unproved)


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
    if len(paths) > MOST_FILES:
        problems.append(wrong(PEOPLE, "files", n=len(paths), most=MOST_FILES))
        return
    for path in paths:
        shown = f"{PEOPLE}/{path.name}"
        if shown == ATTACHMENTS and is_folder(path):
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
    where = f"{entry.source.file}:{entry.source.line}"
    other = f"{first.source.file}:{first.source.line}"
    problems.append(wrong(where, "disputed", key=entry.field, file=other))


def _in_chain(decisions: Sequence[Decision], problems: list[PeopleProblem]) -> Iterator[Decision]:
    """The decisions whose earlier one is there, is about the same, and may be replaced by them."""
    by_id = {decision.id: decision for decision in decisions}
    for decision in decisions:
        key = decision.revokes or decision.supersedes
        earlier = by_id.get(key)
        where = f"{decision.source.file}:{decision.source.line}"
        if not key:
            yield decision
        elif earlier is None:
            problems.append(wrong(where, "no_earlier", key=key[:12]))
        elif earlier.target != decision.target:
            problems.append(wrong(where, "other_target", key=key[:12], target=earlier.target.key))
        elif not may_replace(decision, earlier):
            problems.append(wrong(where, "not_theirs", key=key[:12], name=earlier.name))
        else:
            yield decision
