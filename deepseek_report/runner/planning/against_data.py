"""What of a configuration can be checked only once the data are known, before anything is trained.

`check` and a run call `refuse_misfits` as soon as the data are there: a promise on groups of people
needs the favourable class, and a model that was fitted elsewhere must know these classes and
columns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from deepseek_report.artifacts.ids import ArtifactId
from deepseek_report.artifacts.message import Text, message
from deepseek_report.artifacts.schema import Schema
from deepseek_report.artifacts.split import PARTS, Dataset, Part, Split
from deepseek_report.config.blocks import blocks
from deepseek_report.config.experiment import Experiment
from deepseek_report.config.problems import ConfigProblems, Problem, choices, nearest
from deepseek_report.config.threshold_checks import against_data
from deepseek_report.errors import DataError
from deepseek_report.metrics.behaviour.expected import misfits
from deepseek_report.metrics.plugin import FAVOURABLE_SCORES
from deepseek_report.tasks import task_of

#: Seconds since 1970 below which a moment is taken for a number and for no date: 3 March 1973.
_LEAST_DATE = 1e8


def refuse_misfits(
    experiment: Experiment,
    schema: Schema,
    load: Callable[[Part], Split],
    before: Path | None = None,
) -> None:
    """Raise what does not fit the data, all of it at once.

    Where a revision changes the data, all but the revision and a fitted model is held against the
    changed data.

    schema, load : of the data as they were read; `load` gives a part, where something needs it.
    before : the folder of the model before the revision, where the store has it.

    Raises ConfigProblems: thresholds on groups that the data do not have or that need a favourable
        class, a fitted model of other data, expectations of columns, words or classes that there
        are not, cases that are not in the test part, more folds than the rows allow, explained
        classes that there are not, a capacity for alerts where nobody knows when rows come from,
        and what the blocks of extensions declare of what there is not.
    """
    problems = fitted_model_problems(experiment, schema, load)
    if (revision := experiment.revision) is not None:
        parts: dict[str, Any] = {part: load(part) for part in PARTS}
        read = Dataset(schema, **parts, card={})
        problems += revision.misfits(experiment, read)
        if problems:
            raise ConfigProblems(problems)
        data = revision.revised(experiment, read)
        schema, load = data.schema, partial(getattr, data)
    problems += [
        *against_data(experiment, schema),
        *undeclared_thresholds(experiment, schema),
        *expectation_problems(experiment, schema, load),
        *case_problems(experiment, load),
        *fold_problems(experiment, schema, load),
        *class_problems(experiment, schema),
        *(
            text
            for key in experiment.declared
            for text in blocks()[key].misfits(experiment, schema)
        ),
        *capacity_problems(experiment, schema, load),
        *edit_problems(experiment, schema, load, before),
    ]
    if problems:
        raise ConfigProblems(problems)


def fitted_model_problems(
    experiment: Experiment, schema: Schema, load: Callable[[Part], Split]
) -> list[Problem]:
    """Why a model from a file does not fit the classes or the columns of the data."""
    model = experiment.model
    if not model.comes_fitted:
        return []
    return [Problem("model", text) for text in model.misfits(schema, load("train"))]


def edit_problems(
    experiment: Experiment, schema: Schema, load: Callable[[Part], Split], before: Path | None
) -> list[Problem]:
    """What edits of a fitted model name that there is not, as far as it is known by now."""
    model = experiment.model
    if not model.edits:
        return []
    where = "model" if experiment.revision is None else experiment.revision.key
    texts = model.misfits_of_edits(schema, load("train"), before)
    return [Problem(where, text) for text in texts]


def expectation_problems(
    experiment: Experiment, schema: Schema, load: Callable[[Part], Split]
) -> list[Problem]:
    """What of the declared expectations does not fit the data."""
    expectations, places = experiment.settings.behaviour, experiment.expectation_places
    if not expectations:
        return []
    rows = load("train")
    return [
        Problem(
            places[k] if k < len(places) else "behaviour",
            f"behaviour, expectation {k + 1} ({expectation.says or expectation.kind}): {fault}",
            "",
            "correct it, or remove it; docs/configuration.md shows one of each kind",
        )
        for k, expectation in enumerate(expectations)
        for fault in misfits(expectation, schema, rows)
    ]


def class_problems(experiment: Experiment, schema: Schema) -> list[Problem]:
    """Classes that are to be explained and that the data do not have."""
    named, target = experiment.settings.explain.classes, schema.target
    if named is None or isinstance(named, str):
        return []
    known = [*target.classes, *target.codes]
    return [
        Problem(
            "explain.classes",
            f"it names “{name}”, and no class is called so",
            choices(target.classes) if known else "nothing: a number is predicted",
            nearest(name, known) or "name classes of the data, or set explain.classes=all",
        )
        for name in named
        if name not in known
    ]


def capacity_problems(
    experiment: Experiment, schema: Schema, load: Callable[[Part], Split]
) -> list[Problem]:
    """Why alerts cannot be ranked in periods as declared."""
    capacity, where = experiment.settings.decision.capacity, "decision.capacity"
    if capacity is None:
        return []
    if not task_of(schema.target).decides or len(schema.target.classes) != 2:
        return [Problem(where, "no decision between two classes is made", todo="remove it")]
    moments = load("test").moments
    if moments is None:
        return [
            Problem(
                where,
                "nobody says when the rows come from",
                "a column of dates",
                "name it by dataset.time, or remove decision.capacity",
            )
        ]
    if not np.nanmax(moments, initial=0.0) > _LEAST_DATE:
        return [
            Problem(
                where,
                "the moments of the rows are numbers, of which nobody knows how many are a day",
                "a column of dates",
                "name one by dataset.time, or remove decision.capacity",
            )
        ]
    return []


def fold_problems(
    experiment: Experiment, schema: Schema, load: Callable[[Part], Split]
) -> list[Problem]:
    """Why the rows cannot be shared out among so many folds."""
    folds = experiment.settings.split.folds
    if folds is None:
        return []
    from deepseek_report.runner.execution.fold_runs import drawn_folds

    train, validation, test = (load(part) for part in PARTS)
    data = Dataset(schema, train, validation, test, {})
    whole = Split.joined([train, validation, test])
    where = "split.folds"
    if problem := _too_many_folds(whole, schema, folds):
        fault, most = problem
        return [
            Problem(
                where,
                f"it is {folds}, and {fault}",
                f"2 to {min(most, 20)}" if most > 1 else "no folds of these rows",
                f"set split.folds={min(most, 5)}" if most > 1 else "leave split.folds out",
            )
        ]
    try:
        drawn_folds(data, whole, folds, experiment.seeds.measure)
    except DataError as error:
        return [Problem(where, str(error))]
    return []


def _too_many_folds(whole: Split, schema: Schema, folds: int) -> tuple[str, int] | None:
    """Why there are too many folds, and how many there can be at most; None where they fit."""
    if whole.moments is not None:
        times = len(np.unique(whole.moments[~np.isnan(whole.moments)]))
        reason = f"the rows have {times} different times, of which the first block only trains"
        return (reason, times - 1) if folds > times - 1 else None
    if whole.entities is not None and folds > (n := len(np.unique(whole.entities))):
        return f"there are {n} sets of rows that stay together, of which each fold tests others", n
    if not task_of(schema.target).decides:
        return None
    sizes = np.bincount(whole.labels, minlength=len(schema.target.classes))
    rarest = int(sizes.argmin())
    if folds <= sizes[rarest]:
        return None
    name = schema.target.classes[rarest]
    return f"“{name}” has {sizes[rarest]} rows, so that some folds test none", int(sizes[rarest])


def case_problems(experiment: Experiment, load: Callable[[Part], Split]) -> list[Problem]:
    """Rows that are named for pages of their own, and that are not in the test part."""
    if not (named := experiment.report.cases):
        return []
    rows = {int(row) for row in load("test").instance_ids}
    return [
        Problem(
            "report.cases",
            f"it names row {row}, and {_place_of(row, load)}",
            f"the {len(rows)} rows of the test part, counted in the source from 0, such as "
            f"{', '.join(map(str, sorted(rows)[:3]))}",
            "name rows of the test part, as the case pages of a report do, or leave it empty",
        )
        for row in named
        if row not in rows
    ]


def _place_of(row: int, load: Callable[[Part], Split]) -> str:
    parts = (part for part in PARTS if row in load(part).instance_ids)
    return next((f"it is in the {part} part" for part in parts), "there is no such row")


def undeclared_thresholds(experiment: Experiment, schema: Schema) -> list[Problem]:
    """Thresholds that only the favourable class gives a meaning, where nobody declares it."""
    if not _is_undeclared(schema):
        return []
    wanted = [
        threshold.metric
        for threshold in experiment.report.thresholds
        if threshold.metric in FAVOURABLE_SCORES
    ]
    return [
        Problem(
            "report.thresholds",
            f'a threshold is declared for "{metric}", and nobody says which class is good for the '
            "person concerned",
            ", ".join(_names(schema)),
            f"add one of: {', '.join(_overrides(schema))}; or remove the threshold",
        )
        for metric in dict.fromkeys(wanted)
    ]


def not_judged(experiment: Experiment, schema: Schema) -> list[tuple[str, Text]]:
    """(artifact, reason) of each measurement that will not be made for want of a declaration."""
    if not _is_undeclared(schema) or not schema.attributes_of("person"):
        return []
    reason = message("refusals.declare_favourable", overrides=list(_overrides(schema)))
    return [
        (ArtifactId.measure(key), reason)
        for key, plugin in experiment.metrics.items()
        if plugin.needs_favourable
    ]


def _is_undeclared(schema: Schema) -> bool:
    return task_of(schema.target).decides and not schema.target.is_judged


def _names(schema: Schema) -> Iterator[str]:
    """The classes as the source writes them, and what the report calls them where that differs."""
    target = schema.target
    codes = target.codes or target.classes
    for code, name in zip(codes, target.classes, strict=True):
        yield code if code == name else f"{code} ({name})"


def _overrides(schema: Schema) -> Iterator[str]:
    target = schema.target
    for code in target.codes or target.classes:
        plain = code.isascii() and code.replace("_", "").isalnum()
        escaped = code.replace("\\", "\\\\").replace('"', '\\"')
        yield f"dataset.favourable={code}" if plain else f"'dataset.favourable=\"{escaped}\"'"
