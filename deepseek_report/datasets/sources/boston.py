"""Decisions on home mortgages in Boston, 1990: labels that are decisions of lenders."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.protocols.datasets import DataTraits
from deepseek_report.artifacts.protocols.progress import Progress
from deepseek_report.artifacts.split import Dataset
from deepseek_report.artifacts.storage.plain_files import sha256_file
from deepseek_report.datasets.assembly.assemble import TableSource
from deepseek_report.datasets.assembly.column_declarations import Code, ColumnDeclaration
from deepseek_report.datasets.assembly.dropping import drop_note, drop_problems
from deepseek_report.datasets.assembly.known_tables import load_table
from deepseek_report.datasets.assembly.targets import TargetRule
from deepseek_report.datasets.card.data_card import shipped_description
from deepseek_report.datasets.readers.file_form import FileForm
from deepseek_report.datasets.readers.table_file import file_problem, read_table
from deepseek_report.datasets.split.shares import Shares

if TYPE_CHECKING:
    import pandas as pd

_FILE = Path(__file__).parent / "data" / "boston_hmda.parquet"
_TARGET = "deny"
_RATIOS = ("pirat", "hirat", "lvrat")

DESCRIPTION = shipped_description(
    "boston_hmda",
    limits=("decisions", "sample", "one_area"),
    source="Federal Reserve Bank of Boston (Home Mortgage Disclosure Act data and a survey of "
    "lenders), in the extract distributed with Stock and Watson, Introduction to Econometrics",
    licence="none stated; published by a public body for research",
    citation="Munnell, A. H., Tootell, G. M. B., Browne, L. E. and McEneaney, J. (1996). Mortgage "
    "Lending in Boston: Interpreting HMDA Data. American Economic Review 86(1), 25–53.",
    sector="credit",
)

_YES_NO: dict[Code, str] = {"no": "no", "yes": "yes"}

_FINANCES = {
    "pirat": ColumnDeclaration(
        kind="numeric",
        label="All debt payments to income",
        unit="%",
        direction="decrease",
        step=1,
        description="Monthly payments on all debts as a share of monthly income.",
    ),
    "hirat": ColumnDeclaration(
        kind="numeric",
        label="Housing expense to income",
        unit="%",
        direction="decrease",
        step=1,
        description="Monthly expense on housing as a share of monthly income.",
    ),
    "lvrat": ColumnDeclaration(
        kind="numeric",
        label="Loan to property value",
        unit="%",
        direction="decrease",
        step=1,
        description="Size of the loan as a share of the assessed value of the property.",
    ),
    "chist": ColumnDeclaration(
        kind="ordinal",
        label="Consumer credit record",
        categories={
            1: "no slow payments",
            2: "1–2 slow payments",
            3: "over 2 slow payments",
            4: "too little history",
            5: "60 days overdue",
            6: "90 days overdue",
        },
        mutable=False,
        description="The lender's grade of payments on consumer credit, 6 worst.",
    ),
    "mhist": ColumnDeclaration(
        kind="ordinal",
        label="Mortgage credit record",
        categories={
            1: "no late payments",
            2: "no mortgage before",
            3: "1–2 late payments",
            4: "over 2 late payments",
        },
        mutable=False,
        description="The lender's grade of payments on earlier mortgages, 4 worst.",
    ),
    "phist": ColumnDeclaration(
        kind="categorical",
        label="Public record of bad credit",
        categories=_YES_NO,
        mutable=False,
        description="Such as bankruptcy, charge-off or collection.",
    ),
    "insurance": ColumnDeclaration(
        kind="categorical",
        label="Mortgage insurance denied",
        categories=_YES_NO,
        mutable=False,
        description="An insurer decides it, often while the lender decides on the loan.",
    ),
    "condomin": ColumnDeclaration(
        kind="categorical", label="Condominium", categories=_YES_NO, mutable=True
    ),
}

_PERSON = {
    "unemp": ColumnDeclaration(
        kind="numeric",
        label="Unemployment in the industry",
        unit="%",
        mutable=False,
        description="Rate of Massachusetts in 1989 in the industry that the applicant works in.",
    ),
    "selfemp": ColumnDeclaration(
        kind="categorical", label="Self-employed", categories=_YES_NO, mutable=False
    ),
    "hschool": ColumnDeclaration(
        kind="categorical", label="High-school diploma", categories=_YES_NO, mutable=False
    ),
    "afam": ColumnDeclaration(
        kind="categorical",
        label="Race",
        categories={"no": "white", "yes": "African-American"},
        sensitive=True,
        attribute="race",
    ),
    "single": ColumnDeclaration(
        kind="categorical",
        label="Marital status",
        categories={"no": "not single", "yes": "single"},
        sensitive=True,
        attribute="marital_status",
    ),
}

COLUMNS: dict[str, ColumnDeclaration] = {
    **_FINANCES,
    **_PERSON,
    _TARGET: ColumnDeclaration(
        label="Lender's decision", categories={"no": "approved", "yes": "denied"}
    ),
}

_NOTES = (
    message("data_sets.boston_hmda.preparation.percent"),
    message("data_sets.boston_hmda.preparation.ordered"),
    message("data_sets.boston_hmda.preparation.changeable"),
)


@dataclass(frozen=True)
class BostonMortgages(Shares):
    """2 380 applications for a home mortgage, Boston 1990: what lenders decided (in the package).

    drop : features to leave out, such as [insurance], which nearly gives the decision away.
    rows : keep only so many, drawn at random within each class; None keeps all 2 380.
    duplicates : what happens to rows with the same inputs, see `splitting.SplitRule`.
    use_sensitive : give race and marital status to the model; groups are compared either way.
    """

    drop: tuple[str, ...] = ()
    rows: Annotated[int, Field(ge=100)] | None = None
    use_sensitive: bool = True

    def problems(self) -> list[str]:
        """What is wrong, as far as it can be known without loading the data."""
        missing = file_problem(_FILE)
        dropped = drop_problems(self.drop, COLUMNS, _TARGET)
        return [*([missing] if missing else []), *dropped, *self.rule.problems()]

    @property
    def nature(self) -> DataTraits:
        return DataTraits("table", "classification", groups=frozenset({"person"}))

    def source_digest(self) -> str:
        """SHA-256 of the shipped file."""
        return sha256_file(_FILE, links=True)

    def load(self, seed: int, progress: Progress) -> Dataset:
        """Read, split, describe and check the data."""
        rule = TargetRule(_TARGET, favourable="no", positive="yes", labels_are_decisions=True)
        labels = [str(COLUMNS[name].label) for name in self.drop]
        notes = (*_NOTES, *drop_note(self.drop, labels))
        read = read_table(_FILE, FileForm())
        source = TableSource(_FILE.name, read.sha256, DESCRIPTION, COLUMNS, rule, notes=notes)
        return load_table(
            lambda: _in_percent(read.frame).drop(columns=list(self.drop)),
            source,
            self.rule,
            seed,
            progress,
            self.use_sensitive,
        )


def _in_percent(frame: pd.DataFrame) -> pd.DataFrame:
    """People say 33 % of the income, not 0.33; rounding takes away what only the product adds."""
    return frame.assign(**{name: (frame[name] * 100).round(10) for name in _RATIOS})
