"""The gradient trainer: its configuration."""

from __future__ import annotations

from dataclasses import dataclass

from deepseek_report.artifacts.protocols.models import Penalty, PenaltyTrainer, TrainingPlace
from deepseek_report.artifacts.protocols.modules import ExplainableModule
from deepseek_report.artifacts.protocols.progress import Progress
from deepseek_report.artifacts.split import Dataset
from deepseek_report.training.settings import TrainingSettings


@dataclass(frozen=True)
class GradientTrainer(TrainingSettings, PenaltyTrainer):
    """Trains by AdamW with early stopping on the validation loss; the best weights are kept.

    One optimiser step uses `batch_size` × `accumulation` rows. `max_rows` limits the training rows
    (None: all). `warmup` is the share of all steps in which the learning rate rises. The loss is
    cross-entropy with `label_smoothing`, plus `balance_weight` times the experts' balance loss.
    `patience` is the number of epochs without a better validation loss after which training stops.
    Where `max_epochs` would give fewer than `min_steps` optimiser steps, because the data are
    small, there are more epochs, and `patience` grows in the same proportion. `compile` lets
    torch.compile make faster code of the model, which costs a minute at the start and draws other
    random numbers; where it cannot, training goes on without, and the report says so.
    """

    def fit(
        self,
        module: ExplainableModule,
        dataset: Dataset,
        place: TrainingPlace,
        progress: Progress,
        penalty: Penalty | None = None,
    ) -> None:
        """Train in place; write weights, history, summaries and TensorBoard events to its folder.

        penalty : a term that is added to the loss, in training and on the validation part.
        """
        from deepseek_report.training.session import Session

        Session(self, module, dataset, place, penalty).run(progress)
