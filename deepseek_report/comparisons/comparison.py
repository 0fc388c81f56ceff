"""Everything that is computed of a study of several runs, and what may be concluded from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from deepseek_report.artifacts.message import Message
from deepseek_report.artifacts.score import Measurement
from deepseek_report.artifacts.study import Study
from deepseek_report.comparisons.methods import Method, fitted_models, methods_of, run_labels
from deepseek_report.comparisons.over_data_sets import over_data_sets
from deepseek_report.comparisons.paired_decisions import decisions
from deepseek_report.comparisons.paired_explanations import explanations
from deepseek_report.comparisons.paired_performance import Region, performance
from deepseek_report.comparisons.price import price
from deepseek_report.comparisons.promises import promises, to_decide
from deepseek_report.comparisons.sentences import conclusions
from deepseek_report.comparisons.what_varied import what_varied
from deepseek_report.errors import ArtifactError
from deepseek_report.tasks import task_of


@dataclass(frozen=True)
class StudyComparison:
    """A study, read.

    methods : runs that differ in their seeds alone are one. labels : (run,) what each is called.
    baseline : position of the run that the others are set against; None: all against all.
    measurements : {name: tables and notes}, in the order in which they are read.
    conclusions : computed sentences, the most important first.
    """

    study: Study
    methods: tuple[Method, ...]
    labels: tuple[str, ...]
    baseline: int | None
    measurements: Mapping[str, Measurement]
    conclusions: Sequence[Message]


def compare(
    study: Study, baseline: int | None = None, region: Region | None = None
) -> StudyComparison:
    """Compare runs by their artifacts alone.

    Parameters
    ----------
    baseline : position of the run that the others are set against.
    region : size of a difference that is of no practical use.

    Raises
    ------
    ArtifactError : there is one run only, a run holds no predictions or none of single rows, or
        the runs are judged by different measures.
    """
    _refuse(study)
    region = region or Region()
    methods = methods_of(study)
    models = fitted_models(study, methods, baseline)
    labels = run_labels(study, methods)
    measurements = {
        "compared_settings": what_varied(study),
        "compared_performance": performance(study, methods, models, labels, region, baseline),
        "compared_data_sets": over_data_sets(study, region),
        "compared_explanations": explanations(study, methods),
        "compared_promises": promises(study, labels),
        "compared_decisions": decisions(study, models, labels, baseline),
        "compared_price": price(study, methods),
    }
    concluded = conclusions(study, methods, measurements, region)
    if baseline is not None:
        changes = measurements["compared_decisions"].tables.get("changes")
        concluded = (*to_decide(study, labels, baseline, changes), *concluded)
    return StudyComparison(study, methods, labels, baseline, measurements, concluded)


def _refuse(study: Study) -> None:
    if len(study) < 2:
        raise ArtifactError("a comparison needs two runs or more; name their folders")
    for run in study:
        if "predictions" in run.failures:
            raise ArtifactError(
                f"{run.folder}: this run has no predictions, since making them or training the "
                "model failed (its report says why); compare the others"
            )
        if not run.has("predictions/test") or not run.has_rows:
            raise ArtifactError(
                f"{run.folder}: this run holds no predictions of single rows (report.privacy), so "
                "it cannot be compared row by row; compare runs made with report.privacy=full"
            )
    measures = {task_of(run.schema.target).by_rows[0].key for run in study}
    if len(measures) > 1:
        what = ", ".join(sorted(measures))
        raise ArtifactError(
            f"these runs are judged by different measures: {what}; compare runs of one task"
        )
