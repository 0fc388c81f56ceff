"""The run made again in each fold of a cross-validation: fitted, judged and concluded anew.

Apart from the other stages, as what is concluded here hangs on the rules of findings.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from deepseek_report.artifacts.ids import ArtifactId
from deepseek_report.artifacts.message import Text
from deepseek_report.artifacts.protocols.metrics import FoldRun, MeasureContext
from deepseek_report.artifacts.protocols.progress import Progress
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.split import PARTS, Dataset, Split
from deepseek_report.config.experiment import Experiment
from deepseek_report.datasets.splitting import Drawn, FoldRows, FoldRule
from deepseek_report.errors import DataError, NotApplicableError
from deepseek_report.findings.conclude import conclude, concluded_from
from deepseek_report.metrics.performance.cross_validation import judged_in_folds
from deepseek_report.metrics.performance.predicting import predict
from deepseek_report.metrics.plugin import measured
from deepseek_report.runner.execution.refitting import ModelRefits, refits_of
from deepseek_report.runner.execution.stages import StageJob, measure_context
from deepseek_report.tasks import task_of


def run_folds(job: StageJob, folder: Path, progress: Progress) -> None:
    """Measure over folds and write the measurement into `folder`."""
    metric = job.plugin("metrics")
    context = measure_context(job, metric, "", progress)
    refits = refits_of(job.experiment, context.dataset, job.device, job.training)
    if refits is not None:
        context = dataclasses.replace(context, folds=_Folds(job.experiment, context, refits))
    measured(metric, context).save(folder)


def drawn_folds(data: Dataset, whole: Split, folds: int, seed: int) -> list[FoldRows]:
    """The folds of all rows of a data set; of those not tested as large a share validates as there.

    Raises DataError: a fold has no rows to train on, to validate on or to test, or no training row
        of a class.
    """
    train, validation = len(data.train), len(data.validation)
    try:
        drawn = FoldRule(folds, validation / (train + validation)).of(whole, seed)
    except ValueError as error:
        raise DataError(f"split.folds is {folds}, and {error}: ask for fewer folds") from None
    target = data.schema.target
    classes = target.classes if task_of(target).decides else ()
    for number, fold in enumerate(drawn, start=1):
        for code, name in enumerate(classes):
            if not (whole.labels[fold.train] == code).any():
                raise DataError(
                    f"split.folds is {folds}, and fold {number} has no training row of “{name}”: "
                    "ask for fewer folds, or merge the rare classes"
                )
    return drawn


@dataclass(frozen=True)
class _Folds:
    """See `FoldRuns`. context : of the run, for the expectations and the seed of what is drawn."""

    experiment: Experiment
    context: MeasureContext
    refits: ModelRefits

    @property
    def drawn_by(self) -> Drawn:
        return FoldRule.drawn_by(self.context.dataset.train)

    def __call__(self, folds: int, seed: int) -> Iterator[FoldRun]:
        data = self.context.dataset
        whole = Split.joined([data.train, data.validation, data.test])
        drawn = drawn_folds(data, whole, folds, seed)
        for rows in drawn:
            train, validation, test = (whole.take(getattr(rows, part)) for part in PARTS)
            parts = dataclasses.replace(data, train=train, validation=validation, test=test)
            yield self._run(parts)

    def _run(self, parts: Dataset) -> FoldRun:
        classifier = self.refits.fitted_to(parts)
        rule = self.experiment.threshold_rule
        validation, predicted = predict(classifier, parts.validation, parts.test, rule).values()
        context = dataclasses.replace(
            self.context,
            dataset=parts,
            predictions=predicted,
            validation_predictions=validation,
            classifier=classifier,
            folds=None,
            expectations=self.experiment.settings.behaviour,
            capacity=self.experiment.settings.decision.capacity,
        )
        with TemporaryDirectory(prefix="deepseek-report-") as name:
            folder = Path(name)
            parts.save(folder / "data")
            predicted.save(folder / "test")
            results = self._judged(context, folder)
            findings = conclude(results).findings
            scores = {
                name: measurement.scores
                for name in results.names("measures")
                if (measurement := results.measurement(name)) is not None
            }
        return FoldRun(
            parts, predicted.threshold, scores, frozenset(finding.id for finding in findings)
        )

    def _judged(self, context: MeasureContext, folder: Path) -> Results:
        """What the metrics of the run measure in a fold, as its results in this folder."""
        paths: dict[str, Path] = {"data": folder / "data", "predictions/test": folder / "test"}
        refused: dict[str, Text] = {}
        metrics = self.experiment.metrics
        for name in judged_in_folds(metrics):
            artifact = ArtifactId.measure(name)
            try:
                measured(metrics[name], context).save(folder / artifact)
                paths[artifact] = folder / artifact
            except NotApplicableError as error:
                refused[artifact] = error.reason
        return Results(paths, concluded_from(self.experiment.raw), refused=refused)
