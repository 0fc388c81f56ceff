"""Decides what `explainers=recommend` leaves open: which explainers, how large, and why.

A budget says how many rows the model may evaluate for all explanations together. Every candidate
offers itself in sizes (`OffersSizes`), each with its turn. Turn by turn the recommender takes what
the budget still pays for: the control; an account of the whole output, exact where model or data
allow it; gradients as a second opinion at a small part of its price; what costs next to nothing;
then the sizes that the files name; a local surrogate where there are no gradients; more coalitions
before a third opinion at the price of the first. What a person named or set comes before all this,
as it was set. The choice follows from model, data and configuration alone; no clock is read.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from deepseek_report.artifacts.message import Message, message
from deepseek_report.artifacts.protocols.explainers import (
    ExplainerPlugin,
    Offer,
    OffersSizes,
    Situation,
    Turn,
)
from deepseek_report.artifacts.protocols.models import capabilities_of
from deepseek_report.artifacts.protocols.progress import Silent
from deepseek_report.config.composed import Undecided, locate
from deepseek_report.config.experiment import Experiment
from deepseek_report.config.problems import ConfigProblems, Problem
from deepseek_report.config.validate import validate
from deepseek_report.runner.planning.plan import data_stage
from deepseek_report.runner.planning.work import (
    Size,
    background_of,
    instances_of,
    planned_calls,
    size_of,
)
from deepseek_report.store import Store


def decided(experiment: Experiment, size: Size | None = None) -> Experiment:
    """The experiment with its explainers chosen; the same where nothing was left open.

    Parameters
    ----------
    size : of the data, where it is known; else the store tells it, or the data are read.

    Raises
    ------
    ConfigProblems : the budget does not pay for what must be explained.
    DataError : the data cannot be read.
    """
    if experiment.undecided is None:
        return experiment
    budget = _Budget.of(experiment, experiment.undecided, size or size_before_run(experiment))
    composed = experiment.undecided.decided(
        explainers={key: _plain(offer.explainer) for key, offer in budget.taken.items()},
        left_out=budget.refused,
        evaluations=budget.rows,
        reasons=dict(budget.reasons()),
    )
    return validate(composed, experiment.trusted, experiment.trusted_types)


def size_before_run(experiment: Experiment) -> Size:
    """The size of the data, from the store or else from their source.

    Raises
    ------
    DataError : the data cannot be read.
    """
    store = Store(Path(experiment.settings.paths.store).absolute())
    if (folder := data_stage(experiment).folder(store)) is not None:
        return size_of(folder)
    dataset = experiment.dataset.load(experiment.seeds.data, Silent())
    return Size.of(dataset.schema, dataset.card)


def _plain(explainer: ExplainerPlugin) -> dict[str, Any]:
    return dict(TypeAdapter(type(explainer)).dump_python(explainer, mode="json"))


@dataclass
class _Budget:
    """Rows that the model may evaluate, and what was taken for them so far.

    offers : {candidate: its offers}. taken : {candidate: the offer that is paid for}. refused :
    {candidate: why none is}. others : how many explainers are no candidates; spent counts
    their rows as well.
    """

    experiment: Experiment
    undecided: Undecided
    size: Size
    offers: Mapping[str, list[Offer]]
    rows: int
    spent: int
    others: int
    taken: dict[str, Offer] = field(default_factory=dict)
    refused: dict[str, Message] = field(default_factory=dict)

    @classmethod
    def of(cls, experiment: Experiment, undecided: Undecided, size: Size) -> _Budget:
        """What is taken for the budget that the configuration declares."""
        explainers = experiment.explainers
        situation = Situation(
            capabilities_of(experiment.model, size.schema),
            size.schema,
            background_of(experiment, size),
        )
        offers = {
            key: list(_as_set(explainers[key], situation, fields))
            for key, fields in undecided.candidates.items()
        }
        others = [key for key in explainers if key not in offers]
        cost = {key: _cost(experiment, size, explainers[key]) for key in explainers}
        budget = cls(
            experiment,
            undecided,
            size,
            offers,
            rows=experiment.settings.explain.evaluations or sum(cost.values()),
            spent=sum(cost[key] for key in others),
            others=len(others),
        )
        budget.spend()
        return budget

    def spend(self) -> None:
        """Take what was set, then offer by offer in turn; refuse a budget that explains nothing."""
        for key in self.must:
            self.take(key, self.offers[key][0])
        self.refuse_less_than(self.spent)
        every = [(key, offer) for key, offers in self.offers.items() for offer in offers]
        for key, offer in sorted(every, key=lambda entry: entry[1].turn):
            if self.pays_for(key, offer):
                self.take(key, offer)
            elif key not in self.taken:
                self.refused.setdefault(key, self.refusal(key, offer))
        accounts = [(key, offer) for key, offer in every if offer.turn == Turn.ACCOUNT]
        if accounts and not self.explains:
            self.refuse_less_than(self.spent + min(self.price(*account) for account in accounts))

    @property
    def must(self) -> list[str]:
        """The control, and candidates of which a person set a field, who so asked for them."""
        return [
            key
            for key, fields in self.undecided.candidates.items()
            if fields or self.offers[key][0].turn == Turn.CONTROL
        ]

    @property
    def explains(self) -> bool:
        """Whether there is an explanation that may stand beside the control alone."""
        return self.others > 0 or any(offer.alone for offer in self.taken.values())

    def price(self, key: str, offer: Offer) -> int:
        """Rows that an offer needs beyond the smaller size that it takes the place of."""
        before = self.taken.get(key)
        already = _cost(self.experiment, self.size, before.explainer) if before else 0
        return _cost(self.experiment, self.size, offer.explainer) - already

    def pays_for(self, key: str, offer: Offer) -> bool:
        beside = offer.alone or self.explains
        return beside and self.spent + self.price(key, offer) <= self.rows

    def take(self, key: str, offer: Offer) -> None:
        self.spent += self.price(key, offer)
        self.taken[key] = offer

    def refuse_less_than(self, needed: int) -> None:
        if self.rows >= needed:
            return
        cases = instances_of(self.experiment, self.size)
        raise ConfigProblems(
            [
                Problem(
                    locate(self.undecided.composed, ("explain", "evaluations")),
                    f"explain.evaluations is {self.rows}, which does not pay for an explanation of "
                    f"{cases} instances",
                    f"at least {needed}, or null",
                    "allow more evaluations, or set explain.instances to fewer",
                )
            ]
        )

    def reasons(self) -> Iterator[tuple[str, Message]]:
        """Why each candidate is taken in this size, in the order of the configuration."""
        for key in self.offers:
            if (offer := self.taken.get(key)) is not None:
                is_set = self.undecided.candidates[key] and len(self.offers[key]) == 1
                why = message("recommendation.set") if is_set else offer.reason
                rows = _cost(self.experiment, self.size, offer.explainer)
                yield key, message("recommendation.taken", why=why, rows=rows)

    def refusal(self, key: str, offer: Offer) -> Message:
        """Why the smallest offer of a candidate is not taken when its turn has come."""
        if not offer.alone and not self.explains:
            return message("recommendation.not_alone")
        left, least = self.rows - self.spent, self.price(key, offer)
        return message("recommendation.left_out", least=least, left=left, of=self.rows)


def _as_set(
    explainer: ExplainerPlugin, situation: Situation, fields: frozenset[str]
) -> Iterator[Offer]:
    """The offers of a candidate that leave the fields alone which a person set."""
    offers = [Offer(Turn.SECOND, explainer, message("recommendation.own"))]
    if isinstance(explainer, OffersSizes):
        offers = list(explainer.offers(situation))
    kept = [
        offer
        for offer in offers
        if all(getattr(offer.explainer, name) == getattr(explainer, name) for name in fields)
    ]
    yield from kept or [dataclasses.replace(offers[0], explainer=explainer)]


def _cost(experiment: Experiment, size: Size, explainer: ExplainerPlugin) -> int:
    return planned_calls(experiment, explainer, size, instances_of(experiment, size))
