"""A table from OpenML, fetched once and then read from the cache."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from deepseek_report.artifacts.protocols.datasets import DataTraits
from deepseek_report.artifacts.protocols.progress import Progress
from deepseek_report.artifacts.split import Dataset
from deepseek_report.datasets.assembly.column_declarations import error_text
from deepseek_report.datasets.assembly.data_declarations import DeclaredTable
from deepseek_report.datasets.sources.csv import TableFile
from deepseek_report.datasets.sources.fetched import (
    Fetched,
    FetchRequest,
    check_frame,
    fetching,
    file_name,
    from_cache,
    require_assumed,
)
from deepseek_report.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

_KEPT = ("id", "name", "version", "licence", "citation", "default_target_attribute")


@dataclass(frozen=True)
class OpenML(DeclaredTable):
    """A table from OpenML by its id, or by name and version; needs a network the first time.

    data_id : number of the data set; or name with version, None for the oldest active one.
    cache : folder for what was fetched; None is scikit-learn's (SCIKIT_LEARN_DATA, or
        `scikit_learn_data` in the home folder). retries : how often a failed fetch is repeated.
    target : the column to predict; None is the one that OpenML names.

    All other fields are those of `DeclaredTable`.
    """

    data_id: Annotated[int, Field(ge=1)] | None = None
    name: str | None = None
    version: Annotated[int, Field(ge=1)] | None = None
    cache: str | None = None
    retries: Annotated[int, Field(ge=1, le=10)] = 2

    # --- before loading ---------------------------------------------------------------------------

    def problems(self) -> list[str]:
        if problems := [*self._unidentified(), *self.rule.problems(), *self.target_problems()]:
            return problems
        return self._table().problems() if self._kept.is_there else []

    @property
    def nature(self) -> DataTraits:
        """As declared, or as the table in the cache shows it; classes until it is fetched."""
        if not self._unidentified() and self._kept.is_there:
            return self._table().nature
        declared = self.target_rule.task if self.targets else self.task
        task = "classification" if declared == "auto" else declared
        return DataTraits("table", task, groups=self.kinds_of_groups)

    def source_digest(self) -> str:
        """SHA-256 of the table, which is fetched unless it is in the cache.

        Raises DataError: the table can neither be found in the cache nor be fetched.
        """
        assumed = self.nature
        self._fetch_once()
        require_assumed(assumed, self.nature, f"OpenML ({self._asked})", "the table is")
        return self._table().source_digest()

    def _unidentified(self) -> list[str]:
        if (self.data_id is None) == (self.name is None):
            problem = "neither an id nor a name is set" if self.name is None else "both are set"
            return [_identify(problem)]
        if self.data_id is not None and self.version is not None:
            return [_identify("`dataset.version` is set beside the id, which has one version")]
        return []

    # --- fetch ------------------------------------------------------------------------------------

    @property
    def _asked(self) -> str:
        if self.data_id is not None:
            return f"id {self.data_id}"
        return f"{self.name}, " + (f"version {self.version}" if self.version else "oldest active")

    @property
    def _where_asked(self) -> FetchRequest:
        return FetchRequest(
            where=f"OpenML ({self._asked})",
            wanted="an active, dense table",
            look_up="look up id, name and version on openml.org (sparse tables are not read), "
            "or try again later",
            copy="the folder `dataset.cache`",
            otherwise="save the table as CSV or Parquet and use `dataset=csv`",
        )

    @property
    def _kept(self) -> Fetched:
        """The table in the cache."""
        from sklearn.datasets import get_data_home

        name = f"openml-{file_name(self._asked)}.parquet"
        return Fetched(Path(get_data_home(self.cache)) / "tables" / name)

    def _fetch_once(self) -> None:
        if problems := self._unidentified():
            raise DataError("\n".join(problems))
        if self._kept.is_there:
            return
        with fetching(self._where_asked):
            frame, facts = self._fetch()
        check_frame(frame, f"OpenML ({self._asked})", self.bounds)
        self._kept.keep(frame, facts)

    def _fetch(self) -> tuple[pd.DataFrame, dict[str, object]]:
        """All columns but those that OpenML says to ignore, and what it says about the data."""
        import warnings

        from sklearn.datasets import fetch_openml

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # retries and versions: told by our own messages
            bunch = fetch_openml(
                name=self.name,
                version=self.version or "active",
                data_id=self.data_id,
                data_home=self.cache,
                target_column=None,
                as_frame=True,
                n_retries=self.retries,
                parser="auto",
            )
        return bunch.frame, {key: bunch.details.get(key) for key in _KEPT}

    # --- load -------------------------------------------------------------------------------------

    def load(self, seed: int, progress: Progress) -> Dataset:
        """Fetch or read from the cache, then go on as with a table of one's own.

        Raises DataError: the table cannot be fetched, or cannot be used as declared.
        """
        self._fetch_once()
        return self._table().load(seed, progress)

    def _table(self) -> TableFile:
        facts = self._kept.facts
        cited = facts["citation"]  # a text, a list of texts, or nothing
        where = f"OpenML {facts['id']}: {facts['name']}, version {facts['version']}"
        published = {
            "target": facts["default_target_attribute"],
            "title": facts["name"],
            "source": f"{where} (openml.org/d/{facts['id']})",
            "licence": facts["licence"] or "",
            "citation": "; ".join(map(str, cited)) if isinstance(cited, list) else str(cited or ""),
        }
        return from_cache(TableFile, self, self._kept, published)


def _identify(problem: str) -> str:
    return error_text(
        "dataset",
        problem,
        "either an id, or a name with a version",
        "set `dataset.data_id=…`, or `dataset.name=…` with `dataset.version=…`",
    )
