"""What the model learnt from, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from deepseek_report.artifacts.estimate import finite
from deepseek_report.artifacts.message import Code, Message, Verbatim
from deepseek_report.artifacts.protocols.sections import SectionContent
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.schema import AttributeKind
from deepseek_report.artifacts.table import Column, TableType
from deepseek_report.findings.records import period_of
from deepseek_report.sections.data_contents import contents, extent
from deepseek_report.sections.shared.draft import Draft
from deepseek_report.sections.shared.tables import ShownTable
from deepseek_report.tasks import task_of

_USES = frozenset(
    {
        "pictures/data_samples",
        "pictures/class_distributions",
        "measures/class_distributions",
    }
)


@dataclass(frozen=True)
class DataSection:
    """Describes the data, their parts and groups, and what the checks found."""

    needs: ClassVar[frozenset[str]] = frozenset({"data"})

    def content(self, results: Results) -> SectionContent:
        draft = Draft("data", results)
        if results.has("data"):
            _answer(draft)
            draft.caveats.extend(_limits(draft))
            draft.values |= _values(draft)
        draft.notes(["class_distributions"])
        return draft.content(self.needs, _USES)


def _limits(draft: Draft) -> list[str]:
    """What the source says of the limits of its data, unless a check says it already."""
    issues = [draft.words.say(issue.text) for issue in draft.results.issues]
    limits = map(draft.words.say, draft.results.card.get("limits") or [])
    return [limit for limit in limits if not any(limit in issue for issue in issues)]


def _answer(draft: Draft) -> None:
    results = draft.results
    card, schema = results.card, results.schema
    serious = [issue for issue in results.issues if issue.severity != "info"]
    draft.answer(
        "size",
        title=card.get("title") or card.get("name") or draft.words.label("artifacts", "data"),
        extent=extent(draft),
        target=schema.target.explained_class,
        share=_explained_share(results),
        period=period_of(results),
    )
    _answer_number(draft)
    draft.answer("issues", n=len(serious))


def _answer_number(draft: Draft) -> None:
    """From where to where a predicted number goes."""
    numbers = draft.results.card.get("label_numbers")
    if numbers:
        unit = draft.words.name(numbers.get("unit") or "")
        names = ("min", "q25", "q75", "max", "mean")
        ends = {
            name: draft.words.numbers.quantity(round(float(numbers[name]), 6), unit)
            for name in names
        }
        cut = draft.results.card.get("ends") == "quantiles"
        draft.answer("labels", label=numbers["label"], cut=cut, **ends)


def _explained_share(results: Results) -> float | None:
    """The share of the explained class among all labels."""
    explained = results.schema.target.explained_class
    for row in results.card.get("labels") or []:
        if row.get("class") == explained:
            return finite(row.get("share"))
    return None


def _values(draft: Draft) -> dict[str, Any]:
    results = draft.results
    card, is_number = results.card, bool(results.card.get("label_numbers"))
    counted = {
        "row": draft.text(f"row.{results.schema.modality}"),
        "rows": draft.text(f"rows.{results.schema.modality}"),
        "is_number": is_number,
    }
    return {
        "origin": _origin(card, draft),
        "labels": draft.table("labels", _shares("class"), card.get("labels") or [], **counted),
        "all_labels": draft.table(
            "all-labels", _shares("label"), card.get("all_labels") or [], **counted
        ),
        "parts": _parts(draft, is_number, counted),
        "groups": draft.table("groups", _groups(is_number), _levels(results, "person"), **counted),
        "compared_parts": draft.table(
            "parts-compared", _groups(is_number), _levels(results, "other"), **counted
        ),
        "issues": draft.table(
            "issues", _ISSUES, [_issue(issue, draft) for issue in results.issues]
        ),
        **contents(draft),
        "preparation": [draft.words.say(note) for note in card.get("preparation") or []],
        "observations": card.get("observations"),
        "validation": _validation(results),
        "leakage": _leakage(card, "duplicates_across"),
        "same_inputs": _leakage(card, "same_inputs_across"),
        "explained": results.schema.target.explained_class,
        **counted,
    }


_ISSUES = TableType((Column("severity"), Column("found"), Column("todo")))


def _shares(key: str) -> TableType:
    return TableType((Column(key), Column("n", "count"), Column("share", "share")))


def _validation(results: Results) -> str:
    """What the validation part was for: intervals, the threshold, when to stop, or nothing."""
    if not task_of(results.schema.target).decides:
        return "intervals"
    if not results.has("predictions/test"):
        return "threshold" if len(results.schema.target.classes) == 2 else "stop"
    predictions = results.predicted
    if predictions.threshold is not None and not predictions.rule.startswith(("declared", "model")):
        return "threshold"
    fitted = results.has("training") and results.training.get("max_epochs") == 0
    return "nothing" if fitted else "stop"


#: What the card says of source and rights.
_ORIGIN = ("source", "period", "population", "licence", "citation", "doi", "file", "sha256")


def _origin(card: Mapping[str, Any], draft: Draft) -> list[dict[str, str]]:
    """What the card says of source and rights, row by row; names of works stay as they are."""
    names = {"doi": Code, "file": Code, "sha256": Code}
    values = {
        key: draft.words.say(card[key])
        if isinstance(card[key], Message)
        else names.get(key, Verbatim)(card[key])
        for key in _ORIGIN
        if card.get(key)
    }
    return [
        {"what": draft.text(f"origin.{key}"), "value": value}
        for key, value in values.items()
        if value
    ]


def _parts(draft: Draft, is_number: bool, counted: Mapping[str, Any]) -> ShownTable:
    """How many rows each part has, and what its labels are like."""
    last = (
        (Column("mean", "number"), Column("deviation", "number"))
        if is_number
        else (Column("positive", "count"), Column("share", "share"))
    )
    rows = [
        {**row, "part": draft.words.label("parts", row["part"])}
        for row in draft.results.card.get("parts") or []
    ]
    return draft.table(
        "parts", TableType((Column("part"), Column("n", "count"), *last)), rows, **counted
    )


def _groups(is_number: bool) -> TableType:
    last = Column("mean", "number") if is_number else Column("base_rate", "share")
    columns = (Column("attribute"), Column("level"), Column("n", "count"), Column("share", "share"))
    return TableType((*columns, last))


def _levels(results: Results, kind: AttributeKind) -> list[dict[str, Any]]:
    groups = results.card.get("groups") or {}
    return [
        {**row, "attribute": attribute.label}
        for attribute in results.schema.attributes_of(kind)
        for row in groups.get(attribute.name, [])
    ]


def _issue(issue: Any, draft: Draft) -> dict[str, Any]:
    order = ("high", "medium", "low", "info").index(issue.severity)
    return {
        "severity": draft.words.label("severities", issue.severity),
        "severity__sort": order,
        "found": draft.words.say(issue.text),
        "todo": draft.words.say(issue.recommendation) or None,
    }


def _leakage(card: Mapping[str, Any], kind: str) -> int | None:
    count = (card.get("leakage") or {}).get(kind)
    return None if count is None else int(count)
