"""What an answer came from, on language models of which it is known which tokens decide."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from deepseek_report.artifacts.protocols.progress import Silent
from deepseek_report.artifacts.split import Dataset
from deepseek_report.datasets.sources.token_tasks import RecallData
from deepseek_report.metrics.language.continuation import METHODS, ContinuationAttribution
from deepseek_report.metrics.language.token_attribution import QUESTIONS
from deepseek_report.models.transformers.language_model import CausalLanguageModel
from worlds.trials import Plan, Table, repeat, share

#: Prompts of each model by which methods are compared with what is known.
_PROMPTS = 200


@cache
def trained(seed: int) -> tuple[Any, Dataset]:
    """A DeepSeek-V3 trained on recall by its shipped recipe, as a classifier, and its data."""
    data, model = RecallData(n=2000).load(seed, Silent()), CausalLanguageModel()
    module = model.build(data.schema, data.train, seed)
    trainer: Any = model.own_trainer()
    with tempfile.TemporaryDirectory() as folder:
        trainer.fit(module, data, Path(folder), seed, "cpu", Silent())
    return model.wrap(module, data.schema, "cpu"), data


class _Guessing(ContinuationAttribution):
    """The metric with random numbers in the place of what each method says."""

    def _methods(self, game: Any, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        values, errors = super()._methods(game, rng)
        return rng.normal(size=values.shape), errors


def quoted(guessing: bool, prompts: int, seed: int) -> dict[tuple[str, str], bool]:
    """{(method, question): whether it may be quoted}, on other prompts for each seed."""
    classifier, data = trained(0)
    rng = np.random.default_rng([seed, 32])
    chosen = np.sort(rng.choice(len(data.test), prompts, replace=False))
    metric = (_Guessing if guessing else ContinuationAttribution)(prompts=prompts, steps=4)
    if guessing:
        metric = replace(metric, pairs=1)
    rows = _measured(metric, classifier, data, chosen, seed)
    return {
        (row["explainer"], QUESTIONS[row["contrast"]]): bool(row["quoted"])
        for _, row in rows.iterrows()
    }


def right(seed: int) -> dict[tuple[str, str], float]:
    """{(method, question): share of the prompts whose top token is one that decides}."""
    classifier, data = trained(seed)
    metric = ContinuationAttribution(prompts=_PROMPTS)
    rows = _measured(metric, classifier, data, np.arange(_PROMPTS), seed)
    return {
        (row["explainer"], QUESTIONS[row["contrast"]]): float(row["right"])
        for _, row in rows.iterrows()
    }


def _measured(metric: Any, classifier: Any, data: Dataset, chosen: np.ndarray, seed: int) -> Any:
    context: Any = SimpleNamespace(
        classifier=classifier,
        dataset=replace(data, test=data.test.take(chosen)),
        seed=seed,
        progress=Silent(),
    )
    return metric.measure(context).tables["methods"]


def tables(plan: Plan) -> list[Table]:
    """The tables of docs/conclusions.md."""
    trained(0)  # before processes are forked
    return [_quoted(plan.times(400, 20), plan), _right(plan.times(5, 1), plan)]


def _quoted(repeats: int, plan: Plan) -> Table:
    rows = []
    for prompts in (10, 24):
        false = repeat(partial(quoted, True, prompts), repeats, plan)
        true = repeat(partial(quoted, False, prompts), max(repeats // 8, 1), plan)
        for question in QUESTIONS:
            wrong = [world[method, question] for world in false for method in METHODS]
            cells = [share([world[method, question] for world in true]) for method in METHODS]
            rows.append((prompts, question, share(wrong), *cells))
    return Table(
        "Which method may be quoted on what an answer came from",
        f"A DeepSeek-V3 trained on recall, {repeats} samples of its prompts with random numbers in "
        "the place of each method, of which none may be quoted, and an eighth as many with the "
        "methods themselves. A method of random numbers is to be quoted in at most 5 %.",
        ("prompts", "question", "random numbers", *METHODS),
        rows,
    )


def _right(repeats: int, plan: Plan) -> Table:
    worlds = repeat(right, repeats, plan)
    rows = [
        (
            method,
            question,
            *(
                f"{100 * fold(world[method, question] for world in worlds):.1f} %"
                for fold in (min, max)
            ),
        )
        for method in (*METHODS, "random")
        for question in QUESTIONS
    ]
    return Table(
        "Whether the top token is one that makes the answer",
        f"{repeats} models trained on recall by the shipped recipe, {_PROMPTS} prompts each. The "
        "letter that is wanted and the letter and the colour of its pair make the answer: three of "
        "fourteen tokens. The least and the greatest share of the models.",
        ("method", "question", "least", "greatest"),
        rows,
    )
