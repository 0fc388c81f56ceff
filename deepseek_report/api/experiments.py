"""`run`: an experiment of the config folders, from Python."""

from __future__ import annotations

from collections.abc import Sequence

from deepseek_report.api.finished import Run
from deepseek_report.api.shown import no_foreign_warnings, reporter_for
from deepseek_report.config.compose import compose
from deepseek_report.config.portable import whole_report
from deepseek_report.config.validate import validate
from deepseek_report.runner.run import run_experiment


def run(
    experiment: str | None = None,
    overrides: Sequence[str] = (),
    *,
    config_dir: str | None = None,
    trust: Sequence[str] = (),
    progress: bool | None = None,
) -> Run:
    """Run an experiment by its name, as `deepseek-report experiment=NAME OVERRIDES…` does.

    Everything is computed in this process, one stage after the other, unless `overrides` say how
    many `jobs` there are. progress : whether to show how far it is; None: where a notebook does.

    Raises
    ------
    ConfigError : problems in the configuration, all at once.
    DataError : the data cannot be used.
    """
    chosen = [] if experiment is None else [f"experiment={experiment}"]
    stated = [*chosen, *overrides]
    jobs = [] if any(text.startswith("jobs=") for text in overrides) else ["jobs=1"]
    checked = validate(compose([*stated, *jobs], config_dir), trust)
    with no_foreign_warnings(), reporter_for(progress) as reporter:
        finished = run_experiment(checked, reporter, stated, config_dir)

    def deepened() -> Run:
        whole = whole_report(overrides)
        return run(experiment, whole, config_dir=config_dir, trust=trust, progress=progress)

    return Run.of(finished, deepened if checked.is_quick else None)
