"""A declaration is resolved against the data, and what does not fit is told where it stands."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from deepseek_report.artifacts.schema import Attribute, Category, Feature, Layout, Schema, Target
from deepseek_report.artifacts.split import Split
from deepseek_report.extensions.causes.causal_declaration import CausalDeclaration, CausalQuestion
from deepseek_report.extensions.causes.declared_graph import DeclaredGraph, GraphFault, faults
from tests.worded import say

LEVELS = (Category("1", "school"), Category("2", "university"), Category("3", "doctorate"))
SCHEMA = Schema(
    (
        Feature("AGE", "Age", "numeric", unit="years"),
        Feature("EDU", "Education", "ordinal", categories=LEVELS),
        Feature("INC", "Income", "numeric"),
    ),
    Target("y", "Default in October", ("no default", "default"), favourable=0),
    (
        Attribute("sex", "Sex", ("men", "women")),
        Attribute("age_band", "Age band", ("young", "old"), source="AGE"),
    ),
)
GRAPH = {"EDU": ("age", "sex"), "income": ("Education", "AGE"), "default": ("INC", "age")}


def declared(*questions: CausalQuestion, **changes: object) -> CausalDeclaration:
    base = CausalDeclaration(GRAPH, "Credit risk", questions)
    return dataclasses.replace(base, **changes)  # type: ignore[arg-type]


def faults_of(declaration: CausalDeclaration, schema: Schema = SCHEMA) -> list[GraphFault]:
    return list(faults(declaration, schema))


def test_nodes_are_known_by_name_label_class_and_attribute() -> None:
    graph = DeclaredGraph.of(declared(), SCHEMA)
    assert graph.graph.parents == {
        "EDU": ("AGE", "sex"),
        "INC": ("EDU", "AGE"),
        "y": ("INC", "AGE"),
        "AGE": (),
        "sex": (),
    }
    assert {node.role for node in graph.nodes.values()} == {"feature", "attribute", "target"}


def test_values_are_numbers_positions_and_whether_the_class_is_the_explained_one() -> None:
    graph = DeclaredGraph.of(declared(), SCHEMA)
    inputs = np.array([[30.0, 0.0, np.nan], [40.0, 2.0, 5.0]])
    rows = Split(
        inputs, np.array([1, -1]), np.arange(2), {"sex": np.array([-1, 1]), "age_band": np.zeros(2)}
    )
    data = graph.data(rows, seed=1, most=10)
    assert {name: each.levels for name, each in data.variables.items()} == {
        "AGE": 0,
        "EDU": 0,
        "INC": 0,
        "y": 2,
        "sex": 2,
    }
    np.testing.assert_array_equal(data.variables["sex"].values, [np.nan, 1])
    np.testing.assert_array_equal(data.variables["y"].values, [1, np.nan])


def test_ordered_levels_that_a_question_sets_are_classes() -> None:
    graph = DeclaredGraph.of(declared(CausalQuestion("EDU", "default")), SCHEMA)
    rows = Split(np.zeros((3, 3)), np.zeros(3), np.arange(3), {"sex": np.zeros(3)})
    assert graph.data(rows, 1, 10).variables["EDU"].levels == 3


@pytest.mark.parametrize(
    ("changes", "place", "fault"),
    [
        ({"graph": {"INC": ("AGEE",)}}, ("graph", "INC"), "“AGEE” is no column"),
        ({"graph": {"INC": ("AGE",), "AGE": ("INC",)}}, ("graph",), "AGE → INC → AGE"),
        ({"unmeasured": ("sex",)}, ("unmeasured",), "“sex” is a column"),
    ],
)
def test_a_graph_that_does_not_fit_is_told(changes, place, fault) -> None:
    (first,) = faults_of(declared(**changes))
    assert first.path == place
    assert fault in first.fault


@pytest.mark.parametrize(
    ("question", "field", "fault"),
    [
        (CausalQuestion("wealth", "default"), "effect_of", "“wealth” is not in the graph"),
        (CausalQuestion("INC", "INC"), "on", "it is what is set"),
        (CausalQuestion("AGE", "Education"), "on", "more than two levels"),
        (CausalQuestion("EDU", "y", from_="phd", to="school"), "from", "no value “phd”"),
        (CausalQuestion("EDU", "y", from_="1", to="1"), "to", "both values are the same"),
        (CausalQuestion("EDU", "y", by=1), "by", "levels, and no amount"),
        (CausalQuestion("INC", "y", from_=1, to=2), "from", "moved by an amount"),
        (CausalQuestion("INC", "y", from_=1, by=2), "by", "beside two values"),
        (CausalQuestion(gap="zip"), "gap", "no attribute by which groups are compared"),
    ],
)
def test_a_question_that_cannot_be_asked_is_told_at_its_place(question, field, fault) -> None:
    (first,) = faults_of(declared(question))
    assert first.path == ("questions", "0", field)
    assert fault in first.fault


def test_a_gap_needs_its_attribute_and_the_target_in_the_graph() -> None:
    (first,) = faults_of(declared(CausalQuestion(gap="sex"), graph={"y": ("INC",)}))
    assert "“sex” is not in the graph" in first.fault
    (first,) = faults_of(declared(CausalQuestion(gap="sex"), graph={"INC": ("sex",)}))
    assert "“y” is not in the graph" in first.fault


def test_data_without_named_columns_have_no_graph() -> None:
    layout = Layout("text", (1,), ((0,),), ("word 1",))
    (only,) = faults_of(declared(), dataclasses.replace(SCHEMA, layout=layout))
    assert "is about columns" in only.fault


def test_what_the_graph_claims_and_what_answers_questions_is_said_with_labels() -> None:
    questions = (CausalQuestion("INC", "default"), CausalQuestion(gap="sex"))
    graph = DeclaredGraph.of(declared(*questions), SCHEMA)
    claims = [say(claim) for claim in graph.claims()]
    assert "“Education” and “Default in October” are independent once income and age are known" in (
        claims
    )
    assert "“Age” and “Sex” are independent" in claims
    assert [say(graph.plan_of(question)) for question in questions] == [
        "effect of “Income” on “Default in October”: held alike: Age",
        "gap by “Sex”: through Education, Income; beside it Age",
    ]


def test_a_common_cause_that_nobody_measured_leaves_a_question_without_answer() -> None:
    graph = {**GRAPH, "INC": ("AGE", "wealth"), "default": ("INC", "wealth")}
    question = CausalQuestion("INC", "default")
    resolved = DeclaredGraph.of(declared(question, graph=graph, unmeasured=("wealth",)), SCHEMA)
    text = say(resolved.plan_of(question))
    assert "no answer" in text
    assert "“Income” and “Default in October”" in text
    assert "wealth" in text
