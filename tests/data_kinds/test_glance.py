"""What a list of many inputs shows of one."""

from __future__ import annotations

import numpy as np

from deepseek_report.artifacts.schema import Feature, Layout, Schema, Target
from deepseek_report.data_kinds import kind_of
from deepseek_report.data_kinds.base import SIDE, STEPS

TARGET = Target("y", "y", ("no", "yes"))


def arranged(modality: str, shape: tuple[int, ...]) -> Schema:
    size = int(np.prod(shape))
    features = tuple(Feature(f"c{i}", f"c{i}", "numeric") for i in range(size))
    layout = Layout(modality, shape, tuple((i,) for i in range(size)), tuple("x" * size))
    return Schema(features, TARGET, layout=layout)


def test_a_large_image_shrinks_to_the_means_of_its_blocks() -> None:
    image = np.arange(64 * 48 * 3, dtype=float).reshape(64, 48, 3)
    pixels = kind_of(arranged("image", image.shape)).glance(image.ravel()).pixels
    assert pixels is not None
    assert max(pixels.shape[:2]) <= SIDE
    assert np.isclose(pixels.mean(), image.mean(), rtol=0.05)
    assert np.isclose(pixels[0, 0, 0], image[:3, :3, 0].mean())


def test_a_small_image_stays_as_it_is() -> None:
    image = np.random.default_rng(0).random((8, 8, 1))
    pixels = kind_of(arranged("image", image.shape)).glance(image.ravel()).pixels
    assert np.array_equal(pixels, image)


def test_a_series_shows_the_course_of_its_first_channel() -> None:
    series = np.stack([np.linspace(0, 1, 200), np.full(200, 7.0)], axis=1)
    course = kind_of(arranged("series", series.shape)).glance(series.ravel()).course
    assert course is not None
    assert len(course) <= STEPS
    assert (np.diff(course) > 0).all()


def test_a_table_shows_nothing_at_a_glance() -> None:
    glance = kind_of(Schema((Feature("a", "a", "numeric"),), TARGET)).glance(np.zeros(1))
    assert (glance.words, glance.pixels, glance.course) == ("", None, None)
