"""What is said against a person whose decision was unfavourable: the reason codes of one case."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.data_kinds import kind_of
from deepseek_report.findings.records import Row, rows
from deepseek_report.sections.shared.draft import Draft
from deepseek_report.sections.single_cases.case_sentences import Pages, featured

#: What a person reads without being told what it means.
_WORDS = re.compile(r"(?:[^\W\d_A-Z]{4,}|age|sex|of|in|per|to|at)(?: (?:[^\W\d_A-Z]{2,}))*")


def codes(pages: Pages, case: Row) -> dict[str, Any] | None:
    """The reasons against the person and what limits them.

    None where the decision is favourable, or no method tells amounts for or against a class.
    """
    draft, table = pages.draft, pages.rows("reason_codes", case["case"])
    if not is_against(draft, case) or not _judged(pages):
        return None
    mine = [row for row in table if row["explainer"] == pages.explainer]
    chosen = sorted((row for row in mine if row["role"] == "reason"), key=lambda row: row["rank"])
    accepted = method_of(draft) == "shortfall_from_accepted"
    return {
        "by": draft.text("codes.by", method=pages.label(pages.explainer), accepted=accepted),
        "items": [_item(pages, group) for group in equals(chosen)],
        "limits": _limits(pages, chosen, [row for row in mine if row["role"] == "protected"]),
    }


def is_against(draft: Draft, case: Row) -> bool:
    """Whether the favourable class is declared, and the case was decided otherwise."""
    favourable = favourable_class(draft)
    return favourable is not None and case["decision"] != favourable


def favourable_class(draft: Draft) -> str | None:
    """The name of the favourable class, where somebody declares it."""
    target = draft.results.schema.target
    return None if target.favourable is None else target.classes[target.favourable]


def method_of(draft: Draft) -> str:
    """With whom the config compares a person for the reason codes."""
    settings = (draft.results.config.get("metrics") or {}).get("cases") or {}
    return str((settings.get("reason_codes") or {}).get("method", "shortfall_from_all"))


def answer_codes(draft: Draft, explainer: str | None) -> None:
    """How many of the reason codes another seed of the method would give."""
    kept = draft.results.score("reason_codes_kept", explainer=explainer) if explainer else None
    if kept is not None:
        draws = draft.results.explanations[kept.explainer].standard_error is not None
        draft.answer("codes", kept=Estimate.of_score(kept), draws=draws)


def caveat_codes(draft: Draft) -> None:
    """That people have none where of more than two classes not the favourable one is explained."""
    schema = draft.results.schema
    target, favourable = schema.target, favourable_class(draft)
    if not schema.attributes_of("person"):
        return
    if len(target.classes) > 2 and favourable and target.explained != target.favourable:
        explained = target.explained_class
        draft.caveat("no_codes", explained=explained, favourable=favourable)


def _judged(pages: Pages) -> bool:
    """Whether the method whose reasons are told gives codes for any case."""
    results = pages.draft.results
    explainer = pages.explainer
    if explainer is None:
        return False
    codes = rows(results, "cases", "reason_codes")
    return any(row["explainer"] == explainer for row in codes)


def equals(chosen: Sequence[Row]) -> list[list[Row]]:
    """The reasons in their order, those together whose order among them is not certain."""
    groups: list[list[Row]] = [[]]
    for row in chosen:
        groups[-1].append(row)
        if row["order_certain"]:
            groups.append([])
    return [group for group in groups if group]


def _item(pages: Pages, group: list[Row]) -> str:
    sentences = [_sentence(pages, row) for row in group]
    return sentences[0] if len(group) == 1 else pages.draft.text("codes.equally", reasons=sentences)


def _sentence(pages: Pages, row: Row) -> str:
    feature, display = featured(pages, row, row["display"])
    return pages.draft.text(
        f"codes.{row['output_space']}",
        feature=feature,
        display=display,
        size=float(row["shortfall"]),
        factor=math.exp(min(float(row["shortfall"]), 50.0)),
        favourable=favourable_class(pages.draft),
    )


def _limits(pages: Pages, chosen: list[Row], protected: list[Row]) -> str:
    """What the list does not say for certain, and what may not stand on it."""
    draft, groups = pages.draft, equals(chosen)
    is_open = bool(chosen) and not chosen[-1]["order_certain"]
    hidden = [_inside(pages, row) for row in protected]
    return draft.text(
        "codes.limits",
        n=len(chosen),
        open=len(groups[-1]) if is_open else 0,
        protected=hidden,
        wordless=_without_words(pages, chosen),
    )


def _without_words(pages: Pages, chosen: list[Row]) -> list[str]:
    """The columns of these reasons that are only called as in the data, by no words of a language.

    Lower-case words of four letters and more are taken for words.
    """
    schema = pages.draft.results.schema
    if not kind_of(schema).named_columns:
        return []
    features = {feature.name: feature for feature in schema.features}
    named = [features[row["feature"]] for row in chosen if row["feature"] in features]
    labels = [feature.label for feature in named if feature.is_named_as_in_data]
    return [label for label in labels if not _WORDS.fullmatch(label)]


def _inside(pages: Pages, row: Row) -> str:
    """What a reason is called inside of a sentence."""
    words, kind = pages.draft.words, kind_of(pages.draft.results.schema)
    if kind.named_columns or kind.quotes:
        return words.inline(words.name(row["label"]))
    return words.inline(featured(pages, row, row["display"])[0])
