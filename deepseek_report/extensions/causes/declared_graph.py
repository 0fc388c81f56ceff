"""The declared graph of causes with its nodes in the data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np

from deepseek_report.artifacts.array_types import Floats, Ints
from deepseek_report.artifacts.message import Message, message
from deepseek_report.artifacts.schema import Attribute, Schema
from deepseek_report.artifacts.split import Split
from deepseek_report.data_kinds import kind_of
from deepseek_report.extensions.causes.causal_declaration import CausalDeclaration, CausalQuestion
from deepseek_report.extensions.causes.cross_fitting import CausalData, Variable
from deepseek_report.extensions.causes.graph import CausalGraph, CausalRefusal, PathSets
from deepseek_report.statistics.resampling import Resampling
from deepseek_report.tasks import task_of

Role = Literal["feature", "attribute", "target", "unmeasured"]


@dataclass(frozen=True)
class GraphFault:
    """What of a declaration does not fit the data.

    path : keys that lead to the place in `causal`. fault : what is wrong there. known : names that
    are allowed. wrote : the name to which one of them may be near. todo : what to do else.
    """

    path: tuple[str, ...]
    fault: str
    known: tuple[str, ...] = ()
    wrote: str = ""
    todo: str = ""


@dataclass(frozen=True)
class GraphNode:
    """A node in the data. name : of its column or attribute. label : what people call it."""

    name: str
    label: str
    role: Role

    def values(self, rows: Split, schema: Schema) -> Floats:
        """(row,) numbers in their unit, positions of levels, 1 for the explained class; NaN where
        nobody knows.
        """
        if self.role == "feature":
            return rows.inputs[:, schema.position(self.name)]
        if self.role == "unmeasured":
            return np.full(len(rows), np.nan)
        if self.role == "target":
            labels = np.asarray(rows.labels, dtype=np.float64)
            decides = task_of(schema.target).decides
            return _of_class(labels, schema.target.explained) if decides else labels
        codes = np.asarray(rows.groups[self.name], dtype=np.float64)
        return np.where(codes < 0, np.nan, codes)

    def levels(self, schema: Schema) -> tuple[tuple[str, str], ...]:
        """(code, label) of each level in the order of its values; none of a number."""
        if self.role == "feature":
            return tuple((c.code, c.label) for c in schema.feature(self.name).categories)
        if self.role == "attribute":
            return tuple((level, level) for level in schema.attribute(self.name).levels)
        target = schema.target
        if not task_of(target).decides or self.role == "unmeasured":
            return ()
        return (("0", f"not {target.explained_class}"), ("1", target.explained_class))

    def display(self, value: float, schema: Schema) -> str:
        """A value as people write it."""
        if self.role == "feature":
            return schema.feature(self.name).display(value)
        levels = self.levels(schema)
        return levels[round(value)][1] if levels else f"{value:g}"


def _of_class(labels: Floats, explained: int) -> Floats:
    return np.where(labels < 0, np.nan, (labels == explained).astype(np.float64))


def names_of(schema: Schema, declaration: CausalDeclaration) -> dict[str, GraphNode]:
    """{what a declaration may write, in small letters: the node}.

    Names come before labels, features before the target, and both before attributes; the target is
    also known by the class that is explained. What is declared as unmeasured comes last.
    """
    target = schema.target
    named: list[tuple[str, GraphNode]] = []
    features = [GraphNode(f.name, f.label, "feature") for f in schema.features]
    outcome = GraphNode(target.name, target.label, "target")
    attributes = [GraphNode(a.name, a.label, "attribute") for a in _own_attributes(schema)]
    for nodes in (features, [outcome], attributes):
        named += [(node.name, node) for node in nodes]
    named += [(node.label, node) for node in (*features, outcome, *attributes)]
    if task_of(target).decides:
        named.append((target.explained_class, outcome))
    named += [(name, GraphNode(name, name, "unmeasured")) for name in declaration.unmeasured]
    known: dict[str, GraphNode] = {}
    for name, node in named:
        known.setdefault(name.lower(), node)
    return known


def _own_attributes(schema: Schema) -> list[Attribute]:
    """Attributes that are no column of the model: others are known by their column."""
    return [a for a in schema.attributes if a.source is None or a.source not in schema.names]


@dataclass(frozen=True)
class DeclaredGraph:
    """A declaration whose nodes are all in the data, or declared as unmeasured.

    graph : of the nodes by their names. nodes : {name: node}.
    """

    schema: Schema
    declaration: CausalDeclaration
    graph: CausalGraph
    nodes: Mapping[str, GraphNode]

    @classmethod
    def of(cls, declaration: CausalDeclaration, schema: Schema) -> DeclaredGraph:
        """Resolve the names of a declaration.

        KeyError where a name is unknown, ValueError where arrows run in a circle; see `faults`.
        """
        known = names_of(schema, declaration)
        parents: dict[str, list[str]] = {}
        for name, acting in declaration.graph.items():
            own = parents.setdefault(known[name.lower()].name, [])
            own += [known[parent.lower()].name for parent in acting]
        graph = CausalGraph.of(
            {name: tuple(dict.fromkeys(acting)) for name, acting in parents.items()},
            unmeasured=[known[name.lower()].name for name in declaration.unmeasured],
        )
        by_name = {node.name: node for node in known.values()}
        return cls(schema, declaration, graph, {name: by_name[name] for name in graph.nodes})

    @cached_property
    def known(self) -> Mapping[str, GraphNode]:
        """{what a declaration may write, in small letters: the node}."""
        return names_of(self.schema, self.declaration)

    def node(self, name: str) -> GraphNode:
        """The node of a name as it was declared."""
        return self.known[name.lower()]

    def label(self, name: str) -> str:
        """What people call a node."""
        return self.nodes[name].label if name in self.nodes else name

    def unit(self, node: GraphNode) -> str | None:
        """The unit of a node that is a number."""
        if node.role == "target":
            return self.schema.target.unit
        return self.schema.feature(node.name).unit if node.role == "feature" else None

    def labels(self, names: Iterable[str]) -> list[str]:
        """What people call these nodes."""
        return [self.label(name) for name in names]

    def data(self, rows: Split, seed: int, most: int) -> CausalData:
        """What effects are estimated from: so many of the rows at most, drawn by the seed."""
        rows = rows.take(self.drawn(len(rows), seed, most))
        variables = {
            name: Variable(node.values(rows, self.schema), self._classes(node))
            for name, node in self.nodes.items()
            if node.role != "unmeasured"
        }
        return CausalData(variables, Resampling.of(rows), seed)

    def _classes(self, node: GraphNode) -> int:
        """How many classes a node has; 0 of numbers, and of ordered levels that nobody sets."""
        of_order = node.role == "feature" and self.schema.feature(node.name).kind == "ordinal"
        is_set = any(
            question.kind == "effect" and self.node(question.effect_of) == node
            for question in self.declaration.questions
        )
        return 0 if of_order and not is_set else len(node.levels(self.schema))

    @staticmethod
    def drawn(n: int, seed: int, most: int) -> Ints:
        """Positions of so many of n rows at most, in their order."""
        if n <= most:
            return np.arange(n)
        return np.sort(np.random.default_rng(seed).choice(n, most, replace=False))

    def attribute_of(self, question: CausalQuestion) -> tuple[Attribute, GraphNode]:
        """The attribute of a gap, and the node that stands for it; KeyError without one."""
        attribute = gap_attribute(question.gap, self.schema)
        if attribute is None:
            raise KeyError(question.gap)
        return attribute, self.nodes[attribute_node(attribute, self.schema)]

    def says(self) -> list[Message]:
        """What the graph says, arrow by arrow: a sentence for each node that something acts on."""
        return [
            message("causes.graph.node", child=self.label(node), parents=self.labels(parents))
            for node, parents in self.graph.parents.items()
            if parents
        ]

    def claims(self) -> list[Message]:
        """A sentence for each missing arrow: what is independent, and once what is known."""
        return [
            message(
                "causes.graph.claim",
                first=self.label(claim.first),
                second=self.label(claim.second),
                held=self.labels(claim.held),
            )
            for claim in self.graph.implied_independences()
        ]

    def plan_of(self, question: CausalQuestion) -> Message:
        """What a question is answered by, or why the graph leaves it without an answer."""
        if question.kind == "gap":
            attribute, node = self.attribute_of(question)
            sets = self.path_sets(node)
            label = attribute.label
            if isinstance(sets, CausalRefusal):
                reason = self.in_words(sets.reason)
                return message("causes.graph.no_gap", attribute=label, reason=reason)
            return message(
                "causes.graph.gap",
                attribute=label,
                through=self.labels(sets.mediators),
                beside=self.labels(sets.confounders),
            )
        nodes = (self.node(question.effect_of), self.node(question.on))
        treatment, outcome = (node.label for node in nodes)
        held = self.graph.back_door(*(node.name for node in nodes))
        if isinstance(held, CausalRefusal):
            reason = self.in_words(held.reason)
            return message(
                "causes.graph.no_effect", treatment=treatment, outcome=outcome, reason=reason
            )
        labels = self.labels(held)
        return message("causes.graph.effect", treatment=treatment, outcome=outcome, held=labels)

    def path_sets(self, group: GraphNode) -> PathSets | CausalRefusal:
        """By which nodes the gap between groups splits, in what is predicted and in answers."""
        reads = [name for name, node in self.nodes.items() if node.role == "feature"]
        return self.graph.path_sets(group.name, self.schema.target.name, reads)

    def in_words(self, reason: Message) -> Message:
        """A reason of the statistics with the labels of nodes in place of their names."""
        return Message(reason.id, {key: self._relabelled(v) for key, v in reason.values.items()})

    def _relabelled(self, value: object) -> object:
        if isinstance(value, str):
            return self.label(value)
        return [self._relabelled(each) for each in value] if isinstance(value, list) else value


def gap_attribute(name: str, schema: Schema) -> Attribute | None:
    """The attribute that a question names by itself or by its column."""
    for attribute in schema.attributes:
        named = {attribute.name, attribute.label, attribute.source or ""}
        if attribute.source in schema.names:
            named.add(schema.feature(str(attribute.source)).label)
        if name.lower() in {each.lower() for each in named if each}:
            return attribute
    return None


def attribute_node(attribute: Attribute, schema: Schema) -> str:
    """The name of the node that stands for an attribute: its column where the model has one."""
    source = attribute.source
    return source if source is not None and source in schema.names else attribute.name


def faults(declaration: CausalDeclaration, schema: Schema) -> Iterator[GraphFault]:
    """What of a declaration does not fit the data: each where it stands, and what to do."""
    if not kind_of(schema).named_columns:
        yield GraphFault(
            (),
            f"a graph of causes is about columns, and the data are of the kind {schema.modality}",
            todo="leave causal out: only tables have columns that a graph can name",
        )
        return
    unknown = list(_unknown_nodes(declaration, schema))
    yield from unknown
    if unknown:
        return
    try:
        graph = DeclaredGraph.of(declaration, schema)
    except ValueError as error:
        yield GraphFault(("graph",), str(error), todo="leave out the arrow that does not hold")
        return
    for place, question in enumerate(declaration.questions):
        for fault in _question_faults(question, graph):
            yield replace(fault, path=("questions", str(place), *fault.path))


def _unknown_nodes(declaration: CausalDeclaration, schema: Schema) -> Iterator[GraphFault]:
    known = names_of(schema, declaration)
    columns = tuple(node.name for node in dict.fromkeys(known.values()))
    for name, acting in declaration.graph.items():
        for node in dict.fromkeys((name, *acting)):
            if node.lower() not in known:
                yield GraphFault(
                    ("graph", name),
                    f"“{node}” is no column of the data",
                    columns,
                    node,
                    f"name a column, or say that nobody measured it: causal.unmeasured=[{node}]",
                )
    for name in declaration.unmeasured:
        if known[name.lower()].role != "unmeasured":
            yield GraphFault(
                ("unmeasured",), f"“{name}” is a column of the data", todo="take it from the list"
            )


def _question_faults(question: CausalQuestion, graph: DeclaredGraph) -> Iterator[GraphFault]:
    if question.gap:
        yield from _gap_faults(question, graph)
        return
    for field in ("effect_of", "on"):
        name = getattr(question, field)
        node = graph.known.get(name.lower())
        if node is None or node.name not in graph.nodes:
            yield GraphFault(
                (field,),
                f"“{name}” is not in the graph",
                tuple(graph.nodes),
                name,
                "add it to causal.graph, with what acts on it",
            )
            return
    outcome = graph.node(question.on)
    if graph.node(question.effect_of) == outcome:
        yield GraphFault(("on",), "it is what is set, too", tuple(graph.nodes), "", "name another")
        return
    if len(outcome.levels(graph.schema)) > 2:
        yield GraphFault(
            ("on",),
            f"“{question.on}” has more than two levels, and an effect is a difference of means",
            todo="name a number, or something with two levels",
        )
    yield from _level_faults(question, graph)


def _gap_faults(question: CausalQuestion, graph: DeclaredGraph) -> Iterator[GraphFault]:
    schema = graph.schema
    attribute = gap_attribute(question.gap, schema)
    if attribute is None:
        yield GraphFault(
            ("gap",),
            f"“{question.gap}” is no attribute by which groups are compared",
            tuple(attribute.name for attribute in schema.attributes),
            question.gap,
            f"declare it first: dataset.sensitive=[{question.gap}]",
        )
        return
    for node in (attribute_node(attribute, schema), schema.target.name):
        if node not in graph.nodes:
            yield GraphFault(
                ("gap",),
                f"“{node}” is not in the graph",
                todo=f"add {node} to causal.graph: what it acts on, and what acts on it",
            )


def _level_faults(question: CausalQuestion, graph: DeclaredGraph) -> Iterator[GraphFault]:
    """What is wrong with `from`, `to` and `by`."""
    node = graph.node(question.effect_of)
    levels = node.levels(graph.schema)
    ends = {"from": question.from_, "to": question.to}
    written = {field: end for field, end in ends.items() if end is not None}
    if question.by is not None:
        if levels:
            codes = tuple(code for code, _ in levels)
            yield GraphFault(
                ("by",), "it has levels, and no amount", codes, "", "write from and to"
            )
        elif written:
            yield GraphFault(("by",), "an amount stands beside two values", todo="leave one out")
        return
    if written and not levels:
        yield GraphFault(
            tuple(written)[:1], "it is a number, which is moved by an amount", todo="write by: …"
        )
        return
    if len(written) == 1:
        yield GraphFault((), f"only `{next(iter(written))}` is written", todo="write both, or none")
        return
    for field, end in written.items():
        if value_of(end, node, graph.schema) is None:
            yield GraphFault(
                (field,),
                f"“{question.effect_of}” has no value “{end}”",
                tuple(text for pair in levels for text in dict.fromkeys(pair)) or ("a number",),
                str(end) if levels else "",
                "write one that it has",
            )
    if len({str(end) for end in written.values()}) == 1:
        yield GraphFault(("to",), "both values are the same", todo="write two different ones")


def value_of(written: str | bool | int | float, node: GraphNode, schema: Schema) -> float | None:
    """A level or number of a declaration as the data hold it; None where there is no such."""
    levels = node.levels(schema)
    if levels:
        text = str(written).lower()
        places = (k for k, pair in enumerate(levels) if text in {each.lower() for each in pair})
        return next(map(float, places), None)
    if isinstance(written, str | bool):
        return None
    return float(written) if np.isfinite(written) else None
