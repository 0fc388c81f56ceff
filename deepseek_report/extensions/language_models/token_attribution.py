"""What each token of an answer comes from: tokens of the prompt, and of the answer before it.

The model reads the prompt and the answer as they stand (teacher forcing), so that one pass gives
the logits of all answer tokens. A player is a token or a word. One that is taken away keeps its
place, and another embedding, the stand-in, stands for each of its tokens: that is the game that
all methods here play. Two questions are asked of each answer token: what its logit comes from
("logit"), and what the difference to the logit of a rival comes from, why this token and not that
one ("contrast").

References: Sundararajan, Taly & Yan 2017, arXiv:1703.01365 (integrated gradients); Yin & Neubig
2022, arXiv:2202.10419 (contrast); Lundberg & Lee 2017, arXiv:1705.07874 (Shapley values).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from deepseek_report.artifacts.array_types import Bools, Floats, Ints
from deepseek_report.artifacts.written_texts import gaps
from deepseek_report.statistics.games.coalition_design import (
    all_pairs,
    draw_design,
    estimated_values,
)

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel

#: The questions, in the order of the first axis of all arrays of values.
QUESTIONS = ("logit", "contrast")
#: Numbers that the hidden states of one layer may hold in one call of the model.
_MOST_NUMBERS = 2**21


@dataclass(frozen=True)
class Continuation:
    """A prompt and its answer, as one text.

    ids : (token,) prompt, then answer. start : place of the first token of the answer, at least 1.
    owners : (token,) the player of each token, ascending from 0; -1 for a token that is always
    there.
    """

    ids: Ints
    start: int
    owners: Ints

    @property
    def places(self) -> Ints:
        """(answer token,) their places."""
        return np.arange(self.start, len(self.ids))

    @property
    def players(self) -> int:
        """How many there are before the last token."""
        return int(self.owners[:-1].max(initial=-1)) + 1

    @property
    def players_before(self) -> Ints:
        """(answer token,) how many players stand before each; the others cannot reach it."""
        return np.array(
            [self.owners[:place].max(initial=-1) + 1 for place in self.places], np.int64
        )

    def by_player(self, values: Floats) -> Floats:
        """(…, token) values of the tokens before the last -> (…, player) their sums."""
        sums = np.zeros((*values.shape[:-1], self.players))
        for place, owner in enumerate(self.owners[:-1]):
            if owner >= 0:
                sums[..., owner] += values[..., place]
        return sums


def word_owners(tokens: Sequence[str], fixed: int = 0) -> Ints:
    """The word of each token, by the signs that tokenizers put before a new word.

    A Chinese or Japanese character is a word of its own.

    fixed : tokens at the start that belong to no player.

    >>> word_owners(["<s>", "Ġa", "Ġto", "ken", "Ġis"], fixed=1).tolist()
    [-1, 0, 1, 1, 2]
    """
    texts = list(tokens[fixed:])
    wide = [unicodedata.east_asian_width(text[:1] or " ") in "WF" for text in texts]
    begins = [
        place == 0 or apart or wide[place] or wide[place - 1]
        for place, apart in enumerate(gaps(texts))
    ]
    return np.concatenate([np.full(fixed, -1), np.cumsum(begins) - 1]).astype(np.int64)


def greedy_answer(net: PreTrainedModel, ids: Ints, most: int) -> Ints:
    """(answer token,) the likeliest token, again and again, up to so many or the text's end."""
    import torch

    end = getattr(net.config, "eos_token_id", None)
    ends = set() if end is None else set(np.atleast_1d(end).tolist())
    answer: list[int] = []
    with torch.no_grad():
        while len(answer) < most and not (answer and answer[-1] in ends):
            whole = torch.as_tensor(np.concatenate([ids, answer]).astype(np.int64))[None]
            logits = net(input_ids=whole.to(_device(net)), use_cache=False).logits[0, -1]
            answer.append(int(logits.argmax()))
    return np.array(answer, np.int64)


def _device(net: PreTrainedModel) -> Any:
    return next(net.parameters()).device


@contextmanager
def _frozen(net: PreTrainedModel) -> Iterator[None]:
    """The model in evaluation mode, without gradients of its parameters."""
    kept = [(weight, weight.requires_grad) for weight in net.parameters()]
    training = net.training
    net.eval().requires_grad_(False)
    try:
        yield
    finally:
        for weight, needed in kept:
            weight.requires_grad_(needed)
        net.train(training)


class ContinuationGame:
    """The logits of the answer where some of the players are taken away.

    stand_in : (width,) the embedding that takes the place of those of tokens that are taken away.
    rivals : (answer token,) which token each is set against; without, the likeliest other one.
    whole : (question, answer token) the outputs of the text as it is. probabilities : (answer
    token,) of the answer's tokens.
    """

    def __init__(
        self, net: PreTrainedModel, text: Continuation, stand_in: Floats, rivals: Ints | None = None
    ) -> None:
        import torch

        self.net, self.text = net, text
        embed = net.get_input_embeddings()
        with torch.no_grad():
            ids = torch.as_tensor(text.ids[:-1], device=_device(net))
            self._embedded = embed(ids).detach()
            self._stand_in = torch.as_tensor(stand_in).to(self._embedded)
            logits = self._logits(self._embedded[None])[0].double().cpu().numpy()
        self.targets = text.ids[text.start :]
        at = np.arange(len(self.targets))
        self.probabilities = np.exp(logits[at, self.targets] - _log_sums(logits))
        others = logits.copy()
        others[at, self.targets] = -np.inf
        self.rivals = others.argmax(axis=1) if rivals is None else rivals
        self.is_first = logits[at, self.targets] >= others.max(axis=1)
        own, rival = logits[at, self.targets], logits[at, self.rivals]
        self.whole = np.stack([own, own - rival])

    def _logits(self, embedded: Tensor) -> Tensor:
        """(row, token, width) -> (row, answer token, vocabulary)."""
        kept = len(self.text.ids) - self.text.start
        read = self.net(inputs_embeds=embedded, use_cache=False, logits_to_keep=kept)
        logits: Tensor = read.logits
        return logits[:, -kept:]

    def _answered(self, logits: Tensor) -> Tensor:
        """(row, answer token, vocabulary) -> (question, row, answer token)."""
        import torch

        at = torch.arange(len(self.targets), device=logits.device)
        own, rival = (
            logits[:, at, torch.as_tensor(ids, device=logits.device)]
            for ids in (self.targets, self.rivals)
        )
        return torch.stack([own, own - rival])

    @property
    def _rows(self) -> int:
        """How many rows are asked about in one call."""
        vocabulary = int(self.net.config.vocab_size) * len(self.targets)
        return int(max(_MOST_NUMBERS // max(self._embedded.numel() * 4, vocabulary), 1))

    def outputs(self, kept: Bools) -> Floats:
        """(coalition, player) -> (question, coalition, answer token) outputs."""
        import torch

        owners = self.text.owners[:-1]
        stays = np.where(owners >= 0, kept[:, owners], True)
        parts = []
        with torch.no_grad():
            for start in range(0, len(stays), self._rows):
                here = torch.as_tensor(stays[start : start + self._rows, :, None])
                mixed = torch.where(here.to(_device(self.net)), self._embedded, self._stand_in)
                parts.append(
                    self._answered(self._logits(mixed.contiguous())).double().cpu().numpy()
                )
        return np.concatenate(parts, axis=1)

    def gradients(self, steps: int) -> Floats:
        """(question, answer token, player) integrated gradients from the stand-in to the text.

        steps : points of Gauss and Legendre on the way; 0 takes the gradient at the text itself,
        times the difference to the stand-in.
        """
        import torch

        nodes, weights = np.polynomial.legendre.leggauss(steps) if steps else ([1.0], [2.0])
        shares = torch.as_tensor((np.asarray(nodes) + 1) / 2).to(self._embedded)[:, None, None]
        scale = torch.as_tensor(np.asarray(weights) / 2).to(self._embedded)[:, None, None]
        moves = torch.as_tensor(self.text.owners[:-1, None] >= 0, device=_device(self.net))
        way = (self._embedded - self._stand_in) * moves
        sums = np.zeros((len(QUESTIONS), len(self.targets), len(way)))
        with _frozen(self.net), torch.enable_grad():
            for start in range(0, len(shares), self._rows):
                part = slice(start, start + self._rows)
                points = (self._embedded + (shares[part] - 1) * way).requires_grad_()
                outputs = self._answered(self._logits(points)).sum(dim=1).flatten()
                for place, output in enumerate(outputs):
                    (slope,) = torch.autograd.grad(output, points, retain_graph=True)
                    values = (slope * scale[part]).sum(dim=0) * way
                    sums.reshape(-1, len(way))[place] += values.sum(dim=-1).double().cpu().numpy()
        return self.text.by_player(sums)

    def occlusion(self) -> Floats:
        """(question, answer token, player) what each output loses without one player."""
        lost = self.outputs(~np.eye(self.text.players, dtype=bool))
        return np.asarray((self.whole[:, None] - lost).swapaxes(1, 2))

    def shapley(self, pairs: int, seed: int) -> tuple[Floats, Floats]:
        """(question, answer token, player) Shapley values, and their standard errors.

        The same coalitions of all players serve every answer token; of its own players there are
        fewer, and of each the different ones count. Exact where the pairs are all there are.

        pairs : of a coalition and its complement, at most.
        """
        players = self.text.players
        most = min(pairs, all_pairs(players))
        design = draw_design(players, 1, most, np.random.default_rng([seed, players]))
        empty = np.zeros((1, players), dtype=bool)
        outputs = self.outputs(np.concatenate([design.kept, ~design.kept, empty]))
        sides = outputs[:, : len(design)], outputs[:, len(design) : -1]
        values = np.zeros((len(QUESTIONS), len(self.targets), players))
        errors = np.zeros_like(values)
        for answer, before in enumerate(self.text.players_before):
            own, at, turned = design.among_first(int(before))
            ends = outputs[:, -1, answer], self.whole[:, answer]
            kept, left = (side[:, at, answer] for side in sides)
            worths = np.where(turned, left, kept), np.where(turned, kept, left)
            if before:
                estimates = estimated_values(own, worths, ends)
                values[:, answer, :before], errors[:, answer, :before] = estimates
        return values, errors


def _log_sums(logits: Floats) -> Floats:
    most = logits.max(axis=1, keepdims=True)
    return np.asarray(np.log(np.exp(logits - most).sum(axis=1)) + most[:, 0])


def most_and_least(values: Floats, before: Ints, share: float) -> tuple[Bools, Bools]:
    """The players that speak most for an output, and equally many that speak least for it.

    values : (…, answer token, player). before : (answer token,) how many players stand before it.
    share : of these that are kept, at least one, and not all of several.

    Returns two masks of that shape.

    >>> most, least = most_and_least(np.array([[3.0, 0, 2, 9]]), np.array([3]), 1 / 3)
    >>> most.astype(int).tolist(), least.astype(int).tolist()
    ([[1, 0, 0, 0]], [[0, 1, 0, 0]])
    """
    present = np.arange(values.shape[-1]) < before[:, None]
    order = np.argsort(np.where(present, -values, np.inf), axis=-1, kind="stable")
    rank = np.argsort(order, axis=-1, kind="stable")
    count = np.clip(np.rint(share * before), 1, np.maximum(before - 1, 1))[:, None]
    return rank < count, (rank >= before[:, None] - count) & present


def losses(game: ContinuationGame, values: Floats, share: float) -> tuple[Floats, Floats]:
    """What the outputs lose where only some players are kept, as many in both cases.

    values : (method, question, answer token, player).

    Returns
    -------
    Two arrays of (method, question, answer token): the comprehensiveness, where those are kept that
    speak least for the output, and the sufficiency, where those are kept that speak most for it.

    Reference: DeYoung et al. 2020, arXiv:1911.03429; 2026, arXiv:2601.03089 (one retained count).
    """
    shape = values.shape[:-1]
    lost = []
    for kept in most_and_least(values, game.text.players_before, share):
        outputs = game.outputs(kept.reshape(-1, kept.shape[-1]))
        outputs = outputs.reshape(len(QUESTIONS), *shape, shape[-1])
        own = np.einsum("qmqaa->mqa", outputs)
        lost.append(game.whole - own)
    return lost[1], lost[0]
