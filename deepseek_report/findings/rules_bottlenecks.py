"""Rules on what limits the model: accuracy, data, capacity and compute."""

from __future__ import annotations

import math

from deepseek_report.artifacts.estimate import finite
from deepseek_report.artifacts.finding import Finding, Severity
from deepseek_report.artifacts.layer_names import layer_kind, layer_name
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.results import Results
from deepseek_report.data_kinds import kind_of
from deepseek_report.findings.conclusion_limits import SIGNIFICANT, more_rows_help
from deepseek_report.findings.records import (
    Row,
    first,
    rows,
    setting,
    unit_of,
)
from deepseek_report.tasks import task_of
from deepseek_report.tasks.loss import Loss
from deepseek_report.wording import estimates
from deepseek_report.wording.of_results import words_of

#: Load of the busiest expert, as a multiple of the even share, that is called overloaded.
OVERLOADED = 2.0
#: Share of heads that can be removed one at a time without loss that is worth saying.
REMOVABLE = 0.25
#: Share of the forward time in one layer that makes it a hot spot.
HOT = 0.4
#: Share of decisions flipped by noise that is called fragile, and noticeable.
FLIPS_MANY, FLIPS_SOME = 0.05, 0.02
#: How far predictions move under noise, as a share of the mean absolute error, worth saying.
MOVED_MUCH, MOVED_SOME = 0.5, 0.2
#: A mean loss as a multiple of the rest, in a part of at least this share, that is grave.
TWICE, GRAVE_SHARE = 2.0, 0.05
#: What noise is added to; a number in tables.
_MORE_DATA = {True: "more_data_helps", None: "more_data_uncertain", False: "more_data_no_help"}


def worst_slice(results: Results) -> list[Finding]:
    """The part of the data with the most error that survives the correction."""
    loss = task_of(results.schema.target).loss if results.has("data") else None
    table = rows(results, "slices", "slices")
    worst = first(row for row in table if loss is not None and is_clear(row, loss))
    if worst is None or loss is None:
        return _no_slice(results)
    value, rest = float(worst[loss.key]), float(worst[f"rest_{loss.key}"])
    grave = value >= TWICE * rest and worst["share"] >= GRAVE_SHARE
    return [
        Finding(
            id="worst_slice",
            severity="high" if grave else "medium",
            message="worst_slice",
            values={
                "slice": worst["slice"],
                "share": worst["share"],
                "error": estimates.of_row(worst, loss.key),
                "rest": rest,
                "missed": finite(worst.get("missed_rate")),
                "rest_missed": finite(worst.get("rest_missed_rate")),
                "lean": finite(worst.get("mean_error")),
                "target": results.schema.target.explained_class,
                "examined": slices_examined(results),
                "p": finite(worst["p_adjusted"]),
                "unit": unit_of(results),
            },
            evidence=("measures/slices",),
            section="bottlenecks",
        )
    ]


def is_clear(row: Row, loss: Loss) -> bool:
    """Whether a slice does worse than the rest, after the correction for many slices."""
    p = finite(row.get("p_adjusted"))
    return p is not None and p < SIGNIFICANT and row[loss.key] > row[f"rest_{loss.key}"]


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
                "predictor": _predictor(results, curve[-1]["predictor"]) if curve else "",
            },
            evidence=("measures/learning_curve",),
            section="bottlenecks",
        )
    ]


def _predictor(results: Results, name: str) -> str:
    return words_of(results).label("predictors", name)


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
    places = message(f"noise_on.{kind_of(results.schema).name}")
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


def moved(results: Results) -> list[Finding]:
    """How far noise at the declared level moves predictions, against their error."""
    change, clean = results.score("change_under_noise"), results.score("mae")
    if change is None or clean is None or finite(change.value) is None or not clean.value:
        return []
    share = change.value / clean.value
    severity: Severity = (
        "medium" if share >= MOVED_MUCH else "low" if share >= MOVED_SOME else "info"
    )
    noisy = results.score("mae_under_noise")
    return [
        Finding(
            id="moved",
            severity=severity,
            message="moved" if share >= MOVED_SOME else "moved_little",
            values={
                "change": estimates.of_score(change),
                "clean": estimates.of_score(clean),
                "noisy": estimates.of_score(noisy) if noisy else None,
                "share": share,
                "noise": noise(results),
                "unit": unit_of(results),
            },
            evidence=("measures/robustness",),
            section="robustness",
        )
    ]
