"""What an explainer gets and promises."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from deepseek_report.artifacts.explanation import Explanation, OutputSpace
from deepseek_report.artifacts.message import Text
from deepseek_report.artifacts.protocols.classifier import Capability, Classifier
from deepseek_report.artifacts.protocols.datasets import DataTraits
from deepseek_report.artifacts.protocols.models import ModelPlugin
from deepseek_report.artifacts.protocols.progress import Progress, Silent
from deepseek_report.artifacts.schema import Schema


@dataclass(frozen=True)
class ExplainContext:
    """What an explainer may use.

    inputs : (instance, feature) to be explained; background : a seeded sample of training rows.
    target : position of the class to explain, 0 where the target is a number.
    instance_ids : (instance,) which rows of the source these are, None where they are other rows.
    """

    classifier: Classifier
    inputs: NDArray[np.float64]
    positions: NDArray[np.int64]
    background: NDArray[np.float64]
    target: int
    seed: int
    progress: Progress = field(default_factory=Silent)
    instance_ids: NDArray[np.int64] | None = None

    @property
    def is_number(self) -> bool:
        return self.classifier.schema.target.is_number

    def output(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """(row,) what sampling methods explain: the target's probability, or the number."""
        return self.classifier.probabilities(rows)[:, self.target]

    @property
    def output_space(self) -> OutputSpace:
        return "value" if self.is_number else "probability"

    def margin(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """(row,) what gradient methods explain: the target's log-odds, or the number."""
        return self.classifier.log_odds(rows, self.target)

    @property
    def margin_space(self) -> OutputSpace:
        return "value" if self.is_number else "logit"


class ExplainerPlugin(Protocol):
    """Explains a classifier on its original features.

    An explainer, a metric or a picture that cannot do with every kind of data or target declares
    `modalities` or `tasks`, as a model does; `traits` has all that a part may declare.
    """

    requires: ClassVar[frozenset[Capability]]
    samples: ClassVar[bool]
    """Whether the method draws at random. One that does is run again for another seed of the
    explainers; one that does not gets the same `ExplainContext.seed` in every run."""

    def explain(self, context: ExplainContext) -> Explanation: ...

    def planned_calls(self, n_instances: int, n_features: int, n_background: int) -> int:
        """How many rows the model will evaluate at most; rows that are alike may be asked once.

        `n_features` is how many things are taken away one by one: the features of a table, the
        players of a layout. For texts it is the most, since they differ in length.
        """

    def refuses(self, model: ModelPlugin, nature: DataTraits) -> Text | None:
        """Why this method cannot explain the model of such data, or None if it can."""


@runtime_checkable
class SuitsModel(Protocol):
    """The optional part of an ExplainerPlugin whose algorithm depends on the model or the data."""

    def suited_to(self, capabilities: frozenset[Capability], schema: Schema) -> ExplainerPlugin:
        """The same explainer with its choice made; its `planned_calls` are those of the run."""
