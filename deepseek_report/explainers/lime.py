"""Local linear surrogates by the lime package, on the probability of the target class."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Annotated, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from deepseek_report.artifacts.explanation import Explanation
from deepseek_report.artifacts.numbers import number
from deepseek_report.artifacts.protocols import Capability, ExplainContext, ModelPlugin, Nature
from deepseek_report.explainers.attributions import subject

Array = NDArray[np.float64]

_MEANING = (
    'The value of a feature is the surrogate\'s coefficient for "as in this instance" (same '
    "category, or same quarter of the training range) times one minus how often training rows have "
    "it: what it adds to the probability against the surrogate's average."
)


@dataclass(frozen=True)
class Lime:
    """A linear model fitted to the classifier in the neighbourhood of each instance (lime package).

    Numeric features are cut at the quartiles of training rows; a neighbour keeps or redraws each
    feature, independently, by its training frequencies. Weighted ridge regression of the
    probability on "same as the instance" gives b; the attribution is b · (1 − frequency of the
    instance's own value), the Shapley value of the surrogate, so that base value plus sum is the
    surrogate's own prediction.

    Reference: Ribeiro, Singh & Guestrin 2016, doi:10.1145/2939672.2939778.
    """

    num_samples: Annotated[int, Field(ge=50, le=100_000)] = 400
    kernel_width: Annotated[float, Field(gt=0)] | None = None
    ridge: Annotated[float, Field(gt=0)] = 1.0
    bins: Annotated[int, Field(ge=2, le=20)] = 4

    requires: ClassVar[frozenset[Capability]] = frozenset()
    samples: ClassVar[bool] = True

    def explain(self, context: ExplainContext) -> Explanation:
        """Fit one surrogate per instance.

        Returns
        -------
        Values in units of probability; `params` holds the surrogates' weighted R², and the
        completeness gap is the surrogate's error at the instance.
        """
        from deepseek_report.explainers.lime_surrogate import Neighbourhoods

        classifier = context.classifier
        before = classifier.calls
        context.progress.start("lime", len(context.inputs))
        fits = Neighbourhoods(context, self.bins, self.kernel_width).fit_all(
            self.num_samples, self.ridge
        )
        fidelity = np.array([fit.fidelity for fit in fits])
        return Explanation(
            values=np.array([fit.values for fit in fits]),
            standard_error=np.array([fit.standard_error for fit in fits]),
            predictions=np.array([fit.prediction for fit in fits]),
            base_values=np.array([fit.base for fit in fits]),
            method="lime",
            variant=f"LimeTabularExplainer of lime, {self.num_samples} neighbours per instance",
            output_space="probability",
            n_model_calls=classifier.calls - before,
            params=asdict(self)
            | {
                "fidelity_mean": float(fidelity.mean()),
                "fidelity_worst": float(fidelity.min()),
                "fidelity": fidelity.tolist(),
            },
            notes=(_MEANING, _about_fidelity(fidelity)),
            **subject(context),
        )

    def planned_calls(self, n_instances: int, n_features: int, n_background: int) -> int:
        return n_instances * self.num_samples

    def refuses(self, model: ModelPlugin, nature: Nature) -> str | None:
        return None


def _about_fidelity(fidelity: Array) -> str:
    text = (
        f"The surrogates reproduce {number(fidelity.mean())} of the model's variance around an "
        f"instance on average (weighted R², n = {len(fidelity)}), {number(fidelity.min())} at worst"
    )
    if fidelity.mean() < 0.5:
        return text + "; under one half, a linear surrogate is a poor picture of this model."
    return text + "."
