"""Images, series and wide tables: layouts, truths, honest parts, and checks that stay bounded."""

from __future__ import annotations

import random
from itertools import pairwise

import numpy as np
import pytest
from scipy.special import expit

from deepseek_report.artifacts.protocols.progress import Silent
from deepseek_report.artifacts.schema import Layout, Schema, Target
from deepseek_report.artifacts.split import Dataset, Split
from deepseek_report.datasets.assembly.assemble import EncodedTable, Origin, assemble
from deepseek_report.datasets.assembly.layouts import image_layout, moments, pixels, series_layout
from deepseek_report.datasets.data_card import Description, constant_columns, describe_values
from deepseek_report.datasets.splitting import SplitRule
from deepseek_report.errors import DataError
from deepseek_report.examples.generated import Wide, log_odds
from deepseek_report.examples.packages import Digits, Trace
from deepseek_report.examples.picture_patches import Histology, SurfaceDefects, bands, cut
from tests.builders import table
from tests.datasets import loading
from tests.datasets.loading import issues_of, parts_of
from tests.worded import say

PLUGINS = {
    "digits": Digits(rows=300),
    "histology": Histology(rows=200, size=16),
    "surface_defects": SurfaceDefects(stride=32, textures=("brick", "gravel")),
    "trace": Trace(),
    "wide": Wide(n=300, features=60, informative=4),
}


@pytest.fixture(scope="module", params=PLUGINS)
def loaded(request: pytest.FixtureRequest) -> tuple[str, Dataset]:
    return request.param, loading.loaded(PLUGINS[request.param], 3)


def test_what_check_knows_before_reading_is_what_is_read(loaded: tuple[str, Dataset]) -> None:
    name, dataset = loaded
    nature = PLUGINS[name].nature
    assert (dataset.schema.modality, dataset.schema.target.task) == (nature.modality, nature.task)
    assert nature.classes in {None, len(dataset.schema.target.classes)}
    assert len(PLUGINS[name].source_digest()) == 64
    assert dataset.read == PLUGINS[name].source_digest()


def test_every_column_has_a_name_of_its_own_and_one_player(loaded: tuple[str, Dataset]) -> None:
    schema = loaded[1].schema
    assert len(set(schema.names)) == len(schema.names) == loaded[1].train.inputs.shape[1]
    assert (schema.owners >= 0).all()
    assert len(set(schema.player_labels)) == len(schema.player_labels) == schema.owners.max() + 1


def test_two_loads_of_one_seed_are_the_same_and_survive_the_disk(
    loaded: tuple[str, Dataset], tmp_path
) -> None:
    name, dataset = loaded
    again = PLUGINS[name].load(3, Silent())
    dataset.save(tmp_path)
    stored = Dataset.load(tmp_path)
    for other in (again, stored):
        for first, two in zip(parts_of(dataset), parts_of(other), strict=True):
            assert np.array_equal(first.inputs, two.inputs)
            assert np.array_equal(first.labels, two.labels)
            assert (first.truth is None) == (two.truth is None)
            assert first.truth is None or np.array_equal(first.truth, two.truth)
    assert stored.schema == dataset.schema


def test_a_card_says_where_the_data_come_from_and_what_they_cannot_say(
    loaded: tuple[str, Dataset],
) -> None:
    card = loaded[1].card
    for key in ("source", "licence", "citation", "period", "population", "decision", "limits"):
        assert card[key], key


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


def test_regions_share_the_width_and_never_touch() -> None:
    places = bands(512, SplitRule(0.2, 0.2), 8)
    assert places[0][0] == 0
    assert places[2][1] == 512
    assert all(after[0] - before[1] == 8 for before, after in pairwise(places))
    cuts = cut((64, 512), 32, (8, 16, 32), places)
    for part, (start, end) in enumerate(places):
        columns = cuts.columns[cuts.parts == part]
        assert columns.min() >= start
        assert columns.max() + 32 <= end
    picture = np.arange(64 * 512).reshape(64, 512)
    row, column = cuts.rows[5], cuts.columns[5]
    assert np.array_equal(cuts.of(picture, 32)[5], picture[row : row + 32, column : column + 32])


def test_a_region_that_is_too_narrow_says_so() -> None:
    with pytest.raises(DataError, match=r"lower `dataset\.size`"):
        cut((64, 64), 32, (8, 8, 8), bands(64, SplitRule(0.2, 0.2), 4))


def test_the_truth_of_tissue_is_what_makes_its_label() -> None:
    dataset = PLUGINS["histology"].load(3, Silent())
    for drawn in parts_of(dataset):
        stained = drawn.labels == 1
        assert (drawn.truth[stained].mean(axis=1) >= 0.2).all()
        assert not drawn.truth[~stained].any()
        channels = drawn.truth.reshape(len(drawn), -1, 3)
        assert (channels == channels[..., :1]).all()


def test_every_defective_crop_has_a_mask_and_differs_from_a_sound_one_only_there() -> None:
    plugin = PLUGINS["surface_defects"]
    first, other = plugin.load(3, Silent()), plugin.load(4, Silent())
    for here, in_other in zip(parts_of(first), parts_of(other), strict=True):
        assert np.array_equal(here.truth.any(axis=1), here.labels == 1)
        sound = (here.labels == 0) & (in_other.labels == 1)
        changed = here.inputs[sound] != in_other.inputs[sound]
        assert changed.any()
        assert np.array_equal(changed, in_other.truth[sound])


def test_of_parts_that_only_one_class_has_no_other_class_is_missed() -> None:
    issues = PLUGINS["surface_defects"].load(3, Silent()).issues
    small = [issue.values for issue in issues if issue.check == "small_group"]
    assert any(values["attribute"] != "texture" for values in small)
    assert all("n_class" not in values for values in small if values["attribute"] != "texture")


def test_drawing_defects_leaves_the_global_generators_as_they_were() -> None:
    random.seed(5)
    before = random.getstate()
    PLUGINS["surface_defects"].load(3, Silent())
    assert random.getstate() == before


def test_kinds_of_defects_can_be_told_apart() -> None:
    dataset = SurfaceDefects(label="kind", stride=24).load(1, Silent())
    assert dataset.schema.target.classes == ("sound", "scratch", "crack", "stain", "pits")
    assert np.bincount(dataset.train.labels).min() >= 10


def test_the_archives_test_half_stays_the_test_part() -> None:
    archive, drawn = Trace().load(1, Silent()), Trace(split="drawn").load(1, Silent())
    assert archive.test.instance_ids.tolist() == list(range(100, 200))
    assert len(archive.validation) == 20
    assert sorted(np.bincount(drawn.test.labels).tolist()) != [0, 0, 0, 100]
    assert (drawn.test.instance_ids < 100).any()


def test_the_label_of_the_wide_table_follows_its_truth() -> None:
    plugin = Wide(n=4000, features=40, informative=4, block=4)
    dataset = plugin.load(2, Silent())
    columns = np.flatnonzero(dataset.train.truth[0])
    assert len(columns) == 4
    assert len(set(columns // 4)) == 4
    assert (dataset.train.truth == dataset.train.truth[0]).all()
    odds = log_odds(dataset.train.inputs[:, columns], plugin.strength)
    assert odds.std() == pytest.approx(plugin.strength, rel=0.05)
    assert np.abs(expit(odds) - dataset.train.labels).mean() < 0.25
    within = np.corrcoef(dataset.train.inputs[:, 0], dataset.train.inputs[:, 1])[0, 1]
    assert within == pytest.approx(0.5, abs=0.06)
    (problem,) = Wide(features=10, block=5, informative=3).problems()
    assert "3 informative columns in 2 blocks" in problem


def test_steps_that_give_the_label_away_are_told_once_with_their_number() -> None:
    dataset = Trace().load(1, Silent())
    leak = issues_of(dataset)["near_leak"]
    assert leak.values["places"] > 1
    assert say(leak.text).startswith(f"{leak.values['places']} steps of")
    assert "dataset.drop" not in say(leak.recommendation)


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
