"""Shortening an SVG loses no visible geometry and touches no text."""

from __future__ import annotations

import re

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from deepseek_report.visualizations.drawing.svg import _path, _tag, _unwrapped
from deepseek_report.visualizations.style import draw_svg, panel

places = st.tuples(*[st.floats(-2000, 2000).map(lambda x: round(x, 6))] * 2)


def corners(data: str) -> list[tuple[float, float]]:
    """A slow reader of absolute M, L, H, V and relative h."""
    passed: list[tuple[float, float]] = []
    for command, rest in re.findall(r"([MLHVh])([^MLHVhz]*)", data):
        numbers = [float(number) for number in rest.split()]
        x, y = passed[-1] if passed else (0.0, 0.0)
        passed.append(
            {
                "M": lambda n: (n[0], n[1]),
                "L": lambda n: (n[0], n[1]),
                "H": lambda n, y=y: (n[0], y),
                "V": lambda n, x=x: (x, n[0]),
                "h": lambda n, x=x, y=y: (x + n[0], y),
            }[command](numbers)
        )
    return passed


@given(st.lists(places, min_size=1, max_size=12))
def test_a_shortened_path_passes_the_same_corners(points: list[tuple[float, float]]) -> None:
    data = "M " + " \nL ".join(f"{x:f} {y:f}" for x, y in points) + " \nz\n"
    assert np.allclose(corners(_path(data)), points, atol=0.016)


def test_a_rectangle_is_written_with_level_and_upright_lines() -> None:
    assert _path("M 0 216 \nL 518.4 216 \nL 518.4 0 \nL 0 0 \nz\n") == "M0 216H518.4V0H0z"


def test_a_dot_is_written_as_the_shortest_line() -> None:
    assert _path("M 1.234567 2 \nL 1.234567 2 \n") == "M1.23 2h.01"


def test_numbers_that_end_near_zero_lose_their_sign() -> None:
    assert _path("M -0.0001 1e-05") == "M0 0"


def test_texts_that_look_like_paths_are_left_alone() -> None:
    text = 'd="M 1.23456 2.34567" style="font-family: x" <g id="a">'
    svg = draw_svg("t", 1.0, lambda figure: figure.text(0.1, 0.5, text))
    assert 'd="M 1.23456 2.34567" style="font-family: x" &lt;g id="a"&gt;' in svg


def test_dollars_are_money_not_mathematics() -> None:
    svg = draw_svg("t", 1.0, lambda figure: figure.text(0.1, 0.5, "$x^2$ for NT$ 5 or $ 6"))
    assert "$x^2$ for NT$ 5 or $ 6" in svg


def test_groups_that_carry_nothing_vanish_and_others_stay() -> None:
    assert _unwrapped('<g><g clip-path="u"><path/></g><g/></g>') == '<g clip-path="u"><path/></g>'


def test_a_tag_loses_its_id_and_a_rotation_by_nothing() -> None:
    assert _tag('<g id="axes_1">') == "<g>"
    assert _tag('<text x="1.239" transform="rotate(-0 1 2)">') == '<text x="1.24">'


def test_two_pictures_share_no_id() -> None:
    def paint(figure: object) -> None:
        panel(figure, 1, 0.2, 3, 0.9).plot([0, 1], [0, 1], marker="o")  # type: ignore[arg-type]

    first, second = (set(re.findall(r'id="([^"]+)"', draw_svg(name, 1.0, paint))) for name in "ab")
    assert first
    assert not first & second
