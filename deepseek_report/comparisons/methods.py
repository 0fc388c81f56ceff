"""Which runs are one method trained from several seeds, and what runs and methods are called."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from deepseek_report.artifacts.predictions import Predictions
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.study import Study

#: Settings that make a fitted model and its decisions.
_OF_MODEL = ("dataset", "model", "trainer", "decision")
#: Settings of what is computed of a model.
_OF_JUDGING = ("explain", "explainers", "metrics")
_SEEDS = ("seed", "seeds")
MODEL = "model"
#: Words of a setting's value that are shown in a label.
_MOST = 40


@dataclass(frozen=True)
class Method:
    """Runs whose models differ in their seeds alone. runs : their positions in the study.

    seeds : (run,) the seed of each one's training.
    """

    label: str
    runs: tuple[int, ...]
    seeds: tuple[int | None, ...] = ()

    @property
    def independent(self) -> tuple[int, ...]:
        """One run for each seed: others judge the same model again."""
        firsts = (self.seeds.index(seed) for seed in dict.fromkeys(self.seeds))
        return tuple(self.runs[place] for place in firsts)


def methods_of(study: Study) -> tuple[Method, ...]:
    """The methods of a study, in the order of their first runs."""
    varying = {key: values for key, values in study.varying.items() if is_of_method(key)}
    groups: dict[str, list[int]] = {}
    for position in range(len(study)):
        own = {key: values[position] for key, values in varying.items()}
        groups.setdefault(json.dumps(own, sort_keys=True, default=str), []).append(position)
    first = [positions[0] for positions in groups.values()]
    labels = _labels(study, varying, first)
    return tuple(
        Method(label, tuple(positions), tuple(seed_of(study.runs[run]) for run in positions))
        for label, positions in zip(labels, groups.values(), strict=True)
    )


def pairs_to_compare(
    models: Sequence[int], baseline: int | None, most: int
) -> list[tuple[int, int]]:
    """Positions of the runs that are set against one another: all pairs of up to `most` runs.

    With more, or a baseline, each against that one, which is the first where none is named.

    models : positions of the runs, one for each fitted model; see `fitted_models`.
    """
    if baseline is None and len(models) <= most:
        return list(combinations(models, 2))
    fixed = models[0] if baseline is None else baseline
    return [(run, fixed) for run in models if run != fixed]


def fitted_models(
    study: Study, methods: Sequence[Method], baseline: int | None = None
) -> tuple[int, ...]:
    """Positions of the runs to compare, one for each fitted model.

    Runs of one method that predict alike are one fitted model, of which the first run stands for
    all: a seed may change nothing of an estimator. With a baseline every run stands for itself.
    """
    if baseline is not None or not study.same_rows:
        return tuple(range(len(study)))
    predictions = [run.predictions for run in study]
    kept: list[int] = []
    for method in methods:
        own: list[int] = []
        for run in method.runs:
            if not any(_predict_alike(predictions[run], predictions[other]) for other in own):
                own.append(run)
        kept += own
    return tuple(sorted(kept))


def _predict_alike(first: Predictions, other: Predictions) -> bool:
    return np.array_equal(first.logits, other.logits) and np.array_equal(
        first.decisions, other.decisions
    )


def is_of_method(key: str) -> bool:
    """Whether a setting makes a fitted model, and is no seed."""
    return key.partition(".")[0] in _OF_MODEL


def is_of_results(key: str) -> bool:
    """Whether a setting decides a result: of the model, its judging, or a seed."""
    return is_of_method(key) or is_seed(key) or key.partition(".")[0] in _OF_JUDGING


def is_seed(key: str) -> bool:
    """Whether a setting is a seed."""
    return key.partition(".")[0] in _SEEDS


def run_labels(study: Study, methods: tuple[Method, ...]) -> tuple[str, ...]:
    """What each run is called: its method, and its seed or its id where the method has several."""
    labels = [""] * len(study)
    for method in methods:
        for position in method.runs:
            labels[position] = method.label + _which(study, method, position)
    return tuple(labels)


def _which(study: Study, method: Method, position: int) -> str:
    if len(method.runs) == 1:
        return ""
    seeds = [seed_of(study.runs[other]) for other in method.runs]
    own = seed_of(study.runs[position])
    return f", seed {own}" if seeds.count(own) == 1 else f", {study.runs[position].run_id[:6]}"


def seed_of(run: Results) -> int | None:
    """The seed of the training."""
    seeds = run.config.get("seeds") or {}
    own = seeds.get("training") if isinstance(seeds, Mapping) else None
    return own if own is not None else run.config.get("seed")


def _labels(study: Study, varying: Mapping[str, tuple[Any, ...]], first: list[int]) -> list[str]:
    """The model's name, then the settings that tell methods of one name apart."""
    names = [model_name(study.runs[position]) for position in first]
    other = {key: values for key, values in varying.items() if not key.startswith(f"{MODEL}.")}
    labels = [
        ", ".join([name, *_settings(other, position)])
        for name, position in zip(names, first, strict=True)
    ]
    if len(set(labels)) == len(labels):
        return labels
    return [
        ", ".join([name, *_settings(varying, position)]) if labels.count(label) > 1 else label
        for name, label, position in zip(names, labels, first, strict=True)
    ]


def _settings(varying: Mapping[str, tuple[Any, ...]], position: int) -> Iterator[str]:
    for key, values in varying.items():
        if key.rpartition(".")[2] != "_target_":
            yield f"{key.partition('.')[2] or key} {str(values[position])[:_MOST]}"


def model_name(run: Results) -> str:
    """What the model of a run is called: the estimator's class, or the architecture."""
    settings = run.config.get(MODEL) or {}
    estimator = str(settings.get("estimator") or "").rpartition(".")[2]
    return estimator or str(settings.get("_target_") or "").rpartition(".")[2] or run.run_id[:6]
