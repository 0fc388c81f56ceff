"""Does each part of the default model earn its place? Variants of it, trained on the same seeds.

    python benchmarks/model_parts.py TABLE … [--variants NAME …] [--seeds 10] [--out FILE]

Every variant is trained by the settings of the experiment of its data, on the split and the weights
that a seed draws, in one thread. Kept are the loss and the score of the test part (ROC AUC, or R²
of a number) and the CPU seconds of the training; rows that the file holds already are not trained
again. Printed are the paired differences from the default over the seeds, with 95 % intervals and
p-values corrected for all variants of a table.
"""

from __future__ import annotations

import argparse
import csv
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
import torch
from scipy import stats
from torch import Tensor, nn
from training import PlainEncoder
from worlds.groups import AT_HALF, context

from deepseek_report.artifacts.protocols.models import TrainingPlace
from deepseek_report.artifacts.protocols.progress import Silent
from deepseek_report.artifacts.schema import Feature, Schema, Target
from deepseek_report.artifacts.split import Dataset, Split
from deepseek_report.config.compose import compose
from deepseek_report.config.validate import validate
from deepseek_report.metrics.internals.ablation import Ablation
from deepseek_report.metrics.performance.predicting import predict_alike
from deepseek_report.models.routed.branched_attention import RoutedAttention, mean_token
from deepseek_report.models.routed.deepseek_module import DeepSeekModule, RoutedLayer, pool_of
from deepseek_report.models.routed.experts import SparseExperts
from deepseek_report.models.shared.module_classifier import TorchClassifier
from deepseek_report.runner.execution.workers import keep_freed_memory
from deepseek_report.statistics.intervals import holm
from deepseek_report.training.epoch import ParameterGroup
from deepseek_report.training.session import Session, predict

#: Data and the overrides that make them small enough, by the name of a table here.
_SHORT = ["trainer.batch_size=64", "trainer.min_steps=100", "trainer.max_epochs=2"]
TABLES: dict[str, list[str]] = {
    "credit": ["experiment=credit_risk"],
    "credit_1500": ["experiment=credit_risk", "dataset.rows=1500", *_SHORT],
    "mortgages": ["experiment=mortgage_decisions", "dataset.rows=1500", *_SHORT],
    "breast_cancer": ["experiment=breast_cancer", "model=deepseek", *_SHORT],
    "diabetes": ["experiment=diabetes_progression", "model=deepseek", *_SHORT],
    "tweets": ["experiment=sentiment", "dataset.rows=1500", *_SHORT],
    "mixture": [
        "experiment=credit_risk",
        "trainer.max_epochs=30",
        "trainer.batch_size=128",
        "trainer.patience=8",
    ],
}


# --- Parts that are made otherwise ----------------------------------------------------------------


class Plain(PlainEncoder):
    """A plain encoder for every kind of data, which says what it is when a training asks."""

    def __init__(self, ours: DeepSeekModule) -> None:
        super().__init__(ours)
        self.reads_mean = ours.reads_mean

    def forward(self, inputs: Tensor) -> Tensor:
        """(instance, column) -> (instance, class)."""
        tokens, present = self.tokens.join(self.tokens(inputs))
        hidden = None if present is None else ~present
        state = self.encoder(tokens, src_key_padding_mask=hidden)
        logits: Tensor = self.output(self.norm(pool_of(present, reads_mean=self.reads_mean)(state)))
        return logits

    def architecture(self) -> dict[str, Any]:
        """Nothing of it is told."""
        return {"name": "plain", "summary": "", "parameters": 0, "layers": []}


class SigmoidRoutes(RoutedAttention):
    """Each head is let through by a gate of its own between 0 and 1 (`DynamicAttention`)."""

    def _routes(self, tokens: Tensor, present: Tensor | None) -> Tensor:
        scores: Tensor = self.router(mean_token(tokens, present))
        return torch.sigmoid(scores) / self.count


class EvenRoutes(RoutedAttention):
    """All heads weigh alike: plain attention with a local and a global branch."""

    def _routes(self, tokens: Tensor, present: Tensor | None) -> Tensor:
        del present
        return tokens.new_full((len(tokens), self.count), 1 / self.count)


class BiasBalanced(SparseExperts):
    """Experts are chosen by score plus a bias that training moves against the load.

    Reference: Wang et al. 2024, doi 10.48550/arXiv.2408.15664 (as in DeepSeek-V3).
    """

    def forward(self, tokens: Tensor, present: Tensor | None = None) -> Any:
        if not hasattr(self, "bias"):
            self.register_buffer("bias", torch.zeros(len(self.inner)), persistent=True)
        out = super().forward(tokens, present)
        if self.training:
            load = torch.bincount(out[1].which.flatten(), minlength=len(self.bias)).float()
            self.bias += 0.01 * torch.sign(load.mean() - load)
        return out

    def _shares(self, flat: Tensor) -> Tensor:
        return (self.router.weight @ flat.t() + self.bias[:, None]).float().softmax(0).t()


class RoutedByValues(SparseExperts):
    """The router reads the tokens as they entered the model, not what the layers made of them."""

    entered: Tensor | None = None

    def _shares(self, flat: Tensor) -> Tensor:
        entered = self.entered
        if entered is None or len(flat) == 0:
            return super()._shares(flat)
        read = len(flat) // len(entered)
        return super()._shares(entered[:, :read].flatten(0, 1))


def _routes_by(kind: type[RoutedAttention]) -> Callable[[DeepSeekModule], nn.Module]:
    def change(module: DeepSeekModule) -> nn.Module:
        for layer in module.layers:
            layer.attention.__class__ = kind
        return module

    return change


def _experts_by(kind: type[SparseExperts]) -> Callable[[DeepSeekModule], nn.Module]:
    def change(module: DeepSeekModule) -> nn.Module:
        for layer in module.layers:
            layer.experts.__class__ = kind
            if kind is BiasBalanced:
                layer.experts.register_buffer("bias", torch.zeros(len(layer.experts.inner)))
        return module

    return change


def _by_values(module: DeepSeekModule) -> nn.Module:
    _experts_by(RoutedByValues)(module)

    def keep(part: nn.Module, inputs: Any, output: Any) -> None:
        del part
        (tokens, *_), _rest = inputs, output
        for layer in module.layers:
            layer.experts.entered = tokens

    first: RoutedLayer = module.layers[0]  # type: ignore[assignment]
    first.attention_norm.register_forward_hook(keep)
    return module


class SharedOnly(SparseExperts):
    """Without routed experts: one feed-forward layer for every token, of the same active size."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__(width, 1, 2, 1, shared=False)
        self.whole = nn.Sequential(nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width))

    def forward(self, tokens: Tensor, present: Tensor | None = None) -> Any:
        _, routing = super().forward(tokens, present)
        return self.whole(tokens), routing


def _shared_only(module: DeepSeekModule) -> nn.Module:
    sizes = module.config.sizes
    used = sizes.experts_per_token + module.config.shared_expert
    for layer in module.layers:
        layer.experts = SharedOnly(sizes.width, used * sizes.expert_width)
    return module


def _same(module: DeepSeekModule) -> nn.Module:
    return module


class _FasterRouters:
    """A session whose routers learn at a rate of their own, a multiple of the others'."""

    def __init__(self, times: float) -> None:
        self.times = times

    def __call__(self, session: Session) -> None:
        routers = {
            id(p) for name, p in session.module.named_parameters() if ".router." in f".{name}"
        }
        groups = session.optimiser.groups
        apart = [p for g in groups for p in g.parameters if id(p) in routers]
        for group in groups:
            group.parameters = [p for p in group.parameters if id(p) not in routers]
        own = ParameterGroup(apart, 0.0, groups[0].rate)
        groups.append(own)
        set_rate = session.stepper._set_rate

        def rates(step: int) -> float:
            rate = set_rate(step)
            own.rate = self.times * rate
            return rate

        session.stepper._set_rate = rates  # type: ignore[method-assign]


Change = Callable[[Any], nn.Module]
#: {name: (settings of the model, settings of the trainer, what is made otherwise, of a session)}.
VARIANTS: dict[str, tuple[dict[str, Any], dict[str, Any], Change, Any]] = {
    "default": ({}, {}, _same, None),
    "plain encoder": ({}, {}, Plain, None),
    "no routed experts": ({}, {"balance_weight": 0.0}, _shared_only, None),
    "4 experts of 32, 1 a token": (
        {"experts": 4, "expert_width": 32, "experts_per_token": 1},
        {},
        _same,
        None,
    ),
    "2 experts of 32, 1 a token": (
        {"experts": 2, "expert_width": 32, "experts_per_token": 1},
        {},
        _same,
        None,
    ),
    "no shared expert": ({"shared_expert": False}, {}, _same, None),
    "bias-adjusted": ({}, {"balance_weight": 0.0}, _experts_by(BiasBalanced), None),
    "no balance": ({}, {"balance_weight": 0.0}, _same, None),
    "routed by values": ({}, {}, _by_values, None),
    "sigmoid gates": ({}, {}, _routes_by(SigmoidRoutes), None),
    "even heads": ({}, {}, _routes_by(EvenRoutes), None),
    "both branches global": ({"window": 10_000}, {}, _same, None),
    "routers at 4 times the rate": ({}, {}, _same, _FasterRouters(4.0)),
    "routers at a quarter of the rate": ({}, {}, _same, _FasterRouters(0.25)),
    "1 layer": ({"layers": 1}, {}, _same, None),
    "half the epochs": ({}, {"max_epochs": 0.5, "min_steps": 0.5}, _same, None),
    "3/4 of the epochs": ({}, {"max_epochs": 0.75, "min_steps": 0.75}, _same, None),
    "twice the epochs": ({}, {"max_epochs": 2, "min_steps": 2}, _same, None),
    "1 layer, twice the epochs": ({"layers": 1}, {"max_epochs": 2, "min_steps": 2}, _same, None),
    "1 layer, batches of 128": ({"layers": 1}, {"batch_size": 0.5}, _same, None),
    "1 layer, 3/2 of the epochs": ({"layers": 1}, {"max_epochs": 1.5}, _same, None),
    "1 layer, batches of 128, rate 0.0035": (
        {"layers": 1},
        {"batch_size": 0.5, "learning_rate": 0.7},
        _same,
        None,
    ),
    "half the epochs, rate 0.01": (
        {},
        {"max_epochs": 0.5, "min_steps": 0.5, "learning_rate": 2.0},
        _same,
        None,
    ),
    "half the epochs, 2 experts of 32": (
        {"experts": 2, "expert_width": 32, "experts_per_token": 1},
        {"max_epochs": 0.5, "min_steps": 0.5},
        _same,
        None,
    ),
}
_TIMES = {"max_epochs", "min_steps", "learning_rate", "batch_size"}


# --- Training them --------------------------------------------------------------------------------


#: Populations of a mixture, and the inputs whose weights each has of its own.
_POPULATIONS, _INPUTS = 12, 8


def mixture(seed: int, rows: int = 9000) -> Dataset:
    """Rows of several populations, in each of which other inputs move the log-odds, and how."""
    rng = np.random.default_rng([seed, 7])
    weights = rng.choice([-1.5, 0.0, 1.5], size=(_POPULATIONS, _INPUTS))
    population = rng.integers(_POPULATIONS, size=rows)
    inputs = rng.normal(size=(rows, _INPUTS))
    odds = (weights[population] * inputs).sum(axis=1)
    labels = (rng.random(rows) < 1 / (1 + np.exp(-odds))).astype(np.int64)
    names = tuple(f"population {k}" for k in range(_POPULATIONS))
    schema = Schema(
        (
            Feature("population", "population", "categorical", categories=names),
            *(Feature(f"x{k}", f"x{k}", "numeric") for k in range(_INPUTS)),
        ),
        Target("y", "y", ("no", "yes"), favourable=0, explained=1),
    )
    columns = np.column_stack([population, inputs])
    parts = (
        Split(columns[part], labels[part], np.arange(rows)[part], {})
        for part in (slice(rows // 3), slice(rows // 3, rows // 2), slice(rows // 2, rows))
    )
    return Dataset(schema, *parts, card={})


@lru_cache(maxsize=1)
def given(table: str, seed: int) -> tuple[Any, Dataset]:
    """The experiment, and its data as the seed splits them."""
    experiment = validate(compose(TABLES[table]))
    if table.startswith("mixture"):
        return experiment, mixture(seed)
    return experiment, experiment.dataset.load(seed, Silent())


def trained(table: str, name: str, seed: int) -> dict[str, Any]:
    """One training: loss and score of the test part, and CPU seconds."""
    experiment, data = given(table, seed)
    settings, training, change, of_session = VARIANTS[name]
    torch.manual_seed(seed)
    model = replace(experiment.model, **settings)
    module = change(model.build(data.schema, data.train, seed))
    trainer = experiment.trainer
    changed = {
        key: (
            type(getattr(trainer, key))(value * getattr(trainer, key)) if key in _TIMES else value
        )
        for key, value in training.items()
    }
    trainer = replace(trainer, **changed, tensorboard=False)
    started = time.process_time()
    with TemporaryDirectory() as folder:
        session = Session(trainer, module, data, TrainingPlace(Path(folder), seed, "cpu"))
        if of_session is not None:
            of_session(session)
        session.run(Silent())
    seconds = time.process_time() - started
    module.eval()
    inputs = torch.as_tensor(data.test.inputs, dtype=torch.float32)
    outputs = predict(module.forward_with_balance, inputs, 256)
    truths = session.objective.truths(data.test)
    return {
        "table": table,
        "variant": name,
        "seed": seed,
        "loss": session.objective.loss(outputs, truths).item(),
        "score": session.objective.score(outputs, truths),
        "seconds": seconds,
        "parameters": sum(p.numel() for p in module.parameters()),
        "needed": needed_experts(module, data, seed) if name == "default" else math.nan,
    }


def needed_experts(module: DeepSeekModule, data: Dataset, seed: int) -> float:
    """The share of the experts that the audit of the report shows to be needed."""
    classifier = TorchClassifier(module, data.schema, "deepseek", frozenset({"attention"}))
    made = predict_alike(classifier, data.test, AT_HALF)
    known = replace(context(data.schema, made, seed), dataset=data, classifier=classifier)
    scores = {score.metric: score.value for score in Ablation(max_rows=3000).measure(known).scores}
    return float(scores["needed_experts"])


def kept(file: Path) -> pd.DataFrame:
    """What the file holds."""
    return (
        pd.read_csv(file) if file.exists() else pd.DataFrame(columns=["table", "variant", "seed"])
    )


def differences(frame: pd.DataFrame) -> Iterator[str]:
    """Lines of a table of paired differences from the default."""
    yield "| data | variant | seeds | score | change of score | change of loss | p | CPU |"
    yield "|---|---|---|---|---|---|---|---|"
    for table, own in frame.groupby("table", sort=False):
        base = own[own["variant"] == "default"].set_index("seed")
        names = [name for name in VARIANTS if name != "default" and (own["variant"] == name).any()]
        rows = []
        for name in names:
            other = own[own["variant"] == name].set_index("seed")
            shared = base.index.intersection(other.index)
            pair = base.loc[shared], other.loc[shared]
            changes = [pair[1][key] - pair[0][key] for key in ("score", "loss")]
            p = stats.ttest_1samp(changes[1], 0).pvalue if len(shared) > 1 else np.nan
            times = (pair[1]["seconds"] / pair[0]["seconds"]).median()
            rows.append((name, len(shared), pair[1]["score"].mean(), changes, p, times))
        yield f"| {table} | default | {len(base)} | {base['score'].mean():.4f} | | | | 1 |"
        corrected = holm(np.array([row[4] for row in rows])) if rows else []
        for (name, n, score, changes, _, times), p in zip(rows, corrected, strict=True):
            spans = " | ".join(_interval(change.to_numpy()) for change in changes)
            yield f"| {table} | {name} | {n} | {score:.4f} | {spans} | {p:.3f} | {times:.2f} |"


def _interval(changes: np.ndarray[Any, Any]) -> str:
    if len(changes) < 2:
        return "–"
    half = stats.t.ppf(0.975, len(changes) - 1) * stats.sem(changes)
    return f"{changes.mean():+.4f} ({changes.mean() - half:+.4f} to {changes.mean() + half:+.4f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tables", nargs="*", default=list(TABLES))
    parser.add_argument("--variants", nargs="*", default=list(VARIANTS))
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--out", type=Path, default=Path("reports/.model_parts.csv"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    keep_freed_memory()
    for seed in range(1, options.seeds + 1):
        for table in options.tables:
            for name in options.variants:
                frame = kept(options.out)
                known = (frame["table"] == table) & (frame["variant"] == name)
                if (known & (frame["seed"] == seed)).any():
                    continue
                row = trained(table, name, seed)
                first = not options.out.exists()
                options.out.parent.mkdir(parents=True, exist_ok=True)
                with options.out.open("a", newline="") as file:
                    writer = csv.DictWriter(file, list(row))
                    if first:
                        writer.writeheader()
                    writer.writerow(row)
    print("\n".join(differences(kept(options.out))))


if __name__ == "__main__":
    main()
