"""What may be in the folder of a checkpoint, told before a library reads any of it.

The libraries that load a checkpoint open what its JSON names, make room for the sizes that it
states, and follow the rules of its tokenizer. So nothing of it may name a file outside of the
folder, state a size that no model has, or make texts grow without end. `files_of` lists what they
may open; the digest of a checkpoint covers that list.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Collection, Iterator, Mapping
from fnmatch import fnmatch
from functools import lru_cache
from pathlib import Path
from typing import Any

from deepseek_report import children
from deepseek_report.artifacts.storage.memory_bound import parse
from deepseek_report.artifacts.storage.plain_files import entries, open_file, read_bytes
from deepseek_report.errors import ArtifactError, ConfigError

#: What is fetched of a checkpoint and may be opened: configuration, tokenizer, safe weights.
FILES = (
    *("*.json", "*.safetensors", "*.txt", "*.model", "*.jinja"),
    *("*.bpe", "*.codes", "*.tokenizer", "*.tiktoken"),
)
#: The one folder in a checkpoint that is looked into, for `*.jinja`.
_TEMPLATES = "additional_chat_templates"
#: What is read of a checkpoint's JSON; other JSON files are opened only where one of them says so.
_CONFIGS = ("config.json", "generation_config.json")
_VOCABULARIES = ("tokenizer.json", "vocab.json", "added_tokens.json")
_READ = (*_CONFIGS, *_VOCABULARIES, "tokenizer_config.json", "*_map.json", "*.index.json")
#: Keys that choose another file than the one that is checked here.
_CHOICES = ("fast_tokenizer_files", "configuration_files", "gguf_file")

#: The most bytes of a file that holds no weights, and of the head of one that does.
_MOST_BYTES, _MOST_HEAD = 2**27, 2**24
#: The most that a configuration may state: of a size, layers, experts, those of all layers, labels.
_MOST, _MOST_LAYERS, _MOST_EXPERTS, _MOST_PARTS, _MOST_LABELS = 2**25, 1000, 2**14, 2**20, 2**16
#: Ids of tokens; the largest vocabularies have a million.
MOST_TOKENS = 2**21
#: How many times longer the rules of a tokenizer may make a text.
_MOST_GROWTH = 2**14
#: Weights that a configuration may ask for beyond those that are stored, each byte of them.
_ASKED, _FREE = 16, 2**26
_LAYERS = re.compile(r"layer|block|group|stage|depth|repeat|stack")
_NO_LAYERS = re.compile(r"size(?!s)|dim|channel|width|vocab|_per_|proposal")
#: Numbers that make no room: wave lengths of positions, limits of values and of generated texts.
_FREE_NUMBERS = re.compile(r"theta|clipping|_value$|pad_val|limit|max_len|seed|total_|param")
_EXPERTS = ("n_routed_experts", "num_local_experts", "num_experts")
_WIDTHS = ("hidden_size", "d_model", "n_embd", "dim")
_DEPTHS = ("num_hidden_layers", "num_layers", "n_layers", "n_layer")
_INNER = ("intermediate_size", "d_ff", "n_inner", "ffn_dim", "hidden_dim")
#: The bits of a type of safetensors stand in its name, such as `BF16` and `F8_E4M3`.
_TYPE = re.compile(r"[A-Z]+(\d+)(_\w+)?")

#: What loads a tokenizer first, and how long it may take.
_TRIAL, _SECONDS = "deepseek_report.artifacts.storage.tokenizer_trial", 30
_ANEW = "fetch the checkpoint anew, or write it with save_pretrained"


def files_of(folder: Path) -> dict[str, Path]:
    """{name: path} of the files of a checkpoint that may be opened, in the order of their names.

    A link may lead to a file of the folder, or of the cache of the hub that the folder lies in.
    Raises ConfigError: one leads elsewhere, or is no regular file.
    """
    root = folder.resolve()
    homes = {root, root / _TEMPLATES}
    if root.parent.name == "snapshots":
        homes.add(root.parents[1] / "blobs")
    files = {}
    try:
        listed = [e.path for e in entries(folder, links=True) if _matches(e.name, FILES)]
        if os.path.lexists(templates := folder / _TEMPLATES):
            listed += [e.path for e in entries(templates) if e.name.endswith(".jinja")]
    except (ArtifactError, OSError) as error:
        raise ConfigError(f"checkpoint {error}") from None
    for path in sorted(listed):
        target = path.resolve()
        if target.parent not in homes or not target.is_file():
            what = f"a link to {target}" if path.is_symlink() else "no regular file"
            raise ConfigError(
                f"checkpoint {path} is {what}; only files in the folder are read: put the file "
                "itself there"
            )
        files[path.relative_to(folder).as_posix()] = path
    return files


def check_files(folder: Path) -> None:
    """Raise ConfigError where a checkpoint is not to be loaded; each state of it is tried once."""
    files = files_of(folder)
    stats = [path.stat() for path in files.values()]
    stamp = tuple((s.st_size, s.st_mtime_ns, s.st_ino) for s in stats)
    if problem := _problem(tuple(files.items()), stamp):
        raise ConfigError(problem)


def read_object(path: Path) -> dict[str, Any]:
    """The object of a JSON file of a checkpoint, within the bounds of any JSON that is read.

    Raises ConfigError: it is none, too large, or too deep. FileNotFoundError.
    """
    try:
        content = parse(path, read_bytes(path, _MOST_BYTES, links=True))
    except FileNotFoundError:
        raise
    except (ArtifactError, OSError) as error:
        raise ConfigError(f"checkpoint {error}; {_ANEW}") from None
    except ValueError as error:
        raise ConfigError(f"{path} is no JSON ({error}); fetch it anew") from None
    if not isinstance(content, dict):
        raise ConfigError(
            f"{path} holds a {type(content).__name__}, and must hold an object of JSON; {_ANEW}"
        )
    if path.name == "config.json":
        _check_kinds(path, content)
    return content


@lru_cache(maxsize=64)
def _problem(files: tuple[tuple[str, Path], ...], stamp: object) -> str | None:
    del stamp
    try:
        _check(dict(files))
    except ConfigError as error:
        return str(error)
    except (ArtifactError, OSError) as error:
        return f"checkpoint {error}"
    return None


def _check(files: Mapping[str, Path]) -> None:
    if adapter := files.get("adapter_config.json"):
        raise ConfigError(
            f"checkpoint {adapter.parent} has an adapter, whose base is elsewhere; only whole "
            "models are read: join them with merge_and_unload of peft, write the model with "
            "save_pretrained, and give that folder"
        )
    stored = sum(_weights(path) for name, path in files.items() if name.endswith(".safetensors"))
    waiting = [name for name in files if _matches(name, _READ)]
    read: dict[str, dict[str, Any]] = {}
    while waiting:
        name = waiting.pop()
        if name not in read:
            read[name] = read_object(files[name])
            waiting += _named(files[name], read[name], files)
    for name, content in read.items():
        if name in _CONFIGS:
            _check_sizes(files[name], content, stored)
        elif name in _VOCABULARIES or name == "tokenizer_config.json":
            _check_ids(files[name], content)
    if tokenizer := files.get("tokenizer.json"):
        _check_growth(tokenizer, read["tokenizer.json"])
        try:
            children.limited(_TRIAL, str(tokenizer), seconds=_SECONDS)
        except children.NoAnswerError as error:
            raise ConfigError(
                f"checkpoint {tokenizer} is no tokenizer that can be used ({error}); {_ANEW}"
            ) from None


def _matches(name: str, patterns: Collection[str]) -> bool:
    return any(fnmatch(name, pattern) for pattern in patterns)


def _inside(content: Any) -> Iterator[tuple[str, Any]]:
    """(key, value) of all that is in a JSON value; what is in a list has the key of the list."""
    waiting: list[tuple[str, Any]] = [("", content)]
    while waiting:
        key, value = waiting.pop()
        if isinstance(value, dict):
            waiting.extend(value.items())
        elif isinstance(value, list):
            waiting.extend((key, item) for item in value)
        else:
            yield key, value


# --- other files ----------------------------------------------------------------------------------


def _named(path: Path, content: Mapping[str, Any], files: Collection[str]) -> list[str]:
    """The JSON files that a file says are to be read too; refuses names of any other place."""
    if chosen := [key for key in _CHOICES if content.get(key)]:
        raise ConfigError(
            f"checkpoint {path} chooses other files by {chosen[0]}, and only {', '.join(_CONFIGS)} "
            f"and tokenizer.json are read; remove that line"
        )
    if path.name in _VOCABULARIES:  # whose keys are tokens
        return []
    named: dict[Any, str] = {}
    for key, value in _inside({**content, "weight_map": None}):
        if value and key == "transformers_weights":
            named[value] = "*.safetensors*"
        # The last is opened by no loader: old versions left there whose folder it was.
        elif value and key.endswith(("_file", "_files")) and key != "special_tokens_map_file":
            if value not in files and _is_plain(value) and not (path.parent / value).exists():
                continue
            named[value] = "*"
    named |= {value: "*.safetensors" for _, value in _inside(content.get("weight_map"))}
    for name, pattern in named.items():
        if name is not None and not (name in files and fnmatch(name, pattern)):
            raise ConfigError(
                f"checkpoint {path} names the file {str(name)[:200]!r}, and may name files that "
                f"are in its own folder alone ({pattern if pattern != '*' else ', '.join(FILES)}); "
                "put the file there, and write its plain name"
            )
    return [name for name in named if name and name.endswith(".json")]


def _is_plain(name: object) -> bool:
    return isinstance(name, str) and re.fullmatch(r"[\w-][\w.-]*", name) is not None


# --- sizes ----------------------------------------------------------------------------------------


def _refuse(path: Path, key: str, value: object, most: object) -> None:
    shown = str(value)[:80] if type(value) is not int or value < 10**40 else "beyond 10^40"
    raise ConfigError(
        f"checkpoint {path} has {shown} for {key[:80]!r}, and {most} is the most that is read; "
        f"{_ANEW}"
    )


def _check_kinds(path: Path, facts: Mapping[str, Any]) -> None:
    """Refuse a configuration in which what this package reads is of another kind."""
    names, labels = facts.get("architectures") or [], facts.get("id2label") or {}
    wrong = {
        "model_type": isinstance(facts.get("model_type"), str | None),
        "architectures": isinstance(names, list) and all(isinstance(name, str) for name in names),
        "id2label": isinstance(labels, dict)
        and all(re.fullmatch("[0-9]{1,9}", key) and int(key) < len(labels) for key in labels),
        **{key: isinstance(facts.get(key) or 0, int) for key in _EXPERTS},
    }
    if bad := [key for key, right in wrong.items() if not right]:
        raise ConfigError(
            f"checkpoint {path} holds in {bad[0]!r} what no configuration holds there; {_ANEW}"
        )


def _check_sizes(path: Path, facts: Mapping[str, Any], stored: int) -> None:
    """Refuse sizes that no model has."""
    layers = experts = 1.0
    for key, value in _inside(facts):
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not number or _FREE_NUMBERS.search(key):
            continue
        most = _MOST_LABELS if key == "num_labels" else _MOST
        if _LAYERS.search(key) and not _NO_LAYERS.search(key):
            most, layers = _MOST_LAYERS, max(layers, value)
        elif key in _EXPERTS:
            most, experts = _MOST_EXPERTS, max(experts, value)
        if value > most:
            _refuse(path, key, value, most)
    if layers * experts > _MOST_PARTS:
        _refuse(path, "layers times experts", layers * experts, _MOST_PARTS)
    for _, value in _inside(facts.get("quantization_config")):
        # They are searched for as patterns, some of which never end.
        if isinstance(value, str) and ("(" in value or sum(map(value.count, "*+{")) > 2):
            _refuse(path, "a name in quantization_config", value, "a plain name")
    if stored:
        _check_whole(path, facts, stored)


def _check_whole(path: Path, facts: Mapping[str, Any], stored: int) -> None:
    """Refuse a configuration of a model that is far larger than the bytes of weights stored."""
    for part in (facts, *(part for part in facts.values() if isinstance(part, dict))):
        width, deep = _first(part, _WIDTHS), _first(part, _DEPTHS)
        weights = width * (_first(part, ("vocab_size",)) + deep * (width + _first(part, _INNER)))
        if weights > (most := _ASKED * stored + _FREE):
            _refuse(
                path, "the number of its weights", weights, f"for {stored} bytes of them {most}"
            )


def _first(facts: Mapping[str, Any], keys: Collection[str]) -> int:
    values = (facts.get(key) for key in keys)
    return next((value for value in values if type(value) is int and value > 0), 0)


def _check_ids(path: Path, content: Mapping[str, Any]) -> None:
    """Refuse ids of tokens that no vocabulary has."""
    if path.name == "tokenizer_config.json":
        listed = content.get("added_tokens_decoder")
        keys = list(listed) if isinstance(listed, dict) else []
        ids = [float(key if re.fullmatch("[0-9]{1,9}", key) else 2**31) for key in keys]
    else:
        parts = {key: part for key, part in content.items() if key not in ("truncation", "version")}
        if isinstance(model := parts.get("model"), dict):
            parts["model"] = {key: part for key, part in model.items() if key != "merges"}
        ids = [value for _, value in _inside(parts) if isinstance(value, (int, float))]
    if max(ids, default=0) >= MOST_TOKENS:
        _refuse(path, "the id of a token", max(ids), MOST_TOKENS - 1)


def _check_growth(path: Path, content: Mapping[str, Any]) -> None:
    """Refuse rules one after another that make a text too long: each may double it, or more."""
    growth, waiting = 1, [content.get("normalizer"), content.get("pre_tokenizer")]
    while waiting:
        step = waiting.pop()
        if isinstance(step, dict):
            growth *= _growth_of(step)
        waiting += step.values() if isinstance(step, dict) else step if type(step) is list else ()
        if growth > _MOST_GROWTH:
            _refuse(path, "the times that its rules lengthen a text", growth, _MOST_GROWTH)


def _growth_of(step: Mapping[str, Any]) -> int:
    pattern, made = step.get("pattern"), len(str(step.get("content", step.get("prepend", ""))))
    if step.get("type") == "Replace":
        text = pattern.get("String") if isinstance(pattern, dict) else None
        return max(1, -(-made // len(text))) if text and isinstance(text, str) else 1 + made
    if step.get("type") == "Prepend":
        return 1 + made
    return 1 if step.get("type", "Sequence") == "Sequence" else 2


# --- weights --------------------------------------------------------------------------------------


def _weights(path: Path) -> int:
    """Bytes of the tensors of a safetensors file, of which its head tells; refuses any other head.

    Format: 8 bytes of the head's length, the head in JSON, then all tensors without a gap.
    """
    with open_file(path, links=True) as stream:
        size = os.fstat(stream.fileno()).st_size
        length = int.from_bytes(stream.read(8), "little")
        if not 2 <= length <= min(size - 8, _MOST_HEAD):
            _refuse(path, "the length of its head", length, f"{min(size, _MOST_HEAD)} bytes")
        content = stream.read(length)
    try:
        head = parse(path, content)
        end = _end_of({name: tensor for name, tensor in head.items() if name != "__metadata__"})
    except ArtifactError:
        raise
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
        reason = str(error) if isinstance(error, ValueError) else type(error).__name__
        raise ConfigError(
            f"checkpoint {path} has a damaged head of its weights ({reason[:200]}); {_ANEW}"
        ) from None
    if end != size - 8 - length:
        raise ConfigError(
            f"checkpoint {path} holds {size - 8 - length} bytes of weights, and its head tells of "
            f"{end}; {_ANEW}"
        )
    return end


def _end_of(tensors: Mapping[str, Any]) -> int:
    end = 0
    for name, tensor in sorted(tensors.items(), key=lambda item: item[1]["data_offsets"]):
        start, stop = tensor["data_offsets"]
        kind, shape = tensor["dtype"], tensor["shape"]
        known = _TYPE.fullmatch(kind)
        bits = 8 if kind == "BOOL" else int(known[1]) if known else 0
        if not bits or not all(type(length) is int and length >= 0 for length in (start, *shape)):
            raise ValueError(f"{name[:80]} is of no type and shape that there is")
        if start != end or (stop - start) * 8 != math.prod(shape) * bits:
            raise ValueError(f"{name[:80]} does not lie behind the one before it, or overlaps")
        end = stop
    return end
