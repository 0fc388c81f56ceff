"""What a list and a page show of each case."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.schema import Feature, Layout, Schema, Target, as_vocabulary
from deepseek_report.artifacts.split import Split
from deepseek_report.artifacts.storage.files import save_json
from deepseek_report.artifacts.written_texts import WrittenTexts
from deepseek_report.findings.listed_reasons import base_of
from deepseek_report.sections.shared.draft import Draft
from deepseek_report.sections.shared.tables import compact_list
from deepseek_report.sections.single_cases.explained_cases import (
    Glances,
    explained_cases,
    waterfall,
    waterfall_data,
)
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


# --- From the base to the output of a case, toward the class that was decided ---


def test_steps_lead_from_the_base_to_the_output_of_the_decided_class(real_run: Results) -> None:
    draft = Draft("cases", real_run)
    for case in explained_cases(real_run):
        drawn = waterfall(draft, "shap", case)
        assert drawn is not None
        decided = real_run.predictions.decisions[case.position]
        assert drawn.about == real_run.schema.target.classes[decided]
        assert drawn.end == pytest.approx(
            real_run.predictions.probabilities[case.position, decided], abs=1e-5
        )
        shown = float(drawn.values[list(drawn.order)].sum())
        assert drawn.base + shown + drawn.rest[1] + drawn.gap == pytest.approx(drawn.end)
        assert drawn.rest[0] + len(drawn.order) == len(real_run.schema.features)


def test_log_odds_of_the_other_class_are_turned_around(real_run: Results) -> None:
    draft = Draft("cases", real_run)
    for case in explained_cases(real_run)[:20]:
        drawn = waterfall(draft, "integrated_gradients", case)
        assert drawn is not None
        share = 1 / (1 + np.exp(-drawn.end))
        decided = real_run.predictions.decisions[case.position]
        stated = real_run.predictions.probabilities[case.position, decided]
        assert share == pytest.approx(stated, abs=1e-4)


@pytest.mark.parametrize(
    ("base", "shown"), [(-0.12, None), (1.3, None), (np.nan, None), (0.4, 0.4)]
)
def test_a_base_that_no_probability_can_have_is_not_told(
    real_run: Results, base: float, shown: float | None
) -> None:
    explanation = real_run.explanations["shap"].of_case(0)
    assert explanation.output_space == "probability"
    moved = replace(explanation, base_values=np.array([base], dtype=np.float32))
    assert base_of(moved) == (None if shown is None else pytest.approx(shown))


def test_a_method_that_gives_an_order_alone_has_no_waterfall(real_run: Results) -> None:
    draft = Draft("cases", real_run)
    assert waterfall_data(draft, "attention_rollout", explained_cases(real_run)[0]) is None


def test_what_is_within_its_sampling_error_is_not_drawn_by_itself(real_run: Results) -> None:
    draft, explanation = Draft("cases", real_run), real_run.explanations["shap"]
    case = explained_cases(real_run)[0]
    drawn: Any = waterfall(draft, "shap", case)
    errors = explanation.standard_error
    assert errors is not None
    for player in drawn.order:
        assert abs(drawn.values[player]) > 1.9 * errors[case.place, player]


def test_numbers_are_stored_with_few_digits_and_none_for_what_is_none() -> None:
    stored = compact_list(np.array([[0.123456789, np.nan], [4.0, 1e9]]))
    assert stored == [[0.12346, None], [4, 1_000_000_000]]
