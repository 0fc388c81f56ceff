"""A skops file of others runs no code, and no position in it leads outside of its own arrays."""

from __future__ import annotations

import json
import pickle
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.base import BaseEstimator
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import (
    BaggingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    VotingClassifier,
)
from sklearn.feature_selection import SelectKBest
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    OneHotEncoder,
    SplineTransformer,
    StandardScaler,
)
from sklearn.svm import SVC, SVR, NuSVC, NuSVR, OneClassSVM
from sklearn.tree import DecisionTreeClassifier

from deepseek_report.config.problems import ConfigProblems
from deepseek_report.errors import ConfigError
from deepseek_report.models.estimators import booster_file
from deepseek_report.models.estimators.sklearn import (
    check_positions,
    file_problems,
    is_allowed,
    load_file,
)
from tests.configured import experiment_of
from tests.worded import problems, write_conf

io = pytest.importorskip("skops.io")

_RNG = np.random.default_rng(0)
X = _RNG.normal(size=(80, 4))
Y = (X[:, 0] + 0.3 * _RNG.normal(size=80) > 0).astype(int)


def stored(estimator: Any, folder: Path) -> Path:
    """The estimator as a skops file."""
    io.dump(estimator, folder / "model.skops")
    return folder / "model.skops"


def forged(folder: Path, **function: Any) -> Path:
    """A file whose transformer calls what the given node stands for."""
    pipeline = make_pipeline(FunctionTransformer(np.log1p), LogisticRegression()).fit(abs(X), Y)
    source = stored(pipeline, folder)
    with zipfile.ZipFile(source) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    text = json.dumps(_replaced(json.loads(members["schema.json"]), function))
    target = folder / "forged.skops"
    with zipfile.ZipFile(target, "w") as archive:
        for name, content in {**members, "schema.json": text.encode()}.items():
            archive.writestr(name, content)
    return target


def _replaced(node: Any, function: dict[str, Any]) -> Any:
    if isinstance(node, dict) and node.get("__class__") == "log1p":
        return function
    if isinstance(node, dict):
        return {key: _replaced(value, function) for key, value in node.items()}
    return [_replaced(element, function) for element in node] if isinstance(node, list) else node


def node(loader: str, dotted: str, **more: Any) -> dict[str, Any]:
    module, _, name = dotted.rpartition(".")
    return {"__class__": name, "__module__": module, "__loader__": loader, **more}


_EMPTY = {"__class__": "tuple", "__module__": "builtins", "__loader__": "TupleNode", "content": []}


@pytest.mark.parametrize(
    "function",
    [
        node("FunctionNode", "builtins.eval"),
        node("FunctionNode", "os.system"),
        node("TypeNode", "subprocess.Popen"),
        node("FunctionNode", "numpy.load"),
        node("FunctionNode", "numpy.f2py.compile"),
        node("FunctionNode", "sklearn.datasets._base.load_files"),
        node("FunctionNode", "sklearn.utils._testing.assert_run_python_script_without_output"),
        node("FunctionNode", "sklearn.utils.validation.joblib"),
        node("TypeNode", "scipy.stats._continuous_distns.norm_gen"),
        node("ConstructorFromReduceNode", "builtins.open", content=_EMPTY),
        node("OperatorFuncNode", "operator.methodcaller", attrs=_EMPTY),
        node("NobodyKnowsThisNode", "builtins.eval"),
        {"__loader__": "FunctionNode"},
    ],
    ids=lambda function: (
        f"{function['__loader__']}-{function.get('__module__')}.{function.get('__class__')}"
    ),
)
def test_a_function_that_nobody_trusts_is_neither_imported_nor_called(
    function: dict[str, Any], tmp_path: Path
) -> None:
    path = forged(tmp_path, **function)
    (problem,) = file_problems(path, [])
    assert "not known to be safe" in problem or "cannot be read as a skops file" in problem
    with pytest.raises(ConfigError):
        load_file(path, [])


def test_a_configuration_cannot_extend_the_trusted_types(tmp_path: Path) -> None:
    path = forged(tmp_path, **node("FunctionNode", "builtins.eval"))
    model = "_target_: deepseek_report.models.estimators.sklearn.Sklearn\n"
    model += f"file: {path}\ntrusted_types: [builtins.eval]\n"
    text = problems("model=theirs", config_dir=write_conf(tmp_path, {"model/theirs": model}))
    assert 'theirs.yaml:3: unknown key "trusted_types"' in text


def test_only_the_person_running_it_trusts_a_type_and_it_is_written_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = forged(tmp_path, **node("FunctionNode", "deepseek_report.artifacts.rounding.plural"))
    overrides = ["model=sklearn", f"model.file={path}", "dataset=breast_cancer"]
    name = "deepseek_report.artifacts.rounding.plural"
    with pytest.raises(ConfigProblems, match=f"--trust-type {name}"):
        experiment_of(*overrides)
    named = experiment_of(*overrides, trust_types=[name])
    assert named.trusted_types == (name,)
    assert name not in json.dumps(named.raw)
    monkeypatch.setenv("DEEPSEEK_REPORT_TRUST_TYPE", name)
    model = experiment_of(*overrides).model
    assert pickle.loads(pickle.dumps(model)).trusted_types == (name,)  # noqa: S301 - as to a worker


@pytest.mark.parametrize("name", ["eval", "a b.c", "os.", ""])
def test_a_trusted_type_is_named_by_its_dotted_path(name: str) -> None:
    with pytest.raises(ConfigProblems, match="not the dotted path of a class or function"):
        experiment_of(trust_types=[name])


@pytest.mark.parametrize("name", ["my_package.net", "../x", "a-b"])
def test_a_trusted_package_is_a_top_level_package(name: str) -> None:
    with pytest.raises(ConfigProblems, match="is not the name of a package"):
        experiment_of(trust=[name])


@pytest.mark.parametrize(
    "estimator",
    [
        HistGradientBoostingClassifier(max_iter=3),
        RandomForestClassifier(3),
        GradientBoostingRegressor(loss="huber", n_estimators=3),
        BaggingClassifier(n_estimators=2),
        CalibratedClassifierCV(LogisticRegression(), cv=3),
        GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, cv=3, scoring="roc_auc"),
        VotingClassifier([("a", LogisticRegression()), ("b", DecisionTreeClassifier())]),
        make_pipeline(SelectKBest(k=2), KNeighborsClassifier()),
        KNeighborsClassifier(algorithm="ball_tree"),
        make_pipeline(SplineTransformer(), LogisticRegression()),
        make_pipeline(FunctionTransformer(np.log1p, validate=True), LogisticRegression()),
        GaussianProcessClassifier(),
        MLPClassifier((4,), max_iter=2, solver="sgd"),
        make_pipeline(
            make_column_transformer((OneHotEncoder(), make_column_selector(dtype_include=object))),
            LogisticRegression(),
        ),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_an_estimator_of_scikit_learn_is_loaded_without_any_list(
    estimator: BaseEstimator, tmp_path: Path
) -> None:
    import pandas as pd

    inputs: Any = abs(X)
    if hasattr(estimator, "steps") and "columntransformer" in dict(estimator.steps):
        inputs = pd.DataFrame(X, columns=list("abcd")).assign(group=np.where(Y, "x", "z"))
        inputs["group"] = inputs["group"].astype(object)
    estimator.fit(inputs, Y)
    path = stored(estimator, tmp_path)
    assert file_problems(path, []) == []
    np.testing.assert_array_equal(load_file(path, []).predict(inputs), estimator.predict(inputs))


@pytest.mark.parametrize("library", ["xgboost.XGBClassifier", "lightgbm.LGBMClassifier"])
@pytest.mark.parametrize("wrapped", [False, True])
def test_a_booster_in_a_skops_file_needs_trust(wrapped: bool, library: str, tmp_path: Path) -> None:
    package, _, name = library.partition(".")
    module = pytest.importorskip(package)
    estimator = getattr(module, name)(n_estimators=2, n_jobs=1, verbosity=-(package[0] == "l"))
    whole = make_pipeline(StandardScaler(), estimator) if wrapped else estimator
    path = stored(whole.fit(X, Y), tmp_path)
    (problem,) = file_problems(path, [])
    assert f"set model.library: {package}" in problem
    with pytest.raises(ConfigError, match="save_model"):
        load_file(path, [])
    trusted = re.findall(r"--trust-type (\S+)", problem)
    np.testing.assert_array_equal(load_file(path, trusted).predict(X), whole.predict(X))


def test_a_broken_booster_in_a_skops_file_reaches_no_parser(tmp_path: Path) -> None:
    lightgbm = pytest.importorskip("lightgbm")
    path = stored(lightgbm.LGBMClassifier(n_estimators=2, verbosity=-1).fit(X, Y), tmp_path)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    description = members["schema.json"].decode()
    assert "left_child=" in description
    members["schema.json"] = re.sub(
        r"left_child=-?\d+", "left_child=1000000000", description
    ).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for member, content in members.items():
            archive.writestr(member, content)
    with pytest.raises(ConfigError, match="lightgbm trusts what it reads"):
        load_file(path, [])  # ended the process before


@pytest.mark.parametrize(
    "name",
    [
        "sklearn.utils.validation.joblib",
        "sklearn.tree._tree.Tree.predict",
        "sklearn.pipeline.Pipeline.fit",
        "sklearn.base.clone",
        "sklearn.metrics._classification.np",
        "sklearn.metrics._classification._check_targets",
        "sklearn.datasets._openml.fetch_openml",
        "sklearn.linear_model.LogisticRegression",  # not where the class is defined
        "sklearn_evil.model.Estimator",
        "xgboost.sklearn.json",
        "xgboost.core.Booster",
        "lightgbm.basic.Booster",
        "numpy.fromfile",
        "",
    ],
)
def test_a_name_is_not_allowed_for_where_it_stands(name: str) -> None:
    assert not is_allowed(name)


def _tree_with(**changes: Any) -> DecisionTreeClassifier:
    estimator = DecisionTreeClassifier(max_depth=3, random_state=0).fit(X, Y)
    state = estimator.tree_.__getstate__()
    nodes = state["nodes"].copy()
    for field, value in changes.items():
        if field in nodes.dtype.names:
            nodes[field][0] = value
        else:
            state[field] = value
    estimator.tree_.__setstate__({**state, "nodes": nodes})
    return estimator


def _forest() -> RandomForestClassifier:
    forest = RandomForestClassifier(2, random_state=0).fit(X, Y)
    forest.n_features_in_ = 1
    return forest


def _histogram(field: str, value: int) -> HistGradientBoostingClassifier:
    forest = HistGradientBoostingClassifier(max_iter=2).fit(X, Y)
    forest._predictors[0][0].nodes[field][0] = value
    return forest


def _neighbours(part: int, change: Callable[[Any], Any]) -> KNeighborsClassifier:
    neighbours = KNeighborsClassifier(algorithm="kd_tree").fit(X, Y)
    state = list(neighbours._tree.__getstate__())
    state[part] = change(state[part])
    neighbours._tree.__setstate__(tuple(state))
    return neighbours


def _beyond(field: str) -> Callable[[Any], Any]:
    def change(nodes: Any) -> Any:
        nodes = nodes.copy()
        nodes[field][0] = 10**6
        return nodes

    return change


def _machine(**changes: Any) -> SVC:
    machine = SVC().fit(X, Y)
    vars(machine).update({name: change(vars(machine)[name]) for name, change in changes.items()})
    return machine


_ATTACKS: dict[str, Callable[[], Any]] = {
    "child beyond the tree": lambda: _tree_with(left_child=10**6),
    "child that is its own parent": lambda: _tree_with(right_child=0),
    "feature beyond the inputs": lambda: _tree_with(feature=99),
    "feature below the inputs": lambda: _tree_with(feature=-7),
    "more nodes than there are": lambda: _tree_with(node_count=10**9),
    "forest that takes fewer columns": _forest,
    "boosted child beyond the tree": lambda: _histogram("left", 10**6),
    "boosted feature beyond the inputs": lambda: _histogram("feature_idx", 99),
    "boosted category without a set": lambda: _histogram("is_categorical", 1),
    "neighbour beyond the rows": lambda: _neighbours(1, lambda order: order + 10**6),
    "more levels than nodes": lambda: _neighbours(5, lambda levels: levels + 20),
    "node beyond the rows": lambda: _neighbours(2, _beyond("idx_end")),
    "more vectors than there are": lambda: _machine(support_=lambda old: np.tile(old, 2)),
    "fewer vectors": lambda: _machine(support_vectors_=lambda old: old[:3]),
    "vectors of fewer columns": lambda: _machine(support_vectors_=lambda old: old[:, :1]),
    "counts beyond the vectors": lambda: _machine(_n_support=lambda old: old + 10**6),
    "counts below zero": lambda: _machine(_n_support=lambda old: np.array([-9, old.sum() + 9])),
    "coefficients of fewer vectors": lambda: _machine(_dual_coef_=lambda old: old[:, :3]),
    "no constants": lambda: _machine(_intercept_=lambda old: old[:0]),
    "two of a probability": lambda: _machine(_probA=lambda old: np.ones(2)),
}


@pytest.mark.parametrize("attack", _ATTACKS.values(), ids=_ATTACKS)
def test_a_position_outside_of_a_files_own_arrays_is_refused(
    attack: Callable[[], Any], tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="points outside of its own data"):
        check_positions(make_pipeline(attack()))


@pytest.mark.parametrize(
    ("pool", "seconds", "problem"),
    [(10**9, 60, "it takes more than 4096 MiB"), (300_000, 5, "it takes more than 5 s")],
)
def test_a_file_that_takes_too_much_to_load_is_refused(
    pool: int, seconds: int, problem: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = stored(HistGradientBoostingClassifier(max_iter=2).fit(X, Y), tmp_path)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    description = json.loads(members["schema.json"])

    def swell(node: Any) -> None:
        for name, inner in node.items() if isinstance(node, dict) else enumerate(node):
            if name == "pool_size":
                inner |= {"content": str(pool), "__id__": -1}
            if isinstance(inner, (dict, list)):
                swell(inner)

    swell(description)
    members["schema.json"] = json.dumps(description).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for member, content in members.items():
            archive.writestr(member, content)
    assert file_problems(path, []) == []
    monkeypatch.setattr(booster_file, "TRIAL_SECONDS", seconds)
    with pytest.raises(ConfigError, match=f"cannot be loaded: {problem}"):
        load_file(path, [])


@pytest.mark.parametrize("machine", [SVC(), SVC(kernel="poly"), NuSVC(nu=0.2)])
@pytest.mark.parametrize("labels", [Y, np.digitize(X[:, 0], [-0.5, 0.5])])
@pytest.mark.parametrize("sparse", [False, True])
def test_a_support_vector_machine_as_it_was_fitted_is_loaded(
    sparse: bool, labels: Any, machine: BaseEstimator
) -> None:
    check_positions(machine.fit(csr_matrix(X) if sparse else X, labels))


@pytest.mark.parametrize("machine", [SVR(), NuSVR(), OneClassSVM()])
def test_a_machine_of_one_number_is_loaded(machine: BaseEstimator) -> None:
    check_positions(machine.fit(X, X[:, 0]))


@pytest.mark.usefixtures("started_trials")
def test_a_file_with_such_a_position_is_not_loaded(tmp_path: Path) -> None:
    path = stored(make_pipeline(_tree_with(left_child=10**6)), tmp_path)
    assert file_problems(path, []) == []
    with pytest.raises(ConfigError, match="points outside of its own data"):
        load_file(path, [])


def test_a_spline_without_enough_coefficients_is_refused() -> None:
    transformer = SplineTransformer().fit(X)
    spline = transformer.bsplines_[0]
    spline.c = spline.c[:2]
    with pytest.raises(ConfigError, match="BSpline"):
        check_positions(transformer)


@pytest.mark.parametrize(
    "content", [b"", b"PK\x03\x04", b"cos\nsystem\n(S'ls'\ntR.", b'{"__class__": 1}']
)
def test_a_file_that_is_none_is_told_so(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "model.skops"
    path.write_bytes(content)
    (problem,) = file_problems(path, [])
    assert "is not a skops file" in problem


def test_a_file_that_is_a_bomb_is_refused_before_it_is_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = stored(LogisticRegression().fit(X, Y), tmp_path)
    monkeypatch.setattr("deepseek_report.models.estimators.sklearn._LARGEST", 100)
    (problem,) = file_problems(path, [])
    assert "GiB once it is unpacked" in problem
