"""Models that explain themselves: what they add up, and the cases they compare with."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from deepseek_report.artifacts.protocols.explainers import ExplainContext
from deepseek_report.artifacts.schema import Feature, Layout, Schema, Target
from deepseek_report.artifacts.split import Split
from deepseek_report.data_kinds import kind_of
from deepseek_report.explainers.accounts import Intrinsic
from deepseek_report.explainers.attributions import contrasted
from deepseek_report.metrics.internals.tracing import contributions
from deepseek_report.models.self_explaining import prototype_module
from deepseek_report.models.self_explaining.nam import NAM
from deepseek_report.models.self_explaining.nam_module import GroupedLinear
from deepseek_report.models.self_explaining.prototype import Prototype
from deepseek_report.training.trainer import GradientTrainer
from tests.builders import laid_out, of_classes
from tests.tolerances import rounding
from tests.trained import stored_classifier
from tests.worded import say

SMALL_NAM = NAM(hidden=(8, 4), bins=4)
SMALL_PROTOTYPE = Prototype(per_class=3, candidates=20, bins=2)
TRAINER = GradientTrainer(max_epochs=2, min_steps=0, batch_size=64, tensorboard=False)


@pytest.fixture(params=[SMALL_NAM, SMALL_PROTOTYPE], ids=["nam", "prototype"])
def plugin(request):
    return request.param


def fitted(plugin, schema, train, folder):
    return stored_classifier(plugin, schema, train, folder, trainer=TRAINER)


def explained(classifier, rows, target):
    context = ExplainContext(classifier, rows, np.arange(len(rows)), rows, target, seed=0)
    return Intrinsic(chunk=7).explain(context)


def two_labels(schema, train):
    target = Target("y", "Y", ("no", "yes"), 0, 1)
    labels = (np.nan_to_num(train.inputs[:, 2]) > 40).astype(np.int64)
    return Schema(schema.features, target), Split(train.inputs, labels, train.instance_ids)


@pytest.mark.parametrize("target", [0, 1, 2])
def test_the_own_account_adds_up_to_the_output(plugin, schema, train, tmp_path, target) -> None:
    classifier = fitted(plugin, schema, train, tmp_path)
    rows = train.inputs[:20]
    explanation = explained(classifier, rows, target)
    spread = np.abs(explanation.predictions - explanation.base_values).max()
    np.testing.assert_allclose(explanation.completeness_gap, 0, atol=1e-4 * max(spread, 1.0))
    expected = contrasted(classifier.logits(rows), target)
    np.testing.assert_allclose(explanation.predictions, expected)


def test_with_two_classes_the_output_is_the_log_odds(plugin, schema, train, tmp_path) -> None:
    schema, train = two_labels(schema, train)
    classifier = fitted(plugin, schema, train, tmp_path)
    explanation = explained(classifier, train.inputs[:20], 1)
    odds = classifier.log_odds(train.inputs[:20], 1)
    np.testing.assert_allclose(explanation.values.sum(1) + explanation.base_values, odds, atol=1e-4)
    other = explained(classifier, train.inputs[:20], 0)
    np.testing.assert_allclose(other.values, -explanation.values, atol=1e-4)


def test_values_of_an_additive_model_have_mean_zero_over_the_training_part(
    schema, train, tmp_path
) -> None:
    schema, train = two_labels(schema, train)
    classifier = fitted(SMALL_NAM, schema, train, tmp_path)
    explanation = explained(classifier, train.inputs, 1)
    np.testing.assert_allclose(explanation.values.mean(axis=0), 0, atol=1e-4)
    mean = classifier.log_odds(train.inputs, 1).mean()
    np.testing.assert_allclose(explanation.base_values, mean, atol=1e-4)


@pytest.mark.parametrize("column", range(4))
def test_changing_one_feature_of_an_additive_model_changes_its_contribution_alone(
    schema, train, tmp_path, column
) -> None:
    classifier = fitted(SMALL_NAM, schema, train, tmp_path)
    rows = train.inputs[1:30]
    changed = rows.copy()
    changed[:, column] = np.nan if column == 0 else np.roll(rows[:, column], 1)
    before, after = (contributions(classifier, inputs_of, 1) for inputs_of in (rows, changed))
    moved = np.abs(after - before).max(axis=0) > 1e-6
    assert moved.tolist() == [position == column for position in range(5)]


@pytest.mark.parametrize("task", ["regression", "multi_label"])
def test_an_additive_model_of_numbers_and_labels_adds_up(schema, train, tmp_path, task) -> None:
    rng = np.random.default_rng(0)
    if task == "regression":
        target = Target("p", "Price", ("price",), 0, 0, task=task, unit="€")
        part = Split(train.inputs, rng.normal(5000, 200, 300), train.instance_ids)
    else:
        labels = ("a", "b", "c")
        target = Target("t", "T", ("no", "b"), 0, 1, task=task, labels=labels, label_index=1)
        every = rng.integers(0, 2, (300, 3))
        part = Split(train.inputs, every[:, 1], train.instance_ids, {}, every)
    classifier = fitted(SMALL_NAM, Schema(schema.features, target), part, tmp_path)
    explanation = explained(classifier, part.inputs[:20], target.explained)
    scale = np.abs(explanation.predictions).max()
    np.testing.assert_allclose(explanation.completeness_gap, 0, atol=1e-5 * max(scale, 1.0))


def test_the_layers_of_all_features_are_one_multiplication_each() -> None:
    torch.manual_seed(0)
    layer = GroupedLinear(5, 3, 2)
    values = torch.randn(5, 7, 3)
    slow = torch.stack([values[g] @ layer.weight[g] + layer.bias[g] for g in range(5)])
    torch.testing.assert_close(layer(values), slow)


def test_an_additive_model_of_a_thousand_features_is_built_and_evaluated() -> None:
    rng = np.random.default_rng(0)
    features = tuple(Feature(f"f{i}", f"f{i}", "numeric") for i in range(1200))
    schema = Schema(features, Target("y", "Y", ("a", "b"), 0))
    train = Split(rng.normal(size=(64, 1200)), np.arange(64) % 2, np.arange(64))
    classifier = NAM().wrap(NAM().build(schema, train, 0), schema, "cpu")
    explanation = explained(classifier, train.inputs[:4], 1)
    assert explanation.values.shape == (4, 1200)
    np.testing.assert_allclose(explanation.completeness_gap, 0, atol=1e-4)


def test_prototypes_are_training_cases_of_their_class_each_taken_once(
    schema, train, tmp_path
) -> None:
    classifier = fitted(SMALL_PROTOTYPE, schema, train, tmp_path)
    inputs, ids, classes = (tensor.numpy() for tensor in classifier.module.prototypes())
    assert len(set(ids.tolist())) == len(ids) == 9
    np.testing.assert_allclose(inputs, train.inputs[ids].astype(np.float32))
    np.testing.assert_array_equal(classes, train.labels[ids])


def test_the_logits_of_prototypes_are_the_evidence_of_their_class(schema, train, tmp_path) -> None:
    classifier = fitted(SMALL_PROTOTYPE, schema, train, tmp_path)
    module = classifier.module
    rows = torch.tensor(train.inputs[:20], dtype=torch.float32)
    evidence, distances = module.evidence(rows)
    assert (evidence >= 0).all()
    bias = module.comparison.bias.detach()
    sums = torch.stack([evidence[:, module.classes == c].sum(1) for c in range(3)], dim=1)
    np.testing.assert_allclose(classifier.logits(train.inputs[:20]), (bias + sums), atol=1e-4)
    units, cases = (
        module.embed(rows_or_cases).squeeze(-1)
        for rows_or_cases in (rows, module.cases[module.chosen])
    )
    weights = (module.comparison.weights() / module.scale).detach()
    slow = (weights * (units[:, None] - cases) ** 2).sum(2)
    torch.testing.assert_close(distances, slow, atol=1e-4, rtol=1e-4)


def test_a_prototype_is_nearest_to_itself(schema, train, tmp_path) -> None:
    module = fitted(SMALL_PROTOTYPE, schema, train, tmp_path).module
    _, distances = module.evidence(module.prototypes()[0])
    assert distances.diagonal().max() < 1e-3
    assert (distances.argmin(0) == torch.arange(9)).all()


def test_similarity_falls_with_the_distance_and_stays_positive() -> None:
    values = prototype_module.similarity(torch.linspace(0, 50, 100))
    assert (values.diff() < 0).all()
    assert (values > 0).all()


def test_values_of_prototypes_are_integrated_gradients_in_the_distances(
    schema, train, tmp_path
) -> None:
    """The slow way: many points on the straight line from the mean to the real distances."""
    schema, train = two_labels(schema, train)
    classifier = fitted(SMALL_PROTOTYPE, schema, train, tmp_path)
    module = classifier.module
    rows = torch.tensor(train.inputs[:5], dtype=torch.float32)
    with torch.no_grad():
        units, cases = (module.embed(x).squeeze(-1) for x in (rows, module.cases[module.chosen]))
        weights = module.comparison.weights() / module.scale
        strength = module.comparison.strengths()
        signs = torch.where(module.classes == 1, 1.0, -1.0) * strength
    parts = (weights * (units[:, None] - cases) ** 2).double()
    every = module.embed(torch.tensor(train.inputs, dtype=torch.float32)).squeeze(-1)
    usual = (weights * (every[:, None] - cases) ** 2).double().mean(0)
    values = torch.zeros(5, 5, dtype=torch.float64)
    steps = 4000
    for step in range(steps):
        at = (usual + (step + 0.5) / steps * (parts - usual)).sum(2).requires_grad_()
        (slope,) = torch.autograd.grad((prototype_module.similarity(at) * signs).sum(), at)
        moved = (slope[:, :, None] * (parts - usual)).sum(1) / steps
        values.index_add_(1, module.owners, moved)
    explanation = explained(classifier, train.inputs[:5], 1)
    np.testing.assert_allclose(explanation.values, values.numpy(), atol=2e-3)


def of_layout(modality, *shape, players, rows=60):
    """Random numbers of three classes, arranged as the layout says."""
    schema = laid_out(modality, *shape, players=players, target=of_classes(3, favourable=0))
    inputs = np.random.default_rng(0).random((rows, len(schema.features)))
    return schema, Split(inputs, np.arange(rows) % 3, np.arange(rows))


#: 5 × 4 pixels of two channels in patches of unequal size; 11 steps in windows of 4, 4 and 3.
SQUARES = of_layout("image", 5, 4, 2, players=(range(32), range(32, 40)))
STEPS = of_layout("series", 11, 1, players=((0, 1, 2, 3), (4, 5, 6, 7), (8, 9, 10)))


@pytest.mark.parametrize("shift", [0, 1])
@pytest.mark.parametrize(("schema", "train"), [SQUARES, STEPS], ids=["image", "series"])
def test_the_account_of_images_and_series_adds_up(schema, train, shift) -> None:
    plugin = Prototype(per_class=3, shift=shift)
    classifier = plugin.wrap(plugin.build(schema, train, 0), schema, "cpu")
    explanation = explained(classifier, train.inputs[:4], 2)
    np.testing.assert_allclose(explanation.completeness_gap, 0, atol=1e-4)


@pytest.mark.parametrize(("schema", "train"), [SQUARES, STEPS], ids=["image", "series"])
def test_shifted_distances_are_the_least_over_all_shifts_window_by_window(schema, train) -> None:
    """The slow way: every shift of every window on its own, edges repeated."""
    layout, rng = schema.layout, np.random.default_rng(1)
    units, cases = train.inputs[:3], train.inputs[3:5]
    weights = rng.random(cases.shape)
    *sides, _ = layout.shape
    steps = [np.array(moves) for moves in np.ndindex(*[3] * len(sides))]
    expected, parts = np.zeros((3, 2)), np.zeros(units.shape)
    for i, p in np.ndindex(3, 2):
        every = []
        for step in steps:
            edges = [(1, 1)] * len(sides) + [(0, 0)]
            padded = np.pad(cases[p].reshape(layout.shape), edges, mode="edge")
            cut = tuple(slice(s, s + side) for s, side in zip(step, sides, strict=True))
            every.append(weights[p] * (units[i] - padded[cut].ravel()) ** 2)
        for window in layout.players:
            best = min(every, key=lambda terms, window=window: terms[list(window)].sum())
            expected[i, p] += best[list(window)].sum()
            parts[i, list(window)] += (p + 1) * best[list(window)]
    tensors = [torch.tensor(tensor, dtype=torch.float32) for tensor in (units, cases, weights)]
    distances = prototype_module.ShiftedDistances(layout, 1, tensors[0])
    terms = ((np.abs(units)[:, None] + np.abs(cases)) ** 2 * weights).sum(axis=-1).max()
    bounds = {"atol": float(terms) * rounding(units.shape[1]), "rtol": 0.0}
    torch.testing.assert_close(distances(*tensors).double(), torch.tensor(expected), **bounds)
    counts = torch.tensor([[1.0, 2.0]]).expand(3, 2)
    sums = distances.terms(*tensors, counts)
    torch.testing.assert_close(sums.double(), torch.tensor(parts), **bounds)
    mean = distances.usual(*tensors[1:]).sum(1)
    torch.testing.assert_close(mean, distances(*tensors).mean(0), **bounds)


def test_a_case_moved_by_one_step_is_as_near_as_one_in_place() -> None:
    schema, _ = STEPS
    case = torch.zeros(1, 11)
    case[0, 5] = 1.0
    weights = torch.ones(1, 11)
    distances = prototype_module.ShiftedDistances(schema.layout, 1, case)
    assert distances(case.roll(1, 1), case, weights).item() == 0
    assert distances(case.roll(2, 1), case, weights).item() > 0


@pytest.mark.parametrize(
    ("shift", "players", "expected"), [(None, 7, 3), (None, 60, 5), (None, 1, 0), (7, 11, 7)]
)
def test_windows_move_by_half_of_their_length_unless_told(shift, players, expected) -> None:
    layout = Layout("series", (players, 1), (tuple(range(players)),), ("all",))
    schema = Schema((), Target("y", "y", ("no", "yes"), 0), layout=layout)
    assert prototype_module.shift_of(kind_of(schema), shift) == expected


@pytest.mark.parametrize(
    ("data", "shift", "sentence"),
    [
        (SQUARES, 1, "A patch of a prototype need not stay in its place"),
        (STEPS, None, "up to 2 steps aside."),
        (STEPS, 0, ""),
    ],
)
def test_the_summary_says_how_far_parts_of_a_prototype_may_move(data, shift, sentence) -> None:
    module = Prototype(per_class=2, shift=shift).build(*data, 0)
    summary = say(module.architecture()["summary"])
    assert sentence in summary
    assert ("aside" in summary) == bool(sentence) == bool(module.shift)


def test_random_weights_change_the_account(plugin, schema, train, tmp_path) -> None:
    classifier = fitted(plugin, schema, train, tmp_path)
    rows = train.inputs[:20]
    before, after = (
        explained(model, rows, 1).values for model in (classifier, classifier.randomised(5))
    )
    assert np.corrcoef(before.ravel(), after.ravel())[0, 1] < 0.9
    np.testing.assert_array_equal(explained(classifier, rows, 1).values, before)
