"""Do the explainers agree with one another, and are they as good for every group?"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Annotated

import numpy as np
import pandas as pd

from deepseek_report.artifacts.array_types import Bools, Floats
from deepseek_report.artifacts.disclosure import TableRelease
from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.explanation import CONTROL, Explanation
from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.schema import Schema
from deepseek_report.artifacts.score import Score
from deepseek_report.artifacts.table import TableType, columns_of
from deepseek_report.artifacts.table_rows import BARE_ENDS, HIDDEN, Cell
from deepseek_report.data_kinds import kind_of
from deepseek_report.errors import NotApplicableError
from deepseek_report.metrics.explanations.explanation_plugin import (
    ExplanationMetric,
    bootstrap_mean,
)
from deepseek_report.metrics.plugin import Resamples
from deepseek_report.statistics.ranking import average_ranks

_KRISHNA = "Krishna et al. 2022, arXiv:2202.01602"


@dataclass(frozen=True)
class ExplainerPair:
    """Two explainers, and how alike they rank the players: a row of `explainer_agreement.pairs`."""

    explainer_a: Annotated[str, "explainer"]
    explainer_b: Annotated[str, "explainer"]
    spearman: Annotated[Estimate, BARE_ENDS, Cell(required=True)]
    top5_overlap: Annotated[float, "of_five", Cell(required=True)]
    top5_sign_agreement: Annotated[float, "share", HIDDEN]
    n: int

    @property
    def has_control(self) -> bool:
        """Whether one of them is the random control."""
        return CONTROL in (self.explainer_a, self.explainer_b)


def rowwise_spearman(a: Floats, b: Floats) -> Floats:
    """Spearman's rank correlation of each row of `a` with the same row of `b`.

    a, b : (instance, player). Ties share their mean rank; NaN is left out, in both at once.

    Returns (instance,) in [−1, 1]; NaN where one of the two rows is constant.
    """
    first, second = _centred_ranks(a), _centred_ranks(b)
    size = np.sqrt((first**2).sum(axis=1) * (second**2).sum(axis=1))
    together = (first * second).sum(axis=1)
    return np.asarray(np.divide(together, size, out=np.full(len(a), np.nan), where=size > 0))


def _centred_ranks(values: Floats) -> Floats:
    """Ranks less their mean; 0 for NaN."""
    known = ~np.isnan(values)
    ranks = average_ranks(np.where(known, values, np.inf))
    count = np.maximum(known.sum(axis=1, keepdims=True), 1)
    total = np.where(known, ranks, 0.0).sum(axis=1, keepdims=True)
    return np.where(known, ranks - total / count, 0.0)


def top_overlap(a: Floats, b: Floats, k: int) -> Floats:
    """Share of the k players of largest magnitude that both rows name.

    a, b : (instance, player); NaN is no player.
    k : how many players, at most all.

    Returns (instance,) in [0, 1].
    """
    first, second = (_among_largest(np.abs(values), k) for values in (a, b))
    most = np.minimum(k, (~np.isnan(a)).sum(axis=1))
    return np.asarray((first & second).sum(axis=1) / np.maximum(most, 1))


def _among_largest(magnitudes: Floats, k: int) -> Bools:
    order = np.argsort(-magnitudes, axis=1, kind="stable")
    return (np.argsort(order, axis=1) < k) & ~np.isnan(magnitudes)


def player_values(explanations: dict[str, Explanation], schema: Schema) -> dict[str, Floats]:
    """{explainer: (instance, player)}, NaN where a player is not there."""
    return {
        name: kind_of(schema).by_player(explanation.values, explanation.inputs)
        for name, explanation in explanations.items()
    }


def pair_correlations(values: dict[str, Floats]) -> dict[tuple[str, str], Floats]:
    """For each pair the Spearman correlation of magnitudes, per instance.

    values : {explainer: (instance, player)} from `player_values`.
    """
    size = {name: np.abs(attributions) for name, attributions in values.items()}
    return {(a, b): rowwise_spearman(size[a], size[b]) for a, b in combinations(values, 2)}


@dataclass(frozen=True)
class ExplainerAgreement(ExplanationMetric):
    """How far the explainers rank the features of the same instance alike.

    Spearman correlation of |attributions| per instance, averaged over instances and over the pairs
    of explainers of one game: two that answer different questions need not agree. 1 means the same
    ranking, 0 none in common. `agreement_with_random` is what the pairs with the random control
    give: what agreement by chance looks like. Agreement is no proof: methods may err together.

    Reference: Krishna et al. 2022, arXiv:2202.01602.
    """

    reveals = "aggregate"
    tables = {
        "pairs": TableType.of(
            ExplainerPair, "trust", folded=True, release=TableRelease(counts=("n",))
        ),
        "per_case": TableType(
            (
                *columns_of("position:place explainer_a:explainer explainer_b:explainer"),
                *columns_of("spearman:number top3_overlap:share"),
            )
        ),
    }

    resamples: Resamples = 2000

    bounds = {"agreement": (-1.0, 1.0), "agreement_with_random": (-1.0, 1.0)}
    scope = "explainers"
    reads = frozenset({"dataset", "explanations", "question", "seed"})

    def measure(self, context: MeasureContext) -> Measurement:
        explanations = self.compared(context)
        if len(explanations) < 2:
            raise NotApplicableError(message("refusals.one_explainer"))
        values = player_values(explanations, context.dataset.schema)
        correlations = pair_correlations(values)
        if all(np.isnan(rho).all() for rho in correlations.values()):
            raise NotApplicableError(message("refusals.no_rankings"))
        return Measurement(
            scores=tuple(self._scores(correlations, context)),
            tables={
                **self.frames(pairs=self._pairs(correlations, explanations, values, context.seed)),
                "per_case": pd.concat(
                    [
                        pd.DataFrame(
                            {
                                "position": np.arange(len(rho)),
                                "explainer_a": a,
                                "explainer_b": b,
                                "spearman": rho,
                                "top3_overlap": top_overlap(values[a], values[b], 3),
                            }
                        )
                        for (a, b), rho in correlations.items()
                    ],
                    ignore_index=True,
                ),
            },
        )

    def _scores(
        self, correlations: dict[tuple[str, str], Floats], context: MeasureContext
    ) -> list[Score]:
        control = {name for name, each in context.explanations.items() if each.method == CONTROL}
        games = {name: context.game_of(each) for name, each in context.explanations.items()}
        kinds = {
            "agreement": [
                rho
                for (a, b), rho in correlations.items()
                if not control & {a, b} and games[a] == games[b]
            ],
            "agreement_with_random": [v for pair, v in correlations.items() if control & set(pair)],
        }
        score, better = self.scorer(context, "", _KRISHNA), {"agreement": "higher"}
        return [
            score(
                metric,
                mean_known(values),
                better.get(metric, "none"),
                message("notes.explainer_agreement.pairs", pairs=len(values)),
            )
            for metric, values in kinds.items()
            if values
        ]

    def _pairs(
        self,
        correlations: dict[tuple[str, str], Floats],
        explanations: dict[str, Explanation],
        values: dict[str, Floats],
        seed: int,
    ) -> list[tuple[object, ...]]:
        rows: list[tuple[object, ...]] = []
        for (a, b), rho in correlations.items():
            known = rho[~np.isnan(rho)]
            mean, low, high = (float(x) for x in bootstrap_mean(known, self.resamples, seed))
            overlap = top_overlap(values[a], values[b], 5).mean()
            sign = float("nan")
            if explanations[a].signed and explanations[b].signed:
                both = _among_largest(np.abs(values[a]), 5) & _among_largest(np.abs(values[b]), 5)
                same = np.sign(values[a]) == np.sign(values[b])
                sign = float(same[both].mean()) if both.any() else sign
            rows.append((a, b, mean, low, high, overlap, sign, len(known)))
        return rows


def mean_known(values: list[Floats]) -> Floats:
    """Mean of several (instance,) arrays, NaN left out; NaN where none has a number."""
    return np.asarray(pd.DataFrame(values).mean())
