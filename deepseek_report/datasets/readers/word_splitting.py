"""How texts are cut into what a reader sees as one: words, @handles, #hashtags, links, emoji."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Literal

Form = Literal["handle", "hashtag", "link", "name", "number", "word", "mark"]
#: What `hide` may name, and what stands in the text instead.
HIDDEN: dict[str, str] = {
    "handles": "@someone",
    "hashtags": "#something",
    "links": "http://link",
    "numbers": "0",
}
_FORM_OF: dict[str, Form] = {
    "handle": "handle",
    "hashtag": "hashtag",
    "link": "link",
    "number": "number",
    "mark": "mark",
}

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
    return _FORM_OF.get(str(match.lastgroup), "word") if match else "word"


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
