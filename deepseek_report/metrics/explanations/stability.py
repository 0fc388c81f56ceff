"""Does the explanation hold when the input moves a little, and does it depend on the weights?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np
from pydantic import Field

from deepseek_report.artifacts.array_types import Bools, Floats, Ints
from deepseek_report.artifacts.explanation import CONTROL, Explanation
from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.protocols.classifier import ChangedInputs, Classifier
from deepseek_report.artifacts.protocols.metrics import ExplainAgain, MeasureContext
from deepseek_report.data_kinds import kind_of
from deepseek_report.data_kinds.coalitions import n_players, player_sums
from deepseek_report.errors import NotApplicableError
from deepseek_report.metrics.explanations import curves
from deepseek_report.metrics.explanations.agreement import mean_known, rowwise_spearman
from deepseek_report.metrics.explanations.explanation_plugin import ExplanationMetric
from deepseek_report.metrics.plugin import Resamples
from deepseek_report.statistics.ranking import thin

_YEH = "Yeh, Hsieh, Suggala, Inouye & Ravikumar 2019, arXiv:1901.09392"
#: Points of the curves by which an order is compared with that of a randomised model.
_STEPS = 10
_ADEBAYO = "Adebayo, Gilmer, Muelly, Goodfellow, Hardt & Kim 2018, arXiv:1810.03292"


@dataclass(frozen=True)
class MaxSensitivity(ExplanationMetric):
    """How much the attributions change, at most, when numeric inputs move a little.

    max over δ of |φ(x + δ) − φ(x)| / |φ(x)| (Euclidean), averaged over instances; δ is uniform
    within ± `radius` × the training interquartile range of each numeric feature, categories stay.
    0 means no change. In a text a move replaces one word by the mask, which is no small step: its
    own attribution goes with it. Attributions are summed by player. The random draws of an
    explainer that samples are the same for every δ. `max_sensitivity_ratio` divides by what
    attributions drawn anew each time would give.

    Yeh et al. take the absolute change within a ball; the change is relative here, so that methods
    in different units compare, and the largest of a few moves is a lower bound of their maximum.

    `repeat_ratio` is the same ratio for inputs that do not move, where the explainer draws anew: 0
    for a method that draws nothing, 1 where nothing but its draws decides.

    Reference: Yeh et al. 2019, arXiv:1901.09392.
    """

    reveals = "aggregate"
    radius: Annotated[float, Field(gt=0, le=10)] = 0.1
    perturbations: Annotated[int, Field(ge=1, le=1000)] = 4
    instances: Annotated[int, Field(ge=1)] = 8
    resamples: Resamples = 2000

    bounds = {
        "max_sensitivity": (0.0, None),
        "max_sensitivity_ratio": (0.0, None),
        "repeat_ratio": (0.0, None),
    }
    reads = frozenset({"dataset", "classifier", "explanation", "seed"})

    def explained_again(self, n_instances: int) -> int:
        """The chosen instances, moved a few times, and once as they are."""
        return min(self.instances, n_instances) * (self.perturbations + 1)

    def measure(self, context: MeasureContext) -> Measurement:
        explanation = self.judged(context)
        chosen = thin(len(explanation), self.instances)
        rows, kind = explanation.inputs[chosen], kind_of(context.dataset.schema)
        rng, train = np.random.default_rng([context.seed, 1]), context.dataset.train.inputs
        moved = kind.nudged(rows, train, self.radius, self.perturbations, rng)
        if not moved:
            raise NotApplicableError(message("refusals.nothing_moves"))
        # An instance gets the draws of the run in every move, and other ones at last.
        drawn_as = np.concatenate([*[rows] * len(moved), -1 - rows])
        again = _explain(context)(context.classifier, np.concatenate([*moved, rows]), drawn_as)
        again = again.reshape(len(moved) + 1, *rows.shape)
        values = np.concatenate([explanation.values[chosen][None], again])
        values = player_sums(values, context.dataset.schema.owners)
        changes = max_relative_change(values[0], values[1:-1])
        repeated = max_relative_change(values[0], values[-1:])
        if np.isnan(changes).all():
            raise NotApplicableError(message("refusals.all_zero"))
        chance, of_two = (
            self._by_chance(values.shape[1:], explanation.signed, context.seed, moves)
            for moves in (self.perturbations, 1)
        )
        move, score = kind.nudging(self.radius), self.scorer(context, explanation.method, _YEH)
        note = message("notes.max_sensitivity.moves", n=self.perturbations, move=move)
        ratio = message("notes.max_sensitivity.ratio")
        repeat = message("notes.max_sensitivity.repeat")
        return Measurement(
            scores=(
                score("max_sensitivity", changes, "lower", note),
                score("max_sensitivity_ratio", changes / chance, "lower", ratio),
                score("repeat_ratio", repeated / of_two, "lower", repeat),
            ),
            arrays={"per_instance": changes, "rows": chosen},
        )

    def _by_chance(self, shape: tuple[int, ...], signed: bool, seed: int, moves: int) -> float:
        """Expected sensitivity of attributions drawn anew each time, from up to 1000 draws."""
        rng = np.random.default_rng([seed, 2])
        draws = max(_MOST_DRAWN // shape[-1], 20)
        drawn = rng.standard_normal((1 + moves, min(draws, 1000), shape[-1]))
        drawn = drawn if signed else np.abs(drawn)
        return float(max_relative_change(drawn[0], drawn[1:]).mean())


#: Numbers per move that stand for attributions by chance.
_MOST_DRAWN = 400_000


def max_relative_change(original: Floats, moved: Floats) -> Floats:
    """Greatest relative change of each instance's attributions over several moves.

    original : (instance, feature).
    moved : (move, instance, feature).

    Returns (instance,); 0 means no change, NaN where the original is 0 throughout.
    """
    size = np.linalg.norm(original, axis=-1)
    change = np.linalg.norm(moved - original, axis=-1).max(axis=0)
    return np.asarray(np.divide(change, size, out=np.full(size.shape, np.nan), where=size > 0))


@dataclass(frozen=True)
class ParameterRandomisation(ExplanationMetric):
    """Whether the attributions depend on what the model has learned.

    Spearman correlation of |attributions| of the trained model with those of the same model with
    weights drawn anew, averaged over draws and instances. Near 0 is good: an explanation that
    stays the same without the learned weights does not explain them. In texts, images and series
    players that get exactly 0 with both weights, such as empty margins, are left out.

    A method that multiplies by the distance from a baseline keeps some of its order whatever the
    weights. So `randomisation_gain` asks what the learned weights add: the area under the deletion
    curve of the trained model with the order of the randomised one, less that with its own order,
    and likewise for insertion with the sign turned, on average of both. 0 means that the order of a
    model that has learned nothing does as well.

    Attributions of a jagged model are noisy, and noise alone looks like a change. With `smoothing`
    above 0 those of both models are averages over so many moved copies of each input, within
    ± `radius` × the training interquartile range (smoothed MPRT); the explainer draws alike in all.

    Reference: Adebayo et al. 2018, arXiv:1810.03292; Hedström et al. 2024, arXiv:2405.02383.
    """

    reveals = "aggregate"
    draws: Annotated[int, Field(ge=1, le=100)] = 2
    instances: Annotated[int, Field(ge=1)] = 16
    smoothing: Annotated[int, Field(ge=0, le=1000)] = 0
    radius: Annotated[float, Field(gt=0, le=10)] = 0.1
    resamples: Resamples = 2000

    bounds = {"randomisation_correlation": (-1.0, 1.0), "randomisation_gain": (None, None)}
    reads = curves.CURVES | {"explanation"}
    requires = frozenset({"module"})

    def explained_again(self, n_instances: int) -> int:
        """The chosen instances, once for each draw of the weights; of moved copies each, and those
        of the model too.
        """
        models = self.draws + 1 if self.smoothing else self.draws
        return min(self.instances, n_instances) * models * max(self.smoothing, 1)

    def measure(self, context: MeasureContext) -> Measurement:
        explanation, explain = self.judged(context), self._smoothed(context)
        chosen = thin(len(explanation), self.instances)
        rows, kind = explanation.inputs[chosen], kind_of(context.dataset.schema)
        learned, targets = explanation.at(chosen), None
        if learned.decided is not None:
            decided = context.predictions.decisions[learned.positions]
            own = learned.toward_each(decided)
            learned, targets = (learned, None) if own is None else (own, decided)
        if self.smoothing:
            learned = replace(learned, values=explain(context.classifier, rows, targets))
        values = np.abs(kind.by_player(learned.values, rows))
        seeds = np.random.SeedSequence([context.seed, 4]).generate_state(self.draws)
        models = (context.classifier.randomised(int(seed)) for seed in seeds)
        unlearned = [explain(model, rows, targets) for model in models]
        others = [np.abs(kind.by_player(attributions, rows)) for attributions in unlearned]
        if kind.idle_players:
            # A patch that is as typical gets 0 from any model.
            others = [np.where((values == 0) & (other == 0), np.nan, other) for other in others]
        known = [np.where(np.isnan(other), np.nan, values) for other in others]
        correlations = mean_known(
            [rowwise_spearman(*pair) for pair in zip(known, others, strict=True)]
        )
        if np.isnan(correlations).all():
            raise NotApplicableError(message("refusals.no_order"))
        gains = gains_over(context, learned, unlearned, toward_decided=targets is not None)
        note = message(
            "notes.parameter_randomisation.draws", n=self.draws, smoothing=self.smoothing
        )
        gain_note = message("notes.parameter_randomisation.gain")
        score = self.scorer(context, explanation.method, _ADEBAYO)
        about_control = (message("notes.parameter_randomisation.control"),)
        return Measurement(
            scores=(
                score("randomisation_correlation", correlations, "zero", note),
                score("randomisation_gain", gains, "higher", gain_note),
            ),
            arrays={"per_instance": correlations, "rows": chosen},
            notes=about_control if explanation.method == CONTROL else (),
        )

    def _smoothed(
        self, context: MeasureContext
    ) -> Callable[[Classifier, Floats, Ints | None], Floats]:
        """What gives (instance, column) values, each the mean over moved copies of its row."""
        explain, kind = _explain(context), kind_of(context.dataset.schema)

        def mean_of_copies(model: Classifier, rows: Floats, targets: Ints | None) -> Floats:
            rng, train = np.random.default_rng([context.seed, 9]), context.dataset.train.inputs
            moved = kind.nudged(rows, train, self.radius, self.smoothing, rng)
            if not moved:  # none is asked for, or nothing can be moved
                return explain(model, rows, targets=targets)
            if targets is not None:
                targets = np.tile(targets, len(moved))
            drawn_as = np.concatenate([rows] * len(moved))
            values = explain(model, np.concatenate(moved), drawn_as, targets)
            return np.asarray(values.reshape(len(moved), *rows.shape).mean(axis=0))

        return mean_of_copies


def gains_over(
    context: MeasureContext,
    explanation: Explanation,
    others: list[Floats],
    *,
    toward_decided: bool = False,
) -> Floats:
    """(instance,) what an explanation's order gains over others, mean of deletion and insertion.

    others : list of (instance, column) attributions, to the classes of the explanation's.
    toward_decided : whether these are the decided ones; else all are of the explained class alone.
    """
    replacing = curves.perturbation(context, explanation, _STEPS)
    explanation = replace(explanation, decided=None, others=None)

    def net_area(values: Floats) -> Floats:
        """(instance,) half of the area under insertion less that under deletion."""
        attributed = replace(explanation, values=values)
        if toward_decided:
            order = curves.rank_features(attributed, np.ones(len(values)), replacing.schema)
        else:
            order = curves.order_of(attributed, replacing)
        deletion, insertion = (
            replacing.areas(replacing.curves(order, mode)) for mode in ("deletion", "insertion")
        )
        return (insertion - deletion) / 2

    own, *foreign = map(net_area, (explanation.values, *others))
    return np.asarray(own - np.mean(foreign, axis=0))


def _explain(context: MeasureContext) -> ExplainAgain:
    if context.explain is None:
        raise NotApplicableError(message("refusals.cannot_explain_again"))
    return context.explain


_SHAPLEY = "Sundararajan, Taly & Yan 2017, arXiv:1703.01365 (sensitivity(b))"


class SilencedClassifier(ChangedInputs):
    """The model with some players hidden from it: it always sees the baseline in their place."""

    def __init__(self, classifier: Classifier, train: Floats, silent: Bools) -> None:
        """Hide some players.

        silent : (player,) which are hidden. train : (row, column), of which the baseline is.
        """
        self.classifier = classifier
        self.train = train
        self.silent = silent
        self.schema = classifier.schema
        self.module = classifier.module
        self.name = classifier.name
        self.capabilities = classifier.capabilities & {"trees"}
        self.calls = 0

    def randomised(self, seed: int) -> Classifier:
        return SilencedClassifier(self.classifier.randomised(seed), self.train, self.silent)

    def changed(self, inputs: Floats) -> Floats:
        self.calls += len(inputs)
        baseline = kind_of(self.schema).baseline(inputs, self.train)
        return np.where(self.silent[self.schema.owners], baseline, inputs)


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
        explanation, schema = self.judged(context), context.dataset.schema
        if "module" in context.classifier.capabilities:
            raise NotApplicableError(message("refusals.has_weights"))
        explain = _explain(context)
        chosen = thin(len(explanation), self.instances)
        rows, kind = explanation.inputs[chosen], kind_of(schema)
        shares = np.zeros(len(chosen))
        for silent in halves(n_players(schema), context.seed):
            model = SilencedClassifier(context.classifier, context.dataset.train.inputs, silent)
            values = explain(model, rows)
            sizes = np.nan_to_num(np.abs(kind.by_player(values, rows)))
            total = sizes.sum(axis=1)
            hidden = sizes[:, silent].sum(axis=1)
            shares += np.divide(hidden, total, out=np.zeros(len(total)), where=total > 0)
        note = message("notes.null_players.share")
        score = self.scorer(context, explanation.method, _SHAPLEY)
        return Measurement(
            scores=(score("null_player_share", shares, "lower", note),),
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
