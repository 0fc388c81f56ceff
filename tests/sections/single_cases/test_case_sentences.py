"""What the reasons of a case are said to start from, for every kind of data."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from deepseek_report.artifacts.explanation import Game
from deepseek_report.artifacts.schema import Feature, Layout, Schema, Target, as_vocabulary
from deepseek_report.artifacts.storage.files import save_json
from deepseek_report.metrics.cases.single_case_rows import CaseRow
from deepseek_report.sections.shared.draft import Draft
from deepseek_report.sections.single_cases.case_sentences import start

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
    return CaseRow(0, 1, "default", "default", position=position)


def start_sentence(
    run: Any,
    schema: Schema,
    space: str,
    base: float = 0.0,
    position: int = 0,
    game: Game | None = None,
) -> str:
    """What is said of one case whose four explanations all start at `base`.

    game : None as in a run of an older version, which compares with what is usual for its data.
    """
    run.explanation("shap", space, cases=4, base_values=np.full(4, base), params={}, game=game)
    save_json(run.paths["data"] / "schema.json", schema.to_json())
    return start(Draft("cases", run.results()), case_at(position), "shap")


@pytest.mark.parametrize("schema", [IMAGE, SERIES], ids=["image", "series"])
@pytest.mark.parametrize(("space", "base"), [("logit", 0.0), ("probability", 0.5)])
@pytest.mark.parametrize("game", ["baseline", None])
def test_images_and_series_start_from_typical_input(
    run: Any, schema: Schema, space: str, base: float, game: Game | None
) -> None:
    sentence = start_sentence(run, schema, space, base, game=game)
    assert sentence == "starting from 50.0\u00a0%, the probability of “default” for typical input"


@pytest.mark.parametrize(("space", "base"), [("logit", 0.0), ("probability", 0.5)])
@pytest.mark.parametrize("game", ["baseline", None])
def test_a_text_starts_from_the_same_text_with_every_word_masked(
    run: Any, space: str, base: float, game: Game | None
) -> None:
    sentence = start_sentence(run, TEXT, space, base, game=game)
    assert sentence.startswith("starting from 50.0\u00a0%, the probability of “default”")
    assert sentence.endswith("for the same text with every word masked")


@pytest.mark.parametrize("game", ["background", None])
def test_probabilities_of_a_table_start_from_the_average_of_training_rows(
    run: Any, game: Game | None
) -> None:
    rows = start_sentence(run, TABLE, "probability", 0.22, game=game)
    assert rows.startswith("starting from 22.0\u00a0%, the average probability of “default”")
    assert rows.endswith("in the training rows it compares with")


@pytest.mark.parametrize("game", ["baseline", None])
def test_log_odds_of_a_table_that_is_compared_with_its_baseline_start_from_typical_input(
    run: Any, game: Game | None
) -> None:
    assert start_sentence(run, TABLE, "logit", game=game).endswith("for typical input")


def test_log_odds_of_a_table_that_is_compared_with_rows_start_from_their_average(run: Any) -> None:
    sentence = start_sentence(run, TABLE, "logit", game="background")
    assert sentence.endswith("average log-odds of the training rows it compares with")


def test_log_odds_start_from_the_average_log_odds_of_rows_and_not_an_average_probability(
    run: Any,
) -> None:
    base = {"base_values": np.full(4, 0.0), "params": {"background_rows": 50}}
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
