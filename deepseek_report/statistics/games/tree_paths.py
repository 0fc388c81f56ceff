"""Which conditions of the path to each leaf of a tree ensemble each row fails."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepseek_report.artifacts.array_types import Bools, Floats, Ints
from deepseek_report.artifacts.protocols.trees import TreeEnsemble

#: A set of features of a path, a bit each; Python's integers where there are more than 64.
Codes = NDArray[Any]
_WIDTHS: tuple[tuple[int, Any], ...] = (
    (8, np.uint8), (16, np.uint16), (32, np.uint32), (64, np.uint64),
)  # fmt: skip
#: Cells (node, row) of the widest level of the trees that are walked at once.
_CELLS = 2_000_000


@dataclass(frozen=True)
class NodePaths:
    """Nodes of the same or different trees, and how rows fare on the way to them.

    nodes : (node,). features : (node, place) columns that the path asks about, each once, in the
    order of the path; -1 behind the last. used : (node,) how many these are. failed : (node, row)
    the features, a bit by place, of which the row fails at least one condition.
    """

    nodes: Ints
    features: Ints
    used: Ints
    failed: Codes

    def __len__(self) -> int:
        return len(self.nodes)

    def take(self, places: Bools | Ints) -> NodePaths:
        """Some of the nodes."""
        used = self.used[places]
        features = self.features[places, : used.max(initial=0)]
        return NodePaths(self.nodes[places], features, used, self.failed[places])

    def children(self, ensemble: TreeEnsemble, columns: Floats) -> NodePaths:
        """The paths one step longer: left children, then right ones; none of these is a leaf."""
        nodes = ensemble.nodes
        tested = nodes.feature[self.nodes]
        places, features = _placed(self.features, self.used, tested)
        used = np.maximum(self.used, places + 1)
        kind = _kind(int(used.max()))
        bits = np.array([1 << int(place) for place in places], dtype=kind)[:, None]
        left = nodes.goes_left(self.nodes, columns)
        none = bits ^ bits
        before = self.failed.astype(kind, copy=False)
        return NodePaths(
            nodes=np.concatenate([nodes.left[self.nodes], nodes.right[self.nodes]]),
            features=np.concatenate([features, features]),
            used=np.concatenate([used, used]),
            failed=np.concatenate(
                [before | np.where(left, none, bits), before | np.where(left, bits, none)]
            ),
        )


def leaves(ensemble: TreeEnsemble, columns: Floats) -> Iterator[NodePaths]:
    """The paths to all leaves, some trees at a time, those of equal length together.

    columns : (feature, row) as `TreeEnsemble.read` gives them.
    """
    sizes = np.diff([*ensemble.roots, len(ensemble.nodes)])
    batch = np.cumsum(sizes * columns.shape[1]) // _CELLS
    for number in np.unique(batch):
        levels = list(_levels(ensemble, columns, ensemble.roots[batch == number]))
        for length in np.unique(np.concatenate([level.used for level in levels])):
            parts = [level.take(level.used == length) for level in levels]
            yield _stacked([part for part in parts if len(part)], _kind(int(length)))


def _levels(ensemble: TreeEnsemble, columns: Floats, roots: Ints) -> Iterator[NodePaths]:
    """The leaves of some trees, level by level."""
    empty = np.zeros((len(roots), 0), dtype=np.int64)
    failed = np.zeros((len(roots), columns.shape[1]), dtype=np.uint8)
    paths = NodePaths(roots, empty, np.zeros(len(roots), dtype=np.int64), failed)
    while len(paths):
        ends = ensemble.nodes.feature[paths.nodes] < 0
        yield paths.take(ends)
        inner = paths.take(~ends)
        if not len(inner):
            return
        paths = inner.children(ensemble, columns)


def _placed(features: Ints, used: Ints, tested: Ints) -> tuple[Ints, Ints]:
    """(node,) the place of the feature tested, and (node, place) features with it."""
    known = features == tested[:, None]
    places = np.where(known.any(axis=1), known.argmax(axis=1), used) if known.size else used
    wider = np.column_stack([features, np.full(len(features), -1)])
    wider[np.arange(len(places)), places] = tested
    return places, wider


def _stacked(parts: list[NodePaths], kind: Any) -> NodePaths:
    return NodePaths(
        np.concatenate([part.nodes for part in parts]),
        np.concatenate([part.features for part in parts]),
        np.concatenate([part.used for part in parts]),
        np.concatenate([part.failed.astype(kind) for part in parts]),
    )


def _kind(places: int) -> Any:
    """The narrowest type that has a bit for each place."""
    return next((kind for width, kind in _WIDTHS if places <= width), object)
