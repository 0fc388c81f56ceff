"""Which quantities of a stream of new cases have drifted from the training part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from deepseek_report.findings.conclusion_limits import SIGNIFICANT
from deepseek_report.statistics.intervals import holm


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

    The p-values hold at any time (`statistics.exchangeability`) and only fall, so Holm's correction
    keeps the chance of any false verdict, over all quantities and all batches, at `SIGNIFICANT`.

    p_values : of each quantity so far. before : the verdicts after the batch before, if any.
    """
    earlier = [verdict.since for verdict in before] or [None] * len(p_values)
    return [
        DriftVerdict(float(p), batch if known is None and p < SIGNIFICANT else known)
        for p, known in zip(holm(p_values), earlier, strict=True)
    ]
