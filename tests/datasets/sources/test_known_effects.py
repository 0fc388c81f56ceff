"""The table with known effects: its label follows the formula that travels with it."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from deepseek_report.artifacts.protocols.progress import Silent
from deepseek_report.artifacts.split import Dataset, Split
from deepseek_report.datasets.sources.generated import Family, KnownEffects
from deepseek_report.statistics.games.formula import Formula


@pytest.mark.parametrize("family", get_args(Family))
def test_labels_are_as_frequent_as_the_stored_formula_says(family: Family, tmp_path: Path) -> None:
    KnownEffects(family=family, n=20_000).load(3, Silent()).save(tmp_path)
    dataset = Dataset.load(tmp_path)
    formula = Formula.from_json(dataset.card["formula"])
    whole = Split.joined([dataset.train, dataset.validation, dataset.test])
    stated = 1 / (1 + np.exp(-formula.value(whole.inputs)))
    for low in np.arange(0, 1, 0.2):
        chosen = (stated >= low) & (stated < low + 0.2)
        error = 4 * np.sqrt(stated[chosen].mean() * (1 - stated[chosen].mean()) / chosen.sum())
        assert whole.labels[chosen].mean() == pytest.approx(stated[chosen].mean(), abs=error)
    assert whole.truth is not None
    assert set(np.flatnonzero(whole.truth[0])) == set(formula.columns)


def test_columns_are_alike_in_pairs_where_the_family_says_so() -> None:
    inputs = KnownEffects(family="correlated", n=20_000).load(1, Silent()).train.inputs
    pairs = np.corrcoef(inputs.T)
    assert pairs[0, 1] == pytest.approx(0.8, abs=0.02)
    assert pairs[1, 2] == pytest.approx(0.0, abs=0.03)
    assert inputs.std(axis=0) == pytest.approx(np.ones(9), abs=0.03)


def test_more_strength_leaves_less_to_chance() -> None:
    weak, strong = (
        KnownEffects(family="additive", strength=s).formula.value(np.ones((1, 9))) for s in (1, 3)
    )
    assert strong == pytest.approx(3 * weak)
