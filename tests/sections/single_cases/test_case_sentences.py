"""The sentences of a case: where reasons start, rules, pushes, and cases stated alike."""

from __future__ import annotations

from dataclasses import replace
from itertools import repeat
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.explanation import Game
from deepseek_report.artifacts.predictions import Predictions
from deepseek_report.artifacts.schema import Feature, Layout, Schema, Target, as_vocabulary
from deepseek_report.artifacts.split import Split
from deepseek_report.artifacts.storage.files import save_json
from deepseek_report.artifacts.table import TableType
from deepseek_report.artifacts.table_rows import fields_of, read_rows
from deepseek_report.metrics.cases.single_case_rows import CaseRow, OfCase
from deepseek_report.sections.shared.draft import Draft
from deepseek_report.sections.single_cases import case_sentences
from deepseek_report.sections.single_cases.case_sentences import StatedBands, start
from deepseek_report.wording.estimates import in_sentence
from deepseek_report.wording.words import wording
from tests.builders import predictions

TARGET = Target("fault", "Fault", ("fine", "default"), favourable=0)
NUMBER = Target("d", "D", ("d",), favourable=0, explained=0, task="regression", unit="days")
PLAIN = tuple(Feature(name, name, "numeric", mutable=False) for name in ("LIMIT", "PAY_0"))
TOKENS = as_vocabulary(("[unknown]", "[mask]", "late"))
WORDS = tuple(
    Feature(name, name, "token", categories=TOKENS, mutable=False) for name in ("LIMIT", "PAY_0")
)
PLAYERS: dict[str, Any] = {"players": ((0,), (1,)), "player_labels": ("first", "second")}

TABLE = Schema(PLAIN, TARGET)
IMAGE = Schema(PLAIN, TARGET, layout=Layout("image", (1, 2, 1), **PLAYERS))
SERIES = Schema(PLAIN, TARGET, layout=Layout("series", (2, 1), **PLAYERS))
TEXT = Schema(WORDS, TARGET, layout=Layout("text", (2,), mask=1, **PLAYERS))


def case_at(position: int) -> CaseRow:
    return CaseRow(0, instance_id=1, label="default", decision="default", position=position)


def start_sentence(
    run: Any,
    schema: Schema,
    space: str,
    base: float = 0.0,
    position: int = 0,
    game: Game = "baseline",
) -> str:
    """What is said of one case whose four explanations all start at `base`."""
    run.explanation("shap", space, cases=4, base_values=np.full(4, base), params={}, game=game)
    save_json(run.paths["data"] / "schema.json", schema.to_json())
    return start(Draft("cases", run.results()), case_at(position), "shap")


@pytest.mark.parametrize("schema", [IMAGE, SERIES], ids=["image", "series"])
@pytest.mark.parametrize(("space", "base"), [("logit", 0.0), ("probability", 0.5)])
def test_images_and_series_start_from_typical_input(
    run: Any, schema: Schema, space: str, base: float
) -> None:
    sentence = start_sentence(run, schema, space, base)
    assert sentence == "starting from 50.0\u00a0%, the probability of “default” for typical input"


@pytest.mark.parametrize(("space", "base"), [("logit", 0.0), ("probability", 0.5)])
def test_a_text_starts_from_the_same_text_with_every_word_masked(
    run: Any, space: str, base: float
) -> None:
    sentence = start_sentence(run, TEXT, space, base)
    assert sentence.startswith("starting from 50.0\u00a0%, the probability of “default”")
    assert sentence.endswith("for the same text with every word masked")


def test_probabilities_of_a_table_start_from_the_average_of_training_rows(run: Any) -> None:
    rows = start_sentence(run, TABLE, "probability", 0.22, game="background")
    assert rows.startswith("starting from 22.0\u00a0%, the average probability of “default”")
    assert rows.endswith("in the training rows it compares with")


def test_log_odds_of_a_table_that_is_compared_with_its_baseline_start_from_typical_input(
    run: Any,
) -> None:
    assert start_sentence(run, TABLE, "logit").endswith("for typical input")


def test_log_odds_of_a_table_that_is_compared_with_rows_start_from_their_average(run: Any) -> None:
    sentence = start_sentence(run, TABLE, "logit", game="background")
    assert sentence.endswith("average log-odds of the training rows it compares with")


def test_log_odds_start_from_the_average_log_odds_of_rows_and_not_an_average_probability(
    run: Any,
) -> None:
    base = {"base_values": np.full(4, 0.0), "game": "background"}
    run.explanation("shap", "logit", **base)
    save_json(run.paths["data"] / "schema.json", TABLE.to_json())
    sentence = start(Draft("cases", run.results()), case_at(0), "shap")
    assert sentence.startswith("starting from 50.0\u00a0%")
    assert sentence.endswith(
        "that goes with the average log-odds of the training rows it compares with"
    )
    assert "average probability" not in sentence


@pytest.mark.parametrize("schema", [TABLE, IMAGE, TEXT], ids=["table", "image", "text"])
def test_a_predicted_number_starts_from_a_number_in_its_unit(run: Any, schema: Schema) -> None:
    sentence = start_sentence(run, replace(schema, target=NUMBER), "value", 12.0)
    assert "12" in sentence
    assert "days" in sentence
    assert "probability" not in sentence


@pytest.mark.parametrize("schema", [TABLE, IMAGE, TEXT], ids=["table", "image", "text"])
def test_an_order_without_amounts_and_a_case_that_was_not_explained_start_from_nothing(
    run: Any, schema: Schema
) -> None:
    assert start_sentence(run, schema, "none") == ""
    assert start_sentence(run, schema, "logit", position=4) == ""


# --- What a case page says of a rule that is enough, of training rows, and of several changes ---


CASE = CaseRow(0, instance_id=1, label="default", decision="default", threshold=0.5)


def pages(run: Any, **tables: list[dict[str, Any]]) -> Any:
    """A case whose tables are these and no others."""

    def rows(of: type[OfCase], number: int) -> list[Any]:
        empty = dict(zip(TableType.of(of).keys, repeat(""), strict=False))
        numbers = {f.column: 0 for f in fields_of(of) if f.type in (int, float, bool)}
        ends = {
            end: np.nan for f in fields_of(of) if f.type is Estimate for end in (f.column, *f.ends)
        }
        blank = {**empty, **numbers, **ends, "case": number}
        cells = [{**blank, **row} for row in tables.get(of.source[1], [])]
        return read_rows(pd.DataFrame(cells), of) if cells else []

    return SimpleNamespace(draft=Draft("cases", run.results()), rows=rows)


def rule(run: Any, conditions: list[tuple[str, str, str]], **cells: Any) -> str:
    measured = {"decision": "default", "enough": True, "everywhere": 0.4, "n": 80, "coverage": 0.1}
    measured |= {"precision": 0.97, "precision_low": 0.94, "precision_high": 0.99, **cells}
    listed = [
        {"label": label, "relation": relation, "display": display}
        for label, relation, display in conditions
    ]
    return case_sentences.enough(pages(run, rules=[measured], conditions=listed), CASE)


def test_a_rule_is_told_with_what_it_holds_in_the_test_part(run: Any) -> None:
    sentence = rule(run, [("Age", "over", "40 years"), ("Colour", "is", "red")])
    assert sentence.startswith(
        "Whenever age is over 40 years and colour is “red”, the model decides"
    )
    assert "97.0\u00a0% (94.0–99.0\u00a0%) of 80 test cases" in sentence
    assert "that holds for 10.0\u00a0% of all" in sentence


def test_words_and_missing_values_are_conditions_of_their_own(run: Any) -> None:
    sentence = rule(run, [("late", "word", "late"), ("Age", "missing", ""), ("Sum", "up_to", "5")])
    assert "Whenever the text has “late”, age is missing and sum is at most 5," in sentence


def test_a_rule_that_is_not_enough_is_not_called_so(run: Any) -> None:
    sentence = rule(run, [("Age", "over", "40 years")], enough=False, precision=0.7)
    assert sentence.startswith("In the training part no rule of a few conditions is enough")


@pytest.mark.parametrize(
    ("cells", "part"),
    [
        ({"everywhere": 0.97}, "in 97.0\u00a0% of all cases: no rule adds to that"),
        ({"enough": False}, "No rule of a few conditions holds of enough training cases"),
    ],
)
def test_no_rule_is_made_up(run: Any, cells: dict[str, Any], part: str) -> None:
    assert part in rule(run, [], n=0, **cells)
    assert case_sentences.enough(pages(run), CASE) == ""


def test_training_rows_are_listed_on_two_sides(run: Any) -> None:
    pushes = [
        {"toward": toward, "instance_id": number, "label": "default", "share": 0.02}
        for toward, number in ((True, 1234), (False, 7))
    ]
    totals = [{"decision": "default", "rows": 900, "covered": 0.04}]
    page = case_sentences.pushed(pages(run, pushes=pushes, pushed=totals), CASE)
    assert page is not None
    assert [side for side, _ in page["sides"]] == ["Toward “default”:", "Against “default”:"]
    assert "1\u202f234, “default” (2.0\u00a0% of all pushes)" in page["sides"][0][1][0]
    assert case_sentences.pushed(pages(run), CASE) is None


def test_each_further_way_is_a_sentence(run: Any) -> None:
    ways = [
        {
            "way": way,
            "label": label,
            "from_display": "1",
            "to_display": "2",
            "probability_after": 0.3,
        }
        for way, label in ((2, "Sum"), (3, "Age"), (3, "Late"))
    ]
    sentences = case_sentences.other_ways(pages(run, other_ways=ways), CASE)
    assert len(sentences) == 2
    assert sentences[0].startswith("Or if sum were")
    assert " and late were " in sentences[1]


def test_where_the_nearest_case_differs_numbers_stand_without_quotation_marks(run: Any) -> None:
    common = {"instance_id": 7, "probability": 0.2, "differing": 2}
    number, *_ = (f.label for f in run.real.schema.features if f.is_numeric)
    differences = [
        {**common, "label": number, "from_display": "41 %", "to_display": "38 %"},
        {**common, "label": "Kind of loan", "from_display": "new", "to_display": "old"},
    ]
    sentence = case_sentences.nearest(pages(run, nearest_accepted=differences), CASE)
    apart = f"{in_sentence(number)} (38 %, here 41 %) and kind of loan (“old”, here “new”)"
    assert f"differs in {apart}." in sentence


# --- How often test cases turn out as stated, beside one case ---


@pytest.mark.parametrize(
    ("low", "band"), [(0.0001, "stated up to 4.6"), (0.031, "stated between 3.1\u00a0% and 4.6")]
)
def test_a_band_from_the_end_of_the_scale_has_one_bound(low: float, band: str) -> None:
    values = {"beyond": None, "many": False, "target": "default", "alike": None, "fits": 0}
    happened = Estimate(0.02, 0.0, 0.1, 50)
    text = wording().text("sections.cases.sure", low=low, high=0.046, happened=happened, **values)
    assert band in text


def stated(scores: np.ndarray, labels: np.ndarray) -> Predictions:
    return predictions(scores, Split(scores[:, None], labels, np.arange(len(scores))))


def test_the_band_of_a_case_counts_all_cases_stated_alike_and_no_other() -> None:
    rng = np.random.default_rng(3)
    scores = rng.uniform(0.01, 0.99, 1000)
    labels = (rng.random(1000) < scores).astype(np.int64)
    bands = StatedBands(stated(scores, labels))
    band = bands.of(float(scores[17]))
    assert band is not None
    inside = (scores >= band.low) & (scores <= band.high)
    assert band.low <= scores[17] <= band.high
    assert band.happened.n == inside.sum() == 100
    assert band.happened.value == labels[inside].mean()


def test_the_ends_of_the_scale_have_a_band_and_few_cases_have_none() -> None:
    scores = np.linspace(0.01, 0.99, 200)
    bands = StatedBands(stated(scores, np.arange(200) % 2))
    assert bands.of(0.0) is not None
    assert bands.of(1.0) is not None
    assert StatedBands(stated(scores[:20], np.arange(20) % 2)).of(0.5) is None


def test_a_case_is_not_set_beside_cases_that_are_stated_otherwise() -> None:
    """Where nearly all cases are certain, the next fifty of a doubtful one are not like it."""
    scores = np.concatenate([np.full(250, 0.01), np.linspace(0.1, 0.9, 10), np.full(250, 0.99)])
    bands = StatedBands(stated(scores, (scores > 0.5).astype(np.int64)))
    assert bands.of(0.5) is None
    assert bands.of(0.01) is not None
