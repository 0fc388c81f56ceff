"""Progression of diabetes one year after ten measurements were taken: a number to predict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from deepseek_report.artifacts.protocols.datasets import DataTraits
from deepseek_report.artifacts.protocols.progress import Progress
from deepseek_report.artifacts.split import Dataset
from deepseek_report.datasets.assembly.assemble import TableSource
from deepseek_report.datasets.assembly.column_declarations import ColumnDeclaration
from deepseek_report.datasets.assembly.dropping import drop_note, drop_problems
from deepseek_report.datasets.assembly.known_tables import load_table
from deepseek_report.datasets.assembly.targets import TargetRule
from deepseek_report.datasets.card.data_card import shipped_description
from deepseek_report.datasets.split.shares import Share, Shares

if TYPE_CHECKING:
    import pandas as pd

_FILES = ("diabetes_data_raw.csv.gz", "diabetes_target.csv.gz")
_FILE = "diabetes_data_raw.csv.gz and diabetes_target.csv.gz of scikit-learn"
_TARGET = "progression"

DESCRIPTION = shipped_description(
    "diabetes",
    limits=("scale", "sex_codes", "few"),
    source="Efron, Hastie, Johnstone and Tibshirani (2004), in the copy that comes with "
    "scikit-learn",
    licence="not stated by the source",
    citation="Efron, B., Hastie, T., Johnstone, I. and Tibshirani, R. (2004). Least angle "
    "regression. Annals of Statistics 32(2), 407–499.",
    doi="10.1214/009053604000000067",
    sector="health",
)

COLUMNS: dict[str, ColumnDeclaration] = {
    "age": ColumnDeclaration(
        kind="numeric",
        label="Age",
        unit="years",
        sensitive=True,
        bands=(40, 55),
        attribute="age_band",
        attribute_label="Age band",
    ),
    "sex": ColumnDeclaration(
        kind="categorical",
        label="Sex",
        categories={1: "sex code 1", 2: "sex code 2"},
        sensitive=True,
        description="The source does not say which code is which.",
    ),
    "bmi": ColumnDeclaration(kind="numeric", label="Body mass index", unit="kg/m²"),
    "bp": ColumnDeclaration(kind="numeric", label="Mean blood pressure", unit="mmHg"),
    "s1": ColumnDeclaration(kind="numeric", label="Total serum cholesterol", unit="mg/dl"),
    "s2": ColumnDeclaration(kind="numeric", label="Low-density lipoproteins", unit="mg/dl"),
    "s3": ColumnDeclaration(kind="numeric", label="High-density lipoproteins", unit="mg/dl"),
    "s4": ColumnDeclaration(
        kind="numeric",
        label="Cholesterol ratio",
        description="Total cholesterol over high-density lipoproteins.",
    ),
    "s5": ColumnDeclaration(
        kind="numeric",
        label="Log of triglycerides",
        description="Possibly the logarithm of the serum triglycerides level.",
    ),
    "s6": ColumnDeclaration(kind="numeric", label="Blood sugar", unit="mg/dl"),
    _TARGET: ColumnDeclaration(label="Progression of the disease"),
}


@dataclass(frozen=True)
class Diabetes(Shares):
    """442 patients: how far diabetes has progressed after a year, a number (from scikit-learn).

    drop : features to leave out. use_sensitive : whether the model is given age and sex.
    rows : keep only so many, drawn at random within bands of the number; None keeps all 442.
    duplicates : what happens to rows with the same inputs, see `splitting.SplitRule`.
    """

    drop: tuple[str, ...] = ()
    use_sensitive: bool = True
    rows: Annotated[int, Field(ge=100)] | None = None
    test_share: Share = 0.3

    def problems(self) -> list[str]:
        """What is wrong, as far as it can be known without loading the data."""
        return [*drop_problems(self.drop, COLUMNS, _TARGET), *self.rule.problems()]

    @property
    def nature(self) -> DataTraits:
        return DataTraits("table", "regression", groups=frozenset({"person"}))

    def source_digest(self) -> str:
        """SHA-256 of scikit-learn's files."""
        from hashlib import sha256
        from importlib.resources import files

        folder = files("sklearn.datasets.data")
        return sha256(b"".join(folder.joinpath(name).read_bytes() for name in _FILES)).hexdigest()

    def load(self, seed: int, progress: Progress) -> Dataset:
        """Read, split, describe and check the data."""
        notes = drop_note(self.drop, [str(COLUMNS[name].label) for name in self.drop])
        rule = TargetRule(_TARGET, task="regression", unit="points")
        source = TableSource(
            _FILE, self.source_digest(), DESCRIPTION, COLUMNS, rule, notes=tuple(notes)
        )
        return load_table(self._read, source, self.rule, seed, progress, self.use_sensitive)

    def _read(self) -> pd.DataFrame:
        from sklearn.datasets import load_diabetes

        bunch = load_diabetes(as_frame=True, scaled=False)
        return bunch.data.assign(**{_TARGET: bunch.target}).drop(columns=list(self.drop))
