"""Several runs as one plan: what they share is computed once, and one that fails stops no other."""

from __future__ import annotations

import dataclasses
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from deepseek_report.artifacts.message import Text
from deepseek_report.artifacts.rounding import interval, number
from deepseek_report.config.problems import ConfigProblems, Problem
from deepseek_report.config.rules import pick_device
from deepseek_report.errors import DeepseekReportError, error_code
from deepseek_report.findings.skill import main_score
from deepseek_report.runner.execution.computing import Execution
from deepseek_report.runner.execution.execute import carry_out
from deepseek_report.runner.execution.open_plan import Closing, OpenPlan
from deepseek_report.runner.execution.run_events import Reporter
from deepseek_report.runner.execution.workers import cores
from deepseek_report.runner.planning.plan import make_plan, modules_to_load
from deepseek_report.runner.planning.sweeping import SweepJob
from deepseek_report.runner.run import Finished, PreparedRun, prepare_run, using, write_run
from deepseek_report.runner.run_folders.open_run import open_run
from deepseek_report.runner.run_folders.past_runs import past_run
from deepseek_report.store import Store
from deepseek_report.wording.words import Wording


@dataclass(frozen=True)
class JobResult:
    """How one job ended. varying : the overrides in which the jobs differ.

    score : the main score, (its metric, value with interval as text), or None where there is none.
    page, folder : of the run, None where there is none. reason : why there is none.
    failed : {stage that broke: why}. details : what a person needs who mends it, else empty.
    """

    varying: Sequence[str]
    exit_code: int
    outcomes: Mapping[str, int] = field(default_factory=dict)
    score: tuple[str, str] | None = None
    page: Path | None = None
    folder: Path | None = None
    reason: str = ""
    failed: Mapping[str, Text] = field(default_factory=dict)
    details: str = ""

    def not_comparable(self, words: Wording) -> str:
        """Why it cannot stand in a comparison of runs; "" where it can."""
        if self.folder is None:
            return self.reason
        if "predictions" not in self.failed:
            return ""
        first = next(stage for stage in ("training", "predictions") if stage in self.failed)
        return words.say(self.failed[first])


def job_result(differs: Sequence[str], finished: Finished) -> JobResult:
    """What a finished run says of itself."""
    return JobResult(
        varying=tuple(differs),
        exit_code=finished.exit_code,
        outcomes=past_run(finished.folder).outcomes,
        score=_score(finished.folder),
        page=next(iter(finished.pages), None),
        folder=finished.folder,
        failed=dict(finished.failures),
        details="\n".join(finished.details.values()),
    )


def failed_job(differs: Sequence[str], error: Exception) -> JobResult:
    """A job of which there is no run, and why; `details` only where nobody foresaw the error."""
    foreseen = isinstance(error, DeepseekReportError)
    return JobResult(
        varying=tuple(differs),
        exit_code=error_code(error),
        reason=str(error) if foreseen else f"{type(error).__name__}: {error}",
        details="" if foreseen else "".join(traceback.format_exception(error)),
    )


def _score(folder: Path) -> tuple[str, str] | None:
    score = main_score(open_run(folder).results)
    if score is None:
        return None
    text = number(float(score.value), score.low, score.high)
    if score.low is not None and score.high is not None:
        text += f" ({interval(score.low, score.high)})"
    return score.metric, text


def load_early(first: SweepJob) -> None:
    """Let processes load what the first job needs, if it is to run, while others are composed."""
    experiment = first.experiment
    alone = (experiment.settings.jobs or cores()) == 1
    on_device = pick_device(experiment.settings.device) != "cpu"
    if alone or on_device or experiment.undecided is not None:
        return
    store = Store(experiment.store)
    try:
        missing = [s for s in make_plan(experiment) if not store.holds(s.place, s.key)]
    except Exception:  # it is told when the job is prepared
        return
    if missing:
        experiment.launcher.load_early(modules_to_load(experiment, missing))


class Sweep:
    """The jobs of one command, and how far they are.

    jobs : valid ones, in the order in which they are told.
    on_end : hears how a job ended whose report was written, while others go on.
    """

    def __init__(
        self,
        jobs: Sequence[SweepJob],
        config_dir: str | None = None,
        on_end: Callable[[JobResult], None] = lambda _: None,
    ) -> None:
        self.jobs, self.config_dir, self.on_end = jobs, config_dir, on_end
        #: {place of a job: how it ended}, of those without a plan to carry out.
        self._settled: dict[int, JobResult] = {}
        #: {folder of a run: its plan}; jobs of the same run share it.
        self._plans: dict[Path, OpenPlan[JobResult]] = {}
        self._folders: dict[int, Path] = {}

    def run(self, reporter: Reporter) -> list[JobResult]:
        """Run what the stores do not have; each report is written when its stages are done.

        Raises ConfigProblems: what of a configuration does not fit, of all jobs, before anything
            runs.
        """
        prepared = self._prepare()
        with using((run.store for run in prepared.values()), reporter):
            self._open(prepared, reporter)
            carry_out(list(self._plans.values()), reporter)
        return [self._result(place) for place in range(len(self.jobs))]

    @property
    def ended(self) -> list[tuple[int, JobResult]]:
        """(number of the job, how it ended) of those that have ended by now."""
        places = (
            place
            for place in range(len(self.jobs))
            if place in self._settled or self._has_ended(place)
        )
        return [(place + 1, self._result(place)) for place in places]

    def _has_ended(self, place: int) -> bool:
        plan = self._plans.get(self._folders.get(place, Path()))
        return plan is not None and (plan.result is not None or plan.error is not None)

    def _result(self, place: int) -> JobResult:
        if place in self._settled:
            return self._settled[place]
        plan, differs = self._plans[self._folders[place]], self.jobs[place].varying
        if plan.result is None:
            return failed_job(differs, plan.error or RuntimeError("it did not come to its end"))
        return dataclasses.replace(plan.result, varying=differs)

    def _prepare(self) -> dict[int, PreparedRun]:
        """The plans; a job whose data cannot be read has ended here."""
        prepared, problems = {}, dict[Problem, None]()
        for place, job in enumerate(self.jobs):
            try:
                prepared[place] = prepare_run(job.experiment, job.overrides, self.config_dir)
            except ConfigProblems as error:
                problems |= dict.fromkeys(error.problems)
            except Exception as error:  # the others go on
                self._settled[place] = failed_job(job.varying, error)
        if problems:
            raise ConfigProblems(list(problems))
        return prepared

    def _open(self, prepared: Mapping[int, PreparedRun], reporter: Reporter) -> None:
        for place, run in prepared.items():
            differs = self.jobs[place].varying
            try:
                if run.folder in self._plans:
                    self._folders[place] = run.folder
                elif (whole := run.whole) is not None:
                    self._settled[place] = job_result(differs, whole)
                else:
                    run.drop_damaged()
                    self._plans[run.folder] = self._open_plan(run, reporter, place)
                    self._folders[place] = run.folder
            except Exception as error:  # the others go on
                self._settled[place] = failed_job(differs, error)

    def _open_plan(self, run: PreparedRun, reporter: Reporter, place: int) -> OpenPlan[JobResult]:
        make: Callable[[Execution], JobResult] = partial(
            _write_job, run, tuple(self.jobs[place].varying)
        )
        return OpenPlan(
            run.experiment,
            run.stages,
            run.store,
            run.device,
            reporter,
            job=place + 1,
            closing=Closing(make, self.on_end),
        )


def _write_job(run: PreparedRun, differs: Sequence[str], execution: Execution) -> JobResult:
    """Write one run and say how it ended; in any process."""
    try:
        return job_result(differs, write_run(run, execution))
    except Exception as error:  # the others go on
        return failed_job(differs, error)
