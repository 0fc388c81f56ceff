"""Files of boosters that were made to harm the library that parses them: each ends in a sentence.

The libraries trust their files: a place beyond an array ends the process, or reads what lies there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deepseek_report.artifacts.storage.plain_files import ListedPath
from deepseek_report.children import NoAnswerError, limited
from deepseek_report.errors import ConfigError
from deepseek_report.models.estimators.booster_checks import refuse_strange
from deepseek_report.models.estimators.booster_file import load_booster
from deepseek_report.models.estimators.sklearn import Sklearn

X = np.random.default_rng(0).normal(size=(200, 4))
Y = (X[:, 0] + X[:, 1] ** 2 > 0).astype(int) + (X[:, 2] > 1)


@cache
def _xgboost(objective: str = "multi:softprob") -> Any:
    xgboost = pytest.importorskip("xgboost")
    classes = {"num_class": 3} if "multi" in objective else {}
    params = {"objective": objective, "max_depth": 3, "nthread": 1, **classes}
    return xgboost.train(params, xgboost.DMatrix(X, Y if classes else Y > 0), 2)


@cache
def _lightgbm() -> Any:
    lightgbm = pytest.importorskip("lightgbm")
    params = {"objective": "binary", "num_leaves": 5, "num_threads": 1, "verbose": -1}
    data = lightgbm.Dataset(X, Y > 0, categorical_feature=[3])
    return lightgbm.train({**params, "min_data_in_leaf": 5}, data, 2)


def _set(model: Any, path: str, value: object) -> Any:
    *way, last = path.split(".")
    place = model
    for key in way:
        place = place[int(key) if key.isdigit() else key]
    place[int(last) if last.isdigit() else last] = value
    return model


TREE = "learner.gradient_booster.model.trees.0"
SIZES = "learner.learner_model_param"


def xgboost_file(path: Path, changes: dict[str, object]) -> Path:
    model = json.loads(bytes(_xgboost().save_raw("json")))
    for place, value in changes.items():
        _set(model, place, value)
    path.write_text(json.dumps(model))
    return path


def chained(n: int) -> dict[str, object]:
    """A tree that goes down by a level a split."""
    inner = range(0, 2 * n, 2)
    left = [k + 1 if k % 2 == 0 and k < 2 * n else -1 for k in range(2 * n + 1)]
    right = [k + 2 if k % 2 == 0 and k < 2 * n else -1 for k in range(2 * n + 1)]
    parents = [2**31 - 1, *(k for k in inner for _ in range(2))]
    zeros, floats = [0] * (2 * n + 1), [0.0] * (2 * n + 1)
    names = ("loss_changes", "sum_hessian", "base_weights", "split_conditions")
    return {
        f"{TREE}.left_children": left,
        f"{TREE}.right_children": right,
        f"{TREE}.parents": parents,
        f"{TREE}.tree_param.num_nodes": str(2 * n + 1),
        **{f"{TREE}.{name}": zeros for name in ("split_indices", "split_type", "default_left")},
        **{f"{TREE}.{name}": floats for name in names},
    }


XGBOOST: dict[str, dict[str, object]] = {
    "child far beyond the tree": {f"{TREE}.left_children.0": 2**30},
    "child just beyond the tree": {f"{TREE}.left_children.0": 99},
    "child that is its own parent": {f"{TREE}.right_children.1": 1},
    "column beyond the table": {f"{TREE}.split_indices.0": 10**6},
    "more nodes than there are": {f"{TREE}.tree_param.num_nodes": str(2**30)},
    "endless classes": {f"{SIZES}.num_class": str(10**9)},
    "endless targets": {f"{SIZES}.num_target": str(10**9)},
    "endless columns": {f"{SIZES}.num_feature": str(2**31 - 1)},
    "output that is not there": {"learner.gradient_booster.model.tree_info.0": 50},
    "tree as deep as it has splits": chained(100_000),
    "round that is no number": {"learner.attributes": {"best_iteration": "x"}},
}


def problems_of(path: Path, library: Any) -> list[str]:
    return list(Sklearn(file=str(path), library=library).problems([]))


@pytest.mark.parametrize("changes", XGBOOST.values(), ids=XGBOOST)
def test_a_hostile_file_of_xgboost_is_refused_at_check(
    changes: dict[str, object], tmp_path: Path
) -> None:
    (problem,) = problems_of(xgboost_file(tmp_path / "m.json", changes), "xgboost")
    assert problem.startswith("model.file ")
    assert "save it again with save_model of xgboost" in problem


@pytest.mark.usefixtures("started_trials")
def test_a_process_that_dies_of_a_file_is_outlived(tmp_path: Path) -> None:
    path = xgboost_file(tmp_path / "m.json", XGBOOST["child far beyond the tree"])
    (problem,) = problems_of(path, "xgboost")
    assert problem.startswith("model.file ")


@pytest.mark.usefixtures("started_trials")
def test_levels_of_json_end_in_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "m.json"
    path.write_text('{"a":' * 300_000 + "1" + "}" * 300_000)
    (problem,) = problems_of(path, "xgboost")
    assert "not a xgboost model that can be loaded" in problem


def _line(name: str, value: str) -> Callable[[str], str]:
    return lambda text: re.sub(rf"(?m)^{name}=\S+", f"{name}={value}", text, count=1)


LIGHTGBM = {
    "child far beyond the tree": _line("left_child", str(10**9)),
    "child just beyond the tree": _line("left_child", "77"),
    "leaf beyond the tree": _line("right_child", "-70"),
    "child that is its own parent": _line("left_child", "0"),
    "column beyond the table": _line("split_feature", "10000"),
    "endless classes": _line("num_class", str(10**9)),
    "endless trees a round": _line("num_tree_per_iteration", str(10**9)),
    "no trees a round": _line("num_tree_per_iteration", "0"),
    "endless leaves": _line("num_leaves", str(2**30)),
    "endless columns": _line("max_feature_idx", str(2**31 - 2)),
    "classes of the objective": _line("objective", "multiclass num_class:1000000"),
}


@pytest.mark.parametrize("change", LIGHTGBM.values(), ids=LIGHTGBM)
def test_a_hostile_file_of_lightgbm_is_refused_at_check(
    change: Callable[[str], str], tmp_path: Path
) -> None:
    path = tmp_path / "m.txt"
    written = _lightgbm().model_to_string()
    text = change(written)
    assert text != written
    # Without the sizes of trees in bytes, by which they are found, they are read in turn.
    path.write_text(re.sub(r"(?m)^tree_sizes=.*\n", "", text))
    (problem,) = problems_of(path, "lightgbm")
    assert problem.startswith("model.file ")
    assert "save it again with save_model of lightgbm" in problem


@pytest.mark.parametrize("changes", XGBOOST.values(), ids=XGBOOST)
def test_the_trees_of_xgboost_are_checked_whatever_the_library_lets_pass(
    changes: dict[str, object], tmp_path: Path
) -> None:
    path = xgboost_file(tmp_path / "m.json", changes)
    if "learner.attributes" in changes:
        refuse_strange(path, path.read_bytes(), "xgboost")  # no matter of trees
        return
    with pytest.raises(ConfigError, match="holds trees that cannot be walked"):
        refuse_strange(path, path.read_bytes(), "xgboost")


@pytest.mark.parametrize("change", LIGHTGBM.values(), ids=LIGHTGBM)
def test_the_trees_of_lightgbm_are_checked_whatever_the_library_lets_pass(
    change: Callable[[str], str], tmp_path: Path
) -> None:
    text = change(_lightgbm().model_to_string())
    with pytest.raises(ConfigError, match="holds trees that cannot be walked"):
        refuse_strange(tmp_path / "m.txt", text.encode(), "lightgbm")


def test_a_set_of_categories_lies_in_the_file(tmp_path: Path) -> None:
    lightgbm = pytest.importorskip("lightgbm")
    groups = np.arange(200) % 8
    data = lightgbm.Dataset(groups[:, None], groups % 3 == 0, categorical_feature=[0])
    params = {"objective": "binary", "num_threads": 1, "verbose": -1, "min_data_per_group": 5}
    text = lightgbm.train({**params, "min_data_in_leaf": 5, "cat_smooth": 1}, data, 1)
    text = text.model_to_string()
    assert "cat_boundaries=0 1" in text
    path = tmp_path / "m.txt"
    refuse_strange(path, text.encode(), "lightgbm")
    far = text.replace("cat_boundaries=0 1", "cat_boundaries=0 9")
    with pytest.raises(ConfigError, match="set of categories"):
        refuse_strange(path, far.encode(), "lightgbm")


@pytest.mark.parametrize("ending", ["json", "ubj"])
@pytest.mark.parametrize("objective", ["multi:softprob", "binary:logistic"])
def test_a_booster_says_to_the_last_digit_what_its_own_library_says(
    objective: str, ending: str, tmp_path: Path
) -> None:
    import xgboost

    booster = _xgboost(objective)
    booster.save_model(tmp_path / f"m.{ending}")
    made: Any = load_booster(ListedPath.hashed(tmp_path / f"m.{ending}"), "xgboost")
    np.testing.assert_array_equal(made._raw(X), booster.predict(xgboost.DMatrix(X)))
    _lightgbm().save_model(tmp_path / "m.txt")
    light: Any = load_booster(ListedPath.hashed(tmp_path / "m.txt"), "lightgbm")
    np.testing.assert_array_equal(light._raw(X), _lightgbm().predict(X))


def test_a_process_that_takes_too_long_is_ended() -> None:
    with pytest.raises(NoAnswerError, match="takes more than 0 s"):
        limited("deepseek_report.models.estimators.model_file_trial", "x", "xgboost", seconds=0)
