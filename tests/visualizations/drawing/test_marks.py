"""The marks show what they are given."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from matplotlib.figure import Figure
from scipy.optimize import minimize

from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.visualizations.drawing import marks
from deepseek_report.visualizations.drawing.svg import _path, _tag, _unwrapped
from deepseek_report.visualizations.explanations.attributions_by_case import _swarm
from deepseek_report.visualizations.style import HEAT, SERIES, draw_svg, panel
from deepseek_report.wording.words import Wording, wording

heights = st.lists(st.floats(0, 200), min_size=1, max_size=7).map(lambda x: np.sort(np.array(x)))


@given(heights, st.floats(1, 30))
def test_labels_spread_apart_keep_their_order_and_their_distance(
    wanted: np.ndarray, gap: float
) -> None:
    placed = marks.spread(wanted, gap)
    assert (np.diff(placed) >= gap - 1e-9).all()
    if len(wanted) == 1 or (np.diff(wanted) >= gap).all():
        assert placed == pytest.approx(wanted)


def test_spreading_is_the_least_squares_answer() -> None:
    wanted, gap = np.array([1.0, 2.0, 2.5, 40.0, 41.0]), 10.0
    limits = [{"type": "ineq", "fun": lambda x, i=i: x[i + 1] - x[i] - gap} for i in range(4)]
    best = minimize(lambda x: ((x - wanted) ** 2).sum(), np.arange(5) * 12.0, constraints=limits)
    assert marks.spread(wanted, gap) == pytest.approx(best.x, abs=1e-4)


@given(arrays(np.bool_, st.tuples(st.integers(1, 8), st.integers(1, 8))))
def test_the_runs_of_cells_cover_each_true_cell_once(mask: np.ndarray) -> None:
    cover = np.zeros(mask.shape, int)
    for row, start, end in marks._runs(mask):
        cover[row, start:end] += 1
    assert (cover == mask).all()


def test_each_dot_costs_a_dozen_bytes_and_none_is_lost() -> None:
    def paint(figure: Figure) -> None:
        axes = panel(figure, 1, 0.2, 6, 1.8)
        axes.set(xlim=(0, 1), ylim=(0, 1), xticks=[], yticks=[])
        rng = np.random.default_rng(0)
        marks.dots(axes, rng.random(500), rng.random(500), SERIES[0])
        marks.dots(axes, [np.nan], [1.0], SERIES[1])

    svg = draw_svg("dots", 2.0, paint)
    assert svg.count("h.01") == 500
    assert len(svg) < 500 * 20 + 2500
    assert SERIES[1] not in svg


def test_a_missing_end_leaves_the_line_away_but_not_the_point() -> None:
    figure = Figure()
    axes = figure.add_subplot()
    look = marks.MarkStyle(SERIES[0])
    estimates = [Estimate(1.0, 0.5, 1.5), Estimate(2.0, None, 2.5), Estimate(np.nan, 1.0, 2.0)]
    marks.intervals(axes, enumerate(estimates), look)
    lines, points = axes.collections[0], axes.lines[0]
    assert len(lines.get_segments()) == 2
    assert list(points.get_xdata()) == [1.0, 2.0]


def test_cells_of_one_level_are_one_path_and_the_lowest_level_is_the_page() -> None:
    axes = Figure().add_subplot()
    marks.cells(axes, np.array([[0, 1, 1], [2, 0, 1]]), HEAT)
    assert [patch.get_facecolor() for patch in axes.patches] != []
    assert len(axes.patches) == 2
    assert axes.get_ylim() == (1.5, -0.5)


def test_labels_at_one_height_are_written_above_each_other() -> None:
    def paint(figure: Figure) -> None:
        axes = panel(figure, 1, 0.5, 4, 2.5)
        axes.set(xlim=(0, 1), ylim=(0, 1), xticks=[], yticks=[])
        marks.end_labels(
            axes, [marks.EndLabel(1.0, 0.5, name, SERIES[0]) for name in ("one", "two", "three")]
        )

    svg = draw_svg("labels", 3.0, paint)
    y = sorted(float(height) for height in re.findall(r'<text[^>]* y="([^"]+)"', svg))
    assert np.diff(y) == pytest.approx([11.5, 11.5], abs=0.1)


@pytest.mark.parametrize("height", [0.0, 1.0])
def test_labels_of_several_lines_do_not_leave_the_axes(height: float) -> None:
    axes = panel(Figure(figsize=(5, 3)), 1, 0.5, 4, 2.5)
    axes.set(xlim=(0, 1), ylim=(0, 1))
    ends = [marks.EndLabel(1.0, height, "first\nof three\nlines", SERIES[0]) for _ in range(2)]
    marks.end_labels(axes, ends, 34.0)
    inside = 13 / 144  # half of the two further lines, of 144 points
    placed = [label.xy[1] for label in axes.texts]
    assert min(placed) >= inside - 1e-9
    assert max(placed) <= 1 - inside + 1e-9


@given(arrays(np.float64, st.integers(1, 60), elements=st.floats(-1, 1)))
def test_a_swarm_stays_within_its_row(values: np.ndarray) -> None:
    assert np.abs(_swarm(values, (-1.0, 1.0 + 1e-9))).max() <= 0.4


@pytest.mark.parametrize(
    ("ticks", "written"),
    [(marks.value_ticks, "0,50"), (marks.percent_ticks, "25\u00a0%"), (marks.point_ticks, "12,5")],
)
def test_ticks_are_written_as_the_language_writes_numbers(ticks: Any, written: str) -> None:
    german = Wording({"formats": {"locale": "de"}, "numbers": {"percent": "{number}\u00a0%"}})

    def paint(figure: Figure) -> None:
        axes = panel(figure, 1, 1, 6, 2)
        axes.set_xlim(0, 0.15 if ticks is marks.point_ticks else 1)
        ticks(axes, "x", german, 6 if ticks is marks.point_ticks else 4)

    assert f">{written}<" in draw_svg("ticks", 3, paint)


@pytest.mark.parametrize("width", [0.5, 0.9, 3.0])
def test_labels_of_ticks_are_apart_and_inside_of_what_they_may_take(width: float) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    figure = Figure(figsize=(5, 2))
    canvas = FigureCanvasAgg(figure)
    axes = panel(figure, 1.0, 0.5, 1.0 + width, 1.8)
    axes.set_xlim(0, 1)
    axes.tick_params(axis="x", labelsize=9)
    marks.percent_ticks(axes, "x", wording(), 5)
    before = len(axes.get_xticks())
    marks.keep_ticks_apart(axes)
    canvas.draw()
    boxes = [label.get_window_extent() for label in axes.get_xticklabels()]
    ends = [(box.x0 / figure.dpi - 1.0, box.x1 / figure.dpi - 1.0) for box in boxes]
    assert 2 <= len(ends) <= before
    assert (len(ends) == before) == (width == 3.0)
    assert all(left[1] < right[0] for left, right in pairwise(ends))
    assert ends[0][0] >= -0.05
    assert ends[-1][1] <= width + 0.05


# --- Shortening an SVG loses no visible geometry and touches no text ------------------------------


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
