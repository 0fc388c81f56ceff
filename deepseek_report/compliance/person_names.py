"""Whether two names are one to the eye, and what in a name does not meet the eye.

A small part of the skeletons of Unicode TR 39: compatibility forms, capitals, characters without a
width, and the Cyrillic and Greek letters that look Latin. Names that look alike are one person
where two persons are asked for; they never give anybody a right that the other has.
"""

from __future__ import annotations

import unicodedata

#: {Latin letter: what looks like it}; capitals and small letters apart, since they look different.
_LIKE = {
    "a": "аАαΑɑ", "b": "вВьЬβΒ", "c": "сСϲϹ", "d": "ԁԀ", "e": "еЕεΕ", "f": "ғҒ", "g": "ɡ",
    "h": "НнһҺΗ", "i": "іІιΙı", "j": "јЈϳͿ", "k": "кКκΚ", "l": "ӏӀ", "m": "мМΜ", "n": "пПηΝ",
    "o": "оОοΟσ", "p": "рРρΡ", "q": "ԛԚ", "r": "гГ", "s": "ѕЅ", "t": "тТτΤ", "u": "иИμυ",
    "v": "ѵѴν", "w": "ԝԜшШωѡѠ", "x": "хХχΧ", "y": "уУүҮγΥ", "z": "Ζ",
    "-": "‐‑‒–—―−", "'": "’‘ʼ′`", " ": "\u2800",
}  # fmt: skip
_TO_LATIN = {ord(odd): plain for plain, those in _LIKE.items() for odd in those}
_LATIN_TWINS = frozenset("ɑɡ")
_SAME_STROKE = str.maketrans("i1|0", "lllo")
#: Default-ignorable characters that are no format characters (category Cf) to Python.
_IGNORED = frozenset(
    {0x34F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x3164, 0xFFA0}
    | {*range(0x180B, 0x1810), *range(0xFE00, 0xFE10), *range(0xE0000, 0xE1000)}
)


def _is_ignored(letter: str) -> bool:
    return unicodedata.category(letter) == "Cf" or ord(letter) in _IGNORED


def skeleton(name: str) -> str:
    """What of a name meets the eye: names with the same skeleton are those of one person."""
    seen = "".join(letter for letter in name if not _is_ignored(letter))
    plain = unicodedata.normalize("NFKC", seen).translate(_TO_LATIN).casefold()
    plain = unicodedata.normalize("NFKC", plain.replace("i\u0307", "i"))
    return " ".join(plain.translate(_SAME_STROKE).replace("rn", "m").split())


def shown_name(name: str) -> str:
    """A name with the code of each character without a width, and of what looks like a Latin one.

    A name without a Latin letter is shown as it is but for the former.
    """
    latin = any(_is_script(letter, "LATIN") for letter in name)

    def shown(letter: str) -> str:
        code = f"‹U+{ord(letter):04X}›"
        if _is_ignored(letter) or letter == "\u2800":
            return code
        odd = letter in _LATIN_TWINS or _is_script(letter, "CYRILLIC", "GREEK")
        return letter + code if latin and odd else letter

    return "".join(map(shown, name))


def _is_script(letter: str, *scripts: str) -> bool:
    return letter.isalpha() and unicodedata.name(letter, "").startswith(scripts)
