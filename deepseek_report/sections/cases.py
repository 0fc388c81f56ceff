"""Single cases: why this decision, and what would change it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

from deepseek_report.artifacts.numbers import count, quantity
from deepseek_report.artifacts.protocols import SectionContent
from deepseek_report.artifacts.results import Results
from deepseek_report.findings import estimates
from deepseek_report.findings.estimates import finite, in_sentence
from deepseek_report.findings.explainers import adds_up, beats_random, leading_explainer
from deepseek_report.findings.records import (
    Row,
    by_explainer,
    explainer_inline,
    explainer_label,
    rows,
)
from deepseek_report.findings.rules_numbers import unit_of
from deepseek_report.findings.thresholds import CONTROL
from deepseek_report.sections.cells import count_cell, number_cell, percent_cell
from deepseek_report.sections.draft import Draft

#: How many reasons are told as sentences; the picture shows the rest.
REASONS = 5
_FIRST = (
    *("most_certain_right", "most_certain_wrong", "nearest_threshold"),
    *("typical_error", "furthest_above", "furthest_below"),
)
_TABLES = (
    *("inputs", "reasons", "neighbours"),
    *("counterfactuals", "agreement", "errors_like_this"),
)
#: Pictures of one case, each named after its YAML and the case; the first shows the input itself.
_PICTURES = ("text_highlights", "image_heatmaps", "series_attributions", "case_contributions")
_USES = frozenset({"explanations", "measures/cases", *(f"pictures/{name}" for name in _PICTURES)})
#: Values of one case that are listed; of wide tables the reasons go first.
_INPUTS = 60
_SIGNS = {"probability": 5e-4, "logit": 5e-3, "value": 0.0, "none": 0.0}


@dataclass(frozen=True)
class Cases:
    """Goes through single cases: input, decision, reasons, neighbours, smallest change."""

    title: ClassVar[str] = "Cases"
    needs: ClassVar[frozenset[str]] = frozenset({"measures/cases"})

    def content(self, results: Results) -> SectionContent:
        draft = Draft("cases", results)
        table = sorted(rows(results, "cases", "cases"), key=_order)
        explainer = reasons_explainer(results)
        if table:
            _answer(draft, table, explainer)
        draft.caveat("not_advice" if results.schema.layout is None else "masked")
        draft.notes(["cases"])
        pages = _Pages(draft, explainer)
        draft.values["cases"] = [_case(pages, row) for row in table if not _of_group(row)]
        numbers = bool(table) and finite(table[0].get("prediction")) is not None
        draft.values["said"] = "prediction" if numbers else "probability"
        draft.values["neighbour_columns"] = _neighbour_columns(draft, draft.values["said"])
        draft.values["threshold"] = bool(table) and finite(table[0].get("threshold")) is not None
        draft.values["groups"] = _groups(pages, [row for row in table if _of_group(row)])
        return draft.content(self.title, self.needs, _USES)


def reasons_explainer(results: Results) -> str | None:
    """The method whose reasons are told: in what is read, better than random, adding up."""
    gains = {one.explainer: one for one in by_explainer(results, "deletion_gain")}
    fit = [
        name
        for name, one in results.explanations.items()
        if one.output_space in {"probability", "value"}
        and name in gains
        and beats_random(gains[name])
    ]
    if fit:
        return max(fit, key=lambda name: (bool(adds_up(results, name)), gains[name].value))
    return leading_explainer(results)


@dataclass(frozen=True)
class _Pages:
    """What every case page needs: the draft, the method that tells reasons, the tables."""

    draft: Draft
    explainer: str | None

    @cached_property
    def tables(self) -> dict[tuple[str, int], list[Row]]:
        """{(table, case): rows}."""
        found: dict[tuple[str, int], list[Row]] = {}
        for name in _TABLES:
            for row in rows(self.draft.results, "cases", name):
                found.setdefault((name, int(row["case"])), []).append(row)
        return found

    def rows(self, table: str, number: Any) -> list[Row]:
        """The rows of one table about one case."""
        return self.tables.get((table, int(number)), [])

    def label(self, explainer: str | None) -> str:
        """The name of a method inside a sentence."""
        return explainer_inline(self.draft.results, explainer) if explainer else ""


def _order(row: Row) -> tuple[int, int]:
    """The three telling cases first, then one for each group in the order of the schema."""
    role = row["role"]
    return (_FIRST.index(role) if role in _FIRST else len(_FIRST)), int(row["case"])


def _of_group(row: Row) -> bool:
    return str(row["role"]).startswith("group:")


def _groups(pages: _Pages, table: list[Row]) -> list[dict[str, Any]]:
    """The cases of groups, by attribute, in the order of the schema."""
    found = []
    for one in pages.draft.results.schema.attributes:
        roles = [f"group:{one.name}:{level}" for level in one.levels]
        mine = sorted(
            (r for r in table if r["role"] in roles), key=lambda r: roles.index(r["role"])
        )
        cases = [_case(pages, row) | {"level": row["role"].split(":", 2)[2]} for row in mine]
        if cases:
            found.append({"label": in_sentence(one.label), "cases": cases})
    return found


def _answer(draft: Draft, table: list[Row], explainer: str | None) -> None:
    changes = rows(draft.results, "cases", "counterfactuals")
    changed = {row["case"] for row in changes if row["status"] == "found"}
    draft.answer("count", n=len(table), wrong=sum(not row["correct"] for row in table))
    if explainer:
        space = draft.results.explanations[explainer].output_space
        draft.answer(
            "method",
            explainer=explainer_label(draft.results, explainer),
            points=space == "probability",
            sums=bool(adds_up(draft.results, explainer)),
        )
    if changes and draft.results.schema.layout is not None:
        draft.answer("masked", n=len(changed), total=len(table))
    elif changes and not _can_change(draft):
        draft.answer("unchangeable")
    elif changes:
        draft.answer("changes", n=len(changed), total=len(table))


def _can_change(draft: Draft) -> bool:
    """Whether any feature is declared as one that can change."""
    return any(feature.mutable for feature in draft.results.schema.features)


def _case(pages: _Pages, row: Row) -> dict[str, Any]:
    number = row["case"]
    inputs = _inputs(pages, number)
    total = len(pages.rows("inputs", number))
    return {
        "pictures": [
            name
            for name, one in pages.draft.results.pictures.items()
            if one.section == "cases" and name.endswith(f"_{number}")
        ],
        "anchor": f"case-{number}",
        "row": count(int(row["instance_id"])),
        "title": row["role_label"],
        "summary": _summary(pages.draft, row),
        "reasons": _reasons(pages, row),
        "reasons_by": pages.label(pages.explainer),
        "start": _start(pages.draft, row, pages.explainer),
        "agreement": _agreement(pages, number),
        "inputs": inputs,
        "inputs_title": pages.draft.text(
            "near" if not inputs else "whole_input" if len(inputs) == total else "some_input",
            row=count(int(row["instance_id"])),
            shown=len(inputs),
            total=total,
        ),
        "neighbours_caption": pages.draft.text("near_caption", row=count(int(row["instance_id"]))),
        "neighbours": [_neighbour(one) for one in pages.rows("neighbours", number)],
        "neighbour_sentence": _neighbour_sentence(pages, row),
        "change": _change(pages, row),
        "errors": [_error(pages.draft, one) for one in pages.rows("errors_like_this", number)],
    }


def _inputs(pages: _Pages, number: Any) -> list[dict[str, Any]]:
    """The values of a case, where a list of them says something: of a table, reasons first.

    A text, an image or a series is seen in its picture.
    """
    if pages.draft.results.schema.layout is not None:
        return []
    found = pages.rows("inputs", number)
    if len(found) > _INPUTS:
        reasons = {row["feature"] for row in pages.rows("reasons", number)}
        found = sorted(found, key=lambda row: row["feature"] not in reasons)[:_INPUTS]
    return [{key: one[key] for key in ("label", "display", "typical")} for one in found]


def _named(draft: Draft, row: Row, display: str) -> tuple[str, str]:
    """What a player is called in a sentence, and what stands beside it in brackets."""
    if draft.results.schema.modality == "text":
        return f"“{display}”", row["label"]
    if draft.results.schema.layout is not None:
        return draft.text("player", label=row["label"]), display
    return row["label"], display


def _summary(draft: Draft, row: Row) -> str:
    error = finite(row.get("error"))
    unit = draft.results.schema.target.unit
    return draft.text(
        "summary",
        id=int(row["instance_id"]),
        decision=row["decision"],
        label=row["label"],
        correct=bool(row["correct"]),
        **_apart(finite(row["probability"]), finite(row["threshold"])),
        error=error,
        size="" if error is None else quantity(abs(error), unit),
        target=draft.results.schema.target.explained_class,
        own=_own_probability(draft.results, row),
    )


def _own_probability(results: Results, row: Row) -> float | None:
    """The probability of the class that was decided, where it is not the explained one of many."""
    target = results.schema.target
    if len(target.classes) < 3 or row["decision"] == target.explained_class:
        return None
    (places,) = (results.predictions.instance_ids == int(row["instance_id"])).nonzero()
    if not len(places):
        return None
    return float(results.predictions.probabilities[places[0]].max())


def _apart(probability: float | None, threshold: float | None) -> dict[str, str | None]:
    """Both as percentages, with more digits where they would read alike."""
    shown = [estimates.percent(probability), estimates.percent(threshold)]
    if shown[0] == shown[1] and probability is not None and threshold is not None:
        shown = [f"{100 * one:.2f}\u00a0%" for one in (probability, threshold)]
    return {"probability": shown[0], "threshold": None if threshold is None else shown[1]}


def _reasons(pages: _Pages, case: Row) -> list[str]:
    """The main reasons as sentences."""
    found = [r for r in pages.rows("reasons", case["case"]) if r["explainer"] == pages.explainer]
    found.sort(key=lambda row: row["rank"])
    told = [row for row in found[:REASONS] if abs(row["attribution"]) > _SIGNS[row["output_space"]]]
    return [_reason(pages.draft, row) for row in told]


def _reason(draft: Draft, row: Row) -> str:
    value = float(row["attribution"])
    feature, display = _named(draft, row, row["display"])
    return draft.text(
        f"reason.{row['output_space']}",
        feature=feature,
        display=display,
        up=value > 0,
        size=abs(value),
        unit=unit_of(draft.results),
        factor=math.exp(min(abs(value), 50.0)),
        target=draft.results.schema.target.explained_class,
        rank=int(row["rank"]),
    )


def _start(draft: Draft, case: Row, explainer: str | None) -> str:
    """What the reasons start from: the output at the reference."""
    explanation = draft.results.explanations.get(explainer or "")
    if explanation is None or explanation.base_values is None:
        return ""
    place = int(case["position"])
    if place >= len(explanation) or explanation.output_space == "none":
        return ""
    base = float(explanation.base_values[place])
    if explanation.output_space == "logit":
        base = 1 / (1 + math.exp(-base))
    return draft.text(
        "start.masked"
        if draft.results.schema.modality == "text"
        and explanation.output_space in {"probability", "logit"}
        else f"start.{explanation.output_space}",
        base=base,
        target=draft.results.schema.target.explained_class,
        unit=unit_of(draft.results),
    )


def _agreement(pages: _Pages, number: Any) -> str:
    """How far the other methods agree with the told reasons on this case."""
    pairs = [
        _pair(pages, row)
        for row in pages.rows("agreement", number)
        if pages.explainer in (row["explainer_a"], row["explainer_b"])
        and CONTROL not in (row["explainer_a"], row["explainer_b"])
        and finite(row["spearman"]) is not None
    ]
    if not pairs:
        return ""
    shared = sum(one["overlap"] >= 2 for one in pairs)
    return pages.draft.text("agreement", pairs=pairs, shared=shared)


def _pair(pages: _Pages, row: Row) -> dict[str, Any]:
    other = row["explainer_b"] if row["explainer_a"] == pages.explainer else row["explainer_a"]
    overlap = float(row["top3_overlap"])
    return {
        "other": pages.label(other),
        "overlap": round(overlap * 3 if overlap <= 1 else overlap),
        "spearman": finite(row["spearman"]),
    }


def _neighbour(row: Row) -> dict[str, Any]:
    return {
        "row": f"Row {count(int(row['instance_id']))}",
        "label": row["label"],
        "text": row.get("text") or "",
        **number_cell("distance", row["distance"]),
        **percent_cell("probability", row["probability"]),
        **number_cell("prediction", row.get("prediction")),
    }


def _neighbour_columns(draft: Draft, said: str) -> dict[str, str]:
    """The columns of the table of nearest cases; texts are told as well."""
    names: tuple[str, ...] = ("row", "distance", "label", said)
    if draft.results.schema.modality == "text":
        names += ("text",)
    return {name: draft.text(f"near_columns.{name}") for name in names}


def _neighbour_sentence(pages: _Pages, case: Row) -> str:
    near = pages.rows("neighbours", case["case"])
    if not near:
        return ""
    same = sum(row["label"] == case["decision"] for row in near)
    return pages.draft.text(
        "neighbours",
        n=len(near),
        same=same,
        decision=case["decision"],
        labels=[row["label"] for row in near],
    )


def _change(pages: _Pages, case: Row) -> str:
    """The smallest change that alters the decision, as a sentence."""
    draft, steps = pages.draft, pages.rows("counterfactuals", case["case"])
    if steps and draft.results.schema.layout is not None:
        return _masked(draft, case, steps)
    if not steps or not _can_change(draft):
        return ""
    if steps[0]["status"] != "found":
        within = str(steps[0]["status"]).removeprefix("none ")
        return draft.text("change.none", within=within)
    return draft.text(
        "change.found",
        steps=[
            {"feature": row["label"], "before": row["from_display"], "after": row["to_display"]}
            for row in steps
        ],
        probability=_apart(finite(steps[-1]["probability_after"]), finite(case["threshold"]))[
            "probability"
        ],
        target=draft.results.schema.target.explained_class,
    )


def _masked(draft: Draft, case: Row, steps: list[Row]) -> str:
    """Which words, patches or windows carry the decision, as a sentence."""
    if steps[0]["status"] != "found":
        within = str(steps[0]["status"]).removeprefix("none within ")
        return draft.text("change.unmasked", within=within)
    named = [_named(draft, row, row["from_display"]) for row in steps]
    text = draft.results.schema.modality == "text"
    after = _apart(finite(steps[-1]["probability_after"]), finite(case["threshold"]))
    return draft.text(
        "change.masked",
        steps=[
            {"name": f"{name} ({beside})" if text else name, "after": row["to_display"]}
            for row, (name, beside) in zip(steps, named, strict=True)
        ],
        probability=after["probability"],
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
