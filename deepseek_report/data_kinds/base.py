"""What every kind of data says of itself, so that nobody else has to ask which kind it is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol

import numpy as np

from deepseek_report.artifacts.array_types import Bools, Floats, Ints
from deepseek_report.artifacts.explanation import Explanation, Game
from deepseek_report.artifacts.message import Text, message
from deepseek_report.artifacts.schema import Feature, Layout, Schema
from deepseek_report.data_kinds.coalitions import SharedPlayers, Units, n_players, player_sums
from deepseek_report.errors import NotApplicableError

#: Pixels along the longer side of a small picture, steps of a small course.
SIDE, STEPS = 24, 40


@dataclass(frozen=True)
class Glance:
    """A whole input, small.

    words : what it says, empty where it is better drawn. pixels : (row, column, channel) of an
    image of at most `SIDE` pixels a side. course : (step,) of the first channel of a series, at
    most `STEPS`; what follows its end is missing. Both are None for other data, and in the units of
    the input.
    """

    words: str = ""
    pixels: Floats | None = None
    course: Floats | None = None


def shrunk(values: Floats, most: int) -> Floats:
    """The means of blocks along the first axis, so that at most so many are left.

    >>> shrunk(np.array([1.0, 3.0, 5.0]), 2).tolist()
    [2.0, 5.0]
    """
    size = -(-len(values) // most)
    starts = np.arange(0, len(values), size)
    counts = np.diff(np.append(starts, len(values))).reshape(-1, *[1] * (values.ndim - 1))
    return np.asarray(np.add.reduceat(values, starts, axis=0) / counts)


@dataclass(frozen=True)
class Quantity:
    """Something that every case has one value of.

    key : names it among the quantities of these data. label : what people call it.
    feature : whose unit or categories the values have. values : (case,) NaN is missing.
    """

    key: str
    label: Text
    feature: Feature
    values: Floats

    @property
    def known(self) -> Floats:
        """The values that are not missing."""
        return self.values[~np.isnan(self.values)]

    @property
    def held(self) -> Floats:
        """Both ends of the numbers, or every category; NaN beside them where a value is missing."""
        known = self.known
        if self.feature.is_numeric and len(known):
            held = np.array([known.min(), known.max()])
        else:
            held = np.unique(known)
        return held if len(known) == len(self.values) else np.append(held, np.nan)

    @property
    def ends(self) -> list[str]:
        """The least and the greatest number, as they are displayed; nothing of categories."""
        known = self.known
        ends = [known.min(), known.max()] if self.feature.is_numeric and len(known) else []
        return [self.feature.display(float(end)) for end in ends]

    def outside(self, reference: Floats) -> int:
        """How many values lie outside of those of a reference, or are categories it has not."""
        known = self.known
        seen = reference[~np.isnan(reference)]
        if not len(seen):
            return len(known)
        if not self.feature.is_numeric:
            return int((~np.isin(known, seen)).sum())
        return int(((known < seen.min()) | (known > seen.max())).sum())


#: What the columns of an input are: features with a name each, tokens in a row, cells of a grid.
Structure = Literal["columns", "tokens", "grid"]


@dataclass(frozen=True)
class DataKind(ABC):
    """The data of one schema, as data of their kind: table, text, image or series.

    A player is what methods take away at once: a feature of a table, a word, a patch, a window.

    name : how the kind is called in YAML, in stored results, and as the last part of the keys of
        texts in `templates/locale` (`sections.data.rows.<name>`).
    player : what is taken away at once ("word"); `noun` is the same for given data.
    becomes : what a player is that is taken away ("masked"), as tables of changes call it.
    structure : what the columns are; readers, checks and models choose their parts by it.
    views : names of the ways to draw a whole input, the best first. What draws looks its function
        up by them ("raster", "curves").
    axes : what the places of an input are counted in ("row", "column"); empty in a table.
    named_columns : whether each column means something by itself, so that it can be described,
        cut into groups, changed alone and told to people. Else only players and whole inputs can.
    one_line : whether a case can be written as one line of named cells, as streams of cases are.
    compared_with : what SHAP replaces players by where nobody says: training rows, or the baseline.
    has_between : whether a point between two inputs is like an input, as none between two texts is.
    idle_players : whether a player may equal the baseline, so that any model gives it 0.
    evidence_is_there : whether what makes the label does so by being there, as a scratch does, and
        not by its value; then attributions toward the class alone point at it.
    shown_as_mean : whether a player of several columns is displayed as their mean, which is no
        value of the input.
    quotes : whether players are called by words of the data, which stand in quotation marks; their
        places are told too, since words repeat.
    reads_out : whether `display_row` gives a whole input in words.
    may_end : whether an input may be shorter than its places; what follows its end is missing.
    as_words : whether classical estimators get the inputs as weighted words, in a sparse matrix.
    neighbours : how many tokens to each side a transformer's local heads see, unless configured.
    changes : the fields of `InputChange` that such inputs can be changed by.
    most_shift : places by which a prototype may be moved, unless configured.
    """

    schema: Schema

    name: ClassVar[str]
    player: ClassVar[str]
    becomes: ClassVar[str]
    structure: ClassVar[Structure]
    views: ClassVar[tuple[str, ...]]
    axes: ClassVar[tuple[str, ...]] = ()
    named_columns: ClassVar[bool] = False
    one_line: ClassVar[bool] = False
    compared_with: ClassVar[Literal["background", "baseline"]] = "baseline"
    has_between: ClassVar[bool] = True
    idle_players: ClassVar[bool] = True
    evidence_is_there: ClassVar[bool] = True
    shown_as_mean: ClassVar[bool] = False
    quotes: ClassVar[bool] = False
    reads_out: ClassVar[bool] = False
    may_end: ClassVar[bool] = False
    as_words: ClassVar[bool] = False
    neighbours: ClassVar[int] = 3
    changes: ClassVar[tuple[str, ...]] = ()
    most_shift: ClassVar[int] = 0

    # --- players ----------------------------------------------------------------------------------

    @property
    def noun(self) -> str:
        """What a player of these data is called."""
        return self.player

    @property
    def nouns(self) -> tuple[str, str]:
        """What one player is called, and several: `("word", "words")`."""
        return self.noun, self.noun + ("es" if self.noun.endswith("ch") else "s")

    @property
    def player_names(self) -> list[str]:
        """Keys of the players in tables; what people call them is `Schema.player_labels`."""
        return self.schema.player_labels

    @property
    def layout(self) -> Layout:
        """How the columns of one input are arranged; LookupError where they have no places."""
        if self.schema.layout is None:
            raise LookupError(f"the columns of kind `{self.name}` are not arranged in any shape")
        return self.schema.layout

    @property
    def shape(self) -> tuple[int, ...]:
        """(place, …) of one input before it was flattened; empty where columns have no places."""
        return self.schema.layout.shape if self.schema.layout else ()

    @property
    def mask(self) -> int | None:
        """Position in the vocabulary of the token that stands for "taken away"; None without."""
        return self.schema.layout.mask if self.schema.layout else None

    @property
    def channels(self) -> tuple[str, ...]:
        """What the channels are called, along the last axis; empty where nobody named them."""
        return self.schema.layout.channels if self.schema.layout else ()

    def present(self, rows: Floats) -> Bools:
        """(row, player) whether there is anything to take away; a missing value counts as there."""
        return np.ones((len(rows), n_players(self.schema)), dtype=bool)

    def nameable(self, rows: Floats) -> Bools:
        """(row, player) whether it can be told to people as a reason, as all that is there can."""
        return self.present(rows)

    def known(self, rows: Floats) -> Bools:
        """(row, column) whether the column belongs to the input; places after its end do not."""
        return ~np.isnan(rows)

    def by_player(self, values: Floats, rows: Floats) -> Floats:
        """(row, player) attributions summed over the columns of each; NaN where none is there.

        Parameters
        ----------
        values, rows : array
            (row, column) attributions, and the inputs that they explain.
        """
        sums = player_sums(values, self.schema.owners)
        return np.where(self.present(rows), sums, np.nan)

    def mean_error(self, explanation: Explanation) -> float | None:
        """Standard error of a player's attribution on average; None for a method that draws none.

        Of an explanation without its rows the mean is all that is held.
        """
        errors = explanation.standard_error
        if errors is None or not errors.size:
            return None
        if explanation.has_rows:
            errors = self.by_player(errors, explanation.inputs)
        known = errors[np.isfinite(errors)]
        return float(known.mean()) if known.size else None

    def places(self) -> Floats | None:
        """(player, axis) mean place of each player's columns; None where columns have no places."""
        if not self.axes:
            return None
        shape, owners = self.shape, self.schema.owners
        columns = np.stack(np.unravel_index(np.arange(len(owners)), shape), axis=1)
        sums = np.zeros((n_players(self.schema), len(self.axes)))
        np.add.at(sums, owners, columns[:, : len(self.axes)].astype(np.float64))
        return np.asarray(sums / np.bincount(owners)[:, None])

    def units(self, values: Floats, rows: Floats, least: int) -> Units:
        """What importance is summed up for, with the attributions of each.

        Parameters
        ----------
        values, rows : array
            (instance, column) attributions, and the inputs that they explain.
        least : int
            Units that only some inputs have are left out where fewer than so many have them.
        """
        del rows, least
        sums = player_sums(values, self.schema.owners)
        labels, everyone = list(self.schema.player_labels), np.arange(len(sums))
        return Units(list(self.player_names), labels, list(sums.T), [everyone] * len(labels))

    def shared_players(
        self, rows: Floats, train: Floats, telling: Callable[[Floats], Ints]
    ) -> SharedPlayers:
        """The players of which it is told how much of the skill of a model each earns.

        Parameters
        ----------
        rows, train : array
            (row, column) inputs whose players are asked for, and those of the training part.
        telling : callable
            Chooses, of (training row, candidate) columns, those that tell most of the labels.
        """
        del train, telling
        owners = np.broadcast_to(self.schema.owners, rows.shape)
        return SharedPlayers(list(self.player_names), list(self.schema.player_labels), owners, True)

    def about_units(self, least: int) -> Text:
        """What a reader must know of these units; empty where nothing."""
        del least
        return ""

    def watched(self, rows: Floats) -> list[Quantity]:
        """What drift is looked for in, in `rows` (case, column); by default every column."""
        return [
            Quantity(feature.name, feature.label, feature, rows[:, j])
            for j, feature in enumerate(self.schema.features)
        ]

    def parameters(self, rows: Floats) -> list[Quantity]:
        """What ranges may be told of, in `rows` (case, column); nothing where columns are no names.

        The labels are plain texts.
        """
        return self.watched(rows) if self.named_columns else []

    def columns_called(self, name: str) -> Ints:
        """Positions of the columns of that name or label, whatever the case of its letters."""
        called = name.lower()
        names = [(feature.name, feature.label) for feature in self.schema.features]
        return np.flatnonzero([called in (key.lower(), label.lower()) for key, label in names])

    # --- references and perturbations -------------------------------------------------------------

    def baseline(self, rows: Floats, train: Floats) -> Floats:
        """(instance, column) what each row becomes where all its players are taken away.

        Parameters
        ----------
        rows, train : array
            (instance, column), (row, column).
        """
        return np.tile(typical_row(train, self.schema), (len(rows), 1))

    @abstractmethod
    def distances(self, rows: Floats, train: Floats) -> list[Floats]:
        """For each row its distances (training row,) to others, in [0, 1].

        Parameters
        ----------
        rows, train : array
            (instance, column), (row, column).
        """

    @abstractmethod
    def disturbances(self) -> tuple[Disturbance, ...]:
        """The random errors that such inputs may have, in the order in which they are drawn."""

    def nudged(
        self, inputs: Floats, train: Floats, radius: float, count: int, rng: np.random.Generator
    ) -> list[Floats]:
        """`count` slightly different copies of the inputs; empty where nothing can be moved.

        Numeric features move, uniformly, by at most `radius` of their interquartile range.

        Parameters
        ----------
        inputs, train : array
            (instance, column), (row, column).
        """
        reach = radius * spreads(train, self.schema)
        if not reach.any():
            return []
        return list(inputs + reach * rng.uniform(-1, 1, size=(count, *inputs.shape)))

    def nudging(self, radius: float) -> Text:
        """How `nudged` moves an input: "one word replaced by the mask"."""
        return message("kinds.nudging", radius=radius)

    # --- words ------------------------------------------------------------------------------------

    @abstractmethod
    def display(self, row: Floats, player: int) -> str:
        """What a player is in one row, as a person writes it: `34 years`, `mean 0.8`, `late`."""

    def display_typical(self, typical: Floats, player: int) -> str:
        """What a player usually is, for the column beside `display`; empty where nothing is usual.

        typical : (column,) of `reference.typical_row`.
        """
        return self.display(typical, player)

    def display_row(self, row: Floats) -> str:
        """A whole input in words; empty where it is better drawn."""
        del row
        return ""

    def glance(self, row: Floats) -> Glance:
        """A whole input as a list of many shows it."""
        return Glance(self.display_row(row))

    def mention(self, label: str, display: str) -> tuple[str, str]:
        """A player in a sentence, and what stands beside it in brackets, of label and display."""
        return label, display

    def quoted(self, label: str) -> str:
        """A label as it stands in a sentence; words of the data stand in quotation marks."""
        return f"“{label}”" if self.quotes else label

    def words(self, part: str) -> Text:
        """A text of the catalogs on data of this kind: `kinds.<name>.words.<part>`."""
        return message(f"kinds.{self.name}.words.{part}")

    def compared(self, game: Game, rows: int) -> Text:
        """What a player's share is compared with in a game; rows : how many stand for it there."""
        if game == "baseline":
            return self.words("baseline")
        return message(f"kinds.{self.name}.games.{game}", rows=rows)

    def replacing(self, game: Game, rows: int) -> Text:
        """What is done to players that are taken away in a game, and what that means.

        rows : how many stand for those of one case.
        """
        if game == "baseline":
            return self.words("replaced")
        return message(f"kinds.sampled.{game}", rows=rows)

    @abstractmethod
    def summary(self) -> Text:
        """How large an input is and what is explained, in one line; empty for named columns."""


# Original features as a plain numeric matrix, for reference predictors and distances.

#: Words that a text is described by, the most frequent ones.
MOST_WORDS = 2000
#: Up to so many features a missing number is kept apart in a column of its own.
_MOST_APART = 64


class Encoding(Protocol):
    """Something fitted on training inputs that makes a matrix of any inputs."""

    def transform(self, inputs: Floats) -> Any:
        """(instance, feature) -> (instance, column), an array or a sparse array."""


def encoding_of(features: Sequence[Feature], inputs: Floats) -> Encoding:
    """Of texts the weighted words, of everything else an `Encoder`, fitted on these inputs."""
    if features and all(feature.kind == "token" for feature in features):
        return Words.fit(inputs)
    return Encoder.fit(features, inputs)


@dataclass(frozen=True)
class Words:
    """Texts as weighted words: term frequency times inverse document frequency, of length 1.

    (1 + log count) · (log((1 + texts) / (1 + texts with the word)) + 1), as in scikit-learn's
    TfidfVectorizer with `sublinear_tf`. Only the `MOST_WORDS` tokens that stand in most training
    texts count, in whatever place they stand.

    tokens : (word,) position of each in the vocabulary, ascending. weights : (word,).
    """

    tokens: Ints
    weights: Floats

    @classmethod
    def fit(cls, inputs: Floats) -> Words:
        kinds, counts = np.unique(_pairs(inputs)[1], return_counts=True)
        chosen = np.sort(np.argsort(-counts, kind="stable")[:MOST_WORDS])
        weights = np.log((1 + len(inputs)) / (1 + counts[chosen])) + 1
        return cls(kinds[chosen], weights)

    def transform(self, inputs: Floats) -> Any:
        """(text, place) -> sparse (text, word); rows of length 1, or 0 where no word is known."""
        from scipy.sparse import csr_array

        rows, tokens, counts = _pairs(inputs)
        place = np.searchsorted(self.tokens, tokens)
        known = np.isin(tokens, self.tokens)
        rows, place = rows[known], place[known]
        values = (1 + np.log(counts[known])) * self.weights[place]
        length = np.sqrt(np.bincount(rows, values**2, minlength=len(inputs)))
        shape = (len(inputs), len(self.tokens))
        return csr_array((values / length[rows], (rows, place)), shape=shape)


def _pairs(inputs: Floats) -> tuple[Ints, Ints, Ints]:
    """Each text and token that stands in it, once, and how often it does: (pair,) each."""
    rows, columns = np.nonzero(~np.isnan(inputs))
    tokens = inputs[rows, columns].astype(np.int64)
    kinds = tokens.max(initial=0) + 1
    pairs, counts = np.unique(rows * kinds + tokens, return_counts=True)
    return pairs // kinds, pairs % kinds, counts


@dataclass(frozen=True)
class Encoder:
    """Numeric features standardised, ordinal and categorical ones one-hot, missing kept apart.

    Statistics come from the inputs that it was fitted on. A missing number becomes the median with
    a column of its own, in a wide table without one; a missing category is a row of zeros.

    Attributes
    ----------
    owners : (column,) position of the feature that each column was made from.
    """

    features: tuple[Feature, ...]
    medians: Floats
    means: Floats
    spreads: Floats
    owners: Ints

    @classmethod
    def fit(cls, features: Sequence[Feature], inputs: Floats) -> Encoder:
        k = len(features)
        medians, means, spreads = np.zeros(k), np.zeros(k), np.ones(k)
        for j, feature in enumerate(features):
            known = inputs[~np.isnan(inputs[:, j]), j]
            if feature.is_numeric and len(known):
                medians[j], means[j] = np.median(known), known.mean()
                spreads[j] = known.std() or 1.0
        apart = k <= _MOST_APART
        widths = [_width(feature, apart) for feature in features]
        owners = np.repeat(np.arange(k), widths)
        return cls(tuple(features), medians, means, spreads, owners)

    def transform(self, inputs: Floats) -> Floats:
        """(instance, feature) original units -> (instance, column)."""
        if (
            all(feature.is_numeric for feature in self.features)
            and len(self.features) > _MOST_APART
        ):
            filled = np.where(np.isnan(inputs), self.medians, inputs)
            return np.asarray((filled - self.means) / self.spreads)
        return np.concatenate([self._columns(inputs[:, j], j) for j in range(inputs.shape[1])], 1)

    def _columns(self, values: Floats, j: int) -> Floats:
        feature, missing = self.features[j], np.isnan(values)
        if feature.is_numeric:
            filled = np.where(missing, self.medians[j], values)
            standard = (filled - self.means[j]) / self.spreads[j]
            apart = len(self.features) <= _MOST_APART
            return np.stack([standard, missing], axis=1) if apart else standard[:, None]
        width = _width(feature, apart=True)
        return np.asarray(values[:, None] == np.arange(width), np.float64)


def _width(feature: Feature, apart: bool) -> int:
    if feature.is_numeric:
        return 2 if apart else 1
    return max(len(feature.categories), 1)


# Random errors in the inputs, as robustness makes them: noise, other categories, lost values.

#: Which levels of the configuration a disturbance is made at.
Levels = Literal["noise", "swaps", "missing"]
#: (inputs (instance, column), training inputs (row, column), level, generator) -> inputs.
Disturb = Callable[[Floats, Floats, float, np.random.Generator], Floats]
#: Distance between the quartiles of a normal distribution with standard deviation 1.
_NORMAL_IQR = 1.3489795003921634


@dataclass(frozen=True)
class Disturbance:
    """One sort of random error that such data may have.

    name : key in tables. label : what a person calls it. levels : where its strengths come from.
    apply : makes it.
    """

    name: str
    label: str
    levels: Levels
    apply: Disturb


def robust_spread(values: Floats) -> float:
    """Distance between the quartiles over 1.349, the standard deviation where that is 0."""
    known = values[~np.isnan(values)]
    if not len(known):
        return 0.0
    low, high = np.quantile(known, [0.25, 0.75])
    return float((high - low) / _NORMAL_IQR or known.std())


def add_noise(
    schema: Schema, inputs: Floats, train: Floats, level: float, rng: np.random.Generator
) -> Floats:
    """Normal noise on every number, kept within the training range and whole where that is whole.

    level : standard deviation of the noise, in robust standard deviations of the feature.
    """
    noisy = inputs.copy()
    for j, feature in enumerate(schema.features):
        if feature.is_numeric and not np.all(np.isnan(train[:, j])):
            spread = robust_spread(train[:, j])
            moved = inputs[:, j] + level * spread * rng.standard_normal(len(inputs))
            noisy[:, j] = _possible(moved, inputs[:, j], train[:, j])
    return noisy


def _possible(moved: Floats, original: Floats, train: Floats) -> Floats:
    known = train[~np.isnan(train)]
    if np.all(known == np.round(known)):
        moved = np.round(moved)
    low = np.fmin(known.min(), original)
    return np.clip(moved, low, np.fmax(known.max(), original))


def swap_categories(
    schema: Schema, inputs: Floats, train: Floats, level: float, rng: np.random.Generator
) -> Floats:
    """Each category is, with this chance, replaced by one drawn from the training rows."""
    swapped = inputs.copy()
    for j, feature in enumerate(schema.features):
        if not feature.is_numeric:
            hit = rng.random(len(inputs)) < level
            swapped[hit, j] = rng.choice(train[:, j], size=int(hit.sum()))
    return swapped


def drop_values(inputs: Floats, train: Floats, level: float, rng: np.random.Generator) -> Floats:
    """Each value of a column that lacks some is, with this chance, made missing.

    Raises NotApplicableError : no column lacks a value, so that no model need have learnt of any.
    """
    lacks = np.isnan(train).any(axis=0) | np.isnan(inputs).any(axis=0)
    if not lacks.any():
        raise NotApplicableError(message("refusals.no_missing_values"))
    return np.where((rng.random(inputs.shape) < level) & lacks, np.nan, inputs)


# What is usual among training rows: the typical row, the spread, and distances between rows.


def typical_row(rows: Floats, schema: Schema) -> Floats:
    """The median of numeric features and the most frequent category of all others.

    rows : array
        (row, feature) in original units; missing values are left out.
    schema : Schema
        Says which features are numeric.

    Returns
    -------
    (feature,), NaN where a feature is missing everywhere. Of categories that are equally frequent
    the first is taken.
    """
    return _by_feature(_typical, rows, schema)


def _by_feature(
    statistic: Callable[[Feature, Floats], float], rows: Floats, schema: Schema
) -> Floats:
    """(feature,) a statistic of each feature's values that are not missing."""
    columns = zip(schema.features, rows.T, strict=True)
    return np.array([statistic(feature, values[~np.isnan(values)]) for feature, values in columns])


def _typical(feature: Feature, known: Floats) -> float:
    if not len(known):
        return float("nan")
    if feature.is_numeric:
        return float(np.median(known))
    return float(np.bincount(known.astype(np.int64)).argmax())


def spreads(rows: Floats, schema: Schema) -> Floats:
    """Interquartile range of numeric features, or their standard deviation where that is 0.

    (feature,); 0 for features that are not numeric.
    """
    return _by_feature(_spread, rows, schema)


def _spread(feature: Feature, known: Floats) -> float:
    if not feature.is_numeric or not len(known):
        return 0.0
    low, high = np.quantile(known, [0.25, 0.75])
    return float(high - low) or float(known.std())


def ranges(rows: Floats, schema: Schema) -> Floats:
    """What a difference is divided by in `gower_distances`.

    (feature,); for numeric features the range of the middle 98 %, for ordinal ones the number of
    steps, for categories 1.
    """
    return _by_feature(_range, rows, schema)


def _range(feature: Feature, known: Floats) -> float:
    if feature.kind == "categorical":
        return 1.0
    if feature.kind == "ordinal":
        return float(max(len(feature.categories) - 1, 1))
    if not len(known):
        return 1.0
    low, high = np.quantile(known, [0.01, 0.99])
    return float(high - low) or float(np.ptp(known)) or 1.0


def gower_distances(rows: Floats, row: Floats, scale: Floats, schema: Schema) -> Floats:
    """Gower's distance of rows to one row: the mean over features of differences in [0, 1].

    Numeric and ordinal: |a − b| / scale, at most 1; categorical: 0 if equal, else 1; missing in
    one of the two: 1, in both: 0.

    rows : array
        (row, feature).
    row : array
        (feature,).
    scale : array
        (feature,) from `ranges`.
    schema : Schema
        Says which features are categorical.

    Returns
    -------
    (row,) in [0, 1]; 0 means that the rows are equal.

    Reference: Gower 1971, doi:10.2307/2528823.
    """
    categorical = np.array([feature.kind == "categorical" for feature in schema.features])
    apart = np.abs(rows - row)
    parts = np.where(categorical, apart > 0, np.minimum(apart / scale, 1.0))
    missing = np.isnan(rows) | np.isnan(row)
    both = np.isnan(rows) & np.isnan(row)
    return np.asarray(np.where(missing, ~both, parts).mean(axis=1), dtype=np.float64)
