"""What the model costs in time and memory."""

from __future__ import annotations

from typing import Any

from deepseek_report.artifacts.estimate import finite
from deepseek_report.artifacts.layer_names import layer_name
from deepseek_report.findings.records import Row, rows
from deepseek_report.sections.shared.draft import Draft
from deepseek_report.wording import estimates


def compute(draft: Draft) -> dict[str, Any]:
    """Time by layer and by batch size, and memory."""
    results = draft.results
    layers = rows(results, "layer_profile", "layers")
    return {
        "sentence": _sentence(draft, layers),
        "memory": _memory(draft),
    }


def _sentence(draft: Draft, layers: list[Row]) -> str:
    latency, rate = draft.results.score("latency_ms"), draft.results.score("rows_per_second")
    sentences = []
    if latency is not None and rate is not None:
        each = estimates.of_score(latency)
        sentences.append(draft.text("latency", latency=each, rate=finite(rate.value)))
    if layers:
        hottest = max(layers, key=lambda row: row["share"])
        layer = {"layer": layer_name(hottest["layer"]), "share": hottest["share"]}
        sentences.append(draft.text("hottest", **layer))
    return " ".join(sentences) or draft.text("not_measured")


def _memory(draft: Draft) -> str:
    peak, inference = (draft.results.score(name) for name in ("peak_memory", "inference_memory"))
    if peak is None:
        return ""
    return draft.text(
        "memory",
        peak=finite(peak.value),
        inference=None if inference is None else finite(inference.value),
    )
