"""What could be done about gaps between groups: every option measured, with its price."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from deepseek_report.artifacts.array_types import Bools, Floats, Ints
from deepseek_report.artifacts.conclusions import DecisionCosts, ThresholdRule
from deepseek_report.artifacts.disclosure import WHOLE
from deepseek_report.artifacts.estimate import UNDEFINED, Estimate
from deepseek_report.artifacts.ids import ArtifactId
from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.artifacts.message import Text, message
from deepseek_report.artifacts.predictions import Predictions
from deepseek_report.artifacts.protocols.metrics import FitChange, MeasureContext, Refits
from deepseek_report.artifacts.score import Score
from deepseek_report.artifacts.table import SEPARATOR, TableType
from deepseek_report.data_kinds import kind_of
from deepseek_report.data_kinds.input_changes import columns_named
from deepseek_report.errors import NotApplicableError
from deepseek_report.metrics.behaviour.expected import outcome_of
from deepseek_report.metrics.fairness.direct_use import TellingColumns, told_together
from deepseek_report.metrics.fairness.fairness_rows import GapOption
from deepseek_report.metrics.fairness.group_gaps import SurestPair, rate_table
from deepseek_report.metrics.fairness.groups import Grouping, MinCell, MinEvents, groupings
from deepseek_report.metrics.performance.baselines import Predictor, fitted_reference
from deepseek_report.metrics.performance.predicting import choose_threshold, predict
from deepseek_report.metrics.plugin import ClassMetric, PeopleMetric, Rows
from deepseek_report.statistics import intervals
from deepseek_report.statistics.paired import balanced_accuracy_difference, share_difference
from deepseek_report.statistics.ranking import macro_auc, paired_difference, thin
from deepseek_report.statistics.resampling import Resampling
from deepseek_report.tasks.classification import iterations
from deepseek_report.tasks.loss import at_threshold, effective_threshold, tally, threshold_for_share


def evened_rows(codes: Ints, labels: Ints, rng: np.random.Generator) -> Ints:
    """Positions of as many rows, in which group and label go together no more than by chance.

    A cell of n(g, y) rows gets n(g) · n(y) / n of them: of a larger cell so many are drawn, a
    smaller one is repeated. It is reweighting by whole numbers, for learners without weights
    ("uniform sampling").

    codes : (row,) the group, -1 where it is not known; such rows stay as they are.
    labels : (row,) the class.

    Returns (row,) ascending, with repetitions.

    Reference: Kamiran & Calders 2012, doi:10.1007/s10115-011-0463-8 (sections 5.2 and 5.3).

    >>> codes, labels = np.array([0, 0, 0, 0, 1, 1, 1, 1]), np.array([0, 0, 0, 1, 0, 1, 1, 1])
    >>> rows = evened_rows(codes, labels, np.random.default_rng(0))
    >>> [int(((codes == g) & (labels == y))[rows].sum()) for g in (0, 1) for y in (0, 1)]
    [2, 2, 2, 2]
    """
    known, order = codes >= 0, rng.permutation(len(codes))
    drawn = [np.flatnonzero(~known)]
    for code in np.unique(codes[known]):
        for label in np.unique(labels[known]):
            cell = order[((codes == code) & (labels == label))[order]]
            if len(cell):
                expected = (codes == code).sum() * (labels[known] == label).sum() / known.sum()
                times, rest = divmod(round(expected), len(cell))
                drawn += [np.tile(cell, times), cell[:rest]]
    return np.sort(np.concatenate(drawn))


TODAY = "today"
#: Before the name of an option where the model itself is fitted anew.
OWN = "model_"
#: The predictor that is refitted without inputs and with evened rows, in the model's place.
REFITTED: Predictor = "gradient_boosting"
#: Refits that ask something of the training, and are not another kind of model alone.
OTHERWISE_TRAINED = frozenset({"monotone", "reweighted", "without", "without_stand_ins"})
#: An option is called better where its p-value, corrected for all attributes, lies below this.
_SIGNIFICANT = 0.05


@dataclass(frozen=True)
class Refit:
    """What is fitted otherwise: the inputs that are seen, and the rows that are learnt from.

    kind, rows : of the plain predictor; the model itself learns from all. attribute : that it is
    for; empty for all of them. left_out : labels of the inputs that are not seen.
    """

    name: str
    kind: Predictor
    columns: Ints
    rows: Ints
    attribute: str = ""
    left_out: tuple[str, ...] = ()
    directions: Floats | None = None

    @property
    def is_reweighted(self) -> bool:
        return self.name == "reweighted"

    @property
    def changes_training(self) -> bool:
        """Whether something is asked of the training, and not another kind of model alone."""
        return self.name in OTHERWISE_TRAINED


@dataclass(frozen=True)
class Options(PeopleMetric, ClassMetric):
    """What other ways to decide would change for each attribute, and what they would cost.

    Looked at are another single threshold (the one of the least expected cost where `costs` are
    declared, the one of the least price that reaches a `ratio` of favourable decisions between any
    two groups, and the one with the smallest gap that costs little), a threshold per group, the
    plain predictors that the model is compared with, and refits as a whole, of gradient boosting
    and of the model itself: without the input that the attribute was made from, without its
    stand-ins as well, with training rows in which group and label do not go together, and with the
    directions that `behaviour` declares, where the model can keep them.
    With two classes plain predictors decide for the explained class as often as the model does on
    the validation part; a refit of the model follows the rule of the run, and learns by its
    settings and seed from all training rows.

    All that is chosen is chosen on the validation part: thresholds, the two groups that are
    compared, and the option that is proposed. The test part judges it, once; an option is called
    better where the paired interval of the gap's change lies below 0, also after Holm's correction
    for the attributes.

    tolerance : balanced accuracy that an option which does not reach the ratio may cost. max_rows :
    training rows of a plain predictor. most_work : rows × trees × inputs of all plain predictors
    together; those beyond it are left out. refits : of the model itself: "bounded" as many as stay
    within the counted work of `Refits.most_work`, first those that the validation part speaks for
    with the plain predictor, "all", or "none". costs : of wrong decisions; without them the price
    is balanced accuracy.
    """

    reveals = "aggregate"
    tables = {"options": TableType.of(GapOption, release=WHOLE)}
    bounds = {"gap_without": (-1.0, 1.0)}
    reads = frozenset(
        {"predictions", "validation_predictions", "dataset", "refits", "seed", "expectations"}
    )
    takes = frozenset({"direct_use"})
    ratio: Annotated[float, Field(gt=0, le=1)] = 0.8
    tolerance: Annotated[float, Field(ge=0, le=1)] = 0.01
    costs: DecisionCosts | None = None
    stand_in_auc: Annotated[float, Field(gt=0.5, lt=1)] = 0.6
    max_rows: Rows = 8000
    most_work: Annotated[int, Field(ge=0)] = 300_000_000
    refits: Literal["bounded", "all", "none"] = "bounded"
    min_cell: MinCell = 30
    min_events: MinEvents = 5

    def measure(self, context: MeasureContext) -> Measurement:
        compared = self._compared(context)
        if not compared:
            raise NotApplicableError(message("refusals.few_people", least=self.min_cell))
        wanted = self._wanted(context, compared)
        fitted, n_left = self._plain(context, wanted)
        today = Option(
            TODAY,
            context.validation_predictions,
            context.predictions,
            _written(context.predictions.threshold),
        )
        spoken_for = self._spoken_for(today, fitted, compared)
        first = sorted(wanted, key=lambda refit: (refit.attribute, refit.name) not in spoken_for)
        own, own_note = self._own(context, first)
        judged: list[JudgedOption] = []
        for groups in compared:
            options = (
                today,
                *self._thresholds(context, groups),
                *(option for name in ("", groups.test.name) for option in fitted.get(name, ())),
                *(option for name in ("", groups.test.name) for option in own.get(name, ())),
            )
            chosen = self._chosen(options, groups)
            for option in options:
                changes = OptionChanges.of(today.test, option.test, groups, self.costs)
                judged.append(JudgedOption(groups, option, changes, option is chosen))
        adjusted = iter(intervals.holm([each.changes.p_value for each in judged if each.is_chosen]))
        table = self.frame(
            "options",
            (each.row(float(next(adjusted)) if each.is_chosen else math.nan) for each in judged),
        )
        notes = self._notes(n_left, own_note, len(context.dataset.train))
        return Measurement(tuple(_scores(judged)), {"options": table}, notes=notes)

    def _compared(self, context: MeasureContext) -> list[ComparedGroups]:
        """The attributes with two levels that are large enough in both parts."""
        schema, validation = context.dataset.schema, context.validation_predictions
        favourable = schema.target.declared_favourable
        of_parts = [
            {
                each.name: each
                for each in groupings(schema, p, crossings=False, min_cell=self.min_cell)
            }
            for p in (context.predictions, validation)
        ]
        compared = []
        for name in (name for name in of_parts[0] if name in of_parts[1]):
            test, chosen = _large_enough(of_parts[0][name], of_parts[1][name], self.min_cell)
            floor = self.min_cell, self.min_events
            pair = SurestPair.of(chosen, validation, favourable, floor)
            if pair is not None:
                compared.append(ComparedGroups(test, chosen, pair, favourable))
        return compared

    def _thresholds(self, context: MeasureContext, groups: ComparedGroups) -> Iterator[Option]:
        """Other thresholds of today's probabilities, chosen on the validation part."""
        validation, test = context.validation_predictions, context.predictions
        if validation.probabilities.shape[1] != 2:
            return
        chosen_on = groups.validation, groups.favourable
        thresholds_by_rule = {
            "threshold_for_costs": threshold_for_costs(validation, self.costs),
            "threshold_for_ratio": threshold_for_ratio(
                validation, *chosen_on, self.ratio, self.costs
            ),
            "threshold_for_gap": threshold_for_gap(validation, *chosen_on, self.tolerance),
        }
        seen = {effective_threshold(validation)}
        for name, threshold in thresholds_by_rule.items():
            if threshold is not None and threshold not in seen:
                seen.add(threshold)
                yield Option(
                    name,
                    at_threshold(validation, threshold),
                    at_threshold(test, threshold),
                    _written(threshold),
                )
        own = equal_rate_thresholds(validation, groups.validation)
        yield Option(
            "threshold_per_group",
            at_thresholds(validation, groups.validation, own),
            at_thresholds(test, groups.test, own),
            SEPARATOR.join(
                f"{level}: {threshold:.3g}"
                for level, threshold in zip(groups.test.levels, own, strict=True)
            ),
            is_open=False,
        )

    def _positions(self, context: MeasureContext) -> Ints:
        """Training rows that refits learn from: at even distances where there are many."""
        return thin(len(context.dataset.train), self.max_rows)

    def _wanted(self, context: MeasureContext, compared: Sequence[ComparedGroups]) -> list[Refit]:
        """What is fitted otherwise, for all attributes and then for each."""
        every, rows = np.arange(len(context.dataset.schema.features)), self._positions(context)
        wanted = [Refit("logistic_regression", "logistic_regression", every, rows)]
        wanted += [Refit(REFITTED, REFITTED, every, rows)]
        directions = _declared_directions(context)
        if directions.any():
            wanted += [Refit("monotone", REFITTED, every, rows, directions=directions)]
        for groups in compared:
            wanted += self._of(context, groups, rows)
        return wanted

    def _plain(
        self, context: MeasureContext, wanted: Sequence[Refit]
    ) -> tuple[dict[str, list[Option]], int]:
        """{attribute, "" of all: options}, and how many refits are left out for their work."""
        classes = len(context.dataset.schema.target.classes)
        trees = iterations(classes) * (classes if classes > 2 else 1)
        work = np.cumsum([len(refit.rows) * trees * len(refit.columns) for refit in wanted])
        kept = wanted[: int(np.count_nonzero(work <= self.most_work))]
        options: dict[str, list[Option]] = {}
        context.progress.start("options", len(kept))
        for refit in kept:
            answers = fitted_reference(
                refit.kind, context, refit.columns, refit.rows, refit.directions
            )
            validation = answers(context.dataset.validation, context.validation_predictions)
            test = answers(context.dataset.test, context.predictions)
            options.setdefault(refit.attribute, []).append(
                Option(
                    *(refit.name, validation, test, _written(test.threshold)),
                    left_out=refit.left_out,
                    rows=len(self._positions(context)),
                )
            )
            context.progress.advance()
        return options, len(wanted) - len(kept)

    def _spoken_for(
        self, today: Option, fitted: Mapping[str, list[Option]], compared: Sequence[ComparedGroups]
    ) -> set[tuple[str, str]]:
        """(attribute, "" of all; refit) that the validation part speaks for, of plain predictors.

        Where the model itself can be fitted few times, these fits come first.
        """
        spoken_for = set()
        for groups in compared:
            known = [
                (name, each) for name in ("", groups.test.name) for each in fitted.get(name, ())
            ]
            chosen = self._chosen((today, *(each for _, each in known)), groups)
            spoken_for |= {(name, each.name) for name, each in known if each is chosen}
        return spoken_for

    def _own(
        self, context: MeasureContext, wanted: Sequence[Refit]
    ) -> tuple[dict[str, list[Option]], Text]:
        """{attribute, "" of all: the model itself, fitted anew}, and what is said of that.

        wanted : in the order in which they are fitted, as far as the bound allows.
        """
        refits = context.refits
        if refits is None or self.refits == "none":
            return {}, _own_note("unknown" if refits is None else "none")
        possible = [
            refit
            for refit in wanted
            if refit.changes_training and (refit.directions is None or refits.keeps_directions)
        ]
        of = len(possible)
        if self.refits == "bounded":
            possible = possible[: refits.most_work // max(refits.work, 1)]
        options: dict[str, list[Option]] = {}
        context.progress.start("refits", len(possible))
        for refit in possible:
            try:
                option = self._own_option(context, refits, refit)
            except NotApplicableError as error:
                return {}, _own_note("failed", error=error.reason)
            options.setdefault(refit.attribute, []).append(option)
            context.progress.advance()
        why, rows = "fitted" if possible or not of else "dear", len(context.dataset.train)
        return options, _own_note(why, (len(possible), of, rows), refits)

    def _own_option(self, context: MeasureContext, refits: Refits, refit: Refit) -> Option:
        data, made = context.dataset, context.predictions
        rows, every = np.arange(len(data.train)), np.arange(len(data.schema.features))
        if refit.is_reweighted:
            codes = data.train.groups[refit.attribute]
            rng = np.random.default_rng(context.seed)
            rows = evened_rows(codes, data.train.labels, rng)
        withheld = tuple(np.setdiff1d(every, refit.columns).tolist())
        classifier = refits(rows, change=FitChange(withheld, refit.directions))
        rule = ThresholdRule(made.rule, made.threshold)
        parts = predict(classifier, data.validation, data.test, rule)
        return Option(
            f"{OWN}{refit.name}",
            parts["validation"],
            parts["test"],
            _written(parts["test"].threshold),
            refit.left_out,
            len(rows),
        )

    def _of(self, context: MeasureContext, groups: ComparedGroups, rows: Ints) -> Iterator[Refit]:
        """The refits for one attribute; of images, texts and series rows alone can be evened."""
        data, schema = context.dataset, context.dataset.schema
        every = np.arange(len(schema.features))
        codes = data.train.groups[groups.test.name][rows]
        drawn = evened_rows(codes, data.train.labels[rows], np.random.default_rng(context.seed))
        attribute = groups.test.name
        yield Refit("reweighted", REFITTED, every, rows[drawn], attribute)
        if not kind_of(schema).named_columns:
            return
        pair = groups.test.name, groups.levels, self.stand_in_auc
        known = told_together(context.measured.get(ArtifactId.measure("direct_use")), schema, *pair)
        seen = replace(data, test=data.validation)
        telling = TellingColumns.of(seen, *pair, context.seed, known)
        sources = [] if telling.source is None else [telling.source]
        for name, columns in (("without", sources), ("without_stand_ins", telling.all)):
            kept = np.setdiff1d(every, columns)
            if columns and len(kept) and (name == "without" or telling.stand_ins):
                left_out = tuple(schema.features[column].label for column in sorted(columns))
                yield Refit(name, REFITTED, kept, rows, attribute, left_out)

    def _chosen(self, options: Sequence[Option], groups: ComparedGroups) -> Option | None:
        """The option that the validation part speaks for, or None.

        Of those that narrow the gap and reach the ratio the one of the least price; where none
        does, or today's decisions reach it already, the one with the smallest gap among those that
        cost little balanced accuracy. Gradient boosting stands for the model: where the model
        itself was fitted anew in the same way, may be chosen too and costs hardly more, it is.
        """
        today, *others = options
        gap, ratio = groups.unevenness(today.validation)
        dearest = price(today.validation, None) + self.tolerance
        narrower = {
            option.name: groups.unevenness(option.validation)
            for option in others
            if option.is_open and groups.unevenness(option.validation)[0] < gap
        }
        left = [option for option in others if option.name in narrower]
        reaching = [option for option in left if narrower[option.name][1] >= self.ratio]
        if reaching and ratio < self.ratio:
            cheapest = min(reaching, key=lambda option: price(option.validation, self.costs))
            most = price(cheapest.validation, None) + self.tolerance
            near = [option for option in reaching if price(option.validation, None) <= most]
            return _of_the_model(cheapest, near)
        cheap = [option for option in left if price(option.validation, None) <= dearest]
        evenest = min(cheap, key=lambda option: narrower[option.name][0], default=None)
        return None if evenest is None else _of_the_model(evenest, cheap)

    def _notes(self, n_left: int, own: Text, n_train: int) -> tuple[Text, ...]:
        notes = [
            message("notes.options.parts"),
            own,
            message("notes.options.refitted", rows=min(self.max_rows, n_train), of=n_train),
            message("notes.options.choice", ratio=self.ratio, tolerance=self.tolerance),
            message("notes.options.small_levels", n=self.min_cell),
            message("notes.options.no_proposal"),
        ]
        if n_left:
            notes.append(message("notes.options.left", n=n_left, most=self.most_work))
        return tuple(notes)


def _of_the_model(option: Option, allowed: Sequence[Option]) -> Option:
    """The model itself fitted anew as the option says, where that is allowed; else the option."""
    own = f"{OWN}{option.name}"
    return next((each for each in allowed if each.name == own), option)


def _own_note(
    why: str,
    counts: tuple[int, int, int] = (0, 0, 0),
    refits: Refits | None = None,
    error: Text = "",
) -> Text:
    """Whether the model itself was fitted anew, and why not.

    counts : the options that it was fitted for, those that it could be, and its training rows.
    """
    return message(
        "notes.options.own",
        why=why,
        n=counts[0],
        of=counts[1],
        rows=counts[2],
        work=refits.work if refits else 0,
        most=refits.most_work if refits else 0,
        is_network=bool(refits and refits.is_network),
        error=error,
    )


def _declared_directions(context: MeasureContext) -> Floats:
    """(input,) direction in which the probability of class 1 may move; 0 where none is declared.

    Of expectations about all cases of a table with two classes; of categories, which have no
    order, and of columns with contrary expectations there is none.
    """
    schema = context.dataset.schema
    directions = np.zeros(len(schema.features))
    if not kind_of(schema).named_columns or len(schema.target.classes) != 2:
        return directions
    for expectation in context.expectations:
        if expectation.kind == "direction" and not expectation.where:
            raised = outcome_of(schema.target, expectation) == 1
            sign = 1 if raised == (expectation.effect == "raises") else -1
            directions[columns_named(schema, expectation.columns)] += sign
    ordered = np.array([feature.kind != "categorical" for feature in schema.features])
    return np.asarray(np.sign(directions) * ordered)


def _scores(judged: Sequence[JudgedOption]) -> Iterator[Score]:
    """The gap of gradient boosting without the input that an attribute was made from."""
    method = message("interval_methods.difference")
    for each in judged:
        if each.option.name == "without":
            gap, attribute = replace(each.changes.gap, method=method), each.groups.test.name
            yield Options.score("gap_without", gap, "zero", attribute=attribute, predictor=REFITTED)


def _large_enough(test: Grouping, chosen: Grouping, min_cell: int) -> tuple[Grouping, Grouping]:
    """Both groupings with the known levels that have enough people in both parts."""
    parts = (test, chosen)
    large = [
        set(np.array(part.levels, object)[(part.sizes >= min_cell) & part.known]) for part in parts
    ]
    first, other = (
        part.only(np.array([level in large[0] & large[1] for level in part.levels]))
        for part in parts
    )
    return first, other


def _written(threshold: float | None) -> str:
    return "" if threshold is None else f"{threshold:.3g}"


# What another way to decide changes on the test part, paired with how it is decided today.

#: Thresholds that are tried, beside today's.
GRID = np.round(np.arange(2, 99) / 100, 2)
#: A threshold at which fewer are decided otherwise than all others decides the same for everybody.
_LEAST_DECIDED = 0.01


def selection_gap(selected: Bools, grouping: Grouping) -> tuple[float, float]:
    """Difference and ratio of the highest and the lowest rate of favourable decisions."""
    rates = grouping.count(selected) / grouping.sizes
    return float(np.ptp(rates)), float(rates.min() / rates.max()) if rates.max() else 1.0


def at_thresholds(p: Predictions, grouping: Grouping, thresholds: Floats) -> Predictions:
    """The same probabilities, decided by a threshold for each level; (level,) thresholds.

    Those who are in no level are decided about as today.
    """
    own = np.where(grouping.codes < 0, effective_threshold(p), thresholds[grouping.codes])
    return replace(p, decisions=np.where(p.scores >= own, p.explained, 1 - p.explained))


def price(p: Predictions, costs: DecisionCosts | None) -> float:
    """What the decisions cost a case: the expected cost, without costs 1 − balanced accuracy."""
    if costs is not None:
        return float(case_costs(p, costs).mean())
    recalls = [p.correct[p.labels == label].mean() for label in np.unique(p.labels)]
    return 1.0 - float(np.mean(recalls))


def case_costs(p: Predictions, costs: DecisionCosts) -> Floats:
    """(instance,) what the decision about each case costs; 0 where it is right."""
    decided = p.decisions == p.explained
    return np.asarray(
        costs.false_alarm * (decided & ~p.truths) + costs.missed * (~decided & p.truths)
    )


def threshold_for_costs(p: Predictions, costs: DecisionCosts | None) -> float | None:
    """The threshold of the least expected cost; None without declared costs."""
    return None if costs is None else choose_threshold("costs", p.scores, p.truths, costs)


def threshold_for_gap(
    p: Predictions, grouping: Grouping, favourable: int, tolerance: float
) -> float:
    """The threshold with the smallest gap among those that cost little balanced accuracy.

    tolerance : how much balanced accuracy may be lost against today's threshold.
    """
    candidates = np.concatenate([[effective_threshold(p)], GRID])
    quality = tally(p.truths, p.scores, candidates).balanced_accuracy
    allowed = candidates[quality >= quality[0] - tolerance]
    gaps = [
        selection_gap(at_threshold(p, threshold).decisions == favourable, grouping)[0]
        for threshold in allowed
    ]
    return float(allowed[int(np.argmin(np.round(gaps, 12)))])


def threshold_for_ratio(
    p: Predictions, grouping: Grouping, favourable: int, least: float, costs: DecisionCosts | None
) -> float | None:
    """The threshold of the least price at which the ratio of every two levels is at least `least`.

    Returns None where there is none, but for those that decide the same for everybody.
    """
    best: tuple[float, float] | None = None
    for threshold in np.concatenate([[effective_threshold(p)], GRID]):
        other = at_threshold(p, float(threshold))
        share = float(np.mean(other.decisions == favourable))
        met = selection_gap(other.decisions == favourable, grouping)[1] >= least
        if met and _LEAST_DECIDED <= share <= 1 - _LEAST_DECIDED:
            offered = price(other, costs), float(threshold)
            best = offered if best is None or offered[0] < best[0] - 1e-12 else best
    return best[1] if best else None


def equal_rate_thresholds(p: Predictions, grouping: Grouping) -> Floats:
    """(level,) thresholds that decide for the same share of each level as today's does of all."""
    share = float(np.mean(p.scores >= effective_threshold(p)))
    return np.array(
        [
            threshold_for_share(p.scores[grouping.codes == k], share)
            for k in range(len(grouping.levels))
        ]
    )


@dataclass(frozen=True)
class ComparedGroups:
    """An attribute whose groups are compared: in which two levels, on which parts.

    test, validation : the same levels in the same order, each large enough in both parts.
    pair : the levels that today's decisions treat unequally surest on the validation part, so that
    the test part has no say in what is looked at. favourable : the class.
    """

    test: Grouping
    validation: Grouping
    pair: SurestPair
    favourable: int

    @property
    def levels(self) -> tuple[str, str]:
        """The level with the highest rate of favourable decisions, and that with the lowest."""
        names = self.test.levels
        return names[self.pair.highest], names[self.pair.lowest]

    def unevenness(self, p: Predictions) -> tuple[float, float]:
        """Gap and ratio between any two levels, by decisions about the validation part."""
        return selection_gap(p.decisions == self.favourable, self.validation)


@dataclass(frozen=True)
class Option:
    """A way to decide: its key, and what it says of both parts.

    threshold : of the explained class, in words. left_out : labels of inputs that it does not see.
    rows : training rows, where something was fitted. is_open : whether it may be proposed; a
    threshold per group is shown, and is no proposal.
    """

    name: str
    validation: Predictions
    test: Predictions
    threshold: str = ""
    left_out: tuple[str, ...] = ()
    rows: int = 0
    is_open: bool = True


@dataclass(frozen=True)
class OptionChanges:
    """Numbers of an option on the test part, and how they differ from today's.

    gap : of favourable decisions between the pair, its `ratio`, and its `gap_change`; against :
    share decided otherwise than favourably. sum_of_gaps : today's gap and the option's together,
    whose interval lies above 0 where the option surely does not turn the gap round by as much.
    cost : expected cost of a case, where costs are declared.
    """

    roc_auc: float
    auc_change: Estimate
    balanced_accuracy: float
    balanced_accuracy_change: Estimate
    against: Estimate
    against_change: Estimate
    gap: Estimate
    gap_change: Estimate
    sum_of_gaps: Estimate
    ratio: Estimate
    cost: float
    cost_change: Estimate
    n_changed: int

    @classmethod
    def of(
        cls,
        today: Predictions,
        option: Predictions,
        groups: ComparedGroups,
        costs: DecisionCosts | None,
    ) -> OptionChanges:
        """Compare the decisions of two ways about the same instances."""
        drawn = groups.test.drawn
        areas = [macro_auc(p.labels, p.probabilities, p.explained) for p in (option, today)]
        favoured, before = (p.decisions == groups.favourable for p in (option, today))
        cost, cost_change = math.nan, UNDEFINED
        if costs is not None:
            cost, cost_change = price(option, costs), _cost_change(option, today, costs, drawn)
        return cls(
            roc_auc=areas[0][0],
            auc_change=paired_difference(areas[0], areas[1], today.labels, drawn)[0],
            balanced_accuracy=1 - price(option, None),
            balanced_accuracy_change=balanced_accuracy_difference(
                today.labels, option.correct, today.correct, drawn
            ),
            against=drawn.rate(~favoured),
            against_change=share_difference(~favoured, ~before, drawn)[0],
            gap=groups.pair.gap(groups.test, favoured),
            gap_change=_between(
                groups, lambda own, rows: share_difference(favoured[rows], before[rows], own)[0]
            ),
            sum_of_gaps=_between(
                groups,
                lambda own, rows: _mean(favoured[rows].astype(np.float64) + before[rows], own),
            ),
            ratio=_ratio(groups, favoured),
            cost=cost,
            cost_change=cost_change,
            n_changed=int((option.decisions != today.decisions).sum()),
        )

    @property
    def narrows(self) -> bool:
        """Whether the gap is surely smaller than today's, and not as large the other way round."""
        change, both = self.gap_change.ends, self.sum_of_gaps.ends
        return bool(change and both and change[1] < 0 < both[0])

    @property
    def p_value(self) -> float:
        """Two-sided, that the gap does not change, by the upper end of its interval."""
        from scipy.special import ndtr

        high = (self.gap_change.ends or (0.0, 0.0))[1] - self.gap_change.value
        if high <= 0:
            return float(self.gap_change.value == 0)
        return float(2 * ndtr(-abs(self.gap_change.value) * intervals.Z95 / high))


@dataclass(frozen=True)
class JudgedOption:
    """An option for the groups of an attribute, what it changes, and whether it is proposed."""

    groups: ComparedGroups
    option: Option
    changes: OptionChanges
    is_chosen: bool

    def row(self, p_adjusted: float) -> GapOption:
        """As a row of the table; today's decisions are compared with nothing.

        p_adjusted : corrected for all attributes; NaN of what is not proposed.
        """
        groups, option, changes = self.groups, self.option, dict(vars(self.changes))
        del changes["sum_of_gaps"]
        if option.name == TODAY:
            changes |= {key: UNDEFINED for key in changes if key.endswith("_change")}
        highest, lowest = groups.levels
        return GapOption(
            attribute=groups.test.name,
            attribute_label=groups.test.label,
            level=lowest,
            reference=highest,
            option=option.name,
            threshold=option.threshold,
            left_out=SEPARATOR.join(option.left_out),
            **changes,
            rows=option.rows,
            n=self.changes.gap.n,
            is_chosen=self.is_chosen,
            is_better=self.is_chosen and self.changes.narrows and p_adjusted < _SIGNIFICANT,
            p_adjusted=p_adjusted,
        )


def _cost_change(
    option: Predictions, today: Predictions, costs: DecisionCosts, drawn: Resampling
) -> Estimate:
    """Difference of the expected costs: those of both kinds of error, joined in squares.

    Where few decisions differ, their mean cost has no interval of its own that could be trusted. Of
    dependent rows, where an entity may have both kinds, it is Student's by entity.
    """
    if drawn.units is not None:
        return _mean(case_costs(option, costs) - case_costs(today, costs), drawn)
    flagged, missed = (
        [(p.decisions == p.explained) & ~p.truths for p in (option, today)],
        [(p.decisions != p.explained) & p.truths for p in (option, today)],
    )
    weights = costs.false_alarm, costs.missed
    parts = [share_difference(*errors)[0] for errors in (flagged, missed)]
    value, below, above = (
        combine([w * size for w, size in zip(weights, sizes, strict=True)])
        for combine, sizes in (
            (sum, [part.value for part in parts]),
            (_joined, [part.value - _ends(part)[0] for part in parts]),
            (_joined, [_ends(part)[1] - part.value for part in parts]),
        )
    )
    method = message("interval_methods.difference_paired")
    return Estimate(value, value - below, value + above, len(today), method)


def _joined(sizes: list[float]) -> float:
    return math.hypot(*sizes)


def _ends(size: Estimate) -> tuple[float, float]:
    return size.ends or (size.value, size.value)


def _mean(values: Floats, drawn: Resampling) -> Estimate:
    mean, low, high = (float(end) for end in intervals.mean_interval(drawn.per_unit(values)))
    method = drawn.describe(message("interval_methods.paired_student"))
    return Estimate(mean, low, high, len(values), method)


def _between(groups: ComparedGroups, of_rows: Callable[[Resampling, Bools], Estimate]) -> Estimate:
    """A mean of the level with the highest rate, less that of the one with the lowest."""
    inside = [groups.test.codes == k for k in (groups.pair.highest, groups.pair.lowest)]
    own = [of_rows(groups.test.drawn.take(rows), rows) for rows in inside]
    method = groups.test.drawn.describe(message("interval_methods.difference_paired"))
    return Estimate(*intervals.difference_of_means(*own), own[0].n + own[1].n, method)


def _ratio(groups: ComparedGroups, favoured: Bools) -> Estimate:
    """The lowest rate of favourable decisions of the pair as a part of the highest."""
    table = rate_table(groups.test, favoured, np.ones(len(favoured), bool))
    pair = [groups.pair.lowest, groups.pair.highest]
    own, other = (float(each) for each in table.rates[pair])
    if not other:
        return UNDEFINED
    method = groups.test.drawn.describe(message("interval_methods.ratio", several=False))
    return Estimate(own / other, *intervals.rate_ratio(*table.counts(pair)), table.n(pair), method)
