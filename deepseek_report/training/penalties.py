"""Terms of the loss by which a network learns what must not decide."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from deepseek_report.artifacts.array_types import Floats
from deepseek_report.artifacts.corrections import Way
from deepseek_report.artifacts.protocols.modules import ExplainableModule
from deepseek_report.artifacts.schema import Schema
from deepseek_report.data_kinds.cues import InputCue
from deepseek_report.tasks import task_of


@dataclass(frozen=True)
class CuePenalty:
    """What is paid where the answer hangs on cues.

    cues : each with how it is penalised: "swap", the squared movement of the centred outputs where
    the cue is that of another row, or "penalty", the squared gradient of the log-probabilities with
    respect to the cue. A cue with a direction pays for movements the wrong way alone.
    weight : factor λ. donors : (row, column) rows that cues are drawn from. schema : of the data.
    variance : of the labels, by which squares of a predicted number are divided; 1 otherwise.

    Reference: Ross, Hughes & Doshi-Velez 2017, doi:10.24963/ijcai.2017/371 (right for the right
    reasons: the penalty on the gradient).
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
        rng = np.random.default_rng(seed)
        inputs = rows.detach().cpu().numpy().astype(np.float64)
        by_swap = [cue for cue, how in self.cues if how == "swap" or cue.direction]
        term = torch.zeros((), device=rows.device)
        if by_swap:
            changed = [cue.redrawn(inputs, self.donors, rng) for cue in by_swap]
            every = torch.as_tensor(np.concatenate([inputs, *changed])).to(rows)
            answers, *others = self._answers(module, every).split(len(rows))
            for cue, values, other in zip(by_swap, changed, others, strict=True):
                term = term + self._movement(other - answers, inputs, values, cue)
        by_gradient = [cue for cue, how in self.cues if how == "penalty" and not cue.direction]
        if by_gradient:
            term = term + self._gradient(module, rows, inputs, by_gradient)
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

    def _gradient(
        self, module: ExplainableModule, rows: Tensor, inputs: Floats, cues: Sequence[InputCue]
    ) -> Tensor:
        """Mean over the rows of the squared gradient at the cues."""
        from torch.nn.attention import SDPBackend, sdpa_kernel

        inside = np.any([cue.at(inputs) for cue in cues], axis=0)
        with torch.enable_grad(), sdpa_kernel(SDPBackend.MATH):
            units = module.embed(rows)
            if not units.requires_grad:
                units.requires_grad_(True)
            outputs = module.forward_embedded(units).float()
            task = task_of(self.schema.target)
            spoken = outputs.log_softmax(1) if task.decides and not task.several else outputs
            (slope,) = torch.autograd.grad(spoken.sum(), units, create_graph=True)
        columns = np.asarray(module.unit_features)  # −1: no column, such as a summary token
        mask = torch.as_tensor(inside[:, columns] & (columns >= 0), device=rows.device)
        slope = slope.reshape(len(rows), mask.shape[1], -1) * mask[:, :, None]
        squares: Tensor = (slope**2).sum((1, 2))
        return squares.mean() / self.variance
