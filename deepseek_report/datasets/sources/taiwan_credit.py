"""The table that the default experiment is on: clients of a bank in Taiwan who pay or do not."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from deepseek_report.artifacts.message import Message, message
from deepseek_report.artifacts.protocols.progress import Progress
from deepseek_report.artifacts.split import Dataset
from deepseek_report.datasets.assembly.cell_encoding import TargetRule
from deepseek_report.datasets.sources.shipped_table import ShippedTable


@dataclass(frozen=True)
class TaiwanCredit(ShippedTable):
    """30 000 credit-card clients in Taiwan, 2005: who defaults next month (ships with the package).

    rows : keep only so many, drawn at random; None keeps all 30 000.
    duplicates : what happens to rows with the same inputs, see `splitting.SplitRule`.
    use_sensitive : give sex, age and marital status to the model, as the published studies do;
        groups are compared by them either way.
    relations : what holds between the columns of every row, see `DeclaredTable`.
    """

    codebook: ClassVar[Path] = Path(__file__).parent / "data" / "taiwan_credit.yaml"
    target: ClassVar[TargetRule] = TargetRule("default_next_month", favourable=0, positive=1)
    notes: ClassVar[tuple[Message, ...]] = (
        message("data_sets.taiwan_credit.preparation.ordered"),
        message("data_sets.taiwan_credit.preparation.unused"),
        message("data_sets.taiwan_credit.preparation.changeable"),
        message("data_sets.taiwan_credit.preparation.status_zero"),
    )

    use_sensitive: bool = True
    relations: tuple[str, ...] = ("PAY_AMT1 <= BILL_AMT1",)

    def load(self, seed: int, progress: Progress) -> Dataset:
        sensitive, relations = self.use_sensitive, self.relations
        return self._load(seed, progress, use_sensitive=sensitive, relations=relations)
