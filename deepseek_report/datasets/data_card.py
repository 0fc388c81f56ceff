"""The data card: where the data come from, what is in them, how they were split."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from statistics import NormalDist
from typing import Any, Literal

import numpy as np

from deepseek_report.artifacts.array_types import Array, Bools, Floats, Ints
from deepseek_report.artifacts.message import Message, Text, message
from deepseek_report.artifacts.protocols.datasets import DESCRIBED
from deepseek_report.artifacts.schema import UNKNOWN, Feature, Layout, Schema, Target
from deepseek_report.artifacts.split import Split
from deepseek_report.data_kinds import kind_of
from deepseek_report.datasets.splitting import PossibleEntity
from deepseek_report.statistics.ranking import spearman, thin
from deepseek_report.statistics.resampling import Resampling
from deepseek_report.statistics.scorecards import area_error
from deepseek_report.tasks import task_of

#: From this area alone a column is asked about; from the next it is a matter of doubt, from the
#: last nearly the label. Less is asked of a place in an image or a series, which tells less than a
#: column of a table. docs/conclusions.md has the measured rates.
ASKED, DOUBTED, NEARLY = 0.80, 0.85, 0.95
PLACE_ASKED = 0.75
#: Classes with fewer judged rows, or entities, are not looked at.
FEWEST_OF_CLASS = 10
#: How far below what is asked the one-sided lower bound of an area may lie.
_SLACK = 0.05
#: The chance that any of the columns that are searched passes that bound while it should not.
_CHANCE = 0.05
#: What would be found in fewer than 9 of 10 data sets counts as missed.
_FOUND = 0.9
_AREAS = np.linspace(0.5, 0.999, 500)


def sizes_of(drawn: Resampling, inside: Bools) -> tuple[float, float]:
    """How many independent rows tell as much as the rows (row,) of a class, and as the others."""
    return drawn.surely_independent(inside), drawn.surely_independent(~inside)


def is_enough(drawn: Resampling, inside: Bools) -> bool:
    """Whether a class, and the others, have the rows or entities that are looked at."""
    return min(sizes_of(drawn, inside)) >= FEWEST_OF_CLASS


def surely_high(areas: Floats, sizes: tuple[float, float], least: float, searched: int) -> Bools:
    """Whether areas under the ROC curve are high, and not by the chance of few rows.

    areas : (column,) measured. sizes : judged rows of the class, and of the others, see `sizes_of`.
    least : the area from which on a column counts. searched : how many columns, or pairs of them,
        the highest is taken of; the bound holds for all of them (Bonferroni).
    """
    z = NormalDist().inv_cdf(1 - _CHANCE / max(searched, 1))
    bounds = areas - z * area_error(areas, *sizes)
    return np.asarray((areas >= least) & (bounds >= least - _SLACK))


def least_found(sizes: tuple[float, float], least: float, searched: int) -> float:
    """The least true area under the ROC curve that `surely_high` finds in 9 of 10 data sets.

    Measured areas are taken as normal around the true one. 1 where not even 0.999 is found so
    often. Parameters as there.

    >>> least_found((500, 500), 0.8, 10), least_found((10, 990), 0.8, 10)
    (0.817, 0.975)
    """
    passing = _AREAS[surely_high(_AREAS, sizes, least, searched)]
    if not len(passing):
        return 1.0
    far = (_AREAS - passing[0]) / area_error(_AREAS, *sizes)
    reached = _AREAS[far >= NormalDist().inv_cdf(_FOUND)]
    return round(float(reached[0]), 3) if len(reached) else 1.0


_SHOWN_CORRELATIONS = 30

#: What decisions are about, as the frameworks of `templates/frameworks/` tell them apart.
Sector = Literal[
    "",
    "credit",
    "insurance",
    "finance",
    "employment",
    "health",
    "education",
    "public_services",
    "industry",
    "media",
    "other",
]


@dataclass(frozen=True)
class Description:
    """What is known about the data beyond their values; empty means: not declared.

    decision : one sentence: what the model decides and for whom. limits : whole sentences.
    sector : what the decision is about, so that rules for other sectors are not applied to it.
    """

    name: str
    title: Text
    description: Text = ""
    source: str = ""
    licence: str = ""
    citation: str = ""
    doi: str = ""
    period: Text = ""
    population: Text = ""
    decision: Text = ""
    limits: tuple[Text, ...] = ()
    sector: Sector = ""


#: Periods that are no time: the source does not say it, or the data are made up.
NOT_STATED = message("card.period.not_stated")
NO_PERIOD = message("card.period.none")


def shipped_description(name: str, *, limits: Iterable[str], **origin: Any) -> Description:
    """The description of a data set that comes with the package.

    What a reader is told stands in the catalogs under `data_sets.<name>`: in `about`, and by these
    keys in `limits`. origin : the other fields, such as the citation, which stays as it is.
    """
    sentences_of_parts: dict[str, Any] = {
        part: message(f"data_sets.{name}.about.{part}") for part in DESCRIBED if part not in origin
    }
    sentences = tuple(message(f"data_sets.{name}.limits.{key}") for key in limits)
    return Description(name=name, limits=sentences, **sentences_of_parts, **origin)


@dataclass(frozen=True)
class RowDraw:
    """Rows that were drawn of the source's, and the seed that they were drawn by."""

    rows: int
    of: int
    seed: int


@dataclass(frozen=True)
class MixedDates:
    """A column whose dates are written in several forms.

    examples : one date in each of them. orders_rows : it says when the rows come from.
    """

    name: str
    examples: tuple[str, ...]
    orders_rows: bool = False


@dataclass(frozen=True)
class DataFacts:
    """What the card and the checks read.

    whole : all rows that are used; parts : the same rows, split. n_duplicates : rows of the file
    that are copies of an earlier row and have its label; n_equal : other rows whose inputs are
    those of an earlier one, as chance has it; n_contradictions : copies of a row with
    another label; n_shared : rows of validation and test with a copy in another part. n_alike :
    those that only the model cannot tell from a row of another part (texts that differ in unknown
    words alone). dropped : the duplicates have been dropped.
    n_torn : rows of validation and test of an entity that the training part has rows of too.
    texts : what is known of texts. dates : columns of dates, which were left out.
    entity : the declared column of entities. possible_entity : one that nobody declares.
    has_own_parts : the source says which part a row is of. mixed_dates : columns of dates in
    several forms. draw : None where all rows of the source are used. identifiers : columns that
    the model reads although they identify the rows.
    """

    schema: Schema
    whole: Split
    parts: Mapping[str, Split]
    description: Description
    file: str
    sha256: str
    n_duplicates: int
    n_equal: int
    n_contradictions: int
    n_shared: int
    n_alike: int
    dropped: bool
    split_method: Text
    preparation: tuple[Text, ...]
    texts: TextFacts | None = None
    dates: tuple[str, ...] = ()
    n_torn: int = 0
    entity: str = ""
    possible_entity: PossibleEntity | None = None
    has_own_parts: bool = False
    draw: RowDraw | None = None
    mixed_dates: tuple[MixedDates, ...] = ()
    identifiers: tuple[str, ...] = ()

    @property
    def text_facts(self) -> TextFacts:
        """What is known of the texts; TypeError where the data are none."""
        if self.texts is None:
            raise TypeError("these data are not texts")
        return self.texts

    @cached_property
    def one_each(self) -> Ints:
        """Positions in `whole` of one row of each entity; of all rows where none is declared."""
        return Resampling.of(self.whole).one_each(np.arange(len(self.whole)))

    @property
    def train(self) -> Split:
        return self.parts["train"]

    @property
    def test(self) -> Split:
        return self.parts["test"]

    @property
    def judged(self) -> list[Split]:
        """The validation and the test part."""
        return [self.parts["validation"], self.test]

    @property
    def n_measured(self) -> int:
        """Rows of the validation and the test part."""
        return sum(map(len, self.judged))

    @cached_property
    def compared(self) -> Ints:
        """Positions of the columns that are searched for correlated pairs, ascending."""
        kept = [
            i
            for i, feature in enumerate(self.schema.features)
            if feature.kind != "categorical" and kind_of(self.schema).named_columns
        ]
        return _most_telling(self._rows_compared, np.array(kept, dtype=np.int64), MOST_COMPARED)

    @cached_property
    def _rows_compared(self) -> Split:
        """The rows on which columns are compared with one another."""
        n = len(self.whole)
        return (
            self.whole if n <= MOST_COMPARED_ROWS else self.whole.take(thin(n, MOST_COMPARED_ROWS))
        )

    @cached_property
    def correlations(self) -> list[CorrelatedPair]:
        """Pairs of the compared columns with |ρ| of at least 0.9, strongest first."""
        names, labels, kept = self.schema.names, self.schema.labels, self.compared.tolist()
        rho = spearman(self._rows_compared.inputs[:, kept])
        strong = np.argwhere(np.triu(np.abs(rho) >= CORRELATED, k=1)).tolist()
        strong.sort(key=lambda pair: (-abs(rho[*pair]), pair))
        return [
            CorrelatedPair(names[a], names[b], labels[a], labels[b], round(float(rho[i, j]), 4))
            for i, j in strong
            for a, b in [(kept[i], kept[j])]
        ]

    @property
    def limited(self) -> list[Message]:
        """What was not searched in full, one sentence each."""
        if not kind_of(self.schema).named_columns:
            return []
        n, sentences = len(self.schema.features), []
        if n > MOST_COMPARED:
            sentences.append(message("card.limited", features=n, compared=len(self.compared)))
        if (rows := len(self.whole)) > MOST_COMPARED_ROWS:
            sentences.append(message("card.limited_rows.compared", n=MOST_COMPARED_ROWS, of=rows))
        train, searched = len(self.train), rows_searched(n)
        if task_of(self.schema.target).decides and train > searched:
            sentences.append(message("card.limited_rows.searched", n=searched, of=train))
        return sentences

    @property
    def missed(self) -> list[Message]:
        """What the search for a leak could not have found among so many rows, in one sentence.

        It is about the class with the fewest rows that the search judges by.
        """
        target = self.schema.target
        if not task_of(target).decides or task_of(target).several:
            return []
        kind = kind_of(self.schema)
        judged = [self.whole] if self.texts else self.judged
        labels = np.concatenate([part.labels for part in judged])
        rarest = int(np.bincount(labels, minlength=len(target.classes)).argmin())
        sizes, name = sizes_of(Resampling.across(judged), labels == rarest), target.classes[rarest]
        if sizes[0] < FEWEST_OF_CLASS:
            return [message("card.missed.class", name=name)]
        searched = 1 if self.texts else len(self.schema.features)
        limit = ASKED if kind.named_columns or kind.quotes else PLACE_ASKED
        least = least_found(sizes, limit, searched)
        return [message(f"card.missed.{kind.structure}", name=name, least=least)]


def make_card(facts: DataFacts) -> dict[str, object]:
    """The card as `docs/contracts.md` lays it down."""
    whole, schema = facts.whole, facts.schema
    return {
        **vars(facts.description),
        "file": facts.file,
        "sha256": facts.sha256,
        "rows": len(whole),
        "draw": None if facts.draw is None else vars(facts.draw),
        "features": len(schema.features),
        "duplicates": facts.n_duplicates,
        "observations": _observations(facts),
        **_outcomes(facts),
        "leakage": {
            "duplicates_across": facts.n_shared,
            "same_inputs_across": facts.n_alike,
            "contradictory_rows": facts.n_contradictions,
            "entities_across": facts.n_torn,
            "method": facts.split_method,
        },
        **_contents(facts),
        "limited": facts.limited,
        "missed": facts.missed,
        "preparation": list(facts.preparation),
        "limits": list(facts.description.limits),
    }


def _observations(facts: DataFacts) -> dict[str, object]:
    """What counts as one observation: the column of entities, the rows and those that are tested,
    and as how many observations these count (`…_of`); None where rows are taken as independent.
    """
    parts = {"rows": facts.whole, "tested": facts.test}
    counted = {
        f"{name}_of": drawn.n_units if facts.entity or drawn.units is not None else None
        for name, part in parts.items()
        if (drawn := Resampling.of(part))
    }
    sizes = {name: len(part) for name, part in parts.items()}
    return {"entity": facts.entity or None, **sizes, **counted}


def _outcomes(facts: DataFacts) -> dict[str, object]:
    """What is predicted: sizes of classes or the spread of a number, in all, by group and by part.

    `base_rate`, `positive` and `share` are of the explained class; nobody has one of a number.
    """
    target, labels, parts = facts.schema.target, facts.whole.labels, facts.parts
    if not task_of(target).decides:
        named = {"label": target.label, "unit": target.unit, "n": len(labels)}
        nothing = {"positive": None, "share": None}
        return {
            "positive_class": None,
            "labels": [],
            "label_numbers": {**named, **_mean_and_deviation(labels), **five_numbers(labels)},
            "groups": _by_level(
                facts, lambda inside: {"base_rate": None, "mean": mean_of(labels, inside)}
            ),
            "parts": [
                {"part": name, "n": len(part), **nothing, **_mean_and_deviation(part.labels)}
                for name, part in parts.items()
            ],
        }
    explained, every = labels == target.explained, facts.whole.all_labels
    inside = {name: part.labels == target.explained for name, part in parts.items()}
    sizes = np.bincount(labels, minlength=len(target.classes))
    return {
        "positive_class": target.explained_class,
        "labels": _counted("class", target.classes, sizes, len(labels)),
        "all_labels": []
        if every is None
        else _counted("label", target.labels, every.sum(axis=0), len(labels)),
        "groups": _by_level(facts, lambda inside: {"base_rate": mean_of(explained, inside)}),
        "parts": [
            {"part": name, "n": len(hit), "positive": int(hit.sum()), "share": float(hit.mean())}
            for name, hit in inside.items()
        ],
    }


def _counted(key: str, names: Sequence[str], sizes: Ints, of: int) -> list[dict[str, object]]:
    return [
        {key: name, "n": int(n), "share": float(n / of)}
        for name, n in zip(names, sizes, strict=True)
    ]


def _mean_and_deviation(labels: Floats) -> dict[str, float]:
    return {"mean": float(labels.mean()), "deviation": float(labels.std())}


def _by_level(
    facts: DataFacts, describe: Callable[[Bools], dict[str, object]]
) -> dict[str, list[dict[str, object]]]:
    """{attribute: size and share of each level, and what is told of its rows}; unknown comes last.

    describe : (instance,) whether a row is of the level -> further columns.
    """
    of = len(facts.whole)
    return {
        attribute.name: [
            {"level": level, "n": n, "share": n / of, **describe(inside)}
            for code, level in [*enumerate(attribute.levels), (-1, UNKNOWN)]
            for inside in [facts.whole.groups[attribute.name] == code]
            if (n := int(inside.sum())) or code >= 0
        ]
        for attribute in facts.schema.attributes
    }


def _contents(facts: DataFacts) -> dict[str, object]:
    schema, whole = facts.schema, facts.whole
    kind = kind_of(schema)
    named = kind.named_columns
    columns = list(zip(schema.features, whole.inputs.T, strict=True)) if named else []
    return {
        "modality": schema.modality,
        "missing": missing(schema, whole) if named else {},
        "numeric": [
            {"feature": f.name, "label": f.label, "unit": f.unit, **five_numbers(values)}
            for f, values in columns
            if f.is_numeric
        ],
        "categorical": [row for f, values in columns for row in _category_rows(f, values)],
        "correlations": [*map(vars, facts.correlations[:_SHOWN_CORRELATIONS])],
        "texts": describe_texts(schema, whole, facts.texts) if facts.texts else None,
        "values": None if named or facts.texts else describe_values(schema, kind.layout, whole),
    }


def missing(schema: Schema, whole: Split) -> dict[str, int]:
    """{feature: number of missing cells}, only of features that have any."""
    counts = np.isnan(whole.inputs).sum(axis=0)
    return {name: int(n) for name, n in zip(schema.names, counts, strict=True) if n}


def category_counts(feature: Feature, values: Floats) -> Ints:
    """(category,) how many rows have it; empty for a numeric feature."""
    if feature.is_numeric:
        return np.zeros(0, dtype=np.int64)
    known = values[~np.isnan(values)].astype(np.int64)
    return np.bincount(known, minlength=len(feature.categories))


def _category_rows(feature: Feature, values: Floats) -> list[dict[str, object]]:
    """Every category of an ordinal or categorical feature with its count."""
    counts = category_counts(feature, values)
    total = max(int(counts.sum()), 1)
    return [
        {
            "feature": feature.name,
            "label": feature.label,
            "category": category.label,
            "code": category.code,
            "n": int(n),
            "share": int(n) / total,
            "documented": category.documented,
        }
        for category, n in zip(feature.categories, counts, strict=True)
    ]


# What the card says of numbers, arrays and texts, part by part.

_FIVE = ("min", "q25", "median", "q75", "max")


def five_numbers(
    values: Array, method: Literal["linear", "lower"] = "linear"
) -> dict[str, float | None]:
    """Least value, quartiles and greatest value of those that are known; None without any.

    method : "lower" gives values that occur.
    """
    known = values[~np.isnan(values)].astype(np.float64)
    if not len(known):
        return dict.fromkeys(_FIVE)
    quantiles = np.quantile(known, [0, 0.25, 0.5, 0.75, 1], method=method)
    return dict(zip(_FIVE, quantiles.tolist(), strict=True))


def mean_of(values: Array, inside: Bools) -> float | None:
    """The mean of some of the values; None where there is none."""
    return float(values[inside].mean()) if inside.any() else None


def describe_values(schema: Schema, layout: Layout, whole: Split) -> dict[str, object]:
    """Shape, the range of the values, gaps, and how many columns never change.

    `channels` holds five numbers of each channel, over all rows and places. Series of unequal
    length end in NaN: `shortest` and `longest` count their steps.
    """
    shape = layout.shape
    inputs = whole.inputs.reshape(len(whole), -1, shape[-1])
    known: Bools = np.asarray(~np.isnan(inputs).all(axis=2))
    last = known.shape[1] - np.argmax(known[:, ::-1], axis=1)
    lengths = np.where(known.any(axis=1), last, 0)  # places up to the last known in any channel
    return {
        "shape": list(shape),
        "channels": [
            {
                "channel": i + 1,
                "label": layout.channel(i),
                "unit": schema.features[i].unit,
                **five_numbers(inputs[..., i]),
            }
            for i in range(shape[-1])
        ],
        "missing_share": float(np.isnan(whole.inputs).mean()),
        "constant_columns": len(constant_columns(whole.inputs)),
        "shortest": int(lengths.min()),
        "longest": int(lengths.max()),
    }


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


def outcomes(target: Target, labels: Array) -> list[tuple[Text, Bools]]:
    """The classes with their members; where the target is a number, its two halves."""
    if not task_of(target).decides:
        middle = float(np.median(labels))
        upper, lower = message("data.halves.upper"), message("data.halves.lower")
        return [(upper, labels > middle), (lower, labels <= middle)]
    return [(name, labels == i) for i, name in enumerate(target.classes)]


def describe_texts(schema: Schema, whole: Split, facts: TextFacts) -> dict[str, object]:
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
            {"class": name, "n": int(inside.sum()), **five_numbers(facts.lengths[inside], "lower")}
            for name, inside in rows
        ],
        "copies": vars(facts.copies),
        "hidden": list(facts.hidden),
    }


# Which columns rise and fall together.

#: Rows on which columns are compared with one another: near |ρ| = 0.9 the standard error of a rank
#: correlation of so many is about 0.001.
MOST_COMPARED_ROWS = 50_000
#: Cells and rows of each part in which columns that tell the label are searched.
_MOST_CELLS, _MOST_ROWS, _FEWEST_ROWS = 4_000_000, 20_000, 1_000


def rows_searched(n_columns: int) -> int:
    """The most rows of a part in which columns that tell the label are searched."""
    return min(max(_MOST_CELLS // max(n_columns, 1), _FEWEST_ROWS), _MOST_ROWS)


CORRELATED = 0.9
#: With more columns than this, only so many are compared with one another.
MOST_COMPARED = 1000


@dataclass(frozen=True)
class CorrelatedPair:
    """Names and labels of two columns, and their rank correlation, to four decimals."""

    a: str
    b: str
    label_a: str
    label_b: str
    spearman: float


def _most_telling(whole: Split, columns: Ints, most: int) -> Ints:
    """At most so many of these columns: those whose ranks go most with the label, ascending."""
    if len(columns) <= most:
        return columns
    import pandas as pd

    ranks = pd.DataFrame(whole.inputs[:, columns]).rank(pct=True).fillna(0.5).to_numpy()
    ranks = ranks - ranks.mean(axis=0)
    outcomes = pd.get_dummies(whole.labels).to_numpy(dtype=np.float64)
    if outcomes.shape[1] > most:
        outcomes = whole.labels[:, None].astype(np.float64)
    outcomes = outcomes - outcomes.mean(axis=0)
    scale = np.maximum(np.linalg.norm(ranks, axis=0), 1e-12)
    strength = np.abs(outcomes.T @ ranks / scale) / np.linalg.norm(outcomes, axis=0)[:, None]
    return np.sort(columns[np.argsort(-strength.max(axis=0), kind="stable")[:most]])
