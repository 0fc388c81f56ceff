"""Whether the explanations can be trusted, each judged against a random order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from deepseek_report.artifacts.estimate import finite
from deepseek_report.artifacts.ids import ArtifactId
from deepseek_report.artifacts.protocols.sections import SectionContent
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.score import Score
from deepseek_report.findings import estimates
from deepseek_report.findings.explainers import (
    adds_up,
    beats_random,
    is_weak,
    passes_randomisation,
)
from deepseek_report.findings.records import Row, by_explainer, explainer_label, rows
from deepseek_report.findings.rules_localisation import hits
from deepseek_report.findings.thresholds import CONTROL
from deepseek_report.findings.wording import sentence_case
from deepseek_report.sections.cells import DASH, count_cell, number_cell, seconds_cell, value_cell
from deepseek_report.sections.draft import Draft
from deepseek_report.sections.group_explanations import quality

_METRICS = (
    "deletion",
    "insertion",
    "completeness_gap",
    "max_sensitivity",
    "parameter_randomisation",
    "explainer_agreement",
    "localisation",
)
_USES = frozenset(
    {"explanations", "pictures/deletion_curves", "pictures/agreement", "pictures/localisation"}
    | {ArtifactId.measure(name) for name in _METRICS}
)
_FAITHFULNESS = ("deletion", "deletion_gain", "insertion", "insertion_gain")
_SOUNDNESS = ("randomisation_correlation", "max_sensitivity", "completeness_gap")
#: What says nothing of the control: it is compared with itself, or does not look at the model.
_NOT_OF_CONTROL = frozenset({"deletion_gain", "insertion_gain", "randomisation_correlation"})


@dataclass(frozen=True)
class Trust:
    """Judges every method: faithful, stable, complete, in agreement, and at what cost."""

    title: ClassVar[str] = "Can the explanations be trusted?"
    needs: ClassVar[frozenset[str]] = frozenset({"explanations"})

    def content(self, results: Results) -> SectionContent:
        draft = Draft("trust", results)
        _answer(draft)
        draft.notes(_METRICS)
        if results.has("data") and results.schema.attributes_of("other"):
            draft.notes(["explanation_by_group"])
        draft.values |= {
            "quality": [_quality(draft, name) for name in results.explanations],
            "faithfulness": _columns(draft, _FAITHFULNESS),
            "soundness": _columns(draft, _SOUNDNESS),
            "cost": [_cost(draft, name) for name in results.explanations],
            "pairs": _pairs(draft),
            "part_quality": quality(draft, "other"),
            "taken_away": draft.text("taken_away"),
            **_localised(draft),
            "verdicts": [_verdict(draft, n) for n in results.explanations if n != CONTROL],
        }
        return draft.content(self.title, self.needs, _USES)


def _answer(draft: Draft) -> None:
    gains = by_explainer(draft.results, "deletion_gain")
    if gains:
        passed = sorted((one for one in gains if beats_random(one)), key=lambda one: -one.value)
        draft.answer(
            "faithful",
            passed=[explainer_label(draft.results, one.explainer) for one in passed],
            weak=[
                explainer_label(draft.results, one.explainer)
                for one in passed
                if is_weak(one, passed)
            ],
            failed=[explainer_label(draft.results, o.explainer) for o in gains if o not in passed],
        )
    agreement = draft.results.score("agreement")
    if agreement is not None and finite(agreement.value) is not None:
        draft.answer("agreement", agreement=estimates.of_score(agreement))
    if CONTROL not in draft.results.explanations:
        draft.caveat("no_control")


def _localised(draft: Draft) -> dict[str, Any]:
    """How each method hits what is known to make the label; nothing where nobody knows."""
    table = rows(draft.results, "localisation", "localisation")
    gains = by_explainer(draft.results, "localisation_gain")
    if gains:
        names = {
            kind: [
                explainer_label(draft.results, one.explainer) for one in gains if hits(one) == hit
            ]
            for kind, hit in (("hit", True), ("missed", False))
        }
        draft.answer("localised", **names)
    measures = {row["measure"]: row["label"] for row in table}
    by_name = {(row["explainer"], row["measure"]): row for row in table}
    shown = [
        {"explainer": explainer_label(draft.results, name)}
        | {
            key: cell
            for measure in measures
            if (name, measure) in by_name
            for key, cell in _located(measure, by_name[name, measure]).items()
        }
        for name in dict.fromkeys(row["explainer"] for row in table)
    ]
    chance = {row["measure"]: row["chance"] for row in table}
    last = {"explainer": draft.text("chance")}
    for measure in measures:
        last |= number_cell(measure, chance[measure])
    columns = {"explainer": draft.text("columns.explainer")}
    columns |= {name: sentence_case(label) for name, label in measures.items()}
    return {"located": [*shown, last] if shown else [], "located_columns": columns}


def _located(measure: str, row: Row) -> dict[str, Any]:
    one = estimates.of_row(row, "value")
    return value_cell(measure, one) if finite(row["value"]) is not None else {measure: DASH}


def _score(draft: Draft, metric: str, name: str) -> Score | None:
    found = draft.results.score(metric, explainer=name)
    return found if found is not None and finite(found.value) is not None else None


def _quality(draft: Draft, name: str) -> dict[str, Any]:
    cells: dict[str, Any] = {"explainer": explainer_label(draft.results, name)}
    for metric in _FAITHFULNESS + _SOUNDNESS:
        score = _score(draft, metric, name)
        known = score is not None and not (name == CONTROL and metric in _NOT_OF_CONTROL)
        cells |= (
            value_cell(metric, estimates.of_score(score)) if score and known else {metric: DASH}
        )
    return cells


def _columns(draft: Draft, metrics: Sequence[str]) -> dict[str, str]:
    """The measures that were made, each with the direction that is better; none without any."""
    if not any(draft.results.find(metric) for metric in metrics):
        return {}
    shown = {"explainer": draft.text("columns.explainer")}
    for metric in metrics:
        if draft.results.find(metric):
            shown[metric] = draft.text(f"columns.{metric}")
    return shown


def _cost(draft: Draft, name: str) -> dict[str, Any]:
    one = draft.results.explanations[name]
    error = None if one.standard_error is None else finite(one.standard_error.mean())
    return {
        "explainer": explainer_label(draft.results, name),
        **count_cell("n", len(one)),
        **count_cell("calls", one.n_model_calls),
        **seconds_cell("seconds", one.seconds),
        **_error_cell(draft, one.output_space, error),
    }


def _error_cell(draft: Draft, space: str, error: float | None) -> dict[str, Any]:
    if error is None:
        return {"error": draft.text("exact"), "error__sort": 0.0}
    text = estimates.points(error).lstrip("+") if space == "probability" else None
    return {"error": text or estimates.number(error), "error__sort": float(f"{error:.6g}")}


def _pairs(draft: Draft) -> list[dict[str, Any]]:
    return [
        {
            "a": explainer_label(draft.results, row["explainer_a"]),
            "b": explainer_label(draft.results, row["explainer_b"]),
            **value_cell("spearman", estimates.of_row(row, "spearman")),
            "top5": f"{_of_five(row['top5_overlap'])} of 5",
            "top5__sort": float(row["top5_overlap"]),
            **count_cell("n", row["n"]),
        }
        for row in rows(draft.results, "explainer_agreement", "pairs")
        if finite(row["spearman"]) is not None and finite(row["top5_overlap"]) is not None
    ]


def _of_five(overlap: float) -> str:
    return f"{overlap * 5 if overlap <= 1 else overlap:.1f}"


def _verdict(draft: Draft, name: str) -> dict[str, str]:
    """What one method can be relied on for, by the tests that it passed."""
    gain = _score(draft, "deletion_gain", name)
    shuffled = _score(draft, "randomisation_correlation", name)
    one = draft.results.explanations[name]
    faithful = gain is not None and beats_random(gain)
    learnt = shuffled is None or passes_randomisation(shuffled)
    use = "untested" if gain is None else "nothing" if not (faithful and learnt) else "order"
    passed = [s for s in by_explainer(draft.results, "deletion_gain") if beats_random(s)]
    best = ""
    if use == "order" and gain is not None and is_weak(gain, passed):
        use = "weak"
        leader = max(passed, key=lambda score: score.value).explainer
        best = explainer_label(draft.results, leader)
    elif use == "order" and one.signed and adds_up(draft.results, name):
        use = "amounts"
    return {
        "explainer": explainer_label(draft.results, name),
        "use": draft.text(f"use.{use}", best=best),
        "faithful": _mark(draft, None if gain is None else faithful),
        "learnt": _mark(draft, None if shuffled is None else learnt),
        "adds_up": _mark(draft, adds_up(draft.results, name)),
    }


def _mark(draft: Draft, passed: bool | None) -> str:
    key = "untested" if passed is None else "passed" if passed else "failed"
    return draft.text(f"mark.{key}")
