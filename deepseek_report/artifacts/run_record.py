"""When a run was made and from which checkout: the record `provenance.json` of a run folder."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deepseek_report.artifacts.message import Message, message
from deepseek_report.artifacts.storage.memory_bound import parse
from deepseek_report.artifacts.storage.plain_files import read_bytes
from deepseek_report.errors import ArtifactError

PROVENANCE = "provenance.json"
_MOST_BYTES = 1_000_000


@dataclass(frozen=True)
class RunRecord:
    """What the record holds; a part that it lacks is None or empty.

    started, finished : with their time zone. git : revision of the checkout that the run was
    started in. problem : why there is nothing to read, where that is so.
    """

    started: dt.datetime | None = None
    finished: dt.datetime | None = None
    git: str = ""
    problem: Message | None = None

    @property
    def day(self) -> dt.date | None:
        """The day on which the run was started, in the record's own time zone."""
        return self.started.date() if self.started else None


def read_record(folder: Path) -> RunRecord:
    """The record of a run folder; one that is not well-formed counts as absent, with the reason."""
    path = folder / PROVENANCE
    if path.is_symlink() or not path.is_file():
        if path.is_symlink():
            return RunRecord(problem=message("compliance.record.link", file=PROVENANCE))
        return RunRecord(problem=message("compliance.record.missing", file=PROVENANCE))
    try:
        if path.lstat().st_size > _MOST_BYTES:
            too_large = message("compliance.record.too_large", file=PROVENANCE, most=_MOST_BYTES)
            return RunRecord(problem=too_large)
        return _parse(parse(path, read_bytes(path, _MOST_BYTES)))
    except OSError as error:
        unreadable = message("compliance.record.unreadable", file=PROVENANCE, reason=error.strerror)
        return RunRecord(problem=unreadable)
    except (ValueError, ArtifactError):
        return RunRecord(problem=message("compliance.record.malformed", file=PROVENANCE))


def _parse(data: Any) -> RunRecord:
    if not isinstance(data, dict):
        raise ValueError("no object")
    git = data.get("git") or ""
    if not isinstance(git, str):
        raise ValueError("git is no text")
    return RunRecord(_time(data.get("started")), _time(data.get("finished")), git)


def _time(value: Any) -> dt.datetime | None:
    if value is None or value == "":
        return None
    moment = dt.datetime.fromisoformat(value) if isinstance(value, str) else None
    if moment is None or moment.tzinfo is None:
        raise ValueError("no time with a time zone")
    return moment
