"""Limits of conclusions that the report tells in words and the pictures in their titles."""

from __future__ import annotations

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
