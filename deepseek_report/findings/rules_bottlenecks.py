"""Rules on what limits the model: accuracy, data, capacity and compute."""

from __future__ import annotations

import math
from typing import Any

from deepseek_report.artifacts.estimate import UNDEFINED, Estimate, finite
from deepseek_report.artifacts.finding import Finding, Severity
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.protocols.modules import REPLACEMENTS, layer_kind, layer_name
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.score import Score
from deepseek_report.data_kinds import kind_of
from deepseek_report.findings.error_budget import is_under, level_of
from deepseek_report.findings.records import cause_of, first, setting, unit_of
from deepseek_report.findings.severity import (
    GAIN_WORTHWHILE,
    SIGNIFICANT,
    Size,
    more_rows_help,
    severity,
    size_of,
)
from deepseek_report.metrics.failures.failure_rows import LearntFrom, PerturbationEffect, Slice
from deepseek_report.metrics.internals.internal_rows import AblatedPart, ProfiledLayer
from deepseek_report.tasks import task_of
from deepseek_report.tasks.loss import Loss
from deepseek_report.wording import estimates
from deepseek_report.wording.of_results import words_of

#: Load of the busiest expert, as a multiple of the even share, that is called overloaded.
OVERLOADED = 2.0
#: Share of heads that can be replaced one at a time without loss that is worth saying.
REMOVABLE = 0.25
#: Share of the forward time in one layer that makes it a hot spot.
HOT = 0.4
#: How many times what noise does to a smooth model it must do at least to be more than that.
ROUGH = 1.25
#: Share of decisions flipped beyond that, moderate and large; how far predictions move beyond it,
#: as a multiple of the mean absolute error.
FLIPS, MOVED = (0.03, 0.1), (0.2, 0.5)
#: Mean share of the decisions by which two equally good fits differ that is told, and that is
#: moderate and large.
LUCK_TOLD, LUCK = 0.05, (0.1, 0.2)
#: A mean loss beyond the expected one that is moderate, and large: of decisions a squared error of
#: the probability, of numbers a multiple of the error elsewhere.
_SURPLUS = {True: (0.02, 0.1), False: (0.25, 1.0)}
#: Share of the cases from which a part is large enough for its errors to be critical.
GRAVE_SHARE = 0.02
#: What noise is added to; a number in tables.
_MORE_DATA = {True: "more_data_helps", None: "more_data_uncertain", False: "more_data_no_help"}


def worst_slice(results: Results) -> list[Finding]:
    """The part of the data in which the model loses what nobody would expect; else that none is."""
    loss = task_of(results.schema.target).loss if results.has("data") else None
    worst = unexpected_slice(results)
    if worst is None or loss is None:
        return _no_slice(results)
    values = {
        "slice": worst.slice,
        "share": worst.share,
        "error": worst.loss(loss.key),
        "rest": worst.rest(loss.key),
        "expected": worst.expected(loss.key),
        "missed": worst.missed_rate,
        "rest_missed": worst.rest_missed_rate,
        "lean": worst.mean_error,
        "target": results.schema.target.explained_class,
        "examined": slices_examined(results),
        "whole": worst.whole,
        "p": worst.p_adjusted,
        "unit": unit_of(results),
    }
    return [
        Finding(
            id="worst_slice",
            severity=severity("decision", _size_of_slice(worst, loss)),
            message="worst_slice",
            values=values,
            evidence=("measures/slices",),
            section="bottlenecks",
            cause=cause_of(f"worst_slice_{loss.key}"),
            touches=worst.share,
        )
    ]


def _size_of_slice(row: Slice, loss: Loss) -> Size:
    """How large the surplus is at least: as a share of decisions, or of the error elsewhere."""
    rest = row.rest(loss.key)
    least = row.surplus.low if row.surplus else None
    least = row.low - rest if least is None else least
    size = size_of(least if loss.is_share else least / rest, *_SURPLUS[loss.is_share])
    return "moderate" if size == "large" and row.share < GRAVE_SHARE else size


def hard_slice(results: Results) -> list[Finding]:
    """A part with more wrong decisions than elsewhere that the stated probabilities expect."""
    row = expected_slice(results)
    if row is None:
        return []
    loss = task_of(results.schema.target).loss
    values = {
        "slice": row.slice,
        "share": row.share,
        "error": row.loss(loss.key),
        "expected": row.expected(loss.key),
        "rest": row.rest(loss.key),
    }
    evidence = ("measures/slices",)
    return [Finding("hard_slice", "info", "hard_slice", values, evidence, "bottlenecks")]


def unexpected_slice(results: Results) -> Slice | None:
    """The first slice that loses more than expected, after the correction for all looked at."""
    if not results.has("data"):
        return None
    loss = task_of(results.schema.target).loss
    table = results.rows("slices", "slices", Slice)
    level = level_of(results, "slices")
    return first(row for row in table if row.kind == "unexpected" and _is_clear(row, loss, level))


def expected_slice(results: Results) -> Slice | None:
    """The first slice with clearly more errors than elsewhere, of which no more were expected."""
    if not results.has("data"):
        return None
    loss = task_of(results.schema.target).loss
    return first(
        row
        for row in results.rows("slices", "slices", Slice)
        if row.kind == "errors"
        and _is_clear(row, loss, SIGNIFICANT)
        and row.low <= (row.expected(loss.key) or 0.0) <= row.high
    )


def _is_clear(row: Slice, loss: Loss, level: float) -> bool:
    """Whether a slice does worse than it should, after the correction for many slices."""
    surplus = row.surplus.value if row.surplus else row.loss(loss.key).value - row.rest(loss.key)
    return is_under(row, level) and surplus > 0


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


def luck(results: Results) -> list[Finding]:
    """How many decisions equally good fits of the same model take otherwise."""
    alike, ambiguity = results.score("self_consistency"), results.score("ambiguity")
    if alike is None or ambiguity is None:
        return []
    turned = Estimate.of_score(alike).complement()
    if turned.low is None or turned.low < LUCK_TOLD:
        return []
    fits = results.arrays("multiplicity").get("fits")
    values = {
        "turned": turned,
        "ambiguity": Estimate.of_score(ambiguity),
        "fits": None if fits is None else int(fits[0]),
    }
    return [
        Finding(
            id="luck",
            severity=severity("decision", size_of(turned.low, *LUCK)),
            message="luck_of_training",
            values=values,
            evidence=("measures/multiplicity",),
            section="robustness",
            touches=float(turned.value),
        )
    ]


def more_data(results: Results) -> list[Finding]:
    """Whether more rows would help, by the last doubling of the learning curve."""
    gain = results.score("learning_curve_gain")
    if gain is None or finite(gain.value) is None:
        return []
    helps = more_rows_help(gain)
    curve = results.rows("learning_curve", "curve", LearntFrom)
    return [
        Finding(
            id="more_data",
            severity="info" if helps is False else "low",
            message=_MORE_DATA[helps],
            values={
                "gain": estimates.of_score(gain),
                "worthwhile": GAIN_WORTHWHILE,
                "rows": max((row.rows for row in curve), default=None),
                "predictor": _predictor(results, curve[-1].predictor) if curve else "",
            },
            evidence=("measures/learning_curve",),
            section="bottlenecks",
        )
    ]


def _predictor(results: Results, name: str) -> str:
    return words_of(results).label("predictors", name)


def part_rows(results: Results, kind: str) -> list[AblatedPart]:
    """What was measured of each part of a kind: "layer", "head", "experts", "expert" …"""
    return [row for row in results.rows("ablation", "parts", AblatedPart) if row.kind == kind]


def expert_needs(results: Results) -> dict[str, Any] | None:
    """How many routed experts are needed and spare, and what all of a layer together do.

    None where no expert was replaced. layer, how : whose routed experts raise the loss most
    together, and with what in their place; is_needed : whether those of any layer are; is_unsure :
    whether an interval of theirs leaves 0 out before the correction. busiest : the expert with the
    greatest load, None where it is not known.
    """
    experts, layers = part_rows(results, "expert"), part_rows(results, "experts")
    if not experts or not layers:
        return None
    whole, how = max(
        ((row, name) for row in layers for name in REPLACEMENTS),
        key=lambda pair: pair[0].rises[pair[1]].value,
    )
    loaded = [(row.load, row) for row in experts if row.load is not None]
    _, busiest = max(loaded, key=lambda pair: pair[0], default=(None, None))
    return {
        "experts": len(experts),
        "needed": sum(row.verdict == "needed" for row in experts),
        "spare": sum(row.verdict == "spare" for row in experts),
        "is_needed": any(row.verdict == "needed" for row in layers),
        "is_unsure": any((rise.low or 0.0) > 0 for row in layers for rise in row.rises.values()),
        "layer": whole.layer + 1,
        "layers": len(layers),
        "how": how,
        "rise": whole.rises[how],
        "turned": whole.turned[how] if whole.turned[how].is_defined else None,
        "busiest": busiest
        and {
            "expert": busiest.number,
            "layer": busiest.layer + 1,
            "load": busiest.load,
            "verdict": busiest.verdict,
        },
    }


def experts(results: Results) -> list[Finding]:
    """Which experts are needed; where none was replaced, how the load falls on them."""
    needs = expert_needs(results)
    if needs is None:
        return _load(results)
    message = "experts_idle"
    if needs["needed"]:
        message = "experts_needed"
    elif needs["is_needed"] or needs["is_unsure"]:
        message = "experts_joint" if needs["is_needed"] else "experts_unsure"
    evidence = ("measures/ablation",)
    severity: Severity = "low" if message == "experts_idle" else "info"
    return [Finding("experts", severity, message, needs, evidence, "bottlenecks")]


def _load(results: Results) -> list[Finding]:
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
    older = results.table("ablation", "units")
    heads = len(part_rows(results, "head")) or (0 if older is None else len(older))
    values = {"share": share.value, "removable": round(share.value * heads), "heads": heads}
    return [
        Finding("heads", "low", "heads_removable", values, ("measures/ablation",), "bottlenecks")
    ]


def hot_spot(results: Results) -> list[Finding]:
    """The layer in which most of the time goes."""
    layers = results.rows("layer_profile", "layers", ProfiledLayer)
    hottest = max(layers, key=lambda row: row.share, default=None)
    if hottest is None or hottest.share < HOT:
        return []
    whole = results.score("latency_ms")
    values = {
        "layer": layer_name(hottest.layer),
        "kind": layer_kind(hottest.kind),
        "share": hottest.share,
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
    """Decisions that flip under noise more often than those of a smooth model as sharp would."""
    flips, row = results.score("flipped_under_noise"), _declared_noise(results, "flipped")
    if flips is None or finite(flips.value) is None:
        return []
    beyond, smooth = _beyond_smooth(flips, row)
    return [
        Finding(
            id="flips",
            severity=_grade_of_noise(beyond, *FLIPS),
            message="flips" if beyond > 0 else "flips_few",
            values={
                "flips": estimates.of_score(flips),
                "smooth": smooth,
                "area": (row.roc_auc or UNDEFINED) if row else None,
                "before": row.before if row else None,
                "lost": row.lost if row else None,
                "noise": noise(results),
            },
            evidence=("measures/robustness",),
            section="robustness",
            cause=cause_of("flipped_under_noise"),
        )
    ]


def moved(results: Results) -> list[Finding]:
    """How far noise moves predictions, beyond what it does to a smooth model as sharp."""
    change, clean = results.score("change_under_noise"), results.score("mae")
    if change is None or clean is None or finite(change.value) is None or not clean.value:
        return []
    row = _declared_noise(results, "change")
    beyond, smooth = _beyond_smooth(change, row)
    return [
        Finding(
            id="moved",
            severity=_grade_of_noise(beyond / clean.value, *MOVED),
            message="moved" if beyond > 0 else "moved_little",
            values={
                "change": estimates.of_score(change),
                "smooth": smooth,
                "share": change.value / clean.value,
                "noisy": (row.mae or UNDEFINED) if row else None,
                "before": row.before if row else None,
                "lost": row.lost if row else None,
                "noise": noise(results),
                "unit": unit_of(results),
            },
            evidence=("measures/robustness",),
            section="robustness",
            cause=cause_of("change_under_noise"),
        )
    ]


def _declared_noise(results: Results, moved_key: str) -> PerturbationEffect | None:
    """The row of the table that the scores are from."""
    score = results.score(f"{moved_key}_under_noise")
    for row in results.rows("robustness", "perturbations", PerturbationEffect):
        moved_by = row.flipped if moved_key == "flipped" else row.change
        if score and moved_by and row.perturbation == "noise" and moved_by.value == score.value:
            return row
    return None


def _beyond_smooth(moved_by: Score, row: PerturbationEffect | None) -> tuple[float, float | None]:
    """How much more than a smooth model's a prediction moves at least, 0 if it may not; and that.

    What noise does to a smooth model is no fault: cases near the threshold are decided by little.
    """
    smooth = row.smooth if row else None
    if smooth is None or estimates.ends(moved_by)[0] <= ROUGH * smooth:
        return 0.0, smooth
    return estimates.ends(moved_by)[0] - smooth, smooth


def _grade_of_noise(beyond: float, moderate: float, large: float) -> Severity:
    """Whether such noise occurs in use is not known, so that the harm is a possible one."""
    if beyond <= 0:
        return "info"
    return severity("decision", size_of(beyond, moderate, large), certain=False)
