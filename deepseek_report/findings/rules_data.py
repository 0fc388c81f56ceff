"""Rules on what the data can carry; the checks themselves ran when the data were read."""

from __future__ import annotations

import math
from collections.abc import Iterator

from deepseek_report.artifacts.advice import override
from deepseek_report.artifacts.estimate import finite
from deepseek_report.artifacts.finding import SEVERITIES, Finding, Severity
from deepseek_report.artifacts.ids import ArtifactId
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.split import DataIssue
from deepseek_report.data_kinds import kind_of
from deepseek_report.findings import error_budget
from deepseek_report.findings.best_option import NOTHING_TRIED, refits_of, without_suspects
from deepseek_report.findings.explainer_verdicts import leading_explainer
from deepseek_report.findings.records import explainer_label, feature_inline, unit_of
from deepseek_report.findings.severity import severity, size_of
from deepseek_report.metrics.explanations.explanation_rows import FeatureImportance
from deepseek_report.metrics.failures.failure_rows import CopyComparison
from deepseek_report.tasks import task_of
from deepseek_report.tasks.loss import Loss
from deepseek_report.wording import estimates
from deepseek_report.wording.of_results import words_of

#: From this share of near copies on, certainly, they are told.
NEAR_SHARE = 0.01
#: By how much near copies flatter the score at least, moderate and large: of decisions an error
#: rate, of numbers a share of the error on the other rows.
FLATTERED = {True: (0.02, 0.1), False: (0.1, 0.5)}
#: How many things of one kind a finding names.
SHOWN = 2
#: How many of the names that give a label away are told with what is attributed to them.
STRONGEST = 3
#: What `dataset.hide` calls the words of each form that it can take away.
_HIDEABLE = {"handle": "handles", "hashtag": "hashtags", "link": "links", "number": "numbers"}


def issues(results: Results) -> Iterator[Finding]:
    """One finding for each kind of thing that the checks of the data found."""
    kinds: dict[str, list[DataIssue]] = {}
    for issue in results.issues:
        kinds.setdefault(issue.check, []).append(issue)
    for check, alike in kinds.items():
        yield _issue(results, check, alike)


def _issue(results: Results, check: str, alike: list[DataIssue]) -> Finding:
    """The finding of one check, with the severity of the gravest thing it found."""
    key = f"data_{check}"
    if not words_of(results).has(f"findings.{key}.claim"):
        key = "data_other"
    alike = sorted(alike, key=lambda issue: SEVERITIES.index(issue.severity))
    gravest, kind = alike[0], kind_of(results.schema).name
    cues = _cues(results, alike) if check == "spurious_cues" else {}
    area = results.score("roc_auc") if check == "near_leak" else None
    is_leak = check == "near_leak" and gravest.severity in ("high", "medium")
    is_few = bool(gravest.values.get("few"))
    leader = leading_explainer(results) or ""
    judged = (ArtifactId.measure("importance", leader),) if cues.get("attributed") else ()
    values = {
        "check": check.replace("_", " "),
        "n": sum(int(issue.values.get("places", 1)) for issue in alike),
        "column": message(f"columns_as.{kind}.singular"),
        "columns": message(f"columns_as.{kind}.plural"),
        "texts": [issue.text for issue in alike[:SHOWN]],
        "more": max(len(alike) - SHOWN, 0),
        "recommendation": gravest.recommendation,
        "classes": len(results.schema.target.classes),
        "grave": gravest.severity == "high",
        "slight": gravest.severity == "info",
        "few": gravest.values.get("n_test") if is_few else None,
        "area": estimates.of_score(area) if area else None,
        **(without_suspects(results) if is_leak else NOTHING_TRIED),
        **cues,
    }
    name, evidence = f"data-{check}", ("data", *judged, *(refits_of(results) if is_leak else ()))
    return Finding(name, gravest.severity, key, values, evidence, "data", touches=float(is_few))


def _cues(results: Results, alike: list[DataIssue]) -> dict[str, object]:
    """Names that give the label away, and how much the most faithful method attributes to them.

    Numbers and signs, which can be meant, are told in the section on data alone.
    """
    named = [issue for issue in alike if issue.severity != "info"] or alike
    words = {str(cue["word"]) for issue in named for cue in issue.values.get("cues", [])}
    leader = leading_explainer(results)
    table = [
        row
        for row in results.rows("importance", "importance", FeatureImportance)
        if row.explainer == leader and row.feature in words
    ]
    table.sort(key=lambda row: row.rank)
    hidden = (results.config.get("dataset") or {}).get("hide") or ()
    forms = [str(issue.values["form"]) for issue in named]
    hideable = [_HIDEABLE[form] for form in forms if form in _HIDEABLE]
    shown = [kind for kind in hideable if kind not in hidden]
    return {
        "kinds": [message(f"data.forms.{form}") for form in forms],
        "hide": override("dataset.hide", shown) if shown else "",
        "method": leader,
        "explainer": explainer_label(results, leader) if leader else "",
        "attributed": float(sum(row.share for row in table)),
        "strongest": [
            message("data.attributed", name=feature_inline(results, row.label), share=row.share)
            for row in table[:STRONGEST]
        ],
    }


def near_copies(results: Results) -> Iterator[Finding]:
    """Test rows that are nearly training rows, by what they do to the score."""
    share, (row, *p_values) = results.score("near_copies"), error_budget.near_copies(results)
    if share is None or row is None or (share.low or 0.0) < NEAR_SHARE:
        return
    level = error_budget.level_of(results, "near_copies")
    gains, alike = (p is not None and p < level for p in p_values)
    # Where cases were matched with like ones of the other class, near copies have the label of the
    # training row less often than other rows do.
    alike = alike and row.same_label > row.other_same_label
    loss, few = task_of(results.schema.target).loss, row.by_chance
    without = results.score(f"{loss.key}_without_copies")
    values = {
        "n": row.near,
        "of": row.n,
        "share": estimates.of_score(share),
        "same": finite(row.same_label),
        "other_same": finite(row.other_same_label),
        "alike": alike,
        "few": few,
        "gains": gains,
        "near_loss": row.near_loss,
        "without": estimates.of_score(without) if without and not few else None,
        "is_share": loss.is_share,
        "unit": unit_of(results),
    }
    grade = _severity_of_copies(row, loss, few=few, alike=alike, gains=gains)
    name, evidence = "near_copies", ("measures/near_copies",)
    yield Finding(name, grade, name, values, evidence, "bottlenecks")


def _severity_of_copies(
    row: CopyComparison, loss: Loss, *, few: bool, alike: bool, gains: bool
) -> Severity:
    """By how much they flatter the score at least, where they do so beyond chance.

    Large where so few others are left that the score says nothing of new cases; of nothing that is
    shown where they merely have the training row's label more often than other rows do.
    """
    if few and alike:
        return severity("decision", "large")
    if not gains:
        return severity("decision", "moderate" if alike else "small", certain=not alike)
    others = row.other_loss or 1.0
    least = math.nan if row.flattered.low is None else row.flattered.low
    least = least if loss.is_share else least / others
    return severity("decision", size_of(least, *FLATTERED[loss.is_share]))


def labels(results: Results) -> Iterator[Finding]:
    """Labels that are somebody's decisions, not outcomes."""
    if results.has("data") and results.schema.target.labels_are_decisions:
        name, values = "labels_are_decisions", {"target": results.schema.target.label}
        yield Finding(name, "high", name, values, ("data",), "data")
