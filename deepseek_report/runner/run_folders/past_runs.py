"""What stands below `paths.reports`: finished runs, as their own files tell it.

Reads JSON alone and imports nothing heavy, so that the command `runs` answers at once. A run
folder may come from anybody: links are not followed, files are read up to a bound, and a folder
that cannot be read is a row that says so.
"""

from __future__ import annotations

import datetime as dt
import os
import stat
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deepseek_report.artifacts.storage.formats import check_format
from deepseek_report.artifacts.storage.memory_bound import parse
from deepseek_report.artifacts.storage.plain_files import folders_in, read_bytes, walk
from deepseek_report.errors import ArtifactError

_RUN, _FINDINGS, _PROVENANCE = "run.json", "findings.json", "provenance.json"
#: The largest record that is read, in bytes; that of a run with 1 500 columns has some 3 MB.
MOST_BYTES = 64 * 2**20


@dataclass(frozen=True)
class PastRun:
    """One run folder.

    finished : when it was made, None where no record tells. problem : why its record cannot be
    read; the other fields are then empty. failed : parts that broke. outcomes : {outcome of a
    declared threshold: how many}. size : bytes of its files. stages : {(stage id, key)} it was made
    from.
    """

    folder: Path
    experiment: str
    run_id: str
    finished: dt.datetime | None = None
    problem: str = ""
    failed: int = 0
    outcomes: Mapping[str, int] = field(default_factory=dict)
    size: int = 0
    stages: frozenset[tuple[str, str]] = frozenset()


def past_runs(reports: Path) -> list[PastRun]:
    """Every run below a folder of reports, newest first; those without a date come last."""
    runs = [
        past_run(folder)
        for experiment in _shown(folders_in(reports, links=True))
        for folder in _shown(folders_in(experiment))
        if os.path.lexists(folder / _RUN)
    ]
    oldest = dt.datetime.min.replace(tzinfo=dt.UTC)
    return sorted(runs, key=lambda run: (run.finished or oldest, run.run_id), reverse=True)


def past_run(folder: Path) -> PastRun:
    """What a run folder tells of itself; never raises for what stands in it."""
    named = (folder, folder.parent.name, folder.name)
    finished = _moment(_entry(_read(folder / _PROVENANCE)[0], "finished"))
    record, problem = _read(folder / _RUN)
    if problem:
        return PastRun(*named, finished, problem, size=size_of(folder))
    written = _read(folder / _FINDINGS)[0]
    problems = [*_mappings(_entry(record, "problems")), *_mappings(_entry(written, "problems"))]
    failed = {str(entry.get("stage")) for entry in problems if entry.get("kind") == "failed"}
    thresholds = _mappings(_entry(written, "thresholds"))
    return PastRun(
        *named,
        finished,
        failed=len(failed),
        outcomes=Counter(str(threshold.get("outcome")) for threshold in thresholds),
        size=size_of(folder),
        stages=frozenset(
            (str(stage.get("id")).removeprefix("before/"), str(stage.get("key")))
            for stage in _mappings(_entry(record, "stages"))
        ),
    )


def size_of(folder: Path) -> int:
    """Bytes of all regular files below a folder; links are counted as nothing."""
    total = 0
    with suppress(OSError, ArtifactError):  # deeper than any run, or going away
        for entry in walk(folder):
            with suppress(OSError):
                total += entry.path.lstat().st_size if entry.kind == "file" else 0
    return total


def _shown(folders: Sequence[Path]) -> list[Path]:
    return [folder for folder in folders if not folder.name.startswith(".")]


def _read(path: Path) -> tuple[object, str]:
    """The content of a JSON file and "", or None and why it cannot be read."""
    try:
        facts = path.lstat()
        if not stat.S_ISREG(facts.st_mode):
            return None, f"{path.name} is no regular file"
        if facts.st_size > MOST_BYTES:
            return None, f"{path.name} is larger than {MOST_BYTES // 2**20} MB"
        content = parse(path, read_bytes(path, MOST_BYTES))
        if path.name != _PROVENANCE:
            check_format(path, content)
        return content, ""
    except OSError as error:
        return None, f"{path.name} cannot be read: {error.strerror}"
    except ArtifactError as error:
        return None, str(error).replace(str(path), path.name)
    except ValueError:
        return None, f"{path.name} is not valid JSON"


def _entry(record: object, name: str) -> object:
    return record.get(name) if isinstance(record, dict) else None


def _mappings(value: object) -> Sequence[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _moment(text: object) -> dt.datetime | None:
    try:
        moment = dt.datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
