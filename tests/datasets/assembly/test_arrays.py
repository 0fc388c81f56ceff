"""Images, series and wide tables: layouts, and checks that stay bounded."""

from __future__ import annotations

import numpy as np
import pytest

from deepseek_report.artifacts.schema import Layout, Schema, Target
from deepseek_report.artifacts.split import Dataset, Split
from deepseek_report.datasets.assembly.assemble import EncodedTable, Origin, assemble
from deepseek_report.datasets.assembly.layouts import image_layout, moments, pixels, series_layout
from deepseek_report.datasets.data_card import Description, constant_columns, describe_values
from deepseek_report.datasets.splitting import SplitRule
from tests.builders import table
from tests.datasets.loading import issues_of
from tests.worded import say


def test_a_patch_holds_its_pixels_of_all_channels() -> None:
    layout = image_layout((4, 6, 3), 4)
    places = np.arange(72).reshape(4, 6, 3)
    assert layout.player_labels == ("rows 1–4 × columns 1–4", "rows 1–4 × columns 5–6")
    assert set(layout.players[1]) == set(places[:, 4:].ravel().tolist())
    assert pixels((4, 6, 3))[places[1, 2, 2]].name == "r2_c3_blue"


def test_a_window_holds_the_steps_of_one_channel() -> None:
    layout = series_layout(7, ("flow", "heat"), 3)
    assert layout.player_labels[-2:] == ("heat, steps 4–6", "heat, step 7")
    assert layout.players[3] == (1, 3, 5)
    assert moments(7, ("flow", "heat"), (None, "K"))[3].label == "heat, step 2"


def dataset(inputs: np.ndarray, layout: Layout | None = None) -> Dataset:
    n, width = inputs.shape
    schema = table(*(f"g{i}" for i in range(width)), layout=layout)
    rows = Split(inputs, np.arange(n) % 2, np.arange(n))
    source = Origin("f", "0", Description("x", "X"))
    return assemble(EncodedTable(schema, rows), source, SplitRule(), 1)


def test_a_thousand_columns_are_compared_and_the_others_are_told() -> None:
    inputs = np.random.default_rng(0).normal(size=(80, 1200))
    inputs[:, 0] += 2 * (np.arange(80) % 2)
    inputs[:, 1] = inputs[:, 0]
    data = dataset(inputs)
    (limit,) = data.card["limited"]
    assert say(limit) == (
        "Of 1\u202f200 features, the 1\u202f000 that are most closely related to the label were "
        "compared with one another; pairs among the others were not searched."
    )
    strongest = issues_of(data)["correlated_features"].values["strongest"]
    assert (strongest["a"], strongest["b"]) == ("g0", "g1")
    assert dataset(inputs[:, :9]).card["limited"] == []


def test_many_noise_columns_of_few_rows_are_no_leaks() -> None:
    assert "near_leak" not in issues_of(dataset(np.random.default_rng(1).normal(size=(64, 3000))))


def test_many_leaks_and_constant_columns_are_told_together() -> None:
    random = np.random.default_rng(2)
    inputs = random.normal(size=(100, 30))
    inputs[:, :9] = (np.arange(100) % 2)[:, None] + inputs[:, :9] / 20
    inputs[:, 20:] = 3
    data = dataset(inputs)
    leaks = [issue for issue in data.issues if issue.check == "near_leak"]
    assert len(leaks) == 6
    assert say(leaks[-1].text) == "4 further features decide the label almost alone."
    assert say(issues_of(data)["constant_feature"].text).startswith("10 of 30 features")


def test_images_are_told_by_channel_and_margins_as_a_count() -> None:
    random = np.random.default_rng(4)
    inputs = random.random((60, 18))
    inputs[:, [0, 1, 6]] = 0
    places = tuple((i,) for i in range(18))
    layout = Layout("image", (3, 3, 2), places, tuple(f"pixel {i}" for i in range(18)))
    data = dataset(inputs, layout)
    assert data.card["numeric"] == []
    assert data.card["values"]["shape"] == [3, 3, 2]
    assert data.card["values"]["channels"][1]["max"] == pytest.approx(inputs[:, 1::2].max())
    assert data.card["values"]["constant_columns"] == 3
    assert issues_of(data)["constant_feature"].severity == "info"
    assert "correlated_features" not in issues_of(data)


def test_the_end_of_a_short_series_is_no_gap() -> None:
    inputs = np.random.default_rng(5).random((60, 8))
    inputs[:20, 5:] = np.nan
    layout = Layout("series", (8, 1), tuple((i,) for i in range(8)), tuple("abcdefgh"))
    data = dataset(inputs, layout)
    assert (data.card["values"]["shortest"], data.card["values"]["longest"]) == (5, 8)
    assert "missing_values" not in issues_of(data)
    inputs[3, 2] = np.nan
    assert issues_of(dataset(inputs, layout))["missing_values"].values["cells"] == 1


def test_a_column_without_any_value_is_constant_and_one_with_gaps_is_not() -> None:
    nan = np.nan
    assert constant_columns(np.array([[1, nan, 2, 0], [1, nan, nan, 1]])) == [0, 1]


def test_the_channels_of_an_image_and_of_a_series_are_called_by_their_names() -> None:
    shape = (2, 2, 3)
    features = pixels(shape)
    target = Target("y", "y", ("no", "yes"), favourable=0)
    coloured = Schema(features, target, layout=image_layout(shape, 1))
    steps = moments(3, ("heat, inside", "flow"), ("°C", None))
    course = Schema(steps, target, layout=series_layout(3, ("heat, inside", "flow"), 1))
    for schema, names in ((coloured, ["red", "green", "blue"]), (course, ["heat, inside", "flow"])):
        assert schema.layout is not None
        part = Split(np.zeros((2, len(schema.features))), np.zeros(2), np.arange(2))
        channels = describe_values(schema, schema.layout, part)["channels"]
        assert [row["label"] for row in channels] == names
