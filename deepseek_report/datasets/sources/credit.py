"""Default of credit-card clients in Taiwan, 2005: the data set that travels with the package."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field

from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.protocols.datasets import DataTraits
from deepseek_report.artifacts.protocols.progress import Progress
from deepseek_report.artifacts.schema import Direction
from deepseek_report.artifacts.split import Dataset
from deepseek_report.artifacts.storage.plain_files import sha256_file
from deepseek_report.datasets.assembly.assemble import TableSource
from deepseek_report.datasets.assembly.column_declarations import Code, ColumnDeclaration
from deepseek_report.datasets.assembly.known_tables import load_table
from deepseek_report.datasets.assembly.targets import TargetRule
from deepseek_report.datasets.card.data_card import shipped_description
from deepseek_report.datasets.readers.file_form import FileForm
from deepseek_report.datasets.readers.table_file import file_problem, read_table
from deepseek_report.datasets.split.shares import Shares

_FILE = Path(__file__).parent / "data" / "taiwan_credit.parquet"
_MONTHS = ("September", "August", "July", "June", "May", "April")
_TARGET = "default_next_month"
_LATEST = "The latest month stands for the months to come: the client can change it."
_PAST = "An earlier month: it can no longer be changed."

DESCRIPTION = shipped_description(
    "taiwan_credit",
    limits=("one_bank", "granted_only", "codes"),
    source="UCI Machine Learning Repository, Default of Credit Card Clients (I-Cheng Yeh)",
    licence="CC BY 4.0",
    citation="Yeh, I.-C. and Lien, C.-h. (2009). The comparisons of data mining techniques for the "
    "predictive accuracy of probability of default of credit card clients. Expert Systems with "
    "Applications 36(2), 2473–2480. doi:10.1016/j.eswa.2007.12.020",
    doi="10.24432/C55S3H",
    sector="credit",
)

_STATUS: dict[Code, str] = {
    -1: "paid duly",
    1: "1 month late",
    **{months: f"{months} months late" for months in range(2, 9)},
    9: "9 or more months late",
}
_STATUS_UNDOCUMENTED: dict[Code, str] = {
    -2: "code −2: no spending?",
    0: "code 0: revolving?",
}

_PERSON = {
    "LIMIT_BAL": ColumnDeclaration(
        kind="numeric",
        label="Credit limit",
        unit="NT$",
        mutable=False,
        description="Given to the client and the family; the bank sets it, not the client.",
    ),
    "SEX": ColumnDeclaration(
        kind="categorical",
        label="Sex",
        categories={1: "man", 2: "woman"},
        levels={1: "men", 2: "women"},
        sensitive=True,
        attribute="sex",
    ),
    "EDUCATION": ColumnDeclaration(
        kind="categorical",
        label="Education",
        categories={1: "graduate school", 2: "university", 3: "high school", 4: "other education"},
        mutable=False,
    ),
    "MARRIAGE": ColumnDeclaration(
        kind="categorical",
        label="Marital status",
        categories={1: "married", 2: "single", 3: "other status"},
        levels={1: "married", 2: "single", 3: "other status"},
        sensitive=True,
        attribute="marital_status",
    ),
    "AGE": ColumnDeclaration(
        kind="numeric",
        label="Age",
        unit="years",
        sensitive=True,
        bands=(25, 35, 45, 55),
        attribute="age_band",
        attribute_label="Age band",
    ),
}


def _monthly(
    prefix: str,
    numbers: tuple[int, ...],
    direction: Direction,
    **fixed: object,
) -> dict[str, ColumnDeclaration]:
    """One column for each month, the latest first; `label` gets the month.

    direction : the way in which a client can move the latest month; earlier ones are past.
    """
    label = str(fixed.pop("label"))
    return {
        f"{prefix}{number}": ColumnDeclaration(
            **fixed,  # type: ignore[arg-type]
            label=f"{label} {month} 2005",
            mutable=month == _MONTHS[0],
            direction=direction if month == _MONTHS[0] else None,
            description=_LATEST if month == _MONTHS[0] else _PAST,
        )
        for number, month in zip(numbers, _MONTHS, strict=True)
    }


COLUMNS: dict[str, ColumnDeclaration] = {
    **_PERSON,
    **_monthly(
        "PAY_",
        (0, 2, 3, 4, 5, 6),
        "decrease",
        label="Repayment status in",
        kind="ordinal",
        categories=_STATUS,
        undocumented=_STATUS_UNDOCUMENTED,
    ),
    **_monthly(
        "BILL_AMT",
        (1, 2, 3, 4, 5, 6),
        "decrease",
        label="Bill in",
        kind="numeric",
        unit="NT$",
        step=1000,
    ),
    **_monthly(
        "PAY_AMT",
        (1, 2, 3, 4, 5, 6),
        "increase",
        label="Amount paid in",
        kind="numeric",
        unit="NT$",
        step=1000,
    ),
    _TARGET: ColumnDeclaration(
        label="Default in October 2005", categories={0: "no default", 1: "default"}
    ),
}

_NOTES = (
    message("data_sets.taiwan_credit.preparation.ordered"),
    message("data_sets.taiwan_credit.preparation.unused"),
    message("data_sets.taiwan_credit.preparation.changeable"),
    message("data_sets.taiwan_credit.preparation.status_zero"),
)


@dataclass(frozen=True)
class TaiwanCredit(Shares):
    """30 000 credit-card clients in Taiwan, 2005: who defaults next month (ships with the package).

    rows : keep only so many, drawn at random within each class; None keeps all 30 000.
    duplicates : what happens to rows with the same inputs, see `splitting.SplitRule`.
    use_sensitive : give sex, age and marital status to the model, as the published studies do;
        groups are compared by them either way.
    relations : what holds between the columns of every row, see `DeclaredTable`.
    """

    rows: Annotated[int, Field(ge=100)] | None = None
    use_sensitive: bool = True
    relations: tuple[str, ...] = ("PAY_AMT1 <= BILL_AMT1",)

    def problems(self) -> list[str]:
        """What is wrong, as far as it can be known without loading the data."""
        missing = file_problem(_FILE)
        return [*([missing] if missing else []), *self.rule.problems()]

    @property
    def nature(self) -> DataTraits:
        return DataTraits("table", "classification", groups=frozenset({"person"}))

    def source_digest(self) -> str:
        """SHA-256 of the shipped file."""
        return sha256_file(_FILE, links=True)

    def load(self, seed: int, progress: Progress) -> Dataset:
        """Read, split, describe and check the data."""
        rule = TargetRule(_TARGET, favourable=0, positive=1)
        read = read_table(_FILE, FileForm())
        source = TableSource(
            _FILE.name,
            read.sha256,
            DESCRIPTION,
            COLUMNS,
            rule,
            notes=_NOTES,
            relations=self.relations,
        )
        return load_table(
            lambda: read.frame,
            source,
            self.rule,
            seed,
            progress,
            self.use_sensitive,
        )
