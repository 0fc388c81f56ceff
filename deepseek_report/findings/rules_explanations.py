"""Rules on what the explanations of this run may be used for, by the verdicts on the methods."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from deepseek_report.artifacts.conclusions import TRUSTED, ExplainerVerdict, Use
from deepseek_report.artifacts.estimate import finite
from deepseek_report.artifacts.finding import Finding, Severity
from deepseek_report.artifacts.ids import ArtifactId
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.score import Score
from deepseek_report.artifacts.table_rows import cells_of
from deepseek_report.data_kinds import kind_of
from deepseek_report.findings import records
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
    *("randomisation_correlation", "randomisation_gain", "null_player_share"),
    *("repeat_ratio", "max_sensitivity_ratio"),
)


def uses(results: Results) -> Iterator[Finding]:
    """What the methods may be used for: one finding each for those with the same fault, and one for
    those that may be trusted: the one to quote, then the others, which are checks on it.
    """
    judged, best = verdicts(results), quoted(results)
    for use in _TOLD:
        if names := [name for name, verdict in judged.items() if verdict.use == use]:
            yield _of_use(results, use, names)
    trusted = [name for name in answering(results) if judged[name].is_trusted]
    if trusted:

        def place(name: str) -> tuple[bool, float]:
            effect = results.score("deletion_effect", explainer=name)
            return best is None or name != best.explainer, -effect.value if effect else 0.0

        order = sorted(trusted, key=place)
        values = {
            "methods": [_numbers(results, name) for name in order],
            "quoted": quotation(results, best or judged[order[0]]),
        }
        name, evidence = "explainers-trusted", ("measures/faithfulness_effect",)
        yield Finding(name, "info", "explainers_trusted", values, evidence, "trust")


def _of_use(results: Results, use: Use, names: Sequence[str]) -> Finding:
    leads, best = leading_explainer(results) in names, quoted(results)
    grade: Severity = "medium" if use in {"faulty", "wrong", "nothing"} else "low"
    if leads and use in CONDEMNED:
        grade = "high"
    values = {
        "methods": [_numbers(results, name) for name in names],
        "leads": leads,
        "passing": [] if best is None else [records.explainer_label(results, best.explainer)],
        "faults": sorted({f for name in names for f in verdict_of(results, name).faults}),
        "undecided": sorted(
            {test for name in names for test in verdict_of(results, name).undecided}
        ),
        "all_explained": all(_explains_all(results, name) for name in names),
    }
    evidence = (
        "measures/faithfulness_effect",
        *(["measures/deletion"] if results.has("measures/deletion") else []),
        *map(ArtifactId.explanation, names),
    )
    return Finding(f"explainers-{use}", grade, f"explainers_{use}", values, evidence, "trust")


def _explains_all(results: Results, name: str) -> bool:
    """Whether a method explained every row of the test part, as far as the run folder tells."""
    return results.has_rows and len(results.explanations[name]) >= len(results.predictions)


def quotation(results: Results, verdict: ExplainerVerdict) -> dict[str, object]:
    """What every sentence on the use of a method is made of.

    scope : what it may be quoted for. reach : share of the reachable gain. faults : tests on single
    cases that it failed. undecided : tests whose outcome is open. error, space, unit : the sampling
    error of an attribution, and what it is measured in.
    """
    name = verdict.explainer
    return {
        "explainer": records.explainer_label(results, name),
        "scope": verdict.scope,
        "reach": verdict.reach,
        "faults": list(verdict.faults),
        "undecided": list(verdict.undecided),
        "error": verdict.sampling_error,
        "space": results.explanations[name].output_space,
        "unit": records.unit_of(results),
    }


def _numbers(results: Results, name: str) -> dict[str, object]:
    """The name of a method, and the numbers behind its verdict; None for those not measured."""
    scores = {metric: records.defined(results, metric, explainer=name) for metric in _NUMBERS}
    return {
        "explainer": records.explainer_label(results, name),
        "n": len(results.explanations[name]),
        "failed": [
            cells_of(row)
            for row in results.rows("self_check", "checks", SelfCheckOutcome)
            if row.explainer == name and not row.passed
        ],
        **{
            metric: None if score is None else estimates.of_score(score)
            for metric, score in scores.items()
        },
    }


def agreement(results: Results) -> Iterator[Finding]:
    """Whether the methods that may be trusted for single cases tell the same story."""
    judged = verdicts(results)
    trusted = {name for name in answering(results) if judged[name].is_trusted}
    pairs = [
        row
        for row in results.rows("explainer_agreement", "pairs", ExplainerPair)
        if {row.explainer_a, row.explainer_b} <= trusted and row.spearman.is_defined
    ]
    mean = sum(row.spearman.value for row in pairs) / len(pairs) if pairs else DISAGREE
    if DISAGREE <= mean < AGREE:
        return
    least = min(pairs, key=lambda row: row.spearman.value)
    values = {
        "agreement": float(mean),
        "n": least.spearman.n,
        "pairs": len(pairs),
        "least": {
            "a": records.explainer_label(results, least.explainer_a),
            "b": records.explainer_label(results, least.explainer_b),
            "spearman": least.spearman,
        },
        "first": _same_first(results, trusted),
    }
    message, evidence = (
        "disagree" if mean < DISAGREE else "agree",
        ("measures/explainer_agreement",),
    )
    grade: Severity = "low" if mean < DISAGREE else "info"
    yield Finding("agreement", grade, message, values, evidence, "trust")


def _same_first(results: Results, names: Collection[str]) -> dict[str, object] | None:
    """The feature that most of these methods put first over all cases, and how many do."""
    firsts = [
        records.feature_inline(results, row.label)
        for row in results.rows("importance", "importance", FeatureImportance)
        if row.rank == 1 and row.explainer in names
    ]
    if len(firsts) < 2:
        return None
    feature = max(dict.fromkeys(firsts), key=firsts.count)
    n = firsts.count(feature)
    return {"feature": feature, "n": n, "of": len(firsts), "most": 2 * n > len(firsts)}


def completeness(results: Results) -> Iterator[Finding]:
    """Attributions that do not add up to the prediction, of methods that promise it."""
    for score in records.by_explainer(results, "completeness_gap"):
        name, is_off = score.explainer, score.value > GAP_ALLOWED
        if is_off and name != "lime" and verdict_of(results, name).is_trusted:
            label = records.explainer_label(results, name)
            values = {"explainer": label, "gap": estimates.of_score(score)}
            evidence = (ArtifactId.measure("completeness_gap", name),)
            yield Finding(
                f"completeness-{name}", "low", "incomplete_sum", values, evidence, "trust"
            )


def _leading_importance(results: Results) -> tuple[str, list[FeatureImportance]]:
    """The leading method and its table, by rank; empty where they may not be told.

    A word, a patch or a window is no feature: summed over cases its attribution tells how frequent
    a word is, or in which place of the input something often lies, and nothing is said of it.
    """
    if not kind_of(results.schema).named_columns:
        return "", []
    name = leading_explainer(results)
    if name is None or verdict_of(results, name).use not in TRUSTED | {"overall"}:
        return "", []
    table = results.rows("importance", "importance", FeatureImportance)
    own = [row for row in table if row.explainer == name]
    return name, sorted(own, key=lambda row: row.rank)


def unearned(results: Results) -> Iterator[Finding]:
    """Features that the leading method explains cases by, and that are shown to cost skill.

    That a feature costs skill is corrected for all features, see `skill_importance.Sage`.
    """
    name, table = _leading_importance(results)
    attributed = {row.feature: row.share for row in table if row.share >= LEAST_TOLD}
    costly = [
        row
        for row in results.rows("sage", "features", SkillShare)
        if row.feature in attributed and is_under(row, SIGNIFICANT)
    ]
    if costly:
        features = [
            {
                "name": records.feature_inline(results, row.label),
                "attributed": attributed[row.feature],
                "earned": row.share,
            }
            for row in sorted(costly, key=lambda row: -attributed[row.feature])[:3]
        ]
        label, grade = records.explainer_label(results, name), severity("method", "moderate")
        values = {"explainer": label, "features": features, "n": costly[0].n}
        evidence = ("measures/sage", ArtifactId.measure("importance", name))
        yield Finding("earns_no_skill", grade, "earns_no_skill", values, evidence, "explanations")


def overview(results: Results) -> Iterator[Finding]:
    """What the explanations say on the whole, by the leading method, where that may be told."""
    name, table = _leading_importance(results)
    if len(table) >= 2:
        values = {
            "explainer": records.explainer_label(results, name),
            "features": [records.feature_inline(results, row.label) for row in table[:3]],
            "share": sum(row.share for row in table[:3]),
            "target": results.schema.target.explained_class,
            "n": len(results.explanations[name]),
            "first": _same_first(results, answering(results)),
        }
        evidence = (ArtifactId.measure("importance", name),)
        yield Finding("main_reasons", "info", "main_reasons", values, evidence, "explanations")


def localisation(results: Results) -> Iterator[Finding]:
    """Explainers whose attribution lies outside of the known truth, and those that hit it.

    Of a method whose attribution does not depend on the model, and of a model that is not shown to
    beat a constant, nothing is concluded: where the attribution lies then says nothing of use.
    """
    gains = telling_gains(results)
    hit = [gain for gain in gains if hits(gain)]
    for gain in gains:
        if not hits(gain):
            name, away = gain.explainer, gain.high is not None and gain.high < 0
            values = _values(results, gain) | {"away": away}
            evidence = (ArtifactId.measure("localisation", name), ArtifactId.explanation(name))
            message = "points_elsewhere"
            yield Finding(f"localisation-{name}", "medium", message, values, evidence, "trust")
    if hit:
        methods = [_values(results, gain) for gain in hit]
        judged = tuple(ArtifactId.measure("localisation", gain.explainer) for gain in hit)
        name = "localisation-passed"
        yield Finding(name, "info", "points_at_truth", {"methods": methods}, judged, "trust")


def telling_gains(results: Results) -> list[Score]:
    """The gains from which something may be concluded, the largest first."""
    gains = [
        gain
        for gain in records.by_explainer(results, "localisation_gain")
        if verdict_of(results, gain.explainer).use not in {"nothing", "no_skill"}
    ]
    return sorted(gains, key=lambda score: -score.value)


def hits(gain: Score) -> bool:
    """Whether more of the attribution lies on the truth than chance would put there."""
    return estimates.ends(gain)[0] > 0


def _values(results: Results, gain: Score) -> dict[str, object]:
    """The share of the attribution on the truth, what chance gives, and the main player's share."""
    table = results.rows("localisation", "localisation", LocalisedShare)
    mine = {row.measure: row for row in table if row.explainer == gain.explainer}
    mass, pointing = mine.get("relevance_mass"), mine.get("pointing_game")
    return {
        "explainer": records.explainer_label(results, gain.explainer),
        "gain": estimates.of_score(gain),
        "mass": mass.value if mass else None,
        "chance": finite(mass.chance) if mass else None,
        "pointing": pointing.value if pointing else None,
        "pointing_chance": finite(pointing.chance) if pointing else None,
    }
