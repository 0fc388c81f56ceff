"""Where the right answer is known: attributions against exact Shapley values, and self-checks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any

import numpy as np
import pandas as pd
from pydantic import Field

from deepseek_report.artifacts.array_types import Floats, Ints
from deepseek_report.artifacts.disclosure import WHOLE, TableRelease
from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.explanation import CONTROL, Explanation, Game
from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.artifacts.message import Text, message
from deepseek_report.artifacts.protocols.classifier import Capability, Classifier
from deepseek_report.artifacts.protocols.metrics import ExplainAgain, MeasureContext
from deepseek_report.artifacts.protocols.trees import Nodes, TreeEnsemble
from deepseek_report.artifacts.schema import Schema
from deepseek_report.artifacts.score import Direction, Score
from deepseek_report.artifacts.table import TableType
from deepseek_report.data_kinds import kind_of
from deepseek_report.data_kinds.coalitions import n_players, player_sums
from deepseek_report.errors import NotApplicableError
from deepseek_report.metrics.explanations.agreement import rowwise_spearman
from deepseek_report.metrics.explanations.explanation_plugin import (
    ExplanationMetric,
    ratio_of_means,
)
from deepseek_report.metrics.explanations.explanation_rows import JudgedGame, SelfCheckOutcome
from deepseek_report.metrics.plugin import Resamples
from deepseek_report.statistics.games.formula import Formula, enumerated_values
from deepseek_report.statistics.ranking import thin
from deepseek_report.tasks import task_of

_SHAPLEY = "Shapley 1953, doi:10.1515/9781400881970-018"
#: Games whose truth can be enumerated; what plays another is held against the run's question.
_ENUMERATED: frozenset[Game] = frozenset({"background", "baseline"})
#: {score: what it is}.
_NOTES: Mapping[str, Text] = {
    "true_error": message("notes.true_error.true_error"),
    "true_error_gain": message("notes.true_error.true_error_gain"),
    "true_order": message("notes.true_error.true_order"),
    "formula_error": message("notes.true_error.formula_error"),
}
#: A model's answer as the explained output: (row, column) -> (row,).
Answer = Callable[[Floats], Floats]


@dataclass(frozen=True)
class Truth:
    """Exact Shapley values of the instances in the games that were asked for, each worked out once.

    answers : {output space: what is shared out}. rows : (instance, column). background :
    (row, column) that stand for what is taken away. baseline : (instance, column). owners :
    (column,) player of each column.
    """

    answers: Mapping[str, Answer]
    rows: Floats
    background: Floats
    baseline: Floats
    owners: Ints

    @cached_property
    def _known(self) -> dict[tuple[str, Game], Floats]:
        return {}

    def values(self, space: str, game: Game) -> Floats:
        """(instance, player) exact values of an output in a game."""
        if (space, game) not in self._known:
            references = self.background if game == "background" else self.baseline[:, None]
            self._known[space, game] = enumerated_values(
                self.answers[space], self.rows, references, self.owners
            )
        return self._known[space, game]


def answers_of(classifier: Classifier, target: int, decides: bool) -> Mapping[str, Answer]:
    """{output space: the answer of a model in it}; one without an order of its own is compared
    with the probability, or with the number.
    """

    def probability(rows: Floats) -> Floats:
        return classifier.probabilities(rows)[:, target]

    if not decides:
        return dict.fromkeys(("value", "none"), probability)
    spaces = dict.fromkeys(("probability", "none"), probability)
    return {**spaces, "logit": lambda rows: classifier.log_odds(rows, target)}


def formula_answers(formula: Formula, decides: bool) -> Mapping[str, Answer]:
    """{output space: the formula in it}, as `answers_of` gives a model's."""
    if not decides:
        return dict.fromkeys(("value", "none"), formula.value)

    def probability(rows: Floats) -> Floats:
        return np.asarray(1 / (1 + np.exp(-formula.value(rows))))

    return {**dict.fromkeys(("probability", "none"), probability), "logit": formula.value}


def cosines(values: Floats, truth: Floats, signed: bool) -> Floats:
    """(instance,) cosine of attributions and true values; of a method without signs the correlation
    of its sizes with the true sizes. 0 where nothing is attributed, NaN where the truth is 0
    throughout.

    values, truth : (instance, player).
    """
    if not signed:
        values, truth = np.abs(values), np.abs(truth)
        values = values - values.mean(axis=1, keepdims=True)
        truth = truth - truth.mean(axis=1, keepdims=True)
    sizes = np.linalg.norm(values, axis=1) * np.linalg.norm(truth, axis=1)
    products = (values * truth).sum(axis=1)
    known = np.divide(products, sizes, out=np.zeros(len(values)), where=sizes > 0)
    return np.where(np.linalg.norm(truth, axis=1) > 0, known, np.nan)


def direction_errors(values: Floats, truth: Floats, signed: bool) -> Floats:
    """(instance,) how much of the truth cannot be had from attributions, whatever their unit.

    √(1 − max(0, c)²), the least distance of a positive multiple of the attributions from the true
    values, as a share of the size of these. c is the cosine of the two; of a method without signs
    it is the correlation of its sizes with the true sizes. 0 is the truth but for its unit, 1 has
    nothing of it; attributions at random come near 1 (0.97 for 9 players). NaN where the truth is 0
    throughout.

    values, truth : (instance, player).
    """
    return np.asarray(np.sqrt(1 - np.clip(cosines(values, truth, signed), 0.0, 1.0) ** 2))


@dataclass(frozen=True)
class TrueError(ExplanationMetric):
    """How far the attributions of each method are from the exact Shapley values of the model.

    The truth is worked out from its definition: all 2 ** players coalitions are asked about, of
    `instances` explained cases, in the game and the output that the explanation is about. Methods
    that play no game whose truth can be had so are compared with the run's question.

    `true_error` is what no multiple of the attributions can make good, as a share of the truth
    (`direction_errors`): 0 is right but for the unit, near 1 is chance. `true_error_gain` is the
    random control's less the method's own, above 0 is better than chance. `true_order` is the mean
    rank correlation with the truth. `true_amounts` is the mean distance from the truth over its
    mean size, in the unit of the output: 0 is exact. `formula_error` is `true_error` against the
    formula that made the labels, where the data know it: what the model has not learnt counts too.

    players : of inputs with more of them nothing is worked out. evaluations : rows that the model
    is asked about for one game, which bound how many cases are judged.

    Reference: Shapley 1953, doi:10.1515/9781400881970-018; Lundberg & Lee 2017, arXiv:1705.07874.
    """

    reveals = "aggregate"
    instances: Annotated[int, Field(ge=2)] = 32
    players: Annotated[int, Field(ge=1, le=14)] = 10
    evaluations: Annotated[int, Field(ge=1000)] = 1_500_000
    resamples: Resamples = 2000

    scope = "explainers"
    tables = {"true_errors": TableType.of(JudgedGame, release=TableRelease(counts=("n",)))}
    bounds = {
        "true_error": (0.0, 1.0),
        "true_error_gain": (-1.0, 1.0),
        "true_order": (-1.0, 1.0),
        "true_amounts": (0.0, None),
        "formula_error": (0.0, 1.0),
    }
    reads = frozenset({"dataset", "classifier", "explanations", "background", "seed"})

    def measure(self, context: MeasureContext) -> Measurement:
        explanations = self.compared(context)
        schema = context.dataset.schema
        if n_players(schema) > self.players:
            raise NotApplicableError(
                message("refusals.too_many_to_enumerate", n=n_players(schema), most=self.players)
            )
        first = next(iter(explanations.values()))
        if not all(np.array_equal(e.inputs, first.inputs) for e in explanations.values()):
            raise NotApplicableError(message("refusals.other_cases"))
        coalitions = 2 ** n_players(schema) * max(len(context.background), 1)
        most = max(2, min(self.instances, self.evaluations // coalitions))
        judging = _Judging(self, context, thin(len(first), most))
        scores = [
            score for name, each in explanations.items() for score in judging.scores(name, each)
        ]
        rows = [
            judging.row(name, each, [score for score in scores if score.explainer == name])
            for name, each in explanations.items()
        ]
        note = message(
            "notes.true_error.cases",
            n=len(judging.chosen),
            of=len(first),
            players=n_players(schema),
            rows=len(context.background),
        )
        return Measurement(
            scores=tuple(scores), tables={"true_errors": pd.DataFrame(rows)}, notes=(note,)
        )


@dataclass(frozen=True)
class _Judging:
    """Compares explanations with the truth in some cases. chosen : (case,) their positions."""

    metric: TrueError
    context: MeasureContext
    chosen: Ints

    @cached_property
    def truth(self) -> Truth:
        """Of the model."""
        decides = task_of(self.context.dataset.schema.target).decides
        target = self.context.dataset.schema.target.explained
        return self._of(answers_of(self.context.classifier, target, decides))

    @cached_property
    def of_formula(self) -> Truth | None:
        """Of the formula that made the labels; None where nobody knows one."""
        terms = self.context.dataset.card.get("formula")
        if not terms:
            return None
        decides = task_of(self.context.dataset.schema.target).decides
        return self._of(formula_answers(Formula.from_json(terms), decides))

    def _of(self, answers: Mapping[str, Answer]) -> Truth:
        context, schema = self.context, self.context.dataset.schema
        rows = next(iter(context.explanations.values())).inputs[self.chosen]
        baseline = kind_of(schema).baseline(rows, context.dataset.train.inputs)
        return Truth(answers, rows, context.background, baseline, schema.owners)

    def game(self, explanation: Explanation) -> Game:
        """The game in which it is judged: its own, or the run's question where it has none whose
        truth can be worked out.
        """
        usual = kind_of(self.context.dataset.schema).compared_with
        played = (self.context.game_of(explanation), self.context.question, usual)
        return next(game for game in played if game in _ENUMERATED)

    def errors(self, explanation: Explanation, truth: Truth, like: Explanation) -> Floats:
        """(case,) errors of the values of one explanation, judged as another one is."""
        known = truth.values(like.output_space, self.game(like))
        return direction_errors(self._values(explanation), known, like.signed)

    def _values(self, explanation: Explanation) -> Floats:
        """(case, player)."""
        owners = self.context.dataset.schema.owners
        return player_sums(explanation.values[self.chosen], owners)

    def scores(self, name: str, explanation: Explanation) -> list[Score]:
        """Those that can be had of one explanation."""
        errors = self.errors(explanation, self.truth, explanation)
        scores = [self._mean("true_error", errors, "lower", name)]
        control = self.context.explanations.get(CONTROL)
        if control is not None and name != CONTROL:
            gain = self.errors(control, self.truth, explanation) - errors
            scores.append(self._mean("true_error_gain", gain, "higher", name))
        known = self.truth.values(explanation.output_space, self.game(explanation))
        values = self._values(explanation)
        pair = (values, known) if explanation.signed else (np.abs(values), np.abs(known))
        scores.append(self._mean("true_order", rowwise_spearman(*pair), "higher", name))
        if explanation.signed and explanation.output_space != "none":
            missed = np.linalg.norm(values - known, axis=1)
            draws = self.metric.resamples, self.context.seed
            ratio = ratio_of_means(missed, np.linalg.norm(known, axis=1), *draws)
            about = {"explainer": name, "reference": _SHAPLEY}
            note = message("notes.true_error.true_amounts")
            scores.append(self.metric.score("true_amounts", ratio, "lower", note=note, **about))
        if self.of_formula is not None:
            errors = self.errors(explanation, self.of_formula, explanation)
            scores.append(self._mean("formula_error", errors, "lower", name))
        return scores

    def _mean(self, metric: str, values: Floats, direction: Direction, name: str) -> Score:
        if np.isnan(values).all():
            raise NotApplicableError(message("refusals.no_true_effect"))
        score = self.metric.scorer(self.context, name, _SHAPLEY)
        return score(metric, values, direction, _NOTES[metric])

    def row(self, name: str, explanation: Explanation, scores: list[Score]) -> dict[str, object]:
        """Its row in the table."""
        known = {score.metric: Estimate.of_score(score) for score in scores}
        none = Estimate(float("nan"))
        columns = {
            "error": "true_error",
            "gain": "true_error_gain",
            "order": "true_order",
            "amounts": "true_amounts",
            "formula": "formula_error",
        }
        cells = {
            key: cell
            for column, metric in columns.items()
            for key, cell in known.get(metric, none).cells(column, column).items()
        }
        return {"explainer": name, "game": self.game(explanation), **cells, "n": len(self.chosen)}


_LUNDBERG = "Lundberg & Lee 2017, arXiv:1705.07874"
#: Algorithms that compare with the whole background, and so have its mean output as base value.
_WHOLE_BACKGROUND = frozenset({"pairs", "tree"})
#: Largest difference, as a share of the spread of what is compared (models answer in single
#: precision), and as a share of the largest value of the known function, which sampling may miss by
#: a little where values are missing.
_ALLOWED, _ALLOWED_KNOWN = 1e-3, 0.05


class KnownFunction(Classifier):
    """A model whose Shapley values are known, since each column adds to its answer by itself.

    p = 0.5 + Σ c_j(x_j), of a number the same sum. c_j(x) is linear, at most 0.2 / columns in size
    within the reach and 0 where a value is missing; where the model to be explained has trees, it
    is one stump a column: a step at the middle, down where a value is missing.
    """

    def __init__(self, classifier: Classifier, middle: Floats, reach: Floats) -> None:
        """Take the column's middle and largest distance from it, (column,) each."""
        self.schema: Schema = classifier.schema
        self.module: Any = None
        self.name: str = classifier.name
        self.capabilities: frozenset[Capability] = classifier.capabilities & {"trees"}
        self.calls = 0
        self.middle = middle
        self.reach = np.where(reach > 0, reach, 1.0)
        signs = np.where(np.arange(len(middle)) % 2, -1.0, 1.0)
        self.steps = 0.2 * signs / len(middle)

    def contributions(self, rows: Floats) -> Floats:
        """(row, column) what each column adds."""
        if "trees" in self.capabilities:
            return np.where(rows > self.middle, self.steps, -self.steps)
        return np.asarray(np.nan_to_num((rows - self.middle) / self.reach) * self.steps)

    def probabilities(self, inputs: Floats) -> Floats:
        """(row, class); the other classes share what is left. Of a number (row, 1)."""
        self.calls += len(inputs)
        return self._outputs(0.5 + self.contributions(inputs).sum(axis=1))

    def _outputs(self, known: Floats) -> Floats:
        target = self.schema.target
        if not task_of(target).decides:
            return known[:, None]
        outputs = np.tile(((1 - known) / (len(target.classes) - 1))[:, None], len(target.classes))
        outputs[:, target.explained] = known
        return outputs

    def logits(self, inputs: Floats) -> Floats:
        """(row, class) logarithms of the probabilities, or the number."""
        outputs = self.probabilities(inputs)
        return np.log(outputs) if task_of(self.schema.target).decides else outputs

    def log_odds(self, inputs: Floats, target: int) -> Floats:
        """(row,) of the target, or the number."""
        outputs = self.probabilities(inputs)[:, target]
        return np.log(outputs / (1 - outputs)) if task_of(self.schema.target).decides else outputs

    def label_probabilities(self, inputs: Floats) -> Floats:
        """(row, label) of a target of several labels: the same for each."""
        return np.tile(self.probabilities(inputs)[:, :1], len(self.schema.target.classes))

    def columns(self, inputs: Floats) -> Floats:
        """(row, column) as its stumps read them."""
        return np.asarray(inputs, dtype=np.float64)

    @property
    def trees(self) -> TreeEnsemble:
        """One stump a column."""
        count = len(self.middle)
        roots = 3 * np.arange(count)
        nodes, none = 3 * count, np.full(3 * count, -1)
        feature, values = none.copy(), np.zeros(nodes)
        feature[roots] = np.arange(count)
        values[roots + 1], values[roots + 2] = -self.steps, self.steps
        threshold, left, right = np.zeros(nodes), none.copy(), none.copy()
        threshold[roots], left[roots], right[roots] = self.middle, roots + 1, roots + 2
        base, highest = self._outputs(np.array([0.5]))[0], self._outputs(np.array([1.0]))[0]
        weights = highest - self._outputs(np.array([0.0]))[0]
        decides = task_of(self.schema.target).decides
        return TreeEnsemble(
            nodes=Nodes(
                feature=feature,
                threshold=threshold,
                left=left,
                right=right,
                missing_left=np.ones(nodes, dtype=bool),
                values=values[:, None] * weights,
            ),
            roots=roots,
            base=base,
            space="probability" if decides else "value",
            single_precision=False,
        )


@dataclass(frozen=True)
class SelfCheck(ExplanationMetric):
    """Checks of Shapley values whose right answer is known; any failure is an error of a library.

    `additivity`: base value and attributions add up to the explained output. `output`: that is what
    the model gives now. `base`: the base value is the mean output over the background. `known`: of
    a linear function, or of a sum of stumps where the model has trees, each attribution is what the
    column adds less its mean over the background (of a text, an image or a series: less what it
    adds at the baseline).
    `self_check_failures` is how many of these fail.

    Reference: Lundberg & Lee 2017, arXiv:1705.07874 (local accuracy, missingness).
    """

    reveals = "aggregate"
    instances: Annotated[int, Field(ge=1)] = 3

    tables = {"checks": TableType.of(SelfCheckOutcome, release=WHOLE)}
    bounds = {"self_check_failures": (0.0, 4.0)}
    reads = frozenset({"dataset", "classifier", "explanation", "background", "seed"})

    def explained_again(self, n_instances: int) -> int:
        """A few instances, of a function that costs nothing."""
        return min(self.instances, n_instances)

    def measure(self, context: MeasureContext) -> Measurement:
        explanation = self.judged(context)
        if explanation.method != "shap" or explanation.base_values is None:
            raise NotApplicableError(message("refusals.no_known_answer"))
        checks = [
            (explanation.method, name, len(gap), apart, allowed, apart <= allowed)
            for name, gap, allowed in self._checks(context, explanation)
            for apart in [float(np.abs(gap).max())]
        ]
        failed, n = sum(not passed for *_, passed in checks), len(checks)
        failures = self.score(
            "self_check_failures",
            Estimate(failed, n=n),
            "lower",
            explainer=explanation.method,
            reference=_LUNDBERG,
            note=message("notes.self_check.failures", n=n),
        )
        return Measurement((failures,), self.frames(checks=checks))

    def _checks(
        self, context: MeasureContext, explanation: Explanation
    ) -> Iterator[tuple[str, Floats, float]]:
        """(name, differences, the largest allowed one) of each check that can be made."""
        outputs = _outputs(context.classifier, explanation, explanation.inputs)
        gap = explanation.completeness_gap
        base = explanation.base_values
        if gap is None or base is None:
            return
        spread = float(np.ptp(outputs)) + float(np.abs(outputs - base).max()) + 1e-3
        allowed = _ALLOWED * spread
        yield "additivity", gap, allowed
        yield "output", explanation.predictions - outputs, allowed
        of_rows = explanation.game == "background"
        whole = explanation.params.get("algorithm") in _WHOLE_BACKGROUND
        if whole and of_rows:
            mean = _outputs(context.classifier, explanation, context.background).mean()
            yield "base", base - mean, allowed
        if context.explain is not None and (whole or not of_rows):  # else of a few drawn rows
            known, values = self._of_known(context, explanation, context.explain)
            yield "known", values - known, _ALLOWED_KNOWN * (float(np.abs(known).max()) or 1.0)

    def _of_known(
        self, context: MeasureContext, explanation: Explanation, explain: ExplainAgain
    ) -> tuple[Floats, Floats]:
        """(instance × player,) known Shapley values, and those that the explainer gives."""
        chosen = thin(len(explanation), self.instances)
        rows, background = explanation.inputs[chosen], context.background
        middle = np.median(np.nan_to_num(background), axis=0)
        away = np.abs(np.concatenate([rows, background]) - middle)
        model = KnownFunction(context.classifier, middle, np.nan_to_num(away).max(axis=0))
        values = explain(model, rows)
        if explanation.game == "background":
            known = model.contributions(rows) - model.contributions(background).mean(axis=0)
        else:
            baseline = kind_of(model.schema).baseline(rows, context.dataset.train.inputs)
            known = model.contributions(rows) - model.contributions(baseline)
        owners = model.schema.owners
        return player_sums(known, owners).ravel(), player_sums(values, owners).ravel()


def _outputs(classifier: Classifier, explanation: Explanation, rows: Floats) -> Floats:
    """(row,) what is explained."""
    if explanation.output_space == "logit":
        return classifier.log_odds(rows, explanation.target)
    return classifier.probabilities(rows)[:, explanation.target]
