"""What leaving inputs out is said to do, where it is known what it does.

People of two sexes, 80 % with the job of their sex; labels depend on skill and sex. Gradient
boosting is fitted with all inputs and without a column that knows the label. The truth is what
these two fitted predictors do on 60 000 other people; each pair of them is judged on several
samples of people.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any
from unittest import mock

import numpy as np

from deepseek_report.artifacts.predictions import Cases, Predictions
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.schema import Attribute, Category, Feature, Schema, Target
from deepseek_report.artifacts.split import DataIssue, Dataset, Split
from deepseek_report.metrics.failures.reference_refits import WithoutInputs
from deepseek_report.metrics.performance import baselines

from .trials import Plan, Table, repeat, share, stated_predictions

SEXES = (Category("0", "men"), Category("1", "women"))
#: How much sex lowers the log-odds of the favourable label, and how far a leak moves with it.
WORLDS = {
    "a column leaks the label": (1.0, 2.0),
    "a column that may leak knows nothing": (1.0, 0.0),
}
TRAIN, TEST, OTHERS = 3000, 2000, 60_000
#: So many samples of people are judged by each pair of predictors.
SAMPLES = 10
NAMES = ("sex", "job", "skill", "luck", "code")
#: So many parameters that two refits are cheap against the training.
_PARAMETERS = 10**7


class _Parameter:
    """As much of a tensor as says how large it is."""

    def numel(self) -> int:
        return _PARAMETERS


class _Module:
    """As much of a torch module as says how large it is."""

    def parameters(self) -> list[Any]:
        return [_Parameter()]

    def named_parameters(self) -> list[Any]:
        return []


class _Sized:
    """A model that is only asked for its size."""

    name, module = "sized", _Module()


def schema_of(names: Sequence[str]) -> Schema:
    """Columns by these names, of which sex and job are categories, and sex is sensitive."""
    kinds: dict[str, Any] = {"kind": "categorical", "categories": SEXES}
    features = tuple(
        Feature(name, name, **(kinds if name in ("sex", "job") else {"kind": "numeric"}))
        for name in names
    )
    target = Target("paid", "Paid", ("paid", "not paid"), favourable=0, explained=1)
    return Schema(features, target, (Attribute("sex", "Sex", ("men", "women"), source="sex"),))


def people(n: int, effect: float, leak: float, rng: np.random.Generator) -> Split:
    """Of each a sex, a job, skill, luck, and a code that may know the label."""
    sex = rng.integers(0, 2, n)
    job = np.where(rng.random(n) < 0.8, sex, 1 - sex)
    skill = rng.normal(size=n) - 0.2 * sex
    favoured = rng.random(n) < 1 / (1 + np.exp(-1.2 * skill - 0.4 + effect * sex))
    labels = np.where(favoured, 0, 1)
    code = rng.normal(size=n) + leak * labels
    inputs = np.column_stack([sex, job, skill, rng.normal(size=n), code]).astype(np.float64)
    return Split(inputs, labels, np.arange(n), {"sex": sex})


def context(train: Split, test: Split, others: Split, seed: int) -> MeasureContext:
    """A run whose model states the true order of people by skill; `others` are its validation."""
    issue = DataIssue("near_leak", "high", "", {"features": ["code"]}, "")
    data = Dataset(schema_of(NAMES), train, others, test, card={}, issues=(issue,))
    return MeasureContext(
        dataset=data,
        predictions=_stated(test),
        validation_predictions=_stated(others),
        cases=Cases(np.arange(1), {}),
        classifier=_Sized(),  # type: ignore[arg-type]
        seed=seed,
        background=train.inputs[:1],
    )


def _stated(part: Split) -> Predictions:
    signal = 1.2 * part.inputs[:, 2] - 0.4 * part.inputs[:, 0]
    favourable = 1 / (1 + np.exp(-signal))
    both = np.column_stack([favourable, 1 - favourable])
    return stated_predictions(
        both, part.labels, np.where(favourable >= 0.5, 0, 1), groups=part.groups
    )


@contextmanager
def fitted_once() -> Iterator[None]:
    """Within it a predictor of the same rows is fitted once: all parts are asked of the same."""
    fit, known = baselines.fit_predictor, dict[tuple[Any, ...], Callable[[Any], Any]]()

    def fit_or_known(
        task: Any, kind: str, features: Any, inputs: Any, labels: Any, *rest: Any
    ) -> Callable[[Any], Any]:
        key = (kind, inputs.tobytes(), labels.tobytes())
        if key not in known:
            known[key] = fit(task, kind, features, inputs, labels, *rest)
        return known[key]

    with mock.patch.object(baselines, "fit_predictor", fit_or_known):
        yield


def advice_trial(effect: float, leak: float, seed: int) -> list[dict[str, bool]]:
    """Of each sample whether its intervals hold what happens to other people, and leave out 0.

    The same two predictors are asked about the samples and about many others.
    """
    rng = np.random.default_rng([seed, 11])
    train = people(TRAIN, effect, leak, rng)
    validation = people(TRAIN, effect, leak, rng)
    samples = [people(TEST, effect, leak, rng) for _ in range(SAMPLES)]
    many = people(OTHERS, effect, leak, rng)
    with fitted_once():
        truths, *measured = (
            WithoutInputs().measure(context(train, part, validation, seed)).tables["refits"]
            for part in (many, *samples)
        )
    return [_outcome(table.to_dict("records"), truths.to_dict("records")) for table in measured]


def _outcome(rows: list[dict[str, Any]], truths: list[dict[str, Any]]) -> dict[str, bool]:
    (row,), (truth,) = rows, truths
    low, high = row["score_change_low"], row["score_change_high"]
    key = f"score change, without {row['inputs']}"
    return {key: low <= truth["score_change"] <= high, f"{key}: beyond 0": not low <= 0 <= high}


def tables(plan: Plan) -> list[Table]:
    """How often the intervals of tested advice hold the truth."""
    repeats = plan.times(200, 4)
    rows = []
    for world, (effect, leak) in WORLDS.items():
        trials = repeat(partial(advice_trial, effect, leak), repeats, plan)
        outcomes = [outcome for samples in trials for outcome in samples]
        for name in outcomes[0]:
            if not name.endswith(": beyond 0"):
                held, beyond = (
                    share([outcome[key] for outcome in outcomes if key in outcome])
                    for key in (name, f"{name}: beyond 0")
                )
                rows.append((world, name, held, beyond))
    return [
        Table(
            "Advice that is tried",
            f"{repeats} worlds each. Gradient boosting is fitted to {TRAIN} people with all inputs "
            f"and without some; intervals are from {SAMPLES} samples of {TEST} people a world, so "
            f"{repeats * SAMPLES} of each, the truth from {OTHERS} others.",
            ("world", "number", "interval holds it", "interval leaves out 0"),
            rows,
        )
    ]
