"""What the model is, how it was trained, and how a probability becomes a decision."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from deepseek_report.artifacts.estimate import finite
from deepseek_report.artifacts.layer_names import layer_kind, layer_name
from deepseek_report.artifacts.protocols.sections import SectionContent
from deepseek_report.artifacts.results import Results
from deepseek_report.findings.records import rows
from deepseek_report.sections.shared.display_cells import count_cell, flat, percent_cell
from deepseek_report.sections.shared.draft import Draft
from deepseek_report.tasks import task_of

_USES = frozenset({"measures/parameters", "pictures/training_curves"})


@dataclass(frozen=True)
class ModelSection:
    """Describes the model's parts, its training and its decision rule."""

    title: ClassVar[str] = "Model and training"
    needs: ClassVar[frozenset[str]] = frozenset({"training", "predictions/test"})

    def content(self, results: Results) -> SectionContent:
        draft = Draft("model", results)
        if results.has("training"):
            _answer(draft)
            draft.caveats.extend(map(draft.words.say, results.training.get("notes") or []))
            draft.values |= _training_values(draft)
        draft.values |= {"decision": _decision(draft), "settings": _settings(results)}
        draft.values["decides"] = results.has("data") and task_of(results.schema.target).decides
        draft.notes(["parameters"])
        return draft.content(self.title, self.needs, _USES)


def _answer(draft: Draft) -> None:
    training, architecture = draft.results.training, draft.results.architecture
    draft.answer(
        "what",
        summary=draft.words.say(
            architecture.get("summary") or str(architecture.get("name") or "")
        ).rstrip("."),
        parameters=architecture.get("parameters"),
    )
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


def _training_values(draft: Draft) -> dict[str, Any]:
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
    return {"layers": _layers(results), "training": sentence if training.get("rows") != 0 else ""}


def _layers(results: Results) -> list[dict[str, Any]]:
    layers = rows(results, "parameters", "layers") or results.architecture.get("layers") or []
    total = sum(int(row.get("parameters") or 0) for row in layers) or 1
    return [
        {
            "layer": layer_name(row.get("layer") or row.get("name") or ""),
            "kind": layer_kind(row.get("kind") or ""),
        }
        | count_cell("parameters", row.get("parameters"))
        | percent_cell("share", (row.get("parameters") or 0) / total)
        for row in layers
    ]


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


def _settings(results: Results) -> list[dict[str, str]]:
    """Those that decided something: the trainer's only where it ran epochs."""
    trained = results.has("training") and results.training.get("max_epochs") != 0
    groups = [("model", "model"), *([("trainer", "training")] if trained else [])]
    return [
        {"part": label, **row}
        for group, label in groups
        for row in flat(results.config.get(group) or {})
    ]
