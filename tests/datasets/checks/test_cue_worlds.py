"""The small form of `benchmarks/worlds/data.py` for leaks and spurious cues: one world of each."""

from __future__ import annotations

import pytest
from worlds import data as worlds

MIDDLE = 1


def test_every_form_of_leak_is_found_in_its_columns() -> None:
    missed = [
        form for form in worlds.LEAKS if not worlds.leak_trial(form, MIDDLE, worlds.N, 3).is_named
    ]
    assert missed == []


@pytest.mark.parametrize("word", ["zebra", "@mona"])
def test_a_word_that_goes_with_the_label_is_named(word: str) -> None:
    assert worlds.word_trial(word, MIDDLE, 3).is_named


@pytest.mark.parametrize("kind", ["image", "series"])
def test_a_mark_that_goes_with_the_label_is_found_at_its_place(kind: str) -> None:
    assert worlds.place_trial(kind, MIDDLE, 3).is_named


def test_ordinary_words_and_the_stain_itself_are_no_grave_issue() -> None:
    assert worlds.word_trial("", -1, 3).severity not in {"high", "medium"}
    assert worlds.stain_trial(3).severity != "high"
