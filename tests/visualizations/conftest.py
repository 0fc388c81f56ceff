"""Real runs for pictures to read: the small run, and tiny ones for what it does not have."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from deepseek_report.artifacts.results import Results
from tests.tiny_runs import TINY, TinyRuns

from .varied import ENDLESS, HOSTILE, with_few_cases, with_labels, with_periods, without_intervals

#: The runs in the order in which a picture that reads none in particular takes one.
RUNS = ("small", *TINY, "periods")
_CHANGES: dict[str, Callable[[Results], Results]] = {
    "plain": lambda results: results,
    "gaps": without_intervals,
    "hostile": lambda results: with_labels(results, HOSTILE),
    "endless": lambda results: with_labels(results, ENDLESS),
}


@pytest.fixture(scope="session")
def build(real_run: Results, tiny_runs: TinyRuns) -> Callable[..., Results]:
    """Builds a run: `build()`, `build("text")`, `build(kind="hostile")`, `build(kind="gaps")`."""
    made: dict[tuple[str, str], Results] = {}

    def results(name: str = "small", kind: str = "plain") -> Results:
        if (name, kind) not in made:
            if name == "periods":
                real = with_periods(tiny_runs("text"))
            else:
                real = real_run if name == "small" else tiny_runs(name)
            made[name, kind] = _CHANGES[kind](with_few_cases(real))
        return made[name, kind]

    return results
