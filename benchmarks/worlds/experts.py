"""Are needed experts told from spare ones, whoever is busy?

A routed transformer over ten normal inputs whose weights are drawn, and whose labels are drawn by
its own probabilities, so that it is the truth itself. In its last layer three of eight experts add
much to what the output reads and five next to nothing, among them the busiest; how much work each
is given is left to a router that knows nothing of this.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from scipy import stats

from deepseek_report.artifacts.array_types import Floats
from deepseek_report.artifacts.schema import Feature, Schema, Target
from deepseek_report.artifacts.split import Dataset, Split
from deepseek_report.metrics.internals.ablation import Ablation
from deepseek_report.metrics.internals.routing import ExpertLoad
from deepseek_report.metrics.performance.predicting import predict_alike
from deepseek_report.models.routed.deepseek import DeepSeek
from deepseek_report.models.shared.module_classifier import TorchClassifier

from .groups import AT_HALF, context
from .trials import Plan, Table, repeat, share

INPUTS, EXPERTS, NEEDED = 10, 8, 3
#: How many times as large as drawn is what a needed expert adds, and a spare one.
LOUD, QUIET = 20.0, 0.02
#: How strongly attention mixes the tokens, times the drawn weights.
MIXING = 4.0
#: Standard deviation of the log-odds.
SPREAD = 2.0
SCHEMA = Schema(
    tuple(Feature(f"x{k}", f"x{k}", "numeric") for k in range(INPUTS)),
    Target("y", "y", ("no", "yes"), favourable=0, explained=1),
)
MODEL = DeepSeek(size="tiny")


@dataclass(frozen=True)
class Seen:
    """Of one expert: whether it was made to be needed, its verdict, its load, its true effect.

    effect : the greatest expected rise of the loss over the replacements, on many rows.
    """

    planted: bool
    verdict: str
    load: float
    effect: float


def audited(rows: int, seed: int) -> list[Seen]:
    """What the audit says of each expert of the last layer of a drawn model."""
    rng = np.random.default_rng([seed, rows])
    train = _part(rng, 500, None)
    module = MODEL.build(SCHEMA, train, seed).eval()
    needed = _plant(module, train.inputs, rng)
    classifier = TorchClassifier(module, SCHEMA, "drawn", MODEL.capabilities)
    _spread(module, classifier, train)
    test = _part(rng, rows, classifier)
    known = context(SCHEMA, predict_alike(classifier, test, AT_HALF), seed)
    dataset = Dataset(SCHEMA, train, test, test, card={})
    known = replace(known, dataset=dataset, classifier=classifier)
    load = ExpertLoad(n_resamples=100, max_rows=rows).measure(known)
    known = replace(known, measured={"measures/expert_load": load})
    parts = Ablation(max_rows=rows).measure(known).tables["parts"]
    own = parts[(parts["kind"] == "expert") & (parts["layer"] == 1)]
    effects = _true_effects(module, _part(rng, 4000, classifier).inputs)
    return [
        Seen(k in needed, verdict, float(busy), effects[k])
        for k, (verdict, busy) in enumerate(zip(own["verdict"], own["load"], strict=True))
    ]


def _plant(module: Any, inputs: Floats, rng: np.random.Generator) -> set[int]:
    """Make some experts of the last layer loud and the others quiet; one of these is busiest.

    The router is drawn anew, so that cases differ in which experts they are sent to.
    """
    rows = torch.as_tensor(inputs, dtype=torch.float32)
    needed = set(rng.permutation(EXPERTS)[:NEEDED].tolist())
    busiest = min(set(range(EXPERTS)) - needed)
    with torch.no_grad():
        for layer in module.layers:
            layer.attention.output.weight *= MIXING
        experts, heard = module.layers[-1].experts, []
        handle = experts.register_forward_pre_hook(lambda _, given: heard.append(given[0][:, 0]))
        module(rows)
        handle.remove()
        mean = heard[0].mean(0)
        _, spread, axes = torch.linalg.svd(heard[0] - mean, full_matrices=False)
        some = len(mean) // 4
        drawn = torch.as_tensor(rng.normal(size=(EXPERTS, some)), dtype=torch.float32)
        weights = drawn * len(rows) ** 0.5 / spread[:some] @ axes[:some]
        weights -= (weights @ mean)[:, None] * mean / mean.square().sum()
        weights[busiest] += mean / mean.square().sum()
        experts.router.weight.copy_(weights)
        for k in range(EXPERTS):
            experts.outer[k] *= LOUD if k in needed else QUIET
    return needed


def _spread(module: Any, classifier: TorchClassifier, train: Split) -> None:
    """Scale the output so that probabilities are spread."""
    logits = classifier.logits(train.inputs)
    odds = logits[:, 1] - logits[:, 0]
    with torch.no_grad():
        module.output.linear.weight *= SPREAD / odds.std()
        module.output.linear.bias.zero_()


def _part(rng: np.random.Generator, n: int, classifier: TorchClassifier | None) -> Split:
    """Rows with labels drawn by the model, or by a coin where there is none yet."""
    inputs = rng.normal(size=(n, INPUTS))
    yes = np.full(n, 0.5) if classifier is None else classifier.probabilities(inputs)[:, 1]
    return Split(inputs, (rng.random(n) < yes).astype(np.int64), np.arange(n), {})


def _true_effects(module: Any, inputs: Floats) -> dict[int, float]:
    """By expert of the last layer the greatest mean divergence from the whole model, in nats."""
    rows = torch.as_tensor(inputs, dtype=torch.float32)
    effects = dict.fromkeys(range(EXPERTS), 0.0)
    with torch.inference_mode():
        whole = torch.log_softmax(module(rows).double(), 1)
        for step, _, logits in module.replaced(rows):
            if step.kind == "expert" and step.layer == 2:
                other = torch.log_softmax(logits.double(), 1)
                rise = (whole.exp() * (whole - other)).sum(1).mean().item()
                effects[step.number - 1] = max(effects[step.number - 1], rise)
    return effects


#: By how much the loss truly rises without an expert, in nats: from, below.
_BANDS = ((0.0, 0.001), (0.001, 0.02), (0.02, 0.05), (0.05, np.inf))


def tables(plan: Plan) -> list[Table]:
    """How often a verdict on an expert is right, by how many rows are looked at."""
    rows = []
    for n in (300, 1000, 3000):
        worlds = repeat(partial(audited, n), plan.times(12, 2), plan)
        experts = [expert for world in worlds for expert in world]
        order = stats.spearmanr([e.load for e in experts], [e.effect for e in experts]).statistic
        for low, high in _BANDS:
            own = [expert for expert in experts if low <= expert.effect < high]
            told = (share([e.verdict == mark for e in own]) for mark in ("needed", "spare"))
            if own:
                band = f"{low:g} to {high:g}" if high < np.inf else f"{low:g} and more"
                rows.append((n, band, len(own), *told, f"{order:+.2f}"))
    return [
        Table(
            "Needed and spare experts",
            "An expert is spare where no replacement raises the loss by 0.002. The true rise is "
            "the greatest of the replacements, on 4000 rows and by the model's own probabilities; "
            "the last column is the rank correlation of load and true rise. 12 drawn models, the "
            "eight experts of their last layer.",
            ("rows", "true rise of the loss", "experts", "told needed", "told spare", "load"),
            rows,
        )
    ]
