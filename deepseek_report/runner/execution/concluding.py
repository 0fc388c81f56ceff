"""The stage that concludes; apart from the others, so that no key but its own holds its rules."""

from __future__ import annotations

from pathlib import Path

from deepseek_report.artifacts.results import Results
from deepseek_report.findings.conclude import conclude, concluded_from
from deepseek_report.runner.execution.stages import StageJob, artifact_paths


def run_conclusions(job: StageJob, folder: Path) -> None:
    """Conclude from all finished stages and write the artifact into `folder`."""
    paths, config = artifact_paths(job.inputs), concluded_from(job.experiment.raw)
    conclude(Results(paths, config, job.failures, job.refused)).save(folder)
