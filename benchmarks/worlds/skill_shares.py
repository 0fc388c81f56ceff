"""What a model's skill rests on, where the truth is known: SAGE and permutation importance.

Models are functions of six columns, two of which go together and two of which act together; the
last column is used by some of them and tells nothing of the label. The truth of SAGE comes from all
64 coalitions over thousands of rows, with the chances of the labels in place of the labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from math import comb
from typing import Any

import numpy as np

from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.artifacts.predictions import Cases, Predictions
from deepseek_report.artifacts.protocols.classifier import Classifier
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.schema import Feature, Schema, Target
from deepseek_report.artifacts.split import Dataset, Split
from deepseek_report.errors import NotApplicableError
from deepseek_report.metrics.explanations.skill_importance import PermutationImportance, Sage
from worlds.trials import Plan, Table, repeat, share

COLUMNS, BACKGROUND, ROWS, POPULATION = 6, 32, 400, 5000
#: Data sets of each model.
SAMPLES = 20
#: How strongly the model uses the column that tells nothing, in log-odds for a deviation.
USES = {"not used": 0.0, "hardly used": 0.15, "used": 0.4, "much used": 0.8}
Kind = str


def rows_of(n: int, rng: np.random.Generator) -> np.ndarray:
    rows = rng.normal(size=(n, COLUMNS))
    rows[:, 1] = 0.8 * rows[:, 0] + 0.6 * rows[:, 1]
    rows[:, 3] = np.round(rows[:, 3])
    return rows


@dataclass(frozen=True)
class World:
    """A model and what it learnt from; `use` is its slope on the column that tells nothing.

    kind : "classes" of two, or a "number" with noise.
    """

    kind: Kind
    use: float
    seed: int

    @property
    def slopes(self) -> np.ndarray:
        return np.random.default_rng([self.seed, 7]).normal(0, 0.7, COLUMNS - 1)

    def score(self, rows: np.ndarray, use: float) -> np.ndarray:
        a, x = self.slopes, rows.T
        told = a[0] * x[0] + a[1] * np.tanh(2 * x[1]) + a[2] * x[2] * (x[3] > 0) + a[4] * x[4] ** 2
        return told + use * x[5] - 0.5

    def answers(self, rows: np.ndarray) -> np.ndarray:
        """(row,) what the model says: a probability, or the number."""
        score = self.score(rows, self.use)
        return score if self.kind == "number" else 1 / (1 + np.exp(-score))

    def expected(self, rows: np.ndarray) -> np.ndarray:
        """(row,) the mean of the label."""
        score = self.score(rows, 0.0)
        return score if self.kind == "number" else 1 / (1 + np.exp(-score))

    def labels(self, rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        expected = self.expected(rows)
        if self.kind == "number":
            return expected + rng.normal(size=len(rows))
        return (rng.random(len(rows)) < expected).astype(np.int64)

    @property
    def schema(self) -> Schema:
        features = tuple(Feature(f"x{k}", f"x {k}", "numeric") for k in range(COLUMNS))
        if self.kind == "number":
            return Schema(features, Target("y", "y", ("y",), explained=0, task="regression"))
        return Schema(features, Target("y", "y", ("no", "yes"), favourable=0, explained=1))

    @property
    def background(self) -> np.ndarray:
        return rows_of(BACKGROUND, np.random.default_rng([self.seed, 8]))

    def context(self, sample: int, n: int = ROWS) -> MeasureContext:
        rng = np.random.default_rng([self.seed, sample, 9])
        schema, classifier = self.schema, Answers(self)

        def split(size: int) -> Split:
            rows = rows_of(size, rng)
            return Split(rows, self.labels(rows, rng), np.arange(size), {})

        train, test = split(1500), split(n)
        outputs = classifier.probabilities(test.inputs)
        number = self.kind == "number"
        predictions = Predictions(
            logits=outputs if number else np.log(outputs),
            probabilities=outputs[:, :0] if number else outputs,
            labels=test.labels,
            instance_ids=test.instance_ids,
            decisions=np.zeros(n, np.int64) if number else outputs.argmax(axis=1),
            threshold=None if number else 0.5,
            rule="declared",
            explained=0 if number else 1,
        )
        return MeasureContext(
            dataset=Dataset(schema, train, split(20), test, card={}),
            predictions=predictions,
            validation_predictions=predictions,
            cases=Cases(np.arange(n), {}),
            classifier=classifier,  # type: ignore[arg-type]
            seed=sample,
            background=self.background,
        )


@dataclass
class Answers(Classifier):
    """The model of a world as a classifier."""

    world: World
    name = "world"
    module = None
    calls = 0
    capabilities: frozenset[Any] = frozenset()

    @property
    def schema(self) -> Schema:
        return self.world.schema

    def probabilities(self, rows: np.ndarray) -> np.ndarray:
        answers = self.world.answers(rows)
        return (
            answers[:, None] if self.world.kind == "number" else np.stack([1 - answers, answers], 1)
        )


@lru_cache(maxsize=64)
def true_shares(world: World) -> np.ndarray:
    """(column,) Shapley values of the squared error, by their definition."""
    rows = rows_of(POPULATION, np.random.default_rng([world.seed, 10]))
    expected, background = world.expected(rows), world.background
    worths = np.empty(2**COLUMNS)
    for code in range(2**COLUMNS):
        kept = (code >> np.arange(COLUMNS)) & 1 == 1
        mean = np.mean([world.answers(np.where(kept, rows, z)) for z in background], axis=0)
        worths[code] = -((mean - expected) ** 2).mean()
    return enumerated(worths, COLUMNS)


def enumerated(worths: np.ndarray, players: int) -> np.ndarray:
    """(player,) Shapley values of a game by the worth of every coalition, a bit for a player."""
    codes = np.arange(2**players)
    sizes = np.array([bin(code).count("1") for code in codes])
    values = np.zeros(players)
    for player in range(players):
        without = codes[(codes >> player) & 1 == 0]
        weights = np.array([1 / (players * comb(players - 1, sizes[code])) for code in without])
        values[player] = weights @ (worths[without | (1 << player)] - worths[without])
    return values


@lru_cache(maxsize=64)
def true_rises(world: World) -> np.ndarray:
    """(column,) mean rise of the squared error, over very many pairs of rows."""
    rng = np.random.default_rng([world.seed, 11])
    rows, others = rows_of(400_000, rng), rows_of(400_000, rng)
    expected = world.expected(rows)
    whole = ((world.answers(rows) - expected) ** 2).mean()
    rises = []
    for column in range(COLUMNS):
        moved = rows.copy()
        moved[:, column] = others[:, column]
        rises.append(((world.answers(moved) - expected) ** 2).mean() - whole)
    return np.array(rises)


def by_column(measurement: Measurement, *keys: str) -> np.ndarray:
    """(column, key)"""
    table = measurement.tables["features"].set_index("feature")
    return table.loc[[f"x{k}" for k in range(COLUMNS)], list(keys)].to_numpy(dtype=float)


def covered(metric: Any, key: str, kind: Kind, use: float, seed: int) -> list[bool]:
    """Whether the interval of each column holds the truth, in each of several data sets."""
    world = World(kind, use, seed)
    truth = true_shares(world) if key == "value" else true_rises(world)
    held: list[bool] = []
    for sample in range(SAMPLES):
        low, high = by_column(metric.measure(world.context(sample)), "low", "high").T
        held += ((low <= truth) & (truth <= high)).tolist()
    return held


def called(kind: Kind, use: float, n: int, seed: int) -> tuple[bool, bool]:
    """Whether the column that tells nothing is said to earn nothing, and whether another one is."""
    world = World(kind, use, seed)
    try:
        measurement = SAGE.measure(world.context(0, n))
    except NotApplicableError:  # the model has no skill to share, which is told instead
        return False, False
    p_values = by_column(measurement, "p_adjusted")[:, 0]
    wrong = (p_values < LEVEL) & (true_shares(world) >= 0)
    return bool(p_values[-1] < LEVEL), bool(wrong.any())


SAGE, LEVEL = Sage(max_answers=2000), 0.05


def tables(plan: Plan) -> list[Table]:
    return [_coverage(plan.times(30, 2), plan), _useless(plan.times(200, 20), plan)]


def _coverage(n: int, plan: Plan) -> Table:
    metrics: list[tuple[str, Any, str]] = [
        ("SAGE, 100 of the rows asked about", SAGE, "value"),
        ("SAGE, all rows asked about", replace(SAGE, max_answers=ROWS * 20), "value"),
        ("permutation importance, 1 exchange", PermutationImportance(repeats=1), "loss_rise"),
        ("permutation importance, 5 exchanges", PermutationImportance(repeats=5), "loss_rise"),
    ]
    rows: list[Sequence[object]] = []
    for name, metric, key in metrics:
        for kind in ("classes", "number"):
            outcomes = repeat(partial(covered, metric, key, kind, 0.4), n, plan)
            rows.append([name, kind, share([held for world in outcomes for held in world])])
    return Table(
        "Intervals of what features earn and what exchanging them costs",
        f"{n} models with {SAMPLES} data sets of {ROWS} rows each, {COLUMNS} columns; 95 % "
        "intervals. The truth is that of the model and its background on all rows there are.",
        ("measure", "target", "intervals that hold the truth"),
        rows,
    )


def _useless(n: int, plan: Plan) -> Table:
    rows: list[Sequence[object]] = []
    for kind in ("classes", "number"):
        for name, use in USES.items():
            outcomes = repeat(partial(called, kind, use, 3000), n, plan)
            right, wrong = zip(*outcomes, strict=True)
            rows.append([kind, f"{name} ({use:g})", share(right), share(wrong)])
    return Table(
        "Features that earn no skill",
        f"{n} models, 3 000 rows, SAGE with {SAGE.max_answers:,} answers. The column that tells "
        "nothing of the label costs skill as soon as the model uses it. Wrong: a column that earns "
        "something, or nothing but costs nothing, is said to cost skill.",
        ("target", "use of the column that tells nothing", "said to earn nothing", "wrong"),
        rows,
    )
