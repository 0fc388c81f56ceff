"""What limits the model: accuracy, data, capacity or compute, and what would help most."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from deepseek_report.artifacts.layers import layer_kind, layer_name
from deepseek_report.artifacts.numbers import count
from deepseek_report.artifacts.protocols.sections import SectionContent
from deepseek_report.artifacts.results import Results
from deepseek_report.findings import estimates
from deepseek_report.findings.estimates import Estimate, finite
from deepseek_report.findings.records import Row, explainer_label, rows, words_of
from deepseek_report.findings.rules_bottlenecks import is_clear, slices_examined
from deepseek_report.findings.rules_numbers import is_clear_part, parts_examined, unit_of
from deepseek_report.sections.cells import (
    count_cell,
    number_cell,
    p_cell,
    percent_cell,
    seconds_cell,
    share_cell,
    value_cell,
)
from deepseek_report.sections.draft import Draft

#: A gain in ROC AUC below which a remedy is not worth its cost.
NO_HOPE = 0.01
_METRICS = (
    *(
        "slices",
        "error_slices",
        "label_suspects",
        "learning_curve",
        "expert_load",
        "route_entropy",
        "ablation",
    ),
    *("layer_profile", "latency", "peak_memory", "parameter_projection"),
)
_PICTURES = (
    "slices",
    "error_slices",
    "learning_curve",
    "routing",
    "layer_profile",
    "parameter_projection",
)
_USES = frozenset(
    {f"measures/{name}" for name in _METRICS} | {f"pictures/{name}" for name in _PICTURES}
)


@dataclass(frozen=True)
class Bottlenecks:
    """Says what limits the model and what would help most, for four kinds of limit."""

    title: ClassVar[str] = "Bottlenecks"
    needs: ClassVar[frozenset[str]] = frozenset({"predictions/test"})

    def content(self, results: Results) -> SectionContent:
        draft = Draft("bottlenecks", results)
        _answer(draft)
        draft.notes(_METRICS)
        draft.values |= {
            "accuracy": _accuracy(draft),
            "data": _data(draft),
            "capacity": _capacity(draft),
            "compute": _compute(draft),
        }
        return draft.content(self.title, self.needs, _USES)


def _answer(draft: Draft) -> None:
    """The measured gains that can be compared, largest first, and those that are none."""
    offers = _offers(draft.results)
    if not offers:
        return
    helping = [one for one in offers if one["low"] is None or one["low"] > 0]
    helping = sorted((one for one in helping if one["value"] > 0), key=lambda one: -one["value"])
    tried = draft.results.score("learning_curve_gain") is not None
    hopeless = tried and all(one["high"] is not None and one["high"] < NO_HOPE for one in offers)
    draft.answer(
        "help", helping=helping, offers=offers, hopeless=hopeless, unit=unit_of(draft.results)
    )


def _offers(results: Results) -> list[dict[str, Any]]:
    """What could raise the ROC AUC, or lower the error of a number, with the measured gain."""
    words = words_of(results)
    offers = []
    curve = results.score("learning_curve_gain")
    if curve is not None and finite(curve.value) is not None:
        what = words.text("sections.bottlenecks.offer.rows")
        offers.append({"what": what, **estimates.of_score(curve)})
    for score in (*results.find("roc_auc_gain"), *results.find("mae_gain")):
        if score.predictor in {"majority", "mean"} or finite(score.value) is None:
            continue
        predictor = words.label("predictors", score.predictor)
        what = words.text("sections.bottlenecks.offer.model", predictor=predictor)
        offers.append({"what": what, **_turned(estimates.of_score(score))})
    return offers


def _turned(one: Estimate) -> dict[str, Any]:
    """The same difference seen from the other side."""
    low, high = one["low"], one["high"]
    return {
        "value": None if one["value"] is None else -one["value"],
        "low": None if high is None else -high,
        "high": None if low is None else -low,
        "n": one["n"],
    }


# --- accuracy ---


def _accuracy(draft: Draft) -> dict[str, Any]:
    results = draft.results
    table = rows(results, "slices", "slices")
    parts = rows(results, "error_slices", "slices")
    suspects = results.score("label_suspects")
    return {
        "sentence": _part_sentence(draft, parts) if parts else _slice_sentence(draft, table),
        "parts": [_part(row) for row in parts],
        "slices": [_slice(row) for row in table],
        "suspects": [_suspect(row) for row in rows(results, "label_suspects", "suspects")][:20],
        "suspect_sentence": ""
        if suspects is None
        else draft.text("suspects", share=estimates.of_score(suspects)),
    }


def _not_measured(draft: Draft, artifact: str) -> str:
    """That nothing was measured, and why where the run knows it."""
    reason = draft.results.refused.get(artifact, "").rstrip(".")
    return draft.text("not_measured_why", reason=reason) if reason else draft.text("not_measured")


def _slice_sentence(draft: Draft, table: list[Row]) -> str:
    if not table:
        return _not_measured(draft, "measures/slices")
    clear = [row for row in table if is_clear(row)]
    examined = slices_examined(draft.results)
    if not clear:
        return draft.text("slices.none", examined=examined)
    worst = clear[0]
    extra = (worst["error_rate"] - worst["rest_error_rate"]) * worst["n"]
    errors = estimates.of_row(worst, "error_rate")
    return draft.text(
        "slices.worst", slice=worst["slice"], errors=errors, extra=round(extra), clear=len(clear)
    )


def _part_sentence(draft: Draft, table: list[Row]) -> str:
    """Where predicted numbers are furthest off."""
    clear = [row for row in table if is_clear_part(row)]
    if not clear:
        return draft.text("slices.none", examined=parts_examined(draft.results))
    worst = clear[0]
    return draft.text(
        "slices.worst",
        slice=worst["slice"],
        error=estimates.of_row(worst, "mae"),
        rest=worst["rest_mae"],
        clear=len(clear),
        unit=unit_of(draft.results),
    )


def _part(row: Row) -> dict[str, Any]:
    return (
        {"slice": row["slice"]}
        | count_cell("n", row["n"])
        | percent_cell("share", row["share"])
        | value_cell("mae", estimates.of_row(row, "mae"))
        | number_cell("rest", row["rest_mae"])
        | number_cell("lean", row["mean_error"])
        | p_cell("p", row["p_adjusted"])
    )


def _slice(row: Row) -> dict[str, Any]:
    return (
        {"slice": row["slice"]}
        | count_cell("n", row["n"])
        | percent_cell("share", row["share"])
        | share_cell("error_rate", estimates.of_row(row, "error_rate"))
        | percent_cell("rest", row["rest_error_rate"])
        | percent_cell("missed", row.get("missed_rate"))
        | percent_cell("rest_missed", row.get("rest_missed_rate"))
        | p_cell("p", row["p_adjusted"])
    )


def _suspect(row: Row) -> dict[str, Any]:
    return {
        "row": f"Row {count(int(row['instance_id']))}",
        "row__sort": int(row["instance_id"]),
        "label": row["label"],
        **percent_cell("probability", row["probability"]),
        **percent_cell("nearest_agree", row["nearest_agree"]),
    }


# --- data ---


def _data(draft: Draft) -> dict[str, Any]:
    results = draft.results
    curve = rows(results, "learning_curve", "curve")
    gain = results.score("learning_curve_gain")
    known = gain is not None and finite(gain.value) is not None
    return {
        "sentence": draft.text(
            "curve",
            gain=estimates.of_score(gain),
            predictor=curve[-1]["predictor"] if curve else "",
        )
        if gain is not None and known
        else _not_measured(draft, "measures/learning_curve"),
        "curve": [
            count_cell("rows", row["rows"])
            | value_cell("roc_auc", estimates.of_row(row, "roc_auc"))
            | {"predictor": row["predictor"]}
            for row in curve
        ],
        "issues": [one.text for one in results.issues if one.severity != "info"]
        if results.has("data")
        else [],
    }


# --- capacity ---


def _capacity(draft: Draft) -> dict[str, Any]:
    results = draft.results
    units, load = rows(results, "ablation", "units"), rows(results, "expert_load", "load")
    said = [_heads(draft, units), _experts(draft, load)]
    return {
        "sentence": " ".join(one for one in said if one) or draft.text("not_measured"),
        "heads": [_head(draft, row) for row in units],
        "experts": [
            {"layer": row["layer"] + 1, "expert": row["expert"] + 1}
            | share_cell("share", estimates.of_row(row, "share"))
            for row in load
        ],
    }


def _heads(draft: Draft, units: list[Row]) -> str:
    if not units:
        return ""
    return draft.text(
        "heads", removable=sum(bool(row["removable"]) for row in units), heads=len(units)
    )


def _head(draft: Draft, row: Row) -> dict[str, Any]:
    low = finite(row["low"])
    mark = "removable" if row["removable"] else "needed" if (low or 0.0) > 0 else "uncertain"
    return {
        "layer": row["layer"] + 1,
        "branch": row["branch"],
        "head": row["head"] + 1,
        "verdict": draft.text(f"head.{mark}"),
    } | value_cell("loss", estimates.of_row(row, "loss_increase"))


def _experts(draft: Draft, load: list[Row]) -> str:
    imbalance, unused = (
        draft.results.score(name) for name in ("expert_load_imbalance", "unused_experts")
    )
    if not load or imbalance is None:
        return ""
    return draft.text(
        "experts",
        experts=len(load),
        unused=0 if unused is None else round(unused.value),
        imbalance=estimates.of_score(imbalance),
    )


# --- compute ---


def _compute(draft: Draft) -> dict[str, Any]:
    results = draft.results
    layers = rows(results, "layer_profile", "layers")
    return {
        "sentence": _compute_sentence(draft, layers),
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


def _compute_sentence(draft: Draft, layers: list[Row]) -> str:
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
