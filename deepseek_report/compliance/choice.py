"""The frameworks that a resolved config names."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deepseek_report.compliance.framework import FrameworkChoice


def choices(config: Mapping[str, Any]) -> tuple[FrameworkChoice, ...]:
    """The frameworks that a resolved config names, in its order."""
    return tuple(
        FrameworkChoice(
            id=entry["id"],
            file=Path(entry["file"]) if entry.get("file") else None,
            reviewed_version=entry.get("reviewed_version") or "",
        )
        for entry in (config.get("frameworks") or {}).values()
    )
