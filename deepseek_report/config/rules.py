"""Rules that cross groups: what needs what, and what cannot be applied to this model.

A part that a person named on the command line and that cannot be applied is a problem. A part that
came from a set, or that a configuration file names, is left out, and the report gives the reason:
for parts of sets in a list that unfolds, for a named part where nobody overlooks it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

from deepseek_report.artifacts.ids import ArtifactId
from deepseek_report.artifacts.message import SKIPPED, Text, all_reasons, message
from deepseek_report.artifacts.protocols.given import GivenInPython
from deepseek_report.artifacts.protocols.models import OnlyAnswered
from deepseek_report.artifacts.protocols.traits import MetricPart, Part, PicturePart, traits_of
from deepseek_report.config import single_choices, threshold_checks
from deepseek_report.config.catalogue import groups
from deepseek_report.config.composed import Composed
from deepseek_report.config.experiment import Experiment, Refusal
from deepseek_report.config.fitness import inability, misfit, nature_of
from deepseek_report.config.problems import Problem, choices, nearest
from deepseek_report.config.where import locate
from deepseek_report.wording.words import wording

_ARTIFACT = {"explainers": "explanations", "metrics": "measures", "visualizations": "pictures"}


def apply(experiment: Experiment, composed: Composed) -> tuple[Experiment, list[Problem]]:
    """The experiment without what cannot be applied, and the problems found."""
    named = frozenset(_named_parts(experiment, composed))
    skipped = list(_skipped(composed))
    problems = list(single_choices.problems(experiment, composed))
    experiment, refused = _without_private(experiment)
    refused += [
        Refusal(ArtifactId.explanation(key), reason) for key, reason in composed.left_out.items()
    ]
    refused += skipped
    multiple = {group: dict(plugins) for group, plugins in experiment.multiple.items()}
    for group in ("explainers", "metrics"):
        for key, reason in _refused(experiment, group):
            if composed.origin(group, key) == "command line":
                sentence = wording().say(reason)
                fault = sentence if key in sentence else f"{key}: {sentence}"
                problems.append(
                    Problem(
                        _named(composed, group),
                        fault,
                        todo=f"leave {key} out, or choose another model or dataset",
                    )
                )
            else:
                refused.append(Refusal(ArtifactId.of(_ARTIFACT[group], key), reason))
            del multiple[group][key]
    places = threshold_checks.places(composed)
    kept = dataclasses.replace(
        experiment,
        multiple=multiple,
        threshold_places=places,
        expectation_places=tuple(
            locate(composed, ("behaviour", str(place)))
            for place in range(len(experiment.settings.behaviour))
        ),
    )
    for group in ("visualizations", "sections"):
        problems.extend(_unmet_needs(kept, composed, group, refused))
    undrawable = list(_undrawable(kept, refused))
    refused.extend(undrawable)
    for refusal in undrawable:
        del multiple["visualizations"][ArtifactId(refusal.artifact).name]
    problems.extend(_homeless(kept, composed))
    problems.extend(threshold_checks.measured(kept, composed, refused))
    return dataclasses.replace(
        kept, multiple=multiple, refused=tuple(refused), named=named
    ), problems


def _named_parts(experiment: Experiment, composed: Composed) -> Iterator[str]:
    """Ids of the parts that a person named, whether they can be applied or not."""
    for group, kind in _ARTIFACT.items():
        skipped = composed.skipped.get(group, {})
        chosen = {key: composed.origin(group, key) for key in experiment.multiple[group]}
        for key, origin in {**skipped, **chosen}.items():
            if origin not in {"set", "recommended"}:
                yield f"{kind}/{key}"


def _skipped(composed: Composed) -> Iterator[Refusal]:
    """What the study chooses and a report such as the quick one leaves out."""
    for group, parts in composed.skipped.items():
        for key in parts:
            yield Refusal(ArtifactId.of(_ARTIFACT.get(group, group), key), SKIPPED)


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


def _named(composed: Composed, group: str) -> str:
    texts = [text for text in composed.overrides if text.startswith(f"{group}=")]
    return f"command line, {texts[-1]}" if texts else locate(composed, (group,))


def _refused(experiment: Experiment, group: str) -> Iterator[tuple[str, Text]]:
    model, nature = experiment.single["model"], nature_of(experiment)
    for key, plugin in experiment.multiple[group].items():
        reason: Text | None = plugin.refuses(model, nature) if group == "explainers" else None
        reason = reason or misfit(plugin, nature) or inability(plugin, model)
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
    """Why a part that asks the model about rows cannot do so, or None."""
    if not isinstance(model, OnlyAnswered) or isinstance(plugin, GivenInPython):
        return None
    asks = group == "explainers" or "classifier" in plugin.reads
    return model.unasked if asks else None


def _lacking(experiment: Experiment, plugin: Any) -> list[ArtifactId]:
    metrics, explainers = experiment.multiple["metrics"], experiment.multiple["explainers"]
    lacking = []
    for need in map(ArtifactId, sorted(traits_of(plugin, PicturePart).needs)):
        name = need.rest
        if (need.kind == "measures" and name not in metrics) or (
            need.kind == "explanations" and (name not in explainers if name else not explainers)
        ):
            lacking.append(need)
    return lacking


def _unmet_needs(
    experiment: Experiment, composed: Composed, group: str, refused: list[Refusal]
) -> Iterator[Problem]:
    reasons = {refusal.artifact: refusal.reason for refusal in refused}
    for key, plugin in experiment.multiple[group].items():
        if composed.origin(group, key) != "command line":
            continue
        for need in _lacking(experiment, plugin):
            if need.kind == "measures" and need not in reasons:
                yield Problem(
                    _named(composed, group),
                    f'{group.removesuffix("s")} "{key}" needs metric "{need.rest}"',
                    todo=f"add {need.rest} to metrics=[…]",
                )


def _undrawable(experiment: Experiment, refused: list[Refusal]) -> Iterator[Refusal]:
    reasons = {refusal.artifact: refusal.reason for refusal in refused}
    model = experiment.single["model"]
    for key, plugin in experiment.multiple["visualizations"].items():
        if unfit := misfit(plugin, nature_of(experiment)):
            yield Refusal(ArtifactId.picture(key), unfit)
        elif unable := inability(plugin, model):
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
        fault = f'picture "{key}" belongs to the section "{section}", which does not exist'
        if section is None:
            fault = f'picture "{key}" does not say which section shows it'
        todo = (
            nearest(str(section), known)
            or f'write section: ClassVar[str] = "…" in {type(plugin).__name__}'
        )
        yield Problem(_named(composed, "visualizations"), fault, choices(known), todo)
