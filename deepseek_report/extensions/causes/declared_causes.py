"""What `check` and the first screen say of a graph of causes that `causal:` declares."""

from __future__ import annotations

from collections.abc import Mapping

from deepseek_report.artifacts.schema import Schema
from deepseek_report.cli.output.console import say, say_first
from deepseek_report.config.problems import Problem, choices, nearest
from deepseek_report.extensions.causes.causal_declaration import CausalDeclaration
from deepseek_report.extensions.causes.causes_section import causal_answers
from deepseek_report.extensions.causes.declared_graph import DeclaredGraph, GraphFault, faults
from deepseek_report.wording.words import Wording

__all__ = ["causal_answers"]

_MOST_CLAIMS = 30
#: {kind of a question to the graph: what asks for one}.
_QUESTIONS = {
    "effect": "write {effect_of: …, on: …}",
    "gap": "write {gap: …} with a sensitive attribute",
}


def misfits(
    declaration: CausalDeclaration, schema: Schema, places: Mapping[str, str]
) -> list[Problem]:
    """What of a declared graph, and of the questions to it, does not fit the data.

    places : {dotted key: where it stands}, keys that begin with `causal`.
    """
    return [_misfit(fault, places) for fault in faults(declaration, schema)]


def _misfit(fault: GraphFault, places: Mapping[str, str]) -> Problem:
    path = ("causal", *fault.path)
    above = (".".join(path[:n]) for n in range(len(path), 0, -1))
    where = next((places[key] for key in above if key in places), "causal")
    near = nearest(fault.wrote, fault.known) if fault.wrote else ""
    return Problem(
        where, f"{'.'.join(path)}: {fault.fault}", choices(fault.known), near or fault.todo
    )


def say_graph(graph: DeclaredGraph, texts: Wording) -> None:
    """The declared graph, what it claims without saying so, and what answers each question."""
    declaration = graph.declaration
    say(f"\nGraph of causes, declared by {declaration.declared_by}")
    for line in graph.says():
        say(f"  {texts.say(line)}")
    claims = graph.claims()
    say(f"By its missing arrows it claims, and the report tests ({len(claims)})")
    shown = [f"  – {texts.say(claim)}" for claim in claims]
    say_first(shown, _MOST_CLAIMS, "  – and {} more")
    say(f"Questions to it ({len(declaration.questions)})")
    for question in declaration.questions:
        say(f"  – {texts.say(graph.plan_of(question))}")
    kinds = {question.kind for question in declaration.questions}
    for kind, form in _QUESTIONS.items():
        if kind not in kinds:
            say(f"Note: causal.questions asks for no {kind}, so that none is answered; {form}")
