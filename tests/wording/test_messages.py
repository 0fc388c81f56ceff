"""What is said is kept as a message, apart from the language in which it is said."""

from __future__ import annotations

import json
from pathlib import Path

from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.artifacts.message import from_plain, message, plain, text_of
from deepseek_report.artifacts.score import Score
from deepseek_report.artifacts.storage.files import load_json, save_json
from deepseek_report.wording.of_results import score_table
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


NOTE = message("notes.prototypes.in_use", n=3, of=10)
SCORE = Score(
    metric="prototypes_in_use",
    category="explanation",
    value=0.3,
    n=10,
    direction="none",
    low=0.1,
    high=0.6,
    interval_method=message("interval_methods.students"),
    note=NOTE,
)


def test_a_measurement_keeps_its_messages(tmp_path: Path) -> None:
    Measurement((SCORE,), notes=(NOTE, "Mine.")).save(tmp_path)
    loaded = Measurement.load(tmp_path)
    assert (loaded.scores, loaded.notes) == ((SCORE,), (NOTE, "Mine."))


def test_notes_that_were_stored_as_sentences_are_read_as_they_stand(tmp_path: Path) -> None:
    Measurement((SCORE,), notes=(NOTE,)).save(tmp_path)
    stored = load_json(tmp_path / "scores.json")
    save_json(
        tmp_path / "scores.json", [{**stored[0], "note": "Old.", "interval_method": "Wilson"}]
    )
    (score,) = Measurement.load(tmp_path).scores
    assert (score.note, score.interval_method) == ("Old.", "Wilson")


def test_the_table_of_scores_holds_sentences_and_no_data_of_messages() -> None:
    row = score_table([SCORE]).iloc[0]
    assert row["note"] == "3 of 10 prototypes decide for a test case."
    assert row["interval_method"] == "Student's, corrected for skewness"
