"""Attention along a band and over runs, against the whole matrices."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from deepseek_report.models.routed import branched_attention as dense_module
from deepseek_report.models.routed.branched_attention import (
    Neighbours,
    RoutedAttention,
    joined,
    outside_band,
    runs,
)

HEADS, WIDTH, ROWS = 2, 16, 3
#: One line, a line shorter than a block, a grid.
GRIDS = [((70,), 3), ((70,), 20), ((10,), 4), ((9, 8), 1), ((9, 8), 2)]


def pair(grid: tuple[int, ...], window: int, monkeypatch) -> tuple[RoutedAttention, ...]:
    """The same weights, computed as whole matrices and along the band."""
    torch.manual_seed(0)
    neighbours = Neighbours(grid, window)
    dense = RoutedAttention(neighbours, WIDTH, HEADS, 10_000)
    monkeypatch.setattr(dense_module, "DENSE", 1)
    blocked = RoutedAttention(neighbours, WIDTH, HEADS, 10_000)
    blocked.load_state_dict({k: v for k, v in dense.state_dict().items() if k != "far"})
    assert dense.dense
    assert not blocked.dense
    return dense, blocked


def tokens_of(grid: tuple[int, ...]) -> torch.Tensor:
    return torch.randn(
        ROWS, int(np.prod(grid)) + 1, WIDTH, generator=torch.Generator().manual_seed(1)
    )


def ends(tokens: torch.Tensor) -> torch.Tensor:
    """One row whole, one cut after a third, one of the summary alone."""
    length = tokens.shape[1]
    kept = torch.tensor([length, 1 + length // 3, 1])
    return torch.arange(length) < kept[:, None]


@pytest.mark.parametrize("cut", [False, True], ids=["whole", "ended"])
@pytest.mark.parametrize(("grid", "window"), GRIDS)
def test_the_band_in_blocks_gives_the_numbers_of_the_whole_matrix(grid, window, cut, monkeypatch):
    dense, blocked = pair(grid, window, monkeypatch)
    tokens = tokens_of(grid)
    present = ends(tokens) if cut else None
    results = [list(layer(tokens, present)) for layer in (dense, blocked)]
    for parts in results:
        parts[0] = parts[0] if present is None else parts[0][present]
    for first, two in zip(*results, strict=True):
        torch.testing.assert_close(first, two, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("cut", [False, True], ids=["whole", "ended"])
def test_maps_of_many_tokens_are_pooled_alike_by_both_ways(cut, monkeypatch):
    monkeypatch.setattr(dense_module, "MAPS", 12)
    dense, blocked = pair((70,), 3, monkeypatch)
    tokens = tokens_of((70,))
    present = ends(tokens) if cut else None
    first_map, two = dense(tokens, present)[1], blocked(tokens, present)[1]
    assert first_map.shape == (ROWS, 2, HEADS, 11, 11)
    torch.testing.assert_close(first_map, two, atol=1e-5, rtol=1e-4)
    sums = first_map.sum(-1)
    assert ((sums - 1).abs().lt(1e-5) | sums.eq(0)).all()
    assert cut == bool((sums == 0).any())


def test_gradients_of_the_band_are_those_of_the_whole_matrix(monkeypatch):
    dense, blocked = pair((70,), 3, monkeypatch)
    lengths = []
    for layer in (dense, blocked):
        tokens = tokens_of((70,)).requires_grad_()
        (layer(tokens, maps=False)[0] ** 2).sum().backward()
        lengths.append(tokens.grad)
    torch.testing.assert_close(lengths[0], lengths[1], atol=1e-4, rtol=1e-4)


def test_runs_of_equal_tokens_are_read_as_the_tokens_themselves(monkeypatch):
    """Where the members of a run are alike, the mean that counts for all of them is exact."""
    torch.manual_seed(0)
    neighbours = Neighbours((60,), 2)
    dense = RoutedAttention(neighbours, WIDTH, HEADS, 10_000)
    pooled = RoutedAttention(neighbours, WIDTH, HEADS, 21)
    pooled.load_state_dict({k: v for k, v in dense.state_dict().items() if k != "far"})
    summary, rest = torch.randn(ROWS, 1, WIDTH), torch.randn(ROWS, 20, WIDTH)
    tokens = torch.cat([summary, rest.repeat_interleave(3, dim=1)], dim=1)
    assert int(pooled.run_of[-1]) + 1 == 21
    for first, two in zip(dense(tokens), pooled(tokens), strict=True):
        torch.testing.assert_close(first, two, atol=1e-5, rtol=1e-4)


def test_a_band_of_ten_thousand_tokens_makes_no_matrix_of_pairs(monkeypatch):
    from torch.autograd.profiler import profile

    monkeypatch.setenv("KINETO_LOG_LEVEL", "99")  # the first profile of a process decides for all

    layer = RoutedAttention(Neighbours((10_000,), 3), 8, 1, 128)
    tokens = torch.randn(1, 10_001, 8, requires_grad=True)
    with profile(use_kineto=False, profile_memory=True) as recorded:
        out, maps, _ = layer(tokens)
        out.sum().backward()
    events = sorted(recorded.function_events, key=lambda event: event.time_range.end)
    held = np.cumsum([event.self_cpu_memory_usage for event in events]).max()
    assert maps.shape == (1, 2, 1, 128, 128)
    assert held < 150e6 < 4 * 10_001**2
    assert torch.isfinite(tokens.grad).all()


def test_near_is_by_every_coordinate():
    near = outside_band(Neighbours((3, 4), 1))[0] == 0
    rows, columns = np.divmod(np.arange(12), 4)
    apart = np.maximum(abs(rows[:, None] - rows), abs(columns[:, None] - columns))
    np.testing.assert_array_equal(near[1:, 1:].numpy(), apart <= 1)
    assert near[0].all()
    assert near[:, 0].all()


@pytest.mark.parametrize(("tokens", "most"), [(5, 128), (128, 128), (129, 128), (10_001, 128)])
def test_runs_are_few_cover_all_tokens_and_keep_the_summary_apart(tokens, most):
    run_of = runs(tokens, most)
    assert len(run_of) == tokens
    assert int(run_of[-1]) + 1 <= most
    assert (run_of.diff() >= 0).all()
    assert (run_of == 0).sum() == 1
    if tokens <= most:
        assert torch.equal(run_of, torch.arange(tokens))


def test_the_columns_of_a_run_are_those_of_its_tokens():
    columns = joined(((), (0, 1), (2,), (3,), (4,)), runs(5, 3))
    assert columns == ((), (0, 1, 2), (3, 4))


@pytest.mark.parametrize("cut", [False, True], ids=["whole", "ended"])
def test_the_first_tokens_alone_are_mixed_as_among_all(cut):
    torch.manual_seed(0)
    layer = RoutedAttention(Neighbours((70,), 3), WIDTH, HEADS, 10_000)
    tokens = tokens_of((70,))
    present = ends(tokens) if cut else None
    everything, _, routes = layer(tokens, present, maps=False)
    first, _, routes_too = layer(tokens, present, maps=False, read=1)
    assert first.shape == (ROWS, 1, WIDTH)
    torch.testing.assert_close(first, everything[:, :1])
    torch.testing.assert_close(routes_too, routes)
