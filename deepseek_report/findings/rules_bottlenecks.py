"""Rules on what limits the model: accuracy, data, capacity and compute."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from deepseek_report.artifacts.estimate import Estimate, finite
from deepseek_report.artifacts.finding import Finding, Severity
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.protocols.modules import REPLACEMENTS, layer_kind, layer_name
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.score import Score
from deepseek_report.data_kinds import kind_of
from deepseek_report.findings.error_budget import is_under, level_of
from deepseek_report.findings.records import cause_of, defined, first, setting, unit_of
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
_MORE_DATA = {True: "more_data_helps", None: "more_data_uncertain", False: "more_data_no_help"}
_SLICES = ("measures/slices",)
_SECTION = "bottlenecks"


def worst_slice(results: Results) -> Iterator[Finding]:
    """The part of the data in which the model loses what nobody would expect; else that none is."""
    worst, examined = unexpected_slice(results), slices_examined(results)
    if worst is None:
        if examined:
            values: dict[str, object] = {"examined": examined}
            yield Finding("no_slice", "info", "no_slice", values, _SLICES, _SECTION)
        return
    loss = task_of(results.schema.target).loss
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
        "examined": examined,
        "whole": worst.whole,
        "p": worst.p_adjusted,
        "unit": unit_of(results),
    }
    grade = severity("decision", _size_of_slice(worst, loss))
    about = cause_of(f"worst_slice_{loss.key}")
    yield Finding(
        "worst_slice",
        grade,
        "worst_slice",
        values,
        _SLICES,
        _SECTION,
        cause=about,
        touches=worst.share,
    )


def _size_of_slice(row: Slice, loss: Loss) -> Size:
    """How large the surplus is at least: as a share of decisions, or of the error elsewhere."""
    rest = row.rest(loss.key)
    least = row.surplus.low
    if least is None:
        least = (row.loss(loss.key).ends or (math.nan,))[0] - rest
    size = size_of(least if loss.is_share else least / rest, *_SURPLUS[loss.is_share])
    return "moderate" if size == "large" and row.share < GRAVE_SHARE else size


def hard_slice(results: Results) -> Iterator[Finding]:
    """A part with more wrong decisions than elsewhere that the stated probabilities expect."""
    row = expected_slice(results)
    if row is not None:
        loss = task_of(results.schema.target).loss
        values = {
            "slice": row.slice,
            "share": row.share,
            "error": row.loss(loss.key),
            "expected": row.expected(loss.key),
            "rest": row.rest(loss.key),
        }
        yield Finding("hard_slice", "info", "hard_slice", values, _SLICES, _SECTION)


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
        and _is_within(row.expected(loss.key) or 0.0, row.loss(loss.key))
    )


def _is_within(value: float, mean: Estimate) -> bool:
    low, high = mean.ends or (math.nan, math.nan)
    return low <= value <= high


def _is_clear(row: Slice, loss: Loss, level: float) -> bool:
    """Whether a slice does worse than it should, after the correction for many slices."""
    return is_under(row, level) and row.surplus.value > 0


def slices_examined(results: Results) -> int | None:
    """How many slices were looked at."""
    score = results.score("slices_examined")
    return None if score is None else round(score.value)


def luck(results: Results) -> Iterator[Finding]:
    """How many decisions equally good fits of the same model take otherwise."""
    alike, ambiguity = results.score("self_consistency"), results.score("ambiguity")
    if alike is None or ambiguity is None:
        return
    turned = Estimate.of_score(alike).complement()
    if turned.low is None or turned.low < LUCK_TOLD:
        return
    fits = results.arrays("multiplicity").get("fits")
    values = {
        "turned": turned,
        "ambiguity": Estimate.of_score(ambiguity),
        "fits": None if fits is None else int(fits[0]),
    }
    grade, evidence = severity("decision", size_of(turned.low, *LUCK)), ("measures/multiplicity",)
    touches = float(turned.value)
    yield Finding(
        "luck", grade, "luck_of_training", values, evidence, "robustness", touches=touches
    )


def more_data(results: Results) -> Iterator[Finding]:
    """Whether more rows would help, by the last doubling of the learning curve."""
    gain = defined(results, "learning_curve_gain")
    if gain is None:
        return
    helps = more_rows_help(gain)
    curve = results.rows("learning_curve", "curve", LearntFrom)
    predictor = words_of(results).label("predictors", curve[-1].predictor) if curve else ""
    values = {
        "gain": estimates.of_score(gain),
        "worthwhile": GAIN_WORTHWHILE,
        "rows": max((row.rows for row in curve), default=None),
        "predictor": predictor,
    }
    grade: Severity = "info" if helps is False else "low"
    evidence = ("measures/learning_curve",)
    yield Finding("more_data", grade, _MORE_DATA[helps], values, evidence, _SECTION)


def part_rows(results: Results, kind: str) -> list[AblatedPart]:
    """What was measured of each part of a kind: "layer", "head", "experts", "expert" …"""
    return [row for row in results.rows("ablation", "parts", AblatedPart) if row.kind == kind]


@dataclass(frozen=True)
class ExpertNeeds:
    """How many routed experts are needed and spare, and what all of a layer together do.

    layer, how : whose routed experts raise the loss most together, and with what in their place.
    is_needed : whether those of any layer are needed; is_unsure : whether an interval of theirs
    leaves 0 out before the correction. busiest : the expert with the greatest load, None where it
    is not known.
    """

    experts: int
    needed: int
    spare: int
    is_needed: bool
    is_unsure: bool
    layer: int
    layers: int
    how: str
    rise: Estimate
    turned: Estimate | None
    busiest: Mapping[str, object] | None


def expert_needs(results: Results) -> ExpertNeeds | None:
    """What was measured of routed experts; None where no expert was replaced."""
    experts, layers = part_rows(results, "expert"), part_rows(results, "experts")
    if not experts or not layers:
        return None
    whole, how = max(
        ((row, name) for row in layers for name in REPLACEMENTS),
        key=lambda pair: pair[0].rises[pair[1]].value,
    )
    loaded = [(row.load, row) for row in experts if row.load is not None]
    _, busiest = max(loaded, key=lambda pair: pair[0], default=(None, None))
    return ExpertNeeds(
        experts=len(experts),
        needed=sum(row.verdict == "needed" for row in experts),
        spare=sum(row.verdict == "spare" for row in experts),
        is_needed=any(row.verdict == "needed" for row in layers),
        is_unsure=any((rise.low or 0.0) > 0 for row in layers for rise in row.rises.values()),
        layer=whole.layer + 1,
        layers=len(layers),
        how=how,
        rise=whole.rises[how],
        turned=whole.turned[how] if whole.turned[how].is_defined else None,
        busiest=None
        if busiest is None
        else {
            "expert": busiest.number,
            "layer": busiest.layer + 1,
            "load": busiest.load,
            "verdict": busiest.verdict,
        },
    )


def experts(results: Results) -> Iterator[Finding]:
    """Which experts are needed; where none was replaced, how the load falls on them."""
    needs = expert_needs(results)
    if needs is None:
        yield from _load(results)
        return
    message = "experts_idle"
    if needs.needed:
        message = "experts_needed"
    elif needs.is_needed or needs.is_unsure:
        message = "experts_joint" if needs.is_needed else "experts_unsure"
    grade: Severity = "low" if message == "experts_idle" else "info"
    yield Finding("experts", grade, message, vars(needs), ("measures/ablation",), _SECTION)


def _load(results: Results) -> Iterator[Finding]:
    """Experts that are never chosen, and load that falls on few."""
    unused, imbalance = results.score("unused_experts"), defined(results, "expert_load_imbalance")
    idle = 0 if unused is None else round(unused.value)
    if imbalance is not None:
        uneven = imbalance.value >= OVERLOADED
        grade: Severity = "low" if idle or uneven else "info"
        message = "experts_unused" if idle else "experts_uneven" if uneven else "experts_even"
        values = {"unused": idle, "imbalance": estimates.of_score(imbalance)}
        yield Finding("experts", grade, message, values, ("measures/expert_load",), _SECTION)


def heads(results: Results) -> Iterator[Finding]:
    """Attention heads that can be removed without loss."""
    share = defined(results, "removable_heads")
    if share is not None and share.value >= REMOVABLE:
        heads = len(part_rows(results, "head"))
        values = {"share": share.value, "removable": round(share.value * heads), "heads": heads}
        yield Finding("heads", "low", "heads_removable", values, ("measures/ablation",), _SECTION)


def hot_spot(results: Results) -> Iterator[Finding]:
    """The layer in which most of the time goes."""
    layers = results.rows("layer_profile", "layers", ProfiledLayer)
    hottest = max(layers, key=lambda row: row.share, default=None)
    if hottest is not None and hottest.share >= HOT:
        whole = results.score("latency_ms")
        values = {
            "layer": layer_name(hottest.layer),
            "kind": layer_kind(hottest.kind),
            "share": hottest.share,
            "latency": estimates.of_score(whole) if whole else None,
        }
        yield Finding("hot_spot", "info", "hot_spot", values, ("measures/layer_profile",), _SECTION)


def noise(results: Results) -> str:
    """The declared noise in words."""
    level = setting(results, "metrics", "robustness", "declared_level", math.nan)
    text = "sections.robustness.noise" if math.isfinite(level) else "sections.robustness.some_noise"
    places = message(f"noise_on.{kind_of(results.schema).name}")
    return words_of(results).text(text, level=level, places=places)


def robustness(results: Results) -> Iterator[Finding]:
    """Decisions that flip under noise more often than those of a smooth model as sharp would."""
    flips = defined(results, "flipped_under_noise")
    row = None if flips is None else _row_of(results, flips)
    if flips is None or row is None:
        return
    beyond, values = _under_noise(results, flips, row)
    values |= {"flips": estimates.of_score(flips), "area": row.held}
    message, grade = "flips" if beyond > 0 else "flips_few", _grade_of_noise(beyond, *FLIPS)
    evidence, about = ("measures/robustness",), cause_of(flips.metric)
    yield Finding("flips", grade, message, values, evidence, "robustness", cause=about)


def moved(results: Results) -> Iterator[Finding]:
    """How far noise moves predictions, beyond what it does to a smooth model as sharp."""
    change, clean = defined(results, "change_under_noise"), results.score("mae")
    row = None if change is None else _row_of(results, change)
    if change is None or row is None or clean is None or not clean.value:
        return
    beyond, values = _under_noise(results, change, row)
    values |= {
        "change": estimates.of_score(change),
        "share": change.value / clean.value,
        "noisy": row.held,
        "unit": unit_of(results),
    }
    message, grade = "moved_little", _grade_of_noise(beyond / clean.value, *MOVED)
    message = "moved" if beyond > 0 else message
    evidence, about = ("measures/robustness",), cause_of(change.metric)
    yield Finding("moved", grade, message, values, evidence, "robustness", cause=about)


def _row_of(results: Results, moved_by: Score) -> PerturbationEffect | None:
    """The row that a score under noise is from."""
    return first(
        row
        for row in results.rows("robustness", "perturbations", PerturbationEffect)
        if row.perturbation == "noise" and row.moved.value == moved_by.value
    )


def _under_noise(
    results: Results, moved_by: Score, row: PerturbationEffect
) -> tuple[float, dict[str, object]]:
    """What a score is at least beyond a smooth model's, and the values of its finding.

    What noise does to a smooth model is no fault: cases near the threshold are decided by little.
    """
    smooth, least = row.smooth, estimates.ends(moved_by)[0]
    beyond = 0.0 if smooth is None or least <= ROUGH * smooth else least - smooth
    values: dict[str, object] = {
        "smooth": smooth,
        "before": finite(row.before),
        "lost": row.lost,
        "noise": noise(results),
    }
    return beyond, values


def _grade_of_noise(beyond: float, moderate: float, large: float) -> Severity:
    """Whether such noise occurs in use is not known, so that the harm is a possible one."""
    if beyond <= 0:
        return "info"
    return severity("decision", size_of(beyond, moderate, large), certain=False)
