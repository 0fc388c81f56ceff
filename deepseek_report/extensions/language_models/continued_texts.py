"""Texts as a causal language model continues them: its start, its head, and the classifier."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from deepseek_report.artifacts.array_types import Floats, Ints
from deepseek_report.artifacts.schema import Schema
from deepseek_report.artifacts.storage.checkpoint import (
    around,
    digest,
    load_tokenizer,
    locate,
    tokens_of,
)
from deepseek_report.errors import ConfigError
from deepseek_report.models.shared.module_classifier import TorchClassifier
from deepseek_report.models.transformers.checkpoint_net import (
    check_length,
    check_vocabulary,
    loaded_net,
)
from deepseek_report.models.transformers.transformer_module import PretrainedStart

if TYPE_CHECKING:
    from transformers import PreTrainedModel


#: Prompts that are continued at once; logits of a large vocabulary take much memory.
_AT_ONCE = 16


class ContinuedTexts:
    """A causal language model: token ids in, logits of what follows out.

    net : a causal language model of transformers. tokens : (vocabulary,) the text of each token.
    """

    def __init__(self, net: PreTrainedModel, tokens: Sequence[str]) -> None:
        self.net, self.tokens = net, tokens

    def next_logits(self, ids: Ints) -> Floats:
        """(prompt, token) ids without padding -> (prompt, token, vocabulary) of what follows."""
        done = []
        with torch.inference_mode():
            for start in range(0, len(ids), _AT_ONCE):
                batch = torch.as_tensor(ids[start : start + _AT_ONCE], device=self.net.device)
                logits = self.net(input_ids=batch, use_cache=False).logits
                done.append(logits.double().cpu().numpy())
        return np.concatenate(done)


class LanguageClassifier(TorchClassifier):
    """Says which of the classes follows a text."""

    @property
    def language_model(self) -> ContinuedTexts:
        """The model itself."""
        return ContinuedTexts(self.module.net, self.schema.vocabulary)

    @property
    def class_tokens(self) -> Ints:
        """(class,) the token of each class."""
        return np.asarray(self.module.start.order, dtype=np.int64)

    def token_ids(self, inputs: Floats) -> list[Ints]:
        """(instance, column) -> the ids of each row, with what stands before every text."""
        before = np.asarray(self.module.start.before, dtype=np.int64)
        return [np.concatenate([before, row[~np.isnan(row)].astype(np.int64)]) for row in inputs]


def new_language_start(
    facts: Mapping[str, object], name: str, schema: Schema, order: Sequence[int]
) -> PretrainedStart:
    """A DeepSeek-V3 of these sizes, drawn anew, over the tokens of the texts.

    facts : of its configuration. order : for each class its token.
    """
    from transformers import AutoConfig, AutoModelForCausalLM

    config = AutoConfig.for_model(
        "deepseek_v3",
        **facts,
        vocab_size=len(schema.vocabulary),
        max_position_embeddings=4 * len(schema.features) + 64,
        tie_word_embeddings=False,
        use_cache=False,
    )
    net = AutoModelForCausalLM.from_config(config, attn_implementation="eager")
    return PretrainedStart(net=net, name=name, order=order, continues=True)


def language_start(
    checkpoint: str, revision: str, schema: Schema, order: Sequence[int]
) -> PretrainedStart:
    """The causal language model of a folder, which is not trained.

    Raises ConfigError : it cannot be used, or the texts are not in its tokens.
    """
    folder = locate(checkpoint, revision)
    tokenizer = load_tokenizer(folder)
    check_vocabulary(schema, tokens_of(tokenizer), checkpoint)
    before, _ = around(tokenizer)
    check_length(folder, len(schema.features) + len(before))
    return PretrainedStart(
        net=_loaded(folder),
        name=checkpoint,
        before=before,
        order=order,
        continues=True,
        trained=frozenset(),
        digest=digest(folder),
    )


def _loaded(folder: Path) -> PreTrainedModel:
    """The network in float32, all of whose weights are in the folder."""
    from transformers import AutoModelForCausalLM

    net, missing = loaded_net(AutoModelForCausalLM, folder, "causal language model")
    if missing:
        raise ConfigError(
            f"checkpoint {folder} lacks weights of its language model, {min(missing)} first; take "
            "a folder that save_pretrained wrote of a causal language model"
        )
    _check_head(net.eval(), folder)
    return net


def _check_head(net: PreTrainedModel, folder: Path) -> None:
    """Raise ConfigError where the answer is not what the last layer of the net alone makes of it.

    (Some families scale or cap the logits behind that layer.)
    """
    ids = torch.arange(3).unsqueeze(0)
    with torch.inference_mode():
        logits = net(input_ids=ids, use_cache=False).logits
        hidden = net.base_model(input_ids=ids, use_cache=False).last_hidden_state
        same = torch.allclose(net.get_output_embeddings()(hidden), logits, rtol=1e-3, atol=1e-3)
    if not same:
        raise ConfigError(
            f"checkpoint {folder}: {type(net).__name__} changes the logits behind its last layer, "
            "which is not read here; use a model of the Llama, Qwen, GPT-2 or DeepSeek families"
        )
