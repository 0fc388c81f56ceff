"""Whether the explanations can be trusted, each judged against a random order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from deepseek_report.artifacts.conclusions import ExplainerVerdict
from deepseek_report.artifacts.estimate import Estimate, finite
from deepseek_report.artifacts.explanation import CONTROL
from deepseek_report.artifacts.ids import ArtifactId
from deepseek_report.artifacts.message import Text
from deepseek_report.artifacts.table import Column, TableType, columns_of
from deepseek_report.data_kinds import kind_of
from deepseek_report.findings import explainer_verdicts
from deepseek_report.findings.records import explainer_label
from deepseek_report.findings.rules_explanations import hits, quotation, telling_gains
from deepseek_report.metrics.explanations.explanation_rows import JudgedGame
from deepseek_report.metrics.explanations.localisation import LocalisedShare
from deepseek_report.sections.shared.draft import Draft, DraftedSection
from deepseek_report.sections.shared.tables import ShownTable, Values
from deepseek_report.sections.shared.task_columns import quality
from deepseek_report.wording import estimates
from deepseek_report.wording.words import sentence_case

_FAITHFULNESS = ("deletion", "deletion_gain", "insertion", "insertion_gain")
_EFFECTS = ("deletion_effect", "insertion_effect", "own_case_effect", "shared_order")
_MASKED = (
    *("shapley_cosine", "faithfulness_correlation", "masked_infidelity", "f_fidelity"),
    *("comprehensiveness", "sufficiency", "retrained_loss"),
)
_SOUNDNESS = (
    *("randomisation_correlation", "randomisation_gain", "null_player_share"),
    *("max_sensitivity", "repeat_ratio", "completeness_gap"),
)
#: What says nothing of the control: it is compared with itself, or does not look at the model.
_NOT_OF_CONTROL = frozenset(
    {"deletion_gain", "insertion_gain", "randomisation_correlation", "randomisation_gain"}
)


@dataclass(frozen=True)
class TrustSection(DraftedSection):
    """Judges every method: faithful, stable, complete, in agreement, and at what cost."""

    name = "trust"
    needs = frozenset({"explanations"})
    metrics = (
        "deletion insertion faithfulness_effect faithfulness_correlation comprehensiveness "
        "f_fidelity remove_and_retrain completeness_gap max_sensitivity parameter_randomisation "
        "null_players self_check explainer_agreement localisation true_error"
    )
    pictures = "deletion_curves agreement localisation"

    def write(self, draft: Draft) -> None:
        results = draft.results
        _answer(draft)
        if results.has("data") and results.schema.attributes_of("other"):
            draft.notes(["explanation_by_group"])
        draft.values |= {
            "faithfulness": _quality(draft, "faithfulness", _FAITHFULNESS),
            "effects": _quality(draft, "effects", _EFFECTS),
            "masked": _quality(draft, "masked", _MASKED),
            "soundness": _quality(draft, "soundness", _SOUNDNESS),
            "cost": draft.table("cost", _COST, [_cost(draft, n) for n in results.explanations]),
            "part_quality": quality(draft, "trust-parts", "other"),
            "taken_away": draft.text(
                "taken_away",
                compared=explainer_verdicts.compared(
                    draft.results, explainer_verdicts.question_of(draft.results)
                ),
            ),
            "located": _localised(draft),
            "truth": _truth(draft),
            "verdicts": draft.table("use", _VERDICTS, _verdicts(draft)),
        }


def _answer(draft: Draft) -> None:
    judged = explainer_verdicts.verdicts(draft.results)
    if judged:
        best = explainer_verdicts.quoted(draft.results)
        uses = {name: verdict.standing(best) for name, verdict in judged.items()}

        def labels(*chosen: str) -> list[str]:
            return [explainer_label(draft.results, n) for n, use in uses.items() if use in chosen]

        draft.answer(
            "uses",
            quoted=None if best is None else quotation(draft.results, best),
            checks=labels("check"),
            others=[
                {"explainer": explainer_label(draft.results, name), "compared": _game(draft, name)}
                for name, use in uses.items()
                if use == "other_question"
            ],
            overall=labels("overall"),
            condemned=labels(*explainer_verdicts.CONDEMNED),
            no_skill=labels("no_skill"),
            unjudged=labels("open", "few", "untested"),
        )
    agreement = draft.results.score("agreement")
    if agreement is not None and finite(agreement.value) is not None:
        draft.answer("agreement", agreement=estimates.of_score(agreement))
    lost = draft.results.failed_below(ArtifactId.explanation(CONTROL))
    if CONTROL not in draft.results.explanations and not lost:
        draft.caveat("no_control")


def _game(draft: Draft, name: str) -> Text:
    """What an explanation compares with; empty where it plays no game of its own."""
    game = draft.results.explanations[name].game
    return explainer_verdicts.compared(draft.results, game) if game else ""


def _localised(draft: Draft) -> ShownTable:
    """How each method hits what is known to make the label; nothing where nobody knows."""
    table = draft.results.rows("localisation", "localisation", LocalisedShare)
    gains = telling_gains(draft.results)
    if gains:
        names = {
            kind: [
                explainer_label(draft.results, gain.explainer)
                for gain in gains
                if hits(gain) == hit
            ]
            for kind, hit in (("hit", True), ("missed", False))
        }
        draft.answer("localised", **names)
    measures = {
        row.measure: draft.words.label("localisation_measures", row.measure) for row in table
    }
    shown: dict[str, Values] = {}
    for row in table:
        label = explainer_label(draft.results, row.explainer)
        cells = shown.setdefault(row.explainer, {"explainer": label})
        cells[row.measure] = row.value
    chance = {row.measure: row.chance for row in table}
    last = {"explainer": draft.text("chance"), **chance}
    kind = TableType(
        (
            Column("explainer"),
            *(
                Column(measure, "number", label=sentence_case(label))
                for measure, label in measures.items()
            ),
        )
    )
    return draft.table("localisation", kind, [*shown.values(), last] if shown else [])


#: What is held against the truth, and the tests that stand beside it.
_TRUTH = ("true_error", "true_order", "true_amounts", "formula_error")


def _truth(draft: Draft) -> ShownTable:
    """How far each method is from the truth, beside what the tests said; nothing where that was not
    worked out.
    """
    games = {
        row.explainer: row.game
        for row in draft.results.rows("true_error", "true_errors", JudgedGame)
    }
    if not games:
        return draft.table("truth", TableType(()), [])
    made = [metric for metric in (*_TRUTH, "deletion_effect") if draft.results.find(metric)]
    judged = explainer_verdicts.verdicts(draft.results)
    kind = TableType(
        (
            *(Column("explainer", "explainer"), Column("game")),
            *(Column(metric, "number") for metric in made),
            Column("quoted"),
        )
    )
    cells = [
        {
            "explainer": name,
            "game": draft.words.say(explainer_verdicts.compared(draft.results, game)),
            "quoted": draft.text("quotable", may=name in judged and judged[name].is_trusted),
            **{metric: _estimate(draft, metric, name) for metric in made},
        }
        for name, game in games.items()
    ]
    return draft.table("truth", kind, cells)


def _quality(draft: Draft, name: str, metrics: Sequence[str]) -> ShownTable:
    """The measures of these that were made, a column each, for every method; none without any."""
    made = [metric for metric in metrics if draft.results.find(metric)]
    columns = (Column(metric, "number") for metric in made)
    kind = TableType((Column("explainer", "explainer"), *columns))
    cells = [
        {"explainer": explainer} | {metric: _estimate(draft, metric, explainer) for metric in made}
        for explainer in draft.results.explanations
    ]
    return draft.table(name, kind, cells if made else [])


def _estimate(draft: Draft, metric: str, explainer: str) -> Estimate | None:
    score = draft.results.score(metric, explainer=explainer)
    silent = explainer == CONTROL and metric in _NOT_OF_CONTROL
    if silent or score is None or finite(score.value) is None:
        return None
    return estimates.of_score(score)


_COST = TableType(columns_of("explainer:explainer n:count calls:count seconds:seconds error"))


def _cost(draft: Draft, name: str) -> Values:
    explanation = draft.results.explanations[name]
    mean = kind_of(draft.results.schema).mean_error(explanation)
    numbers = draft.words.numbers
    if mean is None:
        text = draft.text("exact")
    elif explanation.output_space == "probability":
        text = numbers.points(mean).lstrip("+")
    else:
        text = numbers.number(mean)
    return {
        "explainer": name,
        "n": len(explanation),
        "calls": explanation.n_model_calls,
        "seconds": explanation.seconds,
        "error": text,
        "error__sort": float(f"{mean or 0.0:.6g}"),
    }


_VERDICTS = TableType(columns_of("explainer:explainer use faithful own_case learnt steady adds_up"))


def _verdicts(draft: Draft) -> list[dict[str, str]]:
    """What each method may be quoted for, the one to quote first."""
    best = explainer_verdicts.quoted(draft.results)
    judged = sorted(
        explainer_verdicts.verdicts(draft.results).values(), key=lambda verdict: verdict != best
    )
    return [_verdict(draft, verdict, best) for verdict in judged]


def _verdict(
    draft: Draft, verdict: ExplainerVerdict, best: ExplainerVerdict | None
) -> dict[str, str]:
    """What one method may be quoted for, and the outcome of each test behind that.

    best : the verdict on the method that is quoted; None without any.
    """
    return {
        "explainer": verdict.explainer,
        "use": draft.words.text(
            f"explainer_uses.{verdict.standing(best)}",
            **quotation(draft.results, verdict),
            missing=list(verdict.missing),
            compared=_game(draft, verdict.explainer),
            quoted=None if best is None else explainer_label(draft.results, best.explainer),
        ),
        "faithful": _mark(draft, verdict.beats_random, "chance" in verdict.undecided),
        "own_case": _mark(draft, verdict.own_case, "another_case" in verdict.undecided),
        "learnt": _mark(draft, verdict.learnt, "learnt" in verdict.undecided),
        "steady": _mark(draft, verdict.steady),
        "adds_up": _mark(draft, verdict.adds_up),
    }


def _mark(draft: Draft, passed: bool | None, is_open: bool = False) -> str:
    """The outcome of a test as its cell of the table says it; None was not made, or is open."""
    unknown = "open" if is_open else "untested"
    return draft.text(f"mark.{unknown if passed is None else 'passed' if passed else 'failed'}")
