"""Rules that cross groups: what needs what, and what cannot be applied to this model.

A part that a person named on the command line and that cannot be applied is a problem. A part that
came from a set, or that a configuration file names, is left out, and the report gives the reason:
for parts of sets in a list that unfolds, for a named part where nobody overlooks it.
"""

from __future__ import annotations

import ast
import dataclasses
import inspect
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from deepseek_report.artifacts.finding import PARTS as PARTS_OF_FINDINGS
from deepseek_report.artifacts.ids import ArtifactId
from deepseek_report.artifacts.message import SKIPPED, Message, Text, all_reasons, message
from deepseek_report.artifacts.protocols import datasets
from deepseek_report.artifacts.protocols.models import ModelPart
from deepseek_report.artifacts.protocols.sections import SectionPart
from deepseek_report.artifacts.protocols.traits import GivenInPython, Part, PicturePart
from deepseek_report.artifacts.schema import PARTS, PEOPLE, AttributeKind
from deepseek_report.config import threshold_checks
from deepseek_report.config.blocks import blocks
from deepseek_report.config.catalogue import groups
from deepseek_report.config.composed import Composed, locate
from deepseek_report.config.config_files import MULTIPLE
from deepseek_report.config.experiment import Experiment, Refusal
from deepseek_report.config.problems import Problem, choices, nearest
from deepseek_report.config.sets import BY_SETS
from deepseek_report.data_kinds import KINDS
from deepseek_report.tasks import TASKS
from deepseek_report.wording.words import DEFAULT_LANGUAGE, languages, texts_of_kind, wording

#: Files that a Linux system shows where it has a driver: CUDA, ROCm, WSL.
_DRIVERS = ("/dev/nvidiactl", "/dev/kfd", "/dev/dxg")


def pick_device(device: str) -> str:
    """Make "cuda" or "mps" of "auto" where there is one, else "cpu"; keep any other choice."""
    if device != "auto":
        return device
    return next((kind for kind in ("cuda", "mps") if has_device(kind)), "cpu")


def has_device(kind: str) -> bool:
    """Whether torch can use this kind ("cpu", "cuda" or "mps") on this machine.

    Where the system shows no driver, the answer is found without loading torch.
    """
    if kind == "cpu":
        return True
    if sys.platform == "linux" and not any(Path(driver).exists() for driver in _DRIVERS):
        return False
    import torch

    return torch.cuda.is_available() if kind == "cuda" else torch.backends.mps.is_available()


def nature_of(experiment: Experiment) -> datasets.DataTraits:
    """What the chosen data are."""
    return experiment.dataset.nature


def unfit_reason(plugin: Part, nature: datasets.DataTraits) -> Message | None:
    """Why a part cannot handle such data or such a target: "reads tables, not texts"."""
    if not plugin.accepts(nature.modality):
        accepted = plugin.modalities or ()
        kinds = [message(f"kinds_of_data.{kind}") for kind in KINDS if kind in accepted]
        return message("refusals.takes", kinds=kinds, kind=_of(nature))
    if nature.task not in plugin.tasks:
        made_for = [message(f"predicted.{task}") for task in TASKS if task in plugin.tasks]
        return message(f"refusals.made_for.{nature.task}", tasks=made_for)
    if plugin.needs_truth and not nature.truth:
        return message("refusals.no_truth")
    if plugin.needs_two_classes and (nature.classes or 2) != 2:
        return message("refusals.two_classes", n=nature.classes)
    needed = plugin.needs_groups
    if not needed or nature.groups is None or needed & nature.groups:
        return None
    what = _COMPARED[needed if nature.groups else PEOPLE | PARTS]
    return message(f"refusals.nothing_to_compare.{what}")


def _of(nature: datasets.DataTraits) -> Message:
    return message(f"kinds_of_data.{nature.modality}")


#: What a part compares, by the kinds of attributes that it accepts.
_COMPARED: dict[frozenset[AttributeKind], str] = {
    PEOPLE: "people",
    PARTS: "parts",
    PEOPLE | PARTS: "either",
}


def misfit(plugin: Part, nature: datasets.DataTraits) -> Message | None:
    """Why a part is left out; the reason does not name it, so that many parts can share one."""
    if not plugin.accepts(nature.modality):
        return message("refusals.other_data", kind=_of(nature))
    return unfit_reason(plugin, nature)


def inability(plugin: Part, model: ModelPart) -> Message | None:
    """What a part requires and the model does not offer, or None; names no part, like `misfit`."""
    lacking = sorted(set(plugin.requires) - set(model.capabilities))
    if not lacking:
        return None
    return message(
        "refusals.lacks_capability",
        what=[message(f"capabilities.{capability}") for capability in lacking],
        model=model.called,
    )


def problems_of_single_choices(experiment: Experiment, composed: Composed) -> Iterator[Problem]:
    """What is wrong with what is chosen once, whatever parts are chosen beside it."""
    rules = (_paths, _device, _language, _own_problems, _unfit_model, _named_cases, _decision)
    for rule in (*rules, _folds, *(blocks()[key].problems for key in experiment.declared)):
        yield from rule(experiment, composed)


def _named_cases(experiment: Experiment, composed: Composed) -> Iterator[Problem]:
    """Cases that are named for pages which the level of privacy does not allow."""
    if experiment.privacy.level == "aggregate" and experiment.privacy.named:
        yield Problem(
            locate(composed, ("report", "cases")),
            "report.cases names cases, and report.privacy is aggregate, which shows none",
            todo="set report.privacy=cases, or leave report.cases empty",
        )


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
        rights = os.W_OK | os.X_OK
        if name == "store" and path == existing:  # it may be complete, and is then only read
            rights = os.R_OK | os.X_OK
        if not existing.is_dir():
            yield Problem(where, f"{existing} is a file", "a folder", todo)
        elif not _may_use(existing, rights):
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
    language, known = experiment.report.language, languages()
    if language not in known:
        where = locate(composed, ("report", "language"))
        fault = f'there are no texts in the language "{language}"'
        todo = nearest(language, known) or f"set report.language={DEFAULT_LANGUAGE}"
        yield Problem(where, fault, choices(known), todo)


def _own_problems(experiment: Experiment, composed: Composed) -> Iterator[Problem]:
    """What the data set and the model say themselves."""
    model = experiment.model
    where = locate(composed, ("dataset",))
    yield from (Problem(where, text) for text in experiment.dataset.problems())
    where = locate(composed, ("model",))
    yield from (Problem(where, text) for text in model.problems(experiment.trusted))


def _unfit_model(experiment: Experiment, composed: Composed) -> Iterator[Problem]:
    model = experiment.model
    if reason := unfit_reason(model, nature_of(experiment)):
        yield Problem(
            locate(composed, ("model",)),
            f"{model.called}: {wording().say(reason)}",
            todo="choose another model or dataset",
        )
    elif problem := _other_tokens(experiment, composed) or _no_sequences(experiment, composed):
        yield problem


def _other_tokens(experiment: Experiment, composed: Composed) -> Problem | None:
    """A checkpoint knows its own tokens alone; the texts must be cut into them."""
    checkpoint = experiment.model.reads_tokens_of
    cut_by = experiment.dataset.tokenizer or checkpoint
    if checkpoint is None or cut_by == checkpoint:
        return None
    return Problem(
        locate(composed, ("dataset", "tokenizer")),
        f'the texts are cut into "{cut_by}", and the checkpoint reads its own tokens alone',
        todo="set dataset.tokenizer=${model.checkpoint} (in quotes on the command line)",
    )


def _no_sequences(experiment: Experiment, composed: Composed) -> Problem | None:
    """A language model without a checkpoint learns from sequences that the data set draws."""
    if not experiment.model.needs_sequences or nature_of(experiment).draws_sequences:
        return None
    return Problem(
        locate(composed, ("model", "checkpoint")),
        "no checkpoint is given, so the language model is trained here on sequences drawn from a "
        "task, and these data are of no such task",
        "dataset=recall, dataset=brackets, or a checkpoint with any texts",
        "choose one of these data sets, or set model.checkpoint=FOLDER and "
        "dataset.tokenizer=FOLDER to the folder of a causal language model of transformers",
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
    """A rule without what must be declared for it, or a threshold that it does not take."""
    decision, quoted = experiment.settings.decision, ", say (in quotes on the command line)"
    needed = {
        "declared": (decision.threshold, "no threshold is", "threshold=0.3, say"),
        "costs": (decision.costs, "no costs are", f"costs={{false_alarm: 1, missed: 5}}{quoted}"),
        "capacity": (
            decision.capacity,
            "no capacity is",
            f"capacity={{alerts: 50, per: day}}{quoted}",
        ),
    }
    value, fault, example = needed.get(decision.rule or "", ("", "", ""))
    if value is None:
        where = locate(composed, ("decision", "rule"))
        yield Problem(where, f"{fault} declared", todo=f"set decision.{example}")
    name = decision.threshold_rule.name
    if name != "declared" and decision.threshold is not None:
        where = locate(composed, ("decision", "threshold"))
        todo = "set decision.rule=declared, or remove the threshold"
        yield Problem(where, f'rule "{name}" chooses the threshold itself', todo=todo)


_ARTIFACT = {"explainers": "explanations", "metrics": "measures", "visualizations": "pictures"}


def apply(experiment: Experiment, composed: Composed) -> tuple[Experiment, list[Problem]]:
    """The experiment without what cannot be applied, and the problems found.

    Where texts are missing these are all of them: other problems may need them to be told.
    """
    if wordless := list(_wordless(experiment, composed)):
        return experiment, wordless
    named = frozenset(_named_parts(experiment, composed))
    problems = list(problems_of_single_choices(experiment, composed))
    experiment, refused = _without_private(experiment)
    refused += [
        Refusal(ArtifactId.explanation(key), reason) for key, reason in composed.left_out.items()
    ]
    refused += [  # what the study chooses and a report such as the quick one leaves out
        Refusal(ArtifactId.of(_ARTIFACT.get(group, group), key), SKIPPED)
        for group, parts in composed.skipped.items()
        for key in parts
    ]
    multiple: dict[str, Any] = {group: experiment.plugins(group) for group in MULTIPLE}
    for group in ("explainers", "metrics"):
        for key, reason in _refused(experiment, group):
            if composed.origin(group, key) == "command line":
                sentence = wording().say(reason)
                fault = sentence if key in sentence else f"{key}: {sentence}"
                todo = f"leave {key} out, or choose another model or dataset"
                problems.append(Problem(_named(composed, group), fault, todo=todo))
            else:
                refused.append(Refusal(ArtifactId.of(_ARTIFACT[group], key), reason))
            del multiple[group][key]
    kept = dataclasses.replace(
        experiment,
        **multiple,
        threshold_places=threshold_checks.places(composed),
        expectation_places=tuple(
            locate(composed, ("behaviour", str(place)))
            for place in range(len(experiment.settings.behaviour))
        ),
    )
    reasons = {refusal.artifact: refusal.reason for refusal in refused}
    for group in ("visualizations", "sections"):
        problems.extend(_unmet_needs(kept, composed, group, reasons))
    pictures = dict(kept.visualizations)
    for key, reason in _undrawable(kept, reasons):
        refused.append(Refusal(ArtifactId.picture(key), reason))
        del pictures[key]
    multiple |= {"visualizations": pictures}
    problems.extend(_homeless(kept, composed))
    problems.extend(threshold_checks.measured(kept, composed, refused))
    whole = dataclasses.replace(kept, **multiple, refused=tuple(refused), named=named)
    for key in () if problems else whole.declared:
        whole, further = blocks()[key].applied(whole, composed)
        problems += further
    return whole, problems


def _named_parts(experiment: Experiment, composed: Composed) -> Iterator[str]:
    for group, kind in _ARTIFACT.items():
        skipped = composed.skipped.get(group, {})
        chosen = {key: composed.origin(group, key) for key in experiment.plugins(group)}
        for key, origin in {**skipped, **chosen}.items():
            if origin not in BY_SETS:
                yield f"{kind}/{key}"


def _without_private(experiment: Experiment) -> tuple[Experiment, list[Refusal]]:
    """Without the parts that show more of single persons than `report.privacy` allows.

    They are refused even where they were named: what a run folder holds must not hang on a list.
    """
    refused: list[Refusal] = []
    multiple: dict[str, Any] = {group: experiment.plugins(group) for group in MULTIPLE}
    for group, kind in _ARTIFACT.items():
        for key, plugin in experiment.plugins(group).items():
            if reason := experiment.privacy.refuses(plugin):
                refused.append(Refusal(f"{kind}/{key}", reason))
                del multiple[group][key]
    return dataclasses.replace(experiment, **multiple), refused


def _named(composed: Composed, group: str) -> str:
    texts = [text for text in composed.overrides if text.startswith(f"{group}=")]
    return f"command line, {texts[-1]}" if texts else locate(composed, (group,))


def _refused(experiment: Experiment, group: str) -> Iterator[tuple[str, Text]]:
    model, nature = experiment.model, nature_of(experiment)
    for key, plugin in experiment.plugins(group).items():
        reason: Text | None = plugin.refuses(model, nature) if group == "explainers" else None
        reason = reason or misfit(plugin, nature) or inability(plugin, model)
        if model.unasked and not isinstance(plugin, GivenInPython):
            asks = group == "explainers" or "classifier" in plugin.reads
            reason = reason or (model.unasked if asks else None)
        if plugin.volatile and not experiment.settings.measure_time:
            reason = message("refusals.untimed")
        is_idle = group == "metrics" and not experiment.explainers
        if reason:
            yield key, reason
        elif is_idle and plugin.scope != "model":
            yield key, message("refusals.no_explainer", name=key)


def _lacking(experiment: Experiment, plugin: PicturePart | SectionPart) -> list[ArtifactId]:
    metrics, explainers = experiment.metrics, experiment.explainers
    lacking = []
    for need in map(ArtifactId, sorted(plugin.needs)):
        name = need.rest
        if (need.kind == "measures" and name not in metrics) or (
            need.kind == "explanations" and (name not in explainers if name else not explainers)
        ):
            lacking.append(need)
    return lacking


def _unmet_needs(
    experiment: Experiment, composed: Composed, group: str, reasons: Mapping[str, Text]
) -> Iterator[Problem]:
    for key, plugin in experiment.plugins(group).items():
        if composed.origin(group, key) != "command line":
            continue
        for need in _lacking(experiment, plugin):
            if need.kind == "measures" and need not in reasons:
                fault = f'{group.removesuffix("s")} "{key}" needs metric "{need.rest}"'
                todo = f"add {need.rest} to metrics=[…]"
                yield Problem(_named(composed, group), fault, todo=todo)


def _undrawable(experiment: Experiment, reasons: Mapping[str, Text]) -> Iterator[tuple[str, Text]]:
    """The pictures that cannot be drawn, each with the reason."""
    nature = nature_of(experiment)
    for key, plugin in experiment.visualizations.items():
        if unfit := misfit(plugin, nature) or inability(plugin, experiment.model):
            yield key, unfit
        elif lacking := _lacking(experiment, plugin):
            why = [reasons.get(need, message("refusals.unmeasured", name=need)) for need in lacking]
            yield key, all_reasons(why)


def _wordless(experiment: Experiment, composed: Composed) -> Iterator[Problem]:
    """Kinds of data, metrics and sections of which texts are missing, each with all of them."""
    words, kind = wording(), nature_of(experiment).modality
    texts = [*texts_of_kind(kind, KINDS), *_texts_of(KINDS.get(kind, object))]
    wanted = {
        ("dataset", f'kind of data "{kind}"'): list(dict.fromkeys(texts)),
        ("dataset", "the data set"): _texts_of(type(experiment.dataset)),
    }
    for key, metric in experiment.metrics.items():
        names = metric.findings
        keys = [f"findings.{name}.{part}" for name in names for part in PARTS_OF_FINDINGS]
        wanted["metrics", f'metric "{key}"'] = keys
    for key, section in experiment.sections.items():
        wanted["sections", f'section "{key}"'] = list(section.texts)
    for (group, part), keys in wanted.items():
        if lacking := [text for text in keys if not words.has(text)]:
            fault = f"{part} lacks {len(lacking)} texts: {', '.join(lacking)}"
            todo = f"write them in templates/locale/{DEFAULT_LANGUAGE}, in a file of its name"
            yield Problem(_named(composed, group), fault, todo=todo)


def _texts_of(cls: type) -> list[str]:
    """The keys of the texts that the module of a class writes out, where its code is there."""
    try:
        tree = ast.parse(inspect.getsource(sys.modules[cls.__module__]))
    except (OSError, TypeError):
        return []
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call) and node.args)
    return list(dict.fromkeys(key for call in calls for key in _keys_in(call)))


def _keys_in(call: ast.Call) -> Iterator[str]:
    """Of `message("key")`, and of `shipped_description("name", limits=("key",))`."""
    name, first = getattr(call.func, "id", ""), call.args[0]
    if not isinstance(first, ast.Constant):
        return
    if name == "message":
        yield str(first.value)
    elif name == "shipped_description":
        name_of = str(first.value)
        fields = {keyword.arg: keyword.value for keyword in call.keywords}
        yield from (
            f"data_sets.{name_of}.about.{part}" for part in datasets.DESCRIBED if part not in fields
        )
        limits = ast.walk(fields["limits"]) if "limits" in fields else ()
        keys = (str(node.value) for node in limits if isinstance(node, ast.Constant))
        yield from (f"data_sets.{name_of}.limits.{key}" for key in keys)


def _homeless(experiment: Experiment, composed: Composed) -> Iterator[Problem]:
    known = {*groups(composed.roots)["sections"], *experiment.sections}
    for key, plugin in experiment.visualizations.items():
        section = plugin.section
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
