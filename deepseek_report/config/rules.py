"""Rules that cross groups: what needs what, and what cannot be applied to this model.

A part that a person named on the command line and that cannot be applied is a problem. A part that
came from a set, or that a configuration file names, is left out instead, and the report says so
with the reason: of parts of sets in a list to unfold, of a named one where nobody overlooks it.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from deepseek_report.artifacts.ids import ArtifactId
from deepseek_report.artifacts.protocols.datasets import Nature
from deepseek_report.artifacts.protocols.models import NamesOthers, name_of
from deepseek_report.artifacts.schema import PARTS, PEOPLE, AttributeKind
from deepseek_report.config import thresholds
from deepseek_report.config.catalogue import groups
from deepseek_report.config.compose import Composed
from deepseek_report.config.devices import has_device
from deepseek_report.config.experiment import Experiment, Refusal
from deepseek_report.config.problems import Problem, choices, nearest
from deepseek_report.config.where import locate
from deepseek_report.data_kinds import KINDS
from deepseek_report.tasks import TASKS
from deepseek_report.wording.words import languages

_ARTIFACT = {"explainers": "explanations", "metrics": "measures", "visualizations": "pictures"}


def apply(experiment: Experiment, composed: Composed) -> tuple[Experiment, list[Problem]]:
    """The experiment without what cannot be applied, and the problems found."""
    named = frozenset(_named_parts(experiment, composed))
    problems = [
        *_paths(experiment, composed),
        *_device(experiment, composed),
        *_language(experiment, composed),
        *_dataset_problems(experiment, composed),
        *_model_problems(experiment, composed),
        *_unfit_model(experiment, composed),
        *_named_cases(experiment, composed),
    ]
    experiment, refused = _without_private(experiment)
    multiple = {group: dict(plugins) for group, plugins in experiment.multiple.items()}
    for group in ("explainers", "metrics"):
        for key, reason in _refused(experiment, group):
            if composed.origin(group, key) == "command line":
                todo = f"leave {key} out, or choose another model or dataset"
                found = reason if key in reason else f"{key}: {reason}"
                problems.append(Problem(_named(composed, group), found, todo=todo))
            else:
                refused.append(Refusal(ArtifactId.of(_ARTIFACT[group], key), reason))
            del multiple[group][key]
    places = thresholds.places(composed)
    kept = dataclasses.replace(experiment, multiple=multiple, threshold_places=places)
    for group in ("visualizations", "sections"):
        problems.extend(_unmet_needs(kept, composed, group, refused))
    undrawable = list(_undrawable(kept, refused))
    refused.extend(undrawable)
    for one in undrawable:
        del multiple["visualizations"][ArtifactId(one.artifact).name]
    problems.extend(_homeless(kept, composed))
    problems.extend(thresholds.measured(kept, composed, refused))
    problems.extend(_decision(kept, composed))
    return dataclasses.replace(
        kept, multiple=multiple, refused=tuple(refused), named=named
    ), problems


def _named_parts(experiment: Experiment, composed: Composed) -> Iterator[str]:
    """Ids of the parts that a person named, whether they can be applied or not."""
    for group, kind in _ARTIFACT.items():
        for key in experiment.multiple[group]:
            if composed.origin(group, key) != "set":
                yield f"{kind}/{key}"


def _without_private(experiment: Experiment) -> tuple[Experiment, list[Refusal]]:
    """Without the parts that show more of single persons than `report.privacy` allows.

    They are refused even where they were named: what a run folder holds must not hang on a list.
    """
    refused: list[Refusal] = []
    multiple = {group: dict(plugins) for group, plugins in experiment.multiple.items()}
    for group, kind in _ARTIFACT.items():
        for key, plugin in experiment.multiple[group].items():
            if reason := experiment.privacy.refuses(plugin):
                refused.append(Refusal(f"{kind}/{key}", reason))
                del multiple[group][key]
    return dataclasses.replace(experiment, multiple=multiple), refused


def _named_cases(experiment: Experiment, composed: Composed) -> Iterator[Problem]:
    """Cases that are named for pages which the level of privacy does not allow."""
    if experiment.privacy.level == "aggregate" and experiment.privacy.named:
        found = "report.cases names cases, and report.privacy is aggregate, which shows none"
        todo = "set report.privacy=cases, or leave report.cases empty"
        yield Problem(locate(composed, ("report", "cases")), found, todo=todo)


def _named(composed: Composed, group: str) -> str:
    texts = [text for text in composed.overrides if text.startswith(f"{group}=")]
    return f"command line, {texts[-1]}" if texts else locate(composed, (group,))


def _paths(experiment: Experiment, composed: Composed) -> Iterator[Problem]:
    """Folders that cannot be written, which a run would notice only after its work."""
    for name, text in dataclasses.asdict(experiment.settings.paths).items():
        path = Path(text).absolute()
        there = next(one for one in (path, *path.parents) if one.exists())
        where, todo = locate(composed, ("paths", name)), f"set paths.{name}=… to another folder"
        if not there.is_dir():
            yield Problem(where, f"{there} is a file", "a folder", todo)
        elif not os.access(there, os.W_OK | os.X_OK):
            yield Problem(where, f"{there} cannot be written", "a folder of your own", todo)


def _device(experiment: Experiment, composed: Composed) -> Iterator[Problem]:
    """A device that was asked for and is not there, which a run would notice in its training."""
    device = experiment.settings.device
    if device == "auto" or has_device(device):
        return
    there = ["auto", *(kind for kind in ("cpu", "cuda", "mps") if has_device(kind))]
    found = f"torch finds no {device} device on this machine"
    todo = "device=auto takes a GPU where there is one; `deepseek-report doctor` says what is there"
    yield Problem(locate(composed, ("device",)), found, choices(there), todo)


def _language(experiment: Experiment, composed: Composed) -> Iterator[Problem]:
    """A report is written in a language that has a catalogue, or not at all."""
    language, there = experiment.single["report"].language, languages()
    if language not in there:
        found = f'there are no texts in the language "{language}"'
        where = locate(composed, ("report", "language"))
        todo = nearest(language, there) or f"set report.language={there[0]}"
        yield Problem(where, found, choices(there), todo)


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


#: Kinds of data and of targets as a sentence names them.
_NATURES: dict[str, str] = {
    **{name: kind.words.plural for name, kind in KINDS.items()},
    **{str(task.name): task.noun for task in TASKS.values()},
}


def nature_of(experiment: Experiment) -> Nature:
    """What the chosen data are; a table with classes where the plug-in does not say."""
    found: Nature = getattr(experiment.single["dataset"], "nature", Nature())
    return found


def _unfit(plugin: Any, nature: Nature) -> str | None:
    """Why a part cannot do with such data or such a target: "reads tables, not texts"."""
    readable = getattr(plugin, "modalities", {nature.modality})
    tasks = getattr(plugin, "tasks", {nature.task})
    if nature.modality not in readable:
        return f"takes {_either(readable)}, and these data are {_NATURES[nature.modality]}"
    if nature.task not in tasks:
        here = TASKS[nature.task].predicted
        return f"is made for {_either(tasks)}, and here {here} predicted"
    if getattr(plugin, "needs_truth", False) and not nature.truth:
        return "needs data in which the cause of the label is known (a mask, say); here it is not"
    if getattr(plugin, "needs_two_classes", False) and (nature.classes or 2) != 2:
        return f"needs a decision between two classes, and here there are {nature.classes}"
    return _without_groups(plugin, nature)


#: What a part compares, by the kinds of attributes that it can do with.
_COMPARED: dict[frozenset[AttributeKind], str] = {
    PEOPLE: "groups of people",
    PARTS: "parts other than groups of people",
    PEOPLE | PARTS: "groups of people or other parts",
}


def _without_groups(plugin: Any, nature: Nature) -> str | None:
    """Why there is nothing to compare; only reading tells where the data do not say it before."""
    needed: frozenset[AttributeKind] = getattr(plugin, "needs_groups", frozenset())
    if not needed or nature.groups is None or needed & nature.groups:
        return None
    what = _COMPARED[needed if nature.groups else PEOPLE | PARTS]
    return f"needs {what} to compare, and these data name none"


def _misfit(plugin: Any, nature: Nature) -> str | None:
    """The same for a part that is left out; it names no part, so that a family shares it."""
    if nature.modality not in getattr(plugin, "modalities", {nature.modality}):
        return f"made for other kinds of data than {_NATURES[nature.modality]}"
    return (_unfit(plugin, nature) or "").removeprefix("is ") or None


def _either(kinds: Iterable[str]) -> str:
    return " or ".join(words for kind, words in _NATURES.items() if kind in set(kinds))


def _unfit_model(experiment: Experiment, composed: Composed) -> Iterator[Problem]:
    model = experiment.single["model"]
    if reason := _unfit(model, nature_of(experiment)):
        found = f"{name_of(model)} {reason}"
        yield Problem(locate(composed, ("model",)), found, todo="choose another model or dataset")
    elif problem := _other_tokens(experiment, composed):
        yield problem


def _other_tokens(experiment: Experiment, composed: Composed) -> Problem | None:
    """A checkpoint knows its own tokens alone; the texts must be cut into them."""
    checkpoint = getattr(experiment.single["model"], "reads_tokens_of", None)
    dataset = experiment.single["dataset"]
    cut_by = getattr(dataset, "tokenizer", checkpoint)
    if checkpoint is None or cut_by == checkpoint:
        return None
    found = f'the texts are cut into "{cut_by}", and the checkpoint reads its own tokens alone'
    todo = "set dataset.tokenizer=${model.checkpoint} (in quotes on the command line)"
    return Problem(locate(composed, ("dataset", "tokenizer")), found, todo=todo)


def _refused(experiment: Experiment, group: str) -> Iterator[tuple[str, str]]:
    model, nature = experiment.single["model"], nature_of(experiment)
    for key, plugin in experiment.multiple[group].items():
        reason = plugin.refuses(model, nature) if group == "explainers" else None
        reason = reason or _misfit(plugin, nature) or _unable(plugin, model)
        if getattr(plugin, "volatile", False) and not experiment.settings.measure_time:
            reason = f"{key} measures time or memory, and measure_time is false"
        if reason:
            yield key, reason
        elif (
            group == "metrics" and plugin.scope != "model" and not experiment.multiple["explainers"]
        ):
            yield key, f"{key} judges explanations, and no explainer is chosen"


#: What a capability is to a person, where its name does not say it.
_HANDED_OUT = {
    "module": "the layers, weights and training epochs of a torch module",
    "trees": "decision trees",
    "routing": "weights of attention heads that a router chooses for each case",
    "intrinsic": "an account of its own output",
    "shape_functions": "one function a feature",
    "prototypes": "the cases that it compares with",
}


def _unable(plugin: Any, model: Any) -> str | None:
    """Why the model lacks what a part requires of it, or None; names no part, like `_misfit`."""
    lacking = sorted(set(getattr(plugin, "requires", ())) - set(model.capabilities))
    if not lacking:
        return None
    what = " and ".join(_HANDED_OUT.get(one, one) for one in lacking)
    return f"needs a model that hands out {what}; {name_of(model)} has none"


def _needs(plugin: Any) -> Iterable[str]:
    return sorted(getattr(plugin, "needs", ()))


def _lacking(experiment: Experiment, plugin: Any) -> list[ArtifactId]:
    metrics, explainers = experiment.multiple["metrics"], experiment.multiple["explainers"]
    lacking = []
    for need in map(ArtifactId, _needs(plugin)):
        name = need.rest
        if (need.kind == "measures" and name not in metrics) or (
            need.kind == "explanations" and (name not in explainers if name else not explainers)
        ):
            lacking.append(need)
    return lacking


def _unmet_needs(
    experiment: Experiment, composed: Composed, group: str, refused: list[Refusal]
) -> Iterator[Problem]:
    reasons = {one.artifact: one.reason for one in refused}
    for key, plugin in experiment.multiple[group].items():
        if composed.origin(group, key) != "command line":
            continue
        for need in _lacking(experiment, plugin):
            if need.kind == "measures" and need not in reasons:
                found = f'{group.removesuffix("s")} "{key}" needs metric "{need.rest}"'
                todo = f"add {need.rest} to metrics=[…]"
                yield Problem(_named(composed, group), found, todo=todo)


def _undrawable(experiment: Experiment, refused: list[Refusal]) -> Iterator[Refusal]:
    reasons = {one.artifact: one.reason for one in refused}
    model = experiment.single["model"]
    for key, plugin in experiment.multiple["visualizations"].items():
        if unfit := _misfit(plugin, nature_of(experiment)):
            yield Refusal(ArtifactId.picture(key), unfit)
        elif unable := _unable(plugin, model):
            yield Refusal(ArtifactId.picture(key), unable)
        elif lacking := _lacking(experiment, plugin):
            why = [reasons.get(need, f"{need} was not asked for") for need in lacking]
            yield Refusal(ArtifactId.picture(key), "; ".join(dict.fromkeys(why)))


def _homeless(experiment: Experiment, composed: Composed) -> Iterator[Problem]:
    """Pictures that no section would ever show."""
    known = {*groups(composed.roots)["sections"], *experiment.multiple["sections"]}
    for key, plugin in experiment.multiple["visualizations"].items():
        section = getattr(plugin, "section", None)
        if section in known:
            continue
        found = f'picture "{key}" belongs to the section "{section}", which does not exist'
        if section is None:
            found = f'picture "{key}" does not say which section shows it'
        todo = (
            nearest(str(section), known)
            or f'write section: ClassVar[str] = "…" in {type(plugin).__name__}'
        )
        yield Problem(_named(composed, "visualizations"), found, choices(known), todo)


def _decision(experiment: Experiment, composed: Composed) -> Iterator[Problem]:
    rule = experiment.settings.decision
    if rule.rule == "declared" and rule.threshold is None:
        where = locate(composed, ("decision", "rule"))
        yield Problem(where, "no threshold is declared", todo="set decision.threshold=0.3, say")
    if rule.rule != "declared" and rule.threshold is not None:
        where = locate(composed, ("decision", "threshold"))
        todo = "set decision.rule=declared, or remove the threshold"
        yield Problem(where, f'rule "{rule.rule}" chooses the threshold itself', todo=todo)
