"""Streams of new cases: how often drift is called where there is none, and found where there is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from deepseek_report.artifacts.array_types import Floats
from deepseek_report.artifacts.predictions import Predictions
from deepseek_report.artifacts.schema import Feature, Schema, Target
from deepseek_report.extensions.live.drift_watch import DriftRow, DriftWatch, drift_verdicts
from deepseek_report.extensions.live.exchangeability import Monitor, StabilityIndex
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


#: Log-odds of the model whose reasons are watched: of each feature, and of two products.
_SLOPES = np.array([0.0, 0.0, 0.0, 0.0, 0.5, -0.3])
_PRODUCTS = (((0, 1), 1.2), ((2, 3), 1.2))
#: Correlations of the features of both products, and cases of each batch.
_TIED, _SIZE = (0.6, -0.6), 50
#: Cases of the training part, of what the model was not fitted to, and explained ones of these.
_TRAINED, _UNSEEN, _EXPLAINED = 1000, 800, 400
_WATCHED = Schema(
    tuple(Feature(f"x{j}", f"x{j}", "numeric") for j in range(len(_SLOPES))),
    Target("y", "y", ("no", "yes")),
)


def tied(n: int, correlations: tuple[float, float], rng: np.random.Generator) -> Floats:
    """(case, feature) standard normal; the features of each product have this correlation."""
    values = rng.normal(size=(n, len(_SLOPES)))
    for ((first, second), _), r in zip(_PRODUCTS, correlations, strict=True):
        values[:, second] = r * values[:, first] + np.sqrt(1 - r * r) * values[:, second]
    return values


def log_odds(x: Floats) -> Floats:
    """(case,) what the model states."""
    products = sum(slope * x[:, a] * x[:, b] for (a, b), slope in _PRODUCTS)
    return np.asarray(x @ _SLOPES + products)


def shapley_values(x: Floats, background: Floats) -> Floats:
    """(case, feature) exact Shapley values of the log-odds against rows of a background.

    Of a product of two the value of the first is half of x₁x₂ + x₁ E b₂ − E b₁ x₂ − E b₁b₂.
    """
    values = _SLOPES * (x - background.mean(axis=0))
    for (a, b), slope in _PRODUCTS:
        together, both = x[:, a] * x[:, b], (background[:, a] * background[:, b]).mean()
        for feature, other in ((a, b), (b, a)):
            own = x[:, feature] * background[:, other].mean()
            others = background[:, feature].mean() * x[:, other]
            values[:, feature] += slope / 2 * (together + own - others - both)
    return np.asarray(values)


def answered(x: Floats) -> Predictions:
    """What the model states of cases (case, feature), as a run keeps it."""
    logits = np.column_stack([np.zeros(len(x)), log_odds(x)])
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    decided = (probabilities[:, 1] >= 0.5).astype(np.int64)
    number = np.arange(len(x))
    return Predictions(logits, probabilities, decided, number, decided, 0.5, "declared")


@dataclass(frozen=True)
class ReasonTrial:
    """One stream after the other, of which `explained` cases of each batch are explained.

    after : the correlations from batch 26 on; None leaves them.
    """

    explained: int
    after: tuple[float, float] | None = None

    def __call__(self, seed: int) -> dict[str, dict[str, int]]:
        """{role: {key of what drifted: the batch in which that was found}}."""
        rng = np.random.default_rng([seed, self.explained])
        train, unseen = tied(_TRAINED, _TIED, rng), tied(_UNSEEN, _TIED, rng)
        background, known = train[:100], shapley_values(unseen[:_EXPLAINED], train[:100])
        watch = DriftWatch.of(_WATCHED, train, unseen, [answered(unseen)], seed, known)
        rows: list[DriftRow] = []
        for number in range(1, _BATCHES + 1):
            changed = self.after is not None and number > _CHANGE
            batch = tied(_SIZE, self.after if changed and self.after else _TIED, rng)
            values = shapley_values(batch[: self.explained], background)
            rows = watch.take(_WATCHED, batch, answered(batch), number, values)
        since = {role: {} for role in ("output", "input", "reason")}
        for row in rows:
            if row.verdict.since is not None:
                since[row.role][row.key] = row.verdict.since
        return since


def reasons_alike(repeats: int, plan: Plan) -> Table:
    """Streams in which neither the cases nor the reasons change."""
    rows: list[Sequence[object]] = []
    for explained in (10, _SIZE):
        runs = repeat(ReasonTrial(explained), repeats, plan)
        alarms = share([any(run.values()) for run in runs])
        rows.append(
            (explained, alarms, *(share([bool(run[role]) for run in runs]) for role in _ROLES))
        )
    return Table(
        "Streams in which no reason changes",
        f"{repeats} streams each of {_BATCHES} batches of {_SIZE} cases, {len(_SLOPES)} features, "
        "of which two pairs go together and act as products, and exact Shapley values of the "
        f"log-odds of some cases of each batch, compared with those of {_EXPLAINED} cases that the "
        "model was not fitted to. An alarm is a verdict of drift on the output, on any input or on "
        "the attributions to any feature, in any batch. Target: at most 5 % of streams.",
        ("explained of a batch", "any alarm", *_ROLES.values()),
        rows,
    )


_ROLES = {"output": "of the output", "input": "of an input", "reason": "of a reason"}
#: What happens from batch 26 on; no feature's own distribution changes in any of them.
FLIPPED: tuple[tuple[str, tuple[float, float]], ...] = (
    ("one pair goes apart: correlation 0.6 → 0", (0.0, -0.6)),
    ("one pair turns: 0.6 → −0.6", (-0.6, -0.6)),
    ("both pairs change places: 0.6 ↔ −0.6", (-0.6, 0.6)),
)


def reasons_flipped(repeats: int, plan: Plan) -> Table:
    """Streams in which features go together otherwise, and none is drawn otherwise itself."""
    rows: list[Sequence[object]] = []
    for explained in (10, _SIZE):
        for name, after in FLIPPED:
            runs = repeat(ReasonTrial(explained, after), repeats, plan)
            changed = {"x0", "x1"} | ({"x2", "x3"} if after[1] != _TIED[1] else set())
            first = [min(run["reason"].get(key, 2 * _BATCHES) for key in changed) for run in runs]
            late = np.array([batch - _CHANGE for batch in first])
            half, most = np.quantile(late, [0.5, 0.9], method="higher")
            cells = [
                "not within 25" if end > _BATCHES - _CHANGE else int(end) for end in (half, most)
            ]
            found = share([0 < batch <= _BATCHES - _CHANGE for batch in late.tolist()])
            wrong = share([bool(set(run["reason"]) - changed) for run in runs])
            others = (share([bool(run[role]) for run in runs]) for role in ("output", "input"))
            rows.append((name, explained, found, *cells, wrong, *others))
    return Table(
        "Streams in which reasons change and no feature does",
        f"{repeats} streams each, as above; from batch {_CHANGE + 1} of {_BATCHES} on features go "
        "together otherwise, and each is drawn as before. Found is a verdict on the attributions "
        "to a feature of a changed pair, and after how many batches that is in half of the "
        "streams, and in nine of ten. Where both pairs change places, the output is distributed as "
        "before, too: the reasons alone tell.",
        (
            *("change", "explained of a batch", "found", "half", "nine of ten"),
            *("another reason is called", "output is called", "an input is called"),
        ),
        rows,
    )


def tables(plan: Plan) -> list[Table]:
    """All tables of this part."""
    return [
        false_alarms(plan.times(200, 20), plan),
        planted(plan.times(60, 10), plan),
        reasons_alike(plan.times(200, 20), plan),
        reasons_flipped(plan.times(30, 10), plan),
    ]
