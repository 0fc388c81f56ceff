"""What a list of cases and the page of a case show of a text."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.schema import Feature, Layout, Schema, Target, as_vocabulary
from deepseek_report.artifacts.storage.files import save_json
from deepseek_report.sections.single_cases.inputs_at_a_glance import Glances
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


def test_a_list_shows_the_beginning_of_a_long_text_and_a_page_all_of_it(tmp_path: Path) -> None:
    row = np.full(N, LATE)
    (shown,) = glances(tmp_path).of(row[None, :])
    whole = glances(tmp_path).whole_text(row)
    assert whole == " ".join(["late"] * N)
    assert shown["text"].endswith("…")
    assert whole.startswith(shown["text"][:-1])


def test_a_text_that_a_list_shows_whole_is_stored_once(tmp_path: Path) -> None:
    row = np.concatenate([np.full(3, LATE), np.full(N - 3, np.nan)])
    (shown,) = glances(tmp_path).of(row[None, :])
    assert not shown["text"].endswith("…")
    assert glances(tmp_path).whole_text(row) == ""
