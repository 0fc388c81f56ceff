"""Uses the tokenizer of a checkpoint in a process of its own, where what it does is bounded.

Its word is the file; its answer is how many tokens a short text has.
"""

from __future__ import annotations

import string

from deepseek_report.children import answer

#: Letters of several scripts, with what is written with several signs.
_TEXT = f"{string.printable} Ünï é ﬁ ½ ẞ ß и あ 中文 한 ع 👍🏽 {'a' * 30} {'7' * 20}"


def tried(path: str) -> bytes:
    """The number of tokens of a text, once it was cut and written again."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(path)
    cut = tokenizer.encode(_TEXT)
    tokenizer.decode(cut.ids)
    return str(len(cut.ids)).encode()


if __name__ == "__main__":
    answer(tried)
