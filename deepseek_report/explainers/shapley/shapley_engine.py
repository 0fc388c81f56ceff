"""Shapley values of many instances at once, all their coalitions in few calls of the model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby

import numpy as np

from deepseek_report.artifacts.array_types import Floats, Ints
from deepseek_report.artifacts.protocols.explainers import ExplainContext
from deepseek_report.data_kinds import kind_of
from deepseek_report.data_kinds.coalitions import MOST_CELLS, each_once
from deepseek_report.data_kinds.players import spread_evenly
from deepseek_report.explainers.attributions import seed_of, student_ratio
from deepseek_report.explainers.shapley.coalition_design import PairDesign, all_pairs, draw_design
from deepseek_report.explainers.shapley.partition import standardised
from deepseek_report.explainers.shapley.shap_settings import ShapSettings
from deepseek_report.statistics.games.tree_surrogate import TreeSurrogate

# Shapley values as coefficients of a regression on pairs of coalitions, with standard errors.
# For each background row z the game v_z(S) is the output where the players in S are the instance's
# and the others those of z. Half the difference between a coalition and its complement has the same
# Shapley values, and none of its interactions of even order. Given v_z(all) − v_z(none), which are
# known, it is regressed on who is in the coalition, with the Shapley kernel as weight:
#
#     half(S, z) = Σ_j (S_j − |S| / d) · (φ_j + γ_j u_zj + δ_zj) + error
#
# φ is common to all rows, γ says how the share of a player goes with its standardised value u_z in
# the row (so that linear models are told exactly), and δ_z is what is left of the row, shrunk to 0
# by the ridge `SHRINKAGE` (a random effect: Robinson 1991, doi 10.1214/ss/1177011926). Their mean
# over all rows is the Shapley value against the whole background, however few pairs a row has.
#
# All of it is linear in the outputs, so that one design serves any number of instances.
#
# Reference: Lundberg & Lee 2017, arXiv:1705.07874; Covert & Lee 2021, arXiv:2012.01536.

#: Variance of the error over that of δ, as the ridge takes it.
SHRINKAGE = 0.3
#: Singular values below this share of the largest are taken for 0.
_RANK = 1e-9
#: A pair whose output the others say nothing about keeps this share of its variance.
_LEAST_FREEDOM = 1e-3


class PairedRegression:
    """The linear maps from half differences to values, and to their standard errors.

    design : which pairs; traits : (row, player) standardised values of the background rows, whose
    columns have mean 0 (zeros where a player has none).
    """

    def __init__(self, design: PairDesign, traits: Floats) -> None:
        kept, self._rows = design.kept, len(traits)
        self._centred = kept - kept.mean(axis=1, keepdims=True)
        self._weights, self._unseen = design.weights(), design.unseen()
        self._blocks = _positions_by_row(design.rows)
        self._fixed = np.concatenate([self._centred, self._centred * traits[design.rows]], axis=1)
        self._fit()
        self._corrections = self._variance_ratios() * self._tail_ratios() ** 2

    def _fit(self) -> None:
        """Generalised least squares, row by row, since the rows are independent."""
        players = self._centred.shape[1]
        self._shrunk = np.empty_like(self._centred)
        whitened = np.empty_like(self._fixed)
        explained = np.zeros((players, self._fixed.shape[1]))
        for block in self._blocks:
            centred, weights = self._centred[block], self._weights[block]
            weighted = centred.T * weights
            inverse = np.linalg.inv(weighted @ centred + SHRINKAGE * np.eye(players))
            self._shrunk[block] = centred @ inverse
            shared = weighted @ self._fixed[block]
            whitened[block] = weights[:, None] * (self._fixed[block] - self._shrunk[block] @ shared)
            explained += inverse @ shared
        normal = np.linalg.pinv(self._fixed.T @ whitened, rcond=_RANK, hermitian=True)
        self._coefficients = normal @ whitened.T
        random = self._weights * self._shrunk.T - explained @ self._coefficients
        self._map = self._coefficients[:players] + random / self._rows
        self._map -= self._map.mean(axis=0)
        leverage = self._weights * (self._centred * self._shrunk).sum(axis=1)
        leverage += (whitened * self._coefficients.T).sum(axis=1) / self._weights
        self._freedom = np.maximum(1 - leverage, _LEAST_FREEDOM)

    def _variance_ratios(self) -> Floats:
        """(player,) variance of the values over what the jackknife gives, both under the model.

        With few pairs for each row the jackknife is far too wide, by a factor that depends on the
        design and hardly on the outputs.
        """
        players = self._centred.shape[1]
        target = (np.eye(players) - 1 / players) / self._rows
        missed = np.full(players, (self._rows - len(self._blocks)) * (target[0] ** 2).sum())
        for block in self._blocks:
            missed += ((self._map[:, block] @ self._centred[block] - target) ** 2).sum(axis=1)
        squares = self._map**2 / self._weights
        expected = (squares / self._freedom).sum(axis=1)
        variances = squares.sum(axis=1) + missed / SHRINKAGE
        return _divided(variances, expected)

    def _tail_ratios(self) -> Floats:
        """(player,) quantile of Student's t over the normal one, for the pairs behind a variance.

        Reference: Satterthwaite 1946, doi 10.2307/3002019 (degrees of freedom).
        """
        shares = self._map**2 / (self._weights * self._freedom) * self._unseen
        degrees = _divided(shares.sum(axis=1) ** 2, (shares**2).sum(axis=1))
        return student_ratio(degrees)

    def values(self, halves: Floats) -> Floats:
        """(instance, pair) -> (instance, player) Shapley values less an even share of the whole."""
        return np.asarray(halves @ self._map.T)

    def standard_errors(self, halves: Floats) -> Floats:
        """(instance, pair) -> (instance, player), by the jackknife over pairs.

        Each pair counts with the squared error of predicting it from all others, by how much of
        its size was not asked about; 0 where everything was. They are such that the value ± 1.96
        of them is an interval of 95 %, so they allow for an error estimated from few pairs.

        Reference: MacKinnon & White 1985, doi 10.1016/0304-4076(85)90158-7 (HC3).
        """
        residuals = halves - (halves @ self._coefficients.T) @ self._fixed.T
        for block in self._blocks:
            effects = (residuals[:, block] * self._weights[block]) @ self._centred[block]
            residuals[:, block] -= effects @ self._shrunk[block].T
        squares = (residuals / self._freedom) ** 2 * self._unseen
        return np.asarray(np.sqrt(squares @ (self._map**2).T * self._corrections))


def _divided(numbers: Floats, by: Floats) -> Floats:
    """Ratios, 1 where nothing is divided by nothing."""
    return np.asarray(np.divide(numbers, by, out=np.ones_like(numbers), where=by > 0))


def _positions_by_row(rows: Ints) -> list[Ints]:
    """Positions of the pairs of each row that has any."""
    order = np.argsort(rows, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(rows[order])) + 1) if len(rows) else []


# --- Shapley values of many instances at once, all their coalitions in few calls of the model -----

#: Different designs: instances of one design share its sampling error, which means over many
#: instances would keep; each design costs one regression.
_DESIGNS = 8

#: (design, number of players, number of pairs).
_Key = tuple[int, int, int]


@dataclass
class _Case:
    """One instance, and the answers to the pairs that it was compared on so far.

    index : its position among the instances. players : (player,) those that it has.
    """

    index: int
    players: Ints
    design: int
    levels: Sequence[int]
    halves: Floats = field(default_factory=lambda: np.zeros(0))

    @property
    def key(self) -> _Key:
        return self.design, len(self.players), len(self.halves)

    @property
    def next_level(self) -> int:
        return next(pairs for pairs in self.levels if pairs > len(self.halves))

    @property
    def is_done(self) -> bool:
        return len(self.halves) == self.levels[-1]


class ShapleyEngine:
    """Estimates instances against a background, or against a baseline of each instance.

    owners : (column,) player of each; present : (instance, player) which of them it has.
    base : (instance,) mean output at the reference. predictions : (instance,).
    values, standard_error : (instance, column), filled by `explain`. pairs : (instance,) how many
    pairs of coalitions each was compared on.

    surrogate : what stands for most of the model, None where nothing does. The coalitions are asked
    about the rest, the model's output less the surrogate's; `_known` are the latter's values.

    An instance's design depends on its content and the seed alone, so that it is explained alike
    whatever else is explained beside it.
    """

    def __init__(self, settings: ShapSettings, context: ExplainContext) -> None:
        self.settings, self.context = settings, context
        schema = context.classifier.schema
        self.kind, self.owners = kind_of(schema), schema.owners
        self.present = self.kind.present(context.inputs)
        self.predictions = context.output(context.inputs)
        self._refer()
        self.base = self._at_reference.mean(axis=1)
        self._rest = self.predictions
        self._known = np.zeros(context.inputs.shape)
        self.surrogate = self._stand_in()
        self.values = np.zeros(context.inputs.shape)
        self.standard_error = np.zeros(context.inputs.shape)
        self.pairs = np.zeros(len(context.inputs), dtype=np.int64)
        self._designs: dict[tuple[int, int], PairDesign] = {}
        self._regressions: dict[_Key, PairedRegression] = {}

    def _refer(self) -> None:
        """What stands for players that are left out, and the output at it."""
        context, n = self.context, len(self.context.inputs)
        if self.settings.reference == "baseline":
            rows = self.kind.baseline(context.inputs, context.background)
            self._references = rows[:, None]
            self._at_reference = context.output(rows)[:, None]
        else:
            rows = context.background
            self._references = np.broadcast_to(rows, (n, *rows.shape))
            self._at_reference = np.tile(context.output(rows), (n, 1))

    def _stand_in(self) -> TreeSurrogate | None:
        """Fit the surrogate, and leave the rest of the model to the coalitions."""
        context, rows = self.context, self.settings.surrogate_rows
        if not self.settings.has_surrogate(self.present.shape[1], self.background_rows):
            return None
        surrogate = TreeSurrogate.fitted(context.output, context.background, rows, context.seed)
        self._known = surrogate.values(context.inputs, context.background)
        self._rest = self._rest - surrogate.outputs(context.inputs)
        self._at_reference = self._at_reference - surrogate.outputs(context.background)
        return surrogate

    def _output(self, rows: Floats) -> Floats:
        """(row,) what the coalitions are asked for."""
        answers = self.context.output(rows)
        return answers if self.surrogate is None else answers - self.surrogate.outputs(rows)

    @property
    def background_rows(self) -> int:
        """How many rows each instance is compared with."""
        return int(self._at_reference.shape[1])

    @property
    def is_complete(self) -> bool:
        """Whether every coalition was asked about against every row: nothing is estimated."""
        pairs = [all_pairs(players) for players in self.present.sum(axis=1).tolist()]
        return bool((self.pairs == self.background_rows * np.array(pairs)).all())

    @property
    def samples(self) -> bool:
        """Whether the values are estimates whose error is known."""
        return self.settings.algorithm != "surrogate" and not self.is_complete

    def explain(self, part: slice) -> None:
        """Estimate the instances of the slice, together."""
        waiting = [self._begin(index) for index in range(part.start, part.stop)]
        while waiting := [case for case in waiting if not case.is_done]:
            self._ask(waiting)
            self._estimate(waiting)
            waiting = [case for case in waiting if not self._is_accurate(case)]

    def _begin(self, index: int) -> _Case:
        """A case to which nothing is answered; its whole gain is shared alike."""
        players = np.flatnonzero(self.present[index])
        self._set(index, players, np.zeros(len(players)), np.zeros(len(players)))
        design = seed_of(self.context.seed, self.context.draws[index]) % _DESIGNS
        return _Case(
            index, players, design, self.settings.levels(len(players), self.background_rows)
        )

    def _is_accurate(self, case: _Case) -> bool:
        return bool(self.standard_error[case.index].max() <= self.settings.tolerance)

    def _design(self, number: int, players: int) -> PairDesign:
        if (number, players) not in self._designs:
            rows = self.background_rows
            rng = np.random.default_rng([self.context.seed, number, players])
            most = self.settings.levels(players, rows)[-1]
            self._designs[number, players] = draw_design(players, rows, most, rng)
        return self._designs[number, players]

    def _ask(self, cases: Sequence[_Case]) -> None:
        """Answer each case's pairs up to its next level."""
        outputs: dict[int, list[Floats]] = {case.index: [] for case in cases}
        for batch in self._batches(cases):
            rows = [self._questions(case, pairs) for case, pairs in batch]
            answers = each_once(self._output, np.concatenate(rows))
            for (case, _), part in zip(
                batch, np.split(answers, np.cumsum([len(part) for part in rows])[:-1]), strict=True
            ):
                outputs[case.index].append(part.reshape(2, -1))
        for case in cases:
            kept, lost = np.concatenate(outputs[case.index], axis=1)
            fresh = slice(len(case.halves), case.next_level)
            halves = (kept - lost) / 2 - self._follows(case, fresh)
            case.halves = np.concatenate([case.halves, halves])

    def _batches(self, cases: Sequence[_Case]) -> Iterator[list[tuple[_Case, slice]]]:
        """Pairs of cases, as many together as fit the memory."""
        size = max(1, MOST_CELLS // (2 * self.context.inputs.shape[1]))
        batch: list[tuple[_Case, slice]] = []
        room = size
        for case in cases:
            for start in range(len(case.halves), case.next_level, size):
                pairs = slice(start, min(start + size, case.next_level))
                if pairs.stop - pairs.start > room:
                    yield batch
                    batch, room = [], size
                batch.append((case, pairs))
                room -= pairs.stop - pairs.start
        yield batch

    def _questions(self, case: _Case, pairs: slice) -> Floats:
        """(2 · pair, column) rows in which each coalition is kept, and then those without it."""
        design = self._design(case.design, len(case.players))
        keeps = np.ones((2, pairs.stop - pairs.start, self.present.shape[1]), dtype=bool)
        keeps[0][:, case.players] = design.kept[pairs]
        keeps[1][:, case.players] = ~design.kept[pairs]
        row, references = self.context.inputs[case.index], self._references[case.index]
        mixed = np.where(keeps[:, :, self.owners], row, references[design.rows[pairs]])
        return np.asarray(mixed.reshape(-1, len(row)))

    def _follows(self, case: _Case, pairs: slice) -> Floats:
        """(pair,) the part of the half differences that follows from the two ends alone."""
        design = self._design(case.design, len(case.players))
        gains = self._rest[case.index] - self._at_reference[case.index]
        shares = design.kept[pairs].mean(axis=1) - 0.5
        return np.asarray(shares * gains[design.rows[pairs]])

    def _estimate(self, cases: Sequence[_Case]) -> None:
        by_key = sorted(cases, key=lambda case: case.key)
        for key, alike in groupby(by_key, key=lambda case: case.key):
            group = list(alike)
            regression = self._regression(key)
            halves = np.stack([case.halves for case in group])
            values, errors = regression.values(halves), regression.standard_errors(halves)
            for case, value, error in zip(group, values, errors, strict=True):
                self._set(case.index, case.players, value, error)
                self.pairs[case.index] = len(case.halves)

    def _regression(self, key: _Key) -> PairedRegression:
        if key not in self._regressions:
            number, players, pairs = key
            design = self._design(number, players).first(pairs)
            self._regressions[key] = PairedRegression(design, self._traits(players))
        return self._regressions[key]

    def _traits(self, players: int) -> Floats:
        """(row, player) by which the share of a player may go; only columns of a table have any."""
        if self.kind.named_columns and self.settings.reference == "background":
            return standardised(self.context.background)
        return np.zeros((self.background_rows, players))

    def _set(self, index: int, players: Ints, values: Floats, errors: Floats) -> None:
        """Keep values and errors of players; what the values lack of the whole is shared alike."""
        gain = self._rest[index] - self._at_reference[index].mean()
        wide = np.zeros((2, self.present.shape[1]))
        if len(players):
            wide[:, players] = values + gain / len(players), errors
        self.values[index], self.standard_error[index] = spread_evenly(wide, self.owners)
        self.values[index] += self._known[index]
