"""Local linear surrogates of the target's probability, or of the number, many instances at once."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field

from deepseek_report.artifacts.array_types import Bools, Floats, Ints
from deepseek_report.artifacts.explanation import Explanation
from deepseek_report.artifacts.message import Message, message
from deepseek_report.artifacts.protocols.classifier import Capability
from deepseek_report.artifacts.protocols.explainers import ExplainContext, Offer, Situation, Turn
from deepseek_report.artifacts.schema import Feature, Schema
from deepseek_report.data_kinds import coalitions, kind_of
from deepseek_report.explainers.attributions import Explainer, chunks, seed_of
from deepseek_report.explainers.shapley import shapley_engine

if TYPE_CHECKING:
    from lime.lime_tabular import LimeTabularExplainer

#: Numbers in the neighbours of one chunk of instances, so that they do not fill the memory.
MOST_CELLS = 2**20


@dataclass(frozen=True)
class Surrogates:
    """The surrogates of some instances, told as attributions.

    values, standard_error : (instance, column) contributions, and their Monte-Carlo errors.
    base, prediction, fidelity : (instance,) the surrogate's output where nothing contributes, the
        model's output, and the weighted R² of the surrogate.
    """

    values: Floats
    standard_error: Floats
    base: Floats
    prediction: Floats
    fidelity: Floats

    @classmethod
    def joined(cls, parts: list[Surrogates]) -> Surrogates:
        """Those of consecutive instances as one."""
        fields = ("values", "standard_error", "base", "prediction", "fidelity")
        return cls(**{name: np.concatenate([getattr(p, name) for p in parts]) for name in fields})


@dataclass(frozen=True)
class WeightedRidge:
    """Ridge regressions, one an instance, with the Monte-Carlo errors of their coefficients.

    Each minimises Σ wᵢ (yᵢ − a − xᵢ·b)² + α |b|². The samples are independent draws, so the
    sandwich A⁻¹ (Σ wᵢ² eᵢ² xᵢ xᵢᵀ) A⁻¹, A = Σ wᵢ xᵢ xᵢᵀ + αI, x centred, is the covariance of b.

    coefficients, standard_error : (instance, player) b and its errors. intercepts : (instance,) a.
    fidelity : (instance,) weighted R²; 1 where y is constant and fitted exactly.
    """

    coefficients: Floats
    standard_error: Floats
    intercepts: Floats
    fidelity: Floats

    @classmethod
    def fit(cls, x: Floats, y: Floats, weights: Floats, alpha: float) -> WeightedRidge:
        """Fit all of them.

        x, y, weights : (instance, sample, player), (instance, sample), (instance, sample) above 0.
        alpha : the penalty, above 0.
        """
        from_first, rise = x - x[:, :1], y - y[:, :1]  # exactly 0 for what never varies
        shares = (weights / weights.sum(axis=1, keepdims=True))[:, None]
        centre, level = shares @ from_first, (shares @ rise[..., None])[:, 0]
        centred, off_level = from_first - centre, rise - level
        weighted = centred * weights[..., None]
        penalty = alpha * np.eye(x.shape[2])
        inverse = np.linalg.inv(np.swapaxes(centred, 1, 2) @ weighted + penalty)
        coefficients = (inverse @ (np.swapaxes(weighted, 1, 2) @ off_level[..., None]))[..., 0]
        residuals = off_level - (centred @ coefficients[..., None])[..., 0]
        influence = (weighted * residuals[..., None]) @ inverse
        total = (weights * off_level**2).sum(axis=1)
        left = (weights * residuals**2).sum(axis=1)
        at_centre = (centre[:, 0] + x[:, 0]) * coefficients
        return cls(
            coefficients,
            np.sqrt((influence**2).sum(axis=1)),
            level[:, 0] + y[:, 0] - at_centre.sum(axis=1),
            1 - np.divide(left, total, out=(left > 0).astype(np.float64), where=total > 0),
        )


class RidgeRegressor:
    """A `WeightedRidge` of one instance as the package wants its regressions."""

    def __init__(self, alpha: float) -> None:
        self.alpha = alpha

    def fit(self, X: Floats, y: Floats, sample_weight: Floats) -> RidgeRegressor:
        self.ridge = WeightedRidge.fit(X[None], y[None], sample_weight[None], self.alpha)
        self.coef_, self.intercept_ = self.ridge.coefficients[0], float(self.ridge.intercepts[0])
        return self

    def predict(self, X: Floats) -> Floats:
        return np.asarray(X @ self.coef_ + self.intercept_)

    def score(self, X: Floats, y: Floats, sample_weight: Floats) -> float:
        """Weighted R² of what it was fitted to."""
        return float(self.ridge.fidelity[0])


class Neighbourhoods(ABC):
    """What the neighbours of instances are, how near they are, and what a surrogate then says.

    width : of the kernel that turns distances into weights.
    """

    context: ExplainContext
    width: float

    def surrogates(self, num_samples: int, alpha: float) -> Surrogates:
        """One surrogate an instance, from so many neighbours; `alpha` is the ridge penalty."""
        parts = []
        for part in self._parts(num_samples):
            drawn, outputs = self.answers(part, num_samples)
            same = drawn.astype(np.float64)
            ridge = WeightedRidge.fit(same, outputs, self.weights(part, same), alpha)
            parts.append(self.attributions(part, ridge, outputs[:, 0]))
            self.context.progress.advance(part.stop - part.start)
        return Surrogates.joined(parts)

    def _parts(self, num_samples: int) -> Iterator[slice]:
        """Slices of the instances whose neighbours fit the memory."""
        n, columns = self.context.inputs.shape
        return chunks(n, max(1, MOST_CELLS // (num_samples * columns)))

    def uniform(self, part: slice, shape: tuple[int, ...]) -> Floats:
        """(instance, *shape) in [0, 1); those of an instance hang on its content alone."""
        seeds = (seed_of(self.context.seed, drawn) for drawn in self.context.draws[part])
        return np.stack([np.random.default_rng(seed).random(shape) for seed in seeds])

    def weights(self, part: slice, same: Floats) -> Floats:
        """(instance, neighbour) nearness: √exp(−d² / width²) of the distances d."""
        return np.asarray(np.sqrt(np.exp(-(self.distances(part, same) ** 2) / self.width**2)))

    @abstractmethod
    def answers(self, part: slice, num_samples: int) -> tuple[Bools, Floats]:
        """Neighbours of the instances of a slice, and what the model says of them.

        Returns (instance, neighbour, player) whether the player is as in the instance, and
        (instance, neighbour) outputs; the first neighbour of each is the instance itself.
        """

    @abstractmethod
    def by_package(self, num_samples: int, alpha: float) -> Surrogates:
        """The same surrogates by the lime package, one instance after another."""

    @abstractmethod
    def distances(self, part: slice, same: Floats) -> Floats:
        """(instance, neighbour) from (instance, neighbour, player)."""

    @abstractmethod
    def attributions(self, part: slice, ridge: WeightedRidge, predictions: Floats) -> Surrogates:
        """What the regressions of a slice say of the columns."""


# LIME on players: words, patches and windows, or groups of a wide table's columns, on or off.
#
# As in the package's explainers of texts and images, neighbours differ from the instance in which
# players are there, and nearness is the cosine distance of that.

# LIME on the columns of a table: each is cut into codes, and a neighbour redraws some of them.
# A code is a quarter of the training range or a category; missing is a code of its own. Codes are
# turned back into values of training rows. So missing values and rare categories need no exception,
# and within a quarter real values are drawn.

#: Added to the count of every category, so that those absent from the training part are tried too.
_SMOOTHING = 0.5
#: Width of the kernel for each column, under the root, as in the package.
_WIDTH_OF_COLUMN = 0.75


class Coding:
    """The codes of one feature: how often each occurs, and the training values behind it."""

    def __init__(self, feature: Feature, column: Floats, bins: int) -> None:
        self.feature = feature
        known = column[~np.isnan(column)]
        quantiles = np.quantile(known, np.arange(1, bins) / bins) if len(known) else known
        self.edges = np.unique(quantiles)
        codes = self.encode(column)
        self.size = 1 + (len(self.edges) + 1 if feature.is_numeric else len(feature.categories))
        counts = np.bincount(codes, minlength=self.size).astype(np.float64)
        if not feature.is_numeric:
            counts[1:] += _SMOOTHING
        self.frequencies = counts / counts.sum()
        self._values = column[np.argsort(codes, kind="stable")]
        self._starts = np.concatenate([[0], np.cumsum(np.bincount(codes, minlength=self.size))])

    def encode(self, column: Floats) -> Ints:
        """0 for missing, else 1 + the bin or the category."""
        if self.feature.is_numeric:
            codes = 1 + np.searchsorted(self.edges, column, side="left")
        else:
            codes = 1 + np.nan_to_num(column).astype(np.int64)
        return np.where(np.isnan(column), 0, codes)

    def draw(self, uniform: Floats) -> Ints:
        """A code for each number in [0, 1), as often as the training rows have it."""
        ends = np.cumsum(self.frequencies)
        last = np.flatnonzero(self.frequencies)[-1]  # where rounding leaves the sum below 1
        return np.asarray(np.minimum(np.searchsorted(ends, uniform, side="right"), last))

    def decode(self, codes: Ints, uniform: Floats) -> Floats:
        """A value for each code: a training value of that bin, chosen by `uniform` in [0, 1).

        A bin without training values is never drawn; only the instance itself can have its code.
        """
        if not self.feature.is_numeric:
            return np.where(codes == 0, np.nan, codes - 1.0)
        width = self._starts[codes + 1] - self._starts[codes]
        places = self._starts[codes] + (uniform * width).astype(np.int64)
        return np.asarray(self._values[np.minimum(places, len(self._values) - 1)])


class CodedNeighbourhoods(Neighbourhoods):
    """Neighbours that keep the code of a column or get another one, by its training frequencies.

    codes, same_share : (instance, column) the instance's own codes, and how frequent each is.
    """

    def __init__(self, context: ExplainContext, bins: int, width: float | None) -> None:
        self.context = context
        features, columns = context.classifier.schema.features, context.known_rows.T
        self.codings = [Coding(f, c, bins) for f, c in zip(features, columns, strict=True)]
        self.codes = self.encode(context.inputs)
        coded = zip(self.codings, self.codes.T, strict=True)
        self.same_share = np.stack([coding.frequencies[own] for coding, own in coded], axis=1)
        self.width = width or _WIDTH_OF_COLUMN * float(np.sqrt(len(self.codings)))

    def encode(self, rows: Floats) -> Ints:
        """(row, column) codes of values."""
        return np.stack([c.encode(rows[:, j]) for j, c in enumerate(self.codings)], axis=1)

    def answers(self, part: slice, num_samples: int) -> tuple[Bools, Floats]:
        uniform = self.uniform(part, (2, num_samples, len(self.codings)))
        rows = np.empty((len(uniform), num_samples, len(self.codings)))
        same = np.empty(rows.shape, dtype=bool)
        for column, coding in enumerate(self.codings):
            codes = coding.draw(uniform[:, 0, :, column])
            same[..., column] = codes == self.codes[part, column, None]
            rows[..., column] = coding.decode(codes, uniform[:, 1, :, column])
        same[:, 0], rows[:, 0] = True, self.context.inputs[part]
        outputs = coalitions.each_once(self.context.output, rows.reshape(-1, rows.shape[2]))
        return same, outputs.reshape(same.shape[:2])

    def distances(self, part: slice, same: Floats) -> Floats:
        """(instance, neighbour) Euclidean, of 1 for "same" and 0 for "other"."""
        return np.asarray(np.sqrt(same.shape[2] - same.sum(axis=2)))

    def attributions(self, part: slice, ridge: WeightedRidge, predictions: Floats) -> Surrogates:
        """The surrogate's Shapley values: coefficients times (1 − share of the own code)."""
        share = self.same_share[part]
        return Surrogates(
            values=ridge.coefficients * (1 - share),
            standard_error=ridge.standard_error * (1 - share),
            base=ridge.intercepts + (ridge.coefficients * share).sum(axis=1),
            prediction=predictions,
            fidelity=ridge.fidelity,
        )

    def by_package(self, num_samples: int, alpha: float) -> Surrogates:
        """By `LimeTabularExplainer`, on codes: the package draws, weighs and fits."""
        explainer = self._tabular_explainer()
        parts = []
        for index in range(len(self.context.inputs)):
            seed = seed_of(self.context.seed, self.context.draws[index])
            explainer.random_state = np.random.RandomState(seed)
            ridge, outputs = RidgeRegressor(alpha), list[float]()
            explainer.explain_instance(
                self.codes[index].astype(np.float64),
                partial(self._answer, index, np.random.default_rng(seed), outputs),
                labels=(1,),
                num_features=len(self.codings),
                num_samples=num_samples,
                model_regressor=ridge,
            )
            part = slice(index, index + 1)
            parts.append(self.attributions(part, ridge.ridge, np.array(outputs[:1])))
            self.context.progress.advance()
        return Surrogates.joined(parts)

    def _answer(
        self, index: int, rng: np.random.Generator, outputs: list[float], codes: Floats
    ) -> Floats:
        """(neighbour, 2) one minus the output, and the output; the first is the instance itself.

        The package takes rows that sum to 1, and so gets what the output lacks to 1 as well.
        """
        drawn = rng.random(codes.shape)
        columns = [
            coding.decode(codes[:, j].astype(np.int64), drawn[:, j])
            for j, coding in enumerate(self.codings)
        ]
        rows = np.stack(columns, axis=1)
        rows[0] = self.context.inputs[index]
        output = self.context.output(rows).astype(np.float64)
        outputs.extend(output)
        return np.stack([1 - output, output], axis=1)

    def _tabular_explainer(self) -> LimeTabularExplainer:
        from lime.lime_tabular import LimeTabularExplainer

        unused: dict[str, list[float]] = {name: [] for name in ("means", "mins", "maxs", "stds")}
        return LimeTabularExplainer(
            self.encode(self.context.known_rows).astype(np.float64),
            categorical_features=list(range(len(self.codings))),
            feature_names=self.context.classifier.schema.names,
            kernel_width=self.width,
            feature_selection="none",
            discretize_continuous=False,
            random_state=0,
            training_data_stats={
                **unused,
                "feature_values": {j: np.arange(c.size) for j, c in enumerate(self.codings)},
                "feature_frequencies": {j: c.frequencies for j, c in enumerate(self.codings)},
            },
        )


#: Width of the kernel over cosine distances, as in the package's explainer of images.
KERNEL_WIDTH = 0.25


class PlayerNeighbourhoods(Neighbourhoods):
    """Neighbours that keep each player or lose it to the mask or the typical input.

    More than `most` players are joined to groups of neighbours or correlated columns; `groups` is
    how many are told apart, `are_joined` whether they were joined, and `are_columns` whether each
    is one column. Columns that `screening` walks find to do much are in small groups. What is as in
    the baseline is never lost, and has no part in the value of its group.
    """

    def __init__(
        self, context: ExplainContext, width: float | None, most: int, screening: int = 0
    ) -> None:
        self.context = context
        schema = context.classifier.schema
        kind = kind_of(schema)
        references = kind.baseline(context.inputs, context.known_rows)
        self.owners = schema.owners
        differ = coalitions.differing(context.inputs, references[:, None], self.owners)
        self.present = kind.present(context.inputs) & differ
        self.moves = self.present[:, self.owners]
        self.notes: tuple[Message, ...] = ()
        self.are_joined = self.present.shape[1] > most
        if self.are_joined:
            effects = shapley_engine.elementary_effects(context, screening) if screening else None
            order = shapley_engine.partition_order(schema, context.background, effects, most)
            groups = shapley_engine.groups_of(order, most, effects)
            if screening:
                self.notes = (shapley_engine.about_screening(screening, len(order)),)
            self.owners = groups[self.owners]
            self.present = coalitions.player_sums(self.present.astype(np.float64), groups) > 0
        self.coalitions = coalitions.PairedCoalitions(
            context.classifier, context.inputs, self.owners, references
        )
        self.groups = self.present.shape[1]
        self.are_columns = self.groups == len(self.owners)
        self.width = width or KERNEL_WIDTH

    def answers(self, part: slice, num_samples: int) -> tuple[Bools, Floats]:
        """Players that an instance does not have are never lost."""
        uniform = self.uniform(part, (num_samples, self.groups))
        same = (uniform < 0.5) | ~self.present[part][:, None]
        same[:, 0] = True
        of = np.arange(len(self.present))[part].repeat(num_samples)
        outputs = self.coalitions.probabilities(same.reshape(len(of), -1), of)
        return same, outputs[:, self.context.target].reshape(same.shape[:2])

    def distances(self, part: slice, same: Floats) -> Floats:
        return cosine_distances(same, self.present[part].astype(np.float64))

    def attributions(self, part: slice, ridge: WeightedRidge, predictions: Floats) -> Surrogates:
        moves = self.moves[part]
        sizes = np.maximum(coalitions.player_sums(moves.astype(np.float64), self.owners), 1.0)
        values, errors = (
            np.where(moves, (each / sizes)[:, self.owners], 0.0)
            for each in (ridge.coefficients, ridge.standard_error)
        )
        return Surrogates(
            values=values,
            standard_error=errors,
            base=ridge.intercepts,
            prediction=predictions,
            fidelity=ridge.fidelity,
        )

    def by_package(self, num_samples: int, alpha: float) -> Surrogates:
        """By `LimeBase`, which fits to our neighbours, as the package's own explainers do."""
        from lime.lime_base import LimeBase

        base = LimeBase(lambda apart: np.sqrt(np.exp(-(apart**2) / self.width**2)))
        parts = []
        for index in range(len(self.context.inputs)):
            part = slice(index, index + 1)
            drawn, answers = self.answers(part, num_samples)
            same, outputs = drawn[0].astype(np.float64), answers[0]
            ridge = RidgeRegressor(alpha)
            base.explain_instance_with_data(
                same,
                outputs[:, None],
                self.distances(part, same[None])[0],
                label=0,
                num_features=self.groups,
                feature_selection="none",
                model_regressor=ridge,
            )
            parts.append(self.attributions(part, ridge.ridge, outputs[:1]))
            self.context.progress.advance()
        return Surrogates.joined(parts)


def cosine_distances(same: Floats, present: Floats) -> Floats:
    """(instance, neighbour) 1 − cosine of what a neighbour has with all that there is.

    The cosine of n ones out of N with all ones is √(n / N); an instance without players gets 0.

    same, present : (instance, neighbour, player) and (instance, player), 1 or 0.
    """
    kept = (same @ present[..., None])[..., 0]
    whole = present.sum(axis=1)[:, None]
    return np.asarray(1 - np.sqrt(np.where(whole > 0, kept, 1) / np.maximum(whole, 1)))


@dataclass(frozen=True)
class Lime(Explainer):
    """A linear model fitted to the classifier in the neighbourhood of each instance.

    Numeric features are cut at the quartiles of training rows; a neighbour keeps or redraws each
    feature, independently, by its training frequencies. Weighted ridge regression of the
    probability on "same as the instance" gives b; the attribution is b · (1 − frequency of the
    instance's own value), the Shapley value of the surrogate, so that base value plus sum is the
    surrogate's own prediction.

    In texts, images and series, and in tables of more than `columns_up_to` columns, a neighbour
    keeps or loses whole players: words (lost to the mask), patches, windows or groups of
    correlated columns (lost to the typical input). The attribution is b.
    At least `samples_per_player` neighbours are drawn for each of them. Which columns of a wide
    table are in small groups is decided by `screening` walks over training rows first.

    algorithm : "batched" fits many instances at a time and asks about rows that are the same once;
        "package" leaves each to the lime package: other draws for a table, the same for players.

    Reference: Ribeiro, Singh & Guestrin 2016, doi:10.1145/2939672.2939778.
    """

    reveals = "aggregate"
    games = frozenset({"neighbours", "baseline"})
    num_samples: Annotated[int, Field(ge=50, le=100_000)] = 400
    kernel_width: Annotated[float, Field(gt=0)] | None = None
    ridge: Annotated[float, Field(gt=0)] = 1.0
    bins: Annotated[int, Field(ge=2, le=20)] = 4
    columns_up_to: Annotated[int, Field(ge=2)] = 64
    samples_per_player: Annotated[int, Field(ge=2)] = 10
    screening: Annotated[int, Field(ge=0, le=1000)] = 4
    algorithm: Literal["batched", "package"] = "batched"

    method = "lime"

    def explain(self, context: ExplainContext) -> Explanation:
        """Fit one surrogate per instance.

        Returns values in units of the output; `params` holds the surrogates' weighted R², and the
        completeness gap is the surrogate's error at the instance.
        """
        classifier, schema = context.classifier, context.classifier.schema
        before, kind, package = classifier.calls, kind_of(schema), self.algorithm == "package"
        context.progress.start(self.method, len(context.inputs))
        near: CodedNeighbourhoods | PlayerNeighbourhoods
        if kind.named_columns and len(schema.features) <= self.columns_up_to:
            near, game = CodedNeighbourhoods(context, self.bins, self.kernel_width), "neighbours"
            rows = self._samples(len(near.codings))
            variant = message("explainer_variants.lime_rows", rows=rows, package=package)
            notes = [message("explainer_notes.lime.rows", number=context.output_space == "value")]
        else:
            screening = self.suited_to(classifier.capabilities, schema).screening
            near = PlayerNeighbourhoods(context, self.kernel_width, self.columns_up_to, screening)
            rows, game = self._samples(len(schema.player_labels)), "baseline"
            unit, spread = "groups" if near.are_joined else "players", not near.are_columns
            sizes = {"groups": near.groups, "rows": rows, "package": package}
            variant = message(f"explainer_variants.lime_{unit}.{kind.name}", **sizes)
            about = {"number": context.output_space == "value", "spread": spread}
            notes = [message(f"explainer_notes.lime.{unit}.{kind.name}", **about), *near.notes]
        fits = (near.by_package if package else near.surrogates)(rows, self.ridge)
        fidelity = {"mean": float(fits.fidelity.mean()), "worst": float(fits.fidelity.min())}
        fit = message("explainer_notes.lime.fidelity", **fidelity, n=len(fits.fidelity))
        return self.explanation(
            context,
            before,
            values=fits.values,
            standard_error=fits.standard_error,
            predictions=fits.prediction,
            base_values=fits.base,
            variant=variant,
            game=game,
            params=vars(self)
            | {f"fidelity_{name}": share for name, share in fidelity.items()}
            | {"fidelity": fits.fidelity.tolist()},
            notes=(*notes, fit),
        )

    def suited_to(self, capabilities: frozenset[Capability], schema: Schema) -> Lime:
        """Without screening where there are no columns of a table to screen."""
        return self if kind_of(schema).named_columns else replace(self, screening=0)

    def _samples(self, n_players: int) -> int:
        return max(self.num_samples, self.samples_per_player * min(n_players, self.columns_up_to))

    def planned_calls(self, n_instances: int, n_features: int, n_background: int) -> int:
        wide = n_features > self.columns_up_to
        before = shapley_engine.planned_questions(self.screening, n_features) if wide else 0
        return n_instances * self._samples(n_features) + before

    def offers(self, situation: Situation) -> Sequence[Offer]:
        """In one size alone: fewer neighbours give other attributions with every draw."""
        rows = self._samples(situation.players)
        if "gradients" in situation.capabilities:
            return [Offer(Turn.SPARE, self, message("recommendation.lime.spare", rows=rows))]
        return [Offer(Turn.SURROGATE, self, message("recommendation.lime.second", rows=rows))]
