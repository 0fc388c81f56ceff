"""One pass over the training rows: what it minimises, by which steps, in which number format."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, Protocol, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy
from torch.optim.adamw import adamw

from deepseek_report.artifacts.array_types import Ints
from deepseek_report.artifacts.message import Message, message
from deepseek_report.artifacts.protocols.models import Penalty
from deepseek_report.artifacts.protocols.modules import ExplainableModule
from deepseek_report.artifacts.protocols.progress import Progress
from deepseek_report.artifacts.schema import Schema
from deepseek_report.artifacts.split import Split
from deepseek_report.statistics.ranking import binary_auc
from deepseek_report.tasks import task_of
from deepseek_report.training.settings import TrainingSettings

# --- What is minimised, and by which score a person follows it: one for each kind of target -------


class Objective(Protocol):
    """A loss and a score; `score_name` is what a person calls the score."""

    @property
    def score_name(self) -> str: ...

    def truths(self, part: Split) -> Tensor:
        """What the outputs are compared with."""

    def loss(self, outputs: Tensor, truths: Tensor, smoothing: float = 0.0) -> Tensor:
        """Mean loss of a batch; `smoothing` in [0, 1) draws the truths toward chance."""

    def score(self, outputs: Tensor, truths: Tensor) -> float:
        """How good all outputs of a part are; higher is better, NaN where it is not defined."""


@dataclass(frozen=True)
class Classes:
    """Cross-entropy of one of several classes; ROC AUC."""

    score_name: str = "ROC AUC"

    def truths(self, part: Split) -> Tensor:
        return torch.as_tensor(part.labels)

    def loss(self, outputs: Tensor, truths: Tensor, smoothing: float = 0.0) -> Tensor:
        return cross_entropy(outputs, truths, label_smoothing=smoothing)

    def score(self, outputs: Tensor, truths: Tensor) -> float:
        return roc_auc(outputs.softmax(1).numpy(), truths.numpy())


@dataclass(frozen=True)
class Labels:
    """Binary cross-entropy of each label on its own; the mean of their ROC AUC."""

    score_name: str = "mean ROC AUC of the labels"

    def truths(self, part: Split) -> Tensor:
        assert part.all_labels is not None, "a multi-label data set has all_labels"  # noqa: S101
        return torch.as_tensor(part.all_labels, dtype=torch.float32)

    def loss(self, outputs: Tensor, truths: Tensor, smoothing: float = 0.0) -> Tensor:
        return binary_cross_entropy_with_logits(outputs, truths * (1 - smoothing) + smoothing / 2)

    def score(self, outputs: Tensor, truths: Tensor) -> float:
        columns = zip(outputs.numpy().T, truths.numpy().T, strict=True)
        areas = np.array([binary_auc(scores, truth > 0) for scores, truth in columns])
        return float(areas[~np.isnan(areas)].mean()) if not np.isnan(areas).all() else float("nan")


@dataclass(frozen=True)
class Number:
    """Squared error in units of the training part's variance, so 1 is what its mean gives; R²."""

    variance: float
    score_name: str = "R²"

    def truths(self, part: Split) -> Tensor:
        return torch.as_tensor(part.labels, dtype=torch.float32)

    def loss(self, outputs: Tensor, truths: Tensor, smoothing: float = 0.0) -> Tensor:
        del smoothing
        return ((outputs[:, 0] - truths) ** 2).mean() / self.variance

    def score(self, outputs: Tensor, truths: Tensor) -> float:
        spread = truths.var(correction=0)
        return float(1 - ((outputs[:, 0] - truths) ** 2).mean() / spread) if spread > 0 else np.nan


def objective_for(schema: Schema, train: Split) -> Objective:
    """The objective that fits the target; statistics come from the training part alone."""
    task = task_of(schema.target)
    if not task.decides:
        return Number(float(np.var(train.labels)) or 1.0)
    return Labels() if task.several else Classes()


def roc_auc(probabilities: NDArray[np.float32], labels: Ints) -> float:
    """Area under the ROC curve; with more than two classes the mean of one class against the rest.

    Returns A value in [0, 1]; 0.5 means that the scores order at random, NaN that only one class is
    there.

    Reference: Hanley & McNeil 1982, doi 10.1148/radiology.143.1.7063747.
    """
    classes = [1] if probabilities.shape[1] == 2 else range(probabilities.shape[1])
    return float(np.mean([binary_auc(probabilities[:, c], labels == c) for c in classes]))


# --- AdamW, in one call for all parameters --------------------------------------------------------


@dataclass
class ParameterGroup:
    """Parameters that share a weight decay and a learning rate."""

    parameters: list[Tensor]
    decay: float
    rate: float


@dataclass
class Moments:
    """Of one parameter: steps that it took, and the means of its gradient and of its square."""

    step: Tensor
    exp_avg: Tensor
    exp_avg_sq: Tensor


class AdamW:
    """The numbers of `torch.optim.AdamW` with `fused=True`; decay acts on matrices alone.

    It calls the same function of torch. The class of torch loads torch's compiler as soon as it is
    made, which costs a second and 30 MiB.

    state : {number of a parameter: its moments}; none before its first step.

    Reference: Loshchilov & Hutter 2019, doi 10.48550/arXiv.1711.05101.
    """

    def __init__(self, parameters: Iterable[Tensor], rate: float, decay: float) -> None:
        everything = list(parameters)
        matrices = [p for p in everything if p.dim() >= 2]
        others = [p for p in everything if p.dim() < 2]
        self.groups = [ParameterGroup(matrices, decay, rate), ParameterGroup(others, 0.0, rate)]
        self.number = {id(p): i for i, p in enumerate((*matrices, *others))}
        self.state: dict[int, Moments] = {}

    @property
    def param_groups(self) -> list[dict[str, list[Tensor]]]:
        """The parameters as torch's `GradScaler` reads them."""
        return [{"params": group.parameters} for group in self.groups]

    def zero_grad(self) -> None:
        """Forget all gradients."""
        for group in self.groups:
            for parameter in group.parameters:
                parameter.grad = None

    @torch.no_grad()
    def step(self) -> None:
        """Change the parameters that have a gradient."""
        for group in self.groups:
            pairs = [(p, p.grad) for p in group.parameters if p.grad is not None]
            moments = [self._moments(p) for p, _ in pairs]
            adamw(
                [p for p, _ in pairs],
                [gradient for _, gradient in pairs],
                [m.exp_avg for m in moments],
                [m.exp_avg_sq for m in moments],
                [],
                [m.step for m in moments],
                fused=True,
                amsgrad=False,
                beta1=0.9,
                beta2=0.999,
                lr=group.rate,
                weight_decay=group.decay,
                eps=1e-8,
                maximize=False,
            )

    def _moments(self, parameter: Tensor) -> Moments:
        number = self.number[id(parameter)]
        if number not in self.state:
            taken = torch.zeros((), dtype=torch.float32, device=parameter.device)
            zeros = torch.zeros_like(parameter)
            self.state[number] = Moments(taken, zeros, zeros.clone())
        return self.state[number]


# --- One pass over the training rows --------------------------------------------------------------


def learning_rate(
    step: int,
    total: int,
    peak: float,
    schedule: Literal["cosine", "linear", "constant"],
    warmup: float,
) -> float:
    """The learning rate of one optimiser step.

    It rises linearly to `peak` over the first `warmup · total` steps; then it stays (constant),
    falls to 0 in a line (linear), or along half a cosine wave (cosine).

    step : 0 … total − 1. warmup : share in [0, 1).
    Returns A rate in (0, peak].

    Reference: Loshchilov & Hutter 2017, SGDR, doi 10.48550/arXiv.1608.03983 (cosine).
    """
    rising = round(warmup * total)
    if step < rising:
        return peak * (step + 1) / rising
    if schedule == "constant":
        return peak
    done = (step - rising) / max(total - rising, 1)
    left = 1 - done if schedule == "linear" else (1 + math.cos(math.pi * done)) / 2
    return peak * left


@dataclass(frozen=True)
class Pass:
    """What an epoch gave: means over its rows or steps, and whether every loss was finite.

    seconds : of all steps; input_seconds : the part of them that went into fetching rows.
    """

    loss: float
    balance: float
    gradient_norm: float
    learning_rate: float
    finite: bool
    seconds: float
    input_seconds: float


@dataclass
class Stepper:
    """Takes optimiser steps.

    forward : what a batch is put through, the module's `forward_with_balance` or its compiled form.
    total : optimiser steps that the whole training would take, which sets the schedule.
    penalty : a term that is added to the loss of a batch.
    """

    settings: TrainingSettings
    module: ExplainableModule
    objective: Objective
    optimiser: AdamW
    scaler: torch.amp.GradScaler
    precision: Precision
    device: str
    total: int
    forward: Callable[[Tensor], tuple[Tensor, Tensor]]
    penalty: Penalty | None = None

    def epoch(self, inputs: Tensor, labels: Tensor, first_step: int, progress: Progress) -> Pass:
        """Train on all rows once, in an order drawn from torch's current random state.

        inputs : (instance, feature). labels : what the objective compares with.
        first_step : steps done before.
        """
        self.module.train()
        started = time.perf_counter()
        fetched = _Fetched(inputs, labels, self.settings.rows_per_step)
        losses, balances, norms, rate = [], [], [], 0.0
        for step, (rows, truth) in enumerate(fetched):
            rate = self._set_rate(first_step + step)
            loss, balance = self._gradients(rows, truth)
            losses.append(loss * len(truth))
            balances.append(balance * len(truth))
            if not math.isfinite(loss):
                break
            norms += self._step()
            progress.advance(1, f"loss {loss:.4f}")
        return Pass(
            loss=sum(losses) / len(labels),
            balance=sum(balances) / len(labels),
            gradient_norm=sum(norms) / max(len(norms), 1),
            learning_rate=rate,
            finite=math.isfinite(sum(losses)),
            seconds=time.perf_counter() - started,
            input_seconds=fetched.seconds,
        )

    def _set_rate(self, step: int) -> float:
        s = self.settings
        rate = learning_rate(step, self.total, s.learning_rate, s.schedule, s.warmup)
        for group in self.optimiser.groups:
            group.rate = rate
        return rate

    def _gradients(self, inputs: Tensor, labels: Tensor) -> tuple[float, float]:
        """Add up the gradients of the mean loss of a step's rows, one batch at a time."""
        self.optimiser.zero_grad()
        loss_sum, balance_sum = 0.0, 0.0
        size = self.settings.batch_size
        for rows, truth in zip(torch.split(inputs, size), torch.split(labels, size), strict=True):
            share = len(truth) / len(labels)
            loss, balance = self._losses(rows, truth)
            whole = loss + self.settings.balance_weight * balance
            if self.penalty is not None:
                drawn = int(torch.randint(2**31, ()).item())
                whole = whole + self.penalty.of(self.module, rows, drawn)
            torch.autograd.backward(self.scaler.scale(share * whole))
            loss_sum += share * loss.item()
            balance_sum += share * balance.item()
        return loss_sum, balance_sum

    def _losses(self, inputs: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        with self.precision.autocast(self.device):
            outputs, balance = self.forward(inputs)
        smoothing = self.settings.label_smoothing
        return self.objective.loss(outputs.float(), labels, smoothing), balance

    def _step(self) -> list[float]:
        """Clip and apply the gradients; their norm before clipping.

        Empty where fp16 overflowed: the scaler leaves such a step out and tries a smaller scale.
        """
        optimiser = cast(torch.optim.Optimizer, self.optimiser)  # what the scaler reads is there
        self.scaler.unscale_(optimiser)
        limit = self.settings.gradient_clip or math.inf
        norm = torch.nn.utils.clip_grad_norm_(self.module.parameters(), limit)
        self.scaler.step(optimiser)
        self.scaler.update()
        return [norm.item()] if norm.isfinite() or not self.precision.scales else []


class _Fetched:
    """Rows and truths of one step after another, in an order drawn from torch's random state.

    seconds : how long fetching took so far.
    """

    def __init__(self, inputs: Tensor, labels: Tensor, rows: int) -> None:
        self.inputs, self.labels, self.rows, self.seconds = inputs, labels, rows, 0.0

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        started = time.perf_counter()
        order = torch.randperm(len(self.labels)).to(self.labels.device)
        for rows in torch.split(order, self.rows):
            batch = self.inputs[rows], self.labels[rows]
            self.seconds += time.perf_counter() - started
            yield batch
            started = time.perf_counter()


# Which number format the forward pass uses, and why.

#: Below this widest layer the casts cost more than a faster bf16 product saves.
WIDE = 256


@dataclass(frozen=True)
class Precision:
    """The chosen format ("float32", "bf16" or "fp16") and the reason, a sentence for people."""

    name: str
    reason: Message

    @property
    def scales(self) -> bool:
        """Whether the loss must be scaled so that small gradients do not vanish."""
        return self.name == "fp16"

    @contextmanager
    def autocast(self, device: str) -> Iterator[None]:
        """Run a forward pass in this format; weights stay in float32."""
        if self.name == "float32":
            yield
            return
        dtype = torch.bfloat16 if self.name == "bf16" else torch.float16
        with torch.autocast(torch.device(device).type, dtype=dtype):
            yield


def choose_precision(wanted: str, device: str, module: ExplainableModule) -> Precision:
    """The format to train in.

    "auto" takes mixed precision only where it gains time. On a CPU that is where a matrix unit for
    bf16 (AMX) exists and a layer is at least 256 wide. Measured with torch 2.13 on two Xeon cores
    with AVX512-BF16 but no AMX, products of 12 288 rows took longer in bf16 than in float32 at
    every width (0.61 against 0.37 ms at 64, 8.6 against 4.8 at 256, 144 against 91 at 1024).

    On Apple's GPU, where nothing was measured, it takes float32; "bf16" may be asked for.

    wanted : "auto", "float32", "bf16" or "fp16". device : such as "cpu", "cuda:0" or "mps".
    """
    kind = torch.device(device).type
    on_gpu = kind == "cuda"
    if wanted == "fp16" and not on_gpu:
        return Precision("float32", message("precision.no_fp16", kind=kind))
    if wanted != "auto":
        return Precision(wanted, message("precision.asked_for", name=wanted))
    if kind == "mps":
        return Precision("float32", message("precision.apple"))
    return _auto_gpu() if on_gpu else _auto_cpu(widest_layer(module))


def widest_layer(module: ExplainableModule) -> int:
    """The widest side of any weight matrix that both sides of share."""
    sides = [min(p.shape[-2:]) for p in module.parameters() if p.dim() >= 2]
    return max(sides, default=0)


def _auto_gpu() -> Precision:
    if torch.cuda.is_bf16_supported(including_emulation=False):
        return Precision("bf16", message("precision.gpu_bf16"))
    return Precision("fp16", message("precision.gpu_fp16"))


def _auto_cpu(width: int) -> Precision:
    if not _has_amx():
        return Precision("float32", message("precision.no_amx"))
    if width < WIDE:
        return Precision("float32", message("precision.narrow", width=width, wide=WIDE))
    return Precision("bf16", message("precision.amx", width=width))


def _has_amx() -> bool:
    """Whether the processor has a bf16 matrix unit that torch can use."""
    probe = getattr(torch.cpu, "_is_amx_tile_supported", None)
    return bool(probe and probe())
