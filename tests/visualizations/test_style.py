"""The palette can be read by everyone, on both pages."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.typing import ColorType

from deepseek_report.visualizations import style
from deepseek_report.visualizations.drawing import marks

#: Vision without the medium-wave cones; Machado et al. 2009, doi:10.1109/TVCG.2009.113.
DEUTERANOPIA = np.array([[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]])


def linear(colour: ColorType) -> np.ndarray:
    srgb = np.array(to_rgb(colour))
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)


def contrast(*pair: ColorType) -> float:
    """Ratio of WCAG 2.2."""
    low, high = sorted(float(linear(colour) @ [0.2126, 0.7152, 0.0722]) for colour in pair)
    return (high + 0.05) / (low + 0.05)


def lightness_and_hue(rgb: np.ndarray) -> np.ndarray:
    """CIE Lab."""
    matrix = np.array(
        [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    )
    xyz = matrix @ np.clip(rgb, 0, 1) / np.array([0.9505, 1, 1.089])
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("page", [0, 1], ids=["light", "dark"])
def test_texts_have_the_contrast_of_level_aa_and_marks_that_of_graphics(page: int) -> None:
    pages = [("#ffffff", "#f8f9fb"), ("#111318", "#1b1f26")]
    words = {"ink", "muted", "raises", "lowers"}
    text = [role for role in style.PALETTE if role in words or role.startswith("series")]
    marks = [*text, "context", *(r for r in style.PALETTE if r.startswith("value"))]
    for background in pages[page]:
        assert min(contrast(style.PALETTE[role][page], background) for role in text) >= 4.5
        assert min(contrast(style.PALETTE[role][page], background) for role in marks) >= 3


@pytest.mark.parametrize("page", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize("vision", [np.eye(3), DEUTERANOPIA], ids=["all cones", "deuteranopia"])
def test_the_first_seven_series_can_be_told_apart(page: int, vision: np.ndarray) -> None:
    seen = [
        lightness_and_hue(vision @ linear(style.PALETTE[f"series{i}"][page])) for i in range(1, 8)
    ]
    assert min(np.linalg.norm(a - b) for a, b in itertools.combinations(seen, 2)) > 14


def test_a_name_keeps_its_colour_whatever_the_order_and_the_control_is_grey() -> None:
    names = ["shap", "lime", style.CONTROL]
    assert style.colours(names) == style.colours(names[::-1])
    assert style.colours(names)[style.CONTROL] == style.LIGHT.context
    assert style.colours(names)["lime"] == style.SERIES[0]
    assert style.markers(names)["lime"] != style.markers(names)["shap"]


def test_more_names_than_colours_start_again() -> None:
    many = [f"m{i:02}" for i in range(20)]
    assert style.colours(many)["m08"] == style.colours(many)["m00"]


@pytest.mark.parametrize(("palette", "page"), [(style.LIGHT, "#ffffff"), (style.DARK, "#14171d")])
@pytest.mark.parametrize("role", ["raises", "lowers"])
def test_words_on_the_strongest_shade_stay_legible(
    palette: style.Palette, page: str, role: str
) -> None:
    shade, paper = np.array(to_rgb(palette.roles[role])), np.array(to_rgb(page))
    strength = max(marks.OPACITY)
    assert contrast(palette.ink, tuple(strength * shade + (1 - strength) * paper)) >= 4.5
