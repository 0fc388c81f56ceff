"""A message keeps what is said apart from the language in which it is said."""

from __future__ import annotations

import json

from deepseek_report.artifacts.message import from_plain, message, plain, text_of
from deepseek_report.wording.words import Wording

ENGLISH = Wording({"a": {"b": "{{ n|count }} rows: {{ inner }}"}, "c": "{{ parts|listing }}"})


def test_a_message_survives_json_with_all_that_it_holds() -> None:
    nested = message("a.b", n=3, inner=message("c", parts=["x", message("c", parts=["y"])]))
    assert from_plain(json.loads(json.dumps(plain(nested)))) == nested


def test_messages_inside_of_messages_are_worded() -> None:
    words = Wording(
        {"numbers": {}, "formats": {"group": " "}, "a": "{{ n|count }}: {{ inner }}",
         "c": "{{ parts|listing }}"}
    )  # fmt: skip
    nested = message("a", n=3000, inner=message("c", parts=["x", message("c", parts=["y", "z"])]))
    assert words.say(nested) == "3 000: x and y and z"


def test_a_plain_text_is_said_as_it_stands() -> None:
    assert ENGLISH.say("{{ n }} rows") == "{{ n }} rows"
    assert text_of("x") == "x"


def test_a_mapping_of_the_data_that_is_no_message_stays_a_mapping() -> None:
    assert from_plain({"message": "a", "other": 1}) == {"message": "a", "other": 1}
