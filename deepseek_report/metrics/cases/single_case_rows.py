"""Rows of the tables on single cases, as rules, sections and pictures read them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.explanation import OutputSpace
from deepseek_report.artifacts.table import OF_TARGET, SEPARATOR
from deepseek_report.artifacts.table_rows import HIDDEN, OPTIONAL, Cell

#: What a condition of a rule asks of a value.
Relation = Literal["is", "missing", "up_to", "over", "word"]


@dataclass(frozen=True)
class OfCase:
    """A row on the explained case with this number.

    source : metric and table that have such rows.
    """

    source: ClassVar[tuple[str, str]]
    case: Annotated[int, "place"]


@dataclass(frozen=True, kw_only=True)
class CaseRow(OfCase):
    """A case that was explained, what was decided and what happened.

    role : why it is shown. instance_id : its row in the source. position : among the explained
    cases; -1 where the run folder holds no rows. label : empty where it is open. probability : of
    the explained class. prediction, error : of a predicted number.
    """

    source = ("cases", "cases")
    role: str = ""
    role_label: str = ""
    instance_id: Annotated[int, "row"]
    position: Annotated[int, "place"] = -1
    label: str
    decision: str
    probability: Annotated[float | None, "share"] = None
    threshold: float | None = None
    correct: bool = False
    prediction: Annotated[float | None, "quantity", Cell(unit=OF_TARGET)] = None
    error: Annotated[float | None, "quantity", Cell(unit=OF_TARGET)] = None


@dataclass(frozen=True)
class Neighbour(OfCase):
    """A near training case, the nearest first."""

    source = ("cases", "neighbours")
    rank: int
    instance_id: Annotated[int, "row"]
    distance: float
    label: str
    probability: Annotated[float | None, "share"]
    prediction: Annotated[float | None, "quantity", Cell(unit=OF_TARGET)]
    text: str


class OfPlayer(OfCase):
    """A row on a feature, a word, a region or a span of a case, and its value."""

    feature: str
    label: str
    display: str


@dataclass(frozen=True)
class CaseInput(OfPlayer):
    """A value of a case beside the typical one."""

    source = ("cases", "inputs")
    feature: str
    label: str
    display: str
    typical: str


@dataclass(frozen=True)
class CaseReason(OfPlayer):
    """What a method attributes to a player; rank 1 is the greatest.

    error : its sampling error. class_name : the class that it is about, of many.
    """

    source = ("cases", "reasons")
    explainer: Annotated[str, "explainer"]
    feature: str
    label: str
    display: str
    attribution: float
    error: float | None
    rank: int
    output_space: OutputSpace
    class_name: str


@dataclass(frozen=True)
class CaseContrast(CaseReason):
    """What speaks for the decided class and against the second one."""

    source = ("cases", "contrasts")
    against: str


@dataclass(frozen=True)
class ReasonCode(OfPlayer):
    """A reason against a person.

    role : "reason", or "protected" where it may not be told. order_certain : whether the order up
    to it is certain.
    """

    source = ("cases", "reason_codes")
    explainer: Annotated[str, "explainer"]
    role: str
    rank: int
    feature: str
    label: str
    display: str
    shortfall: float
    error: float
    order_certain: bool
    output_space: str


#: Reasons that a row of `cases.refused` has room for.
REASONS = 4


@dataclass(frozen=True)
class RefusedCase:
    """A tested row that was decided against a person, with its reasons: `cases.refused`.

    certain : how many of the reasons are certainly the largest. rough : whether they are rough.
    decides : labels of the protected attributes with another value of which alone the person would
    be accepted, with commas between.
    """

    instance_id: Annotated[int, "row"]
    explainer: Annotated[str, "explainer", HIDDEN]
    probability: Annotated[float, "share"]
    reason_1: str
    reason_2: str
    reason_3: str
    reason_4: str
    certain: int
    rough: bool
    decides: str

    @property
    def attributes(self) -> list[str]:
        """Labels of the protected attributes that decide."""
        return self.decides.split(", ") if self.decides else []

    @property
    def reasons(self) -> list[str]:
        """Labels of the reasons, the largest first."""
        return list(filter(None, (self.reason_1, self.reason_2, self.reason_3, self.reason_4)))


@dataclass(frozen=True)
class DecidingAttribute(OfPlayer):
    """A value of a protected attribute with which alone who was refused would be accepted.

    display : the person's own value.
    """

    source = ("cases", "deciding")
    feature: str
    label: str
    display: str
    to_display: str
    to_value: float
    probability_after: Annotated[float | None, "share"]


@dataclass(frozen=True)
class ChangeStep(OfCase):
    """A step of the smallest change.

    status : "found", or how far none was found; then the rest is empty. movable : features that can
    change. margin : how far from the threshold the best change stays.
    """

    source = ("cases", "counterfactuals")
    status: str
    feature: str
    label: str
    from_display: str
    to_display: str
    to_value: float | None
    probability_after: Annotated[float | None, "share"]
    movable: Annotated[float | None, "count"]
    margin: Annotated[float | None, "share"]
    near: float
    way: ClassVar[int] = 1


@dataclass(frozen=True)
class OtherWay(OfCase):
    """A step of a further change."""

    source = ("cases", "other_ways")
    way: int
    feature: str
    label: str
    from_display: str
    to_display: str
    to_value: float
    probability_after: Annotated[float | None, "share"]
    near: float


@dataclass(frozen=True)
class Consequence(OfCase):
    """What would move with a change, by the declared graph of causes."""

    source = ("cases", "consequences")
    way: int
    feature: str
    label: str
    from_display: str
    to_display: str


@dataclass(frozen=True)
class NearestAccepted(OfCase):
    """Where the most alike case that was decided otherwise differs; one row for each feature.

    differing : in how many features it does.
    """

    source = ("cases", "nearest_accepted")
    rank: int
    instance_id: Annotated[int, "row"]
    distance: float
    probability: Annotated[float, "share"]
    feature: str
    label: str
    from_display: str
    to_display: str
    differing: int


@dataclass(frozen=True)
class CaseAgreement(OfCase):
    """How alike two methods explain a case; top3_overlap is a share."""

    source = ("cases", "agreement")
    explainer_a: Annotated[str, "explainer"]
    explainer_b: Annotated[str, "explainer"]
    spearman: float | None
    top3_overlap: Annotated[float, "share"]


@dataclass(frozen=True)
class ErrorsLikeThis(OfCase):
    """A part of the data that a case lies in and where errors are more frequent."""

    source = ("cases", "errors_like_this")
    slice: str
    n: int
    error_rate: Annotated[float, "share"]
    rest_error_rate: Annotated[float | None, "share"]


@dataclass(frozen=True)
class WayStep(OfCase):
    """What a part of the model adds to the output; weight : of a router."""

    source = ("decision_way", "steps")
    layer: int
    kind: str
    branch: str
    number: int
    weight: Annotated[float | None, "share"]
    added: float


@dataclass(frozen=True)
class TreeSum(OfCase):
    """What all trees of a model add for and against a decision."""

    source = ("decision_way", "trees")
    space: str
    base: float
    trees: int
    for_n: int
    for_added: float
    against_n: int
    against_added: float


@dataclass(frozen=True)
class TreeQuestion(OfCase):
    """A node on the way of a case through the tree that adds most."""

    source = ("decision_way", "paths")
    tree: int
    added: float
    depth: int
    feature: str
    label: str
    display: str
    relation: str
    bound: str


@dataclass(frozen=True)
class Anchor(OfCase):
    """The rule that is enough for the decision of a case.

    everywhere : how often all cases are decided so. coverage : to how many it applies.
    """

    source = ("anchors", "rules")
    decision: str
    conditions: int
    enough: bool
    everywhere: Annotated[float, "share"]
    n: int
    precision: Annotated[Estimate, "share"]
    coverage: Annotated[Estimate | None, "share"]


@dataclass(frozen=True)
class AnchorTerm(OfCase):
    """A condition of such a rule."""

    source = ("anchors", "conditions")
    order: int
    feature: str
    label: str
    relation: Annotated[Relation, "code"]
    display: str


@dataclass(frozen=True)
class Push(OfCase):
    """A training case that pushed a decision, toward it or back; common : features, joined."""

    source = ("tracin", "pushes")
    toward: bool
    rank: int
    instance_id: Annotated[int, "row"]
    label: str
    share: Annotated[float, "share"]
    common: Annotated[str, OPTIONAL] = ""

    @property
    def in_common(self) -> list[str]:
        """The features in which the training case is like the case."""
        return list(filter(None, self.common.split(SEPARATOR)))


@dataclass(frozen=True)
class Pushed(OfCase):
    """How many training rows were looked at, and the share of all pushes that is told."""

    source = ("tracin", "pushed")
    decision: str
    rows: int
    covered: Annotated[float, "share"]


@dataclass(frozen=True)
class ComparedPrototype:
    """A training case that a prototype model decided by: a row of `prototypes.compared`."""

    instance_id: Annotated[int, "row"]
    rank: int
    prototype_id: Annotated[int, "row"]
    class_label: str
    for_decision: bool
    share: Annotated[float, "share"]


@dataclass(frozen=True)
class FiredRule:
    """A rule of a model of rules that holds for a row, 0 its start: a row of `rules.fired`."""

    instance_id: Annotated[int, "row"]
    rule: int
    when: str
    points: float
