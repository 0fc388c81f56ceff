"""The part of a data set's YAML that says which rows are used and how they are shared out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from deepseek_report.datasets.split.splitting import Duplicates, SplitRule

Share = Annotated[float, Field(gt=0, lt=1)]


@dataclass(frozen=True)
class Shares:
    """What data sets that are split here have in common.

    rows : keep only so many, drawn at random within each class; None keeps all.
    validation_share, test_share, duplicates : see `splitting.SplitRule`.
    """

    rows: Annotated[int, Field(ge=30)] | None = None
    validation_share: Share = 0.2
    test_share: Share = 0.2
    duplicates: Duplicates = "together"

    @property
    def rule(self) -> SplitRule:
        return SplitRule(self.validation_share, self.test_share, self.duplicates, self.rows)
