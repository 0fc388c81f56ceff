"""What the model learnt from, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from deepseek_report.artifacts.numbers import quantity
from deepseek_report.artifacts.protocols import SectionContent
from deepseek_report.artifacts.results import Results
from deepseek_report.findings.estimates import finite
from deepseek_report.sections.cells import count_cell, number_cell, percent_cell
from deepseek_report.sections.draft import Draft


@dataclass(frozen=True)
class Data:
    """Describes the data, their parts and groups, and what the checks found."""

    title: ClassVar[str] = "Data"
    needs: ClassVar[frozenset[str]] = frozenset({"data"})

    def content(self, results: Results) -> SectionContent:
        draft = Draft("data", results)
        if results.has("data"):
            _answer(draft)
            draft.caveats.extend(results.card.get("limits") or [])
            draft.values |= _values(draft)
        return draft.content(self.title, self.needs)


def _answer(draft: Draft) -> None:
    results = draft.results
    card, schema = results.card, results.schema
    serious = [one for one in results.issues if one.severity != "info"]
    draft.answer(
        "size",
        title=card.get("title") or card.get("name") or "The data",
        rows=card.get("rows"),
        features=len(schema.features),
        target=schema.target.explained_class,
        share=_explained_share(results),
        period=card.get("period"),
    )
    draft.answer("issues", n=len(serious))


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
        "origin": _origin(card),
        "labels": [
            {"class": row["class"]}
            | count_cell("n", row["n"])
            | percent_cell("share", row["share"])
            for row in card.get("labels") or []
        ],
        "parts": [_part(row, draft) for row in card.get("parts") or []],
        "groups": _groups(results),
        "issues": [_issue(one, draft) for one in results.issues],
        "features": [_feature(one, results) for one in results.schema.features],
        "numeric": [_numeric(row) for row in card.get("numeric") or []],
        "categorical": [_categorical(row) for row in card.get("categorical") or []],
        "correlations": [
            {"a": row["label_a"], "b": row["label_b"]} | number_cell("spearman", row["spearman"])
            for row in card.get("correlations") or []
        ],
        "preparation": list(card.get("preparation") or []),
        "leakage": _leakage(card),
        "explained": results.schema.target.explained_class,
    }


def _origin(card: Mapping[str, Any]) -> list[dict[str, str]]:
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
        {"what": label, "value": str(card[key])} for key, label in names.items() if card.get(key)
    ]


def _part(row: Mapping[str, Any], draft: Draft) -> dict[str, Any]:
    cells = count_cell("n", row["n"]) | count_cell("positive", row.get("positive"))
    return (
        {"part": draft.words.label("parts", row["part"])}
        | cells
        | percent_cell("share", row.get("share"))
    )


def _groups(results: Results) -> list[dict[str, Any]]:
    groups = results.card.get("groups") or {}
    return [
        {"attribute": one.label, "level": row["level"]}
        | count_cell("n", row["n"])
        | percent_cell("share", row.get("share"))
        | percent_cell("base_rate", row.get("base_rate"))
        for one in results.schema.attributes
        for row in groups.get(one.name, [])
    ]


def _issue(one: Any, draft: Draft) -> dict[str, Any]:
    order = ("high", "medium", "low", "info").index(one.severity)
    return {
        "severity": draft.words.label("issue_severities", one.severity),
        "severity__sort": order,
        "found": one.text,
        "todo": one.recommendation or "–",
    }


def _feature(feature: Any, results: Results) -> dict[str, Any]:
    missing = (results.card.get("missing") or {}).get(feature.name, 0)
    return {
        "label": feature.label,
        "name": feature.name,
        "kind": feature.kind + (f", in {feature.unit}" if feature.unit else ""),
        "sensitive": "yes" if feature.sensitive else "no",
        "mutable": "yes" if feature.mutable else "no",
    } | count_cell("missing", missing)


def _numeric(row: Mapping[str, Any]) -> dict[str, Any]:
    cells: dict[str, Any] = {"label": row["label"]}
    for key in ("min", "q25", "median", "q75", "max"):
        known = finite(row.get(key))
        cells[key] = "–" if known is None else quantity(known, row.get("unit"))
        if known is not None:
            cells[f"{key}__sort"] = known
    return cells


def _categorical(row: Mapping[str, Any]) -> dict[str, Any]:
    documented = "yes" if row.get("documented", True) else "no"
    cells = count_cell("n", row["n"]) | percent_cell("share", row["share"])
    return {
        "label": row["label"],
        "category": row["category"],
        "code": str(row.get("code", "")),
        "documented": documented,
    } | cells


def _leakage(card: Mapping[str, Any]) -> int | None:
    found = (card.get("leakage") or {}).get("duplicates_across")
    return None if found is None else int(found)
