"""A scikit-learn estimator and its encoding, as a classifier of numpy arrays."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepseek_report.artifacts.protocols import Capability
from deepseek_report.artifacts.schema import Schema
from deepseek_report.artifacts.split import Split
from deepseek_report.errors import ArtifactError, NotApplicableError
from deepseek_report.models.columns import Columns, Encoding

Floats = NDArray[np.float64]

#: Least probability of a class: trees and neighbours may give exactly 0, whose log is not finite.
LEAST = 1e-7

_READS = {
    "one_hot": "numbers standardised and categories one-hot",
    "codes": "one column a feature, categories as their positions",
    "frame": "the names and the codes of the source",
}


@dataclass
class Fitted:
    """An estimator with what it reads; `fit` fits it in place."""

    estimator: Any
    columns: Columns
    encoding: Encoding
    schema: Schema

    def draw_from(self, seed: int) -> None:
        """Let the estimator draw from this seed, if it draws at all."""
        if "random_state" in self.estimator.get_params():
            self.estimator.set_params(random_state=seed)

    def fit(self, train: Split) -> None:
        """Fit on the training part with one thread, so that the result is the same everywhere."""
        table = self.columns.transform(train.inputs)
        with one_thread():
            self.estimator.fit(table, train.labels)

    def probabilities(self, inputs: Floats) -> Floats:
        """(instance, feature) original units -> (instance, class), each at least `LEAST`."""
        if not len(inputs):
            return np.empty((0, len(self.schema.target.classes)))
        found = self._predict(inputs)
        shares = np.full((len(inputs), len(self.schema.target.classes)), LEAST)
        shares[:, self._positions()] = np.maximum(found, LEAST)
        scaled: Floats = shares / shares.sum(axis=1, keepdims=True)
        return scaled

    def _predict(self, inputs: Floats) -> Floats:
        table = self.columns.transform(inputs)
        try:
            with one_thread():
                return np.asarray(self.estimator.predict_proba(table), dtype=np.float64)
        except ValueError:
            if np.isfinite(inputs).all():
                raise
            name = type(self.estimator).__name__
            raise NotApplicableError(
                f"{name} cannot be asked about missing values; fit it with an imputer before it"
            ) from None

    def describe(self) -> dict[str, Any]:
        """The content of `architecture.json`; an estimator has no layers."""
        name = type(self.estimator).__name__
        columns = getattr(self.estimator, "n_features_in_", None)
        width = f" over {columns} columns" if columns else ""
        summary = f"{name} of {self._library()}{width} ({_READS[self.encoding]})."
        return {"name": name, "summary": summary, "parameters": None, "layers": []}

    def _library(self) -> str:
        from deepseek_report.provenance import version_of

        package = type(self.estimator).__module__.partition(".")[0]
        return f"{'scikit-learn' if package == 'sklearn' else package} {version_of(package)}"

    def _positions(self) -> list[int]:
        """For each class of the estimator its position in the schema, by name or by number."""
        known = self.schema.target.classes
        given = list(self.estimator.classes_)
        if set(map(str, given)) <= set(known):
            return [known.index(str(one)) for one in given]
        if all(str(one).isdigit() and int(one) < len(known) for one in given):
            return [int(one) for one in given]
        raise ArtifactError(
            f"the estimator knows the classes {given}, the data {list(known)}; they must have the "
            f"same names, or be numbered 0 to {len(known) - 1}"
        )


class EstimatorClassifier:
    """Evaluates a fitted estimator on original features; `calls` counts the rows.

    The logits are the logs of the probabilities, so that their softmax is what the estimator said.
    """

    def __init__(
        self,
        module: Fitted,
        schema: Schema,
        name: str,
        capabilities: frozenset[Capability],
    ) -> None:
        self.module: Any = module
        self.schema = schema
        self.name = name
        self.capabilities = capabilities
        self.calls = 0

    @property
    def trees(self) -> Any:
        """The fitted ensemble, for what walks trees instead of asking the model."""
        return self.module.estimator

    def columns(self, inputs: Floats) -> Any:
        """(instance, feature) original units -> the table that the estimator reads."""
        return self.module.columns.transform(inputs)

    def probabilities(self, inputs: Floats) -> Floats:
        """(instance, feature) -> (instance, class), rows sum to 1."""
        self.calls += len(inputs)
        found: Floats = self.module.probabilities(np.asarray(inputs, dtype=np.float64))
        return found

    def logits(self, inputs: Floats) -> Floats:
        """(instance, feature) -> (instance, class), logs of the probabilities."""
        return np.log(self.probabilities(inputs))

    def log_odds(self, inputs: Floats, target: int) -> Floats:
        """(instance, feature) -> (instance,) log p / (1 − p) of the target class."""
        logits = self.logits(inputs)
        others = np.delete(logits, target, axis=1)
        odds: Floats = logits[:, target] - np.logaddexp.reduce(others, axis=1)
        return odds

    def label_probabilities(self, inputs: Floats) -> Floats:
        """Not offered: estimators are trained for one target."""
        del inputs
        raise NotApplicableError(f"{self.name} is trained for one label at a time")

    def randomised(self, seed: int) -> EstimatorClassifier:
        """An estimator has no weights that could be drawn anew."""
        del seed
        raise NotApplicableError(f"{self.name} has no weights that could be drawn anew")


@cache
def _threads() -> Any:
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def one_thread() -> Any:
    """Within it, the numeric libraries that were loaded before use one thread."""
    return _threads().limit(limits=1)
