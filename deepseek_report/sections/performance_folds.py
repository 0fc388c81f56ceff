"""What the performance section says of a cross-validation: scores and findings over its folds."""

from __future__ import annotations

from deepseek_report.artifacts.estimate import finite
from deepseek_report.artifacts.ids import CROSS_VALIDATION
from deepseek_report.artifacts.score import Score
from deepseek_report.artifacts.table import Column, TableType
from deepseek_report.findings.conclude import all_findings
from deepseek_report.findings.records import Row, attribute_label, is_share, rows
from deepseek_report.metrics.performance.cross_validation import SUBJECT
from deepseek_report.sections.shared.draft import Draft
from deepseek_report.sections.shared.tables import Values

_TYPE = TableType(
    (
        Column("metric"),
        Column("value"),
        Column("mean"),
        Column("range"),
        Column("deviation"),
        Column("folds", "count"),
    )
)


def fold_values(draft: Draft) -> Values:
    """Heading, sentences and tables; nothing where no folds were asked for."""
    results, words = draft.results, draft.words
    folds = len(rows(results, CROSS_VALIDATION, "folds"))
    if not folds:
        return {}
    findings = [finding for finding in map(words.finding, all_findings(results)) if finding.folds]
    values = {finding.id: finding.values for finding in all_findings(results)}
    missing = [finding for finding in findings if values[finding.id]["in_folds"] < folds]
    sentences = [words.say(note) for note in results.notes(CROSS_VALIDATION)]
    if findings:
        hold = len(findings) - len(missing)
        sentences.append(draft.text("folds.hold", all=len(findings), hold=hold, folds=folds))
    sentences.append(draft.text("folds.one_model"))
    return {
        "heading": draft.text("folds.heading", folds=folds),
        "sentences": sentences,
        "scores": draft.table("folds", _TYPE, _scores(draft)),
        "not_all": [
            draft.text(
                "folds.not_all",
                times=values[finding.id]["in_folds"],
                folds=folds,
                claim=finding.claim,
            )
            for finding in missing
        ],
        "each": draft.metric_table(CROSS_VALIDATION, "folds"),
        "groups": draft.metric_table(CROSS_VALIDATION, "groups"),
    }


def fold_ends(draft: Draft, score: Score) -> Values:
    """Least and greatest value of a score over folds, in words; None for both without folds."""
    row = _row_of(draft, score)
    if row is None:
        return {"least": None, "greatest": None, "folds": 0}
    ends = {name: _written(draft, score, row[name]) for name in ("least", "greatest")}
    return {**ends, "folds": row["folds"]}


def fold_range(draft: Draft, score: Score) -> str:
    """From the least to the greatest value of a score over folds; empty without folds."""
    ends = fold_ends(draft, score)
    return draft.text("folds.range", **ends) if ends["folds"] else ""


def _row_of(draft: Draft, score: Score) -> Row | None:
    subject = {name: getattr(score, name) for name in SUBJECT}
    known = rows(draft.results, CROSS_VALIDATION, "spread")
    return next((row for row in known if subject.items() <= row.items()), None)


def _written(draft: Draft, score: Score, value: float) -> str:
    numbers = draft.words.numbers
    return numbers.percent(value) if is_share(score) else numbers.number(value)


def _scores(draft: Draft) -> list[Values]:
    shown = []
    for row in rows(draft.results, CROSS_VALIDATION, "spread"):
        if row["predictor"] != "model" or row["level"] or row["slice"]:
            continue
        where = {name: row[name] for name in SUBJECT if name != "metric"}
        own = next(iter(draft.results.find(row["metric"], **where)), None)
        if own is not None:
            shown.append(_score(draft, own, row))
    return shown


def _score(draft: Draft, own: Score, row: Row) -> Values:
    name = draft.words.label("metrics", own.metric)
    if own.attribute:
        attribute = attribute_label(draft.results, own.attribute)
        name = draft.text("folds.of_group", metric=name, attribute=attribute)
    deviation, numbers = finite(row["deviation"]), draft.words.numbers
    spread = numbers.points if is_share(own) else numbers.number
    cells = {key: _written(draft, own, row[key]) for key in ("mean", "least", "greatest")}
    return {
        "metric": name,
        "value": _written(draft, own, own.value),
        "mean": cells["mean"],
        "range": draft.text("folds.range", **cells),
        "deviation": None if deviation is None else spread(deviation),
        "folds": row["folds"],
    }
