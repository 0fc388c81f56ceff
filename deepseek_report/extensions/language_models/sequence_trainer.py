"""Trains a language model on a task of tokens, by sequences that are drawn as they are needed."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from deepseek_report.artifacts.array_types import Bools
from deepseek_report.artifacts.message import message, plain
from deepseek_report.artifacts.protocols.models import (
    EpochRecord,
    Trainer,
    TrainingPlace,
    history_table,
    untrained_facts,
)
from deepseek_report.artifacts.protocols.progress import Progress
from deepseek_report.artifacts.split import Dataset
from deepseek_report.artifacts.storage.files import save_json, save_table
from deepseek_report.artifacts.storage.weights import save_weights
from deepseek_report.errors import ConfigError
from deepseek_report.extensions.language_models.token_tasks import (
    Sequences,
    TokenTask,
    task_of_card,
)
from deepseek_report.models.transformers.pretrained_settings import SequenceRecipe
from deepseek_report.models.transformers.transformer_module import TransformerModule, reinitialise

if TYPE_CHECKING:
    from transformers import PreTrainedModel


#: Steps of which the history tells as of one epoch, and rows of the validation part it is told of.
_ROUND, _VALIDATED = 50, 200
#: Weight of what was right before, in the share of answers that are right of late.
_MEMORY = 0.8
_MOMENTUM, _BETAS, _LONGEST_STEP = 0.9, (0.9, 0.95), 1.0


@dataclass
class _Course:
    """How far training is.

    level : of the sequences. right : share of the answers that are right of late. learnt : the step
    at which the hardest level was. reached : {level: step at which it was learnt}. draws : how
    often the weights were drawn. begun, moved : the step at which they were last, and at which the
    level began.
    """

    level: int
    step: int = 0
    right: float = 0.0
    learnt: int | None = None
    sequences: int = 0
    reached: dict[int, int] = field(default_factory=dict)
    draws: int = 1
    begun: int = 0
    moved: int = 0

    def note(self, right: float, recipe: SequenceRecipe, hardest: int) -> None:
        """Count a step, and go on to the next level where this one is learnt."""
        self.right = _MEMORY * self.right + (1 - _MEMORY) * right
        self.step += 1
        if self.learnt is not None or self.right < recipe.next_level:
            return
        self.reached[self.level] = self.step
        if self.level == hardest:
            self.learnt = self.step
        else:
            self.level, self.right, self.moved = self.level + 1, 0.0, self.step

    def is_stuck(self, recipe: SequenceRecipe) -> bool:
        """Whether training is to begin again, since no level was learnt for too long."""
        return self.learnt is None and self.step - self.moved >= recipe.patience

    def begin_again(self, easiest: int) -> None:
        """Count another draw of the weights."""
        self.level, self.right, self.draws = easiest, 0.0, self.draws + 1
        self.begun = self.moved = self.step
        self.reached.clear()

    def ended(self, recipe: SequenceRecipe) -> bool:
        """Whether nothing is left to do."""
        settled = self.learnt is not None and self.step - self.learnt >= recipe.settling
        drawn = recipe.most_sequences is not None and self.sequences >= recipe.most_sequences
        return settled or drawn or self.step >= recipe.most_steps

    def rate(self, recipe: SequenceRecipe) -> float:
        """The share of the full learning rate in the next step."""
        if self.learnt is None:
            return min(1.0, (self.step - self.begun + 1) / recipe.warmup)
        return max(1 - (self.step - self.learnt) / max(recipe.settling, 1), 0.05)


@dataclass(frozen=True)
class SequenceTrainer(Trainer):
    """Trains by Muon and AdamW on answers alone; what is drawn depends on the seed alone."""

    recipe: SequenceRecipe

    def planned_rows(self, n_train: int) -> int:
        """How many rows the model evaluates at most, of about 16 tokens each."""
        del n_train
        return self.recipe.most_steps * self.recipe.tokens // 16

    def fit(
        self, module: TransformerModule, dataset: Dataset, place: TrainingPlace, progress: Progress
    ) -> None:
        """Train in place; write weights, history and summaries to the folder of `place`.

        Raises ConfigError: the data set is of no task of tokens.
        """
        task = task_of_card(dataset.card)
        if task is None:
            raise ConfigError(
                "a language model without a checkpoint is trained on a task whose sequences can "
                "be drawn; choose dataset=recall or dataset=brackets, or give model.checkpoint"
            )
        started, folder, device = time.perf_counter(), place.folder, place.device
        module.to(device).train()
        threads = torch.get_num_threads()
        torch.set_num_threads(1)  # steps are so small that several would wait for one another
        course = _Course(task.easiest)
        rounds: list[EpochRecord] = []
        progress.start("training", self.recipe.most_steps)
        for train_loss, rate, norm in _rounds(module.net, task, self.recipe, course, place.seed):
            progress.advance(_ROUND, f"level {course.level} of {task.hardest}")
            loss, right = _validated(module, dataset, device)
            rounds.append(EpochRecord(len(rounds) + 1, train_loss, loss, right, rate, norm))
        torch.set_num_threads(threads)
        module.eval()
        save_weights(module, folder)
        save_table(folder / "history.parquet", history_table(rounds))
        architecture = module.architecture()
        save_json(folder / "architecture.json", plain(architecture))
        facts = _facts(rounds, course, task, place.seed)
        facts |= {"parameters": architecture["parameters"], "device": device}
        save_json(folder / "training.json", plain(facts))
        seconds = time.perf_counter() - started
        save_json(
            folder / "times.json",
            {
                "seconds": seconds,
                "seconds_per_epoch": seconds / max(len(rounds), 1),
                "rows_per_second": course.sequences / seconds,
                "peak_memory": None,
            },
        )


def _rounds(
    net: PreTrainedModel, task: TokenTask, recipe: SequenceRecipe, course: _Course, seed: int
) -> Iterator[tuple[float, float, float]]:
    """Train step by step; after each round its mean loss, learning rate and mean gradient."""
    random = np.random.default_rng([seed, 32])
    optimisers = _optimisers(net, recipe)
    losses: list[float] = []
    norms: list[float] = []
    while not course.ended(recipe):
        if course.is_stuck(recipe):
            course.begin_again(task.easiest)
            with torch.random.fork_rng(devices=[]):  # the new weights have a seed of their own
                anew = np.random.SeedSequence([seed, 33, course.draws])
                torch.manual_seed(int(anew.generate_state(1)[0]))
                reinitialise(net)
            optimisers = _optimisers(net, recipe)
        share = course.rate(recipe)
        for optimiser, rate in optimisers:
            for group in optimiser.param_groups:
                group["lr"] = share * rate
        length = task.sequences(1, course.level, np.random.default_rng(0)).ids.shape[1]
        drawn = task.sequences(max(1, recipe.tokens // length), course.level, random)
        hidden = None if course.learnt is None else _hidden(drawn, recipe.hiding, random)
        loss, right = answers_of(net, drawn, hidden)
        net.zero_grad()
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(net.parameters(), _LONGEST_STEP)
        for optimiser, _ in optimisers:
            optimiser.step()
        losses.append(float(loss.item()))
        norms.append(float(norm))
        course.sequences += len(drawn.ids)
        course.note(right, recipe, task.hardest)
        if len(losses) == _ROUND or course.ended(recipe):
            yield float(np.mean(losses)), share * recipe.learning_rate, float(np.mean(norms))
            losses, norms = [], []


class Muon(torch.optim.Optimizer):
    """Momentum whose matrices are made orthogonal, so that rare directions move as others do.

    Two and three dimensions: each matrix of a stack by itself. A matrix (a, b) moves by
    0.2 √max(a, b) times the rate, about as far as AdamW moves it. (`torch.optim.Muon` takes no
    stacks, which experts are, one matrix at a time, and rounds to bfloat16.)

    Reference: Liu et al. 2025, Muon is scalable for LLM training, doi 10.48550/arXiv.2502.16982.
    """

    def __init__(self, parameters: Iterable[torch.Tensor]) -> None:
        super().__init__(parameters, {"lr": 0.0})

    @torch.no_grad()
    def step(self, closure: object = None) -> None:  # type: ignore[override]
        """Move all matrices once; those of one shape are made orthogonal together."""
        del closure
        for group in self.param_groups:
            by_shape: dict[tuple[int, int], list[tuple[torch.Tensor, torch.Tensor]]] = {}
            for matrix in group["params"]:
                kept = self.state[matrix].setdefault("momentum", torch.zeros_like(matrix))
                kept.lerp_(matrix.grad, 1 - _MOMENTUM)
                wanted = matrix.grad.lerp(kept, _MOMENTUM)
                wide = wanted.shape[-2] <= wanted.shape[-1]
                views = [view if wide else view.mT for view in (matrix, wanted)]
                height, width = views[0].shape[-2:]
                pair = tuple(view.reshape(-1, height, width) for view in views)
                by_shape.setdefault((height, width), []).append((pair[0], pair[1]))
            for (_, width), pairs in by_shape.items():
                moves = orthogonal(torch.cat([wanted for _, wanted in pairs]))
                at = 0
                for matrices, _ in pairs:
                    much = -0.2 * math.sqrt(width) * group["lr"]
                    matrices.add_(moves[at : at + len(matrices)], alpha=much)
                    at += len(matrices)


def orthogonal(matrices: torch.Tensor) -> torch.Tensor:
    """(matrix, a, b) with a ≤ b -> about U Vᵀ of each U S Vᵀ: singular values of 0.7 to 1.2.

    Five steps of Newton and Schulz with the coefficients of Jordan et al. 2024.
    """
    x: torch.Tensor = matrices / matrices.norm(dim=(1, 2), keepdim=True).clamp(min=1e-7)
    for _ in range(5):
        gram = x @ x.mT
        x = 3.4445 * x + torch.baddbmm(gram, gram, gram, beta=-4.775, alpha=2.0315) @ x
    return x


def _optimisers(
    net: PreTrainedModel, recipe: SequenceRecipe
) -> list[tuple[torch.optim.Optimizer, float]]:
    """Muon for the matrices inside, AdamW for all else, and the full rate of each."""
    outside = {id(net.get_input_embeddings().weight), id(net.get_output_embeddings().weight)}
    inside: list[torch.Tensor] = []
    rest: list[torch.Tensor] = []
    for name, parameter in net.named_parameters():
        is_matrix = parameter.dim() > 1 and id(parameter) not in outside
        (inside if is_matrix and "gate.weight" not in name else rest).append(parameter)
    adam = torch.optim.AdamW(rest, lr=recipe.learning_rate, betas=_BETAS)
    return [(adam, recipe.learning_rate), (Muon(inside), recipe.matrix_rate)]


def answers_of(
    net: PreTrainedModel, drawn: Sequences, hidden: Bools | None = None
) -> tuple[torch.Tensor, float]:
    """The mean cross-entropy of the answers of sequences, and the share that is right.

    hidden : (sequence, place) whether the net reads the mask there, token 0. What is right is
    counted in sequences of which nothing is hidden.
    """
    whole = np.ones(len(drawn.ids), dtype=bool) if hidden is None else ~hidden.any(axis=1)
    read = drawn.ids if hidden is None else np.where(hidden, 0, drawn.ids)
    answers = torch.as_tensor(drawn.answers, device=net.device)[:, 1:]
    counted = torch.as_tensor(whole, device=net.device)[:, None].expand_as(answers)[answers]
    inputs = torch.as_tensor(read, device=net.device)[:, :-1]
    states = net.base_model(input_ids=inputs, use_cache=False).last_hidden_state
    logits = net.get_output_embeddings()(states[answers])
    truths = torch.as_tensor(drawn.ids, device=net.device)[:, 1:][answers]
    right = (logits.argmax(dim=-1) == truths)[counted].float().mean()
    return cross_entropy(logits, truths), float(right.item())


def _hidden(drawn: Sequences, share: float, random: np.random.Generator) -> Bools:
    """(sequence, place) which tokens are hidden: in a share of the sequences a share drawn of each.

    The first sequence stays whole.
    """
    n = len(drawn.ids)
    shares = np.where(random.random(n) < share, random.random(n), 0.0)
    shares[0] = 0.0
    return np.asarray(random.random(drawn.ids.shape) < shares[:, None])


def _validated(module: TransformerModule, dataset: Dataset, device: str) -> tuple[float, float]:
    """Loss and share of right answers on rows of the validation part, which are the hardest."""
    part = dataset.validation
    inputs = torch.as_tensor(part.inputs[:_VALIDATED], dtype=torch.float32, device=device)
    labels = torch.as_tensor(part.labels[:_VALIDATED], device=device)
    module.eval()
    with torch.inference_mode():
        logits = module(inputs)
    module.train()
    right = (logits.argmax(dim=1) == labels).float().mean()
    return cross_entropy(logits, labels).item(), right.item()


def _facts(
    rounds: list[EpochRecord], course: _Course, task: TokenTask, seed: int
) -> dict[str, object]:
    """The content of `training.json`, but for the size of the model."""
    learnt = message(
        "training_notes.sequences",
        sequences=course.sequences,
        steps=course.step,
        each=_ROUND,
        first=task.easiest,
        last=task.hardest,
    )
    short = message("training_notes.level", level=course.level, last=task.hardest)
    again = message("training_notes.drawn_anew", times=course.draws - 1)
    loss = rounds[-1].validation_loss  # of the weights that are kept: those of the last step
    return untrained_facts(None, seed, course.sequences // max(len(rounds), 1)) | {
        "stopped_early": course.learnt is not None,
        "epochs": len(rounds),
        "max_epochs": len(rounds),
        "best_epoch": len(rounds),
        "score": message("training_notes.right"),
        "precision": "float32",
        "last_validation_loss": loss,
        "best_validation_loss": loss,
        "notes": [
            learnt,
            *([again] if course.draws > 1 else []),
            *([short] if course.learnt is None else []),
        ],
    }
