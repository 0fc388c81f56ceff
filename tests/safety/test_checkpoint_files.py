"""Checkpoints that were made to harm, or to be another than their digest says: each is refused.

The libraries that load a checkpoint open what its JSON names, make room for what it states and
follow the rules of its tokenizer. All is met at `check`, before anything is trained.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from deepseek_report.artifacts.storage import checkpoint, checkpoint_files
from deepseek_report.artifacts.storage.checkpoint import described, digest, load_tokenizer
from deepseek_report.datasets.readers.tokenizing import tokenizer_digest, tokenizer_problem
from deepseek_report.errors import ConfigError
from deepseek_report.models.transformers.pretrained import HuggingFace

CausalLanguageModel: Any = pytest.importorskip(
    "deepseek_report.extensions.language_models.language_model"
).CausalLanguageModel
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good", "bad"]


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A language model in two shards, with a tokenizer, templates and a generation config."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("sound")
    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2}
    heads = {"num_attention_heads": 2, "num_key_value_heads": 1}
    net = LlamaForCausalLM(LlamaConfig(**sizes, **heads, vocab_size=len(WORDS)))
    net.save_pretrained(folder, max_shard_size="10KB")
    made = Tokenizer(models.WordLevel({word: at for at, word in enumerate(WORDS)}, "[UNK]"))
    made.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    fast = PreTrainedTokenizerFast(tokenizer_object=made, unk_token=WORDS[1])
    fast.chat_template = {"default": "{{ messages }}", "other": "{{ tools }}"}
    fast.save_pretrained(folder)
    assert (folder / "additional_chat_templates" / "other.jinja").is_file()
    assert len(list(folder.glob("*.safetensors"))) > 1
    return folder


@pytest.fixture
def folder(sound: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(sound, tmp_path / "checkpoint"))


def problems_of(folder: Path) -> list[str]:
    return list(CausalLanguageModel(checkpoint=str(folder)).problems(()))


def put(folder: Path, file: str, **changes: Any) -> None:
    path = folder / file
    held = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps({**held, **changes}))


def refused(folder: Path, words: str) -> str:
    """The problem that `check` tells of a folder: the same for model and texts, in both loaders."""
    (problem,) = problems_of(folder)
    assert words in problem, problem
    assert str(folder) in problem
    assert problem in str(tokenizer_problem(str(folder)))
    with pytest.raises(ConfigError, match=re.escape(problem)):
        load_tokenizer(folder)
    return problem


@pytest.mark.usefixtures("started_trials")
def test_a_sound_checkpoint_is_read(folder: Path) -> None:
    assert problems_of(folder) == []
    assert tokenizer_problem(str(folder)) is None


# --- what is loaded is what was hashed ------------------------------------------------------------


def moved(folder: Path, to: str) -> None:
    """Let the index name the first shard at another place, where it is."""
    index = json.loads((folder / "model.safetensors.index.json").read_text())
    shard = min(index["weight_map"].values())
    target = folder / to
    target.parent.mkdir(parents=True, exist_ok=True)
    (folder / shard).rename(target)
    for name, held in index["weight_map"].items():
        index["weight_map"][name] = to if held == shard else held
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


@pytest.mark.parametrize("to", ["../elsewhere/a.safetensors", "inner/a.safetensors", "a.bin"])
def test_an_index_that_names_weights_beyond_the_folder_is_refused(folder: Path, to: str) -> None:
    moved(folder, to)
    refused(folder, "may name files that are in its own folder alone (*.safetensors)")


def test_an_index_that_names_weights_by_a_whole_path_is_refused(
    folder: Path, tmp_path: Path
) -> None:
    moved(folder, str(tmp_path / "a.safetensors"))
    refused(folder, "in its own folder alone")


def test_an_adapter_whose_base_is_elsewhere_is_refused(folder: Path, tmp_path: Path) -> None:
    put(folder, "adapter_config.json", base_model_name_or_path="../base", target_modules="(a|a)*b")
    refused(folder, "merge_and_unload")
    (folder / "config.json").unlink()  # then the base would be loaded instead
    (tmp_path / "new").mkdir()
    refused(Path(folder.rename(tmp_path / "new" / "name")), "merge_and_unload")


NAMED: dict[str, tuple[str, dict[str, Any]]] = {
    "weights": ("config.json", {"transformers_weights": "inner/model.safetensors"}),
    "pickled weights": ("config.json", {"transformers_weights": "adapter_model.bin"}),
    "merges": ("tokenizer_config.json", {"merges_file": "/etc/passwd"}),
    "words": ("tokenizer_config.json", {"vocab_file": "../vocab.txt"}),
    "words in the head of the folder": ("config.json", {"text_config": {"vocab_file": ".hidden"}}),
    "another tokenizer": ("tokenizer_config.json", {"fast_tokenizer_files": ["tokenizer.4.json"]}),
    "another configuration": ("config.json", {"configuration_files": ["config.4.0.0.json"]}),
    "another format": ("tokenizer_config.json", {"gguf_file": "../a.gguf"}),
}


@pytest.mark.parametrize(("file", "changes"), NAMED.values(), ids=NAMED)
def test_a_file_that_names_another_file_to_be_read_is_refused(
    folder: Path, file: str, changes: dict[str, Any]
) -> None:
    put(folder, file, **changes)
    refused(folder, file)


def test_a_name_of_a_file_that_is_there_is_read_and_checked(folder: Path) -> None:
    put(folder, "own.json", token=7)
    put(folder, "tokenizer_config.json", vocab_file="own.json", merges_file="merges.txt")
    assert problems_of(folder) == []
    (folder / "own.json").write_text("[" * 200_000)
    refused(folder, "own.json: nested too deeply")


def test_links_are_read_within_the_folder_and_the_cache_of_the_hub_alone(
    folder: Path, tmp_path: Path
) -> None:
    blobs, snapshot = tmp_path / "models--a--b" / "blobs", tmp_path / "models--a--b/snapshots/1f"
    for place in (blobs, snapshot):
        place.mkdir(parents=True)
    for number, path in enumerate(sorted(path for path in folder.iterdir() if path.is_file())):
        shutil.copy(path, blobs / str(number))
        (snapshot / path.name).symlink_to(f"../../blobs/{number}")
    assert problems_of(snapshot) == []
    before = digest(snapshot)
    (snapshot / "config.json").write_text(json.dumps({**described(snapshot), "pad": 1}))
    assert digest(snapshot) != before
    outside = Path(shutil.copy(folder / "tokenizer.json", tmp_path / "tokenizer.json"))
    (folder / "tokenizer.json").unlink()
    (folder / "tokenizer.json").symlink_to(outside)
    refused(folder, "is a link to")
    with pytest.raises(ConfigError, match="is a link to"):
        digest(folder)


def test_a_pipe_in_a_checkpoint_is_not_waited_for(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()
    os.mkfifo(folder / "tokenizer.json")
    refused(folder, "is no regular file")


@pytest.mark.parametrize("file", ["additional_chat_templates/other.jinja", "merges.bpe"])
def test_a_file_that_a_loader_may_open_counts_in_the_digest(folder: Path, file: str) -> None:
    before = digest(folder)
    (folder / file).write_text("changed")
    assert digest(folder) != before


def test_the_tokenizer_of_a_hub_id_is_known_by_its_files(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint, "locate", lambda *_, **__: folder)
    before = tokenizer_digest("some/model")
    put(folder, "tokenizer_config.json", unk_token=WORDS[0])
    assert tokenizer_digest("some/model") != before


def test_all_names_that_tokenizers_of_transformers_open_are_hashed() -> None:
    import transformers

    above = Path(transformers.__file__).parent
    names = {
        name
        for path in above.rglob("tokenization*.py")
        for name in re.findall(r'"\w+_file": "([^"{}]+)"', path.read_text(encoding="utf-8"))
    }
    assert len(names) > 20
    assert {
        name for name in names if not checkpoint_files._matches(name, checkpoint_files.FILES)
    } == set()


#: Loads all of a checkpoint, and tells what is opened: by Python, by a hook, and by libraries in
#: C++ and Rust, as the system tells of folders that are watched (inotify).
WATCHED = """
import ctypes, json, os, struct, sys
from pathlib import Path

folder, outside = map(Path, sys.argv[1:])
from deepseek_report.artifacts.storage.checkpoint import load_tokenizer
from deepseek_report.models.transformers.checkpoint_net import loaded_net
import tokenizers, transformers
from transformers import AutoModelForCausalLM

transformers.LlamaForCausalLM, transformers.PreTrainedTokenizerFast  # their modules are no data
libc = ctypes.CDLL(None)
queue = libc.inotify_init1(os.O_NONBLOCK)
places = [folder, folder / "additional_chat_templates", outside]
watched = {libc.inotify_add_watch(queue, bytes(place), 0x20): place for place in places}
assert -1 not in watched
by_python = set()
sys.addaudithook(lambda event, args: by_python.add(str(args[0])) if event == "open" else None)

tokenizer = load_tokenizer(folder)
tokenizer("good bad")
net, missing = loaded_net(AutoModelForCausalLM, folder, "language model")
assert not missing

seen, told = set(), b""
while True:
    try:
        told += os.read(queue, 2**16)
    except BlockingIOError:
        break
while told:
    number, mask, _, length = struct.unpack("iIII", told[:16])
    name = told[16 : 16 + length].rstrip(bytes(1)).decode()
    told = told[16 + length :]
    if name and not mask & 0x40000000:  # no folder
        seen.add(str(watched[number] / name))
print(json.dumps([sorted(seen), sorted(by_python)]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what is opened in a folder")
def test_every_file_that_is_opened_is_in_the_folder_and_hashed(
    folder: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    for name in ("special_tokens_map.json", "vocab.json", "chat_template.jinja"):
        (outside / name).write_text("{}")
    put(folder, "tokenizer_config.json", special_tokens_map_file=f"{outside}/vocab.json")
    put(folder, "tokenizer_config.json", name_or_path=str(outside))
    put(folder, "config.json", _name_or_path=str(outside))
    command = [sys.executable, "-c", WATCHED, str(folder), str(outside)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    by_all, by_python = map(set, json.loads(done.stdout.splitlines()[-1]))
    hashed = {str(path) for path in checkpoint_files.files_of(folder).values()}
    shards = {str(path) for path in folder.glob("*.safetensors")}
    assert shards | {str(folder / "tokenizer.json"), str(folder / "config.json")} <= by_all
    assert str(folder / "additional_chat_templates" / "other.jinja") in by_all
    assert by_all - hashed == set()
    installed = (sys.prefix, sys.base_prefix, "/proc", "/sys", "/dev", "/usr", "/etc")
    here = (str(Path(checkpoint_files.__file__).parents[2]), *map(os.path.realpath, installed))
    others = {path for path in by_python - hashed if not path.startswith((*installed, *here))}
    assert {path for path in others if not path.isdecimal()} == set()  # pipes have numbers


# --- bounds ---------------------------------------------------------------------------------------

STATED: dict[str, tuple[str, dict[str, Any]]] = {
    "endless layers": ("config.json", {"num_hidden_layers": 10**9}),
    "layers of another name": ("config.json", {"encoder_layers": 1001}),
    "endless words": ("config.json", {"vocab_size": 2**31}),
    "width of nothing": ("config.json", {"hidden_size": 2**40}),
    "width inside": ("config.json", {"text_config": {"hidden_size": 2**40}}),
    "endless heads": ("config.json", {"num_key_value_heads": 10**9}),
    "number beyond all": ("config.json", {"hidden_size": 1e300}),
    "endless experts": ("config.json", {"num_experts": 10**6}),
    "experts of all layers": ("config.json", {"num_experts": 2**14, "num_hidden_layers": 500}),
    "endless labels": ("config.json", {"num_labels": 10**7}),
    "far more weights than are stored": ("config.json", {"vocab_size": 2**24}),
    "pattern": ("config.json", {"quantization_config": {"modules_to_not_convert": ["(a|a)*b"]}}),
    "added token": ("added_tokens.json", {"[NEW]": 2**31}),
    "token": ("vocab.json", {"num_layers": 2**31}),
    "decoded token": ("tokenizer_config.json", {"added_tokens_decoder": {str(2**31): {}}}),
    "type of nothing": ("config.json", {"model_type": []}),
    "names that are none": ("config.json", {"architectures": 5}),
    "labels in a list": ("config.json", {"id2label": ["a"]}),
    "labels beyond all": ("config.json", {"id2label": {"0": "a", "99": "b"}}),
    "experts in words": ("config.json", {"num_experts": "many"}),
}


@pytest.mark.parametrize(("file", "changes"), STATED.values(), ids=STATED)
def test_a_size_or_kind_that_no_model_has_is_refused(
    folder: Path, file: str, changes: dict[str, Any]
) -> None:
    put(folder, file, **changes)
    problem = refused(folder, file)
    assert problem.endswith("fetch the checkpoint anew, or write it with save_pretrained")


@pytest.mark.parametrize(
    "text", ["[]", "5", '{"a":' * 200_000, "{", "", '{"a": ' + "9" * 5000 + "}"]
)
@pytest.mark.parametrize("file", ["config.json", "tokenizer.json", "tokenizer_config.json"])
def test_json_that_is_no_object_is_refused_in_a_sentence(
    folder: Path, file: str, text: str
) -> None:
    (folder / file).write_text(text)
    problem = refused(folder, file)
    assert "must hold an object" in problem or "is no JSON" in problem or "too deeply" in problem
    assert HuggingFace(checkpoint=str(folder)).capabilities >= {"module"}


def test_token_ids_of_a_tokenizer_are_bounded(folder: Path) -> None:
    (token,) = json.loads((folder / "tokenizer.json").read_text())["added_tokens"][:1] or [{}]
    put(folder, "tokenizer.json", added_tokens=[{**token, "content": "[NEW]", "id": 2**31}])
    refused(folder, "the id of a token")


def replacing(n: int) -> dict[str, Any]:
    """Rules that each double a text."""
    rule = {"type": "Replace", "pattern": {"String": "a"}, "content": "aa"}
    return {"type": "Sequence", "normalizers": [rule] * n}


def test_chained_rules_that_lengthen_a_text_are_refused(folder: Path) -> None:
    put(folder, "tokenizer.json", normalizer=replacing(40))
    refused(folder, "lengthen a text")
    put(folder, "tokenizer.json", normalizer=replacing(3))
    assert problems_of(folder) == []
    level = {
        "type": "ByteLevel",
        "add_prefix_space": False,
        "trim_offsets": True,
        "use_regex": False,
    }
    cut = {"type": "Sequence", "pretokenizers": [level] * 40}
    put(folder, "tokenizer.json", normalizer=None, pre_tokenizer=cut)
    refused(folder, "lengthen a text")


def test_a_tokenizer_that_ends_or_stops_its_process_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(folder, "tokenizer.json", normalizer={"type": "Nothing"})
    refused(folder, "is no tokenizer that can be used")
    long = {"type": "Replace", "pattern": {"Regex": "a"}, "content": "b" * 16_000}
    monkeypatch.setattr(checkpoint_files, "_MOST_GROWTH", 2**60)
    put(
        folder,
        "tokenizer.json",
        normalizer={
            "type": "Sequence",
            "normalizers": [
                long,
                {**long, "pattern": {"Regex": "b"}},
                {**long, "pattern": {"Regex": "b"}},
            ],
        },
    )
    refused(folder, "is no tokenizer that can be used")


def head(content: bytes, weights: int = 8, length: int | None = None) -> bytes:
    return (
        (len(content) if length is None else length).to_bytes(8, "little")
        + content
        + bytes(weights)
    )


def tensor(**changes: Any) -> bytes:
    return json.dumps(
        {"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8], **changes}}
    ).encode()


HEADS: dict[str, bytes] = {
    "nothing": b"",
    "length beyond the file": head(tensor(), length=2**20),
    "length beyond all": head(tensor(), length=2**63),
    "no JSON": head(b"{{{{"),
    "no object": head(b"[1]"),
    "deep": head(b'{"a":' * 200_000),
    "weights beyond the file": head(tensor(data_offsets=[0, 2**40], shape=[2**38])),
    "weights before the file": head(tensor(data_offsets=[-8, 0])),
    "a gap": head(tensor(data_offsets=[4, 8], shape=[1])),
    "more than the head tells": head(tensor(), 800),
    "shape and bytes at odds": head(tensor(shape=[2**40])),
    "negative lengths": head(tensor(shape=[-1, -2])),
    "type that is none": head(tensor(dtype="X")),
    "places that are none": head(tensor(data_offsets="ab")),
    "number for a tensor": head(b'{"a": 5}'),
}


@pytest.mark.parametrize("content", HEADS.values(), ids=HEADS)
def test_a_damaged_head_of_weights_is_met_at_check(folder: Path, content: bytes) -> None:
    shard = min(folder.glob("*.safetensors"))
    shard.write_bytes(content)
    refused(folder, shard.name)


def test_heads_of_all_types_are_read(folder: Path) -> None:
    import torch
    from safetensors.torch import save_file

    names = ("bool", "uint8", "int64", "float8_e4m3fn", "bfloat16", "float64", "complex64")
    save_file(
        {name: torch.zeros(3, 2).to(getattr(torch, name)) for name in names}
        | {"e": torch.zeros(0)},
        folder / "extra.safetensors",
        {"format": "pt"},
    )
    assert problems_of(folder) == []


def test_a_large_file_that_is_read_whole_is_refused(folder: Path) -> None:
    os.truncate(folder / "tokenizer.json", 2**28)
    refused(folder, "MiB")


def test_each_state_of_a_checkpoint_is_tried_once(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limited: Callable[..., bytes] = checkpoint_files.children.limited
    tried: list[str] = []
    monkeypatch.setattr(
        checkpoint_files.children,
        "limited",
        lambda *words, **options: [tried.append(words[1]), limited(*words, **options)][1],
    )
    for _ in range(3):
        checkpoint_files.check_files(folder)
    assert len(tried) == 1
    put(folder, "tokenizer.json", normalizer=None)
    checkpoint_files.check_files(folder)
    assert len(tried) == 2


def test_check_names_a_hostile_checkpoint(folder: Path) -> None:
    from deepseek_report.config.compose import compose
    from deepseek_report.config.validate import validate

    put(folder, "config.json", num_hidden_layers=10**9)
    chosen = ["dataset=tweets", "model=huggingface", f"model.checkpoint={folder}"]
    with pytest.raises(ConfigError, match="1000 is the most that is read"):
        validate(compose([*chosen, "dataset.tokenizer=${model.checkpoint}"]))
