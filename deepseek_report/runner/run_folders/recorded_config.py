"""The config as a run folder records it."""

from __future__ import annotations

from pathlib import Path

from deepseek_report.config.experiment import Experiment
from deepseek_report.config.portable import PortablePaths
from deepseek_report.privacy.release import told_config


def recorded_config(experiment: Experiment) -> dict[str, object]:
    """The resolved config without what belongs to one machine or must not be told."""
    return told_config(PortablePaths(experiment.raw, Path.cwd()).config, experiment.privacy)
