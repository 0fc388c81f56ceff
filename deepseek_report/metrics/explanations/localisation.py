"""Does an explanation point at what is known to make the label?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

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
from deepseek_report.artifacts.table import TableType
from deepseek_report.artifacts.table_rows import BARE_ENDS
from deepseek_report.data_kinds import kind_of
from deepseek_report.data_kinds.coalitions import n_players, player_sums
from deepseek_report.errors import NotApplicableError
from deepseek_report.metrics.explanations.explanation_plugin import ExplanationMetric
from deepseek_report.metrics.plugin import Resamples
from deepseek_report.statistics.intervals import SHARE
from deepseek_report.statistics.ranking import average_ranks
from deepseek_report.tasks import task_of

_ARRAS = "Arras, Osman & Samek 2022, doi:10.1016/j.inffus.2021.11.008"
_ZHANG = "Zhang et al. 2018, doi:10.1007/s11263-017-1059-x"
#: {score: (what it is, reference)}, in the order of the report.
_MEASURES = {
    "pointing_game": (message("notes.localisation.pointing_game"), _ZHANG),
    "relevance_mass": (message("notes.localisation.relevance_mass"), _ARRAS),
    "relevance_rank": (message("notes.localisation.relevance_rank"), _ARRAS),
    "localisation_auc": (
        message("notes.localisation.localisation_auc"),
        "Fawcett 2006, doi:10.1016/j.patrec.2005.10.010",
    ),
}


@dataclass(frozen=True)
class LocalisedShare:
    """How much of a method lies on the truth by one measure: a row of `localisation.localisation`.

    chance : what an explanation that points anywhere reaches.
    """

    explainer: Annotated[str, "explainer"]
    measure: str
    value: Annotated[Estimate, BARE_ENDS]
    chance: float
    control: float
    n: int | None


@dataclass(frozen=True)
class Localisation(ExplanationMetric):
    """How much of an explanation lies on the columns that are known to make the label.

    Only over explained instances with a known truth (`Split.truth`): the pixels of a defect, a
    planted token, the columns that a generated label depends on. Each number stands beside what an
    explanation that points anywhere would reach; `localisation_gain` is the mean of relevance mass
    − share of the truth in the instance, above 0 is better than chance.

    evidence : what counts as pointing at a column. "positive" is the attribution toward the
        explained class, among more than two toward the one decided of each instance, "magnitude"
        its size; "auto" takes the first for texts, images and series of that class, and the second
        for tables, other classes and numbers.

    References: Arras, Osman & Samek 2022, doi:10.1016/j.inffus.2021.11.008; Zhang et al. 2018,
    doi:10.1007/s11263-017-1059-x.
    """

    reveals = "aggregate"
    tables = {"localisation": TableType.of(LocalisedShare, release=TableRelease(counts=("n",)))}

    evidence: Literal["auto", "positive", "magnitude"] = "auto"
    resamples: Resamples = 2000

    reads = frozenset({"dataset", "predictions", "cases", "explanation", "control", "seed"})
    bounds = {**dict.fromkeys(_MEASURES, SHARE), "localisation_gain": (-1.0, 1.0)}
    needs_truth = True

    def measure(self, context: MeasureContext) -> Measurement:
        explanation = self.judged(context)
        truth, present, chosen = _truths(context, explanation)
        evidence = self._evidence(context, explanation)[chosen]
        schema = context.dataset.schema
        measured = _pointing(evidence, truth, present, schema)
        chance = _chances(truth, present, schema)
        control: Mapping[str, float] = {}
        if context.control is not None and explanation.method != CONTROL:
            of_control = self._evidence(context, context.control)[chosen]
            pointing = _pointing(of_control, truth, present, schema)
            control = {name: float(np.nanmean(values)) for name, values in pointing.items()}
        score = self.scorer(context, explanation.method)
        scores = []
        for name, (what, reference) in _MEASURES.items():
            by_chance, drawn = float(chance[name].mean()), control.get(name)
            note = message("notes.localisation.beside", what=what, chance=by_chance, control=drawn)
            scores.append(score(name, measured[name], "higher", note, reference=reference))
        rows = [
            {
                "explainer": each.explainer,
                "measure": each.metric,
                **Estimate.of_score(each).cells("value"),
                "chance": float(chance[each.metric].mean()),
                "control": control.get(each.metric, np.nan),
                "n": each.n,
            }
            for each in scores
        ]
        gain = measured["relevance_mass"] - chance["relevance_mass"]
        whole = (message("notes.localisation.whole_parts"),)
        note = message("notes.localisation.gain")
        return Measurement(
            scores=(*scores, score("localisation_gain", gain, "higher", note, reference=_ARRAS)),
            tables={"localisation": pd.DataFrame(rows)},
            arrays={**measured, "positions": explanation.positions[chosen]},
            notes=(
                message("notes.localisation.known", n=int(chosen.sum()), of=len(explanation)),
                *(whole if n_players(schema) < len(schema.features) else ()),
                message("notes.localisation.elsewhere"),
            ),
        )

    def _evidence(self, context: MeasureContext, explanation: Explanation) -> Floats:
        """(instance, column), not negative: how strongly each column is pointed at.

        Among more than two classes it is evidence for the one that was decided of each instance,
        where it was explained for that one, since the truth makes this class and no other.
        """
        targets = np.full(len(explanation), explanation.target)
        if explanation.decided is not None:
            decided = context.predictions.decisions[explanation.positions]
            own = explanation.toward_each(decided)
            explanation, targets = (explanation, targets) if own is None else (own, decided)
        size = np.abs(explanation.values)
        if not explanation.signed or self.evidence == "magnitude":
            return size
        toward = np.maximum(explanation.values, 0.0)
        if self.evidence == "positive":
            return toward
        schema = context.dataset.schema
        labels = context.dataset.test.labels[explanation.positions]
        plain = not kind_of(schema).evidence_is_there or not task_of(schema.target).decides
        fits = np.zeros(len(labels), dtype=bool) if plain else labels == targets
        return np.where(fits[:, None], toward, size)


def _truths(context: MeasureContext, explanation: Explanation) -> tuple[Bools, Bools, Bools]:
    """Truth and presence of the columns of instances with a truth, and which instances these are.

    Raises NotApplicableError: nothing is known, or all or nothing of every instance is the truth.
    """
    truth = context.dataset.test.truth
    if truth is None:
        raise NotApplicableError(message("refusals.no_truth"))
    mine = truth[explanation.positions]
    present = kind_of(context.dataset.schema).known(explanation.inputs)
    mine = mine & present
    chosen: Bools = np.logical_and(mine.any(axis=1), (present & ~mine).any(axis=1))
    if not chosen.any():
        raise NotApplicableError(message("refusals.no_partial_truth"))
    return mine[chosen], present[chosen], chosen


def _pointing(evidence: Floats, truth: Bools, present: Bools, schema: Schema) -> dict[str, Floats]:
    """{score: (instance,)}; NaN where nothing is pointed at."""
    rows = list(zip(evidence, truth, present, strict=True))
    pairs = zip(player_sums(evidence, schema.owners), touched(truth, schema), strict=True)
    empty = ~evidence.any(axis=1)
    measured = {
        "pointing_game": np.array([top_hit(*pair) for pair in pairs]),
        "relevance_mass": np.array([mass_inside(e, t) for e, t, _ in rows]),
        "relevance_rank": np.array([rank_inside(e[p], t[p]) for e, t, p in rows]),
        "localisation_auc": np.array([order_of_truth(e[p], t[p]) for e, t, p in rows]),
    }
    return {name: np.where(empty, np.nan, values) for name, values in measured.items()}


def _chances(truth: Bools, present: Bools, schema: Schema) -> dict[str, Floats]:
    """{score: (instance,)} what pointing anywhere would give."""
    share = truth.sum(axis=1) / present.sum(axis=1)
    players = np.maximum(touched(present, schema).sum(axis=1), 1)
    return {
        "pointing_game": touched(truth, schema).sum(axis=1) / players,
        "relevance_mass": share,
        "relevance_rank": share,
        "localisation_auc": np.full(len(truth), 0.5),
    }


def touched(columns: Bools, schema: Schema) -> Bools:
    """(instance, column) -> (instance, player) whether any of its columns is marked."""
    return player_sums(columns.astype(np.float64), schema.owners) > 0


def top_hit(evidence: Floats, hit: Bools) -> float:
    """Whether the player with the largest evidence is a hit; of equal ones the share of hits.

    evidence, hit : (player,). Returns a value in [0, 1]; 1 means that the explanation points at
    the truth.
    """
    return float(hit[evidence == evidence.max()].mean())


def mass_inside(evidence: Floats, truth: Bools) -> float:
    """Share of the evidence on columns of the truth; in [0, 1], NaN where there is no evidence.

    evidence, truth : (column,). Relevance mass accuracy of Arras, Osman & Samek 2022.
    """
    total = evidence.sum()
    return float(evidence[truth].sum() / total) if total > 0 else float("nan")


def rank_inside(evidence: Floats, truth: Bools) -> float:
    """Of the K columns with most evidence the share that is truth, K being the size of the truth.

    Where columns at the border are equal, the mean over all orders of them is taken.

    evidence, truth : (column,). Returns a value in [0, 1]. Relevance rank accuracy of Arras, Osman
    & Samek 2022.
    """
    size = int(truth.sum())
    border = np.partition(evidence, -size)[-size]
    above, equal = evidence > border, evidence == border
    left = size - int(above.sum())
    return float((truth[above].sum() + left * truth[equal].mean()) / size)


def order_of_truth(evidence: Floats, truth: Bools) -> float:
    """P(evidence in the truth > outside) + ½ P(equal); in [0, 1], 0.5 means no order.

    evidence, truth : (column,), with columns inside and outside.
    """
    inside, outside = int(truth.sum()), int((~truth).sum())
    return (float(average_ranks(evidence)[truth].mean()) - (inside + 1) / 2) / outside
