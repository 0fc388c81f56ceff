"""Everything that can be known of an experiment before it runs."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from deepseek_report.artifacts.message import Text
from deepseek_report.artifacts.protocols.sections import Fit
from deepseek_report.artifacts.split import Dataset
from deepseek_report.compliance.applicability import without_law
from deepseek_report.compliance.framework import FrameworkChoice, framework_ids
from deepseek_report.config.experiment import Experiment
from deepseek_report.config.rules import pick_device
from deepseek_report.data_kinds import kind_of
from deepseek_report.errors import DeepseekReportError
from deepseek_report.models.transformers.pretrained import Pretrained
from deepseek_report.runner.planning.against_data import not_judged, refuse_misfits
from deepseek_report.runner.planning.cost import Cost, PastTimes, cost_of, measures_of_folds
from deepseek_report.runner.planning.plan import TRAINING_BEFORE, make_plan, run_id
from deepseek_report.runner.planning.recommending import decided
from deepseek_report.runner.planning.work import KnownData, background_of, calls_of
from deepseek_report.store import Store


@dataclass(frozen=True)
class Forecast:
    """The plan of an experiment, whose explainers are chosen.

    stages : {stage: whether the store has it}, in order. calls : {explanation: rows that the model
    evaluates for it}. whole : its report is there. revised : what its revision will do.
    """

    experiment: Experiment
    run_id: str
    data: KnownData
    stages: Mapping[str, bool]
    calls: Mapping[str, int]
    cost: Cost
    whole: bool
    revised: Sequence[Text]

    @property
    def question(self) -> Text:
        """What explanations are to compare with."""
        schema = self.data.schema
        background = background_of(self.experiment, self.data.size)
        return kind_of(schema).compared(self.experiment.question(schema), background)

    @property
    def answered(self) -> bool:
        """Whether an explanation may answer the question of the run; also where none has one."""
        question = self.experiment.question(self.data.schema)
        explainers = self.experiment.explainers.values()
        games = [each.games for each in explainers]
        judged = [own for own in games if own != frozenset()]
        return not judged or any(own is None or question in own for own in judged)

    @property
    def trainings(self) -> int:
        """How often a cross-validation still trains the model."""
        waiting = any(not self.stages[name] for name in measures_of_folds(self.experiment))
        return (self.experiment.settings.split.folds or 0) if waiting else 0

    @property
    def unfit(self) -> list[tuple[str, Text]]:
        """(artifact, reason) of what the config names itself and that cannot be applied here."""
        return [part for part in self._left_out if self.experiment.is_named(part[0])]

    @property
    def refused(self) -> list[tuple[str, Text]]:
        """(artifact, reason) of all else that is left out."""
        left_out = [part for part in self._left_out if not self.experiment.is_named(part[0])]
        return left_out + not_judged(self.experiment, self.data.schema)

    @property
    def _left_out(self) -> list[tuple[str, Text]]:
        return [(refusal.artifact, refusal.reason) for refusal in self.experiment.refused]

    @property
    def frameworks(self) -> list[tuple[str, Fit, bool]]:
        """(id, how it stands to the declared use, whether it is chosen) of those that are chosen,
        and of those that are near to what is declared; empty where no place is declared.
        """
        places = self.experiment.report.places
        if not places:
            return []
        chosen = {choice.id for choice in self.experiment.frameworks.values()}
        sector = str(self.data.card.get("sector") or "")
        fits = ((choice.id, choice.fit(sector, places)) for choice in self._all_frameworks)
        return [
            (name, stands, name in chosen)
            for name, stands in fits
            if name in chosen or stands.near or stands.applies
        ]

    @property
    def without_law(self) -> list[str]:
        """Declared places for which in particular none of all frameworks is made."""
        applies = (choice.load().applies for choice in self._all_frameworks)
        return list(without_law(self.experiment.report.places, applies))

    @property
    def _all_frameworks(self) -> list[FrameworkChoice]:
        """Those that are chosen, and of the shipped ones those that are not."""
        chosen = {choice.id: choice for choice in self.experiment.frameworks.values()}
        shipped = [FrameworkChoice(name) for name in framework_ids() if name not in chosen]
        return [*chosen.values(), *shipped]


def forecast(experiment: Experiment) -> Forecast:
    """The plan; reads the data if the store does not have it, and raises DataError if it is bad."""
    store, data = Store(experiment.store), KnownData.of(experiment)
    experiment = decided(experiment, data.size)
    stages = make_plan(experiment)
    folders = {stage.id: stage.folder(store) for stage in stages}
    refuse_misfits(experiment, data.schema, data.load, folders.get(TRAINING_BEFORE))
    identity = run_id(experiment, stages)
    waiting = [stage for stage in stages if folders[stage.id] is None]

    def time_row() -> float | None:
        return seconds_of_a_row(experiment, data.dataset, pick_device(experiment.settings.device))

    past, revision = PastTimes(store.root), experiment.revision
    return Forecast(
        experiment,
        identity,
        data,
        stages={name: folder is not None for name, folder in folders.items()},
        calls={
            stage.id: calls_of(experiment, stage.name, data.size)
            for stage in stages
            if stage.kind == "explanations"
        },
        cost=cost_of(experiment, waiting, past, data.size, time_row) if waiting else Cost(),
        whole=(experiment.reports / experiment.name / identity / "run.json").is_file(),
        revised=[] if revision is None else revision.planned(experiment, data.dataset),
    )


# Times the model of a plan on rows of its data: a counted number of passes, about a second.

#: Rows of one pass, and passes; fewer where a pass is slow.
_ROWS, _PASSES, _SECONDS = 256, 5, 0.7


def seconds_of_a_row(experiment: Experiment, dataset: Dataset, device: str) -> float | None:
    """Seconds in which the model, built with fresh weights, evaluates one row.

    None where that says nothing: an estimator must be fitted first, and a checkpoint is not loaded
    for a guess.
    """
    model = experiment.model
    if isinstance(model, Pretrained) and model.checkpoint is not None:
        return None
    if model.own_trainer() is not None:
        return None
    from deepseek_report.runner.execution.workers import one_thread

    rows, best = dataset.test.inputs[np.arange(_ROWS) % len(dataset.test)], float("inf")
    try:
        with one_thread():
            module = model.build(dataset.schema, dataset.train, experiment.seeds.training)
            classifier = model.wrap(module, dataset.schema, device)
            begun = time.perf_counter()
            for _ in range(_PASSES):  # the first one warms up
                started = time.perf_counter()
                classifier.logits(rows)
                best = min(best, time.perf_counter() - started)
                if time.perf_counter() - begun > _SECONDS:
                    break
    except (DeepseekReportError, RuntimeError, ValueError):
        return None  # the run itself will say what is wrong with the model
    return best / _ROWS
