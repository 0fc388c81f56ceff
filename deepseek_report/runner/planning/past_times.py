"""How long stages took that are in the store, and how much memory, from their manifests."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from deepseek_report.artifacts.ids import ArtifactId
from deepseek_report.artifacts.storage.files import load_json
from deepseek_report.artifacts.storage.plain_files import folders_in
from deepseek_report.errors import ArtifactError
from deepseek_report.store.folders import MANIFEST

#: So many finished stages of one name are looked at, the newest ones.
_MOST_BYTES = 2**24
_LOOKED_AT = 8


@dataclass(frozen=True)
class Past:
    """One finished stage: seconds it took, and its `Work`, where the manifest tells it.

    memory : peak resident memory in MiB of the process that made it, since that was started.
    """

    seconds: float
    units: float | None = None
    like: str = ""
    memory: float | None = None


@dataclass
class PastTimes:
    """The times of finished stages of one store, read when they are asked for."""

    root: Path
    known: dict[str, list[Past]] = field(default_factory=dict)

    def of(self, stage: str) -> list[Past]:
        """Finished stages with this id, newest first."""
        if stage not in self.known:
            self.known[stage] = list(_read(self.root / stage))
        return self.known[stage]

    def kin(self, stage: str) -> list[Past]:
        """Finished stages that measure the same of another explanation."""
        artifact = ArtifactId(stage)
        if not artifact.subject:
            return []
        family = ArtifactId.of(artifact.kind, artifact.name)
        names = [folder.name for folder in folders_in(self.root / family)]
        return [past for name in names if len(name) != 32 for past in self.of(f"{family}/{name}")]


def _read(folder: Path) -> Iterator[Past]:
    dated = []
    for path in (inner / MANIFEST for inner in folders_in(folder)):
        try:
            dated.append((path.lstat().st_mtime, path))
        except OSError:
            continue
    for _, path in sorted(dated, reverse=True)[:_LOOKED_AT]:
        if (past := _past(path)) is not None:
            yield past


def _past(path: Path) -> Past | None:
    """What a manifest tells; None where it tells no time or cannot be read."""
    try:
        facts = load_json(path, _MOST_BYTES)
        seconds = float(facts["seconds"])
        work = facts.get("work") or {}
        units = float(work["units"]) if "units" in work else None
        like = str(work.get("like", ""))
        memory = float(facts.get("peak_memory", 0.0))
    except (ArtifactError, ValueError, KeyError, TypeError, AttributeError):
        return None
    if not math.isfinite(seconds) or seconds < 0:
        return None
    usable = memory if math.isfinite(memory) and memory > 0 else None
    return Past(seconds, units if units and units > 0 else None, like, usable)
