"""The format of the files of a run, a seal or a comparison: one, which each of them names at its
head.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from deepseek_report.errors import ArtifactError

#: Of every file that has a head; one more wherever what is written cannot be read as before.
FORMAT_VERSION = 1


def head_of(kind: str) -> dict[str, object]:
    """The first entries of a file. kind : what it holds, such as "run"."""
    return {"format": f"deepseek-report/{kind}", "format_version": FORMAT_VERSION}


def refuse_other_format(path: Path, content: object, part_of: str = "run") -> None:
    """Raise ArtifactError where the content of a file names another format, or none.

    part_of : what is to be made again.
    """
    version = content.get("format_version") if isinstance(content, Mapping) else None
    if type(version) is int and version == FORMAT_VERSION:
        return
    fault = "it has no format_version"
    if version is not None:
        fault = f"its format_version is {version!r:.40}"
    raise ArtifactError(
        f"{path}: {fault}, and this version of deepseek-report reads {FORMAT_VERSION} alone. "
        f"Make the {part_of} again with this version"
    )
