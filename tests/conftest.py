"""Settings for all tests, and the one small trained run that they share."""

from __future__ import annotations

import os

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("here", deadline=None, max_examples=40, derandomize=True)
settings.load_profile("here")

#: Small enough for a test, large enough that every part of the default experiment has something
#: to say.
SMALL = ("debug=fast", "jobs=1", "measure_time=false")


@dataclass(frozen=True)
class SmallRun:
    """The default experiment on few rows: its run folder, and where its stages are stored."""

    folder: Path
    store: Path
    exit_code: int

    def overrides(self, reports: Path) -> list[str]:
        """The same experiment, writing its report elsewhere and taking its stages from here."""
        return [*SMALL, f"paths.reports={reports}", f"paths.store={self.store}"]


@pytest.fixture(scope="session")
def small_run(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> SmallRun:
    """Run once; test processes share the store, whose locks let one of them do the work."""
    from deepseek_report.config.compose import compose
    from deepseek_report.config.validate import validate
    from deepseek_report.runner.progress import NoReporter
    from deepseek_report.runner.run import run_experiment

    base = tmp_path_factory.getbasetemp()
    shared = base if worker_id == "master" else base.parent
    store = shared / "store"
    overrides = [*SMALL, f"paths.reports={base / 'reports'}", f"paths.store={store}"]
    finished = run_experiment(validate(compose(overrides)), NoReporter(), overrides)
    return SmallRun(finished.folder, store, finished.exit_code)
