"""How grave a finding is: whom it harms, by how much, and how sure that is. One table for all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal, get_args

from deepseek_report.artifacts.finding import SEVERITIES, Severity
from deepseek_report.artifacts.score import Score

#: A p-value, corrected for all tests of its kind, under which a difference is beyond chance where
#: a page asks one question alone, as a comparison or a stream does. The findings of a report share
#: one such chance, see `findings/error_budget.py`.
SIGNIFICANT = 0.05
#: A gap in error rates between groups of people that is large, as a share.
LARGE_GAP = 0.10
#: Share of decisions that turn with a sensitive attribute alone that is worth telling, and large.
DIRECT_USE, LARGE_DIRECT_USE = 0.01, 0.05
#: Gain in AUC from doubling the data that is worth collecting them for.
GAIN_WORTHWHILE = 0.005


def more_rows_help(gain: Score) -> bool | None:
    """Whether the last doubling of the rows paid; None where its interval leaves that open."""
    low = gain.value if gain.low is None else gain.low
    high = gain.value if gain.high is None else gain.high
    if low > 0 and gain.value >= GAIN_WORTHWHILE:
        return True
    return None if high > GAIN_WORTHWHILE else False


#: What is harmed: people who are treated differently, the decisions or numbers that are given, or
#: what is told about the model (explanations, records, cost).
Harm = Literal["people", "decision", "method"]
HARMS: tuple[Harm, ...] = get_args(Harm)
Size = Literal["large", "moderate", "small"]
SIZES: tuple[Size, ...] = get_args(Size)

#: Where the harm is certain: the whole interval says so, after correction. What is only possible is
#: one step less. What is told about a model never outranks what is done to people.
_CERTAIN: Mapping[Harm, tuple[Severity, Severity, Severity]] = {
    "people": ("high", "medium", "low"),
    "decision": ("high", "medium", "low"),
    "method": ("medium", "low", "info"),
}


def severity(harm: Harm, size: Size, *, certain: bool = True) -> Severity:
    """The severity of a finding.

    harm : what is harmed. size : how large the harm is, see `size_of`.
    certain : whether it is beyond chance; else one step less.

    >>> severity("people", "large"), severity("people", "large", certain=False)
    ('high', 'medium')
    >>> severity("method", "large")
    'medium'
    """
    grade = _CERTAIN[harm][SIZES.index(size)]
    return grade if certain else less_grave(grade)


def less_grave(grade: Severity) -> Severity:
    """One step less; a note stays one."""
    return SEVERITIES[min(SEVERITIES.index(grade) + 1, len(SEVERITIES) - 1)]


def gravest(severities: Iterable[Severity]) -> Severity:
    """The gravest of several severities, at least one."""
    return min(severities, key=SEVERITIES.index)


def gravest_of_doubt(grade: Severity) -> Severity:
    """The severity of what a test shows, but not within the error budget: minor at most.

    >>> gravest_of_doubt("high"), gravest_of_doubt("info")
    ('low', 'info')
    """
    return max(grade, "low", key=SEVERITIES.index)


def size_of(least: float, moderate: float, large: float) -> Size:
    """How large a harm is, by what it is at least.

    least : the end of the interval that is nearer to no harm, not the estimate: an estimate that
        happens to lie on a limit would be graded by its rounding.
    moderate, large : from where on it is called so.

    >>> size_of(0.06, moderate=0.05, large=0.1)
    'moderate'
    """
    if least >= large:
        return "large"
    return "moderate" if least >= moderate else "small"


def severity_of_gap(*, beyond_chance: bool, surely_large: bool, maybe_large: bool) -> Severity:
    """The severity of a difference between groups of people.

    beyond_chance : by a test that is corrected for all comparisons of people that the report makes.
    surely_large, maybe_large : whether all, or some, of the interval lies beyond the size that
        counts as large.

    >>> severity_of_gap(beyond_chance=True, surely_large=False, maybe_large=True)
    'medium'
    """
    size: Size = "large" if surely_large else "moderate" if maybe_large else "small"
    return severity("people", size, certain=beyond_chance or surely_large)
