"""The way of a decision through the model, as the page's script draws it."""

from __future__ import annotations

from typing import Any

from deepseek_report.artifacts.estimate import finite
from deepseek_report.artifacts.table import SEPARATOR
from deepseek_report.findings.records import Row
from deepseek_report.sections.single_cases.case_sentences import Pages
from deepseek_report.sections.single_cases.compact_numbers import compact

#: Categories that are named; of more only how many.
_NAMED = 4


def way_of(pages: Pages, case: Row) -> dict[str, Any] | None:
    """Steps from nothing to the output, with the path through a tree; None where none was asked.

    head : what the numbers are. steps : [name, weight of a router, what it adds], which add up to
    the output; layers : [first step, name] of each. path : sentences.
    """
    steps = pages.rows("steps", case["case"])
    if steps:
        return _through_layers(pages, case, steps)
    trees = pages.rows("trees", case["case"])
    return _through_trees(pages, case, trees[0]) if trees else None


def _through_layers(pages: Pages, case: Row, steps: list[Row]) -> dict[str, Any]:
    text, numbers = pages.draft.text, pages.draft.words.numbers
    shown = [row for row in steps if row["kind"] != "expert" or float(row["weight"]) > 0]
    return {
        "head": text(
            "way.layers", decided=case["decision"], number=finite(case["probability"]) is None
        ),
        "steps": [
            [
                text(f"way.steps.{row['kind']}", **_named(row)),
                _share(numbers, row["weight"]),
                compact(float(row["added"])),
            ]
            for row in shown
        ],
        "layers": _layers(pages, shown),
        "path": [],
    }


def _named(row: Row) -> dict[str, Any]:
    return {"branch": row["branch"], "number": int(row["number"])}


def _share(numbers: Any, weight: Any) -> str:
    known = finite(weight)
    return "" if known is None else numbers.percent(known)


def _layers(pages: Pages, shown: list[Row]) -> list[list[Any]]:
    """Where each layer begins, and what it is called."""
    marks: list[list[Any]] = []
    for at, row in enumerate(shown):
        layer = int(row["layer"])
        if layer and (at == 0 or int(shown[at - 1]["layer"]) != layer):
            marks.append([at, pages.draft.text("way.layer", n=layer)])
    return marks


def _through_trees(pages: Pages, case: Row, summary: Row) -> dict[str, Any]:
    text = pages.draft.text
    path = pages.rows("paths", case["case"])
    steps = [
        [text("way.trees.base"), "", compact(float(summary["base"]))],
        [text("way.trees.for", n=int(summary["for_n"])), "", compact(float(summary["for_added"]))],
        [
            text("way.trees.against", n=int(summary["against_n"])),
            "",
            compact(float(summary["against_added"])),
        ],
    ]
    about = {"decided": case["decision"], "space": summary["space"], "n": int(summary["trees"])}
    return {
        "head": text("way.trees.head", **about),
        "steps": steps,
        "layers": [],
        "path": [text("way.trees.path", **_question(pages, row)) for row in path],
        "path_head": text(
            "way.trees.path_head",
            tree=int(path[0]["tree"]),
            of=about["n"],
            added=float(path[0]["added"]),
        )
        if path
        else "",
    }


def _question(pages: Pages, row: Row) -> dict[str, Any]:
    """One node on the way: what was asked, and where the value lies."""
    names = str(row["bound"]).split(SEPARATOR) if row["relation"] == "among" else []
    return {
        "label": row["label"],
        "display": row["display"],
        "relation": row["relation"],
        "bound": row["bound"],
        "names": names if len(names) <= _NAMED else [],
        "n": len(names),
    }
