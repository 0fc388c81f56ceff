"""What each stage does: reads the folders of its inputs, writes its own. Runs in any process."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepseek_report.artifacts.explanation import Explanation
from deepseek_report.artifacts.predictions import Cases, Predictions
from deepseek_report.artifacts.protocols.classifier import Classifier
from deepseek_report.artifacts.protocols.explainers import ExplainContext
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.protocols.models import BringsTrainer, NamesOthers
from deepseek_report.artifacts.protocols.progress import Progress
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.split import PARTS, Dataset
from deepseek_report.config.experiment import Experiment
from deepseek_report.errors import DataError, UnknownCaseError
from deepseek_report.metrics.case_choice import choose_cases
from deepseek_report.metrics.predicting import Rule, predict


@dataclass(frozen=True)
class Task:
    """One stage to run: its id, the plug-ins, and the folders of what it reads.

    source : digest of the files outside of the store that the stage's key was made from.
    """

    id: str
    experiment: Experiment
    inputs: Mapping[str, Path]
    device: str
    source: str = ""

    @property
    def seed(self) -> int:
        return self.experiment.settings.seed

    def plugin(self, group: str) -> Any:
        """The plug-in that this stage runs."""
        return self.experiment.multiple[group][self.id.split("/")[1]]


def run_stage(task: Task, folder: Path, progress: Progress) -> None:
    """Run one stage and write its artifacts into `folder`."""
    kind = task.id.partition("/")[0]
    _STAGES[kind](task, folder, progress)


def _data(task: Task, folder: Path, progress: Progress) -> None:
    plugin = task.experiment.single["dataset"]
    dataset: Dataset = plugin.load(task.seed, progress)
    _require_planned(task, dataset.read or plugin.source_digest(), "the data")
    dataset.save(folder)


def _training(task: Task, folder: Path, progress: Progress) -> None:
    dataset = _dataset(task.inputs["data"])
    model, trainer = task.experiment.single["model"], task.experiment.single["trainer"]
    if isinstance(model, BringsTrainer):
        trainer = model.own_trainer() or trainer
    _require_same_model(task, model)
    module = model.build(dataset.schema, dataset.train, task.seed)
    trainer.fit(module, dataset, folder, task.seed, task.device, progress)
    _require_same_model(task, model)


def _require_same_model(task: Task, model: Any) -> None:
    if isinstance(model, NamesOthers):
        _require_planned(task, model.source_digest(), "the model's files or code")


def _require_planned(task: Task, found: str, what: str) -> None:
    """Refuse to store what was made from other files than the stage's key says.

    Raises
    ------
    DataError : the source has changed since the plan was made.
    """
    if task.source and found != task.source:
        raise DataError(
            f"{what} changed after this run was planned, so that nothing was made of them: run "
            "again, when nothing writes to them any more"
        )


def _predictions(task: Task, folder: Path, progress: Progress) -> None:
    dataset, classifier = _dataset(task.inputs["data"]), _classifier(task)
    settings = task.experiment.settings
    rule = Rule(settings.decision.rule, settings.decision.threshold)
    predictions = predict(classifier, dataset.validation, dataset.test, rule)
    for part, said in predictions.items():
        said.save(folder / part)
    named = _named_cases(dataset, task.experiment.single["report"].cases)
    instances = settings.explain.instances
    cases = choose_cases(predictions["test"], dataset.schema, instances, task.seed, named)
    cases.save(folder / "cases")


def _named_cases(dataset: Dataset, rows: Sequence[int]) -> list[int]:
    """Positions in the test part of the rows that the config names.

    Raises
    ------
    UnknownCaseError : one of them is not in the test part.
    """
    places = {int(row): place for place, row in enumerate(dataset.test.instance_ids)}
    for row in rows:
        if row not in places:
            parts = (one for one in PARTS if row in getattr(dataset, one).instance_ids)
            found = next((f"it is in the {one} part" for one in parts), "there is no such row")
            raise UnknownCaseError(
                f"report.cases names row {row}, and {found}; only the {len(places)} rows of the "
                "test part can be explained. Their numbers stand on the case pages of a report "
                "with report.privacy=full; they count the rows of the source from 0"
            )
    return [places[row] for row in rows]


def _explanation(task: Task, folder: Path, progress: Progress) -> None:
    explainer = task.plugin("explainers")
    dataset, cases = _dataset(task.inputs["data"]), _cases(task)
    classifier = _classifier(task)
    inputs = dataset.test.inputs[cases.explained]
    context = _explain_context(task, classifier, inputs, cases.explained, progress)
    ids = dataset.test.instance_ids[cases.explained]
    context = dataclasses.replace(context, instance_ids=ids)
    before, started = _memory(), time.perf_counter()
    explanation: Explanation = explainer.explain(context)
    seconds = time.perf_counter() - started
    if task.experiment.settings.measure_time:
        explanation = dataclasses.replace(
            explanation, seconds=round(seconds, 3), peak_memory=round(max(_memory(), before), 1)
        )
    explanation.save(folder)


def _explain_context(
    task: Task,
    classifier: Classifier,
    inputs: NDArray[np.float64],
    positions: NDArray[np.int64],
    progress: Progress,
) -> ExplainContext:
    dataset = _dataset(task.inputs["data"])
    target = dataset.schema.target.explained
    background = _background(task, dataset)
    return ExplainContext(
        classifier, inputs, positions, background, target, task.seed, progress=progress
    )


def _measures(task: Task, folder: Path, progress: Progress) -> None:
    metric, subject = task.plugin("metrics"), [*task.id.split("/"), ""][2]
    context = _measure_context(task, subject, progress)
    metric.measure(context).save(folder)


def _measure_context(task: Task, subject: str, progress: Progress) -> MeasureContext:
    dataset = _dataset(task.inputs["data"])
    background = _background(task, dataset)
    if "predictions" not in task.inputs:  # the metric reads the data alone
        nothing: Any = None
        return MeasureContext(
            dataset, nothing, nothing, nothing, nothing, task.seed, background, progress=progress
        )
    predicted = task.inputs["predictions"]
    explanations = {
        one.partition("/")[2]: Explanation.load(path)
        for one, path in task.inputs.items()
        if one.startswith("explanations/")
    }
    return MeasureContext(
        dataset=dataset,
        predictions=Predictions.load(predicted / "test"),
        validation_predictions=Predictions.load(predicted / "validation"),
        cases=_cases(task),
        classifier=_classifier(task),
        seed=task.seed,
        background=background,
        explanation=explanations.get(subject),
        control=explanations.get("random"),
        explanations=explanations,
        explain=_again(task, subject) if subject else None,
        progress=progress,
    )


def _again(task: Task, subject: str) -> Any:
    """Runs the judged explainer on other inputs, for the metrics that must ask it again."""
    explainer = task.experiment.multiple["explainers"][subject]

    def explain(classifier: Classifier, inputs: NDArray[np.float64]) -> NDArray[np.float64]:
        positions = np.arange(len(inputs))
        context = _explain_context(task, classifier, inputs, positions, _quiet())
        values: NDArray[np.float64] = explainer.explain(context).values
        return values

    return explain


def _pictures(task: Task, folder: Path, progress: Progress) -> None:
    results = Results(artifact_paths(task.inputs), task.experiment.raw)
    plugin = task.plugin("visualizations")
    for picture in plugin.draw(results):
        dataclasses.replace(picture, section=plugin.section).save(folder)
    folder.mkdir(parents=True, exist_ok=True)


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


def _cases(task: Task) -> Cases:
    return Cases.load(task.inputs["predictions"] / "cases")


def _classifier(task: Task) -> Classifier:
    """A fresh classifier around the trained module; its calls are counted from 0."""
    model = task.experiment.single["model"]
    return _load_classifier(model, task.inputs["data"], task.inputs["training"], task.device)


def _load_classifier(model: Any, data: Path, training: Path, device: str) -> Classifier:
    from deepseek_report.models.loading import load_classifier

    dataset = _dataset(data)
    return load_classifier(model, dataset.schema, dataset.train, training, device)


def _background(task: Task, dataset: Dataset) -> NDArray[np.float64]:
    """A seeded sample of training rows, the same for every explainer."""
    generator = np.random.default_rng([task.seed, 64])
    size = min(task.experiment.settings.explain.background, len(dataset.train))
    return dataset.train.inputs[np.sort(generator.choice(len(dataset.train), size, replace=False))]


def _memory() -> float:
    """Greatest resident memory of this process so far, in MiB."""
    import resource
    import sys

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


def _quiet() -> Progress:
    from deepseek_report.artifacts.protocols.progress import Silent

    return Silent()
