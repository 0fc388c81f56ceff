"""A scikit-learn estimator and its encoding, as a classifier of numpy arrays."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray
from pydantic import AliasPath, BaseModel, Field, Json

from deepseek_report.artifacts.array_types import Array, Floats, Ints
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.protocols.classifier import Capability, Classifier
from deepseek_report.artifacts.protocols.trees import CategorySplit, Nodes, TreeEnsemble, joined
from deepseek_report.artifacts.schema import Schema
from deepseek_report.artifacts.split import Split
from deepseek_report.errors import ConfigError, NotApplicableError
from deepseek_report.metrics.performance.predicting import log_odds
from deepseek_report.models.estimators import design_matrix
from deepseek_report.statistics.one_thread import libraries_on_one_thread
from deepseek_report.statistics.small_trees import histogram_trees
from deepseek_report.tasks import task_of

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator
    from sklearn.ensemble._gb import BaseGradientBoosting
    from sklearn.tree import BaseDecisionTree
    from sklearn.tree._tree import Tree


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
_AGREES: WeakKeyDictionary[BaseEstimator, bool] = WeakKeyDictionary()


def ask(estimator: BaseEstimator, method: str, table: object) -> Any:
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


def _trees(estimator: object, method: str) -> Sequence[BaseDecisionTree]:
    """The fitted trees of a forest with one output, where their mean is the answer."""
    kind = type(estimator)
    if kind.__module__ != _MODULE or _MEANS.get(kind.__name__) != method:
        return ()
    trees: Sequence[BaseDecisionTree] = getattr(estimator, "estimators_", ())
    return trees if getattr(estimator, "n_outputs_", 0) == 1 else ()


def _rows(table: object, width: int) -> NDArray[np.float32] | None:
    """The table as trees read it, None where the library must look at it itself."""
    try:
        rows = np.ascontiguousarray(table, dtype=np.float32)
    except (TypeError, ValueError):
        return None
    return rows if rows.shape[1:] == (width,) and np.isfinite(rows).all() else None


def _mean(trees: Sequence[BaseDecisionTree], method: str, rows: NDArray[np.float32]) -> Floats:
    answers = (getattr(tree, method)(rows, check_input=False) for tree in trees)
    return np.asarray(sum(answers) / len(trees))


def _same(answers: Floats, expected: Floats) -> bool:
    if answers.shape != expected.shape:
        return False
    largest = float(np.max(np.abs(expected), initial=0.0))
    return float(np.max(np.abs(answers - expected), initial=0.0)) <= _TOLERANCE * largest


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

    estimator: BaseEstimator
    columns: design_matrix.Columns
    encoding: design_matrix.Encoding
    schema: Schema
    loaded: bool = False
    named_classes: tuple[object, ...] = ()

    @property
    def single(self) -> BaseEstimator:
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
            with libraries_on_one_thread():
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
        own = [design_matrix.class_text(named) for named in self.estimator.classes_]
        places = dict(zip(own, self.positions(), strict=True))
        answers = np.asarray(self._ask("predict", inputs)) if len(inputs) else np.empty(0)
        named = [design_matrix.class_text(answer) for answer in answers.reshape(-1).tolist()]
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
            with libraries_on_one_thread():
                return ask(self.estimator, method, table)
        except (ConfigError, LookupError, TypeError, ValueError):
            if np.isfinite(inputs).all() or self.encoding == "words":
                raise
            name = getattr(self.single, "called", "") or type(self.single).__name__
            raise NotApplicableError(message("model_refusals.missing_values", model=name)) from None

    def describe(self) -> dict[str, object]:
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
        return design_matrix.match_classes(own, self.schema.target, self.named_classes)


class EstimatorClassifier(Classifier):
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


class OwnTermsClassifier(EstimatorClassifier):
    """A fitted model that adds up terms of features, and says which."""

    def decided(self, inputs: Floats) -> None:
        """It gives probabilities, and the threshold of the run decides."""

    def own_terms(self, inputs: Floats, target: int) -> tuple[Floats, Floats]:
        """(instance, feature) -> values (instance, feature) and base values (instance,)."""
        self.calls += len(inputs)
        values, base = self.module.terms(np.asarray(inputs, dtype=np.float64), target)
        return values, base


class ShapesClassifier(OwnTermsClassifier):
    """A fitted model with one curve a feature and some pairs."""

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


# --- Which reader knows the trees of which estimator: no library is imported for it ---------------

#: Parts of `decision_type`: bits 0 and 1, and in bits 2 and 3 what counts as missing.
_CATEGORICAL, _DEFAULT_LEFT = 1, 2
_NOTHING, _ZERO = 0, 1


def _lightgbm_trees(estimator: BaseEstimator) -> TreeEnsemble:
    """Of `LGBMClassifier` of two classes and `LGBMRegressor`: log-odds of class 2, or the number.

    Raises NotApplicableError : the leaves hold linear models.
    """
    head, *blocks = estimator.booster_.model_to_string().split("\nTree=")
    nodes, roots = joined([_lightgbm_nodes(_fields(block)) for block in blocks])
    scale = 1 / len(blocks) if "\naverage_output" in head else 1.0
    settings = dict(
        part.split(":", 1) for part in _fields(head)["objective"].split() if ":" in part
    )
    steepness = float(settings.get("sigmoid", 1.0))  # of the logistic function behind the sum
    ensemble = TreeEnsemble(
        nodes,
        roots,
        base=np.zeros(1),
        space="logit" if hasattr(estimator, "classes_") else "value",
        single_precision=False,
    )
    return ensemble.with_outputs(np.array([[scale * steepness]]))


def _fields(block: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in block.splitlines() if "=" in line)


def _lightgbm_nodes(tree: Mapping[str, str]) -> Nodes:
    """The inner nodes, then the leaves; a child that is a leaf is −1 − its number."""
    if tree.get("is_linear", "0") == "1":
        raise NotApplicableError(message("explainer_refusals.not_additive"))
    leaves = _numbers(tree, "leaf_value")
    feature, kinds = _wholes(tree, "split_feature"), _wholes(tree, "decision_type")
    threshold, missing, n = _numbers(tree, "threshold"), (kinds >> 2) & 3, len(feature)
    children = [_wholes(tree, name) for name in ("left_child", "right_child")]
    left, right = (np.where(child < 0, n - 1 - child, child) for child in children)
    default_left = (kinds & _DEFAULT_LEFT) > 0
    missing_left = np.where(missing == _NOTHING, threshold >= 0, default_left)  # read as 0
    categorical = (kinds & _CATEGORICAL) > 0
    more = len(leaves)
    return Nodes(
        feature=_padded(feature, more, -1),
        threshold=_padded(threshold, more, 0.0),
        left=_padded(left, more, -1),
        right=_padded(right, more, -1),
        missing_left=_padded(missing_left & ~categorical, more, False),
        values=np.concatenate([np.zeros(n), leaves])[:, None],
        zero_missing=_padded((missing == _ZERO) & ~categorical, more, False),
        categories={
            int(node): CategorySplit(
                _members(tree, int(threshold[node])), np.empty(0), others_left=False
            )
            for node in np.flatnonzero(categorical)
        },
    )


def _members(tree: Mapping[str, str], number: int) -> Floats:
    """The categories of a set, which is stored as words of 32 bits."""
    first, last = _wholes(tree, "cat_boundaries")[[number, number + 1]]
    words = _wholes(tree, "cat_threshold")[first:last]
    bits = (words[:, None] >> np.arange(32)) & 1
    return np.flatnonzero(bits.ravel()).astype(np.float64)


def _padded(values: Array, more: int, filling: float) -> Array:
    return np.concatenate([values, np.full(more, filling)])


def _numbers(tree: Mapping[str, str], name: str) -> Floats:
    return np.array(tree.get(name, "").split(), dtype=np.float64)


def _wholes(tree: Mapping[str, str], name: str) -> Ints:
    return np.array(tree.get(name, "").split(), dtype=np.int64)


def _averaged_trees(estimator: object) -> TreeEnsemble:
    """Of a single tree, or a forest: the mean over trees of shares of classes, or of a number."""
    trees = [tree.tree_ for tree in getattr(estimator, "estimators_", [estimator])]
    decides = hasattr(estimator, "classes_")
    leaves = [tree.value[:, 0] for tree in trees]
    if decides:
        leaves = [weights / weights.sum(axis=1, keepdims=True) for weights in leaves]
    parts = zip(trees, leaves, strict=True)
    nodes, roots = joined([_sklearn_nodes(tree, leaf / len(trees)) for tree, leaf in parts])
    return TreeEnsemble(
        nodes,
        roots,
        base=np.zeros(nodes.values.shape[1]),
        space="probability" if decides else "value",
        single_precision=True,
    )


def _gradient_boosted_trees(estimator: BaseGradientBoosting) -> TreeEnsemble:
    """Of scikit-learn's `GradientBoosting…`: log-odds of the second of two classes, or the number.

    Raises NotApplicableError : the boosting starts from another model than a constant.
    """
    if type(estimator.init_).__name__ not in {"str", "DummyClassifier", "DummyRegressor"}:
        raise NotApplicableError(message("explainer_refusals.not_additive"))
    row = np.zeros((1, estimator.n_features_in_), dtype=np.float32)
    start = np.asarray(estimator._raw_predict_init(row), dtype=np.float64).reshape(1)
    trees = [tree.tree_ for tree in estimator.estimators_[:, 0]]
    nodes, roots = joined(
        [_sklearn_nodes(t, t.value[:, 0] * estimator.learning_rate) for t in trees]
    )
    # exp(−y F) is least where F is half of the log-odds (Friedman, Hastie & Tibshirani 2000)
    scale = 2.0 if estimator.loss == "exponential" else 1.0
    return TreeEnsemble(
        replace(nodes, values=scale * nodes.values),
        roots,
        base=scale * start,
        space="logit" if hasattr(estimator, "classes_") else "value",
        single_precision=True,
    )


def _sklearn_nodes(tree: Tree, values: Floats) -> Nodes:
    leaf = tree.children_left < 0
    return Nodes(
        feature=np.where(leaf, -1, tree.feature),
        threshold=tree.threshold,
        left=tree.children_left,
        right=tree.children_right,
        missing_left=tree.missing_go_to_left.astype(bool),
        values=values,
    )


class _XgboostTree(BaseModel):
    """A tree as xgboost writes it: lists by node, and which categories of each split go right."""

    left_children: list[int]
    right_children: list[int]
    split_indices: list[int]
    split_conditions: list[float]
    default_left: list[bool]
    categories: list[float]
    categories_nodes: list[int]
    categories_segments: list[int]
    categories_sizes: list[int]

    def nodes(self) -> Nodes:
        """Values below a threshold go left, those up to the next lower number; named categories
        go right, all others left.
        """
        left = np.array(self.left_children, dtype=np.int64)
        conditions = np.array(self.split_conditions, dtype=np.float32)
        named, none = np.array(self.categories, dtype=np.float64), np.empty(0)
        starts, sizes = self.categories_segments, self.categories_sizes
        return Nodes(
            feature=np.where(left < 0, -1, np.array(self.split_indices, dtype=np.int64)),
            threshold=np.nextafter(conditions, np.float32(-np.inf)).astype(np.float64),
            left=left,
            right=np.array(self.right_children, dtype=np.int64),
            missing_left=np.array(self.default_left, dtype=bool),
            values=conditions.astype(np.float64)[:, None],
            categories={
                node: CategorySplit(none, named[start : start + size], others_left=True)
                for node, start, size in zip(self.categories_nodes, starts, sizes, strict=True)
            },
        )


class _XgboostModel(BaseModel):
    """The parts of a stored booster of xgboost that decide its output.

    ends : how many trees there are after each round. best : the round after which it stops.
    """

    trees: list[_XgboostTree] = Field(
        validation_alias=AliasPath("learner", "gradient_booster", "model", "trees")
    )
    ends: list[int] = Field(
        validation_alias=AliasPath("learner", "gradient_booster", "model", "iteration_indptr")
    )
    best: int | None = Field(
        None, validation_alias=AliasPath("learner", "attributes", "best_iteration")
    )
    base_score: Json[float | list[float]] = Field(
        validation_alias=AliasPath("learner", "learner_model_param", "base_score")
    )


def _xgboost_trees(estimator: BaseEstimator) -> TreeEnsemble:
    """Of `XGBClassifier` of two classes and `XGBRegressor`: log-odds of class 2, or the number."""
    model = _XgboostModel.model_validate_json(bytes(estimator.get_booster().save_raw("json")))
    trees = model.trees if model.best is None else model.trees[: model.ends[model.best + 1]]
    nodes, roots = joined([tree.nodes() for tree in trees])
    decides = hasattr(estimator, "classes_")
    start = np.ravel(np.asarray(model.base_score, dtype=np.float64))
    return TreeEnsemble(
        nodes,
        roots,
        base=np.log(start / (1 - start)) if decides else start,
        space="logit" if decides else "value",
        single_precision=True,
    )


#: By class of estimator, "Classifier" and "Regressor" left out.
_READERS: Mapping[str, Callable[[Any], TreeEnsemble]] = {
    "DecisionTree": _averaged_trees,
    "ExtraTree": _averaged_trees,
    "RandomForest": _averaged_trees,
    "ExtraTrees": _averaged_trees,
    "GradientBoosting": _gradient_boosted_trees,
    "HistGradientBoosting": histogram_trees,
    "XGB": _xgboost_trees,
    "LGBM": _lightgbm_trees,
}


def read_trees(estimator: object) -> TreeEnsemble:
    """The trees of a fitted estimator whose class is in `TREES`, an output each class, or one."""
    name = type(estimator).__name__
    return _READERS[name.removesuffix("Classifier").removesuffix("Regressor")](estimator)
