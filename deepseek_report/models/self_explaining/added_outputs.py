"""What a fitted model shares whose outputs are sums of terms: log-odds, or a number."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np

from deepseek_report.artifacts.array_types import Floats
from deepseek_report.artifacts.schema import Schema
from deepseek_report.artifacts.split import Split
from deepseek_report.data_kinds.rule_lists import RuleTargets
from deepseek_report.statistics.rule_search import Link, answers_of
from deepseek_report.tasks import task_of


class AddedOutputs(ABC):
    """A fitted model that adds up terms to one output for two classes or a number, else one each.

    Of two classes the output is the log-odds of the explained one; see `targets_of`.
    """

    def __init__(self, schema: Schema) -> None:
        self.schema = schema

    @abstractmethod
    def outputs(self, inputs: Floats) -> Floats:
        """(instance, feature) original units -> (instance, output)."""

    @abstractmethod
    def mixed_terms(self, inputs: Floats, mix: Floats) -> tuple[Floats, Floats]:
        """What each feature adds to a mix (output,) of the outputs.

        Returns values (instance, feature) and base values (instance,), whose sum is that mix.
        """

    @property
    def link(self) -> Link:
        """How the outputs become answers."""
        return _link(self.schema)

    def probabilities(self, inputs: Floats) -> Floats:
        """(instance, feature) -> (instance, class), or the number (instance, 1)."""
        target, outputs = self.schema.target, self.outputs(inputs)
        if self.link != "logit":
            return answers_of(outputs, self.link)
        own = outputs[:, [self._own_output]]
        toward = 1 if task_of(target).several else target.explained
        signs = np.array([1.0 if place == toward else -1.0 for place in range(2)])
        return answers_of(own * signs, "logit")

    def label_probabilities(self, inputs: Floats) -> Floats:
        """(instance, feature) -> (instance, label)."""
        return answers_of(self.outputs(inputs), "logit")

    def terms(self, inputs: Floats, target: int) -> tuple[Floats, Floats]:
        """What each feature adds for a class or to the number; see `mixed_terms`."""
        return self.mixed_terms(inputs, self.about(target))

    def about(self, target: int) -> Floats:
        """(output,) what makes of the outputs a class's logit less the mean of the others'."""
        own = self.schema.target
        if self.link == "softmax":
            mix = np.full(len(own.classes), -1 / (len(own.classes) - 1))
            mix[target] = 1.0
            return mix
        several = task_of(own).several
        mix = np.zeros(len(own.labels) if several else 1)
        toward = 1 if several else own.explained
        mix[self._own_output] = 1.0 if self.link == "value" or target == toward else -1.0
        return mix

    @property
    def _own_output(self) -> int:
        """Of several labels the position of the reported one."""
        return self.schema.target.label_index if task_of(self.schema.target).several else 0


def _link(schema: Schema) -> Link:
    task = task_of(schema.target)
    if not task.decides:
        return "value"
    return "logit" if task.several or len(schema.target.classes) == 2 else "softmax"


def targets_of(schema: Schema, train: Split) -> RuleTargets:
    """What the outputs are fitted to: (row, output) 0 and 1, or the number."""
    target, link = schema.target, _link(schema)
    if link == "value":
        return RuleTargets(train.labels[:, None].astype(np.float64), link, (target.label,))
    if task_of(target).several:
        return RuleTargets(np.asarray(train.all_labels, np.float64), link, target.labels)
    happened = (train.labels[:, None] == np.arange(len(target.classes))).astype(np.float64)
    if link == "logit":
        return RuleTargets(happened[:, [target.explained]], link, (target.explained_class,))
    return RuleTargets(happened, link, target.classes)
