"""How trees come to an output: what all of them add, and the path through those that add most."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from deepseek_report.artifacts.array_types import Floats, Ints
from deepseek_report.artifacts.protocols.classifier import TreeClassifier
from deepseek_report.artifacts.protocols.trees import TreeEnsemble
from deepseek_report.artifacts.schema import Schema

#: Between the names of categories in a cell.
SEPARATOR = "; "
_TREES = "case space base trees for_n for_added against_n against_added"
_PATHS = "case tree added depth feature label display relation bound"


@dataclass(frozen=True)
class TreeWays:
    """The account of cases by the trees of a model.

    shown : trees whose path is told.
    """

    classifier: TreeClassifier
    schema: Schema
    shown: int

    def tables(self, rows: Floats, targets: Ints) -> dict[str, pd.DataFrame]:
        """`trees` and `paths` of cases (case, feature), about the output of each one's target."""
        ensemble = self.classifier.trees
        read = ensemble.read(self.classifier.columns(rows))
        leaves = leaves_of(ensemble, read)
        added = ensemble.nodes.values[leaves]
        summary, steps = [], []
        for case, target in enumerate(targets):
            mine = added[case, :, int(target)]
            summary.append(
                (
                    case,
                    ensemble.space,
                    float(ensemble.base[int(target)]),
                    len(mine),
                    int((mine > 0).sum()),
                    float(mine[mine > 0].sum()),
                    int((mine < 0).sum()),
                    float(mine[mine < 0].sum()),
                )
            )
            strongest = np.argsort(-np.abs(mine), kind="stable")[: self.shown]
            for tree in np.sort(strongest):
                steps += [
                    (case, int(tree) + 1, float(mine[tree]), depth, *question)
                    for depth, question in enumerate(
                        self._questions(ensemble, int(tree), read[:, case], rows[case]), start=1
                    )
                ]
        return {
            "trees": pd.DataFrame(summary, columns=_TREES.split()),
            "paths": pd.DataFrame(steps, columns=_PATHS.split()),
        }

    def _questions(
        self, ensemble: TreeEnsemble, tree: int, read: Floats, row: Floats
    ) -> Iterator[tuple[Any, ...]]:
        """(feature, label, display, relation, bound) of each node on the way of one row.

        relation : the value is `at_most` or `above` the bound, `among` the categories that the
        bound lists, `missing`, or only `asked` about where the trees read it as something else.
        """
        nodes = ensemble.nodes
        at = int(ensemble.roots[tree])
        while (column := int(nodes.feature[at])) >= 0:
            feature, value = self.schema.features[column], float(row[column])
            left = bool(nodes.goes_left(np.array([at]), read[:, None])[0, 0])
            if np.isnan(value):
                side = "missing", ""
            elif not feature.is_numeric:
                side = "among", self._alike(ensemble, at, left, row)
            elif at not in nodes.categories and np.isclose(read[column], value, rtol=1e-5):
                bound = feature.display(float(nodes.threshold[at]))
                side = ("at_most" if left else "above"), bound
            else:
                side = "asked", ""
            yield (feature.name, feature.label, feature.display(value), *side)
            at = int(nodes.left[at] if left else nodes.right[at])

    def _alike(self, ensemble: TreeEnsemble, node: int, left: bool, row: Floats) -> str:
        """The labels of all categories that go the same way at a node, divided by `SEPARATOR`."""
        column = int(ensemble.nodes.feature[node])
        categories = self.schema.features[column].categories
        others = np.tile(row, (len(categories), 1))
        others[:, column] = np.arange(len(categories))
        read = ensemble.read(self.classifier.columns(others))
        same = ensemble.nodes.goes_left(np.array([node]), read)[0] == left
        return SEPARATOR.join(
            category.label for category, alike in zip(categories, same, strict=True) if alike
        )


def leaves_of(ensemble: TreeEnsemble, read: Floats) -> Ints:
    """(row, tree) the leaf of each row; read : (feature, row) as `TreeEnsemble.read` gives it."""
    nodes = ensemble.nodes
    places = np.tile(ensemble.roots, (read.shape[1], 1))
    while (nodes.feature[places] >= 0).any():
        rows, trees = np.nonzero(nodes.feature[places] >= 0)
        at = places[rows, trees]
        distinct, which = np.unique(at, return_inverse=True)
        left = nodes.goes_left(distinct, read)[which, rows]
        places[rows, trees] = np.where(left, nodes.left[at], nodes.right[at])
    return places
