"""The graph of causes that a person declares: what it implies, and what can be identified from it.

Reference: Pearl 2009, Causality, doi:10.1017/CBO9780511803161.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from deepseek_report.artifacts.message import Message, message

if TYPE_CHECKING:
    import networkx as nx


#: A graph of more nodes is refused: nobody can answer for so many missing arrows.
MOST_NODES = 40


@dataclass(frozen=True)
class CausalRefusal:
    """Why a causal question gets no answer; nodes stand in the reason by their names."""

    reason: Message

    @property
    def kind(self) -> str:
        """Which refusal it is: `"not_identifiable"`, `"no_overlap"`, `"too_few_rows"`, …"""
        return self.reason.id.rpartition(".")[2]


@dataclass(frozen=True)
class IndependenceClaim:
    """A missing arrow: the graph claims that two nodes are independent where others are held.

    first, second : the nodes that no arrow joins, in the order of the graph.
    held : a minimal set of measured nodes that separates them; may be empty.
    """

    first: str
    second: str
    held: tuple[str, ...]


@dataclass(frozen=True)
class PathSets:
    """The nodes by which the gap between groups splits into paths.

    confounders : measured nodes that the group does not change, by which groups differ without the
        group being the cause. mediators : measured nodes that the group changes, through which it
        acts on an outcome.
    """

    confounders: tuple[str, ...]
    mediators: tuple[str, ...]


@dataclass(frozen=True)
class CausalGraph:
    """A directed graph without cycles; made by `CausalGraph.of`.

    parents : the direct causes of each node, in the order in which nodes were first named.
    unmeasured : nodes that no column of the data holds.
    """

    parents: Mapping[str, tuple[str, ...]]
    unmeasured: frozenset[str] = frozenset()

    @classmethod
    def of(
        cls,
        causes: Mapping[str, Sequence[str]],
        known: Collection[str] | None = None,
        unmeasured: Collection[str] = (),
    ) -> CausalGraph:
        """The graph in which each node has these direct causes.

        causes : {node: its direct causes}; who is only a cause need not be a key.
        known : names of the columns that a node may be; None for any.
        unmeasured : nodes that are declared although no column holds them.

        ValueError where a node is neither known nor unmeasured, where a cause is named twice, where
        an unmeasured node is not in the graph, where there are more than `MOST_NODES`, and where
        arrows run in a circle; it names the nodes.

        >>> CausalGraph.of({"income": ["age"], "age": ["income"]})
        Traceback (most recent call last):
        ValueError: the arrows run in a circle: age → income → age; remove one of them
        """
        parents = {node: tuple(direct) for node, direct in causes.items()}
        for direct in list(parents.values()):
            for node in direct:
                parents.setdefault(node, ())
        graph = cls(parents, frozenset(unmeasured))
        graph._check(known)
        return graph

    def _check(self, known: Collection[str] | None) -> None:
        twice = [node for node, direct in self.parents.items() if len(set(direct)) < len(direct)]
        if twice:
            raise ValueError(f"the causes of {twice[0]} name a node twice; name each once")
        if idle := sorted(self.unmeasured - set(self.parents)):
            raise ValueError(
                f"unmeasured node {idle[0]} has no arrow; remove it, or draw its arrows"
            )
        if known is not None:
            strange = [n for n in self.parents if n not in known and n not in self.unmeasured]
            if strange:
                raise ValueError(
                    f"no column is called {strange[0]}; known are {', '.join(sorted(known))}; "
                    "declare what no column holds as unmeasured"
                )
        if len(self.parents) > MOST_NODES:
            raise ValueError(f"{len(self.parents)} nodes; at most {MOST_NODES} can be declared")
        if circle := self._circle():
            raise ValueError(f"the arrows run in a circle: {circle}; remove one of them")

    def _circle(self) -> str:
        """A cycle as text from its first node in alphabetical order; empty where there is none."""
        import networkx as nx

        try:
            edges = nx.find_cycle(self._digraph)
        except nx.NetworkXNoCycle:
            return ""
        nodes = [start for start, _ in edges]
        least = nodes.index(min(nodes))
        ordered = nodes[least:] + nodes[:least]
        return " → ".join([*ordered, ordered[0]])

    @cached_property
    def _digraph(self) -> nx.DiGraph:
        """The graph of networkx with the same arrows."""
        import networkx as nx

        graph = nx.DiGraph()
        graph.add_nodes_from(self.parents)
        graph.add_edges_from(self.arrows)
        return graph

    @property
    def nodes(self) -> tuple[str, ...]:
        """All nodes, in the order in which they were first named."""
        return tuple(self.parents)

    @property
    def measured(self) -> tuple[str, ...]:
        """The nodes that a column holds."""
        return tuple(node for node in self.parents if node not in self.unmeasured)

    @property
    def arrows(self) -> tuple[tuple[str, str], ...]:
        """(cause, effect) of each arrow."""
        return tuple((cause, node) for node, direct in self.parents.items() for cause in direct)

    def children(self, node: str) -> tuple[str, ...]:
        """What a node causes directly."""
        return tuple(effect for cause, effect in self.arrows if cause == node)

    def ancestors(self, node: str) -> frozenset[str]:
        """The direct and indirect causes of a node, without itself."""
        import networkx as nx

        return frozenset(nx.ancestors(self._digraph, node))

    def descendants(self, node: str) -> frozenset[str]:
        """What a node causes directly or indirectly, without itself."""
        import networkx as nx

        return frozenset(nx.descendants(self._digraph, node))

    def implied_independences(self) -> tuple[IndependenceClaim, ...]:
        """A claim for each pair of measured nodes that no arrow joins, if others separate them.

        What is held are the direct causes of the node that does not cause the other: they leave
        least of it, so that a missing arrow is seen best. Where one of them is unmeasured it is a
        minimal set; no claim is made of a pair that measured nodes do not separate.
        """
        claims = []
        for at, first in enumerate(self.measured):
            for second in self.measured[at + 1 :]:
                if first in self.parents[second] or second in self.parents[first]:
                    continue
                later = first if second in self.ancestors(first) else second
                held: tuple[str, ...] | None = self._ordered(self.parents[later])
                if not set(self.parents[later]) <= set(self.measured):
                    held = self._separator(self._digraph, first, {second}, set(self.measured))
                if held is not None:
                    claims.append(IndependenceClaim(first, second, held))
        return tuple(claims)

    def _separator(
        self, graph: nx.DiGraph, first: str, others: set[str], allowed: set[str]
    ) -> tuple[str, ...] | None:
        """A minimal set of allowed nodes that separates a node from others; None if none does."""
        from networkx.algorithms.d_separation import find_minimal_d_separator

        held = find_minimal_d_separator(
            graph, {first}, others, restricted=allowed - {first} - others
        )
        return None if held is None else self._ordered(held)

    def _ordered(self, nodes: Collection[str]) -> tuple[str, ...]:
        return tuple(node for node in self.parents if node in nodes)

    def _without_arrows_from(self, nodes: Collection[str]) -> nx.DiGraph:
        graph = self._digraph.copy()
        graph.remove_edges_from([(node, effect) for node, effect in self.arrows if node in nodes])
        return graph

    def _unmeasured(self, *nodes: str) -> CausalRefusal | None:
        """Why nothing is said of these nodes, by the first of them that is unmeasured."""
        hidden = next((node for node in nodes if node in self.unmeasured), None)
        if hidden is None:
            return None
        return CausalRefusal(message("refusals.causal.unmeasured_node", node=hidden))

    def back_door(self, treatment: str, outcome: str) -> tuple[str, ...] | CausalRefusal:
        """What must be held alike so that the treatment's whole effect on the outcome is left.

        The set with the smallest asymptotic variance where all of it is measured: the direct causes
        of what lies on directed paths from the treatment to the outcome. Else a minimal measured
        set that closes all back doors, of nodes that the treatment does not change.

        Refused where the graph has no directed path from the treatment to the outcome, so that it
        claims an effect of 0, where one of both is unmeasured, and where no measured set closes all
        back doors; then the unmeasured common causes are named.

        Reference: Henckel, Perković & Maathuis 2022, doi:10.1111/rssb.12451 (optimal set).
        """
        if refusal := self._unmeasured(treatment, outcome):
            return refusal
        below = self.descendants(treatment)
        if outcome not in below:
            return CausalRefusal(
                message("refusals.causal.no_directed_path", treatment=treatment, outcome=outcome)
            )
        on_paths = (below & self.ancestors(outcome)) | {outcome}
        forbidden = (
            {node for place in on_paths for node in self.descendants(place)}
            | on_paths
            | {treatment}
        )
        optimal = {cause for node in on_paths for cause in self.parents[node]} - forbidden
        if optimal <= set(self.measured):
            return self._ordered(optimal)
        cut, allowed = self._without_arrows_from({treatment}), set(self.measured) - below
        held = self._separator(cut, treatment, {outcome}, allowed)
        if held is not None:
            return held
        common = self.unmeasured & self.ancestors(treatment) & self.ancestors(outcome)
        return CausalRefusal(
            message(
                "refusals.causal.not_identifiable",
                treatment=treatment,
                outcome=outcome,
                unmeasured=list(self._ordered(common or self.unmeasured)),
            )
        )

    def path_sets(
        self, group: str, outcome: str, also: Collection[str] = ()
    ) -> PathSets | CausalRefusal:
        """The nodes by which the gap of an outcome between groups splits into paths.

        also : further nodes that outcomes depend on, such as what the model reads, so that labels
        and answers can be split by the same nodes.

        Refused where an unmeasured node is a common cause that no measured nodes make up for: of
        the group and what follows, or of mediators and the outcome.

        Reference: Plečko & Bareinboim 2024, doi:10.1561/2200000106, arXiv 2207.11385 (the standard
        fairness model).
        """
        import networkx as nx

        if refusal := self._unmeasured(group, outcome):
            return refusal
        below = self.descendants(group)
        ends = {outcome, *also} - {group}
        relevant = {group, *ends}.union(*(self.ancestors(node) for node in (group, *ends)))
        inside = (relevant & set(self.measured)) - {group, outcome} - self.descendants(outcome)
        sets = PathSets(self._ordered(inside - below), self._ordered(inside & below))
        held, through = set(sets.confounders), set(sets.mediators)
        first = nx.is_d_separator(
            self._without_arrows_from({group}), {group}, through | {outcome}, held
        )
        second = not through or nx.is_d_separator(
            self._without_arrows_from(through), through, {outcome}, held | {group}
        )
        if first and second:
            return sets
        return CausalRefusal(
            message(
                "refusals.causal.paths_not_identifiable",
                group=group,
                outcome=outcome,
                unmeasured=list(self._ordered(self.unmeasured & relevant)),
            )
        )
