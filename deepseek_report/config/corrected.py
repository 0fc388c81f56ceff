"""What `corrections` makes of an experiment, and what is wrong with its entries by themselves."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

from deepseek_report.artifacts.corrections import Correction, CorrectionItem, items_of
from deepseek_report.artifacts.protocols.models import (
    BringsTrainer,
    KeepsDirections,
    NamesOthers,
    TrainsCorrected,
    name_of,
)
from deepseek_report.config.composed import Composed, locate
from deepseek_report.config.experiment import Experiment
from deepseek_report.config.problems import Problem
from deepseek_report.errors import ConfigError

_ABOUT = (
    "one of must_not_matter: [NAME], must_rise_with: NAME, must_fall_with: NAME, region: FILE, "
    "relabel: FILE, marks: FILE, rule: NUMBER with remove: true or weight, add: TEXT"
)


def correction_problems(experiment: Experiment, composed: Composed) -> Iterator[Problem]:
    """What is wrong with the entries of `corrections` by themselves, and with their files."""
    entries = experiment.settings.corrections
    for place, entry in enumerate(entries):
        yield from _of_entry(entry, _where(composed, str(place)), place)
    if entries and not experiment.can_refit:
        yield Problem(
            _where(composed),
            "the model came fitted, and nothing says how it is trained again",
            "a model that is trained here; in Python an estimator with `fit`, or refit=(X, y) -> a "
            "fitted model, both with X_train and y_train",
            "give such a model, or leave corrections out",
        )


def _where(composed: Composed, *path: str) -> str:
    """Where an entry was written; its key alone where it was given in Python."""
    place = ("corrections", *path)
    return locate(composed, place) if composed.is_written("corrections") else "corrections"


def _of_entry(entry: Correction, where: str, place: int) -> Iterator[Problem]:
    if fault := entry.fault:
        by = entry.by is not None and not entry.by.strip()
        allowed = "a name, a role or a team" if by else _ABOUT
        todo = 'say who decided it: by: "Credit risk"' if by else "write one entry for each thing"
        yield Problem(where, f"corrections, entry {place + 1}: {fault}", allowed, todo)
    elif entry.file:
        try:
            items_of([entry])
        except ConfigError as error:
            fault, *more = str(error).split("\n    ")
            parts = dict(line.partition(": ")[::2] for line in more)
            yield Problem(where, fault, parts.get("allowed", ""), parts.get("what to do", ""))


def with_corrections(experiment: Experiment) -> tuple[Experiment, list[Problem]]:
    """The experiment that corrects, with itself as it was before; and what its model cannot do."""
    if not experiment.settings.corrections:
        return experiment, []
    items = tuple(items_of(experiment.settings.corrections))
    model = experiment.single["model"]
    problems: list[Problem] = []
    fields = {field.name for field in dataclasses.fields(model)}
    if edits := [_edit(item) for item in items if item.kind == "rule"]:
        if "edits" in fields:
            model = dataclasses.replace(model, edits=(*model.edits, *edits))
            wrong = model.problems(experiment.trusted) if isinstance(model, NamesOthers) else ()
            problems.extend(Problem("corrections", text) for text in wrong)
        else:
            fault = f"corrections name a rule, and {name_of(model)} has no rules"
            todo = "choose model=rules, or correct what the model reads: must_not_matter"
            problems.append(Problem("corrections", fault, "model=rules", todo))
    directions = {
        str(item.names[0]): item.kind for item in items if item.kind in {"rises", "falls"}
    }
    if directions and isinstance(model, KeepsDirections):
        model = model.keeping(directions)
    plain = dataclasses.replace(experiment.settings, corrections=())
    before = dataclasses.replace(experiment, settings=plain)
    single = {**experiment.single, "model": model}
    return dataclasses.replace(
        experiment, single=single, corrections=items, before=before
    ), problems


def _edit(item: CorrectionItem) -> dict[str, Any]:
    """The edit of a rule, as `model.edits` takes it."""
    about: dict[str, Any] = {"add": item.text} if item.rule is None else {"rule": item.rule}
    if item.remove:
        return {**about, "remove": True}
    return about if item.weight is None else {**about, "weight": item.weight}


def trains_by_gradients(experiment: Experiment) -> bool:
    """Whether the model is trained by the configured trainer, and that can be given penalties."""
    model = experiment.single["model"]
    own = model.own_trainer() if isinstance(model, BringsTrainer) else None
    return own is None and isinstance(experiment.single["trainer"], TrainsCorrected)
