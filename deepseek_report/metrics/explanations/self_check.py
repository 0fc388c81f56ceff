"""Does an explainer keep what it promises, where the right answer is known?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from deepseek_report.artifacts.array_types import Floats
from deepseek_report.artifacts.disclosure import WHOLE
from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.explanation import Explanation
from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.protocols.classifier import Capability, Classifier
from deepseek_report.artifacts.protocols.metrics import ExplainAgain, MeasureContext
from deepseek_report.artifacts.protocols.trees import Nodes, TreeEnsemble
from deepseek_report.artifacts.schema import Schema
from deepseek_report.artifacts.table import TableType, columns_of
from deepseek_report.data_kinds import kind_of
from deepseek_report.data_kinds.coalitions import player_sums
from deepseek_report.errors import NotApplicableError
from deepseek_report.metrics.explanations.explanation_plugin import ExplanationMetric
from deepseek_report.metrics.explanations.explanation_rows import SelfCheckOutcome
from deepseek_report.statistics.ranking import thin
from deepseek_report.tasks import task_of

_LUNDBERG = "Lundberg & Lee 2017, arXiv:1705.07874"
#: Methods whose attributions are Shapley values, which add up exactly.
_SHAPLEY = frozenset({"shap"})
#: Algorithms that compare with the whole background, and so have its mean output as base value.
_WHOLE_BACKGROUND = frozenset({"pairs", "tree"})
#: Largest difference, as a share of the spread of what is compared (models answer in single
#: precision), and as a share of the largest value of the known function, which sampling may miss by
#: a little where values are missing.
_ALLOWED, _ALLOWED_KNOWN = 1e-3, 0.05


class KnownFunction:
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

    def randomised(self, seed: int) -> Classifier:
        """It has no weights."""
        del seed
        raise NotApplicableError(message("model_refusals.no_weights", model=self.name))

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

    tables = {
        "checks": TableType(
            (
                *columns_of(
                    "explainer:explainer check:code n:count difference:number allowed:number"
                ),
                *columns_of("passed:yes_no"),
            ),
            release=WHOLE,
            row=SelfCheckOutcome,
        )
    }
    bounds = {"self_check_failures": (0.0, 4.0)}
    reads = frozenset({"dataset", "classifier", "explanation", "background", "seed"})

    def explained_again(self, n_instances: int) -> int:
        """A few instances, of a function that costs nothing."""
        return min(self.instances, n_instances)

    def measure(self, context: MeasureContext) -> Measurement:
        explanation = self.judged(context)
        if explanation.method not in _SHAPLEY or explanation.base_values is None:
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
        return Measurement((failures,), {"checks": self.tables["checks"].frame(checks)})

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
        if explanation.params.get("algorithm") in _WHOLE_BACKGROUND and _is_of_rows(explanation):
            mean = _outputs(context.classifier, explanation, context.background).mean()
            yield "base", base - mean, allowed
        if context.explain is not None and _is_known(explanation):
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
        if _is_of_rows(explanation):
            known = model.contributions(rows) - model.contributions(background).mean(axis=0)
        else:
            baseline = kind_of(model.schema).baseline(rows, background)
            known = model.contributions(rows) - model.contributions(baseline)
        owners = model.schema.owners
        return player_sums(known, owners).ravel(), player_sums(values, owners).ravel()


def _is_of_rows(explanation: Explanation) -> bool:
    """Whether it compares with background rows, and not with a baseline."""
    return explanation.game == "background"


def _is_known(explanation: Explanation) -> bool:
    """Whether its values of the known function are exact: not those against a few drawn rows."""
    whole = explanation.params.get("algorithm") in _WHOLE_BACKGROUND
    return whole or not _is_of_rows(explanation)


def _outputs(classifier: Classifier, explanation: Explanation, rows: Floats) -> Floats:
    """(row,) what is explained."""
    if explanation.output_space == "logit":
        return classifier.log_odds(rows, explanation.target)
    return classifier.probabilities(rows)[:, explanation.target]
