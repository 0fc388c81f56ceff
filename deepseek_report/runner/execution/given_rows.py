"""Cases that were not in the data of a run, explained by its stored model.

The run folder, which may come from a stranger, says which model and data it means and what was
concluded; both are taken from the store of the person who asks, and only where their bytes are
those that the run was made from.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from deepseek_report.artifacts.array_types import Floats, Ints
from deepseek_report.artifacts.conclusions import ThresholdRule
from deepseek_report.artifacts.explanation import Explanation
from deepseek_report.artifacts.ids import ArtifactId
from deepseek_report.artifacts.predictions import Cases, Predictions
from deepseek_report.artifacts.protocols.classifier import Classifier
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.protocols.models import model_digest
from deepseek_report.artifacts.protocols.progress import Silent
from deepseek_report.artifacts.protocols.traits import MetricPart
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.split import Dataset, Split, new_ids
from deepseek_report.artifacts.storage.files import save_json
from deepseek_report.artifacts.storage.plain_files import make_folder
from deepseek_report.artifacts.written_texts import WrittenTexts
from deepseek_report.config.composed import Composed
from deepseek_report.config.experiment import Experiment
from deepseek_report.config.validate import built
from deepseek_report.data_kinds import kind_of
from deepseek_report.data_kinds.base import DataKind
from deepseek_report.datasets.checks.new_rows import SeenValues
from deepseek_report.errors import ArtifactError, DataError, NotApplicableError
from deepseek_report.findings.conclude import conclusions_of
from deepseek_report.findings.explainer_verdicts import leading_for_cases
from deepseek_report.metrics.cases.case_choice import NAMED
from deepseek_report.metrics.cases.cases import CasePages
from deepseek_report.metrics.cases.decision_way import DecisionWay
from deepseek_report.metrics.cases.what_if import WhatIf
from deepseek_report.metrics.performance.predicting import predict
from deepseek_report.metrics.plugin import measured
from deepseek_report.runner.execution.decided_classes import with_decided_classes
from deepseek_report.runner.execution.stages import (
    StageJob,
    background_rows,
    explain_context,
    fresh_classifier,
)
from deepseek_report.runner.run_folders.open_run import OpenRun, open_run
from deepseek_report.store import Store, digest, hash_folder
from deepseek_report.wording.of_results import in_words

#: What is measured of a case, and by what where the run's config does not say.
_METRICS: Mapping[str, Any] = {
    "cases": CasePages(),
    "what_if": WhatIf(),
    "decision_way": DecisionWay(),
}


@dataclass(frozen=True)
class ModelRequest:
    """Whose model is asked: a run, the store with its model, and what the person who asks trusts.

    trust, trust_types : packages, and types of a skops file.
    """

    run: Path
    store: Path
    trust: tuple[str, ...] = ()
    trust_types: tuple[str, ...] = ()


@dataclass(frozen=True)
class StoredModel:
    """The model and the data of a run, from a store, checked against the run.

    stages : {stage: its folder in the store} of `data` and `training`.
    """

    opened: OpenRun
    experiment: Experiment
    stages: Mapping[str, Path]

    @classmethod
    def of(
        cls, opened: OpenRun, experiment: Experiment, store: Path, *, in_memory: bool = False
    ) -> StoredModel:
        """Find both in the store.

        in_memory : the experiment holds the model that was given in Python.

        Raises ArtifactError: they are not there or not those of the run, or there is no model to
            ask.
        """
        if experiment.model.unasked:
            raise ArtifactError(
                f"{opened.folder}: this run was made from predictions, so there is no model to ask"
            )
        if experiment.is_given and not in_memory:
            raise ArtifactError(
                f"{opened.folder}: its model was given in Python and is in no store; `run.serve()` "
                "asks it, in the Python process that made the run"
            )
        keys = opened.run.keys
        data, training = (_stage(store, name, keys.get(name, "")) for name in ("data", "training"))
        here = (
            ("data", "data", digest(hash_folder(data))),
            ("weights", "model", model_digest(hash_folder(training))),
        )
        for name, what, sha256 in here:
            if opened.run.digests.get(name) != sha256:
                raise ArtifactError(
                    f"{store}: this is not the {what} that the run was made from; run the "
                    "experiment again, or name another store with --store"
                )
        return cls(opened, experiment, {"data": data, "training": training})

    @cached_property
    def dataset(self) -> Dataset:
        return Dataset.load(self.stages["data"])

    @cached_property
    def seen(self) -> SeenValues:
        """What the training rows hold, in the words of the reader."""
        schema = in_words(self.opened.results).schema
        return SeenValues.of(schema, self.dataset.train.inputs)

    @cached_property
    def explainer(self) -> str:
        """The method whose reasons the run's report tells.

        Raises ArtifactError: the run has none.
        """
        name = leading_for_cases(self.opened.results)
        if name is None:
            raise ArtifactError(f"{self.opened.folder}: no method of this run gives reasons")
        return name

    @cached_property
    def _job(self) -> StageJob:
        return StageJob(ArtifactId.explanation(self.explainer), self.experiment, self.stages, "cpu")

    @cached_property
    def _classifier(self) -> Classifier:
        return fresh_classifier(self._job)

    def predictions_of(self, inputs: Floats) -> Predictions:
        """What the model says of rows (row, feature) alone, decided by the run's threshold."""
        rows = self.new_rows(inputs)
        return predict(self._classifier, self._any_row, rows, self._decided)["test"]

    def new_rows(self, inputs: Floats, first: int = 1) -> Split:
        """Rows (row, feature) that are not in the data, as a split; numbered from `first`."""
        return _unlabelled(self.dataset.test, inputs, new_ids(len(inputs), first))

    @cached_property
    def _any_row(self) -> Split:
        return self.dataset.validation.take(np.zeros(1, np.int64))

    @cached_property
    def _decided(self) -> ThresholdRule:
        """The threshold that the run found, as a declared one."""
        return ThresholdRule("declared", self.opened.results.predictions.threshold)

    def explanation_of(self, inputs: Floats, predictions: Predictions) -> Explanation:
        """What the method of the run's reasons says of rows (row, feature) and of these alone."""
        return self._explained(predictions, inputs, np.arange(len(inputs)))

    def results_of(self, rows: Split, folder: Path) -> Results:
        """Explain rows and write what was measured, for a section to read.

        rows : new ones, or rows of the data, as if nobody knew what happened. folder : empty; the
        results lie there.
        """
        tested, ids = self.dataset.test, rows.instance_ids
        test = Split.joined([tested, _unlabelled(tested, rows.inputs, ids, rows.texts)])
        dataset = dataclasses.replace(self.dataset, test=test)
        rule = self.opened.results.predictions.rule
        made = predict(self._classifier, dataset.validation, test, self._decided)
        validation, predicted = (
            dataclasses.replace(made[part], rule=rule) for part in ("validation", "test")
        )
        new = np.arange(len(self.dataset.test), len(test))
        context = self._context(dataset, validation, predicted, new)
        paths = self._measured(context, folder)
        context.explanations[self.explainer].save(folder / "explanation")
        context.cases.save(folder / "cases")
        predicted.save(folder / "predictions")
        make_folder(folder / "data")
        save_json(folder / "data" / "schema.json", self.dataset.schema.to_json())
        save_json(folder / "data" / "card.json", self.opened.results.card)
        save_json(folder / "data" / "issues.json", [])
        test.save(folder / "data" / "test.npz")
        own = {
            ArtifactId.explanation(self.explainer): folder / "explanation",
            "cases": folder / "cases",
            "predictions/test": folder / "predictions",
            "data": folder / "data",
        }
        known = self.opened.results
        about_others = [ArtifactId("pictures"), *map(ArtifactId.measure, _METRICS)]
        kept = {
            name: path
            for name, path in known.paths.items()
            if not any(ArtifactId(name).is_within(other) for other in about_others)
        }
        findings = conclusions_of(known).findings
        return dataclasses.replace(known, paths={**kept, **own, **paths}, findings=findings)

    def _explained(self, predictions: Predictions, inputs: Floats, new: Ints) -> Explanation:
        """What the method says of the rows, of more than two classes about each one's decision."""
        explainer = self.experiment.explainers[self.explainer]
        job, classifier = self._job, self._classifier
        context = explain_context(job, explainer, classifier, inputs, new, Silent())
        explanation: Explanation = explainer.explain(context)
        if len(self.dataset.schema.target.classes) > 2:
            cases = Cases(new, _roles(new))
            return with_decided_classes(explanation, explainer, context, predictions, cases)
        return explanation

    def _context(
        self, dataset: Dataset, validation: Predictions, predicted: Predictions, new: Ints
    ) -> MeasureContext:
        """The rows behind the cases that the run explained, with which they are compared."""
        explanation = self._explained(predicted, dataset.test.inputs[new], new)
        before = self.opened.results.explanations[self.explainer]
        places = {role: len(before) + place for role, place in _roles(new).items()}
        return MeasureContext(
            dataset=dataset,
            predictions=predicted,
            validation_predictions=validation,
            cases=Cases(np.concatenate([before.positions, new]), places),
            classifier=fresh_classifier(self._job),
            seed=self.experiment.seeds.measure,
            background=background_rows(self._job, dataset),
            explanations={self.explainer: _joined(before, explanation)},
        )

    def _measured(self, context: MeasureContext, folder: Path) -> dict[str, Path]:
        """{artifact: its folder} of what applies to these data and this model."""
        paths = {}
        for name, default in _METRICS.items():
            metric: MetricPart = self.experiment.metrics.get(name, default)
            if not metric.accepts(self.dataset.schema.modality):
                continue
            try:
                measurement = measured(metric, context)
            except NotApplicableError:
                continue
            measurement.save(folder / name)
            paths[str(ArtifactId.measure(name))] = folder / name
        return paths


def stored_model(opened: OpenRun, request: ModelRequest) -> StoredModel:
    """The model of a run, built by the config that the run recorded, as if it had been composed.

    Raises ConfigProblems, ArtifactError: the config names what is not trusted, or see
        `StoredModel.of`.
    """
    return StoredModel.of(opened, recorded_parts(opened, request), request.store)


def recorded_parts(opened: OpenRun, request: ModelRequest) -> Experiment:
    """The parts that the config of a run names; ConfigProblems where one is not trusted."""
    report = {**opened.run.report, "cases": []}
    composed = Composed({**opened.run.config, "report": report}, (), {}, ())
    return built(composed, request.trust, request.trust_types)


def run_to_ask(request: ModelRequest, fits: Callable[[DataKind], bool], unfit: str) -> OpenRun:
    """A run whose rows may be shown. unfit : what is said of kinds of inputs that do not fit.

    Raises ArtifactError, DataError: it is not as it was written, not for everybody, or its inputs
        do not fit.
    """
    opened = open_run(request.run)
    schema = opened.results.schema
    if not fits(kind_of(schema)):
        raise DataError(f"{opened.folder}: its inputs are of kind {schema.modality}{unfit}")
    refuse_private(opened)
    return opened


def refuse_private(opened: OpenRun) -> None:
    """Refuse runs whose folder is for readers who see no rows of the data.

    Raises ArtifactError: `report.privacy` is not full.
    """
    if not opened.results.privacy.is_full:
        raise ArtifactError(
            f"{opened.folder}: report.privacy is {opened.results.privacy.level}, so no training "
            "cases may be shown beside a case; use a run with report.privacy=full"
        )


def _stage(store: Path, name: str, key: str) -> Path:
    folder = Store(store).find(name, key) if key else None
    if folder is None:
        raise ArtifactError(
            f"{store}: the {'model' if name == 'training' else name} of this run is not there. A "
            "run folder holds no model: name the store that it was made with by --store, or run "
            "the experiment again"
        )
    return folder


def _unlabelled(like: Split, inputs: Floats, ids: Ints, texts: WrittenTexts | None = None) -> Split:
    """Rows as a split like another one, whose labels and groups nobody knows."""
    n, labels, every = len(inputs), like.labels, like.all_labels
    return Split(
        inputs=inputs,
        labels=np.full(n, np.nan if labels.dtype.kind == "f" else -1, dtype=labels.dtype),
        instance_ids=ids,
        groups={name: np.full(n, -1, dtype=codes.dtype) for name, codes in like.groups.items()},
        all_labels=None if every is None else np.full((n, every.shape[1]), -1, dtype=every.dtype),
        texts=texts,
    )


def _roles(new: Ints) -> dict[str, int]:
    """{role: place among the rows}."""
    return {f"{NAMED}{number}": number - 1 for number in range(1, len(new) + 1)}


def _joined(before: Explanation, after: Explanation) -> Explanation:
    """Both explanations, one behind the other."""
    arrays: dict[str, Any] = {}
    for name in ("values", "inputs", "predictions", "positions", "base_values", "standard_error"):
        parts = [getattr(part, name) for part in (before, after)]
        arrays[name] = None if any(part is None for part in parts) else np.concatenate(parts)
    decided = after.decided
    if decided is not None:
        decided = dataclasses.replace(decided, places=decided.places + len(before))
    return dataclasses.replace(before, **arrays, decided=decided, others=None)
