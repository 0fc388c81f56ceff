"""What the model learnt from, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from deepseek_report.artifacts.protocols.sections import SectionContent
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.schema import AttributeKind
from deepseek_report.findings.records import period_of
from deepseek_report.sections.cells import count_cell, number_cell, percent_cell
from deepseek_report.sections.data_contents import contents, extent
from deepseek_report.sections.draft import Draft
from deepseek_report.wording.estimates import finite
from deepseek_report.wording.words import Wording


@dataclass(frozen=True)
class Data:
    """Describes the data, their parts and groups, and what the checks found."""

    title: ClassVar[str] = "Data"
    needs: ClassVar[frozenset[str]] = frozenset({"data"})

    def content(self, results: Results) -> SectionContent:
        draft = Draft("data", results)
        if results.has("data"):
            _answer(draft)
            draft.caveats.extend(map(draft.words.say, results.card.get("limits") or []))
            draft.values |= _values(draft)
        return draft.content(self.title, self.needs, frozenset({"pictures/data_samples"}))


def _answer(draft: Draft) -> None:
    results = draft.results
    card, schema = results.card, results.schema
    serious = [one for one in results.issues if one.severity != "info"]
    draft.answer(
        "size",
        title=card.get("title") or card.get("name") or "The data",
        extent=extent(draft),
        target=schema.target.explained_class,
        share=_explained_share(results),
        period=period_of(results),
    )
    _answer_number(draft)
    draft.answer("issues", n=len(serious))


def _answer_number(draft: Draft) -> None:
    """From where to where a predicted number goes."""
    found = draft.results.card.get("label_numbers")
    if found:
        unit = draft.words.name(found.get("unit") or "")
        names = ("min", "q25", "q75", "max", "mean")
        ends = {
            name: draft.words.numbers.quantity(round(float(found[name]), 6), unit) for name in names
        }
        cut = draft.results.card.get("ends") == "quantiles"
        draft.answer("labels", label=found["label"], cut=cut, **ends)


def _explained_share(results: Results) -> float | None:
    """The share of the explained class among all labels."""
    explained = results.schema.target.explained_class
    for row in results.card.get("labels") or []:
        if row.get("class") == explained:
            return finite(row.get("share"))
    return None


def _values(draft: Draft) -> dict[str, Any]:
    results = draft.results
    card = results.card
    return {
        "origin": _origin(card, draft.words),
        "labels": [
            {"class": row["class"]}
            | count_cell("n", row["n"])
            | percent_cell("share", row["share"])
            for row in card.get("labels") or []
        ],
        "parts": [_part(row, draft) for row in card.get("parts") or []],
        "groups": _groups(results, "person"),
        "compared_parts": _groups(results, "other"),
        "issues": [_issue(one, draft) for one in results.issues],
        **contents(draft),
        "preparation": [draft.words.say(note) for note in card.get("preparation") or []],
        "all_labels": [
            {"label": row["label"]}
            | count_cell("n", row["n"])
            | percent_cell("share", row["share"])
            for row in card.get("all_labels") or []
        ],
        "ends": draft.text("ends.quantiles" if card.get("ends") == "quantiles" else "ends.all"),
        "low": draft.text("low.quantiles" if card.get("ends") == "quantiles" else "low.all"),
        "high": draft.text("high.quantiles" if card.get("ends") == "quantiles" else "high.all"),
        "is_number": bool(card.get("label_numbers")),
        "validation": _validation(results),
        "leakage": _leakage(card, "duplicates_across"),
        "same_inputs": _leakage(card, "same_inputs_across"),
        "row": draft.text(f"row.{results.schema.modality}"),
        "rows": draft.text(f"rows.{results.schema.modality}"),
        "explained": results.schema.target.explained_class,
    }


def _validation(results: Results) -> str:
    """What the validation part was for: intervals, the threshold, when to stop, or nothing."""
    if results.schema.target.is_number:
        return "intervals"
    if not results.has("predictions/test"):
        return "threshold" if len(results.schema.target.classes) == 2 else "stop"
    predictions = results.predicted
    if predictions.threshold is not None and not predictions.rule.startswith("declared"):
        return "threshold"
    fitted = results.has("training") and results.training.get("max_epochs") == 0
    return "nothing" if fitted else "stop"


def _origin(card: Mapping[str, Any], words: Wording) -> list[dict[str, str]]:
    """What the card says of source and rights, row by row."""
    names = {
        "source": "Source",
        "period": "Period",
        "population": "Who is in it",
        "licence": "Licence",
        "citation": "Citation",
        "doi": "DOI",
        "file": "File",
        "sha256": "SHA-256",
    }
    return [
        {"what": label, "value": words.say(card[key])}
        for key, label in names.items()
        if card.get(key)
    ]


def _part(row: Mapping[str, Any], draft: Draft) -> dict[str, Any]:
    cells = count_cell("n", row["n"]) | count_cell("positive", row.get("positive"))
    cells |= number_cell("mean", row.get("mean")) | number_cell("deviation", row.get("deviation"))
    return (
        {"part": draft.words.label("parts", row["part"])}
        | cells
        | percent_cell("share", row.get("share"))
    )


def _groups(results: Results, kind: AttributeKind) -> list[dict[str, Any]]:
    groups = results.card.get("groups") or {}
    return [
        {"attribute": one.label, "level": row["level"]}
        | count_cell("n", row["n"])
        | percent_cell("share", row.get("share"))
        | percent_cell("base_rate", row.get("base_rate"))
        | number_cell("mean", row.get("mean"))
        for one in results.schema.attributes_of(kind)
        for row in groups.get(one.name, [])
    ]


def _issue(one: Any, draft: Draft) -> dict[str, Any]:
    order = ("high", "medium", "low", "info").index(one.severity)
    return {
        "severity": draft.words.label("severities", one.severity),
        "severity__sort": order,
        "found": draft.words.say(one.text),
        "todo": draft.words.say(one.recommendation) or "–",
    }


def _leakage(card: Mapping[str, Any], kind: str) -> int | None:
    found = (card.get("leakage") or {}).get(kind)
    return None if found is None else int(found)
