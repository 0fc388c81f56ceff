"""`deepseek-report check --seal`: a file that fixes what a run will be judged by."""

from __future__ import annotations

from pathlib import Path

from deepseek_report.cli.output.console import printable
from deepseek_report.config.experiment import Experiment
from deepseek_report.extensions.assurance.sealed_plan import seal_experiment


def write(experiment: Experiment, key: str, out: Path | None) -> None:
    """Write the seal; print its digest, and how a run starts from it."""
    path, digest = seal_experiment(experiment, key, out)
    print(f"seal: {printable(path)}")
    print(f"sha256:{digest}: hand this on before the run, so that others know when it was made")
    print(f"run it with: report.seal={printable(path)}")
