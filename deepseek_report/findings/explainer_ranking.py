"""Which explanation method leads, by its verdict; without a good one, the least bad."""

from __future__ import annotations

from deepseek_report.artifacts.conclusions import TRUSTED, ExplainerVerdict, quoted_of
from deepseek_report.artifacts.estimate import finite
from deepseek_report.artifacts.results import Results
from deepseek_report.data_kinds import kind_of
from deepseek_report.findings.explainer_verdicts import USES, verdict_of, verdicts

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

    One that gives 0 by construction to more than `ZEROS_ALLOWED` of the values leads only where all
    others are worse than merely untested.
    """
    judged = verdicts(results)
    signed = [name for name in judged if results.explanations[name].signed]
    return min(signed, key=lambda name: _place(results, judged[name]), default=None)


def leading_for_cases(results: Results) -> str | None:
    """The explainer whose reasons are told case by case.

    Of those that may be trusted for single cases, the one that adds up and is in the unit that
    people read, a probability or the predicted number, goes first; without any, the leading one.
    """
    judged = verdicts(results)
    usable = [
        name
        for name, verdict in judged.items()
        if verdict.use in TRUSTED and results.explanations[name].signed
    ]
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


def _effect(results: Results, name: str) -> float:
    """The share of the reachable gain, or the gain of an older run; 0 where it is unknown."""
    for metric in ("deletion_effect", "deletion_gain"):
        score = results.score(metric, explainer=name)
        if score is not None and finite(score.value) is not None:
            return score.value
    return 0.0
