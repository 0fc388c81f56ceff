"""The house model on texts, images and series: what its embeddings and tokens promise."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from deepseek_report.artifacts.protocols.explainers import ExplainContext
from deepseek_report.artifacts.schema import Layout, Schema, Target
from deepseek_report.artifacts.split import Split
from deepseek_report.explainers.attention_flow import AttentionRollout
from deepseek_report.explainers.gradients.local_gradients import InputXGradient
from deepseek_report.explainers.gradients.path_gradients import IntegratedGradients
from deepseek_report.models.perceptron.mlp import MLP
from deepseek_report.models.routed import branched_attention as attending
from deepseek_report.models.routed.deepseek import DeepSeek
from deepseek_report.models.shared.network_encoding import Standard
from deepseek_report.models.shared.tokens import cut, shortest
from deepseek_report.tasks import task_of
from tests.builders import laid_out

SMALL = DeepSeek(width=16, heads=2, layers=2, experts=4, experts_per_token=2, expert_width=8)
KINDS = ("text", "image", "series")
SHAPES = {"text": (6,), "image": (5, 6, 2), "series": (9, 2)}
TARGETS = {
    "classification": Target("y", "y", ("a", "b", "c"), 0),
    "regression": Target("y", "y", ("y",), 0, 0, task="regression", unit="kg"),
    "multi_label": Target(
        *("y", "y", ("without t", "with t"), 0),
        task="multi_label",
        labels=("s", "t", "u", "v"),
        label_index=1,
    ),
}


def schema_of(kind: str, task: str = "classification") -> Schema:
    words = ("?", "[mask]", "good", "bad", "so", "very") if kind == "text" else ()
    return laid_out(kind, *SHAPES[kind], words=words, mask=1, target=TARGETS[task])


def split_of(kind: str, task: str = "classification") -> Split:
    """40 rows; texts and series of different lengths."""
    rng = np.random.default_rng(0)
    columns = int(np.prod(SHAPES[kind]))
    inputs = rng.normal(5, 3, (40, columns))
    if kind == "text":
        inputs = rng.integers(0, 6, (40, columns)).astype(float)
    if kind != "image":
        for row, kept in enumerate(rng.integers(3, columns + 1, 40)):
            inputs[row, kept - kept % SHAPES[kind][-1] if kind == "series" else kept :] = np.nan
    labels = rng.integers(0, 2, 40)
    if task == "regression":
        return Split(inputs, rng.normal(70, 12, 40), np.arange(40))
    every = rng.integers(0, 2, (40, 4)) if task == "multi_label" else None
    return Split(inputs, labels, np.arange(40), all_labels=every)


def module_of(kind: str, task: str = "classification", **fields: object) -> nn.Module:
    plugin = replace(SMALL, **{"patch": None if kind == "text" else 2, **fields})
    return plugin.build(schema_of(kind, task), split_of(kind, task), 3).eval()


def rows_of(kind: str) -> torch.Tensor:
    return torch.tensor(split_of(kind).inputs, dtype=torch.float32)


@pytest.mark.parametrize("task", TARGETS)
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_data_gives_the_outputs_that_every_target_asks_for(kind, task):
    module, rows = module_of(kind, task), rows_of(kind)
    outputs, balance = module.forward_with_balance(rows)
    assert outputs.shape == (40, task_of(TARGETS[task]).n_outputs(TARGETS[task]))
    assert module(rows).shape == (40, len(TARGETS[task].classes))
    assert torch.isfinite(module(rows)).all()
    assert balance >= 1 - 1e-5
    if task == "multi_label":
        torch.testing.assert_close(module(rows)[:, 1], outputs[:, 1])


@pytest.mark.parametrize("kind", KINDS)
def test_forward_is_forward_embedded_of_embed_and_the_first_part_of_trace(kind):
    module, rows = module_of(kind), rows_of(kind)
    assert torch.equal(module(rows), module.forward_embedded(module.embed(rows)))
    assert torch.equal(module(rows), module.trace(rows)[0])
    assert module.embed(rows).shape[1] == len(module.unit_features)


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_builds_and_says_the_same(kind):
    rows = rows_of(kind)
    assert torch.equal(module_of(kind)(rows), module_of(kind)(rows))


@pytest.mark.parametrize("kind", KINDS)
def test_the_tokens_cover_every_column_once_after_one_summary(kind):
    module = module_of(kind)
    assert module.token_columns[0] == ()
    covered = [column for columns in module.token_columns for column in columns]
    assert sorted(covered) == list(range(len(schema_of(kind).features)))


@pytest.mark.parametrize("pool", ["summary", "mean"])
@pytest.mark.parametrize("kind", KINDS)
def test_gradients_reach_every_column_that_is_there_and_no_other(kind, pool):
    module, rows = module_of(kind, pool=pool), rows_of(kind)
    units = module.embed(rows).detach().requires_grad_()
    weights = torch.linspace(1, 2, 3)
    (module.forward_embedded(units) * weights).sum().backward()
    size = units.grad.abs().sum(2)
    features = torch.tensor(module.unit_features)
    present = ~torch.isnan(rows[:, features.clamp(min=0)]) | (features < 0)
    whole = present if kind == "text" else torch.ones_like(present)
    if kind == "series":  # a window of two steps counts as there when one of its steps is
        whole = _windows_there(present)
    assert (size[whole] > 0).all()
    assert (size[~whole] == 0).all()


def _windows_there(present: torch.Tensor) -> torch.Tensor:
    _, windows = cut(schema_of("series").layout, 2)
    whole_windows = torch.zeros_like(present)
    for columns in windows:
        whole_windows[:, list(columns)] = present[:, list(columns)].any(1, keepdim=True)
    return whole_windows


@pytest.mark.parametrize("pool", ["summary", "mean"])
@pytest.mark.parametrize("kind", ["text", "series"])
def test_what_stands_after_the_end_changes_nothing(kind, pool):
    """The units of tokens that are not there are replaced; presence stays as it is."""
    module = module_of(kind, pool=pool)
    rows = rows_of(kind)
    rows[:, -SHAPES[kind][-1] if kind == "series" else -1 :] = np.nan
    units = module.embed(rows)
    ended = units[..., -1] < 0.5
    if kind == "series":
        ended = ~_windows_there(~ended)
    changed = units.clone()
    changed[..., :-1][ended] = 1e3 * torch.randn_like(changed[..., :-1][ended])
    assert ended.any()
    torch.testing.assert_close(module.forward_embedded(changed), module.forward_embedded(units))


@pytest.mark.parametrize("kind", ["text", "series"])
def test_places_for_longer_texts_or_series_change_nothing_for_short_ones(kind):
    """A model cut to the columns that a row uses, with the same weights, says the same."""
    module, shape = module_of(kind), SHAPES[kind]
    short = (shape[0] - 3, *shape[1:])
    columns = int(np.prod(short))
    rows = rows_of(kind)
    rows[:, :columns] = torch.nan_to_num(rows[:, :columns], nan=1.0)
    rows[:, columns:] = np.nan
    schema, train = schema_of(kind), split_of(kind)
    layout = replace(schema.layout, shape=short)
    part = replace(schema, features=schema.features[:columns], layout=layout)
    cropped = replace(train, inputs=train.inputs[:, :columns])
    small = replace(SMALL, patch=None if kind == "text" else 2).build(part, cropped, 0).eval()
    weights = module.state_dict()
    for name, own in small.state_dict().items():
        cut_to = tuple(slice(0, size) for size in own.shape)
        weights[name] = weights[name][cut_to] if own.dim() else weights[name]
        if name.endswith("far"):
            weights[name] = own
    small.load_state_dict(weights)
    torch.testing.assert_close(module(rows), small(rows[:, :columns]), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("kind", ["text", "series"])
def test_what_is_asked_beside_a_text_or_series_does_not_change_its_output(kind):
    module, rows = module_of(kind), rows_of(kind)
    together = module(rows)
    for row, output in zip(rows, together, strict=True):
        torch.testing.assert_close(module(row[None])[0], output)


@pytest.mark.parametrize("kind", KINDS)
def test_attention_in_parts_is_attention_at_once(kind, monkeypatch):
    module, rows = module_of(kind), rows_of(kind)
    whole, traced = module.trace(rows)
    monkeypatch.setattr(attending, "_AT_ONCE", 1)
    parts, again = module.trace(rows)
    torch.testing.assert_close(parts, whole)
    for traced_once, other in zip(again, traced, strict=True):
        torch.testing.assert_close(traced_once.attention, other.attention)


@pytest.mark.parametrize("kind", ["text", "series"])
def test_tokens_that_are_not_there_use_no_expert_and_are_not_looked_at(kind):
    module, rows = module_of(kind), rows_of(kind)
    present = module.tokens.join(module.embed(rows))[1]
    assert not present.all()
    for trace in module.trace(rows)[1]:
        used = (trace.expert_weights > 0).sum(2)
        assert torch.equal(used, 2 * present.long())
        for attention in trace.attention.values():
            sums = present.float()[:, None, :].expand(-1, 2, -1)
            torch.testing.assert_close(attention.sum(-1), sums)
            assert (attention.sum(2)[(~present)[:, None, :].expand(-1, 2, -1)] == 0).all()
        routes = torch.cat(list(trace.routes.values()), dim=1)
        torch.testing.assert_close(routes.sum(1), torch.ones(40))


@pytest.mark.parametrize("pool", ["summary", "mean"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_output_reads_the_summary_or_all_tokens_that_are_there(kind, pool):
    module, rows = module_of(kind, pool=pool), rows_of(kind)
    reading = module.reading(rows)
    assert reading.shape == (40, len(module.token_columns))
    torch.testing.assert_close(reading.sum(1), torch.ones(40))
    present = module.tokens.join(module.embed(rows))[1]
    expected = 1 if pool == "summary" else len(module.token_columns)
    counts = present.sum(1) if present is not None and pool == "mean" else expected
    torch.testing.assert_close((reading > 0).sum(1), torch.zeros(40).long() + counts)


def test_an_empty_text_and_a_series_of_gaps_give_finite_logits():
    for kind in KINDS:
        row = torch.full((1, int(np.prod(SHAPES[kind]))), np.nan)
        assert torch.isfinite(module_of(kind)(row)).all()


def test_words_outside_the_vocabulary_are_the_unknown_word():
    module, rows = module_of("text"), rows_of("text")[:1].nan_to_num(2.0)
    foreign, unknown = rows.clone(), rows.clone()
    foreign[0, 0], unknown[0, 0] = 99.0, 0.0
    assert torch.equal(module(foreign), module(unknown))


def test_training_hides_some_words_behind_the_mask_and_evaluation_none():
    module, rows = module_of("text", masking=0.5), rows_of("text").nan_to_num(2.0)
    shown, hidden = module.embed(rows), rows.clone()
    hidden[:, :] = 1.0
    masked = module.embed(hidden)
    torch.manual_seed(0)
    drawn = module.train().embed(rows)
    as_told, as_masked = ((drawn == picture).all(2)[:, 1:] for picture in (shown, masked))
    assert (as_told | as_masked).all()
    assert 0.3 < as_masked.float().mean() < 0.75


def test_neighbours_of_a_patch_are_those_around_it():
    """Patches of 2 × 2 in 5 × 6 pixels: 3 × 3 of them, the middle one sees all of them."""
    local = module_of("image").trace(rows_of("image"))[1][0].attention["local"][0, 0]
    seen = (local > 0).sum(1).tolist()
    assert seen == [10, 5, 7, 5, 7, 10, 7, 5, 7, 5]


def test_a_patch_is_made_of_the_pixels_at_its_place():
    layout = schema_of("image").layout
    grid, patches = cut(layout, 2)
    places = np.arange(60).reshape(5, 6, 2)
    assert grid == (3, 3)
    assert patches[4] == tuple(places[2:4, 2:4].ravel())
    assert patches[8] == tuple(places[4:, 4:].ravel())


@pytest.mark.parametrize(
    ("modality", "shape", "length"),
    [
        ("image", (28, 28, 1), 4),
        ("image", (64, 64, 3), 8),
        ("image", (8, 8, 1), 1),
        ("series", (275, 1), 5),
        ("series", (10_000, 3), 157),
        ("series", (40, 2), 1),
    ],
)
def test_patches_are_the_shortest_with_at_most_64_tokens(modality, shape, length):
    assert shortest(Layout(modality, shape, (), ())) == length


def test_columns_are_standardised_by_channel_and_gaps_are_the_mean():
    layout = Layout("series", (3, 2), (), ())
    train = np.array([[1.0, 10, 3, 10, np.nan, 10], [5.0, 10, 7, 10, 9, 10]])
    standard = Standard(layout, train)
    standardised = standard(torch.tensor([[5.0, 10, np.nan, 12, 5 + np.sqrt(8), 9]])).numpy()
    np.testing.assert_allclose(standardised, [[0, 0, 0, 2, 1, -1]], atol=1e-6)


@pytest.mark.parametrize("kind", ["image", "series"])
def test_the_perceptron_reads_one_number_a_pixel_or_step(kind):
    module = MLP(hidden=(8,)).build(schema_of(kind), split_of(kind), 0).eval()
    columns = len(schema_of(kind).features)
    assert module.unit_features == tuple(range(columns))
    assert module.embed(rows_of(kind)).shape == (40, columns, 1)
    assert torch.isfinite(module(rows_of(kind))).all()


def test_sizes_are_presets_that_single_fields_override():
    small = DeepSeek(size="small", layers=5).sizes
    assert (small.width, small.layers, small.heads) == (64, 5, 4)
    tiny = DeepSeek().sizes
    assert (tiny.width, tiny.layers, tiny.heads, tiny.experts) == (32, 2, 2, 8)
    assert (tiny.experts_per_token, tiny.expert_width) == (2, 16)


@pytest.mark.parametrize("kind", KINDS)
def test_explanations_come_out_for_every_column(kind):
    module, rows = module_of(kind), rows_of(kind).numpy().astype(float)
    classifier = SMALL.wrap(module, schema_of(kind), "cpu")
    context = ExplainContext(classifier, rows[:4], np.arange(4), rows[4:12], 1, 0)
    for explainer in (IntegratedGradients(n_steps=8), InputXGradient(), AttentionRollout()):
        values = explainer.explain(context).values
        assert values.shape == rows[:4].shape
        assert np.isfinite(values).all()
        assert (np.abs(values).sum(axis=1) > 0).all()
    if kind == "text":
        assert (values[np.isnan(rows[:4])] == 0).all()
