"""Single cases: why this decision, and what would change it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

from deepseek_report.artifacts.protocols import SectionContent
from deepseek_report.artifacts.results import Results
from deepseek_report.findings import estimates
from deepseek_report.findings.estimates import finite
from deepseek_report.findings.records import Row, by_explainer, explainer_label, rows
from deepseek_report.findings.rules_explanations import beats_random, leading_explainer
from deepseek_report.findings.thresholds import CONTROL
from deepseek_report.sections.cells import count_cell, number_cell, percent_cell
from deepseek_report.sections.draft import Draft

#: How many reasons are told as sentences; the picture shows the rest.
REASONS = 5
_USES = frozenset({"explanations", "measures/cases", "pictures/case_contributions"})
_SIGNS = {"probability": 5e-4, "logit": 5e-3, "none": 0.0}


@dataclass(frozen=True)
class Cases:
    """Goes through single cases: input, decision, reasons, neighbours, smallest change."""

    title: ClassVar[str] = "Cases"
    needs: ClassVar[frozenset[str]] = frozenset({"measures/cases"})

    def content(self, results: Results) -> SectionContent:
        draft = Draft("cases", results)
        table = rows(results, "cases", "cases")
        explainer = reasons_explainer(results)
        if table:
            _answer(draft, table, explainer)
        draft.caveat("not_advice")
        draft.notes(["cases"])
        draft.values["cases"] = [_case(draft, row, explainer) for row in table]
        return draft.content(self.title, self.needs, _USES)


def reasons_explainer(results: Results) -> str | None:
    """The method whose reasons are told: in probability and better than random, if there is one."""
    gains = {one.explainer: one for one in by_explainer(results, "deletion_gain")}
    fit = [
        name
        for name, one in results.explanations.items()
        if one.output_space == "probability" and name in gains and beats_random(gains[name])
    ]
    if fit:
        return max(fit, key=lambda name: gains[name].value)
    return leading_explainer(results)


def _answer(draft: Draft, table: list[Row], explainer: str | None) -> None:
    changes = rows(draft.results, "cases", "counterfactuals")
    changed = {row["case"] for row in changes if row["status"] == "found"}
    draft.answer("count", n=len(table), wrong=sum(not row["correct"] for row in table))
    if explainer:
        draft.answer("method", explainer=explainer_label(draft.results, explainer))
    if changes:
        draft.answer("changes", n=len(changed), total=len(table))


def _case(draft: Draft, row: Row, explainer: str | None) -> dict[str, Any]:
    number = row["case"]
    return {
        "number": number,
        "picture": f"case_contributions_{number}",
        "title": row["role_label"],
        "summary": _summary(draft, row),
        "reasons": _reasons(draft, row, explainer),
        "reasons_by": explainer_label(draft.results, explainer) if explainer else "",
        "agreement": _agreement(draft, number, explainer),
        "inputs": _of_case(draft, "inputs", number, ("label", "display", "typical")),
        "neighbours": [_neighbour(one) for one in _rows(draft, "neighbours", number)],
        "neighbour_sentence": _neighbour_sentence(draft, row),
        "change": _change(draft, row),
        "errors": [_error(draft, one) for one in _rows(draft, "errors_like_this", number)],
    }


def _rows(draft: Draft, table: str, number: Any) -> list[Row]:
    return [row for row in rows(draft.results, "cases", table) if row["case"] == number]


def _of_case(draft: Draft, table: str, number: Any, keys: tuple[str, ...]) -> list[dict[str, Any]]:
    return [{key: row[key] for key in keys} for row in _rows(draft, table, number)]


def _summary(draft: Draft, row: Row) -> str:
    return draft.text(
        "summary",
        id=int(row["instance_id"]),
        decision=row["decision"],
        label=row["label"],
        correct=bool(row["correct"]),
        probability=finite(row["probability"]),
        threshold=finite(row["threshold"]),
        target=draft.results.schema.target.explained_class,
    )


def _reasons(draft: Draft, case: Row, explainer: str | None) -> list[str]:
    """The main reasons as sentences, with what they start from."""
    found = [r for r in _rows(draft, "reasons", case["case"]) if r["explainer"] == explainer]
    found.sort(key=lambda row: row["rank"])
    told = [row for row in found[:REASONS] if abs(row["attribution"]) > _SIGNS[row["output_space"]]]
    start = _start(draft, case, explainer)
    return ([start] if start and told else []) + [_reason(draft, row) for row in told]


def _reason(draft: Draft, row: Row) -> str:
    value = float(row["attribution"])
    return draft.text(
        f"reason.{row['output_space']}",
        feature=row["label"],
        display=row["display"],
        up=value > 0,
        size=abs(value),
        factor=math.exp(min(abs(value), 50.0)),
        target=draft.results.schema.target.explained_class,
        rank=int(row["rank"]),
    )


def _start(draft: Draft, case: Row, explainer: str | None) -> str:
    """What the reasons start from: the output at the reference."""
    explanation = draft.results.explanations.get(explainer or "")
    if explanation is None or explanation.base_values is None:
        return ""
    place = (explanation.positions == case["position"]).nonzero()[0]
    if len(place) != 1 or explanation.output_space == "none":
        return ""
    base = float(explanation.base_values[place[0]])
    if explanation.output_space == "logit":
        base = 1 / (1 + math.exp(-base))
    return draft.text("start", base=base, target=draft.results.schema.target.explained_class)


def _agreement(draft: Draft, number: Any, explainer: str | None) -> str:
    """How far the other methods agree with the told reasons on this case."""
    pairs = [
        row
        for row in _rows(draft, "agreement", number)
        if explainer in (row["explainer_a"], row["explainer_b"])
        and CONTROL not in (row["explainer_a"], row["explainer_b"])
        and finite(row["spearman"]) is not None
    ]
    if not pairs:
        return ""
    told = [_pair(draft, row, explainer) for row in pairs]
    shared = sum(one["overlap"] >= 2 for one in told)
    return draft.text("agreement", pairs=told, shared=shared)


def _pair(draft: Draft, row: Row, explainer: str | None) -> dict[str, Any]:
    other = row["explainer_b"] if row["explainer_a"] == explainer else row["explainer_a"]
    overlap = float(row["top3_overlap"])
    return {
        "other": explainer_label(draft.results, other),
        "overlap": round(overlap * 3 if overlap <= 1 else overlap),
        "spearman": finite(row["spearman"]),
    }


def _neighbour(row: Row) -> dict[str, Any]:
    return {
        "row": f"Row {int(row['instance_id'])}",
        "label": row["label"],
        **number_cell("distance", row["distance"]),
        **percent_cell("probability", row["probability"]),
    }


def _neighbour_sentence(draft: Draft, case: Row) -> str:
    near = _rows(draft, "neighbours", case["case"])
    if not near:
        return ""
    same = sum(row["label"] == case["decision"] for row in near)
    return draft.text("neighbours", n=len(near), same=same, decision=case["decision"])


def _change(draft: Draft, case: Row) -> str:
    """The smallest change that alters the decision, as a sentence."""
    steps = _rows(draft, "counterfactuals", case["case"])
    if not steps:
        return ""
    if steps[0]["status"] != "found":
        return draft.text("change.none", status=steps[0]["status"])
    return draft.text(
        "change.found",
        steps=[
            {"feature": row["label"], "before": row["from_display"], "after": row["to_display"]}
            for row in steps
        ],
        probability=finite(steps[-1]["probability_after"]),
        target=draft.results.schema.target.explained_class,
    )


def _error(draft: Draft, row: Row) -> dict[str, Any]:
    cells = count_cell("n", row["n"]) | percent_cell("rate", row["error_rate"])
    text = draft.text(
        "error",
        slice=row["slice"],
        rate=estimates.estimate(row["error_rate"], n=row["n"]),
        rest=finite(row["rest_error_rate"]),
    )
    return {"slice": row["slice"], "text": text, **cells} | percent_cell(
        "rest", row["rest_error_rate"]
    )
