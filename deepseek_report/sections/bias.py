"""Whom the model treats differently, where that comes from, and what could be traded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from deepseek_report.artifacts.estimate import UNDEFINED
from deepseek_report.artifacts.message import Message
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.schema import CROSS, NOT_JUDGED
from deepseek_report.artifacts.table import Column, TableType, columns_of
from deepseek_report.artifacts.table_rows import cells_of
from deepseek_report.extension import service
from deepseek_report.findings.best_option import best_option, option_name
from deepseek_report.findings.records import attribute_label, setting
from deepseek_report.findings.rules_groups import (
    declared_ratio,
    is_beyond_chance,
    labelled_gaps,
    worst_and_best,
)
from deepseek_report.findings.rules_sources import proxy_features, surest_gap
from deepseek_report.metrics.fairness.fairness_rows import (
    GAP_PARTS,
    GapOption,
    GapTest,
    GroupLevel,
    GroupPair,
    SplitGap,
    SwappedAttribute,
    surest_last,
)
from deepseek_report.metrics.fairness.groups import Grouping, groupings
from deepseek_report.sections.shared.draft import Draft, DraftedSection, ids_of
from deepseek_report.sections.shared.tables import ShownTable, Values, View, own_table
from deepseek_report.sections.shared.task_columns import attribution, gap_table, quality
from deepseek_report.tasks import task_of
from deepseek_report.wording import estimates
from deepseek_report.wording.words import sentence_case

# Errors by group where nobody declares the favourable class: told by classes, and not judged.


def is_undeclared(results: Results) -> bool:
    """Whether groups of people are declared, and the class that is good for them is not."""
    if not results.has("data"):
        return False
    schema = results.schema
    judged = schema.target.is_judged or not task_of(schema.target).decides
    return not judged and bool(schema.attributes_of("person"))


def undeclared_values(draft: Draft) -> Values:
    """How often each group is decided otherwise than labelled, class by class; no verdict.

    Empty where the favourable class is declared, where there are no groups with two levels, or
    where nothing was predicted.
    """
    results = draft.results
    if not is_undeclared(results) or not results.has("predictions/test"):
        return {}
    schema, p = results.schema, results.predictions
    if all(
        len(np.unique(p.groups[attribute.name])) < 2 for attribute in schema.attributes_of("person")
    ):
        return {}
    grouped = groupings(schema, p, crossings=False, min_cell=1)
    classes = {} if len(schema.target.classes) > 2 else dict(enumerate(schema.target.classes))
    heads = (
        Column(
            f"wrong_{k}",
            "share",
            unless="too_few",
            label=draft.text("decided_otherwise", actual=name),
        )
        for k, name in classes.items()
    )
    kind = TableType(
        (*columns_of("level n:count"), Column("right", "share", unless="too_few"), *heads)
    )
    return {"groups": [_attribute(draft, grouping, kind, list(classes)) for grouping in grouped]}


def _attribute(draft: Draft, grouping: Grouping, kind: TableType, classes: list[int]) -> Values:
    label = attribute_label(draft.results, grouping.name)
    rows = _rows(draft, grouping, classes)
    identity, by = f"bias-{grouping.name}", draft.words.inline(label)
    return {
        "label": sentence_case(label),
        "table": own_table(draft.results, identity, "bias.undeclared", kind, rows, by=by),
    }


def _rows(draft: Draft, grouping: Grouping, classes: list[int]) -> Iterator[Values]:
    p = draft.results.predictions
    floor = setting(draft.results, "metrics", "group_rates", "min_cell", 30)
    for k, level in enumerate(grouping.levels):
        inside = grouping.codes == k
        size = int(inside.sum())
        rate = grouping.drawn.rate
        wrong = {
            f"wrong_{actual}": rate(~p.correct, inside & (p.labels == actual)) for actual in classes
        }
        right = rate(p.correct, inside)
        yield {"level": level, "n": size, "too_few": size < floor, "right": right, **wrong}


# --- The tables of the bias section: what groups get, ratios, differences, options ----------------

DIFFERENCES = (
    "demographic_parity_difference",
    "equal_opportunity_difference",
    "equalized_odds_difference",
)


def decision_values(draft: Draft) -> Values:
    """The tables on what groups get; those on decisions are empty where nothing is decided."""
    groups = draft.results.rows("group_rates", "groups", GroupLevel)
    task = task_of(draft.results.schema.target)
    options = [
        {**cells_of(row), "option": sentence_case(draft.words.say(option_name(draft.results, row)))}
        for row in draft.results.rows("options", "options", GapOption)
    ]
    return {
        **_groups(draft, groups),
        **(_texts(draft) if groups else {}),
        "differences": gap_table(
            draft,
            "bias-differences",
            "group_rates.tests",
            (*DIFFERENCES, "group_rates"),
            folded=True,
        ),
        **_declared(draft),
        "decides": task.decides,
        "options": draft.metric_table("options", "options", options, _option_view(draft)),
        "proposed": _proposed(draft),
        **_refits(draft),
    }


def _refits(draft: Draft) -> Values:
    """What is said beside the options: of refits of the model, and of plain ones from few rows."""
    notes = {note.id: note for note in draft.results.notes("options") if isinstance(note, Message)}
    own, plain = (notes.get(f"notes.options.{name}") for name in ("own", "refitted"))
    rows = {} if plain is None else plain.values
    return {
        "own_refits": "" if own is None else draft.words.say(own),
        "fewer_rows": rows if rows.get("of", 0) > rows.get("rows", 0) else None,
    }


def _groups(draft: Draft, groups: list[GroupLevel]) -> dict[str, ShownTable]:
    """What each group gets, against its reference where there is one; crossings apart."""
    pairs = _pairs(draft)
    by = task_of(draft.results.schema.target).group_columns[0]
    single, crossed = (
        [
            {**cells_of(row), **pairs.get((row.attribute, row.level), {})}
            for row in _foremost([row for row in groups if row.is_crossing == crossing], by)
        ]
        for crossing in (False, True)
    )
    outcomes, errors = _views(draft)
    crossings = replace(outcomes, id="bias-crossings", words="group_rates.crossings")
    slots = {
        "told": draft.text("by_group"),
        "bound": draft.words.numbers.declared(declared_ratio(draft.results)),
        "compared": "ratio" in outcomes.keys,
    }
    explained = draft.text("columns_explained") if "tpr" in errors.keys else ""
    return {
        "groups": draft.metric_table("group_rates", "groups", single, outcomes, **slots),
        "errors": draft.metric_table("group_rates", "groups", single, errors, before=explained),
        "crossings": draft.metric_table("group_rates", "groups", crossed, crossings, **slots),
    }


def _foremost(levels: list[GroupLevel], key: str) -> list[GroupLevel]:
    """All rows; of an attribute with many levels the worst and the best come first."""
    first = worst_and_best(levels, key)
    shown = {(row.attribute, row.level) for row in first}
    return first + [row for row in levels if (row.attribute, row.level) not in shown]


def _views(draft: Draft) -> tuple[View, View]:
    """What of a group is shown at once, and its errors, which are one click away.

    Where groups are not set against a reference, all that the task tells of them is shown at once.
    """
    task = task_of(draft.results.schema.target)
    compared = _compared_columns(draft)
    if not compared:
        at_once, errors = task.group_columns, task.group_quality
    else:
        at_once = task.group_columns[:1]
        errors = (*task.group_columns[1:], *task.group_quality)
    aside = frozenset(task.group_quality) if compared else frozenset()
    return (
        View(
            "bias-groups",
            "group_rates.groups",
            (*_GROUP, *at_once, *compared),
            aside=frozenset({"reference", "difference"}),
        ),
        View(
            "bias-errors",
            "group_rates.errors",
            (*_GROUP, *errors) if errors else (),
            folded=True,
            aside=aside,
        ),
    )


_GROUP = ("attribute", "level", "n")
_COMPARED = ("ratio", "difference", "p_adjusted")


def _compared_columns(draft: Draft) -> tuple[Column, ...]:
    """The columns that set a group against its reference; none where nothing is compared."""
    table = draft.results.typed_table("impact_ratio", "pairs")
    if table is None or table.frame.empty:
        return ()
    known = {column.key: column for column in table.type.columns}
    wanted = ("ratio", "p_adjusted", "verdict", "reference", "difference")
    return tuple(known[key] for key in wanted if key in known)


def _pairs(draft: Draft) -> dict[tuple[str, str], Values]:
    """{(attribute, level): the group against its reference}; a reference is named as such."""
    pairs: dict[tuple[str, str], Values] = {}
    for row in surest_last(draft.results.rows("impact_ratio", "pairs", GroupPair)):
        judged = cells_of(row) | ({} if row.is_judged else dict.fromkeys(_COMPARED))
        pairs[row.attribute, row.level] = {key: judged.get(key) for key in _PAIRED}
        pairs.setdefault((row.attribute, row.reference), {"ratio": draft.text("is_reference")})
    return pairs


def _texts(draft: Draft) -> dict[str, str]:
    declared = _declared(draft)
    keys = ("by_group", "where_from")
    return {"intro": draft.text("intro", **declared)} | {key: draft.text(key) for key in keys}


def _declared(draft: Draft) -> dict[str, str]:
    """The favourable class and who says that it is; nothing where nobody does."""
    target = draft.results.schema.target
    if not target.is_judged:
        return {}
    by = draft.text(f"declared_by.{target.favourable_by}")
    return {"favourable": target.favourable_class, "declared_by": by}


_PAIRED = (
    *(*_COMPARED, "reference", "verdict"),
    *("low", "high", "difference_low", "difference_high"),
)


def _option_view(draft: Draft) -> View:
    """What is shown of the options; expected costs where they are declared."""
    measured = draft.results.rows("options", "options", GapOption)
    costs = any(row.cost is not None for row in measured)
    return View(
        "bias-options",
        "options.options",
        (
            *("attribute", Column("option"), "ratio", "gap", "gap_change"),
            *("balanced_accuracy_change", "auc_change", "against"),
            *(("cost", "cost_change") if costs else ()),
            *("n_changed", "left_out"),
        ),
        folded=True,
        aside=frozenset({"n_changed", "left_out", "cost"}),
    )


def _proposed(draft: Draft) -> list[str]:
    """Of each attribute the option that narrows its gap, or that none is shown to."""
    first: dict[str, GapOption] = {}
    for row in draft.results.rows("options", "options", GapOption):
        first.setdefault(row.attribute, row)
    return [
        draft.text(
            "proposed",
            attribute=attribute_label(draft.results, name),
            levels=[row.level, row.reference],
            **best_option(draft.results, name),
        )
        for name, row in first.items()
    ]


# --- Whom the model treats differently, where that comes from, and what could be traded -----------

#: The one measurement here that is also made where the data name no groups of people.
_EXPLAINED = "explanation_by_group"
_METRICS = (
    *("group_rates", "impact_ratio", *DIFFERENCES),
    *("direct_use", "proxies", "options", _EXPLAINED),
)


@dataclass(frozen=True)
class BiasSection(DraftedSection):
    """Compares decisions, errors and explanations between groups of people."""

    name = "bias"
    needs = frozenset({"measures/group_rates"})
    pictures = "group_rates"
    uses = ids_of(measures=" ".join(_METRICS))

    def write(self, draft: Draft) -> None:
        results = draft.results
        _answer(draft)
        _answer_gaps(draft)
        if gap := surest_gap(results):  # in favourable decisions
            draft.answer("sources", **gap)
        if results.has("measures/prompt_pairs"):
            prompts = service("prompts").largest_prompt_gap(results)
            if prompts:
                draft.answer("prompts", **prompts)
                draft.caveat("prompts")
        _caveats(draft)
        draft.notes(metric for metric in _METRICS if metric != _EXPLAINED or _people(results))
        labelled = View("bias-labelled", "impact_ratio.labelled", _LABELLED)
        draft.values |= {
            **decision_values(draft),
            **_sources(draft),
            "labelled": draft.metric_table("impact_ratio", "labelled", view=labelled),
            "undeclared": undeclared_values(draft),
        }

    def needed(self, results: Results) -> frozenset[str]:
        """What must be there to compare groups: rates of decisions, or errors of numbers."""
        if is_undeclared(results):
            return frozenset({"predictions/test"})
        of_prompts = results.measurement("prompt_pairs") is not None and not _people(results)
        return frozenset({"measures/prompt_pairs"}) if of_prompts else self.needs


def _people(results: Results) -> bool:
    return not results.has("data") or bool(results.schema.attributes_of("person"))


def _answer(draft: Draft) -> None:
    results = draft.results
    if not _people(results):
        parts = [attribute.label for attribute in results.schema.attributes]
        draft.answer("no_people", parts=parts)
    elif is_undeclared(results):
        classes = list(results.schema.target.classes)
        draft.answer("not_judged", reason=NOT_JUDGED, classes=classes)
    pairs = results.rows("impact_ratio", "pairs", GroupPair)
    if pairs:
        surest = {(row.attribute, row.level): row for row in surest_last(pairs)}.values()
        judged = [row for row in surest if row.is_judged and not row.is_crossing]
        crossings = [row for row in surest if row.is_judged and row.is_crossing]
        below = [row for row in judged if row.is_clear]
        crossed = [row for row in crossings if row.is_clear]
        worst = min(crossed, key=lambda row: row.ratio.value, default=None)
        draft.answer(
            "ratios",
            judged=len(judged),
            below=[_levels(draft, row.attribute_label, [row.level]) for row in below],
            beyond=_beyond(
                draft, [r for r in judged if not r.is_clear and is_beyond_chance(results, r)]
            ),
            crossings=len(crossings),
            crossed=len(crossed),
            worst={**cells_of(worst), "ratio": worst.ratio} if worst else {"ratio": UNDEFINED},
            uncertain=sum("uncertain" in row.verdict for row in judged),
            bound=declared_ratio(results),
            decision=results.schema.target.favourable_class,
        )
    for gap in labelled_gaps(results):
        draft.answer("labelled", **gap)
    tests = [row for metric in DIFFERENCES[1:] for row in results.rows(metric, "tests", GapTest)]
    known = [row for row in tests if row.value.is_defined]
    if tests:
        apart = dict.fromkeys(row.attribute for row in tests if is_beyond_chance(results, row))
        names = [attribute_label(results, name) for name in _uncrossed(list(apart))]
        draft.answer("errors", attributes=names, tests=len(known))


def _answer_gaps(draft: Draft) -> None:
    """Whether errors fall evenly, where the task compares groups by them."""
    table = draft.results.rows("group_rates", "tests", GapTest)
    if not table:
        return
    tests = [row for row in table if row.p_adjusted is not None]
    apart = dict.fromkeys(row.attribute for row in tests if is_beyond_chance(draft.results, row))
    names = [attribute_label(draft.results, name) for name in _uncrossed(list(apart))]
    draft.answer("gaps", judged=bool(tests), apart=names, tests=len(tests))


def _uncrossed(attributes: Sequence[str]) -> list[str]:
    """The attributes, without crossings of those that are among them by themselves."""
    return [
        name
        for name in attributes
        if CROSS not in name or not set(name.split(CROSS)) <= set(attributes)
    ]


def _beyond(draft: Draft, groups: Sequence[GroupPair]) -> list[str]:
    """The groups of each attribute: `“men” (sex)`."""
    levels: dict[str, list[str]] = {}
    for row in groups:
        levels.setdefault(row.attribute_label, []).append(row.level)
    return [_levels(draft, name, each) for name, each in levels.items()]


def _levels(draft: Draft, attribute: str, levels: list[str]) -> str:
    return draft.text("levels", attribute=attribute, levels=levels)


def _caveats(draft: Draft) -> None:
    target = draft.results.schema.target
    if target.labels_are_decisions:
        draft.caveat("labels_are_decisions", target=target.label)
    few = [r for r in draft.results.rows("group_rates", "groups", GroupLevel) if r.too_few]
    if few:
        draft.caveat("too_few", n=len(few))
    if _people(draft.results):
        draft.caveat("no_verdict")


def _direct_use(draft: Draft) -> dict[str, ShownTable]:
    """What swapping an attribute alone turns, and the parts of each gap."""
    numbers, words = draft.words.numbers, draft.words
    swaps = [
        {**cells_of(row), "stand_ins": numbers.listing(words.named(row.stand_in_labels)) or None}
        for row in draft.results.rows("direct_use", "swaps", SwappedAttribute)
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
    measured = draft.results.rows("direct_use", "split", SplitGap)
    worded = tuple(
        cells | {"stand_ins": draft.text("answer.stand_ins_not_found")}
        if row.stand_ins is None and row.gap is not None
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
_PROXIES = TableType(columns_of("attribute:attribute auc:number features n:count"), folded=True)


def _sources(draft: Draft) -> Values:
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
