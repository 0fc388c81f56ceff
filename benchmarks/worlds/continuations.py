"""What an answer came from, on language models of which it is known which tokens decide."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from deepseek_report.artifacts.protocols.models import TrainingPlace
from deepseek_report.artifacts.protocols.progress import Silent
from deepseek_report.artifacts.split import Dataset
from deepseek_report.extensions.language_models.continuation import (
    METHODS,
    ContinuationAttribution,
    stand_in_of,
    verdicts,
)
from deepseek_report.extensions.language_models.language_model import CausalLanguageModel
from deepseek_report.extensions.language_models.token_attribution import (
    QUESTIONS,
    ContinuationGame,
    losses,
)
from deepseek_report.extensions.language_models.token_task_data import RecallData
from worlds.trials import Plan, Table, repeat, share

#: Prompts of each model, and random orders of each prompt.
_PROMPTS, _ORDERS = 200, 40


@cache
def trained(seed: int) -> tuple[Any, Dataset]:
    """A DeepSeek-V3 trained on recall by its shipped recipe, as a classifier, and its data."""
    data, model = RecallData(n=2000).load(seed, Silent()), CausalLanguageModel()
    module = model.build(data.schema, data.train, seed)
    trainer: Any = model.own_trainer()
    with tempfile.TemporaryDirectory() as folder:
        trainer.fit(module, data, TrainingPlace(Path(folder), seed, "cpu"), Silent())
    return model.wrap(module, data.schema, "cpu"), data


@cache
def losses_of_orders() -> np.ndarray:
    """(prompt, loss, method or random order, question), the methods first."""
    classifier, data = trained(0)
    model, metric = classifier.language_model, ContinuationAttribution(prompts=_PROMPTS)
    stand_in, lost = stand_in_of(model, metric.replacement), []
    for at, (text, _) in enumerate(metric._texts(classifier, data.test)):
        rng = np.random.default_rng([at, 32])
        game = ContinuationGame(model.net, text, stand_in)
        own, errors = metric._methods(game, rng)
        orders = np.concatenate([own, rng.normal(size=(_ORDERS, *errors.shape))])
        lost.append(np.stack(losses(game, orders, metric.retained))[..., 0])
    return np.array(lost)


def quoted(guessing: bool, prompts: int, seed: int) -> dict[tuple[str, str], bool]:
    """{(method, question): whether it may be quoted} of a sample of the prompts.

    guessing : random orders stand for the methods; the control's are others.
    """
    rng = np.random.default_rng([seed, 33])
    chosen = rng.choice(_PROMPTS, prompts, replace=False)
    orders = len(METHODS) + rng.permutation(_ORDERS)
    first = orders[: len(METHODS)] if guessing else np.arange(len(METHODS))
    draws = orders[len(METHODS) : len(METHODS) + ContinuationAttribution.draws]
    lost = losses_of_orders()[chosen]
    control = lost[:, :, draws].mean(axis=2, keepdims=True)
    both = np.concatenate([lost[:, :, first], control], axis=2)[..., None]
    answers: Any = [
        SimpleNamespace(
            lost=each, counted=np.array([True]), is_right=lambda: None, relative_error=np.zeros(2)
        )
        for each in both
    ]
    return {(row.method, row.question): row.is_quoted for row in verdicts(answers)}


def right(seed: int) -> dict[tuple[str, str], float]:
    """{(method, question): share of the prompts whose top token is one that decides}."""
    classifier, data = trained(seed)
    context: Any = SimpleNamespace(
        classifier=classifier,
        dataset=replace(data, test=data.test.take(np.arange(_PROMPTS))),
        seed=seed,
        progress=Silent(),
    )
    rows = ContinuationAttribution(prompts=_PROMPTS).measure(context).tables["methods"]
    return {
        (row["explainer"], QUESTIONS[row["contrast"]]): float(row["right"])
        for _, row in rows.iterrows()
    }


def tables(plan: Plan) -> list[Table]:
    """The tables of docs/conclusions.md."""
    losses_of_orders()  # before processes are forked
    return [_quoted(plan.times(2000, 100), plan), _right(plan.times(5, 1), plan)]


def _quoted(repeats: int, plan: Plan) -> Table:
    rows = []
    for prompts in (10, 24, 60):
        false, true = (
            repeat(partial(quoted, guessing, prompts), repeats, plan) for guessing in (True, False)
        )
        for question in QUESTIONS:
            wrong = [any(world[method, question] for method in METHODS) for world in false]
            cells = [share([world[method, question] for world in true]) for method in METHODS]
            rows.append((prompts, question, share(wrong), *cells))
    return Table(
        "Which method may be quoted on what an answer came from",
        f"{repeats} samples of {_PROMPTS} prompts of a DeepSeek-V3 trained on recall. Of four "
        "methods of random numbers none may be quoted: any of them in at most 5 %.",
        ("prompts", "question", "any of four of random numbers", *METHODS),
        rows,
    )


def _right(repeats: int, plan: Plan) -> Table:
    worlds = repeat(right, repeats, plan)
    rows = []
    for method in (*METHODS, "random"):
        for question in QUESTIONS:
            shares = [world[method, question] for world in worlds]
            cells = (f"{100 * end:.1f} %" for end in (min(shares), max(shares)))
            rows.append((method, question, *cells))
    return Table(
        "Whether the top token is one that makes the answer",
        f"{repeats} models trained on recall by the shipped recipe, {_PROMPTS} prompts each. The "
        "letter that is wanted and the letter and the colour of its pair make the answer: three of "
        "fourteen tokens. The least and the greatest share of the models.",
        ("method", "question", "least", "greatest"),
        rows,
    )
