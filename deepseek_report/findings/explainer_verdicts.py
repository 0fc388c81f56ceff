"""What each explanation method may be used for, by the tests that it passed in this run.

Whoever says something of a method (summary, sections, findings, the choice of the method that
leads) reads its verdict here. It rests on scores that are shown to go with the true error
(`PREDICTIVE`), and on checks whose answer is known. How often the verdicts are right in worlds
whose truth is known: docs/explanations.md and docs/conclusions.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from deepseek_report.artifacts.conclusions import TRUSTED, ExplainerVerdict, Use, quoted_of
from deepseek_report.artifacts.estimate import finite
from deepseek_report.artifacts.explanation import CONTROL, Game
from deepseek_report.artifacts.message import Text
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.score import Score
from deepseek_report.data_kinds import kind_of
from deepseek_report.findings.records import defined
from deepseek_report.findings.skill import has_skill
from deepseek_report.statistics.intervals import Z95
from deepseek_report.wording.estimates import ends

_GRADED = frozenset(
    {
        *("deletion_effect", "insertion_effect", "own_case_effect", "randomisation_gain"),
        "faithfulness_correlation",
    }
)
#: Scores whose rank correlation with the true error of explanations lies above 0.5 with its whole
#: 95 % interval, by the game of the explanation: no verdict rests on another one. Of a game that is
#: not here nothing was measured. The tables of docs/explanations.md; a test compares.
PREDICTIVE: Mapping[Game, frozenset[str]] = MappingProxyType(
    {
        "background": _GRADED | {"completeness_gap"},
        "baseline": _GRADED | {"completeness_gap"},
        "neighbours": _GRADED,
    }
)
#: It was judged, and the reasons of single cases may not be told.
CONDEMNED: frozenset[Use] = frozenset({"faulty", "not_this_case", "nothing", "wrong", "unsteady"})
#: Uses from the best to the worst, as the method that leads is chosen.
USES: tuple[Use, ...] = (
    *("amounts", "order", "overall", "untested", "few", "open"),
    *("no_skill", "not_this_case", "nothing", "wrong", "faulty"),
)

#: Share of the reachable gain over a random order under which a method knows next to nothing.
LEAST_EFFECT = 0.1
#: Cases without which no method is judged.
LEAST_CASES = 20
#: What a method loses with another case's explanation, as a share of the reachable gain, from which
#: it is left open whether chance has made it; right methods lose more in nearly all worlds.
LEAST_OWN_EFFECT = 0.25
#: Rank correlation with another case's explanation from which all cases have about one ranking.
ONE_RANKING = 0.5
#: Share of the attribution on players that the model cannot see (1: as if it saw them).
NULL_SHARE_ALLOWED = 0.5
#: Change of repeated attributions over that of random ones up to which a method is called steady;
#: it is described, and no verdict rests on it.
REPEAT_ALLOWED = 0.35
#: Share of the prediction's distance from the base value that attributions may leave unexplained.
GAP_ALLOWED = 0.05


def verdicts(results: Results) -> dict[str, ExplainerVerdict]:
    """{explainer: its verdict} of all methods but the random control."""
    return {name: verdict_of(results, name) for name in results.explanations if name != CONTROL}


def question_of(results: Results) -> Game:
    """The game that the run asked about, or that is usual for such data where nobody said."""
    declared = (results.config.get("explain") or {}).get("question")
    return declared or kind_of(results.schema).compared_with


def compared(results: Results, game: Game) -> Text:
    """What a player's share is compared with in a game of this run."""
    rows = int((results.config.get("explain") or {}).get("background") or 0)
    sizes = [int(part["n"]) for part in results.card.get("parts") or [] if part["part"] == "train"]
    return kind_of(results.schema).compared(game, min([rows, *sizes]))


def answers(results: Results, name: str) -> bool:
    """Whether a method answers the question of the run, so that it may be ranked by it.

    One that plays no game of its own gives an order, which was judged by that question.
    """
    game = results.explanations[name].game
    return game is None or game == question_of(results)


def plays(results: Results, name: str) -> bool:
    """Whether a method plays the game that the run asks about; an order alone plays none."""
    known = results.explanations.get(name)
    return known is not None and known.game == question_of(results)


def answering(results: Results) -> list[str]:
    """The methods that may be ranked together, without the control; all, where none answers."""
    names = [name for name in results.explanations if name != CONTROL]
    return [name for name in names if answers(results, name)] or names


def verdict_of(results: Results, name: str) -> ExplainerVerdict:
    """What a method may be used for; the first that holds of `_uses`.

    A method is untested where the data of the run are lost. Of a model without skill nothing is
    concluded, nor from fewer than `LEAST_CASES` cases, nor from a method that fails a check whose
    answer is known. One that is clearly worse than a random order is wrong; one that does not
    depend on what the model has learnt says nothing about it. Trust needs that it beats a random
    order in deletion and in insertion, and another case's explanation, which one ranking for all
    cases cannot; its amounts are told where they add up. Whether a method holds still, agrees with
    others or is sparse is described and decides nothing: that does not go with the true error.
    """
    if name not in results.explanations or not results.has("data"):
        return ExplainerVerdict(name, "untested")
    effects = _effects(results, name)
    verdict = ExplainerVerdict(
        explainer=name,
        use="untested",
        beats_random=_all_shown(effects),
        own_case=_own_case(results, name),
        learnt=learnt(results, name),
        steady=steady(results, name),
        adds_up=adds_up(results, name),
        missing=_missing(results, name),
        reach=min(effect.value for effect in effects) if len(effects) == 2 else None,
        sampling_error=Z95 * (kind_of(results.schema).mean_error(results.explanations[name]) or 0),
        other_game=None if answers(results, name) else results.explanations[name].game,
    )
    uses = _uses(results, verdict)
    return replace(verdict, use=next(use for use, holds in uses if holds))


def _uses(results: Results, verdict: ExplainerVerdict) -> tuple[tuple[Use, bool], ...]:
    name, explanation = verdict.explainer, results.explanations[verdict.explainer]
    beats, own = verdict.beats_random, verdict.own_case
    shared = defined(results, "shared_order", explainer=name)
    has_one_ranking = shared is not None and shared.value >= ONE_RANKING
    # its amounts may be told in a game where adding up is shown to go with the true error
    tells_amounts = explanation.signed and _graded(results, "completeness_gap", name) is not None
    return (
        ("no_skill", has_skill(results) is False),
        ("few", len(explanation) < LEAST_CASES),
        ("faulty", not keeps_promises(results, name)),
        ("wrong", _is_turned(results, name)),
        ("nothing", verdict.learnt is False),
        ("untested", bool(verdict.missing)),
        ("not_this_case", own is False and not has_one_ranking),
        ("not_this_case", beats is False),
        ("open", None in (beats, own, verdict.learnt)),
        ("overall", own is False),
        ("amounts", bool(verdict.adds_up) and tells_amounts),
        ("order", True),
    )


def _missing(results: Results, name: str) -> tuple[str, ...]:
    """The metrics that trust needs and that gave nothing for the method."""
    effects = _effects(results, name)
    tests = {
        "faithfulness_effect": len(effects) == 2
        and _graded(results, "own_case_effect", name) is not None,
        "parameter_randomisation": _graded(results, "randomisation_gain", name) is not None
        or defined(results, "null_player_share", explainer=name) is not None,
    }
    return tuple(metric for metric, made in tests.items() if not made)


def _graded(results: Results, metric: str, name: str) -> Score | None:
    """A score on which a verdict may rest; None where it is not shown to go with the true error in
    the game of the method, or was not measured.
    """
    game = results.explanations[name].game or question_of(results)
    known = metric in PREDICTIVE.get(game, ())
    return defined(results, metric, explainer=name) if known else None


def _effects(results: Results, name: str) -> list[Score]:
    scores = (_graded(results, f"{mode}_effect", name) for mode in ("deletion", "insertion"))
    return [score for score in scores if score is not None]


def _all_shown(effects: Sequence[Score]) -> bool | None:
    """Whether both effects are large enough and beyond chance.

    False where one is too small; None where one was not measured, or may be made by chance.
    """
    if len(effects) < 2:
        return None
    if any(effect.value < LEAST_EFFECT for effect in effects):
        return False
    return True if all(map(_beyond_chance, effects)) else None


def _beyond_chance(effect: Score) -> bool:
    low = finite(effect.low)
    return low is not None and low > 0


def _is_turned(results: Results, name: str) -> bool:
    """Whether a signed method is clearly worse than a random order in deletion and insertion."""
    effects = _effects(results, name)
    worse = [ends(effect)[1] < 0 and effect.value <= -LEAST_EFFECT for effect in effects]
    return len(worse) == 2 and all(worse) and results.explanations[name].signed


def _own_case(results: Results, name: str) -> bool | None:
    """Whether its order for a case is better than another case's."""
    effect = _graded(results, "own_case_effect", name)
    if effect is None:
        return None
    if _beyond_chance(effect):
        return True
    return None if effect.value >= LEAST_OWN_EFFECT else False


def learnt(results: Results, name: str) -> bool | None:
    """Whether a method depends on what the model has learnt; None where that is open or untested.

    It does where the learnt weights make its order better than that of a randomised model; it does
    not where they surely do not. Of a model without weights it must leave out what the model cannot
    see, whose right answer is 0.
    """
    gain = _graded(results, "randomisation_gain", name)
    if gain is None:
        unseen = defined(results, "null_player_share", explainer=name)
        return None if unseen is None else ends(unseen)[0] < NULL_SHARE_ALLOWED
    if _beyond_chance(gain):
        return True
    return False if ends(gain)[1] <= 0 else None


def steady(results: Results, name: str) -> bool | None:
    """Whether a method gives much the same when it is repeated; None where that is untested."""
    repeated = defined(results, "repeat_ratio", explainer=name)
    return None if repeated is None else ends(repeated)[0] <= REPEAT_ALLOWED


def keeps_promises(results: Results, name: str) -> bool:
    """Whether it passes the checks whose answer is known, as far as there are some."""
    failures = defined(results, "self_check_failures", explainer=name)
    return failures is None or failures.value == 0


def adds_up(results: Results, name: str) -> bool | None:
    """Whether a method's attributions add up to the prediction; None where that is untested."""
    gap = defined(results, "completeness_gap", explainer=name)
    return None if gap is None else gap.value <= GAP_ALLOWED


#: Share of attributions that are 0 by construction from which a method does not lead.
ZEROS_ALLOWED = 0.1


def zeros_by_construction(results: Results, name: str) -> float:
    """Share of attributions that are 0 whatever the model does.

    They are those of values equal to the one reference that the method starts from. Where a player
    that equals the baseline holds nothing, as an empty margin of an image, 0 is right and not
    counted.
    """
    explanation = results.explanations[name]
    start = explanation.params.get("baseline")
    if start is None or kind_of(results.schema).idle_players:
        return 0.0
    return float((explanation.inputs == start).mean())


def leading_explainer(results: Results) -> str | None:
    """The signed explainer with the best verdict; among equals the largest effect.

    It answers the question of the run, unless no signed one does. One that gives 0 by construction
    to more than `ZEROS_ALLOWED` of the values leads only where all others are worse than merely
    untested.
    """
    judged = verdicts(results)
    signed = _ranked(results)
    return min(signed, key=lambda name: _place(results, judged[name]), default=None)


def _ranked(results: Results) -> list[str]:
    """The signed methods that answer the question of the run; all signed ones, where none does."""
    names = [name for name in results.explanations if name != CONTROL]
    signed = [name for name in names if results.explanations[name].signed]
    return [name for name in signed if answers(results, name)] or signed


def leading_for_cases(results: Results) -> str | None:
    """The explainer whose reasons are told case by case.

    Of those that may be trusted for single cases, the one that adds up and is in the unit that
    people read, a probability or the predicted number, goes first; without any, the leading one.
    """
    judged = verdicts(results)
    usable = [name for name in _ranked(results) if judged[name].use in TRUSTED]
    if not usable:
        return leading_explainer(results)

    def place(name: str) -> tuple[object, ...]:
        readable = results.explanations[name].output_space in {"probability", "value"}
        zeros = zeros_by_construction(results, name) > ZEROS_ALLOWED
        return (zeros, not judged[name].adds_up, not readable, -_effect(results, name))

    return min(usable, key=place)


def quoted(results: Results) -> ExplainerVerdict | None:
    """The verdict on the one method that may be quoted for single cases; None without any."""
    return quoted_of(verdicts(results).values(), leading_for_cases(results))


def listed_for_cases(results: Results) -> str | None:
    """The method whose reasons stand on the pages of cases; None where it was judged and failed."""
    name = leading_for_cases(results)
    return None if name is None or verdict_of(results, name).has_failed else name


def _place(results: Results, verdict: ExplainerVerdict) -> tuple[object, ...]:
    zeros = zeros_by_construction(results, verdict.explainer) > ZEROS_ALLOWED
    trusted = verdict.use in TRUSTED
    group = 0 if trusted and not zeros else 1 if trusted else 2
    return (group, USES.index(verdict.use), -_effect(results, verdict.explainer))


#: Scores that put methods with equal verdicts in order, the one that tells best which method is
#: nearer to the truth first; the later ones are measured where the first are not.
_ORDERING = ("shapley_cosine", "faithfulness_correlation", "deletion_effect", "deletion_gain")


def _effect(results: Results, name: str) -> float:
    """What puts the better of two methods with equal verdicts first: of `_ORDERING` the first that
    all methods have that are ranked together, as far as they have any; 0 where nothing is known.
    """
    ranked = {*_ranked(results), name}
    known = [
        {
            other: score.value
            for other in ranked
            if (score := defined(results, metric, explainer=other))
        }
        for metric in _ORDERING
    ]
    shared = {other for values in known for other in values}
    for values in (*(values for values in known if shared <= values.keys()), *known):
        if name in values:
            return values[name]
    return 0.0
