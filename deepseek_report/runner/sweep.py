"""What came of each job of a sweep."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deepseek_report.artifacts.rounding import interval, number
from deepseek_report.findings.skill import main_score
from deepseek_report.runner.run import Finished
from deepseek_report.runner.run_folders.open_run import read_run, results_of
from deepseek_report.runner.run_folders.past_runs import past_run


@dataclass(frozen=True)
class JobResult:
    """One job. varying : the overrides in which the jobs differ. page : None where there is none.

    score : the main score, (its metric, value with interval as text), or None where there is none.
    folder : of the run, None where there is none.
    """

    varying: Sequence[str]
    exit_code: int
    outcomes: Mapping[str, int] = field(default_factory=dict)
    score: tuple[str, str] | None = None
    page: Path | None = None
    folder: Path | None = None


def varying(jobs: Sequence[Sequence[str]]) -> list[list[str]]:
    """Of each job the overrides that not all jobs have."""
    shared = set(jobs[0]).intersection(*jobs[1:]) if jobs else set()
    return [[text for text in job if text not in shared] for job in jobs]


def job_result(differs: Sequence[str], finished: Finished) -> JobResult:
    """What a finished run says of itself."""
    return JobResult(
        varying=tuple(differs),
        exit_code=finished.exit_code,
        outcomes=past_run(finished.folder).outcomes,
        score=_score(finished.folder),
        page=next(iter(finished.pages), None),
        folder=finished.folder,
    )


def _score(folder: Path) -> tuple[str, str] | None:
    run: dict[str, Any] = read_run(folder)
    score = main_score(results_of(folder, run))
    if score is None:
        return None
    text = number(float(score.value), score.low, score.high)
    if score.low is not None and score.high is not None:
        text += f" ({interval(score.low, score.high)})"
    return score.metric, text
