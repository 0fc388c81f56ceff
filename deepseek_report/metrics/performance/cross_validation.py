"""Cross-validation: how far scores and findings move where other rows train and are tested."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import pandas as pd
from pydantic import Field

from deepseek_report.artifacts.disclosure import WHOLE, TableRelease
from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.artifacts.message import Text, message
from deepseek_report.artifacts.protocols.metrics import FoldRun, FoldRuns, MeasureContext
from deepseek_report.artifacts.split import PARTS
from deepseek_report.artifacts.table import TableType, columns_of
from deepseek_report.errors import NotApplicableError
from deepseek_report.metrics.performance.performance_rows import FoldSpread, MeasuredFolds
from deepseek_report.metrics.plugin import EntityMetric

#: What is measured again in each fold: all that judges decisions, and none that explains them.
_CATEGORIES = frozenset({"performance", "calibration", "fairness", "slices", "behaviour"})
_READS = frozenset(
    {"dataset", "predictions", "validation_predictions", "classifier", "expectations", "seed"}
)
#: Rows below which a group is told to be small in a fold.
_SMALL = 30
#: Fields that tell a score of one fold from another.
SUBJECT = ("metric", "predictor", "attribute", "level", "slice")
_SUBJECTS = "metric:metric predictor attribute level slice"


def judged_in_folds(metrics: Mapping[str, Any]) -> list[str]:
    """The metrics of a run that are measured again in each fold, in config order."""
    return [
        name
        for name, metric in metrics.items()
        if metric.category in _CATEGORIES
        and metric.scope == "model"
        and set(metric.reads) <= _READS
        and "predictions" in metric.reads
    ]


@dataclass(frozen=True)
class CrossValidation(EntityMetric):
    """How far scores and findings move where other rows train the model and are tested.

    All rows, those of the test part included, are shared out anew; in each fold the model is
    trained by the settings and the seed of the run, chooses its threshold by the same rule, and is
    judged by the same metrics and rules. Classes and groups are shared out evenly; rows of one
    entity are tested together; where the time of the rows is declared, each fold is trained on what
    came before. Mean, least and greatest value and standard deviation over folds tell how far a
    score moves. They are no confidence interval, and none is made of them: the folds share training
    rows, so that their spread is known to be too small for one (Bengio & Grandvalet 2004).

    folds : how many trainings, 2 to 20; set by `split.folds`.

    Reference: Bengio & Grandvalet 2004, J. Mach. Learn. Res. 5, 1089; Bates, Hastie & Tibshirani
    2021, arXiv:2104.00673.
    """

    reveals = "aggregate"
    tables = {
        "spread": TableType.of(FoldSpread, release=WHOLE),
        "by_fold": TableType(
            columns_of(f"{_SUBJECTS} fold:place n:count value:number"),
            release=TableRelease(counts=("n",)),
        ),
        "folds": TableType(
            columns_of("fold:place train:count validation:count test:count threshold:number"),
            folded=True,
            release=WHOLE,
        ),
        "groups": TableType(
            columns_of("attribute:attribute level n:count least:count small:count"),
            folded=True,
            release=TableRelease(counts=("n", "least")),
        ),
        "findings": TableType(columns_of("finding:code held:count")),
        "measured": TableType.of(MeasuredFolds, release=WHOLE),
    }
    bounds = {}
    category = "performance"
    reads = frozenset(
        {"dataset", "predictions", "validation_predictions", "classifier", "folds", "seed"}
    )
    folds: Annotated[int, Field(ge=2, le=20)] | None = None

    def measure(self, context: MeasureContext) -> Measurement:
        if self.folds is None:
            raise NotApplicableError(message("refusals.folds_not_asked"))
        if context.folds is None:
            raise NotApplicableError(message("refusals.cannot_refit"))
        context.progress.start("refits", self.folds)
        runs = []
        for run in context.folds(self.folds, context.seed):
            runs.append(run)
            context.progress.advance()
        by_fold = self.frame("by_fold", _by_fold(runs))
        groups = list(_groups(runs))
        small = [level for _, level, _, _, times in groups if times]
        return Measurement(
            tables={
                "spread": spread_of(by_fold),
                "by_fold": by_fold,
                "folds": self.frame(
                    "folds",
                    (
                        (k, *(len(getattr(run.parts, part)) for part in PARTS), run.threshold)
                        for k, run in enumerate(runs)
                    ),
                ),
                **(self.frames(groups=groups) if groups else {}),
                "findings": self.frame("findings", _counted(run.findings for run in runs)),
                "measured": self.frame("measured", _counted(run.scores for run in runs)),
            },
            arrays={
                "tested": np.concatenate([run.parts.test.instance_ids for run in runs]),
                "fold": np.repeat(np.arange(len(runs)), [len(run.parts.test) for run in runs]),
            },
            notes=tuple(_notes(self.folds, context.folds, small)),
        )


def spread_of(by_fold: pd.DataFrame) -> pd.DataFrame:
    """Mean, least, greatest value and standard deviation of each score over the folds that have it.

    by_fold : the table of that name, a row for each score and fold.
    """
    known = by_fold.dropna(subset=["value"])
    grouped = known.groupby(list(SUBJECT), sort=False)["value"]
    spread = grouped.agg(folds="count", mean="mean", least="min", greatest="max", deviation="std")
    return spread.reset_index()


def _by_fold(runs: Sequence[FoldRun]) -> Iterator[tuple[object, ...]]:
    for fold, run in enumerate(runs):
        for scores in run.scores.values():
            for score in scores:
                subject = (getattr(score, name) for name in SUBJECT)
                yield *subject, fold, score.n, float(score.value)


def _groups(runs: Sequence[FoldRun]) -> Iterator[tuple[str, str, int, int, int]]:
    """The groups of people, with the fewest rows that any fold tests, and in how many few are."""
    for attribute in runs[0].parts.schema.attributes_of("person"):
        codes = [run.parts.test.groups.get(attribute.name) for run in runs]
        for code, level in enumerate(attribute.levels):
            tested = [int((own == code).sum()) for own in codes if own is not None]
            if any(tested):
                small = sum(n < _SMALL for n in tested)
                yield attribute.name, level, sum(tested), min(tested), small


def _counted(of_folds: Iterable[Iterable[str]]) -> Iterable[tuple[str, int]]:
    """How many folds each name is in, in the order in which they come up."""
    return Counter(name for names in of_folds for name in sorted(names)).items()


def _notes(folds: int, runs: FoldRuns, small: Sequence[str]) -> Iterator[Text]:
    if runs.drawn_by == "time":
        yield message("notes.cross_validation.by_time", folds=folds)
    elif runs.drawn_by == "entities":
        yield message("notes.cross_validation.by_entities", folds=folds)
    else:
        yield message("notes.cross_validation.at_random", folds=folds)
    yield message("notes.cross_validation.no_interval")
    if small:
        yield message("notes.cross_validation.small", levels=small, least=_SMALL)
