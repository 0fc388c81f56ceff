"""From the arguments of a call to an experiment, by the same composing and checking as a config."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from deepseek_report.api.report_arguments import (
    CallOptions,
    dataset_options,
    plain_value,
    report_options,
)
from deepseek_report.artifacts.storage import bounded_yaml
from deepseek_report.artifacts.storage.local_paths import shipped
from deepseek_report.config.compose import add_declared, compose
from deepseek_report.config.composed import Composed
from deepseek_report.config.experiment import Experiment
from deepseek_report.config.sets import Origin
from deepseek_report.config.validate import validate
from deepseek_report.models.given.given_answers import HeldAnswers

_CONTROL = "random"


#: The config of a plug-in, and the object that it holds; a model that a config can name holds None.
Piece = tuple[Mapping[str, object], Any]


@dataclass(frozen=True)
class Pieces:
    """What of a call becomes a plug-in.

    attributions : by the name that they get among the explainers.
    """

    dataset: Piece
    model: Piece
    attributions: Mapping[str, Piece] = field(default_factory=dict)

    @property
    def stand_in(self) -> str:
        """The data set that stands in the config until the rows take its place, by its fields."""
        return "text_file" if "tokenizer" in self.dataset[0] else "csv"

    @property
    def has_model(self) -> bool:
        """Whether there is a model to ask, and not only what one answered."""
        return not isinstance(self.model[1], HeldAnswers)


def experiment_of(pieces: Pieces, options: CallOptions) -> tuple[Experiment, list[str]]:
    """The experiment of a call, and the overrides that a command line would have had.

    Raises ConfigProblems: all problems of the arguments.
    """
    own = list(options.get("overrides", ()))
    overrides = [*_overrides(options, pieces), *own]
    stand_ins = [f"dataset={pieces.stand_in}", "model=sklearn"]
    composed = compose([*stand_ins, *overrides], options.get("config_dir"))
    (_, rows), (_, model) = pieces.dataset, pieces.model
    objects: dict[tuple[str, ...], object] = {("dataset",): rows}
    objects |= {} if model is None else {("model",): model}
    objects |= {("explainers", name): held for name, (_, held) in pieces.attributions.items()}
    named = {text.lstrip("+~").partition("=")[0] for text in own} | set(options)
    selected: dict[str, dict[str, Origin]] = {
        group: dict(origins) if group in named else dict.fromkeys(origins, "set")
        for group, origins in composed.selected.items()
    }
    raw = _raw(composed, pieces, options)
    named_here = {"causal": options.get("causal"), "corrections": options.get("corrections")}
    declared = {key: value for key, value in named_here.items() if value}
    if declared:
        raw |= plain_value(declared)
        add_declared(raw, selected)
    composed = dataclasses.replace(
        composed,
        raw=raw,
        overrides=tuple(overrides),
        selected=selected,
        choices={group: name for group, name in composed.choices.items() if group not in _REPLACED},
        held=objects,
    )
    return validate(composed, options.get("trust", ())), overrides


_REPLACED = ("dataset", "model")


def _overrides(options: CallOptions, pieces: Pieces) -> list[str]:
    named: dict[str, Sequence[str] | None] = {
        "explainers": options.get("explainers"),
        "metrics": options.get("metrics"),
        "visualizations": options.get("visualizations"),
        "sections": options.get("sections"),
        "frameworks": options.get("frameworks"),
    }
    chosen = {group: names for group, names in named.items() if names is not None}
    if pieces.attributions:
        chosen.setdefault("explainers", [_CONTROL] if pieces.has_model else [])
    texts = [f"{group}=[{','.join(names)}]" for group, names in chosen.items()]
    costs = options.get("costs") or {}
    priced = ",".join(f"{kind}:{_text(cost)}" for kind, cost in costs.items())
    plain = {
        "seed": options.get("seed"),
        "measure_time": options.get("measure_time"),
        "explain.instances": options.get("instances"),
        "explain.background": options.get("background"),
        "explain.question": options.get("question"),
        "split.folds": options.get("folds"),
        "decision.threshold": options.get("threshold"),
        "decision.costs": f"{{{priced}}}" if costs else None,
    }
    return texts + [f"{key}={_text(value)}" for key, value in plain.items() if value is not None]


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _raw(composed: Composed, pieces: Pieces, options: CallOptions) -> dict[str, Any]:
    raw, (rows, _), (model, _) = composed.raw, pieces.dataset, pieces.model
    named = {name: config for name, (config, _) in pieces.attributions.items()}
    return {
        **raw,
        "dataset": {
            **_changed_settings(composed, pieces.stand_in),
            **rows,
            **dataset_options(options),
        },
        "model": model,
        "explainers": {**(raw.get("explainers") or {}), **named},
        "report": {**raw["report"], **report_options(options)},
        "name": options.get("name") or _folder_name(str(options.get("title") or "report")),
        "paths": {**(raw.get("paths") or {}), **paths_of(options)},
    }


def paths_of(options: CallOptions) -> dict[str, str]:
    """Where reports and finished stages go, as far as the call says it."""
    reports, store = options.get("reports"), options.get("store")
    paths = {} if reports is None else {"reports": str(reports), "store": f"{reports}/.store"}
    return paths if store is None else {**paths, "store": str(store)}


def _changed_settings(composed: Composed, stand_in: str) -> dict[str, Any]:
    """What overrides say of the data set, beside what its stand-in says by itself."""
    defaults = bounded_yaml.load(shipped("conf") / "dataset" / f"{stand_in}.yaml")
    prefix = "dataset."
    named = [text.lstrip("+~").partition("=")[0] for text in composed.overrides]
    set_here = {key.removeprefix(prefix).split(".")[0] for key in named if key.startswith(prefix)}
    return {
        key: value
        for key, value in composed.raw["dataset"].items()
        if key in set_here or key not in defaults or value != defaults[key]
    }


def _folder_name(title: str) -> str:
    """A title as the name of a folder: “Loans, 2026” -> `loans_2026`."""
    return re.sub(r"[^a-z0-9]+", "_", title.lower()).strip("_")[:48].strip("_") or "report"
