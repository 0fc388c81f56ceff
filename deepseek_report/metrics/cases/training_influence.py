"""The training cases that pushed the decisions of the shown cases, and those that pushed back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import Field

from deepseek_report.artifacts.array_types import Bools, Floats, Ints
from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.artifacts.message import Message, message
from deepseek_report.artifacts.protocols.classifier import Classifier
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.protocols.modules import ExplainableModule
from deepseek_report.artifacts.protocols.trees import TreeEnsemble
from deepseek_report.artifacts.schema import Schema
from deepseek_report.artifacts.split import Split
from deepseek_report.artifacts.table import SEPARATOR, TableType
from deepseek_report.data_kinds import kind_of
from deepseek_report.errors import NotApplicableError
from deepseek_report.metrics.cases.case_choice import ShownCases
from deepseek_report.metrics.cases.decision_way import leaves_of
from deepseek_report.metrics.cases.single_case_rows import Push, Pushed
from deepseek_report.metrics.plugin import ModelMetric
from deepseek_report.statistics.ranking import thin
from deepseek_report.tasks import task_of

if TYPE_CHECKING:
    from torch import Tensor


#: Training rows that are looked at; of more, so many at even distances.
MOST_SEARCHED = 20_000
#: What is added to the curvature of the last layer, in times of its mean, before it is inverted.
DAMPING = 0.1
#: Rows that a network is asked about at a time.
_BATCH = 1024


@dataclass(frozen=True)
class _LastLayer:
    """What goes into the last linear layer, and derivatives by what comes out.

    inputs : (row, width + 1) with a column of ones for the bias. slopes, bends : (row, output)
    first and second derivatives by each output of the layer; bends only of losses.
    """

    inputs: Floats
    slopes: Floats
    bends: Floats


def pushes_of_networks(
    checkpoints: Sequence[Classifier], train: Split, rows: Floats, targets: Ints
) -> Floats:
    """(case, training row) how far each training row pushed the output of each case.

    The sum over the checkpoints of −∇ℓ(z)ᵀ H⁻¹ ∇F(x), with gradients and curvature H of the loss
    by the weights of the last linear layer alone (output by output). ℓ is the loss of a training
    row z, F the log-odds of the case's target class, or the number. Positive raises F.

    rows : (case, feature). targets : (case,) position of the class of each case.
    Raises NotApplicableError : the network does not end in a linear layer.

    References: Pruthi et al. 2020, TracIn, arXiv:2002.08484 (sum over checkpoints, last layer);
    Koh & Liang 2017, arXiv:1703.04730 (curvature).
    """
    total = np.zeros((len(rows), len(train)))
    for classifier in checkpoints:
        learnt = _of_losses(classifier, train)
        cases = _of_answers(classifier, rows, targets)
        for output in range(learnt.slopes.shape[1]):
            bends = learnt.bends[:, output]
            curvature = (learnt.inputs * bends[:, None]).T @ learnt.inputs
            size = len(curvature)
            damping = DAMPING * max(np.trace(curvature) / size, np.finfo(float).tiny)
            solved = np.linalg.solve(curvature + damping * np.eye(size), cases.inputs.T)
            alike = (learnt.inputs @ solved).T
            total -= alike * cases.slopes[:, [output]] * learnt.slopes[:, output]
    return total


def _of_losses(classifier: Classifier, train: Split) -> _LastLayer:
    """By the loss of the training: cross-entropy, or squared error over the variance."""
    import torch
    from torch.nn.functional import cross_entropy

    decides = task_of(classifier.schema.target).decides
    truths = torch.as_tensor(train.labels, dtype=torch.int64 if decides else torch.float32)
    spread = 1.0 if decides else float(np.var(train.labels)) or 1.0

    def derived(
        module: ExplainableModule, rows: Tensor, part: slice, layer: _Watch
    ) -> tuple[Tensor, Tensor]:
        outputs = module.forward_with_balance(rows)[0]
        truth = truths[part].to(outputs.device)
        loss = (
            cross_entropy(outputs, truth, reduction="sum")
            if decides
            else ((outputs[:, 0] - truth) ** 2).sum() / spread
        )
        slopes = layer.slopes(loss, create_graph=True)
        bends = [
            torch.autograd.grad(slopes[:, output].sum(), layer.raw, retain_graph=True)[0][:, output]
            if slopes.requires_grad and layer.raw is not None
            else torch.zeros(len(rows))
            for output in range(slopes.shape[1])
        ]
        return slopes, torch.stack(bends, 1)

    return _derivatives(classifier, train.inputs, derived)


def _of_answers(classifier: Classifier, rows: Floats, targets: Ints) -> _LastLayer:
    import torch

    def derived(
        module: ExplainableModule, inputs: Tensor, part: slice, layer: _Watch
    ) -> tuple[Tensor, Tensor]:
        logits, own = module(inputs), torch.as_tensor(targets[part])[:, None]
        total = logits.sum()
        if logits.shape[1] > 1:
            own = own.to(logits.device)
            others = logits.scatter(1, own, -torch.inf).logsumexp(1)
            total = (logits.gather(1, own)[:, 0] - others).sum()
        slopes = layer.slopes(total)
        return slopes, torch.zeros_like(slopes)

    return _derivatives(classifier, rows, derived)


_Derived = Callable[["ExplainableModule", "Tensor", slice, "_Watch"], tuple["Tensor", "Tensor"]]


class _Watch:
    """Hooks on all linear layers: of the last one that runs, what goes in, and a leaf behind it."""

    def __init__(self, module: ExplainableModule) -> None:
        from torch import nn

        self.entering: Tensor
        self.raw: Tensor | None = None
        linear = [part for part in module.modules() if isinstance(part, nn.Linear)]
        self.handles = [part.register_forward_hook(self._note) for part in linear]

    def _note(self, part: object, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
        self.entering, self.raw = inputs[0].detach(), output.detach().requires_grad_()
        return self.raw

    def slopes(self, total: Tensor, *, create_graph: bool = False) -> Tensor:
        """The derivative of a sum over rows by what comes out of the layer, (row, output).

        Raises NotApplicableError : the sum does not hang on it, or it has more than one vector a
        row.
        """
        import torch

        slopes = None
        if self.raw is not None and self.raw.dim() == 2 and total.requires_grad:
            (slopes,) = torch.autograd.grad(
                total, self.raw, create_graph=create_graph, allow_unused=True
            )
        if slopes is None:
            raise NotApplicableError(message("refusals.no_last_layer"))
        return slopes

    def __enter__(self) -> _Watch:
        return self

    def __exit__(self, *_: object) -> None:
        for handle in self.handles:
            handle.remove()


def _derivatives(classifier: Classifier, rows: Floats, derived: _Derived) -> _LastLayer:
    """Of a network, which stands in evaluation mode, batch by batch."""
    import torch

    module, parts = classifier.module, []
    device = next((parameter.device for parameter in module.parameters()), "cpu")
    classifier.calls += len(rows)
    with torch.enable_grad(), _Watch(module) as layer:
        for start in range(0, len(rows), _BATCH):
            part = slice(start, min(start + _BATCH, len(rows)))
            layer.raw = None
            batch = torch.as_tensor(rows[part], dtype=torch.float32, device=device)
            slopes, bends = derived(module, batch, part, layer)
            entering = layer.entering
            ones = entering.new_ones(len(entering), 1)
            parts.append([torch.cat([entering, ones], 1), slopes, bends])
    arrays = (
        torch.cat(list(each)).detach().double().cpu().numpy() for each in zip(*parts, strict=True)
    )
    return _LastLayer(*arrays)


def pushes_of_trees(
    classifier: Classifier, schema: Schema, train: Split, rows: Floats, targets: Ints
) -> Floats:
    """(case, training row) what each training row gave to the leaves that a case falls into.

    Summed over the trees in whose leaf both lie: what the tree had left to explain of the training
    row, over the weight of all training rows in that leaf. In boosted trees that is the residual
    when the tree was grown (the label less what the trees before it say), in trees that are
    averaged it is the label less the mean label. Positive raises the output for the target.

    Reference: Brophy, Hammoudeh & Lowd 2023, https://jmlr.org/papers/v24/22-0449.html (BoostIn).
    """
    ensemble = classifier.trees
    leaves, mine = (
        leaves_of(ensemble, ensemble.read(classifier.columns(part)))
        for part in (train.inputs, rows)
    )
    total = np.zeros((len(rows), len(train)))
    for target in np.unique(targets):
        cases = np.flatnonzero(targets == target)
        for tree, (left, weight) in enumerate(_left_over(ensemble, schema, train, leaves, target)):
            held = np.bincount(leaves[:, tree], weights=weight, minlength=len(ensemble.nodes))
            share = left / np.maximum(held[leaves[:, tree]], np.finfo(float).tiny)
            together = mine[cases, tree][:, None] == leaves[:, tree]
            total[cases] += together * share
    return total


def _left_over(
    ensemble: TreeEnsemble, schema: Schema, train: Split, leaves: Ints, target: int
) -> Iterator[tuple[Floats, Floats]]:
    """Tree by tree: what of each training row it had to explain, and the weight of the row."""
    decides = task_of(schema.target).decides
    labels = train.labels == target if decides else train.labels
    truth = np.asarray(labels, dtype=np.float64)
    added = ensemble.nodes.values[leaves]
    output = np.tile(ensemble.base, (len(train), 1))
    ones = np.ones(len(train))
    base = float(ensemble.base[target])
    boosted = ensemble.space == "logit" or not _averages(base, truth, added[:, :, target])
    for tree in range(leaves.shape[1]):
        if not boosted:
            yield truth - truth.mean(), ones
            continue
        speaks = bool(np.any(added[:, tree, target]))
        if ensemble.space == "logit":
            own = output[:, target]
            if output.shape[1] <= 2:
                share = 1 / (1 + np.exp(-np.clip(own, -700, 700)))
            else:
                powers = np.exp(output - output.max(axis=1, keepdims=True))
                share = powers[:, target] / powers.sum(axis=1)
            yield (truth - share) * speaks, np.maximum(share * (1 - share), 1e-12)
        else:
            yield (truth - output[:, target]) * speaks, ones
        output += added[:, tree]


def _averages(base: float, truth: Floats, added: Floats) -> bool:
    """Whether each tree says a part of the whole answer, as in forests, and not of a rest.

    Then there is no base, and the last tree knows about as much of the labels as the first.

    added : (row, tree) what the trees add to the output.
    """
    if base or not truth.std():
        return False
    first, last = (
        np.corrcoef(tree, truth)[0, 1] if tree.std() else 0.0 for tree in added[:, [0, -1]].T
    )
    return bool(last > first / 2)


#: Features that are told, and what two numbers may be apart, as a share of all training rows.
_MOST_COMMON, _NEAR = 3, 0.05
#: Of a feature that more of the training rows share with a case it says nothing that they do.
_MOST_SHARED = 0.5


@dataclass(frozen=True)
class Likeness:
    """In what features of a table training rows are like a case.

    inputs : (training row, feature). rows : (case, feature).
    """

    schema: Schema
    inputs: Floats
    rows: Floats

    def in_common(self, case: int, row: int) -> list[str]:
        """The features in which a training row is like a case and few others are, rarest first.

        A category is the same, and at most one in twenty training rows lies between two numbers.
        Nothing is told of inputs whose columns have no names. Returns "label: value of the case".
        """
        if not kind_of(self.schema).named_columns:
            return []
        shared, near = self._shared[case], self._near(case)[row]
        rare = np.flatnonzero(near & (shared <= _MOST_SHARED))
        order = rare[np.argsort(shared[rare], kind="stable")][:_MOST_COMMON]
        return [
            f"{self.schema.features[j].label}: "
            f"{self.schema.features[j].display(float(self.rows[case, j]))}"
            for j in order.tolist()
        ]

    @cached_property
    def _shared(self) -> Floats:
        """(case, feature) share of the training rows that are like a case in a feature."""
        return np.stack([self._near(case).mean(axis=0) for case in range(len(self.rows))])

    @cached_property
    def _ranks(self) -> Floats:
        """(training row, feature) rank of a value among the training rows, from 0 to 1."""
        from scipy.stats import rankdata

        return np.asarray(rankdata(self.inputs, axis=0, nan_policy="omit") / len(self.inputs))

    def _near(self, case: int) -> Bools:
        """(training row, feature) whether a row is like a case."""
        near = np.zeros(self.inputs.shape, dtype=bool)
        for j, feature in enumerate(self.schema.features):
            value, known = self.rows[case, j], self.inputs[:, j]
            near[:, j] = known == value
            if feature.is_numeric and not np.isnan(value):
                rank = (np.mean(known < value) + np.mean(known <= value)) / 2
                near[:, j] |= np.abs(self._ranks[:, j] - rank) <= _NEAR
        return near


@dataclass(frozen=True)
class TracIn(ModelMetric):
    """Training cases that pushed the decision of each shown case, and those that pushed back.

    Of a network by the gradients of the last linear layer, weighted by the curvature of the loss,
    at the end of its training and at `checkpoints` points before it. Nothing is stored for these:
    the training is run again by the same seed, where that is within the counted work of
    `Refits.most_work`. Of trees by how training rows came to the leaves that a case falls into.
    It is no attribution to features. At most 20 000 training rows are looked at.

    checkpoints : points of the training before its end; 0 looks at the final weights alone.
    most : training rows that are listed on each side.

    Reference: Pruthi, Liu, Sundararajan & Kale 2020, Estimating training data influence by tracing
    gradient descent, arXiv:2002.08484; Brophy, Hammoudeh & Lowd 2023 (trees).
    """

    reveals = "rows"
    category = "data"
    tasks = frozenset({"classification", "regression"})
    bounds = {}
    reads = frozenset({"dataset", "predictions", "cases", "classifier", "refits"})
    tables = {"pushes": TableType.of(Push), "pushed": TableType.of(Pushed)}
    checkpoints: Annotated[int, Field(ge=0, le=20)] = 0
    most: Annotated[int, Field(ge=1, le=50)] = 5

    def measure(self, context: MeasureContext) -> Measurement:
        """The rows that pushed most, case by case.

        Raises NotApplicableError: the model is neither a network that ends in a linear layer nor
        made of trees.
        """
        shown, target = ShownCases.of(context), context.dataset.schema.target
        train = context.dataset.train.take(thin(len(context.dataset.train), MOST_SEARCHED))
        targets = shown.targets(context)
        pushes, note = self._pushes(context, train, shown.inputs, targets)
        alike = Likeness(context.dataset.schema, train.inputs, shown.inputs)
        task = task_of(target)
        listed, summed = [], []
        for case, row in enumerate(pushes):
            whole = float(np.abs(row).sum()) or 1.0
            order = np.argsort(-row, kind="stable")
            sides = (True, order[: self.most]), (False, order[::-1][: self.most])
            covered = 0.0
            for toward, ends in sides:
                chosen = [z for z in ends if (row[z] > 0) == toward and row[z]]
                covered += float(np.abs(row[chosen]).sum()) / whole
                listed += [
                    (
                        case,
                        toward,
                        rank,
                        int(train.instance_ids[z]),
                        task.display(target, train.labels[z]),
                        float(abs(row[z]) / whole),
                        SEPARATOR.join(alike.in_common(case, z)),
                    )
                    for rank, z in enumerate(chosen, start=1)
                ]
            decision = target.classes[targets[case]] if task.decides else ""
            summed.append((case, decision, len(row), covered))
        return Measurement(tables=self.frames(pushes=listed, pushed=summed), notes=(note,))

    def _pushes(
        self, context: MeasureContext, train: Split, rows: Floats, targets: Ints
    ) -> tuple[Floats, Message]:
        classifier = context.classifier
        if "trees" in classifier.capabilities:
            pushes = pushes_of_trees(classifier, context.dataset.schema, train, rows, targets)
            return pushes, message("notes.tracin.trees")
        if "module" not in classifier.capabilities:
            raise NotApplicableError(message("refusals.no_last_layer"))
        refits, earlier = context.refits, list[Classifier]()
        if self.checkpoints and refits is not None and refits.work <= refits.most_work:
            context.progress.start("tracin", 1)
            earlier = list(refits.checkpoints(self.checkpoints))
            context.progress.advance()
        pushes = pushes_of_networks([*earlier, classifier], train, rows, targets)
        return pushes, message("notes.tracin.network", checkpoints=len(earlier))
