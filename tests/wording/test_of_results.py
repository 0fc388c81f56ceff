"""What metrics say is stored as messages, and read in English from the table of scores."""

from __future__ import annotations

from pathlib import Path

from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.score import Score
from deepseek_report.artifacts.storage.files import load_json, save_json
from deepseek_report.wording.of_results import score_table

NOTE = message("notes.prototypes.in_use", n=3, of=10)
SCORE = Score(
    metric="prototypes_in_use",
    category="explanation",
    value=0.3,
    n=10,
    direction="none",
    low=0.1,
    high=0.6,
    interval_method=message("interval_methods.wilson"),
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
    assert row["interval_method"] == "Wilson"
