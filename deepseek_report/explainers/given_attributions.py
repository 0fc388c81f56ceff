"""Attributions that a person computed elsewhere and gave in Python."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from deepseek_report.artifacts.array_types import Floats, Ints
from deepseek_report.artifacts.disclosure import Reveals
from deepseek_report.artifacts.explanation import Explanation
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.protocols.classifier import AnswersRows, Capability
from deepseek_report.artifacts.protocols.datasets import DataTraits
from deepseek_report.artifacts.protocols.explainers import ExplainContext
from deepseek_report.artifacts.protocols.models import ModelPlugin
from deepseek_report.artifacts.protocols.traits import GivenInPython, not_held
from deepseek_report.errors import NotApplicableError
from deepseek_report.explainers.attributions import subject
from deepseek_report.metrics.performance.predicting import log_odds, softmax


@dataclass(frozen=True)
class HeldAttributions:
    """Attributions of the test rows as they were given.

    values : (row, feature), in the order of `names`. base_values : (row,) the output that the
    values start from, or None.
    """

    values: Floats
    names: Sequence[str]
    base_values: Floats | None = None


@dataclass(frozen=True)
class GivenAttributions(GivenInPython):
    """Attributions that were given in Python (`deepseek_report.report`), by any method.

    method : what the person calls it. space : of which output the values are shares. sha256 : of
    the values and the base values.
    """

    reveals: ClassVar[Reveals] = "aggregate"
    requires: ClassVar[frozenset[Capability]] = frozenset()
    samples: ClassVar[bool] = False

    method: str = "given"
    space: Literal["probability", "logit"] = "probability"
    sha256: str = ""

    def explain(self, context: ExplainContext) -> Explanation:
        """The values of these rows; nothing is computed.

        Raises NotApplicableError : other rows are asked about than were given, or features are
        missing.
        """
        if self.held is None:
            raise NotApplicableError(not_held("the attributions", plural=True))
        if context.instance_ids is None:
            raise NotApplicableError(message("explainer_refusals.other_rows"))
        rows, features = context.instance_ids, self._columns(context)
        base = self.held.base_values
        return Explanation(
            values=self.held.values[rows][:, features],
            predictions=self._explained(context, rows),
            base_values=None if base is None else base[rows],
            method=self.method,
            variant="attributions that were computed elsewhere and given in Python",
            output_space=("value" if context.is_number else self.space),
            n_model_calls=0,
            **subject(context),
        )

    def _columns(self, context: ExplainContext) -> list[int]:
        names = list(self.held.names)
        wanted = context.classifier.schema.names
        if missing := [name for name in wanted if name not in names]:
            raise NotApplicableError(message("explainer_refusals.no_column", columns=missing[:5]))
        return [names.index(name) for name in wanted]

    def _explained(self, context: ExplainContext, rows: Ints) -> Floats:
        """(row,) the output that the values are shares of."""
        classifier = context.classifier
        if not isinstance(classifier, AnswersRows):
            wanted = context.margin if self.space == "logit" else context.output
            return wanted(context.inputs)
        logits = classifier.logits_of(rows)
        if context.is_number:
            return logits[:, 0]
        if self.space == "logit":
            return log_odds(logits, context.target)
        return np.asarray(softmax(logits)[:, context.target])

    def planned_calls(self, n_instances: int, n_features: int, n_background: int) -> int:
        """How many rows the model will evaluate: none but those of its predictions."""
        del n_features, n_background
        return n_instances

    def refuses(self, model: ModelPlugin, nature: DataTraits) -> str | None:
        """Why this cannot be shown, or None."""
        del model, nature
        return not_held("the attributions", plural=True) if self.held is None else None
