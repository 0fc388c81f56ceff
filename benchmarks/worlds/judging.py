"""Explanations of one model put through the metrics of the report, outside of any run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from deepseek_report.artifacts.explanation import CONTROL, Explanation, Game
from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.artifacts.predictions import Cases
from deepseek_report.artifacts.protocols.metrics import ExplainAgain, MeasureContext
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.storage.files import save_json
from deepseek_report.errors import NotApplicableError
from deepseek_report.findings.explainer_verdicts import verdict_of


def explained_context(
    world: Any, explanations: Mapping[str, Explanation], control: str, question: Game
) -> MeasureContext:
    """What metrics of explanations read of a world that keeps its data, model, cases and seed.

    control : name of the explanation that says nothing.
    """
    return MeasureContext(
        dataset=world.dataset,
        predictions=world.predictions,
        validation_predictions=world.predictions,
        cases=Cases(world.positions, {}),
        classifier=world.classifier,
        seed=world.seed,
        background=world.background,
        explanations=explanations,
        control=explanations[control],
        question=question,
    )


def results_of(
    context: MeasureContext,
    again: Callable[[str], ExplainAgain],
    metrics: Mapping[str, Any],
    folder: Path,
) -> Results:
    """What a report would read of these explanations: each measured by itself, and all together.

    again : gives for each name what explains further rows by that method. metrics : {name: metric},
    those of single explanations and those of all. folder : where everything is written, empty
    before. A metric that refuses an explanation has no score of it.
    """
    paths = {"data": folder / "data"}
    save_json(paths["data"] / "schema.json", context.dataset.schema.to_json())
    measured: dict[str, Measurement] = {}

    def keep(identity: str, content: Explanation | Measurement) -> None:
        paths[identity] = folder / identity
        paths[identity].mkdir(parents=True)
        content.save(paths[identity])
        if isinstance(content, Measurement):
            measured[identity] = content

    for name in _control_first(context):
        explanation = context.explanations[name]
        keep(f"explanations/{name}", explanation)
        own = replace(context, explanation=explanation, explain=again(name), measured=measured)
        for key, metric in metrics.items():
            if metric.scope == "explainer" and (made := _made(metric, own)):
                keep(f"measures/{key}/{name}", made)
    whole = replace(context, measured=measured)
    for key, metric in metrics.items():
        if metric.scope == "explainers" and (made := _made(metric, whole)):
            keep(f"measures/{key}", made)
    return Results(paths, {"seed": 1, "report": {}, "explain": {"question": context.question}}, {})


def use_of(results: Results, name: str) -> str:
    """What a method may be used for, "members" where neither order nor amounts may be told."""
    verdict = verdict_of(results, name)
    return "members" if verdict.scope == "members" else verdict.use


def _control_first(context: MeasureContext) -> Iterator[str]:
    yield CONTROL
    yield from (name for name in context.explanations if name != CONTROL)


def _made(metric: Any, context: MeasureContext) -> Measurement | None:
    try:
        made: Measurement = metric.measure(context)
    except NotApplicableError:
        return None
    return made
