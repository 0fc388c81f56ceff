"""How a report's 5 % of false alarms are shared among families of tests, and that this holds."""

from __future__ import annotations

from functools import partial

import numpy as np

from deepseek_report.statistics.graphical_procedure import (
    BUDGET,
    SET_ASIDE,
    SHARES,
    FamilyOfTests,
    levels_of,
)
from deepseek_report.statistics.intervals import holm
from deepseek_report.wording.words import wording

from .trials import Plan, Table, repeat, share

_TESTED = [name for name in SHARES if name not in SET_ASIDE]
_COMPARISONS = 12
#: Families of which every comparison shows a true effect, and so pass on their part.
TRUE = (0, 1, 3, 5)


def trial(n_true: int, seed: int) -> tuple[bool, bool]:
    """Whether there is a false alarm in any family: within the budget, and at 5 % each."""
    random = np.random.default_rng([seed, n_true])
    families = {}
    for name in _TESTED:
        p_values = random.random(_COMPARISONS) * (1e-6 if name in _TESTED[:n_true] else 1)
        families[name] = FamilyOfTests(tuple(holm(p_values).tolist()), _COMPARISONS)
    levels = levels_of(families)
    least = {name: min(families[name].p_values) for name in _TESTED[n_true:]}
    return (
        any(p < levels[name] for name, p in least.items()),
        any(p < BUDGET for p in least.values()),
    )


def tables(plan: Plan) -> list[Table]:
    words = wording("en")
    rows = [
        (words.text(f"families_of_tests.{name}"), f"`{name}`", f"{100 * part:g} %")
        for name, part in SHARES.items()
    ]
    repeats = plan.times(4000, 200)
    held = []
    for n_true in TRUE:
        outcomes = repeat(partial(trial, n_true), repeats, plan)
        held.append((n_true, *(share([outcome[k] for outcome in outcomes]) for k in range(2))))
    return [
        Table(
            "The error budget of a report",
            f"The chance of any false alarm in all comparisons of a report is {100 * BUDGET:g} %,"
            " shared among families of comparisons; p-values are corrected within each. The part "
            "of a family that makes no comparison in a run goes to the others, and so does that of "
            "one all of whose comparisons are beyond chance (Bretz et al. 2009, "
            "doi:10.1002/sim.3495). Two parts are set aside: what is searched when data are read, "
            "and findings that rest on 95 % intervals; these are counted in simulation.",
            ("family", "key", "part"),
            rows,
        ),
        Table(
            "False alarms of all families together",
            f"{len(_TESTED)} families of {_COMPARISONS} independent comparisons (Holm); "
            f"{repeats} worlds each. In some families every comparison shows a true effect.",
            ("families with effects", "any false alarm", "without the budget, 5 % each"),
            held,
        ),
    ]
