"""Along a declared graph: what follows moves too, and what it rules out is not told."""

from __future__ import annotations

from typing import Any

import numpy as np

from deepseek_report.artifacts.array_types import Floats
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.schema import Category, Feature, Schema
from deepseek_report.extensions.causes.causal_declaration import CausalDeclaration
from deepseek_report.extensions.causes.graph_consequences import GraphConsequences
from deepseek_report.metrics.cases.counterfactuals import DecisionRule, Search, SearchBounds
from tests.builders import TARGET, Answers, logistic
from tests.worded import say

TWO = (Category("0", "no"), Category("1", "yes"))


def with_job(**job: Any) -> Schema:
    """Years of education act on income, and on a job or not; shoes act on nothing."""
    return Schema(
        (
            Feature("edu", "Education", "numeric", mutable=True, step=1.0),
            Feature("inc", "Income", "numeric", step=1.0),
            Feature("job", "Job", "categorical", categories=TWO, **job),
            Feature("shoes", "Shoes", "numeric", mutable=True, step=1.0),
        ),
        TARGET,
    )


def learnt_rows() -> Floats:
    random = np.random.default_rng(0)
    edu = random.integers(0, 20, 400).astype(float)
    inc = 10 + 2 * edu + random.normal(0, 1, 400)
    job = (edu + random.normal(0, 1, 400) > 10).astype(float)
    return np.column_stack([edu, inc, job, random.integers(0, 9, 400)])


def consequences(schema: Schema, **graph: tuple[str, ...]) -> GraphConsequences:
    graph = graph or {"inc": ("edu",), "y": ("inc",)}
    return GraphConsequences.of(CausalDeclaration(graph, "us"), schema, learnt_rows())


def by_income(schema: Schema) -> Any:
    """Income alone decides, from 40 on."""
    return Answers(lambda rows: logistic(rows[:, 1] - 40), schema)


def advising(schema: Schema, along: GraphConsequences | None) -> Search:
    rows = learnt_rows()
    labels = (rows[:, 1] > 40).astype(int)
    bounds = SearchBounds(2, consequences=along)
    return Search(by_income(schema), rows, labels, DecisionRule(0.5, 1), bounds, wanted=1)


PERSON = np.array([10.0, 32.0, 0.0, 3.0])  # two above what the equation expects


def test_income_follows_education_by_its_equation_and_keeps_what_is_the_persons_own() -> None:
    along = consequences(with_job())
    changed = PERSON[None].copy()
    changed[:, 0] = 13
    after, advised = along.followed(PERSON, changed)
    assert after[0].tolist() == [13, 38, 0, 3]
    assert advised.all()


def test_what_is_set_does_not_follow_and_what_is_missing_stays_missing() -> None:
    along = consequences(with_job())
    both = np.array([[13.0, 20.0, 0.0, 3.0]])
    assert along.followed(PERSON, both)[0][0].tolist() == [13, 20, 0, 3]
    unknown = np.array([10.0, np.nan, 0.0, 3.0])
    changed = np.array([[13.0, np.nan, 0.0, 3.0]])
    assert np.isnan(along.followed(unknown, changed)[0][0, 1])


def test_a_category_follows_only_where_the_equation_says_another_level() -> None:
    along = consequences(with_job(), job=("edu",), y=("job",))
    changed = np.repeat(PERSON[None], 2, axis=0)
    changed[:, 0] = [11, 19]
    assert along.followed(PERSON, changed)[0][:, 2].tolist() == [0, 1]


def test_what_would_move_a_sensitive_feature_is_not_advised() -> None:
    along = consequences(with_job(sensitive=True), job=("edu",), y=("job",))
    changed = np.repeat(PERSON[None], 2, axis=0)
    changed[:, 0] = [11, 19]
    assert along.followed(PERSON, changed)[1].tolist() == [True, False]


def test_with_a_graph_education_is_the_way_and_without_one_there_is_none() -> None:
    schema = with_job()
    assert advising(schema, None).smallest(PERSON[None])[0].changes == ()
    along = consequences(schema)
    searching = advising(schema, along)
    (change,) = searching.smallest(PERSON[None])
    assert change.changes == ((0, 15.0),)
    after, _ = searching.followed(PERSON, change.changes)
    assert after.tolist() == [15, 42, 0, 3]
    np.testing.assert_allclose(
        change.probabilities, by_income(schema).probabilities(after[None])[0]
    )


def test_what_acts_on_nothing_that_is_predicted_is_not_advised() -> None:
    along = consequences(with_job(), inc=("edu",), shoes=("inc",), y=("inc",))
    assert along.idle == {3}
    assert set(advising(with_job(), along).reach) == {0}


def test_a_graph_without_the_target_rules_nothing_out() -> None:
    assert consequences(with_job(), inc=("edu",)).idle == frozenset()


def test_what_follows_is_said_with_both_values() -> None:
    moves = [
        {"label": "Income", "from_display": "32", "to_display": "42"},
        {"label": "Job", "from_display": "no", "to_display": "yes"},
    ]
    assert say(message("causes.follows", moves=moves)) == (
        "By the declared graph income would then go from 32 to 42 and job would then go from no to "
        "yes; the rest stays."
    )
