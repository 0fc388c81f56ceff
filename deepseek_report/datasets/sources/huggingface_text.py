"""Texts from the Hugging Face hub, fetched once and then read from the cache."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from deepseek_report.artifacts.advice import pip_install
from deepseek_report.artifacts.protocols.datasets import DataTraits
from deepseek_report.artifacts.storage.local_paths import LocalPath
from deepseek_report.datasets.assembly.column_declarations import config_problems, not_set
from deepseek_report.datasets.sources import fetched
from deepseek_report.datasets.sources.text_file import BETWEEN, TextFile, joined

if TYPE_CHECKING:
    import pandas as pd

#: Seconds in which the hub must answer a first question.
_PATIENCE = 2


@dataclass(frozen=True)
class _PublishedTexts:
    """What the hub says of texts."""

    version: str
    licence: str
    citation: str


@dataclass(frozen=True)
class HuggingFaceText(fetched.FetchedSource, TextFile):
    """Texts from the Hugging Face hub by name, config and split; needs a network the first time.

    name : id of the data set, such as "imdb" or "org/name", or a folder that holds a copy of it.
    config : its configuration, where it has several. split : "train", or several as "train+test";
        training, validation and test part are drawn anew from these rows.
    revision : branch, tag or commit; a commit makes the report repeatable. cache : folder for what
        was fetched; None is that of the package `datasets` (HF_HOME).

    `path` is set from these. All other fields are those of `text_file.TextFile`; classes that the
    hub stores as numbers get their names.
    """

    them_in: ClassVar[str] = "the texts are"

    name: LocalPath | None = None
    config: str | None = None
    split: str = "train"
    revision: str | None = None
    cache: LocalPath | None = None

    # --- before loading ---------------------------------------------------------------------------

    def problems(self) -> list[str]:
        if problems := [*self._unidentified(), *self._rules()]:
            return problems
        return self._cached().problems() if self._kept.is_there else self._missing_package()

    def _unidentified(self) -> list[str]:
        wanted = (("name", "the id of a data set"), ("text", "a column"), ("target", "a column"))
        do = "remove it, or use `dataset=text_file`"
        case = (self.path is not None, "`path` is set beside `name`", "`name` alone", do)
        return [*not_set(self, wanted), *config_problems(case)]

    def _missing_package(self) -> list[str]:
        case = (
            find_spec("datasets") is None,
            "the package `datasets` is not installed, and the texts are not in the cache",
            "an installed package, or a filled cache",
            f"install it: `{pip_install('datasets')}`",
        )
        return config_problems(case)

    @property
    def _assumed(self) -> DataTraits:
        return self.traits()

    # --- fetch ------------------------------------------------------------------------------------

    @property
    def _asked(self) -> str:
        parts = (self.name, self.config, self.split, self.revision)
        return "Hugging Face " + ", ".join(str(part) for part in parts if part)

    @property
    def _folder_name(self) -> str:
        """The name, not the path, of the folder that holds a copy; "" for an id of the hub."""
        folder = Path(str(self.name))
        return folder.name if folder.is_dir() else ""

    @property
    def _request(self) -> fetched.FetchRequest:
        return fetched.FetchRequest(
            where=self._asked,
            wanted="an existing, public data set",
            look_up="look the data set up on huggingface.co/datasets: its name, configurations and "
            "splits",
            otherwise="save the texts as CSV, Parquet or JSON Lines and use `dataset=text_file`",
        )

    @property
    def _kept(self) -> fetched.Fetched:
        """The texts in the cache."""
        folder = Path(self.cache) if self.cache else Path.home() / ".cache" / "deepseek-report"
        return fetched.Fetched(folder / "texts" / f"{fetched.file_name(self._asked)}.parquet")

    def _fetch(self) -> tuple[pd.DataFrame, dict[str, str]]:
        """All columns that hold values or lists of them, and what the hub says about the data."""
        from datasets import disable_progress_bars, load_dataset
        from datasets.exceptions import DatasetsError

        disable_progress_bars()
        reachable = Path(str(self.name)).exists() or _answers()  # a folder, or the hub
        where = {"split": self.split, "revision": self.revision, "cache_dir": self.cache}
        with _only_of_the_cache(not reachable):
            try:
                rows = load_dataset(self.name, self.config, **where)
            except DatasetsError as error:
                raise ValueError(str(error)) from None
        self.bounds.check("columns", rows.num_columns, self._asked)
        self.bounds.check("cells", rows.num_rows * rows.num_columns, self._asked)
        self.bounds.check("bytes", rows.data.nbytes, self._asked)
        frame = rows.to_pandas()
        for column, feature in rows.features.items():
            frame[column] = _readable(frame[column], feature)
        info = rows.info
        version, citation = str(info.version or ""), " ".join((info.citation or "").split())
        return frame, vars(_PublishedTexts(version, info.license or "", citation))

    def _cached(self) -> TextFile:
        facts, folder = self._kept.facts(_PublishedTexts), self._folder_name
        source = f"{self._asked} (huggingface.co/datasets/{self.name})"
        published = {
            "title": folder or str(self.name),
            "source": f"Hugging Face data set in the folder {folder}" if folder else source,
            "licence": facts.licence,
            "citation": facts.citation,
        }
        return fetched.from_cache(TextFile, self, self._kept, published)


def _readable(column: pd.Series, feature: object) -> pd.Series:
    """Classes by their names, lists of classes with `|` between them."""
    inner = getattr(feature, "feature", feature)
    names = getattr(inner, "names", None)
    if names is None:
        return column.map(joined) if column.dtype == object else column
    if inner is feature:
        return column.map(lambda code: names[int(code)] if code is not None and code >= 0 else None)
    return column.map(lambda codes: BETWEEN.join(names[int(code)] for code in codes))


def _answers() -> bool:
    from http.client import HTTPException
    from urllib.error import HTTPError
    from urllib.request import Request, urlopen

    from huggingface_hub.constants import ENDPOINT

    try:
        with urlopen(Request(ENDPOINT, method="HEAD"), timeout=_PATIENCE):  # noqa: S310 - the hub, or HF_ENDPOINT
            return True
    except HTTPError as error:
        error.close()
        return True
    except (OSError, HTTPException):
        return False


@contextmanager
def _only_of_the_cache(offline: bool) -> Iterator[None]:
    """Without a network the libraries look in their caches alone, instead of asking many times.

    They read HF_HUB_OFFLINE when they are imported, so that it is set where they keep it.
    """
    import datasets.config
    import huggingface_hub.constants

    kept = [datasets.config, huggingface_hub.constants]
    before = [module.HF_HUB_OFFLINE for module in kept]
    for module in kept:
        module.HF_HUB_OFFLINE = module.HF_HUB_OFFLINE or offline
    try:
        yield
    except OSError as error:
        if not offline:
            raise
        why = f"the hub did not answer within {_PATIENCE} s, and the caches do not hold it"
        raise OSError(why) from error
    finally:
        for module, value in zip(kept, before, strict=True):
            module.HF_HUB_OFFLINE = value
