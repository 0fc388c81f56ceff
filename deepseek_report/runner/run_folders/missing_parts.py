"""Why parts of a run are missing, as its folder tells it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from deepseek_report.artifacts.message import Text, plain, text_of
from deepseek_report.artifacts.storage.local_paths import without_local_paths
from deepseek_report.config.experiment import Experiment
from deepseek_report.privacy.release import source_of, told_problems


def not_applicable(experiment: Experiment, stage: str, reason: Text) -> dict[str, Any]:
    """The entry of a part that cannot be applied; `named` is true where a person named it."""
    entry: dict[str, Any] = problem(stage, reason, "not applicable")
    return entry | {"named": True} if experiment.is_named(stage) else entry


def problem(stage: str, reason: Text, kind: str) -> dict[str, Any]:
    """One entry of `problems` in `run.json`."""
    return {"stage": stage, "reason": plain(without_local_paths(reason)), "kind": kind}


def reasons(problems: Iterable[Mapping[str, Any]], kind: str) -> dict[str, Text]:
    """{stage: reason} of the problems of one kind."""
    return {entry["stage"]: text_of(entry["reason"]) for entry in problems if entry["kind"] == kind}


def disclosed_problems(
    experiment: Experiment, problems: Iterable[Mapping[str, Any]], folders: Mapping[str, Path]
) -> list[dict[str, Any]]:
    """The problems without what the level of privacy keeps; `folders` are the finished stages."""
    privacy = experiment.privacy
    source = source_of(folders, privacy) if not privacy.is_full and "data" in folders else None
    return list(told_problems(problems, privacy, source))
