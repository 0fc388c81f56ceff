"""A table from OpenML, fetched once and then read from the cache."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from deepseek_report.artifacts.protocols.datasets import DataTraits
from deepseek_report.artifacts.storage.local_paths import LocalPath
from deepseek_report.datasets.assembly.column_declarations import config_problems
from deepseek_report.datasets.assembly.data_declarations import DeclaredTable
from deepseek_report.datasets.sources import fetched
from deepseek_report.datasets.sources.csv import TableFile

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class _PublishedTable:
    """What OpenML says of a table, by its own names."""

    id: str
    name: str
    version: str
    licence: str | None
    citation: list[str] | str | None
    default_target_attribute: str | None


@dataclass(frozen=True)
class OpenML(fetched.FetchedSource, DeclaredTable):
    """A table from OpenML by its id, or by name and version; needs a network the first time.

    data_id : number of the data set; or name with version, None for the oldest active one.
    cache : folder for what was fetched; None is scikit-learn's (SCIKIT_LEARN_DATA, or
        `scikit_learn_data` in the home folder). retries : how often a failed fetch is repeated.
    target : the column to predict; None is the one that OpenML names.

    All other fields are those of `DeclaredTable`.
    """

    them_in: ClassVar[str] = "the table is"

    data_id: Annotated[int, Field(ge=1)] | None = None
    name: str | None = None
    version: Annotated[int, Field(ge=1)] | None = None
    cache: LocalPath | None = None
    retries: Annotated[int, Field(ge=1, le=10)] = 2

    # --- before loading ---------------------------------------------------------------------------

    def problems(self) -> list[str]:
        if problems := [*self._unidentified(), *self.rule.problems(), *self.target_problems()]:
            return problems
        return [*self._cached().problems()] if self._kept.is_there else []

    @property
    def _assumed(self) -> DataTraits:
        declared = self.target_rule.task if self.targets else self.task
        task = "classification" if declared == "auto" else declared
        return DataTraits("table", task, groups=self.kinds_of_groups)

    def _unidentified(self) -> list[str]:
        allowed = "either an id, or a name with a version"
        do = "set `dataset.data_id=…`, or `dataset.name=…` with `dataset.version=…`"
        beside = "`dataset.version` is set beside the id, which has one version"
        has_id, has_name = self.data_id is not None, self.name is not None
        return config_problems(
            (not (has_id or has_name), "neither an id nor a name is set", allowed, do),
            (has_id and has_name, "both are set", allowed, do),
            (has_id and not has_name and self.version is not None, beside, allowed, do),
        )

    # --- fetch ------------------------------------------------------------------------------------

    @property
    def _asked(self) -> str:
        if self.data_id is not None:
            return f"id {self.data_id}"
        return f"{self.name}, " + (f"version {self.version}" if self.version else "oldest active")

    @property
    def _request(self) -> fetched.FetchRequest:
        return fetched.FetchRequest(
            where=f"OpenML ({self._asked})",
            wanted="an active, dense table",
            look_up="look up id, name and version on openml.org (sparse tables are not read), "
            "or try again later",
            otherwise="save the table as CSV or Parquet and use `dataset=csv`",
        )

    @property
    def _kept(self) -> fetched.Fetched:
        """The table in the cache."""
        from sklearn.datasets import get_data_home

        name = f"openml-{fetched.file_name(self._asked)}.parquet"
        return fetched.Fetched(Path(get_data_home(self.cache)) / "tables" / name)

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
        frame, where = bunch.frame, self._request.where  # it must be read from the cache again
        self.bounds.check("columns", frame.shape[1], where)
        self.bounds.check("cells", frame.size, where)
        self.bounds.check("bytes", int(frame.memory_usage(index=False).sum()), where)
        names = (field.name for field in fields(_PublishedTable))
        return frame, {name: bunch.details.get(name) for name in names}

    def _cached(self) -> TableFile:
        facts = self._kept.facts(_PublishedTable)
        cited = facts.citation
        where = f"OpenML {facts.id}: {facts.name}, version {facts.version}"
        published = {
            "target": facts.default_target_attribute,
            "title": facts.name,
            "source": f"{where} (openml.org/d/{facts.id})",
            "licence": facts.licence or "",
            "citation": "; ".join(map(str, cited)) if isinstance(cited, list) else str(cited or ""),
        }
        return fetched.from_cache(TableFile, self, self._kept, published)
