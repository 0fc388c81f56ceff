"""Does an explanation leave out what the model cannot see?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, cast

import numpy as np
from pydantic import Field

from deepseek_report.artifacts.array_types import Bools, Floats
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.protocols.classifier import Capability, Classifier, TreeClassifier
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.protocols.trees import TreeEnsemble
from deepseek_report.artifacts.schema import Schema
from deepseek_report.artifacts.score import Measurement
from deepseek_report.data_kinds import kind_of
from deepseek_report.data_kinds.players import n_players
from deepseek_report.errors import NotApplicableError
from deepseek_report.metrics.explanations.explanation_plugin import (
    ExplanationMetric,
    judged,
    mean_score,
    unfilled,
)
from deepseek_report.metrics.plugin import Resamples
from deepseek_report.statistics.ranking import thin

_SHAPLEY = "Sundararajan, Taly & Yan 2017, arXiv:1703.01365 (sensitivity(b))"


class SilencedClassifier:
    """The model with some players hidden from it: it always sees the baseline in their place."""

    def __init__(self, classifier: Classifier, train: Floats, silent: Bools) -> None:
        """Hide some players.

        silent : (player,) which are hidden. train : (row, column), of which the baseline is.
        """
        self.classifier = classifier
        self.train = train
        self.silent = silent
        self.schema: Schema = classifier.schema
        self.module: Any = classifier.module
        self.name: str = classifier.name
        self.capabilities: frozenset[Capability] = classifier.capabilities & {"trees"}
        self.calls = 0

    @property
    def trees(self) -> TreeEnsemble:
        """Those of the model; what they read is hidden."""
        return cast(TreeClassifier, self.classifier).trees

    def columns(self, inputs: Floats) -> Floats:
        """(instance, feature) as the trees read them."""
        return cast(TreeClassifier, self.classifier).columns(self._seen(inputs))

    def probabilities(self, inputs: Floats) -> Floats:
        """(instance, feature) -> (instance, class)."""
        return self.classifier.probabilities(self._seen(inputs))

    def logits(self, inputs: Floats) -> Floats:
        """(instance, feature) -> (instance, class)."""
        return self.classifier.logits(self._seen(inputs))

    def log_odds(self, inputs: Floats, target: int) -> Floats:
        """(instance, feature) -> (instance,)."""
        return self.classifier.log_odds(self._seen(inputs), target)

    def label_probabilities(self, inputs: Floats) -> Floats:
        """(instance, feature) -> (instance, label)."""
        return self.classifier.label_probabilities(self._seen(inputs))

    def randomised(self, seed: int) -> Classifier:
        """The same with the model's weights drawn anew."""
        return SilencedClassifier(self.classifier.randomised(seed), self.train, self.silent)

    def _seen(self, rows: Floats) -> Floats:
        self.calls += len(rows)
        baseline = kind_of(self.schema).baseline(rows, self.train)
        return np.where(self.silent[self.schema.owners], baseline, rows)


@dataclass(frozen=True)
class NullPlayers(ExplanationMetric):
    """What an explanation says of players that the model cannot see.

    A random half of the players is hidden from the model, which sees the baseline in their place,
    and the instances are explained again; then the other half. Each player is hidden once.
    `null_player_share` is the share of |attributions| on hidden players, summed over both halves: 0
    for a method that looks at the model, 1 for one that does not.

    It is the test of models without weights that could be drawn anew; of others see
    `parameter_randomisation`.

    Reference: Shapley 1953 (null player); Sundararajan, Taly & Yan 2017, arXiv:1703.01365
    (sensitivity(b)).
    """

    reveals = "aggregate"
    instances: Annotated[int, Field(ge=1)] = 16
    resamples: Resamples = 2000

    bounds = {"null_player_share": (0.0, 2.0)}
    reads = frozenset({"dataset", "classifier", "explanation", "seed"})

    def explained_again(self, n_instances: int) -> int:
        """The chosen instances, once for each half of the players."""
        return min(self.instances, n_instances) * 2

    def measure(self, context: MeasureContext) -> Measurement:
        explanation, schema = judged(context), context.dataset.schema
        if "module" in context.classifier.capabilities:
            raise NotApplicableError(message("refusals.has_weights"))
        if context.explain is None:
            raise NotApplicableError(message("refusals.cannot_explain_again"))
        chosen = thin(len(explanation), self.instances)
        rows, kind = explanation.inputs[chosen], kind_of(schema)
        shares = np.zeros(len(chosen))
        for silent in halves(n_players(schema), context.seed):
            model = SilencedClassifier(context.classifier, context.dataset.train.inputs, silent)
            values = context.explain(model, rows)
            sizes = np.nan_to_num(np.abs(kind.by_player(values, rows)))
            total = sizes.sum(axis=1)
            hidden = sizes[:, silent].sum(axis=1)
            shares += np.divide(hidden, total, out=np.zeros(len(total)), where=total > 0)
        template = unfilled(
            "null_player_share",
            "lower",
            (0.0, 2.0),
            explainer=explanation.method,
            reference=_SHAPLEY,
            note=message("notes.null_players.share"),
        )
        return Measurement(
            scores=(mean_score(template, shares, self.resamples, context.seed),),
            arrays={"per_instance": shares, "rows": chosen},
        )


def halves(players: int, seed: int) -> tuple[Bools, Bools]:
    """(player,) a random half of the players, and the other half.

    >>> first, second = halves(5, seed=0)
    >>> int(first.sum()), bool((first ^ second).all())
    (2, True)
    """
    order = np.random.default_rng([seed, 5]).permutation(players)
    first = np.isin(np.arange(players), order[: players // 2])
    return first, ~first
