"""Behaviour that is planted in a model, and models of monotone worlds that have none of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd

from deepseek_report.artifacts.array_types import Floats
from deepseek_report.artifacts.conclusions import Expectation, InputChange
from deepseek_report.artifacts.protocols.classifier import Classifier
from deepseek_report.artifacts.protocols.progress import Silent
from deepseek_report.artifacts.schema import Category, Feature, Layout, Schema, Target
from deepseek_report.artifacts.split import Dataset, Split
from deepseek_report.metrics.behaviour.behaviour import Behaviour
from worlds.trials import Plan, Table, logistic, repeat, share

#: Training rows, test rows, and what is asked of a default.
TRAINED, TESTED = 3000, 800
_TARGET = Target("default", "Default", ("no", "yes"), favourable=0)
_LATE = tuple(Category(str(k), f"{k} months late") for k in range(9))
SCHEMA = Schema(
    (
        Feature("late", "Months late", "ordinal", categories=_LATE),
        Feature("income", "Income", "numeric"),
        Feature("debt", "Debt", "numeric"),
        Feature("age", "Age", "numeric"),
    ),
    _TARGET,
)
#: From rows (row, column) to log-odds.
LogOdds = Callable[[Floats], Floats]
NEVER_HELPS = Expectation("direction", columns=("late",), outcome="yes", tolerance=0.02)


def truth(rows: Floats) -> Floats:
    """Log-odds that rise with months late and debt and fall with income, and not with age."""
    late, income, debt, _ = rows.T
    return np.asarray(-2.2 + 0.8 * np.sqrt(late) + 0.5 * np.log1p(debt) - 0.02 * (income - 50))


def turned(rows: Floats, by: float) -> Floats:
    """The same, but six months late and more count less: about 1 in 70 rows."""
    return truth(rows) - by * (rows[:, 0] >= 6)


def stepped(rows: Floats, by: float) -> Floats:
    """The same, with a step where the income is 62.5, in the middle of many rows."""
    return truth(rows) + by * (rows[:, 1] >= 62.5)


def drawn(n: int, rng: np.random.Generator) -> Floats:
    late = np.minimum(rng.geometric(0.5, n) - 1, 8).astype(np.float64)
    return np.column_stack(
        [late, rng.normal(50, 15, n).round(1), rng.gamma(2, 2, n).round(2), rng.integers(20, 70, n)]
    )


def labelled(rows: Floats, log_odds: LogOdds, rng: np.random.Generator) -> Split:
    labels = (rng.random(len(rows)) < logistic(log_odds(rows))).astype(np.int64)
    return Split(rows, labels, np.arange(len(rows)), {})


class Stated(Classifier):
    """A model that states the probabilities of these log-odds."""

    capabilities: frozenset[str] = frozenset()

    def __init__(self, log_odds: LogOdds, schema: Schema = SCHEMA) -> None:
        self.log_odds, self.schema = log_odds, schema

    def probabilities(self, rows: Floats) -> Floats:
        share_ = logistic(self.log_odds(rows))
        return np.column_stack([1 - share_, share_])


class Fitted(Classifier):
    """A model of scikit-learn, fitted on the training part."""

    capabilities: frozenset[str] = frozenset()
    schema = SCHEMA

    def __init__(self, estimator: Any, train: Split) -> None:
        self.estimator = estimator.fit(train.inputs, train.labels)

    def probabilities(self, rows: Floats) -> Floats:
        return np.asarray(self.estimator.predict_proba(rows))


def fitted(name: str, train: Split) -> Fitted:
    from sklearn.base import clone
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    boosting = HistGradientBoostingClassifier(max_iter=60, learning_rate=0.08, random_state=0)
    linear = make_pipeline(StandardScaler(), LogisticRegression())
    kept = clone(boosting).set_params(monotonic_cst=[1, -1, 1, 1])
    models = {"boosting": boosting, "monotone": kept, "logistic": linear}
    return Fitted(models[name], train)


def measured(
    model: Any,
    dataset: Dataset,
    seed: int,
    expectations: tuple[Expectation, ...] = (),
    rows: int = Behaviour.rows,
) -> Mapping[str, pd.DataFrame]:
    """The tables of the metric."""
    probabilities = model.probabilities(dataset.test.inputs)
    predictions = SimpleNamespace(
        threshold=0.5,
        explained=1,
        probabilities=probabilities,
        decisions=(probabilities[:, 1] >= 0.5).astype(np.int64),
    )
    context: Any = SimpleNamespace(
        dataset=dataset,
        predictions=predictions,
        classifier=model,
        seed=seed,
        expectations=expectations,
        progress=Silent(),
    )
    return Behaviour(rows=rows).measure(context).tables


@dataclass(frozen=True)
class Seen:
    """What was told of one world: what is asked of an expert, and whether the declared is broken.

    asked : pairs of what it is (turn, jump, tail) and the feature.
    """

    asked: frozenset[tuple[str, str]]
    broken: bool


@dataclass(frozen=True)
class TableTrial:
    """One world after the other; model : the log-odds that are stated, or what is fitted."""

    model: LogOdds | str
    declared: bool = False

    def __call__(self, seed: int) -> Seen:
        rng = np.random.default_rng([seed, 25])
        parts = [labelled(drawn(n, rng), truth, rng) for n in (TRAINED, TESTED, TESTED)]
        dataset = Dataset(SCHEMA, *parts, {})
        model = fitted(self.model, parts[0]) if isinstance(self.model, str) else Stated(self.model)
        expectations = (NEVER_HELPS,) if self.declared else ()
        tables = measured(model, dataset, seed, expectations)
        table = tables["questions"]
        kept = table[(table["question"] != "tail") & ~table["borne_out"] & ~table["declared"]]
        asked = frozenset(zip(kept["question"], kept["feature"], strict=True))
        return Seen(asked, bool((~tables["expectations"]["held"]).any()))


#: Words that say nothing, and two that should mean the same.
_WORDS = ("he", "she", *(f"word{k}" for k in range(40)))
_PLACES = 12
_TEXT = Schema(
    tuple(
        Feature(f"w{k}", f"word {k + 1}", "token", categories=tuple(Category(w, w) for w in _WORDS))
        for k in range(_PLACES)
    ),
    _TARGET,
    layout=Layout(
        "text",
        (_PLACES,),
        tuple((k,) for k in range(_PLACES)),
        tuple(f"word {k + 1}" for k in range(_PLACES)),
        mask=len(_WORDS) - 1,
    ),
)
SAME_WORD = Expectation("invariance", change=InputChange(replace={"he": "she"}), tolerance=0.05)


def worded(rows: Floats, by: float) -> Floats:
    """Log-odds by words, of which “she” adds what “he” does not."""
    weights = np.concatenate([[0.0, by], np.linspace(-1, 1, len(_WORDS) - 2)])
    return np.asarray(weights[rows.astype(np.int64)].sum(axis=1))


@dataclass(frozen=True)
class WordTrial:
    """Texts of which a quarter has “he”, and a model to which “she” is another word by so much."""

    by: float

    def __call__(self, seed: int) -> Seen:
        rng = np.random.default_rng([seed, 26])

        def texts(n: int) -> Floats:
            rows = rng.integers(2, len(_WORDS), (n, _PLACES)).astype(np.float64)
            rows[rng.random(n) < 0.25, 3] = 0.0
            return rows

        log_odds = partial(worded, by=self.by)
        parts = [labelled(texts(n), log_odds, rng) for n in (TRAINED, TESTED, TESTED)]
        tables = measured(Stated(log_odds, _TEXT), Dataset(_TEXT, *parts, {}), seed, (SAME_WORD,))
        return Seen(frozenset(), bool((~tables["expectations"]["held"]).any()))


def clean(repeats: int, plan: Plan) -> Table:
    rows = []
    models: tuple[tuple[str, LogOdds | str], ...] = (
        ("the true probabilities", truth),
        ("logistic regression, fitted", "logistic"),
        ("gradient boosting with monotone constraints, fitted", "monotone"),
        ("gradient boosting without, which overfits rare ends", "boosting"),
    )
    for name, model in models:
        seen = repeat(TableTrial(model), repeats, plan)
        rows.append(
            (
                name,
                share([bool(one.asked) for one in seen]),
                *(
                    share([any(kind == what for kind, _ in one.asked) for one in seen])
                    for what in ("turn", "jump")
                ),
            )
        )
    return Table(
        "Behaviour of models of monotone worlds",
        f"{TRAINED} training rows; the class depends on three of four ordered features, along each "
        f"in one direction, on one of them steeply up to values that 1 row in 500 has. {repeats} "
        "worlds each. Nothing is declared. Target: an expert is asked anything in at most 5 % "
        "where the model is monotone. The last model is not: what is asked of it is true of it.",
        ("model", "anything is asked", "a turn", "a jump"),
        rows,
    )


def planted(repeats: int, plan: Plan) -> Table:
    rows = []
    worlds: tuple[tuple[str, Callable[..., Floats], tuple[str, str]], ...] = (
        ("the answer turns from six months on", turned, ("turn", "late")),
        ("a step at one income", stepped, ("jump", "income")),
    )
    for name, odds, wanted in worlds:
        for by in (1.0, 1.5, 2.5):
            seen = repeat(TableTrial(partial(odds, by=by)), repeats, plan)
            rows.append(
                (
                    name,
                    by,
                    share([wanted in one.asked for one in seen]),
                    share([any(f != wanted[1] for _, f in one.asked) for one in seen]),
                )
            )
    return Table(
        "Behaviour that is planted in a model",
        "The labels are those of the monotone world; the model's log-odds are off by the strength. "
        f"{repeats} worlds each. Target: found in at least 90 % (18 of 20) at the middle strength.",
        ("planted", "strength", "found", "another feature is named"),
        rows,
    )


def declared(repeats: int, plan: Plan) -> Table:
    rows = []
    directions: tuple[tuple[str, LogOdds | str], ...] = (
        ("direction kept: the true probabilities", truth),
        ("direction kept: logistic regression", "logistic"),
        ("direction broken from six months on, strength 0.5", partial(turned, by=0.5)),
        ("direction broken from six months on, strength 1.5", partial(turned, by=1.5)),
    )
    for name, model in directions:
        seen = repeat(TableTrial(model, declared=True), repeats, plan)
        rows.append((name, share([one.broken for one in seen])))
    for by in (0.0, 0.3, 0.6, 1.2):
        seen = repeat(WordTrial(by), repeats, plan)
        name = "kept" if not by else f"broken for one word, strength {by:g}"
        rows.append((f"invariance {name}", share([one.broken for one in seen])))
    return Table(
        "Declared expectations",
        "More months late never lower the risk (by more than 2 points); another pronoun moves no "
        f"probability by more than 5 points. {repeats} worlds each.",
        ("world", "told as broken"),
        rows,
    )


def tables(plan: Plan) -> list[Table]:
    repeats = plan.times(100)
    return [clean(repeats, plan), planted(repeats, plan), declared(repeats, plan)]
