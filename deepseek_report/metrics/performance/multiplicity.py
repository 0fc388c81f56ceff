"""Luck of training: how many decisions an equally good fit of the same model takes otherwise."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from deepseek_report.artifacts.array_types import Ints
from deepseek_report.artifacts.conclusions import ThresholdRule
from deepseek_report.artifacts.disclosure import WHOLE
from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.predictions import Predictions
from deepseek_report.artifacts.protocols.metrics import MeasureContext, Refits
from deepseek_report.artifacts.split import Split
from deepseek_report.artifacts.table import TableType
from deepseek_report.errors import NotApplicableError
from deepseek_report.metrics.performance.predicting import predict
from deepseek_report.metrics.plugin import ClassMetric, EntityMetric
from deepseek_report.statistics import paired
from deepseek_report.statistics.resampling import Resampling
from deepseek_report.tasks import task_of

#: Fits of an estimator, and the fewest that say anything.
_FITS, _FEWEST = 10, 4
#: Rows that a group has at least.
_LEAST_IN_GROUP = 30


@dataclass(frozen=True)
class GroupOfFits:
    """How equally good fits decide about a group: a row of `multiplicity.by_group`."""

    attribute: Annotated[str, "attribute"]
    level: str
    n: int
    ambiguity: Annotated[Estimate, "share"]
    self_consistency: Annotated[Estimate, "share"]


@dataclass(frozen=True)
class Multiplicity(EntityMetric, ClassMetric):
    """What of the decisions hangs on the luck of the training.

    The model is fitted again, by other seeds and to bootstrap samples of the training rows (of
    whole entities where these are declared). A sample holds fewer different rows than the training
    part, so of these fits count those whose ROC AUC on the validation part is not shown to be
    lower than the model's by more than `tolerance`. Ambiguity is the share of test decisions that
    at least one of them takes otherwise; self-consistency is the mean share of pairs of them that
    decide alike.

    An estimator is fitted ten times, or fewer where that would cost more than 100 million rows ×
    trees; with room for fewer than four it is not measured. A network is fitted as often as
    `refits` says, none by default, since each is a whole training.

    tolerance : by how much less a fit may rank to be called equally good, in ROC AUC.
    refits : how often a network is fitted again, at least four; 0 measures none.

    Reference: Marx, Calmon & Ustun 2020, arXiv:1909.06677; Cooper et al. 2024, arXiv:2301.11562.
    """

    reveals = "aggregate"
    tables = {"by_group": TableType.of(GroupOfFits, "robustness", folded=True, release=WHOLE)}
    bounds = {"ambiguity": (0.0, 1.0), "self_consistency": (0.0, 1.0)}
    category = "robustness"
    reads = frozenset(
        {"dataset", "predictions", "validation_predictions", "classifier", "refits", "seed"}
    )
    refits: Annotated[int, Field(ge=0, le=200)] = 0
    tolerance: Annotated[float, Field(ge=0, le=0.5)] = 0.01

    def measure(self, context: MeasureContext) -> Measurement:
        decisions = self._decisions(context)
        own, rows = context.predictions.decisions, Resampling.of(context.predictions)
        measures: dict[str, paired.PerRow] = {
            "ambiguity": paired.ambiguity_of(own),
            "self_consistency": paired.self_consistency,
        }
        whole = {
            key: paired.over_rows_and_fits(per_row, decisions, rows)
            for key, per_row in measures.items()
        }
        by_group = list(self._by_group(context, decisions))
        note = message("notes.multiplicity.fits", n=len(decisions), tolerance=self.tolerance)
        return Measurement(
            (
                self.score("ambiguity", whole["ambiguity"], "lower", unit="share", note=note),
                self.score(
                    "self_consistency", whole["self_consistency"], "higher", unit="share", note=note
                ),
            ),
            self.frames(by_group=by_group) if by_group else {},
            arrays={"alike": (decisions == own).sum(axis=0), "fits": np.array([len(decisions)])},
            notes=(note,),
        )

    def _decisions(self, context: MeasureContext) -> Ints:
        """(fit, test row) those of the fits that are not shown to be worse than the model.

        Raises NotApplicableError: it cannot be fitted again, is not to be, or too few fits are as
            good.
        """
        refits = context.refits
        if refits is None:
            raise NotApplicableError(message("refusals.cannot_refit"))
        count = self._affordable(refits)
        context.progress.start("refits", count)
        kept = []
        for predicted in self._fitted(context, refits, count):
            if self._is_as_good(predicted["validation"], context):
                kept.append(predicted["test"].decisions)
            context.progress.advance()
        if len(kept) < _FEWEST:
            raise NotApplicableError(
                message(
                    "refusals.few_good_refits",
                    n=len(kept),
                    of=count,
                    least=_FEWEST,
                    tolerance=self.tolerance,
                )
            )
        return np.stack(kept)

    def _affordable(self, refits: Refits) -> int:
        if refits.is_network:
            if self.refits < _FEWEST:
                raise NotApplicableError(message("refusals.refits_not_asked", least=_FEWEST))
            return self.refits
        count = min(max(self.refits, _FITS), refits.most_work // max(refits.work, 1))
        if count < _FEWEST:
            raise NotApplicableError(message("refusals.refits_dear", least=_FEWEST))
        return int(count)

    def _fitted(
        self, context: MeasureContext, refits: Refits, count: int
    ) -> Iterator[dict[str, Predictions]]:
        """Predictions of each fit, which chooses its threshold as the model did."""
        data, made = context.dataset, context.predictions
        rule = ThresholdRule(made.rule, made.threshold)
        for fit in range(count):
            generator = np.random.default_rng([context.seed, 2020, fit])
            classifier = refits(drawn_rows(data.train, generator), int(generator.integers(2**31)))
            yield predict(classifier, data.validation, data.test, rule)

    def _is_as_good(self, fit: Predictions, context: MeasureContext) -> bool:
        """Whether the validation part does not show the fit to be worse by more than allowed."""
        measure = task_of(context.dataset.schema.target).by_rows[0]
        difference, _ = measure.difference(fit, context.validation_predictions)
        high = difference.value if difference.ends is None else difference.ends[1]
        return bool(high >= -self.tolerance)

    def _by_group(self, context: MeasureContext, decisions: Ints) -> Iterator[GroupOfFits]:
        """The same of each group of people that is large enough."""
        predictions = context.predictions
        rows = Resampling.of(predictions)
        for attribute in context.dataset.schema.attributes_of("person"):
            codes = predictions.groups.get(attribute.name)
            for code, level in enumerate(attribute.levels if codes is not None else ()):
                inside = np.flatnonzero(codes == code)
                if len(inside) < _LEAST_IN_GROUP:
                    continue
                own = paired.ambiguity_of(predictions.decisions[inside])
                part, mine = decisions[:, inside], rows.take(inside)
                ambiguity = paired.over_rows_and_fits(own, part, mine)
                alike = paired.over_rows_and_fits(paired.self_consistency, part, mine)
                yield GroupOfFits(attribute.name, level, len(inside), ambiguity, alike)


def drawn_rows(train: Split, generator: np.random.Generator) -> Ints:
    """A bootstrap sample of the training rows, of whole entities where these are declared."""
    if train.entities is None:
        return np.sort(generator.integers(0, len(train), len(train)))
    present, units = np.unique(train.entities, return_inverse=True)
    times = np.bincount(generator.integers(0, len(present), len(present)), minlength=len(present))
    return np.repeat(np.arange(len(train)), times[units])
