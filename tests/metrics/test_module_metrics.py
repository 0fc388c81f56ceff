"""What is inside a torch module: time, memory, routes, experts, attention, heads, weights."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from torch import nn

from deepseek_report.artifacts.protocols.modules import LayerTrace, Step
from deepseek_report.artifacts.schema import Schema
from deepseek_report.metrics.internals import compute, routing, tracing
from deepseek_report.metrics.internals.ablation import Ablation
from deepseek_report.models.shared.module_classifier import TorchClassifier
from deepseek_report.statistics.answer_errors import cross_entropy
from deepseek_report.tasks import task_of
from tests.builders import NUMBER, laid_out, table, value_of
from tests.worded import refused


class Routed(nn.Module):
    """Two branches of two heads; only the first local head reaches the output."""

    token_columns = ((), (0,), (1,))

    def __init__(self) -> None:
        super().__init__()
        self.block = nn.Sequential(nn.Linear(3, 8), nn.ReLU())
        self.output = nn.Linear(8, 2)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.trace(inputs)[0]

    def parts(self):
        heads = [Step(1, "head", branch, k) for branch in ("local", "global") for k in (1, 2)]
        return [*heads, Step(1, "expert", number=1)]

    def replaced(self, inputs: torch.Tensor):
        signal = self.trace(inputs)[0]
        for step in self.parts():
            is_used = step in (Step(1, "head", "local", 1), Step(1, "expert", number=1))
            for replacement in ("zero", "mean", "swap"):
                other = signal.roll(len(signal) // 2, 0) if replacement == "swap" else signal * 0
                yield step, replacement, other if is_used else signal

    def trace(self, inputs: torch.Tensor):
        n = len(inputs)
        routes = torch.full((n, 2, 2), 0.25)
        signal = 0.02 * (inputs[:, 0] - 50)
        hidden = self.output(self.block(torch.nan_to_num(inputs) / 100)) * 0
        logits = hidden + torch.stack([-signal, signal], dim=1)
        attention = torch.full((n, 2, 3, 3), 1 / 3)
        experts = torch.tensor([[0.5, 0.5, 0.0], [1.0, 0.0, 0.0], [0.3, 0.7, 0.0]]).expand(n, 3, 3)
        layer = LayerTrace(
            attention={"local": attention, "global": attention},
            routes={"local": routes[:, 0], "global": routes[:, 1]},
            expert_weights=experts,
        )
        return logits, [layer]


def classifier_of(module: nn.Module, schema: Schema) -> TorchClassifier:
    return TorchClassifier(module.eval(), schema, "routed", {"attention", "routing", "experts"})


@pytest.fixture
def routed(toy):
    context = toy(n=300)
    torch.manual_seed(0)
    return replace(context, classifier=classifier_of(Routed(), context.dataset.schema))


def test_parameters_add_up(routed) -> None:
    measured = compute.Parameters().measure(routed)
    assert value_of(measured, "parameters") == 3 * 8 + 8 + 8 * 2 + 2
    assert measured.tables["layers"]["parameters"].sum() == 50
    assert measured.tables["layers"]["share"].sum() == pytest.approx(1)


def test_parameters_and_times_are_told_by_the_layers_that_a_model_describes(routed) -> None:
    class Described(Routed):
        def architecture(self):
            inside = {"name": "block", "kind": "attention", "parameters": 3 * 8 + 8}
            return {"layers": [inside, {"name": "output", "kind": "head", "parameters": 18}]}

    routed.classifier.module = Described().eval()
    layers = compute.Parameters().measure(routed).tables["layers"]
    assert dict(zip(layers["layer"], layers["parameters"], strict=True)) == {
        "block": 32,
        "output": 18,
    }
    times = compute.LayerProfile(batch_size=16, repeats=3).measure(routed).tables["layers"]
    assert times["layer"].tolist() == ["block", "output", "outside named layers"]
    assert times["kind"].tolist()[:2] == ["attention", "head"]


def test_a_layer_that_does_not_hold_all_parameters_is_no_description(routed) -> None:
    class Half(Routed):
        def architecture(self):
            return {"layers": [{"name": "output", "kind": "head", "parameters": 18}]}

    routed.classifier.module = Half().eval()
    assert compute.Parameters().measure(routed).tables["layers"]["parameters"].sum() == 50


def test_a_model_without_a_module_is_refused_with_the_reason(toy) -> None:
    for metric in (compute.Parameters(), compute.LayerProfile(), compute.ParameterProjection()):
        with refused("not a torch module"):
            metric.measure(toy())


def test_a_layer_profile_adds_up_and_leaves_no_hook(routed) -> None:
    measured = compute.LayerProfile(batch_size=16, repeats=5).measure(routed)
    table = measured.tables["layers"]
    assert {"block.0", "output", "outside named layers"} <= set(table["layer"])
    assert table["ms"].sum() == pytest.approx(value_of(measured, "forward_ms"), rel=0.5)
    assert all(not part._forward_hooks for part in routed.classifier.module.modules())


def test_shares_of_layers_add_up_however_often_a_pass_is_held_up(routed, monkeypatch) -> None:
    seconds = itertools.cycle([0.5, 0.001, 0.5])
    monkeypatch.setattr(tracing, "seconds_of_a_pass", lambda *_: next(seconds))
    laps = itertools.cycle([{"a": 400.0, "b": 1.0}, {"a": 1.0, "b": 400.0}, {"a": 1.0, "b": 3.0}])
    monkeypatch.setattr(tracing.Stopwatch, "lap", lambda _: next(laps))
    monkeypatch.setattr(tracing.Stopwatch, "kinds", {"a": "A", "b": "B"}, raising=False)
    table = compute.LayerProfile(batch_size=16, repeats=3).measure(routed).tables["layers"]
    assert table["share"].sum() == pytest.approx(1.0)


def test_the_time_of_a_part_is_without_the_parts_inside_it(monkeypatch) -> None:
    clock = iter([0.0, 1.0, 4.0, 9.0])
    monkeypatch.setattr(
        "deepseek_report.metrics.internals.tracing.perf_counter", lambda: next(clock)
    )
    model = nn.Sequential(nn.Sequential(nn.Identity()))
    with tracing.Stopwatch(model, lambda: None) as watch:
        model(torch.zeros(1))
        assert watch.lap() == {"0": 6000.0, "0.0": 3000.0}


def test_latency_gives_every_batch_size_in_order(routed) -> None:
    measured = compute.Latency(batch_sizes=(8, 1), repeats=4).measure(routed)
    table = measured.tables["latency"]
    assert table["batch_size"].tolist() == [1, 8]
    assert np.allclose(table["rows_per_second"], 1000 * table["batch_size"] / table["ms"])
    assert value_of(measured, "latency_ms") == table["ms"].iloc[0]


def test_peak_memory_sees_what_a_pass_allocates(routed) -> None:
    small = compute.PeakMemory(batch_size=50).measure(routed)
    large = compute.PeakMemory(batch_size=500).measure(routed)
    assert value_of(small, "peak_memory") > 50
    ratio = value_of(large, "inference_memory") / value_of(small, "inference_memory")
    assert ratio == pytest.approx(10, rel=0.2)


def test_peak_memory_says_nothing_on_standard_error(routed, capfd) -> None:
    compute.PeakMemory(batch_size=100).measure(routed)
    assert capfd.readouterr().err == ""


def test_the_median_has_the_interval_of_order_statistics() -> None:
    few, many = (tracing.median_interval(np.arange(1.0, n)) for n in (6.0, 101.0))
    assert (few.value, few.low, few.high) == (3, 1, 5)
    assert (many.value, many.low, many.high) == (50.5, 40, 61)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("blocks.0.attention.weight", "blocks.0"),
        ("head.weight", "head"),
        ("query", "query"),
        ("net.embed_tokens.weight", "net.embed_tokens"),
        ("a.b.3.c", "a.b.3"),
    ],
)
def test_a_parameter_belongs_to_its_first_numbered_block_or_its_own_layer(path, expected) -> None:
    assert compute.layer_name(path) == expected


def test_expert_load_counts_choices(routed) -> None:
    measured = routing.ExpertLoad(max_rows=50, n_resamples=100).measure(routed)
    assert measured.tables["load"]["share"].tolist() == pytest.approx([0.6, 0.4, 0.0])
    assert value_of(measured, "expert_load_imbalance") == pytest.approx(0.6 * 3)
    assert value_of(measured, "unused_experts") == 1


def test_even_routes_have_full_entropy(routed) -> None:
    measured = routing.RouteEntropy(max_rows=60, n_resamples=100).measure(routed)
    assert value_of(measured, "route_entropy") == pytest.approx(1)
    routes = measured.tables["routes"]
    assert routes["branch"].tolist() == ["local", "local", "global", "global"]
    assert routes["weight"].tolist() == pytest.approx([0.25] * 4)
    assert set(measured.tables["by_class"]["class"]) == {"repaid", "default"}


def test_entropy_is_zero_for_one_choice_and_one_for_all() -> None:
    entropies = tracing.normalised_entropy(np.array([[1.0, 0, 0, 0], [0.25] * 4, [0.5, 0.5, 0, 0]]))
    assert entropies.tolist() == pytest.approx([0, 1, 0.5])


def test_attention_keeps_its_axes_and_names_its_tokens(routed) -> None:
    measured = routing.Attention().measure(routed)
    assert measured.arrays["mean"].shape == (1, 2, 2, 3, 3)
    assert np.allclose(measured.arrays["mean"].sum(axis=-1), 1)
    assert measured.tables["tokens"]["label"].tolist() == ["summary", "loan amount", "colour"]
    assert value_of(measured, "attention_entropy") == pytest.approx(1)


def test_the_parts_that_are_used_are_needed_and_the_others_spare(routed) -> None:
    measured = Ablation(max_rows=300).measure(routed)
    parts = measured.tables["parts"]
    assert parts["verdict"].tolist() == ["needed", "spare", "spare", "spare", "needed"]
    assert (parts.loc[[0, 4], ["zero", "mean", "swap"]] > 0).all(axis=None)
    assert (parts.loc[[0, 4], "swap_turned"] > 0).all()
    assert (parts.loc[1:3, ["zero", "mean", "swap", "zero_turned"]] == 0).all(axis=None)
    assert value_of(measured, "removable_heads") == 0.75
    assert value_of(measured, "needed_experts") == 1


def test_a_part_is_told_beside_its_load_where_the_load_is_known(routed) -> None:
    load = routing.ExpertLoad(max_rows=50, n_resamples=100).measure(routed)
    known = replace(routed, measured={"measures/expert_load": load})
    parts = Ablation(max_rows=300).measure(known).tables["parts"]
    assert parts["load"].iloc[-1] == pytest.approx(0.6 * 3)
    assert parts["load"].iloc[:-1].isna().all()


def test_the_rises_inside_and_outside_of_a_group_join_to_that_of_all(routed) -> None:
    measured = Ablation(max_rows=300).measure(routed)
    rows = measured.tables["by_group"]
    assert len(rows)
    whole = measured.tables["parts"]["mean"].iloc[-1]
    joined = (rows["mean"] * rows["n"] + rows["rest"] * (300 - rows["n"])) / 300
    assert joined.tolist() == pytest.approx([whole] * len(rows))


def test_a_model_too_large_for_the_counted_work_is_refused_with_both_numbers(routed) -> None:
    with refused("are allowed; raise metrics.ablation.most_work"):
        Ablation(max_rows=300, most_work=1000).measure(routed)


def test_a_model_that_cannot_run_without_a_part_is_refused(routed) -> None:
    routed.classifier.module = nn.Linear(3, 2).eval()
    with refused("offers no way to run without one of its parts"):
        Ablation().measure(routed)


def test_what_experts_are_asked_about_is_told_by_token_and_by_group(routed) -> None:
    subjects = routing.ExpertLoad(max_rows=60, n_resamples=100).measure(routed).tables["asked"]
    tokens = subjects[subjects["attribute"] == ""].set_index(["label", "expert"])["share"]
    assert tokens["summary", 0] == pytest.approx(0.5)
    assert tokens["loan amount", 0] == pytest.approx(1)
    assert tokens["colour", 1] == pytest.approx(0.5)
    groups = subjects[subjects["attribute"] != ""]
    assert groups["share"].tolist() == pytest.approx(groups["load"].tolist())


def test_cross_entropy_agrees_with_torch() -> None:
    logits = np.random.default_rng(0).normal(size=(9, 3)) * 50
    labels = np.arange(9) % 3
    theirs = nn.functional.cross_entropy(
        torch.tensor(logits), torch.tensor(labels), reduction="none"
    )
    assert np.allclose(cross_entropy(logits, labels), theirs)


def test_the_common_width_is_the_side_that_most_matrices_have() -> None:
    assert compute.common_width([(8, 4), (4, 16), (5, 4)]) == 4
    assert compute.common_width([(8, 8), (2, 8, 3)]) == 8
    assert compute.common_width([(2, 9)]) == 9


def test_vectors_are_rows_that_read_or_columns_that_write() -> None:
    matrix = np.arange(6.0).reshape(2, 3)
    assert compute.vectors_of(matrix, 3).tolist() == matrix.tolist()
    assert compute.vectors_of(matrix, 2).tolist() == matrix.T.tolist()
    assert compute.vectors_of(matrix, 7) is None
    assert compute.vectors_of(np.zeros((5, 2, 3)), 3).shape == (10, 3)


def test_principal_components_agree_with_scikit_learn_but_for_the_sign() -> None:
    points = np.random.default_rng(0).normal(size=(50, 6)) * np.arange(1, 7)
    ours, shares = compute.principal_components(points)
    theirs = PCA(3).fit(points)
    assert np.allclose(np.abs(ours), np.abs(theirs.transform(points)))
    assert np.allclose(shares, theirs.explained_variance_ratio_)
    again, _ = compute.principal_components(points[:, ::1].copy())
    assert (again == ours).all()


def test_fewer_dimensions_than_components_leave_zeros() -> None:
    coordinates, shares = compute.principal_components(np.array([[0.0], [2.0]]))
    assert np.abs(coordinates).tolist() == [[1, 0, 0], [1, 0, 0]]
    assert shares.tolist() == [1, 0, 0]
    assert compute.principal_components(np.ones((4, 3)))[1].tolist() == [0, 0, 0]


def test_the_projection_says_what_it_leaves_out(routed) -> None:
    measured = compute.ParameterProjection().measure(routed)
    points = measured.tables["points"]
    assert list(points.columns) == ["layer", "parameter", "row", "pc1", "pc2", "pc3"]
    assert set(points["parameter"]) == {"block.0.weight", "output.weight"}
    assert 0 < value_of(measured, "explained_variance") <= 1 + 1e-12
    assert math.isclose(len(points), 3 + 2)


# --- Names of tokens, and attention of tokens that are not always there ---------------------------


def test_tokens_of_a_table_are_called_as_their_features_are() -> None:
    labels = routing.token_labels(table("age", "debt", "income"), ((), (1,), (0, 1, 2)))
    assert labels == ["summary", "debt", "age to income"]


def test_a_patch_is_called_by_its_rows_and_columns() -> None:
    whole = {"players": [range(48)], "player_labels": ("the whole picture",)}
    places = np.arange(48).reshape(4, 4, 3)
    tokens = ((), places[2:, :1].ravel(), places[0, 0], range(48))
    labels = routing.token_labels(laid_out("image", 4, 4, 3, **whole), tokens)
    assert labels == ["summary", "rows 3–4 × column 1", "row 1 × column 1", "the whole picture"]


def test_windows_and_runs_of_words_are_called_by_their_ends() -> None:
    series, text = laid_out("series", 5, 2), laid_out("text", 5)
    assert routing.token_labels(series, ((2, 3), (4, 5, 6, 7))) == ["step 2", "steps 3–4"]
    assert routing.token_labels(text, ((0,), (2, 3, 4))) == ["part 1", "words 3–5"]


def test_what_stands_around_a_text_is_its_summary_and_its_end() -> None:
    labels = routing.token_labels(laid_out("text", 2), ((), (0,), (1,), ()))
    assert labels == ["summary", "part 1", "part 2", "end of the text"]


class Ending(nn.Module):
    """Looks at the summary with 0.25 and evenly at the words that are there."""

    token_columns = ((), (0,), (1,))

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))

    def trace(self, inputs: torch.Tensor):
        present = torch.cat([torch.ones(len(inputs), 1), (~inputs.isnan()).float()], dim=1)
        words = present[:, 1:] * 0.75 / present[:, 1:].sum(1, keepdim=True)
        row = torch.cat([torch.full((len(inputs), 1), 0.25), words], dim=1)
        maps = (present[:, :, None] * row[:, None, :])[:, None]
        return torch.zeros(len(inputs), 1), [LayerTrace(attention={"local": maps})]


class Causal(Ending):
    """Looks alike at every token up to its own."""

    def trace(self, inputs: torch.Tensor):
        row = torch.tril(torch.ones(3, 3))
        maps = (row / row.sum(1, keepdim=True)).expand(len(inputs), 1, 3, 3)
        return torch.zeros(len(inputs), 1), [LayerTrace(attention={"global": maps})]


def attended(toy, module: nn.Module, inputs: np.ndarray):
    """The mean attention of a module to these rows."""
    classifier = SimpleNamespace(name="attending", module=module, calls=0)
    return routing.mean_attention(replace(toy(n=20), classifier=classifier), inputs)


#: A text of two words, and one that has ended after the first.
TEXTS = np.array([[1.0, 2.0], [1.0, np.nan]])


def test_a_token_is_averaged_over_the_cases_in_which_it_is_there(toy) -> None:
    attention = attended(toy, Ending(), TEXTS)
    assert attention.branches == ["local"]
    np.testing.assert_allclose(attention.mean[0, 0, 0, 0], [0.25, (0.375 + 0.75) / 2, 0.375 / 2])
    np.testing.assert_allclose(attention.mean[0, 0, 0, 2], [0.25, 0.375, 0.375])
    np.testing.assert_allclose(attention.present, [1, 1, 0.5])


def test_an_even_share_is_that_of_the_tokens_that_are_there(toy) -> None:
    attention = attended(toy, Ending(), TEXTS)
    np.testing.assert_allclose(attention.even[0, 0, 0], [5 / 12, 5 / 12, 1 / 6])
    np.testing.assert_allclose(attention.even[0, 0, 2], [1 / 3, 1 / 3, 1 / 3])
    entropy = -(0.25 * np.log(0.25) + 0.75 * np.log(0.75)) / np.log(2)
    assert attention.entropy[1] == pytest.approx(entropy)


def test_heads_that_read_from_left_to_right_without_preference_look_evenly(toy) -> None:
    attention = attended(toy, Causal(), np.ones((3, 2)))
    np.testing.assert_allclose(attention.mean[:, :, 0], attention.even)
    np.testing.assert_allclose(attention.even[0, 0, 1], [0.5, 0.5, 0])
    np.testing.assert_allclose(attention.entropy, 1)


def test_the_loss_of_a_number_is_its_squared_error_over_the_variance_of_the_label() -> None:
    labels = np.array([1.0, 3.0, 5.0])
    task = task_of(NUMBER)
    mean = task.fit_losses(np.full((3, 1), 3.0), labels)
    assert mean.mean() == pytest.approx(1.0)
    assert (task.fit_losses(labels[:, None], labels) == 0).all()


def test_batches_shrink_with_long_inputs_and_large_maps() -> None:
    assert tracing.rows_at_once(23, 24) == 256
    assert tracing.rows_at_once(10_000, 128) == 26
    assert tracing.rows_at_once(128, 128) == 64
    assert tracing.rows_at_once(10**7, 10**4) == 1
