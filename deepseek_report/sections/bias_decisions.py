"""The tables of the bias section: what groups get, ratios, differences, options."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from deepseek_report.artifacts.estimate import finite
from deepseek_report.artifacts.message import Message
from deepseek_report.artifacts.table import Column
from deepseek_report.findings.best_option import best_option, option_name, options_of
from deepseek_report.findings.records import Row, attribute_label, is_crossing, rows
from deepseek_report.findings.rules_groups import TOO_FEW, declared_ratio, worst_and_best
from deepseek_report.sections.shared.draft import Draft
from deepseek_report.sections.shared.tables import ShownTable, View
from deepseek_report.sections.shared.task_columns import gap_table
from deepseek_report.tasks import task_of
from deepseek_report.wording.words import sentence_case

DIFFERENCES = (
    "demographic_parity_difference",
    "equal_opportunity_difference",
    "equalized_odds_difference",
)


def decision_values(draft: Draft) -> dict[str, Any]:
    """The tables on what groups get; those on decisions are empty where nothing is decided."""
    groups = rows(draft.results, "group_rates", "groups")
    task = task_of(draft.results.schema.target)
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
        "options": draft.metric_table("options", "options", _options(draft), _option_view(draft)),
        "proposed": _proposed(draft),
        "own_refits": _own_refits(draft),
    }


def _groups(draft: Draft, groups: list[Row]) -> dict[str, ShownTable]:
    """What each group gets, against its reference where there is one; crossings apart."""
    pairs = _pairs(draft)
    merged = [row | pairs.get((row["attribute"], row["level"]), {}) for row in groups]
    by = task_of(draft.results.schema.target).group_columns[0]
    single, crossed = (
        _foremost([row for row in merged if is_crossing(row) == crossing], by)
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


def _foremost(levels: list[Row], key: str) -> list[Row]:
    """All rows; of an attribute with many levels the worst and the best come first."""
    first = worst_and_best(levels, key)
    shown = {(row["attribute"], row["level"]) for row in first}
    return first + [row for row in levels if (row["attribute"], row["level"]) not in shown]


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


def _pairs(draft: Draft) -> dict[tuple[str, str], Row]:
    """{(attribute, level): the group against its reference}; a reference is named as such."""
    pairs: dict[tuple[str, str], Row] = {}
    for row in rows(draft.results, "impact_ratio", "pairs"):
        judged = _judged(row)
        chosen = {key: judged.get(key) for key in _PAIRED}
        pairs[row["attribute"], row["level"]] = chosen
        pairs.setdefault(
            (row["attribute"], row["reference"]), {"ratio": draft.text("is_reference")}
        )
    return pairs


def _texts(draft: Draft) -> dict[str, str]:
    """What stands around the tables."""
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


def _judged(row: Row) -> Row:
    """A row without its numbers where they rest on too few people."""
    return row | dict.fromkeys(_COMPARED) if row["verdict"] == TOO_FEW else row


def _options(draft: Draft) -> list[Row]:
    """The rows of the options, each by its name in words."""
    return [
        row | {"option": sentence_case(draft.words.say(option_name(draft.results, row)))}
        for row in rows(draft.results, "options", "options")
    ]


def _option_view(draft: Draft) -> View:
    """What is shown of the options; expected costs where they are declared."""
    measured = rows(draft.results, "options", "options")
    costs = any(finite(row["cost"]) is not None for row in measured)
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


def _own_refits(draft: Draft) -> str:
    """Whether the model itself was fitted anew, and what asks for it."""
    notes = draft.results.notes("options")
    own = (note for note in notes if isinstance(note, Message) and note.id == "notes.options.own")
    return draft.words.say(next(own, ""))


def _proposed(draft: Draft) -> list[str]:
    """Of each attribute the option that narrows its gap, or that none is shown to."""
    names = dict.fromkeys(row["attribute"] for row in rows(draft.results, "options", "options"))
    return [
        draft.text(
            "proposed",
            attribute=attribute_label(draft.results, name),
            levels=[row[end] for row in options_of(draft.results, name)[:1] for end in _ENDS],
            **best_option(draft.results, name),
        )
        for name in names
    ]


_ENDS = ("level", "reference")
