"""A causal language model: the configuration."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from deepseek_report.artifacts.protocols.classifier import Capability
from deepseek_report.artifacts.protocols.models import Trainer
from deepseek_report.artifacts.protocols.modules import ExplainableModule
from deepseek_report.artifacts.schema import Schema
from deepseek_report.artifacts.split import Split
from deepseek_report.models.transformers.deepseek_family import DeepSeekV3, Size
from deepseek_report.models.transformers.pretrained_settings import SequenceRecipe, Train

if TYPE_CHECKING:
    from deepseek_report.models.shared.module_classifier import TorchClassifier
    from deepseek_report.models.transformers.transformer_module import PretrainedStart

#: Signs before a token that begins a word, in the vocabularies of checkpoints; then none.
_BEGINS = ("Ġ", "▁", "")
#: The code of a class that names a token by its place in the vocabulary.
_NUMBERED = re.compile(r"token (\d+)")


@dataclass(frozen=True, kw_only=True)
class CausalLanguageModel(DeepSeekV3):
    """A causal language model, which is asked which of the classes is the token that follows.

    Without a checkpoint it is a DeepSeek-V3 of transformers, built small and trained here on the
    task of tokens that the data set names, by `recipe`. With one it is any causal language model of
    transformers in a folder, of whichever architecture, as it is; its own sizes count then.

    The output is that of the model's own head behind the last token of a text, for the tokens of
    the classes alone: those whose name is the class, with the sign of a new word before it or not.

    rotary_base : of the wave lengths of positions, the shorter the smaller it is. masking,
    embedding_dropout : of trainings by rows; this one hides tokens by `recipe.hiding` instead.
    """

    name = "language_model"
    title = "DeepSeek-V3"
    tasks = frozenset({"classification"})
    head = "CausalLM"

    train: Train = "none"
    query_rank: Size | None = None
    key_value_rank: Size = 32
    rope_width: Size = 16
    rotary_base: Annotated[float, Field(gt=1)] = 10_000.0
    initial_spread: Annotated[float, Field(gt=0, le=1)] | None = 0.05
    recipe: SequenceRecipe = field(default_factory=SequenceRecipe)

    def __post_init__(self) -> None:
        """What is drawn here is trained whole, whatever `train` says of checkpoints."""
        if self.checkpoint is None:
            object.__setattr__(self, "train", "full")
        elif self.train != "none":
            raise ValueError(
                f'train "{self.train}" of a language model from a checkpoint: it is explained as '
                'it is, and not trained here; choose train "none"'
            )
        super().__post_init__()

    @property
    def called(self) -> str:
        """What sentences call it."""
        return "the language model"

    @property
    def capabilities(self) -> frozenset[Capability]:
        """Those of a model of transformers, and the continuation of texts."""
        return super().capabilities | {"language_model"}

    @property
    def needs_sequences(self) -> bool:
        """Without a checkpoint, which is not trained."""
        return self.checkpoint is None

    def own_trainer(self) -> Trainer | None:
        """What draws the sequences to train on; for a checkpoint, what keeps the weights."""
        if self.checkpoint is not None:
            return super().own_trainer()
        from deepseek_report.extensions.language_models.sequence_trainer import SequenceTrainer

        return SequenceTrainer(self.recipe)

    def wrap(self, module: ExplainableModule, schema: Schema, device: str) -> TorchClassifier:
        """The trained module, of which the language model itself can be asked too."""
        from deepseek_report.extensions.language_models.continued_texts import LanguageClassifier

        return LanguageClassifier(module, schema, self.name, self.capabilities, device)

    def misfits(self, schema: Schema, train: Split) -> Sequence[str]:
        """Which classes are no token of the checkpoint."""
        del train
        if self.checkpoint is None:
            return []
        try:
            class_tokens(schema)
        except ValueError as error:
            return [str(error)]
        return []

    def _start(self, schema: Schema) -> PretrainedStart:
        from deepseek_report.extensions.language_models.continued_texts import (
            language_start,
            new_language_start,
        )

        order = class_tokens(schema)
        if self.checkpoint is not None:
            return language_start(str(self.checkpoint), self.revision, schema, order)
        facts = {
            **self._facts(),
            "rope_parameters": {"rope_type": "default", "rope_theta": self.rotary_base},
        }
        return new_language_start(facts, self.title, schema, order)


def class_tokens(schema: Schema) -> list[int]:
    """For each class the token that is meant: by the code `token 17`, or by its name.

    Raises ValueError: a class is no token of the vocabulary, or two classes are the same one.
    """
    places = {token: at for at, token in enumerate(schema.vocabulary)}
    order = [_token(name, places) for name in schema.target.codes or schema.target.classes]
    if len(set(order)) < len(order):
        raise ValueError("two classes are the same token of the model; merge them")
    return order


def _token(name: str, places: Mapping[str, int]) -> int:
    if (numbered := _NUMBERED.fullmatch(name)) and int(numbered[1]) < len(places):
        return int(numbered[1])
    known = [places[sign + name] for sign in _BEGINS if sign + name in places]
    if not known:
        raise ValueError(
            f"the class “{name}” is no single token among the {len(places)} that the model knows; "
            "name the classes by tokens, or read answers of several tokens with dataset=prompts"
        )
    return known[0]
