"""Explanation methods that are right, blind or wrong by construction: what verdict do they get?"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np

from deepseek_report.artifacts.array_types import Floats, Ints
from deepseek_report.artifacts.explanation import Explanation
from deepseek_report.artifacts.protocols.classifier import Classifier
from deepseek_report.artifacts.schema import Category, Feature, Schema, Target
from deepseek_report.artifacts.split import Dataset, Split
from deepseek_report.data_kinds import kind_of
from deepseek_report.data_kinds.base import ranges
from deepseek_report.findings.explainer_verdicts import CONDEMNED
from deepseek_report.metrics.explanations.faithfulness import (
    Deletion,
    FaithfulnessEffect,
    Insertion,
)
from deepseek_report.metrics.explanations.stability import (
    MaxSensitivity,
    NullPlayers,
    ParameterRandomisation,
)
from worlds.judging import explained_context, results_of, use_of
from worlds.trials import Plan, Share, Table, repeat, stated_predictions

#: Players, training rows, and bootstrap resamples (fewer than a report draws: verdicts do not hang
#: on them).
FEATURES, ROWS, RESAMPLES = 8, 600, 400
#: Explained cases: as many as a report explains, and as few as a small test part has.
CASES = (200, 60)


class Logistic(Classifier):
    """p = σ(b + x · w)."""

    capabilities = frozenset({"module"})

    def __init__(self, schema: Schema, seed: int) -> None:
        rng = np.random.default_rng([seed, 11])
        self.schema, self.name, self.module, self.calls = schema, "logistic", None, 0
        self.weights = rng.normal(size=FEATURES) * rng.gamma(1.0, size=FEATURES)
        self.weights *= 1.5 / np.linalg.norm(self.weights)

    def margin(self, rows: Floats) -> Floats:
        return np.asarray(rows @ self.weights)

    def probabilities(self, rows: Floats) -> Floats:
        p = 1 / (1 + np.exp(-self.margin(rows)))
        return np.column_stack([1 - p, p])

    def randomised(self, seed: int) -> Any:
        return type(self)(self.schema, seed)


class Network(Logistic):
    """A known function: a tanh network of random weights, with interactions of its features."""

    def __init__(self, schema: Schema, seed: int) -> None:
        super().__init__(schema, seed)
        rng = np.random.default_rng([seed, 12])
        scale = np.exp(rng.normal(size=(FEATURES, 1)))
        self.inner = rng.normal(size=(FEATURES, 12)) * scale / np.linalg.norm(scale)
        self.outer = rng.normal(size=12)

    def margin(self, rows: Floats) -> Floats:
        hidden = np.tanh(rows @ self.inner) @ self.outer
        return np.asarray(1.2 * hidden)


class OneFeature(Logistic):
    """One feature decides nearly alone, so that all right explanations are much alike."""

    def __init__(self, schema: Schema, seed: int) -> None:
        super().__init__(schema, seed)
        self.weights *= 0.15
        self.weights[0] = 2.5 * np.sign(self.weights[0])


class Forest(Classifier):
    """A small forest of scikit-learn, of labels drawn from a logistic model; it has no weights."""

    capabilities: frozenset[Any] = frozenset()

    def __init__(self, schema: Schema, seed: int) -> None:
        from sklearn.ensemble import RandomForestClassifier

        rng = np.random.default_rng([seed, 13])
        self.schema, self.name, self.module, self.calls = schema, "forest", None, 0
        rows = drawn(rng, ROWS)
        truth = Logistic(schema, seed)
        truth.weights *= 2
        labels = rng.random(ROWS) < truth.probabilities(rows)[:, 1]
        forest = RandomForestClassifier(20, min_samples_leaf=5, random_state=seed)
        self.forest = forest.fit(rows, labels)

    def probabilities(self, rows: Floats) -> Floats:
        return np.asarray(self.forest.predict_proba(rows))


MODELS: dict[str, Any] = {"logistic model": Logistic, "network": Network, "forest": Forest}
#: Where a right method has little to show: one feature decides, or few cases are explained.
HARD: dict[str, tuple[Any, int]] = {
    "one feature decides, 200 cases": (OneFeature, 200),
    "one feature decides, 60 cases": (OneFeature, 60),
    "logistic model, 25 cases": (Logistic, 25),
    "network, 25 cases": (Network, 25),
    "forest, 25 cases": (Forest, 25),
}


def drawn(rng: np.random.Generator, n: int) -> Floats:
    """(row, feature): correlated normal, skewed and binary columns."""
    rows = rng.normal(size=(n, FEATURES))
    rows[:, 1] = 0.7 * rows[:, 0] + 0.7 * rows[:, 1]
    rows[:, 2] = rng.gamma(2.0, size=n) - 2
    rows[:, 3] = rng.random(n) < 0.3
    return np.asarray(rows)


def schema() -> Schema:
    """Eight features, of which one is a category, and two classes."""
    yes_no = (Category("0", "no"), Category("1", "yes"))
    features = [Feature(f"x{k}", f"x {k}", "numeric") for k in range(FEATURES)]
    features[3] = Feature("x3", "x 3", "categorical", None, yes_no)
    return Schema(tuple(features), Target("y", "y", ("no", "yes"), favourable=0))


class World:
    """One model, its data, and the methods that explain it."""

    def __init__(self, model: Any, cases: int, seed: int) -> None:
        rng = np.random.default_rng([seed, cases, 17])
        self.seed = seed
        self.classifier = model(schema(), seed)
        train, test = (self._split(rng, n) for n in (ROWS, cases))
        self.dataset = Dataset(schema(), train, test, test, card={})
        self.positions = np.arange(cases)
        self.strange = np.roll(rng.permutation(cases), 1)
        self.fixed = rng.gamma(1.0, size=FEATURES)
        p = self.classifier.probabilities(test.inputs)
        decided = (p[:, 1] >= 0.5).astype(np.int64)
        self.predictions = stated_predictions(p, test.labels, decided, least=1e-09)

    def _split(self, rng: np.random.Generator, n: int) -> Split:
        rows = drawn(rng, n)
        labels = rng.random(n) < self.classifier.probabilities(rows)[:, 1]
        return Split(rows, labels.astype(np.int64), np.arange(n), {})

    @cached_property
    def baseline(self) -> Floats:
        rows = self.background
        return np.asarray(kind_of(self.dataset.schema).baseline(rows[:1], rows)[0])

    @property
    def background(self) -> Floats:
        """The training rows that stand for a typical input."""
        return self.dataset.train.inputs[:50]

    # --- methods: (classifier, rows, positions) -> (row, feature) ---------------------------------

    def occlusion(self, classifier: Any, rows: Floats, positions: Ints) -> Floats:
        """Right: the fall of the probability where one feature becomes typical."""
        away = np.where(np.eye(FEATURES, dtype=bool)[:, None], self.baseline, rows)
        asked = np.concatenate([rows[None], away]).reshape(-1, FEATURES)
        p = classifier.probabilities(asked)[:, 1].reshape(FEATURES + 1, len(rows))
        return np.asarray((p[0] - p[1:]).T)

    def noisy(self, classifier: Any, rows: Floats, positions: Ints) -> Floats:
        """Right plus noise of twice its mean size, drawn anew for each position."""
        values = self.occlusion(classifier, rows, positions)
        noise = [np.random.default_rng([self.seed, 3, p]).normal(size=FEATURES) for p in positions]
        return np.asarray(values + 2 * np.abs(values).mean() * np.array(noise))

    def distance(self, classifier: Any, rows: Floats, positions: Ints) -> Floats:
        """Blind: how far each value is from the typical one."""
        scale = ranges(self.dataset.train.inputs, self.dataset.schema)
        return np.abs(rows - self.baseline) / scale

    def weights(self, classifier: Any, rows: Floats, positions: Ints) -> Floats:
        """Blind: fixed weights for the features."""
        return np.tile(self.fixed, (len(rows), 1))

    def one_ranking(self, classifier: Any, rows: Floats, positions: Ints) -> Floats:
        """The mean size of the right values over all cases, for every case."""
        cases = self.dataset.test.inputs
        size = np.abs(self.occlusion(classifier, cases, positions)).mean(axis=0)
        return np.tile(size, (len(rows), 1))

    def of_another(self, classifier: Any, rows: Floats, positions: Ints) -> Floats:
        """The right values of another case."""
        other = self.strange[np.asarray(positions) % len(self.strange)]
        return self.occlusion(classifier, self.dataset.test.inputs[other], positions)

    def turned(self, classifier: Any, rows: Floats, positions: Ints) -> Floats:
        """Wrong: the right values with the sign turned."""
        return -self.occlusion(classifier, rows, positions)

    def random(self, classifier: Any, rows: Floats, positions: Ints) -> Floats:
        """The control."""
        rng = [np.random.default_rng([self.seed, 5, int(p)]) for p in positions]
        return np.array([one.normal(size=FEATURES) for one in rng])

    # --- what is measured -------------------------------------------------------------------------

    def explanation(self, name: str, signed: bool) -> Explanation:
        inputs = self.dataset.test.inputs
        return Explanation(
            values=getattr(self, name)(self.classifier, inputs, self.positions),
            inputs=inputs,
            predictions=self.predictions.probabilities[:, 1],
            positions=self.positions,
            feature_names=tuple(self.dataset.schema.names),
            method=name,
            variant="",
            target=1,
            output_space="none",
            seed=None,
            n_model_calls=0,
            signed=signed,
            game=None if name == "random" else "baseline",
        )

    def verdicts(self, methods: Sequence[str]) -> dict[str, str]:
        """{method: its verdict}, by the metrics and the rule of the report."""
        chosen = [(name, signed) for name, signed, _ in METHODS if name in methods]
        explanations = {name: self.explanation(name, signed) for name, signed in chosen}
        explanations["random"] = self.explanation("random", True)
        context = explained_context(self, explanations, "random", "baseline")
        with tempfile.TemporaryDirectory() as folder:
            results = results_of(context, self._again, self._metrics(), Path(folder))
            return {name: use_of(results, name) for name, _ in chosen}

    def _metrics(self) -> dict[str, Any]:
        learnt: dict[str, Any] = {"null_players": NullPlayers(resamples=RESAMPLES)}
        if "module" in self.classifier.capabilities:
            learnt = {"parameter_randomisation": ParameterRandomisation(resamples=RESAMPLES)}
        return {
            "deletion": Deletion(resamples=RESAMPLES),
            "insertion": Insertion(resamples=RESAMPLES),
            **learnt,
            "max_sensitivity": MaxSensitivity(resamples=RESAMPLES),
            "faithfulness_effect": FaithfulnessEffect(resamples=RESAMPLES),
        }

    def _positions_of(self, rows: Floats) -> Ints:
        """(row,) which case has these inputs; of the rows that stand for other draws of a case, its
        position after all cases, which is of the same case again.
        """
        inputs = self.dataset.test.inputs
        drawn = np.concatenate([inputs, -1 - inputs])
        number = {row.tobytes(): at for at, row in enumerate(drawn)}
        return np.array([number[row.tobytes()] for row in rows], dtype=np.int64)

    def _again(self, name: str) -> Callable[..., Floats]:
        def explain(
            classifier: Any, rows: Floats, drawn_as: Floats | None = None, targets: None = None
        ) -> Floats:
            del targets  # there are two classes
            positions = self._positions_of(rows if drawn_as is None else drawn_as)
            return np.asarray(getattr(self, name)(classifier, rows, positions))

        return explain


#: Each method, whether it is signed, and the verdicts that it deserves.
METHODS: tuple[tuple[str, bool, frozenset[str]], ...] = (
    ("occlusion", True, frozenset({"order", "amounts", "members", "overall", "open", "few"})),
    ("distance", False, frozenset({"nothing"})),
    ("weights", False, frozenset({"nothing"})),
    ("one_ranking", False, frozenset({"overall"})),
    ("of_another", True, frozenset({"not_this_case"})),
    ("turned", True, frozenset({"wrong"})),
    ("noisy", True, frozenset({"members", "not_this_case", "nothing", "open"})),
)


def verdicts_of(model: Any, cases: int, methods: Sequence[str], seed: int) -> dict[str, str]:
    """{method: its verdict} in one world."""
    return World(model, cases, seed).verdicts(methods)


def tables(plan: Plan) -> list[Table]:
    """How often each method gets the verdict that it deserves."""
    worlds = plan.times(100)
    everything = [name for name, _, _ in METHODS]
    easy = [
        (f"{name}, {cases} cases", model, cases)
        for name, model in MODELS.items()
        for cases in CASES
    ]
    hard = [(name, model, cases) for name, (model, cases) in HARD.items()]
    columns = ("world", "method", "deserved verdict", "verdicts")
    condemned = ", ".join(sorted(CONDEMNED))
    return [
        Table(
            "Verdicts on explanation methods that are right, blind and wrong",
            f"{worlds} worlds each. Deserved: occlusion none of {condemned}; distance from typical "
            "and fixed weights “nothing”; one ranking for all cases “overall”; another case's "
            "“not_this_case”; sign turned “wrong”; noise of twice the mean size, whose rank "
            "correlation with the right values is about 0.45, “members” or less.",
            columns,
            _rows(easy, everything, worlds, plan),
        ),
        Table(
            "The right method where it has little to show",
            f"{worlds} worlds each. Deserved: none of {condemned}.",
            columns,
            _rows(hard, ["occlusion"], worlds, plan),
        ),
    ]


def _rows(
    worlds: Sequence[tuple[str, Any, int]], methods: Sequence[str], repeats: int, plan: Plan
) -> list[tuple[object, ...]]:
    rows = []
    for world, model, cases in worlds:
        trials = repeat(partial(verdicts_of, model, cases, methods), repeats, plan)
        for name, _, deserved in METHODS:
            if name in methods:
                uses = Counter(verdicts[name] for verdicts in trials)
                right = sum(uses[use] for use in deserved)
                given = ", ".join(f"{use} {n}" for use, n in uses.most_common())
                rows.append((world, name, Share(right, repeats), given))
    return rows
