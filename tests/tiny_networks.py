"""Networks of transformers that are small enough for a test, with weights that are drawn."""

from __future__ import annotations

from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM

_SIZES = {
    "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2,
    "num_key_value_heads": 2, "max_position_embeddings": 64,
}  # fmt: skip
_DEEPSEEK = {
    "moe_intermediate_size": 8, "n_shared_experts": 1, "n_routed_experts": 4,
    "num_experts_per_tok": 2, "n_group": 1, "topk_group": 1, "first_k_dense_replace": 1,
    "kv_lora_rank": 8, "q_lora_rank": None, "qk_rope_head_dim": 4, "qk_nope_head_dim": 4,
    "v_head_dim": 4, "pad_token_id": 0,
}  # fmt: skip


def tiny_network(family: str, tokens: int, seed: int = 0, **sizes: Any) -> Any:
    """A causal language model of so many tokens; sizes : in the words of its configuration."""
    own = {**_SIZES, **(_DEEPSEEK if family.startswith("deepseek") else {}), **sizes}
    config = AutoConfig.for_model(family, vocab_size=tokens, **own)
    torch.manual_seed(seed)
    return AutoModelForCausalLM.from_config(config, attn_implementation="eager").eval()
