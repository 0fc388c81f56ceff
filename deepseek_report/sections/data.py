"""What the model learnt from, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from deepseek_report.artifacts.estimate import finite
from deepseek_report.artifacts.message import Code, Message, Verbatim
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.schema import AttributeKind, Feature
from deepseek_report.artifacts.split import DECIDED, DataIssue
from deepseek_report.artifacts.table import Column, TableType, columns_of
from deepseek_report.data_kinds import kind_of
from deepseek_report.findings.records import period_of
from deepseek_report.sections.shared.draft import Draft, DraftedSection
from deepseek_report.sections.shared.tables import Row, ShownTable, Values
from deepseek_report.tasks import task_of
from deepseek_report.wording.words import Wording

# What the data section says of the inputs: feature by feature in a table, as a whole elsewhere.

_FIVE = ("min", "q25", "median", "q75", "max")
_SPREAD = tuple(Column(name) for name in _FIVE)
_FEATURES = {
    "features": TableType(
        columns_of("label name:code kind missing:count sensitive:yes_no mutable:yes_no"),
        folded=True,
    ),
    "numeric": TableType((Column("label"), *_SPREAD), folded=True),
    "categorical": TableType(
        columns_of("label category code documented:yes_no n:count share:share"), folded=True
    ),
    "correlations": TableType(columns_of("label_a label_b spearman:number"), folded=True),
}


def extent(draft: Draft) -> str:
    """`30 000 rows with 23 features`, `36 336 texts of at most 40 tokens`."""
    results = draft.results
    schema = results.schema
    shape = kind_of(schema).shape
    return draft.text(
        f"extent.{schema.modality}",
        rows=results.card.get("rows") or 0,
        features=len(schema.features),
        places=shape[0] if shape else 0,
        size=" × ".join(str(length) for length in shape[:-1] or shape),
        channels=shape[-1] if shape else 0,
    )


def contents(draft: Draft) -> Values:
    """The slots of the template on the inputs; empty where they do not apply to such data."""
    results = draft.results
    heading = {"heading": draft.text(f"heading.{results.schema.modality}")}
    missed = [draft.words.say(sentence) for sentence in results.card.get("missed") or []]
    if kind_of(results.schema).named_columns:
        facts = [draft.words.say(limit) for limit in results.card.get("limited") or []]
        return heading | {"facts": [*facts, *missed], "features": _features(draft), "spread": []}
    spread = [_lengths(draft), _channels(draft)]
    return heading | {"facts": [*_facts(draft), *missed], "features": [], "spread": spread}


def _ends(draft: Draft) -> dict[str, str]:
    """What the outermost values of a table are called: ends, or quantiles where they are hidden."""
    of = "quantiles" if draft.results.card.get("ends") == "quantiles" else "all"
    return {name: draft.text(f"{name}.{of}") for name in ("ends", "low", "high")}


# --- tables ---------------------------------------------------------------------------------------


def _features(draft: Draft) -> list[ShownTable]:
    results = draft.results
    card = results.card
    rows: dict[str, list[Values]] = {
        "features": [_feature(draft, feature) for feature in results.schema.features],
        "numeric": [
            ({"label": row["label"]} | _five(row, draft.words)) for row in card.get("numeric") or []
        ],
        "categorical": [
            {"documented": True, **row, "code": str(row.get("code", ""))}
            for row in card.get("categorical") or []
        ],
        "correlations": list(card.get("correlations") or []),
    }
    ends = _ends(draft)
    return [draft.table(name, _FEATURES[name], listed, **ends) for name, listed in rows.items()]


def _feature(draft: Draft, feature: Feature) -> Values:
    words = draft.words
    kind, unit = words.label("feature_kinds", feature.kind), words.name(feature.unit or "")
    return {
        "label": feature.label,
        "name": feature.name,
        "kind": words.names.composed("in_unit", kind=kind, unit=unit) if unit else kind,
        "missing": (draft.results.card.get("missing") or {}).get(feature.name, 0),
        "sensitive": feature.sensitive,
        "mutable": feature.mutable,
    }


def _five(row: Row, words: Wording) -> Values:
    """Smallest value, quartiles and largest value as cells."""
    cells: Values = {}
    unit = words.name(row.get("unit") or "")
    for key in _FIVE:
        known = finite(row.get(key))
        cells[key] = "–" if known is None else words.numbers.quantity(known, unit)
        if known is not None:
            cells[f"{key}__sort"] = known
    return cells


# --- texts, images, series ------------------------------------------------------------------------


def _facts(draft: Draft) -> list[str]:
    """Sentences on all inputs together."""
    results = draft.results
    texts, values = results.card.get("texts"), results.card.get("values")
    if texts:
        unknown = texts.get("unknown_share") or {}
        keys: Sequence[str] = ("tokenizer", "vocabulary", "cut", "unknown")
        slots = texts | {"unknown_train": unknown.get("train"), "unknown_test": unknown.get("test")}
        return [draft.text(f"texts.{key}", **slots) for key in keys]
    if not values:
        return []
    keys, may_end = ("size", "constant", "missing"), kind_of(results.schema).may_end
    slots = values | {"extent": extent(draft), "columns": len(results.schema.features)}
    return [draft.text(f"values.{key}", may_end=may_end, **slots) for key in keys]


def _lengths(draft: Draft) -> ShownTable:
    texts = draft.results.card.get("texts") or {}
    rows = [
        {"class": draft.words.say(row["class"]), "n": row["n"], **_five(row, draft.words)}
        for row in texts.get("lengths") or []
    ]
    kind = TableType((*columns_of("class n:count"), *_SPREAD))
    return draft.table("lengths", kind, rows, **_ends(draft))


def _channels(draft: Draft) -> ShownTable:
    values = draft.results.card.get("values") or {}
    rows = [
        {"channel": str(row.get("label") or row["channel"]), **_five(row, draft.words)}
        for row in values.get("channels") or []
    ]
    return draft.table("channels", TableType((Column("channel"), *_SPREAD)), rows, **_ends(draft))


# --- What the model learnt from, and what is wrong with it ----------------------------------------


@dataclass(frozen=True)
class DataSection(DraftedSection):
    """Describes the data, their parts and groups, and what the checks found."""

    name = "data"
    needs = frozenset({"data"})
    metrics = "class_distributions"
    pictures = "data_samples class_distributions"

    def write(self, draft: Draft) -> None:
        if draft.results.has("data"):
            _answer(draft)
            draft.caveats.extend(_limits(draft))
            draft.values |= _values(draft)


def _limits(draft: Draft) -> list[str]:
    """What the source says of the limits of its data, unless a check says it already."""
    issues = [draft.words.say(issue.text) for issue in draft.results.issues]
    limits = map(draft.words.say, draft.results.card.get("limits") or [])
    return [limit for limit in limits if not any(limit in issue for issue in issues)]


def _answer(draft: Draft) -> None:
    results = draft.results
    card, schema = results.card, results.schema
    serious = [issue for issue in results.issues if issue.severity != "info"]
    explained = schema.target.explained_class
    shares = {row.get("class"): row.get("share") for row in card.get("labels") or []}
    draft.answer(
        "size",
        title=card.get("title") or card.get("name") or draft.words.label("artifacts", "data"),
        extent=extent(draft),
        target=explained,
        share=finite(shares.get(explained)),
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


def _values(draft: Draft) -> Values:
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


_ISSUES = TableType(columns_of("severity found todo"))


def _shares(key: str) -> TableType:
    return TableType((Column(key), *columns_of("n:count share:share")))


def _validation(results: Results) -> str:
    """What the validation part was for: intervals, the threshold, when to stop, or nothing.

    Of recorded answers no part was for anything.
    """
    if DECIDED in results.card:
        return "recorded"
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


def _origin(card: Row, draft: Draft) -> list[dict[str, str]]:
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


def _parts(draft: Draft, is_number: bool, counted: Row) -> ShownTable:
    last = (
        (Column("mean", "number"), Column("deviation", "number"))
        if is_number
        else (Column("positive", "count"), Column("share", "share"))
    )
    rows = [
        {**row, "part": draft.words.label("parts", row["part"])}
        for row in draft.results.card.get("parts") or []
    ]
    return draft.table("parts", TableType((*columns_of("part n:count"), *last)), rows, **counted)


def _groups(is_number: bool) -> TableType:
    last = Column("mean", "number") if is_number else Column("base_rate", "share")
    columns = (Column("attribute"), Column("level"), Column("n", "count"), Column("share", "share"))
    return TableType((*columns, last))


def _levels(results: Results, kind: AttributeKind) -> list[Values]:
    groups = results.card.get("groups") or {}
    return [
        {**row, "attribute": attribute.label}
        for attribute in results.schema.attributes_of(kind)
        for row in groups.get(attribute.name, [])
    ]


def _issue(issue: DataIssue, draft: Draft) -> Values:
    order = ("high", "medium", "low", "info").index(issue.severity)
    return {
        "severity": draft.words.label("severities", issue.severity),
        "severity__sort": order,
        "found": draft.words.say(issue.text),
        "todo": draft.words.say(issue.recommendation) or None,
    }


def _leakage(card: Row, kind: str) -> int | None:
    count = (card.get("leakage") or {}).get(kind)
    return None if count is None else int(count)
