"""Decides what `explainers=recommend` leaves open: which explainers, how large, and why.

A budget says how many rows the model may evaluate for all explanations together. Every candidate
offers itself in sizes (`ExplainerPart.offers`), each with its turn. Turn by turn the recommender
takes what the budget still pays for: the control; an account of the whole output, exact where model
or data allow it; gradients as a second opinion at a small part of its price; what costs next to
nothing; then the sizes that the files name; a local surrogate where there are no gradients; more
coalitions before a third opinion at the price of the first; of what comes at the same turn, the
method nearer to the truth first. What a person named or set comes before all this, as it was set.

A second budget may say how many seconds all explanations may take. What a method takes and how far
it is from the truth was measured, and ships with the program (`MEASURED`): the choice follows from
model, data and configuration alone; no clock is read.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from math import inf
from pathlib import Path

from pydantic import TypeAdapter

from deepseek_report.artifacts.message import Message, message
from deepseek_report.artifacts.protocols.explainers import ExplainerPart, Offer, Situation, Turn
from deepseek_report.artifacts.schema import Schema
from deepseek_report.artifacts.storage import bounded_yaml
from deepseek_report.config.composed import Undecided, locate
from deepseek_report.config.experiment import Experiment
from deepseek_report.config.problems import ConfigProblems, Problem
from deepseek_report.config.validate import validate
from deepseek_report.runner.planning import work

#: What `benchmarks/method_prices.py` measured of the shipped methods.
MEASURED = Path(__file__).with_name("measured_methods.yaml")


@dataclass(frozen=True)
class MeasuredMethods:
    """The table of `MEASURED`.

    errors : {kind of data: {game: {explainer: mean true error}}}. microseconds : {kind of data:
    {class of the model: {explainer: CPU time of a planned row}}}. machine, date, worlds : on what,
    when and on how many of known truth this was measured.
    """

    errors: Mapping[str, Mapping[str, Mapping[str, float]]]
    microseconds: Mapping[str, Mapping[str, Mapping[str, float]]]
    machine: str
    date: object
    worlds: int


@lru_cache(maxsize=1)
def measured() -> MeasuredMethods:
    """The table, read once."""
    return MeasuredMethods(**bounded_yaml.load(MEASURED))


def true_error(experiment: Experiment, schema: Schema, explainer: str) -> float | None:
    """The mean true error of a shipped method on such data, where the truth was known; 0 is exact,
    1 has nothing of it. None where it was not measured in the game that the run asks about.
    """
    games = measured().errors.get(schema.modality, {})
    return games.get(experiment.question(schema), {}).get(explainer)


def seconds_a_row(experiment: Experiment, schema: Schema, explainer: str) -> float | None:
    """CPU seconds in which a shipped method deals with one row that it plans, on the machine of the
    table: of such data and such a model, else of the slowest model that was measured. None where
    the method was not measured, on such data or on any.
    """
    by_kind = measured().microseconds
    model = type(experiment.model).__name__
    same = by_kind.get(schema.modality, {})
    every = [prices for models in by_kind.values() for prices in models.values()]
    for models in ([same[model]] if model in same else [], [*same.values()], every):
        known = [prices[explainer] for prices in models if explainer in prices]
        if known:
            return float(max(known)) / 1e6
    return None


def decided(experiment: Experiment, size: work.Size | None = None) -> Experiment:
    """The experiment with its explainers chosen; the same where nothing was left open.

    size : of the data, where it is known; else the store tells it, or the data are read.

    Raises ConfigProblems: the budget does not pay for what must be explained.
    Raises DataError: the data cannot be read.
    """
    if experiment.undecided is None:
        return experiment
    size = size or work.KnownData.of(experiment).size
    budget = _Budget.of(experiment, experiment.undecided, size)
    budget.spend()
    chosen = {key: offer.explainer for key, offer in budget.taken.items()}
    composed = experiment.undecided.decided(
        explainers={
            key: TypeAdapter(type(explainer)).dump_python(explainer, mode="json")
            for key, explainer in chosen.items()
        },
        left_out=budget.refused,
        evaluations=int(budget.spent.rows if budget.allowed.rows == inf else budget.allowed.rows),
        reasons={key: budget.reason(key) for key in budget.offers if key in budget.taken},
    )
    return validate(composed, experiment.trusted, experiment.trusted_types)


@dataclass(frozen=True)
class _Price:
    """Rows that the model evaluates, and CPU seconds of the machine of the table."""

    rows: float = 0
    seconds: float = 0

    def __add__(self, other: _Price) -> _Price:
        return _Price(self.rows + other.rows, self.seconds + other.seconds)

    def __sub__(self, other: _Price) -> _Price:
        return _Price(self.rows - other.rows, self.seconds - other.seconds)

    def within(self, allowed: _Price) -> bool:
        return self.rows <= allowed.rows and self.seconds <= allowed.seconds


@dataclass
class _Budget:
    """What all explanations may cost, and what was taken for it so far.

    offers : {candidate: its offers}. taken : {candidate: the offer that is paid for}. refused :
    {candidate: why none is}. others : explainers that are no candidates; spent counts them as well.
    """

    experiment: Experiment
    undecided: Undecided
    size: work.Size
    offers: Mapping[str, list[Offer]]
    others: Sequence[str]
    allowed: _Price = field(default_factory=_Price)
    spent: _Price = field(default_factory=_Price)
    taken: dict[str, Offer] = field(default_factory=dict)
    refused: dict[str, Message] = field(default_factory=dict)

    @classmethod
    def of(cls, experiment: Experiment, undecided: Undecided, size: work.Size) -> _Budget:
        """What the configuration allows: rows, seconds, or both; by itself as many rows as the
        candidates plan that are more than a finer form of another.
        """
        explainers, explain = experiment.explainers, experiment.settings.explain
        capabilities = experiment.model.capabilities_for(size.schema)
        background = work.background_of(experiment, size)
        situation = Situation(capabilities, size.schema, background)
        offers = {
            key: _as_set(explainers[key], situation, fields)
            for key, fields in undecided.candidates.items()
        }
        others = [key for key in explainers if key not in offers]
        budget = cls(experiment, undecided, size, offers, others)
        rows: float = explain.evaluations or inf
        if not (explain.evaluations or explain.seconds):
            usual = [key for key, sizes in offers.items() if sizes[0].turn != Turn.FINER]
            rows = sum(budget.cost(key, explainers[key]).rows for key in (*others, *usual))
        budget.allowed = _Price(rows, explain.seconds or inf)
        return budget

    def cost(self, key: str, explainer: ExplainerPart) -> _Price:
        """What an explainer plans, and how long that takes; 0 seconds where nobody measured it."""
        cases = work.instances_of(self.experiment, self.size)
        rows = work.planned_calls(self.experiment, explainer, self.size, cases)
        each = seconds_a_row(self.experiment, self.size.schema, key)
        return _Price(rows, rows * (each or 0.0))

    def spend(self) -> None:
        """Pay for what is asked for by name, then offer by offer in turn, of one turn the nearer to
        the truth first; refuse a budget that explains nothing.

        The control is always taken, and a candidate of which a person set a field.
        """
        for key in self.others:
            self.spent += self.cost(key, self.experiment.explainers[key])
        for key, fields in self.undecided.candidates.items():
            if fields or self.offers[key][0].turn == Turn.CONTROL:
                self.take(key, self.offers[key][0])
        self.refuse_less_than(self.spent)
        every = [(key, offer) for key, offers in self.offers.items() for offer in offers]
        errors = {key: true_error(self.experiment, self.size.schema, key) for key in self.offers}
        near = {key: inf if error is None else error for key, error in errors.items()}
        for key, offer in sorted(every, key=lambda entry: (entry[1].turn, near[entry[0]])):
            stands = offer.alone or self.explains
            if stands and (self.spent + self.price(key, offer)).within(self.allowed):
                self.take(key, offer)
            elif key not in self.taken:
                self.refused.setdefault(key, self.refusal(key, offer))
        accounts = [(key, offer) for key, offer in every if offer.turn == Turn.ACCOUNT]
        if accounts and not self.explains:
            least = min((self.price(*account) for account in accounts), key=lambda p: p.rows)
            self.refuse_less_than(self.spent + least)

    @property
    def explains(self) -> bool:
        """Whether there is an explanation that may stand beside the control alone."""
        return bool(self.others) or any(offer.alone for offer in self.taken.values())

    def price(self, key: str, offer: Offer) -> _Price:
        """What an offer needs beyond the smaller size that it takes the place of."""
        before = self.taken.get(key)
        already = self.cost(key, before.explainer) if before else _Price()
        return self.cost(key, offer.explainer) - already

    def take(self, key: str, offer: Offer) -> None:
        self.spent += self.price(key, offer)
        self.taken[key] = offer

    def refuse_less_than(self, needed: _Price) -> None:
        if needed.within(self.allowed):
            return
        name = "evaluations" if needed.rows > self.allowed.rows else "seconds"
        allowed = getattr(self.experiment.settings.explain, name)
        least = int(needed.rows) if name == "evaluations" else math.ceil(10 * needed.seconds) / 10
        cases = work.instances_of(self.experiment, self.size)
        raise ConfigProblems(
            [
                Problem(
                    locate(self.undecided.composed, ("explain", name)),
                    f"explain.{name} is {allowed}, which does not pay for an explanation of "
                    f"{cases} instances",
                    f"at least {least}, or null",
                    f"allow more {name}, or set explain.instances to fewer",
                )
            ]
        )

    def reason(self, key: str) -> Message:
        """Why a candidate is taken in this size, with what that costs, and how far from the truth
        the method was.
        """
        offer, schema = self.taken[key], self.size.schema
        is_set = self.undecided.candidates[key] and len(self.offers[key]) == 1
        why = message("recommendation.set") if is_set else offer.reason
        cost, error = self.cost(key, offer.explainer), true_error(self.experiment, schema, key)
        rows = int(cost.rows)
        if seconds_a_row(self.experiment, schema, key) is None:
            return message("recommendation.taken", why=why, rows=rows)
        if error is None:
            return message("recommendation.timed", why=why, rows=rows, seconds=cost.seconds)
        measured = {"seconds": cost.seconds, "error": error}
        return message("recommendation.measured", why=why, rows=rows, **measured)

    def refusal(self, key: str, offer: Offer) -> Message:
        """Why the smallest offer of a candidate is not taken when its turn has come."""
        if not offer.alone and not self.explains:
            return message("recommendation.not_alone")
        left, least, of = self.allowed - self.spent, self.price(key, offer), self.allowed
        if least.rows > left.rows:
            rows = {"least": int(least.rows), "left": int(left.rows), "of": int(of.rows)}
            return message("recommendation.left_out", **rows)
        seconds = {"least": least.seconds, "left": left.seconds, "of": of.seconds}
        return message("recommendation.too_slow", **seconds)


def _as_set(explainer: ExplainerPart, situation: Situation, fields: frozenset[str]) -> list[Offer]:
    """The offers of a candidate that leave the fields alone which a person set."""
    as_it_is = Offer(Turn.SECOND, explainer, message("recommendation.own"))
    offers = explainer.offers(situation) or [as_it_is]
    kept = [
        offer
        for offer in offers
        if all(getattr(offer.explainer, name) == getattr(explainer, name) for name in fields)
    ]
    return kept or [dataclasses.replace(offers[0], explainer=explainer)]
