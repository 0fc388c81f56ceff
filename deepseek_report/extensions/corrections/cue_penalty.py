"""Terms of the loss by which a network learns what must not decide."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from deepseek_report.artifacts.array_types import Floats
from deepseek_report.artifacts.protocols.modules import ExplainableModule
from deepseek_report.artifacts.schema import Schema
from deepseek_report.artifacts.split import Dataset
from deepseek_report.extensions.corrections.declared_corrections import Way
from deepseek_report.extensions.corrections.input_cues import InputCue
from deepseek_report.statistics.copies import same_values
from deepseek_report.tasks import task_of


@dataclass(frozen=True)
class CuePenalty:
    """What is paid where the answer hangs on cues.

    cues : each with how it is penalised: "swap", the squared movement of the centred outputs where
    the cue is that of another row, or "penalty", their squared slope at a random point of the
    straight way of the embedded row to the one with that other cue, in units of the whole way. A
    cue with a direction pays for movements the wrong way alone.
    weight : factor λ. donors : (row, column) rows that cues are drawn from. schema : of the data.
    variance : of the labels, by which squares of a predicted number are divided; 1 otherwise.

    The mean of the squared slopes over the way is at least the squared movement from end to end, so
    that a small penalty leaves no use. The gradient at the row alone promises nothing of the kind:
    a network that reads words learnt to be flat around each of two words, and steep in between.

    References: Ross, Hughes & Doshi-Velez 2017, doi:10.24963/ijcai.2017/371 (right for the right
    reasons: the penalty on the gradient at the row); Erion et al. 2021,
    doi:10.1038/s42256-021-00343-w (gradients along the way to other rows as what is penalised).
    """

    cues: Sequence[tuple[InputCue, Way]]
    weight: float
    donors: Floats
    schema: Schema
    variance: float = 1.0

    def describe(self) -> str:
        return f"{self.weight} {self.variance} {list(self.cues)}"

    def of(self, module: ExplainableModule, rows: Tensor, seed: int) -> Tensor:
        """See `Penalty` of the protocols; nothing is dropped at random while it is asked."""
        training = module.training
        module.eval()
        try:
            return self.weight * self._term(module, rows, seed)
        finally:
            module.train(training)

    def _term(self, module: ExplainableModule, rows: Tensor, seed: int) -> Tensor:
        """The mean over all rows; those that are the same with another cue cost nothing."""
        rng = np.random.default_rng(seed)
        inputs = rows.detach().cpu().numpy().astype(np.float64)
        term = torch.zeros((), device=rows.device)
        for cue, how in self.cues:
            changed = cue.redrawn(inputs, self.donors, rng)
            moved = np.flatnonzero(~same_values(changed, inputs).all(axis=1))
            if len(moved):
                own, other = rows[moved], torch.as_tensor(changed[moved]).to(rows)
                if how == "penalty" and not cue.direction:
                    part = self._slope(module, own, other, rng)
                else:
                    answers, others = self._answers(module, torch.cat([own, other])).chunk(2)
                    part = self._movement(others - answers, inputs[moved], changed[moved], cue)
                term = term + part * (len(moved) / len(rows))
        return term

    def _movement(self, moved: Tensor, inputs: Floats, changed: Floats, cue: InputCue) -> Tensor:
        """Mean squared movement of the answers to changed rows, or of that the wrong way."""
        if not cue.direction:
            return (moved**2).sum(1).mean() / self.variance
        (column,) = cue.columns
        rise = np.nan_to_num(np.sign(changed[:, column] - inputs[:, column])) * cue.direction
        explained = self.schema.target.explained if moved.shape[1] > 1 else 0
        wrong = torch.relu(-moved[:, explained] * torch.as_tensor(rise).to(moved))
        return (wrong**2).mean() / self.variance

    def _answers(self, module: ExplainableModule, rows: Tensor) -> Tensor:
        """(instance, output) outputs; those of classes less their mean, which says nothing."""
        outputs: Tensor = module.forward_with_balance(rows)[0].float()
        task = task_of(self.schema.target)
        if not task.decides or task.several:
            return outputs
        return outputs - outputs.mean(dim=1, keepdim=True)

    def _slope(
        self, module: ExplainableModule, rows: Tensor, other: Tensor, rng: np.random.Generator
    ) -> Tensor:
        """Mean over the rows of the squared slope of the centred outputs on the way to other rows.

        Of several outputs it is that of one random combination, whose squared slope is on average
        the sum of those of all.
        """
        from torch.nn.attention import SDPBackend, sdpa_kernel

        learns = torch.is_grad_enabled()
        with torch.enable_grad(), sdpa_kernel(SDPBackend.MATH):
            start = module.embed(rows)
            way = module.embed(other) - start
            shape = (len(rows), *[1] * (way.dim() - 1))
            units = start + torch.as_tensor(rng.random(shape)).to(way) * way
            if not units.requires_grad:
                units.requires_grad_(True)
            outputs = module.forward_embedded(units).float()
            mixed = (outputs * torch.as_tensor(_combination(outputs.shape, rng)).to(outputs)).sum()
            (gradient,) = torch.autograd.grad(mixed, units, create_graph=learns)
        slopes: Tensor = (gradient * way).flatten(1).sum(1)
        return (slopes**2).mean() / self.variance


def penalty_on(cues: Sequence[tuple[InputCue, Way]], weight: float, dataset: Dataset) -> CuePenalty:
    """The term of the loss for cues that must not decide, by the training rows of these data.

    cues : each with how it is penalised. weight : factor of the term.
    """
    variance = task_of(dataset.schema.target).spread(dataset.train.labels) ** 2
    return CuePenalty(tuple(cues), weight, dataset.train.inputs, dataset.schema, variance)


def _combination(shape: Sequence[int], rng: np.random.Generator) -> Floats:
    """(instance, output) weights in random directions, of classes those that sum to 0.

    The expected square of what they make of a vector (of classes less its mean) is its squared
    length.
    """
    drawn = rng.normal(size=tuple(shape))
    n = shape[1]
    if n > 1:
        drawn -= drawn.mean(axis=1, keepdims=True)
    length = np.linalg.norm(drawn, axis=1, keepdims=True)
    return np.asarray(drawn / length * np.sqrt(max(n - 1, 1)))
