"""Pairs of features: additive models, planted products, and the intervals of single values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from deepseek_report.artifacts.protocols.classifier import Classifier
from deepseek_report.artifacts.schema import Feature, Schema, Target
from deepseek_report.metrics.explanations.interactions import Interactions, PairSizes
from deepseek_report.models.estimators.estimator import read_trees
from worlds.trials import Plan, Table, repeat, share

COLUMNS, CASES, BACKGROUND = 10, 100, 64
#: Of the neighbouring columns.
CORRELATION = 0.3
SEARCH = Interactions(pairs=4, features=25, surrogate_rows=1500, draws=5)
#: What a column adds: terms of an additive model.
TERMS: tuple[Callable[[np.ndarray], np.ndarray], ...] = (
    lambda x: x,
    lambda x: np.sin(2 * x),
    lambda x: x**2 - 1,
    lambda x: np.sign(x - 0.3),
    np.abs,
)
#: Sizes of the planted product, as shares of the spread of what is added.
STRENGTHS = {"weak": 0.1, "middle": 0.2, "strong": 0.4}


def schema() -> Schema:
    features = [Feature(f"x{k}", f"x {k}", "numeric") for k in range(COLUMNS)]
    return Schema(tuple(features), Target("y", "y", ("no", "yes"), favourable=0, explained=1))


@dataclass
class LogOdds(Classifier):
    """A classifier of two classes from a function of rows; `trees` where a forest adds up to it."""

    output: Callable[[np.ndarray], np.ndarray]
    trees: Any = None
    name = "world"
    module = None
    calls = 0

    def __post_init__(self) -> None:
        self.schema = schema()
        self.capabilities = frozenset() if self.trees is None else frozenset({"trees"})

    def log_odds(self, rows: np.ndarray, target: int) -> np.ndarray:
        return self.output(rows) * (2 * target - 1)

    def probabilities(self, rows: np.ndarray) -> np.ndarray:
        p = 1 / (1 + np.exp(-self.output(rows)))
        return np.stack([1 - p, p], axis=1)

    def columns(self, rows: np.ndarray) -> np.ndarray:
        return rows


def rows_of(n: int, rng: np.random.Generator) -> np.ndarray:
    places = np.arange(COLUMNS)
    covariance = CORRELATION ** np.abs(places[:, None] - places)
    return rng.multivariate_normal(np.zeros(COLUMNS), covariance, n)


def additive(rng: np.random.Generator) -> Callable[[np.ndarray], np.ndarray]:
    terms, slopes = rng.integers(len(TERMS), size=COLUMNS), rng.normal(0, 0.6, COLUMNS)

    def output(rows: np.ndarray) -> np.ndarray:
        parts = [slopes[k] * TERMS[term](rows[:, k]) for k, term in enumerate(terms)]
        return np.sum(parts, axis=0) - 0.5

    return output


def planted(strength: float, rng: np.random.Generator) -> tuple[Any, frozenset[int]]:
    """An additive model and a product of two columns, of so large a share of the spread."""
    base, pair = additive(rng), rng.choice(COLUMNS, 2, replace=False)
    slope = strength * base(rows_of(2000, rng)).std()
    return (lambda rows: base(rows) + slope * rows[:, pair].prod(axis=1)), frozenset(pair.tolist())


def called(classifier: LogOdds, rng: np.random.Generator, seed: int) -> list[frozenset[int]]:
    """The pairs that the report would call interactions, the strongest first."""
    inputs, background = rows_of(CASES, rng), rows_of(BACKGROUND, rng)
    model = SEARCH.of_model(classifier, inputs, background, seed)
    sizes = PairSizes.of(model.values, model.spread, model.looked_at)
    return [frozenset(pair.tolist()) for pair in model.pairs[sizes.is_interaction]]


def of_additive(seed: int) -> bool:
    rng = np.random.default_rng(seed)
    return bool(called(LogOdds(additive(rng)), rng, seed))


def of_planted(strength: float, seed: int) -> tuple[bool, bool]:
    """Whether the planted pair comes first, and whether another one is called."""
    rng = np.random.default_rng([seed, 1])
    output, pair = planted(strength, rng)
    pairs = called(LogOdds(output), rng, seed)
    return pairs[:1] == [pair], bool(set(pairs) - {pair})


def of_fitted(kind: str, strength: float, seed: int) -> tuple[bool, bool]:
    """The same of trees that are fitted to 2 000 labels; their own values are exact."""
    from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier

    rng = np.random.default_rng([seed, 2])
    output, pair = planted(strength, rng)
    rows = rows_of(2000, rng)
    labels = rng.random(len(rows)) < 1 / (1 + np.exp(-output(rows)))
    estimator = {
        "boosting": HistGradientBoostingClassifier(max_iter=60, max_leaf_nodes=8),
        "boosted stumps": HistGradientBoostingClassifier(max_iter=60, max_leaf_nodes=2),
        "forest": RandomForestClassifier(50, min_samples_leaf=20, random_state=seed),
    }[kind].fit(rows, labels)
    fitted = Fitted(estimator)
    pairs = called(fitted, rng, seed)
    return pairs[:1] == [pair], bool(set(pairs) - {pair})


class Fitted(LogOdds):
    """An estimator of scikit-learn whose trees are read."""

    def __init__(self, estimator: Any) -> None:
        ensemble = read_trees(estimator)
        if ensemble.space == "logit":
            ensemble = ensemble.with_outputs(np.array([[-1.0, 1.0]]))
        super().__init__(lambda rows: rows[:, 0], ensemble)
        self.estimator = estimator

    def log_odds(self, rows: np.ndarray, target: int) -> np.ndarray:
        p = np.clip(self.estimator.predict_proba(rows)[:, target], 1e-7, 1 - 1e-7)
        return np.log(p / (1 - p))

    def probabilities(self, rows: np.ndarray) -> np.ndarray:
        return self.estimator.predict_proba(rows)


def of_intervals(draws: int, seed: int) -> tuple[float, bool, float]:
    """Share of single values within their intervals, whether that of the size holds it, its error.

    NaN where the pair is not looked at, or outputs so sure are not explained in log-odds.

    Truth: the product's own value, (x_i − mean)(x_j − mean) corrected for how the background's
    columns go together.
    """
    rng = np.random.default_rng([seed, 3])
    base, pair = additive(rng), np.sort(rng.choice(COLUMNS, 2, replace=False))
    slope = 0.2 * base(rows_of(2000, rng)).std()
    inputs, background = rows_of(CASES, rng), rows_of(BACKGROUND, rng)

    def output(rows: np.ndarray) -> np.ndarray:
        return base(rows) + slope * rows[:, pair].prod(axis=1)

    search = replace(SEARCH, draws=draws)
    model = search.of_model(LogOdds(output), inputs, background, seed)
    place = next((k for k, own in enumerate(model.pairs) if sorted(own) == pair.tolist()), None)
    if place is None or model.output.space != "logit":
        return float("nan"), False, float("nan")
    x, z = inputs[:, pair], background[:, pair]
    together = x[:, None] - z[None]
    exact = slope * together.prod(axis=2).mean(axis=1)
    values = model.values.take(np.array([place]))
    inside = np.abs(values.values[0] - exact) <= 1.96 * values.standard_errors[0] + 1e-9
    sizes = PairSizes.of(values, model.spread, model.looked_at)
    size = slope * _true_size(pair, background, seed)
    return float(inside.mean()), bool(sizes.low[0] <= size <= sizes.high[0]), sizes.size[0] / size


def _true_size(pair: np.ndarray, background: np.ndarray, seed: int) -> float:
    """Mean magnitude over very many cases, of the product with slope 1."""
    x, z = rows_of(200_000, np.random.default_rng([seed, 4]))[:, pair], background[:, pair]
    means, product = z.mean(axis=0), z.prod(axis=1).mean()
    values = x.prod(axis=1) - x[:, 0] * means[1] - x[:, 1] * means[0] + product
    return float(np.abs(values).mean())


def tables(plan: Plan) -> list[Table]:
    n = plan.times(200, 20)
    return [_models(n, plan), _fitted(n, plan), _intervals(n, plan)]


def _models(n: int, plan: Plan) -> Table:
    additive_models = repeat(of_additive, n, plan)
    rows: list[Sequence[object]] = [["additive", "–", share(additive_models)]]
    for name, strength in STRENGTHS.items():
        outcomes = repeat(partial(of_planted, strength), n, plan)
        first, other = zip(*outcomes, strict=True)
        rows.append([f"product, {name} ({strength:.0%} of the spread)", share(first), share(other)])
    return Table(
        "Interactions of models that are known",
        f"{n} models each, a function of {COLUMNS} correlated columns in log-odds that the metric "
        f"asks {SEARCH.surrogate_rows + 4 * SEARCH.pairs * SEARCH.draws * CASES:,} rows: {CASES} "
        "cases, a background of 64 rows. Wrong: a pair that is none is called an interaction.",
        ("model", "the right pair is found first", "wrong"),
        rows,
    )


def _fitted(n: int, plan: Plan) -> Table:
    rows = []
    for kind in ("boosted stumps", "boosting", "forest"):
        for strength in (0.0, 0.2, 0.4):
            outcomes = repeat(partial(of_fitted, kind, strength), n // 5, plan)
            first, other = zip(*outcomes, strict=True)
            truth = f"a product of {strength:.0%}" if strength else "none"
            rows.append([kind, truth, share(first) if strength else "–", share(other)])
    return Table(
        "Interactions of trees that were fitted",
        f"{n // 5} fits each to 2 000 labels drawn from such models; exact values of the fitted "
        "trees. A pair beside the planted one is an interaction of the model, not of the world: "
        "trees make some from noise, and a forest of probabilities by its bounded output.",
        ("model", "interaction in the world", "found first", "another pair is called"),
        rows,
    )


def _intervals(n: int, plan: Plan) -> Table:
    rows = []
    for draws in (5, 20):
        outcomes = np.array(repeat(partial(of_intervals, draws), n, plan), dtype=float)
        known = outcomes[~np.isnan(outcomes[:, 0])]
        size = share(known[:, 1].astype(bool).tolist())
        rows.append([draws, f"{known[:, 0].mean():.1%}", str(size), f"{known[:, 2].mean():.3f}"])
    return Table(
        "Intervals of interaction values",
        f"The planted product of 20 % of the spread, {n} models (seeds from {plan.first_seed} on). "
        "Of single values: ± 1.96 standard errors. Of sizes: against the size over 200 000 cases; "
        "where draws are few the interval reaches from sizes that are too small to such that are "
        "too large, and is conservative.",
        ("draws", "single values in their intervals", "sizes in theirs", "size over the true one"),
        rows,
    )
