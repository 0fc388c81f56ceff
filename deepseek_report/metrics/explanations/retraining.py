"""What attributions are worth to a model that has learnt to do without some of the players."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Annotated

import numpy as np
from pydantic import Field

from deepseek_report.artifacts.array_types import Floats, Ints
from deepseek_report.artifacts.conclusions import ThresholdRule
from deepseek_report.artifacts.explanation import Explanation, Game
from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.predictions import Predictions
from deepseek_report.artifacts.protocols.metrics import FitChange, MeasureContext, Refits
from deepseek_report.artifacts.score import Score
from deepseek_report.artifacts.split import Dataset
from deepseek_report.data_kinds import kind_of
from deepseek_report.data_kinds.coalitions import n_players
from deepseek_report.errors import NotApplicableError
from deepseek_report.metrics.explanations import curves
from deepseek_report.metrics.explanations.curves import NO_STEPS, Perturbation
from deepseek_report.metrics.explanations.explanation_plugin import (
    ExplanationMetric,
    about_sample,
    without_control,
)
from deepseek_report.metrics.performance.predicting import predict
from deepseek_report.metrics.plugin import Resamples
from deepseek_report.statistics.ranking import thin
from deepseek_report.tasks import task_of

_ZHENG = "Zheng et al. 2024, arXiv:2410.02970"
_HOOKER = "Hooker, Erhan, Kindermans & Kim 2019, arXiv:1806.10758"
#: Counted work of fits that a metric may cost; None: what all fits of one metric may.
MostWork = Annotated[int, Field(ge=1)] | None


def affordable_refits(context: MeasureContext, fits: int, most_work: int | None) -> Refits:
    """What fits the model anew.

    Raises NotApplicableError: nothing does, or so many fits would cost more than `most_work`.
    """
    refits = context.refits
    if refits is None:
        raise NotApplicableError(message("refusals.cannot_refit"))
    allowed = refits.most_work if most_work is None else most_work
    if fits * refits.work > allowed:
        needed = fits * refits.work
        raise NotApplicableError(
            message("refusals.refits_beyond", fits=fits, needed=needed, allowed=allowed)
        )
    return refits


@dataclass(frozen=True)
class FFidelity(ExplanationMetric):
    """Whether a model that knows masked inputs loses more without what an explanation names.

    A model that has never seen masked inputs may err on them because they are strange. So the run's
    model is fitted once more, for each game, to training rows of which a random share of the
    players, from none to `masked`, is replaced as the game does. Then as many players as `masked`
    allows are taken away at random, from the half that speaks most for the outcome, and from the
    other half: `f_fidelity` is how much more the outcome drops by the first, on average over
    `draws` draws: above 0 is better than chance.

    It is measured where that many fits stay within `most_work` of counted work: rows × trees, or
    rows × parameters × epochs of a network; without a number, within what all fits of one metric
    may cost. Zheng et al. fine-tune; a model is fitted from the start here, since not every model
    can be fitted on.

    Reference: Zheng et al. 2024, arXiv:2410.02970.
    """

    reveals = "aggregate"

    masked: Annotated[float, Field(gt=0, le=0.5)] = 0.2
    draws: Annotated[int, Field(ge=1, le=1000)] = 10
    instances: Annotated[int, Field(ge=8)] = 64
    most_work: MostWork = None
    resamples: Resamples = 2000

    bounds = {"f_fidelity": (None, None)}
    scope = "explainers"
    reads = curves.CURVES | {"cases", "explanations", "refits"}

    def measure(self, context: MeasureContext) -> Measurement:
        explanations = without_control(self.compared(context))
        games = curves.by_game(context, explanations)
        refits = affordable_refits(context, len(games), self.most_work)
        scores = [
            score
            for game, group in games.items()
            for score in self._of_one_game(context, refits, game, group)
        ]
        return Measurement(scores=tuple(scores), notes=about_sample(context))

    def _of_one_game(
        self, context: MeasureContext, refits: Refits, game: Game, group: Mapping[str, Explanation]
    ) -> list[Score]:
        first = next(iter(group.values()))
        learnt = masked_rows(context.dataset, game, self.masked, context.seed)
        robust = replace(context, classifier=refits.fitted_to(learnt))
        chosen = thin(len(first), self.instances)
        replacing = curves.perturbation(robust, first.at(chosen), NO_STEPS)
        note = message("notes.f_fidelity.masked", share=self.masked, draws=self.draws)
        scores = []
        for name, explanation in group.items():
            order = curves.order_of(explanation.at(chosen), replacing)
            differences = self._differences(replacing, order, context)
            score = self.scorer(context, name, _ZHENG)
            scores.append(score("f_fidelity", differences, "higher", note))
        return scores

    def _differences(self, replacing: Perturbation, order: Ints, context: MeasureContext) -> Floats:
        """(instance,) the outcome without some of the lower half, less that without some of the
        upper one; order : (instance, player) from what speaks most for the outcome.
        """
        present = replacing.present
        rank, n = np.argsort(order, axis=1), present.sum(axis=1, keepdims=True)
        half = np.maximum(n // 2, 1)
        taken = np.clip(np.rint(self.masked * n), 1, half)
        upper, lower = rank < half, (rank >= n - half) & (rank < n)
        rng, of = np.random.default_rng([context.seed, 7]), np.arange(len(order))
        differences = np.zeros(len(order))
        for _ in range(self.draws):
            drawn = rng.random(present.shape)
            outcomes = []
            for inside in (upper, lower):
                place = np.argsort(np.argsort(np.where(inside, drawn, np.inf), axis=1), axis=1)
                outcomes.append(replacing.outcomes(~((place < taken) & inside), of))
            differences += (outcomes[1] - outcomes[0]) / self.draws
        return differences


def masked_rows(data: Dataset, game: Game, most: float, seed: int) -> Dataset:
    """The data with a random share of the players of each training row replaced.

    A player is replaced by that of the baseline, or by that of another training row, as the game
    does. most : the largest share.
    """
    train, kind = data.train, kind_of(data.schema)
    rng = np.random.default_rng([seed, 8])
    present = kind.present(train.inputs)
    share = rng.uniform(0, most, (len(train), 1))
    masked = present & (rng.random(present.shape) < share)
    if game == "baseline":
        filling = kind.baseline(train.inputs, train.inputs)
    else:
        filling = train.inputs[rng.permutation(len(train))]
    inputs = np.where(masked[:, data.schema.owners], filling, train.inputs)
    return replace(data, train=replace(train, inputs=inputs))


@dataclass(frozen=True)
class RemoveAndRetrain(ExplanationMetric):
    """What the model loses where it learns without what an explanation ranks first.

    The model is fitted again without the half of the players that has the largest mean attribution
    by size over the explained instances, and without as many that have the smallest.
    `retrained_loss` is how much worse the first one judges the test part, by the score that models
    are compared by: above 0 the explanation names what cannot be learnt from the rest. Where
    features go together, the rest may tell the same, so that a right explanation gains nothing; and
    what is missing tells something itself. It is therefore an option, and no verdict rests on it.

    Two fits for each method, within `most_work` as for `f_fidelity`.

    Reference: Hooker, Erhan, Kindermans & Kim 2019, arXiv:1806.10758.
    """

    reveals = "aggregate"

    removed: Annotated[float, Field(gt=0, le=0.5)] = 0.5
    most_work: MostWork = None

    bounds = {"retrained_loss": (None, None)}
    scope = "explainers"
    reads = frozenset(
        {"dataset", "predictions", "validation_predictions", "explanations", "refits"}
    )

    def measure(self, context: MeasureContext) -> Measurement:
        explanations = without_control(self.compared(context))
        refits = affordable_refits(context, 2 * len(explanations), self.most_work)
        context.progress.start("refits", 2 * len(explanations))
        refitted = cache(partial(self._refitted, context, refits))
        scores = (self._score(context, refitted, *each) for each in explanations.items())
        return Measurement(scores=tuple(scores))

    def _score(
        self,
        context: MeasureContext,
        refitted: Callable[[tuple[int, ...]], Predictions],
        name: str,
        explanation: Explanation,
    ) -> Score:
        schema = context.dataset.schema
        values = kind_of(schema).by_player(explanation.values, explanation.inputs)
        sizes = np.nan_to_num(np.abs(values)).mean(axis=0)
        order = np.argsort(-sizes, kind="stable")
        count = max(round(self.removed * n_players(schema)), 1)
        without = []
        for players in (order[:count], order[-count:]):
            columns = np.flatnonzero(np.isin(schema.owners, players)).tolist()
            without.append(refitted(tuple(columns)))
            context.progress.advance()
        measure = task_of(schema.target).by_rows[0]
        worse = without if measure.direction == "lower" else without[::-1]
        lost, _ = measure.difference(*worse)
        note = message("notes.remove_and_retrain.removed", share=self.removed)
        return self.score(
            "retrained_loss", lost, "higher", explainer=name, reference=_HOOKER, note=note
        )

    def _refitted(
        self, context: MeasureContext, refits: Refits, columns: tuple[int, ...]
    ) -> Predictions:
        """What the model says of the test part where it has learnt without some columns."""
        data, made = context.dataset, context.predictions
        classifier = refits(np.arange(len(data.train)), change=FitChange(columns))
        rule = ThresholdRule(made.rule, made.threshold)
        return predict(classifier, data.validation, data.test, rule)["test"]
