"""Watches the inputs and the scores of new cases for drift from those of the run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from deepseek_report.artifacts.array_types import Floats
from deepseek_report.artifacts.message import Text, message
from deepseek_report.artifacts.predictions import Predictions
from deepseek_report.artifacts.schema import Feature, Schema, Target
from deepseek_report.data_kinds import kind_of
from deepseek_report.data_kinds.watched import Quantity
from deepseek_report.findings.stream_drift import DriftVerdict, drift_verdicts
from deepseek_report.statistics.exchangeability import Monitor, stability_index


@dataclass(frozen=True)
class DriftRow:
    """A watched quantity after a batch.

    index, chance : population stability index of the batch, and what chance alone rarely exceeds;
    0 and NaN for an empty batch. outside, missing : how many of its values lie outside of the range
    (or the categories) of the reference, or are missing. change : the reference and the batch in
    words.
    """

    key: str
    label: Text
    verdict: DriftVerdict
    index: float
    chance: float
    outside: int
    missing: int
    change: Text


@dataclass
class DriftWatch:
    """Monitors of every quantity, one false alarm rate for all of them and for all time.

    schema : in the words of the reader. inputs : of the training part (row, column).
    scores : predictions of rows that the model was not fitted to.
    """

    schema: Schema
    inputs: Floats
    scores: Sequence[Predictions]
    seed: int
    verdicts: Sequence[DriftVerdict] = ()
    reference: list[Quantity] = field(init=False)
    _monitors: list[Monitor] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        by_part = [outputs(part, self.schema.target) for part in self.scores]
        together = [
            Quantity(
                parts[0].key,
                parts[0].label,
                parts[0].feature,
                np.concatenate([part.values for part in parts]),
            )
            for parts in zip(*by_part, strict=True)
        ]
        self.reference = [*together, *kind_of(self.schema).watched(self.inputs)]
        self._monitors = [
            Monitor.of(quantity.values, (self.seed, place))
            for place, quantity in enumerate(self.reference)
        ]

    def take(self, inputs: Floats, predictions: Predictions, number: int) -> list[DriftRow]:
        """What is known after a batch of inputs (row, column) and their predictions.

        number : of the batch, by which drift is dated.
        """
        watched = kind_of(self.schema).watched(inputs)
        batch = [*outputs(predictions, self.schema.target), *watched]
        for monitor, quantity in zip(self._monitors, batch, strict=True):
            monitor.batch(quantity.values)
        p_values = [monitor.p_value for monitor in self._monitors]
        self.verdicts = drift_verdicts(p_values, number, self.verdicts)
        return [_row(*parts) for parts in zip(self.reference, batch, self.verdicts, strict=True)]


def outputs(predictions: Predictions, target: Target) -> list[Quantity]:
    """What a model states of cases: of two classes the probability of the explained one, of more
    that of each, or the number.
    """
    number = Feature("output", "output", "numeric", unit=target.unit)
    if target.is_number:
        name = message("board.stream.number", name=target.label)
        return [Quantity("output", name, number, predictions.values)]
    n_classes = predictions.probabilities.shape[1]
    return [
        Quantity(
            f"output {k}",
            message("board.stream.probability", name=target.classes[k]),
            number,
            predictions.probabilities[:, k],
        )
        for k in ([predictions.explained] if n_classes == 2 else range(n_classes))
    ]


def _row(reference: Quantity, batch: Quantity, verdict: DriftVerdict) -> DriftRow:
    numeric = reference.feature.is_numeric
    index, chance = stability_index(reference.values, batch.values, numeric)
    return DriftRow(
        key=reference.key,
        label=reference.label,
        verdict=verdict,
        index=index,
        chance=chance,
        outside=batch.outside(reference.values),
        missing=int(np.isnan(batch.values).sum()),
        change=_medians(reference, batch) if numeric else _shares(reference, batch),
    )


def _medians(reference: Quantity, batch: Quantity) -> Text:
    before, now = (
        quantity.feature.display(float(np.median(known)) if len(known) else float("nan"))
        for quantity in (reference, batch)
        for known in [quantity.values[~np.isnan(quantity.values)]]
    )
    return message("board.stream.medians", before=before, now=now)


def _shares(reference: Quantity, batch: Quantity) -> Text:
    """Of the category whose share is most unlike."""
    n = len(reference.feature.categories)
    before, now = (
        np.bincount(quantity.values[~np.isnan(quantity.values)].astype(np.int64), minlength=n)
        / max(len(quantity.values), 1)
        for quantity in (reference, batch)
    )
    most = int(np.abs(now - before).argmax())
    return message(
        "board.stream.shares",
        category=reference.feature.categories[most].label,
        before=float(before[most]),
        now=float(now[most]),
    )
