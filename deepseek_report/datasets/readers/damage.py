"""Signs of a text that were damaged when somebody read them by another encoding."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping

#: What stands where a sign cannot be read, in a file and in repaired texts.
UNREADABLE = "\ufffd"
#: UTF-8 that was read as Latin-1 or Windows-1252: "Ã©", "â€™", "ðŸ˜€".
_MISREAD = re.compile(r"[ÂÃ][\u0080-\u00bf]|â[\u0080\u20ac][\u0080-\u00bf™œ\u2018-\u201d]|ðŸ")


def is_damaged(text: str) -> bool:
    """Whether the text holds a sign that cannot be read, or the traces of a wrong encoding."""
    return UNREADABLE in text or _MISREAD.search(text) is not None


def repair(text: str, known: Mapping[str, str], damaged: re.Pattern[str]) -> str:
    """The text with known sequences put right, and one sign for each other damaged place.

    Parameters
    ----------
    known : {damaged sequence: what stood there}; longer ones are looked for first.
    damaged : matches a damaged place that is not known.
    """
    plain = html.unescape(text)
    for sequence in sorted(known, key=len, reverse=True):
        plain = plain.replace(sequence, known[sequence])
    return damaged.sub(UNREADABLE, plain)
