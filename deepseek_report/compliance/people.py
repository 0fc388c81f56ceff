"""The files of people in a run folder: `people/*.yaml`, read, checked and attributed.

They lie beside the results, so that signing changes neither the run id nor the run digest. What is
wrong in them is not used and is named, by file and line; what is right in them still counts.
"""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.storage.plain_files import entries, open_file, write_bytes
from deepseek_report.compliance.people_entries import Context, ReadEntries, read_entries
from deepseek_report.compliance.people_yaml import MOST_BYTES, parse
from deepseek_report.compliance.statements import (
    HumanInput,
    PeopleProblem,
    StatementSource,
    wrong,
)
from deepseek_report.config.problems import ConfigProblems
from deepseek_report.errors import ConfigError

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

    Parameters
    ----------
    sources : YAML files to copy to `people/`, under their own names.

    Raises
    ------
    PeopleProblems : all that is wrong with these files and with those in the folder; then nothing
        was copied.
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
