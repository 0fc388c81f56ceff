"""Prints what `check` understood: data, plan, cost, and what is left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from deepseek_report.artifacts.ids import ArtifactId
from deepseek_report.artifacts.rounding import count, plural, quantity
from deepseek_report.cli.output.console import (
    cell,
    console,
    duration_range,
    plain_table,
    say,
    say_first,
)
from deepseek_report.config.composed import MOST, OpenLine
from deepseek_report.data_kinds import kind_of
from deepseek_report.extension import service
from deepseek_report.runner.execution.whole_run import duration
from deepseek_report.tasks import task_of
from deepseek_report.wording.of_results import words_for
from deepseek_report.wording.words import Wording

if TYPE_CHECKING:
    from deepseek_report.artifacts.message import Text
    from deepseek_report.artifacts.schema import Feature
    from deepseek_report.config.problems import Problem
    from deepseek_report.runner.planning.cost import Basis, Cost
    from deepseek_report.runner.planning.forecast import DataSeen, Expected, Forecast

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
    say(f"{plan.experiment}: the configuration is valid. Run id {plan.run_id}")
    texts = words_for(plan.language, plan.data.schema, plan.data.card)
    _say_data(plan.data, texts)
    _say_issues(plan.data, texts)
    if plan.causes is not None:
        service("causal").say_graph(plan.causes, texts)
    _say_stages(plan.stages)
    _say_corrections(plan.corrections, texts)
    if plan.trainings:
        say(f"Cross-validation: {plural(plan.trainings, 'more training')}")
    say_choice(plan.chosen, plan.evaluations, texts)
    if not plan.answered:
        say(
            "Note: no chosen explainer answers explain.question: what is added compared with "
            f"{texts.say(plan.question)}. Those that are chosen are told all the same; add one "
            "that answers it (deepseek-report list explainers), or leave explain.question out."
        )
    _say_frameworks(plan, texts)
    _say_left_out("Asked for by name, and not applicable here", plan.unfit, texts)
    _say_left_out("Left out", plan.refused, texts)
    say(f"\n{_cost(plan)}")


def _say_corrections(corrections: Sequence[Text], texts: Wording) -> None:
    if corrections:
        say(f"\nCorrections ({len(corrections)})")
    say_first([f"  – {texts.say(correction)}" for correction in corrections], _MOST_ISSUES)


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


def say_choice(chosen: Mapping[str, Text], evaluations: int | None, texts: Wording) -> None:
    """What a recommender chose, and why."""
    if chosen and evaluations is not None:
        say(f"\nRecommended for {count(evaluations)} evaluations of the model ({len(chosen)})")
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
    for reason, artifacts in _by_reason(parts).items():
        say(f"  – {_some_of(artifacts)}: {texts.say(reason)}")


# --- data -----------------------------------------------------------------------------------------


def _say_data(data: DataSeen, texts: Wording) -> None:
    size, schema = data.size, data.schema
    parts = f"{count(size.train)} to train on, {count(size.validation)} to validate, "
    parts += f"{count(size.test)} to test on"
    say(f"\nData: {plural(size.rows, 'row')}: {parts}")
    for line in _target(data):
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


def _target(data: DataSeen) -> list[str]:
    target = data.schema.target
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
    if data.favourable is not None:
        lines.append(f"Favourable for the person concerned: “{data.favourable}”")
    else:
        lines.append(
            "Favourable for the person concerned: none declared (dataset.favourable=…, one of the "
            "classes)"
        )
    return lines


def _say_columns(data: DataSeen) -> None:
    features = data.schema.features
    table = plain_table("column", "kind", "unit", "values", "")
    numbers = {row["feature"]: row for row in data.card.get("numeric", ())}
    for feature in features[:_MOST_COLUMNS]:
        missing = int(data.card.get("missing", {}).get(feature.name, 0))
        remarks = [
            "sensitive" if feature.sensitive else "",
            f"{count(missing)} missing" if missing else "",
        ]
        table.add_row(
            cell(feature.name[:_LONGEST]),
            _KINDS.get(feature.kind, feature.kind),
            cell(feature.unit or ""),
            cell(_values(feature, numbers.get(feature.name))),
            ", ".join(filter(None, remarks)),
        )
    say("")
    console().print(table)
    if len(features) > _MOST_COLUMNS:
        say(f"and {count(len(features) - _MOST_COLUMNS)} more columns")
    say("")


def _values(feature: Feature, numbers: Mapping[str, float] | None) -> str:
    if numbers is not None:
        return f"{quantity(numbers['min'], None)} to {quantity(numbers['max'], None)}"
    return _few([category.label[:_LONGEST] for category in feature.categories], _MOST_CATEGORIES)


def _few(names: Sequence[str], most: int) -> str:
    """`a, b, c and 4 more`; never "and 1 more"."""
    if len(names) <= most + 1:
        return ", ".join(names)
    return f"{', '.join(names[:most])} and {count(len(names) - most)} more"


def _say_issues(data: DataSeen, texts: Wording) -> None:
    if not data.issues:
        say("\nThe checks of the data found nothing.")
        return
    say(f"\nFound in the data ({len(data.issues)})")
    shown = [
        f"  {texts.label('severities', issue.severity)}: {texts.say(issue.text)}"
        for issue in data.issues
    ]
    say_first(shown, _MOST_ISSUES, "  and {} more, which the report lists")


# --- plan -----------------------------------------------------------------------------------------


def _say_stages(stages: Sequence[Expected]) -> None:
    """What is computed and what is stored, with the rows that each explainer evaluates."""
    table = plain_table(
        "stage", "from the store", "model evaluations (rows)", right=("model evaluations (rows)",)
    )
    for name, members in _families(stages).items():
        calls = [stage.calls for stage in members if stage.calls is not None]
        table.add_row(cell(name), _cached(members), f"{count(sum(calls))}" if calls else "")
    say("")
    console().print(table)
    cached = sum(stage.cached for stage in stages)
    say(f"{len(stages)} stages, {cached} of them in the store")


def _families(stages: Sequence[Expected]) -> dict[str, list[Expected]]:
    """Explanations one by one; measures and pictures together, but for what is partly stored."""
    families: dict[str, list[Expected]] = {}
    for stage in stages:
        kind = ArtifactId(stage.id).kind
        name = kind if kind in {"measures", "pictures"} else stage.id
        families.setdefault(name, []).append(stage)
    return {
        name if len(members) == 1 else f"{name} × {len(members)}": members
        for name, members in families.items()
    }


def _cached(stages: Sequence[Expected]) -> str:
    n_cached = sum(stage.cached for stage in stages)
    if 0 < n_cached < len(stages):
        return f"{n_cached} of {len(stages)}"
    return "yes" if n_cached else "no"


def _by_reason(refused: Sequence[tuple[str, Text]]) -> dict[Text, list[str]]:
    reasons: dict[Text, list[str]] = {}
    for artifact, reason in refused:
        reasons.setdefault(reason, []).append(artifact)
    return reasons


def _some_of(artifacts: Sequence[str]) -> str:
    if len(artifacts) <= _MOST_LEFT_OUT:
        return ", ".join(artifacts)
    return f"{len(artifacts)} parts ({', '.join(artifacts[:3])}, …)"


# --- cost -----------------------------------------------------------------------------------------

_BASES: dict[Basis, str] = {
    "measured": "by the time that they took here before",
    "similar": "by similar stages that ran here",
    "timed": "by timing the model ({row} a row)",
    "typical": "by usual times, since nothing like them ran here",
}


def _cost(plan: Forecast) -> str:
    cost = plan.cost
    if not cost.stages:
        if plan.whole:
            return "Cost: cached: nothing to do; the report of this run is there"
        return "Cost: cached: nothing to compute; the report is written in a few seconds"
    span = cost.total
    about = duration(span.expected)
    about = about if about.startswith("a few") else f"about {about}"
    within = duration_range(span.low, span.high)
    text = f"Cost: {about} ({within}) with {plural(cost.parallel, 'process', 'processes')}"
    return f"{text}\n  {_how(cost)}\n{_memory(cost)}"


_MEMORY_BASES: Mapping[Basis, str] = {
    "measured": "by what the same stages took here before",
    "similar": "by similar stages that ran here",
    "typical": "a usual value, since nothing like it ran here",
}


def _memory(cost: Cost) -> str:
    span = cost.memory
    if span is None:
        return ""
    low, about, high = (count(round(mib, -1)) for mib in (span.low, span.expected, span.high))
    text = f"Memory: about {about} MiB ({low} to {high} MiB) in the largest process"
    return f"{text}, {_MEMORY_BASES[span.basis]}"


def _how(cost: Cost) -> str:
    """Which stages were estimated by what; the report, which always comes, is left out."""
    counts = {basis: cost.count(basis) for basis in _BASES}
    counts["typical"] -= 1
    row = "" if cost.row is None else f"{1000 * cost.row:.2g} ms"
    parts = [f"{n} {_BASES[basis].format(row=row)}" for basis, n in counts.items() if n]
    return f"Estimated for {plural(sum(counts.values()), 'stage')}: {', '.join(parts)}"
