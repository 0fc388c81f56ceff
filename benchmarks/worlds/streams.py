"""Streams of new cases: how often drift is called where there is none, and found where there is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from deepseek_report.artifacts.array_types import Floats
from deepseek_report.findings.thresholds import drift_verdicts
from deepseek_report.statistics.exchangeability import Monitor, StabilityIndex
from worlds.trials import Plan, Table, repeat, share

#: Shares of the categories of every third feature.
_SHARES = (0.5, 0.3, 0.15, 0.05)
_FEATURES, _BATCHES, _CHANGE = 12, 50, 25
#: Of so many cases in the training part there is one in the validation part.
_PILOT = 4
#: Cases of the run, and further streams without a change, with seeds that far from the first.
_FURTHER, _FURTHER_FROM = {80: 400, 1000: 300}, 5000
#: From a batch (case, feature) to the batch with drift.
Change = Callable[[Floats, np.random.Generator], Floats]


def drawn(n: int, rng: np.random.Generator) -> Floats:
    """(case, feature): a common factor ties the numbers; a quarter of one of them is missing."""
    common = rng.normal(size=(n, 1))
    values = 0.6 * common + 0.8 * rng.normal(size=(n, _FEATURES))
    values[:, ::3] = rng.choice(len(_SHARES), (n, len(values[0, ::3])), p=_SHARES)
    values[:, 1] = np.exp(values[:, 1])
    values[:, 2] = np.where(rng.random(n) < 0.25, np.nan, values[:, 2])
    return values


def shifted(by: float) -> Change:
    """One number is moved by so many standard deviations."""

    def change(batch: Floats, rng: np.random.Generator) -> Floats:
        del rng
        batch[:, 4] += by
        return batch

    return change


def spread(times: float) -> Change:
    """One number is spread so many times as wide."""

    def change(batch: Floats, rng: np.random.Generator) -> Floats:
        del rng
        batch[:, 4] *= times
        return batch

    return change


def missing(of: float) -> Change:
    """So many values of one number are missing that never was."""

    def change(batch: Floats, rng: np.random.Generator) -> Floats:
        batch[rng.random(len(batch)) < of, 4] = np.nan
        return batch

    return change


def recoded(of: float) -> Change:
    """So many cases of the most frequent category get the rarest one."""

    def change(batch: Floats, rng: np.random.Generator) -> Floats:
        taken = (batch[:, 3] == 0) & (rng.random(len(batch)) < of / _SHARES[0])
        batch[taken, 3] = len(_SHARES) - 1
        return batch

    return change


@dataclass(frozen=True)
class StreamTrial:
    """One stream after the other.

    cases : of the training part. size : of a batch. change : from batch 26 on; None leaves all
    alike. drifting : the feature that changes.
    """

    cases: int
    size: int
    change: Change | None = None
    drifting: int = 4

    def __call__(self, seed: int) -> Outcome:
        rng = np.random.default_rng([seed, self.cases, self.size])
        reference = drawn(self.cases, rng)
        pilot = drawn(self.cases // _PILOT, rng)
        monitors = [Monitor.of(reference[:, j], (seed, j), pilot[:, j]) for j in range(_FEATURES)]
        verdicts, large = drift_verdicts([1.0] * _FEATURES, 0), False
        for number in range(1, _BATCHES + 1):
            batch = drawn(self.size, rng)
            if self.change is not None and number > _CHANGE:
                batch = self.change(batch, rng)
            for monitor, values in zip(monitors, batch.T, strict=True):
                monitor.batch(values)
            verdicts = drift_verdicts([m.p_value for m in monitors], number, verdicts)
            if self.change is None:
                sizes = (
                    StabilityIndex.of(reference[:, j], j % 3 > 0)(batch[:, j])[0]
                    for j in range(_FEATURES)
                )
                large |= max(sizes) > 0.25
        since = {j: verdict.since for j, verdict in enumerate(verdicts) if verdict.since}
        return Outcome(since, since.get(self.drifting), large)


@dataclass(frozen=True)
class Outcome:
    """since : {feature: the batch in which drift was found}. planted : that of the changed feature.
    large : whether the usual rule of thumb, an index above 0.25, was met in any batch.
    """

    since: dict[int, int]
    planted: int | None
    large: bool


def further_alarms(plan: Plan) -> str:
    """Many more streams of the smallest batches, which alarm most often, in a sentence."""
    later = replace(plan, first_seed=plan.first_seed + _FURTHER_FROM)
    alarms = {
        cases: [bool(run.since) for run in repeat(StreamTrial(cases, 20), plan.times(n), later)]
        for cases, n in _FURTHER.items()
    }
    each = " and ".join(
        f"in {sum(called)} of {len(called)} with {cases} cases" for cases, called in alarms.items()
    )
    together = [alarm for called in alarms.values() for alarm in called]
    return (
        f"In {len(together)} further streams with batches of 20 (seeds from {later.first_seed} on) "
        f"there were alarms {each}, {share(together)} in all."
    )


def false_alarms(repeats: int, plan: Plan) -> Table:
    """Streams in which nothing changes."""
    rows: list[Sequence[object]] = []
    for cases in (80, 1000, 6000):
        for size in (20, 100):
            runs = repeat(StreamTrial(cases, size), repeats, plan)
            alarms = share([bool(run.since) for run in runs])
            rows.append((cases, size, alarms, share([run.large for run in runs])))
    return Table(
        "Streams in which nothing changes",
        f"{repeats} streams each of {_BATCHES} batches, {_FEATURES} features that go together, "
        "four of them categories, one with missing values. Beside the cases of the training part "
        f"there are 1 / {_PILOT} as many of the validation part, which say where bets lie. An "
        "alarm is a verdict of drift on any feature in any batch. Target: at most 5 % of streams. "
        "Beside it how often a rule of thumb is met, a population stability index above 0.25 of "
        "any feature in any batch. " + further_alarms(plan),
        ("cases of the run", "batch", "any alarm", "index above 0.25"),
        rows,
    )


PLANTED: tuple[tuple[str, Change, int], ...] = (
    ("a number moves by 0.25 standard deviations", shifted(0.25), 4),
    ("a number moves by 0.5 standard deviations", shifted(0.5), 4),
    ("a number moves by 1 standard deviation", shifted(1.0), 4),
    ("a number is spread twice as wide", spread(2.0), 4),
    ("5 % of a number are missing that never was", missing(0.05), 4),
    ("a category of 5 % has 15 %", recoded(0.1), 3),
    ("a category of 5 % has 25 %", recoded(0.2), 3),
)


def planted(repeats: int, plan: Plan) -> Table:
    """Streams in which one feature changes from batch 26 on."""
    rows: list[Sequence[object]] = []
    for cases, size in ((80, 20), (1000, 50), (6000, 100)):
        for name, change, drifting in PLANTED:
            runs = repeat(StreamTrial(cases, size, change, drifting), repeats, plan)
            late = [_BATCHES if run.planted is None else run.planted - _CHANGE for run in runs]
            found = share([run.planted is not None and run.planted > _CHANGE for run in runs])
            median, most = np.quantile(late, [0.5, 0.9], method="higher")
            worst = "not within 25" if most > _BATCHES - _CHANGE else int(most)
            other = share([bool(set(run.since) - {drifting}) for run in runs])
            shown = "not within 25" if median > _BATCHES - _CHANGE else int(median)
            rows.append((name, cases, size, found, shown, worst, other))
    return Table(
        "Streams in which one feature changes",
        f"{repeats} streams each, as above; from batch {_CHANGE + 1} of {_BATCHES} on one of the "
        f"{_FEATURES} features is drawn otherwise. Batches until it is found: in half of the "
        "streams, and in nine of ten. Beside 80 cases small changes cannot be shown.",
        (
            "change",
            "cases of the run",
            "batch",
            "found",
            "half",
            "nine of ten",
            "another is called",
        ),
        rows,
    )


def tables(plan: Plan) -> list[Table]:
    """All tables of this part."""
    return [false_alarms(plan.times(200, 20), plan), planted(plan.times(60, 10), plan)]
