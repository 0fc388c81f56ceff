"""What the card says of texts: how they were cut, how long they are, what is unknown in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepseek_report.artifacts.array_types import Bools, Ints
from deepseek_report.artifacts.message import Message, Text, message
from deepseek_report.artifacts.schema import Schema, Target
from deepseek_report.artifacts.split import Split
from deepseek_report.datasets.card.number_card import five_counts
from deepseek_report.tasks import task_of


@dataclass(frozen=True)
class Copies:
    """Texts of the source that repeat another; counted before any was left out.

    exact : texts that equal an earlier one; near : further ones that differ from it only in case,
    links, punctuation and blanks; conflicting : texts that, so compared, also come with another
    label; empty : texts without any content, always left out. conflicts_dropped : the conflicting
    ones have been left out, with all their copies. n : texts in the source.
    """

    n: int
    exact: int = 0
    near: int = 0
    conflicting: int = 0
    empty: int = 0
    conflicts_dropped: bool = False


@dataclass(frozen=True)
class TextFacts:
    """What is known of the texts beside their tokens.

    words : (instance,) the different words of each text of the whole, by which cues are searched.
    lengths : (instance,) tokens before a text was cut to the columns. unknown : position of the
    unknown token, -1 for none. unknown_share : {part: share of its tokens that are unknown}.
    names : words of the texts that are names, by their capital letters.
    damaged : texts of the whole with signs that cannot be read; repaired : texts of the source in
    which damaged signs were put right.
    """

    tokenizer: Message
    noun: str
    words: tuple[frozenset[str], ...]
    lengths: Ints
    unknown: int
    unknown_share: Mapping[str, float]
    copies: Copies = field(default_factory=lambda: Copies(0))
    hidden: tuple[str, ...] = ()
    names: frozenset[str] = frozenset()
    damaged: int = 0
    repaired: int = 0

    def cut(self, width: int) -> Bools:
        """(instance,) whether the end of the text is lost."""
        return np.asarray(self.lengths > width)


def outcomes(target: Target, labels: NDArray[Any]) -> list[tuple[Text, Bools]]:
    """The classes with their members; where the target is a number, its two halves."""
    if not task_of(target).decides:
        middle = float(np.median(labels))
        upper, lower = message("data.halves.upper"), message("data.halves.lower")
        return [(upper, labels > middle), (lower, labels <= middle)]
    return [(name, labels == i) for i, name in enumerate(target.classes)]


def describe_texts(schema: Schema, whole: Split, facts: TextFacts) -> dict[str, Any]:
    """Vocabulary, lengths by class, and shares of unknown tokens and of texts that were cut."""
    width = len(schema.features)
    everything = (message("data.all_texts"), np.ones(len(whole), dtype=bool))
    rows = [everything, *outcomes(schema.target, whole.labels)]
    return {
        "tokenizer": facts.tokenizer,
        "noun": facts.noun,
        "vocabulary": len(schema.vocabulary),
        "places": width,
        "cut_share": float(facts.cut(width).mean()),
        "unknown_share": dict(facts.unknown_share),
        "lengths": [_lengths(name, facts.lengths[inside]) for name, inside in rows],
        "copies": vars(facts.copies),
        "hidden": list(facts.hidden),
    }


def _lengths(name: Text, lengths: Ints) -> dict[str, Any]:
    """Five numbers of the tokens of a text, before it was cut."""
    return {"class": name, "n": len(lengths), **five_counts(lengths)}
