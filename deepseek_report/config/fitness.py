"""Whether a part can handle the data, the target and the model, by what its class declares."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from deepseek_report.artifacts.message import Message, message
from deepseek_report.artifacts.protocols.datasets import DataTraits, TellsNature
from deepseek_report.artifacts.protocols.models import name_of
from deepseek_report.artifacts.protocols.traits import Part, traits_of
from deepseek_report.artifacts.schema import PARTS, PEOPLE, AttributeKind
from deepseek_report.config.experiment import Experiment
from deepseek_report.data_kinds import KINDS
from deepseek_report.tasks import TASKS


def nature_of(experiment: Experiment) -> DataTraits:
    """What the chosen data are; a table with classes where the plug-in does not say."""
    dataset = experiment.single["dataset"]
    return dataset.nature if isinstance(dataset, TellsNature) else DataTraits()


def unfit_reason(plugin: Any, nature: DataTraits) -> Message | None:
    """Why a part cannot handle such data or such a target: "reads tables, not texts"."""
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


#: What a part compares, by the kinds of attributes that it accepts.
_COMPARED: dict[frozenset[AttributeKind], str] = {
    PEOPLE: "people",
    PARTS: "parts",
    PEOPLE | PARTS: "either",
}


def _without_groups(needed: frozenset[AttributeKind], nature: DataTraits) -> Message | None:
    """Why there is nothing to compare, as far as that is known before the data are read."""
    if not needed or nature.groups is None or needed & nature.groups:
        return None
    what = _COMPARED[needed if nature.groups else PEOPLE | PARTS]
    return message(f"refusals.nothing_to_compare.{what}")


def misfit(plugin: Any, nature: DataTraits) -> Message | None:
    """Why a part is left out; the reason does not name it, so that many parts can share one."""
    if not _reads(traits_of(plugin, Part), nature):
        return message("refusals.other_data", kind=_of(nature))
    return unfit_reason(plugin, nature)


def inability(plugin: Any, model: Any) -> Message | None:
    """What a part requires and the model does not offer, or None; names no part, like `misfit`."""
    lacking = sorted(set(traits_of(plugin, Part).requires) - set(model.capabilities))
    if not lacking:
        return None
    return message(
        "refusals.lacks_capability",
        what=[message(f"capabilities.{capability}") for capability in lacking],
        model=name_of(model),
    )
