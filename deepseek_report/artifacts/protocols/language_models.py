"""A causal language model as attributions and looks inside it see it: token ids in, logits out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

from deepseek_report.artifacts.array_types import Floats, Ints


class LanguageModel(Protocol):
    """A model that says after each token how likely each token of its vocabulary is to follow.

    net : a causal language model of transformers (`AutoModelForCausalLM`), in evaluation mode,
    float32, with attention computed openly ("eager"). tokens : (vocabulary,) the text of each
    token.
    """

    net: Any
    tokens: Sequence[str]

    def next_logits(self, ids: Ints) -> Floats:
        """(prompt, token) ids without padding -> (prompt, token, vocabulary) of what follows."""


@runtime_checkable
class ContinuesText(Protocol):
    """The part of a Classifier with the capability "language_model".

    Its classes are tokens that may come next, and a row is the text before the place that is asked
    about.
    """

    @property
    def language_model(self) -> LanguageModel:
        """The model itself."""

    @property
    def class_tokens(self) -> Ints:
        """(class,) the token of each class of the schema."""

    def token_ids(self, inputs: Floats) -> list[Ints]:
        """(instance, column) -> for each row its token ids, without padding, as the model reads."""
