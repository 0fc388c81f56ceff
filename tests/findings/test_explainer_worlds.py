"""The small form of `benchmarks/worlds/explainers.py`: one world of each kind."""

from __future__ import annotations

import pytest
from worlds import explainers


@pytest.mark.parametrize("model", ["logistic model", "network", "forest"])
def test_methods_that_are_right_blind_and_wrong_get_the_verdicts_that_they_deserve(
    model: str,
) -> None:
    methods = [name for name, _, _ in explainers.METHODS]
    uses = explainers.verdicts_of(explainers.MODELS[model], 60, methods, seed=3)
    wrong = {
        name: uses[name] for name, _, deserved in explainers.METHODS if uses[name] not in deserved
    }
    assert wrong == {}
