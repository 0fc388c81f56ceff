from __future__ import annotations

import numpy as np

from deepseek_report.datasets.checks.few_columns import Traits, traits_of
from deepseek_report.statistics.scorecards import (
    BinnedPart,
    area_together,
    areas_alone,
    chance_of_highest,
    cut,
    likeliest_triples,
)


def _codes(traits: Traits, kind: str) -> list[int]:
    (place,) = [k for k, trait in enumerate(traits.known) if trait.kind == kind]
    return traits.codes[:, place].tolist()


def test_digits_and_decimals_are_those_that_a_person_would_write():
    traits = traits_of(np.array([[12.34], [7.5], [100.0], [-3.07], [np.nan]]), np.array([0]))
    assert _codes(traits, "decimals") == [2, 1, 0, 2, 10]
    assert _codes(traits, "last_digit") == [4, 0, 0, 7, 10]
    assert _codes(traits, "units") == [2, 7, 0, 3, 10]
    assert _codes(traits, "tenths") == [3, 5, 0, 0, 10]


def test_numbers_of_single_precision_have_the_decimals_that_were_written():
    single = np.array([[1234.56], [0.1], [3.0]], dtype=np.float32).astype(np.float64)
    assert _codes(traits_of(single, np.array([0])), "decimals") == [2, 1, 0]


def test_whole_numbers_are_told_by_the_zeros_that_they_end_in_and_0_is_as_the_most():
    traits = traits_of(np.array([[1200.0], [35.0], [41.0], [50.0], [0.0]]), np.array([0]))
    assert _codes(traits, "zeros") == [2, 0, 0, 1, 0]
    assert _codes(traits, "last_digit")[:4] == [0, 5, 1, 0]


def test_computed_numbers_have_no_digits_to_look_at():
    random = np.random.default_rng(0)
    assert traits_of(random.normal(size=(50, 2)), np.array([0, 1])).known == ()


def test_three_columns_that_tell_a_class_together_are_the_likeliest_triple():
    random = np.random.default_rng(0)
    values = random.normal(size=(3000, 7))
    labels = (values[:, 1] > 0) ^ (values[:, 3] > 0) ^ (values[:, 6] > 0)
    halves = [(values[k::2], labels[k::2].astype(np.int64)) for k in range(2)]
    categories = np.zeros(7, dtype=np.int64)
    learnt, judged = cut(*halves, categories)
    best, *_ = likeliest_triples(learnt, categories, 1, 3)
    assert best.columns == (1, 3, 6)
    three, two = np.array([1, 3, 6]), np.array([1, 3])
    of = {
        len(some): area_together(learnt.take(some), judged.take(some), categories[some], 1)
        for some in (three, two)
    }
    assert of[3] > 0.95
    assert abs(of[2] - 0.5) < 0.06


def test_the_highest_area_of_many_columns_of_noise_is_seldom_beyond_chance():
    random = np.random.default_rng(0)
    p_values = []
    for _ in range(60):
        codes = random.integers(0, 10, (2, 300, 20))
        labels = (random.random((2, 300)) < 0.04).astype(np.int64)
        learnt, judged = (BinnedPart(codes[k], labels[k], 11) for k in range(2))
        highest = float(areas_alone(learnt, judged, 1).max())
        p_values.append(chance_of_highest(learnt, judged, 1, highest, 99))
    assert np.mean(np.array(p_values) <= 0.2) < 0.36
    assert np.mean(np.array(p_values) <= 0.2) > 0.06
