"""Rows of the tables on language models, as rules, sections and pictures read them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated

from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.table_rows import Cells, From


@dataclass(frozen=True)
class HintRow:
    """What chains of thought say of a kind of hint: a row of `hint_acknowledgement.hints`.

    hint : empty in the first row, on all kinds. influenced : answers that the hint moved, of n
    pairs. named : share of these that name it, most_named : in the most favourable reading.
    """

    hint: str
    n: int
    influenced: int
    followed: Annotated[Estimate, From("followed_share", "followed")]
    named: Annotated[Estimate, From("named_share", "named")]
    most_named: float
    verdict: str
    cells: Cells


@dataclass(frozen=True)
class ChainTest:
    """What a change to a chain of thought does to the answer: a row of the tables of chain tests.

    same : share of the answers that stay.
    """

    test: str
    change: str
    same: Annotated[Estimate, From("same_share", "same")]
    cells: Cells


@dataclass(frozen=True)
class PromptPair:
    """What a word for a person changes in an answer: a row of `prompt_pairs.pairs`."""

    answer: str
    group: str
    compared: str
    n: int
    probability: float
    other_probability: float
    difference: Estimate
    p_value: float | None
    p_adjusted: float | None = None

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

    explainer: str
    contrast: bool
    n: int
    comprehensiveness_gain: Annotated[Estimate, From(prefix="comprehensiveness_gain")]
    sufficiency_gain: Annotated[Estimate, From(prefix="sufficiency_gain")]
    right: Annotated[Estimate, From(prefix="right")]
    known: int
    quoted: bool


@dataclass(frozen=True)
class AnswerToken:
    """A token of an answer and its rival: a row of `continuation.sources`."""

    prompt: int
    order: int
    token: str
    probability: float
    rival: str
    difference: float


@dataclass(frozen=True)
class PromptToken:
    """A token of a shown prompt or answer: a row of `continuation.tokens`.

    apart : whether a space stands before it. player : -1 for none.
    """

    prompt: int
    player: int
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
    lens: Annotated[Estimate, From(prefix="lens")]
    tuned: Annotated[Estimate, From(prefix="tuned")]
    token: Annotated[Estimate, From(prefix="token")]
    noise: Annotated[Estimate, From(prefix="noise")]

    @property
    def shares(self) -> dict[str, Estimate]:
        """{"lens", "tuned", "token": share of the prompts}."""
        return {"lens": self.lens, "tuned": self.tuned, "token": self.token}


@dataclass(frozen=True)
class HeadRole:
    """What a head looks at and what it is needed for: a row of `head_roles.heads`.

    swap : by how much the loss rises with the head of another prompt in its place.
    """

    layer: int
    number: int
    pattern: str
    after_same: Annotated[Estimate, From(prefix="after_same")]
    swap: Annotated[Estimate | None, From(prefix="swap")]


@dataclass(frozen=True)
class HeadsTogether:
    """What all heads of one pattern are needed for: a row of `head_roles.together`."""

    pattern: str
    swap: Annotated[Estimate, From(prefix="swap")]
    p_adjusted: float


@dataclass(frozen=True)
class LatentLayer:
    """What the compressed state of attention holds: a row of `latent.layers`."""

    layer: int
    width: int
    rank: int
    state_rank: float | None
    latent_rank: float | None
    state_token: Annotated[Estimate, From(prefix="state_token")]
    latent_token: Annotated[Estimate, From(prefix="latent_token")]
    state_place: Annotated[Estimate, From(prefix="state_place")]
    latent_place: Annotated[Estimate, From(prefix="latent_place")]
    swap: Annotated[Estimate, From(prefix="swap")]
    p_adjusted: float


@dataclass(frozen=True)
class ExpertKind:
    """What an expert does for a kind of token: a row of `token_experts.kinds`."""

    verdict: str
