"""Watches inputs, scores and reasons of new cases for drift from those of the run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from deepseek_report.artifacts.array_types import Floats
from deepseek_report.artifacts.message import Text, message
from deepseek_report.artifacts.predictions import Predictions
from deepseek_report.artifacts.schema import Feature, Schema, Target
from deepseek_report.data_kinds import kind_of
from deepseek_report.data_kinds.base import Quantity
from deepseek_report.extensions.live.exchangeability import Monitor, StabilityIndex
from deepseek_report.findings.severity import SIGNIFICANT
from deepseek_report.statistics.intervals import holm
from deepseek_report.tasks import task_of

#: What the model states, what comes in, or what an input adds to what is stated.
Role = Literal["output", "input", "reason"]
#: Attributions that differ by less than this share of the largest one of the run are ties.
_GRAIN = 1e-4


@dataclass(frozen=True)
class DriftVerdict:
    """Whether a quantity has drifted.

    p_adjusted : anytime-valid p-value, corrected for all watched quantities. since : number of the
        batch in which it was found first, from 1; None where no drift is shown.
    """

    p_adjusted: float
    since: int | None

    @property
    def drifted(self) -> bool:
        return self.since is not None


def drift_verdicts(
    p_values: Sequence[float], batch: int, before: Sequence[DriftVerdict] = ()
) -> list[DriftVerdict]:
    """The verdict on each quantity after a batch; what was found once stays found.

    The p-values hold at any time (`exchangeability`) and only fall, so Holm's correction
    keeps the chance of any false verdict, over all quantities and all batches, at `SIGNIFICANT`.

    p_values : of each quantity so far. before : the verdicts after the batch before, if any.
    """
    earlier = [verdict.since for verdict in before] or [None] * len(p_values)
    return [
        DriftVerdict(float(p), batch if known is None and p < SIGNIFICANT else known)
        for p, known in zip(holm(p_values), earlier, strict=True)
    ]


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
    role: Role = "input"


@dataclass(frozen=True)
class Reference:
    """What of the run a watched quantity is compared with, in so few numbers as are needed.

    seen : the lowest and the highest of numbers, or every category that occurs. typical : the
    median, or (category,) shares. index : how far batches are from the run.
    """

    key: str
    label: Text
    feature: Feature
    seen: Floats
    typical: Floats
    index: StabilityIndex
    role: Role = "input"

    @classmethod
    def of(cls, quantity: Quantity, role: Role = "input") -> Reference:
        """From a quantity of the cases of the run."""
        key, label, feature, seen = quantity.key, quantity.label, quantity.feature, quantity.held
        index = StabilityIndex.of(quantity.values, feature.is_numeric)
        return cls(key, label, feature, seen, _typical(quantity), index, role)

    def row(self, batch: Quantity, verdict: DriftVerdict) -> DriftRow:
        """The quantity in a batch, beside that of the run."""
        index, chance = self.index(batch.values)
        return DriftRow(
            key=self.key,
            label=self.label,
            verdict=verdict,
            index=index,
            chance=chance,
            outside=batch.outside(self.seen),
            missing=len(batch.values) - len(batch.known),
            change=self._change(_typical(batch)),
            role=self.role,
        )

    def _change(self, now: Floats) -> Text:
        """Medians, or the shares of the category whose share is most unlike."""
        before = self.typical
        if self.feature.is_numeric:
            shown = [self.feature.display(float(median)) for median in (before, now)]
            return message("board.stream.medians", before=shown[0], now=shown[1])
        most = int(np.abs(now - before).argmax())
        return message(
            "board.stream.shares",
            category=self.feature.categories[most].label,
            before=float(before[most]),
            now=float(now[most]),
        )


def _typical(quantity: Quantity) -> Floats:
    """The median of numbers, of shape (), or the (category,) shares."""
    if quantity.feature.is_numeric:
        return np.array(np.median(quantity.known) if len(quantity.known) else np.nan)
    n = len(quantity.feature.categories)
    counts = np.bincount(quantity.known.astype(np.int64), minlength=n)
    shares: Floats = counts / max(len(quantity.values), 1)
    return shares


@dataclass
class DriftWatch:
    """Monitors of every quantity, one false alarm rate for all of them and for all time.

    Neither the cases of the run nor those of the stream are kept; memory does not grow.

    references : of the outputs, of the inputs and, where cases are explained, of the reasons.
    monitors : one each. grain : attributions that differ by less are ties; what is computed in
    batches of other sizes differs in its last digits.
    """

    references: Sequence[Reference]
    monitors: Sequence[Monitor]
    verdicts: Sequence[DriftVerdict] = ()
    grain: float = 0.0

    @classmethod
    def of(
        cls,
        schema: Schema,
        inputs: Floats,
        pilot: Floats,
        scores: Sequence[Predictions],
        seed: int,
        attributions: Floats | None = None,
    ) -> DriftWatch:
        """A watch that has seen the cases of the run.

        schema : in the words of the reader. inputs : of the training part (row, column).
        pilot : of the validation part (row, column); they say which values have a bet of their own.
        scores : predictions of rows that the model was not fitted to.
        attributions : (case, player) of such rows, chosen as those of the stream are; None where
            no case is explained.
        """
        stated = [outputs(part, schema.target) for part in scores]
        together = [
            replace(parts[0], values=np.concatenate([part.values for part in parts]))
            for parts in zip(*stated, strict=True)
        ]
        kind, grain = kind_of(schema), 0.0
        if attributions is not None and attributions.size:
            grain = _GRAIN * float(np.nan_to_num(np.abs(attributions)).max())
        by_role: dict[Role, list[Quantity]] = {
            "output": together,
            "input": kind.watched(inputs),
            "reason": reasons(attributions, schema, grain),
        }
        quantities = [quantity for part in by_role.values() for quantity in part]
        roles = [role for role, part in by_role.items() for _ in part]
        seen = iter(part.values for part in kind.watched(pilot))
        pilots = [next(seen) if role == "input" else None for role in roles]
        monitors = [
            Monitor.of(quantity.values, (seed, place), values)
            for place, (quantity, values) in enumerate(zip(quantities, pilots, strict=True))
        ]
        return cls(list(map(Reference.of, quantities, roles)), monitors, grain=grain)

    def take(
        self,
        schema: Schema,
        inputs: Floats,
        predictions: Predictions,
        number: int,
        attributions: Floats | None = None,
    ) -> list[DriftRow]:
        """What is known after a batch of inputs (row, column) and their predictions.

        number : of the batch, by which drift is dated. attributions : (explained case, player),
        None as in `of`.
        """
        watched = kind_of(schema).watched(inputs)
        stated = outputs(predictions, schema.target)
        batch = [*stated, *watched, *reasons(attributions, schema, self.grain)]
        for monitor, quantity in zip(self.monitors, batch, strict=True):
            monitor.batch(quantity.values)
        p_values = [monitor.p_value for monitor in self.monitors]
        self.verdicts = drift_verdicts(p_values, number, self.verdicts)
        return [
            reference.row(quantity, verdict)
            for reference, quantity, verdict in zip(
                self.references, batch, self.verdicts, strict=True
            )
        ]


def reasons(attributions: Floats | None, schema: Schema, grain: float) -> list[Quantity]:
    """What each player adds to the output of a case; none where no case is explained.

    attributions : (case, player). A player of a table has the key of its feature. grain : their
    values are rounded to multiples of it; 0 leaves them as they are.
    """
    if attributions is None:
        return []
    if grain:
        attributions = np.round(attributions / grain) * grain
    number = Feature("reason", "reason", "numeric")
    names = kind_of(schema).player_names
    return [
        Quantity(name, message("board.stream.reason", name=label), number, values)
        for name, label, values in zip(names, schema.player_labels, attributions.T, strict=True)
    ]


def outputs(predictions: Predictions, target: Target) -> list[Quantity]:
    """What a model states of cases: of two classes the probability of the explained one, of more
    that of each, or the number.
    """
    number = Feature("output", "output", "numeric", unit=target.unit)
    if not task_of(target).decides:
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
