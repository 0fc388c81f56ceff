"""What the model is, how it was trained, and how a probability becomes a decision."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from deepseek_report.artifacts.estimate import finite
from deepseek_report.artifacts.message import Code
from deepseek_report.artifacts.rounding import bounded
from deepseek_report.artifacts.table import TableType, columns_of
from deepseek_report.artifacts.table_rows import WholeRow
from deepseek_report.findings.rules_bottlenecks import expert_needs
from deepseek_report.sections.shared.draft import Draft, DraftedSection
from deepseek_report.sections.shared.tables import ShownTable, Values
from deepseek_report.tasks import task_of


@dataclass(frozen=True)
class ModelSection(DraftedSection):
    """Describes the model's parts, its training and its decision rule."""

    name = "model"
    needs = frozenset({"training", "predictions/test"})
    metrics = "parameters rules"
    pictures = "training_curves"
    uses = frozenset({"measures/ablation"})

    def write(self, draft: Draft) -> None:
        results = draft.results
        if results.has("training"):
            _answer(draft)
            draft.caveats.extend(map(draft.words.say, results.training.get("notes") or []))
            draft.values |= _training_values(draft)
        draft.values |= {
            "decision": _decision(draft),
            "settings": _settings(draft),
            "decides": results.has("data") and task_of(results.schema.target).decides,
        }


def _answer(draft: Draft) -> None:
    training, architecture = draft.results.training, draft.results.architecture
    draft.answer(
        "what",
        summary=draft.words.say(
            architecture.get("summary") or str(architecture.get("name") or "")
        ).rstrip("."),
        parameters=architecture.get("parameters"),
    )
    needs = expert_needs(draft.results)
    if needs is not None:
        draft.answer("experts", **vars(needs))
    if training.get("epochs") == 0 and not training.get("diverged"):
        draft.answer("fitted", rows=training.get("rows") or 0)
        return
    draft.answer(
        "training",
        epochs=training.get("epochs"),
        best_epoch=training.get("best_epoch"),
        stopped_early=bool(training.get("stopped_early")),
        best=finite(training.get("best_validation_loss")),
        diverged=bool(training.get("diverged")),
    )


def _training_values(draft: Draft) -> Values:
    results = draft.results
    time, training = results.training_time, results.training
    sentence = draft.text(
        "training",
        seconds=finite(time.get("seconds")),
        rate=finite(time.get("rows_per_second")),
        tokens=finite(time.get("tokens_per_second")),
        input_share=finite(time.get("input_share")),
        device=draft.words.label("devices", str(training.get("device") or "")),
        precision=training.get("precision"),
        reason=draft.words.say(training.get("precision_reason") or "").rstrip("."),
        accumulation=training.get("accumulation") or 1,
    )
    return {"layers": _layers(draft), "training": sentence if training.get("rows") != 0 else ""}


_LAYERS = TableType(
    columns_of("layer:layer kind:layer_kind parameters:count share:share"), folded=True
)


def _layers(draft: Draft) -> ShownTable:
    results = draft.results
    measured = [row.cells for row in results.rows("parameters", "layers", WholeRow)]
    layers = measured or results.architecture.get("layers") or []
    total = sum(int(row.get("parameters") or 0) for row in layers) or 1
    shown = [
        {
            "layer": row.get("layer") or row.get("name") or "",
            "kind": row.get("kind") or "",
            "parameters": row.get("parameters"),
            "share": (row.get("parameters") or 0) / total,
        }
        for row in layers
    ]
    return draft.table("layers", _LAYERS, shown)


def _decision(draft: Draft) -> str:
    results = draft.results
    if not results.has("predictions/test"):
        return ""
    predictions, target = results.predicted, results.schema.target
    if predictions.threshold is None:
        return draft.text("decision.most_probable", unit=target.unit)
    return draft.text(
        "decision.threshold",
        target=target.explained_class,
        threshold=float(predictions.threshold),
        rule=draft.words.table("threshold_rules").get(predictions.rule, predictions.rule),
    )


_SETTINGS = TableType(columns_of("part setting:code value"), folded=True)


def _settings(draft: Draft) -> ShownTable:
    """Those that decided something: the trainer's only where it ran epochs."""
    results = draft.results
    trained = results.has("training") and results.training.get("max_epochs") != 0
    shown = [
        {"part": draft.text(f"part.{group}"), "setting": setting, "value": _value(draft, value)}
        for group in ("model", *(["trainer"] if trained else []))
        for setting, value in _flat(results.config.get(group) or {})
    ]
    return draft.table("settings", _SETTINGS, shown)


def _flat(settings: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, object]]:
    """Nested settings as their full keys and values, without the plug-in's class."""
    for name, value in settings.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        elif name != "_target_":
            yield prefix + name, value


def _value(draft: Draft, value: object) -> str:
    if value is None:
        return draft.words.text("cells.not_set")
    if isinstance(value, bool):
        return draft.words.text("cells.yes" if value else "cells.no")
    if isinstance(value, list | tuple):
        return (
            Code(bounded(", ".join(map(str, value)))) if value else draft.words.text("common.none")
        )
    return Code(bounded(str(value))) if isinstance(value, str) else str(value)
