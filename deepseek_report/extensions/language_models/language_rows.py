"""Rows of the tables on language models, as rules, sections and pictures read them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated

from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.table_rows import BARE_ENDS, HIDDEN, Cell


@dataclass(frozen=True)
class HintRow:
    """What chains of thought say of a kind of hint: a row of `hint_acknowledgement.hints`.

    hint : empty in the first row, on all kinds. influenced : answers that the hint moved, of n
    pairs. named : share of these that name it, most_named : in the most favourable reading.
    """

    hint: str
    n: int
    followed: Annotated[Estimate, "share", Cell(column="followed_share", prefix="followed")]
    strayed: int
    influenced: int
    named: Annotated[Estimate, "share", Cell(column="named_share", prefix="named")]
    anyway_share: Annotated[Estimate, "share", Cell(prefix="anyway")]
    least_named: Annotated[float, "share", HIDDEN]
    most_named: Annotated[float, "share", HIDDEN]
    verdict: str


@dataclass(frozen=True)
class ChainTest:
    """What a change to a chain of thought does to the answer: a row of the tables of chain tests.

    same : share of the answers that stay.
    """

    test: Annotated[str, HIDDEN]
    change: str
    kept: Annotated[float, "share"]
    n: int
    same: Annotated[Estimate, "share", Cell(column="same_share", prefix="same")]


@dataclass(frozen=True)
class PromptPair:
    """What a word for a person changes in an answer: a row of `prompt_pairs.pairs`."""

    answer: str
    group: str
    compared: str
    n: int
    probability: Annotated[float, "share"]
    other_probability: Annotated[float, "share"]
    difference: Annotated[Estimate, "points", BARE_ENDS]
    p_value: Annotated[float | None, "p_value", HIDDEN]
    p_adjusted: Annotated[float | None, "p_value"]

    @property
    def low(self) -> float:
        """The lower end of the difference; NaN without one, as `high` is."""
        return math.nan if self.difference.low is None else self.difference.low

    @property
    def high(self) -> float:
        return math.nan if self.difference.high is None else self.difference.high


@dataclass(frozen=True)
class ContinuationMethod:
    """How well a method explains what follows: a row of `continuation.methods`.

    contrast : whether it is asked for the token against its rival. right : share of the known
    tokens whose source it finds.
    """

    explainer: Annotated[str, "explainer"]
    contrast: bool
    n: int
    comprehensiveness: float
    sufficiency: float
    comprehensiveness_gain: Estimate
    sufficiency_gain: Estimate
    right: Annotated[Estimate, "share"]
    known: int
    error: Annotated[float, "share"]
    quoted: bool


@dataclass(frozen=True)
class AnswerToken:
    """A token of an answer and its rival: a row of `continuation.sources`."""

    prompt: Annotated[int, "place"]
    order: Annotated[int, "place"]
    token: str
    probability: Annotated[float, "share"]
    rival: str
    difference: float
    source: str
    value: float
    error: float


@dataclass(frozen=True)
class PromptToken:
    """A token of a shown prompt or answer: a row of `continuation.tokens`.

    apart : whether a space stands before it. player : -1 for none.
    """

    prompt: Annotated[int, "place"]
    place: Annotated[int, "place"]
    player: Annotated[int, "place"]
    token: str
    apart: bool
    is_answer: bool


@dataclass(frozen=True)
class LensLayer:
    """How often the answer can be read off behind a layer: a row of `lens.layers`.

    lens, tuned : by the last layer's own reading, and by one fitted to the layer. token : how often
    the answer comes back where the state there is put back.
    """

    layer: int
    lens: Annotated[Estimate, "share"]
    tuned: Annotated[Estimate, "share"]
    lens_log_probability: Estimate
    tuned_log_probability: Estimate
    token: Annotated[Estimate, "share"]
    noise: Annotated[Estimate, "share"]
    n: int

    @property
    def shares(self) -> dict[str, Estimate]:
        """{"lens", "tuned", "token": share of the prompts}."""
        return {"lens": self.lens, "tuned": self.tuned, "token": self.token}


@dataclass(frozen=True)
class HeadRole:
    """What a head looks at and what it is needed for: a row of `head_roles.heads`.

    swap : by how much the loss rises with the head of another prompt in its place.
    """

    layer: Annotated[int, "place"]
    number: int
    pattern: str
    previous: Annotated[Estimate, "share"]
    same: Annotated[Estimate, "share"]
    after_same: Annotated[Estimate, "share"]
    mean: Estimate
    swap: Estimate | None
    p_adjusted: Annotated[float, "p_value"]
    needed: str


@dataclass(frozen=True)
class HeadsTogether:
    """What all heads of one pattern are needed for: a row of `head_roles.together`."""

    pattern: str
    heads: int
    zero: Estimate
    mean: Estimate
    swap: Estimate
    p_adjusted: Annotated[float, "p_value"]
    n: int


@dataclass(frozen=True)
class LatentLayer:
    """What the compressed state of attention holds: a row of `latent.layers`."""

    layer: Annotated[int, "place"]
    width: int
    rank: int
    state_rank: float | None
    latent_rank: float | None
    state_token: Annotated[Estimate, "share"]
    latent_token: Annotated[Estimate, "share"]
    state_place: Annotated[Estimate, "share"]
    latent_place: Annotated[Estimate, "share"]
    mean: Estimate
    swap: Estimate
    p_adjusted: Annotated[float, "p_value"]
    n: int


@dataclass(frozen=True)
class ExpertKind:
    """What an expert does for a kind of token: a row of `token_experts.kinds`."""

    layer: Annotated[int, "place"]
    number: int
    kind: str
    share: Annotated[Estimate, "share", BARE_ENDS]
    load: Annotated[float, "share"]
    zero: Estimate
    mean: Estimate
    swap: Estimate
    p_adjusted: Annotated[float, "p_value"]
    verdict: str
    n: int
