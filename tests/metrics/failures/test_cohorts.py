"""Cohorts side by side: counted by hand, and the best and the worst without a winner's curse."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError
from worlds.failures import context as world_context
from worlds.failures import world

from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.errors import DataError
from deepseek_report.metrics.failures.cohorts import Cohorts
from deepseek_report.metrics.failures.slices import Slices
from deepseek_report.statistics.excess import Excess
from deepseek_report.statistics.intervals import rate
from tests.metrics.attributions import attributed
from tests.worded import refused


def test_a_declared_cohort_is_counted_case_by_case(toy) -> None:
    mine = {"large": "amount > 60", "red women": "colour == red and sex == female"}
    context = toy(2)
    values = np.tile([0.1, -0.2, 0.5], (200, 1))  # `noise` has the most weight
    context = replace(context, explanations={"shap": attributed(context, "shap", values)})
    p, test = context.predictions, context.dataset.test
    measured = Cohorts(declared=mine).measure(context)
    table = measured.tables["cohorts"].set_index("cohort")
    red_women = (test.inputs[:, 1] == 0) & (test.groups["sex"] == 1)
    for name, inside in (("large", test.inputs[:, 0] > 60), ("red women", red_women)):
        row = table.loc[name]
        assert row["n"] == inside.sum()
        assert row["accuracy"] == pytest.approx(p.correct[inside].mean())
        assert row["decided"] == pytest.approx((p.decisions[inside] == 0).mean())
        gap = p.truths[inside].mean() - p.scores[inside].mean()
        assert row["calibration_gap"] == pytest.approx(gap)
        assert row["calibration_gap_low"] < gap < row["calibration_gap_high"]
    everyone = table.loc[""]
    assert (everyone["n"], everyone["origin"]) == (len(p), "all")
    drivers = measured.tables["drivers"]
    large = drivers[drivers["cohort"] == "large"]
    assert list(large["label"]) == ["noise", "colour", "loan amount"]
    assert large["mean_absolute"].tolist() == pytest.approx([0.5, 0.2, 0.1])
    assert set(large["n"]) == {int((test.inputs[:200, 0] > 60).sum())}


def test_small_cohorts_are_not_compared(toy) -> None:
    measured = Cohorts(declared={"few": "amount > 100", "large": "amount > 60"}).measure(toy(2))
    table = measured.tables["cohorts"].set_index("cohort")
    assert bool(table.loc["few", "too_few"])
    assert np.isnan(table.loc["few", "p_adjusted"])
    assert 0 <= table.loc["large", "p_adjusted"] <= 1


def without_errors(toy: Callable[..., MeasureContext]) -> tuple[MeasureContext, int]:
    """A world whose cases with amounts over 78 are all decided rightly, and 5 % of the others not.

    Nobody there has the explained class.
    """
    context = toy(2)
    p, large = context.predictions, context.dataset.test.inputs[:, 0] > 78
    wrong = ~large & (np.cumsum(~large) % 20 == 0)
    decisions = np.where(wrong, 1, 0)
    none = np.zeros(len(p), np.int64)
    return replace(context, predictions=replace(p, labels=none, decisions=decisions)), large.sum()


def test_a_small_cohort_without_errors_is_no_better_than_chance_lets_it_be(toy) -> None:
    """Welch's test, whose variance is then 0, once gave p < 0.001."""
    context, n = without_errors(toy)
    errors, rest = int((~context.predictions.correct).sum()), len(context.predictions) - n
    assert 30 <= n <= 60
    table = Cohorts(declared={"large": "amount > 78"}).measure(context).tables["cohorts"]
    row = table.set_index("cohort").loc["large"]
    chance = math.comb(rest, errors) / math.comb(rest + n, errors)  # all errors are elsewhere
    assert row["p_adjusted"] == pytest.approx(min(1.0, 2 * chance), rel=1e-6)
    assert row["p_adjusted"] > 0.05


def test_probabilities_of_a_cohort_in_which_nothing_happened_may_be_right(toy) -> None:
    context, n = without_errors(toy)
    small = np.full((len(context.predictions), 2), 0.02)
    small[:, 0] = 0.98
    context = replace(context, predictions=replace(context.predictions, probabilities=small))
    table = Cohorts(declared={"large": "amount > 78"}).measure(context).tables["cohorts"]
    row = table.set_index("cohort").loc["large"]
    assert row["calibration_gap"] == pytest.approx(-0.02)
    assert row["calibration_gap_high"] == pytest.approx(rate(0, n).high - 0.02)
    assert row["calibration_gap_low"] == pytest.approx(-0.02)


def test_every_wrong_cohort_is_named_at_once(toy) -> None:
    wrong = Cohorts(declared={"a": "amounts > 1", "b": "colour == purple", "c": "amount > 1"})
    with pytest.raises(DataError) as error:
        wrong.measure(toy(2))
    assert "cohort `a`" in str(error.value)
    assert "cohort `b`" in str(error.value)
    assert "did you mean `amount`" in str(error.value)


def test_a_condition_that_cannot_be_read_is_refused_before_anything_runs() -> None:
    with pytest.raises(ValidationError, match="cohort `x`"):
        TypeAdapter(Cohorts).validate_python({"declared": {"x": "age <"}})


def extremes(context: MeasureContext, sign: int) -> tuple[str, np.ndarray, float] | None:
    """The worst slice (1) or the best (-1): its name, the cases that tell of it, its p-value."""
    search = Slices().searched(context)
    return search.clearest(Excess.over_mean(sign * search.losses))


@pytest.mark.parametrize("sign", [1, -1], ids=["worst", "best"])
def test_where_no_part_differs_the_extremes_do_not_either(sign: int) -> None:
    """100 worlds in which every case has the same chance of an error."""
    false = 0
    for seed in range(100):
        rng = np.random.default_rng([seed, 5])
        of = world(600, rng)
        of = replace(of.with_chances(np.full(600, 0.3), rng), stated=np.full(600, 0.3))
        clearest = extremes(world_context(of, of, seed), sign)
        false += clearest is not None and clearest[2] < 0.05
    assert false <= 10


@pytest.mark.parametrize("sign", [1, -1], ids=["worst", "best"])
def test_what_is_told_of_the_extremes_is_neither_too_bad_nor_too_good(sign: int) -> None:
    """120 worlds whose risk rises smoothly: the stated error rate against the true one."""
    apart, held, sure = [], [], 0
    for seed in range(120):
        rng = np.random.default_rng([seed, 8])
        of, validation = world(1500, rng), world(1500, rng)
        context = world_context(of, validation, seed)
        clearest = extremes(context, sign)
        if clearest is None:
            continue
        _, inside, p_value = clearest
        p = context.predictions
        true = float(np.where(p.decisions == 1, 1 - of.chances, of.chances)[inside].mean())
        stated = rate(int((~p.correct[inside]).sum()), int(inside.sum()))
        apart.append(stated.value - true)
        held.append(stated.low <= true <= stated.high)
        sure += p_value < 0.025
    assert len(held) >= 100
    assert sure >= 50
    assert abs(np.mean(apart)) < 2.5 * np.std(apart) / np.sqrt(len(apart))
    assert np.mean(held) >= 0.88


def test_without_cohorts_the_metric_is_refused(toy) -> None:
    context = toy(2)
    everything_right = replace(context.predictions, decisions=context.predictions.labels)
    with refused("no cohort is declared"):
        Cohorts().measure(replace(context, predictions=everything_right))
