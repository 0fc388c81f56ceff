"""Example images, series and wide tables: truths, honest parts, and what their cards say."""

from __future__ import annotations

import random
from itertools import pairwise

import numpy as np
import pytest

from deepseek_report.artifacts.protocols.progress import Silent
from deepseek_report.artifacts.split import Dataset
from deepseek_report.datasets.splitting import SplitRule
from deepseek_report.errors import DataError
from deepseek_report.extensions.examples.generated import Wide
from deepseek_report.extensions.examples.packages import Digits, Trace
from deepseek_report.extensions.examples.picture_patches import (
    Histology,
    SurfaceDefects,
    bands,
    cut,
)
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


def test_steps_that_give_the_label_away_are_told_once_with_their_number() -> None:
    dataset = Trace().load(1, Silent())
    leak = issues_of(dataset)["near_leak"]
    assert leak.values["places"] > 1
    assert say(leak.text).startswith(f"{leak.values['places']} steps of")
    assert "dataset.drop" not in say(leak.recommendation)


def test_patches_are_keyed_by_the_libraries_that_read_and_draw_them() -> None:
    assert Histology().readers == ("skimage",)
    assert SurfaceDefects().readers == ("skimage", "defect_synthesis")
