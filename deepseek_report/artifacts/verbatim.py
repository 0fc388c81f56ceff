"""Texts that are the same in every language, so that no catalog has them."""

from __future__ import annotations


class Verbatim(str):
    """The name of a work, a product or a person."""

    __slots__ = ()


class Code(Verbatim):
    """What programs read and write: a key, a path, a version, a hash."""

    __slots__ = ()
