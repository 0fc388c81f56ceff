"""What was concluded from the measurements of a run, before anything is drawn or written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from deepseek_report.artifacts.array_types import Floats, Ints
from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.explanation import Game
from deepseek_report.artifacts.finding import Finding
from deepseek_report.artifacts.message import Text, as_tuples, plain, with_texts
from deepseek_report.artifacts.storage.files import load_json, save_json
from deepseek_report.artifacts.storage.formats import check_format, head_of

Cost = Annotated[float, Field(gt=0, allow_inf_nan=False)]


@dataclass(frozen=True)
class DecisionCosts:
    """What the two kinds of wrong decision cost, in one unit of the user's choice, above 0.

    false_alarm : a case decided for the explained class that is not of it. missed : a case of the
    explained class that is not decided for it.
    """

    false_alarm: Cost
    missed: Cost

    def of(self, false_alarms: float, missed: float) -> float:
        """The cost of so many false alarms and missed cases, or of such shares of all cases."""
        return self.false_alarm * false_alarms + self.missed * missed


@dataclass(frozen=True)
class AlertCapacity:
    """How many alerts people can look into: those of the highest probability in each period.

    alerts : at most so many. per : of a day, a week from Monday on, or a month.
    """

    alerts: Annotated[int, Field(ge=1, le=1_000_000)]
    per: Literal["day", "week", "month"] = "day"

    def periods(self, moments: Floats) -> Ints:
        """(row,) the number of the period of each row; -1 where its moment is missing.

        moments : (row,) seconds since 1970.
        """
        known = np.where(np.isfinite(moments), moments, 0.0).astype("datetime64[s]")
        unit = {"day": "D", "week": "D", "month": "M"}[self.per]
        number = known.astype(f"datetime64[{unit}]").astype(np.int64)
        number = (number + 3) // 7 if self.per == "week" else number  # 1970 began on a Thursday
        return np.where(np.isfinite(moments), number, -1)


@dataclass(frozen=True)
class ThresholdRule:
    """How a threshold is found: one of `predicting.RULES`, with what is declared for it."""

    name: str
    declared: float | None = None
    costs: DecisionCosts | None = None
    capacity: AlertCapacity | None = None


#: What must hold: an order of answers, no other answer, one decision, or a relation of columns.
ExpectationKind = Literal["direction", "invariance", "minimum", "relation"]
#: How grave it is that an expectation is broken.
Weight = Literal["critical", "major", "minor"]
#: A class, by its name or by its code in the source.
ClassName = str | bool | int | float


@dataclass(frozen=True)
class InputChange:
    """What is done to an input before the model is asked again; of these fields one is set.

    add, times : to numbers: columns of a table, channels of a series, pixels of an image.
    replace : {word: word} in texts. shift : places to the right in images, steps later in series.
    rotate : degrees, counter-clockwise, of images; 90 and 270 of square ones alone.
    flip : of images, from left to right (horizontal) or upside down (vertical).
    """

    add: float | None = None
    times: float | None = None
    replace: dict[str, str] | None = None
    shift: int | None = None
    rotate: Literal[90, 180, 270] | None = None
    flip: Literal["horizontal", "vertical"] | None = None

    @property
    def chosen(self) -> dict[str, object]:
        """{field: value} of what is set."""
        return {name: value for name, value in vars(self).items() if value is not None}


@dataclass(frozen=True)
class Expectation:
    """One declared expectation.

    kind : direction: more of something never moves the answer against `effect`. invariance: a
        change that means nothing leaves the decision, or the number within `tolerance`, as it is.
        minimum: certain cases are decided so. relation: something holds between columns.
    says : the expectation in the words of its readers; made from the other fields if left out.
    weight : how grave it is that it is broken.
    columns : of a table the columns that are set to their other values, one at a time, or that
        `change` is done to; of a series channels. All where none is named and a change is given.
    change : what is done to each input; tables need none.
    where : which cases it is about, in the grammar of `dataset.relations`; all if left out.
    contains : of texts, the words that a case must all have.
    effect : direction: what more of it does to the probability of `outcome`, or to the number.
    outcome : direction: a class; the one whose probability is explained if left out.
    decision : minimum: the class that must be decided.
    least, most : minimum, where a number is predicted: what it must be at least, and at most.
    relation : relation: what must hold between columns in the data, as `paid <= owed`; changes that
        are proposed keep those of `dataset.relations`, which are expectations too.
    tolerance : what still counts as no movement: a probability (0.01 if left out), or a number in
        its unit (a hundredth of the standard deviation of the labels if left out). Of invariance,
        if it is given, a larger movement of a probability is a breach although the decision stays.
    allowed : share of the cases that may break it.

    Reference: Ribeiro et al. 2020, doi:10.18653/v1/2020.acl-main.442 (CheckList: directional
    expectation, invariance and minimum functionality tests).
    """

    kind: ExpectationKind
    says: str = ""
    weight: Weight = "major"
    columns: tuple[str, ...] = ()
    change: InputChange = field(default_factory=InputChange)
    where: str = ""
    contains: tuple[str, ...] = ()
    effect: Literal["raises", "lowers"] = "raises"
    outcome: ClassName | None = None
    decision: ClassName | None = None
    least: float | None = None
    most: float | None = None
    relation: str = ""
    tolerance: Annotated[float, Field(ge=0)] | None = None
    allowed: Annotated[float, Field(ge=0, lt=1)] = 0.0


#: The declared expectations of a run.
Expectations = tuple[Expectation, ...]


Outcome = Literal["met", "not met", "too uncertain to say", "not measured"]
#: A promise for several groups has the first of their outcomes, and people see it first.
WORST_FIRST: tuple[Outcome, ...] = ("not met", "not measured", "too uncertain to say", "met")
Side = Literal["at_least", "at_most"]
CONCLUSIONS_FILE = "conclusions.json"

#: What a method may be used for.
#: amounts, order : the reasons of each case, with their amounts or in their order alone.
#: overall : which players count over all cases; it tells the cases hardly apart.
#: not_this_case : it depends on the model, but for a case it is hardly better than chance, or no
#: better than another case's. nothing : it says nothing about the model. wrong : it says the
#: opposite of what the model does. faulty : it fails a check whose answer is known, so a library
#: errs. unsteady : repeated, it gives other reasons. no_skill : nothing, since the model has no
#: skill. open : a test that trust needs can't be decided, `ExplainerVerdict.undecided` says which.
#: few : too few cases.
#: untested : a test that trust needs was not made, `ExplainerVerdict.missing` says which.
Use = Literal[
    "amounts",
    "order",
    "overall",
    "not_this_case",
    "nothing",
    "faulty",
    "wrong",
    "unsteady",
    "no_skill",
    "open",
    "few",
    "untested",
]
#: The reasons of single cases may be told.
TRUSTED: frozenset[Use] = frozenset({"amounts", "order"})
#: What a method may be quoted for in single cases: the order and the amounts of its reasons, their
#: order alone, or merely which of the reasons count.
Scope = Literal["amounts", "order", "members"]
#: The share of the reachable gain under which a method misses more of what the model uses than it
#: finds, so that the order of its reasons is not quoted.
LEAST_REACH_OF_ORDER = 0.7


@dataclass(frozen=True)
class Verdict:
    """One promise and its outcome.

    metric, attribute, level, explainer, slice : what the promise is about. predictor : the simpler
    model that a gain is over.
    side, bound : the value must be at least, or at most, `bound`.
    set_by, why : who promised it, and the reason given; both from the config.
    value, low, high, n, unit : what was measured, None where nothing was.
    outcome : by the whole 95 % interval where there is one, else by the value.
    reason : why nothing was measured.
    """

    metric: str
    side: Side
    bound: float
    outcome: Outcome
    set_by: str = ""
    why: str = ""
    attribute: str = ""
    level: str = ""
    explainer: str = ""
    slice: str = ""
    value: float | None = None
    low: float | None = None
    high: float | None = None
    n: int | None = None
    unit: str = ""
    reason: Text = ""
    predictor: str = ""

    @property
    def measured(self) -> Estimate:
        """What was measured; undefined where nothing was."""
        return Estimate.of(self.value, self.low, self.high, self.n)

    @classmethod
    def from_json(cls, record: Mapping[str, object]) -> Verdict:
        """From plain data."""
        return cls(**with_texts(record, ("reason",)))


@dataclass(frozen=True)
class ExplainerVerdict:
    """What a method may be used for, and the outcomes of the tests behind it; None: not tested.

    beats_random : in deletion and insertion, by a least effect; None where chance is not excluded
    either. own_case : its order for a case is better than that of another case, likewise. learnt :
    it depends on what the model has learnt. steady : it gives the same again. adds_up : its
    attributions add up to the prediction. missing : the metrics without which it is not judged.
    reach : share of the gain of the best order known over a random one, the smaller of deletion and
    insertion. sampling_error : half a 95 % interval of one attribution on average, in the unit of
    the output; 0 for a method that does not sample. other_game : the game that it plays, where that
    is not the one that the run asks about; it was judged in its own, and is ranked with no other.
    """

    explainer: str
    use: Use
    beats_random: bool | None = None
    own_case: bool | None = None
    learnt: bool | None = None
    steady: bool | None = None
    adds_up: bool | None = None
    missing: tuple[str, ...] = ()
    reach: float | None = None
    sampling_error: float = 0.0
    other_game: Game | None = None

    @property
    def is_trusted(self) -> bool:
        """Whether the reasons that it gives for single cases may be told."""
        return self.use in TRUSTED

    @property
    def has_failed(self) -> bool:
        """Whether it was judged and did not pass, so that no reasons of single cases are listed."""
        return not self.is_trusted and self.use not in {"few", "untested"}

    @property
    def scope(self) -> Scope | None:
        """What it may be quoted for in single cases; None where it may not be quoted at all."""
        if self.use not in TRUSTED:
            return None
        if self.reach is not None and self.reach < LEAST_REACH_OF_ORDER:
            return "members"
        return "amounts" if self.use == "amounts" else "order"

    def standing(self, quoted: ExplainerVerdict | None) -> str:
        """By which key its row, its sentence and its title are worded: a scope, a check, or a use.

        quoted : the verdict on the one method that may be quoted; another that passes is a check,
        if it answers the question of the run.
        """
        if self.scope is None:
            return self.use
        if self.other_game is not None and (quoted is None or quoted.explainer != self.explainer):
            return "other_question"
        return self.scope if quoted is None or quoted.explainer == self.explainer else "check"

    @property
    def faults(self) -> tuple[str, ...]:
        """Of the tests on single cases, those that it failed: against chance, another case's."""
        tests = {"chance": self.beats_random, "another_case": self.own_case}
        return tuple(name for name, passed in tests.items() if passed is False)

    @property
    def undecided(self) -> tuple[str, ...]:
        """Of the tests that trust needs, those that were made and whose outcome is open."""
        if self.use == "untested" and not self.missing:
            return ()
        tests = {
            "chance": (self.beats_random, "faithfulness_effect"),
            "another_case": (self.own_case, "faithfulness_effect"),
            "learnt": (self.learnt, "parameter_randomisation"),
        }
        return tuple(
            name
            for name, (passed, metric) in tests.items()
            if passed is None and metric not in self.missing
        )


@dataclass(frozen=True)
class Conclusions:
    """The artifact `conclusions`.

    findings : gravest first, without the one on parts that failed. verdicts : on the declared
    thresholds. leading : the explainer that does best in the tests; leading_for_cases : the one
    whose reasons are told case by case; None where no explainer is signed. explainers : on what
    each method may be used for, in the order of the config.
    """

    findings: tuple[Finding, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    leading: str | None = None
    leading_for_cases: str | None = None
    explainers: tuple[ExplainerVerdict, ...] = ()

    @property
    def quoted(self) -> ExplainerVerdict | None:
        """The verdict on the one method that may be quoted for single cases; None without any."""
        return quoted_of(self.explainers, self.leading_for_cases)

    @property
    def has_no_reasons(self) -> bool:
        """Whether the method that leads for cases was judged and failed, so that none is listed."""
        return any(v.explainer == self.leading_for_cases and v.has_failed for v in self.explainers)

    def save(self, folder: Path) -> None:
        save_json(
            folder / CONCLUSIONS_FILE,
            {
                **head_of("conclusions"),
                **vars(self),
                "findings": [finding.to_json() for finding in self.findings],
                "verdicts": [plain(vars(verdict)) for verdict in self.verdicts],
                "explainers": [plain(vars(verdict)) for verdict in self.explainers],
            },
        )

    @classmethod
    def load(cls, folder: Path) -> Conclusions:
        content = load_json(folder / CONCLUSIONS_FILE)
        check_format(folder / CONCLUSIONS_FILE, content)
        return cls(
            findings=tuple(map(Finding.from_json, content["findings"])),
            verdicts=tuple(Verdict.from_json(entry) for entry in content["verdicts"]),
            leading=content["leading"],
            leading_for_cases=content["leading_for_cases"],
            explainers=tuple(
                ExplainerVerdict(**as_tuples(entry)) for entry in content["explainers"]
            ),
        )


def quoted_of(judged: Iterable[ExplainerVerdict], leading: str | None) -> ExplainerVerdict | None:
    """The verdict on the method that leads for cases, where it may be quoted for them."""
    return next((v for v in judged if v.explainer == leading and v.scope is not None), None)
