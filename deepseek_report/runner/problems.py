"""Why parts of a run are missing, as its folder tells it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from deepseek_report.artifacts.local_paths import without_local_paths
from deepseek_report.config.experiment import Experiment
from deepseek_report.privacy.record import told_problems
from deepseek_report.privacy.release import source_of


def refusals(experiment: Experiment) -> Iterator[dict[str, str]]:
    """What came with the defaults and cannot be applied here."""
    for refusal in experiment.refused:
        yield problem(refusal.artifact, refusal.reason, "not applicable")


def problem(stage: str, reason: str, kind: str) -> dict[str, str]:
    """One entry of `problems` in `run.json`."""
    return {"stage": stage, "reason": without_local_paths(reason), "kind": kind}


def reasons(problems: Iterable[Mapping[str, str]], kind: str) -> dict[str, str]:
    """{stage: reason} of the problems of one kind."""
    return {entry["stage"]: entry["reason"] for entry in problems if entry["kind"] == kind}


def told(
    experiment: Experiment, problems: Iterable[Mapping[str, str]], folders: Mapping[str, Path]
) -> list[dict[str, str]]:
    """The problems without what the level of privacy keeps; `folders` are the finished stages."""
    privacy = experiment.privacy
    source = source_of(folders, privacy) if not privacy.is_full and "data" in folders else None
    return list(told_problems(problems, privacy, source))
