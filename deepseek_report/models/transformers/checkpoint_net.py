"""A checkpoint of transformers as the network that a `TransformerModule` starts with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from deepseek_report.artifacts.schema import Schema, Target
from deepseek_report.artifacts.storage.checkpoint import (
    around,
    described,
    digest,
    load_tokenizer,
    locate,
    quiet,
    tokens_of,
)
from deepseek_report.artifacts.storage.checkpoint_files import check_files
from deepseek_report.errors import ConfigError, first_line
from deepseek_report.models.transformers.pretrained_settings import PretrainedSettings
from deepseek_report.models.transformers.transformer_module import PretrainedStart
from deepseek_report.tasks import task_of

if TYPE_CHECKING:
    from transformers import PreTrainedModel
    from transformers.models.auto.auto_factory import _BaseAutoModelClass


def add_adapters(
    net: PreTrainedModel, settings: PretrainedSettings, head: frozenset[str]
) -> frozenset[str]:
    """Put adapters beside all linear layers but those of the head, in place.

    `y = W x + (α / r) · B A x` with A (r, in) and B (out, r), B starting at 0, so that the network
    first does what it did before.

    head : names of parameters that are trained whole, so need no adapter.
    Returns names of the adapters' parameters.

    Reference: Hu et al. 2022, LoRA, doi 10.48550/arXiv.2106.09685.
    """
    from peft import LoraConfig, inject_adapter_in_model
    from torch import nn

    kept = {name.rpartition(".")[0] for name in head}
    linear = [
        path
        for path, part in net.named_modules()
        if isinstance(part, nn.Linear) and path not in kept
    ]
    config = LoraConfig(
        r=settings.lora_rank,
        lora_alpha=settings.lora_alpha,
        lora_dropout=settings.lora_dropout,
        target_modules=linear,
    )
    inject_adapter_in_model(config, net)
    return frozenset(name for name, _ in net.named_parameters() if ".lora_" in name)


def start_from(settings: PretrainedSettings, name: str, schema: Schema) -> PretrainedStart:
    """Load the checkpoint, and prepare what of it is trained.

    Raises ConfigError : the checkpoint cannot be used, or the texts are not in its tokens.
    """
    folder = locate(str(settings.checkpoint), settings.revision)
    tokenizer = load_tokenizer(folder)
    check_vocabulary(schema, tokens_of(tokenizer), str(settings.checkpoint))
    before, after = around(tokenizer)
    check_length(folder, len(schema.features) + len(before) + len(after))
    net, fresh = _load(folder, settings, schema)
    order = None if settings.pool == "mean" or fresh else class_order(folder, schema.target)
    trained = _trained(net, settings, fresh)
    return PretrainedStart(
        net=net,
        name=name,
        before=before,
        after=after,
        mean=settings.pool == "mean",
        trained=trained,
        order=order,
        digest=digest(folder),
    )


def check_vocabulary(schema: Schema, tokens: tuple[str, ...], checkpoint: str) -> None:
    """Raise ConfigError where the columns are not ids of the checkpoint's own tokens."""
    if schema.vocabulary != tokens:
        raise ConfigError(
            f"the texts have a vocabulary of {len(schema.vocabulary)} tokens that is not the "
            f"{len(tokens)} tokens of checkpoint {checkpoint}; set "
            "dataset.tokenizer=${model.checkpoint}, so that the texts are cut into its tokens"
        )


def check_length(folder: Path, units: int) -> None:
    """Raise ConfigError where a text has more places than the checkpoint has positions."""
    most = described(folder).get("max_position_embeddings")
    if isinstance(most, int) and units > most:
        raise ConfigError(
            f"a text takes {units} places with the tokens around it, and checkpoint {folder} has "
            f"positions for {most}; cut the texts of the data set shorter"
        )


def _load(
    folder: Path, settings: PretrainedSettings, schema: Schema
) -> tuple[PreTrainedModel, frozenset[str]]:
    """The network in float32, and names of its parameters that the checkpoint does not have."""
    from transformers import AutoModel, AutoModelForSequenceClassification

    mean = settings.pool == "mean"
    auto = AutoModel if mean else AutoModelForSequenceClassification
    n_outputs = task_of(schema.target).n_outputs(schema.target)
    options: dict[str, object] = {} if mean else {"num_labels": n_outputs}
    if not mean and settings.train != "none":
        options["ignore_mismatched_sizes"] = True
    net, fresh = loaded_net(auto, folder, f"classifier of {n_outputs} outputs", **options)
    if settings.train == "none" and fresh:
        raise ConfigError(
            f"checkpoint {folder} has no trained {min(fresh)}, so it decides by chance; "
            "train it: model.train=head, lora or full"
        )
    return net, fresh


def loaded_net(
    auto: type[_BaseAutoModelClass], folder: Path, kind: str, **options: object
) -> tuple[PreTrainedModel, frozenset[str]]:
    """The network of a folder in float32, and names of its parameters that the folder lacks.

    Weights are read as safetensors alone, from this machine alone, and no code of the folder runs.
    auto : the class of transformers that chooses the network. kind : what it is to be, for the
    error. options : further ones of `from_pretrained`.

    Raises ConfigError : it cannot be loaded as that.
    """
    import torch

    check_files(folder)
    try:
        with quiet():
            net, loading = auto.from_pretrained(
                folder,
                **options,
                attn_implementation="eager",
                dtype=torch.float32,
                use_safetensors=True,
                local_files_only=True,
                trust_remote_code=False,
                output_loading_info=True,
            )
    except Exception as error:  # what transformers makes of strange files is of any class
        text = first_line(error)
        raise ConfigError(f"checkpoint {folder} cannot be loaded as a {kind}: {text}") from None
    lost = {key if isinstance(key, str) else key[0] for key in loading["mismatched_keys"]}
    return net, frozenset(loading["missing_keys"]) | lost


def class_order(folder: Path, target: Target) -> list[int] | None:
    """For each class the output that is the same one, or None where the checkpoint does not tell.

    It names all as the report does, or as the label column does; or it numbers them, as the label
    column does too.
    """
    names = described(folder).get("id2label") or {}
    known = {str(label).casefold(): int(position) for position, label in names.items()}
    if task_of(target).several:
        return _same(known, target.labels)
    numbers = {name.removeprefix("label_"): position for name, position in known.items()}
    orders = (
        _same(known, target.classes),
        _same(known, target.codes),
        _same(numbers, target.codes),
    )
    return next((order for order in orders if order is not None), None)


def _same(known: Mapping[str, int], names: Sequence[str]) -> list[int] | None:
    wanted = [name.casefold() for name in names]
    return [known[name] for name in wanted] if wanted and set(wanted) == set(known) else None


def class_problem(folder: Path, target: Target) -> str | None:
    """Why nobody can say which output of a trained classifier is which class."""
    task = task_of(target)
    if not task.decides or task.several or class_order(folder, target) is not None:
        return None
    theirs = list((described(folder).get("id2label") or {}).values())
    return (
        f"checkpoint {folder} calls its outputs {', '.join(map(str, theirs)) or 'nothing'}, and "
        f"the label column “{target.name}” holds {', '.join(target.codes or target.classes)}; "
        "their order does not say which is which. Write the classes of the label column in "
        "id2label of its config.json"
    )


def _trained(
    net: PreTrainedModel, settings: PretrainedSettings, fresh: frozenset[str]
) -> frozenset[str] | None:
    """Names of what training may change; None is everything."""
    if settings.train == "full":
        return None
    if settings.train == "none":
        return frozenset()
    head = _head(net, fresh) if settings.pool == "model" else frozenset()
    if settings.train == "head":
        return head
    return head | add_adapters(net, settings, head)


def _head(net: PreTrainedModel, fresh: frozenset[str]) -> frozenset[str]:
    """Parameters outside of the encoder, and those that the checkpoint does not have."""
    inside = {id(parameter) for parameter in net.base_model.parameters()}
    outside = {name for name, parameter in net.named_parameters() if id(parameter) not in inside}
    return frozenset(outside) | fresh
