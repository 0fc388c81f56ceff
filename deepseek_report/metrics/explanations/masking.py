"""Do attributions say what a model does without some players, also one that has learnt to do so?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Annotated

import numpy as np
from pydantic import Field

from deepseek_report.artifacts.array_types import Bools, Floats, Ints
from deepseek_report.artifacts.conclusions import ThresholdRule
from deepseek_report.artifacts.explanation import CONTROL, Explanation, Game, OutputSpace
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
from deepseek_report.metrics.explanations.known_answers import cosines
from deepseek_report.metrics.performance.predicting import predict
from deepseek_report.metrics.plugin import Resamples
from deepseek_report.statistics.ranking import thin
from deepseek_report.tasks import task_of

_BHATT = "Bhatt, Weller & Moura 2020, arXiv:2005.00631"
_YEH = "Yeh, Hsieh, Suggala, Inouye & Ravikumar 2019, arXiv:1901.09392"
_CASTRO = "Castro, Gómez & Tejada 2009, doi:10.1016/j.cor.2008.04.004"
_DEYOUNG = "DeYoung et al. 2020, arXiv:1911.03429"


@dataclass(frozen=True)
class MaskedAnswers:
    """What a model says of instances of which random halves of the players are taken away.

    One set of masks and of answers serves every explanation of the same game, and both scores.

    replacing : of the instances. removed : (instance, mask, player) what is taken away. drops :
    {output that is explained: (instance, mask) how much the outcome drops}.
    """

    replacing: Perturbation
    removed: Bools
    drops: Mapping[OutputSpace, Floats]

    @classmethod
    def of(cls, replacing: Perturbation, masks: int, seed: int) -> MaskedAnswers:
        """Ask the model about so many masks of each instance."""
        present = replacing.present
        removed = random_halves(present, masks, np.random.default_rng([seed, 6]))
        of = np.arange(len(present))
        whole = replacing.outcomes_by_space(np.ones_like(present), of)
        kept = ~removed.reshape(-1, present.shape[1])
        answers = replacing.outcomes_by_space(kept, np.repeat(of, masks))
        drops = {k: whole[k][:, None] - answers[k].reshape(-1, masks) for k in whole}
        return cls(replacing, removed, drops)

    def predicted(self, explanation: Explanation) -> Floats:
        """(instance, mask) how much the attributions say that the outcome drops.

        explanation : of the same instances; sizes alone where it has no signs.
        """
        speaks = speaking(explanation, self.replacing)
        return np.asarray(np.einsum("imp,ip->im", self.removed, speaks))


def speaking(explanation: Explanation, replacing: Perturbation) -> Floats:
    """(instance, player) how much each player is said to raise the outcome, 0 where there is none;
    sizes alone of an explanation without signs.
    """
    values = kind_of(replacing.schema).by_player(explanation.values, explanation.inputs)
    values, toward = np.nan_to_num(values), replacing.toward(explanation.target)
    return np.asarray(values * toward[:, None] if explanation.signed else np.abs(values))


def walked(replacing: Perturbation, seed: int) -> Mapping[OutputSpace, Floats]:
    """{output that is explained: (instance, player) what each player adds to the outcome on a walk
    that takes the players in a random order, and on the walk back}, the mean of both.

    It is one draw of the Shapley values of the game, right on average over orders, and its sum is
    the outcome less that without any player. It asks about 2 · (players + 1) coalitions of each
    instance, four of which are two.

    Reference: Castro, Gómez & Tejada 2009, doi:10.1016/j.cor.2008.04.004; Mitchell, Cooper, Frank
    & Holmes 2022, arXiv:2104.12199 (walks in pairs).
    """
    present = replacing.present
    drawn = np.random.default_rng([seed, 7]).random(present.shape)
    rank = np.argsort(np.argsort(np.where(present, drawn, np.inf), axis=1), axis=1)
    first = rank[:, None, :] < np.arange(present.shape[1] + 1)[:, None]
    kept = np.concatenate([first, ~first], axis=1)
    of = np.repeat(np.arange(len(kept)), kept.shape[1])
    answers = replacing.outcomes_by_space(kept.reshape(len(of), -1), of)
    values = {}
    for space, outcomes in answers.items():
        forth, back = np.split(outcomes.reshape(len(kept), -1), 2, axis=1)
        added = (np.diff(forth, axis=1) - np.diff(back, axis=1)) / 2
        values[space] = np.where(present, np.take_along_axis(added, rank, axis=1), 0.0)
    return values


def random_halves(present: Bools, masks: int, rng: np.random.Generator) -> Bools:
    """(instance, mask, player) a random half of the players that there are, rounded down, at least
    one; all masks of an instance are of one size, so that size alone says nothing.

    present : (instance, player).

    >>> halves = random_halves(np.array([[True, True, True, False]]), 4, np.random.default_rng(0))
    >>> halves.sum(axis=2).tolist(), bool(halves[..., 3].any())
    ([[1, 1, 1, 1]], False)
    """
    drawn = rng.random((len(present), masks, present.shape[1]))
    drawn = np.where(present[:, None, :], drawn, np.inf)
    rank = np.argsort(np.argsort(drawn, axis=2), axis=2)
    half = np.maximum(present.sum(axis=1) // 2, 1)[:, None, None]
    return np.asarray((rank < half) & present[:, None, :])


def correlations(predicted: Floats, drops: Floats) -> Floats:
    """(instance,) Pearson's correlation over masks; 0 where the attributions tell no mask from
    another, NaN where the outcome drops alike whatever is taken away.

    predicted, drops : (instance, mask).

    >>> drops = np.array([[2.0, 4, 6], [1, 2, 3]])
    >>> correlations(np.array([[1.0, 2, 3], [1, 1, 1]]), drops).round(6)
    array([1., 0.])
    """
    a, b = (part - part.mean(axis=1, keepdims=True) for part in (predicted, drops))
    size = np.sqrt((a * a).sum(axis=1) * (b * b).sum(axis=1))
    flat, alike = (np.ptp(part, axis=1) <= _LEAST for part in (predicted, drops))
    known = np.divide((a * b).sum(axis=1), size, out=np.zeros(len(a)), where=~flat & ~alike)
    return np.where(alike, np.nan, known)


def scaled_infidelity(predicted: Floats, drops: Floats) -> Floats:
    """(instance,) min over c ≥ 0 of Σ (c · predicted − drop)² / Σ drop²; NaN where nothing drops.

    The best scale c makes attributions of other units comparable. 0: they say every drop; 1: no
    better than to say nothing.

    predicted, drops : (instance, mask).

    >>> scaled_infidelity(np.array([[1.0, 2], [-1, -2]]), np.array([[3.0, 6], [3, 6]])).round(6)
    array([0., 1.])
    """
    along = np.maximum((predicted * drops).sum(axis=1), 0.0)
    sizes = (predicted**2).sum(axis=1) * (drops**2).sum(axis=1)
    explained = np.divide(along**2, sizes, out=np.zeros(len(along)), where=sizes > 0)
    nothing = np.ptp(drops, axis=1) + np.abs(drops).max(axis=1) <= _LEAST
    return np.where(nothing, np.nan, np.clip(1 - explained, 0.0, 1.0))


#: Outcomes that differ by less are the same.
_LEAST = 1e-12


@dataclass(frozen=True)
class FaithfulnessCorrelation(ExplanationMetric):
    """Whether the attributions of a random half of the players say how much the outcome drops
    without them.

    `faithfulness_correlation` is, for each instance, the correlation over `masks` random halves S
    between Σ attributions in S and f(x) − f(x without S): 1 where attributions account for every
    drop, 0 by chance. `masked_infidelity` is, of the same masks, Σ (c · attributions − drop)² /
    Σ drop² with the best scale c ≥ 0: 0 where they account for every drop, 1 where they say
    nothing. What stands for the players that are taken away is that of the explanation's own game;
    all explanations of one game share masks and answers. f is the output that is explained: of an
    explanation of log-odds the log-odds of the decided class, else what `deletion` watches.

    `shapley_cosine` is, for each instance, the cosine between the attributions and one draw of the
    Shapley values of the game (`walked`). The draw is right on average and the same for every
    method, so that the method nearer to the Shapley values gets more on average; how near to 1 the
    exact ones come hangs on the model. It puts methods of one game in order (docs/explanations.md).

    All are averaged over at most `instances` instances, and over fewer, but at least 8, where that
    would take more than `evaluations` coalitions of each game. The cosine asks about at most
    `walks` rows of the model: which rows stand for what is taken away matters more for it than how
    many instances there are, so that it takes as many as that pays for in 8 instances. It is left
    out where there are so many players that `walks` does not pay for one row in each of them, and
    of a game that only one method with signs plays, which has none to be put in order with.

    Yeh et al. take any perturbation; here it is a random mask, and the error is divided by what is
    lost, so that models and units compare. Bhatt et al. replace by a baseline.

    Reference: Bhatt, Weller & Moura 2020, arXiv:2005.00631; Yeh et al. 2019, arXiv:1901.09392.
    """

    reveals = "aggregate"

    masks: Annotated[int, Field(ge=8, le=10_000)] = 24
    instances: Annotated[int, Field(ge=8)] = 32
    evaluations: Annotated[int, Field(ge=64)] = 2000
    walks: Annotated[int, Field(ge=64)] = 8000
    resamples: Resamples = 2000

    bounds = {
        "faithfulness_correlation": (-1.0, 1.0),
        "masked_infidelity": (0.0, 1.0),
        "shapley_cosine": (-1.0, 1.0),
    }
    scope = "explainers"
    reads = curves.CURVES | {"cases", "explanations"}

    def measure(self, context: MeasureContext) -> Measurement:
        explanations = self.compared(context)
        games = curves.by_game(context, explanations).values()
        scores = [score for group in games for score in self._of_one_game(context, group)]
        order = list(explanations)
        return Measurement(
            scores=tuple(sorted(scores, key=lambda score: order.index(score.explainer))),
            notes=about_sample(context),
        )

    def _of_one_game(
        self, context: MeasureContext, group: Mapping[str, Explanation]
    ) -> list[Score]:
        first = next(iter(group.values()))
        most = max(min(self.instances, self.evaluations // self.masks), _FEWEST)
        chosen = thin(len(first), most)
        replacing = curves.perturbation(context, first.at(chosen), NO_STEPS)
        answers = MaskedAnswers.of(replacing, self.masks, context.seed)
        rivals = [name for name, own in group.items() if own.signed and name != CONTROL]
        walks = self.walks if len(rivals) > 1 else 0
        few, on_walk = self._to_walk(context, first.at(chosen), walks)
        values = walked(on_walk, context.seed) if len(few) else {}
        scores: list[Score] = []
        for name, explanation in group.items():
            if not np.array_equal(explanation.positions, first.positions):
                raise NotApplicableError(message("refusals.other_cases"))
            space, own = explanation.output_space, explanation.at(chosen)
            score = self.scorer(context, name)
            predicted, drops = answers.predicted(own), answers.drops[space]
            correlated, missed = correlations(predicted, drops), scaled_infidelity(predicted, drops)
            note = message("notes.faithfulness_correlation.masks", n=self.masks)
            scaled = message("notes.faithfulness_correlation.scaled")
            scores += [
                score("faithfulness_correlation", correlated, "higher", note, reference=_BHATT),
                score("masked_infidelity", missed, "lower", scaled, reference=_YEH),
            ]
            if values:
                near = cosines(speaking(own.at(few), on_walk), values[space], own.signed)
                note = message("notes.faithfulness_correlation.cosine")
                scores.append(score("shapley_cosine", near, "higher", note, reference=_CASTRO))
        return scores

    def _to_walk(
        self, context: MeasureContext, explanation: Explanation, walks: int
    ) -> tuple[Ints, Perturbation]:
        """Which instances are walked, and how: first as many rows stand for what is taken away as
        `walks` pay for in `_FEWEST` instances, then more instances; none where they pay for less.
        """
        each = 2 * (n_players(context.dataset.schema) + 1)
        draws = int(np.clip(walks // (each * _FEWEST), 1, len(context.background)))
        paid = walks // (each * draws)
        few = thin(len(explanation), paid) if paid >= _FEWEST else np.arange(0)
        return few, curves.perturbation(context, explanation.at(few), NO_STEPS, draws=draws)


#: Instances that are asked about however many masks each has.
_FEWEST = 8


@dataclass(frozen=True)
class Comprehensiveness(ExplanationMetric):
    """What the players of the largest attributions keep of the outcome, and what all others keep.

    `sufficiency` = f(x) − f(x with only the players that speak most for the outcome), the lower the
    better; `comprehensiveness` = f(x) − f(x with only those that speak least for it), the higher
    the better. Both keep the same number of players, the share `retained` of those that there are:
    a method that keeps more would look better for that alone. Players are taken away as in the
    explanation's own game; f is the outcome that `deletion` watches.

    Reference: DeYoung et al. 2020, arXiv:1911.03429; 2026, arXiv:2601.03089 (one retained count).
    """

    reveals = "aggregate"

    retained: Annotated[float, Field(gt=0, lt=1)] = 0.5
    resamples: Resamples = 2000

    bounds = {"comprehensiveness": (None, None), "sufficiency": (None, None)}
    reads = curves.CURVES | {"cases", "explanation"}

    def measure(self, context: MeasureContext) -> Measurement:
        explanation = self.judged(context)
        replacing = curves.perturbation(context, explanation, NO_STEPS)
        most, least = self._kept(curves.order_of(explanation, replacing), replacing)
        of = np.arange(len(explanation))
        whole = replacing.outcomes(np.ones_like(most), of)
        lost = {
            "comprehensiveness": whole - replacing.outcomes(least, of),
            "sufficiency": whole - replacing.outcomes(most, of),
        }
        score = self.scorer(context, explanation.method, _DEYOUNG)
        note = message("notes.comprehensiveness.retained", share=self.retained)
        scores = tuple(
            score(name, values, "higher" if name == "comprehensiveness" else "lower", note)
            for name, values in lost.items()
        )
        arrays = {"per_instance": np.column_stack(list(lost.values()))}
        return Measurement(scores=scores, arrays=arrays, notes=about_sample(context))

    def _kept(self, order: Ints, replacing: Perturbation) -> tuple[Bools, Bools]:
        """(instance, player) the players that speak most for the outcome, and least, equally many.

        order : (instance, player); players that are not there come last.
        """
        rank = np.argsort(order, axis=1)
        present = replacing.present.sum(axis=1, keepdims=True)
        count = np.clip(np.rint(self.retained * present), 1, None)
        return rank < count, (rank >= present - count) & (rank < present)


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
