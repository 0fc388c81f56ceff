"""What a person declares of causes: a graph, who vouches for it, and questions to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, PlainSerializer

from deepseek_report.artifacts.conclusions import ClassName
from deepseek_report.artifacts.storage.bounded_yaml import with_on

#: Most nodes and questions of a declaration: each missing arrow is tested, and each question asked.
MOST_NODES, MOST_QUESTIONS = 40, 12
NodeName = Annotated[str, Field(min_length=1, max_length=200)]


@dataclass(frozen=True)
class CausalQuestion:
    """One question to the declared graph: an effect, or a gap by its paths.

    effect_of, on : two nodes: what setting the first would do to the second.
    from_, to : values of `effect_of` that are compared, levels by their names or codes; written
        `from` and `to`. Left out: the two most frequent levels.
    by : of a number in place of the two: it is moved by so much for everybody; left out: one
        standard deviation.
    gap : a sensitive attribute, or another declared one: by which paths its gap arises.
    """

    effect_of: str = ""
    on: str = ""
    gap: str = ""
    from_: Annotated[ClassName | None, Field(alias="from")] = None
    to: ClassName | None = None
    by: Annotated[float, Field(allow_inf_nan=False)] | None = None

    @property
    def kind(self) -> Literal["effect", "gap"]:
        """What is asked."""
        return "gap" if self.gap else "effect"

    @property
    def as_written(self) -> dict[str, object]:
        """Its fields by the names that a config has, without those that are left out."""
        named = {name.rstrip("_"): value for name, value in vars(self).items()}
        return {name: value for name, value in named.items() if value not in ("", None)}

    def __str__(self) -> str:
        return "{" + ", ".join(f"{name}: {value}" for name, value in self.as_written.items()) + "}"


_Question = Annotated[
    CausalQuestion, BeforeValidator(with_on), PlainSerializer(lambda question: question.as_written)
]


@dataclass(frozen=True)
class CausalDeclaration:
    """A graph of causes that somebody vouches for.

    graph : {node: what acts on it directly}; a node is a feature, the target, or an attribute.
    declared_by : who vouches for it, and when, in plain words.
    questions : what is asked of it.
    unmeasured : nodes of the graph that no column holds, such as a common cause nobody recorded.
    """

    graph: Annotated[
        dict[NodeName, tuple[NodeName, ...]], Field(min_length=1, max_length=MOST_NODES)
    ]
    declared_by: str
    questions: Annotated[tuple[_Question, ...], Field(max_length=MOST_QUESTIONS)] = ()
    unmeasured: Annotated[tuple[NodeName, ...], Field(max_length=MOST_NODES)] = ()

    @property
    def arrows(self) -> list[tuple[str, str]]:
        """(from, to) as they are written."""
        return [(parent, node) for node, parents in self.graph.items() for parent in parents]
