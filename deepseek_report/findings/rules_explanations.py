"""Rules on what the explanations of this run may be used for, by the verdicts on the methods."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from deepseek_report.artifacts.conclusions import TRUSTED, ExplainerVerdict, Use
from deepseek_report.artifacts.estimate import finite
from deepseek_report.artifacts.finding import Finding, Severity
from deepseek_report.artifacts.ids import ArtifactId
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.score import Score
from deepseek_report.data_kinds import kind_of
from deepseek_report.findings.error_budget import is_under
from deepseek_report.findings.explainer_verdicts import (
    CONDEMNED,
    GAP_ALLOWED,
    answering,
    leading_explainer,
    quoted,
    verdict_of,
    verdicts,
)
from deepseek_report.findings.records import by_explainer, explainer_label, feature_inline, unit_of
from deepseek_report.findings.severity import SIGNIFICANT, severity
from deepseek_report.metrics.explanations.agreement import ExplainerPair
from deepseek_report.metrics.explanations.explanation_rows import (
    FeatureImportance,
    SelfCheckOutcome,
    SkillShare,
)
from deepseek_report.metrics.explanations.localisation import LocalisedShare
from deepseek_report.wording import estimates

#: Mean rank correlation between trusted methods under which they tell different stories, or from
#: which they tell the same one; between the two there is nothing to say.
DISAGREE, AGREE = 0.5, 0.8
#: Share of all attributions from which on cases are said to be explained by a feature.
LEAST_TOLD = 0.05
#: Verdicts that are one finding each, with all methods that have them.
_TOLD: tuple[Use, ...] = ("faulty", "wrong", "nothing", "not_this_case", "overall", "open", "few")
#: The numbers behind the verdicts.
_NUMBERS = (
    *("deletion_effect", "insertion_effect", "own_case_effect", "shared_order"),
    *("randomisation_correlation", "null_player_share", "repeat_ratio", "max_sensitivity_ratio"),
)


def uses(results: Results) -> list[Finding]:
    """What the methods may be used for: one finding for those that may be trusted, and one each
    for those with the same fault.
    """
    judged, ranked = verdicts(results), answering(results)
    trusted = [name for name in ranked if judged[name].is_trusted]
    findings = [
        _of_use(results, use, names)
        for use in _TOLD
        if (names := [name for name, verdict in judged.items() if verdict.use == use])
    ]
    return findings + ([_trusted(results, trusted)] if trusted else [])


def _of_use(results: Results, use: Use, names: Sequence[str]) -> Finding:
    leads, best = leading_explainer(results) in names, quoted(results)
    severity: Severity = "medium" if use in {"faulty", "wrong", "nothing"} else "low"
    if leads and use in CONDEMNED:
        severity = "high"
    return Finding(
        id=f"explainers-{use}",
        severity=severity,
        message=f"explainers_{use}",
        values={
            "methods": [_numbers(results, name) for name in names],
            "leads": leads,
            "passing": [] if best is None else [explainer_label(results, best.explainer)],
            "faults": sorted({f for name in names for f in verdict_of(results, name).faults}),
        },
        evidence=(
            "measures/faithfulness_effect",
            *(["measures/deletion"] if results.has("measures/deletion") else []),
            *(ArtifactId.explanation(name) for name in names),
        ),
        section="trust",
    )


def _trusted(results: Results, names: Sequence[str]) -> Finding:
    """The one method to quote, then the others, which are checks on it."""
    best = quoted(results)
    methods = {name: _numbers(results, name) for name in names}
    order = sorted(
        names,
        key=lambda name: (
            best is None or name != best.explainer,
            -methods[name]["deletion_effect"].value,
        ),
    )
    return Finding(
        id="explainers-trusted",
        severity="info",
        message="explainers_trusted",
        values={
            "methods": [methods[name] for name in order],
            "quoted": quotation(results, best or verdict_of(results, order[0])),
        },
        evidence=("measures/faithfulness_effect",),
        section="trust",
    )


def quotation(results: Results, verdict: ExplainerVerdict) -> dict[str, Any]:
    """What every sentence on the use of a method is made of.

    scope : what it may be quoted for. reach : share of the reachable gain. faults : tests on single
    cases that it failed. error, space, unit : the sampling error of an attribution, and what it is
    measured in.
    """
    name = verdict.explainer
    return {
        "explainer": explainer_label(results, name),
        "scope": verdict.scope,
        "reach": verdict.reach,
        "faults": list(verdict.faults),
        "error": verdict.sampling_error,
        "space": results.explanations[name].output_space,
        "unit": unit_of(results),
    }


def _numbers(results: Results, name: str) -> dict[str, Any]:
    """The name of a method, and the numbers behind its verdict; None for those not measured."""
    scores = {metric: results.score(metric, explainer=name) for metric in _NUMBERS}
    return {
        "explainer": explainer_label(results, name),
        "n": len(results.explanations[name]),
        "failed": [
            dict(row.cells)
            for row in results.rows("self_check", "checks", SelfCheckOutcome)
            if row.explainer == name and not row.passed
        ],
        **{
            metric: estimates.of_score(score)
            if score is not None and finite(score.value) is not None
            else None
            for metric, score in scores.items()
        },
    }


def agreement(results: Results) -> list[Finding]:
    """Whether the methods that may be trusted for single cases tell the same story."""
    judged = verdicts(results)
    trusted = {name for name in answering(results) if judged[name].is_trusted}
    pairs = [
        row
        for row in results.rows("explainer_agreement", "pairs", ExplainerPair)
        if {row.explainer_a, row.explainer_b} <= trusted and row.spearman.is_defined
    ]
    if not pairs:
        return []
    mean = float(sum(row.spearman.value for row in pairs) / len(pairs))
    if DISAGREE <= mean < AGREE:
        return []
    least = min(pairs, key=lambda row: row.spearman.value)
    return [
        Finding(
            id="agreement",
            severity="low" if mean < DISAGREE else "info",
            message="disagree" if mean < DISAGREE else "agree",
            values={
                "agreement": mean,
                "n": least.spearman.n,
                "pairs": len(pairs),
                "least": {
                    "a": explainer_label(results, least.explainer_a),
                    "b": explainer_label(results, least.explainer_b),
                    "spearman": least.spearman,
                },
                "first": _same_first(results, trusted),
            },
            evidence=("measures/explainer_agreement",),
            section="trust",
        )
    ]


def _same_first(results: Results, names: Sequence[str] | set[str]) -> dict[str, object] | None:
    """The feature that most of these methods put first over all cases, and how many do."""
    firsts = [
        feature_inline(results, row.label)
        for row in results.rows("importance", "importance", FeatureImportance)
        if row.rank == 1 and row.explainer in names
    ]
    if len(firsts) < 2:
        return None
    feature = max(dict.fromkeys(firsts), key=firsts.count)
    n = firsts.count(feature)
    return {"feature": feature, "n": n, "of": len(firsts), "most": 2 * n > len(firsts)}


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
        if score.value > GAP_ALLOWED
        and score.explainer != "lime"
        and verdict_of(results, score.explainer).is_trusted
    ]


def unearned(results: Results) -> list[Finding]:
    """Features that the leading method explains cases by, and that are shown to cost skill.

    That a feature costs skill is corrected for all features, see `skill_importance.Sage`. Of words,
    patches and windows nothing is said, see `overview`.
    """
    if not kind_of(results.schema).named_columns:
        return []
    name = leading_explainer(results)
    if name is None or verdict_of(results, name).use not in TRUSTED | {"overall"}:
        return []
    attributed = {
        row.feature: row.share
        for row in results.rows("importance", "importance", FeatureImportance)
        if row.explainer == name and row.share >= LEAST_TOLD
    }
    costly = [
        row
        for row in results.rows("sage", "features", SkillShare)
        if row.feature in attributed and is_under(row, SIGNIFICANT)
    ]
    if not costly:
        return []
    return [
        Finding(
            id="earns_no_skill",
            severity=severity("method", "moderate"),
            message="earns_no_skill",
            values={
                "explainer": explainer_label(results, name),
                "features": [
                    {
                        "name": feature_inline(results, row.label),
                        "attributed": attributed[row.feature],
                        "earned": row.share,
                    }
                    for row in sorted(costly, key=lambda row: -attributed[row.feature])[:3]
                ],
                "n": costly[0].n,
            },
            evidence=("measures/sage", ArtifactId.measure("importance", name)),
            section="explanations",
        )
    ]


def overview(results: Results) -> list[Finding]:
    """What the explanations say on the whole, by the leading method, where that may be told.

    A word, a patch or a window is no feature: summed over cases its attribution tells how frequent
    a word is, or in which place of the input something often lies, and nothing is said of it.
    """
    if not kind_of(results.schema).named_columns:
        return []
    name = leading_explainer(results)
    if name is None or verdict_of(results, name).use not in TRUSTED | {"overall"}:
        return []
    table = [
        r
        for r in results.rows("importance", "importance", FeatureImportance)
        if r.explainer == name
    ]
    if len(table) < 2:
        return []
    table.sort(key=lambda row: row.rank)
    return [
        Finding(
            id="main_reasons",
            severity="info",
            message="main_reasons",
            values={
                "explainer": explainer_label(results, name),
                "features": [feature_inline(results, row.label) for row in table[:3]],
                "share": sum(row.share for row in table[:3]),
                "target": results.schema.target.explained_class,
                "n": len(results.explanations[name]),
                "first": _same_first(results, answering(results)),
            },
            evidence=(ArtifactId.measure("importance", name),),
            section="explanations",
        )
    ]


def localisation(results: Results) -> list[Finding]:
    """Explainers whose attribution lies outside of the known truth, and those that hit it.

    Of a method whose attribution does not depend on the model, and of a model that is not shown to
    beat a constant, nothing is concluded: where the attribution lies then says nothing of use.
    """
    gains = telling_gains(results)
    hit = [score for score in gains if hits(score)]
    findings = [_missed(results, score) for score in gains if not hits(score)]
    return findings + ([_hit(results, hit)] if hit else [])


def telling_gains(results: Results) -> list[Score]:
    """The gains from which something may be concluded, the largest first."""
    gains = [
        score for score in by_explainer(results, "localisation_gain") if _tells(results, score)
    ]
    return sorted(gains, key=lambda score: -score.value)


def _tells(results: Results, gain: Score) -> bool:
    """Whether the gain was defined, and something may be concluded from where it lies."""
    use = verdict_of(results, gain.explainer).use
    return finite(gain.value) is not None and use not in {"nothing", "no_skill"}


def hits(gain: Score) -> bool:
    """Whether more of the attribution lies on the truth than chance would put there."""
    return estimates.ends(gain)[0] > 0


def _missed(results: Results, gain: Score) -> Finding:
    return Finding(
        id=f"localisation-{gain.explainer}",
        severity="medium",
        message="points_elsewhere",
        values=_values(results, gain) | {"away": gain.high is not None and gain.high < 0},
        evidence=(
            ArtifactId.measure("localisation", gain.explainer),
            ArtifactId.explanation(gain.explainer),
        ),
        section="trust",
    )


def _hit(results: Results, gains: list[Score]) -> Finding:
    return Finding(
        id="localisation-passed",
        severity="info",
        message="points_at_truth",
        values={"methods": [_values(results, score) for score in gains]},
        evidence=tuple(ArtifactId.measure("localisation", score.explainer) for score in gains),
        section="trust",
    )


def _values(results: Results, gain: Score) -> dict[str, Any]:
    """The share of the attribution on the truth, what chance gives, and the main player's share."""
    table = results.rows("localisation", "localisation", LocalisedShare)
    mine = {row.measure: row for row in table if row.explainer == gain.explainer}
    mass, pointing = mine.get("relevance_mass"), mine.get("pointing_game")
    return {
        "explainer": explainer_label(results, gain.explainer),
        "gain": estimates.of_score(gain),
        "mass": mass.value if mass else None,
        "chance": finite(mass.chance) if mass else None,
        "pointing": pointing.value if pointing else None,
        "pointing_chance": finite(pointing.chance) if pointing else None,
    }
