"""What a declared graph of causes says: contradictions first, then effects and gaps by path."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from deepseek_report.artifacts.estimate import UNDEFINED
from deepseek_report.artifacts.message import Message, Text, message
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.table_rows import cells_of
from deepseek_report.extensions.causes import cause_rows
from deepseek_report.extensions.causes.cause_findings import contradicted_claims, contradiction
from deepseek_report.findings.records import unit_of
from deepseek_report.sections.shared.draft import Draft, DraftedSection, ids_of
from deepseek_report.wording.words import first_sentence

#: Contradictions that the section lists; the table has all.
_LISTED = 6
#: Answers that the first screen has.
_LEADING = 3
#: A share of rows without counterpart that is told.
_OUTSIDE = 0.05
#: Columns that are named where the model reads what the graph does not name.
_NAMED = 4


@dataclass(frozen=True)
class CausesSection(DraftedSection):
    """Says who declared the graph, what contradicts it, and what would follow from it."""

    name = "causes"
    needs = frozenset({"measures/causal_claims"})
    pictures = "causal_graph"
    uses = ids_of(measures="causal_claims causal_effects causal_gaps")

    def write(self, draft: Draft) -> None:
        results = draft.results
        declaration = results.config.get("causal") or {}
        if results.measurement("causal_claims") is not None:
            draft.answer("declared", by=str(declaration.get("declared_by", "")))
            self._claims(draft)
            _effects(draft)
            _gaps(draft)
            refused = _refused(draft)
            draft.values |= {"refused": refused}
            draft.answer("asked", n=len(declaration.get("questions", ())), refused=len(refused))

    def _claims(self, draft: Draft) -> None:
        results, against = draft.results, contradicted_claims(draft.results)
        table = results.rows("causal_claims", "claims", cause_rows.TestedClaim)
        draft.answer(
            "contradicted",
            n=len(against),
            of=len(table),
            first=against[0].first_label if against else "",
            second=against[0].second_label if against else "",
        )
        draft.values |= {
            "contradictions": _say(draft, map(contradiction, against[:_LISTED])),
            "more_contradictions": max(len(against) - _LISTED, 0),
            "claims": draft.metric_table("causal_claims", "claims"),
            "arrows": draft.metric_table("causal_claims", "arrows"),
        }
        nodes = results.rows("causal_claims", "nodes", cause_rows.ClaimNode)
        hidden = [node.label for node in nodes if node.role == "unmeasured"]
        if hidden:
            draft.caveat("unmeasured", names=hidden)


def _say(draft: Draft, sentences: Iterable[Text]) -> list[str]:
    return [draft.words.say(sentence) for sentence in sentences]


def _effects(draft: Draft) -> None:
    table = draft.results.rows("causal_effects", "effects", cause_rows.DeclaredEffect)
    controls = draft.results.rows("causal_effects", "controls", cause_rows.NegativeControl)
    named = [
        {**cells_of(row), "control": draft.words.say(message(f"causes.controls.{row.control}"))}
        for row in controls
    ]
    draft.values |= {
        "effects_told": [
            " ".join(_say(draft, [_effect(row), *_trust_in(row, controls)])) for row in table
        ],
        "effects": draft.metric_table("causal_effects", "effects"),
        "controls": draft.metric_table("causal_effects", "controls", named),
    }


def causal_answers(draft: Draft) -> list[str]:
    """Who declared a graph, and what it first answers of the world; empty where it is not asked."""
    results = draft.results
    effects = results.rows("causal_effects", "effects", cause_rows.DeclaredEffect)
    gaps = (_told_gap(draft, paths)[0] for paths in _gap_pairs(results))
    answers = [*map(_effect, effects), *gaps][:_LEADING]
    by = str((results.config.get("causal") or {}).get("declared_by", ""))
    opening = [draft.words.text("causes.asked", by=by)] if answers else []
    return [*opening, *map(first_sentence, _say(draft, answers))]


def _effect(row: cause_rows.DeclaredEffect) -> Message:
    points = row.effect_points is not None
    effect = row.effect_points or row.effect or UNDEFINED
    naive = (row.naive_points if points else row.naive) or UNDEFINED
    ends = effect.ends
    shown = ends is not None and (ends[0] > 0 or ends[1] < 0)
    rises = effect.value > 0
    size = effect if rises or not shown else effect.negated()
    return message(
        "causes.effect",
        treatment=row.treatment,
        outcome=row.outcome_class or row.outcome,
        start=row.from_display,
        end=row.to_display,
        amount=row.amount,
        shown=shown,
        rises=rises,
        points=size if points else None,
        number=None if points else size,
        naive=naive,
        unit=row.unit,
    )


def _trust_in(
    row: cause_rows.DeclaredEffect, controls: Sequence[cause_rows.NegativeControl]
) -> list[Message]:
    """What is held alike for an effect, and how far it can be trusted."""
    failed = [each for each in controls if each.place == row.place and not each.holds]
    sentences = [
        message(
            "causes.held",
            held=cause_rows.listed(row.adjusted_for),
            outside=row.outside if row.outside > _OUTSIDE else 0,
        ),
        message(
            "causes.sensitivity",
            robustness=row.robustness or 0,
            times=row.times,
            strongest=row.strongest,
        ),
    ]
    if failed:
        sentences.append(message("causes.control_failed", n=len(failed)))
    return sentences


def _gaps(draft: Draft) -> None:
    table = draft.results.rows("causal_gaps", "paths", cause_rows.GapPath)
    named = [
        {**cells_of(row), "path": draft.words.say(message(f"causes.paths.{row.path}"))}
        for row in table
    ]
    draft.values |= {
        "gaps_told": [
            " ".join(_say(draft, _told_gap(draft, paths))) for paths in _gap_pairs(draft.results)
        ],
        "gaps": draft.metric_table("causal_gaps", "paths", named),
        "sets": draft.metric_table("causal_gaps", "sets"),
    }
    if table:
        nodes = {n.name for n in draft.results.rows("causal_claims", "nodes", cause_rows.ClaimNode)}
        others = [f.label for f in draft.results.schema.features if f.name not in nodes]
        more = [*others[:_NAMED], *(["…"] if len(others) > _NAMED else [])]
        if others:
            draft.caveat("not_in_graph", n=len(others), names=more)


def _gap_pairs(results: Results) -> list[list[cause_rows.GapPath]]:
    """The paths of each gap between two groups."""
    table = results.rows("causal_gaps", "paths", cause_rows.GapPath)
    pairs = dict.fromkeys((row.place, row.compared) for row in table)
    return [[row for row in table if (row.place, row.compared) == pair] for pair in pairs]


def _told_gap(draft: Draft, paths: Sequence[cause_rows.GapPath]) -> list[Message]:
    """The gap of one pair in the data, in the answers, and what the model widens."""
    total, *parts = paths
    shared: dict[str, object] = {
        "outcome": draft.results.schema.target.explained_class,
        "compared": total.compared,
        "reference": total.reference,
        "points": total.in_points,
        "unit": unit_of(draft.results),
    }

    def parts_in(key: str) -> dict[str, object]:
        return {
            "total": total.parts[key],
            "parts": [
                {"value": row.parts[key], "path": message(f"causes.paths.{row.path}")}
                for row in parts
            ],
        }

    wider: list[Text] = [message(f"causes.ways.{row.path}") for row in parts if row.widened]
    return [
        message("causes.gap_of_labels", **shared, **parts_in("labels")),
        message("causes.gap_of_answers", **shared, **parts_in("answers")),
        message("causes.widened", paths=wider),
    ]


def _refused(draft: Draft) -> list[str]:
    measured = (draft.results.measurement(name) for name in ("causal_effects", "causal_gaps"))
    notes = [note for each in measured if each is not None for note in each.notes]
    return _say(draft, notes)
