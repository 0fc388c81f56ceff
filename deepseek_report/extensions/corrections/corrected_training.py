"""Trains the model again so that it keeps to what people corrected."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from deepseek_report.artifacts.array_types import Floats
from deepseek_report.artifacts.protocols import models
from deepseek_report.artifacts.protocols.classifier import Classifier
from deepseek_report.artifacts.protocols.progress import Progress
from deepseek_report.artifacts.split import Dataset
from deepseek_report.artifacts.storage.files import load_json, save_json
from deepseek_report.artifacts.storage.plain_files import empty_folder, is_file
from deepseek_report.config.experiment import Experiment
from deepseek_report.extensions.corrections.corrected_data import ModelSort, ResolvedCorrections
from deepseek_report.extensions.corrections.corrections_metric import LEAST_USE, MOST_LEFT, use_of
from deepseek_report.extensions.corrections.declared_corrections import CORRECTIONS_FILE, Way
from deepseek_report.extensions.corrections.input_cues import InputCue

#: Factors of the penalty that are tried, the smallest first, until the use has fallen enough.
WEIGHTS = (1.0, 10.0, 100.0, 1000.0)
#: Validation rows on which the use is measured to choose a factor.
_CHECKED = 1000


@dataclass(frozen=True)
class Uncorrected:
    """The model before corrections.

    experiment : by which it was trained. resolved : the corrections against its data. training :
    the folder of its training.
    """

    experiment: Experiment
    resolved: ResolvedCorrections
    training: Path

    def classifier(self, device: str) -> Classifier:
        """The model as it was."""
        from deepseek_report.models.shared.loading import load_classifier

        data = self.resolved.data
        return load_classifier(
            self.experiment.model, data.schema, data.train, self.training, device
        )


def trains_by_gradients(experiment: Experiment) -> bool:
    """Whether the model is trained by the configured trainer, and that can be given penalties."""
    own = experiment.model.own_trainer()
    return own is None and isinstance(experiment.trainer, models.PenaltyTrainer)


def sort_of(experiment: Experiment, data: Dataset) -> ModelSort:
    """Which kind of model is corrected."""
    if trains_by_gradients(experiment):
        return "network"
    model = (experiment.before or experiment).model
    if model.can_fit_anew:
        return "fitted"
    built = model.build(data.schema, data.train, 0)
    return "directed" if getattr(built, "keeps_directions", False) else "fitted"


def train_corrected(
    experiment: Experiment,
    dataset: Dataset,
    trainer: models.Trainer,
    place: models.TrainingPlace,
    original: Uncorrected,
    progress: Progress,
) -> None:
    """Train the corrected model into a folder.

    A network pays for what must not decide, by the smallest of `WEIGHTS` by which each use falls to
    a fifth of what it was on the validation part; where none does, by the largest. All other models
    are fitted to the corrected data.
    """
    resolved = original.resolved
    penalised = resolved.trained_away and resolved.sort == "network"
    if not penalised or not isinstance(trainer, models.PenaltyTrainer):
        module = _built(experiment, dataset, place.seed)
        trainer.fit(module, dataset, place, progress)
        return
    before = original.classifier(place.device)
    from deepseek_report.extensions.corrections.cue_penalty import penalty_on

    cues = [(each.cue, each.how) for each in resolved.trained_away]

    def fitted(weight: float) -> Classifier:
        empty_folder(place.folder)
        module = _built(experiment, dataset, place.seed)
        penalty = penalty_on(cues, weight, dataset)
        trainer.fit(module, dataset, place, progress, penalty)
        classifier: Classifier = experiment.model.wrap(module, dataset.schema, place.device)
        return classifier

    chosen = choose_weight(fitted, before, resolved, dataset, place.seed)
    save_json(place.folder / CORRECTIONS_FILE, chosen)


def choose_weight(
    fitted: Callable[[float], Classifier],
    before: Classifier,
    resolved: ResolvedCorrections,
    corrected: Dataset,
    seed: int,
) -> dict[str, object]:
    """Train with one factor of the penalty after the other, until each use has fallen enough.

    fitted : trains with a factor. before : the model as it was, on `resolved.data`. corrected : the
    data of the corrected model.

    Returns
    -------
    weight : the factor of the last training. cues : what was penalised, by the columns of
    `corrected`. tried : for each factor the uses before and after, on validation rows.
    """
    kept = {id(each.item) for each in resolved.trained_away}
    cues_before = [each.cue for each in resolved.cues if id(each.item) in kept]
    uses = [_use(before, resolved.data, cue, seed) for cue in cues_before]
    tried: list[dict[str, object]] = []
    for weight in WEIGHTS:
        classifier = fitted(weight)
        left = [_use(classifier, corrected, each.cue, seed) for each in resolved.trained_away]
        tried.append({"weight": weight, "before": uses, "after": left})
        enough = (max(MOST_LEFT * was, LEAST_USE) for was in uses)
        if all(now <= most for now, most in zip(left, enough, strict=True)):
            break
    cues = [{**dataclasses.asdict(each.cue), "how": each.how} for each in resolved.trained_away]
    return {"weight": weight, "cues": cues, "tried": tried}


def _built(experiment: Experiment, dataset: Dataset, seed: int) -> Any:
    model = experiment.model
    if model.can_fit_anew:
        return model.fitted_anew(dataset.schema, dataset.train, None)
    return model.build(dataset.schema, dataset.train, seed)


def _use(classifier: Classifier, data: Dataset, cue: InputCue, seed: int) -> float:
    rows = data.validation.inputs
    chosen = np.sort(np.random.default_rng([seed, 5]).permutation(len(rows))[:_CHECKED])
    used: Floats = use_of(classifier, rows[chosen], rows, cue, data.train.labels, seed)
    return float(used.mean())


def penalty_of(experiment: Experiment, training: Path, data: Dataset) -> models.Penalty | None:
    """What a training of other rows pays, as the training of the run did; None for nothing.

    training : the folder of that training. data : corrected data of the same schema.
    """
    trainer = experiment.trainer
    if not is_file(training / CORRECTIONS_FILE) or not isinstance(trainer, models.PenaltyTrainer):
        return None
    chosen = load_json(training / CORRECTIONS_FILE)
    from deepseek_report.extensions.corrections.cue_penalty import penalty_on

    cues = [_penalised(**each) for each in chosen["cues"]]
    return penalty_on(cues, float(chosen["weight"]), data)


def _penalised(
    how: Way, columns: Sequence[int], words: Sequence[int], direction: Literal[-1, 0, 1]
) -> tuple[InputCue, Way]:
    return InputCue(tuple(columns), tuple(words), direction), how
