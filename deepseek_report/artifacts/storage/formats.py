"""The one format of the files of a run, named at their head; loads nothing heavy for `runs`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from deepseek_report.errors import ArtifactError

#: Of every file that names one at its head; one more wherever a file cannot be read as before.
FORMAT_VERSION = 1


def head_of(kind: str) -> dict[str, object]:
    """The first entries of a file. kind : what it holds, such as "run"."""
    return {"format": f"deepseek-report/{kind}", "format_version": FORMAT_VERSION}


def check_format(path: Path, content: object, part_of: str = "run") -> None:
    """Raise ArtifactError where a file names another format, or none; part_of : what to remake."""
    version = content.get("format_version") if isinstance(content, Mapping) else None
    if type(version) is int and version == FORMAT_VERSION:
        return
    shown = "missing" if version is None else repr(version)[:40]
    raise ArtifactError(
        f"{path}: its format_version is {shown}, and this version of deepseek-report reads "
        f"{FORMAT_VERSION} alone. Make the {part_of} again with this version"
    )
