"""Values for the slots of a text, made from what its templates ask of them.

A text has no types of its own: what a slot holds is told by the filters that write it, the parts
that are read of it, and the constants that it is compared with, in any language. From that `Draw`
makes values, and `emptied` puts an empty value in each place of them.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from jinja2 import nodes
from jinja2.visitor import NodeVisitor

from deepseek_report.artifacts.estimate import Estimate

#: Filters that take a list, those of them that write its items, and those that take of them.
LISTS = {"listing", "either", "quoted", "join", "length", "list", "select", "unique"}
PRINTED = {"listing", "either", "quoted", "join"}
OF_ITEMS = {"map", "groupby", "first", "last", "selectattr", "rejectattr"}
#: Other filters, and what they say of the place that they write.
WRITTEN: tuple[tuple[set[str], set[str]], ...] = (
    ({"share", "value", "gap", "signed_gap"}, {"estimate"}),
    ({"rough_share", "rough_percent", "rough_value", "rough_gap"}, {"estimate"}),
    ({"count", "plural", "form", "spelled"}, {"number"}),
    ({"number", "percent", "points", "p", "digits", "abs", "round"}, {"number", "fraction"}),
    ({"seconds", "bound", "setting", "quantity"}, {"number", "fraction"}),
    ({"explainer", "artifact", "inline", "condition", "sentence", "lower"}, {"text"}),
    ({"lead", "rest", "clause", "group"}, {"text"}),
    ({"attribution"}, {"attribution"}),
)
#: Parts by which an estimate is known, and methods by which a text is.
OF_ESTIMATES = {"value", "low", "high", "n", "is_defined", "ends"}
OF_TEXTS = {"rstrip", "split", "endswith", "startswith"}
#: Names that stand in for those of data, of which no language has words.
NAMES = (
    "Quvek",
    "Zorbit",
    "Wimlar",
    "Xanof",
    "Jupek",
    "Vomtir",
    "Kizzul",
    "Fyxon",
    "Hodwex",
    "Plimqu",
)
#: What stands where there is nothing, by the kind of a place; elsewhere None does.
NOTHING: dict[str, Any] = {"text": "", "choice": "", "number": 0, "flag": False}


@dataclass
class Shape:
    """What is asked of one place: marks, its parts, and the constants that it is compared with.

    element : of each item of a list. keys : of a mapping that a template writes out. is_closed :
    whether it holds one of its constants.
    """

    marks: set[str] = field(default_factory=set)
    parts: dict[str, Shape] = field(default_factory=dict)
    element: Shape | None = None
    constants: list[Any] = field(default_factory=list)
    keys: tuple[str, ...] = ()
    is_closed: bool = False

    def part(self, path: str) -> Shape:
        """The place of this path, such as `rate.n`."""
        first, _, rest = path.partition(".")
        inner = self.parts.setdefault(first, Shape())
        return inner.part(rest) if rest else inner

    def each(self) -> Shape:
        """That of each item: it is a list."""
        self.element = self.element or Shape()
        return self.element

    @property
    def kind(self) -> str:
        """Which of the makers of `Draw` makes its values: the first of which something is known."""
        is_text = any(isinstance(each, str) for each in self.constants)
        is_estimate = self.parts.keys() <= OF_ESTIMATES and self.parts.keys() != {"n"}
        known = {
            "noun": "noun" in self.marks,
            "choice": is_text and not self.element,
            "text": "string" in self.marks,
            "attribution": "attribution" in self.marks,
            "estimate": "estimate" in self.marks or (is_estimate and bool(self.parts)),
            "mapping": bool(self.parts),
            "items": "items" in self.marks,
            "list": self.element is not None,
            "number": "number" in self.marks or bool(self.constants),
        }
        last = "text" if self.marks & {"text", "printed"} else "flag"
        return next((kind for kind, holds in known.items() if holds), last)


Scope = dict[str, Shape | None]


class Reader(NodeVisitor):
    """Reads the templates of one text, of every language, into the shapes of its slots.

    A visit gives the shape of the place that an expression reads; None where it makes a value.

    groups : {group of the catalog: its keys}, for what is written as the label of a key.
    """

    def __init__(self, groups: Mapping[str, Iterable[str]]) -> None:
        self.root = Shape()
        self.groups = groups

    def read(self, tree: nodes.Template) -> None:
        """Add what a template asks."""
        self._body(tree.body, {})

    # --- statements ---
    def _body(self, body: Iterable[nodes.Node], scope: Scope) -> None:
        for node in body:
            self.visit(node, scope)

    def visit_Output(self, node: nodes.Output, scope: Scope) -> None:  # noqa: N802
        mark([self.visit(each, scope) for each in node.nodes], "printed")

    def visit_If(self, node: nodes.If, scope: Scope) -> None:  # noqa: N802
        for part in (node, *node.elif_):
            self._ask(part.test, scope)
            self._body(part.body, scope)
        self._body(node.else_, scope)

    def visit_For(self, node: nodes.For, scope: Scope) -> None:  # noqa: N802
        items = self.visit(node.iter, scope)
        inside = {**scope, "loop": None}
        names = [name.name for name in node.target.find_all(nodes.Name)]
        inside |= dict.fromkeys(names)
        if isinstance(node.target, nodes.Name):
            inside[node.target.name] = None if items is None else items.each()
        elif items is not None:
            inside |= {names[0]: items.each().part("key"), names[1]: items.each().part("item")}
        self._body(node.body, inside)

    def visit_Assign(self, node: nodes.Assign, scope: Scope) -> None:  # noqa: N802
        value = self.visit(node.node, scope)
        if isinstance(node.target, nodes.Name):
            scope[node.target.name] = value

    def _ask(self, test: nodes.Node, scope: Scope) -> None:
        """A condition: what is asked for by itself may be nothing."""
        shape = self.visit(test, scope)
        if isinstance(test, nodes.Name | nodes.Getattr):
            mark([shape], "asked")
        if isinstance(test, nodes.And | nodes.Or | nodes.Not):
            for each in test.iter_child_nodes():
                self._ask(each, scope)

    # --- expressions ---
    def generic_visit(self, node: nodes.Node, scope: Scope) -> Shape | None:  # type: ignore[override]
        """Of several values, of which one alone may be a place."""
        inner = [self.visit(each, scope) for each in node.iter_child_nodes()]
        if isinstance(node, nodes.Add | nodes.Sub | nodes.Mul | nodes.Div | nodes.Neg):
            mark(inner, "number")
        elif isinstance(node, nodes.Concat):
            mark(inner, "printed")
        known = [shape for shape in inner if shape is not None]
        return known[0] if isinstance(node, nodes.Or | nodes.And) and len(known) == 1 else None

    def visit_Name(self, node: nodes.Name, scope: Scope) -> Shape | None:  # noqa: N802
        return scope[node.name] if node.name in scope else self.root.part(node.name)

    def visit_Getattr(self, node: nodes.Getattr, scope: Scope) -> Shape | None:  # noqa: N802
        inner = self.visit(node.node, scope)
        return None if inner is None else inner.part(node.attr)

    def visit_Getitem(self, node: nodes.Getitem, scope: Scope) -> Shape | None:  # noqa: N802
        inner, chosen = self.visit(node.node, scope), self.visit(node.arg, scope)
        if inner is None:
            return None
        if inner.keys:
            if chosen is not None:
                chosen.constants += inner.keys
                chosen.is_closed = True
            return None
        if isinstance(node.arg, nodes.Const) and isinstance(node.arg.value, str):
            return inner.part(node.arg.value)
        element = inner if "string" in inner.marks else inner.each()
        return inner if isinstance(node.arg, nodes.Slice) else element

    def visit_Dict(self, node: nodes.Dict, scope: Scope) -> Shape:  # noqa: N802
        for pair in node.items:
            self.visit(pair.value, scope)
        keys = (pair.key for pair in node.items)
        return Shape(keys=tuple(key.value for key in keys if isinstance(key, nodes.Const)))

    def visit_Test(self, node: nodes.Test, scope: Scope) -> None:  # noqa: N802
        marks = ("none", "number", "fraction") if node.name == "number" else (node.name,)
        mark([self.visit(node.node, scope)], *marks)

    def visit_CondExpr(self, node: nodes.CondExpr, scope: Scope) -> Shape | None:  # noqa: N802
        """One of two slots under one name, or the only one of two values that is a slot."""
        self._ask(node.test, scope)
        sides = [node.expr1, *([node.expr2] if node.expr2 else [])]
        known = [shape for each in sides if (shape := self.visit(each, scope)) is not None]
        if len(known) == 2 and isinstance(node.expr1, nodes.Name):
            known[0].parts = known[1].parts = known[0].parts | known[1].parts
            return known[0]
        return known[0] if len(known) == 1 else None

    def visit_Compare(self, node: nodes.Compare, scope: Scope) -> None:  # noqa: N802
        sides = [node.expr, *(each.expr for each in node.ops)]
        operators = {each.op for each in node.ops}
        constants = [
            const.value
            for side in sides
            if not isinstance(side, nodes.Filter | nodes.Getitem)
            for const in ([side] if isinstance(side, nodes.Const) else side.find_all(nodes.Const))
            if const.value is not None and str(const.value).isascii()  # else a name as it is worded
        ]
        for at, side in enumerate(sides):
            shape = self.visit(side, scope)
            if isinstance(side, nodes.Filter) and side.name == "length" and side.node is not None:
                if (items := self.visit(side.node, scope)) is not None:
                    items.constants += constants
            elif shape is not None:
                is_list = operators & {"in", "notin"} and at and "string" not in shape.marks
                (shape.each() if is_list else shape).constants.extend(constants)
                by_size = operators & {"lt", "gt", "lteq", "gteq"}
                shape.marks |= {"number", "fraction"} if by_size else set()

    def visit_Call(self, node: nodes.Call, scope: Scope) -> Shape | None:  # noqa: N802
        further = [self.visit(each, scope) for each in node.args]
        if isinstance(node.node, nodes.Name):
            if node.node.name == "interval":
                mark(further, "number", "fraction")
            elif node.node.name == "label" and further[-1] is not None:
                group = node.args[0].value if isinstance(node.args[0], nodes.Const) else ""
                self._labelled(further[-1], group)
            return None
        assert isinstance(node.node, nodes.Getattr)
        inner = self.visit(node.node.node, scope)
        if inner is not None and node.node.attr in {"items", "values"}:
            inner.marks.add("items")
            return Shape(
                element=inner.each() if node.node.attr == "items" else inner.each().part("item")
            )
        mark([inner], "string" if node.node.attr in OF_TEXTS else "estimate")
        return None

    def visit_Filter(self, node: nodes.Filter, scope: Scope) -> Shape | None:  # noqa: N802
        assert node.node is not None
        inner = self.visit(node.node, scope)
        further = [self.visit(each, scope) for each in node.args]
        for named in node.kwargs:
            self.visit(named.value, scope)
        constants = [each.value for each in node.args if isinstance(each, nodes.Const)]
        if node.name == "format":
            mark(further, "number", "fraction")
        elif node.name in OF_ITEMS and inner is not None:
            return self._of_items(node, inner, constants)
        else:
            self._written(inner or Shape(), node.name, constants, further)
        return inner if node.name in LISTS - {"listing", "either", "join", "length"} else None

    def _of_items(self, node: nodes.Filter, inner: Shape, constants: list[Any]) -> Shape | None:
        """What a filter takes of a list."""
        if node.name == "groupby":
            groups = {"list": inner, "grouper": inner.each().part(constants[0])}
            return Shape(element=Shape(parts=groups))
        if node.name in {"first", "last"}:
            return inner.each()
        if node.name == "map" and node.kwargs:
            (attribute,) = (each.value.value for each in node.kwargs)  # type: ignore[attr-defined]
            return Shape(element=inner.each().part(attribute))
        if node.name == "map":
            self._written(inner.each(), constants[0], constants[1:], [])
        else:
            inner.each().part(constants[0])
        return inner

    def _written(
        self, shape: Shape, by: str, constants: list[Any], further: list[Shape | None]
    ) -> None:
        """A place that a filter writes."""
        if by == "labelled":
            self._labelled(shape, constants[0])
        elif by in LISTS:
            mark([shape.each()], *(["printed"] if by in PRINTED else []))
        else:
            shape.marks |= next((marks for names, marks in WRITTEN if by in names), set())
        if by == "quantity":
            mark(further[:1], "printed")
            mark(further[1:], "number", "fraction")
        else:
            mark(further, {"group": "printed", "plural": "noun", "form": "noun"}.get(by, "number"))

    def _labelled(self, shape: Shape, group: str) -> None:
        """The key of a label: some of those of its group are constants of the place."""
        shape.marks.add("text")
        shape.constants += list(self.groups.get(group, ()))[:3]


def mark(shapes: Iterable[Shape | None], *marks: str) -> None:
    """Say of places what is asked of them."""
    for shape in shapes:
        if shape is not None:
            shape.marks |= set(marks)


class Draw:
    """Values for shapes; names and numbers of different places are different, mostly."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.names = itertools.cycle(self.random.sample(NAMES, len(NAMES)))
        self.last_name, self.last_number = "", 1.0

    def of(self, shape: Shape) -> dict[str, Any]:
        """Values for the parts of a shape; one that may be missing is, now and then."""
        return {
            name: self.value(each)
            for name, each in shape.parts.items()
            if "defined" not in each.marks or self.random.random() < 0.7
        }

    def value(self, shape: Shape) -> Any:
        """A value that such a place may hold; nothing, now and then, where a text asks for it."""
        if shape.marks & {"none", "asked"} and self.random.random() < 0.35:
            return None if "none" in shape.marks else NOTHING.get(shape.kind)
        return getattr(self, f"_{shape.kind}")(shape)

    def changed(self, values: dict[str, Any], shape: Shape) -> dict[str, Any]:
        """Values with another one in one place: that of another place, now and then."""
        known = list(places(values, shape))
        path, _, of = self.random.choice(known)
        alike = [other for _, other, shape in known if shape.kind == of.kind in {"text", "number"}]
        others = [*alike, *self.choices(of), self.value(of)]
        return put(values, path, self.random.choice(others))

    def choices(self, shape: Shape) -> list[Any]:
        """The values between which a text may choose its words."""
        made: list[Any] = []
        if shape.kind == "choice":
            made = [*dict.fromkeys(each for each in shape.constants if isinstance(each, str))]
            made += [] if shape.is_closed else [NAMES[0]]
        elif shape.kind == "flag":
            made = [True, False]
        elif shape.kind == "list":
            made = [[], [self.value(shape.each())]]
        elif shape.marks & {"none", "asked"} and shape.kind != "number":
            made = [getattr(self, f"_{shape.kind}")(shape), NOTHING.get(shape.kind)]
        elif "none" in shape.marks:
            made = [self._number(shape)]
        return [*made, None] if "none" in shape.marks else made

    def _flag(self, shape: Shape) -> bool:
        return self.random.random() < 0.5

    def _text(self, shape: Shape) -> str:
        """A name; now and then the one before."""
        if not self.last_name or self.random.random() < 0.9:
            self.last_name = next(self.names)
        return self.last_name

    def _noun(self, shape: Shape) -> str:
        """A word that a text counts by: of one and of several, which only some languages tell."""
        return "thing"

    def _choice(self, shape: Shape) -> Any:
        texts = [*dict.fromkeys(each for each in shape.constants if isinstance(each, str))]
        return self.random.choice(texts if shape.is_closed else [*texts, next(self.names)])

    def _number(self, shape: Shape) -> float:
        known = [each for each in shape.constants if isinstance(each, int | float)]
        if known and self.random.random() < 0.7:
            near = self.random.choice(known)
            step = 1 if float(near).is_integer() else near / 2
            return near + self.random.choice([0, step, -step])
        if self.random.random() < 0.9:
            whole = self.random.randint(13, 98)
            kinds = [whole, self._part()] if "fraction" in shape.marks else [whole]
            self.last_number = self.random.choice(kinds)
        return self.last_number

    def _part(self) -> float:
        return self.random.randint(131, 879) / 1000

    def _estimate(self, shape: Shape) -> Estimate:
        value = self.random.choice([0.0, 1.0, -1.0, 1.0]) * self._part()
        value += self.random.choice([0.0, 0.0, 1.0])
        size, half = self.random.randint(101, 998), self.random.choice([0.02, 0.031, 0.9])
        size *= self.random.random() < 0.9
        if "is_defined" in shape.parts and self.random.random() < 0.2:
            return Estimate(math.nan)
        if self.random.random() < 0.2:
            return Estimate(value, None, None, size)
        return Estimate(value, value - half, value + half, size)

    def _attribution(self, shape: Shape) -> dict[str, Any]:
        space = self.random.choice(["probability", "logit", "value"])
        return {"value": self.random.choice([1, -1]) * self._part() / 100, "space": space}

    def _list(self, shape: Shape) -> list[Any]:
        constants = [each for each in shape.constants if isinstance(each, int)]
        most = max([3, *(each + 1 for each in constants)])
        size = self.random.choice([0, 1, 1, 2, 3, most])
        return [self.value(shape.each()) for _ in range(size)]

    def _mapping(self, shape: Shape) -> dict[str, Any]:
        return self.of(shape)

    def _items(self, shape: Shape) -> dict[str, Any]:
        item = shape.each().part("item")
        return {next(self.names): self.value(item) for _ in range(self.random.choice([0, 1, 2]))}


Path = tuple[Any, ...]


def places(value: Any, shape: Shape, path: Path = ()) -> Iterator[tuple[Path, Any, Shape]]:
    """Every place of a value, but the third and later items of lists: path, value, and shape."""
    if path:
        yield path, value, shape
    inside: Iterable[tuple[Any, Any]] = ()
    if isinstance(value, dict):
        inside = value.items()
    elif isinstance(value, list):
        inside = enumerate(value[:2])
    for name, each in inside:
        inner = shape.element if isinstance(value, list) else shape.parts.get(name)
        yield from places(each, inner or Shape(), (*path, name))


def put(value: Any, path: Path, other: Any) -> Any:
    """The value with another one in this place."""
    if not path:
        return other
    changed = dict(value) if isinstance(value, dict) else list(value)
    changed[path[0]] = put(value[path[0]], path[1:], other)
    return changed


def emptied(value: Any, shape: Shape) -> Iterator[tuple[Path, Any]]:
    """The value with one place of it after another empty, and which place that is."""
    for path, inner, of in places(value, shape):
        for empty in _empties(inner, of):
            yield path, put(value, path, empty)


def _empties(value: Any, shape: Shape) -> list[Any]:
    """What may stand for a value that is not there; an empty text where the template asks for it.

    An estimate may have no value, or no interval.
    """
    if isinstance(value, Estimate):
        return [None, Estimate(math.nan), Estimate(value.value)]
    if isinstance(value, int | float) and not isinstance(value, bool):
        return [None, math.nan]
    if isinstance(value, str) and "asked" in shape.marks:
        return [None, ""]
    return [None, []] if isinstance(value, list) else [None]
