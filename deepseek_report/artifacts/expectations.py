"""What a person who knows the field expects of a model: `behaviour:` in a configuration."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import Field

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
