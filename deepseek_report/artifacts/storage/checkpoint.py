"""Checkpoints of transformers: where their files are, what they say of themselves, their tokens.

A checkpoint is a folder, or an id of the Hugging Face hub ("org/name") whose files are in the cache
of this machine or can be fetched. Nothing of a checkpoint is ever run: no code, no pickles.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepseek_report.artifacts.storage.checkpoint_files import (
    FILES,
    MOST_TOKENS,
    check_files,
    files_of,
    read_object,
)
from deepseek_report.artifacts.storage.plain_files import sha256_file
from deepseek_report.errors import ConfigError, first_line

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")


def locate(name: str, revision: str = "main", *, fetch: bool = True) -> Path:
    """The folder that holds a checkpoint's files.

    Parameters
    ----------
    name : a folder, or an id of the hub. revision : branch, tag or commit of the hub.
    fetch : whether files that are not on this machine may be fetched.

    Raises ConfigError: there is no such folder, or the files are not here and cannot be fetched.
    """
    folder = Path(name).expanduser()
    if folder.is_dir():
        return folder
    if not _HUB_ID.fullmatch(name) or folder.exists():
        raise ConfigError(
            f'checkpoint "{name}" is no folder; give the folder that holds config.json, or an id '
            'of the hub such as "org/name"'
        )
    return _from_hub(name, revision, fetch)


def is_here(name: str, revision: str = "main") -> bool:
    """Whether a checkpoint's files are on this machine."""
    try:
        locate(name, revision, fetch=False)
    except ConfigError:
        return False
    return True


def described(folder: Path) -> dict[str, Any]:
    """The content of `config.json`; raises ConfigError: the file is missing, or is none."""
    try:
        return read_object(folder / "config.json")
    except FileNotFoundError:
        raise ConfigError(
            f"{folder} has no config.json; give the folder that save_pretrained wrote"
        ) from None


def digest(folder: Path) -> str:
    """SHA-256 over the names and contents of the files that decide what a checkpoint does.

    Raises ConfigError: see `files_of`.
    """
    whole = hashlib.sha256()
    for name, file in files_of(folder).items():
        stat = file.stat()
        whole.update(f"{name}:{_hash_of(file, stat.st_size, stat.st_mtime_ns)}\n".encode())
    return whole.hexdigest()


def load_tokenizer(folder: Path) -> PreTrainedTokenizerBase:
    """The tokenizer of a checkpoint; `tokenizer.json` is taken as it is, where there is one.

    (The classes that transformers has for single families may add tokens to it or drop some.)

    Raises ConfigError: the folder holds none that can be used without running its code, or see
    `check_files`.
    """
    from transformers import AutoTokenizer, PreTrainedTokenizerFast

    check_files(folder)
    cls = PreTrainedTokenizerFast if (folder / "tokenizer.json").is_file() else AutoTokenizer
    try:
        with quiet():
            return cls.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:  # what transformers makes of strange files is of any class
        raise ConfigError(
            f"{folder}: its tokenizer cannot be used ({first_line(error)}); give a folder that "
            "holds tokenizer.json"
        ) from None


def tokens_of(tokenizer: PreTrainedTokenizerBase) -> tuple[str, ...]:
    """All tokens in the order of their ids, so that a position is an id; gaps get a name.

    Raises ConfigError: an id is beyond those of any vocabulary.
    """
    by_id = {position: token for token, position in tokenizer.get_vocab().items()}
    if max(by_id) >= MOST_TOKENS:
        raise ConfigError(
            f"the tokenizer has a token with the id {max(by_id)}, and ids go to {MOST_TOKENS - 1}; "
            "number its tokens anew"
        )
    return tuple(by_id.get(i, f"[id {i}]") for i in range(max(by_id) + 1))


def mask_of(tokenizer: object) -> int:
    """Id of the token that stands for "taken away": the mask, else unknown, else padding.

    Raises ConfigError: the tokenizer has none of them, and no end of text either.
    """
    names = ("mask_token_id", "unk_token_id", "pad_token_id", "eos_token_id")
    ids = [getattr(tokenizer, name, None) for name in names]
    known = [int(token_id) for token_id in ids if token_id is not None]
    if not known:
        raise ConfigError(
            "the tokenizer has no mask, unknown, padding or end token to stand for a word that is "
            "taken away; set one in its tokenizer_config.json"
        )
    return known[0]


def around(tokenizer: PreTrainedTokenizerBase) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Ids that the tokenizer puts before and after every text ([CLS] … [SEP], a begin token)."""
    bare = tokenizer("a", add_special_tokens=False)["input_ids"]
    whole = tokenizer("a", add_special_tokens=True)["input_ids"]
    start = next(
        (i for i in range(len(whole)) if whole[i : i + len(bare)] == bare), len(whole) - len(bare)
    )
    return tuple(whole[:start]), tuple(whole[start + len(bare) :])


@contextmanager
def quiet() -> Iterator[None]:
    """Without progress bars and advice of transformers inside of the block."""
    import transformers.utils

    logging = transformers.utils.logging
    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()


def _from_hub(name: str, revision: str, fetch: bool) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError

    patterns = list(FILES)
    try:
        return Path(
            snapshot_download(
                name, revision=revision, local_files_only=True, allow_patterns=patterns
            )
        )
    except OSError:
        if not fetch:
            raise ConfigError(f'checkpoint "{name}" is not on this machine') from None
    try:
        return Path(snapshot_download(name, revision=revision, allow_patterns=patterns))
    except HfHubHTTPError as error:
        raise ConfigError(
            f'checkpoint "{name}" ({revision}): the hub refuses it ({first_line(error)}); correct '
            "the id, or log in to the hub where the checkpoint asks for it"
        ) from None
    except OSError:
        raise ConfigError(
            f'checkpoint "{name}" is neither a folder nor in the cache of this machine, and the '
            "hub cannot be reached; fetch it on a machine with a network, copy the folder here, "
            "and name the folder"
        ) from None


@lru_cache(maxsize=256)
def _hash_of(file: Path, size: int, changed: int) -> str:
    """Hash of a file, once for each of its states in this process."""
    del size, changed
    return sha256_file(file, links=True)
