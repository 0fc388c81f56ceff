"""How texts are cut: what stays whole, what counts as the same, what is hidden."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepseek_report.datasets.assembly.texts import is_damaged, repair
from deepseek_report.datasets.readers.tokenizing import core, form_of, hide, is_chinese, pieces


def test_handles_hashtags_links_faces_and_emoji_stay_whole() -> None:
    text = "@JetBlue Thanks!! #BestFlight http://t.co/x1?y=2 :-) 👩🏽‍✈️ 🇨🇭 don't 3,000.5"
    assert pieces(text) == [
        *("@jetblue", "thanks", "!", "!", "#bestflight", "http://t.co/x1?y=2"),
        *(":-)", "👩🏽‍✈️", "🇨🇭", "don't", "3,000.5"),
    ]


def test_chinese_characters_stand_alone_beside_latin_words() -> None:
    assert pieces("不错，iPhone4很好") == ["不", "错", "，", "iphone4", "很", "好"]
    assert is_chinese("好")
    assert not is_chinese("good")


@pytest.mark.parametrize(
    ("piece", "form"),
    [
        ("@united", "handle"),
        ("#fail", "hashtag"),
        ("https://t.co/a", "link"),
        ("24.99", "number"),
        ("!", "mark"),
        ("flight", "word"),
        ("4g", "word"),
        ("好", "word"),
    ],
)
def test_a_piece_has_a_form(piece: str, form: str) -> None:
    assert form_of(piece) == form


def test_near_duplicates_have_the_same_core() -> None:
    first = core("RT @a:  Great flight!!! http://t.co/1")
    assert first == core("rt @A great   flight http://t.co/2")
    assert first != core("rt @a bad flight")


def test_a_text_of_signs_alone_keeps_them() -> None:
    assert core(" !!! ") == "!!!"


def test_hidden_kinds_are_replaced_by_one_sign_each() -> None:
    text = "@united lost 2 bags #fail http://t.co/1"
    assert hide(text, ["handles", "links"]) == "@someone lost 2 bags #fail http://link"
    assert hide(text, ["hashtags", "numbers"]) == "@united lost 0 bags #something http://t.co/1"
    assert hide(text, []) == text


@given(st.text(max_size=60))
def test_no_character_but_blanks_is_lost(text: str) -> None:
    left = "".join(pieces(text))
    assert "".join(text.lower().split()) == "".join(left.split())


def test_known_damage_is_put_right_and_unknown_damage_becomes_one_sign() -> None:
    damaged = re.compile(r"[\x80-\xff]+")
    text = repair("I\xe4\xf3\xbbm fine &amp; well \x99\x85", {"\xe4\xf3\xbb": "'"}, damaged)
    assert text == "I'm fine & well \ufffd"


@pytest.mark.parametrize(
    ("text", "damaged"),
    [
        ("cafÃ©", True),
        ("donâ€™t", True),
        ("fine \ufffd", True),
        ("café, “naïve”, 好", False),
        ("Ångström à São Paulo", False),
    ],
)
def test_traces_of_a_wrong_encoding_are_told_from_accents(text: str, damaged: bool) -> None:
    assert is_damaged(text) == damaged
