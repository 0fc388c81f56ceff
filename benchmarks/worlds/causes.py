"""Effects, gaps by path and contradictions of a graph, where the structural model is known."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache

import numpy as np

from deepseek_report.artifacts.array_types import Floats
from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.extensions.causes.cross_fitting import CausalData, Variable
from deepseek_report.extensions.causes.effects import (
    CausalEffect,
    MoveBy,
    SetTo,
    controls_of,
    effect_of_setting,
)
from deepseek_report.extensions.causes.gap_by_path import PATHS, gaps_by_path, widening
from deepseek_report.extensions.causes.graph import CausalGraph, CausalRefusal, PathSets
from deepseek_report.extensions.causes.independence import independence_tests
from deepseek_report.statistics.resampling import Resampling
from worlds.trials import Plan, Table, logistic, repeat, share

GRAPH = CausalGraph.of(
    {
        "group": ["age", "area"],
        "skill": ["group", "age"],
        "offer": ["skill", "age", "area"],
        "hours": ["skill", "age", "distance"],
        "outcome": ["group", "skill", "offer", "hours", "age", "area"],
    }
)
#: What the model reads; its answer is a function of these.
READ = ("group", "skill", "hours", "age")
SETS = PathSets(("age", "area", "distance"), ("skill", "offer", "hours"))
LEVELS = {"group": 2, "offer": 2, "area": 3}
MOVE = 0.5
ROWS = 1500
#: The truth is computed from so many rows, as a power of 2.
_POWER = 18
_NUMBERS = ("age", "distance", "skill", "hours", "outcome")
_UNIFORMS = ("area", "group", "offer", "chance")
Values = Mapping[str, Floats]


@dataclass(frozen=True)
class Model:
    """A structural model on `GRAPH`.

    Each function gives the mean of a number, or the log-odds of a class, from its direct causes.
    arrow : strength of an arrow from group to hours that the graph has not. binary : whether the
    outcome has two classes. decides : whether the offer is made by its log-odds without chance.
    """

    name: str
    group: Callable[[Values], Floats]
    skill: Callable[[Values], Floats]
    offer: Callable[[Values], Floats]
    hours: Callable[[Values], Floats]
    outcome: Callable[[Values], Floats]
    binary: bool = False
    arrow: float = 0.0
    decides: bool = False

    def draw(self, noise: Values, fixed: Values | None = None) -> dict[str, Floats]:
        """The values that follow from the noise, where some nodes are fixed."""
        v: dict[str, Floats] = {}
        fixed = fixed or {}

        def put(node: str, value: Callable[[], Floats]) -> None:
            v[node] = fixed[node] if node in fixed else value()

        put("age", lambda: noise["age"])
        put("area", lambda: np.floor(3 * noise["area"]))
        put("distance", lambda: noise["distance"])
        put("group", lambda: 1.0 * (noise["group"] < logistic(self.group(v))))
        put("skill", lambda: self.skill(v) + noise["skill"])
        put("offer", lambda: 1.0 * (noise["offer"] < self._offered(v)))
        put("hours", lambda: self.hours(v) + self.arrow * v["group"] + noise["hours"])
        put("outcome", lambda: self._outcome(v, noise["outcome"], noise["chance"]))
        v["answer"] = logistic(
            0.8 * v["skill"] + 0.5 * v["hours"] - 0.3 * v["age"] + 0.6 * v["group"] - 0.5
        )
        return v

    def _offered(self, v: Values) -> Floats:
        odds = self.offer(v)
        return 1.0 * (odds > 0) if self.decides else logistic(odds)

    def _outcome(self, v: Values, error: Floats, uniform: Floats) -> Floats:
        mean = self.outcome(v)
        return 1.0 * (uniform < logistic(mean)) if self.binary else mean + error


def noise_of(n: int, rng: np.random.Generator) -> dict[str, Floats]:
    made = {name: rng.normal(size=n) for name in _NUMBERS}
    return made | {name: rng.random(n) for name in _UNIFORMS}


LINEAR = Model(
    "linear",
    group=lambda v: 0.6 * v["age"] + 0.4 * (v["area"] - 1),
    skill=lambda v: 0.5 * v["age"] - 0.6 * v["group"],
    offer=lambda v: 0.7 * v["skill"] + 0.5 * v["age"] - 0.4 * (v["area"] == 2),
    hours=lambda v: 0.5 * v["skill"] + 0.4 * v["age"] + 0.5 * v["distance"],
    outcome=lambda v: (
        v["skill"] + 0.8 * v["offer"] + 0.6 * v["hours"] + 0.5 * v["age"]
        + 0.4 * v["group"] + 0.5 * (v["area"] == 1)
    ),
)  # fmt: skip
NONLINEAR = Model(
    "nonlinear",
    group=lambda v: np.sin(2 * v["age"]) + 0.4 * (v["area"] - 1),
    skill=lambda v: np.abs(v["age"]) - 0.6 * v["group"] * (1 + np.tanh(v["age"])),
    offer=lambda v: np.sin(2 * v["skill"]) + 0.6 * (v["age"] > 0.5) - 0.4 * (v["area"] == 2),
    hours=lambda v: 0.4 * v["skill"] ** 2 - 0.6 * np.cos(2 * v["age"]) + 0.5 * v["distance"],
    outcome=lambda v: (
        np.maximum(v["skill"], 0) ** 1.5 + v["offer"] * (0.5 + np.cos(v["age"]))
        + np.sin(2 * v["hours"]) + np.exp(-v["age"] ** 2) * 1.5 - (v["age"] > 1)
        + 0.4 * v["group"] * v["hours"] + 0.5 * (v["area"] == 1)
    ),
)  # fmt: skip
BINARY = replace(
    LINEAR,
    name="two classes, interactions",
    binary=True,
    outcome=lambda v: (
        -0.6 + 0.6 * v["skill"] + 0.9 * v["offer"] * (1 + 0.5 * v["age"])
        + 0.4 * v["hours"] * (1 - v["group"]) - 0.5 * v["group"] + 0.5 * v["age"] * v["skill"]
        + 0.4 * (v["area"] == 1)
    ),
)  # fmt: skip
WEAK = replace(
    LINEAR,
    name="rare group, weak overlap",
    group=lambda v: -2.3 + 0.7 * v["age"] + 0.4 * (v["area"] - 1),
    offer=lambda v: 1.2 * v["skill"] + 1.0 * v["age"] - 0.8 * (v["area"] == 2) - 1.0,
)
MODELS = (LINEAR, NONLINEAR, BINARY, WEAK)


def _steeper(power: float) -> Model:
    return replace(LINEAR, offer=lambda v: power * LINEAR.offer(v))


OVERLAPS = (
    ("by chance", LINEAR),
    ("odds to the power of 2", _steeper(2)),
    ("odds to the power of 4", _steeper(4)),
    ("odds to the power of 8", _steeper(8)),
    ("decided", replace(LINEAR, decides=True)),
)


@dataclass(frozen=True)
class Truth:
    """Of a model: effects of the offer and of more hours, parts of the gaps, and their widening."""

    offer: float
    hours: float
    outcome: Mapping[str, float]
    answer: Mapping[str, float]

    @property
    def wider(self) -> dict[str, float]:
        return {path: self.answer[path] - self.outcome[path] for path in PATHS}


@cache
def truth_of(model: Model) -> Truth:
    """By the same evenly spread rows with nodes fixed, weighted by their chances of either group.

    Means of drawn rows would be off by up to a sixth of the standard errors that they judge.
    """
    noise = _even_noise()
    n = len(noise["age"])
    ones, zeros = np.ones(n), np.zeros(n)
    as_one, as_zero = (model.draw(noise, {"group": to}) for to in (ones, zeros))
    through = {node: as_zero[node] for node in ("skill", "offer", "hours")}
    crossed = model.draw(noise, {"group": ones, **through})
    of_one = logistic(model.group(as_one))

    def mean(values: Floats, weights: Floats) -> float:
        return float(values @ weights / weights.sum())

    def effect(
        node: str, to: Callable[[Values], Floats], instead: Callable[[Values], Floats]
    ) -> float:
        sides = [
            mean(model.draw(noise, {"group": group, node: change(seen)})["outcome"], weights)
            for change in (to, instead)
            for group, seen, weights in ((ones, as_one, of_one), (zeros, as_zero, 1 - of_one))
        ]
        shares = np.array([of_one.mean(), 1 - of_one.mean()])
        return float(shares @ (np.array(sides[:2]) - sides[2:]))

    def parts(node: str) -> dict[str, float]:
        own, other = mean(as_one[node], of_one), mean(as_zero[node], 1 - of_one)
        direct, changed = (mean(each[node], 1 - of_one) for each in (crossed, as_one))
        return {
            "total": own - other,
            "direct": direct - other,
            "indirect": changed - direct,
            "spurious": own - changed,
        }

    offer = effect("offer", lambda v: ones, lambda v: zeros)
    hours = effect("hours", lambda v: v["hours"] + MOVE, lambda v: v["hours"])
    return Truth(offer, hours, parts("outcome"), parts("answer"))


@cache
def _even_noise() -> dict[str, Floats]:
    """As `noise_of`, of points that fill the space more evenly than drawn ones (Sobol)."""
    from scipy.special import ndtri
    from scipy.stats.qmc import Sobol

    names = (*_NUMBERS, *_UNIFORMS)
    points = Sobol(len(names), rng=np.random.default_rng(7)).random_base2(_POWER)
    noise = dict(zip(names, np.clip(points, 1e-12, 1 - 1e-12).T, strict=True))
    return noise | {name: ndtri(noise[name]) for name in _NUMBERS}


def data_of(model: Model, n: int, seed: int) -> CausalData:
    values = model.draw(noise_of(n, np.random.default_rng([seed, n, 11])))
    levels = LEVELS | ({"outcome": 2} if model.binary else {})
    return CausalData(
        {name: Variable(each, levels.get(name, 0)) for name, each in values.items()},
        Resampling(n),
        seed,
    )


def holds(estimate: Estimate, truth: float) -> bool:
    low, high = estimate.ends or (np.nan, np.nan)
    return bool(low <= truth <= high)


@dataclass(frozen=True)
class Outcome:
    """Of one drawn world: what held the truth, what was refused, and the errors of estimates."""

    held: dict[str, bool] = field(default_factory=dict)
    errors: dict[str, float] = field(default_factory=dict)
    refused: tuple[str, ...] = ()


@dataclass(frozen=True)
class EffectsTrial:
    """Effects, naive differences and parts of gaps against the truth; controls against 0."""

    model: Model
    n: int

    def __call__(self, seed: int) -> Outcome:
        data, truth = data_of(self.model, self.n, seed), truth_of(self.model)
        estimates: dict[str, tuple[Estimate, float]] = {}
        refusals = []
        for name, setting in (("offer", SetTo(1, 0)), ("hours", MoveBy(MOVE, -99, 99))):
            effect = effect_of_setting(GRAPH, data, name, setting, "outcome")
            if isinstance(effect, CausalRefusal):
                refusals.append(name)
                continue
            estimates[name] = effect.effect, getattr(truth, name)
            estimates[f"naive {name}"] = effect.naive, getattr(truth, name)
            if name == "offer":
                estimates |= _controls(effect, data)
        gaps = gaps_by_path(data, SETS, "group", (1, 0), ("outcome", "answer"))
        if isinstance(gaps, CausalRefusal):
            refusals.append("gap")
        else:
            labels, answers = gaps
            wider = widening(answers, labels, data)
            for path in PATHS:
                estimates[f"{path}, labels"] = labels.parts[path], truth.outcome[path]
                estimates[f"{path}, answers"] = answers.parts[path], truth.answer[path]
                estimates[f"{path}, widening"] = wider[path], truth.wider[path]
        return Outcome(
            {name: holds(*pair) for name, pair in estimates.items()},
            {name: estimate.value - true for name, (estimate, true) in estimates.items()},
            tuple(refusals),
        )


def _controls(effect: CausalEffect, data: CausalData) -> dict[str, tuple[Estimate, float]]:
    controls = controls_of(effect, data)
    both = {"placebo": controls.placebo, "random common cause": controls.random_common_cause}
    return {name: (each, 0.0) for name, each in both.items() if isinstance(each, Estimate)}


@dataclass(frozen=True)
class ClaimsTrial:
    """Whether any right claim is contradicted, and whether the missing arrow is named."""

    model: Model
    n: int

    def __call__(self, seed: int) -> tuple[bool, bool]:
        tests = independence_tests(GRAPH.implied_independences(), data_of(self.model, self.n, seed))
        named = [{t.claim.first, t.claim.second} for t in tests if t.is_contradicted]
        planted = {"group", "hours"}
        return any(pair != planted for pair in named), planted in named


@dataclass(frozen=True)
class OverlapTrial:
    """Whether the effect of the offer is refused, and else holds the truth."""

    model: Model
    n: int

    def __call__(self, seed: int) -> bool | None:
        data = data_of(self.model, self.n, seed)
        effect = effect_of_setting(GRAPH, data, "offer", SetTo(1, 0), "outcome")
        if isinstance(effect, CausalRefusal):
            return None
        return holds(effect.effect, truth_of(self.model).offer)


def shares(runs: Sequence[Outcome], names: Sequence[str]) -> list[object]:
    """How often each interval held the truth, of the runs that have it."""
    held = [[run.held[name] for run in runs if name in run.held] for name in names]
    return [share(each) if each else "–" for each in held]


def estimates(repeats: int, plan: Plan) -> list[Table]:
    effects, paths, checks = [], [], []
    for model in MODELS:
        runs = repeat(EffectsTrial(model, ROWS), repeats, plan)
        for name in ("offer", "hours"):
            errors = [run.errors[name] for run in runs if name in run.errors]
            naive = [run.errors[f"naive {name}"] for run in runs if name in run.errors]
            cells = [f"{np.mean(each):+.3f} ± {np.std(each):.3f}" for each in (errors, naive)]
            held = shares(runs, [name, f"naive {name}"])
            refused = share([name in run.refused for run in runs])
            effects.append((model.name, name, refused, cells[0], held[0], cells[1], held[1]))
        for what in ("labels", "answers", "widening"):
            refused = share(["gap" in run.refused for run in runs])
            held = shares(runs, [f"{path}, {what}" for path in PATHS])
            paths.append((model.name, what, refused, *held))
        checks.append((model.name, *shares(runs, ["placebo", "random common cause"])))
    drawn = f"{repeats} samples of {ROWS} rows of each structural model of eight nodes."
    return [
        Table(
            "Effects by a declared graph",
            f"{drawn} An offer is made or not; hours are moved by {MOVE}. Error: mean and standard "
            "deviation. Naive: a difference of means, and a slope. Target: intervals hold the "
            "truth in at least 93 %.",
            ("model", "treatment", "refused", "error", "interval", "naive error", "its interval"),
            effects,
        ),
        Table(
            "Gaps by path",
            f"{drawn} How often the interval of each part holds the truth, of the labels, of a "
            "model's answers, and of the paired difference of both. Target: at least 93 %.",
            ("model", "of", "refused", "total", "direct", "indirect", "spurious"),
            paths,
        ),
        Table(
            "Controls of an effect",
            f"{drawn} How often the interval holds 0. Target: about 95 %.",
            ("model", "placebo", "random common cause"),
            checks,
        ),
    ]


def contradictions(repeats: int, plan: Plan) -> Table:
    rows: list[tuple[object, ...]] = []
    for model in MODELS:
        wrong = [any_wrong for any_wrong, _ in repeat(ClaimsTrial(model, ROWS), repeats, plan)]
        rows.append((model.name, "none", share(wrong), "–"))
    for arrow, correlation in ((0.2, 0.1), (0.42, 0.2), (0.65, 0.3)):
        both = repeat(ClaimsTrial(replace(LINEAR, arrow=arrow), ROWS), repeats, plan)
        named = share([planted for _, planted in both])
        rows.append((LINEAR.name, f"correlation {correlation}", "–", named))
    claims = len(GRAPH.implied_independences())
    return Table(
        "What data contradict of a graph",
        f"{repeats} samples of {ROWS} rows each; {claims} claims of eight nodes, corrected "
        "together. The missing arrow makes what is left of both nodes go together as strongly as "
        "is written; 0.3 is called medium. Target: any wrong contradiction in at most 5 %, a "
        "missing arrow of medium strength named in at least 90 %.",
        ("model", "missing arrow", "a right claim is contradicted", "the missing arrow is named"),
        rows,
    )


def overlap(repeats: int, plan: Plan) -> Table:
    rows = []
    for name, model in OVERLAPS:
        runs = repeat(OverlapTrial(model, ROWS), repeats, plan)
        answered = [run for run in runs if run is not None]
        refused = share([run is None for run in runs])
        rows.append((name, refused, share(answered) if answered else "–"))
    return Table(
        "Effects where few rows have counterparts",
        f"{repeats} samples of {ROWS} rows each of the linear model. Odds of an offer are raised "
        "to a power, so that offers are ever less by chance. Where an effect is not refused, "
        "its interval must hold the truth.",
        ("offers", "refused", "interval of the others"),
        rows,
    )


def tables(plan: Plan) -> list[Table]:
    """All tables of this part."""
    repeats = plan.times(400, 20)
    return [*estimates(repeats, plan), contradictions(repeats, plan), overlap(repeats, plan)]
