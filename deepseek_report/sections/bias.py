"""Whom the model treats differently, where that comes from, and what could be traded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from deepseek_report.artifacts.estimate import finite
from deepseek_report.artifacts.ids import ArtifactId
from deepseek_report.artifacts.protocols.sections import SectionContent
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.schema import CROSS
from deepseek_report.artifacts.table import Column, TableType
from deepseek_report.findings.records import (
    Row,
    attribute_label,
    is_crossing,
    rows,
)
from deepseek_report.findings.rules_groups import (
    TOO_FEW,
    declared_ratio,
    is_beyond_chance,
    labelled_gaps,
)
from deepseek_report.findings.rules_sources import proxy_features, stand_ins_of, surest_gap
from deepseek_report.metrics.fairness.direct_use import PARTS as GAP_PARTS
from deepseek_report.sections.bias_decisions import DIFFERENCES, decision_values
from deepseek_report.sections.bias_undeclared import (
    answer_undeclared,
    is_undeclared,
    undeclared_values,
)
from deepseek_report.sections.group_explanations import attribution, quality
from deepseek_report.sections.shared.draft import Draft
from deepseek_report.sections.shared.tables import ShownTable, View
from deepseek_report.wording import estimates

#: The one measurement here that is also made where the data name no groups of people.
_EXPLAINED = "explanation_by_group"
_METRICS = (
    *("group_rates", "impact_ratio"),
    *DIFFERENCES,
    *("direct_use", "proxies", "options", _EXPLAINED),
)
_USES = frozenset(ArtifactId.measure(name) for name in _METRICS) | {
    "pictures/group_rates",
}


@dataclass(frozen=True)
class BiasSection:
    """Compares decisions, errors and explanations between groups of people."""

    needs: ClassVar[frozenset[str]] = frozenset({"measures/group_rates"})

    def content(self, results: Results) -> SectionContent:
        draft = Draft("bias", results)
        _answer(draft)
        _answer_gaps(draft)
        _answer_sources(draft)
        _caveats(draft)
        draft.notes(metric for metric in _METRICS if metric != _EXPLAINED or _people(results))
        draft.values |= {**decision_values(draft), **_sources(draft)}
        draft.values["labelled"] = draft.metric_table(
            "impact_ratio",
            "labelled",
            view=View("bias-labelled", "impact_ratio.labelled", _LABELLED),
        )
        draft.values["undeclared"] = undeclared_values(draft)
        return draft.content(_needed(results, self.needs), _USES)


def _people(results: Results) -> bool:
    """Whether the data name groups of people."""
    return not results.has("data") or bool(results.schema.attributes_of("person"))


def _needed(results: Results, needs: frozenset[str]) -> frozenset[str]:
    """What must be there to compare groups: rates of decisions, or errors of numbers instead."""
    if is_undeclared(results):
        return frozenset({"predictions/test"})
    return needs


def _answer(draft: Draft) -> None:
    results = draft.results
    if not _people(results):
        parts = [attribute.label for attribute in results.schema.attributes]
        draft.answer("no_people", parts=parts)
    elif is_undeclared(results):
        answer_undeclared(draft)
    pairs = rows(results, "impact_ratio", "pairs")
    if pairs:
        judged = [row for row in pairs if row["verdict"] != TOO_FEW and not is_crossing(row)]
        crossings = [row for row in pairs if row["verdict"] != TOO_FEW and is_crossing(row)]
        below = [row for row in judged if row["verdict"] == "clear below"]
        crossed = [row for row in crossings if row["verdict"] == "clear below"]
        worst = min(crossed, key=lambda row: float(row["ratio"]), default={})
        draft.answer(
            "ratios",
            judged=len(judged),
            below=[_levels(draft, row["attribute_label"], [row["level"]]) for row in below],
            beyond=_beyond(
                draft, [r for r in judged if r not in below and is_beyond_chance(results, r)]
            ),
            crossings=len(crossings),
            crossed=len(crossed),
            worst=worst | {"ratio": estimates.of_row(worst, "ratio")},
            uncertain=sum("uncertain" in row["verdict"] for row in judged),
            bound=declared_ratio(results),
            decision=results.schema.target.favourable_class,
        )
    for gap in labelled_gaps(results):
        draft.answer("labelled", **gap)
    tests = [row for metric in DIFFERENCES[1:] for row in rows(results, metric, "tests")]
    known = [row for row in tests if finite(row["value"]) is not None]
    if tests:
        apart = dict.fromkeys(row["attribute"] for row in tests if is_beyond_chance(results, row))
        names = [attribute_label(results, name) for name in _uncrossed(list(apart))]
        draft.answer("errors", attributes=names, tests=len(known))


def _answer_gaps(draft: Draft) -> None:
    """Whether errors fall evenly, where the task compares groups by them."""
    table = rows(draft.results, "group_rates", "tests")
    if not table:
        return
    tests = [row for row in table if finite(row["p_adjusted"]) is not None]
    apart = dict.fromkeys(row["attribute"] for row in tests if is_beyond_chance(draft.results, row))
    names = [attribute_label(draft.results, name) for name in _uncrossed(list(apart))]
    draft.answer("gaps", judged=bool(tests), apart=names, tests=len(tests))


def _answer_sources(draft: Draft) -> None:
    """Where the surest gap in favourable decisions comes from."""
    gap = surest_gap(draft.results)
    if gap is not None:
        draft.answer("sources", **gap)


def _uncrossed(attributes: Sequence[str]) -> list[str]:
    """The attributes, without crossings of those that are among them by themselves."""
    return [
        name
        for name in attributes
        if CROSS not in name or not set(name.split(CROSS)) <= set(attributes)
    ]


def _beyond(draft: Draft, groups: Sequence[Row]) -> list[str]:
    """The groups of each attribute: `“men” (sex)`."""
    levels: dict[str, list[str]] = {}
    for row in groups:
        levels.setdefault(row["attribute_label"], []).append(row["level"])
    return [_levels(draft, name, each) for name, each in levels.items()]


def _levels(draft: Draft, attribute: str, levels: list[str]) -> str:
    return draft.text("levels", attribute=attribute, levels=levels)


def _caveats(draft: Draft) -> None:
    target = draft.results.schema.target
    if target.labels_are_decisions:
        draft.caveat("labels_are_decisions", target=target.label)
    few = [row for row in rows(draft.results, "group_rates", "groups") if row.get("too_few")]
    if few:
        draft.caveat("too_few", n=len(few))
    if _people(draft.results):
        draft.caveat("no_verdict")


def _direct_use(draft: Draft) -> dict[str, ShownTable]:
    """What swapping an attribute alone turns, and the parts of each gap."""
    numbers, words = draft.words.numbers, draft.words
    swaps = [
        row | {"stand_ins": numbers.listing(words.named(stand_ins_of(row))) or None}
        for row in rows(draft.results, "direct_use", "swaps")
    ]
    swapped, split = (
        View(f"bias-{name}", f"direct_use.{name}", _OF_DIRECT_USE[name], folded=name == "swaps")
        for name in _OF_DIRECT_USE
    )
    return {
        "swaps": draft.metric_table("direct_use", "swaps", swaps, swapped),
        "split": _with_not_found(draft, draft.metric_table("direct_use", "split", view=split)),
    }


def _with_not_found(draft: Draft, split: ShownTable) -> ShownTable:
    """The parts of gaps, with words where no stand-ins were found: that is no part of 0 points."""
    measured = rows(draft.results, "direct_use", "split")
    worded = tuple(
        cells | {"stand_ins": draft.text("answer.stand_ins_not_found")}
        if finite(row["stand_ins"]) is None and finite(row["gap"]) is not None
        else cells
        for cells, row in zip(split.rows, measured, strict=False)
    )
    return replace(split, rows=worded)


_LABELLED = (
    *("attribute", "level", "reference", "labelled", "labelled_reference"),
    *("decided", "decided_reference", "labelled_gap", "decided_gap", "change"),
)
_OF_DIRECT_USE = {
    "swaps": ("attribute", "given", "turned", "direct", "stand_ins", "turned_stand_ins", "n"),
    "split": ("attribute", "level", "reference", *GAP_PARTS, "n", "n_asked"),
}
_PROXIES = TableType(
    (
        Column("attribute", "attribute"),
        Column("auc", "number"),
        Column("features"),
        Column("n", "count"),
    ),
    folded=True,
)


def _sources(draft: Draft) -> dict[str, Any]:
    """Where differences come from: proxies, attributions and explanation quality by group."""
    results = draft.results
    numbers = draft.words.numbers
    proxies = [
        {
            "attribute": score.attribute,
            "auc": estimates.of_score(score),
            "features": numbers.listing(draft.words.named(proxy_features(results, score.attribute)))
            or None,
            "n": score.n,
        }
        for score in results.find("proxy_auc")
    ]
    return {
        **_direct_use(draft),
        "proxy_scores": draft.table("proxies", _PROXIES, proxies),
        "attribution": attribution(draft, "bias-attribution", "person"),
        "quality": quality(draft, "bias-explanations", "person"),
    }
