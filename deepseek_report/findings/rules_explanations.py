"""Rules on whether the explanations can be relied on, each against the random control."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from deepseek_report.artifacts.estimate import finite
from deepseek_report.artifacts.finding import Finding, Severity
from deepseek_report.artifacts.ids import ArtifactId
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.score import Score
from deepseek_report.findings.explainer_ranking import (
    GAP_ALLOWED,
    RANDOMISATION_FAILS,
    beats_random,
    is_weak,
    leading_explainer,
    lowest,
    mean_local_fit,
    passes_randomisation,
)
from deepseek_report.findings.records import (
    by_explainer,
    control_score,
    explainer_label,
    feature_inline,
    rows,
)
from deepseek_report.findings.thresholds import CONTROL
from deepseek_report.wording import estimates

#: Mean rank correlation between methods under which they tell different stories, or the same one.
DISAGREE, AGREE = 0.5, 0.8
#: R² of a surrogate in one neighbourhood under which it does not describe the model there.
LOCAL_FIT_POOR = 0.5
ATTENTION = "attention_rollout"


def faithfulness(results: Results) -> list[Finding]:
    """Methods that point at no more than a random order does, and those that do better."""
    gains = by_explainer(results, "deletion_gain")
    failed = [score for score in gains if not beats_random(score)]
    passed = [score for score in gains if beats_random(score)]
    findings = [_not_faithful(results, score) for score in failed]
    weak = [score for score in passed if is_weak(score, passed)]
    if weak:
        findings.append(_weak(results, weak, passed))
    strong = [score for score in passed if score not in weak]
    return findings + ([_faithful(results, strong)] if strong else [])


def _weak(results: Results, weak: Sequence[Score], passed: Sequence[Score]) -> Finding:
    best = max(passed, key=lambda score: score.value)
    return Finding(
        id="faithfulness-weak",
        severity="low",
        message="weakly_faithful",
        values={
            "methods": [_deletion(results, score) for score in weak],
            "best": explainer_label(results, best.explainer),
            "best_gain": estimates.of_score(best),
        },
        evidence=tuple(ArtifactId.measure("deletion", score.explainer) for score in weak),
        section="trust",
    )


def _not_faithful(results: Results, gain: Score) -> Finding:
    attention = gain.explainer == ATTENTION
    return Finding(
        id=f"faithfulness-{gain.explainer}",
        severity="high",
        message="attention_no_reason" if attention else "not_faithful",
        values=_deletion(results, gain),
        evidence=(
            ArtifactId.measure("deletion", gain.explainer),
            ArtifactId.explanation(gain.explainer),
        ),
        section="trust",
    )


def _deletion(results: Results, gain: Score) -> dict[str, Any]:
    own = results.score("deletion", explainer=gain.explainer)
    control = control_score(results, "deletion")
    shuffled = results.score("randomisation_correlation", explainer=gain.explainer)
    return {
        "explainer": explainer_label(results, gain.explainer),
        "gain": estimates.of_score(gain),
        "deletion": estimates.of_score(own) if own else None,
        "control": estimates.of_score(control) if control else None,
        "randomised": estimates.of_score(shuffled) if shuffled else None,
    }


def _faithful(results: Results, gains: list[Score]) -> Finding:
    best = sorted(gains, key=lambda score: -score.value)
    return Finding(
        id="faithfulness-passed",
        severity="info",
        message="faithful",
        values={"methods": [_deletion(results, score) for score in best]},
        evidence=tuple(ArtifactId.measure("deletion", score.explainer) for score in best),
        section="trust",
    )


def sanity(results: Results) -> list[Finding]:
    """Explanations that change little when the weights are drawn anew."""
    scores = by_explainer(results, "randomisation_correlation")
    return [_sanity(results, score) for score in scores if not passes_randomisation(score)]


def _sanity(results: Results, score: Score) -> Finding:
    hardly = lowest(score) >= RANDOMISATION_FAILS
    return Finding(
        id=f"sanity-{score.explainer}",
        severity="high" if hardly else "medium",
        message="sanity_failed" if hardly else "sanity_partly",
        values={
            "explainer": explainer_label(results, score.explainer),
            "correlation": estimates.of_score(score),
        },
        evidence=(ArtifactId.measure("parameter_randomisation", score.explainer),),
        section="trust",
    )


def stability(results: Results) -> list[Finding]:
    """Explanations that change as much as random ones under changes too small to matter."""
    findings = []
    for score in by_explainer(results, "max_sensitivity_ratio"):
        if score.value < 1:
            continue
        own = results.score("max_sensitivity", explainer=score.explainer)
        values = {
            "explainer": explainer_label(results, score.explainer),
            "ratio": estimates.of_score(score),
            "own": estimates.of_score(own) if own else None,
        }
        evidence = (ArtifactId.measure("max_sensitivity", score.explainer),)
        name = f"unstable-{score.explainer}"
        findings.append(Finding(name, "medium", "unstable", values, evidence, "trust"))
    return findings


def agreement(results: Results) -> list[Finding]:
    """Whether the methods tell the same story."""
    score = results.score("agreement")
    if score is None or finite(score.value) is None:
        return []
    message = "disagree" if score.value < DISAGREE else "agree"
    severity: Severity = "medium" if score.value < DISAGREE else "info"
    if DISAGREE <= score.value < AGREE:
        message, severity = "agree_partly", "low"
    chance = results.score("agreement_with_random")
    return [
        Finding(
            id="agreement",
            severity=severity,
            message=message,
            values={
                "agreement": estimates.of_score(score),
                "random": estimates.of_score(chance) if chance else None,
                "first": _same_first(results),
                **_extremes(results),
            },
            evidence=("measures/explainer_agreement",),
            section="trust",
        )
    ]


def _same_first(results: Results) -> dict[str, Any] | None:
    """The feature that most methods put first over all cases, and how many do."""
    firsts = [
        feature_inline(results, row["label"])
        for row in rows(results, "importance", "importance")
        if row["rank"] == 1 and row["explainer"] != CONTROL
    ]
    if len(firsts) < 2:
        return None
    feature = max(dict.fromkeys(firsts), key=firsts.count)
    n = firsts.count(feature)
    return {"feature": feature, "n": n, "of": len(firsts), "most": 2 * n > len(firsts)}


def _extremes(results: Results) -> dict[str, Any]:
    """The pair of methods that agree least, in words."""
    pairs = [
        row
        for row in rows(results, "explainer_agreement", "pairs")
        if CONTROL not in (row["explainer_a"], row["explainer_b"])
        and finite(row["spearman"]) is not None
    ]
    if len(pairs) < 2:
        return {"least": None}
    least = min(pairs, key=lambda row: row["spearman"])
    return {
        "least": {
            "a": explainer_label(results, least["explainer_a"]),
            "b": explainer_label(results, least["explainer_b"]),
            "spearman": estimates.of_row(least, "spearman"),
        }
    }


def completeness(results: Results) -> list[Finding]:
    """Attributions that do not add up to the prediction, of methods that promise it."""
    return [
        Finding(
            id=f"completeness-{score.explainer}",
            severity="low",
            message="incomplete_sum",
            values={
                "explainer": explainer_label(results, score.explainer),
                "gap": estimates.of_score(score),
            },
            evidence=(ArtifactId.measure("completeness_gap", score.explainer),),
            section="trust",
        )
        for score in by_explainer(results, "completeness_gap")
        if score.value > GAP_ALLOWED and score.explainer != "lime"
    ]


def local_fit(results: Results) -> list[Finding]:
    """Surrogates such as LIME's that do not follow the model around the cases."""
    return [
        Finding(
            id=f"local_fit-{name}",
            severity="medium" if fit < LOCAL_FIT_POOR / 2 else "low",
            message="local_fit_poor",
            values={
                "explainer": explainer_label(results, name),
                "fit": fit,
                "n": len(explanation),
            },
            evidence=(ArtifactId.explanation(name),),
            section="trust",
        )
        for name, explanation in results.explanations.items()
        if (fit := mean_local_fit(explanation)) is not None and fit < LOCAL_FIT_POOR
    ]


def overview(results: Results) -> list[Finding]:
    """What the explanations say on the whole, by the most faithful method that is signed."""
    name = leading_explainer(results)
    table = [r for r in rows(results, "importance", "importance") if r["explainer"] == name]
    if name is None or len(table) < 2:
        return []
    table.sort(key=lambda row: row["rank"])
    return [
        Finding(
            id="main_reasons",
            severity="info",
            message="main_reasons",
            values={
                "explainer": explainer_label(results, name),
                "features": [feature_inline(results, row["label"]) for row in table[:3]],
                "share": sum(row["share"] for row in table[:3]),
                "target": results.schema.target.explained_class,
                "n": len(results.explanations[name]),
                "first": _same_first(results),
            },
            evidence=(ArtifactId.measure("importance", name),),
            section="explanations",
        )
    ]
