"""What is said about single people, where the truth is known: reasons, changes, explained classes.

A score that is a sum of known contributions tells who falls short in what; every change that is
proposed is held against the model, the declarations and all changes there are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Any

import numpy as np

from deepseek_report.artifacts.array_types import Floats
from deepseek_report.artifacts.explanation import Explanation
from deepseek_report.artifacts.predictions import Cases, Predictions
from deepseek_report.artifacts.protocols.classifier import Classifier
from deepseek_report.artifacts.protocols.explainers import ExplainContext
from deepseek_report.artifacts.schema import Category, Feature, Schema, Target
from deepseek_report.explainers.shapley.shap import Shap
from deepseek_report.metrics.cases.counterfactuals import (
    Counterfactual,
    DecisionRule,
    Search,
    SearchBounds,
)
from deepseek_report.metrics.cases.reason_codes import (
    CodeWriter,
    ReasonCodeRule,
    Shortfalls,
    shortfalls_of,
)
from deepseek_report.runner.execution.decided_classes import with_decided_classes

from .trials import Plan, Share, Table, repeat

#: People who are explained in each world, and rows that they are compared with.
PEOPLE, BACKGROUND = 60, 64
#: What each of twelve features can add to the score at most; the last four add nothing.
WEIGHTS = np.array([0.12, 0.09, 0.07, 0.05, 0.04, 0.03, 0.02, 0.01, 0.0, 0.0, 0.0, 0.0])
THRESHOLD = 0.5
CHANGED = 25


class Scored(Classifier):
    """A model that gives probabilities by a function of the rows."""

    name, module = "known", None
    capabilities: frozenset[Any] = frozenset()

    def __init__(self, schema: Schema, score: Callable[[Floats], Floats]) -> None:
        self.schema, self.score, self.calls = schema, score, 0

    def probabilities(self, rows: Floats) -> Floats:
        self.calls += len(rows)
        return self.score(rows)


def tables(plan: Plan) -> list[Table]:
    return [
        _reason_table(plan.times(200, 2), plan),
        _change_table(plan.times(40, 2), plan),
        _class_table(plan.times(60, 2), plan),
    ]


# Reason codes.


@dataclass(frozen=True)
class Codes:
    """Counts over the people of one world who were decided against."""

    people: int
    codes: int
    favourable: int
    of_nothing: int
    people_misled: int
    protected: int
    orders: int
    claimed: int
    reversed: int
    kept: float
    kept_by_seed: float
    earlier: int
    earlier_favourable: int


def reason_world(method: str, seed: int) -> Codes:
    """One world: the codes of every person decided against, beside their true shortfalls."""
    generator = np.random.default_rng([seed, 71])
    schema = _scored_schema()
    classifier = Scored(schema, _two_classes)
    rows = generator.normal(size=(PEOPLE + BACKGROUND, len(WEIGHTS)))
    people, background = rows[:PEOPLE], rows[PEOPLE:]
    predictions = _predictions(classifier, people)
    truth = _true_shortfalls(method, people)
    made = [_explained(classifier, people, background, seed=seed + offset) for offset in (0, 1000)]
    rule = ReasonCodeRule(method)  # type: ignore[arg-type]
    shortfalls, again = (_shortfalls(predictions, one, schema, rule) for one in made)
    against = np.flatnonzero(predictions.decisions == 1)
    codes, stated = shortfalls.chosen(rule.at_most)[against], shortfalls.stated(rule.at_most)
    largest = again.ranks(again.values) < stated.sum(axis=1, keepdims=True)
    writer = CodeWriter("shap", made[0], shortfalls, schema, rule.at_most)
    orders = [_orders(writer, place, truth[place]) for place in against]
    real = truth[against]
    kept = shortfalls.kept(rule.at_most, seed)[against]
    same = (largest == stated).all(axis=1)[against][stated[against].any(axis=1)]
    earlier = np.argsort(-np.abs(made[0].values[against]), axis=1)[:, :5]
    return Codes(
        people=len(against),
        codes=int(codes.sum()),
        favourable=int((codes & (real < 0)).sum()),
        of_nothing=int(codes[:, WEIGHTS == 0].sum()),
        people_misled=int((codes & (real <= 0)).any(axis=1).sum()),
        protected=int(codes[:, ~shortfalls.allowed].sum()),
        orders=sum(len(order) for order in orders),
        claimed=sum(certain for order in orders for certain, _ in order),
        reversed=sum(certain and wrong for order in orders for certain, wrong in order),
        kept=float(np.nanmean(kept)),
        kept_by_seed=float(same.mean()),
        earlier=earlier.size,
        earlier_favourable=int((np.take_along_axis(real, earlier, axis=1) < 0).sum()),
    )


def _shortfalls(
    predictions: Predictions, explanation: Explanation, schema: Schema, rule: ReasonCodeRule
) -> Shortfalls:
    made = shortfalls_of(predictions, explanation, schema, rule)
    if made is None:
        raise ValueError("a world with too few people accepted")
    return made


def _orders(writer: CodeWriter, place: int, truth: Floats) -> list[tuple[bool, bool]]:
    """(claimed, wrong) of each pair of neighbours among the codes of one person."""
    rows = [row for row in writer.rows(0, place) if row[2] == "reason"]
    places = [int(row[4][1:]) for row in rows]
    return [
        (bool(rows[at][9]), bool(truth[places[at]] < truth[places[at + 1]]))
        for at in range(len(rows) - 1)
    ]


def _true_shortfalls(method: str, people: Floats) -> Floats:
    """(person, feature) against everybody, or everybody barely accepted, of 100 000 others."""
    others = np.random.default_rng(7).normal(size=(100_000, len(WEIGHTS)))
    if method == "shortfall_from_accepted":
        scores = _two_classes(others)[:, 1]
        accepted = others[scores < THRESHOLD]
        beyond = THRESHOLD - scores[scores < THRESHOLD]
        others = accepted[beyond <= np.quantile(beyond, 0.25)]
    return _contributions(people) - _contributions(others).mean(axis=0)


def _contributions(rows: Floats) -> Floats:
    return WEIGHTS * np.tanh(rows)


def _two_classes(rows: Floats) -> Floats:
    refused = THRESHOLD + _contributions(rows).sum(axis=1)
    return np.column_stack([1 - refused, refused])


def _scored_schema() -> Schema:
    """Feature 4 says which group a person is of."""
    features = tuple(
        Feature(f"x{j}", f"x {j}", "numeric", sensitive=j == 4) for j in range(len(WEIGHTS))
    )
    return Schema(features, Target("y", "y", ("accepted", "refused"), favourable=0))


def _predictions(classifier: Scored, rows: Floats) -> Predictions:
    p = classifier.probabilities(rows)
    two = p.shape[1] == 2
    decisions = (p[:, 1] >= THRESHOLD).astype(np.int64) if two else p.argmax(axis=1)
    ids = np.arange(len(rows))
    limit = THRESHOLD if two else None
    return Predictions(np.log(p), p, decisions, ids, decisions, limit, "declared")


def _explained(classifier: Scored, rows: Floats, background: Floats, seed: int) -> Explanation:
    return Shap().explain(_context(classifier, rows, background, seed))


def _context(classifier: Scored, rows: Floats, background: Floats, seed: int) -> ExplainContext:
    positions = np.arange(len(rows))
    return ExplainContext(classifier, rows, positions, background, 1, seed)  # type: ignore[arg-type]


def _reason_table(worlds: int, plan: Plan) -> Table:
    rows = []
    for method in ("shortfall_from_all", "shortfall_from_accepted"):
        made = repeat(partial(reason_world, method), worlds, plan)

        def total(name: str, made: list[Codes] = made) -> int:
            return sum(getattr(world, name) for world in made)

        rows.append(
            (
                f"`{method}`",
                Share(total("favourable"), total("codes")),
                Share(total("of_nothing"), total("codes")),
                Share(total("people_misled"), total("people")),
                total("protected"),
                Share(total("claimed"), total("orders")),
                Share(total("reversed"), max(total("claimed"), 1)),
                f"{100 * np.mean([world.kept for world in made]):.1f} %",
                f"{100 * np.mean([world.kept_by_seed for world in made]):.1f} %",
                Share(total("earlier_favourable"), total("earlier")),
            )
        )
    return Table(
        "Reasons against a person",
        f"{worlds} worlds with {PEOPLE} explained people each, explained by SHAP as in the default "
        "run; the score is a sum of twelve known contributions, four of them 0, one protected. "
        "Shares are of the codes, of the people decided against, and of neighbouring codes. "
        "The last column is the earlier rule: the five largest attributions.",
        (
            "method",
            "codes that in truth speak for the person",
            "codes about features without effect",
            "people with any false code",
            "codes about the protected feature",
            "orders claimed",
            "claimed orders that are wrong",
            "certain reasons kept by another seed, as stated",
            "certain reasons kept by another seed, in fact",
            "earlier: reasons that speak for the person",
        ),
        rows,
    )


# Changes within reach.


@dataclass(frozen=True)
class Changes:
    """Counts over the refused people of one world."""

    refused: int
    known: int
    verified: int
    backward: int
    fixed: int
    off_step: int
    far: int
    possible: int
    features: int
    fewest: int


def change_world(model: str, seed: int) -> Changes:
    """One world: each change held against the model, the declarations, and all other changes."""
    generator = np.random.default_rng([seed, 73])
    schema = _loan_schema()
    train, people = _applicants(generator, 2000), _applicants(generator, 400)
    classifier = Scored(schema, MODELS[model](generator))
    rule, bounds = DecisionRule(THRESHOLD, 1), SearchBounds()
    labels = rule.decisions(classifier.probabilities(train))
    search = Search(classifier, train, labels, rule, bounds, wanted=0)  # type: ignore[arg-type]
    decided = rule.decisions(classifier.probabilities(people))
    refused = people[decided == 1][:CHANGED]
    changes = search.smallest(refused)
    counts = [_held(search, classifier, *of) for of in zip(refused, changes, strict=True)]
    return Changes(len(refused), *(int(total) for total in np.sum(counts, axis=0)))


def _held(
    search: Search, classifier: Scored, row: Floats, change: Counterfactual
) -> tuple[int, ...]:
    fewest = _fewest_possible(search, classifier, row)
    if not change.changes:
        return (0, 0, 0, 0, 0, 0, int(fewest > 0), 0, 0)
    after, features = row.copy(), search.features
    for j, value in change.changes:
        after[j] = value
    refusal = classifier.probabilities(after[None])[0, 1]
    moves = [(features[j], value - row[j]) for j, value in change.changes]
    away = {"increase": -1, "decrease": 1}
    steps = [move / feature.step for feature, move in moves if feature.step]
    limit = max(search.real.usual(0), search.real.distance(row, 0))
    return (
        1,
        int(refusal <= THRESHOLD - search.bounds.margin),
        int(any(np.sign(move) == away.get(f.direction, 2) for f, move in moves)),
        int(any(feature.sensitive or not feature.mutable for feature, _ in moves)),
        int(any(abs(step - round(step)) > 1e-9 for step in steps)),
        int(search.real.distance(after, 0) > limit),
        int(fewest > 0),
        len(change.changes),
        fewest,
    )


def _fewest_possible(search: Search, classifier: Scored, row: Floats) -> int:
    """Fewest features of any change that suffices, near real cases or not; 0 if none does."""
    options = []
    for j, feature in enumerate(search.features):
        values = [float(row[j])]
        if j in search.reach:
            ends = search.reach[j].values(float(row[j]))
            values += ends
            for end in (ends[:1] + ends[-1:]) if feature.step else ():
                values += search.reach[j].between(float(row[j]), end, 30)
        options.append(sorted(set(values)))
    grid = np.array(list(product(*options)))
    moved = (grid != row).sum(axis=1)
    grid, moved = grid[moved <= search.bounds.most], moved[moved <= search.bounds.most]
    refusal = classifier.probabilities(grid)[:, 1]
    enough = refusal <= THRESHOLD - search.bounds.margin
    return int(moved[enough].min()) if enough.any() else 0


def _loan_schema() -> Schema:
    late = tuple(Category(str(k), f"{k} months late") for k in range(5))
    use = tuple(Category(str(k), f"use {k}") for k in range(3))
    features = (
        Feature("income", "Income", "numeric", mutable=True, direction="increase", step=5),
        Feature("debt", "Debt", "numeric", mutable=True, direction="decrease", step=5),
        Feature("late", "Late", "ordinal", categories=late, mutable=True, direction="decrease"),
        Feature("use", "Use", "categorical", categories=use, mutable=True),
        Feature("age", "Age", "numeric", sensitive=True),
        Feature("years", "Years known", "numeric", mutable=False),
    )
    return Schema(features, Target("y", "y", ("accepted", "refused"), favourable=0))


def _applicants(generator: np.random.Generator, n: int) -> Floats:
    income = generator.gamma(4, 12, n).round()
    debt = (0.5 * income + generator.gamma(2, 10, n)).round()
    late = generator.binomial(4, 0.25, n)
    others = (
        generator.integers(0, 3, n),
        generator.integers(18, 80, n),
        generator.integers(0, 20, n),
    )
    return np.column_stack([income, debt, late, *others]).astype(np.float64)


def _additive(generator: np.random.Generator) -> Callable[[Floats], Floats]:
    weights = generator.uniform(0.5, 1.5, 6) * [-0.05, 0.05, 0.8, 0.3, -0.01, -0.05]

    def probabilities(rows: Floats) -> Floats:
        refused = 1 / (1 + np.exp(-(rows - [48, 44, 1, 1, 49, 9.5]) @ weights - 0.3))
        return np.column_stack([1 - refused, refused])

    return probabilities


def _rules(generator: np.random.Generator) -> Callable[[Floats], Floats]:
    """Accepted by the first rule that holds; steps, so that nothing is told by small changes."""
    income, debt = generator.uniform(30, 50), generator.uniform(25, 45)

    def probabilities(rows: Floats) -> Floats:
        safe = (rows[:, 1] < debt) & (rows[:, 2] <= 1)
        rich = (rows[:, 0] > 1.6 * income) & (rows[:, 2] <= 2) & (rows[:, 3] != 2)
        known = (rows[:, 5] > 15) & (rows[:, 0] > income)
        refused = np.where(safe | rich | known, 0.2, 0.8)
        return np.column_stack([1 - refused, refused])

    return probabilities


def _boosted(generator: np.random.Generator) -> Callable[[Floats], Floats]:
    from sklearn.ensemble import HistGradientBoostingClassifier

    rows = _applicants(generator, 1500)
    refused = generator.random(1500) < _additive(generator)(rows)[:, 1]
    fitted = HistGradientBoostingClassifier(max_iter=40, random_state=0).fit(rows, refused)
    return lambda asked: np.asarray(fitted.predict_proba(asked), dtype=np.float64)


MODELS: dict[str, Callable[[np.random.Generator], Callable[[Floats], Floats]]] = {
    "sum": _additive,
    "rule list": _rules,
    "boosting": _boosted,
}


def _change_table(worlds: int, plan: Plan) -> Table:
    rows = []
    for model in MODELS:
        made = repeat(partial(change_world, model), worlds, plan)
        total = {
            name: sum(getattr(world, name) for world in made)
            for name in Changes.__dataclass_fields__
        }
        known = max(total["known"], 1)
        rows.append(
            (
                model,
                total["refused"],
                Share(total["known"], total["refused"]),
                Share(total["known"], max(total["possible"], 1)),
                Share(total["verified"], known),
                *(Share(total[name], known) for name in ("backward", "fixed", "off_step", "far")),
                f"{total['features'] / known:.2f}",
            )
        )
    return Table(
        "Changes within reach",
        f"{worlds} worlds a model, {CHANGED} refused people each, six features of which two cannot "
        "change. Each change is put to the model again. “Possible” tries the values of all "
        "changeable features together, near real cases or not.",
        (
            "model",
            "refused",
            "with a change",
            "of those with a possible one",
            "accepted by the model with the margin",
            "against a direction",
            "of a fixed or protected feature",
            "not of whole steps",
            "farther from real cases than allowed",
            "features changed",
        ),
        rows,
    )


# The class that is explained.


@dataclass(frozen=True)
class Classes:
    """Counts over the shown cases of one world with four classes."""

    cases: int
    fixed_class: int
    decided: int
    within: int
    values: int
    top: int


def class_world(seed: int) -> Classes:
    """One world: attributions to the decided class and its runner-up, beside the true ones."""
    generator = np.random.default_rng([seed, 79])
    effects = generator.uniform(0, 0.045, (4, 8))
    effects -= effects.mean(axis=0)

    def parts(rows: Floats) -> Floats:
        return np.tanh(rows)[:, None, :] * effects

    features = tuple(Feature(f"x{j}", f"x {j}", "numeric") for j in range(8))
    schema = Schema(features, Target("y", "y", tuple("abcd"), favourable=None, explained=1))
    classifier = Scored(schema, lambda rows: 0.25 + parts(rows).sum(axis=2))
    rows = generator.normal(size=(20 + BACKGROUND, 8))
    people, background = rows[:20], rows[20:]
    predictions = _predictions(classifier, people)
    context = _context(classifier, people, background, seed)
    cases = Cases(np.arange(20), {f"case {k}": k for k in range(20)})
    plain = Shap().explain(context)
    made = with_decided_classes(plain, Shap(), context, predictions, cases)
    truth = parts(people) - parts(background).mean(axis=0)
    decided = [made.of_case(place) for place in range(20)]
    second = [made.of_runner_up(place) for place in range(20)]
    pairs = [
        (e, truth[place, e.target])
        for part in (decided, second)
        for place, e in enumerate(part)
        if e
    ]
    misses = [np.abs(e.values[0] - real) > 1.96 * _error(e) + 1e-12 for e, real in pairs]
    tops = [np.abs(e.values[0]).argmax() == np.abs(real).argmax() for e, real in pairs]
    return Classes(
        cases=20,
        fixed_class=int((predictions.decisions != 1).sum()),
        decided=sum(e.target == predictions.decisions[k] for k, e in enumerate(decided)),
        within=int(sum((~miss).sum() for miss in misses)),
        values=int(sum(miss.size for miss in misses)),
        top=int(sum(tops)),
    )


def _error(explanation: Explanation) -> Floats:
    error = explanation.standard_error
    return np.zeros(explanation.values.shape[1]) if error is None else error[0]


def _class_table(worlds: int, plan: Plan) -> Table:
    made = repeat(class_world, worlds, plan)
    total = {
        name: sum(getattr(world, name) for world in made) for name in Classes.__dataclass_fields__
    }
    return Table(
        "The class that a case is explained for",
        f"{worlds} worlds with four classes and 20 shown cases each; every probability is a sum of "
        "eight known contributions. Both the decided class and the second one are explained.",
        (
            "explained for the decided class",
            "earlier: for a class that was not decided",
            "true contributions within ±1.96 standard errors",
            "largest contribution right",
        ),
        [
            (
                Share(total["decided"], total["cases"]),
                Share(total["fixed_class"], total["cases"]),
                Share(total["within"], total["values"]),
                Share(total["top"], 2 * total["cases"]),
            )
        ],
    )
