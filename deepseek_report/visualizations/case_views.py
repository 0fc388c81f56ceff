"""What the pictures of single cases share: which case, what was said of it, whose attributions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from deepseek_report.artifacts.numbers import count, percent, quantity
from deepseek_report.artifacts.protocols.traits import PicturePart
from deepseek_report.data_kinds import kind_of
from deepseek_report.errors import NotApplicableError
from deepseek_report.tasks import task_of
from deepseek_report.visualizations.labels import named, short
from deepseek_report.visualizations.numbers import effect
from deepseek_report.visualizations.reading import leading_for_cases, named_or
from deepseek_report.visualizations.style import CONTROL

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from deepseek_report.artifacts.results import Results


class CasePicture(PicturePart):
    """What pictures of single cases are made from; the conclusions say whose reasons are shown."""

    section: ClassVar[str] = "cases"
    needs: ClassVar[frozenset[str]] = frozenset(
        {"cases", "explanations", "predictions", "conclusions"}
    )


@dataclass(frozen=True)
class Case:
    """One of the chosen cases.

    place : position within the explained ones; position : in the test part. inputs : (column,).
    truth : (column,) what is known to make its label what it is, or None.
    """

    number: int
    place: int
    position: int
    identity: int
    said: str
    inputs: NDArray[np.float64]
    truth: NDArray[np.bool_] | None

    @property
    def words(self) -> str:
        """`Case 1 234: probability of “crack” 83 %; decided “crack”, actually “crack”`."""
        return f"Case {count(self.identity)}: {self.said}"


def cases_of(results: Results) -> list[Case]:
    """The chosen cases, in the order of their roles."""
    test, found = results.test, []
    for at, place in enumerate(results.cases.roles.values()):
        position = int(results.cases.explained[place])
        truth = None if test.truth is None else test.truth[position]
        found.append(
            Case(
                number=at,
                place=place,
                position=position,
                identity=int(results.predictions.instance_ids[position]),
                said=_said(results, position),
                inputs=test.inputs[position],
                truth=truth if truth is None or truth.any() else None,
            )
        )
    return found


def _said(results: Results, position: int) -> str:
    predictions, target = results.predictions, results.schema.target
    if not task_of(target).decides:
        said, true = predictions.values[position], predictions.labels[position]
        return (
            f"predicted {quantity(float(said), target.unit)}, "
            f"actually {quantity(float(true), target.unit)}"
        )
    classes = [short(one, 30) for one in target.classes]
    probability = float(predictions.probabilities[position, target.explained])
    return (
        f"probability of “{classes[target.explained]}” {percent(probability)}; decided "
        f"“{classes[predictions.decisions[position]]}”, actually "
        f"“{classes[predictions.labels[position]]}”"
    )


def shown_explainers(results: Results, first: str, most: int) -> list[str]:
    """Explainers to draw, at most so many: the one asked for or the leading one, then the others.

    Raises
    ------
    NotApplicableError : no explainer but the control has explained anything.
    """
    there = [name for name in results.explanations if name != CONTROL]
    if not there:
        raise NotApplicableError("no explainer of this run gives attributions to draw")
    signed = [name for name in there if results.explanations[name].signed]
    leading = named_or(results, first, leading_for_cases) if signed or first else there[0]
    rest = [*signed, *(name for name in there if name not in signed)]
    return list(dict.fromkeys([leading, *rest]))[:most]


def by_players(results: Results, explainer: str, place: int) -> NDArray[np.float64]:
    """(player,) attributions of one explained case, summed over the columns of each player.

    NaN for words behind the end of a text.
    """
    explanation = results.explanations[explainer]
    values, rows = explanation.values[[place]], explanation.inputs[[place]]
    return np.asarray(kind_of(results.schema).by_player(values, rows)[0])


def unit_of(results: Results, explainer: str) -> str:
    """What the attributions of an explainer are measured in, for a caption."""
    explanation, target = results.explanations[explainer], results.schema.target
    name = short(target.classes[explanation.target], 30)
    return {
        "probability": f"points of the probability of “{name}”",
        "logit": f"log-odds of “{name}”",
        "value": f"{target.unit or 'units'} of the predicted number",
    }.get(explanation.output_space, "a score without unit")


def title_of(results: Results, case: Case, explainer: str) -> str:
    """What the picture of a case finds: the player with the greatest attribution."""
    values = by_players(results, explainer, case.place)
    if np.isnan(values).all() or not np.nanmax(np.abs(values)):
        return f"{named(explainer)} gives nothing in case {count(case.identity)} any weight"
    top = int(np.nanargmax(np.abs(values)))
    value, explanation = float(values[top]), results.explanations[explainer]
    name = noun_of(results, case, top)
    size = effect(value, explanation.output_space)
    verb = "raises" if value > 0 else "lowers"
    said = f"{verb} the output most" if explanation.signed else "counts most"
    noun = kind_of(results.schema).noun
    return f"Case {count(case.identity)}: the {noun} {name} {said} by {named(explainer)} ({size})"


def noun_of(results: Results, case: Case, player: int) -> str:
    """What a player is called in one case: its words in a text, else its place."""
    kind, label = kind_of(results.schema), results.schema.player_labels[player]
    display = short(kind.display(case.inputs, player), 50)
    return kind.mention(short(label, 60), display)[0]
