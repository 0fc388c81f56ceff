"""Values for the slots of a text, made from what its templates ask of them.

A text has no types of its own: what a slot holds is told by the filters that write it, the parts
that are read of it and the constants that it is compared with, in any language. From that `draw`
makes values that take every branch, and `emptied` puts an empty value into each place.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from jinja2 import nodes

from deepseek_report.artifacts.estimate import Estimate

#: Filters by what they take.
ESTIMATES = {"share", "value", "gap", "rough_share", "rough_percent", "rough_value", "rough_gap"}
ESTIMATES |= {"signed_gap"}
NUMBERS = {"count", "number", "percent", "points", "p", "digits", "plural", "form", "spelled", "abs"}
NUMBERS |= {"seconds", "bound", "setting", "round", "quantity"}
LISTS = {"listing", "either", "quoted", "join", "length", "list", "map", "select", "first", "last"}
LISTS |= {"selectattr", "rejectattr", "unique", "groupby"}
TEXTS = {"explainer", "artifact", "inline", "condition", "sentence", "lower", "labelled", "lead"}
TEXTS |= {"rest", "clause", "replace", "trim", "group"}
#: Parts by which an estimate is known.
OF_ESTIMATES = {"value", "low", "high", "n", "is_defined", "ends"}


@dataclass
class Shape:
    """What is asked of one place: its kinds, its parts, and the constants it is compared with."""

    kinds: set[str] = field(default_factory=set)
    parts: dict[str, Shape] = field(default_factory=dict)
    element: Shape | None = None
    constants: list[Any] = field(default_factory=list)
    keys: tuple[str, ...] = ()
    closed: bool = False

    def part(self, name: str) -> Shape:
        return self.parts.setdefault(name, Shape())

    def each(self) -> Shape:
        self.kinds.add("list")
        self.element = self.element or Shape()
        return self.element

    @property
    def kind(self) -> str:
        if "string" in self.kinds:
            return "choice" if self.constants else "text"
        if "attribution" in self.kinds:
            return "attribution"
        if "estimate" in self.kinds:
            return "estimate"
        if "items" in self.kinds and not self.parts:
            return "items"
        if self.element is not None or "list" in self.kinds:
            return "list"
        if self.parts:
            known = self.parts.keys() & OF_ESTIMATES and self.parts.keys() <= OF_ESTIMATES
            return "estimate" if known else "mapping"
        if any(isinstance(each, str) for each in self.constants):
            return "choice"
        if "number" in self.kinds or self.constants:
            return "number"
        if self.kinds & {"text", "printed"}:
            return "text"
        return "flag"


class Reader:
    """Reads templates of one text into the shapes of its slots."""

    def __init__(self, groups: Mapping[str, Iterable[str]]) -> None:
        self.root = Shape()
        self.groups = groups

    def read(self, tree: nodes.Template) -> None:
        self._body(tree.body, {})

    # --- statements ---
    def _body(self, body: Iterable[nodes.Node], scope: dict[str, Shape | None]) -> None:
        for node in body:
            if isinstance(node, nodes.Output):
                for each in node.nodes:
                    if shape := self._shape(each, scope):
                        shape.kinds.add("printed")
            elif isinstance(node, nodes.If):
                self._ask(node.test, scope)
                for part in (node.body, *(each.body for each in node.elif_), node.else_):
                    self._body(part, scope)
                for each in node.elif_:
                    self._ask(each.test, scope)
            elif isinstance(node, nodes.For):
                self._for(node, dict(scope))
            elif isinstance(node, nodes.Assign):
                value = self._shape(node.node, scope)
                if isinstance(node.target, nodes.Name):
                    scope[node.target.name] = value
            else:
                raise TypeError(f"no text has had a {type(node).__name__} before")

    def _ask(self, test: nodes.Node, scope: dict[str, Shape | None]) -> None:
        """A condition: what it asks for by itself may be empty."""
        shape = self._shape(test, scope)
        if shape is not None and isinstance(test, nodes.Name | nodes.Getattr):
            shape.kinds.add("asked")
        for each in test.iter_child_nodes() if isinstance(test, nodes.And | nodes.Or | nodes.Not) else ():
            self._ask(each, scope)

    def _for(self, node: nodes.For, scope: dict[str, Shape | None]) -> None:
        scope["loop"] = None
        each = self._element(node.iter, scope)
        if isinstance(node.target, nodes.Name):
            scope[node.target.name] = each
        else:
            names = [name.name for name in node.target.find_all(nodes.Name)]
            scope |= dict.fromkeys(names)
            if each is not None:
                scope |= {names[0]: each.part("key"), names[1]: each.part("item")}
        if node.test is not None:
            self._shape(node.test, scope)
        self._body(node.body, scope)

    # --- expressions ---
    def _element(self, node: nodes.Node, scope: dict[str, Shape | None]) -> Shape | None:
        shape = self._shape(node, scope)
        return None if shape is None else shape.each()

    def _shape(self, node: nodes.Node, scope: dict[str, Shape | None]) -> Shape | None:
        """The place that an expression reads; None where it is made of several."""
        if isinstance(node, nodes.Name):
            return scope[node.name] if node.name in scope else self.root.part(node.name)
        if isinstance(node, nodes.Getattr):
            inner = self._shape(node.node, scope)
            return None if inner is None else inner.part(node.attr)
        if isinstance(node, nodes.Getitem):
            return self._item(node, scope)
        if isinstance(node, nodes.Filter):
            return self._filter(node, scope)
        if isinstance(node, nodes.Test):
            shape = self._shape(node.node, scope)
            if shape is not None:
                shape.kinds |= {node.name} & {"none", "defined"}
                shape.kinds |= {"number"} if node.name == "number" else set()
            return None
        if isinstance(node, nodes.Compare):
            return self._compare(node, scope)
        if isinstance(node, nodes.Call):
            return self._call(node, scope)
        if isinstance(node, nodes.Dict):
            keys = [pair.key for pair in node.items]
            return Shape(keys=tuple(key.value for key in keys if isinstance(key, nodes.Const)))
        inner = [self._shape(each, scope) for each in node.iter_child_nodes()]
        if isinstance(node, nodes.Add | nodes.Sub | nodes.Mul | nodes.Div | nodes.Neg):
            for shape in inner:
                if shape is not None:
                    shape.kinds.add("number")
        if isinstance(node, nodes.Concat):
            for shape in inner:
                if shape is not None:
                    shape.kinds.add("printed")
        if isinstance(node, nodes.CondExpr):
            self._ask(node.test, scope)
            inner = inner[1:]
            sides = (node.expr1, node.expr2)
            if all(isinstance(each, nodes.Name) for each in sides) and None not in inner:
                inner[0].parts = inner[1].parts = inner[0].parts | inner[1].parts
                return inner[0]
        known = [shape for shape in inner if shape is not None]
        if isinstance(node, nodes.CondExpr | nodes.Or | nodes.And):
            return known[0] if len(known) == 1 else None
        return None

    def _item(self, node: nodes.Getitem, scope: dict[str, Shape | None]) -> Shape | None:
        inner = self._shape(node.node, scope)
        if inner is None:
            return None
        if inner.keys:
            if (chosen := self._shape(node.arg, scope)) is not None:
                chosen.constants += inner.keys
                chosen.closed = True
            return None
        if isinstance(node.arg, nodes.Slice):
            if "string" not in inner.kinds:
                inner.each()
            return inner
        if isinstance(node.arg, nodes.Const) and isinstance(node.arg.value, str):
            return inner.part(node.arg.value)
        return inner.each()

    def _filter(self, node: nodes.Filter, scope: dict[str, Shape | None]) -> Shape | None:
        assert node.node is not None
        inner = self._shape(node.node, scope)
        further = [self._shape(each, scope) for each in (*node.args, *node.kwargs)]
        constants = [each.value for each in node.args if isinstance(each, nodes.Const)]
        if node.name == "format":
            for shape in further:
                if shape is not None:
                    shape.kinds.add("number")
            return None
        if inner is None:
            return None
        if node.name == "map":
            return self._map(node, inner, constants)
        if node.name in {"selectattr", "rejectattr"}:
            self._path(inner.each(), str(constants[0]))
            return inner
        if node.name in {"first", "last"}:
            return inner.each()
        if node.name == "groupby":
            grouper = self._path(inner.each(), str(constants[0]))
            return Shape({"list"}, element=Shape(parts={"list": inner, "grouper": grouper}))
        self._mark(inner, node.name, constants, further)
        return inner if node.name in {"list", "select", "unique"} else None

    def _map(self, node: nodes.Filter, inner: Shape, constants: list[Any]) -> Shape:
        named = {each.key: each.value for each in node.kwargs}
        if isinstance(named.get("attribute"), nodes.Const):
            made = Shape()
            made.element = self._path(inner.each(), str(named["attribute"].value))
            made.kinds.add("list")
            return made
        self._mark(inner.each(), str(constants[0]), constants[1:], [])
        return inner

    def _path(self, shape: Shape, path: str) -> Shape:
        for name in path.split("."):
            shape = shape.part(name)
        return shape

    def _mark(self, shape: Shape, name: str, constants: list[Any], further: list[Any]) -> None:
        if name in ESTIMATES:
            shape.kinds.add("estimate")
        elif name in NUMBERS:
            shape.kinds.add("number")
        elif name in LISTS:
            element = shape.each()
            element.kinds |= {"printed"} if name in {"listing", "either", "quoted", "join"} else set()
        elif name in TEXTS:
            shape.kinds.add("text")
            if name == "labelled":
                shape.constants += list(self.groups.get(constants[0], ()))[:3]
        elif name == "attribution":
            shape.kinds.add("attribution")
        for at, each in enumerate(further):
            if each is not None:
                is_text = name in {"group", "plural", "form"} or (name == "quantity" and not at)
                each.kinds.add("printed" if is_text else "number")

    def _compare(self, node: nodes.Compare, scope: dict[str, Shape | None]) -> None:
        sides = [node.expr, *(each.expr for each in node.ops)]
        shapes = [self._shape(each, scope) for each in sides]
        known = [
            item.value
            for each in sides
            for item in ([each] if isinstance(each, nodes.Const) else each.find_all(nodes.Const))
            if not isinstance(each, nodes.Filter | nodes.Getitem)
        ]
        operators = {each.op for each in node.ops}
        for at, shape in enumerate(shapes):
            if shape is None:
                if isinstance(sides[at], nodes.Filter):
                    self._length(sides[at], known, scope)
                continue
            if operators & {"in", "notin"} and at == 1 and "string" not in shape.kinds:
                shape.each().constants += [each for each in known if each is not None]
            else:
                shape.constants += [each for each in known if each is not None]
            if operators & {"lt", "gt", "lteq", "gteq"}:
                shape.kinds.add("number")

    def _length(self, node: nodes.Node, known: list[Any], scope: dict[str, Shape | None]) -> None:
        assert isinstance(node, nodes.Filter) and node.node is not None
        shape = self._shape(node.node, scope)
        if node.name == "length" and shape is not None:
            shape.constants += [each for each in known if isinstance(each, int)]

    def _call(self, node: nodes.Call, scope: dict[str, Shape | None]) -> Shape | None:
        further = [self._shape(each, scope) for each in (*node.args, *(k.value for k in node.kwargs))]
        if isinstance(node.node, nodes.Name):
            if node.node.name == "label" and further[-1] is not None:
                group = node.args[0]
                if isinstance(group, nodes.Const):
                    further[-1].constants += list(self.groups.get(group.value, ()))[:3]
                else:
                    further[-1].kinds.add("text")
            elif node.node.name == "interval":
                for shape in further:
                    if shape is not None:
                        shape.kinds.add("number")
            return None
        assert isinstance(node.node, nodes.Getattr)
        inner = self._shape(node.node.node, scope)
        if inner is None:
            return None
        if node.node.attr in {"items", "values"}:
            inner.kinds.add("items")
            inner.element = inner.element or Shape()
            is_pair = node.node.attr == "items"
            return Shape({"list"}, element=inner.element if is_pair else inner.element.part("item"))
        if node.node.attr == "negated":
            inner.kinds.add("estimate")
        if node.node.attr in {"rstrip", "split", "endswith", "startswith"}:
            inner.kinds.add("string")
        return None


#: Names that stand in for those of the data, of which no language has words.
NAMES = ["Quvek", "Zorbit", "Wimlar", "Xanof", "Jupek", "Vomtir", "Kizzul", "Fyxon", "Hodwex", "Plimqu"]


class Draw:
    """Values for shapes, all names and all numbers of which are different."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.names = itertools.cycle(self.random.sample(NAMES, len(NAMES)))
        self.used: set[str] = set()

    def of(self, shape: Shape) -> dict[str, Any]:
        """Values for all slots of a text."""
        return {name: self.value(each, name) for name, each in shape.parts.items()}

    def value(self, shape: Shape, name: str = "") -> Any:
        """A value that such a place may hold."""
        optional = "none" in shape.kinds
        if optional and self.random.random() < 0.35:
            return None
        return getattr(self, f"_{shape.kind}")(shape)

    def _flag(self, shape: Shape) -> bool:
        return self.random.random() < 0.5

    def _text(self, shape: Shape) -> str:
        return next(self.names)

    def _choice(self, shape: Shape) -> Any:
        texts = list(dict.fromkeys(each for each in shape.constants if isinstance(each, str)))
        others = [] if shape.closed else [next(self.names)]
        return self.random.choice([*texts, *others])

    def _number(self, shape: Shape) -> float:
        known = [each for each in shape.constants if isinstance(each, int | float)]
        if shape.constants and self.random.random() < 0.7:
            constant = self.random.choice(known or [1])
            step = self.random.choice([0, 1, -1])
            near = constant + step * (1 if float(constant).is_integer() else constant / 2 or 0.1)
            return near
        return self._new()

    def _new(self) -> float:
        """A number with digits of its own: a count, or a share."""
        return self.random.choice([self.random.randint(13, 98), self.random.randint(131, 879) / 1000])

    def _estimate(self, shape: Shape) -> Estimate:
        value = self.random.randint(131, 879) / 1000 * self.random.choice([1, 1, -1])
        if self.random.random() < 0.2:
            return Estimate(value, None, None, self.random.randint(13, 98))
        half = self.random.choice([0.02, 0.031, 0.9])
        return Estimate(value, value - half, value + half, self.random.randint(101, 998))

    def _attribution(self, shape: Shape) -> dict[str, Any]:
        return {"value": self._new() / 100, "space": self.random.choice(["probability", "logit", "value"])}

    def _list(self, shape: Shape) -> list[Any]:
        element = shape.element or Shape({"text"})
        constants = [each for each in shape.constants if isinstance(each, int)]
        most = max([3, *(each + 1 for each in constants)])
        size = self.random.choice([0, 1, 1, 2, 3, most])
        return [self.value(element) for _ in range(size)]

    def _mapping(self, shape: Shape) -> dict[str, Any]:
        return self.of(shape)

    def _items(self, shape: Shape) -> dict[str, Any]:
        element = shape.element or Shape()
        item = element.parts.get("item", element)
        return {next(self.names): self.value(item) for _ in range(self.random.choice([0, 1, 2]))}


def emptied(value: Any, shape: Shape, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, Any]]:
    """The value with one place of it after another empty, and which place that is."""
    if path:
        for empty in _empties(value, shape):
            yield path, empty
    for name, each in _inside(value):
        inner = shape.element if isinstance(value, list) else shape.parts.get(name)
        for place, other in emptied(each, inner or Shape(), (*path, name)):
            changed = dict(value) if isinstance(value, dict) else list(value)
            changed[name] = other
            yield place, changed


def _inside(value: Any) -> Iterable[tuple[Any, Any]]:
    if isinstance(value, dict):
        return value.items()
    return enumerate(value[:2]) if isinstance(value, list) else ()


def _empties(value: Any, shape: Shape) -> list[Any]:
    """What may stand in the place of a value where it is not there.

    A text may be empty where the template asks for it.
    """
    if isinstance(value, Estimate):
        return [None, Estimate(math.nan), Estimate(value.value)]
    if isinstance(value, bool):
        return [None]
    if isinstance(value, int | float):
        return [None, math.nan]
    if isinstance(value, str):
        return [None, ""] if "asked" in shape.kinds else [None]
    return [None, []] if isinstance(value, list) else [None]
