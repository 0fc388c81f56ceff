"""Rules and boosted curves beside boosting, and whether a network earns its place beside rules.

    .venv/bin/python benchmarks/rules.py [--seeds 5]

On credit and on mortgages, each seed with a split of its own: AUC of the test part, seconds of
fitting, and the mean paired difference with its 95 % interval over the seeds (Student's). Beside
the rules stand two networks: one that reads the rules as inputs (`rules → network`), and one whose
output is added to theirs (`rules + network`), both stopped by the validation part; `network` is the
same one without rules.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator

import numpy as np
import torch
from scipy.stats import t as student
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import log_loss, roc_auc_score

from deepseek_report.artifacts.array_types import Floats, Ints
from deepseek_report.artifacts.protocols.progress import Silent
from deepseek_report.artifacts.split import Dataset
from deepseek_report.data_kinds.base import Encoder
from deepseek_report.datasets.sources.taiwan_credit import TaiwanCredit
from deepseek_report.extensions.examples.known_tables import BostonMortgages
from deepseek_report.models.self_explaining.ebm import EBM
from deepseek_report.models.self_explaining.rule_model import FittedRules, RuleModel

SETS = {"credit": TaiwanCredit(), "mortgages": BostonMortgages()}
PARTS = ("train", "validation", "test")
Rows = tuple[Floats, Floats, Floats]  # of training, validation and test part


def explained(data: Dataset, part: str) -> Ints:
    """(row,) 1 where the explained class happened, 0 elsewhere."""
    return (getattr(data, part).labels == data.schema.target.explained).astype(np.int64)


def parts(data: Dataset, make: Callable[[Floats], Floats]) -> Rows:
    """What is made of the inputs of each part."""
    return make(data.train.inputs), make(data.validation.inputs), make(data.test.inputs)


def network(data: Dataset, rows: Rows, offset: Rows, seed: int) -> Floats:
    """(case,) log-odds by one hidden layer, stopped where the validation loss is least."""
    torch.manual_seed(seed)
    inputs = [torch.as_tensor(part, dtype=torch.float32) for part in rows]
    starts = [torch.as_tensor(part, dtype=torch.float32) for part in offset]
    labels = [torch.as_tensor(explained(data, part), dtype=torch.float32) for part in PARTS[:2]]
    layers = torch.nn.Sequential(
        torch.nn.Linear(inputs[0].shape[1], 16), torch.nn.GELU(), torch.nn.Linear(16, 1)
    )
    torch.nn.init.zeros_(layers[2].weight)
    torch.nn.init.zeros_(layers[2].bias)
    optimiser = torch.optim.AdamW(layers.parameters(), lr=3e-3, weight_decay=1e-2)
    loss = torch.nn.functional.binary_cross_entropy_with_logits
    least, best = np.inf, np.zeros(len(rows[2]))
    for _ in range(30):
        with torch.no_grad():
            checked = float(loss(layers(inputs[1])[:, 0] + starts[1], labels[1]))
            if checked < least:
                least, best = checked, (layers(inputs[2])[:, 0] + starts[2]).numpy()
        for batch in torch.randperm(len(inputs[0])).split(256):
            optimiser.zero_grad()
            loss(layers(inputs[0][batch])[:, 0] + starts[0][batch], labels[0][batch]).backward()
            optimiser.step()
    return best


def scores(data: Dataset, seed: int) -> Iterator[tuple[str, Floats, float]]:
    """(model, log-odds of the test part, seconds) of each model."""
    fitted: dict[str, FittedRules] = {}
    for name, plugin in {
        "rules": RuleModel(),
        "EBM": EBM(),
        "EBM, curves alone": EBM(pairs=0),
    }.items():
        model, start = plugin.build(data.schema, data.train, seed), time.process_time()
        model.fit(data.train)
        yield name, model.outputs(data.test.inputs)[:, 0], time.process_time() - start
        fitted[name] = model
    start = time.process_time()
    boosting = HistGradientBoostingClassifier(random_state=seed, max_iter=120, learning_rate=0.06)
    boosting.fit(data.train.inputs, explained(data, "train"))
    yield "boosting", boosting.decision_function(data.test.inputs), time.process_time() - start
    rules, encoder = fitted["rules"].fitted, Encoder.fit(data.schema.features, data.train.inputs)
    zeros = parts(data, lambda rows: np.zeros(len(rows)))
    outputs = parts(data, lambda rows: rules.outputs(rows)[:, 0])
    fires = parts(data, lambda rows: rules.fires(rows).astype(np.float64))
    raw = parts(data, encoder.transform)
    for name, rows, offset in (
        ("network", raw, zeros),
        ("rules → network", fires, zeros),
        ("rules + network", raw, outputs),
    ):
        start = time.process_time()
        yield name, network(data, rows, offset, seed), time.process_time() - start


def apart(first: Floats, second: Floats) -> str:
    """The mean paired difference with its interval over the seeds."""
    gaps = np.asarray(first) - np.asarray(second)
    half = student.ppf(0.975, len(gaps) - 1) * gaps.std(ddof=1) / np.sqrt(len(gaps))
    return f"{gaps.mean():+.4f} ({gaps.mean() - half:+.4f} to {gaps.mean() + half:+.4f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    seeds = parser.parse_args().seeds
    torch.set_num_threads(1)
    for title, source in SETS.items():
        areas: dict[str, list[float]] = {}
        losses: dict[str, list[float]] = {}
        seconds: dict[str, list[float]] = {}
        for seed in range(seeds):
            data = source.load(seed, Silent())
            happened = explained(data, "test")
            for name, output, took in scores(data, seed):
                areas.setdefault(name, []).append(roc_auc_score(happened, output))
                losses.setdefault(name, []).append(log_loss(happened, 1 / (1 + np.exp(-output))))
                seconds.setdefault(name, []).append(took)
        print(
            f"\n{title}, {seeds} seeds\n\n"
            "| model | AUC | log loss | s | AUC − boosting | AUC − rules |"
        )
        print("|---|---|---|---|---|---|")
        for name, values in areas.items():
            print(
                f"| {name} | {np.mean(values):.4f} | {np.mean(losses[name]):.4f} | "
                f"{np.mean(seconds[name]):.1f} | {apart(values, areas['boosting'])} | "
                f"{apart(values, areas['rules'])} |"
            )
        print(f"\nrules + network − network: {apart(areas['rules + network'], areas['network'])}")


if __name__ == "__main__":
    main()
