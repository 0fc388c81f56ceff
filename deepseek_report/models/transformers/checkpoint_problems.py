"""What can be known of a checkpoint before it is loaded."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from deepseek_report.artifacts.storage.checkpoint import described, locate
from deepseek_report.models.transformers.pretrained_settings import PretrainedSettings

_TOKENIZERS = ("tokenizer.json", "vocab.txt", "vocab.json", "*.model")


def problems_of(settings: PretrainedSettings) -> Iterator[str]:
    """Sentences on why a checkpoint cannot be used, in the order in which to mend them.

    Raises
    ------
    ConfigError : there is no such folder, the hub cannot be reached, or there is no configuration.
    """
    folder = locate(str(settings.checkpoint), settings.revision)
    yield from _unknown(folder, described(folder), settings)
    if not any(folder.glob("*.safetensors")):
        pickled = any(folder.glob("*.bin")) or any(folder.glob("*.pt"))
        held = "holds its weights as pickles, which can run code" if pickled else "holds no weights"
        yield (
            f"checkpoint {folder} {held}; take one with *.safetensors, or load it where you trust "
            "it and write it with save_pretrained"
        )
    if not any(any(folder.glob(pattern)) for pattern in _TOKENIZERS):
        yield f"checkpoint {folder} has no tokenizer; copy tokenizer.json into the folder"


def _unknown(folder: Path, facts: dict[str, Any], settings: PretrainedSettings) -> Iterator[str]:
    from transformers import CONFIG_MAPPING
    from transformers.models.auto.modeling_auto import (
        MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES as CLASSIFIERS,
    )

    kind = facts.get("model_type")
    if kind not in CONFIG_MAPPING:
        own = " and brings code of its own, which is never run" if "auto_map" in facts else ""
        yield f'checkpoint {folder} is of type "{kind}", which transformers does not know{own}'
    elif settings.pool == "model" and kind not in CLASSIFIERS:
        yield (
            f'checkpoint {folder} is of type "{kind}", for which transformers has no sequence '
            "classifier; choose another, or model.pool=mean"
        )
    named = facts.get("architectures") or []
    if settings.train == "none" and not any(
        "SequenceClassification" in class_name for class_name in named
    ):
        yield (
            f"checkpoint {folder} is no trained sequence classifier ({', '.join(named) or kind}); "
            "train it: model.train=head, lora or full"
        )
