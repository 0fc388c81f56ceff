"""Repeated trials in simulated worlds, and the tables that tell their outcomes."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from deepseek_report.artifacts.array_types import Floats, Ints
from deepseek_report.artifacts.predictions import Predictions
from deepseek_report.statistics.intervals import wilson

T = TypeVar("T")


def logistic(log_odds: Floats) -> Floats:
    """The probabilities of these log-odds."""
    return np.asarray(1 / (1 + np.exp(-log_odds)))


@dataclass(frozen=True)
class Share:
    """How many of the repeated worlds showed something; as text with its 95 % Wilson interval.

    >>> str(Share(4, 200))
    '2.0 % (0.8–5.0)'
    """

    hits: int
    of: int

    @property
    def rate(self) -> float:
        return self.hits / self.of

    def __str__(self) -> str:
        low, high = wilson(self.hits, self.of)
        return f"{100 * self.rate:.1f} % ({100 * low:.1f}–{100 * high:.1f})"


@dataclass(frozen=True)
class Table:
    """One table of the page: a title, what was done in a sentence or two, and cells as text."""

    title: str
    told: str
    columns: Sequence[str]
    rows: Sequence[Sequence[object]]

    def markdown(self) -> str:
        lines = [" | ".join(map(str, row)) for row in (self.columns, *self.rows)]
        lines.insert(1, " | ".join("---" for _ in self.columns))
        body = "\n".join(f"| {line} |" for line in lines)
        return f"## {self.title}\n\n{self.told}\n\n{body}"


@dataclass(frozen=True)
class Plan:
    """How often trials are repeated, from which seed on, and in how many processes.

    share : what full numbers of repetitions are multiplied by. least : so often at the least, or as
    often as the full number where it is smaller.
    """

    share: float = 1.0
    jobs: int = 1
    first_seed: int = 0
    least: int = 0

    def times(self, full: int, least: int = 4) -> int:
        """How many repetitions a full number becomes.

        >>> Plan(share=0.1).times(200), Plan(share=0.001).times(200, least=10)
        (20, 10)
        >>> Plan(share=0.1, least=100).times(200), Plan(share=0.1, least=100).times(40)
        (100, 40)
        """
        return max(round(full * self.share), min(full, self.least), least)


def repeat(trial: Callable[[int], T], repeats: int, plan: Plan) -> list[T]:
    """What the trial gives for so many seeds in a row; the same for any number of processes."""
    seeds = range(plan.first_seed, plan.first_seed + repeats)
    if plan.jobs == 1:
        return [trial(seed) for seed in seeds]
    with multiprocessing.get_context("fork").Pool(plan.jobs) as pool:
        return pool.map(trial, seeds, chunksize=max(1, repeats // (8 * plan.jobs)))


def share(outcomes: Sequence[bool]) -> Share:
    return Share(sum(outcomes), len(outcomes))


def stated_predictions(
    probabilities: Floats, labels: Ints, decisions: Ints, least: float = 0.0, **fields: Any
) -> Predictions:
    """Of a world's cases in their order, decided from one half on; fields : what is otherwise.

    least : the smallest probability that a logarithm is taken of.
    """
    known = {"instance_ids": np.arange(len(labels)), "threshold": 0.5, "rule": "declared"}
    logits = np.log(np.maximum(probabilities, least))
    return Predictions(logits, probabilities, labels, decisions=decisions, **known | fields)
