"""What a task promises, for every task; and what each counts as an error."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest

from deepseek_report.artifacts.predictions import Predictions
from deepseek_report.artifacts.schema import Target, TaskName
from deepseek_report.statistics.resampling import Resampling
from deepseek_report.tasks import TASKS, Task, task_of
from tests.worded import refused

N = 200


def target_of(task: Task) -> Target:
    if not task.decides:
        return Target("y", "price", ("price",), None, 0, task=task.name, unit="€")
    labels = ("a", "b", "c") if task.name == "multi_label" else ()
    return Target("y", "repaid", ("no", "yes"), 1, 1, task=task.name, labels=labels)


def predictions_of(task: Task) -> Predictions:
    rng = np.random.default_rng(0)
    common = {"instance_ids": np.arange(N), "threshold": None, "rule": "", "explained": 0}
    if not task.decides:
        labels = rng.normal(50, 5, N)
        logits, none = (labels + rng.normal(0, 1, N))[:, None], np.zeros((N, 0))
        zeros = np.zeros(N, np.int64)
        return Predictions(logits, none, labels, decisions=zeros, **common)
    yes = rng.random(N)
    labels = (rng.random(N) < yes).astype(np.int64)
    shares = np.stack([1 - yes, yes], axis=1)
    decisions = (yes >= 0.5).astype(np.int64)
    return Predictions(
        np.log(shares), shares, labels, decisions=decisions, **common | {"explained": 1}
    )


@pytest.fixture(params=list(TASKS))
def task(request: pytest.FixtureRequest) -> Task:
    return TASKS[request.param]


def test_every_name_of_a_task_has_its_object() -> None:
    assert set(TASKS) == set(get_args(TaskName))
    assert all(task_of(target_of(kind)) is kind for kind in TASKS.values())


def test_the_loss_is_none_where_all_is_right_and_its_mean_is_within_its_interval(task) -> None:
    p = predictions_of(task)
    losses = task.loss.of(p)
    assert losses.shape == (N,)
    assert (losses >= 0).all()
    mean = task.loss.mean(losses, Resampling(N))
    assert mean.value == pytest.approx(losses.mean())
    assert mean.low < mean.value < mean.high
    right = np.flatnonzero(p.correct) if task.decides else np.flatnonzero(p.errors == 0)
    assert (losses[right] == 0).all()


def test_a_part_with_larger_losses_has_the_smaller_p_value(task: Task) -> None:
    p = predictions_of(task)
    excess = task.loss.excess(p)
    order = np.argsort(-excess.values)
    worst, best = (np.isin(np.arange(N), rows) for rows in (order[:60], order[-60:]))
    assert excess.p_value(worst) < 0.01 < excess.p_value(best)


def test_the_expected_loss_is_the_observed_one_on_the_whole_where_something_is_stated(task) -> None:
    p = predictions_of(task)
    expected = task.loss.expected(p)
    assert (expected is None) != task.decides
    if expected is not None:
        assert expected.shape == (N,)
        assert ((expected >= 0) & (expected <= 1)).all()
    assert task.loss.excess(p).values.mean() == pytest.approx(0, abs=0.02)


def test_the_columns_of_the_tables_are_facts_of_the_task(task: Task) -> None:
    p, target = predictions_of(task), target_of(task)
    inside = np.arange(N) < 80
    part = task.part_facts(p, inside)
    group = task.group_facts(p, target, inside)
    key = task.loss.key
    everyone = np.ones(N, bool)
    own = {key, "low", "high", f"rest_{key}", *task.slice_facts(p, inside, everyone)}
    own |= {f"expected_{key}"} if task.decides else set()
    for columns, facts in (
        (task.part_table, set(part)),
        (task.group_table, set(group)),
        (task.slice_table, own),
    ):
        assert {end for column in columns for end in column.with_ends} == facts
    assert {*task.group_columns, *task.group_quality} <= set(group)
    assert {column.key for column in task.parts_drawn} <= set(part)


def test_a_model_gains_nothing_over_itself(task: Task) -> None:
    p = predictions_of(task)
    gain, _ = task.gain_over(p, p)
    assert gain.value == 0
    assert set(task.summary(p, 100, 0)) >= {measure.key for measure in task.compared}


def test_inputs_that_are_not_perturbed_hold_the_measure_and_move_nothing(task: Task) -> None:
    p = predictions_of(task)
    outputs = p.probabilities if task.decides else p.logits
    does = task.effect(p, np.arange(N), outputs)
    assert does.moved.value == does.lost.value == 0
    assert does.before == pytest.approx(does.held.value)
    assert does.held.value == pytest.approx(task.summary(p, 100, 0)[task.held.key].value)


def test_noise_moves_a_smooth_model_the_more_the_stronger_it_is(task: Task) -> None:
    p, rows = predictions_of(task), np.arange(N)
    moves = [task.moved_if_smooth(p, rows, level) for level in (0.0, 0.1, 0.5)]
    assert moves[0] == 0 < moves[1] < moves[2]


def test_an_order_holds_every_row_once(task: Task) -> None:
    order = task.order(predictions_of(task).labels, np.random.default_rng(0))
    assert sorted(order) == list(range(N))


@pytest.mark.parametrize("kind", ["linear_model", "boosted_model"])
def test_simple_models_give_the_outputs_of_the_task(task: Task, kind: str) -> None:
    p, target = predictions_of(task), target_of(task)
    columns = np.random.default_rng(1).normal(size=(N, 3))
    n = len(target.classes)
    arguments = {"wide": False} if kind == "linear_model" else {"categorical": []}
    if kind == "boosted_model":
        arguments["labels"] = p.labels
    model = getattr(task, kind)(**arguments, seed=0).fit(columns, p.labels)
    outputs = task.outputs(model, columns, n)
    assert outputs.shape == (N, n)
    other = task.as_predictions(outputs, p, None)
    assert task.loss.of(other).shape == (N,)
    assert task.constant(p.labels, n).shape == (n,)


def test_gaps_between_groups_have_the_bounds_that_they_declare(task: Task) -> None:
    p = predictions_of(task)
    codes = np.arange(N) % 3 - 1
    for statistic in (*task.part_gaps, *task.group_gaps):
        values = statistic.values(p)
        assert statistic.judged(values, codes, 2, (30, 0)).all()
        assert not statistic.judged(values, codes, 2, (N, 0)).any()
        gap = statistic.gap(values, codes, 100, 0, Resampling(N))
        means = [values[codes == k].mean() for k in (0, 1)]
        assert gap.estimate.value == pytest.approx(abs(means[0] - means[1]))
        assert gap.estimate.value >= statistic.bounds[0]
        assert 0 < gap.p_value <= 1


def test_one_class_alone_is_refused_and_numbers_are_not() -> None:
    with refused("one class"):
        TASKS["classification"].require_variety(np.zeros(5, np.int64))
    TASKS["regression"].require_variety(np.zeros(5))


def test_several_labels_need_an_output_each() -> None:
    outputs = {name: task.n_outputs(target_of(task)) for name, task in TASKS.items()}
    assert outputs == {"classification": 2, "regression": 1, "multi_label": 3}
