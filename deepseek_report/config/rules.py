"""Rules that cross groups: what needs what, and what cannot be applied to this model.

A part that a person named on the command line and that cannot be applied is a problem. A part that
came from a set, or that a configuration file names, is left out instead, and the report says so
with the reason: of parts of sets in a list to unfold, of a named one where nobody overlooks it.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

from deepseek_report.artifacts.ids import ArtifactId
from deepseek_report.artifacts.message import (
    Message,
    Text,
    all_reasons,
    message,
)
from deepseek_report.artifacts.protocols.datasets import CutsIntoTokens, DataTraits, TellsNature
from deepseek_report.artifacts.protocols.given import GivenInPython
from deepseek_report.artifacts.protocols.models import (
    NamesOthers,
    OnlyAnswered,
    ReadsTokens,
    name_of,
)
from deepseek_report.artifacts.protocols.traits import (
    MetricPart,
    Part,
    PicturePart,
    traits_of,
)
from deepseek_report.artifacts.schema import PARTS, PEOPLE, AttributeKind
from deepseek_report.config import threshold_checks
from deepseek_report.config.catalogue import groups
from deepseek_report.config.composed import Composed
from deepseek_report.config.devices import has_device
from deepseek_report.config.experiment import Experiment, Refusal
from deepseek_report.config.problems import Problem, choices, nearest
from deepseek_report.config.where import locate
from deepseek_report.data_kinds import KINDS
from deepseek_report.tasks import TASKS
from deepseek_report.wording.words import languages, wording

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
                told = wording().say(reason)
                found = told if key in told else f"{key}: {told}"
                problems.append(Problem(_named(composed, group), found, todo=todo))
            else:
                refused.append(Refusal(ArtifactId.of(_ARTIFACT[group], key), reason))
            del multiple[group][key]
    places = threshold_checks.places(composed)
    kept = dataclasses.replace(experiment, multiple=multiple, threshold_places=places)
    for group in ("visualizations", "sections"):
        problems.extend(_unmet_needs(kept, composed, group, refused))
    undrawable = list(_undrawable(kept, refused))
    refused.extend(undrawable)
    for one in undrawable:
        del multiple["visualizations"][ArtifactId(one.artifact).name]
    problems.extend(_homeless(kept, composed))
    problems.extend(threshold_checks.measured(kept, composed, refused))
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


def nature_of(experiment: Experiment) -> DataTraits:
    """What the chosen data are; a table with classes where the plug-in does not say."""
    dataset = experiment.single["dataset"]
    return dataset.nature if isinstance(dataset, TellsNature) else DataTraits()


def _unfit(plugin: Any, nature: DataTraits) -> Message | None:
    """Why a part cannot do with such data or such a target: "reads tables, not texts"."""
    traits = traits_of(plugin, Part)
    if not _reads(traits, nature):
        kinds = _named_kinds(traits.modalities or ())
        return message("refusals.takes", kinds=kinds, kind=_of(nature))
    if nature.task not in traits.tasks:
        made_for = [message(f"predicted.{task}") for task in TASKS if task in traits.tasks]
        return message(f"refusals.made_for.{nature.task}", tasks=made_for)
    if traits.needs_truth and not nature.truth:
        return message("refusals.no_truth")
    if traits.needs_two_classes and (nature.classes or 2) != 2:
        return message("refusals.two_classes", n=nature.classes)
    return _without_groups(traits.needs_groups, nature)


def _reads(traits: Part, nature: DataTraits) -> bool:
    return traits.modalities is None or nature.modality in traits.modalities


def _of(nature: DataTraits) -> Message:
    """What the data are: "texts"."""
    return message(f"kinds_of_data.{nature.modality}")


def _named_kinds(chosen: Collection[str]) -> list[Message]:
    return [message(f"kinds_of_data.{kind}") for kind in KINDS if kind in chosen]


#: What a part compares, by the kinds of attributes that it can do with.
_COMPARED: dict[frozenset[AttributeKind], str] = {
    PEOPLE: "people",
    PARTS: "parts",
    PEOPLE | PARTS: "either",
}


def _without_groups(needed: frozenset[AttributeKind], nature: DataTraits) -> Message | None:
    """Why there is nothing to compare; only reading tells where the data do not say it before."""
    if not needed or nature.groups is None or needed & nature.groups:
        return None
    what = _COMPARED[needed if nature.groups else PEOPLE | PARTS]
    return message(f"refusals.nothing_to_compare.{what}")


def _misfit(plugin: Any, nature: DataTraits) -> Message | None:
    """The same for a part that is left out; it names no part, so that a family shares it."""
    if not _reads(traits_of(plugin, Part), nature):
        return message("refusals.other_data", kind=_of(nature))
    return _unfit(plugin, nature)


def _unfit_model(experiment: Experiment, composed: Composed) -> Iterator[Problem]:
    model = experiment.single["model"]
    if reason := _unfit(model, nature_of(experiment)):
        found = f"{name_of(model)}: {wording().say(reason)}"
        yield Problem(locate(composed, ("model",)), found, todo="choose another model or dataset")
    elif problem := _other_tokens(experiment, composed):
        yield problem


def _other_tokens(experiment: Experiment, composed: Composed) -> Problem | None:
    """A checkpoint knows its own tokens alone; the texts must be cut into them."""
    model, dataset = experiment.single["model"], experiment.single["dataset"]
    checkpoint = model.reads_tokens_of if isinstance(model, ReadsTokens) else None
    cut_by = dataset.tokenizer if isinstance(dataset, CutsIntoTokens) else checkpoint
    if checkpoint is None or cut_by == checkpoint:
        return None
    found = f'the texts are cut into "{cut_by}", and the checkpoint reads its own tokens alone'
    todo = "set dataset.tokenizer=${model.checkpoint} (in quotes on the command line)"
    return Problem(locate(composed, ("dataset", "tokenizer")), found, todo=todo)


def _refused(experiment: Experiment, group: str) -> Iterator[tuple[str, Text]]:
    model, nature = experiment.single["model"], nature_of(experiment)
    for key, plugin in experiment.multiple[group].items():
        reason: Text | None = plugin.refuses(model, nature) if group == "explainers" else None
        reason = reason or _misfit(plugin, nature) or _unable(plugin, model)
        reason = reason or _cannot_ask(plugin, model, group)
        if traits_of(plugin, Part).volatile and not experiment.settings.measure_time:
            reason = message("refusals.untimed")
        if reason:
            yield key, reason
        elif group == "metrics" and _judges_nothing(plugin, experiment):
            yield key, message("refusals.no_explainer", name=key)


def _judges_nothing(metric: Any, experiment: Experiment) -> bool:
    """Whether a metric of explanations has none to judge."""
    of_model = traits_of(metric, MetricPart).scope == "model"
    return not of_model and not experiment.multiple["explainers"]


def _cannot_ask(plugin: Any, model: Any, group: str) -> Text | None:
    """Why a part that asks the model about rows has none to ask, or None."""
    if not isinstance(model, OnlyAnswered) or isinstance(plugin, GivenInPython):
        return None
    asks = group == "explainers" or "classifier" in plugin.reads
    return model.unasked if asks else None


def _unable(plugin: Any, model: Any) -> Message | None:
    """Why the model lacks what a part requires of it, or None; names no part, like `_misfit`."""
    lacking = sorted(set(traits_of(plugin, Part).requires) - set(model.capabilities))
    if not lacking:
        return None
    what = [message(f"capabilities.{capability}") for capability in lacking]
    return message("refusals.lacks_capability", what=what, model=name_of(model))


def _needs(plugin: Any) -> Iterable[str]:
    return sorted(traits_of(plugin, PicturePart).needs)


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
            why = [reasons.get(need, message("refusals.unmeasured", name=need)) for need in lacking]
            yield Refusal(ArtifactId.picture(key), all_reasons(why))


def _homeless(experiment: Experiment, composed: Composed) -> Iterator[Problem]:
    """Pictures that no section would ever show."""
    known = {*groups(composed.roots)["sections"], *experiment.multiple["sections"]}
    for key, plugin in experiment.multiple["visualizations"].items():
        section = traits_of(plugin, PicturePart).section
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
