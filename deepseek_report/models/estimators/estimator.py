"""A scikit-learn estimator and its encoding, as a classifier of numpy arrays."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from deepseek_report.artifacts.array_types import Floats, Ints
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.protocols.classifier import Capability
from deepseek_report.artifacts.protocols.trees import TreeEnsemble
from deepseek_report.artifacts.schema import Schema
from deepseek_report.artifacts.split import Split
from deepseek_report.errors import ConfigError, NotApplicableError
from deepseek_report.metrics.performance.predicting import log_odds
from deepseek_report.models.estimators.class_match import class_text, match_classes
from deepseek_report.models.estimators.design_matrix import Columns, Encoding
from deepseek_report.models.estimators.tree_readers import read_trees
from deepseek_report.tasks import task_of

# --- Asks the trees of scikit-learn's forests one after the other, without a pool of threads ------
# For a few rows, a forest of 100 trees takes five times as long to hand its trees to joblib as they
# take to answer. They are asked by their public methods and added up in their order, so that the
# last digits do not hang on `n_jobs` either.

#: {forest: the question whose answer is the mean of those of its trees}
_MEANS = {
    "ExtraTreesClassifier": "predict_proba",
    "ExtraTreesRegressor": "predict",
    "RandomForestClassifier": "predict_proba",
    "RandomForestRegressor": "predict",
}
_MODULE = "sklearn.ensemble._forest"
#: How far the mean of the trees may be from what the library says, relative to the largest answer.
_TOLERANCE = 1e-12
#: {forest: whether it is}, of those that were asked.
_AGREES: WeakKeyDictionary[Any, bool] = WeakKeyDictionary()


def ask(estimator: Any, method: str, table: Any) -> Any:
    """What a fitted estimator answers to a table; that of a forest is the mean over its trees.

    The first table is given to the library too, and decides whether the trees are asked at all:
    they are if both say the same to 10⁻¹² of the largest answer.

    method : `predict` or `predict_proba`. table : (row, column) as the estimator reads it.
    Raises ValueError : the library cannot read the table.
    """
    trees = _trees(estimator, method)
    rows = _rows(table, estimator.n_features_in_) if trees else None
    if rows is None or _AGREES.get(estimator) is False:
        return getattr(estimator, method)(table)
    answers = _mean(trees, method, rows)
    if estimator not in _AGREES:
        expected = getattr(estimator, method)(table)
        _AGREES[estimator] = _same(answers, np.asarray(expected))
        if not _AGREES[estimator]:
            return expected
    return answers


def _trees(estimator: Any, method: str) -> Sequence[Any]:
    """The fitted trees of a forest with one output, where their mean is the answer."""
    kind = type(estimator)
    if kind.__module__ != _MODULE or _MEANS.get(kind.__name__) != method:
        return ()
    trees: Sequence[Any] = getattr(estimator, "estimators_", ())
    return trees if getattr(estimator, "n_outputs_", 0) == 1 else ()


def _rows(table: Any, width: int) -> NDArray[np.float32] | None:
    """The table as trees read it, None where the library must look at it itself."""
    try:
        rows = np.ascontiguousarray(table, dtype=np.float32)
    except (TypeError, ValueError):
        return None
    return rows if rows.shape[1:] == (width,) and np.isfinite(rows).all() else None


def _mean(trees: Sequence[Any], method: str, rows: NDArray[np.float32]) -> Floats:
    answers = (getattr(tree, method)(rows, check_input=False) for tree in trees)
    return np.asarray(sum(answers) / len(trees))


def _same(answers: Floats, expected: Floats) -> bool:
    if answers.shape != expected.shape:
        return False
    largest = float(np.max(np.abs(expected), initial=0.0))
    return float(np.max(np.abs(answers - expected), initial=0.0)) <= _TOLERANCE * largest


# --- A scikit-learn estimator and its encoding, as a classifier of numpy arrays -------------------

#: Least probability of a class: trees and neighbours may give exactly 0, whose log is not finite.
LEAST = 1e-7

#: From the log-odds of the second of two classes to those of both.
_OF_TWO = np.array([[-1.0, 1.0]])

_READS = {
    "one_hot": "numbers standardised and categories one-hot",
    "codes": "one column a feature, categories as their positions",
    "frame": "the names and the codes of the source",
    "words": "weighted counts of words",
    "given": "the table as it was given",
}


@dataclass
class Fitted:
    """An estimator with what it reads; `fit` fits it in place.

    loaded : it was fitted elsewhere, so that its classes are the label column's own values.
    named_classes : the classes of the data in its order, where the config says it.
    """

    estimator: Any
    columns: Columns
    encoding: Encoding
    schema: Schema
    loaded: bool = False
    named_classes: tuple[Any, ...] = ()

    @property
    def single(self) -> Any:
        """The estimator, or what is fitted once for each of several labels."""
        return getattr(self.estimator, "estimator", None) if self._several else self.estimator

    @property
    def _several(self) -> bool:
        return task_of(self.schema.target).several

    @property
    def keeps_directions(self) -> bool:
        """Whether its answers can be kept from moving against declared directions."""
        return bool(self._directed_by)

    @property
    def _directed_by(self) -> str:
        """The parameter for the directions of the columns; empty where there is none.

        Only where it reads one column a feature is known which column moves with which.
        """
        if self.encoding != "codes" or self._several or len(self.schema.target.classes) != 2:
            return ""
        known, name = self.estimator.get_params(), type(self.estimator).__name__
        if "monotonic_cst" in known:
            return "monotonic_cst"
        is_booster = name in {"XGBClassifier", "LGBMClassifier"}
        return "monotone_constraints" if is_booster and known.get("booster") != "gblinear" else ""

    def keep_directions(self, directions: Floats) -> None:
        """Let the probability of class 1 of two only rise (1) or only fall (−1) with a feature.

        directions : (feature,) 0 where it is free.
        """
        signs = tuple(np.sign(directions).astype(int).tolist())
        self.estimator.set_params(**{self._directed_by: signs})

    def draw_from(self, seed: int) -> None:
        """Let the estimator draw from this seed, if it draws at all."""
        if "random_state" in self.single.get_params():
            self.single.set_params(random_state=seed)

    def fit(self, train: Split) -> None:
        """Fit on the training part with one thread, so that the result is the same everywhere."""
        table = self.columns.transform(train.inputs)
        labels = train.all_labels if self._several else train.labels
        try:
            with one_thread():
                self.estimator.fit(table, labels)
        except (TypeError, ValueError) as error:
            name = type(self.single).__name__
            raise ConfigError(
                f"{name} cannot be fitted to these data ({_READS[self.encoding]}): {error}"
            ) from None

    def probabilities(self, inputs: Floats) -> Floats:
        """(instance, feature) original units -> (instance, class), each at least `LEAST`.

        A number as target is given as it is, (instance, 1).
        """
        target = self.schema.target
        if not len(inputs):
            return np.empty((0, len(target.classes)))
        if not task_of(target).decides:
            return np.asarray(self._ask("predict", inputs), dtype=np.float64).reshape(-1, 1)
        if self._several:
            probability = self.label_probabilities(inputs)[:, target.label_index]
            return np.stack([1 - probability, probability], axis=1)
        probabilities = np.asarray(self._ask("predict_proba", inputs), dtype=np.float64)
        return scaled(probabilities, self.positions(), len(target.classes))

    def decided(self, inputs: Floats) -> Ints | None:
        """(instance,) the class that the estimator's own `predict` gives, by its position.

        None where it has no `predict` that names one of its classes.
        """
        decides = task_of(self.schema.target).decides and not self._several
        if not decides or not getattr(self.estimator, "names_classes", True):
            return None
        if not hasattr(self.estimator, "predict"):
            return None
        own = [class_text(named) for named in self.estimator.classes_]
        places = dict(zip(own, self.positions(), strict=True))
        answers = np.asarray(self._ask("predict", inputs)) if len(inputs) else np.empty(0)
        named = [class_text(answer) for answer in answers.reshape(-1).tolist()]
        if len(named) != len(inputs) or not places.keys() >= set(named):
            return None
        return np.array([places[name] for name in named], dtype=np.int64)

    def label_probabilities(self, inputs: Floats) -> Floats:
        """(instance, feature) -> (instance, label), each between `LEAST` and 1 − `LEAST`."""
        shares = self._ask("predict_proba", inputs) if len(inputs) else []
        parts = zip(shares, self.estimator.classes_, strict=False)
        columns = [
            scaled(np.asarray(shares_of_label), [int(c) for c in own], 2)[:, 1]
            for shares_of_label, own in parts
        ]
        target = self.schema.target
        empty = np.empty((0, task_of(target).n_outputs(target)))
        return np.stack(columns, axis=1) if columns else empty

    def _ask(self, method: str, inputs: Floats) -> Any:
        table = self.columns.transform(inputs)
        try:
            with one_thread():
                return ask(self.estimator, method, table)
        except ValueError:
            if np.isfinite(inputs).all() or self.encoding == "words":
                raise
            name = type(self.single).__name__
            raise NotApplicableError(message("model_refusals.missing_values", model=name)) from None

    def describe(self) -> dict[str, Any]:
        """The content of `architecture.json`; an estimator has no layers."""
        name = getattr(self.single, "called", "") or type(self.single).__name__
        columns = getattr(self.estimator, "n_features_in_", None)
        summary = message(
            f"architectures.estimator.{self.encoding}",
            name=name,
            library=self._library(),
            columns=columns or 0,
            several=bool(self._several),
        )
        return {"name": name, "summary": summary, "parameters": None, "layers": []}

    def _library(self) -> str:
        """The library that the estimator comes from, with its version; empty of a function."""
        from deepseek_report.provenance import version_of

        package = getattr(self.single, "library", type(self.single).__module__.partition(".")[0])
        if package in {"", "__main__"}:
            return ""
        return f"{'scikit-learn' if package == 'sklearn' else package} {version_of(package)}"

    def trees(self) -> TreeEnsemble:
        """The trees of an estimator that has some, with an output for each class of the schema."""
        ensemble = read_trees(self.estimator)
        if not task_of(self.schema.target).decides:
            return ensemble
        own = np.eye(len(ensemble.base)) if ensemble.space == "probability" else _OF_TWO
        weights = np.zeros((len(ensemble.base), len(self.schema.target.classes)))
        weights[:, self.positions()] = own
        return ensemble.with_outputs(weights)

    def positions(self) -> list[int]:
        """For each class of the estimator its position in the schema.

        Raises ConfigError : one that was fitted elsewhere has other classes than the data.
        """
        own = list(self.estimator.classes_)
        if not self.loaded:  # fitted here, on the positions themselves
            return [int(class_code) for class_code in own]
        return match_classes(own, self.schema.target, self.named_classes)


class EstimatorClassifier:
    """Evaluates a fitted estimator on original features; `calls` counts the rows.

    The logits are the logs of the probabilities, so that their softmax is what the estimator gave.
    """

    def __init__(
        self, module: Any, schema: Schema, name: str, capabilities: frozenset[Capability]
    ) -> None:
        self.module = module
        self.schema = schema
        self.name = name
        self.capabilities = capabilities
        self.calls = 0

    @property
    def trees(self) -> TreeEnsemble:
        """The fitted trees, with an output for each class of the schema, or the number."""
        ensemble: TreeEnsemble = self.module.trees()
        return ensemble

    def columns(self, inputs: Floats) -> Floats:
        """(instance, feature) original units -> (instance, feature) as the trees read them."""
        table = self.module.columns.transform(inputs)
        if isinstance(table, np.ndarray):
            return np.asarray(table, dtype=np.float64)
        return np.asarray(table.to_numpy(dtype=np.float64, na_value=np.nan))

    def probabilities(self, inputs: Floats) -> Floats:
        """(instance, feature) -> (instance, class), rows sum to 1; a number stays as it is."""
        self.calls += len(inputs)
        return np.asarray(self.module.probabilities(np.asarray(inputs, dtype=np.float64)))

    def decided(self, inputs: Floats) -> Ints | None:
        """(instance,) the class that the estimator's own `predict` gives; None if it names none."""
        self.calls += len(inputs)
        decided: Ints | None = self.module.decided(np.asarray(inputs, dtype=np.float64))
        return decided

    def logits(self, inputs: Floats) -> Floats:
        """(instance, feature) -> (instance, class), logs of the probabilities, or the number."""
        probabilities = self.probabilities(inputs)
        return np.log(probabilities) if task_of(self.schema.target).decides else probabilities

    def log_odds(self, inputs: Floats, target: int) -> Floats:
        """(instance, feature) -> (instance,) log p / (1 − p) of the target class, or the number."""
        return log_odds(self.logits(inputs), target)

    def label_probabilities(self, inputs: Floats) -> Floats:
        """(instance, feature) -> (instance, label) of a multi-label target, each in [0, 1]."""
        self.calls += len(inputs)
        return np.asarray(self.module.label_probabilities(np.asarray(inputs, dtype=np.float64)))

    def randomised(self, seed: int) -> EstimatorClassifier:
        """An estimator has no weights that could be drawn anew."""
        del seed
        raise NotApplicableError(message("model_refusals.no_weights", model=self.name))


class OwnTermsClassifier(EstimatorClassifier):
    """A fitted model that adds up terms of features, and says which; see `TellsOwnTerms`."""

    def decided(self, inputs: Floats) -> None:
        """It gives probabilities, and the threshold of the run decides."""

    def own_terms(self, inputs: Floats, target: int) -> tuple[Floats, Floats]:
        """(instance, feature) -> values (instance, feature) and base values (instance,)."""
        self.calls += len(inputs)
        values, base = self.module.terms(np.asarray(inputs, dtype=np.float64), target)
        return values, base


class ShapesClassifier(OwnTermsClassifier):
    """A fitted model with one curve a feature and some pairs; see `TellsShapes`."""

    def curves(self, inputs: Floats, target: int) -> Floats:
        """(instance, feature) -> (instance, feature) what each curve adds, without its pairs."""
        self.calls += len(inputs)
        return np.asarray(self.module.curves(np.asarray(inputs, dtype=np.float64), target))

    def surfaces(self, target: int) -> Mapping[tuple[int, int], Callable[[Floats], Floats]]:
        """{two features: what the pair adds to rows (instance, feature)}."""
        surfaces: Mapping[tuple[int, int], Callable[[Floats], Floats]] = self.module.surfaces(
            target
        )
        return surfaces


def scaled(probabilities: Floats, positions: list[int], classes: int) -> Floats:
    """(instance, class) at these positions, each at least `LEAST`, rows sum to 1."""
    shares = np.full((len(probabilities), classes), LEAST)
    shares[:, positions] = np.maximum(probabilities, LEAST)
    return np.asarray(shares / shares.sum(axis=1, keepdims=True))


@cache
def _threads() -> Any:
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def one_thread() -> Any:
    """Within it, the numeric libraries that were loaded before use one thread."""
    return _threads().limit(limits=1)
