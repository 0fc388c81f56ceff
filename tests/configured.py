"""Experiments as the command line makes them of overrides, and their runs."""

from __future__ import annotations

import sys
from pathlib import Path
from subprocess import DEVNULL, Popen
from typing import TYPE_CHECKING

from deepseek_report.config.compose import compose
from deepseek_report.config.experiment import Experiment
from deepseek_report.config.validate import validate
from deepseek_report.runner.execution.run_events import NoReporter

if TYPE_CHECKING:  # a run loads what no composition needs
    from deepseek_report.runner.run import Finished

#: A model that needs no torch and is fitted at once.
LINEAR = ("model=sklearn", "model.estimator=sklearn.linear_model.LogisticRegression")


def few_parts(**chosen: str) -> tuple[str, ...]:
    """Overrides that choose these parts of each group and no others, and promise nothing."""
    parts = {"explainers": "", "metrics": "roc_auc", "visualizations": "", "sections": "summary"}
    listed = {**parts, "frameworks": "", **chosen}
    return (*(f"{group}=[{names}]" for group, names in listed.items()), "report.thresholds=[]")


def places_in(folder: Path) -> tuple[str, str]:
    """Overrides by which a run has its store and its reports below this folder."""
    return f"paths.store={folder / 'store'}", f"paths.reports={folder / 'reports'}"


def experiment_of(
    *overrides: str,
    config_dir: str | None = None,
    trust: tuple[str, ...] = (),
    trust_types: tuple[str, ...] = (),
) -> Experiment:
    """The experiment of these overrides: nothing in them is refused."""
    return validate(compose(overrides, config_dir), trust, trust_types)


def run_of(*overrides: str) -> Finished:
    """The run of these overrides, by this process and to its end."""
    from deepseek_report.runner.run import run_experiment

    return run_experiment(experiment_of(*overrides), NoReporter(), overrides)


def started(*overrides: str) -> Popen[bytes]:
    """The run of these overrides as a command of its own, which says nothing here."""
    command = [sys.executable, "-m", "deepseek_report", *overrides]
    return Popen(command, stdout=DEVNULL, stderr=DEVNULL, start_new_session=True)


class Recorder(NoReporter):
    """Remembers which stages were computed, and what was the matter with each."""

    def __init__(self) -> None:
        self.stages: list[tuple[str, str]] = []

    def finished(
        self, stage: str, seconds: float, problem: str, *, applicable: bool = True
    ) -> None:
        self.stages.append((stage, problem))
