"""One training, from its start or its last checkpoint to the finished folder."""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from deepseek_report.artifacts.message import Text, message
from deepseek_report.artifacts.protocols.models import Penalty
from deepseek_report.artifacts.protocols.modules import EncodesInputs
from deepseek_report.artifacts.protocols.progress import Progress
from deepseek_report.artifacts.split import Dataset, Split
from deepseek_report.artifacts.storage.plain_files import make_folder
from deepseek_report.tasks import task_of
from deepseek_report.training.board import open_board
from deepseek_report.training.epoch import AdamW, Stepper
from deepseek_report.training.objective import Objective, objective_for
from deepseek_report.training.precision import choose_precision
from deepseek_report.training.resume_point import (
    State,
    fingerprint,
    load_checkpoint,
    save_checkpoint,
)
from deepseek_report.training.settings import TrainingSettings
from deepseek_report.training.training_folder import TrainingFacts, speeds, write_outputs

# --- torch.compile as an option: tried before it is relied on -------------------------------------

Forward = Callable[[torch.Tensor], tuple[torch.Tensor, torch.Tensor]]


def compiled(forward: Forward) -> tuple[Forward, Text]:
    """The function compiled; or unchanged, with a sentence that says why.

    A function of one line shows whether there is a compiler. Parts of a model that cannot
    be compiled run as they are. The module itself is not wrapped, so the names of its weights stay.
    """
    try:
        with torch.no_grad():
            torch.compile(_trial)(torch.zeros(2))
    except Exception as error:  # the backends raise errors of many kinds
        reason = str(error).strip().splitlines()[0].rstrip(".")
        return forward, message(
            "training_notes.not_compiled", error=type(error).__name__, reason=reason
        )
    torch._dynamo.config.suppress_errors = True
    return torch.compile(forward), ""


def _trial(number: torch.Tensor) -> torch.Tensor:
    return number * 2 + 1


# --- Loss and score on the validation part --------------------------------------------------------

ROWS_AT_ONCE = 256


def evaluate(
    module: Any,
    forward: Forward,
    objective: Objective,
    inputs: Tensor,
    truths: Tensor,
    rows: int = ROWS_AT_ONCE,
) -> tuple[float, float]:
    """Mean loss (no smoothing) and score in evaluation mode, at most so many rows at a time.

    forward : of the module, from rows like `inputs`.
    """
    module.eval()
    outputs = predict(forward, inputs, min(rows, ROWS_AT_ONCE))
    known = truths.cpu()
    return objective.loss(outputs, known).item(), objective.score(outputs, known)


def predict(forward: Forward, inputs: Tensor, rows_at_once: int) -> Tensor:
    """(instance, …) -> (instance, output) as float32 on the CPU."""
    with torch.no_grad():
        parts = [forward(rows)[0].float().cpu() for rows in torch.split(inputs, rows_at_once)]
    return torch.cat(parts)


# --- One training, from its start or its last checkpoint to the finished folder -------------------

#: Numbers that all encoded rows may have together: 256 MB.
_MOST = 2**26


def encoded_once(module: Any, parts: Sequence[Tensor]) -> tuple[Forward, list[Tensor]]:
    """What training puts its rows through, and the rows as that reads them.

    parts : (instance, feature) rows in original units.
    Returns `forward_with_balance` and the rows as they are; of a module whose embedding has no
    weights, what comes after it, and the embedded rows, if these fit the memory.
    """
    rows = sum(len(part) for part in parts)
    if not isinstance(module, EncodesInputs) or rows * len(module.unit_features) > _MOST:
        return module.forward_with_balance, list(parts)
    with torch.no_grad():
        encoded = [torch.cat([module.embed(r) for r in p.split(ROWS_AT_ONCE)]) for p in parts]
    return module.encoded_with_balance, encoded


#: Time between two checkpoints, in times of what the last one took: with wide inputs an epoch may
#: be shorter than writing what it leaves.
_SPARING = 10


@dataclass(frozen=True)
class Place:
    """Where and from which seed a training runs."""

    folder: Path
    seed: int
    device: str


class Session:
    """Trains one module; see `TrainingSettings`."""

    def __init__(
        self,
        settings: TrainingSettings,
        module: Any,
        dataset: Dataset,
        place: Place,
        penalty: Penalty | None = None,
    ) -> None:
        self.settings, self.place, self.penalty = settings, place, penalty
        self.module = module.to(place.device)
        self.precision = choose_precision(settings.precision, place.device, module)
        train = _chosen_rows(dataset.train, settings.max_rows, place.seed)
        self.explained = dataset.schema.target.explained
        self.objective = objective_for(dataset.schema, train)
        inputs, truths = _tensors(train, self.objective, place.device)
        self.held_out, known = _tensors(dataset.validation, self.objective, place.device)
        parts = inputs, self.held_out
        self.evaluated, encoded = self.module.forward_with_balance, list(parts)
        if penalty is None:  # it redraws values in original units
            self.evaluated, encoded = encoded_once(self.module, parts)
        self.train, self.checked = (encoded[0], truths), (encoded[1], known)
        self.forward = self.evaluated
        self.compile_note: Text = ""
        if settings.compile:
            self.forward, self.compile_note = compiled(self.evaluated)
        self.positive = _positive(dataset)
        self.optimiser = AdamW(module.parameters(), settings.learning_rate, settings.weight_decay)
        self.stepper = self._stepper()
        self.fingerprint = self._fingerprint(train)
        self._next_checkpoint = 0.0

    def run(self, progress: Progress) -> None:
        """Train and write the folder; the checkpoint of an earlier attempt is taken up."""
        started = time.perf_counter()
        make_folder(self.place.folder)
        with torch.random.fork_rng(), _deterministic(self.place.device):
            state = self._start_or_resume()
            self._train(state, started - state.seconds, progress)
        write_outputs(self.place.folder, self.module, state, self._facts(state))

    def _train(self, state: State, started: float, progress: Progress) -> None:
        """Go on until an end is reached, then put the best weights in place."""
        progress.start("training", self.stepper.total)
        progress.advance(state.steps)
        board = open_board(self.place.folder, self.settings.tensorboard, state.epochs)
        while not (state.diverged or state.epochs >= self.epochs or self._stalled(state)):
            speed = self._epoch(state, progress)
            if not state.diverged:
                board.epoch({**state.rows[-1], **speed}, self.module, self.held_out)
            if time.perf_counter() >= self._next_checkpoint:
                self._save(state, started)
        self.module.load_state_dict(state.best)
        board.finish(self.module.eval(), self.held_out, self.positive, self.explained)
        state.seconds = time.perf_counter() - started

    def _epoch(self, state: State, progress: Progress) -> dict[str, float]:
        """One epoch and its evaluation; a loss that is not finite leaves only the mark of it.

        Returns how fast it was.
        """
        torch.manual_seed(_seed_of(self.place.seed, state.epochs))
        done = self.stepper.epoch(*self.train, state.steps, progress)
        loss, score = math.nan, math.nan
        if done.finite:
            size = self.settings.batch_size
            judged = self.evaluated, self.objective, *self.checked
            loss, score = evaluate(self.module, *judged, size)
            loss += self._penalty_of_validation(size)
        if not math.isfinite(loss):
            state.diverged = True
            return {}
        state.step_seconds += done.seconds
        state.input_seconds += done.input_seconds
        state.steps += self.steps_per_epoch
        state.rows.append(
            {
                "epoch": state.epochs + 1,
                "train_loss": done.loss,
                "validation_loss": loss,
                "validation_score": score,
                "learning_rate": done.learning_rate,
                "gradient_norm": done.gradient_norm,
                "balance_loss": done.balance,
            }
        )
        if loss < state.best_loss:
            state.best_loss, state.best_epoch = loss, state.epochs
            state.best = _copy(self.module)
        return speeds(len(self.train[1]), self.tokens, done.seconds, done.input_seconds)

    def _penalty_of_validation(self, size: int) -> float:
        """The mean penalty of the validation part, drawn alike in every epoch; 0 without one."""
        if self.penalty is None:
            return 0.0
        batches = torch.split(self.held_out, size)
        with torch.no_grad():
            terms = [self.penalty.of(self.module, rows, k) for k, rows in enumerate(batches)]
        shares = zip(batches, terms, strict=True)
        whole = sum(len(rows) * float(term.item()) for rows, term in shares)
        return whole / len(self.held_out)

    def _save(self, state: State, started: float) -> None:
        """Write where training is; what is lost of a killed one costs time and changes nothing."""
        begun = time.perf_counter()
        state.seconds = begun - started
        state.scaler = self.stepper.scaler.state_dict()
        save_checkpoint(self.place.folder, self.fingerprint, state, self.module, self.optimiser)
        ended = time.perf_counter()
        self._next_checkpoint = ended + _SPARING * (ended - begun)

    def _stalled(self, state: State) -> bool:
        patience = self.settings.patience * self.epochs / self.settings.max_epochs
        return state.epochs - state.best_epoch >= patience

    def _start_or_resume(self) -> State:
        resumed = load_checkpoint(self.place.folder, self.fingerprint, self.module, self.optimiser)
        if resumed is None:
            return State(best=_copy(self.module))
        self.stepper.scaler.load_state_dict(resumed.scaler)
        return resumed

    @property
    def steps_per_epoch(self) -> int:
        """Optimiser steps in which every training row is used once."""
        return math.ceil(len(self.train[1]) / self.settings.rows_per_step)

    @property
    def epochs(self) -> int:
        """The most epochs that training may take, so that small data get steps enough."""
        return self.settings.most_epochs(len(self.train[1]))

    @property
    def tokens(self) -> int:
        """Tokens that the module makes of one row, as it says itself or all; 0 without any."""
        named = getattr(self.module, "tokens_per_row", None)
        return int(named) if named is not None else len(getattr(self.module, "token_columns", ()))

    def _stepper(self) -> Stepper:
        s = self.settings
        return Stepper(
            settings=s,
            module=self.module,
            objective=self.objective,
            optimiser=self.optimiser,
            scaler=torch.amp.GradScaler("cuda", enabled=self.precision.scales),
            precision=self.precision,
            device=self.place.device,
            total=self.epochs * self.steps_per_epoch,
            forward=self.forward,
            penalty=self.penalty,
        )

    def _fingerprint(self, train: Split) -> str:
        truths = self.objective.truths(train).numpy()
        data = hashlib.sha256(train.inputs.tobytes() + truths.tobytes()).hexdigest()
        parts = {
            "settings": asdict(self.settings),
            "seed": self.place.seed,
            "precision": self.precision.name,
            "data": data,
        }
        if self.penalty is not None:
            parts["penalty"] = self.penalty.describe()
        return fingerprint(parts, self.module)

    def _facts(self, state: State) -> TrainingFacts:
        return TrainingFacts(
            precision=self.precision,
            accumulation=self.settings.accumulation,
            device=self.place.device,
            seed=self.place.seed,
            rows=len(self.train[1]),
            tokens=self.tokens,
            compile_note=self.compile_note,
            max_epochs=self.epochs,
            score=self.objective.score_name,
            stopped_early=state.epochs < self.epochs and not state.diverged,
        )


def _tensors(part: Split, objective: Objective, device: str) -> tuple[Tensor, Tensor]:
    inputs = torch.as_tensor(
        part.inputs, dtype=torch.float32
    )  # before the move: mps has no float64
    return inputs.to(device), objective.truths(part).to(device)


def _positive(dataset: Dataset) -> Tensor | None:
    """(instance,) whether a validation row has the explained class; None for a number."""
    target = dataset.schema.target
    return (
        torch.as_tensor(dataset.validation.labels == target.explained)
        if task_of(target).decides
        else None
    )


def _chosen_rows(train: Split, most: int | None, seed: int) -> Split:
    """All rows, or a seeded sample of them in their old order."""
    if most is None or most >= len(train):
        return train
    return train.take(np.sort(np.random.default_rng(seed).permutation(len(train))[:most]))


def _copy(module: Any) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in module.state_dict().items()}


def _seed_of(seed: int, epoch: int) -> int:
    """A seed for one epoch, unlike those of all others."""
    return int(np.random.SeedSequence([seed, epoch]).generate_state(1, np.uint64)[0] >> 1)


@contextmanager
def _deterministic(device: str) -> Iterator[None]:
    """On a GPU, take the reproducible algorithm wherever there is one; CPUs do so already.

    On a CPU nothing is asked of torch, which would load its compiler.
    """
    if torch.device(device).type != "cuda":
        yield
        return
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before)
