"""Prints what `check` understood: data, plan, cost, and what is left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from deepseek_report.artifacts.ids import ArtifactId
from deepseek_report.artifacts.message import from_plain
from deepseek_report.artifacts.rounding import count, plural, quantity
from deepseek_report.cli.output.console import (
    cell,
    console,
    duration_range,
    plain_table,
    say,
    say_first,
)
from deepseek_report.config.blocks import blocks
from deepseek_report.config.composed import MOST, OpenLine
from deepseek_report.data_kinds import kind_of
from deepseek_report.runner.execution.whole_run import duration
from deepseek_report.tasks import task_of
from deepseek_report.wording.of_results import words_for
from deepseek_report.wording.words import Wording

if TYPE_CHECKING:
    from deepseek_report.artifacts.message import Text
    from deepseek_report.artifacts.schema import Schema
    from deepseek_report.artifacts.split import DataIssue
    from deepseek_report.config.experiment import Experiment
    from deepseek_report.config.problems import Problem
    from deepseek_report.runner.planning.cost import Basis, Cost
    from deepseek_report.runner.planning.forecast import Forecast
    from deepseek_report.runner.planning.work import KnownData

_MOST_COLUMNS = 40
_MOST_CATEGORIES = 5
_MOST_CLASSES = 20
_MOST_ISSUES = 25
_MOST_NOTES = 12
_MOST_LEFT_OUT = 7
_LONGEST = 40
_KINDS = {"numeric": "number", "ordinal": "ordered", "categorical": "categories", "token": "words"}


def say_forecast(plan: Forecast) -> None:
    """The data as they are understood, the plan, what it costs, and what is left out."""
    experiment, data = plan.experiment, plan.data
    say(f"{experiment.name}: the configuration is valid. Run id {plan.run_id}")
    texts = words_for(experiment.report.language, data.schema, data.card)
    _say_data(data, texts)
    _say_issues(data.issues, texts)
    for key in experiment.declared:
        blocks()[key].say(experiment, data.schema, texts)
    _say_stages(plan)
    if experiment.revision is not None:
        say(f"\n{experiment.revision.key.capitalize()} ({len(plan.revised)})")
    say_first([f"  – {texts.say(change)}" for change in plan.revised], _MOST_ISSUES)
    if plan.trainings:
        say(f"Cross-validation: {plural(plan.trainings, 'more training')}")
    say_choice(experiment, texts)
    if not plan.answered:
        say(
            "Note: no chosen explainer answers explain.question: what is added compared with "
            f"{texts.say(plan.question)}. Those that are chosen are told all the same; add one "
            "that answers it (deepseek-report list explainers), or leave explain.question out."
        )
    _say_frameworks(plan, texts)
    _say_left_out("Asked for by name, and not applicable here", plan.unfit, texts)
    _say_left_out("Left out", plan.refused, texts)
    _say_cost(plan.cost, whole=plan.whole)


def say_open(lines: Sequence[OpenLine]) -> None:
    """What a study's file leaves for a person to say."""
    if not lines:
        return
    say(f"\nOpen in {lines[0].file}, for a person to say ({len(lines)})")
    say_first([f"  line {line.number}: {line.text}" for line in lines], MOST)


def say_beside(problems: Sequence[Problem]) -> None:
    """What is wrong with files of the config folder that this experiment does not use."""
    if problems:
        say(f"\nNote: not used here, and cannot be used as they are ({len(problems)})")
    say_first([f"  – {problem.where}: {problem.fault}" for problem in problems], MOST)


def say_choice(experiment: Experiment, texts: Wording) -> None:
    """What a recommender chose, and why."""
    explain = experiment.settings.explain
    chosen = from_plain(explain.reasons)
    if chosen and explain.evaluations is not None:
        rows = count(explain.evaluations)
        say(f"\nRecommended for {rows} evaluations of the model ({len(chosen)})")
    for explainer, reason in chosen.items():
        say(f"  – {explainer}: {texts.say(reason)}")


def _say_frameworks(plan: Forecast, texts: Wording) -> None:
    """Why frameworks are shown for the declared use, and why those near to it are not."""
    for shown, heading in (True, "Frameworks"), (False, "Near to what is declared, and not chosen"):
        parts = [
            (name, stands) for name, stands, is_chosen in plan.frameworks if is_chosen == shown
        ]
        if parts:
            say(f"\n{heading} ({len(parts)})")
        for name, stands in parts:
            chosen_anyway = shown and not (stands.applies or stands.voluntary)
            by_name = "named in the config, though " if chosen_anyway else ""
            say(f"  – {name}: {by_name}{texts.say(stands.why)}")
    if plan.without_law:
        say(f"Note: {texts.text('compliance.fit.without', places=plan.without_law)}")


def _say_left_out(heading: str, parts: Sequence[tuple[str, Text]], texts: Wording) -> None:
    if parts:
        say(f"\n{heading} ({len(parts)})")
    by_reason: dict[Text, list[str]] = {}
    for artifact, reason in parts:
        by_reason.setdefault(reason, []).append(artifact)
    for reason, artifacts in by_reason.items():
        named = ", ".join(artifacts)
        if len(artifacts) > _MOST_LEFT_OUT:
            named = f"{len(artifacts)} parts ({', '.join(artifacts[:3])}, …)"
        say(f"  – {named}: {texts.say(reason)}")


# --- data -----------------------------------------------------------------------------------------


def _say_data(data: KnownData, texts: Wording) -> None:
    size, schema = data.size, data.schema
    parts = f"{count(size.train)} to train on, {count(size.validation)} to validate, "
    parts += f"{count(size.test)} to test on"
    say(f"\nData: {plural(size.rows, 'row')}: {parts}")
    for line in _target(schema):
        say(f"  {line}")
    for attribute in schema.attributes:
        what = "groups of people" if attribute.kind == "person" else "parts"
        levels = _few([level[:_LONGEST] for level in attribute.levels], _MOST_CATEGORIES)
        say(f"  Compared by {attribute.label} ({what}): {levels}")
    if kind_of(schema).named_columns:
        _say_columns(data)
    else:
        say(f"  {texts.say(kind_of(schema).summary())}")
    notes = [f"  – {texts.say(note)}" for note in data.card.get("preparation", ())]
    say_first(notes, _MOST_NOTES, "  – and {} more, which the report lists")
    for limit in data.card.get("limited", ()):
        say(f"  – {texts.say(limit)}")


def _target(schema: Schema) -> list[str]:
    target = schema.target
    task = task_of(target)
    if not task.decides:
        unit = target.unit or "none declared (dataset.unit=…)"
        return [f"Target “{target.label}”: a number, unit: {unit}"]
    if task.several:
        labels = _few(target.labels, _MOST_CLASSES)
        lines = [f"Target: {plural(len(target.labels), 'label')}: {labels}"]
        lines.append(f"The report is about “{target.label}”")
    else:
        classes = _few([f"“{name}”" for name in target.classes], _MOST_CLASSES)
        lines = [f"Target “{target.label}”: {plural(len(target.classes), 'class', 'classes')}: "]
        lines[0] += f"{classes}"
    lines.append(f"Explained: the probability of “{target.explained_class}”")
    favourable = "none declared (dataset.favourable=…, one of the classes)"
    if target.is_judged:
        favourable = f"“{target.favourable_class}”"
    return [*lines, f"Favourable for the person concerned: {favourable}"]


def _say_columns(data: KnownData) -> None:
    features = data.schema.features
    table = plain_table("column", "kind", "unit", "values", "")
    numbers = {row["feature"]: row for row in data.card.get("numeric", ())}
    for feature in features[:_MOST_COLUMNS]:
        missing = int(data.card.get("missing", {}).get(feature.name, 0))
        values = _few([each.label[:_LONGEST] for each in feature.categories], _MOST_CATEGORIES)
        if (ends := numbers.get(feature.name)) is not None:
            values = f"{quantity(ends['min'], None)} to {quantity(ends['max'], None)}"
        remarks = [
            "sensitive" if feature.sensitive else "",
            f"{count(missing)} missing" if missing else "",
        ]
        table.add_row(
            cell(feature.name[:_LONGEST]),
            _KINDS.get(feature.kind, feature.kind),
            cell(feature.unit or ""),
            cell(values),
            ", ".join(filter(None, remarks)),
        )
    say("")
    console().print(table)
    if len(features) > _MOST_COLUMNS:
        say(f"and {count(len(features) - _MOST_COLUMNS)} more columns")
    say("")


def _few(names: Sequence[str], most: int) -> str:
    """`a, b, c and 4 more`; never "and 1 more"."""
    if len(names) <= most + 1:
        return ", ".join(names)
    return f"{', '.join(names[:most])} and {count(len(names) - most)} more"


def _say_issues(issues: Sequence[DataIssue], texts: Wording) -> None:
    if not issues:
        say("\nThe checks of the data found nothing.")
        return
    say(f"\nFound in the data ({len(issues)})")
    shown = [
        f"  {texts.label('severities', issue.severity)}: {texts.say(issue.text)}"
        for issue in issues
    ]
    say_first(shown, _MOST_ISSUES, "  and {} more, which the report lists")


# --- plan -----------------------------------------------------------------------------------------


def _say_stages(plan: Forecast) -> None:
    """What is computed and what is stored, with the rows that each explainer evaluates.

    Explanations stand one by one; measures and pictures together.
    """
    families: dict[str, list[str]] = {}
    for stage in plan.stages:
        kind = ArtifactId(stage).kind
        families.setdefault(kind if kind in {"measures", "pictures"} else stage, []).append(stage)
    rows = "model evaluations (rows)"
    table = plain_table("stage", "from the store", rows, right=(rows,))
    for name, members in families.items():
        shown = name if len(members) == 1 else f"{name} × {len(members)}"
        n_stored = sum(plan.stages[stage] for stage in members)
        stored = "yes" if n_stored else "no"
        if 0 < n_stored < len(members):
            stored = f"{n_stored} of {len(members)}"
        table.add_row(cell(shown), stored, count(plan.calls[name]) if name in plan.calls else "")
    say("")
    console().print(table)
    say(f"{len(plan.stages)} stages, {sum(plan.stages.values())} of them in the store")


# --- cost -----------------------------------------------------------------------------------------

#: {how stages were estimated: (what is said of their time, what of the memory)}
_BASES: Mapping[Basis, tuple[str, str]] = {
    "measured": (
        "by the time that they took here before",
        "by what the same stages took here before",
    ),
    "similar": ("by similar stages that ran here", "by similar stages that ran here"),
    "timed": ("by timing the model ({row} a row)", ""),
    "typical": (
        "by usual times, since nothing like them ran here",
        "a usual value, since nothing like it ran here",
    ),
}


def _say_cost(cost: Cost, *, whole: bool) -> None:
    """Time, which stages it was estimated for by what, and memory.

    The report, which always comes, is not counted. whole : it is there already.
    """
    memory, span = cost.memory, cost.total
    if memory is None:
        left = "compute; the report is written in a few seconds"
        if whole:
            left = "do; the report of this run is there"
        say(f"\nCost: cached: nothing to {left}")
        return
    about = duration(span.expected)
    about = about if about.startswith("a few") else f"about {about}"
    within = duration_range(span.low, span.high)
    say(f"\nCost: {about} ({within}) with {plural(cost.parallel, 'process', 'processes')}")
    counts = Counter(span.basis for name, span in cost.stages.items() if name != "report")
    row = "" if cost.row is None else f"{1000 * cost.row:.2g} ms"
    parts = [f"{counts[each]} {_BASES[each][0].format(row=row)}" for each in _BASES if counts[each]]
    say(f"  Estimated for {plural(counts.total(), 'stage')}: {', '.join(parts)}")
    ends = (memory.low, memory.expected, memory.high)
    low, expected, high = (count(round(mib, -1)) for mib in ends)
    text = f"Memory: about {expected} MiB ({low} to {high} MiB) in the largest process"
    say(f"{text}, {_BASES[memory.basis][1]}")
