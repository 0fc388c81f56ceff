"""Which runs are one method trained from several seeds, and what runs and methods are called."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.artifacts.message import Message, message
from deepseek_report.artifacts.predictions import Predictions
from deepseek_report.artifacts.results import ABSENT, Results, RunRecord, Study
from deepseek_report.artifacts.shared_rows import FEWEST
from deepseek_report.artifacts.table import Column, TableType, columns_of

#: Settings that make a fitted model and its decisions.
_OF_MODEL = ("dataset", "model", "trainer", "corrections", "decision")
#: Settings of what is computed of a model.
_OF_JUDGING = ("explain", "explainers", "metrics")
_SEEDS = ("seed", "seeds")
MODEL, CORRECTIONS = "model", "corrections"
#: Characters of a setting's value that are shown in a label.
_MOST = 40


@dataclass(frozen=True)
class Method:
    """Runs whose models differ in their seeds alone. runs : their positions in the study.

    seeds : (run,) the seed of each one's training.
    """

    label: str
    runs: tuple[int, ...]
    seeds: tuple[int, ...] = ()

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


def runs_by_data(study: Study) -> list[list[int]]:
    """Positions of the runs of each data set: declared alike, or with test rows in common."""
    groups: list[list[int]] = []
    for position, run in enumerate(study):
        firsts = (group for group in groups if _are_of_one_data_set(study.runs[group[0]], run))
        group = next(firsts, None)
        groups.append([position]) if group is None else group.append(position)
    return groups


def _are_of_one_data_set(first: Results, other: Results) -> bool:
    declared = [json.dumps(run.config.get("dataset"), default=str) for run in (first, other)]
    return declared[0] == declared[1] or Study.of(first, other).shared.suffice


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
    if baseline is not None or not study.shared.suffice:
        return tuple(range(len(study)))
    predictions = study.paired
    kept: list[int] = []
    for method in methods:
        own: list[int] = []
        for run in method.runs:
            if not any(_predict_alike(predictions[run], predictions[other]) for other in own):
                own.append(run)
        kept += own
    return tuple(sorted(kept))


def _predict_alike(first: Predictions, other: Predictions) -> bool:
    same = np.array_equal(first.logits, other.logits)
    return same and np.array_equal(first.decisions, other.decisions)


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
            own, run = seed_of(study.runs[position]), study.runs[position].run_id[:6]
            which = f", seed {own}" if method.seeds.count(own) == 1 else f", {run}"
            labels[position] = method.label + (which if len(method.runs) > 1 else "")
    return tuple(labels)


def seed_of(run: Results) -> int:
    """The seed of the training."""
    return int(run.config["seeds"]["training"])


def _labels(study: Study, varying: Mapping[str, tuple[object, ...]], first: list[int]) -> list[str]:
    """The model's name, then the settings that tell methods of one name apart."""
    names = [model_name(study.runs[position]) for position in first]
    of_model = f"{MODEL}."
    other = _shortened(study, {k: v for k, v in varying.items() if not k.startswith(of_model)})
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


def _settings(varying: Mapping[str, Sequence[object]], position: int) -> Iterator[str]:
    for key, values in varying.items():
        value = values[position]
        if key == CORRECTIONS:
            yield from ["corrected"] if value != ABSENT else []
        elif key.rpartition(".")[2] != "_target_":
            yield f"{key.partition('.')[2] or key} {str(value)[:_MOST]}"


def model_name(run: Results) -> str:
    """What the model of a run is called: the estimator's class, or the architecture."""
    settings = run.config.get(MODEL) or {}
    estimator = str(settings.get("estimator") or "").rpartition(".")[2]
    return estimator or str(settings.get("_target_") or "").rpartition(".")[2] or run.run_id[:6]


SETTINGS = TableType(
    (*columns_of("setting:code kinds:count values"), Column("together", "count", shown=False))
)
_MOST_VALUES = 6
#: What stands for a part that some runs do not have.
_SOME = "✓"


#: Data, code, versions of libraries and machines in which the runs differ.
ORIGINS = TableType(columns_of("origin:code kinds:count values"))
_ORIGINS = ("digests", "versions", "environment")
#: What differs wherever settings do, or is what a setting decides.
_OF_SETTINGS = frozenset(("digests", name) for name in ("config", "weights", "code"))
#: Characters of a digest that tell two apart.
_LONGEST_ORIGIN = 16


def what_varied(study: Study) -> Measurement:
    """The table `settings`, one row a setting that differs, and notes on pairing.

    together : number of the group of settings that always change together; settings of one group
    cannot be told apart.
    """
    varying = _shortened(study, {k: each for k, each in study.varying.items() if is_of_results(k)})
    patterns = {key: _pattern(values) for key, values in varying.items()}
    groups = {pattern: number for number, pattern in enumerate(dict.fromkeys(patterns.values()), 1)}
    rows = [
        (key, len(set(patterns[key])), _shown(values), groups[patterns[key]])
        for key, values in varying.items()
    ]
    tables = {"settings": pd.DataFrame(rows, columns=SETTINGS.keys)}
    if origins := list(_origins(study)):
        tables |= {"origins": pd.DataFrame(origins, columns=ORIGINS.keys)}
    notes = (*_confounded(varying, patterns), *pairing(study))
    return Measurement(tables=tables, notes=notes).typed({"settings": SETTINGS, "origins": ORIGINS})


def _origins(study: Study) -> Iterator[tuple[str, int, str]]:
    """(origin, kinds, values): in what data, libraries and machines the runs differ."""
    records = [run.provenance.get("record") for run in study]
    revisions = [r.git if isinstance(r, RunRecord) else "" for r in records]
    known = [
        ({"git": revision[:_LONGEST_ORIGIN]} if revision else {})
        | {
            f"{part}.{name}": str(value)[:_LONGEST_ORIGIN]
            for part in _ORIGINS
            for name, value in (run.provenance.get(part) or {}).items()
            if (part, name) not in _OF_SETTINGS
        }
        for run, revision in zip(study, revisions, strict=True)
    ]
    for key in dict.fromkeys(name for origins in known for name in origins):
        values = [origins.get(key, ABSENT) for origins in known]
        if len(set(values)) > 1:
            yield key, len(set(values)), _shown(values)


def _shortened(
    study: Study, known: Mapping[str, tuple[object, ...]]
) -> dict[str, Sequence[object]]:
    """Settings that differ; of a part that is another one in some runs, its name alone."""
    others = {key.removesuffix("._target_") for key in known if key.endswith("._target_")}
    shown: dict[str, Sequence[object]] = {}
    for key, values in known.items():
        part = next((name for name in others if key.startswith(f"{name}.")), "")
        is_of_part = key.count(".") > 1 and not key.startswith(f"{MODEL}.")
        if not part and ABSENT in values and is_of_part:
            shown[key.rpartition(".")[0]] = [_SOME if each != ABSENT else ABSENT for each in values]
        elif not part:
            shown[key] = values
        elif part == MODEL:
            shown[part] = [model_name(run) for run in study]
        else:
            targets = known[f"{part}._target_"]
            shown[part] = [str(target).rpartition(".")[2] for target in targets]
    return shown


def _pattern(values: Sequence[object]) -> tuple[int, ...]:
    """(run,) which of the different values each run has, numbered in order of appearance."""
    firsts = [values.index(value) for value in values]  # of a list: a value may be one, too
    return tuple(sorted(set(firsts)).index(first) for first in firsts)


def _shown(values: Sequence[object]) -> str:
    texts = list(dict.fromkeys(str(value) for value in values))
    more = len(texts) - _MOST_VALUES
    return "; ".join(texts[:_MOST_VALUES]) + (f"; … (+{more})" if more > 0 else "")


def _confounded(
    varying: Mapping[str, Sequence[object]], patterns: Mapping[str, tuple[int, ...]]
) -> list[Message]:
    """That settings of different parts always change together, so that none is the cause."""
    notes = []
    for pattern in dict.fromkeys(patterns.values()):
        keys = [key for key in varying if patterns[key] == pattern and is_of_method(key)]
        parts = list(dict.fromkeys(key.partition(".")[0] for key in keys))
        if len(parts) > 1:
            notes.append(message("comparison.confounded", parts=parts))
    return notes


def pairing(study: Study) -> list[Message]:
    """What the runs share, and therefore what can be compared pair by pair."""
    seeds = message(f"comparison.{'same' if study.same_seeds else 'other'}_seeds")
    return [shared_rows(study), seeds]


def shared_rows(study: Study) -> Message:
    """Which test rows the runs have in common, and why others are not compared."""
    shared = study.shared
    kind = "other" if not shared.suffice else "same" if shared.are_all else "shared"
    return message(
        f"comparison.{kind}_rows",
        n=len(shared),
        fewest=FEWEST,
        tested=sorted({*shared.tested}),
        relabelled=shared.relabelled,
        left_out=list(shared.left_out),
    )
