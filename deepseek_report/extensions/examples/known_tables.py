"""Example tables whose columns are known: mortgages of Boston, and two tables of scikit-learn.

What the card says of each, and what its columns are, stands in a YAML in `data/`.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import ClassVar

from deepseek_report.artifacts.message import Message, message
from deepseek_report.artifacts.protocols.progress import Progress
from deepseek_report.artifacts.schema import AttributeKind, TaskName
from deepseek_report.artifacts.split import Dataset
from deepseek_report.datasets.assembly.cell_encoding import TargetRule
from deepseek_report.datasets.assembly.column_declarations import error_text, nearest
from deepseek_report.datasets.sources.shipped_table import KnownTable, Read, ShippedTable, known
from deepseek_report.datasets.splitting import Share

_DATA = Path(__file__).parent / "data"


@dataclass(frozen=True)
class _ScikitLearnTable(KnownTable):
    """A table that comes with scikit-learn; `files` are those of `sklearn.datasets.data`."""

    files: ClassVar[tuple[str, ...]]

    def _files_digest(self) -> str:
        from importlib.resources import files

        folder = files("sklearn.datasets.data")
        content = b"".join(folder.joinpath(name).read_bytes() for name in self.files)
        return sha256(content).hexdigest()

    @property
    def _called(self) -> str:
        return f"{' and '.join(self.files)} of scikit-learn"


@dataclass(frozen=True)
class _Dropping(KnownTable):
    """A table of which features can be left out."""

    drop: tuple[str, ...] = ()

    def problems(self) -> list[str]:
        target = self.target.name
        features = [name for name in known(self.codebook).columns if name != target]
        wrong = [
            error_text(
                "dataset",
                f"`dataset.drop` names `{name}`, which is "
                + ("the target" if name == target else "not a column"),
                "a feature of the data",
                nearest(name, features),
            )
            for name in self.drop
            if name not in features
        ]
        return [*wrong, *super().problems()]


@dataclass(frozen=True)
class BostonMortgages(_Dropping, ShippedTable):
    """2 380 applications for a home mortgage, Boston 1990: what lenders decided (in the package).

    drop : features to leave out, such as [insurance], which nearly gives the decision away.
    rows : keep only so many, drawn at random; None keeps all 2 380.
    duplicates : what happens to rows with the same inputs, see `splitting.SplitRule`.
    use_sensitive : give race and marital status to the model; groups are compared either way.
    """

    codebook: ClassVar[Path] = _DATA / "boston_hmda.yaml"
    target: ClassVar[TargetRule] = TargetRule(
        "deny", favourable="no", positive="yes", labels_are_decisions=True
    )
    notes: ClassVar[tuple[Message, ...]] = (
        message("data_sets.boston_hmda.preparation.percent"),
        message("data_sets.boston_hmda.preparation.ordered"),
        message("data_sets.boston_hmda.preparation.changeable"),
    )

    use_sensitive: bool = True

    def load(self, seed: int, progress: Progress) -> Dataset:
        return self._load(seed, progress, drop=self.drop, use_sensitive=self.use_sensitive)

    def _read(self) -> Read:
        """People say 33 % of the income, not 0.33; rounding removes what the product adds."""
        frame, file, digest = super()._read()
        ratios = {name: (frame[name] * 100).round(10) for name in ("pirat", "hirat", "lvrat")}
        return frame.assign(**ratios), file, digest


@dataclass(frozen=True)
class BreastCancer(_Dropping, _ScikitLearnTable):
    """569 breast masses, Wisconsin: malignant or benign by their cell nuclei (from scikit-learn).

    drop : features to leave out.
    rows : keep only so many, drawn at random; None keeps all 569.
    duplicates : what happens to rows with the same inputs, see `splitting.SplitRule`.
    """

    codebook: ClassVar[Path] = _DATA / "breast_cancer.yaml"
    target: ClassVar[TargetRule] = TargetRule(
        "diagnosis", favourable="benign", positive="malignant"
    )
    groups: ClassVar[frozenset[AttributeKind]] = frozenset()
    notes: ClassVar[tuple[Message, ...]] = (
        message("data_sets.breast_cancer.preparation.unchangeable"),
    )
    files: ClassVar[tuple[str, ...]] = ("breast_cancer.csv",)

    def load(self, seed: int, progress: Progress) -> Dataset:
        return self._load(seed, progress, drop=self.drop)

    def _read(self) -> Read:
        from sklearn.datasets import load_breast_cancer

        bunch = load_breast_cancer(as_frame=True)
        diagnosis = bunch.target.map(dict(enumerate(bunch.target_names.tolist())))
        return bunch.data.assign(diagnosis=diagnosis), self._called, self._files_digest()


@dataclass(frozen=True)
class Diabetes(_Dropping, _ScikitLearnTable):
    """442 patients: how far diabetes has progressed after a year, a number (from scikit-learn).

    drop : features to leave out. use_sensitive : whether the model is given age and sex.
    rows : keep only so many, drawn at random within bands of the number; None keeps all 442.
    duplicates : what happens to rows with the same inputs, see `splitting.SplitRule`.
    """

    codebook: ClassVar[Path] = _DATA / "diabetes.yaml"
    target: ClassVar[TargetRule] = TargetRule("progression", task="regression", unit="points")
    task: ClassVar[TaskName] = "regression"
    files: ClassVar[tuple[str, ...]] = ("diabetes_data_raw.csv.gz", "diabetes_target.csv.gz")

    use_sensitive: bool = True
    test_share: Share = 0.3

    def load(self, seed: int, progress: Progress) -> Dataset:
        return self._load(seed, progress, drop=self.drop, use_sensitive=self.use_sensitive)

    def _read(self) -> Read:
        from sklearn.datasets import load_diabetes

        bunch = load_diabetes(as_frame=True, scaled=False)
        return bunch.data.assign(progression=bunch.target), self._called, self._files_digest()
