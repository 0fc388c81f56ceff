"""What the decisions of a model do to the cases that it decides, in a few numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from deepseek_report.artifacts.conclusions import DecisionCosts
from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.message import Message, message
from deepseek_report.artifacts.predictions import ClassRates, PredictionSummary
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.schema import Target
from deepseek_report.findings.records import first, unit_of
from deepseek_report.metrics.performance.performance_rows import ComparedPredictor, CountedAlerts
from deepseek_report.statistics.intervals import rate
from deepseek_report.tasks import task_of
from deepseek_report.wording.estimates import of_score

_ALWAYS_THE_SAME = ("majority", "mean")


def decision_effect(results: Results) -> tuple[Message, ...]:
    """Sentences on what the decisions do, beside the simplest rule, and on who chose the threshold.

    They are counts of the test part: they describe the rows that were decided, and conclude
    nothing.
    """
    if not (results.has("data") and results.has("predictions/test")):
        return ()
    summary, target = results.predicted, results.schema.target
    if not task_of(target).decides:
        return _of_numbers(results)
    if not summary.classes:
        return ()
    if len(target.classes) != 2:
        share, classes = _share(summary.accuracy, summary.n), len(target.classes)
        right = message("decision_effect.right", n=summary.n, classes=classes, share=share)
        return (right, *_simplest(summary, target, model=None), *_unlike_model(summary))
    alerts = alerts_within_capacity(results)
    by_capacity = () if alerts is None else (message("decision_effect.alerts", **vars(alerts)),)
    model = _share(summary.accuracy, summary.n)
    sentences = (*by_capacity, _who(summary, target), *_simplest(summary, target, model))
    threshold = () if summary.threshold is None else (_threshold(results),)
    return (*sentences, *threshold, *_unlike_model(summary))


def declared_costs(results: Results) -> DecisionCosts | None:
    """What wrong decisions cost, where the config declares it."""
    costs = _decision(results).get("costs")
    return DecisionCosts(**costs) if costs else None


def expected_cost(costs: DecisionCosts, rates: ClassRates) -> float:
    """The cost of a case on average, by the rates of the explained class.

    Rates that are NaN, as no case is of the class or every one is, cost nothing.
    """
    missed, flagged = (0.0 if math.isnan(r) else r for r in (rates.missed, rates.flagged))
    return costs.of((1 - rates.base) * flagged, rates.base * missed)


def is_declared(results: Results) -> bool:
    """Whether somebody declared the threshold or what it follows from, or the model has its own."""
    decision = _decision(results)
    declared = any(
        decision.get(key) is not None for key in ("rule", "threshold", "costs", "capacity")
    )
    has_decisions = results.has("predictions/test")
    return declared or (has_decisions and results.predicted.rule == "model")


def _decision(results: Results) -> Mapping[str, Any]:
    return results.config.get("decision") or {}


def _who(summary: PredictionSummary, target: Target) -> Message:
    """How many are decided against, or for the explained class where no class is good for them."""
    about = 1 - target.declared_favourable if target.is_judged else summary.explained
    rates = summary.classes[about]
    return message(
        f"decision_effect.{'against' if target.is_judged else 'decided'}",
        n=summary.n,
        share=_share(rates.decided, summary.n),
        wrongly=_share(1 - rates.right, summary.n * rates.decided),
        found=_share(rates.recall, summary.n * rates.base),
        label=target.classes[about],
    )


@dataclass(frozen=True)
class AlertsWithinCapacity:
    """How many of the alerts that people can look into are right, and what they hold.

    alerts, per : how many in each period. right, held : the share of them that is right, and of the
    class that they hold; held is None where none of the class is there. name : of the class.
    """

    alerts: int
    per: str
    right: Estimate
    held: Estimate | None
    name: str


def alerts_within_capacity(results: Results) -> AlertsWithinCapacity | None:
    """What is known of the alerts; None where none were ranked."""
    right, held = (results.score(f"{name}_at_capacity") for name in ("precision", "recall"))
    table = results.rows("precision_at_capacity", "capacities", CountedAlerts)
    declared = first(row for row in table if row.declared)
    if right is None or declared is None:
        return None
    return AlertsWithinCapacity(
        declared.alerts,
        declared.per,
        of_score(right),
        None if held is None else of_score(held),
        results.schema.target.explained_class,
    )


def _simplest(
    summary: PredictionSummary, target: Target, model: Estimate | None
) -> tuple[Message, ...]:
    """How often the most frequent class of the test part would be right for every case.

    The training part may have another largest class, which a baseline goes by: of more than two
    classes the sentence says which is meant.

    model : how often the model is right; None where another sentence has told it.
    """
    bases = [rates.base for rates in summary.classes]
    always = max(bases)
    name = target.classes[bases.index(always)] if len(target.classes) > 2 else ""
    share = _share(always, summary.n)
    return (message("decision_effect.simplest", model=model, always=share, name=name),)


def _threshold(results: Results) -> Message:
    summary, costs = results.predicted, declared_costs(results)
    values: dict[str, object] = {"threshold": summary.threshold, "rule": summary.rule}
    values |= {"declared": is_declared(results), "cost": None}
    if costs is not None:
        rates = summary.about_explained
        simplest = min(costs.of(1 - rates.base, 0), costs.of(0, rates.base))
        values |= {"cost": expected_cost(costs, rates), "cost_of_simplest": simplest}
    return message("decision_effect.threshold", **values)


def _unlike_model(summary: PredictionSummary) -> tuple[Message, ...]:
    """Where the model's own decisions are not those that are judged."""
    if not summary.unlike_model:
        return ()
    counts = {"n": summary.unlike_model, "of": summary.n, "threshold": summary.threshold}
    return (message("decision_effect.unlike_model", **counts),)


def _of_numbers(results: Results) -> tuple[Message, ...]:
    score = results.score("mae")
    if score is None:
        return ()
    simple = first(
        row
        for row in results.rows("baselines", "comparison", ComparedPredictor)
        if row.predictor in _ALWAYS_THE_SAME and row.metric == "mae"
    )
    return (
        message(
            "decision_effect.numbers",
            n=results.predicted.n,
            error=score.value,
            always=None if simple is None else simple.value.value,
            unit=unit_of(results),
        ),
    )


def _share(share: float, n: float) -> Estimate | None:
    """A share of n cases, rounded in words by its interval; None where there is no case."""
    return None if math.isnan(share) else rate(round(share * n), round(n))
