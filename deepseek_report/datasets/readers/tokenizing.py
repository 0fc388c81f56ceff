"""From texts to tokens: a vocabulary learnt from the training part, or that of a checkpoint."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Literal

from deepseek_report.artifacts.message import Message, message
from deepseek_report.artifacts.written_texts import GOES_ON, MASK, UNKNOWN, Span
from deepseek_report.datasets.assembly.column_declarations import error_text
from deepseek_report.errors import ConfigError

Form = Literal["handle", "hashtag", "link", "name", "number", "word", "mark"]
#: What `hide` may name, and what stands in the text instead.
HIDDEN: dict[str, str] = {
    "handles": "@someone",
    "hashtags": "#something",
    "links": "http://link",
    "numbers": "0",
}
#: Forms that a group of `_PIECE` finds under the same name; every other piece is a word.
_FOUND: tuple[Form, ...] = ("handle", "hashtag", "link", "number", "mark")

_LINK = r"https?://\S+|www\.\S+"
_CHINESE = r"[\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]"
#: A picture, with what joins or colours it: skin tones, variation selectors, joiners, flags.
_EMOJI = (
    r"(?:[\U0001f1e6-\U0001f1ff]{2}"
    r"|[\u2600-\u27bf\u2b00-\u2bff\U0001f300-\U0001faff][\ufe0e\ufe0f\U0001f3fb-\U0001f3ff]*"
    r"(?:\u200d[\u2600-\u27bf\U0001f300-\U0001faff][\ufe0e\ufe0f\U0001f3fb-\U0001f3ff]*)*)"
)
#: A word that follows another one, so that no sentence begins with it.
_INSIDE = re.compile(r"(?<=\w )[^\W\d_][\w'’]+")
#: A name is capital inside of sentences in this share of so many occurrences at least; where more
#: than this share of all such words are, the language or the style writes others so too.
_CAPITAL, _FEWEST_CAPITAL, _MOST_CAPITAL = 0.8, 10, 0.15
_FACE = r"[:;=8][\-o']?[)(\]\[dDpP/\\|](?!\w)|<3"
_PIECE = re.compile(
    rf"(?P<link>{_LINK})"
    rf"|(?P<handle>@\w+)"
    rf"|(?P<hashtag>#\w+)"
    rf"|(?P<emoji>{_EMOJI}|{_FACE})"
    rf"|(?P<number>\d+(?:[.,:]\d+)*(?![^\W\d_]))"
    rf"|(?P<chinese>{_CHINESE})"
    r"|(?P<word>(?:(?!" + _CHINESE + r")[\w])+(?:['’](?:(?!" + _CHINESE + r")\w)+)*)"
    r"|(?P<mark>[^\w\s])"
)


def pieces(text: str) -> list[str]:
    """The text in lower case, cut so that handles, hashtags, links and emoji stay whole.

    Chinese characters and punctuation marks stand alone; blanks are lost.
    """
    return [match.group() for match in _PIECE.finditer(text.lower())]


def placed_pieces(text: str) -> list[tuple[str, int, int]]:
    """The same with where each stands in the text: its first character, and the one behind it.

    >>> placed_pieces("So LATE!")
    [('so', 0, 2), ('late', 3, 7), ('!', 7, 8)]
    """
    lowered = text.lower()
    placed = [(match.group(), *match.span()) for match in _PIECE.finditer(lowered)]
    if len(lowered) == len(text):
        return placed
    # A few letters are written with two in lower case.
    origin = [at for at, letter in enumerate(text) for _ in letter.lower()]
    return [(piece, origin[start], origin[end - 1] + 1) for piece, start, end in placed]


def is_chinese(piece: str) -> bool:
    """Whether the piece is one Chinese or Japanese character, or begins with one."""
    return re.match(_CHINESE, piece) is not None


def form_of(piece: str) -> Form:
    """What kind of piece it is."""
    match = _PIECE.fullmatch(piece)
    group = match.lastgroup if match else None
    return next((form for form in _FOUND if form == group), "word")


def proper_names(texts: Iterable[str]) -> frozenset[str]:
    """Words, in lower case, that are capital inside of sentences; none where nouns are so too.

    >>> sorted(proper_names(["we saw Delta, and Delta was late as ever for us"] * 10))
    ['delta']
    """
    total: Counter[str] = Counter()
    capital: Counter[str] = Counter()
    for text in texts:
        inside = [word for word in _INSIDE.findall(text) if not word.isupper()]
        total.update(word.lower() for word in inside)
        capital.update(word.lower() for word in inside if word[0].isupper())
    if capital.total() > _MOST_CAPITAL * total.total():
        return frozenset()
    return frozenset(
        word for word, n in capital.items() if n >= _FEWEST_CAPITAL and n >= _CAPITAL * total[word]
    )


def hide(text: str, kinds: Sequence[str]) -> str:
    """The text with all handles, hashtags, links or numbers replaced by one sign each."""
    if not kinds:
        return text
    signs = {kind.removesuffix("s"): HIDDEN[kind] for kind in kinds}
    return _PIECE.sub(lambda match: signs.get(str(match.lastgroup), match.group()), text)


def core(text: str) -> str:
    """What is left without case, links, punctuation and blanks; equal for near duplicates.

    A text that would lose everything is kept as it is.
    """
    kept = [
        match.group()
        for match in _PIECE.finditer(text.lower())
        if match.lastgroup not in {"link", "mark"}
    ]
    return " ".join(kept) or text.strip()


#: A token, the place of its first character in its text, and the one behind its last.
Placed = tuple[str, int, int]
#: What a token is called, for each tokenizer that is trained here.
NOUNS = {"words": "word", "characters": "character", "pieces": "piece"}
#: A token that is rarer than this in the training part is unknown, so that a model learns what to
#: make of unknown ones.
FEWEST = 2
_LONGEST_RUN = 64
_TOKENIZER_FILES = ("tokenizer.json", "vocab.txt", "tokenizer.model", "spiece.model", "vocab.json")


@dataclass(frozen=True)
class CutText:
    """The tokens of a text.

    tokens : their positions in `Tokenizer.tokens`. spans : where each stands in the text; empty
    where nobody knows.
    """

    tokens: list[int]
    spans: list[Span]


@dataclass(frozen=True)
class Tokenizer:
    """Cuts texts into positions in `tokens`.

    cut : the tokens of each text. unknown, mask : positions of the token for what is not in the
    vocabulary, and of the one that stands for "taken away". noun : what a person calls a token.
    description : one sentence for the card.
    """

    tokens: tuple[str, ...]
    unknown: int
    mask: int
    noun: str
    description: Message
    cut: Callable[[Sequence[str]], list[CutText]]


def learn(kind: str, texts: Sequence[str], size: int) -> Tokenizer:
    """The tokenizer of this kind with at most `size` tokens, learnt from these texts alone.

    Raises ConfigError: `kind` names a checkpoint whose tokenizer cannot be loaded.
    """
    if kind == "words":
        return _listed(kind, placed_pieces, texts, size)
    if kind == "characters":
        return _listed(kind, _characters, texts, size)
    if kind == "pieces":
        return _listed(kind, _learn_pieces(texts, size), texts, size)
    return _of_checkpoint(kind)


def _characters(text: str) -> list[Placed]:
    return [
        (character, at, at + 1)
        for at, letter in enumerate(text)
        for character in letter.lower()
        if not character.isspace()
    ]


# --- learnt here ----------------------------------------------------------------------------------


def _listed(
    kind: str, cut: Callable[[str], list[Placed]], texts: Sequence[str], size: int
) -> Tokenizer:
    spelled = _often(_characters, texts) if kind == "pieces" else []
    seen = set(spelled)
    longer = [token for token in _often(cut, texts) if token not in seen]
    tokens = (UNKNOWN, MASK, *[*spelled, *longer][: size - 2])
    place = {token: i for i, token in enumerate(tokens)}
    description = message(f"preparation.tokens.{kind}", fewest=FEWEST, most=size)
    look_up = _LookUp(cut, place, bool(spelled))
    return Tokenizer(tokens, 0, 1, NOUNS[kind], description, look_up.of_texts)


def _often(cut: Callable[[str], list[Placed]], texts: Sequence[str]) -> list[str]:
    """Tokens that are frequent enough, the most frequent first, equal ones by the alphabet."""
    counts = Counter(token for text in texts for token, _, _ in cut(text))
    return sorted(
        (token for token in counts if counts[token] >= FEWEST), key=lambda t: (-counts[t], t)
    )


@dataclass(frozen=True)
class _LookUp:
    """Positions of tokens; a piece that is not known is spelled, character by character."""

    cut: Callable[[str], list[Placed]]
    place: Mapping[str, int]
    spells: bool

    def of_texts(self, texts: Sequence[str]) -> list[CutText]:
        """The tokens of each text, and where they stand."""
        return [self._of_text(text) for text in texts]

    def _of_text(self, text: str) -> CutText:
        tokens: list[int] = []
        spans: list[Span] = []
        for token, start, end in self.cut(text):
            positions = self._of(token)
            tokens += positions
            spans += [(start, end)] if len(positions) == 1 else _spread(len(positions), start, end)
        return CutText(tokens, spans)

    def _of(self, token: str) -> list[int]:
        if token in self.place or not self.spells:
            return [self.place.get(token, 0)]
        bare = token.removeprefix(GOES_ON)
        if bare in self.place:
            return [self.place[bare]]
        return [self.place.get(character, 0) for character in bare]


def _spread(n: int, start: int, end: int) -> list[Span]:
    """The spans of the characters that a piece is spelled by; all of it where they are no letters.

    >>> _spread(1, 4, 9), _spread(2, 4, 6)
    ([(4, 9)], [(4, 5), (5, 6)])
    """
    if n != end - start:
        return [(start, end)] * n
    return [(at, at + 1) for at in range(start, end)]


# --- pieces of words ------------------------------------------------------------------------------


def _learn_pieces(texts: Sequence[str], size: int) -> Callable[[str], list[Placed]]:
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
    trained.train_from_iterator(
        (" ".join(run for run, _, _ in _runs(text)) for text in texts), trainer
    )
    known: dict[str, list[Placed]] = {}

    def cut(text: str) -> list[Placed]:
        tokens: list[Placed] = []
        for run, start, end in _runs(text):
            if run not in known:
                encoded = trained.encode(run)
                known[run] = _marked(run, list(zip(encoded.tokens, encoded.offsets, strict=True)))
            whole = len(run) == end - start
            tokens.extend(
                (token, start + first, start + last) if whole else (token, start, end)
                for token, first, last in known[run]
            )
        return tokens

    return cut


def _marked(run: str, parts: list[tuple[str, Span]]) -> list[Placed]:
    """A run of Chinese characters has no blanks between words, so no part of it goes on a word."""
    if not parts:
        return [(run, 0, len(run))]
    goes_on = "" if is_chinese(run[0]) else GOES_ON
    return [
        (f"{goes_on if at else ''}{token}", first, last)
        for at, (token, (first, last)) in enumerate(parts)
    ]


def _runs(text: str) -> list[Placed]:
    """Pieces of a text, Chinese characters in a row as one; long runs are cut at 64 characters."""
    runs: list[Placed] = []
    before = False
    for piece, start, end in placed_pieces(text):
        chinese = is_chinese(piece)
        touches = chinese and before and len(runs[-1][0]) < _LONGEST_RUN
        if touches:  # over a blank too; then the parts of the run have no places of their own
            run, first, _ = runs[-1]
            runs[-1] = run + piece, first, end
        else:
            runs.append((piece, start, end))
        before = chinese
    return runs


# --- a checkpoint's own ---------------------------------------------------------------------------


def _of_checkpoint(name: str) -> Tokenizer:
    """The tokenizer of a folder or a hub id: its tokens in the order of its ids."""
    from deepseek_report.artifacts.storage import checkpoint

    tokenizer = checkpoint.load_tokenizer(checkpoint.locate(name))
    unknown = tokenizer.unk_token_id
    description = message("preparation.tokens_of_checkpoint", name=Path(name).name)

    def cut(texts: Sequence[str]) -> list[CutText]:
        if not texts:
            return []
        tells = bool(getattr(tokenizer, "is_fast", False))
        made = tokenizer(
            list(texts),
            add_special_tokens=False,
            truncation=False,
            return_offsets_mapping=tells,
            verbose=False,
        )
        offsets = made["offset_mapping"] if tells else [[]] * len(texts)
        return [
            CutText(list(ids), [_bare(text, start, end) for start, end in places])
            for text, ids, places in zip(texts, made["input_ids"], offsets, strict=True)
        ]

    return Tokenizer(
        tokens=checkpoint.tokens_of(tokenizer),
        unknown=-1 if unknown is None else int(unknown),
        mask=checkpoint.mask_of(tokenizer),
        noun="piece",
        description=description,
        cut=cut,
    )


def _bare(text: str, start: int, end: int) -> Span:
    """A span without the blanks at its start, which some tokenizers count to the token."""
    shown = text[start:end]
    return start + len(shown) - len(shown.lstrip()), end


def tokenizer_problem(kind: str) -> str | None:
    """Why this cannot be a tokenizer, as far as a glance can tell."""
    if kind in NOUNS:
        return None
    folder = Path(kind).expanduser()
    allowed = f"{', '.join(NOUNS)}, or the folder or hub id of a checkpoint"
    if folder.is_dir():
        if any((folder / name).exists() for name in _TOKENIZER_FILES):
            return _file_problem(kind)
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
    return _file_problem(kind)


def _file_problem(name: str) -> str | None:
    from deepseek_report.artifacts.storage.checkpoint import locate
    from deepseek_report.artifacts.storage.checkpoint_files import check_files

    try:
        check_files(locate(name))
    except ConfigError as error:
        return f"dataset.tokenizer: {error}"
    return None


def tokenizer_digest(kind: str) -> str:
    """Hash of the files of a checkpoint; else the name says it all."""
    from deepseek_report.artifacts.storage import checkpoint

    return kind if kind in NOUNS else checkpoint.digest(checkpoint.locate(kind))
