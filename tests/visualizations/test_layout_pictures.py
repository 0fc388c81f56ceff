"""Texts, images and series: what is drawn of a case, and that it is where it belongs."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.score import Score
from deepseek_report.artifacts.written_texts import gaps, joined
from deepseek_report.findings.explainer_verdicts import leading_for_cases
from deepseek_report.visualizations.cases import case_views, place_pictures, text_highlights
from deepseek_report.visualizations.cases.case_contributions import CaseContributionsPicture
from deepseek_report.visualizations.cases.case_views import by_players, cases_of
from deepseek_report.visualizations.cases.text_highlights import TextHighlightsPicture
from deepseek_report.visualizations.drawing import marks, rasters
from deepseek_report.visualizations.explanations.explanation_quality import LocalisationPicture
from deepseek_report.visualizations.internals.interpretable_models import PrototypesPicture
from deepseek_report.visualizations.style import LIGHT
from tests.visualizations.layouts import NUMBER, layout_results, series_schema, with_paths
from tests.visualizations.varied import copy_with, draw

Build = Callable[..., Results]


@pytest.mark.parametrize(
    ("tokens", "text"),
    [
        (("the", "crew", "was", "great", "!"), "the crew was great!"),
        (("un", "##happy", "crew"), "unhappy crew"),
        (("▁The", "▁crew", "s"), "The crews"),
        (("Ġbad", "ly"), "badly"),
        (("服", "务", "很", "好", "。"), "服务很好。"),
        (("(", "late", ")", ".", "😀"), "(late). 😀"),
    ],
)
def test_tokens_are_joined_as_they_were_written(tokens: tuple[str, ...], text: str) -> None:
    assert joined(tokens).strip() == text
    assert not gaps(tokens)[0]


def test_every_word_of_a_text_is_drawn_inside_the_page(build: Build) -> None:
    results = build("text")
    for case, picture in zip(
        cases_of(results), draw(TextHighlightsPicture(methods=1), results), strict=True
    ):
        places = [float(x) for x in re.findall(r"<text[^>]*translate\(([\d.]+) ", picture.svg)]
        places += [float(x) for x in re.findall(r'<text[^>]* x="([\d.]+)"', picture.svg)]
        words = int((~np.isnan(case.inputs)).sum())
        assert len(places) >= words
        assert max(places) < 72 * 7.2


def test_marks_of_one_colour_and_strength_are_one_path_however_long_the_text(build: Build) -> None:
    explainers, colours, strengths = 2, 2, len(marks.OPACITY) - 1
    page, legend = 1, 2
    for picture in draw(TextHighlightsPicture(methods=explainers), build("text")):
        shades_and_lines = 2 * explainers * colours * strengths
        assert picture.svg.count("<path") <= page + legend + shades_and_lines
        assert "clip-path" not in picture.svg


def test_a_text_for_a_narrow_page_keeps_its_words_and_takes_more_lines(build: Build) -> None:
    picture = draw(TextHighlightsPicture(), build("text"))[0]
    assert picture.narrow is not None
    width = float(re.search(r'width="([\d.]+)pt"', picture.narrow)[1])  # type: ignore[index]
    right = [float(x) for x in re.findall(r'<text[^>]* x="([\d.]+)"', picture.narrow)]
    assert max(right) < width
    assert re.findall(r">([^<>]+)</text>", picture.narrow) == re.findall(
        r">([^<>]+)</text>", picture.svg
    )


@pytest.mark.parametrize(
    ("modality", "plugin"),
    [
        ("image", place_pictures.ImageHeatmapsPicture()),
        ("series", place_pictures.SeriesAttributionsPicture()),
        ("image", CaseContributionsPicture()),
        ("series", CaseContributionsPicture()),
    ],
)
def test_pictures_of_cases_have_a_layout_for_a_narrow_page(
    modality: str,
    plugin: place_pictures.ImageHeatmapsPicture
    | place_pictures.SeriesAttributionsPicture
    | CaseContributionsPicture,
    build: Build,
) -> None:
    picture = plugin.draw(build(modality))[0]
    assert picture.narrow is not None
    sizes = [re.search(r'width="([\d.]+)pt"', svg) for svg in (picture.svg, picture.narrow)]
    wide, narrow = (float(match[1]) for match in sizes if match)
    assert narrow < 0.65 * wide
    places = [float(x) for x in re.findall(r' x="([\d.]+)"', picture.narrow)]
    assert max(places) < narrow


def test_a_long_text_is_cut_and_says_what_the_rest_holds(build: Build) -> None:
    pictures = draw(TextHighlightsPicture(words=10), build("text"))
    assert "Only the first 10 of" in pictures[0].how_to_read
    assert "of all attribution" in pictures[0].alt


def test_sign_shows_by_the_kind_of_line_and_by_number_not_by_colour_alone(build: Build) -> None:
    svg = draw(TextHighlightsPicture(), build("text"))[0].svg
    assert "stroke-dasharray" in svg
    assert re.search(r">\+\d", svg)
    assert re.search(r">−\d", svg)


@pytest.mark.parametrize("first", [8.0, 200.0, 418.0])
def test_no_number_above_a_word_stands_over_another(first: float) -> None:
    axes = Figure(figsize=(450 / 72, 1)).add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, 450), ylim=(72, 0))
    words = [
        text_highlights._Word("of", first + 5 * at, 0, 4.0, 3, True, "+0.019", False)
        for at in range(4)
    ]
    text_highlights._numbers(axes, words, 20)
    width = text_highlights._width("+0.019", text_highlights._SMALL)
    starts = sorted(text.get_position()[0] for text in axes.texts)
    assert all(after - before > width for before, after in pairwise(starts))
    assert starts[0] >= 0
    assert starts[-1] + width <= 450


def test_a_text_of_a_number_tells_the_number_and_its_unit(build: Build) -> None:
    results = on_a_number(build("text"))
    picture = draw(TextHighlightsPicture(), results)[0]
    assert re.search(r"predicted .*days, actually .*days", picture.alt)


def on_a_number(results: Results) -> Results:
    """The run as if a number had been predicted: one output, and no decision."""
    known = results.predictions
    value = known.logits[:, :1]
    predictions = replace(
        known, logits=value, probabilities=np.zeros((len(value), 0)), labels=value[:, 0],
        decisions=np.zeros(len(value), np.int64), threshold=None, explained=0,
    )  # fmt: skip
    explained = {
        name: replace(
            explanation,
            target=0,
            decided=None,
            output_space="value" if explanation.signed else "none",
        )
        for name, explanation in results.explanations.items()
    }
    schema = replace(results.schema, target=NUMBER)
    return copy_with(results, schema=schema, predictions=predictions, explanations=explained)


@pytest.mark.parametrize("modality", ["image", "series"])
def test_the_title_names_the_method_and_the_description_the_strongest_player(
    build: Build, modality: str
) -> None:
    results = build(modality)
    plugin = (
        place_pictures.ImageHeatmapsPicture()
        if modality == "image"
        else place_pictures.SeriesAttributionsPicture(explainer="shap")
    )
    case, picture = cases_of(results)[0], draw(plugin, results)[0]
    explainer = next(
        n for n in ("shap", "integrated_gradients") if n.split("_")[0] in picture.title.lower()
    )
    top = int(np.argmax(np.abs(by_players(results, explainer, case.place))))
    labels = results.schema.player_labels
    assert f"most in {labels[top]}" in picture.alt
    # The title names no place: the picture numbers them.
    assert not any(label in picture.title for label in labels)


def test_an_image_is_embedded_with_square_pixels(build: Build) -> None:
    from PIL import Image

    svg = draw(place_pictures.ImageHeatmapsPicture(methods=1), build("image"))[0].svg
    data = re.findall(r'href="data:image/png;base64,([^"]+)"', svg)
    assert len(data) == 3  # the image, one explainer, the scale
    first = np.asarray(Image.open(io.BytesIO(base64.b64decode(data[0]))).convert("RGB"))
    assert first.shape == (192, 192, 3)
    assert "image-rendering:pixelated" in svg


def test_shading_is_red_where_values_raise_and_blue_where_they_lower() -> None:
    grey = np.full((1, 3, 3), 255, dtype=np.uint8)
    shaded = rasters.shaded(grey, np.array([[2.0, 0.0, -2.0]]))[0].astype(int)
    assert shaded[0].tolist() == [round(255 * share) for share in to_rgb(LIGHT.raises)]
    assert shaded[1].tolist() == [255, 255, 255]
    assert shaded[2].tolist() == [round(255 * share) for share in to_rgb(LIGHT.lowers)]


def test_the_truth_is_outlined_and_its_inside_left_alone() -> None:
    image = np.full((40, 40, 3), 128, dtype=np.uint8)
    mask = np.zeros((10, 10), dtype=bool)
    mask[2:6, 3:8] = True
    marked = rasters.outlined(image, mask)
    assert set(np.unique(marked)) == {0, 128, 255}
    assert (marked[9:23, 13:31] == 128).all()
    changed = np.argwhere((marked != 128).any(axis=2))
    assert changed.min(0).tolist() == [8, 12]
    assert changed.max(0).tolist() == [23, 31]


def test_a_constant_image_and_an_empty_explanation_can_be_drawn() -> None:
    assert rasters.value_range(np.zeros((2, 4))) == (0, 1)
    grey = np.zeros((2, 2, 3), dtype=np.uint8)
    assert np.isfinite(rasters.shaded(grey, np.zeros((2, 2)))).all()


def test_a_long_curve_is_drawn_by_its_extremes() -> None:
    curve = np.zeros(10_000)
    curve[5_432], curve[77] = 9.0, -3.0
    steps, values = place_pictures._thinned(curve)
    assert len(steps) <= 600
    assert (values.max(), values.min()) == (9.0, -3.0)
    assert np.all(np.diff(steps) > 0)


def test_only_the_channels_with_most_attribution_are_drawn(tmp_path: Path) -> None:
    results = layout_results(tmp_path, schema=series_schema(channels=6))
    picture = draw(place_pictures.SeriesAttributionsPicture(channels=2), results)[0]
    assert "4 other channels" in picture.how_to_read
    assert len(set(re.findall(r"sensor \d \(bar\)", picture.svg))) == 2


def test_listed_windows_of_a_series_bear_their_numbers(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(case_views, "numbered", lambda *_: {7: 0})
    picture = draw(place_pictures.SeriesAttributionsPicture(explainer="shap"), build("series"))[0]
    assert ">7</text>" in picture.svg


def test_localisation_names_the_best_explainer_and_chance(build: Build) -> None:
    picture = draw(LocalisationPicture(), build("image"))[0]
    assert "points best at what makes the label" in picture.title
    assert "chance 0." in picture.title


def test_a_picture_of_one_kind_of_data_says_which() -> None:
    for plugin, modality in (
        (TextHighlightsPicture, "text"),
        (place_pictures.ImageHeatmapsPicture, "image"),
        (place_pictures.SeriesAttributionsPicture, "series"),
    ):
        assert plugin.modalities == {modality}


@pytest.mark.parametrize(
    ("modality", "shift", "ending"),
    [
        ("image", 1, "Each patch is compared where it fits best, up to 1 pixel aside."),
        ("series", 5, "Each window is compared where it fits best, up to 5 steps aside."),
        ("series", 0, None),
    ],
)
def test_prototypes_tell_how_far_their_parts_may_move(
    tmp_path: Path, modality: str, shift: int, ending: str | None
) -> None:
    results = layout_results(tmp_path, modality)
    table = pd.DataFrame(
        {
            "prototype": [1, 2, 3], "instance_id": [7, 8, 9], "class_label": ["fine"] * 3,
            "decides": [6, 2, 0], "share": [0.75, 0.25, 0.0], "n": 8, "shift": shift,
            "mean_evidence": 0.5,
        }
    )  # fmt: skip
    inputs = np.random.default_rng(0).random((3, len(results.schema.features)))
    folder = tmp_path / "measures" / "prototypes"
    folder.mkdir(parents=True)
    Measurement(tables={"prototypes": table}, arrays={"inputs": inputs}).save(folder)
    results = with_paths(results, {"measures/prototypes": folder})
    picture = draw(PrototypesPicture(), results)[0]
    assert picture.title.endswith("of the test cases; 2 of 3 prototypes do for any")
    assert picture.narrow is not None
    if ending is None:
        assert "aside" not in picture.how_to_read
    else:
        assert picture.how_to_read.endswith(ending)


@pytest.mark.parametrize("number", [False, True])
def test_a_case_is_drawn_by_a_method_that_adds_up_before_one_that_only_gains_more(
    tmp_path: Path, number: bool
) -> None:
    """Probabilities and predicted numbers alike, so that the picture shows the reasons told."""
    schema = replace(series_schema(), target=NUMBER) if number else series_schema()
    results = layout_results(tmp_path, "series", schema=schema)
    names = {"shap": 0.5, "integrated_gradients": 0.9}
    effects = [
        Score(metric, "explanation", effect, 9, "higher", 0.4, 1.0, explainer=name)
        for name, effect in names.items()
        for metric in ("deletion_effect", "insertion_effect", "own_case_effect")
    ]
    learnt = {
        f"parameter_randomisation/{name}": Score(
            "randomisation_gain", "explanation", 0.2, 9, "higher", 0.1, 0.3, explainer=name
        )
        for name in names
    }
    gap = Score("completeness_gap", "explanation", 1e-9, 9, "zero", explainer="shap")
    measured = {"faithfulness_effect": effects, "completeness_gap/shap": [gap]}
    for key, scores in {**measured, **{key: [score] for key, score in learnt.items()}}.items():
        folder = tmp_path / "measures" / key
        Measurement(tuple(scores)).save(folder)
        results = with_paths(results, {f"measures/{key}": folder})
    assert leading_for_cases(results) == "shap"
