"""From texts to tokens: a vocabulary learnt from the training part, or that of a checkpoint."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from deepseek_report.artifacts.message import Message, message
from deepseek_report.datasets.assembly.column_declarations import error_text
from deepseek_report.datasets.readers.word_splitting import is_chinese, pieces

UNKNOWN, MASK = "[unknown]", "[mask]"
#: What a token is called, for each tokenizer that is trained here.
NOUNS = {"words": "word", "characters": "character", "pieces": "piece"}
#: A token that is rarer than this in the training part is unknown, so that a model learns what to
#: make of unknown ones.
FEWEST = 2
_LONGEST_RUN = 64
_GOES_ON = "##"
_TOKENIZER_FILES = ("tokenizer.json", "vocab.txt", "tokenizer.model", "spiece.model", "vocab.json")


@dataclass(frozen=True)
class Tokenizer:
    """Cuts texts into positions in `tokens`.

    unknown, mask : positions of the token for what is not in the vocabulary, and of the one that
    stands for "taken away". noun : what a person calls a token. description : one sentence for the
    card.
    """

    tokens: tuple[str, ...]
    unknown: int
    mask: int
    noun: str
    description: Message
    cut: Callable[[Sequence[str]], list[list[int]]]


def learn(kind: str, texts: Sequence[str], size: int) -> Tokenizer:
    """The tokenizer of this kind with at most `size` tokens, learnt from these texts alone.

    Raises
    ------
    ConfigError : `kind` names a checkpoint whose tokenizer cannot be loaded.
    """
    if kind == "words":
        return _listed(kind, pieces, texts, size)
    if kind == "characters":
        return _listed(kind, _characters, texts, size)
    if kind == "pieces":
        return _listed(kind, _learn_pieces(texts, size), texts, size)
    return _of_checkpoint(kind)


def _characters(text: str) -> list[str]:
    return [character for character in text.lower() if not character.isspace()]


# --- learnt here ----------------------------------------------------------------------------------


def _listed(
    kind: str, cut: Callable[[str], list[str]], texts: Sequence[str], size: int
) -> Tokenizer:
    spelled = _often(_characters, texts) if kind == "pieces" else []
    seen = set(spelled)
    longer = [token for token in _often(cut, texts) if token not in seen]
    tokens = (UNKNOWN, MASK, *[*spelled, *longer][: size - 2])
    place = {token: i for i, token in enumerate(tokens)}
    description = message(f"preparation.tokens.{kind}", fewest=FEWEST, most=size)
    return Tokenizer(tokens, 0, 1, NOUNS[kind], description, _look_up(cut, place, bool(spelled)))


def _often(cut: Callable[[str], list[str]], texts: Sequence[str]) -> list[str]:
    """Tokens that are frequent enough, the most frequent first, equal ones by the alphabet."""
    counts = Counter(token for text in texts for token in cut(text))
    return sorted(
        (token for token in counts if counts[token] >= FEWEST), key=lambda t: (-counts[t], t)
    )


def _look_up(
    cut: Callable[[str], list[str]], place: dict[str, int], spells: bool
) -> Callable[[Sequence[str]], list[list[int]]]:
    """Positions of tokens; a piece that is not known is spelled, character by character."""

    def positions(token: str) -> list[int]:
        if token in place or not spells:
            return [place.get(token, 0)]
        bare = token.removeprefix(_GOES_ON)
        return [place[bare]] if bare in place else [place.get(character, 0) for character in bare]

    return lambda texts: [[i for token in cut(text) for i in positions(token)] for text in texts]


# --- pieces of words ------------------------------------------------------------------------------


def _learn_pieces(texts: Sequence[str], size: int) -> Callable[[str], list[str]]:
    """Cuts words into frequent parts by byte-pair encoding; handles and links are cut too.

    Chinese characters in a row count as one word, so that what often stands together becomes one
    piece of at most four characters. A piece that goes on a word is written `##ing`. (The trainers
    of WordPiece and unigram models give another vocabulary each time, and so are not used.)

    Reference: Sennrich, Haddow and Birch 2016, doi:10.18653/v1/P16-1162.
    """
    from tokenizers import Tokenizer as Trained
    from tokenizers.models import BPE
    from tokenizers.pre_tokenizers import WhitespaceSplit
    from tokenizers.trainers import BpeTrainer

    trained = Trained(BPE(unk_token=UNKNOWN))
    trained.pre_tokenizer = WhitespaceSplit()
    trainer = BpeTrainer(
        vocab_size=size, min_frequency=FEWEST, show_progress=False, special_tokens=[UNKNOWN]
    )
    trained.train_from_iterator((" ".join(_runs(text)) for text in texts), trainer)
    known: dict[str, list[str]] = {}

    def cut(text: str) -> list[str]:
        tokens: list[str] = []
        for run in _runs(text):
            if run not in known:
                known[run] = _marked(run, trained.encode(run).tokens)
            tokens.extend(known[run])
        return tokens

    return cut


def _marked(run: str, parts: list[str]) -> list[str]:
    """A run of Chinese characters has no blanks between words, so no part of it goes on a word."""
    if is_chinese(run[0]) or not parts:
        return parts or [run]
    return [parts[0], *(f"{_GOES_ON}{part}" for part in parts[1:])]


def _runs(text: str) -> list[str]:
    """Pieces of a text, Chinese characters in a row as one; long runs are cut at 64 characters."""
    runs: list[str] = []
    before = False
    for piece in pieces(text):
        chinese = is_chinese(piece)
        if chinese and before and len(runs[-1]) < _LONGEST_RUN:
            runs[-1] += piece
        else:
            runs.append(piece)
        before = chinese
    return runs


# --- a checkpoint's own ---------------------------------------------------------------------------


def _of_checkpoint(name: str) -> Tokenizer:
    """The tokenizer of a folder or a hub id: its tokens in the order of its ids."""
    from deepseek_report.artifacts.storage import checkpoint

    tokenizer = checkpoint.load_tokenizer(checkpoint.locate(name))
    unknown = tokenizer.unk_token_id
    description = message("preparation.tokens_of_checkpoint", name=Path(name).name)

    def cut(texts: Sequence[str]) -> list[list[int]]:
        if not texts:
            return []
        made = tokenizer(list(texts), add_special_tokens=False, truncation=False, verbose=False)
        return [list(ids) for ids in made["input_ids"]]

    return Tokenizer(
        tokens=checkpoint.tokens_of(tokenizer),
        unknown=-1 if unknown is None else int(unknown),
        mask=checkpoint.mask_of(tokenizer),
        noun="piece",
        description=description,
        cut=cut,
    )


def tokenizer_problem(kind: str) -> str | None:
    """Why this cannot be a tokenizer, as far as a glance can tell."""
    if kind in NOUNS:
        return None
    folder = Path(kind).expanduser()
    allowed = f"{', '.join(NOUNS)}, or the folder or hub id of a checkpoint"
    if folder.is_dir():
        if any((folder / name).exists() for name in _TOKENIZER_FILES):
            return None
        return error_text(
            f"dataset.tokenizer={kind}",
            "no tokenizer is in this folder",
            allowed,
            "name the folder that holds tokenizer.json",
        )
    close = get_close_matches(kind.lower(), NOUNS, n=1, cutoff=0.7)
    if close:
        return error_text(
            "dataset", f"`dataset.tokenizer` is `{kind}`", allowed, f"did you mean `{close[0]}`?"
        )
    if kind.startswith((".", "/", "~")):
        return error_text("dataset", f"there is no folder `{kind}`", allowed, "correct the path")
    return None


def tokenizer_digest(kind: str) -> str:
    """Hash of the files of a checkpoint in a folder; else the name says it all."""
    from deepseek_report.artifacts.storage import checkpoint

    folder = Path(kind).expanduser()
    return checkpoint.digest(folder) if kind not in NOUNS and folder.is_dir() else kind
