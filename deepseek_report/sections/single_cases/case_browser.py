"""All explained cases as the page's script lists them, with the pages of those that have one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from deepseek_report.artifacts.estimate import finite
from deepseek_report.findings.explainer_verdicts import leading_for_cases, verdict_of
from deepseek_report.sections.shared.draft import Draft
from deepseek_report.sections.single_cases import case_sentences
from deepseek_report.sections.single_cases.case_sentences import Pages
from deepseek_report.sections.single_cases.compact_numbers import compact
from deepseek_report.sections.single_cases.explained_cases import ExplainedCase, stated
from deepseek_report.sections.single_cases.inputs_at_a_glance import Glances
from deepseek_report.sections.single_cases.waterfalls import waterfall_data
from deepseek_report.sections.single_cases.what_if_data import WhatIfData
from deepseek_report.tasks import task_of


def browser(
    pages: Pages,
    glances: Glances,
    cases: Sequence[ExplainedCase],
    contents: Sequence[dict[str, Any]],
) -> dict[str, Any]:
    """Plain data for the script.

    cases : all explained cases, those with a page first. contents : the pages of these.
    """
    draft = pages.draft
    target = draft.results.schema.target
    what_if = WhatIfData.of(draft)
    return {
        "number": not task_of(target).decides,
        "classes": list(map(draft.words.name, target.classes)),
        "explained": target.explained,
        "favourable": target.favourable,
        "threshold": _threshold(draft, cases),
        "method": _method(pages),
        "no_reasons": pages.explainer is None and leading_for_cases(draft.results) is not None,
        "groups": _groups(draft),
        "what_if": what_if.shared() if what_if else None,
        "cases": [_entry(pages, glances, case) for case in cases],
        "pages": [
            {**page, "what_if": _answers(what_if, pages, case)}
            for case, page in zip(cases, contents, strict=False)
        ],
        "unit": draft.words.name(target.unit or ""),
        "group": draft.words.numbers.separators[1:],
        "noun": draft.text("noun"),
        "numbered": draft.text("numbered"),
    }


def _threshold(draft: Draft, cases: Sequence[ExplainedCase]) -> float | None:
    """The probability from which the explained class of two is decided."""
    target = draft.results.schema.target
    if not task_of(target).decides or len(target.classes) != 2:
        return None
    stated = finite(cases[0].row.get("threshold")) if cases else None
    return 0.5 if stated is None else stated


def _method(pages: Pages) -> dict[str, Any] | None:
    if not pages.explainer:
        return None
    results = pages.draft.results
    verdict = verdict_of(results, pages.explainer)
    space = results.explanations[pages.explainer].output_space
    return {
        "label": pages.label(pages.explainer),
        "space": space,
        "trusted": bool(verdict.is_trusted),
    }


def _groups(draft: Draft) -> list[dict[str, Any]]:
    """The attributes by which cases are filtered, with their levels."""
    if not draft.results.has_rows:
        return []
    name = draft.words.name
    return [
        {"label": name(attribute.label), "levels": list(map(name, attribute.levels))}
        for attribute in draft.results.schema.attributes
    ]


def _entry(pages: Pages, glances: Glances, case: ExplainedCase) -> dict[str, Any]:
    """What the list and the compact view need of one case."""
    draft, row = pages.draft, case.row
    target = draft.results.schema.target
    entry: dict[str, Any] = {
        "id": int(row["instance_id"]),
        "name": case_sentences.row_of(draft, row),
        "probability": compact(stated(draft.results, case)),
        "decision": row["decision"],
        "truth": row["label"],
        "groups": _levels(draft, case),
    }
    if task_of(target).decides:
        known = bool(row["label"])
        entry |= {
            "right": bool(row["correct"]) if known else None,
            "decided": target.classes.index(row["decision"]),
        }
    else:
        entry |= {"error": compact(float(row["error"]))}
    alike = case_sentences.fits_alike(draft.results, case)
    if alike is not None and alike[0] < alike[1]:
        entry |= {"alike": list(alike)}
    if not case.has_page:
        entry |= {
            "summary": case_sentences.summary(draft, row),
            "sure": case_sentences.sure(pages, case),
        }
    if case.position is not None:
        glance = glances.of_case(case.position)
        entry |= {"glance": glance} if any(glance.values()) else {}
    if pages.explainer:
        entry |= {"waterfall": waterfall_data(draft, pages.explainer, case)}
    return entry


def _levels(draft: Draft, case: ExplainedCase) -> list[int]:
    """The position of the case's level in each attribute, -1 where it is unknown."""
    if case.position is None:
        return []
    groups = draft.results.predictions.groups
    return [
        int(np.asarray(groups[attribute.name])[case.position]) if attribute.name in groups else -1
        for attribute in draft.results.schema.attributes
    ]


def _answers(
    what_if: WhatIfData | None, pages: Pages, case: ExplainedCase
) -> dict[str, Any] | None:
    if what_if is None or case.place is None:
        return None
    return what_if.of_case(case.place, pages.rows("counterfactuals", case.row["case"]))
