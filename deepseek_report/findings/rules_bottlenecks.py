"""Rules on what limits the model: accuracy, data, capacity and compute."""

from __future__ import annotations

import math

from deepseek_report.artifacts.estimate import finite
from deepseek_report.artifacts.finding import Finding, Severity
from deepseek_report.artifacts.layers import layer_kind, layer_name
from deepseek_report.artifacts.results import Results
from deepseek_report.findings import estimates
from deepseek_report.findings.records import Row, first, rows, setting, words_of
from deepseek_report.visualizations.reading import more_rows_help

SIGNIFICANT = 0.05
#: Load of the busiest expert, as a multiple of the even share, that is called overloaded.
OVERLOADED = 2.0
#: Share of heads that can be removed one at a time without loss that is worth saying.
REMOVABLE = 0.25
#: Share of the forward time in one layer that makes it a hot spot.
HOT = 0.4
#: Share of decisions flipped by noise that is called fragile, and noticeable.
FLIPS_MANY, FLIPS_SOME = 0.05, 0.02
#: What noise is added to; a number in tables.
_PLACES = {"image": "pixels", "series": "steps"}
_MORE_DATA = {True: "more_data_helps", None: "more_data_uncertain", False: "more_data_no_help"}


def worst_slice(results: Results) -> list[Finding]:
    """The part of the data with the most errors that survives the correction."""
    worst = first(row for row in rows(results, "slices", "slices") if is_clear(row))
    if worst is None:
        return _no_slice(results)
    rate, rest = float(worst["error_rate"]), float(worst["rest_error_rate"])
    return [
        Finding(
            id="worst_slice",
            severity="high" if rate >= 2 * rest and worst["share"] >= 0.05 else "medium",
            message="worst_slice",
            values={
                "slice": worst["slice"],
                "share": worst["share"],
                "errors": estimates.of_row(worst, "error_rate"),
                "rest": rest,
                "missed": finite(worst.get("missed_rate")),
                "rest_missed": finite(worst.get("rest_missed_rate")),
                "target": results.schema.target.explained_class,
                "examined": slices_examined(results),
                "p": finite(worst["p_adjusted"]),
            },
            evidence=("measures/slices",),
            section="bottlenecks",
        )
    ]


def is_clear(row: Row) -> bool:
    """Whether a slice has more errors than the rest, after the correction for many slices."""
    p = finite(row.get("p_adjusted"))
    return p is not None and p < SIGNIFICANT and row["error_rate"] > row["rest_error_rate"]


def slices_examined(results: Results) -> int | None:
    """How many slices were looked at."""
    score = results.score("slices_examined")
    return None if score is None else round(score.value)


def _no_slice(results: Results) -> list[Finding]:
    examined = slices_examined(results)
    if not examined:
        return []
    values = {"examined": examined}
    return [Finding("no_slice", "info", "no_slice", values, ("measures/slices",), "bottlenecks")]


def more_data(results: Results) -> list[Finding]:
    """Whether more rows would help, by the last doubling of the learning curve."""
    gain = results.score("learning_curve_gain")
    if gain is None or finite(gain.value) is None:
        return []
    helps = more_rows_help(gain)
    curve = rows(results, "learning_curve", "curve")
    return [
        Finding(
            id="more_data",
            severity="info" if helps is False else "low",
            message=_MORE_DATA[helps],
            values={
                "gain": estimates.of_score(gain),
                "rows": max((int(row["rows"]) for row in curve), default=None),
                "predictor": curve[-1]["predictor"] if curve else "",
            },
            evidence=("measures/learning_curve",),
            section="bottlenecks",
        )
    ]


def label_noise(results: Results) -> list[Finding]:
    """Labels that the model and the neighbours of a case both contradict."""
    suspects = results.score("label_suspects")
    if suspects is None or not finite(suspects.value):
        return []
    values = {"suspects": estimates.of_score(suspects)}
    evidence = ("measures/label_suspects",)
    return [Finding("label_suspects", "low", "label_suspects", values, evidence, "bottlenecks")]


def experts(results: Results) -> list[Finding]:
    """Experts that are never chosen, and load that falls on few."""
    unused, imbalance = results.score("unused_experts"), results.score("expert_load_imbalance")
    idle = 0 if unused is None else round(unused.value)
    if imbalance is None or finite(imbalance.value) is None:
        return []
    uneven = imbalance.value >= OVERLOADED
    severity: Severity = "low" if idle or uneven else "info"
    message = "experts_unused" if idle else "experts_uneven" if uneven else "experts_even"
    values = {"unused": idle, "imbalance": estimates.of_score(imbalance)}
    evidence = ("measures/expert_load",)
    return [Finding("experts", severity, message, values, evidence, "bottlenecks")]


def heads(results: Results) -> list[Finding]:
    """Attention heads that can be removed without loss."""
    share = results.score("removable_heads")
    if share is None or finite(share.value) is None or share.value < REMOVABLE:
        return []
    units = rows(results, "ablation", "units")
    values = {
        "share": share.value,
        "removable": sum(bool(row["removable"]) for row in units),
        "heads": len(units),
    }
    return [
        Finding("heads", "low", "heads_removable", values, ("measures/ablation",), "bottlenecks")
    ]


def hot_spot(results: Results) -> list[Finding]:
    """The layer in which most of the time goes."""
    layers = rows(results, "layer_profile", "layers")
    hottest = max(layers, key=lambda row: row["share"], default=None)
    if hottest is None or hottest["share"] < HOT:
        return []
    whole = results.score("latency_ms")
    values = {
        "layer": layer_name(hottest["layer"]),
        "kind": layer_kind(hottest["kind"]),
        "share": hottest["share"],
        "latency": estimates.of_score(whole) if whole else None,
    }
    evidence = ("measures/layer_profile",)
    return [Finding("hot_spot", "info", "hot_spot", values, evidence, "bottlenecks")]


def noise(results: Results) -> str:
    """The declared noise in words."""
    level = setting(results, "metrics", "robustness", "declared_level", math.nan)
    text = "sections.robustness.noise" if math.isfinite(level) else "sections.robustness.some_noise"
    places = _PLACES.get(results.schema.modality, "numbers")
    return words_of(results).text(text, level=level, places=places)


def robustness(results: Results) -> list[Finding]:
    """Decisions that flip under noise at the declared level."""
    flips = results.score("flipped_under_noise")
    if flips is None or finite(flips.value) is None:
        return []
    many, some = flips.value >= FLIPS_MANY, flips.value >= FLIPS_SOME
    severity: Severity = "medium" if many else "low" if some else "info"
    area, clean = results.score("roc_auc_under_noise"), results.score("roc_auc")
    return [
        Finding(
            id="flips",
            severity=severity,
            message="flips" if some else "flips_few",
            values={
                "flips": estimates.of_score(flips),
                "area": estimates.of_score(area) if area else None,
                "clean": estimates.of_score(clean) if clean else None,
                "noise": noise(results),
            },
            evidence=("measures/robustness",),
            section="robustness",
        )
    ]
