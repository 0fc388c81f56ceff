"""What is said of options against a gap between groups, where it is known what they do.

People of two sexes with a job, skill and luck; a logistic regression, or boosted trees, decides
about them today, and is fitted anew as an option by the code that fits the model of a run. The
truth of every option is what the same fitted predictors and thresholds do on 40 000 other people;
each world is judged on several samples of people.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import product
from types import SimpleNamespace
from typing import Any
from unittest import mock

import numpy as np

from deepseek_report.artifacts.conclusions import DecisionCosts
from deepseek_report.artifacts.predictions import Cases, Predictions
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.split import Dataset, Split
from deepseek_report.metrics.fairness.options import OWN, TODAY, Options
from deepseek_report.models.estimators.sklearn import Sklearn
from deepseek_report.runner.execution.refitting import ModelRefits
from deepseek_report.tasks.loss import decide

from .advice import fitted_once, schema_of
from .trials import Plan, Table, repeat, share, stated_predictions

#: How much sex lowers the log-odds of the favourable label, and how much it lowers skill.
WORLDS = {
    "groups do not differ": (0.0, 0.0),
    "skill differs, labels follow skill alone": (0.0, 0.4),
    "labels depend on sex, skill differs": (1.0, 0.4),
}
TRAIN, TEST, OTHERS = 1500, 1000, 40_000
#: So many samples of people are judged in each world.
SAMPLES = 5
#: Numbers whose paired intervals are asked for.
CHANGES = (
    *("gap_change", "balanced_accuracy_change", "against_change"),
    *("auc_change", "cost_change", "ratio"),
)
_NAMES = ("sex", "job", "skill", "luck")
#: What decides about people, and is fitted anew.
MODELS = {
    "logistic regression": Sklearn("sklearn.linear_model.LogisticRegression"),
    "boosted trees": Sklearn(
        "sklearn.ensemble.HistGradientBoostingClassifier", {"max_iter": 40, "max_depth": 3}
    ),
}


def people(n: int, effect: float, apart: float, rng: np.random.Generator) -> Split:
    """Of each a sex, a job that goes with it, skill and luck; labels 0 are favourable."""
    sex = rng.integers(0, 2, n)
    job = np.where(rng.random(n) < (0.8 if apart else 0.5), sex, 1 - sex)
    skill = rng.normal(size=n) - apart * sex
    favoured = rng.random(n) < 1 / (1 + np.exp(-1.2 * skill - 0.4 + effect * sex))
    inputs = np.column_stack([sex, job, skill, rng.normal(size=n)]).astype(np.float64)
    return Split(inputs, np.where(favoured, 0, 1), np.arange(n), {"sex": sex})


def decided(model: Any, part: Split, threshold: float = 0.5) -> Predictions:
    """What a fitted model says of people."""
    probabilities = model.probabilities(part.inputs)
    return stated_predictions(
        probabilities,
        part.labels,
        decide(probabilities, threshold, 1),
        threshold=threshold,
        groups=part.groups,
    )


@contextmanager
def _refitted_once() -> Iterator[None]:
    """The model is fitted anew once for the same change, since it learns from the same people."""
    fitted: dict[Any, Any] = {}
    fit = ModelRefits.__call__

    def once(refits: ModelRefits, rows: Any, seed: Any = None, change: Any = None) -> Any:
        key = rows.tobytes(), change.withheld
        if key not in fitted:
            fitted[key] = fit(refits, rows, seed, change)
        return fitted[key]

    with mock.patch.object(ModelRefits, "__call__", once):
        yield


def option_trial(
    effect: float, apart: float, seed: int, model: str = "logistic regression"
) -> list[dict[str, bool]]:
    """Of each sample whether its intervals hold the truth, and whether an option is called better.

    The same predictors, thresholds and proposal are asked about the samples and about many others.
    """
    rng = np.random.default_rng([seed, 23])
    train, validation = (people(TRAIN, effect, apart, rng) for _ in range(2))
    schema, plugin = schema_of(_NAMES), MODELS[model]
    fitted = plugin.build(schema, train, 0)
    fitted.fit(train)
    experiment: Any = SimpleNamespace(model=plugin, trainer=None, seeds=SimpleNamespace(training=0))
    parts = [people(n, effect, apart, rng) for n in (OTHERS, *[TEST] * SAMPLES)]
    options = Options(costs=DecisionCosts(1.0, 2.0))
    tables = []
    with fitted_once(), _refitted_once():
        for part in parts:
            data = Dataset(schema, train, validation, part, card={}, issues=())
            context = MeasureContext(
                dataset=data,
                predictions=decided(fitted, part),
                validation_predictions=decided(fitted, validation),
                refits=ModelRefits(experiment, data, "cpu"),
                cases=Cases(np.arange(1), {}),
                classifier=None,  # type: ignore[arg-type]
                seed=seed,
                background=train.inputs[:1],
            )
            tables.append(options.measure(context).tables["options"].to_dict("records"))
    truths, *measured = tables
    return [_outcome(rows, truths) for rows in measured]


def _outcome(rows: list[dict[str, Any]], truths: list[dict[str, Any]]) -> dict[str, bool]:
    known = {truth["option"]: truth for truth in truths}
    today = float(known[TODAY]["gap"])
    outcome = dict.fromkeys(
        [f"{who}called better{how}" for who in ("", OWN) for how in ("", " wrongly")], False
    )
    for row in rows:
        truth = known[row["option"]]
        for name in CHANGES:
            low, high = row[f"{name}_low"], row[f"{name}_high"]
            if row["option"] != TODAY and not np.isnan([truth[name], low, high]).any():
                held = low - 1e-12 <= truth[name] <= high + 1e-12
                outcome[f"{name} of {row['option']}"] = bool(held)
        for who in ("", OWN) if row["is_better"] else ():
            if row["option"].startswith(who):
                outcome[f"{who}called better"] = True
                outcome[f"{who}called better wrongly"] = abs(float(truth["gap"])) >= abs(today)
    return outcome


def tables(plan: Plan) -> list[Table]:
    """How often options are called better, and how often their intervals hold the truth."""
    repeats = plan.times(100, 3)
    called, held = [], []
    for model, (title, (effect, apart)) in product(MODELS, WORLDS.items()):
        world = f"{model}; {title}"
        trial = partial(option_trial, effect, apart, model=model)
        outcomes = [o for samples in repeat(trial, repeats, plan) for o in samples]
        rates = [
            share([outcome[f"{who}called better{how}"] for outcome in outcomes])
            for who in ("", OWN)
            for how in ("", " wrongly")
        ]
        called.append((world, *rates))
        for name in CHANGES:
            of_all = [
                value
                for outcome in outcomes
                for key, value in outcome.items()
                if key.startswith(f"{name} of ")
            ]
            names = sorted({k for o in outcomes for k in o if k.startswith(f"{name} of ")})
            least = {n: np.mean([o[n] for o in outcomes if n in o]) for n in names}
            worst = min(names, key=least.__getitem__)
            one = [outcome[worst] for outcome in outcomes if worst in outcome]
            held.append((world, name, share(of_all), worst.partition(" of ")[2], share(one)))
    setting = (
        f"{repeats} worlds each: what decides and all refits learn from {TRAIN} people, "
        f"{TRAIN} others choose, and {SAMPLES} samples of {TEST} judge, the truth is of {OTHERS}."
    )
    return [
        Table(
            "Options that are called better",
            setting,
            (
                "what decides; world",
                *("called better", "although the gap is as wide or wider"),
                *("the model itself, fitted anew, is", "although it is as wide or wider"),
            ),
            called,
        ),
        Table(
            "Paired intervals of options",
            setting,
            (
                "what decides; world",
                "number",
                "holds the truth",
                "the option held least often",
                "of that one",
            ),
            held,
        ),
    ]
