"""From texts and labels to a `Dataset`: copies, the split, the tokenizer of the training part."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from deepseek_report.artifacts.array_types import Floats, Ints
from deepseek_report.artifacts.message import Text, message
from deepseek_report.artifacts.protocols.datasets import DatasetPart
from deepseek_report.artifacts.schema import (
    LENGTH_BAND,
    Attribute,
    Feature,
    Layout,
    Schema,
    as_vocabulary,
)
from deepseek_report.artifacts.split import Dataset, Split
from deepseek_report.artifacts.storage.local_paths import LocalPath
from deepseek_report.artifacts.written_texts import WrittenTexts
from deepseek_report.datasets import splitting
from deepseek_report.datasets.assembly.assemble import EncodedTable, Origin, assemble
from deepseek_report.datasets.assembly.cell_encoding import EncodedTarget
from deepseek_report.datasets.assembly.column_declarations import band_labels, data_error
from deepseek_report.datasets.assembly.row_metadata import RowMetadata
from deepseek_report.datasets.data_card import Copies, TextFacts
from deepseek_report.datasets.readers.tokenizing import (
    CutText,
    Tokenizer,
    core,
    hide,
    is_chinese,
    learn,
    pieces,
    proper_names,
    tokenizer_digest,
    tokenizer_problem,
)
from deepseek_report.errors import NotApplicableError
from deepseek_report.statistics.copies import copied_texts, disagrees, is_repeat, row_identity
from deepseek_report.tasks import task_of

#: What stands where a sign cannot be read, in a file and in repaired texts.
UNREADABLE = "\ufffd"
#: UTF-8 that was read as Latin-1 or Windows-1252: "Ã©", "â€™", "ðŸ˜€".
_MISREAD = re.compile(r"[ÂÃ][\u0080-\u00bf]|â[\u0080\u20ac][\u0080-\u00bf™œ\u2018-\u201d]|ðŸ")


def is_damaged(text: str) -> bool:
    """Whether the text holds a sign that cannot be read, or the traces of a wrong encoding."""
    return UNREADABLE in text or _MISREAD.search(text) is not None


def repair(text: str, known: Mapping[str, str], damaged: re.Pattern[str]) -> str:
    """The text with known sequences put right, and one sign for each other damaged place.

    known : {damaged sequence: what stood there}; longer ones are looked for first.
    damaged : matches a damaged place that is not known.
    """
    plain = html.unescape(text)
    for sequence in sorted(known, key=len, reverse=True):
        plain = plain.replace(sequence, known[sequence])
    return damaged.sub(UNREADABLE, plain)


Hidden = Literal["handles", "hashtags", "links", "numbers"]
#: From this share of Chinese characters on, a text is measured in characters, not in words.
_MOSTLY = 0.5


@dataclass(frozen=True)
class TextRule(DatasetPart):
    """How texts become tokens: settings that every data set of texts has.

    tokenizer : "words", "characters", "pieces", or the folder or hub id of a checkpoint.
    max_length : places of a text; what is longer loses its end. vocabulary : most tokens.
    hide : what of a text is replaced by one sign each, so that a model cannot read it.
    """

    tokenizer: LocalPath = "words"
    max_length: Annotated[int, Field(ge=2, le=4096)] = 128
    vocabulary: Annotated[int, Field(ge=100, le=200_000)] = 8000
    hide: tuple[Hidden, ...] = ()

    def digest(self, sha256: str) -> str:
        """The hash of the texts, and what decides the tokens."""
        return f"{sha256} {tokenizer_digest(self.tokenizer)}"

    def tokenizer_problems(self) -> list[str]:
        problem = tokenizer_problem(self.tokenizer)
        return [problem] if problem else []


@dataclass(frozen=True)
class Corpus:
    """Texts with what is predicted of them, row by row of the source.

    groups : {attribute: (instance,) position of its level}, for each of `attributes`.
    repaired : texts in which damaged signs were put right. together : says of the rows that are
    used, and of the copies among them, what the split must respect. metadata : of all texts;
    `together` goes before it.
    """

    texts: Sequence[str]
    answer: EncodedTarget
    attributes: tuple[Attribute, ...] = ()
    groups: Mapping[str, Ints] | None = None
    notes: tuple[Text, ...] = ()
    repaired: int = 0
    together: Callable[[Split, Ints], splitting.GroupConstraint] | None = None
    metadata: RowMetadata = field(default_factory=RowMetadata)


def assemble_texts(
    corpus: Corpus, source: Origin, text_rule: TextRule, rule: splitting.SplitRule, seed: int
) -> Dataset:
    """Leave out empty texts and copies, split, learn the tokenizer, describe and check.

    Texts count as the same where they differ only in case, links, punctuation and blanks. With
    `duplicates: drop` the first of such texts is kept, and all of those are left out that come
    with different labels.

    Raises DataError: no text is left, or too few of a class for three parts.
    """
    texts = [hide(text, text_rule.hide) for text in corpus.texts]
    rows, copied, copies = _without_copies(texts, corpus, rule)
    attribute, bands = length_bands([texts[i] for i in rows.instance_ids])
    schema = Schema((), corpus.answer.target, (*corpus.attributes, attribute))
    rows = replace(rows, groups={**rows.groups, attribute.name: bands})
    schema, rows = corpus.metadata.with_periods(schema, rows)

    def learn_encoder(train: Split) -> _Encoder:
        seen = [texts[i] for i in train.instance_ids]
        tokenizer = learn(text_rule.tokenizer, seen, text_rule.vocabulary)
        encoder = _Encoder(tokenizer, texts, schema, copies, text_rule, corpus.repaired)
        encoder.make_places(train)
        return encoder

    notes = [*source.notes, *corpus.notes]
    if text_rule.hide:
        kinds = [message(f"preparation.hidden_kinds.{kind}") for kind in text_rule.hide]
        notes.append(message("preparation.hidden", kinds=kinds))
    if corpus.together:
        together = corpus.together(rows, copied)
    else:
        together = corpus.metadata.constraint(rule).take(rows.instance_ids)
    table = EncodedTable(schema, rows, tuple(notes), together, learn_encoder, copied, copies)
    return assemble(table, source, rule, seed)


# --- copies ---------------------------------------------------------------------------------------


def _without_copies(
    texts: Sequence[str], corpus: Corpus, rule: splitting.SplitRule
) -> tuple[Split, Ints, Copies]:
    """The rows that are used, whose one column says which texts are the same; which of them are
    copies, as `copied_texts` says; and the counts.
    """
    answer, cores = corpus.answer, [core(text) for text in texts]
    column = _identity(cores)[:, None].astype(np.float64)
    copied = copied_texts([pieces(text) for text in cores])
    labels = answer.labels if answer.all_labels is None else answer.all_labels
    answers = row_identity(np.asarray(labels, dtype=np.float64).reshape(len(texts), -1))
    empty = np.array([not pieces(text) for text in texts], dtype=bool)
    repeat = is_repeat(copied) & ~empty
    exact = is_repeat(_identity(list(texts))) & repeat
    near = repeat & ~exact
    conflict = disagrees(copied, answers) & ~empty
    drops = rule.duplicates == "drop"
    drops_conflicts = drops and task_of(answer.target).decides
    kept = ~empty
    if drops:
        kept &= ~is_repeat(row_identity(copied[:, None].astype(np.float64), answers))
    if drops_conflicts:
        kept &= ~conflict
    if not kept.any():
        raise data_error(
            "dataset", "no text is left", "texts with words", "choose another column of texts"
        )
    copies = Copies(
        n=len(texts),
        exact=int(exact.sum()),
        near=int(near.sum()),
        conflicting=int(conflict.sum()),
        empty=int(empty.sum()),
        conflicts_dropped=drops_conflicts,
    )
    ids, groups = np.arange(len(texts)), dict(corpus.groups or {})
    whole = Split(column, answer.labels, ids, groups, answer.all_labels)
    return whole.take(np.flatnonzero(kept)), copied[kept], copies


def _identity(texts: list[str]) -> Ints:
    places: dict[str, int] = {}
    return np.array([places.setdefault(text, len(places)) for text in texts], dtype=np.int64)


# --- groups ---------------------------------------------------------------------------------------


def length_bands(texts: Sequence[str]) -> tuple[Attribute, Ints]:
    """Three groups of about equal size by the number of words, or of Chinese characters.

    Returns
    -------
    the attribute, and (instance,) the position of its level.
    """
    cut = [pieces(text) for text in texts]
    lengths = np.array([len(tokens) for tokens in cut], dtype=np.float64)
    chinese = sum(is_chinese(piece) for text_pieces in cut for piece in text_pieces)
    edges = np.unique(np.round(np.quantile(lengths, [1 / 3, 2 / 3]) / 5) * 5)
    edges = edges[(edges > lengths.min()) & (edges <= lengths.max())]
    unit = "characters" if chinese > _MOSTLY * lengths.sum() else "words"
    levels = tuple(f"{band} {unit}" for band in band_labels(edges, True, None))
    attribute = Attribute(LENGTH_BAND, "Length of the text", levels, kind="other")
    return attribute, np.searchsorted(edges, lengths, side="right").astype(np.int64)


# --- tokens ---------------------------------------------------------------------------------------


def token_places(
    vocabulary: Sequence[str], noun: str, mask: int, width: int
) -> tuple[tuple[Feature, ...], Layout]:
    """The columns of texts of at most `width` tokens, and how they stand: each is a player.

    noun : what a person calls a token. mask : position of the token for what is taken away.
    """
    categories = as_vocabulary(vocabulary)
    features = tuple(
        Feature(
            name=f"{noun}_{i + 1}",
            label=f"{noun.capitalize()} {i + 1}",
            kind="token",
            categories=categories,
            mutable=False,
        )
        for i in range(width)
    )
    layout = Layout(
        modality="text",
        shape=(width,),
        players=tuple((i,) for i in range(width)),
        player_labels=tuple(f"{noun} {i + 1}" for i in range(width)),
        mask=mask,
    )
    return features, layout


@dataclass
class _Encoder:
    """Writes the tokens of each text in its places; a text that has ended leaves NaN.

    texts, repaired : of the whole source. cut : {row of the source: its tokens}, as far as needed.
    """

    tokenizer: Tokenizer
    texts: Sequence[str]
    schema: Schema
    copies: Copies
    rule: TextRule
    repaired: int
    cut: dict[int, CutText] = field(default_factory=dict)

    def make_places(self, train: Split) -> None:
        """Add a column for each place of the longest text of the training part, up to the limit."""
        longest = max(len(text.tokens) for text in self._cut_of(train))
        width = max(1, min(self.rule.max_length, longest))
        cut = self.tokenizer
        features, layout = token_places(cut.tokens, cut.noun, cut.mask, width)
        self.schema = replace(self.schema, features=features, layout=layout)

    def encode(self, rows: Split) -> Split:
        """The same rows with one column a place, and their texts, of which hidden signs stay so."""
        width = len(self.schema.features)
        cut = self._cut_of(rows)
        inputs = _in_places(cut, width, self.tokenizer.unknown)
        spans = np.full((len(rows), width, 2), -1, dtype=np.int32)
        for row, text in enumerate(cut):
            places = text.spans[:width]
            spans[row, : len(places)] = np.array(places).reshape(-1, 2)
        written = WrittenTexts.of([self.texts[i] for i in rows.instance_ids], spans)
        return replace(rows, inputs=inputs, texts=written)

    def _cut_of(self, rows: Split) -> list[CutText]:
        """The tokens of each row's text, which is cut once."""
        ids = rows.instance_ids.tolist()
        new = [i for i in ids if i not in self.cut]
        self.cut |= zip(new, self.tokenizer.cut([self.texts[i] for i in new]), strict=True)
        return [self.cut[i] for i in ids]

    def facts(self, whole: Split, parts: Mapping[str, Split]) -> TextFacts:
        """What the card and the checks say of the texts."""
        texts, unknown = [self.texts[i] for i in whole.instance_ids], self.tokenizer.unknown
        shares = {
            name: float((part.inputs[~np.isnan(part.inputs)] == unknown).mean())
            for name, part in parts.items()
        }
        return TextFacts(
            tokenizer=self.tokenizer.description,
            noun=self.tokenizer.noun,
            words=tuple(map(self._words, texts, whole.inputs)),
            lengths=np.array([len(text.tokens) for text in self._cut_of(whole)], dtype=np.int64),
            unknown=unknown,
            unknown_share=shares,
            copies=self.copies,
            hidden=self.rule.hide,
            names=proper_names(texts),
            damaged=sum(map(is_damaged, texts)),
            repaired=self.repaired,
        )

    def _words(self, text: str, row: Floats) -> frozenset[str]:
        """By words of the text; pieces of Chinese characters are the tokens themselves."""
        words = set(pieces(text))
        if self.rule.tokenizer in {"pieces", "characters"}:
            known = row[~np.isnan(row)].astype(np.int64)
            words |= {self.tokenizer.tokens[token] for token in known}
            words -= {self.tokenizer.tokens[0]}
        return frozenset(words)


def _in_places(texts: Sequence[CutText], width: int, unknown: int) -> Floats:
    """(text, place) the tokens; a text without any is one unknown token."""
    inputs = np.full((len(texts), width), np.nan)
    for row, text in enumerate(texts):
        tokens = text.tokens[:width] or [max(unknown, 0)]
        inputs[row, : len(tokens)] = tokens
    return inputs


@dataclass(frozen=True)
class TextReader:
    """Reads further texts as those of a data set were read.

    rule : how the texts of the data were cut; None where each of their words is a token.
    """

    data: Dataset
    rule: TextRule | None

    def __call__(self, texts: Sequence[str]) -> Floats:
        """(text, column) tokens; NotApplicableError where the vocabulary does not come again."""
        width, known = len(self.data.schema.features), self.data.schema.vocabulary
        if self.rule is None:
            return _in_places([_words_of(text, known) for text in texts], width, 0)
        written = self.data.train.texts
        seen = [written.text(row) for row in range(len(self.data.train))] if written else []
        tokenizer = learn(self.rule.tokenizer, seen, self.rule.vocabulary)
        if tuple(tokenizer.tokens) != known:
            raise NotApplicableError(message("refusals.no_texts_read"))
        hidden = [hide(text, self.rule.hide) for text in texts]
        return _in_places(tokenizer.cut(hidden), width, tokenizer.unknown)


def _words_of(text: str, known: Sequence[str]) -> CutText:
    """Words between blanks by their places in the vocabulary; NotApplicableError: one is none."""
    words = text.split()
    if missing := sorted(set(words) - set(known)):
        raise NotApplicableError(message("refusals.unknown_words", words=missing[:8]))
    return CutText([known.index(word) for word in words], [])
