"""What a metric gets and promises."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from deepseek_report.artifacts.expectations import Expectations
from deepseek_report.artifacts.explanation import Explanation
from deepseek_report.artifacts.predictions import Cases, Predictions
from deepseek_report.artifacts.protocols.classifier import Capability, Classifier
from deepseek_report.artifacts.protocols.progress import Progress, Silent
from deepseek_report.artifacts.score import Bounds, Category, Measurement
from deepseek_report.artifacts.split import Dataset

Scope = Literal["model", "explainer", "explainers"]


class ExplainAgain(Protocol):
    """Runs the judged explainer on other inputs, or on another model."""

    def __call__(
        self,
        classifier: Classifier,
        inputs: NDArray[np.float64],
        positions: NDArray[np.int64] | None = None,
    ) -> NDArray[np.float64]:
        """(instance, feature) values. Inputs of one position get the same random draws; without
        positions they are numbered.
        """


@dataclass(frozen=True)
class MeasureContext:
    """What a metric may use. A metric names the fields it reads in its `reads`; where these are
    only `dataset` and `seed`, it runs before there is a model and the other fields are None.

    explanation : the one to judge (scope "explainer"); control : that of `random`, or None.
    explanations : all of them (scope "explainers"). explain : see `ExplainAgain`.
    expectations : declared by `behaviour:` in the config.
    measured : {id: measurement} of the metrics that it `takes`, such as `measures/deletion/random`.
    """

    dataset: Dataset
    predictions: Predictions
    validation_predictions: Predictions
    cases: Cases
    classifier: Classifier
    seed: int
    background: NDArray[np.float64]
    explanation: Explanation | None = None
    control: Explanation | None = None
    explanations: Mapping[str, Explanation] = field(default_factory=dict)
    measured: Mapping[str, Measurement] = field(default_factory=dict)
    explain: ExplainAgain | None = None
    expectations: Expectations = ()
    progress: Progress = field(default_factory=Silent)


class MetricPlugin(Protocol):
    """Measures one thing about a model, an explanation, or several explanations."""

    category: ClassVar[Category]
    scope: ClassVar[Scope]
    reads: ClassVar[frozenset[str]]
    """Fields of MeasureContext that decide the result; the cache key is made from these. Without
    `seed`, the metric draws nothing: it gets the same `MeasureContext.seed` in every run."""
    requires: ClassVar[frozenset[Capability]]
    volatile: ClassVar[bool]
    """True where the metric measures time or memory, which differ from run to run."""
    bounds: ClassVar[Bounds]
    """Every score that a threshold can be about, with its least and greatest value; without it one
    score, of the metric's own key and without limits. What else a metric may say of itself, as that
    it compares with `Split.truth`, stands with its default in `traits.MetricPart`. What its tables
    hold, which section shows them and how they are passed on below `report.privacy: full` it says
    in `tables: ClassVar[TableTypes]`; a table without a type is stored, and shown by nobody."""

    def measure(self, context: MeasureContext) -> Measurement: ...


@runtime_checkable
class ExplainsAgain(Protocol):
    """The optional part of a MetricPlugin that asks the judged explainer for more explanations."""

    def explained_again(self, n_instances: int) -> int:
        """How many instances it has explained, of so many that were explained once."""
