"""Estimators of scikit-learn and of libraries with its interface: the configuration."""

from __future__ import annotations

import copy
import functools
import hashlib
import importlib
import inspect
import json
import zipfile
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike

from deepseek_report import children
from deepseek_report.artifacts.advice import pip_install
from deepseek_report.artifacts.array_types import Bools, Floats, Ints
from deepseek_report.artifacts.protocols.classifier import Capability
from deepseek_report.artifacts.protocols.models import ModelPart, Trainer
from deepseek_report.artifacts.schema import (
    ALL_TASKS,
    CLASS_TASKS,
    LABEL_TASKS,
    NUMBER_TASKS,
    Modality,
    Schema,
    TaskName,
)
from deepseek_report.artifacts.split import Split
from deepseek_report.artifacts.storage.local_paths import LocalPath
from deepseek_report.artifacts.storage.plain_files import (
    ListedPath,
    open_archive,
    open_file,
    read_bytes,
)
from deepseek_report.data_kinds import ALL_KINDS, kind_of
from deepseek_report.errors import ArtifactError, ConfigError, first_line
from deepseek_report.models.estimators import estimator_libraries
from deepseek_report.models.estimators.design_matrix import Encoding, fit_columns, frame_for
from deepseek_report.models.estimators.estimator_libraries import LIBRARIES, TREES, Library
from deepseek_report.models.own import own_classes
from deepseek_report.provenance import code_of, version_of
from deepseek_report.statistics.small_trees import HistogramNodes
from deepseek_report.tasks import task_of

if TYPE_CHECKING:
    from scipy.interpolate import BSpline
    from sklearn.base import BaseEstimator
    from sklearn.ensemble._hist_gradient_boosting.predictor import TreePredictor
    from sklearn.neighbors import KDTree
    from sklearn.svm._base import BaseLibSVM
    from sklearn.tree._tree import Tree

    from deepseek_report.models.estimators.booster_file import LoadedBooster
    from deepseek_report.models.estimators.estimator import EstimatorClassifier, Fitted


#: A value of the label column as YAML writes it.
Code = bool | int | float | str


@dataclass(frozen=True)
class Sklearn(ModelPart):
    """Any estimator of scikit-learn, xgboost or lightgbm, trained here or from a file.

    estimator, params : the class by dotted path, and what its constructor is given; without a
    class, the gradient boosting of `library` for the target at hand, and for texts a linear model
    of scikit-learn. encoding : what it reads; "auto" takes "words" for texts, "codes" for trees,
    "one_hot" for others, and for a file "frame" where the estimator was fitted on a table with
    names. file : a fitted estimator, stored by skops, or the file that xgboost (.json, .ubj) or
    lightgbm (.txt) wrote itself; `params` are then not used. Which types of a skops file are loaded
    is decided by `skops_types` and by the person who runs this (`trusting`), never by a
    configuration. classes : the values of the label column in the order of the file's own classes,
    where it only numbers them.

    Several labels are learned by one estimator each. A trained estimator is not stored: it is
    fitted anew from the stored data with the same seed wherever it is needed, and must then
    predict what it predicted after training.
    """

    modalities: ClassVar[frozenset[Modality]] = ALL_KINDS
    trusted_types: ClassVar[tuple[str, ...]] = ()
    directions: ClassVar[Mapping[str, Literal["rises", "falls"]]] = MappingProxyType({})

    estimator: str | None = None
    params: Mapping[str, object] = field(default_factory=dict)
    encoding: Literal["auto", "one_hot", "codes", "frame", "words"] = "auto"
    file: LocalPath | None = None
    library: Library = "sklearn"
    classes: tuple[Code, ...] = ()

    def trusting(self, types: Sequence[str]) -> Sklearn:
        """The same model, which loads these types of its file too."""
        trusting = copy.copy(self)
        object.__setattr__(trusting, "trusted_types", tuple(types))  # no field: no YAML sets it
        return trusting

    def keeping(self, directions: Mapping[str, Literal["rises", "falls"]]) -> Sklearn:
        """The same model, whose answer only rises or only falls with these columns."""
        keeping = copy.copy(self)
        object.__setattr__(keeping, "directions", dict(directions))  # corrections alone set it
        return keeping

    @property
    def tasks(self) -> frozenset[TaskName]:
        """What the named estimator is for; where none is named, one is chosen for the target."""
        if self.file is not None:
            name = self._class_name
            known = name.endswith(("Classifier", "Regressor"))
            return _tasks(name.endswith("Regressor"), from_file=True) if known else ALL_TASKS
        if self.estimator is None or self.estimator.partition(".")[0] not in LIBRARIES:
            return ALL_TASKS
        try:
            return _tasks(_is_regressor(self._class()), from_file=False)
        except ConfigError:
            return ALL_TASKS

    @property
    def libraries(self) -> tuple[str, ...]:
        """Where the named estimator comes from; the library itself where none is named."""
        named = None if self.file else self.estimator
        return (named.rpartition(".")[0] if named else self.library,)

    @property
    def called(self) -> str:
        """What refusals call the model."""
        return self._class_name or "the estimator of the file"

    @property
    def capabilities(self) -> frozenset[Capability]:
        """Trees, where they read one column a feature."""
        readable = (
            estimator_libraries.walkable(self._class_name, self.params) and not self._is_booster
        )
        walked = readable and self.chosen_encoding() == "codes"
        return frozenset({"trees"}) if walked else frozenset()

    def capabilities_for(self, schema: Schema) -> frozenset[Capability]:
        """Without trees where boosting has more than two classes, for texts and several labels."""
        target = schema.target
        some = len(target.classes) <= 2 or TREES.get(self._class_name, False)
        walked = some and not task_of(target).several and not kind_of(schema).as_words
        return self.capabilities if walked else frozenset()

    def chosen_encoding(self, as_words: bool = False) -> Encoding:
        """The encoding, with "auto" resolved; `as_words` as in `DataKind`."""
        if self.encoding != "auto":
            return self.encoding
        if as_words:
            return "words"
        if self.file is not None and (self._is_booster or self._described.has_names):
            return "frame"
        return "codes" if self._class_name in TREES or self.file is not None else "one_hot"

    @functools.cached_property
    def _path(self) -> ListedPath:
        """The file, of which nothing is read any more once it changes."""
        return ListedPath.hashed(Path(str(self.file)))

    @property
    def _is_booster(self) -> bool:
        return estimator_libraries.is_booster_file(self.library, self.file)

    @property
    def _class_name(self) -> str:
        if self._is_booster:
            try:
                return self._load_booster().called
            except ConfigError:  # it cannot be read
                return ""
        if self.file is not None:
            return self._described.class_name
        return self._dotted().rpartition(".")[2]

    def _load_booster(self) -> LoadedBooster:
        estimator_libraries.require(f"{self.library}.Booster")
        from deepseek_report.models.estimators.booster_file import load_booster

        return load_booster(self._path, self.library)

    @property
    def _described(self) -> FileSummary:
        return describe_file(self._path)

    def build(self, schema: Schema, train: Split, seed: int) -> Fitted:
        """The estimator, to be fitted or loaded; the encoding's statistics are those of `train`."""
        from deepseek_report.models.estimators.estimator import Fitted

        encoding = self.chosen_encoding(kind_of(schema).as_words)
        estimator = self._estimator(schema)
        if self.file is not None:
            read = frame_for(schema, estimator) if encoding == "frame" else None
            columns = read or fit_columns(encoding, schema, train.inputs)
            return Fitted(estimator, columns, encoding, schema, True, self.classes)
        fitted = Fitted(estimator, fit_columns(encoding, schema, train.inputs), encoding, schema)
        if "random_state" not in self.params:
            fitted.draw_from(seed)
        if self.directions:
            fitted.keep_directions(self._signs(fitted))
        return fitted

    def _signs(self, fitted: Fitted) -> Floats:
        """(feature,) 1 or −1 for class 1 of two, 0 where a feature is free."""
        schema = fitted.schema
        if not fitted.keeps_directions:
            raise ConfigError(
                f"corrections: {self._class_name} cannot be kept to a direction; boosted trees "
                "and forests of two classes can, where they read one column a feature"
            )
        places = schema.positions
        signs = np.zeros(len(schema.features))
        for name, direction in self.directions.items():
            if name not in places:
                raise ConfigError(
                    f"corrections: “{name}” is no column; there are {', '.join(places)[:300]}"
                )
            signs[places[name]] = 1.0 if direction == "rises" else -1.0
        return signs if schema.target.explained == 1 else -signs

    @property
    def comes_fitted(self) -> bool:
        """Whether the estimator is that of a file."""
        return self.file is not None

    def misfits(self, schema: Schema, train: Split) -> Sequence[str]:
        """Why the estimator of the file does not fit these classes or columns."""
        from deepseek_report.models.estimators.fit_checks import fit_problems

        if self.file is None:
            return []
        try:
            fitted = self.build(schema, train, 0)
        except ConfigError as error:
            return [str(error)]
        return fit_problems(fitted, train, declared=self.encoding != "auto")

    def wrap(self, module: Fitted, schema: Schema, device: str) -> EstimatorClassifier:
        """The fitted estimator as a classifier of original features."""
        from deepseek_report.models.estimators.estimator import EstimatorClassifier

        name = self._class_name if self.file else type(module.single).__name__
        return EstimatorClassifier(module, schema, name, self.capabilities_for(schema))

    def own_trainer(self) -> Trainer:
        """What fits the estimator, or only describes the one of a file."""
        from deepseek_report.models.estimators.estimator_trainer import EstimatorTrainer

        return EstimatorTrainer(loaded=self.file is not None)

    def restore(self, built: Fitted, train: Split, folder: Path) -> None:
        """Fit again what is not stored, and see that it predicts what it predicted."""
        from deepseek_report.models.estimators.estimator_trainer import check, fit_again

        if self.file is None:
            fit_again(built, train, folder, seeded="random_state" not in self.params)
        check(built, train, folder)

    def problems(self, trusted: Sequence[str]) -> Sequence[str]:
        """What is wrong with the estimator, its parameters or its file."""
        allowed = {*LIBRARIES, *trusted}
        try:
            return self._file_problems() if self.file else self._class_problems(allowed)
        except ConfigError as error:
            return [str(error)]

    def source_digest(self) -> str:
        """Hash of the file, or of the version and the code of the estimator's library."""
        if self.file is not None:
            path = Path(self.file)
            held = types_beyond_skops(path) if self.trusted_types else []
            counted = sorted(set(self.trusted_types) & set(held))  # their code counts too
            code = {dotted: code_of(dotted.rpartition(".")[0]) for dotted in counted}
            reader = version_of(self.library if self._is_booster else "skops")
            return self._path.digest() + reader + (str(code) if code else "")
        module = self._dotted().rpartition(".")[0]
        library = module.partition(".")[0]
        return version_of(library) if library in LIBRARIES else str(code_of(module))

    def _dotted(self, schema: Schema | None = None) -> str:
        """The estimator by dotted path; without a schema, that for a table with classes."""
        if self.estimator is not None:
            return self.estimator
        if schema is None:
            return estimator_libraries.default_estimator(self.library, "classification")
        as_words = kind_of(schema).as_words
        return estimator_libraries.default_estimator(self.library, schema.target.task, as_words)

    def _class(self, schema: Schema | None = None) -> type[BaseEstimator]:
        dotted = self._dotted(schema)
        estimator_libraries.require(dotted)
        return own_classes.find_class(dotted, [dotted.partition(".")[0]])

    def _estimator(self, schema: Schema) -> BaseEstimator:
        task = task_of(schema.target)
        if self.file is not None:
            if task.several:
                raise ConfigError("model.file holds one estimator; several labels need one each")
            booster = self._load_booster() if self._is_booster else None
            estimator = booster or load_file(self._path, self.trusted_types)
        else:
            dotted = self._dotted(schema)
            estimator = self._class(schema)(
                **{**estimator_libraries.settings_of(dotted), **self.params}
            )
        if _is_regressor(estimator) == task.decides:
            wanted = "classes" if task.decides else "a number"
            name = self._class_name or type(estimator).__name__
            raise ConfigError(f"{name} is not made to predict {wanted}")
        if not task.several:
            return estimator
        from sklearn.multioutput import MultiOutputClassifier

        return MultiOutputClassifier(estimator)

    def _class_problems(self, allowed: set[str]) -> list[str]:
        dotted = self._dotted()
        estimator_libraries.require(dotted)
        cls = own_classes.find_class(dotted, allowed)
        if not hasattr(cls, "get_params") or not hasattr(cls, "fit"):
            return [f"model.estimator {dotted} is not a scikit-learn estimator"]
        known = own_classes.parameters_of(cls) or list(self.params)
        unknown = own_classes.unknown_parameters(dotted, self.params, known)
        return unknown or _unusable(dotted, cls, self.params)

    def _file_problems(self) -> list[str]:
        path = self._path
        if path.is_file() and own_classes.is_pickle(path):
            return [own_classes.pickle_problem("model.file", path)]
        if not self._is_booster:
            fit_here = self.params and self.library == "sklearn"  # else the defaults of a YAML
            problem = "model.params are for an estimator that is trained here; remove them"
            problems = file_problems(path, self.trusted_types)
            return [problem, *problems] if fit_here else problems
        if not path.is_file():
            return [f"model.file {path} does not exist"]
        self._load_booster()
        return []


def _unusable(dotted: str, cls: type[BaseEstimator], params: Mapping[str, object]) -> list[str]:
    """What its own check says of the parameters, and whether it gives probabilities."""
    try:
        built = cls(**params)
        if hasattr(built, "_parameter_constraints"):  # scikit-learn's own; others check in `fit`
            built._validate_params()
    except (TypeError, ValueError) as error:
        return [f"{dotted} refuses model.params: {error}"]
    if not hasattr(built, "predict_proba") and not _is_regressor(built):
        return [
            f"{dotted} has no predict_proba with these parameters, and a report needs "
            "probabilities; choose another estimator or calibrate it"
        ]
    return []


def _is_regressor(estimator: object) -> bool:
    """Whether an estimator, or a class of them, predicts a number."""
    if isinstance(estimator, type):
        from sklearn.base import RegressorMixin

        return issubclass(estimator, RegressorMixin)
    from sklearn.base import is_regressor

    return bool(is_regressor(estimator))


def _tasks(regressor: bool, *, from_file: bool) -> frozenset[TaskName]:
    if regressor:
        return NUMBER_TASKS
    return CLASS_TASKS - LABEL_TASKS if from_file else CLASS_TASKS


# --- Whether positions stored in a loaded estimator stay inside of its arrays ---------------------
# scikit-learn and scipy follow the positions in trees, neighbour trees and splines without looking
# whether they exist: a file made to harm would read foreign memory, end the process or never end.
# Types say nothing about that, so the numbers are looked at before anything is predicted.

_LEAF = -1


def check_positions(estimator: object) -> None:
    """Look at every tree, neighbour tree and spline that an estimator holds.

    Raises ConfigError : one of them points outside of itself; what it is called stands in the
    message.
    """
    for part in _parts(estimator):
        ancestors = (f"{c.__module__.partition('.')[0]}.{c.__name__}" for c in type(part).__mro__)
        check = next((_CHECKS[ancestor] for ancestor in ancestors if ancestor in _CHECKS), None)
        if check is not None and not _holds(check, part):
            raise ConfigError(
                f"a {type(part).__name__} in the file points outside of its own data, so the file "
                "is damaged or was made to harm; use another file"
            )


def _holds(check: Callable[[object], bool], part: object) -> bool:
    try:
        return bool(check(part))
    except (AttributeError, TypeError, ValueError, IndexError, KeyError):
        return False


def _parts(root: object) -> Iterator[object]:
    """Every object that is reached from `root` through attributes and containers, once."""
    seen: dict[int, object] = {}
    waiting = [root]
    while waiting:
        part = waiting.pop()
        if id(part) in seen or isinstance(part, (str, bytes, int, float, type(None))):
            continue
        seen[id(part)] = part  # kept, so that no other object gets its id
        yield part
        waiting.extend(_inside(part))


def _inside(part: object) -> Iterator[object]:
    if isinstance(part, np.ndarray):
        yield from part.ravel() if part.dtype == object else ()
    elif isinstance(part, Mapping):
        yield from part.values()
    elif isinstance(part, (list, tuple, set, frozenset)):
        yield from part
    if isinstance(part, functools.partial):
        yield from (part.func, part.args, part.keywords)
    if not isinstance(part, (type, ModuleType)):
        yield from getattr(part, "__dict__", {}).values()


def _tree(tree: Tree) -> bool:
    """Children come after their parent and exist; so do the features that are asked about."""
    if not 0 < tree.node_count <= tree.capacity:
        return False
    left, right = tree.children_left, tree.children_right
    inner = left != _LEAF
    children = (_follow(left, inner) and _follow(right, inner)) or not inner.any()
    return children and _within(tree.feature[inner], tree.n_features)


def _follow(children: Ints, inner: Bools) -> bool:
    """Whether each child comes after its parent, so that a walk ends, and is there."""
    own = np.flatnonzero(inner)
    next_nodes = children[inner].astype(np.int64)
    return bool((next_nodes > own).all() and (next_nodes < len(children)).all())


def _within(positions: ArrayLike, size: int) -> bool:
    positions = np.asarray(positions, dtype=np.int64)
    return bool(((positions >= 0) & (positions < size)).all())


def _owner(estimator: BaseEstimator) -> bool:
    """A tree's estimator checks its input's width by `n_features_in_`."""
    return not hasattr(estimator, "tree_") or bool(
        estimator.tree_.n_features == estimator.n_features_in_
    )


def _ensemble(ensemble: BaseEstimator) -> bool:
    """Forests and gradient boosting check the width once, for all of their trees."""
    trees = np.asarray(getattr(ensemble, "estimators_", []), dtype=object).ravel()
    return all(tree.tree_.n_features == ensemble.n_features_in_ for tree in trees)


def _histogram(ensemble: BaseEstimator) -> bool:
    """Predictors of histogram-based boosting: as trees, and the bit sets of their categories."""
    width = int(getattr(ensemble, "_n_features", 0))
    predictors = [predictor for row in getattr(ensemble, "_predictors", []) for predictor in row]
    if not predictors:
        return True
    categorical: Bools = np.asarray(ensemble._bin_mapper.is_categorical_) != 0
    return len(categorical) == width and all(
        _predictor(predictor, categorical) for predictor in predictors
    )


def _predictor(predictor: TreePredictor, categorical: Bools) -> bool:
    nodes = HistogramNodes.of(predictor)
    inner = nodes.is_leaf == 0
    if not len(inner) or not _within(nodes.feature_idx[inner], len(categorical)):
        return False
    by_set = inner & (nodes.is_categorical != 0)
    sets = predictor.raw_left_cat_bitsets
    return bool(
        _follow(nodes.left, inner)
        and _follow(nodes.right, inner)
        and categorical[nodes.feature_idx[by_set]].all()
        and _within(nodes.bitset_idx[by_set], len(sets))
        and (sets.ndim == 2 and sets.shape[1] == 8)
    )


def _neighbours(tree: KDTree) -> bool:
    """The parts of a KD tree or ball tree have the sizes that its depth says."""
    data, order, nodes, bounds, _, levels, count = tree.__getstate__()[:7]
    rows, columns = data.shape
    if count != len(nodes) or count != 2**levels - 1 or bounds.shape[1:] != (count, columns):
        return False
    starts, ends = nodes["idx_start"], nodes["idx_end"]
    inner = np.flatnonzero(nodes["is_leaf"] == 0)
    spans = bool(((starts >= 0) & (starts <= ends) & (ends <= rows)).all())
    return spans and len(order) == rows and _within(order, rows) and _within(2 * inner + 2, count)


def _spline(spline: BSpline) -> bool:
    """Enough knots in order, and a coefficient for each piece."""
    knots, degree = np.asarray(spline.t), int(spline.k)
    pieces = len(knots) - degree - 1
    ordered = np.isfinite(knots).all() and (np.diff(knots) >= 0).all()
    return bool(degree >= 0 and pieces > degree and len(spline.c) >= pieces and ordered)


def _machine(machine: BaseLibSVM) -> bool:
    """A support vector machine has as many vectors and coefficients as libsvm will walk."""
    if not hasattr(machine, "support_"):  # one to be fitted, as others keep
        return True
    counts = np.asarray(machine._n_support)
    vectors, dual, intercept = machine.support_vectors_, machine._dual_coef_, machine._intercept_
    if machine.kernel == "precomputed":  # asks for the rows of training, which no table has
        return False
    if machine._sparse:
        vectors.check_format(full_check=True)
        dual.check_format(full_check=True)
    regresses = machine._impl in {"epsilon_svr", "nu_svr", "one_class"}
    classes = 2 if regresses else len(machine.classes_)
    pairs = classes * (classes - 1) // 2
    each = (machine._probA, machine._probB)
    return bool(
        (counts >= 0).all()
        and (regresses or len(counts) == classes)
        and len(machine.support_) == counts[: 1 if regresses else None].sum()
        and vectors.shape == (len(machine.support_), machine.n_features_in_)
        and dual.shape == (classes - 1, len(machine.support_))
        and (not machine._sparse or len(dual.data) == dual.shape[0] * dual.shape[1])
        and intercept.shape == (pairs,)
        and all(np.shape(part) in ((0,), (pairs,)) for part in each)
        and _within(machine.support_, machine.shape_fit_[0])
    )


#: By package and class.
_CHECKS = {
    "sklearn.Tree": _tree,
    "sklearn.BaseDecisionTree": _owner,
    "sklearn.BaseForest": _ensemble,
    "sklearn.BaseGradientBoosting": _ensemble,
    "sklearn.BaseHistGradientBoosting": _histogram,
    "sklearn.BaseLibSVM": _machine,
    "sklearn.KDTree": _neighbours,
    "sklearn.BallTree": _neighbours,
    "scipy.BSpline": _spline,
    "scipy._BSpline": _spline,
}


# --- Which types are loaded: a fixed, reviewed rule, and what the person names --------------------
# A skops file names the classes and functions that it is built from, and loading imports and calls
# them. A name is allowed for what it is, never for where it stands:
#
# - what skops itself trusts: public estimators of scikit-learn, numpy's ufuncs, plain containers;
# - a *class* that a module of scikit-learn defines itself and that is an estimator, a kernel, a
#   loss, a link, an optimiser or a splitter: their constructors store what they are given;
# - the helper classes and pure functions listed here by their whole name.
#
# Everything else needs `--trust-type`. Left out on purpose: `scipy.stats` distributions, whose
# state is run as source text; metrics of distance that carry arrays, which are read without a check
# of their size; boosters of xgboost and lightgbm, which come in their own files (`booster_file`).

_HELPERS = frozenset(
    {
        "builtins.object",
        "collections.OrderedDict",
        "functools.partial",
        "numpy.dtype",
        "numpy.number",
        "scipy.interpolate._bsplines.BSpline",
        "scipy.interpolate._bsplines._BSpline",  # what it holds from scipy 1.18 on
        "sklearn._loss.loss.HalfTweedieLoss",
        "sklearn._loss.loss.HalfTweedieLossIdentity",
        "sklearn.calibration._CalibratedClassifier",
        "sklearn.cluster._bisect_k_means._BisectingTree",
        "sklearn.compose._column_transformer._RemainderColsList",
        "sklearn.compose._column_transformer.make_column_selector",
        "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
        "sklearn.metrics._dist_metrics.ChebyshevDistance64",
        "sklearn.metrics._dist_metrics.EuclideanDistance64",
        "sklearn.metrics._dist_metrics.ManhattanDistance64",
        "sklearn.metrics._scorer._CurveScorer",
        "sklearn.metrics._scorer._PassthroughScorer",
        "sklearn.metrics._scorer._Scorer",
        "sklearn.neighbors._ball_tree.BallTree",
        "sklearn.neighbors._kd_tree.KDTree",
        "sklearn.tree._tree.Tree",
        "sklearn.utils._bunch.Bunch",
        "sklearn.utils._metadata_requests.MetadataRequest",
        "sklearn.utils._metadata_requests.MethodMetadataRequest",
        # functions that compute from their arguments and do nothing else
        "numpy.max",
        "numpy.mean",
        "numpy.median",
        "numpy.min",
        "scipy._lib.array_api_compat.numpy._aliases.asarray",
        "sklearn.cluster._kmeans._kmeans_single_elkan",
        "sklearn.cluster._kmeans._kmeans_single_lloyd",
        "sklearn.feature_selection._mutual_info.mutual_info_classif",
        "sklearn.feature_selection._mutual_info.mutual_info_regression",
        "sklearn.feature_selection._univariate_selection.chi2",
        "sklearn.feature_selection._univariate_selection.f_classif",
        "sklearn.feature_selection._univariate_selection.f_regression",
        "sklearn.feature_selection._univariate_selection.r_regression",
        "sklearn.utils.validation.check_array",
    }
)
#: Modules whose public functions judge predictions: pure functions too.
_SCORING = frozenset(
    f"sklearn.metrics.{name}" for name in ("_classification", "_ranking", "_regression")
)
#: A class of scikit-learn with one of these among its ancestors is allowed.
_BASES = (
    "sklearn.base.BaseEstimator",
    "sklearn.gaussian_process.kernels.Kernel",
    "sklearn._loss.link.BaseLink",
    "sklearn._loss.loss.BaseLoss",
    "sklearn.model_selection._split.BaseCrossValidator",
    "sklearn.model_selection._split.BaseShuffleSplit",
    "sklearn.neural_network._stochastic_optimizers.BaseOptimizer",
)
#: Parts of scikit-learn that no fitted estimator is made of.
_NOT_FOR_MODELS = frozenset({"conftest", "datasets", "experimental", "externals", "tests"})
#: Libraries that trust what they parse, so that a broken booster ends the process.
_BOOSTING = ("xgboost", "lightgbm")


def untrusted(names: Collection[str], trusted: Sequence[str]) -> list[str]:
    """The names that neither the fixed rule nor the person allows, sorted."""
    return sorted(name for name in names if name not in trusted and not is_allowed(name))


@cache
def is_allowed(name: str) -> bool:
    """Whether the fixed rule allows a class or function, given by its dotted path."""
    if name in _HELPERS:
        return True
    module, _, last = name.rpartition(".")
    if module in _SCORING:
        import sklearn.metrics

        is_public = last in sklearn.metrics.__all__
        return is_public and inspect.isfunction(getattr(sklearn.metrics, last))
    parts = module.split(".")
    if parts[0] != "sklearn" or _NOT_FOR_MODELS & set(parts):
        return False
    return _is_estimator(name, _BASES)


def _is_estimator(dotted: str, bases: Sequence[str]) -> bool:
    """Whether the named module itself defines a class of this name, below one of the bases."""
    cls = _look_up(dotted)
    if not isinstance(cls, type) or f"{cls.__module__}.{cls.__qualname__}" != dotted:
        return False
    return any(isinstance(base, type) and issubclass(cls, base) for base in map(_look_up, bases))


@cache
def _look_up(dotted: str) -> object:
    """What a dotted path names; None where this version of the library has nothing there."""
    module, _, name = dotted.rpartition(".")
    try:
        return getattr(importlib.import_module(module), name, None)
    except ImportError:
        return None


# --- Fitted estimators in skops files: looked at before they are loaded, and never a pickle -------

#: The most bytes that a file may hold once its members are unpacked, and its description alone.
_LARGEST = 4 * 2**30
_LARGEST_DESCRIPTION = 256 * 2**20
#: What skops and zipfile raise at a file that is damaged or was made to harm.
_UNREADABLE = (
    *(ArtifactError, OSError, KeyError, ValueError, TypeError, AttributeError, RecursionError),
    *(NotImplementedError, RuntimeError, zipfile.BadZipFile),
)


@dataclass(frozen=True)
class FileSummary:
    """What a file says of its estimator without being loaded."""

    class_name: str
    has_names: bool


def describe_file(path: Path) -> FileSummary:
    """Class of the estimator, and whether it was fitted on a table with column names."""
    try:
        return _read(path, path.stat().st_mtime_ns)
    except _UNREADABLE:
        return FileSummary("", has_names=False)


@lru_cache(maxsize=4)
def _read(path: Path, changed: int) -> FileSummary:
    del changed
    with open_file(path, links=True) as stream, open_archive(stream) as archive:
        if archive.getinfo("schema.json").file_size > _LARGEST_DESCRIPTION:
            raise ValueError("its description is too long")
        text = archive.read("schema.json").decode()
    return FileSummary(str(json.loads(text)["__class__"]), '"feature_names_in_"' in text)


def file_problems(path: Path, trusted: Sequence[str]) -> list[str]:
    """Why a file cannot be loaded: it is not there, no skops, or types that nobody has trusted.

    trusted : types that the person running it trusts beyond the fixed rule of `skops_types`.
    """
    if not path.is_file():
        return [f"model.file {path} does not exist"]
    if not describe_file(path).class_name:
        return [f"model.file {path} is not a skops file; write one with skops.io.dump"]
    if (size := _unpacked(path)) > _LARGEST:
        return [
            f"model.file {path} holds {size / 2**30:.1f} GiB once it is unpacked, and at most "
            f"{_LARGEST / 2**30:.0f} GiB are read; store a smaller estimator"
        ]
    try:
        unknown = untrusted(types_beyond_skops(path), trusted)
    except _UNREADABLE as error:
        return [f"model.file {path} cannot be read as a skops file: {_said(error)}"]
    if not unknown:
        return []
    options = " ".join(f"--trust-type {name}" for name in unknown)
    boosting = [name for name in _BOOSTING if any(each.startswith(f"{name}.") for each in unknown)]
    instead = "".join(
        f". {name} trusts what it reads in such a file: store the booster with its own save_model "
        f"and set model.library: {name}, which is read safely"
        for name in boosting
    )
    return [
        f"model.file {path} holds types that are not known to be safe: {', '.join(unknown)}"
        f"{instead}. If you know where the file comes from and trust them, add {options}"
    ]


def types_beyond_skops(path: Path) -> list[str]:
    """Types and functions that a file is built from and that skops itself does not trust."""
    return list(_types(path, path.stat().st_mtime_ns))


@lru_cache(maxsize=4)
def _types(path: Path, changed: int) -> tuple[str, ...]:
    del changed
    return tuple(
        str(name)
        for name in _skops().get_untrusted_types(data=read_bytes(path, _LARGEST, links=True))
    )


def load_file(path: Path, trusted: Sequence[str]) -> BaseEstimator:
    """The estimator of a file, if every type is allowed and every position in it exists.

    Raises ConfigError : a type is neither allowed nor trusted, or the file points outside of
    itself.
    """
    try:
        content = read_bytes(path, _LARGEST, links=True)
    except ArtifactError as error:  # it changed, or is no file
        raise ConfigError(f"model.file {error}") from None
    except OSError as error:
        raise ConfigError(f"model.file {path} cannot be read ({error.strerror})") from None
    if problems := file_problems(path, trusted):
        raise ConfigError("; ".join(problems))
    types = types_beyond_skops(path)
    if not untrusted(types, ()):  # whoever trusts types by name trusts the file
        _try(path, content)
    try:
        estimator = _skops().loads(content, trusted=types)
    except ImportError as error:
        raise ConfigError(f"model.file {path} needs a package that is not there: {error}") from None
    except _UNREADABLE as error:
        raise ConfigError(f"model.file {path} cannot be loaded: {_said(error)}") from None
    check_positions(estimator)
    return estimator


#: SHA-256 of the files that this process has tried.
_TRIED = set[str]()


def _try(path: Path, content: bytes) -> None:
    """Load a file in a process of its own; ConfigError where that ends early, or takes too much."""
    from deepseek_report.models.estimators.booster_file import TRIAL, TRIAL_SECONDS

    if (digest := hashlib.sha256(content).hexdigest()) in _TRIED:
        return
    try:
        children.limited(TRIAL, str(path), "skops", seconds=TRIAL_SECONDS, text=content)
    except children.NoAnswerError as error:
        raise ConfigError(
            f"model.file {path} cannot be loaded: {error}. Store the estimator again with "
            "skops.io.dump"
        ) from None
    _TRIED.add(digest)


def _unpacked(path: Path) -> int:
    with open_file(path, links=True) as stream, open_archive(stream) as archive:
        return sum(member.file_size for member in archive.infolist())


def _said(error: BaseException) -> str:
    """The first line of an error, short enough for a message."""
    return first_line(error)[:200]


def _skops() -> ModuleType:
    try:
        return importlib.import_module("skops.io")
    except ImportError:
        raise ConfigError(
            f"model.file needs skops; install it with: {pip_install('skops')}"
        ) from None
