"""Wisconsin diagnostic breast cancer: cell nuclei in a needle sample, malignant or benign."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.protocols.datasets import DataTraits
from deepseek_report.artifacts.protocols.progress import Progress
from deepseek_report.artifacts.split import Dataset
from deepseek_report.datasets.assembly.assemble import TableSource
from deepseek_report.datasets.assembly.column_declarations import ColumnDeclaration
from deepseek_report.datasets.assembly.dropping import drop_note, drop_problems
from deepseek_report.datasets.assembly.known_tables import load_table
from deepseek_report.datasets.assembly.targets import TargetRule
from deepseek_report.datasets.card.data_card import shipped_description
from deepseek_report.datasets.split.shares import Shares

if TYPE_CHECKING:
    import pandas as pd

_FILE = "breast_cancer.csv of scikit-learn"
_TARGET = "diagnosis"

DESCRIPTION = shipped_description(
    "breast_cancer",
    limits=("no_units", "one_hospital", "no_groups", "prevalence"),
    source="UCI Machine Learning Repository, Breast Cancer Wisconsin (Diagnostic), in the copy "
    "that comes with scikit-learn",
    licence="CC BY 4.0",
    citation="Wolberg, W. H., Street, W. N. and Mangasarian, O. L. (1994). Machine learning "
    "techniques to diagnose breast cancer from image-processed nuclear features of fine needle "
    "aspirates. Cancer Letters 77(2–3), 163–171.",
    doi="10.24432/C5DW2B",
    sector="health",
)

#: What is measured at each nucleus: label, unit, what it means.
_MEASURES = {
    "radius": ("radius", None, "Mean distance from the centre to the outline."),
    "texture": ("texture", "grey levels", "Standard deviation of the grey levels."),
    "perimeter": ("perimeter", None, "Length of the outline."),
    "area": ("area", None, "Area inside the outline."),
    "smoothness": ("smoothness", None, "Local variation of the radius, relative to it."),
    "compactness": ("compactness", None, "Perimeter² / area − 1: 0 would be a ratio of 1."),
    "concavity": ("concavity", None, "How deep the dents of the outline are."),
    "concave points": ("concave points", None, "How much of the outline is dented."),
    "symmetry": ("symmetry", None, "Relative difference of lengths on both sides of the axis."),
    "fractal dimension": ("fractal dimension", None, "How rough the outline is, less 1."),
}

#: How the nuclei of one image are summed up: name in the source -> label, what it means.
_SUMMARIES = {
    "mean {}": ("Mean {}", "Mean over the nuclei of the image."),
    "{} error": ("Standard error of {}", "Standard error over the nuclei of the image."),
    "worst {}": ("Largest {}", "Mean of the three largest values of the image."),
}


def _columns() -> dict[str, ColumnDeclaration]:
    return {
        pattern.format(name): ColumnDeclaration(
            kind="numeric",
            label=label_pattern.format(label),
            unit=unit,
            mutable=False,
            description=f"{meaning} {summary}",
        )
        for pattern, (label_pattern, summary) in _SUMMARIES.items()
        for name, (label, unit, meaning) in _MEASURES.items()
    }


COLUMNS: dict[str, ColumnDeclaration] = {
    **_columns(),
    _TARGET: ColumnDeclaration(
        label="Diagnosis", categories={"benign": "benign", "malignant": "malignant"}
    ),
}

_NOTES = (message("data_sets.breast_cancer.preparation.unchangeable"),)


@dataclass(frozen=True)
class BreastCancer(Shares):
    """569 breast masses, Wisconsin: malignant or benign by their cell nuclei (from scikit-learn).

    drop : features to leave out.
    rows : keep only so many, drawn at random within each class; None keeps all 569.
    duplicates : what happens to rows with the same inputs, see `splitting.SplitRule`.
    """

    drop: tuple[str, ...] = ()
    rows: Annotated[int, Field(ge=100)] | None = None

    def problems(self) -> list[str]:
        """What is wrong, as far as it can be known without loading the data."""
        return [*drop_problems(self.drop, COLUMNS, _TARGET), *self.rule.problems()]

    @property
    def nature(self) -> DataTraits:
        return DataTraits("table", "classification", groups=frozenset())

    def source_digest(self) -> str:
        """SHA-256 of scikit-learn's file."""
        from hashlib import sha256
        from importlib.resources import files

        return sha256(
            files("sklearn.datasets.data").joinpath("breast_cancer.csv").read_bytes()
        ).hexdigest()

    def load(self, seed: int, progress: Progress) -> Dataset:
        """Read, split, describe and check the data."""
        rule = TargetRule(_TARGET, favourable="benign", positive="malignant")
        notes = (*_NOTES, *drop_note(self.drop, [str(COLUMNS[name].label) for name in self.drop]))
        source = TableSource(_FILE, self.source_digest(), DESCRIPTION, COLUMNS, rule, notes=notes)
        return load_table(self._read, source, self.rule, seed, progress)

    def _read(self) -> pd.DataFrame:
        from sklearn.datasets import load_breast_cancer

        bunch = load_breast_cancer(as_frame=True)
        diagnosis = bunch.target.map(dict(enumerate(bunch.target_names.tolist())))
        return bunch.data.assign(**{_TARGET: diagnosis}).drop(columns=list(self.drop))
