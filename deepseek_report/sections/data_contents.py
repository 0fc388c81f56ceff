"""What the data section says of the inputs: feature by feature in a table, as a whole elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from deepseek_report.artifacts.estimate import finite
from deepseek_report.artifacts.schema import Feature
from deepseek_report.artifacts.table import Column, TableType
from deepseek_report.data_kinds import kind_of
from deepseek_report.sections.shared.draft import Draft
from deepseek_report.sections.shared.tables import ShownTable
from deepseek_report.wording.words import Wording

_FIVE = ("min", "q25", "median", "q75", "max")
_SPREAD = tuple(Column(name) for name in _FIVE)
_FEATURES = {
    "features": TableType(
        (
            Column("label"),
            Column("name", "code"),
            Column("kind"),
            Column("missing", "count"),
            Column("sensitive", "yes_no"),
            Column("mutable", "yes_no"),
        ),
        folded=True,
    ),
    "numeric": TableType((Column("label"), *_SPREAD), folded=True),
    "categorical": TableType(
        (
            Column("label"),
            Column("category"),
            Column("code"),
            Column("documented", "yes_no"),
            Column("n", "count"),
            Column("share", "share"),
        ),
        folded=True,
    ),
    "correlations": TableType(
        (Column("label_a"), Column("label_b"), Column("spearman", "number")), folded=True
    ),
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


def contents(draft: Draft) -> dict[str, Any]:
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
    """The tables on single features."""
    results = draft.results
    card = results.card
    rows: dict[str, list[dict[str, Any]]] = {
        "features": [_feature(draft, feature) for feature in results.schema.features],
        "numeric": [_numeric(row, draft.words) for row in card.get("numeric") or []],
        "categorical": [_categorical(row) for row in card.get("categorical") or []],
        "correlations": list(card.get("correlations") or []),
    }
    ends = _ends(draft)
    return [draft.table(name, _FEATURES[name], listed, **ends) for name, listed in rows.items()]


def _feature(draft: Draft, feature: Feature) -> dict[str, Any]:
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


def _numeric(row: Mapping[str, Any], words: Wording) -> dict[str, Any]:
    return {"label": row["label"]} | _five(row, words)


def _five(row: Mapping[str, Any], words: Wording) -> dict[str, Any]:
    """Smallest value, quartiles and largest value as cells."""
    cells: dict[str, Any] = {}
    unit = words.name(row.get("unit") or "")
    for key in _FIVE:
        known = finite(row.get(key))
        cells[key] = "–" if known is None else words.numbers.quantity(known, unit)
        if known is not None:
            cells[f"{key}__sort"] = known
    return cells


def _categorical(row: Mapping[str, Any]) -> dict[str, Any]:
    return {"documented": True, **row, "code": str(row.get("code", ""))}


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
    kind = TableType((Column("class"), Column("n", "count"), *_SPREAD))
    return draft.table("lengths", kind, rows, **_ends(draft))


def _channels(draft: Draft) -> ShownTable:
    values = draft.results.card.get("values") or {}
    rows = [
        {"channel": str(row.get("label") or row["channel"]), **_five(row, draft.words)}
        for row in values.get("channels") or []
    ]
    return draft.table("channels", TableType((Column("channel"), *_SPREAD)), rows, **_ends(draft))
