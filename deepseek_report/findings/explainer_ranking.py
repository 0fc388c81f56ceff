"""How one explanation method did in the tests of this run, and which method leads."""

from __future__ import annotations

from collections.abc import Sequence

from deepseek_report.artifacts.estimate import finite
from deepseek_report.artifacts.explanation import Explanation
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.score import Score
from deepseek_report.findings.records import by_explainer
from deepseek_report.findings.thresholds import CONTROL

#: Rank correlation with the explanation of a randomised model from which an explanation depends
#: on the learnt weights only in part, and hardly at all.
RANDOMISATION_PARTLY, RANDOMISATION_FAILS = 0.5, 0.8
#: Share of the prediction's distance from the base value that attributions may leave unexplained.
GAP_ALLOWED = 0.05


def is_weak(gain: Score, passed: Sequence[Score]) -> bool:
    """Whether another method's gain over random is clearly larger: the intervals do not meet."""
    best = max(passed, key=lambda score: score.value)
    high = finite(gain.high)
    return gain is not best and (gain.value if high is None else high) < lowest(best)


def beats_random(gain: Score) -> bool:
    """Whether the whole interval of the gain over the random control is above 0."""
    return lowest(gain) > 0


def passes_randomisation(score: Score) -> bool:
    """Whether an explanation clearly changes when the weights do."""
    return lowest(score) < RANDOMISATION_PARTLY


def lowest(score: Score) -> float:
    """The lower end of a score's interval, or its value where it has none."""
    low = finite(score.low)
    return score.value if low is None else low


def adds_up(results: Results, name: str) -> bool | None:
    """Whether a method's attributions add up to the prediction; None where that is untested."""
    gap = results.score("completeness_gap", explainer=name)
    if gap is None or finite(gap.value) is None:
        return None
    return gap.value <= GAP_ALLOWED


def mean_local_fit(explanation: Explanation) -> float | None:
    """Mean R² of a surrogate with the model over the neighbourhoods, or None without one."""
    fit = explanation.params.get("fidelity_mean")
    return None if fit is None else finite(fit)


def leading_explainer(results: Results) -> str | None:
    """The signed explainer that passes most tests; among equals the largest gain over random."""
    signed = [n for n, method in results.explanations.items() if n != CONTROL and method.signed]
    return max(signed, key=lambda name: _merit(results, name), default=None)


def leading_for_cases(results: Results) -> str | None:
    """The explainer whose reasons are told case by case: faithful, adding up, readable.

    Those that beat a random order, and either add up to the output or are in the unit that people
    read, a probability or the predicted number. Among these, those that add up go first, then those
    in that unit; without any, the leading one is taken.
    """
    gains = {score.explainer: score for score in by_explainer(results, "deletion_gain")}
    merits = {
        name: (bool(adds_up(results, name)), explanation.output_space in {"probability", "value"})
        for name, explanation in results.explanations.items()
        if name in gains and beats_random(gains[name])
    }
    usable = [name for name, merit in merits.items() if any(merit)]
    if usable:
        return max(usable, key=lambda name: (*merits[name], gains[name].value))
    return leading_explainer(results)


def _merit(results: Results, name: str) -> tuple[int, float]:
    """How many tests a method passes, and its gain over random."""
    gain = results.score("deletion_gain", explainer=name)
    shuffled = results.score("randomisation_correlation", explainer=name)
    known = gain is not None and finite(gain.value) is not None
    faithful = gain is not None and known and beats_random(gain)
    learnt = shuffled is None or passes_randomisation(shuffled)
    return faithful + learnt, gain.value if gain is not None and known else 0.0
