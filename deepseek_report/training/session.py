"""One training, from its start or its last checkpoint to the finished folder."""

from __future__ import annotations

import hashlib
import math
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from deepseek_report.artifacts.array_types import Bools, Floats
from deepseek_report.artifacts.message import Text, message, plain
from deepseek_report.artifacts.protocols import models
from deepseek_report.artifacts.protocols.modules import EncodesInputs, ExplainableModule, LayerTrace
from deepseek_report.artifacts.protocols.progress import Progress
from deepseek_report.artifacts.split import Dataset, Split
from deepseek_report.artifacts.storage.files import save_json, save_table
from deepseek_report.artifacts.storage.plain_files import make_folder, remove
from deepseek_report.artifacts.storage.weights import WEIGHTS
from deepseek_report.store.run_folder import EVENTS
from deepseek_report.tasks import task_of
from deepseek_report.training import resume_point
from deepseek_report.training.epoch import (
    AdamW,
    Objective,
    Stepper,
    choose_precision,
    objective_for,
)
from deepseek_report.training.resume_point import State
from deepseek_report.training.settings import TrainingSettings

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
    module: ExplainableModule,
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


def encoded_once(
    module: ExplainableModule, parts: Sequence[Tensor]
) -> tuple[Forward, list[Tensor]]:
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


class Session:
    """Trains one module; see `TrainingSettings`."""

    def __init__(
        self,
        settings: TrainingSettings,
        module: ExplainableModule,
        dataset: Dataset,
        place: models.TrainingPlace,
        penalty: models.Penalty | None = None,
    ) -> None:
        self.settings, self.place, self.penalty = settings, place, penalty
        self.module = module.to(place.device)
        self.precision = choose_precision(settings.precision, place.device, module)
        train, most = dataset.train, settings.max_rows
        if most is not None and most < len(train):  # a sample, in the old order
            drawn = np.random.default_rng(place.seed).permutation(len(train))[:most]
            train = train.take(np.sort(drawn))
        self.objective = objective_for(dataset.schema, train)
        inputs, truths = _tensors(train, self.objective, place.device)
        self.held_out, known = _tensors(dataset.validation, self.objective, place.device)
        parts = inputs, self.held_out
        self.evaluated: Forward = self.module.forward_with_balance
        encoded = list(parts)
        if penalty is None:  # it redraws values in original units
            self.evaluated, encoded = encoded_once(self.module, parts)
        self.train, self.checked = (encoded[0], truths), (encoded[1], known)
        self.forward = self.evaluated
        self.compile_note: Text = ""
        if settings.compile:
            self.forward, self.compile_note = compiled(self.evaluated)
        target = dataset.schema.target
        self.explained = target.explained
        positive = torch.as_tensor(dataset.validation.labels == target.explained)
        self.positive = positive if task_of(target).decides else None
        self.optimiser = AdamW(module.parameters(), settings.learning_rate, settings.weight_decay)
        self.stepper = self._stepper()
        self.fingerprint = self._fingerprint(train)
        self._next_checkpoint = 0.0

    def run(self, progress: Progress) -> None:
        """Train and write the folder; the checkpoint of an earlier attempt is taken up."""
        started = time.perf_counter()
        make_folder(self.place.folder)
        with torch.random.fork_rng(), _deterministic(self.place.device):
            state = resume_point.load_checkpoint(*self._checkpointed())
            if state is None:
                state = State(best=_copy(self.module))
            else:
                self.stepper.scaler.load_state_dict(state.scaler)
            self._train(state, started - state.seconds, progress)
        self._write(state)

    def _train(self, state: State, started: float, progress: Progress) -> None:
        """Go on until an end is reached, then put the best weights in place."""
        progress.start("training", self.stepper.total)
        progress.advance(state.steps)
        board = None
        if self.settings.tensorboard:
            board = TensorBoard(self.place.folder / EVENTS, state.epochs)
        patience = self.settings.patience * self.epochs / self.settings.max_epochs
        while not state.diverged and state.epochs < min(self.epochs, state.best_epoch + patience):
            speed = self._epoch(state, progress)
            if board is not None and not state.diverged:
                board.epoch(state.rows[-1], speed, self.module, self.held_out)
            if time.perf_counter() >= self._next_checkpoint:
                self._save(state, started)
        self.module.load_state_dict(state.best)
        self.module.eval()
        if board is not None:
            board.finish(self.module, self.held_out, self.positive, self.explained)
        state.seconds = time.perf_counter() - started

    def _epoch(self, state: State, progress: Progress) -> dict[str, float]:
        """One epoch and its evaluation; a loss that is not finite leaves only the mark of it.

        Returns how fast it was.
        """
        drawn = np.random.SeedSequence([self.place.seed, state.epochs])
        torch.manual_seed(int(drawn.generate_state(1, np.uint64)[0] >> 1))
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
            models.EpochRecord(
                epoch=state.epochs + 1,
                train_loss=done.loss,
                validation_loss=loss,
                validation_score=score,
                learning_rate=done.learning_rate,
                gradient_norm=done.gradient_norm,
                balance_loss=done.balance,
            )
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
        resume_point.save_checkpoint(*self._checkpointed(), state)
        ended = time.perf_counter()
        self._next_checkpoint = ended + _SPARING * (ended - begun)

    def _checkpointed(self) -> tuple[Path, str, ExplainableModule, AdamW]:
        """Where the checkpoint lies, whose it is, and what it holds besides the state."""
        return self.place.folder, self.fingerprint, self.module, self.optimiser

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
        return resume_point.fingerprint(parts, self.module)

    def _write(self, state: State) -> None:
        """Write weights, history, summaries and timing; remove the checkpoint last."""
        folder, architecture = self.place.folder, self.module.architecture()
        resume_point.save_tensors(folder / WEIGHTS, self.module.state_dict())
        save_table(folder / "history.parquet", models.history_table(state.rows))
        save_json(folder / "architecture.json", plain(architecture))
        save_json(folder / "training.json", plain(self._summary(state, architecture["parameters"])))
        save_json(folder / "times.json", self._timing(state))
        remove(folder / resume_point.CHECKPOINT)

    def _summary(self, state: State, parameters: int) -> dict[str, object]:
        return {
            "epochs": state.epochs,
            "max_epochs": self.epochs,
            "best_epoch": state.best_epoch,
            "score": self.objective.score_name,
            "stopped_early": state.epochs < self.epochs and not state.diverged,
            "precision": self.precision.name,
            "precision_reason": self.precision.reason,
            "accumulation": self.settings.accumulation,
            "device": self.place.device,
            "parameters": parameters,
            "seed": self.place.seed,
            "rows": len(self.train[1]),
            "diverged": state.diverged,
            "last_validation_loss": state.rows[-1].validation_loss if state.rows else None,
            "best_validation_loss": state.best_loss if state.rows else None,
            "notes": self._notes(state),
        }

    def _notes(self, state: State) -> list[Text]:
        """What a reader must know about how training went, as whole sentences."""
        notes: list[Text] = []
        if state.diverged and state.rows:
            best, epoch = state.best_epoch, state.epochs + 1
            notes.append(message("training_notes.diverged", epoch=epoch, best=best))
        if state.diverged and not state.rows:
            notes.append(message("training_notes.diverged_at_once"))
        if self.compile_note:
            notes.append(self.compile_note)
        if (rise := _overfit(state)) is not None:
            notes.append(message("training_notes.overfit", best=state.best_epoch, rise=rise))
        losses = [row.validation_loss for row in state.rows]
        # under a schedule that ends at a rate of 0 the last epoch is often the best by a little
        still_falls = len(losses) > 1 and losses[-1] < 0.99 * min(losses[:-1])
        if state.epochs == self.epochs and still_falls:
            notes.append(message("training_notes.still_falling"))
        return notes

    def _timing(self, state: State) -> dict[str, float | None]:
        rows = len(self.train[1]) * state.epochs
        return {
            "seconds": state.seconds,
            "seconds_per_epoch": state.seconds / max(state.epochs, 1),
            "step_seconds": state.step_seconds,
            "input_seconds": state.input_seconds,
            "rows_per_second": None,
            "tokens_per_second": None,
            "input_share": None,
            **speeds(rows, self.tokens, state.step_seconds, state.input_seconds),
            "peak_memory": _peak_memory(),
        }


def _tensors(part: Split, objective: Objective, device: str) -> tuple[Tensor, Tensor]:
    inputs = torch.as_tensor(part.inputs, dtype=torch.float32)  # mps has no float64
    return inputs.to(device), objective.truths(part).to(device)


def _copy(module: ExplainableModule) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in module.state_dict().items()}


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


# --- Small pictures as arrays of numbers, for TensorBoard; drawn without a plotting library -------

Picture = NDArray[np.uint8]
_SIZE = 160
#: Cells along the longer side of a map; larger maps show the mean of neighbours.
_CELLS = 128


def maps(weights: NDArray[np.float32], zoom: int = 8) -> Picture:
    """Maps side by side, each scaled to its own greatest value; dark is much.

    weights : (map, row, column) from 0. zoom : pixels a cell.
    Returns (1, height, width) grey values.
    """
    weights = _pooled(_pooled(weights, 1), 2)
    top = weights.max(axis=(1, 2), keepdims=True)
    shade = 255 - 255 * weights / np.where(top > 0, top, 1)
    cells = np.repeat(np.repeat(shade, zoom, axis=1), zoom, axis=2)
    framed = np.pad(cells, ((0, 0), (0, 0), (0, zoom)), constant_values=255)
    return np.concatenate(list(framed), axis=1)[None].astype(np.uint8)


def _pooled(maps: NDArray[np.float32], axis: int) -> NDArray[np.float32]:
    """Means of neighbours along an axis, so that at most `_CELLS` are left."""
    size = maps.shape[axis]
    if size <= _CELLS:
        return maps
    starts = np.linspace(0, size, _CELLS, endpoint=False).astype(np.int64)
    shape = [1, 1, 1]
    shape[axis] = _CELLS
    counts = np.diff(np.append(starts, size)).reshape(shape)
    return np.asarray(np.add.reduceat(maps, starts, axis=axis) / counts, dtype=np.float32)


def curve(across: Floats, up: Floats) -> Picture:
    """A line through points in the unit square over its grey diagonal, (1, size, size)."""
    canvas = np.full((_SIZE, _SIZE), 255, dtype=np.uint8)
    diagonal = np.arange(_SIZE)
    canvas[_SIZE - 1 - diagonal, diagonal] = 200
    steps = np.linspace(0, 1, 4 * _SIZE)
    path = np.linspace(0, 1, len(across))
    columns = np.interp(steps, path, across) * (_SIZE - 1)
    rows = (1 - np.interp(steps, path, up)) * (_SIZE - 1)
    canvas[rows.round().astype(int), columns.round().astype(int)] = 0
    return canvas[None]


def roc(scores: NDArray[np.float32], positive: Bools) -> Picture:
    """The ROC curve of one class, (1, size, size)."""
    order = np.argsort(-scores, kind="stable")
    hits = np.concatenate([[0], np.cumsum(positive[order])])
    misses = np.concatenate([[0], np.cumsum(~positive[order])])
    return curve(misses / max(misses[-1], 1), hits / max(hits[-1], 1))


def calibration(scores: NDArray[np.float32], positive: Bools, bins: int = 10) -> Picture:
    """Observed share against predicted probability in bins of equal count, (1, size, size)."""
    parts = np.array_split(np.argsort(scores, kind="stable"), min(bins, len(scores)))
    predicted = np.array([scores[part].mean() for part in parts], dtype=np.float64)
    observed = np.array([positive[part].mean() for part in parts], dtype=np.float64)
    return curve(predicted, observed)


# --- TensorBoard: graph, scalars, parameter histograms and pictures -------------------------------

_TRACED_ROWS = 256
#: Attention weights of one head that a trace may hold, so that long inputs fit the memory.
_TRACED_WEIGHTS = 2**22
#: Parameters whose histogram is written after each epoch; of larger models only at the end.
_HISTOGRAMS = 5_000_000
#: Weights of one parameter that its histogram counts; of more of them every second, third, …
_COUNTED = 2**16


#: What TensorBoard's tab of custom scalars draws in one chart each.
LAYOUT: dict[str, dict[str, list[object]]] = {
    "Training": {
        "loss": ["Multiline", ["training/train_loss", "training/validation_loss"]],
        "score on the validation part": ["Multiline", ["training/validation_score"]],
        "experts in use": ["Multiline", ["experts/effective in layer .*"]],
        "size of the gradient": ["Multiline", ["training/gradient_norm"]],
    }
}


class TensorBoard:
    """Writes event files to `folder`; steps are epochs, counted from 1."""

    def __init__(self, folder: Path, epochs_done: int) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from torch.utils.tensorboard import SummaryWriter

        self.writer = SummaryWriter(str(folder), purge_step=epochs_done + 1)
        self.writer.add_custom_scalars(LAYOUT)

    def epoch(
        self,
        record: models.EpochRecord,
        speed: Mapping[str, float],
        module: ExplainableModule,
        inputs: Tensor,
    ) -> None:
        """Scalars of the last epoch, how evenly the experts are used on rows that the training
        does not see, and, of models up to 5 M weights, their histograms.
        """
        step = record.epoch
        for name, value in {**vars(record), **speed}.items():
            if name != "epoch":
                self.writer.add_scalar(f"training/{name}", value, step)
        for layer, effective in expert_balance(module, inputs).items():
            self.writer.add_scalar(f"experts/effective in layer {layer}", effective, step)
        if sum(parameter.numel() for parameter in module.parameters()) > _HISTOGRAMS:
            return
        for name, parameter in module.named_parameters():
            # a table without categories has an empty embedding of them
            if parameter.numel() and parameter.requires_grad:
                weights = parameter.detach().flatten()
                counted = weights[:: -(-len(weights) // _COUNTED)]
                self.writer.add_histogram(name.replace(".", "/"), counted, step, bins="fd")

    def finish(
        self, module: ExplainableModule, inputs: Tensor, positive: Tensor | None, target: int
    ) -> None:
        """The graph and the pictures of the finished model."""
        self._graph(module, inputs[:2])
        rows = _traceable(module)
        with torch.no_grad():
            logits, traces = module.trace(inputs[:rows])
        for layer, trace in enumerate(traces, start=1):
            self._layer(layer, trace)
        if positive is not None:
            scores = logits.float().softmax(1)[:, target].cpu().numpy()
            truth = positive[:rows].cpu().numpy()
            self.writer.add_image("validation/roc", roc(scores, truth))
            self.writer.add_image("validation/calibration", calibration(scores, truth))
        self.writer.close()

    def _layer(self, layer: int, trace: LayerTrace) -> None:
        for branch, weights in (trace.attention or {}).items():
            self._maps(f"attention/layer {layer} {branch}", weights.mean(0))
        if trace.routes:
            self._maps(f"routes/layer {layer}", torch.cat(list(trace.routes.values()), dim=1)[None])
        if trace.expert_weights is not None:
            self._maps(f"experts/layer {layer}", trace.expert_weights.mean(0)[None])

    def _maps(self, name: str, weights: Tensor) -> None:
        self.writer.add_image(name, maps(weights.float().cpu().numpy()))

    def _graph(self, module: ExplainableModule, inputs: Tensor) -> None:
        """The graph as torch traces it; a check of the trace would load torch's compiler."""
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            try:
                traced = torch.jit.trace(module, inputs, check_trace=False)
                self.writer.add_graph(traced, inputs)
            except Exception as error:  # tracing fails in many ways, and the graph is an extra
                self.writer.add_text("graph", f"The graph could not be traced: {error}")


def expert_balance(module: ExplainableModule, inputs: Tensor) -> dict[int, float]:
    """How many experts a layer uses in effect, counted from 1.

    exp of the entropy of the experts' mean weights: 1 where one expert does all, their number
    where all do as much. Empty for modules without routed experts. The module is left in
    evaluation mode, and no random number is drawn.
    """
    if not hasattr(module, "trace"):
        return {}
    module.eval()
    with torch.no_grad():
        if all(layer.expert_weights is None for layer in module.trace(inputs[:1])[1]):
            return {}
        _, traces = module.trace(inputs[: _traceable(module)])
    weights = {
        layer: trace.expert_weights.float().sum((0, 1))
        for layer, trace in enumerate(traces, start=1)
        if trace.expert_weights is not None
    }
    return {
        layer: float(torch.special.entr(used / used.sum()).sum().exp())
        for layer, used in weights.items()
    }


def _traceable(module: ExplainableModule) -> int:
    tokens = len(getattr(module, "token_columns", ())) or 1
    return max(1, min(_TRACED_ROWS, _TRACED_WEIGHTS // tokens**2))


# --- What a finished training leaves in its folder; `docs/contracts.md` names the fields ----------


def _overfit(state: State) -> float | None:
    """By what share the validation loss rose since its best, where only it rose; else None.

    A rise of less than five in a hundred is called noise.
    """
    if not state.rows or state.best_epoch < 1:
        return None
    best, last = state.rows[state.best_epoch - 1], state.rows[-1]
    rise = last.validation_loss / best.validation_loss - 1
    return rise if rise > 0.05 and last.train_loss < best.train_loss else None


def speeds(rows: int, tokens: int, seconds: float, input_seconds: float) -> dict[str, float]:
    """How fast steps were, and the share of their time that fetching rows took.

    rows : that the steps used; tokens : of one row. seconds : of the steps, validation left out.
    """
    if not seconds:
        return {}
    rates = {"rows_per_second": rows / seconds, "input_share": input_seconds / seconds}
    return rates | ({"tokens_per_second": rows * tokens / seconds} if tokens else {})


def _peak_memory() -> float:
    """Peak resident memory of the process in MiB (the present one where no peak is kept)."""
    try:
        import resource
    except ImportError:
        import psutil

        return float(psutil.Process().memory_info().rss) / 2**20
    import sys

    unit = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
