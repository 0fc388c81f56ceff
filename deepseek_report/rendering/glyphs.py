"""Which characters of a document no font has, on this machine: they are replaced and named.

A PDF for archives may hold no character without a glyph, and a box tells a reader nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from functools import cache
from pathlib import Path

#: What stands for a character that no font has: U+FFFD, which DejaVu Sans has.
REPLACEMENT = "\ufffd"
#: Latin, Greek and Cyrillic, punctuation and arrows: every document has them, and DejaVu Sans has
#: them all, so that they need no look into the fonts.
_PLAIN = re.compile(
    r"[\n\t -~\u00a0-\u0233\u0250-\u02af\u0386-\u03ce\u0400-\u045f\u2010-\u2027\u2030-\u205e]+"
)
#: What takes no room and is drawn by no font: joiners, marks of direction, variation selectors.
_INVISIBLE = re.compile(
    r"[\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufe00-\ufe0f\ufeff\U000e0100-\U000e01ef]+"
)
_SHOWN, _WIDEST = 12, 40
_LABEL = re.compile(r">([^<>]+)</text>")


def without_glyph(texts: Iterable[str], fonts: Callable[[], Iterable[Path]]) -> frozenset[str]:
    """The characters of these texts that none of the fonts has.

    fonts : gives the files of the fonts; called only where a text holds rare characters.
    """
    rare = set(_INVISIBLE.sub("", _PLAIN.sub("", "".join(texts))))
    if not rare:
        return frozenset()
    for path in fonts():
        rare -= _characters(path)
        if not rare:
            break
    return frozenset(rare)


@cache
def _characters(path: Path) -> frozenset[str]:
    """The characters that a font file has; none if it cannot be read."""
    from fontTools.ttLib import TTFont, TTLibError

    try:
        with TTFont(path, lazy=True, fontNumber=0) as font:
            return frozenset(map(chr, font.getBestCmap() or ()))
    except (OSError, TTLibError, KeyError, ValueError, AssertionError):
        return frozenset()


def replaced(text: str, lacking: Set[str]) -> str:
    """The text with each of these characters replaced by U+FFFD."""
    return text.translate(dict.fromkeys(map(ord, lacking), REPLACEMENT))


def notices(source: str, pictures: Mapping[str, str], lacking: Set[str]) -> list[str]:
    """A sentence on the text and on each picture that lacks characters, with where they stand."""
    parts = {"the text": source.splitlines()}
    parts |= {path.lstrip("/"): _LABEL.findall(svg) for path, svg in pictures.items()}
    held = {
        place: [text for text in texts if lacking & set(text)] for place, texts in parts.items()
    }
    return [_notice(place, texts, lacking) for place, texts in held.items() if texts]


def _notice(place: str, held: Sequence[str], lacking: Set[str]) -> str:
    letters = sorted(lacking & set("".join(held)))
    named = ", ".join(f"{letter} (U+{ord(letter):04X})" for letter in letters[:_SHOWN])
    more = f" and {len(letters) - _SHOWN} more" if len(letters) > _SHOWN else ""
    at = min(held[0].index(letter) for letter in letters if letter in held[0])
    part = held[0][max(0, at - _WIDEST // 2) : at + _WIDEST // 2].strip()
    return (
        f"{place} has characters that no font on this machine has, {named}{more}; {REPLACEMENT} "
        f"stands for them, first in “{part}”. Install a font that has them, such as Noto"
    )
