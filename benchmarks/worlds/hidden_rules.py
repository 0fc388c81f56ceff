"""Leaks in how numbers are written and in three columns together, and honest data like them."""

from __future__ import annotations

from functools import partial

from .data import HIDDEN, STRENGTHS, N, leak_rows, rare_trial, written_trial
from .trials import Plan, Table, repeat, share

_LEAKS = (
    f"n = {N}, {{n}} worlds each. How a number is written goes with the label so that its area is "
    "0.80, 0.90 or 0.97; three columns together decide the label in 50, 80 or 100 % of the rows. "
    "Counted where an issue names just these columns; behind it the severities."
)
_HONEST = (
    "Nothing is wrong, {n} worlds each. Rare: one class has 1 of 100 rows, and no column tells it "
    "alone with an area much above 0.8. Written by people: cents, round sums, ages, counts, zeros. "
    "Issues on leaks and the order of rows; “major” is medium or high."
)
_WORLDS = (
    ("rare", rare_trial, (2000, 3000, 6000)),
    ("written by people", written_trial, (300, 1000, 3000)),
)


def tables(plan: Plan) -> list[Table]:
    few, many = plan.times(100, 10), plan.times(300, 20)
    leaks = leak_rows(HIDDEN, few, plan)
    honest = []
    for name, trial, sizes in _WORLDS:
        for n in sizes:
            outcomes = repeat(partial(trial, n), many, plan)
            honest.append([name, n, *(share([each[k] for each in outcomes]) for k in range(2))])
    heads = ("data", "rows", "leaks, critical", "leaks, major")
    return [
        Table("Leaks by hidden rules", _LEAKS.format(n=few), ("leak", *STRENGTHS), leaks),
        Table("Honest data like them", _HONEST.format(n=many), heads, honest),
    ]
