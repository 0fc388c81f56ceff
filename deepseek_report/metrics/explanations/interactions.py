"""Which features act together: the effect of one depends on the value of the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
import pandas as pd
from pydantic import Field

from deepseek_report.artifacts.array_types import Bools, Floats, Ints
from deepseek_report.artifacts.disclosure import TableRelease
from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.explanation import OutputSpace
from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.protocols.classifier import Classifier
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.protocols.trees import TreeEnsemble
from deepseek_report.artifacts.schema import Feature, Schema
from deepseek_report.artifacts.score import Score
from deepseek_report.artifacts.table import TableType
from deepseek_report.artifacts.table_rows import BARE_ENDS, HIDDEN, Cell
from deepseek_report.data_kinds.coalitions import each_once
from deepseek_report.errors import NotApplicableError
from deepseek_report.metrics.plugin import ModelMetric
from deepseek_report.statistics.games.pair_sampling import PairQuestions, PairValues
from deepseek_report.statistics.games.tree_shapley import (
    pairs_of_features,
    tree_interactions,
    tree_shapley,
)
from deepseek_report.statistics.games.tree_surrogate import TreeSurrogate
from deepseek_report.statistics.intervals import mean_interval
from deepseek_report.statistics.ranking import thin
from deepseek_report.tasks import task_of

#: How the interval of a size is made.
_EXACT = message("interval_methods.students")
_ESTIMATED = message("interval_methods.students_around")
#: Log-odds beyond which a probability is 0 or 1 for most libraries, so that they say little.
_BOUNDED = 15.0
#: Products that the exact values of a model of trees may take, and cases that are kept in any case.
_PRODUCTS, _FEWEST = 6e9, 25
#: Products for each case, background row and leaf.
_PER_LEAF = 40


@dataclass(frozen=True)
class ExplainedOutput:
    """The output whose interactions are looked at: of the explained class, or the number.

    space : "logit" for log-odds, "probability", or "value" for the predicted number.
    """

    classifier: Classifier
    space: OutputSpace

    @classmethod
    def chosen(cls, classifier: Classifier, rows: Floats) -> ExplainedOutput:
        """Log-odds, unless the model gives some of the rows a probability of 0 or 1."""
        if not task_of(classifier.schema.target).decides:
            return cls(classifier, "value")
        margin = cls(classifier, "logit")
        bounded = np.abs(margin.of(rows)).max(initial=0.0) < _BOUNDED
        return margin if bounded else cls(classifier, "probability")

    def of(self, rows: Floats) -> Floats:
        """(row, column) -> (row,)."""
        return each_once(self._answers, rows)

    def _answers(self, rows: Floats) -> Floats:
        target = self.classifier.schema.target.explained
        if self.space == "probability":
            return self.classifier.probabilities(rows)[:, target]
        return self.classifier.log_odds(rows, target)


@dataclass(frozen=True)
class ModelPairs:
    """The strongest pairs of features of a model.

    pairs : (pair, 2) columns, the strongest first. values : of each in each case, in the unit of
    `output`. looked_at : pairs of which these are the strongest. spread : mean distance of the
    cases' outputs from the mean output of the background. exact : whether the values follow
    from the model's trees; else the surrogate chose the pairs, and `values` are estimates.
    """

    pairs: Ints
    values: PairValues
    looked_at: int
    spread: float
    output: ExplainedOutput
    exact: bool


def _affordable(ensemble: TreeEnsemble, n_cases: int, n_background: int) -> Ints:
    """Positions of cases, spread evenly, whose exact values take a bounded number of products."""
    leaves = int((ensemble.nodes.feature < 0).sum())
    most = int(_PRODUCTS / (_PER_LEAF * max(leaves * n_background, 1)))
    return thin(n_cases, max(_FEWEST, most))


def _by_size(values: Floats) -> Ints:
    """(pair,) positions of (pair, case), the largest mean magnitude first."""
    return np.argsort(-np.abs(values).mean(axis=1), kind="stable")


#: A pair is an interaction from this share of the output's spread on.
LEAST_SHARE = 0.05
#: Of the whole family of pairs, how often one may be called an interaction by chance.
_LEVEL = 0.05
#: Cases that a mean over cases needs at least.
_FEWEST_CASES = 10
_GRABISCH = "Grabisch & Roubens 1999, doi 10.1007/s001820050125"
#: Where the effect of a number is drawn: quantiles of the training part; and at which values of the
#: other number.
_GRID, _LEVELS = np.linspace(0.05, 0.95, 10), (0.1, 0.5, 0.9)
#: Categories that the effect is drawn for, the most frequent ones; background rows averaged over.
_CATEGORIES, _ROWS = 6, 32


@dataclass(frozen=True)
class PairSizes:
    """How large the interactions of pairs are over the cases.

    size, low, high : (pair,) mean magnitude over the cases with its 95 % interval, in the unit of
    the output. Where values are estimated, the lower end is that of magnitudes that sampling makes
    no larger, and the upper end that of ones that it makes no smaller. control : (pair,) what the
    size must exceed for the pair to be an interaction.
    """

    size: Floats
    low: Floats
    high: Floats
    control: Floats

    @classmethod
    def of(cls, values: PairValues, spread: float, looked_at: int) -> PairSizes:
        """Sizes, and from where on a pair is called an interaction.

        That is where the one-sided lower limit of the size reaches `LEAST_SHARE` of the spread, so
        that neither the sampling of the values nor that of the cases explains it. The limit is at
        5 % over all the pairs that were looked at (Bonferroni, Student's t).

        values : (pair, case). spread : of the output, in its unit.
        """
        from scipy.stats import t

        n = values.magnitudes.shape[1]
        size, low, _ = mean_interval(values.magnitudes, axis=1)
        high = mean_interval(np.abs(values.values), axis=1)[2]
        quantile = float(t.ppf(1 - _LEVEL / max(looked_at, 1), n - 1))
        error = values.magnitudes.std(axis=1, ddof=1) / np.sqrt(n)
        control = LEAST_SHARE * spread + quantile * error
        return cls(np.maximum(size, 0.0), np.maximum(low, 0.0), np.maximum(high, size), control)

    @property
    def is_interaction(self) -> Bools:
        """(pair,) the verdict."""
        return self.size > self.control


@dataclass(frozen=True)
class FeaturePair:
    """Two features, and how much of the output they move together: a row of `interactions.pairs`.

    control : the share that two features of chance have. interacts : whether it is beyond that.
    looked_at : how many pairs were looked at.
    """

    feature_a: Annotated[str, HIDDEN]
    feature_b: Annotated[str, HIDDEN]
    label_a: str
    label_b: str
    share: Annotated[Estimate, "share", Cell(required=True)]
    control: Annotated[float, "share"]
    interacts: bool
    size: Annotated[Estimate, BARE_ENDS]
    n: int
    looked_at: Annotated[int, HIDDEN]
    exact: Annotated[bool, HIDDEN]
    space: Annotated[OutputSpace, HIDDEN]


@dataclass(frozen=True)
class EffectBeside:
    """The mean output at a value of one feature, for a value of another: `interactions.effects`."""

    feature: str
    label: str
    kind: str
    unit: str
    value: float
    display: str
    by_label: str
    by_display: str
    output: float

    @property
    def is_numeric(self) -> bool:
        """Whether the first feature is a number."""
        return self.kind == "numeric"


_EFFECTS = TableType.of(EffectBeside, release=TableRelease(values=("value",)))


@dataclass(frozen=True)
class Interactions(ModelMetric):
    """Which pairs of features act together in the model, and how strongly.

    The Shapley interaction value of a pair in a case says by how much more the two move the output
    together than each does alone, averaged over what is known of the others. Reported is its size,
    the mean magnitude over the explained cases, as a share of the spread of the output: how far the
    cases' outputs lie from the mean output of the background, on average. For models of trees the
    values are exact. For others boosted trees are fitted to the model's output first, whose exact
    values choose the pairs, and the values of these few pairs are estimated by asking the model;
    sampling makes none of them look larger. With 5 draws they are about a tenth too small, which
    their intervals allow for (docs/conclusions.md). In log-odds (or the
    number) unless the model gives probabilities of 0 or 1, or the trees add up to a probability:
    there, a bounded output makes strong effects interact by itself. Features that are left out come
    from the background, each row as a whole, so that combinations may occur that real cases do not
    have.

    cases : explained cases at most; models of large forests get fewer. pairs : strongest pairs
    listed. features : of the largest attribution, all pairs of which are looked at. draws : of each
    listed pair in each case, four rows of the model each. surrogate_rows : that the boosted trees
    are fitted to.

    Reference: Grabisch & Roubens 1999, doi 10.1007/s001820050125; Lundberg et al. 2020,
    doi 10.1038/s42256-019-0138-9 (interaction values of trees).
    """

    reveals = "aggregate"
    modalities = frozenset({"table"})
    tables = {
        "pairs": TableType.of(
            FeaturePair, "explanations", folded=True, release=TableRelease(counts=("n",))
        ),
        "effects": _EFFECTS,
    }
    bounds = {"strongest_interaction": (0.0, None)}
    category = "explanation"
    reads = frozenset({"background", "cases", "classifier", "dataset", "seed"})

    cases: Annotated[int, Field(ge=10)] = 100
    pairs: Annotated[int, Field(ge=1, le=50)] = 4
    features: Annotated[int, Field(ge=2, le=100)] = 25
    draws: Annotated[int, Field(ge=2, le=10_000)] = 5
    surrogate_rows: Annotated[int, Field(ge=100, le=1_000_000)] = 1500

    def measure(self, context: MeasureContext) -> Measurement:
        schema, explained = context.dataset.schema, context.cases.explained
        if len(schema.features) < 2 or len(explained) < _FEWEST_CASES:
            raise NotApplicableError(message("refusals.no_pairs", least=_FEWEST_CASES))
        chosen = explained[thin(len(explained), self.cases)]
        inputs = context.dataset.test.inputs[chosen]
        model = self.of_model(context.classifier, inputs, context.background, context.seed)
        if not model.spread > 0:
            raise NotApplicableError(message("refusals.constant_output"))
        sizes = PairSizes.of(model.values, model.spread, model.looked_at)
        return Measurement(
            scores=(self._score(model, sizes, schema),),
            tables={
                "pairs": _table(model, sizes, schema),
                "effects": _effects(model, sizes, context),
            },
            notes=(
                message(
                    "notes.interactions.method",
                    exact=model.exact,
                    draws=self.draws,
                    space=model.output.space,
                    least=LEAST_SHARE,
                    looked_at=model.looked_at,
                    n=model.values.values.shape[1],
                ),
            ),
        )

    def of_model(
        self, classifier: Classifier, inputs: Floats, background: Floats, seed: int
    ) -> ModelPairs:
        """The strongest pairs: exact ones where trees add up to the output, else estimates."""
        exact = self._of_trees(classifier, inputs, background)
        return exact or self._estimated(classifier, inputs, background, seed)

    def _of_trees(
        self, classifier: Classifier, inputs: Floats, background: Floats
    ) -> ModelPairs | None:
        """None where the model's answers are no sums of trees."""
        if "trees" not in classifier.capabilities:
            return None
        ensemble, target = classifier.trees, classifier.schema.target.explained
        inputs = inputs[_affordable(ensemble, len(inputs), len(background))]
        cases, rows = classifier.columns(inputs), classifier.columns(background)
        attributed = tree_shapley(ensemble, cases, rows, target)
        if not attributed.add_up(classifier.probabilities(inputs)[:, target], ensemble.space):
            return None
        features = self._strongest(attributed.values)
        values = tree_interactions(ensemble, cases, rows, target, features)
        order = _by_size(values)[: self.pairs]
        return ModelPairs(
            pairs=pairs_of_features(features)[order],
            values=PairValues.exact(values[order]),
            looked_at=len(values),
            spread=float(np.abs(attributed.outputs - attributed.base).mean()),
            output=ExplainedOutput(classifier, ensemble.space),
            exact=True,
        )

    def _estimated(
        self, classifier: Classifier, inputs: Floats, background: Floats, seed: int
    ) -> ModelPairs:
        output = ExplainedOutput.chosen(classifier, np.concatenate([inputs, background]))
        surrogate = TreeSurrogate.fitted(output.of, background, self.surrogate_rows, seed)
        features = self._strongest(surrogate.values(inputs, background))
        of_surrogate = surrogate.interactions(inputs, background, features)
        order = _by_size(of_surrogate)[: self.pairs]
        pairs = pairs_of_features(features)[order]
        questions = PairQuestions(inputs, background, pairs, self.draws)
        values = questions.answered(output.of, surrogate.outputs, of_surrogate[order], seed)
        strongest = np.argsort(-values.magnitudes.mean(axis=1), kind="stable")
        return ModelPairs(
            pairs=pairs[strongest],
            values=values.take(strongest),
            looked_at=len(of_surrogate),
            spread=float(np.abs(output.of(inputs) - output.of(background).mean()).mean()),
            output=output,
            exact=False,
        )

    def _strongest(self, values: Floats) -> Ints:
        """Columns of largest mean attribution, of (case, column)."""
        order = np.argsort(-np.abs(values).mean(axis=0), kind="stable")
        return np.sort(order[: self.features])

    def _score(self, model: ModelPairs, sizes: PairSizes, schema: Schema) -> Score:
        first, second = (schema.labels[column] for column in model.pairs[0])
        share = Estimate(
            float(sizes.size[0] / model.spread),
            float(sizes.low[0] / model.spread),
            float(sizes.high[0] / model.spread),
            model.values.values.shape[1],
            _EXACT if model.exact else _ESTIMATED,
        )
        return self.score(
            "strongest_interaction",
            share,
            "none",
            reference=_GRABISCH,
            note=message(
                "notes.interactions.strongest",
                first=first,
                second=second,
                looked_at=model.looked_at,
            ),
        )


def _table(model: ModelPairs, sizes: PairSizes, schema: Schema) -> pd.DataFrame:
    first, second = ([schema.features[column] for column in side] for side in model.pairs.T)
    spread = model.spread
    return pd.DataFrame(
        {
            "feature_a": [feature.name for feature in first],
            "feature_b": [feature.name for feature in second],
            "label_a": [feature.label for feature in first],
            "label_b": [feature.label for feature in second],
            "share": sizes.size / spread,
            "share_low": sizes.low / spread,
            "share_high": sizes.high / spread,
            "control": sizes.control / spread,
            "interacts": sizes.is_interaction,
            "size": sizes.size,
            "low": sizes.low,
            "high": sizes.high,
            "n": model.values.values.shape[1],
            "looked_at": model.looked_at,
            "exact": model.exact,
            "space": model.output.space,
        }
    )


def _effects(model: ModelPairs, sizes: PairSizes, context: MeasureContext) -> pd.DataFrame:
    """The mean output by the values of one feature of the strongest interaction, and of the other.

    Over at most 32 background rows, in which both features are replaced; empty without one.
    """
    if not sizes.is_interaction.any():
        return _EFFECTS.frame([])
    schema, train = context.dataset.schema, context.dataset.train.inputs
    pair = model.pairs[int(sizes.is_interaction.argmax())]
    along, by = sorted(pair, key=lambda column: not schema.features[column].is_numeric)
    values = _values(schema.features[along], train[:, along], _GRID)
    levels = _values(schema.features[by], train[:, by], np.array(_LEVELS))
    rows = context.background[thin(len(context.background), _ROWS)]
    cells = np.repeat(np.repeat(rows[None, None], len(levels), 0), len(values), 1)
    cells[..., along] = values[None, :, None]
    cells[..., by] = levels[:, None, None]
    outputs = model.output.of(cells.reshape(-1, rows.shape[1])).reshape(cells.shape[:3]).mean(2)
    first, second = schema.features[along], schema.features[by]
    level, value = (places.ravel() for places in np.indices(outputs.shape))
    return pd.DataFrame(
        {
            "feature": first.name,
            "label": first.label,
            "kind": first.kind,
            "unit": first.unit or "",
            "value": values[value],
            "display": [first.display(each) for each in values[value]],
            "by_label": second.label,
            "by_display": [second.display(each) for each in levels[level]],
            "output": outputs.ravel(),
        }
    )


def _values(feature: Feature, train: Floats, quantiles: Floats) -> Floats:
    """Values of a number at quantiles, or the most frequent categories, as many at most."""
    known = train[~np.isnan(train)]
    if feature.is_numeric:
        return np.unique(np.quantile(known, quantiles, method="nearest"))
    categories, counts = np.unique(known, return_counts=True)
    most = min(_CATEGORIES, len(quantiles))
    return np.sort(categories[np.argsort(-counts, kind="stable")[:most]])
