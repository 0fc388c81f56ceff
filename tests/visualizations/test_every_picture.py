"""What holds for every picture, over every YAML in conf/visualizations."""

from __future__ import annotations

import html
import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from unicodedata import category

import matplotlib as mpl
import pytest
from marked_catalog import LANGUAGE
from matplotlib.text import Text
from pydantic import ValidationError

from deepseek_report.artifacts.ids import ArtifactId
from deepseek_report.artifacts.picture import Picture
from deepseek_report.artifacts.protocols.modules import layer_name
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.rounding import LABEL
from deepseek_report.visualizations.drawing import labels
from deepseek_report.visualizations.style import DARK, LIGHT
from deepseek_report.wording.words import CATALOGS
from tests.shipped_parts import shipped_keys, shipped_part
from tests.visualizations.conftest import RUNS
from tests.visualizations.varied import carried, draw, worded
from tests.wording.marked_page import words_outside

KEYS = shipped_keys("visualizations")
#: Without intervals no method is shown to know a case, so its picture is asked for by name.
ASKED = {("case_contributions", "gaps"): {"explainer": "shap"}}
Build = Callable[..., Results]


def plugin(key: str, **changes: Any) -> Any:
    return shipped_part("visualizations", key, **changes)


_DRAWN: dict[tuple[str, str], Sequence[Picture]] = {}


def built(key: str, build: Build, kind: str = "plain") -> Results:
    """The first run that has what the picture needs, of data and a task that it takes.

    Where no run measures that by itself, a tiny one does for this picture.
    """
    traits = plugin(key)
    for name in RUNS:
        results = build(name)
        fits = traits.modalities is None or results.schema.modality in traits.modalities
        of_task = results.schema.target.task in traits.tasks
        if fits and of_task and not results.missing(plugin(key).needs):
            return build(name, kind)
    return build(" ".join(ArtifactId(need).name for need in sorted(traits.needs)), kind)


def drawn(key: str, build: Build, kind: str = "plain") -> Sequence[Picture]:
    """The pictures of a YAML, drawn once in a session; kind is plain, hostile, endless or gaps."""
    if (key, kind) not in _DRAWN:
        named = ASKED.get((key, kind), {})
        _DRAWN[key, kind] = plugin(key, **named).draw(built(key, build, kind))
    return _DRAWN[key, kind]


def parsed(picture: Picture) -> ET.Element:
    return ET.fromstring(picture.svg)  # noqa: S314 - our own drawing


def texts(picture: Picture) -> list[str]:
    return [str(text) for text in (picture.title, picture.alt, picture.how_to_read)]


@pytest.fixture(params=KEYS)
def key(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=["plain", "hostile", "gaps"])
def pictures(key: str, request: pytest.FixtureRequest, build: Build) -> Sequence[Picture]:
    results = built(key, build, request.param)
    return [worded(picture, results) for picture in drawn(key, build, request.param)]


def test_every_svg_is_well_formed_small_and_uses_only_palette_colours(
    pictures: Sequence[Picture],
) -> None:
    for picture in pictures:
        root = parsed(picture)
        assert root.tag.endswith("svg")
        assert len(picture.svg) < 61_000
        assert set(re.findall(r"#[0-9a-fA-F]{3,8}\b(?=[;\"])", picture.svg)) <= set(
            LIGHT.roles.values()
        )
        assert not re.search(r"(?:fill|stroke):(?!#|none|url)", picture.svg)


def test_no_svg_can_reach_out_of_itself_when_it_is_inlined(pictures: Sequence[Picture]) -> None:
    for picture in pictures:
        tags = {element.tag.rpartition("}")[2] for element in parsed(picture).iter()}
        assert tags <= {
            "svg",
            "g",
            "path",
            "text",
            "use",
            "defs",
            "clipPath",
            "rect",
            "tspan",
            "image",
        }
        tags_alone = re.sub(r">[^<]*<", "><", picture.svg)  # a text may name an address
        assert "http" not in re.sub(r'xmlns(:xlink)?="[^"]*"', "", tags_alone)


def test_ids_are_unique_within_all_pictures_of_a_run(build: Build) -> None:
    ids = [
        identity
        for key in KEYS
        for picture in drawn(key, build)
        for identity in set(re.findall(r' id="([^"]+)"', picture.svg))
    ]
    assert len(ids) == len(set(ids))


def test_every_picture_is_titled_and_described_on_one_line_each(
    pictures: Sequence[Picture],
) -> None:
    assert pictures
    for picture in pictures:
        assert all(text and text == text.strip() for text in texts(picture))
        assert not any(category(sign)[0] == "C" for text in texts(picture) for sign in text)
        assert not any(re.search(r"\bnan\b|\binf\b|None", text) for text in texts(picture))
        assert len(picture.title) < 420


def test_the_first_picture_bears_the_name_of_its_yaml_or_a_number(
    key: str, pictures: Sequence[Picture]
) -> None:
    names = [picture.name for picture in pictures]
    assert names[0] in {key, f"{key}_0"}
    assert len(set(names)) == len(names)


def test_a_picture_survives_being_stored(key: str, build: Build, tmp_path: Path) -> None:
    for picture in drawn(key, build):
        picture.save(tmp_path)
        assert Picture.load(tmp_path, picture.name) == picture


def test_the_interactive_twins_are_small_plain_plotly_without_a_template(
    key: str, pictures: Sequence[Picture]
) -> None:
    interactive = {
        "roc_curve", "reliability", "global_importance", "beeswarm", "threshold_sweep",
        "parameter_projection", "slices",
    }  # fmt: skip
    for picture in pictures:
        assert (picture.interactive is not None) == (key in interactive)
        if picture.interactive is None:
            continue
        figure = json.loads(json.dumps(picture.interactive, allow_nan=False))
        kinds = {trace["type"] for trace in figure["data"]}
        assert kinds <= {"scatter", "bar", "heatmap", "scatter3d"}
        assert sum(len(trace.get("x", [])) for trace in figure["data"]) <= 1500
        assert "template" not in figure["layout"]
        assert figure["layout"]["paper_bgcolor"] == "rgba(0,0,0,0)"
        colours = re.findall(r'"(#[0-9a-fA-F]{3,8})"', json.dumps(figure))
        assert set(colours) <= set(LIGHT.roles.values())


def test_markup_in_labels_stays_text_in_svg_and_twin(key: str, build: Build) -> None:
    for picture in drawn(key, build, "hostile"):
        assert "<script" not in picture.svg
        hover = json.dumps(picture.interactive)
        assert "<script" not in hover
        assert "alert(1)</" not in hover


def test_labels_of_ten_thousand_characters_are_cut_before_they_are_measured_and_drawn(
    key: str, build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn_lengths, measured_lengths = [0], [0]
    draw_text, measure = Text.set_text, labels.columns

    def set_text(text: Text, content: object) -> None:
        drawn_lengths.append(len(str(content)))
        draw_text(text, content)

    def columns(text: str) -> int:
        measured_lengths.append(len(text))
        return measure(text)

    monkeypatch.setattr(Text, "set_text", set_text)
    monkeypatch.setattr(labels, "columns", columns)
    results = built(key, build, "endless")
    written = [worded(picture, results) for picture in drawn(key, build, "endless")]
    assert max(drawn_lengths) <= 200
    assert max(measured_lengths) <= LABEL
    assert sum(measured_lengths) <= 2_000_000
    for picture in written:
        parsed(picture)
        assert len(picture.title) < 420
        assert len(picture.alt) < 3_000
        assert len(picture.how_to_read) < 1_000
        hover = json.dumps(picture.interactive)
        assert "x" * 500 not in hover + picture.svg


def test_what_a_picture_needs_is_named_and_its_absence_is_explained(key: str, build: Build) -> None:
    full = built(key, build)
    needs = plugin(key).needs
    assert needs
    assert not full.missing(needs)
    assert Results({}, {}).missing(needs).keys() == needs


@pytest.mark.parametrize(
    ("key", "field", "value"),
    [("global_importance", "most", 0), ("beeswarm", "instances", 4000), ("slices", "most", 0)],
)
def test_fields_out_of_range_are_refused(key: str, field: str, value: int) -> None:
    with pytest.raises(ValidationError):
        plugin(key, **{field: value})


def test_every_light_colour_has_one_dark_partner() -> None:
    light, dark = LIGHT.roles, DARK.roles
    assert light.keys() == dark.keys()
    assert len({*light.values(), *dark.values()}) == 2 * len(light)


def with_only(full: Results, ids: frozenset[str]) -> Results:
    """A run that holds these artifacts, and what every picture may read."""
    kept = {"data", "predictions", "cases", *ids}
    paths = {
        k: v for k, v in full.paths.items() if any(k == i or k.startswith(f"{i}/") for i in kept)
    }
    results = Results(paths, full.config)
    vars(results)["cases"] = full.cases
    results._measurements.update({k: v for k, v in full._measurements.items() if k in paths})
    return results


def test_what_it_declares_gives_the_same_bytes_again_and_no_setting_of_matplotlib_changes(
    key: str, build: Build
) -> None:
    part, first, before = plugin(key), drawn(key, build), dict(mpl.rcParams)
    assert part.draw(with_only(built(key, build), part.needs | part.also)) == first
    assert dict(mpl.rcParams) == before


@pytest.mark.parametrize("key", [key for key in KEYS if plugin(key).also])
def test_a_picture_can_be_drawn_from_what_it_needs_alone(key: str, build: Build) -> None:
    part = plugin(key)
    for picture in part.draw(with_only(built(key, build), part.needs)):
        parsed(picture)


# --- Every word that a picture shows comes from a catalog, or from the data -----------------------


_WORD = re.compile(r"[^\W\d_]{2,}")


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inside in value.values():
            yield from _strings(inside)
    elif isinstance(value, list | tuple):
        for inside in value:
            yield from _strings(inside)


def _not_ours(results: Results) -> set[str]:
    """Words of texts, which are the data themselves, and of the names of a model's parameters."""
    points = results.table("parameter_projection", "points")
    layers = results.table("layer_profile", "layers")
    own = [*results.schema.vocabulary, *([] if points is None else points["parameter"])]
    own += [] if layers is None else map(layer_name, layers["layer"])
    texts = results.test.texts
    own += [] if texts is None else map(texts.text, range(len(texts.ends)))
    return {word for text in own for word in _WORD.findall(text.lower())}


def _in_marks(stored: Results) -> Results:
    """The results as they are told in the language of marks."""
    config = {**stored.config, "report": {"language": LANGUAGE}}
    return carried(stored, replace(stored, config=config))


def _shown(picture: Picture) -> Iterator[list[str]]:
    """What is read in one go: the drawings, the twin, and each text beside them."""
    for svg in (picture.svg, picture.narrow):
        if svg is not None:
            root = ET.fromstring(svg)  # noqa: S314 - our own drawing
            yield [text.text or "" for text in root.iter() if text.tag.endswith("text")]
    if picture.interactive is not None:
        yield [
            html.unescape(re.sub("<[^>]*>", " ", text)) for text in _of_twin(picture.interactive)
        ]
    yield from ([str(text)] for text in (picture.title, picture.alt, picture.how_to_read))


def _of_twin(figure: dict[str, Any]) -> Iterator[str]:
    for trace in figure["data"]:
        yield from _strings([trace.get("text"), trace.get("name")])
    for value in figure["layout"].values():
        if isinstance(value, dict):
            yield from _strings([value.get("title", {}), value.get("ticktext")])
            inner = [inside for inside in value.values() if isinstance(inside, dict)]
            yield from _strings([inside.get("title") for inside in inner])


@pytest.fixture
def marked(marked_catalogs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CATALOGS, str(marked_catalogs))


@pytest.mark.usefixtures("marked")
@pytest.mark.parametrize("key", KEYS)
def test_no_word_of_a_picture_stands_outside_of_the_catalogs(key: str, build: Build) -> None:
    _check(plugin(key), built(key, build))


@pytest.mark.usefixtures("marked")
@pytest.mark.parametrize("key", ["group_rates", "robustness"])
def test_nor_does_a_word_of_what_is_drawn_of_a_number(key: str, build: Build) -> None:
    _check(plugin(key), build("number"))


def _check(picture_plugin: Any, stored: Results) -> None:
    results = _in_marks(stored)
    allowed = _not_ours(results)
    for picture in draw(picture_plugin, results):
        for texts in _shown(picture):
            assert not {word.lower() for word in words_outside(texts)} - allowed, texts
