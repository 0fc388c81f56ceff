"""An item's own checks (rule 4 of `_status_rules.yaml`): why an intact artifact may not count."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from deepseek_report.artifacts.ids import ArtifactId
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.rounding import count, number
from deepseek_report.artifacts.score import Score
from deepseek_report.artifacts.storage.files import load_json, load_table
from deepseek_report.compliance.sources import (
    Check,
    FieldsCheck,
    Need,
    RowsCheck,
    SanityTest,
    ScoreCheck,
)


@dataclass(frozen=True)
class Subject:
    """What is checked: an artifact of a run, the floor for n, and the explainers' sanity tests."""

    results: Results
    artifact: str
    floor: int
    sanity: tuple[SanityTest, ...] = ()


@dataclass(frozen=True)
class CheckOutcome:
    """Why the item does not count (`problems`), and what a reader should know (`remarks`)."""

    problems: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


def run_checks(need: Need, subject: Subject) -> CheckOutcome:
    """All checks of an item, each problem as one phrase."""
    outcomes = [_run(check, subject) for check in need.checks]
    return CheckOutcome(
        tuple(text for one in outcomes for text in one.problems),
        tuple(text for one in outcomes for text in one.remarks),
    )


def _run(check: Check, subject: Subject) -> CheckOutcome:
    if isinstance(check, ScoreCheck):
        return _check_scores(check, subject)
    if isinstance(check, FieldsCheck):
        return _check_fields(check, subject)
    if isinstance(check, RowsCheck):
        return _check_rows(check, subject)
    return _check_sanity(subject)


def scores_of(results: Results, artifact: str, metric: str) -> list[Score]:
    """Scores of one metric in one artifact; empty for artifacts that hold no scores."""
    measured = ArtifactId(artifact)
    if measured.kind != "measures":
        return []
    found = results.measurement(measured.name, measured.subject)
    return [score for score in found.scores if score.metric == metric] if found else []


def _check_scores(check: ScoreCheck, subject: Subject) -> CheckOutcome:
    scores = scores_of(subject.results, subject.artifact, check.metric)
    if not scores:
        return CheckOutcome((f"{subject.artifact} holds no score {check.metric}",))
    fails = _failure(check, subject.floor if check.least is None else check.least)
    failed = [text for score in scores if (text := fails(score))]
    if not failed:
        return CheckOutcome()
    summary = failed[0]
    if len(scores) > 1:
        summary = f"{count(len(failed))} of {count(len(scores))} numbers: {failed[0]}"
    if not check.every and len(failed) < len(scores):
        return CheckOutcome(remarks=(summary,))
    return CheckOutcome((summary,))


def _failure(check: ScoreCheck, floor: int) -> Callable[[Score], str]:
    def interval(score: Score) -> str:
        return "" if score.has_interval else f"{_name(score)} has no interval"

    def least(score: Score) -> str:
        below = f"{_name(score)} rests on n = {count(score.n)}, below the floor of {count(floor)}"
        return "" if score.n >= floor else below

    def p_value(score: Score) -> str:
        return "" if score.p_value is not None else f"{_name(score)} has no test"

    def bound(score: Score) -> str:
        return _out_of_bounds(check, score)

    return {"interval": interval, "floor": least, "p_value": p_value, "bound": bound}[check.check]


def _out_of_bounds(check: ScoreCheck, score: Score) -> str:
    value = getattr(score, check.end)
    end = "" if check.end == "value" else f"{check.end}er end of the interval of "
    if value is None or math.isnan(value):
        return f"the {end}{_name(score)} is not defined"
    if check.above is not None and not value > check.above:
        return f"the {end}{_name(score)} is {number(value)}, not above {check.above:g}"
    if check.at_most is not None and abs(value) > check.at_most:
        return f"the {end}{_name(score)} is {number(value)}, beyond {check.at_most:g}"
    return ""


def _name(score: Score) -> str:
    subject = [score.explainer, score.attribute, score.level, score.slice]
    named = ", ".join(part.replace("_", " ") for part in subject if part)
    metric = score.metric.replace("_", " ")
    return f"{metric} ({named})" if named else metric


def _check_fields(check: FieldsCheck, subject: Subject) -> CheckOutcome:
    data = load_json(subject.results.paths[subject.artifact] / check.file)
    empty = [
        name.replace("|", " or ")
        for name in check.fields
        if all(data.get(one) in (None, "", [], {}) for one in name.split("|"))
    ]
    if not empty:
        return CheckOutcome()
    return CheckOutcome((f"{check.file} says nothing about {', '.join(empty)}",))


def _check_rows(check: RowsCheck, subject: Subject) -> CheckOutcome:
    table = load_table(subject.results.paths[subject.artifact] / check.file)
    if absent := sorted(set(check.where) - set(table.columns)):
        return CheckOutcome((f"{check.file} has no column {', '.join(absent)}",))
    for column, value in check.where.items():
        table = table[table[column] == value]
    if len(table) >= check.least:
        return CheckOutcome()
    condition = "".join(f" with {column} “{value}”" for column, value in check.where.items())
    return CheckOutcome(
        (f"{check.file} has {count(len(table))} rows{condition}, fewer than {check.least}",)
    )


def _check_sanity(subject: Subject) -> CheckOutcome:
    judged = ArtifactId(subject.artifact)
    explainer = judged.subject or judged.name
    label = explainer.replace("_", " ")
    problems: list[str] = []
    untested: list[str] = []
    for test in subject.sanity:
        artifact = test.artifact.format(explainer=explainer)
        scores = scores_of(subject.results, artifact, test.metric)
        if not scores:
            untested.append(test.name)
        problems += [text for score in scores if (text := _sanity_failure(test, score, label))]
    remarks = [f"{label}: no test of {name} was made" for name in untested]
    return CheckOutcome(tuple(problems), tuple(remarks))


def _sanity_failure(test: SanityTest, score: Score, explainer: str) -> str:
    if math.isfinite(score.value) and abs(score.value) <= test.at_most:
        return ""
    return (
        f"{explainer} failed the test of {test.name}: {number(score.value)}, "
        f"beyond {test.at_most:g}"
    )
