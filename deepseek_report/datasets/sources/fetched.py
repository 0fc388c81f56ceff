"""What is fetched once and then read from a cache, and what is said where it cannot be fetched."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, TypeVar

from deepseek_report.artifacts.protocols.datasets import DatasetPart, DataTraits
from deepseek_report.artifacts.protocols.progress import Progress
from deepseek_report.artifacts.split import Dataset
from deepseek_report.datasets.assembly.column_declarations import data_error
from deepseek_report.datasets.readers.file_form import WrittenFile
from deepseek_report.errors import DataError

if TYPE_CHECKING:
    import pandas as pd
    from _typeshed import DataclassInstance


_File = TypeVar("_File", bound=WrittenFile)
_Facts = TypeVar("_Facts")


@dataclass(frozen=True)
class Fetched:
    """A Parquet file in a cache; the publisher's facts stand beside it as JSON."""

    file: Path

    @property
    def is_there(self) -> bool:
        return self.file.exists() and self._facts_file.exists()

    def facts(self, cls: type[_Facts]) -> _Facts:
        """What the publisher says, as an object of this dataclass."""
        return cls(**json.loads(self._facts_file.read_text("utf-8")))

    def keep(self, frame: pd.DataFrame, facts: Mapping[str, object]) -> None:
        """Write both; the table last and in one move, so that it is whole or absent."""
        self.file.parent.mkdir(parents=True, exist_ok=True)
        self._facts_file.write_text(json.dumps(facts, ensure_ascii=False, indent=1), "utf-8")
        partial = self.file.with_suffix(".partial")
        frame.to_parquet(partial, index=False)
        partial.replace(self.file)

    @property
    def _facts_file(self) -> Path:
        return self.file.with_suffix(".json")


def from_cache(
    cls: type[_File], plugin: DataclassInstance, kept: Fetched, published: Mapping[str, object]
) -> _File:
    """The plug-in that reads the cached file with the settings of another one.

    published : what the publisher says, by the settings for which it stands where nothing is set.
    """
    names = {field.name for field in fields(cls)} & {field.name for field in fields(plugin)}
    settings = {name: getattr(plugin, name) for name in sorted(names)}
    settings |= {name: settings[name] or value for name, value in published.items()}
    return cls(**settings | {"path": str(kept.file)})


def file_name(request: str) -> str:
    """What was asked for, as the name of a file."""
    return "".join(
        character if character.isalnum() or character in "-." else "_" for character in request
    )


@dataclass(frozen=True)
class FetchRequest:
    """What is fetched and what to do where that fails, as parts of a message.

    where : what was asked for, of whom. wanted : what would do ("an active table"). look_up : what
    to do where the publisher answers that there is no such thing. otherwise : what else can be done
    without a network. copy : what to copy from a machine that has one.
    """

    where: str
    wanted: str
    look_up: str
    otherwise: str
    copy: str = "the folder `dataset.cache`"

    def offline(self, why: object) -> DataError:
        """There is no network, or nobody answers."""
        return data_error(
            self.where,
            f"it could not be fetched ({why})",
            "a network, or a filled cache",
            f"connect to the network once, after which the cache serves; or copy {self.copy} from "
            f"a machine that has one; or {self.otherwise}",
        )

    def refused(self, why: object) -> DataError:
        """The publisher was reached, and does not give it."""
        return data_error(self.where, f"{why}".rstrip("."), self.wanted, self.look_up)


@contextmanager
def fetching(request: FetchRequest) -> Iterator[None]:
    """Whatever goes wrong while fetching, as a message that says what to do.

    Raises DataError: there is no network, or the publisher does not give what is asked for.
    """
    from http.client import HTTPException
    from urllib.error import HTTPError

    try:
        yield
    except HTTPError as error:
        error.close()
        raise request.refused(f"the server answered {error}") from None
    except (OSError, HTTPException) as error:
        raise request.offline(_said(error)) from None
    except ValueError as error:
        raise request.refused(_said(error)) from None


def _said(error: Exception) -> str:
    """The first line of an error, or its kind where it says nothing."""
    text = str(getattr(error, "reason", error)).strip() or type(error).__name__
    return text.splitlines()[0].rstrip(".")


class FetchedSource(ABC):
    """Base of what is fetched once, and then read from the cache by a plug-in for files.

    them_in : names what was fetched in a sentence that says that it is in the cache.
    """

    them_in: ClassVar[str]

    @property
    def nature(self) -> DataTraits:
        """As what is in the cache shows it; as declared, and classes, until it is fetched."""
        return self._cached().nature if self._is_kept else self._assumed

    @property
    @abstractmethod
    def _assumed(self) -> DataTraits:
        """The nature as far as the config tells it."""

    @property
    @abstractmethod
    def _request(self) -> FetchRequest:
        """What is fetched, for messages."""

    @property
    @abstractmethod
    def _kept(self) -> Fetched:
        """Where it is kept."""

    @abstractmethod
    def _unidentified(self) -> list[str]:
        """Why the config does not say what to fetch."""

    def _missing_package(self) -> list[str]:
        """That what fetches is not installed."""
        return []

    @abstractmethod
    def _fetch(self) -> tuple[pd.DataFrame, Mapping[str, object]]:
        """All columns that are kept, and what the publisher says about the data."""

    @abstractmethod
    def _cached(self) -> DatasetPart:
        """The plug-in that reads the file in the cache."""

    @property
    def _is_kept(self) -> bool:
        return not self._unidentified() and self._kept.is_there

    def _fetch_once(self) -> None:
        if self._is_kept:
            return
        if problems := self._unidentified() or self._missing_package():
            raise DataError("\n".join(problems))
        with fetching(self._request):
            frame, facts = self._fetch()
        self._kept.keep(frame, facts)

    def source_digest(self) -> str:
        """SHA-256 of what is fetched unless it is in the cache.

        Raises DataError: it can neither be found in the cache nor be fetched, or the target turned
        out to be of another task than was assumed before.
        """
        assumed = self.nature
        self._fetch_once()
        if (actual := self.nature) != assumed:
            raise data_error(
                self._request.where,
                f"the target turned out to be of task {actual.task}, which was not known before",
                "classes",
                f"run again, now that {self.them_in} in the cache, or set "
                f"`dataset.task={actual.task}`",
            )
        return self._cached().source_digest()

    def load(self, seed: int, progress: Progress) -> Dataset:
        """Fetch or read from the cache, then go on as with a file of one's own.

        Raises DataError: it cannot be fetched, or cannot be used as declared.
        """
        self._fetch_once()
        return self._cached().load(seed, progress)
