from __future__ import annotations

import math

import pytest

from deepseek_report.wording import estimates


def test_a_share_keeps_no_more_digits_than_its_interval_supports():
    assert estimates.share(estimates.estimate(0.5423, 0.42, 0.66)) == "54\u00a0% (42–66\u00a0%)"
    assert estimates.share(estimates.estimate(0.2212, 0.210, 0.232)).startswith("22.1\u00a0%")


def test_an_interval_without_width_is_not_printed():
    assert estimates.value(estimates.estimate(0.5, 0.5, 0.5)) == "0.500"


def test_what_is_not_defined_is_said_in_words():
    nothing = estimates.estimate(math.nan, math.nan, math.nan, math.nan)
    assert (nothing.is_defined, nothing.ends, nothing.n) == (False, None, 0)
    assert estimates.value(nothing) == estimates.share(nothing) == "not defined"


def test_a_value_too_small_for_digits_is_not_printed_as_a_row_of_zeros():
    assert estimates.value(estimates.estimate(6e-10, 4e-10, 9e-10)) == "below 0.001"


@pytest.mark.parametrize(
    ("items", "text"),
    [([], ""), (["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")],
)
def test_lists_read_as_a_person_writes_them(items, text):
    assert estimates.listing(items) == text


@pytest.mark.parametrize(
    ("label", "text"),
    [("Age band", "age band"), ("SHAP", "SHAP"), ("ROC AUC", "ROC AUC"), ("", ""), ("X", "x")],
)
def test_a_label_in_a_sentence_keeps_its_abbreviations(label, text):
    assert estimates.in_sentence(label) == text


@pytest.mark.parametrize(
    ("spent", "text"),
    [(0.01, "under 0.1\u00a0s"), (4.21, "4.2\u00a0s"), (41.7, "42\u00a0s"), (60, "1\u00a0min"),
     (200.2, "3\u00a0min 20\u00a0s"), (None, "not measured")],
)  # fmt: skip
def test_durations_are_rounded_to_what_matters(spent, text):
    assert estimates.seconds(spent) == text


def test_a_bound_is_printed_as_it_was_declared():
    assert estimates.bound(0.8) == "0.8"
    assert estimates.bound(0.05, as_percent=True) == "5\u00a0%"
