"""Runs a plan: what is in the store is taken from it, the rest is computed, failures are kept."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from deepseek_report.artifacts.ids import ArtifactId
from deepseek_report.artifacts.message import Text, all_reasons, message
from deepseek_report.artifacts.protocols.traits import PicturePart, traits_of
from deepseek_report.artifacts.schema import Schema
from deepseek_report.artifacts.split import Split
from deepseek_report.artifacts.storage.files import load_json
from deepseek_report.config.experiment import Experiment
from deepseek_report.errors import DataError
from deepseek_report.runner.execution.computing import kept_outcome, run_locked
from deepseek_report.runner.execution.outcomes import Execution, StageOutcome
from deepseek_report.runner.execution.pool import Pool
from deepseek_report.runner.execution.run_events import Reporter
from deepseek_report.runner.execution.stages import StageJob
from deepseek_report.runner.execution.workers import one_thread, tell
from deepseek_report.runner.planning.against_data import refuse_misfits
from deepseek_report.runner.planning.cost import cost_left
from deepseek_report.runner.planning.plan import CONCLUSIONS, Stage
from deepseek_report.runner.planning.preloading import modules_to_load
from deepseek_report.runner.run_folders.missing_parts import disclosed_problems, problem, reasons
from deepseek_report.store import Store, digest
from deepseek_report.wording.words import wording

#: Stages after which it is better known how long the others take.
_TELLING = frozenset({"data", "training"})
_DIED_ONCE = message("refusals.died_once")
_DIED_TWICE = message("refusals.died_twice")


def execute(
    experiment: Experiment, stages: Iterable[Stage], store: Store, device: str, reporter: Reporter
) -> Execution:
    """Run the stages in order of what they need; the store keeps what succeeds.

    A stage whose input failed is not run; its reason names the input.
    """
    return _Run(experiment, list(stages), store, device, reporter).run()


class _Run:
    def __init__(
        self,
        experiment: Experiment,
        stages: list[Stage],
        store: Store,
        device: str,
        reporter: Reporter,
    ) -> None:
        self.experiment, self.store, self.device = experiment, store, device
        self.reporter = reporter
        self.words = wording(experiment.single["report"].language)
        self.execution = Execution()
        self.waiting = {stage.id: stage for stage in stages}
        self.order = [stage.id for stage in stages]

    def run(self) -> Execution:
        for stage in list(self.waiting.values()):
            if (folder := stage.folder(self.store)) is not None:
                self.done(kept_outcome(self.store, stage, folder))
        self.tell_cost()
        self.run_waiting()
        return Execution(
            {name: self.execution.outcomes[name] for name in self.order}, self.execution.made
        )

    def job(self, stage: Stage) -> StageJob:
        inputs = {name: self.execution.outcomes[name].folder for name in stage.inputs}
        present = {name: folder for name, folder in inputs.items() if folder is not None}
        job = StageJob(stage.id, self.experiment, present, self.device, stage.source)
        if stage.id != CONCLUSIONS:
            return job
        missing = self.missing(stage)
        failures, refused = reasons(missing, "failed"), reasons(missing, "not applicable")
        return dataclasses.replace(job, failures=failures, refused=refused)

    def missing(self, stage: Stage) -> list[dict[str, str]]:
        """Why inputs of a stage are missing, as the run folder will tell it."""
        execution = self.execution
        known = {refusal.artifact for refusal in self.experiment.refused} | set(stage.inputs)
        return disclosed_problems(
            self.experiment,
            [entry for entry in execution.problems(self.experiment) if entry["stage"] in known],
            execution.folders,
        )

    def as_made(self, stage: Stage) -> Stage:
        """The stage, under a key of its own where it runs without inputs that broke.

        So an incomplete result is never taken from the store for a complete one.
        """
        outcomes, made = self.execution.outcomes, self.execution.made
        less = {
            name: made[name].key if name in made else problem(name, outcomes[name].reason, "failed")
            for name in stage.inputs
            if name in made or (outcomes[name].folder is None and outcomes[name].applicable)
        }
        if not less:
            return stage
        made[stage.id] = dataclasses.replace(stage, key=digest([stage.key, less]))
        return made[stage.id]

    def ready(self, stage: Stage) -> bool:
        """Whether every input is there; a stage with a failed input is given up with the reason."""
        outcomes = self.execution.outcomes
        if any(name not in outcomes for name in stage.inputs):
            return False
        lost = [name for name in stage.inputs if outcomes[name].folder is None]
        if lost and not self.can_do_without(stage, lost):
            self.done(self.given_up(stage, lost))
            return False
        return True

    def given_up(self, stage: Stage, lost: list[str]) -> StageOutcome:
        """Why a stage is not run: what it lacks, or the reasons why that cannot be applied here."""
        outcomes, roots = self.execution.outcomes, self.roots(lost)
        if any(outcomes[name].applicable for name in lost):
            broken = [{"stage": root, "reason": outcomes[root].reason} for root in roots]
            reason: Text = message("refusals.lacks_input", inputs=lost, broken=broken)
            return StageOutcome(stage.id, reason=reason, roots=tuple(roots))
        reason = all_reasons(outcomes[root].reason for root in roots)
        return StageOutcome(stage.id, reason=reason, applicable=False, roots=tuple(roots))

    def roots(self, lost: list[str]) -> list[str]:
        """The stages that broke first: what is behind those that lacked their input."""
        outcomes = self.execution.outcomes
        return list(
            dict.fromkeys(root for name in lost for root in outcomes[name].roots or (name,))
        )

    def can_do_without(self, stage: Stage, lost: list[str]) -> bool:
        """What compares several explanations goes on with those that are left.

        Conclusions are drawn from whatever there is. A picture of which a whole need is lost does
        not go on.
        """
        if stage.id == CONCLUSIONS:
            return "data" not in lost
        if stage.kind not in {"measures", "pictures"} or stage.subject:
            return False
        if stage.kind == "pictures" and any(
            set(parts) <= set(lost) for parts in self.needed(stage) if parts
        ):
            return False
        return any(name not in lost and "/" in name for name in stage.inputs)

    def needed(self, stage: Stage) -> list[list[str]]:
        """For each need of a picture the inputs that it stands for."""
        picture = self.experiment.multiple["visualizations"][stage.name]
        return [
            [name for name in stage.inputs if ArtifactId(name).is_within(need)]
            for need in sorted(traits_of(picture, PicturePart).needs)
        ]

    def done(self, outcome: StageOutcome) -> None:
        self.execution.outcomes[outcome.stage] = outcome
        self.waiting.pop(outcome.stage, None)
        if not outcome.cached:
            told_before = outcome.roots and not outcome.applicable
            reason = "" if told_before else self.words.say(outcome.reason)
            self.reporter.finished(
                outcome.stage, outcome.seconds, reason, applicable=outcome.applicable
            )
        if outcome.stage in _TELLING and not outcome.cached:
            self.tell_cost()
        if outcome.bad_data:
            raise DataError(self.words.say(outcome.reason))
        if outcome.stage == "data" and outcome.folder is not None:
            _check_against_data(self.experiment, outcome.folder)

    def tell_cost(self) -> None:
        """Say what the stages that are left should take, now that more is known of them."""
        data = self.execution.outcomes.get("data")
        folder = data.folder if data is not None else None
        waiting = [
            stage for stage in self.waiting.values() if stage.id not in self.execution.outcomes
        ]
        cost = cost_left(self.experiment, waiting, self.store, folder)
        expected = {name: span.expected for name, span in cost.stages.items()}
        parallel = cost.parallel if self.device == "cpu" else 1
        self.reporter.planned(expected, parallel)

    def hear(self, message: Any) -> None:
        self.reporter.advanced(*message[1:])

    def run_waiting(self) -> None:
        if not self.waiting:
            return
        jobs = min(self.experiment.settings.jobs, len(self.waiting))
        if jobs == 1 or self.device != "cpu" or self.experiment.is_given:
            with one_thread():
                self.run_here()
            return
        Pool(self, jobs, modules_to_load(self.experiment, self.waiting.values())).run()

    def run_here(self) -> None:
        while ready := list(self.startable()):
            for stage in ready:
                self.reporter.started(stage.id)
                self.done(run_locked(self.store, self.as_made(stage), self.job(stage), self.hear))

    def startable(self) -> Iterator[Stage]:
        return (stage for stage in list(self.waiting.values()) if self.ready(stage))

    def start(self, pool: ProcessPoolExecutor, stage: Stage) -> Future[StageOutcome]:
        return pool.submit(_in_worker, self.store, self.as_made(stage), self.job(stage))

    def returned(self, stage: Stage, future: Future[StageOutcome]) -> None:
        error = future.exception()
        self.done(
            future.result()
            if error is None
            else StageOutcome(stage.id, reason=f"{type(error).__name__}: {error}")
        )

    def lost(self, stage: Stage, *, for_good: bool) -> None:
        if for_good:
            self.done(StageOutcome(stage.id, reason=_DIED_TWICE))
        else:
            self.reporter.finished(stage.id, 0.0, self.words.say(_DIED_ONCE))

    def on_message(self, message: Any) -> None:
        if message[0] == "started":
            self.reporter.started(message[1])
        else:
            self.hear(message)


def _check_against_data(experiment: Experiment, folder: Path) -> None:
    """Before anything is trained: what the data show to be wrong with the configuration."""
    schema = Schema.from_json(load_json(folder / "schema.json"))
    refuse_misfits(experiment, schema, partial(Split.load, folder / "train.npz"))


def _in_worker(store: Store, stage: Stage, job: StageJob) -> StageOutcome:
    tell(("started", stage.id))
    return run_locked(store, stage, job, tell)
