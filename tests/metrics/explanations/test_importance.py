from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from deepseek_report.metrics.explanations.explanation_plugin import about_sample
from deepseek_report.metrics.explanations.importance import Importance
from deepseek_report.wording.words import wording
from tests.builders import explanation


def measured(toy, values, **changes):
    context = toy(n=100)
    data = context.dataset
    names = tuple(data.schema.names)
    rows = data.test.inputs[: len(values)]
    attributions = explanation(values, rows, feature_names=names, **changes)
    return Importance(resamples=100).measure(replace(context, explanation=attributions)), context


def test_importance_is_the_mean_magnitude_largest_first(toy) -> None:
    importance, _ = measured(toy, np.tile([1.0, -3.0, 0.0], (60, 1)))
    table = importance.tables["importance"]
    assert list(table["mean_absolute"]) == [3, 1, 0]
    assert list(table["share"]) == [0.75, 0.25, 0]
    assert list(table["rank"]) == [1, 2, 3]
    assert list(table["mean_signed"]) == [-3, 1, 0]
    assert importance.scores[0].value == 0.75


def test_means_by_group_make_up_the_mean_over_all(toy) -> None:
    values = np.random.default_rng(0).normal(size=(60, 3))
    importance, _ = measured(toy, values)
    rows = importance.tables["by_group"].query("attribute == 'sex' and feature == 'amount'")
    weighted = (rows["mean_absolute"] * rows["n"]).sum() / rows["n"].sum()
    assert rows["n"].sum() == 60
    assert weighted == pytest.approx(np.abs(values[:, 0]).mean())


def test_an_unsigned_method_has_no_mean_sign(toy) -> None:
    importance, _ = measured(toy, np.ones((10, 3)), signed=False)
    assert importance.tables["importance"]["mean_signed"].isna().all()


def test_attributions_that_are_all_0_give_no_share(toy) -> None:
    importance, _ = measured(toy, np.zeros((10, 3)))
    assert np.isnan(importance.scores[0].value)
    assert (importance.tables["importance"]["share"] == 0).all()


def test_picked_cases_among_the_explained_are_told(toy) -> None:
    context = toy(n=100)
    assert about_sample(context) == ()
    roles = {"most_certain_right": 3, "nearest_threshold": 8}
    picked = replace(context, cases=replace(context.cases, roles=roles))
    about = wording().say(about_sample(picked)[0])
    assert about.startswith("2 of the 40 explained instances were picked")
