"""Whether the data contradict the declared graph: each missing arrow is a claim that is tested."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from deepseek_report.artifacts.causal_declaration import CausalQuestion
from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.score import Score
from deepseek_report.artifacts.table import SEPARATOR, TableType, columns_of
from deepseek_report.errors import NotApplicableError
from deepseek_report.metrics.causes.cause_rows import ClaimNode, GraphArrow, TestedClaim
from deepseek_report.metrics.causes.declared_graph import DeclaredGraph
from deepseek_report.metrics.plugin import ModelMetric
from deepseek_report.statistics.causes.independence import independence_tests


def graph_of(context: MeasureContext) -> DeclaredGraph:
    """The declared graph with its nodes in the data; NotApplicableError where none is declared."""
    if context.causal is None:
        raise NotApplicableError(message("refusals.no_graph"))
    return DeclaredGraph.of(context.causal, context.dataset.schema)


def questions_of(
    declared: DeclaredGraph, kind: Literal["effect", "gap"]
) -> list[tuple[int, CausalQuestion]]:
    """The questions of a kind, each with its place; NotApplicableError where there is none."""
    places = enumerate(declared.declaration.questions)
    questions = [(place, question) for place, question in places if question.kind == kind]
    if not questions:
        raise NotApplicableError(message("refusals.no_causal_question"))
    return questions


@dataclass(frozen=True)
class CausalClaims(ModelMetric):
    """Tests each missing arrow of the declared graph against the data.

    Where no arrow joins two nodes, the graph claims that they are independent once others are held
    alike. What is left of both nodes, when these others have predicted them, must then not go
    together. All claims are tested together, so that a true graph is contradicted anywhere in at
    most 5 of 100 data sets (Holm). Nothing is said about the model.

    rows : of all parts, drawn at random where there are more.

    Reference: Shah & Peters 2020, doi:10.1214/19-AOS1857 (generalised covariance measure).
    """

    counts_entities = True
    reveals = "aggregate"
    category = "causes"
    modalities = frozenset({"table"})
    reads = frozenset({"dataset", "seed", "causal"})
    bounds = {"contradicted_claims": (0, None)}
    tables = {
        "nodes": TableType(
            (*columns_of("name", shown=False), *columns_of("label role")), row=ClaimNode
        ),
        "arrows": TableType(
            (*columns_of("start end", shown=False), *columns_of("start_label end_label")),
            row=GraphArrow,
        ),
        "claims": TableType(
            (
                *columns_of("first second", shown=False),
                *columns_of("first_label second_label held"),
                *columns_of("correlation:number n:count p_value:p_value"),
                *columns_of("p_adjusted:p_value contradicted:yes_no"),
            ),
            row=TestedClaim,
        ),
    }

    rows: Annotated[int, Field(ge=100, le=100_000)] = 2_000

    def measure(self, context: MeasureContext) -> Measurement:
        declared = graph_of(context)
        claims = declared.graph.implied_independences()
        context.progress.start("claims of the graph", len(claims))
        data = declared.data(context.dataset.every_part, context.seed, self.rows)
        tests = independence_tests(claims, data)
        types = self.tables
        tables = {
            "nodes": types["nodes"].frame(
                [(node.name, node.label, node.role) for node in declared.nodes.values()]
            ),
            "arrows": types["arrows"].frame(
                [(*arrow, *declared.labels(arrow)) for arrow in declared.graph.arrows]
            ),
            "claims": types["claims"]
            .frame(
                [
                    (
                        *(test.claim.first, test.claim.second),
                        *declared.labels((test.claim.first, test.claim.second)),
                        SEPARATOR.join(declared.labels(test.claim.held)),
                        *(test.correlation, test.n, test.p_value, test.p_adjusted),
                        bool(test.is_contradicted),
                    )
                    for test in tests
                ]
            )
            .astype({"contradicted": bool}),
        }
        score = Score(
            metric="contradicted_claims",
            category="causes",
            value=float(sum(test.is_contradicted for test in tests)),
            n=len(tests),
            direction="lower",
            bounds=(0, None),
            reference="doi:10.1214/19-AOS1857",
        )
        return Measurement((score,) if tests else (), tables)
