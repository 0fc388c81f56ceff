"""Attention along a band and over runs, rows sent to experts, and what parts add to the output."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch.autograd import gradcheck, gradgradcheck

from deepseek_report.artifacts.protocols.modules import AddsUpSteps
from deepseek_report.artifacts.split import Split
from deepseek_report.models.routed import branched_attention as dense_module
from deepseek_report.models.routed.branched_attention import (
    Neighbours,
    RoutedAttention,
    joined,
    outside_band,
    runs,
    split_heads,
)
from deepseek_report.models.routed.deepseek import DeepSeek
from deepseek_report.models.routed.experts import Slots, SparseExperts, product
from deepseek_report.models.shared.output_layers import contrast
from tests.shared_runs import schema_of_layout

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


# --- Rows sent to groups, products, parts of heads: slow loops, and differences -------------------


WHICH = torch.tensor([[2, 0], [0, 3], [2, 3], [0, 2], [3, 2]])
GROUPS = 5  # groups 1 and 4 get no row


@pytest.fixture
def slots() -> Slots:
    return Slots.of(WHICH, GROUPS)


def drawn(*shape: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(sum(shape))
    return torch.randn(*shape, generator=generator, dtype=torch.float64, requires_grad=True)


def by_group(rows: torch.Tensor, matrices: torch.Tensor, biases: torch.Tensor) -> torch.Tensor:
    """(row, m), the sum over the groups of each row of what their matrix and bias give."""
    return torch.stack(
        [
            sum((row @ matrices[g] + biases[g] for g in which), torch.zeros(1))
            for row, which in zip(rows, WHICH.tolist(), strict=True)
        ]
    )


def test_slots_stand_in_the_order_of_groups_and_keep_that_of_the_rows(slots):
    assert slots.sizes == [3, 0, 4, 3, 0]
    assert slots.row.tolist() == [0, 1, 3, 0, 2, 3, 4, 1, 2, 4]
    assert torch.equal(slots.row[slots.place], torch.arange(5)[:, None].expand(5, 2))


def test_each_slot_is_multiplied_by_the_matrix_of_its_group(slots):
    rows, matrices, biases = drawn(5, 3), drawn(GROUPS, 3, 4), drawn(GROUPS, 4)
    slow = by_group(rows, matrices, biases)
    torch.testing.assert_close(
        slots.combine(slots.linear(slots.dispatch(rows), matrices, biases)), slow
    )
    with torch.no_grad():
        quick = slots.combine(slots.linear(slots.dispatch(rows), matrices, biases))
    torch.testing.assert_close(quick, slow.detach())


def test_first_and_second_derivatives_are_those_of_differences(slots):
    def whole(rows, matrices, biases):
        return slots.combine(slots.linear(slots.dispatch(rows), matrices, biases).sin())

    parts = drawn(5, 3), drawn(GROUPS, 3, 2), drawn(GROUPS, 2)
    assert gradcheck(whole, parts)
    assert gradgradcheck(whole, parts)


def test_absent_tokens_get_nothing_and_leave_the_others_as_they_are():
    torch.manual_seed(0)
    layer = SparseExperts(6, 5, experts=4, chosen=2, shared=True)
    tokens = torch.randn(3, 7, 6, requires_grad=True)
    present = torch.arange(7) < torch.tensor([7, 4, 1])[:, None]
    out, routing = layer(tokens, present)
    alone, _ = layer(tokens[present].unsqueeze(0))
    torch.testing.assert_close(out[present], alone[0])
    assert (out[~present] == 0).all()
    assert (routing.weights()[~present] == 0).all()
    out.sum().backward()
    assert (tokens.grad[~present] == 0).all()


def test_under_autocast_gradients_come_back_in_the_format_of_the_weights():
    torch.manual_seed(0)
    layer = SparseExperts(8, 4, experts=4, chosen=2, shared=False)
    tokens = torch.randn(2, 5, 8)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        out, _ = layer(tokens)
    out.float().sum().backward()
    assert layer.inner.grad.dtype == torch.float32
    torch.testing.assert_close(out.float(), layer(tokens)[0], atol=0.05, rtol=0.05)


@pytest.mark.parametrize("shape", [(5, 3, 2), (2, 3, 5), (4, 3, 4), (3, 1, 5), (5, 1, 1)])
def test_a_product_and_its_derivatives_are_those_of_torch(shape):
    n, k, m = shape
    torch.manual_seed(0)
    left = torch.randn(2, n, k, dtype=torch.float64, requires_grad=True)
    right = torch.randn(2, k, m, dtype=torch.float64, requires_grad=True)
    torch.testing.assert_close(product(left, right), left @ right)
    with torch.no_grad():
        torch.testing.assert_close(product(left, right), left @ right)
    assert gradcheck(product, (left, right))
    assert gradgradcheck(product, (left, right))


@pytest.mark.parametrize(("kinds", "heads"), [(3, 2), (2, 4), (1, 1)])
def test_each_head_gets_its_part_of_each_kind_and_derivatives_go_back_there(kinds, heads):
    torch.manual_seed(0)
    projected = torch.randn(2, 3, kinds * heads * 2, dtype=torch.float64, requires_grad=True)
    parts = split_heads(projected, kinds, heads)
    assert len(parts) == kinds
    by_head = projected.view(2, 3, kinds, heads, 2)
    for kind, part in enumerate(parts):
        for row in range(2):
            for head in range(heads):
                expected = by_head[row, :, kind, head]
                torch.testing.assert_close(part[row * heads + head], expected)
    with torch.no_grad():
        for part, again in zip(parts, split_heads(projected, kinds, heads), strict=True):
            torch.testing.assert_close(part, again)
    assert gradcheck(lambda rows: split_heads(rows, kinds, heads), projected)
    assert gradgradcheck(lambda rows: split_heads(rows, kinds, heads), projected)


# --- What the parts of a module add to its output adds up to that output --------------------------


SMALL = DeepSeek(width=16, heads=2, experts=4, expert_width=8, bins=4, window=1)


def built(modality: str, **settings: Any) -> tuple[Any, torch.Tensor]:
    """A module with drawn biases and norms, and inputs, of which texts end early."""
    schema = schema_of_layout(modality)
    rng = np.random.default_rng(5)
    columns = len(schema.features)
    rows = rng.integers(2, 8, (12, columns)) if modality == "text" else rng.random((12, columns))
    rows = rows.astype(np.float64)
    if modality == "text":
        rows[3:6, 5:] = np.nan
    labels = np.arange(12) % len(schema.target.classes)
    plugin = replace(SMALL, **settings)
    module = plugin.build(schema, Split(rows, labels, np.arange(12), {}), 3).eval()
    generator = torch.Generator().manual_seed(1)
    for name, parameter in module.named_parameters():
        if "bias" in name or "norm" in name:
            drawn = torch.randn(parameter.shape, generator=generator)
            parameter.data = parameter.data + 0.3 * drawn
    return module, torch.tensor(rows, dtype=torch.float32)


@pytest.mark.parametrize("modality", ["text", "image", "series"])
@pytest.mark.parametrize("pool", ["summary", "mean"])
@pytest.mark.parametrize("shared", [True, False])
def test_the_steps_add_up_to_the_logit(modality: str, pool: str, shared: bool) -> None:
    module, rows = built(modality, pool=pool, shared_expert=shared)
    assert isinstance(module, AddsUpSteps)
    for target in (0, 1):
        with torch.inference_mode():
            sums = module.step_sums(rows, target)
            output = contrast(module(rows), target).double().numpy()
        assert sums.added.shape == (12, len(sums.steps))
        assert np.allclose(sums.added.sum(axis=1), output, atol=2e-5)


def test_a_head_that_is_masked_in_the_last_layer_takes_its_step_away() -> None:
    """Nothing reads the last layer's heads but its own experts and the output."""
    module, rows = built("image", pool="summary")
    with torch.inference_mode():
        sums = module.step_sums(rows, 1)
        last = max(step.layer for step in sums.steps)
        at = next(i for i, s in enumerate(sums.steps) if (s.layer, s.kind) == (last, "head"))
        router = module.layers[-1].attention.router
        routes = sums.weights[:, at]
        router.bias.data[0] = -1e9  # the first head of the local branch gets no weight
        without = module.step_sums(rows, 1)
    assert (routes > 0).all()
    assert np.allclose(without.added[:, at], 0, atol=1e-6)
    assert np.allclose(without.weights[:, at], 0)


def test_weights_are_those_of_the_routers() -> None:
    module, rows = built("image", pool="summary")
    with torch.inference_mode():
        sums = module.step_sums(rows, 1)
        _, layers = module.trace(rows)
    for number, layer in enumerate(layers, start=1):
        heads = [i for i, s in enumerate(sums.steps) if (s.layer, s.kind) == (number, "head")]
        routes = torch.stack(list(layer.routes.values()), dim=1).flatten(1).numpy()
        assert np.allclose(sums.weights[:, heads], routes, atol=1e-6)
        experts = [i for i, s in enumerate(sums.steps) if (s.layer, s.kind) == (number, "expert")]
        chosen = layer.expert_weights[:, 0].numpy()
        assert np.allclose(sums.weights[:, experts], chosen, atol=1e-6)
        unused = chosen == 0
        assert np.allclose(sums.added[:, experts][unused], 0, atol=1e-6)
