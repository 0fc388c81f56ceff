"""The config as a run folder records it."""

from __future__ import annotations

from typing import Any

from deepseek_report.config.experiment import Experiment
from deepseek_report.privacy.record import told_config

#: What belongs to one machine, and not to the experiment.
_LOCAL = frozenset({"paths", "device", "jobs"})


def recorded_config(experiment: Experiment) -> dict[str, Any]:
    """The resolved config without what belongs to one machine or must not be told."""
    kept = {key: value for key, value in experiment.raw.items() if key not in _LOCAL}
    return told_config(kept, experiment.privacy)
