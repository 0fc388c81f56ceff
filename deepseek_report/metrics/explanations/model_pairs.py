"""How strongly the features of a table act in pairs on a model's output: exactly, or estimated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np

from deepseek_report.artifacts.array_types import Floats, Ints
from deepseek_report.artifacts.explanation import OutputSpace
from deepseek_report.artifacts.protocols.classifier import Classifier, TreeClassifier
from deepseek_report.artifacts.protocols.trees import TreeEnsemble
from deepseek_report.data_kinds.coalitions import each_once
from deepseek_report.statistics.games.leaf_interactions import (
    pairs_of_features,
    tree_interactions,
)
from deepseek_report.statistics.games.pair_sampling import PairQuestions, PairValues
from deepseek_report.statistics.games.tree_shapley import tree_shapley
from deepseek_report.statistics.games.tree_surrogate import TreeSurrogate

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
        if classifier.schema.target.is_number:
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


@dataclass(frozen=True)
class PairSearch:
    """How pairs are searched.

    most : pairs that are kept. features : the features of largest attribution whose pairs are
    looked at. surrogate_rows, draws : rows for the surrogate's fit, and draws of each pair and
    case of which four rows each are asked; neither is needed for a model of trees.
    """

    most: int
    features: int
    surrogate_rows: int
    draws: int

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
        trees, target = cast(TreeClassifier, classifier), classifier.schema.target.explained
        ensemble = trees.trees
        inputs = inputs[_affordable(ensemble, len(inputs), len(background))]
        cases, rows = trees.columns(inputs), trees.columns(background)
        attributed = tree_shapley(ensemble, cases, rows, target)
        if not attributed.add_up(classifier.probabilities(inputs)[:, target], ensemble.space):
            return None
        features = self._strongest(attributed.values)
        values = tree_interactions(ensemble, cases, rows, target, features)
        order = _by_size(values)[: self.most]
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
        order = _by_size(of_surrogate)[: self.most]
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


def _affordable(ensemble: TreeEnsemble, n_cases: int, n_background: int) -> Ints:
    """Positions of cases, spread evenly, whose exact values take a bounded number of products."""
    leaves = int((ensemble.nodes.feature < 0).sum())
    most = int(_PRODUCTS / (_PER_LEAF * max(leaves * n_background, 1)))
    kept = min(n_cases, max(_FEWEST, most))
    return np.unique(np.linspace(0, n_cases - 1, kept).round().astype(np.int64))


def _by_size(values: Floats) -> Ints:
    """(pair,) positions of (pair, case), the largest mean magnitude first."""
    return np.argsort(-np.abs(values).mean(axis=1), kind="stable")
