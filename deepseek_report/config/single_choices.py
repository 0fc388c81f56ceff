"""Problems of what there is one of in a run: paths, device, language, data set, model, cases."""

from __future__ import annotations

import dataclasses
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from deepseek_report.artifacts.protocols.datasets import CutsIntoTokens
from deepseek_report.artifacts.protocols.models import NamesOthers, ReadsTokens, name_of
from deepseek_report.config.composed import Composed
from deepseek_report.config.devices import has_device
from deepseek_report.config.experiment import Experiment
from deepseek_report.config.fitness import nature_of, unfit_reason
from deepseek_report.config.problems import Problem, choices, nearest
from deepseek_report.config.where import locate
from deepseek_report.wording.words import languages, wording


def problems(experiment: Experiment, composed: Composed) -> Iterator[Problem]:
    """What is wrong with what is chosen once, whatever parts are chosen beside it."""
    for rule in (
        _paths,
        _device,
        _language,
        _dataset_problems,
        _model_problems,
        _unfit_model,
        _named_cases,
        _decision,
        _folds,
    ):
        yield from rule(experiment, composed)


def _named_cases(experiment: Experiment, composed: Composed) -> Iterator[Problem]:
    """Cases that are named for pages which the level of privacy does not allow."""
    if experiment.privacy.level == "aggregate" and experiment.privacy.named:
        yield Problem(
            locate(composed, ("report", "cases")),
            "report.cases names cases, and report.privacy is aggregate, which shows none",
            todo="set report.privacy=cases, or leave report.cases empty",
        )


def _rights(name: str, *, is_there: bool) -> int:
    """What must be allowed: a store that is there may be complete, and is then only read."""
    return os.R_OK | os.X_OK if name == "store" and is_there else os.W_OK | os.X_OK


def _may_use(folder: Path, rights: int) -> bool:
    """Whether the system grants these rights; that to write is tried, which leaves no trace.

    Of a folder of the kernel, of a full disk or of one that is mounted to be read alone, the rights
    do not tell.
    """
    if not os.access(folder, rights):
        return False
    if not rights & os.W_OK:
        return True
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _paths(experiment: Experiment, composed: Composed) -> Iterator[Problem]:
    """Folders that cannot be written, which a run would notice only after its work."""
    for name, text in dataclasses.asdict(experiment.settings.paths).items():
        path = Path(text).absolute()
        existing = next(place for place in (path, *path.parents) if place.exists())
        where, todo = locate(composed, ("paths", name)), f"set paths.{name}=… to another folder"
        if not existing.is_dir():
            yield Problem(where, f"{existing} is a file", "a folder", todo)
        elif not _may_use(existing, _rights(name, is_there=path == existing)):
            yield Problem(where, f"{existing} cannot be written", "a folder of your own", todo)


def _device(experiment: Experiment, composed: Composed) -> Iterator[Problem]:
    """A device that was asked for and is not there, which a run would notice in its training."""
    device = experiment.settings.device
    if device == "auto" or has_device(device):
        return
    devices = ["auto", *(kind for kind in ("cpu", "cuda", "mps") if has_device(kind))]
    yield Problem(
        locate(composed, ("device",)),
        f"torch finds no {device} device on this machine",
        choices(devices),
        "device=auto takes a GPU where there is one; `deepseek-report doctor` says what is there",
    )


def _language(experiment: Experiment, composed: Composed) -> Iterator[Problem]:
    """A report is written in a language that has a catalogue, or not at all."""
    language, known = experiment.single["report"].language, languages()
    if language not in known:
        where = locate(composed, ("report", "language"))
        todo = nearest(language, known) or f"set report.language={known[0]}"
        yield Problem(
            where, f'there are no texts in the language "{language}"', choices(known), todo
        )


def _dataset_problems(experiment: Experiment, composed: Composed) -> Iterator[Problem]:
    where = locate(composed, ("dataset",))
    for text in experiment.single["dataset"].problems():
        yield Problem(where, text)


def _model_problems(experiment: Experiment, composed: Composed) -> Iterator[Problem]:
    model = experiment.single["model"]
    if isinstance(model, NamesOthers):
        where = locate(composed, ("model",))
        for text in model.problems(experiment.trusted):
            yield Problem(where, text)


def _unfit_model(experiment: Experiment, composed: Composed) -> Iterator[Problem]:
    model = experiment.single["model"]
    if reason := unfit_reason(model, nature_of(experiment)):
        yield Problem(
            locate(composed, ("model",)),
            f"{name_of(model)}: {wording().say(reason)}",
            todo="choose another model or dataset",
        )
    elif problem := _other_tokens(experiment, composed):
        yield problem


def _other_tokens(experiment: Experiment, composed: Composed) -> Problem | None:
    """A checkpoint knows its own tokens alone; the texts must be cut into them."""
    model, dataset = experiment.single["model"], experiment.single["dataset"]
    checkpoint = model.reads_tokens_of if isinstance(model, ReadsTokens) else None
    cut_by = dataset.tokenizer if isinstance(dataset, CutsIntoTokens) else checkpoint
    if checkpoint is None or cut_by == checkpoint:
        return None
    return Problem(
        locate(composed, ("dataset", "tokenizer")),
        f'the texts are cut into "{cut_by}", and the checkpoint reads its own tokens alone',
        todo="set dataset.tokenizer=${model.checkpoint} (in quotes on the command line)",
    )


def _folds(experiment: Experiment, composed: Composed) -> Iterator[Problem]:
    """Folds of a model that nobody can train again."""
    if experiment.settings.split.folds is not None and not experiment.can_refit:
        yield Problem(
            locate(composed, ("split", "folds")),
            "each fold trains the model again, and nothing says how this one is trained",
            "a model that is trained here; in Python an estimator with `fit`, or refit=(X, y) -> "
            "a fitted model, both with X_train and y_train",
            "give such a model, or leave split.folds out",
        )


def _decision(experiment: Experiment, composed: Composed) -> Iterator[Problem]:
    rule = experiment.settings.decision
    if rule.rule == "declared" and rule.threshold is None:
        where = locate(composed, ("decision", "rule"))
        yield Problem(where, "no threshold is declared", todo="set decision.threshold=0.3, say")
    if rule.rule == "costs" and rule.costs is None:
        where = locate(composed, ("decision", "rule"))
        todo = "set decision.costs={false_alarm: 1, missed: 5}, say (in quotes on the command line)"
        yield Problem(where, "no costs are declared", todo=todo)
    if rule.threshold_rule.name != "declared" and rule.threshold is not None:
        where = locate(composed, ("decision", "threshold"))
        yield Problem(
            where,
            f'rule "{rule.threshold_rule.name}" chooses the threshold itself',
            todo="set decision.rule=declared, or remove the threshold",
        )
