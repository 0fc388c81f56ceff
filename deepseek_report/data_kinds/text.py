"""Texts: tokens in a row, of which those of one word are a player."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import numpy as np

from deepseek_report.artifacts.array_types import Bools, Floats, Ints
from deepseek_report.artifacts.message import Text, message
from deepseek_report.artifacts.written_texts import is_unknown, joined, tokens_of
from deepseek_report.data_kinds.base import DataKind, Disturbance, Structure, Words
from deepseek_report.data_kinds.coalitions import SharedPlayers, Units, n_players, player_sums

#: Most frequent words among which those are looked for that tell most.
_FREQUENT = 500


class TextKind(DataKind):
    """Texts of at most so many tokens; a word that is taken away becomes the mask token."""

    name: ClassVar[str] = "text"
    structure: ClassVar[Structure] = "tokens"
    views: ClassVar[tuple[str, ...]] = ("words",)
    changes: ClassVar[tuple[str, ...]] = ("replace",)
    axes: ClassVar[tuple[str, ...]] = ("word",)
    quotes: ClassVar[bool] = True
    has_between: ClassVar[bool] = False
    reads_out: ClassVar[bool] = True
    as_words: ClassVar[bool] = True
    may_end: ClassVar[bool] = True
    player: ClassVar[str] = "word"
    becomes: ClassVar[str] = "masked"

    @property
    def noun(self) -> str:
        """A word, or what the tokenizer makes: a piece, a character."""
        first, _, number = next(iter(self.schema.player_labels), "").partition(" ")
        return first if number.isdigit() else self.player

    def present(self, rows: Floats) -> Bools:
        """(row, player) whether any place of the word lies before the end of the text."""
        return player_sums(self.known(rows).astype(np.float64), self.schema.owners) > 0

    def nameable(self, rows: Floats) -> Bools:
        """(row, player) whether the model knows any token of the word: else it reads no word."""
        unknown = [at for at, word in enumerate(self.schema.vocabulary) if is_unknown(word)]
        read = self.known(rows) & ~np.isin(rows, unknown)
        return player_sums(read.astype(np.float64), self.schema.owners) > 0

    def baseline(self, rows: Floats, train: Floats) -> Floats:
        """(instance, column) texts of the same length of which every token is the mask."""
        del train
        if self.mask is None:
            raise ValueError("expected the layout of a text to name its mask token")
        return np.where(np.isnan(rows), np.nan, float(self.mask))

    def units(self, values: Floats, rows: Floats, least: int) -> Units:
        """Tokens: each counts once for every place where it stands, whichever place that is.

        The one for words that the model does not know is none: it stands for all kinds of words.
        """
        texts, columns = np.nonzero(self.known(rows) & self.nameable(rows)[:, self.schema.owners])
        tokens = rows[texts, columns].astype(np.int64)
        strengths = values[texts, columns]
        order = np.argsort(tokens, kind="stable")
        distinct, starts = np.unique(tokens[order], return_index=True)
        parts = np.split(order, starts[1:]) if len(order) else []
        kept = [
            (int(token), part)
            for token, part in zip(distinct, parts, strict=True)
            if len(np.unique(texts[part])) >= least
        ]
        names = [self.schema.vocabulary[token] for token, _ in kept]
        return Units(
            names, names, [strengths[part] for _, part in kept], [texts[part] for _, part in kept]
        )

    def shared_players(
        self, rows: Floats, train: Floats, telling: Callable[[Floats], Ints]
    ) -> SharedPlayers:
        """The words that tell most of the labels, wherever they stand; the others are one player.

        They are looked for among the most frequent words of the training texts.
        """
        vocabulary = self.schema.vocabulary
        unknown = [at for at, word in enumerate(vocabulary) if is_unknown(word)]
        texts, columns = np.nonzero(self.known(train))
        tokens = train[texts, columns].astype(np.int64)
        stands = np.zeros((len(train), len(vocabulary)), dtype=bool)
        stands[texts, tokens] = True
        stands[:, unknown] = False
        frequent = np.argsort(-stands.sum(axis=0), kind="stable")[:_FREQUENT]
        chosen = frequent[telling(stands[:, frequent].astype(np.float64))]
        player = np.full(len(vocabulary), len(chosen))
        player[chosen] = np.arange(len(chosen))
        owners = player[np.where(self.known(rows), rows, 0).astype(np.int64)]
        names = [vocabulary[token] for token in chosen]
        return SharedPlayers([*names, ""], [*names, ""], owners, False)

    def about_units(self, least: int) -> Text:
        return message("kinds.text.units", least=least)

    def distances(self, rows: Floats, train: Floats) -> list[Floats]:
        """One minus the cosine of the weighted words of two texts, whatever their order."""
        weighted = Words.fit(train)
        alike = (weighted.transform(rows) @ weighted.transform(train).T).toarray()
        return list(np.clip(1 - alike, 0.0, 1.0))

    def disturbances(self) -> tuple[Disturbance, ...]:
        """Words masked, and words left out."""
        many = self.nouns[1]
        return (
            Disturbance("mask", f"{many} masked", "swaps", self.mask_words),
            Disturbance("drop", f"{many} left out", "missing", self.drop_words),
        )

    def mask_words(
        self, inputs: Floats, train: Floats, level: float, rng: np.random.Generator
    ) -> Floats:
        """Each word is, with this chance, replaced by the mask."""
        hit = rng.random((len(inputs), n_players(self.schema))) < level
        return np.where(hit[:, self.schema.owners], self.baseline(inputs, train), inputs)

    def drop_words(
        self, inputs: Floats, train: Floats, level: float, rng: np.random.Generator
    ) -> Floats:
        """Each word is, with this chance, left out, and what follows it moves up."""
        del train
        hit = rng.random((len(inputs), n_players(self.schema))) < level
        left = np.where(hit[:, self.schema.owners], np.nan, inputs)
        order = np.argsort(np.isnan(left), axis=1, kind="stable")
        return np.take_along_axis(left, order, axis=1)

    def nudged(
        self, inputs: Floats, train: Floats, radius: float, count: int, rng: np.random.Generator
    ) -> list[Floats]:
        """`count` copies of the texts, in each of which a word drawn at random is the mask."""
        del radius
        return [self._one_masked(inputs, train, rng) for _ in range(count)]

    def _one_masked(self, inputs: Floats, train: Floats, rng: np.random.Generator) -> Floats:
        present = self.present(inputs)
        drawn = np.where(present, rng.random(present.shape), -1.0).argmax(axis=1)
        hit = (self.schema.owners == drawn[:, None]) & self.known(inputs)
        return np.where(hit, self.baseline(inputs, train), inputs)

    def nudging(self, radius: float) -> Text:
        del radius
        return self.words("nudging")

    def display(self, row: Floats, player: int) -> str:
        columns = np.flatnonzero(self.schema.owners == player)
        tokens = tokens_of(row[columns], self.schema)
        return joined(tokens) if tokens else self.schema.features[columns[0]].display(np.nan)

    def display_typical(self, typical: Floats, player: int) -> str:
        """Nothing: no word is the usual one of a place."""
        del typical, player
        return ""

    def display_row(self, row: Floats) -> str:
        """What the text says, as far as the model reads it."""
        return joined(tokens_of(row, self.schema))

    def mention(self, label: str, display: str) -> tuple[str, str]:
        """The words themselves, and their place beside them."""
        return self.quoted(display), label

    def summary(self) -> Text:
        return message(
            "kinds.text.summary", tokens=self.shape[0], vocabulary=len(self.schema.vocabulary)
        )
