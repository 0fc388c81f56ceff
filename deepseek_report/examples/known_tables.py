"""Tables whose columns are known: those of the package, and those of scikit-learn.

What of each the card says, and what its columns are, stands in a YAML in `data/`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field, TypeAdapter

from deepseek_report.artifacts.message import Message, message
from deepseek_report.artifacts.protocols.datasets import DataTraits
from deepseek_report.artifacts.protocols.progress import Progress
from deepseek_report.artifacts.schema import PEOPLE, AttributeKind, TaskName
from deepseek_report.artifacts.split import Dataset
from deepseek_report.artifacts.storage import bounded_yaml
from deepseek_report.artifacts.storage.plain_files import sha256_file
from deepseek_report.datasets.assembly.assemble import TableSource, assemble, encode
from deepseek_report.datasets.assembly.cell_encoding import TargetRule
from deepseek_report.datasets.assembly.column_declarations import (
    ColumnDeclaration,
    error_text,
    nearest,
)
from deepseek_report.datasets.data_card import Description, shipped_description
from deepseek_report.datasets.readers.file_form import FileForm
from deepseek_report.datasets.readers.table_file import file_problem, read_table
from deepseek_report.datasets.splitting import Share, Shares, SplitRule

if TYPE_CHECKING:
    import pandas as pd

_DATA = Path(__file__).parent / "data"
#: What a table holds, the name of its source, and the SHA-256 of that.
Read = tuple["pd.DataFrame", str, str]


@dataclass(frozen=True)
class Known:
    """What a YAML says of a table; `digest` is the SHA-256 of the YAML."""

    description: Description
    columns: dict[str, ColumnDeclaration]
    digest: str


@dataclass(frozen=True)
class _Written:
    """What stands in the YAML of a table."""

    origin: dict[str, str]
    limits: tuple[str, ...]
    columns: dict[str, ColumnDeclaration]


@cache
def known(name: str) -> Known:
    """What is known of a table, from `data/<name>.yaml`."""
    file = _DATA / f"{name}.yaml"
    written = TypeAdapter(_Written).validate_python(bounded_yaml.load(file))
    about = shipped_description(name, limits=written.limits, **written.origin)
    return Known(about, written.columns, sha256_file(file, links=True))


def load_table(
    read: Callable[[], pd.DataFrame],
    source: TableSource,
    rule: SplitRule,
    seed: int,
    progress: Progress,
    use_sensitive: bool = True,
) -> Dataset:
    """Read a table whose columns are known, and make a data set of it, step by step.

    Raises DataError: the table cannot be used as declared.
    """
    progress.start("Load the data", 3)
    frame = read()
    progress.advance()
    table = encode(frame, source)
    progress.advance()
    dataset = assemble(table, source, rule, seed, use_sensitive)
    progress.advance()
    return dataset


@dataclass(frozen=True)
class KnownTable(Shares, ABC):
    """Base of the tables whose columns are known.

    table : its name in `data/`. target, task : what is predicted. groups : what its columns cut the
    rows into. notes : what the card says of its preparation.
    """

    table: ClassVar[str]
    target: ClassVar[TargetRule]
    task: ClassVar[TaskName] = "classification"
    groups: ClassVar[frozenset[AttributeKind]] = PEOPLE
    notes: ClassVar[tuple[Message, ...]] = ()

    rows: Annotated[int, Field(ge=100)] | None = None

    def problems(self) -> list[str]:
        return self.rule.problems()

    @property
    def nature(self) -> DataTraits:
        return DataTraits("table", self.task, groups=self.groups)

    @property
    def sector(self) -> str:
        return known(self.table).description.sector

    def source_digest(self) -> str:
        """SHA-256 of the files and of what is known of them."""
        return self._digest(self._files_digest())

    def _digest(self, files: str) -> str:
        return sha256(f"{files} {known(self.table).digest}".encode()).hexdigest()

    def _load(
        self,
        seed: int,
        progress: Progress,
        *,
        drop: tuple[str, ...] = (),
        use_sensitive: bool = True,
        relations: tuple[str, ...] = (),
    ) -> Dataset:
        about = known(self.table)
        frame, file, digest = self._read()
        labels = [str(about.columns[name].label) for name in drop]
        left_out = (message("preparation.left_out", columns=labels),) if drop else ()
        source = TableSource(
            file,
            digest,
            about.description,
            (*self.notes, *left_out),
            relations,
            columns=about.columns,
            target=self.target,
        )
        frame = frame.drop(columns=list(drop))
        dataset = load_table(lambda: frame, source, self.rule, seed, progress, use_sensitive)
        return replace(dataset, read=self._digest(digest))

    @abstractmethod
    def load(self, seed: int, progress: Progress) -> Dataset:
        """As `_load`, with what is chosen of the columns."""

    @abstractmethod
    def _files_digest(self) -> str:
        """SHA-256 of what `_read` reads."""

    @abstractmethod
    def _read(self) -> Read:
        """The table, in the units that people know."""


@dataclass(frozen=True)
class _ShippedTable(KnownTable):
    """A table that travels with the package, as a Parquet file in `data/`."""

    @property
    def _file(self) -> Path:
        return _DATA / f"{self.table}.parquet"

    def problems(self) -> list[str]:
        missing = file_problem(self._file)
        return [*([missing] if missing else []), *super().problems()]

    def _files_digest(self) -> str:
        return sha256_file(self._file, links=True)

    def _read(self) -> Read:
        read = read_table(self._file, FileForm())
        return read.frame, self._file.name, read.sha256


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
class TaiwanCredit(_ShippedTable):
    """30 000 credit-card clients in Taiwan, 2005: who defaults next month (ships with the package).

    rows : keep only so many, drawn at random; None keeps all 30 000.
    duplicates : what happens to rows with the same inputs, see `splitting.SplitRule`.
    use_sensitive : give sex, age and marital status to the model, as the published studies do;
        groups are compared by them either way.
    relations : what holds between the columns of every row, see `DeclaredTable`.
    """

    table: ClassVar[str] = "taiwan_credit"
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


@dataclass(frozen=True)
class _Dropping(KnownTable):
    """A table of which features can be left out."""

    drop: tuple[str, ...] = ()

    def problems(self) -> list[str]:
        target = self.target.name
        features = [name for name in known(self.table).columns if name != target]
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
class BostonMortgages(_Dropping, _ShippedTable):
    """2 380 applications for a home mortgage, Boston 1990: what lenders decided (in the package).

    drop : features to leave out, such as [insurance], which nearly gives the decision away.
    rows : keep only so many, drawn at random; None keeps all 2 380.
    duplicates : what happens to rows with the same inputs, see `splitting.SplitRule`.
    use_sensitive : give race and marital status to the model; groups are compared either way.
    """

    table: ClassVar[str] = "boston_hmda"
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

    table: ClassVar[str] = "breast_cancer"
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

    table: ClassVar[str] = "diabetes"
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
