"""What the model's skill rests on: permutation importance, and Shapley values of the loss."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Annotated

import numpy as np
import pandas as pd
from pydantic import Field

from deepseek_report.artifacts.array_types import Bools, Floats, Ints
from deepseek_report.artifacts.disclosure import TableRelease
from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.artifacts.message import Message, message
from deepseek_report.artifacts.predictions import Predictions
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.table import SEPARATOR, Column, TableType, columns_of, estimate
from deepseek_report.data_kinds import coalitions, kind_of
from deepseek_report.errors import NotApplicableError
from deepseek_report.metrics.explanations.explanation_rows import SkillShare
from deepseek_report.metrics.plugin import ModelMetric, Rows
from deepseek_report.statistics.games import skill_game
from deepseek_report.statistics.intervals import holm, mean_interval
from deepseek_report.statistics.paired import judged
from deepseek_report.statistics.ranking import spearman, thin
from deepseek_report.statistics.resampling import Resampling
from deepseek_report.tasks import Task, task_of

#: Words of a text that are players of their own, and training texts among which they are sought.
_WORDS, _TEXTS = 20, 2000
#: Training rows whose correlations say which features go together.
_CORRELATED_ROWS = 2000
#: Mixed rows that the additive stand-in is fitted to; rows that are asked about at least.
_STAND_IN_ROWS, _FEWEST_ASKED = 1500, 20
#: Absolute rank correlation from which on features are told as a group; 1 tells none.
Correlated = Annotated[float, Field(gt=0, le=1)]

_COLUMNS = (Column("feature", shown=False), Column("label"))
_RELEASE = TableRelease(counts=("n",))
_shown = partial(TableType, section="explanations", folded=True, release=_RELEASE)


@dataclass(frozen=True)
class _Subject:
    """Rows of the test part, the players that are taken away in them, and how wrong the model is.

    positions : (row,) in the test part. players : see `DataKind.shared_players`. outputs : which
    columns of the probabilities are judged: of two classes the explained one, else all.
    """

    context: MeasureContext
    positions: Ints
    players: coalitions.SharedPlayers
    outputs: slice

    @classmethod
    def of(cls, context: MeasureContext, most: int) -> _Subject:
        """At most so many rows, drawn by the seed.

        Raises NotApplicableError : there are fewer than two players.
        """
        dataset = context.dataset
        schema, task = dataset.schema, task_of(dataset.schema.target)
        random = np.random.default_rng(context.seed)
        positions = np.sort(random.permutation(len(dataset.test))[:most])
        train = dataset.train

        def telling(columns: Floats) -> Ints:
            return task.telling(columns, train.labels[:_TEXTS], _WORDS)

        rows = dataset.test.inputs[positions]
        players = kind_of(schema).shared_players(rows, train.inputs[:_TEXTS], telling)
        if len(players.names) < 2:
            raise NotApplicableError(message("refusals.one_player"))
        width, explained = len(schema.target.classes), schema.target.explained
        outputs = slice(explained, explained + 1) if width == 2 else slice(None)
        return cls(context, positions, players, outputs)

    def __len__(self) -> int:
        return len(self.positions)

    @cached_property
    def inputs(self) -> Floats:
        return self.context.dataset.test.inputs[self.positions]

    @cached_property
    def truths(self) -> Floats:
        """(row, output) 1 where it is the class, else 0; or the number."""
        return self.task.right_answers(self.predictions)[:, self.outputs]

    @property
    def task(self) -> Task:
        return task_of(self.context.dataset.schema.target)

    @cached_property
    def predictions(self) -> Predictions:
        """Those of the rows."""
        return self.context.predictions.take(self.positions)

    @property
    def width(self) -> int:
        """How many columns an input has."""
        return int(self.inputs.shape[1])

    @property
    def resampling(self) -> Resampling:
        return Resampling.of(self.context.dataset.test).take(self.positions)

    def answers(self, rows: Floats) -> Floats:
        """(row, output)"""
        return self.context.classifier.probabilities(rows)[:, self.outputs]

    def errors(self, answers: Floats) -> Floats:
        """(row, output) -> (row,) squared error, as the Brier score has it."""
        return np.asarray(((answers - self.truths) ** 2).sum(axis=-1))

    @cached_property
    def is_moved(self) -> bool:
        """Whether values of other rows stand for what is taken away, else the baseline."""
        return kind_of(self.context.dataset.schema).compared_with == "background"

    @cached_property
    def baseline(self) -> Floats:
        """(row, column) every row with nothing left."""
        train = self.context.dataset.train.inputs
        return kind_of(self.context.dataset.schema).baseline(self.inputs, train)

    @cached_property
    def unit(self) -> str:
        unit = self.task.unit(self.context.dataset.schema.target)
        return f"{unit}²" if unit else ""

    def groups(self, least: float) -> list[list[int]]:
        """Columns of a table that go together: every two of a group by so much."""
        schema = self.context.dataset.schema
        if not kind_of(schema).named_columns or least >= 1:
            return []
        ordered = [k for k, each in enumerate(schema.features) if each.kind != "categorical"]
        rho = spearman(self.context.dataset.train.inputs[:_CORRELATED_ROWS][:, ordered])
        return [[ordered[k] for k in group] for group in correlated_groups(rho, least)]


def correlated_groups(rho: Floats, least: float) -> list[list[int]]:
    """Groups of features in which every two go together, and no two groups can be joined.

    rho : (feature, feature) correlations. least : their size within a group, at least.

    Reference: complete linkage, Sørensen 1948.

    >>> rho = np.array([[1, 0.9, 0.1], [0.9, 1, 0.2], [0.1, 0.2, 1]])
    >>> correlated_groups(rho, 0.7)
    [[0, 1]]
    """
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    if len(rho) < 2:
        return []
    apart = 1 - np.abs((rho + rho.T) / 2)
    np.fill_diagonal(apart, 0.0)
    codes = fcluster(linkage(squareform(apart, checks=False), "complete"), 1 - least, "distance")
    groups = [np.flatnonzero(codes == code).tolist() for code in np.unique(codes)]
    return sorted(group for group in groups if len(group) > 1)


@dataclass(frozen=True)
class Sage(ModelMetric):
    """How much of the model's skill each feature earns (SAGE); the values add up to the skill.

    The skill is the squared error (the Brier score) of the model's mean answer less that of the
    model, on the test part. What a feature earns is its Shapley value: by how much the error falls
    when the model gets to know it, averaged over what else it knows. A feature below 0 makes the
    model worse on new rows. Features that it does not know come from the background rows; words,
    patches and windows are the baseline, and the skill is then against its answer to that. Of texts
    the words that tell most of the labels are players of their own wherever they stand, and all
    others are one. Groups of correlated features have the sum of their members.

    max_rows : of the test part. max_answers : rows that the model is asked for at most, of which as
    many rows of the test part are looked at as they are enough for. draws : of the background for
    each row. correlated : rank correlation in size from which on features are told as a group.

    Reference: Covert, Lundberg & Lee 2020, arXiv:2004.00668.
    """

    counts_entities = True
    reveals = "aggregate"
    tables = {
        "features": TableType.of(SkillShare, "explanations", folded=True, release=_RELEASE),
        "groups": _shown(
            (
                *_COLUMNS,
                estimate("share", "share", prefix="share"),
                estimate("value"),
                Column("n", "count"),
            )
        ),
    }
    category = "explanation"
    bounds = {"skill": (None, None)}
    reads = frozenset({"background", "classifier", "dataset", "predictions", "seed"})

    max_rows: Rows = 10_000
    max_answers: Annotated[int, Field(ge=1000, le=1_000_000_000)] = 12_000
    draws: Annotated[int, Field(ge=2, le=1000)] = 2
    correlated: Correlated = 0.7

    def measure(self, context: MeasureContext) -> Measurement:
        subject = _Subject.of(context, self.max_rows)
        draws = self.draws if subject.is_moved else 1
        each = 2 * draws * (len(subject.players.names) - 1)
        sampled = thin(len(subject), max(self.max_answers // each, _FEWEST_ASKED))
        played = _Played(subject, sampled, draws)
        values = played.values()
        skill = _mean(played.skills, subject.resampling)
        if not skill.value > 0:
            raise NotApplicableError(message("refusals.no_skill_to_share"))
        groups = subject.groups(self.correlated)
        nothing = subject.errors(np.broadcast_to(played.nothing, subject.truths.shape))
        note = message(
            "notes.sage.skill",
            nothing=float(nothing.mean()),
            model=float((nothing - played.skills).mean()),
            moved=subject.is_moved,
        )
        return Measurement(
            scores=(self.score("skill", skill, "higher", unit=subject.unit, note=note),),
            tables={
                "features": _earned(subject, values, skill),
                **_of_groups(subject, values, skill, groups),
            },
            notes=tuple(_about_sage(played, values, skill)),
        )


@dataclass(frozen=True)
class _Played:
    """The game on all rows of a subject, of which some are asked about.

    sampled : their positions among the rows. draws : references of each, 1 for the baseline.
    """

    subject: _Subject
    sampled: Ints
    draws: int

    @cached_property
    def outputs(self) -> Floats:
        """(row, output)"""
        subject = self.subject
        return subject.task.answers(subject.predictions)[:, subject.outputs]

    @cached_property
    def references(self) -> Floats:
        """(sampled row, draw, column)"""
        subject = self.subject
        if not subject.is_moved:
            return subject.baseline[self.sampled][:, None]
        background = subject.context.background
        random = np.random.default_rng([subject.context.seed, self.draws])
        return background[random.integers(len(background), size=(len(self.sampled), self.draws))]

    @cached_property
    def moves(self) -> Bools:
        """(player,) whether it differs from what stands for it, in any row."""
        subject, columns = self.subject, np.arange(self.subject.width)
        rows = subject.context.background if subject.is_moved else subject.baseline[:, None]
        owners = subject.players.owners[coalitions.differing(subject.inputs, rows, columns)]
        return np.isin(np.arange(len(subject.players.names)), owners)

    @cached_property
    def nothing(self) -> Floats:
        """(output,) the mean answer to the background, or (row, output) that to the baseline."""
        subject = self.subject
        if subject.is_moved:
            return np.asarray(subject.answers(subject.context.background).mean(axis=0))
        return coalitions.each_once(subject.answers, subject.baseline)

    @cached_property
    def skills(self) -> Floats:
        """(row,)"""
        return skill_game.skills(self.subject.truths, self.outputs, self.nothing)

    def values(self) -> Floats:
        """(row, player) what each player earns; the means over rows are the values."""
        subject, sampled = self.subject, self.sampled
        random = np.random.default_rng(subject.context.seed)
        players = len(subject.players.names)
        orders = random.permuted(np.tile(np.arange(players), (len(sampled), 1)), axis=1)
        at_reference = coalitions.each_once(
            subject.answers, self.references.reshape(-1, subject.width)
        )
        game = self._game(self.outputs, at_reference)
        values = game.values(self._ask, orders)
        exact = np.zeros((len(subject), players))
        if subject.is_moved:
            terms, at_references = self._stand_in_terms()
            exact = skill_game.additive_values(subject.truths, terms, self.nothing)
            exact = np.where(self.moves, exact, 0.0)
            own = terms[sampled]
            stand_in = self._game(
                self.nothing + terms.sum(axis=1), self.nothing + at_references.sum(axis=2)
            )

            def ask(kept: Bools, rows: Ints, which: Ints) -> Floats:
                stays = kept[:, :, None]
                mixed = np.where(stays, own[rows], at_references[rows, which])
                return np.asarray(self.nothing + mixed.sum(axis=1))

            values = values - stand_in.values(ask, orders)
        return skill_game.extended(values, exact, self.skills, sampled)

    def _game(self, outputs: Floats, at_reference: Floats) -> skill_game.SkillGame:
        """The game of the rows that are asked about."""
        truths = self.subject.truths[self.sampled]
        shape = len(self.sampled), self.draws, truths.shape[1]
        nothing = self.nothing if self.nothing.ndim == 1 else self.nothing[self.sampled]
        return skill_game.SkillGame(
            truths, outputs[self.sampled], nothing, at_reference.reshape(shape), self.moves
        )

    def _stand_in_terms(self) -> tuple[Floats, Floats]:
        """Terms of the stand-in: (row, player, output), and (sampled row, draw, player, output)."""
        subject = self.subject
        context, columns = subject.context, subject.width
        random = np.random.default_rng([context.seed, _STAND_IN_ROWS])
        train, background = context.dataset.train.inputs, context.background
        rows = train[random.integers(len(train), size=_STAND_IN_ROWS)]
        others = background[random.integers(len(background), size=_STAND_IN_ROWS)]
        kept = random.random(rows.shape) < random.random((len(rows), 1))
        mixed = np.where(kept, rows, others)
        stand_in = skill_game.AdditiveStandIn.fitted(mixed, subject.answers(mixed), rows)
        centre = stand_in.terms(background).mean(axis=0)
        of_references = stand_in.terms(self.references.reshape(-1, columns)) - centre
        terms = stand_in.terms(subject.inputs) - centre
        return terms, of_references.reshape(*self.references.shape[:2], *terms.shape[1:])

    def _ask(self, kept: Bools, rows: Ints, which: Ints) -> Floats:
        """Answers for rows of which some players are kept, and the others are a reference's."""
        subject = self.subject
        classifier, owners = subject.context.classifier, subject.players.owners[self.sampled]
        inputs, references = subject.inputs[self.sampled], self.references
        if subject.players.is_fixed and classifier.mixes:
            answers = np.empty((len(rows), subject.truths.shape[1]))
            for row in range(len(inputs)):
                own = rows == row
                mixed = coalitions.Coalitions(classifier, inputs[row], owners[row], references[row])
                answers[own] = mixed.probabilities(kept[own], which[own])[:, subject.outputs]
            return answers

        def at_once(kept: Bools, rows: Ints, which: Ints) -> Floats:
            stays = np.take_along_axis(kept, owners[rows], axis=1)
            return coalitions.each_once(
                subject.answers, np.where(stays, inputs[rows], references[rows, which])
            )

        return coalitions.in_parts(at_once, subject.width, kept, rows, which)


def _mean(values: Floats, resampling: Resampling) -> Estimate:
    return resampling.mean(values, message("interval_methods.students"))


def _earned(subject: _Subject, values: Floats, skill: Estimate) -> pd.DataFrame:
    """What each player earns, the most first, and whether it is shown to earn nothing.

    `p_adjusted` is the p-value that it earns something or nothing, against that it costs skill,
    corrected for all players (Holm).
    """
    from scipy.special import stdtr

    per_row = subject.resampling.per_unit(values)
    mean, low, high = mean_interval(per_row)
    named = [k for k, name in enumerate(subject.players.names) if name]
    known = per_row[:, named]
    error = known.std(axis=0, ddof=1) / np.sqrt(len(known))
    distance = np.divide(known.mean(axis=0), error, out=np.zeros(len(error)), where=error > 0)
    p_values = stdtr(len(known) - 1, distance)  # one-sided: that the mean is not below 0
    frame = pd.DataFrame(
        {
            "feature": subject.players.names,
            "label": subject.players.labels,
            "share": mean / skill.value,
            "share_low": low / skill.value,
            "share_high": high / skill.value,
            "value": mean,
            "low": low,
            "high": high,
            "n": len(values),
        }
    ).iloc[named]
    frame.insert(8, "p_adjusted", holm(p_values.tolist()))
    frame = frame.sort_values("value", ascending=False, kind="stable", ignore_index=True)
    return frame.assign(rank=np.arange(1, len(frame) + 1))


def _of_groups(
    subject: _Subject, values: Floats, skill: Estimate, groups: Sequence[list[int]]
) -> dict[str, pd.DataFrame]:
    """The table of groups, which earn most first; none without any."""
    if not groups:
        return {}
    earned = [_mean(values[:, group].sum(axis=1), subject.resampling) for group in groups]
    order = sorted(range(len(groups)), key=lambda k: -earned[k].value)
    rows = []
    for k in order:
        value, low, high = _three(earned[k])
        share = value / skill.value, low / skill.value, high / skill.value
        rows.append((*_named(subject.players, groups[k]), *share, value, low, high, len(values)))
    return Sage.frames(groups=rows)


def _three(measured: Estimate) -> tuple[float, float, float]:
    return measured.value, *(measured.ends or (np.nan, np.nan))


def _named(players: coalitions.SharedPlayers, group: Sequence[int]) -> tuple[str, str]:
    """The name of a group and its label."""
    names, labels = ([of[k] for k in group] for of in (players.names, players.labels))
    return SEPARATOR.join(names), SEPARATOR.join(labels)


def _about_sage(played: _Played, values: Floats, skill: Estimate) -> Iterator[Message]:
    subject = played.subject
    yield message(
        "notes.sage.method",
        n=len(values),
        moved=subject.is_moved,
        background=len(subject.context.background),
        sampled=len(played.sampled),
    )
    if not subject.players.is_fixed:
        others = float(values[:, -1].mean() / skill.value)
        yield message("notes.sage.other_words", words=len(subject.players.names) - 1, share=others)


@dataclass(frozen=True)
class PermutationImportance(ModelMetric):
    """By how much the model gets worse where the values of a feature are exchanged between rows.

    The loss is the squared error (the Brier score), and beside it stands what the main score loses.
    Every row gets the value of another row of the test part, `repeats` times. Groups of correlated
    features are exchanged together as well, since one of them alone may be replaced by the others.
    Words, patches and windows have no like in other rows: they become the baseline instead, once.

    max_rows : of the test part. repeats : exchanges of each feature. correlated : rank correlation
    in size from which on features are exchanged together.

    Reference: Breiman 2001, doi:10.1023/A:1010933404324; Fisher, Rudin & Dominici 2019,
    arXiv:1801.01489.
    """

    counts_entities = True
    reveals = "aggregate"
    tables = {
        "features": _shown(
            (
                *_COLUMNS,
                estimate("loss_rise"),
                Column("metric", "metric"),
                estimate("lost", prefix="lost"),
                *columns_of("n:count rank:count"),
            )
        ),
        "groups": _shown(
            (
                *_COLUMNS,
                estimate("loss_rise"),
                Column("metric", "metric"),
                estimate("lost", prefix="lost"),
                Column("n", "count"),
            )
        ),
    }
    category = "explanation"
    bounds = {}
    reads = frozenset({"classifier", "dataset", "predictions", "seed"})

    max_rows: Rows = 1000
    repeats: Annotated[int, Field(ge=1, le=1000)] = 5
    correlated: Correlated = 0.7

    def measure(self, context: MeasureContext) -> Measurement:
        subject = _Subject.of(context, self.max_rows)
        task_of(context.dataset.schema.target).require_variety(
            context.predictions.labels[subject.positions]
        )
        repeats = self.repeats if subject.is_moved else 1
        exchange = _Exchange(subject, repeats)
        named = [[k] for k, name in enumerate(subject.players.names) if name]
        groups = subject.groups(self.correlated)
        context.progress.start("features exchanged", len(named) + len(groups))
        rows = sorted(map(exchange.row, named), key=lambda row: -row.loss_rise.value)
        tables = self.frames(features=((*row.cells, rank) for rank, row in enumerate(rows, 1)))
        about = message(
            "notes.permutation_importance.method",
            n=len(subject),
            repeats=repeats,
            moved=subject.is_moved,
        )
        if groups:
            tables |= self.frames(groups=(exchange.row(group).cells for group in groups))
        return Measurement(tables=tables, notes=(about,))


@dataclass(frozen=True)
class _Exchanged:
    """What it costs to exchange some players together: a row of the tables."""

    names: tuple[str, str]
    loss_rise: Estimate
    metric: str
    lost: tuple[float, float, float]
    n: int

    @property
    def cells(self) -> tuple[object, ...]:
        return (*self.names, *_three(self.loss_rise), self.metric, *self.lost, self.n)


@dataclass(frozen=True)
class _Exchange:
    """Exchanges the values of some players between the rows, and says what that costs."""

    subject: _Subject
    repeats: int

    @cached_property
    def _moved(self) -> coalitions.MovedRows:
        return coalitions.MovedRows(self.subject.context.classifier, self.subject.inputs)

    @cached_property
    def _whole(self) -> Floats:
        return self.subject.errors(self.subject.answers(self.subject.inputs))

    def row(self, group: Sequence[int]) -> _Exchanged:
        """What is told of players that are exchanged together.

        What the main score loses is the mean of the exchanges, and so are the ends of its interval,
        since the rows are the same.
        """
        subject, n, task = self.subject, len(self.subject), self.subject.task
        random = np.random.default_rng([subject.context.seed, *group])
        rises, donors, lost = [], [], []
        for _ in range(self.repeats):
            donor = exchanged(n, random)
            probabilities = self._answers(group, donor)
            rises.append(subject.errors(probabilities[:, subject.outputs]) - self._whole)
            donors.append(donor)
            predictions = subject.context.predictions
            effect = task.effect(predictions, subject.positions, probabilities)
            lost.append(_three(effect.lost))
        drawn, method = subject.resampling, message("interval_methods.students")
        if subject.is_moved:
            value, error = skill_game.rise_by_exchange(np.stack(rises), np.stack(donors), drawn)
            rise = judged(value, error, drawn.n, method, max(drawn.n_units - 1, 1))[0]
        else:
            rise = drawn.mean(rises[0], method)
        subject.context.progress.advance()
        mean, low, high = np.mean(lost, axis=0).tolist()
        names = _named(subject.players, group)
        return _Exchanged(names, rise, task.held.key, (mean, low, high), n)

    def _answers(self, group: Sequence[int], donor: Ints) -> Floats:
        """(row, class) where the players of the group are those of the donors."""
        subject = self.subject
        hit = np.isin(subject.players.owners, group)
        if not subject.is_moved:
            rows = np.where(hit, subject.baseline, subject.inputs)
            return coalitions.each_once(subject.context.classifier.probabilities, rows)
        columns = np.flatnonzero(hit[0])
        which = np.arange(len(subject))
        places = np.tile(columns, (len(which), 1))
        return self._moved.probabilities(which, places, subject.inputs[donor][:, columns])


def exchanged(n: int, random: np.random.Generator) -> Ints:
    """(row,) another row for each of n, every one once; of a single row itself."""
    order = random.permutation(n)
    donors = np.empty(n, dtype=np.int64)
    donors[order] = np.roll(order, 1)
    return donors
