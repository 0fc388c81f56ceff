"""What a declared graph implies, and what can be identified from it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np
import pytest

from deepseek_report.statistics.causes.graph import (
    MOST_NODES,
    CausalGraph,
    CausalRefusal,
    IndependenceClaim,
    PathSets,
)

CREDIT = CausalGraph.of(
    {"income": ["age", "education"], "limit": ["income"], "default": ["delay", "age", "limit"]}
)


def test_families_are_those_of_the_arrows() -> None:
    assert CREDIT.nodes == ("income", "limit", "default", "age", "education", "delay")
    assert CREDIT.children("age") == ("income", "default")
    assert CREDIT.ancestors("limit") == {"income", "age", "education"}
    assert CREDIT.descendants("education") == {"income", "limit", "default"}
    assert ("income", "limit") in CREDIT.arrows
    assert len(CREDIT.arrows) == 6


@pytest.mark.parametrize(
    ("causes", "options", "words"),
    [
        ({"a": ["b"], "b": ["c"], "c": ["a"]}, {}, "in a circle: a → c → b → a"),
        ({"a": ["a"]}, {}, "in a circle: a → a"),
        ({"a": ["b", "b"]}, {}, "the causes of a name a node twice"),
        ({"a": ["b"]}, {"known": ["a", "c"]}, "no column is called b; known are a, c"),
        ({"a": ["b"]}, {"unmeasured": ["u"]}, "unmeasured node u has no arrow"),
        ({"a": [f"x{k}" for k in range(MOST_NODES)]}, {}, f"{MOST_NODES + 1} nodes"),
    ],
)
def test_a_graph_that_cannot_be_names_what_is_wrong(causes, options, words) -> None:
    with pytest.raises(ValueError, match=words):
        CausalGraph.of(causes, **options)


def test_an_unmeasured_node_needs_no_column() -> None:
    graph = CausalGraph.of({"a": ["u"], "b": ["u"]}, known=["a", "b"], unmeasured=["u"])
    assert graph.measured == ("a", "b")
    assert graph.implied_independences() == ()


def test_a_collider_is_not_held_and_a_chain_is() -> None:
    assert CausalGraph.of({"b": ["a", "c"]}).implied_independences() == (
        IndependenceClaim("a", "c", ()),
    )
    assert CausalGraph.of({"b": ["a"], "c": ["b"]}).implied_independences() == (
        IndependenceClaim("c", "a", ("b",)),
    )


def _drawn(rng: np.random.Generator, n: int, hidden: int) -> CausalGraph:
    names = [f"v{k}" for k in range(n)]
    causes = {
        name: [other for other in names[:k] if rng.random() < 0.45] for k, name in enumerate(names)
    }
    joined = {name for name in names if causes[name] or any(name in c for c in causes.values())}
    unmeasured = [str(u) for u in rng.permutation(sorted(joined))[:hidden]]
    return CausalGraph.of(causes, unmeasured=unmeasured)


Arrows = set[tuple[str, str]]


def _separated(graph: CausalGraph, a: str, b: str, held: frozenset[str], cut: str = "") -> bool:
    """By walking along all undirected paths and looking at each of their nodes."""
    arrows = {pair for pair in graph.arrows if pair[0] != cut}
    return not any(_is_open(path, arrows, held) for path in _paths([a], b, arrows))


def _paths(path: list[str], end: str, arrows: Arrows) -> Iterator[list[str]]:
    if path[-1] == end:
        yield path
        return
    for pair in arrows:
        for node, following in (pair, pair[::-1]):
            if node == path[-1] and following not in path:
                yield from _paths([*path, following], end, arrows)


def _below(node: str, arrows: Arrows) -> set[str]:
    direct = {effect for cause, effect in arrows if cause == node}
    return direct.union(*(_below(each, arrows) for each in direct))


def _is_open(path: list[str], arrows: Arrows, held: frozenset[str]) -> bool:
    for before, node, after in zip(path, path[1:], path[2:], strict=False):
        if {(before, node), (after, node)} <= arrows:
            if not ({node} | _below(node, arrows)) & held:
                return False
        elif node in held:
            return False
    return True


@pytest.mark.parametrize("seed", range(6))
def test_claims_are_those_of_a_walk_along_all_paths(seed: int) -> None:
    graph = _drawn(np.random.default_rng(seed), 5, hidden=seed % 2)
    claims = {(claim.first, claim.second): claim.held for claim in graph.implied_independences()}
    for a, b in combinations(graph.measured, 2):
        others = [node for node in graph.measured if node not in (a, b)]
        sets = [frozenset(s) for k in range(len(others) + 1) for s in combinations(others, k)]
        separating = [held for held in sets if _separated(graph, a, b, held)]
        assert ((a, b) in claims) == bool(separating)
        if separating:
            held = frozenset(claims[a, b])
            assert held in separating
            later = a if b in graph.ancestors(a) else b
            if held != set(graph.parents[later]):
                assert set(graph.parents[later]) & graph.unmeasured
                assert not any(smaller < held for smaller in separating), "not minimal"


@pytest.mark.parametrize("seed", range(8))
def test_what_is_held_for_an_effect_closes_all_back_doors_and_is_not_changed_by_it(seed) -> None:
    graph = _drawn(np.random.default_rng(50 + seed), 5, hidden=seed % 3)
    for treatment, outcome in combinations(graph.measured, 2):
        held = graph.back_door(treatment, outcome)
        below = graph.descendants(treatment)
        free = [n for n in graph.measured if n not in below | {treatment, outcome}]
        sets = [frozenset(s) for k in range(len(free) + 1) for s in combinations(free, k)]
        closing = [s for s in sets if _separated(graph, treatment, outcome, s, cut=treatment)]
        if isinstance(held, CausalRefusal):
            kind = held.kind
            assert kind == ("not_identifiable" if outcome in below else "no_directed_path")
            assert kind == "no_directed_path" or not closing
        else:
            assert not set(held) & below
            assert _separated(graph, treatment, outcome, frozenset(held), cut=treatment)


def test_what_predicts_the_outcome_is_held_rather_than_what_predicts_the_treatment() -> None:
    graph = CausalGraph.of({"t": ["a"], "b": ["a"], "y": ["t", "b"]})
    assert graph.back_door("t", "y") == ("b",)
    hidden = CausalGraph.of({"t": ["a"], "b": ["a"], "y": ["t", "b"]}, unmeasured=["b"])
    assert hidden.back_door("t", "y") == ("a",)


def test_a_hidden_common_cause_is_named() -> None:
    graph = CausalGraph.of({"t": ["u"], "y": ["t", "u"]}, unmeasured=["u"])
    refusal = graph.back_door("t", "y")
    assert isinstance(refusal, CausalRefusal)
    assert refusal.kind == "not_identifiable"
    assert refusal.reason.values["unmeasured"] == ["u"]
    unmeasured = graph.back_door("u", "y")
    assert isinstance(unmeasured, CausalRefusal)
    assert unmeasured.kind == "unmeasured_node"


def test_paths_are_split_into_what_the_group_changes_and_what_it_does_not() -> None:
    graph = CausalGraph.of(
        {"sex": ["age"], "income": ["sex", "age"], "default": ["income", "sex", "delay"]}
    )
    assert graph.path_sets("sex", "default") == PathSets(("age", "delay"), ("income",))
    further = CausalGraph.of(
        {
            "sex": ["age"],
            "income": ["sex"],
            "default": ["income"],
            "limit": ["sex"],
            "age": ["area"],
        }
    )
    read = further.path_sets("sex", "default", also=["limit"])
    assert read == PathSets(("age", "area"), ("income", "limit"))


@pytest.mark.parametrize("touched", ["sex", "income"])
def test_paths_are_refused_where_a_hidden_cause_joins_them(touched: str) -> None:
    causes = {"sex": [], "income": ["sex"], "default": ["income", "sex", "u"]}
    causes[touched] = [*causes[touched], "u"]
    refusal = CausalGraph.of(causes, unmeasured=["u"]).path_sets("sex", "default")
    assert isinstance(refusal, CausalRefusal)
    assert refusal.kind == "paths_not_identifiable"
    assert refusal.reason.values["unmeasured"] == ["u"]
