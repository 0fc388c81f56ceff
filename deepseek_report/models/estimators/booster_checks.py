"""Whether the trees of a booster stay within their own arrays, before a library walks them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from deepseek_report.artifacts.array_types import Ints
from deepseek_report.artifacts.storage.memory_bound import parse
from deepseek_report.errors import ArtifactError, ConfigError

#: The most columns, and levels of a tree: libraries walk down by recursion, and TreeSHAP keeps a
#: path of squared length.
_MOST_FEATURES, _MOST_LEVELS = 2**24, 1000


def refuse_strange(path: Path, content: bytes, library: str) -> None:
    """Raise ConfigError where a booster points outside of itself, or is of absurd size.

    content : what the library wrote, JSON of xgboost or text of lightgbm; path : for messages.
    """
    check = _check_xgboost if library == "xgboost" else _check_lightgbm
    try:
        check(path, content)
    except ArtifactError as error:
        raise ConfigError(f"model.{error}") from None
    except (KeyError, ValueError, TypeError, AttributeError, IndexError, OverflowError) as error:
        reason = f"{error}" if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
        raise ConfigError(
            f"model.file {path} holds trees that cannot be walked ({reason}); save it again with "
            f"save_model of {library}"
        ) from None


def _check_xgboost(path: Path, content: bytes) -> None:
    learner = parse(path, content)["learner"]
    part = learner["gradient_booster"]
    if part["name"] == "gblinear":  # has no trees; refused for what it is
        return
    model = (part["gbtree"] if part["name"] == "dart" else part)["model"]
    trees, groups, sizes = model["trees"], model["tree_info"], learner["learner_model_param"]
    n_features = _size(sizes, "num_feature", _MOST_FEATURES)
    n_classes = _size(sizes, "num_class", len(trees))
    n_outputs = max(n_classes, 1) * max(_size(sizes, "num_target", len(trees)), 1)
    softmax = learner["objective"].get("softmax_multiclass_param", sizes)
    if int(softmax.get("num_class", 0)) != n_classes or _lengths(sizes) - {1, n_outputs}:
        raise ValueError("its objective has other classes than its trees")
    if len(groups) != len(trees) or not all(0 <= group < n_outputs for group in groups):
        raise ValueError("a tree adds to an output that is not there")
    if len(part.get("weight_drop", trees)) != len(trees) or model.get("cats", {}).get("enc"):
        raise ValueError("it has weights or categories of other trees")
    starts = model.get("iteration_indptr", [0, len(trees)])
    if [starts[0], starts[-1]] != [0, len(trees)] or starts != sorted(starts):
        raise ValueError("its rounds are not those of its trees")
    for tree in trees:
        n = int(tree["tree_param"]["num_nodes"])
        left, right = _ints(tree["left_children"], n), _ints(tree["right_children"], n)
        _within(_ints(tree["split_indices"], n), n_features, "a column")
        if any(tree.get("split_type", ())):
            raise ValueError("it splits on categories; train it on numbers")
        values = n * max(_size(tree["tree_param"], "size_leaf_vector", n_outputs), 1)
        if len(tree["split_conditions"]) != n or len(tree["base_weights"]) not in {n, values}:
            raise ValueError("a tree has more nodes than values")
        inner = left != -1
        if (inner != (right != -1)).any():
            raise ValueError("a node has one child")
        _walk(left, right, inner, n)


def _check_lightgbm(path: Path, content: bytes) -> None:
    del path
    head, *blocks = content.decode().partition("\nend of trees")[0].split("\nTree=")
    sizes = _lines(head)
    n_features = _size(sizes, "max_feature_idx", _MOST_FEATURES) + 1
    n_classes = _size(sizes, "num_class", len(blocks))
    classes = re.findall(r" num_class:(\d+)", sizes.get("objective", ""))
    if {int(sizes["num_tree_per_iteration"]), *map(int, classes)} != {n_classes}:
        raise ValueError("its objective has other classes than its trees")
    for tree in map(_lines, blocks):
        n = int(tree["num_leaves"])
        inner = max(n - 1, 0)
        if n < 1 or len(tree["leaf_value"].split()) != n:
            raise ValueError("a tree has other leaves than values")
        _within(_ints(tree.get("leaf_features", "").split()), n_features, "a column")
        if inner == 0:
            continue
        _within(_ints(tree["split_feature"].split(), inner), n_features, "a column")
        left, right = (_ints(tree[f"{side}_child"].split(), inner) for side in ("left", "right"))
        # A leaf k is written as ~k; here it becomes the node behind the inner ones.
        left, right = (np.where(side < 0, inner + ~side, side) for side in (left, right))
        end = np.full(n, -1)
        both = np.concatenate([left, end]), np.concatenate([right, end])
        _walk(*both, both[0] != -1, inner + n)
        categorical = _ints(tree["decision_type"].split(), inner) & 1 > 0
        if categorical.any():
            sets = _ints(tree["cat_boundaries"].split(), int(tree["num_cat"]) + 1)
            chosen = np.array(tree["threshold"].split(), dtype=float)[categorical]
            _within(chosen.astype(np.int64), len(sets) - 1, "a set of categories")
            if (
                sets[0]
                or (np.diff(sets) < 0).any()
                or sets[-1] > len(tree["cat_threshold"].split())
            ):
                raise ValueError("a set of categories is not there")


def _walk(left: Ints, right: Ints, inner: Ints, n: int) -> None:
    """Refuse children that are not there, that have two parents, and a tree of too many levels."""
    children = np.concatenate([left[inner], right[inner]])
    _within(children - 1, n - 1, "a node")
    if len(np.unique(children)) < len(children):
        raise ValueError("a node has two parents")
    level, place = np.zeros(1, dtype=np.int64), 0
    while (level := level[inner[level]]).size:
        level, place = np.concatenate([left[level], right[level]]), place + 1
        if place > _MOST_LEVELS:
            raise ValueError(f"a tree has more than {_MOST_LEVELS} levels")


def _within(places: Ints, end: int, what: str) -> None:
    if ((places < 0) | (places >= end)).any():
        raise ValueError(f"{what} that a tree names is not there")


def _ints(values: Any, n: int | None = None) -> Ints:
    made = np.array(values, dtype=np.int64)
    if n is not None and made.shape != (n,):
        raise ValueError(f"a tree has a list of {made.size} for its {n} nodes")
    return made


def _size(sizes: Mapping[str, Any], name: str, most: int) -> int:
    value = int(sizes.get(name, 0))
    if not 0 <= value <= most:
        raise ValueError(f"{name} is {value}, and may be 0 to {most}")
    return value


def _lengths(sizes: Mapping[str, Any]) -> set[int]:
    """How many numbers the output starts from; older versions write one and no list."""
    return {str(sizes.get("base_score", "")).count(",") + 1}


def _lines(block: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in block.split("\n") if "=" in line)
