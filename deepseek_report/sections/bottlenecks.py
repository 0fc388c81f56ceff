"""What limits the model: accuracy, data, capacity or compute, and what would help most."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from deepseek_report.artifacts.estimate import Estimate, finite
from deepseek_report.artifacts.ids import ArtifactId
from deepseek_report.artifacts.protocols.sections import SectionContent
from deepseek_report.artifacts.results import Results
from deepseek_report.findings.records import unit_of
from deepseek_report.sections.bottlenecks_accuracy import accuracy, data
from deepseek_report.sections.bottlenecks_capacity import capacity
from deepseek_report.sections.bottlenecks_compute import compute
from deepseek_report.sections.cohort_tables import cohorts
from deepseek_report.sections.shared.draft import Draft
from deepseek_report.wording import estimates
from deepseek_report.wording.of_results import words_of

#: A gain in ROC AUC below which a remedy is not worth its cost.
NO_HOPE = 0.01
_METRICS = (
    *("slices", "cohorts", "near_copies", "label_suspects", "learning_curve"),
    *("expert_load", "route_entropy", "ablation"),
    *("layer_profile", "latency", "peak_memory", "parameter_projection"),
)
_PICTURES = (
    *("slices", "cohorts", "learning_curve"),
    *("routing", "layer_profile", "parameter_projection"),
)
_USES = frozenset(
    {ArtifactId.measure(name) for name in _METRICS}
    | {ArtifactId.picture(name) for name in _PICTURES}
)


@dataclass(frozen=True)
class BottlenecksSection:
    """Says what limits the model and what would help most, for four kinds of limit."""

    needs: ClassVar[frozenset[str]] = frozenset({"predictions/test"})

    def content(self, results: Results) -> SectionContent:
        draft = Draft("bottlenecks", results)
        _answer(draft)
        draft.notes(_METRICS)
        draft.values |= {
            "accuracy": accuracy(draft),
            "cohorts": cohorts(draft),
            "data": data(draft),
            "capacity": capacity(draft),
            "compute": compute(draft),
        }
        return draft.content(self.needs, _USES)


def _answer(draft: Draft) -> None:
    """The measured gains that can be compared, largest first, and those that are none."""
    offers = _offers(draft.results)
    if not offers:
        return
    helping = sorted(
        (offer for offer in offers if _helps(offer["gain"])), key=lambda offer: -offer["gain"].value
    )
    tried = draft.results.score("learning_curve_gain") is not None
    hopeless = tried and all(_is_hopeless(offer["gain"]) for offer in offers)
    draft.answer(
        "help", helping=helping, offers=offers, hopeless=hopeless, unit=unit_of(draft.results)
    )


def _helps(gain: Estimate) -> bool:
    return gain.value > 0 and (gain.low is None or gain.low > 0)


def _is_hopeless(gain: Estimate) -> bool:
    return gain.high is not None and gain.high < NO_HOPE


def _offers(results: Results) -> list[dict[str, Any]]:
    """What could raise the ROC AUC, or lower the error of a number, with the measured gain."""
    words = words_of(results)
    offers = []
    curve = results.score("learning_curve_gain")
    if curve is not None and finite(curve.value) is not None:
        what = words.text("sections.bottlenecks.offer.rows")
        offers.append({"what": what, "gain": estimates.of_score(curve)})
    for score in (*results.find("roc_auc_gain"), *results.find("mae_gain")):
        if score.predictor in {"majority", "mean"} or finite(score.value) is None:
            continue
        predictor = words.label("predictors", score.predictor)
        what = words.text("sections.bottlenecks.offer.model", predictor=predictor)
        offers.append({"what": what, "gain": estimates.of_score(score).negated()})
    return offers
