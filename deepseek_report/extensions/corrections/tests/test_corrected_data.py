"""What corrections mean for a data set, what does not fit it, and how a cue is drawn anew."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from deepseek_report.artifacts.schema import Attribute, Category, Feature, Layout, Schema, Target
from deepseek_report.artifacts.seeds import row_digests
from deepseek_report.artifacts.split import PARTS, Dataset, Split
from deepseek_report.extensions.corrections.corrected_data import ModelSort, ResolvedCorrections
from deepseek_report.extensions.corrections.declared_corrections import CorrectionItem
from deepseek_report.extensions.corrections.input_cues import InputCue, changes, grid_of, wrong_way

TARGET = Target("y", "y", ("no", "yes"), codes=("0", "1"))


def of_rows(schema: Schema, rows: Any) -> Dataset:
    parts: dict[str, Any] = {}
    for k, name in enumerate(PARTS):
        inputs = np.asarray(rows, dtype=np.float64) + (10 * k if schema.layout is None else 0)
        labels = np.arange(len(inputs)) % 2
        parts[name] = Split(inputs, labels, np.arange(len(inputs)))
    card = {"numeric": [{"feature": "zip"}, {"feature": "age"}], "missing": {"zip": 3}}
    return Dataset(schema, **parts, card=card)


def table() -> Dataset:
    features = (Feature("zip", "Zip", "numeric"), Feature("age", "Age", "numeric"))
    region = Attribute("region", "Region", ("north", "south"), source="zip")
    schema = Schema(features, TARGET, (region,), relations=("zip <= age", "age <= age"))
    return of_rows(schema, [[1, 2], [3, 4], [5, 6]])


def text() -> Dataset:
    words = tuple(Category(word, word) for word in ("good", "bad", "@yes", "[mask]"))
    features = tuple(Feature(f"t{k}", f"word {k + 1}", "token", categories=words) for k in range(3))
    layout = Layout("text", (3,), ((0,), (1,), (2,)), ("word 1", "word 2", "word 3"), mask=3)
    return of_rows(Schema(features, TARGET, layout=layout), [[2, 0, 1], [1, 2, np.nan]])


def image() -> Dataset:
    features = tuple(Feature(f"p{k}", f"p{k}", "numeric") for k in range(4))
    layout = Layout("image", (2, 2, 1), ((0, 1), (2, 3)), ("row 1", "row 2"))
    return of_rows(Schema(features, TARGET, layout=layout), [[1, 2, 3, 4], [5, 6, 7, 8]])


def resolved(
    data: Dataset, *items: CorrectionItem, sort: ModelSort = "network"
) -> ResolvedCorrections:
    return ResolvedCorrections.of(items, data, sort)


def test_a_column_of_a_table_is_left_out_with_all_that_is_said_of_it() -> None:
    found_out = resolved(table(), CorrectionItem("feature", ("Zip",)))
    data = found_out.corrected(0)
    assert data.schema.names == ["age"]
    assert data.train.inputs.tolist() == [[2], [4], [6]]
    assert data.card["numeric"] == [{"feature": "age"}]
    assert data.card["missing"] == {}
    assert data.schema.relations == ("age <= age",)
    assert data.schema.attributes[0].source is None
    assert not found_out.trained_away


def test_a_swap_of_a_network_changes_no_data_and_of_trees_the_training_rows_alone() -> None:
    item = CorrectionItem("feature", ("zip",), how="swap")
    of_network = resolved(table(), item)
    assert of_network.corrected(0).train.inputs.tolist() == table().train.inputs.tolist()
    assert of_network.trained_away[0].cue.columns == (0,)
    data = resolved(table(), item, sort="fitted").corrected(1)
    assert (data.train.inputs[:, 1] == table().train.inputs[:, 1]).all()
    assert data.test.inputs.tolist() == table().test.inputs.tolist()


def test_columns_of_what_stays_are_counted_without_those_that_are_left_out() -> None:
    both = resolved(table(), CorrectionItem("feature", ("zip",)), CorrectionItem("rises", ("age",)))
    assert both.trained_away[0].cue.columns == (0,)
    assert both.trained_away[0].how == "penalty"
    trees = resolved(table(), CorrectionItem("falls", ("age",)), sort="directed")
    assert trees.directions == {"age": -1}


def test_a_label_is_corrected_in_every_row_of_the_same_content() -> None:
    data = table()
    digest = row_digests(data.test.inputs)[1]
    label = CorrectionItem("label", row=digest, label="no", was="yes")
    corrected = resolved(data, label).corrected(0)
    assert corrected.test.labels.tolist() == [0, 0, 0]
    assert corrected.train.labels.tolist() == [0, 1, 0]


def test_a_row_is_known_by_what_a_corrected_report_shows_of_it() -> None:
    data = table()
    digest = row_digests(data.test.inputs[:, 1:])[1]
    items = CorrectionItem("feature", ("zip",)), CorrectionItem("label", row=digest, label=0)
    assert resolved(data, *items).labels == {"test": {1: 0.0}}


def test_a_marked_word_must_not_matter_wherever_it_stands() -> None:
    data = text()
    digest = row_digests(data.test.inputs)[0]
    by_place = resolved(data, CorrectionItem("region", ("word 1", 3), row=digest))
    assert by_place.cues[0].cue.words == (2, 1)
    assert by_place.cues[0].how == "swap"
    assert resolved(data, CorrectionItem("feature", ("@yes",))).cues[0].cue.words == (2,)


def test_a_marked_patch_is_all_of_its_pixels() -> None:
    data = image()
    assert resolved(data, CorrectionItem("region", ("row 2",), "")).cues[0].cue.columns == (2, 3)
    assert resolved(data, CorrectionItem("region", (1,), "")).cues[0].cue.columns == (0, 1)


@pytest.mark.parametrize(
    ("data", "item", "fault", "allowed"),
    [
        (table, CorrectionItem("feature", ("zap",)), "“zap” is no column", "zip, age"),
        (table, CorrectionItem("label", row="0" * 16, label="no"), "no row", "the marked report"),
        (table, CorrectionItem("region", ("zip",), "x"), "are a table", "feature"),
        (table, CorrectionItem("feature", ("zip",), how="constraint"), "constraint", "drop"),
        (text, CorrectionItem("feature", ("worse",)), "no word", "good"),
        (text, CorrectionItem("feature", ("@yes",), how="drop"), "drop", "swap"),
        (image, CorrectionItem("region", (9,), ""), "no part 9", "1 (row 1) to 2 (row 2)"),
        (image, CorrectionItem("rises", ("p1",)), "no table", "must_not_matter"),
    ],
)
def test_what_does_not_fit_is_said_with_what_is_allowed(
    data: Any, item: CorrectionItem, fault: str, allowed: str
) -> None:
    misfit = resolved(data(), item).misfits[0]
    assert fault in misfit.fault
    assert allowed in misfit.allowed
    assert misfit.todo


def test_a_label_that_is_no_class_or_was_another_is_refused() -> None:
    data = table()
    digest = row_digests(data.test.inputs)[1]
    unknown = resolved(data, CorrectionItem("label", row=digest, label="maybe")).misfits[0]
    assert (unknown.fault, unknown.allowed) == ("“maybe” is no class", "no, yes")
    other = resolved(data, CorrectionItem("label", row=digest, label="no", was="no")).misfits[0]
    assert "is not “no”" in other.fault


def test_a_model_that_keeps_no_direction_and_a_table_without_columns_are_refused() -> None:
    misfit = resolved(table(), CorrectionItem("rises", ("age",)), sort="fitted").misfits[0]
    assert "cannot be kept to a direction" in misfit.fault
    every = [CorrectionItem("feature", (name,)) for name in ("zip", "age")]
    assert resolved(table(), *every).misfits[0].fault == "all columns are left out"


NAN = np.nan


def test_columns_change_together_and_others_stay() -> None:
    rows = np.arange(12.0).reshape(4, 3)
    changed = InputCue((0, 2)).redrawn(rows, rows, np.random.default_rng(0))
    assert (changed[:, 1] == rows[:, 1]).all()
    pairs = {tuple(row) for row in rows[:, [0, 2]].tolist()}
    assert {tuple(row) for row in changed[:, [0, 2]].tolist()} <= pairs


def test_marked_words_change_places_with_those_of_another_text() -> None:
    rows = np.array([[7.0, 1, 2, NAN], [3.0, 4, NAN, NAN]])
    cue = InputCue(words=(7, 8))
    without = cue.redrawn(rows[:1], np.array([[3.0, 4, NAN, NAN]]), np.random.default_rng(0))
    assert np.array_equal(without, [[1.0, 2, NAN, NAN]], equal_nan=True)
    other = cue.redrawn(rows[:1], np.array([[5.0, 8, NAN, NAN]]), np.random.default_rng(0))
    assert np.array_equal(other, [[8.0, 1, 2, NAN]], equal_nan=True)
    added = cue.redrawn(rows[1:], np.array([[8.0, 8, 1, NAN]]), np.random.default_rng(0))
    assert np.array_equal(added, [[3.0, 4, 8, 8]])


def test_a_full_text_gives_its_last_words_for_those_that_come() -> None:
    cue = InputCue(words=(8,))
    full = np.array([[1.0, 2, 3]])
    changed = cue.redrawn(full, np.array([[8.0, 1, 1]]), np.random.default_rng(0))
    assert changed.tolist() == [[1.0, 2.0, 8.0]]


def test_movement_against_a_direction_is_the_largest_step_back() -> None:
    rng = np.random.default_rng(1)
    answers = rng.random((50, 6))
    for direction in (1, -1):
        slow = [
            max([0.0, *(-direction * (row[k + 1] - row[k]) for k in range(5))]) for row in answers
        ]
        assert np.allclose(wrong_way(answers, direction), slow)


def test_a_grid_holds_values_that_occur_and_no_missing_one() -> None:
    values = np.array([3.0, NAN, 1.0, 1.0, 2.0])
    assert grid_of(values).tolist() == [1.0, 2.0, 3.0]
    assert len(grid_of(np.array([NAN]))) == 0


def test_answers_lie_apart_by_half_the_difference_of_their_probabilities() -> None:
    first, other = np.array([[0.1, 0.2, 0.7]]), np.array([[0.3, 0.2, 0.5]])
    assert np.allclose(changes(first, other, 9.0), [0.2])
    assert np.allclose(changes(np.array([[4.0]]), np.array([[1.0]]), 2.0), [1.5])
