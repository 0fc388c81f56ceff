"""What a list of cases and the page of a case show of a text."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.schema import Feature, Layout, Schema, Target, as_vocabulary
from deepseek_report.artifacts.split import Split
from deepseek_report.artifacts.storage.files import save_json
from deepseek_report.artifacts.written_texts import WrittenTexts
from deepseek_report.sections.single_cases.explained_cases import Glances
from deepseek_report.wording.words import wording

N = 30
TOKENS = as_vocabulary(("[unknown]", "[mask]", "late"))
LATE, MASK = 2.0, 1.0


def glances(folder: Path) -> Glances:
    names = [f"w{place}" for place in range(N)]
    features = tuple(Feature(name, name, "token", categories=TOKENS) for name in names)
    layout = Layout("text", (N,), tuple((place,) for place in range(N)), tuple(names), mask=1)
    schema = Schema(features, Target("fault", "Fault", ("fine", "late")), layout=layout)
    save_json(folder / "schema.json", schema.to_json())
    return Glances(Results({"data": folder}, {}, run_id="r"), wording("en"), (0.0, 1.0))


def stored(folder: Path, row: np.ndarray, text: str = "") -> Glances:
    """Of a run whose one test case this is; with the text as it was written, where that is told."""
    shown = glances(folder)
    spans = np.full((1, N, 2), -1, np.int32)
    texts = WrittenTexts.of([text], spans) if text else None
    Split(row[None], np.zeros(1, np.int64), np.zeros(1, np.int64), texts=texts).save(
        folder / "test.npz"
    )
    return shown


def test_a_list_shows_the_beginning_of_a_long_text_and_a_page_all_of_it(tmp_path: Path) -> None:
    shown = stored(tmp_path, np.full(N, LATE))
    listed, whole = shown.of_case(0)["text"], shown.whole_text(0)
    assert whole == " ".join(["late"] * N)
    assert listed.endswith("…")
    assert whole.startswith(listed[:-1])


def test_a_text_that_a_list_shows_whole_is_stored_once(tmp_path: Path) -> None:
    row = np.concatenate([np.full(3, LATE), np.full(N - 3, np.nan)])
    shown = stored(tmp_path, row)
    assert not shown.of_case(0)["text"].endswith("…")
    assert shown.whole_text(0) == ""


def test_a_text_is_shown_as_it_was_written_where_the_run_holds_that(tmp_path: Path) -> None:
    shown = stored(tmp_path, np.full(N, LATE), "LATE  again,\n@Delta!")
    assert shown.of_case(0)["text"] == "LATE again, @Delta!"
