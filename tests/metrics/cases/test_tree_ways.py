"""What trees add, and the path through those that add most."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from deepseek_report.artifacts.protocols.trees import TreeEnsemble, joined
from deepseek_report.artifacts.schema import Category, Feature, Schema
from deepseek_report.metrics.cases.decision_way import TreeWays, leaves_of
from tests.builders import TARGET, numeric
from tests.random_trees import drawn

FEATURES = (
    *numeric(*"abc"),
    Feature("d", "D", "categorical", categories=(Category("0", "red"), Category("1", "blue"))),
)
SCHEMA = Schema(FEATURES, TARGET)


def model(seed: int, trees: int = 12) -> Any:
    rng = np.random.default_rng(seed)
    nodes, roots = joined([drawn(rng, 4, 4) for _ in range(trees)])
    ensemble = TreeEnsemble(nodes, roots, np.array([0.5, -0.5]), "logit", False)
    return SimpleNamespace(trees=ensemble, columns=lambda rows: rows)


def rows_of(seed: int) -> Any:
    rng = np.random.default_rng(seed)
    rows = np.column_stack([rng.normal(size=(9, 3)), rng.integers(0, 2, 9)])
    rows[2, 1] = np.nan
    return rows


def way_of(ensemble: TreeEnsemble, read: Any, row: int, tree: int) -> list[int]:
    """The nodes that one row comes through, from the root to its leaf."""
    way, nodes = [int(ensemble.roots[tree])], ensemble.nodes
    while nodes.feature[way[-1]] >= 0:
        left = nodes.goes_left(np.array([way[-1]]), read[:, [row]])[0, 0]
        way.append(int((nodes.left if left else nodes.right)[way[-1]]))
    return way


@pytest.mark.parametrize("seed", range(4))
def test_every_row_comes_to_the_leaf_that_a_walk_comes_to(seed) -> None:
    ensemble, rows = model(seed).trees, rows_of(seed)
    read = ensemble.read(rows)
    leaves = leaves_of(ensemble, read)
    for row, tree in np.ndindex(leaves.shape):
        assert leaves[row, tree] == way_of(ensemble, read, row, tree)[-1]


@pytest.mark.parametrize("target", [0, 1])
def test_what_trees_add_for_and_against_adds_up_to_the_output(target) -> None:
    made, rows = model(7), rows_of(7)
    ensemble = made.trees
    tables = TreeWays(made, SCHEMA, 2).tables(rows, np.full(len(rows), target))
    leaves = leaves_of(ensemble, ensemble.read(rows))
    output = ensemble.base[target] + ensemble.nodes.values[leaves][..., target].sum(axis=1)
    summary = tables["trees"]
    total = summary["base"] + summary["for_added"] + summary["against_added"]
    assert np.allclose(total, output)
    assert (summary["for_n"] + summary["against_n"] <= 12).all()
    assert (summary["for_added"] >= 0).all()
    assert (summary["against_added"] <= 0).all()


def test_the_path_of_the_tree_that_adds_most_holds_for_the_row() -> None:
    made, rows = model(3), rows_of(3)
    ensemble = made.trees
    tables = TreeWays(made, SCHEMA, 1).tables(rows, np.ones(len(rows), dtype=np.int64))
    leaves = leaves_of(ensemble, ensemble.read(rows))
    added = ensemble.nodes.values[leaves][..., 1]
    for case, path in tables["paths"].groupby("case"):
        tree = int(path["tree"].iloc[0]) - 1
        assert abs(added[case]).argmax() == tree
        assert path["added"].iloc[0] == pytest.approx(added[case, tree])
        assert path["depth"].tolist() == list(range(1, len(path) + 1))
        for step in path.itertuples():
            column = SCHEMA.position(step.feature)
            value = rows[case, column]
            assert step.display == FEATURES[column].display(value)
            if step.relation in {"at_most", "above"}:
                node = way_of(ensemble, ensemble.read(rows), case, tree)[step.depth - 1]
                below = value <= ensemble.nodes.threshold[node]
                zero = ensemble.nodes.zero_missing is not None and abs(value) <= 1e-35
                assert below == (step.relation == "at_most") or zero


def test_categories_that_go_the_same_way_are_listed_and_that_of_the_row_is_among_them() -> None:
    seen = 0
    for seed in range(6):
        made, rows = model(seed), rows_of(seed)
        tables = TreeWays(made, SCHEMA, 4).tables(rows, np.ones(len(rows), dtype=np.int64))
        for step in tables["paths"].query("relation == 'among'").itertuples():
            assert step.display in step.bound.split("; ")
            seen += 1
    assert seen > 10
