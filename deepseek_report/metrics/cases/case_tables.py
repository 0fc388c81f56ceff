"""The tables of a case page: inputs, reasons, neighbours, changes, agreement, similar errors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from deepseek_report.artifacts.array_types import Bools, Floats, Ints
from deepseek_report.artifacts.explanation import Explanation
from deepseek_report.artifacts.predictions import Predictions
from deepseek_report.artifacts.protocols.classifier import Classifier
from deepseek_report.artifacts.rounding import quantity
from deepseek_report.artifacts.schema import Schema
from deepseek_report.artifacts.split import Dataset, Split
from deepseek_report.data_kinds import kind_of
from deepseek_report.metrics.cases.single_case_rows import (
    CaseAgreement,
    CaseContrast,
    CaseInput,
    CaseReason,
    ErrorsLikeThis,
    Neighbour,
)
from deepseek_report.metrics.explanations.agreement import (
    pair_correlations,
    player_values,
    top_overlap,
)
from deepseek_report.statistics.intervals import compare_rates, holm
from deepseek_report.statistics.ranking import most_telling
from deepseek_report.statistics.resampling import Resampling
from deepseek_report.tasks import task_of

#: A value must be shared by this many validation instances to say anything about errors.
_LEAST_SHARED = 25
_MOST_SLICES = 3
#: Columns of a wide table whose values are looked at for errors, and changed.
MOST_COLUMNS = 64


def input_rows(case: int, row: Floats, typical: Floats, schema: Schema) -> list[CaseInput]:
    """One row for every feature, word, patch or window."""
    kind = kind_of(schema)
    present = kind.present(row[None])[0]
    return [
        CaseInput(
            case, name, label, kind.display(row, player), kind.display_typical(typical, player)
        )
        for player, (name, label) in enumerate(_named(schema))
        if present[player]
    ]


def _named(schema: Schema) -> list[tuple[str, str]]:
    """(name, label) of every player."""
    return list(zip(kind_of(schema).player_names, schema.player_labels, strict=True))


def reason_rows(
    case: int, index: int, name: str, explanation: Explanation, schema: Schema, most: int
) -> list[CaseReason]:
    """The rows of `reasons` for one case and explainer, the largest magnitude first.

    Of more than two classes they are about the one that was decided.
    """
    return _attribution_rows(case, name, explanation.of_case(index), schema, most)


def contrast_rows(
    case: int, index: int, name: str, explanation: Explanation, schema: Schema, most: int
) -> list[CaseContrast]:
    """The rows of `contrasts`: what speaks for the decided class and against the second one.

    None where there are two classes alone, since what speaks for one then speaks against the other.
    """
    second, decided = explanation.of_runner_up(index), explanation.of_case(index)
    if second is None:
        return []
    apart = replace(decided, values=decided.values - second.values)
    if decided.standard_error is not None and second.standard_error is not None:
        error = np.hypot(decided.standard_error, second.standard_error)
        apart = replace(apart, standard_error=error)
    against = schema.target.classes[second.target]
    rows = _attribution_rows(case, name, apart, schema, most)
    return [CaseContrast(**vars(row), against=against) for row in rows]


def _attribution_rows(
    case: int, name: str, explanation: Explanation, schema: Schema, most: int
) -> list[CaseReason]:
    """Of an explanation of one instance, the largest magnitude first, of what can be named."""
    kind, row = kind_of(schema), explanation.inputs[0]
    values = kind.by_player(explanation.values, row[None])[0]
    values = np.where(kind.nameable(row[None])[0], values, np.nan)
    errors = np.zeros(len(values))
    if explanation.standard_error is not None:
        errors = kind.by_player(explanation.standard_error, row[None])[0]
    order = np.argsort(-np.abs(values), kind="stable")[:most]
    about = schema.target.classes[explanation.target]
    named = _named(schema)
    return [
        CaseReason(
            case,
            name,
            feature=named[player][0],
            label=named[player][1],
            display=kind.display(row, int(player)),
            attribution=float(values[player]),
            error=float(errors[player]),
            rank=rank,
            output_space=explanation.output_space,
            class_name=about,
        )
        for rank, player in enumerate(order, start=1)
        if not np.isnan(values[player])
    ]


@dataclass(frozen=True)
class NearestRows:
    """The rows of the training part that are most like some cases, by `DataKind.distances`.

    positions, distances : (case, neighbour) in the training part, the nearest first.
    """

    positions: Ints
    distances: Floats

    @classmethod
    def of(cls, rows: Floats, dataset: Dataset, most: int) -> NearestRows:
        """Of cases (case, feature), at most so many each."""
        apart = kind_of(dataset.schema).distances(rows, dataset.train.inputs)
        nearest = np.stack([np.argsort(distances, kind="stable")[:most] for distances in apart])
        lengths = [distances[at] for distances, at in zip(apart, nearest, strict=True)]
        return cls(nearest, np.stack(lengths))

    def inputs(self, dataset: Dataset) -> Floats:
        """(case, neighbour, feature) the neighbours themselves."""
        return np.asarray(dataset.train.inputs[self.positions])

    def rows(self, dataset: Dataset, classifier: Classifier) -> list[Neighbour]:
        """One row for each neighbour.

        `text` is a text as it was written; it is empty for other data.

        classifier : gives for each neighbour the probability of the explained class, or the number;
            the other of the two is NaN.
        """
        schema, train, nothing = dataset.schema, dataset.train, float("nan")
        outputs = classifier.probabilities(train.inputs[self.positions.ravel()])
        scores, decides = outputs[:, schema.target.explained], task_of(schema.target).decides
        return [
            Neighbour(
                int(case),
                int(rank) + 1,
                int(train.instance_ids[i]),
                float(self.distances[case, rank]),
                task_of(schema.target).display(schema.target, train.labels[i]),
                *((score, nothing) if decides else (nothing, score)),
                train.texts.text(int(i))
                if train.texts
                else kind_of(schema).display_row(train.inputs[i]),
            )
            for ((case, rank), i), score in zip(
                np.ndenumerate(self.positions), scores.ravel().tolist(), strict=True
            )
        ]


def agreement_rows(
    explanations: dict[str, Explanation], cases: list[int], schema: Schema
) -> list[CaseAgreement]:
    """Each two explainers on each case."""
    rows = list[CaseAgreement]()
    parts = [  # attributions to the class that was decided of each case
        player_values({name: e.of_case(index) for name, e in explanations.items()}, schema)
        for index in cases
    ]
    values = {name: np.concatenate([part[name] for part in parts]) for name in explanations}
    for (a, b), rho in pair_correlations(values).items():
        overlap = top_overlap(values[a], values[b], 3)
        rows += [
            CaseAgreement(case, a, b, float(rho[case]), float(overlap[case]))
            for case in range(len(cases))
        ]
    return sorted(rows, key=lambda row: row.case)


class SharedErrors:
    """What a case has in common with validation instances that the model got wrong.

    Every value of the case (numeric features by training quartiles) is a slice of the validation
    part. Slices where the model errs more than elsewhere are searched for in one half of it, and
    the other half gives the rates and confirms them, so that they are not those of the worst of
    many. They are named worst first. Of a wide table the columns that tell the classes apart best
    are looked at, of other data none.
    """

    def __init__(self, dataset: Dataset, validation: Predictions) -> None:
        self.schema = dataset.schema
        self.part: Split = dataset.validation
        self.wrong = ~validation.correct
        order = np.random.default_rng(0).permutation(len(self.wrong))
        self.drawn = Resampling.of(validation)
        self.searched = np.isin(np.arange(len(order)), self.drawn.halves(order)[0])
        train = dataset.train
        self.columns = (
            most_telling(train.inputs, train.labels, MOST_COLUMNS).tolist()
            if kind_of(self.schema).named_columns
            else []
        )
        self.edges: dict[int, Floats] = {}
        for j in self.columns:
            known = train.inputs[~np.isnan(train.inputs[:, j]), j]
            if self.schema.features[j].is_numeric:
                self.edges[j] = (
                    np.unique(np.quantile(known, [0.25, 0.5, 0.75])) if len(known) else known
                )

    def rows(self, case: int, row: Floats) -> list[ErrorsLikeThis]:
        """The slices with more errors, with the rates of the half that was not searched.

        In each half significant after Holm's correction: for all slices, and for those found.
        """
        slices = [self._same(j, float(row[j])) for j in self.columns]
        worse = self._worse(slices, self.searched)
        confirmed = self._worse([(inside, label) for inside, label, *_ in worse], ~self.searched)
        kept = [ErrorsLikeThis(case, label, n, *rates) for _, label, n, *rates in confirmed]
        return sorted(kept, key=lambda row: row.rest_error_rate - row.error_rate)[:_MOST_SLICES]

    def _worse(
        self, slices: Sequence[tuple[Bools, str]], half: Bools
    ) -> list[tuple[Bools, str, int, float, float]]:
        """(members, label, n, error_rate, rest_error_rate) of slices that are worse in this half.

        Only those are looked at that hold enough cases of the half, and leave enough.
        """
        tested, p_values = [], []
        for inside, label in slices:
            own, others = self.wrong[inside & half], self.wrong[~inside & half]
            if min(len(own), len(others)) >= _LEAST_SHARED:
                tested.append((inside, label, len(own), float(own.mean()), float(others.mean())))
                sides = (inside & half, ~inside & half)
                counts = [n for side in sides for n in self.drawn.counts(self.wrong, side)]
                p_values.append(compare_rates(*counts)[1])
        adjusted = holm(p_values)
        return [
            each for each, p in zip(tested, adjusted, strict=True) if each[3] > each[4] and p < 0.05
        ]

    def _same(self, j: int, value: float) -> tuple[Bools, str]:
        """The instances that share a value of a feature, and these in words."""
        column, feature = self.part.inputs[:, j], self.schema.features[j]
        if np.isnan(value):
            return np.isnan(column), f"{feature.label} is missing"
        if not feature.is_numeric:
            return column == value, f"{feature.label} is “{feature.display(value)}”"
        edges = self.edges[j]
        place = int(np.searchsorted(edges, value, side="left"))
        inside = (np.searchsorted(edges, column, side="left") == place) & ~np.isnan(column)
        over = [f"over {quantity(edge, feature.unit)}" for edge in edges[place - 1 : place]]
        up_to = [f"up to {quantity(edge, feature.unit)}" for edge in edges[place : place + 1]]
        return inside, f"{feature.label} is {', '.join([*over, *up_to])}"
