"""Models of transformers: checkpoints, and what of them is trained."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from deepseek_report.artifacts.advice import pip_install
from deepseek_report.artifacts.protocols.classifier import Capability
from deepseek_report.artifacts.protocols.models import Trainer
from deepseek_report.artifacts.schema import ALL_TASKS, Schema
from deepseek_report.artifacts.split import Split
from deepseek_report.artifacts.storage.checkpoint import described, digest, is_here, locate
from deepseek_report.artifacts.storage.checkpoint_files import check_files
from deepseek_report.errors import ConfigError
from deepseek_report.models.shared.loading import ModulePlugin
from deepseek_report.models.transformers.pretrained_settings import PretrainedSettings
from deepseek_report.provenance import version_of

if TYPE_CHECKING:
    from deepseek_report.models.transformers.transformer_module import (
        PretrainedStart,
        TransformerModule,
    )


_TOKENIZERS = ("tokenizer.json", "vocab.txt", "vocab.json", "*.model")


#: What the names of classes of transformers end in, and what a person calls such a model.
_CALLED = {"SequenceClassification": "sequence classifier", "CausalLM": "causal language model"}


def problems_of(
    settings: PretrainedSettings, head: str = "SequenceClassification"
) -> Iterator[str]:
    """Sentences on why a checkpoint cannot be used, in the order in which to mend them.

    head : what the model must be, a key of `_CALLED`.

    Raises ConfigError : there is no such folder, the hub cannot be reached, there is no
    configuration, or the files are not to be loaded.
    """
    folder = locate(str(settings.checkpoint), settings.revision)
    check_files(folder)
    yield from _unknown(folder, described(folder), settings, head)
    if not any(folder.glob("*.safetensors")):
        pickled = any(folder.glob("*.bin")) or any(folder.glob("*.pt"))
        held = "holds its weights as pickles, which can run code" if pickled else "holds no weights"
        yield (
            f"checkpoint {folder} {held}; take one with *.safetensors, or load it where you trust "
            "it and write it with save_pretrained"
        )
    if not any(any(folder.glob(pattern)) for pattern in _TOKENIZERS):
        yield f"checkpoint {folder} has no tokenizer; copy tokenizer.json into the folder"


def _unknown(
    folder: Path, facts: Mapping[str, Any], settings: PretrainedSettings, head: str
) -> Iterator[str]:
    from transformers import CONFIG_MAPPING
    from transformers.models.auto import modeling_auto as auto

    mapping = "CAUSAL_LM" if head == "CausalLM" else "SEQUENCE_CLASSIFICATION"
    known = getattr(auto, f"MODEL_FOR_{mapping}_MAPPING_NAMES")
    kind, called = facts.get("model_type"), _CALLED[head]
    train = "" if head == "CausalLM" else ", or model.pool=mean"
    if kind not in CONFIG_MAPPING:
        own = " and brings code of its own, which is never run" if "auto_map" in facts else ""
        yield f'checkpoint {folder} is of type "{kind}", which transformers does not know{own}'
    elif settings.pool == "model" and kind not in known:
        yield (
            f'checkpoint {folder} is of type "{kind}", for which transformers has no '
            f"{called}; choose another{train}"
        )
    named = facts.get("architectures") or []
    if settings.train == "none" and not any(head in class_name for class_name in named):
        do = (
            "name the folder of one"
            if head == "CausalLM"
            else "train it: model.train=head, lora or full"
        )
        yield f"checkpoint {folder} is no trained {called} ({', '.join(named) or kind}); {do}"


_EXPERTS = ("n_routed_experts", "num_local_experts", "num_experts")
_HEADS = ("num_attention_heads", "n_head", "n_heads", "encoder_attention_heads")


@dataclass(frozen=True, kw_only=True)
class Pretrained(ModulePlugin, PretrainedSettings):
    """A model of transformers from a checkpoint: a folder, or an id of the hub.

    checkpoint, revision : see `storage.checkpoint.locate`. train : "head" keeps the encoder as it
    is and trains what reads it; "lora" trains adapters beside it as well; "full"
    trains everything; "none" only explains. pool : "model" reads as the checkpoint's architecture
    does; "mean" reads the mean of all tokens by a linear layer of ours. lora_rank, lora_alpha,
    lora_dropout : of the adapters.
    """

    modalities = frozenset({"text"})
    tasks = ALL_TASKS
    head: ClassVar[str] = "SequenceClassification"

    @property
    def capabilities(self) -> frozenset[Capability]:
        """Layers and gradients; attention and experts where the configuration has them."""
        facts = self._facts()
        capabilities: set[Capability] = {"module", "gradients"}
        if any(facts.get(key) for key in _HEADS):
            capabilities.add("attention")
        if any((facts.get(key) or 0) > 1 for key in _EXPERTS):
            capabilities.add("experts")
        return frozenset(capabilities)

    @property
    def reads_tokens_of(self) -> str | None:
        """The checkpoint whose tokens the texts must be cut into; None where any will do."""
        return self.checkpoint

    def new_module(self, schema: Schema, train: Split, seed: int) -> TransformerModule:
        """The module; what a checkpoint does not hold is drawn."""
        from deepseek_report.models.transformers.transformer_module import TransformerModule

        module = TransformerModule(self._start(schema), schema, train)
        if self.train == "none":  # its number is in its unit already
            module.readout.centre.zero_()
            module.readout.spread.fill_(1.0)
        return module

    def own_trainer(self) -> Trainer | None:
        """With train "none" one that trains nothing; else the configured one."""
        if self.train != "none":
            return None
        from deepseek_report.models.own.came_trained import KeepWeights

        return KeepWeights()

    def problems(self, trusted: Sequence[str]) -> Sequence[str]:
        """What is wrong with the checkpoint, as far as its small files can tell."""
        del trusted
        if self.checkpoint is None:
            return ["no checkpoint is given; set model.checkpoint to a folder or an id of the hub"]
        problems = []
        if self.train == "lora" and importlib.util.find_spec("peft") is None:
            problems.append(f"model.train=lora needs peft: {pip_install('peft')}")
        try:
            problems.extend(problems_of(self, self.head))
        except ConfigError as error:
            problems.append(str(error))
        return problems

    @property
    def comes_fitted(self) -> bool:
        """Whether the checkpoint is a trained classifier, which is only explained."""
        return self.checkpoint is not None and self.train == "none"

    def misfits(self, schema: Schema, train: Split) -> Sequence[str]:
        """Why the outputs of the checkpoint cannot be matched with the classes."""
        from deepseek_report.models.transformers.checkpoint_net import class_problem

        del train
        if not self.comes_fitted:
            return []
        problem = class_problem(locate(str(self.checkpoint), self.revision), schema.target)
        return [problem] if problem else []

    def source_digest(self) -> str:
        """Hash of the checkpoint's files, and the version of the library of adapters."""
        files = digest(locate(str(self.checkpoint), self.revision)) if self.checkpoint else ""
        return files + (version_of("peft") if self.train == "lora" else "")

    def _start(self, schema: Schema) -> PretrainedStart:
        from deepseek_report.models.transformers.checkpoint_net import start_from

        return start_from(self, self.name, schema)

    def _facts(self) -> Mapping[str, Any]:
        """The checkpoint's configuration, as far as it is on this machine."""
        if self.checkpoint is None or not is_here(self.checkpoint, self.revision):
            return {}
        try:
            return described(locate(self.checkpoint, self.revision, fetch=False))
        except ConfigError:
            return {}


@dataclass(frozen=True, kw_only=True)
class HuggingFace(Pretrained):
    """Any text encoder or classifier of transformers from a folder or the hub; see `Pretrained`."""

    name = "huggingface"
