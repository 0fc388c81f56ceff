"""The frameworks that a resolved config names."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from deepseek_report.artifacts.ids import ArtifactId
from deepseek_report.compliance.framework import FRAMEWORK_FILE, FrameworkChoice, FrameworkError


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
