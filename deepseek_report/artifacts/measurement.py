"""What one metric gives: scores, tables, arrays, caveats and what it concludes itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from deepseek_report.artifacts.array_types import Array
from deepseek_report.artifacts.finding import Finding
from deepseek_report.artifacts.message import Text, text_of
from deepseek_report.artifacts.score import Score, load_scores
from deepseek_report.artifacts.storage import files
from deepseek_report.artifacts.storage.local_paths import check_name
from deepseek_report.artifacts.storage.plain_files import files_in
from deepseek_report.artifacts.table import TableType, TableTypes
from deepseek_report.errors import ArtifactError

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Measurement:
    """What one metric gives for one subject: scores, the tables and arrays behind them.

    `notes` are caveats that this run triggers, each a whole sentence or more. `types` say what the
    columns of the tables mean; the runner adds what the metric declares in `tables`. `findings` are
    what the metric itself concludes from its numbers; those that rest on several metrics are made
    by the rules.
    `per_instance` : {score metric: (instance,)} where the number is a mean over instances.
    """

    scores: tuple[Score, ...] = ()
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    arrays: Mapping[str, Array] = field(default_factory=dict)
    notes: tuple[Text, ...] = ()
    types: TableTypes = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()

    def typed(self, types: TableTypes) -> Measurement:
        """The same with the types of those of its tables that are declared.

        Raises ArtifactError: a table does not have the columns that its type declares.
        """
        known = {name: types[name] for name in self.tables if name in types}
        for name, declared in known.items():
            declared.validate(name, self.tables[name])
        return replace(self, types=known)

    def without_intervals(self, note: Text) -> Measurement:
        """The same without ends of intervals and p-values in scores and typed tables.

        note : why, which stands behind the other notes where something was left out.
        """
        bare = replace(
            self,
            scores=tuple(
                replace(score, low=None, high=None, interval_method="", p_value=None)
                for score in self.scores
            ),
            tables={
                name: self.types[name].without_intervals(table) if name in self.types else table
                for name, table in self.tables.items()
            },
        )
        same = bare.scores == self.scores and all(
            bare.tables[name].equals(table) for name, table in self.tables.items()
        )
        return self if same else replace(bare, notes=(*self.notes, note))

    def save(self, folder: Path) -> None:
        files.save_json(folder / "scores.json", [vars(score) for score in self.scores])
        files.save_json(folder / "notes.json", list(self.notes))
        for name, table in self.tables.items():
            check_name(name, "table")
            files.save_table(folder / f"{name}.parquet", table)
        if self.types:
            types = {name: declared.to_json() for name, declared in self.types.items()}
            files.save_json(folder / _TYPES, types)
        if self.arrays:
            files.save_arrays(folder / "arrays.npz", **self.arrays)
        if self.findings:
            files.save_json(folder / _FINDINGS, [finding.to_json() for finding in self.findings])

    @classmethod
    def load(cls, folder: Path) -> Measurement:
        """Read it back; a table is read, and held to its type, when it is first asked for.

        Raises ArtifactError: what is stored is damaged; later, where a table is.
        """
        arrays = folder / "arrays.npz"
        try:
            types = _types(folder / _TYPES)
        except ArtifactError as error:
            raise ArtifactError(f"{folder}: {error}") from None
        tables = _StoredTables(folder, types)
        return cls(
            scores=load_scores(folder),
            tables=tables,
            arrays=files.load_arrays(arrays) if arrays.exists() else {},
            notes=tuple(text_of(note) for note in files.load_json(folder / "notes.json")),
            types={name: types[name] for name in tables if name in types},
            findings=_findings(folder / _FINDINGS),
        )


class _StoredTables(Mapping[str, "pd.DataFrame"]):
    """The tables of a folder, each read once it is asked for: most readers want scores alone."""

    def __init__(self, folder: Path, types: TableTypes) -> None:
        self._folder, self._types = folder, types
        self._paths = {path.stem: path for path in files_in(folder, ".parquet")}
        self._read: dict[str, pd.DataFrame] = {}

    def __getitem__(self, name: str) -> pd.DataFrame:
        if name not in self._read:
            frame = files.load_table(self._paths[name])
            if name in self._types:
                try:
                    self._types[name].validate(name, frame)
                except ArtifactError as error:
                    raise ArtifactError(f"{self._folder}: {error}") from None
            self._read[name] = frame
        return self._read[name]

    def __contains__(self, name: object) -> bool:
        return name in self._paths

    def __iter__(self) -> Iterator[str]:
        return iter(self._paths)

    def __len__(self) -> int:
        return len(self._paths)


#: The file that says what the columns of the tables mean, and that of what the metric concludes.
_TYPES, _FINDINGS = "tables.json", "findings.json"


def _types(path: Path) -> dict[str, TableType]:
    declared = files.load_json(path) if path.exists() else {}
    if not isinstance(declared, dict):
        raise ArtifactError(f"{path.name} is no mapping")
    return {name: TableType.from_json(record) for name, record in declared.items()}


def _findings(path: Path) -> tuple[Finding, ...]:
    if not path.exists():
        return ()
    records = files.load_json(path)
    if not isinstance(records, list) or not all(isinstance(each, dict) for each in records):
        raise ArtifactError(f"{path}: no list of findings")
    return tuple(map(Finding.from_json, records))
