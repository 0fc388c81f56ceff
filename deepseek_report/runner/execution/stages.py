"""What each stage does: reads the folders of its inputs, writes its own. Runs in any process."""

from __future__ import annotations

import copy
import dataclasses
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from deepseek_report.artifacts.array_types import Floats, Ints
from deepseek_report.artifacts.explanation import CONTROL, Explanation
from deepseek_report.artifacts.ids import BEFORE, ArtifactId
from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.artifacts.message import Text
from deepseek_report.artifacts.predictions import Cases, Predictions
from deepseek_report.artifacts.protocols import explainers, metrics, models
from deepseek_report.artifacts.protocols.classifier import Classifier
from deepseek_report.artifacts.protocols.explainers import ExplainerPart
from deepseek_report.artifacts.protocols.progress import Progress, Silent
from deepseek_report.artifacts.protocols.traits import GivenInPython, MetricPart
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.seeds import Seeds
from deepseek_report.artifacts.split import Dataset
from deepseek_report.artifacts.storage.plain_files import make_folder
from deepseek_report.config.experiment import Experiment, Revision
from deepseek_report.errors import DataError
from deepseek_report.metrics.cases.case_choice import ALERT, NAMED, choose_cases
from deepseek_report.metrics.internals.compute import process_peak
from deepseek_report.metrics.performance.alerts import last_alerts
from deepseek_report.metrics.performance.predicting import periods_of, predict
from deepseek_report.metrics.plugin import measured
from deepseek_report.runner.execution import decided_classes
from deepseek_report.runner.execution.refitting import refits_of
from deepseek_report.tasks import task_of
from deepseek_report.wording.of_results import in_words

#: The seed of plug-ins that declare to draw nothing: their keys hold no seed, so nothing that they
#: make may hang on one.
DRAWS_NOTHING = 0


@dataclass(frozen=True)
class StageJob:
    """One stage to run: its id, the plug-ins, and the folders of what it reads.

    source : digest of the files outside of the store that the stage's key was made from.
    failures, refused : why inputs are missing, for the stage that concludes.
    """

    id: str
    experiment: Experiment
    inputs: Mapping[str, Path]
    device: str
    source: str = ""
    failures: Mapping[str, Text] = field(default_factory=dict)
    refused: Mapping[str, Text] = field(default_factory=dict)

    @property
    def seeds(self) -> Seeds:
        return self.experiment.seeds

    @property
    def dataset(self) -> Dataset:
        """What the stage works on; of the last folder it is read once."""
        return _dataset(self.inputs["data"])

    @property
    def training(self) -> Path:
        """The folder of the trained model."""
        return self.inputs["training"]

    @property
    def predicted(self) -> Path:
        """The folder of what the model predicts, and of the cases that are chosen."""
        return self.inputs["predictions"]

    @property
    def before(self) -> dict[str, Path]:
        """{stage: folder} of what the stage reads of the model before a revision."""
        return {name: self.inputs[kept] for name, kept in BEFORE.items() if kept in self.inputs}

    @property
    def revision(self) -> Revision | None:
        """What changes the data or the model that the stage makes; None where nothing does."""
        return self.experiment.revision if self.before else None

    @property
    def is_of_folds(self) -> bool:
        """Whether the stage makes the run again in each fold of a cross-validation."""
        artifact = ArtifactId(self.id)
        return artifact.kind == "measures" and "folds" in self.plugin("metrics").reads

    def plugin(self, group: str) -> Any:
        """The plug-in that this stage runs."""
        return self.experiment.plugins(group)[ArtifactId(self.id).name]


def run_stage(job: StageJob, folder: Path, progress: Progress) -> None:
    """Run one stage and write its artifacts into `folder`."""
    _STAGES[ArtifactId(job.id).kind](job, folder, progress)


def _data(job: StageJob, folder: Path, progress: Progress) -> None:
    if (revision := job.revision) is not None:
        revision.save_data(job.experiment, job.before, folder)
        return
    plugin = job.experiment.dataset
    dataset: Dataset = plugin.load(job.seeds.data, progress)
    _require_planned(job, dataset.read or plugin.source_digest(), "the data")
    dataset.save(folder)


_THE_MODEL = "the model's files or code"


def _training(job: StageJob, folder: Path, progress: Progress) -> None:
    dataset = job.dataset
    model = job.experiment.model
    trainer = model.own_trainer() or job.experiment.trainer
    _require_planned(job, model.source_digest(), _THE_MODEL)
    place = models.TrainingPlace(folder, job.seeds.training, job.device)
    if (revision := job.revision) is not None:
        revision.train(job.experiment, dataset, trainer, place, job.before, progress)
    else:
        module = model.build(dataset.schema, dataset.train, place.seed)
        trainer.fit(module, dataset, place, progress)
    _require_planned(job, model.source_digest(), _THE_MODEL)


def _require_planned(job: StageJob, digest: str, what: str) -> None:
    """Refuse to store what was made from other files than the stage's key says.

    Raises DataError: the source has changed since the plan was made.
    """
    if job.source and digest != job.source:
        raise DataError(
            f"{what} changed after this run was planned, so that nothing was made of them: run "
            "again, when nothing writes to them any more"
        )


def _predictions(job: StageJob, folder: Path, progress: Progress) -> None:
    """Predict both parts and choose the cases to explain.

    The cases are drawn from the seed of the data, like the split: another seed of the explainers
    then explains the same rows, and so do models of other training seeds as far as they decide
    alike (errors are among the strata). What is compared over seeds can be paired row by row.
    """
    dataset, classifier = job.dataset, fresh_classifier(job)
    settings = job.experiment.settings
    rule = job.experiment.threshold_rule
    predictions = predict(classifier, dataset.validation, dataset.test, rule)
    for part, predicted in predictions.items():
        predicted.save(folder / part)
    tested = predictions["test"]
    places = {int(row): place for place, row in enumerate(dataset.test.instance_ids)}
    rows = enumerate(job.experiment.report.cases, start=1)
    named = {f"{NAMED}{number}": places[row] for number, row in rows}
    cases = choose_cases(
        tested,
        dataset.schema,
        dataset.test.inputs,
        settings.explain.instances,
        job.seeds.data,
        named | _alerts(job, dataset, tested),
        settings.explain.pages,
    )
    cases.save(folder / "cases")


def _alerts(job: StageJob, dataset: Dataset, predicted: Predictions) -> dict[str, int]:
    """{role: position} of the alerts of the last period, where a capacity for them is declared."""
    settings = job.experiment.settings
    capacity = settings.decision.capacity
    if capacity is None or not task_of(dataset.schema.target).decides:
        return {}
    most = min(capacity.alerts, settings.explain.pages, settings.explain.instances // 2)
    alerts = last_alerts(predicted, periods_of(dataset.test, capacity), most)
    return {f"{ALERT}{rank}": int(position) for rank, position in enumerate(alerts, start=1)}


def _explanation(job: StageJob, folder: Path, progress: Progress) -> None:
    explainer = job.plugin("explainers")
    dataset, cases = job.dataset, _cases(job)
    classifier = fresh_classifier(job)
    inputs = dataset.test.inputs[cases.explained]
    context = explain_context(job, explainer, classifier, inputs, cases.explained, progress)
    context = dataclasses.replace(context, instance_ids=dataset.test.instance_ids[cases.explained])
    others = job.experiment.other_classes(dataset.schema.target)
    if others:
        decided_classes.remember_answers(classifier)
    before, started = process_peak(), time.perf_counter()
    explanation: Explanation = explainer.explain(context)
    seconds = time.perf_counter() - started
    if not explainer.samples:
        explanation = dataclasses.replace(explanation, seed=None)
    if len(dataset.schema.target.classes) > 2 and not isinstance(explainer, GivenInPython):
        predictions = Predictions.load(job.predicted / "test")
        explanation = decided_classes.with_other_classes(explanation, explainer, context, others)
        everyone = job.experiment.settings.explain.classes is not None
        explanation = decided_classes.with_decided_classes(
            explanation, explainer, context, predictions, cases, everyone
        )
    if job.experiment.settings.measure_time:
        explanation = dataclasses.replace(
            explanation,
            seconds=round(seconds, 3),
            peak_memory=round(max(process_peak(), before), 1),
        )
    explanation.save(folder)


def explain_context(
    job: StageJob,
    explainer: ExplainerPart,
    classifier: Classifier,
    inputs: Floats,
    positions: Ints,
    progress: Progress,
) -> explainers.ExplainContext:
    """What an explainer is handed; positions : (row,) where each row stands in the test part."""
    dataset = job.dataset
    target = dataset.schema.target.explained
    background = background_rows(job, dataset)
    seed = job.seeds.explain if explainer.samples else DRAWS_NOTHING
    return explainers.ExplainContext(
        classifier,
        inputs,
        positions,
        background,
        target,
        seed,
        progress,
        question=job.experiment.question(dataset.schema),
        training=dataset.train.inputs,
    )


def _measures(job: StageJob, folder: Path, progress: Progress) -> None:
    metric, subject = job.plugin("metrics"), ArtifactId(job.id).subject
    context = measure_context(job, metric, subject, progress)
    measured(metric, context).save(folder)


def measure_context(
    job: StageJob, metric: MetricPart, subject: str, progress: Progress
) -> metrics.MeasureContext:
    """What a metric is handed; subject : the explainer that it judges, or empty."""
    dataset = job.dataset
    seed = job.seeds.measure if "seed" in metric.reads else DRAWS_NOTHING
    background = background_rows(job, dataset)
    if "predictions" not in job.inputs:  # the metric reads the data alone
        none: Any = None
        declared = job.experiment.declared
        return metrics.MeasureContext(
            dataset, none, none, none, none, seed, background, declared=declared, progress=progress
        )
    predicted = job.predicted
    by_id = {ArtifactId(stage): path for stage, path in job.inputs.items()}
    explanations = {
        artifact.name: Explanation.load(path)
        for artifact, path in by_id.items()
        if artifact.kind == "explanations"
    }
    measured = {
        str(artifact): Measurement.load(path)
        for artifact, path in by_id.items()
        if artifact.kind == "measures"
    }
    return metrics.MeasureContext(
        dataset=dataset,
        predictions=Predictions.load(predicted / "test"),
        validation_predictions=Predictions.load(predicted / "validation"),
        cases=_cases(job),
        classifier=fresh_classifier(job, copied="classifier" in metric.reads),
        seed=seed,
        background=background,
        explanation=explanations.get(subject),
        control=explanations.get(CONTROL),
        explanations=explanations,
        measured=measured,
        explain=_again(job, subject) if subject else None,
        explainers={name: _FurtherRows(job, name) for name in explanations},
        refits=refits_of(job.experiment, dataset, job.device, job.training),
        before=_before(job) if "before" in metric.reads else None,
        expectations=job.experiment.settings.behaviour,
        declared=job.experiment.declared,
        capacity=job.experiment.settings.decision.capacity,
        progress=progress,
        question=job.experiment.question(dataset.schema),
        read_texts=_text_reader(job, dataset) if "read_texts" in metric.reads else None,
    )


def _text_reader(job: StageJob, dataset: Dataset) -> metrics.ReadsTexts | None:
    """Reads further texts as those of the data; None of data that are no texts."""
    from deepseek_report.datasets.assembly.texts import TextReader, TextRule

    if not dataset.schema.vocabulary:
        return None
    plugin = job.experiment.dataset
    return TextReader(dataset, plugin if isinstance(plugin, TextRule) else None)


def _before(job: StageJob) -> object:
    """What the revision says of the model before it; None without one."""
    revision = job.experiment.revision
    return None if revision is None else revision.compared(job.experiment, job.before, job.device)


def _again(job: StageJob, subject: str) -> metrics.ExplainAgain:
    """Runs the judged explainer on other inputs, for the metrics that must ask it again."""
    explainer = job.experiment.explainers[subject]

    def explain(
        classifier: Classifier,
        inputs: Floats,
        drawn_as: Floats | None = None,
        targets: Ints | None = None,
    ) -> Floats:
        positions = np.arange(len(inputs))
        context = explain_context(job, explainer, classifier, inputs, positions, Silent())
        context = dataclasses.replace(context, drawn_as=drawn_as)
        if targets is not None:
            return decided_classes.toward_classes(explainer, context, targets)
        values: Floats = explainer.explain(context).values
        return values

    return explain


@dataclass(frozen=True)
class _FurtherRows:
    """An explainer of the run for further rows of the test part; see `ExplainRows`."""

    job: StageJob
    name: str

    def planned_calls(self, rows: int, cheaply: bool) -> int:
        dataset = self.job.dataset
        players = len(dataset.schema.player_labels)
        background = len(background_rows(self.job, dataset))
        return self._explainer(cheaply).planned_calls(rows, players, background)

    def explained(self, positions: Ints, cheaply: bool) -> Explanation:
        job, explainer = self.job, self._explainer(cheaply)
        inputs = job.dataset.test.inputs[positions]
        classifier = fresh_classifier(job)
        context = explain_context(job, explainer, classifier, inputs, positions, Silent())
        explanation: Explanation = explainer.explain(context)
        return explanation

    def _explainer(self, cheaply: bool) -> ExplainerPart:
        explainer: ExplainerPart = self.job.experiment.explainers[self.name]
        schema = self.job.dataset.schema
        capabilities = fresh_classifier(self.job, copied=False).capabilities
        question = self.job.experiment.question(schema)
        explainer = explainer.playing(question)
        chosen = explainer.cheapest if cheaply else explainer.suited_to
        return chosen(capabilities, schema)


def _pictures(job: StageJob, folder: Path, progress: Progress) -> None:
    results = in_words(Results(artifact_paths(job.inputs), job.experiment.raw))
    plugin = job.plugin("visualizations")
    for picture in plugin.draw(results):
        picture.declared(plugin.section, plugin.needs).save(folder)
    make_folder(folder)


_STAGES = {
    "data": _data,
    "training": _training,
    "predictions": _predictions,
    "explanations": _explanation,
    "measures": _measures,
    "pictures": _pictures,
}


def artifact_paths(stages: Mapping[str, Path]) -> dict[str, Path]:
    """{stage: its folder} as {artifact id: folder}, as `Results` reads it."""
    paths = dict(stages)
    if predicted := paths.pop("predictions", None):
        parts = {"predictions/test": "test", "predictions/validation": "validation"}
        for name, part in {**parts, "cases": "cases"}.items():
            if (predicted / part).is_dir():
                paths[name] = predicted / part
    return paths


@lru_cache(maxsize=1)
def _dataset(folder: Path) -> Dataset:
    return Dataset.load(folder)


def _cases(job: StageJob) -> Cases:
    return Cases.load(job.predicted / "cases")


#: {training folder: its module as it was loaded}, the last one; estimators are fitted for it.
_LOADED: dict[Path, object] = {}


def fresh_classifier(job: StageJob, *, copied: bool = True) -> Classifier:
    """A fresh classifier around a copy of the trained module; its calls are counted from 0.

    Whatever a stage does to its model, no other stage sees it. What a person gave in Python is
    not copied: nothing says that it can be. Nor is a model that a stage does not ask (`copied`),
    since copying takes longer than most of these stages.
    """
    from deepseek_report.models.shared.loading import load_module

    model, dataset, folder = job.experiment.model, job.dataset, job.training
    if job.experiment.revision is not None and model.can_fit_anew:
        if folder not in _LOADED:
            _LOADED.clear()
            _LOADED[folder] = model.fitted_anew(dataset.schema, dataset.train, None)
        module = _LOADED[folder]
    elif job.experiment.is_given:
        module = load_module(model, dataset.schema, dataset.train, folder)
    else:
        if folder not in _LOADED:
            _LOADED.clear()
            _LOADED[folder] = load_module(model, dataset.schema, dataset.train, folder)
        module = copy.deepcopy(_LOADED[folder]) if copied else _LOADED[folder]
    classifier: Classifier = model.wrap(module, dataset.schema, job.device)
    return classifier


def background_rows(job: StageJob, dataset: Dataset) -> Floats:
    """A sample of training rows, the same for every explainer and metric.

    Drawn from the seed of the data: it is part of what is looked at, not of a method's own draws,
    so that runs which differ in another seed explain against the same rows.
    """
    generator = np.random.default_rng([job.seeds.data, 64])
    size = min(job.experiment.settings.explain.background, len(dataset.train))
    return dataset.train.inputs[np.sort(generator.choice(len(dataset.train), size, replace=False))]
