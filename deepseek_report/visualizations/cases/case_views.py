"""What the pictures of single cases share: which case, what was said of it, whose attributions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deepseek_report.artifacts.array_types import Bools, Floats
from deepseek_report.artifacts.explanation import CONTROL
from deepseek_report.artifacts.message import Message, Text, message
from deepseek_report.artifacts.protocols.traits import PicturePart
from deepseek_report.artifacts.results import Results
from deepseek_report.data_kinds import kind_of
from deepseek_report.errors import NotApplicableError
from deepseek_report.findings.listed_reasons import region_numbers
from deepseek_report.tasks import task_of
from deepseek_report.visualizations.drawing.labels import attribution, caption, short
from deepseek_report.visualizations.drawing.read_results import leading_for_cases, named_or
from deepseek_report.wording.of_results import words_of


class CasePicture(PicturePart):
    """What pictures of single cases are made from; the conclusions say whose reasons are shown."""

    section = "cases"
    needs = frozenset({"cases", "explanations", "predictions", "conclusions"})
    also = frozenset({"measures/cases"})


@dataclass(frozen=True)
class Case:
    """One of the chosen cases.

    place : position within the explained ones; position : in the test part. inputs : (column,).
    truth : (column,) what is known to make its label what it is, or None. outcome : what was
    predicted of it, and what is true.
    """

    number: int
    place: int
    position: int
    identity: int
    outcome: Message
    inputs: Floats
    truth: Bools | None


def cases_of(results: Results) -> list[Case]:
    """The chosen cases, in the order of their roles."""
    test, cases = results.test, []
    for at, place in enumerate(results.cases.roles.values()):
        position = int(results.cases.explained[place])
        truth = None if test.truth is None else test.truth[position]
        cases.append(
            Case(
                number=at,
                place=place,
                position=position,
                identity=int(results.predictions.instance_ids[position]),
                outcome=_outcome(results, position),
                inputs=test.inputs[position],
                truth=truth if truth is None or truth.any() else None,
            )
        )
    return cases


def _outcome(results: Results, position: int) -> Message:
    """`Case 1 234: probability of “crack” 83 %; decided “crack”, actually “crack”`."""
    predictions, target = results.predictions, results.schema.target
    identity = int(predictions.instance_ids[position])
    if not task_of(target).decides:
        predicted, actual = predictions.values[position], predictions.labels[position]
        values = {"predicted": predicted, "actual": float(actual), "unit": target.unit}
        return caption("common.case_number", case=identity, **values)
    classes = [short(name, 30) for name in target.classes]
    many = len(target.classes) > 2
    about = int(predictions.decisions[position]) if many else target.explained
    return caption(
        "common.case",
        case=identity,
        class_name=classes[about],
        probability=predictions.probabilities[position, about],
        decided=classes[predictions.decisions[position]],
        actual=classes[predictions.labels[position]],
    )


def shown_explainers(results: Results, first: str, most: int) -> list[str]:
    """Explainers to draw, at most so many: the one asked for or the leading one, then the others.

    None where no method of the run may give reasons of single cases, unless one is asked for: the
    picture then shows the input alone.

    Raises NotApplicableError : no explainer but the control has explained anything.
    """
    names = [name for name in results.explanations if name != CONTROL]
    if not names:
        raise NotApplicableError(message("refusals.no_attributions"))
    if not first and results.conclusions.has_no_reasons:
        return []
    signed = [name for name in names if results.explanations[name].signed]
    leading = named_or(results, first, leading_for_cases) if signed or first else names[0]
    rest = [*signed, *(name for name in names if name not in signed)]
    return list(dict.fromkeys([leading, *rest]))[:most]


def by_players(results: Results, explainer: str, place: int) -> Floats:
    """(player,) attributions of one explained case, summed over the columns of each player.

    NaN for words behind the end of a text.
    """
    explanation = results.explanations[explainer].of_case(place)
    values = kind_of(results.schema).by_player(explanation.values, explanation.inputs)
    return np.asarray(values[0])


def unit_of(results: Results, explainer: str, place: int) -> Message:
    """What the attributions of an explainer to one case are measured in, for a caption."""
    explanation = results.explanations[explainer].of_case(place)
    target = results.schema.target
    space = explanation.output_space
    known = space if space in {"probability", "logit", "value"} else "none"
    name = short(target.classes[explanation.target], 30)
    return caption(f"common.unit.{known}", class_name=name, unit=target.unit or "")


def title_of(results: Results, case: Case, explainer: str | None) -> Message:
    """What the picture of a case finds: the player with the greatest attribution.

    explainer : none where the picture shows the input alone. A place of an image or a series is
    told by its number in the picture, so that the title names none.
    """
    kind = kind_of(results.schema)
    if explainer is None or not (kind.named_columns or kind.quotes):
        return caption(
            "common.case_title_input", case=case.identity, explainer=explainer, kind=kind.name
        )
    values = _named_values(results, case, explainer)
    if np.isnan(values).all() or not np.nanmax(np.abs(values)):
        return caption("common.case_title_nothing", case=case.identity, explainer=explainer)
    top = int(np.nanargmax(np.abs(values)))
    explanation = results.explanations[explainer]
    return caption(
        "common.case_title",
        case=case.identity,
        player=name_of(results, case, top),
        explainer=explainer,
        effect=attribution(values[top], explanation.output_space),
        signed=explanation.signed,
    )


def _named_values(results: Results, case: Case, explainer: str) -> Floats:
    """(player,) attributions of what can be named; NaN for all else."""
    named = kind_of(results.schema).nameable(case.inputs[None])[0]
    return np.where(named, by_players(results, explainer, case.place), np.nan)


def numbered(results: Results, case: Case, explainer: str | None) -> dict[int, int]:
    """{number: player} of the regions or spans that the page of a case lists as its reasons."""
    labels = results.schema.player_labels
    numbers = region_numbers(results, explainer)
    return {n: labels.index(label) for (at, label), n in numbers.items() if at == case.number}


def strongest(results: Results, case: Case, explainer: str) -> Message:
    """The three players with the greatest attributions in one case, by one explainer."""
    values = _named_values(results, case, explainer)
    space = results.explanations[explainer].output_space
    order = np.argsort(-np.abs(values), kind="stable")[:3]
    players = [
        caption(
            "common.player_effect",
            player=name_of(results, case, player),
            effect=attribution(values[player], space),
        )
        for player in order
    ]
    unit = unit_of(results, explainer, case.place)
    return caption("common.strongest", explainer=explainer, unit=unit, players=players)


def name_of(results: Results, case: Case, player: int) -> Text:
    """What a player is called in one case: its words in a text, else its place."""
    kind, label = kind_of(results.schema), results.schema.player_labels[player]
    if not kind.quotes:
        return short(label, 60)
    written = results.written(case.position, player) or kind.display(case.inputs, player)
    shown = words_of(results).name(written)
    return caption("common.quoted", text=short(shown, 50))
