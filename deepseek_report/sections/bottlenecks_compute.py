"""What the model and its explanations cost in time and memory."""

from __future__ import annotations

from typing import Any

from deepseek_report.artifacts.estimate import finite
from deepseek_report.artifacts.layers import layer_kind, layer_name
from deepseek_report.artifacts.results import Results
from deepseek_report.findings import estimates
from deepseek_report.findings.records import Row, explainer_label, rows
from deepseek_report.sections.cells import count_cell, percent_cell, seconds_cell, value_cell
from deepseek_report.sections.draft import Draft


def compute(draft: Draft) -> dict[str, Any]:
    """Time by layer and by batch size, memory, and what each explainer cost."""
    results = draft.results
    layers = rows(results, "layer_profile", "layers")
    return {
        "sentence": _sentence(draft, layers),
        "layers": [
            {"layer": layer_name(row["layer"]), "kind": layer_kind(row["kind"])}
            | value_cell("ms", estimates.of_row(row, "ms"))
            | percent_cell("share", row["share"])
            for row in layers
        ],
        "latency": [
            count_cell("batch", row["batch_size"])
            | value_cell("ms", estimates.of_row(row, "ms"))
            | count_cell("rate", row["rows_per_second"])
            for row in rows(results, "latency", "latency")
        ],
        "memory": _memory(draft),
        "costs": _costs(results),
    }


def _sentence(draft: Draft, layers: list[Row]) -> str:
    latency, rate = draft.results.score("latency_ms"), draft.results.score("rows_per_second")
    said = []
    if latency is not None and rate is not None:
        each = estimates.of_score(latency)
        said.append(draft.text("latency", latency=each, rate=finite(rate.value)))
    if layers:
        hottest = max(layers, key=lambda row: row["share"])
        layer = {"layer": layer_name(hottest["layer"]), "share": hottest["share"]}
        said.append(draft.text("hottest", **layer))
    return " ".join(said) or draft.text("not_measured")


def _memory(draft: Draft) -> str:
    peak, inference = (draft.results.score(name) for name in ("peak_memory", "inference_memory"))
    if peak is None:
        return ""
    return draft.text(
        "memory",
        peak=finite(peak.value),
        inference=None if inference is None else finite(inference.value),
    )


def _costs(results: Results) -> list[dict[str, Any]]:
    """What each explanation method cost."""
    return [
        {"explainer": explainer_label(results, name)}
        | count_cell("n", len(one))
        | count_cell("calls", one.n_model_calls)
        | seconds_cell("seconds", one.seconds)
        | seconds_cell("each", None if one.seconds is None else one.seconds / max(len(one), 1))
        for name, one in results.explanations.items()
    ]
