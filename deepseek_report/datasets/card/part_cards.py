"""What the card says of numbers, arrays and texts, part by part."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from deepseek_report.artifacts.array_types import Bools, Floats, Ints
from deepseek_report.artifacts.message import Message, Text, message
from deepseek_report.artifacts.schema import Attribute, Layout, Schema, Target
from deepseek_report.artifacts.split import Split
from deepseek_report.tasks import task_of

_FIVE = ("min", "q25", "median", "q75", "max")


def five_numbers(values: Floats) -> dict[str, float | None]:
    """Least value, quartiles and greatest value of those that are known; None without any."""
    return _named_quantiles(values[~np.isnan(values)], "linear")


def five_counts(counts: Ints) -> dict[str, float | None]:
    """The same of whole numbers, each of them one that occurs."""
    return _named_quantiles(counts.astype(np.float64), "lower")


def _named_quantiles(known: Floats, method: Literal["linear", "lower"]) -> dict[str, float | None]:
    if not len(known):
        return dict.fromkeys(_FIVE)
    quantiles = np.quantile(known, [0, 0.25, 0.5, 0.75, 1], method=method)
    return dict(zip(_FIVE, quantiles.tolist(), strict=True))


def describe_number(target: Target, labels: Floats) -> dict[str, Any]:
    """Size, mean, standard deviation and five numbers of the label, in its unit."""
    return {
        "label": target.label,
        "unit": target.unit,
        "n": len(labels),
        "mean": float(labels.mean()),
        "deviation": float(labels.std()),
        **five_numbers(labels),
    }


def level_rows(
    attribute: Attribute, codes: Ints, describe: Callable[[Bools], dict[str, Any]]
) -> list[dict[str, Any]]:
    """Size and share of each level, and what is told of its rows; unknown ones come last, if any.

    describe : (instance,) whether a row is of the level -> further columns.
    """
    levels = [*enumerate(attribute.levels), (-1, "unknown")]
    return [
        {"level": level, "n": n, "share": n / len(codes), **describe(inside)}
        for code, level in levels
        if (n := int((inside := codes == code).sum())) or code >= 0
    ]


def group_means(attribute: Attribute, codes: Ints, labels: Floats) -> list[dict[str, Any]]:
    """Size of each level, and the mean of its labels; nobody has an explained class."""
    return level_rows(
        attribute, codes, lambda inside: {"base_rate": None, "mean": mean_of(labels, inside)}
    )


def mean_of(values: NDArray[Any], inside: Bools) -> float | None:
    """The mean of some of the values; None where there is none."""
    return float(values[inside].mean()) if inside.any() else None


def part_means(parts: Mapping[str, Split]) -> list[dict[str, Any]]:
    """Size of each part, and mean and standard deviation of its labels."""
    return [
        {
            "part": name,
            "n": len(part),
            "positive": None,
            "share": None,
            "mean": float(part.labels.mean()),
            "deviation": float(part.labels.std()),
        }
        for name, part in parts.items()
    ]


def all_label_rows(target: Target, whole: Split) -> list[dict[str, Any]]:
    """How often each label is given; empty where there is one label only."""
    if whole.all_labels is None:
        return []
    counts = whole.all_labels.sum(axis=0)
    return [
        {"label": name, "n": int(n), "share": float(n / len(whole))}
        for name, n in zip(target.labels, counts, strict=True)
    ]


def describe_values(schema: Schema, layout: Layout, whole: Split) -> dict[str, Any]:
    """Shape, the range of the values, gaps, and how many columns never change.

    `channels` holds five numbers of each channel, over all rows and places. Series of unequal
    length end in NaN: `shortest` and `longest` count their steps.
    """
    shape = layout.shape
    inputs = whole.inputs.reshape(len(whole), -1, shape[-1])
    lengths = _lengths(inputs)
    return {
        "shape": list(shape),
        "channels": [_channel(schema, layout, inputs[..., i], i) for i in range(shape[-1])],
        "missing_share": float(np.isnan(whole.inputs).mean()),
        "constant_columns": len(constant_columns(whole.inputs)),
        "shortest": int(lengths.min()),
        "longest": int(lengths.max()),
    }


def _channel(schema: Schema, layout: Layout, values: Floats, position: int) -> dict[str, Any]:
    return {
        "channel": position + 1,
        "label": layout.channel(position),
        "unit": schema.features[position].unit,
        **five_numbers(values),
    }


def _lengths(inputs: Floats) -> Ints:
    """(instance,) places up to the last that is known in any channel."""
    known: Bools = np.asarray(~np.isnan(inputs).all(axis=2))
    last = known.shape[1] - np.argmax(known[:, ::-1], axis=1)
    return np.where(known.any(axis=1), last, 0).astype(np.int64)


def constant_columns(inputs: Floats) -> list[int]:
    """Positions of the columns that have one value in all rows, or none in any."""
    known = ~np.isnan(inputs)
    low = np.where(known, inputs, np.inf).min(axis=0)
    high = np.where(known, inputs, -np.inf).max(axis=0)
    whole = known.all(axis=0)
    return np.flatnonzero((whole & (low == high)) | ~known.any(axis=0)).tolist()


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
        "lengths": [
            {"class": name, "n": int(inside.sum()), **five_counts(facts.lengths[inside])}
            for name, inside in rows
        ],
        "copies": vars(facts.copies),
        "hidden": list(facts.hidden),
    }
