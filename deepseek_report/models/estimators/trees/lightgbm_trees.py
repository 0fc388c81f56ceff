"""Trees of lightgbm, read from the text that its boosters are stored as."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from deepseek_report.artifacts.array_types import Floats, Ints
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.protocols.trees import CategorySplit, Nodes, TreeEnsemble, joined
from deepseek_report.errors import NotApplicableError

#: Parts of `decision_type`: bits 0 and 1, and in bits 2 and 3 what counts as missing.
_CATEGORICAL, _DEFAULT_LEFT = 1, 2
_NOTHING, _ZERO = 0, 1


@dataclass(frozen=True)
class LightgbmTrees:
    """`LGBMClassifier` of two classes and `LGBMRegressor`."""

    def read(self, estimator: Any) -> TreeEnsemble:
        """One output: log-odds of the second class, or the number.

        Raises
        ------
        NotApplicableError : the leaves hold linear models.
        """
        head, *blocks = estimator.booster_.model_to_string().split("\nTree=")
        nodes, roots = joined([_nodes(_fields(block)) for block in blocks])
        scale = 1 / len(blocks) if "\naverage_output" in head else 1.0
        ensemble = TreeEnsemble(
            nodes,
            roots,
            base=np.zeros(1),
            space="logit" if hasattr(estimator, "classes_") else "value",
            single_precision=False,
        )
        return ensemble.with_outputs(np.array([[scale * _steepness(_fields(head))]]))


def _steepness(head: Mapping[str, str]) -> float:
    """Of the logistic function that turns the sum into a probability; 1 for a number."""
    settings = dict(part.split(":", 1) for part in head["objective"].split() if ":" in part)
    return float(settings.get("sigmoid", 1.0))


def _fields(block: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in block.splitlines() if "=" in line)


def _nodes(tree: Mapping[str, str]) -> Nodes:
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


def _padded(values: Any, more: int, filling: Any) -> Any:
    return np.concatenate([values, np.full(more, filling)])


def _numbers(tree: Mapping[str, str], name: str) -> Floats:
    return np.array(tree.get(name, "").split(), dtype=np.float64)


def _wholes(tree: Mapping[str, str], name: str) -> Ints:
    return np.array(tree.get(name, "").split(), dtype=np.int64)
