"""What `causal:` declares: which parts it asks for, and what is wrong with it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence

from deepseek_report.artifacts.schema import Schema
from deepseek_report.config.blocks import Block
from deepseek_report.config.composed import Composed, locate
from deepseek_report.config.experiment import Experiment
from deepseek_report.config.problems import Problem
from deepseek_report.extensions.causes.causal_declaration import CausalDeclaration
from deepseek_report.wording.words import Wording

KEY = "causal"
#: The parts that it asks for, by their groups.
_PARTS = {
    "metrics": ("causal_claims", "causal_effects", "causal_gaps"),
    "visualizations": ("causal_graph",),
    "sections": ("causes",),
}
#: {metric: the key of the questions that it answers}; without such a one it is not made.
_ANSWERING = {"causal_effects": "effect_of", "causal_gaps": "gap"}
#: The section behind which that of causes stands.
_BEFORE = "bias"


class CausesBlock(Block):
    """A graph of causes that somebody vouches for, and questions to it."""

    key = KEY
    schema = CausalDeclaration | None
    says = (
        "a graph of causes that somebody vouches for, and questions to it; null: none, and the "
        "report speaks of no causes."
    )
    target = f"{__package__}.graph_consequences.GraphConsequences"

    def parts(self, written: object) -> Mapping[str, Sequence[str]]:
        """The metrics whose questions are put, the picture and the section."""
        questions = str(written.get("questions") if isinstance(written, Mapping) else None)
        return {
            group: [part for part in parts if _ANSWERING.get(part, "") in questions]
            for group, parts in _PARTS.items()
        }

    def leading(self, sections: Sequence[str]) -> Sequence[str]:
        """The section stands behind that on groups, or at the end."""
        names = [name for name in sections if name != "causes"]
        place = names.index(_BEFORE) + 1 if _BEFORE in names else len(names)
        return [*names[:place], "causes"]

    def problems(self, experiment: Experiment, composed: Composed) -> Iterator[Problem]:
        """A graph that nobody vouches for, and questions that ask for nothing."""
        declaration: CausalDeclaration = experiment.declared[KEY]
        if not declaration.declared_by.strip():
            yield Problem(
                locate(composed, (KEY, "declared_by")),
                "nobody vouches for the graph of causes, so that nothing can rest on it",
                "who declares it, and when",
                'set causal.declared_by="Credit risk, 2026-11-02", say',
            )
        for place, question in enumerate(declaration.questions):
            effect = bool(question.effect_of and question.on)
            if effect == bool(question.gap) or bool(question.effect_of) != bool(question.on):
                yield Problem(
                    locate(composed, (KEY, "questions", str(place))),
                    f"question {place + 1} is {question}",
                    "{effect_of: …, on: …}, with from and to, or by; or {gap: …}",
                    "ask for one effect, or for one gap",
                )

    def applied(
        self, experiment: Experiment, composed: Composed
    ) -> tuple[Experiment, list[Problem]]:
        """The experiment that knows where nodes and questions were written."""
        declaration: CausalDeclaration = experiment.declared[KEY]
        paths: list[tuple[str, ...]] = [("graph", node) for node in declaration.graph]
        for place, question in enumerate(declaration.questions):
            above = ("questions", str(place))
            paths += [above, *((*above, field) for field in question.as_written)]
        paths += [(), ("graph",), ("unmeasured",)]
        inside = [(KEY, *path) for path in paths]
        places = {".".join(path): locate(composed, path) for path in inside}
        known = {**experiment.declared_places, **places}
        return dataclasses.replace(experiment, declared_places=known), []

    def misfits(self, experiment: Experiment, schema: Schema) -> list[Problem]:
        """Nodes that are not in the data, circles, and questions that cannot be asked."""
        from deepseek_report.extensions.causes.declared_causes import misfits

        return misfits(experiment.declared[KEY], schema, experiment.declared_places)

    def say(self, experiment: Experiment, schema: Schema, texts: Wording) -> None:
        """Print the graph, what it claims, and what answers each question."""
        from deepseek_report.extensions.causes.declared_causes import say_graph
        from deepseek_report.extensions.causes.declared_graph import DeclaredGraph

        say_graph(DeclaredGraph.of(experiment.declared[KEY], schema), texts)


BLOCK = CausesBlock()
