"""What the data section says of the inputs: feature by feature in a table, as a whole elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from deepseek_report.artifacts.results import Results
from deepseek_report.sections.cells import count_cell, number_cell, percent_cell
from deepseek_report.sections.draft import Draft
from deepseek_report.wording.estimates import finite
from deepseek_report.wording.words import Wording

#: More rows than this of one table are left to card.json.
MOST_SHOWN = 60
_TABLES = ("features", "numeric", "categorical", "correlations")
_FIVE = ("min", "q25", "median", "q75", "max")


def extent(draft: Draft) -> str:
    """`30 000 rows with 23 features`, `36 336 texts of at most 40 tokens`."""
    results = draft.results
    schema = results.schema
    shape = schema.layout.shape if schema.layout else ()
    return draft.text(
        f"extent.{schema.modality}",
        rows=results.card.get("rows") or 0,
        features=len(schema.features),
        places=shape[0] if shape else 0,
        size=" × ".join(str(one) for one in shape[:-1] or shape),
        channels=shape[-1] if shape else 0,
    )


def contents(draft: Draft) -> dict[str, Any]:
    """The slots of the template on the inputs; empty where they do not apply to such data."""
    results = draft.results
    empty: dict[str, Any] = {name: [] for name in (*_TABLES, "facts", "lengths", "channels")}
    empty |= {f"{name}_cut": "" for name in _TABLES}
    empty["heading"] = draft.text(f"heading.{results.schema.modality}")
    if results.schema.layout is None:
        limits = [draft.words.say(limit) for limit in results.card.get("limited") or []]
        return empty | {"facts": limits} | _table(draft)
    found = {"facts": _facts(draft), "lengths": _lengths(draft), "channels": _channels(draft)}
    return empty | found


# --- tables ---------------------------------------------------------------------------------------


def _table(draft: Draft) -> dict[str, Any]:
    results = draft.results
    card = results.card
    rows = {
        "features": [_feature(one, results) for one in results.schema.features],
        "numeric": [_numeric(row, draft.words) for row in card.get("numeric") or []],
        "categorical": [_categorical(row) for row in card.get("categorical") or []],
        "correlations": [
            {"a": row["label_a"], "b": row["label_b"]} | number_cell("spearman", row["spearman"])
            for row in card.get("correlations") or []
        ],
    }
    cut = {
        f"{name}_cut": draft.text("cut", shown=MOST_SHOWN, rows=len(found))
        for name, found in rows.items()
        if len(found) > MOST_SHOWN
    }
    return {name: found[:MOST_SHOWN] for name, found in rows.items()} | cut


def _feature(feature: Any, results: Results) -> dict[str, Any]:
    missing = (results.card.get("missing") or {}).get(feature.name, 0)
    return {
        "label": feature.label,
        "name": feature.name,
        "kind": feature.kind + (f", in {feature.unit}" if feature.unit else ""),
        "sensitive": "yes" if feature.sensitive else "no",
        "mutable": "yes" if feature.mutable else "no",
    } | count_cell("missing", missing)


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
    documented = "yes" if row.get("documented", True) else "no"
    cells = count_cell("n", row["n"]) | percent_cell("share", row["share"])
    return {
        "label": row["label"],
        "category": row["category"],
        "code": str(row.get("code", "")),
        "documented": documented,
    } | cells


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
    keys = ("size", "constant", "missing")
    slots = values | {"extent": extent(draft), "columns": len(results.schema.features)}
    return [draft.text(f"values.{key}", modality=results.schema.modality, **slots) for key in keys]


def _lengths(draft: Draft) -> list[dict[str, Any]]:
    texts = draft.results.card.get("texts") or {}
    return [
        {"class": draft.words.say(row["class"])}
        | count_cell("n", row["n"])
        | _five(row, draft.words)
        for row in texts.get("lengths") or []
    ]


def _channels(draft: Draft) -> list[dict[str, Any]]:
    values = draft.results.card.get("values") or {}
    return [
        {"channel": str(row.get("label") or row["channel"])} | _five(row, draft.words)
        for row in values.get("channels") or []
    ]
